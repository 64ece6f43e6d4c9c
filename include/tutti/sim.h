// The deterministic world: nodes in one process, virtual time, a network and devices with faults by
// seed. The same seed and the same faults give the same trace, byte for byte.
//
// It implements the platform seam, so nodes run in it unchanged: on one link with IPv6 only, and
// none calls `wait`, since the world turns each when something concerns it. Nothing here reads a
// clock or a random source of the machine. What is changed of a node within an action or a callback
// is seen where the node was had from tt_sim_node in there.

#ifndef TUTTI_SIM_H
#define TUTTI_SIM_H

#include <stdio.h>

#include "tutti/language.h"
#include "tutti/node.h"

TT_C_BEGIN

#define TT_SIM_NODES_MAX 1000
#define TT_SIM_FAULTS_MAX 256      // lines of faults that a world takes
#define TT_SIM_LATENCY TT_US(200)  // of a datagram, where no fault delays it
#define TT_SIM_DARK TT_SECONDS(6)  // how long a node is away whose power was cut by `tear`
#define TT_SIM_INBOX_MAX 64        // datagrams that wait at a node; more are dropped
#define TT_SIM_FAULTS_TEXT_MAX 256 // bytes of the faults that a seed draws, terminator included

typedef struct tt_sim tt_sim;

typedef struct tt_sim_options {
    uint64_t seed;
    unsigned nodes;
    const char *faults;              // the text that docs/simulator.md describes; NULL for none
    tt_time work_time;               // that a node's one worker takes for any work
    unsigned skew_parts_per_million; // a node's clock runs up to so much fast or slow, by seed
    bool watch;                      // all depend on all (tt_node_options.watch)
    unsigned members;                // places of each node's table (tutti/members.h); 0: none
    FILE *report;                    // of what a scenario measured, a line; or NULL
    bool plant_deduplication_bug;    // for the test of the tests
    FILE *trace;                     // a line for every event, or NULL
    FILE *pcap; // every datagram as it is sent, for tshark and its like, or NULL
    void (*on_start)(tt_sim *sim, unsigned node, void *context); // adds resources, starts calls
    // Before a start that follows `restart ... forgetting`: what the node keeps elsewhere than on
    // its medium is made as new.
    void (*on_forget)(tt_sim *sim, unsigned node, void *context);
    tt_peer_handler *on_peer;                    // with the world as its context
    void (*on_turn)(tt_node *node, tt_time now); // as tt_node_options, of every node; or NULL
    void *context;
} tt_sim_options;

// A world at time 0 without a started node; tt_sim_free ends it. NULL for no nodes, or more than
// TT_SIM_NODES_MAX, and for faults that tt_sim_check_faults refuses.
tt_sim *tt_sim_new(const tt_sim_options *options);
void tt_sim_free(tt_sim *sim);

// Starts a node, or starts it again after a kill. Its name is "node-INDEX"; it has none where
// `kind` is NULL.
void tt_sim_start(tt_sim *sim, unsigned node, const char *kind);
// As by pulling the plug: what it sent arrives, what was under way to it and its works are lost.
void tt_sim_kill(tt_sim *sim, unsigned node);
bool tt_sim_alive(const tt_sim *sim, unsigned node);

// What the node keeps lies on this medium (sim/tearing.h), the caller's, for the world's life: it
// has power when the node starts, `tear` cuts it, and the node ends when it is without. After
// `restart
// ... forgetting` it is erased.
struct tt_tearing;
void tt_sim_set_medium(tt_sim *sim, unsigned node, struct tt_tearing *medium);

// Whether a text of faults makes sense for so many nodes; where not, TT_MALFORMED, TT_INVALID or
// TT_FULL, with a sentence that names the line, what was expected and what came.
tt_status tt_sim_check_faults(const char *text, unsigned nodes, tt_text *why);
// Adds faults to those that there are. What is wrong with them is a bug of the caller's.
void tt_sim_add_faults(tt_sim *sim, const char *text);
// From now on nothing is lost or doubled and nothing happens to nodes; delays stay.
void tt_sim_heal(tt_sim *sim);

tt_node *tt_sim_node(tt_sim *sim, unsigned node);
unsigned tt_sim_index(const tt_sim *sim, const tt_node *node);
tt_endpoint tt_sim_endpoint(const tt_sim *sim, unsigned node); // of its bus, as others see it
tt_time tt_sim_now(const tt_sim *sim);                         // of the world
tt_time tt_sim_node_now(const tt_sim *sim, unsigned node);     // of the node's own clock
uint64_t tt_sim_trace_sum(const tt_sim *sim);                  // a checksum of all events so far
tt_random *tt_sim_random(tt_sim *sim);                         // for the scenario's own choices

// What was said, by kinds of messages, and what became of it. A datagram to a group is sent once
// and has a fate for each node that it was for.
typedef enum tt_sim_message {
    TT_SIM_MDNS_QUESTION,
    TT_SIM_MDNS_ANSWER,
    TT_SIM_COAP_CON,
    TT_SIM_COAP_NON,
    TT_SIM_COAP_ACK,
    TT_SIM_COAP_RST,
    TT_SIM_OTHER,
    TT_SIM_MESSAGES
} tt_sim_message;

typedef enum tt_sim_fate {
    TT_SIM_ARRIVED,
    TT_SIM_LOST,
    TT_SIM_BURST,      // lost with all others of a while
    TT_SIM_CUT,        // between two sides of a partition
    TT_SIM_BLOCKED,    // to a group, where such is not forwarded
    TT_SIM_QUEUE_FULL, // before a bottleneck
    TT_SIM_MOVED,      // to an address that is no longer the node's
    TT_SIM_ASLEEP,     // the node's radio is off
    TT_SIM_DEAD,       // the node ended meanwhile
    TT_SIM_INBOX_FULL,
    TT_SIM_NOBODY, // at that address and port
    TT_SIM_FATES
} tt_sim_fate;

extern const char *const tt_sim_message_names[TT_SIM_MESSAGES],
    *const tt_sim_fate_names[TT_SIM_FATES];

typedef struct tt_sim_counts {
    struct {
        uint64_t datagrams, bytes; // bytes with their headers of IPv6 and UDP
    } sent[TT_SIM_MESSAGES];
    uint64_t fates[TT_SIM_FATES];
    uint64_t doubled;
    uint64_t turns; // of nodes
} tt_sim_counts;

const tt_sim_counts *tt_sim_count(const tt_sim *sim);

// Calls `action` at a time of the world, at once where that has passed; for one time, in the order
// of the calls.
void tt_sim_at(tt_sim *sim, tt_time when, void (*action)(tt_sim *sim, void *context),
               void *context);

// All that happens up to and at `when`, which is the world's time then.
void tt_sim_run_until(tt_sim *sim, tt_time when);

// The scenarios of tests and of `tutti sim`. Returns NULL where every invariant held, else a
// sentence in static memory.
typedef struct tt_sim_scenario {
    const char *name, *what;
    const char *(*run)(const tt_sim_options *options);
    unsigned nodes_min, nodes_max; // that it takes
    unsigned loss_percent_max;     // at which what it asks for still holds
    bool any_fault;                // and under faults of every kind that end before it heals them
    const char *faults;            // what happens with each seed; NULL: nothing more
} tt_sim_scenario;
extern const tt_sim_scenario tt_sim_scenarios[]; // ended by one without a name

// The scenario `gossip`, in parts: a world of nodes that are all started, each given the address of
// one node before it, multicast blocked; whether each that lives knows all who live; the time until
// they do, looked at each 100 ms, or TT_FOREVER; and the datagrams that each has sent in its life.
tt_sim *tt_sim_gossip_new(const tt_sim_options *options);
bool tt_sim_gossip_all_know_all(tt_sim *sim, unsigned nodes);
tt_time tt_sim_gossip_until_known(tt_sim *sim, unsigned nodes, tt_time within);
void tt_sim_gossip_count(tt_sim *sim, unsigned nodes, double *mean, uint64_t *most);
const char *tt_sim_gossip_run(const tt_sim_options *options);

// The options of a scenario by seed: faults from none to dreadful, whose text is put into `faults`
// and stays the caller's, and as many nodes as it takes.
void tt_sim_draw(const tt_sim_scenario *scenario, uint64_t seed, tt_sim_options *options,
                 char faults[TT_SIM_FAULTS_TEXT_MAX]);

TT_C_END

#endif
