// The platform of a device, on the device: what ends its waits, its works, its clock. Prints the
// numbers that it drew, for test_device.sh to compare, or that there is no Ethernet.

#include <string.h>

#include "tests/os/events.h"
#include "tutti/platform_device.h"

#define WORKS (TT_WORKS_MAX + 1)

static TEST_STACK(waker_stack);
static tt_thread waker;
static tt_platform *platform;
static const tt_platform_operations *ops;
static tt_thread *loop;

static void say_drawn(void)
{
    uint8_t bytes[16];
    char line[80];
    tt_text text;
    ops->random(platform, bytes, sizeof(bytes));
    tt_text_init(&text, line, sizeof(line));
    tt_text_add(&text, "drawn: ");
    for (size_t i = 0; i < sizeof(bytes); i++)
        tt_text_add_hex(&text, bytes[i], 2);
    tt_text_add(&text, "\n");
    tt_console_write(text.data, text.length);
}

// Until the stack rests: with both addresses, and asked for them.
static void settle(void)
{
    tt_endpoint own[TT_ADDRESSES_MAX];
    static tt_datagram d;
    tt_time deadline = ops->now(platform) + TT_SECONDS(30);
    while (ops->now(platform) < deadline) {
        while (ops->receive(platform, &d) == TT_OK)
            ;
        ops->addresses(platform, own, TT_ADDRESSES_MAX);
        ops->wait(platform, deadline);
    }
    expect_true("two addresses", ops->addresses(platform, own, TT_ADDRESSES_MAX) == 2);
}

// How long a wait of 5 s takes.
static tt_time wait_took(void)
{
    tt_time before = ops->now(platform);
    ops->wait(platform, before + TT_SECONDS(5));
    return ops->now(platform) - before;
}

static void wake(void)
{
    ops->wake(platform);
}

static void wake_from_thread(void *argument)
{
    (void)argument;
    sleep_ms(20);
    wake();
}

static void wake_from_interrupt(void *argument)
{
    (void)argument;
    at_tick = wake;
    sleep_ms(20);
}

static void test_waits(void)
{
    tt_time before = tt_now(), least = TT_MS(19), most = TT_MS(21);
    ops->wait(platform, INT64_MIN);
    ops->wait(platform, 0);
    ops->wait(platform, before);
    // The first one also makes up for what the stack left out while it slept (1.2 ms).
    expect_true("a wait for what has passed only looks", tt_now() - before < TT_MS(5));
    before = ops->now(platform);
    expect_true("the clock is the kernel's",
                before - tt_now() < TT_MS(1) && tt_now() - before < TT_MS(1));
    ops->wait(platform, before + TT_MS(300));
    tt_time late = ops->now(platform) - before - TT_MS(300);
    expect_true("a wait ends at its deadline", late >= 0 && late < TT_MS(1));
    wake();
    wake();
    expect_true("a wake that comes first is not lost", wait_took() < TT_MS(1));
    start(&waker, waker_stack, 20, wake_from_thread, NULL);
    tt_time took = wait_took();
    expect_true("a thread wakes", took > least && took < most);
    join(&waker);
    start(&waker, waker_stack, 20, wake_from_interrupt, NULL);
    took = wait_took();
    expect_true("an interrupt wakes", took > least && took < most);
    join(&waker);
}

static tt_work works[WORKS];
static unsigned runs, dones, wrong;
static bool again;

static void run(tt_work *work)
{
    wrong += work != &works[runs % TT_WORKS_MAX] || tt_thread_self() == loop;
    runs++;
    sleep_ms(5);
}

static void done(tt_work *work, tt_time now)
{
    wrong += work != &works[dones % TT_WORKS_MAX] || tt_thread_self() != loop;
    wrong += now > tt_now() || tt_now() - now > TT_MS(1);
    dones++;
    if (again && ops->work(platform, work) != TT_OK)
        wrong++;
}

static void test_works(void)
{
    unsigned refused = 0;
    for (unsigned i = 0; i < WORKS; i++) {
        works[i] = (tt_work){.run = run, .done = done};
        refused += ops->work(platform, &works[i]) == TT_FULL;
    }
    expect_true("one work too many is refused", refused == 1);
    again = true;
    tt_time longest = 0;
    while (dones < 2 * TT_WORKS_MAX) {
        tt_time took = wait_took();
        longest = took > longest ? took : longest;
        again = dones < TT_WORKS_MAX;
    }
    expect_true("a work that is done ends the wait", longest < TT_MS(10));
    expect_true("works run in order, apart from the loop, and are done on it", wrong == 0);
    expect_true("each once", runs == dones && dones == 2 * TT_WORKS_MAX);
}

void tt_main(void)
{
    loop = tt_thread_self();
    tt_status status = tt_platform_device_start(&platform);
    if (status != TT_OK) {
        say(status == TT_IO ? "device: no Ethernet\n" : "device: FAILED\n");
        tt_board_stop(0);
    }
    ops = platform->operations;
    say_drawn();
    settle();
    test_waits();
    test_works();
    finish("device");
}
