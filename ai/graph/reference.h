// Running a graph by the reference of each row: slow, and obviously right.
//
// Every float is computed in double and rounded to its type once an operation is done; or never
// (`exact`), so that a graph of f32 runs as one of f64. Bytes of inputs, parameters and state are
// the caller's, and only read: assignments are results that the caller puts where they belong.

#ifndef TUTTI_AI_REFERENCE_H
#define TUTTI_AI_REFERENCE_H

#include "tutti/graph.h"
#include "ai/graph/row.h"

typedef struct tt_reference tt_reference;

typedef struct tt_reference_options {
    bool exact; // floats are not rounded to their types
    uint64_t
        bytes_max; // of tensors at once, eight bytes an element; 0: half of this machine's memory
    uint64_t cost_max; // as tt_graph_cost counts; 0: TT_COST_MAX
    // Told of each node that was computed, buffers too but not the nodes of bodies, in their order:
    // its outputs, which stand until it returns. NULL: nobody is.
    void (*look)(void *context, uint32_t node, const tt_cells *out);
    void *context;
} tt_reference_options;

// Computes `values`. `data` has an entry for each buffer of the graph: its elements, in the order
// of the last axis, or NULL (constants; what is not needed). `*reference` keeps the results until
// tt_reference_free, and is NULL on failure: the graph's status; TT_NOT_FOUND (a buffer that is
// needed has no data), TT_INVALID (an index outside its axis; a value of another graph),
// TT_TOO_LARGE (a limit), TT_FULL (memory), each with a sentence. `options` may be NULL.
tt_status tt_reference_run(const tt_graph *graph, uint32_t count, const tt_value *values,
                           const void *const *data, const tt_reference_options *options,
                           tt_reference **reference, tt_text *why);
void tt_reference_free(tt_reference *reference);

// What value number `index` came to; its type is the value's, or of the sizes that it got.
const tt_cells *tt_reference_result(const tt_reference *reference, uint32_t index);
// A tensor's elements as its type has them, into `bytes` (count times element bytes).
void tt_cells_store(const tt_cells *tensor, void *bytes);

// For rows with bodies: computes a body's results from its inputs, into `out`, whose cells are
// allocated and the caller's to free. A sentence in why where it fails.
tt_status tt_reference_body(tt_work *work, const tt_graph *body, const tt_cells *in, tt_cells *out);

// One node, from its inputs, rounded to its types; cells of `out` are allocated, and the caller's
// to free. As tt_reference_run.
tt_status tt_reference_node(const tt_graph *graph, uint32_t node, const tt_cells *in, tt_cells *out,
                            tt_text *why);

// Memory for a tensor, zeroed, within the limit; TT_TOO_LARGE, TT_FULL.
tt_status tt_cells_new(tt_reference *reference, const tt_type *type, tt_cells *tensor);
void tt_cells_free(tt_reference *reference, tt_cells *tensor);

#endif
