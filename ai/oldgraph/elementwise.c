// Primitives that work on each element by itself, and the bias that is added along the last axis.

#include <math.h>

#include "ai/oldgraph/primitive.h"

static bool shape_like_first(tt_value *value)
{
    const tt_primitive *primitive = value->primitive;
    for (unsigned i = 0; i < value->input_count; i++) {
        tt_value *input = value->inputs[i];
        if (input->type != TT_F32)
            return tt_graph_fail(value->graph, "%s: input %u is %s, expects f32", primitive->name,
                                 i, tt_type_name(input->type));
        if (!tt_shape_equal(&input->shape, &value->inputs[0]->shape))
            return tt_graph_fail(value->graph, "%s: shapes %s and %s differ", primitive->name,
                                 tt_shape_text(&value->inputs[0]->shape),
                                 tt_shape_text(&input->shape));
    }
    value->type = TT_F32;
    value->shape = value->inputs[0]->shape;
    return true;
}

// A reference kernel of one expression over the elements a[i] and, with two inputs, b[i].
#define ELEMENTWISE(name, expression)                                                              \
    static void name##_reference(const tt_value *value, const void *const *inputs, void *output)   \
    {                                                                                              \
        size_t count = tt_shape_count(&value->shape);                                              \
        const float *a = inputs[0];                                                                \
        const float *b = inputs[value->input_count - 1];                                           \
        float *y = output;                                                                         \
        for (size_t i = 0; i < count; i++)                                                         \
            y[i] = (expression);                                                                   \
        (void)b;                                                                                   \
    }

ELEMENTWISE(add, a[i] + b[i])
ELEMENTWISE(subtract, a[i] - b[i])
ELEMENTWISE(multiply, a[i] * b[i])
ELEMENTWISE(divide, a[i] / b[i])
ELEMENTWISE(scale, a[i] * value->attributes.factor)
ELEMENTWISE(exp, expf(a[i]))
ELEMENTWISE(log, logf(a[i]))
ELEMENTWISE(sqrt, sqrtf(a[i]))
ELEMENTWISE(relu, a[i] > 0 ? a[i] : 0)
ELEMENTWISE(relu_gradient, a[i] > 0 ? b[i] : 0) // a is relu's output, b the gradient

static void add_derivative(tt_value *value, tt_value *gradient, const bool *wanted, tt_value **out)
{
    (void)value, (void)wanted;
    out[0] = gradient;
    out[1] = gradient;
}

static void subtract_derivative(tt_value *value, tt_value *gradient, const bool *wanted,
                                tt_value **out)
{
    (void)value;
    out[0] = gradient;
    if (wanted[1])
        out[1] = tt_scale(gradient, -1);
}

static void multiply_derivative(tt_value *value, tt_value *gradient, const bool *wanted,
                                tt_value **out)
{
    if (wanted[0])
        out[0] = tt_multiply(gradient, value->inputs[1]);
    if (wanted[1])
        out[1] = tt_multiply(gradient, value->inputs[0]);
}

static void divide_derivative(tt_value *value, tt_value *gradient, const bool *wanted,
                              tt_value **out)
{
    tt_value *share = tt_divide(gradient, value->inputs[1]);
    out[0] = share;
    if (wanted[1]) // d(a/b)/db = -(a/b)/b
        out[1] = tt_scale(tt_multiply(share, value), -1);
}

static void scale_derivative(tt_value *value, tt_value *gradient, const bool *wanted,
                             tt_value **out)
{
    (void)wanted;
    out[0] = tt_scale(gradient, value->attributes.factor);
}

static void exp_derivative(tt_value *value, tt_value *gradient, const bool *wanted, tt_value **out)
{
    (void)wanted;
    out[0] = tt_multiply(gradient, value);
}

static void log_derivative(tt_value *value, tt_value *gradient, const bool *wanted, tt_value **out)
{
    (void)wanted;
    out[0] = tt_divide(gradient, value->inputs[0]);
}

static void sqrt_derivative(tt_value *value, tt_value *gradient, const bool *wanted, tt_value **out)
{
    (void)wanted;
    out[0] = tt_scale(tt_divide(gradient, value), 0.5f);
}

static void relu_derivative(tt_value *value, tt_value *gradient, const bool *wanted, tt_value **out)
{
    (void)wanted;
    // From the output, not the input: they are positive together, and a fused convolution keeps
    // only the output.
    out[0] = tt_apply(value->graph, "relu_gradient", 2, (tt_value *[]){value, gradient}, NULL);
}

static bool bias_add_shape(tt_value *value)
{
    tt_value *a = value->inputs[0], *bias = value->inputs[1];
    size_t last = a->shape.rank > 0 ? a->shape.size[a->shape.rank - 1] : 0;
    if (a->type != TT_F32 || bias->type != TT_F32)
        return tt_graph_fail(value->graph, "bias_add: expects f32 inputs");
    if (bias->shape.rank != 1 || bias->shape.size[0] != last)
        return tt_graph_fail(value->graph,
                             "bias_add: bias is %s, the last axis of %s expects [%zu]",
                             tt_shape_text(&bias->shape), tt_shape_text(&a->shape), last);
    value->type = TT_F32;
    value->shape = a->shape;
    return true;
}

static void bias_add_reference(const tt_value *value, const void *const *inputs, void *output)
{
    const float *a = inputs[0], *bias = inputs[1];
    float *y = output;
    size_t channels = value->inputs[1]->shape.size[0];
    size_t rows = tt_shape_count(&value->shape) / channels;
    for (size_t row = 0; row < rows; row++)
        for (size_t channel = 0; channel < channels; channel++)
            y[row * channels + channel] = a[row * channels + channel] + bias[channel];
}

static void bias_add_derivative(tt_value *value, tt_value *gradient, const bool *wanted,
                                tt_value **out)
{
    out[0] = gradient;
    if (wanted[1])
        out[1] = tt_sum_to(gradient, value->inputs[1]->shape);
}

#define ROW(primitive, count)                                                                      \
    .name = #primitive, .inputs = count, .shape = shape_like_first,                                \
    .reference = primitive##_reference

const tt_primitive tt_elementwise_primitives[] = {
    {ROW(add, 2), .derivative = add_derivative},
    {ROW(subtract, 2), .derivative = subtract_derivative},
    {ROW(multiply, 2), .derivative = multiply_derivative},
    {ROW(divide, 2), .derivative = divide_derivative},
    {ROW(scale, 1), .attributes = TT_USES_FACTOR, .derivative = scale_derivative},
    {ROW(exp, 1), .derivative = exp_derivative},
    {ROW(log, 1), .derivative = log_derivative},
    {ROW(sqrt, 1), .derivative = sqrt_derivative},
    {ROW(relu, 1), .derivative = relu_derivative},
    {ROW(relu_gradient, 2)},
    {.name = "bias_add",
     .inputs = 2,
     .shape = bias_add_shape,
     .reference = bias_add_reference,
     .derivative = bias_add_derivative},
    {.name = NULL},
};
