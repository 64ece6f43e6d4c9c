// The invariants of the kernel's lists, looked at from outside: each ring link by link, each thread
// in exactly the lists that its state says.

#include "os/kernel/scheduler.h"
#include "os/kernel/timers.h"
#include "tests/os/invariants.h"

#define THREADS_MAX 100 // a ring that is longer has lost its end

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return #condition;                                                                     \
    } while (0)

static tt_thread *thread_of(const tt_list *link)
{
    return TT_CONTAINER(link, tt_thread, link);
}

static bool ring_is_whole(const tt_list *head)
{
    const tt_list *at = head;
    for (unsigned i = 0; i < THREADS_MAX; i++, at = at->next) {
        if (at->next->previous != at)
            return false;
        if (at->next == head)
            return true;
    }
    return false;
}

static bool is_in(const tt_list *head, const tt_list *node)
{
    for (const tt_list *at = head->next; at != head; at = at->next)
        if (at == node)
            return true;
    return false;
}

static unsigned length_of(const tt_list *head)
{
    unsigned length = 0;
    for (const tt_list *at = head->next; at != head; at = at->next)
        length++;
    return length;
}

static const char *ready_broken(unsigned *ready)
{
    const tt_thread *most_urgent = NULL;
    *ready = 0;
    for (unsigned p = 0; p < TT_PRIORITIES; p++) {
        const tt_list *list = &tt_ready[p];
        MUST(ring_is_whole(list));
        MUST(tt_list_empty(list) == !(tt_ready_priorities >> p & 1));
        for (const tt_list *at = list->next; at != list; at = at->next, ++*ready) {
            MUST(thread_of(at)->mark == TT_MARK_THREAD);
            MUST(thread_of(at)->state == TT_THREAD_READY);
            MUST(thread_of(at)->priority == p);
        }
        if (!tt_list_empty(list))
            most_urgent = thread_of(list->next);
    }
    MUST(tt_kernel_next == most_urgent);
    MUST(tt_arch_in_interrupt() || tt_kernel_current == tt_kernel_next);
    return NULL;
}

static const char *waiters_broken(const tt_wait_queue *queue)
{
    MUST(ring_is_whole(&queue->threads));
    unsigned before = TT_PRIORITIES;
    for (const tt_list *at = queue->threads.next; at != &queue->threads; at = at->next) {
        const tt_thread *waiter = thread_of(at);
        MUST(waiter->state == TT_THREAD_WAITING);
        MUST(waiter->queue == queue);
        MUST(waiter->priority <= before);
        before = waiter->priority;
    }
    return NULL;
}

static const char *timers_broken(void)
{
    tt_time before = INT64_MIN;
    MUST(ring_is_whole(&tt_timers));
    for (const tt_list *at = tt_timers.next; at != &tt_timers; at = at->next) {
        const tt_thread *waiter = TT_CONTAINER(at, tt_thread, timer_link);
        MUST(waiter->state == TT_THREAD_WAITING);
        MUST(waiter->deadline >= before && waiter->deadline != TT_FOREVER);
        before = waiter->deadline;
    }
    return NULL;
}

static const char *priority_broken(const tt_thread *thread)
{
    unsigned priority = thread->base_priority;
    for (const tt_mutex *mutex = thread->held; mutex != NULL; mutex = mutex->next_held) {
        MUST(mutex->owner == thread);
        for (const tt_list *at = mutex->waiters.threads.next; at != &mutex->waiters.threads;
             at = at->next)
            if (thread_of(at)->priority > priority)
                priority = thread_of(at)->priority;
    }
    MUST(thread->priority == priority); // no less, and no more
    return NULL;
}

static const char *thread_broken(const tt_thread *thread)
{
    bool waits = thread->state == TT_THREAD_WAITING;
    MUST(thread->mark == TT_MARK_THREAD);
    MUST(thread->state != TT_THREAD_ENDED);
    MUST(thread->state != TT_THREAD_READY || !thread->suspended);
    MUST(thread->state != TT_THREAD_SUSPENDED || thread->suspended);
    MUST(waits || thread->queue == NULL);
    MUST(waits || tt_list_empty(&thread->timer_link));
    MUST(waits || thread->wanted == NULL);
    MUST(tt_list_empty(&thread->timer_link) || is_in(&tt_timers, &thread->timer_link));
    if (thread->state == TT_THREAD_READY)
        MUST(is_in(&tt_ready[thread->priority], &thread->link));
    else if (thread->queue != NULL)
        MUST(is_in(&thread->queue->threads, &thread->link));
    else
        MUST(tt_list_empty(&thread->link));
    if (thread->wanted != NULL)
        MUST(thread->queue == &thread->wanted->waiters);
    const char *broken = waiters_broken(&thread->joiners);
    return broken != NULL ? broken : priority_broken(thread);
}

static bool holds(const tt_thread *thread, const tt_mutex *mutex)
{
    unsigned times = 0;
    for (const tt_mutex *held = thread->held; held != NULL && times < THREADS_MAX;
         held = held->next_held)
        times += held == mutex;
    return times == 1;
}

static const char *mutex_broken(const tt_mutex *mutex)
{
    MUST(mutex->owner != NULL || tt_list_empty(&mutex->waiters.threads));
    MUST(mutex->owner == NULL || is_in(&tt_threads, &mutex->owner->all_link));
    MUST(mutex->owner == NULL || holds(mutex->owner, mutex));
    for (const tt_list *at = mutex->waiters.threads.next; at != &mutex->waiters.threads;
         at = at->next)
        MUST(thread_of(at)->wanted == mutex);
    return waiters_broken(&mutex->waiters);
}

static const char *semaphore_broken(const tt_semaphore *semaphore)
{
    MUST(semaphore->free <= semaphore->limit);
    MUST(semaphore->free == 0 || tt_list_empty(&semaphore->waiters.threads));
    return waiters_broken(&semaphore->waiters);
}

static const char *queue_broken(const tt_queue *queue)
{
    MUST(queue->count <= queue->capacity && queue->first < queue->capacity);
    MUST(queue->count == 0 || tt_list_empty(&queue->receivers.threads));
    MUST(queue->count == queue->capacity || tt_list_empty(&queue->senders.threads));
    const char *broken = waiters_broken(&queue->senders);
    return broken != NULL ? broken : waiters_broken(&queue->receivers);
}

const char *invariants_broken(const invariants_objects *objects)
{
    unsigned ready, ready_by_state = 0;
    const char *broken = ready_broken(&ready);
    if (broken == NULL)
        broken = timers_broken();
    for (unsigned i = 0; broken == NULL && i < objects->mutex_count; i++)
        broken = mutex_broken(&objects->mutexes[i]);
    for (unsigned i = 0; broken == NULL && i < objects->semaphore_count; i++)
        broken = semaphore_broken(&objects->semaphores[i]);
    for (unsigned i = 0; broken == NULL && i < objects->queue_count; i++)
        broken = queue_broken(&objects->queues[i]);
    if (broken != NULL)
        return broken;
    MUST(ring_is_whole(&tt_threads));
    for (const tt_list *at = tt_threads.next; at != &tt_threads; at = at->next) {
        const tt_thread *thread = TT_CONTAINER(at, tt_thread, all_link);
        ready_by_state += thread->state == TT_THREAD_READY;
        broken = thread_broken(thread);
        if (broken != NULL)
            return broken;
    }
    MUST(ready == ready_by_state);
    MUST(length_of(&tt_timers) <= length_of(&tt_threads));
    return NULL;
}
