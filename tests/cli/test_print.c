// Answers as JSON: each kind of CBOR, text of any bytes, octets; and it is always JSON.

#include "cli/print.h"
#include "tests/test.h"
#include "tutti/random.h"

static char printed[4096];

static const char *print(uint16_t format, const void *payload, size_t length)
{
    memset(printed, 0, sizeof(printed));
    FILE *file = fmemopen(printed, sizeof(printed) - 1, "w");
    REQUIRE(file != NULL);
    tt_print_json(file, TT_CONTENT, format, payload, length);
    fclose(file);
    return printed;
}

// What stands behind the key, for one that is the last.
static const char *last(const char *text, const char *key)
{
    static char value[4096];
    const char *found = strstr(text, key);
    REQUIRE(found != NULL);
    snprintf(value, sizeof(value), "%s", found + strlen(key) + 3); // a quote, a colon, a space
    size_t length = strlen(value);
    REQUIRE(length >= 2 && strcmp(value + length - 2, "}\n") == 0);
    value[length - 2] = '\0';
    for (char *at = value; *at != '\0'; at++)
        if (*at == '\n')
            *at = ' ';
    return value;
}

#define CBOR(bytes) last(print(TT_FORMAT_CBOR, bytes, sizeof(bytes) - 1), "value")

static void test_cbor(void)
{
    EXPECT_TEXT(CBOR("\x00"), "0");
    EXPECT_TEXT(CBOR("\x1b\xff\xff\xff\xff\xff\xff\xff\xff"), "18446744073709551615");
    EXPECT_TEXT(CBOR("\x20"), "-1");
    EXPECT_TEXT(CBOR("\x3b\xff\xff\xff\xff\xff\xff\xff\xff"), "-18446744073709551616");
    EXPECT_TEXT(CBOR("\x3b\xff\xff\xff\xff\xff\xff\xff\xfe"), "-18446744073709551615");
    EXPECT_TEXT(CBOR("\xf4"), "false");
    EXPECT_TEXT(CBOR("\xf5"), "true");
    EXPECT_TEXT(CBOR("\xf6"), "null");
    EXPECT_TEXT(CBOR("\xf7"), "null");
    EXPECT_TEXT(CBOR("\xf9\x3e\x00"), "1.5");
    EXPECT_TEXT(CBOR("\xf9\x7e\x00"), "null"); // no number
    // As many digits as tell a number from its neighbours, and no more.
    EXPECT_TEXT(CBOR("\xfb\x3f\xd3\x33\x33\x33\x33\x33\x34"), "0.30000000000000004");
    EXPECT_TEXT(CBOR("\xfb\x3f\xb9\x99\x99\x99\x99\x99\x9a"), "0.1");
    EXPECT_TEXT(CBOR("\xfb\x00\x00\x00\x00\x00\x00\x00\x01"), "4.94065645841247e-324");
    EXPECT_TEXT(CBOR("\x63"
                     "a\"\n"),
                "\"a\\\"\\u000a\"");
    EXPECT_TEXT(CBOR("\x60"), "\"\"");
    EXPECT_TEXT(CBOR("\x44\xfb\xff\x00\x10"), "\"-_8AEA\"");
    EXPECT_TEXT(CBOR("\x40"), "\"\"");
    EXPECT_TEXT(CBOR("\x7f\x61"
                     "a\x62"
                     "bc\xff"),
                "\"abc\"");
    EXPECT_TEXT(CBOR("\x5f\x41\x00\x41\x01\xff"), "\"AAE\"");
    EXPECT_TEXT(CBOR("\x80"), "[]");
    EXPECT_TEXT(CBOR("\x83\x01\x82\x02\x03\x04"), "[1,[2,3],4]");
    EXPECT_TEXT(CBOR("\x9f\x01\x9f\xff\xff"), "[1,[]]");
    EXPECT_TEXT(CBOR("\xa2\x61"
                     "a\x01\x02\x03"),
                "{ \"a\": 1, \"2\": 3}");
    EXPECT_TEXT(CBOR("\xbf\x61"
                     "a\xa0\xff"),
                "{ \"a\": {}}");
    EXPECT_TEXT(CBOR("\xc1\x1a\x00\x00\x00\x05"), "5"); // a tag
    // What is no CBOR, or more than one item, is shown as the bytes that it is.
    EXPECT_TEXT(last(print(TT_FORMAT_CBOR, "\x81", 1), "base64url"), "\"gQ\"");
    EXPECT_TEXT(last(print(TT_FORMAT_CBOR, "\x01\x02", 2), "base64url"), "\"AQI\"");
    EXPECT_TEXT(last(print(TT_FORMAT_CBOR, "", 0), "base64url"), "\"\"");
}

// Keys that are long, hold a zero byte, or are long lists: whole, and so apart.
static void test_keys(void)
{
    EXPECT_TEXT(CBOR("\xa1\x63"
                     "a\0b\x01"),
                "{ \"a\\u0000b\": 1}");
    uint8_t map[1000] = {0xa2};
    char expected[1000] = "{ \"";
    size_t length = 1;
    for (uint8_t key = 'a'; key <= 'b'; key++) { // two of 300 bytes that differ in the last
        map[length++] = 0x79;
        map[length++] = 300 >> 8;
        map[length++] = 300 & 0xff;
        memset(map + length, 'k', 299);
        length += 300;
        map[length - 1] = key;
        map[length++] = 1;
    }
    memset(expected + 3, 'k', 299);
    strcat(expected, "a\": 1, \"");
    memset(expected + strlen(expected), 'k', 299);
    strcat(expected, "b\": 1}");
    EXPECT_TEXT(last(print(TT_FORMAT_CBOR, map, length), "value"), expected);
    length = 0;
    map[length++] = 0xa1;
    map[length++] = 0x98; // a list of 200 times 255
    map[length++] = 200;
    strcpy(expected, "{ \"[255");
    for (int i = 0; i < 200; i++) {
        map[length++] = 0x18;
        map[length++] = 0xff;
    }
    map[length++] = 2;
    const char *text = last(print(TT_FORMAT_CBOR, map, length), "value");
    EXPECT(strncmp(text, expected, strlen(expected)) == 0);
    EXPECT_EQUAL(strlen(text), strlen("{ \"[") + 200 * 5 - 2 + strlen("]\": 2}"));
}

static void test_text(void)
{
    EXPECT_TEXT(print(TT_FORMAT_TEXT, "hi", 2),
                "{\n\"code\": \"2.05\",\n\"format\": 0,\n\"bytes\": 2,\n\"text\": \"hi\"}\n");
    EXPECT_TEXT(last(print(TT_FORMAT_TEXT, "\0\x1b[2J\x7f\xc2\x9b\xc3\xa9", 10), "text"),
                "\"\\u0000\\u001b[2J\\u007f\\u009b\xc3\xa9\"");
    EXPECT_TEXT(last(print(TT_FORMAT_TEXT, "a\xff\xc3", 3), "text"),
                "\"a\xef\xbf\xbd\xef\xbf\xbd\"");
    EXPECT_TEXT(last(print(TT_FORMAT_OCTETS, "\0\0\0", 3), "base64url"), "\"AAAA\"");
}

// Whatever comes is printed as JSON: our own reader takes it.
static void test_any_bytes(void)
{
    static const uint16_t formats[] = {TT_FORMAT_CBOR, TT_FORMAT_TEXT, TT_FORMAT_OCTETS};
    char path[] = "/tmp/tutti-print-XXXXXX";
    REQUIRE(mkstemp(path) >= 0);
    tt_random random;
    tt_random_seed(&random, 3);
    for (int i = 0; i < 1000; i++) {
        uint8_t payload[40];
        size_t length = tt_random_below(&random, sizeof(payload));
        tt_random_bytes(&random, payload, length);
        for (size_t k = 0; k < length; k++) // no zero, which our reader does not take
            payload[k] = payload[k] == 0 ? 1 : payload[k];
        if (i % 2 == 0 && length > 0) // many containers
            payload[0] = (uint8_t)(0x80 + tt_random_below(&random, 0x40));
        print(formats[i % 3], payload, length);
        if (strstr(printed, "\\u0000") != NULL)
            continue;
        FILE *file = fopen(path, "w");
        REQUIRE(file != NULL && fputs(printed, file) >= 0 && fclose(file) == 0);
        char sentence[256];
        tt_text why;
        tt_text_init(&why, sentence, sizeof(sentence));
        tt_json *root;
        EXPECT(tt_json_read(path, &root, &why) == TT_OK);
        tt_json_free(root);
    }
    remove(path);
}

int main(void)
{
    test_cbor();
    test_keys();
    test_text();
    test_any_bytes();
    return test_result();
}
