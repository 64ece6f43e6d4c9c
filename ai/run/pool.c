// A pool of threads. A run publishes its work under the lock and wakes the others; each thread then
// takes numbers from a shared counter until none is left. The caller takes part, and then closes
// the run: it waits for threads that work on it, not for those that have not woken up yet, which
// find it closed. So a run is never longer than its work where the other processors are busy.
//
// Waking up takes longer than many a step of a program does. So a thread that has worked looks for
// more for LOOK_NS before it sleeps, and so does the caller that waits: long enough for the next
// step, short enough for whoever else wants the processor.

#include "tutti/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
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

struct tt_pool {
    unsigned threads; // with the caller
    pthread_t *others;
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    // Changed under the lock, looked at without.
    atomic_ulong round; // counts runs; a thread works once a round
    atomic_uint busy;   // other threads that work on this round
    bool open, stop;    // open: this round may have pieces left
    unsigned asleep;    // threads that wait for `work`
    void (*piece)(void *context, size_t i);
    void *context;
    size_t count;
    atomic_size_t next;
};

static void take_pieces(tt_pool *pool)
{
    size_t i;
    while ((i = atomic_fetch_add(&pool->next, 1)) < pool->count)
        pool->piece(pool->context, i);
}

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

static void look_for_round(tt_pool *pool, unsigned long seen)
{
    for (uint64_t end = now_ns() + LOOK_NS; atomic_load(&pool->round) == seen && now_ns() < end;)
        rest();
}

static void look_for_end(tt_pool *pool)
{
    for (uint64_t end = now_ns() + LOOK_NS; atomic_load(&pool->busy) > 0 && now_ns() < end;)
        rest();
}

static void *thread_main(void *argument)
{
    tt_pool *pool = argument;
    unsigned long seen = 0;
    tt_denormals_flush();
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while ((pool->round == seen || !pool->open) && !pool->stop) {
            pool->asleep++;
            pthread_cond_wait(&pool->work, &pool->lock);
            pool->asleep--;
        }
        if (pool->stop)
            break;
        seen = pool->round;
        pool->busy++;
        pthread_mutex_unlock(&pool->lock);
        take_pieces(pool);
        pthread_mutex_lock(&pool->lock);
        if (--pool->busy == 0)
            pthread_cond_signal(&pool->done);
        pthread_mutex_unlock(&pool->lock);
        look_for_round(pool, seen);
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

tt_pool *tt_pool_new(unsigned threads)
{
    if (threads == 0) {
        long processors = sysconf(_SC_NPROCESSORS_ONLN);
        threads = processors > 0 ? (unsigned)processors : 1;
    }
    tt_pool *pool = calloc(1, sizeof(*pool));
    pthread_t *others = calloc(threads, sizeof(others[0]));
    if (pool == NULL || others == NULL) {
        free(pool);
        free(others);
        return NULL;
    }
    pool->others = others;
    pool->threads = 1;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->done, NULL);
    while (pool->threads < threads &&
           pthread_create(&others[pool->threads - 1], NULL, thread_main, pool) == 0)
        pool->threads++; // fewer than asked for still do the work
    return pool;
}

void tt_pool_free(tt_pool *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i + 1 < pool->threads; i++)
        pthread_join(pool->others[i], NULL);
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    free(pool->others);
    free(pool);
}

unsigned tt_pool_threads(const tt_pool *pool)
{
    return pool->threads;
}

void tt_pool_run(tt_pool *pool, size_t count, void (*piece)(void *context, size_t i), void *context)
{
    if (pool->threads == 1 || count == 1) {
        for (size_t i = 0; i < count; i++)
            piece(context, i);
        return;
    }
    pthread_mutex_lock(&pool->lock);
    pool->piece = piece;
    pool->context = context;
    pool->count = count;
    atomic_store(&pool->next, 0);
    pool->open = true;
    pool->round++;
    if (pool->asleep > 0)
        pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    take_pieces(pool);
    pthread_mutex_lock(&pool->lock);
    pool->open = false;
    if (pool->busy > 0) {
        pthread_mutex_unlock(&pool->lock);
        look_for_end(pool);
        pthread_mutex_lock(&pool->lock);
    }
    while (pool->busy > 0)
        pthread_cond_wait(&pool->done, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}
