// The timer's time has come: whoever waited until now goes on.

#include "os/kernel/liveness.h"
#include "os/kernel/mutex.h"
#include "os/kernel/scheduler.h"
#include "os/kernel/timers.h"

void tt_kernel_tick(void)
{
    tt_lock_state lock = tt_scheduler_lock();
    tt_time now = tt_arch_now();
    for (tt_thread *thread; (thread = tt_timers_take_due(now)) != NULL;) {
        tt_wake(thread, TT_TIMED_OUT); // who only sleeps does not ask
        if (thread->wanted != NULL)    // now, or an owner that is busy would keep it from running
            tt_mutex_given_up(thread);
    }
    tt_liveness_tick(now);
    tt_timers_arm();
    tt_scheduler_unlock(lock);
}
