// What a graph computes, counted before anything is run.

#include <stdlib.h>

#include "ai/graph/row.h"

uint64_t tt_node_cost(const tt_graph *graph, uint32_t node)
{
    const tt_operation *n = tt_graph_node(graph, node);
    const tt_row *row = tt_row_of((tt_op)n->op);
    uint64_t cost = 0, own = row->cost != NULL ? row->cost(graph, node) : 0;
    for (unsigned i = 0; i < n->output_count && (row->flags & TT_ROW_IMPURE) == 0; i++) {
        int64_t count = tt_type_count(tt_graph_type(graph, (tt_value){node, (uint16_t)i}));
        cost = tt_cost_add(cost, count > 0 ? (uint64_t)count : 0);
    }
    return own > cost ? own : cost; // elements are made even of nothing
}

uint64_t tt_node_flop(const tt_graph *graph, uint32_t node)
{
    tt_op op = (tt_op)tt_graph_node(graph, node)->op;
    uint64_t cost = tt_node_cost(graph, node);
    if (op == TT_OP_MATMUL || op == TT_OP_CONV)
        return tt_cost_multiply(cost, 2);
    bool moves = (tt_row_of(op)->flags & TT_ROW_MOVEMENT) != 0;
    return moves || op == TT_OP_CONVERT || op == TT_OP_IOTA || op == TT_OP_GATHER ? 0 : cost;
}

uint64_t tt_graph_cost_of(const tt_graph *graph, uint32_t count, const tt_value *values)
{
    uint64_t cost = 0;
    uint32_t nodes = tt_graph_count(graph);
    bool *needed = calloc(nodes > 0 ? nodes : 1, sizeof(bool));
    if (needed == NULL)
        return UINT64_MAX;
    for (uint32_t i = 0; i < count; i++)
        needed[values[i].node] = true;
    for (uint32_t at = nodes; at > 0; at--) {
        const tt_value *inputs = tt_graph_inputs(graph, at - 1);
        if (!needed[at - 1])
            continue;
        cost = tt_cost_add(cost, tt_node_cost(graph, at - 1));
        for (unsigned i = 0; i < tt_graph_node(graph, at - 1)->input_count; i++)
            needed[inputs[i].node] = true;
    }
    free(needed);
    return cost;
}

uint64_t tt_graph_cost(const tt_graph *graph)
{
    uint32_t results = tt_graph_result_count(graph), assigns = tt_graph_assign_count(graph);
    tt_value *values = calloc((size_t)results + assigns + 1, sizeof(values[0]));
    if (values == NULL)
        return UINT64_MAX;
    for (uint32_t i = 0; i < results; i++)
        values[i] = tt_graph_result_at(graph, i)->value;
    for (uint32_t i = 0; i < assigns; i++)
        values[results + i] = tt_graph_assign_at(graph, i)->value;
    uint64_t cost = tt_graph_cost_of(graph, results + assigns, values);
    free(values);
    return cost;
}
