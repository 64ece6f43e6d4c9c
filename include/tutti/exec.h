// Running a graph fast on this machine's CPU: one static memory plan, fused steps, a BLAS for
// products.
//
// An executor belongs to one thread at a time; several executors of one graph may run side by side,
// since they share only the parameters, which they read. Results are the same bits at every run.

#ifndef TUTTI_EXEC_H
#define TUTTI_EXEC_H

#include "tutti/oldgraph.h"
#include "tutti/language.h"

TT_C_BEGIN

typedef struct tt_executor tt_executor;

// Plans the computation of `outputs`. The graph must outlive the executor and not change any more.
// NULL where an output is NULL (its building failed: tt_graph_error) or of another graph; without
// memory the program ends with a message, as in tutti/oldgraph.h.
tt_executor *tt_executor_new(const tt_graph *graph, tt_value *const *outputs, size_t count);
void tt_executor_free(tt_executor *executor);

// Where the elements of an input are read from at each run; owned by the caller. A value that is no
// input is the caller's bug (TT_CHECK).
void tt_executor_set(tt_executor *executor, const tt_value *input, const void *data);

// Computes. Every input that the outputs need must have been set; one that was not is the caller's
// bug (TT_CHECK).
void tt_executor_run(tt_executor *executor);

// The elements of an output, until the next run.
const void *tt_executor_get(const tt_executor *executor, const tt_value *output);

// Bytes of the arena that holds all intermediate values, and how many steps there are.
size_t tt_executor_arena_bytes(const tt_executor *executor);
size_t tt_executor_steps(const tt_executor *executor);

// A pool of threads that share out numbered pieces of work. `threads` counts the caller, which
// works too; 0 takes one a processor. Where the system gives fewer, those do the work, and more
// than TT_POOL_THREADS_MAX are not asked for.
#define TT_POOL_THREADS_MAX 1024
typedef struct tt_pool tt_pool;
tt_pool *tt_pool_new(unsigned threads);
void tt_pool_free(tt_pool *pool);
unsigned tt_pool_threads(const tt_pool *pool);
// Calls piece(context, i) for each i below `count`, each once, on some thread; returns when all are
// done. The pieces must not depend on one another.
void tt_pool_run(tt_pool *pool, size_t count, void (*piece)(void *context, size_t i),
                 void *context);

// Makes the calling thread treat denormal numbers as zero: Adam's and momentum's small values make
// the same step several times slower otherwise. A pool's threads have it set, its caller from its
// first run on. Only x86-64 so far; elsewhere this does nothing.
void tt_flush_denormals(void);

TT_C_END

#endif
