// Graphs of tensor operations: built once, simplified and differentiated as graphs, then run.
//
// A node is one operation on values made before it; a value is one output of a node. Both are
// numbers, so a graph can be copied, compared and stored, and nodes stand in an order in which they
// can be computed. Equal nodes are one: building the same thing twice gives the same value. What an
// operation is (its types, its reference, its derivative, its text) is one row of one table
// (row.h); everything else is made of those rows (compose.c).
//
// Building never ends the program: a builder that cannot make its value returns TT_NONE, the graph
// keeps the first sentence that says why and its status, and builders given TT_NONE return TT_NONE.
// So a network is written as a chain and checked once at its end, with tt_graph_status.
//
// There is no implicit promotion: operands have one element type. Integers wrap, shifts beyond the
// width give 0, division and remainder by zero give 0, conversions from floating point saturate and
// make 0 of what is no number: no graph, wherever it comes from, can raise a signal.
//
// Images are (batch, rows, columns, channels), weights of convolutions (out, rows, columns, in).
// Bytes of inputs, parameters and state are not in the graph but with who runs it (reference.h).
// Nothing here locks: a graph belongs to one thread at a time while it is built; a graph that is
// not built any more may be read by several.

#ifndef TUTTI_GRAPH_H
#define TUTTI_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tutti/language.h"
#include "tutti/status.h"
#include "tutti/tensor.h"
#include "tutti/text.h"

TT_C_BEGIN

#define TT_RANK_MAX 8
#define TT_OUTPUTS_MAX 64              // of one node
#define TT_SIZE_MAX ((int64_t)1 << 48) // elements of one value, and the size of an axis

// The element types of tutti/tensor.h, in short.
#define TT_F64 TT_ELEMENT_F64
#define TT_F32 TT_ELEMENT_F32
#define TT_BF16 TT_ELEMENT_BF16
#define TT_F16 TT_ELEMENT_F16
#define TT_I8 TT_ELEMENT_I8
#define TT_I16 TT_ELEMENT_I16
#define TT_I32 TT_ELEMENT_I32
#define TT_I64 TT_ELEMENT_I64
#define TT_U8 TT_ELEMENT_U8
#define TT_U16 TT_ELEMENT_U16
#define TT_U32 TT_ELEMENT_U32
#define TT_U64 TT_ELEMENT_U64
#define TT_BOOL TT_ELEMENT_BOOL
#define TT_ELEMENT_COUNT TT_ELEMENTS

// The type of a value: its elements, and its size along each axis. A size may be 0; beyond the rank
// all are 0. -1 is a size that only running tells: outputs of
// host operations have it, and nothing can be computed of them in the same graph.
typedef struct tt_type {
    uint8_t element, rank;
    int64_t size[TT_RANK_MAX];
} tt_type;

#define TT_TYPE(of, ...)                                                                           \
    ((tt_type){.element = (of),                                                                    \
               .rank = sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t),                         \
               .size = {__VA_ARGS__}})
#define TT_SCALAR(of) ((tt_type){.element = (of)})

bool tt_element_find(const char *name, tt_element *element); // false where there is none
bool tt_element_is_float(tt_element element);                // f64, f32, bf16, f16
int64_t tt_type_count(const tt_type *type);                  // elements, at most TT_SIZE_MAX
bool tt_type_equal(const tt_type *a, const tt_type *b);
#define TT_TYPE_TEXT_BYTES 192
const char *tt_type_text(const tt_type *type, char text[TT_TYPE_TEXT_BYTES]); // "f32[16,28,28,1]"

typedef struct tt_value {
    uint32_t node;
    uint16_t output;
} tt_value;

#define TT_NONE ((tt_value){.node = UINT32_MAX})

static inline bool tt_is_none(tt_value value)
{
    return value.node == UINT32_MAX;
}

static inline bool tt_same(tt_value a, tt_value b)
{
    return a.node == b.node && a.output == b.output;
}

// The operations, in the order of the table's families. docs/ai.md lists what each takes.
typedef enum tt_op {
    // leaves
    TT_OP_BUFFER,
    TT_OP_IOTA,
    TT_OP_RANDOM,
    // element by element
    TT_OP_CONVERT,
    TT_OP_STOP,
    TT_OP_AFTER,
    TT_OP_NEGATE,
    TT_OP_ABSOLUTE,
    TT_OP_SIGN,
    TT_OP_NOT,
    TT_OP_EXP,
    TT_OP_LOG,
    TT_OP_SQRT,
    TT_OP_SIN,
    TT_OP_COS,
    TT_OP_ATAN,
    TT_OP_TANH,
    TT_OP_ERF,
    TT_OP_FLOOR,
    TT_OP_CEIL,
    TT_OP_ROUND,
    TT_OP_ADD,
    TT_OP_SUBTRACT,
    TT_OP_MULTIPLY,
    TT_OP_DIVIDE,
    TT_OP_REMAINDER,
    TT_OP_POWER,
    TT_OP_GREATER_OF,
    TT_OP_LESSER_OF,
    TT_OP_AND,
    TT_OP_OR,
    TT_OP_XOR,
    TT_OP_SHIFT_LEFT,
    TT_OP_SHIFT_RIGHT,
    TT_OP_EQUAL,
    TT_OP_LESS,
    TT_OP_LESS_OR_EQUAL,
    TT_OP_SELECT,
    // movement
    TT_OP_RESHAPE,
    TT_OP_TRANSPOSE,
    TT_OP_BROADCAST,
    TT_OP_SLICE,
    TT_OP_PAD,
    TT_OP_FLIP,
    TT_OP_CONCATENATE,
    // reductions, which keep their axes at size 1
    TT_OP_SUM,
    TT_OP_PRODUCT,
    TT_OP_GREATEST,
    TT_OP_LEAST,
    TT_OP_GREATEST_PLACE,
    TT_OP_LEAST_PLACE,
    TT_OP_LOG_SUM_EXP,
    TT_OP_CUMULATIVE_SUM,
    // products and windows
    TT_OP_MATMUL,
    TT_OP_CONV,
    TT_OP_POOL_SUM,
    TT_OP_POOL_GREATEST,
    // by index
    TT_OP_GATHER,
    TT_OP_SCATTER,
    // int8
    TT_OP_REQUANTISE,
    // control flow
    TT_OP_LOOP,
    TT_OP_BRANCH,
    // host
    TT_OP_SORT,
    TT_OP_TOP,
    TT_OP_NONZERO,
    TT_OP_UNIQUE,
    TT_OP_SUPPRESS,
    TT_OP_DETERMINANT,
    TT_OP_INVERSE,
    TT_OP_COFACTORS,
    TT_OP_COUNT
} tt_op;

const char *tt_op_name(tt_op op);             // "add"
bool tt_op_find(const char *name, tt_op *op); // false where there is none

typedef struct tt_graph tt_graph;

tt_graph *tt_graph_new(void); // NULL without memory: which builders take, and say so at the end
void tt_graph_free(tt_graph *graph); // NULL is allowed; a body is its node's, and stays
// With its bodies, names, results, and what is wrong with it; NULL likewise.
tt_graph *tt_graph_copy(const tt_graph *graph);

// TT_OK, or why building failed first: TT_INVALID, TT_UNSUPPORTED, TT_TOO_LARGE, TT_FULL (memory;
// also of NULL, so that what tt_graph_new gave need not be looked at before the end).
tt_status tt_graph_status(const tt_graph *graph);
const char *tt_graph_error(const tt_graph *graph); // the sentence, or ""

// What the graph is made of. `node` must be below the count, and stands until the next is built.
typedef struct tt_operation {
    uint16_t op, input_count, output_count;
    uint32_t inputs, types, words; // where they begin; read them with the functions below
    uint32_t word_count;
    uint32_t body[2]; // loop: body, 0; branch: then, else; see tt_graph_body. 0: none
} tt_operation;
uint32_t tt_graph_count(const tt_graph *graph);
const tt_operation *tt_graph_node(const tt_graph *graph, uint32_t node);
const tt_value *tt_graph_inputs(const tt_graph *graph, uint32_t node);
const tt_type *tt_graph_type(const tt_graph *graph, tt_value value);
const tt_graph *tt_graph_body(const tt_graph *graph, uint32_t body); // owned by the graph

// A number, list or element type that the operation was told, by its place in the row; *count gets
// how many words it has (1 where it is no list).
const int64_t *tt_graph_attribute(const tt_graph *graph, uint32_t node, unsigned place,
                                  unsigned *count);

// All attributes as they are kept; room for the node's word_count.
void tt_graph_words(const tt_graph *graph, uint32_t node, int64_t *words);

// Leaves whose bytes lie elsewhere. Names are UTF-8 of any kind, not empty and unique in a graph.
typedef enum tt_buffer_kind { TT_INPUT, TT_PARAMETER, TT_STATE, TT_CONSTANT } tt_buffer_kind;
typedef struct tt_buffer {
    tt_buffer_kind kind;
    tt_type type;
    const char *name; // NULL for constants
    const void *data; // of constants: their elements; else NULL
    tt_value value;
    bool assigned; // by an assignment of the graph
} tt_buffer;
tt_value tt_input(tt_graph *graph, const char *name, tt_type type);
tt_value tt_parameter(tt_graph *graph, const char *name, tt_type type);
tt_value tt_state(tt_graph *graph, const char *name, tt_type type);
tt_value tt_constant(tt_graph *graph, tt_type type, const void *data); // copied
// A scalar of `element`, rounded to it: tt_number(g, TT_F32, 0.5).
tt_value tt_number(tt_graph *graph, tt_element element, double number);
uint32_t tt_graph_buffer_count(const tt_graph *graph);
const tt_buffer *tt_graph_buffer(const tt_graph *graph, uint32_t buffer);
tt_value tt_graph_find(const tt_graph *graph, const char *name); // TT_NONE where there is none

// What is computed: named results, each name once (TT_EXISTS), and assignments of a parameter or
// state, which happen together at the end of a step. A buffer is assigned once at most, by a value
// of its type.
typedef struct tt_result {
    const char *name;
    tt_value value;
} tt_result;
typedef struct tt_assign {
    uint32_t buffer;
    tt_value value;
} tt_assign;
void tt_graph_result(tt_graph *graph, const char *name, tt_value value);
void tt_graph_assign(tt_graph *graph, tt_value buffer, tt_value value);
void tt_graph_forget(tt_graph *graph); // all results and assignments, to compute others instead
uint32_t tt_graph_result_count(const tt_graph *graph);
const tt_result *tt_graph_result_at(const tt_graph *graph, uint32_t index);
uint32_t tt_graph_assign_count(const tt_graph *graph);
const tt_assign *tt_graph_assign_at(const tt_graph *graph, uint32_t index);

// Where a node comes from, for people: a name and a place ("layer 3, line 12"; may be NULL). A node
// may have several: equal nodes are one. tt_graph_at says it for all that is built from now on
// (NULL, NULL: nothing); strings are copied.
typedef struct tt_origin {
    uint32_t node;
    const char *name, *place;
} tt_origin;
void tt_graph_at(tt_graph *graph, const char *name, const char *place);
uint32_t tt_graph_origin_count(const tt_graph *graph);
const tt_origin *tt_graph_origin(const tt_graph *graph, uint32_t index);
const tt_origin *tt_graph_origin_of(const tt_graph *graph, uint32_t node); // the first, or NULL
const tt_origin *tt_graph_origin_next(const tt_graph *graph, const tt_origin *origin); // or NULL
void tt_graph_note(tt_graph *graph,
                   uint32_t node); // as if it were made once more from where tt_graph_at says

// Any operation; `words` are its attributes in the row's order, a list as its length and then its
// items. Returns its first output.
tt_value tt_apply(tt_graph *graph, tt_op op, unsigned input_count, const tt_value *inputs,
                  unsigned word_count, const int64_t *words);
static inline tt_value tt_output(tt_value value, unsigned output)
{
    if (!tt_is_none(value)) // there are no more than TT_OUTPUTS_MAX
        value.output = output < UINT16_MAX ? (uint16_t)output : UINT16_MAX;
    return value;
}

// Element by element. Operands of two are broadcast: axes aligned at the last, size 1 repeats.
tt_value tt_convert(tt_graph *graph, tt_value a, tt_element element);
tt_value tt_stop(tt_graph *graph, tt_value a); // the same, but no gradient comes back through it
// The same once b, of any type, is there: another node than `a`, so that what is built of it is
// computed anew, and not before b. Gradients flow through to a.
tt_value tt_value_after(tt_graph *graph, tt_value a, tt_value b);
tt_value tt_unary(tt_graph *graph, tt_op op, tt_value a);
tt_value tt_binary(tt_graph *graph, tt_op op, tt_value a, tt_value b);
tt_value tt_add(tt_graph *graph, tt_value a, tt_value b);
tt_value tt_subtract(tt_graph *graph, tt_value a, tt_value b);
tt_value tt_multiply(tt_graph *graph, tt_value a, tt_value b);
tt_value tt_divide(tt_graph *graph, tt_value a, tt_value b);
tt_value tt_negate(tt_graph *graph, tt_value a);
tt_value tt_exp(tt_graph *graph, tt_value a);
tt_value tt_ln(tt_graph *graph, tt_value a);
tt_value tt_sqrt(tt_graph *graph, tt_value a);
tt_value tt_equal(tt_graph *graph, tt_value a, tt_value b);
tt_value tt_less(tt_graph *graph, tt_value a, tt_value b);
tt_value tt_select(tt_graph *graph, tt_value condition, tt_value yes, tt_value no);
tt_value tt_scale(tt_graph *graph, tt_value a, double factor); // times tt_number

// Movement: nothing is computed. Lists have one entry an axis.
tt_value tt_reshape(tt_graph *graph, tt_value a, unsigned rank,
                    const int64_t *sizes); // one -1: rest
tt_value tt_transpose(tt_graph *graph, tt_value a, const int64_t *order);
tt_value tt_broadcast(tt_graph *graph, tt_value a, unsigned rank, const int64_t *sizes);
// Elements first, first + step ... of each axis, `sizes` of them; steps are at least 1.
tt_value tt_slice(tt_graph *graph, tt_value a, const int64_t *first, const int64_t *sizes,
                  const int64_t *steps);
// `fill` (a scalar) before, after and between the elements of each axis; before and after may be
// negative, which takes elements away.
tt_value tt_pad(tt_graph *graph, tt_value a, tt_value fill, const int64_t *before,
                const int64_t *after, const int64_t *between);
tt_value tt_flip(tt_graph *graph, tt_value a, unsigned count, const int64_t *axes);
tt_value tt_concatenate(tt_graph *graph, unsigned count, const tt_value *values, int64_t axis);

// Reductions over `count` axes (negative ones count from the end), which stay with size 1.
tt_value tt_reduce(tt_graph *graph, tt_op op, tt_value a, unsigned count, const int64_t *axes);
tt_value tt_sum_all(tt_graph *graph, tt_value a);  // a scalar
tt_value tt_mean_all(tt_graph *graph, tt_value a); // a scalar
tt_value tt_mean(tt_graph *graph, tt_value a, unsigned count, const int64_t *axes);
// The sum over what a broadcast from `type`'s shape would have repeated.
tt_value tt_sum_to(tt_graph *graph, tt_value a, const tt_type *type);
tt_value tt_cumulative_sum(tt_graph *graph, tt_value a, int64_t axis, bool exclusive, bool reverse);

// a (..., m, k) times b (..., k, n); what stands before is broadcast.
tt_value tt_matmul(tt_graph *graph, tt_value a, tt_value b);

// Windows over the axes between the first and the last. In each list an entry an axis:
// how far windows stand apart; how far a window's elements stand apart; `spread` - 1 zeros between
// the input's elements (transposed convolution); padding, which may be negative. NULL: ones, or
// zeros for padding.
typedef struct tt_windows {
    const int64_t *stride, *dilation, *spread, *before, *after;
} tt_windows;
// x (batch, sizes..., in), weights (out, sizes..., in / groups): (batch, sizes..., out).
tt_value tt_conv(tt_graph *graph, tt_value x, tt_value weights, const tt_windows *windows,
                 int64_t groups);
// Sums, or the greatest and (output 1, i32) its place in the window. Padding is 0 or never counts.
tt_value tt_pool_sum(tt_graph *graph, tt_value x, const int64_t *window, const tt_windows *windows);
tt_value tt_pool_greatest(tt_graph *graph, tt_value x, const int64_t *window,
                          const tt_windows *windows);
// Padding that makes as many windows as input size / stride, rounded up, as TFLite's SAME.
void tt_same_padding(const tt_type *x, const int64_t *window, const int64_t *stride,
                     int64_t *before, int64_t *after);

// Slices of `a` along `axis`, chosen by i32 or i64 `indices` of any shape, which takes the place of
// that axis. An index outside ends the run.
tt_value tt_gather(tt_graph *graph, tt_value a, tt_value indices, int64_t axis);
// The inverse: `a` with slices of `updates` (shaped as gather's result) added or put at `indices`,
// in their order.
typedef enum tt_scatter_kind {
    TT_SCATTER_PUT,
    TT_SCATTER_ADD,
    TT_SCATTER_MULTIPLY,
    TT_SCATTER_GREATER,
    TT_SCATTER_LESSER
} tt_scatter_kind;
tt_value tt_scatter(tt_graph *graph, tt_value a, tt_value indices, tt_value updates, int64_t axis,
                    tt_scatter_kind kind);
tt_value tt_iota(tt_graph *graph, tt_type type, int64_t axis); // 0, 1, 2 ... along the axis
tt_value tt_one_hot(tt_graph *graph, tt_value indices, int64_t classes, tt_element element);

// Random bits (u32): the same for the same key (a u64 scalar) and stream, whoever computes them.
// Each call takes the graph's next stream number.
tt_value tt_random_bits(tt_graph *graph, tt_value key, unsigned rank, const int64_t *sizes);
tt_value tt_random_uniform(tt_graph *graph, tt_value key, tt_type type); // in [0, 1)
tt_value tt_random_normal(tt_graph *graph, tt_value key, tt_type type);

// accumulators (..., channels) i32 to i8, as TFLite: times multiplier / 2^31 * 2^shift, each i32
// of shape (channels) or (1), rounded, plus the zero point, held between least and greatest.
tt_value tt_requantise(tt_graph *graph, tt_value accumulators, tt_value multiplier, tt_value shift,
                       int64_t zero_point, int64_t least, int64_t greatest);

// Control flow. A body is a graph of its own, whose inputs are, in order, what the node gives it
// and whose results, in order, are what it gives back; it has no parameters, state or assignments.
// The node takes the body over, whether or not it could be made.
//
// loop: body(turn (i64), carries..., captures...) gives (go (bool), carries..., scans...). It runs
// while fewer than `count` (an i64 scalar) and `limit` turns are done and the last one said go.
// Outputs: the carries, then each scan's `limit` values, one above the other, zeros where no turn
// was. branch: then or else(captures...), both with results of the same types.
tt_value tt_loop(tt_graph *graph, tt_value count, int64_t limit, unsigned carry_count,
                 const tt_value *carries, unsigned capture_count, const tt_value *captures,
                 tt_graph *body);
tt_value tt_branch(tt_graph *graph, tt_value condition, unsigned capture_count,
                   const tt_value *captures, tt_graph *yes, tt_graph *no);

// Layers' functions, made of the rows above.
tt_value tt_relu(tt_graph *graph, tt_value a);
tt_value tt_sigmoid(tt_graph *graph, tt_value a);
tt_value tt_gelu(tt_graph *graph, tt_value a); // by erf
tt_value tt_softmax(tt_graph *graph, tt_value a, int64_t axis);
tt_value tt_log_softmax(tt_graph *graph, tt_value a, int64_t axis);
// The mean over the batch of -log softmax(logits)[label]: logits (batch, classes), labels (batch)
// i32 or i64. An index outside the classes ends the run.
tt_value tt_cross_entropy(tt_graph *graph, tt_value logits, tt_value labels);
// TFLite's average: the sum by how many elements the window saw.
tt_value tt_pool_average(tt_graph *graph, tt_value x, const int64_t *window,
                         const tt_windows *windows);

// Reverse-mode differentiation: adds to the graph what computes d loss / d wrt[i], of its type, and
// gives those values (a zero where the loss does not depend on it). `loss` is a scalar of a
// floating type. Gradients are graphs like any other, and can be differentiated again. TT_INVALID
// or TT_UNSUPPORTED with tt_graph_error where an operation on the way has no derivative.
tt_status tt_graph_gradient(tt_graph *graph, tt_value loss, unsigned count, const tt_value *wrt,
                            tt_value *gradients);

// The same gradients, bit for bit, with less memory and more time: of the values on the way to the
// loss only `kept` and what stands behind the last of them are held until the way back; the rest is
// computed once more, part by part (a part ends, in the order of building, with a kept value). What
// a part takes from earlier ones is held, too, in the list or not. With the square root of n of n
// equal layers in the list, memory grows with that root, for one more forward computation at most.
// TT_INVALID with a sentence where a kept value is none of the graph, besides tt_graph_gradient's.
tt_status tt_graph_gradient_recomputed(tt_graph *graph, tt_value loss, unsigned count,
                                       const tt_value *wrt, tt_value *gradients,
                                       unsigned kept_count, const tt_value *kept);

// tt_graph_gradient for several outputs, given the gradients that come into them (TT_NONE: none):
// what a body is differentiated by.
tt_status tt_graph_gradients(tt_graph *graph, unsigned output_count, const tt_value *outputs,
                             const tt_value *seeds, unsigned count, const tt_value *wrt,
                             tt_value *gradients);

// A smaller graph that computes the same results and assignments, the same numbers for the same
// inputs: constants folded, what changes nothing left out, dead nodes gone; what was wrong stays
// so. NULL without memory. `value`, unless NULL, gets for each output 0 of a node of the old graph
// its value in the new one.
tt_graph *tt_graph_simplify(const tt_graph *graph);

// The text form, a node a line, and back; docs/ai.md shows it. Constants' elements are in it, other
// buffers' are not. Printing gives NULL without memory, to be freed with free(); parsing gives NULL
// and a sentence that names the line. Both take time in proportion to the size.
char *tt_graph_print(const tt_graph *graph);
tt_graph *tt_graph_parse(const char *text, size_t length, tt_text *why);

// Multiply-accumulates, or elements made where nothing is multiplied, of one node; of all nodes
// that the results and assignments need. A loop's is its limit times its body's, and 256 more for
// each turn, which takes longer than what a small body computes. UINT64_MAX: at least that.
uint64_t tt_node_cost(const tt_graph *graph, uint32_t node);
uint64_t tt_graph_cost(const tt_graph *graph);
uint64_t tt_graph_cost_of(const tt_graph *graph, uint32_t count, const tt_value *values);

// Operations on numbers of one node, by its definition, however it is run: 2 for each
// multiply-accumulate of a product or a convolution, padding included; of all else 1 for each
// element made, reduced or looked at in a window, exp no more than an addition; none where elements
// are only moved, looked up or converted.
uint64_t tt_node_flop(const tt_graph *graph, uint32_t node);

// What a run may cost where nothing else is asked for, 2^42: a minute or two of products on one
// core, a night of what only the reference computes. A loop of more than 2^34 turns is above it.
#define TT_COST_MAX ((uint64_t)1 << 42)

TT_C_END

#endif
