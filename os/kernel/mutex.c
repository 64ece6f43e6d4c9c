// Mutexes with transitive priority inheritance.
//
// A thread runs with the highest priority among its own and those of the first waiters of the
// mutexes that it holds. Whenever that changes and the thread itself waits for a mutex, the owner
// of that one is updated too, and so on: a chain ends, since a thread waits for one mutex at most.

#include "os/kernel/mutex.h"
#include "os/kernel/scheduler.h"

void tt_mutex_init(tt_mutex *mutex)
{
    mutex->owner = NULL;
    mutex->next_held = NULL;
    tt_wait_queue_init(&mutex->waiters);
}

static uint8_t inherited_priority(const tt_thread *thread)
{
    uint8_t priority = thread->base_priority;
    for (const tt_mutex *mutex = thread->held; mutex != NULL; mutex = mutex->next_held) {
        if (tt_list_empty(&mutex->waiters.threads))
            continue;
        tt_thread *first = TT_CONTAINER(mutex->waiters.threads.next, tt_thread, link);
        if (first->priority > priority)
            priority = first->priority;
    }
    return priority;
}

// A thread whose deadline had passed when it came wants its mutex without waiting for it, and that
// may have no owner by then: the chain ends there too.
static tt_thread *next_in_chain(const tt_thread *thread)
{
    return thread->wanted != NULL ? thread->wanted->owner : NULL;
}

void tt_mutex_update_priority(tt_thread *thread)
{
    for (; thread != NULL; thread = next_in_chain(thread)) {
        uint8_t priority = inherited_priority(thread);
        if (priority == thread->priority)
            return;
        tt_requeue(thread, priority);
    }
}

void tt_mutex_given_up(tt_thread *waiter)
{
    tt_thread *owner = next_in_chain(waiter);
    waiter->wanted = NULL;
    tt_mutex_update_priority(owner);
}

static void take(tt_mutex *mutex, tt_thread *owner)
{
    mutex->owner = owner;
    mutex->next_held = owner->held;
    owner->held = mutex;
}

tt_status tt_mutex_lock(tt_mutex *mutex, tt_time deadline)
{
    tt_thread *self = tt_kernel_current;
    tt_lock_state lock = tt_scheduler_lock();
    TT_CHECK(mutex->owner != self && !tt_arch_in_interrupt());
    if (mutex->owner == NULL) {
        take(mutex, self);
        tt_arch_unlock(lock); // nobody became ready
        return TT_OK;
    }
    if (self->priority > mutex->owner->priority && deadline > tt_arch_now()) {
        // As tt_wait_unlock will queue us, its owner must run at our priority at least.
        tt_requeue(mutex->owner, self->priority);
        tt_mutex_update_priority(next_in_chain(mutex->owner));
    }
    self->wanted = mutex;
    tt_status status = tt_wait_unlock(&mutex->waiters, deadline, lock);
    if (self->wanted != NULL) { // it did not wait: nobody handed the mutex over, nor timed us out
        lock = tt_scheduler_lock();
        tt_mutex_given_up(self);
        tt_scheduler_unlock(lock);
    }
    return status;
}

void tt_mutex_unlock(tt_mutex *mutex)
{
    tt_thread *self = tt_kernel_current;
    tt_lock_state lock = tt_scheduler_lock();
    TT_CHECK(mutex->owner == self);
    tt_mutex **link = &self->held;
    while (*link != mutex)
        link = &(*link)->next_held;
    *link = mutex->next_held;
    tt_thread *heir = tt_wake_first(&mutex->waiters);
    mutex->owner = NULL;
    if (heir != NULL) {
        heir->wanted = NULL;
        take(mutex, heir);
        tt_mutex_update_priority(heir);
    }
    tt_mutex_update_priority(self);
    tt_scheduler_unlock(lock);
}
