// The interpreter of forms.
//
// An instruction is dispatched once for a block of up to 16 turns of one loop, 256 numbers where it
// is one of lanes. That loop is the axis `split`, whose turns are independent by what a form says;
// where that has few turns or there is none, each axis of lanes within which nothing is SET that
// was started outside of it, and no turn touches what another stores. A block of any other loop is
// one turn.
//
// Each turn of a block of the axis `split` has local memory of its own. A form that has much of it
// is taken in blocks of fewer turns.
//
// Sums of products take most of the time: an FMA whose result is only SET right behind, to what it
// adds to, is done where the sum is.
//
// A register holds a row for each turn of the block: of 16 numbers, or of 1 where it is uniform.
// One that was made before the block's loop holds one row, which counts for all turns.

#include <string.h>

#include "ai/run/blocks_internal.h"

static int64_t value_of(const tt_block_run *r, const tt_affine *place)
{
    int64_t value = place->offset;
    for (unsigned i = 0; i < place->count; i++)
        value += place->term[i].stride * r->number[place->term[i].axis];
    return value;
}

static bool in_block(const tt_block_run *r, uint32_t instruction)
{
    return r->block != TT_NO_REGISTER && instruction > r->block;
}

// What an affine number grows by from turn to turn of the block.
static int64_t turn_stride(const tt_block_run *r, const tt_affine *place)
{
    return r->block == TT_NO_REGISTER
               ? 0
               : tt_affine_stride(place, r->form->code[r->block].a) * r->block_step;
}

static unsigned lanes_left(const tt_block_run *r, unsigned turn)
{
    if (r->lanes == TT_NO_REGISTER)
        return TT_LANES;
    bool blocked = r->block != TT_NO_REGISTER && r->form->code[r->block].a == r->lanes;
    int64_t left = r->left - (blocked ? (int64_t)turn * TT_LANES : 0);
    return left < TT_LANES ? (unsigned)left : TT_LANES;
}

// A register in the shape of what is made of it: a row for each turn, of lanes or not.
static const tt_word *operand(tt_block_run *r, unsigned slot, tt_register from, bool lanes)
{
    const tt_word *words = r->words + r->at[from];
    bool uniform = r->form->code[from].uniform, each = in_block(r, from) || r->turns == 1;
    if (each && uniform == !lanes)
        return words;
    unsigned step = each ? (uniform ? 1 : TT_LANES) : 0;
    tt_word *to = r->spread[slot];
    for (unsigned turn = 0; turn < r->turns; turn++, words += step) {
        if (!lanes)
            to[turn] = words[0];
        else if (uniform)
            for (unsigned l = 0; l < TT_LANES; l++)
                to[turn * TT_LANES + l] = words[0];
        else
            memcpy(to + (size_t)turn * TT_LANES, words, TT_LANES * sizeof(*to));
    }
    return to;
}

static tt_block_view rows_of(const tt_block_run *r, tt_register from)
{
    const tt_instruction *i = &r->form->code[from];
    if (i->op == TT_FORM_LOAD && r->note[from] > 0)
        return r->rows[from];
    int64_t width = i->uniform ? 1 : TT_LANES;
    return (tt_block_view){r->words + r->at[from], in_block(r, from) ? width : 0};
}

// Adds to the register of lanes that is SET behind.
static void multiply_add(tt_block_run *r, const tt_instruction *i)
{
    const tt_instruction *code = r->form->code;
    bool swap = code[i->b].uniform, uniform = swap || code[i->a].uniform;
    tt_block_view a = rows_of(r, swap ? i->b : i->a), b = rows_of(r, swap ? i->a : i->b);
    tt_word *to = r->words + r->at[i->c];
    if (r->full) {
        r->multiply_add(to, a.words, a.step, uniform, b.words, b.step, r->turns, TT_LANES);
        return;
    }
    for (unsigned turn = 0; turn < r->turns; turn++, to += TT_LANES) {
        r->multiply_add(to, a.words, 0, uniform, b.words, 0, 1, lanes_left(r, turn));
        a.words += a.step;
        b.words += b.step;
    }
}

static void arithmetic(tt_block_run *r, uint32_t at, const tt_instruction *i)
{
    tt_form_op op = (tt_form_op)i->op;
    tt_word *to = r->words + r->at[at];
    const tt_register from[TT_BLOCK_OPERANDS] = {i->a, i->b, i->c};
    const tt_word *x[TT_BLOCK_OPERANDS] = {NULL};
    bool joins = tt_form_joins(op);
    for (unsigned o = 0; o < tt_form_operands(op); o++)
        x[o] = operand(r, o, from[o], joins || !i->uniform);
    if (!joins)
        tt_block_arithmetic(op, to, x[0], x[1], x[2], r->turns * (i->uniform ? 1 : TT_LANES));
    for (unsigned turn = 0; joins && turn < r->turns; turn++)
        to[turn] = tt_block_join(op, x[0] + (size_t)turn * TT_LANES,
                                 op == TT_FORM_JOIN_BOTH ? x[1] + (size_t)turn * TT_LANES : NULL);
}

static void make_index(tt_block_run *r, uint32_t at, const tt_instruction *i)
{
    tt_word *to = r->words + r->at[at];
    const tt_affine *place = &r->form->place[i->a];
    int64_t first = value_of(r, place), by_turn = turn_stride(r, place),
            by_lane = tt_affine_stride(place, r->lanes); // 0 where no lanes are open
    unsigned width = i->uniform ? 1 : TT_LANES;
    for (unsigned turn = 0; turn < r->turns; turn++)
        for (unsigned l = 0; l < width; l++)
            to[turn * width + l].i = (uint32_t)(first + by_turn * turn + by_lane * l);
}

// Where the numbers of the block's turns lie side by side: how many there are. Else 0.
static unsigned in_one_row(const tt_block_run *r, const tt_instruction *i, const tt_block_reach *at)
{
    if (i->uniform || at->by_lane != 1 || (r->turns > 1 && at->by_turn != TT_LANES))
        return 0;
    unsigned full = r->turns - 1;
    return full == 0 || lanes_left(r, 0) == TT_LANES ? full * TT_LANES + lanes_left(r, full) : 0;
}

static void load_chosen(tt_block_run *r, const tt_instruction *i, tt_word *to)
{
    const tt_form_access *access = &r->form->access[i->a];
    tt_block_reach at = r->reach[i->a];
    unsigned width = i->uniform ? 1 : TT_LANES;
    const tt_word *guard = i->b == TT_NO_REGISTER ? NULL : operand(r, 0, i->b, !i->uniform);
    const tt_word *index = i->c == TT_NO_REGISTER ? NULL : operand(r, 1, i->c, !i->uniform);
    for (unsigned turn = 0; turn < r->turns; turn++, to += width, at.place += at.by_turn) {
        unsigned count = i->uniform ? 1 : lanes_left(r, turn);
        for (unsigned l = 0; l < width; l++) {
            size_t from = turn * width + l;
            if (l >= count || (guard != NULL && guard[from].i == 0)) {
                to[l].i = 0;
                continue;
            }
            int64_t chosen = index == NULL ? 0 : (int32_t)index[from].i * access->index_stride;
            tt_block_load((tt_element)access->element, at.buffer,
                          at.place + at.by_lane * l + chosen, 0, to + l, 1);
        }
    }
}

static void load(tt_block_run *r, uint32_t at, const tt_instruction *i)
{
    tt_block_reach from = r->reach[i->a];
    tt_word *to = r->words + r->at[at];
    if (r->note[at] > 0 && (r->full || i->uniform)) {
        r->rows[at] = (tt_block_view){(const tt_word *)from.buffer + from.place, from.by_turn};
        return;
    }
    r->rows[at] = (tt_block_view){to, i->uniform ? 1 : TT_LANES};
    tt_element element = (tt_element)r->form->access[i->a].element;
    unsigned row = in_one_row(r, i, &from);
    if (i->b != TT_NO_REGISTER || i->c != TT_NO_REGISTER) {
        load_chosen(r, i, to);
    } else if (i->uniform) {
        tt_block_load(element, from.buffer, from.place, from.by_turn, to, r->turns);
    } else if (row > 0) {
        tt_block_load(element, from.buffer, from.place, 1, to, row);
        for (unsigned l = row; l < r->turns * TT_LANES; l++)
            to[l].i = 0;
    } else {
        for (unsigned turn = 0; turn < r->turns; turn++, from.place += from.by_turn) {
            unsigned count = lanes_left(r, turn);
            tt_block_load(element, from.buffer, from.place, from.by_lane, to, count);
            to += TT_LANES;
            for (unsigned idle = TT_LANES - count; idle > 0; idle--)
                to[-(int)idle].i = 0;
        }
    }
}

static void store(tt_block_run *r, const tt_instruction *i)
{
    tt_element element = (tt_element)r->form->access[i->a].element;
    tt_block_reach to = r->reach[i->a];
    const tt_word *from = operand(r, 0, i->b, !i->uniform);
    unsigned row = in_one_row(r, i, &to), width = i->uniform ? 1 : TT_LANES;
    if (row > 0) {
        tt_block_store(element, to.buffer, to.place, 1, from, row);
        return;
    }
    for (unsigned turn = 0; turn < r->turns; turn++, from += width, to.place += to.by_turn)
        tt_block_store(element, to.buffer, to.place, to.by_lane, from,
                       i->uniform ? 1 : lanes_left(r, turn));
}

static void start(tt_block_run *r, uint32_t at, const tt_instruction *i)
{
    size_t count = (size_t)r->turns * (i->uniform ? 1 : TT_LANES);
    memcpy(r->words + r->at[at], operand(r, 0, i->a, !i->uniform), count * sizeof(tt_word));
}

static void set(tt_block_run *r, const tt_instruction *i)
{
    bool uniform = r->form->code[i->a].uniform;
    tt_word *to = r->words + r->at[i->a];
    const tt_word *from = operand(r, 0, i->b, !uniform);
    unsigned width = uniform ? 1 : TT_LANES;
    for (unsigned turn = 0; turn < r->turns; turn++, to += width, from += width)
        memcpy(to, from, (uniform ? 1 : lanes_left(r, turn)) * sizeof(*to));
}

static uint32_t loop(tt_block_run *r, uint32_t at);

static void body(tt_block_run *r, uint32_t at, uint32_t end)
{
    for (; at < end; at++) {
        const tt_instruction *i = &r->form->code[at];
        switch ((tt_form_op)i->op) {
        case TT_FORM_LOOP:
            at = loop(r, at);
            break;
        case TT_FORM_LOAD:
            load(r, at, i);
            break;
        case TT_FORM_STORE:
            store(r, i);
            break;
        case TT_FORM_NUMBER:
        case TT_FORM_INTEGER:
            for (unsigned turn = 0; turn < r->turns; turn++)
                r->words[r->at[at] + turn].i = i->bits;
            break;
        case TT_FORM_INDEX:
            make_index(r, at, i);
            break;
        case TT_FORM_START:
            start(r, at, i);
            break;
        case TT_FORM_SET:
            set(r, i);
            break;
        case TT_FORM_FMA:
            if (r->note[at] > 0) {
                multiply_add(r, i);
                at = r->note[at];
                break;
            }
            // fallthrough
        default:
            arithmetic(r, at, i);
        }
    }
}

static int64_t divided_up(int64_t a, int64_t by)
{
    return a / by + (a % by > 0);
}

static void range_of(const tt_block_run *r, uint32_t at, int64_t *first, int64_t *end)
{
    const tt_form_axis *axis = &r->form->axis[r->form->code[at].a];
    int64_t from = axis->first, to = axis->end;
    if (at == 0 && r->form->split) {
        from = r->from;
        to = r->to;
    }
    if (axis->bounded) {
        int64_t first_bound = divided_up(value_of(r, &axis->from), axis->divisor);
        int64_t end_bound = divided_up(value_of(r, &axis->to), axis->divisor);
        from = from > first_bound ? from : first_bound;
        to = to < end_bound ? to : end_bound;
    }
    *first = from > axis->first ? from : axis->first;
    *end = to < axis->end ? to : axis->end;
}

static bool stores_apart(const tt_block_run *r, uint32_t loop_at, const tt_instruction *stored)
{
    const tt_form *form = r->form;
    const tt_form_access *to = &form->access[stored->a];
    for (uint32_t i = loop_at + 1; i < r->note[loop_at]; i++) {
        const tt_instruction *other = &form->code[i];
        if (other->op != TT_FORM_LOAD && other->op != TT_FORM_STORE)
            continue;
        const tt_form_access *with = &form->access[other->a];
        bool indexed = other->op == TT_FORM_LOAD && other->c != TT_NO_REGISTER;
        if (r->reach[other->a].buffer == r->reach[stored->a].buffer &&
            (indexed || !tt_form_same_place(to, with, form->code[loop_at].a)))
            return false;
    }
    return true;
}

// Whether 16 turns of an axis of lanes may run at once: straight code, whose turns are apart.
static bool turns_apart(const tt_block_run *r, uint32_t at)
{
    const tt_form *form = r->form;
    for (uint32_t i = at + 1; i < r->note[at]; i++) {
        const tt_instruction *instruction = &form->code[i];
        if (instruction->op == TT_FORM_LOOP ||
            (instruction->op == TT_FORM_SET && instruction->a < at) ||
            (instruction->op == TT_FORM_STORE && !stores_apart(r, at, instruction)))
            return false;
    }
    return true;
}

static bool bounds_depend(const tt_form *form, uint32_t axis)
{
    for (uint32_t i = 0; i < form->axis_count; i++)
        if (form->axis[i].bounded && (tt_affine_stride(&form->axis[i].from, axis) != 0 ||
                                      tt_affine_stride(&form->axis[i].to, axis) != 0))
            return true;
    return false;
}

// Whether only the axis `split` is worth a block: there are sums of products, which take most of
// the time, or else nothing could be one.
static bool needs_split(const tt_block_run *r)
{
    for (uint32_t i = 0; i < r->form->length; i++)
        if (r->form->code[i].op == TT_FORM_FMA && r->note[i] > 0)
            return true;
    for (uint32_t i = 1; i < r->form->length; i++)
        if (r->form->code[i].op == TT_FORM_LOOP && r->form->axis[r->form->code[i].a].lanes &&
            turns_apart(r, i))
            return false;
    return true;
}

static bool runs_in_blocks(const tt_block_run *r, uint32_t at, int64_t turns)
{
    const tt_form *form = r->form;
    if (r->block != TT_NO_REGISTER || turns < 2)
        return false;
    uint32_t axis = form->code[at].a;
    if (at == 0 && form->split)
        return tt_block_split_turns(form) > 1 && !bounds_depend(form, axis) &&
               ((turns >= TT_BLOCK_TURNS / 2 && tt_block_split_turns(form) >= TT_BLOCK_TURNS / 2) ||
                needs_split(r));
    return form->axis[axis].lanes && turns_apart(r, at);
}

static void open_block(tt_block_run *r, uint32_t at, int64_t step)
{
    const tt_form *form = r->form;
    r->block = at;
    r->block_step = step;
    for (uint32_t i = at + 1; i < r->note[at]; i++) {
        if (form->code[i].op != TT_FORM_LOAD && form->code[i].op != TT_FORM_STORE)
            continue;
        tt_block_reach *to = &r->reach[form->code[i].a];
        const tt_form_access *access = &form->access[form->code[i].a];
        to->by_turn = turn_stride(r, &access->place);
        if (access->buffer == TT_FORM_LOCAL && form->split && at == 0)
            to->by_turn +=
                (int64_t)(form->local_bytes / tt_element_bytes((tt_element)access->element));
    }
}

static void go_to(tt_block_run *r, uint32_t axis, int64_t number)
{
    int64_t by = number - r->number[axis];
    r->number[axis] = number;
    for (uint32_t i = r->first_moved[axis]; i < r->first_moved[axis + 1]; i++)
        r->reach[r->moved[i].access].place += r->moved[i].stride * by;
}

static uint32_t loop(tt_block_run *r, uint32_t at)
{
    uint32_t axis = r->form->code[at].a, end = r->note[at];
    bool lanes = r->form->axis[axis].lanes;
    int64_t first, last, step = lanes ? TT_LANES : 1;
    range_of(r, at, &first, &last);
    bool blocks = runs_in_blocks(r, at, divided_up(last - first, step));
    int64_t most = !blocks                     ? 1
                   : at == 0 && r->form->split ? tt_block_split_turns(r->form)
                                               : TT_BLOCK_TURNS;
    if (lanes)
        r->lanes = axis;
    if (blocks)
        open_block(r, at, step);
    step *= most;
    for (int64_t number = first; number < last; number += step) {
        go_to(r, axis, number);
        if (lanes)
            r->left = last - number;
        int64_t turns = blocks ? divided_up(last - number, r->block_step) : 0;
        if (blocks)
            r->turns = (unsigned)(turns < most ? turns : most);
        r->full = lanes_left(r, r->turns - 1) == TT_LANES;
        body(r, at + 1, end);
    }
    if (lanes)
        r->lanes = TT_NO_REGISTER;
    if (blocks) {
        r->block = TT_NO_REGISTER;
        r->turns = 1;
    }
    r->full = r->lanes == TT_NO_REGISTER || lanes_left(r, r->turns - 1) == TT_LANES;
    return end;
}

void tt_blocks_run(const tt_form *form, void *const *buffers, int64_t from, int64_t to,
                   void *scratch)
{
    tt_block_run r;
    tt_block_prepare(&r, form, buffers, scratch);
    r.from = from;
    r.to = to;
    body(&r, 0, form->length);
}
