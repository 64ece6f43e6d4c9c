// A counter of the board beside the kernel's clock, for long_clock.c: other_clock_BOARD.c.

#ifndef TUTTI_TESTS_OS_OTHER_CLOCK_H
#define TUTTI_TESTS_OS_OTHER_CLOCK_H

#include <stdbool.h>

#include "tutti/time.h"

typedef struct other_clock_plan {
    tt_time idle, busy, sleep; // while nobody waits, while somebody often does, through one sleep
    tt_time tolerance;         // after each of them
    bool lets_sleep;           // whether the CPU may sleep meanwhile
} other_clock_plan;

extern const other_clock_plan other_clock;

void other_clock_start(void);
tt_time other_clock_now(void); // since its start

#endif
