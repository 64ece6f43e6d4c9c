// The schedule tests: one source for every CPU. Each test is a small scenario that writes the order
// of events down, and the order is what is checked. Prints a line a test; stops with 0 when all
// pass.

#include <float.h>
#include <string.h>

#include "os/arch/arch.h"
#include "tests/os/events.h"

static TEST_STACK(stack_a);
static TEST_STACK(stack_b);
static TEST_STACK(stack_c);
static tt_thread a, b, c;

static void join_all(void)
{
    join(&a);
    join(&b);
    join(&c);
}

static void init_semaphore(tt_semaphore *semaphore, unsigned free, unsigned limit)
{
    TT_CHECK(tt_semaphore_init(semaphore, free, limit) == TT_OK);
}

static void init_mutex(tt_mutex *mutex)
{
    TT_CHECK(tt_mutex_init(mutex) == TT_OK);
}

static void test_priorities(void)
{
    begin();
    event("m");
    start(&a, stack_a, 10, say_name, "a"); // less urgent than main (16): later
    start(&b, stack_b, 20, say_name, "b"); // more urgent: at once
    start(&c, stack_c, 12, say_name, "c");
    event("n");
    join_all();
    expect("a more urgent thread runs at once, others by priority", "mbnca");
}

static void yield_twice(void *argument)
{
    for (int i = 0; i < 3; i++) {
        event(argument);
        tt_thread_yield();
    }
}

static void test_yield(void)
{
    begin();
    start(&a, stack_a, 10, yield_twice, "a");
    start(&b, stack_b, 10, yield_twice, "b");
    start(&c, stack_c, 10, yield_twice, "c");
    join_all();
    expect("equals take turns when they yield", "abcabcabc");
}

static tt_semaphore semaphore;

static void take_and_say(void *argument)
{
    event(tt_semaphore_take(&semaphore, TT_FOREVER) == TT_OK ? argument : "!");
}

static void test_semaphore(void)
{
    begin();
    init_semaphore(&semaphore, 0, 2);
    start(&a, stack_a, 18, take_and_say, "a");
    start(&b, stack_b, 20, take_and_say, "b");
    start(&c, stack_c, 18, take_and_say, "c");
    for (int i = 0; i < 3; i++)
        event(tt_semaphore_give(&semaphore) == TT_OK ? "." : "!");
    join_all();
    event(tt_semaphore_give(&semaphore) == TT_OK ? "1" : "!");
    event(tt_semaphore_give(&semaphore) == TT_OK ? "2" : "!");
    event(tt_semaphore_give(&semaphore) == TT_FULL ? "f" : "!");
    event(tt_semaphore_take(&semaphore, 0) == TT_OK ? "1" : "!");
    event(tt_semaphore_take(&semaphore, 0) == TT_OK ? "0" : "!");
    event(tt_semaphore_take(&semaphore, 0) == TT_TIMED_OUT ? "t" : "!");
    expect("a semaphore wakes by priority, then by arrival", "b.a.c.12f10t");
}

static void test_deadlines(void)
{
    tt_time before = tt_now();
    init_semaphore(&semaphore, 0, 1);
    tt_status status = tt_semaphore_take(&semaphore, before + TT_MS(20));
    tt_time waited = tt_now() - before;
    expect_true("a wait ends at its deadline, not before",
                status == TT_TIMED_OUT && waited >= TT_MS(20));
    expect_true("and not long after", waited < TT_SECONDS(1));
    before = tt_now();
    for (int i = 1; i <= 10; i++)
        tt_thread_sleep(before + TT_MS(i));
    waited = tt_now() - before;
    expect_true("ten sleeps to absolute times do not drift",
                waited >= TT_MS(10) && waited < TT_SECONDS(1));
    tt_time last = tt_now();
    bool forward = true;
    for (int i = 0; i < 20000; i++) {
        tt_time now = tt_now();
        forward &= now >= last;
        last = now;
    }
    expect_true("the clock never goes back", forward);
}

static void take_until_almost_for_ever(void *argument)
{
    event(tt_semaphore_take(&semaphore, TT_FOREVER - 1) == TT_OK ? argument : "!");
}

static void test_odd_deadlines(void)
{
    begin();
    tt_thread_sleep(INT64_MIN);
    tt_thread_sleep(-1);
    event(tt_semaphore_take(&semaphore, INT64_MIN) == TT_TIMED_OUT ? "t" : "!");
    start(&a, stack_a, 20, take_until_almost_for_ever, "a");
    start(&b, stack_b, 18, take_and_say, "b");
    tt_thread_sleep(tt_now() + TT_MS(3)); // in spite of the far deadline before it
    event("m");
    tt_semaphore_give(&semaphore);
    tt_semaphore_give(&semaphore);
    join_all();
    expect("deadlines long past or far away only try, or wait", "tmab");
}

static tt_time sleep_from; // for all: starting a thread takes its time, too

static void sleep_and_say(void *argument)
{
    const char *name = argument;
    tt_thread_sleep(sleep_from + TT_MS(30) * (name[0] - 'a' + 1));
    event(name);
}

static void test_sleepers(void)
{
    begin();
    sleep_from = tt_now();
    start(&c, stack_c, 20, sleep_and_say, "c");
    start(&a, stack_a, 18, sleep_and_say, "a");
    start(&b, stack_b, 19, sleep_and_say, "b");
    event("m");
    join_all();
    expect("sleepers wake in the order of their times", "mabc");
}

static tt_mutex mutex, inner;

static void lock_and_say(void *argument)
{
    tt_mutex_lock(&mutex, TT_FOREVER);
    event(argument);
    tt_mutex_unlock(&mutex);
}

static void hold_inner_and_wait(void *argument)
{
    tt_mutex_lock(&inner, TT_FOREVER);
    lock_and_say(argument);
    tt_mutex_unlock(&inner);
}

static void lock_inner_and_say(void *argument)
{
    tt_mutex_lock(&inner, TT_FOREVER);
    event(argument);
    tt_mutex_unlock(&inner);
}

static void test_mutex(void)
{
    begin();
    init_mutex(&mutex);
    init_mutex(&inner);
    tt_thread *self = tt_thread_self();
    tt_mutex_lock(&mutex, TT_FOREVER);
    start(&a, stack_a, 18, hold_inner_and_wait, "a"); // holds inner, waits for mutex
    event(self->priority == 18 ? "1" : "!");
    start(&b, stack_b, 25, lock_inner_and_say, "b"); // waits for a, which waits for us
    event(self->priority == 25 ? "2" : "!");
    event(a.priority == 25 ? "3" : "!");
    tt_mutex_unlock(&mutex);
    event(self->priority == 16 ? "m" : "!");
    join(&a);
    join(&b);
    expect("a mutex passes priority on through a chain", "123abm");

    begin();
    tt_mutex_lock(&mutex, TT_FOREVER);
    start(&a, stack_a, 18, lock_and_say, "a");
    start(&b, stack_b, 20, lock_and_say, "b");
    tt_mutex_unlock(&mutex);
    join(&a);
    join(&b);
    event(tt_mutex_lock(&mutex, 0) == TT_OK ? "l" : "!");
    tt_mutex_unlock(&mutex);
    expect("a mutex goes to its most urgent waiter", "bal");
}

static tt_mutex outer;

static void hold_outer_and_want_inner(void *argument)
{
    tt_mutex_lock(&outer, TT_FOREVER);
    lock_inner_and_say(argument);
    tt_mutex_unlock(&outer);
}

static void lock_outer_with_deadline(void *argument)
{
    event(tt_mutex_lock(&outer, tt_now() + TT_MS(5)) == TT_TIMED_OUT ? argument : "!");
}

// c waits for b, which waits for a, which waits for us; then c gives up, and the others change.
static void test_mutex_chain(void)
{
    tt_thread *self = tt_thread_self();
    begin();
    init_mutex(&outer);
    tt_mutex_lock(&mutex, TT_FOREVER);
    start(&a, stack_a, 18, hold_inner_and_wait, "a");
    start(&b, stack_b, 20, hold_outer_and_want_inner, "b");
    start(&c, stack_c, 25, lock_outer_with_deadline, "c");
    event(self->priority == 25 && a.priority == 25 && b.priority == 25 ? "1" : "!");
    join(&c);
    event(self->priority == 20 && a.priority == 20 && b.priority == 20 ? "2" : "!");
    tt_thread_set_priority(&b, 22);
    event(self->priority == 22 && a.priority == 22 && b.priority == 22 ? "3" : "!");
    tt_thread_suspend(&b);
    tt_thread_set_priority(&b, 17);
    event(self->priority == 18 && a.priority == 18 && b.priority == 17 ? "4" : "!");
    tt_thread_resume(&b);
    tt_thread_set_priority(self, 19);
    tt_mutex_unlock(&mutex);
    event(self->priority == 19 && a.priority == 18 ? "5" : "!");
    tt_thread_set_priority(self, 16);
    join(&a);
    join(&b);
    expect("a chain of mutexes follows every change", "1c2345ab");
}

static void lock_with_deadline(void *argument)
{
    (void)argument;
    event(tt_mutex_lock(&mutex, tt_now() + TT_MS(5)) == TT_TIMED_OUT ? "t" : "!");
}

static void test_mutex_timeout(void)
{
    begin();
    tt_mutex_lock(&mutex, TT_FOREVER);
    start(&a, stack_a, 20, lock_with_deadline, NULL);
    event(tt_thread_self()->priority == 20 ? "i" : "!");
    tt_thread_sleep(tt_now() + TT_MS(15));
    event(tt_thread_self()->priority == 16 ? "o" : "!");
    tt_mutex_unlock(&mutex);
    join(&a);
    expect("a wait for a mutex that times out takes its priority back", "ito");

    begin();
    tt_mutex_lock(&mutex, TT_FOREVER);
    start(&a, stack_a, 20, lock_with_deadline, NULL);
    busy_for(TT_MS(15)); // with its priority, but not beyond its deadline
    event("m");
    tt_mutex_unlock(&mutex);
    join(&a);
    expect("and does so at its deadline, the owner being busy", "tm");
}

static void hold_inner_and_give_up(void *argument)
{
    (void)argument;
    tt_mutex_lock(&inner, TT_FOREVER);
    lock_with_deadline(NULL);
    tt_mutex_unlock(&inner);
}

// A waiter whose time is over but that has not run yet waits for nothing, whoever else asks.
static void test_mutex_given_up(void)
{
    begin();
    init_mutex(&inner);
    tt_mutex_lock(&mutex, TT_FOREVER);
    start(&a, stack_a, 20, hold_inner_and_give_up, NULL); // holds inner, waits for mutex
    tt_thread_set_priority(tt_thread_self(), 25);
    busy_for(TT_MS(10));            // its deadline passes, it does not run
    tt_mutex_unlock(&mutex);        // which nobody waits for, nor owns from now on
    tt_thread_set_priority(&a, 22); // must not reach for an owner of it
    event(a.priority == 22 ? "p" : "!");
    event(tt_mutex_lock(&inner, TT_FOREVER) == TT_OK ? "l" : "!"); // nor must this
    tt_mutex_unlock(&inner);
    tt_thread_set_priority(tt_thread_self(), 16);
    join(&a);
    expect("a waiter that gave up is in nobody's chain", "ptl");
}

// Messages of no whole number of words, around the ring's end.
static void test_odd_messages(void)
{
    static uint8_t storage[3 * 7];
    static tt_queue odd;
    uint8_t message[8] = "abcdefg", got[8];
    begin();
    TT_CHECK(tt_queue_init(&odd, storage, 7, 3) == TT_OK);
    bool same = true;
    for (unsigned i = 0; i < 8; i++) {
        memset(got, 0, sizeof(got));
        message[6] = (uint8_t)('0' + i);
        same &= tt_queue_send(&odd, message, 0) == TT_OK;
        message[6] = (uint8_t)('1' + i);
        same &= i % 2 == 0 || tt_queue_send(&odd, message, 0) == TT_OK;
        message[6] = (uint8_t)('0' + i);
        same &= tt_queue_receive(&odd, got, 0) == TT_OK && memcmp(got, message, 7) == 0;
        same &= got[7] == 0; // no byte more
        message[6] = (uint8_t)('1' + i);
        same &=
            i % 2 == 0 || (tt_queue_receive(&odd, got, 0) == TT_OK && memcmp(got, message, 7) == 0);
    }
    event(same ? "s" : "!");
    expect("messages of seven bytes come whole", "s");
}

static tt_queue queue;
static uint32_t queue_storage[2];

static void init_queue(void)
{
    TT_CHECK(tt_queue_init(&queue, queue_storage, sizeof(uint32_t), 2) == TT_OK);
}

static void receive_three(void *argument)
{
    (void)argument;
    for (int i = 0; i < 3; i++) {
        uint32_t message = 0;
        tt_queue_receive(&queue, &message, TT_FOREVER);
        event(message == (uint32_t)i ? "r" : "!");
    }
}

static void send_one(void *argument)
{
    uint32_t message = (uint32_t)(uintptr_t)argument;
    tt_queue_send(&queue, &message, TT_FOREVER);
    event("s");
}

static void test_queue(void)
{
    begin();
    uint32_t message;
    init_queue();
    start(&a, stack_a, 20, receive_three, NULL); // waits
    for (message = 0; message < 3; message++)
        tt_queue_send(&queue, &message, TT_FOREVER);
    join(&a);
    for (message = 0; message < 2; message++)
        tt_queue_send(&queue, &message, TT_FOREVER);
    event(tt_queue_send(&queue, &message, 0) == TT_TIMED_OUT ? "f" : "!");
    start(&b, stack_b, 20, send_one, (void *)2); // waits for room
    for (uint32_t i = 0; i < 3; i++) {
        tt_queue_receive(&queue, &message, TT_FOREVER);
        event(message == i ? "r" : "!");
    }
    join(&b);
    event(tt_queue_receive(&queue, &message, 0) == TT_TIMED_OUT ? "e" : "!");
    expect("a queue keeps order, full and empty", "rrrfsrrre");
}

static void say_forever(void *argument)
{
    for (int i = 0; i < 2; i++) {
        event(argument);
        tt_thread_suspend(tt_thread_self());
    }
}

static void take_briefly(void *argument)
{
    (void)argument;
    event(tt_semaphore_take(&semaphore, tt_now() + TT_MS(5)) == TT_TIMED_OUT ? "t" : "!");
}

static void test_suspend(void)
{
    begin();
    start(&a, stack_a, 20, say_forever, "a");
    event("m");
    tt_thread_resume(&a);
    event("n");
    tt_thread_resume(&a);
    join(&a);
    init_semaphore(&semaphore, 0, 1);
    start(&b, stack_b, 20, take_and_say, "b");
    event(tt_thread_resume(&b) == TT_OK ? "r" : "!"); // it is not suspended: nothing to do
    tt_thread_suspend(&b);                            // while it waits
    tt_semaphore_give(&semaphore);                    // it has its unit, but may not run
    event("o");
    tt_thread_resume(&b);
    join(&b);
    expect("suspended threads run when they are resumed", "amanrob");

    begin();
    start(&a, stack_a, 20, take_briefly, NULL);
    tt_thread_suspend(&a);
    tt_thread_set_priority(&a, 10);
    tt_thread_sleep(tt_now() + TT_MS(15)); // its deadline passes, it may not run
    tt_thread_suspend(&a);                 // again: no more than once
    event("m");
    tt_thread_set_priority(&a, 20);
    event("n");
    tt_thread_resume(&a);
    tt_thread_resume(&a);
    join(&a);
    expect("a suspended waiter times out when it is resumed", "mnt");
}

static void give_and_say(void)
{
    event(tt_in_interrupt() ? "i" : "!");
    event(tt_semaphore_give(&semaphore) == TT_OK ? "g" : "!");
    event(tt_semaphore_give(&semaphore) == TT_OK ? "g" : "!");
    event(tt_semaphore_give(&semaphore) == TT_FULL ? "f" : "!");
}

static void send_and_say(void)
{
    for (uint32_t message = 0; message < 3; message++)
        event(tt_queue_send(&queue, &message, 0) == TT_OK ? "s" : "!");
    event(tt_queue_send(&queue, &(uint32_t){3}, 0) == TT_TIMED_OUT ? "f" : "!");
}

static void try_and_say(void)
{
    uint32_t message = 9;
    event(tt_queue_receive(&queue, &message, 0) == TT_OK && message == 3 ? "r" : "!");
    event(tt_queue_receive(&queue, &message, tt_now() - 1) == TT_OK && message == 4 ? "r" : "!");
    event(tt_queue_receive(&queue, &message, 0) == TT_OK && message == 5 ? "r" : "!");
    event(tt_queue_receive(&queue, &message, tt_now()) == TT_TIMED_OUT ? "e" : "!");
    event(tt_semaphore_take(&semaphore, 0) == TT_OK ? "t" : "!");
    event(tt_semaphore_take(&semaphore, 0) == TT_TIMED_OUT ? "e" : "!");
}

static void wake_and_say(void)
{
    tt_thread_resume(&a); // more urgent than the thread that is interrupted: it runs after this
    tt_thread_suspend(&b);
    event("w");
}

static void receive_one(void *argument)
{
    uint32_t message = 9;
    tt_queue_receive(&queue, &message, TT_FOREVER);
    event(message == (uint32_t)(uintptr_t)argument ? "r" : "!");
}

static void test_interrupts(void)
{
    begin();
    init_semaphore(&semaphore, 0, 1);
    start(&a, stack_a, 20, take_and_say, "a");
    in_interrupt(give_and_say);
    join(&a);
    expect("an interrupt gives; the woken thread runs when it returns", "iggfa");

    begin();
    init_queue();
    start(&a, stack_a, 20, receive_one, (void *)0);
    in_interrupt(send_and_say);
    join(&a);
    receive_one((void *)1);
    receive_one((void *)2);
    expect("an interrupt sends and never waits", "sssfrrr");

    begin();
    init_semaphore(&semaphore, 1, 1);
    for (uint32_t message = 3; message < 5; message++)
        tt_queue_send(&queue, &message, 0);
    start(&a, stack_a, 20, send_one, (void *)5); // waits for room
    in_interrupt(try_and_say);
    join(&a);
    expect("an interrupt takes and receives, and never waits", "rrretes");

    begin();
    start(&a, stack_a, 20, say_forever, "a"); // suspends itself
    start(&b, stack_b, 12, say_name, "b");
    in_interrupt(wake_and_say);
    tt_thread_resume(&a);
    join(&a);
    event("m");
    tt_thread_sleep(tt_now() + TT_MS(1)); // b would run
    tt_thread_resume(&b);
    join(&b);
    expect("an interrupt resumes and suspends", "awamb");
}

static void handle(void *context)
{
    event(context);
}

static void test_handlers(void)
{
    begin();
    static char first[] = "a", second[] = "b";
    unsigned line = tt_board_interrupt_lines - 1;
    event(tt_interrupt_attach(line, handle, first) == TT_OK ? "1" : "!");
    tt_kernel_interrupt(line); // as the CPU calls it
    event(tt_interrupt_attach(line, handle, second) == TT_OK ? "2" : "!");
    tt_kernel_interrupt(line);
    expect("a line calls the handler that was attached last", "1a2b");
}

// Values that only this thread's registers hold, through many preemptions by the timer: most of the
// floating-point registers of the smallest CPU, which has 32 of 4 bytes, and most of its others.
static volatile bool stop;
static volatile bool yields; // they switch themselves, and keep what a call preserves
static volatile float one = 1;
static volatile unsigned zero;

#define EIGHT(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)
#define DECLARE(i)                                                                                 \
    float x##i = seed + i, y##i = seed - i, z##i = seed * i;                                       \
    unsigned n##i = salt + i;
#define KEEP(i) x##i *= factor, y##i *= factor, z##i *= factor, n##i ^= nothing;
#define COMPARE(i)                                                                                 \
    right &= x##i == seed + i && y##i == seed - i && z##i == seed * i && n##i == salt + i;

static void count_in_registers(void *argument)
{
    if (argument == (void *)100)
        round_to_zero();
    const unsigned salt = (unsigned)(uintptr_t)argument, nothing = zero;
    const float seed = (float)salt, factor = one; // which the compiler does not know to be 1
    bool right = true;
    EIGHT(DECLARE)
    while (!stop) {
        EIGHT(KEEP)
        if (yields)
            tt_thread_yield();
    }
    EIGHT(COMPARE)
    const bool to_zero = one + 0.75f * FLT_EPSILON == 1; // as the thread rounds: else it is more
    event(right && to_zero == (argument == (void *)100) ? "k" : "!");
}

static void test_registers(void)
{
    begin();
    stop = false;
    start(&a, stack_a, 10, count_in_registers, (void *)100);
    start(&b, stack_b, 12, count_in_registers, (void *)2000); // preempts a while we sleep
    for (int i = 0; i < 20; i++) {
        tt_thread_sleep(tt_now() + TT_MS(1));
        tt_thread_set_priority(&b, i % 2 ? 12 : 8); // a and b preempt each other
    }
    stop = true;
    join(&a);
    join(&b);
    expect("registers, floating-point ones and the rounding, too, survive preemption", "kk");

    begin();
    stop = false;
    yields = true;
    start(&a, stack_a, 10, count_in_registers, (void *)100);
    start(&b, stack_b, 10, count_in_registers, (void *)2000);
    tt_thread_sleep(tt_now() + TT_MS(3));
    stop = true;
    join(&a);
    join(&b);
    expect("and yielding", "kk");
}

void tt_main(void)
{
    test_priorities();
    test_yield();
    test_semaphore();
    test_deadlines();
    test_odd_deadlines();
    test_sleepers();
    test_mutex();
    test_mutex_chain();
    test_mutex_timeout();
    test_mutex_given_up();
    test_queue();
    test_odd_messages();
    test_suspend();
    test_interrupts();
    test_handlers();
    test_registers();
    finish("schedule");
}
