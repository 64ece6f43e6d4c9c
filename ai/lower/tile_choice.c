// How a product is walked: which axis has the lanes, which one's numbers make a numbers, and how
// many. A cost of each way is told by what a machine with two registers of eight for 16 lanes has
// to do; the bits are those of any other way.

#include "ai/lower/tiles.h"

#define TILES_WRITTEN_OUT 12 // of a row, at the edges: beyond that the code would be too long
#define FEW_ROWS 8
#define LONG_SUM 64
#define REGISTERS 32 // of a wide machine: sums, vectors, and a number
#define PAIRS_MAX 5
#define BETTER 0.97 // as many more vectors must be, which come from farther away
#define PAGE 1024   // elements

// Tiles of the last window's axis, of `size` numbers each, that are written out.
static int64_t tiles_at_edges(const product *p, int64_t size)
{
    const window *w = &p->window[p->window_count - 1];
    int64_t tiles = 0;
    for (int64_t number = 0; number < w->span.spread && number < w->count; number++) {
        phase c = tt_tiles_phase_of(w, number);
        int64_t end = w->span.size - c.in - (c.taps - 1) * c.in_tap;
        int64_t before = c.in < 0 ? tt_divide_up(-c.in, c.in_step) : 0;
        int64_t within = end > 0 ? tt_divide_up(end, c.in_step) : 0;
        within = within < c.count ? within : c.count;
        int64_t behind = c.count - (within > before ? within : before);
        tiles += tt_divide_up(before < c.count ? before : c.count, size) + 1 +
                 (behind > 0 ? tt_divide_up(behind, size) + 1 : 0);
    }
    return tiles;
}

// A way to walk it.
typedef struct way {
    unsigned lanes, vector;
    int tiled, pair;
    int64_t tile, pair_count;
} way;

// What a step of a tile of `numbers` with so many vectors costs, in halves of the time of a
// multiply and add, of which eight are in flight: 16 lanes are two registers of eight. A wide
// machine has them in one, and its loads take as long as its sums.
static int64_t step_cost(const product *p, const way *w, int64_t numbers, int64_t vectors,
                         bool half)
{
    int64_t sums = numbers * vectors, loads = numbers + vectors, busy;
    int64_t far = 2 * numbers + (w->pair == -1 ? 1 : 2) * vectors; // images, but neighbours of one
    if (p->f->groups->wide && w->lanes == SUMMED)
        busy = sums > far ? sums : far;
    else if (p->f->groups->wide)
        busy = sums > loads ? sums : loads;
    else if (w->lanes == SUMMED)
        busy = 2 * loads;
    else
        busy = half ? sums : 2 * sums;
    return busy < 8 ? 8 : busy;
}

// Of all tiles of an axis of some size.
static int64_t tiles_cost(const product *p, const way *w, int64_t size, int64_t vectors, bool half)
{
    int64_t cost = size / w->tile * step_cost(p, w, w->tile, vectors, half);
    return cost + (size % w->tile > 0 ? step_cost(p, w, size % w->tile, vectors, half) : 0);
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

// The vectors that could share a tile's numbers, and those of them that meet no others.
static int64_t vectors_of(const product *p, const way *w, int64_t *alone)
{
    *alone = 0;
    if (w->pair == NO_PAIRS)
        return 1;
    if (w->pair >= 0)
        return w->pair == (int)w->lanes ? p->free[w->pair].size / TT_LANES : p->free[w->pair].size;
    const window *last = &p->window[p->window_count - 1];
    *alone = w->lanes == SUMMED ? 0 : last->span.window - 1;
    return last->count;
}

// For each multiply and add of 16 lanes, all vectors whole.
static double whole_cost(const product *p, const way *w, int64_t size, bool half)
{
    int64_t alone, vectors = vectors_of(p, w, &alone), cost = 0;
    alone = alone < vectors ? alone : vectors;
    int64_t rest = (vectors - alone) % w->pair_count;
    if ((w->pair < 0 && w->lanes != SUMMED) || w->pair == (int)w->lanes)
        alone += rest;
    else if (rest > 0)
        cost = tiles_cost(p, w, size, rest, half);
    cost += (vectors - alone) / w->pair_count * tiles_cost(p, w, size, w->pair_count, half);
    cost += alone * tiles_cost(p, w, size, 1, half);
    return (double)cost / (double)(vectors * size);
}

// Sets the tile and the vectors that cost least; 0 where there are too few of these.
static double best_tile(const product *p, way *w, int64_t size, bool half)
{
    int64_t alone, vectors = w->pair == NO_PAIRS ? 1 : vectors_of(p, w, &alone);
    double best = 0;
    way tried = *w;
    bool wide = p->f->groups->wide, few = w->lanes >= SUMMED || !half;
    for (int64_t v = w->pair == NO_PAIRS ? 1 : 2; v <= vectors && v <= PAIRS_MAX; v++) {
        int64_t most = wide ? (REGISTERS - 1 - v) / v : few ? 6 : 12;
        for (int64_t t = 1; t <= most && t <= TILE_MAX && t <= size; t++) {
            tried.tile = t;
            tried.pair_count = v;
            double cost = whole_cost(p, &tried, size, half);
            if (best > 0 && cost > (v > w->pair_count ? best * BETTER : best))
                continue;
            best = cost;
            *w = tried;
        }
    }
    return best;
}

// Numbers that lie pages apart push each other out of the nearest cache.
static bool is_far(const product *p, const way *w)
{
    return w->tiled >= 0 && p->free[w->tiled].stride[1 - w->vector] >= PAGE;
}

// For each element that is made and number of the sum.
static double walk_cost(const product *p, way *w)
{
    int64_t size = size_of(p, w->tiled);
    if (w->lanes >= SUMMED)
        return best_tile(p, w, size, false) / TT_LANES;
    const axis *l = tt_tiles_axis_of(p, w->lanes);
    bool small = l->size <= TT_LANES / 2,
         packs = tt_tiles_can_pack(p, w->lanes, w->vector, w->tiled);
    int64_t whole = l->size / TT_LANES, rest = l->size % TT_LANES;
    double cost = best_tile(p, w, size, small), total = (double)whole * cost;
    if (cost == 0)
        return 0;
    if (rest > 0 && w->pair == (int)w->lanes)
        total += (double)tiles_cost(p, w, size, 1, rest <= TT_LANES / 2) / (double)size;
    else if (rest > 0)
        total += whole_cost(p, w, size, rest <= TT_LANES / 2);
    return total / (double)l->size * (has_lanes(l, w->vector) || packs ? 1 : 8) *
           (stores_lanes(p, l) ? 1 : 1.5) * (!packs && is_far(p, w) ? 1.25 : 1);
}

static bool can_tile(const product *p, const way *w)
{
    if (w->tiled == NOT_TILED)
        return true;
    if (w->tiled < 0)
        return w->lanes != SUMMED && p->window_count > 0 && w->vector == 1 &&
               tiles_at_edges(p, 4) <= TILES_WRITTEN_OUT;
    return (unsigned)w->tiled != w->lanes && !p->free[w->tiled].blocks &&
           p->free[w->tiled].stride[w->vector] == 0 && p->free[w->tiled].stride[1 - w->vector] != 0;
}

// Of the lanes' own axis, so many that something else is left for threads; of another that only
// the operand has that is loaded by lanes.
static bool can_pair(const product *p, const way *w)
{
    if (w->pair == NO_PAIRS)
        return true;
    if (!p->f->groups->wide || w->tiled == NOT_TILED)
        return false;
    if (w->pair < 0)
        return w->tiled >= 0 && p->window_count > 0 && w->vector == 0 &&
               tiles_at_edges(p, w->lanes == SUMMED ? PAIRS_MAX : 1) <= TILES_WRITTEN_OUT;
    const axis *a = &p->free[w->pair];
    if (w->pair == w->tiled || a->blocks || a->stride[1 - w->vector] != 0 ||
        a->stride[w->vector] == 0)
        return false;
    return w->pair != (int)w->lanes || p->window_count > 1 ||
           tt_tiles_can_pack(p, w->lanes, w->vector, w->tiled);
}

// The last axis of what is made is the second operand's alone, so there is always a way.
bool tt_tiles_are_few(int64_t row_count, int64_t sum)
{
    return row_count <= FEW_ROWS && sum >= LONG_SUM;
}

static void take(product *p, const way *w)
{
    p->lanes = w->lanes;
    p->vector = w->vector;
    p->tiled = w->tiled;
    p->tile = w->tile;
    p->pair = w->pair;
    p->pair_count = w->pair_count;
}

// Of a product of matrices whose second one lies column by column, and is the last free axis.
static bool goes_along(product *p)
{
    int64_t row_count = 1;
    unsigned last = p->free_count - 1;
    for (unsigned i = 0; i < last; i++)
        row_count *= p->free[i].size;
    if (p->window_count > 0 || p->by_image || p->block.size > 1 || p->sum.stride[0] != 1 ||
        p->sum.stride[1] != 1 || p->free[last].stride[1] == 1 ||
        !tt_tiles_are_few(row_count, p->sum.size))
        return false;
    way w = {.lanes = ALONG, .tiled = (int)last, .pair = NO_PAIRS};
    best_tile(p, &w, p->free[last].size, false);
    take(p, &w);
    return true;
}

void tt_tiles_choose(product *p)
{
    p->pairs = 1;
    if (goes_along(p))
        return;
    double best = 0;
    for (unsigned i = 0; i <= p->free_count; i++)
        for (unsigned vector = 0; vector < 2; vector++) {
            way w = {.lanes = i < p->free_count ? i : SUMMED, .vector = vector};
            const axis *l = tt_tiles_axis_of(p, w.lanes);
            if (l->blocks)
                continue;
            bool summed =
                w.lanes == SUMMED && p->by_image && l->stride[0] == 1 && l->stride[1] == 1;
            if (!summed && (w.lanes == SUMMED || l->stride[1 - vector] != 0))
                continue;
            for (w.tiled = NOT_TILED; w.tiled < (int)p->free_count; w.tiled++)
                for (w.pair = NO_PAIRS; w.pair < (int)p->free_count; w.pair++) {
                    if (!can_tile(p, &w) || !can_pair(p, &w))
                        continue;
                    way tried = w;
                    double cost = walk_cost(p, &tried);
                    if (cost == 0 || (best > 0 && cost >= best))
                        continue;
                    best = cost;
                    take(p, &tried);
                }
        }
    bool columns = p->tiled == -1 || p->pair == -1 ||
                   (p->window_count > 0 && tiles_at_edges(p, 1) <= TILES_WRITTEN_OUT);
    p->rows = p->window_count - (columns ? 1u : 0u);
}
