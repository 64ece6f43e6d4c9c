// The memory map of the AST1030's evaluation board: a Cortex-M4F with 768 KiB of RAM and no flash
// of its own; code and data come into RAM by a loader. (QEMU: hw/arm/aspeed_ast10x0.c.)

#ifndef TUTTI_OS_BOARD_AST1030_BOARD_H
#define TUTTI_OS_BOARD_AST1030_BOARD_H

#define TT_BOARD_CLOCK_HZ 200000000

// Regions of memory by base and log2 of their bytes. The RAM behind them, 256 KiB, is denied.
#define TT_BOARD_NULL 0x00000000u, 10    // as the linker script keeps free of all but the vectors
#define TT_BOARD_CODE 0x00000000u, 18    // 256 KiB
#define TT_BOARD_DATA 0x00040000u, 18    // 256 KiB
#define TT_BOARD_DEVICES 0x7e600000u, 21 // 2 MiB, with all below
#define TT_BOARD_MEDIUM 0x80000000u, 24  // 16 MiB: the most that the flash may have; only read

#define TT_BOARD_LINES 32                  // of its interrupt controller; no device interrupts yet
#define TT_BOARD_TIMER_LINE TT_BOARD_LINES // SysTick is none
#define TT_BOARD_SYSTICK tt_cm_systick

#define TT_BOARD_FLASH_CONTROLLER 0x7e620000u // FMC, with the flash as its first device
#define TT_BOARD_UART 0x7e784000u             // UART5, as a 16550
#define TT_BOARD_UART_STRIDE 4

#endif
