// Finding one another: DNS-SD (RFC 6763) over multicast DNS (RFC 6762), without input or output.
//
// A device announces one service instance, NAME._coap._udp.local, with the TXT keys `kind`, `boot`
// and `wire`, and browses for the others. Like the bus, it takes datagrams and the time and gives
// datagrams and a deadline. A node feeds it from UDP port 5353 with the groups 224.0.0.251 and
// ff02::fb.
//
// What it hears is a hint, since whoever can send a datagram can say anything. It finds devices,
// but of one that is found it ends nothing: a goodbye, another boot number, another place or
// records that ran out make it doubt (TT_PEER_DOUBTED), and its owner asks the device itself and
// says what came of it (tt_discovery_confirm, tt_discovery_gone).

#ifndef TUTTI_DISCOVERY_H
#define TUTTI_DISCOVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tutti/endpoint.h"
#include "tutti/language.h"
#include "tutti/random.h"
#include "tutti/status.h"
#include "tutti/time.h"

TT_C_BEGIN

#define TT_MDNS_PORT 5353
#define TT_MDNS_MESSAGE_MAX 1232            // bytes: what fits IPv6's smallest MTU
#define TT_NAME_MAX 32                      // bytes of a device's name, its terminator included
#define TT_KIND_MAX 16                      // bytes of a device's kind, its terminator included
#define TT_DISCOVERY_SETTLED TT_SECONDS(60) // a name that is ours for so long is no forger's doing
#define TT_SLEEP_MAX 3600                   // seconds that a device may say it sleeps
#define TT_WIRE_VERSION 1 // of what devices of this system say to one another; told in TXT

// What a node's presence keeps of a peer (node/presence.c); all zero at first.
typedef struct tt_peer_watch {
    tt_time since;   // it is doubted or lost since then
    tt_time watched; // somebody depends on it since then; 0: nobody does
    tt_time next;    // it is looked at again
    uint16_t ping;   // id of the newest ping, in case its reset comes
    uint8_t pings;   // since its life was last asked for
    uint8_t silent;  // questions about its life that had no answer, though it lives
    bool asked;      // such a question is under way
} tt_peer_watch;

// Another device, as its announcements tell it. Its place in the table is free where `name` is "".
typedef struct tt_peer {
    char name[TT_NAME_MAX]; // "watch-3f9a"
    char kind[TT_KIND_MAX]; // "watch"; "" until its TXT record is known
    char host[TT_NAME_MAX]; // the name of its addresses, without ".local"
    tt_endpoint endpoint;   // to reach it on the bus; IPv6 link-local preferred; port 0 until known
    uint32_t boot;          // differs after each restart; 0 where it tells none
    uint32_t hash;          // of its name
    tt_time heard;          // when it was found, or something last came from its endpoint
    tt_time expires;        // when its records end unless renewed
    tt_peer_watch watch;
    uint8_t families; // the zones in which it was heard; bit 0: IPv4, bit 1: IPv6
    uint8_t wire;     // the version of the wire that it speaks; 0 where it tells none
    uint16_t sleep_s; // it may be silent for so long, asleep
    bool sleep_told;  // somebody says so; it counts once the device has answered so itself
    uint8_t asked;    // how often its missing records were asked for
    bool reported;    // present: `on_peer` was called with TT_PEER_FOUND
    bool doubted;     // `on_peer` was called with TT_PEER_DOUBTED, and nothing came of it yet
    bool left;        // it, or somebody in its name, said goodbye
    bool lost;        // it was present and is gone; kept, so that it can be asked for
    bool hinted;      // lost, and never present: somebody says that it is there
} tt_peer;

typedef enum tt_peer_event {
    TT_PEER_FOUND,     // complete: name, kind and endpoint are known
    TT_PEER_RESTARTED, // its boot number changed; `peer` is as it was, TT_PEER_FOUND follows
    TT_PEER_GONE,      // it was declared gone; the entry may be reused after the call
    TT_PEER_DOUBTED,   // somebody says that it left, restarted or moved, or its records ran out; a
                       // node keeps this one to itself
} tt_peer_event;

// A device that is there and has no place in the table.
typedef struct tt_discovery_other {
    uint32_t hash;    // of its name
    uint32_t until_s; // seconds of the clock; 0: free
} tt_discovery_other;

typedef struct tt_discovery tt_discovery;
typedef void tt_peer_handler(tt_discovery *discovery, tt_time now, tt_peer_event event,
                             const tt_peer *peer, void *context);

typedef struct tt_discovery_options {
    const char *name; // own instance name, or NULL to browse only. Capitals are kept and do not
                      // count. On a conflict a suffix is added ("watch-3f9a-2")
    const char *kept_name; // one that was in use after an earlier conflict, and is tried first; or
                           // NULL
    const char *kind;      // own kind
    uint16_t port;         // own port on the bus
    uint32_t boot;         // drawn at each start, not 0
    uint16_t sleep_s;      // this device may be silent for so long, asleep; 0: it does not sleep
    uint64_t seed;         // for the random delays that RFC 6762 asks for
    bool browse;           // look for others
    tt_peer *peers;        // the caller's table
    size_t peers_max;
    tt_discovery_other *others; // the caller's: those that found no place; may be NULL
    size_t others_max;
    tt_peer_handler *on_peer; // or NULL
    void *context;
} tt_discovery_options;

struct tt_discovery {
    tt_discovery_options options;
    const struct tt_discovery_browsing *browsing; // NULL: it looks for nobody
    size_t address_count;
    tt_random random;
    struct tt_discovery_state { // the implementation's own
        unsigned probes;        // sent so far; 3 and the name is ours
        unsigned announcements; // still to send
        tt_time announce_at;    // the next probe or announcement; TT_FOREVER for none
        tt_time answer_at;      // when a multicast answer is due
        tt_time more_at;        // when one who is still telling what it knows is answered
        tt_endpoint more_from;
        uint8_t more_families;
        bool goodbye;
        tt_time spoke_at; // when everyone was last told our records
        tt_time query_at;
        tt_time query_interval;
        tt_time renew_at, expire_at; // of the peer whose records are the first; or earlier
        tt_time queried_at;          // the last query, ours or another's with the same question
        tt_time refresh_after; // how much later than at 80 % of their life records are renewed
        tt_time asked_at;      // when everybody was last asked anew (tt_discovery_ask_again)
        size_t known_at; // the place from which a question's known answers go on; 0: none left
        uint8_t answer_families, query_families; // the zones that it goes to
        tt_endpoint asker;                       // of a unicast answer that is due; port 0 for none
        bool asker_legacy; // a plain resolver; its id and its question are repeated
        uint16_t asker_id, asker_type;
        uint8_t asker_subject; // tt_discovery_subject
        unsigned conflicts;    // names that were given up
        unsigned claims;       // of others to our name, since it was ours for a minute
        tt_time owned_since;   // where the name is ours
        const char *only_name, *only_kind;
        bool others_lost; // more had no place in `others` either
    } state;
    char name[TT_NAME_MAX]; // in use; differs from options.name after a conflict
    tt_endpoint addresses[8];
};

// The groups of multicast DNS, of IPv4 and of IPv6, with their port (RFC 6762, 3).
extern const tt_endpoint tt_mdns_groups[2];

// Checks and takes the options; what they point to lives as long as discovery. A name has 1 to
// TT_NAME_MAX - 1 bytes, a kind 1 to TT_KIND_MAX - 1, of UTF-8 without control characters (RFC
// 6763, 4.1.1), and without '.' and '/', since the name is a host's, too, and stands before paths.
// TT_TOO_LARGE, TT_INVALID (also for boot 0 and a table without places).
tt_status tt_discovery_init(tt_discovery *discovery, tt_time now,
                            const tt_discovery_options *options);

// The same for one that announces itself and looks for nobody (`browse` is false, else TT_INVALID).
// A program that calls this and not tt_discovery_init has none of the code that finds others.
tt_status tt_discovery_init_announcer(tt_discovery *discovery, tt_time now,
                                      const tt_discovery_options *options);

// Tells the own addresses; a change starts a new announcement.
void tt_discovery_set_addresses(tt_discovery *discovery, tt_time now, const tt_endpoint *addresses,
                                size_t count);

// This device may be silent for so many seconds (TT_SLEEP_MAX at most) at a time from now on,
// asleep; 0: not any more. It is announced, a second after the last announcement at the soonest.
void tt_discovery_set_sleep(tt_discovery *discovery, tt_time now, uint16_t seconds);

// A datagram of multicast DNS came from `peer`; bytes that are none are dropped. Calls on_peer.
void tt_discovery_receive(tt_discovery *discovery, tt_time now, const tt_endpoint *peer,
                          const void *bytes, size_t length);
// Does what is due by `now`: announcements, questions, peers whose records expire.
void tt_discovery_advance(tt_discovery *discovery, tt_time now);
// When tt_discovery_advance must be called at the latest.
tt_time tt_discovery_deadline(const tt_discovery *discovery);

// Takes the next datagram that is due, TT_EMPTY where there is none; `capacity` >=
// TT_MDNS_MESSAGE_MAX. `peer` with an unspecified address and port 5353 means both multicast
// groups; otherwise one of them, or unicast.
tt_status tt_discovery_transmit(tt_discovery *discovery, tt_time now, tt_endpoint *peer,
                                void *bytes, size_t capacity, size_t *length);

// Whether `name` was probed for, and is this device's own on its network.
bool tt_discovery_owns_name(const tt_discovery *discovery);
// For how long; 0 where it is not. After TT_DISCOVERY_SETTLED a new name is worth keeping.
tt_time tt_discovery_owned_for(const tt_discovery *discovery, tt_time now);

// Of all devices only the one with `name`, or those of `kind`, are of interest (NULL: any): others
// are not stored, and are not asked to speak. The texts live as long as discovery.
void tt_discovery_look_for(tt_discovery *discovery, tt_time now, const char *name,
                           const char *kind);

// Whether a device of this network can be at an address that somebody told: one that is link-local,
// private, of the network of an own one, or of the loopback interface where this device is there.
bool tt_discovery_is_near(const tt_discovery *discovery, const tt_endpoint *address);

// Something else than mDNS came from a peer, which lives.
void tt_discovery_heard(tt_discovery *discovery, tt_time now, const tt_endpoint *peer);
// A peer of the table was asked and answered: it has this boot number, and speaks this version of
// the wire (each 0: it tells none). The doubt is over; another boot number is told as
// TT_PEER_RESTARTED, and it is found again. One that was lost is found again. Calls on_peer.
void tt_discovery_confirm(tt_discovery *discovery, tt_time now, tt_peer *peer, uint32_t boot,
                          uint8_t wire);
// Somebody else than mDNS, such as a directory, says that a device is at a place. Where nothing is
// known of it, or it is lost and was elsewhere, it is noted as lost and hinted, to be asked there;
// nothing that is known of a present one changes. It is passed over where it is this device, of no
// interest, or at a place that mDNS is not believed about; and counted where there is no room,
// which a hint makes of those only that are lost for a minute. True: it is to be asked.
bool tt_discovery_hint(tt_discovery *discovery, tt_time now, const char *name, const char *kind,
                       const tt_endpoint *endpoint);
// A peer of the table is gone: it did not answer. It stays in its place as lost, unless it said
// goodbye, until that is needed. Calls on_peer.
void tt_discovery_gone(tt_discovery *discovery, tt_time now, tt_peer *peer);
// Frees the place of a lost peer.
void tt_discovery_forget(tt_peer *peer);
// The network may have changed: asks and announces soon, as after the start, at most once a second.
void tt_discovery_ask_again(tt_discovery *discovery, tt_time now);

// Whether a device of this network can be at an address that somebody told: one of a link, a
// private one, or one of an own network.
bool tt_discovery_is_near(const tt_discovery *discovery, const tt_endpoint *address);

// How many devices are present and have no place in the table; `more`: at least so many.
size_t tt_discovery_count_others(const tt_discovery *discovery, tt_time now, bool *more);

// Queues goodbye records (time to live 0) for a device that leaves in order; once they are sent it
// tells nothing of itself any more.
void tt_discovery_goodbye(tt_discovery *discovery, tt_time now);

TT_C_END

#endif
