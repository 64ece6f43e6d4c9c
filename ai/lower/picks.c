// Sums of rows in which all elements but one are made 0, as the likelihood of a label is chosen
// from its row: they are that one, and nothing is added up.

#include "ai/lower/fusing.h"

static const member *member_read(const fusing *f, const member *m, unsigned input)
{
    return m->read[input] < 0 ? &f->member[-1 - m->read[input]] : NULL;
}

static unsigned last_axis(const fusing *f)
{
    return f->group->domain.rank - 1u;
}

static bool is_alike_in_a_row(const fusing *f, const member *m, unsigned input)
{
    const member *of = member_read(f, m, input);
    return of != NULL ? !of->full : f->place[m->read[input]].stride[last_axis(f)] == 0;
}

// The place that is read of each element, and what is subtracted from it, if anything.
static int64_t element_of(const fusing *f, const member *select, const member **difference)
{
    const member *of = member_read(f, select, 1);
    *difference = of;
    if (of == NULL)
        return select->read[1];
    if (tt_fusing_op_of(f, of->node) != TT_OP_SUBTRACT || !of->full || !is_alike_in_a_row(f, of, 1))
        return -1;
    return of->read[0];
}

// Of a mask that is set where a row's number is: the place of that number, else -1.
static int64_t number_of(const fusing *f, const member *mask)
{
    for (unsigned i = 0; i < 2; i++) {
        const member *count = member_read(f, mask, i);
        int64_t number = mask->read[1 - i];
        if (count == NULL || tt_fusing_op_of(f, count->node) != TT_OP_IOTA || number < 0)
            continue;
        const place *p = &f->place[number];
        if (f->place[count->read[0]].stride[last_axis(f)] == 1 && p->element == TT_I32 &&
            !p->counted && p->stride[last_axis(f)] == 0)
            return number;
    }
    return -1;
}

void tt_fusing_find_pick(fusing *f, member *m)
{
    const member *select = member_read(f, m, 0), *mask, *difference;
    if (tt_fusing_op_of(f, m->node) != TT_OP_SUM || f->group->across ||
        f->group->split != (int)last_axis(f) || select == NULL ||
        tt_fusing_op_of(f, select->node) != TT_OP_SELECT ||
        !tt_fusing_number_is(f, tt_graph_inputs(f->graph, select->node)[2], 0) ||
        (mask = member_read(f, select, 0)) == NULL || tt_fusing_op_of(f, mask->node) != TT_OP_EQUAL)
        return;
    int64_t element = element_of(f, select, &difference);
    if (element < 0 || f->place[element].counted || f->place[element].element != TT_F32 ||
        f->place[element].stride[last_axis(f)] < 1)
        return;
    m->picked_by = number_of(f, mask);
    if (m->picked_by < 0)
        return;
    m->sum = false;
    m->turn--; // it waits for no sum but those that it reads
}

// With 0 added, as sums are: not -0.
tt_register tt_fusing_pick(fusing *f, const member *m)
{
    const member *difference;
    int64_t element = element_of(f, member_read(f, m, 0), &difference);
    int64_t end = f->group->domain.size[last_axis(f)];
    tt_form *form = f->form;
    tt_register number = tt_fusing_load(f, m->picked_by), zero = tt_form_number(form, 0);
    tt_register in = tt_form_2(
        form, TT_FORM_AND, tt_form_2(form, TT_FORM_LESS_INTEGER, tt_form_integer(form, -1), number),
        tt_form_2(form, TT_FORM_LESS_INTEGER, number, tt_form_integer(form, (int32_t)end)));
    tt_form_access access = {.buffer = (uint16_t)element,
                             .element = TT_F32,
                             .place = tt_fusing_affine(f, &f->place[element]),
                             .index_stride = f->place[element].stride[last_axis(f)],
                             .index_end = end};
    tt_register picked = tt_form_load(form, &access, in, number);
    if (difference != NULL)
        picked = tt_form_2(form, TT_FORM_SUBTRACT, picked, tt_fusing_read(f, difference, 1));
    picked = tt_form_make(form, TT_FORM_SELECT, in, picked, zero);
    return tt_form_2(form, TT_FORM_ADD, zero, picked);
}
