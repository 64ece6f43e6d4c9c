// Training on a small made-up data set: it learns, the same seed gives the same bits on any number
// of threads, what diverges is told, and unfit options and data are refused.

#include <math.h>

#include "ai/train/training.h"
#include "tests/ai/train/made_up.h"

static tt_training *train(const tt_dataset *data, tt_optimiser_kind kind, unsigned threads)
{
    tt_train_options options = options_of(kind);
    options.threads = threads;
    char buffer[256];
    tt_text why;
    tt_text_init(&why, buffer, sizeof(buffer));
    tt_training *training = new_training(&options);
    EXPECT_EQUAL(tt_training_run(training, data, data, &why), TT_OK);
    EXPECT_TEXT(buffer, "");
    return training;
}

static void test_determinism(tt_optimiser_kind kind)
{
    tt_dataset data = make_data(480, 1);
    tt_training *one = train(&data, kind, 1), *three = train(&data, kind, 3);
    EXPECT(same_bits(one, three));
    EXPECT_EQUAL(tt_training_epochs_done(one), 3);
    EXPECT_EQUAL(tt_training_steps_done(one), 0);
    EXPECT_EQUAL(tt_training_images(one), 480);
    double accuracy = 0;
    EXPECT_EQUAL(tt_model_evaluate(tt_training_model(one), &data, &accuracy, NULL, NULL), TT_OK);
    printf("accuracy on made-up images: %.3f\n", accuracy);
    EXPECT(accuracy > 0.95);
    tt_training_free(one);
    tt_training_free(three);
    tt_dataset_free(&data);
}

typedef struct told {
    tt_progress last, end; // and the end of the epoch before
    unsigned calls;
} told;

static void check_progress(const tt_progress *progress, void *context)
{
    told *t = context;
    bool first = progress->step == 1;
    EXPECT_EQUAL(progress->epoch, t->end.epoch + 1);
    EXPECT_EQUAL(progress->step, first ? 1 : t->last.step + 1);
    EXPECT_EQUAL(progress->epoch_end, progress->step == progress->steps);
    EXPECT(progress->loss > 0 && progress->accuracy >= 0 && progress->accuracy <= 1);
    // Means over the epoch: it learns, so the next epoch's first step is below the mean before.
    EXPECT(!first || t->calls == 0 || progress->loss < t->end.loss);
    t->last = *progress;
    if (progress->epoch_end)
        t->end = *progress;
    t->calls++;
}

static void test_progress(void)
{
    tt_dataset data = make_data(480, 1);
    told t = {0};
    tt_train_options options = options_of(TT_SGD);
    options.on_progress = check_progress;
    options.context = &t;
    tt_training *training = new_training(&options);
    EXPECT_EQUAL(tt_training_run(training, &data, &data, NULL), TT_OK);
    EXPECT_EQUAL(t.calls, 3 * 30);
    EXPECT_EQUAL(t.end.epoch, 3);
    tt_training_free(training);
    tt_dataset_free(&data);
}

// What nobody can train with, each named with what it may be and what came.
static void test_unfit_options(void)
{
    tt_train_options good = options_of(TT_ADAM);
    struct {
        tt_train_options options;
        const char *sentence;
    } cases[] = {
        {good, "the batch is 0, expected 1 to 4096"},
        {good, "the batch is 4097, expected 1 to 4096"},
        {good, "the number of epochs is 0, expected 1 to 1000000"},
        {good, "the number of epochs is 1000001, expected 1 to 1000000"},
        {good, "the number of threads is 1025, expected at most 1024"},
        {good, "the learning rate is no number above 0"},
        {good, "the learning rate is no number above 0"},
        {good, "the learning rate is no number above 0"},
        {good, "the kind of schedule is 3, expected 0 (constant), 1 (linear) or 2 (cosine)"},
        {good, "the warm-up is no number of epochs from 0 to 1000000"},
        {good, "the warm-up is no number of epochs from 0 to 1000000"},
        {good, "optimise: there is no kind 3 (optimiser)"},
        {good, "optimise: a momentum is 1 or 0.999, expected from 0 to below 1 (optimiser)"},
        {good, "optimise: a momentum is 0.9 or nan, expected from 0 to below 1 (optimiser)"},
        {good, "optimise: weight decay -1, greatest norm 0 or epsilon 1e-08 is no number from 0 "
               "on (optimiser)"},
        {good, "optimise: weight decay 0, greatest norm 0 or epsilon nan is no number from 0 on "
               "(optimiser)"},
        {good, "optimise: weight decay 0, greatest norm inf or epsilon 1e-08 is no number from 0 "
               "on (optimiser)"},
    };
    cases[0].options.batch = 0;
    cases[1].options.batch = TT_BATCH_MAX + 1;
    cases[2].options.epochs = 0;
    cases[3].options.epochs = TT_EPOCHS_MAX + 1;
    cases[4].options.threads = TT_THREADS_MAX + 1;
    cases[5].options.learning_rate = 0;
    cases[6].options.learning_rate = NAN;
    cases[7].options.learning_rate = INFINITY;
    cases[8].options.schedule = (tt_rate_kind)3;
    cases[9].options.warm_up = -1;
    cases[10].options.warm_up = NAN;
    cases[11].options.optimiser.kind = (tt_optimiser_kind)3;
    cases[12].options.optimiser.momentum = 1;
    cases[13].options.optimiser.momentum_square = NAN;
    cases[14].options.optimiser.weight_decay = -1;
    cases[15].options.optimiser.epsilon = NAN;
    cases[16].options.optimiser.norm_max = INFINITY;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char buffer[200];
        tt_text why;
        tt_text_init(&why, buffer, sizeof(buffer));
        tt_training *training = (tt_training *)&why;
        EXPECT_EQUAL(tt_training_new(&cases[i].options, &training, &why), TT_INVALID);
        EXPECT(training == NULL);
        EXPECT_TEXT(buffer, cases[i].sentence);
    }
    tt_training_free(NULL);
}

// Data that do not fit the model. A label that names no class would be written beyond the logits,
// larger images beyond the inputs.
static void test_unfit_data(void)
{
    tt_dataset data = make_data(32, 1);
    char buffer[200];
    tt_text why;
    tt_text_init(&why, buffer, sizeof(buffer));
    data.labels[31] = 10;
    tt_train_options options = options_of(TT_SGD);
    tt_training *training = new_training(&options);
    EXPECT_EQUAL(tt_training_run(training, &data, &data, &why), TT_INVALID);
    EXPECT_TEXT(buffer, "image 31 has label 10, but the model has 10 classes");
    size_t confusion[100] = {0}, sum = 0;
    double accuracy;
    tt_model *model = tt_training_model(training);
    EXPECT_EQUAL(tt_model_evaluate(model, &data, &accuracy, confusion, NULL), TT_OK);
    for (int i = 0; i < 100; i++)
        sum += confusion[i];
    EXPECT_EQUAL(sum, 31);
    data.labels[31] = 9;
    tt_dataset small = data, few = data, none = data;
    small.columns = 27;
    few.count = 15;
    none.count = 0;
    static const char *const sentences[] = {
        "the model expects 28x28 images and at least one batch of them; the data set has 32 of "
        "28x27",
        "the model expects 28x28 images and at least one batch of them; the data set has 15 of "
        "28x28",
        "the model expects 28x28 images and at least one batch of them; the data set has 0 of "
        "28x28",
        "the model expects 28x28 images to test with; the data set has 32 of 28x27",
        "the model expects 28x28 images to test with; the data set has 0 of 28x28",
    };
    const tt_dataset *pairs[][2] = {
        {&small, &data}, {&few, &data}, {&none, &data}, {&data, &small}, {&data, &none}};
    for (int i = 0; i < 5; i++) {
        tt_text_init(&why, buffer, sizeof(buffer));
        EXPECT_EQUAL(tt_training_run(training, pairs[i][0], pairs[i][1], &why), TT_INVALID);
        EXPECT_TEXT(buffer, sentences[i]);
        if (i < 3)
            continue;
        tt_text_init(&why, buffer, sizeof(buffer));
        EXPECT_EQUAL(tt_model_evaluate(model, pairs[i][1], &accuracy, NULL, &why), TT_INVALID);
        EXPECT_TEXT(buffer, sentences[i]);
    }
    tt_training_free(training);
    tt_dataset_free(&data);
}

// A training that has gone wrong says where, and leaves nothing that looks like a result.
static void expect_diverged(tt_training *training, const tt_dataset *data, const char *sentence)
{
    char buffer[400];
    tt_text why;
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(tt_training_run(training, data, data, &why), TT_TOO_LARGE);
    if (strncmp(buffer, sentence, strlen(sentence)) != 0)
        EXPECT_TEXT(buffer, sentence);
    EXPECT(strstr(buffer, "; the training has diverged") != NULL);
}

static float *weights_of(tt_training *training, const char *name)
{
    return tt_session_bytes(tt_model_session(tt_training_model(training)), name, NULL);
}

static void test_divergence(void)
{
    tt_dataset data = make_data(64, 1);
    tt_train_options options = options_of(TT_SGD);
    options.learning_rate = 1e30; // the first updates throw the weights away
    tt_training *training = new_training(&options);
    expect_diverged(training, &data, "epoch 1, step ");
    EXPECT(tt_training_epochs_done(training) == 0);
    uint8_t *bytes;
    size_t length;
    EXPECT_EQUAL(tt_training_save(training, &bytes, &length, NULL), TT_OK); // of the step before
    free(bytes);
    tt_training_free(training);

    // A weight that is none in the first layer: nothing hides it on the way to the loss.
    options = options_of(TT_SGD);
    training = new_training(&options);
    weights_of(training, "conv1.bias")[3] = NAN;
    expect_diverged(training, &data, "epoch 1, step 1: ");
    char buffer[200];
    tt_text why;
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(tt_training_save(training, &bytes, &length, &why), TT_TOO_LARGE);
    EXPECT(bytes == NULL);
    EXPECT_TEXT(buffer, "tensor conv1.bias holds a number that is infinite or none");
    tt_training_free(training);

    // Weights whose loss is no number, in the last layer: that is named.
    training = new_training(&options);
    weights_of(training, "dense2.weights")[0] = 3e38f;
    weights_of(training, "dense2.weights")[1] = 3e38f;
    weights_of(training, "dense2.bias")[0] = 3e38f;
    for (int i = 0; i < 32; i++)
        weights_of(training, "dense1.bias")[i] = 10;
    expect_diverged(training, &data, "epoch 1, step 1: ");
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(tt_training_run(training, &data, &data, &why), TT_TOO_LARGE);
    EXPECT(strstr(buffer, "dense2") != NULL);
    tt_training_free(training);

    // Weights whose loss is large, but a number, and whose gradient is none.
    training = new_training(&options);
    memset(weights_of(training, "dense1.weights"), 0, 32 * 1568 * sizeof(float));
    for (int i = 0; i < 32; i++)
        weights_of(training, "dense1.bias")[i] = 1e-30f;
    for (int i = 0; i < 320; i++)
        weights_of(training, "dense2.weights")[i] = i < 32 ? 3e38f : -3e38f;
    expect_diverged(training, &data, "epoch 1, step 1: ");
    EXPECT_EQUAL(tt_training_steps_done(training), 0);
    EXPECT(weights_of(training, "dense1.bias")[0] == 1e-30f); // no part of the step was taken
    tt_training_free(training);
    tt_dataset_free(&data);
}

// The schedule and the order are taken: the same steps by hand.
static void test_steps_by_hand(void)
{
    tt_dataset data = make_data(48, 3);
    tt_train_options options = options_of(TT_SGD);
    options.epochs = 2;
    options.warm_up = 1.0 / 3;
    tt_training *training = new_training(&options);
    EXPECT_EQUAL(tt_training_run(training, &data, &data, NULL), TT_OK);

    tt_model *model;
    tt_graph *graph;
    tt_program *program;
    static float images[16 * 784];
    int32_t labels[16];
    double rate;
    REQUIRE(tt_model_new(NULL, NULL, &model, NULL) == TT_OK);
    REQUIRE(tt_training_graph(model, &options, &graph, NULL) == TT_OK);
    REQUIRE(tt_session_load(tt_model_session(model), graph, &program, NULL) == TT_OK);
    tt_model_initialise(model, options.seed);
    tt_program_set(program, "image", images);
    tt_program_set(program, "label", labels);
    tt_program_set(program, "rate", &rate);
    static const double rates[] = {1,
                                   1,
                                   0.904508497187473712,
                                   0.654508497187473712,
                                   0.345491502812526288,
                                   0.095491502812526288};
    for (unsigned step = 0; step < 6; step++) {
        uint32_t order[48];
        tt_training_order(order, 48, options.seed, step / 3);
        for (unsigned i = 0; i < 16; i++) {
            uint32_t chosen = order[step % 3 * 16 + i];
            for (unsigned k = 0; k < 784; k++)
                images[i * 784 + k] = (float)data.images[chosen * 784 + k] * (1.0f / 255);
            labels[i] = data.labels[chosen];
        }
        rate = options.learning_rate * rates[step];
        REQUIRE(tt_program_run(program, NULL) == TT_OK);
    }
    const float *by_hand = tt_session_bytes(tt_model_session(model), "conv2.weights", NULL);
    const float *trained = weights_of(training, "conv2.weights");
    for (unsigned i = 0; i < 24 * 9 * 12; i++)
        EXPECT(fabsf(by_hand[i] - trained[i]) <= 1e-6f);
    tt_graph_free(graph);
    tt_model_free(model);
    tt_training_free(training);
    tt_dataset_free(&data);
}

int main(void)
{
    test_progress();
    test_unfit_options();
    test_unfit_data();
    test_divergence();
    test_steps_by_hand();
    test_determinism(TT_SGD);
    test_determinism(TT_ADAM);
    return test_result();
}
