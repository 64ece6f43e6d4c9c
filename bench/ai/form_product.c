// Products as forms: sums of some rows times 16 columns in registers, panels of columns packed in
// local memory, and where a lies transposed, its rows, too.

#include "bench/ai/forms.h"

typedef struct building {
    tt_form *f;
    const bench_product *s;
    uint32_t group, part, panel, rows, columns; // axes; `part` of k
    int64_t first_k, k, first_row;
    bool accumulate, last;
    bool packed_a; // the tile's rows of a lie in local memory, too
} building;

static int64_t panels_bytes(const bench_product *s)
{
    return (s->rows_outer ? s->group : 1) * s->depth * TT_LANES * (int64_t)sizeof(float);
}

static tt_register load(tt_form *f, const tt_form_access *access)
{
    return tt_form_load(f, access, TT_NO_REGISTER, TT_NO_REGISTER);
}

static void add_if(tt_affine *place, uint32_t axis, int64_t stride)
{
    if (axis != TT_NO_REGISTER)
        tt_affine_add(place, axis, stride);
}

// Of column 0 of the panel, or of the lanes.
static void add_columns(const building *b, tt_affine *place, int64_t stride, bool lanes)
{
    add_if(place, b->group, TT_LANES * b->s->group * stride);
    add_if(place, b->panel, TT_LANES * stride);
    if (lanes)
        add_if(place, b->columns, stride);
}

static tt_form_access place_of_c(const building *b, unsigned t)
{
    tt_form_access c = {.buffer = BENCH_C, .element = TT_F32};
    c.place.offset = (b->first_row + t) * b->s->n;
    add_if(&c.place, b->rows, b->s->tile * b->s->n);
    add_columns(b, &c.place, 1, true);
    return c;
}

static tt_form_access place_of_b(const building *b, uint32_t k)
{
    tt_form_access x = {.buffer = BENCH_B, .element = TT_F32};
    x.place.offset = b->first_k * b->s->b_k;
    add_if(&x.place, b->part, b->s->depth * b->s->b_k);
    tt_affine_add(&x.place, k, b->s->b_k);
    add_columns(b, &x.place, b->s->b_column, true);
    return x;
}

static void pack(building *b)
{
    bool along = b->s->b_k == 1; // lanes of k, stored across
    b->columns = TT_NO_REGISTER;
    uint32_t k = TT_NO_REGISTER;
    if (along)
        k = tt_form_loop(b->f, &(tt_form_axis){.end = b->k, .lanes = true});
    b->columns = tt_form_loop(b->f, &(tt_form_axis){.end = TT_LANES, .lanes = !along});
    if (!along)
        k = tt_form_loop(b->f, &(tt_form_axis){.end = b->k});
    tt_form_access from = place_of_b(b, k), to = {.buffer = TT_FORM_LOCAL, .element = TT_F32};
    tt_affine_add(&to.place, k, TT_LANES);
    tt_affine_add(&to.place, b->columns, 1);
    if (b->s->rows_outer)
        add_if(&to.place, b->panel, TT_LANES * b->s->depth);
    tt_form_store(b->f, &to, load(b->f, &from));
    tt_form_end(b->f);
    tt_form_end(b->f);
}

static tt_form_access place_of_a(const building *b, unsigned t, uint32_t k)
{
    const bench_product *s = b->s;
    tt_form_access x = {.buffer = BENCH_A, .element = TT_F32};
    x.place.offset = b->first_k * s->a_k + (b->first_row + t) * s->a_row;
    add_if(&x.place, b->part, s->depth * s->a_k);
    add_if(&x.place, b->rows, s->tile * s->a_row);
    tt_affine_add(&x.place, k, s->a_k);
    return x;
}

static tt_form_access place_of_packed_a(const building *b, unsigned t, uint32_t k, unsigned tile)
{
    tt_form_access x = {.buffer = TT_FORM_LOCAL, .element = TT_F32};
    x.place.offset = panels_bytes(b->s) / (int64_t)sizeof(float) + t;
    tt_affine_add(&x.place, k, tile);
    return x;
}

static void pack_a(building *b, unsigned tile)
{
    uint32_t t = tt_form_loop(b->f, &(tt_form_axis){.end = tile, .lanes = true});
    uint32_t k = tt_form_loop(b->f, &(tt_form_axis){.end = b->k});
    tt_form_access from = place_of_a(b, 0, k), to = place_of_packed_a(b, 0, k, tile);
    tt_affine_add(&from.place, t, b->s->a_row);
    tt_affine_add(&to.place, t, 1);
    tt_form_store(b->f, &to, load(b->f, &from));
    tt_form_end(b->f);
    tt_form_end(b->f);
}

static void sums(building *b, const tt_register *sum, unsigned tile)
{
    const bench_product *s = b->s;
    uint32_t k = tt_form_loop(b->f, &(tt_form_axis){.end = b->k});
    tt_form_access w = place_of_b(b, k);
    if (s->depth > 0) {
        w = (tt_form_access){.buffer = TT_FORM_LOCAL, .element = TT_F32};
        tt_affine_add(&w.place, k, TT_LANES);
        tt_affine_add(&w.place, b->columns, 1);
        if (s->rows_outer)
            add_if(&w.place, b->panel, TT_LANES * s->depth);
    }
    tt_register weight = load(b->f, &w);
    for (unsigned t = 0; t < tile; t++) {
        tt_form_access x = b->packed_a ? place_of_packed_a(b, t, k, tile) : place_of_a(b, t, k);
        tt_form_set(b->f, sum[t], tt_form_make(b->f, TT_FORM_FMA, load(b->f, &x), weight, sum[t]));
    }
    tt_form_end(b->f);
}

static void tile_of(building *b, unsigned tile)
{
    const bench_product *s = b->s;
    tt_register sum[16];
    b->columns =
        tt_form_loop(b->f, &(tt_form_axis){.end = s->depth > 0 ? TT_LANES : s->n, .lanes = true});
    for (unsigned t = 0; t < tile; t++) {
        tt_form_access was = place_of_c(b, t);
        sum[t] =
            tt_form_start(b->f, b->accumulate ? load(b->f, &was) : tt_form_number(b->f, 0), false);
    }
    sums(b, sum, tile);
    bool finish = s->epilogue && b->last;
    tt_form_access bias = {.buffer = BENCH_BIAS, .element = TT_F32};
    add_columns(b, &bias.place, 1, true);
    tt_register more = finish ? load(b->f, &bias) : 0, zero = tt_form_number(b->f, 0);
    for (unsigned t = 0; t < tile; t++) {
        tt_form_access y = place_of_c(b, t);
        tt_register value = sum[t];
        if (finish) {
            value = tt_form_2(b->f, TT_FORM_ADD, value, more);
            tt_register less = tt_form_2(b->f, TT_FORM_LESS, value, zero);
            value = tt_form_make(b->f, TT_FORM_SELECT, less, zero, value);
        }
        tt_form_store(b->f, &y, value);
    }
    tt_form_end(b->f);
}

// All rows of a panel, for some of k.
static void rows_of(building *b)
{
    const bench_product *s = b->s;
    if (s->depth > 0)
        pack(b);
    b->first_row = 0;
    b->rows = tt_form_loop(b->f, &(tt_form_axis){.end = s->m / s->tile});
    tile_of(b, s->tile);
    tt_form_end(b->f);
    b->rows = TT_NO_REGISTER;
    b->first_row = s->m / s->tile * s->tile;
    if (s->m % s->tile > 0)
        tile_of(b, (unsigned)(s->m % s->tile));
}

// Each tile of rows with all panels, which are packed.
static void tiles_of(building *b, unsigned tile)
{
    b->packed_a = b->s->a_k != 1;
    if (b->packed_a)
        pack_a(b, tile);
    b->panel = tt_form_loop(b->f, &(tt_form_axis){.end = b->s->group});
    tile_of(b, tile);
    tt_form_end(b->f);
}

static void panels_of(building *b)
{
    const bench_product *s = b->s;
    if (s->rows_outer) {
        b->panel = tt_form_loop(b->f, &(tt_form_axis){.end = s->group});
        pack(b);
        tt_form_end(b->f);
        b->first_row = 0;
        b->rows = tt_form_loop(b->f, &(tt_form_axis){.end = s->m / s->tile});
        tiles_of(b, s->tile);
        tt_form_end(b->f);
        b->rows = TT_NO_REGISTER;
        b->first_row = s->m / s->tile * s->tile;
        if (s->m % s->tile > 0)
            tiles_of(b, (unsigned)(s->m % s->tile));
        return;
    }
    b->panel = tt_form_loop(b->f, &(tt_form_axis){.end = b->s->group});
    rows_of(b);
    tt_form_end(b->f);
}

// The first part of k, those between, and the last, which may be shorter.
static void parts_of(building *b)
{
    const bench_product *s = b->s;
    int64_t parts = (s->k + s->depth - 1) / s->depth;
    for (unsigned way = 0; way < 3; way++) {
        b->accumulate = way > 0;
        b->last = way == 2 || parts == 1;
        b->first_k = way == 2 ? (parts - 1) * s->depth : way == 1 ? s->depth : 0;
        b->k = b->last ? s->k - b->first_k : s->depth;
        if (way == 1 && parts > 2) {
            b->part = tt_form_loop(b->f, &(tt_form_axis){.end = parts - 2});
            panels_of(b);
            tt_form_end(b->f);
            b->part = TT_NO_REGISTER;
        } else if (way == 0 || (way == 2 && parts > 1)) {
            panels_of(b);
        }
    }
}

static int64_t turns_of(const bench_product *s)
{
    return s->depth > 0 ? s->n / (TT_LANES * s->group) : 1;
}

void bench_product_form(bench_form *made, const bench_product *s)
{
    tt_form *f = &made->form;
    made->turns = turns_of(s);
    made->operations = 2.0 * (double)(s->m * s->n * s->k);
    made->elements[BENCH_A] = s->m * s->k;
    made->elements[BENCH_B] = s->k * s->n;
    made->elements[BENCH_C] = s->m * s->n;
    made->elements[BENCH_BIAS] = s->n;
    building b = {.f = f,
                  .s = s,
                  .group = TT_NO_REGISTER,
                  .part = TT_NO_REGISTER,
                  .panel = TT_NO_REGISTER,
                  .rows = TT_NO_REGISTER,
                  .k = s->k,
                  .last = true};
    tt_form_begin(f);
    f->split = true;
    f->local_bytes =
        (uint64_t)panels_bytes(s) +
        (s->rows_outer && s->a_k != 1 ? (uint64_t)(s->depth * s->tile * 4 + 63) / 64 * 64 : 0);
    b.group = tt_form_loop(f, &(tt_form_axis){.end = turns_of(s)});
    if (s->depth > 0)
        parts_of(&b);
    else
        rows_of(&b);
    tt_form_end(f);
}
