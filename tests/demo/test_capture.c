// The capture reader: what it says of known frames, which count as going between two devices, and
// no harm from damaged ones.

#include <string.h>

#include "examples/demo/capture.h"
#include "tests/test.h"
#include "tutti/bytes.h"
#include "tutti/random.h"

#define HEADER_BYTES 24
#define MAC_A "\x02\x00\x00\x00\x00\x0a"
#define MAC_B "\x02\x00\x00\x00\x00\x0b"
#define MAC_C "\x02\x00\x00\x00\x00\x0c"
#define START_S 1700000000

static uint8_t file_bytes[4096];
static tt_writer writer;

static void begin_file(void)
{
    tt_writer_init(&writer, file_bytes, sizeof(file_bytes));
    tt_write_le32(&writer, 0xa1b23c4d); // nanoseconds
    tt_write_le16(&writer, 2);
    tt_write_le16(&writer, 4);
    for (int i = 0; i < 3; i++)
        tt_write_le32(&writer, 0);
    tt_write_le32(&writer, 1);
}

// An Ethernet frame with IPv6 or IPv4, UDP and a payload.
static void add_frame_at(uint32_t seconds, const char *macs, bool ipv6, uint16_t port,
                         const char *payload, size_t length)
{
    tt_write_le32(&writer, seconds);
    tt_write_le32(&writer, 250000000);
    size_t frame = 14 + (ipv6 ? 40 : 20) + 8 + length;
    tt_write_le32(&writer, (uint32_t)frame);
    tt_write_le32(&writer, (uint32_t)frame);
    tt_write_bytes(&writer, macs, 12); // to, from
    tt_write_be16(&writer, ipv6 ? 0x86dd : 0x0800);
    uint8_t head[40] = {ipv6 ? 0x60 : 0x45};
    head[ipv6 ? 6 : 9] = 17;
    tt_write_bytes(&writer, head, ipv6 ? 40 : 20);
    tt_write_be16(&writer, 40000);
    tt_write_be16(&writer, port);
    tt_write_be32(&writer, 0);
    tt_write_bytes(&writer, payload, length);
}

static void add_frame(bool ipv6, uint16_t port, const char *payload, size_t length)
{
    add_frame_at(START_S, MAC_B MAC_A, ipv6, port, payload, length);
}

static FILE *write_file(const char *path, size_t length)
{
    FILE *file = fopen(path, "wb");
    REQUIRE(file != NULL && fwrite(file_bytes, 1, length, file) == length && fclose(file) == 0);
    bool nanoseconds = false;
    return demo_capture_open(path, &nanoseconds);
}

static void expect_text(FILE *file, const char *text)
{
    demo_frame frame;
    REQUIRE(demo_capture_next(file, true, &frame));
    EXPECT_EQUAL(frame.protocol, DEMO_COAP);
    EXPECT_TEXT(frame.text, text);
    EXPECT(memcmp(frame.from, MAC_A, 6) == 0 && memcmp(frame.to, MAC_B, 6) == 0);
    EXPECT(frame.time_s == START_S + 0.25);
}

static unsigned between(const char *path, const char *a, const char *b)
{
    unsigned count = 99;
    EXPECT(demo_capture_between(path, (const uint8_t *)a, (const uint8_t *)b, START_S + 10,
                                START_S + 20, &count));
    return count;
}

// Only what asks or answers, of exactly these two, within the window.
static void test_between(const char *path)
{
    static const char ask[] = "\x40\x02\x12\x34", answer[] = "\x60\x45\x12\x34",
                      ping[] = "\x40\x00\x12\x35", reset[] = "\x70\x00\x12\x35";
    begin_file();
    add_frame_at(START_S + 9, MAC_B MAC_A, true, 5683, ask, 4);   // too early
    add_frame_at(START_S + 20, MAC_B MAC_A, true, 5683, ask, 4);  // too late
    add_frame_at(START_S + 12, MAC_C MAC_A, true, 5683, ask, 4);  // to another
    add_frame_at(START_S + 12, MAC_B MAC_C, true, 5683, ask, 4);  // from another
    add_frame_at(START_S + 12, MAC_B MAC_A, true, 5683, ping, 4); // presence
    add_frame_at(START_S + 12, MAC_A MAC_B, true, 5683, reset, 4);
    add_frame_at(START_S + 12, MAC_B MAC_A, true, 5353, ask, 4); // discovery
    add_frame_at(START_S + 12, MAC_B MAC_A, true, 7, ask, 4);    // something else
    fclose(write_file(path, writer.length));
    EXPECT_EQUAL(between(path, MAC_A, MAC_B), 0);
    add_frame_at(START_S + 13, MAC_B MAC_A, true, 5683, ask, 4);
    add_frame_at(START_S + 14, MAC_A MAC_B, true, 5683, answer, 4);
    fclose(write_file(path, writer.length));
    EXPECT_EQUAL(between(path, MAC_A, MAC_B), 2);
    EXPECT_EQUAL(between(path, MAC_B, MAC_A), 2);
    EXPECT_EQUAL(between(path, MAC_B, MAC_C), 1);
    unsigned count;
    EXPECT(!demo_capture_between("/nonexistent/capture", (const uint8_t *)MAC_A,
                                 (const uint8_t *)MAC_B, 0, 1, &count));

    uint8_t mac[6];
    tt_endpoint endpoint;
    REQUIRE(tt_endpoint_parse(&endpoint, "fe80::0:00ff:fe00:a", 0) == TT_OK);
    demo_mac_of(&endpoint, mac);
    EXPECT(memcmp(mac, MAC_A, 6) == 0);
}

int main(void)
{
    char path[] = "/tmp/tutti-capture-XXXXXX";
    int handle = mkstemp(path);
    REQUIRE(handle >= 0);

    test_between(path);

    begin_file();
    add_frame(true, 5683,
              "\x42\x02\x12\x34TT\xb2"
              "ai\x06models\xff"
              "body",
              21);
    add_frame(false, 5683, "\x60\x00\x12\x34", 4);
    add_frame(true, 5683, "\x40\x00\x12\x35", 4);
    add_frame(true, 5683, "\x40\x84\x12\x36", 4);
    add_frame(true, 5683, "\x40\x03\x00\x01\xd1\x0e\x3e", 7); // block1, number 3
    add_frame(true, 5353, "", 0);
    size_t length = writer.length;
    FILE *file = write_file(path, length);
    REQUIRE(file != NULL);
    expect_text(file, "CON POST /ai/models");
    expect_text(file, "ACK");
    expect_text(file, "CON ping");
    expect_text(file, "CON 4.04");
    expect_text(file, "CON PUT  block 3");
    demo_frame frame;
    REQUIRE(demo_capture_next(file, true, &frame));
    EXPECT_EQUAL(frame.protocol, DEMO_MDNS);
    EXPECT(!demo_capture_next(file, true, &frame));
    fclose(file);

    // Cut anywhere, and with any bytes changed, it ends without harm.
    tt_random random;
    tt_random_seed(&random, 3);
    uint8_t good[sizeof(file_bytes)];
    memcpy(good, file_bytes, sizeof(good));
    for (int round = 0; round < 2000; round++) {
        memcpy(file_bytes, good, sizeof(good));
        for (int i = 0; i < 3; i++)
            file_bytes[HEADER_BYTES + tt_random_below(&random, length - HEADER_BYTES)] =
                (uint8_t)tt_random_u64(&random);
        file = write_file(path, (size_t)tt_random_below(&random, length + 1));
        while (file != NULL && demo_capture_next(file, true, &frame))
            EXPECT(strlen(frame.text) < sizeof(frame.text));
        if (file != NULL)
            fclose(file);
    }
    remove(path);
    return test_result();
}
