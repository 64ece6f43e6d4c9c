// Rounding on this CPU.

#include <stdint.h>

#include "tests/os/events.h"

void round_to_zero(void)
{
    uint32_t control;
    __asm__ volatile("vmrs %0, fpscr" : "=r"(control));
    __asm__ volatile("vmsr fpscr, %0" ::"r"(control | 3u << 22));
}
