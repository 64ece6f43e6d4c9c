// Layers, as functions that add their parameters, "NAME.weights" and "NAME.bias", and operations to
// a graph. Of what is none they make none: what went wrong stays in the graph.

#ifndef TUTTI_AI_LAYERS_H
#define TUTTI_AI_LAYERS_H

#include "tutti/graph.h"

// The parameter "LAYER.WHAT".
tt_value tt_layer_parameter(tt_graph *graph, const char *layer, const char *what, tt_type type);
int64_t tt_layer_channels(const tt_graph *graph, tt_value x); // the size of the last axis

typedef struct tt_layer_windows { // square
    int64_t size, stride, padding;
} tt_layer_windows;

// A convolution of (batch, rows, columns, channels) with `out` outputs, and a bias where there is
// one; a product of (batch, inputs) and a bias; the greatest of each 2x2; each image as one row.
tt_value tt_layer_conv(tt_graph *graph, const char *name, tt_value x, int64_t out,
                       tt_layer_windows windows, bool bias);
tt_value tt_layer_dense(tt_graph *graph, const char *name, tt_value x, int64_t out);
tt_value tt_layer_pool(tt_graph *graph, tt_value x);
tt_value tt_layer_flat(tt_graph *graph, tt_value x);

#endif
