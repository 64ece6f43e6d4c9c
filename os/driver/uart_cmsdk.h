// The CMSDK UART as the board's console.

#ifndef TUTTI_OS_DRIVER_UART_CMSDK_H
#define TUTTI_OS_DRIVER_UART_CMSDK_H

#include <stdint.h>

void tt_uart_cmsdk_init(uintptr_t base,
                        uint32_t hertz); // once, before the first tt_board_console_put

#endif
