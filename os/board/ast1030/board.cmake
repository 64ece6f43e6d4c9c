# The AST1030's evaluation board, as QEMU has it: a Cortex-M4F with SPI NOR flash as its medium, and no network. For tests of
# the medium: it has no products.
set(TT_BOARD_CPU cortex-m4)
set(TT_BOARD_SOURCES start.c devices.c)
set(TT_BOARD_SHARED arch/cortex-m4/systick.S board/cortex_m.c board/image.c board/no_watchdog.c driver/timer_systick.c
    driver/uart_ns16550.c driver/spi_nor.c driver/spi_fmc.c)
set(TT_BOARD_LINKER_SCRIPT board.ld)
