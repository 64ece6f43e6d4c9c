// Lists of jobs: each piece once, no job before those that it waits for, no thread twice at a time.

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "ai/run/jobs.h"
#include "tests/test.h"
#include "tutti/random.h"

#define THREADS_MAX 6

typedef struct seen {
    const tt_jobs *jobs;
    unsigned threads;
    unsigned work;                      // turns of nothing, at most, that a piece takes
    atomic_uint done[TT_JOBS_MAX][32];  // by piece: how often
    atomic_uint jobs_done[TT_JOBS_MAX]; // pieces of it
    atomic_uint at_work[THREADS_MAX];
    atomic_uint wrong;
} seen;

static void do_piece(void *context, uint32_t job, uint32_t piece, unsigned thread)
{
    seen *s = context;
    const tt_jobs *jobs = s->jobs;
    bool right = job < jobs->count && piece < jobs->pieces[job] && thread < s->threads;
    if (!right || atomic_fetch_add(&s->at_work[thread], 1) != 0) {
        atomic_fetch_add(&s->wrong, 1);
        return;
    }
    for (uint32_t i = 0; i < jobs->count; i++)
        if (((jobs->after[job] >> i) & 1) != 0 && atomic_load(&s->jobs_done[i]) < jobs->pieces[i])
            atomic_fetch_add(&s->wrong, 1);
    for (unsigned turns = s->work > 0 ? (job * 7 + piece * 5) % s->work : 0; turns > 0; turns--)
        atomic_signal_fence(memory_order_seq_cst);
    atomic_fetch_add(&s->done[job][piece], 1);
    atomic_fetch_add(&s->jobs_done[job], 1);
    atomic_fetch_sub(&s->at_work[thread], 1);
}

static void run(tt_jobs *jobs, tt_pool *pool, unsigned work)
{
    static seen s;
    memset(&s, 0, sizeof(s));
    s.jobs = jobs;
    s.threads = tt_pool_threads(pool);
    s.work = work;
    jobs->piece = do_piece;
    jobs->context = &s;
    tt_jobs_run(jobs, pool);
    EXPECT_EQUAL(atomic_load(&s.wrong), 0);
    unsigned once = 0, all = 0;
    for (uint32_t i = 0; i < jobs->count; i++)
        for (uint32_t k = 0; k < jobs->pieces[i]; k++, all++)
            once += atomic_load(&s.done[i][k]) == 1;
    EXPECT_EQUAL(once, all);
}

// In no order: a job may wait for one that stands behind it.
static void make(tt_jobs *jobs, tt_random *random)
{
    uint32_t place[TT_JOBS_MAX];
    memset(jobs, 0, sizeof(*jobs));
    jobs->count = (uint32_t)tt_random_below(random, TT_JOBS_MAX) + 1;
    for (uint32_t i = 0; i < jobs->count; i++) {
        uint32_t other = (uint32_t)tt_random_below(random, i + 1);
        place[i] = place[other];
        place[other] = i;
    }
    uint32_t waits = (uint32_t)tt_random_below(random, 4);
    for (uint32_t i = 0; i < jobs->count; i++) {
        uint32_t job = place[i];
        jobs->pieces[job] =
            tt_random_below(random, 2) == 0 ? 1 : (uint32_t)tt_random_below(random, 32) + 1;
        for (uint32_t k = 0; k < waits && i > 0; k++)
            jobs->after[job] |= (uint64_t)1 << place[tt_random_below(random, i)];
    }
}

// Most lists are over before the other threads are awake; some let them fall asleep in between.
static void check_lists(unsigned threads)
{
    static tt_jobs jobs;
    tt_random random;
    tt_pool *pool = tt_pool_new(threads);
    REQUIRE(pool != NULL);
    tt_random_seed(&random, threads);
    for (unsigned i = 0; i < 1500; i++) {
        make(&jobs, &random);
        run(&jobs, pool, (unsigned[]){0, 50, 3000}[i % 3]);
        if (i % 50 == 0)
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    tt_pool_free(pool);
}

// All of 64 in a row, one piece each and the last of many; and 64 that wait for nothing.
static void check_full(void)
{
    static tt_jobs jobs;
    tt_pool *pool = tt_pool_new(3);
    REQUIRE(pool != NULL);
    jobs = (tt_jobs){.count = TT_JOBS_MAX};
    for (uint32_t i = 0; i < TT_JOBS_MAX; i++) {
        jobs.pieces[i] = i + 1 < TT_JOBS_MAX ? 1 : 32;
        jobs.after[i] = i > 0 ? (uint64_t)1 << (i - 1) : 0;
    }
    for (unsigned i = 0; i < 500; i++)
        run(&jobs, pool, 100);
    memset(jobs.after, 0, sizeof(jobs.after));
    for (unsigned i = 0; i < 500; i++)
        run(&jobs, pool, 100);
    tt_pool_free(pool);
}

// A job of one piece takes a while, others go on beside it; and who waits for it comes back.
typedef struct beside {
    atomic_uint now, most;
} beside;

static void sleep_a_while(void *context, uint32_t job, uint32_t piece, unsigned thread)
{
    beside *b = context;
    (void)piece;
    (void)thread;
    unsigned now = atomic_fetch_add(&b->now, 1) + 1, most = atomic_load(&b->most);
    while (now > most && !atomic_compare_exchange_weak(&b->most, &most, now))
        ;
    nanosleep(&(struct timespec){.tv_nsec = job == 0 ? 20000000 : 5000000}, NULL);
    atomic_fetch_sub(&b->now, 1);
}

static void check_beside(void)
{
    static tt_jobs jobs;
    tt_pool *pool = tt_pool_new(4);
    beside b = {0};
    REQUIRE(pool != NULL);
    jobs = (tt_jobs){.count = 4,
                     .pieces = {1, 1, 1, 8},
                     .after = {0, 0, 2, 7},
                     .piece = sleep_a_while,
                     .context = &b};
    for (int run = 0; run < 5; run++)
        tt_jobs_run(&jobs, pool);
    EXPECT(atomic_load(&b.most) >= 3); // of the last job's eight
    EXPECT_EQUAL(atomic_load(&b.now), 0);
    tt_pool_free(pool);
}

int main(void)
{
    for (unsigned threads = 1; threads <= THREADS_MAX; threads++)
        check_lists(threads);
    check_full();
    check_beside();
    return test_result();
}
