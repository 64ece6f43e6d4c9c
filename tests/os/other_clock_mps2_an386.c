// The FPGA's counter of hundredths of a second (Arm DAI 0386, FPGA system control).

#include <stdint.h>

#include "tests/os/other_clock.h"

const other_clock_plan other_clock = {.idle = TT_SECONDS(1000),
                                      .busy = TT_SECONDS(20),
                                      .sleep = TT_SECONDS(10000),
                                      .tolerance = TT_MS(20),
                                      .lets_sleep = true};

void other_clock_start(void)
{
}

tt_time other_clock_now(void)
{
    return TT_MS(10) * *(volatile uint32_t *)0x40028014;
}
