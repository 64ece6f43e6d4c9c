// Start-up of the AST1030: CPU, console, clock.

#include "board.h"
#include "os/arch/arch.h"
#include "os/board/cortex_m.h"
#include "os/driver/timer_systick.h"
#include "os/driver/uart_ns16550.h"

void tt_cm_board_start(void)
{
    static const tt_cm_map map = {.code = {TT_BOARD_CODE},
                                  .data = {TT_BOARD_DATA},
                                  .devices = {TT_BOARD_DEVICES},
                                  .null = {TT_BOARD_NULL},
                                  .window = {TT_BOARD_MEDIUM}};
    tt_cm_init(&map);
    tt_uart_ns16550_init(TT_BOARD_UART, TT_BOARD_UART_STRIDE);
    tt_timer_systick_init(TT_BOARD_CLOCK_HZ);
}
