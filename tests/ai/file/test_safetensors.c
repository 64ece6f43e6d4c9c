// safetensors: every type, rank and kind of name there and back, files written by hand as the
// format's page shows them, and hostile ones.

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/test.h"
#include "tutti/bytes.h"
#include "tutti/check.h"
#include "tutti/random.h"
#include "tutti/tensor_file.h"

static tt_tensor_file file;
static char message[400];

// Frees what was read before; a failure leaves nothing and says why, a success says nothing.
static tt_status parse_bytes(const void *bytes, size_t length)
{
    tt_text why;
    tt_text_init(&why, message, sizeof(message));
    tt_tensor_file_free(&file);
    tt_status status = tt_safetensors_parse(&file, bytes, length, &why);
    EXPECT(!why.cut && (status == TT_OK) == (message[0] == '\0'));
    EXPECT(status == TT_OK || (file.count == 0 && file.entries == NULL));
    return status;
}

static uint8_t data[64];

static tt_status parse(const char *header, size_t data_bytes)
{
    static uint8_t bytes[8192] __attribute__((aligned(8)));
    tt_writer writer;
    tt_writer_init(&writer, bytes, sizeof(bytes));
    size_t padded = (strlen(header) + 7) / 8 * 8;
    tt_write_le64(&writer, padded);
    tt_write_bytes(&writer, header, strlen(header));
    while (writer.length < 8 + padded)
        tt_write_u8(&writer, ' ');
    tt_write_bytes(&writer, data, data_bytes);
    REQUIRE(!writer.failed);
    return parse_bytes(bytes, writer.length);
}

static const tt_tensor *get(const char *name)
{
    const tt_tensor *tensor = NULL;
    EXPECT_EQUAL(tt_tensor_file_get(&file, name, &tensor, NULL), TT_OK);
    return tensor;
}

static void test_headers(void)
{
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)i;
    EXPECT_EQUAL(parse("{\"a\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[ 0, 8 ]}}", 8),
                 TT_OK);
    EXPECT(file.count == 1 && get("a")->rank == 2 && get("a")->size[1] == 2);
    EXPECT_EQUAL(parse("{}", 0), TT_OK);
    EXPECT_EQUAL(parse(" { } ", 0), TT_OK);
    EXPECT_EQUAL(parse("{\"__metadata__\":{}}", 0), TT_OK);
    // The header may list tensors in another order than their bytes have.
    EXPECT_EQUAL(parse("{\"a\":{\"data_offsets\":[4,8],\"shape\":[],\"dtype\":\"F32\"},"
                       "\"b\" : { \"dtype\":\"F32\",\"shape\":[ 1 ],\"data_offsets\":[0,4] } }",
                       8),
                 TT_OK);
    EXPECT(file.count == 2 && (const char *)get("a")->data == (const char *)get("b")->data + 4);
    // Five axes, eight, none in memory.
    EXPECT_EQUAL(
        parse("{\"a\":{\"dtype\":\"F64\",\"shape\":[1,1,1,1,2,1,1,1],\"data_offsets\":[0,16]}}",
              16),
        TT_OK);
    EXPECT(get("a")->rank == 8 && get("a")->size[4] == 2 && get("a")->element == TT_ELEMENT_F64);
    EXPECT_EQUAL(parse("{\"a\":{\"dtype\":\"I64\",\"shape\":[0,9223372036854775807,"
                       "9223372036854775807],\"data_offsets\":[0,0]},\"b\":{\"dtype\":\"BOOL\","
                       "\"shape\":[2],\"data_offsets\":[0,2]},\"c\":{\"dtype\":\"BF16\",\"shape\":"
                       "[3,0],\"data_offsets\":[2,2]}}",
                       2),
                 TT_OK);
    EXPECT(file.count == 3 && get("a")->size[1] == INT64_MAX);
    // Elements that lie crooked in the file are straight in memory.
    EXPECT_EQUAL(parse("{\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]},"
                       "\"b\":{\"dtype\":\"I32\",\"shape\":[2],\"data_offsets\":[3,11]}}",
                       11),
                 TT_OK);
    EXPECT((uintptr_t)get("b")->data % 4 == 0 &&
           ((const int32_t *)get("b")->data)[1] == 0x0a090807);
}

// A type that is newer than this program costs its own tensor only.
static void test_foreign(void)
{
    const tt_tensor *tensor;
    tt_text why;
    EXPECT_EQUAL(parse("{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[5],\"data_offsets\":[0,5]},"
                       "\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[5,8]}}",
                       8),
                 TT_OK);
    EXPECT(file.count == 2 && ((const uint8_t *)get("b")->data)[0] == 5);
    tt_text_init(&why, message, sizeof(message));
    EXPECT_EQUAL(tt_tensor_file_get(&file, "a", &tensor, &why), TT_UNSUPPORTED);
    EXPECT_TEXT(message,
                "tensor 'a' has elements of type F8_E4M3, which this program does not know");
    EXPECT(tensor == NULL);
    EXPECT_EQUAL(parse("{\"b\":{\"dtype\":\"X\",\"shape\":[3],\"data_offsets\":[0,3]}}", 3), TT_OK);
    EXPECT_EQUAL(tt_tensor_file_get(&file, "b", &tensor, NULL), TT_UNSUPPORTED);
    char long_name[67]; // what is told of it ends within its last character
    memset(long_name, 'n', 63);
    memcpy(long_name + 63, "\xc3\xb6", 3);
    tt_text_init(&why, message, sizeof(message));
    EXPECT_EQUAL(tt_tensor_file_get(&file, long_name, &tensor, &why), TT_NOT_FOUND);
    EXPECT(tt_text_is_utf8(message, why.length) && strstr(message, "nnn...'") != NULL);
    EXPECT_EQUAL(parse("{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[5],\"data_offsets\":[0,5]},"
                       "\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[5,8]}}",
                       8),
                 TT_OK);
    tt_text_init(&why, message, sizeof(message));
    EXPECT_EQUAL(tt_tensor_file_get(&file, "c", &tensor, &why), TT_NOT_FOUND);
    EXPECT_TEXT(message, "there is no tensor 'c'");
    uint8_t *bytes;
    size_t length;
    tt_text_init(&why, message, sizeof(message));
    EXPECT_EQUAL(tt_safetensors_make(&file, &bytes, &length, &why), TT_INVALID);
    EXPECT_TEXT(message, "tensor 'a' has elements of no type that can be written");
    EXPECT(bytes == NULL);
}

static void test_bad_headers(void)
{
#define A "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}"
#define ENTRY "\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\""
    static const struct {
        const char *header, *why; // part of the sentence
    } bad[] = {
        {"", "does not begin with '{'"},
        {"[", "does not begin with '{'"},
        {"{", "expected a tensor's name"},
        {"{\"a\"}", "expected a tensor's name"},
        {"{\"a\":{}}", "expected a member's name"},
        {"{\"a\":1}", "expected an object"},
        {"{,}", "expected a tensor's name"},
        {A ",}", "expected a tensor's name"},
        {A, "does not end with '}'"},
        {A "} x", "something after the header's end"},
        {"{\"a\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,8]}}", "not as many as"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", "not as many as"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", "behind the end"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", "begin and end"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", "belong to no tensor"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", "belong to no tensor"},
        {"{}", "belong to no tensor"},
        {"{\"a\":{" ENTRY ":[0,4]},\"a\":{" ENTRY ":[4,8]}}", "'a': its name occurs twice"},
        {"{\"a\":{" ENTRY ":[0,4]},\"\\u0061\":{" ENTRY ":[4,8]}}", "its name occurs twice"},
        {A ",\"b\":{" ENTRY ":[4,8]}}", "overlap"},
        {"{\"a\":{" ENTRY ":[4,8]},\"b\":{" ENTRY ":[4,8]}}", "belong to no tensor"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999999],\"data_offsets\":[0,8]}}",
         "at most 8 sizes"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[9223372036854775808],\"data_offsets\":[0,8]}}",
         "at most 8 sizes"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,2],\"data_offsets\":[0,8]}}",
         "not as many as"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,2],\"data_offsets\":[0,8]}}",
         "at most 8 sizes"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]}}", "at most 8 sizes"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", "at most 8 sizes"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}}", "at most 8 sizes"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[02],\"data_offsets\":[0,8]}}", "at most 8 sizes"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2,],\"data_offsets\":[0,8]}}", "at most 8 sizes"},
        {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", "once each"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", "once each"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"strides\":[0,8]}}", "once each"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]}}", "begin and end"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}", "begin and end"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,18446744073709551624]}}",
         "begin and end"},
        {"{\"a\":{\"dtype\":\"\",\"shape\":[2],\"data_offsets\":[0,8]}}", "name of a type"},
        {"{\"a\":{\"dtype\":\"F32 \",\"shape\":[2],\"data_offsets\":[0,8]}}", "name of a type"},
        {"{\"a\":{\"dtype\":\"F4567890123456789\",\"shape\":[2],\"data_offsets\":[0,8]}}",
         "name of a type"},
        {"{\"a\":{\"dtype\":\"F32\\u0000\",\"shape\":[2],\"data_offsets\":[0,8]}}",
         "name of a type"},
        {"{\"a\":{\"dtype\":4,\"shape\":[2],\"data_offsets\":[0,8]}}", "name of a type"},
        {"{\"a\":{\"dtype\":\"BOOL\",\"shape\":[8],\"data_offsets\":[0,8]}}", "neither 0 nor 1"},
        {"{\"a\xff\":{" ENTRY ":[0,8]}}", "expected a tensor's name"},
        {"{\"a\n\":{" ENTRY ":[0,8]}}", "expected a tensor's name"},
        {"{\"a\\x\":{" ENTRY ":[0,8]}}", "expected a tensor's name"},
        {"{\"a\\u00g0\":{" ENTRY ":[0,8]}}", "expected a tensor's name"},
        {"{\"a\\ud800\":{" ENTRY ":[0,8]}}", "expected a tensor's name"},
        {"{\"a\\ud800\\u0041\":{" ENTRY ":[0,8]}}", "expected a tensor's name"},
        {"{\"a\\udc00\\ud800\":{" ENTRY ":[0,8]}}", "expected a tensor's name"},
        {"{\"__metadata__\":{\"k\":\"\x80\"}}", "key and a value"},
        {"{\"__metadata__\":{\"k\":\"1\",\"l\":\"\",\"k\":\"2\"}}", "occurs twice"},
        {"{\"__metadata__\":{\"k\":1}}", "key and a value"},
        {"{\"__metadata__\":[]}", "a map of strings"},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", "stands there twice"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        tt_status status = parse(bad[i].header, 8);
        bool told = strstr(message, bad[i].why) != NULL;
        if (status != TT_MALFORMED || !told)
            printf("%s: %s: %s\n", bad[i].header, tt_status_name(status), message);
        EXPECT_EQUAL(status, TT_MALFORMED);
        EXPECT(told);
    }
    EXPECT_EQUAL(parse("{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8),
                 TT_MALFORMED);
    EXPECT_TEXT(message,
                "tensor 'a': its bytes are not as many as its shape and type want (byte 53 "
                "of the header)");
}

static void test_limits(void)
{
    const size_t each = 80;
    char *header = malloc((TT_TENSORS_MAX + 1) * each + 16);
    for (size_t surplus = 0; surplus < 2; surplus++) {
        size_t length = 8;
        for (size_t i = 0; i < TT_TENSORS_MAX + surplus; i++)
            length += (size_t)sprintf(header + length,
                                      "%c\"%zu\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":"
                                      "[0,0]}",
                                      i == 0 ? '{' : ',', i);
        header[length++] = '}';
        tt_writer w;
        tt_writer_init(&w, header, 8);
        tt_write_le64(&w, length - 8);
        EXPECT_EQUAL(parse_bytes(header, length), surplus ? TT_MALFORMED : TT_OK);
        EXPECT_EQUAL(file.count, surplus ? 0 : TT_TENSORS_MAX);
    }
    free(header);
    for (size_t surplus = 0; surplus < 2; surplus++) {
        size_t length = TT_TENSOR_HEADER_MAX + surplus;
        uint8_t *bytes = malloc(8 + length);
        tt_writer w;
        memset(bytes, ' ', 8 + length);
        tt_writer_init(&w, bytes, 8 + length);
        tt_write_le64(&w, length);
        tt_write_bytes(&w, "{}", 2);
        EXPECT_EQUAL(parse_bytes(bytes, 8 + length), surplus ? TT_DAMAGED : TT_OK);
        free(bytes);
    }
    char path[] = "/tmp/tutti-tensors-XXXXXX";
    int descriptor = mkstemp(path);
    REQUIRE(descriptor >= 0 && ftruncate(descriptor, TT_TENSOR_FILE_MAX + 1) == 0); // all holes
    EXPECT_EQUAL(tt_safetensors_read(&file, path, NULL), TT_TOO_LARGE);
    close(descriptor);
    unlink(path);
    EXPECT_EQUAL(tt_safetensors_read(&file, path, NULL), TT_NOT_FOUND);
    size_t whole;
    tt_tensor half = {TT_ELEMENT_U8, 2, {(int64_t)1 << 62, 2}, NULL};
    EXPECT(!tt_tensor_bytes(&half, &whole));
    half.size[0] = INT64_MAX;
    half.size[1] = 1;
    EXPECT(tt_tensor_bytes(&half, &whole) && whole == SIZE_MAX / 2);
    tt_tensor_file many = {0};
    tt_tensor empty = {.element = TT_ELEMENT_U8, .rank = 1};
    for (size_t i = 0; i < TT_TENSORS_MAX; i++)
        REQUIRE(tt_tensor_file_add(&many, "x", &empty) == TT_OK);
    EXPECT_EQUAL(tt_tensor_file_add(&many, "x", &empty), TT_FULL);
    tt_tensor_file_free(&many);
    for (size_t surplus = 0; surplus < 2; surplus++) { // a header as long as it may be
        size_t length =
            TT_TENSOR_HEADER_MAX - sizeof("{\"__metadata__\":{\"\":\"\"}}") + 1 + surplus;
        char *value = malloc(length + 1);
        uint8_t *bytes;
        memset(value, 'v', length);
        value[length] = '\0';
        REQUIRE(tt_tensor_file_describe(&many, "", value) == TT_OK);
        EXPECT_EQUAL(tt_safetensors_make(&many, &bytes, &length, NULL),
                     surplus ? TT_TOO_LARGE : TT_OK);
        EXPECT((bytes == NULL) == (surplus > 0));
        EXPECT(surplus > 0 || parse_bytes(bytes, length) == TT_OK);
        tt_tensor_file_free(&file);
        free(bytes);
        free(value);
        tt_tensor_file_free(&many);
    }
}

// Lengths of the header that no file has, up to those that overflow when eight is added.
static void test_lengths(void)
{
    static const uint64_t lengths[] = {
        0, 1, 17, INT64_MAX, UINT64_MAX, UINT64_MAX - 7, (uint64_t)1 << 32};
    uint8_t bytes[24];
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        memset(bytes, ' ', sizeof(bytes));
        tt_writer writer;
        tt_writer_init(&writer, bytes, sizeof(bytes));
        tt_write_le64(&writer, lengths[i]);
        EXPECT(parse_bytes(bytes, sizeof(bytes)) != TT_OK);
    }
    EXPECT_EQUAL(parse_bytes("TTPL", 4), TT_INVALID);
}

static bool same_tensor(const tt_tensor *a, const tt_tensor *b)
{
    size_t bytes;
    return a->element == b->element && a->rank == b->rank &&
           memcmp(a->size, b->size, a->rank * sizeof(a->size[0])) == 0 &&
           tt_tensor_bytes(a, &bytes) && (bytes == 0 || memcmp(a->data, b->data, bytes) == 0) &&
           (uintptr_t)a->data % tt_element_bytes(a->element) == 0;
}

// Writes it, reads it again into `file`, and compares all that is in it.
static void expect_round_trip(const tt_tensor_file *made)
{
    uint8_t *bytes;
    size_t length;
    tt_text why;
    tt_text_init(&why, message, sizeof(message));
    REQUIRE(tt_safetensors_make(made, &bytes, &length, &why) == TT_OK);
    EXPECT_TEXT(message, "");
    EXPECT_EQUAL(bytes[0] % 8, 0); // the header's length: so the data begin aligned
    REQUIRE(parse_bytes(bytes, length) == TT_OK);
    EXPECT(file.count == made->count && file.note_count == made->note_count);
    for (size_t i = 0; i < made->count && i < file.count; i++) {
        const tt_tensor_entry *a = &made->entries[i], *b = &file.entries[i];
        EXPECT(a->name_bytes == b->name_bytes && memcmp(a->name, b->name, a->name_bytes) == 0);
        EXPECT(same_tensor(&b->tensor, &a->tensor));
    }
    for (size_t i = 0; i < made->note_count && i < file.note_count; i++) {
        EXPECT_TEXT(file.notes[i].key, made->notes[i].key);
        EXPECT_TEXT(file.notes[i].value, made->notes[i].value);
    }
    tt_tensor_file_free(&file);
    free(bytes);
}

static const char *const names[] = {"a",
                                    "",
                                    "with a space",
                                    "a \"quote\" and a \\",
                                    "a/b[0].c",
                                    "line\nbreak\ttab\x01\x1f\x7f",
                                    "Gr\xc3\xb6\xc3\x9fte",
                                    "\xf0\x9f\x8e\xbb violin",
                                    "__metadata__ ",
                                    "\xef\xbf\xbf",
                                    "dtype",
                                    "'single'",
                                    "{\"a\":1}",
                                    "\xe2\x80\xa8"};

static void test_names(void)
{
    tt_tensor_file made = {0};
    for (size_t i = 0; i < TT_COUNT(names); i++) {
        tt_tensor t = {TT_ELEMENT_U8, 1, {1}, &data[i]};
        REQUIRE(tt_tensor_file_add(&made, names[i], &t) == TT_OK);
        REQUIRE(tt_tensor_file_describe(&made, names[i], names[TT_COUNT(names) - 1 - i]) == TT_OK);
    }
    // A name with a zero byte in it.
    free(made.entries[0].name);
    made.entries[0].name = malloc(4);
    memcpy(made.entries[0].name, "a\0b", 4);
    made.entries[0].name_bytes = 3;
    char *long_name = malloc(100001);
    memset(long_name, 'n', 100000);
    long_name[100000] = '\0';
    REQUIRE(tt_tensor_file_add(&made, long_name, &made.entries[1].tensor) == TT_OK);
    free(long_name);
    expect_round_trip(&made);
    tt_tensor_file_free(&made);
    // Escapes as others write them.
    EXPECT_EQUAL(
        parse(
            "{\"\\u0041\\n\\/"
            "\\\"\\\\\\b\\f\\r\\t\\uD83c\\udFBB\\u00f6\\u20ac\\uffff\\u007f\\u0080\\u07ff\\u0800\":"
            "{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}",
            1),
        TT_OK);
    EXPECT_TEXT(file.entries[0].name, "A\n/\"\\\b\f\r\t\xf0\x9f\x8e\xbb\xc3\xb6\xe2\x82\xac"
                                      "\xef\xbf\xbf\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80");
}

// As many words as a header holds are written in a moment, not in the square of it.
static void test_many_notes(void)
{
    tt_tensor_file made = {0};
    uint8_t *bytes;
    size_t length;
    char key[20];
    for (int i = 0; i < 200000; i++) {
        snprintf(key, sizeof(key), "%d", i * 7919 % 200000);
        REQUIRE(tt_tensor_file_describe(&made, key, "") == TT_OK);
    }
    clock_t begin = clock();
    EXPECT_EQUAL(tt_safetensors_make(&made, &bytes, &length, NULL), TT_OK);
    EXPECT(clock() - begin < 5 * CLOCKS_PER_SEC); // 0.1 s
    free(bytes);
    tt_tensor_file_free(&made);
}

// Random files of every type, rank and size.
static void test_random(void)
{
    tt_random random;
    tt_random_seed(&random, 5);
    for (int round = 0; round < 2000; round++) {
        tt_tensor_file made = {0};
        void *kept[20];
        size_t count = tt_random_below(&random, 20);
        for (size_t i = 0; i < count; i++) {
            char name[40];
            size_t bytes;
            tt_tensor t = {.element = (tt_element)tt_random_below(&random, TT_ELEMENTS),
                           .rank = (unsigned)tt_random_below(&random, 9)};
            for (unsigned k = 0; k < t.rank; k++)
                t.size[k] = (int64_t)tt_random_below(&random, t.rank > 4 ? 3 : 6);
            REQUIRE(tt_tensor_bytes(&t, &bytes));
            t.data = kept[i] = malloc(bytes + 1);
            tt_random_bytes(&random, kept[i], bytes);
            for (size_t k = 0; k < bytes && t.element == TT_ELEMENT_BOOL; k++)
                ((uint8_t *)kept[i])[k] &= 1;
            snprintf(name, sizeof(name), "%s %zu", names[i % TT_COUNT(names)], i);
            REQUIRE(tt_tensor_file_add(&made, name, &t) == TT_OK);
        }
        expect_round_trip(&made);
        tt_tensor_file_free(&made);
        for (size_t i = 0; i < count; i++)
            free(kept[i]);
    }
}

// What the reader would refuse, the writer does not write.
static void test_bad_files(void)
{
    static const struct {
        const char *name[2], *key[2];
        tt_tensor tensor;
        const char *why;
    } cases[] = {
        {{"a", "a"}, {"k", "l"}, {TT_ELEMENT_U8, 1, {1}, data}, "two tensors have the name 'a'"},
        {{"a", "__metadata__"},
         {"k", "l"},
         {TT_ELEMENT_U8, 1, {1}, data},
         "a tensor cannot have the name '__metadata__': it is the metadata's"},
        {{"a", "b\xff"}, {"k", "l"}, {TT_ELEMENT_U8, 1, {1}, data}, "a tensor's name is no UTF-8"},
        {{"a", "b"},
         {"k\xc0\x80", "l"},
         {TT_ELEMENT_U8, 1, {1}, data},
         "a key or value of the metadata is no UTF-8"},
        {{"a", "b"},
         {"k", "k"},
         {TT_ELEMENT_U8, 1, {1}, data},
         "the metadata has twice the key 'k'"},
        {{"a", "b"},
         {"k", "l"},
         {TT_ELEMENT_U8, 1, {-1}, data},
         "tensor 'a' has a negative size, too many axes or too many elements"},
        {{"a", "b"},
         {"k", "l"},
         {TT_ELEMENT_U8, 9, {1}, data},
         "tensor 'a' has a negative size, too many axes or too many elements"},
        {{"a", "b"},
         {"k", "l"},
         {TT_ELEMENT_F64, 2, {INT64_MAX, INT64_MAX}, data},
         "tensor 'a' has a negative size, too many axes or too many elements"},
        {{"a", "b"}, {"k", "l"}, {TT_ELEMENT_U8, 1, {1}, NULL}, "tensor 'a' has no data"},
        {{"a", "b"},
         {"k", "l"},
         {TT_ELEMENT_BOOL, 1, {3}, data},
         "tensor 'a' has a bool that is neither 0 nor 1"},
        {{"a", "b"},
         {"k", "l"},
         {(tt_element)13, 1, {1}, data},
         "tensor 'a' has elements of no type that can be written"},
        {{"a", "b"},
         {"k", "l"},
         {TT_ELEMENT_U8, 1, {((int64_t)1 << 30) + 1}, data},
         "the tensors take more than 1 GiB"},
        {{"quite\na long name \xc3\xb6\xc3\xb6\xc3\xb6 that is cut short where it is told in a "
          "sentence",
          "b"},
         {"k", "l"},
         {TT_ELEMENT_U8, 1, {1}, NULL},
         "tensor 'quite?a long name \xc3\xb6\xc3\xb6\xc3\xb6 that is cut short where it is told "
         "in a...' has no data"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tt_tensor_file made = {0};
        uint8_t *bytes;
        size_t length;
        tt_text why;
        for (int k = 0; k < 2; k++) {
            REQUIRE(tt_tensor_file_add(&made, cases[i].name[k], &cases[i].tensor) == TT_OK);
            REQUIRE(tt_tensor_file_describe(&made, cases[i].key[k], "value") == TT_OK);
        }
        tt_text_init(&why, message, sizeof(message));
        EXPECT(tt_safetensors_make(&made, &bytes, &length, &why) != TT_OK);
        EXPECT_TEXT(message, cases[i].why);
        EXPECT(bytes == NULL);
        tt_tensor_file_free(&made);
    }
}

// Every length and every flipped bit of a file: refused or read, never out of bounds (the
// sanitizers watch).
static void test_damage(void)
{
    tt_tensor_file made = {0};
    uint8_t *bytes;
    size_t length;
    REQUIRE(tt_tensor_file_add(&made, "a", &(tt_tensor){TT_ELEMENT_F32, 2, {2, 3}, data}) == TT_OK);
    REQUIRE(tt_tensor_file_add(&made, "\"b\"", &(tt_tensor){TT_ELEMENT_I16, 0, {0}, data}) ==
            TT_OK);
    REQUIRE(tt_tensor_file_describe(&made, "epochs", "7") == TT_OK);
    REQUIRE(tt_safetensors_make(&made, &bytes, &length, NULL) == TT_OK);
    REQUIRE(parse_bytes(bytes, length) == TT_OK);
    EXPECT_TEXT(tt_tensor_file_note(&file, "epochs"), "7");
    EXPECT(tt_tensor_file_note(&file, "epoch") == NULL);
    // A path begins the sentence of a failure; a success leaves what was said before.
    char path[] = "/tmp/tutti-tensors-XXXXXX", expected[100];
    int descriptor = mkstemp(path);
    REQUIRE(descriptor >= 0 && write(descriptor, bytes, length) == (ssize_t)length);
    close(descriptor);
    tt_text why;
    tt_text_init(&why, message, sizeof(message));
    tt_text_add(&why, "before");
    tt_tensor_file_free(&file);
    EXPECT_EQUAL(tt_safetensors_read(&file, path, &why), TT_OK);
    EXPECT_TEXT(message, "before");
    EXPECT_EQUAL(why.length, 6);
    EXPECT_EQUAL(get("a")->rank, 2);
    REQUIRE(truncate(path, 4) == 0);
    tt_tensor_file_free(&file);
    tt_text_init(&why, message, sizeof(message));
    EXPECT_EQUAL(tt_safetensors_read(&file, path, &why), TT_DAMAGED);
    snprintf(expected, sizeof(expected), "%s: is cut short or not a safetensors file", path);
    EXPECT(strncmp(message, expected, strlen(expected)) == 0);
    unlink(path);
    for (size_t cut = 0; cut < length; cut++) {
        uint8_t *shorter = malloc(cut); // exactly: the sanitizer sees one byte too many
        memcpy(shorter, bytes, cut);
        EXPECT(parse_bytes(shorter, cut) != TT_OK);
        free(shorter);
    }
    uint8_t *damaged = malloc(length);
    for (size_t bit = 0; bit < length * 8; bit++) {
        memcpy(damaged, bytes, length);
        damaged[bit / 8] ^= (uint8_t)(1 << bit % 8);
        parse_bytes(damaged, length);
    }
    tt_tensor_file_free(&file);
    free(damaged);
    free(bytes);
    tt_tensor_file_free(&made);
}

int main(void)
{
    test_headers();
    test_foreign();
    test_bad_headers();
    test_limits();
    test_lengths();
    test_names();
    test_many_notes();
    test_random();
    test_bad_files();
    test_damage();
    tt_tensor_file_free(&file);
    return test_result();
}
