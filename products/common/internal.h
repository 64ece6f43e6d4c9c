// What the files of a product's start share.

#ifndef TUTTI_PRODUCTS_COMMON_INTERNAL_H
#define TUTTI_PRODUCTS_COMMON_INTERNAL_H

#include "tutti/product.h"

// Whether the launcher gave this device a seed of its own: then tt_provision is valid (main.c).
bool tt_product_is_provisioned(void);

// Runs the plan in slot 0 on the images in slot 1, where the launcher has put them, prints outputs
// and times, and stops (measure.c).
_Noreturn void tt_measure(const tt_product *product);

#endif
