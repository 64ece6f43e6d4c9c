// Convolutions and matrix products of f32 by the BLAS.
//
// A convolution of one image is a product: the pixels under each window, laid out as a row of
// `columns` (positions, taps), times the weights (out, taps) transposed. Image by image, so that
// `columns` stays in the cache, and bias and ReLU are applied while the result is still there.
// Images are shared out; a weights' gradient is summed by a fixed number of pieces, then they are
// in order.

#include <cblas.h>
#include <pthread.h>
#include <string.h>

#include "ai/graph/shape.h"
#include "ai/run/program.h"

#define PIECES 4      // of a batch, however many threads there are
#define COLUMNS 65536 // floats that are laid out at once, where an image has fewer
#define SHORT_RUN 16  // floats

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

// Runs of floats, some apart where they come from and where they go. Short ones are copied across,
// all first floats, then all second ones: a call or a loop of its own for each takes longer.
static void copy_runs(float *restrict to, int64_t to_step, const float *restrict from,
                      int64_t from_step, int64_t run, int64_t count)
{
    if (run < SHORT_RUN) {
        for (int64_t k = 0; k < run; k++)
            for (int64_t i = 0; i < count; i++)
                to[i * to_step + k] = from[i * from_step + k];
        return;
    }
    for (int64_t i = 0; i < count; i++)
        memcpy(to + i * to_step, from + i * from_step, (size_t)run * sizeof(*to));
}

// One row of one window, pixel by pixel: any dilation, spread, group and padding. No row: zeros.
static void window_row(const geometry *g, const float *row, int64_t column, float *to)
{
    size_t bytes = (size_t)g->share * sizeof(*to);
    if (row == NULL) {
        memset(to, 0, (size_t)g->span[1].window * bytes);
        return;
    }
    for (int64_t j = 0; j < g->span[1].window; j++, to += g->share) {
        int64_t at = tt_span_place(&g->span[1], column, j);
        if (at < 0)
            memset(to, 0, bytes);
        else
            memcpy(to, row + at * g->in, bytes);
    }
}

// The windows whose pixels of a row lie side by side and all inside of it: from column `first` to
// `end`, none where they are equal.
static void inner_columns(const geometry *g, int64_t *first, int64_t *end)
{
    const tt_span *s = &g->span[1];
    int64_t most = s->size + s->before - s->window; // where the last of them may begin, padded
    *first = s->before > 0 ? (s->before + s->stride - 1) / s->stride : 0;
    *end = most < 0 ? 0 : most / s->stride + 1;
    *end = *end > g->out_size[1] ? g->out_size[1] : *end;
    if (s->dilation != 1 || s->spread != 1 || g->groups != 1 || *first > *end)
        *first = *end = 0;
}

// Lays out the pixels of a group under each position; zeros stand for padding.
static void to_columns(const geometry *g, const float *x, float *columns)
{
    int64_t first, end, run = g->span[1].window * g->share;
    inner_columns(g, &first, &end);
    for (int64_t row = 0; row < g->out_size[0]; row++, columns += g->out_size[1] * g->taps)
        for (int64_t i = 0; i < g->span[0].window; i++) {
            int64_t at = tt_span_place(&g->span[0], row, i);
            const float *from = at < 0 ? NULL : x + at * g->span[1].size * g->in;
            int64_t skip = from != NULL ? first : 0, last = from != NULL ? end : 0;
            float *to = columns + i * run;
            for (int64_t column = 0; column < skip; column++)
                window_row(g, from, column, to + column * g->taps);
            if (skip < last)
                copy_runs(to + skip * g->taps, g->taps,
                          from + (skip * g->span[1].stride - g->span[1].before) * g->in,
                          g->span[1].stride * g->in, run, last - skip);
            for (int64_t column = last; column < g->out_size[1]; column++)
                window_row(g, from, column, to + column * g->taps);
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
    int64_t together;      // images whose columns are laid out at once, for one product
    size_t bytes, columns; // of a piece's scratch; where in it the columns begin
} conv_work;

static size_t rounded(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

// `columns`: bytes before the columns.
static conv_work work_of(geometry g, size_t columns)
{
    int64_t image = g.positions * g.taps, piece = (g.batch + PIECES - 1) / PIECES;
    int64_t fit = image > 0 ? COLUMNS / image : 1;
    conv_work w = {.g = g, .columns = columns};
    w.together = fit < 1 || piece < 1 ? 1 : fit < piece ? fit : piece;
    w.bytes = columns + rounded((size_t)(w.together * image) * sizeof(float));
    return w;
}

static const float *image_at(const conv_work *w, int64_t n)
{
    const geometry *g = &w->g;
    return (const float *)w->step->in[0] + n * g->span[0].size * g->span[1].size * g->in;
}

// Images of a piece of the batch.
static void piece_of(const conv_work *w, size_t piece, int64_t *first, int64_t *end)
{
    *first = (int64_t)piece * w->g.batch / PIECES;
    *end = ((int64_t)piece + 1) * w->g.batch / PIECES;
}

static void conv_piece(void *context, size_t piece)
{
    const conv_work *w = context;
    const geometry *g = &w->g;
    float *columns = (float *)(void *)(w->running->scratch + piece * w->bytes);
    int64_t out = g->out / g->groups, n, end, image = g->positions * g->taps;
    for (piece_of(w, piece, &n, &end); n < end; n += w->together) {
        int64_t count = end - n < w->together ? end - n : w->together, rows = count * g->positions;
        float *y = (float *)w->step->out[0] + n * g->positions * g->out;
        for (int64_t group = 0; group < g->groups; group++) {
            for (int64_t i = 0; i < count; i++)
                to_columns(g, image_at(w, n + i) + group * g->share, columns + i * image);
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)out, (int)g->taps,
                        1, columns, (int)g->taps,
                        (const float *)w->step->in[1] + group * out * g->taps, (int)g->taps, 0,
                        y + group * out, (int)g->out);
        }
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
    float *sum = (float *)(void *)scratch, *columns = (float *)(void *)(scratch + w->columns);
    int64_t n, end, image = g->positions * g->taps;
    piece_of(w, piece, &n, &end);
    if (n == end)
        memset(sum, 0, w->columns);
    for (bool more = false; n < end; n += w->together, more = true) {
        int64_t count = end - n < w->together ? end - n : w->together;
        for (int64_t i = 0; i < count; i++)
            to_columns(g, image_at(w, n + i), columns + i * image);
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
