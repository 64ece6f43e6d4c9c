// By CPUID, and by what the system saves of the registers: the compiler's runtime looks at both.

#include <immintrin.h>

#include "ai/run/block_elements.h"
#include "ai/run/compile_internal.h"

tt_isa tt_isa_of_machine(void)
{
    if (!__builtin_cpu_supports("sse2"))
        return TT_ISA_PLAIN;
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        return TT_ISA_SSE2;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
        return TT_ISA_AVX2;
    return TT_ISA_AVX512;
}

__attribute__((target("avx2,fma"))) static void
fma_at_once(tt_word *to, const tt_word *a, const tt_word *b, const tt_word *c, unsigned n)
{
    for (unsigned l = 0; l < n; l++)
        to[l].f = __builtin_fmaf(a[l].f, b[l].f, c[l].f);
}

__attribute__((target("avx2,fma"))) static inline void
multiply_add_eight(tt_word *sum, __m256 a, const tt_word *b, __m256 busy)
{
    __m256 before = _mm256_loadu_ps(&sum->f);
    __m256 made = _mm256_fmadd_ps(a, _mm256_loadu_ps(&b->f), before);
    _mm256_storeu_ps(&sum->f, _mm256_blendv_ps(before, made, busy));
}

// A compiler makes no vectors of this by itself.
__attribute__((target("avx2,fma"))) static void
multiply_add_at_once(tt_word *sum, const tt_word *a, int64_t a_step, bool uniform, const tt_word *b,
                     int64_t b_step, unsigned turns, unsigned lanes)
{
    __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    __m256 low = _mm256_castsi256_ps(_mm256_cmpgt_epi32(_mm256_set1_epi32((int)lanes), lane));
    __m256 high = _mm256_castsi256_ps(_mm256_cmpgt_epi32(_mm256_set1_epi32((int)lanes - 8), lane));
    for (unsigned turn = 0; turn < turns; turn++, sum += TT_LANES, a += a_step, b += b_step) {
        __m256 one = _mm256_broadcast_ss(&a->f);
        multiply_add_eight(sum, uniform ? one : _mm256_loadu_ps(&a->f), b, low);
        multiply_add_eight(sum + 8, uniform ? one : _mm256_loadu_ps(&a[8].f), b + 8, high);
    }
}

static bool has_fma(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

tt_block_three *tt_block_fma_of_machine(void)
{
    return has_fma() ? fma_at_once : tt_block_fma;
}

tt_block_rows *tt_block_multiply_add_of_machine(void)
{
    return has_fma() ? multiply_add_at_once : tt_block_multiply_add;
}
