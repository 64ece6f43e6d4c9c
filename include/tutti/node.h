// A node: one device on the bus, and the loop that turns it.
//
// It owns a bus, discovery and presence, feeds them from a platform and sends what comes out. A
// product adds resources to `bus` and calls tt_node_run; the simulator calls poll and deadline.

#ifndef TUTTI_NODE_H
#define TUTTI_NODE_H

#include "tutti/bus.h"
#include "tutti/bus_storage.h"
#include "tutti/discovery.h"
#include "tutti/language.h"
#include "tutti/members.h"
#include "tutti/platform.h"

TT_C_BEGIN

#ifndef TT_NODE_PEERS_MAX
#define TT_NODE_PEERS_MAX 16 // other devices that are known at a time
#endif
#ifndef TT_NODE_OTHERS_MAX
#define TT_NODE_OTHERS_MAX 32 // further ones that are counted, though they have no place
#endif
#ifndef TT_NODE_STRANGERS_MAX
#define TT_NODE_STRANGERS_MAX 4 // devices that are observed by their address and watched, too
#endif
#ifndef TT_NODE_ASKS_MAX
#define TT_NODE_ASKS_MAX 4 // peers that are asked for their boot number at a time
#endif
// Answers {"wire": version, "boot": number, "name": name, "sleep": seconds}, the last two where it
// has a name, or sleeps.
#define TT_NODE_LIFE_PATH ".well-known/tutti"

// Of a peer that somebody depends on (a call or an observation under way, or
// tt_node_options.watch):
#define TT_PRESENCE_PING TT_MS(2000)   // one that was silent for so long is pinged
#define TT_PRESENCE_AGAIN TT_MS(100)   // and again so long after each ping without an answer
#define TT_PRESENCE_GONE TT_MS(2950)   // one that was silent for so long is gone; doubted ones, too
#define TT_PRESENCE_LOST TT_SECONDS(1) // between two pings to those that are gone, at least
#define TT_NODE_DATAGRAMS_MAX 16 // taken in one turn of the loop, so that timers keep their time

typedef struct tt_node tt_node;

// A timer of the node's loop, in storage of the caller's that is all zero before its first use and
// stays where it is while the timer is set. All members are the node's.
typedef struct tt_node_timer {
    tt_list link; // in the node's timers, the earliest first
    tt_time at;
    void (*callback)(tt_node *node, tt_time now, void *context);
    void *context;
} tt_node_timer;

typedef struct tt_node_options {
    const char *name; // as tt_discovery_options; NULL for a node that only browses, such as the
                      // command line
    const char *kept_name; // as tt_discovery_options, or NULL
    const char *kind;
    uint16_t port;            // TT_BUS_PORT, or 0 for any free one: node->port tells which
    bool browse;              // look for others
    bool watch;               // depend on all that are found: those who die are gone in seconds
    tt_members *members;      // whom it knows from all sources (tutti/members.h), prepared; or NULL
    tt_peer_handler *on_peer; // or NULL
    void (*on_turn)(tt_node *node, tt_time now); // at each turn of the loop; or NULL
    void *context;
} tt_node_options;

// What is small stands first, as in tt_bus.
struct tt_node {
    tt_platform *platform;
    const struct tt_node_finding *finding; // NULL: it looks for nobody
    tt_members *members;                   // or NULL
    tt_node_options options;
    tt_socket bus_socket;
    uint16_t port; // of the bus, the one that it really has
    tt_socket mdns_socket;
    bool more; // datagrams are left over from the last turn
    bool stopped;
    tt_time presence_at; // when somebody is looked at next
    tt_time doubt_at;    // when the next one who is doubted may begin to be asked
    tt_time lost_at;     // when one who is lost may be pinged again
    tt_list timers;      // that are set
    // Takes what came to the bus by multicast (tutti/node_groups.h); NULL: that is dropped.
    void (*on_multicast)(tt_node *node, tt_time now, const tt_datagram *datagram);
    void *groups;
    struct {
        size_t datagrams_received, datagrams_sent, sends_failed;
        size_t multicast_dropped; // came to the bus's port by a group or to everybody
    } counters;
    tt_resource life;
    tt_discovery discovery;
    tt_datagram datagram; // the one being received or sent
    tt_bus bus;
    struct tt_node_stranger { // whom this device observes, and discovery does not know
        tt_endpoint endpoint; // port 0: free
        tt_time heard, next;
        uint16_t ping;
        bool answers; // pings, so that its silence means something
        bool wanted;
    } strangers[TT_NODE_STRANGERS_MAX];
    struct tt_node_ask { // a question for a peer's life
        tt_call call;
        size_t place; // in `peers`
        bool busy, answered, failed;
        bool another; // answered, and has another name
        uint32_t boot;
        uint8_t wire;
        uint16_t sleep_s;
    } asks[TT_NODE_ASKS_MAX];
    tt_discovery_other others[TT_NODE_OTHERS_MAX];
    tt_peer peers[TT_NODE_PEERS_MAX];
};

// Prepares a node on a platform and opens its ports. TT_INVALID or TT_TOO_LARGE for a name or kind
// that cannot be announced (see tt_discovery_init); TT_BUSY (the port is taken), TT_FULL or TT_IO
// where a port cannot be had.
tt_status tt_node_init(tt_node *node, tt_platform *platform, const tt_node_options *options);

// The same for a node that announces itself and looks for nobody: `browse` and `watch` are false,
// else TT_INVALID. tt_node_find finds none then, and of a caller that has died the bus alone takes
// notice. A program that calls this and not tt_node_init has none of the code that finds others.
tt_status tt_node_init_announcer(tt_node *node, tt_platform *platform,
                                 const tt_node_options *options);

// Does all that is due now and returns without waiting.
void tt_node_poll(tt_node *node);

// When tt_node_poll must be called again at the latest.
tt_time tt_node_deadline(const tt_node *node);

// Polls and waits until tt_node_stop.
void tt_node_run(tt_node *node);

// Makes tt_node_run say goodbye and return. From the loop's own thread, such as a reply handler.
void tt_node_stop(tt_node *node);

// Tells a peer something without an answer: tt_bus_tell, and sent. It goes out by the end of this
// turn of the loop, together with others to the same peer where the platform can; so whoever tells
// much tells many in one turn. It is made in `space`, which is the caller's again when this
// returns, as `call` is. Errors as of tt_bus_tell; TT_FULL also where the platform takes no more
// now (try again in the next turn), TT_UNREACHABLE. From the loop's own thread, handlers too.
tt_status tt_node_tell(tt_node *node, tt_time now, const tt_call *call, tt_datagram *space);

// Sets a timer: `callback` is called once, by the loop, in the first turn that begins `delay`
// nanoseconds from now or later; it may set the timer again, which is how something is done every
// so often. A timer that is set already is set anew. The device sleeps until the earliest timer of
// all. A `delay` of 0 or less means the next turn. Does not fail. From the loop's own thread (a
// handler, a callback, a product's start), after tt_node_init.
void tt_node_after(tt_node *node, tt_node_timer *timer, tt_time delay,
                   void (*callback)(tt_node *node, tt_time now, void *context), void *context);

// Whether a timer is set; and unsets it, where it is: its callback is not called. The storage is
// the caller's again. From the loop's own thread.
bool tt_node_timer_is_set(const tt_node_timer *timer);
void tt_node_cancel(tt_node_timer *timer);

// Says that this device may be silent for so long at a time from now on, because it sleeps: its
// radio is off, or its loop stands still. It is told by discovery and by TT_NODE_LIFE_PATH; whoever
// depends on this device takes it for gone that much later. Said again after each sleep it tells
// all that it is awake. It should stay so for some seconds, in which those who are there ask. 0: it
// does not sleep any more. TT_INVALID: less than 0, or more than TT_SLEEP_MAX seconds. From the
// loop's own thread.
tt_status tt_node_sleeps(tt_node *node, tt_time duration);

// For how many seconds the peer at this place may be silent, by its own word; 0 where it does not
// sleep, or is none that is known.
unsigned tt_node_sleep_of(const tt_node *node, const tt_endpoint *endpoint);

// Whether a peer speaks this system's version of the wire, or tells none.
bool tt_node_speaks_to(const tt_peer *peer);

// The first present peer of `kind` (NULL for any) with `name` (NULL for any), whatever its
// capitals, in the order found; or NULL.
const tt_peer *tt_node_find(const tt_node *node, const char *kind, const char *name);

TT_C_END

#endif
