// One device, and what strangers say to it and hear from it: for tests of discovery by messages
// that are made record by record, in virtual time.

#ifndef TUTTI_TESTS_BUS_MDNS_H
#define TUTTI_TESTS_BUS_MDNS_H

#include "bus/dns.h"
#include "tests/test.h"
#include "tutti/check.h"
#include "tutti/discovery.h"

#define TT_MDNS_HELPER static __attribute__((unused)) // no test needs all

#define NAME "watch-0001"
#define SERVICE "_coap._udp.local"
#define INSTANCE NAME "." SERVICE
#define HOST NAME ".local"
#define IN TT_DNS_CLASS_IN
#define FLUSH (TT_DNS_CLASS_IN | TT_DNS_TOP_BIT)
#define PEERS 16
#define BOOT 0x11

static tt_discovery d;
static tt_peer peers[PEERS];
static tt_discovery_other others[4];
static tt_time time_now;
static unsigned found, gone, doubted, restarted;
static const tt_endpoint own = {.ip = {0xfe, 0x80, [15] = 1}, .interface = 1};
static const tt_endpoint stranger = {
    .ip = {0xfe, 0x80, [15] = 9}, .port = TT_MDNS_PORT, .interface = 1};
static const tt_endpoint stranger4 = {.ip = {[10] = 0xff, 0xff, 169, 254, 0, 9},
                                      .port = TT_MDNS_PORT};

static uint8_t said[TT_MDNS_MESSAGE_MAX];
static size_t said_length;
static tt_endpoint said_to;

TT_MDNS_HELPER void on_peer(tt_discovery *discovery, tt_time now, tt_peer_event event,
                            const tt_peer *peer, void *context)
{
    (void)discovery, (void)now, (void)peer, (void)context;
    found += event == TT_PEER_FOUND;
    gone += event == TT_PEER_GONE;
    doubted += event == TT_PEER_DOUBTED;
    restarted += event == TT_PEER_RESTARTED;
}

// The next thing that is said within `duration`, at most; false: nothing is.
TT_MDNS_HELPER bool says(tt_time duration)
{
    for (tt_time end = time_now + duration;; time_now += TT_MS(1)) {
        tt_discovery_advance(&d, time_now);
        if (tt_discovery_transmit(&d, time_now, &said_to, said, sizeof(said), &said_length) ==
            TT_OK)
            return true;
        if (time_now >= end)
            return false;
    }
}

// The next thing that is said and is no question of its own.
TT_MDNS_HELPER bool answers(tt_time duration)
{
    for (tt_time end = time_now + duration; says(end - time_now);)
        if ((said[2] & 0x80) != 0)
            return true;
    return false;
}

TT_MDNS_HELPER void pass(tt_time duration)
{
    for (tt_time end = time_now + duration; time_now < end;)
        says(end - time_now);
}

static __attribute__((unused)) bool announces_only; // it looks for nobody

TT_MDNS_HELPER void start(bool probing)
{
    time_now = TT_SECONDS(1);
    found = gone = doubted = restarted = 0;
    tt_discovery_options options = {.name = NAME,
                                    .kind = "watch",
                                    .port = 5683,
                                    .boot = BOOT,
                                    .seed = 7,
                                    .browse = !announces_only,
                                    .peers = peers,
                                    .peers_max = PEERS,
                                    .others = others,
                                    .others_max = TT_COUNT(others),
                                    .on_peer = on_peer};
    if (announces_only)
        REQUIRE(tt_discovery_init_announcer(&d, time_now, &options) == TT_OK);
    else
        REQUIRE(tt_discovery_init(&d, time_now, &options) == TT_OK);
    tt_discovery_set_addresses(&d, time_now, &own, 1);
    if (!probing)
        pass(TT_SECONDS(20)); // its own next question is far
}

// A message of somebody else, made record by record.
static uint8_t message[TT_MDNS_MESSAGE_MAX];
static tt_writer w;
static tt_dns_header header;

TT_MDNS_HELPER void begin(uint16_t flags)
{
    header = (tt_dns_header){.flags = flags};
    tt_writer_init(&w, message, sizeof(message));
    tt_dns_header_write(&w, &header);
}

TT_MDNS_HELPER void question(const char *name, uint16_t type, uint16_t class)
{
    tt_dns_name_write(&w, name);
    tt_write_be16(&w, type);
    tt_write_be16(&w, class);
    header.questions++;
}

TT_MDNS_HELPER void pointer(const char *name, uint16_t class, uint32_t ttl, const char *instance)
{
    size_t at = tt_dns_record_begin(&w, name, TT_DNS_PTR, class, ttl);
    tt_dns_name_write(&w, instance);
    tt_dns_record_end(&w, at);
    header.answers++;
}

TT_MDNS_HELPER void place(const char *instance, uint16_t class, uint32_t ttl, uint16_t port,
                          const char *host)
{
    size_t at = tt_dns_record_begin(&w, instance, TT_DNS_SRV, class, ttl);
    tt_write_be32(&w, 0);
    tt_write_be16(&w, port);
    tt_dns_name_write(&w, host);
    tt_dns_record_end(&w, at);
    header.answers++;
}

TT_MDNS_HELPER void text(const char *instance, uint16_t class, uint32_t ttl, const char *pair)
{
    size_t at = tt_dns_record_begin(&w, instance, TT_DNS_TXT, class, ttl);
    tt_write_u8(&w, (uint8_t)strlen(pair));
    tt_write_bytes(&w, pair, strlen(pair));
    tt_dns_record_end(&w, at);
    header.answers++;
}

TT_MDNS_HELPER void address(const char *host, uint16_t class, uint32_t ttl, uint8_t last)
{
    size_t at = tt_dns_record_begin(&w, host, TT_DNS_AAAA, class, ttl);
    uint8_t ip[16] = {0xfe, 0x80, [15] = last};
    tt_write_bytes(&w, ip, sizeof(ip));
    tt_dns_record_end(&w, at);
    header.answers++;
}

TT_MDNS_HELPER void hear_from(const tt_endpoint *from)
{
    tt_writer head;
    REQUIRE(!w.failed);
    tt_writer_init(&head, message, sizeof(message));
    tt_dns_header_write(&head, &header);
    tt_discovery_receive(&d, time_now, from, message, w.length);
}

TT_MDNS_HELPER void hear(void)
{
    hear_from(&stranger);
}

// What was said last, as its header and how often it has a record or question of a name and type.
TT_MDNS_HELPER tt_dns_header said_header(void)
{
    tt_reader r;
    tt_dns_header h;
    tt_reader_init(&r, said, said_length);
    tt_dns_header_read(&r, &h);
    return h;
}

TT_MDNS_HELPER unsigned says_record(const char *name, uint16_t type)
{
    tt_reader r;
    tt_dns_header h;
    tt_dns_record record;
    unsigned count = 0;
    tt_reader_init(&r, said, said_length);
    tt_dns_header_read(&r, &h);
    for (unsigned i = 0; i < h.questions; i++)
        REQUIRE(tt_dns_question_read(&r, &record) == TT_OK);
    for (unsigned i = 0; i < h.answers + (unsigned)h.authorities; i++) {
        REQUIRE(tt_dns_record_read(&r, &record) == TT_OK);
        count += tt_text_same_name(record.name, name) && record.type == type;
    }
    return count;
}

TT_MDNS_HELPER void announce(const char *name, uint8_t last, const char *boot)
{
    char instance[80], host[80];
    snprintf(instance, sizeof(instance), "%s." SERVICE, name);
    snprintf(host, sizeof(host), "%s.local", name);
    begin(TT_DNS_RESPONSE);
    pointer(SERVICE, IN, 120, instance);
    place(instance, FLUSH, 120, 5683, host);
    size_t at = tt_dns_record_begin(&w, instance, TT_DNS_TXT, FLUSH, 120);
    tt_write_u8(&w, 9);
    tt_write_bytes(&w, "kind=lamp", 9);
    tt_write_u8(&w, (uint8_t)strlen(boot));
    tt_write_bytes(&w, boot, strlen(boot));
    tt_dns_record_end(&w, at);
    header.answers++;
    address(host, FLUSH, 120, last);
    tt_endpoint from = stranger;
    from.ip[15] = last;
    hear_from(&from);
}

#endif
