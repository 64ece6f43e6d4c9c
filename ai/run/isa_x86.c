// By CPUID, and by what the system saves of the registers: the compiler's runtime looks at both.

#include <string.h>

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

__attribute__((target("avx2,fma"))) static void
multiply_add_at_once(tt_word *sum, const tt_word *a, unsigned a_step, unsigned width,
                     const tt_word *b, unsigned b_step, unsigned turns, unsigned lanes)
{
    for (unsigned turn = 0; turn < turns; turn++, sum += TT_LANES, a += a_step, b += b_step) {
        tt_word made[TT_LANES];
        if (width == 1)
            for (unsigned l = 0; l < TT_LANES; l++)
                made[l].f = __builtin_fmaf(a[0].f, b[l].f, sum[l].f);
        else
            for (unsigned l = 0; l < TT_LANES; l++)
                made[l].f = __builtin_fmaf(a[l].f, b[l].f, sum[l].f);
        if (lanes == TT_LANES)
            memcpy(sum, made, sizeof(made));
        else
            memcpy(sum, made, lanes * sizeof(*sum));
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
