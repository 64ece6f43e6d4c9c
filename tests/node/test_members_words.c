// Word by word: one node that gossips, and one without a name at whose place the test speaks, in
// the bytes of docs/wire.md, 9.

#include "tests/node/members.h"
#include "tests/test.h"
#include "tutti/sim.h"

#define CAPACITY 16
#define SPEAKER 77u // who the test says it is

static tt_sim *sim;
static const uint8_t near_ip[16] = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 1};

// What came last to the place where the test speaks.
static tt_datagram last;
static tt_platform_operations recording;
static tt_status (*receive)(tt_platform *platform, tt_datagram *datagram);

static tt_status record(tt_platform *platform, tt_datagram *datagram)
{
    tt_status status = receive(platform, datagram);
    if (status == TT_OK && datagram->peer.port == TT_BUS_PORT)
        last = *datagram;
    return status;
}

static tt_members *begin(void)
{
    sim = tt_sim_new(&(tt_sim_options){
        .seed = 4, .nodes = 2, .faults = "block multicast\n", .members = CAPACITY});
    tt_sim_start(sim, 0, "test");
    tt_sim_start(sim, 1, NULL);
    tt_platform *platform = tt_sim_node(sim, 1)->platform;
    recording = *platform->operations;
    receive = recording.receive;
    recording.receive = record;
    platform->operations = &recording;
    tt_sim_run_until(sim, TT_SECONDS(20));
    return tt_sim_node(sim, 0)->members;
}

static void end(void)
{
    check_members(tt_sim_node(sim, 0)->members);
    tt_sim_free(sim);
}

static tt_time now_there(void)
{
    return tt_sim_node_now(sim, 0);
}

static void pass(tt_time time)
{
    tt_sim_run_until(sim, tt_sim_now(sim) + time);
    check_members(tt_sim_node(sim, 0)->members);
}

// ---- speaking

static tt_writer w;
static size_t words_at;

static void begin_payload(const uint8_t *head, size_t length, uint8_t flags, uint16_t count,
                          uint64_t sum)
{
    static uint8_t bytes[1152];
    tt_writer_init(&w, bytes, sizeof(bytes));
    tt_write_bytes(&w, head, length);
    tt_write_u8(&w, 1);
    tt_write_u8(&w, flags);
    tt_write_be16(&w, count);
    tt_write_be64(&w, sum);
    if (flags & 1) {
        tt_write_be64(&w, SPEAKER);
        tt_write_be16(&w, 0);
    }
    words_at = w.length;
    tt_write_u8(&w, 0);
    tt_write_be16(&w, 0);
}

static void begin_question(uint8_t flags, uint64_t sum)
{
    static const uint8_t head[] = {0x54, 2,   0,   0,   1,   2,   3,    4,   0xbb, '.', 'w',
                                   'e',  'l', 'l', '-', 'k', 'n', 'o',  'w', 'n',  7,   'm',
                                   'e',  'm', 'b', 'e', 'r', 's', 0x11, 42,  0xff};
    begin_payload(head, sizeof(head), flags, 1, sum);
}

static void begin_answer(uint32_t token, uint8_t flags, uint16_t count, uint64_t sum)
{
    uint8_t head[] = {0x54, 0x44, 0, 0, 0, 0, 0, 0, 0xc1, 42, 0xff};
    for (unsigned i = 0; i < 4; i++)
        head[4 + i] = (uint8_t)(token >> (24 - 8 * i));
    begin_payload(head, sizeof(head), flags, count, sum);
}

static void add_word(uint8_t state, uint64_t id, uint16_t incarnation)
{
    tt_write_u8(&w, (uint8_t)(state | 4 | 8));
    tt_write_be64(&w, id);
    tt_write_be16(&w, incarnation);
    tt_write_be16(&w, (uint16_t)(1000 + id)); // a place of its own
    tt_write_bytes(&w, near_ip, 16);
    w.data[words_at]++;
    w.data[words_at + 2] = (uint8_t)(w.length - words_at - 3);
}

static void say(void)
{
    tt_node *node = tt_sim_node(sim, 1);
    tt_datagram d = {
        .socket = node->bus_socket, .peer = tt_sim_endpoint(sim, 0), .length = w.length};
    memcpy(d.data, w.data, w.length);
    last.length = 0;
    EXPECT_EQUAL(node->platform->operations->send(node->platform, &d), TT_OK);
    pass(TT_MS(1));
}

static void tell(uint8_t state, uint64_t id, uint16_t incarnation)
{
    begin_question(0, 0);
    add_word(state, id, incarnation);
    say();
}

// What came last, if it is gossip.
static bool came(tt_gossip *g)
{
    return tt_gossip_read(g, &last) == TT_OK;
}

// The next question that comes within so long.
static bool next_question(tt_gossip *g, tt_time within)
{
    last.length = 0;
    for (tt_time until = tt_sim_now(sim) + within; tt_sim_now(sim) < until; pass(TT_MS(1)))
        if (came(g) && !g->is_answer && !g->is_refusal)
            return true;
    return false;
}

static int state_of(uint64_t id)
{
    const tt_member *member = tt_members_find(tt_sim_node(sim, 0)->members, id);
    return member != NULL ? member->state : -1;
}

// ---- words

static void test_states(void)
{
    const tt_members *m = begin();
    tell(TT_MEMBER_GONE, 10, 0);
    EXPECT_EQUAL(state_of(10), -1); // of nobody's end anything is kept who was not known
    tell(TT_MEMBER_ALIVE, 10, 1);
    EXPECT_EQUAL(state_of(10), TT_MEMBER_ALIVE);
    EXPECT_EQUAL(m->living, 1);
    tell(TT_MEMBER_DOUBTED, 10, 0);
    EXPECT_EQUAL(state_of(10), TT_MEMBER_ALIVE); // an older word
    tell(TT_MEMBER_DOUBTED, 10, 1);
    EXPECT_EQUAL(state_of(10), TT_MEMBER_DOUBTED);
    tell(TT_MEMBER_ALIVE, 10, 1);
    EXPECT_EQUAL(state_of(10), TT_MEMBER_DOUBTED); // the same word does not end a doubt
    tell(TT_MEMBER_ALIVE, 10, 2);
    EXPECT_EQUAL(state_of(10), TT_MEMBER_ALIVE);
    tell(TT_MEMBER_GONE, 10, 2);
    EXPECT_EQUAL(state_of(10), TT_MEMBER_DOUBTED); // it may still deny it
    tell(TT_MEMBER_GONE, 10, 2);
    EXPECT_EQUAL(state_of(10), TT_MEMBER_DOUBTED);
    pass(TT_SECONDS(6));
    tell(TT_MEMBER_GONE, 10, 2);
    EXPECT_EQUAL(state_of(10), TT_MEMBER_GONE);
    EXPECT_EQUAL(m->living, 0);
    tell(TT_MEMBER_ALIVE, 10, 2);
    EXPECT_EQUAL(state_of(10), TT_MEMBER_GONE);
    tell(TT_MEMBER_ALIVE, 10, 0x8001); // half of all incarnations are newer
    EXPECT_EQUAL(state_of(10), TT_MEMBER_ALIVE);
    tell(TT_MEMBER_ALIVE, 11, 0);
    tell(TT_MEMBER_DOUBTED, 11, 0);
    pass(TT_SECONDS(14));
    EXPECT_EQUAL(state_of(11), TT_MEMBER_DOUBTED);
    pass(TT_SECONDS(2));
    EXPECT_EQUAL(state_of(11), TT_MEMBER_GONE);
    pass(TT_SECONDS(3595));
    EXPECT_EQUAL(state_of(11), TT_MEMBER_GONE);
    pass(TT_SECONDS(20));
    EXPECT_EQUAL(state_of(11), -1);
    end();
}

static void test_own_word(void)
{
    tt_members *m = begin();
    uint16_t before = m->incarnation;
    tell(TT_MEMBER_ALIVE, m->id, before);
    EXPECT_EQUAL(m->incarnation, before); // so it is
    tell(TT_MEMBER_DOUBTED, m->id, (uint16_t)(before - 1));
    EXPECT_EQUAL(m->incarnation, before); // so it was
    for (unsigned i = 1; i <= 10; i++)
        tell(TT_MEMBER_DOUBTED, m->id, (uint16_t)(before + 10 * i));
    EXPECT_EQUAL(m->incarnation, before + 11); // once a second
    pass(TT_SECONDS(1));
    tell(TT_MEMBER_ALIVE, m->id, (uint16_t)(before + 50)); // a newer word than its own
    EXPECT_EQUAL(m->incarnation, before + 51);
    EXPECT_EQUAL(state_of(m->id), -1); // it is no other
    end();
}

static void test_places(void)
{
    tt_members *m = begin();
    for (uint64_t id = 100; id < 100 + 2 * CAPACITY; id++)
        tell(TT_MEMBER_ALIVE, id, 0);
    EXPECT_EQUAL(m->count, CAPACITY);
    EXPECT_EQUAL(m->counters.refused, CAPACITY);
    tt_members_want(tt_sim_node(sim, 0), now_there(), 500);
    EXPECT(m->wanted == 500);
    tell(TT_MEMBER_ALIVE, 499, 0);
    EXPECT_EQUAL(state_of(499), -1);
    tell(TT_MEMBER_ALIVE, 500, 0);
    EXPECT_EQUAL(state_of(500), TT_MEMBER_ALIVE);
    EXPECT_EQUAL(m->wanted, 0);
    EXPECT_EQUAL(m->count, CAPACITY);
    tt_members_want(tt_sim_node(sim, 0), now_there(), 500);
    EXPECT_EQUAL(m->wanted, 0); // it is here
    end();
}

// ---- answers

static void test_what_is_told(void)
{
    tt_members *m = begin();
    tt_gossip g;
    for (uint64_t id = 10; id < 13; id++)
        tell(TT_MEMBER_ALIVE, id, 0);
    uint64_t answered = m->counters.answered;
    begin_question(8, 0);
    tt_write_be64(&w, 0); // it knows nobody
    say();
    EXPECT_EQUAL(m->counters.answered, answered + 1);
    EXPECT(came(&g) && g.is_answer && g.token == 0x01020304);
    EXPECT_EQUAL(g.word_count, 3);
    EXPECT(g.id == m->id && g.digest == tt_members_digest(m) && g.count == 4);
    begin_question(8, 0);
    tt_write_be64(&w, UINT64_MAX); // it knows all
    say();
    EXPECT(came(&g) && g.word_count == 0);
    // An answer that nobody asked for, and one to another token.
    answered = m->counters.answered;
    begin_answer(1, 1, 9, 0);
    add_word(TT_MEMBER_ALIVE, 600, 0);
    say();
    EXPECT_EQUAL(state_of(600), -1);
    EXPECT_EQUAL(m->counters.answered, answered);
    end();
}

static void test_answers(void)
{
    tt_members *m = begin();
    tt_gossip g;
    tt_endpoint there = tt_sim_endpoint(sim, 1);
    for (unsigned i = 0; i < TT_MEMBERS_SEEDS_MAX; i++) { // the last has the first place
        tt_endpoint at = there;
        at.port = (uint16_t)(at.port + TT_MEMBERS_SEEDS_MAX - 1 - i);
        EXPECT(tt_members_learn(tt_sim_node(sim, 0), now_there(), &at, TT_MEMBER_BY_HAND));
    }
    EXPECT(next_question(&g, TT_SECONDS(2)));
    EXPECT(g.filter_length > 500); // whoever begins asks for all
    begin_answer(g.token, 1 | 16, 9, 1);
    say();
    EXPECT_EQUAL(tt_members_count(m), 2); // more follows
    EXPECT_EQUAL(state_of(SPEAKER), TT_MEMBER_ALIVE);
    EXPECT((tt_members_find(m, SPEAKER)->sources & TT_MEMBER_BY_HAND) != 0);
    begin_answer(g.token, 1, 9, 1);
    say();
    EXPECT_EQUAL(tt_members_count(m), 9);
    EXPECT(m->differs);
    // One who has no room for all tells no number, and its sum is no reason to ask.
    EXPECT(next_question(&g, TT_SECONDS(2)));
    begin_answer(g.token, 1 | 2, 12, 1);
    say();
    EXPECT_EQUAL(tt_members_count(m), 9);
    // Two who know the same, and it is quiet.
    for (unsigned i = 0; i < 3; i++) {
        EXPECT(next_question(&g, TT_SECONDS(10)));
        begin_answer(g.token, 1, 9, tt_members_digest(m));
        say();
    }
    EXPECT(!m->differs);
    EXPECT_EQUAL(m->news, 0);
    end();
}

// Whoever does not know the path is not asked again, and others are not told of it.
static void test_refusal(void)
{
    tt_members *m = begin();
    tt_gossip g;
    tt_endpoint there = tt_sim_endpoint(sim, 1);
    EXPECT(
        tt_members_add(tt_sim_node(sim, 0), now_there(), SPEAKER, &there, TT_MEMBER_BY_DIRECTORY));
    m->eager = true;
    pass(TT_MS(1));
    EXPECT(next_question(&g, TT_SECONDS(2)));
    uint8_t bytes[] = {0x54, 0x84, 0, 0, 0, 0, 0, 0};
    for (unsigned i = 0; i < 4; i++)
        bytes[4 + i] = (uint8_t)(g.token >> (24 - 8 * i));
    tt_writer_init(&w, bytes, sizeof(bytes));
    w.length = sizeof(bytes);
    say();
    EXPECT_EQUAL(tt_members_find(m, SPEAKER)->sources,
                 TT_MEMBER_BY_DIRECTORY | TT_MEMBER_HAS_NO_GOSSIP);
    uint64_t asked = m->counters.asked;
    pass(TT_SECONDS(10));
    EXPECT_EQUAL(m->counters.asked, asked);
    EXPECT_EQUAL(m->living, 0);
    end();
}

// Five questions without an answer, and it is doubted.
static void test_silence(void)
{
    tt_members *m = begin();
    begin_question(1, 5);
    say();
    EXPECT_EQUAL(state_of(SPEAKER), TT_MEMBER_ALIVE);
    uint64_t asked = m->counters.asked;
    pass(TT_SECONDS(4));
    EXPECT_EQUAL(state_of(SPEAKER), TT_MEMBER_ALIVE);
    while (state_of(SPEAKER) == TT_MEMBER_ALIVE && m->counters.asked - asked < 100)
        pass(TT_MS(100));
    printf("doubted after %d questions\n", (int)(m->counters.asked - asked));
    EXPECT(m->counters.asked - asked >= TT_MEMBERS_SILENT);
    EXPECT(m->counters.asked - asked <= TT_MEMBERS_SILENT + 1);
    pass(TT_SECONDS(16));
    EXPECT_EQUAL(state_of(SPEAKER), TT_MEMBER_GONE);
    // It is asked now and then, told what it is taken for, and back by a newer word alone.
    tt_gossip g;
    EXPECT(next_question(&g, TT_SECONDS(5)));
    EXPECT_EQUAL(g.word_count, 1);
    begin_question(1, 5);
    say();
    EXPECT(came(&g) && g.is_answer && g.word_count == 1);
    EXPECT_EQUAL(state_of(SPEAKER), TT_MEMBER_GONE);
    end();
}

int main(void)
{
    test_states();
    test_own_word();
    test_places();
    test_what_is_told();
    test_answers();
    test_refusal();
    test_silence();
    return test_result();
}
