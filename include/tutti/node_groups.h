// A node that answers questions to the groups "All CoAP Nodes", ff02::fd and 224.0.1.187 at port
// 5683 (RFC 7252, 12.8): see tutti/groups.h. A component, for platforms that can join them.

#ifndef TUTTI_NODE_GROUPS_H
#define TUTTI_NODE_GROUPS_H

#include "tutti/groups.h"
#include "tutti/language.h"
#include "tutti/node.h"

TT_C_BEGIN

// All members are its own.
typedef struct tt_node_groups {
    tt_groups groups;
    tt_node *node;
    tt_node_timer timer;
    tt_socket socket;
} tt_node_groups;

// Joins the groups. The storage is the caller's and lives as long as the node. TT_UNSUPPORTED: the
// platform cannot; TT_FULL, TT_IO: a port cannot be had. Then the node goes on without.
tt_status tt_node_join_groups(tt_node *node, tt_node_groups *groups);

TT_C_END

#endif
