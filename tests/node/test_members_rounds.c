// Whom one device asks, when and what, and what it makes of silence: by one node, whose time and
// whose others are made by the test.

#include "tests/node/one_gossiper.h"

#define A 0xa1a1a1a1a1a1a1a1u
#define B 0xb2b2b2b2b2b2b2b2u
#define C 0xc3c3c3c3c3c3c3c3u

static speaker alike(unsigned where, uint64_t id) // it knows what this device knows
{
    return (speaker){.place = where,
                     .id = id,
                     .digest = tt_members_digest(M),
                     .count = (uint16_t)(M->living + 1)};
}

static void answer_alike(unsigned where, uint64_t id)
{
    speaker s = alike(where, id);
    say(&s, true, asked().token);
    EXPECT(hear());
}

static void until(tt_time at)
{
    while (host.now < at)
        next_question(at - host.now);
}

// Who is doubted has fifteen seconds to say that it lives; who is gone is forgotten after an hour.
static void test_fading(void)
{
    start();
    host.now += TT_SECONDS(10);
    meet(A, 10);
    tt_members_doubt(M, host.now, tt_members_get(M, A));
    tt_time at = host.now + TT_SECONDS(TT_MEMBERS_DOUBT_S);
    until(at - 1);
    EXPECT(tt_members_find(M, A)->state == TT_MEMBER_DOUBTED);
    until(at);
    EXPECT(tt_members_find(M, A)->state == TT_MEMBER_GONE);
    EXPECT(M->living == 0 && M->gone == 1);
    at += TT_SECONDS(TT_MEMBERS_GONE_S);
    until(at - 1);
    EXPECT(tt_members_find(M, A) != NULL && tt_members_find(M, A)->state == TT_MEMBER_GONE);
    until(at);
    EXPECT(tt_members_find(M, A) == NULL && M->count == 0);
    EXPECT(!next_question(TT_SECONDS(200)));
    EXPECT_EQUAL(M->next, TT_FOREVER);
}

// Who is gone is looked for at growing intervals: a 16th of the time, two seconds at least, 64 at
// the most, and up to half as much more by chance. It is told that it is gone.
static void test_looking_for_gone(void)
{
    start();
    meet(A, 10);
    tt_members_doubt(M, host.now, tt_members_get(M, A));
    until(host.now + TT_SECONDS(TT_MEMBERS_DOUBT_S + 1));
    tt_time since = TT_SECONDS(TT_MEMBERS_DOUBT_S) + TT_SECONDS(1), before = 0;
    unsigned count = 0, late = 0;
    while (host.now < TT_SECONDS(3000)) {
        tt_member_word word;
        if (!next_question(TT_SECONDS(200)))
            break;
        tt_endpoint at = host_place(10);
        EXPECT(tt_endpoint_equal(&one.sent[0].peer, &at) && one.count == 1);
        words_of(0, A, &word);
        EXPECT(word.id == A && word.state == TT_MEMBER_GONE);
        if (before != 0) {
            tt_time wait = (before - since) / 16;
            wait = wait < TT_SECONDS(2) ? TT_SECONDS(2) : wait;
            wait = wait > TT_SECONDS(64) ? TT_SECONDS(64) : wait;
            EXPECT(host.now - before >= wait - TT_MS(63));
            EXPECT(host.now - before <= wait + wait / 2);
            late += host.now - before > wait + wait * 2 / 5;
        }
        before = host.now;
        count++;
    }
    EXPECT(count > 40 && count < 120 && late > 2);
    EXPECT(M->asks[0].token == 0 || M->asks[1].token == 0);
}

// What a question tells: what is new of others, and of the one who is asked only that it is
// doubted.
static void test_what_is_told(void)
{
    tt_member_word word;
    start();
    meet(A, 10);
    speaker s = alike(10, A);
    say(&s, false, 1);
    say_word(B, 3, TT_MEMBER_ALIVE, 11);
    hear();
    for (unsigned i = 0; i < 6; i++) {
        REQUIRE(next_question(TT_SECONDS(3)));
        bool to_a = one.sent[0].peer.ip[15] == 10;
        EXPECT(tt_endpoint_is_link_local(&one.sent[0].peer));
        EXPECT_EQUAL(words_of(0, to_a ? B : A, &word), 1);
        EXPECT(word.id == (to_a ? B : A) && word.state == TT_MEMBER_ALIVE);
        EXPECT(asked().id == M->id && asked().count == 3 && asked().find == 0);
        answer_alike(to_a ? 10 : 11, to_a ? A : B);
        if (i == 0) { // so that the next are told it, too
            tt_members_tell_anew(M, tt_members_get(M, A));
            tt_members_tell_anew(M, tt_members_get(M, B));
        }
        M->equal = 0;
    }
    tt_members_end_news(M);
    tt_members_doubt(M, host.now, tt_members_get(M, A));
    M->target = A;
    M->rest_until = host.now;
    tt_members_wake(M, host.now);
    REQUIRE(next_question(TT_SECONDS(1)));
    EXPECT_EQUAL(one.sent[0].peer.ip[15], 10);
    EXPECT_EQUAL(words_of(0, A, &word), 1);
    EXPECT(word.id == A && word.state == TT_MEMBER_DOUBTED);
}

// Five questions in a row without an answer make a doubt; one that is answered in part is none of
// them, and each is asked again soon.
static void test_silence(void)
{
    start();
    meet(A, 10);
    REQUIRE(next_question(TT_SECONDS(3)));
    speaker s = alike(10, A);
    s.flags = TT_GOSSIP_MORE;
    say(&s, true, asked().token);
    hear();
    tt_members_get(M, A)->silent = 0;
    for (unsigned i = 0; i < TT_MEMBERS_ASKS_MAX; i++)
        EXPECT(M->asks[i].token == 0 || M->asks[i].answered);
    tt_time end = M->asks[TT_MEMBERS_ASKS_MAX - 1].until;
    host.now = end;
    M->next = INT64_MIN;
    M->round_at = M->rest_until = end + TT_SECONDS(5);
    one.count = 0;
    M->operations->advance(&one.node, host.now);
    EXPECT_EQUAL(M->asks[TT_MEMBERS_ASKS_MAX - 1].token, 0);
    EXPECT_EQUAL(tt_members_get(M, A)->silent, 0);
    start();
    meet(A, 10);
    tt_members_get(M, A)->silent = 4;
    meet(A, 10); // it speaks
    EXPECT_EQUAL(tt_members_get(M, A)->silent, 0);
    tt_time began = host.now;
    unsigned questions = 0;
    while (tt_members_find(M, A)->state == TT_MEMBER_ALIVE && host.now < began + TT_SECONDS(60)) {
        questions += next_question(TT_MS(100));
        EXPECT(tt_members_find(M, A)->silent < TT_MEMBERS_SILENT);
    }
    EXPECT(tt_members_find(M, A)->state == TT_MEMBER_DOUBTED);
    EXPECT(questions >= TT_MEMBERS_SILENT && questions < 12);
    EXPECT(host.now - began < TT_SECONDS(7));
    // One who never gossiped is asked no more.
    start();
    tt_endpoint at = host_place(10);
    M->eager = true;
    EXPECT(tt_members_add(&one.node, host.now, A, &at, TT_MEMBER_BY_DIRECTORY));
    until(host.now + TT_SECONDS(30));
    EXPECT_EQUAL(tt_members_find(M, A)->state, TT_MEMBER_ALIVE);
    EXPECT_EQUAL(tt_members_find(M, A)->sources, TT_MEMBER_BY_DIRECTORY | TT_MEMBER_HAS_NO_GOSSIP);
    EXPECT(!next_question(TT_SECONDS(300)));
}

// An answer by another than who was asked: there is somebody else now.
static void test_another_answers(void)
{
    for (unsigned i = 0; i < 5; i++) {
        bool doubts = i == 0 || i == 4;
        start();
        meet(A, 10);
        if (i == 4)
            meet(B, 11); // it was there
        M->target = A;
        REQUIRE(next_question(TT_SECONDS(3)));
        EXPECT_EQUAL(one.sent[0].peer.ip[15], 10);
        speaker s = alike(i == 2 ? 11 : 10, i == 1 ? A : B);
        say(&s, true, asked().token + (i == 3));
        EXPECT(hear());
        EXPECT_EQUAL(tt_members_find(M, A)->state, doubts ? TT_MEMBER_DOUBTED : TT_MEMBER_ALIVE);
        EXPECT_EQUAL(tt_members_find(M, B) != NULL, doubts);
    }
}

// A refusal is of one who has no gossip: it is asked no more, and told of to nobody.
static void test_refusal(void)
{
    start();
    meet(A, 10);
    REQUIRE(next_question(TT_SECONDS(3)));
    uint32_t token = asked().token;
    said = (tt_datagram){.peer = host_place(11)};
    for (unsigned i = 0; i < 2; i++) {
        tt_writer_init(&said_w, said.data, sizeof(said.data));
        tt_write_be32(&said_w, 0x54840001);
        tt_write_be32(&said_w, token);
        EXPECT_EQUAL(hear(), i == 1);
        said.peer = host_place(10);
    }
    EXPECT_EQUAL(tt_members_find(M, A)->sources, TT_MEMBER_BY_GOSSIP | TT_MEMBER_HAS_NO_GOSSIP);
    EXPECT_EQUAL(M->living, 0);
    EXPECT(!next_question(TT_SECONDS(300)));
    EXPECT(meet(A, 10)->sources == (TT_MEMBER_BY_GOSSIP | TT_MEMBER_GOSSIPS)); // it does now
}

// Two others in a row who know the same end the news; one who knows something else is heard out.
static void test_comparing(void)
{
    start();
    meet(A, 10);
    speaker s = alike(10, A);
    say(&s, false, 1);
    say_word(B, 1, TT_MEMBER_ALIVE, 11);
    hear();
    M->differs = false;
    EXPECT_EQUAL(M->news, 2);
    for (unsigned i = 0; i < 2; i++) {
        REQUIRE(next_question(TT_SECONDS(3)));
        bool to_a = one.sent[0].peer.ip[15] == 10;
        answer_alike(to_a ? 10 : 11, to_a ? A : B);
        EXPECT_EQUAL(M->news > 0, i == 0);
    }
    EXPECT(!M->differs && M->told_count == 3);
    REQUIRE(next_question(TT_SECONDS(200)));
    EXPECT((asked().flags & TT_GOSSIP_FILTER) == 0);
    s = alike(one.sent[0].peer.ip[15], one.sent[0].peer.ip[15] == 10 ? A : B);
    s.digest ^= 1;
    s.count = 9;
    say(&s, true, asked().token);
    hear();
    EXPECT(M->differs && M->equal == 0 && tt_members_count(M) == 9);
    tt_time began = host.now;
    REQUIRE(next_question(TT_SECONDS(3)));
    EXPECT(host.now - began <= TT_MEMBERS_ROUND * 3 / 2);
    EXPECT((asked().flags & TT_GOSSIP_FILTER) != 0);
    s.flags = TT_GOSSIP_PARTIAL; // one who has no room for all knows nothing better
    s.count = 7;
    s.place = one.sent[0].peer.ip[15];
    s.id = s.place == 10 ? A : B;
    say(&s, true, asked().token);
    hear();
    EXPECT(M->equal == 1 && tt_members_count(M) == 9);
}

// One that is wanted is asked for in each question, until it is there; and told to who wants it.
static void test_wanted(void)
{
    tt_member_word word;
    start();
    meet(A, 10);
    tt_members_want(&one.node, host.now, B);
    REQUIRE(next_question(TT_SECONDS(3)));
    EXPECT(asked().find == B && (asked().flags & TT_GOSSIP_FIND) != 0);
    speaker s = alike(10, A);
    say(&s, true, asked().token);
    say_word(B, 1, TT_MEMBER_ALIVE, 11);
    hear();
    EXPECT(tt_members_find(M, B) != NULL && M->wanted == 0);
    REQUIRE(next_question(TT_SECONDS(3)));
    EXPECT(asked().find == 0 && (asked().flags & TT_GOSSIP_FIND) == 0);
    tt_members_want(&one.node, host.now, B);
    EXPECT_EQUAL(M->wanted, 0);
    tt_members_end_news(M);
    for (unsigned i = 0; i < 3; i++) {
        s = alike(10, A);
        s.flags = i == 0 ? 0 : TT_GOSSIP_FIND;
        s.find = B;
        if (i == 2)
            tt_members_end_doubt(M, host.now, tt_members_get(M, B));
        say(&s, false, 7);
        hear();
        EXPECT_EQUAL(one.count, 1);
        words_of(0, B, &word);
        EXPECT_EQUAL(word.id, i == 1 ? B : 0);
    }
}

// A filter has this device and those of whom it tells, and no others.
static void test_own_filter(void)
{
    tt_endpoint at = host_place(12), seed = host_place(20);
    start();
    meet(A, 10);
    meet(B, 11);
    tt_members_end_doubt(M, host.now, tt_members_get(M, B));
    EXPECT(tt_members_add(&one.node, host.now, C, &at, TT_MEMBER_BY_MDNS));
    tt_members_set_state(M, host.now, tt_members_get(M, C), TT_MEMBER_ALIVE);
    EXPECT(tt_members_learn(&one.node, host.now, &seed, TT_MEMBER_BY_HAND));
    do
        REQUIRE(next_question(TT_SECONDS(1)));
    while (one.sent[0].peer.ip[15] != 20);
    tt_gossip g = asked();
    REQUIRE(g.flags & TT_GOSSIP_FILTER);
    EXPECT(g.filter_length > 500);
    g.filter = one.sent[0].data + one.sent[0].length - g.filter_length;
    EXPECT(tt_gossip_filter_has(&g, tt_members_mix(M->id, M->incarnation, false)));
    EXPECT(tt_gossip_filter_has(&g, tt_members_mix(A, 0, false)));
    EXPECT(!tt_gossip_filter_has(&g, tt_members_mix(A, 0, true)));
    EXPECT(!tt_gossip_filter_has(&g, tt_members_mix(B, 0, false)));
    EXPECT(!tt_gossip_filter_has(&g, tt_members_mix(B, 0, true)));
    EXPECT(!tt_gossip_filter_has(&g, tt_members_mix(C, 0, false)));
    unsigned bits = 0;
    for (size_t i = 0; i < g.filter_length; i++)
        for (unsigned k = 0; k < 8; k++)
            bits += g.filter[i] >> k & 1;
    EXPECT_EQUAL(bits, 8); // four of each
}

// To a filter is answered whom it lacks, and who is gone of those that it has.
static void test_answers_to_filters(void)
{
    tt_endpoint at = host_place(12);
    static const struct {
        uint8_t bits;
        bool living, gone;
    } cases[] = {{0, true, false}, {0xff, false, true}};
    for (unsigned i = 0; i < TT_COUNT(cases); i++) {
        tt_member_word word;
        start();
        meet(A, 10);
        meet(B, 11);
        tt_members_end_doubt(M, host.now, tt_members_get(M, B));
        EXPECT(tt_members_add(&one.node, host.now, C, &at, TT_MEMBER_BY_MDNS));
        tt_members_end_news(M);
        speaker s = alike(13, A + 1);
        s.flags = TT_GOSSIP_FILTER;
        say(&s, false, 4);
        for (unsigned k = 0; k < 100; k++)
            tt_write_u8(&said_w, cases[i].bits);
        EXPECT(hear());
        EXPECT_EQUAL(words_of(0, A, &word), 1);
        EXPECT_EQUAL(word.id == A, cases[i].living);
        words_of(0, B, &word);
        EXPECT_EQUAL(word.id == B, cases[i].gone);
        EXPECT(!cases[i].gone || word.state == TT_MEMBER_GONE);
        // Who has no name lists all that there is.
        s = (speaker){.place = 14, .flags = TT_GOSSIP_FILTER};
        say(&s, false, 4);
        for (unsigned k = 0; k < 100; k++)
            tt_write_u8(&said_w, 0);
        EXPECT(hear());
        EXPECT_EQUAL(words_of(0, C, &word), 3);
        EXPECT_EQUAL(word.id, C);
        EXPECT_EQUAL(M->count, 4); // and is nobody
    }
}

// An address is asked soon, then ever more rarely, until somebody answers there; one that a
// directory gave is given up.
static void test_seeds(void)
{
    static const tt_time gaps[] = {TT_MS(500),     TT_SECONDS(1),  TT_SECONDS(2),
                                   TT_SECONDS(4),  TT_SECONDS(8),  TT_SECONDS(16),
                                   TT_SECONDS(32), TT_SECONDS(64), TT_SECONDS(64)};
    for (int by_hand = 0; by_hand < 2; by_hand++) {
        tt_endpoint seed = host_place(20);
        start();
        EXPECT(tt_members_learn(&one.node, host.now, &seed,
                                by_hand ? TT_MEMBER_BY_HAND : TT_MEMBER_BY_DIRECTORY));
        tt_time before = host.now;
        REQUIRE(next_question(TT_MS(100)));
        for (unsigned i = 0; i < TT_COUNT(gaps); i++) {
            EXPECT(one.count == 1 && one.sent[0].peer.ip[15] == 20);
            before = host.now;
            bool again = next_question(TT_SECONDS(200));
            EXPECT_EQUAL(again, by_hand || i < 8);
            EXPECT(!again || host.now - before == gaps[i]);
        }
        EXPECT_EQUAL(M->seeds[TT_MEMBERS_SEEDS_MAX - 1].endpoint.port != 0, by_hand);
        if (!by_hand)
            continue;
        answer_alike(20, A);
        EXPECT_EQUAL(tt_members_find(M, A)->sources, TT_MEMBER_BY_HAND | TT_MEMBER_BY_GOSSIP |
                                                         TT_MEMBER_GOSSIPS | TT_MEMBER_ANSWERED);
        EXPECT(M->seeds[TT_MEMBERS_SEEDS_MAX - 1].known);
        EXPECT(!tt_members_learn(&one.node, host.now, &seed, TT_MEMBER_BY_HAND) ||
               M->seeds[TT_MEMBERS_SEEDS_MAX - 1].known);        // the same again is no other
        tt_members_end_doubt(M, host.now, tt_members_get(M, A)); // it is asked anew
        M->next = INT64_MIN;
        REQUIRE(next_question(TT_MS(1)));
        EXPECT_EQUAL(one.sent[0].peer.ip[15], 20);
    }
}

// As many addresses as there are places are asked at once.
static void test_many_seeds(void)
{
    bool asked_there[256] = {false};
    start();
    for (unsigned i = 0; i < TT_MEMBERS_SEEDS_MAX; i++) {
        tt_endpoint seed = host_place(20 + i);
        EXPECT(tt_members_learn(&one.node, host.now, &seed, TT_MEMBER_BY_HAND));
    }
    for (tt_time end = host.now + TT_MS(100); next_question(end - host.now);)
        for (unsigned i = 0; i < one.count; i++)
            asked_there[one.sent[i].peer.ip[15]] = true;
    for (unsigned i = 0; i < TT_MEMBERS_SEEDS_MAX; i++)
        EXPECT(asked_there[20 + i]);
    for (unsigned i = 0; i < TT_MEMBERS_ASKS_MAX; i++)
        EXPECT(M->asks[i].token != 0);
    EXPECT_EQUAL(M->counters.asked, TT_MEMBERS_ASKS_MAX);
}

// Other addresses make a newer word of this device, another name another device.
static void test_own_word(void)
{
    tt_endpoint at = host_place(1);
    start();
    EXPECT(M->incarnation == 0 && M->id == tt_bus_identity("me", one.node.discovery.options.boot));
    M->own_told = 12;
    M->operations->advance(&one.node, host.now);
    EXPECT(M->incarnation == 0 && M->own_told == 12);
    at.ip[15] = 77;
    at.port = 0;
    tt_discovery_set_addresses(&one.node.discovery, host.now, &at, 1);
    M->round_at = TT_FOREVER;
    M->operations->advance(&one.node, host.now);
    EXPECT(M->incarnation == 1 && M->own_told == 0);
    M->own_told = 12;
    strcpy(one.node.discovery.name, "me-2");
    M->operations->advance(&one.node, host.now);
    EXPECT(M->incarnation == 0 && M->own_told == 0);
    EXPECT_EQUAL(M->id, tt_bus_identity("me-2", one.node.discovery.options.boot));
}

// Of whom no source tells any more: one who gossips is doubted, one who does not is no member, and
// what is next is looked at anew.
static void test_dropped(void)
{
    tt_endpoint at = host_place(12);
    start();
    meet(A, 10);
    EXPECT(tt_members_add(&one.node, host.now, A, &at, TT_MEMBER_BY_MDNS));
    EXPECT(tt_members_add(&one.node, host.now, B, &at, TT_MEMBER_BY_MDNS));
    EXPECT(tt_members_add(&one.node, host.now, B, &at, TT_MEMBER_BY_DIRECTORY));
    M->next = TT_FOREVER;
    tt_members_drop(&one.node, host.now, B, TT_MEMBER_BY_MDNS);
    EXPECT(tt_members_find(M, B)->sources == TT_MEMBER_BY_DIRECTORY && M->next == INT64_MIN);
    M->next = TT_FOREVER;
    tt_members_drop(&one.node, host.now, B, TT_MEMBER_BY_DIRECTORY);
    EXPECT(tt_members_find(M, B) == NULL && M->next == INT64_MIN);
    M->next = TT_FOREVER;
    tt_members_drop(&one.node, host.now, B, TT_MEMBER_BY_DIRECTORY);
    EXPECT_EQUAL(M->next, TT_FOREVER); // nobody
    tt_members_drop(&one.node, host.now, A, TT_MEMBER_BY_MDNS);
    EXPECT(tt_members_find(M, A)->state == TT_MEMBER_DOUBTED && M->next == INT64_MIN);
    EXPECT_EQUAL(tt_members_find(M, A)->sources, TT_MEMBER_BY_GOSSIP | TT_MEMBER_GOSSIPS);
    // Who is gone and is told of again lives, and is asked first.
    tt_members_end_doubt(M, host.now, tt_members_get(M, A));
    M->target = 0;
    EXPECT(tt_members_add(&one.node, host.now, A, &at, TT_MEMBER_BY_MDNS));
    EXPECT(tt_members_find(M, A)->state == TT_MEMBER_ALIVE && M->target == A);
    EXPECT(tt_members_add(&one.node, host.now, M->id, &at, TT_MEMBER_BY_MDNS));
    EXPECT_EQUAL(M->count, 1); // this device itself is none of them
}

// Rounds: every 300 ms, a quarter more or less, as long as there is news, then ever more rarely.
static void test_intervals(void)
{
    start();
    meet(A, 10);
    tt_time before = 0, longest = 0;
    for (unsigned i = 0; i < 40; i++) {
        REQUIRE(next_question(TT_SECONDS(200)));
        tt_time gap = host.now - before;
        if (before != 0 && M->own_told <= TT_MEMBERS_TELL_OWN && i > 0 && i < 11)
            EXPECT(gap >= TT_MEMBERS_ROUND * 3 / 4 && gap <= TT_MEMBERS_ROUND * 5 / 4 + 1);
        longest = i > 13 && gap > longest ? gap : longest;
        EXPECT(i < 30 || (gap >= TT_MEMBERS_QUIET * 3 / 4 && gap <= TT_MEMBERS_QUIET * 5 / 4 + 1));
        before = host.now;
        answer_alike(10, A);
    }
    EXPECT(longest > TT_MEMBERS_QUIET * 3 / 4);
    // What is new is told soon.
    speaker s = alike(10, A);
    say(&s, false, 1);
    say_word(B, 1, TT_MEMBER_ALIVE, 11);
    hear();
    tt_time now = host.now;
    REQUIRE(next_question(TT_SECONDS(200)));
    EXPECT(host.now - now <= TT_MEMBERS_ROUND + TT_MEMBERS_ROUND / 2);
}

int main(void)
{
    test_fading();
    test_looking_for_gone();
    test_what_is_told();
    test_silence();
    test_another_answers();
    test_refusal();
    test_comparing();
    test_wanted();
    test_own_filter();
    test_answers_to_filters();
    test_seeds();
    test_many_seeds();
    test_own_word();
    test_dropped();
    test_intervals();
    return test_result();
}
