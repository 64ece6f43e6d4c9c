// The demonstration's network.

#include "ai/train/layers.h"
#include "tutti/model.h"

static tt_value conv(tt_graph *graph, const char *name, tt_value x, int64_t out)
{
    return tt_relu(graph, tt_layer_conv(graph, name, x, out, (tt_layer_windows){3, 1, 1}, true));
}

static tt_value build(tt_graph *graph, tt_value image)
{
    tt_value x = tt_layer_pool(graph, conv(graph, "conv1", image, 12));
    x = tt_layer_pool(graph, conv(graph, "conv2", x, 24));
    x = tt_layer_flat(graph, conv(graph, "conv3", x, 32));
    x = tt_relu(graph, tt_layer_dense(graph, "dense1", x, 32));
    x = tt_layer_dense(graph, "dense2", x, 10);
    tt_graph_at(graph, NULL, NULL);
    return x;
}

const tt_network tt_classifier = {
    .name = "classifier", .rows = 28, .columns = 28, .classes = 10, .build = build};
