// What `tutti sim` prints of a world: how many others a node knows over time, what was said, and
// what became of it; for people or as JSON.

#ifndef TUTTI_CLI_SIM_REPORT_H
#define TUTTI_CLI_SIM_REPORT_H

#include "cli/json.h"
#include "tutti/sim.h"

#define TT_SIM_REPORT_ROWS 20 // of times, at most

typedef struct tt_sim_report {
    tt_sim *sim;
    unsigned nodes, seed;
    const unsigned *known; // of each node: how many others it knows
    bool as_json;
    tt_json_writer json;
} tt_sim_report;

// Sim, nodes, seed and known are set. Begins, adds a row for the world's time, and ends with the
// sums.
void tt_sim_report_begin(tt_sim_report *report, bool as_json);
void tt_sim_report_row(tt_sim_report *report);
void tt_sim_report_end(tt_sim_report *report, double cpu_seconds);

// The JSON of a scenario that was run from seed `first` to `last`; `broken` NULL: it held.
void tt_sim_report_scenario(const char *name, uint64_t first, uint64_t last, const char *broken);

#endif
