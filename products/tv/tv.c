// The TV: AArch64. It holds no model; it finds a device that does, and asks.

#include "tutti/product.h"

#define KEYS 256
#define SETTINGS 32 // of the keys; 8 stay for what is the device's own
#define LOG_SECTORS 64
#define CACHE_SECTOR_BYTES 4096
static tt_store_entry entries[KEYS];
static uint32_t sectors[LOG_SECTORS];
static uint8_t buffer[512] __attribute__((aligned(8)));
static uint8_t cache[LOG_SECTORS * CACHE_SECTOR_BYTES]; // of a disk, which is slow to read
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

const tt_product tt_product_table = {
    .kind = "tv",
    .store = &store,
    .asks = true,
};
