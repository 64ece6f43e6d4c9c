// What discovery says, byte by byte, and each field of what it hears.

#include "bus/discovery_internal.h"
#include "tests/bus/mdns.h"

static void our_text(const char *name, uint16_t class, uint32_t ttl)
{
    size_t at = tt_dns_record_begin(&w, name, TT_DNS_TXT, class, ttl);
    static const char pairs[] = "\12kind=watch\15boot=00000011\6wire=1";
    tt_write_bytes(&w, pairs, sizeof(pairs) - 1);
    tt_dns_record_end(&w, at);
    header.answers++;
}

// All that this device tells, as it is expected: behind what was begun.
static void our_records(uint16_t unique, uint32_t ttl)
{
    pointer(SERVICE, IN, ttl, INSTANCE);
    pointer("_services._dns-sd._udp.local", IN, ttl, SERVICE);
    place(INSTANCE, unique, ttl, 5683, HOST);
    our_text(INSTANCE, unique, ttl);
    address(HOST, unique, ttl, 1);
}

static void expect_said(void)
{
    tt_writer head;
    tt_writer_init(&head, message, sizeof(message));
    tt_dns_header_write(&head, &header);
    EXPECT(said_length == w.length && memcmp(said, message, w.length) == 0);
}

static void test_said(void)
{
    start(true);
    while ((said_header().flags & 0x8000) != 0 || said_header().authorities == 0)
        REQUIRE(says(TT_SECONDS(1)));
    begin(0); // the probe
    question(INSTANCE, TT_DNS_ANY, FLUSH);
    question(HOST, TT_DNS_ANY, FLUSH);
    place(INSTANCE, IN, 120, 5683, HOST);
    our_text(INSTANCE, IN, 120);
    address(HOST, IN, 120, 1);
    header.authorities = header.answers;
    header.answers = 0;
    expect_said();
    REQUIRE(answers(TT_SECONDS(5)));
    begin(TT_DNS_RESPONSE); // what is announced
    our_records(FLUSH, 120);
    expect_said();
    pass(TT_SECONDS(20));
    begin(0); // a plain resolver, that asks two things of us: the first is repeated
    question("other.local", TT_DNS_AAAA, IN);
    question(INSTANCE, TT_DNS_SRV, IN);
    question(SERVICE, TT_DNS_PTR, IN);
    header.id = 0x1234;
    tt_endpoint resolver = stranger;
    resolver.port = 40000;
    hear_from(&resolver);
    REQUIRE(says(0));
    EXPECT(tt_endpoint_equal(&said_to, &resolver));
    begin(TT_DNS_RESPONSE);
    header.id = 0x1234;
    question(INSTANCE, TT_DNS_SRV, IN);
    our_records(IN, 10);
    expect_said();
    tt_discovery_goodbye(&d, time_now);
    REQUIRE(says(TT_SECONDS(1)));
    begin(TT_DNS_RESPONSE);
    our_records(FLUSH, 0);
    expect_said();
    EXPECT(!answers(TT_SECONDS(100)));
}

static void test_groups(void)
{
    static const uint8_t four[16] = {[10] = 0xff, 0xff, 224, 0, 0, 251};
    static const uint8_t six[16] = {0xff, 2, [15] = 0xfb};
    EXPECT(memcmp(tt_mdns_groups[0].ip, four, 16) == 0 && tt_mdns_groups[0].port == 5353);
    EXPECT(memcmp(tt_mdns_groups[1].ip, six, 16) == 0 && tt_mdns_groups[1].port == 5353);
    EXPECT(tt_mdns_groups[0].interface == 0 && tt_mdns_groups[1].interface == 0);
}

// A device of which all is told but its address, whose record has a type and so many bytes.
static void announce_address(uint16_t type, const uint8_t *ip, size_t length, uint32_t ttl)
{
    begin(TT_DNS_RESPONSE);
    place("lamp." SERVICE, FLUSH, 120, 5683, "lamp.local");
    text("lamp." SERVICE, FLUSH, 120, "kind=lamp");
    size_t at = tt_dns_record_begin(&w, "lamp.local", type, FLUSH, ttl);
    tt_write_bytes(&w, ip, length);
    tt_dns_record_end(&w, at);
    header.answers++;
    hear();
}

static void test_addresses(void)
{
    static const uint8_t four[20] = {192, 168, 3, 4}, six[20] = {0xfe, 0x80, [15] = 7};
    static const uint8_t mapped[16] = {[10] = 0xff, 0xff, 192, 168, 3, 4};
    for (size_t length = 0; length <= 17; length++) {
        start(false);
        announce_address(TT_DNS_A, four, length, 120);
        EXPECT_EQUAL(found, length == 4);
        if (length == 4)
            EXPECT(memcmp(peers[0].endpoint.ip, mapped, 16) == 0 &&
                   peers[0].endpoint.interface == 0 && peers[0].endpoint.port == 5683);
        start(false);
        announce_address(TT_DNS_AAAA, six, length, 120);
        EXPECT_EQUAL(found, length == 16);
        if (length == 16)
            EXPECT(memcmp(peers[0].endpoint.ip, six, 16) == 0 &&
                   peers[0].endpoint.interface == stranger.interface);
    }
    start(false);
    announce_address(TT_DNS_AAAA, six, 16, 0); // it is told that it is none
    EXPECT_EQUAL(found, 0);
    start(false);
    announce_address(TT_DNS_TXT, six, 16, 120);
    EXPECT_EQUAL(found, 0);
}

// Only of one who is lost it means something that it speaks.
static void test_speaking(void)
{
    for (int lost = 0; lost < 2; lost++) {
        start(false);
        announce("lamp", 20, "boot=5");
        if (lost)
            tt_discovery_gone(&d, time_now, &peers[0]);
        peers[0].watch.next = 77;
        tt_endpoint from = peers[0].endpoint;
        from.port = TT_MDNS_PORT;
        begin(0);
        question("tv." SERVICE, TT_DNS_ANY, IN);
        hear_from(&stranger);
        EXPECT_EQUAL(peers[0].watch.next, 77);
        hear_from(&from);
        EXPECT_EQUAL(peers[0].watch.next, lost ? time_now : 77);
    }
}

// Both probe, with the same text: the port decides, then the host; what is behind the claims is
// none.
static void test_claimed_places(void)
{
    static const struct {
        uint16_t port;
        const char *host;
        bool behind, theirs;
    } cases[] = {
        {5683, HOST, false, false},
        {5684, HOST, false, true},
        {5682, HOST, false, false},
        {5683, "watch-0002.local", false, true},
        {5683, "watch-0000.local", false, false},
        {5683, HOST, true, false},
    };
    for (size_t i = 0; i < TT_COUNT(cases); i++) {
        start(true);
        while (d.state.probes < 2)
            REQUIRE(says(TT_SECONDS(2)));
        begin(0);
        question(INSTANCE, TT_DNS_ANY, FLUSH);
        our_text(INSTANCE, IN, 120);
        place(INSTANCE, IN, 120, cases[i].port, cases[i].host);
        header.authorities = header.answers;
        header.answers = 0;
        if (cases[i].behind) {
            tt_dns_record_end(&w, tt_dns_record_begin(&w, INSTANCE, 47, IN, 120)); // NSEC
            header.answers = 1;
            header.additionals = header.answers;
            header.answers = 0;
        }
        hear();
        EXPECT_EQUAL(d.state.probes, cases[i].theirs ? 0 : 2);
    }
}

int main(void)
{
    test_said();
    test_groups();
    test_addresses();
    test_speaking();
    test_claimed_places();
    return test_result();
}
