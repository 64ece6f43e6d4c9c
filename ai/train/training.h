// What a training is made of; shared by the loop and the checkpoints.

#ifndef TUTTI_AI_TRAIN_TRAINING_H
#define TUTTI_AI_TRAIN_TRAINING_H

#include "ai/train/model_internal.h"
#include "tutti/train.h"

struct tt_training {
    tt_train_options options;
    tt_model *model;
    tt_graph *graph;     // of a step: inputs "image", "label", "rate", results "loss", "right"
    tt_program *program; // of that graph
    float *images;       // of a step
    int32_t *labels;
    double rate;

    // How far it has come: after any step these, the parameters and the optimiser's state are all
    // that a checkpoint needs.
    unsigned epochs_done;
    size_t steps_done; // of the epoch after those
    double loss;       // sums over those steps and their images, for the progress
    size_t right;
    size_t image_count; // that it learns from, and the CRC of them and their labels; 0: not known
    uint32_t data_crc;  // before the first run

    double seconds; // spent in steps by this process, and how many images they had
    uint64_t images_seen;
};

// Which images the epoch learns from, in their order: all `count` of them, numbered from 0.
void tt_training_order(uint32_t *order, size_t count, uint64_t seed, unsigned epoch);

// The schedule that the options make with so many steps an epoch.
tt_schedule tt_training_schedule(const tt_train_options *options, size_t steps_an_epoch);

// The graph of a step; it is the caller's. What network and optimiser can be refused for, with a
// sentence; TT_FULL.
tt_status tt_training_graph(const tt_model *model, const tt_train_options *options,
                            tt_graph **graph, tt_text *why);

#endif
