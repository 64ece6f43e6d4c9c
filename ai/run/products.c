// Convolutions and matrix products of f32 by the BLAS.
//
// A convolution of one image is a product: the pixels under each window, laid out as a row of
// `columns` (positions, taps), times the weights (out, taps) transposed. Image by image, so that
// `columns` stays in the cache, and bias and ReLU are applied while the result is still there.
// Images are shared out; a weights' gradient is summed by a fixed number of pieces, then they are
// in order.

#include <cblas.h>
#include <string.h>

#include "ai/graph/shape.h"
#include "ai/run/program.h"

#define PIECES 4 // of a batch, however many threads there are

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

// Loops and not memcpy: a run may be three floats, for which a call takes longer than the copy.
static float *copied(float *to, const float *from, int64_t count)
{
    for (int64_t k = 0; k < count; k++)
        to[k] = from[k];
    return to + count;
}

static float *zeros(float *to, int64_t count)
{
    for (int64_t k = 0; k < count; k++)
        to[k] = 0;
    return to + count;
}

// One row of one window, pixel by pixel: any dilation, spread and group.
static float *window_row(const geometry *g, const float *row, int64_t column, float *columns)
{
    for (int64_t j = 0; j < g->span[1].window; j++) {
        int64_t at = row == NULL ? -1 : tt_span_place(&g->span[1], column, j);
        columns = at < 0 ? zeros(columns, g->share) : copied(columns, row + at * g->in, g->share);
    }
    return columns;
}

// The same where pixels of a row lie side by side.
static float *plain_row(const geometry *g, const float *row, int64_t column, float *columns)
{
    int64_t first = column * g->span[1].stride - g->span[1].before, window = g->span[1].window;
    int64_t skip = first < 0 ? (-first < window ? -first : window) : 0;
    int64_t end = g->span[1].size - first; // the first of the window right of the image
    int64_t seen = (end < window ? (end < skip ? skip : end) : window) - skip;
    if (row == NULL)
        return zeros(columns, window * g->in);
    if (seen == window)
        return copied(columns, row + first * g->in, window * g->in);
    columns = zeros(columns, skip * g->in);
    columns = copied(columns, row + (first + skip) * g->in, seen * g->in);
    return zeros(columns, (window - skip - seen) * g->in);
}

// Lays out the pixels of a group under each position; zeros stand for padding.
static void to_columns(const geometry *g, const float *x, float *columns)
{
    bool plain = g->span[1].dilation == 1 && g->span[1].spread == 1 && g->groups == 1;
    for (int64_t row = 0; row < g->out_size[0]; row++)
        for (int64_t column = 0; column < g->out_size[1]; column++)
            for (int64_t i = 0; i < g->span[0].window; i++) {
                int64_t at = tt_span_place(&g->span[0], row, i);
                const float *from = at < 0 ? NULL : x + at * g->span[1].size * g->in;
                columns = plain ? plain_row(g, from, column, columns)
                                : window_row(g, from, column, columns);
            }
}

// Adds the bias and cuts off what is below 0; no number stays one.
static void finish(const tt_step *step, float *y, int64_t rows, int64_t columns)
{
    const float *bias = step->in[step->input_count - 1];
    if (!step->bias)
        return;
    for (int64_t row = 0; row < rows; row++, y += columns)
        for (int64_t column = 0; column < columns; column++) {
            float sum = y[column] + bias[column];
            y[column] = step->relu && sum <= 0 ? 0 : sum;
        }
}

typedef struct conv_work {
    const tt_running *running;
    const tt_step *step;
    geometry g;
    size_t bytes; // of scratch a piece
} conv_work;

static void conv_images(const conv_work *w, int64_t first, int64_t end, float *columns)
{
    const geometry *g = &w->g;
    int64_t out = g->out / g->groups;
    for (int64_t n = first; n < end; n++) {
        const float *x =
            (const float *)w->step->in[0] + n * g->span[0].size * g->span[1].size * g->in;
        float *y = (float *)w->step->out[0] + n * g->positions * g->out;
        for (int64_t group = 0; group < g->groups; group++) {
            to_columns(g, x + group * g->share, columns);
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)g->positions, (int)out,
                        (int)g->taps, 1, columns, (int)g->taps,
                        (const float *)w->step->in[1] + group * out * g->taps, (int)g->taps, 0,
                        y + group * out, (int)g->out);
        }
        finish(w->step, y, g->positions, g->out);
    }
}

// Images of a piece of the batch.
static void conv_piece(void *context, size_t piece)
{
    const conv_work *w = context;
    int64_t first = (int64_t)piece * w->g.batch / PIECES;
    int64_t end = ((int64_t)piece + 1) * w->g.batch / PIECES;
    conv_images(w, first, end, (float *)(void *)(w->running->scratch + piece * w->bytes));
}

static size_t rounded(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

size_t tt_conv_scratch(const tt_graph *graph, uint32_t node)
{
    geometry g = conv_geometry(graph, node);
    return PIECES * rounded((size_t)(g.positions * g.taps) * sizeof(float));
}

tt_status tt_conv_kernel(const tt_running *running, const tt_step *step)
{
    conv_work w = {
        .running = running, .step = step, .g = conv_geometry(running->graph, step->product)};
    w.bytes = rounded((size_t)(w.g.positions * w.g.taps) * sizeof(float));
    tt_pool_run(running->pool, PIECES, conv_piece, &w);
    return TT_OK;
}

// Scratch of a piece: its columns, then its sum.
static size_t sum_bytes(const geometry *g)
{
    return rounded((size_t)(g->out * g->taps) * sizeof(float));
}

static void weights_piece(void *context, size_t piece)
{
    const conv_work *w = context;
    const geometry *g = &w->g;
    char *scratch = w->running->scratch + piece * w->bytes;
    float *sum = (float *)(void *)scratch, *columns = (float *)(void *)(scratch + sum_bytes(g));
    int64_t first = (int64_t)piece * g->batch / PIECES;
    int64_t end = ((int64_t)piece + 1) * g->batch / PIECES;
    if (first == end)
        memset(sum, 0, sum_bytes(g));
    for (int64_t n = first; n < end; n++) {
        const float *x =
            (const float *)w->step->in[0] + n * g->span[0].size * g->span[1].size * g->in;
        const float *dy = (const float *)w->step->in[1] + n * g->positions * g->out;
        to_columns(g, x, columns);
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)g->out, (int)g->taps,
                    (int)g->positions, 1, dy, (int)g->out, columns, (int)g->taps, n > first, sum,
                    (int)g->taps);
    }
}

size_t tt_weights_gradient_scratch(const tt_graph *graph, uint32_t conv)
{
    geometry g = forward_geometry(graph, conv);
    return PIECES * (sum_bytes(&g) + rounded((size_t)(g.positions * g.taps) * sizeof(float)));
}

tt_status tt_weights_gradient_kernel(const tt_running *running, const tt_step *step)
{
    conv_work w = {
        .running = running, .step = step, .g = forward_geometry(running->graph, step->product)};
    w.bytes = sum_bytes(&w.g) + rounded((size_t)(w.g.positions * w.g.taps) * sizeof(float));
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
    bool transposed[2];
} matmul_work;

#define ROWS 64 // of a product that are computed together

static void matmul_rows(void *context, int64_t first, int64_t end)
{
    const matmul_work *w = context;
    const float *a = w->step->in[0], *b = w->step->in[1];
    float *y = (float *)w->step->out[0] + first * w->n;
    cblas_sgemm(CblasRowMajor, w->transposed[0] ? CblasTrans : CblasNoTrans,
                w->transposed[1] ? CblasTrans : CblasNoTrans, (int)(end - first), (int)w->n,
                (int)w->k, 1, a + first * (w->transposed[0] ? 1 : w->k),
                (int)(w->transposed[0] ? w->m : w->k), b, (int)(w->transposed[1] ? w->k : w->n), 0,
                y, (int)w->n);
    finish(w->step, y, end - first, w->n);
}

tt_status tt_matmul_kernel(const tt_running *running, const tt_step *step)
{
    const tt_graph *graph = running->graph;
    const tt_value *inputs = tt_graph_inputs(graph, step->product);
    const tt_type *a = tt_graph_type(graph, inputs[0]), *b = tt_graph_type(graph, inputs[1]);
    matmul_work w = {.step = step, .m = a->size[0], .k = a->size[1], .n = b->size[1]};
    for (unsigned i = 0; i < 2; i++)
        w.transposed[i] = !tt_same(step->value[i], inputs[i]);
    tt_split(running, w.m, w.n * w.k > 1 << 14 ? ROWS : 4096, matmul_rows, &w);
    return TT_OK;
}
