// The greatest of each window of rows and columns, and its gradient; f32, channels innermost, so
// that the compiler makes vectors of the loops.

#include <math.h>
#include <string.h>

#include "ai/graph/shape.h"
#include "ai/run/program.h"

typedef struct pool {
    const tt_step *step;
    tt_span span[2];
    int64_t in[2], out[2], channels;
} pool;

static pool pool_of(const tt_running *running, const tt_step *step, uint32_t node)
{
    const tt_graph *graph = running->graph;
    const tt_type *x = tt_graph_type(graph, tt_graph_inputs(graph, node)[0]);
    const tt_type *y = tt_graph_type(graph, (tt_value){node, 0});
    pool p = {.step = step, .channels = x->size[3]};
    for (unsigned i = 0; i < 2; i++) {
        p.in[i] = x->size[1 + i];
        p.out[i] = y->size[1 + i];
        p.span[i] = (tt_span){.size = p.in[i],
                              .window = tt_graph_attribute(graph, node, 0, NULL)[i],
                              .stride = tt_graph_attribute(graph, node, 1, NULL)[i],
                              .dilation = tt_graph_attribute(graph, node, 2, NULL)[i],
                              .spread = 1,
                              .before = tt_graph_attribute(graph, node, 4, NULL)[i]};
    }
    return p;
}

// The columns of windows whose element `j` lies inside of the image: from `first` to `end`. Returns
// the image's column that the first of them sees.
static int64_t columns_of(const pool *p, int64_t j, int64_t *first, int64_t *end)
{
    const tt_span *s = &p->span[1];
    int64_t at = j * s->dilation - s->before; // where window 0's lies
    int64_t last = s->size - 1 - at;          // how far windows may begin behind
    *first = at < 0 ? (-at + s->stride - 1) / s->stride : 0;
    *end = last < 0 ? 0 : last / s->stride + 1;
    *end = *end < p->out[1] ? *end : p->out[1];
    return at + *first * s->stride;
}

// The greatest so far of each channel and where it was, against one pixel more of each of `count`
// windows, whose pixels stand `apart` floats from one another. Place -1: there was none so far. The
// first wins, and no number over numbers: x is taken where it is greater or the first that is none.
static void take_pixels(const float *restrict pixel, int64_t apart, int32_t tap, int64_t count,
                        int64_t channels, float *restrict y, int32_t *restrict place)
{
    for (int64_t i = 0; i < count; i++, pixel += apart, y += channels, place += channels)
        for (int64_t c = 0; c < channels; c++) {
            float x = pixel[c], best = y[c];
            bool wins = ((!(x <= best)) & !isnan(best)) | (place[c] < 0);
            y[c] = wins ? x : best;
            place[c] = wins ? tap : place[c];
        }
}

static void begin_pixels(const float *restrict pixel, int64_t apart, int32_t tap, int64_t count,
                         int64_t channels, float *restrict y, int32_t *restrict place)
{
    for (int64_t i = 0; i < count; i++, pixel += apart, y += channels, place += channels)
        for (int64_t c = 0; c < channels; c++) {
            y[c] = pixel[c];
            place[c] = tap;
        }
}

static void begin_padding(int64_t count, float *restrict y, int32_t *restrict place)
{
    for (int64_t i = 0; i < count; i++) {
        y[i] = -INFINITY;
        place[i] = -1;
    }
}

// Over (batch, rows). The first pixel of each window is just copied where all windows of the row
// have it.
static void greatest_rows(void *context, int64_t first, int64_t end)
{
    const pool *p = context;
    int64_t c = p->channels, row_size = p->out[1] * c, apart = p->span[1].stride * c;
    for (int64_t at = first; at < end; at++) {
        int64_t n = at / p->out[0], row = at % p->out[0], from, to;
        const float *image = (const float *)p->step->in[0] + n * p->in[0] * p->in[1] * c;
        float *y = (float *)p->step->out[0] + at * row_size;
        int32_t *place = (int32_t *)p->step->out[1] + at * row_size;
        bool begun = false;
        for (int64_t i = 0; i < p->span[0].window; i++) {
            int64_t at_row = tt_span_place(&p->span[0], row, i);
            for (int64_t j = 0; at_row >= 0 && j < p->span[1].window; j++) {
                int64_t at_column = columns_of(p, j, &from, &to);
                const float *pixel = image + (at_row * p->in[1] + at_column) * c;
                int32_t tap = (int32_t)(i * p->span[1].window + j);
                if (!begun && from == 0 && to == p->out[1]) {
                    begin_pixels(pixel, apart, tap, to, c, y, place);
                } else {
                    if (!begun)
                        begin_padding(row_size, y, place);
                    take_pixels(pixel, apart, tap, to - from, c, y + from * c, place + from * c);
                }
                begun = true;
            }
        }
        if (!begun)
            begin_padding(row_size, y, place);
    }
}

tt_status tt_pool_greatest_kernel(const tt_running *running, const tt_step *step)
{
    pool p = pool_of(running, step, step->node);
    int64_t batch = tt_graph_type(running->graph, (tt_value){step->node, 0})->size[0];
    tt_split(running, batch * p.out[0], 64, greatest_rows, &p);
    return TT_OK;
}

// Whether each pixel lies in exactly one window.
static bool is_tiled(const pool *p)
{
    for (unsigned i = 0; i < 2; i++)
        if (p->span[i].window != p->span[i].stride || p->span[i].dilation != 1 ||
            p->span[i].before != 0 || p->out[i] * p->span[i].stride != p->in[i])
            return false;
    return true;
}

// One element of a row of windows.
typedef struct sending {
    const float *dy, *y; // y: what was the greatest, where ReLU's gradient is in the step
    const int32_t *place;
    int32_t tap;
    bool tiled, relu;
    int64_t count, channels, apart;
} sending;

// Sends gradients back to the pixels where element `tap` was the greatest.
static void add_chosen(const sending *s, float *restrict pixel)
{
    const float *restrict dy = s->dy, *restrict y = s->y;
    const int32_t *restrict place = s->place;
    const int32_t tap = s->tap;
    const bool tiled = s->tiled, relu = s->relu;
    for (int64_t i = 0; i < s->count; i++, pixel += s->apart) {
        int64_t first = i * s->channels;
        for (int64_t c = 0; c < s->channels; c++) {
            float gradient = dy[first + c]; // always read, so that no branch is needed
            gradient = relu && y[first + c] <= 0 ? 0 : gradient;
            pixel[c] = (tiled ? 0 : pixel[c]) + (place[first + c] == tap ? gradient : 0);
        }
    }
}

// Each gradient goes to the pixel that was the greatest; images do not meet.
static void gradient_images(void *context, int64_t first, int64_t end)
{
    const pool *p = context;
    int64_t c = p->channels, pixels = p->in[0] * p->in[1], row_size = p->out[1] * c, from, to;
    sending s = {.tiled = is_tiled(p), .relu = p->step->relu, .channels = c};
    s.apart = p->span[1].stride * c;
    for (int64_t at = first * p->out[0]; at < end * p->out[0]; at++) { // rows of windows
        int64_t n = at / p->out[0], row = at % p->out[0];
        float *image = (float *)p->step->out[0] + n * pixels * c;
        if (row == 0 && !s.tiled)
            memset(image, 0, (size_t)(pixels * c) * sizeof(*image));
        for (int64_t i = 0; i < p->span[0].window; i++) {
            int64_t at_row = tt_span_place(&p->span[0], row, i);
            for (int64_t j = 0; at_row >= 0 && j < p->span[1].window; j++) {
                int64_t at_column = columns_of(p, j, &from, &to), begin = at * row_size + from * c;
                s.count = to - from;
                s.tap = (int32_t)(i * p->span[1].window + j);
                s.place = (const int32_t *)p->step->in[0] + begin;
                s.dy = (const float *)p->step->in[1] + begin;
                s.y = s.relu ? (const float *)p->step->in[2] + begin : s.dy;
                add_chosen(&s, image + (at_row * p->in[1] + at_column) * c);
            }
        }
    }
}

tt_status tt_pool_gradient_kernel(const tt_running *running, const tt_step *step)
{
    pool p = pool_of(running, step, step->product);
    const tt_type *x = tt_graph_type(running->graph, (tt_value){step->node, 0});
    if (p.out[0] * p.out[1] == 0) // no window sends anything
        memset(step->out[0], 0, (size_t)tt_type_count(x) * sizeof(float));
    tt_split(running, x->size[0], 16, gradient_images, &p);
    return TT_OK;
}
