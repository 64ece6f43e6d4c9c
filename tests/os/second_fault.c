// A check that fails where the kernel's own records are damaged: to write the name of the thread is
// a fault in the middle of the dump. The device ends at once; the record keeps what it has.

#include <string.h>

#include "os/kernel/scheduler.h"
#include "tutti/board.h"
#include "tutti/check.h"
#include "tutti/kept.h"
#include "tutti/kernel.h"

static volatile int limit = 3;

void tt_kernel_end(int code)
{
    const tt_crash *crash = tt_kept_crash();
    bool recorded = crash != NULL && strncmp(crash->reason, "check failed: ", 14) == 0;
    static const char told[] = "second fault: recorded\n", lost[] = "second fault: no record\n";
    if (recorded)
        tt_console_write_unlogged(told, sizeof(told) - 1);
    else
        tt_console_write_unlogged(lost, sizeof(lost) - 1);
    tt_board_stop(code);
}

void tt_main(void)
{
    tt_kernel_current->name = (const char *)(uintptr_t)0x5a5a5a5a;
    TT_CHECK(limit > 3);
}
