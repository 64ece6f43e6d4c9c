// What the tests of the store share: a store on a medium in memory, and calls that wait.

#ifndef TUTTI_TESTS_STORAGE_BED_H
#define TUTTI_TESTS_STORAGE_BED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/tearing.h"
#include "tutti/store.h"

#define BED_BYTES_MAX (1 << 20)
#define BED_SECTORS_MAX 256
#define BED_KEYS_MAX 4096
#define RECORD_ROOM(value, unit) ((value) + 16 + 64 + (unit)) // of a record, at most
#define BED_STEPS_MAX 1000000 // of one write: more of them are a loop without an end

typedef struct test_bed {
    tt_tearing tearing;
    tt_store store;
    tt_store_parts parts;
    tt_store_entry entries[BED_KEYS_MAX];
    uint32_t sectors[BED_SECTORS_MAX];
    uint8_t buffer[512];
    uint8_t *image;
} test_bed;

// A blank medium (or what `image` is), and parts that fit it; the store is not opened.
static inline void bed_init(test_bed *bed, uint8_t *image, uint32_t unit, uint32_t sector,
                            uint32_t sectors)
{
    tt_tearing_init(&bed->tearing, image, unit, sector, sectors, 0xff);
    bed->image = image;
    bed->parts = (tt_store_parts){
        .medium = &bed->tearing.medium,
        .entries = bed->entries,
        .entries_max = 64,
        .sectors = bed->sectors,
        .log_sectors = sectors,
        .buffer = bed->buffer,
        .buffer_bytes = unit > 128 ? unit : 128,
        .format = true,
    };
}

// The same of a blank medium, with nothing left of an earlier test.
static inline void bed_blank(test_bed *bed, uint8_t *image, uint32_t unit, uint32_t sector,
                             uint32_t sectors)
{
    memset(image, 0xff, (size_t)sector * sectors);
    memset(bed, 0, sizeof(*bed));
    bed_init(bed, image, unit, sector, sectors);
}

static inline tt_status bed_open(test_bed *bed)
{
    return tt_store_open(&bed->store, &bed->parts);
}

// Steps till nothing is to do, or nothing can be done.
static inline tt_status bed_run(test_bed *bed)
{
    for (int i = 0; i < BED_STEPS_MAX; i++) {
        tt_status status = tt_store_step(&bed->store);
        if (status != TT_BUSY)
            return status;
    }
    printf("a store that never comes to rest\n");
    abort();
}

// Steps till the write has ended.
static inline tt_status bed_wait(test_bed *bed, tt_store_write *write)
{
    for (int i = 0; i < BED_STEPS_MAX && write->status == TT_BUSY; i++) {
        if (tt_store_step(&bed->store) == TT_EMPTY)
            break;
    }
    return write->status;
}

static inline tt_status bed_change(test_bed *bed, const tt_store_change *changes, uint32_t count)
{
    tt_store_write write = {.changes = changes, .count = count};
    tt_store_begin(&bed->store, &write);
    return bed_wait(bed, &write);
}

static inline tt_status bed_put(test_bed *bed, const char *key, const void *value, size_t length)
{
    tt_store_change change = {.key = key, .value = value, .length = (uint32_t)length};
    return bed_change(bed, &change, 1);
}

static inline tt_status bed_remove(test_bed *bed, const char *key)
{
    tt_store_change change = {.key = key, .remove = true};
    return bed_change(bed, &change, 1);
}

// The value as text, or the name of the status.
static inline const char *bed_text(test_bed *bed, const char *key)
{
    static char text[5000];
    size_t length;
    tt_status status = tt_store_get(&bed->store, key, text, sizeof(text) - 1, &length);
    text[status == TT_OK ? length : 0] = 0;
    return status == TT_OK ? text : tt_status_name(status);
}

#endif
