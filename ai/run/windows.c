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

// The greatest so far of each channel and where it was, against one pixel more.
static void take_pixel(const float *restrict pixel, int32_t tap, int64_t channels,
                       float *restrict y, int32_t *restrict place)
{
    for (int64_t c = 0; c < channels; c++) {
        float x = pixel[c], best = y[c];
        // The first wins, and no number over numbers: x is taken where it is greater or the first
        // that is none.
        bool wins = x > best || (isnan(x) && !isnan(best));
        y[c] = wins ? x : best;
        place[c] = wins ? tap : place[c];
    }
}

static void begin_pixel(const float *pixel, int32_t tap, int64_t channels, float *y, int32_t *place)
{
    for (int64_t c = 0; c < channels; c++) {
        y[c] = pixel[c];
        place[c] = tap;
    }
}

static void greatest_rows(void *context, int64_t first, int64_t end) // over (batch, rows)
{
    const pool *p = context;
    int64_t c = p->channels;
    for (int64_t at = first; at < end; at++) {
        int64_t n = at / p->out[0], row = at % p->out[0];
        const float *image = (const float *)p->step->in[0] + n * p->in[0] * p->in[1] * c;
        for (int64_t column = 0; column < p->out[1]; column++) {
            float *y = (float *)p->step->out[0] + (at * p->out[1] + column) * c;
            int32_t *place = (int32_t *)p->step->out[1] + (at * p->out[1] + column) * c;
            bool begun = false;
            int32_t tap = -1;
            for (int64_t i = 0; i < p->span[0].window; i++)
                for (int64_t j = 0; j < p->span[1].window; j++) {
                    int64_t at_row = tt_span_place(&p->span[0], row, i);
                    int64_t at_column = tt_span_place(&p->span[1], column, j);
                    tap++;
                    if (at_row < 0 || at_column < 0)
                        continue;
                    const float *pixel = image + (at_row * p->in[1] + at_column) * c;
                    if (begun)
                        take_pixel(pixel, tap, c, y, place);
                    else
                        begin_pixel(pixel, tap, c, y, place);
                    begun = true;
                }
            for (int64_t channel = 0; !begun && channel < c; channel++) { // all is padding
                y[channel] = -INFINITY;
                place[channel] = -1;
            }
        }
    }
}

tt_status tt_pool_greatest_kernel(const tt_running *running, const tt_step *step)
{
    pool p = pool_of(running, step, step->node);
    int64_t batch = tt_graph_type(running->graph, (tt_value){step->node, 0})->size[0];
    tt_split(running, batch * p.out[0], 64, greatest_rows, &p);
    return TT_OK;
}

static void add_chosen(const float *restrict dy, const int32_t *restrict place, int32_t tap,
                       int64_t channels, float *restrict pixel)
{
    for (int64_t c = 0; c < channels; c++) {
        float gradient = dy[c]; // always read, so that no branch is needed
        pixel[c] += place[c] == tap ? gradient : 0;
    }
}

static void send_back(const pool *p, int64_t row, int64_t column, const int32_t *place,
                      const float *dy, float *image)
{
    int32_t tap = -1;
    for (int64_t i = 0; i < p->span[0].window; i++)
        for (int64_t j = 0; j < p->span[1].window; j++) {
            int64_t at_row = tt_span_place(&p->span[0], row, i);
            int64_t at_column = tt_span_place(&p->span[1], column, j);
            tap++;
            if (at_row >= 0 && at_column >= 0)
                add_chosen(dy, place, tap, p->channels,
                           image + (at_row * p->in[1] + at_column) * p->channels);
        }
}

// Each gradient goes to the pixel that was the greatest; images do not meet.
static void gradient_images(void *context, int64_t first, int64_t end)
{
    const pool *p = context;
    int64_t c = p->channels, pixels = p->in[0] * p->in[1], windows = p->out[0] * p->out[1];
    for (int64_t n = first; n < end; n++) {
        float *image = (float *)p->step->out[0] + n * pixels * c;
        const int32_t *place = (const int32_t *)p->step->in[0] + n * windows * c;
        const float *dy = (const float *)p->step->in[1] + n * windows * c;
        memset(image, 0, (size_t)(pixels * c) * sizeof(*image));
        for (int64_t row = 0; row < p->out[0]; row++)
            for (int64_t column = 0; column < p->out[1]; column++, place += c, dy += c)
                send_back(p, row, column, place, dy, image);
    }
}

tt_status tt_pool_gradient_kernel(const tt_running *running, const tt_step *step)
{
    pool p = pool_of(running, step, step->product);
    int64_t batch = tt_graph_type(running->graph, (tt_value){step->node, 0})->size[0];
    tt_split(running, batch, 16, gradient_images, &p);
    return TT_OK;
}
