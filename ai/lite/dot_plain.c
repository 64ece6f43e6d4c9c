// Dot products in plain C: each loaded input serves four multiplications.

#include "ai/lite/plan.h"

void tt_lite_arrange(int16_t *x, size_t taps)
{
    (void)x, (void)taps; // the order that they have is right
}

void tt_lite_dot4(const int16_t *x, const int8_t *weights, size_t taps, uint32_t sums[4])
{
    const int8_t *w0 = weights, *w1 = w0 + taps, *w2 = w1 + taps, *w3 = w2 + taps;
    uint32_t sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3];
    for (size_t k = 0; k < taps; k++) {
        int32_t value = x[k];
        sum0 += (uint32_t)(value * w0[k]);
        sum1 += (uint32_t)(value * w1[k]);
        sum2 += (uint32_t)(value * w2[k]);
        sum3 += (uint32_t)(value * w3[k]);
    }
    sums[0] = sum0;
    sums[1] = sum1;
    sums[2] = sum2;
    sums[3] = sum3;
}

uint32_t tt_lite_dot1(const int16_t *x, const int8_t *weights, size_t taps, uint32_t sum)
{
    for (size_t k = 0; k < taps; k++)
        sum += (uint32_t)(x[k] * weights[k]);
    return sum;
}
