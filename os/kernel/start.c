// The start: the idle thread and the first one; and what the kernel passes on from the CPU.

#include "os/kernel/kept.h"
#include "os/kernel/scheduler.h"
#include "os/kernel/timers.h"

static tt_thread idle_thread, first_thread;
static TT_STACK(idle_stack, TT_IDLE_STACK_BYTES);
static TT_STACK(first_stack, TT_FIRST_STACK_BYTES);

static volatile uint32_t wakeups;

uint32_t tt_kernel_wakeups(void)
{
    return wakeups;
}

static void idle(void *argument)
{
    (void)argument;
    for (;;) {
        tt_lock_state lock = tt_scheduler_lock();
        tt_arch_idle();
        wakeups++;
        tt_scheduler_unlock(lock);
    }
}

void tt_kernel_start(void (*entry)(void *argument), uint8_t priority)
{
    TT_CHECK(tt_kernel_current == NULL); // once
    tt_kept_begin();
    tt_timers_init();
    tt_scheduler_init();
    tt_status idles =
        tt_thread_begin(&idle_thread, "idle", 0, idle_stack, sizeof(idle_stack), idle, NULL);
    tt_status runs = tt_thread_start(&first_thread, "main", priority, first_stack,
                                     sizeof(first_stack), entry, NULL);
    TT_CHECK(idles == TT_OK && runs == TT_OK);
    tt_arch_start();
}

tt_time tt_now(void)
{
    return tt_arch_now();
}

bool tt_in_interrupt(void)
{
    return tt_arch_in_interrupt();
}
