// Aspeed's flash controller (FMC) with its first device, as a tt_spi. Between commands it shows the
// device's bytes in its window.

#ifndef TUTTI_OS_DRIVER_SPI_FMC_H
#define TUTTI_OS_DRIVER_SPI_FMC_H

#include "os/driver/spi_nor.h"

typedef struct tt_spi_fmc {
    tt_spi spi; // first
    uintptr_t registers;
    const void *window;
    void (*let_write)(bool may);
} tt_spi_fmc;

// `let_write` turns the board's protection of the window off while the device is selected, and on
// again.
void tt_spi_fmc_init(tt_spi_fmc *fmc, uintptr_t registers, uintptr_t window,
                     void (*let_write)(bool may));

#endif
