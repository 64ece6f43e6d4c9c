// Sums of a group: added up by lanes (form.h), with what additions round off beside them, so that a
// sum is as good as one in double. An exp whose sum is asked for, too, is kept for its share of it.

#include <float.h>
#include <math.h>
#include <string.h>

#include "ai/lower/compute.h"
#include "ai/lower/functions.h"
#include "ai/lower/fusing.h"

// Which sums are added to in a turn: of log_sum_exp the greatest one first.
bool tt_fusing_sums_in(const fusing *f, uint32_t index, unsigned turn, bool *first_half)
{
    const member *m = &f->member[index];
    bool two = m->sum && tt_fusing_op_of(f, m->node) == TT_OP_LOG_SUM_EXP && !m->below;
    *first_half = two && m->turn == turn + 2;
    return m->sum && (m->turn == turn + 1 || *first_half);
}

static bool is_greatest(tt_op op, bool first_half)
{
    return op == TT_OP_GREATEST || op == TT_OP_LEAST || first_half;
}

void tt_fusing_start_sums(fusing *f, unsigned turn)
{
    for (uint32_t i = 0; i < f->count; i++) {
        bool first_half;
        if (!tt_fusing_sums_in(f, i, turn, &first_half))
            continue;
        member *m = &f->member[i];
        bool greatest = is_greatest(tt_fusing_op_of(f, m->node), first_half);
        tt_register from = tt_form_number(f->form, greatest ? -(float)INFINITY : 0);
        m->sum_of = tt_form_start(f->form, from, false);
        if (!first_half)
            m->low = tt_form_start(f->form, from, false);
    }
}

// What is added: a member's element, or what log_sum_exp makes of it.
static tt_register summand(fusing *f, uint32_t index, bool first_half)
{
    member *m = &f->member[index];
    tt_op op = tt_fusing_op_of(f, m->node);
    tt_register x = tt_fusing_read(f, m, 0);
    if (op == TT_OP_LEAST)
        return tt_form_sign(f->form, x, TT_FORM_XOR, 0x80000000u);
    if (op != TT_OP_LOG_SUM_EXP || first_half)
        return x;
    if (!m->below)
        x = tt_form_2(f->form, TT_FORM_SUBTRACT, x, m->greatest);
    return tt_form_exp_below(f->form, x, !m->below);
}

// The sum and what its rounding lost, after Knuth; where the sum is infinite that is no number.
static void add_exactly(tt_form *form, member *m, tt_register x)
{
    tt_register sum = tt_form_2(form, TT_FORM_ADD, m->sum_of, x);
    tt_register part = tt_form_2(form, TT_FORM_SUBTRACT, sum, m->sum_of);
    tt_register rest = tt_form_2(form, TT_FORM_SUBTRACT, sum, part);
    rest = tt_form_2(form, TT_FORM_SUBTRACT, m->sum_of, rest);
    part = tt_form_2(form, TT_FORM_SUBTRACT, x, part);
    rest = tt_form_2(form, TT_FORM_ADD, rest, part);
    tt_form_set(form, m->low, tt_form_2(form, TT_FORM_ADD, m->low, rest));
    tt_form_set(form, m->sum_of, sum);
}

// The greater, where what is no number need not win: it makes the second half of log_sum_exp none.
static tt_register greater(tt_form *form, tt_register a, tt_register b)
{
    return tt_form_make(form, TT_FORM_SELECT, tt_form_2(form, TT_FORM_LESS, b, a), a, b);
}

// The greatest number, and beside it what was none.
static void add_greatest(tt_form *form, const member *m, tt_register x)
{
    tt_register number = tt_form_2(form, TT_FORM_EQUAL, x, x);
    tt_form_set(form, m->sum_of, greater(form, x, m->sum_of));
    tt_form_set(form, m->low, tt_form_make(form, TT_FORM_SELECT, number, m->low, x));
}

// A part of the inner axes begins, or has been added up.
void tt_fusing_part_sums(fusing *f, unsigned turn, bool ends)
{
    for (uint32_t i = 0; i < f->count; i++) {
        member *m = &f->member[i];
        bool first_half;
        if (!tt_fusing_sums_in(f, i, turn, &first_half) ||
            is_greatest(tt_fusing_op_of(f, m->node), first_half))
            continue;
        if (ends)
            add_exactly(f->form, m, m->part);
        else
            m->part = tt_form_start(f->form, tt_form_number(f->form, 0), false);
    }
}

static void keep(fusing *f, const member *m, tt_register x)
{
    const place *p = &f->place[m->kept];
    tt_form_access access = {
        .buffer = (uint16_t)m->kept, .element = TT_F32, .place = tt_fusing_affine(f, p)};
    tt_form_store(f->form, &access, x);
}

void tt_fusing_add_up(fusing *f, unsigned turn, bool in_parts)
{
    f->nest++;
    for (uint32_t i = 0; i < f->count; i++) {
        bool first_half;
        if (!tt_fusing_sums_in(f, i, turn, &first_half))
            continue;
        member *m = &f->member[i];
        tt_register x = summand(f, i, first_half);
        if (m->kept >= 0 && !first_half)
            keep(f, m, x);
        if (first_half)
            tt_form_set(f->form, m->sum_of, greater(f->form, x, m->sum_of));
        else if (is_greatest(tt_fusing_op_of(f, m->node), false))
            add_greatest(f->form, m, x);
        else if (in_parts)
            tt_form_set(f->form, m->part, tt_form_2(f->form, TT_FORM_ADD, m->part, x));
        else
            add_exactly(f->form, m, x);
    }
}

bool tt_fusing_adds_up(const fusing *f, unsigned turn)
{
    for (uint32_t i = 0; i < f->count; i++) {
        bool first_half;
        if (tt_fusing_sums_in(f, i, turn, &first_half) &&
            !is_greatest(tt_fusing_op_of(f, f->member[i].node), first_half))
            return true;
    }
    return false;
}

// up: 0 where the sum is 0.
static void invert_sum(tt_form *form, member *m, tt_register sum)
{
    tt_register zero = tt_form_number(form, 0);
    m->inverse = tt_form_2(form, TT_FORM_DIVIDE, tt_form_number(form, 1), sum);
    m->up = tt_form_make(form, TT_FORM_SELECT, tt_form_2(form, TT_FORM_EQUAL, sum, zero), zero,
                         m->inverse);
}

// What the sums of a turn came to, by joining lanes where these were summed over.
void tt_fusing_join_sums(fusing *f, unsigned turn, bool lanes)
{
    for (uint32_t i = 0; i < f->count; i++) {
        bool first_half;
        if (!tt_fusing_sums_in(f, i, turn, &first_half))
            continue;
        member *m = &f->member[i];
        tt_op op = tt_fusing_op_of(f, m->node);
        bool greatest = is_greatest(op, first_half);
        tt_register sum = m->sum_of;
        if (greatest && !first_half)
            sum = tt_form_better(f->form, m->low, sum, true);
        if (lanes)
            sum = greatest ? tt_form_1(f->form, TT_FORM_JOIN_GREATEST, sum)
                           : tt_form_2(f->form, TT_FORM_JOIN_BOTH, sum, m->low);
        else if (!greatest)
            sum = tt_form_make(f->form, TT_FORM_SELECT,
                               tt_form_2(f->form, TT_FORM_EQUAL, m->low, m->low),
                               tt_form_2(f->form, TT_FORM_ADD, sum, m->low), sum);
        if (op == TT_OP_LEAST)
            sum = tt_form_sign(f->form, sum, TT_FORM_XOR, 0x80000000u);
        if (first_half) { // what is infinite is not subtracted: inf - inf would be none
            tt_register inf = tt_form_number(f->form, (float)INFINITY);
            tt_register least = tt_form_number(f->form, -(float)INFINITY);
            tt_register above = tt_form_make(
                f->form, TT_FORM_SELECT, tt_form_2(f->form, TT_FORM_LESS, sum, inf), sum,
                tt_form_number(f->form, FLT_MAX)); // so that beside inf, exps are 0
            m->greatest =
                tt_form_make(f->form, TT_FORM_SELECT, tt_form_2(f->form, TT_FORM_EQUAL, sum, least),
                             tt_form_number(f->form, 0), above);
            continue;
        }
        if (m->kept >= 0)
            invert_sum(f->form, m, sum);
        if (op == TT_OP_LOG_SUM_EXP)
            sum = tt_form_log(f->form, sum);
        if (op == TT_OP_LOG_SUM_EXP && !m->below)
            sum = tt_form_2(f->form, TT_FORM_ADD, m->greatest, sum);
        m->made = sum;
        m->is_made = true;
    }
}

// Of a row of several: the number of a sum that is kept at `slot` in local memory.
static tt_form_access kept_at(fusing *f, unsigned slot, unsigned rows)
{
    tt_form_access access = {.buffer = TT_FORM_LOCAL, .element = TT_F32};
    uint64_t bytes = (slot + 1ull) * rows * sizeof(float);
    bytes = (bytes + TT_FORM_LOCAL_ALIGN - 1) / TT_FORM_LOCAL_ALIGN * TT_FORM_LOCAL_ALIGN;
    f->form->local_bytes = bytes > f->form->local_bytes ? bytes : f->form->local_bytes;
    access.place.offset = (int64_t)slot * rows;
    tt_affine_add(&access.place, f->open[f->open_count - 1].id, 1);
    return access;
}

static void note(fusing *f, unsigned slot, unsigned rows, tt_register number)
{
    tt_form_access access = kept_at(f, slot, rows);
    tt_form_store(f->form, &access, number);
}

static tt_register recall(fusing *f, unsigned slot, unsigned rows)
{
    tt_form_access access = kept_at(f, slot, rows);
    return tt_form_load(f->form, &access, TT_NO_REGISTER, TT_NO_REGISTER);
}

#define SLOTS 3 // of a sum: itself, or the greatest one before it, and what its exps are shared by

void tt_fusing_note_sums(fusing *f, unsigned turn, unsigned rows)
{
    unsigned slot = 0;
    for (uint32_t i = 0; i < f->count; i++) {
        member *m = &f->member[i];
        bool first_half, in = tt_fusing_sums_in(f, i, turn, &first_half);
        if (m->picked_by >= 0 && m->is_made && !m->noted)
            in = m->noted = true;
        if (in)
            note(f, slot, rows, first_half ? m->greatest : m->made);
        if (in && !first_half && m->kept >= 0) {
            note(f, slot + 1, rows, m->inverse);
            note(f, slot + 2, rows, m->up);
        }
        slot += m->sum || m->picked_by >= 0 ? SLOTS : 0;
    }
}

void tt_fusing_recall_sums(fusing *f, unsigned turn, unsigned rows)
{
    unsigned slot = 0;
    for (uint32_t i = 0; i < f->count; i++) {
        member *m = &f->member[i];
        bool first_half, in = tt_fusing_sums_in(f, i, turn, &first_half);
        if (m->sum ? m->turn <= turn : m->noted) {
            m->made = recall(f, slot, rows);
            m->is_made = true;
        } else if (in && !first_half && tt_fusing_op_of(f, m->node) == TT_OP_LOG_SUM_EXP &&
                   !m->below) {
            m->greatest = recall(f, slot, rows);
        }
        if (m->is_made && m->sum && m->kept >= 0) {
            m->inverse = recall(f, slot + 1, rows);
            m->up = recall(f, slot + 2, rows);
        }
        slot += m->sum || m->picked_by >= 0 ? SLOTS : 0;
    }
}

// The place of what is written at the very end.
static int64_t lent_place(fusing *f, unsigned last)
{
    for (uint32_t i = 0; i < f->count; i++) {
        member *m = &f->member[i];
        if (!m->full || m->written < 0 || m->turn != last || m->lends ||
            f->place[m->written].element != TT_F32)
            continue;
        m->lends = true;
        return m->written;
    }
    return -1;
}

// exp(x - log_sum_exp(x)) is a share of a sum whose exps were computed already. They are kept where
// something is written at the very end, until it is.
void tt_fusing_keep_exps(fusing *f, unsigned last)
{
    for (uint32_t i = 0; i < f->count; i++) {
        member *m = &f->member[i];
        int64_t of = tt_fusing_op_of(f, m->node) == TT_OP_EXP && m->full ? m->read[0] : 0;
        if (of >= 0 || tt_fusing_op_of(f, f->member[-1 - of].node) != TT_OP_SUBTRACT)
            continue;
        const member *below = &f->member[-1 - of];
        uint32_t at = tt_fusing_sum_taken(f, tt_graph_inputs(f->graph, below->node)[1], &m->flat);
        if (at == UINT32_MAX || f->member[at].read[0] != below->read[0] ||
            f->member[at].turn > last)
            continue;
        if (f->member[at].kept < 0)
            f->member[at].kept = lent_place(f, last);
        if (f->member[at].kept >= 0)
            m->kept_by = at;
    }
}
