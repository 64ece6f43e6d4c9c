// Forms are built here: lists that grow, kinds that follow from operands.

#include "ai/lower/form.h"

#include <stdlib.h>
#include <string.h>

void tt_form_begin(tt_form *form)
{
    *form = (tt_form){.lanes = TT_NO_REGISTER};
}

void tt_form_free(tt_form *form)
{
    free(form->code);
    free(form->axis);
    free(form->access);
    free(form->place);
    tt_form_begin(form);
}

static void *trimmed(void *items, uint32_t count, uint32_t *capacity, size_t size)
{
    void *less = count > 0 ? realloc(items, count * size) : items;
    *capacity = less != NULL ? count : *capacity;
    return less != NULL ? less : items;
}

void tt_form_trim(tt_form *form)
{
    form->code = trimmed(form->code, form->length, &form->code_capacity, sizeof(form->code[0]));
    form->axis = trimmed(form->axis, form->axis_count, &form->axis_capacity, sizeof(form->axis[0]));
    form->access =
        trimmed(form->access, form->access_count, &form->access_capacity, sizeof(form->access[0]));
    form->place =
        trimmed(form->place, form->place_count, &form->place_capacity, sizeof(form->place[0]));
}

// Room for one more; false and `full` where there is none.
static bool grow(tt_form *form, void **items, uint32_t count, uint32_t *capacity, size_t size)
{
    if (form->full)
        return false;
    if (count < *capacity)
        return true;
    uint32_t more = *capacity > 0 ? 2 * *capacity : 4;
    void *grown = realloc(*items, more * size);
    form->full = grown == NULL;
    if (grown == NULL)
        return false;
    *items = grown;
    *capacity = more;
    return true;
}

static tt_register append(tt_form *form, tt_instruction instruction)
{
    void *items = form->code;
    bool room = grow(form, &items, form->length, &form->code_capacity, sizeof(form->code[0]));
    form->code = items;
    if (!room)
        return 0;
    form->code[form->length] = instruction;
    return form->length++;
}

static tt_instruction of(tt_form_op op, tt_form_kind kind, bool uniform)
{
    return (tt_instruction){.op = (uint8_t)op,
                            .kind = (uint8_t)kind,
                            .uniform = uniform,
                            .a = TT_NO_REGISTER,
                            .b = TT_NO_REGISTER,
                            .c = TT_NO_REGISTER};
}

uint32_t tt_form_loop(tt_form *form, const tt_form_axis *axis)
{
    void *items = form->axis;
    bool room = grow(form, &items, form->axis_count, &form->axis_capacity, sizeof(form->axis[0]));
    form->axis = items;
    if (!room)
        return 0;
    tt_instruction loop = of(TT_FORM_LOOP, TT_FORM_NONE, true);
    loop.a = form->axis_count;
    form->axis[form->axis_count] = *axis;
    if (axis->lanes)
        form->lanes = form->axis_count;
    form->depth++;
    append(form, loop);
    return form->axis_count++;
}

void tt_form_end(tt_form *form)
{
    if (form->full)
        return;
    // The loop that this closes: where lanes were its, there are none behind it.
    uint32_t open = 0, at = form->length;
    while (at > 0) {
        const tt_instruction *i = &form->code[--at];
        if (i->op == TT_FORM_END)
            open++;
        else if (i->op == TT_FORM_LOOP && open-- == 0)
            break;
    }
    if (form->code[at].op == TT_FORM_LOOP && form->code[at].a == form->lanes)
        form->lanes = TT_NO_REGISTER;
    form->depth--;
    append(form, of(TT_FORM_END, TT_FORM_NONE, true));
}

static bool varies(const tt_form *form, const tt_affine *place)
{
    for (unsigned i = 0; i < place->count; i++)
        if (form->lanes != TT_NO_REGISTER && place->term[i].axis == form->lanes &&
            place->term[i].stride != 0)
            return true;
    return false;
}

static bool is_uniform(const tt_form *form, tt_register at)
{
    return at == TT_NO_REGISTER || at >= form->length || form->code[at].uniform;
}

static uint32_t add_access(tt_form *form, const tt_form_access *access)
{
    void *items = form->access;
    bool room =
        grow(form, &items, form->access_count, &form->access_capacity, sizeof(form->access[0]));
    form->access = items;
    if (!room)
        return 0;
    form->access[form->access_count] = *access;
    return form->access_count++;
}

tt_register tt_form_load(tt_form *form, const tt_form_access *access, tt_register guard,
                         tt_register index)
{
    tt_instruction load =
        of(TT_FORM_LOAD, tt_form_kind_of((tt_element)access->element),
           !varies(form, &access->place) && is_uniform(form, guard) && is_uniform(form, index));
    load.a = add_access(form, access);
    load.b = guard;
    load.c = index;
    return append(form, load);
}

void tt_form_store(tt_form *form, const tt_form_access *access, tt_register value)
{
    tt_instruction store = of(TT_FORM_STORE, TT_FORM_NONE, !varies(form, &access->place));
    store.a = add_access(form, access);
    store.b = value;
    append(form, store);
}

tt_register tt_form_number(tt_form *form, float number)
{
    tt_instruction i = of(TT_FORM_NUMBER, TT_FORM_F32, true);
    memcpy(&i.bits, &number, sizeof(i.bits));
    return append(form, i);
}

tt_register tt_form_integer(tt_form *form, int32_t number)
{
    tt_instruction i = of(TT_FORM_INTEGER, TT_FORM_I32, true);
    i.bits = (uint32_t)number;
    return append(form, i);
}

tt_register tt_form_index(tt_form *form, const tt_affine *place)
{
    void *items = form->place;
    bool room =
        grow(form, &items, form->place_count, &form->place_capacity, sizeof(form->place[0]));
    form->place = items;
    if (!room)
        return 0;
    tt_instruction index = of(TT_FORM_INDEX, TT_FORM_I32, !varies(form, place));
    index.a = form->place_count;
    form->place[form->place_count++] = *place;
    return append(form, index);
}

tt_register tt_form_start(tt_form *form, tt_register value, bool uniform)
{
    if (form->full)
        return 0;
    tt_instruction start = of(TT_FORM_START, (tt_form_kind)form->code[value].kind, uniform);
    start.a = value;
    return append(form, start);
}

void tt_form_set(tt_form *form, tt_register started, tt_register value)
{
    tt_instruction set = of(TT_FORM_SET, TT_FORM_NONE, true);
    set.a = started;
    set.b = value;
    append(form, set);
}

static tt_form_kind kind_made(const tt_form *form, tt_form_op op, tt_register b)
{
    if (op == TT_FORM_SELECT)
        return (tt_form_kind)form->code[b].kind;
    if (op == TT_FORM_LESS || op == TT_FORM_LESS_OR_EQUAL || op == TT_FORM_EQUAL ||
        op == TT_FORM_TO_INTEGER || op == TT_FORM_AS_INTEGER ||
        (op >= TT_FORM_ADD_INTEGER && op <= TT_FORM_EQUAL_INTEGER))
        return TT_FORM_I32;
    return TT_FORM_F32;
}

tt_register tt_form_make(tt_form *form, tt_form_op op, tt_register a, tt_register b, tt_register c)
{
    if (form->full)
        return 0;
    bool joined = tt_form_joins(op);
    tt_instruction i =
        of(op, kind_made(form, op, b),
           joined || (is_uniform(form, a) && is_uniform(form, b) && is_uniform(form, c)));
    i.a = a;
    i.b = b;
    i.c = c;
    return append(form, i);
}

void tt_affine_add(tt_affine *to, uint32_t axis, int64_t stride)
{
    for (unsigned i = 0; i < to->count; i++)
        if (to->term[i].axis == axis) {
            to->term[i].stride += stride;
            return;
        }
    if (stride != 0 && to->count < TT_TERMS_MAX)
        to->term[to->count++] = (tt_term){axis, stride};
}

int64_t tt_affine_stride(const tt_affine *place, uint32_t axis)
{
    int64_t stride = 0;
    for (unsigned i = 0; i < place->count; i++)
        if (place->term[i].axis == axis)
            stride += place->term[i].stride;
    return stride;
}

bool tt_form_same_place(const tt_form_access *a, const tt_form_access *b, uint32_t axis)
{
    if (a->element != b->element || a->place.offset != b->place.offset ||
        a->place.count != b->place.count || tt_affine_stride(&a->place, axis) == 0)
        return false;
    for (unsigned i = 0; i < a->place.count; i++)
        if (a->place.term[i].axis != b->place.term[i].axis ||
            a->place.term[i].stride != b->place.term[i].stride)
            return false;
    return true;
}

tt_form_kind tt_form_kind_of(tt_element element)
{
    switch (element) {
    case TT_F32:
    case TT_F16:
    case TT_BF16:
        return TT_FORM_F32;
    case TT_I8:
    case TT_I16:
    case TT_I32:
    case TT_I64:
    case TT_U8:
    case TT_U16:
    case TT_U32:
    case TT_BOOL:
        return TT_FORM_I32;
    default:
        return TT_FORM_NONE;
    }
}

unsigned tt_form_operands(tt_form_op op)
{
    switch (op) {
    case TT_FORM_FMA:
    case TT_FORM_SELECT:
        return 3;
    case TT_FORM_JOIN:
    case TT_FORM_JOIN_GREATEST:
    case TT_FORM_SQRT:
    case TT_FORM_FLOOR:
    case TT_FORM_CEIL:
    case TT_FORM_NEAREST:
    case TT_FORM_TO_FLOAT:
    case TT_FORM_TO_INTEGER:
    case TT_FORM_AS_FLOAT:
    case TT_FORM_AS_INTEGER:
        return 1;
    default:
        return op == TT_FORM_JOIN_BOTH || (op >= TT_FORM_ADD && op < TT_FORM_OP_COUNT) ? 2 : 0;
    }
}
