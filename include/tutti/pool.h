// Threads that share out numbered pieces of work.

#ifndef TUTTI_POOL_H
#define TUTTI_POOL_H

#include <stddef.h>

#include "tutti/language.h"

TT_C_BEGIN

typedef struct tt_pool tt_pool;

// `threads` counts the caller, which works too; 0: one a processor. Where the system gives fewer,
// those do the work. NULL without memory.
tt_pool *tt_pool_new(unsigned threads);
void tt_pool_free(tt_pool *pool);
unsigned tt_pool_threads(const tt_pool *pool);

// Calls piece(context, i) for each i below `count`, each once, on some thread; returns when all are
// done. The pieces must not depend on one another.
void tt_pool_run(tt_pool *pool, size_t count, void (*piece)(void *context, size_t i),
                 void *context);

// Makes the calling thread take denormal numbers for zero, and gives what it had; Adam's and
// momentum's small values make a step several times slower otherwise. Only on x86-64 so far.
unsigned tt_denormals_flush(void);
void tt_denormals_restore(unsigned had);

TT_C_END

#endif
