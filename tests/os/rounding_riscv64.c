// Rounding on this CPU.

#include "tests/os/events.h"

void round_to_zero(void)
{
    __asm__ volatile("fsrmi 1");
}
