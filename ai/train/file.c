// A model in the bytes of a safetensors file, and back.

#include "ai/train/file.h"

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tutti/bytes.h"
#include "tutti/check.h"

#define SENTENCE_BYTES (PATH_MAX + 512)

// Whether no element is infinite or no number; of integers none is.
static bool all_finite(const tt_tensor *tensor)
{
    size_t bytes = 0, infinite = 0; // counted without a branch: the compiler makes vectors of it
    if (!tt_tensor_bytes(tensor, &bytes))
        return false;
    if (tensor->element == TT_ELEMENT_F32)
        for (size_t i = 0; i < bytes / sizeof(float); i++)
            infinite += !(fabsf(((const float *)tensor->data)[i]) <= FLT_MAX);
    if (tensor->element == TT_ELEMENT_F64)
        for (size_t i = 0; i < bytes / sizeof(double); i++)
            infinite += !(fabs(((const double *)tensor->data)[i]) <= DBL_MAX);
    // Of the other two, whose exponent is all ones.
    uint16_t exponent = tensor->element == TT_ELEMENT_F16    ? 0x7c00
                        : tensor->element == TT_ELEMENT_BF16 ? 0x7f80
                                                             : 0;
    for (size_t i = 0; exponent != 0 && i < bytes / sizeof(uint16_t); i++)
        infinite += (((const uint16_t *)tensor->data)[i] & exponent) == exponent;
    return infinite == 0;
}

static tt_status refuse_infinite(tt_text *why, const char *name)
{
    tt_text_add(why, "tensor ");
    tt_text_add(why, name);
    tt_text_add(why, " holds a number that is infinite or none");
    return TT_TOO_LARGE;
}

// ---- saving

void tt_maker_note(tt_maker *m, const char *key, const char *value)
{
    if (m->status == TT_OK)
        m->status = tt_tensor_file_describe(&m->file, key, value);
}

void tt_maker_number(tt_maker *m, const char *key, uint64_t value)
{
    char text[32];
    snprintf(text, sizeof(text), "%" PRIu64, value);
    tt_maker_note(m, key, text);
}

static tt_tensor tensor_of(const tt_type *type, const void *data)
{
    tt_tensor tensor = {.element = (tt_element)type->element, .rank = type->rank, .data = data};
    for (unsigned i = 0; i < type->rank; i++)
        tensor.size[i] = type->size[i];
    return tensor;
}

void tt_maker_buffers(tt_maker *m, const tt_session *session, const tt_graph *graph,
                      tt_buffer_kind kind)
{
    for (uint32_t i = 0; i < tt_graph_buffer_count(graph) && m->status == TT_OK; i++) {
        const tt_buffer *buffer = tt_graph_buffer(graph, i);
        if (buffer->kind != kind)
            continue;
        tt_tensor tensor = tensor_of(&buffer->type, tt_session_read(session, buffer->name, NULL));
        m->status = tt_tensor_file_add(&m->file, buffer->name, &tensor);
    }
}

void tt_maker_graph(tt_maker *m, const tt_graph *graph)
{
    char *text = tt_graph_print(graph);
    if (text != NULL)
        tt_maker_note(m, TT_GRAPH_KEY, text);
    else
        m->status = TT_FULL;
    free(text);
}

// Of every key, value, name and number in the order of the file; what a tensor means is checked by
// name and type anyhow.
static uint32_t crc_of(const tt_tensor_file *file)
{
    uint32_t crc = 0;
    for (size_t i = 0; i < file->note_count; i++) {
        const tt_tensor_note *note = &file->notes[i];
        if (strcmp(note->key, TT_CRC_KEY) == 0)
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

tt_status tt_maker_finish(tt_maker *m, uint8_t **bytes, size_t *length, tt_text *why)
{
    *bytes = NULL;
    tt_maker_number(m, TT_CRC_KEY, crc_of(&m->file));
    tt_status status = m->status;
    for (size_t i = 0; i < m->file.count && status == TT_OK; i++)
        if (!all_finite(&m->file.entries[i].tensor))
            status = refuse_infinite(why, m->file.entries[i].name);
    if (status == TT_OK)
        status = tt_safetensors_make(&m->file, bytes, length, why);
    tt_tensor_file_free(&m->file);
    return status;
}

tt_status tt_model_save(const tt_model *model, uint8_t **bytes, size_t *length, tt_text *why)
{
    tt_maker m = {.status = TT_OK};
    tt_maker_graph(&m, model->graph);
    tt_maker_buffers(&m, model->session, model->graph, TT_PARAMETER);
    return tt_maker_finish(&m, bytes, length, why);
}

// ---- loading

tt_status tt_model_file_close(tt_opened *o, tt_status status, tt_text *why)
{
    if (status != TT_OK && status != TT_FULL)
        tt_text_add(why, o->sentence);
    if (o->file != NULL)
        tt_tensor_file_free(o->file);
    free(o->file);
    free(o->sentence);
    return status;
}

tt_status tt_model_file_open(tt_opened *o, const char *path, tt_text *why)
{
    o->sentence = malloc(SENTENCE_BYTES);
    o->file = calloc(1, sizeof(*o->file));
    if (o->file == NULL || o->sentence == NULL)
        return tt_model_file_close(o, TT_FULL, NULL);
    tt_text_init(&o->rest, o->sentence, SENTENCE_BYTES);
    tt_status status = tt_safetensors_read(o->file, path, &o->rest);
    if (status != TT_OK)
        return tt_model_file_close(o, status, why);
    tt_text_add(&o->rest, path);
    tt_text_add(&o->rest, ": ");
    return TT_OK;
}

// The tensor of that buffer, of exactly its type and finite; NULL with a sentence otherwise.
static const tt_tensor *expect(const tt_tensor_file *file, const tt_buffer *buffer, tt_text *why)
{
    char text[TT_TYPE_TEXT_BYTES];
    tt_type found = {0};
    const tt_tensor *tensor;
    tt_status status = tt_tensor_file_get(file, buffer->name, &tensor, NULL);
    if (status == TT_OK && tensor->rank <= TT_RANK_MAX) {
        found = (tt_type){.element = (uint8_t)tensor->element, .rank = (uint8_t)tensor->rank};
        for (unsigned i = 0; i < tensor->rank; i++)
            found.size[i] = tensor->size[i];
        if (tt_type_equal(&found, &buffer->type)) {
            if (all_finite(tensor))
                return tensor;
            refuse_infinite(why, buffer->name);
            return NULL;
        }
    }
    tt_text_add(why, "is no checkpoint of this network: tensor ");
    tt_text_add(why, buffer->name);
    tt_text_add(why, status == TT_OK          ? " is "
                     : status == TT_NOT_FOUND ? " is missing"
                                              : " is of a type that is unknown");
    if (status == TT_OK)
        tt_text_add(why, tensor->rank <= TT_RANK_MAX ? tt_type_text(&found, text)
                                                     : "of more than 8 axes");
    tt_text_add(why, ", expected ");
    tt_text_add(why, tt_type_text(&buffer->type, text));
    return NULL;
}

tt_status tt_model_file_expect(const tt_tensor_file *file, const tt_graph *graph,
                               tt_buffer_kind kind, tt_text *why)
{
    for (uint32_t i = 0; i < tt_graph_buffer_count(graph); i++) {
        const tt_buffer *buffer = tt_graph_buffer(graph, i);
        if (buffer->kind == kind && expect(file, buffer, why) == NULL)
            return TT_INVALID;
    }
    return TT_OK;
}

void tt_model_file_take(const tt_tensor_file *file, const tt_graph *graph, tt_buffer_kind kind,
                        tt_session *session)
{
    for (uint32_t i = 0; i < tt_graph_buffer_count(graph); i++) {
        const tt_buffer *buffer = tt_graph_buffer(graph, i);
        if (buffer->kind != kind)
            continue;
        const tt_tensor *tensor = expect(file, buffer, NULL);
        size_t bytes = 0;
        TT_CHECK(tensor != NULL && tt_tensor_bytes(tensor, &bytes));
        tt_status status =
            tt_session_write(session, buffer->name, 0, tt_type_count(&buffer->type), tensor->data);
        TT_CHECK(status == TT_OK);
    }
}

tt_status tt_model_file_refuse(tt_text *why, const char *key, const char *found)
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

bool tt_model_file_number(const char *text, uint64_t most, uint64_t *number)
{
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0' && *number <= most;
}

tt_status tt_model_file_check(const tt_tensor_file *file, tt_text *why)
{
    uint64_t stated;
    const char *text = tt_tensor_file_note(file, TT_CRC_KEY);
    if (text != NULL && !tt_model_file_number(text, UINT32_MAX, &stated))
        return tt_model_file_refuse(why, TT_CRC_KEY, text);
    if (text == NULL || stated == crc_of(file))
        return TT_OK;
    tt_text_add(why, "is damaged or was changed since it was saved: its CRC is ");
    tt_text_add_unsigned(why, crc_of(file));
    tt_text_add(why, ", it states ");
    tt_text_add(why, text);
    return TT_DAMAGED;
}

// From a file that is open.
static tt_status take_model(tt_model *model, const tt_tensor_file *file, tt_text *why)
{
    tt_status status = tt_model_file_expect(file, model->graph, TT_PARAMETER, why);
    if (status == TT_OK)
        status = tt_model_file_check(file, why);
    if (status == TT_OK)
        tt_model_file_take(file, model->graph, TT_PARAMETER, model->session);
    return status;
}

tt_status tt_model_load(tt_model *model, const char *path, tt_text *why)
{
    tt_opened o;
    tt_status status = tt_model_file_open(&o, path, why);
    if (status != TT_OK)
        return status;
    return tt_model_file_close(&o, take_model(model, o.file, &o.rest), why);
}

// The model that the file's graph makes, or the classifier where it states none; without weights.
static tt_status make_model(const tt_tensor_file *file, const tt_session_options *options,
                            tt_model **model, tt_text *why)
{
    const char *text = tt_tensor_file_note(file, TT_GRAPH_KEY);
    if (text == NULL)
        return tt_model_new(NULL, options, model, why);
    tt_graph *graph = tt_graph_parse(text, strlen(text), why);
    return graph != NULL ? tt_model_of_graph(graph, options, model, why) : TT_INVALID;
}

tt_status tt_model_open(const char *path, const tt_session_options *options, tt_model **model,
                        tt_text *why)
{
    tt_opened o;
    *model = NULL;
    tt_status status = tt_model_file_open(&o, path, why);
    if (status != TT_OK)
        return status;
    status = make_model(o.file, options, model, &o.rest);
    if (status == TT_OK)
        status = take_model(*model, o.file, &o.rest);
    if (status != TT_OK) {
        tt_model_free(*model);
        *model = NULL;
    }
    return tt_model_file_close(&o, status, why);
}
