// ai.kernel.*: forms of products by hand, printed to C for this machine by each compiler, beside
// the most that independent FMAs reach here:
//
//     bench_forms [SECONDS [NAME [ISA]]]
//
// A slice takes SECONDS (0.1); NAME is the beginning of a form's name. Each is first seen to give
// the interpreter's bits.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ai/run/blocks.h"
#include "ai/run/compile.h"

#define SLICES 15

static _Alignas(TT_FORM_LOCAL_ALIGN) char local[TT_FORM_LOCAL_MAX];

typedef void kernel(void *const *buffers, long from, long to, void *local);

// c (m, n) = a (m, k) b (k, n), with strides of a and b, so that both may lie transposed. `tile`
// rows are summed at once. Columns are packed by 16 in local memory, `depth` of k at a time, where
// that is not 0; `group` such panels are one turn of the split axis.
typedef struct shape {
    const char *name;
    int64_t m, n, k;
    int64_t a_row, a_k, b_k, b_column;
    unsigned tile;
    int64_t depth, group;
    bool rows_outer; // all panels of a group are packed, and each tile of rows meets all of them
    bool epilogue;   // a bias is added, and what is below 0 becomes 0
} shape;

enum { A, B, C, BIAS, BUFFERS };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

typedef struct building {
    tt_form *f;
    const shape *s;
    uint32_t group, part, panel, rows, columns; // axes; `part` of k
    int64_t first_k, k, first_row;
    bool accumulate, last;
    bool packed_a; // the tile's rows of a lie in local memory, too
} building;

static int64_t panels_bytes(const shape *s)
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
    tt_form_access c = {.buffer = C, .element = TT_F32};
    c.place.offset = (b->first_row + t) * b->s->n;
    add_if(&c.place, b->rows, b->s->tile * b->s->n);
    add_columns(b, &c.place, 1, true);
    return c;
}

static tt_form_access place_of_b(const building *b, uint32_t k)
{
    tt_form_access x = {.buffer = B, .element = TT_F32};
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
    const shape *s = b->s;
    tt_form_access x = {.buffer = A, .element = TT_F32};
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
    const shape *s = b->s;
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
    const shape *s = b->s;
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
    tt_form_access bias = {.buffer = BIAS, .element = TT_F32};
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
    const shape *s = b->s;
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
    const shape *s = b->s;
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
    const shape *s = b->s;
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

static int64_t turns_of(const shape *s)
{
    return s->depth > 0 ? s->n / (TT_LANES * s->group) : 1;
}

static void build(tt_form *f, const shape *s)
{
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

static const char peak_text[] =
    "void peak(void *const *b, long from, long to, void *local)\n{\n"
    "    float *p = b[0];\n    tt_v x = tt_splat_v(p[0]), y = tt_splat_v(p[1]);\n"
    "#define E(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)\n"
    "#define D(i) tt_v s##i = tt_splat_v(p[i]);\n#define F(i) s##i = tt_fma(x, y, s##i);\n"
    "#define G(i) r += s##i;\n    E(D)\n"
    "    for (long i = from; i < to; i++) {\n        E(F)\n    }\n"
    "    tt_v r = x;\n    E(G)\n    p[0] = r[0];\n}\n";

static tt_compiled *compiled_of(const shape *s, tt_isa isa, const char *compiler, const char *keep)
{
    char *text = NULL, sentence[300] = "";
    size_t length = 0;
    FILE *file = open_memstream(&text, &length);
    tt_text why;
    tt_compiled *compiled = NULL;
    tt_text_init(&why, sentence, sizeof(sentence));
    tt_emit_c_prelude(file, isa);
    if (s == NULL) {
        fputs(peak_text, file);
    } else {
        tt_form form;
        build(&form, s);
        tt_emit_c(file, &form, "product", isa);
        tt_form_free(&form);
    }
    fclose(file);
    if (keep != NULL) {
        FILE *copy = fopen(keep, "w");
        fwrite(text, 1, length, copy);
        fclose(copy);
    }
    tt_compile_options options = {.isa = isa, .compiler = compiler};
    if (tt_compile_c(&options, text, length, &compiled, &why) != TT_OK)
        fprintf(stderr, "%s\n", sentence);
    free(text);
    return compiled;
}

static double rate_of(kernel *run, void *const *buffers, long turns, double operations,
                      double seconds)
{
    double begin = now(), taken;
    unsigned runs = 0, at_once = 1 + (unsigned)(2e7 / operations);
    do {
        for (unsigned i = 0; i < at_once; i++)
            run(buffers, 0, turns, local);
        runs += at_once;
    } while ((taken = now() - begin) < seconds);
    return operations * runs / taken * 1e-9;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static float *numbers(size_t count)
{
    float *made = aligned_alloc(64, (count * sizeof(float) + 127) / 64 * 64);
    for (size_t i = 0; i < count; i++)
        made[i] = (float)((i * 7919) % 1000) * 1e-3f - 0.5f;
    return made;
}

static bool same_bits(const shape *s, kernel *run, void **buffers)
{
    tt_form form;
    char why[200];
    build(&form, s);
    if (!tt_form_sound(&form, why, sizeof(why)))
        fprintf(stderr, "%s\n", why);
    void *scratch = aligned_alloc(TT_FORM_LOCAL_ALIGN, tt_blocks_scratch(&form));
    size_t bytes = (size_t)(s->m * s->n) * sizeof(float);
    float *expected = malloc(bytes), *given = buffers[C];
    buffers[C] = expected;
    memset(expected, 0, bytes);
    memset(given, 0, bytes);
    tt_blocks_run(&form, buffers, 0, turns_of(s), scratch);
    buffers[C] = given;
    run(buffers, 0, turns_of(s), local);
    bool same = memcmp(expected, given, bytes) == 0;
    free(scratch);
    free(expected);
    tt_form_free(&form);
    return same;
}

static void measure(const shape *s, tt_isa isa, const char *compiler, double seconds)
{
    char keep[100];
    snprintf(keep, sizeof(keep), "%s/%s.%s.c", getenv("KEEP") ? getenv("KEEP") : "/tmp", s->name,
             tt_isa_name(isa));
    tt_compiled *made = compiled_of(s, isa, compiler, getenv("KEEP") ? keep : NULL),
                *peak = compiled_of(NULL, isa, compiler, NULL);
    if (made == NULL || peak == NULL)
        return;
    kernel *run = (kernel *)tt_compiled_find(made, "product"),
           *most = (kernel *)tt_compiled_find(peak, "peak");
    void *buffers[BUFFERS] = {numbers((size_t)(s->m * s->k)), numbers((size_t)(s->k * s->n)),
                              numbers((size_t)(s->m * s->n)), numbers((size_t)s->n)};
    float few[16] = {1e-3f, 1e-3f};
    void *one = few;
    double rate[SLICES], full[SLICES];
    if (s->m * s->n * s->k < 4000000 && !same_bits(s, run, buffers))
        printf("%s: not the interpreter's bits\n", s->name);
    unsigned lanes = isa == TT_ISA_AVX512 ? 16 : isa == TT_ISA_AVX2 ? 8 : 4;
    for (unsigned i = 0; i < SLICES; i++) {
        rate[i] = rate_of(run, buffers, turns_of(s), 2.0 * (double)(s->m * s->n * s->k), seconds);
        full[i] = rate_of(most, &one, 100000, 2.0 * 12 * lanes * 100000, seconds / 2);
    }
    qsort(rate, SLICES, sizeof(rate[0]), by_size);
    qsort(full, SLICES, sizeof(full[0]), by_size);
    fflush(stdout);
    printf("bench ai.kernel.%s.%s.%s %.1f gflops (%.0f %% of %.1f)\n", s->name, tt_isa_name(isa),
           compiler, rate[SLICES - 1], 100 * rate[SLICES - 1] / full[SLICES - 1], full[SLICES - 1]);
    for (unsigned b = 0; b < BUFFERS; b++)
        free(buffers[b]);
    tt_compiled_free(made);
    tt_compiled_free(peak);
}

int main(int count, char **words)
{
#define NARROW(m, n, k, tile)                                                                      \
    {                                                                                              \
#tile "x" #n "x" #k, m, n, k, k, 1, n, 1, tile, 0, 0, 0, true                              \
    }
#define PACKED(way, m, n, k, a_row, a_k, b_k, b_column, depth, group, outer)                       \
    {                                                                                              \
#way "." #m "x" #n "x" #k "." #depth "." #group "." #outer, m, n, k, a_row, a_k, b_k,      \
            b_column, 6, depth, group, outer, false                                                \
    }
    static const shape shapes[] = {NARROW(24, 16, 128, 6),
                                   NARROW(24, 64, 256, 6),
                                   NARROW(24, 24, 128, 6),
                                   NARROW(24, 20, 128, 6),
                                   NARROW(24, 8, 128, 6),
                                   NARROW(24, 8, 128, 12),
                                   NARROW(24, 6, 128, 12),
                                   NARROW(24, 10, 128, 6),
#define THREE(d, g, o)                                                                             \
    PACKED(forward, 256, 2304, 768, 768, 1, 1, 768, d, g, o),                                      \
        PACKED(dx, 256, 768, 2304, 2304, 1, 768, 1, d, g, o),                                      \
        PACKED(dw, 2304, 768, 256, 1, 2304, 768, 1, d, g, o)
                                   PACKED(test0, 20, 64, 300, 300, 1, 1, 300, 64, 2, 0),
                                   PACKED(test1, 20, 64, 300, 1, 20, 64, 1, 64, 2, 1),
                                   THREE(768, 1, 0),
                                   THREE(256, 8, 0),
                                   THREE(256, 48, 0),
                                   THREE(256, 8, 1),
                                   THREE(256, 12, 1),
                                   THREE(128, 24, 1),
                                   THREE(256, 4, 1),
                                   THREE(128, 16, 1)};
    static const char *const compilers[] = {"gcc", "clang"};
    double seconds = count > 1 ? atof(words[1]) : 0.1;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        for (unsigned c = 0; c < 2; c++)
            if (count < 3 || strncmp(shapes[i].name, words[2], strlen(words[2])) == 0)
                measure(&shapes[i], count > 3 ? (tt_isa)atoi(words[3]) : tt_isa_here(NULL),
                        compilers[c], seconds);
    return 0;
}
