// A PL011 UART as the board's console.

#ifndef TUTTI_OS_DRIVER_UART_PL011_H
#define TUTTI_OS_DRIVER_UART_PL011_H

#include <stdint.h>

void tt_uart_pl011_init(uintptr_t base); // once, before the first tt_board_console_put

#endif
