// The Linux node: the whole device stack in one process. It runs models and asks others.

#define TT_PRODUCT_MEMBERS 1024

#include "products/common/disk_store.h"
#include "products/common/members.h"

#define SLOT_BYTES (256 * 1024)
#define ARENA_BYTES (128 * 1024)
#define OPERATIONS_MAX 256000000

uint8_t tt_product_slots[2][SLOT_BYTES] TT_NOINIT;
static uint8_t arena[ARENA_BYTES] __attribute__((aligned(8)));

const tt_product tt_product_table = {
    .kind = "linux",
    .store = &store,
    .members = prepare_members,
    .slots = {tt_product_slots[0], tt_product_slots[1]},
    .slot_bytes = SLOT_BYTES,
    .arena = arena,
    .arena_bytes = ARENA_BYTES,
    .operations_max = OPERATIONS_MAX,
    .asks = true,
};
