// Element by element, f32: rows of one axis, in which each operand lies side by side or stays.

#include <math.h>
#include <string.h>

#include "ai/graph/shape.h"
#include "ai/run/program.h"

#define CHUNK 16384 // elements of a piece of work

// The axes that all operands and the result walk in common, neighbours joined where they can be.
typedef struct loop {
    const tt_step *step;
    tt_op op;
    unsigned operands, axes;
    int64_t size[TT_RANK_MAX], stride[3][TT_RANK_MAX];
} loop;

static loop loop_of(const tt_running *running, const tt_step *step)
{
    const tt_graph *graph = running->graph;
    const tt_operation *node = tt_graph_node(graph, step->node);
    const tt_type *to = tt_graph_type(graph, (tt_value){step->node, 0});
    loop l = {.step = step, .op = (tt_op)node->op, .operands = node->input_count};
    tt_walk walk[3];
    for (unsigned i = 0; i < l.operands; i++)
        tt_walk_broadcast(&walk[i], tt_graph_type(graph, tt_graph_inputs(graph, step->node)[i]),
                          to);
    for (unsigned axis = 0; axis < to->rank; axis++) {
        bool joined = l.axes > 0;
        if (to->size[axis] == 1)
            continue;
        for (unsigned i = 0; joined && i < l.operands; i++)
            joined = l.stride[i][l.axes - 1] == walk[i].stride[axis] * to->size[axis];
        l.axes += !joined;
        l.size[l.axes - 1] = joined ? l.size[l.axes - 1] * to->size[axis] : to->size[axis];
        for (unsigned i = 0; i < l.operands; i++)
            l.stride[i][l.axes - 1] = walk[i].stride[axis];
    }
    if (l.axes == 0) { // one element
        l.axes = 1;
        l.size[0] = 1;
    }
    return l;
}

// A loop over a row; strides are 0 or 1, and the compiler gets each case by itself.
#define ROW(expression)                                                                            \
    do {                                                                                           \
        if (sa == 1 && sb == 1)                                                                    \
            for (int64_t i = 0; i < count; i++) {                                                  \
                float x = a[i], z = b[i];                                                          \
                y[i] = (expression);                                                               \
            }                                                                                      \
        else if (sa == 1)                                                                          \
            for (int64_t i = 0; i < count; i++) {                                                  \
                float x = a[i], z = b[0];                                                          \
                y[i] = (expression);                                                               \
            }                                                                                      \
        else                                                                                       \
            for (int64_t i = 0; i < count; i++) {                                                  \
                float x = a[i * sa], z = b[i * sb];                                                \
                y[i] = (expression);                                                               \
            }                                                                                      \
    } while (0)

static void row_of_floats(tt_op op, const float *a, int64_t sa, const float *b, int64_t sb,
                          float *restrict y, int64_t count)
{
    switch (op) {
#define CASE(name, expression)                                                                     \
    case name:                                                                                     \
        ROW(expression);                                                                           \
        break;
        CASE(TT_OP_NEGATE, ((void)z, -x))
        CASE(TT_OP_ABSOLUTE, ((void)z, fabsf(x)))
        CASE(TT_OP_EXP, ((void)z, expf(x)))
        CASE(TT_OP_LOG, ((void)z, logf(x)))
        CASE(TT_OP_SQRT, ((void)z, sqrtf(x)))
        CASE(TT_OP_TANH, ((void)z, tanhf(x)))
        CASE(TT_OP_ERF, ((void)z, erff(x)))
        CASE(TT_OP_SIN, ((void)z, sinf(x)))
        CASE(TT_OP_COS, ((void)z, cosf(x)))
        CASE(TT_OP_ADD, x + z)
        CASE(TT_OP_SUBTRACT, x - z)
        CASE(TT_OP_MULTIPLY, x * z)
        CASE(TT_OP_DIVIDE, x / z)
        CASE(TT_OP_GREATER_OF, x > z || isnan(x) ? x : z)
        CASE(TT_OP_LESSER_OF, x < z || isnan(x) ? x : z)
    default: // tt_elementwise_has says which there are
        break;
    }
}

static void row_of_bools(tt_op op, const float *a, int64_t sa, const float *b, int64_t sb,
                         uint8_t *restrict y, int64_t count)
{
    switch (op) {
        CASE(TT_OP_EQUAL, x == z)
        CASE(TT_OP_LESS, x < z)
        CASE(TT_OP_LESS_OR_EQUAL, x <= z)
    default:
        break;
    }
}

static void row_selected(const uint8_t *c, int64_t sc, const float *a, int64_t sa, const float *b,
                         int64_t sb, float *restrict y, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        float yes = a[i * sa], no = b[i * sb];
        y[i] = c[i * sc] != 0 ? yes : no;
    }
}

bool tt_elementwise_has(tt_op op, tt_element element)
{
    static const tt_op ops[] = {TT_OP_NEGATE, TT_OP_ABSOLUTE,      TT_OP_EXP,       TT_OP_LOG,
                                TT_OP_SQRT,   TT_OP_TANH,          TT_OP_ERF,       TT_OP_SIN,
                                TT_OP_COS,    TT_OP_ADD,           TT_OP_SUBTRACT,  TT_OP_MULTIPLY,
                                TT_OP_DIVIDE, TT_OP_GREATER_OF,    TT_OP_LESSER_OF, TT_OP_EQUAL,
                                TT_OP_LESS,   TT_OP_LESS_OR_EQUAL, TT_OP_SELECT};
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
        if (ops[i] == op)
            return element == TT_F32;
    return false;
}

// Elements `first` to `end` of a row whose operands begin at those places.
static void run_row(const loop *l, const int64_t at[3], int64_t to, int64_t count)
{
    const tt_step *s = l->step;
    const int64_t last = l->axes - 1;
    const int64_t sa = l->stride[0][last], sb = l->operands > 1 ? l->stride[1][last] : sa;
    if (l->op == TT_OP_SELECT) {
        row_selected((const uint8_t *)s->in[0] + at[0], sa, (const float *)s->in[1] + at[1], sb,
                     (const float *)s->in[2] + at[2], l->stride[2][last], (float *)s->out[0] + to,
                     count);
        return;
    }
    const float *a = (const float *)s->in[0] + at[0];
    const float *b = l->operands > 1 ? (const float *)s->in[1] + at[1] : a;
    if (l->op == TT_OP_EQUAL || l->op == TT_OP_LESS || l->op == TT_OP_LESS_OR_EQUAL)
        row_of_bools(l->op, a, sa, b, sb, (uint8_t *)s->out[0] + to, count);
    else
        row_of_floats(l->op, a, sa, b, sb, (float *)s->out[0] + to, count);
}

// Elements of the result from `first` to `end`: rows, or parts of them.
static void run_elements(void *context, int64_t first, int64_t end)
{
    const loop *l = context;
    int64_t row_size = l->size[l->axes - 1];
    for (int64_t to = first; to < end;) {
        int64_t row = to / row_size, within = to % row_size, at[3] = {0};
        int64_t count = row_size - within < end - to ? row_size - within : end - to;
        for (unsigned i = 0; i < l->operands; i++)
            at[i] = within * l->stride[i][l->axes - 1];
        for (unsigned axis = l->axes - 1; axis > 0; axis--) {
            int64_t place = row % l->size[axis - 1];
            row /= l->size[axis - 1];
            for (unsigned i = 0; i < l->operands; i++)
                at[i] += place * l->stride[i][axis - 1];
        }
        run_row(l, at, to, count);
        to += count;
    }
}

tt_status tt_elementwise_kernel(const tt_running *running, const tt_step *step)
{
    loop l = loop_of(running, step);
    tt_split(running, tt_type_count(tt_graph_type(running->graph, (tt_value){step->node, 0})),
             CHUNK, run_elements, &l);
    return TT_OK;
}

static void relu_gradient(void *context, int64_t first, int64_t end)
{
    const tt_step *step = context;
    const float *y = step->in[0], *dy = step->in[1];
    float *dx = step->out[0];
    for (int64_t i = first; i < end; i++) {
        float gradient = dy[i]; // always read, so that no branch is needed
        dx[i] = y[i] <= 0 ? 0 : gradient;
    }
}

tt_status tt_relu_gradient_kernel(const tt_running *running, const tt_step *step)
{
    tt_split(running, tt_type_count(tt_graph_type(running->graph, (tt_value){step->node, 0})),
             CHUNK, relu_gradient, (void *)(uintptr_t)step);
    return TT_OK;
}
