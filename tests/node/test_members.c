// The table of members, its sources, and what whoever can send a datagram can do to it. The bytes
// are those of docs/wire.md, 9, written here once more.

#include "tests/node/members.h"
#include "tests/test.h"
#include "tutti/sim.h"

#define NODES 6
#define HOSTILE (NODES - 1) // it has no name, and what it sends is the test's
#define CAPACITY 64

static tt_sim *sim;

static void give_address(tt_sim *world, unsigned node, void *context)
{
    (void)context;
    tt_endpoint address = tt_sim_endpoint(world, 0);
    if (node != 0 && node != HOSTILE)
        EXPECT(tt_members_learn(tt_sim_node(world, node), tt_sim_node_now(world, node), &address,
                                TT_MEMBER_BY_HAND));
}

static void begin_of(unsigned capacity)
{
    sim = tt_sim_new(&(tt_sim_options){.seed = 4,
                                       .nodes = NODES,
                                       .faults = "block multicast\n",
                                       .members = capacity,
                                       .on_start = give_address});
    for (unsigned i = 0; i < NODES; i++)
        tt_sim_start(sim, i, i == HOSTILE ? NULL : "test");
    tt_sim_run_until(sim, TT_SECONDS(20));
}

static tt_members *members_of(unsigned node)
{
    return tt_sim_node(sim, node)->members;
}

static void end(void)
{
    for (unsigned i = 0; i < NODES; i++)
        check_members(members_of(i));
    tt_sim_free(sim);
}

// ---- forging

typedef struct forged {
    uint8_t bytes[1152];
    tt_writer w;
    size_t count_at;
    unsigned words;
} forged;

static void forge(forged *f, uint8_t flags)
{
    static const uint8_t head[] = {0x54, 2,   0x12, 0x34, 9,   8,   7,    6,   0xbb, '.',  'w',
                                   'e',  'l', 'l',  '-',  'k', 'n', 'o',  'w', 'n',  0x07, 'm',
                                   'e',  'm', 'b',  'e',  'r', 's', 0x11, 42,  0xff, 1};
    f->words = 0;
    tt_writer_init(&f->w, f->bytes, sizeof(f->bytes));
    tt_write_bytes(&f->w, head, sizeof(head));
    tt_write_u8(&f->w, flags);
    tt_write_be16(&f->w, 5);
    tt_write_be64(&f->w, 77); // the sum of what it knows
    f->count_at = f->w.length;
    tt_write_u8(&f->w, 0);
    tt_write_be16(&f->w, 0);
}

static void forge_word(forged *f, uint8_t state, uint64_t id, uint16_t incarnation,
                       const uint8_t ip[16], uint16_t port)
{
    tt_write_u8(&f->w, (uint8_t)(state | 4 | 8));
    tt_write_be64(&f->w, id);
    tt_write_be16(&f->w, incarnation);
    tt_write_be16(&f->w, port);
    tt_write_bytes(&f->w, ip, 16);
    f->words++;
    f->bytes[f->count_at] = (uint8_t)f->words;
    f->bytes[f->count_at + 1] = (uint8_t)((f->w.length - f->count_at - 3) >> 8);
    f->bytes[f->count_at + 2] = (uint8_t)(f->w.length - f->count_at - 3);
}

static void send(const void *bytes, size_t length, unsigned to)
{
    tt_node *node = tt_sim_node(sim, HOSTILE);
    tt_datagram d = {
        .socket = node->bus_socket, .peer = tt_sim_endpoint(sim, to), .length = length};
    memcpy(d.data, bytes, length);
    EXPECT_EQUAL(node->platform->operations->send(node->platform, &d), TT_OK);
}

static void pass(tt_time time)
{
    tt_sim_run_until(sim, tt_sim_now(sim) + time);
}

static const uint8_t near_ip[16] = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 1};

// ---- what it is told

static void test_identity(void)
{
    EXPECT(tt_bus_identity("Watch-1", 7) == tt_bus_identity("watch-1", 7));
    EXPECT(tt_bus_identity("watch-1", 7) != tt_bus_identity("watch-1", 8));
    EXPECT(tt_bus_identity("watch-1", 7) != tt_bus_identity("watch-2", 7));
}

static void test_all_know_all(void)
{
    begin_of(CAPACITY);
    for (unsigned i = 0; i < HOSTILE; i++) {
        const tt_members *m = members_of(i);
        EXPECT_EQUAL(m->living, HOSTILE - 1);
        EXPECT_EQUAL(tt_members_count(m), HOSTILE);
        for (unsigned k = 0; k < HOSTILE; k++) {
            tt_endpoint at = tt_sim_endpoint(sim, k);
            const tt_member *member = tt_members_at(m, &at);
            EXPECT((member == NULL) == (i == k));
            EXPECT(member == NULL || member->id == members_of(k)->id);
        }
    }
    end();
}

// Every shorter message, and every absurd one, changes nothing.
static void test_malformed(void)
{
    forged f;
    begin_of(CAPACITY);
    const tt_members *m = members_of(0);
    unsigned count = m->count;
    forge(&f, 0);
    forge_word(&f, 0, 1234, 1, near_ip, 5683);
    for (size_t length = 0; length < f.w.length; length++)
        send(f.bytes, length, 0);
    forge(&f, 0x20); // a flag that there is not
    send(f.bytes, f.w.length, 0);
    forge(&f, 8); // a filter that is not there
    send(f.bytes, f.w.length, 0);
    forge(&f, 0);
    forge_word(&f, 3, 1234, 1, near_ip, 5683); // a state that there is not
    send(f.bytes, f.w.length, 0);
    forge(&f, 0);
    forge_word(&f, 0, 0, 1, near_ip, 5683); // nobody
    send(f.bytes, f.w.length, 0);
    forge(&f, 0);
    forge_word(&f, 0, 1234, 1, near_ip, 0); // nowhere
    send(f.bytes, f.w.length, 0);
    forge(&f, 0);
    forge_word(&f, 0, 1234, 1, near_ip, 5683);
    f.bytes[f.count_at] = 2; // words that are not there
    send(f.bytes, f.w.length, 0);
    pass(TT_MS(5));
    EXPECT_EQUAL(m->count, count);
    EXPECT(m->counters.malformed >= 20);
    EXPECT(tt_members_find(m, 1234) == NULL);
    forge(&f, 0);
    forge_word(&f, 0, 1234, 1, near_ip, 5683);
    send(f.bytes, f.w.length, 0);
    pass(TT_MS(5));
    EXPECT(tt_members_find(m, 1234) != NULL); // whole it is believed, as a hint
    end();
}

// Of a group, of everybody, of this machine and elsewhere: nobody is made to send there.
static void test_addresses(void)
{
    static const uint8_t ips[][16] = {
        {0x20, 0x01, 0x0d, 0xb8, [15] = 1}, {0xff, 0x02, [15] = 1}, {[15] = 1}, {0},
        {[10] = 0xff, 0xff, 8, 8, 8, 8},
    };
    forged f;
    begin_of(CAPACITY);
    for (unsigned i = 0; i < TT_COUNT(ips); i++) {
        forge(&f, 0);
        forge_word(&f, 0, 5000 + i, 1, ips[i], 5683);
        send(f.bytes, f.w.length, 0);
    }
    pass(TT_SECONDS(1));
    for (unsigned i = 0; i < TT_COUNT(ips); i++)
        EXPECT(tt_members_find(members_of(0), 5000 + i) == NULL);
    end();
}

// A thousand who do not exist: who is known stays, the table has its size, and the traffic is that
// of the rounds.
static void test_invented(void)
{
    forged f;
    begin_of(CAPACITY);
    uint64_t before = 0, after = 0;
    for (unsigned i = 0; i < HOSTILE; i++)
        before += tt_sim_node(sim, i)->counters.datagrams_sent;
    for (unsigned k = 0; k < 1000; k++) {
        uint8_t ip[16];
        memcpy(ip, near_ip, 16);
        ip[14] = (uint8_t)(k >> 8);
        ip[15] = (uint8_t)k;
        if (k % 25 == 0)
            forge(&f, 0);
        forge_word(&f, 0, 100000 + k, 1, ip, 5683);
        if (k % 25 == 24)
            send(f.bytes, f.w.length, k / 25 % HOSTILE);
    }
    pass(TT_SECONDS(20));
    for (unsigned i = 0; i < HOSTILE; i++) {
        EXPECT(members_of(i)->count <= CAPACITY);
        EXPECT(members_of(i)->counters.refused > 0);
        after += tt_sim_node(sim, i)->counters.datagrams_sent;
        for (unsigned k = 0; k < HOSTILE; k++) {
            const tt_member *member = tt_members_find(members_of(i), members_of(k)->id);
            EXPECT(k == i || (member != NULL && member->state != TT_MEMBER_GONE));
        }
    }
    printf("a thousand invented: %d datagrams of five nodes in 20 s\n", (int)(after - before));
    EXPECT(after - before < 5 * 20 * 10);
    end();
}

// That it is gone is denied, once a second at most, and nobody believes it for long.
static void test_own_end(void)
{
    forged f;
    begin_of(CAPACITY);
    uint64_t id = members_of(0)->id;
    uint16_t before = members_of(0)->incarnation;
    tt_endpoint at = tt_sim_endpoint(sim, 0);
    for (unsigned i = 0; i < 100; i++)
        for (unsigned to = 0; to < HOSTILE; to++) {
            forge(&f, 0);
            forge_word(&f, TT_MEMBER_GONE, id, (uint16_t)(before + 500), at.ip, 5683);
            send(f.bytes, f.w.length, to);
            if (to == 0)
                pass(TT_MS(5));
        }
    pass(TT_SECONDS(8));
    EXPECT((uint16_t)(members_of(0)->incarnation - before) > 500);
    EXPECT((uint16_t)(members_of(0)->incarnation - before) < 510);
    for (unsigned i = 1; i < HOSTILE; i++) {
        const tt_member *member = tt_members_find(members_of(i), id);
        EXPECT(member != NULL && member->state == TT_MEMBER_ALIVE);
        EXPECT(tt_endpoint_equal(&member->endpoint, &at));
    }
    end();
}

// One that is said to be elsewhere, by a newer word: it says itself where it is.
static void test_moved_by_a_stranger(void)
{
    forged f;
    begin_of(CAPACITY);
    uint64_t id = members_of(1)->id;
    tt_endpoint at = tt_sim_endpoint(sim, 1);
    forge(&f, 0);
    forge_word(&f, TT_MEMBER_ALIVE, id, 9, near_ip, 5683);
    send(f.bytes, f.w.length, 0);
    pass(TT_SECONDS(15));
    for (unsigned i = 0; i < HOSTILE; i++) {
        const tt_member *member = tt_members_find(members_of(i), id);
        EXPECT(i == 1 || (member != NULL && tt_endpoint_equal(&member->endpoint, &at)));
    }
    end();
}

static uint64_t gossip_bytes(void)
{
    const tt_sim_counts *counts = tt_sim_count(sim);
    return counts->sent[TT_SIM_COAP_NON].bytes - 48 * counts->sent[TT_SIM_COAP_NON].datagrams;
}

// An answer has three times the bytes of its question at most, however much there is to tell.
static void test_amplification(void)
{
    forged f;
    begin_of(256);
    for (unsigned k = 0; k < 200; k++) {
        uint8_t ip[16];
        memcpy(ip, near_ip, 16);
        ip[15] = (uint8_t)k;
        if (k % 25 == 0)
            forge(&f, 0);
        forge_word(&f, 0, 100000 + k, 1, ip, 5683);
        if (k % 25 == 24)
            send(f.bytes, f.w.length, 0);
    }
    pass(TT_MS(5));
    for (size_t filter = 1; filter <= 900; filter += 100) {
        forge(&f, 8);
        uint8_t none[900] = {0};
        tt_write_bytes(&f.w, none, filter);
        uint64_t before = gossip_bytes();
        uint64_t answers = members_of(0)->counters.answered;
        send(f.bytes, f.w.length, 0);
        pass(TT_US(500));
        EXPECT(members_of(0)->counters.answered > answers);
        EXPECT(gossip_bytes() - before <= 4 * f.w.length); // the question itself among them
        EXPECT(members_of(0)->counters.answered - answers <= 3);
        EXPECT(filter < 500 || gossip_bytes() - before > 2 * f.w.length);
        pass(TT_MS(100));
    }
    end();
}

static void test_flood(void)
{
    forged f;
    begin_of(CAPACITY);
    uint64_t answers = members_of(0)->counters.answered, asked = members_of(0)->counters.asked;
    forge(&f, 0);
    for (unsigned i = 0; i < 2000; i++) {
        send(f.bytes, f.w.length, 0);
        pass(TT_US(500));
    }
    EXPECT(members_of(0)->counters.answered - answers <= 2 * TT_MEMBERS_ANSWERS_PER_SECOND + 8);
    EXPECT(members_of(0)->counters.unasked > 1800);
    EXPECT(members_of(0)->counters.asked - asked <= 8);
    end();
}

// ---- sources

static void give_first(tt_sim *world, unsigned node, void *context)
{
    (void)context;
    tt_endpoint address = tt_sim_endpoint(world, 0);
    if (node != 0)
        EXPECT(tt_members_learn(tt_sim_node(world, node), tt_sim_node_now(world, node), &address,
                                TT_MEMBER_BY_HAND));
}

// An address that was given, whose device answers and has no place in the table, is asked ever more
// rarely as well.
static void test_given_without_place(void)
{
    const unsigned nodes = 12;
    sim = tt_sim_new(&(tt_sim_options){.seed = 3,
                                       .nodes = nodes,
                                       .faults = "block multicast\nsleep 0 for 60s at 300s\n",
                                       .members = 4,
                                       .on_start = give_first});
    for (unsigned i = 0; i < nodes; i++)
        tt_sim_start(sim, i, "test");
    pass(TT_SECONDS(540));
    uint64_t sent = 0;
    for (unsigned i = 0; i < nodes; i++)
        sent -= tt_sim_node(sim, i)->counters.datagrams_sent;
    pass(TT_SECONDS(60));
    for (unsigned i = 0; i < nodes; i++) {
        sent += tt_sim_node(sim, i)->counters.datagrams_sent;
        check_members(members_of(i));
    }
    printf("twelve with four places each: %d datagrams in a minute\n", (int)sent);
    EXPECT(sent < 10 * nodes);
    tt_sim_free(sim);
}

// A table of four among five others: it asks for the one that it lacks, which takes the place of
// one of whom it only heard.
static void test_small_table(void)
{
    begin_of(2);
    const tt_members *m = members_of(1);
    EXPECT_EQUAL(m->count, 2);
    EXPECT_EQUAL(tt_members_count(m) >= 3, 1);
    unsigned found = 0;
    for (unsigned k = 0; k < HOSTILE; k++) {
        uint64_t id = members_of(k)->id;
        if (k == 1)
            continue;
        tt_members_want(tt_sim_node(sim, 1), tt_sim_node_now(sim, 1), id);
        pass(TT_SECONDS(5));
        found += tt_members_find(m, id) != NULL;
    }
    EXPECT(found >= 2);
    end();
}

static void on_reply(tt_call *call, tt_time now, const tt_reply *reply)
{
    (void)call, (void)now, (void)reply;
}

// Whom this device depends on has a place before those of whom it only heard.
static void test_depended_on(void)
{
    begin_of(2);
    static tt_call call;
    for (unsigned k = 2; k < HOSTILE; k++) {
        tt_node *node = tt_sim_node(sim, 1);
        call = (tt_call){.peer = tt_sim_endpoint(sim, k),
                         .method = TT_GET,
                         .path = "nothing",
                         .content_format = TT_FORMAT_NONE,
                         .accept = TT_FORMAT_NONE,
                         .observe = true,
                         .timeout = TT_SECONDS(1000),
                         .on_reply = on_reply};
        tt_sim_kill(sim, k); // so that it does not end by an answer
        EXPECT_EQUAL(tt_bus_call(&node->bus, tt_sim_node_now(sim, 1), &call), TT_OK);
        forged f; // somebody tells of it
        forge(&f, 0);
        forge_word(&f, 0, 4000 + k, 1, call.peer.ip, 5683);
        send(f.bytes, f.w.length, 1);
        pass(TT_MS(5));
        const tt_member *member = tt_members_find(members_of(1), 4000 + k);
        EXPECT(member != NULL || members_of(1)->places[0].heard_s != 0);
        tt_bus_cancel(&tt_sim_node(sim, 1)->bus, tt_sim_node_now(sim, 1), &call);
    }
    end();
}

// Who lists has few places for what multicast DNS tells, and asks those whom it knows.
static void test_listing(void)
{
    unsigned nodes = TT_NODE_PEERS_MAX + 8;
    sim = tt_sim_new(&(tt_sim_options){.seed = 4, .nodes = nodes + 1, .members = CAPACITY});
    for (unsigned i = 0; i < nodes; i++)
        tt_sim_start(sim, i, "test");
    tt_sim_run_until(sim, TT_SECONDS(30));
    tt_sim_start(sim, nodes, NULL);
    members_of(nodes)->eager = true;
    tt_sim_run_until(sim, TT_SECONDS(38));
    unsigned known = 0;
    for (unsigned i = 0; i < nodes; i++)
        known += tt_members_find(members_of(nodes), members_of(i)->id) != NULL;
    printf("of %u devices a program with %d places lists %u\n", nodes, TT_NODE_PEERS_MAX, known);
    EXPECT(known > TT_NODE_PEERS_MAX + 4); // two of them nobody has a place for
    end();
}

static void test_directory(void)
{
    begin_of(CAPACITY);
    tt_node *node = tt_sim_node(sim, 0);
    tt_endpoint at = tt_sim_endpoint(sim, HOSTILE);
    tt_time now = tt_sim_node_now(sim, 0);
    uint64_t id = tt_bus_identity("lamp", 0);
    unsigned living = members_of(0)->living;
    EXPECT(tt_members_add(node, now, id, &at, TT_MEMBER_BY_DIRECTORY));
    const tt_member *member = tt_members_find(members_of(0), id);
    EXPECT(member != NULL && member->sources == TT_MEMBER_BY_DIRECTORY);
    EXPECT_EQUAL(members_of(0)->living, living); // others are told only of those who gossip
    pass(TT_SECONDS(300));
    EXPECT(tt_members_find(members_of(1), id) == NULL);
    EXPECT(tt_members_find(members_of(0), id) != NULL);
    tt_members_drop(tt_sim_node(sim, 0), tt_sim_node_now(sim, 0), id, TT_MEMBER_BY_DIRECTORY);
    EXPECT(tt_members_find(members_of(0), id) == NULL);
    for (unsigned i = 0; i < TT_MEMBERS_SEEDS_MAX; i++) {
        at.port = (uint16_t)(1000 + i);
        EXPECT(tt_members_learn(node, now, &at, TT_MEMBER_BY_DIRECTORY));
    }
    at.port = 2000;
    EXPECT(!tt_members_learn(node, now, &at, TT_MEMBER_BY_DIRECTORY));
    pass(TT_SECONDS(400)); // they do not answer, and give way
    EXPECT(tt_members_learn(tt_sim_node(sim, 0), tt_sim_node_now(sim, 0), &at,
                            TT_MEMBER_BY_DIRECTORY));
    end();
}

// Who all find one another by multicast DNS are members, and do not gossip.
static void test_discovered(void)
{
    sim = tt_sim_new(&(tt_sim_options){.seed = 4, .nodes = NODES, .members = CAPACITY});
    for (unsigned i = 0; i < NODES; i++)
        tt_sim_start(sim, i, "test");
    tt_sim_run_until(sim, TT_SECONDS(60));
    for (unsigned i = 0; i < NODES; i++)
        for (unsigned k = 0; k < NODES; k++) {
            const tt_member *member = tt_members_find(members_of(i), members_of(k)->id);
            EXPECT(k == i || (member != NULL && member->sources == TT_MEMBER_BY_MDNS));
        }
    EXPECT_EQUAL(tt_sim_count(sim)->sent[TT_SIM_COAP_NON].datagrams, 0);
    tt_sim_kill(sim, 0);
    tt_sim_start(sim, 0, "test");
    tt_sim_run_until(sim, TT_SECONDS(90));
    for (unsigned k = 1; k < NODES; k++) {
        EXPECT(tt_members_find(members_of(k), members_of(0)->id) != NULL);
        EXPECT_EQUAL(members_of(k)->count, NODES - 1); // and not who it was
    }
    end();
}

int main(void)
{
    test_identity();
    test_all_know_all();
    test_malformed();
    test_addresses();
    test_invented();
    test_own_end();
    test_moved_by_a_stranger();
    test_amplification();
    test_flood();
    test_given_without_place();
    test_small_table();
    test_depended_on();
    test_listing();
    test_directory();
    test_discovered();
    return test_result();
}
