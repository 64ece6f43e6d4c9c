// The training loop: shuffle, cut a batch into shards, run them on the pool, sum, update, report.

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#include "ai/train/training.h"
#include "tutti/check.h"

static double clock_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

// ---- making one

// `what` is `found`, which is not `expected`.
static tt_status refuse(tt_text *why, const char *what, uint64_t found, const char *expected)
{
    tt_text_add(why, what);
    tt_text_add(why, " is ");
    tt_text_add_unsigned(why, found);
    tt_text_add(why, ", expected ");
    tt_text_add(why, expected);
    return TT_INVALID;
}

static tt_status refuse_text(tt_text *why, const char *sentence)
{
    tt_text_add(why, sentence);
    return TT_INVALID;
}

static tt_status check_options(const tt_train_options *o, tt_text *why)
{
    const tt_optimiser *optimiser = &o->optimiser;
    if (o->epochs == 0 || o->epochs > TT_EPOCHS_MAX)
        return refuse(why, "the number of epochs", o->epochs, "1 to 1000000");
    if (o->batch == 0 || o->batch % TT_SHARDS != 0 || o->batch > TT_BATCH_MAX)
        return refuse(why, "the batch", o->batch, "a multiple of 4 up to 4096");
    if (o->threads > TT_POOL_THREADS_MAX)
        return refuse(why, "the number of threads", o->threads, "at most 1024");
    if (!(o->learning_rate > 0 && o->learning_rate <= FLT_MAX))
        return refuse_text(why, "the learning rate is no number above 0");
    if (optimiser->kind != TT_SGD && optimiser->kind != TT_ADAM)
        return refuse(why, "the kind of optimiser", (uint64_t)optimiser->kind,
                      "0 (SGD) or 1 (Adam)");
    bool adam = optimiser->kind == TT_ADAM;
    if (!(optimiser->momentum >= 0 && optimiser->momentum < 1) ||
        (adam && !(optimiser->momentum_square >= 0 && optimiser->momentum_square < 1)))
        return refuse_text(why, "the optimiser's momentum is no number from 0 to below 1");
    if (!(optimiser->weight_decay >= 0 && optimiser->weight_decay <= FLT_MAX) ||
        (adam && !(optimiser->epsilon > 0 && optimiser->epsilon <= FLT_MAX)))
        return refuse_text(why, "the optimiser's weight decay or epsilon is no number from 0 on");
    return TT_OK;
}

// The executors, what they read, and the optimiser's state; false without memory.
static bool allocate(tt_training *t)
{
    tt_model *m = t->model;
    tt_value *outputs[TT_MODEL_PARAMETERS_MAX + 2];
    memcpy(outputs, t->gradients, sizeof(t->gradients));
    outputs[m->parameter_count] = m->loss;
    outputs[m->parameter_count + 1] = m->logits;
    for (int i = 0; i < TT_SHARDS; i++) {
        t->executors[i] = tt_executor_new(m->graph, outputs, m->parameter_count + 2);
        t->images[i] = calloc(tt_shape_count(&m->image->shape), sizeof(float));
        t->labels[i] = calloc(m->batch, sizeof(int32_t));
        if (t->images[i] == NULL || t->labels[i] == NULL)
            return false;
        tt_executor_set(t->executors[i], m->image, t->images[i]);
        tt_executor_set(t->executors[i], m->label, t->labels[i]);
    }
    for (size_t i = 0; i < m->parameter_count; i++) {
        t->states[i] = calloc(2 * tt_shape_count(&m->parameters[i]->shape), sizeof(float));
        if (t->states[i] == NULL)
            return false;
    }
    return true;
}

tt_status tt_training_new(const tt_train_options *options, tt_training **training, tt_text *why)
{
    *training = NULL;
    tt_status status = check_options(options, why);
    if (status != TT_OK)
        return status;
    tt_training *t = calloc(1, sizeof(*t));
    tt_model *m = t != NULL ? tt_model_new(options->batch / TT_SHARDS) : NULL;
    if (m == NULL) {
        free(t);
        return TT_FULL;
    }
    t->options = *options;
    t->model = m;
    tt_model_initialise(m, options->seed);
    status = tt_graph_gradient(m->graph, m->loss, m->parameters, m->parameter_count, t->gradients);
    TT_CHECK(status == TT_OK);
    if (!allocate(t)) {
        tt_training_free(t);
        return TT_FULL;
    }
    *training = t;
    return TT_OK;
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

size_t tt_training_steps_done(const tt_training *t)
{
    return t->steps_done;
}

uint64_t tt_training_seed(const tt_training *t)
{
    return t->options.seed;
}

size_t tt_training_images(const tt_training *t)
{
    return t->image_count;
}

double tt_training_images_per_second(const tt_training *t)
{
    return t->seconds > 0 ? (double)t->images_seen / t->seconds : 0;
}

// ---- one step

typedef struct batch_context {
    tt_training *training;
    const tt_dataset *data;
    const uint32_t *order; // of this batch
} batch_context;

static void run_shard(void *context, size_t shard)
{
    batch_context *batch = context;
    tt_training *t = batch->training;
    size_t images = t->model->batch, pixels = batch->data->rows * batch->data->columns;
    for (size_t i = 0; i < images; i++) {
        size_t index = batch->order[shard * images + i];
        tt_image_load(t->images[shard] + i * pixels, batch->data, index);
        t->labels[shard][i] = batch->data->labels[index];
    }
    tt_executor_run(t->executors[shard]);
}

// What stopped being a finite number: "the loss", or the gradient or the weights of `name`.
typedef struct infinite {
    const char *what, *name;
} infinite;

// The shards' losses are added to the epoch's; false where they are no finite number.
static bool count_results(tt_training *t)
{
    const tt_model *m = t->model;
    double loss = 0;
    size_t right = 0;
    for (int shard = 0; shard < TT_SHARDS; shard++) {
        loss += *(const float *)tt_executor_get(t->executors[shard], m->loss);
        const float *logits = tt_executor_get(t->executors[shard], m->logits);
        for (size_t i = 0; i < m->batch; i++)
            right += tt_logits_greatest(logits + i * m->classes, m->classes) ==
                     (size_t)t->labels[shard][i];
    }
    t->loss += loss;
    t->right += right;
    return isfinite(loss);
}

// Sums the shards' gradients in their order, where the first shard has its own: an executor's
// output is free until its next run.
static bool sum_gradients(tt_training *t, infinite *found)
{
    const tt_model *m = t->model;
    for (size_t p = 0; p < m->parameter_count; p++) {
        size_t count = tt_shape_count(&m->parameters[p]->shape);
        float *sum = (float *)tt_executor_get(t->executors[0], t->gradients[p]);
        for (int shard = 1; shard < TT_SHARDS; shard++) {
            const float *gradient = tt_executor_get(t->executors[shard], t->gradients[p]);
            for (size_t i = 0; i < count; i++)
                sum[i] += gradient[i];
        }
        for (size_t i = 0; i < count; i++)
            sum[i] *= 1.0f / TT_SHARDS;
        if (!tt_all_finite(sum, count)) {
            *found = (infinite){"the gradient of ", m->parameters[p]->name};
            return false;
        }
    }
    return true;
}

static bool update(tt_training *t, size_t step, float rate, infinite *found)
{
    const tt_model *m = t->model;
    for (size_t p = 0; p < m->parameter_count; p++) {
        size_t count = tt_shape_count(&m->parameters[p]->shape);
        const float *sum = tt_executor_get(t->executors[0], t->gradients[p]);
        tt_optimiser_update(&t->options.optimiser, step + 1, rate, count, m->parameters[p]->data,
                            sum, t->states[p]);
        if (!tt_all_finite(m->parameters[p]->data, count) ||
            !tt_all_finite(t->states[p], 2 * count)) {
            *found = (infinite){"a weight or the optimiser's state of ", m->parameters[p]->name};
            return false;
        }
    }
    return true;
}

// ---- the loop

// What a run needs besides the training.
typedef struct run {
    const tt_dataset *train, *test;
    tt_pool *pool;
    uint32_t *order;
    size_t steps; // an epoch; what does not fill a batch waits for another epoch's order
} run;

static tt_status diverged(const tt_training *t, const infinite *found, tt_text *why)
{
    tt_text_add(why, "epoch ");
    tt_text_add_unsigned(why, t->epochs_done + 1);
    tt_text_add(why, ", step ");
    tt_text_add_unsigned(why, t->steps_done + 1);
    tt_text_add(why, ": ");
    tt_text_add(why, found->what);
    tt_text_add(why, found->name);
    tt_text_add(why, " is no finite number; the training has diverged");
    return TT_TOO_LARGE;
}

static tt_status run_step(tt_training *t, const run *r, tt_text *why)
{
    const tt_train_options *o = &t->options;
    infinite found = {"the loss", ""};
    double begin = clock_seconds();
    batch_context batch = {t, r->train, r->order + t->steps_done * o->batch};
    tt_pool_run(r->pool, TT_SHARDS, run_shard, &batch);
    size_t step = t->epochs_done * r->steps + t->steps_done;
    if (!count_results(t) || !sum_gradients(t, &found) ||
        !update(t, step, tt_learning_rate_at(o, step, r->steps), &found))
        return diverged(t, &found, why);
    t->seconds += clock_seconds() - begin;
    t->images_seen += o->batch;
    return TT_OK;
}

// Counts the step, so that a checkpoint made from the report on goes on after it.
static tt_status finish_step(tt_training *t, const run *r, tt_text *why)
{
    const tt_train_options *o = &t->options;
    double done = (double)++t->steps_done;
    tt_progress progress = {
        .epoch = t->epochs_done + 1,
        .epochs = o->epochs,
        .step = t->steps_done,
        .steps = r->steps,
        .loss = t->loss / (done * TT_SHARDS),
        .accuracy = (double)t->right / (done * (double)o->batch),
        .images_per_second = tt_training_images_per_second(t),
        .epoch_end = t->steps_done == r->steps,
        .test_accuracy = -1,
    };
    size_t steps_left = (size_t)o->epochs * r->steps - t->epochs_done * r->steps - t->steps_done;
    progress.seconds_left = (double)(steps_left * o->batch) / progress.images_per_second;
    if (progress.epoch_end) {
        t->epochs_done++;
        t->steps_done = t->right = 0;
        t->loss = 0;
    }
    tt_status status = TT_OK;
    if (progress.epoch_end && o->evaluate_each_epoch)
        status =
            tt_model_evaluate(t->model, r->test, o->threads, &progress.test_accuracy, NULL, why);
    if (o->on_progress != NULL)
        o->on_progress(&progress, o->context);
    return status;
}

static tt_status cancelled(const tt_training *t, const run *r, tt_text *why)
{
    tt_text_add(why, "interrupted after ");
    tt_text_add_unsigned(why, t->epochs_done);
    tt_text_add(why, " of ");
    tt_text_add_unsigned(why, t->options.epochs);
    tt_text_add(why, " epochs and ");
    tt_text_add_unsigned(why, t->steps_done);
    tt_text_add(why, " of ");
    tt_text_add_unsigned(why, r->steps);
    tt_text_add(why, " steps");
    return TT_CANCELLED;
}

static tt_status run_epochs(tt_training *t, const run *r, tt_text *why)
{
    const tt_train_options *o = &t->options;
    unsigned end = o->stop_after > 0 && o->stop_after < o->epochs ? o->stop_after : o->epochs;
    while (t->epochs_done < end) {
        unsigned epoch = t->epochs_done;
        tt_training_order(r->order, t->image_count, o->seed, epoch);
        while (t->epochs_done == epoch) {
            if (o->stop != NULL && *o->stop != 0)
                return cancelled(t, r, why);
            tt_status status = run_step(t, r, why);
            if (status == TT_OK)
                status = finish_step(t, r, why);
            if (status != TT_OK)
                return status;
        }
    }
    return TT_OK;
}

static tt_status check_data(const tt_training *t, const tt_dataset *train, const tt_dataset *test,
                            size_t images, tt_text *why)
{
    const tt_model *model = t->model;
    if (!tt_dataset_fits(model, train) || images < t->options.batch) {
        tt_refuse_dataset(model, train, " images and at least one batch of them", images, why);
        return TT_INVALID;
    }
    if (!tt_dataset_fits(model, test)) {
        tt_refuse_dataset(model, test, " images to test with", test->count, why);
        return TT_INVALID;
    }
    for (size_t i = 0; i < images; i++)
        if (train->labels[i] >= model->classes) {
            tt_text_add(why, "image ");
            tt_text_add_unsigned(why, i);
            tt_text_add(why, " has label ");
            tt_text_add_unsigned(why, train->labels[i]);
            tt_text_add(why, ", but the model has ");
            tt_text_add_unsigned(why, model->classes);
            tt_text_add(why, " classes");
            return TT_INVALID;
        }
    return TT_OK;
}

// The same bits need the same images in the same order.
static tt_status expect_same_data(tt_training *t, const tt_dataset *train, size_t images,
                                  tt_text *why)
{
    size_t pixels = train->rows * train->columns;
    uint32_t crc =
        (uint32_t)crc32_z(crc32_z(0, train->images, images * pixels), train->labels, images);
    if (t->image_count == 0) {
        t->image_count = images;
        t->data_crc = crc;
    }
    if (t->image_count == images && t->data_crc == crc)
        return TT_OK;
    tt_text_add(why, "the training began with ");
    tt_text_add_unsigned(why, t->image_count);
    tt_text_add(why, " images of CRC ");
    tt_text_add_hex(why, t->data_crc, 8);
    tt_text_add(why, ", the data set has ");
    tt_text_add_unsigned(why, images);
    tt_text_add(why, " of CRC ");
    tt_text_add_hex(why, crc, 8);
    return TT_INVALID;
}

tt_status tt_training_run(tt_training *t, const tt_dataset *train, const tt_dataset *test,
                          tt_text *why)
{
    const tt_train_options *o = &t->options;
    size_t images = train->count;
    if (o->images_max > 0 && o->images_max < images)
        images = o->images_max;
    tt_status status = check_data(t, train, test, images, why);
    if (status == TT_OK)
        status = expect_same_data(t, train, images, why);
    if (status != TT_OK)
        return status;
    run r = {train, test, tt_pool_new(o->threads), malloc(images * sizeof(uint32_t)),
             images / o->batch};
    status = r.order != NULL ? run_epochs(t, &r, why) : TT_FULL;
    tt_pool_free(r.pool);
    free(r.order);
    return status;
}
