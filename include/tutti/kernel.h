// The kernel: threads, one wait queue under every blocking object, mutex, semaphore, queue, time.
//
// The highest-priority ready thread runs; equals run in the order they became ready and yield to
// each other only when they block or call tt_thread_yield. A thread whose priority rises goes
// behind its new equals, one whose priority falls goes before them. Nothing allocates: every object
// is its owner's storage.
//
// Deadlines are absolute times; TT_FOREVER never passes, a time in the past only tries. Unless said
// otherwise a call is made from a thread; those marked "any" also from an interrupt handler.
//
// What a program can come by while it runs is a status; a call that is wrong whatever its data (an
// object that was never initialised, waiting in an interrupt) is a failed check, which stops the
// device. docs/kernel.md has the table of both.

#ifndef TUTTI_KERNEL_H
#define TUTTI_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tutti/cpu.h"
#include "tutti/language.h"
#include "tutti/list.h"
#include "tutti/status.h"
#include "tutti/time.h"

TT_C_BEGIN

#define TT_PRIORITIES 32 // 1 is the lowest, 31 the highest; 0 is the idle thread's alone

typedef struct tt_thread tt_thread;

// Threads that wait for one thing, highest priority first, equals in order of arrival.
typedef struct tt_wait_queue {
    tt_list threads;
} tt_wait_queue;

typedef struct tt_mutex tt_mutex;

// All members are the kernel's.
struct tt_thread {
    // The CPU's, which alone knows what lies in it. First: the switch code finds it there.
    TT_ALIGNED(TT_CONTEXT_ALIGNMENT) uint8_t context[TT_CONTEXT_BYTES];
    tt_list link;       // in a ready list or a wait queue
    tt_list timer_link; // in the list of those with a deadline
    tt_list all_link;   // in the list of those that have not ended
    tt_time deadline;
    tt_wait_queue *queue;  // waited in, or NULL
    tt_wait_queue joiners; // who wait for its end
    void *transfer;        // what a waker hands over
    tt_mutex *held;        // mutexes owned, newest first
    tt_mutex *wanted;      // waited for
    const char *name;
    void *stack;
    size_t stack_bytes;
    uint32_t mark; // that it is one
    int8_t result; // tt_status of the wait
    uint8_t priority, base_priority;
    uint8_t state;
    bool suspended;
};

// Storage for a thread's stack, with what the CPU needs to guard its lower end. `bytes` are usable.
#define TT_STACK(name, bytes)                                                                      \
    TT_ALIGNED(TT_STACK_ALIGNMENT)                                                                 \
    uint8_t name[TT_STACK_GUARD +                                                                  \
                 ((bytes) + TT_STACK_ALIGNMENT - 1) / TT_STACK_ALIGNMENT * TT_STACK_ALIGNMENT]

// Starts a thread in caller-given storage; `stack` comes from TT_STACK and `stack_bytes` is its
// sizeof. The name is not copied. Returning from `entry` ends the thread. It may run before this
// returns. TT_INVALID: no priority from 1 to 31, no name, no entry, a stack that is too small or
// not aligned. TT_BUSY: the thread has been started and has not ended, or another's stack is there.
TT_USE_RESULT tt_status tt_thread_start(tt_thread *thread, const char *name, uint8_t priority,
                                        void *stack, size_t stack_bytes,
                                        void (*entry)(void *argument), void *argument);
tt_thread *tt_thread_self(void);       // any: the interrupted one
void tt_thread_yield(void);            // to the next ready thread of the same priority
void tt_thread_sleep(tt_time until);   // an absolute time; one that has passed returns at once
TT_NORETURN void tt_thread_exit(void); // holding no mutex

// TT_OK when the thread has ended, now or before, for any number of joiners; from then on its
// storage is ordinary memory, the guard included, and may be started again. TT_TIMED_OUT;
// TT_INVALID: itself; TT_DENIED: the idle thread, which does not end.
tt_status tt_thread_join(tt_thread *thread, tt_time deadline);

// Keeps a thread from running until it is resumed, also one that waits, or itself; again changes
// nothing. TT_INVALID: it has ended; TT_DENIED: the idle thread. Any.
tt_status tt_thread_suspend(tt_thread *thread);
tt_status tt_thread_resume(tt_thread *thread); // TT_INVALID: it has ended. Any. Else TT_OK.

// Its own priority; it runs with a higher one while it inherits that. TT_INVALID: not from 1 to 31,
// or it has ended; TT_DENIED: the idle thread. Any.
tt_status tt_thread_set_priority(tt_thread *thread, uint8_t priority);
size_t tt_thread_stack_unused(const tt_thread *thread); // bytes never touched so far. Any.

// Nanoseconds on a clock that starts anywhere and never goes back. Any.
tt_time tt_now(void);

// A lock with an owner; its owner inherits the priority of whoever waits for it, through chains of
// them.
struct tt_mutex {
    uint32_t mark;
    tt_thread *owner;
    tt_mutex *next_held;
    tt_wait_queue waiters;
};
TT_USE_RESULT tt_status tt_mutex_init(tt_mutex *mutex);     // TT_BUSY: a thread holds it
tt_status tt_mutex_lock(tt_mutex *mutex, tt_time deadline); // TT_OK or TT_TIMED_OUT; not recursive
void tt_mutex_unlock(tt_mutex *mutex);                      // by its owner

// Units and those who wait for one: whoever gives hands its unit to the first of them.
typedef struct tt_semaphore {
    uint32_t mark;
    unsigned free, limit;
    tt_wait_queue waiters;
} tt_semaphore;
// TT_INVALID: a limit of 0, or less than `free`; TT_BUSY: a thread waits.
TT_USE_RESULT tt_status tt_semaphore_init(tt_semaphore *semaphore, unsigned free, unsigned limit);
// TT_OK or TT_TIMED_OUT. Any, with a deadline that has passed.
tt_status tt_semaphore_take(tt_semaphore *semaphore, tt_time deadline);
tt_status tt_semaphore_give(tt_semaphore *semaphore); // TT_OK, or TT_FULL at the limit. Any.

// Messages of one size in a ring that the caller gives, first in, first out.
typedef struct tt_queue {
    uint32_t mark;
    uint8_t *storage; // (capacity, message_bytes)
    size_t message_bytes;
    unsigned capacity, count, first;
    tt_wait_queue senders, receivers;
} tt_queue;
// TT_INVALID: no storage, or nothing fits it; TT_BUSY: a thread waits.
TT_USE_RESULT tt_status tt_queue_init(tt_queue *queue, void *storage, size_t message_bytes,
                                      unsigned capacity);
// Both copy the message. TT_OK or TT_TIMED_OUT. Any, with a deadline that has passed.
tt_status tt_queue_send(tt_queue *queue, const void *message, tt_time deadline);
tt_status tt_queue_receive(tt_queue *queue, void *message, tt_time deadline);

// Interrupts: a handler for a line of the board's controller, in the place of the one it had; the
// line is then enabled. Handlers run with further interrupts of the same level held off.
// TT_INVALID: the board has no such line, it is the timer's, or no handler is given. Any.
TT_USE_RESULT tt_status tt_interrupt_attach(unsigned line, void (*handler)(void *context),
                                            void *context);
bool tt_in_interrupt(void); // any

// Called once by the board's start-up code on the first stack, interrupts off: makes a thread of
// `entry` (priority `priority`) and never returns.
TT_NORETURN void tt_kernel_start(void (*entry)(void *argument), uint8_t priority);

// How often an interrupt has ended the idle thread's sleep since the start; wraps around. Any.
uint32_t tt_kernel_wakeups(void);

// Text to a person: to the board's console and into the log that a reset keeps (tutti/kept.h). Any.
// The bytes of one call stay together (up to 256), whichever threads and interrupts write; so a
// line is one call.
void tt_console_write(const void *bytes, size_t length);
void tt_console_write_unlogged(const void *bytes, size_t length); // the same, to the console only

// What every board gives (os/board). tt_board_stop ends a program that runs under an emulator, a
// debugger or an operating system with a code; a device in the field has none of them and is reset.
// A reset keeps what tutti/kept.h describes.
TT_NORETURN void tt_board_stop(int code);
TT_NORETURN void tt_board_reset(void);

// What follows the dump of a fault or a failed check; a second one while dumping comes with another
// code. The kernel's own stops by tt_board_stop, for images that are tests. A product links one
// that resets.
TT_NORETURN void tt_kernel_end(int code);

// The entry of an image: runs in the first thread.
void tt_main(void);

TT_C_END

#endif
