// Forms as C.
//
// A form becomes one function, void NAME(void *const *buffers, long from, long to, void *local),
// which runs the numbers of the axis `split` from `from` to before `to`, where they lie in it; of
// an axis of lanes both are its first or a multiple of 16 above, or beyond its end. A form without
// one ignores both. `local` are its local_bytes, for one call at a time, aligned to
// TT_FORM_LOCAL_ALIGN; NULL where there are none. The text is for gcc and clang, and gives the same
// bits at any width: -O2 -ffp-contract=off -fno-math-errno, never -ffast-math, and -w for masks
// that nothing uses. Nothing of it calls a function of the C library but memcpy.

#ifndef TUTTI_AI_EMIT_C_H
#define TUTTI_AI_EMIT_C_H

#include <stdio.h>

#include "ai/lower/form.h"

// Sets of instructions, each with all of those before it; PLAIN is what any compiler makes for the
// machine, vectors of 16 bytes, and the only one of machines that are no x86.
typedef enum tt_isa {
    TT_ISA_PLAIN,
    TT_ISA_SSE2,
    TT_ISA_AVX2,   // and FMA
    TT_ISA_AVX512, // F, BW, DQ and VL
} tt_isa;

// What all functions of a file need, once at its top.
void tt_emit_c_prelude(FILE *file, tt_isa isa);
void tt_emit_c(FILE *file, const tt_form *form, const char *name, tt_isa isa);

#endif
