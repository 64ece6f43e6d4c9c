// The networks that are trained and run beside the peers, as graphs. Images are u8 as files have
// them in a training, f32 in an inference of one image.

#ifndef TUTTI_BENCH_AI_NETWORKS_H
#define TUTTI_BENCH_AI_NETWORKS_H

#include "tutti/graph.h"
#include "tutti/optimiser.h"

#define BENCH_BATCH 64

typedef struct bench_network {
    const char *name;
    int64_t rows, channels; // of images, which are square
    bool photographs;       // CIFAR-10's, else Fashion-MNIST's
    tt_optimiser optimiser;
    double rate; // small enough that rounding does not grow beyond 1e-5 in ten steps
    // (batch, 10) logits of (batch, rows, rows, channels) f32. In an inference batch norms are in
    // the convolutions' weights, which have biases instead.
    tt_value (*build)(tt_graph *graph, tt_value image, bool inference);
} bench_network;

extern const bench_network bench_lenet5, bench_resnet8, bench_fashion;

tt_graph *bench_training_graph(const bench_network *network); // inputs image, label, rate
tt_graph *bench_inference_graph(const bench_network *network);

#endif
