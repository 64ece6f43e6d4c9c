// Convolutions and their two gradients, which are primitives too.
//
// x is (batch, rows, columns, in), weights (out, rows, columns, in), y (batch, rows, columns, out).
// Depthwise weights are (1, rows, columns, out), where out is a multiple m of in and output channel
// c reads input channel c / m.

#include <string.h>

#include "ai/oldgraph/primitive.h"

bool tt_window_compute(const size_t in[2], const size_t window[2], const unsigned stride[2],
                       tt_padding padding, tt_window *result)
{
    for (int axis = 0; axis < 2; axis++) {
        if (stride[axis] == 0 || window[axis] == 0)
            return false;
        if (padding == TT_VALID) {
            if (in[axis] < window[axis])
                return false;
            result->out[axis] = (in[axis] - window[axis]) / stride[axis] + 1;
            result->before[axis] = 0;
            continue;
        }
        result->out[axis] = (in[axis] + stride[axis] - 1) / stride[axis];
        size_t covered = (result->out[axis] - 1) * stride[axis] + window[axis];
        result->before[axis] = covered > in[axis] ? (covered - in[axis]) / 2 : 0;
    }
    return true;
}

// One convolution's sizes, and one place of it: which output, which weight, which input.
typedef struct geometry {
    size_t batch, in_rows, in_columns, in_channels;
    size_t window_rows, window_columns;
    size_t out_rows, out_columns, out_channels;
    size_t stride_rows, stride_columns, before_rows, before_columns;
    bool depthwise;
} geometry;

static geometry geometry_of(const tt_attributes *attributes, const tt_shape *x, const tt_shape *w,
                            bool depthwise)
{
    tt_window window;
    tt_window_compute(&x->size[1], &w->size[1], attributes->stride, attributes->padding, &window);
    return (geometry){
        .batch = x->size[0],
        .in_rows = x->size[1],
        .in_columns = x->size[2],
        .in_channels = x->size[3],
        .window_rows = w->size[1],
        .window_columns = w->size[2],
        .out_rows = window.out[0],
        .out_columns = window.out[1],
        .out_channels = w->size[depthwise ? 3 : 0],
        .stride_rows = attributes->stride[0],
        .stride_columns = attributes->stride[1],
        .before_rows = window.before[0],
        .before_columns = window.before[1],
        .depthwise = depthwise,
    };
}

// What one multiplication of a convolution touches.
typedef void product(void *context, size_t x_index, size_t w_index, size_t y_index);

// Calls `each` for every product of the convolution, in a fixed order. The three kernels below
// differ only in which of x, w and y they add to, so the loops stand here once.
static void for_each_product(const geometry *g, product *each, void *context)
{
    size_t multiplier = g->depthwise ? g->out_channels / g->in_channels : 1;
    for (size_t n = 0; n < g->batch; n++)
        for (size_t row = 0; row < g->out_rows; row++)
            for (size_t column = 0; column < g->out_columns; column++)
                for (size_t i = 0; i < g->window_rows; i++)
                    for (size_t j = 0; j < g->window_columns; j++) {
                        size_t in_row = row * g->stride_rows + i - g->before_rows;
                        size_t in_column = column * g->stride_columns + j - g->before_columns;
                        if (in_row >= g->in_rows || in_column >= g->in_columns)
                            continue; // in the padding; an index below zero has wrapped around
                        size_t x_at = ((n * g->in_rows + in_row) * g->in_columns + in_column) *
                                      g->in_channels;
                        size_t y_at =
                            ((n * g->out_rows + row) * g->out_columns + column) * g->out_channels;
                        size_t tap = i * g->window_columns + j;
                        size_t taps = g->window_rows * g->window_columns;
                        for (size_t out = 0; out < g->out_channels; out++) {
                            if (g->depthwise) {
                                each(context, x_at + out / multiplier, tap * g->out_channels + out,
                                     y_at + out);
                                continue;
                            }
                            for (size_t in = 0; in < g->in_channels; in++)
                                each(context, x_at + in, (out * taps + tap) * g->in_channels + in,
                                     y_at + out);
                        }
                    }
}

typedef struct tensors {
    const float *x, *w, *y; // those that are read
    float *sum;             // the one that is added to
} tensors;

static void add_to_y(void *context, size_t x_index, size_t w_index, size_t y_index)
{
    tensors *t = context;
    t->sum[y_index] += t->x[x_index] * t->w[w_index];
}

static void add_to_x(void *context, size_t x_index, size_t w_index, size_t y_index)
{
    tensors *t = context;
    t->sum[x_index] += t->y[y_index] * t->w[w_index];
}

static void add_to_w(void *context, size_t x_index, size_t w_index, size_t y_index)
{
    tensors *t = context;
    t->sum[w_index] += t->x[x_index] * t->y[y_index];
}

static bool is_depthwise(const tt_value *value)
{
    return strncmp(value->primitive->name, "depthwise", 9) == 0;
}

// The shape of what a convolution of `x` with weights `w` makes.
static bool convolved_shape(const tt_value *value, const tt_shape *x, const tt_shape *w,
                            tt_shape *y)
{
    const char *name = value->primitive->name;
    bool depthwise = is_depthwise(value);
    if (x->rank != 4 || w->rank != 4)
        return tt_graph_fail(value->graph, "%s: expects f32 input and weights of rank 4, got %s %s",
                             name, tt_shape_text(x), tt_shape_text(w));
    size_t in = x->size[3], out = w->size[depthwise ? 3 : 0];
    if (!depthwise && w->size[3] != in)
        return tt_graph_fail(value->graph, "%s: input has %zu channels, weights expect %zu", name,
                             in, w->size[3]);
    if (depthwise && (w->size[0] != 1 || in == 0 || out % in != 0))
        return tt_graph_fail(value->graph,
                             "%s: input has %zu channels, weights %s expect (1, rows, columns, a "
                             "multiple of them)",
                             name, in, tt_shape_text(w));
    tt_window window;
    if (!tt_window_compute(&x->size[1], &w->size[1], value->attributes.stride,
                           value->attributes.padding, &window))
        return tt_graph_fail(value->graph, "%s: a window of %s does not fit into %s", name,
                             tt_shape_text(w), tt_shape_text(x));
    *y = TT_SHAPE(x->size[0], window.out[0], window.out[1], out);
    return true;
}

static bool conv_shape(tt_value *value)
{
    tt_value *x = value->inputs[0], *w = value->inputs[1];
    if (x->type != TT_F32 || w->type != TT_F32)
        return tt_graph_fail(value->graph, "%s: input is %s, weights are %s, expects f32",
                             value->primitive->name, tt_type_name(x->type), tt_type_name(w->type));
    value->type = TT_F32;
    return convolved_shape(value, &x->shape, &w->shape, &value->shape);
}

static void conv_reference(const tt_value *value, const void *const *inputs, void *output)
{
    geometry g = geometry_of(&value->attributes, &value->inputs[0]->shape, &value->inputs[1]->shape,
                             is_depthwise(value));
    tensors t = {.x = inputs[0], .w = inputs[1], .sum = output};
    memset(output, 0, tt_value_bytes(value));
    for_each_product(&g, add_to_y, &t);
}

static void conv_derivative(tt_value *value, tt_value *gradient, const bool *wanted, tt_value **out)
{
    bool depthwise = is_depthwise(value);
    tt_attributes attributes = value->attributes;
    if (wanted[0]) {
        attributes.shape = value->inputs[0]->shape;
        out[0] = tt_apply(value->graph,
                          depthwise ? "depthwise_conv2d_input_gradient" : "conv2d_input_gradient",
                          2, (tt_value *[]){gradient, value->inputs[1]}, &attributes);
    }
    if (wanted[1]) {
        attributes.shape = value->inputs[1]->shape;
        out[1] =
            tt_apply(value->graph,
                     depthwise ? "depthwise_conv2d_weights_gradient" : "conv2d_weights_gradient", 2,
                     (tt_value *[]){value->inputs[0], gradient}, &attributes);
    }
}

// Sets the shape to attributes.shape, where the gradient `dy` fits what `x` and `w` make.
static bool gradient_shape(tt_value *value, const tt_shape *x, const tt_shape *w,
                           const tt_value *dy, const tt_value *other)
{
    tt_shape y;
    if (other->type != TT_F32)
        return tt_graph_fail(value->graph, "%s: an input is %s, expects f32",
                             value->primitive->name, tt_type_name(other->type));
    value->type = TT_F32;
    value->shape = value->attributes.shape;
    return convolved_shape(value, x, w, &y) && tt_gradient_fits(value, dy, &y);
}

static bool input_gradient_shape(tt_value *value)
{
    tt_value *dy = value->inputs[0], *w = value->inputs[1];
    return gradient_shape(value, &value->attributes.shape, &w->shape, dy, w);
}

static bool weights_gradient_shape(tt_value *value)
{
    tt_value *x = value->inputs[0], *dy = value->inputs[1];
    return gradient_shape(value, &x->shape, &value->attributes.shape, dy, x);
}

// inputs: gradient of y, weights; attributes.shape is x's.
static void input_gradient_reference(const tt_value *value, const void *const *inputs, void *output)
{
    geometry g = geometry_of(&value->attributes, &value->shape, &value->inputs[1]->shape,
                             is_depthwise(value));
    tensors t = {.y = inputs[0], .w = inputs[1], .sum = output};
    memset(output, 0, tt_value_bytes(value));
    for_each_product(&g, add_to_x, &t);
}

// inputs: x, gradient of y; attributes.shape is the weights'.
static void weights_gradient_reference(const tt_value *value, const void *const *inputs,
                                       void *output)
{
    geometry g = geometry_of(&value->attributes, &value->inputs[0]->shape, &value->shape,
                             is_depthwise(value));
    tensors t = {.x = inputs[0], .y = inputs[1], .sum = output};
    memset(output, 0, tt_value_bytes(value));
    for_each_product(&g, add_to_w, &t);
}

#define USES (TT_USES_STRIDE | TT_USES_PADDING)

const tt_primitive tt_conv_primitives[] = {
    {"conv2d", 2, USES, conv_shape, conv_reference, conv_derivative},
    {"conv2d_input_gradient", 2, USES | TT_USES_SHAPE, input_gradient_shape,
     input_gradient_reference, NULL},
    {"conv2d_weights_gradient", 2, USES | TT_USES_SHAPE, weights_gradient_shape,
     weights_gradient_reference, NULL},
    {"depthwise_conv2d", 2, USES, conv_shape, conv_reference, conv_derivative},
    {"depthwise_conv2d_input_gradient", 2, USES | TT_USES_SHAPE, input_gradient_shape,
     input_gradient_reference, NULL},
    {"depthwise_conv2d_weights_gradient", 2, USES | TT_USES_SHAPE, weights_gradient_shape,
     weights_gradient_reference, NULL},
    {.name = NULL},
};
