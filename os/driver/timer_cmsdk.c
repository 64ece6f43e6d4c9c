// The clock and the alarm from two CMSDK APB timers (Arm DUI 0479, 4.1): one counts down for ever,
// one is set for the next deadline.
//
// The clock's 32 bits pass in 171 s at 25 MHz; the alarm is never set further than a quarter of
// that, from the start, so each passing is seen.
//
// The alarm's RELOAD is 0: having come to zero it stays there, so it interrupts once. Armed with a
// period it would come again, and an idle emulator that skips time skips to that second one.

#include "os/arch/arch.h"
#include "os/driver/timer_cmsdk.h"
#include "tutti/check.h"

#define CTRL 0x0
#define VALUE 0x4
#define RELOAD 0x8
#define CLEAR 0xc
#define ENABLE 1u
#define ENABLE_INTERRUPT 8u
#define REGISTER(base, offset) (*(volatile uint32_t *)((base) + (offset)))

#define ALARM_TICKS_MAX (1u << 30)

static uintptr_t clock_registers, alarm_registers;
static uint32_t nanoseconds_per_tick;
static uint64_t ticks; // up to the last reading
static uint32_t last;  // reading of the down-counter

tt_time tt_arch_now(void)
{
    uintptr_t lock = tt_arch_lock();
    uint32_t value = REGISTER(clock_registers, VALUE);
    ticks += last - value;
    last = value;
    tt_time now = (tt_time)(ticks * nanoseconds_per_tick);
    tt_arch_unlock(lock);
    return now;
}

void tt_arch_timer_set(tt_time deadline)
{
    uint64_t wait = ALARM_TICKS_MAX;
    tt_time now = tt_arch_now();
    if (deadline <= now)
        wait = 1;
    else if (deadline - now < (tt_time)ALARM_TICKS_MAX * nanoseconds_per_tick)
        wait = (uint64_t)(deadline - now) / nanoseconds_per_tick + 1; // never early
    REGISTER(alarm_registers, CTRL) = 0;
    REGISTER(alarm_registers, VALUE) = (uint32_t)wait;
    REGISTER(alarm_registers, CTRL) = ENABLE | ENABLE_INTERRUPT;
}

static void on_alarm(void *context)
{
    (void)context;
    REGISTER(alarm_registers, CLEAR) = 1;
    tt_kernel_tick();
}

void tt_timer_cmsdk_init(uintptr_t clock, uintptr_t alarm, unsigned alarm_line, uint32_t hertz)
{
    clock_registers = clock;
    alarm_registers = alarm;
    nanoseconds_per_tick = 1000000000 / hertz;
    TT_CHECK(nanoseconds_per_tick * hertz == 1000000000); // exactly, or the clock would drift
    REGISTER(clock_registers, RELOAD) = UINT32_MAX;
    REGISTER(clock_registers, VALUE) = UINT32_MAX;
    REGISTER(clock_registers, CTRL) = ENABLE;
    last = REGISTER(clock_registers, VALUE);
    REGISTER(alarm_registers, RELOAD) = 0;              // which is VALUE's too: before that is set
    tt_board_interrupts[alarm_line].handler = on_alarm; // which nobody can replace
    tt_arch_interrupt_enable(alarm_line);
    tt_arch_timer_set(TT_FOREVER);
}
