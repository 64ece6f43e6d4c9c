// Questions to a group (RFC 7252, 8): one datagram asks all devices what they offer.
//
// Answered is a non-confirmable GET of /.well-known/core, with a query that filters or without one,
// once a leisure drawn by chance has passed, and only by who has something to say: no error and no
// empty list goes out. Everything else that came by multicast is passed over. The leisure is RFC
// 7252's default: an estimate of the group's size would be one of those who speak, and a house has
// no hurry to hear who is there.
//
// A component, without input or output like the bus that it answers for.

#ifndef TUTTI_GROUPS_H
#define TUTTI_GROUPS_H

#include "tutti/bus_storage.h"
#include "tutti/language.h"

TT_C_BEGIN

#define TT_GROUPS_LEISURE TT_SECONDS(5) // DEFAULT_LEISURE of RFC 7252, 4.8
#ifndef TT_GROUPS_WAITING_MAX
#define TT_GROUPS_WAITING_MAX 4 // questions that wait for their answer
#endif

// All members are its own.
typedef struct tt_groups {
    tt_bus *bus;
    struct tt_groups_question {
        tt_endpoint peer; // port 0: free
        tt_bus_token token;
        tt_block block2;
        uint16_t id;
        tt_time at; // when it is answered
        char query[TT_BUS_QUERY_MAX];
    } waiting[TT_GROUPS_WAITING_MAX];
    struct {
        uint64_t taken, dropped; // questions; whatever else came, or too many
    } counters;
} tt_groups;

void tt_groups_init(tt_groups *groups, tt_bus *bus);

// A datagram to a group came from a peer near enough to be answered; see tt_discovery_is_near.
void tt_groups_receive(tt_groups *groups, tt_time now, const tt_endpoint *peer, const void *bytes,
                       size_t length);
// Answers what is due by `now`: the datagrams are the bus's to send.
void tt_groups_advance(tt_groups *groups, tt_time now);
// When tt_groups_advance must be called at the latest.
tt_time tt_groups_deadline(const tt_groups *groups);

TT_C_END

#endif
