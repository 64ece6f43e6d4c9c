// What a bus is made of, for whoever owns one: its limits and its tables. Everyone else uses
// tutti/bus.h.
//
// All tables have fixed sizes that a product may set with -D; a full one is an error or a lost
// datagram that is counted, never more memory.

#ifndef TUTTI_BUS_STORAGE_H
#define TUTTI_BUS_STORAGE_H

#include "tutti/bus.h"
#include "tutti/language.h"

TT_C_BEGIN

#ifndef TT_BUS_PEERS_MAX
#define TT_BUS_PEERS_MAX 8 // devices whose newest exchanges are remembered
#endif
#ifndef TT_BUS_REMEMBERED_MAX
#define TT_BUS_REMEMBERED_MAX 8 // newest exchanges that are remembered of each
#endif
#ifndef TT_BUS_REMEMBERED_BYTES
#define TT_BUS_REMEMBERED_BYTES                                                                    \
    64 // of an answer; a longer one to PUT, POST, DELETE goes separately
#endif
#ifndef TT_BUS_REPLIES_MAX
#define TT_BUS_REPLIES_MAX 4 // separate responses and notifications under way
#endif
#ifndef TT_BUS_OWED_MAX
#define TT_BUS_OWED_MAX 8 // requests that were taken and are not answered yet
#endif
#ifndef TT_BUS_OBSERVERS_MAX
#define TT_BUS_OBSERVERS_MAX 8
#endif
#ifndef TT_BUS_TRANSFERS_MAX
#define TT_BUS_TRANSFERS_MAX 4 // bodies being received block by block
#endif
#ifndef TT_BUS_OUT_MAX
#define TT_BUS_OUT_MAX 2 // acknowledgements and answers made while receiving
#endif

// RFC 7252, 4.8 has 2 s for the open internet. A house's network answers in milliseconds.
#ifndef TT_BUS_ACK_TIMEOUT
#define TT_BUS_ACK_TIMEOUT TT_MS(500)
#endif
#define TT_BUS_RETRANSMITS_MAX 4
#define TT_BUS_TRANSFER_SILENCE TT_SECONDS(10) // after which an unfinished body is given up
#define TT_BUS_OWED_LIFETIME TT_SECONDS(120)
#define TT_BUS_CONFIRM_WITHIN TT_SECONDS(24 * 3600) // RFC 7641, 4.5
#define TT_BUS_CONFIRM_EVERY 8 // every so-manieth notification asks whether the observer lives

typedef struct tt_bus_remembered {
    bool used;
    uint16_t message_id;
    uint16_t length; // of the answer; 0: acknowledge only, the answer goes separately
    uint8_t answer[TT_BUS_REMEMBERED_BYTES];
} tt_bus_remembered;

typedef struct tt_bus_peer {
    tt_endpoint endpoint; // port 0: free
    tt_time heard;
    unsigned newest; // where the next exchange is remembered
    tt_bus_remembered remembered[TT_BUS_REMEMBERED_MAX];
} tt_bus_peer;

// A token as on the wire.
typedef struct tt_bus_token {
    uint8_t length;
    uint8_t bytes[8];
} tt_bus_token;

// A confirmable response or notification that is repeated until acknowledged.
typedef struct tt_bus_reply {
    bool used, send, confirmable;
    uint8_t attempts;
    uint16_t message_id;
    uint16_t length;
    tt_endpoint peer;
    tt_time next, wait;
    struct tt_bus_observer *observer; // of a notification
    uint8_t bytes[TT_BUS_MESSAGE_MAX];
} tt_bus_reply;

// A block option (RFC 7959, 2.2).
typedef struct tt_block {
    bool present, more;
    uint8_t exponent; // blocks of 16 << exponent bytes; 0 to 6
    uint32_t number;
} tt_block;

typedef struct tt_bus_owed {
    tt_answer_token id; // 0: free
    tt_endpoint peer;   // all zero: `call` is the asker
    tt_bus_token token;
    tt_method method;
    tt_block block2; // the window that was asked for
    bool confirmable;
    tt_call *call;
    tt_time expires;
} tt_bus_owed;

typedef struct tt_bus_observer {
    tt_resource *resource; // NULL: free
    tt_endpoint peer;
    tt_bus_token token;
    tt_call *call; // of an observer on the own device
    uint16_t accept;
    uint8_t block_exponent; // of the blocks that it wants
    bool pending;           // a change has not been told yet
    bool waiting;           // a notification is under way
    unsigned told;          // notifications so far
    uint16_t message_id;    // of the newest
    tt_time confirm_at;     // when the next is confirmable at the latest
    char path[TT_BUS_PATH_MAX];
    char query[TT_BUS_QUERY_MAX];
} tt_bus_observer;

typedef struct tt_bus_transfer {
    tt_resource *resource; // NULL: free
    tt_endpoint peer;
    tt_method method;
    size_t next; // offset of the next byte
    tt_time heard;
    char path[TT_BUS_PATH_MAX];
} tt_bus_transfer;

typedef struct tt_bus_datagram {
    tt_endpoint peer;
    uint16_t length; // 0: free
    uint8_t bytes[TT_BUS_MESSAGE_MAX];
} tt_bus_datagram;

struct tt_bus {
    tt_list resources;
    tt_list calls;
    tt_random random;
    uint16_t next_message_id;
    tt_answer_token next_answer;
    uint32_t observe_sequence;
    tt_bus_peer peers[TT_BUS_PEERS_MAX];
    tt_bus_reply replies[TT_BUS_REPLIES_MAX];
    tt_bus_owed owed[TT_BUS_OWED_MAX];
    tt_bus_observer observers[TT_BUS_OBSERVERS_MAX];
    tt_bus_transfer transfers[TT_BUS_TRANSFERS_MAX];
    tt_bus_datagram out[TT_BUS_OUT_MAX];
    unsigned out_first, out_reserved; // the first to go out; kept free for the answer being made
    tt_resource well_known;
    tt_resource gone;       // what observers of a removed resource have until they are told
    uint64_t links_version; // of /.well-known/core: counts what was added and removed
    uint64_t version_salt;  // makes the versions of this start others than those of the last
    uint8_t window[TT_BUS_BLOCK_MAX]; // request->space of every handler
    char diagnostic[96];
    struct {
        uint64_t received, malformed, duplicates, dropped, retransmitted;
    } counters;
    bool plant_deduplication_bug; // tests only: forgets every exchange, so duplicates run twice
};

// An empty bus. `seed` decides message ids and tokens: take it from the platform's random source.
void tt_bus_init(tt_bus *bus, tt_time now, uint64_t seed);

// Exchanges, owed answers, transfers and calls under way; all zero on a bus at rest.
size_t tt_bus_busy(const tt_bus *bus);

TT_C_END

#endif
