// Convolutions of 3 by 3 taps by fewer multiplications: Winograd's F(2x2, 3x3), as Lavin and Gray
// (2016) describe it.
//
// Four elements that are neighbours, a tile, see 4 by 4 elements of the image. Both these and the
// 3 by 3 weights are brought to 16 positions, by sums and by halves; the sum over channels is taken
// at each of them, with 16 multiplications for the tile instead of 36; and sums of those are its
// four elements. Each of the four hangs on the nine elements that it sees and on no other: what is
// no number comes out where it has to. But what should be infinite may be no number, and weights
// that are not finite meet padding, too, as if it were zeros.
//
// A turn transforms the weights, for some channels of the result, into the form's local memory,
// and then, for some rows of tiles, the image; multiplies; and makes the result. Shapes alone tell
// which convolutions go this way and where sums begin, so that machines and threads agree to the
// bit.

#include <string.h>

#include "ai/lower/winograd.h"

#define FEWEST 16      // tiles, below which transforming the weights does not pay
#define TURN_TILES 32  // of a turn at least, where there is one image,
#define TURNS_MAX 4    // and then no more turns
#define IMAGES_MAX 4   // of a turn
#define IMAGE_TURNS 8  // before a turn has several
#define APART TT_LANES // elements between positions: a power of 2 would be one place of a cache
#define WIDE_SUMS 16   // of a tile of the products, on a wide machine
#define SUMS 6

// ---- which, and how it is cut

int64_t tt_winograd_divisor(int64_t of, int64_t most)
{
    int64_t by = most < of ? most : of;
    while (by > 1 && of % by != 0)
        by--;
    return by < 1 ? 1 : by;
}

bool tt_winograd_place(winograd *w, const int64_t size[PARTS])
{
    int64_t end = 0;
    for (unsigned i = 0; i < PARTS; i++) {
        w->at[i] = end;
        w->apart[i] = size[i] + APART;
        end += POSITIONS * w->apart[i];
    }
    w->form->local_bytes = 4 * (uint64_t)end;
    return 4 * end <= TT_FORM_LOCAL_MAX;
}

static bool place_all(winograd *w, int64_t out)
{
    int64_t tiles = w->block * w->columns;
    w->out = out;
    return tt_winograd_place(w, (int64_t[]){w->in * out, w->in * tiles, out * tiles});
}

static bool is_window(const window *w)
{
    const tt_span *s = &w->span;
    return s->window == 3 && s->stride == 1 && s->dilation == 1 && s->spread == 1 &&
           w->count % STEP == 0;
}

static bool fits(const product *p)
{
    return p->window_count == 2 && p->free_count == 2 && !p->f->blocked && p->block.size == 1 &&
           is_window(&p->window[0]) && is_window(&p->window[1]) && p->sum.size % TT_LANES == 0 &&
           p->free[1].size % TT_LANES == 0 && p->sum.stride[0] == 1 && p->free[1].stride[1] == 1 &&
           p->free[0].size * p->window[0].count * p->window[1].count >= FEWEST * STEP * STEP;
}

static bool plan(winograd *w, product *p)
{
    *w = (winograd){.p = p,
                    .f = p->f,
                    .form = p->form,
                    .row = &p->window[0],
                    .column = &p->window[1],
                    .rows = p->window[0].count / STEP,
                    .columns = p->window[1].count / STEP,
                    .in = p->sum.size};
    w->block = tt_winograd_divisor(w->rows, TOGETHER / w->columns);
    int64_t vectors = p->free[1].size / TT_LANES, some = vectors, batch = p->free[0].size;
    while (!place_all(w, some * TT_LANES)) {
        if (some > 1)
            some = tt_winograd_divisor(vectors, some - 1);
        else if (w->block > 1)
            w->block = tt_winograd_divisor(w->rows, w->block - 1);
        else
            return false;
    }
    w->images = tt_winograd_divisor(batch, batch / IMAGE_TURNS < IMAGES_MAX ? batch / IMAGE_TURNS
                                                                            : IMAGES_MAX);
    w->blocks = w->turn_blocks = w->rows / w->block;
    int64_t turns = w->rows * w->columns / TURN_TILES;
    if (batch == 1 && some == vectors)
        w->turn_blocks =
            w->blocks / tt_winograd_divisor(w->blocks, turns < TURNS_MAX ? turns : TURNS_MAX);
    return true;
}

// ---- loops and accesses

// A loop over rows of tiles, some at once.
static void open_rows(winograd *w, int64_t each, int64_t count)
{
    uint32_t id = tt_fusing_open(w->f, w->row->along, STEP * each, (tt_form_axis){.end = count});
    tt_affine_add(&w->p->at[0], id, STEP * each * w->row->stride[0]);
    tt_affine_add(&w->first, id, each);
}

tt_affine tt_winograd_local(const winograd *w, unsigned part)
{
    return (tt_affine){.offset = w->at[part]};
}

static tt_form_access access_to(uint16_t buffer, const tt_affine *where, int64_t more)
{
    tt_form_access access = {.buffer = buffer, .element = TT_F32, .place = *where};
    access.place.offset += more;
    return access;
}

tt_register tt_winograd_load(winograd *w, uint16_t buffer, const tt_affine *where, int64_t more)
{
    tt_form_access access = access_to(buffer, where, more);
    return tt_form_load(w->form, &access, TT_NO_REGISTER, TT_NO_REGISTER);
}

void tt_winograd_store(winograd *w, const tt_affine *where, int64_t more, tt_register value)
{
    tt_form_access access = access_to(TT_FORM_LOCAL, where, more);
    tt_form_store(w->form, &access, value);
}

// ---- weights: G g G', with G = (1 0 0; 1/2 1/2 1/2; 1/2 -1/2 1/2; 0 0 1)

static void weights_along(winograd *w, const tt_register g[3], tt_register to[SIDE])
{
    tt_register ends = tt_winograd_add(w, g[0], g[2]);
    to[0] = g[0];
    to[1] = tt_winograd_half(w, tt_winograd_add(w, ends, g[1]));
    to[2] = tt_winograd_half(w, tt_winograd_subtract(w, ends, g[1]));
    to[3] = g[2];
}

static void transform_weights(winograd *w)
{
    product *p = w->p;
    tt_affine from = p->at[1], to = tt_winograd_local(w, WEIGHTS);
    tt_register along[3][SIDE];
    uint32_t channel = tt_form_loop(w->form, &(tt_form_axis){.end = w->in});
    tt_affine_add(&from, channel, p->sum.stride[1]);
    tt_affine_add(&to, channel, w->out);
    uint32_t lanes = tt_form_loop(w->form, &(tt_form_axis){.end = w->out, .lanes = true});
    tt_affine_add(&from, lanes, 1);
    tt_affine_add(&to, lanes, 1);
    for (int64_t c = 0; c < 3; c++) {
        tt_register g[3];
        for (int64_t r = 0; r < 3; r++)
            g[r] = tt_winograd_load(w, (uint16_t)p->operand[1], &from,
                                    r * w->row->stride[1] + c * w->column->stride[1]);
        weights_along(w, g, along[c]);
    }
    for (int64_t r = 0; r < SIDE; r++) {
        tt_register row[SIDE];
        weights_along(w, (tt_register[]){along[0][r], along[1][r], along[2][r]}, row);
        for (int64_t c = 0; c < SIDE; c++)
            tt_winograd_store(w, &to, (r * SIDE + c) * w->apart[WEIGHTS], row[c]);
    }
    tt_form_end(w->form);
    tt_form_end(w->form);
}

// ---- the image: B d B', with B = (1 0 -1 0; 0 1 1 0; 0 -1 1 0; 0 1 0 -1)

static void image_along(winograd *w, const tt_register d[SIDE], tt_register to[SIDE])
{
    to[0] = tt_winograd_subtract(w, d[0], d[2]);
    to[1] = tt_winograd_add(w, d[1], d[2]);
    to[2] = tt_winograd_subtract(w, d[2], d[1]);
    to[3] = tt_winograd_subtract(w, d[1], d[3]);
}

// Which of the four elements that tile `number` sees along an axis lie in the image.
static uint32_t seen(const window *w, int64_t number)
{
    uint32_t mask = 0;
    for (int64_t i = 0; i < SIDE; i++) {
        int64_t at = number * STEP + i - w->span.before;
        mask |= (uint32_t)(at >= 0 && at < w->span.size) << i;
    }
    return mask;
}

// Up to which tile all see what `first` does.
static int64_t alike_until(const window *w, int64_t first, int64_t count)
{
    int64_t end = first + 1;
    while (end < count && seen(w, end) == seen(w, first))
        end++;
    return end;
}

static void transform_tile(winograd *w, const tt_affine *from, const tt_affine *to, uint32_t by_row,
                           uint32_t by_column)
{
    tt_register along[SIDE][SIDE], zero = tt_form_number(w->form, 0);
    for (int64_t c = 0; c < SIDE; c++) {
        tt_register d[SIDE];
        for (int64_t r = 0; r < SIDE; r++)
            d[r] = (by_row >> r & by_column >> c & 1) != 0
                       ? tt_winograd_load(w, (uint16_t)w->p->operand[0], from,
                                          r * w->row->stride[0] + c * w->column->stride[0])
                       : zero;
        image_along(w, d, along[c]);
    }
    for (int64_t r = 0; r < SIDE; r++) {
        tt_register d[SIDE] = {along[0][r], along[1][r], along[2][r], along[3][r]}, row[SIDE];
        image_along(w, d, row);
        for (int64_t c = 0; c < SIDE; c++)
            tt_winograd_store(w, to, (r * SIDE + c) * w->apart[IMAGE], row[c]);
    }
}

// Of rows of tiles that see `rows` of theirs: those that see the same columns are one loop.
static void transform_columns(winograd *w, tt_affine from, tt_affine to, uint32_t by_row)
{
    for (int64_t first = 0, end; first < w->columns; first = end) {
        end = alike_until(w->column, first, w->columns);
        tt_affine source = from, made = to;
        uint32_t id = tt_form_loop(w->form, &(tt_form_axis){.first = first, .end = end});
        tt_affine_add(&source, id, STEP * w->column->stride[0]);
        tt_affine_add(&made, id, w->in);
        transform_tile(w, &source, &made, by_row, seen(w->column, first));
        tt_form_end(w->form);
    }
}

// Of the open block those rows of tiles that see the same of the image are one loop.
void tt_winograd_image(winograd *w)
{
    for (int64_t first = 0, end; first < w->rows; first = end) {
        end = alike_until(w->row, first, w->rows);
        tt_affine from = w->p->at[0], to = tt_winograd_local(w, IMAGE);
        tt_form_axis tiles = {.end = w->block};
        if (end - first < w->rows) {
            tiles.bounded = true;
            tiles.divisor = 1;
            tiles.from.offset = first;
            tiles.to.offset = end;
            for (unsigned i = 0; i < w->first.count; i++) {
                tt_affine_add(&tiles.from, w->first.term[i].axis, -w->first.term[i].stride);
                tt_affine_add(&tiles.to, w->first.term[i].axis, -w->first.term[i].stride);
            }
        }
        from.offset -=
            w->row->span.before * w->row->stride[0] + w->column->span.before * w->column->stride[0];
        uint32_t row = tt_form_loop(w->form, &tiles);
        tt_affine_add(&from, row, STEP * w->row->stride[0]);
        tt_affine_add(&to, row, w->columns * w->in);
        uint32_t lanes = tt_form_loop(w->form, &(tt_form_axis){.end = w->in, .lanes = true});
        tt_affine_add(&from, lanes, 1);
        tt_affine_add(&to, lanes, 1);
        transform_columns(w, from, to, seen(w->row, first));
        tt_form_end(w->form);
        tt_form_end(w->form);
    }
}

// ---- products at each position

// Of some numbers and vectors, whose sums stay in registers.
static void multiply_tile(winograd *w, const tt_winograd_sums *s, const tt_affine at[PARTS],
                          int64_t numbers, int64_t vectors)
{
    tt_register sum[SUMS_MAX], vector[SUMS_MAX], zero = tt_form_number(w->form, 0);
    tt_affine by_lanes = at[s->vector], one_by_one = at[s->one];
    for (int64_t i = 0; i < numbers * vectors; i++)
        sum[i] = tt_form_start(w->form, zero, false);
    uint32_t id = tt_form_loop(w->form, &(tt_form_axis){.end = s->length});
    tt_affine_add(&by_lanes, id, s->vector_step);
    tt_affine_add(&one_by_one, id, s->one_step);
    for (int64_t v = 0; v < vectors; v++)
        vector[v] = tt_winograd_load(w, TT_FORM_LOCAL, &by_lanes, v * TT_LANES);
    for (int64_t t = 0; t < numbers; t++) {
        tt_register one = tt_winograd_load(w, TT_FORM_LOCAL, &one_by_one, t * s->one_apart);
        for (int64_t v = 0; v < vectors; v++) {
            tt_register before = sum[t * vectors + v];
            tt_form_set(w->form, before,
                        tt_form_make(w->form, TT_FORM_FMA, one, vector[v], before));
        }
    }
    tt_form_end(w->form);
    for (int64_t i = 0; i < numbers * vectors; i++) {
        int64_t to = i / vectors * s->made_apart + i % vectors * TT_LANES;
        tt_register made = sum[i];
        if (s->more)
            made = tt_winograd_add(w, tt_winograd_load(w, TT_FORM_LOCAL, &at[MADE], to), made);
        tt_winograd_store(w, &at[MADE], to, made);
    }
}

static void multiply_tiles(winograd *w, const tt_winograd_sums *s, const tt_affine at[PARTS],
                           int64_t vectors)
{
    int64_t most = (w->f->groups->wide ? WIDE_SUMS : SUMS) / vectors;
    int64_t each = tt_divide_up(s->numbers, tt_divide_up(s->numbers, most));
    int64_t full = s->numbers / each;
    tt_affine moved[PARTS] = {at[0], at[1], at[2]};
    uint32_t some = tt_form_loop(w->form, &(tt_form_axis){.end = full});
    tt_affine_add(&moved[s->one], some, each * s->one_apart);
    tt_affine_add(&moved[MADE], some, each * s->made_apart);
    multiply_tile(w, s, moved, each, vectors);
    tt_form_end(w->form);
    if (s->numbers % each == 0)
        return;
    memcpy(moved, at, sizeof(moved));
    moved[s->one].offset += full * each * s->one_apart;
    moved[MADE].offset += full * each * s->made_apart;
    multiply_tile(w, s, moved, s->numbers % each, vectors);
}

void tt_winograd_multiply(winograd *w, const tt_winograd_sums *s)
{
    int64_t vectors = w->f->groups->wide && s->lanes % (2 * TT_LANES) == 0 ? 2 : 1;
    tt_affine at[PARTS];
    uint32_t position = tt_form_loop(w->form, &(tt_form_axis){.end = POSITIONS});
    for (unsigned i = 0; i < PARTS; i++) {
        at[i] = tt_winograd_local(w, i);
        tt_affine_add(&at[i], position, w->apart[i]);
    }
    uint32_t ids[2] = {
        tt_form_loop(w->form, &(tt_form_axis){.end = s->lanes / (vectors * TT_LANES)}),
        tt_form_loop(w->form, &(tt_form_axis){.end = TT_LANES, .lanes = true})};
    for (unsigned i = 0; i < 2; i++) {
        tt_affine_add(&at[s->vector], ids[i], i == 0 ? vectors * TT_LANES : 1);
        tt_affine_add(&at[MADE], ids[i], i == 0 ? vectors * TT_LANES : 1);
    }
    multiply_tiles(w, s, at, vectors);
    for (unsigned i = 0; i < 3; i++)
        tt_form_end(w->form);
}

// ---- the result: A m A', with A = (1 1 1 0; 0 1 -1 -1)

static void result_along(winograd *w, const tt_register m[SIDE], tt_register to[STEP])
{
    to[0] = tt_winograd_add(w, tt_winograd_add(w, m[0], m[1]), m[2]);
    to[1] = tt_winograd_subtract(w, tt_winograd_subtract(w, m[1], m[2]), m[3]);
}

void tt_winograd_finish(winograd *w, int64_t row, int64_t column, tt_register made)
{
    fusing *f = w->f;
    f->fixed[w->row->along] += row;
    f->fixed[w->column->along] += column;
    f->nest++;
    f->member[0].inner_made = made;
    f->member[0].inner_at = f->nest;
    for (uint32_t k = 0; k < f->count; k++)
        tt_fusing_store(f, k);
    f->fixed[w->row->along] -= row;
    f->fixed[w->column->along] -= column;
}

static void make_result(winograd *w)
{
    tt_affine at = tt_winograd_local(w, MADE);
    tt_register along[SIDE][STEP];
    tt_affine_add(&at, tt_fusing_open(w->f, w->row->along, STEP, (tt_form_axis){.end = w->block}),
                  w->columns * w->out);
    tt_affine_add(&at,
                  tt_fusing_open(w->f, w->p->free[1].along, w->p->free[1].scale,
                                 (tt_form_axis){.end = w->out, .lanes = true}),
                  1);
    tt_affine_add(&at,
                  tt_fusing_open(w->f, w->column->along, STEP, (tt_form_axis){.end = w->columns}),
                  w->out);
    for (int64_t c = 0; c < SIDE; c++) {
        tt_register m[SIDE];
        for (int64_t r = 0; r < SIDE; r++)
            m[r] = tt_winograd_load(w, TT_FORM_LOCAL, &at, (r * SIDE + c) * w->apart[MADE]);
        result_along(w, m, along[c]);
    }
    for (int64_t r = 0; r < STEP; r++) {
        tt_register m[SIDE] = {along[0][r], along[1][r], along[2][r], along[3][r]}, two[STEP];
        result_along(w, m, two);
        for (int64_t c = 0; c < STEP; c++)
            tt_winograd_finish(w, r, c, two[c]);
    }
    for (unsigned i = 0; i < 3; i++)
        tt_fusing_close(w->f);
}

// ---- all of it

// The loop that threads share: images, rows of tiles, or channels of the result. What is left is
// walked inside.
static void open_turns(winograd *w)
{
    product *p = w->p;
    int64_t turns = 1;
    if (p->free[0].size > 1) {
        turns = p->free[0].size / w->images;
        tt_tiles_open_axis(p, &p->free[0], w->images, (tt_form_axis){.end = turns});
    } else if (w->turn_blocks < w->blocks) {
        turns = w->blocks / w->turn_blocks;
        open_rows(w, w->turn_blocks * w->block, turns);
    } else {
        return;
    }
    w->form->split = true;
    w->f->fused->turns = turns;
}

bool tt_tiles_walk_winograd(product *p)
{
    winograd w;
    if (p->by_image)
        return tt_winograd_walk_gradient(p);
    if (!fits(p) || !plan(&w, p)) {
        p->form->local_bytes = 0;
        return false;
    }
    unsigned opened = p->f->open_count;
    open_turns(&w);
    int64_t parts = p->free[1].size / w.out;
    if (parts > 1) {
        tt_tiles_open_axis(p, &p->free[1], w.out, (tt_form_axis){.end = parts});
        if (p->f->open_count == 1) {
            p->form->split = true;
            p->f->fused->turns = parts;
        }
    }
    transform_weights(&w);
    if (w.images > 1)
        tt_tiles_open_axis(p, &p->free[0], 1, (tt_form_axis){.end = w.images});
    if (w.turn_blocks > 1)
        open_rows(&w, w.block, w.turn_blocks);
    tt_winograd_image(&w);
    tt_winograd_multiply(&w, &(tt_winograd_sums){.vector = WEIGHTS,
                                                 .one = IMAGE,
                                                 .length = w.in,
                                                 .lanes = w.out,
                                                 .numbers = w.block * w.columns,
                                                 .vector_step = w.out,
                                                 .one_step = 1,
                                                 .one_apart = w.in,
                                                 .made_apart = w.out});
    make_result(&w);
    while (p->f->open_count > opened)
        tt_fusing_close(p->f);
    return true;
}
