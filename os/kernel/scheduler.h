// The scheduler and the one wait-queue primitive, for the kernel's own files.

#ifndef TUTTI_OS_KERNEL_SCHEDULER_H
#define TUTTI_OS_KERNEL_SCHEDULER_H

#include "os/arch/arch.h"
#include "tutti/kernel.h"
#include "tutti/check.h"

typedef uintptr_t tt_lock_state;

// What an initialised object holds. One byte four times: a Cortex-M compares with it in one
// instruction.
#define TT_MARK_THREAD 0x74747474u
#define TT_MARK_MUTEX 0x6d6d6d6du
#define TT_MARK_SEMAPHORE 0x73737373u
#define TT_MARK_QUEUE 0x71717171u

enum {
    TT_THREAD_READY,     // in the ready list of its priority
    TT_THREAD_WAITING,   // in `queue`, unless that is NULL, and in the timers if it has a deadline
    TT_THREAD_SUSPENDED, // it would be ready if it were not suspended
    TT_THREAD_STARTING,  // its stack is being made
    TT_THREAD_ENDED,
};

// For the kernel's own files, and for the test that checks the invariants.
extern tt_list tt_ready[TT_PRIORITIES];
extern uint32_t tt_ready_priorities;
extern tt_list tt_threads; // all that have been started and have not ended

static inline tt_lock_state tt_scheduler_lock(void)
{
    return tt_arch_lock();
}

// Switches first where another thread is to run.
static inline void tt_scheduler_unlock(tt_lock_state lock)
{
    if (tt_kernel_next != tt_kernel_current)
        tt_arch_switch();
    tt_arch_unlock(lock);
}

void tt_scheduler_init(void);                       // once, before any thread
void tt_make_ready(tt_thread *thread);              // locked
void tt_make_unready(tt_thread *thread);            // locked: takes a ready thread out
void tt_make_ready_or_suspended(tt_thread *thread); // locked

// As tt_thread_start, for any priority and without looking at the arguments.
tt_status tt_thread_begin(tt_thread *thread, const char *name, uint8_t priority, void *stack,
                          size_t stack_bytes, void (*entry)(void *argument), void *argument);

static inline void tt_wait_queue_init(tt_wait_queue *queue)
{
    tt_list_init(&queue->threads);
}

// Locked: whether a thread waits there. The queue's own bytes may be anything.
bool tt_waited_for(const tt_wait_queue *queue);

// Locked: the current thread joins the queue (NULL: none), to sleep when it unlocks, and true; or
// the deadline has passed, and false. Only the latter may happen in an interrupt.
bool tt_wait_begin(tt_wait_queue *queue, tt_time deadline);

// Locked: unlocks, sleeps, and returns what the waker gave.
static inline tt_status tt_wait_end(tt_lock_state lock)
{
    tt_thread *self = tt_kernel_current;
    tt_scheduler_unlock(lock); // away, and back when woken
    return (tt_status)self->result;
}

// Both: unlocks. A deadline that has passed returns TT_TIMED_OUT at once.
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

// Locked: the priority that it runs with, its own or an inherited one. In its ready list or wait
// queue it goes behind its equals if it rose, and before them if it fell.
void tt_change_priority(tt_thread *thread, uint8_t priority);

#endif
