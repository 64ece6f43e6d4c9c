// Start-up of the Netduino Plus 2: CPU, clocks, console, timer.
//
// Silicon was not at hand: what runs here has run under QEMU. Its `netduinoplus2` has flash,
// memory, USARTs and SysTick; it has no clocks (clock.c), no pins and no watchdog, and what is
// written to those goes nowhere. So the chip's own watchdog (IWDG) has no driver yet: none could be
// tried.

#include "board.h"
#include "os/arch/arch.h"
#include "os/board/cortex_m.h"
#include "os/driver/pin_stm32.h"
#include "os/driver/timer_systick.h"
#include "os/driver/usart_stm32.h"

#define CONSOLE_BAUD 115200
#define SYSTICK_DIVIDER 8 // of the CPU's clock (RM0090, 7.2)

// The CPU's own memory, where the image has something in it.
extern uint8_t tt_ccm_begin[], tt_ccm_end[];
#define CCM_LOG2 16

void tt_cm_board_start(void)
{
    uint32_t ccm = (uint32_t)tt_ccm_begin, ccm_end = (uint32_t)tt_ccm_end;
    const tt_cm_map map = {.code = {TT_BOARD_CODE},
                           .data = {TT_BOARD_DATA},
                           .devices = {TT_BOARD_DEVICES},
                           .more_data = {ccm, ccm_end > ccm ? CCM_LOG2 : 0}};
    tt_cm_init(&map);
    tt_board_clock_start();
    const tt_board_clocks *clocks = tt_board_clocks_now();
    tt_stm32_use_pin(TT_BOARD_GPIO_B, 6, TT_STM32_USART1_TO_3); // the output; no input is read
    tt_usart_stm32_console(TT_BOARD_USART1, clocks->apb2_hz / CONSOLE_BAUD);
    tt_timer_systick_init(clocks->cpu_hz / SYSTICK_DIVIDER);
}
