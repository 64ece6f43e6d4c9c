// What a CPU owes the kernel, and what it calls in it.
//
// One core. "Locked" means that interrupts are off. The kernel decides which thread is next and
// says so in tt_kernel_next; the CPU makes it current at the next point where it may.

#ifndef TUTTI_OS_ARCH_ARCH_H
#define TUTTI_OS_ARCH_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "os/arch/context.h"
#include "tutti/time.h"

typedef struct tt_thread tt_thread; // the kernel's; it begins with its tt_arch_context

// Given by the CPU, as functions or inline in its context.h.

uintptr_t tt_arch_lock(void);         // interrupts off; returns whether they were on
void tt_arch_unlock(uintptr_t state); // as they were; a requested switch happens no later than here
bool tt_arch_in_interrupt(void);

// Makes a context whose first run calls entry(argument) on the stack with interrupts on, and arms
// the guard below the stack: a byte written there must fault before any neighbour's changes.
void tt_arch_context_init(tt_arch_context *context, void *stack, size_t stack_bytes,
                          void (*entry)(void *argument), void *argument);

// Locked, from the thread that runs on the stack and ends: once another thread runs, the guard's
// bytes are ordinary memory again.
void tt_arch_guard_release(void *stack);

// Locked: tt_kernel_next differs from tt_kernel_current. From a thread the switch has happened when
// the thread has unlocked; from an interrupt it happens when the interrupt returns.
void tt_arch_switch(void);

// Locked, once: leaves the start-up stack for tt_kernel_next.
_Noreturn void tt_arch_start(void);

tt_time tt_arch_now(void);
void tt_arch_timer_set(tt_time deadline); // the one timer: tt_kernel_tick no earlier than that
void tt_arch_idle(void); // locked: sleeps until an interrupt is pending; may return at any time
bool tt_arch_interrupt_enable(unsigned line); // false: there is no such line

// Orders what was done before it, to memory and to devices' registers, before what is done after
// it, as every device sees them.
static inline void tt_arch_device_fence(void);

// Given by the kernel.

extern tt_thread *tt_kernel_current; // set by the CPU when it switches
extern tt_thread *tt_kernel_next;
_Noreturn void tt_thread_exit(void); // where returning from a thread's entry leads

void tt_kernel_tick(void);               // in interrupt: the timer's time has come
void tt_kernel_interrupt(unsigned line); // in interrupt: calls the attached handler

typedef struct tt_register {
    const char *name;
    uintptr_t value;
} tt_register;

// Where the CPU was when something went wrong.
typedef struct tt_place {
    const tt_register *registers; // in the order that they are printed
    unsigned count;
    uintptr_t stack_pointer; // where the dump of the stack begins
    // Of the interrupts' stack, where that was in use; an end of 0: the thread's own was.
    uintptr_t stack_low, stack_end;
    bool in_interrupt;
} tt_place;

// A fault that ends the device. Runs on a stack that is known to be good.
_Noreturn void tt_kernel_fault(const char *what, uintptr_t address, const tt_place *place);

// Takes the registers of the caller for a failed check: by a trap of the CPU's own kind, so that
// they are those of the place that failed.
_Noreturn void tt_arch_check_failed(void);
void tt_kernel_check_handler(const char *file, int line, const char *condition); // for base
// The trap's handler calls this with what it saved, if a check is failing: compilers put traps of
// that kind, too, where a program must never come.
_Noreturn void tt_kernel_check_trapped(const tt_place *place);
bool tt_kernel_check_is_failing(void);

// The watchdog. In the timer's interrupt tt_arch_expire takes the registers of what was interrupted
// and calls tt_kernel_expired; an interrupt that cannot be masked asks tt_kernel_bite whether to.
_Noreturn void tt_arch_expire(void);
// Where a thread is that does not run: its registers stay until the next call.
tt_place tt_arch_place_of(const tt_thread *thread);
bool tt_kernel_bite(void);
_Noreturn void tt_kernel_expired(const tt_place *place);

// Given by the board.

typedef struct tt_interrupt_slot {
    void (*handler)(void *context); // NULL: none is attached
    void *context;
} tt_interrupt_slot;
extern tt_interrupt_slot tt_board_interrupts[]; // by line; the kernel's to fill in
extern const unsigned tt_board_interrupt_lines; // how many
extern const unsigned tt_board_timer_line;      // the kernel's own: nobody may attach to it

void tt_board_external_interrupt(void);        // in interrupt: asks the controller which lines wait
bool tt_board_interrupt_enable(unsigned line); // false: the controller has no such line

// A watchdog that bites unless it is fed within `period` (nanoseconds): false where there is none,
// and then it is never fed.
bool tt_board_watchdog_start(tt_time period);
void tt_board_watchdog_feed(void);
void tt_board_watchdog_reset_next(void); // it has bitten: the end that follows may hang, too

// The linker's build id of the image, for a record to tell which one it was; 0 bytes without one.
const uint8_t *tt_board_image(size_t *length);

// Locked: gives the console's device the first bytes, as many as it takes without being waited for;
// returns how many. What can never be written counts as taken.
size_t tt_board_console_put(const uint8_t *bytes, size_t length);

#endif
