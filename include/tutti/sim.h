// The deterministic world: nodes in one process, virtual time, a network that loses, doubles,
// delays and reorders by seed. The same seed gives the same trace, byte for byte.
//
// It implements the platform seam, so nodes run in it unchanged: on one link with IPv6 only, and
// none calls `wait`, since the world polls each when something concerns it. Nothing here reads a
// clock or a random source of the machine.

#ifndef TUTTI_SIM_H
#define TUTTI_SIM_H

#include <stdio.h>

#include "tutti/language.h"
#include "tutti/node.h"

TT_C_BEGIN

#define TT_SIM_NODES_MAX 1000

typedef struct tt_sim tt_sim;

typedef struct tt_sim_options {
    uint64_t seed;
    unsigned nodes;
    unsigned loss_percent, double_percent; // of datagrams; of a double each may be lost
    tt_time delay_least, delay_greatest; // of a datagram; spread, so that they overtake each other
    tt_time work_time;                   // that a node's one worker takes for any work
    unsigned skew_parts_per_million;     // a node's clock runs up to so much fast or slow
    bool plant_deduplication_bug;        // for the test of the tests
    FILE *trace;                         // a line for every event, or NULL
    void (*on_start)(tt_sim *sim, unsigned node, void *context); // adds resources, starts calls
    tt_peer_handler *on_peer;
    void (*on_turn)(tt_node *node, tt_time now); // as tt_node_options, of every node; or NULL
    void *context;
} tt_sim_options;

// A world without a started node; tt_sim_free ends it. NULL for no nodes, or more than
// TT_SIM_NODES_MAX.
tt_sim *tt_sim_new(const tt_sim_options *options);
void tt_sim_free(tt_sim *sim);

// Starts a node, or starts it again after a kill. Its name is "node-INDEX"; it has none where
// `kind` is NULL.
void tt_sim_start(tt_sim *sim, unsigned node, const char *kind);
// As by pulling the plug: what it sent arrives, what was under way to it and its works are lost.
void tt_sim_kill(tt_sim *sim, unsigned node);
bool tt_sim_alive(const tt_sim *sim, unsigned node);
void tt_sim_heal(tt_sim *sim);                            // from now on nothing is lost or doubled
void tt_sim_part(tt_sim *sim, unsigned node, bool apart); // cut off from all others, or not

tt_node *tt_sim_node(tt_sim *sim, unsigned node);
unsigned tt_sim_index(const tt_sim *sim, const tt_node *node);
tt_endpoint tt_sim_endpoint(const tt_sim *sim, unsigned node); // of its bus
tt_time tt_sim_now(const tt_sim *sim);                         // of the world
tt_time tt_sim_node_now(const tt_sim *sim, unsigned node);     // of the node's own clock
uint64_t tt_sim_trace_sum(const tt_sim *sim);                  // a checksum of all events so far
tt_random *tt_sim_random(tt_sim *sim);                         // for the scenario's own choices

// Calls `action` at a time of the world, at once where that has passed; for one time, in the order
// of the calls.
void tt_sim_at(tt_sim *sim, tt_time when, void (*action)(tt_sim *sim, void *context),
               void *context);

// All that happens up to and at `when`, which is the world's time then.
void tt_sim_run_until(tt_sim *sim, tt_time when);

// The scenarios of tests and of the program tutti-sim. Returns NULL where every invariant held,
// else a sentence in static memory.
typedef struct tt_sim_scenario {
    const char *name, *what;
    const char *(*run)(const tt_sim_options *options);
} tt_sim_scenario;
extern const tt_sim_scenario tt_sim_scenarios[]; // ended by one without a name

TT_C_END

#endif
