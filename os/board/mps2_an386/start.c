// Start-up of the AN386: vectors, memory, CPU, console, clock, kernel.

#include <string.h>

#include "os/arch/arch.h"
#include "board.h"
#include "os/driver/timer_cmsdk.h"
#include "os/driver/uart_cmsdk.h"
#include "os/driver/watchdog_cmsdk.h"
#include "tutti/board.h"
#include "tutti/kernel.h"

#define MAIN_PRIORITY 16

extern uint8_t tt_data_begin[], tt_data_end[], tt_data_image[], tt_bss_begin[], tt_bss_end[];
void tt_reset(void);
void tt_cm_pendsv(void);
void tt_cm_nmi(void);
void tt_cm_fault(void);
void tt_cm_interrupt(void);

tt_interrupt_slot tt_board_interrupts[TT_BOARD_LINES];
const unsigned tt_board_interrupt_lines = TT_BOARD_LINES;
const unsigned tt_board_timer_line = TT_BOARD_TIMER_ALARM_LINE;

tt_provision_data tt_provision __attribute__((section(".noinit")));

static void first_thread(void *argument)
{
    (void)argument;
    tt_main();
}

void tt_reset(void)
{
    static const tt_cm_map map = {.code = {TT_BOARD_CODE},
                                  .data = {TT_BOARD_DATA},
                                  .devices = {TT_BOARD_DEVICES},
                                  .null = {TT_BOARD_NULL}};
    memcpy(tt_data_begin, tt_data_image, (size_t)(tt_data_end - tt_data_begin));
    memset(tt_bss_begin, 0, (size_t)(tt_bss_end - tt_bss_begin));
    __asm__ volatile("cpsid i");
    tt_cm_init(&map);
    tt_uart_cmsdk_init(TT_BOARD_UART, TT_BOARD_CLOCK_HZ);
    tt_timer_cmsdk_init(TT_BOARD_TIMER_CLOCK, TT_BOARD_TIMER_ALARM, TT_BOARD_TIMER_ALARM_LINE,
                        TT_BOARD_CLOCK_HZ);
    tt_kernel_start(first_thread, MAIN_PRIORITY);
}

// SYSRESETREQ in AIRCR (ARMv7-M, B3.2.6). RAM keeps what it holds.
void tt_board_reset(void)
{
    __asm__ volatile("dsb" ::: "memory");
    *(volatile uint32_t *)0xe000ed0c = 0x05fa0004;
    __asm__ volatile("dsb" ::: "memory");
    for (;;)
        ;
}

bool tt_board_watchdog_start(tt_time period)
{
    tt_watchdog_cmsdk_start(TT_BOARD_WATCHDOG, TT_BOARD_CLOCK_HZ, period);
    return true;
}

void tt_board_watchdog_feed(void)
{
    tt_watchdog_cmsdk_feed();
}

void tt_board_watchdog_reset_next(void)
{
    tt_watchdog_cmsdk_reset_next();
}

// Semihosting's SYS_EXIT_EXTENDED: under QEMU the process ends with the code; real boards need a
// debugger.
void tt_board_stop(int code)
{
    volatile uint32_t block[2] = {0x20026, (uint32_t)code};
    register uint32_t r0 __asm__("r0") = 0x20;
    register volatile uint32_t *r1 __asm__("r1") = block;
    __asm__ volatile("bkpt 0xab" ::"r"(r0), "r"(r1) : "memory");
    for (;;)
        ;
}

__attribute__((section(".vectors"), used)) static const void *const vectors[16 + TT_BOARD_LINES] = {
    tt_exception_stack,
    tt_reset,
    tt_cm_nmi,
    tt_cm_fault,        // HardFault
    tt_cm_fault,        // MemManage
    tt_cm_fault,        // BusFault
    tt_cm_fault,        // UsageFault
    [11] = tt_cm_fault, // SVCall: unused
    [14] = tt_cm_pendsv,
    [15] = tt_cm_fault, // SysTick: unused
    [16 ... 16 + TT_BOARD_LINES - 1] = tt_cm_interrupt,
};
