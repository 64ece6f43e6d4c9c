// An interrupt handler recurses for ever: it must fault before the bytes below its stack change.
// The linker puts our tick in front of the kernel's.

#include "tests/os/recurse.h"

void __wrap_tt_kernel_tick(void);

static volatile unsigned result;

void __wrap_tt_kernel_tick(void)
{
    result = recurse(0);
}

void tt_main(void)
{
    tt_thread_sleep(tt_now() + TT_MS(5));
    tt_board_stop(0);
}
