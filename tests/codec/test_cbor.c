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
    // Not of the appendix: other simple values, what is escaped, and numbers that look like our mark.
    {"f3", "simple(19)", 0},
    {"f820", "simple(32)", 0},
    {"661f2021227e7f", "\"\\u001f !\\\"~\x7f\"", 0},
    {"6100", "\"\\u0000\"", 0},
    {"dbffffffffffffffff00", "18446744073709551615(0)", 0},
    {"9f6100ff", "[_ \"\\u0000\"]", 0},
    {"5fff", "(_ )", 0},
    {"a1a000", "{{}: 0}", 0},
    // clang-format on
};

// Real numbers as people read them.
static const struct {
    const char *hex, *diagnostic;
} reals[] = {
    {"f90000", "0.0"},
    {"f98000", "-0.0"},
    {"f93c00", "1.0"},
    {"f9c400", "-4.0"},
    {"fb3ff199999999999a", "1.1"},
    {"fb4004000000000000", "2.5"},
    {"fb40fe240800000000", "123456.5"},
    {"fb40280000218def41", "12.000001"},
    {"fb3feffffeee32223c", "0.999999"},
    {"fb3feffffef8eee9ad", "1.0"}, // 0.99999951: the sixth digit carries into the whole
    {"fb430c6bf52633fff8", "999999999999999.0"},
    {"fb430c6bf526340000", "1.0e15"},
    {"fb4449bff2ff57968c", "9.5e20"},
    {"fb444b1ae4d256c817", "10.0e20"}, // 9.9999999e20 carries, too
    {"fb3f1a36e2eb1c432d", "0.0001"},
    {"fb3f19f3c70c996b76", "9.9e-5"},
    {"fbbe80c6f7a0b5ed8d", "-1.25e-7"},
    {"fb0000000000000001", "4.940656e-324"},
    {"fb7fefffffffffffff", "1.797693e308"},
    {"fb400921fb54442d18", "3.141593"},
    {"fa47c35000", "100000.0"},
    {"f97e00", "NaN"},
    {"fbffffffffffffffff", "NaN"},
    {"f97c00", "Infinity"},
    {"f9fc00", "-Infinity"},
};

// Bytes that end too early, and bytes that break the rules.
static const char *const cut[] = {
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
    "9bfffffffffffffffe",
    "bb80000000000000010000", // twice that is 2, in 64 bits
};

static const char *const malformed[] = {
    "9bffffffffffffffff",
    "bbffffffffffffffff",
    "7f61c361bcff",
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

static void expect_diagnosed(const char *hex, const char *expected)
{
    uint8_t bytes[64];
    char notation[256];
    tt_reader reader;
    tt_text text;
    size_t length = from_hex(hex, bytes);
    tt_reader_init(&reader, bytes, length);
    tt_text_init(&text, notation, sizeof(notation));
    tt_text_add(&text, "> "); // it is appended
    EXPECT_EQUAL(tt_cbor_diagnose(&reader, &text), TT_OK);
    EXPECT(memcmp(notation, "> ", 2) == 0);
    EXPECT_TEXT(notation + 2, expected);
    EXPECT_EQUAL(reader.offset, length);
}

static void test_good(void)
{
    for (size_t i = 0; i < TT_COUNT(good); i++) {
        uint8_t bytes[64];
        size_t length = from_hex(good[i].hex, bytes);
        tt_reader reader;
        tt_reader_init(&reader, bytes, length);
        if (good[i].diagnostic == NULL) {
            tt_cbor_item item;
            EXPECT(tt_cbor_next(&reader, &item) == TT_OK && item.type == TT_CBOR_FLOAT);
            EXPECT(memcmp(&item.real, &good[i].real, sizeof(item.real)) == 0 ||
                   (isnan(item.real) && isnan(good[i].real)));
        } else {
            expect_diagnosed(good[i].hex, good[i].diagnostic);
        }
        tt_reader_init(&reader, bytes, length);
        EXPECT(tt_cbor_skip(&reader) == TT_OK);
        EXPECT(reader.offset == length);
        for (size_t end = 0; end < length; end++) { // of one item nothing can be missing
            tt_reader_init(&reader, bytes, end);
            EXPECT_EQUAL(tt_cbor_skip(&reader), end == 0 ? TT_EMPTY : TT_DAMAGED);
        }
    }
    for (size_t i = 0; i < TT_COUNT(reals); i++)
        expect_diagnosed(reals[i].hex, reals[i].diagnostic);
}

static void expect_refused(const char *hex, tt_status expected)
{
    uint8_t bytes[64];
    char notation[256];
    tt_reader reader;
    tt_text text;
    size_t length = from_hex(hex, bytes);
    tt_reader_init(&reader, bytes, length);
    tt_status skipped = tt_cbor_skip(&reader);
    tt_reader_init(&reader, bytes, length);
    tt_text_init(&text, notation, sizeof(notation));
    tt_status told = tt_cbor_diagnose(&reader, &text);
    if (skipped != expected || told != expected)
        EXPECT_TEXT(hex, "refused for the right reason");
    EXPECT_TEXT(notation, ""); // nothing is told of what is not well-formed as a whole
    EXPECT_EQUAL(reader.offset, 0);
}

static void test_bad(void)
{
    expect_refused("", TT_EMPTY);
    for (size_t i = 0; i < TT_COUNT(cut); i++)
        expect_refused(cut[i], TT_DAMAGED);
    for (size_t i = 0; i < TT_COUNT(malformed); i++)
        expect_refused(malformed[i], TT_MALFORMED);
}

// Containers of every kind, one in another, down to the limit and one further.
static void test_depth(void)
{
    static const struct {
        const char *opening, *closing, *open_told, *close_told;
    } kinds[] = {{"81", "", "[", "]"},
                 {"9f", "ff", "[_ ", "]"},
                 {"a100", "", "{0: ", "}"},
                 {"bf00", "ff", "{_ 0: ", "}"},
                 {"c1", "", "1(", ")"}};
    for (size_t kind = 0; kind < TT_COUNT(kinds); kind++) {
        for (unsigned depth = TT_CBOR_DEPTH_MAX - 1; depth <= TT_CBOR_DEPTH_MAX + 1; depth++) {
            char hex[128] = "", told[256] = "";
            for (unsigned i = 0; i < depth; i++) {
                strcat(hex, kinds[kind].opening);
                strcat(told, kinds[kind].open_told);
            }
            strcat(hex, "80"); // an empty container needs no depth of its own
            strcat(told, "[]");
            for (unsigned i = 0; i < depth; i++) {
                strcat(hex, kinds[kind].closing);
                strcat(told, kinds[kind].close_told);
            }
            if (depth <= TT_CBOR_DEPTH_MAX)
                expect_diagnosed(hex, told);
            else
                expect_refused(hex, TT_TOO_LARGE);
        }
    }
}

// All that the next item says of itself.
static void test_items(void)
{
    static const struct {
        const char *hex;
        tt_cbor_type type;
        uint64_t number;
        bool indefinite;
        int length; // of its bytes, which end the document; -1: none
    } items[] = {
        {"17", TT_CBOR_UNSIGNED, 23, false, -1},      {"3818", TT_CBOR_NEGATIVE, 24, false, -1},
        {"40", TT_CBOR_BYTES, 0, false, 0},           {"43010203", TT_CBOR_BYTES, 3, false, 3},
        {"5f", TT_CBOR_BYTES, UINT64_MAX, true, -1},  {"6161", TT_CBOR_TEXT, 1, false, 1},
        {"7f", TT_CBOR_TEXT, UINT64_MAX, true, -1},   {"990102", TT_CBOR_ARRAY, 258, false, -1},
        {"9f", TT_CBOR_ARRAY, UINT64_MAX, true, -1},  {"ba00010000", TT_CBOR_MAP, 65536, false, -1},
        {"bf", TT_CBOR_MAP, UINT64_MAX, true, -1},    {"d818", TT_CBOR_TAG, 24, false, -1},
        {"f6", TT_CBOR_SIMPLE, 22, false, -1},        {"f820", TT_CBOR_SIMPLE, 32, false, -1},
        {"ff", TT_CBOR_BREAK, UINT64_MAX, false, -1},
    };
    for (size_t i = 0; i < TT_COUNT(items); i++) {
        uint8_t bytes[16];
        tt_reader reader;
        tt_cbor_item item;
        size_t length = from_hex(items[i].hex, bytes);
        tt_reader_init(&reader, bytes, length);
        EXPECT_EQUAL(tt_cbor_next(&reader, &item), TT_OK);
        EXPECT_EQUAL(reader.offset, length);
        EXPECT_EQUAL(item.type, items[i].type);
        EXPECT_EQUAL(item.number, items[i].number);
        EXPECT_EQUAL(item.indefinite, items[i].indefinite);
        if (items[i].length < 0) {
            EXPECT(item.bytes == NULL && item.length == 0);
        } else {
            EXPECT_EQUAL(item.length, items[i].length);
            EXPECT(item.bytes == bytes + length - items[i].length);
        }
    }
}

static void expect_written(const tt_writer *writer, const char *hex)
{
    uint8_t expected[64];
    size_t length = from_hex(hex, expected);
    EXPECT(!writer->failed && writer->length == length &&
           memcmp(writer->data, expected, length) == 0);
}

static void write_one(tt_writer *w, unsigned call)
{
    if (call == 0)
        tt_cbor_unsigned(w, UINT64_MAX);
    else if (call == 1)
        tt_cbor_signed(w, -70000);
    else if (call == 2)
        tt_cbor_bytes(w, "twenty-four bytes of it.", 24);
    else if (call == 3)
        tt_cbor_text(w, "twenty-four bytes of it.");
    else if (call == 4)
        tt_cbor_array(w, 300);
    else if (call == 5)
        tt_cbor_map(w, 30);
    else if (call == 6)
        tt_cbor_bool(w, true);
    else if (call == 7)
        tt_cbor_null(w);
    else
        tt_cbor_float(w, 1.5f);
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
                    {255, "18ff"},
                    {256, "190100"},
                    {1000, "1903e8"},
                    {65535, "19ffff"},
                    {65536, "1a00010000"},
                    {1000000, "1a000f4240"},
                    {4294967295, "1affffffff"},
                    {4294967296, "1b0000000100000000"},
                    {1000000000000, "1b000000e8d4a51000"},
                    {-1, "20"},
                    {-24, "37"},
                    {-25, "3818"},
                    {-100, "3863"},
                    {-256, "38ff"},
                    {-257, "390100"},
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
    // Each of them, at every capacity: whole, or `failed`.
    for (unsigned call = 0; call < 9; call++) {
        size_t whole = sizeof(bytes);
        for (size_t capacity = sizeof(bytes) + 1; capacity-- > 0;) {
            tt_writer_init(&w, bytes, capacity);
            write_one(&w, call);
            whole = capacity == sizeof(bytes) ? w.length : whole;
            EXPECT_EQUAL(w.failed, capacity < whole);
            EXPECT(w.length <= capacity);
        }
    }
}

// Looks `key` up; found, the next item is an unsigned `value`.
static void expect_found(const char *hex, const char *key, tt_status expected, uint64_t value)
{
    uint8_t bytes[64];
    tt_reader reader;
    tt_cbor_item item;
    tt_reader_init(&reader, bytes, from_hex(hex, bytes));
    tt_status status = tt_cbor_find(&reader, key);
    if (status != expected)
        printf("finding \"%s\" in %s: %s\n", key, hex, tt_status_name(status));
    EXPECT_EQUAL(status, expected);
    if (expected == TT_OK && status == TT_OK) {
        EXPECT_EQUAL(tt_cbor_next(&reader, &item), TT_OK);
        EXPECT_EQUAL(item.type, TT_CBOR_UNSIGNED);
        EXPECT_EQUAL(item.number, value);
    }
}

static void test_finding(void)
{
    static const char map[] = "a4626162016161026001616303"; // {"ab": 1, "a": 2, "": 1, "c": 3}
    expect_found(map, "ab", TT_OK, 1);
    expect_found(map, "a", TT_OK, 2);
    expect_found(map, "", TT_OK, 1);
    expect_found(map, "c", TT_OK, 3);
    expect_found(map, "ac", TT_NOT_FOUND, 0);
    expect_found(map, "abc", TT_NOT_FOUND, 0);
    // Only keys of text are compared, and only keys: {0: "a", h'61': 1, (_ "a"): 2, [0]: "a", "a":
    // 3}
    static const char strange[] = "a5006161416101"
                                  "7f6161ff02"
                                  "81006161616103";
    expect_found(strange, "a", TT_OK, 3);
    expect_found("bf7fff016000ff", "", TT_OK, 0); // {_ (_ ): 1, "": 0}
    expect_found("bf61610161620200000000ff", "b", TT_OK, 2);
    expect_found("bf6161016162026163a0ff", "d", TT_NOT_FOUND, 0);
    expect_found("bfff", "a", TT_NOT_FOUND, 0);
    expect_found("a0", "a", TT_NOT_FOUND, 0);
    expect_found("a1616201616101", "a", TT_NOT_FOUND, 0); // the second pair lies outside
    expect_found("", "a", TT_EMPTY, 0);
    expect_found("83616101616202", "a", TT_MALFORMED, 0); // an array
    expect_found("18", "a", TT_DAMAGED, 0);
    expect_found("b8", "a", TT_DAMAGED, 0);
    expect_found("a2616201", "a", TT_DAMAGED, 0);           // the second key is missing,
    expect_found("a1616b", "a", TT_DAMAGED, 0);             // its value,
    expect_found("bf616b", "a", TT_DAMAGED, 0);             // and the end
    expect_found("bf616b00", "a", TT_DAMAGED, 0);           // of a map of any length
    expect_found("a2616b00ff616100", "a", TT_MALFORMED, 0); // a break where none may be:
    expect_found("a2616bff616100", "a", TT_MALFORMED, 0);   // for a key, for a value
    expect_found("bf616bff616100ff", "a", TT_MALFORMED, 0);
    expect_found("a21c00616100", "a", TT_MALFORMED, 0);
    expect_found("a2616b1c616100", "a", TT_MALFORMED, 0);
}

// What lies on the way to a key may be as deep as in a document that is skipped as a whole.
static void test_finding_deep(void)
{
    for (unsigned in_key = 0; in_key < 2; in_key++) {
        for (unsigned depth = TT_CBOR_DEPTH_MAX - 1; depth <= TT_CBOR_DEPTH_MAX; depth++) {
            char hex[128] = "a2";
            strcat(hex, in_key ? "" : "00");
            for (unsigned i = 0; i < depth; i++)
                strcat(hex, "81");
            strcat(hex, "80");
            strcat(hex, in_key ? "00616107" : "616107");
            expect_found(hex, "a", depth < TT_CBOR_DEPTH_MAX ? TT_OK : TT_TOO_LARGE, 7);
        }
    }
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

int main(void)
{
    test_good();
    test_bad();
    test_depth();
    test_items();
    test_writing();
    test_finding();
    test_finding_deep();
    test_noise();
    return test_result();
}
