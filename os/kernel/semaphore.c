// A counting semaphore: how many units are free, and the threads that wait for one.
//
// `free` never goes below zero; whoever finds none sleeps in `waiters`, highest priority first, and
// is handed its unit directly by the giver, so a late taker cannot steal it.

#include "os/kernel/scheduler.h"

static inline bool initialised(const tt_semaphore *semaphore)
{
    return semaphore->mark == TT_MARK_SEMAPHORE;
}

tt_status tt_semaphore_init(tt_semaphore *semaphore, unsigned free, unsigned limit)
{
    if (limit == 0 || free > limit)
        return TT_INVALID;
    tt_lock_state lock = tt_scheduler_lock();
    bool busy = tt_waited_for(&semaphore->waiters);
    if (!busy) {
        *semaphore = (tt_semaphore){.mark = TT_MARK_SEMAPHORE, .free = free, .limit = limit};
        tt_wait_queue_init(&semaphore->waiters);
    }
    tt_arch_unlock(lock);
    return busy ? TT_BUSY : TT_OK;
}

tt_status tt_semaphore_take(tt_semaphore *semaphore, tt_time deadline)
{
    TT_CHECK(initialised(semaphore));
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
    TT_CHECK(initialised(semaphore));
    tt_lock_state lock = tt_scheduler_lock();
    if (tt_wake_first(&semaphore->waiters) != NULL) {
        tt_scheduler_unlock(lock); // switches if the woken thread outranks us
        return TT_OK;
    }
    bool full = semaphore->free == semaphore->limit;
    if (!full)
        semaphore->free++;
    tt_arch_unlock(lock); // nobody became ready
    return full ? TT_FULL : TT_OK;
}
