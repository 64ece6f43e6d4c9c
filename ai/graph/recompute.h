// Parts of a forward computation, done again for their derivatives instead of being kept.

#ifndef TUTTI_AI_RECOMPUTE_H
#define TUTTI_AI_RECOMPUTE_H

#include "ai/graph/row.h"

// The nodes of a graph as they stood when it began, in parts that each end with a kept value.
typedef struct tt_recomputation {
    tt_graph *graph;
    uint32_t nodes;
    bool *ends;       // by node: whether a part ends with it
    bool *needed;     // by node: whether an output is computed from it
    tt_value *stands; // by type in the graph's pool: what derivatives take for it; TT_NONE: itself
} tt_recomputation;

// False after a failure of the graph: a kept value is none of it, or TT_FULL. End it either way.
bool tt_recompute_begin(tt_recomputation *r, tt_graph *graph, unsigned output_count,
                        const tt_value *outputs, unsigned kept_count, const tt_value *kept);
void tt_recompute_end(tt_recomputation *r);

// Where the part begins whose last node is `end` - 1.
uint32_t tt_recompute_part(const tt_recomputation *r, uint32_t end);

// Computes nodes `first` to `end` once more, after `after` is there. False after a failure.
bool tt_recompute(tt_recomputation *r, uint32_t first, uint32_t end, tt_value after);

// What stands for a value of the parts that were computed again.
tt_value tt_recomputed(const tt_recomputation *r, tt_value value);

#endif
