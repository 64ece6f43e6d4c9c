// The store of a product with a disk or a file and memory to spare: included by the one file that
// has the product's table.

#ifndef TUTTI_DISK_STORE_H
#define TUTTI_DISK_STORE_H

#include "tutti/product.h"

#define KEYS 256
#define SETTINGS 32 // of the keys; 8 stay for what is the device's own
#define LOG_SECTORS 64
#define CACHE_SECTOR_BYTES 4096
static tt_store_entry entries[KEYS];
static uint32_t sectors[LOG_SECTORS];
static uint8_t buffer[512] __attribute__((aligned(8)));
static uint8_t
    cache[LOG_SECTORS * CACHE_SECTOR_BYTES]; // of a disk or file: each reading takes long
static const tt_store_quota quotas[] = {{"data/", 65536, KEYS - 8 - SETTINGS},
                                        {"data/settings/", 4096, SETTINGS}};
static const tt_product_store store = {
    .code = &tt_product_keeps,
    .entries = entries,
    .entries_max = KEYS,
    .sectors = sectors,
    .log_sectors = LOG_SECTORS,
    .buffer = buffer,
    .buffer_bytes = sizeof(buffer),
    .cache = cache,
    .cache_sector_bytes = CACHE_SECTOR_BYTES,
    .quotas = quotas,
    .quota_count = 2,
};

#endif
