// What each step of a training is given: the images of its epoch's order with their labels, and the
// rate of the schedule; and what it tells of them.

#include <math.h>

#include "ai/train/training.h"
#include "tests/ai/train/made_up.h"

#define COUNT 39 // of which 4 batches of 9 are learnt from each epoch, and 3 wait
#define BATCH 9
#define EPOCHS 3

typedef struct seen {
    tt_training *training;
    const tt_dataset *data;
    unsigned steps;
    double loss, right; // sums of the epoch so far, as they should be
    long next_right;    // of the next step's images, as the model is now
} seen;

static void check_images(const seen *s, const uint32_t *order)
{
    const tt_training *t = s->training;
    size_t pixels = s->data->rows * s->data->columns;
    float *image = malloc(pixels * sizeof(*image));
    REQUIRE(image != NULL);
    for (size_t i = 0; i < BATCH; i++) {
        tt_image_load(image, s->data->images + order[i] * pixels, pixels);
        EXPECT(memcmp(t->images + i * pixels, image, pixels * sizeof(*image)) == 0);
        EXPECT_EQUAL(t->labels[i], s->data->labels[order[i]]);
    }
    free(image);
}

// How many of a step's images the model, as it is, has right.
static long right_of(const seen *s, unsigned step)
{
    uint32_t order[COUNT];
    size_t pixels = s->data->rows * s->data->columns;
    tt_dataset some = {.count = BATCH, .rows = s->data->rows, .columns = s->data->columns};
    double accuracy;
    some.images = malloc(BATCH * pixels);
    some.labels = malloc(BATCH);
    REQUIRE(some.images != NULL && some.labels != NULL);
    tt_training_order(order, COUNT, s->training->options.seed, step / (COUNT / BATCH));
    for (size_t i = 0; i < BATCH; i++) {
        uint32_t image = order[step % (COUNT / BATCH) * BATCH + i];
        memcpy(some.images + i * pixels, s->data->images + image * pixels, pixels);
        some.labels[i] = s->data->labels[image];
    }
    REQUIRE(tt_model_evaluate(s->training->model, &some, &accuracy, NULL, NULL) == TT_OK);
    tt_dataset_free(&some);
    return lround(accuracy * BATCH);
}

static void check_step(const tt_progress *progress, void *context)
{
    seen *s = context;
    const tt_training *t = s->training;
    const tt_train_options *o = &t->options;
    uint32_t order[COUNT];
    unsigned steps = COUNT / BATCH, epoch = s->steps / steps, step = s->steps % steps;
    EXPECT_EQUAL(progress->epoch, epoch + 1);
    EXPECT_EQUAL(progress->epochs, EPOCHS);
    EXPECT_EQUAL(progress->step, step + 1);
    EXPECT_EQUAL(progress->steps, steps);
    tt_training_order(order, COUNT, o->seed, epoch);
    check_images(s, order + step * BATCH);
    tt_schedule schedule = tt_training_schedule(o, steps);
    EXPECT(t->rate == tt_schedule_at(&schedule, s->steps));
    double loss = (double)*(const float *)tt_program_result(t->program, 0, NULL);
    int32_t right = *(const int32_t *)tt_program_result(t->program, 1, NULL);
    s->loss = step == 0 ? loss : s->loss + loss;
    s->right = step == 0 ? right : s->right + right;
    EXPECT_EQUAL(right, s->next_right);
    EXPECT(fabs(progress->loss - s->loss / (step + 1)) < 1e-12);
    EXPECT(fabs(progress->accuracy - s->right / ((step + 1) * BATCH)) < 1e-12);
    EXPECT(progress->images_per_second > 0 && isfinite(progress->images_per_second));
    double left = (EPOCHS * steps - s->steps - 1.0) * BATCH / progress->images_per_second;
    EXPECT(fabs(progress->seconds_left - left) <= 1e-9 * left);
    EXPECT_EQUAL(progress->epoch_end, step + 1 == steps);
    EXPECT(progress->test_accuracy == -1 || (progress->epoch_end && o->evaluate_each_epoch));
    s->steps++;
    s->next_right = right_of(s, s->steps);
}

static void check_training(tt_rate_kind kind, double warm_up, uint64_t seed)
{
    tt_dataset data = make_data(COUNT, seed);
    seen s = {.data = &data};
    tt_train_options options = options_of(TT_ADAM);
    options.batch = BATCH;
    options.epochs = EPOCHS;
    options.seed = seed;
    options.schedule = kind;
    options.warm_up = warm_up;
    options.threads = 1;
    options.on_progress = check_step;
    options.context = &s;
    s.training = new_training(&options);
    s.next_right = right_of(&s, 0);
    // In three runs: what is done stays done.
    for (unsigned stop = 1; stop <= EPOCHS; stop++) {
        s.training->options.stop_after = stop;
        EXPECT_EQUAL(tt_training_run(s.training, &data, &data, NULL), TT_OK);
        EXPECT_EQUAL(s.steps, stop * (COUNT / BATCH));
        EXPECT_EQUAL(tt_training_epochs_done(s.training), stop);
    }
    EXPECT_EQUAL(tt_training_images(s.training), COUNT);
    EXPECT_EQUAL(s.training->images_seen, EPOCHS * (COUNT / BATCH) * BATCH);
    tt_training_free(s.training);
    tt_dataset_free(&data);
}

// The seed makes the first weights, and only the first images are learnt from where that is asked
// for.
static void test_part(void)
{
    tt_dataset data = make_data(COUNT, 4), part = data;
    part.count = 20;
    tt_train_options options = options_of(TT_SGD);
    options.batch = BATCH;
    options.seed = 4;
    tt_training *whole = new_training(&options), *cut = new_training(&options);
    options.images_max = 20;
    tt_training *some = new_training(&options);
    tt_model *fresh;
    tt_type type;
    REQUIRE(tt_model_new(NULL, NULL, &fresh, NULL) == TT_OK);
    tt_model_initialise(fresh, 4);
    const void *first = tt_session_bytes(tt_model_session(fresh), "conv3.weights", &type);
    EXPECT(memcmp(tt_session_bytes(tt_model_session(some->model), "conv3.weights", NULL), first,
                  (size_t)tt_type_count(&type) * sizeof(float)) == 0);
    EXPECT_EQUAL(tt_training_run(whole, &data, &data, NULL), TT_OK);
    EXPECT_EQUAL(tt_training_run(cut, &part, &data, NULL), TT_OK);
    EXPECT_EQUAL(tt_training_run(some, &data, &data, NULL), TT_OK);
    EXPECT_EQUAL(tt_training_images(whole), COUNT);
    EXPECT_EQUAL(tt_training_images(some), 20);
    EXPECT(same_bits(some, cut) && !same_bits(some, whole));
    tt_model_free(fresh);
    tt_training_free(whole);
    tt_training_free(cut);
    tt_training_free(some);
    tt_dataset_free(&data);
}

typedef struct tested {
    tt_training *training;
    const tt_dataset *test;
    unsigned ends;
} tested;

static void check_test(const tt_progress *progress, void *context)
{
    tested *t = context;
    double accuracy;
    REQUIRE(tt_model_evaluate(t->training->model, t->test, &accuracy, NULL, NULL) == TT_OK);
    EXPECT(progress->test_accuracy == (progress->epoch_end ? accuracy : -1));
    t->ends += progress->epoch_end;
}

// Errors and profiles tell what a step's nodes are for.
static void test_origins(void)
{
    static const char *const names[] = {"loss", "gradient", "optimiser", "conv1"};
    tt_train_options options = options_of(TT_SGD);
    tt_training *t = new_training(&options);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        unsigned found = 0;
        for (uint32_t k = 0; k < tt_graph_origin_count(t->graph); k++)
            found += strcmp(tt_graph_origin(t->graph, k)->name, names[i]) == 0;
        EXPECT(found > 0);
    }
    tt_training_free(t);
}

// The test accuracy is told at the end of each epoch, and is that of the test images.
static void test_tests(void)
{
    tt_dataset data = make_data(COUNT, 4), test = make_data(23, 5);
    for (size_t i = 0; i < 23; i += 2)
        test.labels[i] = (uint8_t)((test.labels[i] + 1) % 10);
    tested t = {.test = &test};
    tt_train_options options = options_of(TT_SGD);
    options.batch = BATCH;
    options.epochs = 12;
    options.evaluate_each_epoch = true;
    options.on_progress = check_test;
    options.context = &t;
    t.training = new_training(&options);
    EXPECT_EQUAL(tt_training_run(t.training, &data, &test, NULL), TT_OK);
    EXPECT_EQUAL(t.ends, 12);
    double learnt, tested_on;
    EXPECT_EQUAL(tt_model_evaluate(t.training->model, &data, &learnt, NULL, NULL), TT_OK);
    EXPECT_EQUAL(tt_model_evaluate(t.training->model, &test, &tested_on, NULL, NULL), TT_OK);
    EXPECT(learnt != tested_on);
    tt_training_free(t.training);
    tt_dataset_free(&data);
    tt_dataset_free(&test);
}

int main(void)
{
    test_part();
    test_origins();
    test_tests();
    check_training(TT_RATE_CONSTANT, 0, 1);
    check_training(TT_RATE_LINEAR, 0.5, 2);
    check_training(TT_RATE_COSINE, 1, 3);
    return test_result();
}
