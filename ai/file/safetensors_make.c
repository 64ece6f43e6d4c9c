// Writing safetensors. The tensors' bytes lie with the largest elements first, so that each is
// aligned where the file is; the header names them in their own order.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ai/file/file.h"
#include "ai/file/json.h"
#include "ai/file/safetensors.h"
#include "tutti/bytes.h"

#define PREFIX_BYTES 8 // the header's length

// Where each tensor's bytes begin; returns where the last end.
static size_t lay_out(const tt_tensor_file *file, const size_t *bytes, size_t *begins)
{
    size_t at = 0;
    for (size_t each = 8; each > 0; each /= 2)
        for (size_t i = 0; i < file->count; i++)
            if (tt_element_bytes(file->entries[i].tensor.element) == each) {
                begins[i] = at;
                at += bytes[i];
            }
    return at;
}

static void put(tt_json_out *out, const char *text)
{
    tt_json_put(out, text, strlen(text));
}

static void put_entry(tt_json_out *out, const tt_tensor_entry *entry, size_t begin, size_t end)
{
    char text[64];
    tt_json_put_string(out, entry->name, entry->name_bytes);
    put(out, ":{\"dtype\":\"");
    put(out, tt_safetensors_types[entry->tensor.element]);
    put(out, "\",\"shape\":[");
    for (unsigned k = 0; k < entry->tensor.rank; k++) {
        snprintf(text, sizeof(text), "%s%lld", k > 0 ? "," : "", (long long)entry->tensor.size[k]);
        put(out, text);
    }
    snprintf(text, sizeof(text), "],\"data_offsets\":[%zu,%zu]}", begin, end);
    put(out, text);
}

static void put_header(tt_json_out *out, const tt_tensor_file *file, const size_t *bytes,
                       const size_t *begins)
{
    put(out, "{");
    for (size_t i = 0; i < file->note_count; i++) {
        const tt_tensor_note *note = &file->notes[i];
        put(out, i > 0 ? "," : "\"" TT_SAFETENSORS_METADATA "\":{");
        tt_json_put_string(out, note->key, note->key_bytes);
        put(out, ":");
        tt_json_put_string(out, note->value, note->value_bytes);
    }
    put(out, file->note_count > 0 ? "}" : "");
    for (size_t i = 0; i < file->count; i++) {
        put(out, i > 0 || file->note_count > 0 ? "," : "");
        put_entry(out, &file->entries[i], begins[i], begins[i] + bytes[i]);
    }
    put(out, "}");
    while (out->length % 8 != 0) // the data begins aligned; JSON may end in spaces
        put(out, " ");
}

// Notes are words, each key once; no tensor has the metadata's name.
static tt_status check_words(const tt_tensor_file *file, tt_text *why)
{
    for (size_t i = 0; i < file->note_count; i++) {
        const tt_tensor_note *note = &file->notes[i];
        if (!tt_text_is_utf8(note->key, note->key_bytes) ||
            !tt_text_is_utf8(note->value, note->value_bytes)) {
            tt_text_add(why, "a key or value of the metadata is no UTF-8");
            return TT_INVALID;
        }
    }
    bool full;
    const tt_tensor_note *twice = tt_tensor_file_duplicate_note(file, &full);
    if (full)
        return TT_FULL;
    if (twice != NULL)
        return tt_tensor_refuse(why, TT_INVALID, "the metadata has twice the key", twice->key,
                                twice->key_bytes);
    for (size_t i = 0; i < file->count; i++)
        if (strcmp(file->entries[i].name, TT_SAFETENSORS_METADATA) == 0 &&
            file->entries[i].name_bytes == sizeof(TT_SAFETENSORS_METADATA) - 1) {
            tt_text_add(why, "a tensor cannot have the name '" TT_SAFETENSORS_METADATA
                             "': it is the metadata's");
            return TT_INVALID;
        }
    return TT_OK;
}

static tt_status put_file(const tt_tensor_file *file, const size_t *sizes, size_t *begins,
                          uint8_t **bytes, size_t *length, tt_text *why)
{
    size_t data_bytes = lay_out(file, sizes, begins);
    tt_json_out counted = {0}, header = {0};
    put_header(&counted, file, sizes, begins);
    *length = PREFIX_BYTES + counted.length + data_bytes;
    if (counted.length > TT_TENSOR_HEADER_MAX || *length > (size_t)TT_TENSOR_FILE_MAX) {
        tt_text_add(why, "the file would be larger than 1 GiB, or its header than 16 MiB");
        return TT_TOO_LARGE;
    }
    *bytes = malloc(*length);
    if (*bytes == NULL)
        return TT_FULL;
    tt_writer writer;
    tt_writer_init(&writer, *bytes, PREFIX_BYTES);
    tt_write_le64(&writer, counted.length);
    header.to = (char *)*bytes + PREFIX_BYTES;
    put_header(&header, file, sizes, begins);
    uint8_t *data = *bytes + PREFIX_BYTES + header.length;
    for (size_t i = 0; i < file->count; i++)
        if (sizes[i] > 0)
            memcpy(data + begins[i], file->entries[i].tensor.data, sizes[i]);
    return TT_OK;
}

tt_status tt_safetensors_make(const tt_tensor_file *file, uint8_t **bytes, size_t *length,
                              tt_text *why)
{
    *bytes = NULL;
    size_t *sizes = calloc(2 * file->count + 1, sizeof(*sizes)); // and where each begins
    if (sizes == NULL)
        return TT_FULL;
    tt_status status = tt_tensor_file_check(file, sizes, why);
    if (status == TT_OK)
        status = check_words(file, why);
    if (status == TT_OK)
        status = put_file(file, sizes, sizes + file->count, bytes, length, why);
    free(sizes);
    return status;
}
