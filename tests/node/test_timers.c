// Timers of the loop, in virtual time: when they are called, what a callback may do, and that a
// node wakes for them and for nothing more.

#include "tests/test.h"
#include "tutti/check.h"
#include "tutti/sim.h"

#define CALLS_MAX 64

static tt_sim *sim;
static tt_node *node;
static unsigned turns;

typedef struct entry {
    const char *who;
    tt_time at;
} entry;
static entry calls[CALLS_MAX];
static unsigned call_count;

static tt_node_timer a, b, c;

static void on_turn(tt_node *self, tt_time now)
{
    (void)self, (void)now;
    turns++;
}

static void begin(void)
{
    sim = tt_sim_new(&(tt_sim_options){.seed = 1, .nodes = 1});
    REQUIRE(sim != NULL);
    tt_sim_start(sim, 0, "test");
    node = tt_sim_node(sim, 0);
    node->options.on_turn = on_turn;
    a = b = c = (tt_node_timer){0};
    tt_sim_run_until(sim, TT_SECONDS(5)); // its announcements are over
    call_count = turns = 0;
}

static void run(tt_time duration)
{
    tt_sim_run_until(sim, tt_sim_now(sim) + duration);
}

static void called(tt_node *self, tt_time now, void *context)
{
    EXPECT(self == node);
    REQUIRE(call_count < CALLS_MAX);
    calls[call_count++] = (entry){context, now};
}

static void after(tt_node_timer *timer, tt_time delay,
                  void (*callback)(tt_node *self, tt_time now, void *context), const char *who)
{
    tt_node_after(node, timer, delay, callback, (void *)(uintptr_t)who);
}

static void expect_call(unsigned index, const char *who, tt_time at)
{
    EXPECT(index < call_count);
    EXPECT_TEXT(calls[index].who, who);
    EXPECT_EQUAL(calls[index].at, at);
}

// Each once, at its time, in the order of the times; equals in the order of the calls.
static void test_order(void)
{
    begin();
    tt_time from = tt_sim_node_now(sim, 0);
    after(&a, TT_SECONDS(3), called, "a");
    after(&b, TT_SECONDS(1), called, "b");
    after(&c, TT_SECONDS(3), called, "c");
    EXPECT(tt_node_timer_is_set(&a) && tt_node_timer_is_set(&b) && tt_node_timer_is_set(&c));
    EXPECT_EQUAL(tt_node_deadline(node), from + TT_SECONDS(1));
    run(TT_SECONDS(1) - 1);
    EXPECT_EQUAL(call_count, 0);
    run(TT_SECONDS(60));
    EXPECT_EQUAL(call_count, 3);
    expect_call(0, "b", from + TT_SECONDS(1));
    expect_call(1, "a", from + TT_SECONDS(3));
    expect_call(2, "c", from + TT_SECONDS(3));
    EXPECT(!tt_node_timer_is_set(&a) && !tt_node_timer_is_set(&b) && !tt_node_timer_is_set(&c));
    tt_sim_free(sim);
}

// One that is set again has its new time alone; a cancelled one is not called; neither is an error
// where nothing is set, nor is a delay that has passed or never will.
static void test_cancel(void)
{
    begin();
    tt_time from = tt_sim_node_now(sim, 0);
    tt_node_cancel(&a);
    EXPECT(!tt_node_timer_is_set(&a));
    after(&a, TT_SECONDS(1), called, "early");
    after(&a, TT_SECONDS(2), called, "late");
    after(&b, TT_SECONDS(1), called, "b");
    tt_node_cancel(&b);
    tt_node_cancel(&b);
    EXPECT(!tt_node_timer_is_set(&b));
    after(&c, TT_FOREVER, called, "never");
    run(TT_SECONDS(60));
    EXPECT_EQUAL(call_count, 1);
    expect_call(0, "late", from + TT_SECONDS(2));
    EXPECT(tt_node_timer_is_set(&c));
    tt_node_cancel(&c);
    after(&b, -TT_SECONDS(9), called, "past");
    EXPECT(tt_node_deadline(node) <= tt_sim_node_now(sim, 0));
    run(1);
    EXPECT_EQUAL(call_count, 2);
    expect_call(1, "past", from + TT_SECONDS(60));
    tt_sim_free(sim);
}

static void again(tt_node *self, tt_time now, void *context)
{
    called(self, now, context);
    tt_node_after(node, &a, TT_SECONDS(10), again, context);
}

static void at_once(tt_node *self, tt_time now, void *context)
{
    called(self, now, context);
    if (call_count < 5)
        tt_node_after(node, &a, 0, at_once, context);
}

static void cancels_b(tt_node *self, tt_time now, void *context)
{
    called(self, now, context);
    tt_node_cancel(&b);
    after(&c, TT_SECONDS(1), called, "c again");
}

static void test_callbacks(void)
{
    // Set anew by itself: once a turn, however short the delay.
    begin();
    after(&a, 0, at_once, "a");
    tt_node_poll(node);
    EXPECT_EQUAL(call_count, 1);
    tt_node_poll(node);
    EXPECT_EQUAL(call_count, 2);
    run(TT_SECONDS(1));
    EXPECT_EQUAL(call_count, 5);
    tt_sim_free(sim);
    // One of those that are due together cancels the next, and sets the one after it anew.
    begin();
    tt_time from = tt_sim_node_now(sim, 0);
    after(&a, TT_SECONDS(1), cancels_b, "a");
    after(&b, TT_SECONDS(1), called, "b");
    after(&c, TT_SECONDS(1), called, "c");
    run(TT_SECONDS(60));
    EXPECT_EQUAL(call_count, 2);
    expect_call(0, "a", from + TT_SECONDS(1));
    expect_call(1, "c again", from + TT_SECONDS(2));
    tt_sim_free(sim);
}

// An idle node wakes no more often for having timers, and once for each time that one is due.
static void test_wakes(void)
{
    begin();
    run(TT_SECONDS(600));
    unsigned idle = turns;
    tt_sim_free(sim);

    begin();
    after(&b, TT_SECONDS(3600), called, "b"); // not in this test
    run(TT_SECONDS(600));
    EXPECT_EQUAL(turns, idle);
    tt_sim_free(sim);

    begin();
    after(&a, TT_SECONDS(10), again, "a");
    run(TT_SECONDS(600));
    EXPECT_EQUAL(call_count, 60);
    EXPECT(turns >= idle + 60 - 1 && turns <= idle + 60);
    tt_sim_free(sim);
}

int main(void)
{
    test_order();
    test_cancel();
    test_callbacks();
    test_wakes();
    return test_result();
}
