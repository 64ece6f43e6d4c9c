// Training: data sets, a model made of layers, optimisers, the loop, and checkpoints.
//
// A training is decided by its options and its data: the same seed gives the same bits, whatever
// the number of threads, because a batch is always cut into TT_SHARDS shards whose gradients are
// summed in order. A checkpoint, made after any step, holds all that decides the bits, and
// continues to the same ones. OpenBLAS chooses its code by the kind of processor, and another kind
// rounds otherwise.
//
// Nothing here locks: a model or a training belongs to one thread at a time. What an argument or a
// file can cause is a status with a sentence in `why`, which may be NULL. Without memory for a
// graph the program ends with a message (tutti/oldgraph.h); elsewhere that is TT_FULL.

#ifndef TUTTI_TRAIN_H
#define TUTTI_TRAIN_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tutti/oldgraph.h"
#include "tutti/language.h"
#include "tutti/random.h"
#include "tutti/status.h"
#include "tutti/text.h"

TT_C_BEGIN

#define TT_SHARDS 4 // pieces that a batch is cut into; a batch is a multiple of it
#define TT_BATCH_MAX 4096
#define TT_MODEL_PARAMETERS_MAX 64
#define TT_CLASSES_MAX 64
#define TT_EPOCHS_MAX 1000000

// Images of one byte a pixel and their labels; owned, freed by tt_dataset_free.
typedef struct tt_dataset {
    size_t count, rows, columns;
    uint8_t *images; // (count, rows, columns)
    uint8_t *labels; // (count)
} tt_dataset;

// Reads a pair of IDX files, gzipped or not. TT_NOT_FOUND, TT_MALFORMED, TT_DAMAGED (cut short),
// TT_TOO_LARGE, each with a sentence that names the file, what was expected and what came; TT_FULL.
tt_status tt_dataset_load(tt_dataset *dataset, const char *images_path, const char *labels_path,
                          tt_text *why);
void tt_dataset_free(tt_dataset *dataset);

// The 60,000 training and 10,000 test images of Fashion-MNIST in `folder`; NULL for where Debian's
// package dataset-fashion-mnist puts them. Errors as above, and TT_INVALID for another data set or
// a path that is too long; both are empty then.
tt_status tt_fashion_mnist_load(tt_dataset *train, tt_dataset *test, const char *folder,
                                tt_text *why);
extern const char *const tt_fashion_mnist_classes[10];

// A classifier of images: a graph for one batch size, with handles to what training needs of it.
// One of another network is yours to fill: tt_model_initialise and tt_model_evaluate take it, too.
typedef struct tt_model {
    tt_graph *graph;
    size_t batch, classes, rows, columns;
    tt_value *image;  // (batch, rows, columns, 1) f32, pixel / 255
    tt_value *label;  // (batch) i32
    tt_value *logits; // (batch, classes)
    tt_value *loss;   // scalar
    tt_value *parameters[TT_MODEL_PARAMETERS_MAX];
    size_t parameter_count;
} tt_model;

// The demonstration's network for 28x28 images in 10 classes, 0.98 million multiply-accumulates:
// conv 3x3 12, max pool, conv 3x3 24, max pool, conv 3x3 32, dense 32, dense 10; ReLU between.
// NULL where `batch` is not from 1 to TT_BATCH_MAX, or there is no memory.
tt_model *tt_model_new(size_t batch);
void tt_model_free(tt_model *model);
void tt_model_initialise(tt_model *model, uint64_t seed); // He's normal weights, zero biases
void tt_model_copy_parameters(tt_model *to, const tt_model *from); // of one architecture
size_t tt_model_parameter_elements(const tt_model *model);
uint64_t tt_model_multiplications(const tt_model *model); // multiply-accumulates an image

// Optimisers update parameters from gradients; `state` holds two floats an element, zeroed at
// first.
typedef enum tt_optimiser_kind { TT_SGD, TT_ADAM } tt_optimiser_kind;
typedef struct tt_optimiser {
    tt_optimiser_kind kind;
    float momentum;        // SGD: Nesterov's momentum. Adam: beta 1
    float momentum_square; // Adam: beta 2
    float epsilon;         // Adam
    float weight_decay;    // added to the gradient times the weight (L2)
} tt_optimiser;
#define TT_SGD_DEFAULT ((tt_optimiser){.kind = TT_SGD, .momentum = 0.9f, .weight_decay = 5e-4f})
#define TT_ADAM_DEFAULT                                                                            \
    ((tt_optimiser){.kind = TT_ADAM, .momentum = 0.9f, .momentum_square = 0.999f, .epsilon = 1e-8f})
// One update of `count` elements; `step` counts from 1.
void tt_optimiser_update(const tt_optimiser *optimiser, uint64_t step, float learning_rate,
                         size_t count, float *parameter, const float *gradient, float *state);

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
    unsigned epochs;     // the plan, 1 to TT_EPOCHS_MAX in all; a resumed training runs the rest
    size_t batch;        // images a step, a multiple of TT_SHARDS, at most TT_BATCH_MAX
    float learning_rate; // above 0; after half an epoch of linear warm-up it falls to 0 as a cosine
    tt_optimiser optimiser;
    uint64_t seed;     // of weights and shuffling
    size_t images_max; // use only the first so many training images; 0: all

    // What does not.
    unsigned threads;         // 0: one a processor; at most TT_POOL_THREADS_MAX (tutti/exec.h)
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
                        .learning_rate = 0.05f,                                                    \
                        .optimiser = TT_SGD_DEFAULT,                                               \
                        .seed = 1})

typedef struct tt_training tt_training; // model, optimiser state, and how far it has come

// Begins a training with fresh weights; `*training` is freed with tt_training_free, and NULL on
// failure. TT_INVALID with a sentence that names the option, what it may be and what came; TT_FULL.
tt_status tt_training_new(const tt_train_options *options, tt_training **training, tt_text *why);
void tt_training_free(tt_training *training);       // NULL is allowed
tt_model *tt_training_model(tt_training *training); // its parameters; owned by the training
unsigned tt_training_epochs_done(const tt_training *training);
size_t tt_training_steps_done(const tt_training *training); // of the epoch after those
uint64_t tt_training_seed(const tt_training *training);
size_t tt_training_images(const tt_training *training); // it learns from; 0 before its first run
double tt_training_images_per_second(const tt_training *training);

// Runs what is left. Where the result is not TT_OK, `why` says:
// TT_INVALID: the data do not fit the model (size, a label outside the classes, fewer images than
//     a batch), or are not those that the checkpoint was made with; nothing was done.
// TT_CANCELLED: `stop` was set; the step was finished, and saving and going on give the same bits.
// TT_TOO_LARGE: the loss, a gradient or a weight is no finite number any more, in the epoch and
// step
//     that the sentence names. The training is of no further use; tt_training_save refuses it
//     where the weights are concerned.
// TT_FULL: no memory.
tt_status tt_training_run(tt_training *training, const tt_dataset *train, const tt_dataset *test,
                          tt_text *why);

// The share of images, which must have the model's size, whose greatest logit is their label goes
// to `*accuracy`; `confusion` (classes x classes, rows: label) is added to unless NULL. A label
// that names no class is a wrong answer, and in no row. TT_INVALID where there is no image, or it
// has another size; TT_FULL.
tt_status tt_model_evaluate(const tt_model *model, const tt_dataset *dataset, unsigned threads,
                            double *accuracy, size_t *confusion, tt_text *why);

// Checkpoints are safetensors files: the parameters under their names, the optimiser's state under
// "optimiser.NAME"; as metadata the options that decide the bits, the number of images and the CRC
// of the data set, the epochs and steps done, and a CRC of all that the file holds: one that was
// changed since is TT_DAMAGED. Files without that CRC are models, but no training goes on from
// them.
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
tt_status tt_model_load(tt_model *model, const char *path, tt_text *why); // parameters only

TT_C_END

#endif
