// A random int8 network of one operation, with tables whose rounding meets exact ties half of the
// time.

#ifndef TUTTI_TESTS_RANDOM_OPERATION_H
#define TUTTI_TESTS_RANDOM_OPERATION_H

#include <math.h>

#include "tests/ai/lite/one_layer.h"
#include "tutti/random.h"

enum { CONVOLUTION, DEPTHWISE, DENSE, MAX_POOL, AVERAGE_POOL, OPERATIONS };
enum { PADDING_NONE, PADDING_SAME, PADDING_ANY };

static inline size_t between(tt_random *r, size_t least, size_t greatest)
{
    return least + tt_random_below(r, greatest - least + 1);
}

// One axis: as TFLite's two paddings have it, or any that leaves each window something to see.
static inline void random_axis(tt_random *r, tt_plan_step *s, int axis, size_t padding)
{
    int64_t in = s->in[axis], window = s->window[axis], before = 0, after;
    int64_t stride = axis == 0 ? s->stride_rows : s->stride_columns;
    int64_t windows = in < window ? 1 : (in - window) / stride + 1;
    if (padding == PADDING_SAME || (padding == PADDING_NONE && in < window)) {
        windows = (in + stride - 1) / stride;
        tt_same_padding(&TT_TYPE(TT_I8, 1, in, 1), &window, &stride, &before, &after);
    } else if (padding == PADDING_ANY) {
        before = (int64_t)between(r, 0, (size_t)window - 1);
        windows = 1 + (int64_t)between(r, 0, (size_t)((in + before - 1) / stride));
    }
    s->before[axis] = (uint16_t)before;
    s->out[axis] = (uint16_t)windows;
}

static inline tt_plan_step random_step(tt_random *r, unsigned operation)
{
    static const uint8_t kinds[OPERATIONS] = {TT_STEP_CONV, TT_STEP_DEPTHWISE, TT_STEP_CONV,
                                              TT_STEP_MAX_POOL, TT_STEP_AVERAGE_POOL};
    uint16_t in = (uint16_t)between(r, 1, 16);
    uint16_t out = (uint16_t)between(r, 1, 24);
    size_t padding = between(r, PADDING_NONE, PADDING_ANY);
    tt_plan_step s = {.kind = kinds[operation],
                      .stride_rows = 1,
                      .stride_columns = 1,
                      .in = {1, 1, (uint16_t)(8 * in)},
                      .out = {1, 1, out},
                      .window = {1, 1},
                      .clamp = {-128, 127}};
    s.input_zero_point = (int32_t)between(r, 0, 255) - 128;
    s.output_zero_point = (int32_t)between(r, 0, 255) - 128;
    if (operation != DENSE) {
        s.stride_rows = (uint8_t)between(r, 1, 3);
        s.stride_columns = (uint8_t)between(r, 1, 3);
        s.in[2] = in;
        for (int i = 0; i < 2; i++) {
            s.in[i] = (uint16_t)between(r, 1, 15);
            s.window[i] = (uint16_t)between(r, 1, 5);
            random_axis(r, &s, i, padding);
        }
    }
    if (operation == DEPTHWISE)
        s.out[2] = (uint16_t)(in * between(r, 1, 2));
    if (operation == MAX_POOL || operation == AVERAGE_POOL)
        s.out[2] = in;
    if (operation == AVERAGE_POOL || between(r, 0, 1) == 1) { // a ReLU, or one with a limit
        s.clamp[0] = operation == MAX_POOL ? -128 : s.output_zero_point;
        s.clamp[1] = operation == MAX_POOL ? 127 : (int32_t)between(r, 0, 127);
        s.clamp[1] = s.clamp[1] < s.clamp[0] ? s.clamp[0] : s.clamp[1];
    }
    return s;
}

// Weights, bias, multiplier and shift. One layer in eight has hardly a weight and small biases, so
// that its factors are above 1.
static inline void random_tables(tt_random *r, tt_layer *l, bool ties)
{
    bool few = between(r, 0, 7) == 0;
    double spread = few ? 20 : 74.0 * 74 * 1.4 * sqrt((double)l->taps); // of a channel's sums
    for (int64_t i = 0; i < l->step.out[2] * l->taps; i++)
        l->weight[i] = few ? between(r, 0, 99) == 0 : (int8_t)((int)between(r, 0, 254) - 127);
    for (size_t channel = 0; channel < l->step.out[2]; channel++) {
        double factor = 40 / spread * (0.5 + (double)between(r, 0, 1000) / 700);
        if (ties) // a power of two: sums fall exactly between two results
            factor = pow(2, round(log2(factor)));
        l->bias_sum[channel] = (int32_t)between(r, 0, (size_t)(2 * spread)) - (int32_t)spread;
        REQUIRE(tt_quantise_multiplier(factor, &l->multiplier[channel], &l->shift[channel]));
    }
}

static inline tt_quantised *random_operation(uint64_t seed)
{
    tt_random random;
    tt_random_seed(&random, seed);
    unsigned operation = (unsigned)(seed % OPERATIONS);
    tt_plan_step step = random_step(&random, operation);
    tt_quantised *q = one_layer(&step, operation == DENSE);
    if (q->layers[0].weight != NULL)
        random_tables(&random, &q->layers[0], seed / OPERATIONS % 2 == 1);
    one_layer_done(q);
    return q;
}

static inline void random_image(tt_random *r, const tt_quantised *q, int8_t *image)
{
    for (int64_t i = 0; i < tt_type_count(&q->input); i++)
        image[i] = (int8_t)tt_random_u64(r);
}

#endif
