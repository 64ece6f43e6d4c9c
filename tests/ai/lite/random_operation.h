// A random int8 network of one operation, with tables whose rounding meets exact ties half of the
// time.

#ifndef TUTTI_TESTS_RANDOM_OPERATION_H
#define TUTTI_TESTS_RANDOM_OPERATION_H

#include <math.h>
#include <stdlib.h>

#include "tests/test.h"
#include "tutti/oldconvert.h"
#include "tutti/random.h"

static inline size_t between(tt_random *r, size_t least, size_t greatest)
{
    return least + tt_random_below(r, greatest - least + 1);
}

static inline tt_value *random_bytes_constant(tt_random *r, tt_graph *g, tt_shape shape)
{
    tt_value *value = tt_constant(g, TT_I8, shape, NULL);
    for (size_t i = 0; i < tt_shape_count(&shape); i++)
        ((int8_t *)value->data)[i] = (int8_t)between(r, 0, 254) - 127;
    return value;
}

// bias, multiplier, shift for `out` channels whose sums are about `spread`.
static inline void random_tables(tt_random *r, tt_graph *g, size_t out, double spread, bool ties,
                                 tt_value **inputs)
{
    for (int i = 0; i < 3; i++)
        inputs[i] = tt_constant(g, TT_I32, TT_SHAPE(out), NULL);
    for (size_t channel = 0; channel < out; channel++) {
        double factor = 40 / spread * (0.5 + (double)between(r, 0, 1000) / 700);
        if (ties) // a power of two: sums fall exactly between two results
            factor = pow(2, round(log2(factor)));
        ((int32_t *)inputs[0]->data)[channel] =
            (int32_t)between(r, 0, (size_t)(2 * spread)) - (int32_t)spread;
        tt_quantise_multiplier(factor, &((int32_t *)inputs[1]->data)[channel],
                               &((int32_t *)inputs[2]->data)[channel]);
    }
}

static inline tt_quantised random_operation(uint64_t seed)
{
    tt_random random, *r = &random;
    tt_random_seed(r, seed);
    unsigned kind = (unsigned)(seed % 5);
    bool ties = seed / 5 % 2 == 1;
    size_t in = between(r, 1, 16), out = between(r, 1, 24), multiplier = between(r, 1, 2);
    size_t rows = between(r, 1, 15), columns = between(r, 1, 15);
    size_t window[2] = {between(r, 1, 5), between(r, 1, 5)};
    tt_attributes a = {.stride = {(unsigned)between(r, 1, 3), (unsigned)between(r, 1, 3)},
                       .window = {(unsigned)window[0], (unsigned)window[1]},
                       .padding = (tt_padding)between(r, 0, 1),
                       .zero_point = {(int)between(r, 0, 255) - 128, (int)between(r, 0, 255) - 128},
                       .clamp = {-128, 127}};
    if (rows < window[0] || columns < window[1])
        a.padding = TT_SAME;
    if (between(r, 0, 1) == 1 && kind < 3)
        a.clamp[0] = a.zero_point[1]; // relu
    tt_quantised q = {.graph = tt_graph_new()};
    tt_value *inputs[5];
    double spread = 74.0 * 74 * 1.4;
    static const char *const names[] = {"quantised_conv2d", "quantised_depthwise_conv2d",
                                        "quantised_dense", "max_pool2d",
                                        "quantised_average_pool2d"};
    q.image = tt_input(q.graph, "image", TT_I8,
                       kind == 2 ? TT_SHAPE(1, 8 * in) : TT_SHAPE(1, rows, columns, in));
    q.image->zero_point = a.zero_point[0];
    inputs[0] = q.image;
    if (kind == 0)
        inputs[1] = random_bytes_constant(r, q.graph, TT_SHAPE(out, window[0], window[1], in));
    else if (kind == 1)
        inputs[1] = random_bytes_constant(r, q.graph,
                                          TT_SHAPE(1, window[0], window[1], out = in * multiplier));
    else if (kind == 2)
        inputs[1] = random_bytes_constant(r, q.graph, TT_SHAPE(out, 8 * in));
    if (kind < 3) {
        double taps = (double)tt_shape_count(&inputs[1]->shape) / (double)out;
        random_tables(r, q.graph, out, spread * sqrt(taps), ties, inputs + 2);
    }
    q.logits = tt_apply(q.graph, names[kind], kind < 3 ? 5 : 1, inputs, &a);
    if (q.logits == NULL)
        printf("seed %llu: %s\n", (unsigned long long)seed, tt_graph_error(q.graph));
    REQUIRE(q.logits != NULL);
    return q;
}

static inline void random_image(tt_random *r, const tt_quantised *q, int8_t *image)
{
    for (size_t i = 0; i < tt_shape_count(&q->image->shape); i++)
        image[i] = (int8_t)tt_random_u64(r);
}

#endif
