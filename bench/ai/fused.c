// ai.fused.*: what lies between products, each in a size that stays in cache (.cache: 256x768
// elements) and in one of 100 MB (.100mb: 8192x3072). Nanoseconds an element of x.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/ai/cases.h"
#include "tutti/optimiser.h"

#define CLASSES 50257

typedef struct sizes {
    const char *ending;
    int64_t rows, columns; // of x
    int64_t images;        // of 32x32x16 elements, as many in all
    int64_t words;         // rows of logits, about as many in all
} sizes;

static tt_value row_norm(tt_graph *g, tt_value x, int64_t columns)
{
    int64_t axis = 1;
    tt_value scale = tt_parameter(g, "scale", TT_TYPE(TT_F32, columns));
    tt_value shift = tt_parameter(g, "shift", TT_TYPE(TT_F32, columns));
    tt_value apart = tt_subtract(g, x, tt_mean(g, x, 1, &axis));
    tt_value variance = tt_mean(g, tt_multiply(g, apart, apart), 1, &axis);
    tt_value root = tt_sqrt(g, tt_add(g, variance, tt_number(g, TT_F32, 1e-5)));
    return tt_add(g, tt_multiply(g, tt_divide(g, apart, root), scale), shift);
}

// x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), Hendrycks and Gimpel 2016.
static tt_value gelu_by_tanh(tt_graph *g, tt_value x)
{
    tt_value cube = tt_multiply(g, tt_multiply(g, x, x), x);
    tt_value inner = tt_scale(g, tt_add(g, x, tt_scale(g, cube, 0.044715)), 0.7978845608028654);
    tt_value t = tt_unary(g, TT_OP_TANH, inner);
    return tt_multiply(g, tt_scale(g, x, 0.5), tt_add(g, t, tt_number(g, TT_F32, 1)));
}

static tt_value x_of(tt_graph *g, const char *name, const sizes *s)
{
    return tt_input(g, name, TT_TYPE(TT_F32, s->rows, s->columns));
}

static void ln_gelu(tt_graph *g, const sizes *s)
{
    tt_graph_result(g, "y", gelu_by_tanh(g, row_norm(g, x_of(g, "x", s), s->columns)));
}

static void ln_gelu_erf(tt_graph *g, const sizes *s)
{
    tt_graph_result(g, "y", tt_gelu(g, row_norm(g, x_of(g, "x", s), s->columns)));
}

static void residual_ln(tt_graph *g, const sizes *s)
{
    tt_value x = x_of(g, "x", s), r = x_of(g, "r", s), sum = tt_add(g, x, r);
    tt_graph_result(g, "sum", sum);
    tt_graph_result(g, "y", row_norm(g, sum, s->columns));
}

// Scores of an attention, those behind the mask hidden.
static void mask_softmax(tt_graph *g, const sizes *s)
{
    tt_value x = tt_scale(g, x_of(g, "x", s), 0.125);
    tt_value hidden = tt_input(g, "hidden", TT_TYPE(TT_BOOL, s->rows, s->columns));
    tt_value seen = tt_select(g, hidden, tt_number(g, TT_F32, -INFINITY), x);
    tt_graph_result(g, "y", tt_softmax(g, seen, 1));
}

// Forward and backward.
static void cross_entropy(tt_graph *g, const sizes *s)
{
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, s->words, CLASSES)), gradient = TT_NONE;
    tt_value loss = tt_cross_entropy(g, x, tt_input(g, "label", TT_TYPE(TT_I32, s->words)));
    tt_graph_result(g, "loss", loss);
    tt_graph_gradient(g, loss, 1, &x, &gradient);
    tt_graph_result(g, "gradient", gradient);
}

// With the batch's statistics; channels are 16.
static void bn_relu_add(tt_graph *g, const sizes *s)
{
    int64_t axes[3] = {0, 1, 2};
    tt_type type = TT_TYPE(TT_F32, s->images, 32, 32, 16);
    tt_value x = tt_input(g, "x", type), r = tt_input(g, "r", type);
    tt_value scale = tt_parameter(g, "scale", TT_TYPE(TT_F32, 16));
    tt_value shift = tt_parameter(g, "shift", TT_TYPE(TT_F32, 16));
    tt_value apart = tt_subtract(g, x, tt_mean(g, x, 3, axes));
    tt_value variance = tt_mean(g, tt_multiply(g, apart, apart), 3, axes);
    tt_value root = tt_sqrt(g, tt_add(g, variance, tt_number(g, TT_F32, 1e-5)));
    tt_value y = tt_add(g, tt_multiply(g, apart, tt_divide(g, scale, root)), shift);
    tt_graph_result(g, "y", tt_add(g, tt_relu(g, y), r));
}

static void adamw(tt_graph *g, const sizes *s)
{
    tt_value p = tt_parameter(g, "x", TT_TYPE(TT_F32, s->rows, s->columns));
    tt_value gradient = x_of(g, "gradient", s);
    tt_optimise(g, &TT_ADAMW_DEFAULT, 1, &p, &gradient, NULL,
                tt_input(g, "rate", TT_SCALAR(TT_F64)));
}

static const struct fused {
    const char *name;
    void (*build)(tt_graph *g, const sizes *s);
} all[] = {{"ln_gelu", ln_gelu},
           {"ln_gelu_erf", ln_gelu_erf},
           {"residual_ln", residual_ln},
           {"mask_softmax", mask_softmax},
           {"cross_entropy_50257", cross_entropy},
           {"bn_relu_add", bn_relu_add},
           {"adamw", adamw}};

static void measure(const bench_run *run, const struct fused *f, const sizes *s)
{
    char name[64], detail[128];
    bool words = f->build == cross_entropy;
    int64_t rows = words ? s->words : s->rows, columns = words ? CLASSES : s->columns;
    snprintf(name, sizeof(name), "ai.fused.%s.%s", f->name, s->ending);
    snprintf(detail, sizeof(detail), "%d %d", (int)rows, (int)columns);
    bench_case c = {.name = name,
                    .unit = "ns_per_element",
                    .peer = "pytorch",
                    .detail = detail,
                    .amount = (double)(rows * columns),
                    .tolerance = 1e-4,
                    .seconds = run->seconds / 5,
                    .inverse = true,
                    .state = f->build == adamw ? "x" : NULL,
                    .classes = CLASSES};
    if (!bench_wanted(run, name))
        return;
    tt_graph *g = tt_graph_new();
    f->build(g, s);
    bench_case_load(run, &c, g);
    bench_case_measure(run, &c);
}

// What memory gives: bytes read and written a second by memcpy.
static void measure_copy(const bench_run *run)
{
    static const size_t bytes = (size_t)8192 * 3072 * 4;
    double best = 0;
    if (run->peer == NULL || !bench_wanted(run, "ai.copy.100mb"))
        return;
    uint8_t *from = calloc(bytes, 1), *to = calloc(bytes, 1);
    if (from == NULL || to == NULL)
        bench_fail("no memory for ", "ai.copy");
    memset(from, 1, bytes); // so that it has pages of its own
    for (int i = 0; i <= BENCH_SLICES; i++) {
        double begin = bench_now();
        memcpy(to, from, bytes);
        best = fmax(best, 2 * (double)bytes / (bench_now() - begin));
    }
    if (to[bytes - 1] != 1)
        bench_fail("memcpy did not copy", "");
    printf("bench ai.copy.100mb %.2f GB/s\n", best / 1e9);
    free(from);
    free(to);
}

void bench_fused(const bench_run *run)
{
    static const sizes both[] = {{"cache", 256, 768, 12, 4}, {"100mb", 8192, 3072, 1536, 500}};
    for (unsigned size = 0; size < (run->peer == NULL ? 1 : 2); size++)
        for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
            measure(run, &all[i], &both[size]);
    measure_copy(run);
}
