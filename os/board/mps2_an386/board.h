// The memory map of Arm's MPS2 with the AN386 image: a Cortex-M4F at 25 MHz (Arm DAI 0386).

#ifndef TUTTI_OS_BOARD_MPS2_AN386_BOARD_H
#define TUTTI_OS_BOARD_MPS2_AN386_BOARD_H

#define TT_BOARD_CLOCK_HZ 25000000

// Regions of memory by base and log2 of their bytes. What the board has beside them is denied: code
// and data once more at 0x00400000 and 0x20400000, and 15 of the 16 MiB at 0x21000000.
#define TT_BOARD_NULL 0x00000000u, 10    // as the linker script keeps free of all but the vectors
#define TT_BOARD_CODE 0x00000000u, 18    // 256 KiB, as much as the linker script gives
#define TT_BOARD_DATA 0x20000000u, 18    // 256 KiB of 4 MiB: what a watch would have
#define TT_BOARD_DEVICES 0x40000000u, 22 // 4 MiB, with all below
// Of the 16 MiB the first is the medium: memory that keeps its bytes where QEMU has it in a file,
// and that nothing else uses. It can be read, and written by its driver alone.
#define TT_BOARD_MEDIUM 0x21000000u, 20

#define TT_BOARD_LINES 32            // of its interrupt controller
#define TT_BOARD_SYSTICK tt_cm_fault // unused
#define TT_BOARD_TIMER_CLOCK 0x40000000u
#define TT_BOARD_TIMER_ALARM 0x40001000u
#define TT_BOARD_TIMER_LINE 9         // of the alarm
#define TT_BOARD_WATCHDOG 0x40008000u // its interrupt is the NMI
#define TT_BOARD_UART 0x40004000u
#define TT_BOARD_ETHERNET 0x40200000u // LAN9118
#define TT_BOARD_ETHERNET_LINE 13

#endif
