// Graphs made from a seed: convolutions, products of matrices, greatest pools, their gradients, and
// small networks of all of them, with batches that lie in blocks of images.

#ifndef TUTTI_TESTS_PRODUCT_GRAPH_H
#define TUTTI_TESTS_PRODUCT_GRAPH_H

#include "tutti/graph.h"

typedef enum product_kind {
    PRODUCT_CONV,
    PRODUCT_MATMUL,
    PRODUCT_POOL,
    PRODUCT_NETWORK, // trained one step
    PRODUCT_BLOCKS,  // a convolution of what lies in blocks of images
    PRODUCT_KINDS
} product_kind;

// Inputs are whole numbers, -2 to 2, so that nothing is decided by what is rounded; they are all
// that it reads, and `work` bounds the multiplications of one product.
tt_graph *product_graph(uint64_t seed, product_kind kind, int64_t work);

#endif
