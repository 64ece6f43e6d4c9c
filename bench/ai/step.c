// Steps of the demonstration's training, without the data set's part: forward, backward, optimiser.
//
//     bench_step [THREADS [SECONDS]]
//
// The best of fifty slices of that time, so that little of what else the machine does is in it.

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "ai/train/training.h"
#include "tutti/random.h"

#define BATCH 64
#define SLICES 50

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void end(const char *what)
{
    fprintf(stderr, "bench_step: %s\n", what);
    exit(1);
}

// Random pixels and labels.
static void fill(tt_training *t)
{
    tt_random random;
    tt_random_seed(&random, 1);
    for (size_t i = 0; i < (size_t)BATCH * 28 * 28; i++)
        t->images[i] = (float)tt_random_below(&random, 256) / 255;
    for (size_t i = 0; i < BATCH; i++)
        t->labels[i] = (int32_t)tt_random_below(&random, 10);
    t->rate = 0.01;
}

int main(int count, char **arguments)
{
    unsigned threads = count > 1 ? (unsigned)atoi(arguments[1]) : 1;
    double seconds = count > 2 ? atof(arguments[2]) : 5, best = 0;
    char sentence[256] = "", name[32] = "";
    tt_text why;
    tt_training *t;
    tt_train_options options = {.epochs = 1,
                                .batch = BATCH,
                                .threads = threads,
                                .learning_rate = 0.01,
                                .optimiser = TT_SGD_DEFAULT};
    tt_text_init(&why, sentence, sizeof(sentence));
    if (tt_training_new(&options, &t, &why) != TT_OK)
        end(sentence);
    fill(t);
    for (int slice = 0; slice <= SLICES; slice++) { // the first warms up
        double begin = now(), taken = 0;
        unsigned steps = 0;
        do {
            if (tt_program_run(t->program, &why) != TT_OK)
                end(sentence);
            steps++;
        } while ((taken = now() - begin) < seconds / (SLICES + 1));
        if (slice > 0 && steps * BATCH / taken > best)
            best = steps * BATCH / taken;
    }
    if (threads != 1)
        snprintf(name, sizeof(name), ".threads%u", threads);
    printf("bench ai.step%s %.0f images/s\n", name, best);
    tt_training_free(t);
    return 0;
}
