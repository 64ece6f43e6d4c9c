// What one device does with each word that it hears of another, and what it tells of it: by one
// node, whose time and whose others are made by the test.

#include "tests/node/one_gossiper.h"

#define A 0xa1a1a1a1a1a1a1a1u
#define B 0xb2b2b2b2b2b2b2b2u
#define C 0xc3c3c3c3c3c3c3c3u

static speaker alike(unsigned where, uint64_t id) // it knows what this device knows
{
    return (speaker){.place = where, .id = id, .digest = tt_members_digest(M), .count = 1};
}

// What all devices reckon alike.
static void test_sums(void)
{
    EXPECT_EQUAL(tt_members_mix(1, 0, false), 0x910a2dec89025cc1u);
    EXPECT_EQUAL(tt_members_mix(1, 0, true), 0xbeeb8da1658eec67u);
    EXPECT_EQUAL(tt_members_mix(0x1122334455667788u, 7, false), 0x584aae3c290ab063u);
    EXPECT_EQUAL(tt_members_mix(0x1122334455667788u, 7, true), 0x42871364e7e65481u);
    EXPECT_EQUAL(tt_members_mix(1, 65535, true), 0x5549f8a060e7e35eu);
    start();
    uint64_t own = tt_members_mix(M->id, 0, false);
    EXPECT_EQUAL(tt_members_digest(M), own);
    meet(A, 10);
    EXPECT_EQUAL(tt_members_digest(M), own ^ tt_members_mix(A, 0, false));
    tt_members_doubt(M, host.now, tt_members_get(M, A));
    EXPECT_EQUAL(tt_members_digest(M), own ^ tt_members_mix(A, 0, true));
}

// Of two at one place the one who lives is found, else the one that was told last.
static void test_at_one_place(void)
{
    tt_endpoint at = host_place(10);
    start();
    for (unsigned i = 0; i < 3; i++) {
        speaker s = alike(20, C);
        say(&s, false, 1);
        say_word(A + i, 1, TT_MEMBER_ALIVE, 10);
        hear();
    }
    EXPECT_EQUAL(tt_members_count_at(M, &at), 3);
    EXPECT_EQUAL(tt_members_at(M, &at)->id, A + 2);
    tt_members_doubt(M, host.now, tt_members_get(M, A + 2));
    EXPECT_EQUAL(tt_members_at(M, &at)->id, A + 1);
    tt_members_end_doubt(M, host.now, tt_members_get(M, A + 1));
    EXPECT_EQUAL(tt_members_at(M, &at)->id, A);
    EXPECT_EQUAL(tt_members_count_at(M, &at), 2);
    speaker s = alike(20, C);
    say(&s, false, 1);
    say_word(B, 1, TT_MEMBER_ALIVE, 10);
    hear();
    EXPECT(tt_members_find(M, B) != NULL);
    say(&s, false, 1);
    say_word(B + 1, 1, TT_MEMBER_ALIVE, 10); // a few lives are all it had
    hear();
    EXPECT(tt_members_find(M, B + 1) == NULL);
}

static void has_answered(const tt_member *member)
{
    REQUIRE(member != NULL);
    tt_member *m = tt_members_get(M, member->id);
    tt_members_set_sources(M, m, m->sources | TT_MEMBER_ANSWERED);
}

// A full table: who is gone gives way; then, to one who is needed, one who never answered.
static void test_making_room(void)
{
    for (int which = 0; which < 3; which++) {
        start_of("me", 4);
        speaker s = alike(20, C);
        has_answered(meet(C, 20));
        say(&s, false, 1);
        for (unsigned i = 0; i < 3; i++)
            say_word(A + i, 1, TT_MEMBER_ALIVE, 10 + i);
        hear();
        EXPECT_EQUAL(M->count, 4);
        if (which == 0)
            tt_members_end_doubt(M, host.now, tt_members_get(M, A + 1));
        say(&s, false, 1);
        say_word(B, 1, TT_MEMBER_ALIVE, 30);
        M->wanted = which == 1 ? B : 0;
        hear();
        EXPECT_EQUAL(tt_members_find(M, B) != NULL, which < 2);
        EXPECT_EQUAL(M->counters.refused, which == 2);
        EXPECT_EQUAL(M->wanted, 0);
        EXPECT(which != 0 || tt_members_find(M, A + 1) == NULL);
        EXPECT(tt_members_find(M, C) != NULL); // who has answered stays
        EXPECT_EQUAL(M->count, 4);
        // One who speaks itself has a place, as long as there is one of whom only others told.
        EXPECT(meet(B + 1, 31) != NULL);
        EXPECT(tt_members_find(M, C) != NULL);
        EXPECT_EQUAL(tt_members_are_partial(M), true);
    }
    start_of("me", 4);
    for (unsigned i = 0; i < 4; i++)
        has_answered(meet(A + i, 10 + i));
    EXPECT(meet(B, 30) == NULL); // all of them have
    EXPECT_EQUAL(M->counters.refused, 1);
}

// A word of one who is not known: it is, unless it is gone already.
static void test_unknown(void)
{
    static const struct {
        tt_member_state state;
        bool known;
    } cases[] = {{TT_MEMBER_ALIVE, true}, {TT_MEMBER_DOUBTED, true}, {TT_MEMBER_GONE, false}};
    for (unsigned i = 0; i < TT_COUNT(cases); i++) {
        start();
        speaker s = alike(20, C);
        say(&s, false, 1);
        say_word(A, 7, cases[i].state, 10);
        hear();
        const tt_member *member = tt_members_find(M, A);
        EXPECT_EQUAL(member != NULL, cases[i].known);
        if (member == NULL)
            continue;
        tt_endpoint at = host_place(10);
        EXPECT(member->state == cases[i].state && member->incarnation == 7);
        EXPECT(tt_endpoint_equal(&member->endpoint, &at) && member->heard_s == 0);
        EXPECT(tt_member_has_news(M, member));
    }
}

// Which of two words counts.
static void test_two_words(void)
{
    static const struct {
        uint16_t incarnation; // after 7, at place 10
        tt_member_state state, then;
        bool moves;
    } cases[] = {
        {6, TT_MEMBER_ALIVE, TT_MEMBER_ALIVE, false},
        {6, TT_MEMBER_DOUBTED, TT_MEMBER_ALIVE, false},
        {7, TT_MEMBER_ALIVE, TT_MEMBER_ALIVE, false},
        {7, TT_MEMBER_DOUBTED, TT_MEMBER_DOUBTED, false},
        {7, TT_MEMBER_GONE, TT_MEMBER_DOUBTED, false},
        {8, TT_MEMBER_ALIVE, TT_MEMBER_ALIVE, true},
        {8, TT_MEMBER_DOUBTED, TT_MEMBER_DOUBTED, true},
        {8, TT_MEMBER_GONE, TT_MEMBER_DOUBTED, true},
        {7 + 0x7fff, TT_MEMBER_ALIVE, TT_MEMBER_ALIVE, true},
        {(uint16_t)(7 + 0x8000), TT_MEMBER_ALIVE, TT_MEMBER_ALIVE, false},
    };
    for (unsigned i = 0; i < TT_COUNT(cases); i++) {
        start();
        speaker s = alike(20, C);
        say(&s, false, 1);
        say_word(A, 7, TT_MEMBER_ALIVE, 10);
        hear();
        say(&s, false, 1);
        say_word(A, cases[i].incarnation, cases[i].state, 11);
        hear();
        const tt_member *member = tt_members_find(M, A);
        tt_endpoint at = host_place(cases[i].moves ? 11 : 10);
        EXPECT_EQUAL(member->state, cases[i].then);
        EXPECT(tt_endpoint_equal(&member->endpoint, &at));
        EXPECT_EQUAL(member->incarnation, cases[i].moves ? cases[i].incarnation : 7);
    }
}

// That one is doubted is not believed of who was heard in the last five seconds; that it is gone,
// only after five in which it was doubted.
static void test_doubts(void)
{
    start();
    EXPECT(meet(A, 10) != NULL);
    speaker s = alike(20, C);
    for (unsigned i = 0; i < 2; i++) {
        say(&s, false, 1);
        say_word(A, 0, TT_MEMBER_DOUBTED, 10);
        hear();
        EXPECT_EQUAL(tt_members_find(M, A)->state, i == 0 ? TT_MEMBER_ALIVE : TT_MEMBER_DOUBTED);
        host.now += TT_SECONDS(i == 0 ? 5 : 4);
    }
    for (unsigned i = 0; i < 2; i++) {
        say(&s, false, 1);
        say_word(A, 0, TT_MEMBER_GONE, 10);
        hear();
        EXPECT_EQUAL(tt_members_find(M, A)->state, i == 0 ? TT_MEMBER_DOUBTED : TT_MEMBER_GONE);
        host.now += TT_SECONDS(1);
    }
}

// What is said of this device: denied where it is not so, and not said by itself.
static void test_of_itself(void)
{
    static const struct {
        uint16_t said;
        tt_member_state state;
        uint16_t then; // after 5
    } cases[] = {
        {5, TT_MEMBER_ALIVE, 5},  {4, TT_MEMBER_ALIVE, 5},   {6, TT_MEMBER_ALIVE, 7},
        {9, TT_MEMBER_ALIVE, 10}, {5, TT_MEMBER_DOUBTED, 6}, {4, TT_MEMBER_GONE, 5},
        {5, TT_MEMBER_GONE, 6},   {8, TT_MEMBER_DOUBTED, 9},
    };
    for (unsigned i = 0; i < TT_COUNT(cases); i++) {
        start();
        M->incarnation = 5;
        M->own_told = 9;
        speaker s = alike(20, C);
        for (unsigned again = 0; again < 2; again++) { // once a second at most
            say(&s, false, 1);
            say_word(M->id, cases[i].said, cases[i].state, 1);
            hear();
            EXPECT_EQUAL(M->incarnation, cases[i].then);
            EXPECT_EQUAL(M->own_told, cases[i].then != 5 ? 0 : 9);
        }
        if (cases[i].then == 5)
            continue;
        host.now += TT_SECONDS(1);
        say(&s, false, 1);
        say_word(M->id, cases[i].then, TT_MEMBER_GONE, 1);
        hear();
        EXPECT_EQUAL(M->incarnation, cases[i].then + 1);
    }
}

// Who asks is told first how it is known itself where that is not so, and what is new.
static void test_answers(void)
{
    tt_member_word word;
    start();
    say(&(speaker){.place = 10, .id = A, .incarnation = 3}, false, 0x01020304);
    say_word(B, 2, TT_MEMBER_ALIVE, 11);
    EXPECT(hear());
    EXPECT_EQUAL(one.count, 1);
    tt_endpoint at = host_place(10);
    EXPECT(tt_endpoint_equal(&one.sent[0].peer, &at));
    EXPECT(memcmp(one.sent[0].data + 4, "\1\2\3\4", 4) == 0 && one.sent[0].data[1] == TT_CHANGED);
    EXPECT_EQUAL(words_of(0, B, &word), 1);
    EXPECT(word.id == B && word.incarnation == 2 && word.state == TT_MEMBER_ALIVE);
    tt_members_doubt(M, host.now, tt_members_get(M, A));
    speaker s = {.place = 10, .id = A, .incarnation = 3};
    say(&s, false, 2);
    hear();
    words_of(0, A, &word);
    EXPECT(word.id == A && word.state == TT_MEMBER_DOUBTED && word.incarnation == 3);
    s.incarnation = 4;
    say(&s, false, 2);
    hear();
    words_of(0, A, &word);
    EXPECT(word.id == 0 && tt_members_find(M, A)->state == TT_MEMBER_ALIVE);
    s.incarnation = 3; // an older one
    say(&s, false, 2);
    hear();
    words_of(0, A, &word);
    EXPECT(word.id == A && word.incarnation == 4);
}

// Who knows something else is asked next, unless one of the two has no room for all.
static void test_differing(void)
{
    static const struct {
        uint8_t flags;
        bool same, full, target;
    } cases[] = {{0, false, false, true},
                 {TT_GOSSIP_PARTIAL, false, false, false},
                 {0, true, false, false},
                 {0, false, true, false}};
    for (unsigned i = 0; i < TT_COUNT(cases); i++) {
        start_of("me", cases[i].full ? 2 : PLACES);
        meet(A, 10);
        meet(B, 11);
        M->target = 0;
        speaker s = alike(10, A);
        s.flags = cases[i].flags;
        s.digest ^= !cases[i].same;
        say(&s, false, 1);
        hear();
        EXPECT_EQUAL(M->target, cases[i].target ? A : 0);
    }
}

// What is no gossip is left to the bus; a refusal is taken where it was asked for.
static void test_taken(void)
{
    static const uint8_t other[] = {0x54, 2, 1, 1, 1, 2, 3, 4, 0xb4, 'k', 'e', 'e', 'p', 0xff, 1};
    static const uint8_t refusal[] = {0x54, 0x84, 1, 1, 1, 2, 3, 4};
    static const uint8_t short_one[] = {0x54, 2, 1, 1, 1};
    start();
    said = (tt_datagram){.peer = host_place(10)};
    for (unsigned i = 0; i < 4; i++) {
        tt_writer_init(&said_w, said.data, sizeof(said.data));
        if (i == 0)
            tt_write_bytes(&said_w, other, sizeof(other));
        if (i == 1)
            tt_write_bytes(&said_w, refusal, sizeof(refusal));
        if (i == 2)
            tt_write_bytes(&said_w, short_one, sizeof(short_one));
        if (i == 3) { // a token of three bytes
            tt_write_bytes(&said_w, other, sizeof(other));
            said.data[0] = 0x53;
        }
        EXPECT(!hear());
        EXPECT_EQUAL(M->counters.malformed, 0);
    }
    speaker s = alike(10, A);
    say(&s, true, 5); // an answer to nothing: taken, and not believed
    EXPECT(hear() && tt_members_find(M, A) == NULL);
    say(&s, false, 5);
    EXPECT(hear() && tt_members_find(M, A) != NULL);
    say(&s, false, 5);
    said.cut = true;
    EXPECT(!hear());
    say(&s, false, 5);
    tt_write_u8(&said_w, 0); // a filter that is not said
    EXPECT(hear());
    EXPECT_EQUAL(M->counters.malformed, 1);
    say(&s, false, 5); // of no count and no port, else as short as a word can be
    static const uint8_t bare[1 + 8 + 16] = {0x40, [8] = 9, 0xfe, 0x80, [24] = 9};
    tt_write_bytes(&said_w, bare, sizeof(bare));
    said.data[said_count_at] = 1;
    said.data[said_count_at + 2] = sizeof(bare);
    EXPECT(hear() && tt_members_find(M, 9) == NULL);
    EXPECT_EQUAL(M->counters.malformed, 2);
    for (unsigned i = 0; i < 4; i++) { // bits of a word that mean nothing yet
        static const uint8_t bits[] = {0x40, 0x80, 0x30, 0x03};
        say(&s, false, 5);
        say_word(B, 1, TT_MEMBER_ALIVE, 11);
        said.data[said_count_at + 3] |= bits[i];
        EXPECT(hear() && tt_members_find(M, B) == NULL);
        EXPECT_EQUAL(M->counters.malformed, 3 + i);
    }
}

// Whatever is new makes a round soon, and what is not does not.
static void test_waking(void)
{
    static const struct {
        uint64_t id;
        uint16_t incarnation;
        tt_member_state state;
        bool wakes;
    } cases[] = {{B, 1, TT_MEMBER_ALIVE, true},    {A, 8, TT_MEMBER_ALIVE, true},
                 {A, 7, TT_MEMBER_DOUBTED, true},  {A, 7, TT_MEMBER_ALIVE, false},
                 {A, 6, TT_MEMBER_DOUBTED, false}, {B, 1, TT_MEMBER_GONE, false}};
    for (unsigned i = 0; i < TT_COUNT(cases) + 2; i++) {
        start();
        speaker s = alike(20, C);
        say(&s, false, 1);
        say_word(A, 7, TT_MEMBER_ALIVE, 10);
        hear();
        M->round_at = TT_FOREVER;
        M->rest_until = host.now;
        s = alike(20, C);
        if (i == TT_COUNT(cases))
            s.incarnation = 1; // it speaks of itself
        if (i == TT_COUNT(cases) + 1)
            s = alike(21, C + 1);    // a new one does
        s.flags = TT_GOSSIP_PARTIAL; // so that what it knows in all says nothing
        say(&s, false, 1);
        if (i < TT_COUNT(cases))
            say_word(cases[i].id, cases[i].incarnation, cases[i].state, 10 + (cases[i].id == B));
        hear();
        bool wakes = M->round_at <= host.now + TT_MEMBERS_ROUND;
        EXPECT_EQUAL(wakes, i >= TT_COUNT(cases) || cases[i].wakes);
    }
}

int main(void)
{
    test_sums();
    test_at_one_place();
    test_making_room();
    test_unknown();
    test_two_words();
    test_doubts();
    test_of_itself();
    test_answers();
    test_differing();
    test_taken();
    test_waking();
    return test_result();
}
