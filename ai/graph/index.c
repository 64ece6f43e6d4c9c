// Slices chosen by indices, and put back by them.
//
// Both see `a` as (outer, axis, inner): a slice is `inner` elements, at each of `outer` places.

#include <math.h>
#include <string.h>

#include "ai/graph/row.h"
#include "ai/graph/shape.h"

// What gathering with inputs 0 and 1 along attribute 0 makes.
static bool gathered_type(tt_rule *rule, tt_type *out)
{
    const tt_type *a = tt_rule_in(rule, 0), *indices = tt_rule_in(rule, 1);
    int64_t axis = rule->attribute[0].word[0];
    char ta[TT_TYPE_TEXT_BYTES], ti[TT_TYPE_TEXT_BYTES];
    if (indices->element != TT_I32 && indices->element != TT_I64)
        return tt_rule_fail(rule, "indices are %s, expects i32 or i64", tt_type_text(indices, ti));
    if (axis < 0 || axis >= a->rank)
        return tt_rule_fail(rule, "there is no axis %lld in %s", (long long)axis,
                            tt_type_text(a, ta));
    if (a->rank - 1u + indices->rank > TT_RANK_MAX)
        return tt_rule_fail(rule, "%s by indices %s would have rank %u, but ranks go to %d",
                            tt_type_text(a, ta), tt_type_text(indices, ti),
                            a->rank - 1u + indices->rank, TT_RANK_MAX);
    *out = (tt_type){.element = a->element, .rank = (uint8_t)(a->rank - 1u + indices->rank)};
    memcpy(out->size, a->size, (size_t)axis * sizeof(out->size[0]));
    memcpy(out->size + axis, indices->size, indices->rank * sizeof(out->size[0]));
    memcpy(out->size + axis + indices->rank, a->size + axis + 1,
           (a->rank - (size_t)axis - 1) * sizeof(out->size[0]));
    return true;
}

static bool gather_type(tt_rule *rule)
{
    return gathered_type(rule, &rule->out[0]);
}

typedef struct slices {
    int64_t outer, size, inner, indices;
} slices;

static slices slices_of(const tt_work *work)
{
    const tt_type *a = &work->in[0].type;
    int64_t axis = work->attribute[0].word[0];
    slices s = {1, a->size[axis], 1, tt_type_count(&work->in[1].type)};
    for (unsigned i = 0; i < a->rank; i++) {
        s.outer *= i < axis ? a->size[i] : 1;
        s.inner *= i > axis ? a->size[i] : 1;
    }
    return s;
}

static tt_status check_indices(tt_work *work, const slices *s)
{
    char text[TT_TYPE_TEXT_BYTES];
    for (int64_t i = 0; i < s->indices; i++) {
        int64_t index = work->in[1].cells[i].i;
        if (index < 0 || index >= s->size)
            return tt_work_fail(work, "index %lld is outside axis %lld of %s", (long long)index,
                                (long long)work->attribute[0].word[0],
                                tt_type_text(&work->in[0].type, text));
    }
    return TT_OK;
}

static tt_status gather_reference(tt_work *work)
{
    slices s = slices_of(work);
    tt_status status = check_indices(work, &s);
    for (int64_t o = 0; status == TT_OK && o < s.outer; o++)
        for (int64_t i = 0; i < s.indices; i++)
            for (int64_t k = 0; k < s.inner; k++)
                work->out[0].cells[(o * s.indices + i) * s.inner + k] =
                    work->in[0].cells[(o * s.size + work->in[1].cells[i].i) * s.inner + k];
    return status;
}

static tt_value filled(tt_graph *g, const tt_type *type, double number)
{
    return tt_broadcast(g, tt_number(g, (tt_element)type->element, number), type->rank, type->size);
}

static void gather_derivative(tt_back *back)
{
    tt_type a = *tt_graph_type(back->graph, back->in[0]);
    back->dx[0] = tt_scatter(back->graph, filled(back->graph, &a, 0), back->in[1], back->dy[0],
                             back->attribute[0].word[0], TT_SCATTER_ADD);
}

static bool scatter_type(tt_rule *rule)
{
    tt_type like;
    char have[TT_TYPE_TEXT_BYTES], want[TT_TYPE_TEXT_BYTES];
    int64_t kind = rule->attribute[1].word[0];
    if (!gathered_type(rule, &like))
        return false;
    if (!tt_type_equal(tt_rule_in(rule, 2), &like))
        return tt_rule_fail(rule, "updates are %s, expects %s",
                            tt_type_text(tt_rule_in(rule, 2), have), tt_type_text(&like, want));
    if (kind < TT_SCATTER_PUT || kind > TT_SCATTER_LESSER ||
        (kind != TT_SCATTER_PUT && like.element == TT_BOOL))
        return tt_rule_fail(rule, "there is no kind %lld of %s", (long long)kind,
                            tt_type_text(&like, have));
    rule->out[0] = *tt_rule_in(rule, 0);
    return true;
}

static tt_status scatter_reference(tt_work *work)
{
    static const tt_op ops[] = {[TT_SCATTER_ADD] = TT_OP_ADD,
                                [TT_SCATTER_MULTIPLY] = TT_OP_MULTIPLY,
                                [TT_SCATTER_GREATER] = TT_OP_GREATER_OF,
                                [TT_SCATTER_LESSER] = TT_OP_LESSER_OF};
    slices s = slices_of(work);
    int64_t kind = work->attribute[1].word[0], count = tt_type_count(&work->out[0].type);
    tt_element element = (tt_element)work->out[0].type.element;
    tt_status status = check_indices(work, &s);
    if (status != TT_OK)
        return status;
    if (count > 0)
        memcpy(work->out[0].cells, work->in[0].cells, (size_t)count * sizeof(tt_cell));
    for (int64_t o = 0; o < s.outer; o++)
        for (int64_t i = 0; i < s.indices; i++)
            for (int64_t k = 0; k < s.inner; k++) {
                tt_cell *to =
                    &work->out[0].cells[(o * s.size + work->in[1].cells[i].i) * s.inner + k];
                tt_cell with = work->in[2].cells[(o * s.indices + i) * s.inner + k];
                // Sums stay double until all is added.
                *to = kind == TT_SCATTER_PUT
                          ? with
                          : tt_cell_apply(ops[kind], element, *to, with, (tt_cell){0}, true);
            }
    for (int64_t i = 0; !work->exact && i < count; i++)
        work->out[0].cells[i] = tt_cell_fit(element, work->out[0].cells[i]);
    return TT_OK;
}

// Each update's number, in order, as i64 of the updates' shape: all of a slice have its number.
static tt_value update_numbers(tt_back *back, const tt_type *updates)
{
    tt_graph *g = back->graph;
    tt_type indices = *tt_graph_type(g, back->in[1]);
    int64_t axis = back->attribute[0].word[0], sizes[TT_RANK_MAX];
    for (unsigned i = 0; i < updates->rank; i++)
        sizes[i] = i >= axis && i < axis + indices.rank ? updates->size[i] : 1;
    tt_value numbers = tt_iota(g, TT_TYPE(TT_I64, tt_type_count(&indices)), 0);
    return tt_broadcast(g, tt_reshape(g, numbers, updates->rank, sizes), updates->rank,
                        updates->size);
}

// Which update an element has at last (`kind` PUT), or the first of those equal to it: true there.
static tt_value winning_updates(tt_back *back, int64_t kind, tt_value y_at_updates)
{
    tt_graph *g = back->graph;
    tt_type updates = *tt_graph_type(g, back->in[2]), a = *tt_graph_type(g, back->in[0]);
    int64_t axis = back->attribute[0].word[0];
    tt_value numbers = update_numbers(back, &updates), claims = numbers;
    a.element = TT_I64;
    if (kind != TT_SCATTER_PUT) // those that lost claim with a number beyond all
        claims = tt_select(g, tt_less(g, back->in[2], y_at_updates), tt_number(g, TT_I64, 0x1p62),
                           numbers);
    if (kind == TT_SCATTER_LESSER)
        claims = tt_select(g, tt_less(g, y_at_updates, back->in[2]), tt_number(g, TT_I64, 0x1p62),
                           numbers);
    tt_value winner =
        tt_scatter(g, filled(g, &a, kind == TT_SCATTER_PUT ? -1 : 0x1p62), back->in[1], claims,
                   axis, kind == TT_SCATTER_PUT ? TT_SCATTER_PUT : TT_SCATTER_LESSER);
    return tt_equal(g, tt_gather(g, winner, back->in[1], axis), numbers);
}

static void scatter_derivative(tt_back *back)
{
    tt_graph *g = back->graph;
    tt_value a = back->in[0], indices = back->in[1], updates = back->in[2], dy = back->dy[0];
    tt_value y = {back->node, 0};
    int64_t axis = back->attribute[0].word[0], kind = back->attribute[1].word[0];
    tt_type type = *tt_graph_type(g, updates);
    tt_value zero = tt_number(g, (tt_element)type.element, 0);
    tt_value at_updates = tt_gather(g, dy, indices, axis);
    if (kind == TT_SCATTER_ADD) {
        back->dx[0] = dy;
        back->dx[2] = at_updates;
    } else if (kind == TT_SCATTER_PUT) {
        back->dx[0] = tt_scatter(g, dy, indices, filled(g, &type, 0), axis, TT_SCATTER_PUT);
        back->dx[2] = tt_select(g, winning_updates(back, kind, updates), at_updates, zero);
    } else if (kind == TT_SCATTER_MULTIPLY) {
        tt_graph_fail(g, TT_UNSUPPORTED, "scatter: multiplying has no derivative");
    } else { // what stood there first wins over equal updates
        bool greater = kind == TT_SCATTER_GREATER;
        tt_value lost = greater ? tt_less(g, a, y) : tt_less(g, y, a);
        tt_value open = tt_gather(g, lost, indices, axis);
        tt_value won = winning_updates(back, kind, tt_gather(g, y, indices, axis));
        back->dx[0] = tt_select(g, lost, zero, dy);
        back->dx[2] = tt_select(g, tt_binary(g, TT_OP_AND, open, won), at_updates, zero);
    }
}

static uint64_t scatter_cost(const tt_graph *graph, uint32_t node)
{
    const tt_value *inputs = tt_graph_inputs(graph, node);
    return tt_cost_add((uint64_t)tt_type_count(tt_graph_type(graph, inputs[0])),
                       (uint64_t)tt_type_count(tt_graph_type(graph, inputs[2])));
}

const tt_row tt_index_rows[] = {
    {.name = "gather",
     .inputs_min = 2,
     .inputs_max = 2,
     .attributes = {{"axis", TT_ATTRIBUTE_NUMBER}},
     .type = gather_type,
     .reference = gather_reference,
     .derivative = gather_derivative,
     .help = "slices of a along an axis by indices b, whose shape takes that axis' place; an "
             "index outside ends the run"},
    {.name = "scatter",
     .inputs_min = 3,
     .inputs_max = 3,
     .attributes = {{"axis", TT_ATTRIBUTE_NUMBER}, {"kind", TT_ATTRIBUTE_NUMBER}},
     .type = scatter_type,
     .reference = scatter_reference,
     .derivative = scatter_derivative,
     .cost = scatter_cost,
     .help = "a with slices c at indices b put (kind 0), added (1), multiplied (2), or where they "
             "are greater (3) or lesser (4), in their order"},
};
