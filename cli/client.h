// A node that only asks: what `ls`, `get` and the rest, `up` and the demonstration stand on.
//
// It joins either the virtual Ethernet of a fleet or the host's own network, and then is one more
// node on the bus. Calls here wait; what arrives meanwhile is handled on the way.

#ifndef TUTTI_CLI_CLIENT_H
#define TUTTI_CLI_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/command.h"
#include "tutti/directory.h"
#include "tutti/node.h"

#define TT_CLIENT_FOLDER "build/fleet" // where `tutti up` keeps a fleet unless told otherwise

typedef struct tt_client {
    tt_platform *platform;
    tt_node node;
    tt_directory directory; // that devices are looked up in, where one was named
    bool host;
    tt_members *members; // prepared, before it is opened; or NULL
} tt_client;

// The fleet that is meant: the one that was named or, for NULL, that in $TUTTI_NET or else
// TT_CLIENT_FOLDER.
const char *tt_client_folder(const char *named);

// Joins the network: `net` is a fleet's folder or a switch's socket, or NULL (tt_client_folder);
// with `host` it is this machine's own. `on_peer` may be NULL; with one the devices are watched, so
// that it hears within seconds of one that dies. Failures are said. One a process.
tt_exit tt_client_open(tt_client *client, const char *command, const char *net, bool host,
                       tt_peer_handler *on_peer, void *context);

// Looks devices up in the directory (RFC 9176) at an address, too; NULL: in none. Failures are
// said.
tt_exit tt_client_use_directory(tt_client *client, const char *command, const char *address);
#define TT_CLIENT_DIRECTORY_OPTION(place)                                                          \
    {                                                                                              \
        "directory", "ADDRESS", "look devices up in this resource directory (RFC 9176), too",      \
            .text = &(place)                                                                       \
    }

tt_time tt_client_now(const tt_client *client);

// Whether there is a network still: a fleet may end meanwhile, and then nobody answers any more.
bool tt_client_alive(const tt_client *client);

// Handles what has come and waits for more, at most until `deadline`.
void tt_client_turn(tt_client *client, tt_time deadline);

// Waits for a device of `kind` or with `name` (NULL: any); NULL where none came by `deadline` or
// the fleet ended. The peer is the node's, valid until the next turn.
const tt_peer *tt_client_await(tt_client *client, const char *kind, const char *name,
                               tt_time deadline);

// The boot number of the device at this address as it tells it, 0 where it tells none.
uint32_t tt_client_boot(const tt_client *client, const tt_endpoint *endpoint);

// The whole answer to one call.
typedef struct tt_answer {
    tt_status status; // TT_OK with an answer, whatever its code
    tt_code code;
    uint16_t content_format;
    uint8_t *payload; // `capacity` bytes, the caller's
    size_t length, capacity;
    bool done;
} tt_answer;

// Puts a piece of an answer in its place; `status` is TT_TOO_LARGE where it does not fit.
void tt_answer_take(tt_answer *answer, const tt_reply *reply);

// Makes a call and waits for all of its answer. The caller fills peer, method, path, query,
// payload, content_format, accept and timeout of `call`, and payload and capacity of `answer`; an
// answer that does not fit is TT_TOO_LARGE, a fleet that ended TT_UNREACHABLE.
tt_status tt_client_ask(tt_client *client, tt_call *call, tt_answer *answer);

#endif
