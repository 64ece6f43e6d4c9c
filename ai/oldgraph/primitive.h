// The table of primitives: everything the graph, the differentiator and the executors know of one.

#ifndef TUTTI_AI_GRAPH_PRIMITIVE_H
#define TUTTI_AI_GRAPH_PRIMITIVE_H

#include "tutti/oldgraph.h"

// Which attributes a primitive reads, for its text form.
enum {
    TT_USES_STRIDE = 1 << 0,
    TT_USES_WINDOW = 1 << 1,
    TT_USES_PADDING = 1 << 2,
    TT_USES_TRANSPOSE = 1 << 3,
    TT_USES_ORDER = 1 << 4,
    TT_USES_SHAPE = 1 << 5,
    TT_USES_FACTOR = 1 << 6,
    TT_USES_QUANTISATION = 1 << 7,
};

struct tt_primitive {
    const char *name;
    unsigned inputs;
    unsigned attributes; // TT_USES_*

    // Sets value->type and value->shape from inputs and attributes; false after tt_graph_fail.
    bool (*shape)(tt_value *value);

    // Computes the elements of `value`; inputs[i] and output never overlap.
    void (*reference)(const tt_value *value, const void *const *inputs, void *output);

    // Given the gradient of the loss with respect to `value`, makes those with respect to its
    // inputs in gradients[i] where wanted[i]. NULL: not differentiable.
    void (*derivative)(tt_value *value, tt_value *gradient, const bool *wanted,
                       tt_value **gradients);
};

// Each family of primitives is one file with one array, ended by an entry without a name.
extern const tt_primitive tt_leaf_primitives[]; // input, parameter, constant
extern const tt_primitive tt_elementwise_primitives[];
extern const tt_primitive tt_shape_primitives[];
extern const tt_primitive tt_matmul_primitives[];
extern const tt_primitive tt_conv_primitives[];
extern const tt_primitive tt_pool_primitives[];
extern const tt_primitive tt_loss_primitives[];
extern const tt_primitive tt_quantised_primitives[];

const tt_primitive *tt_primitive_find(const char *name);
// The table as one list: index from 0; NULL past the end.
const tt_primitive *tt_primitive_at(size_t index);

// Keeps the first sentence (printf's format) in the graph; always returns false.
bool tt_graph_fail(tt_graph *graph, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Memory that is freed with the graph; zeroed, aligned for vectors.
void *tt_graph_allocate(tt_graph *graph, size_t bytes);
// "[16,28,28,12]" in one of a few static buffers, for messages.
const char *tt_shape_text(const tt_shape *shape);

// Whether `gradient` is f32 of the shape of the value that it is the gradient of; else fails.
bool tt_gradient_fits(tt_value *value, const tt_value *gradient, const tt_shape *shape);

// Rows and columns of a sliding window: output size and padding before, as TFLite computes them.
typedef struct tt_window {
    size_t out[2];
    size_t before[2];
} tt_window;
// false where VALID padding leaves no output.
bool tt_window_compute(const size_t in[2], const size_t window[2], const unsigned stride[2],
                       tt_padding padding, tt_window *result);

#endif
