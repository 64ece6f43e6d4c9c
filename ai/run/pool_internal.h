// A run of a pool in its parts, for pool.c and jobs.c. Its work comes bit by bit: a thread takes
// what is there now, and is called again where more has come.

#ifndef TUTTI_AI_POOL_INTERNAL_H
#define TUTTI_AI_POOL_INTERNAL_H

#include <stdbool.h>

#include "tutti/pool.h"

// From now on, until the end, the others call work(context, thread) each time that they are called;
// thread is 1 and up. It does what there is to do and returns. The caller of these is thread 0.
void tt_pool_begin(tt_pool *pool, void (*work)(void *context, unsigned thread), void *context);

// There is more to do: who looks for it sees it; `wake`: who sleeps is woken. By any thread.
void tt_pool_call(tt_pool *pool, bool wake);

unsigned long tt_pool_calls(const tt_pool *pool); // so far; before one looks for something to do
void tt_pool_wait(tt_pool *pool, unsigned long calls); // until there are more than these

// All is done or taken: waits for who works on it. Who has not woken up yet finds it closed.
void tt_pool_end(tt_pool *pool);

#endif
