// Which nodes are products that a form can compute.

#ifndef TUTTI_AI_PRODUCT_H
#define TUTTI_AI_PRODUCT_H

#include "tutti/graph.h"

// A convolution or a product of matrices, of f32, or a transpose of one, which is written as it is
// then read. Not one of windows that are both apart and spread.
bool tt_is_product(const tt_graph *graph, uint32_t node);

// Whether a product is added up in memory, so that nothing can be computed of it in the same step:
// a convolution whose channels are images, as a weights' gradient is.
bool tt_product_is_closed(const tt_graph *graph, uint32_t node);

// A movement on the way to the second operand whose result is better stored: as that lies, what is
// made has no axis whose numbers lie side by side. Or none.
tt_value tt_product_copies(const tt_graph *graph, uint32_t node);

#endif
