// Reductions, which keep the axes that they reduce at size 1; and sums along an axis.
//
// The reference adds floats in long double, and rounds once.

#include <math.h>

#include "ai/graph/row.h"
#include "ai/graph/shape.h"

static bool axes_type(tt_rule *rule)
{
    const tt_type *in = tt_rule_in(rule, 0);
    char text[TT_TYPE_TEXT_BYTES];
    int64_t last = -1;
    rule->out[0] = *in;
    for (unsigned i = 0; i < rule->attribute[0].count; i++) {
        int64_t axis = rule->attribute[0].word[i];
        if (axis <= last || axis >= in->rank)
            return tt_rule_fail(rule,
                                "axes must be those of %s, each once and rising; axis %lld "
                                "is not",
                                tt_type_text(in, text), (long long)axis);
        rule->out[0].size[axis] = 1;
        last = axis;
    }
    return true;
}

static bool number_type(tt_rule *rule)
{
    char text[TT_TYPE_TEXT_BYTES];
    if (tt_rule_in(rule, 0)->element == TT_BOOL)
        return tt_rule_fail(rule, "the input is %s, expects numbers",
                            tt_type_text(tt_rule_in(rule, 0), text));
    return axes_type(rule);
}

static bool float_type(tt_rule *rule)
{
    char text[TT_TYPE_TEXT_BYTES];
    if (!tt_element_is_float((tt_element)tt_rule_in(rule, 0)->element))
        return tt_rule_fail(rule, "the input is %s, expects a floating type",
                            tt_type_text(tt_rule_in(rule, 0), text));
    return axes_type(rule);
}

// Of nothing there is no greatest: the reduced axes must have elements.
static bool ordered_type(tt_rule *rule)
{
    char text[TT_TYPE_TEXT_BYTES];
    if (!axes_type(rule))
        return false;
    for (unsigned i = 0; i < rule->attribute[0].count; i++)
        if (tt_rule_in(rule, 0)->size[rule->attribute[0].word[i]] == 0)
            return tt_rule_fail(rule, "axis %lld of %s is empty",
                                (long long)rule->attribute[0].word[i],
                                tt_type_text(tt_rule_in(rule, 0), text));
    return true;
}

static bool place_type(tt_rule *rule)
{
    if (rule->attribute[0].count != 1)
        return tt_rule_fail(rule, "places are along one axis, not %u", rule->attribute[0].count);
    if (!ordered_type(rule))
        return false;
    rule->out[0].element = TT_I64;
    return true;
}

// Walks over the elements that are reduced to one: `outer` over the results, `inner` over those.
typedef struct reduction {
    tt_walk outer;
    tt_type inner;
    int64_t stride[TT_RANK_MAX], results, elements;
} reduction;

static void reduction_begin(reduction *r, const tt_work *work)
{
    int64_t own[TT_RANK_MAX] = {0};
    tt_strides(&work->in[0].type, own);
    tt_walk_begin(&r->outer, &work->out[0].type, own, 0);
    r->inner = (tt_type){.rank = (uint8_t)work->attribute[0].count};
    for (unsigned i = 0; i < work->attribute[0].count; i++) {
        r->inner.size[i] = work->in[0].type.size[work->attribute[0].word[i]];
        r->stride[i] = own[work->attribute[0].word[i]];
    }
    r->results = tt_type_count(&work->out[0].type);
    r->elements = tt_type_count(&r->inner);
}

// One result from its elements: cells[walk.at], `count` times.
typedef tt_cell reducer(tt_op op, tt_element element, const tt_cell *cells, tt_walk walk,
                        int64_t count, bool exact);

static tt_status reduce(tt_work *work, reducer *each)
{
    tt_op op = (tt_op)tt_graph_node(work->graph, work->node)->op;
    tt_element element = (tt_element)work->in[0].type.element;
    reduction r;
    reduction_begin(&r, work);
    for (int64_t i = 0; i < r.results; i++, tt_walk_next(&r.outer)) {
        tt_walk walk;
        tt_walk_begin(&walk, &r.inner, r.stride, r.outer.at);
        work->out[0].cells[i] = each(op, element, work->in[0].cells, walk, r.elements, work->exact);
    }
    return TT_OK;
}

static tt_cell sum_of(tt_op op, tt_element element, const tt_cell *cells, tt_walk walk,
                      int64_t count, bool exact)
{
    bool product = op == TT_OP_PRODUCT;
    long double real = product;
    uint64_t whole = product;
    for (int64_t i = 0; i < count; i++, tt_walk_next(&walk)) {
        if (tt_element_is_float(element))
            real = product ? real * cells[walk.at].f : real + cells[walk.at].f;
        else
            whole = product ? whole * cells[walk.at].u : whole + cells[walk.at].u;
    }
    if (!tt_element_is_float(element))
        return tt_cell_fit(element, (tt_cell){.u = whole});
    return (tt_cell){.f = exact ? (double)real : tt_round_to(element, (double)real)};
}

static tt_status sum_reference(tt_work *work)
{
    return reduce(work, sum_of);
}

// Whether b comes before a: greater (or lesser), or no number where a is one.
static bool beats(bool greatest, tt_element element, tt_cell b, tt_cell a)
{
    if (tt_element_is_float(element) && (isnan(a.f) || isnan(b.f)))
        return isnan(b.f) && !isnan(a.f);
    return tt_cell_apply(TT_OP_LESS, element, greatest ? a : b, greatest ? b : a, (tt_cell){0},
                         false)
               .i != 0;
}

static tt_cell extreme_of(tt_op op, tt_element element, const tt_cell *cells, tt_walk walk,
                          int64_t count, bool exact)
{
    bool greatest = op == TT_OP_GREATEST || op == TT_OP_GREATEST_PLACE;
    bool place = op == TT_OP_GREATEST_PLACE || op == TT_OP_LEAST_PLACE;
    int64_t best = 0, best_at = walk.at;
    (void)exact;
    for (int64_t i = 0; i < count; i++, tt_walk_next(&walk))
        if (beats(greatest, element, cells[walk.at], cells[best_at])) {
            best = i;
            best_at = walk.at;
        }
    return place ? (tt_cell){.i = best} : cells[best_at];
}

static tt_status extreme_reference(tt_work *work)
{
    return reduce(work, extreme_of);
}

// log of the sum of exp, from the greatest on, so that no exp overflows.
static tt_cell log_sum_exp_of(tt_op op, tt_element element, const tt_cell *cells, tt_walk walk,
                              int64_t count, bool exact)
{
    tt_walk again = walk;
    double greatest = (double)-INFINITY;
    long double sum = 0;
    (void)op;
    for (int64_t i = 0; i < count; i++, tt_walk_next(&walk))
        greatest =
            cells[walk.at].f > greatest || isnan(cells[walk.at].f) ? cells[walk.at].f : greatest;
    if (isinf(greatest)) // all are -inf, or one is inf; inf - inf would be none
        return (tt_cell){.f = greatest};
    for (int64_t i = 0; i < count; i++, tt_walk_next(&again))
        sum += expl((long double)cells[again.at].f - greatest);
    double result = (double)(greatest + logl(sum));
    return (tt_cell){.f = exact ? result : tt_round_to(element, result)};
}

static tt_status log_sum_exp_reference(tt_work *work)
{
    return reduce(work, log_sum_exp_of);
}

static tt_value expanded(tt_back *back, tt_value a)
{
    tt_type type = *tt_graph_type(back->graph, back->in[0]);
    return tt_broadcast(back->graph, a, type.rank, type.size);
}

static void sum_derivative(tt_back *back)
{
    back->dx[0] = expanded(back, back->dy[0]);
}

// All before each place along an axis, multiplied: shifted by one, then multiplied by itself
// shifted by 1, 2, 4 ...; `direction` -1: all behind it.
static tt_value product_before(tt_graph *g, tt_value a, int64_t axis, int64_t direction)
{
    if (tt_is_none(a))
        return a;
    tt_type type = *tt_graph_type(g, a);
    tt_value one = tt_number(g, (tt_element)type.element, 1), part = TT_NONE;
    for (int64_t covered = 0; covered < type.size[axis] || covered == 0;
         covered = covered == 0 ? 1 : 2 * covered) {
        int64_t before[TT_RANK_MAX] = {0}, after[TT_RANK_MAX] = {0}, none[TT_RANK_MAX] = {0};
        before[axis] = direction * (covered == 0 ? 1 : covered);
        after[axis] = -before[axis];
        tt_value shifted = tt_pad(g, covered == 0 ? a : part, one, before, after, none);
        part = covered == 0 ? shifted : tt_multiply(g, part, shifted);
    }
    return part;
}

// The product of all others, without dividing by what may be 0; axes one after the other, as the
// reduction could have done it.
static void product_derivative(tt_back *back)
{
    tt_graph *g = back->graph;
    tt_value partial[TT_RANK_MAX + 1] = {back->in[0]}, dy = back->dy[0];
    unsigned count = back->attribute[0].count;
    for (unsigned i = 0; i < count; i++)
        partial[i + 1] = tt_reduce(g, TT_OP_PRODUCT, partial[i], 1, &back->attribute[0].word[i]);
    for (unsigned i = count; i > 0; i--) {
        int64_t axis = back->attribute[0].word[i - 1];
        tt_value others = tt_multiply(g, product_before(g, partial[i - 1], axis, 1),
                                      product_before(g, partial[i - 1], axis, -1));
        dy = tt_multiply(g, dy, others); // broadcast along the axis
    }
    back->dx[0] = dy;
}

// Equal greatest ones: the first gets all, by its place.
static void extreme_derivative(tt_back *back)
{
    tt_graph *g = back->graph;
    tt_type type = *tt_graph_type(g, back->in[0]);
    tt_op op = (tt_op)tt_graph_node(g, back->node)->op;
    tt_op place = op == TT_OP_GREATEST ? TT_OP_GREATEST_PLACE : TT_OP_LEAST_PLACE;
    tt_value zero = tt_number(g, (tt_element)type.element, 0), dy = back->dy[0];
    // Along several axes: one after the other, the last first, so that the first in order wins.
    tt_value partial[TT_RANK_MAX + 1] = {back->in[0]};
    unsigned count = back->attribute[0].count;
    for (unsigned i = 0; i < count; i++)
        partial[i + 1] = tt_reduce(g, op, partial[i], 1, &back->attribute[0].word[count - 1 - i]);
    for (unsigned i = count; i > 0; i--) {
        int64_t axis = back->attribute[0].word[count - i];
        if (tt_is_none(partial[i - 1]))
            return;
        tt_type places = *tt_graph_type(g, partial[i - 1]);
        places.element = TT_I64;
        tt_value here =
            tt_equal(g, tt_iota(g, places, axis), tt_reduce(g, place, partial[i - 1], 1, &axis));
        dy = tt_select(g, here, dy, zero); // broadcast along the axis
    }
    back->dx[0] = dy;
}

// Where all are -inf the sum of exp is flat: 0, as e^(-inf - 0), and not e^(-inf + inf).
static void log_sum_exp_derivative(tt_back *back)
{
    tt_graph *g = back->graph;
    tt_value y = {back->node, 0};
    tt_element element = (tt_element)tt_graph_type(g, y)->element;
    tt_value none = tt_equal(g, y, tt_number(g, element, -(double)INFINITY));
    tt_value from = tt_select(g, none, tt_number(g, element, 0), y);
    back->dx[0] = tt_multiply(g, back->dy[0], tt_exp(g, tt_subtract(g, back->in[0], from)));
}

static bool cumulative_type(tt_rule *rule)
{
    char text[TT_TYPE_TEXT_BYTES];
    const tt_type *in = tt_rule_in(rule, 0);
    int64_t axis = rule->attribute[0].word[0];
    rule->out[0] = *in;
    if (in->element == TT_BOOL || axis < 0 || axis >= in->rank)
        return tt_rule_fail(rule,
                            "the input is %s, expects numbers and an axis below its rank, "
                            "not %lld",
                            tt_type_text(in, text), (long long)axis);
    return true;
}

static tt_status cumulative_reference(tt_work *work)
{
    const tt_type *type = &work->in[0].type;
    tt_element element = (tt_element)type->element;
    int64_t axis = work->attribute[0].word[0], size = type->size[axis], own[TT_RANK_MAX] = {0};
    bool exclusive = work->attribute[1].word[0] != 0, reverse = work->attribute[2].word[0] != 0;
    tt_type outer = *type;
    tt_walk walk;
    outer.size[axis] = 1;
    tt_strides(type, own);
    tt_walk_begin(&walk, &outer, own, 0);
    int64_t rows = tt_type_count(&outer);
    for (int64_t row = 0; size > 0 && row < rows; row++, tt_walk_next(&walk)) {
        long double real = 0;
        uint64_t whole = 0;
        for (int64_t i = 0; i < size; i++) {
            int64_t at = walk.at + (reverse ? size - 1 - i : i) * own[axis];
            tt_cell before =
                tt_element_is_float(element) ? (tt_cell){.f = (double)real} : (tt_cell){.u = whole};
            if (tt_element_is_float(element))
                real += work->in[0].cells[at].f;
            else
                whole += work->in[0].cells[at].u;
            tt_cell now =
                tt_element_is_float(element) ? (tt_cell){.f = (double)real} : (tt_cell){.u = whole};
            now = exclusive ? before : now;
            work->out[0].cells[at] =
                work->exact && tt_element_is_float(element) ? now : tt_cell_fit(element, now);
        }
    }
    return TT_OK;
}

static void cumulative_derivative(tt_back *back)
{
    back->dx[0] =
        tt_cumulative_sum(back->graph, back->dy[0], back->attribute[0].word[0],
                          back->attribute[1].word[0] != 0, back->attribute[2].word[0] == 0);
}

static uint64_t reduce_cost(const tt_graph *graph, uint32_t node)
{
    return (uint64_t)tt_type_count(tt_graph_type(graph, tt_graph_inputs(graph, node)[0]));
}

#define ROW(n, rule, kernel)                                                                       \
    .name = n, .inputs_min = 1, .inputs_max = 1, .attributes = {{"axes", TT_ATTRIBUTE_LIST}},      \
    .type = rule, .reference = kernel, .cost = reduce_cost

const tt_row tt_reduce_rows[] = {
    {ROW("sum", number_type, sum_reference), .derivative = sum_derivative,
     .help = "the sum; of nothing 0"},
    {ROW("product", number_type, sum_reference), .derivative = product_derivative,
     .help = "the product; of nothing 1"},
    {ROW("greatest", ordered_type, extreme_reference), .derivative = extreme_derivative,
     .help = "the greatest; no number wins; the first of equal ones gets the gradient"},
    {ROW("least", ordered_type, extreme_reference), .derivative = extreme_derivative,
     .help = "the least; no number wins; the first of equal ones gets the gradient"},
    {ROW("greatest_place", place_type, extreme_reference), .constant = true,
     .help = "where along an axis the first greatest stands, i64"},
    {ROW("least_place", place_type, extreme_reference), .constant = true,
     .help = "where along an axis the first least stands, i64"},
    {ROW("log_sum_exp", float_type, log_sum_exp_reference), .derivative = log_sum_exp_derivative,
     .help = "log of the sum of exp, without overflow; flat where all are -inf"},
    {.name = "cumulative_sum",
     .inputs_min = 1,
     .inputs_max = 1,
     .attributes = {{"axis", TT_ATTRIBUTE_NUMBER},
                    {"exclusive", TT_ATTRIBUTE_NUMBER},
                    {"reverse", TT_ATTRIBUTE_NUMBER}},
     .type = cumulative_type,
     .reference = cumulative_reference,
     .derivative = cumulative_derivative,
     .cost = reduce_cost,
     .help = "sums of all up to here (or before, or from the end)"},
};
