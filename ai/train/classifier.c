// The demonstration's network, of layers as functions that add a weight, a bias and their
// operations to a graph.

#include <stdio.h>

#include "tutti/model.h"

static tt_value parameter(tt_graph *graph, const char *layer, const char *what, tt_type type)
{
    char name[64];
    snprintf(name, sizeof(name), "%s.%s", layer, what);
    return tt_parameter(graph, name, type);
}

static int64_t channels(const tt_graph *graph, tt_value x)
{
    const tt_type *type = tt_graph_type(graph, x);
    return type->size[type->rank - 1];
}

static tt_value conv(tt_graph *graph, const char *name, tt_value x, int64_t out)
{
    if (tt_is_none(x))
        return x;
    tt_graph_at(graph, name, NULL);
    int64_t one[2] = {1, 1};
    tt_value weights =
        parameter(graph, name, "weights", TT_TYPE(TT_F32, out, 3, 3, channels(graph, x)));
    tt_value bias = parameter(graph, name, "bias", TT_TYPE(TT_F32, out));
    x = tt_conv(graph, x, weights, &(tt_windows){.before = one, .after = one}, 1);
    return tt_relu(graph, tt_add(graph, x, bias));
}

static tt_value pool(tt_graph *graph, tt_value x)
{
    int64_t two[2] = {2, 2};
    return tt_pool_greatest(graph, x, two, &(tt_windows){.stride = two});
}

static tt_value dense(tt_graph *graph, const char *name, tt_value x, int64_t out)
{
    if (tt_is_none(x))
        return x;
    tt_graph_at(graph, name, NULL);
    tt_value weights = parameter(graph, name, "weights", TT_TYPE(TT_F32, out, channels(graph, x)));
    tt_value bias = parameter(graph, name, "bias", TT_TYPE(TT_F32, out));
    x = tt_matmul(graph, x, tt_transpose(graph, weights, (int64_t[]){1, 0}));
    return tt_add(graph, x, bias);
}

static tt_value build(tt_graph *graph, tt_value image)
{
    if (tt_is_none(image))
        return image;
    int64_t flat[2] = {tt_graph_type(graph, image)->size[0], -1};
    tt_value x = pool(graph, conv(graph, "conv1", image, 12));
    x = pool(graph, conv(graph, "conv2", x, 24));
    x = tt_reshape(graph, conv(graph, "conv3", x, 32), 2, flat);
    x = tt_relu(graph, dense(graph, "dense1", x, 32));
    x = dense(graph, "dense2", x, 10);
    tt_graph_at(graph, NULL, NULL);
    return x;
}

const tt_network tt_classifier = {
    .name = "classifier", .rows = 28, .columns = 28, .classes = 10, .build = build};
