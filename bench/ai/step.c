// Images a second of one step of the demonstration's training, by the core alone: forward, backward
// and the optimiser, without the data set's part.
//
// usage: bench_step [THREADS [SECONDS]]; prints `bench ai.step N images/s`, the best of fifty
// slices.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tutti/optimiser.h"
#include "tutti/random.h"
#include "tutti/session.h"

#define BATCH 64
#define SLICES 50

typedef struct network {
    tt_graph *graph;
    tt_value parameter[16];
    unsigned parameters;
} network;

static tt_value parameter(network *n, const char *layer, const char *what, tt_type type)
{
    char name[64];
    snprintf(name, sizeof(name), "%s.%s", layer, what);
    return n->parameter[n->parameters++] = tt_parameter(n->graph, name, type);
}

static tt_value conv(network *n, const char *name, tt_value x, int64_t out)
{
    int64_t in = tt_graph_type(n->graph, x)->size[3], one[2] = {1, 1};
    tt_value w = parameter(n, name, "weights", TT_TYPE(TT_F32, out, 3, 3, in));
    tt_value b = parameter(n, name, "bias", TT_TYPE(TT_F32, out));
    tt_windows same = {.before = one, .after = one};
    return tt_relu(n->graph, tt_add(n->graph, tt_conv(n->graph, x, w, &same, 1), b));
}

static tt_value dense(network *n, const char *name, tt_value x, int64_t out)
{
    int64_t in = tt_graph_type(n->graph, x)->size[1];
    tt_value w = parameter(n, name, "weights", TT_TYPE(TT_F32, out, in));
    tt_value b = parameter(n, name, "bias", TT_TYPE(TT_F32, out));
    return tt_add(n->graph, tt_matmul(n->graph, x, tt_transpose(n->graph, w, (int64_t[]){1, 0})),
                  b);
}

static tt_value halved(network *n, tt_value x)
{
    int64_t two[2] = {2, 2};
    return tt_pool_greatest(n->graph, x, two, &(tt_windows){.stride = two});
}

static tt_graph *made_step(void)
{
    network n = {.graph = tt_graph_new()};
    tt_graph *g = n.graph;
    tt_value image = tt_input(g, "image", TT_TYPE(TT_F32, BATCH, 28, 28, 1)), gradient[16];
    tt_value label = tt_input(g, "label", TT_TYPE(TT_I32, BATCH));
    tt_value rate = tt_input(g, "rate", TT_SCALAR(TT_F32));
    tt_value x = halved(&n, conv(&n, "conv1", image, 12));
    x = halved(&n, conv(&n, "conv2", x, 24));
    x = tt_reshape(g, conv(&n, "conv3", x, 32), 2, (int64_t[]){BATCH, -1});
    x = tt_relu(g, dense(&n, "dense1", x, 32));
    x = dense(&n, "dense2", x, 10);
    tt_value loss = tt_cross_entropy(g, x, label);
    tt_value guess = tt_reduce(g, TT_OP_GREATEST_PLACE, x, 1, (int64_t[]){1});
    guess = tt_convert(g, tt_reshape(g, guess, 1, (int64_t[]){BATCH}), TT_I32);
    tt_value right = tt_convert(g, tt_equal(g, guess, label), TT_I32);
    tt_graph_result(g, "loss", loss);
    tt_graph_result(g, "logits", x);
    tt_graph_result(g, "right", tt_sum_all(g, right));
    tt_graph_gradient(g, loss, n.parameters, n.parameter, gradient);
    tt_optimise(g, &TT_SGD_DEFAULT, n.parameters, n.parameter, gradient, NULL, rate);
    return g;
}

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

static float images[BATCH * 784], rate = 0.01f;
static int32_t labels[BATCH];

// Random pixels and labels, weights of about the size that training gives them.
static void fill(tt_session *session, const tt_graph *graph)
{
    tt_random random;
    tt_random_seed(&random, 1);
    for (size_t i = 0; i < sizeof(images) / sizeof(images[0]); i++)
        images[i] = (float)tt_random_below(&random, 256) / 255;
    for (size_t i = 0; i < BATCH; i++)
        labels[i] = (int32_t)tt_random_below(&random, 10);
    for (uint32_t i = 0; i < tt_graph_buffer_count(graph); i++) {
        const tt_buffer *b = tt_graph_buffer(graph, i);
        if (b->kind != TT_PARAMETER || b->type.rank < 2)
            continue;
        float *w = tt_session_bytes(session, b->name, NULL);
        for (int64_t k = 0; k < tt_type_count(&b->type); k++)
            w[k] = ((float)tt_random_below(&random, 2001) / 1000 - 1) * 0.08f;
    }
}

int main(int count, char **arguments)
{
    unsigned threads = count > 1 ? (unsigned)atoi(arguments[1]) : 1;
    double seconds = count > 2 ? atof(arguments[2]) : 5, best = 0;
    char sentence[256] = "";
    tt_text why;
    tt_session *session;
    tt_program *program = NULL;
    tt_text_init(&why, sentence, sizeof(sentence));
    tt_graph *graph = made_step();
    if (tt_session_new(&(tt_session_options){.threads = threads}, &session, &why) != TT_OK ||
        tt_session_load(session, graph, &program, &why) != TT_OK)
        end(sentence);
    fill(session, graph);
    tt_program_set(program, "image", images);
    tt_program_set(program, "label", labels);
    tt_program_set(program, "rate", &rate);
    for (int slice = 0; slice <= SLICES; slice++) { // the first warms up
        double begin = now(), taken = 0;
        unsigned steps = 0;
        do {
            if (tt_program_run(program, &why) != TT_OK)
                end(sentence);
            steps++;
        } while ((taken = now() - begin) < seconds / (SLICES + 1));
        if (slice > 0 && steps * BATCH / taken > best)
            best = steps * BATCH / taken;
    }
    printf("bench ai.step%s %.0f images/s\n",
           threads == 1   ? ""
           : threads == 2 ? ".threads2"
                          : ".threads",
           best);
    fprintf(stderr, "%u steps of the program, arena %llu bytes, loss %g\n",
            tt_program_steps(program), (unsigned long long)tt_program_arena_bytes(program),
            (double)*(const float *)tt_program_result(program, 0, NULL));
    tt_session_free(session);
    tt_graph_free(graph);
    return 0;
}
