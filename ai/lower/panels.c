// Products of matrices of which columns are copied before they are multiplied: what a turn reads
// again and again lies close together, in the form's local memory.
//
// A turn makes some panels of 16 columns. They are copied, one number of the sum behind the other;
// then each tile of rows meets all of them. Rows whose numbers lie apart (of a transposed matrix)
// are copied, too, a tile at a time. Sums too long for the room are added part by part: in between
// they are kept in local memory, which bounds the rows that are walked at once. In ascending order
// still: the bits are those of any other way.

#include <string.h>

#include "ai/lower/tiles.h"

#define FEWEST_ROWS 32
#define FEWEST_SUMS 64
#define DEPTH_MAX 1024           // numbers of a sum that is not cut into parts
#define DEPTH 512                // of a part, at most
#define PANELS_BYTES (192 << 10) // of the columns of a turn
#define PANELS_MAX 12
#define TURNS 8  // or more, where there are so many panels: for threads
#define ROWS 256 // whose sums are kept at once, at most
#define ROWS_MIN 64

typedef struct panels {
    axis *row, *column;
    int64_t parts, depth;     // of all but the last, which has the rest
    int64_t count, group;     // panels; those of a turn
    int64_t block;            // rows whose sums are kept at once
    int64_t rows_at, sums_at; // in local memory, in elements
    bool copies_rows;
    int64_t apart; // from number to number of a tile's copied rows
    uint32_t turn, panel;
    rows r;
} panels;

// The most rows that divide all of them; 0 where that is few.
static int64_t block_of(int64_t row_count)
{
    int64_t block = row_count < ROWS ? row_count : ROWS;
    while (block >= ROWS_MIN && row_count % block != 0)
        block--;
    return block == row_count || block >= ROWS_MIN ? block : 0;
}

bool tt_tiles_packs(int64_t row_count, int64_t columns, int64_t sum)
{
    return row_count >= FEWEST_ROWS && columns > TT_LANES && sum >= FEWEST_SUMS &&
           (sum <= DEPTH_MAX || block_of(row_count) > 0);
}

bool tt_tiles_can_pack(const product *p, unsigned lanes, unsigned vector, int tiled)
{
    if (p->window_count > 0 || p->by_image || tiled < 0 || lanes >= SUMMED || p->block.size > 1 ||
        !tt_tiles_packs(p->free[tiled].size, p->free[lanes].size, p->sum.size))
        return false;
    for (unsigned i = 0; i < p->free_count; i++)
        if (i != lanes && (int)i != tiled && p->free[i].size > 1)
            return false;
    return p->free[lanes].stride[vector] == 1 || p->sum.stride[vector] == 1;
}

static int64_t lower_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static panels plan(product *p)
{
    panels w = {.row = &p->free[p->tiled],
                .column = &p->free[p->lanes],
                .r = {.now = SUM},
                .copies_rows = p->sum.stride[1 - p->vector] != 1 &&
                               p->free[p->tiled].stride[1 - p->vector] == 1};
    w.parts = p->sum.size <= DEPTH_MAX ? 1 : tt_divide_up(p->sum.size, DEPTH);
    w.depth = tt_divide_up(p->sum.size, w.parts);
    w.count = tt_divide_up(w.column->size, TT_LANES);
    w.block = w.parts > 1 ? block_of(w.row->size) : w.row->size;
    int64_t each = w.depth * TT_LANES * 4 + (w.parts > 1 ? w.block * TT_LANES * 4 : 0);
    w.group = lower_of(lower_of(PANELS_MAX, PANELS_BYTES / each), tt_divide_up(w.count, TURNS));
    w.group = w.group > 0 ? w.group : 1;
    w.apart = p->tile <= TT_LANES / 2 ? TT_LANES / 2 : TT_LANES;
    w.rows_at = w.group * w.depth * TT_LANES;
    w.sums_at = w.rows_at;
    if (w.copies_rows)
        w.sums_at += tt_divide_up(w.depth * w.apart, TT_LANES) * TT_LANES;
    p->form->local_bytes = (uint64_t)w.sums_at * 4;
    if (w.parts > 1)
        p->form->local_bytes += (uint64_t)(w.block * w.group * TT_LANES * 4);
    return w;
}

// The panels of a turn; their columns, as lanes or one by one.
static tt_form_axis panels_of(const panels *w)
{
    tt_form_axis made = {.end = w->group};
    if (w->count % w->group != 0) {
        made.bounded = true;
        made.divisor = 1;
        made.to.offset = w->count;
        tt_affine_add(&made.to, w->turn, -w->group);
    }
    return made;
}

static tt_form_axis columns_of(const panels *w, bool lanes)
{
    tt_form_axis made = {.end = TT_LANES, .lanes = lanes};
    if (w->column->size % TT_LANES != 0) {
        made.bounded = true;
        made.divisor = 1;
        made.to.offset = w->column->size;
        tt_affine_add(&made.to, w->turn, -w->group * TT_LANES);
        tt_affine_add(&made.to, w->panel, -TT_LANES);
    }
    return made;
}

static void copy(product *p, unsigned operand, const tt_affine *from, const tt_affine *to)
{
    tt_register number = tt_tiles_load(p, operand, from);
    tt_form_access access = {.buffer = TT_FORM_LOCAL, .element = TT_F32, .place = *to};
    tt_form_store(p->form, &access, number);
}

// The columns of a turn, of one part of the sum.
static void copy_columns(product *p, panels *w, int64_t depth)
{
    tt_affine from = p->at[p->vector], to = {0};
    int64_t apart = w->column->stride[p->vector], next = p->sum.stride[p->vector];
    bool by_column = apart != 1;
    tt_form_axis all = panels_of(w), numbers = {.end = depth, .lanes = by_column};
    w->panel = tt_form_loop(p->form, &all);
    tt_affine_add(&from, w->panel, TT_LANES * apart);
    tt_affine_add(&to, w->panel, TT_LANES * depth);
    tt_form_axis columns = columns_of(w, !by_column);
    uint32_t outer = tt_form_loop(p->form, by_column ? &numbers : &columns);
    uint32_t inner = tt_form_loop(p->form, by_column ? &columns : &numbers);
    tt_affine_add(&from, outer, by_column ? next : apart);
    tt_affine_add(&from, inner, by_column ? apart : next);
    tt_affine_add(&to, outer, by_column ? TT_LANES : 1);
    tt_affine_add(&to, inner, by_column ? 1 : TT_LANES);
    copy(p, p->vector, &from, &to);
    for (unsigned i = 0; i < 3; i++)
        tt_form_end(p->form);
}

// The rows of a tile, or some more, so that a vector is whole.
static void copy_rows(product *p, const panels *w, int64_t count, int64_t depth)
{
    unsigned one = 1 - p->vector;
    tt_affine from = p->at[one], to = {.offset = w->rows_at};
    uint32_t row = tt_form_loop(p->form, &(tt_form_axis){.end = count, .lanes = true});
    uint32_t number = tt_form_loop(p->form, &(tt_form_axis){.end = depth});
    tt_affine_add(&from, row, w->row->stride[one]);
    tt_affine_add(&from, number, p->sum.stride[one]);
    tt_affine_add(&to, row, 1);
    tt_affine_add(&to, number, w->apart);
    copy(p, one, &from, &to);
    tt_form_end(p->form);
    tt_form_end(p->form);
}

// A tile of `count` rows with all panels of the turn, of which `depth` numbers are there; `copied`
// rows are within the matrix.
static void walk_tile(product *p, panels *w, int64_t count, int64_t copied, int64_t depth)
{
    unsigned one = 1 - p->vector;
    tile t = {.count = count, .apart = w->row->stride[one]};
    axis saved_sum = p->sum, saved_column = *w->column;
    tt_affine saved[3];
    memcpy(saved, p->at, sizeof(saved));
    p->sum.size = depth;
    if (w->r.now == SUM) {
        if (w->copies_rows) {
            copy_rows(p, w, copied, depth);
            t.apart = 1;
            p->at[one] = (tt_affine){.offset = w->rows_at};
            p->sum.stride[one] = w->apart;
        }
        p->packed[one] = w->copies_rows;
        p->packed[p->vector] = true;
        p->at[p->vector] = (tt_affine){0};
        p->sum.stride[p->vector] = TT_LANES;
    }
    w->column->stride[p->vector] = depth;
    w->column->stride[2] = 1;
    w->panel = tt_tiles_open_axis(p, w->column, TT_LANES, panels_of(w));
    w->column->stride[p->vector] = 1;
    tt_tiles_open_axis(p, w->column, 1, columns_of(w, true));
    tt_tiles_walk_tile(p, &t, &w->r, w->row->along, w->row->scale);
    tt_fusing_close(p->f);
    tt_fusing_close(p->f);
    p->packed[0] = p->packed[1] = false;
    *w->column = saved_column;
    p->sum = saved_sum;
    memcpy(p->at, saved, sizeof(saved));
}

// Tiles `first` to before `end`, of `count` rows each.
static void walk_some_tiles(product *p, panels *w, int64_t first, int64_t end, int64_t count,
                            int64_t copied, int64_t depth)
{
    int64_t number = first * p->tile;
    tt_affine saved[3];
    if (first >= end)
        return;
    memcpy(saved, p->at, sizeof(saved));
    for (unsigned o = 0; o < 3; o++)
        p->at[o].offset += number * w->row->stride[o];
    p->f->fixed[w->row->along] += number * w->row->scale;
    if (end - first > 1)
        tt_tiles_open_axis(p, w->row, p->tile, (tt_form_axis){.end = end - first});
    walk_tile(p, w, count, copied, depth);
    if (end - first > 1)
        tt_fusing_close(p->f);
    p->f->fixed[w->row->along] -= number * w->row->scale;
    memcpy(p->at, saved, sizeof(saved));
}

// All tiles of the rows that are walked at once.
static void walk_tiles(product *p, panels *w, int64_t depth)
{
    int64_t full = w->block / p->tile, rest = w->block % p->tile, wide = 0;
    w->row->stride[2] = w->group * TT_LANES;
    if (w->copies_rows && w->r.now == SUM && w->block >= w->apart)
        wide = lower_of(full, (w->block - w->apart) / p->tile + 1);
    walk_some_tiles(p, w, 0, wide, p->tile, w->apart, depth);
    walk_some_tiles(p, w, wide, full, p->tile, p->tile, depth);
    walk_some_tiles(p, w, full, full + (rest > 0), rest, rest, depth);
    w->row->stride[2] = 0;
}

static void walk_part(product *p, panels *w, int64_t depth)
{
    copy_columns(p, w, depth);
    walk_tiles(p, w, depth);
}

// Sums of several parts: cleared, added to, and made something of.
static void walk_parts(product *p, panels *w)
{
    int64_t full = p->sum.size / w->depth, rest = p->sum.size % w->depth;
    tt_affine saved[3];
    p->at[2].offset = w->sums_at;
    memcpy(saved, p->at, sizeof(saved));
    p->local = true;
    w->r.now = CLEAR;
    walk_tiles(p, w, 0);
    w->r.now = SUM;
    int64_t stride[2] = {p->sum.stride[0] * w->depth, p->sum.stride[1] * w->depth};
    tt_tiles_open_sum(p, stride, (tt_form_axis){.end = full});
    walk_part(p, w, w->depth);
    tt_form_end(p->form);
    memcpy(p->at, saved, sizeof(saved));
    if (rest > 0) {
        for (unsigned o = 0; o < 2; o++)
            p->at[o].offset += full * stride[o];
        walk_part(p, w, rest);
        memcpy(p->at, saved, sizeof(saved));
    }
    w->r.now = JOIN;
    walk_tiles(p, w, 0);
    p->local = false;
}

void tt_tiles_walk_panels(product *p)
{
    panels w = plan(p);
    tt_affine saved[3];
    memcpy(saved, p->at, sizeof(saved));
    int64_t turns = tt_divide_up(w.count, w.group), blocks = w.row->size / w.block;
    p->form->split = true;
    p->f->fused->turns = turns;
    w.turn = tt_tiles_open_axis(p, w.column, w.group * TT_LANES, (tt_form_axis){.end = turns});
    if (w.parts == 1) {
        walk_part(p, &w, w.depth);
    } else {
        if (blocks > 1)
            tt_tiles_open_axis(p, w.row, w.block, (tt_form_axis){.end = blocks});
        walk_parts(p, &w);
        if (blocks > 1)
            tt_fusing_close(p->f);
    }
    tt_fusing_close(p->f);
    memcpy(p->at, saved, sizeof(saved));
}
