// What is true of the kernel's lists whenever it is unlocked.

#ifndef TUTTI_TESTS_OS_INVARIANTS_H
#define TUTTI_TESTS_OS_INVARIANTS_H

#include "tutti/kernel.h"

// The objects that threads may hold and wait for, besides ends of threads and times.
typedef struct invariants_objects {
    tt_mutex *mutexes;
    tt_semaphore *semaphores;
    tt_queue *queues;
    unsigned mutex_count, semaphore_count, queue_count;
} invariants_objects;

// Locked, or in an interrupt. NULL: all is well; otherwise what is not.
const char *invariants_broken(const invariants_objects *objects);

#endif
