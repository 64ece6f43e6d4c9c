// Which thread runs: ready lists by priority, and a bitmap of those that are not empty.
//
// Invariants, whenever unlocked: the current thread is in the ready list of its priority unless it
// waits; bit p of `ready_priorities` is set exactly where ready[p] has threads; tt_kernel_next is
// the first of the highest such list.

#include "os/kernel/scheduler.h"
#include "os/kernel/timers.h"

tt_thread *tt_kernel_current;
tt_thread *tt_kernel_next;

static tt_list ready[TT_PRIORITIES];
static uint32_t ready_priorities;

void tt_choose_next(void)
{
    unsigned priority = 31 - (unsigned)__builtin_clz(ready_priorities);
    tt_kernel_next = TT_CONTAINER(ready[priority].next, tt_thread, link);
}

void tt_make_ready(tt_thread *thread)
{
    thread->state = TT_THREAD_READY;
    tt_list_append(&ready[thread->priority], &thread->link);
    ready_priorities |= 1u << thread->priority;
    if (tt_kernel_next == NULL || thread->priority > tt_kernel_next->priority)
        tt_kernel_next = thread;
}

void tt_make_unready(tt_thread *thread)
{
    tt_list_remove(&thread->link);
    if (tt_list_empty(&ready[thread->priority]))
        ready_priorities &= ~(1u << thread->priority);
    tt_choose_next();
}

static void insert_by_priority(tt_wait_queue *queue, tt_thread *thread)
{
    tt_list *place = queue->threads.next;
    while (place != &queue->threads &&
           TT_CONTAINER(place, tt_thread, link)->priority >= thread->priority)
        place = place->next;
    tt_list_insert_before(place, &thread->link);
}

tt_status tt_wait_unlock(tt_wait_queue *queue, tt_time deadline, tt_lock_state lock)
{
    tt_thread *self = tt_kernel_current;
    TT_CHECK(!tt_arch_in_interrupt());
    if (deadline != TT_FOREVER && deadline <= tt_arch_now()) {
        tt_scheduler_unlock(lock);
        return TT_TIMED_OUT;
    }
    tt_make_unready(self);
    self->state = TT_THREAD_WAITING;
    self->queue = queue;
    self->result = TT_TIMED_OUT;
    if (queue != NULL)
        insert_by_priority(queue, self);
    if (deadline != TT_FOREVER)
        tt_timer_start(self, deadline);
    tt_scheduler_unlock(lock); // away, and back when woken
    return (tt_status)self->result;
}

void tt_wake(tt_thread *thread, tt_status result)
{
    tt_timer_stop(thread);
    tt_list_remove(&thread->link);
    thread->queue = NULL;
    thread->result = (int8_t)result;
    if (thread->suspended)
        thread->state = TT_THREAD_READY; // ready as soon as it is resumed
    else
        tt_make_ready(thread);
}

void tt_requeue(tt_thread *thread, uint8_t priority)
{
    if (thread->state == TT_THREAD_WAITING) {
        thread->priority = priority;
        if (thread->queue != NULL) {
            tt_list_remove(&thread->link);
            insert_by_priority(thread->queue, thread);
        }
    } else if (thread->suspended || thread->state == TT_THREAD_ENDED) {
        thread->priority = priority;
    } else {
        tt_list_remove(&thread->link);
        if (tt_list_empty(&ready[thread->priority]))
            ready_priorities &= ~(1u << thread->priority);
        thread->priority = priority;
        tt_list_append(&ready[priority], &thread->link);
        ready_priorities |= 1u << priority;
        tt_choose_next();
    }
}

// Here, since the current thread is the first of its list and nothing but the order in it changes.
void tt_thread_yield(void)
{
    tt_lock_state lock = tt_scheduler_lock();
    tt_thread *self = tt_kernel_current;
    tt_list *equals = &ready[self->priority];
    tt_list_remove(&self->link);
    tt_list_append(equals, &self->link);
    tt_kernel_next = TT_CONTAINER(equals->next, tt_thread, link);
    tt_scheduler_unlock(lock);
}

void tt_scheduler_init(void)
{
    for (unsigned i = 0; i < TT_PRIORITIES; i++)
        tt_list_init(&ready[i]);
}
