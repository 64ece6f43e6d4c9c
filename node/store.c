// Turning a store by the loop's turns. A medium that is busy is looked at every millisecond, since
// it may have no interrupt that tells.

#include "tutti/node_store.h"

#define STEPS_MAX 64 // a turn: others wait meanwhile
#define LOOK_AGAIN TT_MS(1)

static void turn_again(tt_node *node, tt_time now, void *context)
{
    (void)node, (void)now, (void)context; // the turn itself is what was wanted
}

tt_status tt_node_turn_store(tt_node *node, tt_node_timer *timer, tt_store *store)
{
    tt_medium *medium = store->parts.medium;
    for (unsigned i = 0; i < STEPS_MAX; i++) {
        tt_status status = tt_store_step(store);
        if (status != TT_BUSY)
            return status;
        if (medium->operations->poll(medium) == TT_BUSY) {
            tt_node_after(node, timer, LOOK_AGAIN, turn_again, NULL);
            return TT_BUSY;
        }
    }
    tt_node_after(node, timer, 0, turn_again, NULL);
    return TT_BUSY;
}
