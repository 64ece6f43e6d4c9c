// Graphs copied whole, and built into others.

#include <stdlib.h>
#include <string.h>

#include "ai/graph/control.h"
#include "ai/graph/graph_internal.h"
#include "tutti/check.h"

tt_value tt_graph_copy_buffer(tt_graph *graph, const tt_buffer *buffer)
{
    switch (buffer->kind) {
    case TT_INPUT:
        return tt_input(graph, buffer->name, buffer->type);
    case TT_PARAMETER:
        return tt_parameter(graph, buffer->name, buffer->type);
    case TT_STATE:
        return tt_state(graph, buffer->name, buffer->type);
    default:
        return tt_constant(graph, buffer->type, buffer->data);
    }
}

// What is built from now on comes from there; nothing is copied where that is so already.
static void at_origin(tt_graph *graph, const tt_origin *origin)
{
    if (origin == NULL)
        tt_graph_at(graph, NULL, NULL);
    else if (graph->name == NULL || strcmp(graph->name, origin->name) != 0 ||
             (graph->place == NULL) != (origin->place == NULL) ||
             (graph->place != NULL && strcmp(graph->place, origin->place) != 0))
        tt_graph_at(graph, origin->name, origin->place);
}

void tt_graph_copy_origin(tt_graph *graph, const tt_graph *from, uint32_t node)
{
    at_origin(graph, tt_graph_origin_of(from, node));
}

void tt_graph_copy_origins(tt_graph *graph, const tt_graph *from, uint32_t node, uint32_t copy)
{
    const tt_origin *origin = tt_graph_origin_of(from, node);
    for (; origin != NULL; origin = tt_graph_origin_next(from, origin)) {
        at_origin(graph, origin);
        tt_graph_note(graph, copy);
    }
}

tt_value tt_graph_copy_node(tt_graph *graph, const tt_graph *from, uint32_t node,
                            const tt_value *map)
{
    const tt_operation *n = tt_graph_node(from, node);
    const tt_value *inputs = tt_graph_inputs(from, node);
    tt_graph *body[2] = {NULL, NULL};
    tt_value few[8], *in = few;
    for (unsigned i = 0; i < 2; i++)
        if (n->body[i] != 0 && (body[i] = tt_graph_copy(tt_graph_body(from, n->body[i]))) == NULL)
            tt_graph_fail(graph, TT_FULL, "no memory to copy a body");
    if (n->input_count > TT_COUNT(few) && (in = malloc(n->input_count * sizeof(*in))) == NULL) {
        tt_graph_fail(graph, TT_FULL, "no memory to copy a node");
        tt_graph_free(body[0]);
        tt_graph_free(body[1]);
        return TT_NONE;
    }
    for (unsigned i = 0; i < n->input_count; i++)
        in[i] = map[tt_graph_place(from, inputs[i])];
    tt_value value = tt_apply_bodies(graph, (tt_op)n->op, n->input_count, in, n->word_count,
                                     from->words + n->words, body[0], body[1]);
    if (in != few)
        free(in);
    return value;
}

// A convolution of f32, whose weights are read from a copy with the output's channels innermost,
// unless they come from a movement, as those of gradients do.
static tt_value copy_conv(tt_graph *graph, const tt_graph *from, uint32_t node, tt_value *map)
{
    tt_value weights = tt_graph_inputs(from, node)[1];
    tt_op op = (tt_op)tt_graph_node(from, weights.node)->op;
    const tt_type *type = tt_graph_type(from, weights);
    tt_value *at = &map[tt_graph_place(from, weights)], as_is = *at;
    int64_t inwards[TT_RANK_MAX], back[TT_RANK_MAX];
    if (op == TT_OP_TRANSPOSE || op == TT_OP_FLIP || type->element != TT_F32)
        return tt_graph_copy_node(graph, from, node, map);
    for (int i = 0; i < type->rank; i++) {
        inwards[i] = (i + 1) % type->rank;
        back[i] = (i + type->rank - 1) % type->rank;
    }
    *at = tt_transpose(graph, tt_transpose(graph, as_is, inwards), back);
    tt_value made = tt_graph_copy_node(graph, from, node, map);
    *at = as_is;
    return made;
}

// Copies each node; those of inputs become `inputs`, unless NULL.
static bool copy_nodes(tt_graph *graph, const tt_graph *from, const tt_value *inputs, tt_value *map,
                       bool arranged)
{
    unsigned input = 0;
    for (uint32_t at = 0; at < from->node_count; at++) {
        const tt_operation *node = &from->nodes[at];
        tt_value value;
        tt_graph_copy_origin(graph, from, at);
        bool given = false;
        if (arranged && node->op == TT_OP_CONV) {
            value = copy_conv(graph, from, at, map);
        } else if (node->op != TT_OP_BUFFER) {
            value = tt_graph_copy_node(graph, from, at, map);
        } else {
            const tt_buffer *buffer = &from->buffers[from->words[node->words]];
            given = buffer->kind == TT_INPUT && inputs != NULL;
            value = given ? inputs[input++] : tt_graph_copy_buffer(graph, buffer);
        }
        if (tt_is_none(value))
            return false;
        for (unsigned i = 0; i < node->output_count; i++)
            map[node->types + i] = tt_output(value, value.output + i); // an input may be any output
        if (!given)
            tt_graph_copy_origins(graph, from, at, value.node);
    }
    return true;
}

bool tt_graph_inline(tt_graph *graph, const tt_graph *from, const tt_value *inputs,
                     tt_value *results)
{
    tt_value *map = malloc((from->type_count + 1) * sizeof(*map));
    const char *name = graph->name, *place = graph->place;
    bool copied = map != NULL && copy_nodes(graph, from, inputs, map, false);
    if (map == NULL)
        tt_graph_fail(graph, TT_FULL, "no memory to copy a graph");
    for (uint32_t i = 0; copied && i < from->result_count; i++)
        results[i] = map[tt_graph_place(from, from->results[i].value)];
    graph->name = name;
    graph->place = place;
    free(map);
    return copied;
}

void tt_graph_copy_results(tt_graph *graph, const tt_graph *from, const tt_value *map)
{
    for (uint32_t i = 0; i < from->result_count; i++)
        tt_graph_result(graph, from->results[i].name,
                        map[tt_graph_place(from, from->results[i].value)]);
    for (uint32_t i = 0; i < from->assign_count; i++)
        tt_graph_assign(graph,
                        map[tt_graph_place(from, from->buffers[from->assigns[i].buffer].value)],
                        map[tt_graph_place(from, from->assigns[i].value)]);
}

void tt_graph_copy_status(tt_graph *graph, const tt_graph *from)
{
    graph->status = from->status;
    memcpy(graph->error, from->error, sizeof(graph->error));
}

static tt_graph *copy(const tt_graph *from, bool arranged)
{
    tt_graph *graph = tt_graph_new();
    tt_value *map = malloc((from->type_count + 1) * sizeof(*map));
    if (graph == NULL || map == NULL || !copy_nodes(graph, from, NULL, map, arranged)) {
        tt_graph_free(graph);
        free(map);
        return NULL;
    }
    tt_graph_copy_results(graph, from, map);
    tt_graph_at(graph, NULL, NULL);
    graph->streams = from->streams;
    free(map);
    if (tt_graph_status(graph) != TT_OK) {
        tt_graph_free(graph);
        return NULL;
    }
    tt_graph_copy_status(graph, from);
    return graph;
}

tt_graph *tt_graph_copy(const tt_graph *from)
{
    return copy(from, false);
}

tt_graph *tt_graph_arrange(tt_graph *graph)
{
    bool any = false;
    for (uint32_t at = 0; at < graph->node_count; at++)
        any |= graph->nodes[at].op == TT_OP_CONV;
    if (!any)
        return graph;
    tt_graph *arranged = copy(graph, true);
    tt_graph_free(graph);
    return arranged;
}
