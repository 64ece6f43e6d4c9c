// Pools: each piece once, whoever wakes late, and pieces side by side.

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "tests/test.h"
#include "tutti/pool.h"

typedef struct work {
    atomic_uint *done; // by piece
    unsigned add;
} work;

static void do_piece(void *context, size_t i)
{
    const work *w = context;
    atomic_fetch_add(&w->done[i], w->add);
}

// Many runs behind one another, most of them over before the other threads are awake. Each has its
// work on the stack: who came late would read the next one's, or none.
static void check_pieces(unsigned threads)
{
    static atomic_uint done[64];
    tt_pool *pool = tt_pool_new(threads);
    unsigned expected[64] = {0};
    REQUIRE(pool != NULL);
    for (unsigned run = 0; run < 20000; run++) {
        work w = {done, run % 5};
        size_t count = run % 64;
        tt_pool_run(pool, count, do_piece, &w);
        for (size_t i = 0; i < count; i++)
            expected[i] += w.add;
        w = (work){NULL, 0}; // nobody reads it any more
    }
    for (size_t i = 0; i < 64; i++) {
        EXPECT_EQUAL(atomic_load(&done[i]), expected[i]);
        atomic_store(&done[i], 0);
    }
    tt_pool_free(pool);
}

// Pieces of which one takes as long as all others, and pauses after which all threads sleep.
static void do_uneven(void *context, size_t i)
{
    atomic_uint *done = context;
    for (unsigned turns = i == 3 ? 20000 : 700; turns > 0; turns--)
        atomic_signal_fence(memory_order_seq_cst);
    atomic_fetch_add(&done[i], 1);
}

static void check_uneven(unsigned threads)
{
    atomic_uint done[32] = {0};
    tt_pool *pool = tt_pool_new(threads);
    REQUIRE(pool != NULL);
    for (unsigned run = 1; run <= 300; run++) {
        tt_pool_run(pool, 32, do_uneven, done);
        for (size_t i = 0; i < 32; i++)
            REQUIRE(atomic_load(&done[i]) == run); // all are done where it returns
        if (run % 20 == 0)
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    tt_pool_free(pool);
}

// How many pieces are under way at a moment, and were at most.
typedef struct sharing {
    atomic_uint now, most;
} sharing;

static void sleep_a_while(void *context, size_t i)
{
    (void)i;
    sharing *s = context;
    unsigned now = atomic_fetch_add(&s->now, 1) + 1, most = atomic_load(&s->most);
    while (now > most && !atomic_compare_exchange_weak(&s->most, &most, now))
        ;
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    atomic_fetch_sub(&s->now, 1);
}

// Pieces that take a while are done side by side, by more than one thread.
static void check_sharing(void)
{
    tt_pool *pool = tt_pool_new(8);
    sharing s = {0};
    REQUIRE(pool != NULL);
    for (int run = 0; run < 10; run++)
        tt_pool_run(pool, 8, sleep_a_while, &s);
    EXPECT(atomic_load(&s.most) >= 4);
    EXPECT_EQUAL(atomic_load(&s.now), 0);
    tt_pool_free(pool);
}

int main(void)
{
    for (unsigned threads = 1; threads <= 6; threads++)
        check_pieces(threads);
    for (unsigned threads = 1; threads <= 6; threads++)
        check_uneven(threads);
    check_sharing();
    return test_result();
}
