// Convolutions and matrix products of f32 by the BLAS.
//
// A convolution is a product: the pixels under each window, laid out as a row of `columns`
// (positions, taps), times the weights (out, taps) transposed. Few images at a time, so that
// `columns` stays in the cache, and bias and ReLU are applied while the result is still there. An
// image is copied to where it has its padding first, so that no window is a special one.
// Images are shared out; a weights' gradient is summed by a fixed number of pieces, then they are
// in order.

#include <cblas.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>

#include "ai/graph/shape.h"
#include "ai/run/program.h"

#define PIECES 4      // of a batch, however many threads there are
#define COLUMNS 65536 // floats that are laid out at once, where an image has fewer
#define SHORT_RUN 16  // floats
#define PADDED_MAX 16 // times an image and its columns

static struct {
    pthread_mutex_t lock;
    unsigned running; // programs
    int threads;      // what the BLAS had before the first of them
} blas = {.lock = PTHREAD_MUTEX_INITIALIZER};

void tt_products_begin(void)
{
    pthread_mutex_lock(&blas.lock);
    if (blas.running++ == 0) {
        blas.threads = openblas_get_num_threads();
        openblas_set_num_threads(1);
    }
    pthread_mutex_unlock(&blas.lock);
}

void tt_products_end(void)
{
    pthread_mutex_lock(&blas.lock);
    if (--blas.running == 0)
        openblas_set_num_threads(blas.threads);
    pthread_mutex_unlock(&blas.lock);
}

// Rows and columns; one axis alone has one row.
typedef struct geometry {
    tt_span span[2];
    int64_t batch, in, out, out_size[2], positions,
        taps;              // taps: window elements x channels a group
    int64_t groups, share; // share: channels a group
    int64_t reach[2];      // rows and columns that windows see, of the padded image
    bool bare;             // an image lies as its windows see it
} geometry;

static geometry geometry_of(const tt_type *x, const int64_t *window, const tt_graph *graph,
                            uint32_t node, int64_t out, int64_t groups)
{
    unsigned axes = x->rank - 2u;
    geometry g = {.batch = x->size[0],
                  .in = x->size[x->rank - 1],
                  .out = out,
                  .groups = groups,
                  .positions = 1,
                  .taps = 1};
    g.share = g.in / groups;
    for (unsigned i = 0; i < 2; i++) {
        unsigned axis = i + axes - 2u; // of a list; the first of two where there is one is none
        bool none = axes == 1 && i == 0;
        g.span[i] = (tt_span){.size = none ? 1 : x->size[1 + axis],
                              .window = none ? 1 : window[axis],
                              .stride = 1,
                              .dilation = 1,
                              .spread = 1};
        if (!none) {
            g.span[i].stride = tt_graph_attribute(graph, node, 0, NULL)[axis];
            g.span[i].dilation = tt_graph_attribute(graph, node, 1, NULL)[axis];
            g.span[i].spread = tt_graph_attribute(graph, node, 2, NULL)[axis];
            g.span[i].before = tt_graph_attribute(graph, node, 3, NULL)[axis];
            g.span[i].after = tt_graph_attribute(graph, node, 4, NULL)[axis];
        }
        g.out_size[i] = tt_span_windows(&g.span[i]);
        g.positions *= g.out_size[i];
        g.taps *= g.span[i].window;
    }
    g.taps *= g.share;
    return g;
}

static geometry conv_geometry(const tt_graph *graph, uint32_t node)
{
    const tt_value *inputs = tt_graph_inputs(graph, node);
    const tt_type *w = tt_graph_type(graph, inputs[1]);
    return geometry_of(tt_graph_type(graph, inputs[0]), w->size + 1, graph, node, w->size[0],
                       tt_graph_attribute(graph, node, 5, NULL)[0]);
}

// Of the forward convolution whose weights' gradient `conv` computes: there, what lies apart in the
// gradient's windows and between the images' elements has changed places.
static geometry forward_geometry(const tt_graph *graph, uint32_t conv)
{
    const tt_value *inputs = tt_graph_inputs(graph, conv);
    const tt_type *images = tt_graph_type(graph, inputs[0]);         // (in, sizes..., batch)
    const tt_type *dy = tt_graph_type(graph, inputs[1]);             // (out, sizes..., batch)
    const tt_type *made = tt_graph_type(graph, (tt_value){conv, 0}); // (in, window..., out)
    tt_type x = *images;
    x.size[0] = images->size[images->rank - 1];
    x.size[x.rank - 1] = images->size[0];
    geometry g = geometry_of(&x, made->size + 1, graph, conv, dy->size[0], 1);
    unsigned axes = x.rank - 2u;
    g.positions = 1;
    for (unsigned i = 0; i < 2; i++) {
        int64_t stride = g.span[i].stride;
        g.span[i].stride = g.span[i].dilation;
        g.span[i].dilation = stride;
        g.out_size[i] = axes == 1 && i == 0 ? 1 : dy->size[1 + i + axes - 2u];
        g.positions *= g.out_size[i];
    }
    return g;
}

// Notes what windows see. False where the BLAS does not count so far, or where it is out of all
// proportion: windows may stand far apart in much more padding.
static bool see(geometry *g)
{
    uint64_t laid_out = tt_cost_multiply((uint64_t)g->positions, (uint64_t)g->taps);
    if (g->positions > INT_MAX || g->taps > INT_MAX || g->out > INT_MAX || laid_out > TT_SIZE_MAX)
        return false;
    for (unsigned i = 0; i < 2; i++) {
        const tt_span *s = &g->span[i];
        g->reach[i] = (g->out_size[i] - 1) * s->stride + (s->window - 1) * s->dilation + 1;
    }
    const tt_span *rows = &g->span[0], *columns = &g->span[1];
    g->bare = rows->before == 0 && columns->before == 0 && rows->spread == 1 &&
              columns->spread == 1 && g->groups == 1 && g->reach[0] <= rows->size &&
              g->reach[1] <= columns->size;
    uint64_t image = (uint64_t)(rows->size * columns->size * g->in);
    return tt_cost_multiply(tt_cost_multiply((uint64_t)g->reach[0], (uint64_t)g->reach[1]),
                            (uint64_t)g->share) <= PADDED_MAX * (image + laid_out);
}

// Runs of floats, some apart where they come from and where they go. Short ones are copied across,
// all first floats, then all second ones: a call or a loop of its own for each takes longer.
static void copy_runs(float *restrict to, int64_t to_step, const float *restrict from,
                      int64_t from_step, int64_t run, int64_t count)
{
    if (run == to_step && run == from_step) {
        memcpy(to, from, (size_t)(run * count) * sizeof(*to));
        return;
    }
    if (run < SHORT_RUN) {
        for (int64_t k = 0; k < run; k++)
            for (int64_t i = 0; i < count; i++)
                to[i * to_step + k] = from[i * from_step + k];
        return;
    }
    for (int64_t i = 0; i < count; i++)
        memcpy(to + i * to_step, from + i * from_step, (size_t)run * sizeof(*to));
}

// Copies a group's channels of the pixels that windows see to where they do: `padded` is (reach,
// reach, share), and 0 between.
static void pad_image(const geometry *g, const float *x, float *padded)
{
    const tt_span *s = &g->span[1];
    int64_t first = s->before < 0 ? (-s->before + s->spread - 1) / s->spread : 0;
    int64_t room = g->reach[1] - s->before; // columns from the first on
    int64_t end = room > 0 ? (room + s->spread - 1) / s->spread : 0;
    end = end < s->size ? end : s->size;
    for (int64_t row = 0; row < g->span[0].size && first < end; row++) {
        int64_t at = g->span[0].before + row * g->span[0].spread;
        if (at >= 0 && at < g->reach[0])
            copy_runs(padded + (at * g->reach[1] + s->before + first * s->spread) * g->share,
                      s->spread * g->share, x + (row * s->size + first) * g->in, g->in, g->share,
                      end - first);
    }
}

// Lays out the pixels under each position; a row of the image is `width` floats.
static void to_columns(const geometry *g, const float *image, int64_t width, float *columns)
{
    const tt_span *s = &g->span[1];
    bool dense = s->dilation == 1; // then a window's pixels lie side by side
    int64_t run = dense ? s->window * g->share : g->share, runs = dense ? 1 : s->window;
    for (int64_t row = 0; row < g->out_size[0]; row++, columns += g->out_size[1] * g->taps)
        for (int64_t i = 0; i < g->span[0].window; i++) {
            int64_t at = row * g->span[0].stride + i * g->span[0].dilation;
            for (int64_t j = 0; j < runs; j++)
                copy_runs(columns + (i * runs + j) * run, g->taps,
                          image + at * width + j * s->dilation * g->share, s->stride * g->share,
                          run, g->out_size[1]);
        }
}

// Adds the bias and cuts off what is below 0; no number stays one.
static void finish(const tt_step *step, float *restrict y, int64_t rows, int64_t columns)
{
    const float *restrict bias = step->in[step->input_count - 1];
    bool relu = step->relu;
    if (!step->bias)
        return;
    for (int64_t row = 0; row < rows; row++, y += columns)
        for (int64_t column = 0; column < columns; column++) {
            float sum = y[column] + bias[column];
            y[column] = relu && sum <= 0 ? 0 : sum;
        }
}

typedef struct conv_work {
    const tt_running *running;
    const tt_step *step;
    geometry g;
    int64_t together;              // images whose columns are laid out at once, for one product
    size_t padded, columns, bytes; // of a piece's scratch: where they begin, and where it ends
} conv_work;

static size_t rounded(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

// `before`: bytes before the padded image. No bytes where it is too large.
static conv_work work_of(geometry g, size_t before)
{
    int64_t image = g.positions * g.taps, piece = (g.batch + PIECES - 1) / PIECES;
    int64_t fit = image > 0 ? COLUMNS / image : 1;
    conv_work w = {.padded = before};
    if (!see(&g))
        return w;
    w.g = g;
    w.together = fit < 1 || piece < 1 ? 1 : fit < piece ? fit : piece;
    w.columns = before;
    if (!g.bare)
        w.columns += rounded((size_t)(g.reach[0] * g.reach[1] * g.share) * sizeof(float));
    w.bytes = w.columns + rounded((size_t)(w.together * image) * sizeof(float));
    return w;
}

// Images of a piece of the batch.
static void piece_of(const conv_work *w, size_t piece, int64_t *first, int64_t *end)
{
    *first = (int64_t)piece * w->g.batch / PIECES;
    *end = ((int64_t)piece + 1) * w->g.batch / PIECES;
}

// Lays out `count` images from `n` on.
static float *columns_of(const conv_work *w, char *scratch, int64_t n, int64_t count, int64_t group)
{
    const geometry *g = &w->g;
    int64_t width = g->bare ? g->span[1].size * g->in : g->reach[1] * g->share;
    float *padded = (float *)(void *)(scratch + w->padded);
    float *columns = (float *)(void *)(scratch + w->columns);
    for (int64_t i = 0; i < count; i++) {
        const float *x = (const float *)w->step->in[0] +
                         (n + i) * g->span[0].size * g->span[1].size * g->in + group * g->share;
        if (!g->bare)
            pad_image(g, x, padded);
        to_columns(g, g->bare ? x : padded, width, columns + i * g->positions * g->taps);
    }
    return columns;
}

static void conv_piece(void *context, size_t piece)
{
    const conv_work *w = context;
    const geometry *g = &w->g;
    char *scratch = w->running->scratch + piece * w->bytes;
    int64_t out = g->out / g->groups, n, end;
    memset(scratch + w->padded, 0, w->columns - w->padded);
    for (piece_of(w, piece, &n, &end); n < end; n += w->together) {
        int64_t count = end - n < w->together ? end - n : w->together, rows = count * g->positions;
        float *y = (float *)w->step->out[0] + n * g->positions * g->out;
        for (int64_t group = 0; group < g->groups; group++)
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)out, (int)g->taps,
                        1, columns_of(w, scratch, n, count, group), (int)g->taps,
                        (const float *)w->step->in[1] + group * out * g->taps, (int)g->taps, 0,
                        y + group * out, (int)g->out);
        finish(w->step, y, rows, g->out);
    }
}

size_t tt_conv_scratch(const tt_graph *graph, uint32_t node)
{
    return PIECES * work_of(conv_geometry(graph, node), 0).bytes;
}

tt_status tt_conv_kernel(const tt_running *running, const tt_step *step)
{
    conv_work w = work_of(conv_geometry(running->graph, step->product), 0);
    w.running = running;
    w.step = step;
    tt_pool_run(running->pool, PIECES, conv_piece, &w);
    return TT_OK;
}

// A piece's scratch: its sum, then its columns.
static conv_work weights_work(const tt_graph *graph, uint32_t conv)
{
    geometry g = forward_geometry(graph, conv);
    return work_of(g, rounded((size_t)(g.out * g.taps) * sizeof(float)));
}

static void weights_piece(void *context, size_t piece)
{
    const conv_work *w = context;
    const geometry *g = &w->g;
    char *scratch = w->running->scratch + piece * w->bytes;
    float *sum = (float *)(void *)scratch;
    int64_t n, end;
    piece_of(w, piece, &n, &end);
    memset(scratch, 0, w->columns); // the sum, where there are no images, and the padding
    for (bool more = false; n < end; n += w->together, more = true) {
        int64_t count = end - n < w->together ? end - n : w->together;
        const float *columns = columns_of(w, scratch, n, count, 0);
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)g->out, (int)g->taps,
                    (int)(count * g->positions), 1,
                    (const float *)w->step->in[1] + n * g->positions * g->out, (int)g->out, columns,
                    (int)g->taps, more, sum, (int)g->taps);
    }
}

size_t tt_weights_gradient_scratch(const tt_graph *graph, uint32_t conv)
{
    return PIECES * weights_work(graph, conv).bytes;
}

tt_status tt_weights_gradient_kernel(const tt_running *running, const tt_step *step)
{
    conv_work w = weights_work(running->graph, step->product);
    w.running = running;
    w.step = step;
    tt_pool_run(running->pool, PIECES, weights_piece, &w);
    float *dw = step->out[0];
    for (int64_t i = 0; i < w.g.out * w.g.taps; i++) {
        float sum = ((const float *)(const void *)running->scratch)[i];
        for (size_t piece = 1; piece < PIECES; piece++)
            sum += ((const float *)(const void *)(running->scratch + piece * w.bytes))[i];
        dw[i] = sum;
    }
    return TT_OK;
}

typedef struct matmul_work {
    const tt_step *step;
    int64_t m, n, k;
    bool wide; // columns are shared out, not rows
} matmul_work;

#define SIDE 32         // rows or columns of a product that are computed together
#define SMALL (1 << 18) // multiplications that are not shared out

// Rows or columns `first` to `end` of (m, k) times (k, n).
static void matmul_part(void *context, int64_t first, int64_t end)
{
    const matmul_work *w = context;
    const bool *turned = w->step->turned;
    int64_t row = w->wide ? 0 : first, column = w->wide ? first : 0;
    int64_t rows = w->wide ? w->m : end - first, columns = w->wide ? end - first : w->n;
    const float *a = (const float *)w->step->in[0] + row * (turned[0] ? 1 : w->k);
    const float *b = (const float *)w->step->in[1] + column * (turned[1] ? w->k : 1);
    cblas_sgemm(CblasRowMajor, turned[0] ? CblasTrans : CblasNoTrans,
                turned[1] ? CblasTrans : CblasNoTrans, (int)rows, (int)columns, (int)w->k, 1, a,
                (int)(turned[0] ? w->m : w->k), b, (int)(turned[1] ? w->k : w->n), 0,
                (float *)w->step->out[0] + row * w->n + column, (int)w->n);
    if (!w->wide)
        finish(w->step, (float *)w->step->out[0] + row * w->n, rows, w->n);
}

tt_status tt_matmul_kernel(const tt_running *running, const tt_step *step)
{
    const tt_type *y = tt_graph_type(running->graph, (tt_value){step->node, 0});
    const tt_type *a = tt_graph_type(running->graph, step->value[0]);
    matmul_work w = {.step = step, .m = y->size[0], .n = y->size[1]};
    w.k = a->size[step->turned[0] ? 0 : 1];
    w.wide = w.n > w.m && !step->bias;
    int64_t side = w.wide ? w.n : w.m;
    int64_t parts = w.m * w.n * w.k > SMALL ? PIECES : 1;
    int64_t each = (side + parts - 1) / parts;
    tt_split(running, side, each < SIDE ? SIDE : each, matmul_part, &w);
    return TT_OK;
}
