// The kernel: threads, one wait queue under every blocking object, mutex, semaphore, queue, time.
//
// The highest-priority ready thread runs; equals run in the order they became ready and yield to
// each other only when they block or call tt_thread_yield. Nothing allocates: every object is its
// owner's storage. Deadlines are absolute times; TT_FOREVER never passes, a time in the past only
// tries. Unless said otherwise a call is made from a thread; those marked "any" also from an
// interrupt handler.

#ifndef TUTTI_KERNEL_H
#define TUTTI_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tutti/list.h"
#include "tutti/status.h"
#include "tutti/time.h"
#include "os/arch/context.h"

#define TT_PRIORITIES 32 // 0 is the lowest and the idle thread's; 31 the highest

typedef struct tt_thread tt_thread;

// Threads that wait for one thing, highest priority first, equals in order of arrival.
typedef struct tt_wait_queue {
    tt_list threads;
} tt_wait_queue;

typedef struct tt_mutex tt_mutex;

struct tt_thread {
    tt_arch_context context; // first: the switch code finds it there
    tt_list link;            // in a ready list or a wait queue
    tt_list timer_link;      // in the list of those with a deadline
    tt_time deadline;
    tt_wait_queue *queue; // waited in, or NULL
    void *transfer;       // what a waker hands over
    tt_mutex *held;       // mutexes owned, newest first
    tt_mutex *wanted;     // waited for
    const char *name;
    void *stack;
    size_t stack_bytes;
    int8_t result; // tt_status of the wait
    uint8_t priority, base_priority;
    uint8_t state;
    bool suspended;
};

// Storage for a thread's stack, with what the CPU needs to guard its lower end. `bytes` are usable.
#define TT_STACK(name, bytes)                                                                      \
    _Alignas(TT_STACK_ALIGNMENT)                                                                   \
        uint8_t name[TT_STACK_GUARD +                                                              \
                     ((bytes) + TT_STACK_ALIGNMENT - 1) / TT_STACK_ALIGNMENT * TT_STACK_ALIGNMENT]

// Starts a thread in caller-given storage; `stack` comes from TT_STACK and `stack_bytes` is its
// sizeof. The name is not copied. Returning from `entry` ends the thread. It may run before this
// returns.
void tt_thread_start(tt_thread *thread, const char *name, uint8_t priority, void *stack,
                     size_t stack_bytes, void (*entry)(void *argument), void *argument);
tt_thread *tt_thread_self(void);
void tt_thread_yield(void); // to the next ready thread of the same priority
void tt_thread_sleep(tt_time until);
_Noreturn void tt_thread_exit(void);
// TT_OK when the thread has ended, TT_TIMED_OUT otherwise. Its storage is free again after TT_OK.
tt_status tt_thread_join(tt_thread *thread, tt_time deadline);
void tt_thread_suspend(tt_thread *thread); // until resumed, also while it waits; itself too. Any.
void tt_thread_resume(tt_thread *thread);  // Any.
void tt_thread_set_priority(tt_thread *thread, uint8_t priority);
size_t tt_thread_stack_unused(const tt_thread *thread); // bytes never touched so far

// Nanoseconds on a clock that starts anywhere and never goes back. Any.
tt_time tt_now(void);

// A lock with an owner; its owner inherits the priority of whoever waits for it, through chains of
// them.
struct tt_mutex {
    tt_thread *owner;
    tt_mutex *next_held;
    tt_wait_queue waiters;
};
void tt_mutex_init(tt_mutex *mutex);
tt_status tt_mutex_lock(tt_mutex *mutex, tt_time deadline); // TT_OK or TT_TIMED_OUT; not recursive
void tt_mutex_unlock(tt_mutex *mutex);                      // by its owner

// Units and those who wait for one. Giving is allowed in any context.
typedef struct tt_semaphore {
    unsigned free, limit;
    tt_wait_queue waiters;
} tt_semaphore;
void tt_semaphore_init(tt_semaphore *semaphore, unsigned free, unsigned limit);
tt_status tt_semaphore_take(tt_semaphore *semaphore, tt_time deadline); // TT_OK or TT_TIMED_OUT
tt_status tt_semaphore_give(tt_semaphore *semaphore);                   // any; TT_OK or TT_FULL

// Messages of one size in a ring that the caller gives, first in, first out.
typedef struct tt_queue {
    uint8_t *storage; // (capacity, message_bytes)
    size_t message_bytes;
    unsigned capacity, count, first;
    tt_wait_queue senders, receivers;
} tt_queue;
void tt_queue_init(tt_queue *queue, void *storage, size_t message_bytes, unsigned capacity);
tt_status tt_queue_send(tt_queue *queue, const void *message,
                        tt_time deadline); // any with past deadline
tt_status tt_queue_receive(tt_queue *queue, void *message, tt_time deadline);

// Interrupts: a handler for a line of the board's controller, which is then enabled. Handlers run
// with further interrupts of the same level held off; they may give semaphores and send without
// waiting.
void tt_interrupt_attach(unsigned line, void (*handler)(void *context), void *context);
bool tt_in_interrupt(void);

// Called once by the board's start-up code on the first stack, interrupts off: makes a thread of
// `entry` (priority `priority`) and never returns.
_Noreturn void tt_kernel_start(void (*entry)(void *argument), uint8_t priority);

// How often an interrupt has ended the idle thread's sleep since the start; wraps around. Any.
uint32_t tt_kernel_wakeups(void);

// What every board gives (os/board): text to a person, and the end.
void tt_console_write(const void *bytes, size_t length); // any
_Noreturn void tt_board_stop(int code);

// The entry of an image: runs in the first thread.
void tt_main(void);

#endif
