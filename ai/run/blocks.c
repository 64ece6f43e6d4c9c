// The interpreter of forms.
//
// An instruction is dispatched once for a block of up to 16 turns of one loop, 256 numbers where it
// is one of lanes. That loop is the axis `split`, whose turns are independent by what a form says;
// where that has few turns or there is none, each axis of lanes within which nothing is SET that
// was started outside of it, and no turn touches what another stores. A block of any other loop is
// one turn.
//
// Each turn of a block of the axis `split` has local memory of its own. A form that has much of it
// is taken turn by turn.
//
// A register holds a row for each turn of the block: of 16 numbers, or of 1 where it is uniform.
// One that was made before the block's loop holds one row, which counts for all turns.

#include "ai/run/blocks.h"

#include <string.h>

#include "ai/run/block_elements.h"

#define TURNS 16
#define OPERANDS 3
#define ROWS ((size_t)TURNS * TT_LANES)

typedef struct run {
    const tt_form *form;
    void *const *buffers;
    char *local;      // of each turn of a block
    uint32_t *end_of; // of LOOPs: the END
    uint32_t *at;     // of registers: the first of their words
    tt_word *words;
    tt_word *spread[OPERANDS]; // operands in the shape of what is made
    int64_t *number;           // of open axes, in the block's first turn
    int64_t from, to;          // of the axis `split`
    uint32_t lanes;            // the open axis of lanes, or TT_NO_REGISTER
    int64_t left;              // numbers of it from this turn on
    uint32_t block;            // the LOOP that runs in blocks, or TT_NO_REGISTER: none is open
    int64_t block_step;        // numbers of its axis from turn to turn
    unsigned turns;            // in the block, 1 outside
} run;

static size_t words_of(const tt_form *form, uint32_t i)
{
    if (form->code[i].kind == TT_FORM_NONE)
        return 0;
    return form->code[i].uniform ? TURNS : ROWS;
}

static bool splits_in_blocks(const tt_form *form)
{
    return form->split && form->local_bytes * TURNS <= TT_FORM_LOCAL_MAX;
}

static size_t local_bytes_of(const tt_form *form)
{
    return (size_t)form->local_bytes * (splits_in_blocks(form) ? TURNS : 1);
}

size_t tt_blocks_scratch(const tt_form *form)
{
    size_t words = OPERANDS * ROWS;
    for (uint32_t i = 0; i < form->length; i++)
        words += words_of(form, i);
    size_t bytes = local_bytes_of(form) + words * sizeof(tt_word) +
                   (form->axis_count + 1) * sizeof(int64_t) +
                   2 * (size_t)form->length * sizeof(uint32_t);
    return (bytes + TT_FORM_LOCAL_ALIGN - 1) / TT_FORM_LOCAL_ALIGN * TT_FORM_LOCAL_ALIGN;
}

static int64_t stride_of(const tt_affine *place, uint32_t axis)
{
    int64_t stride = 0;
    for (unsigned i = 0; i < place->count; i++)
        if (place->term[i].axis == axis)
            stride += place->term[i].stride;
    return stride;
}

static int64_t value_of(const run *r, const tt_affine *place)
{
    int64_t value = place->offset;
    for (unsigned i = 0; i < place->count; i++)
        value += place->term[i].stride * r->number[place->term[i].axis];
    return value;
}

static bool in_block(const run *r, uint32_t instruction)
{
    return r->block != TT_NO_REGISTER && instruction > r->block;
}

// What an affine number grows by from turn to turn of the block, and from lane to lane.
static int64_t turn_stride(const run *r, const tt_affine *place)
{
    return r->block == TT_NO_REGISTER ? 0
                                      : stride_of(place, r->form->code[r->block].a) * r->block_step;
}

// The same of an element that is accessed.
static int64_t turn_stride_of(const run *r, const tt_form_access *access)
{
    bool apart = access->buffer == TT_FORM_LOCAL && r->form->split && r->block == 0;
    size_t bytes = tt_element_bytes((tt_element)access->element);
    return turn_stride(r, &access->place) + (apart ? (int64_t)(r->form->local_bytes / bytes) : 0);
}

static void *buffer_of(const run *r, const tt_form_access *access)
{
    return access->buffer == TT_FORM_LOCAL ? r->local : r->buffers[access->buffer];
}

static int64_t lane_stride(const run *r, const tt_affine *place)
{
    return r->lanes == TT_NO_REGISTER ? 0 : stride_of(place, r->lanes);
}

static unsigned lanes_left(const run *r, unsigned turn)
{
    if (r->lanes == TT_NO_REGISTER)
        return TT_LANES;
    bool blocked = r->block != TT_NO_REGISTER && r->form->code[r->block].a == r->lanes;
    int64_t left = r->left - (blocked ? (int64_t)turn * TT_LANES : 0);
    return left < TT_LANES ? (unsigned)left : TT_LANES;
}

// A register in the shape of what is made of it: a row for each turn, of lanes or not.
static const tt_word *operand(run *r, unsigned slot, tt_register from, bool lanes)
{
    const tt_word *words = r->words + r->at[from];
    bool uniform = r->form->code[from].uniform, each = in_block(r, from) || r->turns == 1;
    if (each && uniform == !lanes)
        return words;
    unsigned width = lanes ? TT_LANES : 1, step = each ? (uniform ? 1 : TT_LANES) : 0;
    for (unsigned turn = 0; turn < r->turns; turn++)
        for (unsigned l = 0; l < width; l++)
            r->spread[slot][turn * width + l] = words[turn * step + (uniform ? 0 : l)];
    return r->spread[slot];
}

static void arithmetic(run *r, uint32_t at, const tt_instruction *i)
{
    tt_form_op op = (tt_form_op)i->op;
    tt_word *to = r->words + r->at[at];
    const tt_register from[OPERANDS] = {i->a, i->b, i->c};
    const tt_word *x[OPERANDS] = {NULL};
    bool joins = tt_form_joins(op);
    for (unsigned o = 0; o < tt_form_operands(op); o++)
        x[o] = operand(r, o, from[o], joins || !i->uniform);
    if (!joins)
        tt_block_arithmetic(op, to, x[0], x[1], x[2], r->turns * (i->uniform ? 1 : TT_LANES));
    for (unsigned turn = 0; joins && turn < r->turns; turn++)
        to[turn] = tt_block_join(op, x[0] + (size_t)turn * TT_LANES,
                                 op == TT_FORM_JOIN_BOTH ? x[1] + (size_t)turn * TT_LANES : NULL);
}

static void make_index(run *r, uint32_t at, const tt_instruction *i)
{
    tt_word *to = r->words + r->at[at];
    const tt_affine *place = &r->form->place[i->a];
    int64_t first = value_of(r, place), by_turn = turn_stride(r, place),
            by_lane = lane_stride(r, place);
    unsigned width = i->uniform ? 1 : TT_LANES;
    for (unsigned turn = 0; turn < r->turns; turn++)
        for (unsigned l = 0; l < width; l++)
            to[turn * width + l].i = (uint32_t)(first + by_turn * turn + by_lane * l);
}

static void load(run *r, uint32_t at, const tt_instruction *i)
{
    const tt_form_access *access = &r->form->access[i->a];
    const void *buffer = buffer_of(r, access);
    tt_element element = (tt_element)access->element;
    tt_word *to = r->words + r->at[at];
    int64_t first = value_of(r, &access->place), by_turn = turn_stride_of(r, access),
            by_lane = i->uniform ? 0 : lane_stride(r, &access->place);
    unsigned width = i->uniform ? 1 : TT_LANES;
    const tt_word *guard = i->b == TT_NO_REGISTER ? NULL : operand(r, 0, i->b, !i->uniform);
    const tt_word *index = i->c == TT_NO_REGISTER ? NULL : operand(r, 1, i->c, !i->uniform);
    for (unsigned turn = 0; turn < r->turns; turn++, to += width, first += by_turn) {
        unsigned count = i->uniform ? 1 : lanes_left(r, turn);
        memset(to + count, 0, (width - count) * sizeof(*to));
        if (guard == NULL && index == NULL) {
            tt_block_load(element, buffer, first, by_lane, to, count);
            continue;
        }
        for (unsigned l = 0; l < count; l++) {
            size_t from = turn * width + l;
            int64_t chosen = index == NULL ? 0 : (int32_t)index[from].i * access->index_stride;
            if (guard != NULL && guard[from].i == 0)
                to[l].i = 0;
            else
                tt_block_load(element, buffer, first + by_lane * l + chosen, 0, to + l, 1);
        }
    }
}

static void store(run *r, const tt_instruction *i)
{
    const tt_form_access *access = &r->form->access[i->a];
    int64_t first = value_of(r, &access->place), by_turn = turn_stride_of(r, access),
            by_lane = lane_stride(r, &access->place);
    unsigned width = i->uniform ? 1 : TT_LANES;
    const tt_word *from = operand(r, 0, i->b, !i->uniform);
    for (unsigned turn = 0; turn < r->turns; turn++)
        tt_block_store((tt_element)access->element, buffer_of(r, access), first + by_turn * turn,
                       by_lane, from + (size_t)turn * width, i->uniform ? 1 : lanes_left(r, turn));
}

static void start(run *r, uint32_t at, const tt_instruction *i)
{
    size_t count = (size_t)r->turns * (i->uniform ? 1 : TT_LANES);
    memcpy(r->words + r->at[at], operand(r, 0, i->a, !i->uniform), count * sizeof(tt_word));
}

static void set(run *r, const tt_instruction *i)
{
    bool uniform = r->form->code[i->a].uniform;
    tt_word *to = r->words + r->at[i->a];
    const tt_word *from = operand(r, 0, i->b, !uniform);
    unsigned width = uniform ? 1 : TT_LANES;
    for (unsigned turn = 0; turn < r->turns; turn++, to += width, from += width)
        memcpy(to, from, (uniform ? 1 : lanes_left(r, turn)) * sizeof(*to));
}

static uint32_t loop(run *r, uint32_t at);

static void body(run *r, uint32_t at, uint32_t end)
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
        default:
            arithmetic(r, at, i);
        }
    }
}

static int64_t divided_up(int64_t a, int64_t by)
{
    return a / by + (a % by > 0);
}

static void range_of(const run *r, uint32_t at, int64_t *first, int64_t *end)
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

// Two accesses of one buffer that touch the same element in the same turn only.
static bool same_place(const tt_form_access *a, const tt_form_access *b, uint32_t axis)
{
    if (a->element != b->element || a->place.offset != b->place.offset ||
        a->place.count != b->place.count || stride_of(&a->place, axis) == 0)
        return false;
    for (unsigned i = 0; i < a->place.count; i++)
        if (a->place.term[i].axis != b->place.term[i].axis ||
            a->place.term[i].stride != b->place.term[i].stride)
            return false;
    return true;
}

static bool stores_apart(const run *r, uint32_t loop_at, const tt_instruction *stored)
{
    const tt_form *form = r->form;
    const tt_form_access *to = &form->access[stored->a];
    for (uint32_t i = loop_at + 1; i < r->end_of[loop_at]; i++) {
        const tt_instruction *other = &form->code[i];
        if (other->op != TT_FORM_LOAD && other->op != TT_FORM_STORE)
            continue;
        const tt_form_access *with = &form->access[other->a];
        bool indexed = other->op == TT_FORM_LOAD && other->c != TT_NO_REGISTER;
        if (buffer_of(r, with) == buffer_of(r, to) &&
            (indexed || !same_place(to, with, form->code[loop_at].a)))
            return false;
    }
    return true;
}

// Whether 16 turns of an axis of lanes may run at once: straight code, whose turns are apart.
static bool turns_apart(const run *r, uint32_t at)
{
    const tt_form *form = r->form;
    for (uint32_t i = at + 1; i < r->end_of[at]; i++) {
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
        if (form->axis[i].bounded &&
            (stride_of(&form->axis[i].from, axis) != 0 || stride_of(&form->axis[i].to, axis) != 0))
            return true;
    return false;
}

static bool runs_in_blocks(const run *r, uint32_t at, int64_t numbers)
{
    const tt_form *form = r->form;
    if (r->block != TT_NO_REGISTER)
        return false;
    uint32_t axis = form->code[at].a;
    if (at == 0 && form->split)
        return splits_in_blocks(form) && numbers >= TURNS / 2 && !bounds_depend(form, axis);
    return form->axis[axis].lanes && numbers > TT_LANES && turns_apart(r, at);
}

static uint32_t loop(run *r, uint32_t at)
{
    uint32_t axis = r->form->code[at].a, end = r->end_of[at];
    bool lanes = r->form->axis[axis].lanes;
    int64_t first, last, step = lanes ? TT_LANES : 1;
    range_of(r, at, &first, &last);
    bool blocks = runs_in_blocks(r, at, last - first);
    if (lanes)
        r->lanes = axis;
    if (blocks) {
        r->block = at;
        r->block_step = step;
        step *= TURNS;
    }
    for (int64_t number = first; number < last; number += step) {
        r->number[axis] = number;
        if (lanes)
            r->left = last - number;
        int64_t turns = blocks ? divided_up(last - number, r->block_step) : 0;
        if (blocks)
            r->turns = turns < TURNS ? (unsigned)turns : TURNS;
        body(r, at + 1, end);
    }
    if (lanes)
        r->lanes = TT_NO_REGISTER;
    if (blocks) {
        r->block = TT_NO_REGISTER;
        r->turns = 1;
    }
    return end;
}

// Finds the end of each loop, and gives each register its words.
static void prepare(run *r)
{
    const tt_form *form = r->form;
    uint32_t open = TT_NO_REGISTER,
             words = 0; // while a loop is open, its entry names the one around
    for (uint32_t i = 0; i < form->length; i++) {
        if (form->code[i].op == TT_FORM_LOOP) {
            r->end_of[i] = open;
            open = i;
        } else if (form->code[i].op == TT_FORM_END) {
            uint32_t around = r->end_of[open];
            r->end_of[open] = i;
            open = around;
        }
        r->at[i] = words;
        words += (uint32_t)words_of(form, i);
    }
}

void tt_blocks_run(const tt_form *form, void *const *buffers, int64_t from, int64_t to,
                   void *scratch)
{
    run r = {.form = form,
             .buffers = buffers,
             .local = scratch,
             .number = (int64_t *)(void *)((char *)scratch + local_bytes_of(form)),
             .from = from,
             .to = to,
             .lanes = TT_NO_REGISTER,
             .block = TT_NO_REGISTER,
             .turns = 1};
    tt_word *words = (tt_word *)(r.number + form->axis_count + 1);
    for (unsigned o = 0; o < OPERANDS; o++, words += ROWS)
        r.spread[o] = words;
    r.words = words;
    for (uint32_t i = 0; i < form->length; i++)
        words += words_of(form, i);
    r.end_of = (uint32_t *)words;
    r.at = r.end_of + form->length;
    prepare(&r);
    body(&r, 0, form->length);
}
