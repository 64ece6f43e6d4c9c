// Graphs of tensor operations: built once, differentiated as graphs, run by several executors.
//
// A value is the result of one primitive operation on earlier values; values are numbered in the
// order they are made, which is therefore an order in which they can be computed. A primitive is a
// row of one table (ai/oldgraph/primitive.h): shape rule, reference kernel, derivative, text form.
//
// Building never crashes on a user's mistake: a builder that cannot make its value returns NULL,
// the graph keeps the first sentence that says why, and builders given NULL return NULL. So a
// network is written as a chain and checked once at its end.
//
// Images are (batch, height, width, channels), weights of conv2d (out, height, width, in), those of
// depthwise_conv2d (1, height, width, out): TFLite's layouts. Server side: everything is allocated
// from the graph and freed with it.

#ifndef TUTTI_OLDGRAPH_H
#define TUTTI_OLDGRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tutti/language.h"
#include "tutti/status.h"
#include "tutti/text.h"

TT_C_BEGIN

#define TT_RANK_MAX 4
#define TT_INPUTS_MAX 6

typedef enum tt_type { TT_F32, TT_I32, TT_I8 } tt_type;

typedef struct tt_shape {
    unsigned rank;            // 0 for a scalar
    size_t size[TT_RANK_MAX]; // each at least 1
} tt_shape;

#define TT_SHAPE(...)                                                                              \
    ((tt_shape){.rank = sizeof((size_t[]){__VA_ARGS__}) / sizeof(size_t), .size = {__VA_ARGS__}})
#define TT_SCALAR ((tt_shape){.rank = 0})

typedef enum tt_padding { TT_VALID, TT_SAME } tt_padding; // as TFLite defines them

// What a primitive is told besides its inputs; each reads the fields that it documents.
typedef struct tt_attributes {
    unsigned stride[2]; // rows, columns
    unsigned window[2]; // pooling: rows, columns
    tt_padding padding;
    bool transpose[2];           // matmul: of the first and the second input
    unsigned order[TT_RANK_MAX]; // transpose: which axis of the input each axis of the output is
    tt_shape shape;              // reshape, broadcast, sum_to, gradients: of the result
    float factor;                // scale
    int32_t zero_point[2];       // quantised: of the input and the output
    int32_t clamp[2];            // quantised: least and greatest output
} tt_attributes;

typedef struct tt_graph tt_graph;
typedef struct tt_value tt_value;
typedef struct tt_primitive tt_primitive;

struct tt_value {
    tt_graph *graph;
    unsigned id; // its place in the graph
    const tt_primitive *primitive;
    tt_type type;
    tt_shape shape;
    unsigned input_count;
    tt_value *inputs[TT_INPUTS_MAX];
    tt_attributes attributes;
    const char *name; // of an input or parameter, else NULL
    void *data;       // of a parameter or constant: its elements; else NULL
    float scale;      // quantised values: real = scale * (q - zero_point); 0 elsewhere
    int32_t zero_point;
};

tt_graph *tt_graph_new(void); // never NULL: without memory the program ends with a message
void tt_graph_free(tt_graph *graph);

// The first thing that went wrong while building, or "".
const char *tt_graph_error(const tt_graph *graph);

size_t tt_graph_count(const tt_graph *graph);
tt_value *tt_graph_value(const tt_graph *graph, size_t id);
tt_value *tt_graph_find(const tt_graph *graph, const char *name); // NULL where there is none

size_t tt_type_bytes(tt_type type);
const char *tt_type_name(tt_type type);
size_t tt_shape_count(const tt_shape *shape); // elements
bool tt_shape_equal(const tt_shape *a, const tt_shape *b);
size_t tt_value_bytes(const tt_value *value);

// Values without inputs. Data of parameters and constants starts zeroed where `data` is NULL.
tt_value *tt_input(tt_graph *graph, const char *name, tt_type type, tt_shape shape);
tt_value *tt_parameter(tt_graph *graph, const char *name, tt_shape shape); // f32, trained
tt_value *tt_constant(tt_graph *graph, tt_type type, tt_shape shape, const void *data);

// Any primitive by its name in the table.
tt_value *tt_apply(tt_graph *graph, const char *primitive, unsigned input_count,
                   tt_value *const *inputs, const tt_attributes *attributes);

// The primitives. Shapes of binary element-wise operations must be equal.
tt_value *tt_add(tt_value *a, tt_value *b);
tt_value *tt_subtract(tt_value *a, tt_value *b);
tt_value *tt_multiply(tt_value *a, tt_value *b);
tt_value *tt_divide(tt_value *a, tt_value *b);
tt_value *tt_scale(tt_value *a, float factor);
tt_value *tt_exp(tt_value *a);
tt_value *tt_log(tt_value *a);
tt_value *tt_sqrt(tt_value *a);
tt_value *tt_relu(tt_value *a);
tt_value *tt_bias_add(tt_value *a, tt_value *bias); // bias is (last axis of a)
tt_value *tt_matmul(tt_value *a, tt_value *b, bool transpose_a, bool transpose_b); // rank 2
tt_value *tt_reshape(tt_value *a, tt_shape shape);
tt_value *tt_transpose(tt_value *a, const unsigned *order);
tt_value *tt_broadcast(tt_value *a, tt_shape shape); // axes aligned at the last; size 1 repeats
tt_value *tt_sum_to(tt_value *a, tt_shape shape);    // the sum over what tt_broadcast would repeat
tt_value *tt_mean(tt_value *a);                      // of all elements; a scalar
tt_value *tt_conv2d(tt_value *x, tt_value *weights, unsigned stride, tt_padding padding);
tt_value *tt_depthwise_conv2d(tt_value *x, tt_value *weights, unsigned stride, tt_padding padding);
tt_value *tt_max_pool2d(tt_value *x, unsigned window, unsigned stride, tt_padding padding);
tt_value *tt_average_pool2d(tt_value *x, unsigned window, unsigned stride, tt_padding padding);
tt_value *tt_softmax(tt_value *a); // over the last axis
// The mean over the batch of -log softmax(logits)[label]; logits (batch, classes), labels (batch)
// i32. A label that names no class makes it, and that row's gradient, no number (NaN).
tt_value *tt_softmax_cross_entropy(tt_value *logits, tt_value *labels);

// Reverse-mode differentiation: adds to the graph what computes d loss / d wrt[i] and returns those
// values in gradients[i] (a zero constant where the loss does not depend on it). `loss` is a
// scalar. TT_INVALID with tt_graph_error where it is not, a primitive on the way has no derivative,
// or a value is NULL or of another graph.
tt_status tt_graph_gradient(tt_graph *graph, tt_value *loss, tt_value *const *wrt, size_t count,
                            tt_value **gradients);

// Computes `outputs` with the reference kernels: plain loops, the definition of every primitive.
// `data[id]` points at the elements of each input; on return also of each output asked for, in
// memory that lives until tt_reference_free. `data` has tt_graph_count entries, NULL elsewhere; an
// input that is needed and not given is the caller's bug (TT_CHECK). NULL where an output is NULL
// or of another graph; without memory the program ends with a message.
typedef struct tt_reference tt_reference;
tt_reference *tt_reference_run(const tt_graph *graph, tt_value *const *outputs, size_t count,
                               void **data);
void tt_reference_free(tt_reference *reference);

// The text form, one value a line, and back. Elements of parameters and constants are not part of
// it, nor are scales: they come back zeroed. Parsing returns NULL and a sentence that names the
// line.
//     %2 = conv2d(%0, %1) stride=1,1 padding=same : f32[16,28,28,12]
char *tt_graph_print(const tt_graph *graph); // to be freed with free()
tt_graph *tt_graph_parse(const char *text, tt_text *why);

TT_C_END

#endif
