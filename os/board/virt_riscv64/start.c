// Start-up of the RISC-V `virt` board.

#include "os/arch/arch.h"
#include "board.h"
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
const unsigned tt_board_timer_line = 0; // the PLIC's line that is none: the timer has its own way

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
    tt_uart_ns16550_init(TT_BOARD_UART, 1);
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

// By the firmware (RISC-V SBI 1.0, chapter 10: warm reboot, system failure), or by the machine's
// finisher where it knows no such thing. RAM keeps what it holds.
void tt_board_reset(void)
{
    register uint64_t a0 __asm__("a0") = 2;
    register uint64_t a1 __asm__("a1") = 1;
    register uint64_t a6 __asm__("a6") = 0;
    register uint64_t a7 __asm__("a7") = 0x53525354;
    __asm__ volatile("fence\n ecall" : "+r"(a0), "+r"(a1) : "r"(a6), "r"(a7) : "memory");
    *(volatile uint32_t *)TT_BOARD_FINISHER = 0x7777;
    for (;;)
        ;
}

void tt_board_stop(int code)
{
    *(volatile uint32_t *)TT_BOARD_FINISHER = code == 0 ? 0x5555 : (uint32_t)code << 16 | 0x3333;
    for (;;)
        ;
}
