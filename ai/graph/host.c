// Operations that run on the host only: their results may have sizes that only running tells.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ai/graph/row.h"
#include "ai/graph/reference.h"
#include "ai/graph/shape.h"

// Whether a comes before b: in rising order numbers that are none come last, in falling first.
static bool before(tt_element element, tt_cell a, tt_cell b, bool falling)
{
    if (falling) {
        tt_cell c = a;
        a = b;
        b = c;
    }
    if (tt_element_is_float(element) && (isnan(a.f) || isnan(b.f)))
        return !isnan(a.f) && isnan(b.f);
    return element == TT_BOOL ? a.i < b.i
                              : tt_cell_apply(TT_OP_LESS, element, a, b, (tt_cell){0}, true).i != 0;
}

// Sorts `count` places by their cells (`apart` from one another), equal ones in their order.
static tt_status sort_places(tt_element element, const tt_cell *cells, int64_t apart, int64_t count,
                             bool falling, int64_t *place)
{
    int64_t *other = malloc((size_t)(count > 0 ? count : 1) * sizeof(*other)), *from = place;
    if (other == NULL)
        return TT_FULL;
    int64_t *to = other;
    for (int64_t i = 0; i < count; i++)
        place[i] = i;
    for (int64_t width = 1; width < count; width *= 2) { // merges of neighbours
        for (int64_t begin = 0; begin < count; begin += 2 * width) {
            int64_t a = begin, middle = begin + width < count ? begin + width : count;
            int64_t b = middle, end = begin + 2 * width < count ? begin + 2 * width : count;
            for (int64_t at = begin; at < end; at++) {
                bool second = a >= middle || (b < end && before(element, cells[from[b] * apart],
                                                                cells[from[a] * apart], falling));
                to[at] = second ? from[b++] : from[a++];
            }
        }
        int64_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != place)
        memcpy(place, from, (size_t)count * sizeof(*place));
    free(other);
    return TT_OK;
}

// Attributes: axis, falling, and of top how many.
static bool sort_type(tt_rule *rule)
{
    const tt_type *in = tt_rule_in(rule, 0);
    char text[TT_TYPE_TEXT_BYTES];
    int64_t axis = rule->attribute[0].word[0];
    if (axis < 0 || axis >= in->rank)
        return tt_rule_fail(rule, "there is no axis %lld in %s", (long long)axis,
                            tt_type_text(in, text));
    rule->output_count = 2;
    rule->out[0] = *in;
    if (rule->row->attributes[2].name != NULL) {
        int64_t count = rule->attribute[2].word[0];
        if (count < 0 || count > in->size[axis])
            return tt_rule_fail(rule, "the first %lld of axis %lld of %s cannot be had",
                                (long long)count, (long long)axis, tt_type_text(in, text));
        rule->out[0].size[axis] = count;
    }
    rule->out[1] = rule->out[0];
    rule->out[1].element = TT_I64;
    return true;
}

static tt_status sort_reference(tt_work *work)
{
    const tt_type *in = &work->in[0].type, *out = &work->out[0].type;
    int64_t axis = work->attribute[0].word[0], from[TT_RANK_MAX] = {0}, to[TT_RANK_MAX] = {0};
    int64_t size = in->size[axis], keep = out->size[axis];
    int64_t *place = malloc((size_t)(size > 0 ? size : 1) * sizeof(*place));
    tt_type outer = *in;
    tt_walk at, put;
    outer.size[axis] = 1;
    tt_strides(in, from);
    tt_strides(out, to);
    tt_walk_begin(&at, &outer, from, 0);
    tt_walk_begin(&put, &outer, to, 0);
    int64_t rows = tt_type_count(&outer);
    tt_status status = place != NULL ? TT_OK : TT_FULL;
    for (int64_t row = 0; status == TT_OK && keep > 0 && row < rows;
         row++, tt_walk_next(&at), tt_walk_next(&put)) {
        const tt_cell *cells = work->in[0].cells + at.at;
        status = sort_places((tt_element)in->element, cells, from[axis], size,
                             work->attribute[1].word[0] != 0, place);
        for (int64_t i = 0; status == TT_OK && i < keep; i++) {
            work->out[0].cells[put.at + i * to[axis]] = cells[place[i] * from[axis]];
            work->out[1].cells[put.at + i * to[axis]].i = place[i];
        }
    }
    free(place);
    return status;
}

// Each gradient goes back to where its element came from: as one long axis, by places there.
static void sort_derivative(tt_back *back)
{
    tt_graph *g = back->graph;
    tt_type in = *tt_graph_type(g, back->in[0]);
    tt_type out = *tt_graph_type(g, (tt_value){back->node, 0});
    int64_t axis = back->attribute[0].word[0], stride[TT_RANK_MAX] = {0};
    int64_t count = tt_type_count(&in), kept = tt_type_count(&out);
    tt_type places = out, flat = {.element = in.element, .rank = 1, .size = {count}};
    tt_value place = {back->node, 1};
    tt_strides(&in, stride);
    places.element = TT_I64;
    place = tt_scale(g, place, (double)stride[axis]);
    for (unsigned i = 0; i < in.rank; i++)
        if (i != axis)
            place = tt_add(g, place, tt_scale(g, tt_iota(g, places, i), (double)stride[i]));
    tt_value zeros = tt_broadcast(g, tt_number(g, (tt_element)in.element, 0), 1, flat.size);
    tt_value sent = tt_scatter(g, zeros, tt_reshape(g, place, 1, &kept),
                               tt_reshape(g, back->dy[0], 1, &kept), 0, TT_SCATTER_ADD);
    if (!tt_is_none(back->dy[0]))
        back->dx[0] = tt_reshape(g, sent, in.rank, in.size);
}

static bool nonzero_type(tt_rule *rule)
{
    rule->out[0] = TT_TYPE(TT_I64, tt_rule_in(rule, 0)->rank, -1);
    return true;
}

static bool is_zero(tt_element element, tt_cell cell)
{
    return tt_element_is_float(element) ? cell.f == 0 : cell.u == 0;
}

static tt_status nonzero_reference(tt_work *work)
{
    const tt_type *in = &work->in[0].type;
    tt_element element = (tt_element)in->element;
    int64_t count = tt_type_count(in), found = 0, at = 0, own[TT_RANK_MAX] = {0};
    tt_walk walk;
    for (int64_t i = 0; i < count; i++)
        found += !is_zero(element, work->in[0].cells[i]);
    tt_type type = TT_TYPE(TT_I64, in->rank, found);
    tt_status status = tt_work_cells(work, 0, &type);
    tt_walk_begin(&walk, in, own, 0);
    for (int64_t i = 0; status == TT_OK && i < count; i++, tt_walk_next(&walk)) {
        if (is_zero(element, work->in[0].cells[i]))
            continue;
        for (unsigned axis = 0; axis < in->rank; axis++)
            work->out[0].cells[axis * found + at].i = walk.place[axis];
        at++;
    }
    return status;
}

static bool unique_type(tt_rule *rule)
{
    const tt_type *in = tt_rule_in(rule, 0);
    char text[TT_TYPE_TEXT_BYTES];
    if (in->rank != 1)
        return tt_rule_fail(rule, "the input is %s, expects one axis", tt_type_text(in, text));
    rule->output_count = 4;
    rule->out[0] = TT_TYPE(in->element, -1);
    rule->out[1] = rule->out[3] = TT_TYPE(TT_I64, -1);
    rule->out[2] = TT_TYPE(TT_I64, in->size[0]);
    return true;
}

// Rising, or in the order in which they first come: values, first places, where each element went
// to, how many there are.
static tt_status unique_reference(tt_work *work)
{
    const tt_cell *cells = work->in[0].cells;
    tt_element element = (tt_element)work->in[0].type.element;
    int64_t count = work->in[0].type.size[0], found = 0;
    bool sorted = work->attribute[0].word[0] != 0;
    size_t room = (size_t)(count > 0 ? count : 1);
    int64_t *place = malloc(room * sizeof(*place)), *first = malloc(room * sizeof(*first));
    int64_t *rank = malloc(room * sizeof(*rank));
    tt_status status = place != NULL && first != NULL && rank != NULL ? TT_OK : TT_FULL;
    if (status == TT_OK)
        status = sort_places(element, cells, 1, count, false, place);
    for (int64_t i = 0; status == TT_OK && i < count; i++) { // groups of equal ones, in order
        if (i == 0 || before(element, cells[place[i - 1]], cells[place[i]], false))
            first[found++] = place[i];
        work->out[2].cells[place[i]].i = found - 1;
    }
    for (int64_t i = 0; status == TT_OK && i < found; i++)
        rank[i] = i;
    if (status == TT_OK && !sorted) { // groups by their first places
        tt_cell *key = calloc((size_t)(found > 0 ? found : 1), sizeof(*key));
        status = key != NULL ? TT_OK : TT_FULL;
        for (int64_t i = 0; status == TT_OK && i < found; i++)
            key[i].i = first[i];
        if (status == TT_OK)
            status = sort_places(TT_I64, key, 1, found, false, rank);
        free(key);
    }
    tt_type values = TT_TYPE(element, found), places = TT_TYPE(TT_I64, found);
    for (unsigned i = 0; status == TT_OK && i < 4; i++)
        if (i != 2)
            status = tt_work_cells(work, i, i == 0 ? &values : &places);
    for (int64_t i = 0; status == TT_OK && i < found; i++) {
        work->out[0].cells[i] = cells[first[rank[i]]];
        work->out[1].cells[i].i = first[rank[i]];
        place[rank[i]] = i; // the other way round
    }
    for (int64_t i = 0; status == TT_OK && i < count; i++) {
        tt_cell *to = &work->out[2].cells[i];
        to->i = place[to->i];
        work->out[3].cells[to->i].i++;
    }
    free(place);
    free(first);
    free(rank);
    return status;
}

// Boxes (count, 4) of corners y1, x1, y2, x2 and scores (count): which are kept, best first.
static bool suppress_type(tt_rule *rule)
{
    const tt_type *boxes = tt_rule_in(rule, 0), *scores = tt_rule_in(rule, 1);
    char tb[TT_TYPE_TEXT_BYTES], ts[TT_TYPE_TEXT_BYTES];
    if (boxes->rank != 2 || boxes->size[1] != 4 || scores->rank != 1 ||
        scores->size[0] != boxes->size[0] || boxes->element != TT_F32 || scores->element != TT_F32)
        return tt_rule_fail(rule, "boxes are %s, scores %s; expects f32 of (count, 4) and (count)",
                            tt_type_text(boxes, tb), tt_type_text(scores, ts));
    for (unsigned i = 2; i < 4; i++)
        if (tt_rule_in(rule, i)->element != TT_F32 || tt_rule_in(rule, i)->rank != 0)
            return tt_rule_fail(rule, "input %u is %s, expects f32[]", i,
                                tt_type_text(tt_rule_in(rule, i), tb));
    rule->out[0] = TT_TYPE(TT_I64, -1);
    return true;
}

static double overlap(const tt_cell *a, const tt_cell *b) // of the union of two boxes
{
    double side[2], area[2] = {1, 1};
    for (int i = 0; i < 2; i++) {
        double low_a = fmin(a[i].f, a[i + 2].f), high_a = fmax(a[i].f, a[i + 2].f);
        double low_b = fmin(b[i].f, b[i + 2].f), high_b = fmax(b[i].f, b[i + 2].f);
        side[i] = fmax(0, fmin(high_a, high_b) - fmax(low_a, low_b));
        area[0] *= high_a - low_a;
        area[1] *= high_b - low_b;
    }
    double both = side[0] * side[1], all = area[0] + area[1] - both;
    return all > 0 ? both / all : 0;
}

static tt_status suppress_reference(tt_work *work)
{
    int64_t count = work->in[1].type.size[0], kept = 0, most = work->attribute[0].word[0];
    const tt_cell *boxes = work->in[0].cells, *scores = work->in[1].cells;
    size_t room = (size_t)(count > 0 ? count : 1);
    int64_t *place = malloc(room * sizeof(*place));
    tt_status status = place == NULL ? TT_FULL : sort_places(TT_F32, scores, 1, count, true, place);
    for (int64_t i = 0; status == TT_OK && i < count && kept < most; i++) {
        bool stays = scores[place[i]].f > work->in[3].cells[0].f;
        for (int64_t k = 0; stays && k < kept; k++)
            stays = overlap(boxes + 4 * place[i], boxes + 4 * place[k]) <= work->in[2].cells[0].f;
        if (stays)
            place[kept++] = place[i]; // kept <= i
    }
    tt_type type = TT_TYPE(TT_I64, kept);
    if (status == TT_OK)
        status = tt_work_cells(work, 0, &type);
    for (int64_t i = 0; status == TT_OK && i < kept; i++)
        work->out[0].cells[i].i = place[i];
    free(place);
    return status;
}

static uint64_t sort_cost(const tt_graph *graph, uint32_t node) // each of log2(count) merges
{
    uint64_t count = (uint64_t)tt_type_count(tt_graph_type(graph, tt_graph_inputs(graph, node)[0]));
    return tt_cost_multiply(count, 64 - (unsigned)__builtin_clzll(count | 1));
}

static uint64_t suppress_cost(const tt_graph *graph, uint32_t node)
{
    uint64_t count = (uint64_t)tt_graph_type(graph, tt_graph_inputs(graph, node)[1])->size[0];
    return tt_cost_multiply(count, count);
}

#define ROW(n, rule, kernel)                                                                       \
    .name = n, .inputs_min = 1, .inputs_max = 1, .flags = TT_ROW_HOST, .type = rule,               \
    .reference = kernel

const tt_row tt_host_rows[] = {
    {ROW("sort", sort_type, sort_reference),
     .attributes = {{"axis", TT_ATTRIBUTE_NUMBER}, {"falling", TT_ATTRIBUTE_NUMBER}},
     .derivative = sort_derivative, .cost = sort_cost,
     .help = "along an axis, equal ones in their order, and where each stood (i64); no numbers "
             "come last, falling first"},
    {ROW("top", sort_type, sort_reference),
     .attributes = {{"axis", TT_ATTRIBUTE_NUMBER},
                    {"falling", TT_ATTRIBUTE_NUMBER},
                    {"count", TT_ATTRIBUTE_NUMBER}},
     .derivative = sort_derivative, .cost = sort_cost, .help = "the first so many of sort"},
    {ROW("nonzero", nonzero_type, nonzero_reference), .constant = true, .cost = sort_cost,
     .help = "places (rank, how many) of what is not 0"},
    {ROW("unique", unique_type, unique_reference), .attributes = {{"sorted", TT_ATTRIBUTE_NUMBER}},
     .constant = true, .cost = sort_cost,
     .help = "different elements of one axis, where each stands first, which of them each element "
             "is, and how often they come"},
    {.name = "suppress",
     .inputs_min = 4,
     .inputs_max = 4,
     .flags = TT_ROW_HOST,
     .attributes = {{"most", TT_ATTRIBUTE_NUMBER}},
     .type = suppress_type,
     .reference = suppress_reference,
     .constant = true,
     .cost = suppress_cost,
     .help = "non-maximum suppression: which boxes a (count, 4) with scores b are kept, where two "
             "may overlap by c of their union and scores are above d"},
};
