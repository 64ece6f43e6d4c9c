// Discovery read against RFC 6762 and 6763, section by section: one device, and what strangers say
// to it and hear from it.

#include "bus/dns.h"
#include "tests/test.h"
#include "tutti/check.h"
#include "tutti/discovery.h"

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
static unsigned found, gone, doubted;
static const tt_endpoint own = {.ip = {0xfe, 0x80, [15] = 1}, .interface = 1};
static const tt_endpoint stranger = {
    .ip = {0xfe, 0x80, [15] = 9}, .port = TT_MDNS_PORT, .interface = 1};
static const tt_endpoint stranger4 = {.ip = {[10] = 0xff, 0xff, 169, 254, 0, 9},
                                      .port = TT_MDNS_PORT};

static uint8_t said[TT_MDNS_MESSAGE_MAX];
static size_t said_length;
static tt_endpoint said_to;

static void on_peer(tt_discovery *discovery, tt_time now, tt_peer_event event, const tt_peer *peer,
                    void *context)
{
    (void)discovery, (void)now, (void)peer, (void)context;
    found += event == TT_PEER_FOUND;
    gone += event == TT_PEER_GONE;
    doubted += event == TT_PEER_DOUBTED;
}

// The next thing that is said within `duration`, at most; false: nothing is.
static bool says(tt_time duration)
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
static bool answers(tt_time duration)
{
    for (tt_time end = time_now + duration; says(end - time_now);)
        if ((said[2] & 0x80) != 0)
            return true;
    return false;
}

static void pass(tt_time duration)
{
    for (tt_time end = time_now + duration; time_now < end;)
        says(end - time_now);
}

static void start(bool probing)
{
    time_now = TT_SECONDS(1);
    found = gone = doubted = 0;
    tt_discovery_options options = {.name = NAME,
                                    .kind = "watch",
                                    .port = 5683,
                                    .boot = BOOT,
                                    .seed = 7,
                                    .browse = true,
                                    .peers = peers,
                                    .peers_max = PEERS,
                                    .others = others,
                                    .others_max = TT_COUNT(others),
                                    .on_peer = on_peer};
    REQUIRE(tt_discovery_init(&d, time_now, &options) == TT_OK);
    tt_discovery_set_addresses(&d, time_now, &own, 1);
    if (!probing)
        pass(TT_SECONDS(20)); // its own next question is far
}

// A message of somebody else, made record by record.
static uint8_t message[TT_MDNS_MESSAGE_MAX];
static tt_writer w;
static tt_dns_header header;

static void begin(uint16_t flags)
{
    header = (tt_dns_header){.flags = flags};
    tt_writer_init(&w, message, sizeof(message));
    tt_dns_header_write(&w, &header);
}

static void question(const char *name, uint16_t type, uint16_t class)
{
    tt_dns_name_write(&w, name);
    tt_write_be16(&w, type);
    tt_write_be16(&w, class);
    header.questions++;
}

static void pointer(const char *name, uint16_t class, uint32_t ttl, const char *instance)
{
    size_t at = tt_dns_record_begin(&w, name, TT_DNS_PTR, class, ttl);
    tt_dns_name_write(&w, instance);
    tt_dns_record_end(&w, at);
    header.answers++;
}

static void place(const char *instance, uint16_t class, uint32_t ttl, uint16_t port,
                  const char *host)
{
    size_t at = tt_dns_record_begin(&w, instance, TT_DNS_SRV, class, ttl);
    tt_write_be32(&w, 0);
    tt_write_be16(&w, port);
    tt_dns_name_write(&w, host);
    tt_dns_record_end(&w, at);
    header.answers++;
}

static void text(const char *instance, uint16_t class, uint32_t ttl, const char *pair)
{
    size_t at = tt_dns_record_begin(&w, instance, TT_DNS_TXT, class, ttl);
    tt_write_u8(&w, (uint8_t)strlen(pair));
    tt_write_bytes(&w, pair, strlen(pair));
    tt_dns_record_end(&w, at);
    header.answers++;
}

static void address(const char *host, uint16_t class, uint32_t ttl, uint8_t last)
{
    size_t at = tt_dns_record_begin(&w, host, TT_DNS_AAAA, class, ttl);
    uint8_t ip[16] = {0xfe, 0x80, [15] = last};
    tt_write_bytes(&w, ip, sizeof(ip));
    tt_dns_record_end(&w, at);
    header.answers++;
}

static void hear_from(const tt_endpoint *from)
{
    tt_writer head;
    REQUIRE(!w.failed);
    tt_writer_init(&head, message, sizeof(message));
    tt_dns_header_write(&head, &header);
    tt_discovery_receive(&d, time_now, from, message, w.length);
}

static void hear(void)
{
    hear_from(&stranger);
}

// What was said last, as its header and how often it has a record or question of a name and type.
static tt_dns_header said_header(void)
{
    tt_reader r;
    tt_dns_header h;
    tt_reader_init(&r, said, said_length);
    tt_dns_header_read(&r, &h);
    return h;
}

static unsigned says_record(const char *name, uint16_t type)
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

static void announce(const char *name, uint8_t last, const char *boot)
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

// RFC 1035, 3.2.4 and RFC 6762, 18.13: records and questions of another class are not of ours; the
// top bit of a class is no part of it.
static void test_classes(void)
{
    static const struct {
        uint16_t class;
        bool answered;
    } questions[] = {{1, true},  {0x8001, true},  {255, true},
                     {3, false}, {0x8003, false}, {0, false}};
    start(false);
    for (size_t i = 0; i < TT_COUNT(questions); i++) {
        begin(0);
        question(SERVICE, TT_DNS_PTR, questions[i].class);
        hear();
        EXPECT_EQUAL(answers(TT_SECONDS(1)), questions[i].answered);
        pass(TT_SECONDS(2));
    }
    for (unsigned i = 0; i < 2; i++) {
        uint16_t class = i == 0 ? 3 : IN;
        begin(TT_DNS_RESPONSE);
        pointer(SERVICE, class, 120, "lamp." SERVICE);
        place("lamp." SERVICE, class, 120, 5683, "lamp.local");
        text("lamp." SERVICE, class, 120, "kind=lamp");
        address("lamp.local", class, 120, 9);
        hear();
        EXPECT_EQUAL(found, i);
    }
}

// 6: an answer of what is ours alone comes at once, one that many give after 20 to 120 ms, and each
// goes to the zone in which it was asked (20); the same again only after a second.
static void test_answer_times(void)
{
    start(false);
    for (unsigned i = 0; i < 20; i++) {
        bool shared = i % 2 == 0, ipv4 = i % 4 < 2;
        begin(0);
        question(shared ? SERVICE : HOST, shared ? TT_DNS_PTR : TT_DNS_AAAA, IN);
        tt_time asked = time_now;
        hear_from(ipv4 ? &stranger4 : &stranger);
        REQUIRE(answers(TT_SECONDS(1)));
        tt_time after = time_now - asked;
        EXPECT(shared ? after >= TT_MS(20) && after <= TT_MS(121) : after <= TT_MS(10));
        EXPECT(said_to.ip[0] == (ipv4 ? 0 : 0xff) && said_to.ip[12] == (ipv4 ? 224 : 0));
        time_now += TT_SECONDS(1);
    }
    begin(0);
    question(HOST, TT_DNS_AAAA, IN);
    hear();
    REQUIRE(answers(TT_MS(10)));
    hear();
    EXPECT(!answers(TT_MS(950)));
    EXPECT(answers(TT_MS(60)));
}

// 5.4: who wants its own answer gets that, but once in a while all get it.
static void test_unicast(void)
{
    start(false);
    begin(0);
    question(SERVICE, TT_DNS_PTR, FLUSH);
    hear();
    REQUIRE(answers(TT_SECONDS(1)));
    EXPECT(tt_endpoint_equal(&said_to, &stranger));
    time_now += TT_SECONDS(31);
    hear();
    REQUIRE(answers(TT_SECONDS(1)));
    EXPECT(tt_endpoint_is_multicast(&said_to));
}

// 7.2: who goes on telling what it knows is answered after that, and not if it knows us.
static void test_truncated(void)
{
    for (unsigned told = 0; told < 3; told++) { // nothing more, another, us
        start(false);
        tt_time asked = time_now;
        begin(TT_DNS_TRUNCATED);
        question(SERVICE, TT_DNS_PTR, IN);
        pointer(SERVICE, IN, 120, "lamp." SERVICE);
        hear();
        EXPECT(!answers(TT_MS(150)));
        begin(0);
        pointer(SERVICE, IN, 120, told == 2 ? INSTANCE : "tv." SERVICE);
        if (told > 0)
            hear();
        EXPECT_EQUAL(answers(asked + TT_MS(600) - time_now), told < 2);
        EXPECT(told == 2 || time_now - asked >= TT_MS(400));
    }
}

// 7.2 the other way: more known answers than one datagram holds are told in several.
static void test_known_answers(void)
{
    char name[TT_NAME_MAX];
    start(false);
    for (unsigned i = 0; i < PEERS; i++) {
        snprintf(name, sizeof(name), "lamp-%026u", i);
        announce(name, (uint8_t)(20 + i), "boot=5");
    }
    EXPECT_EQUAL(found, PEERS);
    tt_discovery_ask_again(&d, time_now);
    unsigned known = 0, questions = 0, datagrams = 0;
    bool more = true;
    while (more && datagrams < 5) {
        REQUIRE(says(TT_SECONDS(2)));
        if (said_header().flags & 0x8000)
            continue; // it announces itself, too
        more = (said_header().flags & TT_DNS_TRUNCATED) != 0;
        questions += said_header().questions;
        known += says_record(SERVICE, TT_DNS_PTR);
        datagrams++;
    }
    EXPECT(!more && datagrams == 2 && questions == 1);
    EXPECT_EQUAL(known, PEERS);
}

// 7.3: another's question serves us where it leaves out nobody whom we want to hear. Where its
// asker knows one that we do not, or is one, we ask ourselves.
static void test_duplicate_questions(void)
{
    static const struct {
        const char *known; // by the asker
        uint8_t asker;
        bool serves;
    } cases[] = {{NULL, 20, true},
                 {"lamp." SERVICE, 20, true},
                 {INSTANCE, 20, true},
                 {"tv." SERVICE, 20, false},
                 {NULL, 99, false}};
    for (size_t i = 0; i < TT_COUNT(cases); i++) {
        start(false);
        announce("lamp", 20, "boot=5");
        pass(TT_SECONDS(10));
        tt_time planned = d.state.query_at;
        REQUIRE(planned > time_now && planned < time_now + TT_SECONDS(60));
        pass(planned - time_now - TT_SECONDS(2));
        begin(0);
        question(SERVICE, TT_DNS_PTR, IN);
        if (cases[i].known != NULL)
            pointer(SERVICE, IN, 120, cases[i].known);
        tt_endpoint from = stranger;
        from.ip[15] = cases[i].asker;
        hear_from(&from);
        bool asks = false;
        for (tt_time end = time_now + TT_SECONDS(4); time_now < end;)
            asks |= says(end - time_now) && (said_header().flags & 0x8000) == 0;
        EXPECT_EQUAL(asks, !cases[i].serves);
    }
}

// 5.2: records are asked for anew at 80, 85, 90 and 95 % of their life, and doubted at its end.
static void test_renewal(void)
{
    start(false);
    announce("lamp", 20, "boot=5");
    tt_time heard = time_now;
    unsigned asked = 0;
    while (time_now < heard + TT_SECONDS(119)) {
        if (!says(heard + TT_SECONDS(119) - time_now) || (said_header().flags & 0x8000) != 0)
            continue;
        tt_time age = time_now - heard;
        if (age < TT_SECONDS(60))
            continue; // as planned
        tt_time share = TT_SECONDS(96 + 6 * (tt_time)asked++);
        EXPECT(age >= share && age <= share + TT_MS(2500));
        // In the zone in which it was heard; in the end in both.
        EXPECT(asked > 2 || said_to.ip[0] == 0xff);
        EXPECT(asked < 4 || said_to.ip[0] == 0);
    }
    EXPECT_EQUAL(asked, 4);
    EXPECT_EQUAL(doubted, 0);
    pass(TT_SECONDS(2));
    EXPECT_EQUAL(doubted, 1);
    EXPECT_EQUAL(gone, 0);
}

// 8.2: of two who want a name at once the one whose records compare greater has it, by whatever
// record they differ; the other tries once more after a second.
static void test_simultaneous_probes(void)
{
    static const struct {
        uint16_t type;
        uint16_t port;
        const char *pair;
        uint8_t last;
        bool theirs; // is the greater
    } cases[] = {
        {TT_DNS_SRV, 5684, NULL, 0, true}, // a type after ours, and nothing of the one before
        {TT_DNS_TXT, 0, "kind=watcg", 0, false}, {TT_DNS_TXT, 0, "kind=watci", 0, true},
        {TT_DNS_AAAA, 0, NULL, 2, true},         {TT_DNS_AAAA, 0, NULL, 0, false},
        {TT_DNS_AAAA, 0, NULL, 1, false}, // the same
    };
    for (size_t i = 0; i < TT_COUNT(cases); i++) {
        start(true);
        while (d.state.probes < 2)
            REQUIRE(says(TT_SECONDS(2)));
        begin(0);
        question(cases[i].type == TT_DNS_AAAA ? HOST : INSTANCE, TT_DNS_ANY, FLUSH);
        if (cases[i].type == TT_DNS_SRV)
            place(INSTANCE, IN, 120, cases[i].port, HOST);
        if (cases[i].type == TT_DNS_TXT)
            text(INSTANCE, IN, 120, cases[i].pair);
        if (cases[i].type == TT_DNS_AAAA)
            address(HOST, IN, 120, cases[i].last);
        header.authorities = header.answers;
        header.answers = 0;
        tt_time claimed = time_now;
        hear();
        EXPECT_TEXT(d.name, NAME);
        EXPECT_EQUAL(d.state.probes, cases[i].theirs ? 0 : 2);
        while (d.state.probes == 0)
            says(TT_SECONDS(2));
        EXPECT(!cases[i].theirs || time_now - claimed >= TT_MS(1000));
        pass(TT_SECONDS(3));
        EXPECT_TEXT(d.name, NAME); // nobody has it after all
    }
}

// 9: whoever says something else of what is ours alone has our name, by whatever record; who says
// the same, or is we ourselves, heard again, has not.
static void test_conflicts(void)
{
    static const struct {
        const char *what;
        bool conflict;
    } cases[] = {{"port", true},      {"host", true}, {"address", true},     {"text", true},
                 {"the same", false}, {"own", false}, {"own, older", false}, {"goodbye", false}};
    for (size_t i = 0; i < TT_COUNT(cases); i++) {
        start(false);
        begin(TT_DNS_RESPONSE);
        if (i == 0)
            place(INSTANCE, FLUSH, 120, 5684, HOST);
        if (i == 1)
            place(INSTANCE, FLUSH, 120, 5683, "other.local");
        if (i == 2)
            address(HOST, FLUSH, 120, 2);
        if (i == 3)
            text(INSTANCE, FLUSH, 120, "kind=lamp");
        if (i == 4) {
            place(INSTANCE, FLUSH, 120, 5683, HOST);
            address("WATCH-0001.local", FLUSH, 120, 1);
        }
        if (i == 5 || i == 6)
            text(INSTANCE, FLUSH, 120, "boot=00000011");
        if (i == 6)
            address(HOST, FLUSH, 120, 2);
        if (i == 7)
            place(INSTANCE, FLUSH, 0, 5684, HOST);
        hear();
        EXPECT_EQUAL(!tt_discovery_owns_name(&d), cases[i].conflict);
        pass(TT_SECONDS(3));
        EXPECT(tt_discovery_owns_name(&d));
        EXPECT_TEXT(d.name, NAME); // nobody defends it
    }
}

// 8.1, 6: a name that is ours is defended against each who probes, not more often than each 250 ms;
// the probe is for the host's name, too.
static void test_defence(void)
{
    start(true);
    REQUIRE(says(TT_SECONDS(1)));
    while ((said_header().flags & 0x8000) != 0 || said_header().authorities == 0)
        REQUIRE(says(TT_SECONDS(1)));
    EXPECT_EQUAL(said_header().questions, 2);
    EXPECT(says_record(INSTANCE, TT_DNS_SRV) == 1 && says_record(INSTANCE, TT_DNS_TXT) == 1);
    EXPECT(says_record(HOST, TT_DNS_AAAA) == 1);
    pass(TT_SECONDS(20));
    unsigned told = 0;
    for (tt_time end = time_now + TT_SECONDS(5); time_now < end;) {
        begin(0);
        question(INSTANCE, TT_DNS_ANY, FLUSH);
        text(INSTANCE, IN, 120, "kind=lamp");
        header.authorities = header.answers;
        header.answers = 0;
        hear();
        told += says(TT_MS(10)) && (said_header().flags & 0x8000) != 0;
    }
    EXPECT(told >= 15 && told <= 21);
    EXPECT(tt_discovery_owns_name(&d));
}

// 10.2: who tells all addresses of a host and leaves out the one that we know makes us doubt; who
// has several does not. 10.1: nor does a goodbye end anything by itself.
static void test_hints(void)
{
    start(false);
    announce("lamp", 20, "boot=5");
    REQUIRE(found == 1);
    begin(TT_DNS_RESPONSE);
    address("LAMP.local", FLUSH, 120, 77);
    address("lamp.local", FLUSH, 120, 20);
    hear();
    begin(TT_DNS_RESPONSE);
    address("lamp.local", IN, 120, 77); // without the bit it is one more
    hear();
    announce("lamp", 20, "boot=5");
    EXPECT_EQUAL(doubted, 0);
    for (unsigned i = 0; i < 4; i++) {
        begin(TT_DNS_RESPONSE);
        if (i == 0)
            address("lamp.local", FLUSH, 120, 77);
        if (i == 1)
            place("lamp." SERVICE, FLUSH, 120, 5684, "lamp.local");
        if (i == 2)
            text("lamp." SERVICE, FLUSH, 120, "BOOT=6"); // capitals of keys do not count
        if (i == 3)
            pointer(SERVICE, IN, 0, "Lamp." SERVICE);
        hear();
        EXPECT_EQUAL(doubted, i + 1);
        EXPECT(peers[0].reported && peers[0].boot == 5 && peers[0].endpoint.ip[15] == 20 &&
               peers[0].endpoint.port == 5683);
        tt_discovery_confirm(&d, time_now, &peers[0], 5, 1);
    }
    EXPECT(found == 1 && gone == 0);
    EXPECT_EQUAL(peers[0].wire, 1);
    // One that does not answer is gone, is kept as lost, and is found where it says that it is now.
    tt_discovery_gone(&d, time_now, &peers[0]);
    EXPECT(gone == 1 && peers[0].lost);
    announce("lamp", 21, "boot=7");
    EXPECT(found == 2 && !peers[0].lost && peers[0].endpoint.ip[15] == 21 && peers[0].boot == 7);
}

// Who has no place is counted, as long as it is there; who looks for one stores no others.
static void test_places(void)
{
    char name[TT_NAME_MAX];
    bool more;
    start(false);
    for (unsigned i = 0; i < PEERS + 6; i++) {
        snprintf(name, sizeof(name), "lamp-%u", i);
        announce(name, (uint8_t)(20 + i), "boot=5");
        announce(name, (uint8_t)(20 + i), "boot=5");
        if (i == PEERS + 2) {
            EXPECT_EQUAL(tt_discovery_count_others(&d, time_now, &more), 3);
            EXPECT(!more);
        }
    }
    EXPECT_EQUAL(found, PEERS);
    EXPECT_EQUAL(tt_discovery_count_others(&d, time_now, &more), TT_COUNT(others));
    EXPECT(more);
    EXPECT_EQUAL(tt_discovery_count_others(&d, time_now + TT_SECONDS(122), &more), 0);
    for (unsigned kind = 0; kind < 2; kind++) {
        start(false);
        tt_discovery_look_for(&d, time_now, kind ? NULL : "LAMP-3", kind ? "lamp" : NULL);
        REQUIRE(says(TT_SECONDS(1)));
        while (said_header().questions == 0)
            REQUIRE(says(TT_SECONDS(1)));
        tt_reader r;
        tt_dns_record asked;
        tt_reader_init(&r, said, said_length);
        tt_dns_header_read(&r, &header);
        REQUIRE(tt_dns_question_read(&r, &asked) == TT_OK);
        EXPECT_TEXT(asked.name, kind ? SERVICE : "LAMP-3." SERVICE);
        for (unsigned i = 0; i < 6; i++) {
            snprintf(name, sizeof(name), "lamp-%u", i);
            announce(name, (uint8_t)(20 + i), "boot=5");
        }
        begin(TT_DNS_RESPONSE);
        place("tv." SERVICE, FLUSH, 120, 5683, "tv.local");
        text("tv." SERVICE, FLUSH, 120, "kind=tv");
        address("tv.local", FLUSH, 120, 40);
        hear();
        EXPECT_EQUAL(found, kind ? 6 : 1);
        unsigned stored = 0;
        for (unsigned i = 0; i < PEERS; i++)
            stored += peers[i].name[0] != '\0';
        EXPECT_EQUAL(stored, found);
    }
}

int main(void)
{
    test_classes();
    test_answer_times();
    test_unicast();
    test_truncated();
    test_known_answers();
    test_duplicate_questions();
    test_renewal();
    test_simultaneous_probes();
    test_conflicts();
    test_defence();
    test_hints();
    test_places();
    return test_result();
}
