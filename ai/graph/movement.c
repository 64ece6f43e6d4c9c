// Movement: where elements stand, without computing any.

#include <string.h>

#include "ai/graph/row.h"
#include "ai/graph/shape.h"

static bool sizes_of(tt_rule *rule, const tt_words *sizes)
{
    if (sizes->count > TT_RANK_MAX)
        return tt_rule_fail(rule, "rank %u, but ranks go to %d", sizes->count, TT_RANK_MAX);
    rule->out[0] =
        (tt_type){.element = tt_rule_in(rule, 0)->element, .rank = (uint8_t)sizes->count};
    for (unsigned i = 0; i < sizes->count; i++) {
        rule->out[0].size[i] = sizes->word[i];
        if (sizes->word[i] < 0 || sizes->word[i] > TT_SIZE_MAX)
            return tt_rule_fail(rule, "there is no size %lld", (long long)sizes->word[i]);
    }
    return true;
}

// Whether a list has an entry for each axis of the first input.
static bool list_fits(tt_rule *rule, unsigned attribute)
{
    unsigned rank = tt_rule_in(rule, 0)->rank;
    return rule->attribute[attribute].count == rank ||
           tt_rule_fail(rule, "%s has %u entries, the input has %u axes",
                        rule->row->attributes[attribute].name, rule->attribute[attribute].count,
                        rank);
}

// Elements of two shapes, which may be too many to count.
static bool same_count(const tt_type *a, const tt_type *b)
{
    unsigned __int128 count[2] = {1, 1};
    const tt_type *type[2] = {a, b};
    for (int t = 0; t < 2; t++)
        for (unsigned i = 0; i < type[t]->rank && count[t] <= (uint64_t)TT_SIZE_MAX; i++)
            count[t] *= (uint64_t)type[t]->size[i];
    return count[0] == count[1];
}

static bool reshape_type(tt_rule *rule)
{
    char a[TT_TYPE_TEXT_BYTES], b[TT_TYPE_TEXT_BYTES];
    if (!sizes_of(rule, &rule->attribute[0]))
        return false;
    return same_count(&rule->out[0], tt_rule_in(rule, 0)) ||
           tt_rule_fail(rule, "%s and %s have not as many elements",
                        tt_type_text(tt_rule_in(rule, 0), a), tt_type_text(&rule->out[0], b));
}

static tt_status reshape_reference(tt_work *work)
{
    size_t count = (size_t)tt_type_count(&work->out[0].type);
    if (count > 0)
        memcpy(work->out[0].cells, work->in[0].cells, count * sizeof(tt_cell));
    return TT_OK;
}

static void reshape_derivative(tt_back *back)
{
    tt_type type = *tt_graph_type(back->graph, back->in[0]);
    back->dx[0] = tt_reshape(back->graph, back->dy[0], type.rank, type.size);
}

static bool transpose_type(tt_rule *rule)
{
    const tt_type *in = tt_rule_in(rule, 0);
    unsigned seen = 0;
    if (!list_fits(rule, 0))
        return false;
    rule->out[0] = *in;
    for (unsigned i = 0; i < in->rank; i++) {
        int64_t axis = rule->attribute[0].word[i];
        if (axis < 0 || axis >= in->rank || (seen & 1u << axis) != 0)
            return tt_rule_fail(rule, "order names axis %lld, expects each of 0 to %u once",
                                (long long)axis, in->rank - 1);
        seen |= 1u << axis;
        rule->out[0].size[i] = in->size[axis];
    }
    return true;
}

// Copies the input's elements in the order of the output, by strides from element `first` on.
static tt_status move(tt_work *work, const int64_t *stride, int64_t first)
{
    tt_walk walk;
    int64_t count = tt_type_count(&work->out[0].type);
    tt_walk_begin(&walk, &work->out[0].type, stride, first);
    for (int64_t i = 0; i < count; i++, tt_walk_next(&walk))
        work->out[0].cells[i] = work->in[0].cells[walk.at];
    return TT_OK;
}

static tt_status transpose_reference(tt_work *work)
{
    int64_t own[TT_RANK_MAX] = {0}, stride[TT_RANK_MAX] = {0};
    tt_strides(&work->in[0].type, own);
    for (unsigned i = 0; i < work->attribute[0].count; i++)
        stride[i] = own[work->attribute[0].word[i]];
    return move(work, stride, 0);
}

static void transpose_derivative(tt_back *back)
{
    int64_t inverse[TT_RANK_MAX] = {0};
    for (unsigned i = 0; i < back->attribute[0].count; i++)
        inverse[back->attribute[0].word[i]] = i;
    back->dx[0] = tt_transpose(back->graph, back->dy[0], inverse);
}

static bool broadcast_type(tt_rule *rule)
{
    char a[TT_TYPE_TEXT_BYTES], b[TT_TYPE_TEXT_BYTES];
    if (!sizes_of(rule, &rule->attribute[0]))
        return false;
    tt_type joined = *tt_rule_in(rule, 0);
    if (!tt_shape_join(&joined, &rule->out[0]) || !tt_type_equal(&joined, &rule->out[0]))
        return tt_rule_fail(rule, "%s cannot be repeated to %s",
                            tt_type_text(tt_rule_in(rule, 0), a), tt_type_text(&rule->out[0], b));
    return true;
}

static tt_status broadcast_reference(tt_work *work)
{
    tt_walk walk;
    int64_t count = tt_type_count(&work->out[0].type);
    tt_walk_broadcast(&walk, &work->in[0].type, &work->out[0].type);
    for (int64_t i = 0; i < count; i++, tt_walk_next(&walk))
        work->out[0].cells[i] = work->in[0].cells[walk.at];
    return TT_OK;
}

static void broadcast_derivative(tt_back *back)
{
    back->dx[0] = back->dy[0]; // summed by who differentiates, as of every broadcast operand
}

static bool slice_type(tt_rule *rule)
{
    const tt_type *in = tt_rule_in(rule, 0);
    char text[TT_TYPE_TEXT_BYTES];
    if (!list_fits(rule, 0) || !list_fits(rule, 1) || !list_fits(rule, 2))
        return false;
    rule->out[0] = *in;
    for (unsigned i = 0; i < in->rank; i++) {
        int64_t first = rule->attribute[0].word[i], size = rule->attribute[1].word[i];
        int64_t step = rule->attribute[2].word[i];
        if (first < 0 || size < 0 || step < 1 || first > in->size[i] ||
            (size > 0 && (first >= in->size[i] || (size - 1) > (in->size[i] - 1 - first) / step)))
            return tt_rule_fail(rule,
                                "%lld elements from %lld on in steps of %lld do not lie in "
                                "axis %u of %s",
                                (long long)size, (long long)first, (long long)step, i,
                                tt_type_text(in, text));
        rule->out[0].size[i] = size;
    }
    return true;
}

static tt_status slice_reference(tt_work *work)
{
    int64_t stride[TT_RANK_MAX] = {0}, at = 0;
    tt_strides(&work->in[0].type, stride);
    for (unsigned i = 0; i < work->in[0].type.rank; i++) {
        at += work->attribute[0].word[i] * stride[i];
        // A step of one element may be of any size: it is never taken.
        stride[i] *= work->attribute[1].word[i] > 1 ? work->attribute[2].word[i] : 0;
    }
    return move(work, stride, at);
}

static void slice_derivative(tt_back *back)
{
    tt_type type = *tt_graph_type(back->graph, back->in[0]);
    int64_t before[TT_RANK_MAX], after[TT_RANK_MAX], between[TT_RANK_MAX];
    for (unsigned i = 0; i < type.rank; i++) {
        int64_t size = back->attribute[1].word[i];
        int64_t step = size > 1 ? back->attribute[2].word[i] : 1; // else it is never taken
        before[i] = back->attribute[0].word[i];
        between[i] = step - 1;
        after[i] = type.size[i] - before[i] - (size > 0 ? (size - 1) * step + 1 : 0);
    }
    back->dx[0] =
        tt_pad(back->graph, back->dy[0], tt_number(back->graph, (tt_element)type.element, 0),
               before, after, between);
}

#define PAD_MAX ((int64_t)1 << 40)

static bool pad_type(tt_rule *rule)
{
    const tt_type *in = tt_rule_in(rule, 0), *fill = tt_rule_in(rule, 1);
    char a[TT_TYPE_TEXT_BYTES], b[TT_TYPE_TEXT_BYTES];
    if (!list_fits(rule, 0) || !list_fits(rule, 1) || !list_fits(rule, 2))
        return false;
    if (fill->rank != 0 || fill->element != in->element)
        return tt_rule_fail(rule, "the fill is %s, expects a scalar like the input's %s",
                            tt_type_text(fill, a), tt_type_text(in, b));
    rule->out[0] = *in;
    for (unsigned i = 0; i < in->rank; i++) {
        int64_t before = rule->attribute[0].word[i], after = rule->attribute[1].word[i];
        int64_t between = rule->attribute[2].word[i], spread = 0;
        if (before < -PAD_MAX || before > PAD_MAX || after < -PAD_MAX || after > PAD_MAX ||
            between < 0 || between > PAD_MAX ||
            (in->size[i] > 0 && __builtin_mul_overflow(in->size[i] - 1, between + 1, &spread)) ||
            spread > TT_SIZE_MAX)
            return tt_rule_fail(rule,
                                "padding of %lld before, %lld after and %lld between is out "
                                "of range",
                                (long long)before, (long long)after, (long long)between);
        rule->out[0].size[i] = before + after + (in->size[i] > 0 ? spread + 1 : 0);
        if (rule->out[0].size[i] < 0)
            return tt_rule_fail(rule,
                                "padding of %lld before and %lld after takes more than axis "
                                "%u of %s has",
                                (long long)before, (long long)after, i, tt_type_text(in, a));
    }
    return true;
}

static tt_status pad_reference(tt_work *work)
{
    const tt_type *in = &work->in[0].type, *out = &work->out[0].type;
    int64_t stride[TT_RANK_MAX] = {0}, none[TT_RANK_MAX] = {0}, count = tt_type_count(out);
    tt_walk walk;
    tt_strides(in, stride);
    tt_walk_begin(&walk, out, none, 0);
    for (int64_t i = 0; i < count; i++, tt_walk_next(&walk)) {
        int64_t at = 0;
        for (unsigned axis = 0; at >= 0 && axis < in->rank; axis++) {
            int64_t place = walk.place[axis] - work->attribute[0].word[axis];
            int64_t step = work->attribute[2].word[axis] + 1;
            bool inside = place >= 0 && place % step == 0 && place / step < in->size[axis];
            at = inside ? at + place / step * stride[axis] : -1;
        }
        work->out[0].cells[i] = at < 0 ? work->in[1].cells[0] : work->in[0].cells[at];
    }
    return TT_OK;
}

// The same padding, of another value.
static tt_value pad_again(tt_back *back, tt_value a, tt_value fill)
{
    return tt_pad(back->graph, a, fill, back->attribute[0].word, back->attribute[1].word,
                  back->attribute[2].word);
}

static void pad_derivative(tt_back *back)
{
    tt_graph *g = back->graph;
    tt_type type = *tt_graph_type(g, back->in[0]);
    tt_element element = (tt_element)type.element;
    int64_t first[TT_RANK_MAX], steps[TT_RANK_MAX], none[TT_RANK_MAX] = {0};
    int64_t before[TT_RANK_MAX], after[TT_RANK_MAX];
    for (unsigned i = 0; i < type.rank; i++) { // what was taken away comes back as zeros
        before[i] = back->attribute[0].word[i] < 0 ? -back->attribute[0].word[i] : 0;
        after[i] = back->attribute[1].word[i] < 0 ? -back->attribute[1].word[i] : 0;
        first[i] = back->attribute[0].word[i] > 0 ? back->attribute[0].word[i] : 0;
        steps[i] = back->attribute[2].word[i] + 1;
    }
    if (back->wanted[0])
        back->dx[0] =
            tt_slice(g, tt_pad(g, back->dy[0], tt_number(g, element, 0), before, after, none),
                     first, type.size, steps);
    if (back->wanted[1]) {
        tt_value inside = tt_broadcast(g, tt_number(g, TT_BOOL, 0), type.rank, type.size);
        tt_value outside = pad_again(back, inside, tt_number(g, TT_BOOL, 1));
        back->dx[1] = tt_sum_all(g, tt_select(g, outside, back->dy[0], tt_number(g, element, 0)));
    }
}

static bool flip_type(tt_rule *rule)
{
    unsigned seen = 0, axis;
    rule->out[0] = *tt_rule_in(rule, 0);
    for (unsigned i = 0; i < rule->attribute[0].count; i++) {
        int64_t word = rule->attribute[0].word[i];
        if (word < 0 || !tt_axis(word, rule->out[0].rank, &axis) || (seen & 1u << axis) != 0)
            return tt_rule_fail(rule, "there is no axis %lld in rank %u, or it is named twice",
                                (long long)word, rule->out[0].rank);
        seen |= 1u << axis;
    }
    return true;
}

static tt_status flip_reference(tt_work *work)
{
    const tt_type *in = &work->in[0].type;
    int64_t stride[TT_RANK_MAX] = {0}, first = 0;
    tt_strides(in, stride);
    for (unsigned i = 0; i < work->attribute[0].count; i++) {
        unsigned axis = (unsigned)work->attribute[0].word[i];
        first += (in->size[axis] - 1) * stride[axis];
        stride[axis] = -stride[axis];
    }
    return move(work, stride, first);
}

static void flip_derivative(tt_back *back)
{
    back->dx[0] =
        tt_flip(back->graph, back->dy[0], back->attribute[0].count, back->attribute[0].word);
}

static bool concatenate_type(tt_rule *rule)
{
    int64_t axis = rule->attribute[0].word[0];
    char a[TT_TYPE_TEXT_BYTES], b[TT_TYPE_TEXT_BYTES];
    const tt_type *first = tt_rule_in(rule, 0);
    if (axis < 0 || axis >= first->rank)
        return tt_rule_fail(rule, "there is no axis %lld in %s", (long long)axis,
                            tt_type_text(first, a));
    rule->out[0] = *first;
    rule->out[0].size[axis] = 0;
    for (unsigned i = 0; i < rule->input_count; i++) {
        tt_type like = *tt_rule_in(rule, i);
        int64_t size = like.rank > axis ? like.size[axis] : 0;
        like.size[axis] = first->size[axis];
        if (!tt_type_equal(&like, first))
            return tt_rule_fail(
                rule, "input %u is %s; but for axis %lld it must be like input 0, %s", i,
                tt_type_text(tt_rule_in(rule, i), a), (long long)axis, tt_type_text(first, b));
        rule->out[0].size[axis] += size;
        if (rule->out[0].size[axis] > TT_SIZE_MAX)
            return tt_rule_fail(rule, "the axis gets too long");
    }
    return true;
}

static tt_status concatenate_reference(tt_work *work)
{
    unsigned axis = (unsigned)work->attribute[0].word[0];
    int64_t stride[TT_RANK_MAX] = {0}, first = 0;
    tt_strides(&work->out[0].type, stride);
    for (unsigned i = 0; i < work->input_count; i++) {
        const tt_cells *in = &work->in[i];
        int64_t count = tt_type_count(&in->type);
        tt_walk walk;
        tt_walk_begin(&walk, &in->type, stride, first);
        for (int64_t k = 0; k < count; k++, tt_walk_next(&walk))
            work->out[0].cells[walk.at] = in->cells[k];
        first += in->type.size[axis] * stride[axis];
    }
    return TT_OK;
}

static void concatenate_derivative(tt_back *back)
{
    int64_t first[TT_RANK_MAX] = {0}, ones[TT_RANK_MAX];
    int64_t axis = back->attribute[0].word[0];
    for (unsigned i = 0; i < TT_RANK_MAX; i++)
        ones[i] = 1;
    for (unsigned i = 0; i < back->input_count; i++) {
        tt_type type = *tt_graph_type(back->graph, back->in[i]);
        if (back->wanted[i])
            back->dx[i] = tt_slice(back->graph, back->dy[0], first, type.size, ones);
        first[axis] += type.size[axis];
    }
}

#define ROW(n)                                                                                     \
    .name = #n, .inputs_min = 1, .inputs_max = 1, .flags = TT_ROW_MOVEMENT, .type = n##_type,      \
    .reference = n##_reference, .derivative = n##_derivative

const tt_row tt_movement_rows[] = {
    {ROW(reshape), .attributes = {{"sizes", TT_ATTRIBUTE_LIST}},
     .help = "the same elements in another shape"},
    {ROW(transpose), .attributes = {{"order", TT_ATTRIBUTE_LIST}},
     .help = "axis i of the result is axis order[i]"},
    {ROW(broadcast), .attributes = {{"sizes", TT_ATTRIBUTE_LIST}},
     .help = "repeats axes of size 1, axes aligned at the last"},
    {ROW(slice),
     .attributes = {{"first", TT_ATTRIBUTE_LIST},
                    {"sizes", TT_ATTRIBUTE_LIST},
                    {"steps", TT_ATTRIBUTE_LIST}},
     .help = "some elements of each axis, evenly apart"},
    {.name = "pad",
     .inputs_min = 2,
     .inputs_max = 2,
     .flags = TT_ROW_MOVEMENT,
     .attributes = {{"before", TT_ATTRIBUTE_LIST},
                    {"after", TT_ATTRIBUTE_LIST},
                    {"between", TT_ATTRIBUTE_LIST}},
     .type = pad_type,
     .reference = pad_reference,
     .derivative = pad_derivative,
     .help = "the scalar b before, after and between the elements of each axis"},
    {ROW(flip), .attributes = {{"axes", TT_ATTRIBUTE_LIST}}, .help = "turns axes round"},
    {.name = "concatenate",
     .inputs_min = 1,
     .inputs_max = UINT16_MAX,
     .flags = TT_ROW_MOVEMENT,
     .attributes = {{"axis", TT_ATTRIBUTE_NUMBER}},
     .type = concatenate_type,
     .reference = concatenate_reference,
     .derivative = concatenate_derivative,
     .help = "one behind the other along an axis"},
};
