// From a trained float graph to a plan: quantise, then emit.
//
// The quantiser understands a chain from `image` to `logits` of conv2d or matmul with bias_add and
// perhaps relu, max_pool2d, average_pool2d and reshape; anything else is named in the message with
// its place. Weights get one scale an output channel (symmetric, -127 to 127), activations one a
// tensor (asymmetric), from the least and greatest values that the calibration images give.
//
// The image is quantised with scale 1/255 and zero point -128, so that pixel p is exactly p - 128.

#ifndef TUTTI_OLDCONVERT_H
#define TUTTI_OLDCONVERT_H

#include "tutti/oldgraph.h"
#include "tutti/language.h"

TT_C_BEGIN

// A quantised network for one image: a graph of int8 primitives, run by tt_reference_run.
typedef struct tt_quantised {
    tt_graph *graph;
    tt_value *image;  // i8 (1, rows, columns, channels)
    tt_value *logits; // i8 (1, classes)
} tt_quantised;

// `calibration` is (count, rows, columns, channels) f32 of what `image` expects; count is a
// multiple of the graph's batch, and every value lies between 0 and 1. `*quantised` is freed with
// tt_quantised_free where the result is TT_OK, and untouched otherwise: TT_UNSUPPORTED; TT_INVALID
// (a value that is NULL or of another graph, a number that is not finite, a calibration value that
// no pixel stands for); TT_FULL; each but the last with a sentence.
tt_status tt_quantise(const tt_graph *graph, const tt_value *image, const tt_value *logits,
                      const float *calibration, size_t count, tt_quantised *quantised,
                      tt_text *why);
void tt_quantised_free(tt_quantised *quantised);

// Computes one image with the reference kernels: `pixels` as bytes 0 to 255, `logits` int8. Without
// memory the program ends with a message, as in tutti/oldgraph.h.
void tt_quantised_run(const tt_quantised *quantised, const uint8_t *pixels, int8_t *logits);

// Makes the plan of a quantised network; `*bytes` is to be freed with free(), and NULL on failure.
// TT_UNSUPPORTED, TT_TOO_LARGE, TT_MALFORMED (a number that no plan may hold), TT_INVALID (the
// graph has no image or no logits, or their scales are not both positive and finite, or both 0 for
// a plan that states none) with a sentence; TT_FULL.
tt_status tt_plan_emit(const tt_quantised *quantised, uint8_t **bytes, size_t *length,
                       tt_text *why);

// The factor `real` as TFLite's QuantizeMultiplier gives it: multiplier / 2^31 * 2^shift; the
// greatest that there is for what is beyond it. False, and 0, for a number that is negative,
// infinite or none.
bool tt_quantise_multiplier(double real, int32_t *multiplier, int32_t *shift);

TT_C_END

#endif
