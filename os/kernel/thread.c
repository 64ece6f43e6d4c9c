// Threads: starting, ending, waiting for an end, suspending, priorities.

#include <string.h>

#include "os/kernel/scheduler.h"
#include "os/kernel/mutex.h"

#define STACK_FILL 0xa5a5a5a5u // what untouched words of a stack hold
#define STACK_WORD sizeof(uint32_t)

_Static_assert(offsetof(tt_thread, context) == 0, "a thread begins with its context");
_Static_assert(sizeof(tt_arch_context) <= TT_CONTEXT_BYTES &&
                   _Alignof(tt_arch_context) <= TT_CONTEXT_ALIGNMENT,
               "tutti/cpu.h has room for the context");

static inline bool started(const tt_thread *thread)
{
    return thread->mark == TT_MARK_THREAD;
}

static bool is_idle(const tt_thread *thread)
{
    return thread->base_priority == 0;
}

// Locked: the thread itself lives, or another on a part of that stack.
static bool in_use(const tt_thread *thread, const void *stack, size_t stack_bytes)
{
    for (tt_list *at = tt_threads.next; at != &tt_threads; at = at->next) {
        const tt_thread *other = TT_CONTAINER(at, tt_thread, all_link);
        if (other == thread || ((uintptr_t)stack < (uintptr_t)other->stack + other->stack_bytes &&
                                (uintptr_t)other->stack < (uintptr_t)stack + stack_bytes))
            return true;
    }
    return false;
}

static void fill(void *stack, size_t stack_bytes)
{
    uint32_t *word = (uint32_t *)((uintptr_t)stack + TT_STACK_GUARD);
    for (size_t left = (stack_bytes - TT_STACK_GUARD) / STACK_WORD; left > 0; left--)
        *word++ = STACK_FILL;
}

tt_status tt_thread_begin(tt_thread *thread, const char *name, uint8_t priority, void *stack,
                          size_t stack_bytes, void (*entry)(void *argument), void *argument)
{
    tt_lock_state lock = tt_scheduler_lock();
    if (in_use(thread, stack, stack_bytes)) {
        tt_arch_unlock(lock);
        return TT_BUSY;
    }
    memset(thread, 0, sizeof(*thread));
    thread->mark = TT_MARK_THREAD;
    thread->state = TT_THREAD_STARTING; // making the stack takes its time
    thread->name = name;
    thread->priority = thread->base_priority = priority;
    thread->stack = stack;
    thread->stack_bytes = stack_bytes;
    tt_list_init(&thread->link);
    tt_list_init(&thread->timer_link);
    tt_wait_queue_init(&thread->joiners);
    tt_list_append(&tt_threads, &thread->all_link);
    tt_arch_unlock(lock);
    fill(stack, stack_bytes);
    tt_arch_context_init((tt_arch_context *)thread, stack, stack_bytes, entry, argument);
    lock = tt_scheduler_lock();
    tt_make_ready_or_suspended(thread); // as somebody who knows it has wished meanwhile
    if (tt_kernel_current != NULL)      // before the first switch there is nobody to leave
        tt_scheduler_unlock(lock);
    else
        tt_arch_unlock(lock);
    return TT_OK;
}

tt_status tt_thread_start(tt_thread *thread, const char *name, uint8_t priority, void *stack,
                          size_t stack_bytes, void (*entry)(void *argument), void *argument)
{
    TT_CHECK(!tt_arch_in_interrupt());
    if (priority == 0 || priority >= TT_PRIORITIES || name == NULL || entry == NULL ||
        stack == NULL || (uintptr_t)stack % TT_STACK_ALIGNMENT != 0 ||
        stack_bytes < TT_STACK_GUARD + TT_STACK_ALIGNMENT)
        return TT_INVALID;
    return tt_thread_begin(thread, name, priority, stack, stack_bytes, entry, argument);
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
    TT_CHECK(!tt_arch_in_interrupt());
    tt_thread *self = tt_kernel_current;
    TT_CHECK(self->held == NULL); // nobody else could unlock it
    tt_lock_state lock = tt_scheduler_lock();
    tt_make_unready(self);
    self->state = TT_THREAD_ENDED;
    tt_list_remove(&self->all_link);
    while (tt_wake_first(&self->joiners) != NULL)
        ;
    tt_arch_guard_release(self->stack); // nobody else runs before we have left it
    tt_scheduler_unlock(lock);
    TT_CHECK(false); // nobody wakes an ended thread
    __builtin_unreachable();
}

tt_status tt_thread_join(tt_thread *thread, tt_time deadline)
{
    TT_CHECK(!tt_arch_in_interrupt());
    TT_CHECK(started(thread));
    if (thread == tt_kernel_current)
        return TT_INVALID;
    if (is_idle(thread))
        return TT_DENIED;
    tt_lock_state lock = tt_scheduler_lock();
    if (thread->state != TT_THREAD_ENDED)
        return tt_wait_unlock(&thread->joiners, deadline, lock);
    tt_arch_unlock(lock);
    return TT_OK;
}

tt_status tt_thread_suspend(tt_thread *thread)
{
    TT_CHECK(started(thread));
    if (is_idle(thread))
        return TT_DENIED;
    tt_lock_state lock = tt_scheduler_lock();
    if (thread->state == TT_THREAD_ENDED) {
        tt_arch_unlock(lock);
        return TT_INVALID;
    }
    thread->suspended = true;
    if (thread->state == TT_THREAD_READY) {
        tt_make_unready(thread);
        thread->state = TT_THREAD_SUSPENDED;
    }
    tt_scheduler_unlock(lock);
    return TT_OK;
}

tt_status tt_thread_resume(tt_thread *thread)
{
    TT_CHECK(started(thread));
    tt_lock_state lock = tt_scheduler_lock();
    tt_status status = TT_OK;
    if (thread->suspended) {
        thread->suspended = false;
        if (thread->state == TT_THREAD_SUSPENDED)
            tt_make_ready(thread);
    } else if (thread->state == TT_THREAD_ENDED) {
        status = TT_INVALID;
    }
    tt_scheduler_unlock(lock);
    return status;
}

tt_status tt_thread_set_priority(tt_thread *thread, uint8_t priority)
{
    TT_CHECK(started(thread));
    if (priority == 0 || priority >= TT_PRIORITIES)
        return TT_INVALID;
    if (is_idle(thread))
        return TT_DENIED;
    tt_lock_state lock = tt_scheduler_lock();
    tt_status status = thread->state == TT_THREAD_ENDED ? TT_INVALID : TT_OK;
    if (status == TT_OK) {
        thread->base_priority = priority;
        tt_mutex_update_priority(thread);
    }
    tt_scheduler_unlock(lock);
    return status;
}

size_t tt_thread_stack_unused(const tt_thread *thread)
{
    TT_CHECK(started(thread));
    const uint32_t *low = (const uint32_t *)((uintptr_t)thread->stack + TT_STACK_GUARD);
    size_t words = (thread->stack_bytes - TT_STACK_GUARD) / STACK_WORD, unused = 0;
    while (unused < words && low[unused] == STACK_FILL)
        unused++;
    return unused * STACK_WORD;
}
