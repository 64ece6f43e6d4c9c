// The form of a group.
//
// First the axes: where each value that is read or written lies along each axis of the group's
// domain, and which neighbouring axes all of them walk as one (where.c). Then the loops. A group
// without a sum is one nest. One that reduces its last axes ("row by row") is a loop over rows, in
// which its inner axes are walked once for each sum that waits for another ("turn"). A sum across
// is a nest whose innermost loops are those that are summed. Products and pools have nests of their
// own (tiles.c, pools.c).

#include <stdlib.h>
#include <string.h>

#include "ai/graph/shape.h"
#include "ai/lower/compute.h"
#include "ai/lower/fusing.h"

#define CHUNK 8192      // elements of a turn of a split axis, where there is but one axis
#define TURNS_ENOUGH 16 // of a split axis, to be shared out
#define ROW_SHORT 4096  // elements of a row of which so many stay in the fastest cache
#define PART 4 // numbers of a lane that are added as they are, before they are added exactly

static tt_form_axis lanes_of(int64_t size)
{
    return (tt_form_axis){.end = size, .lanes = true};
}

// Puts the largest of the first `count` axes outside, where the first has too few numbers to share
// out. Their turns may come in any order.
static void choose_split(fusing *f, unsigned count)
{
    unsigned largest = 0;
    for (unsigned i = 1; i < count; i++)
        if (f->axis[i].size > f->axis[largest].size)
            largest = i;
    if (count == 0 || f->axis[0].size >= TURNS_ENOUGH)
        return;
    walk_axis first = f->axis[largest];
    memmove(&f->axis[1], &f->axis[0], largest * sizeof(first));
    f->axis[0] = first;
}

// Numbers of the last axis that are a turn of the split axis; 0: the first axis is split.
static int64_t part_of_last(const fusing *f)
{
    int64_t size = f->axis[f->axis_count - 1].size;
    if (f->axis_count == 1 && size <= CHUNK)
        return 0;
    if (f->axis_count > 1 &&
        (f->axis[0].size >= TURNS_ENOUGH || size < 4 * TURNS_ENOUGH * TT_LANES))
        return 0;
    int64_t part = (size / TURNS_ENOUGH + TT_LANES - 1) / TT_LANES * TT_LANES;
    return f->axis_count == 1 || part > CHUNK ? CHUNK : part;
}

// No sum: all axes but the last are loops, the last is lanes.
static void fuse_elements(fusing *f)
{
    unsigned last = f->axis_count - 1;
    choose_split(f, last);
    int64_t part = part_of_last(f), size = f->axis[last].size;
    if (part > 0) {
        f->fused->turns = (size + part - 1) / part;
        tt_fusing_open(f, last, part, (tt_form_axis){.end = f->fused->turns});
        f->form->split = true;
    }
    for (unsigned i = 0; i < last; i++) {
        tt_fusing_open(f, i, 1, (tt_form_axis){.end = f->axis[i].size});
        f->form->split = true;
        if (i == 0 && part == 0)
            f->fused->turns = f->axis[0].size;
    }
    tt_fusing_open(f, last, 1, part > 0 ? tt_fusing_rest(f, 0, part, size, true) : lanes_of(size));
    f->nest++;
    for (uint32_t i = 0; i < f->count; i++)
        tt_fusing_store(f, i);
    while (f->open_count > 0)
        tt_fusing_close(f);
}

// The inner axes, in which the sums of a turn are added up and its members stored. Of a long last
// axis each lane adds PART numbers as they are, and then what they came to exactly.
static void nest_turn(fusing *f, unsigned turn, bool last_lanes)
{
    unsigned outer = f->outer_count, last = f->axis_count - 1;
    int64_t part = last_lanes ? PART * TT_LANES : PART;
    bool in_parts = f->axis[last].size >= 2 * part && tt_fusing_adds_up(f, turn);
    for (unsigned i = outer; i < last; i++)
        tt_fusing_open(f, i, 1, (tt_form_axis){.end = f->axis[i].size});
    if (in_parts) {
        tt_fusing_open(f, last, part,
                       (tt_form_axis){.end = (f->axis[last].size + part - 1) / part});
        tt_fusing_part_sums(f, turn, false);
        tt_fusing_open(f, last, 1,
                       tt_fusing_rest(f, f->open_count - 1, part, f->axis[last].size, last_lanes));
    } else {
        tt_fusing_open(f, last, 1, (tt_form_axis){.end = f->axis[last].size, .lanes = last_lanes});
    }
    tt_fusing_add_up(f, turn, in_parts);
    for (uint32_t i = 0; i < f->count; i++) // loaded before something is written there
        if (f->member[i].kept_by != UINT32_MAX && f->member[i].turn <= turn)
            tt_fusing_value_of(f, i);
    for (uint32_t i = 0; !f->group->across && i < f->count; i++)
        if (f->member[i].full && f->member[i].turn == turn)
            tt_fusing_store(f, i);
    tt_fusing_close(f);
    if (in_parts) {
        tt_fusing_part_sums(f, turn, true);
        tt_fusing_close(f);
    }
    for (unsigned i = outer; i < last; i++)
        tt_fusing_close(f);
}

// Whether a full member divides by what is the same along its row.
static bool divides_by_row(const fusing *f, const member *m)
{
    int64_t by = m->full && tt_fusing_op_of(f, m->node) == TT_OP_DIVIDE ? m->read[1] : INT64_MIN;
    if (by == INT64_MIN)
        return false;
    return by < 0 ? !f->member[-1 - by].full : !f->place[by].inner && !tt_fusing_is_number(f, by);
}

// 1 / the divisor, which first is brought near 1 by a power of 2 where its inverse might be too
// small or too great for a float.
static void invert(fusing *f, member *m)
{
    tt_form *form = f->form;
    tt_register by = tt_fusing_read(f, m, 1),
                size = tt_form_sign(form, by, TT_FORM_AND, 0x7fffffffu);
    tt_register great = tt_form_2(form, TT_FORM_LESS, tt_form_number(form, 0x1p100f), size);
    tt_register small = tt_form_2(form, TT_FORM_LESS, size, tt_form_number(form, 0x1p-100f));
    m->up = tt_form_make(form, TT_FORM_SELECT, great, tt_form_number(form, 0x1p-64f),
                         tt_form_number(form, 1));
    m->up = tt_form_make(form, TT_FORM_SELECT, small, tt_form_number(form, 0x1p64f), m->up);
    by = tt_form_2(form, TT_FORM_MULTIPLY, by, m->up);
    m->inverse = tt_form_2(form, TT_FORM_DIVIDE, tt_form_number(form, 1), by);
    m->has_inverse = true;
}

// Members outside of the inner axes that can be computed before a turn, and what stays the same
// inside.
static void before_turn(fusing *f, unsigned turn)
{
    f->nest = 0;
    for (uint32_t i = 0; i < f->count; i++) {
        member *m = &f->member[i];
        if (m->turn > turn && !m->sum) // a sum that reads a place has no other to wait for
            continue;
        if (!m->full && !m->sum) {
            tt_fusing_value_of(f, i);
            continue;
        }
        for (unsigned k = 0; k < tt_fusing_reads_of(f, m); k++)
            if (m->read[k] >= 0 && !f->place[m->read[k]].inner)
                tt_fusing_load(f, m->read[k]);
        if (divides_by_row(f, m) && !m->has_inverse)
            invert(f, m);
    }
}

static unsigned last_turn(const fusing *f)
{
    unsigned last = 0;
    for (uint32_t i = 0; i < f->count; i++) {
        const member *m = &f->member[i];
        unsigned turn = m->sum ? m->turn - 1 : m->full && m->written >= 0 ? m->turn : 0;
        last = turn > last ? turn : last;
    }
    return last;
}

static bool works_in(const fusing *f, unsigned turn)
{
    for (uint32_t i = 0; i < f->count; i++) {
        const member *m = &f->member[i];
        bool first_half;
        if (tt_fusing_sums_in(f, i, turn, &first_half) ||
            (m->full && m->written >= 0 && m->turn == turn))
            return true;
    }
    return false;
}

// Whether TT_ROWS_TOGETHER rows are walked together: a row's next turn waits for its sums, and
// while it does, those of other rows can be added up.
static bool walks_rows_together(const fusing *f, unsigned turns)
{
    unsigned outer = f->outer_count;
    int64_t enough = outer == 1 ? TT_ROWS_TOGETHER * TURNS_ENOUGH : TT_ROWS_TOGETHER, length = 1;
    for (unsigned i = outer; i < f->axis_count; i++)
        length *= f->axis[i].size;
    return turns > 0 && outer > 0 && f->axis[outer - 1].size >= enough && length <= ROW_SHORT;
}

// Opens the loop over the rows of a turn, in which nothing is known but what was kept of turns
// before.
static void open_rows(fusing *f, unsigned turn)
{
    unsigned last = f->outer_count - 1;
    tt_fusing_open(
        f, last, 1,
        tt_fusing_rest(f, f->open_count - 1, TT_ROWS_TOGETHER, f->axis[last].size, false));
    for (uint32_t i = 0; i < f->count; i++)
        f->member[i].is_made = f->member[i].has_inverse = false;
    for (uint32_t i = 0; i < f->place_count; i++)
        f->place[i].outer_register = TT_NO_REGISTER;
    tt_fusing_recall_sums(f, turn, TT_ROWS_TOGETHER);
}

static void fuse_rows(fusing *f)
{
    unsigned outer = f->outer_count, turns = last_turn(f);
    tt_fusing_keep_exps(f, turns);
    choose_split(f, outer);
    bool together = walks_rows_together(f, turns);
    for (unsigned i = 0; i < outer; i++) {
        int64_t scale = together && i == outer - 1 ? TT_ROWS_TOGETHER : 1;
        int64_t end = (f->axis[i].size + scale - 1) / scale;
        tt_fusing_open(f, i, scale, (tt_form_axis){.end = end});
        f->form->split = true;
        if (i == 0)
            f->fused->turns = end;
    }
    uint32_t nests = 0;
    for (unsigned turn = 0; turn <= turns; turn++) {
        if (together && !works_in(f, turn))
            continue;
        if (together)
            open_rows(f, turn);
        before_turn(f, turn);
        f->nest = nests;
        if (works_in(f, turn)) {
            tt_fusing_start_sums(f, turn);
            nest_turn(f, turn, true);
            nests = f->nest;
            f->nest = 0;
            tt_fusing_join_sums(f, turn, true);
        }
        if (together && turn < turns) {
            tt_fusing_note_sums(f, turn, TT_ROWS_TOGETHER);
            tt_fusing_close(f);
        }
    }
    before_turn(f, UINT32_MAX - 1);
    for (uint32_t i = 0; i < f->count; i++)
        if (!f->member[i].full)
            tt_fusing_store(f, i);
    while (f->open_count > 0)
        tt_fusing_close(f);
}

// The sum is the last member; its kept axes are outside, lanes on the last of all axes.
static void fuse_across(fusing *f)
{
    unsigned outer = f->outer_count;
    bool lanes_kept = outer > 0 && f->axis[outer - 1].last > f->axis[f->axis_count - 1].last;
    uint32_t sum = f->count - 1;
    choose_split(f, outer - lanes_kept);
    for (unsigned i = 0; i < outer; i++) {
        bool lanes = lanes_kept && i == outer - 1;
        if (lanes && outer == 1 && f->axis[i].size > 4 * TT_LANES) {
            f->fused->turns = (f->axis[i].size + 4 * TT_LANES - 1) / (4 * TT_LANES);
            tt_fusing_open(f, i, 4 * TT_LANES, (tt_form_axis){.end = f->fused->turns});
            f->form->split = true;
            tt_fusing_open(f, i, 1, tt_fusing_rest(f, 0, 4 * TT_LANES, f->axis[i].size, true));
            continue;
        }
        tt_fusing_open(f, i, 1, (tt_form_axis){.end = f->axis[i].size, .lanes = lanes});
        if (i == 0 && !lanes) {
            f->form->split = true;
            f->fused->turns = f->axis[0].size;
        }
    }
    for (unsigned turn = 0; turn < f->member[sum].turn; turn++) {
        tt_fusing_start_sums(f, turn);
        nest_turn(f, turn, !lanes_kept);
        tt_fusing_join_sums(f, turn, !lanes_kept);
    }
    f->nest = 0;
    tt_fusing_store(f, sum);
    while (f->open_count > 0)
        tt_fusing_close(f);
}

static bool list_nodes(fusing *f)
{
    f->fused->nodes = calloc(f->count, sizeof(f->fused->nodes[0]));
    for (uint32_t i = 0; f->fused->nodes != NULL && i < f->count; i++)
        f->fused->nodes[i] = f->member[i].node;
    f->fused->node_count = f->count;
    return f->fused->nodes != NULL;
}

static void estimate(fusing *f)
{
    uint64_t cost = (uint64_t)tt_type_count(&f->group->domain);
    f->fused->cost = tt_cost_multiply(cost, f->form->length);
}

bool tt_fuse(const tt_groups *groups, uint32_t group, tt_fused *fused)
{
    const tt_group *g = &groups->group[group];
    fusing f = {.groups = groups,
                .graph = groups->graph,
                .group = g,
                .fused = fused,
                .form = &fused->form,
                .member = calloc(g->count + 1u, sizeof(member)),
                .count = g->count,
                .second = -1};
    *fused = (tt_fused){.turns = 1, .over = TT_NONE};
    tt_form_begin(&fused->form);
    f.full = f.member == NULL;
    for (uint32_t i = 0; !f.full && i < f.count; i++) {
        f.member[i].node = groups->member[g->first + i];
        f.member[i].kept = -1;
        f.member[i].kept_by = UINT32_MAX;
        f.member[i].picked_by = -1;
        f.member[i].sum = tt_groups_is_sum(tt_fusing_op_of(&f, f.member[i].node));
    }
    for (uint32_t i = 0; !f.full && i < f.count; i++) {
        f.member[i].full = tt_fusing_is_full(&f, f.member[i].node);
        if (i == 0 && (g->product || g->pool))
            tt_fusing_find_written(&f);
        else
            tt_fusing_find_reads(&f, i);
    }
    if (!f.full && (g->product || g->pool)) {
        const tt_unpool *unpool = groups->unpool[f.member[0].node];
        if (g->product) { // knows what it costs
            tt_fuse_product(&f);
        } else {
            tt_fuse_pool(&f, unpool != NULL ? unpool->read : NULL);
            estimate(&f);
        }
    } else if (!f.full) {
        tt_fusing_find_blocks(&f);
        tt_fusing_find_axes(&f);
        bool lone = f.axis_count == (g->split >= 0 ? f.outer_count : 0);
        if (lone) // of one element
            f.axis[f.axis_count++] =
                (walk_axis){f.domain.rank > 0 ? f.domain.rank - 1u : 0, 1, g->split >= 0};
        if (lone && g->split < 0)
            f.outer_count = 1;
        tt_fusing_mark_inner(&f);
        if (g->across)
            fuse_across(&f);
        else if (g->split >= 0)
            fuse_rows(&f);
        else
            fuse_elements(&f);
        estimate(&f);
    }
    f.full = f.full || fused->form.full || !tt_fusing_list_buffers(&f) || !list_nodes(&f);
    tt_form_trim(&fused->form);
    free(f.member);
    free(f.place);
    return !f.full;
}

void tt_fused_free(tt_fused *fused)
{
    tt_form_free(&fused->form);
    free(fused->values);
    free(fused->nodes);
    *fused = (tt_fused){0};
}
