// A tile of a product: its sums in registers, tap by tap, and what is made of them.

#include <string.h>

#include "ai/lower/tiles.h"

phase tt_tiles_phase_of(const window *w, int64_t number)
{
    const tt_span *s = &w->span;
    phase made = {.first = number,
                  .step = s->spread,
                  .count = tt_divide_up(w->count - number, s->spread),
                  .in_step = s->stride,
                  .tap_step = 1};
    while (made.tap < s->spread && (number + made.tap * s->dilation - s->before) % s->spread != 0)
        made.tap++;
    while (made.tap_step * s->dilation % s->spread != 0)
        made.tap_step++;
    made.taps = made.tap < s->window && made.tap < s->spread
                    ? tt_divide_up(s->window - made.tap, made.tap_step)
                    : 0;
    made.in = (number + made.tap * s->dilation - s->before) / s->spread;
    made.in_tap = made.tap_step * s->dilation / s->spread;
    return made;
}

uint32_t tt_tiles_open_axis(product *p, const axis *a, int64_t scale, tt_form_axis loop)
{
    uint32_t id = tt_fusing_open(p->f, a->along, a->scale * scale, loop);
    for (unsigned o = 0; o < 3; o++)
        tt_affine_add(&p->at[o], id, a->stride[o] * scale);
    return id;
}

// A loop over what is summed: no axis of the domain.
uint32_t tt_tiles_open_sum(product *p, const int64_t stride[2], tt_form_axis loop)
{
    uint32_t id = tt_form_loop(p->form, &loop);
    for (unsigned o = 0; o < 2; o++)
        tt_affine_add(&p->at[o], id, stride[o]);
    return id;
}

tt_register tt_tiles_load(product *p, unsigned operand, const tt_affine *at)
{
    tt_form_access access = {.buffer =
                                 p->packed[operand] ? TT_FORM_LOCAL : (uint16_t)p->operand[operand],
                             .element = TT_F32,
                             .place = *at};
    return tt_form_load(p->form, &access, TT_NO_REGISTER, TT_NO_REGISTER);
}

static void multiply(product *p, tile *t, uint32_t inside)
{
    tt_register shared[SUMS_MAX];
    bool by_vector = t->columns != NULL && !t->of_columns;
    for (int64_t v = 0; v < p->pairs; v++) {
        tt_affine at = p->at[p->vector];
        at.offset += v * p->pair_apart;
        if (!by_vector || ((inside >> v) & 1) != 0)
            shared[v] = tt_tiles_load(p, p->vector, &at);
    }
    for (int64_t i = 0; i < t->count; i++) {
        if (!by_vector && ((inside >> i) & 1) == 0)
            continue;
        tt_affine at = p->at[1 - p->vector];
        at.offset += i * t->apart;
        tt_register one = tt_tiles_load(p, 1 - p->vector, &at);
        for (int64_t v = 0; v < p->pairs; v++) {
            if (by_vector && ((inside >> v) & 1) == 0)
                continue;
            tt_register sum = t->sum[v * t->count + i];
            tt_form_set(p->form, sum, tt_form_make(p->form, TT_FORM_FMA, one, shared[v], sum));
        }
    }
}

// Over what is summed; by image that is walked outside, but for the images of a block.
static void sum_up(product *p, tile *t, uint32_t inside)
{
    tt_affine saved[3];
    memcpy(saved, p->at, sizeof(saved));
    bool outer = !p->by_image && p->sum.size > 1, inner = p->block.size > 1 && p->lanes != SUMMED;
    if (outer)
        tt_tiles_open_sum(p, p->sum.stride,
                          (tt_form_axis){.end = p->sum.size, .lanes = p->lanes == ALONG});
    if (inner)
        tt_tiles_open_sum(p, p->block.stride, (tt_form_axis){.end = p->block.size});
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
        tt_tiles_open_sum(p, p->sum.stride, (tt_form_axis){.end = (end - first) * p->sum.size});
        multiply(p, t, inside);
        tt_form_end(p->form);
    } else if (end - first > 1) {
        tt_tiles_open_sum(p, stride, (tt_form_axis){.end = end - first});
        sum_up(p, t, inside);
        tt_form_end(p->form);
    } else {
        sum_up(p, t, inside);
    }
    memcpy(p->at, saved, sizeof(saved));
}

// Which columns of a tile that is written out see an element at a tap: its numbers are such, or
// its vectors.
static uint32_t seen_at(const product *p, const tile *t, int64_t tap)
{
    const phase *c = t->columns;
    int64_t size = p->window[p->window_count - 1].span.size;
    uint32_t seen = 0;
    for (int64_t i = 0; i < (t->of_columns ? t->count : p->pairs); i++) {
        int64_t column = t->first + (t->of_columns || p->pair == -1 ? i : 0);
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
    tt_tiles_open_sum(p, stride, taps);
    walk_windows(p, t, i + 1, phases, loop);
    tt_form_end(p->form);
    memcpy(p->at, saved, sizeof(saved));
}

// Of vector v of a tile: what is made of its numbers, by image added to what is there.
static void finish(product *p, const tile *t, int64_t v, unsigned to, int64_t scale)
{
    fusing *f = p->f;
    int64_t fixed = f->fixed[to];
    for (int64_t i = 0; i < t->count; i++) {
        f->fixed[to] = fixed + i * scale;
        tt_register sum = t->sum[v * t->count + i];
        if (p->lanes >= SUMMED)
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

static void clear(product *p, const tile *t, unsigned to, int64_t scale)
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

static void begin_sums(product *p, tile *t, pass now, int64_t apart)
{
    tt_register zero = tt_form_number(p->form, 0);
    for (int64_t k = 0; k < p->pairs * t->count; k++) {
        int64_t more = k / t->count * p->pair_local + k % t->count * apart;
        if (now == CLEAR)
            store_local(p, more, zero);
        else if (p->local)
            t->sum[k] = load_local(p, more);
        if (now == SUM)
            t->sum[k] = tt_form_start(p->form, p->local ? t->sum[k] : zero, false);
    }
}

static void keep_sums(product *p, const tile *t, int64_t apart)
{
    for (int64_t k = 0; k < p->pairs * t->count; k++)
        store_local(p, k / t->count * p->pair_local + k % t->count * apart, t->sum[k]);
}

void tt_tiles_walk_tile(product *p, tile *t, const rows *r, unsigned to, int64_t scale)
{
    int64_t apart = p->tiled >= 0 ? tt_tiles_axis_of(p, (unsigned)p->tiled)->stride[2] : 0;
    bool clears = r->now == CLEAR && !p->local;
    if (!clears)
        begin_sums(p, t, r->now, apart);
    if (r->now == SUM)
        walk_windows(p, t, 0, r->phases, r->loop);
    if (r->now == SUM && p->local)
        keep_sums(p, t, apart);
    else
        for (int64_t v = 0; v < p->pairs && (clears || r->now != CLEAR); v++) {
            p->f->fixed[p->pair_along] += v * p->pair_scale;
            if (clears)
                clear(p, t, to, scale);
            else
                finish(p, t, v, to, scale);
            p->f->fixed[p->pair_along] -= v * p->pair_scale;
        }
}

void tt_tiles_pair(product *p, int64_t count, int64_t apart, int64_t local, unsigned along,
                   int64_t scale)
{
    p->pairs = count;
    p->pair_apart = apart;
    p->pair_local = local;
    p->pair_along = along;
    p->pair_scale = scale;
}

// Tiles of a free axis, for each row, and column if these are written out: full ones by a loop,
// and what is left.
void tt_tiles_walk_free(product *p, const rows *r, tile t)
{
    static const axis one = {.size = 1, .scale = 1};
    const axis *a = p->tiled == NOT_TILED ? &one : tt_tiles_axis_of(p, (unsigned)p->tiled);
    int64_t full = a->size / p->tile, rest = a->size % p->tile;
    tt_affine saved[3];
    memcpy(saved, p->at, sizeof(saved));
    t.count = p->open_tile > 0 ? p->open_tile : p->tile;
    t.apart = a->stride[1 - p->vector];
    if (p->open_tile > 0) {
        tt_tiles_walk_tile(p, &t, r, a->along, a->scale);
        return;
    }
    if (full > 1)
        tt_tiles_open_axis(p, a, p->tile, (tt_form_axis){.end = full});
    if (full > 0)
        tt_tiles_walk_tile(p, &t, r, a->along, a->scale);
    if (full > 1)
        tt_fusing_close(p->f);
    memcpy(p->at, saved, sizeof(saved));
    if (rest == 0)
        return;
    for (unsigned o = 0; o < 3; o++)
        p->at[o].offset += full * p->tile * a->stride[o];
    p->f->fixed[a->along] += full * p->tile * a->scale;
    t.count = rest;
    tt_tiles_walk_tile(p, &t, r, a->along, a->scale);
    p->f->fixed[a->along] -= full * p->tile * a->scale;
    memcpy(p->at, saved, sizeof(saved));
}

// Columns from `first` on, `tiles` times `count`: a tile of them, or so many vectors.
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
    if (t.of_columns) {
        tt_tiles_walk_tile(p, &t, r, w->along, c->step);
    } else if (count > 1) {
        tt_tiles_pair(p, count, w->stride[0] * c->in_step, c->step * w->local, w->along, c->step);
        tt_tiles_walk_free(p, r, t);
        tt_tiles_pair(p, 1, 0, 0, 0, 0);
    } else {
        tt_tiles_walk_free(p, r, t);
    }
    if (tiles > 1)
        tt_fusing_close(p->f);
    memcpy(p->at, saved, sizeof(saved));
    p->f->fixed[w->along] = fixed;
}

// The last window's axis, by tiles or one by one, at the edges written out.
void tt_tiles_walk_columns(product *p, const rows *r)
{
    const window *w = &p->window[p->window_count - 1];
    int64_t most = p->tiled == -1 ? p->tile : p->pair == -1 ? p->pair_count : 1;
    for (int64_t number = 0; number < w->span.spread && number < w->count; number++) {
        phase c = tt_tiles_phase_of(w, number);
        for (int64_t first = 0; first < c.count;) {
            int64_t left = c.count - first, count = left < most ? left : most, tiles = 0;
            int64_t low = first * c.in_step + c.in, reach = (c.taps - 1) * c.in_tap;
            while (low >= 0 && first + (tiles + 1) * count <= c.count &&
                   (first + (tiles + 1) * count - 1) * c.in_step + c.in + reach < w->span.size)
                tiles++;
            if (tiles == 0 && p->tiled != -1 && p->lanes != SUMMED)
                count = 1;
            walk_some_columns(p, r, &c, first, count, tiles > 0 ? tiles : 1, tiles > 0);
            first += count * (tiles > 0 ? tiles : 1);
        }
    }
}
