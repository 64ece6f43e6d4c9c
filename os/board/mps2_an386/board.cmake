# Arm's MPS2 with the AN386 image, as QEMU has it: the watch.
set(TT_BOARD_CPU cortex-m4)
set(TT_BOARD_SOURCES start.c devices.c)
set(TT_BOARD_SHARED board/cortex_m.c board/image.c driver/timer_cmsdk.c driver/uart_cmsdk.c driver/watchdog_cmsdk.c
    driver/lan9118.c driver/nv_ram.c)
set(TT_BOARD_LINKER_SCRIPT board.ld)
set(TT_BOARD_PRODUCTS watch)
