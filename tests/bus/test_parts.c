// Small parts of the bus and of discovery, each by itself: what they give for every kind of input.

#include <string.h>

#include "bus/discovery_internal.h"
#include "bus/internal.h"
#include "tests/test.h"
#include "tutti/bus_storage.h"
#include "tutti/check.h"

static void test_text_values(void)
{
    static const struct {
        const char *data;
        size_t length;
        const char *value; // of "key=", in eight bytes; NULL: none
    } cases[] = {
        {"\5key=a", 6, "a"},
        {"\5KeY=a", 6, "a"},
        {"\4key=", 5, ""},
        {"\3key", 4, NULL},
        {"\3key\5key=b", 10, "b"},
        {"\13key=1234567", 12, "1234567"},
        {"\14key=12345678", 13, NULL},
        {"\14key=12345678\5key=c", 19, "c"}, // too long is passed over
        {"\6key=a", 6, NULL},                // longer than there is
        {"\1x\6key=a", 8, NULL},
        {"\0\5key=d", 7, "d"},
        {"\5kex=a", 6, NULL},
        {"", 0, NULL},
    };
    for (size_t i = 0; i < TT_COUNT(cases); i++) {
        char out[8] = "x";
        bool has = tt_discovery_txt_value((const uint8_t *)cases[i].data, cases[i].length,
                                          "key=", out, sizeof(out));
        EXPECT_EQUAL(has, cases[i].value != NULL);
        EXPECT_TEXT(out, cases[i].value != NULL ? cases[i].value : "x");
    }
}

static void test_hex(void)
{
    static const struct {
        const char *text;
        uint32_t value;
    } cases[] = {{"0", 0},         {"9", 9},   {"a", 10},
                 {"f", 15},        {"10", 16}, {"deadbeef", 0xdeadbeef},
                 {"0000001f", 31}, {"g", 0},   {"1g", 0},
                 {"A", 0},         {"1/", 0},  {"1:", 0},
                 {"1`", 0},        {"", 0},    {"90af", 0x90af}};
    for (size_t i = 0; i < TT_COUNT(cases); i++)
        EXPECT_EQUAL(tt_discovery_parse_hex(cases[i].text), cases[i].value);
}

static void test_names(void)
{
    static const struct {
        const char *name;
        bool instance, host; // of "lamp"
    } cases[] = {{"lamp._coap._udp.local", true, false},
                 {"LAMP._COAP._udp.Local", true, false},
                 {"lamp.local", false, true},
                 {"Lamp.LOCAL", false, true},
                 {"lamp.locax", false, false},
                 {"lamp.loca", false, false},
                 {"lamps.local", false, false},
                 {"lam.local", false, false},
                 {"lamq.local", false, false},
                 {"lamp", false, false},
                 {"_coap._udp.local", false, false},
                 {"lamq._coap._udp.local", false, false},
                 {"lamp1._coap._udp.local", false, false},
                 {"lamp_coap._udp.local", false, false},
                 {"lamp.local.", false, false},
                 {"", false, false}};
    for (size_t i = 0; i < TT_COUNT(cases); i++) {
        EXPECT_EQUAL(tt_discovery_is_instance(cases[i].name, "lamp"), cases[i].instance);
        EXPECT_EQUAL(tt_discovery_is_host(cases[i].name, "lamp"), cases[i].host);
    }
    EXPECT(!tt_discovery_is_host(".local", ""));
}

static void test_ranks(void)
{
    static const tt_endpoint none = {0}, near = {.ip = {0xfe, 0x80, [15] = 1}},
                             routed = {.ip = {0xfd, 1, [15] = 1}},
                             four = {.ip = {[10] = 0xff, 0xff, 10, 0, 0, 1}};
    EXPECT_EQUAL(tt_discovery_rank(&none), 0);
    EXPECT_EQUAL(tt_discovery_rank(&four), 1);
    EXPECT_EQUAL(tt_discovery_rank(&routed), 2);
    EXPECT_EQUAL(tt_discovery_rank(&near), 3);
}

// Round trips (RFC 6298, 2): the first is all that is known; then an eighth and a quarter.
static void test_measured(void)
{
    tt_bus_session s = {0};
    tt_transmission_measured(&s, TT_MS(80));
    EXPECT(s.round_trip == TT_MS(80) && s.deviation == TT_MS(40));
    tt_transmission_measured(&s, TT_MS(160));
    EXPECT(s.round_trip == TT_MS(90) && s.deviation == TT_MS(50));
    tt_transmission_measured(&s, TT_MS(10));
    EXPECT(s.round_trip == TT_MS(80) && s.deviation == TT_US(57500));
}

// Of all buffers one is left to make answers in, and where there are three, separate answers leave
// one to others.
static void test_buffers(void)
{
    static tt_bus bus;
    static const tt_buffer_state answers[] = {TT_BUFFER_ANSWERS, TT_BUFFER_WAITS};
    unsigned most = TT_BUS_BUFFERS_MAX - 1;
    unsigned answers_most = TT_BUS_BUFFERS_MAX > 2 ? TT_BUS_BUFFERS_MAX - 2 : 1;
    for (unsigned kind = 0; kind < 2; kind++)
        for (unsigned held = 0; held <= TT_BUS_BUFFERS_MAX; held++)
            for (unsigned given = 0; given + held <= TT_BUS_BUFFERS_MAX; given++) {
                for (unsigned i = 0; i < TT_BUS_BUFFERS_MAX; i++)
                    bus.buffers[i].state = i < held           ? TT_BUFFER_HELD
                                           : i < held + given ? answers[kind]
                                                              : TT_BUFFER_OUT;
                EXPECT_EQUAL(tt_buffer_may_stay(&bus, false), held + given < most);
                EXPECT_EQUAL(tt_buffer_may_stay(&bus, true),
                             held + given < most && given < answers_most);
            }
}

// A message that was made in a buffer: a short one goes into its session, a long one stays.
static void test_adopted(void)
{
    static tt_bus bus;
    for (unsigned i = 0; i < 4; i++) {
        bool is_long = i & 1, of_answer = i & 2;
        tt_bus_session s = {0};
        tt_bus_buffer *buffer = &bus.buffers[0];
        size_t length = sizeof(s.out.small) + is_long;
        buffer->state = TT_BUFFER_MADE;
        memset(buffer->bytes, 0x5a, length);
        EXPECT(tt_transmission_adopt(&bus, &s, buffer, length, of_answer));
        EXPECT_EQUAL(buffer->state, !is_long    ? TT_BUFFER_FREE
                                    : of_answer ? TT_BUFFER_ANSWERS
                                                : TT_BUFFER_HELD);
        EXPECT(s.out.buffer == (is_long ? buffer : NULL));
        EXPECT(s.out.small[sizeof(s.out.small) - 1] == (is_long ? 0 : 0x5a));
        buffer->state = TT_BUFFER_FREE;
    }
}

// The window of a representation that is put together from pieces, wherever it lies.
static void test_windows(void)
{
    static const char whole[] = "abcdefghij";
    for (size_t offset = 0; offset <= 12; offset++)
        for (size_t length = 1; length <= 12; length++)
            for (size_t piece = 1; piece <= 10; piece++) {
                char space[16] = "";
                tt_request request = {
                    .window_offset = offset, .window_length = length, .space = (uint8_t *)space};
                tt_response response = {0};
                tt_window window;
                tt_window_begin(&window, &request, &response, TT_FORMAT_TEXT, 7);
                for (size_t at = 0; at < 10; at += piece)
                    tt_window_add(&window, whole + at, piece < 10 - at ? piece : 10 - at);
                tt_window_end(&window);
                size_t left = offset < 10 ? 10 - offset : 0;
                size_t wanted = left < length ? left : length;
                EXPECT(response.length == wanted && memcmp(space, whole + offset, wanted) == 0);
                EXPECT(response.more == (left > length) && response.size == 10);
                EXPECT(tt_window_is_full(&window) == (left > length));
                EXPECT(response.code == TT_CONTENT && response.content_format == TT_FORMAT_TEXT);
                EXPECT(response.has_version && response.version == 7);
                tt_response at_once = {0};
                tt_respond_bytes(&request, &at_once, TT_FORMAT_TEXT, whole, 10, 7);
                EXPECT(at_once.length == wanted && at_once.more == (left > length));
                EXPECT(wanted == 0 || memcmp(at_once.payload, whole + offset, wanted) == 0);
                EXPECT(at_once.size == 10 && at_once.has_version && at_once.version == 7);
            }
}

// Names of DNS: pointers only go back, and a name has 255 bytes at most.
static void test_dns_names(void)
{
    static const struct {
        const char *bytes;
        size_t length, at;
        tt_status status;
        const char *name;
        size_t end;
    } cases[] = {
        {"\1a\2bc\0", 6, 0, TT_OK, "a.bc", 6},
        {"\0", 1, 0, TT_OK, "", 1},
        {"\1a\0\1b\xc0\0", 7, 3, TT_OK, "b.a", 7},
        {"\1a\0\xc0\0x", 6, 3, TT_OK, "a", 5},
        {"\xc0\0", 2, 0, TT_MALFORMED, NULL, 0},      // to itself
        {"\xc0\2\1a\0", 5, 0, TT_MALFORMED, NULL, 0}, // on
        {"\1a\xc0\0", 4, 0, TT_MALFORMED, NULL, 0},   // to its own beginning
        {"\1a\xc0", 3, 0, TT_MALFORMED, NULL, 0},     // half a pointer
        {"\2a", 2, 0, TT_MALFORMED, NULL, 0},         // half a label
        {"\1a", 2, 0, TT_MALFORMED, NULL, 0},         // no end
        {"\x40"
         "a\0",
         3, 0, TT_MALFORMED, NULL, 0},            // no label has so many
        {"\1.\0", 3, 0, TT_UNSUPPORTED, NULL, 3}, // cannot stand in text
        {"\2a\0\0", 4, 0, TT_UNSUPPORTED, NULL, 4},
    };
    for (size_t i = 0; i < TT_COUNT(cases); i++) {
        char name[TT_DNS_NAME_MAX];
        tt_reader r;
        tt_reader_init(&r, cases[i].bytes, cases[i].length);
        r.offset = cases[i].at;
        EXPECT_EQUAL(tt_dns_name_read(&r, name, sizeof(name)), cases[i].status);
        if (cases[i].name != NULL)
            EXPECT_TEXT(name, cases[i].name);
        if (cases[i].status != TT_MALFORMED)
            EXPECT_EQUAL(r.offset, cases[i].end);
    }
    for (size_t labels = 2; labels <= 4; labels++) // of 62, 63 and 64 bytes with their lengths
        for (size_t last = 60; last <= 63; last++) {
            uint8_t bytes[300];
            char name[TT_DNS_NAME_MAX];
            size_t length = 0;
            tt_reader r;
            for (size_t i = 0; i < labels; i++) {
                size_t size = i + 1 < labels ? 63 : last;
                bytes[length++] = (uint8_t)size;
                memset(bytes + length, 'a', size);
                length += size;
            }
            bytes[length++] = 0;
            tt_reader_init(&r, bytes, length);
            tt_status status = tt_dns_name_read(&r, name, sizeof(name));
            size_t text = 64 * (labels - 1) + last; // with the points
            EXPECT_EQUAL(status, length > 255              ? TT_MALFORMED
                                 : text >= TT_DNS_NAME_MAX ? TT_UNSUPPORTED
                                                           : TT_OK);
        }
}

int main(void)
{
    test_text_values();
    test_hex();
    test_names();
    test_ranks();
    test_measured();
    test_buffers();
    test_adopted();
    test_windows();
    test_dns_names();
    return test_result();
}
