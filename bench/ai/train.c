// ai.train.*: steps of a training, from u8 pixels to the optimiser's assignments.
// ai.memory.*: the most memory that a process of its own takes for it, its images streamed.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/ai/cases.h"
#include "bench/ai/images.h"
#include "bench/ai/networks.h"

#define CHECK_STEPS 10
#define MEMORY_STEPS 100

static const bench_network *const networks[] = {&bench_lenet5, &bench_resnet8, &bench_fashion};
#define NETWORKS (sizeof(networks) / sizeof(networks[0]))

// Where the next batch lies.
typedef struct feed {
    bench_images images;
    size_t at; // images
    double rate;
} feed;

static void next_batch(void *context, tt_program *program)
{
    feed *f = context;
    tt_program_set(program, "image", f->images.pixels + f->at * f->images.bytes);
    tt_program_set(program, "label", f->images.labels + f->at);
    tt_program_set(program, "rate", &f->rate);
    f->at = (f->at + BENCH_BATCH) % f->images.count;
}

// The first so many of `f`, for the peer and for processes that stream them.
static void write_images(const bench_run *run, const bench_images *images)
{
    FILE *file = fopen(bench_path(run, "images"), "wb");
    if (file == NULL ||
        fwrite(images->pixels, images->bytes, images->count, file) != images->count ||
        fwrite(images->labels, sizeof(int32_t), images->count, file) != images->count ||
        fclose(file) != 0)
        bench_fail("cannot be written: ", bench_path(run, "images"));
}

static void measure_training(const bench_run *run, const bench_network *n,
                             const bench_images *images)
{
    char name[64], detail[4200];
    feed f = {*images, 0, n->rate};
    snprintf(name, sizeof(name), "ai.train.%s", n->name);
    snprintf(detail, sizeof(detail), "%s %zu %g", bench_path(run, "images"), images->count,
             n->rate);
    bench_case c = {.name = name,
                    .unit = "images/s",
                    .peer = "pytorch",
                    .detail = detail,
                    .amount = BENCH_BATCH,
                    .tolerance = 1e-4,
                    .seconds = run->seconds,
                    .next = next_batch,
                    .context = &f,
                    .check_runs = CHECK_STEPS};
    bench_case_load(run, &c, bench_training_graph(n));
    bench_case_measure(run, &c);
}

static void measure_memory(const bench_run *run, const bench_network *n, size_t count)
{
    char answer[BENCH_LINE_BYTES];
    if (run->peer == NULL)
        return;
    printf("bench ai.memory.%s %.1f MB\n", n->name, bench_process(run, "--memory", n->name, count));
    if (bench_peer_ask(run->peer, answer, "memory ai.train.%s %s/data %s/images %zu %g", n->name,
                       run->folder, run->folder, count, n->rate))
        printf("bench ai.memory.%s.pytorch %.1f MB\n", n->name, atof(answer));
    fflush(stdout);
}

void bench_training(const bench_run *run)
{
    for (size_t i = 0; i < NETWORKS; i++) {
        const bench_network *n = networks[i];
        bench_images images;
        char train[64], memory[64], why[512];
        snprintf(train, sizeof(train), "ai.train.%s", n->name);
        snprintf(memory, sizeof(memory), "ai.memory.%s", n->name);
        bool speed = bench_wanted(run, train);
        bool size = bench_wanted(run, memory) && run->threads == 1 && n != &bench_fashion;
        if (!speed && !size)
            continue;
        if (run->peer == NULL)
            bench_images_made_up(&images, (size_t)(n->rows * n->rows * n->channels));
        else if (!(n->photographs ? bench_images_cifar(&images, run->cifar, why, sizeof(why))
                                  : bench_images_fashion(&images, why, sizeof(why)))) {
            printf("bench: ai.train.%s was not measured: %s\n", n->name, why);
            continue;
        }
        write_images(run, &images);
        if (speed)
            measure_training(run, n, &images);
        if (size)
            measure_memory(run, n, images.count);
        bench_images_free(&images);
    }
}

// ---- the process whose memory is looked at

static void read_at(FILE *file, size_t at, void *data, size_t bytes)
{
    if (fseek(file, (long)at, SEEK_SET) != 0 || fread(data, 1, bytes, file) != bytes)
        bench_fail("the images are cut short", "");
}

static double most_memory(void)
{
    char line[256];
    unsigned long kilobytes = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        sscanf(line, "VmHWM: %lu", &kilobytes);
    if (file != NULL)
        fclose(file);
    return (double)kilobytes / 1000 * 1.024;
}

int bench_memory_process(const char *network, const char *folder, size_t count)
{
    bench_run run = {.folder = folder, .threads = 1};
    for (size_t i = 0; i < NETWORKS; i++) {
        const bench_network *n = networks[i];
        if (strcmp(n->name, network) != 0)
            continue;
        feed f = {.rate = n->rate};
        bench_images_made_up(&f.images, (size_t)(n->rows * n->rows * n->channels));
        bench_case c = {.name = n->name, .next = next_batch, .context = &f};
        FILE *file = fopen(bench_path(&run, "images"), "rb");
        if (file == NULL)
            bench_fail("no images in ", folder);
        bench_case_load(&run, &c, bench_training_graph(n));
        for (size_t step = 0; step < MEMORY_STEPS; step++) {
            size_t at = step * BENCH_BATCH % count;
            read_at(file, at * f.images.bytes, f.images.pixels, BENCH_BATCH * f.images.bytes);
            read_at(file, count * f.images.bytes + at * sizeof(int32_t), f.images.labels,
                    BENCH_BATCH * sizeof(int32_t));
            f.at = 0;
            next_batch(&f, c.program);
            if (tt_program_run(c.program, NULL) != TT_OK)
                bench_fail("a step of the training failed: ", network);
        }
        fclose(file);
        printf("%.3f\n", most_memory());
        bench_images_free(&f.images);
        tt_session_free(c.session);
        return 0;
    }
    bench_fail("there is no network ", network);
}
