// Jobs of a list, each of some pieces, that threads of a pool take in any order that the list
// allows: a job begins where those are done that it waits for. The first in the list that has
// pieces is taken first.

#ifndef TUTTI_AI_JOBS_H
#define TUTTI_AI_JOBS_H

#include <stdatomic.h>
#include <stdint.h>

#include "tutti/pool.h"

#define TT_JOBS_MAX 64 // of a list: each is a bit

typedef struct tt_jobs {
    uint32_t count;
    uint64_t after[TT_JOBS_MAX];  // those that it waits for, in no circle
    uint32_t pieces[TT_JOBS_MAX]; // above 0
    void (*piece)(void *context, uint32_t job, uint32_t piece, unsigned thread);
    void *context;
    // Of the run; what changes seldom lies apart.
    tt_pool *pool;
    _Alignas(64) atomic_uint_least64_t done; // jobs of which all pieces are
    atomic_uint_least64_t taken;
    _Alignas(64) atomic_uint_least64_t next[TT_JOBS_MAX]; // pieces from the front; above, the end
    atomic_uint_least32_t left[TT_JOBS_MAX];              // pieces that are not done
} tt_jobs;

// Calls jobs->piece once for each piece of each job; returns when all are done. `thread` is below
// the pool's number of threads, and no two pieces have the same at a time.
void tt_jobs_run(tt_jobs *jobs, tt_pool *pool);

#endif
