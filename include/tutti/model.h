// Networks that classify images, and models: a network with its weights.
//
// A network is a function that adds it to a graph; its sizes are numbers, so there is a graph for
// each number of images, and a model keeps the programs of those that it was asked for. Its weights
// are the bytes of one session.
//
// Nothing here locks: a model belongs to one thread at a time. What an argument or a file can cause
// is a status with a sentence in `why`, which may be NULL.

#ifndef TUTTI_MODEL_H
#define TUTTI_MODEL_H

#include "tutti/dataset.h"
#include "tutti/session.h"

TT_C_BEGIN

#define TT_CLASSES_MAX 64      // of a network
#define TT_PARAMETERS_MAX 4096 // of a network: they are looked up by name, one after the other

typedef struct tt_network {
    const char *name;
    int64_t rows, columns, classes; // of the images, of one byte a pixel
    // Adds the network to a graph: `image` is (batch, rows, columns, 1) f32, pixel / 255; gives the
    // logits, (batch, classes) f32. What goes wrong stays in the graph. Its parameters are the same
    // for every batch; it has no other input, and no state. Results and assignments that it adds
    // are not computed.
    tt_value (*build)(tt_graph *graph, tt_value image);
} tt_network;

// The demonstration's, for 28x28 images in 10 classes, 0.98 million multiply-accumulates: conv 3x3
// 12, greatest pool, conv 3x3 24, greatest pool, conv 3x3 32, dense 32, dense 10; ReLU between.
extern const tt_network tt_classifier;

typedef struct tt_model tt_model;

// A model with weights of zero; `network` is copied, NULL: tt_classifier. `options` as in
// tt_session_new. `*model` is freed with tt_model_free, and NULL where the result is not TT_OK:
// what the network's graph or the session can be refused for, each with a sentence; TT_FULL.
tt_status tt_model_new(const tt_network *network, const tt_session_options *options,
                       tt_model **model, tt_text *why);
// The model in a file that tt_model_save or a training's checkpoint was written to: its network is
// the graph that the file states, for one image at a time, or tt_classifier where that is it, or
// none is stated. Errors as of tt_model_load.
tt_status tt_model_open(const char *path, const tt_session_options *options, tt_model **model,
                        tt_text *why);
void tt_model_free(tt_model *model); // NULL is allowed

const tt_network *tt_model_network(const tt_model *model);
tt_session *tt_model_session(const tt_model *model); // its weights, under the parameters' names

// The network's graph for `batch` images, to be freed with tt_graph_free: input "image", result
// "logits". TT_INVALID (a batch that it cannot have), TT_TOO_LARGE, TT_FULL.
tt_status tt_model_graph(const tt_model *model, int64_t batch, tt_graph **graph, tt_text *why);

// Weights by He et al. 2015: normal, of deviation sqrt(2 / inputs of an output); biases of zero.
// The same seed gives the same. Parameters that are no floating-point numbers stay.
void tt_model_initialise(tt_model *model, uint64_t seed);

uint64_t tt_model_parameter_elements(const tt_model *model);
uint64_t tt_model_multiplications(const tt_model *model); // multiply-accumulates an image

// The logits of `count` images, of as many bytes as pixels, into `logits`, (count, classes). What
// the network's graph for several images can be refused for, with a sentence; TT_FULL.
tt_status tt_model_run(tt_model *model, const uint8_t *images, size_t count, float *logits,
                       tt_text *why);

// The share of images, which must have the network's size, whose greatest logit is their label goes
// to `*accuracy`; `confusion` (classes x classes, rows: label) is added to unless NULL. A label
// that names no class is a wrong answer, and in no row; so are logits of which one is no number.
// TT_INVALID where there is no image, or it has another size; errors as of tt_model_run.
tt_status tt_model_evaluate(tt_model *model, const tt_dataset *dataset, double *accuracy,
                            size_t *confusion, tt_text *why);

// A safetensors file: the parameters under their names; as metadata the network's graph in its text
// form for one image, and a CRC of all that the file holds: one that was changed since is
// TT_DAMAGED. `*bytes` is to be freed with free(), and NULL on failure: TT_TOO_LARGE where a weight
// is no finite number, TT_FULL.
tt_status tt_model_save(const tt_model *model, uint8_t **bytes, size_t *length, tt_text *why);

// Weights from such a file, a training's checkpoint or any safetensors file that has them. The
// whole file is checked before anything is changed: TT_NOT_FOUND, TT_MALFORMED, TT_DAMAGED,
// TT_TOO_LARGE (the file, or a number in it), TT_IO, TT_FULL; TT_INVALID where the file is
// something else: a plan, another network's.
tt_status tt_model_load(tt_model *model, const char *path, tt_text *why);

TT_C_END

#endif
