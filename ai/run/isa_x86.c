// By CPUID, and by what the system saves of the registers: the compiler's runtime looks at both.

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
