// The CMSDK UART as the board's console.

#ifndef TUTTI_OS_DRIVER_UART_CMSDK_H
#define TUTTI_OS_DRIVER_UART_CMSDK_H

void tt_uart_cmsdk_init(void); // once, before the first tt_console_write

#endif
