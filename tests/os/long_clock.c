// The clock of the AN386 over hours, its 32 bits passing every 171 s, beside another counter of the
// board: while nobody waits for a time, and through a long sleep. The emulator skips idle time.

#include <string.h>

#include "tutti/check.h"
#include "tutti/kernel.h"

#define HUNDREDTHS                                                                                 \
    (*(volatile uint32_t *)0x40028014) // since start (Arm DAI 0386, FPGA system control)
#define IDLE_SECONDS 1000
#define SLEEP_SECONDS 10000

static void compare(uint32_t began_hundredths, tt_time began)
{
    tt_time other = TT_MS(10) * (HUNDREDTHS - began_hundredths), ours = tt_now() - began;
    TT_CHECK(ours > other - TT_MS(20) && ours < other + TT_MS(20));
}

void tt_main(void)
{
    static const char right[] = "long clock: right\n";
    uint32_t began_hundredths = HUNDREDTHS;
    tt_time began = tt_now();
    while (HUNDREDTHS - began_hundredths < 100 * IDLE_SECONDS)
        __asm__ volatile("wfi");
    compare(began_hundredths, began);
    tt_thread_sleep(began + TT_SECONDS(SLEEP_SECONDS));
    compare(began_hundredths, began);
    tt_console_write(right, strlen(right));
    tt_board_stop(0);
}
