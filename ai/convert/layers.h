// A network as layers, each of which becomes a step of a plan, or none.
//
// Layers stand in an order in which they can be computed, and the result is the last one's value.
// Tensors have numbers: 0 is the network's input, i + 1 the value of layer i.

#ifndef TUTTI_AI_LAYERS_H
#define TUTTI_AI_LAYERS_H

#include "ai/graph/row.h"
#include "tutti/convert.h"
#include "tutti/lite.h"

#define TT_LAYER_TENSORS_MAX (TT_PLAN_STEPS_MAX + 1)

typedef struct tt_layer {
    // Found in the float graph (find.c).
    uint8_t kind;                      // a tt_step_kind, or 0: a reshape or concatenation
    uint8_t pieces;                    // of a concatenation; else 0
    uint8_t axis;                      // along which it joins them
    uint8_t input[TT_PLAN_PIECES_MAX]; // the tensor that it reads, or those that it joins
    tt_value value;                    // of the whole layer: what is calibrated
    tt_value product;                  // the operation itself
    tt_value weights;                  // a parameter or constant, or its transpose; TT_NONE
    tt_value bias;                     // TT_NONE
    bool transposed;                   // of a product: the weights are (in, out)
    bool relu;
    tt_plan_step step; // sizes, window, stride and padding; of a concatenation out alone
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

static inline unsigned tt_layer_inputs(const tt_layer *layer)
{
    return layer->pieces > 0 ? layer->pieces : 1;
}

// Finds the layers between an input and a result of a simplified graph. TT_UNSUPPORTED,
// TT_TOO_LARGE with a sentence.
tt_status tt_layers_find(tt_quantised *quantised, const tt_graph *graph, tt_value input,
                         tt_value result, tt_text *why);

// Where a tensor lies: in a block of memory, which is named by one of the tensors in it.
typedef struct tt_home {
    uint8_t block;
    uint64_t offset, bytes; // in the block; of the tensor
} tt_home;
// Reshapes lie where their input does, the pieces of a concatenation next to each other in it. The
// block's own tensor, whose `block` is itself, is as large as the block.
void tt_layers_place(const tt_quantised *quantised, tt_home home[TT_LAYER_TENSORS_MAX]);
// Which tensors have one scale, in `set`: those with the same number. Poolings and reshapes keep
// their input's, the pieces of a concatenation have one. The network's input is in set 0.
void tt_layers_share(const tt_quantised *quantised, uint8_t set[TT_LAYER_TENSORS_MAX]);
// Whether all concatenations can be had by placing alone. TT_UNSUPPORTED with a sentence.
tt_status tt_layers_check_joins(const tt_quantised *quantised, const tt_graph *graph, tt_text *why);

// The integer graph of quantised layers, with a status of its own; NULL without memory.
tt_graph *tt_layers_graph(const tt_quantised *quantised);

// The node's operation and name, a colon, and `what`; returns `status`.
tt_status tt_layers_refuse(const tt_graph *graph, tt_value value, tt_status status,
                           const char *what, tt_text *why);

#endif
