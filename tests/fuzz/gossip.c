// What others say by gossip to a node with a small table: a row of messages, each of which has a
// byte that says whether it answers, from whom it comes and how much time passes before, two bytes
// of its length, and its payload. What must hold of the table holds after each.

#include <string.h>

#include "tests/node/members.h"
#include "tutti/sim.h"

#define MEMBERS 12

static const uint8_t question[] = {0x54, 2,   0,   0,   1,   2,   3,    4,   0xbb, '.', 'w',
                                   'e',  'l', 'l', '-', 'k', 'n', 'o',  'w', 'n',  7,   'm',
                                   'e',  'm', 'b', 'e', 'r', 's', 0x11, 42,  0xff};
static const uint8_t answer[] = {0x54, 0x44, 0, 0, 0, 0, 0, 0, 0xc1, 42, 0xff};

// Where an answer is wanted from, if any.
static const tt_members_ask *asked(const tt_members *m)
{
    for (unsigned i = 0; i < TT_MEMBERS_ASKS_MAX; i++)
        if (m->asks[i].token != 0)
            return &m->asks[i];
    return NULL;
}

static void make(tt_datagram *d, const tt_members *m, uint8_t kind, const uint8_t *payload,
                 size_t length)
{
    const tt_members_ask *ask = kind & 1 ? asked(m) : NULL;
    const uint8_t *head = ask != NULL ? answer : question;
    size_t head_length = ask != NULL ? sizeof(answer) : sizeof(question);
    *d = (tt_datagram){.peer = {.ip = {0xfe, 0x80, [15] = (uint8_t)(1 + (kind >> 1 & 3))},
                                .port = TT_BUS_PORT,
                                .interface = 1},
                       .length = head_length + length};
    memcpy(d->data, head, head_length);
    memcpy(d->data + head_length, payload, length);
    for (unsigned i = 0; ask != NULL && i < 4; i++)
        d->data[4 + i] = (uint8_t)(ask->token >> (24 - 8 * i));
    if (ask != NULL)
        d->peer = ask->endpoint;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tt_sim *sim = tt_sim_new(&(tt_sim_options){.seed = 1, .nodes = 1, .members = MEMBERS});
    TT_CHECK(sim != NULL);
    tt_sim_start(sim, 0, "test");
    tt_endpoint seed = {.ip = {0xfe, 0x80, [15] = 1}, .port = TT_BUS_PORT, .interface = 1};
    tt_members_learn(tt_sim_node(sim, 0), tt_sim_node_now(sim, 0), &seed, TT_MEMBER_BY_HAND);
    tt_sim_run_until(sim, TT_MS(200));
    for (size_t at = 0; at + 3 <= size;) {
        tt_node *node = tt_sim_node(sim, 0);
        uint8_t kind = data[at];
        size_t length = (size_t)(data[at + 1] << 8 | data[at + 2]) % (TT_BUS_BLOCK_MAX + 1);
        at += 3;
        length = length < size - at ? length : size - at;
        make(&node->datagram, node->members, kind, data + at, length);
        at += length;
        node->members->operations->receive(node, tt_sim_node_now(sim, 0), &node->datagram);
        check_members(node->members);
        tt_sim_run_until(sim, tt_sim_now(sim) + TT_MS(50) * (kind >> 3) * (kind >> 3));
        check_members(node->members);
    }
    tt_sim_free(sim);
    return 0;
}
