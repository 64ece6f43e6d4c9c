// A dump on a console that takes nothing any more: it ends all the same, in time, and the record
// has the reason.

#include <string.h>

#include "os/arch/arch.h"
#include "tutti/board.h"
#include "tutti/check.h"
#include "tutti/kept.h"
#include "tutti/kernel.h"

#define LATEST TT_SECONDS(5) // the Cortex-M4 waits longest for its console

static volatile bool deaf;
static tt_time broken_at;

size_t __real_tt_board_console_put(const uint8_t *bytes, size_t length);
size_t __wrap_tt_board_console_put(const uint8_t *bytes, size_t length);
size_t __wrap_tt_board_console_put(const uint8_t *bytes, size_t length)
{
    return deaf ? 0 : __real_tt_board_console_put(bytes, length);
}

static void say(const char *text)
{
    tt_console_write_unlogged(text, strlen(text));
}

void tt_kernel_end(int code)
{
    static const char reason[] = "check failed: tests/os/deaf_console.c:";
    const tt_crash *crash = tt_kept_crash();
    bool recorded = crash != NULL && strncmp(crash->reason, reason, strlen(reason)) == 0;
    deaf = false;
    say(tt_now() - broken_at < LATEST ? "deaf console: in time\n" : "deaf console: late\n");
    say(recorded ? "deaf console: recorded\n" : "deaf console: no record\n");
    tt_board_stop(code);
}

void tt_main(void)
{
    broken_at = tt_now();
    deaf = true;
    TT_CHECK(!deaf);
}
