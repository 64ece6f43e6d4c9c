// An NS16550 UART as the board's console.

#ifndef TUTTI_OS_DRIVER_UART_NS16550_H
#define TUTTI_OS_DRIVER_UART_NS16550_H

#include <stdint.h>

void tt_uart_ns16550_init(uintptr_t base); // once, before the first tt_board_console_put

#endif
