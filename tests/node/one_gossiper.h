// One node with a table of members, on a platform of plain variables: what others say to it and
// hear from it is made and read by the test, and so is the time.

#ifndef TUTTI_TESTS_NODE_ONE_GOSSIPER_H
#define TUTTI_TESTS_NODE_ONE_GOSSIPER_H

#include "tests/node/host.h"
#include "tests/node/members.h"

#define PLACES 64
#define SENT_MAX 64

static struct {
    tt_node node;
    tt_members members;
    tt_member places[PLACES];
    uint16_t heads[2 * PLACES];
    tt_datagram sent[SENT_MAX]; // gossip alone
    unsigned count;
} one;

#define M (&one.members)

static tt_status one_send(tt_platform *platform, const tt_datagram *datagram)
{
    (void)platform;
    if (datagram->socket != 0 || datagram->data[0] != 0x54)
        return TT_OK;
    REQUIRE(one.count < SENT_MAX);
    one.sent[one.count++] = *datagram;
    return TT_OK;
}

static size_t one_addresses(tt_platform *platform, tt_endpoint *addresses, size_t capacity)
{
    (void)platform, (void)capacity;
    addresses[0] = host_place(1);
    addresses[0].port = 0;
    return 1;
}

static const tt_platform_operations one_operations = {.now = host_now,
                                                      .random = host_random,
                                                      .open = host_open,
                                                      .port = host_port,
                                                      .send = one_send,
                                                      .receive = host_receive,
                                                      .addresses = one_addresses};

static inline void turn(void)
{
    one.count = 0;
    tt_node_poll(&one.node);
    check_members(M);
}

static inline void start_of(const char *name, size_t capacity)
{
    memset(&one, 0, sizeof(one));
    host_start(&one_operations);
    tt_members_init(M, one.places, one.heads, capacity);
    tt_node_options options = {
        .name = name, .kind = "test", .port = TT_BUS_PORT, .members = M, .browse = true};
    REQUIRE(tt_node_init(&one.node, &host.platform, &options) == TT_OK);
    turn();
}

static inline void start(void)
{
    start_of("me", PLACES);
}

// The next question, within `duration`; false: none. It is the first that was sent.
static inline bool next_question(tt_time duration)
{
    for (tt_time end = host.now + duration; host.now < end;) {
        tt_time next = M->next < end ? M->next : end;
        host.now = next > host.now ? next : host.now + 1;
        one.count = 0;
        M->operations->advance(&one.node, host.now);
        check_members(M);
        if (one.count > 0)
            return true;
    }
    return false;
}

// The first that was sent, as its receiver reads it.
static inline tt_gossip asked(void)
{
    tt_gossip g;
    REQUIRE(one.count > 0 && tt_gossip_read(&g, &one.sent[0]) == TT_OK);
    return g;
}

// A message of another, made part by part.
static tt_datagram said;
static tt_writer said_w;
static size_t said_count_at;
static unsigned said_words;

typedef struct speaker {
    unsigned place; // where it is
    uint64_t id;    // 0: it has no name
    uint16_t incarnation;
    uint8_t flags;
    uint16_t count;
    uint64_t digest, find; // the last with TT_GOSSIP_FIND alone
} speaker;

static inline void say(const speaker *s, bool is_answer, uint32_t token)
{
    static const uint8_t question[] = {0xbb, '.', 'w', 'e', 'l', 'l', '-', 'k', 'n', 'o', 'w',  'n',
                                       7,    'm', 'e', 'm', 'b', 'e', 'r', 's', 17,  42,  0xff, 1};
    static const uint8_t answer[] = {0xc1, 42, 0xff, 1};
    said = (tt_datagram){.peer = host_place(s->place)};
    said_words = 0;
    tt_writer_init(&said_w, said.data, sizeof(said.data));
    tt_write_be32(&said_w, is_answer ? 0x54441234 : 0x54021234);
    tt_write_be32(&said_w, token);
    tt_write_bytes(&said_w, is_answer ? answer : question,
                   is_answer ? sizeof(answer) : sizeof(question));
    tt_write_u8(&said_w, (uint8_t)(s->flags | (s->id != 0 ? TT_GOSSIP_NAMED : 0)));
    tt_write_be16(&said_w, s->count);
    tt_write_be64(&said_w, s->digest);
    if (s->id != 0) {
        tt_write_be64(&said_w, s->id);
        tt_write_be16(&said_w, s->incarnation);
    }
    if (s->flags & TT_GOSSIP_FIND)
        tt_write_be64(&said_w, s->find);
    said_count_at = said_w.length;
    tt_write_u8(&said_w, 0);
    tt_write_be16(&said_w, 0);
}

static inline void say_word(uint64_t id, uint16_t incarnation, tt_member_state state,
                            unsigned where)
{
    tt_endpoint e = host_place(where);
    tt_write_u8(&said_w, (uint8_t)(state | 4 | 8));
    tt_write_be64(&said_w, id);
    tt_write_be16(&said_w, incarnation);
    tt_write_be16(&said_w, e.port);
    tt_write_bytes(&said_w, e.ip, 16);
    size_t length = said_w.length - said_count_at - 3;
    said.data[said_count_at] = (uint8_t)++said_words;
    said.data[said_count_at + 1] = (uint8_t)(length >> 8);
    said.data[said_count_at + 2] = (uint8_t)length;
}

// What goes out at once lies in `sent`.
static inline bool hear(void)
{
    REQUIRE(!said_w.failed);
    said.length = said_w.length;
    one.count = 0;
    bool taken = M->operations->receive(&one.node, host.now, &said);
    check_members(M);
    return taken;
}

// Somebody asks, so that it is known.
static inline const tt_member *meet(uint64_t id, unsigned where)
{
    say(&(speaker){.place = where, .id = id, .digest = tt_members_digest(M)}, false, 9);
    EXPECT(hear());
    return tt_members_find(M, id);
}

// The words of a message that was sent: how many; the one of an identity, or all zero.
static inline unsigned words_of(unsigned which, uint64_t id, tt_member_word *found)
{
    tt_gossip g;
    tt_endpoint before = {0};
    tt_member_word word;
    unsigned count = 0;
    memset(found, 0, sizeof(*found));
    REQUIRE(which < one.count && tt_gossip_read(&g, &one.sent[which]) == TT_OK);
    while (tt_gossip_next(&g, &before, &word)) {
        count++;
        if (word.id == id)
            *found = word;
    }
    return count;
}

#endif
