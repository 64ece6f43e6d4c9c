// A store on a node's loop: who turns it, and when.

#ifndef TUTTI_NODE_STORE_H
#define TUTTI_NODE_STORE_H

#include "tutti/language.h"
#include "tutti/node.h"
#include "tutti/store.h"

TT_C_BEGIN

// Goes on with what the store has under way, as far as its medium is not busy, for a bounded number
// of steps. Called at each turn of the loop, last (`on_turn`): what handlers began is begun at once
// then, and what became durable is answered. Where more is to do `timer`, which is all zero before
// its first use, sets the next turn; whoever owns the medium lets its `ready` wake the platform,
// too. TT_OK, TT_BUSY, TT_EMPTY, TT_IO as tt_store_step.
tt_status tt_node_turn_store(tt_node *node, tt_node_timer *timer, tt_store *store);

TT_C_END

#endif
