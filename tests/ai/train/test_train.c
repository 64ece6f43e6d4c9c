// Training on a small made-up data set: it learns, the same seed gives the same bits on any number
// of threads, a checkpoint continues to the same bits; damaged data sets and checkpoints are
// refused.

#include <math.h>
#include <unistd.h>

#include "tests/test.h"
#include "tutti/check.h"
#include "tutti/train.h"

// Images whose class is where a bright square stands, with noise.
static tt_dataset make_data(size_t count, uint64_t seed)
{
    tt_random random;
    tt_random_seed(&random, seed);
    tt_dataset data = {.count = count, .rows = 28, .columns = 28};
    data.images = calloc(count, 28 * 28);
    data.labels = calloc(count, 1);
    for (size_t n = 0; n < count; n++) {
        uint8_t *image = data.images + n * 28 * 28;
        size_t label = tt_random_below(&random, 10);
        data.labels[n] = (uint8_t)label;
        for (size_t i = 0; i < 28 * 28; i++)
            image[i] = (uint8_t)tt_random_below(&random, 100);
        size_t row = label / 5 * 14 + 3, column = label % 5 * 5 + 1;
        for (size_t i = 0; i < 6; i++)
            for (size_t j = 0; j < 4; j++)
                image[(row + i) * 28 + column + j] = (uint8_t)(150 + tt_random_below(&random, 100));
    }
    return data;
}

static tt_training *train(const tt_dataset *data, unsigned threads, unsigned stop_after,
                          const char *resume_from)
{
    tt_train_options options = TT_TRAIN_DEFAULT;
    options.epochs = 3;
    options.batch = 16;
    options.threads = threads;
    options.stop_after = stop_after;
    char buffer[256];
    tt_text why;
    tt_text_init(&why, buffer, sizeof(buffer));
    tt_training *training = tt_training_new(&options);
    if (resume_from != NULL)
        EXPECT_EQUAL(tt_training_load(training, resume_from, &why), TT_OK);
    EXPECT_EQUAL(tt_training_run(training, data, data, &why), TT_OK);
    EXPECT_TEXT(buffer, "");
    return training;
}

static bool same_bits(tt_training *a, tt_training *b)
{
    tt_model *x = tt_training_model(a), *y = tt_training_model(b);
    for (size_t i = 0; i < x->parameter_count; i++)
        if (memcmp(x->parameters[i]->data, y->parameters[i]->data,
                   tt_value_bytes(x->parameters[i])) != 0)
            return false;
    return true;
}

static void test_determinism_and_resume(const char *folder)
{
    char path[300];
    snprintf(path, sizeof(path), "%s/checkpoint.safetensors", folder);
    tt_dataset data = make_data(480, 1);
    tt_training *one = train(&data, 1, 0, NULL);
    tt_training *two = train(&data, 3, 0, NULL);
    EXPECT(same_bits(one, two));
    tt_training *first = train(&data, 2, 1, NULL);
    EXPECT_EQUAL(tt_training_epochs_done(first), 1);
    EXPECT(!same_bits(one, first));
    EXPECT_EQUAL(tt_training_save(first, path, NULL), TT_OK);
    tt_training *resumed = train(&data, 2, 0, path);
    EXPECT_EQUAL(tt_training_epochs_done(resumed), 3);
    EXPECT(same_bits(one, resumed));
    double accuracy = tt_model_evaluate(tt_training_model(one), &data, 2, NULL);
    printf("accuracy on made-up images: %.3f\n", accuracy);
    EXPECT(accuracy > 0.95);
    tt_training_free(one);
    tt_training_free(two);
    tt_training_free(first);
    tt_training_free(resumed);
    tt_dataset_free(&data);
    unlink(path);
}

// Both optimisers find the least value of a quadratic bowl.
static void test_optimisers(void)
{
    tt_optimiser kinds[] = {TT_SGD_DEFAULT, TT_ADAM_DEFAULT};
    kinds[0].weight_decay = 0;
    for (int kind = 0; kind < 2; kind++) {
        float x[2] = {3, -2}, state[4] = {0}, gradient[2];
        for (uint64_t step = 1; step <= 2000; step++) {
            gradient[0] = 2 * (x[0] - 1);
            gradient[1] = 20 * (x[1] - 0.5f);
            tt_optimiser_update(&kinds[kind], step, 0.01f, 2, x, gradient, state);
        }
        EXPECT(fabsf(x[0] - 1) < 1e-2f && fabsf(x[1] - 0.5f) < 1e-2f);
    }
    // The first steps by hand: SGD moves by rate * g * (1 + momentum), Adam by the rate.
    float x = 1, state[2] = {0}, g = 0.5f;
    tt_optimiser_update(&kinds[0], 1, 0.1f, 1, &x, &g, state);
    EXPECT(fabsf(x - (1 - 0.1f * 0.5f * 1.9f)) < 1e-6f);
    x = 1;
    state[0] = state[1] = 0;
    tt_optimiser_update(&kinds[1], 1, 0.1f, 1, &x, &g, state);
    EXPECT(fabsf(x - 0.9f) < 1e-5f);
}

static void write_file(const char *path, const void *bytes, size_t length)
{
    FILE *out = fopen(path, "wb");
    REQUIRE(out != NULL && fwrite(bytes, 1, length, out) == length && fclose(out) == 0);
}

static void test_damaged_data(const char *folder)
{
    char images[300], labels[300], buffer[512];
    snprintf(images, sizeof(images), "%s/images", folder);
    snprintf(labels, sizeof(labels), "%s/labels", folder);
    tt_dataset data;
    tt_text why;
    static const uint8_t good_images[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0,
                                          0, 1, 0, 0, 0, 2, 9, 8, 7, 6};
    static const uint8_t good_labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 1, 0};
    write_file(images, good_images, sizeof(good_images));
    write_file(labels, good_labels, sizeof(good_labels));
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(tt_dataset_load(&data, images, labels, &why), TT_OK);
    EXPECT(data.count == 2 && data.rows == 1 && data.columns == 2 && data.images[3] == 6);
    tt_dataset_free(&data);
    for (size_t length = 0; length < sizeof(good_images); length++) { // cut at every byte
        write_file(images, good_images, length);
        EXPECT_EQUAL(tt_dataset_load(&data, images, labels, &why), TT_DAMAGED);
    }
    write_file(images, good_images, sizeof(good_images) - 1);
    tt_text_init(&why, buffer, sizeof(buffer));
    tt_dataset_load(&data, images, labels, &why);
    EXPECT(strstr(buffer, "expected 4, found 3") != NULL);
    uint8_t changed[sizeof(good_images)];
    for (size_t at = 0; at < 4; at++) { // another magic number
        memcpy(changed, good_images, sizeof(changed));
        changed[at] ^= 1;
        write_file(images, changed, sizeof(changed));
        EXPECT_EQUAL(tt_dataset_load(&data, images, labels, &why), TT_MALFORMED);
    }
    memcpy(changed, good_images, sizeof(changed));
    changed[4] = 0xff; // four billion images
    write_file(images, changed, sizeof(changed));
    EXPECT_EQUAL(tt_dataset_load(&data, images, labels, &why), TT_TOO_LARGE);
    write_file(images, good_images, sizeof(good_images));
    write_file(labels, (const uint8_t[]){0, 0, 8, 1, 0, 0, 0, 1, 1}, 9);
    EXPECT_EQUAL(tt_dataset_load(&data, images, labels, &why), TT_DAMAGED);
    unlink(labels);
    EXPECT_EQUAL(tt_dataset_load(&data, images, labels, &why), TT_NOT_FOUND);
    tt_dataset other;
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(tt_fashion_mnist_load(&data, &other, folder, &why), TT_NOT_FOUND);
    EXPECT(strstr(buffer, "apt-get install --reinstall dataset-fashion-mnist") != NULL);
    unlink(images);
}

int main(void)
{
    char folder[] = "/tmp/tutti-train-XXXXXX";
    REQUIRE(mkdtemp(folder) != NULL);
    test_optimisers();
    test_damaged_data(folder);
    test_determinism_and_resume(folder);
    rmdir(folder);
    return test_result();
}
