// What a training is made of; shared by the loop and the checkpoints.

#ifndef TUTTI_AI_TRAIN_TRAINING_H
#define TUTTI_AI_TRAIN_TRAINING_H

#include "tutti/exec.h"
#include "tutti/train.h"

struct tt_training {
    tt_train_options options;
    tt_model *model; // of one shard's batch
    tt_value *gradients[TT_MODEL_PARAMETERS_MAX];
    tt_executor *executors[TT_SHARDS];
    float *images[TT_SHARDS]; // inputs of each shard
    int32_t *labels[TT_SHARDS];
    float *states[TT_MODEL_PARAMETERS_MAX]; // of the optimiser: two floats an element
    unsigned epochs_done;
    double seconds; // spent in steps, and how many images they had
    uint64_t images_seen;
};

#endif
