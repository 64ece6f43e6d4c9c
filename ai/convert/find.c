// Finds layers in a float graph: walks from the result up to the input. Nodes stand in an order in
// which they can be computed, so taking the highest of those that are wanted meets each after all
// that read it.

#include <string.h>

#include "ai/graph/shape.h"
#include "ai/convert/layers.h"

typedef struct finder {
    const tt_graph *graph;
    tt_text *why;
} finder;

tt_status tt_layers_refuse(const tt_graph *graph, tt_value value, tt_status status,
                           const char *what, tt_text *why)
{
    const tt_origin *origin = tt_graph_origin_of(graph, value.node);
    char text[TT_TYPE_TEXT_BYTES];
    tt_text_add(why, tt_op_name((tt_op)tt_graph_node(graph, value.node)->op));
    tt_text_add(why, " (");
    tt_text_add(why,
                origin != NULL ? origin->name : tt_type_text(tt_graph_type(graph, value), text));
    tt_text_add(why, "): ");
    tt_text_add(why, what);
    return status;
}

static tt_op op_of(const finder *f, tt_value value)
{
    return (tt_op)tt_graph_node(f->graph, value.node)->op;
}

static tt_value input_of(const finder *f, tt_value value, unsigned input)
{
    return tt_graph_inputs(f->graph, value.node)[input];
}

static const tt_type *type_of(const finder *f, tt_value value)
{
    return tt_graph_type(f->graph, value);
}

// A parameter or constant, whose bytes can be had.
static bool has_bytes(const finder *f, tt_value value)
{
    if (op_of(f, value) != TT_OP_BUFFER)
        return false;
    int64_t buffer = tt_graph_attribute(f->graph, value.node, 0, NULL)[0];
    tt_buffer_kind kind = tt_graph_buffer(f->graph, (uint32_t)buffer)->kind;
    return kind == TT_PARAMETER || kind == TT_CONSTANT;
}

// The one number that all elements are, through movement.
static bool uniform(const finder *f, tt_value value, double *number)
{
    while (op_of(f, value) == TT_OP_BROADCAST || op_of(f, value) == TT_OP_RESHAPE)
        value = input_of(f, value, 0);
    if (op_of(f, value) != TT_OP_BUFFER || tt_type_count(type_of(f, value)) != 1)
        return false;
    int64_t at = tt_graph_attribute(f->graph, value.node, 0, NULL)[0];
    const tt_buffer *buffer = tt_graph_buffer(f->graph, (uint32_t)at);
    if (buffer->kind != TT_CONSTANT)
        return false;
    tt_element element = (tt_element)buffer->type.element;
    *number = tt_cell_number(element, tt_cell_load(element, buffer->data, 0));
    return true;
}

static bool is_product(const finder *f, tt_value value)
{
    return op_of(f, value) == TT_OP_CONV || op_of(f, value) == TT_OP_MATMUL;
}

// A bias has an element a channel, whatever axes of size 1 stand before.
static bool is_bias(const finder *f, tt_value value, tt_value product)
{
    const tt_type *b = type_of(f, value), *y = type_of(f, product);
    return has_bytes(f, value) && b->rank > 0 && tt_type_count(b) == y->size[y->rank - 1] &&
           b->size[b->rank - 1] == tt_type_count(b);
}

// Takes what stands behind the operation off it: bias and ReLU.
static tt_value take_ends(const finder *f, tt_layer *l)
{
    tt_value at = l->value;
    double zero;
    if (op_of(f, at) == TT_OP_GREATER_OF)
        for (unsigned i = 0; i < 2 && !l->relu; i++)
            if (uniform(f, input_of(f, at, i), &zero) && zero == 0) {
                l->relu = true;
                at = input_of(f, at, 1 - i);
            }
    if (op_of(f, at) == TT_OP_ADD)
        for (unsigned i = 0; i < 2 && tt_is_none(l->bias); i++) {
            tt_value product = input_of(f, at, i), bias = input_of(f, at, 1 - i);
            if (is_product(f, product) && is_bias(f, bias, product)) {
                l->bias = bias;
                at = product;
            }
        }
    return at;
}

// Rows, columns and channels of an image, or one position of many channels: of a row, or of any
// axes where a concatenation is reshaped. A graph may compute with no image at all.
static bool plan_shape(const tt_type *type, uint16_t out[3])
{
    int64_t size[3] = {1, 1, 0};
    if (type->rank == 4)
        memcpy(size, type->size + 1, sizeof(size));
    else if (type->size[0] > 0)
        size[2] = tt_type_count(type) / type->size[0];
    for (int i = 0; i < 3; i++) {
        if (size[i] < 1 || size[i] > UINT16_MAX)
            return false;
        out[i] = (uint16_t)size[i];
    }
    return true;
}

// Window, stride and padding of a convolution or pool, whose lists begin at attribute `first`.
static const char *take_windows(const finder *f, tt_layer *l, const int64_t *window, unsigned first)
{
    const tt_type *x = type_of(f, input_of(f, l->product, 0)), *y = type_of(f, l->product);
    const int64_t *list[5];
    for (unsigned i = 0; i < 5; i++)
        list[i] = tt_graph_attribute(f->graph, l->product.node, first + i, NULL);
    for (unsigned i = 0; i < 2; i++) {
        if (list[1][i] != 1 || list[2][i] != 1)
            return "dilated and transposed windows have no step in a plan";
        int64_t last = (y->size[1 + i] - 1) * list[0][i]; // where the last window begins
        if (list[3][i] < 0 || list[4][i] < 0 || list[3][i] >= window[i] ||
            last >= x->size[1 + i] + list[3][i])
            return "padding that is negative, or all that a window sees, has no step in a plan";
        if (window[i] > UINT16_MAX || list[0][i] > UINT8_MAX)
            return "a window of more than 65535 or a stride of more than 255 has no step in a plan";
        l->step.window[i] = (uint16_t)window[i];
        l->step.before[i] = (uint16_t)list[3][i];
        *(i == 0 ? &l->step.stride_rows : &l->step.stride_columns) = (uint8_t)list[0][i];
    }
    return NULL;
}

static const char *take_conv(const finder *f, tt_layer *l)
{
    const tt_type *x = type_of(f, input_of(f, l->product, 0));
    int64_t groups = tt_graph_attribute(f->graph, l->product.node, 5, NULL)[0];
    l->weights = input_of(f, l->product, 1);
    if (x->rank != 4)
        return "convolutions over other than rows and columns have no step in a plan";
    if (groups != 1 && groups != x->size[3])
        return "convolutions in groups have no step in a plan, but for one group a channel";
    const tt_type *w = type_of(f, l->weights);
    l->kind = groups == 1 ? TT_STEP_CONV : TT_STEP_DEPTHWISE;
    l->taps = w->size[1] * w->size[2] * w->size[3];
    return take_windows(f, l, w->size + 1, 0);
}

static const char *take_matmul(const finder *f, tt_layer *l)
{
    l->weights = input_of(f, l->product, 1);
    l->transposed = true; // (in, out), unless it is a transpose of (out, in)
    if (type_of(f, l->product)->rank != 2)
        return "products of more than two axes have no step in a plan";
    if (op_of(f, l->weights) == TT_OP_TRANSPOSE) { // of two axes; one that keeps them is no node
        l->weights = input_of(f, l->weights, 0);
        l->transposed = false;
    }
    l->kind = TT_STEP_CONV;
    l->taps = type_of(f, input_of(f, l->product, 0))->size[1];
    l->step.window[0] = l->step.window[1] = l->step.stride_rows = l->step.stride_columns = 1;
    return NULL;
}

// Whether `count` sums the same windows of ones.
static bool counts_windows(const finder *f, tt_value sum, tt_value count)
{
    double one = 0;
    if (tt_graph_node(f->graph, sum.node)->word_count !=
            tt_graph_node(f->graph, count.node)->word_count ||
        !uniform(f, input_of(f, count, 0), &one) || one != 1)
        return false;
    const tt_type *x = type_of(f, input_of(f, sum, 0)), *ones = type_of(f, input_of(f, count, 0));
    for (unsigned i = 1; i + 1 < x->rank; i++)
        if (x->size[i] != ones->size[i])
            return false;
    for (unsigned i = 0; i < 6; i++) {
        unsigned size;
        const int64_t *a = tt_graph_attribute(f->graph, sum.node, i, &size);
        const int64_t *b = tt_graph_attribute(f->graph, count.node, i, NULL);
        if (memcmp(a, b, size * sizeof(*a)) != 0)
            return false;
    }
    return true;
}

// Sums of windows divided by how many elements each saw: pool_sum(x) / pool_sum(ones).
static const char *take_average(const finder *f, tt_layer *l)
{
    tt_value sum = input_of(f, l->product, 0), count = input_of(f, l->product, 1);
    if (op_of(f, sum) != TT_OP_POOL_SUM)
        return "a division has no step in a plan, but that of an average";
    if (op_of(f, count) == TT_OP_POOL_SUM ? !counts_windows(f, sum, count) : !has_bytes(f, count))
        return "is divided by other than how many elements its windows saw";
    l->product = sum;
    l->kind = TT_STEP_AVERAGE_POOL;
    return type_of(f, sum)->rank == 4
               ? take_windows(f, l, tt_graph_attribute(f->graph, sum.node, 0, NULL), 1)
               : "pools over other than rows and columns have no step in a plan";
}

// For a batch of one, pieces lie one behind the other where no axis before theirs has more than one
// place.
static const char *take_concatenate(const finder *f, tt_layer *l)
{
    unsigned count = tt_graph_node(f->graph, l->product.node)->input_count;
    int64_t axis = tt_graph_attribute(f->graph, l->product.node, 0, NULL)[0];
    if (count > TT_PLAN_PIECES_MAX)
        return "joins more than 8 pieces";
    if (axis == 0)
        return "joins the inputs of a batch with others";
    for (int64_t i = 1; i < axis; i++)
        if (type_of(f, l->product)->size[i] != 1)
            return "joins along an axis by which its pieces do not lie next to each other in "
                   "memory: one before it is larger than 1";
    l->pieces = (uint8_t)count;
    l->axis = (uint8_t)axis;
    return NULL;
}

static const char *take_operation(const finder *f, tt_layer *l)
{
    switch (op_of(f, l->product)) {
    case TT_OP_CONV:
        return take_conv(f, l);
    case TT_OP_MATMUL:
        return take_matmul(f, l);
    case TT_OP_POOL_GREATEST:
        l->kind = TT_STEP_MAX_POOL;
        return type_of(f, l->product)->rank == 4
                   ? take_windows(f, l, tt_graph_attribute(f->graph, l->product.node, 0, NULL), 1)
                   : "pools over other than rows and columns have no step in a plan";
    case TT_OP_DIVIDE:
        return take_average(f, l);
    case TT_OP_CONCATENATE:
        return take_concatenate(f, l);
    case TT_OP_RESHAPE:
    case TT_OP_STOP:
        return NULL;
    default:
        return "has no int8 form that this quantiser knows";
    }
}

// How many elements of an axis its window `o` sees.
static int64_t seen(const tt_plan_step *s, unsigned axis, int64_t o)
{
    int64_t stride = axis == 0 ? s->stride_rows : s->stride_columns;
    int64_t first = o * stride - s->before[axis], end = first + s->window[axis];
    return (end < s->in[axis] ? end : s->in[axis]) - (first > 0 ? first : 0);
}

// Whether every window sees so many.
static bool all_see(const tt_plan_step *s, float count)
{
    for (unsigned axis = 0; axis < 2; axis++)
        for (int64_t o = 1; o < s->out[axis]; o++)
            if (seen(s, axis, o) != seen(s, axis, 0))
                return false;
    return count == (float)(seen(s, 0, 0) * seen(s, 1, 0));
}

// The counts of an average that were folded to a constant must be what the windows see.
static bool counts_are_seen(const finder *f, const tt_layer *l)
{
    if (l->kind != TT_STEP_AVERAGE_POOL)
        return true;
    tt_value count = input_of(f, l->value, 1);
    if (op_of(f, count) != TT_OP_BUFFER)
        return true;
    const tt_type *type = type_of(f, count);
    int64_t at = tt_graph_attribute(f->graph, count.node, 0, NULL)[0];
    const tt_buffer *buffer = tt_graph_buffer(f->graph, (uint32_t)at);
    const float *counts = buffer->data;
    if (buffer->kind != TT_CONSTANT || type->element != TT_F32)
        return false;
    if (tt_type_count(type) == 1)
        return all_see(&l->step, counts[0]);
    if (type->rank != 4 || type->size[1] != l->step.out[0] || type->size[2] != l->step.out[1] ||
        type->size[0] != 1 || type->size[3] != 1)
        return false;
    for (int64_t row = 0; row < type->size[1]; row++)
        for (int64_t column = 0; column < type->size[2]; column++)
            if (*counts++ != (float)(seen(&l->step, 0, row) * seen(&l->step, 1, column)))
                return false;
    return true;
}

// What of a layer has no step in a plan; NULL where it has one.
static const char *take_layer(const finder *f, tt_layer *l, tt_value input)
{
    bool alone = tt_same(l->product, input);
    if (op_of(f, l->product) == TT_OP_BUFFER && !alone)
        return "the result is not computed from the input alone";
    if (type_of(f, l->value)->element != TT_F32)
        return "is not of f32";
    const char *problem = alone ? NULL : take_operation(f, l);
    if (problem == NULL && (l->relu || !tt_is_none(l->bias)) && tt_is_none(l->weights))
        problem = "a ReLU has no step in a plan, but after a convolution or product";
    if (problem == NULL && !tt_is_none(l->weights) && !has_bytes(f, l->weights))
        problem = "its weights are not parameters or constants";
    if (problem != NULL)
        return problem;
    const tt_type *from = type_of(f, input_of(f, l->product, 0)), *to = type_of(f, l->value);
    if (l->kind != 0 && !tt_type_equal(type_of(f, l->product), to))
        return "what follows it makes it larger, which has no step in a plan";
    if (to->rank == 0 || from->size[0] != to->size[0])
        return "a reshape that mixes the inputs of a batch has no step in a plan";
    return NULL;
}

// All about a layer but which tensors it reads.
static tt_status take_whole(const finder *f, tt_layer *l, tt_value input)
{
    l->shape = *type_of(f, l->value);
    l->product = take_ends(f, l);
    const char *problem = take_layer(f, l, input);
    if (problem != NULL)
        return tt_layers_refuse(f->graph, l->product, TT_UNSUPPORTED, problem, f->why);
    bool step = l->kind != 0;
    if ((step && !plan_shape(type_of(f, input_of(f, l->product, 0)), l->step.in)) ||
        ((step || l->pieces > 0) && !plan_shape(type_of(f, l->value), l->step.out)))
        return tt_layers_refuse(f->graph, l->product, TT_TOO_LARGE,
                                "is beyond a plan's limits (rows, columns and channels, each 1 "
                                "to 65535)",
                                f->why);
    if (!counts_are_seen(f, l))
        return tt_layers_refuse(f->graph, l->product, TT_UNSUPPORTED,
                                "is divided by other than how many elements its windows saw",
                                f->why);
    l->step.kind = l->kind;
    return TT_OK;
}

// Wants a layer that has this value, if it is none yet: behind those made later than it.
static tt_status want(const finder *f, tt_quantised *q, tt_value value)
{
    unsigned at = q->count;
    for (unsigned i = 0; i < q->count; i++)
        if (tt_same(q->layers[i].value, value))
            return TT_OK;
    if (q->count == TT_PLAN_STEPS_MAX)
        return tt_layers_refuse(f->graph, value, TT_TOO_LARGE,
                                "the network has more layers than are supported (64)", f->why);
    for (; at > 0 && q->layers[at - 1].value.node < value.node; at--)
        q->layers[at] = q->layers[at - 1];
    q->layers[at] = (tt_layer){.value = value, .weights = TT_NONE, .bias = TT_NONE};
    q->count++;
    return TT_OK;
}

static uint8_t tensor_of(const tt_quantised *q, tt_value value)
{
    for (unsigned i = 0; i < q->count; i++)
        if (tt_same(q->layers[i].value, value))
            return (uint8_t)(i + 1);
    return 0;
}

// From the order in which they were found to that in which they are computed.
static void turn_round(const finder *f, tt_quantised *q)
{
    for (unsigned i = 0; i < q->count / 2; i++) {
        tt_layer swap = q->layers[i];
        q->layers[i] = q->layers[q->count - 1 - i];
        q->layers[q->count - 1 - i] = swap;
    }
    for (unsigned i = 0; i < q->count; i++) {
        tt_layer *l = &q->layers[i];
        for (unsigned k = 0; k < tt_layer_inputs(l); k++)
            l->input[k] = tensor_of(q, input_of(f, l->product, k));
    }
}

tt_status tt_layers_find(tt_quantised *q, const tt_graph *graph, tt_value input, tt_value result,
                         tt_text *why)
{
    finder f = {graph, why};
    q->input = *tt_graph_type(graph, input);
    q->result = *tt_graph_type(graph, result);
    tt_status status = tt_same(result, input) ? TT_OK : want(&f, q, result);
    for (unsigned i = 0; status == TT_OK && i < q->count; i++) {
        tt_layer *l = &q->layers[i];
        status = take_whole(&f, l, input);
        for (unsigned k = 0; status == TT_OK && k < tt_layer_inputs(l); k++) {
            tt_value from = input_of(&f, l->product, k);
            if (!tt_same(from, input))
                status = want(&f, q, from);
        }
    }
    if (status != TT_OK)
        return status;
    turn_round(&f, q);
    return tt_layers_check_joins(q, graph, why);
}
