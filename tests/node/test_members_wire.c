// The bytes of gossip (docs/wire.md, 9): how places are told, filters, and how long answers are.

#include "tests/node/one_gossiper.h"

#define A 0xa1a1a1a1a1a1a1a1u
#define B 0xb2b2b2b2b2b2b2b2u

static tt_endpoint near_at(uint8_t last, uint16_t port)
{
    return (tt_endpoint){.ip = {0xfe, 0x80, [8] = 2, [15] = last}, .port = port, .interface = 1};
}

static void add(uint64_t id, uint16_t incarnation, tt_endpoint at)
{
    tt_member_word word = {.id = id, .endpoint = at, .incarnation = incarnation};
    tt_member *member = tt_members_insert(&one.node, host.now, &word,
                                          TT_MEMBER_BY_GOSSIP | TT_MEMBER_GOSSIPS, true);
    REQUIRE(member != NULL);
    tt_members_tell_anew(M, member);
}

// Begins an answer in the node's datagram, to a near address.
static tt_gossip_writer begin(const tt_endpoint *to, size_t limit)
{
    tt_gossip_writer w;
    tt_gossip_begin(&w, &one.node, to, true, 5, 0, limit);
    return w;
}

// A word has as many bytes as its place, its count and its port need, and is read as it was.
static void test_places(void)
{
    static const tt_endpoint ipv4 = {.ip = {[10] = 0xff, 0xff, 10, 0, 0, 9}, .port = TT_BUS_PORT};
    static const tt_endpoint routed = {.ip = {0xfd, 1, 2, 3, [15] = 9}, .port = 1234};
    tt_endpoint to = near_at(99, TT_BUS_PORT);
    struct {
        tt_endpoint at;
        uint16_t incarnation;
        size_t bytes;
        uint8_t first;
    } cases[] = {
        {near_at(1, TT_BUS_PORT), 0, 1 + 8 + 16, 0x00},
        {near_at(2, TT_BUS_PORT), 0, 1 + 8 + 8, 0x10},
        {near_at(3, 7777), 0, 1 + 8 + 2 + 8, 0x18},
        {near_at(4, TT_BUS_PORT), 500, 1 + 8 + 2 + 8, 0x14},
        {ipv4, 1, 1 + 8 + 2 + 4, 0x24},
        {routed, 65535, 1 + 8 + 2 + 2 + 16, 0x0c},
        {near_at(5, TT_BUS_PORT), 0, 1 + 8 + 16, 0x00},
    };
    start();
    tt_gossip_writer w = begin(&to, TT_BUS_MESSAGE_MAX);
    for (unsigned i = 0; i < TT_COUNT(cases); i++) {
        size_t before = w.w.length;
        tt_member member = {
            .id = A + i, .endpoint = cases[i].at, .incarnation = cases[i].incarnation};
        EXPECT(tt_gossip_add(&w, &member));
        EXPECT_EQUAL(w.w.length - before, cases[i].bytes);
        EXPECT_EQUAL(w.w.data[before], cases[i].first);
    }
    one.count = 0;
    tt_gossip_send(&w, &one.node, 0);
    tt_gossip g = asked();
    tt_endpoint before = {0};
    EXPECT(g.is_answer && g.token == 5 && g.id == M->id && g.word_count == TT_COUNT(cases));
    for (unsigned i = 0; i < TT_COUNT(cases); i++) {
        tt_member_word word;
        REQUIRE(tt_gossip_next(&g, &before, &word));
        EXPECT(word.id == A + i && word.incarnation == cases[i].incarnation && word.state == 0);
        EXPECT(memcmp(word.endpoint.ip, cases[i].at.ip, 16) == 0);
        EXPECT_EQUAL(word.endpoint.port, cases[i].at.port);
    }
}

// An address of a link is told on that link alone, and one of this machine on it alone.
static void test_home(void)
{
    static const tt_endpoint routed = {.ip = {0xfd, 1, 2, 3, [15] = 9}, .port = 1234};
    static const tt_endpoint loopback = {.ip = {[15] = 1}, .port = 1234};
    tt_endpoint near = near_at(1, 1234), other = near, to[4] = {near, other, routed, loopback};
    other.interface = 2;
    to[1].interface = 2;
    static const bool told[4][4] = {
        {true, false, true, false}, // near, on another link, routed, loopback: to the first
        {false, true, true, false},
        {false, false, true, false},
        {false, false, false, true},
    };
    tt_endpoint of[4] = {near, other, routed, loopback};
    start();
    for (unsigned i = 0; i < 4; i++) {
        tt_gossip_writer w = begin(&to[i], TT_BUS_MESSAGE_MAX);
        for (unsigned k = 0; k < 4; k++) {
            tt_member member = {.id = A, .endpoint = of[k]};
            EXPECT_EQUAL(tt_gossip_add(&w, &member), told[i][k]);
        }
    }
}

// What does not fit leaves no part of itself, and what is shorter may follow.
static void test_room(void)
{
    tt_endpoint to = near_at(99, TT_BUS_PORT);
    start();
    tt_gossip_writer w = begin(&to, TT_BUS_MESSAGE_MAX);
    size_t head = w.w.length;
    for (size_t room = 0; room < 40; room++) {
        w = begin(&to, head + room);
        tt_member member = {.id = A, .endpoint = near_at(1, 7), .incarnation = 7};
        EXPECT_EQUAL(tt_gossip_is_full(&w), room < 29);
        EXPECT_EQUAL(tt_gossip_add(&w, &member), room >= 29);
        EXPECT_EQUAL(w.w.length, room >= 29 ? head + 29 : head);
        EXPECT_EQUAL(w.words, room >= 29);
    }
    w = begin(&to, TT_BUS_MESSAGE_MAX + 1000); // a payload is a block at most
    EXPECT_EQUAL(w.w.capacity, 8 + 3 + TT_BUS_BLOCK_MAX);
}

// Where the bits of a filter are, for all devices alike.
static void test_filter(void)
{
    static const struct {
        uint64_t mixed;
        uint32_t token;
        size_t bytes;
        unsigned bits[4];
    } cases[] = {
        {0x910a2dec89025cc1u, 0x01020305, 100, {638, 745, 52, 63}},
        {0xbeeb8da1658eec67u, 0x80000001, 37, {166, 255, 152, 241}},
    };
    for (unsigned i = 0; i < TT_COUNT(cases); i++) {
        uint8_t filter[100] = {0};
        tt_gossip g = {.token = cases[i].token, .filter = filter, .filter_length = cases[i].bytes};
        for (unsigned k = 0; k < 4; k++)
            filter[cases[i].bits[k] / 8] |= (uint8_t)(1 << cases[i].bits[k] % 8);
        EXPECT(tt_gossip_filter_has(&g, cases[i].mixed));
        EXPECT(!tt_gossip_filter_has(&g, cases[i].mixed + 1));
        for (unsigned k = 0; k < 4; k++) {
            uint8_t bit = (uint8_t)(1 << cases[i].bits[k] % 8);
            filter[cases[i].bits[k] / 8] &= (uint8_t)~bit;
            EXPECT(!tt_gossip_filter_has(&g, cases[i].mixed));
            filter[cases[i].bits[k] / 8] |= bit;
        }
    }
}

// Thirty to tell: an answer has three datagrams at most, of three times its question's bytes
// together, each but the last says that more follows, and none is told twice.
static void test_parts(void)
{
    for (size_t filter = 0; filter <= 400; filter += 40) {
        start();
        for (unsigned i = 0; i < 60; i++)
            add(A + i, 1, near_at((uint8_t)(i + 1), 7));
        speaker s = {.place = 20, .id = B, .flags = filter > 0 ? TT_GOSSIP_FILTER : 0};
        say(&s, false, 77);
        for (size_t k = 0; k < filter; k++)
            tt_write_u8(&said_w, 0);
        EXPECT(hear());
        EXPECT(one.count >= 1 && one.count <= 3);
        size_t bytes = 0, told = 0;
        bool seen[60] = {false};
        for (unsigned i = 0; i < one.count; i++) {
            tt_gossip g;
            tt_endpoint before = {0};
            tt_member_word word;
            bytes += one.sent[i].length;
            REQUIRE(tt_gossip_read(&g, &one.sent[i]) == TT_OK);
            EXPECT(g.is_answer && g.token == 77);
            EXPECT_EQUAL((g.flags & TT_GOSSIP_MORE) != 0, i + 1 < one.count);
            while (tt_gossip_next(&g, &before, &word)) {
                REQUIRE(word.id >= A && word.id < A + 60);
                EXPECT(!seen[word.id - A]);
                seen[word.id - A] = true;
                told++;
            }
        }
        EXPECT(bytes <= 3 * said.length);
        size_t wanted = (3 * said.length - 100 * one.count) / 29; // heads are shorter
        EXPECT(told == 60 || one.count == 3 || told + 6 >= wanted);
        EXPECT_EQUAL(M->counters.answered, one.count);
        EXPECT(told > 0 && (filter < 400 || told > 30));
    }
}

// So many answers a second, and no more, however long nobody asked before.
static void test_budget(void)
{
    start();
    host.now += TT_SECONDS(100);
    unsigned answered = 0;
    for (unsigned i = 0; i < 200; i++) {
        say(&(speaker){.place = 20}, false, 7);
        hear();
        answered += one.count;
    }
    EXPECT_EQUAL(answered, TT_MEMBERS_ANSWERS_PER_SECOND);
    EXPECT_EQUAL(M->counters.unasked, 200 - TT_MEMBERS_ANSWERS_PER_SECOND);
    for (unsigned i = 1; i <= 4; i++) {
        host.now += TT_SECONDS(1) / TT_MEMBERS_ANSWERS_PER_SECOND * i;
        answered = 0;
        for (unsigned k = 0; k < 10; k++) {
            say(&(speaker){.place = 20}, false, 7);
            hear();
            answered += one.count;
        }
        EXPECT_EQUAL(answered, i);
    }
}

// A node without a name tells nobody, and a node's own words are not another's.
static void test_nobody(void)
{
    start_of(NULL, PLACES);
    say(&(speaker){.place = 20, .id = B}, false, 7);
    EXPECT(hear());
    EXPECT(one.count == 0 && M->count == 0);
    start();
    say(&(speaker){.place = 20, .id = M->id}, false, 7);
    EXPECT(hear());
    EXPECT(one.count == 0 && M->count == 0);
}

int main(void)
{
    test_places();
    test_home();
    test_room();
    test_filter();
    test_parts();
    test_budget();
    test_nobody();
    return test_result();
}
