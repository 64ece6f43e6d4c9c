// A quantised network of one layer, made by hand: what ai/lite is compared on. Its plan comes from
// ai/convert, and what it must give from the reference of ai/graph, which shares no code with
// ai/lite.

#ifndef TUTTI_TESTS_ONE_LAYER_H
#define TUTTI_TESTS_ONE_LAYER_H

#include "ai/convert/layers.h"
#include "tests/test.h"

// Of an image, or of a row of channels (`flat`, where windows are 1 by 1). Its tables are zeros,
// for the caller to fill before one_layer_done.
static inline tt_quantised *one_layer(const tt_plan_step *step, bool flat)
{
    tt_quantised *q = calloc(1, sizeof(*q));
    REQUIRE(q != NULL);
    tt_layer *l = &q->layers[q->count++];
    size_t out = step->out[2];
    *l = (tt_layer){.kind = step->kind, .step = *step, .weights = TT_NONE, .bias = TT_NONE};
    q->input = flat ? TT_TYPE(TT_F32, 1, step->in[2])
                    : TT_TYPE(TT_F32, 1, step->in[0], step->in[1], step->in[2]);
    q->result = flat ? TT_TYPE(TT_F32, 1, step->out[2])
                     : TT_TYPE(TT_F32, 1, step->out[0], step->out[1], step->out[2]);
    l->shape = q->result;
    if (step->kind == TT_STEP_MAX_POOL || step->kind == TT_STEP_AVERAGE_POOL)
        return q;
    l->taps =
        (int64_t)step->window[0] * step->window[1] * (step->kind == TT_STEP_CONV ? step->in[2] : 1);
    l->weight = calloc(out, (size_t)l->taps);
    l->bias_sum = calloc(out, sizeof(int32_t));
    l->multiplier = calloc(out, sizeof(int32_t));
    l->shift = calloc(out, sizeof(int32_t));
    REQUIRE(l->weight != NULL && l->bias_sum != NULL && l->multiplier != NULL && l->shift != NULL);
    return q;
}

// Makes the integer graph, which must come to the sizes that the step says.
static inline void one_layer_done(tt_quantised *q)
{
    q->graph = tt_layers_graph(q);
    REQUIRE(q->graph != NULL);
    tt_type type = q->result;
    type.element = TT_I8;
    REQUIRE(tt_type_equal(tt_graph_type(q->graph, tt_graph_result_at(q->graph, 0)->value), &type));
}

// The plan's bytes, to be freed.
static inline uint8_t *emit(const tt_quantised *q, size_t *length)
{
    uint8_t *bytes;
    char sentence[256] = "";
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    tt_status status = tt_quantised_emit(q, &bytes, length, &why);
    EXPECT_TEXT(sentence, "");
    REQUIRE(status == TT_OK);
    return bytes;
}

// What the integer graph makes of int8 `image`.
static inline void run_graph(const tt_quantised *q, const int8_t *image, int8_t *output)
{
    size_t count = (size_t)tt_type_count(tt_graph_type(q->graph, tt_graph_find(q->graph, "image")));
    uint8_t *pixels = malloc(count);
    for (size_t i = 0; i < count; i++)
        pixels[i] = (uint8_t)(image[i] + 128);
    REQUIRE(tt_quantised_run(q, pixels, output) == TT_OK);
    free(pixels);
}

#endif
