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

TT_C_BEGIN

typedef struct tt_product {
    const char *kind; // "watch": fewer than TT_KIND_MAX bytes; the device's name begins with it
    // Runs models, with this storage; without it: NULL and 0. The second slot may be NULL: see
    // tutti/model_service.h.
    uint8_t *slots[2];
    size_t slot_bytes;
    void *arena;
    size_t arena_bytes;
    uint64_t operations_max; // of one run of a model; 0: TT_MODEL_OPERATIONS_MAX
    bool asks;               // offers /ai/ask, which passes what it is asked on to a device that
                             // runs the model. Every device browses, whether it asks or not
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
