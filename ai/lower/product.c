// Products in registers: convolutions, products of matrices and the gradients of both.
//
// Each element made is a sum over `sum` and over the taps of windows, in ascending order, fused
// multiply and add, from zero: however it is cut into tiles, the bits are the same. A tile is some
// numbers of one axis, each a register of lanes of another: the operand that has the lanes' axis is
// loaded once for all of them, the other element by element. Tiles at the edges of an image are
// written out, with the taps that lie inside; those between are one loop.
//
// Where `sum` counts images (a convolution's weights' gradient), each image's sum is added to what
// is made, so that an image is walked while it is near. In blocks of images, lanes count those of a
// block: of the batch, or of the sum, whose lanes are then joined.

#include <stdlib.h>
#include <string.h>

#include "ai/graph/shape.h"
#include "ai/graph/sliding.h"
#include "ai/lower/fusing.h"
#include "ai/lower/product.h"

#define WINDOWS_MAX 3
#define TILES_WRITTEN_OUT 12 // of a row, at the edges: beyond that the code would be too long
#define TILE_MAX 12
#define NOT_TILED -2
#define PACK_ROWS 32 // of a tile's axis, for which 16 columns are copied together
#define PACK_SUM 64 // numbers of a sum; more than there is room for, or fewer, are read as they lie
#define NEAR (20 * 1024) // bytes of the nearest cache that what is read again and again may take
#define SUMMED 1000

// An axis of what is made, or the one that is summed: elements from one number to the next in the
// operands, 0 where an operand has it not; and what it counts of the domain.
typedef struct axis {
    int64_t size, stride[3]; // the third: in local memory
    unsigned along;
    int64_t scale;
} axis;

typedef struct window {
    tt_span span;
    int64_t count, stride[2]; // from element to element, from tap to tap
    int64_t local;            // from window to window in local memory
    unsigned along;
} window;

typedef struct product {
    fusing *f;
    tt_form *form;
    axis free[TT_RANK_MAX + 1];
    unsigned free_count;
    window window[WINDOWS_MAX];
    unsigned window_count;
    axis sum, block;    // what is summed; of blocks of images, those of one
    int64_t operand[2]; // places
    // How it is walked.
    unsigned lanes;  // of `free`, or SUMMED: the images of a block
    unsigned vector; // the operand that has it
    int tiled;       // of `free`; -1: the last window
    int64_t tile;
    bool by_image;
    int first;     // of `free`: the loop around all others; -1: another
    int64_t chunk; // by image: taps of the first window that are walked at once, near memory
    uint32_t chunk_loop;
    int64_t open_tile;   // numbers of the tile whose loop is around the lanes; 0: it is inside
    unsigned rows;       // windows that are walked by loops, without the columns
    unsigned opened;     // windows whose loops are around the lanes
    int64_t lanes_block; // of a turn; 0: all lanes
    bool packed;         // the vector operand's 16 columns of a turn are copied to local memory
    bool local;          // sums are kept by lanes in local memory until all images are added
    tt_affine at[3];     // where the operands lie, and the sums in local memory, by the open loops
} product;

// Numbers of a window's axis whose taps fall on elements alike: number first + step q sees, by tap
// tap + tap_step j, element in + in_step q + in_tap j.
typedef struct phase {
    int64_t first, step, count;
    int64_t tap, tap_step, taps;
    int64_t in, in_step, in_tap;
} phase;

static int64_t divide_up(int64_t a, int64_t by)
{
    return a / by + (a % by > 0);
}

static phase phase_of(const window *w, int64_t number)
{
    const tt_span *s = &w->span;
    phase made = {.first = number,
                  .step = s->spread,
                  .count = divide_up(w->count - number, s->spread),
                  .in_step = s->stride,
                  .tap_step = 1};
    while (made.tap < s->spread && (number + made.tap * s->dilation - s->before) % s->spread != 0)
        made.tap++;
    while (made.tap_step * s->dilation % s->spread != 0)
        made.tap_step++;
    made.taps = made.tap < s->window && made.tap < s->spread
                    ? divide_up(s->window - made.tap, made.tap_step)
                    : 0;
    made.in = (number + made.tap * s->dilation - s->before) / s->spread;
    made.in_tap = made.tap_step * s->dilation / s->spread;
    return made;
}

// Tiles of the last window's axis, of `size` numbers each, that are written out.
static int64_t tiles_at_edges(const product *p, int64_t size)
{
    const window *w = &p->window[p->window_count - 1];
    int64_t tiles = 0;
    for (int64_t number = 0; number < w->span.spread && number < w->count; number++) {
        phase c = phase_of(w, number);
        int64_t end = w->span.size - c.in - (c.taps - 1) * c.in_tap;
        int64_t before = c.in < 0 ? divide_up(-c.in, c.in_step) : 0;
        int64_t within = end > 0 ? divide_up(end, c.in_step) : 0;
        within = within < c.count ? within : c.count;
        int64_t behind = c.count - (within > before ? within : before);
        tiles += divide_up(before < c.count ? before : c.count, size) + 1 +
                 (behind > 0 ? divide_up(behind, size) + 1 : 0);
    }
    return tiles;
}

// What the registers of a tile cost, in halves of the time of a multiply and add: 16 lanes are two
// registers of eight, of which eight are in flight.
static int64_t tile_cost(int64_t numbers, bool half)
{
    int64_t busy = half ? numbers : 2 * numbers;
    return busy < 8 ? 8 : busy;
}

static int64_t tiles_cost(int64_t size, int64_t tile, bool half)
{
    int64_t cost = size / tile * tile_cost(tile, half);
    return cost + (size % tile > 0 ? tile_cost(size % tile, half) : 0);
}

// The tile that costs least for an axis of some size; and what it costs.
static int64_t best_tile(int64_t size, bool half, int64_t *cost)
{
    int64_t best = 1, most = half ? 12 : 6;
    *cost = INT64_MAX;
    for (int64_t tile = 1; tile <= most && tile <= size; tile++)
        if (tiles_cost(size, tile, half) <= *cost) {
            *cost = tiles_cost(size, tile, half);
            best = tile;
        }
    return best;
}

static const axis *axis_of(const product *p, unsigned i)
{
    return i == SUMMED ? &p->block : &p->free[i];
}

// Whether an axis is one operand's alone, with its elements side by side.
static bool has_lanes(const axis *a, unsigned operand)
{
    return a->stride[operand] == 1 && a->stride[1 - operand] == 0;
}

static int64_t size_of(const product *p, int tiled)
{
    return tiled == NOT_TILED ? 1
           : tiled < 0        ? p->window[p->window_count - 1].count
                              : p->free[tiled].size;
}

// Whether an axis's numbers lie side by side in what is made, too.
static bool stores_lanes(const product *p, const axis *a)
{
    int64_t written = p->f->member[0].written;
    return written < 0 || p->f->place[written].stride[a->along] * a->scale == 1;
}

// Of a tile whose numbers are loaded by lanes as well, from both operands.
static double summed_cost(int64_t size, int64_t *tile)
{
    double best = 0;
    for (int64_t t = 1; t <= 6 && t <= size; t++) {
        int64_t rest = size % t, full = 2 * t + 2;
        double cost = (double)(size / t * (full < 8 ? 8 : full));
        if (rest > 0)
            cost += (double)(2 * rest + 2 < 8 ? 8 : 2 * rest + 2);
        if (t > 1 && cost >= best)
            continue;
        best = cost;
        *tile = t;
    }
    return best / (double)(size * TT_LANES);
}

// Whether columns of a product of matrices are worth a copy of 16 that a turn reads, where they lie
// apart or their numbers do.
static bool packs(int64_t rows, int64_t columns, int64_t sum)
{
    return rows >= PACK_ROWS && columns > TT_LANES && sum >= PACK_SUM &&
           sum * TT_LANES * 4 <= TT_FORM_LOCAL_MAX;
}

static bool can_pack(const product *p, unsigned lanes, unsigned vector, int tiled)
{
    if (p->window_count > 0 || p->by_image || tiled < 0 || lanes == SUMMED || p->block.size > 1 ||
        !packs(p->free[tiled].size, p->free[lanes].size, p->sum.size))
        return false;
    for (unsigned i = 0; i < p->free_count; i++)
        if (i != lanes && (int)i != tiled && p->free[i].size > 1)
            return false;
    return p->free[lanes].stride[vector] == 1 || p->sum.stride[vector] == 1;
}

static double walk_cost(const product *p, unsigned lanes, unsigned vector, int tiled, int64_t *tile)
{
    const axis *l = axis_of(p, lanes);
    if (lanes == SUMMED)
        return summed_cost(size_of(p, tiled), tile);
    int64_t whole = l->size / TT_LANES, rest = l->size % TT_LANES, size = size_of(p, tiled), cost;
    bool small = l->size <= TT_LANES / 2;
    *tile = best_tile(size, small, &cost);
    int64_t total = small ? 0 : cost * (whole + (rest > TT_LANES / 2));
    if (rest > 0 && rest <= TT_LANES / 2)
        total += tiles_cost(size, *tile, true);
    double each = (double)total / ((double)l->size * (double)size);
    return each * (has_lanes(l, vector) || can_pack(p, lanes, vector, tiled) ? 1 : 8) *
           (stores_lanes(p, l) ? 1 : 1.5);
}

static bool can_tile(const product *p, unsigned lanes, unsigned vector, int tiled)
{
    if (tiled == NOT_TILED)
        return true;
    if (tiled < 0)
        return lanes != SUMMED && p->window_count > 0 && vector == 1 &&
               tiles_at_edges(p, 4) <= TILES_WRITTEN_OUT;
    return (unsigned)tiled != lanes && p->free[tiled].stride[vector] == 0 &&
           p->free[tiled].stride[1 - vector] != 0;
}

// Which axes are lanes and tile. False: there is none for the lanes.
static bool choose(product *p)
{
    double best = 0;
    bool any = false;
    for (unsigned i = 0; i <= p->free_count; i++)
        for (unsigned vector = 0; vector < 2; vector++) {
            unsigned lanes = i < p->free_count ? i : SUMMED;
            const axis *l = axis_of(p, lanes);
            bool summed = lanes == SUMMED && p->by_image && l->stride[0] == 1 && l->stride[1] == 1;
            if (!summed && (lanes == SUMMED || l->stride[1 - vector] != 0))
                continue;
            for (int tiled = NOT_TILED; tiled < (int)p->free_count; tiled++) {
                int64_t tile = 1;
                if (!can_tile(p, lanes, vector, tiled))
                    continue;
                double cost = walk_cost(p, lanes, vector, tiled, &tile);
                if (any && cost >= best)
                    continue;
                any = true;
                best = cost;
                p->lanes = lanes;
                p->vector = vector;
                p->tiled = tiled;
                p->tile = tile;
            }
        }
    return any;
}

static uint32_t open_axis(product *p, const axis *a, int64_t scale, tt_form_axis loop)
{
    uint32_t id = tt_fusing_open(p->f, a->along, a->scale * scale, loop);
    for (unsigned o = 0; o < 3; o++)
        tt_affine_add(&p->at[o], id, a->stride[o] * scale);
    return id;
}

// A loop over what is summed: no axis of the domain.
static uint32_t open_sum(product *p, const int64_t stride[2], tt_form_axis loop)
{
    uint32_t id = tt_form_loop(p->form, &loop);
    for (unsigned o = 0; o < 2; o++)
        tt_affine_add(&p->at[o], id, stride[o]);
    return id;
}

static tt_register load_at(product *p, unsigned operand, const tt_affine *at)
{
    bool packed = p->packed && operand == p->vector;
    tt_form_access access = {.buffer = packed ? TT_FORM_LOCAL : (uint16_t)p->operand[operand],
                             .element = TT_F32,
                             .place = *at};
    return tt_form_load(p->form, &access, TT_NO_REGISTER, TT_NO_REGISTER);
}

// The numbers of a tile: how many there are, how far apart the operand's elements are that is
// loaded one by one, and which of them are inside at each tap.
typedef struct tile {
    int64_t count, apart;
    tt_register sum[TILE_MAX];
    bool of_columns;
    const phase *columns; // NULL: they are walked as rows are
    int64_t first;        // of the columns, where they are written out
    bool inside;          // all taps of all columns are
} tile;

static void multiply(product *p, tile *t, uint32_t inside)
{
    tt_register shared = load_at(p, p->vector, &p->at[p->vector]);
    for (int64_t i = 0; i < t->count; i++) {
        if (((inside >> i) & 1) == 0)
            continue;
        tt_affine at = p->at[1 - p->vector];
        at.offset += i * t->apart;
        tt_register one = load_at(p, 1 - p->vector, &at);
        tt_form_set(p->form, t->sum[i], tt_form_make(p->form, TT_FORM_FMA, one, shared, t->sum[i]));
    }
}

// Over what is summed; by image that is walked outside, but for the images of a block.
static void sum_up(product *p, tile *t, uint32_t inside)
{
    tt_affine saved[3];
    memcpy(saved, p->at, sizeof(saved));
    bool outer = !p->by_image && p->sum.size > 1, inner = p->block.size > 1 && p->lanes != SUMMED;
    if (outer)
        open_sum(p, p->sum.stride, (tt_form_axis){.end = p->sum.size});
    if (inner)
        open_sum(p, p->block.stride, (tt_form_axis){.end = p->block.size});
    multiply(p, t, inside);
    if (inner)
        tt_form_end(p->form);
    if (outer)
        tt_form_end(p->form);
    memcpy(p->at, saved, sizeof(saved));
}

// Taps from `first` to before `end` of the columns, which all see the same of the tile. Where what
// is summed lies behind each other from tap to tap, both are one loop.
static void walk_taps(product *p, tile *t, int64_t first, int64_t end, uint32_t inside)
{
    const window *w = &p->window[p->window_count - 1];
    const phase *c = t->columns;
    tt_affine saved[3];
    memcpy(saved, p->at, sizeof(saved));
    int64_t stride[2] = {w->stride[0] * c->in_tap, w->stride[1] * c->tap_step};
    for (unsigned o = 0; o < 2; o++)
        p->at[o].offset += first * stride[o];
    bool joined = !p->by_image && p->block.size == 1 &&
                  p->sum.stride[0] * p->sum.size == stride[0] &&
                  p->sum.stride[1] * p->sum.size == stride[1];
    if (joined) {
        open_sum(p, p->sum.stride, (tt_form_axis){.end = (end - first) * p->sum.size});
        multiply(p, t, inside);
        tt_form_end(p->form);
    } else if (end - first > 1) {
        open_sum(p, stride, (tt_form_axis){.end = end - first});
        sum_up(p, t, inside);
        tt_form_end(p->form);
    } else {
        sum_up(p, t, inside);
    }
    memcpy(p->at, saved, sizeof(saved));
}

// Which columns of a tile that is written out see an element at a tap.
static uint32_t seen_at(const product *p, const tile *t, int64_t tap)
{
    const phase *c = t->columns;
    int64_t size = p->window[p->window_count - 1].span.size;
    uint32_t seen = 0;
    for (int64_t i = 0; i < t->count; i++) {
        int64_t column = t->first + (t->of_columns ? i : 0);
        int64_t in = column * c->in_step + c->in + tap * c->in_tap;
        seen |= (uint32_t)(t->inside || (in >= 0 && in < size)) << i;
    }
    return seen;
}

static void walk_columns(product *p, tile *t)
{
    for (int64_t tap = 0; tap < t->columns->taps;) {
        int64_t end = tap + 1;
        uint32_t inside = seen_at(p, t, tap);
        while (end < t->columns->taps && seen_at(p, t, end) == inside)
            end++;
        if (inside != 0)
            walk_taps(p, t, tap, end, inside);
        tap = end;
    }
}

// The taps of window i and of those behind it, by loops that keep within the image.
static void walk_windows(product *p, tile *t, unsigned i, const phase *phases, const uint32_t *loop)
{
    if (i == p->window_count || (t->columns != NULL && i + 1 == p->window_count)) {
        if (t->columns != NULL)
            walk_columns(p, t);
        else
            sum_up(p, t, UINT32_MAX);
        return;
    }
    const window *w = &p->window[i];
    const phase *c = &phases[i];
    tt_affine saved[3];
    memcpy(saved, p->at, sizeof(saved));
    tt_form_axis taps = {.end = c->taps};
    int64_t lowest = c->in, highest = c->in + (c->count - 1) * c->in_step;
    if (lowest < 0 || highest + (c->taps - 1) * c->in_tap >= w->span.size) {
        taps.bounded = true;
        taps.divisor = c->in_tap;
        taps.from.offset = -c->in;
        taps.to.offset = w->span.size - c->in;
        tt_affine_add(&taps.from, loop[i], -c->in_step);
        tt_affine_add(&taps.to, loop[i], -c->in_step);
    }
    int64_t stride[2] = {w->stride[0] * c->in_tap, w->stride[1] * c->tap_step};
    if (i == 0 && p->chunk > 0) { // those before are counted by a loop around
        taps.end = p->chunk;
        if (taps.bounded) {
            tt_affine_add(&taps.from, p->chunk_loop, -p->chunk * c->in_tap);
            tt_affine_add(&taps.to, p->chunk_loop, -p->chunk * c->in_tap);
        }
    }
    open_sum(p, stride, taps);
    walk_windows(p, t, i + 1, phases, loop);
    tt_form_end(p->form);
    memcpy(p->at, saved, sizeof(saved));
}

// What is made of a tile's numbers: by image added to what is there.
static void finish(product *p, tile *t, unsigned to, int64_t scale)
{
    fusing *f = p->f;
    int64_t fixed = f->fixed[to];
    for (int64_t i = 0; i < t->count; i++) {
        f->fixed[to] = fixed + i * scale;
        tt_register sum = t->sum[i];
        if (p->lanes == SUMMED)
            sum = tt_form_1(p->form, TT_FORM_JOIN, sum);
        f->nest++;
        f->member[0].inner_made = sum;
        f->member[0].inner_at = f->nest;
        if (p->by_image && !p->local) {
            const place *written = &f->place[f->member[0].written];
            tt_form_access access = {.buffer = (uint16_t)f->member[0].written,
                                     .element = written->element,
                                     .place = tt_fusing_affine(f, written)};
            tt_register before = tt_form_load(p->form, &access, TT_NO_REGISTER, TT_NO_REGISTER);
            tt_form_store(p->form, &access, tt_form_2(p->form, TT_FORM_ADD, before, sum));
        } else {
            for (uint32_t k = 0; k < f->count; k++)
                tt_fusing_store(f, k);
        }
    }
    f->fixed[to] = fixed;
}

static void clear(product *p, tile *t, unsigned to, int64_t scale)
{
    fusing *f = p->f;
    int64_t fixed = f->fixed[to];
    const place *written = &f->place[f->member[0].written];
    tt_register zero = tt_form_number(p->form, 0);
    for (int64_t i = 0; i < t->count; i++) {
        f->fixed[to] = fixed + i * scale;
        tt_form_access access = {.buffer = (uint16_t)f->member[0].written,
                                 .element = written->element,
                                 .place = tt_fusing_affine(f, written)};
        tt_form_store(p->form, &access, zero);
    }
    f->fixed[to] = fixed;
}

// By image, what is made is gone through before the images, by each of them, and, where sums are
// kept in local memory, behind them.
typedef enum pass {
    SUM,
    CLEAR,
    JOIN,
} pass;

typedef struct rows {
    phase phases[WINDOWS_MAX];
    uint32_t loop[WINDOWS_MAX];
    pass now;
} rows;

static tt_form_access local_at(const product *p, int64_t more)
{
    tt_form_access access = {.buffer = TT_FORM_LOCAL, .element = TT_F32, .place = p->at[2]};
    access.place.offset += more;
    return access;
}

static tt_register load_local(const product *p, int64_t more)
{
    tt_form_access access = local_at(p, more);
    return tt_form_load(p->form, &access, TT_NO_REGISTER, TT_NO_REGISTER);
}

static void store_local(const product *p, int64_t more, tt_register sum)
{
    tt_form_access access = local_at(p, more);
    tt_form_store(p->form, &access, sum);
}

static void walk_tile(product *p, tile *t, const rows *r, unsigned to, int64_t scale)
{
    int64_t apart = p->tiled >= 0 ? axis_of(p, (unsigned)p->tiled)->stride[2] : 0;
    if (r->now == CLEAR && !p->local) {
        clear(p, t, to, scale);
        return;
    }
    tt_register zero = tt_form_number(p->form, 0);
    for (int64_t i = 0; i < t->count; i++) {
        if (r->now == CLEAR)
            store_local(p, i * apart, zero);
        else if (p->local)
            t->sum[i] = load_local(p, i * apart);
        if (r->now == SUM)
            t->sum[i] = tt_form_start(p->form, p->local ? t->sum[i] : zero, false);
    }
    if (r->now == SUM)
        walk_windows(p, t, 0, r->phases, r->loop);
    if (r->now == SUM && p->local) {
        for (int64_t i = 0; i < t->count; i++)
            store_local(p, i * apart, t->sum[i]);
    } else if (r->now != CLEAR) {
        finish(p, t, to, scale);
    }
}

// Tiles of a free axis, for each row, and column if these are written out: full ones by a loop,
// and what is left.
static void walk_free_tiles(product *p, const rows *r, tile t)
{
    static const axis one = {.size = 1, .scale = 1};
    const axis *a = p->tiled == NOT_TILED ? &one : axis_of(p, (unsigned)p->tiled);
    int64_t full = a->size / p->tile, rest = a->size % p->tile;
    tt_affine saved[3];
    memcpy(saved, p->at, sizeof(saved));
    t.count = p->open_tile > 0 ? p->open_tile : p->tile;
    t.apart = a->stride[1 - p->vector];
    if (p->open_tile > 0) {
        walk_tile(p, &t, r, a->along, a->scale);
        return;
    }
    if (full > 1)
        open_axis(p, a, p->tile, (tt_form_axis){.end = full});
    if (full > 0)
        walk_tile(p, &t, r, a->along, a->scale);
    if (full > 1)
        tt_fusing_close(p->f);
    memcpy(p->at, saved, sizeof(saved));
    if (rest == 0)
        return;
    for (unsigned o = 0; o < 3; o++)
        p->at[o].offset += full * p->tile * a->stride[o];
    p->f->fixed[a->along] += full * p->tile * a->scale;
    t.count = rest;
    walk_tile(p, &t, r, a->along, a->scale);
    p->f->fixed[a->along] -= full * p->tile * a->scale;
    memcpy(p->at, saved, sizeof(saved));
}

// Columns from `first` on, `tiles` times `count`.
static void walk_some_columns(product *p, const rows *r, const phase *c, int64_t first,
                              int64_t count, int64_t tiles, bool inside)
{
    const window *w = &p->window[p->window_count - 1];
    tile t = {.count = count,
              .apart = w->stride[0] * c->in_step,
              .of_columns = p->tiled == -1,
              .columns = c,
              .first = first,
              .inside = inside};
    tt_affine saved[3];
    memcpy(saved, p->at, sizeof(saved));
    int64_t fixed = p->f->fixed[w->along];
    p->f->fixed[w->along] += c->first + first * c->step;
    p->at[0].offset += (c->in + first * c->in_step) * w->stride[0];
    p->at[1].offset += c->tap * w->stride[1];
    p->at[2].offset += (c->first + first * c->step) * w->local;
    if (tiles > 1) {
        uint32_t id = tt_fusing_open(p->f, w->along, c->step * count, (tt_form_axis){.end = tiles});
        tt_affine_add(&p->at[0], id, c->in_step * w->stride[0] * count);
        tt_affine_add(&p->at[2], id, c->step * count * w->local);
    }
    if (t.of_columns)
        walk_tile(p, &t, r, w->along, c->step);
    else
        walk_free_tiles(p, r, t);
    if (tiles > 1)
        tt_fusing_close(p->f);
    memcpy(p->at, saved, sizeof(saved));
    p->f->fixed[w->along] = fixed;
}

// The last window's axis, by tiles or one by one, at the edges written out.
static void walk_column_tiles(product *p, const rows *r)
{
    const window *w = &p->window[p->window_count - 1];
    int64_t most = p->tiled == -1 ? p->tile : 1;
    for (int64_t number = 0; number < w->span.spread && number < w->count; number++) {
        phase c = phase_of(w, number);
        for (int64_t first = 0; first < c.count;) {
            int64_t left = c.count - first, count = left < most ? left : most, tiles = 0;
            int64_t low = first * c.in_step + c.in, reach = (c.taps - 1) * c.in_tap;
            while (low >= 0 && first + (tiles + 1) * count <= c.count &&
                   (first + (tiles + 1) * count - 1) * c.in_step + c.in + reach < w->span.size)
                tiles++;
            walk_some_columns(p, r, &c, first, count, tiles > 0 ? tiles : 1, tiles > 0);
            first += count * (tiles > 0 ? tiles : 1);
        }
    }
}

// The axes of the windows but the tiled one, from number i on; then tiles.
static void walk_rows(product *p, rows *r, unsigned i);

// Opens window i's loop over a phase's numbers.
static void open_rows(product *p, rows *r, unsigned i, int64_t number)
{
    const window *w = &p->window[i];
    phase *c = &r->phases[i];
    *c = phase_of(w, number);
    p->f->fixed[w->along] += number;
    r->loop[i] = tt_fusing_open(p->f, w->along, c->step, (tt_form_axis){.end = c->count});
    tt_affine_add(&p->at[0], r->loop[i], c->in_step * w->stride[0]);
    tt_affine_add(&p->at[2], r->loop[i], c->step * w->local);
    p->at[2].offset += number * w->local;
    p->at[0].offset += c->in * w->stride[0];
    p->at[1].offset += c->tap * w->stride[1];
}

static void walk_rows(product *p, rows *r, unsigned i)
{
    if (i == p->rows) {
        if (p->rows < p->window_count)
            walk_column_tiles(p, r);
        else
            walk_free_tiles(p, r, (tile){.columns = NULL});
        return;
    }
    const window *w = &p->window[i];
    for (int64_t number = 0; number < w->span.spread && number < w->count; number++) {
        tt_affine saved[3];
        memcpy(saved, p->at, sizeof(saved));
        open_rows(p, r, i, number);
        walk_rows(p, r, i + 1);
        tt_fusing_close(p->f);
        p->f->fixed[w->along] -= number;
        memcpy(p->at, saved, sizeof(saved));
    }
}

static void walk_lanes(product *p, rows *r)
{
    const axis *a = axis_of(p, p->lanes);
    tt_affine saved[3];
    memcpy(saved, p->at, sizeof(saved));
    tt_form_axis lanes = {.end = a->size, .lanes = true};
    bool summed = p->lanes == SUMMED, opened = !summed || p->local || r->now != CLEAR;
    if (p->lanes_block > 0)
        lanes = tt_fusing_rest(p->f, p->f->open_count - 1, p->lanes_block, a->size, true);
    if (opened && summed)
        tt_affine_add(&p->at[2], open_sum(p, a->stride, lanes), 1);
    else if (opened)
        open_axis(p, a, 1, lanes);
    walk_rows(p, r, p->opened);
    if (opened && summed)
        tt_form_end(p->form);
    else if (opened)
        tt_fusing_close(p->f);
    memcpy(p->at, saved, sizeof(saved));
}

// Free axes that are neither lanes nor tiled, from number i on.
static void walk_free(product *p, rows *r, unsigned i)
{
    while (i < p->free_count &&
           (i == p->lanes || (int)i == p->tiled || (int)i == p->first || axis_of(p, i)->size == 1))
        i++;
    if (i == p->free_count) {
        walk_lanes(p, r);
        return;
    }
    tt_affine saved[3];
    memcpy(saved, p->at, sizeof(saved));
    open_axis(p, axis_of(p, i), 1, (tt_form_axis){.end = axis_of(p, i)->size});
    walk_free(p, r, i + 1);
    tt_fusing_close(p->f);
    memcpy(p->at, saved, sizeof(saved));
}

// Tiles outside of all but images: what is read of one is near while all taps are gone through.
static void walk_tiles_first(product *p, rows *r)
{
    const axis *a = axis_of(p, (unsigned)p->tiled);
    int64_t full = a->size / p->tile, rest = a->size % p->tile;
    tt_affine saved[3];
    memcpy(saved, p->at, sizeof(saved));
    p->open_tile = p->tile;
    open_axis(p, a, p->tile, (tt_form_axis){.end = full});
    walk_free(p, r, 0);
    tt_fusing_close(p->f);
    memcpy(p->at, saved, sizeof(saved));
    if (rest > 0) {
        for (unsigned o = 0; o < 3; o++)
            p->at[o].offset += full * p->tile * a->stride[o];
        p->f->fixed[a->along] += full * p->tile * a->scale;
        p->open_tile = rest;
        walk_free(p, r, 0);
        p->f->fixed[a->along] -= full * p->tile * a->scale;
        memcpy(p->at, saved, sizeof(saved));
    }
    p->open_tile = 0;
}

// As many taps of the first window as keep what is read near: a divisor of all.
static int64_t near_chunk(const product *p)
{
    const window *w = &p->window[0];
    int64_t others = 1, best = 0;
    if (w->span.spread != 1 || w->span.window < 2)
        return 0;
    for (unsigned i = 1; i < p->window_count; i++)
        others *= p->window[i].span.window;
    int64_t bytes = 4 * TT_LANES * others * (p->lanes == SUMMED ? p->tile + 1 : 2);
    for (int64_t chunk = 1; chunk < w->span.window; chunk++)
        if (w->span.window % chunk == 0 && (best == 0 || chunk * bytes <= NEAR))
            best = chunk;
    return best * bytes <= NEAR || best == 1 ? best : 0;
}

static void split(product *p, int64_t turns)
{
    p->f->form->split = true;
    p->f->fused->turns = turns;
}

// Copies the columns of a turn, one number of the sum behind the other, and reads them there.
static void pack(product *p)
{
    axis *l = &p->free[p->lanes];
    tt_affine from = p->at[p->vector], to = {0};
    int64_t apart = l->stride[p->vector], next = p->sum.stride[p->vector];
    bool by_column = apart != 1;
    tt_form_axis columns =
        tt_fusing_rest(p->f, p->f->open_count - 1, TT_LANES, l->size, !by_column);
    tt_form_axis numbers = {.end = p->sum.size, .lanes = by_column};
    uint32_t outer = tt_form_loop(p->form, by_column ? &numbers : &columns);
    uint32_t inner = tt_form_loop(p->form, by_column ? &columns : &numbers);
    tt_affine_add(&from, outer, by_column ? next : apart);
    tt_affine_add(&from, inner, by_column ? apart : next);
    tt_affine_add(&to, outer, by_column ? TT_LANES : 1);
    tt_affine_add(&to, inner, by_column ? 1 : TT_LANES);
    tt_register number = load_at(p, p->vector, &from);
    tt_form_access access = {.buffer = TT_FORM_LOCAL, .element = TT_F32, .place = to};
    tt_form_store(p->form, &access, number);
    tt_form_end(p->form);
    tt_form_end(p->form);
    p->form->local_bytes = (uint64_t)p->sum.size * TT_LANES * 4;
    p->packed = true;
    p->at[p->vector] = (tt_affine){0};
    l->stride[p->vector] = 1;
    p->sum.stride[p->vector] = TT_LANES;
}

// The loop around all others, whose turns threads share: the widest free axis, else rows of the
// image, else blocks of lanes. What is left to walk is inside. Returns whether one was opened.
static bool open_first(product *p, rows *r)
{
    const axis *l = axis_of(p, p->lanes);
    p->first = -1;
    for (unsigned i = 0; i < p->free_count; i++)
        if (i != p->lanes && (int)i != p->tiled && axis_of(p, i)->size > 1 &&
            (p->first < 0 || axis_of(p, i)->size > axis_of(p, (unsigned)p->first)->size))
            p->first = (int)i;
    if (p->first >= 0) {
        const axis *a = axis_of(p, (unsigned)p->first);
        open_axis(p, a, 1, (tt_form_axis){.end = a->size});
        split(p, a->size);
        return true;
    }
    if (p->rows > 0 && p->window[0].count > 1 && p->window[0].span.spread == 1) {
        open_rows(p, r, 0, 0);
        p->opened = 1;
        split(p, p->window[0].count);
        return true;
    }
    if (p->lanes == SUMMED || l->size <= TT_LANES)
        return false;
    p->lanes_block = TT_LANES;
    split(p, divide_up(l->size, TT_LANES));
    open_axis(p, l, TT_LANES, (tt_form_axis){.end = p->f->fused->turns});
    if (can_pack(p, p->lanes, p->vector, p->tiled))
        pack(p);
    return true;
}

static void walk_images(product *p, rows *r)
{
    r->now = SUM;
    open_sum(p, p->sum.stride, (tt_form_axis){.end = p->sum.size});
    int64_t chunk = p->rows > 0 ? near_chunk(p) : 0;
    if (chunk > 0) {
        const window *w = &p->window[0];
        int64_t stride[2] = {chunk * w->span.dilation * w->stride[0], chunk * w->stride[1]};
        p->chunk_loop = open_sum(p, stride, (tt_form_axis){.end = w->span.window / chunk});
        p->chunk = chunk;
    }
    if (p->lanes == SUMMED && p->tiled >= 0)
        walk_tiles_first(p, r);
    else
        walk_free(p, r, 0);
    if (chunk > 0)
        tt_form_end(p->form);
    p->chunk = 0;
    tt_form_end(p->form);
}

// Where each sum of a turn has its lanes in local memory, if there is room for all.
static void place_local(product *p)
{
    int64_t size = TT_LANES;
    for (unsigned i = 0; i < p->free_count; i++)
        if ((int)i != p->first) {
            p->free[i].stride[2] = size;
            size *= p->free[i].size;
        }
    for (unsigned i = p->opened; i < p->window_count; i++) {
        p->window[i].local = size;
        size *= p->window[i].count;
    }
    p->local = size * 4 <= TT_FORM_LOCAL_MAX;
    if (p->local)
        p->form->local_bytes = (uint32_t)size * 4;
}

static void walk_all(product *p)
{
    rows r = {.now = p->by_image ? CLEAR : SUM};
    bool opened = open_first(p, &r);
    if (p->lanes == SUMMED)
        place_local(p);
    walk_free(p, &r, 0);
    if (p->by_image)
        walk_images(p, &r);
    if (p->local) {
        r.now = JOIN;
        walk_free(p, &r, 0);
    }
    if (opened)
        tt_fusing_close(p->f);
}

static uint32_t base_of(const tt_graph *graph, uint32_t node)
{
    return tt_graph_node(graph, node)->op == TT_OP_TRANSPOSE ? tt_graph_inputs(graph, node)[0].node
                                                             : node;
}

bool tt_product_is_closed(const tt_graph *graph, uint32_t node)
{
    uint32_t base = base_of(graph, node);
    tt_value x = tt_graph_inputs(graph, base)[0];
    if (tt_graph_node(graph, base)->op != TT_OP_CONV ||
        tt_graph_node(graph, x.node)->op != TT_OP_TRANSPOSE)
        return false;
    return tt_graph_attribute(graph, x.node, 0, NULL)[tt_graph_type(graph, x)->rank - 1u] == 0;
}

static bool is_counted(const tt_type *type)
{
    int64_t count = tt_type_count(type);
    return type->element == TT_F32 && count > 0 && count <= INT32_MAX;
}

bool tt_is_product(const tt_graph *graph, uint32_t node)
{
    uint32_t base = base_of(graph, node);
    const tt_operation *n = tt_graph_node(graph, base);
    if (n->op != TT_OP_CONV && n->op != TT_OP_MATMUL)
        return false;
    const tt_value *in = tt_graph_inputs(graph, base);
    const tt_type *a = tt_graph_type(graph, in[0]), *b = tt_graph_type(graph, in[1]);
    if (!is_counted(a) || !is_counted(b) || !is_counted(tt_graph_type(graph, (tt_value){base, 0})))
        return false;
    if (n->op == TT_OP_MATMUL)
        return true;
    for (unsigned i = 0; i + 2 < a->rank; i++)
        if (tt_graph_attribute(graph, base, 0, NULL)[i] != 1 &&
            tt_graph_attribute(graph, base, 2, NULL)[i] != 1)
            return false; // both a stride and a spread
    return a->rank <= WINDOWS_MAX + 2;
}

// Whether the numbers of a value's axis lie side by side, behind movements.
static bool is_innermost(const tt_graph *graph, tt_value value, unsigned own)
{
    for (;;) {
        const tt_operation *n = tt_graph_node(graph, value.node);
        unsigned rank = tt_graph_type(graph, value)->rank;
        tt_value input = n->input_count > 0 ? tt_graph_inputs(graph, value.node)[0] : TT_NONE;
        if (n->op == TT_OP_TRANSPOSE)
            own = (unsigned)tt_graph_attribute(graph, value.node, 0, NULL)[own];
        else if (n->op == TT_OP_BROADCAST)
            own += tt_graph_type(graph, input)->rank - rank;
        else if (n->op != TT_OP_FLIP && n->op != TT_OP_SLICE && n->op != TT_OP_STOP &&
                 n->op != TT_OP_AFTER)
            return own + 1 == rank;
        value = input;
    }
}

tt_value tt_product_copies(const tt_graph *graph, uint32_t node)
{
    uint32_t base = base_of(graph, node);
    const tt_value *in = tt_graph_inputs(graph, base);
    const tt_operation *by = tt_graph_node(graph, in[1].node);
    if (by->op != TT_OP_TRANSPOSE)
        return TT_NONE;
    if (tt_graph_node(graph, base)->op == TT_OP_CONV) { // as tt_graph_arrange makes them
        tt_value inner = tt_graph_inputs(graph, in[1].node)[0];
        return tt_graph_node(graph, inner.node)->op == TT_OP_TRANSPOSE ? inner : TT_NONE;
    }
    const tt_type *a = tt_graph_type(graph, in[0]), *b = tt_graph_type(graph, in[1]);
    if (a->rank == 2 && b->rank == 2 && packs(a->size[0], b->size[1], a->size[1]))
        return TT_NONE; // it is copied as it is read
    unsigned row = tt_graph_type(graph, in[0])->rank - 2u;
    unsigned column = tt_graph_type(graph, in[1])->rank - 1u;
    return is_innermost(graph, in[1], column) || is_innermost(graph, in[0], row) ? TT_NONE : in[1];
}

// Where an axis of the base's result is counted in the domain.
static unsigned along_of(const product *p, uint32_t node, unsigned own)
{
    unsigned count;
    if (tt_graph_node(p->f->graph, node)->op != TT_OP_TRANSPOSE)
        return own;
    const int64_t *order = tt_graph_attribute(p->f->graph, node, 0, &count);
    for (unsigned i = 0; i < count; i++)
        if (order[i] == own)
            return i;
    return own;
}

static void add_free(product *p, int64_t size, int64_t a, int64_t b, unsigned to, int64_t scale)
{
    p->free[p->free_count++] = (axis){size, {a, b}, to, scale};
}

// The first operand's axis 0, that counts images: as it is, or by blocks.
static void add_batch(product *p, int64_t size, const place *x, unsigned to)
{
    int64_t block, image;
    if (!p->f->blocked || to != 0) {
        add_free(p, size, x->stride[0], 0, to, 1);
        return;
    }
    tt_fusing_batch(x, 0, &block, &image);
    add_free(p, size / TT_LANES, block, 0, 0, 1);
    add_free(p, TT_LANES, image, 0, p->f->domain.rank - 1u, 1);
}

// What is summed, axis `own` of each operand: as it is, or by blocks of images.
static void set_sum(product *p, int64_t size, const place operand[2], const unsigned own[2])
{
    p->sum = (axis){.size = size, .stride = {operand[0].stride[own[0]], operand[1].stride[own[1]]}};
    p->block = (axis){.size = 1};
    if (operand[0].batch != (int)own[0] && operand[1].batch != (int)own[1])
        return;
    p->sum.size = size / TT_LANES;
    p->block.size = TT_LANES;
    for (unsigned o = 0; o < 2; o++)
        tt_fusing_batch(&operand[o], own[o], &p->sum.stride[o], &p->block.stride[o]);
}

static void describe_conv(product *p, uint32_t node, uint32_t base, const place operand[2])
{
    const tt_graph *graph = p->f->graph;
    const tt_value *in = tt_graph_inputs(graph, base);
    const tt_type *x = tt_graph_type(graph, in[0]), *w = tt_graph_type(graph, in[1]);
    const int64_t *a = operand[0].stride, *b = operand[1].stride;
    unsigned last = x->rank - 1u, channels = along_of(p, node, last);
    int64_t groups = tt_graph_attribute(graph, base, 5, NULL)[0], each = w->size[0] / groups;
    add_batch(p, x->size[0], &operand[0], along_of(p, node, 0));
    if (groups > 1)
        add_free(p, groups, a[last] * w->size[last], b[0] * each, channels, each);
    add_free(p, each, 0, b[0], channels, 1);
    set_sum(p, w->size[last], operand, (unsigned[]){last, last});
    for (unsigned i = 0; i + 1 < last; i++)
        p->window[p->window_count++] =
            (window){.span = {.size = x->size[i + 1],
                              .window = w->size[i + 1],
                              .stride = tt_graph_attribute(graph, base, 0, NULL)[i],
                              .dilation = tt_graph_attribute(graph, base, 1, NULL)[i],
                              .spread = tt_graph_attribute(graph, base, 2, NULL)[i],
                              .before = tt_graph_attribute(graph, base, 3, NULL)[i]},
                     .count = tt_graph_type(graph, (tt_value){base, 0})->size[i + 1],
                     .stride = {a[i + 1], b[i + 1]},
                     .along = along_of(p, node, i + 1)};
}

static void describe_matmul(product *p, uint32_t node, uint32_t base, const place operand[2])
{
    const tt_graph *graph = p->f->graph;
    const tt_type *type[2], *out = tt_graph_type(graph, (tt_value){base, 0});
    for (unsigned o = 0; o < 2; o++)
        type[o] = tt_graph_type(graph, tt_graph_inputs(graph, base)[o]);
    unsigned ra = type[0]->rank, rb = type[1]->rank;
    for (unsigned i = 0; i + 2 < out->rank; i++) {
        int64_t stride[2] = {0, 0};
        for (unsigned o = 0; o < 2; o++)
            if (i + type[o]->rank >= out->rank)
                stride[o] = operand[o].stride[i + type[o]->rank - out->rank];
        add_free(p, out->size[i], stride[0], stride[1], along_of(p, node, i), 1);
    }
    unsigned row = along_of(p, node, out->rank - 2u);
    if (ra == 2)
        add_batch(p, type[0]->size[0], &operand[0], row);
    else
        add_free(p, type[0]->size[ra - 2], operand[0].stride[ra - 2], 0, row, 1);
    add_free(p, type[1]->size[rb - 1], 0, operand[1].stride[rb - 1],
             along_of(p, node, out->rank - 1u), 1);
    set_sum(p, type[0]->size[ra - 1], operand, (unsigned[]){ra - 1, rb - 2});
}

void tt_fuse_product(fusing *f)
{
    uint32_t node = f->member[0].node, base = base_of(f->graph, node);
    product *p = calloc(1, sizeof(*p));
    if (p == NULL) {
        f->full = true;
        return;
    }
    *p = (product){.f = f, .form = f->form, .by_image = tt_product_is_closed(f->graph, node)};
    for (unsigned o = 0; o < 2; o++)
        p->operand[o] = tt_fusing_operand(f, tt_graph_inputs(f->graph, base)[o]);
    if (!f->full) {
        f->blocked = f->place[p->operand[0]].batch == 0 && base == node;
        tt_fusing_walk(f);
        const place operand[2] = {f->place[p->operand[0]], f->place[p->operand[1]]};
        p->at[0].offset = operand[0].offset;
        p->at[1].offset = operand[1].offset;
        if (tt_graph_node(f->graph, base)->op == TT_OP_CONV)
            describe_conv(p, node, base, operand);
        else
            describe_matmul(p, node, base, operand);
        choose(p); // the last axis of what is made is b's alone
        bool columns =
            p->tiled == -1 || (p->window_count > 0 && tiles_at_edges(p, 1) <= TILES_WRITTEN_OUT);
        p->rows = p->window_count - (columns ? 1u : 0u);
        walk_all(p);
        uint64_t sums = (uint64_t)tt_type_count(&f->group->domain);
        for (unsigned i = 0; i < p->window_count; i++)
            sums = tt_cost_multiply(sums, (uint64_t)p->window[i].span.window);
        f->fused->cost = tt_cost_multiply(sums, (uint64_t)(p->sum.size * p->block.size));
    }
    free(p);
}
