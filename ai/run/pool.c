// A pool of threads. A run is opened and the others are called; each takes what there is to do
// until nothing is left. The caller takes part, and then closes the run: it waits for threads that
// work on it, not for those that have not woken up yet, which find it closed. So a run is never
// longer than its work where the other processors are busy.
//
// Nothing is locked but to sleep. Who enters a run counts itself as busy before it looks whether
// the run is open; who closes it does so before it looks whether anyone is busy: one of them sees
// the other. In the same way who goes to sleep counts itself as asleep before it looks for calls,
// and who calls looks for sleepers behind that.
//
// Waking up takes longer than many a step of a program does. So a thread that has worked looks for
// more for LOOK_NS before it sleeps, and so does the caller that waits: long enough for the next
// step, short enough for whoever else wants the processor.

#include "ai/run/pool_internal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#define LOOK_NS 100000

unsigned tt_denormals_flush(void)
{
#if defined(__x86_64__)
    unsigned had = _mm_getcsr();
    _mm_setcsr(had | 0x8040); // flush to zero, denormals are zero
    return had;
#else
    return 0;
#endif
}

void tt_denormals_restore(unsigned had)
{
#if defined(__x86_64__)
    _mm_setcsr((_mm_getcsr() & ~0x8040u) | (had & 0x8040u));
#else
    (void)had;
#endif
}

typedef struct other {
    tt_pool *pool;
    unsigned number; // from 1 on
    pthread_t thread;
} other;

struct tt_pool {
    unsigned threads; // with the caller
    other *others;
    pthread_mutex_t lock;
    pthread_cond_t called, left;
    atomic_ulong calls;
    atomic_uint busy;   // others that work on this run, or look whether there is one
    atomic_uint asleep; // threads that wait for a call
    atomic_bool open, stop;
    atomic_bool ending; // the caller sleeps until none is busy
    void (*work)(void *context, unsigned thread);
    void *context;
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void rest(void)
{
    for (unsigned i = 0; i < 4; i++)
#if defined(__x86_64__)
        _mm_pause();
#else
        atomic_signal_fence(memory_order_seq_cst);
#endif
}

// Whether to look again: for LOOK_NS since the first time, where *end was 0.
static bool looks_on(uint64_t *end)
{
    rest();
    uint64_t now = now_ns();
    if (*end == 0)
        *end = now + LOOK_NS;
    return now < *end;
}

unsigned long tt_pool_calls(const tt_pool *pool)
{
    return atomic_load(&pool->calls);
}

void tt_pool_wait(tt_pool *pool, unsigned long calls)
{
    uint64_t end = 0;
    do {
        if (atomic_load(&pool->calls) != calls)
            return;
    } while (looks_on(&end));
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->asleep, 1);
    while (atomic_load(&pool->calls) == calls)
        pthread_cond_wait(&pool->called, &pool->lock);
    atomic_fetch_sub(&pool->asleep, 1);
    pthread_mutex_unlock(&pool->lock);
}

void tt_pool_call(tt_pool *pool, bool wake)
{
    atomic_fetch_add(&pool->calls, 1);
    if (!wake || atomic_load(&pool->asleep) == 0)
        return;
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->called);
    pthread_mutex_unlock(&pool->lock);
}

static void take_part(tt_pool *pool, unsigned number)
{
    atomic_fetch_add(&pool->busy, 1);
    if (atomic_load(&pool->open))
        pool->work(pool->context, number);
    if (atomic_fetch_sub(&pool->busy, 1) > 1 || !atomic_load(&pool->ending))
        return;
    pthread_mutex_lock(&pool->lock);
    pthread_cond_signal(&pool->left);
    pthread_mutex_unlock(&pool->lock);
}

static void *thread_main(void *argument)
{
    const other *self = argument;
    tt_denormals_flush();
    for (;;) {
        unsigned long calls = tt_pool_calls(self->pool);
        if (atomic_load(&self->pool->stop))
            return NULL;
        take_part(self->pool, self->number);
        tt_pool_wait(self->pool, calls);
    }
}

tt_pool *tt_pool_new(unsigned threads)
{
    if (threads == 0) {
        long processors = sysconf(_SC_NPROCESSORS_ONLN);
        threads = processors > 0 ? (unsigned)processors : 1;
    }
    tt_pool *pool = calloc(1, sizeof(*pool));
    other *others = calloc(threads, sizeof(others[0]));
    if (pool == NULL || others == NULL) {
        free(pool);
        free(others);
        return NULL;
    }
    pool->others = others;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->called, NULL);
    pthread_cond_init(&pool->left, NULL);
    for (pool->threads = 1; pool->threads < threads; pool->threads++) {
        other *next = &others[pool->threads - 1];
        *next = (other){.pool = pool, .number = pool->threads};
        if (pthread_create(&next->thread, NULL, thread_main, next) != 0)
            break; // fewer than asked for still do the work
    }
    return pool;
}

void tt_pool_free(tt_pool *pool)
{
    if (pool == NULL)
        return;
    atomic_store(&pool->stop, true);
    tt_pool_call(pool, true);
    for (unsigned i = 0; i + 1 < pool->threads; i++)
        pthread_join(pool->others[i].thread, NULL);
    pthread_cond_destroy(&pool->left);
    pthread_cond_destroy(&pool->called);
    pthread_mutex_destroy(&pool->lock);
    free(pool->others);
    free(pool);
}

unsigned tt_pool_threads(const tt_pool *pool)
{
    return pool->threads;
}

void tt_pool_begin(tt_pool *pool, void (*work)(void *context, unsigned thread), void *context)
{
    pool->work = work;
    pool->context = context;
    atomic_store(&pool->open, true);
}

void tt_pool_end(tt_pool *pool)
{
    atomic_store(&pool->open, false);
    uint64_t end = 0;
    do {
        if (atomic_load(&pool->busy) == 0)
            return;
    } while (looks_on(&end));
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->ending, true);
    while (atomic_load(&pool->busy) > 0)
        pthread_cond_wait(&pool->left, &pool->lock);
    atomic_store(&pool->ending, false);
    pthread_mutex_unlock(&pool->lock);
}

typedef struct pieces {
    void (*piece)(void *context, size_t i);
    void *context;
    size_t count;
    atomic_size_t next;
} pieces;

static void take_pieces(void *context, unsigned thread)
{
    pieces *p = context;
    size_t i;
    (void)thread;
    while ((i = atomic_fetch_add(&p->next, 1)) < p->count)
        p->piece(p->context, i);
}

void tt_pool_run(tt_pool *pool, size_t count, void (*piece)(void *context, size_t i), void *context)
{
    if (pool->threads == 1 || count <= 1) {
        for (size_t i = 0; i < count; i++)
            piece(context, i);
        return;
    }
    pieces p = {.piece = piece, .context = context, .count = count};
    tt_pool_begin(pool, take_pieces, &p);
    tt_pool_call(pool, true);
    take_pieces(&p, 0);
    tt_pool_end(pool);
}
