// Threads: starting, ending, waiting for an end, suspending, priorities.

#include <string.h>

#include "os/kernel/scheduler.h"
#include "os/kernel/mutex.h"

#define STACK_FILL 0xa5 // what an untouched byte of a stack holds

static tt_wait_queue ended = {{&ended.threads, &ended.threads}}; // those who join any thread

void tt_thread_start(tt_thread *thread, const char *name, uint8_t priority, void *stack,
                     size_t stack_bytes, void (*entry)(void *argument), void *argument)
{
    TT_CHECK(priority < TT_PRIORITIES && entry != NULL);
    TT_CHECK((uintptr_t)stack % TT_STACK_ALIGNMENT == 0 && stack_bytes > TT_STACK_GUARD);
    memset(thread, 0, sizeof(*thread));
    memset((uint8_t *)stack + TT_STACK_GUARD, STACK_FILL, stack_bytes - TT_STACK_GUARD);
    thread->name = name;
    thread->priority = thread->base_priority = priority;
    thread->stack = stack;
    thread->stack_bytes = stack_bytes;
    tt_list_init(&thread->link);
    tt_list_init(&thread->timer_link);
    tt_arch_context_init(&thread->context, stack, stack_bytes, entry, argument);
    tt_lock_state lock = tt_scheduler_lock();
    tt_make_ready(thread);
    if (tt_kernel_current != NULL) // before the first switch there is nobody to leave
        tt_scheduler_unlock(lock);
    else
        tt_arch_unlock(lock);
}

tt_thread *tt_thread_self(void)
{
    return tt_kernel_current;
}

void tt_thread_sleep(tt_time until)
{
    tt_wait_unlock(NULL, until, tt_scheduler_lock());
}

void tt_thread_exit(void)
{
    tt_thread *self = tt_kernel_current;
    TT_CHECK(self->held == NULL); // nobody else could unlock it
    tt_lock_state lock = tt_scheduler_lock();
    tt_make_unready(self);
    self->state = TT_THREAD_ENDED;
    while (tt_wake_first(&ended) != NULL)
        ; // each looks whether it was the one it waits for
    tt_scheduler_unlock(lock);
    TT_CHECK(false); // nobody wakes an ended thread
    __builtin_unreachable();
}

tt_status tt_thread_join(tt_thread *thread, tt_time deadline)
{
    for (;;) {
        tt_lock_state lock = tt_scheduler_lock();
        if (thread->state == TT_THREAD_ENDED) {
            tt_scheduler_unlock(lock);
            return TT_OK;
        }
        if (tt_wait_unlock(&ended, deadline, lock) == TT_TIMED_OUT)
            return TT_TIMED_OUT;
    }
}

void tt_thread_suspend(tt_thread *thread)
{
    tt_lock_state lock = tt_scheduler_lock();
    TT_CHECK(thread->state != TT_THREAD_ENDED);
    if (!thread->suspended && thread->state == TT_THREAD_READY)
        tt_make_unready(thread);
    thread->suspended = true;
    tt_scheduler_unlock(lock);
}

void tt_thread_resume(tt_thread *thread)
{
    tt_lock_state lock = tt_scheduler_lock();
    if (thread->suspended) {
        thread->suspended = false;
        if (thread->state == TT_THREAD_READY)
            tt_make_ready(thread);
    }
    tt_scheduler_unlock(lock);
}

void tt_thread_set_priority(tt_thread *thread, uint8_t priority)
{
    TT_CHECK(priority < TT_PRIORITIES);
    tt_lock_state lock = tt_scheduler_lock();
    thread->base_priority = priority;
    tt_mutex_update_priority(thread);
    tt_scheduler_unlock(lock);
}

size_t tt_thread_stack_unused(const tt_thread *thread)
{
    const uint8_t *low = (const uint8_t *)thread->stack + TT_STACK_GUARD;
    size_t unused = 0;
    while (low[unused] == STACK_FILL)
        unused++;
    return unused;
}
