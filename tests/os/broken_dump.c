// A dump that meets what broke the device (BREAK): a console that takes nothing any more, or a
// thread whose name is nowhere, which is a second fault. It ends all the same, in time, and the
// record has the reason.

#include <string.h>

#include "os/arch/arch.h"
#include "tutti/board.h"
#include "tutti/check.h"
#include "tutti/kept.h"
#include "tutti/kernel.h"

#define LATEST TT_SECONDS(5) // the Cortex-M4 waits longest for its console

enum what { console, name };

static volatile bool deaf;
static tt_time broken_at;
static tt_thread thread;

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
    static const char reason[] = "check failed: tests/os/broken_dump.c:";
    const tt_crash *crash = tt_kept_crash();
    deaf = false;
    if (code != (BREAK == name ? 71 : 70))
        say("broken dump: another end\n");
    if (tt_now() - broken_at > LATEST)
        say("broken dump: late\n");
    say(crash != NULL && strncmp(crash->reason, reason, strlen(reason)) == 0
            ? "broken dump: recorded\n"
            : "broken dump: lost\n");
    tt_board_stop(code);
}

static void run(void *argument)
{
    broken_at = tt_now();
    if (BREAK == name)
        thread.name = (const char *)(uintptr_t)0x5a5a5a58;
    deaf = BREAK == console;
    TT_CHECK(argument != NULL);
}

void tt_main(void)
{
    static TT_STACK(stack, 2 * TT_IDLE_STACK_BYTES);
    TT_CHECK(tt_thread_start(&thread, "worker", 20, stack, sizeof(stack), run, NULL) == TT_OK);
    tt_thread_join(&thread, TT_FOREVER);
    tt_board_stop(0);
}
