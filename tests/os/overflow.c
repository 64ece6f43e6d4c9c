// A thread recurses for ever: it must fault before the bytes below its stack change.

#include "tests/os/neighbour.h"

static volatile unsigned result;

__attribute__((noinline)) static unsigned recurse(unsigned depth)
{
    volatile unsigned words[20];
    words[depth % 20] = depth;
    if (tt_now() < 0) // never, but the compiler cannot know
        return 0;
    return recurse(depth + 1) + words[depth % 20];
}

static void run(void *argument)
{
    (void)argument;
    result = recurse(0);
}

void tt_main(void)
{
    neighbour_start("recursing", 20, run);
    neighbour_join();
    tt_board_stop(0);
}
