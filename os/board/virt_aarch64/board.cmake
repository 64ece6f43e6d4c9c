# QEMU's AArch64 `virt`: the TV.
set(TT_BOARD_CPU aarch64)
set(TT_BOARD_SOURCES start.c)
set(TT_BOARD_SHARED board/virt_devices.c board/image.c board/no_watchdog.c driver/gic_v3.c driver/uart_pl011.c driver/virtio_mmio.c
    driver/virtio_blk.c driver/virtio_net.c driver/virtio_rng.c)
set(TT_BOARD_LINKER_SCRIPT board.ld)
set(TT_BOARD_PRODUCTS tv)
