// A thread stands at the end of its stack when an interrupt comes: what the CPU and the switch save
// there must fault before the bytes below the guard change, even if the last function has the
// largest frame that the compiler lets pass, and has touched none of it.
//
// EDGE_ROOM is how much of that frame there is, EDGE_LEFT how many bytes of the stack are left.

#include "os/arch/context.h"
#include "tests/os/neighbour.h"

static volatile bool interrupted;
static volatile float number = 1;

__attribute__((noinline)) static void stand(void)
{
    char room[EDGE_ROOM + 1];
    __asm__ volatile("" ::"r"(room)); // so that there is a frame
    number *= 2;                      // the state of an FPU is larger
    while (!interrupted)
        ;
}

__attribute__((noinline)) static unsigned approach(unsigned steps)
{
    uintptr_t end = (uintptr_t)neighbour_stack + TT_STACK_GUARD;
    if (!interrupted && (uintptr_t)__builtin_frame_address(0) - end <= EDGE_LEFT)
        stand();
    if (number < 0) // never, but the compiler cannot know
        return 0;
    return approach(steps + 1) + (unsigned)number; // not a jump
}

static void run(void *argument)
{
    (void)argument;
    number = (float)approach(0);
}

void tt_main(void)
{
    neighbour_start("standing", 10, run);
    tt_thread_sleep(tt_now() + TT_MS(20)); // it gets to the edge; this wait's end interrupts it
    interrupted = true;                    // on it goes where nothing was saved on its stack
    neighbour_join();
    tt_board_stop(0);
}
