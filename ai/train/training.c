// The training loop: shuffle, take a batch, run the step's program, report.

#include <math.h>
#include <stdlib.h>
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

// The optimiser's own options are checked by tt_optimise.
static tt_status check_options(const tt_train_options *o, tt_text *why)
{
    if (o->epochs == 0 || o->epochs > TT_EPOCHS_MAX)
        return refuse(why, "the number of epochs", o->epochs, "1 to 1000000");
    if (o->batch == 0 || o->batch > TT_BATCH_MAX)
        return refuse(why, "the batch", o->batch, "1 to 4096");
    if (o->schedule != TT_RATE_CONSTANT && o->schedule != TT_RATE_LINEAR &&
        o->schedule != TT_RATE_COSINE)
        return refuse(why, "the kind of schedule", (uint64_t)o->schedule,
                      "0 (constant), 1 (linear) or 2 (cosine)");
    if (!(o->learning_rate > 0 && isfinite(o->learning_rate)))
        return refuse_text(why, "the learning rate is no number above 0");
    if (!(o->warm_up >= 0 && o->warm_up <= TT_EPOCHS_MAX))
        return refuse_text(why, "the warm-up is no number of epochs from 0 to 1000000");
    return TT_OK;
}

// All but the options; what was made is the training's also on failure.
static tt_status prepare(tt_training *t, tt_text *why)
{
    const tt_train_options *o = &t->options;
    tt_session_options session = {.threads = o->threads};
    tt_status status = tt_model_new(o->network, &session, &t->model, why);
    if (status == TT_OK)
        status = tt_training_graph(t->model, o, &t->graph, why);
    if (status == TT_OK)
        status = tt_session_load(t->model->session, t->graph, &t->program, why);
    if (status != TT_OK)
        return status;
    const tt_network *n = &t->model->network;
    t->images = calloc(o->batch * (size_t)(n->rows * n->columns) + 1, sizeof(*t->images));
    t->labels = calloc(o->batch, sizeof(*t->labels));
    if (t->images == NULL || t->labels == NULL)
        return TT_FULL;
    tt_model_initialise(t->model, o->seed);
    status = tt_program_set(t->program, "image", t->images);
    TT_CHECK(status == TT_OK);
    status = tt_program_set(t->program, "label", t->labels);
    TT_CHECK(status == TT_OK);
    status = tt_program_set(t->program, "rate", &t->rate);
    TT_CHECK(status == TT_OK);
    return tt_program_guard(t->program, "loss");
}

tt_status tt_training_new(const tt_train_options *options, tt_training **training, tt_text *why)
{
    *training = NULL;
    tt_status status = check_options(options, why);
    if (status != TT_OK)
        return status;
    tt_training *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return TT_FULL;
    t->options = *options;
    status = prepare(t, why);
    if (status != TT_OK) {
        tt_training_free(t);
        return status;
    }
    *training = t;
    return TT_OK;
}

void tt_training_free(tt_training *t)
{
    if (t == NULL)
        return;
    tt_model_free(t->model);
    tt_graph_free(t->graph);
    free(t->images);
    free(t->labels);
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

const char *tt_training_uncompiled(const tt_training *t)
{
    return t->program != NULL ? tt_program_uncompiled(t->program) : "";
}

double tt_training_images_per_second(const tt_training *t)
{
    return t->seconds > 0 ? (double)t->images_seen / t->seconds : 0;
}

// ---- the loop

// What a run needs besides the training.
typedef struct run {
    const tt_dataset *train, *test;
    uint32_t *order;
    size_t steps; // an epoch; what does not fill a batch waits for another epoch's order
    tt_schedule schedule;
} run;

static tt_status run_step(tt_training *t, const run *r, tt_text *why)
{
    size_t batch = t->options.batch, pixels = r->train->rows * r->train->columns;
    const uint32_t *order = r->order + t->steps_done * batch;
    char sentence[512];
    tt_text found;
    tt_text_init(&found, sentence, sizeof(sentence));
    double begin = clock_seconds();
    for (size_t i = 0; i < batch; i++) {
        tt_image_load(t->images + i * pixels, r->train->images + order[i] * pixels, pixels);
        t->labels[i] = r->train->labels[order[i]];
    }
    t->rate = tt_schedule_at(&r->schedule, t->epochs_done * r->steps + t->steps_done);
    tt_status status = tt_program_run(t->program, &found);
    if (status != TT_OK) {
        tt_text_add(why, "epoch ");
        tt_text_add_unsigned(why, t->epochs_done + 1);
        tt_text_add(why, ", step ");
        tt_text_add_unsigned(why, t->steps_done + 1);
        tt_text_add(why, ": ");
        tt_text_add(why, sentence[0] != '\0' ? sentence : tt_status_text(status));
        tt_text_add(why, status == TT_TOO_LARGE ? "; the training has diverged" : "");
        return status;
    }
    t->loss += (double)*(const float *)tt_program_result(t->program, 0, NULL);
    t->right += (size_t) * (const int32_t *)tt_program_result(t->program, 1, NULL);
    t->seconds += clock_seconds() - begin;
    t->images_seen += batch;
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
        .loss = t->loss / done,
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
        status = tt_model_evaluate(t->model, r->test, &progress.test_accuracy, NULL, why);
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
    const tt_network *model = &t->model->network;
    if (!tt_dataset_fits(model, train) || images < t->options.batch) {
        tt_refuse_dataset(model, train, " images and at least one batch of them", images, why);
        return TT_INVALID;
    }
    if (!tt_dataset_fits(model, test)) {
        tt_refuse_dataset(model, test, " images to test with", test->count, why);
        return TT_INVALID;
    }
    for (size_t i = 0; i < images; i++)
        if ((int64_t)train->labels[i] >= model->classes) {
            tt_text_add(why, "image ");
            tt_text_add_unsigned(why, i);
            tt_text_add(why, " has label ");
            tt_text_add_unsigned(why, train->labels[i]);
            tt_text_add(why, ", but the model has ");
            tt_text_add_signed(why, model->classes);
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
    run r = {train, test, malloc(images * sizeof(uint32_t)), images / o->batch,
             tt_training_schedule(o, images / o->batch)};
    status = r.order != NULL ? run_epochs(t, &r, why) : TT_FULL;
    free(r.order);
    return status;
}
