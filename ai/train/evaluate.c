// Evaluation, in batches of the model's size, each piece of work with an executor of its own on the
// model's graph; and what it shares with the loop.

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "ai/train/training.h"

void tt_image_load(float *to, const tt_dataset *data, size_t index)
{
    size_t pixels = data->rows * data->columns;
    const uint8_t *from = data->images + index * pixels;
    for (size_t i = 0; i < pixels; i++)
        to[i] = (float)from[i] * (1.0f / 255);
}

size_t tt_logits_greatest(const float *logits, size_t classes)
{
    size_t best = 0;
    for (size_t i = 1; i < classes; i++)
        if (logits[i] > logits[best])
            best = i;
    return best;
}

bool tt_dataset_fits(const tt_model *model, const tt_dataset *data)
{
    return data->count > 0 && data->rows == model->rows && data->columns == model->columns;
}

static void add_size(tt_text *why, size_t rows, size_t columns)
{
    tt_text_add_unsigned(why, rows);
    tt_text_add(why, "x");
    tt_text_add_unsigned(why, columns);
}

void tt_refuse_dataset(const tt_model *model, const tt_dataset *data, const char *expected,
                       size_t images, tt_text *why)
{
    tt_text_add(why, "the model expects ");
    add_size(why, model->rows, model->columns);
    tt_text_add(why, expected);
    tt_text_add(why, "; the data set has ");
    tt_text_add_unsigned(why, images);
    tt_text_add(why, " of ");
    add_size(why, data->rows, data->columns);
}

bool tt_all_finite(const float *elements, size_t count)
{
    unsigned infinite = 0; // counted without a branch, so that the compiler makes vectors of it
    for (size_t i = 0; i < count; i++)
        infinite += !(fabsf(elements[i]) <= FLT_MAX);
    return infinite == 0;
}

typedef struct evaluation {
    const tt_dataset *dataset;
    const tt_model *model;
    size_t pieces; // each takes every so-manieth batch of images
    float *images; // (pieces, batch, pixels)
    uint8_t *answers;
} evaluation;

static void evaluate_part(void *context, size_t part)
{
    evaluation *e = context;
    size_t pixels = e->dataset->rows * e->dataset->columns, classes = e->model->classes;
    size_t batch = e->model->batch;
    float *images = e->images + part * batch * pixels;
    tt_executor *executor = tt_executor_new(e->model->graph, (tt_value *[]){e->model->logits}, 1);
    tt_executor_set(executor, e->model->image, images);
    for (size_t first = part * batch; first < e->dataset->count; first += e->pieces * batch) {
        size_t count = e->dataset->count - first;
        count = count < batch ? count : batch;
        for (size_t i = 0; i < count; i++)
            tt_image_load(images + i * pixels, e->dataset, first + i);
        tt_executor_run(executor);
        const float *logits = tt_executor_get(executor, e->model->logits);
        for (size_t i = 0; i < count; i++)
            e->answers[first + i] = (uint8_t)tt_logits_greatest(logits + i * classes, classes);
    }
    tt_executor_free(executor);
}

static double share_right(const evaluation *e, size_t *confusion)
{
    size_t right = 0, classes = e->model->classes;
    for (size_t i = 0; i < e->dataset->count; i++) {
        size_t label = e->dataset->labels[i];
        right += e->answers[i] == label;
        if (confusion != NULL && label < classes)
            confusion[label * classes + e->answers[i]]++;
    }
    return (double)right / (double)e->dataset->count;
}

tt_status tt_model_evaluate(const tt_model *model, const tt_dataset *dataset, unsigned threads,
                            double *accuracy, size_t *confusion, tt_text *why)
{
    if (!tt_dataset_fits(model, dataset)) {
        tt_refuse_dataset(model, dataset, " images to test with", dataset->count, why);
        return TT_INVALID;
    }
    tt_pool *pool = tt_pool_new(threads);
    evaluation e = {.dataset = dataset, .model = model, .pieces = tt_pool_threads(pool)};
    e.images = calloc(e.pieces * model->batch * dataset->rows * dataset->columns, sizeof(float));
    e.answers = calloc(dataset->count, 1);
    tt_status status = TT_FULL;
    if (e.images != NULL && e.answers != NULL) {
        tt_pool_run(pool, e.pieces, evaluate_part, &e);
        *accuracy = share_right(&e, confusion);
        status = TT_OK;
    }
    tt_pool_free(pool);
    free(e.images);
    free(e.answers);
    return status;
}
