// A smaller graph that computes the same.
//
// Nodes are built anew in order, those that results need; what a rule knows a simpler form of is
// built as that. Every rule keeps every bit of every number (a NaN stays a NaN): none reorders
// sums, x + 0 stays because it makes +0 of -0. Constants are folded by the reference, rounded to
// their types.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ai/graph/control.h"
#include "ai/graph/graph_internal.h"
#include "ai/graph/reference.h"
#include "ai/graph/shape.h"
#include "tutti/check.h"

#define FOLD_MAX 4096                     // elements that a folded constant may have
#define FOLD_COST_MAX ((uint64_t)1 << 20) // what computing it may take

// What is rewritten: a node of the old graph, whose inputs have been built already.
typedef struct rewrite {
    tt_graph *graph;
    const tt_graph *from;
    uint32_t node;
    tt_op op;
    unsigned input_count;
    const tt_value *in; // in the new graph
    tt_words attribute[TT_ATTRIBUTES_MAX];
    tt_type type; // of output 0
} rewrite;

static bool same_type(const rewrite *r, tt_value value)
{
    return tt_type_equal(tt_graph_type(r->graph, value), &r->type);
}

static const tt_operation *made_by(const rewrite *r, tt_value value)
{
    return tt_graph_node(r->graph, value.node);
}

static tt_value input_of(const rewrite *r, tt_value value, unsigned input)
{
    return tt_graph_inputs(r->graph, value.node)[input];
}

// Whether all elements are one number, which then is in *cell.
static bool is_uniform(const rewrite *r, tt_value value, tt_cell *cell)
{
    for (;;) {
        const tt_operation *node = made_by(r, value);
        switch ((tt_op)node->op) {
        case TT_OP_RESHAPE:
        case TT_OP_TRANSPOSE:
        case TT_OP_BROADCAST:
        case TT_OP_SLICE:
        case TT_OP_FLIP:
            value = input_of(r, value, 0);
            continue;
        case TT_OP_BUFFER:
            break;
        default:
            return false;
        }
        const tt_buffer *buffer = &r->graph->buffers[r->graph->words[node->words]];
        if (buffer->kind != TT_CONSTANT || tt_type_count(&buffer->type) != 1)
            return false;
        *cell = tt_cell_load((tt_element)buffer->type.element, buffer->data, 0);
        return true;
    }
}

// Whether all elements are `number`, with its sign.
static bool is_number(const rewrite *r, tt_value value, double number)
{
    tt_cell cell;
    if (!is_uniform(r, value, &cell))
        return false;
    tt_element element = (tt_element)tt_graph_type(r->graph, value)->element;
    if (tt_element_is_float(element))
        return cell.f == number && signbit(cell.f) == signbit(number);
    return cell.u == tt_cell_of_number(element, number).u &&
           (number >= 0 || tt_element_class(element) == TT_CLASS_SIGNED);
}

// a op b where b changes nothing.
static tt_value neutral(const rewrite *r)
{
    tt_value a = r->in[0], b = r->in[1];
    tt_element element = (tt_element)tt_graph_type(r->graph, a)->element;
    double nothing = 0;
    bool both = false; // b op a, too
    switch (r->op) {
    case TT_OP_ADD:
        nothing = tt_element_is_float(element) ? -0.0 : 0;
        both = true;
        break;
    case TT_OP_SUBTRACT:
    case TT_OP_SHIFT_LEFT:
    case TT_OP_SHIFT_RIGHT:
        break;
    case TT_OP_OR:
    case TT_OP_XOR:
        both = true;
        break;
    case TT_OP_MULTIPLY:
        nothing = 1;
        both = true;
        break;
    case TT_OP_DIVIDE:
    case TT_OP_POWER:
        nothing = 1;
        break;
    default:
        return TT_NONE;
    }
    if (same_type(r, a) && is_number(r, b, nothing))
        return a;
    return both && same_type(r, b) && is_number(r, a, nothing) ? b : TT_NONE;
}

static tt_value rewrite_unary(const rewrite *r)
{
    tt_value a = r->in[0];
    const tt_operation *inner = made_by(r, a);
    if (inner->op == r->op && (r->op == TT_OP_NEGATE || r->op == TT_OP_NOT))
        return input_of(r, a, 0);
    if (inner->op == r->op && (r->op == TT_OP_ABSOLUTE || r->op == TT_OP_SIGN ||
                               r->op == TT_OP_FLOOR || r->op == TT_OP_CEIL || r->op == TT_OP_ROUND))
        return a;
    return TT_NONE;
}

// Whether every number of one element type has a place of its own in the other.
static bool widens(tt_element from, tt_element to)
{
    static const uint8_t digits[] = {[TT_F64] = 53, [TT_F32] = 24, [TT_BF16] = 8, [TT_F16] = 11};
    tt_class a = tt_element_class(from), b = tt_element_class(to);
    unsigned bits = tt_element_bits(from);
    if (a == TT_CLASS_FLOAT)
        return from == to || to == TT_F64 || (to == TT_F32 && from != TT_F64);
    if (b == TT_CLASS_FLOAT)
        return bits <= digits[to];
    if (b == TT_CLASS_BOOL)
        return a == TT_CLASS_BOOL;
    return bits <= tt_element_bits(to); // they are kept, perhaps read otherwise, and come back
}

static tt_value rewrite_convert(const rewrite *r)
{
    tt_value a = r->in[0];
    if (same_type(r, a))
        return a;
    if (made_by(r, a)->op != TT_OP_CONVERT)
        return TT_NONE;
    tt_value inner = input_of(r, a, 0);
    tt_element from = (tt_element)tt_graph_type(r->graph, inner)->element;
    return same_type(r, inner) && widens(from, (tt_element)tt_graph_type(r->graph, a)->element)
               ? inner
               : TT_NONE;
}

// What is repeated by a broadcast need not be, where other operands repeat it anyway.
static tt_value rewrite_repeated(const rewrite *r)
{
    tt_value in[3];
    bool changed = false;
    for (unsigned i = 0; i < r->input_count; i++)
        in[i] = r->in[i];
    for (unsigned i = 0; i < r->input_count; i++) {
        if (made_by(r, in[i])->op != TT_OP_BROADCAST)
            continue;
        tt_value whole = in[i];
        in[i] = input_of(r, whole, 0);
        tt_type joined = *tt_graph_type(r->graph, in[0]);
        for (unsigned k = 1; k < r->input_count; k++)
            tt_shape_join(&joined, tt_graph_type(r->graph, in[k]));
        joined.element = r->type.element;
        if (tt_type_equal(&joined, &r->type))
            changed = true;
        else
            in[i] = whole;
    }
    return changed ? tt_apply(r->graph, r->op, r->input_count, in, 0, NULL) : TT_NONE;
}

static tt_value rewrite_elementwise(const rewrite *r)
{
    tt_cell cell;
    tt_value value = TT_NONE;
    if (r->op == TT_OP_AFTER) // a barrier
        return TT_NONE;
    if (r->op == TT_OP_CONVERT)
        return rewrite_convert(r);
    if (r->input_count == 1)
        return rewrite_unary(r);
    if (r->input_count == 2 && tt_same(r->in[0], r->in[1]) &&
        (r->op == TT_OP_GREATER_OF || r->op == TT_OP_LESSER_OF || r->op == TT_OP_AND ||
         r->op == TT_OP_OR))
        return r->in[0];
    if (r->op == TT_OP_SELECT && is_uniform(r, r->in[0], &cell))
        value = r->in[cell.i != 0 ? 1 : 2];
    else if (r->op == TT_OP_SELECT && tt_same(r->in[1], r->in[2]))
        value = r->in[1];
    else if (r->input_count == 2)
        value = neutral(r);
    if (!tt_is_none(value) && !same_type(r, value))
        value = tt_broadcast(r->graph, value, r->type.rank, r->type.size);
    return !tt_is_none(value) ? value : rewrite_repeated(r);
}

static tt_value rewrite_transpose(const rewrite *r)
{
    int64_t order[TT_RANK_MAX];
    tt_value a = r->in[0];
    bool identity = true;
    for (unsigned i = 0; i < r->type.rank; i++)
        identity = identity && r->attribute[0].word[i] == i;
    if (identity)
        return a;
    if (made_by(r, a)->op != TT_OP_TRANSPOSE)
        return TT_NONE;
    const int64_t *inner = tt_graph_attribute(r->graph, a.node, 0, NULL);
    identity = true;
    for (unsigned i = 0; i < r->type.rank; i++) {
        order[i] = inner[r->attribute[0].word[i]];
        identity = identity && order[i] == i;
    }
    tt_value source = input_of(r, a, 0);
    return identity ? source : tt_transpose(r->graph, source, order);
}

static tt_value rewrite_slice(const rewrite *r)
{
    int64_t first[TT_RANK_MAX], steps[TT_RANK_MAX];
    tt_value a = r->in[0];
    if (same_type(r, a))
        return a; // all of it: steps are at least 1
    if (made_by(r, a)->op != TT_OP_SLICE || tt_type_count(&r->type) == 0)
        return TT_NONE;
    const int64_t *inner_first = tt_graph_attribute(r->graph, a.node, 0, NULL);
    const int64_t *inner_steps = tt_graph_attribute(r->graph, a.node, 2, NULL);
    for (unsigned i = 0; i < r->type.rank; i++) {
        bool one = r->type.size[i] <= 1; // then no step counts, and none may overflow
        first[i] = inner_first[i] + r->attribute[0].word[i] * inner_steps[i];
        steps[i] = one ? 1 : inner_steps[i] * r->attribute[2].word[i];
    }
    return tt_slice(r->graph, input_of(r, a, 0), first, r->type.size, steps);
}

static bool all_are(const tt_words *words, int64_t number)
{
    for (unsigned i = 0; i < words->count; i++)
        if (words->word[i] != number)
            return false;
    return true;
}

static tt_value rewrite_movement(const rewrite *r)
{
    tt_value a = r->in[0];
    switch (r->op) {
    case TT_OP_RESHAPE:
    case TT_OP_BROADCAST:
        if (same_type(r, a))
            return a;
        if (made_by(r, a)->op != r->op)
            return TT_NONE;
        a = input_of(r, a, 0);
        return r->op == TT_OP_RESHAPE ? tt_reshape(r->graph, a, r->type.rank, r->type.size)
                                      : tt_broadcast(r->graph, a, r->type.rank, r->type.size);
    case TT_OP_TRANSPOSE:
        return rewrite_transpose(r);
    case TT_OP_SLICE:
        return rewrite_slice(r);
    case TT_OP_PAD:
        return all_are(&r->attribute[0], 0) && all_are(&r->attribute[1], 0) &&
                       all_are(&r->attribute[2], 0)
                   ? a
                   : TT_NONE;
    case TT_OP_FLIP:
        for (unsigned i = 0; i < r->attribute[0].count; i++)
            if (r->type.size[r->attribute[0].word[i]] != 1)
                goto flips;
        return a;
    flips:
        return made_by(r, a)->op == TT_OP_FLIP &&
                       made_by(r, a)->word_count == r->attribute[0].count + 1 &&
                       memcmp(tt_graph_attribute(r->graph, a.node, 0, NULL), r->attribute[0].word,
                              r->attribute[0].count * sizeof(int64_t)) == 0
                   ? input_of(r, a, 0)
                   : TT_NONE;
    default: // one alone, concatenated
        return r->input_count == 1 ? a : TT_NONE;
    }
}

// Along axes of size 1 there is nothing to choose from, and nothing to multiply.
static tt_value rewrite_reduction(const rewrite *r)
{
    bool keeps = r->op == TT_OP_GREATEST || r->op == TT_OP_LEAST || r->op == TT_OP_PRODUCT ||
                 (r->op == TT_OP_SUM && !tt_element_is_float((tt_element)r->type.element));
    return keeps && same_type(r, r->in[0]) ? r->in[0] : TT_NONE;
}

static bool is_constant(const rewrite *r, tt_value value)
{
    const tt_operation *node = made_by(r, value);
    return node->op == TT_OP_BUFFER &&
           r->graph->buffers[r->graph->words[node->words]].kind == TT_CONSTANT;
}

// The constant that a value came to.
static tt_value constant_of(tt_graph *graph, const tt_cells *tensor)
{
    size_t bytes =
        (size_t)tt_type_count(&tensor->type) * tt_element_bytes((tt_element)tensor->type.element);
    void *data = malloc(bytes + 1);
    if (data == NULL)
        return TT_NONE;
    tt_cells_store(tensor, data);
    tt_value value = tt_constant(graph, tensor->type, data);
    free(data);
    return value;
}

static bool can_fold(const rewrite *r)
{
    const tt_operation *node = tt_graph_node(r->from, r->node);
    if ((tt_row_of(r->op)->flags & (TT_ROW_IMPURE | TT_ROW_HOST)) != 0 ||
        r->op == TT_OP_BROADCAST || r->input_count == 0 || node->output_count != 1 ||
        tt_type_count(&r->type) > FOLD_MAX || tt_node_cost(r->from, r->node) > FOLD_COST_MAX)
        return false;
    for (unsigned i = 0; i < r->input_count; i++)
        if (!is_constant(r, r->in[i]))
            return false;
    return true;
}

// A node of constants alone, computed in a graph of its own. What fails there fails when it runs.
static tt_value fold(const rewrite *r)
{
    const tt_operation *node = tt_graph_node(r->from, r->node);
    tt_graph *graph = can_fold(r) ? tt_graph_new() : NULL;
    tt_value *in = graph != NULL ? malloc(r->input_count * sizeof(*in)) : NULL, value = TT_NONE;
    tt_reference *reference = NULL;
    for (unsigned i = 0; in != NULL && i < r->input_count; i++) {
        const tt_buffer *buffer = &r->graph->buffers[r->graph->words[made_by(r, r->in[i])->words]];
        in[i] = tt_constant(graph, buffer->type, buffer->data);
    }
    tt_value made = in != NULL ? tt_apply(graph, r->op, r->input_count, in, node->word_count,
                                          r->from->words + node->words)
                               : TT_NONE;
    if (!tt_is_none(made) &&
        tt_reference_run(graph, 1, &made, NULL, NULL, &reference, NULL) == TT_OK)
        value = constant_of(r->graph, tt_reference_result(reference, 0));
    tt_reference_free(reference);
    tt_graph_free(graph);
    free(in);
    return value;
}

static tt_value rewrite_node(const rewrite *r)
{
    if (r->op >= TT_OP_CONVERT && r->op <= TT_OP_SELECT)
        return rewrite_elementwise(r);
    if (r->op >= TT_OP_RESHAPE && r->op <= TT_OP_CONCATENATE)
        return rewrite_movement(r);
    if (r->op >= TT_OP_SUM && r->op <= TT_OP_LOG_SUM_EXP)
        return rewrite_reduction(r);
    return TT_NONE;
}

// Control flow: bodies simplified; a branch whose condition is known is its body.
static bool build_control(rewrite *r, tt_value *outputs)
{
    const tt_operation *node = tt_graph_node(r->from, r->node);
    tt_cell condition;
    if (r->op == TT_OP_BRANCH && is_uniform(r, r->in[0], &condition))
        return tt_graph_inline(r->graph,
                               tt_graph_body(r->from, node->body[condition.i != 0 ? 0 : 1]),
                               r->in + 1, outputs);
    tt_graph *body[2] = {NULL, NULL};
    for (unsigned i = 0; i < 2; i++)
        if (node->body[i] != 0 &&
            (body[i] = tt_graph_simplify(tt_graph_body(r->from, node->body[i]))) == NULL)
            tt_graph_fail(r->graph, TT_FULL, "no memory to simplify a body");
    tt_value value = tt_apply_bodies(r->graph, r->op, r->input_count, r->in, node->word_count,
                                     r->from->words + node->words, body[0], body[1]);
    for (unsigned i = 0; i < node->output_count; i++)
        outputs[i] = tt_output(value, i);
    return !tt_is_none(value);
}

static bool build(tt_graph *graph, const tt_graph *from, uint32_t at, tt_value *map)
{
    const tt_operation *node = tt_graph_node(from, at);
    tt_value few[8], *in = few, value = TT_NONE;
    rewrite r = {.graph = graph,
                 .from = from,
                 .node = at,
                 .op = (tt_op)node->op,
                 .input_count = node->input_count,
                 .type = *tt_graph_type(from, (tt_value){at, 0})};
    if (node->input_count > TT_COUNT(few) && (in = malloc(node->input_count * sizeof(*in))) == NULL)
        return tt_graph_fail(graph, TT_FULL, "no memory to simplify a node");
    for (unsigned i = 0; i < node->input_count; i++)
        in[i] = map[tt_graph_place(from, tt_graph_inputs(from, at)[i])];
    r.in = in;
    tt_graph_copy_origin(graph, from, at);
    tt_row_attributes(tt_row_of(r.op), from->words + node->words, node->word_count, r.attribute);
    if (node->body[0] != 0) {
        build_control(&r, map + node->types);
    } else {
        value = fold(&r);
        if (tt_is_none(value))
            value = rewrite_node(&r);
        if (tt_is_none(value))
            value = tt_graph_copy_node(graph, from, at, map);
        for (unsigned i = 0; i < node->output_count; i++)
            map[node->types + i] = tt_output(value, value.output + i);
    }
    // What becomes one with another node, or is known to be it, comes from where both do.
    if (tt_graph_status(graph) == TT_OK && (node->body[0] == 0 || node->output_count == 1))
        tt_graph_copy_origins(graph, from, at, map[node->types].node);
    if (in != few)
        free(in);
    return tt_graph_status(graph) == TT_OK;
}

static void mark_needed(const tt_graph *graph, bool *needed)
{
    for (uint32_t i = 0; i < graph->result_count; i++)
        needed[graph->results[i].value.node] = true;
    for (uint32_t i = 0; i < graph->assign_count; i++)
        needed[graph->assigns[i].value.node] = true;
    for (uint32_t at = graph->node_count; at > 0; at--) {
        const tt_operation *node = &graph->nodes[at - 1];
        for (unsigned i = 0; needed[at - 1] && i < node->input_count; i++)
            needed[graph->inputs[node->inputs + i].node] = true;
    }
}

tt_graph *tt_graph_simplify(const tt_graph *from)
{
    tt_graph *graph = tt_graph_new();
    tt_value *map = malloc((from->type_count + 1) * sizeof(*map));
    bool *needed = calloc(from->node_count + 1, sizeof(*needed));
    bool sound = graph != NULL && map != NULL && needed != NULL;
    if (sound)
        mark_needed(from, needed);
    // What is given from outside stays, used or not, and in its order.
    for (uint32_t at = 0; sound && at < from->node_count; at++) {
        const tt_operation *node = &from->nodes[at];
        const tt_buffer *buffer =
            node->op == TT_OP_BUFFER ? &from->buffers[from->words[node->words]] : NULL;
        if (buffer != NULL && (needed[at] || buffer->kind != TT_CONSTANT)) {
            tt_graph_copy_origin(graph, from, at);
            map[node->types] = tt_graph_copy_buffer(graph, buffer);
            sound = !tt_is_none(map[node->types]);
            if (sound)
                tt_graph_copy_origins(graph, from, at, map[node->types].node);
        } else if (buffer == NULL && needed[at]) {
            sound = build(graph, from, at, map);
        }
    }
    if (sound) {
        tt_graph_copy_results(graph, from, map);
        tt_graph_at(graph, NULL, NULL);
        graph->streams = from->streams;
    }
    if (!sound || tt_graph_status(graph) != TT_OK) {
        tt_graph_free(graph);
        graph = NULL;
    }
    if (graph != NULL)
        tt_graph_copy_status(graph, from);
    free(map);
    free(needed);
    return graph;
}
