// Optimisers, as parts of a graph: they add to it the state that they keep and the assignments of a
// step. The formulas are PyTorch's (torch.optim), so that its losses can be compared with ours.

#ifndef TUTTI_OPTIMISER_H
#define TUTTI_OPTIMISER_H

#include "tutti/graph.h"

TT_C_BEGIN

typedef enum tt_optimiser_kind { TT_SGD, TT_ADAM, TT_ADAMW } tt_optimiser_kind;

typedef struct tt_optimiser {
    tt_optimiser_kind kind;
    double momentum;        // SGD: 0 keeps no state. Adam, AdamW: beta 1
    double momentum_square; // Adam, AdamW: beta 2
    double epsilon;         // Adam, AdamW: added to the root, behind its correction
    double weight_decay;    // SGD, Adam: added to the gradient times the weight (L2); AdamW: taken
                            // from the weight times the rate, apart from the gradient
    bool nesterov;          // SGD: looks ahead along the momentum
    double norm_max;        // gradients are scaled down to this norm over all of them; 0: never
} tt_optimiser;

#define TT_SGD_DEFAULT                                                                             \
    ((tt_optimiser){.kind = TT_SGD, .momentum = 0.9, .weight_decay = 5e-4, .nesterov = true})
#define TT_ADAM_DEFAULT                                                                            \
    ((tt_optimiser){.kind = TT_ADAM, .momentum = 0.9, .momentum_square = 0.999, .epsilon = 1e-8})
#define TT_ADAMW_DEFAULT                                                                           \
    ((tt_optimiser){.kind = TT_ADAMW,                                                              \
                    .momentum = 0.9,                                                               \
                    .momentum_square = 0.999,                                                      \
                    .epsilon = 1e-8,                                                               \
                    .weight_decay = 0.01})

// Assigns each parameter from its gradient, of its type, and the learning rate, a scalar of any
// floating type. `decays[i]` says whether parameter i takes part in weight decay; NULL: all do.
// State has the parameters' names with "optimiser.momentum." and "optimiser.square." before them,
// and "optimiser.step", i64, counts steps from 0. TT_INVALID and what building can fail with, in
// tt_graph_error.
tt_status tt_optimise(tt_graph *graph, const tt_optimiser *optimiser, unsigned count,
                      const tt_value *parameters, const tt_value *gradients, const bool *decays,
                      tt_value rate);

// The root of the sum of all squares, f64.
tt_value tt_norm(tt_graph *graph, unsigned count, const tt_value *values);

TT_C_END

#endif
