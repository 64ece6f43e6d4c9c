// A Cortex-M thread's stack pointer points to WILD_STACK when an interrupt comes: the CPU cannot
// save its registers there, and the dump says so instead of showing what the place holds.

#include "tutti/check.h"
#include "tutti/kernel.h"

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
    __asm__ volatile("mov sp, %0\n b ." ::"r"(WILD_STACK));
}
