set(TT_ARCH_SOURCES cpu.c switch.S)
