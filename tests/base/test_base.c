// The lowest floor: readers stop at their end, text at its capacity, endpoints survive a round
// trip.

#include "tests/test.h"
#include "tutti/bytes.h"
#include "tutti/check.h"
#include "tutti/endpoint.h"
#include "tutti/list.h"
#include "tutti/random.h"
#include "tutti/status.h"
#include "tutti/text.h"

static void test_status(void)
{
    EXPECT_TEXT(tt_status_name(TT_TIMED_OUT), "TT_TIMED_OUT");
    EXPECT_TEXT(tt_status_name((tt_status)1), "TT_?");
    EXPECT_TEXT(tt_status_name((tt_status)-99), "TT_?");
    for (int status = TT_OK; status >= TT_IO; status--)
        EXPECT(strcmp(tt_status_name((tt_status)status), "TT_?") != 0);
}

static void test_bytes(void)
{
    uint8_t data[16];
    tt_writer writer;
    tt_writer_init(&writer, data, 15);
    tt_write_be16(&writer, 0x0102);
    tt_write_le32(&writer, 0x03040506);
    tt_write_be64(&writer, 0x0708090a0b0c0d0e);
    tt_write_be16(&writer, 0xffff); // one byte too many
    EXPECT(writer.failed);
    EXPECT_EQUAL(writer.length, 14);
    tt_reader reader;
    tt_reader_init(&reader, data, writer.length);
    EXPECT_EQUAL(tt_read_be16(&reader), 0x0102);
    EXPECT_EQUAL(tt_read_le32(&reader), 0x03040506);
    EXPECT_EQUAL(tt_read_be64(&reader), 0x0708090a0b0c0d0e);
    EXPECT(!reader.failed);
    EXPECT_EQUAL(tt_read_u8(&reader), 0);
    EXPECT(reader.failed);
    EXPECT(tt_read_bytes(&reader, SIZE_MAX) == NULL);
    // The check value of CRC-32/ISO-HDLC in the catalogue of parametrised CRC algorithms.
    EXPECT_EQUAL(tt_crc32(0, "123456789", 9), 0xcbf43926);
    EXPECT_EQUAL(tt_crc32(tt_crc32(0, "1234", 4), "56789", 5), 0xcbf43926);
}

static void test_text(void)
{
    char buffer[12];
    tt_text text;
    tt_text_init(&text, buffer, sizeof(buffer));
    tt_text_add_signed(&text, -42);
    tt_text_add(&text, " ");
    tt_text_add_hex(&text, 0xbeef, 6);
    EXPECT_TEXT(buffer, "-42 00beef");
    EXPECT(!text.cut);
    tt_text_add(&text, "xyz");
    EXPECT_TEXT(buffer, "-42 00beefx");
    EXPECT(text.cut);
    char wide[32];
    tt_text_init(&text, wide, sizeof(wide));
    tt_text_add_signed(&text, INT64_MIN);
    EXPECT_TEXT(wide, "-9223372036854775808");
    tt_text_add(NULL, "ignored");
}

static void test_endpoints(void)
{
    static const char *const cases[][2] = {
        {"192.0.2.1:7", "192.0.2.1:7"},
        {"192.0.2.1", "192.0.2.1:5683"},
        {"[fe80::1%2]:99", "[fe80::1%2]:99"},
        {"fe80::5054:ff:fe00:5%1", "[fe80::5054:ff:fe00:5%1]:5683"},
        {"::1", "[::1]:5683"},
        {"::", "[::]:5683"},
        {"[2001:db8:0:0:1:0:0:1]", "[2001:db8::1:0:0:1]:5683"},
        {"1:2:3:4:5:6:7:8", "[1:2:3:4:5:6:7:8]:5683"},
        {"1::", "[1::]:5683"},
        {"::ffff:192.0.2.9", "192.0.2.9:5683"},
        {"1:0:2:3:4:5:6:7", "[1:0:2:3:4:5:6:7]:5683"},
    };
    for (size_t i = 0; i < TT_COUNT(cases); i++) {
        tt_endpoint endpoint;
        char buffer[TT_ENDPOINT_TEXT_MAX];
        tt_text text;
        tt_text_init(&text, buffer, sizeof(buffer));
        EXPECT_EQUAL(tt_endpoint_parse(&endpoint, cases[i][0], 5683), TT_OK);
        tt_endpoint_format(&endpoint, &text);
        EXPECT_TEXT(buffer, cases[i][1]);
    }
    static const char *const bad[] = {
        "",
        "1.2.3",
        "1.2.3.4.5",
        "256.1.1.1",
        "1.2.3.4:",
        "1.2.3.4:65536",
        ":1",
        "1::2::3",
        "12345::",
        "fe80::1%",
        "[::1",
        "::1]",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "g::",
        "::1 ",
    };
    for (size_t i = 0; i < TT_COUNT(bad); i++) {
        tt_endpoint endpoint;
        if (tt_endpoint_parse(&endpoint, bad[i], 1) != TT_MALFORMED)
            printf("accepted: \"%s\"\n", bad[i]);
        EXPECT_EQUAL(tt_endpoint_parse(&endpoint, bad[i], 1), TT_MALFORMED);
    }
}

static void test_random(void)
{
    tt_random a, b;
    tt_random_seed(&a, 7);
    tt_random_seed(&b, 7);
    unsigned seen = 0;
    for (int i = 0; i < 200; i++) {
        uint64_t value = tt_random_below(&a, 10);
        EXPECT_EQUAL(value, tt_random_below(&b, 10));
        EXPECT(value < 10);
        seen |= 1u << value;
    }
    EXPECT_EQUAL(seen, 0x3ff);
}

static void test_list(void)
{
    tt_list head, a, b;
    tt_list_init(&head);
    EXPECT(tt_list_empty(&head));
    tt_list_append(&head, &a);
    tt_list_append(&head, &b);
    EXPECT(head.next == &a && a.next == &b && b.next == &head && head.previous == &b);
    tt_list_remove(&a);
    EXPECT(head.next == &b && tt_list_empty(&a));
}

static void test_names(void)
{
    EXPECT(tt_text_same_name("Kitchen-2", "kITCHEN-2"));
    EXPECT(tt_text_same_name("", ""));
    EXPECT(!tt_text_same_name("kitchen", "kitchen2"));
    EXPECT(!tt_text_same_name("kitchen2", "kitchen"));
    // The neighbours of the letters, and letters beyond ASCII, are themselves.
    EXPECT(!tt_text_same_name("@[`{", "`{@["));
    EXPECT(tt_text_same_name("AZaz", "azAZ"));
    EXPECT(!tt_text_same_name("\xc3\x84", "\xc3\xa4"));
    EXPECT(tt_text_same_bytes("ABx", "aby", 2) && !tt_text_same_bytes("ABx", "aby", 3));
}

int main(void)
{
    test_status();
    test_bytes();
    test_text();
    test_endpoints();
    test_random();
    test_list();
    test_names();
    return test_result();
}
