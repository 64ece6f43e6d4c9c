// Whose a name is, by RFC 6762, 8 and 9: probes, conflicts and defence.

#include "tests/bus/mdns.h"

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

// Who looks for nobody says the same of itself; it asks nothing, and knows nobody.
static void test_announcer(void)
{
    announces_only = true;
    test_simultaneous_probes();
    test_conflicts();
    test_defence();
    start(false);
    begin(TT_DNS_RESPONSE);
    place("lamp." SERVICE, FLUSH, 120, 5683, "lamp.local");
    text("lamp." SERVICE, FLUSH, 120, "kind=lamp");
    address("lamp.local", FLUSH, 120, 9);
    hear();
    begin(0);
    question(SERVICE, TT_DNS_PTR, IN); // of another: it is answered
    hear();
    EXPECT(answers(TT_SECONDS(2)));
    tt_discovery_ask_again(&d, time_now); // it announces itself anew
    EXPECT(says(TT_SECONDS(2)) && (said[2] & 0x80) != 0);
    EXPECT(!says(TT_SECONDS(4000)));
    EXPECT(found == 0 && peers[0].name[0] == '\0');
    EXPECT_EQUAL(tt_discovery_deadline(&d), TT_FOREVER);
    tt_discovery_options options = d.options;
    options.browse = true;
    EXPECT_EQUAL(tt_discovery_init_announcer(&d, time_now, &options), TT_INVALID);
}

int main(void)
{
    test_simultaneous_probes();
    test_conflicts();
    test_defence();
    test_announcer();
    return test_result();
}
