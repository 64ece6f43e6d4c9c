// Checkpoints: a training in the bytes of a safetensors file, and back.
//
// The metadata are one table of what decides the bits. Saving writes each row as text; loading
// compares the texts, so that a contradiction can be shown as both have it.

#include <float.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ai/train/file.h"

#define FORMAT "tutti checkpoint 4" // changes with the schedule's or the update's rule
#define FORMAT_KEY "format"

// ---- the table of options

typedef enum kind { UNSIGNED, SIZE, WIDE, REAL, FLAG, OPTIMISER, SCHEDULE } kind;

typedef struct field {
    const char *key;
    kind kind;
    size_t offset; // in tt_train_options
} field;

static const field fields[] = {
    {"epochs", UNSIGNED, offsetof(tt_train_options, epochs)}, // first: see load_state
    {"batch", SIZE, offsetof(tt_train_options, batch)},
    {"seed", WIDE, offsetof(tt_train_options, seed)},
    {"schedule", SCHEDULE, offsetof(tt_train_options, schedule)},
    {"learning_rate", REAL, offsetof(tt_train_options, learning_rate)},
    {"warm_up", REAL, offsetof(tt_train_options, warm_up)},
    {"optimiser", OPTIMISER, offsetof(tt_train_options, optimiser.kind)},
    {"momentum", REAL, offsetof(tt_train_options, optimiser.momentum)},
    {"momentum_square", REAL, offsetof(tt_train_options, optimiser.momentum_square)},
    {"nesterov", FLAG, offsetof(tt_train_options, optimiser.nesterov)},
    {"epsilon", REAL, offsetof(tt_train_options, optimiser.epsilon)},
    {"weight_decay", REAL, offsetof(tt_train_options, optimiser.weight_decay)},
    {"norm_max", REAL, offsetof(tt_train_options, optimiser.norm_max)},
};
#define FIELDS (sizeof(fields) / sizeof(fields[0]))
#define TEXT_BYTES 64 // of a metadata value, the terminator included

// The names of an enumeration's values, in their order.
static const char *const optimisers[] = {"sgd", "adam", "adamw"};
static const char *const schedules[] = {"constant", "linear", "cosine"};
#define NAMES 3

static int find_name(const char *const *names, const char *text)
{
    for (int i = 0; i < NAMES; i++)
        if (strcmp(names[i], text) == 0)
            return i;
    return -1;
}

// The shortest decimal that reads back as the same number: 17 digits always do.
static void real_text(double value, char text[TEXT_BYTES])
{
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, TEXT_BYTES, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            return;
    }
}

static void field_text(const field *f, const tt_train_options *options, char text[TEXT_BYTES])
{
    const void *at = (const char *)options + f->offset;
    switch (f->kind) {
    case UNSIGNED:
        snprintf(text, TEXT_BYTES, "%u", *(const unsigned *)at);
        break;
    case SIZE:
        snprintf(text, TEXT_BYTES, "%zu", *(const size_t *)at);
        break;
    case WIDE:
        snprintf(text, TEXT_BYTES, "%" PRIu64, *(const uint64_t *)at);
        break;
    case REAL:
        real_text(*(const double *)at, text);
        break;
    case FLAG:
        snprintf(text, TEXT_BYTES, "%s", *(const bool *)at ? "true" : "false");
        break;
    case OPTIMISER:
        snprintf(text, TEXT_BYTES, "%s", optimisers[*(const tt_optimiser_kind *)at % NAMES]);
        break;
    case SCHEDULE:
        snprintf(text, TEXT_BYTES, "%s", schedules[*(const tt_rate_kind *)at % NAMES]);
        break;
    }
}

static bool read_real(const char *text, double *number)
{
    char *end;
    *number = strtod(text, &end);
    return end != text && *end == '\0' && *number >= 0 && *number <= DBL_MAX;
}

static bool read_flag(const char *text, bool *flag)
{
    *flag = strcmp(text, "true") == 0;
    return *flag || strcmp(text, "false") == 0;
}

// Into `options`; false where the text is none that saving writes.
static bool read_field(const field *f, const char *text, tt_train_options *options)
{
    void *at = (char *)options + f->offset;
    uint64_t whole = 0;
    int name;
    bool sound;
    switch (f->kind) {
    case REAL:
        return read_real(text, at);
    case FLAG:
        return read_flag(text, at);
    case OPTIMISER:
        name = find_name(optimisers, text);
        *(tt_optimiser_kind *)at = (tt_optimiser_kind)name;
        return name >= 0;
    case SCHEDULE:
        name = find_name(schedules, text);
        *(tt_rate_kind *)at = (tt_rate_kind)name;
        return name >= 0;
    case UNSIGNED:
        sound = tt_model_file_number(text, TT_EPOCHS_MAX, &whole);
        *(unsigned *)at = (unsigned)whole;
        return sound;
    case SIZE:
        sound = tt_model_file_number(text, TT_BATCH_MAX, &whole) && whole > 0;
        *(size_t *)at = (size_t)whole;
        return sound;
    case WIDE:
        sound = tt_model_file_number(text, UINT64_MAX, &whole);
        *(uint64_t *)at = whole;
        return sound;
    }
    return false;
}

// How far a training has come; as numbers of a checkpoint.
typedef struct progress {
    uint64_t epochs_done, steps_done, right, images, data_crc;
    double loss;
} progress;

// ---- saving

tt_status tt_training_save(const tt_training *t, uint8_t **bytes, size_t *length, tt_text *why)
{
    char text[TEXT_BYTES];
    tt_maker m = {.status = TT_OK};
    tt_maker_note(&m, FORMAT_KEY, FORMAT);
    for (size_t i = 0; i < FIELDS; i++) {
        field_text(&fields[i], &t->options, text);
        tt_maker_note(&m, fields[i].key, text);
    }
    tt_maker_number(&m, "images", t->image_count);
    tt_maker_number(&m, "data_crc", t->data_crc);
    tt_maker_number(&m, "epochs_done", t->epochs_done);
    tt_maker_number(&m, "steps_done", t->steps_done);
    tt_maker_number(&m, "right", t->right);
    snprintf(text, sizeof(text), "%.17g", t->loss); // a double, exactly
    tt_maker_note(&m, "loss", text);
    tt_maker_graph(&m, t->model->graph);
    tt_maker_buffers(&m, t->model->session, t->graph, TT_PARAMETER);
    tt_maker_buffers(&m, t->model->session, t->graph, TT_STATE);
    return tt_maker_finish(&m, bytes, length, why);
}

// ---- loading

// What must be the same for the same bits.
static tt_status expect_same(tt_text *why, const char *key, const char *ours, const char *theirs)
{
    if (strcmp(ours, theirs) == 0)
        return TT_OK;
    tt_text_add(why, "was made with ");
    tt_text_add(why, key);
    tt_text_add(why, " ");
    tt_text_add(why, theirs);
    tt_text_add(why, ", not ");
    tt_text_add(why, ours);
    return TT_INVALID;
}

static tt_status read_number(const tt_tensor_file *file, const char *key, uint64_t most,
                             uint64_t *number, tt_text *why)
{
    const char *text = tt_tensor_file_note(file, key);
    if (text != NULL && tt_model_file_number(text, most, number))
        return TT_OK;
    return tt_model_file_refuse(why, key, text);
}

// The options that a checkpoint states; all of them, each sound by itself.
static tt_status read_options(const tt_tensor_file *file, tt_train_options *options, tt_text *why)
{
    const char *format = tt_tensor_file_note(file, FORMAT_KEY);
    if (format == NULL)
        return tt_model_file_refuse(why, FORMAT_KEY, NULL);
    tt_status status = expect_same(why, FORMAT_KEY, FORMAT, format);
    for (size_t i = 0; i < FIELDS && status == TT_OK; i++) {
        const char *text = tt_tensor_file_note(file, fields[i].key);
        if (text == NULL || !read_field(&fields[i], text, options))
            status = tt_model_file_refuse(why, fields[i].key, text);
    }
    uint64_t images = 0;
    if (status == TT_OK)
        status = read_number(file, "images", UINT32_MAX, &images, why);
    options->images_max = (size_t)images;
    return status;
}

tt_status tt_checkpoint_options(const char *path, tt_train_options *options, tt_text *why)
{
    tt_opened o;
    tt_train_options read = *options;
    tt_status status = tt_model_file_open(&o, path, why);
    if (status != TT_OK)
        return status;
    status = read_options(o.file, &read, &o.rest);
    if (status == TT_OK)
        *options = read;
    return tt_model_file_close(&o, status, why);
}

// Where it is; a place that such a training cannot reach is refused.
static tt_status read_progress(const tt_tensor_file *file, const tt_train_options *options,
                               progress *p, tt_text *why)
{
    const char *loss = tt_tensor_file_note(file, "loss");
    p->images = options->images_max;
    uint64_t steps = p->images / options->batch; // an epoch; none where it has not begun
    tt_status status = read_number(file, "data_crc", UINT32_MAX, &p->data_crc, why);
    if (status == TT_OK)
        status =
            read_number(file, "epochs_done", steps > 0 ? options->epochs : 0, &p->epochs_done, why);
    if (status == TT_OK)
        status = read_number(file, "steps_done",
                             steps > 0 && p->epochs_done < options->epochs ? steps - 1 : 0,
                             &p->steps_done, why);
    if (status == TT_OK)
        status = read_number(file, "right", p->steps_done * options->batch, &p->right, why);
    if (status == TT_OK && (loss == NULL || !read_real(loss, &p->loss)))
        status = tt_model_file_refuse(why, "loss", loss);
    return status;
}

// Every option as the checkpoint has it; the epochs are the plan, which only `extend` may change.
static tt_status expect_options(const tt_train_options *ours, const tt_train_options *theirs,
                                tt_text *why)
{
    tt_status status = TT_OK;
    for (size_t i = 0; i < FIELDS && status == TT_OK; i++) {
        char our_text[TEXT_BYTES], their_text[TEXT_BYTES];
        field_text(&fields[i], ours, our_text);
        field_text(&fields[i], theirs, their_text);
        if (fields[i].offset != offsetof(tt_train_options, epochs) || !ours->extend)
            status = expect_same(why, fields[i].key, our_text, their_text);
    }
    return status;
}

// The network as the checkpoint has it: another one may have the same tensors.
static tt_status expect_network(const tt_training *t, const tt_tensor_file *file, tt_text *why)
{
    const char *theirs = tt_tensor_file_note(file, TT_GRAPH_KEY);
    if (theirs == NULL)
        return tt_model_file_refuse(why, TT_GRAPH_KEY, NULL);
    char *ours = tt_graph_print(t->model->graph);
    bool same = ours != NULL && strcmp(ours, theirs) == 0;
    tt_status status = ours == NULL ? TT_FULL : same ? TT_OK : TT_INVALID;
    free(ours);
    if (status == TT_INVALID)
        tt_text_add(why, "was made with another network: its graph is not this one's");
    return status;
}

static tt_status expect_tensors(const tt_training *t, const tt_tensor_file *file, tt_text *why)
{
    tt_status status = tt_model_file_expect(file, t->graph, TT_PARAMETER, why);
    if (status == TT_OK)
        status = tt_model_file_expect(file, t->graph, TT_STATE, why);
    if (status == TT_OK)
        status = expect_network(t, file, why);
    if (status == TT_OK && tt_tensor_file_note(file, TT_CRC_KEY) == NULL)
        status = tt_model_file_refuse(why, TT_CRC_KEY, NULL);
    return status == TT_OK ? tt_model_file_check(file, why) : status;
}

static tt_status load_state(tt_training *t, const tt_tensor_file *file, tt_text *why)
{
    tt_train_options theirs = t->options;
    progress p = {0};
    tt_status status = read_options(file, &theirs, why);
    if (status == TT_OK)
        status = expect_options(&t->options, &theirs, why);
    if (status == TT_OK)
        status = read_progress(file, &theirs, &p, why);
    if (status == TT_OK && p.epochs_done + (p.steps_done > 0) > t->options.epochs) {
        tt_text_add(why, "has begun epoch ");
        tt_text_add_unsigned(why, p.epochs_done + (p.steps_done > 0));
        tt_text_add(why, ", which is beyond epochs ");
        tt_text_add_unsigned(why, t->options.epochs);
        status = TT_INVALID;
    }
    if (status == TT_OK)
        status = expect_tensors(t, file, why);
    if (status != TT_OK)
        return status;
    tt_model_file_take(file, t->graph, TT_PARAMETER, t->model->session);
    tt_model_file_take(file, t->graph, TT_STATE, t->model->session);
    t->epochs_done = (unsigned)p.epochs_done;
    t->steps_done = (size_t)p.steps_done;
    t->loss = p.loss;
    t->right = (size_t)p.right;
    t->image_count = (size_t)p.images;
    t->data_crc = (uint32_t)p.data_crc;
    return TT_OK;
}

tt_status tt_training_load(tt_training *t, const char *path, tt_text *why)
{
    tt_opened o;
    tt_status status = tt_model_file_open(&o, path, why);
    if (status != TT_OK)
        return status;
    return tt_model_file_close(&o, load_state(t, o.file, &o.rest), why);
}
