// What the two halves of tutti profile share: what was measured, and how it is told.

#ifndef TUTTI_CLI_PROFILE_H
#define TUTTI_CLI_PROFILE_H

#include "cli/model.h"
#include "tutti/profile.h"

// A step, or behind the last what is assigned; medians over the runs.
typedef struct tt_profiled_step {
    tt_step_about about;
    uint32_t number;
    double seconds;
    double peak;   // share of what the machine could do
    bool by_bytes; // memory bounds it, else arithmetic
} tt_profiled_step;

typedef struct tt_profile {
    const char *path;
    tt_program *program;
    bool train;
    tt_peak peak;
    unsigned threads;
    tt_profiled_step *step; // by step, and the assignments where there are some
    uint32_t count;
    uint32_t steps, forms, interpreted; // of the program; forms; those without machine code
    int64_t *begun_ns;                  // by run: tt_program_profile's
    unsigned runs;
    double seconds, flop, bytes; // sums of the steps'
    double share;                // of the peak, of the sum
    double run_seconds;          // of whole runs, the median: what else ran meanwhile is in it
} tt_profile;

// "conv1: conv add greater_of; dense 1 gradient: matmul": a step's operations by where they come
// from; of `bytes` at most, where more end with "...".
void tt_profile_what(const tt_profile *profile, uint32_t index, char *text, size_t bytes);

void tt_profile_print(FILE *out, const tt_profile *profile, unsigned top); // 0: all, in their order
void tt_profile_json(FILE *out, const tt_profile *profile);
// The last runs as Chrome's trace events, which Perfetto (ui.perfetto.dev) and chrome://tracing
// open.
void tt_profile_trace(FILE *out, const tt_profile *profile);

#endif
