// What all comparisons have in common: a program of ours and the peer's work are made of the same
// bytes, must give the same numbers, and then run in alternating slices of one process' life.

#ifndef TUTTI_BENCH_AI_MEASURE_H
#define TUTTI_BENCH_AI_MEASURE_H

#include <stddef.h>

#include "bench/ai/peer.h"
#include "tutti/session.h"

#define BENCH_SLICES 10

// What this call of the program is about.
typedef struct bench_run {
    const char *folder; // for files of both sides; removed at the end
    const char *cifar;  // a folder of CIFAR-10's images, or NULL
    const char *only;   // beginnings of names, with commas between; NULL: all
    double seconds;     // of a slice of training; others take a fifth
    unsigned threads;
    bench_peer *peer; // NULL: each of ours is tried once, and nothing is printed
} bench_run;

bool bench_wanted(const bench_run *run, const char *name);
const char *bench_path(const bench_run *run, const char *file); // stands until the next call
double bench_now(void);                                         // seconds

void bench_remove(const char *folder); // and all that is in it

// The number that a process of its own says, which this program is with other words: `what`, the
// network, the folder and `count`. Ends the program where that cannot be.
double bench_process(const bench_run *run, const char *what, const char *network, size_t count);

// One comparison. `name` is what the peer knows it by, too.
typedef struct bench_case {
    const char *name, *unit;
    const char *peer;   // "pytorch"
    const char *detail; // words for the peer: sizes
    double amount;      // a run's images, operations, elements
    double tolerance;   // how far a number may be from the peer's, by the greatest of its result
    double seconds;     // of a slice
    bool inverse;       // the unit is nanoseconds for one of the amount, else many a second
    void (*next)(void *context, tt_program *program); // before each run; NULL: nothing
    void *context;
    unsigned check_runs; // of how many runs result 0 is compared; 0: one run, and all that it gives
    const char *state;   // or what is compared then: this parameter; NULL: the results
    tt_session *session; // of bench_case_load
    tt_program *program;
    void *inputs[8];
    uint32_t input_count, results;
    int64_t classes; // labels are below
} bench_case;

// Makes session and program of the graph, and frees it. Parameters and, where `next` is NULL,
// inputs are filled from a seed and written to the file "data", in the graph's order. Ends the
// program where that cannot be.
void bench_case_load(const bench_run *run, bench_case *c, tt_graph *graph);

// Checks, measures and prints; then frees the session. What the peer skips is said.
void bench_case_measure(const bench_run *run, bench_case *c);

#endif
