// The kernel's clock over hours, beside another counter of the board: while nobody waits for a
// time, while somebody waits for one each millisecond, and through a long sleep. The AN386's clock
// passes its 32 bits every 171 s, SysTick its 24 every 0.8 s. The emulator skips idle time.

#include <string.h>

#include "tests/os/other_clock.h"
#include "tutti/check.h"
#include "tutti/kernel.h"

static tt_time others_began, began;

static void compare(void)
{
    tt_time other = other_clock_now() - others_began, ours = tt_now() - began;
    TT_CHECK(ours - other < other_clock.tolerance && other - ours < other_clock.tolerance);
}

static void keep_busy(void *argument)
{
    (void)argument;
    for (;;)
        if (other_clock.lets_sleep)
            tt_thread_sleep(TT_FOREVER);
}

void tt_main(void)
{
    static const char right[] = "long clock: right\n";
    static TT_STACK(stack, 1024);
    static tt_thread busy;
    TT_CHECK(tt_thread_start(&busy, "busy", 1, stack, sizeof(stack), keep_busy, NULL) == TT_OK);
    other_clock_start();
    others_began = other_clock_now();
    began = tt_now();
    while (other_clock_now() - others_began < other_clock.idle)
        if (other_clock.lets_sleep)
            __asm__ volatile("wfi");
    compare();
    for (tt_time next = tt_now(), end = next + other_clock.busy; next < end; next += TT_MS(1))
        tt_thread_sleep(next);
    compare();
    tt_thread_sleep(tt_now() + other_clock.sleep);
    compare();
    tt_console_write(right, strlen(right));
    tt_board_stop(0);
}
