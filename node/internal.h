// What the files of the node share.

#ifndef TUTTI_NODE_INTERNAL_H
#define TUTTI_NODE_INTERNAL_H

#include "tutti/node.h"

// presence.c: a peer was found.
void tt_presence_watch(tt_node *node, tt_time now);

// presence.c: pings whoever was silent, declares gone whoever stays so.
void tt_presence_advance(tt_node *node, tt_time now);

// timers.c: calls the timers that are due, and when the next one will be.
void tt_timers_advance(tt_node *node, tt_time now);
tt_time tt_timers_deadline(const tt_node *node);

#endif
