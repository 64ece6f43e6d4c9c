// Writing safetensors. The tensors' bytes lie with the largest elements first, so that each is
// aligned where the file is; the header names them in their own order.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ai/file/file.h"
#include "ai/file/json.h"
#include "ai/file/safetensors.h"
#include "tutti/bytes.h"

// Where each tensor's bytes begin.
static void lay_out(const tt_tensor_file *file, const size_t *bytes, size_t *begins)
{
    size_t at = 0;
    for (size_t each = 8; each > 0; each /= 2)
        for (size_t i = 0; i < file->count; i++)
            if (tt_element_bytes(file->entries[i].tensor.element) == each) {
                begins[i] = at;
                at += bytes[i];
            }
}

static void put_header(FILE *out, const tt_tensor_file *file, const size_t *bytes,
                       const size_t *begins)
{
    fputc('{', out);
    for (size_t i = 0; i < file->note_count; i++) {
        const tt_tensor_note *note = &file->notes[i];
        fputs(i > 0 ? "," : "\"" TT_SAFETENSORS_METADATA "\":{", out);
        tt_json_put_string(out, note->key, note->key_bytes);
        fputc(':', out);
        tt_json_put_string(out, note->value, note->value_bytes);
    }
    fputs(file->note_count > 0 ? "}" : "", out);
    for (size_t i = 0; i < file->count; i++) {
        const tt_tensor_entry *entry = &file->entries[i];
        fputs(i > 0 || file->note_count > 0 ? "," : "", out);
        tt_json_put_string(out, entry->name, entry->name_bytes);
        fprintf(out, ":{\"dtype\":\"%s\",\"shape\":[", tt_safetensors_types[entry->tensor.element]);
        for (unsigned k = 0; k < entry->tensor.rank; k++)
            fprintf(out, "%s%lld", k > 0 ? "," : "", (long long)entry->tensor.size[k]);
        fprintf(out, "],\"data_offsets\":[%zu,%zu]}", begins[i], begins[i] + bytes[i]);
    }
    fputc('}', out);
    while (ftell(out) % 8 != 0) // the data begins aligned; JSON may end in spaces
        fputc(' ', out);
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
        for (size_t k = 0; k < i; k++)
            if (file->notes[k].key_bytes == note->key_bytes &&
                memcmp(file->notes[k].key, note->key, note->key_bytes) == 0)
                return tt_tensor_refuse(why, TT_INVALID, "the metadata has twice the key",
                                        note->key, note->key_bytes);
    }
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
    char *memory = NULL;
    FILE *out = open_memstream(&memory, length);
    if (out == NULL)
        return TT_FULL;
    uint8_t prefix[8] = {0};
    lay_out(file, sizes, begins);
    fwrite(prefix, 1, sizeof(prefix), out);
    put_header(out, file, sizes, begins);
    size_t header = (size_t)ftell(out) - sizeof(prefix);
    for (size_t each = 8; each > 0; each /= 2)
        for (size_t i = 0; i < file->count; i++)
            if (tt_element_bytes(file->entries[i].tensor.element) == each && sizes[i] > 0)
                fwrite(file->entries[i].tensor.data, 1, sizes[i], out);
    bool sound = !ferror(out);
    if (fclose(out) != 0 || !sound) {
        free(memory);
        return TT_FULL;
    }
    if (header > TT_TENSOR_HEADER_MAX || *length > (size_t)TT_TENSOR_FILE_MAX) {
        tt_text_add(why, "the file would be larger than 1 GiB, or its header than 16 MiB");
        free(memory);
        return TT_TOO_LARGE;
    }
    *bytes = (uint8_t *)memory;
    tt_writer writer;
    tt_writer_init(&writer, *bytes, sizeof(prefix));
    tt_write_le64(&writer, header);
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
