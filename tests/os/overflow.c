// A thread recurses for ever: it must fault before the bytes below its stack change, also on a
// stack that another thread has used and left.

#include "tests/os/neighbour.h"
#include "tests/os/recurse.h"

static volatile unsigned result;

static void run(void *argument)
{
    (void)argument;
    result = recurse(0);
}

static void end_at_once(void *argument)
{
    (void)argument;
}

void tt_main(void)
{
    neighbour_start("brief", 20, end_at_once);
    neighbour_join();
    neighbour_start("recursing", 20, run);
    neighbour_join();
    tt_board_stop(0);
}
