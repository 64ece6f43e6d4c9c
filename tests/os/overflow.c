// A thread recurses for ever: it must fault before the bytes below its stack change.

#include "tests/os/neighbour.h"
#include "tests/os/recurse.h"

static volatile unsigned result;

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
