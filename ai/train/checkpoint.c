// Checkpoints: a training in the bytes of a safetensors file, and back.
//
// The metadata are one table of what decides the bits. Saving writes each row as text; loading
// compares the texts, so that a contradiction can be shown as both have it.

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ai/oldgraph/primitive.h"
#include "ai/train/training.h"
#include "tutti/bytes.h"
#include "tutti/check.h"
#include "tutti/tensor_file.h"

#define FORMAT "tutti checkpoint 3" // changes with the network, the schedule's or the update's rule
#define FORMAT_KEY "format"
#define CRC_KEY "crc" // of all else that the file holds

// ---- the table of options

typedef enum kind { UNSIGNED, SIZE, WIDE, REAL, OPTIMISER } kind;

typedef struct field {
    const char *key;
    kind kind;
    size_t offset; // in tt_train_options
} field;

static const field fields[] = {
    {"epochs", UNSIGNED, offsetof(tt_train_options, epochs)}, // first: see load_state
    {"batch", SIZE, offsetof(tt_train_options, batch)},
    {"seed", WIDE, offsetof(tt_train_options, seed)},
    {"learning_rate", REAL, offsetof(tt_train_options, learning_rate)},
    {"optimiser", OPTIMISER, offsetof(tt_train_options, optimiser.kind)},
    {"momentum", REAL, offsetof(tt_train_options, optimiser.momentum)},
    {"momentum_square", REAL, offsetof(tt_train_options, optimiser.momentum_square)},
    {"epsilon", REAL, offsetof(tt_train_options, optimiser.epsilon)},
    {"weight_decay", REAL, offsetof(tt_train_options, optimiser.weight_decay)},
};
#define FIELDS (sizeof(fields) / sizeof(fields[0]))

#define SENTENCE_BYTES (PATH_MAX + 512)
#define TEXT_BYTES 64 // of a metadata value, the terminator included
#define NAME_BYTES 96 // of a tensor's name, likewise

// The shortest decimal that reads back as the same float: nine digits always do.
static void real_text(float value, char text[TEXT_BYTES])
{
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, TEXT_BYTES, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value)
            return;
    }
}

static void field_text(const field *f, const tt_train_options *options, char text[TEXT_BYTES])
{
    const void *at = (const char *)options + f->offset;
    if (f->kind == UNSIGNED)
        snprintf(text, TEXT_BYTES, "%u", *(const unsigned *)at);
    else if (f->kind == SIZE)
        snprintf(text, TEXT_BYTES, "%zu", *(const size_t *)at);
    else if (f->kind == WIDE)
        snprintf(text, TEXT_BYTES, "%" PRIu64, *(const uint64_t *)at);
    else if (f->kind == REAL)
        real_text(*(const float *)at, text);
    else
        snprintf(text, TEXT_BYTES, "%s", *(const tt_optimiser_kind *)at == TT_SGD ? "sgd" : "adam");
}

static bool read_whole(const char *text, uint64_t most, uint64_t *number)
{
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0' && *number <= most;
}

static bool read_real(const char *text, double *number)
{
    char *end;
    *number = strtod(text, &end);
    return end != text && *end == '\0' && *number >= 0 && *number <= DBL_MAX;
}

// Into `options`; false where the text is none that saving writes.
static bool read_field(const field *f, const char *text, tt_train_options *options)
{
    void *at = (char *)options + f->offset;
    uint64_t whole = 0;
    double real = 0;
    bool sound = f->kind == REAL ? read_real(text, &real) && real <= (double)FLT_MAX
                 : f->kind == OPTIMISER
                     ? strcmp(text, "sgd") == 0 || strcmp(text, "adam") == 0
                     : read_whole(text, f->kind == WIDE ? UINT64_MAX : TT_EPOCHS_MAX, &whole);
    if (f->kind == UNSIGNED)
        *(unsigned *)at = (unsigned)whole;
    else if (f->kind == SIZE)
        *(size_t *)at = (size_t)whole;
    else if (f->kind == WIDE)
        *(uint64_t *)at = whole;
    else if (f->kind == REAL)
        *(float *)at = strtof(text, NULL);
    else
        *(tt_optimiser_kind *)at = strcmp(text, "sgd") == 0 ? TT_SGD : TT_ADAM;
    return sound;
}

// How far a training has come; as numbers of a checkpoint.
typedef struct progress {
    uint64_t epochs_done, steps_done, right, images, data_crc;
    double loss;
} progress;

// ---- saving

// A file in the making; TT_FULL once memory was lacking.
typedef struct maker {
    tt_tensor_file file;
    tt_status status;
} maker;

static void add_metadata(maker *m, const char *key, const char *value)
{
    if (m->status == TT_OK)
        m->status = tt_tensor_file_describe(&m->file, key, value);
}

static void add_number(maker *m, const char *key, uint64_t value)
{
    char text[TEXT_BYTES];
    snprintf(text, sizeof(text), "%" PRIu64, value);
    add_metadata(m, key, text);
}

static void add_tensor(maker *m, const char *prefix, const char *name, tt_shape shape,
                       const float *data)
{
    char full[NAME_BYTES];
    tt_tensor tensor = {.element = TT_ELEMENT_F32, .rank = shape.rank, .data = data};
    for (unsigned i = 0; i < shape.rank; i++)
        tensor.size[i] = (int64_t)shape.size[i];
    TT_CHECK(snprintf(full, sizeof(full), "%s%s", prefix, name) < NAME_BYTES);
    if (m->status == TT_OK)
        m->status = tt_tensor_file_add(&m->file, full, &tensor);
}

static tt_shape state_shape(const tt_value *parameter)
{
    return TT_SHAPE(2, tt_shape_count(&parameter->shape));
}

// Of every key, value, name and number in the order of the file; what a tensor means is checked by
// name and shape anyhow.
static uint32_t crc_of(const tt_tensor_file *file)
{
    uint32_t crc = 0;
    for (size_t i = 0; i < file->note_count; i++) {
        const tt_tensor_note *note = &file->notes[i];
        if (strcmp(note->key, CRC_KEY) == 0)
            continue;
        crc = tt_crc32(crc, note->key, note->key_bytes + 1);
        crc = tt_crc32(crc, note->value, note->value_bytes + 1);
    }
    for (size_t i = 0; i < file->count; i++) {
        const tt_tensor_entry *entry = &file->entries[i];
        size_t bytes = 0;
        crc = tt_crc32(crc, entry->name, entry->name_bytes + 1);
        if (entry->tensor.data != NULL && tt_tensor_bytes(&entry->tensor, &bytes))
            crc = tt_crc32(crc, entry->tensor.data, bytes);
    }
    return crc;
}

static void describe(const tt_training *t, maker *m)
{
    char text[TEXT_BYTES];
    add_metadata(m, FORMAT_KEY, FORMAT);
    for (size_t i = 0; i < FIELDS; i++) {
        field_text(&fields[i], &t->options, text);
        add_metadata(m, fields[i].key, text);
    }
    add_number(m, "shards", TT_SHARDS);
    add_number(m, "images", t->image_count);
    add_number(m, "data_crc", t->data_crc);
    add_number(m, "epochs_done", t->epochs_done);
    add_number(m, "steps_done", t->steps_done);
    add_number(m, "right", t->right);
    snprintf(text, sizeof(text), "%.17g", t->loss); // a double, exactly
    add_metadata(m, "loss", text);
    for (size_t i = 0; i < t->model->parameter_count; i++) {
        const tt_value *p = t->model->parameters[i];
        add_tensor(m, "", p->name, p->shape, p->data);
        add_tensor(m, "optimiser.", p->name, state_shape(p), t->states[i]);
    }
    add_number(m, CRC_KEY, crc_of(&m->file));
}

static tt_status refuse_infinite(tt_text *why, const char *name)
{
    tt_text_add(why, "tensor ");
    tt_text_add(why, name);
    tt_text_add(why, " holds a number that is infinite or none");
    return TT_TOO_LARGE;
}

tt_status tt_training_save(const tt_training *t, uint8_t **bytes, size_t *length, tt_text *why)
{
    *bytes = NULL;
    maker m = {.status = TT_OK};
    describe(t, &m);
    tt_status status = m.status;
    for (size_t i = 0; i < m.file.count && status == TT_OK; i++) {
        const tt_tensor_entry *entry = &m.file.entries[i];
        size_t count = 0;
        if (tt_tensor_bytes(&entry->tensor, &count) &&
            !tt_all_finite(entry->tensor.data, count / sizeof(float)))
            status = refuse_infinite(why, entry->name);
    }
    if (status == TT_OK)
        status = tt_safetensors_make(&m.file, bytes, length, why);
    tt_tensor_file_free(&m.file);
    return status;
}

// ---- loading

// What a tensor of the file is, for a sentence: "[2,3]", and its type if that is not f32.
static void describe_tensor(tt_text *why, const tt_tensor *tensor)
{
    tt_text_add(why, "[");
    for (unsigned i = 0; i < tensor->rank; i++) {
        tt_text_add(why, i > 0 ? "," : "");
        tt_text_add_signed(why, tensor->size[i]);
    }
    tt_text_add(why, "]");
    if (tensor->element != TT_ELEMENT_F32) {
        tt_text_add(why, " of ");
        tt_text_add(why, tt_element_name(tensor->element));
    }
}

static bool has_shape(const tt_tensor *tensor, const tt_shape *shape)
{
    bool same = tensor->element == TT_ELEMENT_F32 && tensor->rank == shape->rank;
    for (unsigned i = 0; i < shape->rank && same; i++)
        same = tensor->size[i] == (int64_t)shape->size[i];
    return same;
}

// The tensor of that name, of exactly that shape and finite; NULL with a sentence otherwise.
static const tt_tensor *expect(const tt_tensor_file *file, const char *prefix, const char *name,
                               tt_shape shape, tt_text *why)
{
    char full[NAME_BYTES];
    const tt_tensor *tensor;
    TT_CHECK(snprintf(full, sizeof(full), "%s%s", prefix, name) < NAME_BYTES);
    tt_status status = tt_tensor_file_get(file, full, &tensor, NULL);
    if (status == TT_OK && has_shape(tensor, &shape)) {
        if (tt_all_finite(tensor->data, tt_shape_count(&shape)))
            return tensor;
        refuse_infinite(why, full);
        return NULL;
    }
    tt_text_add(why, "is no checkpoint of this network: tensor ");
    tt_text_add(why, full);
    tt_text_add(why, status == TT_OK          ? " is "
                     : status == TT_NOT_FOUND ? " is missing"
                                              : " is of a type that is unknown");
    if (status == TT_OK)
        describe_tensor(why, tensor);
    tt_text_add(why, ", expected ");
    tt_text_add(why, tt_shape_text(&shape));
    return NULL;
}

// The tensors of a whole model under `prefix`, each checked.
static tt_status find_tensors(const tt_tensor_file *file, const char *prefix, const tt_model *model,
                              bool state, const tt_tensor **tensors, tt_text *why)
{
    for (size_t i = 0; i < model->parameter_count; i++) {
        const tt_value *p = model->parameters[i];
        tensors[i] = expect(file, prefix, p->name, state ? state_shape(p) : p->shape, why);
        if (tensors[i] == NULL)
            return TT_INVALID;
    }
    return TT_OK;
}

static void copy_parameters(tt_model *model, const tt_tensor **tensors)
{
    for (size_t i = 0; i < model->parameter_count; i++)
        memcpy(model->parameters[i]->data, tensors[i]->data, tt_value_bytes(model->parameters[i]));
}

// A sentence begins with the path, a success leaves none: what may follow the path goes to `rest`.
typedef struct opened {
    tt_tensor_file *file;
    char *sentence;
    tt_text rest;
} opened;

static tt_status close_file(opened *o, tt_status status, tt_text *why)
{
    if (status != TT_OK && status != TT_FULL)
        tt_text_add(why, o->sentence);
    if (o->file != NULL)
        tt_tensor_file_free(o->file);
    free(o->file);
    free(o->sentence);
    return status;
}

static tt_status open_file(opened *o, const char *path, tt_text *why)
{
    o->sentence = malloc(SENTENCE_BYTES);
    o->file = calloc(1, sizeof(*o->file));
    if (o->file == NULL || o->sentence == NULL)
        return close_file(o, TT_FULL, NULL);
    tt_text_init(&o->rest, o->sentence, SENTENCE_BYTES);
    tt_status status = tt_safetensors_read(o->file, path, &o->rest);
    if (status != TT_OK)
        return close_file(o, status, why);
    tt_text_add(&o->rest, path);
    tt_text_add(&o->rest, ": ");
    return TT_OK;
}

static tt_status refuse_metadata(tt_text *why, const char *key, const char *found)
{
    tt_text_add(why, "is no checkpoint that can go on: it states ");
    tt_text_add(why, found != NULL ? "an impossible " : "no ");
    tt_text_add(why, key);
    if (found != NULL) {
        tt_text_add(why, ", ");
        tt_text_add(why, found);
    }
    return TT_INVALID;
}

// A file of another program may have none, and can be a model; whoever goes on wants one.
static tt_status expect_crc(const tt_tensor_file *file, tt_text *why)
{
    uint64_t stated;
    const char *text = tt_tensor_file_note(file, CRC_KEY);
    if (text != NULL && !read_whole(text, UINT32_MAX, &stated))
        return refuse_metadata(why, CRC_KEY, text);
    if (text == NULL || stated == crc_of(file))
        return TT_OK;
    tt_text_add(why, "is damaged or was changed since it was saved: its CRC is ");
    tt_text_add_unsigned(why, crc_of(file));
    tt_text_add(why, ", it states ");
    tt_text_add(why, text);
    return TT_DAMAGED;
}

tt_status tt_model_load(tt_model *model, const char *path, tt_text *why)
{
    opened o;
    const tt_tensor *tensors[TT_MODEL_PARAMETERS_MAX];
    tt_status status = open_file(&o, path, why);
    if (status != TT_OK)
        return status;
    status = find_tensors(o.file, "", model, false, tensors, &o.rest);
    if (status == TT_OK)
        status = expect_crc(o.file, &o.rest);
    if (status == TT_OK)
        copy_parameters(model, tensors);
    return close_file(&o, status, why);
}

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
    if (text != NULL && read_whole(text, most, number))
        return TT_OK;
    return refuse_metadata(why, key, text);
}

// The options that a checkpoint states; all of them, each sound by itself.
static tt_status read_options(const tt_tensor_file *file, tt_train_options *options, tt_text *why)
{
    const char *format = tt_tensor_file_note(file, FORMAT_KEY);
    if (format == NULL)
        return refuse_metadata(why, FORMAT_KEY, NULL);
    tt_status status = expect_same(why, FORMAT_KEY, FORMAT, format);
    for (size_t i = 0; i < FIELDS && status == TT_OK; i++) {
        const char *text = tt_tensor_file_note(file, fields[i].key);
        if (text == NULL || !read_field(&fields[i], text, options))
            status = refuse_metadata(why, fields[i].key, text);
    }
    uint64_t shards = 0, images = 0;
    if (status == TT_OK)
        status = read_number(file, "shards", 1024, &shards, why);
    if (status == TT_OK && shards != TT_SHARDS)
        status = refuse_metadata(why, "shards", tt_tensor_file_note(file, "shards"));
    if (status == TT_OK)
        status = read_number(file, "images", UINT32_MAX, &images, why);
    options->images_max = (size_t)images;
    return status;
}

tt_status tt_checkpoint_options(const char *path, tt_train_options *options, tt_text *why)
{
    opened o;
    tt_train_options read = *options;
    tt_status status = open_file(&o, path, why);
    if (status != TT_OK)
        return status;
    status = read_options(o.file, &read, &o.rest);
    if (status == TT_OK)
        *options = read;
    return close_file(&o, status, why);
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
        status = refuse_metadata(why, "loss", loss);
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

static tt_status load_state(tt_training *t, const tt_tensor_file *file, tt_text *why)
{
    const tt_tensor *parameters[TT_MODEL_PARAMETERS_MAX], *states[TT_MODEL_PARAMETERS_MAX];
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
        status = find_tensors(file, "", t->model, false, parameters, why);
    if (status == TT_OK)
        status = find_tensors(file, "optimiser.", t->model, true, states, why);
    if (status == TT_OK && tt_tensor_file_note(file, CRC_KEY) == NULL)
        status = refuse_metadata(why, CRC_KEY, NULL);
    if (status == TT_OK)
        status = expect_crc(file, why);
    if (status != TT_OK)
        return status;
    copy_parameters(t->model, parameters);
    for (size_t i = 0; i < t->model->parameter_count; i++)
        memcpy(t->states[i], states[i]->data, 2 * tt_value_bytes(t->model->parameters[i]));
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
    opened o;
    tt_status status = open_file(&o, path, why);
    if (status != TT_OK)
        return status;
    return close_file(&o, load_state(t, o.file, &o.rest), why);
}
