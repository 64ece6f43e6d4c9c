// The watch: a Cortex-M4F with 256 KiB of RAM. It runs one model of up to 64 KiB.

#include "tutti/product.h"

#define SLOT_BYTES (64 * 1024)
#define ARENA_BYTES (24 * 1024)

uint8_t tt_product_slots[2][SLOT_BYTES] TT_SLOTS;
static uint8_t arena[ARENA_BYTES] __attribute__((aligned(8)));

const tt_product tt_product_table = {
    .kind = "watch",
    .slots = {tt_product_slots[0], tt_product_slots[1]},
    .slot_bytes = SLOT_BYTES,
    .arena = arena,
    .arena_bytes = ARENA_BYTES,
};
