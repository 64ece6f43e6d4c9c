// Training: the loop over a data set, and its checkpoints.
//
// A training is decided by its options and its data: the same seed gives the same bits, whatever
// the number of threads, because a step's work is split by shape. A checkpoint, made after any
// step, holds all that decides the bits, and continues to the same ones, on any processor. Only
// TT_RUN=reference rounds otherwise.
//
// Nothing here locks: a training belongs to one thread at a time. What an argument or a file can
// cause is a status with a sentence in `why`, which may be NULL.

#ifndef TUTTI_TRAIN_H
#define TUTTI_TRAIN_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tutti/dataset.h"
#include "tutti/model.h"
#include "tutti/optimiser.h"
#include "tutti/schedule.h"

TT_C_BEGIN

#define TT_BATCH_MAX 4096
#define TT_EPOCHS_MAX 1000000

typedef struct tt_progress {
    unsigned epoch, epochs;   // from 1
    size_t step, steps;       // within the epoch, from 1
    double loss, accuracy;    // over the epoch so far; accuracy on training images, 0 to 1
    double images_per_second; // over this process's part of the training
    double seconds_left;
    bool epoch_end;
    double test_accuracy; // at the end of an epoch where evaluate_each_epoch is set, else -1
} tt_progress;

typedef struct tt_train_options {
    // What decides the bits, with the data set; a checkpoint holds these.
    unsigned epochs; // the plan, 1 to TT_EPOCHS_MAX in all; a resumed training runs the rest
    size_t batch;    // images a step, 1 to TT_BATCH_MAX
    tt_rate_kind schedule;
    double learning_rate; // the greatest of the schedule, above 0
    double warm_up;       // epochs in which it rises to that, 0 to TT_EPOCHS_MAX
    tt_optimiser optimiser;
    uint64_t seed;     // of weights and shuffling
    size_t images_max; // use only the first so many training images; 0: all

    const tt_network *network; // NULL: tt_classifier

    // What does not.
    unsigned threads;         // 0: one a processor; at most TT_THREADS_MAX
    bool evaluate_each_epoch; // report test accuracy at every epoch's end; chooses nothing
    bool extend; // a checkpoint planned for other epochs may be loaded. The rest of its training
                 // then has the schedule of `epochs`: its bits are those of no uninterrupted one
    unsigned stop_after;               // end after so many epochs in all, as if interrupted; 0: no
    const volatile sig_atomic_t *stop; // where not 0, the run ends after its step; NULL: never
    // After each step, or NULL. tt_training_save may be called in it: the step is in the training.
    void (*on_progress)(const tt_progress *progress, void *context);
    void *context;
} tt_train_options;
#define TT_TRAIN_DEFAULT                                                                           \
    ((tt_train_options){.epochs = 10,                                                              \
                        .batch = 64,                                                               \
                        .schedule = TT_RATE_COSINE,                                                \
                        .learning_rate = 0.05,                                                     \
                        .warm_up = 0.5,                                                            \
                        .optimiser = TT_SGD_DEFAULT,                                               \
                        .seed = 1})

typedef struct tt_training tt_training; // model, optimiser state, and how far it has come

// Begins a training with fresh weights; `*training` is freed with tt_training_free, and NULL on
// failure. TT_INVALID with a sentence that names the option, what it may be and what came; what the
// network's graph can be refused for; TT_FULL.
tt_status tt_training_new(const tt_train_options *options, tt_training **training, tt_text *why);
void tt_training_free(tt_training *training);       // NULL is allowed
tt_model *tt_training_model(tt_training *training); // its parameters; owned by the training
unsigned tt_training_epochs_done(const tt_training *training);
size_t tt_training_steps_done(const tt_training *training); // of the epoch after those
uint64_t tt_training_seed(const tt_training *training);
size_t tt_training_images(const tt_training *training); // it learns from; 0 before its first run
double tt_training_images_per_second(const tt_training *training);
const char *tt_training_uncompiled(const tt_training *training); // tt_program_uncompiled; or ""

// Runs what is left. Where the result is not TT_OK, `why` says:
// TT_INVALID: the data do not fit the model (size, a label outside the classes, fewer images than
//     a batch), or are not those that the checkpoint was made with; nothing was done.
// TT_CANCELLED: `stop` was set; the step was finished, and saving and going on give the same bits.
// TT_TOO_LARGE: the loss or what the step would have assigned is no finite number, in the epoch and
//     step that the sentence names, with the first operation that made one. Nothing of that step is
//     in the training, which can be saved; its next step would be the same.
// TT_FULL: no memory.
tt_status tt_training_run(tt_training *training, const tt_dataset *train, const tt_dataset *test,
                          tt_text *why);

// Checkpoints are files of a model (tutti/model.h) with, besides, the optimiser's state under the
// names of tutti/optimiser.h; as metadata the options that decide the bits, the number of images
// and the CRC of the data set, the epochs and steps done. Files without a CRC are models, but no
// training goes on from them.
//
// Saving gives a file's bytes, to be freed with free(); NULL on failure. TT_TOO_LARGE where a
// weight is no finite number, TT_FULL.
tt_status tt_training_save(const tt_training *training, uint8_t **bytes, size_t *length,
                           tt_text *why);

// Each of these checks the whole file before it changes anything: TT_NOT_FOUND, TT_MALFORMED,
// TT_DAMAGED, TT_TOO_LARGE (the file, or a number in it), TT_IO, TT_FULL; TT_INVALID where the file
// is something else: a plan, another network's, no checkpoint.
//
// What a checkpoint was made with, into the options' first part; the rest of them stays.
tt_status tt_checkpoint_options(const char *path, tt_train_options *options, tt_text *why);
// A training goes on from a checkpoint. TT_INVALID, too, where an option that decides the bits is
// another than the checkpoint's; the sentence names both values. `images_max` is compared when it
// runs, with the data set.
tt_status tt_training_load(tt_training *training, const char *path, tt_text *why);

TT_C_END

#endif
