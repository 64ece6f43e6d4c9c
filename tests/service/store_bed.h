// What the tests of services that keep things share: a store on a medium in memory, of a device of
// tests/bus/devices.h, and the turns of its loop.

#ifndef TUTTI_TESTS_SERVICE_STORE_BED_H
#define TUTTI_TESTS_SERVICE_STORE_BED_H

#include "sim/tearing.h"
#include "tests/bus/devices.h"
#include "tutti/store.h"

#define BED_SECTOR 4096
#define BED_SECTORS 128
#define BED_LOG_SECTORS 8
#define BED_KEYS 32

static tt_tearing tearing;
static tt_store store;
static uint8_t medium_image[BED_SECTOR * BED_SECTORS];

// Opens what is on the medium: `blank` makes it empty first. With `window`, its bytes can be read
// in place.
static inline void open_store(bool blank, uint32_t unit, bool window)
{
    static tt_store_entry entries[BED_KEYS];
    static uint32_t sectors[BED_LOG_SECTORS];
    static uint8_t buffer[512];
    if (blank)
        memset(medium_image, 0, sizeof(medium_image));
    tt_tearing_init(&tearing, medium_image, unit, BED_SECTOR, BED_SECTORS, 0xff);
    tearing.unhashed = true; // it takes long
    tearing.medium.window = window ? medium_image : NULL;
    tt_store_parts parts = {.medium = &tearing.medium,
                            .entries = entries,
                            .entries_max = BED_KEYS,
                            .sectors = sectors,
                            .log_sectors = BED_LOG_SECTORS,
                            .buffer = buffer,
                            .buffer_bytes = sizeof(buffer),
                            .format = true,
                            .extents = &tt_store_extents};
    REQUIRE(tt_store_open(&store, &parts) == TT_OK);
}

// Lets the store go on until it has nothing to do, or `steps` steps.
static inline void turn_store(unsigned steps)
{
    for (unsigned i = 0; i < steps && tt_store_step(&store) == TT_BUSY; i++)
        ;
}

#define ALL_STEPS 100000

#endif
