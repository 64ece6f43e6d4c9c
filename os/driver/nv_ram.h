// Memory that keeps its bytes without power (FRAM, MRAM, battery-backed SRAM; under QEMU memory in
// a file), as a medium.

#ifndef TUTTI_OS_DRIVER_NV_RAM_H
#define TUTTI_OS_DRIVER_NV_RAM_H

#include <stdbool.h>

#include "tutti/medium.h"

typedef struct tt_nv_ram {
    tt_medium medium; // first
    void (*let_write)(bool may);
} tt_nv_ram;

// The whole of `bytes` from `base` on, a multiple of 4 KiB, in sectors of that size and units of
// one byte. It lies there unchanged. `let_write` turns the board's protection off while something
// is programmed or erased, and on again.
void tt_nv_ram_init(tt_nv_ram *ram, uintptr_t base, uint32_t bytes, void (*let_write)(bool may));

#endif
