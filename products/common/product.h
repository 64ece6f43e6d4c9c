// A product: a kind of device as a table of what it is made of. The start code is the same for all.

#ifndef TUTTI_PRODUCTS_COMMON_PRODUCT_H
#define TUTTI_PRODUCTS_COMMON_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tutti/node.h"

typedef struct tt_product {
    const char *kind; // "watch"
    // Runs models, with this storage; without it: NULL and 0.
    uint8_t *slots[2];
    size_t slot_bytes;
    void *arena;
    size_t arena_bytes;
    bool asks; // finds devices that run models, and asks them: /ai/ask
    // What else the product does, before its loop turns, within 10 s (tutti/liveness.h); or NULL.
    // Not called in safe mode.
    void (*start)(tt_node *node);
} tt_product;

extern const tt_product tt_product_table; // one a product

// Storage that start-up does not clear: the launcher may put a plan and images there to measure.
#define TT_NOINIT __attribute__((section(".noinit"), aligned(8)))

// Whether the launcher gave this device a seed of its own: then tt_provision is valid (main.c).
bool tt_product_is_provisioned(void);

// Runs the plan in slot 0 on the images in slot 1, prints outputs and times, and stops (measure.c).
_Noreturn void tt_measure(const tt_product *product);

#endif
