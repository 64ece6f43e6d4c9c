// What a processor's floating-point units do at most, in a file that the machine chooses: a chain
// of multiply-additions in each of twelve registers, more than the units' latency asks for.

#ifndef TUTTI_AI_PEAK_H
#define TUTTI_AI_PEAK_H

#include "ai/emit/c.h"

#define TT_PEAK_CHAINS 12

// Runs so many turns at that width, and gives the operations on f32 that these were.
double tt_peak_arithmetic(tt_isa isa, unsigned turns);

#endif
