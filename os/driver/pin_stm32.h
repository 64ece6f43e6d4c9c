// The pins of STM32F2 and F4 (ST RM0090, 8).

#ifndef TUTTI_OS_DRIVER_PIN_STM32_H
#define TUTTI_OS_DRIVER_PIN_STM32_H

#include <stdint.h>

#define TT_STM32_USART1_TO_3 7 // the number of that function

// Gives a pin (0 to 15) of the port at `base`, which has its clock, to the chip's device with the
// number `function` (0 to 15).
void tt_stm32_use_pin(uintptr_t base, unsigned pin, uint32_t function);

#endif
