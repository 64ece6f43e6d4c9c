// A thread jumps to where no code is: the dump tells where to, in spite of that place being
// unreadable.

#include "tutti/check.h"
#include "tutti/kernel.h"

static void *volatile nowhere = (void *)(uintptr_t)0x5a5a5a5b; // odd: Thumb code, on the Cortex-M

static void run(void *argument)
{
    (void)argument;
    ((void (*)(void))nowhere)();
}

void tt_main(void)
{
    static TT_STACK(stack, 2 * TT_IDLE_STACK_BYTES);
    static tt_thread thread;
    TT_CHECK(tt_thread_start(&thread, "lost", 20, stack, sizeof(stack), run, NULL) == TT_OK);
    tt_thread_join(&thread, TT_FOREVER);
    tt_board_stop(0);
}
