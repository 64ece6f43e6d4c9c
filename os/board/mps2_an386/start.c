// Start-up of the AN386: CPU, console, clock; and its watchdog.

#include "board.h"
#include "os/arch/arch.h"
#include "os/board/cortex_m.h"
#include "os/driver/timer_cmsdk.h"
#include "os/driver/uart_cmsdk.h"
#include "os/driver/watchdog_cmsdk.h"

void tt_cm_board_start(void)
{
    static const tt_cm_map map = {.code = {TT_BOARD_CODE},
                                  .data = {TT_BOARD_DATA},
                                  .devices = {TT_BOARD_DEVICES},
                                  .null = {TT_BOARD_NULL},
                                  .window = {TT_BOARD_MEDIUM}};
    tt_cm_init(&map);
    tt_uart_cmsdk_init(TT_BOARD_UART, TT_BOARD_CLOCK_HZ);
    tt_timer_cmsdk_init(TT_BOARD_TIMER_CLOCK, TT_BOARD_TIMER_ALARM, TT_BOARD_TIMER_LINE,
                        TT_BOARD_CLOCK_HZ);
}

bool tt_board_watchdog_start(tt_time period)
{
    tt_watchdog_cmsdk_start(TT_BOARD_WATCHDOG, TT_BOARD_CLOCK_HZ, period);
    return true;
}

void tt_board_watchdog_feed(void)
{
    tt_watchdog_cmsdk_feed();
}

void tt_board_watchdog_reset_next(void)
{
    tt_watchdog_cmsdk_reset_next();
}
