// The measurements, by subject: each measures those of its names that are wanted.

#ifndef TUTTI_BENCH_AI_CASES_H
#define TUTTI_BENCH_AI_CASES_H

#include "bench/ai/measure.h"

void bench_training(const bench_run *run);
void bench_inference(const bench_run *run);
void bench_products(const bench_run *run);
void bench_fused(const bench_run *run);
void bench_compiling(const bench_run *run); // only beside a peer

// The process of ai.compile_time.* and ai.cached_time.*: prints the seconds to the end of the first
// step, with the folder's "cache"; `cached`: less those of a second.
int bench_compile_process(const char *network, const char *folder, unsigned threads, bool cached);

// The process of ai.memory.*: a training that reads `count` images of a file as it goes; prints the
// megabytes it took at most.
int bench_memory_process(const char *network, const char *folder, size_t count);

#endif
