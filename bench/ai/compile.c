// ai.compile_time.*: from a training's graph to its first step done by compiled code, where nothing
// is in the cache yet, in seconds; ai.cached_time.*: where all of it is, in milliseconds, and
// without what a step takes. Each in a process of its own, the median of some; the cache is a
// folder of this program's.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/ai/cases.h"
#include "bench/ai/networks.h"
#include "tutti/profile.h"

#define COLD 3
#define WARM 9

static const bench_network *const networks[] = {&bench_lenet5, &bench_resnet8};
#define NETWORKS (sizeof(networks) / sizeof(networks[0]))

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Seconds, of so many processes; before each all that was compiled goes, if it is to be cold.
static double median_of(const bench_run *run, const bench_network *n, unsigned count, bool cold)
{
    double seconds[WARM];
    char cache[4096];
    snprintf(cache, sizeof(cache), "%s", bench_path(run, "cache"));
    for (unsigned i = 0; i < count; i++) {
        if (cold)
            bench_remove(cache);
        mkdir(cache, 0700);
        seconds[i] = bench_process(run, cold ? "--compile" : "--cached", n->name, run->threads);
    }
    qsort(seconds, count, sizeof(seconds[0]), by_size);
    return seconds[count / 2];
}

static void measure(const bench_run *run, const bench_network *n, bool cold_wanted,
                    bool cached_wanted)
{
    char answer[BENCH_LINE_BYTES], cache[4096];
    double cold = median_of(run, n, COLD, true), warm = median_of(run, n, WARM, false);
    snprintf(cache, sizeof(cache), "%s", bench_path(run, "cache"));
    if (cold_wanted) {
        printf("bench ai.compile_time.%s %.3f s\n", n->name, cold);
        if (bench_peer_ask(run->peer, answer, "first ai.train.%s", n->name))
            printf("bench ai.compile_time.%s.pytorch %.3f s\n", n->name, atof(answer));
        else
            printf("bench: ai.compile_time.%s.pytorch was not measured: %s\n", n->name, answer);
    }
    if (cached_wanted)
        printf("bench ai.cached_time.%s %.1f ms\n", n->name, warm * 1e3);
    fflush(stdout);
    bench_remove(cache);
}

void bench_compiling(const bench_run *run)
{
    for (size_t i = 0; run->peer != NULL && i < NETWORKS; i++) {
        char compile[64], cached[64];
        snprintf(compile, sizeof(compile), "ai.compile_time.%s", networks[i]->name);
        snprintf(cached, sizeof(cached), "ai.cached_time.%s", networks[i]->name);
        if (bench_wanted(run, compile) || bench_wanted(run, cached))
            measure(run, networks[i], bench_wanted(run, compile), bench_wanted(run, cached));
    }
}

// ---- the process that is timed

static void run_step(tt_program *program)
{
    if (tt_program_run(program, NULL) != TT_OK)
        bench_fail("a step of the training failed", "");
}

static void expect_compiled(const tt_program *program)
{
    for (uint32_t step = 0; step < tt_program_steps(program); step++) {
        tt_step_about about;
        if (tt_program_step(program, step, &about) != TT_OK ||
            (strcmp(about.kind, "form") == 0 && !about.compiled))
            bench_fail("a form was not compiled", "");
        free(about.nodes);
    }
}

int bench_compile_process(const char *network, const char *folder, unsigned threads, bool cached)
{
    bench_run run = {.folder = folder, .threads = threads};
    setenv("XDG_CACHE_HOME", bench_path(&run, "cache"), 1);
    for (size_t i = 0; i < NETWORKS; i++) {
        const bench_network *n = networks[i];
        if (strcmp(n->name, network) != 0)
            continue;
        tt_session *session;
        tt_program *program;
        double rate = n->rate;
        size_t bytes = (size_t)(BENCH_BATCH * n->rows * n->rows * n->channels);
        uint8_t *pixels = calloc(bytes, 1);
        int32_t labels[BENCH_BATCH] = {0};
        double begin = bench_now();
        tt_graph *graph = bench_training_graph(n);
        if (pixels == NULL ||
            tt_session_new(&(tt_session_options){.threads = threads, .way = TT_RUN_COMPILED},
                           &session, NULL) != TT_OK ||
            tt_session_load(session, graph, &program, NULL) != TT_OK)
            bench_fail("cannot be made ready: ", network);
        tt_program_set(program, "image", pixels);
        tt_program_set(program, "label", labels);
        tt_program_set(program, "rate", &rate);
        run_step(program);
        double first = bench_now();
        run_step(program);
        double step = bench_now() - first;
        expect_compiled(program);
        printf("%.6f\n", first - begin - (cached ? step : 0));
        tt_session_free(session);
        tt_graph_free(graph);
        free(pixels);
        return 0;
    }
    bench_fail("there is no network ", network);
}
