// What the interpreter finds out about a form before it runs: where registers lie, which accesses
// move with a loop, and which FMAs and LOADs need no copies.

#include <string.h>

#include "ai/run/blocks_internal.h"

static size_t words_of(const tt_form *form, uint32_t i)
{
    if (form->code[i].kind == TT_FORM_NONE)
        return 0;
    return form->code[i].uniform ? TT_BLOCK_TURNS : TT_BLOCK_ROWS;
}

unsigned tt_block_split_turns(const tt_form *form)
{
    if (form->local_bytes * TT_BLOCK_TURNS <= TT_FORM_LOCAL_MAX)
        return TT_BLOCK_TURNS;
    return (unsigned)(TT_FORM_LOCAL_MAX / form->local_bytes);
}

static size_t local_bytes_of(const tt_form *form)
{
    return (size_t)form->local_bytes * (form->split ? tt_block_split_turns(form) : 1);
}

static uint32_t terms_of(const tt_form *form)
{
    uint32_t terms = 0;
    for (uint32_t i = 0; i < form->access_count; i++)
        terms += form->access[i].place.count;
    return terms;
}

size_t tt_blocks_scratch(const tt_form *form)
{
    size_t words = TT_BLOCK_OPERANDS * TT_BLOCK_ROWS;
    for (uint32_t i = 0; i < form->length; i++)
        words += words_of(form, i);
    size_t bytes = local_bytes_of(form) + form->access_count * sizeof(tt_block_reach) +
                   terms_of(form) * sizeof(tt_block_moved) + form->length * sizeof(tt_block_view) +
                   form->axis_count * sizeof(int64_t) + words * sizeof(tt_word) +
                   (2 * (size_t)form->length + form->axis_count + 1) * sizeof(uint32_t);
    return (bytes + TT_FORM_LOCAL_ALIGN - 1) / TT_FORM_LOCAL_ALIGN * TT_FORM_LOCAL_ALIGN;
}

static void count_use(tt_block_run *r, tt_register of)
{
    if (of != TT_NO_REGISTER)
        r->at[of]++;
}

// How often each register is read, into `at`; where its words are is written over it later.
static void count_uses(tt_block_run *r)
{
    const tt_form *form = r->form;
    memset(r->at, 0, form->length * sizeof(*r->at));
    for (uint32_t i = 0; i < form->length; i++) {
        const tt_instruction *code = &form->code[i];
        const tt_register from[TT_BLOCK_OPERANDS] = {code->a, code->b, code->c};
        bool moves = code->op == TT_FORM_LOAD || code->op == TT_FORM_STORE;
        unsigned first = moves, count = tt_form_operands((tt_form_op)code->op);
        if (code->op == TT_FORM_LOAD)
            count = 3;
        else if (code->op == TT_FORM_STORE || code->op == TT_FORM_SET)
            count = 2;
        else if (code->op == TT_FORM_START)
            count = 1;
        for (unsigned o = first; o < count; o++)
            count_use(r, from[o]);
    }
}

// Whether an FMA may be done where the sum is.
static bool sums_in_place(const tt_block_run *r, uint32_t i, uint32_t uses)
{
    const tt_instruction *code = r->form->code, *fma = &code[i];
    return fma->op == TT_FORM_FMA && uses == 1 && // who uses it stands behind it
           code[i + 1].op == TT_FORM_SET && code[i + 1].b == i && code[i + 1].a == fma->c &&
           !code[fma->c].uniform && !(code[fma->a].uniform && code[fma->b].uniform) &&
           fma->a != fma->c && fma->b != fma->c;
}

// Whether a LOAD's elements need not be copied: straight on, nothing but such FMAs reads them,
// while nothing is stored.
static bool reads_in_place(const tt_block_run *r, uint32_t i, uint32_t uses)
{
    const tt_instruction *code = r->form->code, *load = &code[i];
    if (load->op != TT_FORM_LOAD || load->b != TT_NO_REGISTER || load->c != TT_NO_REGISTER ||
        r->form->access[load->a].element != TT_F32 ||
        (!load->uniform && r->reach[load->a].by_lane != 1))
        return false;
    for (i++; uses > 0 && i < r->form->length; i++) {
        if (code[i].op == TT_FORM_FMA && r->note[i] > 0)
            uses -= (&code[code[i].a] == load) + (&code[code[i].b] == load);
        else if (code[i].op != TT_FORM_LOAD && code[i].op != TT_FORM_SET)
            return false;
    }
    return uses == 0;
}

// Finds the end of each loop, and gives each register its words.
static void prepare(tt_block_run *r)
{
    const tt_form *form = r->form;
    uint32_t open = TT_NO_REGISTER,
             words = 0; // while a loop is open, its entry names the one around
    count_uses(r);
    for (uint32_t i = form->length; i-- > 0;)
        r->note[i] = sums_in_place(r, i, r->at[i]) ? i + 1 : reads_in_place(r, i, r->at[i]) ? 1 : 0;
    for (uint32_t i = 0; i < form->length; i++) {
        if (form->code[i].op == TT_FORM_LOOP) {
            r->note[i] = open;
            open = i;
        } else if (form->code[i].op == TT_FORM_END) {
            uint32_t around = r->note[open];
            r->note[open] = i;
            open = around;
        }
        r->at[i] = words;
        words += (uint32_t)words_of(form, i);
    }
}

// Where accesses begin, and which move with an axis.
static void prepare_accesses(tt_block_run *r)
{
    const tt_form *form = r->form;
    uint32_t lanes = TT_NO_REGISTER, count = 0;
    for (uint32_t i = 0; i < form->length; i++) {
        const tt_instruction *code = &form->code[i];
        if (code->op == TT_FORM_LOOP && form->axis[code->a].lanes)
            lanes = code->a;
        if (code->op != TT_FORM_LOAD && code->op != TT_FORM_STORE)
            continue;
        const tt_form_access *access = &form->access[code->a];
        r->reach[code->a] = (tt_block_reach){
            .place = access->place.offset,
            .by_lane = code->uniform ? 0 : tt_affine_stride(&access->place, lanes),
            .buffer = access->buffer == TT_FORM_LOCAL ? r->local : r->buffers[access->buffer]};
    }
    for (uint32_t axis = 0; axis < form->axis_count; axis++) {
        r->number[axis] = 0;
        r->first_moved[axis] = count;
        for (uint32_t i = 0; i < form->access_count; i++) {
            int64_t stride = tt_affine_stride(&form->access[i].place, axis);
            if (stride != 0)
                r->moved[count++] = (tt_block_moved){.access = i, .stride = stride};
        }
    }
    r->first_moved[form->axis_count] = count;
}

void tt_block_prepare(tt_block_run *r, const tt_form *form, void *const *buffers, void *scratch)
{
    *r = (tt_block_run){.form = form,
                        .buffers = buffers,
                        .local = scratch,
                        .reach = (tt_block_reach *)(void *)((char *)scratch + local_bytes_of(form)),
                        .lanes = TT_NO_REGISTER,
                        .block = TT_NO_REGISTER,
                        .turns = 1,
                        .full = true,
                        .multiply_add = tt_block_multiply_add_of_machine()};
    r->moved = (tt_block_moved *)(r->reach + form->access_count);
    r->rows = (tt_block_view *)(r->moved + terms_of(form));
    r->number = (int64_t *)(r->rows + form->length);
    tt_word *words = (tt_word *)(r->number + form->axis_count);
    for (unsigned o = 0; o < TT_BLOCK_OPERANDS; o++, words += TT_BLOCK_ROWS)
        r->spread[o] = words;
    r->words = words;
    for (uint32_t i = 0; i < form->length; i++)
        words += words_of(form, i);
    r->note = (uint32_t *)words;
    r->at = r->note + form->length;
    r->first_moved = r->at + form->length;
    prepare_accesses(r);
    prepare(r);
}
