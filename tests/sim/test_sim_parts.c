// The heap, the index of addresses, and the two things that tell of a world: words and a capture.

#include "sim/heap.h"
#include "sim/internal.h"
#include "tests/sim/world.h"
#include "tutti/check.h"

// ---- the heap, against a list that is searched

#define ITEMS 200

static tt_heap_item items[ITEMS];

static tt_heap_item *least(void)
{
    tt_heap_item *found = NULL;
    for (unsigned i = 0; i < ITEMS; i++)
        if (items[i].place > 0 &&
            (found == NULL || items[i].when < found->when ||
             (items[i].when == found->when && items[i].number < found->number)))
            found = &items[i];
    return found;
}

static void test_heap(void)
{
    tt_heap heap = {0};
    tt_random random;
    size_t count = 0;
    tt_random_seed(&random, 1);
    EXPECT(tt_heap_first(&heap) == NULL);
    for (unsigned i = 0; i < 20000; i++) {
        tt_heap_item *item = &items[tt_random_below(&random, ITEMS)];
        bool was_in = item->place > 0;
        if (tt_random_below(&random, 3) == 0) {
            tt_heap_remove(&heap, item);
            count -= was_in;
            EXPECT_EQUAL(item->place, 0);
        } else { // few times, so that many are the same
            tt_heap_set(&heap, item, (tt_time)tt_random_below(&random, 50), i);
            count += !was_in;
        }
        EXPECT(heap.count == count && tt_heap_first(&heap) == least());
    }
    tt_time when = 0;
    uint64_t number = 0;
    for (tt_heap_item *item; (item = tt_heap_first(&heap)) != NULL; count--) {
        EXPECT(item->when > when || (item->when == when && item->number >= number));
        when = item->when;
        number = item->number;
        tt_heap_remove(&heap, item);
    }
    EXPECT_EQUAL(count, 0);
    tt_heap_free(&heap);
}

// ---- addresses

static tt_endpoint endpoint(unsigned number, uint16_t port)
{
    return (tt_endpoint){.ip = {0xfe, 0x80, [14] = (uint8_t)(number >> 8), [15] = (uint8_t)number},
                         .port = port};
}

static void test_addresses(void)
{
    tt_sim_addresses index = {0};
    tt_endpoint at = endpoint(1, 1), group = endpoint(9999, 5353);
    EXPECT(tt_sim_addresses_find(&index, &at) == NULL);
    tt_sim_addresses_remove(&index, &at, (tt_sim_listener){0, 0});
    for (uint16_t i = 0; i < 1000; i++) {
        for (uint16_t socket = 0; socket < 2; socket++) {
            at = endpoint(i, 1 + socket);
            tt_sim_addresses_add(&index, &at, (tt_sim_listener){i, socket});
        }
        tt_sim_addresses_add(&index, &group, (tt_sim_listener){i, 1});
    }
    at = endpoint(5, 2);
    for (unsigned i = 0; i < 10000; i++) { // what moves about leaves nothing behind
        tt_sim_addresses_remove(&index, &at, (tt_sim_listener){5, 1});
        EXPECT(tt_sim_addresses_find(&index, &at) == NULL);
        at = endpoint(20000 + i, 2);
        tt_sim_addresses_add(&index, &at, (tt_sim_listener){5, 1});
    }
    EXPECT(index.room <= 16384);
    for (uint16_t i = 0; i < 1000; i++) {
        tt_endpoint one = i == 5 ? at : endpoint(i, 2);
        const tt_sim_place *place = tt_sim_addresses_find(&index, &one);
        REQUIRE(place != NULL);
        EXPECT(place->count == 1 && place->listeners[0].node == i &&
               place->listeners[0].socket == 1);
        one.port = 3;
        EXPECT(tt_sim_addresses_find(&index, &one) == NULL);
    }
    tt_sim_addresses_remove(&index, &group, (tt_sim_listener){500, 1});
    tt_sim_addresses_remove(&index, &group, (tt_sim_listener){501, 0}); // is none of it
    const tt_sim_place *place = tt_sim_addresses_find(&index, &group);
    REQUIRE(place != NULL && place->count == 999);
    for (unsigned i = 0; i < 999; i++) // in their order
        EXPECT_EQUAL(place->listeners[i].node, i + (i >= 500));
    tt_sim_addresses_free(&index);
}

// ---- words

static void expect_words(const char *words, uint16_t port, const void *bytes, size_t length)
{
    char line[200];
    tt_text out;
    tt_endpoint from = endpoint(1, port), to = endpoint(2, port);
    tt_text_init(&out, line, sizeof(line));
    tt_sim_describe(tt_sim_message_of(&from, &to, bytes, length), bytes, length, &out);
    EXPECT_TEXT(line, words);
}

static void test_words(void)
{
    static const uint8_t post[] = {0x42, 2,   0,   0xa7, 0x1f, 0x03, 0xb4,
                                   'e',  'c', 'h', 'o',  0xff, 1,    2};
    static const uint8_t notify[] = {0x51, 0x45, 0x12, 0x34, 7, 0x61, 5, 0xd1, 4, 0x1e};
    static const uint8_t continued[] = {0x60, 0x5f, 0, 9};
    static const uint8_t empty[] = {0x60, 0, 0, 9}, reset[] = {0x70, 0, 0, 9};
    static const uint8_t cut[] = {0x48, 1, 0, 9};
    static const uint8_t question[] = {0, 0, 1, 0, 0, 1, 0, 2, 0, 0, 0, 0, 1, 'a', 0, 0, 12, 0, 1};
    static const uint8_t goodbye[] = {0,   0, 0x84, 0,  0, 0, 0, 1, 0, 0, 0, 0, 1,
                                      'b', 0, 0,    16, 0, 1, 0, 0, 0, 0, 0, 0};
    expect_words("CoAP CON POST /echo id 00a7 token 1f03 body 2", 5683, post, sizeof(post));
    expect_words("CoAP NON 2.05 id 1234 token 07 observe 5 block2 1/1024+", 5683, notify,
                 sizeof(notify));
    expect_words("CoAP ACK 2.31 id 0009", 5683, continued, sizeof(continued));
    expect_words("CoAP ACK empty id 0009", 5683, empty, sizeof(empty));
    expect_words("CoAP RST empty id 0009", 5683, reset, sizeof(reset));
    expect_words("CoAP CON GET id 0009, malformed", 5683, cut, sizeof(cut));
    expect_words("mDNS question 1+2+0+0, type 12 of a", 5353, question, sizeof(question));
    expect_words("mDNS answer 0+1+0+0, type 16 of b, goodbye", 5353, goodbye, sizeof(goodbye));
    expect_words("mDNS question 1+2+0+0", 5353, question, 12);
    expect_words("other 0102", 5683, (uint8_t[]){1, 2}, 2);
    expect_words("other ", 5683, "", 0);
}

// ---- the capture, read as its format says

static uint32_t ones_sum(const uint8_t *bytes, size_t length)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < length; i++)
        sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
    return sum;
}

// One packet of raw IPv6; returns the length of its UDP payload, which begins at 48.
static size_t check_packet(const uint8_t *packet, size_t length)
{
    REQUIRE(length >= 48);
    size_t udp = (size_t)packet[4] << 8 | packet[5];
    EXPECT(packet[0] == 0x60 && packet[6] == 17 && udp + 40 == length);
    EXPECT_EQUAL((size_t)packet[44] << 8 | packet[45], udp);
    uint32_t sum = ones_sum(packet + 8, 32) + ones_sum(packet + 40, udp) + (uint32_t)udp + 17;
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    EXPECT_EQUAL(sum, 0xffff);
    return udp - 8;
}

static void test_capture(void)
{
    char *bytes;
    size_t length;
    FILE *pcap = open_memstream(&bytes, &length);
    begin(&(tt_sim_options){.seed = 3, .pcap = pcap, .faults = "loss 100% at 6s\nrebind 1 at 6s"});
    run_for(TT_SECONDS(2) + TT_US(5));
    tt_endpoint to = tt_sim_endpoint(sim, 0), from = tt_sim_endpoint(sim, 1);
    send_long(1, to, 77, 9); // an odd length
    fclose(pcap);
    tt_reader r;
    tt_reader_init(&r, bytes, length);
    EXPECT(tt_read_le32(&r) == 0xa1b23c4d && tt_read_le16(&r) == 2 && tt_read_le16(&r) == 4);
    EXPECT(tt_read_le64(&r) == 0 && tt_read_le32(&r) == 65535 && tt_read_le32(&r) == 101);
    tt_time when = 0;
    uint64_t packets = 0, all = 0, sent = 0, sent_bytes = 0;
    const uint8_t *packet = NULL;
    while (tt_reader_left(&r) > 0) {
        tt_time at = TT_SECONDS(tt_read_le32(&r));
        at += tt_read_le32(&r);
        uint32_t kept = tt_read_le32(&r);
        EXPECT(at >= when && tt_read_le32(&r) == kept);
        when = at;
        packet = tt_read_bytes(&r, kept);
        REQUIRE(packet != NULL);
        check_packet(packet, kept);
        packets++;
        all += kept;
    }
    for (unsigned i = 0; i < TT_SIM_MESSAGES; i++) {
        sent += tt_sim_count(sim)->sent[i].datagrams;
        sent_bytes += tt_sim_count(sim)->sent[i].bytes;
    }
    EXPECT(packets == sent && all == sent_bytes && packets > 20);
    // The last one: when it was sent, from the port that others see.
    REQUIRE(packet != NULL);
    EXPECT_EQUAL(when, TT_SECONDS(7) + TT_US(5));
    EXPECT(memcmp(packet + 8, from.ip, 16) == 0 && memcmp(packet + 24, to.ip, 16) == 0);
    EXPECT(from.port != TT_BUS_PORT && packet[40] == from.port >> 8 &&
           packet[41] == (from.port & 0xff));
    EXPECT(packet[42] == to.port >> 8 && packet[43] == (to.port & 0xff) && packet[55] == 77);
    sim->options.pcap = NULL;
    end();
    free(bytes);
}

// A line of the trace: time, from, to, bytes, message, fate.
static void test_line(void)
{
    begin_with("delay 1.5ms");
    send_marker(2, tt_sim_endpoint(sim, 1), 5);
    run_for(TT_SECONDS(1));
    fflush(trace);
    EXPECT(
        strstr(text, "\n5.001500000 2 > 1 8 other 0000000000000005: arrived after 1.500000 ms\n") !=
        NULL);
    EXPECT(strncmp(text, "0.000000000 0: starts, life 1\n", 30) == 0);
    EXPECT(strstr(text, " 0 > group ") != NULL && strstr(text, " > 2 ") != NULL);
    end();
}

int main(void)
{
    test_heap();
    test_addresses();
    test_words();
    test_capture();
    test_line();
    return test_result();
}
