// The USART of STM32F2 and F4 as a console that is only written to.

#include "os/arch/arch.h"
#include "os/driver/registers.h"
#include "os/driver/usart_stm32.h"

static uintptr_t registers;

void tt_usart_stm32_console(uintptr_t base, uint32_t divider)
{
    registers = base;
    tt_register_set(base + TT_USART_DIVIDER, divider);
    tt_register_set(base + TT_USART_CONTROL, TT_USART_ON | TT_USART_SENDS);
}

size_t tt_board_console_put(const uint8_t *bytes, size_t length)
{
    if (registers == 0) // not begun, so never to be written
        return length;
    size_t taken = 0;
    while (taken < length && (tt_register_get(registers + TT_USART_STATUS) & TT_USART_SENDABLE))
        tt_register_set(registers + TT_USART_DATA, bytes[taken++]);
    return taken;
}
