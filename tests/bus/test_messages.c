// The bytes of the bus: CoAP messages as RFC 7252 (appendix A), 7641 (appendix A) and 7959
// (section 3) show them, every way to be malformed that RFC 7252 names, DNS names (RFC 1035, 4.1.4)
// and links (RFC 6690, 5).

#include "bus/dns.h"
#include "bus/message.h"
#include "tests/test.h"
#include "tutti/check.h"
#include "tutti/links.h"
#include "tutti/random.h"

static tt_status parse(tt_message *m, const char *bytes, size_t length)
{
    uint8_t *exact = malloc(length + 1); // of this size, so that reading past it is seen
    memcpy(exact, bytes, length);
    tt_status status = tt_message_parse(m, exact, length);
    if (m->payload != NULL) // keep what tests look at
        m->payload = (const uint8_t *)bytes + (m->payload - exact);
    free(exact);
    return status;
}

#define PARSE(m, literal) parse(m, literal, sizeof(literal) - 1)

static void test_rfc_examples(void)
{
    tt_message m;
    // RFC 7252, figure 16: a confirmable GET and its piggybacked answer.
    EXPECT(PARSE(&m, "\x40\x01\x7d\x34\xbbtemperature") == TT_OK);
    EXPECT(m.type == TT_CONFIRMABLE && m.code == TT_GET && m.id == 0x7d34 && m.token.length == 0);
    EXPECT_TEXT(m.path, "temperature");
    EXPECT(PARSE(&m, "\x60\x45\x7d\x34\xff"
                     "22.3 C") == TT_OK);
    EXPECT(m.type == TT_ACKNOWLEDGEMENT && m.code == TT_CONTENT && m.id == 0x7d34);
    EXPECT(m.length == 6 && memcmp(m.payload, "22.3 C", 6) == 0);
    // Figure 17: the same with a token.
    EXPECT(PARSE(&m, "\x41\x01\x7d\x35\x20\xbbtemperature") == TT_OK);
    EXPECT(m.token.length == 1 && m.token.bytes[0] == 0x20);
    // Section 4.3: a ping and its reset.
    EXPECT(PARSE(&m, "\x40\x00\x12\x34") == TT_OK && m.code == 0);
    EXPECT(PARSE(&m, "\x70\x00\x12\x34") == TT_OK && m.type == TT_RESET_MESSAGE);
    // RFC 7641, figure 3: Observe 0, then a notification with Observe 12 and Max-Age 15.
    EXPECT(PARSE(&m, "\x41\x01\x16\x33\x4a\x60\x55"
                     "light") == TT_OK);
    EXPECT(m.has_observe && m.observe == 0);
    EXPECT_TEXT(m.path, "light");
    EXPECT(PARSE(&m, "\x51\x45\x7b\x50\x4a\x61\x0c\x81\x0f\xff"
                     "18.5 Cel") == TT_OK);
    EXPECT(m.has_observe && m.observe == 12);
    EXPECT_EQUAL(m.max_age, 15);
    // An entity tag of any length that there is.
    EXPECT(PARSE(&m, "\x60\x45\x12\x34\x48"
                     "12345678") == TT_OK);
    EXPECT(m.etag_length == 8 && m.etag == 0x3132333435363738);
    // RFC 7959, section 3.1: Block2 1/0/128 and Block1 of 3 bytes.
    EXPECT(PARSE(&m, "\x40\x01\x12\x34\xb6status\xc1\x13") == TT_OK);
    EXPECT(m.block2.present && m.block2.number == 1 && !m.block2.more && m.block2.exponent == 3);
    EXPECT_EQUAL(tt_block_bytes(&m.block2), 128);
    EXPECT(PARSE(&m, "\x40\x03\x12\x34\xd3\x0e\xff\xff\xfe\xffx") == TT_OK);
    EXPECT(m.block1.present && m.block1.number == 0xfffff && m.block1.more);
    EXPECT_EQUAL(tt_block_bytes(&m.block1), 1024);
}

static void test_malformed(void)
{
    static const struct {
        const char *bytes;
        size_t length;
    } bad[] = {
        {"", 0},
        {"\x40\x01\x7d", 3},     // cut in the head
        {"\x80\x01\x7d\x34", 4}, // version 2
        {"\x49\x01\x7d\x34"
         "123456789",
         13}, // token lengths 9 to 15 are reserved
        {"\x44\x01\x7d\x34"
         "123",
         7},                             // cut in the token
        {"\x40\x00\x7d\x34\xb1x", 6},    // an empty message with an option
        {"\x41\x00\x7d\x34x", 5},        // or with a token
        {"\x40\x01\x7d\x34\xff", 5},     // a marker without payload
        {"\x40\x01\x7d\x34\xf1x", 6},    // delta 15
        {"\x40\x01\x7d\x34\x1fx", 6},    // length 15
        {"\x40\x01\x7d\x34\xd1", 5},     // cut in an extended delta
        {"\x40\x01\x7d\x34\xe1\x01", 6}, //
        {"\x40\x01\x7d\x34\xb5"
         "abcd",
         9},                                              // an option longer than what is there
        {"\x40\x01\x7d\x34\xe0\xff\xff\xe0\xff\xff", 10}, // option numbers beyond 65535
    };
    tt_message m;
    for (size_t i = 0; i < TT_COUNT(bad); i++)
        EXPECT_EQUAL(parse(&m, bad[i].bytes, bad[i].length), TT_MALFORMED);
    // Not malformed, but critical options that cannot be honoured: 4.02.
    EXPECT(PARSE(&m, "\x40\x01\x7d\x34\x91x") == TT_OK && m.bad_option);  // 9 is not known
    EXPECT(PARSE(&m, "\x40\x01\x7d\x34\x81x") == TT_OK && !m.bad_option); // 8 may be passed over
    EXPECT(PARSE(&m, "\x40\x01\x7d\x34\xb3"
                     "a/b") == TT_OK &&
           m.bad_option); // two parts in one
    EXPECT(PARSE(&m, "\x40\x01\x7d\x34\xb3"
                     "a\0b") == TT_OK &&
           m.bad_option);
    EXPECT(PARSE(&m, "\x40\x01\x7d\x34\xd1\x0a\x07") == TT_OK && m.bad_block);    // block size 7
    EXPECT(PARSE(&m, "\x40\x01\x7d\x34\xd1\x04x\x01y") == TT_OK && m.bad_option); // two Accept
    EXPECT(PARSE(&m, "\x40\x01\x7d\x34\xc1x\x01y") == TT_OK && !m.bad_option &&
           m.content_format == 'x');                       // of two Content-Format the first
    char longest[4 + 2 + 70] = "\x40\x01\x7d\x34\xbd\x39"; // 13 + 57 bytes
    memset(longest + 6, 'p', 70);
    EXPECT(parse(&m, longest, sizeof(longest)) == TT_OK && m.too_long);
    EXPECT(m.path[0] == '\0'); // nothing of it is taken
}

// What is written is read back as it was, whatever the options.
static void test_round_trip(void)
{
    tt_random random;
    tt_random_seed(&random, 1);
    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[TT_BUS_MESSAGE_MAX], payload[64];
        tt_bus_token token = {.length = (uint8_t)tt_random_below(&random, 9)};
        tt_random_bytes(&random, token.bytes, token.length);
        tt_block block = {.present = true,
                          .more = tt_random_below(&random, 2) == 1,
                          .exponent = (uint8_t)tt_random_below(&random, 7),
                          .number = (uint32_t)tt_random_below(&random, 1 << 20)};
        uint32_t observe = (uint32_t)tt_random_below(&random, 1 << 24);
        uint32_t size = (uint32_t)tt_random_u64(&random);
        size_t length = tt_random_below(&random, sizeof(payload));
        memset(payload, round, sizeof(payload));
        tt_message_writer w;
        tt_message_begin(&w, bytes, sizeof(bytes), TT_NON_CONFIRMABLE, TT_PUT, (uint16_t)round,
                         &token);
        tt_message_option_number(&w, TT_OPTION_OBSERVE, observe);
        tt_message_option_parts(&w, TT_OPTION_URI_PATH, "ai/models/fashion", '/');
        tt_message_option_number(&w, TT_OPTION_CONTENT_FORMAT, TT_FORMAT_CBOR);
        tt_message_option_parts(&w, TT_OPTION_URI_QUERY, "a=1&b=2", '&');
        tt_message_option_block(&w, TT_OPTION_BLOCK1, &block);
        tt_message_option_number(&w, TT_OPTION_SIZE1, size);
        tt_message_payload(&w, payload, length);
        REQUIRE(!w.out.failed);
        tt_message m;
        REQUIRE(parse(&m, (char *)bytes, w.out.length) == TT_OK);
        EXPECT(m.type == TT_NON_CONFIRMABLE && m.code == TT_PUT && m.id == (uint16_t)round);
        EXPECT(tt_token_equal(&m.token, &token) && !m.bad_option);
        EXPECT(m.observe == observe && m.size1 == size && m.content_format == TT_FORMAT_CBOR);
        EXPECT(m.block1.number == block.number && m.block1.more == block.more &&
               m.block1.exponent == block.exponent);
        EXPECT(m.length == length && (length == 0 || memcmp(m.payload, payload, length) == 0));
        EXPECT_TEXT(m.path, "ai/models/fashion");
        EXPECT_TEXT(m.query, "a=1&b=2");
        for (size_t cut = 0; round < 50 && cut < w.out.length; cut++)
            parse(&m, (char *)bytes, cut); // no more than what is there is read
    }
}

// "a/" ends in an empty part (RFC 7252, 6.4), there and back.
static void test_parts(void)
{
    static const char *const paths[] = {"a", "a/", "a/b", "a//b", "reg/7/", "/", ""};
    static const unsigned counts[] = {1, 2, 2, 3, 3, 2, 0};
    for (size_t i = 0; i < TT_COUNT(paths); i++) {
        uint8_t bytes[64];
        tt_message_writer w;
        tt_message m;
        tt_message_begin(&w, bytes, sizeof(bytes), TT_CONFIRMABLE, TT_GET, 1, NULL);
        size_t head = w.out.length;
        tt_message_option_parts(&w, TT_OPTION_URI_PATH, paths[i], '/');
        EXPECT_EQUAL(w.out.length - head,
                     strlen(paths[i]) + (counts[i] > 0)); // a byte before each part
        REQUIRE(parse(&m, (char *)bytes, w.out.length) == TT_OK);
        EXPECT(m.alias == (counts[i] > 1 && strcmp(paths[i], "a/b") != 0));
        if (paths[i][0] != '/')
            EXPECT_TEXT(m.path, paths[i]);
    }
}

// Where something was made is told by a response; in a request the option means nothing.
static void test_location(void)
{
    static const unsigned codes[] = {TT_CREATED, TT_POST};
    for (size_t i = 0; i < TT_COUNT(codes); i++) {
        uint8_t bytes[128];
        tt_message_writer w;
        tt_message m;
        tt_message_begin(&w, bytes, sizeof(bytes), TT_CONFIRMABLE, codes[i], 1, NULL);
        tt_message_option_parts(&w, TT_OPTION_LOCATION_PATH, "reg/7/", '/');
        REQUIRE(parse(&m, (char *)bytes, w.out.length) == TT_OK);
        EXPECT_TEXT(m.path, codes[i] == TT_CREATED ? "reg/7/" : "");
        EXPECT(!m.bad_option && !m.too_long);
        char path[] = "0123456789012345678901234567890123456789/012345678901234567890123456789";
        tt_message_begin(&w, bytes, sizeof(bytes), TT_CONFIRMABLE, codes[i], 1, NULL);
        tt_message_option_parts(&w, TT_OPTION_LOCATION_PATH, path, '/');
        REQUIRE(parse(&m, (char *)bytes, w.out.length) == TT_OK);
        EXPECT(m.too_long == (codes[i] == TT_CREATED) && !m.bad_option);
    }
}

static tt_status read_name(const char *bytes, size_t length, size_t at, char *name)
{
    tt_reader reader;
    tt_reader_init(&reader, bytes, length);
    reader.offset = at;
    return tt_dns_name_read(&reader, name, TT_DNS_NAME_MAX);
}

static void test_dns_names(void)
{
    // RFC 1035, 4.1.4: F.ISI.ARPA at 20, FOO and a pointer to it at 40, a pointer to ARPA at 64,
    // the root at 92.
    char bytes[93] = {0}, name[TT_DNS_NAME_MAX];
    memcpy(bytes + 20, "\1F\3ISI\4ARPA", 12);
    memcpy(bytes + 40, "\3FOO\xc0\x14", 6);
    memcpy(bytes + 64, "\xc0\x1a", 2);
    EXPECT(read_name(bytes, sizeof(bytes), 20, name) == TT_OK);
    EXPECT_TEXT(name, "F.ISI.ARPA");
    EXPECT(read_name(bytes, sizeof(bytes), 40, name) == TT_OK);
    EXPECT_TEXT(name, "FOO.F.ISI.ARPA");
    EXPECT(read_name(bytes, sizeof(bytes), 64, name) == TT_OK);
    EXPECT_TEXT(name, "ARPA");
    EXPECT(read_name(bytes, sizeof(bytes), 92, name) == TT_OK);
    EXPECT_TEXT(name, "");
    // Hostile: pointers to themselves, forwards, to one another, past the end, reserved lengths.
    EXPECT_EQUAL(read_name("\xc0\x00", 2, 0, name), TT_MALFORMED);
    EXPECT_EQUAL(read_name("\xc0\x02\1a\0", 5, 0, name), TT_MALFORMED);
    EXPECT_EQUAL(read_name("\1a\xc0\x00", 4, 0, name), TT_MALFORMED);
    EXPECT_EQUAL(read_name("\xc0\x02\xc0\x00", 4, 2, name), TT_MALFORMED);
    EXPECT_EQUAL(read_name("\xc3\xff", 2, 0, name), TT_MALFORMED);
    EXPECT_EQUAL(read_name("\x40"
                           "a",
                           2, 0, name),
                 TT_MALFORMED);
    EXPECT_EQUAL(read_name("\3ab", 3, 0, name), TT_MALFORMED);
    EXPECT_EQUAL(read_name("\1a", 2, 0, name), TT_MALFORMED); // no end
    // 255 bytes are a name's most (RFC 1035, 2.3.4); ours are shorter.
    char longest[4 * 64 + 1] = {0};
    for (int i = 0; i < 4; i++) {
        longest[64 * i] = 63;
        memset(longest + 64 * i + 1, 'x', 63);
    }
    EXPECT_EQUAL(read_name(longest, sizeof(longest), 0, name), TT_MALFORMED);
    longest[3 * 64] = 61;
    longest[3 * 64 + 62] = 0;
    EXPECT_EQUAL(read_name(longest, sizeof(longest), 0, name), TT_UNSUPPORTED);
    EXPECT_EQUAL(read_name("\3a.b", 5, 0, name), TT_UNSUPPORTED);
}

static void test_links(void)
{
    // RFC 6690, section 5.
    static const char document[] =
        "</sensors>;ct=40;title=\"Sensor "
        "Index\",</sensors/temp>;rt=\"temperature-c\";if=\"sensor\","
        "</t>;anchor=\"/sensors/temp\";rel=\"alternate\",</sensors/light>;obs";
    tt_link link;
    size_t at = 0;
    EXPECT(tt_link_next(document, sizeof(document) - 1, &at, &link) == TT_OK);
    EXPECT_TEXT(link.path, "sensors");
    EXPECT(tt_link_next(document, sizeof(document) - 1, &at, &link) == TT_OK);
    EXPECT_TEXT(link.path, "sensors/temp");
    EXPECT_TEXT(link.type, "temperature-c");
    EXPECT_TEXT(link.interface_description, "sensor");
    EXPECT(tt_link_next(document, sizeof(document) - 1, &at, &link) == TT_OK);
    EXPECT_TEXT(link.path, "t");
    EXPECT(tt_link_next(document, sizeof(document) - 1, &at, &link) == TT_OK);
    EXPECT(link.observable);
    EXPECT(tt_link_next(document, sizeof(document) - 1, &at, &link) == TT_EMPTY);
    // A quote inside a quoted value, and what would end it outside.
    static const char quoted[] = "</a>;title=\"x\\\"y,<z>;\";rt=\"t\",</b>";
    at = 0;
    EXPECT(tt_link_next(quoted, sizeof(quoted) - 1, &at, &link) == TT_OK);
    EXPECT_TEXT(link.type, "t");
    EXPECT(tt_link_next(quoted, sizeof(quoted) - 1, &at, &link) == TT_OK);
    EXPECT_TEXT(link.path, "b");
    static const char *const bad[] = {"sensors", "<sensors", "</a>b", "</a>;rt=\"x",
                                      "</a>;rt=\"\\"};
    for (size_t i = 0; i < TT_COUNT(bad); i++) {
        tt_status status;
        at = 0;
        do
            status = tt_link_next(bad[i], strlen(bad[i]), &at, &link);
        while (status == TT_OK);
        if (status != TT_MALFORMED)
            EXPECT_TEXT(bad[i], "refused as malformed");
    }
}

static void test_values(void)
{
    static const char link[] = "</1>;ep=\"a \\\"b\";et=x;obs;base=\"coap://[::1]\"";
    static const char *const bad[] = {"", "x", "<x", "</a>;=b", "</a>;b=\"c", "</a>;"};
    char value[16];
    EXPECT(tt_link_value(link, sizeof(link) - 1, "ep", value, sizeof(value)) == TT_OK);
    EXPECT_TEXT(value, "a \"b");
    EXPECT(tt_link_value(link, sizeof(link) - 1, "et", value, sizeof(value)) == TT_OK);
    EXPECT_TEXT(value, "x");
    EXPECT(tt_link_value(link, sizeof(link) - 1, "obs", value, sizeof(value)) == TT_OK);
    EXPECT_TEXT(value, "");
    EXPECT(tt_link_value(link, sizeof(link) - 1, "base", value, sizeof(value)) == TT_OK);
    EXPECT_TEXT(value, "coap://[::1]");
    EXPECT(tt_link_value(link, sizeof(link) - 1, "base", value, 12) == TT_TOO_LARGE);
    EXPECT(tt_link_value(link, sizeof(link) - 1, "e", value, sizeof(value)) == TT_NOT_FOUND);
    for (size_t i = 0; i < TT_COUNT(bad); i++)
        EXPECT(tt_link_value(bad[i], strlen(bad[i]), "ep", value, sizeof(value)) == TT_MALFORMED);
}

int main(void)
{
    test_parts();
    test_location();
    test_values();
    test_rfc_examples();
    test_malformed();
    test_round_trip();
    test_dns_names();
    test_links();
    return test_result();
}
