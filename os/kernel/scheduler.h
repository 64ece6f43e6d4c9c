// The scheduler and the one wait-queue primitive, for the kernel's own files.

#ifndef TUTTI_OS_KERNEL_SCHEDULER_H
#define TUTTI_OS_KERNEL_SCHEDULER_H

#include "os/arch/arch.h"
#include "tutti/kernel.h"
#include "tutti/check.h"

typedef uintptr_t tt_lock_state;

enum { TT_THREAD_READY, TT_THREAD_WAITING, TT_THREAD_ENDED };

static inline tt_lock_state tt_scheduler_lock(void)
{
    return tt_arch_lock();
}

// Switches first where a more urgent thread became ready.
static inline void tt_scheduler_unlock(tt_lock_state lock)
{
    if (tt_kernel_next != tt_kernel_current)
        tt_arch_switch();
    tt_arch_unlock(lock);
}

void tt_scheduler_init(void);            // once, before any thread
void tt_make_ready(tt_thread *thread);   // locked
void tt_make_unready(tt_thread *thread); // locked: takes a ready thread out
void tt_choose_next(void);               // locked

static inline void tt_wait_queue_init(tt_wait_queue *queue)
{
    tt_list_init(&queue->threads);
}

// Locked: the current thread joins the queue (NULL: none) and sleeps; unlocks. Returns what the
// waker gave, or TT_TIMED_OUT. A deadline that has passed returns at once.
tt_status tt_wait_unlock(tt_wait_queue *queue, tt_time deadline, tt_lock_state lock);

void tt_wake(tt_thread *thread, tt_status result); // locked

// Locked: takes the first waiter out and makes it ready with TT_OK; NULL where nobody waits. The
// caller unlocks, which switches if the woken thread is more urgent.
static inline tt_thread *tt_wake_first(tt_wait_queue *queue)
{
    if (tt_list_empty(&queue->threads))
        return NULL;
    tt_thread *thread = TT_CONTAINER(queue->threads.next, tt_thread, link);
    tt_wake(thread, TT_OK);
    return thread;
}

// Locked: puts a waiter where its priority belongs in its queue, or a ready thread in its list.
void tt_requeue(tt_thread *thread, uint8_t priority);

#endif
