// What the parts of the world know of one another: world.c turns it, seam.c is the platform of
// each node, nodes.c what happens to them, faults.c the network, trace.c what is told of it all.

#ifndef TUTTI_SIM_INTERNAL_H
#define TUTTI_SIM_INTERNAL_H

#include "sim/addresses.h"
#include "sim/faults.h"
#include "sim/heap.h"
#include "tutti/sim.h"

#define TT_SIM_HEADERS 48         // bytes of IPv6 and UDP around a datagram
#define TT_SIM_UNKNOWN UINT16_MAX // no node: nobody has the address
#define TT_SIM_SOCKETS_MAX 3
#define TT_SIM_GROUPS_MAX 4 // of a socket

// A datagram as it was sent; its copies under way share it.
typedef struct tt_sim_packet {
    unsigned users;
    uint64_t number; // from 1
    uint32_t sum;    // of its data
    tt_sim_message message;
    tt_endpoint from, to; // from: as others see it
    bool to_group;
    size_t length;
    uint8_t data[];
} tt_sim_packet;

typedef struct tt_sim_event {
    tt_heap_item item; // first
    enum {
        TT_SIM_ARRIVE,
        TT_SIM_WORKED,
        TT_SIM_ACTION,
        TT_SIM_RULE,
        TT_SIM_SUFFER,
        TT_SIM_POWER
    } kind;
    uint16_t node, from, socket;
    unsigned life; // of the node: what was for an earlier life is dropped
    unsigned rule;
    tt_sim_packet *packet;
    tt_time sent;
    tt_work *work;
    void (*action)(tt_sim *sim, void *context);
    void *context;
} tt_sim_event;

typedef struct tt_sim_node {
    tt_platform platform; // first
    tt_heap_item deadline;
    tt_sim *sim;
    uint16_t index;
    unsigned life;
    bool alive, asleep;
    bool touched;       // its deadline may have changed
    tt_time not_before; // asleep or busy until then
    char name[TT_NAME_MAX];
    const char *kind;
    struct {
        tt_time world, own; // the same moment
        int64_t skew;       // parts per million since then
    } clock;
    tt_random random;
    unsigned moves, rebinds; // of its address and, by a NAT, of its port
    struct {
        uint16_t port;
        tt_endpoint outside; // as others see it
        tt_endpoint groups[TT_SIM_GROUPS_MAX];
        unsigned group_count;
    } sockets[TT_SIM_SOCKETS_MAX];
    unsigned socket_count;
    unsigned works; // queued and not yet done
    tt_time worker_busy_until;
    struct {
        tt_sim_packet *packet;
        tt_socket socket;
    } inbox[TT_SIM_INBOX_MAX];
    unsigned inbox_first, inbox_count;
    struct tt_tearing *medium; // or NULL
    tt_members members;
    tt_member *places; // or NULL
    uint16_t *heads;
    tt_node node;
} tt_sim_node_state;

struct tt_sim {
    tt_sim_options options;
    tt_random random, network; // the scenario's and the network's own
    tt_time now;
    tt_heap events, deadlines;
    uint64_t events_made, packets_made;
    tt_sim_event *free_events; // by item.place
    tt_sim_faults faults;
    tt_sim_addresses addresses;
    tt_sim_counts counts;
    uint64_t sum;
    uint16_t touched[TT_SIM_NODES_MAX];
    unsigned touched_count;
    tt_sim_node_state *nodes;
};

// world.c
tt_sim_event *tt_sim_add_event(tt_sim *sim, tt_time when, unsigned kind);
// What the node wants next may have changed.
void tt_sim_touch(tt_sim_node_state *n);

// seam.c
extern const tt_platform_operations tt_sim_platform_operations;
tt_time tt_sim_to_node_time(const tt_sim_node_state *n, tt_time world);
// The first time of the world at which the node's clock shows at least `time`.
tt_time tt_sim_to_world_time(const tt_sim_node_state *n, tt_time time);
void tt_sim_set_clock(tt_sim_node_state *n, tt_time jump, int64_t skew);
// Its number of moves or rebinds is another one, or it has new sockets.
void tt_sim_change_outside(tt_sim_node_state *n);
void tt_sim_stop_listening(tt_sim_node_state *n, unsigned socket);
void tt_sim_arrive(tt_sim *sim, const tt_sim_event *e);
void tt_sim_worked(tt_sim *sim, const tt_sim_event *e);
void tt_sim_release(tt_sim_packet *packet);
void tt_sim_empty_inbox(tt_sim_node_state *n);

// nodes.c
void tt_sim_node_init(tt_sim *sim, unsigned index);
// Something is there for a node: it turns, or will when it is no longer busy.
void tt_sim_turn(tt_sim_node_state *n);
// Sets its place among the deadlines.
void tt_sim_note_deadline(tt_sim_node_state *n);
// Its power is there again.
void tt_sim_power(tt_sim *sim, unsigned node);
void tt_sim_suffer(tt_sim *sim, const tt_sim_rule *rule, unsigned node);

// trace.c: each goes into the sum and, where wanted, into the trace.
void tt_sim_tell_node(tt_sim *sim, unsigned node, const char *what, int64_t detail);
void tt_sim_tell_sent(tt_sim *sim, unsigned from, const tt_sim_packet *packet);
// `to` may be TT_SIM_UNKNOWN.
void tt_sim_tell_fate(tt_sim *sim, unsigned from, unsigned to, const tt_sim_packet *packet,
                      tt_sim_fate fate, tt_time took);

// describe.c: which kind of message it is; and in words, such as "CON POST /echo id 7".
tt_sim_message tt_sim_message_of(const tt_endpoint *from, const tt_endpoint *to, const void *bytes,
                                 size_t length);
void tt_sim_describe(tt_sim_message message, const void *bytes, size_t length, tt_text *text);

// pcap.c
void tt_sim_pcap_begin(FILE *file);
void tt_sim_pcap_add(FILE *file, tt_time now, const tt_sim_packet *packet);

#endif
