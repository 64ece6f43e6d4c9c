// What the runtime's files share.

#ifndef TUTTI_AI_LITE_PLAN_H
#define TUTTI_AI_LITE_PLAN_H

#include "tutti/lite.h"

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

#endif
