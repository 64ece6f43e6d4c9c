// LeNet-5 (LeCun et al. 1998, with ReLU and greatest pools), MLPerf Tiny's ResNet-8 for CIFAR-10,
// and the demonstration's network.

#include <stdio.h>

#include "ai/train/layers.h"
#include "bench/ai/networks.h"
#include "tutti/model.h"

static tt_value build_lenet5(tt_graph *g, tt_value x, bool inference)
{
    (void)inference; // the same
    x = tt_layer_conv(g, "conv1", x, 6, (tt_layer_windows){5, 1, 2}, true);
    x = tt_layer_conv(g, "conv2", tt_layer_pool(g, tt_relu(g, x)), 16, (tt_layer_windows){5, 1, 0},
                      true);
    x = tt_layer_flat(g, tt_layer_pool(g, tt_relu(g, x)));
    x = tt_relu(g, tt_layer_dense(g, "dense1", x, 120));
    x = tt_relu(g, tt_layer_dense(g, "dense2", x, 84));
    return tt_layer_dense(g, "dense3", x, 10);
}

// With the batch's statistics: scale (x - mean) / sqrt(variance + 0.001) + shift.
static tt_value norm(tt_graph *g, const char *name, tt_value x)
{
    if (tt_is_none(x))
        return x;
    int64_t axes[3] = {0, 1, 2}, channels = tt_layer_channels(g, x);
    tt_value scale = tt_layer_parameter(g, name, "scale", TT_TYPE(TT_F32, channels));
    tt_value shift = tt_layer_parameter(g, name, "shift", TT_TYPE(TT_F32, channels));
    tt_value apart = tt_subtract(g, x, tt_mean(g, x, 3, axes));
    tt_value variance = tt_mean(g, tt_multiply(g, apart, apart), 3, axes);
    tt_value root = tt_sqrt(g, tt_add(g, variance, tt_number(g, TT_F32, 0.001)));
    return tt_add(g, tt_multiply(g, apart, tt_divide(g, scale, root)), shift);
}

static tt_value conv_norm(tt_graph *g, const char *name, tt_value x, int64_t out, int64_t stride,
                          bool inference)
{
    x = tt_layer_conv(g, name, x, out, (tt_layer_windows){3, stride, 1}, inference);
    return inference ? x : norm(g, name, x);
}

static tt_value block(tt_graph *g, unsigned number, tt_value x, int64_t out, int64_t stride,
                      bool inference)
{
    char a[32], b[32], c[32];
    snprintf(a, sizeof(a), "block%u.a", number);
    snprintf(b, sizeof(b), "block%u.b", number);
    snprintf(c, sizeof(c), "block%u.short", number);
    tt_value y = tt_relu(g, conv_norm(g, a, x, out, stride, inference));
    y = conv_norm(g, b, y, out, 1, inference);
    if (stride != 1)
        x = tt_layer_conv(g, c, x, out, (tt_layer_windows){1, stride, 0}, true);
    return tt_relu(g, tt_add(g, x, y));
}

static tt_value build_resnet8(tt_graph *g, tt_value x, bool inference)
{
    x = tt_relu(g, conv_norm(g, "first", x, 16, 1, inference));
    x = block(g, 1, x, 16, 1, inference);
    x = block(g, 2, x, 32, 2, inference);
    x = block(g, 3, x, 64, 2, inference);
    return tt_layer_dense(g, "dense", tt_layer_flat(g, tt_mean(g, x, 2, (int64_t[]){1, 2})), 10);
}

static tt_value build_fashion(tt_graph *g, tt_value x, bool inference)
{
    (void)inference; // the same
    return tt_classifier.build(g, x);
}

const bench_network bench_lenet5 = {"lenet5", 28, 1, false, {.kind = TT_SGD}, 0.01, build_lenet5};
const bench_network bench_resnet8 = {
    "resnet8", 32, 3, true, {.kind = TT_SGD, .momentum = 0.9}, 0.003, build_resnet8};
const bench_network bench_fashion = {
    "fashion",
    28,
    1,
    false,
    {.kind = TT_SGD, .momentum = 0.9, .weight_decay = 5e-4, .nesterov = true},
    0.01,
    build_fashion};

tt_graph *bench_training_graph(const bench_network *n)
{
    tt_graph *g = tt_graph_new();
    tt_value parameters[64], gradients[64];
    unsigned count = 0;
    tt_type type = TT_TYPE(TT_U8, BENCH_BATCH, n->rows, n->rows, n->channels);
    tt_value image = tt_convert(g, tt_input(g, "image", type), TT_F32);
    tt_value label = tt_input(g, "label", TT_TYPE(TT_I32, BENCH_BATCH));
    tt_value rate = tt_input(g, "rate", TT_SCALAR(TT_F64));
    tt_value logits = n->build(g, tt_scale(g, image, 1.0 / 255), false);
    tt_value loss = tt_cross_entropy(g, logits, label);
    tt_graph_result(g, "loss", loss);
    for (uint32_t i = 0; i < tt_graph_buffer_count(g) && count < 64; i++)
        if (tt_graph_buffer(g, i)->kind == TT_PARAMETER)
            parameters[count++] = tt_graph_buffer(g, i)->value;
    if (tt_graph_gradient(g, loss, count, parameters, gradients) == TT_OK)
        tt_optimise(g, &n->optimiser, count, parameters, gradients, NULL, rate);
    return g;
}

tt_graph *bench_inference_graph(const bench_network *n)
{
    tt_graph *g = tt_graph_new();
    tt_value image = tt_input(g, "image", TT_TYPE(TT_F32, 1, n->rows, n->rows, n->channels));
    tt_graph_result(g, "logits", n->build(g, image, true));
    return g;
}
