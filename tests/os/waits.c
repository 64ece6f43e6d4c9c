// Every wait ends at its time: never before, and not long after, whether the device is idle or its
// threads switch all the time and interrupts come. Under -icount the clock counts instructions, so
// there the bound holds to the microsecond; on Linux the host decides, and only a wait that takes
// about twice its time is a fault.

#include <string.h>

#include "tests/os/events.h"
#include "tutti/board.h"
#include "tutti/kept.h"

#define LATE_MAX TT_US(100)
#define LATE_MAX_LONGEST_LINE TT_US(125)
#define CLOCK_WRAPS ((tt_time)(1ull << 32) * 40) // of the AN386's clock, from its start

static TEST_STACK(stack_a);
static TEST_STACK(stack_b);
static TEST_STACK(stack_c);
static tt_thread a, b, c;
static tt_semaphore never, pulse;
static tt_mutex mutex;
static volatile bool stop;
static bool emulated;
static tt_time most = LATE_MAX; // that a wait may be late here, where the clock counts instructions
static tt_time latest;          // of this stretch of waits
static unsigned early, late;

static tt_time late_max(tt_time wait)
{
    if (emulated)
        return most;
    return wait >= TT_MS(100) ? wait / 2 + TT_MS(400) : TT_FOREVER;
}

static void look(tt_time wait, tt_time deadline)
{
    tt_time lateness = tt_now() - deadline;
    if (lateness < 0)
        early++;
    if (lateness > late_max(wait)) {
        late++;
        say_number("late by ns ", lateness, "");
        say_number(", a wait of ns ", wait, "\n");
    }
    if (lateness > latest)
        latest = lateness;
}

// A wait by each call that has a deadline.
static void wait_each(tt_time wait)
{
    tt_time deadline = tt_now() + wait;
    tt_thread_sleep(deadline);
    look(wait, deadline);
    deadline = tt_now() + wait;
    TT_CHECK(tt_semaphore_take(&never, deadline) == TT_TIMED_OUT);
    look(wait, deadline);
    deadline = tt_now() + wait;
    TT_CHECK(tt_mutex_lock(&mutex, deadline) == TT_TIMED_OUT);
    look(wait, deadline);
}

static void report(const char *test)
{
    begin();
    event(early > 0 ? "early " : "");
    event(late > 0 ? "late " : "");
    expect(test, "");
    say_number("     latest: ", latest, " ns\n");
    latest = 0;
    early = late = 0;
}

static const tt_time short_waits[] = {1,          40,        TT_US(1),    TT_US(2),  TT_US(3),
                                      TT_US(5),   TT_US(10), TT_US(17),   TT_US(40), TT_US(100),
                                      TT_US(333), TT_MS(1),  TT_US(3777), TT_MS(10)};
static const tt_time long_waits[] = {TT_MS(100), TT_MS(300)};
// Around the furthest that the alarm of the AN386 is set, and around its clock's 32 bits.
static const tt_time emulated_waits[] = {
    TT_SECONDS(1),   TT_SECONDS(3),   TT_MS(42949),    TT_US(42949673), TT_MS(42950),
    TT_SECONDS(43),  TT_SECONDS(60),  TT_SECONDS(86),  TT_MS(171798),   TT_MS(171799),
    TT_SECONDS(172), TT_SECONDS(300), TT_SECONDS(3600)};

static void wait_all(const tt_time *waits, size_t count)
{
    for (size_t i = 0; i < count; i++)
        wait_each(waits[i]);
}

static void test_idle(void)
{
    wait_all(short_waits, TT_COUNT(short_waits));
    wait_all(long_waits, TT_COUNT(long_waits));
    report("idle, waits are right");
    if (!emulated)
        return;
    wait_all(emulated_waits, TT_COUNT(emulated_waits));
    report("idle, waits of minutes are right");
    for (tt_time step = -TT_US(300); step <= TT_US(300); step += TT_US(37)) {
        tt_time wrap = (tt_now() / CLOCK_WRAPS + 1) * CLOCK_WRAPS, deadline = wrap + step;
        tt_thread_sleep(wrap - TT_MS(1));
        tt_thread_sleep(deadline);
        look(TT_MS(1), deadline);
        for (tt_time now = tt_now(), before = now; now < wrap + TT_MS(1); before = now) {
            now = tt_now(); // never back, nor a step that nothing explains
            early += now < before;
            late += now - before > TT_US(200);
        }
    }
    report("waits that end around the passing of the clock's 32 bits are right");
}

static void sleep_until(void *argument)
{
    tt_thread_sleep(*(tt_time *)argument);
    event("!");
}

static void test_far_deadlines(void)
{
    static tt_time hours, centuries = TT_FOREVER - 1;
    begin();
    hours = tt_now() + TT_SECONDS(36000);
    start(&a, stack_a, 20, sleep_until, &hours);
    start(&b, stack_b, 20, sleep_until, &centuries);
    wait_all(short_waits, TT_COUNT(short_waits));
    expect("far deadlines stay where they are", "");
    report("beside far deadlines, waits are right");
    if (!emulated)
        return;
    tt_thread_sleep(hours - TT_US(500));
    begin();
    tt_thread_sleep(hours + LATE_MAX);
    expect("a far deadline comes, too", "!");
}

static void yield_all_the_time(void *argument)
{
    (void)argument;
    while (!stop)
        tt_thread_yield();
}

static void give_pulse(void)
{
    tt_semaphore_give(&pulse);
    at_tick = give_pulse;
}

// Waits for pulses that it asks for itself, in times that share no divisor with anyone's.
static void follow_pulses(void *argument)
{
    (void)argument;
    while (!stop) {
        tt_thread_sleep(tt_now() + TT_US(149));
        tt_semaphore_take(&pulse, TT_FOREVER);
    }
}

static void test_loaded(void)
{
    static const tt_time waits[] = {TT_US(1),   TT_US(10),   TT_US(77), TT_US(150),
                                    TT_US(500), TT_US(1234), TT_MS(5),  TT_MS(20)};
    stop = false;
    TT_CHECK(tt_semaphore_init(&pulse, 0, 1) == TT_OK);
    at_tick = give_pulse;
    start(&a, stack_a, 10, yield_all_the_time, NULL);
    start(&b, stack_b, 10, yield_all_the_time, NULL);
    start(&c, stack_c, 20, follow_pulses, NULL);
    wait_all(waits, TT_COUNT(waits));
    stop = true;
    join(&a);
    join(&b);
    join(&c);
    at_tick = NULL;
    report("while threads switch all the time and interrupts come, waits are right");
}

// What a device writes: lines, one at a time or several.
typedef struct lines {
    size_t bytes, count; // of a line, its end too; lines at a time
} lines;

static void write_lines(void *argument)
{
    static char text[4 * 80];
    const lines *l = argument;
    memset(text, '.', sizeof(text));
    for (size_t end = l->bytes; end <= l->bytes * l->count; end += l->bytes)
        text[end - 1] = '\n';
    while (!stop)
        tt_console_write(text, l->bytes * l->count);
}

static void read_log(void *argument)
{
    static char text[1024];
    uint64_t version;
    (void)argument;
    while (!stop)
        tt_kept_read_log(0, text, sizeof(text), &version);
}

static void measure_beside(void (*entry)(void *), const void *argument)
{
    stop = false;
    start(&a, stack_a, 10, entry, argument);
    for (tt_time wait = TT_US(177); wait < TT_US(600); wait += TT_US(13))
        wait_each(wait);
    stop = true;
    join(&a);
}

static void test_console(void)
{
    static const lines one = {80, 1}, four = {80, 4};
    static const lines longest = {TT_LOG_LINE_MAX, 1}, two = {TT_LOG_LINE_MAX, 2};
    measure_beside(write_lines, &one);
    measure_beside(write_lines, &four);
    report("while lines are written, waits are right");
    most = LATE_MAX_LONGEST_LINE;
    measure_beside(write_lines, &longest);
    measure_beside(write_lines, &two);
    report("while the longest lines are written, waits are right");
    most = LATE_MAX;
    measure_beside(read_log, NULL);
    report("while the log is read, waits are right");
    uint64_t before, after;
    char none;
    tt_kept_read_log(0, &none, 0, &before);
    tt_log_make_room(&tt_kept_memory.log, TT_LOG_BYTES); // as before a line: the text is another
    tt_kept_read_log(0, &none, 0, &after);
    expect_true("the log's version changes when lines make room", after != before);
}

static void hold(void *argument)
{
    (void)argument;
    tt_mutex_lock(&mutex, TT_FOREVER);
    tt_thread_suspend(tt_thread_self());
}

void tt_main(void)
{
    static TEST_STACK(holder_stack);
    static tt_thread holder;
    emulated = strcmp(tt_board_name, "linux") != 0;
    TT_CHECK(tt_semaphore_init(&never, 0, 1) == TT_OK);
    TT_CHECK(tt_mutex_init(&mutex) == TT_OK);
    start(&holder, holder_stack, 20, hold, NULL);
    test_idle();
    test_loaded();
    test_console();
    test_far_deadlines();
    finish("waits");
}
