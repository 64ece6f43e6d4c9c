// The reference: node after node, each into memory of its own, freed after its last use.

#include "ai/graph/reference.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tutti/check.h"

struct tt_reference {
    bool exact;
    uint64_t bytes, bytes_max, cost_max;
    uint32_t result_count;
    tt_cells *results;
};

tt_status tt_cells_new(tt_reference *reference, const tt_type *type, tt_cells *tensor)
{
    uint64_t bytes = (uint64_t)tt_type_count(type) * sizeof(tt_cell); // at most 2^51
    if (bytes > reference->bytes_max || reference->bytes > reference->bytes_max - bytes)
        return TT_TOO_LARGE;
    *tensor = (tt_cells){*type, calloc(bytes > 0 ? bytes / sizeof(tt_cell) : 1, sizeof(tt_cell))};
    if (tensor->cells == NULL)
        return TT_FULL;
    reference->bytes += bytes;
    return TT_OK;
}

void tt_cells_free(tt_reference *reference, tt_cells *tensor)
{
    if (tensor->cells == NULL)
        return;
    reference->bytes -= (uint64_t)tt_type_count(&tensor->type) * sizeof(tt_cell);
    free(tensor->cells);
    tensor->cells = NULL;
}

void tt_cells_store(const tt_cells *tensor, void *bytes)
{
    int64_t count = tt_type_count(&tensor->type);
    for (int64_t i = 0; i < count; i++)
        tt_cell_store((tt_element)tensor->type.element, bytes, i, tensor->cells[i]);
}

tt_status tt_work_cells(tt_work *work, unsigned output, const tt_type *type)
{
    tt_cells_free(work->reference, &work->out[output]);
    return tt_cells_new(work->reference, type, &work->out[output]);
}

// One run of a graph or a body.
typedef struct run {
    tt_reference *reference;
    const tt_graph *graph;
    tt_cells *tensors;                   // by type of the graph's pool: node->types + output
    uint32_t *uses_left;                 // by node: how often its outputs are still wanted
    const void *const *data;             // by buffer, of the outermost graph
    const tt_cells *arguments;           // by input, of a body
    uint32_t inputs;                     // among the nodes before
    const tt_reference_options *options; // of the outermost graph; or NULL
    tt_text *why;
} run;

// How often each node is used by what is wanted; nodes that are not needed stay at 0.
static void count_uses(run *r, uint32_t count, const tt_value *values)
{
    for (uint32_t i = 0; i < count; i++)
        r->uses_left[values[i].node]++;
    for (uint32_t at = tt_graph_count(r->graph); at > 0; at--) {
        const tt_value *inputs = tt_graph_inputs(r->graph, at - 1);
        for (unsigned i = 0;
             r->uses_left[at - 1] > 0 && i < tt_graph_node(r->graph, at - 1)->input_count; i++)
            r->uses_left[inputs[i].node]++;
    }
}

static tt_cells *tensor_of(run *r, tt_value value)
{
    return &r->tensors[tt_graph_node(r->graph, value.node)->types + value.output];
}

static void used(run *r, uint32_t node)
{
    if (--r->uses_left[node] > 0)
        return;
    for (unsigned i = 0; i < tt_graph_node(r->graph, node)->output_count; i++)
        tt_cells_free(r->reference, tensor_of(r, (tt_value){node, (uint16_t)i}));
}

static tt_status say(run *r, tt_status status, const char *what, uint32_t node)
{
    const tt_origin *origin = tt_graph_origin_of(r->graph, node);
    tt_text_add(r->why, tt_op_name((tt_op)tt_graph_node(r->graph, node)->op));
    tt_text_add(r->why, " (");
    if (origin != NULL)
        tt_text_add(r->why, origin->name);
    else
        tt_text_add(r->why, "node ");
    if (origin == NULL)
        tt_text_add_unsigned(r->why, node);
    tt_text_add(r->why, "): ");
    tt_text_add(r->why, what);
    return status;
}

static tt_status memory_failed(run *r, tt_status status, uint32_t node)
{
    return say(r, status,
               status == TT_TOO_LARGE ? "would take more memory than the run may"
                                      : "there is no memory for its result",
               node);
}

static bool is_input(const tt_graph *graph, uint32_t node)
{
    return tt_graph_node(graph, node)->op == TT_OP_BUFFER &&
           tt_graph_buffer(graph, (uint32_t)tt_graph_attribute(graph, node, 0, NULL)[0])->kind ==
               TT_INPUT;
}

static tt_status load_buffer(run *r, uint32_t node)
{
    uint32_t at = (uint32_t)tt_graph_attribute(r->graph, node, 0, NULL)[0];
    const tt_buffer *buffer = tt_graph_buffer(r->graph, at);
    tt_cells *tensor = tensor_of(r, (tt_value){node, 0});
    const void *data = buffer->kind == TT_CONSTANT ? buffer->data
                       : r->data != NULL           ? r->data[at]
                                                   : NULL;
    int64_t count = tt_type_count(&buffer->type);
    if (data == NULL && r->arguments == NULL && count > 0) {
        tt_text_add(r->why, "there are no elements for ");
        tt_text_add(r->why, buffer->name);
        return TT_NOT_FOUND;
    }
    tt_status status = tt_cells_new(r->reference, &buffer->type, tensor);
    if (status != TT_OK)
        return memory_failed(r, status, node);
    if (r->arguments != NULL && buffer->kind == TT_INPUT) {
        memcpy(tensor->cells, r->arguments[r->inputs].cells, (size_t)count * sizeof(tt_cell));
        return TT_OK;
    }
    for (int64_t i = 0; i < count; i++)
        tensor->cells[i] = tt_cell_load((tt_element)buffer->type.element, data, i);
    return TT_OK;
}

static bool is_open(const tt_type *type)
{
    for (unsigned i = 0; i < type->rank; i++)
        if (type->size[i] < 0)
            return true;
    return false;
}

static bool is_empty(unsigned count, const tt_cells *out)
{
    for (unsigned i = 0; i < count; i++) // those whose sizes are not known have no cells yet
        if (out[i].cells == NULL || tt_type_count(&out[i].type) > 0)
            return false;
    return true;
}

// Runs a node's row, whose outputs have cells where their sizes are known.
static tt_status run_row(run *r, uint32_t node, const tt_cells *in, tt_cells *out)
{
    const tt_operation *n = tt_graph_node(r->graph, node);
    const tt_row *row = tt_row_of((tt_op)n->op);
    tt_work work = {.graph = r->graph,
                    .node = node,
                    .row = row,
                    .input_count = n->input_count,
                    .in = in,
                    .out = out,
                    .reference = r->reference,
                    .exact = r->reference->exact,
                    .why = r->why};
    for (unsigned i = 0; i < TT_ATTRIBUTES_MAX && row->attributes[i].name != NULL; i++)
        work.attribute[i].word = tt_graph_attribute(r->graph, node, i, &work.attribute[i].count);
    size_t said = r->why != NULL ? r->why->length : 0;
    if (is_empty(n->output_count, out)) // whatever the sizes of its other axes are
        return TT_OK;
    tt_status status = row->reference(&work);
    if (status != TT_OK && r->why != NULL && r->why->length == said)
        memory_failed(r, status, node);
    return status;
}

tt_status tt_reference_node(const tt_graph *graph, uint32_t node, const tt_cells *in, tt_cells *out,
                            tt_text *why)
{
    tt_reference reference = {.bytes_max = UINT64_MAX};
    run r = {.reference = &reference, .graph = graph, .why = why};
    const tt_operation *n = tt_graph_node(graph, node);
    tt_status status = TT_OK;
    memset(out, 0, n->output_count * sizeof(*out));
    for (unsigned i = 0; status == TT_OK && i < n->output_count; i++)
        status =
            tt_cells_new(&reference, tt_graph_type(graph, (tt_value){node, (uint16_t)i}), &out[i]);
    if (status == TT_OK)
        status = run_row(&r, node, in, out);
    for (unsigned i = 0; status != TT_OK && i < n->output_count; i++)
        tt_cells_free(&reference, &out[i]);
    return status;
}

static tt_status compute(run *r, uint32_t node)
{
    const tt_operation *n = tt_graph_node(r->graph, node);
    const tt_value *inputs = tt_graph_inputs(r->graph, node);
    tt_cells few[4], *in = few;
    tt_status status = TT_OK;
    if (n->input_count > TT_COUNT(few) && (in = calloc(n->input_count, sizeof(*in))) == NULL)
        return memory_failed(r, TT_FULL, node);
    for (unsigned i = 0; i < n->input_count; i++)
        in[i] = *tensor_of(r, inputs[i]);
    for (unsigned i = 0; status == TT_OK && i < n->output_count; i++) {
        const tt_type *type = tt_graph_type(r->graph, (tt_value){node, (uint16_t)i});
        if (!is_open(type))
            status = tt_cells_new(r->reference, type, tensor_of(r, (tt_value){node, (uint16_t)i}));
    }
    if (status != TT_OK)
        memory_failed(r, status, node);
    if (status == TT_OK)
        status = run_row(r, node, in, tensor_of(r, (tt_value){node, 0}));
    if (in != few)
        free(in);
    return status;
}

static tt_status run_all(run *r, uint32_t count, const tt_value *values, tt_cells *results)
{
    uint32_t nodes = tt_graph_count(r->graph);
    uint32_t types = nodes > 0 ? tt_graph_node(r->graph, nodes - 1)->types +
                                     tt_graph_node(r->graph, nodes - 1)->output_count
                               : 0;
    tt_status status = TT_OK;
    r->tensors = calloc(types > 0 ? types : 1, sizeof(r->tensors[0]));
    r->uses_left = calloc(nodes > 0 ? nodes : 1, sizeof(r->uses_left[0]));
    if (r->tensors == NULL || r->uses_left == NULL)
        status = TT_FULL;
    if (status == TT_OK)
        count_uses(r, count, values);
    for (uint32_t at = 0; status == TT_OK && at < nodes; at++) {
        const tt_operation *node = tt_graph_node(r->graph, at);
        if (r->uses_left[at] > 0)
            status = node->op == TT_OP_BUFFER ? load_buffer(r, at) : compute(r, at);
        r->inputs += is_input(r->graph, at);
        if (r->uses_left[at] == 0)
            continue;
        if (status == TT_OK && r->options != NULL && r->options->look != NULL)
            r->options->look(r->options->context, at, tensor_of(r, (tt_value){at, 0}));
        const tt_value *inputs = tt_graph_inputs(r->graph, at);
        for (unsigned i = 0; status == TT_OK && i < node->input_count; i++)
            used(r, inputs[i].node);
    }
    for (uint32_t i = 0; status == TT_OK && i < count; i++) { // two may be the same value
        const tt_cells *from = tensor_of(r, values[i]);
        status = tt_cells_new(r->reference, &from->type, &results[i]);
        if (status == TT_OK)
            memcpy(results[i].cells, from->cells,
                   (size_t)tt_type_count(&from->type) * sizeof(tt_cell));
        else
            memory_failed(r, status, values[i].node);
        used(r, values[i].node);
    }
    for (uint32_t i = 0; r->tensors != NULL && i < types; i++)
        tt_cells_free(r->reference, &r->tensors[i]);
    free(r->tensors);
    free(r->uses_left);
    return status;
}

tt_status tt_reference_body(tt_work *work, const tt_graph *body, const tt_cells *in, tt_cells *out)
{
    uint32_t count = tt_graph_result_count(body);
    tt_value values[TT_OUTPUTS_MAX + 1];
    TT_CHECK(count <= TT_COUNT(values)); // the row refused more
    for (uint32_t i = 0; i < count; i++)
        values[i] = tt_graph_result_at(body, i)->value;
    run r = {.reference = work->reference, .graph = body, .arguments = in, .why = work->why};
    return run_all(&r, count, values, out);
}

static uint64_t half_of_memory(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), bytes = sysconf(_SC_PAGESIZE);
    return pages > 0 && bytes > 0 ? (uint64_t)pages * (uint64_t)bytes / 2 : (uint64_t)1 << 30;
}

static tt_status check_run(const tt_graph *graph, uint32_t count, const tt_value *values,
                           const tt_reference *reference, tt_text *why)
{
    if (tt_graph_status(graph) != TT_OK) {
        tt_text_add(why, tt_graph_error(graph));
        return tt_graph_status(graph);
    }
    for (uint32_t i = 0; i < count; i++)
        if (values[i].node >= tt_graph_count(graph) ||
            values[i].output >= tt_graph_node(graph, values[i].node)->output_count) {
            tt_text_add(why, "value ");
            tt_text_add_unsigned(why, i);
            tt_text_add(why, " of those asked for is not of this graph");
            return TT_INVALID;
        }
    uint64_t cost = tt_graph_cost_of(graph, count, values);
    if (cost > reference->cost_max) {
        tt_text_add(why, "the graph computes ");
        tt_text_add_unsigned(why, cost);
        tt_text_add(why, cost == UINT64_MAX ? " or more products or elements; the limit is "
                                            : " products or elements; the limit is ");
        tt_text_add_unsigned(why, reference->cost_max);
        return TT_TOO_LARGE;
    }
    return TT_OK;
}

tt_status tt_reference_run(const tt_graph *graph, uint32_t count, const tt_value *values,
                           const void *const *data, const tt_reference_options *options,
                           tt_reference **reference, tt_text *why)
{
    static const void *const nothing[1] = {NULL};
    *reference = NULL;
    tt_reference *made = calloc(1, sizeof(*made));
    tt_cells *results = calloc(count > 0 ? count : 1, sizeof(*results));
    if (made == NULL || results == NULL) {
        free(made);
        free(results);
        return TT_FULL;
    }
    *made = (tt_reference){.exact = options != NULL && options->exact,
                           .bytes_max = options != NULL ? options->bytes_max : 0,
                           .cost_max = options != NULL ? options->cost_max : 0,
                           .result_count = count,
                           .results = results};
    if (made->bytes_max == 0)
        made->bytes_max = half_of_memory();
    if (made->cost_max == 0)
        made->cost_max = TT_COST_MAX;
    tt_status status = check_run(graph, count, values, made, why);
    run r = {.reference = made,
             .graph = graph,
             .options = options,
             .why = why,
             .data = tt_graph_buffer_count(graph) > 0 ? data : nothing};
    if (status == TT_OK)
        status = run_all(&r, count, values, made->results);
    if (status != TT_OK) {
        tt_reference_free(made);
        return status;
    }
    *reference = made;
    return TT_OK;
}

void tt_reference_free(tt_reference *reference)
{
    if (reference == NULL)
        return;
    for (uint32_t i = 0; i < reference->result_count; i++)
        tt_cells_free(reference, &reference->results[i]);
    free(reference->results);
    free(reference);
}

const tt_cells *tt_reference_result(const tt_reference *reference, uint32_t index)
{
    TT_CHECK(index < reference->result_count);
    return &reference->results[index];
}
