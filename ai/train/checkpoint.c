// Checkpoints: a training in a safetensors file, and back.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ai/graph/primitive.h"
#include "ai/train/safetensors.h"
#include "ai/train/training.h"

static void add_metadata(tt_tensor_file *file, const char *key, unsigned long long value)
{
    tt_metadata *entry = &file->metadata[file->metadata_count++];
    snprintf(entry->key, sizeof(entry->key), "%s", key);
    snprintf(entry->value, sizeof(entry->value), "%llu", value);
}

static void add_tensor(tt_tensor_file *file, const char *prefix, const char *name, tt_shape shape,
                       const float *data)
{
    tt_tensor *tensor = &file->tensors[file->count++];
    snprintf(tensor->name, sizeof(tensor->name), "%s%s", prefix, name);
    tensor->shape = shape;
    tensor->data = data;
}

static tt_shape state_shape(const tt_value *parameter)
{
    return TT_SHAPE(2, tt_shape_count(&parameter->shape));
}

tt_status tt_training_save(const tt_training *t, const char *path, tt_text *why)
{
    tt_tensor_file *file = calloc(1, sizeof(*file));
    if (file == NULL)
        return TT_FULL;
    add_metadata(file, "epochs", t->epochs_done);
    add_metadata(file, "seed", t->options.seed);
    add_metadata(file, "batch", t->options.batch);
    add_metadata(file, "optimiser", t->options.optimiser.kind);
    for (size_t i = 0; i < t->model->parameter_count; i++) {
        const tt_value *p = t->model->parameters[i];
        add_tensor(file, "", p->name, p->shape, p->data);
        add_tensor(file, "optimiser.", p->name, state_shape(p), t->states[i]);
    }
    tt_status status = tt_tensor_file_write(file, path, why);
    free(file);
    return status;
}

// The tensor of that name, of exactly that shape; NULL with a sentence otherwise.
static const tt_tensor *expect(const tt_tensor_file *file, const char *prefix, const char *name,
                               tt_shape shape, const char *path, tt_text *why)
{
    char full[TT_TENSOR_NAME_MAX];
    snprintf(full, sizeof(full), "%s%s", prefix, name);
    const tt_tensor *tensor = tt_tensor_file_find(file, full);
    if (tensor != NULL && tt_shape_equal(&tensor->shape, &shape))
        return tensor;
    tt_text_add(why, path);
    tt_text_add(why, ": tensor ");
    tt_text_add(why, full);
    tt_text_add(why, tensor == NULL ? " is missing, expected " : " is ");
    if (tensor != NULL) {
        tt_text_add(why, tt_shape_text(&tensor->shape));
        tt_text_add(why, ", expected ");
    }
    tt_text_add(why, tt_shape_text(&shape));
    return NULL;
}

static tt_status load_parameters(tt_model *model, const tt_tensor_file *file, const char *path,
                                 tt_text *why)
{
    const tt_tensor *tensors[TT_MODEL_PARAMETERS_MAX];
    for (size_t i = 0; i < model->parameter_count; i++) {
        const tt_value *p = model->parameters[i];
        tensors[i] = expect(file, "", p->name, p->shape, path, why);
        if (tensors[i] == NULL)
            return TT_INVALID;
    }
    for (size_t i = 0; i < model->parameter_count; i++)
        memcpy(model->parameters[i]->data, tensors[i]->data, tt_value_bytes(model->parameters[i]));
    return TT_OK;
}

// A reader's failure has already begun its sentence with the path; a success must leave none.
static tt_status open_file(tt_tensor_file **file, const char *path, tt_text *why)
{
    char buffer[256];
    tt_text message;
    tt_text_init(&message, buffer, sizeof(buffer));
    *file = calloc(1, sizeof(**file));
    if (*file == NULL)
        return TT_FULL;
    tt_status status = tt_tensor_file_read(*file, path, &message);
    if (status != TT_OK) {
        tt_text_add(why, buffer);
        free(*file);
    }
    return status;
}

tt_status tt_model_load(tt_model *model, const char *path, tt_text *why)
{
    tt_tensor_file *file;
    tt_status status = open_file(&file, path, why);
    if (status != TT_OK)
        return status;
    status = load_parameters(model, file, path, why);
    tt_tensor_file_free(file);
    free(file);
    return status;
}

// The number that metadata `key` states; false where there is none, or it is above `most`.
static bool read_metadata(const tt_tensor_file *file, const char *key, uint64_t most,
                          uint64_t *number)
{
    const char *text = tt_tensor_file_metadata(file, key);
    char *end;
    if (text == NULL || text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0' && *number <= most;
}

static tt_status refuse(tt_text *why, const char *path, const char *what)
{
    tt_text_add(why, path);
    tt_text_add(why, ": ");
    tt_text_add(why, what);
    return TT_INVALID;
}

// A training continues to the same bits only with what it began with.
static tt_status expect_same(const tt_tensor_file *file, const char *key, uint64_t ours,
                             const char *path, tt_text *why)
{
    uint64_t theirs;
    if (read_metadata(file, key, UINT64_MAX, &theirs) && theirs == ours)
        return TT_OK;
    refuse(why, path, "was made with ");
    tt_text_add(why, key);
    tt_text_add(why, " ");
    const char *text = tt_tensor_file_metadata(file, key);
    tt_text_add(why, text != NULL ? text : "unstated");
    tt_text_add(why, ", not ");
    tt_text_add_unsigned(why, ours);
    return TT_INVALID;
}

static tt_status load_state(tt_training *t, const tt_tensor_file *file, const char *path,
                            tt_text *why)
{
    uint64_t epochs, seed;
    if (!read_metadata(file, "epochs", TT_EPOCHS_MAX, &epochs) ||
        !read_metadata(file, "seed", UINT64_MAX, &seed))
        return refuse(why, path, "is no checkpoint: it states no number of epochs or no seed");
    tt_status status = expect_same(file, "batch", t->options.batch, path, why);
    if (status == TT_OK)
        status = expect_same(file, "optimiser", t->options.optimiser.kind, path, why);
    const tt_tensor *states[TT_MODEL_PARAMETERS_MAX];
    for (size_t i = 0; status == TT_OK && i < t->model->parameter_count; i++) {
        const tt_value *p = t->model->parameters[i];
        states[i] = expect(file, "optimiser.", p->name, state_shape(p), path, why);
        if (states[i] == NULL)
            status = TT_INVALID;
    }
    if (status == TT_OK)
        status = load_parameters(t->model, file, path, why);
    if (status != TT_OK)
        return status;
    for (size_t i = 0; i < t->model->parameter_count; i++)
        memcpy(t->states[i], states[i]->data, 2 * tt_value_bytes(t->model->parameters[i]));
    t->epochs_done = (unsigned)epochs;
    t->options.seed = seed;
    return TT_OK;
}

tt_status tt_training_load(tt_training *t, const char *path, tt_text *why)
{
    tt_tensor_file *file;
    tt_status status = open_file(&file, path, why);
    if (status != TT_OK)
        return status;
    status = load_state(t, file, path, why);
    tt_tensor_file_free(file);
    free(file);
    return status;
}
