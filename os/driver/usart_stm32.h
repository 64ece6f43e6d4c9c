// The USART of STM32F2 and F4 (ST RM0090, 30), 8 bits without parity, and the pins for it.

#ifndef TUTTI_OS_DRIVER_USART_STM32_H
#define TUTTI_OS_DRIVER_USART_STM32_H

#include <stdint.h>

// Registers.
#define TT_USART_STATUS 0x00
#define TT_USART_DATA 0x04
#define TT_USART_DIVIDER 0x08
#define TT_USART_CONTROL 0x0c

// Bits of TT_USART_STATUS.
#define TT_USART_OVERRUN (1u << 3)
#define TT_USART_RECEIVED (1u << 5)
#define TT_USART_SENDABLE (1u << 7)

// Bits of TT_USART_CONTROL.
#define TT_USART_RECEIVES (1u << 2)
#define TT_USART_SENDS (1u << 3)
#define TT_USART_TELLS_RECEIVED (1u << 5) // by an interrupt
#define TT_USART_TELLS_SENDABLE (1u << 7)
#define TT_USART_ON (1u << 13)

// The USART at `base`, which has its clock, as the board's console: it is only written to. Once:
// what is put before counts as taken. `divider`: of its clock, to the baud rate.
void tt_usart_stm32_console(uintptr_t base, uint32_t divider);

#endif
