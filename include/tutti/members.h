// Members: who there is, from whatever source, in one table keyed by identity.
//
// Multicast DNS tells of one link, gossip of whoever is reached, a directory and the hand tell
// addresses. A member is 48 bytes; its name is asked when somebody wants it (TT_NODE_LIFE_PATH).
// What is here is a hint, as all that discovery hears: it ends nothing. Whoever depends on a device
// asks it (node/presence.c).
//
// A node that is given a table (tt_node_options.members) also gossips: it tells others what is new,
// and asks them for what it lacks (docs/wire.md, 9). The table's size is the product's. A device
// without one has no code of this.

#ifndef TUTTI_MEMBERS_H
#define TUTTI_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tutti/bus.h"
#include "tutti/endpoint.h"
#include "tutti/language.h"
#include "tutti/random.h"
#include "tutti/time.h"

TT_C_BEGIN

struct tt_datagram;
struct tt_node;
struct tt_peer;

#define TT_MEMBERS_PATH ".well-known/members"
#define TT_MEMBERS_PLACES_MAX 4096       // of a table
#define TT_MEMBERS_SEEDS_MAX 8           // addresses at a time whose devices are not known yet
#define TT_MEMBERS_ASKS_MAX 8            // questions under way
#define TT_MEMBERS_ROUND TT_MS(300)      // between two questions, while there is news
#define TT_MEMBERS_QUIET TT_SECONDS(64)  // and at the most, while there is none
#define TT_MEMBERS_PATIENCE TT_MS(1000)  // within which a question is answered
#define TT_MEMBERS_SILENT 5              // questions without an answer, and it is doubted
#define TT_MEMBERS_DOUBT_S 15            // in which one who is doubted may say that it lives
#define TT_MEMBERS_GONE_S 3600           // for which one who is gone is looked for
#define TT_MEMBERS_ANSWERS_PER_SECOND 64 // datagrams of answers

typedef enum tt_member_state {
    TT_MEMBER_ALIVE,
    TT_MEMBER_DOUBTED, // somebody asked it in vain: it may say that it lives
    TT_MEMBER_GONE,    // it did not; kept for a while, so that nobody's old news brings it back
} tt_member_state;

// Who told of it, as bits.
typedef enum tt_member_source {
    TT_MEMBER_BY_MDNS = 1,
    TT_MEMBER_BY_GOSSIP = 2,
    TT_MEMBER_BY_DIRECTORY = 4,
    TT_MEMBER_BY_HAND = 8,
} tt_member_source;

typedef struct tt_member {
    uint64_t id; // tt_bus_identity; 0: a free place
    tt_endpoint endpoint;
    uint32_t heard_s;     // when it last spoke to this device itself, in seconds since the table's
                          // start, from 1; 0: others told of it
    uint32_t since_s;     // it is doubted or gone since then
    uint16_t incarnation; // its own count: the newer word of it wins
    uint16_t next_id, next_place; // of those with one hash: place + 1
    uint8_t state;                // tt_member_state
    uint8_t sources;              // tt_member_source
    uint8_t told;                 // how often this device told what is new of it
    uint8_t silent;               // questions in a row that it did not answer
} tt_member;

typedef struct tt_members tt_members;

// What a node calls, so that one without members has none of the code.
typedef struct tt_members_operations {
    void (*start)(struct tt_node *node, tt_time now);
    // A datagram came to the bus's port. True: it was gossip.
    bool (*receive)(struct tt_node *node, tt_time now, const struct tt_datagram *datagram);
    // A peer of discovery's came or went.
    void (*peer)(struct tt_node *node, tt_time now, const struct tt_peer *peer, bool present);
    void (*advance)(struct tt_node *node, tt_time now);
} tt_members_operations;

// An address whose device is asked who it is.
typedef struct tt_members_seed {
    tt_endpoint endpoint; // port 0: free
    uint8_t source, tries;
    bool known; // it answered
    tt_time next;
} tt_members_seed;

typedef struct tt_members_ask {
    uint32_t token; // 0: free
    uint64_t id;    // of whom; 0: only the address is known
    tt_endpoint endpoint;
    tt_time until;
    bool answered;
} tt_members_ask;

struct tt_members {
    const tt_members_operations *operations;
    tt_member *places;
    uint16_t *heads; // by id, then by endpoint
    uint16_t capacity, count;
    uint16_t living;      // of the others whom this device tells of: they gossip, and are not gone
    uint16_t unheard;     // of these, not known by multicast DNS
    uint64_t digest;      // of the living
    uint16_t faded, gone; // members that are not alive; and of these, gone
    uint16_t news;        // members of whom something is to be told
    uint16_t told_count;  // that the best informed of the others know, this device among them
    uint64_t salt;
    uint64_t id; // own; 0: it has no name
    uint16_t incarnation;
    uint32_t addresses;   // a checksum of the own ones
    uint64_t wanted;      // an id that is asked for; 0: none
    bool eager;           // asks those known by multicast DNS as well: for a program that lists
    bool differs;         // another knows something else
    uint8_t own_told;     // questions since its own word changed
    uint8_t wanted_asked; // and since another was wanted
    uint8_t equal;        // others in a row who know the same
    uint64_t target;      // who is asked next; 0: by chance
    tt_time began, next, round_at, rest_until, lost_at, interval, denied_at;
    tt_time budget_at;
    uint32_t budget;
    tt_random random;
    tt_members_seed seeds[TT_MEMBERS_SEEDS_MAX];
    tt_members_ask asks[TT_MEMBERS_ASKS_MAX];
    uint8_t filter[TT_BUS_BLOCK_MAX]; // of the question that is answered
    struct {
        uint64_t asked, answered, malformed;
        uint64_t refused; // members without a place
        uint64_t unasked; // questions that were not answered, since there were too many
    } counters;
};

// A table in the caller's storage: `places` of `capacity` members, 2 to TT_MEMBERS_PLACES_MAX, and
// twice as many heads. Both stay the caller's, for the table's life.
void tt_members_init(tt_members *members, tt_member *places, uint16_t *heads, size_t capacity);

// The member of this identity, or at this address (who lives, before who is gone); NULL. Valid
// until the loop turns.
const tt_member *tt_members_find(const tt_members *members, uint64_t id);
const tt_member *tt_members_at(const tt_members *members, const tt_endpoint *endpoint);

// A source that knows names tells of a device: it is added, or has this source too. False: there is
// no place. One whom this device depends on takes the place of one whom it only heard of.
bool tt_members_add(struct tt_node *node, tt_time now, uint64_t id, const tt_endpoint *endpoint,
                    tt_member_source source);
// That source does not tell of it any more. Who has no other is asked by gossip or, where it never
// gossiped, forgotten.
void tt_members_drop(struct tt_node *node, tt_time now, uint64_t id, tt_member_source source);

// An address that was given: its device is asked who it is and whom it knows, again and again, ever
// more rarely, until it answers. False: there are TT_MEMBERS_SEEDS_MAX already.
bool tt_members_learn(struct tt_node *node, tt_time now, const tt_endpoint *endpoint,
                      tt_member_source source);

// Asks others for a member that has no place here, and ever more rarely where they do not know it.
// Once one of them does, tt_members_find does. One at a time; 0: none any more.
void tt_members_want(struct tt_node *node, tt_time now, uint64_t id);

// How many there are, this device included, as far as anybody told it; at least those of the table.
size_t tt_members_count(const tt_members *members);

TT_C_END

#endif
