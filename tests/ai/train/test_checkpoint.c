// Checkpoints: made after any step they continue to the same bits, in another process, with another
// number of threads; what contradicts one is refused with both values; what is none is refused.

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/ai/train/made_up.h"
#include "tutti/bytes.h"
#include "tutti/lite.h"
#include "tutti/tensor_file.h"

static char path[300];

// Stops a run after so many of its steps.
typedef struct brake {
    volatile sig_atomic_t stop;
    unsigned steps_left;
    unsigned calls;
    double last_loss, last_accuracy;
} brake;

static void count_down(const tt_progress *progress, void *context)
{
    brake *b = context;
    b->calls++;
    b->last_loss = progress->loss;
    b->last_accuracy = progress->accuracy;
    b->stop = --b->steps_left == 0;
}

// A training that was interrupted after its first step; the brake stays in the options.
static tt_training *interrupted(tt_train_options *options, brake *b, const tt_dataset *data)
{
    *b = (brake){.steps_left = 1};
    options->on_progress = count_down;
    options->context = b;
    options->stop = &b->stop;
    tt_training *training = new_training(options);
    EXPECT_EQUAL(tt_training_run(training, data, data, NULL), TT_CANCELLED);
    return training;
}

static void save(const tt_training *training)
{
    uint8_t *bytes;
    size_t length;
    REQUIRE(tt_training_save(training, &bytes, &length, NULL) == TT_OK);
    // Two or three floats an element, and a header.
    EXPECT(length >= 8 * tt_model_parameter_elements(tt_training_model((tt_training *)training)));
    write_file(path, bytes, length);
    free(bytes);
}

static tt_status load(tt_training *training, char *sentence, size_t capacity)
{
    tt_text why;
    tt_text_init(&why, sentence, capacity);
    return tt_training_load(training, path, &why);
}

// Writes what was read from `path`, and changed, to its place.
static void put_back(tt_tensor_file *file)
{
    uint8_t *bytes;
    size_t length;
    REQUIRE(tt_safetensors_make(file, &bytes, &length, NULL) == TT_OK);
    write_file(path, bytes, length);
    free(bytes);
    tt_tensor_file_free(file);
}

// A tensor's bytes in what was read.
static void *data_of(const tt_tensor_file *file, const char *name)
{
    const tt_tensor *tensor;
    REQUIRE(tt_tensor_file_get(file, name, &tensor, NULL) == TT_OK);
    return (void *)(uintptr_t)tensor->data;
}

static tt_tensor_entry *entry_of(const tt_tensor_file *file, const char *name)
{
    for (size_t i = 0; i < file->count; i++)
        if (strcmp(file->entries[i].name, name) == 0)
            return &file->entries[i];
    REQUIRE(false);
    return NULL;
}

// The file that was saved, with one metadata value changed.
static void change(const char *key, const char *value)
{
    static tt_tensor_file file;
    REQUIRE(tt_safetensors_read(&file, path, NULL) == TT_OK);
    bool found = false;
    for (size_t i = 0; i < file.note_count; i++) {
        tt_tensor_note *note = &file.notes[i];
        if (strcmp(note->key, key) != 0)
            continue;
        found = true;
        char **text = value != NULL ? &note->value : &note->key;
        free(*text);
        *text = strdup(value != NULL ? value : "gone");
        *(value != NULL ? &note->value_bytes : &note->key_bytes) = strlen(*text);
    }
    REQUIRE(found);
    put_back(&file);
}

// In 3 epochs of 5 steps: within the first, at its end, at the next's first step, and late.
#define STEPS 5
static const unsigned cuts[] = {1, 3, 5, 6, 10, 14};

static void test_resume(tt_optimiser_kind kind)
{
    tt_dataset data = make_data(45, 1); // the last 5 fill no batch
    tt_train_options options = options_of(kind);
    options.batch = 8;
    options.learning_rate = nextafter(options.learning_rate, 1); // 17 digits say it, 16 do not
    brake whole_brake = {.steps_left = 1000};
    options.on_progress = count_down;
    options.context = &whole_brake;
    tt_training *whole = new_training(&options);
    EXPECT_EQUAL(tt_training_run(whole, &data, &data, NULL), TT_OK);
    EXPECT_EQUAL(whole_brake.calls, 3 * STEPS);
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        brake b = {.steps_left = cuts[i]};
        options.stop = &b.stop;
        options.context = &b;
        options.threads = 1 + (unsigned)i % 3;
        tt_training *first = new_training(&options);
        char buffer[256], expected[100];
        tt_text why;
        tt_text_init(&why, buffer, sizeof(buffer));
        EXPECT_EQUAL(tt_training_run(first, &data, &data, &why), TT_CANCELLED);
        snprintf(expected, sizeof(expected), "interrupted after %u of 3 epochs and %u of %d steps",
                 cuts[i] / STEPS, cuts[i] % STEPS, STEPS);
        EXPECT_TEXT(buffer, expected);
        EXPECT_EQUAL(tt_training_epochs_done(first), cuts[i] / STEPS);
        EXPECT_EQUAL(tt_training_steps_done(first), cuts[i] % STEPS);
        save(first);
        // The rest of it, with nothing but what the file says.
        tt_train_options rest = {0};
        EXPECT_EQUAL(tt_checkpoint_options(path, &rest, NULL), TT_OK);
        EXPECT_EQUAL(rest.images_max, 45);
        EXPECT(rest.learning_rate == options.learning_rate);
        b = (brake){.steps_left = 1000};
        rest.on_progress = count_down;
        rest.context = &b;
        tt_training *second = new_training(&rest);
        EXPECT_EQUAL(load(second, buffer, sizeof(buffer)), TT_OK);
        EXPECT_TEXT(buffer, "");
        EXPECT(same_bits(first, second));
        EXPECT_EQUAL(tt_training_run(second, &data, &data, NULL), TT_OK);
        EXPECT_EQUAL(b.calls, 3 * STEPS - cuts[i]);
        EXPECT(same_bits(whole, second));
        EXPECT(b.last_loss == whole_brake.last_loss); // the epoch's means go on, too
        EXPECT(b.last_accuracy == whole_brake.last_accuracy);
        tt_training_free(first);
        tt_training_free(second);
    }
    tt_training_free(whole);
    tt_dataset_free(&data);
}

// A training of 2 epochs is not the first 2 of 3: another number is another plan, and is said so.
static void test_extension(void)
{
    tt_dataset data = make_data(64, 1);
    tt_train_options options = options_of(TT_SGD);
    options.epochs = 2;
    tt_training *two = new_training(&options);
    EXPECT_EQUAL(tt_training_run(two, &data, &data, NULL), TT_OK);
    save(two);
    char buffer[256];
    tt_training *same = new_training(&options); // of a file that states epochs of no images
    change("images", "0");
    EXPECT_EQUAL(load(same, buffer, sizeof(buffer)), TT_INVALID);
    EXPECT(strstr(buffer, "states an impossible epochs_done, 2") != NULL);
    tt_training_free(same);
    save(two);
    options.epochs = 4;
    tt_training *four = new_training(&options);
    EXPECT_EQUAL(load(four, buffer, sizeof(buffer)), TT_INVALID);
    EXPECT(strstr(buffer, ": was made with epochs 2, not 4") != NULL);
    EXPECT_EQUAL(tt_training_epochs_done(four), 0); // untouched
    tt_training_free(four);
    options.extend = true;
    four = new_training(&options);
    EXPECT_EQUAL(load(four, buffer, sizeof(buffer)), TT_OK);
    EXPECT_EQUAL(tt_training_run(four, &data, &data, NULL), TT_OK);
    EXPECT_EQUAL(tt_training_epochs_done(four), 4);
    save(four);
    tt_training_free(four);
    options.epochs = 3;
    four = new_training(&options);
    EXPECT_EQUAL(load(four, buffer, sizeof(buffer)), TT_INVALID);
    EXPECT(strstr(buffer, ": has begun epoch 4, which is beyond epochs 3") != NULL);
    tt_training_free(four);
    // A step of the third epoch is beyond two, too; at the end of the second, two are done.
    for (unsigned steps = 8; steps <= 9; steps++) {
        brake b = {.steps_left = steps};
        options.epochs = 4;
        options.stop = &b.stop;
        options.on_progress = count_down;
        options.context = &b;
        tt_training *begun = new_training(&options);
        EXPECT_EQUAL(tt_training_run(begun, &data, &data, NULL), TT_CANCELLED);
        save(begun);
        options.epochs = 2;
        tt_training *short_one = new_training(&options);
        EXPECT_EQUAL(load(short_one, buffer, sizeof(buffer)), steps == 8 ? TT_OK : TT_INVALID);
        EXPECT(steps == 8 || strstr(buffer, ": has begun epoch 3, which is beyond epochs 2"));
        tt_training_free(begun);
        tt_training_free(short_one);
    }
    tt_training_free(two);
    tt_dataset_free(&data);
}

// The same tensors, and another function of them.
static tt_value build_otherwise(tt_graph *graph, tt_value image)
{
    return tt_scale(graph, tt_classifier.build(graph, image), 0.5);
}

// Every option that decides the bits, and the data.
static void test_contradictions(void)
{
    static const char *const sentences[] = {
        ": was made with batch 16, not 32",
        ": was made with seed 1, not 2",
        ": was made with learning_rate 0.001, not 0.002",
        ": was made with optimiser adam, not sgd",
        ": was made with momentum 0.9, not 0.8",
        ": was made with momentum_square 0.999, not 0.99",
        ": was made with epsilon 1e-08, not 1e-07",
        ": was made with weight_decay 0, not 0.01",
        ": was made with schedule cosine, not linear",
        ": was made with warm_up 0.5, not 0.25",
        ": was made with nesterov false, not true",
        ": was made with norm_max 0, not 2",
        ": was made with another network: its graph is not this one's",
    };
    tt_network wider = tt_classifier;
    wider.build = build_otherwise;
    tt_dataset data = make_data(64, 1);
    tt_train_options good = options_of(TT_ADAM), others[13];
    brake b;
    tt_training *training = interrupted(&good, &b, &data);
    save(training);
    for (int i = 0; i < 13; i++)
        others[i] = good;
    others[0].batch = 32;
    others[1].seed = 2;
    others[2].learning_rate = 2e-3;
    others[3].optimiser.kind = TT_SGD;
    others[4].optimiser.momentum = 0.8;
    others[5].optimiser.momentum_square = 0.99;
    others[6].optimiser.epsilon = 1e-7;
    others[7].optimiser.weight_decay = 0.01;
    others[8].schedule = TT_RATE_LINEAR;
    others[9].warm_up = 0.25;
    others[10].optimiser.nesterov = true;
    others[11].optimiser.norm_max = 2;
    others[12].network = &wider;
    char buffer[256];
    for (int i = 0; i < 13; i++) {
        tt_training *other = new_training(&others[i]);
        EXPECT_EQUAL(load(other, buffer, sizeof(buffer)), TT_INVALID);
        EXPECT(strncmp(buffer, path, strlen(path)) == 0);
        EXPECT_TEXT(buffer + strlen(path), sentences[i]);
        tt_training_free(other);
    }
    // Other images, another order of them, another label, fewer.
    for (int i = 0; i < 3; i++) {
        tt_dataset other = make_data(64, i == 0 ? 2 : 1);
        if (i == 1)
            other.labels[5] = (uint8_t)((other.labels[5] + 1) % 10);
        if (i == 2)
            other.count = 63;
        tt_text why;
        tt_training *resumed = new_training(&good);
        EXPECT_EQUAL(load(resumed, buffer, sizeof(buffer)), TT_OK);
        tt_text_init(&why, buffer, sizeof(buffer));
        EXPECT_EQUAL(tt_training_run(resumed, &other, &data, &why), TT_INVALID);
        EXPECT(strstr(buffer, "the training began with 64 images of CRC ") == buffer);
        EXPECT(strstr(buffer, i == 2 ? "the data set has 63 of CRC " : "has 64 of CRC ") != NULL);
        EXPECT_EQUAL(tt_training_steps_done(resumed), 1); // nothing was done
        tt_training_free(resumed);
        tt_dataset_free(&other);
    }
    tt_training_free(training);
    tt_dataset_free(&data);
}

// A file that states another seed, rate or weight than it was saved with would go on to other bits.
static void test_changed_file(void)
{
    static const struct {
        const char *key, *value;
    } cases[] = {
        {"seed", "2"},       {"learning_rate", "0.5"}, {"weight_decay", "0.25"},
        {"crc", "1"},        {"warm_up", "1"},         {"norm_max", "3"},
        {"loss", "1"},       {"data_crc", "1"},        {"right", "16"},
        {"steps_done", "2"},
    };
    tt_dataset data = make_data(480, 1);
    tt_train_options options = options_of(TT_SGD);
    brake b;
    tt_training *training = interrupted(&options, &b, &data);
    char buffer[512];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        save(training);
        change(cases[i].key, cases[i].value);
        tt_train_options stated = options;
        EXPECT_EQUAL(tt_checkpoint_options(path, &stated, NULL), TT_OK);
        tt_training *other = new_training(&stated);
        EXPECT_EQUAL(load(other, buffer, sizeof(buffer)), TT_DAMAGED);
        EXPECT(strstr(buffer, ": is damaged or was changed since it was saved: its CRC is ") !=
               NULL);
        if (strcmp(cases[i].key, "crc") == 0)
            EXPECT(strstr(buffer, ", it states 1") != NULL);
        EXPECT_EQUAL(tt_training_steps_done(other), 0);
        EXPECT_EQUAL(tt_model_load(tt_training_model(other), path, NULL), TT_DAMAGED);
        tt_training_free(other);
    }
    // One bit of any tensor's last element.
    static tt_tensor_file file;
    save(training);
    REQUIRE(tt_safetensors_read(&file, path, NULL) == TT_OK);
    for (size_t i = 0; i < file.count; i++) {
        size_t bytes, length;
        uint8_t *made;
        REQUIRE(tt_tensor_bytes(&file.entries[i].tensor, &bytes));
        uint8_t *last = (uint8_t *)(uintptr_t)file.entries[i].tensor.data + bytes - 4;
        *last ^= 1;
        REQUIRE(tt_safetensors_make(&file, &made, &length, NULL) == TT_OK);
        write_file(path, made, length);
        free(made);
        *last ^= 1;
        EXPECT_EQUAL(load(training, buffer, sizeof(buffer)), TT_DAMAGED);
    }
    tt_tensor_file_free(&file);
    // Two names of one type that have changed places.
    save(training);
    REQUIRE(tt_safetensors_read(&file, path, NULL) == TT_OK);
    tt_tensor_entry *one = entry_of(&file, "conv2.bias"),
                    *two = entry_of(&file, "optimiser.momentum.conv2.bias"), swap = *one;
    one->name = two->name;
    one->name_bytes = two->name_bytes;
    two->name = swap.name;
    two->name_bytes = swap.name_bytes;
    put_back(&file);
    tt_training *swapped = new_training(&options);
    EXPECT_EQUAL(load(swapped, buffer, sizeof(buffer)), TT_DAMAGED);
    tt_training_free(swapped);
    // And a key.
    save(training);
    REQUIRE(tt_safetensors_read(&file, path, NULL) == TT_OK);
    for (size_t i = 0; i < file.note_count; i++)
        if (strcmp(file.notes[i].key, "warm_up") == 0)
            memcpy(file.notes[i].key, "warm-up", 7);
    put_back(&file);
    EXPECT_EQUAL(tt_model_load(tt_training_model(training), path, NULL), TT_DAMAGED);
    // Of a program that knows no CRC: a model, but no training goes on from it.
    save(training);
    change("crc", NULL);
    tt_training *other = new_training(&options);
    EXPECT_EQUAL(load(other, buffer, sizeof(buffer)), TT_INVALID);
    EXPECT_EQUAL(tt_model_load(tt_training_model(other), path, NULL), TT_OK);
    EXPECT_TEXT(buffer + strlen(path), ": is no checkpoint that can go on: it states no crc");
    tt_training_free(other);
    tt_training_free(training);
    tt_dataset_free(&data);
}

// What a file states is hostile until it is a number that a training can have.
static void test_hostile_metadata(void)
{
    static const struct {
        const char *key, *value; // NULL: left out
    } cases[] = {
        {"format", NULL},       {"format", "tutti checkpoint 1"},
        {"epochs", "x"},        {"epochs", NULL},
        {"epochs", "-3"},       {"epochs", "18446744073709551616"},
        {"batch", "16 "},       {"seed", ""},
        {"momentum", "nan"},    {"learning_rate", "inf"},
        {"epsilon", "1e999"},   {"optimiser", "lion"},
        {"schedule", "step"},   {"nesterov", "yes"},
        {"batch", "0"},         {"graph", NULL},
        {"images", "-1"},       {"data_crc", "x"},
        {"epochs_done", "4"},   {"steps_done", "30"},
        {"steps_done", NULL},   {"right", "17"},
        {"loss", "nan"},        {"epochs_done", "3"}, // all done, and a step of the next
        {"weight_decay", "1;"}, {"images", "4294967296"},
        {"crc", NULL},          {"crc", "4294967296"},
    };
    tt_dataset data = make_data(480, 1);
    tt_train_options options = options_of(TT_SGD);
    brake b;
    tt_training *training = interrupted(&options, &b, &data);
    char buffer[256];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        save(training);
        change(cases[i].key, cases[i].value);
        tt_training *other = new_training(&options);
        if (load(other, buffer, sizeof(buffer)) != TT_INVALID)
            printf("%s %s was taken\n", cases[i].key, cases[i].value);
        EXPECT_EQUAL(load(other, buffer, sizeof(buffer)), TT_INVALID);
        EXPECT(strstr(buffer, cases[i].key) != NULL || strstr(buffer, "steps_done") != NULL);
        EXPECT_EQUAL(tt_training_steps_done(other), 0);
        tt_training_free(other);
    }
    // What no options can be, so that none are read from it.
    static const struct {
        const char *key, *value;
    } options_of_none[] = {
        {"batch", "0"},      {"batch", "4097"},      {"epochs", "1000001"},    {"epochs", "-1"},
        {"momentum", "-1"},  {"learning_rate", ""},  {"learning_rate", "inf"}, {"seed", "1 "},
        {"nesterov", "yes"}, {"optimiser", "adamx"}, {"schedule", "Constant"}, {"warm_up", "nan"},
    };
    for (size_t i = 0; i < sizeof(options_of_none) / sizeof(options_of_none[0]); i++) {
        tt_train_options read = options;
        read.batch = 77;
        save(training);
        change(options_of_none[i].key, options_of_none[i].value);
        EXPECT_EQUAL(tt_checkpoint_options(path, &read, NULL), TT_INVALID);
        EXPECT_EQUAL(read.batch, 77); // nothing is changed
    }
    // What options can be, each name and the limits of numbers among it.
    static const struct {
        const char *key, *value;
    } options_of_some[] = {
        {"batch", "1"},
        {"batch", "4096"},
        {"epochs", "0"},
        {"epochs", "1000000"},
        {"momentum", "0"},
        {"optimiser", "sgd"},
        {"optimiser", "adam"},
        {"optimiser", "adamw"},
        {"schedule", "linear"},
        {"nesterov", "true"},
        {"nesterov", "false"},
        {"schedule", "cosine"},
        {"seed", "18446744073709551615"},
        {"schedule", "constant"},
        {"weight_decay", "1.7976931348623157e308"},
    };
    for (size_t i = 0; i < sizeof(options_of_some) / sizeof(options_of_some[0]); i++) {
        tt_train_options read = options;
        save(training);
        change(options_of_some[i].key, options_of_some[i].value);
        EXPECT_EQUAL(tt_checkpoint_options(path, &read, NULL), TT_OK);
    }
    // A weight that is none: no training goes on from it, and no model is made of it.
    static tt_tensor_file file;
    save(training);
    REQUIRE(tt_safetensors_read(&file, path, NULL) == TT_OK);
    ((float *)data_of(&file, "conv2.bias"))[1] = INFINITY;
    put_back(&file);
    EXPECT_EQUAL(load(training, buffer, sizeof(buffer)), TT_INVALID);
    EXPECT(strstr(buffer, ": tensor conv2.bias holds a number that is infinite or none") != NULL);
    EXPECT_EQUAL(tt_model_load(tt_training_model(training), path, NULL), TT_INVALID);
    tt_training_free(training);
    tt_dataset_free(&data);
}

static void expect_refusal(tt_training *training, tt_status status, const char *sentence)
{
    char buffer[512];
    tt_text why;
    EXPECT_EQUAL(load(training, buffer, sizeof(buffer)), status);
    EXPECT(strncmp(buffer, path, strlen(path)) == 0);
    EXPECT_TEXT(buffer + strlen(path), sentence);
    tt_train_options options = TT_TRAIN_DEFAULT;
    EXPECT(tt_checkpoint_options(path, &options, NULL) != TT_OK);
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT(tt_model_load(tt_training_model(training), path, &why) != TT_OK);
    EXPECT(strncmp(buffer, path, strlen(path)) == 0);
}

// Other files, by mistake.
static void test_other_files(void)
{
    tt_train_options options = options_of(TT_SGD);
    tt_training *training = new_training(&options);
    static uint8_t plan[200];
    tt_writer writer;
    tt_writer_init(&writer, plan, sizeof(plan));
    tt_write_le32(&writer, TT_PLAN_MAGIC);
    write_file(path, plan, sizeof(plan));
    expect_refusal(training, TT_INVALID,
                   ": is a plan, the int8 network that devices run; expected a checkpoint of "
                   "'tutti train'");
    // Another network's weights.
    tt_tensor_file file = {0};
    tt_tensor two = {TT_ELEMENT_F32, 1, {2}, (float[]){1, 2}};
    uint8_t *bytes;
    size_t length;
    REQUIRE(tt_tensor_file_add(&file, "fc.weight", &two) == TT_OK);
    REQUIRE(tt_safetensors_make(&file, &bytes, &length, NULL) == TT_OK);
    write_file(path, bytes, length);
    free(bytes);
    expect_refusal(training, TT_INVALID, ": is no checkpoint that can go on: it states no format");
    char buffer[256];
    tt_text why;
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(tt_model_load(tt_training_model(training), path, &why), TT_INVALID);
    EXPECT_TEXT(buffer + strlen(path),
                ": is no checkpoint of this network: tensor conv1.weights is "
                "missing, expected f32[12,3,3,1]");
    REQUIRE(tt_tensor_file_add(&file, "conv1.weights", &two) == TT_OK);
    REQUIRE(tt_safetensors_make(&file, &bytes, &length, NULL) == TT_OK);
    write_file(path, bytes, length);
    free(bytes);
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(tt_model_load(tt_training_model(training), path, &why), TT_INVALID);
    EXPECT_TEXT(buffer + strlen(path),
                ": is no checkpoint of this network: tensor conv1.weights is "
                "f32[2], expected f32[12,3,3,1]");
    file.entries[1].tensor.element = TT_ELEMENT_I32;
    REQUIRE(tt_safetensors_make(&file, &bytes, &length, NULL) == TT_OK);
    write_file(path, bytes, length);
    free(bytes);
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(tt_model_load(tt_training_model(training), path, &why), TT_INVALID);
    EXPECT_TEXT(buffer + strlen(path),
                ": is no checkpoint of this network: tensor conv1.weights is "
                "i32[2], expected f32[12,3,3,1]");
    tt_tensor_file_free(&file);
    // Weights of this network that no training stated: a model, no checkpoint.
    unlink(path);
    expect_refusal(training, TT_NOT_FOUND, ": cannot be opened");
    REQUIRE(mkdir(path, 0700) == 0);
    expect_refusal(training, TT_IO, ": is no regular file");
    rmdir(path);
    write_file(path, "", 0);
    REQUIRE(truncate(path, TT_TENSOR_FILE_MAX + 1) == 0); // a hole: takes no room
    expect_refusal(training, TT_TOO_LARGE, ": is larger than 1 GiB");
    unlink(path);
    tt_training_free(training);
}

int main(void)
{
    char folder[] = "/tmp/tutti-checkpoint-XXXXXX";
    REQUIRE(mkdtemp(folder) != NULL);
    snprintf(path, sizeof(path), "%s/checkpoint.safetensors", folder);
    test_resume(TT_SGD);
    test_resume(TT_ADAM);
    test_extension();
    test_contradictions();
    test_hostile_metadata();
    test_changed_file();
    test_other_files();
    rmdir(folder);
    return test_result();
}
