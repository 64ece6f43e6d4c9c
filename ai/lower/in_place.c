// Forms that may write where they read.
//
// Of a load and a store, the loops around both are common, and the rest are each one's own. Within
// a turn of the common loops, all that is loaded is loaded before anything is stored, if the load
// stands first. What remains is that turns of the common loops touch parts of memory that are
// apart: then no order of turns matters.

#include "ai/lower/in_place.h"

#include <stdlib.h>

#define DEPTH 24 // loops around an instruction; deeper ones are refused

typedef struct around {
    uint32_t axis[DEPTH];
    unsigned count;
} around;

static int64_t numbers_of(const tt_form *form, uint32_t axis)
{
    const tt_form_axis *a = &form->axis[axis];
    return a->end > a->first ? a->end - a->first : 0;
}

// A loop over a part of what another counts the parts of: both together stay below `whole`.
static bool is_part(const tt_form *form, const tt_affine *place, uint32_t axis, uint32_t *parts,
                    int64_t *whole)
{
    const tt_form_axis *a = &form->axis[axis];
    if (!a->bounded || a->divisor != 1 || a->to.count != 1 || a->first != 0)
        return false;
    *parts = a->to.term[0].axis;
    *whole = a->to.offset;
    return form->axis[*parts].first == 0 && a->end <= -a->to.term[0].stride &&
           tt_affine_stride(place, *parts) == -a->to.term[0].stride * tt_affine_stride(place, axis);
}

// Numbers of each loop from `from` to before `end`; those of a loop over a part are the whole's,
// and its parts are 1.
static void count_numbers(const tt_form *form, const tt_affine *place, const around *loops,
                          unsigned from, unsigned end, int64_t numbers[DEPTH])
{
    uint32_t parts;
    int64_t whole;
    for (unsigned i = from; i < end; i++)
        numbers[i] = numbers_of(form, loops->axis[i]);
    for (unsigned i = from; i < end; i++)
        for (unsigned k = from; is_part(form, place, loops->axis[i], &parts, &whole) && k < i; k++)
            if (loops->axis[k] == parts) {
                numbers[i] = whole;
                numbers[k] = 1;
            }
}

// The greatest number that the loops from `common` on add to a place; -1: not from 0 upwards.
static int64_t span_of(const tt_form *form, const tt_affine *place, const around *loops,
                       unsigned common)
{
    int64_t span = 0, numbers[DEPTH];
    count_numbers(form, place, loops, common, loops->count, numbers);
    for (unsigned i = common; i < loops->count; i++) {
        int64_t stride = tt_affine_stride(place, loops->axis[i]);
        if (stride < 0 || (stride > 0 && form->axis[loops->axis[i]].first != 0))
            return -1;
        span += numbers[i] > 1 ? stride * (numbers[i] - 1) : 0;
    }
    return span;
}

// Whether turns of the common loops are further apart than `span`: the strides, from the least up,
// are each greater than all that stands below them.
static bool turns_apart(const tt_form *form, const tt_affine *place, const around *loops,
                        unsigned common, int64_t span)
{
    bool done[DEPTH] = {false};
    int64_t numbers[DEPTH];
    count_numbers(form, place, loops, 0, common, numbers);
    for (unsigned pass = 0; pass < common; pass++) {
        unsigned least = DEPTH;
        int64_t stride = 0;
        for (unsigned i = 0; i < common; i++) {
            int64_t own = tt_affine_stride(place, loops->axis[i]);
            if (done[i] || (least < DEPTH && own >= stride))
                continue;
            least = i;
            stride = own;
        }
        done[least] = true;
        if (numbers[least] <= 1)
            continue;
        if (stride <= span)
            return false;
        span += stride * (numbers[least] - 1);
    }
    return true;
}

static bool may_share(const tt_form *form, const tt_instruction *load, const around *of_load,
                      const tt_instruction *store, const around *of_store)
{
    const tt_form_access *from = &form->access[load->a], *to = &form->access[store->a];
    unsigned common = 0;
    while (common < of_load->count && common < of_store->count &&
           of_load->axis[common] == of_store->axis[common])
        common++;
    bool indexed = load->c != TT_NO_REGISTER;
    if ((indexed && (from->index_end < 1 || from->index_stride < 0)) ||
        from->element != to->element || from->place.offset != to->place.offset)
        return false;
    for (unsigned i = 0; i < common; i++)
        if (tt_affine_stride(&from->place, of_load->axis[i]) !=
            tt_affine_stride(&to->place, of_load->axis[i]))
            return false;
    int64_t loaded = span_of(form, &from->place, of_load, common);
    int64_t stored = span_of(form, &to->place, of_store, common);
    if (indexed && loaded >= 0)
        loaded += from->index_stride * (from->index_end - 1);
    return loaded >= 0 && stored >= 0 &&
           turns_apart(form, &to->place, of_store, common, loaded > stored ? loaded : stored);
}

// Past the beginning or the end of a loop. False where loops are too deep to be told apart.
static bool step_over(around *now, const tt_instruction *at)
{
    if (at->op == TT_FORM_END)
        now->count--;
    if (at->op != TT_FORM_LOOP)
        return true;
    if (now->count == DEPTH)
        return false;
    now->axis[now->count++] = at->a;
    return true;
}

// A load against all stores behind it, `at` and `loops` of the load.
static bool stores_may_follow(const tt_form *form, uint32_t at, const around *loops,
                              uint16_t written)
{
    around now = *loops;
    for (uint32_t i = at + 1; i < form->length; i++) {
        const tt_instruction *other = &form->code[i];
        if (!step_over(&now, other) ||
            (other->op == TT_FORM_STORE && form->access[other->a].buffer == written &&
             !may_share(form, &form->code[at], loops, other, &now)))
            return false;
    }
    return true;
}

bool tt_form_in_place(const tt_form *form, uint16_t read, uint16_t written)
{
    around now = {.count = 0};
    bool stored = false;
    for (uint32_t i = 0; i < form->length; i++) {
        const tt_instruction *other = &form->code[i];
        if (!step_over(&now, other))
            return false;
        stored |= other->op == TT_FORM_STORE && form->access[other->a].buffer == written;
        if (other->op == TT_FORM_LOAD && form->access[other->a].buffer == read &&
            (stored || !stores_may_follow(form, i, &now, written)))
            return false;
    }
    return true;
}
