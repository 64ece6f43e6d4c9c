# The Netduino Plus 2: an STM32F405 with a crystal of 25 MHz. QEMU has it, in parts: see start.c.
set(TT_BOARD_CPU cortex-m4)
set(TT_BOARD_SOURCES start.c clock.c devices.c)
set(TT_BOARD_SHARED arch/cortex-m4/systick.S board/cortex_m.c board/image.c board/no_watchdog.c board/no_medium.c driver/timer_systick.c
    driver/usart_stm32.c driver/usart_slip.c driver/slip.c driver/pin_stm32.c)
set(TT_BOARD_LINKER_SCRIPT board.ld)
set(TT_BOARD_PRODUCTS band)
set(TT_BOARD_VARIANTS qemu_7) # see board.ld
set(TT_BOARD_LINK_FLAGS_qemu_7 -Wl,--defsym=TT_CCM=0x20020000)
