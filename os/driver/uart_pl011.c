// A PL011 UART (Arm DDI 0183) as a console that is only written to.

#include "os/arch/arch.h"
#include "os/driver/uart_pl011.h"

#define DATA (*(volatile uint32_t *)registers)
#define FLAGS (*(volatile uint32_t *)(registers + 0x18))
#define TRANSMIT_FULL 0x20

static uintptr_t registers;

void tt_uart_pl011_init(uintptr_t base)
{
    registers = base;
}

size_t tt_board_console_put(const uint8_t *bytes, size_t length)
{
    size_t taken = 0;
    while (taken < length && !(FLAGS & TRANSMIT_FULL))
        DATA = bytes[taken++];
    return taken;
}
