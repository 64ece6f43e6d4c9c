// The layers of the networks that are trained here and in the benches.

#include "ai/train/layers.h"

#include <stdio.h>

tt_value tt_layer_parameter(tt_graph *graph, const char *layer, const char *what, tt_type type)
{
    char name[64];
    snprintf(name, sizeof(name), "%s.%s", layer, what);
    return tt_parameter(graph, name, type);
}

int64_t tt_layer_channels(const tt_graph *graph, tt_value x)
{
    const tt_type *type = tt_graph_type(graph, x);
    return type->size[type->rank - 1];
}

tt_value tt_layer_conv(tt_graph *graph, const char *name, tt_value x, int64_t out,
                       tt_layer_windows windows, bool bias)
{
    if (tt_is_none(x))
        return x;
    tt_graph_at(graph, name, NULL);
    int64_t size = windows.size, channels = tt_layer_channels(graph, x);
    int64_t stride[2] = {windows.stride, windows.stride};
    int64_t padding[2] = {windows.padding, windows.padding};
    tt_windows where = {.stride = stride, .before = padding, .after = padding};
    tt_value added = TT_NONE,
             weights = tt_layer_parameter(graph, name, "weights",
                                          TT_TYPE(TT_F32, out, size, size, channels));
    if (bias)
        added = tt_layer_parameter(graph, name, "bias", TT_TYPE(TT_F32, out));
    x = tt_conv(graph, x, weights, &where, 1);
    return bias ? tt_add(graph, x, added) : x;
}

tt_value tt_layer_dense(tt_graph *graph, const char *name, tt_value x, int64_t out)
{
    if (tt_is_none(x))
        return x;
    tt_graph_at(graph, name, NULL);
    tt_type type = TT_TYPE(TT_F32, out, tt_layer_channels(graph, x));
    tt_value weights = tt_layer_parameter(graph, name, "weights", type);
    tt_value bias = tt_layer_parameter(graph, name, "bias", TT_TYPE(TT_F32, out));
    x = tt_matmul(graph, x, tt_transpose(graph, weights, (int64_t[]){1, 0}));
    return tt_add(graph, x, bias);
}

tt_value tt_layer_pool(tt_graph *graph, tt_value x)
{
    int64_t two[2] = {2, 2};
    return tt_pool_greatest(graph, x, two, &(tt_windows){.stride = two});
}

tt_value tt_layer_flat(tt_graph *graph, tt_value x)
{
    if (tt_is_none(x))
        return x;
    return tt_reshape(graph, x, 2, (int64_t[]){tt_graph_type(graph, x)->size[0], -1});
}
