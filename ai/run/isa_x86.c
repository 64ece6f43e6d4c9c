// By CPUID, and by what the system saves of the registers: the compiler's runtime looks at both.

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

tt_block_three *tt_block_fma_of_machine(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? fma_at_once
                                                                           : tt_block_fma;
}
