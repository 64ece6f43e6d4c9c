// Convolutions as forms: places of a row times 16 channels in registers.

#include "bench/ai/forms.h"

typedef struct building {
    tt_form *f;
    const bench_conv *s;
    uint32_t row, tiles, channels, tap_row; // axes
    int64_t first;                          // place of the tile
} building;

static tt_register load(tt_form *f, const tt_form_access *access)
{
    return tt_form_load(f, access, TT_NO_REGISTER, TT_NO_REGISTER);
}

// One product of each sum: of column and channel `offset`, and of those of axis k.
static void add_products(const building *b, const tt_register *sum, unsigned tile, uint32_t k,
                         int64_t offset)
{
    const bench_conv *s = b->s;
    int64_t across = s->taps * s->in, width = (s->size + s->taps - 1) * s->in;
    tt_form_access w = {.buffer = BENCH_B, .element = TT_F32, .place.offset = offset * s->out};
    tt_affine_add(&w.place, b->tap_row, across * s->out);
    if (k != TT_NO_REGISTER)
        tt_affine_add(&w.place, k, s->out);
    tt_affine_add(&w.place, b->channels, 1);
    tt_register weight = load(b->f, &w);
    for (unsigned t = 0; t < tile; t++) {
        tt_form_access x = {.buffer = BENCH_A, .element = TT_F32};
        x.place.offset = (b->first + t) * s->in + offset;
        tt_affine_add(&x.place, b->row, width);
        tt_affine_add(&x.place, b->tap_row, width);
        if (b->tiles != TT_NO_REGISTER)
            tt_affine_add(&x.place, b->tiles, s->tile * s->in);
        if (k != TT_NO_REGISTER)
            tt_affine_add(&x.place, k, 1);
        tt_register sum_now = tt_form_make(b->f, TT_FORM_FMA, load(b->f, &x), weight, sum[t]);
        tt_form_set(b->f, sum[t], sum_now);
    }
}

static void tile_of(building *b, unsigned tile)
{
    const bench_conv *s = b->s;
    tt_register sum[16];
    b->channels = tt_form_loop(b->f, &(tt_form_axis){.end = s->out, .lanes = true});
    for (unsigned t = 0; t < tile; t++)
        sum[t] = tt_form_start(b->f, tt_form_number(b->f, 0), false);
    b->tap_row = tt_form_loop(b->f, &(tt_form_axis){.end = s->taps});
    if (s->unrolled) {
        for (int64_t k = 0; k < s->taps * s->in; k++)
            add_products(b, sum, tile, TT_NO_REGISTER, k);
    } else {
        uint32_t k = tt_form_loop(b->f, &(tt_form_axis){.end = s->taps * s->in});
        add_products(b, sum, tile, k, 0);
        tt_form_end(b->f);
    }
    tt_form_end(b->f);
    tt_form_access bias = {.buffer = BENCH_BIAS, .element = TT_F32};
    tt_affine_add(&bias.place, b->channels, 1);
    tt_register more = load(b->f, &bias), zero = tt_form_number(b->f, 0);
    for (unsigned t = 0; t < tile; t++) {
        tt_form_access y = {.buffer = BENCH_C, .element = TT_F32};
        y.place.offset = (b->first + t) * s->out;
        tt_affine_add(&y.place, b->row, s->size * s->out);
        if (b->tiles != TT_NO_REGISTER)
            tt_affine_add(&y.place, b->tiles, s->tile * s->out);
        tt_affine_add(&y.place, b->channels, 1);
        tt_register value = tt_form_2(b->f, TT_FORM_ADD, sum[t], more);
        tt_register less = tt_form_2(b->f, TT_FORM_LESS, value, zero);
        tt_form_store(b->f, &y, tt_form_make(b->f, TT_FORM_SELECT, less, zero, value));
    }
    tt_form_end(b->f);
}

void bench_conv_form(bench_form *made, const bench_conv *s)
{
    building b = {.f = &made->form, .s = s};
    int64_t padded = s->size + s->taps - 1;
    made->turns = s->size;
    made->operations = 2.0 * (double)(s->size * s->size * s->taps * s->taps * s->in * s->out);
    made->elements[BENCH_A] = padded * padded * s->in;
    made->elements[BENCH_B] = s->taps * s->taps * s->in * s->out;
    made->elements[BENCH_C] = s->size * s->size * s->out;
    made->elements[BENCH_BIAS] = s->out;
    tt_form_begin(b.f);
    b.f->split = true;
    b.row = tt_form_loop(b.f, &(tt_form_axis){.end = s->size});
    b.tiles = tt_form_loop(b.f, &(tt_form_axis){.end = s->size / s->tile});
    tile_of(&b, s->tile);
    tt_form_end(b.f);
    b.tiles = TT_NO_REGISTER;
    b.first = s->size / s->tile * s->tile;
    if (s->size % s->tile > 0)
        tile_of(&b, (unsigned)(s->size % s->tile));
    tt_form_end(b.f);
}
