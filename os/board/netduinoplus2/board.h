// The memory map of the STM32F405 (ST RM0090, 2.3), and what the Netduino Plus 2 has it wired to.

#ifndef TUTTI_OS_BOARD_BOARD_H
#define TUTTI_OS_BOARD_BOARD_H

#include <stdint.h>

// Regions of memory by base and log2 of their bytes. What the chip has beside them is denied: the
// flash once more at 0, the system's memory, its bits as words.
#define TT_BOARD_CODE 0x08000000u, 20    // 1 MiB of flash
#define TT_BOARD_DATA 0x20000000u, 17    // 128 KiB
#define TT_BOARD_DEVICES 0x40000000u, 19 // 512 KiB: APB1, APB2, AHB1

#define TT_BOARD_LINES 82                  // of its interrupt controller
#define TT_BOARD_TIMER_LINE TT_BOARD_LINES // SysTick is none
#define TT_BOARD_SYSTICK tt_cm_systick

#define TT_BOARD_RCC 0x40023800u
#define TT_BOARD_FLASH 0x40023c00u
#define TT_BOARD_GPIO_A 0x40020000u
#define TT_BOARD_GPIO_B 0x40020400u
#define TT_BOARD_USART1 0x40011000u // the console
#define TT_BOARD_USART2                                                                            \
    0x40004400u // the line that is its Ethernet: D3 and D2 (PA2 sends, PA3 receives)
#define TT_BOARD_USART2_LINE 38
#define TT_BOARD_CRYSTAL_MHZ 25

typedef struct tt_board_clocks {
    uint32_t cpu_hz, apb1_hz, apb2_hz;
} tt_board_clocks;

// Brings the chip to 168 MHz by its crystal; without one by its own oscillator, and without the PLL
// it stays at that one's 16 MHz. Then the devices that the board uses get their clocks. Every wait
// has an end. Once, by start-up code.
void tt_board_clock_start(void);
const tt_board_clocks *tt_board_clocks_now(void);

#endif
