// ai.kernel.*: forms of products and convolutions by hand, printed to C for this machine by each
// compiler, beside the most that independent FMAs reach here:
//
//     bench_forms [SECONDS [NAME [ISA [FOLDER]]]]
//
// A slice takes SECONDS of the thread's time (0.05), and the best of several counts, since other
// load only takes away; NAME is the beginning of a form's name, ISA one of plain, sse2, avx2,
// avx512; the printed C is left in FOLDER. Those that take less than a second to interpret are
// first seen to give the interpreter's bits.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ai/run/blocks.h"
#include "ai/run/compile.h"
#include "bench/ai/forms.h"

#define SLICES 9
#define PEAK_TURNS 100000
#define PEAK_SUMS 12

typedef void kernel(void *const *buffers, long from, long to, void *local);

static _Alignas(TT_FORM_LOCAL_ALIGN) char local[TT_FORM_LOCAL_MAX];

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static const char peak_text[] =
    "void peak(void *const *b, long from, long to, void *local)\n{\n"
    "    float *p = b[0];\n    tt_v x = tt_splat_v(p[0]), y = tt_splat_v(p[1]);\n"
    "#define E(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)\n"
    "#define D(i) tt_v s##i = tt_splat_v(p[i]);\n#define F(i) s##i = tt_fma(x, y, s##i);\n"
    "#define G(i) r += s##i;\n    E(D)\n"
    "    for (long i = from; i < to; i++) {\n        E(F)\n    }\n"
    "    tt_v r = x;\n    E(G)\n    p[0] = r[0];\n}\n";

static kernel *compiled_of(tt_compiled **made, const tt_form *form, tt_isa isa,
                           const char *compiler, const char *path)
{
    char *text = NULL, sentence[300] = "";
    size_t length = 0;
    FILE *file = open_memstream(&text, &length);
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    tt_emit_c_prelude(file, isa);
    if (form == NULL)
        fputs(peak_text, file);
    else
        tt_emit_c(file, form, "product", isa);
    fclose(file);
    FILE *copy = path != NULL ? fopen(path, "w") : NULL;
    if (copy != NULL) {
        fwrite(text, 1, length, copy);
        fclose(copy);
    }
    tt_compile_options options = {.isa = isa, .compiler = compiler};
    if (tt_compile_c(&options, text, length, made, &why) != TT_OK)
        fprintf(stderr, "%s\n", sentence);
    free(text);
    return *made == NULL ? NULL
                         : (kernel *)tt_compiled_find(*made, form == NULL ? "peak" : "product");
}

// 1e9 operations a second.
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

static float *numbers(int64_t count)
{
    float *made = aligned_alloc(64, ((size_t)count * sizeof(float) + 127) / 64 * 64);
    for (int64_t i = 0; made != NULL && i < count; i++)
        made[i] = (float)((i * 7919) % 1000) * 1e-3f - 0.5f;
    return made;
}

static bool same_bits(const bench_form *b, kernel *run, void **buffers)
{
    size_t bytes = (size_t)b->elements[BENCH_C] * sizeof(float);
    void *scratch = aligned_alloc(TT_FORM_LOCAL_ALIGN, tt_blocks_scratch(&b->form));
    float *expected = malloc(bytes), *given = buffers[BENCH_C];
    bool same = scratch != NULL && expected != NULL;
    if (same) {
        memset(expected, 0, bytes);
        memset(given, 0, bytes);
        buffers[BENCH_C] = expected;
        tt_blocks_run(&b->form, buffers, 0, b->turns, scratch);
        buffers[BENCH_C] = given;
        run(buffers, 0, b->turns, local);
        same = memcmp(expected, given, bytes) == 0;
    }
    free(scratch);
    free(expected);
    return same;
}

static void measure_both(const bench_form *b, const char *name, tt_isa isa, const char *compiler,
                         double seconds, kernel *run, kernel *most, void **buffers)
{
    char why[200] = "";
    float few[PEAK_SUMS] = {1e-3f, 1e-3f};
    void *one = few;
    double rate = 0, full = 0, lanes = isa == TT_ISA_AVX512 ? 16 : isa == TT_ISA_AVX2 ? 8 : 4;
    if (!tt_form_sound(&b->form, why, sizeof(why)) ||
        (b->operations < 1e8 && !same_bits(b, run, buffers))) {
        fprintf(stderr, "%s by %s: not the interpreter's bits %s\n", name, compiler, why);
        exit(1);
    }
    for (unsigned i = 0; i < SLICES; i++) {
        double r = rate_of(run, buffers, (long)b->turns, b->operations, seconds);
        double f =
            rate_of(most, &one, PEAK_TURNS, 2.0 * PEAK_SUMS * lanes * PEAK_TURNS, seconds / 2);
        rate = r > rate ? r : rate;
        full = f > full ? f : full;
    }
    printf("bench ai.kernel.%s.%s.%s %.1f gflops\n", name, tt_isa_name(isa), compiler, rate);
    printf("  %.0f %% of %.1f\n", 100 * rate / full, full);
    fflush(stdout);
}

// Nothing where there is no such compiler.
static void measure_by(const bench_form *b, const char *name, tt_isa isa, const char *compiler,
                       double seconds, const char *folder)
{
    char path[300];
    tt_compiled *made = NULL, *peak = NULL;
    snprintf(path, sizeof(path), "%s/%s.%s.c", folder, name, tt_isa_name(isa));
    kernel *run = compiled_of(&made, &b->form, isa, compiler, *folder != 0 ? path : NULL),
           *most = compiled_of(&peak, NULL, isa, compiler, NULL);
    void *buffers[BENCH_BUFFERS];
    for (unsigned i = 0; i < BENCH_BUFFERS; i++)
        buffers[i] = numbers(b->elements[i]);
    if (run != NULL && most != NULL)
        measure_both(b, name, isa, compiler, seconds, run, most, buffers);
    for (unsigned i = 0; i < BENCH_BUFFERS; i++)
        free(buffers[i]);
    tt_compiled_free(made);
    tt_compiled_free(peak);
}

// y = x w + bias of images or tokens; with PACKED a layer's product and its two others.
#define NARROW(m, n, k, tile)                                                                      \
    {                                                                                              \
        "product." #m "x" #n "x" #k, m, n, k, k, 1, n, 1, tile, 0, 0, 0, true                      \
    }
#define PACKED(way, m, n, k, a_row, a_k, b_k, b_column, depth, group, outer)                       \
    {                                                                                              \
#way "." #m "x" #n "x" #k "." #depth "x" #group "." #outer, m, n, k, a_row, a_k, b_k,      \
            b_column, 6, depth, group, outer, false                                                \
    }
#define LAYER(m, n, k, depth, group, outer)                                                        \
    PACKED(forward, m, n, k, k, 1, 1, k, depth, group, outer),                                     \
        PACKED(dx, m, k, n, n, 1, k, 1, depth, group, outer),                                      \
        PACKED(dw, n, k, m, 1, n, k, 1, depth, group, outer)
static const bench_product products[] = {
    NARROW(24, 16, 128, 6),           NARROW(24, 64, 256, 6),
    NARROW(24, 24, 128, 6),           NARROW(24, 20, 128, 6),
    NARROW(24, 8, 128, 12),           NARROW(24, 6, 128, 12),
    NARROW(24, 10, 128, 6),           LAYER(20, 320, 192, 64, 2, 0),
    LAYER(20, 320, 192, 64, 2, 1),    LAYER(256, 2304, 768, 768, 1, 0),
    LAYER(256, 2304, 768, 256, 8, 1), LAYER(256, 2304, 768, 256, 12, 1),
};
#define CONV(size, taps, in, out, tile, unrolled)                                                  \
    {                                                                                              \
        "conv." #size "." #taps "x" #taps "." #in "." #out ".tile" #tile "." #unrolled, size,      \
            taps, in, out, tile, unrolled                                                          \
    }
static const bench_conv convs[] = {
    CONV(24, 5, 1, 6, 12, 0),  CONV(24, 5, 1, 6, 12, 1),  CONV(24, 5, 1, 6, 8, 1),
    CONV(8, 5, 6, 16, 4, 0),   CONV(8, 5, 6, 16, 6, 0),   CONV(8, 5, 6, 16, 4, 1),
    CONV(32, 3, 16, 16, 6, 0), CONV(32, 3, 16, 16, 4, 0), CONV(32, 3, 3, 16, 6, 0),
    CONV(32, 3, 3, 16, 6, 1),  CONV(16, 3, 32, 32, 6, 0), CONV(8, 3, 64, 64, 4, 0),
};
#define COUNT(array) (sizeof(array) / sizeof(array[0]))

int main(int count, char **words)
{
    static const char *const compilers[] = {"gcc", "clang"};
    double seconds = count > 1 ? atof(words[1]) : 0.05;
    tt_isa isa = tt_isa_here(NULL);
    for (tt_isa each = TT_ISA_PLAIN; count > 3 && each <= TT_ISA_AVX512; each++)
        if (strcmp(words[3], tt_isa_name(each)) == 0)
            isa = each;
    for (size_t i = 0; i < COUNT(products) + COUNT(convs); i++) {
        const bench_conv *conv = &convs[i - (i < COUNT(products) ? i : COUNT(products))];
        const char *name = i < COUNT(products) ? products[i].name : conv->name;
        if (count > 2 && strncmp(name, words[2], strlen(words[2])) != 0)
            continue;
        bench_form b;
        if (i < COUNT(products))
            bench_product_form(&b, &products[i]);
        else
            bench_conv_form(&b, conv);
        for (unsigned c = 0; c < COUNT(compilers); c++)
            measure_by(&b, name, isa, compilers[c], seconds, count > 4 ? words[4] : "");
        tt_form_free(&b.form);
    }
    return 0;
}
