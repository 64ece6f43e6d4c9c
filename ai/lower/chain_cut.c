// Whether two forms become one, and how they are cut.
//
// Where the value in between lies is taken apart into digits, one for each of its axes: a place is
// the sum of their numbers times their strides, and each stride of an access is a multiple of
// one of these. A digit may be cut if the outer loops of both forms count it, each by steps of its
// own, and what stands inside stays within such a step: then a turn of a new loop around both
// makes, and reads, a block of its numbers that no other turn does. Up to two digits are cut (rows
// of an image and images; rows of a matrix and matrices). In local memory the value lies as it
// would be stored, with only a block of what is cut.

#include "ai/lower/chaining.h"

#define LENGTH_MAX 2560 // instructions: compilers take more than twice as long for twice as many

static void list_digits(chain *c, const tt_between *between)
{
    const tt_type *type = between->type;
    int64_t size[DIGITS_MAX], stride = 1;
    unsigned count = 0;
    if (between->blocked) { // as ai/lower/layout.c has it
        size[count++] = type->size[0] / TT_LANES;
        size[count++] = type->size[type->rank - 1];
        for (unsigned i = 1; i + 1 < type->rank; i++)
            size[count++] = type->size[i];
        size[count++] = TT_LANES;
    } else {
        for (unsigned i = 0; i < type->rank; i++)
            size[count++] = type->size[i];
    }
    for (unsigned i = 0; i < count; i++)
        if (size[i] != 1)
            c->digit[c->digit_count++] = (digit){.size = size[i]};
    for (unsigned i = c->digit_count; i > 0; i--) {
        c->digit[i - 1].stride = stride;
        stride *= c->digit[i - 1].size;
    }
}

bool tt_chain_take_apart(const chain *c, int64_t stride, int64_t count, parts *made)
{
    unsigned at = 0;
    int64_t unit = 1;
    made->count = 0;
    while (at < c->digit_count && c->digit[at].stride > stride)
        at++;
    if (at == c->digit_count || stride <= 0 || stride % c->digit[at].stride != 0)
        return false;
    int64_t each = stride / c->digit[at].stride;
    for (; made->count < PARTS_MAX; at--, each = 1) {
        int64_t size = c->digit[at].size, all = size / each;
        if ((count - 1) * each < size) {
            made->part[made->count++] = (part){at, each, count, unit, false};
            return true;
        }
        if (size % each != 0 || count % all != 0 || at == 0)
            return false;
        made->part[made->count++] = (part){at, each, all, unit, false};
        unit *= all;
        count /= all;
    }
    return false;
}

static const tt_form_access *access_of(const link *l, uint32_t at)
{
    const tt_instruction *i = &l->form->code[at];
    bool is_access = i->op == TT_FORM_LOAD || i->op == TT_FORM_STORE;
    const tt_form_access *access = is_access ? &l->form->access[i->a] : NULL;
    return access != NULL && access->buffer == l->between ? access : NULL;
}

// The stride of an axis that all accesses to the value have; -1: they have several.
static int64_t common_stride(const link *l, uint32_t axis)
{
    int64_t common = -1;
    for (uint32_t i = 0; i < l->form->length; i++) {
        const tt_form_access *access = access_of(l, i);
        if (access == NULL)
            continue;
        int64_t own = tt_affine_stride(&access->place, axis);
        if (own < 0 || (common >= 0 && own != common))
            return -1;
        common = own;
    }
    return common;
}

static uint32_t end_of(const tt_form *form, uint32_t loop)
{
    uint32_t open = 1, at = loop;
    while (open > 0) {
        tt_form_op op = (tt_form_op)form->code[++at].op;
        open += op == TT_FORM_LOOP;
        open -= op == TT_FORM_END;
    }
    return at;
}

// The loops around everything, and what they count of the value. One that counts nothing of it, or
// what does not follow the digits, has no parts.
static void find_nest(chain *c, link *l)
{
    const tt_form *form = l->form;
    while (l->depth < NEST_MAX) {
        const tt_instruction *loop = &form->code[l->depth];
        if (loop->op != TT_FORM_LOOP || end_of(form, l->depth) + l->depth + 1 != form->length)
            break;
        const tt_form_axis *axis = &form->axis[loop->a];
        if (axis->lanes || axis->bounded || axis->first != 0 || axis->end < 1)
            break;
        parts *made = &l->nest[l->depth++];
        if (!tt_chain_take_apart(c, common_stride(l, loop->a), axis->end, made))
            made->count = 0;
    }
}

// The part of a link's outer loops that counts a digit by the largest steps; NULL: none.
static part *driver_of(link *l, unsigned of)
{
    part *best = NULL;
    for (unsigned i = 0; i < l->depth; i++)
        for (unsigned k = 0; k < l->nest[i].count; k++) {
            part *p = &l->nest[i].part[k];
            if (p->digit == of && p->count > 1 && (best == NULL || p->each > best->each))
                best = p;
        }
    return best;
}

static int64_t common_multiple(int64_t a, int64_t b)
{
    int64_t made = a;
    while (made % b != 0)
        made += a;
    return made;
}

// Cuts digits, outer ones first. Returns the turns of the loop that has the most; 0: none was cut.
static int64_t cut_digits(chain *c)
{
    int64_t most = 0;
    unsigned cut = 0;
    for (unsigned i = 0; i < c->digit_count && cut < LEVELS_MAX; i++) {
        digit *d = &c->digit[i];
        part *p[2] = {driver_of(&c->link[0], i), driver_of(&c->link[1], i)};
        if (p[0] == NULL || p[1] == NULL || p[0]->each * p[0]->count != d->size ||
            p[1]->each * p[1]->count != d->size)
            continue;
        int64_t block = common_multiple(p[0]->each, p[1]->each);
        if (d->size % block != 0 || d->size == block)
            continue;
        d->block = block;
        p[0]->cut = p[1]->cut = true;
        most = d->size / block > most ? d->size / block : most;
        cut++;
    }
    return most;
}

static void place_local(chain *c, uint64_t element_bytes)
{
    int64_t count = 1;
    for (unsigned i = c->digit_count; i > 0; i--) {
        digit *d = &c->digit[i - 1];
        d->local = count;
        count *= d->block > 0 ? d->block : d->size;
    }
    uint64_t align = TT_FORM_LOCAL_ALIGN;
    c->local_bytes = ((uint64_t)count * element_bytes + align - 1) / align * align;
}

const parts *tt_chain_nest_of(const link *l, uint32_t axis)
{
    for (unsigned i = 0; i < l->depth; i++)
        if (l->form->code[i].a == axis)
            return &l->nest[i];
    return NULL;
}

int64_t tt_chain_local_stride(const chain *c, const parts *p)
{
    int64_t local = p->part[0].each * c->digit[p->part[0].digit].local;
    for (unsigned i = 1; i < p->count; i++)
        if (p->part[i].each * c->digit[p->part[i].digit].local != p->part[i].unit * local)
            return 0;
    return local;
}

// What a term of an access adds to each digit at most, but for what is cut. False where it does not
// follow them.
static bool add_term(const chain *c, const link *l, const tt_term *term,
                     int64_t highest[DIGITS_MAX])
{
    const tt_form_axis *axis = &l->form->axis[term->axis];
    const parts *nest = tt_chain_nest_of(l, term->axis), *p = nest;
    parts own;
    if (term->stride == 0 || axis->end <= axis->first)
        return true;
    if (nest == NULL) {
        if (axis->first != 0 || !tt_chain_take_apart(c, term->stride, axis->end, &own) ||
            tt_chain_local_stride(c, &own) == 0)
            return false;
        p = &own;
    }
    for (unsigned i = 0; i < p->count; i++)
        if (!p->part[i].cut)
            highest[p->part[i].digit] += (p->part[i].count - 1) * p->part[i].each;
    return p->count > 0;
}

// Whether all accesses to the value stay within a block of what is cut, and no digit overflows.
static bool stays_within(const chain *c, link *l)
{
    for (uint32_t at = 0; at < l->form->length; at++) {
        const tt_form_access *access = access_of(l, at);
        if (access == NULL)
            continue;
        const tt_instruction *i = &l->form->code[at];
        int64_t highest[DIGITS_MAX], offset = access->place.offset;
        if (offset < 0 || (i->op == TT_FORM_LOAD && i->c != TT_NO_REGISTER))
            return false;
        for (unsigned k = 0; k < c->digit_count; k++) {
            highest[k] = offset / c->digit[k].stride;
            offset %= c->digit[k].stride;
        }
        for (unsigned k = 0; k < access->place.count; k++)
            if (!add_term(c, l, &access->place.term[k], highest))
                return false;
        for (unsigned k = 0; k < c->digit_count; k++) {
            int64_t room = c->digit[k].block > 0 ? driver_of(l, k)->each : c->digit[k].size;
            if (highest[k] >= room)
                return false;
        }
    }
    return true;
}

int64_t tt_chain_turns(const digit *d)
{
    return d->block > 0 ? d->size / d->block : 0;
}

static uint64_t greater(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

// Whether the value may lie where what the first keeps near does.
static bool goes_over(const chain *c, const tt_fused *first, tt_value between)
{
    bool same = tt_same(first->over, between);
    for (unsigned i = 0; same && i < DIGITS_MAX; i++)
        same = first->over_digit[i].size == c->digit[i].size &&
               first->over_digit[i].block == c->digit[i].block;
    return same;
}

bool tt_chain_cut(chain *c, const tt_between *between)
{
    const tt_fused *first = c->link[0].fused, *second = c->link[1].fused;
    int64_t enough = first->turns < second->turns ? first->turns : second->turns;
    if (first->form.length + second->form.length > LENGTH_MAX)
        return false;
    list_digits(c, between);
    for (unsigned i = 0; i < 2; i++)
        find_nest(c, &c->link[i]);
    int64_t turns = cut_digits(c);
    if (turns == 0 || turns < (enough < TURNS_ENOUGH ? enough : TURNS_ENOUGH))
        return false;
    place_local(c, tt_element_bytes((tt_element)between->type->element));
    c->over = goes_over(c, first, between->value);
    c->made->form.local_bytes = greater(first->form.local_bytes + (c->over ? 0 : c->local_bytes),
                                        c->local_bytes + second->form.local_bytes);
    return c->made->form.local_bytes <= TT_FORM_LOCAL_MAX && stays_within(c, &c->link[0]) &&
           stays_within(c, &c->link[1]);
}
