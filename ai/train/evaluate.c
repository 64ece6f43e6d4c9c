// Running a model on images, and how often it is right.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ai/train/model_internal.h"

#define BATCH 50 // images at a time, where the network takes several

void tt_image_load(float *to, const uint8_t *pixels, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = (float)pixels[i] * (1.0f / 255);
}

// The first of the greatest; `classes` where one is no number, which is no answer.
static size_t greatest(const float *logits, size_t classes)
{
    size_t best = 0;
    for (size_t i = 0; i < classes; i++) {
        if (isnan(logits[i]))
            return classes;
        if (logits[i] > logits[best])
            best = i;
    }
    return best;
}

bool tt_dataset_fits(const tt_network *network, const tt_dataset *data)
{
    return data->count > 0 && (int64_t)data->rows == network->rows &&
           (int64_t)data->columns == network->columns;
}

static void add_size(tt_text *why, uint64_t rows, uint64_t columns)
{
    tt_text_add_unsigned(why, rows);
    tt_text_add(why, "x");
    tt_text_add_unsigned(why, columns);
}

void tt_refuse_dataset(const tt_network *network, const tt_dataset *data, const char *expected,
                       size_t images, tt_text *why)
{
    tt_text_add(why, "the model expects ");
    add_size(why, (uint64_t)network->rows, (uint64_t)network->columns);
    tt_text_add(why, expected);
    tt_text_add(why, "; the data set has ");
    tt_text_add_unsigned(why, images);
    tt_text_add(why, " of ");
    add_size(why, data->rows, data->columns);
}

static tt_graph *build(void *context, unsigned count, const int64_t *sizes)
{
    (void)count;
    tt_model *m = context;
    tt_graph *graph;
    m->refused = tt_model_graph(m, sizes[0], &graph, m->why);
    return graph;
}

// Up to BATCH images.
static tt_status run_batch(tt_model *m, const float *images, size_t count, float *logits,
                           tt_text *why)
{
    int64_t batch = (int64_t)count;
    size_t classes = (size_t)m->network.classes;
    tt_program *program;
    m->refused = TT_OK;
    m->why = why;
    tt_status status = tt_session_program(m->session, build, m, 1, &batch, &program, why);
    if (m->refused != TT_OK)
        status = m->refused; // for it there was no graph, whatever the reason
    if (status == TT_OK)
        status = tt_program_set(program, "image", images);
    if (status == TT_OK)
        status = tt_program_run(program, why);
    if (status == TT_OK)
        memcpy(logits, tt_program_result(program, 0, NULL), count * classes * sizeof(float));
    return status;
}

tt_status tt_model_run(tt_model *m, const uint8_t *images, size_t count, float *logits,
                       tt_text *why)
{
    size_t pixels = (size_t)(m->network.rows * m->network.columns);
    size_t each = m->network.build != NULL ? BATCH : 1;
    float *batch = calloc(each * pixels + 1, sizeof(float));
    tt_status status = batch != NULL ? TT_OK : TT_FULL;
    for (size_t first = 0; first < count && status == TT_OK; first += each) {
        size_t now = count - first < each ? count - first : each;
        tt_image_load(batch, images + first * pixels, now * pixels);
        status = run_batch(m, batch, now, logits + first * (size_t)m->network.classes, why);
    }
    free(batch);
    return status;
}

static double share_right(const tt_dataset *data, const float *logits, size_t classes,
                          size_t *confusion)
{
    size_t right = 0;
    for (size_t i = 0; i < data->count; i++) {
        size_t label = data->labels[i], answer = greatest(logits + i * classes, classes);
        right += answer == label && answer < classes;
        if (confusion != NULL && label < classes && answer < classes)
            confusion[label * classes + answer]++;
    }
    return (double)right / (double)data->count;
}

tt_status tt_model_evaluate(tt_model *m, const tt_dataset *dataset, double *accuracy,
                            size_t *confusion, tt_text *why)
{
    size_t classes = (size_t)m->network.classes;
    if (!tt_dataset_fits(&m->network, dataset)) {
        tt_refuse_dataset(&m->network, dataset, " images to test with", dataset->count, why);
        return TT_INVALID;
    }
    float *logits = calloc(dataset->count * classes, sizeof(float));
    tt_status status =
        logits != NULL ? tt_model_run(m, dataset->images, dataset->count, logits, why) : TT_FULL;
    if (status == TT_OK)
        *accuracy = share_right(dataset, logits, classes, confusion);
    free(logits);
    return status;
}
