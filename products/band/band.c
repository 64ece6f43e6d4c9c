// The band: a Cortex-M4F with 128 KiB of RAM, and 64 KiB more for one model. While a new one comes
// it answers nothing.

#include "tutti/product.h"

#define SLOT_BYTES (64 * 1024)
#define ARENA_BYTES (24 * 1024)

uint8_t tt_product_slots[1][SLOT_BYTES] TT_SLOTS;
static uint8_t arena[ARENA_BYTES] __attribute__((aligned(8)));

const tt_product tt_product_table = {
    .kind = "band",
    .slots = {tt_product_slots[0]},
    .slot_bytes = SLOT_BYTES,
    .arena = arena,
    .arena_bytes = ARENA_BYTES,
};
