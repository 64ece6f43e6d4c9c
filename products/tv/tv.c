// The TV: AArch64. It holds no model; it finds a device that does, and asks.

#include "products/common/disk_store.h"

const tt_product tt_product_table = {
    .kind = "tv",
    .store = &store,
    .asks = true,
};
