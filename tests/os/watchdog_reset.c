// A device whose end itself hangs: the board's watchdog resets it, and the record is still there.

#include <string.h>

#include "tutti/board.h"
#include "tutti/check.h"
#include "tutti/kept.h"
#include "tutti/kernel.h"
#include "tutti/liveness.h"

void tt_kernel_end(int code)
{
    (void)code;
    for (;;)
        ;
}

static void say(const char *text)
{
    tt_console_write_unlogged(text, strlen(text));
}

void tt_main(void)
{
    static const char reason[] = "check failed: tests/os/watchdog_reset.c:";
    const tt_crash *crash = tt_kept_crash();
    if (tt_kept_restarts() == 0) {
        tt_liveness_start(TT_MS(100));
        TT_CHECK(crash != NULL);
    }
    bool right = crash != NULL && strncmp(crash->reason, reason, strlen(reason)) == 0;
    say(right ? "watchdog: the reset came, and the record is there\n" : "watchdog: no record\n");
    tt_board_stop(right ? 0 : 1);
}
