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

#define SLICES 7

typedef void kernel(void *const *buffers, long from, long to);

// c (m, n) of a (m, k), b (k, n), `tile` rows at once.
typedef struct shape {
    const char *name;
    int64_t m, n, k;
    unsigned tile;
    bool epilogue; // a bias is added, and what is below 0 becomes 0
} shape;

enum { A, B, C, BIAS, BUFFERS };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static tt_form_access access_of(uint16_t buffer, int64_t offset)
{
    return (tt_form_access){.buffer = buffer, .element = TT_F32, .place.offset = offset};
}

// Rows `tile` at once from row axis `rows` (of tiles) on.
static void tile_of(tt_form *f, const shape *s, uint32_t rows, int64_t first, unsigned tile)
{
    tt_register sum[16];
    uint32_t columns = tt_form_loop(f, &(tt_form_axis){.end = s->n, .lanes = true});
    for (unsigned t = 0; t < tile; t++)
        sum[t] = tt_form_start(f, tt_form_number(f, 0), false);
    uint32_t k = tt_form_loop(f, &(tt_form_axis){.end = s->k});
    tt_form_access w = access_of(B, 0);
    tt_affine_add(&w.place, k, s->n);
    tt_affine_add(&w.place, columns, 1);
    tt_register weight = tt_form_load(f, &w, TT_NO_REGISTER, TT_NO_REGISTER);
    for (unsigned t = 0; t < tile; t++) {
        tt_form_access x = access_of(A, (first + t) * s->k);
        if (rows != TT_NO_REGISTER)
            tt_affine_add(&x.place, rows, s->tile * s->k);
        tt_affine_add(&x.place, k, 1);
        tt_register number = tt_form_load(f, &x, TT_NO_REGISTER, TT_NO_REGISTER);
        tt_form_set(f, sum[t], tt_form_make(f, TT_FORM_FMA, number, weight, sum[t]));
    }
    tt_form_end(f);
    tt_form_access bias = access_of(BIAS, 0);
    tt_affine_add(&bias.place, columns, 1);
    tt_register more = s->epilogue ? tt_form_load(f, &bias, TT_NO_REGISTER, TT_NO_REGISTER) : 0;
    tt_register zero = tt_form_number(f, 0);
    for (unsigned t = 0; t < tile; t++) {
        tt_form_access y = access_of(C, (first + t) * s->n);
        if (rows != TT_NO_REGISTER)
            tt_affine_add(&y.place, rows, s->tile * s->n);
        tt_affine_add(&y.place, columns, 1);
        tt_register value = sum[t];
        if (s->epilogue) {
            value = tt_form_2(f, TT_FORM_ADD, value, more);
            tt_register less = tt_form_2(f, TT_FORM_LESS, value, zero);
            value = tt_form_make(f, TT_FORM_SELECT, less, zero, value);
        }
        tt_form_store(f, &y, value);
    }
    tt_form_end(f);
}

static void build(tt_form *f, const shape *s)
{
    tt_form_begin(f);
    f->split = true;
    uint32_t rows = tt_form_loop(f, &(tt_form_axis){.end = s->m / s->tile});
    tile_of(f, s, rows, 0, s->tile);
    tt_form_end(f);
}

static const char peak_text[] =
    "void peak(void *const *b, long from, long to)\n{\n"
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
            run(buffers, 0, turns);
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
    void *scratch = malloc(tt_blocks_scratch(&form));
    size_t bytes = (size_t)(s->m * s->n) * sizeof(float);
    float *expected = malloc(bytes), *given = buffers[C];
    buffers[C] = expected;
    memset(expected, 0, bytes);
    memset(given, 0, bytes);
    tt_blocks_run(&form, buffers, 0, s->m / s->tile, scratch);
    buffers[C] = given;
    run(buffers, 0, s->m / s->tile);
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
    if (!same_bits(s, run, buffers))
        printf("%s: not the interpreter's bits\n", s->name);
    unsigned lanes = isa == TT_ISA_AVX512 ? 16 : isa == TT_ISA_AVX2 ? 8 : 4;
    for (unsigned i = 0; i < SLICES; i++) {
        rate[i] =
            rate_of(run, buffers, s->m / s->tile, 2.0 * (double)(s->m * s->n * s->k), seconds);
        full[i] = rate_of(most, &one, 100000, 2.0 * 12 * lanes * 100000, seconds / 2);
    }
    qsort(rate, SLICES, sizeof(rate[0]), by_size);
    qsort(full, SLICES, sizeof(full[0]), by_size);
    printf("bench ai.kernel.%s.%s.%s %.1f gflops (%.0f %% of %.1f)\n", s->name, tt_isa_name(isa),
           compiler, rate[SLICES / 2], 100 * rate[SLICES / 2] / full[SLICES / 2], full[SLICES / 2]);
    for (unsigned b = 0; b < BUFFERS; b++)
        free(buffers[b]);
    tt_compiled_free(made);
    tt_compiled_free(peak);
}

int main(int count, char **words)
{
    static const shape shapes[] = {
        {"6x16x128", 24, 16, 128, 6, false}, {"6x64x256", 96, 64, 256, 6, true},
        {"6x24x128", 24, 24, 128, 6, true},  {"6x20x128", 96, 20, 128, 6, true},
        {"6x8x128", 24, 8, 128, 6, true},    {"12x8x128", 96, 8, 128, 12, true},
        {"12x6x128", 24, 6, 128, 12, true},  {"12x6x132", 24, 6, 132, 12, true},
        {"12x6x140", 24, 6, 140, 12, true},  {"12x8x132", 24, 8, 132, 12, true},
        {"6x6x128", 96, 6, 128, 6, true},    {"4x16x128", 24, 16, 128, 4, true},
        {"6x10x128", 96, 10, 128, 6, true},
    };
    static const char *const compilers[] = {"gcc", "clang"};
    double seconds = count > 1 ? atof(words[1]) : 0.1;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        for (unsigned c = 0; c < 2; c++)
            if (count < 3 || strncmp(shapes[i].name, words[2], strlen(words[2])) == 0)
                measure(&shapes[i], count > 3 ? (tt_isa)atoi(words[3]) : tt_isa_here(NULL),
                        compilers[c], seconds);
    return 0;
}
