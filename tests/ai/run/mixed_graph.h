// Graphs made from a seed of everything at once: products, convolutions, pools, sums, movements and
// what is computed element by element read each other in any order, several times, in shapes of
// one, none, primes, and one more or less than the lanes.

#ifndef TUTTI_TESTS_MIXED_GRAPH_H
#define TUTTI_TESTS_MIXED_GRAPH_H

#include "tutti/graph.h"

// Inputs are whole numbers from -2 to 2, and so is all that is made of them, below 2^24: whoever
// computes it, in whatever order, has the same. With `gradients` some results are gradients of a
// sum, which may be larger.
tt_graph *mixed_graph(uint64_t seed, bool gradients);

#endif
