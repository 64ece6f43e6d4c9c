// Priority inheritance, for those who change a thread's priority.

#ifndef TUTTI_OS_KERNEL_MUTEX_H
#define TUTTI_OS_KERNEL_MUTEX_H

#include "tutti/kernel.h"

// Locked: gives the thread the highest of its own priority and those of all who wait for a mutex
// that it holds, and passes a change on to the owner of the mutex that it waits for.
void tt_mutex_update_priority(tt_thread *thread);

// Locked: it waits for its mutex no longer, whose owner loses the waiter's priority.
void tt_mutex_given_up(tt_thread *waiter);

#endif
