// The console: what is written goes to the board's device and, with number and time, into the log
// that a reset keeps.

#include "os/kernel/kept.h"
#include "os/kernel/scheduler.h"

static void (*line_written)(void *context);
static void *line_context;

void tt_kept_on_line(void (*written)(void *context), void *context)
{
    tt_lock_state lock = tt_scheduler_lock();
    line_written = written;
    line_context = context;
    tt_arch_unlock(lock);
}

void tt_console_write(const void *bytes, size_t length)
{
    uint64_t now_ms = tt_kept_uptime_ms();
    tt_lock_state lock = tt_scheduler_lock();
    bool ended = tt_kept_has_begun() && tt_log_write(&tt_kept_memory.log, now_ms, bytes, length);
    tt_arch_unlock(lock);
    tt_board_console_write(bytes, length);
    if (ended && line_written != NULL)
        line_written(line_context);
}
