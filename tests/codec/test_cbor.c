// CBOR against the examples of RFC 8949: appendix A (well-formed, with what they mean; the one that
// RFC 7049 had and 8949 forbids, f818, is among the bad ones) and appendix F.1 (not well-formed).

#include <math.h>
#include <stdbool.h>

#include "tests/test.h"
#include "tutti/cbor.h"
#include "tutti/check.h"
#include "tutti/random.h"

static const struct {
    const char *hex, *diagnostic; // NULL: a number
    double real;
} good[] = {
    // clang-format off
    {"00", "0", 0},
    {"01", "1", 0},
    {"0a", "10", 0},
    {"17", "23", 0},
    {"1818", "24", 0},
    {"1819", "25", 0},
    {"1864", "100", 0},
    {"1903e8", "1000", 0},
    {"1a000f4240", "1000000", 0},
    {"1b000000e8d4a51000", "1000000000000", 0},
    {"1bffffffffffffffff", "18446744073709551615", 0},
    {"c249010000000000000000", "2(h'010000000000000000')", 0},
    {"3bffffffffffffffff", "-18446744073709551616", 0},
    {"c349010000000000000000", "3(h'010000000000000000')", 0},
    {"20", "-1", 0},
    {"29", "-10", 0},
    {"3863", "-100", 0},
    {"3903e7", "-1000", 0},
    {"f90000", NULL, 0.0},
    {"f98000", NULL, -0.0},
    {"f93c00", NULL, 1.0},
    {"fb3ff199999999999a", NULL, 1.1},
    {"f93e00", NULL, 1.5},
    {"f97bff", NULL, 65504.0},
    {"fa47c35000", NULL, 100000.0},
    {"fa7f7fffff", NULL, 3.4028234663852886e+38},
    {"fb7e37e43c8800759c", NULL, 1e+300},
    {"f90001", NULL, 5.960464477539063e-08},
    {"f90400", NULL, 6.103515625e-05},
    {"f9c400", NULL, -4.0},
    {"fbc010666666666666", NULL, -4.1},
    {"f97c00", NULL, INFINITY},
    {"f97e00", NULL, NAN},
    {"f9fc00", NULL, -INFINITY},
    {"fa7f800000", NULL, INFINITY},
    {"fa7fc00000", NULL, NAN},
    {"faff800000", NULL, -INFINITY},
    {"fb7ff0000000000000", NULL, INFINITY},
    {"fb7ff8000000000000", NULL, NAN},
    {"fbfff0000000000000", NULL, -INFINITY},
    {"f4", "false", 0},
    {"f5", "true", 0},
    {"f6", "null", 0},
    {"f7", "undefined", 0},
    {"f0", "simple(16)", 0},
    {"f8ff", "simple(255)", 0},
    {"c074323031332d30332d32315432303a30343a30305a", "0(\"2013-03-21T20:04:00Z\")", 0},
    {"c11a514b67b0", "1(1363896240)", 0},
    {"c1fb41d452d9ec200000", "1(1363896240.5)", 0},
    {"d74401020304", "23(h'01020304')", 0},
    {"d818456449455446", "24(h'6449455446')", 0},
    {"d82076687474703a2f2f7777772e6578616d706c652e636f6d", "32(\"http://www.example.com\")", 0},
    {"40", "h''", 0},
    {"4401020304", "h'01020304'", 0},
    {"60", "\"\"", 0},
    {"6161", "\"a\"", 0},
    {"6449455446", "\"IETF\"", 0},
    {"62225c", "\"\\\"\\\\\"", 0},
    {"62c3bc", "\"ü\"", 0},
    {"63e6b0b4", "\"水\"", 0},
    {"64f0908591", "\"𐅑\"", 0},
    {"80", "[]", 0},
    {"83010203", "[1, 2, 3]", 0},
    {"8301820203820405", "[1, [2, 3], [4, 5]]", 0},
    {"98190102030405060708090a0b0c0d0e0f101112131415161718181819", "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25]", 0},
    {"a0", "{}", 0},
    {"a201020304", "{1: 2, 3: 4}", 0},
    {"a26161016162820203", "{\"a\": 1, \"b\": [2, 3]}", 0},
    {"826161a161626163", "[\"a\", {\"b\": \"c\"}]", 0},
    {"a56161614161626142616361436164614461656145", "{\"a\": \"A\", \"b\": \"B\", \"c\": \"C\", \"d\": \"D\", \"e\": \"E\"}", 0},
    {"5f42010243030405ff", "(_ h'0102', h'030405')", 0},
    {"7f657374726561646d696e67ff", "(_ \"strea\", \"ming\")", 0},
    {"9fff", "[_ ]", 0},
    {"9f018202039f0405ffff", "[_ 1, [2, 3], [_ 4, 5]]", 0},
    {"9f01820203820405ff", "[_ 1, [2, 3], [4, 5]]", 0},
    {"83018202039f0405ff", "[1, [2, 3], [_ 4, 5]]", 0},
    {"83019f0203ff820405", "[1, [_ 2, 3], [4, 5]]", 0},
    {"9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff", "[_ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25]", 0},
    {"bf61610161629f0203ffff", "{_ \"a\": 1, \"b\": [_ 2, 3]}", 0},
    {"826161bf61626163ff", "[\"a\", {_ \"b\": \"c\"}]", 0},
    {"bf6346756ef563416d7421ff", "{_ \"Fun\": true, \"Amt\": -2}", 0},
    // clang-format on
};

static const char *const bad[] = {
    "18",
    "19",
    "1a",
    "1b",
    "1901",
    "1a0102",
    "1b01020304050607",
    "38",
    "58",
    "78",
    "98",
    "9a01ff00",
    "b8",
    "d8",
    "f8",
    "f900",
    "fa0000",
    "fb000000",
    "41",
    "61",
    "5affffffff00",
    "5bffffffffffffffff010203",
    "7affffffff00",
    "7b7fffffffffffffff010203",
    "81",
    "818181818181818181",
    "8200",
    "818200",
    "a1",
    "a20102",
    "a100",
    "a2000000",
    "c0",
    "5f4100",
    "7f6100",
    "9f",
    "9f0102",
    "bf",
    "bf01020102",
    "819f",
    "9f8000",
    "9f9f9f9f9fffffffff",
    "9f819f819f9fffffff",
    "1c",
    "1d",
    "1e",
    "3c",
    "3d",
    "3e",
    "5c",
    "5d",
    "5e",
    "7c",
    "7d",
    "7e",
    "9c",
    "9d",
    "9e",
    "bc",
    "bd",
    "be",
    "dc",
    "dd",
    "de",
    "fc",
    "fd",
    "fe",
    "f800",
    "f801",
    "f818",
    "f81f",
    "5f00ff",
    "5f21ff",
    "5f6100ff",
    "5f80ff",
    "5fa0ff",
    "5fc000ff",
    "5fe0ff",
    "7f4100ff",
    "5f5f4100ffff",
    "7f7f6100ffff",
    "ff",
    "81ff",
    "8200ff",
    "a1ff",
    "a1ff00",
    "a100ff",
    "a20000ff",
    "9f81ff",
    "9f829f819f9fffffffff",
    "bf00ff",
    "bf000000ff",
    "1f",
    "3f",
    "df",
};

static size_t from_hex(const char *hex, uint8_t *bytes)
{
    size_t length = strlen(hex) / 2;
    for (size_t i = 0; i < length; i++) {
        unsigned byte = 0;
        REQUIRE(sscanf(hex + 2 * i, "%2x", &byte) == 1);
        bytes[i] = (uint8_t)byte;
    }
    return length;
}

static void test_good(void)
{
    for (size_t i = 0; i < TT_COUNT(good); i++) {
        uint8_t bytes[64];
        char notation[256];
        size_t length = from_hex(good[i].hex, bytes);
        tt_reader reader;
        tt_text text;
        tt_reader_init(&reader, bytes, length);
        if (good[i].diagnostic == NULL) {
            tt_cbor_item item;
            EXPECT(tt_cbor_next(&reader, &item) == TT_OK && item.type == TT_CBOR_FLOAT);
            EXPECT(memcmp(&item.real, &good[i].real, sizeof(item.real)) == 0 ||
                   (isnan(item.real) && isnan(good[i].real)));
        } else {
            tt_text_init(&text, notation, sizeof(notation));
            EXPECT(tt_cbor_diagnose(&reader, &text) == TT_OK);
            EXPECT_TEXT(notation, good[i].diagnostic);
        }
        tt_reader_init(&reader, bytes, length);
        EXPECT(tt_cbor_skip(&reader) == TT_OK);
        EXPECT(reader.offset == length);
        for (size_t cut = 0; cut < length; cut++) { // of one item nothing can be missing
            tt_reader_init(&reader, bytes, cut);
            EXPECT(tt_cbor_skip(&reader) != TT_OK);
        }
    }
}

static void test_bad(void)
{
    for (size_t i = 0; i < TT_COUNT(bad); i++) {
        uint8_t bytes[16];
        char notation[256];
        tt_reader reader;
        tt_text text;
        size_t length = from_hex(bad[i], bytes);
        tt_reader_init(&reader, bytes, length);
        if (tt_cbor_skip(&reader) == TT_OK)
            EXPECT_TEXT(bad[i], "refused by tt_cbor_skip");
        tt_reader_init(&reader, bytes, length);
        tt_text_init(&text, notation, sizeof(notation));
        if (tt_cbor_diagnose(&reader, &text) == TT_OK)
            EXPECT_TEXT(bad[i], "refused by tt_cbor_diagnose");
    }
}

static void expect_written(const tt_writer *writer, const char *hex)
{
    uint8_t expected[64];
    size_t length = from_hex(hex, expected);
    EXPECT(!writer->failed && writer->length == length &&
           memcmp(writer->data, expected, length) == 0);
}

// Appendix A again, from the writing side, and every length of a head.
static void test_writing(void)
{
    static const struct {
        int64_t value;
        const char *hex;
    } integers[] = {{0, "00"},
                    {23, "17"},
                    {24, "1818"},
                    {1000, "1903e8"},
                    {1000000, "1a000f4240"},
                    {1000000000000, "1b000000e8d4a51000"},
                    {-1, "20"},
                    {-100, "3863"},
                    {-1000, "3903e7"},
                    {INT64_MIN, "3b7fffffffffffffff"}};
    uint8_t bytes[64];
    tt_writer w;
    for (size_t i = 0; i < TT_COUNT(integers); i++) {
        tt_writer_init(&w, bytes, sizeof(bytes));
        tt_cbor_signed(&w, integers[i].value);
        expect_written(&w, integers[i].hex);
    }
    tt_writer_init(&w, bytes, sizeof(bytes));
    tt_cbor_unsigned(&w, UINT64_MAX);
    expect_written(&w, "1bffffffffffffffff");
    tt_writer_init(&w, bytes, sizeof(bytes));
    tt_cbor_map(&w, 2);
    tt_cbor_text(&w, "a");
    tt_cbor_unsigned(&w, 1);
    tt_cbor_text(&w, "b");
    tt_cbor_array(&w, 2);
    tt_cbor_unsigned(&w, 2);
    tt_cbor_unsigned(&w, 3);
    expect_written(&w, "a26161016162820203");
    tt_writer_init(&w, bytes, sizeof(bytes));
    tt_cbor_bytes(&w, "\1\2\3\4", 4);
    tt_cbor_bool(&w, false);
    tt_cbor_bool(&w, true);
    tt_cbor_null(&w);
    tt_cbor_float(&w, 100000.0f);
    expect_written(&w, "4401020304f4f5f6fa47c35000");
    tt_writer_init(&w, bytes, 4);
    tt_cbor_text(&w, "too long");
    EXPECT(w.failed);
}

static void test_finding(void)
{
    uint8_t bytes[64];
    tt_reader reader;
    tt_cbor_item item;
    size_t length = from_hex("bf6346756ef563416d7421ff", bytes); // {_ "Fun": true, "Amt": -2}
    tt_reader_init(&reader, bytes, length);
    EXPECT(tt_cbor_find(&reader, "Amt") == TT_OK);
    EXPECT(tt_cbor_next(&reader, &item) == TT_OK && item.type == TT_CBOR_NEGATIVE);
    EXPECT_EQUAL(item.number, 1); // -1 - 1
    tt_reader_init(&reader, bytes, length);
    EXPECT(tt_cbor_find(&reader, "Am") == TT_NOT_FOUND);
    tt_reader_init(&reader, bytes, length - 1);
    EXPECT(tt_cbor_find(&reader, "None") != TT_OK);
}

// Random bytes: an answer comes, and nothing outside of the document is read (the sanitizers
// watch).
static void test_noise(void)
{
    tt_random random;
    tt_random_seed(&random, 1);
    for (int round = 0; round < 100000; round++) {
        size_t length = tt_random_below(&random, 24);
        uint8_t *bytes = malloc(length + 1); // of this size, so that reading past it is seen
        char notation[512];
        for (size_t i = 0; i < length; i++)
            bytes[i] = (uint8_t)tt_random_below(&random, 256);
        tt_reader one, two;
        tt_text text;
        tt_text_init(&text, notation, sizeof(notation));
        tt_reader_init(&one, bytes, length);
        tt_reader_init(&two, bytes, length);
        tt_status skipped = tt_cbor_skip(&one), told = tt_cbor_diagnose(&two, &text);
        EXPECT((skipped == TT_OK) == (told == TT_OK));
        free(bytes);
    }
}

// TT_CBOR_DEPTH_MAX containers within one another, and one more.
static void test_depth(void)
{
    uint8_t bytes[TT_CBOR_DEPTH_MAX + 2];
    char notation[128];
    for (size_t depth = TT_CBOR_DEPTH_MAX; depth <= TT_CBOR_DEPTH_MAX + 1; depth++) {
        tt_status expected = depth > TT_CBOR_DEPTH_MAX ? TT_TOO_LARGE : TT_OK;
        memset(bytes, 0x81, depth); // arrays of one
        bytes[depth] = 0;
        tt_reader reader;
        tt_reader_init(&reader, bytes, depth + 1);
        EXPECT_EQUAL(tt_cbor_skip(&reader), expected);
        tt_text text;
        tt_text_init(&text, notation, sizeof(notation));
        tt_reader_init(&reader, bytes, depth + 1);
        EXPECT_EQUAL(tt_cbor_diagnose(&reader, &text), expected);
    }
}

int main(void)
{
    test_depth();
    test_good();
    test_bad();
    test_writing();
    test_finding();
    test_noise();
    return test_result();
}
