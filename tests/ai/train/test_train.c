// Training on a small made-up data set: it learns, the same seed gives the same bits on any number
// of threads, a checkpoint continues to the same bits; damaged data sets and checkpoints are
// refused.

#include <math.h>
#include <unistd.h>
#include <zlib.h>

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

static tt_train_options options_of(tt_optimiser_kind kind)
{
    tt_train_options options = TT_TRAIN_DEFAULT;
    options.epochs = 3;
    options.batch = 16;
    if (kind == TT_ADAM) {
        options.optimiser = TT_ADAM_DEFAULT;
        options.learning_rate = 1e-3f;
    }
    return options;
}

static tt_training *train(const tt_dataset *data, tt_optimiser_kind kind, unsigned threads,
                          unsigned stop_after, const char *resume_from)
{
    tt_train_options options = options_of(kind);
    options.threads = threads;
    options.stop_after = stop_after;
    if (resume_from != NULL)
        options.seed = 99; // the checkpoint's counts
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

// Whether two trainings are the same in every byte that a checkpoint has: parameters, the
// optimiser's state, epochs done, seed.
static bool same_bits(const char *folder, tt_training *a, tt_training *b)
{
    static uint8_t bytes[2][2 << 20];
    size_t length[2];
    for (int i = 0; i < 2; i++) {
        char path[300];
        snprintf(path, sizeof(path), "%s/compared", folder);
        REQUIRE(tt_training_save(i == 0 ? a : b, path, NULL) == TT_OK);
        FILE *in = fopen(path, "rb");
        length[i] = fread(bytes[i], 1, sizeof(bytes[i]), in);
        REQUIRE(fclose(in) == 0 && length[i] > 0 && length[i] < sizeof(bytes[i]));
        unlink(path);
    }
    // Three floats an element, and a header.
    EXPECT(length[0] >= 12 * tt_model_parameter_elements(tt_training_model(a)));
    return length[0] == length[1] && memcmp(bytes[0], bytes[1], length[0]) == 0;
}

static void test_determinism_and_resume(const char *folder, tt_optimiser_kind kind)
{
    char path[300];
    snprintf(path, sizeof(path), "%s/checkpoint.safetensors", folder);
    tt_dataset data = make_data(480, 1);
    tt_training *one = train(&data, kind, 1, 0, NULL);
    tt_training *two = train(&data, kind, 3, 0, NULL);
    EXPECT(same_bits(folder, one, two));
    tt_training *first = train(&data, kind, 2, 1, NULL);
    EXPECT_EQUAL(tt_training_epochs_done(first), 1);
    EXPECT(!same_bits(folder, one, first));
    EXPECT_EQUAL(tt_training_save(first, path, NULL), TT_OK);
    tt_training *resumed = train(&data, kind, 2, 0, path);
    EXPECT_EQUAL(tt_training_epochs_done(resumed), 3);
    EXPECT(same_bits(folder, one, resumed));
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

static void write_file(const char *path, const void *bytes, size_t length)
{
    FILE *out = fopen(path, "wb");
    REQUIRE(out != NULL && fwrite(bytes, 1, length, out) == length && fclose(out) == 0);
}

// A checkpoint continues only what it was made by, and its numbers are numbers.
static void test_checkpoint_refusals(const char *folder)
{
    char path[300], buffer[400];
    snprintf(path, sizeof(path), "%s/checkpoint", folder);
    tt_text why;
    tt_train_options options = options_of(TT_SGD);
    tt_training *saved = tt_training_new(&options);
    REQUIRE(tt_training_save(saved, path, NULL) == TT_OK);
    options.batch = 32;
    tt_training *other = tt_training_new(&options);
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(tt_training_load(other, path, &why), TT_INVALID);
    EXPECT(strstr(buffer, ": was made with batch 16, not 32") != NULL);
    tt_training_free(other);
    options = options_of(TT_ADAM);
    other = tt_training_new(&options);
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(tt_training_load(other, path, &why), TT_INVALID);
    EXPECT(strstr(buffer, ": was made with optimiser 0, not 1") != NULL);
    tt_training_free(other);

    static uint8_t bytes[2 << 20];
    FILE *in = fopen(path, "rb");
    size_t length = fread(bytes, 1, sizeof(bytes), in);
    fclose(in);
    static const char *const numbers[] = {"\"x\"", "\"-\"", "\" \"", "\"\" "};
    for (size_t i = 0; i < TT_COUNT(numbers); i++) { // "epochs":"0" with another number
        char *at = strstr((char *)bytes + 8, "\"epochs\":");
        REQUIRE(at != NULL);
        memcpy(at + 9, numbers[i], 3);
        write_file(path, bytes, length);
        tt_text_init(&why, buffer, sizeof(buffer));
        EXPECT_EQUAL(tt_training_load(saved, path, &why), TT_INVALID);
        EXPECT(strstr(buffer, ": is no checkpoint: it states no number of epochs") != NULL);
    }
    tt_training_free(saved);
    unlink(path);
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
    tt_training *training = tt_training_new(&options);
    EXPECT_EQUAL(tt_training_run(training, &data, &data, &why), TT_INVALID);
    EXPECT_TEXT(buffer, "image 31 has label 10, but the model has 10 classes");
    size_t confusion[100] = {0}, sum = 0;
    tt_model_evaluate(tt_training_model(training), &data, 1, confusion);
    for (int i = 0; i < 100; i++)
        sum += confusion[i];
    EXPECT_EQUAL(sum, 31);
    data.labels[31] = 9;
    tt_dataset small = data, few = data;
    small.columns = 27;
    few.count = 15;
    static const char *const sentences[] = {
        "the model expects 28x28 images and at least one batch of them; the data set has 32 of "
        "28x27",
        "the model expects 28x28 images and at least one batch of them; the data set has 15 of "
        "28x28",
        "the model expects 28x28 images to test with; the data set has 32 of 28x27",
    };
    const tt_dataset *pairs[][2] = {{&small, &data}, {&few, &data}, {&data, &small}};
    for (int i = 0; i < 3; i++) {
        tt_text_init(&why, buffer, sizeof(buffer));
        EXPECT_EQUAL(tt_training_run(training, pairs[i][0], pairs[i][1], &why), TT_INVALID);
        EXPECT_TEXT(buffer, sentences[i]);
    }
    tt_training_free(training);
    tt_dataset_free(&data);
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

// The rules in closed form, in double and without recursion: sums over all gradients so far.
static void test_optimiser_sums(void)
{
    enum { STEPS = 30 };
    tt_random random;
    tt_random_seed(&random, 7);
    double g[STEPS];
    for (int i = 0; i < STEPS; i++)
        g[i] = (double)tt_random_below(&random, 2001) / 1000 - 1;
    tt_optimiser sgd = TT_SGD_DEFAULT, adam = TT_ADAM_DEFAULT;
    sgd.weight_decay = 0;
    float x = 1, y = 1, sgd_state[2] = {0}, adam_state[2] = {0};
    double sgd_expected = 1, adam_expected = 1;
    for (int t = 1; t <= STEPS; t++) {
        float gradient = (float)g[t - 1];
        tt_optimiser_update(&sgd, (uint64_t)t, 0.01f, 1, &x, &gradient, sgd_state);
        tt_optimiser_update(&adam, (uint64_t)t, 0.01f, 1, &y, &gradient, adam_state);
        double velocity = 0, mean = 0, square = 0;
        for (int i = 1; i <= t; i++) {
            velocity += pow(0.9, t - i) * g[i - 1];
            mean += 0.1 * pow(0.9, t - i) * g[i - 1];
            square += 0.001 * pow(0.999, t - i) * g[i - 1] * g[i - 1];
        }
        sgd_expected -= 0.01 * (g[t - 1] + 0.9 * velocity); // Nesterov looks one step ahead
        adam_expected -= 0.01 * (mean / (1 - pow(0.9, t))) / (sqrt(square / (1 - pow(0.999, t))));
        EXPECT(fabs((double)x - sgd_expected) < 1e-6);
        EXPECT(fabs((double)y - adam_expected) < 1e-5);
    }
    // Weight decay alone shrinks a weight by the same share each step.
    sgd = (tt_optimiser){.kind = TT_SGD, .weight_decay = 0.1f};
    x = 2;
    sgd_state[0] = sgd_state[1] = 0;
    float none = 0;
    for (uint64_t t = 1; t <= 10; t++)
        tt_optimiser_update(&sgd, t, 0.5f, 1, &x, &none, sgd_state);
    EXPECT(fabs((double)x - 2 * pow(0.95, 10)) < 1e-6);
}

// A gzipped data set cut at every byte, and with every byte changed: refused, or the same bytes
// (the header of a gzip file has some that do not matter).
static void test_gzip(const char *folder)
{
    char images[300], labels[300], damaged[300];
    snprintf(images, sizeof(images), "%s/images.gz", folder);
    snprintf(labels, sizeof(labels), "%s/labels", folder);
    snprintf(damaged, sizeof(damaged), "%s/damaged.gz", folder);
    uint8_t plain[16 + 300] = {0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 10, 0, 0, 0, 10};
    for (size_t i = 16; i < sizeof(plain); i++)
        plain[i] = (uint8_t)(i * i);
    gzFile out = gzopen(images, "wb");
    REQUIRE(out != NULL && gzwrite(out, plain, sizeof(plain)) == (int)sizeof(plain) &&
            gzclose(out) == Z_OK);
    write_file(labels, (const uint8_t[]){0, 0, 8, 1, 0, 0, 0, 3, 1, 0, 2}, 11);
    uint8_t bytes[600], changed[600];
    FILE *in = fopen(images, "rb");
    size_t length = fread(bytes, 1, sizeof(bytes), in);
    fclose(in);
    tt_dataset data;
    EXPECT_EQUAL(tt_dataset_load(&data, images, labels, NULL), TT_OK);
    tt_dataset_free(&data);
    for (size_t at = 0; at < 2 * length; at++) {
        memcpy(changed, bytes, length);
        changed[at % length] ^= 0x10;
        write_file(damaged, at < length ? bytes : changed, at < length ? at : length);
        if (tt_dataset_load(&data, damaged, labels, NULL) == TT_OK) {
            EXPECT(at >= length && memcmp(data.images, plain + 16, 300) == 0);
            tt_dataset_free(&data);
        }
    }
    unlink(images);
    unlink(labels);
    unlink(damaged);
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
    // Another data set under its name.
    snprintf(images, sizeof(images), "%s/train-images-idx3-ubyte.gz", folder);
    snprintf(labels, sizeof(labels), "%s/train-labels-idx1-ubyte.gz", folder);
    write_file(images, good_images, sizeof(good_images));
    write_file(labels, good_labels, sizeof(good_labels));
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(tt_fashion_mnist_load(&data, &other, folder, &why), TT_INVALID);
    EXPECT(strstr(buffer, "expected 60000 images of 28x28, found 2 images of 1x2") != NULL);
    unlink(images);
    unlink(labels);
}

int main(void)
{
    char folder[] = "/tmp/tutti-train-XXXXXX";
    REQUIRE(mkdtemp(folder) != NULL);
    test_optimisers();
    test_optimiser_sums();
    test_damaged_data(folder);
    test_gzip(folder);
    test_unfit_data();
    test_checkpoint_refusals(folder);
    test_determinism_and_resume(folder, TT_SGD);
    test_determinism_and_resume(folder, TT_ADAM);
    rmdir(folder);
    return test_result();
}
