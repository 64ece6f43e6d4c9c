// A resource directory (RFC 9176): where devices tell what they are, and find one another without
// multicast. Its address is given by hand.
//
// A node with a name registers itself with its kind and the links of its resources, renews that
// before it ends, and takes it back when it leaves. A node that browses looks up who else is
// registered. What a directory says is a hint like what multicast DNS says: each device that is not
// known is asked itself, and counts as found once it has answered. A directory that does not
// answer, starts anew or forgets is found, and told, anew.
//
//     static tt_directory directory;
//     tt_directory_start(&directory, &node, &place);
//
// A component: a product that does not call this does not have it.

#ifndef TUTTI_DIRECTORY_H
#define TUTTI_DIRECTORY_H

#include "tutti/links.h"
#include "tutti/node.h"

TT_C_BEGIN

#define TT_DIRECTORY_LIFETIME 300         // seconds that a registration lasts unless it is renewed
#define TT_DIRECTORY_LOOK TT_SECONDS(30)  // between two looks at who is registered; at first 1 s
#define TT_DIRECTORY_PAUSE TT_SECONDS(60) // before a directory that fails is asked again, at most
#define TT_DIRECTORY_ANSWER_MAX 65536     // bytes of an answer that are read; the rest is left
#ifndef TT_DIRECTORY_LINKS_MAX
#define TT_DIRECTORY_LINKS_MAX 2048 // bytes of links that are registered: those that fit, whole
#endif

typedef enum tt_directory_step {
    TT_DIRECTORY_WAITS,
    TT_DIRECTORY_FINDS,     // asks for the paths of its services
    TT_DIRECTORY_LISTS,     // asks this device for its own links
    TT_DIRECTORY_REGISTERS, // tells them
    TT_DIRECTORY_RENEWS,
    TT_DIRECTORY_LOOKS,
    TT_DIRECTORY_LEAVES,
} tt_directory_step;

// All members are the directory's own.
typedef struct tt_directory {
    tt_node *node;
    tt_endpoint place;
    tt_node_timer timer;
    tt_call call; // one at a time
    tt_directory_step step;
    char registering_path[TT_BUS_PATH_MAX]; // "" until it was found
    char lookup_path[TT_BUS_PATH_MAX];
    char location[TT_BUS_PATH_MAX]; // of our registration; "": there is none
    char query[TT_BUS_QUERY_MAX];
    char name[TT_NAME_MAX];            // that was registered
    char text[TT_DIRECTORY_LINKS_MAX]; // our links; or the link that is being read
    size_t length;
    uint32_t links_version; // of what was registered
    tt_links links;
    bool found, whole, listed; // its services; the answer; our own name in it
    unsigned failures, looks;  // in a row
    tt_time renew_at, look_at, retry_at;
} tt_directory;

// Begins to use the directory at `place`. The storage is the caller's and lives as long as the
// node. TT_INVALID: the node's name has a '&', which no directory can be told.
tt_status tt_directory_start(tt_directory *directory, tt_node *node, const tt_endpoint *place);

// Takes the registration back, once: it ends by itself where that is lost. Before tt_node_stop,
// from the loop's own thread. The directory is not asked any more.
void tt_directory_leave(tt_directory *directory, tt_time now);

// Whether this node is registered now, as far as it knows.
bool tt_directory_is_registered(const tt_directory *directory);

TT_C_END

#endif
