// The classifier: layers as functions that add a weight, a bias and their operations to a graph.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ai/oldgraph/primitive.h"
#include "tutti/check.h"
#include "tutti/train.h"

static tt_value *parameter(tt_model *model, const char *layer, const char *what, tt_shape shape)
{
    char name[64];
    snprintf(name, sizeof(name), "%s.%s", layer, what);
    TT_CHECK(model->parameter_count < TT_MODEL_PARAMETERS_MAX);
    tt_value *value = tt_parameter(model->graph, name, shape);
    model->parameters[model->parameter_count++] = value;
    return value;
}

static tt_value *conv(tt_model *model, const char *name, tt_value *x, size_t window, size_t out)
{
    tt_value *weights =
        parameter(model, name, "weights", TT_SHAPE(out, window, window, x->shape.size[3]));
    tt_value *bias = parameter(model, name, "bias", TT_SHAPE(out));
    return tt_bias_add(tt_conv2d(x, weights, 1, TT_SAME), bias);
}

static tt_value *dense(tt_model *model, const char *name, tt_value *x, size_t out)
{
    tt_value *weights = parameter(model, name, "weights", TT_SHAPE(out, x->shape.size[1]));
    tt_value *bias = parameter(model, name, "bias", TT_SHAPE(out));
    return tt_bias_add(tt_matmul(x, weights, false, true), bias);
}

tt_model *tt_model_new(size_t batch)
{
    tt_model *model = batch > 0 && batch <= TT_BATCH_MAX ? calloc(1, sizeof(*model)) : NULL;
    if (model == NULL)
        return NULL;
    *model = (tt_model){.batch = batch, .classes = 10, .rows = 28, .columns = 28};
    model->graph = tt_graph_new();
    model->image = tt_input(model->graph, "image", TT_F32, TT_SHAPE(batch, 28, 28, 1));
    model->label = tt_input(model->graph, "label", TT_I32, TT_SHAPE(batch));
    tt_value *x = tt_relu(conv(model, "conv1", model->image, 3, 12));
    x = tt_max_pool2d(x, 2, 2, TT_VALID);
    x = tt_relu(conv(model, "conv2", x, 3, 24));
    x = tt_max_pool2d(x, 2, 2, TT_VALID);
    x = tt_relu(conv(model, "conv3", x, 3, 32));
    x = tt_reshape(x, TT_SHAPE(batch, 7 * 7 * 32));
    x = tt_relu(dense(model, "dense1", x, 32));
    model->logits = dense(model, "dense2", x, 10);
    model->loss = tt_softmax_cross_entropy(model->logits, model->label);
    TT_CHECK(tt_graph_error(model->graph)[0] == '\0');
    return model;
}

void tt_model_free(tt_model *model)
{
    if (model == NULL)
        return;
    tt_graph_free(model->graph);
    free(model);
}

// A standard normal number by Box and Muller's method.
static float normal(tt_random *random)
{
    double u = ((double)(tt_random_u64(random) >> 11) + 0.5) / 9007199254740992.0;
    double v = (double)(tt_random_u64(random) >> 11) / 9007199254740992.0;
    return (float)(sqrt(-2 * log(u)) * cos(6.283185307179586 * v));
}

void tt_model_initialise(tt_model *model, uint64_t seed)
{
    tt_random random;
    tt_random_seed(&random, seed);
    for (size_t i = 0; i < model->parameter_count; i++) {
        tt_value *value = model->parameters[i];
        size_t count = tt_shape_count(&value->shape);
        memset(value->data, 0, tt_value_bytes(value));
        if (value->shape.rank == 1)
            continue;                                                       // a bias
        float deviation = sqrtf(2 / (float)(count / value->shape.size[0])); // He et al. 2015
        for (size_t k = 0; k < count; k++)
            ((float *)value->data)[k] = deviation * normal(&random);
    }
}

void tt_model_copy_parameters(tt_model *to, const tt_model *from)
{
    TT_CHECK(to->parameter_count == from->parameter_count);
    for (size_t i = 0; i < to->parameter_count; i++) {
        TT_CHECK(tt_shape_equal(&to->parameters[i]->shape, &from->parameters[i]->shape));
        memcpy(to->parameters[i]->data, from->parameters[i]->data,
               tt_value_bytes(from->parameters[i]));
    }
}

size_t tt_model_parameter_elements(const tt_model *model)
{
    size_t total = 0;
    for (size_t i = 0; i < model->parameter_count; i++)
        total += tt_shape_count(&model->parameters[i]->shape);
    return total;
}

uint64_t tt_model_multiplications(const tt_model *model)
{
    uint64_t total = 0;
    for (size_t id = 0; id <= model->logits->id; id++) {
        const tt_value *value = tt_graph_value(model->graph, id);
        bool conv2d = strcmp(value->primitive->name, "conv2d") == 0;
        if (!conv2d && strcmp(value->primitive->name, "matmul") != 0)
            continue;
        const tt_shape *w = &value->inputs[1]->shape;
        uint64_t per_output = tt_shape_count(w) / w->size[0];
        total += per_output * (tt_shape_count(&value->shape) / model->batch);
    }
    return total;
}
