// The training loop: shuffle, cut a batch into shards, run them on the pool, sum, update, report.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ai/train/training.h"
#include "tutti/check.h"

static void *allocate_or_end(size_t count, size_t bytes)
{
    void *memory = calloc(count, bytes);
    if (memory == NULL) {
        fprintf(stderr, "tutti: out of memory: %zu bytes for a training\n", count * bytes);
        exit(1);
    }
    return memory;
}

static double clock_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

tt_training *tt_training_new(const tt_train_options *options)
{
    TT_CHECK(options->batch > 0 && options->batch % TT_SHARDS == 0 && options->epochs > 0);
    tt_training *t = allocate_or_end(1, sizeof(*t));
    t->options = *options;
    t->model = tt_model_new(options->batch / TT_SHARDS);
    tt_model_initialise(t->model, options->seed);
    tt_model *m = t->model;
    tt_status status =
        tt_graph_gradient(m->graph, m->loss, m->parameters, m->parameter_count, t->gradients);
    TT_CHECK(status == TT_OK);
    tt_value *outputs[TT_MODEL_PARAMETERS_MAX + 2];
    memcpy(outputs, t->gradients, sizeof(t->gradients));
    outputs[m->parameter_count] = m->loss;
    outputs[m->parameter_count + 1] = m->logits;
    for (int i = 0; i < TT_SHARDS; i++) {
        t->executors[i] = tt_executor_new(m->graph, outputs, m->parameter_count + 2);
        t->images[i] = allocate_or_end(tt_shape_count(&m->image->shape), sizeof(float));
        t->labels[i] = allocate_or_end(m->batch, sizeof(int32_t));
        tt_executor_set(t->executors[i], m->image, t->images[i]);
        tt_executor_set(t->executors[i], m->label, t->labels[i]);
    }
    for (size_t i = 0; i < m->parameter_count; i++)
        t->states[i] = allocate_or_end(2 * tt_shape_count(&m->parameters[i]->shape), sizeof(float));
    return t;
}

void tt_training_free(tt_training *t)
{
    if (t == NULL)
        return;
    for (int i = 0; i < TT_SHARDS; i++) {
        tt_executor_free(t->executors[i]);
        free(t->images[i]);
        free(t->labels[i]);
    }
    for (size_t i = 0; i < t->model->parameter_count; i++)
        free(t->states[i]);
    tt_model_free(t->model);
    free(t);
}

tt_model *tt_training_model(tt_training *t)
{
    return t->model;
}

unsigned tt_training_epochs_done(const tt_training *t)
{
    return t->epochs_done;
}

uint64_t tt_training_seed(const tt_training *t)
{
    return t->options.seed;
}

double tt_training_images_per_second(const tt_training *t)
{
    return t->seconds > 0 ? (double)t->images_seen / t->seconds : 0;
}

// The order of an epoch depends on the seed and the epoch alone, so a resumed training has it too.
static void shuffle(uint32_t *order, size_t count, uint64_t seed, unsigned epoch)
{
    tt_random random;
    tt_random_seed(&random, seed * 0x100000001b3u + epoch);
    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    for (size_t i = count; i > 1; i--) { // Fisher and Yates
        size_t other = tt_random_below(&random, i);
        uint32_t swap = order[i - 1];
        order[i - 1] = order[other];
        order[other] = swap;
    }
}

static float learning_rate_at(const tt_train_options *options, size_t step, size_t steps_an_epoch)
{
    double warm = (double)steps_an_epoch / 2, all = (double)steps_an_epoch * options->epochs;
    double at = (double)step;
    if (at < warm)
        return (float)(options->learning_rate * (at + 1) / warm);
    return (float)(options->learning_rate * 0.5 * (1 + cos(M_PI * (at - warm) / (all - warm))));
}

typedef struct batch_context {
    tt_training *training;
    const tt_dataset *data;
    const uint32_t *order; // of this batch
} batch_context;

static void load_image(float *to, const tt_dataset *data, size_t index)
{
    size_t pixels = data->rows * data->columns;
    const uint8_t *from = data->images + index * pixels;
    for (size_t i = 0; i < pixels; i++)
        to[i] = (float)from[i] * (1.0f / 255);
}

static void run_shard(void *context, size_t shard)
{
    batch_context *batch = context;
    tt_training *t = batch->training;
    size_t images = t->model->batch, pixels = batch->data->rows * batch->data->columns;
    for (size_t i = 0; i < images; i++) {
        size_t index = batch->order[shard * images + i];
        load_image(t->images[shard] + i * pixels, batch->data, index);
        t->labels[shard][i] = batch->data->labels[index];
    }
    tt_executor_run(t->executors[shard]);
}

static size_t greatest(const float *logits, size_t classes)
{
    size_t best = 0;
    for (size_t i = 1; i < classes; i++)
        if (logits[i] > logits[best])
            best = i;
    return best;
}

// Sums the shards' gradients in their order and updates the parameters.
static void update(tt_training *t, size_t step, float rate)
{
    tt_model *m = t->model;
    for (size_t p = 0; p < m->parameter_count; p++) {
        size_t count = tt_shape_count(&m->parameters[p]->shape);
        // The first shard's output is its executor's own and free until its next run: sum there.
        float *sum = (float *)tt_executor_get(t->executors[0], t->gradients[p]);
        for (int shard = 1; shard < TT_SHARDS; shard++) {
            const float *gradient = tt_executor_get(t->executors[shard], t->gradients[p]);
            for (size_t i = 0; i < count; i++)
                sum[i] += gradient[i];
        }
        for (size_t i = 0; i < count; i++)
            sum[i] *= 1.0f / TT_SHARDS;
        tt_optimiser_update(&t->options.optimiser, step + 1, rate, count, m->parameters[p]->data,
                            sum, t->states[p]);
    }
}

static void count_results(const tt_training *t, double *loss, size_t *right)
{
    const tt_model *m = t->model;
    for (int shard = 0; shard < TT_SHARDS; shard++) {
        *loss += *(const float *)tt_executor_get(t->executors[shard], m->loss);
        const float *logits = tt_executor_get(t->executors[shard], m->logits);
        for (size_t i = 0; i < m->batch; i++)
            *right += greatest(logits + i * m->classes, m->classes) == (size_t)t->labels[shard][i];
    }
}

static void run_epoch(tt_training *t, tt_pool *pool, const tt_dataset *train,
                      const tt_dataset *test, uint32_t *order, size_t images)
{
    const tt_train_options *o = &t->options;
    size_t steps = images / o->batch; // what does not fill a batch waits for another epoch's order
    double loss = 0;
    size_t right = 0;
    shuffle(order, images, o->seed, t->epochs_done);
    for (size_t step = 0; step < steps; step++) {
        double begin = clock_seconds();
        batch_context batch = {t, train, order + step * o->batch};
        tt_pool_run(pool, TT_SHARDS, run_shard, &batch);
        size_t total_step = t->epochs_done * steps + step;
        count_results(t, &loss, &right);
        update(t, total_step, learning_rate_at(o, total_step, steps));
        t->seconds += clock_seconds() - begin;
        t->images_seen += o->batch;
        if (o->on_progress == NULL)
            continue;
        double done = (double)(step + 1);
        tt_progress progress = {
            .epoch = t->epochs_done + 1,
            .epochs = o->epochs,
            .step = step + 1,
            .steps = steps,
            .loss = loss / (done * TT_SHARDS),
            .accuracy = (double)right / (done * (double)o->batch),
            .images_per_second = tt_training_images_per_second(t),
            .epoch_end = step + 1 == steps,
            .test_accuracy = -1,
        };
        progress.seconds_left =
            (double)((o->epochs * steps - total_step - 1) * o->batch) / progress.images_per_second;
        if (progress.epoch_end && o->evaluate_each_epoch)
            progress.test_accuracy = tt_model_evaluate(t->model, test, o->threads, NULL);
        o->on_progress(&progress, o->context);
    }
    t->epochs_done++;
}

static bool fits(const tt_model *model, const tt_dataset *data)
{
    return data->count > 0 && data->rows == model->rows && data->columns == model->columns;
}

tt_status tt_training_run(tt_training *t, const tt_dataset *train, const tt_dataset *test,
                          tt_text *why)
{
    const tt_train_options *o = &t->options;
    size_t images = train->count;
    if (o->images_max > 0 && o->images_max < images)
        images = o->images_max;
    if (!fits(t->model, train) || images < o->batch || !fits(t->model, test)) {
        const tt_dataset *wrong = fits(t->model, train) && images >= o->batch ? test : train;
        tt_text_add(why, wrong == test
                             ? "the model expects 28x28 images to test with; the data set "
                               "has "
                             : "the model expects 28x28 images and at least one batch of "
                               "them; the data set has ");
        tt_text_add_unsigned(why, wrong == test ? test->count : images);
        tt_text_add(why, " of ");
        tt_text_add_unsigned(why, wrong->rows);
        tt_text_add(why, "x");
        tt_text_add_unsigned(why, wrong->columns);
        return TT_INVALID;
    }
    for (size_t i = 0; i < images; i++)
        if (train->labels[i] >= t->model->classes) {
            tt_text_add(why, "image ");
            tt_text_add_unsigned(why, i);
            tt_text_add(why, " has label ");
            tt_text_add_unsigned(why, train->labels[i]);
            tt_text_add(why, ", but the model has ");
            tt_text_add_unsigned(why, t->model->classes);
            tt_text_add(why, " classes");
            return TT_INVALID;
        }
    uint32_t *order = allocate_or_end(images, sizeof(order[0]));
    tt_pool *pool = tt_pool_new(o->threads);
    unsigned end = o->stop_after > 0 && o->stop_after < o->epochs ? o->stop_after : o->epochs;
    while (t->epochs_done < end)
        run_epoch(t, pool, train, test, order, images);
    tt_pool_free(pool);
    free(order);
    return TT_OK;
}

// Evaluation runs in batches of its own size, each piece of work with an executor of its own.
#define EVALUATION_BATCH 50

typedef struct evaluation {
    const tt_dataset *dataset;
    tt_model *model;
    size_t pieces; // each takes every so-manieth batch of images
    uint8_t *answers;
} evaluation;

static void evaluate_part(void *context, size_t part)
{
    evaluation *e = context;
    size_t pixels = e->dataset->rows * e->dataset->columns, classes = e->model->classes;
    float *images = allocate_or_end(EVALUATION_BATCH * pixels, sizeof(float));
    tt_executor *executor = tt_executor_new(e->model->graph, &e->model->logits, 1);
    tt_executor_set(executor, e->model->image, images);
    for (size_t first = part * EVALUATION_BATCH; first < e->dataset->count;
         first += e->pieces * EVALUATION_BATCH) {
        size_t count = e->dataset->count - first;
        count = count < EVALUATION_BATCH ? count : EVALUATION_BATCH;
        for (size_t i = 0; i < count; i++)
            load_image(images + i * pixels, e->dataset, first + i);
        tt_executor_run(executor);
        const float *logits = tt_executor_get(executor, e->model->logits);
        for (size_t i = 0; i < count; i++)
            e->answers[first + i] = (uint8_t)greatest(logits + i * classes, classes);
    }
    tt_executor_free(executor);
    free(images);
}

double tt_model_evaluate(const tt_model *model, const tt_dataset *dataset, unsigned threads,
                         size_t *confusion)
{
    TT_CHECK(fits(model, dataset));
    tt_pool *pool = tt_pool_new(threads);
    evaluation e = {.dataset = dataset,
                    .model = tt_model_new(EVALUATION_BATCH),
                    .pieces = tt_pool_threads(pool),
                    .answers = allocate_or_end(dataset->count, 1)};
    tt_model_copy_parameters(e.model, model);
    tt_pool_run(pool, e.pieces, evaluate_part, &e);
    size_t right = 0;
    for (size_t i = 0; i < dataset->count; i++) {
        right += e.answers[i] == dataset->labels[i];
        if (confusion != NULL && dataset->labels[i] < model->classes)
            confusion[dataset->labels[i] * model->classes + e.answers[i]]++;
    }
    tt_pool_free(pool);
    tt_model_free(e.model);
    free(e.answers);
    return (double)right / (double)dataset->count;
}
