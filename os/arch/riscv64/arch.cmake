set(TT_ARCH_SOURCES cpu.c pages.c trap.S start.S)
