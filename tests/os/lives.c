// Lives that end and what the next one knows of them, on the machine itself: each start of this
// image is a chapter. What a reset does not keep counts nothing, so the chapter is the number of
// resets.

#include <string.h>

#include "os/arch/arch.h"
#include "tutti/board.h"
#include "tutti/check.h"
#include "tutti/kept.h"
#include "tutti/kernel.h"
#include "tutti/liveness.h"

static void expect(bool holds, const char *what)
{
    if (holds)
        return;
    tt_console_write_unlogged("lives: not so: ", 15);
    tt_console_write_unlogged(what, strlen(what));
    tt_console_write_unlogged("\n", 1);
    tt_board_stop(1); // the next life would not know of it
}
#define EXPECT(condition) expect(condition, #condition)

static unsigned log_lines(void)
{
    static char text[TT_LOG_BYTES];
    uint64_t version;
    size_t length = tt_kept_read_log(0, text, sizeof(text), &version);
    unsigned lines = 0;
    for (size_t i = 0; i < length; i++)
        lines += text[i] == '\n';
    return lines;
}

// The end of a life that the kernel ends.
void tt_kernel_end(int code)
{
    (void)code;
    tt_board_reset();
}

static volatile int zero;

__attribute__((noinline)) static void check_fails(void)
{
    TT_CHECK(zero == 1);
}

// A life long enough: only where time is virtual and passes at once.
static void live_long(void)
{
    tt_liveness_start(TT_LIVENESS_PERIOD);
    tt_thread_sleep(tt_after(tt_now(), TT_LIFE_SHORT + 2 * TT_LIVENESS_PERIOD));
}

static bool time_is_virtual(void)
{
    return strcmp(tt_board_name, "linux") != 0 && strcmp(tt_board_name, "qemu-riscv64-virt") != 0;
}

void tt_main(void)
{
    const tt_crash *crash = tt_kept_crash();
    tt_console_write("a line\n", 7);
    switch (tt_kept_restarts()) {
    case 0:
        EXPECT(crash == NULL && log_lines() == 1);
        tt_kept_set_boot(7);
        check_fails();
        break;
    case 1:
        EXPECT(crash != NULL && strncmp(crash->reason, "check failed: tests/os/lives.c:", 31) == 0);
        EXPECT(crash != NULL && crash->boot == 7 && crash->restarts == 0 && crash->followed == 0);
        EXPECT(log_lines() == 4); // two lines of the dump among them
        tt_board_reset();
    case 2:
        EXPECT(crash != NULL && crash->followed == 0);
        EXPECT(!tt_kept_is_safe_mode());
        check_fails();
        break;
    case 3: // three short lives
        EXPECT(crash != NULL && crash->restarts == 0 && crash->followed == 1);
        EXPECT(tt_kept_is_safe_mode());
        tt_board_reset();
    case 4:
        EXPECT(tt_kept_is_safe_mode());
        tt_kept_clear_crash();
        tt_kept_restart();
    case 5:
        EXPECT(crash == NULL && !tt_kept_is_safe_mode());
        tt_board_reset();
    case 6:
        tt_board_reset();
    case 7: // a long life after two short ones: the next two short ones lead nowhere
        EXPECT(!tt_kept_is_safe_mode());
        if (time_is_virtual())
            live_long();
        else
            tt_kept_restart();
        tt_board_reset();
    case 8:
    case 9:
        EXPECT(!tt_kept_is_safe_mode());
        tt_board_reset();
    case 10: // the third short life, but for a reason that is not its own
        EXPECT(!tt_kept_is_safe_mode());
        tt_kept_excuse();
        tt_board_reset();
    default:
        EXPECT(!tt_kept_is_safe_mode());
    }
    tt_console_write_unlogged("lives: all as told\n", 19);
    tt_board_stop(0);
}
