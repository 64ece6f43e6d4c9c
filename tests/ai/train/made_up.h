// A small data set and what the tests of training do with it.

#ifndef TUTTI_TESTS_AI_TRAIN_MADE_UP_H
#define TUTTI_TESTS_AI_TRAIN_MADE_UP_H

#include "tests/test.h"
#include "tutti/random.h"
#include "tutti/train.h"

// Images whose class is where a bright square stands, with noise.
static inline tt_dataset make_data(size_t count, uint64_t seed)
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

static inline tt_train_options options_of(tt_optimiser_kind kind)
{
    tt_train_options options = TT_TRAIN_DEFAULT;
    options.epochs = 3;
    options.batch = 16;
    if (kind == TT_ADAM) {
        options.optimiser = TT_ADAM_DEFAULT;
        options.learning_rate = 1e-3;
    }
    return options;
}

static inline tt_training *new_training(const tt_train_options *options)
{
    char buffer[256];
    tt_text why;
    tt_training *training;
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(tt_training_new(options, &training, &why), TT_OK);
    EXPECT_TEXT(buffer, "");
    REQUIRE(training != NULL);
    return training;
}

// Whether two trainings are the same in every byte that a checkpoint has.
static inline bool same_bits(const tt_training *a, const tt_training *b)
{
    uint8_t *bytes[2];
    size_t length[2];
    REQUIRE(tt_training_save(a, &bytes[0], &length[0], NULL) == TT_OK);
    REQUIRE(tt_training_save(b, &bytes[1], &length[1], NULL) == TT_OK);
    bool same = length[0] == length[1] && memcmp(bytes[0], bytes[1], length[0]) == 0;
    free(bytes[0]);
    free(bytes[1]);
    return same;
}

static inline void write_file(const char *path, const void *bytes, size_t length)
{
    FILE *out = fopen(path, "wb");
    REQUIRE(out != NULL && fwrite(bytes, 1, length, out) == length && fclose(out) == 0);
}

#endif
