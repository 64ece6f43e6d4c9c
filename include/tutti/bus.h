// The soft bus: resources that are asked by GET, PUT, POST, DELETE and OBSERVE, near or far.
//
// The wire is CoAP (RFC 7252) with block-wise transfer (RFC 7959) and observe (RFC 7641). The bus
// does no input or output: datagrams and the time are arguments, datagrams to send and the next
// deadline are results. So the same code runs on a watch, on Linux and in the simulator.
//
//     received:  tt_bus_receive(bus, now, &peer, bytes, length)
//     time:      tt_bus_advance(bus, now) once now >= tt_bus_deadline(bus)
//     to send:   while (tt_bus_transmit(bus, &peer, bytes, capacity, &length) == TT_OK) ...
//
// A call to the own device takes the same functions and the same handlers and never leaves it.
// Everything runs on one thread, the node's loop.

#ifndef TUTTI_BUS_H
#define TUTTI_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tutti/endpoint.h"
#include "tutti/language.h"
#include "tutti/list.h"
#include "tutti/random.h"
#include "tutti/status.h"
#include "tutti/time.h"

TT_C_BEGIN

#define TT_BUS_PORT 5683
#define TT_BUS_PATH_MAX 64  // bytes of a path such as "ai/models/fashion", its terminator included
#define TT_BUS_QUERY_MAX 64 // bytes of a query such as "rt=tutti.model", its terminator included
#define TT_BUS_BLOCK_MAX 1024   // bytes of payload in one message
#define TT_BUS_MESSAGE_MAX 1152 // bytes of one message on the wire (RFC 7252, 4.6)

typedef enum tt_method {
    TT_GET = 1,
    TT_POST = 2,
    TT_PUT = 3,
    TT_DELETE = 4,
} tt_method;

// Whose datagrams go first. Within one priority all peers and streams take turns.
typedef enum tt_priority {
    TT_PRIORITY_LOW = -1,
    TT_PRIORITY_NORMAL = 0,
    TT_PRIORITY_HIGH = 1,
    TT_PRIORITY_URGENT = 2,
} tt_priority;

// Response codes as on the wire: class in the upper three bits, detail in the lower five.
#define TT_CODE(class, detail) ((class) << 5 | (detail))
typedef enum tt_code {
    TT_CREATED = TT_CODE(2, 1),
    TT_DELETED = TT_CODE(2, 2),
    TT_STILL_VALID = TT_CODE(2, 3),
    TT_CHANGED = TT_CODE(2, 4),
    TT_CONTENT = TT_CODE(2, 5),
    TT_CONTINUE = TT_CODE(2, 31),
    TT_BAD_REQUEST = TT_CODE(4, 0),
    TT_BAD_OPTION = TT_CODE(4, 2),
    TT_FORBIDDEN = TT_CODE(4, 3),
    TT_PATH_NOT_FOUND = TT_CODE(4, 4),
    TT_METHOD_NOT_ALLOWED = TT_CODE(4, 5),
    TT_NOT_ACCEPTABLE = TT_CODE(4, 6),
    TT_ENTITY_INCOMPLETE = TT_CODE(4, 8),
    TT_ENTITY_TOO_LARGE = TT_CODE(4, 13),
    TT_FORMAT_UNSUPPORTED = TT_CODE(4, 15),
    TT_INTERNAL_ERROR = TT_CODE(5, 0),
    TT_NOT_IMPLEMENTED = TT_CODE(5, 1),
    TT_UNAVAILABLE = TT_CODE(5, 3),
    TT_PROXYING_UNSUPPORTED = TT_CODE(5, 5),
} tt_code;

// Content formats (IANA registry "CoAP Content-Formats").
#define TT_FORMAT_TEXT 0
#define TT_FORMAT_LINKS 40
#define TT_FORMAT_OCTETS 42
#define TT_FORMAT_JSON 50
#define TT_FORMAT_CBOR 60
#define TT_FORMAT_NONE 0xffff

typedef struct tt_bus tt_bus;
typedef struct tt_resource tt_resource;
typedef struct tt_call tt_call;

// Names one request whose answer is still owed; invalid once answered or forgotten.
typedef uint32_t tt_answer_token;

// A request, or one piece of a long one, as a handler sees it. Valid during the handler only.
//
// A piece has at most TT_BUS_BLOCK_MAX bytes. A body longer than that, from the own device too, and
// one that its sender has cut, comes in several: in order, without gaps, each exactly once, the
// first with offset 0. Pieces of two bodies of one method for one path are never mixed: a second
// sender, whatever the length of its body, gets 5.03 until the first is done or silent for
// TT_BUS_TRANSFER_YIELD; a sender that begins anew gives up what it began before. A handler that
// answers a piece with an error ends the transfer; the answer to any piece but the last is
// otherwise the bus's.
//
// A body for a resource with `any_order` may come as a stream: its pieces come in any order, but
// for the first, which has offset 0, each exactly once, all but that at the end TT_BUS_BLOCK_MAX
// long; `size` is told with each, and `last` is the one with which all have come.
//
// A GET asks for a window of the representation: the bytes from `window_offset` on, at most
// `window_length` of them. A long representation is asked for window by window, and by several
// peers at a time.
typedef struct tt_request {
    tt_method method;
    const tt_endpoint *peer; // all zero for a call from the own device
    const char *path;        // without a leading slash, terminated
    const char *query;       // pieces joined by '&', terminated; "" without one
    uint16_t content_format; // of the body, or TT_FORMAT_NONE
    uint16_t accept;         // or TT_FORMAT_NONE
    const uint8_t *payload;  // this piece
    size_t length;           // of this piece
    size_t offset;           // of this piece within the body
    size_t size;             // of the whole body where the sender told it or `last`, otherwise 0
    bool last;               // with this piece the body is whole
    size_t window_offset;    // GET: the first byte that is wanted; else 0
    size_t window_length;    // GET: 16 to TT_BUS_BLOCK_MAX bytes from there on are wanted
    uint8_t *space;          // TT_BUS_BLOCK_MAX bytes in which an answer may be made
    tt_answer_token token;   // for tt_bus_answer; 0 where no later answer is possible
} tt_request;

// A handler's answer. It comes preset to 5.00 without payload.
//
// To a GET, a success has the bytes of the window: window_length of them and `more`, or the last
// ones. No handler needs its representation whole in memory. One that does not fit a single window
// must have a version, a number that changes whenever the representation does (it goes out as the
// ETag), so that blocks of two representations are never taken for one; a number that counts up
// from the start of the device is enough. tt_respond_bytes and tt_window do all this. An answer to
// another method, and one that tells an error, has its whole payload at once, at most
// TT_BUS_BLOCK_MAX bytes. The code is one of class 2, 4 or 5; 2.31 only for a piece that is not the
// last. A handler that keeps to none of this is answered for by 5.00 and a sentence that says what
// it did.
//
// The payload stays the handler's: it must not change before the handler's next call. For a
// diagnostic, point `payload` at text and leave `content_format` at TT_FORMAT_NONE.
typedef struct tt_response {
    tt_code code;
    uint16_t content_format; // or TT_FORMAT_NONE
    const void *payload;
    size_t length;
    bool more;        // GET: the representation goes on behind these bytes
    size_t size;      // GET: of the whole representation where it is known, else 0
    bool has_version; // `version` is one
    uint64_t version;
    uint32_t max_age_seconds; // 60 unless set
    size_t size_max; // with 4.13: bytes that are taken at most, told to the asker; 0: untold
    // This piece of a stream, not the first, was not taken: it comes again in a while. So is the
    // handler asked again that has no state for a notification now.
    bool busy;
    uint32_t stream; // the bus's
    bool introduces; // the bus's: says who we are
    bool later; // no answer yet: tt_bus_answer will give it; a separate response (RFC 7252, 5.2.2)
} tt_response;

typedef void tt_handler(tt_resource *resource, tt_time now, const tt_request *request,
                        tt_response *response);

// Answers a GET with 2.05 and its window of a representation that lies whole in memory. `version`
// changes whenever the bytes do; those that never change have any.
void tt_respond_bytes(const tt_request *request, tt_response *response, uint16_t content_format,
                      const void *bytes, size_t length, uint64_t version);

// Answers a GET with 2.05 and its window of a representation that is made anew for each window,
// from the start: begin, then add all pieces in order. Only the window's bytes are kept, in
// request->space. Whoever has added all says so by tt_window_end, which tells the asker the size;
// whoever has much to add may stop once the window is full.
typedef struct tt_window {
    const tt_request *request;
    tt_response *response;
    size_t at; // bytes of the representation that were added
} tt_window;
void tt_window_begin(tt_window *window, const tt_request *request, tt_response *response,
                     uint16_t content_format, uint64_t version);
void tt_window_add(tt_window *window, const void *bytes, size_t length);
bool tt_window_is_full(const tt_window *window); // what is added now lies behind the window
void tt_window_end(tt_window *window);

// A resource of this device. The struct is its owner's and lives as long as it is in the tree.
struct tt_resource {
    const char *path; // "ai/models/fashion"; with `subtree`, also everything below it
    const char *type; // rt= of RFC 6690, or NULL
    const char *interface_description; // if= of RFC 6690, or NULL
    tt_handler *handler;
    void *context;
    // Content formats that it answers with and takes bodies in, TT_FORMAT_NONE behind the last;
    // NULL: any. A request for another one gets 4.06 or 4.15, and the handler is not asked. A GET
    // with Accept whose handler answers in another format gets 4.06 in any case.
    const uint16_t *gives, *takes;
    uint8_t methods; // bits 1 << tt_method; others get 4.05
    // Bodies may come, and long representations go, as streams. Its handler takes pieces in any
    // order, and gives any window of a representation at once, without `later`.
    bool any_order;
    bool observable;
    bool subtree;
    bool hidden;               // not in /.well-known/core
    uint32_t observe_sequence; // the bus's
    tt_list link;              // the bus's
};

// What a caller gets, once or several times. Valid during the callback only.
//
// `status` is TT_OK with a response (whatever its code), else TT_TIMED_OUT, TT_RESET, TT_CANCELLED,
// TT_UNREACHABLE (nothing listens there: tt_bus_unreachable), TT_MALFORMED, TT_TOO_LARGE (more than
// 2^20 blocks, in the size that the peer wants, or more than TT_BUS_BLOCK_MAX bytes in one message)
// TT_UNSUPPORTED (it took the first block of a body for the whole) or TT_DAMAGED (the
// representation changed while it was read); then nothing follows. A long
// payload comes in pieces like a request's, from the own device too. An observed representation
// that changes while it is read is read anew: its pieces begin at offset 0 again; from each
// notification on there is `timeout` to read it whole.
typedef struct tt_reply {
    tt_status status;
    tt_code code;
    const char *location; // the path of what was made (2.01, Location-Path), or NULL
    uint16_t content_format;
    const uint8_t *payload;
    size_t length;
    size_t offset;
    bool last;                 // it is whole with this piece; with observe, another may follow
    bool final;                // nothing follows: the tt_call is the caller's again
    uint32_t observe_sequence; // of a notification
} tt_reply;

typedef void tt_reply_handler(tt_call *call, tt_time now, const tt_reply *reply);

// A request of this device to another, or to itself. The caller fills the first part, and owns the
// struct and all that it points at until the reply that is `final`.
struct tt_call {
    tt_endpoint peer; // all zero for the own device
    tt_method method;
    const char *path;
    const char *query;   // or NULL
    const void *payload; // sent block by block where longer than TT_BUS_BLOCK_MAX
    size_t length;
    uint16_t content_format; // TT_FORMAT_NONE without one
    uint16_t accept;         // TT_FORMAT_NONE for any
    bool observe;            // GET only: notifications until tt_bus_cancel
    // The answer's pieces may come in any order, but for the first, which has offset 0, each once;
    // `last` with the one that makes it whole. So a long one may come as a stream.
    bool any_order;
    int8_t priority; // tt_priority
    tt_time timeout; // nanoseconds without any progress, separate responses included; 0 for 60 s
    tt_reply_handler *on_reply;
    void *context;
    // Bytes of payload acknowledged; the call may be cancelled in it. May be NULL.
    void (*on_progress)(tt_call *call, size_t sent);
    struct tt_call_state { // the bus's
        tt_list link;
        uint8_t phase;
        uint8_t block_exponent; // blocks of 16 << exponent bytes
        bool send;              // its ping is to go out
        bool streams;           // a stream was offered, or is under way
        bool observing;         // the peer confirmed the observation
        bool refreshing;        // it is registered for again
        bool tagged;            // its body has a Request-Tag
        bool introduces;        // its request says who we are
        bool has_sequence;
        uint8_t etag_length; // 0: none
        uint16_t message_id;
        uint32_t tag;         // the Request-Tag
        uint64_t token;       // of the request or observation, as on the wire
        uint64_t fetch_token; // of the blocks that follow a long notification
        uint64_t etag;
        uint32_t sequence; // of the newest notification
        size_t sent;       // bytes of the request's payload that were acknowledged
        size_t received;   // bytes of the response's payload that were delivered
        size_t reached;    // the most of them
        tt_time sequence_time, next, deadline;
    } state;
};

// Starts a call. TT_INVALID (path or query too long, no path or on_reply, a method that is none,
// observe without GET, a peer without a port), TT_TOO_LARGE (a payload of more than 2^20 blocks).
tt_status tt_bus_call(tt_bus *bus, tt_time now, tt_call *call);

// Writes a request for which no answer is wanted into `bytes`, TT_BUS_MESSAGE_MAX of them at most,
// as a datagram to call->peer, to be sent once: a non-confirmable message (RFC 7252, 4.3) with the
// No-Response option (RFC 7967). Its handler runs once or, where it is lost or refused, not at all,
// and nobody is told which; several arrive in any order. tt_node_tell sends it, too.
//
// `call` needs peer, method (none but TT_POST, TT_PUT, TT_DELETE), path, query, payload, length and
// content_format only, and is the caller's again when this returns: nothing waits. So how much is
// under way is the caller's affair. To another host on a shared network that is one such request a
// round trip, or one in 3 s where nothing is heard from it (RFC 8085, 3.1.3; RFC 7252, 4.7);
// whoever tells more asks for something by a call now and then, and tells no more than a window
// beyond what was answered. A call to the same resource is answered behind what was told before,
// where the network keeps the order.
//
// TT_INVALID (as of tt_bus_call; the own device), TT_TOO_LARGE (a payload of more than
// TT_BUS_BLOCK_MAX bytes, or more than one message has), TT_FULL (no session or no message id is
// free now).
tt_status tt_bus_tell(tt_bus *bus, tt_time now, const tt_call *call, void *bytes, size_t capacity,
                      size_t *length);

// Ends a call or an observation; `on_reply` is called with TT_CANCELLED before this returns.
void tt_bus_cancel(tt_bus *bus, tt_time now, tt_call *call);

// An empty confirmable message (RFC 7252, 4.3), answered by a reset from whoever is alive:
// `call` needs peer, on_reply, context and timeout only (1 s unless set); its reply is TT_OK,
// TT_TIMED_OUT, or TT_MALFORMED from whoever acknowledges instead. TT_INVALID for the own device,
// and without a port or on_reply.
tt_status tt_bus_ping(tt_bus *bus, tt_time now, tt_call *call);

// Adds a resource to the tree. TT_EXISTS (the path is taken), TT_INVALID (no path or handler, a
// path that is empty, too long or begins with a slash).
tt_status tt_bus_add(tt_bus *bus, tt_resource *resource);
// Takes it out again; its observers are told 4.04.
void tt_bus_remove(tt_bus *bus, tt_resource *resource);

// The representation of an observable resource changed: its observers are told. Notifications are
// made by calling its handler with GET; several changes before that are told as one. A handler that
// cannot tell now sets `busy` and is asked again in a while; an error is the last that is heard.
void tt_bus_changed(tt_bus *bus, tt_time now, tt_resource *resource);
// The same of one path below a resource with `subtree`: told are those who observe it, or a path
// that it is below, "data/a" of "data/a/b".
void tt_bus_changed_path(tt_bus *bus, tt_time now, tt_resource *resource, const char *path);

// Answers a request whose handler set `later`, as the handler would have: a GET by its window. The
// payload is copied. TT_NOT_FOUND (the asker has gone, or the token was answered), TT_TOO_LARGE
// (more than TT_BUS_BLOCK_MAX bytes), TT_FULL (try again once datagrams have gone out).
tt_status tt_bus_answer(tt_bus *bus, tt_time now, tt_answer_token token,
                        const tt_response *response);

// TT_BUS_BLOCK_MAX bytes in which the payload of an answer for tt_bus_answer may be made, until the
// next call of the bus; NULL where none are free (try again once datagrams have gone out).
uint8_t *tt_bus_answer_space(tt_bus *bus);

// A datagram came from `peer`: calls the handlers and callbacks that it concerns. Bytes that are no
// CoAP are counted and dropped. They are the caller's, as `peer` is.
void tt_bus_receive(tt_bus *bus, tt_time now, const tt_endpoint *peer, const void *bytes,
                    size_t length);
// The same of one so long that only its beginning could be received: a request is answered by 4.13,
// a call by TT_TOO_LARGE, another confirmable message by a reset.
void tt_bus_receive_cut(tt_bus *bus, tt_time now, const tt_endpoint *peer, const void *bytes,
                        size_t length);
// Does what is due by `now`: repetitions, and the ends of what nobody answers.
void tt_bus_advance(tt_bus *bus, tt_time now);
// When tt_bus_advance must be called at the latest; TT_FOREVER where nothing waits.
tt_time tt_bus_deadline(const tt_bus *bus);

// Takes the next datagram to send, TT_EMPTY where there is none; `capacity` >= TT_BUS_MESSAGE_MAX.
tt_status tt_bus_transmit(tt_bus *bus, tt_endpoint *peer, void *bytes, size_t capacity,
                          size_t *length);

// A peer has gone or restarted: calls to it end with TT_TIMED_OUT, its observations are dropped,
// what is remembered of its messages is forgotten, but for one that has said who it is: requests of
// that life may still come, and those of another are known from them.
void tt_bus_forget_peer(tt_bus *bus, tt_time now, const tt_endpoint *peer);

// Nothing listens at `peer`, as an ICMP error told the platform: calls and pings that wait for it
// end with TT_UNREACHABLE. An observation that is established goes on, and what is remembered of
// the peer stays: the error may be forged, or the peer may be about to start.
void tt_bus_unreachable(tt_bus *bus, tt_time now, const tt_endpoint *peer);

// Who a device is to its peers, until there are keys: a hash of its name ("" without one), whatever
// its capitals, and the number of its boot. Another name and another boot make another identity.
// Never 0.
uint64_t tt_bus_identity(const char *name, uint32_t boot);

// Says who this device is, before its first call and whenever its name changes. Requests tell it to
// peers, whose servers then know our requests by their tokens, from whatever address they come; a
// bus without one (0) is a stranger to everybody.
void tt_bus_set_identity(tt_bus *bus, uint64_t identity);

// struct tt_bus, its limits and tt_bus_init are in tutti/bus_storage.h, for whoever owns one.

TT_C_END

#endif
