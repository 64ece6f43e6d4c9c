// What the files of the members share. From the lowest up: members.c is the table, members_wire.c
// the bytes, members_hear.c what is believed, members_gossip.c who is asked and when.

#ifndef TUTTI_NODE_MEMBERS_H
#define TUTTI_NODE_MEMBERS_H

#include "node/internal.h"
#include "tutti/bytes.h"
#include "tutti/members.h"

#define TT_MEMBER_ANSWERED 0x20      // in `sources`: it is where it said, since it answered there
#define TT_MEMBER_HAS_NO_GOSSIP 0x40 // it does not understand it
#define TT_MEMBER_GOSSIPS 0x80       // it does, or is told of by one who does

// What somebody says of a member.
typedef struct tt_member_word {
    uint64_t id;
    tt_endpoint endpoint;
    uint16_t incarnation;
    uint8_t state;
} tt_member_word;

// ---- members.c

tt_member *tt_members_get(const tt_members *m, uint64_t id);
// How many who are not gone are said to be at this place.
unsigned tt_members_count_at(const tt_members *m, const tt_endpoint *endpoint);
// Whether there is no room for more: it cannot know what others know.
bool tt_members_are_partial(const tt_members *m);
uint32_t tt_members_seconds(const tt_members *m, tt_time now);
// What a word of a member, alive or doubted, is in digests and filters; and what is known of one.
uint64_t tt_members_mix(uint64_t id, uint16_t incarnation, bool doubted);
uint64_t tt_member_mixed(const tt_member *member);
uint64_t tt_members_digest(const tt_members *m); // of all living, this device included
// Whether others are told of it.
bool tt_member_is_told(const tt_member *member);
bool tt_member_has_news(const tt_members *m, const tt_member *member);
void tt_members_tell_anew(tt_members *m, tt_member *member);
void tt_members_was_told(tt_members *m, tt_member *member);
void tt_members_end_news(tt_members *m);
void tt_members_change(tt_members *m, tt_member *member, const tt_member_word *word);
void tt_members_set_sources(tt_members *m, tt_member *member, uint8_t sources);
void tt_members_set_state(tt_members *m, tt_time now, tt_member *member, uint8_t state);
// NULL: no place. `needed`: it may take that of one of whom others told.
tt_member *tt_members_insert(tt_node *node, tt_time now, const tt_member_word *word,
                             uint8_t sources, bool needed);
void tt_members_remove(tt_members *m, tt_member *member);
// A round is due at this time, unless one was just now.
void tt_members_wake(tt_members *m, tt_time at);
// A time by chance.
tt_time tt_members_soon(tt_members *m, tt_time now, tt_time within);
// Whether it lives is to be said by itself; and it did not.
void tt_members_doubt(tt_members *m, tt_time now, tt_member *member);
void tt_members_end_doubt(tt_members *m, tt_time now, tt_member *member);
bool tt_members_depends_on(const tt_node *node, const tt_endpoint *endpoint);

// ---- members_wire.c

#define TT_GOSSIP_NAMED 1   // has the sender's identity and incarnation
#define TT_GOSSIP_PARTIAL 2 // its sender has no room for all
#define TT_GOSSIP_FIND 4    // asks for one member, too
#define TT_GOSSIP_FILTER 8  // asks for those that its filter lacks
#define TT_GOSSIP_MORE 16   // another datagram of this answer follows
#define TT_GOSSIP_FLAGS 31
#define TT_MEMBERS_TELL_OWN 12 // questions that tell a new word of this device itself
#define TT_GOSSIP_LEAST 128    // bytes that an answer's further part is worth
#define TT_GOSSIP_PAYLOAD TT_BUS_BLOCK_MAX

// A message that was read: its bytes are the datagram's.
typedef struct tt_gossip {
    bool is_answer, is_refusal; // an answer, and one that says that there is no such path
    uint32_t token;
    uint8_t flags;
    uint64_t id; // of the sender, or 0
    uint16_t incarnation, count;
    uint64_t digest, find;
    unsigned word_count;
    tt_reader words;
    const uint8_t *filter;
    size_t filter_length;
} tt_gossip;

// TT_NOT_FOUND: it is no gossip; TT_MALFORMED.
tt_status tt_gossip_read(tt_gossip *gossip, const tt_datagram *datagram);
// The next word; `before` is the endpoint of the one before, all zero at first. False: none.
bool tt_gossip_next(tt_gossip *gossip, tt_endpoint *before, tt_member_word *word);
bool tt_gossip_filter_has(const tt_gossip *gossip, uint64_t mixed);

typedef struct tt_gossip_writer {
    tt_writer w;
    tt_endpoint to, before;
    uint32_t token;
    size_t flags_at, count_at, limit;
    unsigned words;
} tt_gossip_writer;

// Begins a message in the node's datagram, of `limit` bytes at most with its head.
void tt_gossip_begin(tt_gossip_writer *g, tt_node *node, const tt_endpoint *to, bool is_answer,
                     uint32_t token, uint8_t flags, size_t limit);
// False: it does not fit, or means nothing to whom it goes to.
bool tt_gossip_is_full(const tt_gossip_writer *g);
bool tt_gossip_add(tt_gossip_writer *g, const tt_member *member);
// A filter of all whom this device tells of, in the bytes that are left.
void tt_gossip_add_filter(tt_gossip_writer *g, const tt_members *m);
void tt_gossip_send(tt_gossip_writer *g, tt_node *node, uint8_t more_flags);

// ---- members_hear.c

bool tt_members_receive(tt_node *node, tt_time now, const tt_datagram *datagram);

#endif
