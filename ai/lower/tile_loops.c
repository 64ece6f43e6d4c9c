// The loops around the tiles of a product: what threads share, images, lanes and rows.

#include <string.h>

#include "ai/lower/tiles.h"

#define NEAR (20 * 1024) // bytes of the nearest cache that what is read again and again may take

// Opens window i's loop over a phase's numbers.
static void open_rows(product *p, rows *r, unsigned i, int64_t number)
{
    const window *w = &p->window[i];
    phase *c = &r->phases[i];
    *c = tt_tiles_phase_of(w, number);
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
            tt_tiles_walk_columns(p, r);
        else
            tt_tiles_walk_free(p, r, (tile){.columns = NULL});
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

static void walk_some_lanes(product *p, rows *r, tt_form_axis lanes)
{
    const axis *a = tt_tiles_axis_of(p, p->lanes);
    tt_affine saved[3];
    memcpy(saved, p->at, sizeof(saved));
    bool summed = p->lanes == SUMMED;
    bool opened = p->lanes != ALONG && (!summed || p->local || r->now != CLEAR);
    if (opened && summed)
        tt_affine_add(&p->at[2], tt_tiles_open_sum(p, a->stride, lanes), 1);
    else if (opened)
        tt_tiles_open_axis(p, a, 1, lanes);
    walk_rows(p, r, p->opened);
    if (opened && summed)
        tt_form_end(p->form);
    else if (opened)
        tt_fusing_close(p->f);
    memcpy(p->at, saved, sizeof(saved));
}

// Some vectors of the axis at once, and what is left by `rest`.
static void walk_pairs(product *p, rows *r, const axis *a, int64_t lanes,
                       void (*walk)(product *, rows *, unsigned), unsigned next)
{
    int64_t each = lanes * p->pair_count, full = a->size / each;
    tt_affine saved[3];
    memcpy(saved, p->at, sizeof(saved));
    if (full > 0) {
        tt_tiles_open_axis(p, a, each, (tt_form_axis){.end = full});
        tt_tiles_pair(p, p->pair_count, lanes * a->stride[p->vector], lanes * a->stride[2],
                      a->along, lanes * a->scale);
        walk(p, r, next);
        tt_fusing_close(p->f);
        memcpy(p->at, saved, sizeof(saved));
    }
    tt_tiles_pair(p, 1, 0, 0, 0, 0);
    if (a->size % each == 0)
        return;
    for (unsigned o = 0; o < 3; o++)
        p->at[o].offset += full * each * a->stride[o];
    p->f->fixed[a->along] += full * each * a->scale;
    if (lanes == 1)
        tt_tiles_pair(p, a->size % each, a->stride[p->vector], a->stride[2], a->along, a->scale);
    walk(p, r, next);
    tt_tiles_pair(p, 1, 0, 0, 0, 0);
    p->f->fixed[a->along] -= full * each * a->scale;
    memcpy(p->at, saved, sizeof(saved));
}

// One vector, several, or the lanes that are left by these.
static void walk_vectors(product *p, rows *r, unsigned unused)
{
    const axis *a = tt_tiles_axis_of(p, p->lanes);
    int64_t rest = a->size % (TT_LANES * p->pair_count);
    (void)unused;
    walk_some_lanes(p, r, (tt_form_axis){.end = p->pairs > 1 ? TT_LANES : rest, .lanes = true});
}

static void walk_lanes(product *p, rows *r)
{
    const axis *a = tt_tiles_axis_of(p, p->lanes);
    if (p->lanes_block > 0)
        walk_some_lanes(p, r, tt_fusing_rest(p->f, p->lanes_turn, p->lanes_block, a->size, true));
    else if (p->pair == (int)p->lanes)
        walk_pairs(p, r, a, TT_LANES, walk_vectors, 0);
    else
        walk_some_lanes(p, r, (tt_form_axis){.end = a->size, .lanes = true});
}

// Free axes that are neither lanes nor tiled, from number i on.
static void walk_free(product *p, rows *r, unsigned i)
{
    while (i < p->free_count && (i == p->lanes || (int)i == p->tiled || (int)i == p->first ||
                                 tt_tiles_axis_of(p, i)->size == 1))
        i++;
    if (i == p->free_count) {
        walk_lanes(p, r);
        return;
    }
    const axis *a = tt_tiles_axis_of(p, i);
    if ((int)i == p->pair) {
        walk_pairs(p, r, a, 1, walk_free, i + 1);
        return;
    }
    tt_affine saved[3];
    memcpy(saved, p->at, sizeof(saved));
    tt_tiles_open_axis(p, a, 1, (tt_form_axis){.end = a->size});
    walk_free(p, r, i + 1);
    tt_fusing_close(p->f);
    memcpy(p->at, saved, sizeof(saved));
}

// Tiles outside of all but images: what is read of one is near while all taps are gone through.
static void walk_tiles_first(product *p, rows *r)
{
    const axis *a = tt_tiles_axis_of(p, (unsigned)p->tiled);
    int64_t full = a->size / p->tile, rest = a->size % p->tile;
    tt_affine saved[3];
    memcpy(saved, p->at, sizeof(saved));
    p->open_tile = p->tile;
    tt_tiles_open_axis(p, a, p->tile, (tt_form_axis){.end = full});
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
    int64_t bytes = 4 * TT_LANES * others *
                    (p->lanes == SUMMED ? p->tile + (p->pair == -1 ? 1 : p->pair_count) : 2);
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

// The loop around all others, whose turns threads share: the widest free axis, else rows of the
// image, else blocks of lanes. What is left to walk is inside. Returns whether one was opened.
static bool open_first(product *p, rows *r)
{
    const axis *l = tt_tiles_axis_of(p, p->lanes);
    p->first = -1;
    for (unsigned i = 0; i < p->free_count; i++)
        if (i != p->lanes && (int)i != p->tiled && (int)i != p->pair &&
            tt_tiles_axis_of(p, i)->size > 1 &&
            (p->first < 0 ||
             tt_tiles_axis_of(p, i)->size > tt_tiles_axis_of(p, (unsigned)p->first)->size))
            p->first = (int)i;
    if (p->first >= 0) {
        const axis *a = tt_tiles_axis_of(p, (unsigned)p->first);
        tt_tiles_open_axis(p, a, 1, (tt_form_axis){.end = a->size});
        split(p, a->size);
        return true;
    }
    if (p->rows > 0 && p->window[0].count > 1 && p->window[0].span.spread == 1) {
        open_rows(p, r, 0, 0);
        p->opened = 1;
        split(p, p->window[0].count);
        return true;
    }
    if (p->lanes >= SUMMED || l->size <= TT_LANES)
        return false;
    p->lanes_block = TT_LANES;
    split(p, tt_divide_up(l->size, TT_LANES));
    tt_tiles_open_axis(p, l, TT_LANES, (tt_form_axis){.end = p->f->fused->turns});
    p->lanes_turn = p->f->open_count - 1;
    return true;
}

static void walk_images(product *p, rows *r)
{
    r->now = SUM;
    tt_tiles_open_sum(p, p->sum.stride, (tt_form_axis){.end = p->sum.size});
    int64_t chunk = p->rows > 0 ? near_chunk(p) : 0;
    if (chunk > 0) {
        const window *w = &p->window[0];
        int64_t stride[2] = {chunk * w->span.dilation * w->stride[0], chunk * w->stride[1]};
        p->chunk_loop = tt_tiles_open_sum(p, stride, (tt_form_axis){.end = w->span.window / chunk});
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

void tt_tiles_walk_all(product *p)
{
    if (tt_tiles_can_pack(p, p->lanes, p->vector, p->tiled)) {
        tt_tiles_walk_panels(p);
        return;
    }
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
