// Start-up of the RISC-V `virt` board.

#include "os/arch/arch.h"
#include "os/board/virt_riscv64/board.h"
#include "os/arch/pages.h"
#include "os/driver/plic.h"
#include "os/driver/uart_ns16550.h"
#include "tutti/board.h"
#include "tutti/check.h"
#include "tutti/kernel.h"

#define MAIN_PRIORITY 16

const char tt_board_name[] = "qemu-riscv64-virt";
const char tt_board_cpu[] = "RISC-V 64";

tt_interrupt_slot tt_board_interrupts[TT_BOARD_LINES];
const unsigned tt_board_interrupt_lines = TT_BOARD_LINES;

tt_provision_data tt_provision __attribute__((section(".noinit")));

void tt_board_start(uint64_t hart);

static void first_thread(void *argument)
{
    (void)argument;
    tt_main();
}

void tt_board_start(uint64_t hart)
{
    static const tt_range devices[] = {{TT_BOARD_FINISHER, TT_BOARD_FINISHER + TT_PAGE},
                                       {TT_BOARD_PLIC, TT_BOARD_PLIC + 0x4000000},
                                       {TT_BOARD_UART, TT_BOARD_VIRTIO + 0x8000}};
    tt_uart_ns16550_init(TT_BOARD_UART);
    tt_cpu_init(devices, TT_COUNT(devices));
    tt_plic_init(TT_BOARD_PLIC, hart);
    tt_kernel_start(first_thread, MAIN_PRIORITY);
}

void tt_board_external_interrupt(void)
{
    tt_plic_handle();
}

bool tt_board_interrupt_enable(unsigned line)
{
    return tt_plic_enable(line);
}

void tt_board_stop(int code)
{
    *(volatile uint32_t *)TT_BOARD_FINISHER = code == 0 ? 0x5555 : (uint32_t)code << 16 | 0x3333;
    for (;;)
        ;
}
