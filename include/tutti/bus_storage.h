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

#ifndef TT_BUS_SESSIONS_MAX
#define TT_BUS_SESSIONS_MAX 16 // peers at a time, 2 at least
#endif
// Of these, kept for the peers whom calls of ours are for: no stranger's request takes them.
#define TT_BUS_SESSIONS_OURS (TT_BUS_SESSIONS_MAX >= 8 ? TT_BUS_SESSIONS_MAX / 4 : 1)
#ifndef TT_BUS_BUFFERS_MAX
#define TT_BUS_BUFFERS_MAX                                                                         \
    3 // long messages at a time, 2 at least; of 3, answers leave one to calls
#endif
#ifndef TT_BUS_PAST_MAX
#define TT_BUS_PAST_MAX 96 // runs of ids, and lives, remembered of sessions that gave way
#endif
#ifndef TT_BUS_OWED_MAX
#define TT_BUS_OWED_MAX 8 // requests that were taken and are not answered yet
#endif
#ifndef TT_BUS_OBSERVERS_MAX
#define TT_BUS_OBSERVERS_MAX 8
#endif
#ifndef TT_BUS_OBSERVED_MAX
#define TT_BUS_OBSERVED_MAX                                                                        \
    96 // bytes of an observer's path and query, a terminator of each included
#endif
#ifndef TT_BUS_TRANSFERS_MAX
#define TT_BUS_TRANSFERS_MAX 4 // bodies being received block by block
#endif
#ifndef TT_BUS_STREAMS_MAX
#define TT_BUS_STREAMS_MAX                                                                         \
    4 // long bodies at a time, in either direction; 0: none, all go in blocks
#endif
#ifndef TT_BUS_STREAM_WINDOW
#define TT_BUS_STREAM_WINDOW 65536 // bytes of a stream under way, a multiple of TT_BUS_BLOCK_MAX
#endif
#define TT_BUS_SMALL_BYTES 128 // of a message that a session keeps itself
#define TT_BUS_OUTCOMES_MAX 8  // newest exchanges of a session of which the answer is known
#define TT_BUS_KEPT_BYTES                                                                          \
    64 // of an answer that is kept; a longer one to PUT, POST, DELETE goes apart
#define TT_BUS_RANGES_MAX 8 // runs of ids that are remembered of a session
#define TT_BUS_WINDOW_WORDS                                                                        \
    8                      // 32 sequence numbers each, of a peer whose tag is known: a power of 2
#define TT_BUS_EMPTY_MAX 4 // acknowledgements and resets that wait to be sent

// RFC 7252, 4.8 has 2 s for the open internet. A house's network answers in milliseconds.
#ifndef TT_BUS_ACK_TIMEOUT
#define TT_BUS_ACK_TIMEOUT TT_MS(500)
#endif
#define TT_BUS_RETRANSMITS_MAX 4
#define TT_BUS_EXCHANGE_LIFETIME TT_SECONDS(247) // RFC 7252, 4.8.2
#define TT_BUS_NON_LIFETIME TT_SECONDS(145)
#define TT_BUS_IDENTITY_SECONDS 60             // after which a peer is told once more who we are
#define TT_BUS_TRANSFER_SILENCE TT_SECONDS(10) // after which an unfinished body is given up
#define TT_BUS_TRANSFER_YIELD TT_MS(2500)      // and when another sender waits for its place
#define TT_BUS_STREAM_SILENCE TT_SECONDS(8)    // without progress, after which a stream ends
#define TT_BUS_OWED_LIFETIME TT_SECONDS(120)
#define TT_BUS_CONFIRM_EVERY 8 // every so-manieth notification asks whether the observer lives
#define TT_BUS_CONFIRM_AFTER TT_MS(500)   // quiet after which the newest state is told confirmably
#define TT_BUS_PROBE_AFTER TT_SECONDS(10) // silence of an observer who is asked when others wait
#define TT_BUS_REFRESH_SOONEST TT_SECONDS(5) // between two registrations of an observation of ours,
#define TT_BUS_REFRESH_LATEST TT_SECONDS(300) // whatever the Max-Age of what it told

typedef struct tt_bus_session tt_bus_session;

// A token as on the wire.
typedef struct tt_bus_token {
    uint8_t length;
    uint8_t bytes[8];
} tt_bus_token;

// A block option (RFC 7959, 2.2).
typedef struct tt_block {
    bool present, more;
    uint8_t exponent; // blocks of 16 << exponent bytes; 0 to 6
    uint32_t number;
} tt_block;

// A message longer than TT_BUS_SMALL_BYTES: one being made, whose handler has the place behind its
// head (tt_request.space), one on its way, or one that is repeated until acknowledged.
typedef struct tt_bus_buffer {
    uint8_t state;           // tt_buffer_state
    uint16_t length;         // bytes
    tt_endpoint peer;        // of one that goes out once
    tt_bus_session *session; // of an answer that waits until its session is free
    bool confirmable;
    uint8_t bytes[TT_BUS_MESSAGE_MAX];
} tt_bus_buffer;

// The message of ours that is under way to a peer: its bytes stay until it is acknowledged, and
// each repetition sends the same ones. One at a time to each (NSTART of RFC 7252, 4.7).
typedef struct tt_bus_transmission {
    uint8_t kind; // tt_transmission_kind; 0: free
    bool confirmable, send;
    uint8_t attempts;
    uint16_t id, length;
    tt_bus_buffer *buffer; // NULL: `small`
    int8_t priority;       // tt_priority
    void *owner;           // the call or observer that hears how it ends, or NULL
    tt_time next, wait;
    uint8_t small[TT_BUS_SMALL_BYTES];
} tt_bus_transmission;

// Ids of messages that were taken from a peer, from `first` on up to `last`.
typedef struct tt_bus_range {
    uint16_t first, last;
    uint16_t at; // when the last was taken, in slots of 4 s; and what they were: see remembered.c
} tt_bus_range;

// Sequence numbers of requests that were taken from a life of a peer, known by the tag of its
// tokens.
typedef struct tt_bus_window {
    uint32_t tag;
    uint32_t confirmable; // the greatest of a confirmable request; these come one after another
    uint32_t newest;      // the greatest of those that were not
    uint16_t at;          // when a handler may have changed something, as in a range
    uint32_t taken[TT_BUS_WINDOW_WORDS]; // a bit for each of them, in a ring
} tt_bus_window;

typedef struct tt_bus_past {
    uint32_t whose;     // a tag, or a hash of an address; 0: free
    tt_bus_range range; // of a tag: its greatest sequence number, the upper half in `first`
} tt_bus_past;

// What came of a message that was taken.
typedef struct tt_bus_outcome {
    uint32_t sum; // of its bytes: another message with its id is another message
    uint16_t id, at;
    uint8_t kind; // tt_outcome_kind; 0: free
    uint8_t code; // of the answer
} tt_bus_outcome;

// All that is between this device and one peer; tt_session_forget forgets it whole.
struct tt_bus_session {
    tt_endpoint peer; // where it was last heard; port 0: free
    uint16_t next_id; // of our messages to it
    bool ours;        // made for a call of ours, not by a request
    bool has_tag;     // `window` holds, not `ranges`
    bool tell;        // it is to be told who we are, whatever `told_at` says
    bool asks;        // it wants to be told
    uint8_t claims;   // 1 + the place of a session at whose address this one was heard, while that
                      // stays
    uint8_t range_count, next_outcome;
    uint8_t kept_length; // of the newest answer with more than a code,
    uint16_t kept_id;    // and its id
    uint32_t told_at;    // when it last answered with its identity: second + 1, 0: it has not
    uint64_t identity;   // tt_bus_identity of the peer; 0: none is known
    tt_time heard;       // or spoken to
    tt_time round_trip, deviation; // smoothed (RFC 6298, 2); 0: not measured
    uint32_t tag;                  // of the tokens of our requests to it; 0: none is drawn yet
    uint32_t left[4]; // when the last id of each quarter was used: second + 1, 0: never
    tt_bus_transmission out;
    union {
        tt_bus_range ranges[TT_BUS_RANGES_MAX]; // the one that was taken from last stands first
        tt_bus_window window;
    };
    tt_bus_outcome outcomes[TT_BUS_OUTCOMES_MAX];
    uint8_t kept[TT_BUS_KEPT_BYTES];
};

typedef struct tt_bus_owed {
    tt_answer_token id;      // 0: free
    tt_bus_session *session; // NULL: `call` is the asker
    tt_bus_token token;
    tt_method method;
    tt_block block2; // the window that was asked for
    bool confirmable;
    uint8_t no_response; // answers that are not wanted, as in the request
    tt_call *call;
    tt_time expires;
} tt_bus_owed;

typedef struct tt_bus_observer {
    tt_resource *resource;   // NULL: free
    tt_bus_session *session; // NULL: `call` is the observer, on the own device
    tt_bus_token token;
    tt_call *call;
    uint16_t accept;
    uint8_t block_exponent;         // of the blocks that it wants
    bool pending;                   // a change has not been told yet
    bool confirm;                   // the next is confirmable
    bool starved;                   // it waits for a long buffer
    uint8_t attempts;               // to tell the newest, none acknowledged
    tt_time again_at;               // not before: it gave its buffer to others
    unsigned told;                  // notifications so far
    uint16_t message_id;            // of the newest
    tt_time told_at;                // the newest notification
    tt_time confirm_at;             // when the newest state is told again, confirmably; TT_FOREVER
    tt_time confirmed;              // when the observer last said that it is there
    char path[TT_BUS_OBSERVED_MAX]; // its query behind it
} tt_bus_observer;

typedef struct tt_bus_transfer {
    tt_resource *resource; // NULL: free
    tt_bus_session *session;
    tt_method method;
    size_t next; // offset of the next byte
    tt_time heard;
    uint64_t tag; // Request-Tag (RFC 9175, 3), of tag_length bytes
    uint8_t tag_length;
    char path[TT_BUS_PATH_MAX];
} tt_bus_transfer;

#define TT_BUS_STREAM_PIECES (TT_BUS_STREAM_WINDOW / TT_BUS_BLOCK_MAX)

// How much of a stream may be under way: it follows the delay. See bus/stream_rate.c.
typedef struct tt_bus_rate {
    uint32_t window; // bytes
    bool began;      // the queue was seen: the quick start is over
    uint8_t recent_at;
    uint16_t taken, lost;            // pieces of this round
    tt_time base, base_before;       // the least round trip of these ten seconds, and of the last
    tt_time base_since, round_until; // no second cut before
    tt_time recent[4];               // round trips
} tt_bus_rate;

// A long body on its way in or out, piece by piece. See bus/stream.c.
typedef struct tt_bus_stream {
    uint8_t kind; // tt_stream_kind; 0: free
    int8_t priority;
    bool is_due;     // something is to be said, or sent, before its time
    uint8_t backoff; // repetitions without an answer
    tt_bus_session *session;
    tt_bus_token token; // of its exchange
    tt_call *call;      // whose body or answer it is; NULL: it is served here
    uint32_t size;      // bytes of the body
    uint32_t low;       // the first piece that has not come, or was not acknowledged
    uint32_t limit;     // bytes that may be sent
    uint32_t stamp;     // the newest that was told, or echoed
    tt_time progress;   // when it last came on
    tt_time next;       // when something is due: a repetition, an acknowledgement
    // One that is sent.
    bool heard;      // something has come back from its peer
    uint8_t blind;   // pieces that were sent before
    uint32_t end;    // the first piece that was never sent
    uint32_t flying; // pieces under way
    tt_time pace;    // when the next piece may go
    // One that is taken.
    bool is_closed;  // the receiver cannot take more now
    unsigned unsaid; // pieces since the last acknowledgement
    tt_time stamped; // when `stamp` came
    // One that is served here.
    tt_resource *resource; // NULL: taken away meanwhile
    tt_answer_token owed;  // the answer, once the body is whole
    tt_bus_transfer *transfer;
    tt_method method;
    uint16_t content_format, accept;
    uint64_t version; // of an answer; of a body that comes its Request-Tag
    tt_bus_rate rate;
    uint8_t have[(TT_BUS_STREAM_PIECES + 7) / 8]; // pieces from low on that have come, in a ring
    uint8_t away[(TT_BUS_STREAM_PIECES + 7) / 8]; // pieces that are taken for under way
    uint32_t sent_us[TT_BUS_STREAM_PIECES];       // when each was last sent
    char path[TT_BUS_PATH_MAX], query[TT_BUS_QUERY_MAX];
} tt_bus_stream;

// An acknowledgement or a reset.
typedef struct tt_bus_empty {
    tt_endpoint peer; // port 0: free
    uint16_t id;
    uint8_t type;
} tt_bus_empty;

// What is small stands first: on a processor of 32 bits a member within 4 KiB of the beginning is
// one instruction away.
struct tt_bus {
    tt_list resources;
    tt_list calls;
    const struct tt_bus_calling *calling; // what the bus does for calls; NULL: none was ever begun
    tt_random random;
    uint64_t identity;            // see tt_bus_set_identity
    uint32_t sequence;            // of the newest token of ours
    uint16_t first_id;            // of the next session
    bool plant_deduplication_bug; // tests only: forgets every exchange, so duplicates run twice
    tt_answer_token next_answer;
    uint32_t observe_sequence;
    unsigned next_session;  // whose message goes out next
    unsigned next_observer; // who is told next
    unsigned next_stream;   // whose piece goes out next
    tt_time stream_time;    // the newest that the bus was told
    tt_time past_at;        // when `past` was last looked through
    uint64_t links_version; // of /.well-known/core: counts what was added and removed
    uint64_t version_salt;  // makes the versions of this start others than those of the last
    struct {                // a message of a stream that is none here: its peer is told
        tt_endpoint peer;   // port 0: none
        tt_bus_token token;
        uint8_t code;
    } stray;
    unsigned empty_first, empty_count;
    tt_bus_empty empties[TT_BUS_EMPTY_MAX];
    struct {
        size_t received, malformed, duplicates, dropped, retransmitted;
        size_t streams, pieces_sent, pieces_again, pieces_refused;
        size_t moved;   // peers that were heard from another address
        size_t refused; // requests of peers, or with ids, that no table had room to remember
    } counters;
    tt_resource well_known;
    tt_resource gone; // what observers of a removed resource have until they are told
    char diagnostic[96];
    tt_bus_owed owed[TT_BUS_OWED_MAX];
    tt_bus_transfer transfers[TT_BUS_TRANSFERS_MAX];
    tt_bus_observer observers[TT_BUS_OBSERVERS_MAX];
    tt_bus_stream streams[TT_BUS_STREAMS_MAX];
    tt_bus_past past[TT_BUS_PAST_MAX];
    tt_bus_buffer buffers[TT_BUS_BUFFERS_MAX];
    tt_bus_session sessions[TT_BUS_SESSIONS_MAX];
};

// An empty bus. `seed` decides message ids and tokens: take it from the platform's random source.
void tt_bus_init(tt_bus *bus, tt_time now, uint64_t seed);

// Exchanges, owed answers, transfers and calls under way; all zero on a bus at rest.
size_t tt_bus_busy(const tt_bus *bus);

TT_C_END

#endif
