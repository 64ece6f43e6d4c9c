// What a graph has by name: buffers and what is computed; and constants, by their bytes.

#include <stdlib.h>
#include <string.h>

#include "ai/graph/graph_internal.h"
#include "tutti/check.h"

// Names and constants share an index: a buffer's hash is of what it is found by.
static uint64_t hash_name(const char *name)
{
    return tt_hash(1, name, strlen(name));
}

static uint64_t hash_constant(const tt_type *type, const void *data, size_t bytes)
{
    uint64_t hash = tt_hash(2, (uint8_t[]){type->element, type->rank}, 2);
    return tt_hash(tt_hash(hash, type->size, sizeof(type->size)), data, bytes);
}

static size_t type_bytes(const tt_type *type)
{
    return (size_t)tt_type_count(type) * tt_element_bytes((tt_element)type->element);
}

static uint64_t hash_buffer(const void *graph, uint32_t buffer)
{
    const tt_buffer *b = &((const tt_graph *)graph)->buffers[buffer];
    return b->kind != TT_CONSTANT ? hash_name(b->name)
                                  : hash_constant(&b->type, b->data, type_bytes(&b->type));
}

typedef struct wanted_name {
    const tt_graph *graph;
    const char *name;
} wanted_name;

static bool same_name(const void *context, uint32_t buffer)
{
    const wanted_name *wanted = context;
    const char *name = wanted->graph->buffers[buffer].name;
    return name != NULL && strcmp(name, wanted->name) == 0;
}

static uint32_t find_buffer(const tt_graph *graph, const char *name)
{
    wanted_name wanted = {graph, name};
    return tt_index_find(&graph->named, hash_name(name), same_name, &wanted);
}

tt_value tt_graph_find(const tt_graph *graph, const char *name)
{
    uint32_t buffer = graph != NULL && name != NULL ? find_buffer(graph, name) : UINT32_MAX;
    return buffer == UINT32_MAX ? TT_NONE : graph->buffers[buffer].value;
}

static bool name_is_sound(tt_graph *graph, const char *what, const char *name)
{
    if (name == NULL || *name == '\0' || !tt_text_is_utf8(name, strlen(name)))
        return tt_graph_fail(graph, TT_INVALID, "%s: a name is UTF-8 text that is not empty", what);
    return true;
}

static tt_value new_buffer(tt_graph *graph, tt_buffer_kind kind, const char *name, tt_type type,
                           const void *data)
{
    static const char *const kinds[] = {"input", "parameter", "state", "constant"};
    if (graph == NULL || graph->status != TT_OK)
        return TT_NONE;
    if (!tt_type_is_sound(graph, kinds[kind], &type, false) ||
        (kind != TT_CONSTANT && !name_is_sound(graph, kinds[kind], name)))
        return TT_NONE;
    if (kind != TT_CONSTANT && find_buffer(graph, name) != UINT32_MAX) {
        tt_graph_fail(graph, TT_EXISTS, "%s: there is a buffer '%s' already", kinds[kind], name);
        return TT_NONE;
    }
    uint32_t at = graph->buffer_count;
    tt_buffer buffer = {.kind = kind, .type = type, .data = data, .value = TT_NONE};
    if (!tt_graph_grow(graph, &graph->buffers, &graph->buffer_capacity, at, 1, sizeof(buffer)) ||
        (kind != TT_CONSTANT && (buffer.name = tt_graph_keep(graph, name)) == NULL))
        return TT_NONE;
    graph->buffers[at] = buffer;
    graph->buffer_count++; // the row looks its type up
    buffer.value = tt_apply(graph, TT_OP_BUFFER, 0, NULL, 1, &(int64_t){at});
    graph->buffers[at].value = buffer.value;
    if (kind != TT_CONSTANT && !tt_is_none(buffer.value))
        tt_index_add(graph, &graph->named, hash_buffer(graph, at), at, hash_buffer, graph);
    return buffer.value;
}

tt_value tt_input(tt_graph *graph, const char *name, tt_type type)
{
    return new_buffer(graph, TT_INPUT, name, type, NULL);
}

tt_value tt_parameter(tt_graph *graph, const char *name, tt_type type)
{
    return new_buffer(graph, TT_PARAMETER, name, type, NULL);
}

tt_value tt_state(tt_graph *graph, const char *name, tt_type type)
{
    return new_buffer(graph, TT_STATE, name, type, NULL);
}

typedef struct wanted_constant {
    const tt_graph *graph;
    const tt_type *type;
    const void *data;
    size_t bytes;
} wanted_constant;

static bool same_constant(const void *context, uint32_t buffer)
{
    const wanted_constant *wanted = context;
    const tt_buffer *b = &wanted->graph->buffers[buffer];
    return b->kind == TT_CONSTANT && tt_type_equal(&b->type, wanted->type) &&
           (wanted->bytes == 0 || memcmp(b->data, wanted->data, wanted->bytes) == 0);
}

tt_value tt_constant(tt_graph *graph, tt_type type, const void *data)
{
    if (graph == NULL || graph->status != TT_OK ||
        !tt_type_is_sound(graph, "constant", &type, false))
        return TT_NONE;
    if (data == NULL && tt_type_count(&type) > 0) {
        tt_graph_fail(graph, TT_INVALID, "constant: has no elements");
        return TT_NONE;
    }
    size_t bytes = type_bytes(&type);
    wanted_constant wanted = {graph, &type, data, bytes};
    uint64_t hash = hash_constant(&type, data, bytes);
    uint32_t there = tt_index_find(&graph->named, hash, same_constant, &wanted);
    if (there != UINT32_MAX) {
        tt_graph_note(graph, graph->buffers[there].value.node);
        return graph->buffers[there].value;
    }
    void *copy = tt_graph_allocate(graph, bytes);
    if (copy == NULL)
        return TT_NONE;
    if (bytes > 0)
        memcpy(copy, data, bytes);
    tt_value value = new_buffer(graph, TT_CONSTANT, NULL, type, copy);
    if (!tt_is_none(value) &&
        !tt_index_add(graph, &graph->named, hash, graph->buffer_count - 1, hash_buffer, graph))
        return TT_NONE;
    return value;
}

tt_value tt_number(tt_graph *graph, tt_element element, double number)
{
    uint64_t room = 0;
    if ((unsigned)element >= TT_ELEMENT_COUNT) {
        if (graph != NULL)
            tt_graph_fail(graph, TT_INVALID, "there is no element type %d", (int)element);
        return TT_NONE;
    }
    tt_cell_store(element, &room, 0, tt_cell_of_number(element, number));
    return tt_constant(graph, TT_SCALAR(element), &room);
}

uint32_t tt_graph_buffer_count(const tt_graph *graph)
{
    return graph->buffer_count;
}

const tt_buffer *tt_graph_buffer(const tt_graph *graph, uint32_t buffer)
{
    TT_CHECK(buffer < graph->buffer_count);
    return &graph->buffers[buffer];
}

static bool value_is_sound(tt_graph *graph, const char *what, tt_value value)
{
    if (!tt_is_none(value) && value.node < graph->node_count &&
        value.output < graph->nodes[value.node].output_count)
        return true;
    return tt_graph_fail(graph, TT_INVALID, "%s: is no value of this graph", what);
}

static uint64_t hash_result(const void *graph, uint32_t result)
{
    return hash_name(((const tt_graph *)graph)->results[result].name);
}

static bool same_result(const void *context, uint32_t result)
{
    const wanted_name *wanted = context;
    return strcmp(wanted->graph->results[result].name, wanted->name) == 0;
}

void tt_graph_result(tt_graph *graph, const char *name, tt_value value)
{
    if (graph == NULL || graph->status != TT_OK || !name_is_sound(graph, "result", name) ||
        !value_is_sound(graph, name, value))
        return;
    wanted_name wanted = {graph, name};
    uint64_t hash = hash_name(name);
    uint32_t at = graph->result_count;
    if (tt_index_find(&graph->named_results, hash, same_result, &wanted) != UINT32_MAX) {
        tt_graph_fail(graph, TT_EXISTS, "result: there is a result '%s' already", name);
        return;
    }
    tt_result result = {tt_graph_keep(graph, name), value};
    if (result.name == NULL ||
        !tt_graph_grow(graph, &graph->results, &graph->result_capacity, at, 1, sizeof(result)))
        return;
    graph->results[at] = result;
    if (tt_index_add(graph, &graph->named_results, hash, at, hash_result, graph))
        graph->result_count++;
}

void tt_graph_assign(tt_graph *graph, tt_value buffer, tt_value value)
{
    if (graph == NULL || graph->status != TT_OK || !value_is_sound(graph, "assign", buffer) ||
        !value_is_sound(graph, "assign", value))
        return;
    const tt_operation *node = &graph->nodes[buffer.node];
    if (node->op != TT_OP_BUFFER) {
        tt_graph_fail(graph, TT_INVALID, "assign: only parameters and state can be assigned");
        return;
    }
    uint32_t at = (uint32_t)graph->words[node->words];
    const tt_buffer *b = &graph->buffers[at];
    char want[TT_TYPE_TEXT_BYTES], came[TT_TYPE_TEXT_BYTES];
    if (b->kind != TT_PARAMETER && b->kind != TT_STATE)
        tt_graph_fail(graph, TT_INVALID, "assign: only parameters and state can be assigned");
    else if (!tt_type_equal(&b->type, tt_graph_type(graph, value)))
        tt_graph_fail(graph, TT_INVALID, "assign: '%s' is %s, the value is %s", b->name,
                      tt_type_text(&b->type, want),
                      tt_type_text(tt_graph_type(graph, value), came));
    else if (b->assigned)
        tt_graph_fail(graph, TT_EXISTS, "assign: '%s' is assigned already", b->name);
    if (graph->status != TT_OK || !tt_graph_grow(graph, &graph->assigns, &graph->assign_capacity,
                                                 graph->assign_count, 1, sizeof(graph->assigns[0])))
        return;
    graph->assigns[graph->assign_count++] = (tt_assign){at, value};
    graph->buffers[at].assigned = true;
}

void tt_graph_forget(tt_graph *graph)
{
    for (uint32_t i = 0; i < graph->assign_count; i++)
        graph->buffers[graph->assigns[i].buffer].assigned = false;
    free(graph->named_results.slot);
    graph->named_results = (tt_index){NULL, 0, 0};
    graph->result_count = graph->assign_count = 0;
}

uint32_t tt_graph_result_count(const tt_graph *graph)
{
    return graph->result_count;
}

const tt_result *tt_graph_result_at(const tt_graph *graph, uint32_t index)
{
    TT_CHECK(index < graph->result_count);
    return &graph->results[index];
}

uint32_t tt_graph_assign_count(const tt_graph *graph)
{
    return graph->assign_count;
}

const tt_assign *tt_graph_assign_at(const tt_graph *graph, uint32_t index)
{
    TT_CHECK(index < graph->assign_count);
    return &graph->assigns[index];
}
