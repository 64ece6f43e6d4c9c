// What goes wrong: a list of rules, as docs/simulator.md describes their text.
//
// A rule is about the datagrams of a path, or happens to nodes. It holds from `at` until `until`,
// and again `every` so often.

#ifndef TUTTI_SIM_FAULTS_H
#define TUTTI_SIM_FAULTS_H

#include "tutti/random.h"
#include "tutti/sim.h"

typedef enum tt_sim_fault {
    // Of paths: tt_sim_faults_pass.
    TT_FAULT_DELAY,
    TT_FAULT_LOSS,
    TT_FAULT_BURST,
    TT_FAULT_DOUBLE,
    TT_FAULT_REORDER,
    TT_FAULT_BOTTLENECK,
    TT_FAULT_CUT,
    TT_FAULT_BLOCK,
    // Of nodes: tt_sim_suffer.
    TT_FAULT_REBIND,
    TT_FAULT_MOVE,
    TT_FAULT_SKEW,
    TT_FAULT_JUMP,
    TT_FAULT_SLEEP,
    TT_FAULT_BUSY,
    TT_FAULT_KILL,
    TT_FAULT_START,
    TT_FAULT_RESTART,
    TT_FAULT_TEAR,
    TT_FAULTS
} tt_sim_fault;

typedef struct tt_sim_set {
    uint64_t bits[(TT_SIM_NODES_MAX + 63) / 64];
} tt_sim_set;

static inline bool tt_sim_set_has(const tt_sim_set *set, unsigned node)
{
    return set->bits[node / 64] >> node % 64 & 1;
}

typedef struct tt_sim_rule {
    tt_sim_fault fault;
    tt_sim_set from, to; // of a fault of nodes: `from`
    bool both_ways;
    bool forgetting;          // a restart: as new
    bool ended;               // by tt_sim_faults_heal
    tt_time at, until, every; // until TT_FOREVER; every 0: once
    tt_time within;           // a node suffers it at a time of its own within so long after `at`
    tt_time time;             // a delay, a burst's length, a jump
    tt_time more;             // the greatest jitter, how late one is that is reordered, a queue
    uint32_t per_million;     // of datagrams
    int32_t skew;             // parts per million
    uint64_t bytes_per_second;
    uint64_t seed; // of its bursts
    struct {       // a bottleneck, there and back
        tt_time free_at;
        uint64_t packet; // the last one, whose copies for others of its group go with it
        bool dropped;
    } line[2];
} tt_sim_rule;

typedef struct tt_sim_faults {
    uint64_t seed;
    tt_sim_rule *rules; // its own; tt_sim_faults_free
    unsigned count;
} tt_sim_faults;

// Adds the rules of a text; those without a time of their own hold from `now`. As
// tt_sim_check_faults, and then nothing is added.
tt_status tt_sim_faults_read(tt_sim_faults *faults, const char *text, unsigned nodes, tt_time now,
                             tt_text *why);

// A datagram's way from one node to another, or to one of the nodes of a group.
typedef struct tt_sim_way {
    unsigned from, to;
    bool to_group;
    uint64_t packet; // the same for all copies, from 1
    size_t bytes;    // with its headers
    tt_time now;
} tt_sim_way;

// How many come where one is sent: 1 and more.
unsigned tt_sim_faults_copies(tt_sim_faults *faults, const tt_sim_way *way, tt_random *random);
// TT_SIM_ARRIVED and the time it takes, or what became of it. Rules act in their order.
tt_sim_fate tt_sim_faults_pass(tt_sim_faults *faults, const tt_sim_way *way, tt_random *random,
                               tt_time *delay);
// Ends all rules but those that only delay.
void tt_sim_faults_heal(tt_sim_faults *faults);
void tt_sim_faults_free(tt_sim_faults *faults);

#endif
