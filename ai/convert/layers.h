// A network as a chain of layers, each of which becomes a step of a plan, or none.

#ifndef TUTTI_AI_LAYERS_H
#define TUTTI_AI_LAYERS_H

#include "ai/graph/row.h"
#include "tutti/convert.h"
#include "tutti/lite.h"

typedef struct tt_layer {
    // Found in the float graph (find.c).
    uint8_t kind;     // a tt_step_kind, or 0: a reshape
    tt_value value;   // of the whole layer: what is calibrated
    tt_value product; // the operation itself
    tt_value weights; // a parameter or constant, or its transpose; TT_NONE
    tt_value bias;    // TT_NONE
    bool transposed;  // of a product: the weights are (in, out)
    bool relu;
    tt_plan_step step; // sizes, window, stride and padding
    tt_type shape;     // of the value
    int64_t taps;      // weights of an output channel

    // Chosen by calibration and quantisation.
    float least, greatest; // of the value over the calibration inputs, 0 among them
    float scale;           // of the value
    int8_t *weight;        // (out, taps), as the runtime wants them; NULL: no weights
    int32_t *bias_sum, *multiplier, *shift; // (out)
} tt_layer;

struct tt_quantised {
    tt_layer layers[TT_PLAN_STEPS_MAX];
    unsigned count;
    tt_type input, result; // of the float graph
    float input_scale;
    int32_t input_zero_point;
    tt_graph *graph;
};

// Finds the layers between an input and a result of a simplified graph. TT_UNSUPPORTED,
// TT_TOO_LARGE with a sentence.
tt_status tt_layers_find(tt_quantised *quantised, const tt_graph *graph, tt_value input,
                         tt_value result, tt_text *why);
// The integer graph of quantised layers, with a status of its own; NULL without memory.
tt_graph *tt_layers_graph(const tt_quantised *quantised);

// The node's operation and name, a colon, and `what`; returns `status`.
tt_status tt_layers_refuse(const tt_graph *graph, tt_value value, tt_status status,
                           const char *what, tt_text *why);

#endif
