// An NS16550 UART as the board's console.

#ifndef TUTTI_OS_DRIVER_UART_NS16550_H
#define TUTTI_OS_DRIVER_UART_NS16550_H

#include <stdint.h>

// Once, before the first tt_board_console_put: its registers, of a byte each, so far apart.
void tt_uart_ns16550_init(uintptr_t base, unsigned bytes_apart);

#endif
