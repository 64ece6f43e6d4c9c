// The clock and the alarm from one counter, SysTick (ARMv7-M, B3.3): 24 bits down, an interrupt and
// the next period at the end.
//
// The clock is the sum of the periods that have passed and of what has passed of this one. A period
// is as long as it can be, unless a deadline comes first: then the counter begins anew, with the
// time until that. Only what follows a short period is long again by itself, as soon as the short
// one has begun: so no more than one end can have been missed within the longest period, 0.8 s at
// 21 MHz, which is how long interrupts may be off before time is lost.
//
// Beginning anew costs between one and three ticks that nothing counts; two are added each time. So
// the counter is left alone where it can be: an alarm may come too soon and look again. (QEMU takes
// 10 us for it, unless its time is that of its instructions.)

#include "os/arch/arch.h"
#include "os/driver/registers.h"
#include "os/driver/timer_systick.h"
#include "tutti/check.h"

#define CONTROL 0xe000e010u
#define RELOAD 0xe000e014u
#define VALUE 0xe000e018u
#define ENABLE 1u
#define ENABLE_INTERRUPT 2u
#define HAS_ENDED (1u << 16) // since it was read last; reading clears it

#define RELOAD_MAX 0xffffffu
#define RELOAD_LEAST 255u // 12 us at 21 MHz: below 10 QEMU's counter goes more slowly
#define BEGIN_TICKS 2

static uint32_t whole_ns, rest_of_ns, megahertz; // of a tick: whole_ns + rest_of_ns / megahertz
static uint32_t reload;                          // of this period
static tt_time began;                            // when this period began ...
static uint32_t began_rest;                      // ... and so many megahertz-ths of a nanosecond
static tt_time alarm = TT_FOREVER;

// Never 0, where the counter waits for one tick to begin the next period.
static uint32_t read_value(void)
{
    uint32_t value;
    while ((value = tt_register_get(VALUE)) == 0)
        ;
    return value;
}

static void pass(uint32_t ticks)
{
    uint32_t rest = began_rest + ticks * rest_of_ns; // below 2^24 * 255
    began += (tt_time)ticks * whole_ns + rest / megahertz;
    began_rest = rest % megahertz;
}

// Locked. Returns the counter's value in this period, one that has ended being summed up.
static uint32_t look(void)
{
    uint32_t value = read_value();
    if (tt_register_get(CONTROL) & HAS_ENDED) {
        value = read_value(); // of the period that follows
        pass(reload + 1);
        reload = RELOAD_MAX;
    }
    return value;
}

static tt_time time_at(uint32_t value)
{
    uint32_t ticks = reload - value;
    return began + (tt_time)ticks * whole_ns + (began_rest + ticks * rest_of_ns) / megahertz;
}

tt_time tt_arch_now(void)
{
    uintptr_t lock = tt_arch_lock();
    tt_time now = time_at(look());
    tt_arch_unlock(lock);
    return now;
}

// The counter begins anew, to end after `ticks`. Returns where it was.
static uint32_t restart(uint32_t ticks)
{
    tt_register_set(RELOAD, ticks);
    uint32_t value = tt_register_get(VALUE);
    tt_register_set(VALUE, 0); // whatever is written; forgets that a period has ended
    read_value();              // it has begun
    tt_register_set(RELOAD, RELOAD_MAX);
    return value;
}

// Locked, with the counter at `value` a moment ago.
static void begin(uint32_t value, uint32_t ticks)
{
    uint32_t left = restart(ticks);
    bool ended = left == 0 || left > value;
    pass((ended ? reload + 1 : reload - left) + BEGIN_TICKS);
    reload = ticks;
    while (tt_register_get(CONTROL) & HAS_ENDED) // an emulator stood still: which period follows?
        restart(ticks);
}

// Locked.
static void arm(void)
{
    uint32_t value = look();
    tt_time left = alarm - time_at(value); // the alarm is no earlier than 0
    uint32_t ticks = RELOAD_LEAST;
    if (left >= (tt_time)RELOAD_MAX * whole_ns)
        ticks = RELOAD_MAX;
    else if (left > (tt_time)RELOAD_LEAST * (whole_ns + 1))
        ticks = (uint32_t)((uint64_t)left * megahertz / 1000) + 1; // never early
    if (value > ticks)
        begin(value, ticks);
}

void tt_arch_timer_set(tt_time deadline)
{
    uintptr_t lock = tt_arch_lock();
    alarm = deadline > 0 ? deadline : 0;
    arm();
    tt_arch_unlock(lock);
}

void tt_timer_systick_interrupt(void)
{
    uintptr_t lock = tt_arch_lock();
    bool due = time_at(look()) >= alarm;
    if (!due)
        arm();
    tt_arch_unlock(lock);
    if (due)
        tt_kernel_tick(); // which sets the alarm anew
}

void tt_timer_systick_init(uint32_t hertz)
{
    megahertz = hertz / 1000000;
    TT_CHECK(megahertz * 1000000 == hertz && megahertz > 0 && megahertz < 256);
    whole_ns = 1000 / megahertz;
    rest_of_ns = 1000 % megahertz;
    reload = RELOAD_MAX;
    tt_register_set(RELOAD, reload);
    tt_register_set(VALUE, 0);
    tt_register_set(CONTROL, ENABLE | ENABLE_INTERRUPT);
    read_value();
}
