// Random graphs over the whole table of operations, for tests.
//
// The same seed gives the same graph. Values stay small (RANDOM_COUNT_MAX elements), indices lie
// within their axes; everything else may come: infinities, empty axes, names with quotes, several
// origins of one node, loops and branches within loops. Smooth graphs have no kinks and no jumps
// and stay near 1, so that they can be held against finite differences.

#ifndef TUTTI_TESTS_AI_NEXT_RANDOM_GRAPH_H
#define TUTTI_TESTS_AI_NEXT_RANDOM_GRAPH_H

#include "ai/graph/row.h"
#include "tutti/random.h"

#define RANDOM_COUNT_MAX 96
#define RANDOM_INPUTS_MAX 8 // of floating type

// A graph with inputs, at least one result and perhaps assignments; its inputs and parameters of
// floating type depend on nothing. The caller frees it; its status is TT_OK unless something is
// wrong with the graph's core or with this.
tt_graph *random_graph(uint64_t seed, bool smooth);

// Its inputs and parameters of floating type; the sum of all of `values` that is a float, in f64.
unsigned float_inputs(const tt_graph *graph, tt_value wrt[RANDOM_INPUTS_MAX]);
tt_value total(tt_graph *graph, unsigned count, const tt_value *values);

#endif
