// The looks at who is alive (see tutti/liveness.h).
//
// A board's watchdog has a period of BITE_PERIODS looks and is fed at each. Once somebody hangs it
// is fed no more; it bites by an interrupt that cannot be masked, which finds the place where the
// CPU is (tt_kernel_expired). Without one the timer's interrupt itself ends the device.

#include <string.h>

#include "os/arch/arch.h"
#include "os/kernel/kept.h"
#include "os/kernel/liveness.h"
#include "os/kernel/panic.h"
#include "os/kernel/scheduler.h"
#include "os/kernel/timers.h"

#define BITE_PERIODS(period) ((period) + (period) / 2)

static tt_list supervised = {&supervised, &supervised};
static tt_time look_period, next_look = TT_FOREVER, last_look;
static bool has_watchdog;
static bool bitten; // once since the last look
static bool ending; // it has bitten, and the device goes to its end
static const tt_liveness *hanging;

void tt_liveness_add(tt_liveness *liveness)
{
    TT_CHECK(liveness->looks_max >= 2);
    tt_lock_state lock = tt_scheduler_lock();
    liveness->silent = 0;
    liveness->heard = tt_arch_now();
    tt_list_append(&supervised, &liveness->link);
    tt_arch_unlock(lock);
}

void tt_liveness_report(tt_liveness *liveness)
{
    liveness->thread = tt_kernel_current;
    liveness->reports++;
    liveness->resting = false;
}

void tt_liveness_rest(tt_liveness *liveness)
{
    liveness->resting = true;
}

void tt_liveness_start(tt_time period)
{
    static const char none[] = "board: no watchdog; the timer's interrupt stands in for it\n";
    tt_lock_state lock = tt_scheduler_lock();
    look_period = period;
    last_look = tt_arch_now();
    next_look = tt_after(last_look, period);
    has_watchdog = tt_board_watchdog_start(BITE_PERIODS(period));
    tt_timers_look_at(next_look);
    tt_scheduler_unlock(lock);
    if (!has_watchdog)
        tt_console_write(none, sizeof(none) - 1);
}

static bool is_silent(tt_liveness *l, tt_time now)
{
    if (l->resting || l->reports != l->seen) {
        l->seen = l->reports;
        l->silent = 0;
        l->heard = now;
    } else {
        l->silent++;
    }
    return l->silent >= l->looks_max;
}

void tt_liveness_tick(tt_time now)
{
    if (now < next_look)
        return;
    last_look = now;
    next_look = tt_after(now, look_period);
    tt_timers_look_at(next_look);
    bitten = false;
    tt_kept_look(now);
    for (tt_list *at = supervised.next; at != &supervised; at = at->next) {
        tt_liveness *l = TT_CONTAINER(at, tt_liveness, link);
        if (is_silent(l, now) && hanging == NULL)
            hanging = l;
        if (l->ask != NULL)
            l->ask(l->context);
    }
    if (hanging == NULL && has_watchdog)
        tt_board_watchdog_feed();
    else if (hanging != NULL && !has_watchdog)
        tt_arch_expire();
}

bool tt_kernel_bite(void)
{
    if (ending) // the end hangs, too: the interrupt stands, and the next one resets the machine
        return false;
    if (hanging != NULL || bitten) {
        ending = true;
        tt_board_watchdog_reset_next();
        return true;
    }
    bitten = true; // perhaps the whole machine stood still: only a second one without a look counts
    tt_board_watchdog_feed();
    return false;
}

// Whatever its bytes are.
static bool lives(const tt_thread *thread)
{
    for (tt_list *at = tt_threads.next; at != &tt_threads; at = at->next)
        if (TT_CONTAINER(at, tt_thread, all_link) == thread)
            return true;
    return false;
}

// A thread that was interrupted is the one that keeps others from running. Where it is the idle
// one, what matters is what the silent thread waits for, if that has not ended.
void tt_kernel_expired(const tt_place *place)
{
    tt_time now = tt_arch_now();
    if (hanging == NULL)
        tt_panic_watchdog("the timer's interrupt", now - last_look, tt_kernel_current, place);
    bool waits = tt_kernel_current->base_priority == 0 && lives(hanging->thread) &&
                 hanging->thread != tt_kernel_current;
    tt_thread *thread = waits ? hanging->thread : tt_kernel_current;
    tt_place waiting;
    if (waits)
        waiting = tt_arch_place_of(thread);
    tt_panic_watchdog(hanging->name, now - hanging->heard, thread, waits ? &waiting : place);
}
