// An NS16550 UART as a console that is only written to; the firmware has set it up.

#include "os/driver/uart_ns16550.h"
#include "tutti/kernel.h"

#define TRANSMIT (*(volatile uint8_t *)registers)
#define LINE_STATUS (*(volatile uint8_t *)(registers + 5))
#define TRANSMIT_EMPTY 0x20

static uintptr_t registers;

void tt_uart_ns16550_init(uintptr_t base)
{
    registers = base;
}

void tt_board_console_write(const void *bytes, size_t length)
{
    const uint8_t *data = bytes;
    for (size_t i = 0; i < length; i++) {
        while (!(LINE_STATUS & TRANSMIT_EMPTY))
            ;
        TRANSMIT = data[i];
    }
}
