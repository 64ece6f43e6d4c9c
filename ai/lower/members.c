// Members of a group: what each reads, and its register where the form is being built.

#include <math.h>
#include <string.h>

#include "ai/graph/shape.h"
#include "ai/lower/compute.h"
#include "ai/lower/fusing.h"

static uint32_t index_of(const fusing *f, uint32_t node)
{
    uint32_t first = f->group->product || f->group->pool, end = f->count;
    if (first > 0 && f->member[0].node == node) // the others are in the order of their nodes
        return 0;
    while (first < end) {
        uint32_t middle = (first + end) / 2;
        if (f->member[middle].node < node)
            first = middle + 1;
        else
            end = middle;
    }
    return first < f->count && f->member[first].node == node ? first : UINT32_MAX;
}

bool tt_fusing_is_full(const fusing *f, uint32_t node)
{
    const tt_type *type = tt_graph_type(f->graph, (tt_value){node, 0});
    if (tt_groups_is_sum(tt_fusing_op_of(f, node)))
        return false;
    return f->group->split < 0 ||
           memcmp(type->size, f->group->domain.size, sizeof(type->size)) == 0;
}

unsigned tt_fusing_reads_of(const fusing *f, const member *m)
{
    const tt_operation *n = tt_graph_node(f->graph, m->node);
    return n->op == TT_OP_IOTA ? 1u : n->input_count; // its own numbers
}

// Whether a sum is of a - greatest(a): cross-entropies are, so that large logits lose nothing.
static bool is_below_greatest(const fusing *f, const member *m)
{
    uint32_t at = m->read[0] < 0 ? (uint32_t)(-1 - m->read[0]) : UINT32_MAX;
    if (at == UINT32_MAX || tt_fusing_op_of(f, f->member[at].node) != TT_OP_SUBTRACT)
        return false;
    const tt_value *inputs = tt_graph_inputs(f->graph, f->member[at].node);
    tt_value greatest = tt_straight(f->groups, inputs[1]);
    return index_of(f, greatest.node) != UINT32_MAX &&
           tt_fusing_op_of(f, greatest.node) == TT_OP_GREATEST &&
           tt_same(tt_straight(f->groups, tt_graph_inputs(f->graph, greatest.node)[0]),
                   tt_straight(f->groups, inputs[0]));
}

// What each member reads, and in which turn it can be computed.
void tt_fusing_find_reads(fusing *f, uint32_t index)
{
    member *m = &f->member[index];
    const tt_operation *n = tt_graph_node(f->graph, m->node);
    const tt_type *shape =
        m->sum ? &f->group->domain : tt_graph_type(f->graph, (tt_value){m->node, 0});
    for (unsigned i = 0; i < n->input_count; i++) {
        tt_value value = tt_graph_inputs(f->graph, m->node)[i];
        uint32_t other = index_of(f, tt_straight(f->groups, value).node);
        if (other == UINT32_MAX) {
            m->read[i] = tt_fusing_place_of(f, value, shape);
            continue;
        }
        m->read[i] = -1 - (int64_t)other;
        unsigned turn = f->member[other].turn;
        m->turn = turn > m->turn ? turn : m->turn;
    }
    if (n->op == TT_OP_IOTA)
        m->read[0] = tt_fusing_iota_place(f, m->node);
    m->below = n->op == TT_OP_LOG_SUM_EXP && is_below_greatest(f, m);
    if (m->sum)
        m->turn += n->op == TT_OP_LOG_SUM_EXP && !m->below ? 2 : 1;
    tt_fusing_find_pick(f, m);
    m->written = f->groups->stored[m->node] ? tt_fusing_written_place(f, m) : -1;
}

// A register of a place's elements, loaded once outside where it stays the same inside.
tt_register tt_fusing_load(fusing *f, int64_t index)
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
bool tt_fusing_is_number(const fusing *f, int64_t index)
{
    const place *p = &f->place[index];
    const tt_operation *n = tt_graph_node(f->graph, p->stored.node);
    if (p->counted || n->op != TT_OP_BUFFER)
        return false;
    const tt_buffer *buffer = tt_graph_buffer(
        f->graph, (uint32_t)tt_graph_attribute(f->graph, p->stored.node, 0, NULL)[0]);
    return buffer->kind == TT_CONSTANT && tt_type_count(&buffer->type) == 1;
}

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

tt_register tt_fusing_read(fusing *f, const member *m, unsigned input)
{
    int64_t from = m->read[input];
    return from < 0 ? tt_fusing_value_of(f, (uint32_t)(-1 - from)) : tt_fusing_load(f, from);
}

// A member's register where the form is being built. A member reads earlier nodes, so what one
// reads is never deeper than the group is long.
tt_register tt_fusing_value_of(fusing *f, uint32_t index)
{
    member *m = &f->member[index];
    if (m->is_made)
        return m->made;
    if (m->full && f->nest > 0 && m->inner_at == f->nest)
        return m->inner_made;
    if (m->picked_by >= 0)
        return m->is_made = true, m->made = tt_fusing_pick(f, m);
    const tt_operation *n = tt_graph_node(f->graph, m->node);
    tt_register operand[3] = {0, 0, 0};
    if (m->kept_by != UINT32_MAX && f->nest > 0)
        return m->inner_at = f->nest, m->inner_made = share_kept(f, m);
    for (unsigned i = 0; i < tt_fusing_reads_of(f, m); i++)
        operand[i] = tt_fusing_read(f, m, i);
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
    tt_form_store(f->form, &access, tt_fusing_value_of(f, index));
}

bool tt_fusing_number_is(const fusing *f, tt_value value, double number)
{
    tt_value behind = tt_behind(f->groups, value);
    if (tt_fusing_op_of(f, behind.node) != TT_OP_BUFFER)
        return false;
    const tt_buffer *buffer =
        tt_graph_buffer(f->graph, (uint32_t)tt_graph_attribute(f->graph, behind.node, 0, NULL)[0]);
    return buffer->kind == TT_CONSTANT && tt_type_count(&buffer->type) == 1 &&
           buffer->type.element == TT_F32 &&
           memcmp(&(double){tt_cell_load(TT_F32, buffer->data, 0).f}, &number, sizeof(number)) == 0;
}

// The log_sum_exp that is taken from something: as it is, or "flat", 0 where it is -infinity, as
// its derivative has it.
uint32_t tt_fusing_sum_taken(const fusing *f, tt_value value, bool *flat)
{
    uint32_t node = tt_straight(f->groups, value).node;
    *flat = tt_fusing_op_of(f, node) == TT_OP_SELECT;
    if (*flat) {
        const tt_value *inputs = tt_graph_inputs(f->graph, node);
        uint32_t mask = tt_straight(f->groups, inputs[0]).node;
        node = tt_straight(f->groups, inputs[2]).node;
        if (!tt_fusing_number_is(f, inputs[1], 0) || tt_fusing_op_of(f, mask) != TT_OP_EQUAL)
            return UINT32_MAX;
        const tt_value *equal = tt_graph_inputs(f->graph, mask); // in either order
        unsigned number = tt_fusing_number_is(f, equal[0], -(double)INFINITY) ? 0 : 1;
        if (!tt_fusing_number_is(f, equal[number], -(double)INFINITY) ||
            tt_straight(f->groups, equal[1 - number]).node != node)
            return UINT32_MAX;
    }
    return tt_fusing_op_of(f, node) == TT_OP_LOG_SUM_EXP ? index_of(f, node) : UINT32_MAX;
}
