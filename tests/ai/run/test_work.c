// What programs do, counted: how their products are cut, what is kept in local memory, what is one
// form and what is apart changes no number, so only this sees a worse choice. The counts are those
// of a run with every loop at its full length; they repeat on every machine, and lie in work.txt.
//
// usage: test_work FILE [write]. A change that is meant is written anew, and read in the diff.

#include <string.h>

#include "bench/ai/networks.h"
#include "tests/ai/run/fused_graph.h"
#include "tests/ai/run/product_graph.h"
#include "tests/ai/run/run_both.h"

#define DEPTH_MAX 64 // of loops

typedef struct work {
    uint64_t steps, forms, turns, local_bytes, arena_bytes;
    uint64_t loads, stores, sums, others; // instructions; of sums: FMA
} work;

// Instructions of a form, times the turns of the loops around them.
static void count_form(const tt_form *form, work *w)
{
    uint64_t times[DEPTH_MAX + 1] = {1};
    unsigned depth = 0;
    for (uint32_t i = 0; i < form->length; i++) {
        const tt_instruction *at = &form->code[i];
        if (at->op == TT_FORM_LOOP) {
            const tt_form_axis *axis = &form->axis[at->a];
            uint64_t count = (uint64_t)(axis->end - axis->first);
            REQUIRE(depth < DEPTH_MAX);
            times[depth + 1] =
                times[depth] * (axis->lanes ? (count + TT_LANES - 1) / TT_LANES : count);
            depth++;
        } else if (at->op == TT_FORM_END) {
            depth--;
        } else if (at->op == TT_FORM_LOAD) {
            w->loads += times[depth];
        } else if (at->op == TT_FORM_STORE) {
            w->stores += times[depth];
        } else if (at->op == TT_FORM_FMA) {
            w->sums += times[depth];
        } else {
            w->others += times[depth];
        }
    }
}

static void count_program(const tt_program *program, work *w)
{
    w->steps += program->step_count;
    w->arena_bytes += program->arena_bytes;
    for (uint32_t i = 0; i < program->step_count; i++) {
        const tt_fused *fused = program->steps[i].fused;
        if (fused == NULL)
            continue;
        EXPECT(fused->cost > 0); // what costs nothing is no work for several threads
        w->forms++;
        w->turns += (uint64_t)fused->turns;
        w->local_bytes += fused->form.local_bytes;
        count_form(&fused->form, w);
    }
}

// A graph's program, cut for narrow registers or for wide ones.
static void count_graph(const tt_graph *graph, bool wide, work *w)
{
    tt_session *session;
    REQUIRE(tt_session_new(&(tt_session_options){.threads = 1, .way = TT_RUN_INTERPRETED}, &session,
                           NULL) == TT_OK);
    session->wide = wide;
    session->unchained = false;
    count_program(load(session, graph), w);
    tt_session_free(session);
}

typedef struct listing {
    FILE *known, *made; // one of them
    unsigned lines;
} listing;

static void list(listing *l, const char *name, const work *w)
{
    char line[300], expected[300] = "";
    snprintf(line, sizeof(line),
             "%s: %llu steps, %llu forms, %llu turns, %llu loads, %llu stores, %llu sums, "
             "%llu others, %llu local, %llu arena\n",
             name, (unsigned long long)w->steps, (unsigned long long)w->forms,
             (unsigned long long)w->turns, (unsigned long long)w->loads,
             (unsigned long long)w->stores, (unsigned long long)w->sums,
             (unsigned long long)w->others, (unsigned long long)w->local_bytes,
             (unsigned long long)w->arena_bytes);
    l->lines++;
    if (l->made != NULL) {
        fputs(line, l->made);
        return;
    }
    if (fgets(expected, sizeof(expected), l->known) == NULL)
        expected[0] = 0;
    EXPECT_TEXT(line, expected);
}

static void list_network(listing *l, const bench_network *network)
{
    for (unsigned i = 0; i < 4; i++) {
        char name[60];
        bool wide = i % 2 == 1, inference = i >= 2;
        tt_graph *graph =
            inference ? bench_inference_graph(network) : bench_training_graph(network);
        work w = {0};
        count_graph(graph, wide, &w);
        snprintf(name, sizeof(name), "%s %s%s", network->name, inference ? "inference" : "training",
                 wide ? " wide" : "");
        list(l, name, &w);
        tt_graph_free(graph);
    }
}

// A layer's product and its gradients, of all the ways that one is walked.
static void list_product(listing *l, int64_t m, int64_t n, int64_t k)
{
    for (unsigned i = 0; i < 6; i++) {
        static const char *const ways[] = {"", " dw", " dx"};
        int64_t order[2] = {1, 0};
        char name[60];
        work made = {0};
        tt_graph *g = tt_graph_new();
        tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, m, k));
        tt_value w = tt_input(g, "w", TT_TYPE(TT_F32, n, k));
        tt_value y = tt_input(g, "y", TT_TYPE(TT_F32, m, n));
        tt_graph_result(g, "product",
                        i / 2 == 0   ? tt_matmul(g, x, tt_transpose(g, w, order))
                        : i / 2 == 1 ? tt_matmul(g, tt_transpose(g, y, order), x)
                                     : tt_matmul(g, y, w));
        count_graph(g, i % 2 == 1, &made);
        snprintf(name, sizeof(name), "product %dx%dx%d%s%s", (int)m, (int)n, (int)k, ways[i / 2],
                 i % 2 == 1 ? " wide" : "");
        list(l, name, &made);
        tt_graph_free(g);
    }
}

static void list_random(listing *l)
{
    static const char *const kinds[PRODUCT_KINDS] = {"convolution", "matmul", "pool", "network",
                                                     "blocks"};
    char name[60];
    for (unsigned kind = 0; kind < PRODUCT_KINDS; kind++)
        for (uint64_t seed = 0; seed < 12; seed++) {
            tt_graph *graph = product_graph(seed, (product_kind)kind, 1 << 16);
            work w = {0};
            count_graph(graph, seed % 3 == 2, &w);
            snprintf(name, sizeof(name), "%s %u", kinds[kind], (unsigned)seed);
            list(l, name, &w);
            tt_graph_free(graph);
        }
    for (uint64_t seed = 0; seed < 60; seed++) {
        tt_graph *graph = fused_graph(seed, (unsigned)(seed % 8));
        work w = {0};
        count_graph(graph, false, &w);
        snprintf(name, sizeof(name), "fused %u", (unsigned)seed);
        list(l, name, &w);
        tt_graph_free(graph);
    }
}

int main(int argc, char **argv)
{
    listing l = {0};
    REQUIRE(argc >= 2);
    if (argc > 2 && strcmp(argv[2], "write") == 0)
        l.made = fopen(argv[1], "w");
    else
        l.known = fopen(argv[1], "r");
    REQUIRE(l.made != NULL || l.known != NULL);
    list_network(&l, &bench_lenet5);
    list_network(&l, &bench_resnet8);
    list_network(&l, &bench_fashion);
    list_product(&l, 64, 120, 400);
    list_product(&l, 1, 64, 256);
    list_product(&l, 256, 776, 200);
    list_product(&l, 48, 50, 1500);
    list_product(&l, 600, 40, 2000);
    list_random(&l);
    if (l.known != NULL) {
        EXPECT(fgetc(l.known) == EOF); // nothing is left that is not tried
        if (test_failures != 0)
            printf("what programs do has changed: if it is meant, run %s %s write\n", argv[0],
                   argv[1]);
        fclose(l.known);
    } else {
        fclose(l.made);
    }
    return test_result();
}
