// A trap that the compiler puts where a program must never come, which is no failed check, or an
// instruction that is none (TRAP): both name themselves and the place.

#include "tutti/check.h"
#include "tutti/kernel.h"

__attribute__((noinline)) static void strike(volatile int *count)
{
    (*count)++;
    TRAP;
}

static void run(void *argument)
{
    volatile int count = 0;
    strike(&count);
    strike(argument); // so that the call above is not the last
}

void tt_main(void)
{
    static TT_STACK(stack, 2 * TT_IDLE_STACK_BYTES);
    static tt_thread thread;
    TT_CHECK(tt_thread_start(&thread, "struck", 20, stack, sizeof(stack), run, NULL) == TT_OK);
    tt_thread_join(&thread, TT_FOREVER);
    tt_board_stop(0);
}
