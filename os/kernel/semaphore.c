// A counting semaphore: how many units are free, and the threads that wait for one.
//
// `free` never goes below zero; whoever finds none sleeps in `waiters`, highest priority first, and
// is handed its unit directly by the giver, so a late taker cannot steal it.

#include "os/kernel/scheduler.h"

void tt_semaphore_init(tt_semaphore *semaphore, unsigned free, unsigned limit)
{
    TT_CHECK(limit > 0 && free <= limit);
    semaphore->free = free;
    semaphore->limit = limit;
    tt_wait_queue_init(&semaphore->waiters);
}

tt_status tt_semaphore_take(tt_semaphore *semaphore, tt_time deadline)
{
    tt_lock_state lock = tt_scheduler_lock();
    if (semaphore->free > 0) {
        semaphore->free--;
        tt_arch_unlock(lock); // nobody became ready
        return TT_OK;
    }
    return tt_wait_unlock(&semaphore->waiters, deadline, lock);
}

tt_status tt_semaphore_give(tt_semaphore *semaphore)
{
    tt_lock_state lock = tt_scheduler_lock();
    tt_status status = TT_OK;
    if (tt_wake_first(&semaphore->waiters) == NULL) {
        if (semaphore->free == semaphore->limit)
            status = TT_FULL;
        else
            semaphore->free++;
    }
    tt_scheduler_unlock(lock); // switches if the woken thread outranks us
    return status;
}
