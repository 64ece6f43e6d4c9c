// Dot products with the Cortex-M4's instructions for pairs of 16-bit numbers.
//
// SXTB16 makes of four weights (0 1 2 3) the pairs (0 2) and, rotated, (1 3); so the inputs are put
// into the order 0 2 1 3 once, for all channels. SMLAD multiplies a pair by a pair and adds both
// products, modulo 2^32. Weights are loaded four at a time wherever they begin: the CPU allows it.

#include <arm_acle.h>
#include <string.h>

#include "ai/lite/plan.h"

void tt_lite_arrange(int16_t *x, size_t taps)
{
    for (int16_t *end = x + taps / 4 * 4; x < end; x += 4) {
        int16_t second = x[1];
        x[1] = x[2];
        x[2] = second;
    }
}

// What the compiler does not make of a rotation and __sxtb16.
static inline int16x2_t odd_pair(uint32_t weights)
{
    int16x2_t pair;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(weights));
    return pair;
}

static inline uint32_t add_four(uint32_t sum, const int8_t *weights, int16x2_t even, int16x2_t odd)
{
    uint32_t word;
    memcpy(&word, weights, sizeof(word));
    sum = (uint32_t)__smlad(__sxtb16((int8x4_t)word), even, (int32_t)sum);
    return (uint32_t)__smlad(odd_pair(word), odd, (int32_t)sum);
}

static inline int16x2_t load_pair(const int16_t *x)
{
    int16x2_t pair;
    memcpy(&pair, __builtin_assume_aligned(x, 4), sizeof(pair));
    return pair;
}

void tt_lite_dot4(const int16_t *x, const int8_t *weights, size_t taps, uint32_t sums[4])
{
    const int8_t *w0 = weights, *w2 = weights + 2 * taps, *end = weights + taps / 4 * 4;
    uint32_t sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3];
    for (; w0 < end; x += 4, w0 += 4, w2 += 4) {
        int16x2_t even = load_pair(x), odd = load_pair(x + 2);
        sum0 = add_four(sum0, w0, even, odd);
        sum1 = add_four(sum1, w0 + taps, even, odd);
        sum2 = add_four(sum2, w2, even, odd);
        sum3 = add_four(sum3, w2 + taps, even, odd);
    }
    for (const int16_t *last = x + taps % 4; x < last; x++, w0++, w2++) {
        sum0 += (uint32_t)(*x * w0[0]);
        sum1 += (uint32_t)(*x * w0[taps]);
        sum2 += (uint32_t)(*x * w2[0]);
        sum3 += (uint32_t)(*x * w2[taps]);
    }
    sums[0] = sum0;
    sums[1] = sum1;
    sums[2] = sum2;
    sums[3] = sum3;
}

uint32_t tt_lite_dot1(const int16_t *x, const int8_t *weights, size_t taps, uint32_t sum)
{
    const int8_t *end = weights + taps / 4 * 4;
    for (; weights < end; x += 4, weights += 4)
        sum = add_four(sum, weights, load_pair(x), load_pair(x + 2));
    for (size_t k = 0; k < taps % 4; k++)
        sum += (uint32_t)(x[k] * weights[k]);
    return sum;
}
