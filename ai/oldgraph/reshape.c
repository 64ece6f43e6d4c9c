// Primitives that move elements without changing them, and the sum that undoes a broadcast.

#include <string.h>

#include "ai/oldgraph/primitive.h"

static bool reshape_shape(tt_value *value)
{
    tt_value *a = value->inputs[0];
    if (tt_shape_count(&a->shape) != tt_shape_count(&value->attributes.shape))
        return tt_graph_fail(value->graph, "reshape: %s has %zu elements, %s would have %zu",
                             tt_shape_text(&a->shape), tt_shape_count(&a->shape),
                             tt_shape_text(&value->attributes.shape),
                             tt_shape_count(&value->attributes.shape));
    value->type = a->type;
    value->shape = value->attributes.shape;
    return true;
}

static void reshape_reference(const tt_value *value, const void *const *inputs, void *output)
{
    memcpy(output, inputs[0], tt_value_bytes(value));
}

static void reshape_derivative(tt_value *value, tt_value *gradient, const bool *wanted,
                               tt_value **out)
{
    (void)wanted;
    out[0] = tt_reshape(gradient, value->inputs[0]->shape);
}

static bool transpose_shape(tt_value *value)
{
    tt_value *a = value->inputs[0];
    unsigned seen = 0;
    value->type = a->type;
    value->shape.rank = a->shape.rank;
    for (unsigned i = 0; i < a->shape.rank; i++) {
        unsigned axis = value->attributes.order[i];
        if (axis >= a->shape.rank || (seen >> axis & 1))
            return tt_graph_fail(value->graph, "transpose: order is no permutation of %u axes",
                                 a->shape.rank);
        seen |= 1u << axis;
        value->shape.size[i] = a->shape.size[axis];
    }
    return true;
}

static void transpose_reference(const tt_value *value, const void *const *inputs, void *output)
{
    const tt_shape *from = &value->inputs[0]->shape;
    size_t width = tt_type_bytes(value->type), count = tt_shape_count(&value->shape);
    size_t stride[TT_RANK_MAX] = {0}; // of the input, in elements
    size_t step = 1;
    for (unsigned i = from->rank; i > 0; i--) {
        stride[i - 1] = step;
        step *= from->size[i - 1];
    }
    for (size_t index = 0; index < count; index++) {
        size_t rest = index, source = 0;
        for (unsigned i = value->shape.rank; i > 0; i--) {
            source += rest % value->shape.size[i - 1] * stride[value->attributes.order[i - 1]];
            rest /= value->shape.size[i - 1];
        }
        memcpy((char *)output + index * width, (const char *)inputs[0] + source * width, width);
    }
}

static void transpose_derivative(tt_value *value, tt_value *gradient, const bool *wanted,
                                 tt_value **out)
{
    (void)wanted;
    unsigned inverse[TT_RANK_MAX] = {0};
    for (unsigned i = 0; i < value->shape.rank; i++)
        inverse[value->attributes.order[i]] = i;
    out[0] = tt_transpose(gradient, inverse);
}

// Whether `small` repeats into `large`: axes aligned at the last, each equal or 1.
static bool repeats_into(const tt_shape *small, const tt_shape *large)
{
    if (small->rank > large->rank)
        return false;
    unsigned ahead = large->rank - small->rank;
    for (unsigned i = 0; i < small->rank; i++)
        if (small->size[i] != large->size[i + ahead] && small->size[i] != 1)
            return false;
    return true;
}

// The element of `small` that element `index` of `large` repeats.
static size_t repeated_index(const tt_shape *small, const tt_shape *large, size_t index)
{
    unsigned ahead = large->rank - small->rank;
    size_t result = 0, step = 1;
    for (unsigned i = large->rank; i > ahead; i--) {
        size_t coordinate = index % large->size[i - 1];
        index /= large->size[i - 1];
        if (small->size[i - 1 - ahead] > 1)
            result += coordinate * step;
        step *= small->size[i - 1 - ahead];
    }
    return result;
}

static bool broadcast_shape(tt_value *value)
{
    tt_value *a = value->inputs[0];
    if (a->type != TT_F32 || !repeats_into(&a->shape, &value->attributes.shape))
        return tt_graph_fail(value->graph, "broadcast: %s %s does not repeat into f32 %s",
                             tt_type_name(a->type), tt_shape_text(&a->shape),
                             tt_shape_text(&value->attributes.shape));
    value->type = TT_F32;
    value->shape = value->attributes.shape;
    return true;
}

static void broadcast_reference(const tt_value *value, const void *const *inputs, void *output)
{
    const float *a = inputs[0];
    float *y = output;
    size_t count = tt_shape_count(&value->shape);
    for (size_t i = 0; i < count; i++)
        y[i] = a[repeated_index(&value->inputs[0]->shape, &value->shape, i)];
}

static void broadcast_derivative(tt_value *value, tt_value *gradient, const bool *wanted,
                                 tt_value **out)
{
    (void)wanted;
    out[0] = tt_sum_to(gradient, value->inputs[0]->shape);
}

static bool sum_to_shape(tt_value *value)
{
    tt_value *a = value->inputs[0];
    if (a->type != TT_F32 || !repeats_into(&value->attributes.shape, &a->shape))
        return tt_graph_fail(value->graph, "sum_to: %s %s does not sum to f32 %s",
                             tt_type_name(a->type), tt_shape_text(&a->shape),
                             tt_shape_text(&value->attributes.shape));
    value->type = TT_F32;
    value->shape = value->attributes.shape;
    return true;
}

static void sum_to_reference(const tt_value *value, const void *const *inputs, void *output)
{
    const float *a = inputs[0];
    float *y = output;
    const tt_shape *from = &value->inputs[0]->shape;
    size_t count = tt_shape_count(from);
    memset(y, 0, tt_value_bytes(value));
    for (size_t i = 0; i < count; i++)
        y[repeated_index(&value->shape, from, i)] += a[i];
}

static void sum_to_derivative(tt_value *value, tt_value *gradient, const bool *wanted,
                              tt_value **out)
{
    (void)wanted;
    out[0] = tt_broadcast(gradient, value->inputs[0]->shape);
}

const tt_primitive tt_shape_primitives[] = {
    {"reshape", 1, TT_USES_SHAPE, reshape_shape, reshape_reference, reshape_derivative},
    {"transpose", 1, TT_USES_ORDER, transpose_shape, transpose_reference, transpose_derivative},
    {"broadcast", 1, TT_USES_SHAPE, broadcast_shape, broadcast_reference, broadcast_derivative},
    {"sum_to", 1, TT_USES_SHAPE, sum_to_shape, sum_to_reference, sum_to_derivative},
    {.name = NULL},
};
