// An interrupt handler recurses for ever: it must fault before the bytes below its stack change.
// The linker puts our tick in front of the kernel's.

#include "tutti/kernel.h"

void __wrap_tt_kernel_tick(void);

__attribute__((noinline)) static unsigned recurse(unsigned depth)
{
    volatile unsigned words[20];
    words[depth % 20] = depth;
    if (tt_now() < 0) // never, but the compiler cannot know
        return 0;
    return recurse(depth + 1) + words[depth % 20];
}

static volatile unsigned result;

void __wrap_tt_kernel_tick(void)
{
    result = recurse(0);
}

void tt_main(void)
{
    tt_thread_sleep(tt_now() + TT_MS(5));
    tt_board_stop(0);
}
