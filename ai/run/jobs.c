// Lists of jobs on a pool.
//
// What is done and what is taken are words of a bit a job, so a thread sees at once which jobs may
// begin; the pieces of one are numbered from its counter. Who does the last piece of a job calls
// the others, who look again. It takes one piece of what has become ready itself, so who sleeps is
// woken for two and more only, and at the end.
//
// Even threads take a job's pieces from the front, odd ones from the end: what neighbouring pieces
// of two jobs read and write of the same tensor is then in the cache of one processor, mostly.

#include "ai/run/jobs.h"

#include "ai/run/pool_internal.h"

#define FROM_END ((uint64_t)1 << 32)

static uint64_t all_of(const tt_jobs *jobs)
{
    return jobs->count < TT_JOBS_MAX ? ((uint64_t)1 << jobs->count) - 1 : UINT64_MAX;
}

static uint32_t first_of(uint64_t some)
{
    return (uint32_t)__builtin_ctzll(some);
}

static bool take_of(tt_jobs *jobs, uint32_t job, unsigned thread, uint32_t *piece)
{
    bool from_end = thread % 2 != 0;
    uint32_t count = jobs->pieces[job];
    uint64_t had = atomic_fetch_add(&jobs->next[job], from_end ? FROM_END : 1);
    uint64_t front = had % FROM_END, end = had / FROM_END;
    if (front + end + 1 >= count)
        atomic_fetch_or(&jobs->taken, (uint64_t)1 << job);
    *piece = from_end ? count - 1 - (uint32_t)end : (uint32_t)front;
    return front + end < count;
}

static bool take(tt_jobs *jobs, unsigned thread, uint32_t *job, uint32_t *piece)
{
    uint64_t done = atomic_load(&jobs->done);
    uint64_t open = all_of(jobs) & ~atomic_load(&jobs->taken);
    for (; open != 0; open &= open - 1) {
        *job = first_of(open);
        if ((jobs->after[*job] & ~done) == 0 && take_of(jobs, *job, thread, piece))
            return true;
    }
    return false;
}

static void finish(tt_jobs *jobs, uint32_t job)
{
    if (atomic_fetch_sub(&jobs->left[job], 1) > 1)
        return;
    uint64_t bit = (uint64_t)1 << job, done = atomic_fetch_or(&jobs->done, bit) | bit, ready = 0;
    for (uint64_t left = all_of(jobs) & ~done; left != 0; left &= left - 1) {
        uint32_t next = first_of(left);
        if ((jobs->after[next] & bit) != 0 && (jobs->after[next] & ~done) == 0)
            ready += jobs->pieces[next];
    }
    tt_pool_call(jobs->pool, ready > 1 || done == all_of(jobs));
}

static void work(void *context, unsigned thread)
{
    tt_jobs *jobs = context;
    uint32_t job, piece;
    while (take(jobs, thread, &job, &piece)) {
        jobs->piece(jobs->context, job, piece, thread);
        finish(jobs, job);
    }
}

void tt_jobs_run(tt_jobs *jobs, tt_pool *pool)
{
    uint64_t ready = 0;
    if (jobs->count == 1 && jobs->pieces[0] == 1) {
        jobs->piece(jobs->context, 0, 0, 0);
        return;
    }
    jobs->pool = pool;
    atomic_store(&jobs->done, 0);
    atomic_store(&jobs->taken, 0);
    for (uint32_t i = 0; i < jobs->count; i++) {
        atomic_store_explicit(&jobs->next[i], 0, memory_order_relaxed);
        atomic_store_explicit(&jobs->left[i], jobs->pieces[i], memory_order_relaxed);
        ready += jobs->after[i] == 0 ? jobs->pieces[i] : 0;
    }
    tt_pool_begin(pool, work, jobs);
    tt_pool_call(pool, ready > 1);
    for (;;) {
        unsigned long calls = tt_pool_calls(pool);
        work(jobs, 0);
        if (atomic_load(&jobs->done) == all_of(jobs))
            break;
        tt_pool_wait(pool, calls);
    }
    tt_pool_end(pool);
}
