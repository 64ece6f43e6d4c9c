// Deadlines, the soonest first. The CPU's one timer is set for the first of them and for no other
// time: a device whose threads all wait sleeps until something happens.

#include "os/arch/arch.h"
#include "os/kernel/timers.h"
#include "tutti/check.h"

tt_list tt_timers;
static tt_time look = TT_FOREVER;

static tt_thread *thread_of(tt_list *timer)
{
    return TT_CONTAINER(timer, tt_thread, timer_link);
}

void tt_timers_arm(void)
{
    tt_time first = tt_list_empty(&tt_timers) ? TT_FOREVER : thread_of(tt_timers.next)->deadline;
    tt_arch_timer_set(tt_earlier(first, look));
}

void tt_timers_look_at(tt_time when)
{
    look = when;
    tt_timers_arm();
}

void tt_timer_start(tt_thread *thread, tt_time deadline)
{
    tt_list *place = tt_timers.next;
    thread->deadline = deadline;
    while (place != &tt_timers && thread_of(place)->deadline <= deadline)
        place = place->next;
    tt_list_insert_before(place, &thread->timer_link);
    if (tt_timers.next == &thread->timer_link)
        tt_timers_arm();
}

void tt_timer_remove(tt_thread *thread)
{
    bool first = tt_timers.next == &thread->timer_link;
    tt_list_remove(&thread->timer_link);
    if (first)
        tt_timers_arm();
}

tt_thread *tt_timers_take_due(tt_time now)
{
    if (tt_list_empty(&tt_timers) || thread_of(tt_timers.next)->deadline > now)
        return NULL;
    tt_thread *thread = thread_of(tt_timers.next);
    tt_list_remove(&thread->timer_link);
    return thread;
}

void tt_timers_init(void)
{
    tt_list_init(&tt_timers);
}
