// The watch: a Cortex-M4F with 256 KiB of RAM. It runs one model of up to 64 KiB.

#include "tutti/product.h"

#define SLOT_BYTES (64 * 1024)
#define ARENA_BYTES (24 * 1024)

uint8_t tt_product_slots[2][SLOT_BYTES] TT_SLOTS;
static uint8_t arena[ARENA_BYTES] __attribute__((aligned(8)));

#define KEYS 64
#define SETTINGS 16 // of the keys; 8 stay for what is the device's own
#define LOG_SECTORS 32
static tt_store_entry entries[KEYS];
static uint32_t sectors[LOG_SECTORS];
static uint8_t buffer[128] __attribute__((aligned(8)));
static const tt_store_quota quotas[] = {{"data/", 32768, KEYS - 8 - SETTINGS},
                                        {"data/settings/", 4096, SETTINGS}};
static const tt_product_store store = {
    .code = &tt_product_keeps,
    .entries = entries,
    .entries_max = KEYS,
    .sectors = sectors,
    .log_sectors = LOG_SECTORS,
    .buffer = buffer,
    .buffer_bytes = sizeof(buffer),
    .quotas = quotas,
    .quota_count = 2,
};

const tt_product tt_product_table = {
    .kind = "watch",
    .store = &store,
    .slots = {tt_product_slots[0], tt_product_slots[1]},
    .slot_bytes = SLOT_BYTES,
    .arena = arena,
    .arena_bytes = ARENA_BYTES,
};
