// Which nodes a form can compute.

#include "ai/lower/grouping.h"

bool tt_looks_through(const tt_graph *graph, uint32_t node)
{
    tt_op op = (tt_op)tt_graph_node(graph, node)->op;
    return op == TT_OP_TRANSPOSE || op == TT_OP_SLICE || op == TT_OP_FLIP || op == TT_OP_BROADCAST;
}

// Small integers are themselves in 32 bits; of these, only what cannot leave their range.
static bool is_small(tt_element element)
{
    return element == TT_BOOL || element == TT_I8 || element == TT_U8 || element == TT_I16 ||
           element == TT_U16 || element == TT_I32;
}

static bool can_convert(tt_element from, tt_element to)
{
    return (from == TT_F32 && (to == TT_F32 || to == TT_I32 || to == TT_BOOL)) ||
           (is_small(from) && (to == TT_F32 || to == TT_I32 || to == TT_BOOL));
}

static bool can_compute(tt_op op, tt_element element, tt_element made)
{
    switch (op) {
    case TT_OP_CONVERT:
        return can_convert(element, made);
    case TT_OP_NEGATE:
    case TT_OP_ABSOLUTE:
    case TT_OP_EXP:
    case TT_OP_LOG:
    case TT_OP_SQRT:
    case TT_OP_SIN:
    case TT_OP_COS:
    case TT_OP_ATAN:
    case TT_OP_TANH:
    case TT_OP_ERF:
    case TT_OP_FLOOR:
    case TT_OP_CEIL:
    case TT_OP_ROUND:
    case TT_OP_DIVIDE:
    case TT_OP_GREATER_OF:
    case TT_OP_LESSER_OF:
        return element == TT_F32;
    case TT_OP_ADD:
    case TT_OP_SUBTRACT:
    case TT_OP_MULTIPLY:
        return element == TT_F32 || element == TT_I32;
    case TT_OP_NOT:
    case TT_OP_AND:
    case TT_OP_OR:
    case TT_OP_XOR:
        return element == TT_BOOL || element == TT_I32;
    case TT_OP_EQUAL:
    case TT_OP_LESS:
    case TT_OP_LESS_OR_EQUAL:
    case TT_OP_SELECT:
        return element == TT_F32 ||
               (is_small(element) &&
                (op == TT_OP_EQUAL || op == TT_OP_SELECT || element != TT_BOOL));
    default:
        return tt_groups_is_sum(op) && element == TT_F32;
    }
}

// Sizes that 32-bit numbers count.
static bool is_counted(const tt_type *type)
{
    int64_t count = tt_type_count(type);
    return count > 0 && count <= INT32_MAX;
}

bool tt_can_lower(const tt_graph *graph, uint32_t node)
{
    const tt_operation *n = tt_graph_node(graph, node);
    const tt_type *made = tt_graph_type(graph, (tt_value){node, 0});
    tt_op op = (tt_op)n->op;
    if (!is_counted(made))
        return false;
    if (op == TT_OP_IOTA)
        return made->element == TT_F32 || made->element == TT_I32;
    if (n->input_count == 0 || n->input_count > 3)
        return false;
    for (unsigned i = 0; i < n->input_count; i++)
        if (!is_counted(tt_groups_input_type(graph, node, i)))
            return false;
    return can_compute(op,
                       (tt_element)tt_groups_input_type(graph, node, n->input_count - 1u)->element,
                       (tt_element)made->element);
}

bool tt_is_pool(const tt_graph *graph, uint32_t node)
{
    if (tt_graph_node(graph, node)->op != TT_OP_POOL_GREATEST)
        return false;
    const tt_type *x = tt_groups_input_type(graph, node, 0);
    return x->element == TT_F32 && x->rank <= 5 && is_counted(x) &&
           is_counted(tt_graph_type(graph, (tt_value){node, 0}));
}
