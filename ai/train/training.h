// What a training is made of; shared by the loop, the evaluation and the checkpoints.

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

    // How far it has come: after any step these and the parameters are all that a checkpoint needs.
    unsigned epochs_done;
    size_t steps_done; // of the epoch after those
    double loss;       // sums over those steps' shards and images, for the progress
    size_t right;
    size_t image_count; // that it learns from, and the CRC of them and their labels; 0: not known
    uint32_t data_crc;  // before the first run

    double seconds; // spent in steps by this process, and how many images they had
    uint64_t images_seen;
};

// Which images the epoch learns from, in their order: all `count` of them, numbered from 0.
void tt_training_order(uint32_t *order, size_t count, uint64_t seed, unsigned epoch);

// Of a step, counted from 0 over all epochs: it rises over half an epoch, step by step to the
// options' rate, or half a step beyond it where an epoch has an odd number of them, and falls along
// half a cosine to nothing at the end of the last epoch.
float tt_learning_rate_at(const tt_train_options *options, size_t step, size_t steps_an_epoch);

// One image as the model wants it, and the class of its logits.
void tt_image_load(float *to, const tt_dataset *data, size_t index);
size_t tt_logits_greatest(const float *logits, size_t classes);

// Whether there are images, and they have the model's size.
bool tt_dataset_fits(const tt_model *model, const tt_dataset *data);
// The sentence where there are not, or too few: what of the model's size is `expected`.
void tt_refuse_dataset(const tt_model *model, const tt_dataset *data, const char *expected,
                       size_t images, tt_text *why);

// Whether no element is infinite or no number.
bool tt_all_finite(const float *elements, size_t count);

#endif
