// What forged gossip may not do, from whatever source address. One node gossips; the test gives it
// datagrams from places of its choice, in the bytes of docs/wire.md, 9.

#include "tests/node/members.h"
#include "tests/test.h"
#include "tutti/sim.h"

#define CAPACITY 16

static tt_sim *sim;
static tt_node *node;
static tt_members *m;
static tt_writer w;
static size_t words_at;

static void begin(unsigned nodes)
{
    sim = tt_sim_new(&(tt_sim_options){
        .seed = 4, .nodes = nodes, .faults = "block multicast\n", .members = CAPACITY});
    for (unsigned i = 0; i < nodes; i++)
        tt_sim_start(sim, i, "test");
    tt_sim_run_until(sim, TT_SECONDS(20));
    node = tt_sim_node(sim, 0);
    m = node->members;
}

static void end(void)
{
    check_members(m);
    tt_sim_free(sim);
}

static void pass(tt_time time)
{
    tt_sim_run_until(sim, tt_sim_now(sim) + time);
    check_members(m);
}

static tt_endpoint place(uint8_t last)
{
    tt_endpoint e = tt_sim_endpoint(sim, 0);
    memset(e.ip + 8, 9, 7);
    e.ip[15] = last;
    return e;
}

// ---- forging

static void begin_question(uint64_t id, uint16_t incarnation)
{
    static const uint8_t head[] = {0x54, 2,   0,   0,   1,   2,   3,    4,   0xbb, '.', 'w',
                                   'e',  'l', 'l', '-', 'k', 'n', 'o',  'w', 'n',  7,   'm',
                                   'e',  'm', 'b', 'e', 'r', 's', 0x11, 42,  0xff, 1};
    static uint8_t bytes[1152];
    tt_writer_init(&w, bytes, sizeof(bytes));
    tt_write_bytes(&w, head, sizeof(head));
    tt_write_u8(&w, id != 0 ? TT_GOSSIP_NAMED : 0);
    tt_write_be16(&w, 1);
    tt_write_be64(&w, 5);
    if (id != 0) {
        tt_write_be64(&w, id);
        tt_write_be16(&w, incarnation);
    }
    words_at = w.length;
    tt_write_u8(&w, 0);
    tt_write_be16(&w, 0);
}

static void add_word(uint8_t state, uint64_t id, uint16_t incarnation, tt_endpoint at)
{
    tt_write_u8(&w, (uint8_t)(state | 4 | 8));
    tt_write_be64(&w, id);
    tt_write_be16(&w, incarnation);
    tt_write_be16(&w, at.port);
    tt_write_bytes(&w, at.ip, 16);
    w.data[words_at]++;
    w.data[words_at + 2] = (uint8_t)(w.length - words_at - 3);
}

static void say_from(tt_endpoint from)
{
    tt_datagram d = {.socket = node->bus_socket, .peer = from, .length = w.length};
    memcpy(d.data, w.data, w.length);
    EXPECT(m->operations->receive(node, tt_sim_node_now(sim, 0), &d));
    check_members(m);
}

static void tell(tt_endpoint from, uint8_t state, uint64_t id, uint16_t incarnation, tt_endpoint at)
{
    begin_question(0, 0);
    add_word(state, id, incarnation, at);
    say_from(from);
}

static const tt_member *of(uint64_t id)
{
    return tt_members_find(m, id);
}

// Introduces a real one, and waits until both know one another.
static uint64_t meet(unsigned other)
{
    tt_endpoint at = tt_sim_endpoint(sim, 0);
    EXPECT(tt_members_learn(tt_sim_node(sim, other), tt_sim_node_now(sim, other), &at,
                            TT_MEMBER_BY_HAND));
    pass(TT_SECONDS(20));
    uint64_t id = tt_sim_node(sim, other)->members->id;
    EXPECT(of(id) != NULL && of(id)->state == TT_MEMBER_ALIVE);
    return id;
}

static void expect_heals(uint64_t id, unsigned other, tt_time within)
{
    tt_endpoint at = tt_sim_endpoint(sim, other);
    pass(within);
    EXPECT(of(id) != NULL && of(id)->state == TT_MEMBER_ALIVE &&
           tt_endpoint_equal(&of(id)->endpoint, &at));
}

// ---- whose word is believed

// Half of all incarnations away, neither word is the newer: who is meant counts up all the same.
static void test_opposite_incarnation(void)
{
    begin(2);
    uint64_t id = meet(1);
    uint16_t own = tt_sim_node(sim, 1)->members->incarnation;
    tell(place(1), TT_MEMBER_ALIVE, id, (uint16_t)(own + 0x4000), place(2));
    tell(place(1), TT_MEMBER_ALIVE, id, (uint16_t)(own + 0x8000), place(2));
    EXPECT_EQUAL(of(id)->incarnation, (uint16_t)(own + 0x8000));
    expect_heals(id, 1, TT_SECONDS(200));
    end();
}

// Said to be at an address of another link, it is told so nevertheless, and denies it.
static void test_other_link(void)
{
    begin(2);
    uint64_t id = meet(1);
    tt_endpoint from = place(1);
    from.interface = 7;
    tell(from, TT_MEMBER_ALIVE, id, 9, place(2));
    EXPECT_EQUAL(of(id)->endpoint.interface, 7);
    expect_heals(id, 1, TT_SECONDS(200));
    end();
}

// Who does not gossip cannot deny anything: what is forged of one whom multicast DNS tells of does
// not end it, nor move it.
static void test_known_by_mdns(void)
{
    begin(1);
    tt_endpoint at = place(1);
    EXPECT(tt_members_add(node, tt_sim_node_now(sim, 0), 50, &at, TT_MEMBER_BY_MDNS));
    begin_question(60, 0);
    say_from(at); // another at its place
    pass(TT_SECONDS(60));
    EXPECT(of(50) != NULL && of(50)->state == TT_MEMBER_ALIVE);
    tell(place(3), TT_MEMBER_GONE, 50, 9, place(2));
    pass(TT_SECONDS(1));
    EXPECT(of(50) != NULL && tt_endpoint_equal(&of(50)->endpoint, &at));
    end();
}

// That it was taken for gone, and refuses to gossip: so it lives.
static void test_refusal_ends_doubt(void)
{
    begin(1);
    tt_endpoint at = place(1);
    EXPECT(tt_members_add(node, tt_sim_node_now(sim, 0), 50, &at, TT_MEMBER_BY_DIRECTORY));
    tell(place(3), TT_MEMBER_DOUBTED, 50, 0, at);
    EXPECT_EQUAL(of(50)->state, TT_MEMBER_DOUBTED);
    uint32_t token = 0;
    for (unsigned i = 0; i < 300 && (of(50)->state != TT_MEMBER_GONE || token == 0); i++) {
        pass(TT_MS(100));
        token = 0;
        for (unsigned k = 0; k < TT_MEMBERS_ASKS_MAX; k++)
            if (m->asks[k].id == 50 && m->asks[k].token != 0)
                token = m->asks[k].token;
    }
    EXPECT_EQUAL(of(50)->state, TT_MEMBER_GONE);
    uint8_t bytes[8] = {0x54, 0x84};
    tt_writer_init(&w, bytes, sizeof(bytes));
    w.length = 4;
    tt_write_be32(&w, token);
    say_from(at);
    EXPECT_EQUAL(of(50)->state, TT_MEMBER_ALIVE);
    end();
}

// With its boot number, or without any.
static void announce(const char *name, tt_endpoint at, bool tells_boot)
{
    static tt_discovery forger;
    tt_endpoint from = {.ip = {0xfe, 0x80, [15] = 99}, .port = TT_MDNS_PORT, .interface = 1}, to;
    uint8_t bytes[TT_MDNS_MESSAGE_MAX];
    size_t length;
    tt_discovery_options options = {
        .name = name, .kind = "test", .port = at.port, .boot = 7, .seed = 1};
    REQUIRE(tt_discovery_init(&forger, 0, &options) == TT_OK);
    tt_discovery_set_addresses(&forger, 0, &at, 1);
    for (tt_time time = 0; time < TT_SECONDS(3); time += TT_MS(50))
        while (tt_discovery_transmit(&forger, time, &to, bytes, sizeof(bytes), &length) == TT_OK)
            if ((bytes[2] & 0x80) != 0) {
                for (size_t i = 0; !tells_boot && i + 5 < length; i++)
                    if (memcmp(bytes + i, "boot=", 5) == 0)
                        bytes[i] = 'f';
                tt_discovery_receive(&node->discovery, tt_sim_node_now(sim, 0), &from, bytes,
                                     length);
            }
}

// One whose boot number only itself told is a member by that, and no second one without it.
static void test_boot_that_was_asked(void)
{
    begin(2);
    uint64_t id = tt_sim_node(sim, 1)->members->id, without = tt_bus_identity("node-1", 0);
    announce("node-1", tt_sim_endpoint(sim, 1), false);
    EXPECT(of(without) != NULL);
    announce("node-1", tt_sim_endpoint(sim, 1), true);
    pass(TT_SECONDS(60));
    EXPECT(of(id) != NULL && (of(id)->sources & TT_MEMBER_BY_MDNS) != 0);
    EXPECT(of(without) == NULL);
    end();
}

// Multicast DNS tells where it is now.
static void test_moved_by_mdns(void)
{
    begin(1);
    tt_endpoint at = place(1), moved = place(2);
    EXPECT(tt_members_add(node, tt_sim_node_now(sim, 0), 50, &at, TT_MEMBER_BY_MDNS));
    tt_members_drop(node, tt_sim_node_now(sim, 0), 50, TT_MEMBER_BY_MDNS);
    EXPECT(of(50) == NULL);
    EXPECT(tt_members_add(node, tt_sim_node_now(sim, 0), 50, &at, TT_MEMBER_BY_MDNS));
    EXPECT(tt_members_add(node, tt_sim_node_now(sim, 0), 50, &moved, TT_MEMBER_BY_MDNS));
    EXPECT(tt_endpoint_equal(&of(50)->endpoint, &moved));
    end();
}

// Gone by a word that others do not know: they are told, since the member may deny it only then.
static void test_gone_by_another_word(void)
{
    begin(1);
    tell(place(1), TT_MEMBER_ALIVE, 50, 9, place(2));
    tell(place(1), TT_MEMBER_GONE, 50, 9, place(2));
    pass(TT_SECONDS(60));
    EXPECT_EQUAL(of(50)->state, TT_MEMBER_GONE);
    tt_members_end_news(m);
    tell(place(1), TT_MEMBER_ALIVE, 50, 4, place(3));
    EXPECT_EQUAL(of(50)->state, TT_MEMBER_GONE);
    EXPECT_EQUAL(m->news, 1);
    end();
}

// ---- speakers

// A question's source is as forged as its words: none far away is asked.
static void test_far_speakers(void)
{
    static const uint8_t far[][16] = {{0x20, 0x01, 0x0d, 0xb8, [15] = 1},
                                      {[10] = 0xff, 0xff, 8, 8, 8, 8},
                                      {0xff, 0x02, [15] = 1}};
    begin(1);
    for (unsigned i = 0; i < TT_COUNT(far); i++) {
        tt_endpoint from = {.port = TT_BUS_PORT};
        memcpy(from.ip, far[i], 16);
        begin_question(70 + i, 0);
        say_from(from);
        EXPECT(of(70 + i) == NULL);
    }
    tt_endpoint nowhere = place(1);
    nowhere.port = 0;
    begin_question(80, 0);
    say_from(nowhere);
    EXPECT(of(80) == NULL);
    end();
}

// Many who ask from forged places: whoever was heard of and answers keeps its place, and who comes
// later has one.
static void test_invented_speakers(void)
{
    begin(3);
    uint64_t first = meet(1);
    for (unsigned i = 0; i < 1000; i++) {
        begin_question(1000 + i, 0);
        say_from(place((uint8_t)(i % 250)));
    }
    pass(TT_SECONDS(10));
    EXPECT(of(first) != NULL && of(first)->state != TT_MEMBER_GONE);
    tt_endpoint at = tt_sim_endpoint(sim, 0);
    tt_members_learn(tt_sim_node(sim, 2), tt_sim_node_now(sim, 2), &at, TT_MEMBER_BY_HAND);
    pass(TT_SECONDS(10));
    EXPECT(of(tt_sim_node(sim, 2)->members->id) != NULL);
    end();
}

// One who is wanted and nowhere is asked for ever more rarely.
static void test_wanted_in_vain(void)
{
    begin(2);
    meet(1);
    tt_members_want(node, tt_sim_node_now(sim, 0), 500);
    uint64_t asked = m->counters.asked;
    pass(TT_SECONDS(10));
    EXPECT(m->counters.asked - asked > 20);
    pass(TT_SECONDS(300));
    asked = m->counters.asked;
    pass(TT_SECONDS(60));
    printf("wanted in vain: %d questions in a minute\n", (int)(m->counters.asked - asked));
    EXPECT(m->wanted == 500);
    EXPECT(m->counters.asked - asked <= 4);
    end();
}

int main(void)
{
    test_opposite_incarnation();
    test_other_link();
    test_known_by_mdns();
    test_refusal_ends_doubt();
    test_boot_that_was_asked();
    test_moved_by_mdns();
    test_gone_by_another_word();
    test_far_speakers();
    test_invented_speakers();
    test_wanted_in_vain();
    return test_result();
}
