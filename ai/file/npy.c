// NumPy's .npy: a magic word, a version, the length of a header, the header, the elements. The
// header is a dictionary as Python writes it, with exactly the keys descr, fortran_order and shape;
// nothing of it is evaluated.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ai/file/file.h"
#include "tutti/bytes.h"

#define MAGIC "\x93NUMPY"
#define MAGIC_BYTES 6
#define HEADER_MAX 65536 // bytes; a header of ours has less than 320, NumPy refuses above 10,000

// As in a file: the letter of the kind and the bytes of an element. NULL: NumPy has none.
static const char *const types[TT_ELEMENTS] = {
    [TT_ELEMENT_F64] = "f8", [TT_ELEMENT_F32] = "f4", [TT_ELEMENT_F16] = "f2",
    [TT_ELEMENT_I8] = "i1",  [TT_ELEMENT_I16] = "i2", [TT_ELEMENT_I32] = "i4",
    [TT_ELEMENT_I64] = "i8", [TT_ELEMENT_U8] = "u1",  [TT_ELEMENT_U16] = "u2",
    [TT_ELEMENT_U32] = "u4", [TT_ELEMENT_U64] = "u8", [TT_ELEMENT_BOOL] = "b1"};

static tt_status refuse(tt_text *why, tt_status status, const char *what)
{
    tt_text_add(why, what);
    return status;
}

// What a header says, and the place in it.
typedef struct header {
    const char *at, *end;
    tt_tensor *tensor;
    bool swapped, columns_first; // big-endian; Fortran's order
    char descr[32];
} header;

static void skip_space(header *h)
{
    while (h->at < h->end && (*h->at == ' ' || *h->at == '\n' || *h->at == '\t' || *h->at == '\r'))
        h->at++;
}

static bool sign(header *h, char expected)
{
    skip_space(h);
    if (h->at == h->end || *h->at != expected)
        return false;
    h->at++;
    return true;
}

static bool word(header *h, const char *expected)
{
    skip_space(h);
    size_t length = strlen(expected);
    if ((size_t)(h->end - h->at) < length || memcmp(h->at, expected, length) != 0)
        return false;
    h->at += length;
    return true;
}

// A string in quotes of either kind, without escapes: what we look for needs none.
static bool string(header *h, char *out, size_t capacity)
{
    size_t length = 0;
    char quote = sign(h, '\'') ? '\'' : sign(h, '"') ? '"' : '\0';
    if (quote == '\0')
        return false;
    for (; h->at < h->end && *h->at != quote; h->at++) {
        if (*h->at == '\\' || *h->at < ' ' || *h->at > '~' || length + 1 >= capacity)
            return false;
        out[length++] = *h->at;
    }
    out[length] = '\0';
    return sign(h, quote);
}

static bool whole(header *h, int64_t *out)
{
    skip_space(h);
    const char *first = h->at;
    for (*out = 0; h->at < h->end && *h->at >= '0' && *h->at <= '9'; h->at++)
        if (__builtin_mul_overflow(*out, 10, out) ||
            __builtin_add_overflow(*out, *h->at - '0', out))
            return false;
    if (h->at == first)
        return false;
    if (h->at < h->end && *h->at == 'L') // as Python 2 wrote them
        h->at++;
    return true;
}

// "()", "(2,)", "(2, 3)" with or without a comma at the end.
static const char *shape(header *h)
{
    tt_tensor *t = h->tensor;
    bool comma = true;
    if (!sign(h, '('))
        return "expected the shape, a tuple of numbers";
    while (!sign(h, ')')) {
        if (t->rank == TT_TENSOR_RANK_MAX)
            return "the shape has more than 8 axes";
        if (!comma || !whole(h, &t->size[t->rank++]))
            return "expected the shape, a tuple of numbers";
        comma = sign(h, ',');
    }
    return t->rank == 1 && !comma ? "the shape is a number, not a tuple" : NULL;
}

static const char *order(header *h)
{
    h->columns_first = word(h, "True");
    return h->columns_first || word(h, "False") ? NULL : "fortran_order is neither True nor False";
}

// "<f4": the byte order, then the type; one byte has no order.
static const char *descr(header *h)
{
    if (!string(h, h->descr, sizeof(h->descr)) || strlen(h->descr) < 2)
        return "descr is no simple type, but several, or one of words or objects";
    for (int i = 0; i < TT_ELEMENTS; i++) {
        if (types[i] == NULL || strcmp(h->descr + 1, types[i]) != 0 ||
            strchr("<>=|", h->descr[0]) == NULL)
            continue;
        if (h->descr[0] == '|' && tt_element_bytes((tt_element)i) > 1)
            continue;
        h->tensor->element = (tt_element)i;
        h->swapped = h->descr[0] == '>';
        return NULL;
    }
    return ""; // told with its name
}

static tt_status parse_header(header *h, tt_text *why)
{
    static const struct {
        const char *key;
        const char *(*read)(header *h);
    } keys[] = {{"descr", descr}, {"fortran_order", order}, {"shape", shape}};
    bool seen[3] = {false, false, false}, comma = true;
    if (!sign(h, '{'))
        return refuse(why, TT_MALFORMED, "the header does not begin with '{'");
    while (!sign(h, '}')) {
        char key[16];
        unsigned which = 0;
        if (!comma || !string(h, key, sizeof(key)) || !sign(h, ':'))
            return refuse(why, TT_MALFORMED, "the header is no dictionary");
        while (which < 3 && strcmp(keys[which].key, key) != 0)
            which++;
        if (which == 3 || seen[which])
            return refuse(why, TT_MALFORMED,
                          "the header has other keys than descr, fortran_order "
                          "and shape, or one of them twice");
        seen[which] = true;
        const char *problem = keys[which].read(h);
        if (problem != NULL && problem[0] == '\0') {
            tt_tensor_refuse(why, TT_UNSUPPORTED, "the elements are of type", h->descr,
                             strlen(h->descr));
            return refuse(why, TT_UNSUPPORTED, ", which this program does not know");
        }
        if (problem != NULL)
            return refuse(why, which == 0 ? TT_UNSUPPORTED : TT_MALFORMED, problem);
        comma = sign(h, ',');
    }
    if (!seen[0] || !seen[1] || !seen[2])
        return refuse(why, TT_MALFORMED, "the header lacks descr, fortran_order or shape");
    skip_space(h);
    return h->at == h->end ? TT_OK
                           : refuse(why, TT_MALFORMED, "there is something after the header's end");
}

static void swap_bytes(uint8_t *data, size_t bytes, size_t each)
{
    for (size_t at = 0; at < bytes; at += each)
        for (size_t i = 0; i < each / 2; i++) {
            uint8_t byte = data[at + i];
            data[at + i] = data[at + each - 1 - i];
            data[at + each - 1 - i] = byte;
        }
}

// From the first axis innermost to the last axis innermost.
static void transpose(const tt_tensor *t, const uint8_t *from, uint8_t *to, size_t bytes)
{
    size_t each = tt_element_bytes(t->element), strides[TT_TENSOR_RANK_MAX], at = 0;
    int64_t place[TT_TENSOR_RANK_MAX] = {0};
    for (unsigned i = 0; i < t->rank; i++)
        strides[i] = i == 0 ? each : strides[i - 1] * (size_t)t->size[i - 1];
    for (size_t done = 0; done < bytes; done += each) {
        memcpy(to + done, from + at, each);
        for (unsigned axis = t->rank; axis-- > 0;) { // the next place, the last axis first
            at += strides[axis];
            if (++place[axis] < t->size[axis])
                break;
            at -= strides[axis] * (size_t)t->size[axis];
            place[axis] = 0;
        }
    }
}

static tt_status place_elements(tt_tensor_entry *entry, const header *h, const uint8_t *data,
                                size_t length, bool copy, tt_text *why)
{
    size_t bytes, each = tt_element_bytes(entry->tensor.element);
    if (!tt_tensor_bytes(&entry->tensor, &bytes))
        return refuse(why, TT_MALFORMED, "the shape has more elements than memory can hold");
    if (bytes != length) {
        tt_text_add(why, "the shape wants ");
        tt_text_add_unsigned(why, bytes);
        tt_text_add(why, " bytes of elements, there are ");
        tt_text_add_unsigned(why, length);
        return bytes > length ? TT_DAMAGED : TT_MALFORMED;
    }
    bool turned = h->columns_first && entry->tensor.rank > 1, swapped = h->swapped && each > 1;
    if (!tt_tensor_entry_place(entry, data, bytes, copy || turned || swapped))
        return refuse(why, TT_FULL, "there is no memory for it");
    if (turned)
        transpose(&entry->tensor, data, entry->own, bytes);
    if (swapped)
        swap_bytes(entry->own, bytes, each);
    return tt_tensor_is_sound(&entry->tensor, bytes)
               ? TT_OK
               : refuse(why, TT_MALFORMED, "a bool is neither 0 nor 1");
}

tt_status tt_npy_parse_entry(tt_tensor_entry *entry, const uint8_t *bytes, size_t length, bool copy,
                             tt_text *why)
{
    tt_reader r;
    tt_reader_init(&r, bytes, length);
    const uint8_t *magic = tt_read_bytes(&r, MAGIC_BYTES);
    if (magic == NULL || memcmp(magic, MAGIC, MAGIC_BYTES) != 0)
        return refuse(why, TT_MALFORMED, "is no .npy file: it does not begin with \\x93NUMPY");
    unsigned major = tt_read_u8(&r), minor = tt_read_u8(&r);
    if (!r.failed && (major < 1 || major > 3 || minor != 0)) {
        tt_text_add(why, "is a .npy file of version ");
        tt_text_add_unsigned(why, major);
        tt_text_add(why, ".");
        tt_text_add_unsigned(why, minor);
        return refuse(why, TT_UNSUPPORTED, ", this program knows 1.0 to 3.0");
    }
    size_t header_bytes = major == 1 ? tt_read_le16(&r) : tt_read_le32(&r);
    if (r.failed || header_bytes > tt_reader_left(&r))
        return refuse(why, TT_DAMAGED, "is cut short within its header");
    if (header_bytes > HEADER_MAX)
        return refuse(why, TT_TOO_LARGE, "has a header of more than 65536 bytes");
    header h = {.at = (const char *)bytes + r.offset, .tensor = &entry->tensor};
    h.end = h.at + header_bytes;
    tt_status status = parse_header(&h, why);
    size_t begin = r.offset + header_bytes;
    return status == TT_OK ? place_elements(entry, &h, bytes + begin, length - begin, copy, why)
                           : status;
}

tt_status tt_npy_parse(tt_tensor_file *file, const void *bytes, size_t length, tt_text *why)
{
    *file = (tt_tensor_file){0};
    tt_tensor_entry *entry = tt_tensor_file_add_entry(file, "", 0);
    tt_status status = entry != NULL ? tt_npy_parse_entry(entry, bytes, length, false, why)
                                     : refuse(why, TT_FULL, "there is no memory for it");
    if (status != TT_OK)
        tt_tensor_file_free(file);
    return status;
}

tt_status tt_npy_read(tt_tensor_file *file, const char *path, tt_text *why)
{
    return tt_tensor_file_load(file, path, tt_npy_parse, why);
}

size_t tt_npy_header(const tt_tensor *tensor, uint8_t out[TT_NPY_HEADER_BYTES])
{
    char text[TT_NPY_HEADER_BYTES];
    const char *type = types[tensor->element];
    if (type == NULL)
        return 0;
    size_t each = tt_element_bytes(tensor->element), used = 0;
    used +=
        (size_t)snprintf(text, sizeof(text), "{'descr': '%c%s', 'fortran_order': False, 'shape': (",
                         each > 1 ? '<' : '|', type);
    for (unsigned i = 0; i < tensor->rank; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%lld", i > 0 ? ", " : "",
                                 (long long)tensor->size[i]);
    used +=
        (size_t)snprintf(text + used, sizeof(text) - used, "%s), }", tensor->rank == 1 ? "," : "");
    size_t whole_bytes = (10 + used + 1 + 63) / 64 * 64; // the elements begin aligned
    memset(out, ' ', whole_bytes);
    memcpy(out + 10, text, used);
    tt_writer w;
    tt_writer_init(&w, out, 10);
    tt_write_bytes(&w, MAGIC "\x01\x00", 8);
    tt_write_le16(&w, (uint16_t)(whole_bytes - 10));
    out[whole_bytes - 1] = '\n';
    return whole_bytes;
}

tt_status tt_npy_refuse_type(const tt_tensor_entry *entry, tt_text *why)
{
    tt_tensor_refuse(why, TT_INVALID, "tensor", entry->name, entry->name_bytes);
    tt_text_add(why, " has elements of type ");
    tt_text_add(why, tt_element_name(entry->tensor.element));
    return refuse(why, TT_INVALID, ", which NumPy does not have");
}

tt_status tt_npy_make(const tt_tensor *tensor, uint8_t **bytes, size_t *length, tt_text *why)
{
    uint8_t start[TT_NPY_HEADER_BYTES];
    size_t data_bytes;
    char name[] = "";
    tt_tensor_entry entry = {.name = name, .tensor = *tensor};
    *bytes = NULL;
    tt_status status = tt_tensor_check(&entry, &data_bytes, why);
    if (status != TT_OK)
        return status;
    size_t header_bytes = tt_npy_header(tensor, start);
    if (header_bytes == 0)
        return tt_npy_refuse_type(&entry, why);
    if (data_bytes > (size_t)TT_TENSOR_FILE_MAX - header_bytes)
        return refuse(why, TT_TOO_LARGE, "the file would be larger than 1 GiB");
    *length = header_bytes + data_bytes;
    *bytes = malloc(*length);
    if (*bytes == NULL)
        return TT_FULL;
    memcpy(*bytes, start, header_bytes);
    if (data_bytes > 0)
        memcpy(*bytes + header_bytes, tensor->data, data_bytes);
    return TT_OK;
}
