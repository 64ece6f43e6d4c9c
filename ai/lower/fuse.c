// The form of a group.
//
// First the axes: where each value that is read or written lies along each axis of the group's
// domain, and which neighbouring axes all of them walk as one. Then the loops. A group without a
// sum is one nest. One that reduces its last axes ("row by row") is a loop over rows, in which its
// inner axes are walked once for each sum that waits for another ("turn"). A sum across is a nest
// whose innermost loops are those that are summed.
//
// Sums are added up by lanes (form.h): four numbers of a lane as they are, then what they came to,
// and what that rounds off is added up beside it. So a sum of any length loses three roundings.

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ai/graph/shape.h"
#include "ai/lower/compute.h"
#include "ai/lower/functions.h"
#include "ai/lower/fusing.h"

#define CHUNK 8192      // elements of a turn of a split axis, where there is but one axis
#define TURNS_ENOUGH 16 // of a split axis, to be shared out
#define PART 4 // numbers of a lane that are added as they are, before they are added exactly

static uint32_t index_of(const fusing *f, uint32_t node)
{
    uint32_t first = 0, end = f->count; // members are in the order of their nodes
    while (first < end) {
        uint32_t middle = (first + end) / 2;
        if (f->member[middle].node < node)
            first = middle + 1;
        else
            end = middle;
    }
    return first < f->count && f->member[first].node == node ? first : UINT32_MAX;
}

static tt_op op_of(const fusing *f, uint32_t node)
{
    return (tt_op)tt_graph_node(f->graph, node)->op;
}

static bool is_sum(tt_op op)
{
    return op == TT_OP_SUM || op == TT_OP_GREATEST || op == TT_OP_LEAST || op == TT_OP_LOG_SUM_EXP;
}

static int64_t add_place(fusing *f, const place *made)
{
    if (f->place_count == f->place_capacity) {
        uint32_t more = f->place_capacity > 0 ? 2 * f->place_capacity : 16;
        place *grown = realloc(f->place, more * sizeof(*grown));
        if (grown == NULL) {
            f->full = true;
            return 0;
        }
        f->place = grown;
        f->place_capacity = more;
    }
    for (uint32_t i = 0; i < f->place_count; i++)
        if (tt_same(f->place[i].stored, made->stored) && f->place[i].counted == made->counted &&
            f->place[i].operand == made->operand && f->place[i].offset == made->offset &&
            memcmp(f->place[i].stride, made->stride, sizeof(made->stride)) == 0)
            return i;
    f->place[f->place_count] = *made;
    return f->place_count++;
}

void tt_follow(const tt_graph *graph, tt_value value, tt_along at[TT_RANK_MAX])
{
    const tt_operation *n = tt_graph_node(graph, value.node);
    tt_value input = tt_graph_inputs(graph, value.node)[0];
    const tt_type *to = tt_graph_type(graph, value), *from = tt_graph_type(graph, input);
    tt_along out[TT_RANK_MAX];
    unsigned count = 0;
    const int64_t *first =
        n->word_count > 0 ? tt_graph_attribute(graph, value.node, 0, &count) : NULL;
    memcpy(out, at, sizeof(out));
    for (unsigned i = 0; i < from->rank; i++) {
        if (n->op == TT_OP_TRANSPOSE) {
            at[first[i]] = out[i];
        } else if (n->op == TT_OP_SLICE) {
            int64_t step = tt_graph_attribute(graph, value.node, 2, NULL)[i];
            at[i].offset = first[i] + out[i].offset * step;
            at[i].stride = out[i].stride * step;
        } else if (n->op == TT_OP_BROADCAST) {
            at[i] = from->size[i] == 1 ? (tt_along){0, 0, 0} : out[i + to->rank - from->rank];
        }
    }
    for (unsigned i = 0; n->op == TT_OP_FLIP && i < count; i++) {
        int64_t axis = first[i];
        at[axis].offset = to->size[axis] - 1 - out[axis].offset;
        at[axis].stride = -out[axis].stride;
    }
}

// The strides of what is stored, whose axes are walked as `at` says. In blocks of 16 images each
// element has the 16 side by side, and channels lie apart: [batch / 16][channel][row][column][16].
static void lie(const fusing *f, place *p, const tt_type *type, const tt_along *at)
{
    int64_t strides[TT_RANK_MAX] = {0};
    unsigned last = type->rank > 0 ? type->rank - 1u : 0;
    tt_strides(type, strides);
    if (!p->counted && f->groups->blocked[p->stored.node]) {
        p->batch = (int)at[0].axis;
        for (unsigned i = 1; i < last; i++)
            strides[i] = TT_LANES * (strides[i] / type->size[last]);
        strides[last] = TT_LANES * (strides[0] / type->size[last]);
        strides[0] *= TT_LANES;
    }
    for (unsigned i = 0; i < type->rank; i++) {
        p->offset += at[i].offset * strides[i];
        p->stride[at[i].axis] += at[i].stride * strides[i];
    }
}

void tt_fusing_batch(const place *p, unsigned axis, int64_t *block, int64_t *image)
{
    bool blocked = p->batch == (int)axis;
    int64_t stride = p->stride[axis]; // that may be written to
    *block = blocked ? stride : TT_LANES * stride;
    *image = blocked ? 1 : stride;
}

// Where the elements of `value` lie, whose own axes are walked as `at` says.
static int64_t find_place(fusing *f, tt_value value, tt_along at[TT_RANK_MAX], bool operand)
{
    place made = {
        .element = tt_graph_type(f->graph, value)->element, .batch = -1, .operand = operand};
    while (op_of(f, value.node) == TT_OP_STOP || op_of(f, value.node) == TT_OP_AFTER ||
           f->groups->how[value.node] == TT_LOWERED_SEEN) {
        if (f->groups->how[value.node] == TT_LOWERED_SEEN)
            tt_follow(f->graph, value, at);
        value = tt_graph_inputs(f->graph, value.node)[0];
    }
    const tt_type *type = tt_graph_type(f->graph, value);
    made.stored = tt_behind(f->groups, value);
    lie(f, &made, type, at);
    return add_place(f, &made);
}

// Where the elements of `value` lie, of which a node of `shape` reads those of its own place.
static int64_t place_of(fusing *f, tt_value value, const tt_type *shape)
{
    const tt_type *type = tt_graph_type(f->graph, value);
    tt_along at[TT_RANK_MAX] = {{0, 0, 0}};
    unsigned lead = f->group->domain.rank - shape->rank; // aligned at the last axis
    for (unsigned i = 0; i < type->rank; i++) {
        unsigned own = i + shape->rank - type->rank;
        at[i] = type->size[i] == 1 ? (tt_along){0, 0, 0} : (tt_along){0, 1, lead + own};
    }
    return find_place(f, value, at, false);
}

int64_t tt_fusing_operand(fusing *f, tt_value value)
{
    const tt_type *type = tt_graph_type(f->graph, value);
    tt_along at[TT_RANK_MAX] = {{0, 0, 0}};
    for (unsigned i = 0; i < type->rank; i++)
        at[i] = type->size[i] == 1 ? (tt_along){0, 0, 0} : (tt_along){0, 1, i};
    return find_place(f, value, at, true);
}

static int64_t iota_place(fusing *f, uint32_t node)
{
    place made = {.stored = {node, 0}, .counted = true, .element = TT_I32, .batch = -1};
    unsigned axis;
    const tt_type *type = tt_graph_type(f->graph, made.stored);
    tt_axis(tt_graph_attribute(f->graph, node, 2, NULL)[0], type->rank, &axis);
    if (type->size[axis] > 1)
        made.stride[axis] = 1;
    return add_place(f, &made);
}

// Where a member writes: its own type's rows, which are the domain's or its first axes.
static int64_t written_place(fusing *f, const member *m)
{
    tt_value value = {m->node, 0};
    const tt_type *type = tt_graph_type(f->graph, value);
    place made = {.stored = value, .element = type->element, .batch = -1};
    tt_along at[TT_RANK_MAX] = {{0, 0, 0}};
    for (unsigned i = 0; i < type->rank; i++) // lanes are of one element, too: not at one place
        if (type->size[i] > 1 || f->group->domain.size[i] == 1)
            at[i] = (tt_along){0, 1, i};
    lie(f, &made, type, at);
    return add_place(f, &made);
}

// Where the first member's second output is written, of the first's shape.
static int64_t second_place(fusing *f)
{
    place made = f->place[f->member[0].written];
    made.stored.output = 1;
    made.element = tt_graph_type(f->graph, made.stored)->element;
    return add_place(f, &made);
}

// Of what begins the group, one output behind the other.
static void find_written(fusing *f)
{
    member *m = &f->member[0];
    m->written = f->groups->stored[m->node] ? written_place(f, m) : -1;
    if (!f->full && f->group->pool && m->written >= 0 && f->groups->second[m->node])
        f->second = second_place(f);
}

static bool is_full(const fusing *f, uint32_t node)
{
    const tt_type *type = tt_graph_type(f->graph, (tt_value){node, 0});
    if (is_sum(op_of(f, node)))
        return false;
    return f->group->split < 0 ||
           memcmp(type->size, f->group->domain.size, sizeof(type->size)) == 0;
}

static unsigned reads_of(const fusing *f, const member *m)
{
    const tt_operation *n = tt_graph_node(f->graph, m->node);
    return n->op == TT_OP_IOTA ? 1u : n->input_count; // its own numbers
}

// Whether a sum is of a - greatest(a): cross-entropies are, so that large logits lose nothing.
static bool is_below_greatest(const fusing *f, const member *m)
{
    uint32_t at = m->read[0] < 0 ? (uint32_t)(-1 - m->read[0]) : UINT32_MAX;
    if (at == UINT32_MAX || op_of(f, f->member[at].node) != TT_OP_SUBTRACT)
        return false;
    const tt_value *inputs = tt_graph_inputs(f->graph, f->member[at].node);
    tt_value greatest = tt_straight(f->groups, inputs[1]);
    return index_of(f, greatest.node) != UINT32_MAX && op_of(f, greatest.node) == TT_OP_GREATEST &&
           tt_same(tt_straight(f->groups, tt_graph_inputs(f->graph, greatest.node)[0]),
                   tt_straight(f->groups, inputs[0]));
}

// What each member reads, and in which turn it can be computed.
static void find_reads(fusing *f, uint32_t index)
{
    member *m = &f->member[index];
    const tt_operation *n = tt_graph_node(f->graph, m->node);
    const tt_type *shape =
        m->sum ? &f->group->domain : tt_graph_type(f->graph, (tt_value){m->node, 0});
    for (unsigned i = 0; i < n->input_count; i++) {
        tt_value value = tt_graph_inputs(f->graph, m->node)[i];
        uint32_t other = index_of(f, tt_straight(f->groups, value).node);
        if (other == UINT32_MAX) {
            m->read[i] = place_of(f, value, shape);
            continue;
        }
        m->read[i] = -1 - (int64_t)other;
        unsigned turn = f->member[other].turn;
        m->turn = turn > m->turn ? turn : m->turn;
    }
    if (n->op == TT_OP_IOTA)
        m->read[0] = iota_place(f, m->node);
    m->below = n->op == TT_OP_LOG_SUM_EXP && is_below_greatest(f, m);
    if (m->sum)
        m->turn += n->op == TT_OP_LOG_SUM_EXP && !m->below ? 2 : 1;
    m->written = f->groups->stored[m->node] ? written_place(f, m) : -1;
}

static bool is_reduced(const fusing *f, unsigned axis)
{
    unsigned count;
    if (!f->group->across)
        return f->group->split >= 0 && (int)axis >= f->group->split;
    const int64_t *axes = tt_graph_attribute(f->graph, f->member[f->count - 1].node, 0, &count);
    if (f->blocked && axis == f->domain.rank - 1u) // the images of a block are as the blocks
        axis = 0;
    for (unsigned i = 0; i < count; i++)
        if (axes[i] == axis)
            return true;
    return false;
}

// Whether what is read or written lies in blocks of images, so that they are walked so.
static void find_blocks(fusing *f)
{
    f->domain = f->group->domain;
    for (uint32_t i = 0; i < f->place_count; i++)
        f->blocked |= !f->place[i].operand && f->place[i].batch == 0;
    if (!f->blocked)
        return;
    for (uint32_t i = 0; i < f->place_count; i++) {
        place *p = &f->place[i];
        if (!p->operand)
            tt_fusing_batch(p, 0, &p->stride[0], &p->stride[f->domain.rank]);
    }
    f->domain.size[0] /= TT_LANES;
    f->domain.size[f->domain.rank++] = TT_LANES;
}

// The axes in the order in which they lie: in blocks of images, channels before rows.
static unsigned nth_axis(const fusing *f, unsigned n)
{
    unsigned channels = f->domain.rank - 2u;
    if (!f->blocked || n == 0 || n > channels)
        return n;
    return n == 1 ? channels : n - 1;
}

// Joins neighbouring axes where everything lies in one row; leaves out those of one element.
static void find_axes(fusing *f)
{
    const tt_type *domain = &f->domain;
    walk_axis all[TT_RANK_MAX];
    unsigned count = 0;
    for (unsigned k = 0; k < domain->rank; k++) {
        unsigned i = nth_axis(f, k);
        bool reduced = is_reduced(f, i);
        if (domain->size[i] == 1)
            continue;
        bool joined = count > 0 && all[count - 1].reduced == reduced;
        for (uint32_t m = 0; joined && m < f->place_count; m++)
            joined =
                f->place[m].stride[all[count - 1].last] == f->place[m].stride[i] * domain->size[i];
        if (joined) {
            all[count - 1].last = i;
            all[count - 1].size *= domain->size[i];
        } else {
            all[count++] = (walk_axis){i, domain->size[i], reduced};
        }
    }
    for (unsigned pass = 0; pass < 2; pass++)
        for (unsigned i = 0; i < count; i++)
            if (all[i].reduced == (pass == 1)) {
                f->axis[f->axis_count++] = all[i];
                f->outer_count += pass == 0;
            }
}

uint32_t tt_fusing_open(fusing *f, unsigned axis, int64_t scale, tt_form_axis loop)
{
    uint32_t id = tt_form_loop(f->form, &loop);
    f->open[f->open_count].id = id;
    f->open[f->open_count].axis = axis;
    f->open[f->open_count++].scale = scale;
    return id;
}

void tt_fusing_close(fusing *f)
{
    tt_form_end(f->form);
    f->open_count--;
}

tt_affine tt_fusing_affine(const fusing *f, const place *p)
{
    tt_affine made = {.offset = p->offset};
    for (unsigned i = 0; i <= TT_RANK_MAX; i++)
        made.offset += p->stride[i] * f->fixed[i];
    for (unsigned i = 0; i < f->open_count; i++)
        tt_affine_add(&made, f->open[i].id,
                      p->stride[f->axis[f->open[i].axis].last] * f->open[i].scale);
    return made;
}

// A register of a place's elements, loaded once outside where it stays the same inside.
static tt_register load(fusing *f, int64_t index)
{
    place *p = &f->place[index];
    const tt_operation *n = tt_graph_node(f->graph, p->stored.node);
    bool outside = !p->inner;
    if (outside && p->outer_register != TT_NO_REGISTER)
        return p->outer_register;
    if (!outside && p->inner_at == f->nest && p->inner_register != TT_NO_REGISTER)
        return p->inner_register;
    tt_affine at = tt_fusing_affine(f, p);
    tt_register made;
    const tt_buffer *buffer =
        n->op == TT_OP_BUFFER
            ? tt_graph_buffer(f->graph,
                              (uint32_t)tt_graph_attribute(f->graph, p->stored.node, 0, NULL)[0])
            : NULL;
    if (p->counted) {
        made = tt_form_index(f->form, &at);
    } else if (buffer != NULL && buffer->kind == TT_CONSTANT && tt_type_count(&buffer->type) == 1 &&
               tt_form_kind_of((tt_element)p->element) != TT_FORM_NONE) {
        tt_cell cell = tt_cell_load((tt_element)buffer->type.element, buffer->data, 0);
        made = p->element == TT_F32    ? tt_form_number(f->form, (float)cell.f)
               : p->element == TT_BOOL ? tt_form_integer(f->form, cell.i != 0 ? -1 : 0)
                                       : tt_form_integer(f->form, (int32_t)cell.i);
    } else {
        tt_form_access access = {.buffer = (uint16_t)index, .element = p->element, .place = at};
        made = tt_form_load(f->form, &access, TT_NO_REGISTER, TT_NO_REGISTER);
    }
    if (outside) {
        p->outer_register = made;
    } else {
        p->inner_register = made;
        p->inner_at = f->nest;
    }
    return made;
}

// Whether a place is a constant of one element, which needs no load.
static bool is_number(const fusing *f, int64_t index)
{
    const place *p = &f->place[index];
    const tt_operation *n = tt_graph_node(f->graph, p->stored.node);
    if (p->counted || n->op != TT_OP_BUFFER)
        return false;
    const tt_buffer *buffer = tt_graph_buffer(
        f->graph, (uint32_t)tt_graph_attribute(f->graph, p->stored.node, 0, NULL)[0]);
    return buffer->kind == TT_CONSTANT && tt_type_count(&buffer->type) == 1;
}

static tt_register value_of(fusing *f, uint32_t index);

// exp(x - log(sum)), of an exp that was kept.
static tt_register share_kept(fusing *f, const member *m)
{
    const member *sum = &f->member[m->kept_by];
    const place *p = &f->place[sum->kept];
    tt_form_access access = {
        .buffer = (uint16_t)sum->kept, .element = TT_F32, .place = tt_fusing_affine(f, p)};
    tt_register kept = tt_form_load(f->form, &access, TT_NO_REGISTER, TT_NO_REGISTER);
    return tt_form_2(f->form, TT_FORM_MULTIPLY, kept, m->flat ? sum->up : sum->inverse);
}

// x / divisor as (x up) (1 / (divisor up)), within 1.5 ulp.
static tt_register by_inverse(fusing *f, const member *m, tt_register x)
{
    x = tt_form_2(f->form, TT_FORM_MULTIPLY, x, m->up);
    return tt_form_2(f->form, TT_FORM_MULTIPLY, x, m->inverse);
}

static tt_register read(fusing *f, const member *m, unsigned input)
{
    int64_t from = m->read[input];
    return from < 0 ? value_of(f, (uint32_t)(-1 - from)) : load(f, from);
}

// A member's register where the form is being built. Members are in order, so what one reads is
// never deeper than the group is long.
static tt_register value_of(fusing *f, uint32_t index)
{
    member *m = &f->member[index];
    if (m->is_made)
        return m->made;
    if (m->full && f->nest > 0 && m->inner_at == f->nest)
        return m->inner_made;
    const tt_operation *n = tt_graph_node(f->graph, m->node);
    tt_register operand[3] = {0, 0, 0};
    if (m->kept_by != UINT32_MAX && f->nest > 0)
        return m->inner_at = f->nest, m->inner_made = share_kept(f, m);
    for (unsigned i = 0; i < reads_of(f, m); i++)
        operand[i] = read(f, m, i);
    if (m->has_inverse && f->nest > 0)
        return m->inner_at = f->nest, m->inner_made = by_inverse(f, m, operand[0]);
    const tt_type *in =
        n->input_count > 0
            ? tt_graph_type(f->graph, tt_graph_inputs(f->graph, m->node)[n->input_count - 1u])
            : tt_graph_type(f->graph, (tt_value){m->node, 0});
    tt_register made = tt_form_compute(
        f->form, (tt_op)n->op, (tt_element)in->element,
        (tt_element)tt_graph_type(f->graph, (tt_value){m->node, 0})->element, operand);
    if (m->full && f->nest > 0) {
        m->inner_made = made;
        m->inner_at = f->nest;
    } else {
        m->made = made;
        m->is_made = true;
    }
    return made;
}

void tt_fusing_store(fusing *f, uint32_t index)
{
    member *m = &f->member[index];
    if (m->written < 0)
        return;
    const place *p = &f->place[m->written];
    tt_form_access access = {
        .buffer = (uint16_t)m->written, .element = p->element, .place = tt_fusing_affine(f, p)};
    tt_form_store(f->form, &access, value_of(f, index));
}

static tt_form_axis lanes_of(int64_t size)
{
    return (tt_form_axis){.end = size, .lanes = true};
}

// A loop over a part: numbers below `part`, and below what is left of `size`. The part's number
// is that of the loop opened as number `parts`.
tt_form_axis tt_fusing_rest(const fusing *f, unsigned parts, int64_t part, int64_t size, bool lanes)
{
    tt_form_axis axis = {.end = part, .lanes = lanes};
    if (size % part != 0) {
        axis.bounded = true;
        axis.divisor = 1;
        axis.from.offset = 0;
        axis.to.offset = size;
        tt_affine_add(&axis.to, f->open[parts].id, -part);
    }
    return axis;
}

// Puts the largest of the first `count` axes outside, where the first has too few numbers to share
// out. Their turns may come in any order.
static void choose_split(fusing *f, unsigned count)
{
    unsigned largest = 0;
    for (unsigned i = 1; i < count; i++)
        if (f->axis[i].size > f->axis[largest].size)
            largest = i;
    if (count == 0 || f->axis[0].size >= TURNS_ENOUGH)
        return;
    walk_axis first = f->axis[largest];
    memmove(&f->axis[1], &f->axis[0], largest * sizeof(first));
    f->axis[0] = first;
}

// Numbers of the last axis that are a turn of the split axis; 0: the first axis is split.
static int64_t part_of_last(const fusing *f)
{
    int64_t size = f->axis[f->axis_count - 1].size;
    if (f->axis_count == 1 && size <= CHUNK)
        return 0;
    if (f->axis_count > 1 &&
        (f->axis[0].size >= TURNS_ENOUGH || size < 4 * TURNS_ENOUGH * TT_LANES))
        return 0;
    int64_t part = (size / TURNS_ENOUGH + TT_LANES - 1) / TT_LANES * TT_LANES;
    return f->axis_count == 1 || part > CHUNK ? CHUNK : part;
}

// No sum: all axes but the last are loops, the last is lanes.
static void fuse_elements(fusing *f)
{
    unsigned last = f->axis_count - 1;
    choose_split(f, last);
    int64_t part = part_of_last(f), size = f->axis[last].size;
    if (part > 0) {
        f->fused->turns = (size + part - 1) / part;
        tt_fusing_open(f, last, part, (tt_form_axis){.end = f->fused->turns});
        f->form->split = true;
    }
    for (unsigned i = 0; i < last; i++) {
        tt_fusing_open(f, i, 1, (tt_form_axis){.end = f->axis[i].size});
        f->form->split = true;
        if (i == 0 && part == 0)
            f->fused->turns = f->axis[0].size;
    }
    tt_fusing_open(f, last, 1, part > 0 ? tt_fusing_rest(f, 0, part, size, true) : lanes_of(size));
    f->nest++;
    for (uint32_t i = 0; i < f->count; i++)
        tt_fusing_store(f, i);
    while (f->open_count > 0)
        tt_fusing_close(f);
}

// Which sums are added to in a turn: of log_sum_exp the greatest one first.
static bool sums_in(const fusing *f, uint32_t index, unsigned turn, bool *first_half)
{
    const member *m = &f->member[index];
    bool two = m->sum && op_of(f, m->node) == TT_OP_LOG_SUM_EXP && !m->below;
    *first_half = two && m->turn == turn + 2;
    return m->sum && (m->turn == turn + 1 || *first_half);
}

static bool is_greatest(tt_op op, bool first_half)
{
    return op == TT_OP_GREATEST || op == TT_OP_LEAST || first_half;
}

static void start_sums(fusing *f, unsigned turn)
{
    for (uint32_t i = 0; i < f->count; i++) {
        bool first_half;
        if (!sums_in(f, i, turn, &first_half))
            continue;
        member *m = &f->member[i];
        bool greatest = is_greatest(op_of(f, m->node), first_half);
        tt_register from = tt_form_number(f->form, greatest ? -(float)INFINITY : 0);
        m->sum_of = tt_form_start(f->form, from, false);
        if (!first_half)
            m->low = tt_form_start(f->form, from, false);
    }
}

// What is added: a member's element, or what log_sum_exp makes of it.
static tt_register summand(fusing *f, uint32_t index, bool first_half)
{
    member *m = &f->member[index];
    tt_op op = op_of(f, m->node);
    tt_register x = read(f, m, 0);
    if (op == TT_OP_LEAST)
        return tt_form_sign(f->form, x, TT_FORM_XOR, 0x80000000u);
    if (op != TT_OP_LOG_SUM_EXP || first_half)
        return x;
    if (!m->below)
        x = tt_form_2(f->form, TT_FORM_SUBTRACT, x, m->greatest);
    return tt_form_exp_below(f->form, x);
}

// The sum and what its rounding lost, after Knuth; where the sum is infinite that is no number.
static void add_exactly(tt_form *form, member *m, tt_register x)
{
    tt_register sum = tt_form_2(form, TT_FORM_ADD, m->sum_of, x);
    tt_register part = tt_form_2(form, TT_FORM_SUBTRACT, sum, m->sum_of);
    tt_register rest = tt_form_2(form, TT_FORM_SUBTRACT, sum, part);
    rest = tt_form_2(form, TT_FORM_SUBTRACT, m->sum_of, rest);
    part = tt_form_2(form, TT_FORM_SUBTRACT, x, part);
    rest = tt_form_2(form, TT_FORM_ADD, rest, part);
    tt_form_set(form, m->low, tt_form_2(form, TT_FORM_ADD, m->low, rest));
    tt_form_set(form, m->sum_of, sum);
}

// The greater, where what is no number need not win: it makes the second half of log_sum_exp none.
static tt_register greater(tt_form *form, tt_register a, tt_register b)
{
    return tt_form_make(form, TT_FORM_SELECT, tt_form_2(form, TT_FORM_LESS, b, a), a, b);
}

// The greatest number, and beside it what was none.
static void add_greatest(tt_form *form, const member *m, tt_register x)
{
    tt_register number = tt_form_2(form, TT_FORM_EQUAL, x, x);
    tt_form_set(form, m->sum_of, greater(form, x, m->sum_of));
    tt_form_set(form, m->low, tt_form_make(form, TT_FORM_SELECT, number, m->low, x));
}

// A part of the inner axes begins, or has been added up.
static void part_sums(fusing *f, unsigned turn, bool ends)
{
    for (uint32_t i = 0; i < f->count; i++) {
        member *m = &f->member[i];
        bool first_half;
        if (!sums_in(f, i, turn, &first_half) || is_greatest(op_of(f, m->node), first_half))
            continue;
        if (ends)
            add_exactly(f->form, m, m->part);
        else
            m->part = tt_form_start(f->form, tt_form_number(f->form, 0), false);
    }
}

static void keep(fusing *f, const member *m, tt_register x)
{
    const place *p = &f->place[m->kept];
    tt_form_access access = {
        .buffer = (uint16_t)m->kept, .element = TT_F32, .place = tt_fusing_affine(f, p)};
    tt_form_store(f->form, &access, x);
}

static void add_up(fusing *f, unsigned turn, bool in_parts)
{
    f->nest++;
    for (uint32_t i = 0; i < f->count; i++) {
        bool first_half;
        if (!sums_in(f, i, turn, &first_half))
            continue;
        member *m = &f->member[i];
        tt_register x = summand(f, i, first_half);
        if (m->kept >= 0 && !first_half)
            keep(f, m, x);
        if (first_half)
            tt_form_set(f->form, m->sum_of, greater(f->form, x, m->sum_of));
        else if (is_greatest(op_of(f, m->node), false))
            add_greatest(f->form, m, x);
        else if (in_parts)
            tt_form_set(f->form, m->part, tt_form_2(f->form, TT_FORM_ADD, m->part, x));
        else
            add_exactly(f->form, m, x);
    }
}

static bool adds_up(const fusing *f, unsigned turn)
{
    for (uint32_t i = 0; i < f->count; i++) {
        bool first_half;
        if (sums_in(f, i, turn, &first_half) &&
            !is_greatest(op_of(f, f->member[i].node), first_half))
            return true;
    }
    return false;
}

// The inner axes, in which the sums of a turn are added up and its members stored. Of a long last
// axis each lane adds PART numbers as they are, and then what they came to exactly.
static void nest_turn(fusing *f, unsigned turn, bool last_lanes)
{
    unsigned outer = f->outer_count, last = f->axis_count - 1;
    int64_t part = last_lanes ? PART * TT_LANES : PART;
    bool in_parts = f->axis[last].size >= 2 * part && adds_up(f, turn);
    for (unsigned i = outer; i < last; i++)
        tt_fusing_open(f, i, 1, (tt_form_axis){.end = f->axis[i].size});
    if (in_parts) {
        tt_fusing_open(f, last, part,
                       (tt_form_axis){.end = (f->axis[last].size + part - 1) / part});
        part_sums(f, turn, false);
        tt_fusing_open(f, last, 1,
                       tt_fusing_rest(f, f->open_count - 1, part, f->axis[last].size, last_lanes));
    } else {
        tt_fusing_open(f, last, 1, (tt_form_axis){.end = f->axis[last].size, .lanes = last_lanes});
    }
    add_up(f, turn, in_parts);
    for (uint32_t i = 0; i < f->count; i++) // loaded before something is written there
        if (f->member[i].kept_by != UINT32_MAX && f->member[i].turn <= turn)
            value_of(f, i);
    for (uint32_t i = 0; !f->group->across && i < f->count; i++)
        if (f->member[i].full && f->member[i].turn == turn)
            tt_fusing_store(f, i);
    tt_fusing_close(f);
    if (in_parts) {
        part_sums(f, turn, true);
        tt_fusing_close(f);
    }
    for (unsigned i = outer; i < last; i++)
        tt_fusing_close(f);
}

// up: 0 where the sum is 0.
static void invert_sum(tt_form *form, member *m, tt_register sum)
{
    tt_register zero = tt_form_number(form, 0);
    m->inverse = tt_form_2(form, TT_FORM_DIVIDE, tt_form_number(form, 1), sum);
    m->up = tt_form_make(form, TT_FORM_SELECT, tt_form_2(form, TT_FORM_EQUAL, sum, zero), zero,
                         m->inverse);
}

// What the sums of a turn came to, by joining lanes where these were summed over.
static void join_sums(fusing *f, unsigned turn, bool lanes)
{
    for (uint32_t i = 0; i < f->count; i++) {
        bool first_half;
        if (!sums_in(f, i, turn, &first_half))
            continue;
        member *m = &f->member[i];
        tt_op op = op_of(f, m->node);
        bool greatest = is_greatest(op, first_half);
        tt_register sum = m->sum_of;
        if (greatest && !first_half)
            sum = tt_form_better(f->form, m->low, sum, true);
        if (lanes)
            sum = greatest ? tt_form_1(f->form, TT_FORM_JOIN_GREATEST, sum)
                           : tt_form_2(f->form, TT_FORM_JOIN_BOTH, sum, m->low);
        else if (!greatest)
            sum = tt_form_make(f->form, TT_FORM_SELECT,
                               tt_form_2(f->form, TT_FORM_EQUAL, m->low, m->low),
                               tt_form_2(f->form, TT_FORM_ADD, sum, m->low), sum);
        if (op == TT_OP_LEAST)
            sum = tt_form_sign(f->form, sum, TT_FORM_XOR, 0x80000000u);
        if (first_half) { // what is infinite is not subtracted: inf - inf would be none
            tt_register inf = tt_form_number(f->form, (float)INFINITY);
            tt_register least = tt_form_number(f->form, -(float)INFINITY);
            tt_register above = tt_form_make(
                f->form, TT_FORM_SELECT, tt_form_2(f->form, TT_FORM_LESS, sum, inf), sum,
                tt_form_number(f->form, FLT_MAX)); // so that beside inf, exps are 0
            m->greatest =
                tt_form_make(f->form, TT_FORM_SELECT, tt_form_2(f->form, TT_FORM_EQUAL, sum, least),
                             tt_form_number(f->form, 0), above);
            continue;
        }
        if (m->kept >= 0)
            invert_sum(f->form, m, sum);
        if (op == TT_OP_LOG_SUM_EXP)
            sum = tt_form_log(f->form, sum);
        if (op == TT_OP_LOG_SUM_EXP && !m->below)
            sum = tt_form_2(f->form, TT_FORM_ADD, m->greatest, sum);
        m->made = sum;
        m->is_made = true;
    }
}

// Whether a full member divides by what is the same along its row.
static bool divides_by_row(const fusing *f, const member *m)
{
    int64_t by = m->full && op_of(f, m->node) == TT_OP_DIVIDE ? m->read[1] : INT64_MIN;
    if (by == INT64_MIN)
        return false;
    return by < 0 ? !f->member[-1 - by].full : !f->place[by].inner && !is_number(f, by);
}

// 1 / the divisor, which first is brought near 1 by a power of 2 where its inverse might be too
// small or too great for a float.
static void invert(fusing *f, member *m)
{
    tt_form *form = f->form;
    tt_register by = read(f, m, 1), size = tt_form_sign(form, by, TT_FORM_AND, 0x7fffffffu);
    tt_register great = tt_form_2(form, TT_FORM_LESS, tt_form_number(form, 0x1p100f), size);
    tt_register small = tt_form_2(form, TT_FORM_LESS, size, tt_form_number(form, 0x1p-100f));
    m->up = tt_form_make(form, TT_FORM_SELECT, great, tt_form_number(form, 0x1p-64f),
                         tt_form_number(form, 1));
    m->up = tt_form_make(form, TT_FORM_SELECT, small, tt_form_number(form, 0x1p64f), m->up);
    by = tt_form_2(form, TT_FORM_MULTIPLY, by, m->up);
    m->inverse = tt_form_2(form, TT_FORM_DIVIDE, tt_form_number(form, 1), by);
    m->has_inverse = true;
}

// Members outside of the inner axes that can be computed before a turn, and what stays the same
// inside.
static void before_turn(fusing *f, unsigned turn)
{
    f->nest = 0;
    for (uint32_t i = 0; i < f->count; i++) {
        member *m = &f->member[i];
        if (m->turn > turn && !m->sum) // a sum that reads a place has no other to wait for
            continue;
        if (!m->full && !m->sum) {
            value_of(f, i);
            continue;
        }
        for (unsigned k = 0; k < reads_of(f, m); k++)
            if (m->read[k] >= 0 && !f->place[m->read[k]].inner)
                load(f, m->read[k]);
        if (divides_by_row(f, m) && !m->has_inverse)
            invert(f, m);
    }
}

static unsigned last_turn(const fusing *f)
{
    unsigned last = 0;
    for (uint32_t i = 0; i < f->count; i++) {
        const member *m = &f->member[i];
        unsigned turn = m->sum ? m->turn - 1 : m->full && m->written >= 0 ? m->turn : 0;
        last = turn > last ? turn : last;
    }
    return last;
}

static bool works_in(const fusing *f, unsigned turn)
{
    for (uint32_t i = 0; i < f->count; i++) {
        const member *m = &f->member[i];
        bool first_half;
        if (sums_in(f, i, turn, &first_half) || (m->full && m->written >= 0 && m->turn == turn))
            return true;
    }
    return false;
}

static bool number_is(const fusing *f, tt_value value, double number)
{
    tt_value behind = tt_behind(f->groups, value);
    if (op_of(f, behind.node) != TT_OP_BUFFER)
        return false;
    const tt_buffer *buffer =
        tt_graph_buffer(f->graph, (uint32_t)tt_graph_attribute(f->graph, behind.node, 0, NULL)[0]);
    return buffer->kind == TT_CONSTANT && tt_type_count(&buffer->type) == 1 &&
           buffer->type.element == TT_F32 &&
           memcmp(&(double){tt_cell_load(TT_F32, buffer->data, 0).f}, &number, sizeof(number)) == 0;
}

// The log_sum_exp that is taken from something: as it is, or "flat", 0 where it is -infinity, as
// its derivative has it.
static uint32_t sum_taken(const fusing *f, tt_value value, bool *flat)
{
    uint32_t node = tt_straight(f->groups, value).node;
    *flat = op_of(f, node) == TT_OP_SELECT;
    if (*flat) {
        const tt_value *inputs = tt_graph_inputs(f->graph, node);
        uint32_t mask = tt_straight(f->groups, inputs[0]).node;
        node = tt_straight(f->groups, inputs[2]).node;
        if (!number_is(f, inputs[1], 0) || op_of(f, mask) != TT_OP_EQUAL)
            return UINT32_MAX;
        const tt_value *equal = tt_graph_inputs(f->graph, mask); // in either order
        unsigned number = number_is(f, equal[0], -(double)INFINITY) ? 0 : 1;
        if (!number_is(f, equal[number], -(double)INFINITY) ||
            tt_straight(f->groups, equal[1 - number]).node != node)
            return UINT32_MAX;
    }
    return op_of(f, node) == TT_OP_LOG_SUM_EXP ? index_of(f, node) : UINT32_MAX;
}

// The place of what is written at the very end.
static int64_t lent_place(fusing *f, unsigned last)
{
    for (uint32_t i = 0; i < f->count; i++) {
        member *m = &f->member[i];
        if (!m->full || m->written < 0 || m->turn != last || m->lends ||
            f->place[m->written].element != TT_F32)
            continue;
        m->lends = true;
        return m->written;
    }
    return -1;
}

// exp(x - log_sum_exp(x)) is a share of a sum whose exps were computed already. They are kept where
// something is written at the very end, until it is.
static void keep_exps(fusing *f, unsigned last)
{
    for (uint32_t i = 0; i < f->count; i++) {
        member *m = &f->member[i];
        int64_t of = op_of(f, m->node) == TT_OP_EXP && m->full ? m->read[0] : 0;
        if (of >= 0 || op_of(f, f->member[-1 - of].node) != TT_OP_SUBTRACT)
            continue;
        const member *below = &f->member[-1 - of];
        uint32_t at = sum_taken(f, tt_graph_inputs(f->graph, below->node)[1], &m->flat);
        if (at == UINT32_MAX || f->member[at].read[0] != below->read[0] ||
            f->member[at].turn > last)
            continue;
        if (f->member[at].kept < 0)
            f->member[at].kept = lent_place(f, last);
        if (f->member[at].kept >= 0)
            m->kept_by = at;
    }
}

static void fuse_rows(fusing *f)
{
    unsigned outer = f->outer_count, turns = last_turn(f);
    keep_exps(f, turns);
    choose_split(f, outer);
    for (unsigned i = 0; i < outer; i++) {
        tt_fusing_open(f, i, 1, (tt_form_axis){.end = f->axis[i].size});
        f->form->split = true;
        if (i == 0)
            f->fused->turns = f->axis[0].size;
    }
    uint32_t nests = 0;
    for (unsigned turn = 0; turn <= turns; turn++) {
        before_turn(f, turn);
        f->nest = nests;
        if (works_in(f, turn)) {
            start_sums(f, turn);
            nest_turn(f, turn, true);
            nests = f->nest;
            f->nest = 0;
            join_sums(f, turn, true);
        }
    }
    before_turn(f, UINT32_MAX - 1);
    for (uint32_t i = 0; i < f->count; i++)
        if (!f->member[i].full)
            tt_fusing_store(f, i);
    while (f->open_count > 0)
        tt_fusing_close(f);
}

// The sum is the last member; its kept axes are outside, lanes on the last of all axes.
static void fuse_across(fusing *f)
{
    unsigned outer = f->outer_count;
    bool lanes_kept = outer > 0 && f->axis[outer - 1].last > f->axis[f->axis_count - 1].last;
    uint32_t sum = f->count - 1;
    choose_split(f, outer - lanes_kept);
    for (unsigned i = 0; i < outer; i++) {
        bool lanes = lanes_kept && i == outer - 1;
        if (lanes && outer == 1 && f->axis[i].size > 4 * TT_LANES) {
            f->fused->turns = (f->axis[i].size + 4 * TT_LANES - 1) / (4 * TT_LANES);
            tt_fusing_open(f, i, 4 * TT_LANES, (tt_form_axis){.end = f->fused->turns});
            f->form->split = true;
            tt_fusing_open(f, i, 1, tt_fusing_rest(f, 0, 4 * TT_LANES, f->axis[i].size, true));
            continue;
        }
        tt_fusing_open(f, i, 1, (tt_form_axis){.end = f->axis[i].size, .lanes = lanes});
        if (i == 0 && !lanes) {
            f->form->split = true;
            f->fused->turns = f->axis[0].size;
        }
    }
    for (unsigned turn = 0; turn < f->member[sum].turn; turn++) {
        start_sums(f, turn);
        nest_turn(f, turn, !lanes_kept);
        join_sums(f, turn, !lanes_kept);
    }
    f->nest = 0;
    tt_fusing_store(f, sum);
    while (f->open_count > 0)
        tt_fusing_close(f);
}

static void mark_inner(fusing *f)
{
    for (uint32_t k = 0; k < f->place_count; k++) {
        place *p = &f->place[k];
        p->outer_register = p->inner_register = TT_NO_REGISTER;
        p->inner = f->group->split < 0; // one nest, or a sum across, in which all is inside
        for (unsigned i = f->outer_count; i < f->axis_count; i++)
            p->inner |= p->stride[f->axis[i].last] != 0;
    }
}

// Places become buffers: those that are read, and then those that are written.
static bool list_buffers(fusing *f)
{
    tt_fused *fused = f->fused;
    uint32_t count = f->place_count;
    uint16_t *buffer = calloc(2 * count + 1u, sizeof(*buffer)), *use = buffer + count;
    fused->values = calloc(count + 1u, sizeof(*fused->values));
    bool ok = buffer != NULL && fused->values != NULL;
    for (uint32_t i = 0; ok && i < f->form->access_count; i++)
        if (f->form->access[i].buffer != TT_FORM_LOCAL)
            use[f->form->access[i].buffer] |= 1;
    for (uint32_t i = 0; ok && i < f->count; i++)
        if (f->member[i].written >= 0)
            use[f->member[i].written] |= 2;
    if (ok && f->second >= 0)
        use[f->second] |= 2;
    for (unsigned written = 0; ok && written < 2; written++)
        for (uint32_t i = 0; i < count; i++) {
            uint32_t at = written != 0 ? fused->read_count : 0;
            uint32_t end = fused->read_count + fused->write_count;
            if (use[i] != (written != 0 ? 3 : 1))
                continue;
            while (at < end && !tt_same(fused->values[at], f->place[i].stored))
                at++;
            if (at == end) {
                fused->values[at] = f->place[i].stored;
                *(written != 0 ? &fused->write_count : &fused->read_count) += 1;
            }
            buffer[i] = (uint16_t)at;
        }
    for (uint32_t i = 0; ok && i < f->form->access_count; i++)
        if (f->form->access[i].buffer != TT_FORM_LOCAL)
            f->form->access[i].buffer = buffer[f->form->access[i].buffer];
    free(buffer);
    return ok;
}

static bool list_nodes(fusing *f)
{
    f->fused->nodes = calloc(f->count, sizeof(f->fused->nodes[0]));
    for (uint32_t i = 0; f->fused->nodes != NULL && i < f->count; i++)
        f->fused->nodes[i] = f->member[i].node;
    f->fused->node_count = f->count;
    return f->fused->nodes != NULL;
}

// A product or a pool walks the domain's axes as they are.
void tt_fusing_walk(fusing *f)
{
    find_blocks(f);
    for (unsigned i = 0; i < f->domain.rank; i++)
        f->axis[i] = (walk_axis){.last = i, .size = f->domain.size[i]};
    f->axis_count = f->domain.rank;
    mark_inner(f);
}

static void estimate(fusing *f)
{
    uint64_t cost = (uint64_t)tt_type_count(&f->group->domain);
    f->fused->cost = tt_cost_multiply(cost, f->form->length);
}

bool tt_fuse(const tt_groups *groups, uint32_t group, tt_fused *fused)
{
    const tt_group *g = &groups->group[group];
    fusing f = {.groups = groups,
                .graph = groups->graph,
                .group = g,
                .fused = fused,
                .form = &fused->form,
                .member = calloc(g->count + 1u, sizeof(member)),
                .count = g->count,
                .second = -1};
    *fused = (tt_fused){.turns = 1};
    tt_form_begin(&fused->form);
    f.full = f.member == NULL;
    for (uint32_t i = 0; !f.full && i < f.count; i++) {
        f.member[i].node = groups->member[g->first + i];
        f.member[i].kept = -1;
        f.member[i].kept_by = UINT32_MAX;
        f.member[i].sum = is_sum(op_of(&f, f.member[i].node));
    }
    for (uint32_t i = 0; !f.full && i < f.count; i++) {
        f.member[i].full = is_full(&f, f.member[i].node);
        if (i == 0 && (g->product || g->pool))
            find_written(&f);
        else
            find_reads(&f, i);
    }
    if (!f.full && (g->product || g->pool)) {
        const tt_unpool *unpool = groups->unpool[f.member[0].node];
        estimate(&f);
        if (g->product)
            tt_fuse_product(&f);
        else
            tt_fuse_pool(&f, unpool != NULL ? unpool->read : NULL);
    } else if (!f.full) {
        find_blocks(&f);
        find_axes(&f);
        bool lone = f.axis_count == (g->split >= 0 ? f.outer_count : 0);
        if (lone) // of one element
            f.axis[f.axis_count++] =
                (walk_axis){f.domain.rank > 0 ? f.domain.rank - 1u : 0, 1, g->split >= 0};
        if (lone && g->split < 0)
            f.outer_count = 1;
        mark_inner(&f);
        if (g->across)
            fuse_across(&f);
        else if (g->split >= 0)
            fuse_rows(&f);
        else
            fuse_elements(&f);
        estimate(&f);
    }
    f.full = f.full || fused->form.full || !list_buffers(&f) || !list_nodes(&f);
    tt_form_trim(&fused->form);
    free(f.member);
    free(f.place);
    return !f.full;
}

void tt_fused_free(tt_fused *fused)
{
    tt_form_free(&fused->form);
    free(fused->values);
    free(fused->nodes);
    *fused = (tt_fused){0};
}
