// Reading and writing safetensors. The header is JSON; the reader accepts the part of JSON that the
// format uses and refuses everything else with the byte where it stands.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ai/graph/primitive.h"
#include "ai/train/safetensors.h"
#include "tutti/bytes.h"

static tt_status fail(tt_status status, tt_text *why, const char *path, const char *what)
{
    tt_text_add(why, path);
    tt_text_add(why, ": ");
    tt_text_add(why, what);
    return status;
}

static size_t header_text(const tt_tensor_file *file, FILE *out)
{
    size_t offset = 0;
    fprintf(out, "{\"__metadata__\":{");
    for (size_t i = 0; i < file->metadata_count; i++)
        fprintf(out, "%s\"%s\":\"%s\"", i > 0 ? "," : "", file->metadata[i].key,
                file->metadata[i].value);
    fprintf(out, "}");
    for (size_t i = 0; i < file->count; i++) {
        const tt_tensor *tensor = &file->tensors[i];
        size_t bytes = tt_shape_count(&tensor->shape) * sizeof(float);
        fprintf(out, ",\"%s\":{\"dtype\":\"F32\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}",
                tensor->name, tt_shape_text(&tensor->shape), offset, offset + bytes);
        offset += bytes;
    }
    fprintf(out, "}");
    return offset;
}

tt_status tt_tensor_file_make(const tt_tensor_file *file, uint8_t **bytes, size_t *length)
{
    char *memory = NULL;
    *bytes = NULL;
    FILE *out = open_memstream(&memory, length);
    if (out == NULL)
        return TT_FULL;
    uint8_t prefix[8] = {0};
    fwrite(prefix, 1, sizeof(prefix), out);
    header_text(file, out);
    while (ftell(out) % 8 != 0) // tensors start aligned; JSON may end in spaces
        fputc(' ', out);
    size_t header = (size_t)ftell(out) - sizeof(prefix);
    for (size_t i = 0; i < file->count; i++)
        fwrite(file->tensors[i].data, sizeof(float), tt_shape_count(&file->tensors[i].shape), out);
    bool sound = !ferror(out);
    if (fclose(out) != 0 || !sound) {
        free(memory);
        return TT_FULL;
    }
    *bytes = (uint8_t *)memory;
    tt_writer writer;
    tt_writer_init(&writer, *bytes, sizeof(prefix));
    tt_write_le64(&writer, header);
    return TT_OK;
}

// A cursor in the header. Every helper moves past what it read, or returns false.
typedef struct json {
    const char *at, *end;
} json;

static void skip_space(json *j)
{
    while (j->at < j->end && (*j->at == ' ' || *j->at == '\n' || *j->at == '\t' || *j->at == '\r'))
        j->at++;
}

static bool sign(json *j, char expected)
{
    skip_space(j);
    if (j->at == j->end || *j->at != expected)
        return false;
    j->at++;
    return true;
}

static bool string(json *j, char *out, size_t capacity)
{
    size_t length = 0;
    if (!sign(j, '"'))
        return false;
    for (; j->at < j->end && *j->at != '"'; j->at++) {
        if (*j->at == '\\' || (unsigned char)*j->at < ' ' || length + 1 >= capacity)
            return false; // names and values that we know need no escapes
        out[length++] = *j->at;
    }
    out[length] = '\0';
    return tt_text_is_utf8(out, length) && sign(j, '"');
}

static bool number(json *j, size_t *out)
{
    skip_space(j);
    if (j->at == j->end || *j->at < '0' || *j->at > '9')
        return false;
    for (*out = 0; j->at < j->end && *j->at >= '0' && *j->at <= '9'; j->at++) {
        if (*out > SIZE_MAX / 16)
            return false;
        *out = *out * 10 + (size_t)(*j->at - '0');
    }
    return true;
}

static bool metadata(json *j, tt_tensor_file *file)
{
    if (!sign(j, '{'))
        return false;
    if (sign(j, '}'))
        return true;
    do {
        tt_metadata *entry = &file->metadata[file->metadata_count];
        if (file->metadata_count == TT_METADATA_MAX || !string(j, entry->key, sizeof(entry->key)) ||
            tt_tensor_file_metadata(file, entry->key) != NULL || !sign(j, ':') ||
            !string(j, entry->value, sizeof(entry->value)))
            return false;
        file->metadata_count++;
    } while (sign(j, ','));
    return sign(j, '}');
}

static bool numbers(json *j, size_t *out, unsigned capacity, unsigned *count)
{
    *count = 0;
    if (!sign(j, '['))
        return false;
    if (sign(j, ']'))
        return true;
    do {
        if (*count == capacity || !number(j, &out[(*count)++]))
            return false;
    } while (sign(j, ','));
    return sign(j, ']');
}

// One tensor's object; its place [begin, end) within the data goes to `range`.
static bool tensor(json *j, tt_tensor *out, size_t range[2])
{
    char key[32], dtype[8];
    unsigned numbers_read;
    bool typed = false, shaped = false, placed = false; // each must stand there once
    if (!sign(j, '{'))
        return false;
    do {
        bool sound, *seen;
        if (!string(j, key, sizeof(key)) || !sign(j, ':'))
            return false;
        if (strcmp(key, "dtype") == 0) {
            seen = &typed;
            sound = string(j, dtype, sizeof(dtype)) && strcmp(dtype, "F32") == 0;
        } else if (strcmp(key, "shape") == 0) {
            seen = &shaped;
            sound = numbers(j, out->shape.size, TT_RANK_MAX, &out->shape.rank);
        } else {
            seen = &placed;
            sound = strcmp(key, "data_offsets") == 0 && numbers(j, range, 2, &numbers_read) &&
                    numbers_read == 2;
        }
        if (!sound || *seen)
            return false;
        *seen = true;
    } while (sign(j, ','));
    return sign(j, '}') && typed && shaped && placed;
}

// Whether the range has the size that the shape asks for, without overflow on the way.
static bool range_fits(const tt_tensor *tensor, const size_t range[2], size_t data_length)
{
    if (range[0] > range[1] || range[1] > data_length || range[0] % sizeof(float) != 0)
        return false;
    size_t count = 1, room = (range[1] - range[0]) / sizeof(float);
    for (unsigned i = 0; i < tensor->shape.rank; i++) {
        if (tensor->shape.size[i] == 0 || tensor->shape.size[i] > room / count)
            return false;
        count *= tensor->shape.size[i];
    }
    return count * sizeof(float) == range[1] - range[0];
}

static bool overlaps_another(const tt_tensor_file *file, const uint8_t *data, const size_t range[2])
{
    for (size_t i = 0; i < file->count; i++) {
        size_t begin = (size_t)((const uint8_t *)file->tensors[i].data - data);
        size_t end = begin + tt_shape_count(&file->tensors[i].shape) * sizeof(float);
        if (range[0] < end && begin < range[1])
            return true;
    }
    return false;
}

static const char *parse_header(tt_tensor_file *file, json *j, const uint8_t *data, size_t length)
{
    // The format wants the tensors to cover the data without gaps, in any order: they do where they
    // do not overlap and have as many bytes in all.
    size_t covered = 0;
    if (!sign(j, '{'))
        return "the header does not begin with '{'";
    if (sign(j, '}'))
        return length == 0 ? NULL : "there are bytes that belong to no tensor";
    do {
        tt_tensor *next = &file->tensors[file->count];
        size_t range[2];
        if (file->count == TT_TENSORS_MAX)
            return "there are more tensors than are supported (256)";
        if (!string(j, next->name, sizeof(next->name)) || !sign(j, ':'))
            return "expected a tensor's name of at most 95 bytes of UTF-8 without escapes";
        if (strcmp(next->name, "__metadata__") == 0) {
            if (file->metadata_count > 0 || !metadata(j, file))
                return "the metadata is malformed, too large or stands there twice";
            continue;
        }
        if (tt_tensor_file_find(file, next->name) != NULL)
            return "a tensor's name occurs twice";
        if (!tensor(j, next, range))
            return "a tensor's entry is malformed or not F32";
        if (!range_fits(next, range, length) || overlaps_another(file, data, range))
            return "a tensor's bytes do not match its shape, lie outside the data or overlap "
                   "another's";
        covered += range[1] - range[0];
        next->data = (const float *)(const void *)(data + range[0]);
        file->count++;
    } while (sign(j, ','));
    if (!sign(j, '}'))
        return "the header does not end with '}'";
    skip_space(j);
    if (j->at != j->end)
        return "there is something after the header's end";
    return covered == length ? NULL : "there are bytes that belong to no tensor";
}

tt_status tt_tensor_file_parse(tt_tensor_file *file, const void *bytes, size_t length, tt_text *why)
{
    memset(file, 0, sizeof(*file));
    tt_reader reader;
    if (length >= 4 && memcmp(bytes, "TTPL", 4) == 0) { // a mistake worth a sentence of its own
        tt_text_add(why, "is a plan, the int8 network that devices run; expected a checkpoint of "
                         "'tutti train'");
        return TT_INVALID;
    }
    tt_reader_init(&reader, bytes, length);
    uint64_t header_length = tt_read_le64(&reader);
    if (reader.failed || header_length > tt_reader_left(&reader) ||
        header_length > TT_TENSOR_HEADER_MAX || header_length % sizeof(float) != 0) {
        tt_text_add(why, "is cut short or not a safetensors file with aligned tensors (header of ");
        tt_text_add_unsigned(why, header_length);
        tt_text_add(why, " bytes in ");
        tt_text_add_unsigned(why, length);
        tt_text_add(why, ")");
        return TT_DAMAGED;
    }
    const char *header = (const char *)tt_read_bytes(&reader, header_length);
    json j = {header, header + header_length};
    const char *problem =
        parse_header(file, &j, (const uint8_t *)header + header_length, tt_reader_left(&reader));
    if (problem == NULL)
        return TT_OK;
    tt_text_add(why, problem);
    tt_text_add(why, " (byte ");
    tt_text_add_unsigned(why, (uint64_t)(j.at - header));
    tt_text_add(why, " of the header)");
    file->count = 0;
    return TT_MALFORMED;
}

// The whole of a regular file into memory that the caller frees.
static tt_status read_bytes(const char *path, void **memory, size_t *length, tt_text *why)
{
    *memory = NULL;
    struct stat about;
    if (stat(path, &about) != 0)
        return fail(TT_NOT_FOUND, why, path, "cannot be opened");
    if (!S_ISREG(about.st_mode))
        return fail(TT_IO, why, path, "is no regular file");
    if (about.st_size > TT_TENSOR_FILE_MAX)
        return fail(TT_TOO_LARGE, why, path, "is larger than 1 GiB");
    FILE *in = fopen(path, "rb");
    if (in == NULL)
        return fail(TT_NOT_FOUND, why, path, "cannot be opened");
    *length = (size_t)about.st_size;
    *memory = malloc(*length + 1);
    bool sound = *memory != NULL && fread(*memory, 1, *length, in) == *length;
    fclose(in);
    if (sound)
        return TT_OK;
    free(*memory);
    *memory = NULL;
    return fail(TT_IO, why, path, "cannot be read");
}

tt_status tt_tensor_file_read(tt_tensor_file *file, const char *path, tt_text *why)
{
    memset(file, 0, sizeof(*file));
    void *memory;
    size_t length;
    tt_status status = read_bytes(path, &memory, &length, why);
    if (status != TT_OK)
        return status;
    tt_text_add(why, path);
    tt_text_add(why, ": ");
    status = tt_tensor_file_parse(file, memory, length, why);
    file->memory = memory;
    if (status != TT_OK)
        tt_tensor_file_free(file);
    return status;
}

void tt_tensor_file_free(tt_tensor_file *file)
{
    free(file->memory);
    file->memory = NULL;
    file->count = 0;
}

const tt_tensor *tt_tensor_file_find(const tt_tensor_file *file, const char *name)
{
    for (size_t i = 0; i < file->count; i++)
        if (strcmp(file->tensors[i].name, name) == 0)
            return &file->tensors[i];
    return NULL;
}

const char *tt_tensor_file_metadata(const tt_tensor_file *file, const char *key)
{
    for (size_t i = 0; i < file->metadata_count; i++)
        if (strcmp(file->metadata[i].key, key) == 0)
            return file->metadata[i].value;
    return NULL;
}
