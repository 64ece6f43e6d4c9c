// The memory map of QEMU's RISC-V `virt` board (hw/riscv/virt.c).

#ifndef TUTTI_OS_BOARD_VIRT_RISCV64_BOARD_H
#define TUTTI_OS_BOARD_VIRT_RISCV64_BOARD_H

#define TT_BOARD_FINISHER 0x00100000ul // stops the machine with a code
#define TT_BOARD_PLIC 0x0c000000ul
#define TT_BOARD_LINES 96            // of the PLIC, 0 being none
#define TT_BOARD_UART 0x10000000ul   // NS16550
#define TT_BOARD_VIRTIO 0x10001000ul // eight slots
#define TT_BOARD_VIRTIO_STRIDE 0x1000ul
#define TT_BOARD_VIRTIO_SLOTS 8
#define TT_BOARD_VIRTIO_LINE 1 // of the first slot

#endif
