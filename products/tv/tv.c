// The TV: AArch64. It holds no model; it finds a device that does, and asks.

#include "products/common/disk_store.h"
#include "products/common/members.h"

const tt_product tt_product_table = {
    .kind = "tv",
    .store = &store,
    .members = prepare_members,
    .asks = true,
};
