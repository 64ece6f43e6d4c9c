// A machine of plain variables for the kernel's own files: its clock stands until a test moves it,
// and its end comes back to the test. To be included once in a program.

#ifndef TUTTI_TESTS_OS_PLAIN_MACHINE_H
#define TUTTI_TESTS_OS_PLAIN_MACHINE_H

#include <setjmp.h>

#include "os/kernel/kept.h"
#include "os/kernel/liveness.h"
#include "os/kernel/panic.h"
#include "os/kernel/scheduler.h"
#include "os/kernel/timers.h"
#include "tests/test.h"

tt_thread *tt_kernel_current, *tt_kernel_next;
tt_list tt_threads = {&tt_threads, &tt_threads};

static tt_time now_ns;
static unsigned locked;
static void (*on_unlock)(void); // something comes between
static tt_time timer_at;
static bool machine_has_watchdog;
static tt_time watchdog_period;
static unsigned feeds, reset_nexts, expirations;
static char console[16384];
static size_t console_bytes;
static unsigned console_takes = 32; // bytes at a time
static unsigned puts_asked;
static const tt_place *console_faults; // the fourth piece that it gets faults, there
static int end_code;
static jmp_buf end_of_device;
static uint8_t image[24];
static size_t image_bytes = 20;
static const tt_place *image_faults; // reading it faults, there
static tt_place waiting_place;
static const tt_thread *waiting_thread;

static _Noreturn void end(int code)
{
    end_code = code;
    longjmp(end_of_device, 1);
}

uintptr_t tt_arch_lock(void)
{
    return locked++;
}

void tt_arch_unlock(uintptr_t state)
{
    locked = (unsigned)state;
    if (on_unlock != NULL && locked == 0)
        on_unlock();
}

void tt_arch_switch(void)
{
}

tt_time tt_arch_now(void)
{
    return now_ns;
}

void tt_timers_look_at(tt_time when)
{
    timer_at = when;
}

void tt_arch_expire(void)
{
    expirations++;
    end(-1);
}

tt_place tt_arch_place_of(const tt_thread *thread)
{
    waiting_thread = thread;
    return waiting_place;
}

void tt_arch_check_failed(void)
{
    end(-2);
}

bool tt_board_watchdog_start(tt_time period)
{
    watchdog_period = period;
    return machine_has_watchdog;
}

void tt_board_watchdog_feed(void)
{
    feeds++;
}

void tt_board_watchdog_reset_next(void)
{
    reset_nexts++;
}

const uint8_t *tt_board_image(size_t *length)
{
    const tt_place *place = image_faults;
    image_faults = NULL;
    if (place != NULL)
        tt_kernel_fault("second", 2, place);
    *length = image_bytes;
    return image;
}

size_t tt_board_console_put(const uint8_t *bytes, size_t length)
{
    if (++puts_asked == 4 && console_faults != NULL)
        tt_kernel_fault("second", 2, console_faults);
    size_t taken = length < console_takes ? length : console_takes;
    memcpy(console + console_bytes, bytes, taken);
    console_bytes += taken;
    console[console_bytes] = '\0';
    return taken;
}

void tt_board_reset(void)
{
    end(-3);
}

void tt_kernel_end(int code)
{
    end(code);
}

static void clear_console(void)
{
    console_bytes = 0;
    console[0] = '\0';
    puts_asked = 0;
}

// What the log holds, as text.
static const char *read_log(void)
{
    static char text[TT_LOG_BYTES + 1];
    uint64_t version = 0;
    text[tt_kept_read_log(0, text, TT_LOG_BYTES, &version)] = '\0';
    return text;
}

#endif
