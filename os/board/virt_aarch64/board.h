// The memory map of QEMU's AArch64 `virt` board (hw/arm/virt.c).

#ifndef TUTTI_OS_BOARD_VIRT_AARCH64_BOARD_H
#define TUTTI_OS_BOARD_VIRT_AARCH64_BOARD_H

#define TT_BOARD_GIC_DISTRIBUTOR 0x08000000ul
#define TT_BOARD_GIC_REDISTRIBUTOR 0x080a0000ul // of CPU 0
#define TT_BOARD_LINES 80                       // up to the last that it uses
#define TT_BOARD_UART 0x09000000ul              // PL011
#define TT_BOARD_VIRTIO 0x0a000000ul            // 32 slots
#define TT_BOARD_VIRTIO_STRIDE 0x200ul
#define TT_BOARD_VIRTIO_SLOTS 32
#define TT_BOARD_VIRTIO_LINE 48 // of the first slot

#endif
