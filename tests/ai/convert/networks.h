// Small networks quantised, and what their plans must do, for the tests of this folder.

#ifndef TUTTI_TESTS_NETWORKS_H
#define TUTTI_TESTS_NETWORKS_H

#include "ai/convert/layers.h"
#include "tests/ai/convert/made_up_plan.h"
#include "tutti/lite.h"

// The runtime's answers to random pixels are the integer graph's.
static inline void expect_plan_agrees(const tt_quantised *q, tt_random *random, int inputs)
{
    uint8_t *bytes;
    size_t length;
    char sentence[256] = "";
    tt_text why;
    tt_plan plan;
    tt_text_init(&why, sentence, sizeof(sentence));
    tt_status status = tt_quantised_emit(q, &bytes, &length, &why);
    EXPECT_TEXT(sentence, "");
    REQUIRE(status == TT_OK && tt_plan_open(&plan, bytes, length, NULL) == TT_OK);
    size_t in = plan.header.input_bytes, out = plan.header.output_bytes;
    uint8_t *pixels = malloc(in);
    int8_t *input = malloc(in), *said = malloc(out), *expected = malloc(out);
    void *arena = malloc(plan.header.arena_bytes); // exactly: the sanitizer sees one byte too many
    for (int i = 0; i < inputs; i++) {
        for (size_t k = 0; k < in; k++) {
            pixels[k] = (uint8_t)tt_random_below(random, 256);
            input[k] = (int8_t)(pixels[k] - 128);
        }
        tt_plan_run(&plan, arena, input, said);
        REQUIRE(tt_quantised_run(q, pixels, expected) == TT_OK);
        EXPECT(memcmp(said, expected, out) == 0);
    }
    free(pixels);
    free(input);
    free(said);
    free(expected);
    free(arena);
    free(bytes);
}

// x times w (out, in) plus b, of constants.
static inline tt_value dense_of(tt_graph *g, tt_value x, int64_t out, const float *w,
                                const float *b)
{
    int64_t in = tt_graph_type(g, x)->size[1];
    tt_value weights = tt_constant(g, TT_TYPE(TT_F32, out, in), w);
    tt_value y = tt_matmul(g, x, tt_transpose(g, weights, (int64_t[]){1, 0}));
    return b == NULL ? y : tt_add(g, y, tt_constant(g, TT_TYPE(TT_F32, out), b));
}

// Quantises from "x" to `y`, which becomes the result "y", in a session of its own, and frees the
// graph.
static inline tt_status quantise_to(tt_graph *g, tt_value y, const float *calibration, size_t count,
                                    tt_quantised **q, tt_text *why)
{
    tt_session *session;
    tt_graph_result(g, "y", y);
    REQUIRE(tt_session_new(&(tt_session_options){.threads = 1}, &session, NULL) == TT_OK);
    tt_status status = tt_quantise(session, g, "x", "y", calibration, count, q, why);
    EXPECT((*q == NULL) == (status != TT_OK));
    tt_session_free(session);
    tt_graph_free(g);
    return status;
}

static inline tt_layer *last_layer(tt_quantised *q)
{
    return &q->layers[q->count - 1];
}

// What an int8 result means.
static inline float real_of(tt_quantised *q, int8_t y)
{
    const tt_layer *l = last_layer(q);
    return l->scale * (float)(y - l->step.output_zero_point);
}

// The mean distance of the quantised answers from the float graph's first result, over a batch of
// whole pixels, in shares of their range.
static inline double distance(tt_session *session, const tt_graph *g, tt_quantised *q,
                              const float *calibration, size_t elements, size_t batch)
{
    tt_program *program;
    tt_type type;
    double sum = 0;
    const tt_layer *l = last_layer(q);
    REQUIRE(tt_session_load(session, g, &program, NULL) == TT_OK);
    REQUIRE(tt_program_set(program, "x", calibration) == TT_OK);
    REQUIRE(tt_program_run(program, NULL) == TT_OK);
    const float *y = tt_program_result(program, 0, &type);
    size_t outputs = (size_t)tt_type_count(&type) / batch;
    uint8_t *pixels = malloc(elements);
    int8_t *said = malloc(outputs);
    for (size_t i = 0; i < batch; i++) {
        for (size_t k = 0; k < elements; k++)
            pixels[k] = (uint8_t)lroundf(calibration[i * elements + k] * 255);
        REQUIRE(tt_quantised_run(q, pixels, said) == TT_OK);
        for (size_t k = 0; k < outputs; k++)
            sum += (double)fabsf(real_of(q, said[k]) - y[i * outputs + k]) / (double)l->scale / 255;
    }
    free(pixels);
    free(said);
    tt_program_free(program);
    return sum / (double)(batch * outputs);
}

// Its input "x" as an image, or as a row of five.
static inline tt_value image_of(tt_graph *g, int64_t batch, int64_t rows, int64_t columns,
                                int64_t channels)
{
    return tt_input(g, "x", TT_TYPE(TT_F32, batch, rows, columns, channels));
}

static inline tt_value image(tt_graph *g)
{
    return image_of(g, 1, 6, 6, 4);
}

static inline tt_value row(tt_graph *g)
{
    return tt_input(g, "x", TT_TYPE(TT_F32, 1, 5));
}

static inline tt_value weights(tt_graph *g, int64_t out, int64_t rows, int64_t columns, int64_t in)
{
    return tt_parameter(g, "w", TT_TYPE(TT_F32, out, rows, columns, in));
}

// Of the image, with weights (4, 2, 2, 4 / groups).
static inline tt_value conv(tt_graph *g, const tt_windows *windows, int64_t groups)
{
    return tt_conv(g, image(g), weights(g, 4, 2, 2, 4 / groups), windows, groups);
}

#endif
