// Int8 primitives: TFLite's arithmetic, written straight from its definition in 64-bit integers.
//
// A quantised element q stands for scale * (q - zero_point). A convolution sums
// (x - zero_point) * w + bias exactly, multiplies by s_x s_w / s_y as a 31-bit fixed-point number
// with gemmlowp's two roundings (https://arxiv.org/abs/1712.05877, 2.2; TFLite's reference
// kernels), adds the output's zero point and clamps. These kernels share no code with ai/lite,
// whose result they check.
//
// Inputs: x i8, weights i8, bias i32 (out), multiplier i32 (out), shift i32 (out), where the factor
// of channel c is multiplier[c] / 2^31 * 2^shift[c].

#include <string.h>

#include "ai/oldgraph/primitive.h"

// gemmlowp's SaturatingRoundingDoublingHighMul: the high half of twice the product, rounded to
// nearest, ties away from zero. The only overflow, of two least values, saturates.
static int64_t rounding_doubling_high(int64_t a, int64_t b)
{
    if (a == INT32_MIN && b == INT32_MIN)
        return INT32_MAX;
    int64_t product = a * b;
    int64_t nudge = product >= 0 ? (int64_t)1 << 30 : 1 - ((int64_t)1 << 30);
    return (product + nudge) / ((int64_t)1 << 31); // division truncates towards zero
}

// gemmlowp's RoundingDivideByPOT: rounded to nearest, ties away from zero.
static int64_t rounding_divide(int64_t a, int exponent)
{
    int64_t divisor = (int64_t)1 << exponent;
    int64_t quotient = a / divisor, remainder = a % divisor;
    if (2 * (remainder < 0 ? -remainder : remainder) >= divisor)
        quotient += a < 0 ? -1 : 1;
    return quotient;
}

static int8_t requantise(int64_t sum, int32_t multiplier, int32_t shift, const tt_attributes *a)
{
    int left = shift > 0 ? shift : 0, right = shift > 0 ? 0 : -shift;
    int32_t shifted = (int32_t)((uint32_t)sum << left); // wraps, as TFLite's int32 does
    int64_t result = rounding_divide(rounding_doubling_high(shifted, multiplier), right);
    result += a->zero_point[1];
    if (result < a->clamp[0])
        result = a->clamp[0];
    if (result > a->clamp[1])
        result = a->clamp[1];
    return (int8_t)result;
}

static bool is_int8(int32_t number)
{
    return number >= INT8_MIN && number <= INT8_MAX;
}

static bool check_limits(tt_value *value)
{
    const tt_attributes *a = &value->attributes;
    return (is_int8(a->zero_point[0]) && is_int8(a->zero_point[1]) && is_int8(a->clamp[0]) &&
            is_int8(a->clamp[1]) && a->clamp[0] <= a->clamp[1]) ||
           tt_graph_fail(value->graph,
                         "%s: zero points and limits must lie between -128 and 127, and the limits "
                         "in order",
                         value->primitive->name);
}

static bool check_channels(tt_value *value, size_t out)
{
    const char *name = value->primitive->name;
    if (value->inputs[0]->type != TT_I8 || value->inputs[1]->type != TT_I8)
        return tt_graph_fail(value->graph, "%s: expects i8 input and weights", name);
    for (unsigned i = 2; i < 5; i++) {
        tt_value *vector = value->inputs[i];
        if (vector->type != TT_I32 || vector->shape.rank != 1 || vector->shape.size[0] != out)
            return tt_graph_fail(value->graph, "%s: input %u is %s %s, expects i32 [%zu]", name, i,
                                 tt_type_name(vector->type), tt_shape_text(&vector->shape), out);
    }
    return check_limits(value);
}

static bool quantised_conv_shape(tt_value *value)
{
    tt_value *x = value->inputs[0], *w = value->inputs[1];
    const char *name = value->primitive->name;
    bool depthwise = strstr(name, "depthwise") != NULL;
    tt_window window;
    if (x->shape.rank != 4 || w->shape.rank != 4)
        return tt_graph_fail(value->graph, "%s: expects rank 4, got %s and %s", name,
                             tt_shape_text(&x->shape), tt_shape_text(&w->shape));
    size_t in = x->shape.size[3], out = w->shape.size[depthwise ? 3 : 0];
    if (depthwise ? w->shape.size[0] != 1 || out % in != 0 : w->shape.size[3] != in)
        return tt_graph_fail(value->graph, "%s: input has %zu channels, weights are %s", name, in,
                             tt_shape_text(&w->shape));
    if (!tt_window_compute(&x->shape.size[1], &w->shape.size[1], value->attributes.stride,
                           value->attributes.padding, &window))
        return tt_graph_fail(value->graph, "%s: a window of %s does not fit into %s", name,
                             tt_shape_text(&w->shape), tt_shape_text(&x->shape));
    value->type = TT_I8;
    value->zero_point = value->attributes.zero_point[1];
    value->shape = TT_SHAPE(x->shape.size[0], window.out[0], window.out[1], out);
    return check_channels(value, out);
}

// The exact sum of one output element of a convolution, without the bias.
static int64_t conv_sum(const tt_value *value, const int8_t *x, const int8_t *w, size_t n,
                        size_t row, size_t column, size_t out, bool depthwise)
{
    const size_t *in = value->inputs[0]->shape.size, *weight = value->inputs[1]->shape.size;
    const tt_attributes *a = &value->attributes;
    size_t channels_out = value->shape.size[3], multiplier = channels_out / in[3];
    tt_window window;
    tt_window_compute(&in[1], &weight[1], a->stride, a->padding, &window);
    int64_t sum = 0;
    for (size_t i = 0; i < weight[1]; i++)
        for (size_t j = 0; j < weight[2]; j++) {
            size_t r = row * a->stride[0] + i - window.before[0];
            size_t c = column * a->stride[1] + j - window.before[1];
            if (r >= in[1] || c >= in[2])
                continue; // padding stands for real zero and adds nothing
            const int8_t *pixel = x + ((n * in[1] + r) * in[2] + c) * in[3];
            if (depthwise) {
                sum += (int64_t)(pixel[out / multiplier] - a->zero_point[0]) *
                       w[(i * weight[2] + j) * channels_out + out];
                continue;
            }
            const int8_t *taps = w + ((out * weight[1] + i) * weight[2] + j) * in[3];
            for (size_t k = 0; k < in[3]; k++)
                sum += (int64_t)(pixel[k] - a->zero_point[0]) * taps[k];
        }
    return sum;
}

static void quantised_conv_reference(const tt_value *value, const void *const *inputs, void *output)
{
    const int32_t *bias = inputs[2], *multiplier = inputs[3], *shift = inputs[4];
    bool depthwise = strstr(value->primitive->name, "depthwise") != NULL;
    int8_t *y = output;
    for (size_t n = 0; n < value->shape.size[0]; n++)
        for (size_t row = 0; row < value->shape.size[1]; row++)
            for (size_t column = 0; column < value->shape.size[2]; column++)
                for (size_t out = 0; out < value->shape.size[3]; out++) {
                    int64_t sum =
                        conv_sum(value, inputs[0], inputs[1], n, row, column, out, depthwise) +
                        bias[out];
                    *y++ = requantise(sum, multiplier[out], shift[out], &value->attributes);
                }
}

static bool quantised_dense_shape(tt_value *value)
{
    tt_value *x = value->inputs[0], *w = value->inputs[1];
    if (x->shape.rank != 2 || w->shape.rank != 2 || x->shape.size[1] != w->shape.size[1])
        return tt_graph_fail(value->graph,
                             "quantised_dense: input is %s, weights are %s; expects (batch, in) "
                             "and (out, in)",
                             tt_shape_text(&x->shape), tt_shape_text(&w->shape));
    value->type = TT_I8;
    value->zero_point = value->attributes.zero_point[1];
    value->shape = TT_SHAPE(x->shape.size[0], w->shape.size[0]);
    return check_channels(value, w->shape.size[0]);
}

static void quantised_dense_reference(const tt_value *value, const void *const *inputs,
                                      void *output)
{
    const int8_t *x = inputs[0], *w = inputs[1];
    const int32_t *bias = inputs[2], *multiplier = inputs[3], *shift = inputs[4];
    size_t in = value->inputs[0]->shape.size[1], out_size = value->shape.size[1];
    int8_t *y = output;
    for (size_t n = 0; n < value->shape.size[0]; n++)
        for (size_t out = 0; out < out_size; out++) {
            int64_t sum = bias[out];
            for (size_t k = 0; k < in; k++)
                sum += (int64_t)(x[n * in + k] - value->attributes.zero_point[0]) * w[out * in + k];
            *y++ = requantise(sum, multiplier[out], shift[out], &value->attributes);
        }
}

static bool quantised_average_shape(tt_value *value)
{
    tt_value *x = value->inputs[0];
    tt_window window;
    size_t size[2] = {value->attributes.window[0], value->attributes.window[1]};
    if (x->type != TT_I8 || x->shape.rank != 4 ||
        !tt_window_compute(&x->shape.size[1], size, value->attributes.stride,
                           value->attributes.padding, &window))
        return tt_graph_fail(
            value->graph, "quantised_average_pool2d: a window of %zux%zu does not fit into %s %s",
            size[0], size[1], tt_type_name(x->type), tt_shape_text(&x->shape));
    value->type = TT_I8;
    value->scale = x->scale;
    value->zero_point = x->zero_point;
    value->shape = TT_SHAPE(x->shape.size[0], window.out[0], window.out[1], x->shape.size[3]);
    return check_limits(value);
}

// The sum of the elements seen, half their count added away from zero, divided towards zero.
static int8_t average(const tt_value *value, const int8_t *x, size_t n, size_t row, size_t column,
                      size_t channel)
{
    const size_t *in = value->inputs[0]->shape.size;
    const tt_attributes *a = &value->attributes;
    size_t size[2] = {a->window[0], a->window[1]};
    tt_window window;
    tt_window_compute(&in[1], size, a->stride, a->padding, &window);
    int64_t sum = 0, count = 0;
    for (size_t i = 0; i < size[0]; i++)
        for (size_t j = 0; j < size[1]; j++) {
            size_t r = row * a->stride[0] + i - window.before[0];
            size_t c = column * a->stride[1] + j - window.before[1];
            if (r >= in[1] || c >= in[2])
                continue;
            sum += x[((n * in[1] + r) * in[2] + c) * in[3] + channel];
            count++;
        }
    int64_t result = (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
    if (result < a->clamp[0])
        result = a->clamp[0];
    return (int8_t)(result > a->clamp[1] ? a->clamp[1] : result);
}

static void quantised_average_reference(const tt_value *value, const void *const *inputs,
                                        void *output)
{
    int8_t *y = output;
    for (size_t n = 0; n < value->shape.size[0]; n++)
        for (size_t row = 0; row < value->shape.size[1]; row++)
            for (size_t column = 0; column < value->shape.size[2]; column++)
                for (size_t channel = 0; channel < value->shape.size[3]; channel++)
                    *y++ = average(value, inputs[0], n, row, column, channel);
}

#define CONV_USES (TT_USES_STRIDE | TT_USES_PADDING | TT_USES_QUANTISATION)
#define POOL_USES (TT_USES_WINDOW | TT_USES_STRIDE | TT_USES_PADDING | TT_USES_QUANTISATION)

const tt_primitive tt_quantised_primitives[] = {
    {"quantised_conv2d", 5, CONV_USES, quantised_conv_shape, quantised_conv_reference, NULL},
    {"quantised_depthwise_conv2d", 5, CONV_USES, quantised_conv_shape, quantised_conv_reference,
     NULL},
    {"quantised_dense", 5, TT_USES_QUANTISATION, quantised_dense_shape, quantised_dense_reference,
     NULL},
    {"quantised_average_pool2d", 1, POOL_USES, quantised_average_shape, quantised_average_reference,
     NULL},
    {.name = NULL},
};
