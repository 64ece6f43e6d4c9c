// The CMSDK APB watchdog (Arm DDI 0479, 4.6): counts down, raises its interrupt at zero, and at the
// next zero, if the interrupt still stands and it may, resets the machine. Clearing the interrupt
// loads it anew.

#include "os/driver/watchdog_cmsdk.h"

#define LOAD 0x000
#define CONTROL 0x008
#define INTERRUPT_CLEAR 0x00c
#define LOCK 0xc00
#define UNLOCK_CODE 0x1acce551u
#define ENABLE_INTERRUPT 1u
#define ENABLE_RESET 2u
#define REGISTER(offset) (*(volatile uint32_t *)(registers + (offset)))

static uintptr_t registers;

void tt_watchdog_cmsdk_start(uintptr_t base, uint32_t hertz, tt_time period)
{
    uint64_t ticks = (uint64_t)period / 1000 * hertz / 1000000;
    registers = base;
    REGISTER(LOCK) = UNLOCK_CODE;
    REGISTER(LOAD) = ticks < UINT32_MAX ? (uint32_t)ticks : UINT32_MAX;
    REGISTER(CONTROL) = ENABLE_INTERRUPT;
    REGISTER(LOCK) = 0; // a stray write does not stop it
}

void tt_watchdog_cmsdk_feed(void)
{
    REGISTER(LOCK) = UNLOCK_CODE;
    REGISTER(INTERRUPT_CLEAR) = 1;
    REGISTER(LOCK) = 0;
}

void tt_watchdog_cmsdk_reset_next(void)
{
    REGISTER(LOCK) = UNLOCK_CODE;
    REGISTER(INTERRUPT_CLEAR) = 1;
    REGISTER(CONTROL) = ENABLE_INTERRUPT | ENABLE_RESET;
    REGISTER(LOCK) = 0;
}
