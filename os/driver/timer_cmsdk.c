// The clock and the alarm from two CMSDK APB timers (Arm DUI 0479, 4.1): one counts down for ever,
// one is set for the next deadline.
//
// The clock's 32 bits pass in 171 s at 25 MHz; the alarm is never set further than a quarter of
// that, so each passing is seen.

#include "os/arch/arch.h"
#include "os/board/mps2_an386/board.h"
#include "os/driver/timer_cmsdk.h"

#define CTRL 0x0
#define VALUE 0x4
#define RELOAD 0x8
#define CLEAR 0xc
#define ENABLE 1u
#define ENABLE_INTERRUPT 8u
#define REGISTER(base, offset) (*(volatile uint32_t *)((base) + (offset)))

#define NANOSECONDS_PER_TICK (1000000000 / TT_BOARD_CLOCK_HZ)
#define ALARM_TICKS_MAX (1u << 30)

static uint64_t ticks; // up to the last reading
static uint32_t last;  // reading of the down-counter

tt_time tt_arch_now(void)
{
    uintptr_t lock = tt_arch_lock();
    uint32_t value = REGISTER(TT_BOARD_TIMER_CLOCK, VALUE);
    ticks += last - value;
    last = value;
    tt_time now = (tt_time)(ticks * NANOSECONDS_PER_TICK);
    tt_arch_unlock(lock);
    return now;
}

void tt_arch_timer_set(tt_time deadline)
{
    uint64_t wait = ALARM_TICKS_MAX;
    tt_time now = tt_arch_now();
    if (deadline <= now)
        wait = 1;
    else if (deadline - now < (tt_time)ALARM_TICKS_MAX * NANOSECONDS_PER_TICK)
        wait = (uint64_t)(deadline - now) / NANOSECONDS_PER_TICK + 1; // never early
    REGISTER(TT_BOARD_TIMER_ALARM, CTRL) = 0;
    REGISTER(TT_BOARD_TIMER_ALARM, RELOAD) = (uint32_t)wait;
    REGISTER(TT_BOARD_TIMER_ALARM, VALUE) = (uint32_t)wait;
    REGISTER(TT_BOARD_TIMER_ALARM, CTRL) = ENABLE | ENABLE_INTERRUPT;
}

static void alarm(void *context)
{
    (void)context;
    REGISTER(TT_BOARD_TIMER_ALARM, CTRL) = 0;
    REGISTER(TT_BOARD_TIMER_ALARM, CLEAR) = 1;
    tt_kernel_tick();
}

void tt_timer_cmsdk_init(void)
{
    REGISTER(TT_BOARD_TIMER_CLOCK, RELOAD) = UINT32_MAX;
    REGISTER(TT_BOARD_TIMER_CLOCK, VALUE) = UINT32_MAX;
    REGISTER(TT_BOARD_TIMER_CLOCK, CTRL) = ENABLE;
    last = REGISTER(TT_BOARD_TIMER_CLOCK, VALUE);
    tt_interrupt_attach(TT_BOARD_TIMER_ALARM_LINE, alarm, NULL);
}
