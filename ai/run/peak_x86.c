// By width; SSE2 has no fused multiplication, so there it is two instructions.

#include <immintrin.h>

#include "ai/run/peak.h"

#define LOOP(vector, step)                                                                         \
    vector sum[TT_PEAK_CHAINS] = {0}, a = {0}, b = {0};                                            \
    __asm__ volatile("" : : "r"(&a), "r"(&b) : "memory"); /* they may be anything */               \
    for (unsigned i = 0; i < turns; i++) {                                                         \
        _Pragma("GCC unroll 12") for (unsigned k = 0; k < TT_PEAK_CHAINS; k++) sum[k] = step;      \
    }                                                                                              \
    __asm__ volatile("" : : "r"(sum) : "memory"); /* and somebody looks at it */                   \
    return 2.0 * (double)(sizeof(vector) / sizeof(float)) * TT_PEAK_CHAINS * turns

__attribute__((target("avx512f"))) static double by_64(unsigned turns)
{
    LOOP(__m512, _mm512_fmadd_ps(sum[k], a, b));
}

__attribute__((target("avx2,fma"))) static double by_32(unsigned turns)
{
    LOOP(__m256, _mm256_fmadd_ps(sum[k], a, b));
}

__attribute__((target("sse2"))) static double by_16(unsigned turns)
{
    LOOP(__m128, _mm_add_ps(_mm_mul_ps(sum[k], a), b));
}

double tt_peak_arithmetic(tt_isa isa, unsigned turns)
{
    return isa == TT_ISA_AVX512 ? by_64(turns) : isa == TT_ISA_AVX2 ? by_32(turns) : by_16(turns);
}
