# A process on this machine.
set(TT_BOARD_CPU linux)
set(TT_BOARD_SOURCES start.c devices.c)
set(TT_BOARD_SHARED board/no_watchdog.c)
set(TT_BOARD_LIBRARIES tt_switch_link tt_medium_file)
set(TT_BOARD_LINK_FLAGS -no-pie) # a dump's addresses are those of the file
set(TT_BOARD_PRODUCTS linux)
