// What the images that test the kernel share: scenarios that write the order of events down, and
// things that happen in an interrupt. The linker puts the tick of events.c in front of the
// kernel's.

#ifndef TUTTI_TESTS_OS_EVENTS_H
#define TUTTI_TESTS_OS_EVENTS_H

#include "tutti/check.h"
#include "tutti/kernel.h"
#include "tutti/text.h"

// The host delivers signals on the stack of the thread that runs: a frame of its whole register
// state.
#define TEST_STACK_BYTES (TT_STACK_GUARD >= 4096 ? 32 * 1024 : 2048)
#define TEST_STACK(name) TT_STACK(name, TEST_STACK_BYTES)

void say(const char *text);
void say_number(const char *before, int64_t number, const char *after);

void begin(void);             // a scenario
void event(const char *name); // of it
void expect(const char *test, const char *order);
void expect_true(const char *test, bool right);
_Noreturn void finish(const char *image); // prints "IMAGE: all passed" or FAILED, and stops

// Starts a thread on a stack made by TEST_STACK. `argument` is a name to write down, or a number in
// its place.
void start(tt_thread *thread, void *stack, uint8_t priority, void (*entry)(void *),
           const void *argument);
void join(tt_thread *thread);
void say_name(void *argument); // an entry: writes it down

// Whether interrupts come, in a thread: each call of the kernel must leave them so.
bool interrupts_are_on(void);
void round_to_zero(void); // floating-point numbers, of this thread; in rounding_MACHINE.c

void sleep_ms(int duration_ms);
void busy_for(tt_time duration);

// Lets `act` happen in an interrupt while this thread is busy.
void in_interrupt(void (*act)(void));
extern void (*volatile at_tick)(void); // the same, in the next interrupt of the timer

#endif
