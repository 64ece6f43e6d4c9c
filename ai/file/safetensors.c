// Reading safetensors: eight bytes of header length, a JSON header, then the tensors' bytes, little
// endian. Every byte of the data belongs to exactly one tensor.

#include <stdlib.h>
#include <string.h>

#include "ai/file/file.h"
#include "ai/file/json.h"
#include "ai/file/safetensors.h"
#include "tutti/bytes.h"

const char *const tt_safetensors_types[TT_ELEMENTS] = {
    [TT_ELEMENT_F64] = "F64",  [TT_ELEMENT_F32] = "F32", [TT_ELEMENT_BF16] = "BF16",
    [TT_ELEMENT_F16] = "F16",  [TT_ELEMENT_I8] = "I8",   [TT_ELEMENT_I16] = "I16",
    [TT_ELEMENT_I32] = "I32",  [TT_ELEMENT_I64] = "I64", [TT_ELEMENT_U8] = "U8",
    [TT_ELEMENT_U16] = "U16",  [TT_ELEMENT_U32] = "U32", [TT_ELEMENT_U64] = "U64",
    [TT_ELEMENT_BOOL] = "BOOL"};

// Where a tensor's bytes lie in the data.
typedef struct range {
    uint64_t begin, end;
} range;

typedef struct parser {
    tt_tensor_file *file;
    tt_json_cursor json;
    const char *header;
    char *text, *key; // room for a string each, as long as the header
    range *ranges;    // of the entries
    const uint8_t *data;
    uint64_t data_bytes;
    tt_text *why;
} parser;

static tt_status refuse(parser *p, const char *what)
{
    tt_text_add(p->why, what);
    tt_text_add(p->why, " (byte ");
    tt_text_add_unsigned(p->why, (uint64_t)(p->json.at - p->header));
    tt_text_add(p->why, " of the header)");
    return TT_MALFORMED;
}

static tt_status refuse_entry(parser *p, const tt_tensor_entry *entry, const char *what)
{
    tt_tensor_refuse(p->why, TT_MALFORMED, "tensor", entry->name, entry->name_bytes);
    tt_text_add(p->why, ": ");
    return refuse(p, what);
}

static tt_status metadata(parser *p)
{
    tt_json_cursor *j = &p->json;
    size_t key_bytes, value_bytes;
    if (!tt_json_sign(j, '{'))
        return refuse(p, "expected the metadata, a map of strings");
    if (tt_json_sign(j, '}'))
        return TT_OK;
    do {
        if (!tt_json_string(j, p->key, &key_bytes) || !tt_json_sign(j, ':') ||
            !tt_json_string(j, p->text, &value_bytes))
            return refuse(p, "expected a key and a value of the metadata, both strings");
        if (tt_tensor_file_add_note(p->file, p->key, key_bytes, p->text, value_bytes) == NULL)
            return TT_FULL;
    } while (tt_json_sign(j, ','));
    return tt_json_sign(j, '}') ? TT_OK : refuse(p, "expected ',' or '}' in the metadata");
}

// "[1,2]"; false where it is none or longer than `capacity`.
static bool numbers(tt_json_cursor *j, int64_t *out, unsigned capacity, unsigned *count)
{
    *count = 0;
    if (!tt_json_sign(j, '['))
        return false;
    if (tt_json_sign(j, ']'))
        return true;
    do {
        if (*count == capacity || !tt_json_whole(j, &out[(*count)++]))
            return false;
    } while (tt_json_sign(j, ','));
    return tt_json_sign(j, ']');
}

static bool set_type(tt_tensor_entry *entry, const char *name, size_t length)
{
    for (int i = 0; i < TT_ELEMENTS; i++)
        if (strcmp(tt_safetensors_types[i], name) == 0 && strlen(name) == length) {
            entry->tensor.element = (tt_element)i;
            return true;
        }
    if (length == 0 || length >= sizeof(entry->foreign))
        return false;
    for (size_t i = 0; i < length; i++) // it will be told in a sentence
        if (name[i] <= ' ' || name[i] > '~')
            return false;
    memcpy(entry->foreign, name, length + 1);
    return true;
}

// One tensor's object: each of its three members once, in any order.
static tt_status members(parser *p, tt_tensor_entry *entry, range *place)
{
    tt_json_cursor *j = &p->json;
    bool seen[3] = {false, false, false};
    if (!tt_json_sign(j, '{'))
        return refuse_entry(p, entry, "expected an object");
    do {
        static const char *const names[] = {"dtype", "shape", "data_offsets"};
        size_t length;
        unsigned which = 0, count;
        int64_t ends[2];
        if (!tt_json_string(j, p->key, &length) || !tt_json_sign(j, ':'))
            return refuse_entry(p, entry, "expected a member's name and ':'");
        while (which < 3 && strcmp(names[which], p->key) != 0)
            which++;
        if (which == 3 || strlen(p->key) != length || seen[which])
            return refuse_entry(p, entry, "expected dtype, shape and data_offsets, once each");
        seen[which] = true;
        if (which == 0 &&
            (!tt_json_string(j, p->text, &length) || !set_type(entry, p->text, length)))
            return refuse_entry(p, entry, "expected the name of a type");
        if (which == 1 && !numbers(j, entry->tensor.size, TT_TENSOR_RANK_MAX, &entry->tensor.rank))
            return refuse_entry(p, entry, "expected a shape of at most 8 sizes");
        if (which == 2 && (!numbers(j, ends, 2, &count) || count != 2 || ends[0] > ends[1]))
            return refuse_entry(p, entry, "expected where its bytes begin and end");
        if (which == 2)
            *place = (range){(uint64_t)ends[0], (uint64_t)ends[1]};
    } while (tt_json_sign(j, ','));
    if (!tt_json_sign(j, '}') || !seen[0] || !seen[1] || !seen[2])
        return refuse_entry(p, entry, "expected dtype, shape and data_offsets, once each");
    return TT_OK;
}

static tt_status place_tensor(parser *p, tt_tensor_entry *entry, range place)
{
    size_t bytes;
    if (place.end > p->data_bytes)
        return refuse_entry(p, entry, "its bytes lie behind the end of the file");
    if (entry->foreign[0] != '\0')
        return TT_OK;
    if (!tt_tensor_bytes(&entry->tensor, &bytes) || bytes != place.end - place.begin)
        return refuse_entry(p, entry, "its bytes are not as many as its shape and type want");
    if (!tt_tensor_entry_place(entry, p->data + place.begin, bytes, false))
        return TT_FULL;
    if (!tt_tensor_is_sound(&entry->tensor, bytes))
        return refuse_entry(p, entry, "a bool is neither 0 nor 1");
    return TT_OK;
}

static tt_status add_tensor(parser *p, size_t name_bytes)
{
    size_t at = p->file->count;
    if (at == TT_TENSORS_MAX)
        return refuse(p, "there are more tensors than are supported (65536)");
    tt_tensor_entry *entry = tt_tensor_file_add_entry(p->file, p->text, name_bytes);
    if (entry == NULL)
        return TT_FULL;
    if ((at & (at - 1)) == 0) { // 0, 1, 2, 4 ...
        range *ranges = realloc(p->ranges, (at == 0 ? 1 : 2 * at) * sizeof(*ranges));
        if (ranges == NULL)
            return TT_FULL;
        p->ranges = ranges;
    }
    tt_status status = members(p, entry, &p->ranges[at]);
    return status == TT_OK ? place_tensor(p, entry, p->ranges[at]) : status;
}

static int compare_ranges(const void *a, const void *b)
{
    const range *x = a, *y = b;
    int order = (x->begin > y->begin) - (x->begin < y->begin);
    return order != 0 ? order : (x->end > y->end) - (x->end < y->end);
}

// The format wants the tensors to cover the data without gaps, in any order.
static tt_status check_ranges(parser *p)
{
    uint64_t end = 0;
    size_t count = p->file->count;
    if (count > 0)
        qsort(p->ranges, count, sizeof(*p->ranges), compare_ranges);
    for (size_t i = 0; i < count; i++) {
        if (p->ranges[i].begin < end)
            return refuse(p, "the bytes of two tensors overlap");
        if (p->ranges[i].begin > end)
            return refuse(p, "there are bytes that belong to no tensor");
        end = p->ranges[i].end;
    }
    return end == p->data_bytes ? TT_OK : refuse(p, "there are bytes that belong to no tensor");
}

static tt_status parse_header(parser *p)
{
    tt_json_cursor *j = &p->json;
    bool described = false, full;
    if (!tt_json_sign(j, '{'))
        return refuse(p, "the header does not begin with '{'");
    bool more = !tt_json_sign(j, '}');
    while (more) {
        size_t length;
        tt_status status;
        if (!tt_json_string(j, p->text, &length) || !tt_json_sign(j, ':'))
            return refuse(p, "expected a tensor's name, a string of UTF-8, and ':'");
        if (strcmp(p->text, TT_SAFETENSORS_METADATA) == 0 && strlen(p->text) == length) {
            if (described)
                return refuse(p, "the metadata stands there twice");
            described = true;
            status = metadata(p);
        } else {
            status = add_tensor(p, length);
        }
        if (status != TT_OK)
            return status;
        more = tt_json_sign(j, ',');
        if (!more && !tt_json_sign(j, '}'))
            return refuse(p, "the header does not end with '}'");
    }
    if (!tt_json_end(j))
        return refuse(p, "there is something after the header's end");
    const tt_tensor_entry *twice = tt_tensor_file_duplicate(p->file, &full);
    if (full)
        return TT_FULL;
    if (twice != NULL)
        return refuse_entry(p, twice, "its name occurs twice");
    const tt_tensor_note *note = tt_tensor_file_duplicate_note(p->file, &full);
    if (full)
        return TT_FULL;
    return note == NULL ? check_ranges(p) : refuse(p, "a key of the metadata occurs twice");
}

tt_status tt_safetensors_parse(tt_tensor_file *file, const void *bytes, size_t length, tt_text *why)
{
    *file = (tt_tensor_file){0};
    if (length >= 4 && memcmp(bytes, "TTPL", 4) == 0) { // a mistake worth a sentence of its own
        tt_text_add(why, "is a plan, the int8 network that devices run; expected a checkpoint of "
                         "'tutti train'");
        return TT_INVALID;
    }
    tt_reader reader;
    tt_reader_init(&reader, bytes, length);
    uint64_t header_bytes = tt_read_le64(&reader);
    if (reader.failed || header_bytes > tt_reader_left(&reader) ||
        header_bytes > TT_TENSOR_HEADER_MAX) {
        tt_text_add(why, "is cut short or not a safetensors file (header of ");
        tt_text_add_unsigned(why, header_bytes);
        tt_text_add(why, " bytes in ");
        tt_text_add_unsigned(why, length);
        tt_text_add(why, ")");
        return TT_DAMAGED;
    }
    const char *header = (const char *)bytes + 8;
    parser p = {.file = file,
                .json = {header, header + header_bytes},
                .header = header,
                .text = malloc(header_bytes + 1),
                .key = malloc(header_bytes + 1),
                .data = (const uint8_t *)header + header_bytes,
                .data_bytes = length - 8 - header_bytes,
                .why = why};
    tt_status status = p.text != NULL && p.key != NULL ? parse_header(&p) : TT_FULL;
    free(p.text);
    free(p.key);
    free(p.ranges);
    if (status == TT_FULL)
        tt_text_add(why, "there is no memory for it");
    if (status != TT_OK)
        tt_tensor_file_free(file);
    return status;
}

tt_status tt_safetensors_read(tt_tensor_file *file, const char *path, tt_text *why)
{
    return tt_tensor_file_load(file, path, tt_safetensors_parse, why);
}
