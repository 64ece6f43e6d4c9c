// Groups while they grow; for group.c, can_lower.c and waiting.c.

#ifndef TUTTI_AI_GROUPING_H
#define TUTTI_AI_GROUPING_H

#include <string.h>

#include "ai/lower/group.h"

static inline const tt_type *tt_groups_input_type(const tt_graph *graph, uint32_t node,
                                                  unsigned input)
{
    return tt_graph_type(graph, tt_graph_inputs(graph, node)[input]);
}

static inline bool tt_groups_is_sum(tt_op op)
{
    return op == TT_OP_SUM || op == TT_OP_GREATEST || op == TT_OP_LEAST || op == TT_OP_LOG_SUM_EXP;
}

static inline bool tt_groups_same_shape(const tt_type *a, const tt_type *b)
{
    return a->rank == b->rank && memcmp(a->size, b->size, sizeof(a->size)) == 0;
}

// The first of the last axes, all of which a sum takes; -1: it takes others.
int tt_groups_split_of(const tt_graph *graph, uint32_t node);

// Makes INLINE of what waits, where all that read it take it. False without memory.
bool tt_groups_mark_waiting(tt_groups *groups, const uint32_t *uses);

#endif
