// Finer turns.
//
// A loop over rows with one over blocks of images right inside it has as many turns as both have
// together, if the inner loop's turns, too, are apart: nothing is stored where another turn of it
// loads or stores, and local memory is stored anew in each. The outer loop then counts turns of
// both, t; the inner one has one turn, whose number is that of the old outer loop, t / n rounded
// down, which is what bounds can say; and the old inner number is t - n (t / n), so every place
// stays affine.

#include "ai/lower/turns.h"

typedef struct nest {
    tt_form *form;
    uint32_t outer, inner; // axes
    int64_t inner_count;
} nest;

static bool is_plain(const tt_form_axis *axis)
{
    return !axis->lanes && !axis->bounded && axis->first == 0 && axis->end > 1;
}

// The second loop is all that is in the first.
static bool find_nest(tt_form *form, nest *n)
{
    if (!form->split || form->length < 4 || form->code[1].op != TT_FORM_LOOP)
        return false;
    uint32_t at = 2;
    for (unsigned depth = 1; at < form->length && depth > 0; at++)
        depth += form->code[at].op == TT_FORM_LOOP  ? 1u
                 : form->code[at].op == TT_FORM_END ? -1u
                                                    : 0;
    *n = (nest){form, form->code[0].a, form->code[1].a, form->axis[form->code[1].a].end};
    return at + 1 == form->length && is_plain(&form->axis[n->outer]) &&
           is_plain(&form->axis[n->inner]);
}

static bool has_room(const nest *n, const tt_affine *place)
{
    if (tt_affine_stride(place, n->inner) == 0)
        return true;
    for (unsigned i = 0; i < place->count; i++)
        if (place->term[i].axis == n->outer)
            return true;
    return place->count < TT_TERMS_MAX;
}

static bool bounds_depend(const nest *n)
{
    for (uint32_t i = 0; i < n->form->axis_count; i++) {
        const tt_form_axis *axis = &n->form->axis[i];
        if (axis->bounded && (tt_affine_stride(&axis->from, n->inner) != 0 ||
                              tt_affine_stride(&axis->to, n->inner) != 0))
            return true;
    }
    return false;
}

// Local memory is accessed in each turn as in the first one, which finds nothing there.
static bool local_is_made_anew(const nest *n)
{
    const tt_form *form = n->form;
    for (uint32_t i = 0; i < form->length; i++) {
        const tt_instruction *at = &form->code[i];
        if ((at->op != TT_FORM_LOAD && at->op != TT_FORM_STORE) ||
            form->access[at->a].buffer != TT_FORM_LOCAL)
            continue;
        if (tt_affine_stride(&form->access[at->a].place, n->inner) != 0 ||
            (at->op == TT_FORM_LOAD && (at->b != TT_NO_REGISTER || at->c != TT_NO_REGISTER)))
            return false;
    }
    return true;
}

// The places that a turn of both loops reaches, from its first number on.
typedef struct reach {
    int64_t least, greatest, outer, inner; // elements; strides of both loops
    uint8_t element;
    bool any;
} reach;

static bool add_reach(const nest *n, const tt_form_access *access, reach *r)
{
    int64_t least = access->place.offset, greatest = least;
    int64_t outer = tt_affine_stride(&access->place, n->outer),
            inner = tt_affine_stride(&access->place, n->inner);
    for (unsigned i = 0; i < access->place.count; i++) {
        const tt_term *term = &access->place.term[i];
        const tt_form_axis *axis = &n->form->axis[term->axis];
        if (term->axis == n->outer || term->axis == n->inner)
            continue;
        int64_t from = term->stride * axis->first, to = term->stride * (axis->end - 1);
        least += from < to ? from : to;
        greatest += from < to ? to : from;
    }
    if (r->any && (r->outer != outer || r->inner != inner || r->element != access->element))
        return false;
    r->least = r->any && r->least < least ? r->least : least;
    r->greatest = r->any && r->greatest > greatest ? r->greatest : greatest;
    r->outer = outer;
    r->inner = inner;
    r->element = access->element;
    r->any = true;
    return outer >= 0 && inner > 0;
}

// Whether turns of the inner loop keep apart in the memory that this buffer lies in: all of the
// outer loop's between two of them, or all of them between two of the outer loop's.
static bool keeps_apart(const nest *n, uint16_t buffer, const uint32_t *memory)
{
    const tt_form *form = n->form;
    reach r = {.any = false};
    for (uint32_t i = 0; i < form->length; i++) {
        const tt_instruction *at = &form->code[i];
        if (at->op != TT_FORM_LOAD && at->op != TT_FORM_STORE)
            continue;
        const tt_form_access *access = &form->access[at->a];
        if (access->buffer == TT_FORM_LOCAL || memory[access->buffer] != memory[buffer])
            continue;
        if ((at->op == TT_FORM_LOAD && at->c != TT_NO_REGISTER) || !add_reach(n, access, &r))
            return false;
    }
    int64_t one = r.greatest - r.least, all = one + r.outer * (form->axis[n->outer].end - 1);
    return all < r.inner || (one < r.inner && one + r.inner * (n->inner_count - 1) < r.outer);
}

static bool may_refine(const nest *n, const uint32_t *memory)
{
    const tt_form *form = n->form;
    bool may = !bounds_depend(n) && local_is_made_anew(n);
    for (uint32_t i = 0; may && i < form->access_count; i++)
        may = has_room(n, &form->access[i].place);
    for (uint32_t i = 0; may && i < form->place_count; i++)
        may = has_room(n, &form->place[i]);
    for (uint32_t i = 0; may && i < form->length; i++)
        if (form->code[i].op == TT_FORM_STORE) {
            uint16_t buffer = form->access[form->code[i].a].buffer;
            may = buffer == TT_FORM_LOCAL || keeps_apart(n, buffer, memory);
        }
    return may;
}

// The inner number is what the outermost loop counts, less the other's number times all.
static void renumber(const nest *n, tt_affine *place)
{
    int64_t stride = tt_affine_stride(place, n->inner);
    if (stride != 0)
        tt_affine_add(place, n->outer, -stride * n->inner_count);
}

int64_t tt_form_refine(tt_form *form, const uint32_t *memory)
{
    nest n;
    if (!find_nest(form, &n) || !may_refine(&n, memory))
        return 0;
    for (uint32_t i = 0; i < form->access_count; i++)
        renumber(&n, &form->access[i].place);
    for (uint32_t i = 0; i < form->place_count; i++)
        renumber(&n, &form->place[i]);
    tt_form_axis *both = &form->axis[n.inner], *one = &form->axis[n.outer];
    both->end *= one->end;
    one->bounded = true;
    one->divisor = n.inner_count;
    one->from = (tt_affine){.offset = 1 - n.inner_count};
    one->to = (tt_affine){.offset = 1};
    tt_affine_add(&one->from, n.inner, 1);
    tt_affine_add(&one->to, n.inner, 1);
    form->code[0].a = n.inner;
    form->code[1].a = n.outer;
    return both->end;
}
