// Nodes that wait for their readers: those that read no group, so that they would be one alone.

#include <stdlib.h>

#include "ai/lower/grouping.h"

#define WAITS_MAX 4 // nodes in a row

// Whether a node may wait for its first reader: it reads no group, so it would be one of its own,
// which readers of another group as well could not join. How many wait before it, + 1; 0: it may
// not.
static unsigned waits(const tt_groups *g, const unsigned char *waiting, uint32_t node)
{
    const tt_operation *n = tt_graph_node(g->graph, node);
    const tt_type *type = tt_graph_type(g->graph, (tt_value){node, 0});
    unsigned most = 0;
    if (g->how[node] != TT_LOWERED_FREE || tt_groups_is_sum((tt_op)n->op) || g->stored[node] ||
        g->early_made[node])
        return 0;
    for (unsigned i = 0; i < n->input_count; i++) {
        tt_value value = tt_graph_inputs(g->graph, node)[i];
        uint32_t behind = tt_behind(g, value).node;
        bool waiting_too =
            waiting[value.node] > 0 && tt_groups_same_shape(tt_graph_type(g->graph, value), type);
        if (!waiting_too && !g->early_made[behind] && g->how[behind] != TT_LOWERED_OWN)
            return 0;
        if (waiting_too && waiting[value.node] > most)
            most = waiting[value.node];
    }
    return most < WAITS_MAX ? most + 1 : 0;
}

// Whether a node is a sum across, or part of one: that stores nothing but itself.
static bool is_across(const tt_groups *g, uint32_t node)
{
    return g->how[node] == TT_LOWERED_INLINE ||
           (tt_groups_is_sum((tt_op)tt_graph_node(g->graph, node)->op) &&
            tt_groups_split_of(g->graph, node) < 0);
}

// Marks these, and what may wait for one of them alone.
static void mark_across(const tt_groups *g, const uint32_t *uses, bool *across)
{
    for (uint32_t node = tt_graph_count(g->graph); node-- > 0;) {
        across[node] = across[node] || is_across(g, node);
        for (unsigned i = 0; across[node] && i < tt_graph_node(g->graph, node)->input_count; i++) {
            uint32_t input = tt_graph_inputs(g->graph, node)[i].node;
            across[input] = across[input] || uses[input] == 1;
        }
    }
}

// Whether a reader takes what waits into its group, and that may store it for others.
static bool takes(const tt_groups *g, const bool *across, uint32_t reader, uint32_t node,
                  bool alone)
{
    bool sum = tt_groups_is_sum((tt_op)tt_graph_node(g->graph, reader)->op);
    const tt_type *type = tt_graph_type(g->graph, (tt_value){node, 0});
    if (is_across(g, reader))
        return alone;
    return g->how[reader] == TT_LOWERED_FREE && !g->early_made[reader] &&
           (alone || !across[reader]) &&
           (sum || tt_groups_same_shape(type, tt_graph_type(g->graph, (tt_value){reader, 0})));
}

// Marks what waits, where all that read it take it.
bool tt_groups_mark_waiting(tt_groups *g, const uint32_t *uses)
{
    uint32_t nodes = tt_graph_count(g->graph);
    uint32_t *taken = calloc(2 * (size_t)nodes + 2, sizeof(*taken));
    uint32_t *direct = taken != NULL ? taken + nodes + 1 : NULL;
    unsigned char *waiting = calloc(nodes + 1, 1);
    bool *across = calloc(nodes + 1, sizeof(*across));
    if (across != NULL)
        mark_across(g, uses, across);
    for (uint32_t node = 0; across != NULL && taken != NULL && node < nodes; node++)
        for (unsigned i = 0; i < tt_graph_node(g->graph, node)->input_count; i++) {
            uint32_t input = tt_graph_inputs(g->graph, node)[i].node;
            taken[input] += takes(g, across, node, input, uses[input] == 1);
            direct[input] += takes(g, across, node, input, true);
        }
    for (uint32_t node = 0; direct != NULL && node < nodes; node++)
        g->copies_left[node] =
            direct[node] == uses[node] && uses[node] < 4 ? (uint8_t)uses[node] : 0;
    for (uint32_t node = 0; taken != NULL && waiting != NULL && node < nodes; node++)
        if (taken[node] > 0 && taken[node] == uses[node])
            waiting[node] = (unsigned char)waits(g, waiting, node);
    for (uint32_t node = 0; taken != NULL && waiting != NULL && node < nodes; node++)
        if (waiting[node] > 0)
            g->how[node] = TT_LOWERED_INLINE;
    free(taken);
    free(waiting);
    free(across);
    return taken != NULL && waiting != NULL && across != NULL;
}
