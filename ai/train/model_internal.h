// What a model is made of; for the files of this room.

#ifndef TUTTI_AI_TRAIN_MODEL_INTERNAL_H
#define TUTTI_AI_TRAIN_MODEL_INTERNAL_H

#include "tutti/model.h"
#include "tutti/tensor_file.h"

struct tt_model {
    tt_network network; // without `build` where the graph is all there is
    tt_graph *graph;    // for one image
    tt_session *session;
    tt_status refused; // of the graph that a run asked for last, with its sentence to there
    tt_text *why;
};

// A model of a graph for one image, which it takes over.
tt_status tt_model_of_graph(tt_graph *graph, const tt_session_options *options, tt_model **model,
                            tt_text *why);

// The parameters one after the other, `*at` from 0; NULL after the last.
const tt_buffer *tt_model_parameter(const tt_model *model, uint32_t *at);

// One image as a network wants it.
void tt_image_load(float *to, const uint8_t *pixels, size_t count);

// Whether there are images, and they have the network's size.
bool tt_dataset_fits(const tt_network *network, const tt_dataset *data);
// The sentence where there are not, or too few: what of the network's size is `expected`.
void tt_refuse_dataset(const tt_network *network, const tt_dataset *data, const char *expected,
                       size_t images, tt_text *why);

#endif
