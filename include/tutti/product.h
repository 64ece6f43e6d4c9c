// A product: a kind of device, as a table of what it is made of and what it does at its start. The
// start code is the same for all (products/common): seed, name, network, the services that every
// device has, then what is the product's own.
//
//     static tt_status start(tt_node *node) { ... tt_bus_add(&node->bus, &resource) ... }
//     const tt_product tt_product_table = {.kind = "sensor", .start = start};

#ifndef TUTTI_PRODUCT_H
#define TUTTI_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tutti/language.h"
#include "tutti/node.h"
#include "tutti/store.h"
#include "tutti/store_service.h"

TT_C_BEGIN

typedef struct tt_product_keep tt_product_keep;
extern const tt_product_keep tt_product_keeps; // what it takes: products that name it have it

#define TT_PRODUCT_CACHE_SECTORS_MAX 256

// What a product keeps things in, on its board's medium (tt_board_medium): the log's first sectors
// and, in all that follow, models and records of ends (tt_store_extents). It begins an empty store
// where none is.
typedef struct tt_product_store {
    const tt_product_keep *code; // &tt_product_keeps
    tt_store_entry *entries; // a key each: of /data, and four of the device's own beside its model
    uint32_t entries_max;
    uint32_t *sectors;
    uint32_t log_sectors;
    uint8_t *buffer;       // aligned as TT_SLOTS
    uint32_t buffer_bytes; // a multiple of TT_MEDIUM_PROGRAM_BYTES_MAX, unless the board's medium
                           // has smaller units
    uint8_t *cache; // of log_sectors sectors of the medium (TT_PRODUCT_CACHE_SECTORS_MAX at most),
    uint32_t cache_sector_bytes;  // which have so many bytes; or NULL, for media quick to read
    const tt_store_quota *quotas; // of /data, with keys: see tutti/store_service.h
    unsigned quota_count;
} tt_product_store;

typedef struct tt_product {
    const char *kind; // "watch": fewer than TT_KIND_MAX bytes; the device's name begins with it
    // Runs models, with this storage; without it: NULL and 0. The second slot may be NULL: see
    // tutti/model_service.h.
    uint8_t *slots[2];
    size_t slot_bytes;
    void *arena;
    size_t arena_bytes;
    uint64_t operations_max;       // of one run of a model; 0: TT_MODEL_OPERATIONS_MAX
    const tt_product_store *store; // NULL: keeps nothing beyond its power
    tt_members *(*members)(
        void); // whom it knows from all sources, prepared (tutti/members.h), and
               // it gossips; called once; NULL: it does not, and has no code of it
    bool asks; // offers /ai/ask, which passes what it is asked on to a device that
               // runs the model. A device browses whether it asks or not, unless its product
               // is SERVES_ONLY (tt_product of tools/cmake/tutti.cmake): then it asks nobody
    // What is the product's own: adds resources (tt_bus_add), sets timers (tt_node_after), starts
    // threads; or NULL. Called once by the loop's own thread before its first turn, within 10 s
    // (tutti/liveness.h), and not in safe mode (tutti/kept.h). The node lives as long as the
    // device. Another status than TT_OK is told on the console, and the device goes on with what
    // there is. No other device is known yet: a timer that calls tt_node_find, or
    // node->options.on_peer, set here, tells of them.
    tt_status (*start)(tt_node *node);
} tt_product;

extern const tt_product tt_product_table; // the product gives it, one an image

// Storage that start-up does not clear; and such for slots, which a board may have elsewhere.
#define TT_NOINIT __attribute__((section(".noinit"), aligned(8)))
#define TT_SLOTS __attribute__((section(".noinit.slots"), aligned(8)))

TT_C_END

#endif
