// safetensors: a round trip, a file written by hand as the format's page shows it, and hostile
// headers.

#include <unistd.h>

#include "ai/train/safetensors.h"
#include "tests/test.h"
#include "tutti/bytes.h"
#include "tutti/random.h"

static tt_tensor_file file; // large: not on the stack

static tt_status parse(const char *header, size_t data_bytes, char *message, size_t capacity)
{
    static uint8_t bytes[4096];
    tt_writer writer;
    tt_writer_init(&writer, bytes, sizeof(bytes));
    size_t padded = (strlen(header) + 7) / 8 * 8;
    tt_write_le64(&writer, padded);
    tt_write_bytes(&writer, header, strlen(header));
    while (writer.length < 8 + padded)
        tt_write_u8(&writer, ' ');
    memset(bytes + writer.length, 0, data_bytes);
    tt_text why;
    tt_text_init(&why, message, capacity);
    return tt_tensor_file_parse(&file, bytes, writer.length + data_bytes, &why);
}

// TT_TENSORS_MAX tensors, names of TT_TENSOR_NAME_MAX, a header of TT_TENSOR_HEADER_MAX, a file of
// TT_TENSOR_FILE_MAX; and more.
static void test_limits(void)
{
    static char header[TT_TENSORS_MAX * 80 + 80], message[256];
    static uint8_t bytes[TT_TENSOR_HEADER_MAX + 16];
    for (size_t surplus = 0; surplus < 2; surplus++) {
        tt_status expected = surplus ? TT_MALFORMED : TT_OK;
        tt_text text, why;
        tt_text_init(&text, header, sizeof(header));
        for (size_t i = 0; i < TT_TENSORS_MAX + surplus; i++) {
            tt_text_add(&text, i == 0 ? "{\"" : ",\"");
            tt_text_add_unsigned(&text, i);
            tt_text_add(&text, "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[");
            tt_text_add_unsigned(&text, 4 * i);
            tt_text_add(&text, ",");
            tt_text_add_unsigned(&text, 4 * i + 4);
            tt_text_add(&text, "]}");
        }
        tt_text_add(&text, "}");
        while (text.length % 8 != 0)
            tt_text_add(&text, " ");
        REQUIRE(!text.cut);
        size_t length = 8 + text.length + 4 * (TT_TENSORS_MAX + surplus);
        tt_writer writer;
        memset(bytes, 0, length);
        tt_writer_init(&writer, bytes, sizeof(bytes));
        tt_write_le64(&writer, text.length);
        tt_write_bytes(&writer, header, text.length);
        tt_text_init(&why, message, sizeof(message));
        EXPECT_EQUAL(tt_tensor_file_parse(&file, bytes, length, &why), expected);

        size_t name = TT_TENSOR_NAME_MAX - 1 + surplus;
        snprintf(header, sizeof(header),
                 "{\"%0*d\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", (int)name,
                 7);
        EXPECT_EQUAL(parse(header, 4, message, sizeof(message)), expected);

        size_t padded = TT_TENSOR_HEADER_MAX + 8 * surplus;
        memset(bytes, ' ', sizeof(bytes));
        tt_writer_init(&writer, bytes, sizeof(bytes));
        tt_write_le64(&writer, padded);
        tt_write_bytes(&writer, "{}", 2);
        tt_text_init(&why, message, sizeof(message));
        EXPECT((tt_tensor_file_parse(&file, bytes, 8 + padded, &why) == TT_OK) == (surplus == 0));
    }
    char path[] = "/tmp/tutti-tensors-XXXXXX";
    int descriptor = mkstemp(path);
    REQUIRE(descriptor >= 0 && ftruncate(descriptor, TT_TENSOR_FILE_MAX + 1) == 0); // all holes
    tt_text why;
    tt_text_init(&why, message, sizeof(message));
    EXPECT_EQUAL(tt_tensor_file_read(&file, path, &why), TT_TOO_LARGE);
    close(descriptor);
    unlink(path);
}

static void test_headers(void)
{
    char message[256];
    EXPECT_EQUAL(parse("{\"a\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]}}", 8,
                       message, sizeof(message)),
                 TT_OK);
    EXPECT_EQUAL(file.count, 1);
    EXPECT(file.tensors[0].shape.size[1] == 2);
    EXPECT_EQUAL(parse("{}", 0, message, sizeof(message)), TT_OK);
    // The header may list tensors in another order than their bytes have.
    EXPECT_EQUAL(parse("{\"a\":{\"data_offsets\":[4,8],\"shape\":[],\"dtype\":\"F32\"},"
                       "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
                       8, message, sizeof(message)),
                 TT_OK);
    EXPECT(file.count == 2 && file.tensors[0].data == file.tensors[1].data + 1);
    static const char *const bad[] = {
        "",
        "[",
        "{",
        "{\"a\"}",
        "{\"a\":{}}",
        "{\"a\":1}",
        "{\"a\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}} x",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
        "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
        "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999999],\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,2],\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,2],\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4],\"data_offsets\":[0,4]},"
        "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,18446744073709551624]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]},"
        "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
        "{\"a\xff\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
        "{\"a\\u0062\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
        "{\"__metadata__\":{\"k\":\"\x80\"},\"a\":{\"dtype\":\"F32\",\"shape\":[2],"
        "\"data_offsets\":[0,8]}}",
        "{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"},\"a\":{\"dtype\":\"F32\",\"shape\":[2],"
        "\"data_offsets\":[0,8]}}",
        "{\"__metadata__\":{\"k\":1},\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}"
        "}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        tt_status status = parse(bad[i], 8, message, sizeof(message));
        if (status != TT_MALFORMED)
            printf("case %zu: %s: %s\n", i, tt_status_name(status), bad[i]);
        EXPECT_EQUAL(status, TT_MALFORMED);
        EXPECT(message[0] != '\0');
    }
}

// Lengths of the header that no file has, up to those that overflow when eight is added.
static void test_lengths(void)
{
    static const uint64_t lengths[] = {0,
                                       1,
                                       17,
                                       ((uint64_t)1 << 20) + 8,
                                       INT64_MAX,
                                       UINT64_MAX,
                                       UINT64_MAX - 7,
                                       (uint64_t)1 << 32};
    uint8_t bytes[24];
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        memset(bytes, ' ', sizeof(bytes));
        tt_writer writer;
        tt_writer_init(&writer, bytes, sizeof(bytes));
        tt_write_le64(&writer, lengths[i]);
        EXPECT(tt_tensor_file_parse(&file, bytes, sizeof(bytes), NULL) != TT_OK);
    }
}

static void test_round_trip(void)
{
    char path[] = "/tmp/tutti-tensors-XXXXXX";
    REQUIRE(mkstemp(path) >= 0);
    float a[6] = {1, 2, 3, 4, 5, 6}, b[1] = {-0.0f};
    memset(&file, 0, sizeof(file));
    file.count = 2;
    file.tensors[0] = (tt_tensor){"a", TT_SHAPE(2, 3), a};
    file.tensors[1] = (tt_tensor){"b", TT_SCALAR, b};
    file.metadata_count = 1;
    strcpy(file.metadata[0].key, "epochs");
    strcpy(file.metadata[0].value, "7");
    uint8_t *made;
    size_t made_length;
    EXPECT_EQUAL(tt_tensor_file_make(&file, &made, &made_length), TT_OK);
    FILE *out = fopen(path, "wb");
    REQUIRE(out != NULL && fwrite(made, 1, made_length, out) == made_length && fclose(out) == 0);
    free(made);
    EXPECT_EQUAL(tt_tensor_file_read(&file, path, NULL), TT_OK);
    EXPECT_TEXT(tt_tensor_file_metadata(&file, "epochs"), "7");
    EXPECT(memcmp(tt_tensor_file_find(&file, "a")->data, a, sizeof(a)) == 0);
    EXPECT(tt_tensor_file_find(&file, "b")->shape.rank == 0);
    EXPECT(tt_tensor_file_find(&file, "c") == NULL);

    // Every length and every flipped bit of the file: refused or read, never out of bounds (the
    // sanitizers watch).
    static uint8_t bytes[1024];
    FILE *in = fopen(path, "rb");
    size_t length = fread(bytes, 1, sizeof(bytes), in);
    fclose(in);
    tt_tensor_file_free(&file);
    uint8_t *damaged = malloc(length); // exactly: the sanitizer sees one byte too many
    for (size_t cut = 0; cut < length; cut++) {
        uint8_t *shorter = malloc(cut);
        memcpy(shorter, bytes, cut);
        EXPECT(tt_tensor_file_parse(&file, shorter, cut, NULL) != TT_OK);
        free(shorter);
    }
    for (size_t bit = 0; bit < length * 8; bit++) {
        memcpy(damaged, bytes, length);
        damaged[bit / 8] ^= (uint8_t)(1 << bit % 8);
        tt_tensor_file_parse(&file, damaged, length, NULL);
    }
    free(damaged);
    unlink(path);
}

int main(void)
{
    test_limits();
    test_headers();
    test_lengths();
    test_round_trip();
    return test_result();
}
