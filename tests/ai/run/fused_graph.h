// Graphs made from a seed, rich in what becomes forms: chains with broadcasts of every kind,
// movements between them, sums over all sorts of axes whose results full shapes read again.

#ifndef TUTTI_TESTS_FUSED_GRAPH_H
#define TUTTI_TESTS_FUSED_GRAPH_H

#include "tutti/graph.h"

#define FUSED_SMOOTH 1u // with the gradient of some results
#define FUSED_LARGE 2u  // of some ten thousand elements
#define FUSED_SHORT 4u  // of few nodes

// Numbers that are computed stay so small, and so far from where something jumps, that results are
// near the reference's. Inputs are all that it reads.
tt_graph *fused_graph(uint64_t seed, unsigned kind);

#endif
