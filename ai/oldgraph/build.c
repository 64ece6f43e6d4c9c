// The builders of include/tutti/oldgraph.h: each a primitive's name and its attributes.

#include <string.h>

#include "ai/oldgraph/primitive.h"

static tt_value *unary(const char *primitive, tt_value *a, const tt_attributes *attributes)
{
    return a == NULL ? NULL : tt_apply(a->graph, primitive, 1, &a, attributes);
}

static tt_value *binary(const char *primitive, tt_value *a, tt_value *b,
                        const tt_attributes *attributes)
{
    return a == NULL ? NULL : tt_apply(a->graph, primitive, 2, (tt_value *[]){a, b}, attributes);
}

tt_value *tt_add(tt_value *a, tt_value *b)
{
    return binary("add", a, b, NULL);
}

tt_value *tt_subtract(tt_value *a, tt_value *b)
{
    return binary("subtract", a, b, NULL);
}

tt_value *tt_multiply(tt_value *a, tt_value *b)
{
    return binary("multiply", a, b, NULL);
}

tt_value *tt_divide(tt_value *a, tt_value *b)
{
    return binary("divide", a, b, NULL);
}

tt_value *tt_scale(tt_value *a, float factor)
{
    return unary("scale", a, &(tt_attributes){.factor = factor});
}

tt_value *tt_exp(tt_value *a)
{
    return unary("exp", a, NULL);
}

tt_value *tt_log(tt_value *a)
{
    return unary("log", a, NULL);
}

tt_value *tt_sqrt(tt_value *a)
{
    return unary("sqrt", a, NULL);
}

tt_value *tt_relu(tt_value *a)
{
    return unary("relu", a, NULL);
}

tt_value *tt_bias_add(tt_value *a, tt_value *bias)
{
    return binary("bias_add", a, bias, NULL);
}

tt_value *tt_matmul(tt_value *a, tt_value *b, bool transpose_a, bool transpose_b)
{
    return binary("matmul", a, b, &(tt_attributes){.transpose = {transpose_a, transpose_b}});
}

tt_value *tt_reshape(tt_value *a, tt_shape shape)
{
    return unary("reshape", a, &(tt_attributes){.shape = shape});
}

tt_value *tt_transpose(tt_value *a, const unsigned *order)
{
    tt_attributes attributes = {0};
    if (a == NULL)
        return NULL;
    memcpy(attributes.order, order, a->shape.rank * sizeof(order[0]));
    return unary("transpose", a, &attributes);
}

tt_value *tt_broadcast(tt_value *a, tt_shape shape)
{
    return unary("broadcast", a, &(tt_attributes){.shape = shape});
}

tt_value *tt_sum_to(tt_value *a, tt_shape shape)
{
    return unary("sum_to", a, &(tt_attributes){.shape = shape});
}

tt_value *tt_mean(tt_value *a)
{
    if (a == NULL)
        return NULL;
    return tt_scale(tt_sum_to(a, TT_SCALAR), 1 / (float)tt_shape_count(&a->shape));
}

static tt_attributes sliding(unsigned window, unsigned stride, tt_padding padding)
{
    return (tt_attributes){
        .window = {window, window}, .stride = {stride, stride}, .padding = padding};
}

tt_value *tt_conv2d(tt_value *x, tt_value *weights, unsigned stride, tt_padding padding)
{
    tt_attributes attributes = sliding(0, stride, padding);
    return binary("conv2d", x, weights, &attributes);
}

tt_value *tt_depthwise_conv2d(tt_value *x, tt_value *weights, unsigned stride, tt_padding padding)
{
    tt_attributes attributes = sliding(0, stride, padding);
    return binary("depthwise_conv2d", x, weights, &attributes);
}

tt_value *tt_max_pool2d(tt_value *x, unsigned window, unsigned stride, tt_padding padding)
{
    tt_attributes attributes = sliding(window, stride, padding);
    return unary("max_pool2d", x, &attributes);
}

tt_value *tt_average_pool2d(tt_value *x, unsigned window, unsigned stride, tt_padding padding)
{
    tt_attributes attributes = sliding(window, stride, padding);
    return unary("average_pool2d", x, &attributes);
}

tt_value *tt_softmax(tt_value *a)
{
    return unary("softmax", a, NULL);
}

tt_value *tt_softmax_cross_entropy(tt_value *logits, tt_value *labels)
{
    return binary("softmax_cross_entropy", logits, labels, NULL);
}
