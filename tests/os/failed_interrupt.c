// A check that fails in an interrupt handler: the dump says so, shows the handler's stack, and
// leads to the functions by their names. The linker puts our tick in front of the kernel's.

#include "tutti/check.h"
#include "tutti/kernel.h"

static volatile int ticks_that_nobody_expected_while_the_first_thread_was_busy;

void __wrap_tt_kernel_tick(void);

__attribute__((noinline)) static int look(int expected)
{
    volatile char words[48]; // a frame of its own
    words[expected] = (char)expected;
    TT_CHECK(ticks_that_nobody_expected_while_the_first_thread_was_busy > 0 &&
             "a condition may be longer than the line that the dump has for it");
    return words[expected];
}

void __wrap_tt_kernel_tick(void)
{
    ticks_that_nobody_expected_while_the_first_thread_was_busy =
        look(ticks_that_nobody_expected_while_the_first_thread_was_busy);
}

static void sleep(void *argument)
{
    (void)argument;
    tt_thread_sleep(tt_now() + TT_MS(5));
}

void tt_main(void)
{
    static TT_STACK(stack, 2 * TT_IDLE_STACK_BYTES);
    static tt_thread thread;
    TT_CHECK(tt_thread_start(&thread, "sleeper", 20, stack, sizeof(stack), sleep, NULL) == TT_OK);
    while (tt_now() < TT_FOREVER)
        ; // busy, so that the interrupt finds a thread of its own mind, not one that waits
}
