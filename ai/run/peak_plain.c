// Machines that are no x86: vectors of 16 bytes, as forms have them there.

#include "ai/run/peak.h"

typedef float vector __attribute__((vector_size(16)));

double tt_peak_arithmetic(tt_isa isa, unsigned turns)
{
    vector sum[TT_PEAK_CHAINS] = {{0}}, a = {0.5f, 0.5f, 0.5f, 0.5f}, b = {1, 1, 1, 1};
    (void)isa;
    __asm__ volatile("" : : "r"(&a), "r"(&b) : "memory"); // they may be anything
    for (unsigned i = 0; i < turns; i++)
        for (unsigned k = 0; k < TT_PEAK_CHAINS; k++)
            sum[k] = sum[k] * a + b;
    __asm__ volatile("" : : "r"(sum) : "memory"); // and somebody looks at it
    return 2.0 * 4 * TT_PEAK_CHAINS * turns;
}
