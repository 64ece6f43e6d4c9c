// A reader of pcap files (draft-ietf-opsawg-pcap), and of as much Ethernet, IP, UDP and CoAP as the
// report and the count of frames between two devices need.

#include <string.h>

#include "examples/demo/capture.h"
#include "tutti/bus.h"
#include "tutti/bytes.h"
#include "tutti/discovery.h"
#include "tutti/text.h"

#define MAGIC_MICROSECONDS 0xa1b2c3d4u
#define MAGIC_NANOSECONDS 0xa1b23c4du
#define FRAME_BYTES_MAX 2048
#define TYPE_CON 0
#define TYPE_RST 3
#define OPTION_URI_PATH 11
#define OPTION_BLOCK2 23
#define OPTION_BLOCK1 27

FILE *demo_capture_open(const char *path, bool *nanoseconds)
{
    FILE *file = fopen(path, "rb");
    uint8_t header[24];
    if (file == NULL)
        return NULL;
    uint32_t magic = 0;
    if (fread(header, 1, sizeof(header), file) == sizeof(header)) {
        tt_reader reader;
        tt_reader_init(&reader, header, sizeof(header));
        magic = tt_read_le32(&reader);
    }
    *nanoseconds = magic == MAGIC_NANOSECONDS;
    if (magic == MAGIC_NANOSECONDS || magic == MAGIC_MICROSECONDS)
        return file;
    fclose(file);
    return NULL;
}

static uint32_t read_extended(tt_reader *reader, uint8_t nibble)
{
    return nibble == 13   ? 13u + tt_read_u8(reader)
           : nibble == 14 ? 269u + tt_read_be16(reader)
                          : nibble;
}

static void add_block(tt_text *text, const uint8_t *value, size_t length)
{
    uint32_t number = 0;
    for (size_t i = 0; i < length && i < 3; i++)
        number = number << 8 | value[i];
    tt_text_add(text, " block ");
    tt_text_add_unsigned(text, number >> 4);
}

static void describe_coap(demo_frame *frame, tt_reader *reader)
{
    static const char *const types[] = {"CON", "NON", "ACK", "RST"};
    static const char *const methods[] = {"", "GET", "POST", "PUT", "DELETE"};
    tt_text text;
    tt_text_init(&text, frame->text, sizeof(frame->text));
    uint8_t first = tt_read_u8(reader);
    frame->type = first >> 4 & 3;
    frame->code = tt_read_u8(reader);
    frame->message_id = tt_read_be16(reader);
    tt_read_bytes(reader, first & 15);
    tt_text_add(&text, types[frame->type]);
    if (frame->code > 0 && frame->code < 5) {
        tt_text_add(&text, " ");
        tt_text_add(&text, methods[frame->code]);
        tt_text_add(&text, " ");
    } else if (frame->code > 0) {
        tt_text_add(&text, " ");
        tt_text_add_unsigned(&text, frame->code >> 5);
        tt_text_add(&text, (frame->code & 31) < 10 ? ".0" : ".");
        tt_text_add_unsigned(&text, frame->code & 31);
    } else if (frame->type == TYPE_CON) {
        tt_text_add(&text, " ping");
    }
    uint32_t number = 0;
    while (tt_reader_left(reader) > 0 && !reader->failed) {
        uint8_t head = tt_read_u8(reader);
        if (head == 0xff)
            break;
        number += read_extended(reader, head >> 4);
        size_t length = read_extended(reader, head & 15);
        const uint8_t *value = tt_read_bytes(reader, length);
        if (value != NULL && number == OPTION_URI_PATH) {
            tt_text_add(&text, "/");
            tt_text_add_bytes(&text, value, length);
        } else if (value != NULL && (number == OPTION_BLOCK1 || number == OPTION_BLOCK2)) {
            add_block(&text, value, length);
        }
    }
}

static void describe(demo_frame *frame, const uint8_t *bytes, size_t length)
{
    tt_reader reader;
    tt_reader_init(&reader, bytes, length);
    const uint8_t *to = tt_read_bytes(&reader, 6), *from = tt_read_bytes(&reader, 6);
    if (from == NULL)
        return;
    memcpy(frame->to, to, 6);
    memcpy(frame->from, from, 6);
    uint16_t type = tt_read_be16(&reader);
    uint8_t protocol = 0;
    if (type == 0x86dd) {
        tt_read_bytes(&reader, 6);
        protocol = tt_read_u8(&reader);
        tt_read_bytes(&reader, 33);
    } else if (type == 0x0800) {
        uint8_t words = tt_read_u8(&reader) & 15;
        tt_read_bytes(&reader, 8);
        protocol = tt_read_u8(&reader);
        tt_read_bytes(&reader, words >= 5 ? words * 4u - 10 : 10);
    }
    if (protocol != 17) // UDP
        return;
    uint16_t source = tt_read_be16(&reader), destination = tt_read_be16(&reader);
    tt_read_be32(&reader); // length and checksum
    if (reader.failed)
        return;
    if (destination == TT_MDNS_PORT || source == TT_MDNS_PORT) {
        frame->protocol = DEMO_MDNS;
    } else if (destination == TT_BUS_PORT || source == TT_BUS_PORT) {
        frame->protocol = DEMO_COAP;
        describe_coap(frame, &reader);
    }
}

bool demo_capture_next(FILE *file, bool nanoseconds, demo_frame *frame)
{
    uint8_t header[16], bytes[FRAME_BYTES_MAX];
    if (fread(header, 1, sizeof(header), file) != sizeof(header))
        return false;
    tt_reader reader;
    tt_reader_init(&reader, header, sizeof(header));
    uint32_t seconds = tt_read_le32(&reader), part = tt_read_le32(&reader);
    uint32_t length = tt_read_le32(&reader);
    if (length > sizeof(bytes) || fread(bytes, 1, length, file) != length)
        return false;
    *frame = (demo_frame){.time_s = seconds + part / (nanoseconds ? 1e9 : 1e6), .length = length};
    describe(frame, bytes, length);
    return true;
}

bool demo_frame_asks(const demo_frame *frame)
{
    bool ping = frame->type == TYPE_CON && frame->code == 0;
    return frame->protocol == DEMO_COAP && !ping && frame->type != TYPE_RST;
}

void demo_mac_of(const tt_endpoint *endpoint, uint8_t mac[6])
{
    const uint8_t *id = endpoint->ip + 8;
    const uint8_t bytes[6] = {id[0] ^ 2, id[1], id[2], id[5], id[6], id[7]};
    memcpy(mac, bytes, sizeof(bytes));
}

bool demo_capture_between(const char *path, const uint8_t a[6], const uint8_t b[6], double start_s,
                          double end_s, unsigned *count)
{
    bool nanoseconds;
    demo_frame frame;
    FILE *file = demo_capture_open(path, &nanoseconds);
    *count = 0;
    if (file == NULL)
        return false;
    while (demo_capture_next(file, nanoseconds, &frame)) {
        bool between = (memcmp(frame.from, a, 6) == 0 && memcmp(frame.to, b, 6) == 0) ||
                       (memcmp(frame.from, b, 6) == 0 && memcmp(frame.to, a, 6) == 0);
        *count +=
            between && demo_frame_asks(&frame) && frame.time_s >= start_s && frame.time_s <= end_s;
    }
    fclose(file);
    return true;
}
