// A PL011 UART (Arm DDI 0183) as a console that is only written to.

#include "os/driver/uart_pl011.h"
#include "tutti/kernel.h"

#define DATA (*(volatile uint32_t *)registers)
#define FLAGS (*(volatile uint32_t *)(registers + 0x18))
#define TRANSMIT_FULL 0x20

static uintptr_t registers;

void tt_uart_pl011_init(uintptr_t base)
{
    registers = base;
}

void tt_board_console_write(const void *bytes, size_t length)
{
    const uint8_t *data = bytes;
    for (size_t i = 0; i < length; i++) {
        while (FLAGS & TRANSMIT_FULL)
            ;
        DATA = data[i];
    }
}
