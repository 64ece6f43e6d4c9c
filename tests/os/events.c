// Scenarios, and the interrupt that they have things happen in.

#include <string.h>

#include "os/arch/arch.h"
#include "tests/os/events.h"

static TEST_STACK(interrupted_stack);
static tt_thread interrupted;
static char events[200];
static tt_text log_text;
static unsigned failed;

void say(const char *text)
{
    tt_console_write(text, strlen(text));
}

void say_number(const char *before, int64_t number, const char *after)
{
    char line[120];
    tt_text text;
    tt_text_init(&text, line, sizeof(line));
    tt_text_add(&text, before);
    if (number < 0)
        tt_text_add(&text, "-");
    tt_text_add_unsigned(&text, (uint64_t)(number < 0 ? -number : number));
    tt_text_add(&text, after);
    tt_console_write(text.data, text.length);
}

void begin(void)
{
    tt_text_init(&log_text, events, sizeof(events));
}

void event(const char *name)
{
    tt_text_add(&log_text, name);
}

void expect(const char *test, const char *order)
{
    bool right = strcmp(events, order) == 0;
    say(right ? "ok   " : "FAIL ");
    say(test);
    if (!right) {
        say(": ");
        say(events);
        say(", expected ");
        say(order);
        failed++;
    }
    say("\n");
}

void expect_true(const char *test, bool right)
{
    begin();
    event(right ? "yes" : "no");
    expect(test, "yes");
}

void finish(const char *image)
{
    say(image);
    say(failed == 0 ? ": all passed\n" : ": FAILED\n");
    tt_board_stop(failed == 0 ? 0 : 1);
}

void start(tt_thread *thread, void *stack, uint8_t priority, void (*entry)(void *),
           const void *argument)
{
    tt_status status = tt_thread_start(thread, "test", priority, stack, sizeof(interrupted_stack),
                                       entry, (void *)(uintptr_t)argument);
    TT_CHECK(status == TT_OK);
}

void join(tt_thread *thread)
{
    tt_status status = tt_thread_join(thread, TT_FOREVER);
    TT_CHECK(status == TT_OK);
}

void say_name(void *argument)
{
    event(argument);
}

bool interrupts_are_on(void)
{
    uintptr_t now = tt_arch_lock(), off = tt_arch_lock();
    tt_arch_unlock(now);
    return now != off;
}

void sleep_ms(int duration_ms)
{
    tt_thread_sleep(tt_now() + TT_MS(duration_ms));
}

void busy_for(tt_time duration)
{
    tt_time end = tt_now() + duration;
    while (tt_now() < end)
        ;
}

void (*volatile at_tick)(void);
void __real_tt_kernel_tick(void);
void __wrap_tt_kernel_tick(void);
void __wrap_tt_kernel_tick(void)
{
    void (*act)(void) = at_tick;
    at_tick = NULL;
    if (act != NULL)
        act();
    __real_tt_kernel_tick();
}

static void sleep_briefly(void *argument)
{
    (void)argument;
    sleep_ms(2);
}

void in_interrupt(void (*act)(void))
{
    at_tick = act;
    start(&interrupted, interrupted_stack, 31, sleep_briefly, NULL);
    while (at_tick != NULL)
        ;
    join(&interrupted);
}
