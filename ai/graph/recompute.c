// Recomputation: what lies between kept values is computed anew for its derivatives.
//
// The nodes, in their order, are cut into parts, each of which ends with a kept value. When
// differentiation comes to a part, its nodes are built once more. Equal nodes are one, so the
// copies would be the originals, which then would have to be kept: all that a part takes from
// outside (kept values, whatever else earlier parts made, inputs and parameters) goes through
// `after`, which is a itself, but another node, and waits for the gradient that flows into the
// part. So copies differ from originals, are computed late, and the barrier costs no byte where
// `after` is a view.
//
// The last part is not computed again: its values are still there when the way back begins. What
// hangs on constants alone is the same node in both, and is kept.

#include "ai/graph/recompute.h"

#include <stdlib.h>

#include "ai/graph/graph_internal.h"

static bool is_value(const tt_graph *graph, tt_value value)
{
    return !tt_is_none(value) && value.node < graph->node_count &&
           value.output < graph->nodes[value.node].output_count;
}

bool tt_recompute_begin(tt_recomputation *r, tt_graph *graph, unsigned output_count,
                        const tt_value *outputs, unsigned kept_count, const tt_value *kept)
{
    *r = (tt_recomputation){.graph = graph, .nodes = graph->node_count};
    for (unsigned i = 0; i < kept_count; i++)
        if (!is_value(graph, kept[i]))
            return tt_graph_fail(graph, TT_INVALID, "gradient: kept value %u is none of this graph",
                                 i);
    r->ends = calloc(r->nodes + 1u, sizeof(*r->ends));
    r->needed = calloc(r->nodes + 1u, sizeof(*r->needed));
    r->stands = malloc((graph->type_count + 1u) * sizeof(*r->stands));
    if (r->ends == NULL || r->needed == NULL || r->stands == NULL)
        return tt_graph_fail(graph, TT_FULL, "no memory to differentiate");
    for (uint32_t i = 0; i < graph->type_count; i++)
        r->stands[i] = TT_NONE;
    for (unsigned i = 0; i < kept_count; i++)
        r->ends[kept[i].node] = true;
    for (unsigned i = 0; i < output_count; i++)
        r->needed[outputs[i].node] = true;
    for (uint32_t at = r->nodes; at > 0; at--) {
        const tt_value *inputs = tt_graph_inputs(graph, at - 1);
        for (unsigned i = 0; r->needed[at - 1] && i < graph->nodes[at - 1].input_count; i++)
            r->needed[inputs[i].node] = true;
    }
    return true;
}

void tt_recompute_end(tt_recomputation *r)
{
    free(r->ends);
    free(r->needed);
    free(r->stands);
}

uint32_t tt_recompute_part(const tt_recomputation *r, uint32_t end)
{
    uint32_t first = end - 1;
    while (first > 0 && !r->ends[first - 1])
        first--;
    return first;
}

static bool is_constant(const tt_graph *graph, uint32_t node)
{
    const tt_operation *n = &graph->nodes[node];
    return n->op == TT_OP_BUFFER && graph->buffers[graph->words[n->words]].kind == TT_CONSTANT;
}

// What a part takes from outside, behind the barrier.
static bool bring_in(tt_recomputation *r, uint32_t node, uint32_t first, tt_value after)
{
    for (unsigned i = 0; i < r->graph->nodes[node].input_count; i++) {
        tt_value in = tt_graph_inputs(r->graph, node)[i], stands = in;
        if (in.node >= first && r->graph->nodes[in.node].op != TT_OP_BUFFER)
            continue; // a copy stands there already
        if (!is_constant(r->graph, in.node))
            stands = tt_value_after(r->graph, in, after);
        if (tt_is_none(stands))
            return false;
        r->stands[tt_graph_place(r->graph, in)] = stands;
    }
    return true;
}

bool tt_recompute(tt_recomputation *r, uint32_t first, uint32_t end, tt_value after)
{
    tt_graph *graph = r->graph;
    const char *name = graph->name, *place = graph->place;
    bool sound = true;
    for (uint32_t at = first; sound && at < end; at++) {
        if (!r->needed[at] || graph->nodes[at].op == TT_OP_BUFFER)
            continue;
        tt_graph_copy_origin(graph, graph, at);
        sound = bring_in(r, at, first, after);
        tt_value copy = sound ? tt_graph_copy_node(graph, graph, at, r->stands) : TT_NONE;
        sound = !tt_is_none(copy);
        for (unsigned i = 0; sound && i < graph->nodes[at].output_count; i++)
            r->stands[graph->nodes[at].types + i] = tt_output(copy, i);
    }
    graph->name = name;
    graph->place = place;
    return sound;
}

tt_value tt_recomputed(const tt_recomputation *r, tt_value value)
{
    tt_value stands = r->stands[tt_graph_place(r->graph, value)];
    return tt_is_none(stands) ? value : stands;
}
