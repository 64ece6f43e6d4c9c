// The Linux node: the whole device stack in one process. It runs models and asks others.

#include "tutti/product.h"

#define SLOT_BYTES (256 * 1024)
#define ARENA_BYTES (128 * 1024)
#define OPERATIONS_MAX 256000000

uint8_t tt_product_slots[2][SLOT_BYTES] TT_NOINIT;
static uint8_t arena[ARENA_BYTES] __attribute__((aligned(8)));

#define KEYS 256
#define SETTINGS 32 // of the keys; 8 stay for what is the device's own
#define LOG_SECTORS 64
#define CACHE_SECTOR_BYTES 4096
static tt_store_entry entries[KEYS];
static uint32_t sectors[LOG_SECTORS];
static uint8_t buffer[512] __attribute__((aligned(8)));
static uint8_t cache[LOG_SECTORS * CACHE_SECTOR_BYTES]; // of a file: each reading is a system call
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
    .kind = "linux",
    .store = &store,
    .slots = {tt_product_slots[0], tt_product_slots[1]},
    .slot_bytes = SLOT_BYTES,
    .arena = arena,
    .arena_bytes = ARENA_BYTES,
    .operations_max = OPERATIONS_MAX,
    .asks = true,
};
