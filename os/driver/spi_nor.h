// SPI NOR flash as a tt_medium, by the commands that all of its makers share (JEDEC JESD216): id,
// status, read, page program, erase of 4 KiB; three bytes of address, so 16 MiB at most.

#ifndef TUTTI_OS_DRIVER_SPI_NOR_H
#define TUTTI_OS_DRIVER_SPI_NOR_H

#include <stdbool.h>
#include <stddef.h>

#include "tutti/medium.h"

// A controller with one device: selects it, and while it is selected sends bytes and takes them.
// Each is done when it returns.
typedef struct tt_spi {
    void (*select)(struct tt_spi *spi, bool selected);
    void (*send)(struct tt_spi *spi, const void *bytes, size_t length);
    void (*take)(struct tt_spi *spi, void *bytes, size_t length);
} tt_spi;

typedef struct tt_spi_nor {
    tt_medium medium; // first
    tt_spi *spi;
    const uint8_t *bytes; // of what is programmed: those that are left
    uint32_t address, left;
    bool busy;
} tt_spi_nor;

// Looks for the flash and what it is. It waits until an operation that a restart came upon has
// ended, half a second at most. `window` is where the controller shows its bytes, or NULL.
// TT_NOT_FOUND: nothing answers; TT_UNSUPPORTED: it is not known to program pages; TT_BUSY: it
// stays busy.
tt_status tt_spi_nor_start(tt_spi_nor *nor, tt_spi *spi, const void *window);

#endif
