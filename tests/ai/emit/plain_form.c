#include "tests/ai/emit/plain_form.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ai/graph/element.h"
#include "ai/run/block_elements.h"

typedef tt_word row[TT_LANES];

typedef struct plain {
    const tt_form *form;
    void *const *buffers;
    void *local;
    row *made;       // by register; of uniform ones the first lane counts
    int64_t *number; // of axes, in the first lane
    uint32_t lanes;  // the open axis of lanes, or TT_NO_REGISTER
    int64_t left;    // numbers of it that are not idle, from this turn on
    int64_t from, to;
} plain;

static int64_t number_at(const plain *p, const tt_affine *place, unsigned lane)
{
    int64_t number = place->offset;
    for (unsigned i = 0; i < place->count; i++)
        number += place->term[i].stride *
                  (p->number[place->term[i].axis] + (place->term[i].axis == p->lanes ? lane : 0));
    return number;
}

static tt_word operand(const plain *p, tt_register of, unsigned lane)
{
    return p->made[of][p->form->code[of].uniform ? 0 : lane];
}

static bool is_idle(const plain *p, unsigned lane)
{
    return p->lanes != TT_NO_REGISTER && lane >= p->left;
}

static void *buffer_of(const plain *p, const tt_form_access *access)
{
    return access->buffer == TT_FORM_LOCAL ? p->local : p->buffers[access->buffer];
}

static tt_word load_one(const plain *p, const tt_instruction *i, unsigned lane)
{
    const tt_form_access *access = &p->form->access[i->a];
    tt_element element = (tt_element)access->element;
    int64_t place = number_at(p, &access->place, lane);
    if (i->b != TT_NO_REGISTER && operand(p, i->b, lane).i == 0)
        return (tt_word){.i = 0};
    if (i->c != TT_NO_REGISTER)
        place += (int32_t)operand(p, i->c, lane).i * access->index_stride;
    tt_cell cell = tt_cell_load(element, buffer_of(p, access), place);
    if (tt_element_is_float(element))
        return (tt_word){.f = (float)cell.f};
    return (tt_word){.i = element == TT_BOOL && cell.i != 0 ? UINT32_MAX : (uint32_t)cell.u};
}

static void store_one(const plain *p, const tt_instruction *i, unsigned lane)
{
    const tt_form_access *access = &p->form->access[i->a];
    tt_element element = (tt_element)access->element;
    tt_word word = operand(p, i->b, lane);
    tt_cell cell = {.i = element == TT_BOOL ? word.i != 0 : (int32_t)word.i};
    if (tt_element_is_float(element))
        cell.f = (double)word.f;
    tt_cell_store(element, buffer_of(p, access), number_at(p, &access->place, lane),
                  tt_cell_fit(element, cell));
}

// ---- arithmetic

static int32_t cut(float x)
{
    if (isnan(x))
        return 0;
    return x >= 0x1p31f ? INT32_MAX : x <= -0x1p31f ? INT32_MIN : (int32_t)x;
}

static float made_float(tt_form_op op, float a, float b, float c, uint32_t bits)
{
    switch (op) {
    case TT_FORM_ADD:
        return a + b;
    case TT_FORM_SUBTRACT:
        return a - b;
    case TT_FORM_MULTIPLY:
        return a * b;
    case TT_FORM_DIVIDE:
        return a / b;
    case TT_FORM_FMA:
        return fmaf(a, b, c);
    case TT_FORM_SQRT:
        return sqrtf(a);
    case TT_FORM_FLOOR:
        return floorf(a);
    case TT_FORM_CEIL:
        return ceilf(a);
    case TT_FORM_NEAREST:
        return nearbyintf(a);
    default: // TT_FORM_TO_FLOAT
        return (float)(int32_t)bits;
    }
}

static uint32_t made_integer(tt_form_op op, tt_word x, tt_word y)
{
    uint32_t a = x.i, b = y.i;
    switch (op) {
    case TT_FORM_LESS:
        return x.f < y.f ? UINT32_MAX : 0;
    case TT_FORM_LESS_OR_EQUAL:
        return x.f <= y.f ? UINT32_MAX : 0;
    case TT_FORM_EQUAL:
        return x.f == y.f ? UINT32_MAX : 0;
    case TT_FORM_ADD_INTEGER:
        return a + b;
    case TT_FORM_SUBTRACT_INTEGER:
        return a - b;
    case TT_FORM_MULTIPLY_INTEGER:
        return a * b;
    case TT_FORM_MULTIPLY_HIGH:
        return (uint32_t)((uint64_t)a * b >> 32);
    case TT_FORM_AND:
        return a & b;
    case TT_FORM_OR:
        return a | b;
    case TT_FORM_XOR:
        return a ^ b;
    case TT_FORM_LEFT:
        return a << b;
    case TT_FORM_RIGHT:
        return a >> b;
    case TT_FORM_RIGHT_SIGNED:
        return (uint32_t)((int32_t)a >> b);
    case TT_FORM_LESS_INTEGER:
        return (int32_t)a < (int32_t)b ? UINT32_MAX : 0;
    case TT_FORM_EQUAL_INTEGER:
        return a == b ? UINT32_MAX : 0;
    case TT_FORM_TO_INTEGER:
        return (uint32_t)cut(x.f);
    default: // the same bits, as one or the other
        return a;
    }
}

static tt_word made_of(const plain *p, const tt_instruction *i, unsigned lane)
{
    tt_form_op op = (tt_form_op)i->op;
    const tt_register from[] = {i->a, i->b, i->c};
    tt_word x[3] = {{0}};
    for (unsigned o = 0; o < tt_form_operands(op); o++)
        x[o] = operand(p, from[o], lane);
    if (op == TT_FORM_SELECT)
        return x[0].i != 0 ? x[1] : x[2];
    if (i->kind == TT_FORM_F32 && op != TT_FORM_AS_FLOAT)
        return (tt_word){.f = made_float(op, x[0].f, x[1].f, x[2].f, x[0].i)};
    return (tt_word){.i = made_integer(op, x[0], x[1])};
}

static float joined(const plain *p, const tt_instruction *i)
{
    double sum[TT_LANES];
    float most[TT_LANES];
    for (unsigned l = 0; l < TT_LANES; l++) {
        most[l] = operand(p, i->a, l).f;
        sum[l] = (double)most[l];
        if (i->op == TT_FORM_JOIN_BOTH) {
            float low = operand(p, i->b, l).f;
            sum[l] += isnan(low) ? 0 : (double)low;
        }
    }
    for (unsigned half = TT_LANES / 2; half > 0; half /= 2)
        for (unsigned l = 0; l < half; l++) {
            sum[l] += sum[l + half];
            if (most[l] < most[l + half] || isnan(most[l + half]))
                most[l] = most[l + half];
        }
    return i->op == TT_FORM_JOIN_GREATEST ? most[0] : (float)sum[0];
}

// ---- the list

static void run_all(plain *p, uint32_t at, uint32_t end);

static bool is_number(const plain *p, const tt_form_axis *axis, bool split, int64_t number)
{
    if (split && (number < p->from || number >= p->to))
        return false;
    return !axis->bounded || (number * axis->divisor >= number_at(p, &axis->from, 0) &&
                              number * axis->divisor < number_at(p, &axis->to, 0));
}

static void run_loop(plain *p, uint32_t at, uint32_t end)
{
    uint32_t axis = p->form->code[at].a, around = p->lanes;
    const tt_form_axis *about = &p->form->axis[axis];
    bool split = at == 0 && p->form->split;
    int64_t first = about->first, last = about->end;
    while (first < last && !is_number(p, about, split, first))
        first++;
    while (first < last && !is_number(p, about, split, last - 1))
        last--;
    for (int64_t number = first; number < last; number += about->lanes ? TT_LANES : 1) {
        p->number[axis] = number;
        if (about->lanes) {
            p->lanes = axis;
            p->left = last - number;
        }
        run_all(p, at + 1, end);
    }
    p->lanes = around;
}

static uint32_t end_of(const tt_form *form, uint32_t loop)
{
    unsigned open = 1;
    uint32_t at = loop;
    while (open > 0) {
        at++;
        open += form->code[at].op == TT_FORM_LOOP;
        open -= form->code[at].op == TT_FORM_END;
    }
    return at;
}

static void run_one(plain *p, uint32_t at)
{
    const tt_instruction *i = &p->form->code[at];
    bool of_started = i->op == TT_FORM_SET, stores = i->op == TT_FORM_STORE;
    bool uniform = of_started ? p->form->code[i->a].uniform : i->uniform;
    for (unsigned l = 0; l < (uniform ? 1 : TT_LANES); l++) {
        bool idle = !uniform && is_idle(p, l);
        if (of_started && !idle)
            p->made[i->a][l] = operand(p, i->b, l);
        else if (stores && !idle)
            store_one(p, i, l);
        if (of_started || stores)
            continue;
        tt_word *to = &p->made[at][l];
        if (i->op == TT_FORM_LOAD)
            *to = idle ? (tt_word){.i = 0} : load_one(p, i, l);
        else if (i->op == TT_FORM_NUMBER || i->op == TT_FORM_INTEGER)
            to->i = i->bits;
        else if (i->op == TT_FORM_INDEX)
            to->i = (uint32_t)number_at(p, &p->form->place[i->a], l);
        else if (i->op == TT_FORM_START)
            *to = operand(p, i->a, l);
        else if (tt_form_joins((tt_form_op)i->op))
            to->f = joined(p, i);
        else
            *to = made_of(p, i, l);
    }
}

static void run_all(plain *p, uint32_t at, uint32_t end)
{
    for (; at < end; at++) {
        if (p->form->code[at].op != TT_FORM_LOOP) {
            run_one(p, at);
            continue;
        }
        uint32_t last = end_of(p->form, at);
        run_loop(p, at, last);
        at = last;
    }
}

bool plain_form_run(const tt_form *form, void *const *buffers, int64_t from, int64_t to,
                    void *local)
{
    plain p = {.form = form,
               .buffers = buffers,
               .local = local,
               .made = calloc(form->length + 1u, sizeof(*p.made)),
               .number = calloc(form->axis_count + 1u, sizeof(*p.number)),
               .lanes = TT_NO_REGISTER,
               .from = from,
               .to = to};
    bool ok = p.made != NULL && p.number != NULL;
    if (ok)
        run_all(&p, 0, form->length);
    free(p.made);
    free(p.number);
    return ok;
}
