// Which thread runs: ready lists by priority, a bitmap of those that are not empty, deadlines in
// order.
//
// Invariants, whenever unlocked: the current thread is in the ready list of its priority unless it
// waits; bit p of `ready_priorities` is set exactly where ready[p] has threads; tt_kernel_next is
// the first of the highest such list; `timers` is sorted, its first element's deadline is in the
// timer.

#include <string.h>

#include "os/kernel/mutex.h"
#include "os/kernel/scheduler.h"

tt_thread *tt_kernel_current;
tt_thread *tt_kernel_next;

static tt_list ready[TT_PRIORITIES];
static uint32_t ready_priorities;
static tt_list timers;

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

static void arm_timer(void)
{
    if (tt_list_empty(&timers))
        tt_arch_timer_set(TT_FOREVER);
    else
        tt_arch_timer_set(TT_CONTAINER(timers.next, tt_thread, timer_link)->deadline);
}

static void start_timer(tt_thread *thread, tt_time deadline)
{
    tt_list *place = timers.next;
    thread->deadline = deadline;
    while (place != &timers && TT_CONTAINER(place, tt_thread, timer_link)->deadline <= deadline)
        place = place->next;
    tt_list_insert_before(place, &thread->timer_link);
    if (timers.next == &thread->timer_link)
        arm_timer();
}

static void stop_timer(tt_thread *thread)
{
    if (tt_list_empty(&thread->timer_link))
        return;
    bool first = timers.next == &thread->timer_link;
    tt_list_remove(&thread->timer_link);
    if (first)
        arm_timer();
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
        start_timer(self, deadline);
    tt_scheduler_unlock(lock); // away, and back when woken
    return (tt_status)self->result;
}

void tt_wake(tt_thread *thread, tt_status result)
{
    stop_timer(thread);
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

void tt_kernel_tick(void)
{
    tt_lock_state lock = tt_scheduler_lock();
    tt_time now = tt_arch_now();
    while (!tt_list_empty(&timers)) {
        tt_thread *thread = TT_CONTAINER(timers.next, tt_thread, timer_link);
        if (thread->deadline > now)
            break;
        tt_list_remove(&thread->timer_link); // the timer is set once, below
        tt_wake(thread, thread->queue == NULL ? TT_OK : TT_TIMED_OUT);
        if (thread->wanted != NULL) // now, or an owner that is busy would keep it from running
            tt_mutex_given_up(thread);
    }
    arm_timer();
    tt_scheduler_unlock(lock);
}

void tt_scheduler_init(void)
{
    tt_list_init(&timers);
    for (unsigned i = 0; i < TT_PRIORITIES; i++)
        tt_list_init(&ready[i]);
}
