// The demonstration's network with made-up weights, quantised: for tests that need a plan of its
// size and what must come out of it, and train nothing.

#ifndef TUTTI_TESTS_MADE_UP_PLAN_H
#define TUTTI_TESTS_MADE_UP_PLAN_H

#include <math.h>

#include "tests/test.h"
#include "tutti/convert.h"
#include "tutti/random.h"

#define MADE_UP_SIDE 28
#define MADE_UP_PIXELS (MADE_UP_SIDE * MADE_UP_SIDE)
#define MADE_UP_CLASSES 10

// Convolution or product, and bias; `layer` names the parameters.
static inline tt_value made_up_product(tt_graph *g, const char *layer, tt_value x, int64_t window,
                                       int64_t out)
{
    char weights[32], bias[32];
    const tt_type *t = tt_graph_type(g, x);
    int64_t in = t->size[t->rank - 1], half[2] = {window / 2, window / 2};
    bool image = t->rank == 4;
    snprintf(weights, sizeof(weights), "%s.weights", layer);
    snprintf(bias, sizeof(bias), "%s.bias", layer);
    tt_value w = tt_parameter(
        g, weights, image ? TT_TYPE(TT_F32, out, window, window, in) : TT_TYPE(TT_F32, out, in));
    tt_value b = tt_parameter(g, bias, TT_TYPE(TT_F32, out));
    tt_windows same = {.before = half, .after = half};
    return tt_add(g,
                  image ? tt_conv(g, x, w, &same, 1)
                        : tt_matmul(g, x, tt_transpose(g, w, (int64_t[]){1, 0})),
                  b);
}

// Input "image", result "logits".
static inline tt_graph *made_up_graph(int64_t batch)
{
    tt_graph *g = tt_graph_new();
    int64_t two[2] = {2, 2};
    tt_windows apart = {.stride = two};
    tt_value x = tt_input(g, "image", TT_TYPE(TT_F32, batch, MADE_UP_SIDE, MADE_UP_SIDE, 1));
    x = tt_pool_greatest(g, tt_relu(g, made_up_product(g, "conv1", x, 3, 12)), two, &apart);
    x = tt_pool_greatest(g, tt_relu(g, made_up_product(g, "conv2", x, 3, 24)), two, &apart);
    x = tt_relu(g, made_up_product(g, "conv3", x, 3, 32));
    x = tt_reshape(g, x, 2, (int64_t[]){batch, -1});
    x = tt_relu(g, made_up_product(g, "dense1", x, 1, 32));
    tt_graph_result(g, "logits", made_up_product(g, "dense2", x, 1, MADE_UP_CLASSES));
    REQUIRE(tt_graph_status(g) == TT_OK);
    return g;
}

// A session that has the graph's parameters, zeroed.
static inline tt_session *made_up_session(const tt_graph *g)
{
    tt_session *session;
    tt_program *program;
    REQUIRE(tt_session_new(&(tt_session_options){.threads = 1}, &session, NULL) == TT_OK);
    REQUIRE(tt_session_load(session, g, &program, NULL) == TT_OK);
    tt_program_free(program);
    return session;
}

// Between -1 and 1, divided by the root of how many are summed, so that no layer's values grow or
// vanish; biases are small.
static inline void make_up_weights(tt_session *session, const tt_graph *g, tt_random *random)
{
    for (uint32_t i = 0; i < tt_graph_buffer_count(g); i++) {
        const tt_buffer *buffer = tt_graph_buffer(g, i);
        if (buffer->kind != TT_PARAMETER)
            continue;
        float *data = tt_session_bytes(session, buffer->name, NULL);
        int64_t count = tt_type_count(&buffer->type);
        float share =
            buffer->type.rank < 2 ? 0.1f : 2 / sqrtf((float)count / (float)buffer->type.size[0]);
        for (int64_t k = 0; k < count; k++)
            data[k] = share * ((float)tt_random_below(random, 20001) / 10000 - 1);
    }
}

// Another network for each seed; freed with tt_quantised_free.
static inline tt_quantised *made_up_network(uint64_t seed)
{
    static float calibration[8 * MADE_UP_PIXELS];
    tt_quantised *q;
    tt_random random;
    tt_graph *g = made_up_graph(4);
    tt_session *session = made_up_session(g);
    tt_random_seed(&random, seed);
    make_up_weights(session, g, &random);
    for (size_t i = 0; i < 8 * MADE_UP_PIXELS; i++)
        calibration[i] = (float)tt_random_below(&random, 256) / 255;
    REQUIRE(tt_quantise(session, g, "image", "logits", calibration, 8, &q, NULL) == TT_OK);
    tt_session_free(session);
    tt_graph_free(g);
    return q;
}

#endif
