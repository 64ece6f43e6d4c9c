// Without memory: each allocation of a training, its steps, its checkpoint, what opens it and what
// evaluates it fails once. Each says TT_FULL then, or does its work; nothing is left behind.

#include <unistd.h>

#include "tests/ai/train/made_up.h"
#include "tests/failing_memory.h"

static tt_value build(tt_graph *g, tt_value image)
{
    if (tt_is_none(image))
        return image;
    tt_value x = tt_reshape(g, image, 2, (int64_t[]){-1, 8});
    return tt_matmul(g, x, tt_parameter(g, "w", TT_TYPE(TT_F32, 8, 3)));
}

static const tt_network small = {
    .name = "small", .rows = 2, .columns = 4, .classes = 3, .build = build};
static uint8_t pixels[20][8], labels[20];
static const tt_dataset data = {20, 2, 4, pixels[0], labels};
static char path[300];
static const tt_session_options one_thread = {.threads = 1};

static tt_train_options wanted(void)
{
    tt_train_options options = options_of(TT_ADAM);
    options.network = &small;
    options.batch = 8;
    options.threads = 1;
    options.epochs = 2;
    options.evaluate_each_epoch = true;
    return options;
}

static tt_status make_it(void)
{
    tt_train_options options = wanted();
    tt_training *training;
    tt_status status = tt_training_new(&options, &training, NULL);
    EXPECT((status == TT_OK) == (training != NULL));
    tt_training_free(training);
    return status;
}

static tt_training *shared; // made with memory enough

static tt_status run_it(void)
{
    tt_train_options options = wanted();
    tt_training *training;
    tt_status status = tt_training_new(&options, &training, NULL);
    if (status == TT_OK)
        status = tt_training_run(training, &data, &data, NULL);
    tt_training_free(training);
    return status;
}

static tt_status save_it(void)
{
    uint8_t *bytes = (uint8_t *)path;
    size_t length;
    tt_status status = tt_training_save(shared, &bytes, &length, NULL);
    EXPECT((status == TT_OK) == (bytes != NULL));
    free(bytes);
    return status;
}

static tt_status load_it(void)
{
    return tt_training_load(shared, path, NULL);
}

static tt_status read_options(void)
{
    tt_train_options options = wanted();
    return tt_checkpoint_options(path, &options, NULL);
}

static tt_status open_it(void)
{
    tt_model *model = NULL;
    double accuracy;
    tt_status status = tt_model_open(path, &one_thread, &model, NULL);
    EXPECT((status == TT_OK) == (model != NULL));
    if (status == TT_OK)
        status = tt_model_evaluate(model, &data, &accuracy, NULL, NULL);
    tt_model_free(model);
    return status;
}

static tt_status evaluate_it(void)
{
    tt_model *model = NULL;
    double accuracy;
    tt_status status = tt_model_new(&small, &one_thread, &model, NULL);
    if (status == TT_OK)
        status = tt_model_load(model, path, NULL);
    if (status == TT_OK)
        status = tt_model_evaluate(model, &data, &accuracy, NULL, NULL);
    tt_model_free(model);
    return status;
}

// Lets one allocation after the other fail until none is left to.
static void starve(const char *what, tt_status (*work)(void))
{
    long failing = 0, refused = 0;
    for (bool over = false; !over; failing++) {
        live = 0;
        until_failure = failing;
        watched = true;
        tt_status status = work();
        watched = false;
        over = until_failure >= 0;
        // A graph of text that could not be made says so in its sentence, and a cost that could not
        // be counted is too high.
        bool refusal = status == TT_FULL || status == TT_TOO_LARGE ||
                       (status == TT_INVALID && work == open_it);
        refused += refusal;
        EXPECT(status == TT_OK || (refusal && !over));
        EXPECT_EQUAL(live, 0);
        if ((status != TT_OK && !refusal) || live != 0)
            printf("%s, allocation %ld: status %d, %ld left\n", what, failing, (int)status, live);
    }
    printf("%s: %ld allocations, %ld are missed\n", what, failing - 1, refused);
    EXPECT(failing > 1 && refused > 0);
}

int main(void)
{
    for (size_t i = 0; i < 20; i++) {
        labels[i] = (uint8_t)(i % 3);
        pixels[i][i % 3] = 200;
    }
    char folder[] = "/tmp/tutti-no-memory-XXXXXX";
    REQUIRE(mkdtemp(folder) != NULL);
    snprintf(path, sizeof(path), "%s/checkpoint", folder);
    tt_train_options options = wanted();
    shared = new_training(&options);
    REQUIRE(tt_training_run(shared, &data, &data, NULL) == TT_OK);
    uint8_t *bytes;
    size_t length;
    REQUIRE(tt_training_save(shared, &bytes, &length, NULL) == TT_OK);
    write_file(path, bytes, length);
    free(bytes);
    REQUIRE(open_it() == TT_OK); // what is made once is there, too
    starve("making", make_it);
    starve("running", run_it);
    starve("saving", save_it);
    starve("loading", load_it);
    starve("its options", read_options);
    starve("opening", open_it);
    starve("evaluating", evaluate_it);
    tt_training_free(shared);
    unlink(path);
    rmdir(folder);
    return test_result();
}
