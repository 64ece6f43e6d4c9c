// Where a program's time goes: what each step does, when it began in a run, and what this machine
// can do at most.
//
// Nothing here locks; a program that is not profiled does nothing more for it.

#ifndef TUTTI_PROFILE_H
#define TUTTI_PROFILE_H

#include "tutti/session.h"

TT_C_BEGIN

// What a step is made of, whatever runs it.
typedef struct tt_step_about {
    const char *kind; // "form", "chain" (of forms), "move" ..., or "reference": by its row's
    bool compiled;    // machine code that was made for it runs it now
    bool kept;        // what it made stands until what it reads changes: it is not in each run
    uint64_t flop;    // by tt_node_flop, of its nodes; UINT64_MAX: at least that
    uint64_t bytes;   // of all values that it reads and writes, each once
    uint32_t *nodes;  // of tt_program_graph, that it computes, in order; to be freed with free()
    uint32_t node_count;
} tt_step_about;

// The graph that runs: simplified, so it may have fewer nodes than the one that was loaded.
const tt_graph *tt_program_graph(const tt_program *program);

// Of step `index`, below tt_program_steps. TT_FULL.
TT_USE_RESULT tt_status tt_program_step(const tt_program *program, uint32_t index,
                                        tt_step_about *about);

// tt_program_run, and its errors; besides, `begun_ns` gets times of the monotonic clock: when each
// step began, when the last had ended, and when all was assigned, tt_program_steps + 2 numbers.
// Those of a run that failed say nothing. What is compiled in a run is before its first step.
TT_USE_RESULT tt_status tt_program_profile(tt_program *program, int64_t *begun_ns, tt_text *why);

// What one thread does at most, measured in about a tenth of a second. A machine that is busy
// otherwise gives less.
#define TT_PEAK_COPIES 3
typedef struct tt_peak {
    const char *instructions; // "avx512", "avx2", "sse2" or "plain": what programs are compiled for
    double flop_per_s;        // multiplications and additions of f32 in registers, two a fused one
    struct {
        size_t bytes;       // that were copied: few fit into a cache, the last lie in memory
        double bytes_per_s; // read and written; 0 where there is no memory to measure it with
    } copy[TT_PEAK_COPIES];
} tt_peak;
tt_peak tt_peak_measure(void);

TT_C_END

#endif
