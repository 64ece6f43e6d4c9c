// Discovery read against RFC 6762 and 6763, section by section: questions, answers, and what is
// known.

#include "tests/bus/mdns.h"

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
    begin(TT_DNS_RESPONSE);
    pointer(SERVICE, IN, 120, "lamp." SERVICE);
    hear();
    EXPECT(peers[0].lost && found == 1); // which does not say where it is
    begin(0);
    question("tv." SERVICE, TT_DNS_ANY, IN);
    tt_endpoint back = peers[0].endpoint;
    back.port = TT_MDNS_PORT;
    time_now += TT_SECONDS(1);
    hear_from(&back);
    EXPECT(peers[0].watch.next == time_now); // it is back: to be asked at once
    announce("lamp", 21, "boot=7");
    EXPECT(found == 2 && !peers[0].lost && peers[0].endpoint.ip[15] == 21 && peers[0].boot == 7);
    // Whoever is lost and answers with another boot number is found; nobody's restart is told.
    tt_discovery_gone(&d, time_now, &peers[0]);
    tt_discovery_confirm(&d, time_now, &peers[0], 8, 1);
    EXPECT(found == 3 && gone == 2 && restarted == 0 && peers[0].boot == 8);
    tt_discovery_confirm(&d, time_now, &peers[0], 9, 1);
    EXPECT(found == 4 && gone == 2 && restarted == 1 && peers[0].boot == 9);
}

// Whoever was lost stays so when others' records end, and its own; those of whom not all was told
// are forgotten then.
static void test_ends_of_records(void)
{
    start(false);
    announce("lamp", 20, "boot=5");
    announce("tv", 21, "boot=6");
    tt_discovery_gone(&d, time_now, &peers[0]);
    begin(TT_DNS_RESPONSE);
    place("half." SERVICE, FLUSH, 120, 5683, "half.local");
    hear();
    EXPECT(found == 2 && gone == 1 && peers[0].lost);
    EXPECT_TEXT(peers[2].name, "half");
    pass(TT_SECONDS(119));
    EXPECT(doubted == 0);
    EXPECT_TEXT(peers[2].name, "half");
    pass(TT_SECONDS(2));
    EXPECT(doubted == 1 && gone == 1 && peers[1].doubted);
    EXPECT_TEXT(peers[0].name, "lamp");
    EXPECT(peers[0].lost && !peers[0].doubted);
    EXPECT_TEXT(peers[2].name, "");
}

// Without a network nothing is said; when it is back all is announced again.
static void test_no_network(void)
{
    start(false);
    tt_discovery_set_addresses(&d, time_now, &own, 0);
    EXPECT(!answers(TT_SECONDS(5)));
    tt_discovery_set_addresses(&d, time_now, &own, 1);
    EXPECT(answers(TT_SECONDS(5)) && says_record(HOST, TT_DNS_AAAA) > 0);
}

// A name of one letter is a name.
static void test_short_name(void)
{
    start(false);
    announce("x", 20, "boot=5");
    EXPECT(found == 1 && peers[0].boot == 5);
    tt_discovery_confirm(&d, time_now, &peers[0], 6, 1);
    EXPECT(found == 2 && restarted == 1 && peers[0].boot == 6 && peers[0].reported);
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

// In a full table a new name has the place of one of which nothing else came before that of one who
// is lost; and whoever has no place left asks for nobody new.
static void test_full_table(void)
{
    char name[TT_NAME_MAX];
    start(false);
    for (unsigned i = 0; i < PEERS; i++) {
        snprintf(name, sizeof(name), "lamp-%u", i);
        announce(name, (uint8_t)(20 + i), "boot=5");
    }
    tt_time planned = d.state.query_at;
    begin(0);
    question(SERVICE, TT_DNS_PTR, IN);
    pointer(SERVICE, IN, 120, "tv." SERVICE);
    hear();
    EXPECT(d.state.query_at >= planned);
    tt_discovery_gone(&d, time_now, &peers[3]);
    tt_discovery_gone(&d, time_now, &peers[5]);
    for (unsigned i = 0; i < 3; i++) {
        begin(TT_DNS_RESPONSE);
        snprintf(name, sizeof(name), "name-%u." SERVICE, i);
        pointer(SERVICE, IN, 120, name);
        hear();
        EXPECT_TEXT(peers[3].name, i == 0 ? "name-0" : i == 1 ? "name-1" : "name-2");
        EXPECT(peers[5].lost);
    }
}

// After a change of the network it asks as after its start: after 1 s, 2 s, 4 s.
static void test_asking_again(void)
{
    start(false);
    pass(TT_SECONDS(100));
    tt_discovery_ask_again(&d, time_now);
    unsigned asked = 0;
    for (tt_time end = time_now + TT_MS(3200); time_now < end;)
        asked += says(end - time_now) && (said_header().flags & 0x8000) == 0;
    EXPECT_EQUAL(asked, 3);
}

int main(void)
{
    test_full_table();
    test_asking_again();
    test_classes();
    test_answer_times();
    test_unicast();
    test_truncated();
    test_known_answers();
    test_duplicate_questions();
    test_renewal();
    test_hints();
    test_ends_of_records();
    test_no_network();
    test_short_name();
    test_places();
    return test_result();
}
