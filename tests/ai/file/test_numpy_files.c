// NumPy's .npy and .npz: headers as Python writes them and as nobody should, zips made by hand with
// one thing wrong each, and every length and bit of a good one.

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "tests/test.h"
#include "tutti/bytes.h"
#include "tutti/check.h"
#include "tutti/random.h"
#include "tutti/tensor_file.h"

static tt_tensor_file file;
static char message[400];

// Frees what was read before; a failure leaves nothing and says why, a success says nothing.
static tt_status parse(bool zipped, const void *bytes, size_t length)
{
    tt_text why;
    tt_text_init(&why, message, sizeof(message));
    tt_tensor_file_free(&file);
    tt_status status = zipped ? tt_npz_parse(&file, bytes, length, &why)
                              : tt_npy_parse(&file, bytes, length, &why);
    EXPECT(!why.cut && (status == TT_OK) == (message[0] == '\0'));
    EXPECT(status == TT_OK || (file.count == 0 && file.entries == NULL));
    return status;
}

// ---- .npy

#define HEAD(descr, order, shape)                                                                  \
    "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape ", }"

static size_t put_npy(uint8_t *to, unsigned major, const char *header, const void *data,
                      size_t bytes)
{
    tt_writer w;
    tt_writer_init(&w, to, 2048);
    tt_write_bytes(&w, "\x93NUMPY", 6);
    tt_write_u8(&w, (uint8_t)major);
    tt_write_u8(&w, 0);
    if (major == 1)
        tt_write_le16(&w, (uint16_t)strlen(header));
    else
        tt_write_le32(&w, (uint32_t)strlen(header));
    tt_write_bytes(&w, header, strlen(header));
    tt_write_bytes(&w, data, bytes);
    REQUIRE(!w.failed);
    return w.length;
}

static tt_status parse_npy(unsigned major, const char *header, const void *data, size_t bytes)
{
    static uint8_t whole[2048];
    return parse(false, whole, put_npy(whole, major, header, data, bytes));
}

static void test_headers(void)
{
    static const uint8_t data[24] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    static const char *const good[] = {
        HEAD("'<i2'", "False", "(2, 3)"),
        HEAD("'<i2'", "False", "(2,3,)"),
        HEAD("'=i2'", "False", "(2L, 3L)"),
        "{\"shape\":(2,3),\"descr\":\"<i2\",\"fortran_order\":False}",
        "  {'fortran_order': False, 'shape': (2, 3), 'descr': '<i2'}   \n",
    };
    for (unsigned major = 1; major <= 3; major++)
        for (size_t i = 0; i < TT_COUNT(good); i++) {
            EXPECT_EQUAL(parse_npy(major, good[i], data, 12), TT_OK);
            REQUIRE(file.count == 1);
            const tt_tensor *t = &file.entries[0].tensor;
            EXPECT(t->element == TT_ELEMENT_I16 && t->rank == 2 && t->size[0] == 2 &&
                   t->size[1] == 3);
            EXPECT(memcmp(t->data, data, 12) == 0 && (uintptr_t)t->data % 2 == 0);
        }
    EXPECT_EQUAL(parse_npy(1, HEAD("'>i2'", "False", "(6,)"), data, 12), TT_OK);
    EXPECT_EQUAL(((const int16_t *)file.entries[0].tensor.data)[0], 0x0102);
    EXPECT_EQUAL(((const int16_t *)file.entries[0].tensor.data)[5], 0x0b0c);
    EXPECT_EQUAL(parse_npy(1, HEAD("'|u1'", "True", "(2, 3, 2)"), data, 12), TT_OK);
    static const uint8_t rows[] = {1, 7, 3, 9, 5, 11, 2, 8, 4, 10, 6, 12};
    EXPECT(memcmp(file.entries[0].tensor.data, rows, 12) == 0);
    EXPECT_EQUAL(parse_npy(1, HEAD("'>u4'", "True", "(1, 3)"), data, 12), TT_OK);
    EXPECT_EQUAL(((const uint32_t *)file.entries[0].tensor.data)[2], 0x090a0b0c);
    EXPECT_EQUAL(parse_npy(1, HEAD("'<f8'", "True", "()"), data, 8), TT_OK);
    EXPECT(file.entries[0].tensor.rank == 0);
    EXPECT_EQUAL(parse_npy(1, HEAD("'<f8'", "True", "(3, 0, 9223372036854775807)"), data, 0),
                 TT_OK);
    EXPECT_EQUAL(parse_npy(1, HEAD("'|b1'", "False", "(2,)"), "\1", 2), TT_OK);
}

static void test_bad_headers(void)
{
    static const uint8_t data[64] = {1, 2};
    static const struct {
        const char *header, *why;
        tt_status status;
        size_t bytes;
    } bad[] = {
        {"", "does not begin with '{'", TT_MALFORMED, 4},
        {"{", "no dictionary", TT_MALFORMED, 4},
        {"{}", "lacks descr", TT_MALFORMED, 4},
        {"{'descr': '<f4', 'shape': (1,)}", "lacks descr", TT_MALFORMED, 4},
        {"{'descr': '<f4', 'descr': '<f4'}", "one of them twice", TT_MALFORMED, 4},
        {"{'descr': '<f4', 'x': 1}", "other keys", TT_MALFORMED, 4},
        {"{'descr' '<f4'}", "no dictionary", TT_MALFORMED, 4},
        {"{'descr': '<f4' 'shape': (1,)}", "no dictionary", TT_MALFORMED, 4},
        {HEAD("'<f4'", "False", "(1,)") "x", "after the header's end", TT_MALFORMED, 4},
        {HEAD("'<f4'", "None", "(1,)"), "neither True nor False", TT_MALFORMED, 4},
        {HEAD("'<f4'", "False", "(1)"), "a number, not a tuple", TT_MALFORMED, 4},
        {HEAD("'<f4'", "False", "[1]"), "a tuple of numbers", TT_MALFORMED, 4},
        {HEAD("'<f4'", "False", "(1,,)"), "a tuple of numbers", TT_MALFORMED, 4},
        {HEAD("'<f4'", "False", "(-1,)"), "a tuple of numbers", TT_MALFORMED, 4},
        {HEAD("'<f4'", "False", "(1 1)"), "a tuple of numbers", TT_MALFORMED, 4},
        {HEAD("'<f4'", "False", "(1"), "a tuple of numbers", TT_MALFORMED, 4},
        {HEAD("'<f4'", "False", "(1,1,1,1,1,1,1,1,1)"), "more than 8 axes", TT_MALFORMED, 4},
        {HEAD("'<f4'", "False", "(99999999999999999999,)"), "a tuple of numbers", TT_MALFORMED, 4},
        {HEAD("'<f4'", "False", "(4294967296,4294967296)"), "more elements than", TT_MALFORMED, 4},
        {HEAD("'<f4'", "False", "(2,)"), "wants 8 bytes of elements, there are 4", TT_DAMAGED, 4},
        {HEAD("'<f4'", "False", "(2,)"), "wants 8 bytes of elements, there are 9", TT_MALFORMED, 9},
        {HEAD("'<c8'", "False", "(1,)"), "'<c8'", TT_UNSUPPORTED, 8},
        {HEAD("'|f4'", "False", "(1,)"), "'|f4'", TT_UNSUPPORTED, 4},
        {HEAD("'f4'", "False", "(1,)"), "'f4'", TT_UNSUPPORTED, 4},
        {HEAD("'|V2'", "False", "(2,)"), "'|V2'", TT_UNSUPPORTED, 4},
        {HEAD("''", "False", "(2,)"), "no simple type", TT_UNSUPPORTED, 4},
        {HEAD("[('a', '<f4')]", "False", "(1,)"), "no simple type", TT_UNSUPPORTED, 4},
        {HEAD("'<f\\x34'", "False", "(1,)"), "no simple type", TT_UNSUPPORTED, 4},
        {HEAD("'|b1'", "False", "(2,)"), "neither 0 nor 1", TT_MALFORMED, 2},
        {HEAD("__import__('os').abort()", "False", "(1,)"), "no simple type", TT_UNSUPPORTED, 4},
    };
    for (size_t i = 0; i < TT_COUNT(bad); i++) {
        tt_status status = parse_npy(1 + (unsigned)i % 3, bad[i].header, data, bad[i].bytes);
        bool told = strstr(message, bad[i].why) != NULL;
        if (status != bad[i].status || !told)
            printf("%s: %s: %s\n", bad[i].header, tt_status_name(status), message);
        EXPECT_EQUAL(status, bad[i].status);
        EXPECT(told);
    }
    EXPECT_EQUAL(parse_npy(4, HEAD("'<f4'", "False", "(1,)"), data, 4), TT_UNSUPPORTED);
    EXPECT_TEXT(message, "is a .npy file of version 4.0, this program knows 1.0 to 3.0");
    EXPECT_EQUAL(parse(false, "\x93NUMPY\x02\x00\xff\xff\xff\xff", 12), TT_DAMAGED);
    EXPECT_EQUAL(parse(false, "no array at all", 15), TT_MALFORMED);
    EXPECT_EQUAL(parse(false, "", 0), TT_MALFORMED);
    uint8_t *large = calloc(1, 70000);
    memcpy(large, "\x93NUMPY\x02\x00\x01\x00\x01\x00", 12);
    EXPECT_EQUAL(parse(false, large, 70000), TT_TOO_LARGE);
    memset(large, ' ', 70000); // as long as is allowed
    const char header[] = HEAD("'|u1'", "False", "(0,)");
    memcpy(large, "\x93NUMPY\x02\x00\x00\x00\x01\x00", 12);
    memcpy(large + 12, header, strlen(header));
    EXPECT_EQUAL(parse(false, large, 12 + 65536), TT_OK);
    free(large);
    uint8_t *bytes;
    size_t length;
    tt_text why;
    tt_text_init(&why, message, sizeof(message));
    EXPECT_EQUAL(tt_npy_make(&(tt_tensor){TT_ELEMENT_BF16, 1, {2}, data}, &bytes, &length, &why),
                 TT_INVALID);
    EXPECT_TEXT(message, "tensor '' has elements of type bf16, which NumPy does not have");
    EXPECT_EQUAL(tt_npy_make(&(tt_tensor){TT_ELEMENT_F32, 1, {2}, NULL}, &bytes, &length, NULL),
                 TT_INVALID);
}

// ---- .npz

// One member of a zip in the making, and what is to be wrong with it.
typedef struct member {
    const char *name;
    bool deflated;
    const char *local_name; // NULL: the same
    uint16_t flags, method; // method 0: what `deflated` says
    int64_t more_unpacked;  // is stated than there is
    int64_t more_packed;
    uint32_t crc_change;
    int64_t offset_change;
    bool in_64;    // the sizes stand in an extra field
    bool short_64; // that is too short for them
} member;

static uint8_t zip[8192];

static void put_common(tt_writer *w, const member *m, const char *name, uint32_t crc, size_t packed,
                       size_t unpacked, size_t extra)
{
    tt_write_le16(w, 20);
    tt_write_le16(w, m->flags);
    tt_write_le16(w, m->method != 0 ? m->method : m->deflated ? 8 : 0);
    tt_write_le32(w, 0x00210000);
    tt_write_le32(w, crc ^ m->crc_change);
    tt_write_le32(w, m->in_64 ? UINT32_MAX : (uint32_t)((int64_t)packed + m->more_packed));
    tt_write_le32(w, m->in_64 ? UINT32_MAX : (uint32_t)((int64_t)unpacked + m->more_unpacked));
    tt_write_le16(w, (uint16_t)strlen(name));
    tt_write_le16(w, (uint16_t)extra);
}

static void put_extra(tt_writer *w, const member *m, size_t packed, size_t unpacked)
{
    if (!m->in_64)
        return;
    tt_write_le16(w, 0x7777); // another, first
    tt_write_le16(w, 1);
    tt_write_u8(w, 0);
    tt_write_le16(w, 1);
    tt_write_le16(w, m->short_64 ? 12 : 16);
    tt_write_le64(w, unpacked);
    tt_write_le64(w, packed);
}

// A zip of such members, each the array [1, 2, 3] of bytes; its length.
static size_t put_zip(const member *members, size_t count, unsigned stated, const char *comment)
{
    uint8_t npy[256], packed[4][256];
    size_t npy_bytes = put_npy(npy, 1, HEAD("'|u1'", "False", "(3,)"), "\1\2\3", 3);
    uint32_t crc = tt_crc32(0, npy, npy_bytes);
    size_t offsets[4], packed_bytes[4];
    tt_writer w;
    tt_writer_init(&w, zip, sizeof(zip));
    for (size_t i = 0; i < count; i++) {
        const member *m = &members[i];
        z_stream s = {
            .next_in = npy, .avail_in = (uInt)npy_bytes, .next_out = packed[i], .avail_out = 256};
        REQUIRE(deflateInit2(&s, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) == Z_OK);
        REQUIRE(deflate(&s, Z_FINISH) == Z_STREAM_END);
        packed_bytes[i] = m->deflated ? s.total_out : npy_bytes;
        deflateEnd(&s);
        if (!m->deflated)
            memcpy(packed[i], npy, npy_bytes);
        const char *name = m->local_name != NULL ? m->local_name : m->name;
        offsets[i] = w.length;
        tt_write_le32(&w, 0x04034b50);
        put_common(&w, m, name, crc, packed_bytes[i], npy_bytes, m->in_64 ? 25 : 0);
        tt_write_bytes(&w, name, strlen(name));
        put_extra(&w, m, packed_bytes[i], npy_bytes);
        tt_write_bytes(&w, packed[i], packed_bytes[i]);
    }
    size_t directory = w.length;
    for (size_t i = 0; i < count; i++) {
        const member *m = &members[i];
        tt_write_le32(&w, 0x02014b50);
        tt_write_le16(&w, 20);
        put_common(&w, m, m->name, crc, packed_bytes[i], npy_bytes, m->in_64 ? 25 : 0);
        tt_write_le16(&w, 4);
        tt_write_le32(&w, 0);
        tt_write_le32(&w, 0);
        tt_write_le32(&w, (uint32_t)((int64_t)offsets[i] + m->offset_change));
        tt_write_bytes(&w, m->name, strlen(m->name));
        put_extra(&w, m, packed_bytes[i], npy_bytes);
        tt_write_bytes(&w, "word", 4);
    }
    size_t end = w.length;
    tt_write_le32(&w, 0x06054b50);
    tt_write_le32(&w, 0);
    tt_write_le16(&w, (uint16_t)stated);
    tt_write_le16(&w, (uint16_t)stated);
    tt_write_le32(&w, (uint32_t)(end - directory));
    tt_write_le32(&w, (uint32_t)directory);
    tt_write_le16(&w, (uint16_t)strlen(comment));
    tt_write_bytes(&w, comment, strlen(comment));
    REQUIRE(!w.failed);
    return w.length;
}

// Not memcmp: what the compiler puts in its place, AddressSanitizer does not see.
static bool is_123(const uint8_t *data)
{
    return data[0] == 1 && data[1] == 2 && data[2] == 3;
}

static void test_zips(void)
{
    const member good[] = {{.name = "a.npy"},
                           {.name = "b.npy", .deflated = true},
                           {.name = "c.npy", .in_64 = true},
                           {.name = "\xc3\xb6/d.npy", .deflated = true, .in_64 = true, .flags = 8}};
    static const char *const comments[] = {"", "PK\5\6 says the comment", "words"};
    for (size_t i = 0; i < TT_COUNT(comments); i++) {
        EXPECT_EQUAL(parse(true, zip, put_zip(good, 4, 4, comments[i])), TT_OK);
        EXPECT_EQUAL(file.count, 4);
        const tt_tensor *t;
        EXPECT_EQUAL(tt_tensor_file_get(&file, "\xc3\xb6/d", &t, NULL), TT_OK);
        for (size_t k = 0; k < file.count; k++)
            EXPECT(file.entries[k].tensor.size[0] == 3 && is_123(file.entries[k].tensor.data));
    }
    EXPECT_EQUAL(parse(true, zip, put_zip(good, 0, 0, "")), TT_OK);
    static const struct {
        member member;
        const char *why;
    } bad[] = {
        {{.name = "a.txt"}, "'a.txt': its name does not end in .npy"},
        {{.name = "npy"}, "does not end in .npy"},
        {{.name = "a\xff.npy"}, "is no UTF-8"},
        {{.name = "first.npy"}, "two members have the name 'first'"},
        {{.name = "a.npy", .local_name = "b.npy"}, "not what the directory says"},
        {{.name = "a.npy", .local_name = "aa.npy"}, "not what the directory says"},
        {{.name = "a.npy", .flags = 1}, "it is encrypted"},
        {{.name = "a.npy", .method = 12}, "neither stored nor deflated"},
        {{.name = "a.npy", .crc_change = 1}, "its checksum is wrong"},
        {{.name = "a.npy", .deflated = true, .crc_change = 0x80000000}, "its checksum is wrong"},
        {{.name = "a.npy", .more_unpacked = 1}, "its sizes cannot be"},
        {{.name = "a.npy", .more_packed = 1000000}, "its sizes cannot be"},
        {{.name = "a.npy", .deflated = true, .more_unpacked = 1}, "deflated bytes are damaged"},
        {{.name = "a.npy", .deflated = true, .more_unpacked = -1}, "deflated bytes are damaged"},
        {{.name = "a.npy", .deflated = true, .more_packed = 1}, "deflated bytes are damaged"},
        {{.name = "a.npy", .deflated = true, .more_packed = -1}, "deflated bytes are damaged"},
        {{.name = "a.npy", .deflated = true, .more_unpacked = 100000000}, "its sizes cannot be"},
        {{.name = "a.npy", .method = 8}, "deflated bytes are damaged"},
        {{.name = "a.npy", .more_packed = -1, .more_unpacked = -1}, "its checksum is wrong"},
        {{.name = "a.npy", .more_packed = 200, .more_unpacked = 200}, "behind the end"},
        {{.name = "a.npy", .in_64 = true, .short_64 = true}, "its extra fields are damaged"},
        {{.name = "a.npy", .offset_change = 1}, "not what the directory says"},
        {{.name = "a.npy", .offset_change = -8}, "not what the directory says"},
        {{.name = "a.npy", .offset_change = 1 << 20}, "not what the directory says"},
    };
    for (size_t i = 0; i < TT_COUNT(bad); i++) {
        const member two[] = {{.name = "first.npy"}, bad[i].member};
        tt_status status = parse(true, zip, put_zip(two, 2, 2, ""));
        bool told = strstr(message, bad[i].why) != NULL;
        if (status == TT_OK || !told)
            printf("case %zu: %s: %s\n", i, tt_status_name(status), message);
        EXPECT(status != TT_OK && told);
    }
    EXPECT(parse(true, zip, put_zip(good, 4, 3, "")) != TT_OK);
    EXPECT(parse(true, zip, put_zip(good, 4, 5, "")) != TT_OK);
    EXPECT(parse(true, zip, put_zip(good, 4, 60000, "")) != TT_OK);
    EXPECT_EQUAL(parse(true, "PK", 2), TT_DAMAGED);
    uint8_t zeros[100] = {0};
    EXPECT_EQUAL(parse(true, zeros, 100), TT_DAMAGED);
    EXPECT_TEXT(message, "is no zip file, or cut short: it has no end record");
}

// Two entries of the directory that share one member's bytes: a bomb, if it were a thousand.
static void test_shared(void)
{
    const member two[] = {{.name = "a.npy"}, {.name = "a.npy"}};
    size_t length = put_zip(two, 2, 2, "");
    uint32_t directory;
    memcpy(&directory, zip + length - 6, 4);
    size_t entry = 46 + 5 + 4; // the second gets the first's place
    memcpy(zip + directory + entry + 42, zip + directory + 42, 4);
    EXPECT_EQUAL(parse(true, zip, length), TT_MALFORMED);
    EXPECT_TEXT(message, "member 'a.npy': its bytes are another's, too");
}

// A member that would take the next one's first byte, too; and one that says it is too large.
static void test_sizes(void)
{
    const member two[] = {{.name = "a.npy", .more_packed = 1, .more_unpacked = 1},
                          {.name = "b.npy"}};
    EXPECT_EQUAL(parse(true, zip, put_zip(two, 2, 2, "")), TT_MALFORMED);
    EXPECT_TEXT(message, "member 'b.npy': its bytes are another's, too");
    const size_t whole = (size_t)2 << 20;
    uint8_t *bytes = calloc(1, whole); // zeros before the zip
    for (int64_t surplus = 0; surplus < 2; surplus++) {
        member large = {.name = "a.npy", .deflated = true, .more_packed = 1100000};
        size_t length = put_zip(&large, 1, 1, "");
        uint32_t directory, unpacked = (uint32_t)(TT_TENSOR_FILE_MAX + surplus);
        memcpy(&directory, zip + length - 6, 4);
        memcpy(bytes + whole - length, zip, length);
        memcpy(bytes + whole - length + directory + 24, &unpacked, 4);
        directory += (uint32_t)(whole - length);
        memcpy(bytes + whole - 6, &directory, 4);
        EXPECT(parse(true, bytes, whole) != TT_OK);
        EXPECT_TEXT(message, surplus ? "unpacks to more than 1 GiB"
                                     : "member 'a.npy': its header is not what the directory says");
    }
    free(bytes);
}

// Headers of every length, so that one ends where the elements begin.
static void test_header_lengths(void)
{
    for (int digits = 0; digits < 7 * 15; digits++) {
        tt_tensor t = {TT_ELEMENT_U8, 8, {0, 1, 1, 1, 1, 1, 1, 1}, NULL};
        uint8_t *bytes;
        size_t length;
        for (int i = 0; i < digits; i++)
            t.size[1 + i % 7] *= 10;
        REQUIRE(tt_npy_make(&t, &bytes, &length, NULL) == TT_OK);
        EXPECT_EQUAL(length % 64, 0);
        EXPECT_EQUAL(bytes[length - 1], '\n');
        EXPECT_EQUAL(parse(false, bytes, length), TT_OK);
        EXPECT(file.count == 1 && memcmp(file.entries[0].tensor.size, t.size, sizeof(t.size)) == 0);
        free(bytes);
    }
}

// Byte by byte what NumPy itself writes for these.
static void test_written(void)
{
    static const struct {
        tt_tensor tensor;
        const char *header;
    } cases[] = {
        {{TT_ELEMENT_U8, 1, {3}, "abc"},
         "{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }"},
        {{TT_ELEMENT_BOOL, 0, {0}, "\1"},
         "{'descr': '|b1', 'fortran_order': False, 'shape': (), }"},
        {{TT_ELEMENT_F16, 2, {1, 2}, "abcd"},
         "{'descr': '<f2', 'fortran_order': False, 'shape': (1, 2), }"},
    };
    for (size_t i = 0; i < TT_COUNT(cases); i++) {
        uint8_t *bytes, expected[128 + 4];
        size_t length, data_bytes;
        REQUIRE(tt_tensor_bytes(&cases[i].tensor, &data_bytes));
        REQUIRE(tt_npy_make(&cases[i].tensor, &bytes, &length, NULL) == TT_OK);
        memset(expected, ' ', 128);
        memcpy(expected, "\x93NUMPY\x01\x00\x76\x00", 10);
        memcpy(expected + 10, cases[i].header, strlen(cases[i].header));
        expected[127] = '\n';
        memcpy(expected + 128, cases[i].tensor.data, data_bytes);
        EXPECT(length == 128 + data_bytes && memcmp(bytes, expected, length) == 0);
        free(bytes);
    }
}

static void test_round_trip(void)
{
    tt_random random;
    tt_random_seed(&random, 8);
    for (int round = 0; round < 500; round++) {
        tt_tensor_file made = {0};
        void *kept[12];
        size_t count = tt_random_below(&random, 12);
        for (size_t i = 0; i < count; i++) {
            size_t bytes;
            char name[40];
            tt_tensor t = {.element = (tt_element)tt_random_below(&random, TT_ELEMENTS),
                           .rank = (unsigned)tt_random_below(&random, 9)};
            t.element = t.element == TT_ELEMENT_BF16 ? TT_ELEMENT_I64 : t.element;
            for (unsigned k = 0; k < t.rank; k++)
                t.size[k] = (int64_t)tt_random_below(&random, t.rank > 4 ? 3 : 6);
            REQUIRE(tt_tensor_bytes(&t, &bytes));
            t.data = kept[i] = malloc(bytes + 1);
            tt_random_bytes(&random, kept[i], bytes);
            for (size_t k = 0; k < bytes && t.element == TT_ELEMENT_BOOL; k++)
                ((uint8_t *)kept[i])[k] &= 1;
            snprintf(name, sizeof(name), "t \xe2\x82\xac %zu", i);
            REQUIRE(tt_tensor_file_add(&made, name, &t) == TT_OK);
        }
        uint8_t *bytes, *again;
        size_t length, again_length;
        REQUIRE(tt_npz_make(&made, &bytes, &length, NULL) == TT_OK);
        REQUIRE(parse(true, bytes, length) == TT_OK);
        EXPECT_EQUAL(file.count, made.count);
        for (size_t i = 0; i < made.count; i++)
            EXPECT((uintptr_t)file.entries[i].tensor.data %
                       tt_element_bytes(file.entries[i].tensor.element) ==
                   0);
        REQUIRE(tt_npz_make(&file, &again, &again_length, NULL) == TT_OK);
        EXPECT(length == again_length && memcmp(bytes, again, length) == 0);
        free(again);
        free(bytes);
        tt_tensor_file_free(&made);
        for (size_t i = 0; i < count; i++)
            free(kept[i]);
    }
}

static void test_bad_files(void)
{
    tt_tensor_file made = {0};
    uint8_t *bytes;
    size_t length;
    tt_text why;
    REQUIRE(tt_tensor_file_add(&made, "w", &(tt_tensor){TT_ELEMENT_BF16, 0, {0}, "ab"}) == TT_OK);
    tt_text_init(&why, message, sizeof(message));
    EXPECT_EQUAL(tt_npz_make(&made, &bytes, &length, &why), TT_INVALID);
    EXPECT_TEXT(message, "tensor 'w' has elements of type bf16, which NumPy does not have");
    made.entries[0].tensor.element = TT_ELEMENT_F16;
    REQUIRE(tt_tensor_file_add(&made, "w", &made.entries[0].tensor) == TT_OK);
    EXPECT_EQUAL(tt_npz_make(&made, &bytes, &length, NULL), TT_INVALID);
    EXPECT(bytes == NULL);
    tt_tensor_file_free(&made);
    // NumPy would read "a" of it.
    REQUIRE(tt_tensor_file_add(&made, "a.b", &(tt_tensor){TT_ELEMENT_U8, 0, {0}, "a"}) == TT_OK);
    made.entries[0].name[1] = '\0';
    tt_text_init(&why, message, sizeof(message));
    EXPECT_EQUAL(tt_npz_make(&made, &bytes, &length, &why), TT_INVALID);
    EXPECT_TEXT(message, "no zip can have a zero byte in the name 'a?b'");
    free(bytes);
    tt_tensor_file_free(&made);
    static char name[70000];
    memset(name, 'n', sizeof(name) - 1);
    REQUIRE(tt_tensor_file_add(&made, name, &(tt_tensor){TT_ELEMENT_U8, 0, {0}, "a"}) == TT_OK);
    tt_text_init(&why, message, sizeof(message));
    EXPECT_EQUAL(tt_npz_make(&made, &bytes, &length, &why), TT_INVALID);
    EXPECT(strstr(message, "too long for a zip is the name 'nnn") != NULL);
    tt_tensor_file_free(&made);
}

// Every length is refused. A flipped bit is refused too, or is one of those that decide nothing:
// dates, versions, attributes, comments; the tensors are the same then, or have another name.
static void test_damage(bool zipped)
{
    const member two[] = {{.name = "a.npy"}, {.name = "b.npy", .deflated = true}};
    size_t length = put_zip(two, 2, 2, "");
    if (!zipped)
        length = put_npy(zip, 1, HEAD("'<i2'", "True", "(2, 3)"), "abcdefghijkl", 12);
    uint8_t *good = malloc(length), *damaged = malloc(length); // exactly, for the sanitizer
    memcpy(good, zip, length);
    EXPECT_EQUAL(parse(zipped, good, length), TT_OK);
    for (size_t cut = 0; cut < length; cut++) {
        uint8_t *shorter = malloc(cut);
        memcpy(shorter, good, cut);
        EXPECT(parse(zipped, shorter, cut) != TT_OK);
        free(shorter);
    }
    unsigned taken = 0;
    for (size_t bit = 0; bit < length * 8; bit++) {
        memcpy(damaged, good, length);
        damaged[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (parse(zipped, damaged, length) != TT_OK || !zipped)
            continue;
        taken++;
        for (size_t i = 0; i < file.count; i++)
            EXPECT(file.entries[i].tensor.size[0] == 3 && is_123(file.entries[i].tensor.data));
    }
    EXPECT(!zipped || taken < length * 2); // of eight a byte
    tt_tensor_file_free(&file);
    free(good);
    free(damaged);
}

int main(void)
{
    test_headers();
    test_bad_headers();
    test_zips();
    test_shared();
    test_sizes();
    test_header_lengths();
    test_written();
    test_round_trip();
    test_bad_files();
    test_damage(false);
    test_damage(true);
    tt_tensor_file_free(&file);
    return test_result();
}
