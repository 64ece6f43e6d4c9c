// Start-up of the AArch64 `virt` board.

#include "os/arch/arch.h"
#include "board.h"
#include "os/arch/pages.h"
#include "os/driver/gic_v3.h"
#include "os/driver/uart_pl011.h"
#include "tutti/board.h"
#include "tutti/kept.h"
#include "tutti/kernel.h"

#define MAIN_PRIORITY 16
#define CACHE_LINE_LEAST 16 // bytes (Arm ARM, CTR_EL0)

const char tt_board_name[] = "qemu-aarch64-virt";
const char tt_board_cpu[] = "Cortex-A76";

tt_interrupt_slot tt_board_interrupts[TT_BOARD_LINES];
const unsigned tt_board_interrupt_lines = TT_BOARD_LINES;
const unsigned tt_board_timer_line = TT_A64_TIMER_LINE;

tt_provision_data tt_provision __attribute__((section(".noinit")));

void tt_board_start(void);

static void first_thread(void *argument)
{
    (void)argument;
    tt_main();
}

void tt_board_start(void)
{
    static const tt_range devices[] = {{TT_BOARD_GIC_DISTRIBUTOR, 0x0c000000}}; // all of them
    tt_uart_pl011_init(TT_BOARD_UART);
    tt_cpu_init(devices, 1);
    tt_gic_init(TT_BOARD_GIC_DISTRIBUTOR, TT_BOARD_GIC_REDISTRIBUTOR);
    tt_gic_enable(TT_A64_TIMER_LINE);
    tt_kernel_start(first_thread, MAIN_PRIORITY);
}

void tt_board_external_interrupt(void)
{
    tt_gic_handle();
}

bool tt_board_interrupt_enable(unsigned line)
{
    if (line < TT_GIC_SHARED)
        return false; // the core's own: the kernel's
    tt_gic_enable(line);
    return true;
}

// By the firmware, which QEMU plays (Arm DEN 0022, PSCI, 5.12: SYSTEM_RESET). RAM keeps what it
// holds.
void tt_board_reset(void)
{
    const uintptr_t kept = (uintptr_t)&tt_kept_memory; // from the caches into RAM
    for (uintptr_t at = kept; at < kept + sizeof(tt_kept_memory); at += CACHE_LINE_LEAST)
        __asm__ volatile("dc cvac, %0" ::"r"(at) : "memory");
    register uint64_t x0 __asm__("x0") = 0x84000009;
    __asm__ volatile("dsb sy\n hvc #0" : "+r"(x0)::"memory");
    for (;;)
        ;
}

// Semihosting's SYS_EXIT_EXTENDED: under QEMU the process ends with the code.
void tt_board_stop(int code)
{
    volatile uint64_t block[2] = {0x20026, (uint64_t)code};
    register uint64_t x0 __asm__("x0") = 0x18;
    register volatile uint64_t *x1 __asm__("x1") = block;
    __asm__ volatile("hlt #0xf000" ::"r"(x0), "r"(x1) : "memory");
    for (;;)
        ;
}
