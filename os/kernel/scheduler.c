// Which thread runs: ready lists by priority, and a bitmap of those that are not empty.
//
// Invariants, whenever unlocked: a thread is in the ready list of its priority exactly while its
// state says so; bit p of tt_ready_priorities is set exactly where tt_ready[p] has threads;
// tt_kernel_next is the first of the highest such list.

#include "os/kernel/scheduler.h"
#include "os/kernel/timers.h"

tt_thread *tt_kernel_current;
tt_thread *tt_kernel_next;

tt_list tt_ready[TT_PRIORITIES];
uint32_t tt_ready_priorities;
tt_list tt_threads = {&tt_threads, &tt_threads};

static void choose_next(void)
{
    unsigned priority = 31 - (unsigned)__builtin_clz(tt_ready_priorities);
    tt_kernel_next = TT_CONTAINER(tt_ready[priority].next, tt_thread, link);
}

static void take_out(tt_thread *thread)
{
    tt_list_remove(&thread->link);
    if (tt_list_empty(&tt_ready[thread->priority]))
        tt_ready_priorities &= ~(1u << thread->priority);
}

void tt_make_ready(tt_thread *thread)
{
    unsigned priority = thread->priority;
    thread->state = TT_THREAD_READY;
    tt_list_append(&tt_ready[priority], &thread->link);
    tt_ready_priorities |= 1u << priority;
    if (tt_kernel_next == NULL || priority > tt_kernel_next->priority)
        tt_kernel_next = thread;
}

void tt_make_ready_or_suspended(tt_thread *thread)
{
    if (thread->suspended)
        thread->state = TT_THREAD_SUSPENDED; // ready as soon as it is resumed
    else
        tt_make_ready(thread);
}

void tt_make_unready(tt_thread *thread)
{
    take_out(thread);
    choose_next();
}

static void insert_by_priority(tt_wait_queue *queue, tt_thread *thread, bool before_equals)
{
    unsigned passed = thread->priority + (before_equals ? 1u : 0u); // the lowest that we go behind
    tt_list *place = queue->threads.next;
    while (place != &queue->threads && TT_CONTAINER(place, tt_thread, link)->priority >= passed)
        place = place->next;
    tt_list_insert_before(place, &thread->link);
}

bool tt_wait_begin(tt_wait_queue *queue, tt_time deadline)
{
    tt_thread *self = tt_kernel_current;
    if (deadline != TT_FOREVER && deadline <= tt_arch_now())
        return false;
    TT_CHECK(!tt_arch_in_interrupt());
    tt_make_unready(self);
    self->state = TT_THREAD_WAITING;
    self->queue = queue;
    if (queue != NULL)
        insert_by_priority(queue, self, false);
    if (deadline != TT_FOREVER)
        tt_timer_start(self, deadline);
    return true;
}

tt_status tt_wait_unlock(tt_wait_queue *queue, tt_time deadline, tt_lock_state lock)
{
    if (tt_wait_begin(queue, deadline))
        return tt_wait_end(lock);
    tt_arch_unlock(lock);
    return TT_TIMED_OUT;
}

bool tt_waited_for(const tt_wait_queue *queue)
{
    for (tt_list *at = tt_threads.next; at != &tt_threads; at = at->next)
        if (TT_CONTAINER(at, tt_thread, all_link)->queue == queue)
            return true;
    return false;
}

void tt_wake(tt_thread *thread, tt_status result)
{
    tt_timer_stop(thread);
    tt_list_remove(&thread->link);
    thread->queue = NULL;
    thread->result = (int8_t)result;
    tt_make_ready_or_suspended(thread);
}

void tt_change_priority(tt_thread *thread, uint8_t priority)
{
    bool falls = priority < thread->priority;
    if (thread->state == TT_THREAD_READY) {
        take_out(thread);
        thread->priority = priority;
        tt_list *list = &tt_ready[priority];
        tt_list_insert_before(falls ? list->next : list, &thread->link);
        tt_ready_priorities |= 1u << priority;
        choose_next();
    } else if (thread->queue != NULL) {
        tt_list_remove(&thread->link);
        thread->priority = priority;
        insert_by_priority(thread->queue, thread, falls);
    } else {
        thread->priority = priority;
    }
}

// Here, since the current thread is the first of its list and nothing but the order in it changes.
void tt_thread_yield(void)
{
    TT_CHECK(!tt_arch_in_interrupt());
    tt_lock_state lock = tt_scheduler_lock();
    tt_thread *self = tt_kernel_current;
    tt_list *equals = &tt_ready[self->priority];
    tt_list_remove(&self->link);
    tt_list_append(equals, &self->link);
    tt_kernel_next = TT_CONTAINER(equals->next, tt_thread, link);
    tt_scheduler_unlock(lock);
}

void tt_scheduler_init(void)
{
    for (unsigned i = 0; i < TT_PRIORITIES; i++)
        tt_list_init(&tt_ready[i]);
}
