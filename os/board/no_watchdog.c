// For boards without a watchdog, and such whose watchdog nobody drives yet: the timer's interrupt
// stands in for it (tutti/liveness.h), and says so.

#include "os/arch/arch.h"

bool tt_board_watchdog_start(tt_time period)
{
    (void)period;
    return false;
}

void tt_board_watchdog_feed(void)
{
}

void tt_board_watchdog_reset_next(void)
{
}
