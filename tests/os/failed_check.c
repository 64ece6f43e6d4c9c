// A check that fails three calls deep: the dump must lead to the functions by their names.

#include "tutti/check.h"
#include "tutti/kernel.h"

static volatile int limit = 3;

__attribute__((noinline)) static int inner(int value)
{
    TT_CHECK(value < limit);
    return value + 1;
}

__attribute__((noinline)) static int middle(int value)
{
    volatile char words[48]; // a frame of its own
    words[value] = (char)inner(value + 1);
    return words[value] + 1;
}

__attribute__((noinline)) static int outer(int value)
{
    return middle(value + 1) + 1;
}

static void run(void *argument)
{
    limit = outer(*(int *)argument);
}

void tt_main(void)
{
    static TT_STACK(stack, 2 * TT_IDLE_STACK_BYTES);
    static tt_thread thread;
    static int value = 5;
    TT_CHECK(tt_thread_start(&thread, "worker", 20, stack, sizeof(stack), run, &value) == TT_OK);
    tt_thread_join(&thread, TT_FOREVER);
    tt_board_stop(0);
}
