// Products of matrices of which columns are copied before they are multiplied: what a turn reads
// again and again lies close together, in the form's local memory.
//
// A turn makes some panels of 16 columns. They are copied, one number of the sum behind the other;
// then each tile of rows meets all of them, some at once. Rows whose numbers lie apart (of a
// transposed matrix) are copied, too, a tile at a time, and so are those that lie a multiple of
// pages apart, which would push each other out of the nearest cache. Sums too long for the room are
// added part by part: in between they are kept in local memory, which bounds the rows that are
// walked at once. In ascending order still: the bits are those of any other way.

#include <string.h>

#include "ai/lower/tiles.h"

#define FEWEST_ROWS 32
#define FEWEST_SUMS 64
#define DEPTH_MAX 1024           // numbers of a sum that is not cut into parts
#define DEPTH 384                // of a part, at most
#define PANELS_BYTES (192 << 10) // of the columns of a turn
#define ROWS_BYTES (64 << 10)    // of rows that are copied together
#define TILES 4
#define PANELS_MAX 12
#define TALL 2       // times as many rows as columns: turns make rows
#define ROWS_MAX 448 // of a turn then
#define TURNS 8      // or more, where there are so many panels: for threads
#define ROWS 256     // whose sums are kept at once, at most
#define ROWS_MIN 64
#define CONFLICTS 1024 // elements between rows, a multiple of which puts all into one set

typedef struct panels {
    axis *row, *column;
    int64_t parts, depth;     // of all but the last, which has the rest
    int64_t count, group;     // panels; those of a turn
    int64_t block;            // rows whose sums are kept at once
    bool by_rows;             // a turn makes so many rows of all panels, group by group
    uint32_t rows;            // and counts them
    int64_t rows_at, sums_at; // in local memory, in elements
    bool copies_rows, turned; // each number of the sum is copied for all rows, or row by row
    int64_t apart;            // from number to number of a tile's copied rows, or from row to row
    int64_t tiles;            // whose rows are copied together
    int64_t each;             // panels that meet a tile at once
    int64_t first;            // panel of those that are walked
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

// Number by number of some tiles at once, or row by row of one, a little apart.
static void set_copied_rows(const product *p, panels *w)
{
    w->tiles = 1;
    w->apart = tt_divide_up(w->depth, TT_LANES) * TT_LANES + TT_LANES;
    for (int64_t tiles = 1; w->turned && tiles <= TILES; tiles++) {
        int64_t apart = tt_divide_up(tiles * p->tile, TT_LANES / 2) * (TT_LANES / 2);
        if (tiles > 1 && (apart * w->depth * 4 > ROWS_BYTES || tiles * p->tile > w->block))
            break;
        w->tiles = tiles;
        w->apart = apart;
    }
}

static panels plan(product *p)
{
    panels w = {.row = &p->free[p->tiled],
                .column = &p->free[p->lanes],
                .r = {.now = SUM},
                .each = p->pair == (int)p->lanes ? p->pair_count : 1};
    unsigned one = 1 - p->vector;
    w.turned = p->sum.stride[one] != 1 && p->free[p->tiled].stride[one] == 1;
    w.copies_rows = w.turned || (p->f->groups->wide && p->sum.stride[one] == 1 &&
                                 p->free[p->tiled].stride[one] % CONFLICTS == 0);
    w.parts = p->sum.size <= DEPTH_MAX ? 1 : tt_divide_up(p->sum.size, DEPTH);
    w.depth = tt_divide_up(p->sum.size, w.parts);
    w.count = tt_divide_up(w.column->size, TT_LANES);
    w.block = w.parts > 1 ? block_of(w.row->size) : w.row->size;
    w.by_rows = w.parts == 1 && w.row->size >= TALL * w.column->size;
    int64_t each = w.depth * TT_LANES * 4 + (w.parts > 1 ? w.block * TT_LANES * 4 : 0);
    w.group = lower_of(PANELS_MAX, PANELS_BYTES / each);
    if (!w.by_rows)
        w.group = lower_of(w.group, tt_divide_up(w.count, TURNS));
    w.each = lower_of(w.each, lower_of(PANELS_MAX, PANELS_BYTES / each));
    w.group = w.group > w.each ? w.group / w.each * w.each : w.each;
    set_copied_rows(p, &w);
    if (w.by_rows) {
        int64_t together = w.tiles * p->tile, most = w.row->size / together / TURNS;
        w.block = together * (most < 1 ? 1 : lower_of(most, ROWS_MAX / together));
    }
    w.rows_at = w.group * w.depth * TT_LANES;
    w.sums_at = w.rows_at;
    if (w.copies_rows)
        w.sums_at += tt_divide_up((w.turned ? w.depth : p->tile) * w.apart, TT_LANES) * TT_LANES;
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
        made.to.offset = w->column->size - w->first * TT_LANES;
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

// The panels of a turn that meet tiles together, so many at once: none that lacks columns.
static tt_form_axis together(const panels *w)
{
    tt_form_axis made = {.end = w->group / w->each};
    if (w->column->size % (w->group * TT_LANES) != 0) {
        made.bounded = true;
        made.divisor = w->each;
        made.to.offset = w->column->size / TT_LANES - (w->each - 1);
        tt_affine_add(&made.to, w->turn, -w->group);
    }
    return made;
}

// Those that are left, in the last turn: from `first` on.
static int64_t left_over(const panels *w, int64_t *first)
{
    int64_t turns = tt_divide_up(w->count, w->group), before = (turns - 1) * w->group;
    *first = (w->column->size / TT_LANES - before) / w->each * w->each;
    return w->count - before - *first;
}

static tt_form_axis in_last(uint32_t turn, int64_t turns, int64_t count)
{
    tt_form_axis made = {.end = count, .bounded = true, .divisor = 1};
    made.to.offset = -count * (turns - 2);
    tt_affine_add(&made.to, turn, count);
    return made;
}

// The rows of some tiles: number by number, or some more, so that vectors are whole; or row by row.
static void copy_rows(product *p, const panels *w, int64_t count, int64_t depth)
{
    unsigned one = 1 - p->vector;
    tt_affine from = p->at[one], to = {.offset = w->rows_at};
    uint32_t row = tt_form_loop(p->form, &(tt_form_axis){.end = count, .lanes = w->turned});
    uint32_t number = tt_form_loop(p->form, &(tt_form_axis){.end = depth, .lanes = !w->turned});
    tt_affine_add(&from, row, w->row->stride[one]);
    tt_affine_add(&from, number, p->sum.stride[one]);
    tt_affine_add(&to, row, w->turned ? 1 : w->apart);
    tt_affine_add(&to, number, w->turned ? w->apart : 1);
    copy(p, one, &from, &to);
    tt_form_end(p->form);
    tt_form_end(p->form);
}

// A tile and panels of the turn, of which `depth` numbers are there: `each` at once.
static void meet(product *p, panels *w, tile t, int64_t depth, int64_t each, tt_form_axis those)
{
    axis saved = *w->column;
    tt_affine at[3];
    memcpy(at, p->at, sizeof(at));
    w->column->stride[p->vector] = depth;
    w->column->stride[2] = 1;
    p->at[p->vector].offset += w->first * TT_LANES * depth;
    p->at[2].offset += w->first * TT_LANES;
    p->f->fixed[saved.along] += w->first * TT_LANES * saved.scale;
    w->panel = tt_tiles_open_axis(p, w->column, TT_LANES * each, those);
    w->column->stride[p->vector] = 1;
    tt_form_axis whole = {.end = TT_LANES, .lanes = true};
    tt_tiles_open_axis(p, w->column, 1, each > 1 ? whole : columns_of(w, true));
    if (each > 1)
        tt_tiles_pair(p, each, TT_LANES * depth, TT_LANES, saved.along, TT_LANES * saved.scale);
    tt_tiles_walk_tile(p, &t, &w->r, w->row->along, w->row->scale);
    tt_tiles_pair(p, 1, 0, 0, 0, 0);
    tt_fusing_close(p->f);
    tt_fusing_close(p->f);
    p->f->fixed[saved.along] -= w->first * TT_LANES * saved.scale;
    memcpy(p->at, at, sizeof(at));
    *w->column = saved;
}

static void meet_all(product *p, panels *w, tile t, int64_t depth)
{
    int64_t first, left = left_over(w, &first);
    if (w->each == 1) {
        meet(p, w, t, depth, 1, panels_of(w));
        return;
    }
    if (w->column->size / TT_LANES >= w->each)
        meet(p, w, t, depth, w->each, together(w));
    if (left > 0) {
        w->first = first;
        meet(p, w, t, depth, 1, in_last(w->turn, tt_divide_up(w->count, w->group), left));
        w->first = 0;
    }
}

// Rows as walk_tiles takes them.
typedef struct run {
    int64_t first, times; // of what follows: `tiles` tiles of `count` rows
    int64_t tiles, count;
    int64_t copied; // rows of these, or some more, within the matrix
} run;

// Tiles with all panels of the turn.
static void walk_some_tiles(product *p, panels *w, const run *r, int64_t depth)
{
    unsigned one = 1 - p->vector;
    tile t = {.count = r->count, .apart = w->row->stride[one]};
    axis saved_sum = p->sum, saved_row = *w->row;
    tt_affine saved[3];
    memcpy(saved, p->at, sizeof(saved));
    p->sum.size = depth;
    if (w->r.now == SUM) {
        if (w->copies_rows) {
            copy_rows(p, w, r->copied, depth);
            t.apart = w->turned ? 1 : w->apart;
            w->row->stride[one] = t.apart;
            p->at[one] = (tt_affine){.offset = w->rows_at};
            p->sum.stride[one] = w->turned ? w->apart : 1;
        }
        p->packed[one] = w->copies_rows;
        p->packed[p->vector] = true;
        p->at[p->vector] = (tt_affine){0};
        p->sum.stride[p->vector] = TT_LANES;
    }
    if (r->tiles > 1)
        tt_tiles_open_axis(p, w->row, r->count, (tt_form_axis){.end = r->tiles});
    meet_all(p, w, t, depth);
    if (r->tiles > 1)
        tt_fusing_close(p->f);
    p->packed[0] = p->packed[1] = false;
    *w->row = saved_row;
    p->sum = saved_sum;
    memcpy(p->at, saved, sizeof(saved));
}

// So many runs; with bounds, no more than the turn's rows are.
static void walk_run(product *p, panels *w, const run *r, int64_t depth, const tt_form_axis *bounds)
{
    tt_form_axis times = bounds != NULL ? *bounds : (tt_form_axis){.end = r->times};
    tt_affine saved[3];
    if (r->times <= 0 || r->count <= 0)
        return;
    memcpy(saved, p->at, sizeof(saved));
    for (unsigned o = 0; o < 3; o++)
        p->at[o].offset += r->first * w->row->stride[o];
    p->f->fixed[w->row->along] += r->first * w->row->scale;
    if (r->times > 1 || times.bounded)
        tt_tiles_open_axis(p, w->row, r->tiles * r->count, times);
    walk_some_tiles(p, w, r, depth);
    if (r->times > 1 || times.bounded)
        tt_fusing_close(p->f);
    p->f->fixed[w->row->along] -= r->first * w->row->scale;
    memcpy(p->at, saved, sizeof(saved));
}

// Tiles whose rows are not copied with others, and what is left, from row `first` on.
static void walk_left(product *p, panels *w, int64_t first, int64_t count, int64_t depth,
                      const tt_form_axis *bounds)
{
    int64_t tiles = count / p->tile;
    run r = {first, 1, tiles, tiles > 0 ? p->tile : 0, tiles * p->tile};
    walk_run(p, w, &r, depth, bounds);
    r = (run){first + r.copied, 1, 1, count % p->tile, count % p->tile};
    walk_run(p, w, &r, depth, bounds);
}

// All tiles of the rows that are walked at once: some whose rows are copied together, of which as
// many as vectors have may be, then those for which that is too many, and what is left.
static void walk_tiles(product *p, panels *w, int64_t depth)
{
    int64_t each = w->tiles * p->tile, full = w->block / each, wide = full;
    if (w->turned && w->r.now == SUM)
        wide = w->block >= w->apart ? lower_of(full, (w->block - w->apart) / each + 1) : 0;
    w->row->stride[2] = w->group * TT_LANES;
    run r = {0, wide, w->tiles, p->tile, w->turned ? w->apart : each};
    walk_run(p, w, &r, depth, NULL);
    r = (run){wide * each, full - wide, w->tiles, p->tile, each};
    walk_run(p, w, &r, depth, NULL);
    walk_left(p, w, full * each, w->block % each, depth, NULL);
    w->row->stride[2] = 0;
}

// The same of a turn that makes rows; in the last one what is left of them.
static void walk_rows(product *p, panels *w)
{
    int64_t each = w->tiles * p->tile, all = w->row->size;
    int64_t turns = tt_divide_up(all, w->block), left = all % each;
    tt_form_axis times = {.end = w->block / each}, once = in_last(w->rows, turns, 1);
    if (all % w->block != 0) {
        times.bounded = true;
        times.divisor = each;
        times.to.offset = all - (each - 1);
        tt_affine_add(&times.to, w->rows, -w->block);
    }
    run r = {0, w->block / each, w->tiles, p->tile, each};
    walk_run(p, w, &r, w->depth, &times);
    walk_left(p, w, all - left - (turns - 1) * w->block, left, w->depth, &once);
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

// A turn makes rows: all panels, group by group.
static void walk_by_rows(product *p, panels *w)
{
    p->f->fused->turns = tt_divide_up(w->row->size, w->block);
    tt_form_axis turns = {.end = p->f->fused->turns}, groups = {0};
    groups.end = tt_divide_up(w->count, w->group);
    w->rows = tt_tiles_open_axis(p, w->row, w->block, turns);
    w->turn = tt_tiles_open_axis(p, w->column, w->group * TT_LANES, groups);
    copy_columns(p, w, w->depth);
    walk_rows(p, w);
    tt_fusing_close(p->f);
}

// A turn makes panels.
static void walk_by_panels(product *p, panels *w)
{
    int64_t turns = tt_divide_up(w->count, w->group), blocks = w->row->size / w->block;
    p->f->fused->turns = turns;
    w->turn = tt_tiles_open_axis(p, w->column, w->group * TT_LANES, (tt_form_axis){.end = turns});
    if (blocks > 1)
        tt_tiles_open_axis(p, w->row, w->block, (tt_form_axis){.end = blocks});
    if (w->parts == 1)
        walk_part(p, w, w->depth);
    else
        walk_parts(p, w);
    if (blocks > 1)
        tt_fusing_close(p->f);
}

void tt_tiles_walk_panels(product *p)
{
    panels w = plan(p);
    tt_affine saved[3];
    memcpy(saved, p->at, sizeof(saved));
    p->form->split = true;
    if (w.by_rows)
        walk_by_rows(p, &w);
    else
        walk_by_panels(p, &w);
    tt_fusing_close(p->f);
    memcpy(p->at, saved, sizeof(saved));
}
