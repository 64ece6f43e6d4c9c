// Two forms that become one.
//
// Where the value in between lies is taken apart into digits, one for each of its axes: a place is
// the sum of their numbers times their strides, and each stride of an access is a multiple of
// one of these. A digit may be cut if the outer loops of both forms count it, each by steps of its
// own, and what stands inside stays within such a step: then a turn of a new loop around both
// makes, and reads, a block of its numbers that no other turn does. Up to two digits are cut (rows
// of an image and images; rows of a matrix and matrices). In local memory the value lies as it
// would be stored, with only a block of what is cut.

#include "ai/lower/chain.h"

#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX (TT_RANK_MAX + 1)
#define LEVELS_MAX 2
#define PARTS_MAX 4
#define NEST_MAX 8      // outer loops of a form that are looked at
#define TURNS_ENOUGH 8  // of a chain, for threads; fewer where its forms have no more
#define LENGTH_MAX 2560 // instructions: compilers take more than twice as long for twice as many

typedef struct digit {
    int64_t size, stride;
    int64_t block; // numbers of it that a turn makes; 0: all
    int64_t local; // its stride in local memory
    uint32_t loop; // that counts blocks
} digit;

// A number of an axis is the sum of its parts' numbers, each times `unit`; a step of a part is
// `each` numbers of a digit.
typedef struct part {
    unsigned digit;
    int64_t each, count, unit;
    bool cut; // into blocks
} part;

typedef struct parts {
    part part[PARTS_MAX];
    unsigned count;
} parts;

// What an axis of a link's form is in the chain's: the sum of these loops' numbers times `unit`; a
// part that is cut is two of them. In local memory the value's elements lie `local` apart from one
// number to the next.
typedef struct loops {
    struct {
        uint32_t id;
        int64_t unit, local;
    } loop[PARTS_MAX + LEVELS_MAX];
    unsigned count;
} loops;

// One of the two forms.
typedef struct link {
    const tt_fused *fused;
    const tt_form *form;
    uint16_t between;     // the buffer of the value
    unsigned depth;       // of loops that stand directly in each other, around everything
    parts nest[NEST_MAX]; // by depth
    loops *loops;         // by axis
    tt_register *made;    // by instruction
    uint16_t *buffer;     // by buffer: in the chain
} link;

typedef struct chain {
    digit digit[DIGITS_MAX]; // outer ones first
    unsigned digit_count;
    link link[2];
    tt_fused *made;
    uint64_t local_bytes; // of the value; the links' own memory lies behind it
    bool fits;
} chain;

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

// Takes apart `count` numbers that lie `stride` elements from each other. False where they do not
// follow the digits.
static bool take_apart(const chain *c, int64_t stride, int64_t count, parts *made)
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

static int64_t stride_of(const tt_affine *place, uint32_t axis)
{
    int64_t stride = 0;
    for (unsigned i = 0; i < place->count; i++)
        if (place->term[i].axis == axis)
            stride += place->term[i].stride;
    return stride;
}

// The stride of an axis that all accesses to the value have; -1: they have several.
static int64_t common_stride(const link *l, uint32_t axis)
{
    int64_t common = -1;
    for (uint32_t i = 0; i < l->form->length; i++) {
        const tt_form_access *access = access_of(l, i);
        if (access == NULL)
            continue;
        int64_t own = stride_of(&access->place, axis);
        if (own < 0 || (common >= 0 && own != common))
            return -1;
        common = own;
    }
    return common;
}

static const tt_form_axis *axis_at(const link *l, unsigned depth)
{
    return &l->form->axis[l->form->code[depth].a];
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
        if (!take_apart(c, common_stride(l, loop->a), axis->end, made))
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

static const parts *nest_of(const link *l, uint32_t axis)
{
    for (unsigned i = 0; i < l->depth; i++)
        if (l->form->code[i].a == axis)
            return &l->nest[i];
    return NULL;
}

// How far apart in local memory numbers of an inner axis lie that are `stride` apart where the
// value is stored; 0: they do not follow each other there.
static int64_t local_stride(const chain *c, const parts *p)
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
    const parts *nest = nest_of(l, term->axis), *p = nest;
    parts own;
    if (term->stride == 0 || axis->end <= axis->first)
        return true;
    if (nest == NULL) {
        if (axis->first != 0 || !take_apart(c, term->stride, axis->end, &own) ||
            local_stride(c, &own) == 0)
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

// ---- writing it

static tt_affine moved(chain *c, const link *l, const tt_affine *place)
{
    tt_affine made = {.offset = place->offset};
    for (unsigned i = 0; i < place->count; i++) {
        const loops *to = &l->loops[place->term[i].axis];
        for (unsigned k = 0; k < to->count; k++) {
            c->fits = c->fits && made.count < TT_TERMS_MAX;
            tt_affine_add(&made, to->loop[k].id, place->term[i].stride * to->loop[k].unit);
        }
    }
    return made;
}

// Where an element of the value lies in local memory.
static tt_affine moved_between(chain *c, const link *l, const tt_affine *place)
{
    tt_affine made = {0};
    int64_t offset = place->offset;
    for (unsigned k = 0; k < c->digit_count; k++) {
        made.offset += offset / c->digit[k].stride * c->digit[k].local;
        offset %= c->digit[k].stride;
    }
    for (unsigned i = 0; i < place->count; i++) {
        const tt_term *term = &place->term[i];
        const loops *to = &l->loops[term->axis];
        parts own;
        bool outer = nest_of(l, term->axis) != NULL;
        if (!outer && !take_apart(c, term->stride, l->form->axis[term->axis].end, &own))
            continue; // it has no turns
        for (unsigned k = 0; k < to->count; k++) {
            c->fits = c->fits && made.count < TT_TERMS_MAX;
            tt_affine_add(&made, to->loop[k].id, outer ? to->loop[k].local : local_stride(c, &own));
        }
    }
    return made;
}

static tt_form_access moved_access(chain *c, const link *l, const tt_form_access *access)
{
    tt_form_access made = *access;
    if (access->buffer == l->between) {
        made.buffer = TT_FORM_LOCAL;
        made.streamed = false;
        made.place = moved_between(c, l, &access->place);
        return made;
    }
    made.place = moved(c, l, &access->place);
    if (access->buffer == TT_FORM_LOCAL)
        made.place.offset +=
            (int64_t)(c->local_bytes / tt_element_bytes((tt_element)access->element));
    else
        made.buffer = l->buffer[access->buffer];
    return made;
}

static void add_loop(loops *to, uint32_t id, int64_t unit, int64_t local)
{
    to->loop[to->count].id = id;
    to->loop[to->count].unit = unit;
    to->loop[to->count++].local = local;
}

// The chain's loops are what is cut; what is left of a link's outer ones stands inside, as they
// were. Returns how many were opened.
static unsigned open_nest(chain *c, link *l)
{
    tt_form *form = &c->made->form;
    unsigned opened = 0;
    for (unsigned i = 0; i < l->depth; i++) {
        const parts *p = &l->nest[i];
        loops *to = &l->loops[l->form->code[i].a];
        if (p->count == 0) {
            add_loop(to, tt_form_loop(form, axis_at(l, i)), 1, 0);
            opened++;
        }
        for (unsigned k = p->count; k > 0; k--) { // outer digits first
            const part *at = &p->part[k - 1];
            const digit *d = &c->digit[at->digit];
            int64_t turns = at->cut ? d->block / at->each : at->count;
            if (at->cut)
                add_loop(to, d->loop, at->unit * turns, 0);
            if (turns == 1)
                continue;
            add_loop(to, tt_form_loop(form, &(tt_form_axis){.end = turns}), at->unit,
                     at->each * d->local);
            opened++;
        }
    }
    return opened;
}

static tt_register register_of(const link *l, tt_register of)
{
    return of == TT_NO_REGISTER ? of : l->made[of];
}

static void copy_instruction(chain *c, link *l, uint32_t at)
{
    tt_form *form = &c->made->form;
    const tt_instruction *i = &l->form->code[at];
    tt_register a = TT_NO_REGISTER, b = TT_NO_REGISTER, other = TT_NO_REGISTER;
    tt_form_access access;
    tt_form_axis axis;
    tt_affine place;
    float number;
    switch (i->op) {
    case TT_FORM_LOOP:
        axis = l->form->axis[i->a];
        axis.from = moved(c, l, &axis.from);
        axis.to = moved(c, l, &axis.to);
        add_loop(&l->loops[i->a], tt_form_loop(form, &axis), 1, 0);
        return;
    case TT_FORM_END:
        tt_form_end(form);
        return;
    case TT_FORM_LOAD:
        access = moved_access(c, l, &l->form->access[i->a]);
        l->made[at] = tt_form_load(form, &access, register_of(l, i->b), register_of(l, i->c));
        return;
    case TT_FORM_STORE:
        access = moved_access(c, l, &l->form->access[i->a]);
        tt_form_store(form, &access, register_of(l, i->b));
        return;
    case TT_FORM_NUMBER:
        memcpy(&number, &i->bits, sizeof(number));
        l->made[at] = tt_form_number(form, number);
        return;
    case TT_FORM_INTEGER:
        l->made[at] = tt_form_integer(form, (int32_t)i->bits);
        return;
    case TT_FORM_INDEX:
        place = moved(c, l, &l->form->place[i->a]);
        l->made[at] = tt_form_index(form, &place);
        return;
    case TT_FORM_START:
        l->made[at] = tt_form_start(form, register_of(l, i->a), i->uniform);
        return;
    case TT_FORM_SET:
        tt_form_set(form, register_of(l, i->a), register_of(l, i->b));
        return;
    default:
        a = register_of(l, i->a);
        b = tt_form_operands((tt_form_op)i->op) > 1 ? register_of(l, i->b) : b;
        other = tt_form_operands((tt_form_op)i->op) > 2 ? register_of(l, i->c) : other;
        l->made[at] = tt_form_make(form, (tt_form_op)i->op, a, b, other);
        return;
    }
}

static void copy_link(chain *c, link *l)
{
    unsigned opened = open_nest(c, l);
    for (uint32_t at = l->depth; at + l->depth < l->form->length && !c->made->form.full; at++)
        copy_instruction(c, l, at);
    for (; opened > 0; opened--)
        tt_form_end(&c->made->form);
}

static int64_t turns_of(const digit *d)
{
    return d->block > 0 ? d->size / d->block : 0;
}

// The outer digit is outside, since what is read for one of its numbers is near while the blocks
// inside are made; unless threads had too little to share then.
static unsigned open_chain(chain *c)
{
    unsigned opened = 0;
    for (;;) {
        digit *next = NULL;
        for (unsigned i = 0; i < c->digit_count; i++) {
            digit *d = &c->digit[i];
            if (d->block > 0 && d->loop == TT_NO_REGISTER &&
                (next == NULL || (turns_of(next) < TURNS_ENOUGH && turns_of(d) > turns_of(next))))
                next = d;
        }
        if (next == NULL)
            return opened;
        next->loop = tt_form_loop(&c->made->form, &(tt_form_axis){.end = turns_of(next)});
        c->made->turns = opened++ == 0 ? turns_of(next) : c->made->turns;
    }
}

// ---- what it is made of

static bool same_value(const tt_fused *fused, unsigned first, unsigned count, tt_value value,
                       unsigned *at)
{
    for (unsigned i = first; i < first + count; i++)
        if (tt_same(fused->values[i], value)) {
            *at = i;
            return true;
        }
    return false;
}

static void list_between(chain *c, tt_value between)
{
    tt_fused *made = c->made;
    tt_value *to = &made->values[made->read_count + made->write_count];
    for (unsigned i = 0; i < 2; i++) {
        const tt_fused *from = c->link[i].fused;
        for (unsigned k = 0; k < from->between_count; k++)
            to[made->between_count++] = from->values[from->read_count + from->write_count + k];
    }
    to[made->between_count++] = between;
}

// What both read, each value once, and what they write, but for the value in between.
static bool list_values(chain *c, tt_value between)
{
    tt_fused *made = c->made;
    unsigned count = 0, at;
    for (unsigned i = 0; i < 2; i++)
        count += c->link[i].fused->read_count + c->link[i].fused->write_count +
                 c->link[i].fused->between_count;
    made->values = calloc(count + 1u, sizeof(*made->values));
    if (made->values == NULL)
        return false;
    for (unsigned writes = 0; writes < 2; writes++)
        for (unsigned i = 0; i < 2; i++) {
            link *l = &c->link[i];
            unsigned first = writes != 0 ? l->fused->read_count : 0;
            unsigned end = first + (writes != 0 ? l->fused->write_count : l->fused->read_count);
            uint32_t *counted = writes != 0 ? &made->write_count : &made->read_count;
            for (unsigned k = first; k < end; k++) {
                tt_value value = l->fused->values[k];
                if (tt_same(value, between))
                    continue;
                if (!same_value(made, 0, made->read_count + made->write_count, value, &at)) {
                    at = made->read_count + made->write_count;
                    made->values[at] = value;
                    *counted += 1;
                }
                l->buffer[k] = (uint16_t)at;
            }
        }
    list_between(c, between);
    return true;
}

static bool list_nodes(chain *c)
{
    tt_fused *made = c->made;
    const tt_fused *a = c->link[0].fused, *b = c->link[1].fused;
    made->nodes = calloc(a->node_count + b->node_count + 1u, sizeof(*made->nodes));
    if (made->nodes == NULL)
        return false;
    memcpy(made->nodes, a->nodes, a->node_count * sizeof(*a->nodes));
    memcpy(made->nodes + a->node_count, b->nodes, b->node_count * sizeof(*b->nodes));
    made->node_count = a->node_count + b->node_count;
    return true;
}

// Whether the second reads nothing else that the first writes.
static bool reads_one(const tt_fused *first, const tt_fused *second, tt_value between)
{
    unsigned at;
    for (unsigned i = 0; i < second->read_count; i++)
        if (!tt_same(second->values[i], between) &&
            same_value(first, first->read_count, first->write_count, second->values[i], &at))
            return false;
    return true;
}

static bool begin_link(link *l, const tt_fused *fused)
{
    *l = (link){.fused = fused,
                .form = &fused->form,
                .loops = calloc(fused->form.axis_count + 1u, sizeof(*l->loops)),
                .made = calloc(fused->form.length + 1u, sizeof(*l->made)),
                .buffer = calloc(fused->read_count + fused->write_count + 1u, sizeof(*l->buffer))};
    return l->loops != NULL && l->made != NULL && l->buffer != NULL;
}

static uint64_t greater(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

// Whether they fit together: their blocks and the memory for them.
static bool can_chain(chain *c, const tt_between *between)
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
    c->made->form.local_bytes =
        c->local_bytes + greater(first->form.local_bytes, second->form.local_bytes);
    return c->made->form.local_bytes <= TT_FORM_LOCAL_MAX && stays_within(c, &c->link[0]) &&
           stays_within(c, &c->link[1]);
}

tt_chained tt_chain(const tt_fused *first, const tt_fused *second, const tt_between *between,
                    tt_fused *made)
{
    chain c = {.made = made, .fits = true};
    unsigned at;
    *made = (tt_fused){.turns = 1};
    tt_form_begin(&made->form);
    if (!first->form.split || !second->form.split || !reads_one(first, second, between->value) ||
        !same_value(first, first->read_count, first->write_count, between->value, &at))
        return TT_CHAINED_NOT;
    bool ok = begin_link(&c.link[0], first);
    ok = begin_link(&c.link[1], second) && ok;
    c.link[0].between = (uint16_t)at;
    c.fits = ok && same_value(second, 0, second->read_count, between->value, &at);
    c.link[1].between = (uint16_t)at;
    c.fits = c.fits && can_chain(&c, between);
    if (ok && c.fits && list_values(&c, between->value) && list_nodes(&c)) {
        for (unsigned i = 0; i < c.digit_count; i++)
            c.digit[i].loop = TT_NO_REGISTER;
        unsigned opened = open_chain(&c);
        made->form.split = true;
        for (unsigned i = 0; i < 2; i++)
            copy_link(&c, &c.link[i]);
        for (; opened > 0; opened--)
            tt_form_end(&made->form);
        made->cost = first->cost + second->cost;
        tt_form_trim(&made->form);
    } else if (c.fits) {
        ok = false;
    }
    for (unsigned i = 0; i < 2; i++) {
        free(c.link[i].loops);
        free(c.link[i].made);
        free(c.link[i].buffer);
    }
    ok = ok && !made->form.full;
    if (ok && c.fits)
        return TT_CHAINED;
    tt_fused_free(made);
    return ok ? TT_CHAINED_NOT : TT_CHAINED_FULL;
}
