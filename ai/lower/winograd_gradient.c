// The gradient of a 3 by 3 convolution's weights by fewer multiplications: what winograd.c does,
// the other way round.
//
// A tile of the result's gradient, 2 by 2 elements, and the 4 by 4 elements of the image that it
// saw are both brought to 16 positions; at each of them, products of their channels are summed over
// all tiles; and sums of those, by halves, are the 3 by 3 weights' gradient. The sums lie in local
// memory. So many tiles as are multiplied at once are added in registers, and these are added up,
// so that a sum of many images loses no more than others do.
//
// A turn makes some channels of the result's, and transforms the whole image anew, so there is but
// one where one thread takes all of them, and local memory has room. Neither that nor anything else
// of how they are cut changes a sum.

#include "ai/lower/winograd.h"

#define SHARED 16 // channels of a turn where threads share them, or half of all
#define FEWEST 64 // tiles

static bool is_window(const window *w)
{
    const tt_span *s = &w->span;
    return w->count == 3 && s->window % STEP == 0 && s->stride == 1 && s->dilation == 1 &&
           s->spread == 1;
}

static bool fits(const product *p)
{
    return p->window_count == 2 && p->free_count == 2 && p->block.size == 1 &&
           is_window(&p->window[0]) && is_window(&p->window[1]) &&
           p->free[0].size % TT_LANES == 0 && p->free[1].size % TT_LANES == 0 &&
           p->free[0].stride[0] == 1 && p->free[1].stride[1] == 1 &&
           p->sum.size * p->window[0].span.window * p->window[1].span.window >=
               FEWEST * STEP * STEP;
}

static bool place_all(winograd *w)
{
    int64_t tiles = w->block * w->columns;
    return tt_winograd_place(w, (int64_t[]){w->out * tiles, w->in * tiles, w->in * w->out});
}

static bool plan(winograd *w, product *p)
{
    *w = (winograd){.p = p,
                    .f = p->f,
                    .form = p->form,
                    .row = &p->window[0],
                    .column = &p->window[1],
                    .rows = p->window[0].span.window / STEP,
                    .columns = p->window[1].span.window / STEP,
                    .in = p->free[0].size,
                    .out = p->free[1].size};
    w->block = tt_winograd_divisor(w->rows, TOGETHER / w->columns);
    w->blocks = w->rows / w->block;
    if (p->f->groups->shared)
        w->out = w->out > SHARED ? SHARED : w->out / 2;
    while (!place_all(w)) {
        if (w->out <= SHARED)
            return false;
        w->out = TT_LANES * tt_winograd_divisor(w->out / TT_LANES, w->out / TT_LANES - 1);
    }
    return true;
}

static void clear_sums(winograd *w)
{
    tt_affine at = tt_winograd_local(w, MADE);
    tt_register zero = tt_form_number(w->form, 0);
    tt_affine_add(&at, tt_form_loop(w->form, &(tt_form_axis){.end = POSITIONS}), w->apart[MADE]);
    tt_affine_add(&at, tt_form_loop(w->form, &(tt_form_axis){.end = w->in * w->out, .lanes = true}),
                  1);
    tt_winograd_store(w, &at, 0, zero);
    tt_form_end(w->form);
    tt_form_end(w->form);
}

// ---- what came back: A y A', with A = (1 0; 1 1; 1 -1; 0 -1)

static void back_along(winograd *w, tt_register a, tt_register b, tt_register to[SIDE])
{
    to[0] = a;
    to[1] = tt_winograd_add(w, a, b);
    to[2] = tt_winograd_subtract(w, a, b);
    to[3] = tt_winograd_subtract(w, tt_form_number(w->form, 0), b);
}

static void transform_back(winograd *w)
{
    tt_affine from = w->p->at[1], to = tt_winograd_local(w, WEIGHTS);
    const int64_t row_stride = w->row->stride[1], column_stride = w->column->stride[1];
    uint32_t row = tt_form_loop(w->form, &(tt_form_axis){.end = w->block});
    tt_affine_add(&from, row, STEP * row_stride);
    tt_affine_add(&to, row, w->columns * w->out);
    uint32_t lanes = tt_form_loop(w->form, &(tt_form_axis){.end = w->out, .lanes = true});
    tt_affine_add(&from, lanes, 1);
    tt_affine_add(&to, lanes, 1);
    uint32_t column = tt_form_loop(w->form, &(tt_form_axis){.end = w->columns});
    tt_affine_add(&from, column, STEP * column_stride);
    tt_affine_add(&to, column, w->out);
    tt_register along[STEP][SIDE], made[SIDE];
    for (int64_t c = 0; c < STEP; c++) {
        tt_register y[STEP];
        for (int64_t r = 0; r < STEP; r++)
            y[r] = tt_winograd_load(w, (uint16_t)w->p->operand[1], &from,
                                    r * row_stride + c * column_stride);
        back_along(w, y[0], y[1], along[c]);
    }
    for (int64_t r = 0; r < SIDE; r++) {
        back_along(w, along[0][r], along[1][r], made);
        for (int64_t c = 0; c < SIDE; c++)
            tt_winograd_store(w, &to, (r * SIDE + c) * w->apart[WEIGHTS], made[c]);
    }
    for (unsigned i = 0; i < 3; i++)
        tt_form_end(w->form);
}

// ---- the weights' gradient: G' m G, with G as in winograd.c

static void gradient_along(winograd *w, const tt_register m[SIDE], tt_register to[3])
{
    tt_register both = tt_winograd_half(w, tt_winograd_add(w, m[1], m[2]));
    to[0] = tt_winograd_add(w, m[0], both);
    to[1] = tt_winograd_half(w, tt_winograd_subtract(w, m[1], m[2]));
    to[2] = tt_winograd_add(w, both, m[3]);
}

static void make_gradient(winograd *w)
{
    const axis *in = &w->p->free[0], *out = &w->p->free[1];
    tt_affine at = tt_winograd_local(w, MADE);
    tt_register along[SIDE][3];
    tt_affine_add(&at, tt_fusing_open(w->f, out->along, out->scale, (tt_form_axis){.end = w->out}),
                  w->in);
    tt_affine_add(
        &at,
        tt_fusing_open(w->f, in->along, in->scale, (tt_form_axis){.end = w->in, .lanes = true}), 1);
    for (int64_t c = 0; c < SIDE; c++) {
        tt_register m[SIDE];
        for (int64_t r = 0; r < SIDE; r++)
            m[r] = tt_winograd_load(w, TT_FORM_LOCAL, &at, (r * SIDE + c) * w->apart[MADE]);
        gradient_along(w, m, along[c]);
    }
    for (int64_t r = 0; r < 3; r++) {
        tt_register m[SIDE] = {along[0][r], along[1][r], along[2][r], along[3][r]}, three[3];
        gradient_along(w, m, three);
        for (int64_t c = 0; c < 3; c++)
            tt_winograd_finish(w, r, c, three[c]);
    }
    tt_fusing_close(w->f);
    tt_fusing_close(w->f);
}

// ---- all of it

// Images, and rows of tiles of each.
static void sum_up(winograd *w)
{
    product *p = w->p;
    tt_affine saved[2] = {p->at[0], p->at[1]};
    tt_tiles_open_sum(p, p->sum.stride, (tt_form_axis){.end = p->sum.size});
    int64_t each[2] = {STEP * w->block * w->row->stride[0], STEP * w->block * w->row->stride[1]};
    uint32_t id = tt_tiles_open_sum(p, each, (tt_form_axis){.end = w->blocks});
    tt_affine_add(&w->first, id, w->block);
    tt_winograd_image(w);
    transform_back(w);
    tt_winograd_multiply(w, &(tt_winograd_sums){.vector = IMAGE,
                                                .one = WEIGHTS,
                                                .length = w->block * w->columns,
                                                .lanes = w->in,
                                                .numbers = w->out,
                                                .vector_step = w->in,
                                                .one_step = w->out,
                                                .one_apart = 1,
                                                .made_apart = w->in,
                                                .more = true});
    tt_form_end(w->form);
    tt_form_end(w->form);
    p->at[0] = saved[0];
    p->at[1] = saved[1];
}

bool tt_winograd_walk_gradient(product *p)
{
    winograd w;
    if (!fits(p) || !plan(&w, p)) {
        p->form->local_bytes = 0;
        return false;
    }
    p->f->fused->turns = p->free[1].size / w.out;
    p->form->split = p->f->fused->turns > 1;
    if (p->form->split)
        tt_tiles_open_axis(p, &p->free[1], w.out, (tt_form_axis){.end = p->f->fused->turns});
    clear_sums(&w);
    sum_up(&w);
    make_gradient(&w);
    if (p->form->split)
        tt_fusing_close(p->f);
    return true;
}
