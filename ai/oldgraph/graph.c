// Graphs: their memory, their values, their errors, and the table of primitives as one list.

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ai/oldgraph/primitive.h"
#include "tutti/check.h"

#define ALIGNMENT 64 // bytes: one cache line, the widest vector

typedef struct tt_block {
    struct tt_block *next;
} tt_block;

struct tt_graph {
    tt_value **values;
    size_t count, capacity;
    tt_block *blocks; // all that was allocated for this graph
    char error[256];
};

static void *allocate_or_end(size_t bytes)
{
    void *memory = NULL;
    size_t rounded = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (rounded < bytes || posix_memalign(&memory, ALIGNMENT, rounded) != 0) {
        fprintf(stderr, "tutti: out of memory: %zu bytes for a tensor\n", bytes);
        exit(1);
    }
    memset(memory, 0, rounded);
    return memory;
}

tt_graph *tt_graph_new(void)
{
    return allocate_or_end(sizeof(tt_graph));
}

void tt_graph_free(tt_graph *graph)
{
    if (graph == NULL)
        return;
    while (graph->blocks != NULL) {
        tt_block *block = graph->blocks;
        graph->blocks = block->next;
        free(block);
    }
    free(graph->values);
    free(graph);
}

void *tt_graph_allocate(tt_graph *graph, size_t bytes)
{
    tt_block *block = allocate_or_end(ALIGNMENT + bytes);
    block->next = graph->blocks;
    graph->blocks = block;
    return (char *)block + ALIGNMENT;
}

const char *tt_graph_error(const tt_graph *graph)
{
    return graph->error;
}

bool tt_graph_fail(tt_graph *graph, const char *format, ...)
{
    if (graph->error[0] != '\0')
        return false; // the first sentence says it; what follows are its consequences
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(graph->error, sizeof(graph->error), format, arguments);
    va_end(arguments);
    return false;
}

size_t tt_graph_count(const tt_graph *graph)
{
    return graph->count;
}

tt_value *tt_graph_value(const tt_graph *graph, size_t id)
{
    TT_CHECK(id < graph->count);
    return graph->values[id];
}

tt_value *tt_graph_find(const tt_graph *graph, const char *name)
{
    for (size_t i = 0; i < graph->count; i++)
        if (graph->values[i]->name != NULL && strcmp(graph->values[i]->name, name) == 0)
            return graph->values[i];
    return NULL;
}

size_t tt_type_bytes(tt_type type)
{
    return type == TT_I8 ? 1 : 4;
}

const char *tt_type_name(tt_type type)
{
    static const char *const names[] = {[TT_F32] = "f32", [TT_I32] = "i32", [TT_I8] = "i8"};
    return names[type];
}

size_t tt_shape_count(const tt_shape *shape)
{
    size_t count = 1;
    for (unsigned i = 0; i < shape->rank; i++)
        count *= shape->size[i];
    return count;
}

bool tt_shape_equal(const tt_shape *a, const tt_shape *b)
{
    if (a->rank != b->rank)
        return false;
    for (unsigned i = 0; i < a->rank; i++)
        if (a->size[i] != b->size[i])
            return false;
    return true;
}

const char *tt_shape_text(const tt_shape *shape)
{
    static _Thread_local char buffers[4][96];
    static _Thread_local unsigned turn;
    char *buffer = buffers[turn++ % TT_COUNT(buffers)];
    size_t used = (size_t)snprintf(buffer, sizeof(buffers[0]), "[");
    for (unsigned i = 0; i < shape->rank; i++)
        used += (size_t)snprintf(buffer + used, sizeof(buffers[0]) - used, i > 0 ? ",%zu" : "%zu",
                                 shape->size[i]);
    snprintf(buffer + used, sizeof(buffers[0]) - used, "]");
    return buffer;
}

size_t tt_value_bytes(const tt_value *value)
{
    return tt_shape_count(&value->shape) * tt_type_bytes(value->type);
}

static const tt_primitive *const families[] = {
    tt_leaf_primitives, tt_elementwise_primitives, tt_shape_primitives, tt_matmul_primitives,
    tt_conv_primitives, tt_pool_primitives,        tt_loss_primitives,  tt_quantised_primitives,
};

const tt_primitive *tt_primitive_at(size_t index)
{
    for (size_t family = 0; family < TT_COUNT(families); family++)
        for (const tt_primitive *row = families[family]; row->name != NULL; row++)
            if (index-- == 0)
                return row;
    return NULL;
}

const tt_primitive *tt_primitive_find(const char *name)
{
    const tt_primitive *row;
    for (size_t i = 0; (row = tt_primitive_at(i)) != NULL; i++)
        if (strcmp(row->name, name) == 0)
            return row;
    return NULL;
}

static tt_value *new_value(tt_graph *graph, const tt_primitive *primitive)
{
    tt_value *value = tt_graph_allocate(graph, sizeof(*value));
    value->graph = graph;
    value->primitive = primitive;
    return value;
}

static tt_value *append(tt_graph *graph, tt_value *value)
{
    if (graph->count == graph->capacity) {
        graph->capacity = graph->capacity > 0 ? 2 * graph->capacity : 64;
        graph->values = realloc(graph->values, graph->capacity * sizeof(graph->values[0]));
        if (graph->values == NULL) {
            fprintf(stderr, "tutti: out of memory: a graph of %zu values\n", graph->capacity);
            exit(1);
        }
    }
    value->id = (unsigned)graph->count;
    graph->values[graph->count++] = value;
    return value;
}

static bool shape_is_sound(tt_graph *graph, const char *what, const tt_shape *shape)
{
    size_t count = 1;
    if (shape->rank > TT_RANK_MAX)
        return tt_graph_fail(graph, "%s: rank %u, but at most %d is supported", what, shape->rank,
                             TT_RANK_MAX);
    for (unsigned i = 0; i < shape->rank; i++) {
        if (shape->size[i] == 0 || shape->size[i] > SIZE_MAX / 8 / count)
            return tt_graph_fail(graph, "%s: shape %s is empty or too large", what,
                                 tt_shape_text(shape));
        count *= shape->size[i];
    }
    return true;
}

static tt_value *new_leaf(tt_graph *graph, const char *kind, const char *name, tt_type type,
                          tt_shape shape)
{
    if (graph == NULL || !shape_is_sound(graph, kind, &shape))
        return NULL;
    if (type != TT_F32 && type != TT_I32 && type != TT_I8) {
        tt_graph_fail(graph, "%s: there is no type %d", kind, (int)type);
        return NULL;
    }
    tt_value *value = new_value(graph, tt_primitive_find(kind));
    value->type = type;
    value->shape = shape;
    if (name != NULL) {
        char *copy = tt_graph_allocate(graph, strlen(name) + 1);
        value->name = strcpy(copy, name);
    }
    return append(graph, value);
}

tt_value *tt_input(tt_graph *graph, const char *name, tt_type type, tt_shape shape)
{
    return new_leaf(graph, "input", name, type, shape);
}

tt_value *tt_parameter(tt_graph *graph, const char *name, tt_shape shape)
{
    tt_value *value = new_leaf(graph, "parameter", name, TT_F32, shape);
    if (value != NULL)
        value->data = tt_graph_allocate(graph, tt_value_bytes(value));
    return value;
}

tt_value *tt_constant(tt_graph *graph, tt_type type, tt_shape shape, const void *data)
{
    tt_value *value = new_leaf(graph, "constant", NULL, type, shape);
    if (value == NULL)
        return NULL;
    value->data = tt_graph_allocate(graph, tt_value_bytes(value));
    if (data != NULL)
        memcpy(value->data, data, tt_value_bytes(value));
    return value;
}

tt_value *tt_apply(tt_graph *graph, const char *primitive, unsigned input_count,
                   tt_value *const *inputs, const tt_attributes *attributes)
{
    if (graph == NULL)
        return NULL;
    for (unsigned i = 0; i < input_count; i++)
        if (inputs[i] == NULL)
            return NULL;
    const tt_primitive *row = tt_primitive_find(primitive);
    if (row == NULL || row->shape == NULL) {
        tt_graph_fail(graph, "there is no primitive '%s'", primitive);
        return NULL;
    }
    if (row->inputs != input_count) {
        tt_graph_fail(graph, "%s: takes %u inputs, was given %u", primitive, row->inputs,
                      input_count);
        return NULL;
    }
    tt_value *value = new_value(graph, row);
    value->input_count = input_count;
    for (unsigned i = 0; i < input_count; i++) {
        if (inputs[i]->graph != graph) {
            tt_graph_fail(graph, "%s: input %u belongs to another graph", primitive, i);
            return NULL;
        }
        value->inputs[i] = inputs[i];
    }
    if (attributes != NULL && (row->attributes & TT_USES_SHAPE) != 0 &&
        !shape_is_sound(graph, primitive, &attributes->shape))
        return NULL;
    if (attributes != NULL)
        value->attributes = *attributes;
    if (!row->shape(value) || !shape_is_sound(graph, row->name, &value->shape))
        return NULL;
    return append(graph, value);
}

static bool leaf_shape(tt_value *value)
{
    return tt_graph_fail(value->graph, "%s: has a builder of its own", value->primitive->name);
}

const tt_primitive tt_leaf_primitives[] = {
    {.name = "input", .shape = leaf_shape},
    {.name = "parameter", .shape = leaf_shape},
    {.name = "constant", .shape = leaf_shape},
    {.name = NULL},
};
