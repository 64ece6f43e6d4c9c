// Reverse-mode differentiation as a graph transform.
//
// Nodes stand in an order of computation, so walking them backwards from the loss meets every use
// of a value before the value itself: its gradient is then complete. Only what lies between the
// loss and something in `wrt` is visited, and rows are told which inputs' gradients are wanted.
// Where only some values are kept, rows see copies of the rest instead of it (recompute.c); what
// flows is booked under the originals either way, in the same order, so that the bits are the same.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ai/graph/graph_internal.h"
#include "ai/graph/recompute.h"

typedef struct flow {
    tt_graph *graph;
    tt_recomputation again;
    uint32_t nodes;     // of the graph before anything is added; what is added comes after
    bool *depends;      // by node: on something in wrt
    tt_value *gradient; // by type in the graph's pool; TT_NONE at first
} flow;

static tt_value *gradient_of(const flow *f, tt_value value)
{
    return &f->gradient[tt_graph_node(f->graph, value.node)->types + value.output];
}

static bool is_float(const tt_graph *graph, tt_value value)
{
    return tt_element_is_float((tt_element)tt_graph_type(graph, value)->element);
}

static void mark(flow *f, unsigned count, const tt_value *wrt)
{
    for (unsigned i = 0; i < count; i++)
        f->depends[wrt[i].node] = true;
    for (uint32_t at = 0; at < f->nodes; at++) {
        const tt_operation *node = tt_graph_node(f->graph, at);
        const tt_value *inputs = tt_graph_inputs(f->graph, at);
        bool flat = tt_row_of((tt_op)node->op)->constant; // nothing behind it depends through it
        for (unsigned i = 0; !flat && i < node->input_count; i++)
            f->depends[at] |= f->depends[inputs[i].node] && is_float(f->graph, inputs[i]);
    }
}

// Adds what flows into one input to its gradient, summed over what was broadcast.
static void flow_into(flow *f, tt_value input, tt_value share)
{
    tt_type type = *tt_graph_type(f->graph, input);
    share = tt_sum_to(f->graph, share, &type);
    tt_value *sum = gradient_of(f, input);
    *sum = tt_is_none(*sum) ? share : tt_add(f->graph, *sum, share);
}

// What a node's gradient is made of comes from where the node does; else from where the caller is.
static void come_from(flow *f, uint32_t node, const char *name, const char *place)
{
    const tt_origin *origin = tt_graph_origin_of(f->graph, node);
    char text[512];
    f->graph->name = origin != NULL ? origin->name : name;
    f->graph->place = origin != NULL ? "gradient" : place;
    if (origin == NULL || origin->place == NULL ||
        strlen(origin->place) + sizeof(", gradient") > sizeof(text))
        return;
    snprintf(text, sizeof(text), "%s, gradient", origin->place);
    f->graph->place = tt_graph_keep(f->graph, text);
}

static bool step_back(flow *f, uint32_t at)
{
    const tt_operation node = *tt_graph_node(f->graph, at);
    const tt_row *row = tt_row_of((tt_op)node.op);
    bool any = false, flows = false;
    if (node.input_count == 0 || row->constant)
        return true;
    tt_value *in = calloc(node.input_count, sizeof(*in)),
             *dx = calloc(node.input_count, sizeof(*dx));
    bool *wanted = calloc(node.input_count, sizeof(*wanted));
    tt_value *dy = calloc(node.output_count, sizeof(*dy));
    tt_back back = {.graph = f->graph,
                    .node = tt_recomputed(&f->again, (tt_value){at, 0}).node,
                    .row = row,
                    .input_count = node.input_count,
                    .output_count = node.output_count,
                    .in = in,
                    .wanted = wanted,
                    .dy = dy,
                    .dx = dx};
    // Attributes are copied: the graph's pool moves while gradients are built.
    int64_t *words = malloc((node.word_count + 1) * sizeof(*words));
    bool room = in != NULL && dx != NULL && wanted != NULL && dy != NULL && words != NULL;
    if (!room)
        tt_graph_fail(f->graph, TT_FULL, "no memory to differentiate");
    for (unsigned i = 0; room && i < node.output_count; i++) {
        dy[i] = *gradient_of(f, (tt_value){at, (uint16_t)i});
        flows |= !tt_is_none(dy[i]);
    }
    for (unsigned i = 0; room && i < node.input_count; i++) {
        tt_value input = tt_graph_inputs(f->graph, at)[i];
        in[i] = tt_recomputed(&f->again, input);
        dx[i] = TT_NONE;
        wanted[i] = f->depends[input.node] && is_float(f->graph, input);
        any |= wanted[i];
    }
    if (room && any && flows) {
        tt_graph_words(f->graph, at, words);
        tt_row_attributes(row, words, node.word_count, back.attribute);
        if (row->derivative == NULL)
            tt_graph_fail(f->graph, TT_UNSUPPORTED, "%s: has no derivative", row->name);
        else
            row->derivative(&back);
        for (unsigned i = 0; tt_graph_status(f->graph) == TT_OK && i < node.input_count; i++)
            if (wanted[i] && !tt_is_none(dx[i]))
                flow_into(f, tt_graph_inputs(f->graph, at)[i], dx[i]);
    }
    free(in);
    free(dx);
    free(wanted);
    free(dy);
    free(words);
    return tt_graph_status(f->graph) == TT_OK;
}

// The newest of the gradients that flow into nodes `first` to `end`: all that is newer comes after.
static tt_value newest_gradient(const flow *f, uint32_t first, uint32_t end)
{
    tt_value newest = TT_NONE;
    for (uint32_t at = first; at < end; at++)
        for (unsigned i = 0; f->depends[at] && i < tt_graph_node(f->graph, at)->output_count; i++) {
            tt_value gradient = *gradient_of(f, (tt_value){at, (uint16_t)i});
            if (!tt_is_none(gradient) && (tt_is_none(newest) || gradient.node > newest.node))
                newest = gradient;
        }
    return newest;
}

// Part by part, the last first; it alone is not computed again.
static void walk_back(flow *f, const char *name, const char *place)
{
    bool last = true;
    for (uint32_t end = f->nodes, first; end > 0; end = first) {
        first = tt_recompute_part(&f->again, end);
        tt_value newest = newest_gradient(f, first, end);
        if (tt_is_none(newest))
            continue;
        if (!last && !tt_recompute(&f->again, first, end, newest))
            return;
        last = false;
        for (uint32_t at = end; at > first; at--) {
            if (!f->depends[at - 1])
                continue;
            come_from(f, at - 1, name, place);
            if (!step_back(f, at - 1))
                return;
        }
    }
}

static tt_value zeros(tt_graph *graph, tt_value like)
{
    tt_type type = *tt_graph_type(graph, like);
    return tt_broadcast(graph, tt_number(graph, (tt_element)type.element, 0), type.rank, type.size);
}

static bool is_value(const tt_graph *graph, tt_value value)
{
    return !tt_is_none(value) && value.node < tt_graph_count(graph) &&
           value.output < tt_graph_node(graph, value.node)->output_count;
}

// Whether gradients can be asked for; false after a failure of the graph.
static bool check_wrt(tt_graph *graph, unsigned count, const tt_value *wrt)
{
    char text[TT_TYPE_TEXT_BYTES];
    for (unsigned i = 0; i < count; i++) {
        if (!is_value(graph, wrt[i]))
            return tt_graph_fail(graph, TT_INVALID,
                                 "gradient: value %u of those asked for is none of this graph", i);
        if (!is_float(graph, wrt[i]))
            return tt_graph_fail(
                graph, TT_INVALID,
                "gradient: value %u of those asked for is %s, expects a floating type", i,
                tt_type_text(tt_graph_type(graph, wrt[i]), text));
    }
    return true;
}

static bool check_outputs(tt_graph *graph, unsigned count, const tt_value *outputs,
                          const tt_value *seeds)
{
    char is[TT_TYPE_TEXT_BYTES], given[TT_TYPE_TEXT_BYTES];
    for (unsigned i = 0; i < count; i++) {
        if (!is_value(graph, outputs[i]) || (!tt_is_none(seeds[i]) && !is_value(graph, seeds[i])))
            return tt_graph_fail(graph, TT_INVALID,
                                 "gradient: output %u or its gradient is none of this graph", i);
        if (!tt_is_none(seeds[i]) &&
            !tt_type_equal(tt_graph_type(graph, outputs[i]), tt_graph_type(graph, seeds[i])))
            return tt_graph_fail(graph, TT_INVALID, "gradient: output %u is %s, its gradient %s", i,
                                 tt_type_text(tt_graph_type(graph, outputs[i]), is),
                                 tt_type_text(tt_graph_type(graph, seeds[i]), given));
    }
    return true;
}

// What is computed from wrt, differentiated; `kept` are the ends of parts that are computed again.
static tt_status differentiate(tt_graph *graph, unsigned output_count, const tt_value *outputs,
                               const tt_value *seeds, unsigned count, const tt_value *wrt,
                               tt_value *gradients, unsigned kept_count, const tt_value *kept)
{
    if (tt_graph_status(graph) != TT_OK || !check_outputs(graph, output_count, outputs, seeds) ||
        !check_wrt(graph, count, wrt))
        return tt_graph_status(graph);
    if (tt_graph_count(graph) == 0) // then nothing was asked for
        return TT_OK;
    flow f = {.graph = graph, .nodes = tt_graph_count(graph)};
    const tt_operation *last = tt_graph_node(graph, f.nodes - 1);
    uint32_t types = last->types + last->output_count;
    f.depends = calloc(f.nodes, sizeof(f.depends[0]));
    f.gradient = malloc(types * sizeof(f.gradient[0]));
    if (!tt_recompute_begin(&f.again, graph, output_count, outputs, kept_count, kept) ||
        f.depends == NULL || f.gradient == NULL)
        tt_graph_fail(graph, TT_FULL, "no memory to differentiate");
    else {
        for (uint32_t i = 0; i < types; i++)
            f.gradient[i] = TT_NONE;
        mark(&f, count, wrt);
        for (unsigned i = 0; i < output_count; i++)
            if (!tt_is_none(seeds[i]))
                flow_into(&f, outputs[i], seeds[i]);
        const char *name = graph->name, *place = graph->place;
        walk_back(&f, name, place);
        graph->name = name;
        graph->place = place;
        for (unsigned i = 0; tt_graph_status(graph) == TT_OK && i < count; i++) {
            tt_value gradient = *gradient_of(&f, wrt[i]);
            gradients[i] = tt_is_none(gradient) ? zeros(graph, wrt[i]) : gradient;
        }
    }
    tt_recompute_end(&f.again);
    free(f.depends);
    free(f.gradient);
    return tt_graph_status(graph);
}

tt_status tt_graph_gradients(tt_graph *graph, unsigned output_count, const tt_value *outputs,
                             const tt_value *seeds, unsigned count, const tt_value *wrt,
                             tt_value *gradients)
{
    return differentiate(graph, output_count, outputs, seeds, count, wrt, gradients, 0, NULL);
}

tt_status tt_graph_gradient(tt_graph *graph, tt_value loss, unsigned count, const tt_value *wrt,
                            tt_value *gradients)
{
    return tt_graph_gradient_recomputed(graph, loss, count, wrt, gradients, 0, NULL);
}

tt_status tt_graph_gradient_recomputed(tt_graph *graph, tt_value loss, unsigned count,
                                       const tt_value *wrt, tt_value *gradients,
                                       unsigned kept_count, const tt_value *kept)
{
    char text[TT_TYPE_TEXT_BYTES];
    if (tt_graph_status(graph) != TT_OK)
        return tt_graph_status(graph);
    if (!is_value(graph, loss))
        tt_graph_fail(graph, TT_INVALID, "gradient: the loss is no value of this graph");
    else if (!is_float(graph, loss) || tt_graph_type(graph, loss)->rank != 0)
        tt_graph_fail(graph, TT_INVALID,
                      "gradient: the loss is %s, expects a scalar of a "
                      "floating type",
                      tt_type_text(tt_graph_type(graph, loss), text));
    if (tt_graph_status(graph) != TT_OK)
        return tt_graph_status(graph);
    tt_value one = tt_number(graph, (tt_element)tt_graph_type(graph, loss)->element, 1);
    return differentiate(graph, 1, &loss, &one, count, wrt, gradients, kept_count, kept);
}
