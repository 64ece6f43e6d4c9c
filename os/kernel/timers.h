// The threads that wait with a deadline, in order of it. All locked.

#ifndef TUTTI_OS_KERNEL_TIMERS_H
#define TUTTI_OS_KERNEL_TIMERS_H

#include "tutti/kernel.h"

extern tt_list tt_timers; // by `timer_link`; for timers.c, and for the test of the invariants

void tt_timers_init(void); // once, before any thread
void tt_timer_start(tt_thread *thread, tt_time deadline);

// Takes out a thread that has a timer, and sets the CPU's timer for whoever is first now.
void tt_timer_remove(tt_thread *thread);

// Takes out the first thread whose deadline is not after `now`; NULL where there is none. The
// caller, once it has them all, calls tt_timers_arm.
tt_thread *tt_timers_take_due(tt_time now);
void tt_timers_arm(void);

// When there is an interrupt besides, whoever waits; TT_FOREVER: none. For the looks of liveness.c.
void tt_timers_look_at(tt_time when);

static inline void tt_timer_stop(tt_thread *thread)
{
    if (!tt_list_empty(&thread->timer_link))
        tt_timer_remove(thread);
}

#endif
