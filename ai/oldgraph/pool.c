// Maximum and average over windows of rows and columns, and their gradients.
//
// Padding never counts: a maximum ignores it, an average divides by the elements that it saw.

#include <math.h>
#include <string.h>

#include "ai/oldgraph/primitive.h"

typedef struct pool {
    size_t batch, in_rows, in_columns, channels;
    tt_window window;
} pool;

static pool pool_of(const tt_value *value, const tt_shape *x)
{
    pool p = {x->size[0], x->size[1], x->size[2], x->size[3], {{0, 0}, {0, 0}}};
    size_t size[2] = {value->attributes.window[0], value->attributes.window[1]};
    tt_window_compute(&x->size[1], size, value->attributes.stride, value->attributes.padding,
                      &p.window);
    return p;
}

// The part of the input that one output sees: rows [row_first, row_end), columns likewise.
typedef struct part {
    size_t row_first, row_end, column_first, column_end;
} part;

static part part_of(const tt_value *value, const pool *p, size_t row, size_t column)
{
    part result;
    size_t row_at = row * value->attributes.stride[0];
    size_t column_at = column * value->attributes.stride[1];
    size_t row_end = row_at + value->attributes.window[0] - p->window.before[0];
    size_t column_end = column_at + value->attributes.window[1] - p->window.before[1];
    result.row_first = row_at > p->window.before[0] ? row_at - p->window.before[0] : 0;
    result.row_end = row_end < p->in_rows ? row_end : p->in_rows;
    result.column_first = column_at > p->window.before[1] ? column_at - p->window.before[1] : 0;
    result.column_end = column_end < p->in_columns ? column_end : p->in_columns;
    return result;
}

static size_t index_of(const pool *p, size_t n, size_t row, size_t column, size_t channel)
{
    return ((n * p->in_rows + row) * p->in_columns + column) * p->channels + channel;
}

// The shape of what pooling makes of `x`.
static bool pooled_shape(const tt_value *value, const tt_shape *x, tt_shape *y)
{
    tt_window window;
    size_t size[2] = {value->attributes.window[0], value->attributes.window[1]};
    if (!tt_window_compute(&x->size[1], size, value->attributes.stride, value->attributes.padding,
                           &window))
        return tt_graph_fail(value->graph, "%s: a window of %zux%zu does not fit into %s",
                             value->primitive->name, size[0], size[1], tt_shape_text(x));
    *y = TT_SHAPE(x->size[0], window.out[0], window.out[1], x->size[3]);
    return true;
}

static bool pool_shape(tt_value *value)
{
    tt_value *x = value->inputs[0];
    bool max = strcmp(value->primitive->name, "max_pool2d") == 0;
    if ((x->type != TT_F32 && !(max && x->type == TT_I8)) || x->shape.rank != 4)
        return tt_graph_fail(value->graph, "%s: expects an f32 input of rank 4, got %s %s",
                             value->primitive->name, tt_type_name(x->type),
                             tt_shape_text(&x->shape));
    value->type = x->type;
    value->scale = x->scale;
    value->zero_point = x->zero_point;
    return pooled_shape(value, &x->shape, &value->shape);
}

// The index of the first greatest element that an output sees.
static size_t argmax(const tt_value *value, const pool *p, const void *x, part seen, size_t n,
                     size_t channel)
{
    size_t best = index_of(p, n, seen.row_first, seen.column_first, channel);
    for (size_t row = seen.row_first; row < seen.row_end; row++)
        for (size_t column = seen.column_first; column < seen.column_end; column++) {
            size_t at = index_of(p, n, row, column, channel);
            bool greater = value->inputs[0]->type == TT_I8
                               ? ((const int8_t *)x)[at] > ((const int8_t *)x)[best]
                               : ((const float *)x)[at] > ((const float *)x)[best];
            if (greater)
                best = at;
        }
    return best;
}

static void max_pool_reference(const tt_value *value, const void *const *inputs, void *output)
{
    pool p = pool_of(value, &value->inputs[0]->shape);
    size_t width = tt_type_bytes(value->type), at = 0;
    for (size_t n = 0; n < p.batch; n++)
        for (size_t row = 0; row < p.window.out[0]; row++)
            for (size_t column = 0; column < p.window.out[1]; column++)
                for (size_t channel = 0; channel < p.channels; channel++, at++) {
                    size_t best =
                        argmax(value, &p, inputs[0], part_of(value, &p, row, column), n, channel);
                    memcpy((char *)output + at * width, (const char *)inputs[0] + best * width,
                           width);
                }
}

static void max_pool_derivative(tt_value *value, tt_value *gradient, const bool *wanted,
                                tt_value **out)
{
    (void)wanted;
    out[0] = tt_apply(value->graph, "max_pool2d_gradient", 2,
                      (tt_value *[]){value->inputs[0], gradient}, &value->attributes);
}

// Sets the shape to `x`, that of the pooling's input, where the gradient `dy` fits its output.
static bool pool_gradient_shape(tt_value *value, const tt_shape *x, const tt_value *dy)
{
    tt_shape y;
    if (x->rank != 4)
        return tt_graph_fail(value->graph, "%s: expects a pooled shape of rank 4, got %s",
                             value->primitive->name, tt_shape_text(x));
    value->type = TT_F32;
    value->shape = *x;
    return pooled_shape(value, x, &y) && tt_gradient_fits(value, dy, &y);
}

static bool max_pool_gradient_shape(tt_value *value)
{
    const tt_value *x = value->inputs[0];
    if (x->type != TT_F32)
        return tt_graph_fail(value->graph, "max_pool2d_gradient: input 0 is %s, expects f32",
                             tt_type_name(x->type));
    return pool_gradient_shape(value, &x->shape, value->inputs[1]);
}

// inputs: x, gradient of y. The whole gradient goes to the first greatest element.
static void max_pool_gradient_reference(const tt_value *value, const void *const *inputs,
                                        void *output)
{
    pool p = pool_of(value, &value->shape);
    const float *gradient = inputs[1];
    float *dx = output;
    memset(dx, 0, tt_value_bytes(value));
    for (size_t n = 0; n < p.batch; n++)
        for (size_t row = 0; row < p.window.out[0]; row++)
            for (size_t column = 0; column < p.window.out[1]; column++)
                for (size_t channel = 0; channel < p.channels; channel++)
                    dx[argmax(value, &p, inputs[0], part_of(value, &p, row, column), n, channel)] +=
                        *gradient++;
}

static void average_pool_reference(const tt_value *value, const void *const *inputs, void *output)
{
    pool p = pool_of(value, &value->inputs[0]->shape);
    const float *x = inputs[0];
    float *y = output;
    for (size_t n = 0; n < p.batch; n++)
        for (size_t out_row = 0; out_row < p.window.out[0]; out_row++)
            for (size_t out_column = 0; out_column < p.window.out[1]; out_column++)
                for (size_t channel = 0; channel < p.channels; channel++) {
                    part seen = part_of(value, &p, out_row, out_column);
                    float sum = 0;
                    size_t count = 0;
                    for (size_t row = seen.row_first; row < seen.row_end; row++)
                        for (size_t column = seen.column_first; column < seen.column_end;
                             column++, count++)
                            sum += x[index_of(&p, n, row, column, channel)];
                    *y++ = sum / (float)count;
                }
}

static void average_pool_derivative(tt_value *value, tt_value *gradient, const bool *wanted,
                                    tt_value **out)
{
    (void)wanted;
    tt_attributes attributes = value->attributes;
    attributes.shape = value->inputs[0]->shape;
    out[0] = tt_apply(value->graph, "average_pool2d_gradient", 1, &gradient, &attributes);
}

static bool average_pool_gradient_shape(tt_value *value)
{
    return pool_gradient_shape(value, &value->attributes.shape, value->inputs[0]);
}

static void average_pool_gradient_reference(const tt_value *value, const void *const *inputs,
                                            void *output)
{
    pool p = pool_of(value, &value->shape);
    const float *gradient = inputs[0];
    float *dx = output;
    memset(dx, 0, tt_value_bytes(value));
    for (size_t n = 0; n < p.batch; n++)
        for (size_t out_row = 0; out_row < p.window.out[0]; out_row++)
            for (size_t out_column = 0; out_column < p.window.out[1]; out_column++)
                for (size_t channel = 0; channel < p.channels; channel++, gradient++) {
                    part seen = part_of(value, &p, out_row, out_column);
                    size_t count =
                        (seen.row_end - seen.row_first) * (seen.column_end - seen.column_first);
                    for (size_t row = seen.row_first; row < seen.row_end; row++)
                        for (size_t column = seen.column_first; column < seen.column_end; column++)
                            dx[index_of(&p, n, row, column, channel)] += *gradient / (float)count;
                }
}

#define USES (TT_USES_WINDOW | TT_USES_STRIDE | TT_USES_PADDING)

const tt_primitive tt_pool_primitives[] = {
    {"max_pool2d", 1, USES, pool_shape, max_pool_reference, max_pool_derivative},
    {"max_pool2d_gradient", 2, USES, max_pool_gradient_shape, max_pool_gradient_reference, NULL},
    {"average_pool2d", 1, USES, pool_shape, average_pool_reference, average_pool_derivative},
    {"average_pool2d_gradient", 1, USES | TT_USES_SHAPE, average_pool_gradient_shape,
     average_pool_gradient_reference, NULL},
    {.name = NULL},
};
