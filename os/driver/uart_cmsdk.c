// The CMSDK APB UART (Arm DUI 0479, 4.3) as a console that is only written to.

#include "os/arch/arch.h"
#include "os/driver/uart_cmsdk.h"

#define DATA 0x00
#define STATE 0x04
#define CTRL 0x08
#define BAUD_DIVIDER 0x10
#define STATE_TX_FULL 1u
#define CTRL_TX_ENABLE 1u
#define REGISTER(offset) (*(volatile uint32_t *)(registers + (offset)))

static uintptr_t registers;

void tt_uart_cmsdk_init(uintptr_t base, uint32_t hertz)
{
    registers = base;
    REGISTER(BAUD_DIVIDER) = hertz / 115200;
    REGISTER(CTRL) = CTRL_TX_ENABLE;
}

size_t tt_board_console_put(const uint8_t *bytes, size_t length)
{
    size_t taken = 0;
    while (taken < length && !(REGISTER(STATE) & STATE_TX_FULL))
        REGISTER(DATA) = bytes[taken++];
    return taken;
}
