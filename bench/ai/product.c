// ai.product.f32.MxNxK: a layer's product y = x w', x of M rows and K columns, w of N rows; and its
// two others, of the weights' gradient (_dw: y' x) and of the input's (_dx: y w).

#include <stdio.h>

#include "bench/ai/cases.h"

typedef struct sizes {
    int64_t m, n, k;
} sizes;

typedef struct direction {
    const char *ending;
    tt_value (*build)(tt_graph *g, sizes s);
} direction;

static tt_value turned(tt_graph *g, tt_value a)
{
    return tt_transpose(g, a, (int64_t[]){1, 0});
}

static tt_value forward(tt_graph *g, sizes s)
{
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, s.m, s.k));
    return tt_matmul(g, x, turned(g, tt_parameter(g, "w", TT_TYPE(TT_F32, s.n, s.k))));
}

static tt_value of_weights(tt_graph *g, sizes s)
{
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, s.m, s.k));
    return tt_matmul(g, turned(g, tt_input(g, "y", TT_TYPE(TT_F32, s.m, s.n))), x);
}

static tt_value of_input(tt_graph *g, sizes s)
{
    tt_value y = tt_input(g, "y", TT_TYPE(TT_F32, s.m, s.n));
    return tt_matmul(g, y, tt_parameter(g, "w", TT_TYPE(TT_F32, s.n, s.k)));
}

static void measure(const bench_run *run, sizes s, const direction *d)
{
    char name[64], detail[64];
    snprintf(name, sizeof(name), "ai.product.f32.%dx%dx%d%s", (int)s.m, (int)s.n, (int)s.k,
             d->ending);
    snprintf(detail, sizeof(detail), "%d %d %d", (int)s.m, (int)s.n, (int)s.k);
    bench_case c = {.name = name,
                    .unit = "gflops",
                    .peer = "pytorch",
                    .detail = detail,
                    .amount = 2e-9 * (double)(s.m * s.n * s.k),
                    .tolerance = 1e-4,
                    .seconds = run->seconds / 5};
    if (!bench_wanted(run, name))
        return;
    tt_graph *g = tt_graph_new();
    tt_graph_result(g, "product", d->build(g, s));
    bench_case_load(run, &c, g);
    bench_case_measure(run, &c);
}

void bench_products(const bench_run *run)
{
    static const direction directions[] = {{"", forward}, {"_dw", of_weights}, {"_dx", of_input}};
    static const sizes all[] = {
        {256, 768, 768}, {256, 2304, 768}, {256, 3072, 768}, {256, 768, 3072}, {256, 50257, 768}};
    unsigned count = run->peer == NULL ? 1 : sizeof(all) / sizeof(all[0]);
    for (unsigned i = 0; i < count; i++)
        for (unsigned d = 0; d < 3; d++)
            measure(run, all[i], &directions[d]);
}
