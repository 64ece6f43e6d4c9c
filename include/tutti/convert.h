// From a trained float graph to a plan: quantise, then emit.
//
// The quantiser takes any graph that ai/lite can run: from one f32 input (batch, rows, columns,
// channels) or (batch, channels) to one result, convolutions (plain or depthwise) and products with
// weights, with bias and ReLU or without, greatest and average pools, reshapes and concatenations.
// Anything else is named in the message. A value may be read by several layers; where one reads it
// with its ReLU and another without, it is computed twice. Weights get one scale an output channel
// (symmetric, -127 to 127), activations one a tensor (asymmetric), from the least and greatest
// values that the calibration inputs give.
//
// A concatenation has no step and costs nothing: its pieces are made next to each other. So it
// joins along the first axis behind the batch, or one before which all axes but the batch's are 1;
// at most 8 pieces, those of pieces that are concatenations themselves counted; and none that is a
// piece already, since a tensor lies in one place. Its pieces get one scale, for the least and
// greatest of them all; poolings and reshapes between keep it. The network's input, or what is only
// pooled or reshaped of it, has a fixed scale, and is joined with the like alone.
//
// The input is quantised with scale 1/255 and zero point -128, so that pixel p is exactly p - 128.

#ifndef TUTTI_CONVERT_H
#define TUTTI_CONVERT_H

#include "tutti/session.h"

TT_C_BEGIN

typedef struct tt_quantised tt_quantised;

// `graph` has an input named `input` and a result named `result`; its parameters' bytes are the
// session's. `calibration` holds `count` inputs, a multiple of the graph's batch. `*quantised` is
// freed with tt_quantised_free, and NULL where the result is not TT_OK: TT_NOT_FOUND (no such input
// or result), TT_UNSUPPORTED, TT_INVALID (a number that is not finite, a calibration value that the
// input cannot say), TT_TOO_LARGE, TT_FULL; each but the last with a sentence.
tt_status tt_quantise(tt_session *session, const tt_graph *graph, const char *input,
                      const char *result, const float *calibration, size_t count,
                      tt_quantised **quantised, tt_text *why);
void tt_quantised_free(tt_quantised *quantised); // NULL is allowed

// The network as a graph of integer operations, for one input: input "image" i8, result "logits"
// i8, both of the float graph's shapes with a batch of 1. It shares no code with ai/lite, which it
// is compared with. Owned by the quantised network.
const tt_graph *tt_quantised_graph(const tt_quantised *quantised);
// Computes it by the reference: `pixels` as bytes 0 to 255, `logits` int8. TT_FULL, TT_TOO_LARGE.
tt_status tt_quantised_run(const tt_quantised *quantised, const uint8_t *pixels, int8_t *logits);

// The plan; `*bytes` is to be freed with free(), and NULL on failure: TT_TOO_LARGE (beyond a plan's
// limits; no layers), TT_MALFORMED (what the runtime refuses: an average of more than 2^23
// elements), each with a sentence; TT_FULL.
tt_status tt_quantised_emit(const tt_quantised *quantised, uint8_t **bytes, size_t *length,
                            tt_text *why);

// The factor `real` as TFLite's QuantizeMultiplier gives it: multiplier / 2^31 * 2^shift. False,
// and zeros, where it is negative, infinite or none.
bool tt_quantise_multiplier(double real, int32_t *multiplier, int32_t *shift);

TT_C_END

#endif
