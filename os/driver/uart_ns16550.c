// An NS16550 UART as a console that is only written to; the firmware has set it up.

#include "os/arch/arch.h"
#include "os/driver/uart_ns16550.h"

#define TRANSMIT (*(volatile uint8_t *)registers)
#define LINE_STATUS (*(volatile uint8_t *)(registers + 5 * stride))
#define TRANSMIT_EMPTY 0x20

static uintptr_t registers, stride;

void tt_uart_ns16550_init(uintptr_t base, unsigned bytes_apart)
{
    registers = base;
    stride = bytes_apart;
}

size_t tt_board_console_put(const uint8_t *bytes, size_t length)
{
    if (length == 0 || !(LINE_STATUS & TRANSMIT_EMPTY))
        return 0;
    TRANSMIT = bytes[0]; // one: whether there is a FIFO is the firmware's secret
    return 1;
}
