// Training: data sets, a model made of layers, optimisers, the loop, and checkpoints.
//
// A training is decided by its options and its data: the same seed gives the same bits, whatever
// the number of threads, because a batch is always cut into TT_SHARDS shards whose gradients are
// summed in order. A checkpoint continues to the same bits too. OpenBLAS chooses its code by the
// kind of processor, and another kind rounds otherwise.

#ifndef TUTTI_TRAIN_H
#define TUTTI_TRAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tutti/graph.h"
#include "tutti/random.h"
#include "tutti/status.h"
#include "tutti/text.h"

#define TT_SHARDS 4 // pieces that a batch is cut into; a batch is a multiple of it
#define TT_MODEL_PARAMETERS_MAX 64
#define TT_CLASSES_MAX 64
#define TT_EPOCHS_MAX 1000000 // that a checkpoint may state

// Images of one byte a pixel and their labels; owned, freed by tt_dataset_free.
typedef struct tt_dataset {
    size_t count, rows, columns;
    uint8_t *images; // (count, rows, columns)
    uint8_t *labels; // (count)
} tt_dataset;

// Reads a pair of IDX files, gzipped or not. TT_NOT_FOUND, TT_MALFORMED, TT_DAMAGED (cut short),
// TT_TOO_LARGE, each with a sentence that names the file, what was expected and what came.
tt_status tt_dataset_load(tt_dataset *dataset, const char *images_path, const char *labels_path,
                          tt_text *why);
void tt_dataset_free(tt_dataset *dataset);

// The 60,000 training and 10,000 test images of Fashion-MNIST in `folder`; NULL for where Debian's
// package dataset-fashion-mnist puts them.
tt_status tt_fashion_mnist_load(tt_dataset *train, tt_dataset *test, const char *folder,
                                tt_text *why);
extern const char *const tt_fashion_mnist_classes[10];

// A classifier of images: a graph for one batch size, with handles to what training needs of it.
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
    double images_per_second; // over the whole training so far
    double seconds_left;
    bool epoch_end;
    double test_accuracy; // at the end of an epoch where evaluate_each_epoch is set, else -1
} tt_progress;

typedef struct tt_train_options {
    unsigned epochs;     // in all; a resumed training runs the rest
    size_t batch;        // images a step, a multiple of TT_SHARDS
    float learning_rate; // after half an epoch of linear warm-up it falls to 0 as a cosine
    tt_optimiser optimiser;
    uint64_t seed;            // of weights and shuffling
    unsigned threads;         // 0: one a processor
    size_t images_max;        // use only the first so many training images; 0: all
    bool evaluate_each_epoch; // report test accuracy at every epoch's end; chooses nothing
    unsigned stop_after;      // end after so many epochs in all, as if interrupted; 0: no
    void (*on_progress)(const tt_progress *progress, void *context); // each step, or NULL
    void *context;
} tt_train_options;
#define TT_TRAIN_DEFAULT                                                                           \
    ((tt_train_options){.epochs = 10,                                                              \
                        .batch = 64,                                                               \
                        .learning_rate = 0.05f,                                                    \
                        .optimiser = TT_SGD_DEFAULT,                                               \
                        .seed = 1})

typedef struct tt_training tt_training; // model, optimiser state, and how far it has come

tt_training *tt_training_new(const tt_train_options *options);
void tt_training_free(tt_training *training);
tt_model *tt_training_model(tt_training *training); // its parameters; owned by the training
unsigned tt_training_epochs_done(const tt_training *training);
uint64_t tt_training_seed(const tt_training *training); // a loaded training has the checkpoint's
double tt_training_images_per_second(const tt_training *training);

// Runs the epochs that are left. TT_INVALID with a sentence where the data do not fit the model.
tt_status tt_training_run(tt_training *training, const tt_dataset *train, const tt_dataset *test,
                          tt_text *why);

// Share of images, which must have the model's size, whose greatest logit is their label;
// `confusion` (classes x classes, rows: label) is added to unless NULL. A label that names no class
// is a wrong answer, and in no row.
double tt_model_evaluate(const tt_model *model, const tt_dataset *dataset, unsigned threads,
                         size_t *confusion);

// Checkpoints are safetensors files: the parameters under their names, the optimiser's state under
// "optimiser.NAME"; epochs done, seed, batch and kind of optimiser as metadata. Saving replaces the
// file only when all is written. Loading checks everything before it changes anything:
// TT_NOT_FOUND, TT_MALFORMED, TT_DAMAGED, TT_INVALID (another architecture, batch or optimiser: the
// message states both), TT_IO. A loaded training has the checkpoint's seed, and goes on to the same
// bits where its other options are those it was made with.
tt_status tt_training_save(const tt_training *training, const char *path, tt_text *why);
tt_status tt_training_load(tt_training *training, const char *path, tt_text *why);
tt_status tt_model_load(tt_model *model, const char *path, tt_text *why); // parameters only

#endif
