// What the runtime's files share.

#ifndef TUTTI_AI_LITE_PLAN_H
#define TUTTI_AI_LITE_PLAN_H

#include "tutti/bytes.h"
#include "tutti/lite.h"

void tt_plan_header_read(tt_reader *reader, tt_plan_header *header);

// The bytes of a step's input, output and scratch: 64 bits hold them for every plan, also where
// size_t has 32.
uint64_t tt_step_input_bytes(const tt_plan_step *step);
uint64_t tt_step_output_bytes(const tt_plan_step *step);
uint64_t tt_step_scratch_bytes(const tt_plan_step *step);

typedef struct tt_step_memory {
    const int8_t *input;
    int8_t *output;
    int16_t *scratch;
    const int8_t *weights;
    const int32_t *bias, *multiplier, *shift;
} tt_step_memory;

void tt_lite_conv(const tt_plan_step *step, const tt_step_memory *memory);
void tt_lite_depthwise(const tt_plan_step *step, const tt_step_memory *memory);
void tt_lite_max_pool(const tt_plan_step *step, const tt_step_memory *memory);
void tt_lite_average_pool(const tt_plan_step *step, const tt_step_memory *memory);

// The innermost loops; each kind of CPU has a file with them. `x` is aligned to 4 and lies between
// -255 and 255; sums are modulo 2^32.
// Puts `x` into the order that the two below want, once for all channels.
void tt_lite_arrange(int16_t *x, size_t taps);
// Adds to sums[c] the products with the weights of channel c, for four channels in a row.
void tt_lite_dot4(const int16_t *x, const int8_t *weights, size_t taps, uint32_t sums[4]);
// The same for one channel; returns the sum.
uint32_t tt_lite_dot1(const int16_t *x, const int8_t *weights, size_t taps, uint32_t sum);

#endif
