// A PL011 UART (Arm DDI 0183) as a console that is only written to.

#include "os/board/virt_aarch64/board.h"
#include "tutti/kernel.h"

#define DATA (*(volatile uint32_t *)TT_BOARD_UART)
#define FLAGS (*(volatile uint32_t *)(TT_BOARD_UART + 0x18))
#define TRANSMIT_FULL 0x20

void tt_console_write(const void *bytes, size_t length)
{
    const uint8_t *data = bytes;
    for (size_t i = 0; i < length; i++) {
        while (FLAGS & TRANSMIT_FULL)
            ;
        DATA = data[i];
    }
}
