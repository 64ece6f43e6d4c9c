// What the files of a product's start share.

#ifndef TUTTI_PRODUCTS_COMMON_INTERNAL_H
#define TUTTI_PRODUCTS_COMMON_INTERNAL_H

#include "tutti/model_service.h"
#include "tutti/product.h"
#include "tutti/store.h"

// Whether the launcher gave this device a seed of its own: then tt_provision is valid (main.c).
bool tt_product_is_provisioned(void);

// Runs the plan in slot 0 on the images in slot 1, where the launcher has put them, prints outputs
// and times, and stops (measure.c).
_Noreturn void tt_measure(const tt_product *product);

// A line on the console, of three texts (main.c).
void tt_product_say(const char *first, const char *second, const char *third);

// Whether the product looks for others is which of two files it is linked with (finds.c, serves.c):
// tt_node_init or tt_node_init_announcer, and /ai/ask for a product that asks.
tt_status tt_product_init_node(tt_node *node, tt_platform *platform, tt_node_options *options);
tt_status tt_product_offer_ask(tt_node *node, tt_platform *platform);

// A medium whose first sectors are read from RAM (cache.c).
typedef struct tt_product_cache {
    tt_medium medium; // first
    tt_medium *below;
    uint8_t *bytes; // `sectors` sectors
    uint32_t sectors;
    uint32_t valid[TT_PRODUCT_CACHE_SECTORS_MAX / 32]; // a bit a sector
} tt_product_cache;
tt_medium *tt_product_cache_begin(tt_product_cache *cache, tt_medium *below, uint8_t *bytes,
                                  uint32_t sectors);

// What is kept without power (keep.c).
struct tt_product_keep {
    const tt_model_keep *model; // for the model service
    // Opens the product's store on the board's medium and counts this start: before the platform
    // starts. NULL: there is none, a line on the console says why, and nothing else here is called.
    tt_store *(*open)(const tt_product_store *parts);
    uint32_t (*starts)(void);                 // this one among them
    const char *(*name)(const char *own);     // the one that was in use last, or `own`
    void (*run)(tt_platform *platform);       // which the medium wakes from now on
    tt_status (*offer)(tt_node *node);        // /data
    void (*turn)(tt_node *node, tt_time now); // at each turn of the loop, last
    void (*clear_crash)(void);                // tt_kept_clear_crash, and what is kept of it
    bool (*is_crash_cleared)(void);           // whether the latter is done
    // In safe mode, where nothing was opened: opens the store for clear_crash, and for nothing
    // else. Whether it could be: then `turn`, `clear_crash` and `is_crash_cleared` may be called.
    bool (*open_to_clear)(const tt_product_store *parts);
};

#endif
