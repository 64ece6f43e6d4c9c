// The learning rate along a training: a linear warm-up, then constant, or falling to nothing at the
// last step along a line or half a cosine.

#ifndef TUTTI_SCHEDULE_H
#define TUTTI_SCHEDULE_H

#include <stdint.h>

#include "tutti/language.h"

TT_C_BEGIN

typedef enum tt_rate_kind { TT_RATE_CONSTANT, TT_RATE_LINEAR, TT_RATE_COSINE } tt_rate_kind;

typedef struct tt_schedule {
    tt_rate_kind kind;
    double rate;    // the greatest, which no step exceeds
    uint64_t warm;  // steps in which it rises: the first has rate / warm, the last all of it
    uint64_t steps; // in all; what is beyond has no rate, but where it is constant
} tt_schedule;

// Of a step, counted from 0.
double tt_schedule_at(const tt_schedule *schedule, uint64_t step);

TT_C_END

#endif
