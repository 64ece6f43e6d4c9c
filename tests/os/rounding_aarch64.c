// Rounding on this CPU.

#include <stdint.h>

#include "tests/os/events.h"

void round_to_zero(void)
{
    uint64_t control;
    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    __asm__ volatile("msr fpcr, %0" ::"r"(control | 3u << 22));
}
