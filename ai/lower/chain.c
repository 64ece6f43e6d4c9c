// Two forms that become one: what it is made of, and its instructions. Whether, and what is cut,
// is chain_cut.c's.

#include "ai/lower/chaining.h"

#include <stdlib.h>
#include <string.h>

#include "ai/lower/in_place.h"

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
        bool outer = tt_chain_nest_of(l, term->axis) != NULL;
        if (!outer && !tt_chain_take_apart(c, term->stride, l->form->axis[term->axis].end, &own))
            continue; // it has no turns
        for (unsigned k = 0; k < to->count; k++) {
            c->fits = c->fits && made.count < TT_TERMS_MAX;
            tt_affine_add(&made, to->loop[k].id,
                          outer ? to->loop[k].local : tt_chain_local_stride(c, &own));
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
    if (access->buffer == TT_FORM_LOCAL && !(c->over && l == &c->link[0]))
        made.place.offset +=
            (int64_t)(c->local_bytes / tt_element_bytes((tt_element)access->element));
    if (access->buffer != TT_FORM_LOCAL)
        made.buffer = l->buffer[access->buffer];
    return made;
}

static void add_loop(loops *to, uint32_t id, int64_t unit, int64_t local)
{
    to->loop[to->count].id = id;
    to->loop[to->count].unit = unit;
    to->loop[to->count++].local = local;
}

static const tt_form_axis *axis_at(const link *l, unsigned depth)
{
    return &l->form->axis[l->form->code[depth].a];
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
                (next == NULL ||
                 (tt_chain_turns(next) < TURNS_ENOUGH && tt_chain_turns(d) > tt_chain_turns(next))))
                next = d;
        }
        if (next == NULL)
            return opened;
        next->loop = tt_form_loop(&c->made->form, &(tt_form_axis){.end = tt_chain_turns(next)});
        c->made->turns = opened++ == 0 ? tt_chain_turns(next) : c->made->turns;
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

// Of what the second writes, what is as large as what it reads of the first, and is written to a
// place when that was read.
static void find_over(chain *c)
{
    const link *l = &c->link[1];
    const tt_fused *second = l->fused;
    for (unsigned i = 0; i < second->write_count; i++) {
        unsigned at = second->read_count + i;
        if (!tt_form_in_place(l->form, l->between, (uint16_t)at))
            continue;
        c->made->over = second->values[at];
        for (unsigned k = 0; k < DIGITS_MAX; k++) {
            c->made->over_digit[k].size = c->digit[k].size;
            c->made->over_digit[k].block = c->digit[k].block;
        }
    }
}

tt_chained tt_chain(const tt_fused *first, const tt_fused *second, const tt_between *between,
                    tt_fused *made)
{
    chain c = {.made = made, .fits = true};
    unsigned at;
    *made = (tt_fused){.turns = 1, .over = TT_NONE};
    tt_form_begin(&made->form);
    if (!first->form.split || !second->form.split || !reads_one(first, second, between->value) ||
        !same_value(first, first->read_count, first->write_count, between->value, &at))
        return TT_CHAINED_NOT;
    bool ok = begin_link(&c.link[0], first);
    ok = begin_link(&c.link[1], second) && ok;
    c.link[0].between = (uint16_t)at;
    c.fits = ok && same_value(second, 0, second->read_count, between->value, &at);
    c.link[1].between = (uint16_t)at;
    c.fits = c.fits && tt_chain_cut(&c, between);
    if (ok && c.fits && list_values(&c, between->value) && list_nodes(&c)) {
        for (unsigned i = 0; i < c.digit_count; i++)
            c.digit[i].loop = TT_NO_REGISTER;
        unsigned opened = open_chain(&c);
        made->form.split = true;
        for (unsigned i = 0; i < 2; i++)
            copy_link(&c, &c.link[i]);
        for (; opened > 0; opened--)
            tt_form_end(&made->form);
        find_over(&c);
        made->cost = tt_cost_add(first->cost, second->cost);
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
