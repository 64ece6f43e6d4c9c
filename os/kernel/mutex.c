// Mutexes with transitive priority inheritance.
//
// A thread runs with the highest priority among its own and those of the first waiters of the
// mutexes that it holds. Whenever that changes and the thread itself waits for a mutex, the owner
// of that one is updated too, and so on: a chain ends, since a thread waits for one mutex at most,
// and priorities along it only rise or only fall until one stays.

#include "os/kernel/mutex.h"
#include "os/kernel/scheduler.h"

static inline bool initialised(const tt_mutex *mutex)
{
    return mutex->mark == TT_MARK_MUTEX;
}

// Whatever its bytes are. A mutex that is waited for is held.
static bool is_held(const tt_mutex *mutex)
{
    for (tt_list *at = tt_threads.next; at != &tt_threads; at = at->next)
        for (tt_mutex *held = TT_CONTAINER(at, tt_thread, all_link)->held; held != NULL;
             held = held->next_held)
            if (held == mutex)
                return true;
    return false;
}

tt_status tt_mutex_init(tt_mutex *mutex)
{
    tt_lock_state lock = tt_scheduler_lock();
    bool busy = is_held(mutex);
    if (!busy) {
        *mutex = (tt_mutex){.mark = TT_MARK_MUTEX};
        tt_wait_queue_init(&mutex->waiters);
    }
    tt_arch_unlock(lock);
    return busy ? TT_BUSY : TT_OK;
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

void tt_mutex_update_priority(tt_thread *thread)
{
    for (;;) {
        uint8_t priority = inherited_priority(thread);
        if (priority == thread->priority)
            return;
        tt_change_priority(thread, priority);
        if (thread->wanted == NULL)
            return;
        thread = thread->wanted->owner;
    }
}

void tt_mutex_given_up(tt_thread *waiter)
{
    tt_thread *owner = waiter->wanted->owner;
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
    TT_CHECK(!tt_arch_in_interrupt());
    TT_CHECK(initialised(mutex));
    tt_thread *self = tt_kernel_current;
    TT_CHECK(mutex->owner != self);
    tt_lock_state lock = tt_scheduler_lock();
    if (mutex->owner == NULL) {
        take(mutex, self);
        tt_arch_unlock(lock); // nobody became ready
        return TT_OK;
    }
    if (!tt_wait_begin(&mutex->waiters, deadline)) {
        tt_arch_unlock(lock);
        return TT_TIMED_OUT;
    }
    self->wanted = mutex;
    tt_mutex_update_priority(mutex->owner);
    return tt_wait_end(lock);
}

void tt_mutex_unlock(tt_mutex *mutex)
{
    TT_CHECK(!tt_arch_in_interrupt());
    TT_CHECK(initialised(mutex));
    tt_thread *self = tt_kernel_current;
    TT_CHECK(mutex->owner == self);
    tt_lock_state lock = tt_scheduler_lock();
    tt_mutex **link = &self->held;
    while (*link != mutex)
        link = &(*link)->next_held;
    *link = mutex->next_held;
    tt_thread *heir = tt_wake_first(&mutex->waiters);
    mutex->owner = NULL;
    if (heir != NULL) { // no waiter that is left outranks it
        heir->wanted = NULL;
        take(mutex, heir);
    }
    tt_mutex_update_priority(self);
    tt_scheduler_unlock(lock);
}
