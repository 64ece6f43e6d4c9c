// How a product is walked: which axis has the lanes, which one's numbers make a numbers, and how
// many. A cost of each way is told by what a machine with two registers of eight for 16 lanes has
// to do; the bits are those of any other way.

#include "ai/lower/tiles.h"

#define TILES_WRITTEN_OUT 12 // of a row, at the edges: beyond that the code would be too long
#define FEW_ROWS 8
#define LONG_SUM 64

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

// What a step of a tile costs, in halves of the time of a multiply and add, of which eight are in
// flight: 16 lanes are two registers of eight. A wide machine has them in one, and its loads are
// as many as its sums, and one.
static int64_t tile_cost(const product *p, int64_t numbers, bool half)
{
    int64_t busy = p->f->groups->wide ? numbers + 1 : half ? numbers : 2 * numbers;
    return busy < 8 ? 8 : busy;
}

static int64_t tiles_cost(const product *p, int64_t size, int64_t numbers, bool half)
{
    int64_t cost = size / numbers * tile_cost(p, numbers, half);
    return cost + (size % numbers > 0 ? tile_cost(p, size % numbers, half) : 0);
}

// The tile that costs least for an axis of some size; and what it costs.
static int64_t best_tile(const product *p, int64_t size, bool half, int64_t *cost)
{
    int64_t best = 1, most = p->f->groups->wide ? TILE_MAX : half ? 12 : 6;
    *cost = INT64_MAX;
    for (int64_t numbers = 1; numbers <= most && numbers <= size; numbers++)
        if (tiles_cost(p, size, numbers, half) <= *cost) {
            *cost = tiles_cost(p, size, numbers, half);
            best = numbers;
        }
    return best;
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
static double summed_cost(const product *p, int64_t size, int64_t *numbers)
{
    double best = 0;
    int64_t registers = p->f->groups->wide ? 1 : 2;
    for (int64_t t = 1; t <= (registers == 1 ? TILE_MAX : 6) && t <= size; t++) {
        int64_t rest = size % t, full = registers * (t + 1), left = registers * (rest + 1);
        double cost = (double)(size / t * (full < 8 ? 8 : full));
        if (rest > 0)
            cost += (double)(left < 8 ? 8 : left);
        if (t > 1 && cost >= best)
            continue;
        best = cost;
        *numbers = t;
    }
    return best / (double)(size * TT_LANES);
}

static double walk_cost(const product *p, unsigned lanes, unsigned vector, int tiled,
                        int64_t *numbers)
{
    const axis *l = tt_tiles_axis_of(p, lanes);
    if (lanes == SUMMED)
        return summed_cost(p, size_of(p, tiled), numbers);
    int64_t whole = l->size / TT_LANES, rest = l->size % TT_LANES, size = size_of(p, tiled), cost;
    bool small = l->size <= TT_LANES / 2;
    *numbers = best_tile(p, size, small, &cost);
    int64_t total = small ? 0 : cost * (whole + (rest > TT_LANES / 2));
    if (rest > 0 && rest <= TT_LANES / 2)
        total += tiles_cost(p, size, *numbers, true);
    double each = (double)total / ((double)l->size * (double)size);
    return each * (has_lanes(l, vector) || tt_tiles_can_pack(p, lanes, vector, tiled) ? 1 : 8) *
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

// The last axis of what is made is the second operand's alone, so there is always a way.
bool tt_tiles_are_few(int64_t row_count, int64_t sum)
{
    return row_count <= FEW_ROWS && sum >= LONG_SUM;
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
    p->lanes = ALONG;
    p->vector = 0;
    p->tiled = (int)last;
    summed_cost(p, p->free[last].size, &p->tile);
    return true;
}

void tt_tiles_choose(product *p)
{
    if (goes_along(p))
        return;
    double best = 0;
    bool any = false;
    for (unsigned i = 0; i <= p->free_count; i++)
        for (unsigned vector = 0; vector < 2; vector++) {
            unsigned lanes = i < p->free_count ? i : SUMMED;
            const axis *l = tt_tiles_axis_of(p, lanes);
            bool summed = lanes == SUMMED && p->by_image && l->stride[0] == 1 && l->stride[1] == 1;
            if (!summed && (lanes == SUMMED || l->stride[1 - vector] != 0))
                continue;
            for (int tiled = NOT_TILED; tiled < (int)p->free_count; tiled++) {
                int64_t numbers = 1;
                if (!can_tile(p, lanes, vector, tiled))
                    continue;
                double cost = walk_cost(p, lanes, vector, tiled, &numbers);
                if (any && cost >= best)
                    continue;
                any = true;
                best = cost;
                p->lanes = lanes;
                p->vector = vector;
                p->tiled = tiled;
                p->tile = numbers;
            }
        }
    bool columns =
        p->tiled == -1 || (p->window_count > 0 && tiles_at_edges(p, 1) <= TILES_WRITTEN_OUT);
    p->rows = p->window_count - (columns ? 1u : 0u);
}
