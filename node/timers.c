// Timers of the loop: a list in the order of their times, each in its owner's storage.
//
// One turn calls those that were due when it began: a callback that sets its timer again, however
// soon, is called in a later turn, so timers cannot keep the loop from the network.

#include "node/internal.h"
#include "tutti/check.h"

bool tt_node_timer_is_set(const tt_node_timer *timer)
{
    return timer->link.next != NULL && timer->link.next != &timer->link;
}

void tt_node_cancel(tt_node_timer *timer)
{
    if (tt_node_timer_is_set(timer))
        tt_list_remove(&timer->link);
}

void tt_node_after(tt_node *node, tt_node_timer *timer, tt_time delay,
                   void (*callback)(tt_node *node, tt_time now, void *context), void *context)
{
    TT_CHECK(callback != NULL);
    tt_node_cancel(timer);
    timer->at = tt_after(node->platform->operations->now(node->platform), delay > 0 ? delay : 0);
    timer->callback = callback;
    timer->context = context;
    tt_list *place = node->timers.next;
    while (place != &node->timers && TT_CONTAINER(place, tt_node_timer, link)->at <= timer->at)
        place = place->next;
    tt_list_insert_before(place, &timer->link);
}

tt_time tt_timers_deadline(const tt_node *node)
{
    return tt_list_empty(&node->timers) ? TT_FOREVER
                                        : TT_CONTAINER(node->timers.next, tt_node_timer, link)->at;
}

void tt_timers_advance(tt_node *node, tt_time now)
{
    tt_list due; // a callback may cancel or set any of them meanwhile
    tt_list_init(&due);
    while (!tt_list_empty(&node->timers) && tt_timers_deadline(node) <= now) {
        tt_list *first = node->timers.next;
        tt_list_remove(first);
        tt_list_append(&due, first);
    }
    while (!tt_list_empty(&due)) {
        tt_node_timer *timer = TT_CONTAINER(due.next, tt_node_timer, link);
        tt_list_remove(&timer->link);
        timer->callback(node, now, timer->context);
    }
}
