// A thread's life: its storage before, during and after, who joins it, what of its stack it used,
// and its place among its equals when its priority changes.

#include <string.h>

#include "os/kernel/scheduler.h"
#include "tests/os/events.h"

#define LAYOUT_SHIFT (2 * TT_STACK_GUARD) // a multiple of the alignment

static union {
    TT_STACK(stack, TEST_STACK_BYTES + LAYOUT_SHIFT);
    uint8_t bytes[TT_STACK_GUARD + TEST_STACK_BYTES + LAYOUT_SHIFT];
} memory;
static TEST_STACK(stack_a);
static TEST_STACK(stack_b);
static TEST_STACK(stack_c);
static tt_thread a, b, c, d;
static tt_mutex mutex;

static bool memory_is_ours(uint8_t value)
{
    memset(memory.bytes, value, sizeof(memory.bytes));
    bool same = true;
    for (size_t i = 0; i < sizeof(memory.bytes); i++)
        same &= ((volatile uint8_t *)memory.bytes)[i] == value;
    return same;
}

static void lock_and_say(void *argument);

// The guard of one life is the middle of another's stack.
static void test_storage(void)
{
    begin();
    start(&a, memory.stack, 20, say_name, "a");
    join(&a);
    event(memory_is_ours(0x5a) ? "1" : "!");
    start(&a, memory.stack + LAYOUT_SHIFT, 20, say_name, "b");
    join(&a);
    event(memory_is_ours(0xc3) ? "2" : "!");
    start(&b, memory.stack, 10, say_name, "c"); // another thread there, which ends later
    join(&b);
    event(memory_is_ours(0x5a) ? "3" : "!");
    expect("a joined thread's storage is ordinary memory, the guard with it", "a1b2c3");

    begin();
    memset(&c, 0xff, sizeof(c)); // nor does the structure have to be anything
    start(&c, stack_c, 10, say_name, "c");
    tt_thread_suspend(&c);
    tt_thread_resume(&c);
    join(&c);
    memset(&c, 0xff, sizeof(c));
    start(&c, stack_c, 20, lock_and_say, "d");
    event(c.held == NULL && c.state == TT_THREAD_ENDED ? "." : "!");
    expect("any bytes may become a thread", "cd.");

    begin();
    for (int i = 0; i < 3; i++) { // nobody joins it
        start(&a, memory.stack + (i % 2 ? LAYOUT_SHIFT : 0), 20, say_name, "a");
        event(a.state == TT_THREAD_ENDED ? "." : "!");
    }
    event(memory_is_ours(0x5a) ? "m" : "!");
    expect("a thread that ended may be started again, joined or not", "a.a.a.m");
}

static void exit_inside(void *argument)
{
    event(argument);
    tt_thread_exit();
}

static void join_and_say(void *argument)
{
    event(tt_thread_join(&a, TT_FOREVER) == TT_OK ? argument : "!");
}

static void join_briefly(void *argument)
{
    event(tt_thread_join(&a, tt_now() + TT_MS(5)) == TT_TIMED_OUT ? argument : "!");
}

static void suspend_self(void *argument)
{
    tt_thread_suspend(tt_thread_self());
    event(argument);
}

static void test_join(void)
{
    begin();
    start(&a, stack_a, 20, suspend_self, "a");
    start(&b, stack_b, 18, join_and_say, "b");
    start(&c, stack_c, 19, join_and_say, "c");
    event(tt_thread_join(&a, 0) == TT_TIMED_OUT ? "0" : "!");
    tt_time begun = tt_now();
    event(tt_thread_join(&a, begun + TT_MS(3)) == TT_TIMED_OUT ? "1" : "!");
    event(tt_now() - begun >= TT_MS(3) && tt_now() - begun < TT_SECONDS(1) ? "2" : "!");
    start(&d, memory.stack, 20, exit_inside, "d"); // the end of a thread that nobody joins
    event(b.state == TT_THREAD_WAITING && c.state == TT_THREAD_WAITING ? "3" : "!");
    tt_thread_resume(&a);
    join(&a); // again and again
    join(&a);
    expect("an end is told to all who join that thread, and to nobody else", "012d3acb");

    begin();
    start(&a, stack_a, 20, suspend_self, "a");
    start(&b, stack_b, 10, join_briefly, "t");
    start(&c, stack_c, 12, join_and_say, "c");
    for (int ms = 0; ms < 2000 && b.state != TT_THREAD_ENDED; ms++) // on a busy host it takes long
        sleep_ms(1);
    tt_thread_resume(&a);
    join(&b);
    join(&c);
    expect("a joiner gives up at its deadline, others go on", "tac");
}

static void touch(void *argument)
{
    volatile uint8_t room[512];
    for (size_t i = 0; i < sizeof(room); i++)
        room[i] = (uint8_t)(uintptr_t)argument;
    tt_thread_suspend(tt_thread_self());
}

static void test_stack_unused(void)
{
    const size_t whole = sizeof(stack_a) - TT_STACK_GUARD;
    begin();
    start(&a, stack_a, 10, say_name, "a");
    size_t before = tt_thread_stack_unused(&a);
    event(before <= whole && before >= whole - 1024 ? "n" : "!"); // it has not run
    join(&a);
    start(&b, stack_b, 20, touch, (void *)7);
    size_t touched = tt_thread_stack_unused(&b);
    event(touched < before && touched <= whole - 512 && touched > 0 ? "t" : "!");
    tt_thread_resume(&b);
    join(&b);
    memset(stack_b, 0xa5, sizeof(stack_b)); // ours again: nothing is used, whatever it held
    event(tt_thread_stack_unused(&b) == whole ? "w" : "!");
    stack_b[TT_STACK_GUARD] = 0; // its very end
    event(tt_thread_stack_unused(&b) == 0 ? "0" : "!");
    start(&b, memory.stack, 20, say_name, "b"); // a part of more, which looks unused, too
    join(&b);
    b.stack_bytes = TT_STACK_GUARD + 1024;
    memset(memory.bytes, 0xa5, sizeof(memory.bytes));
    event(tt_thread_stack_unused(&b) == 1024 ? "e" : "!");
    expect("what a stack has left is counted, and no further than its end", "natw0be");
}

// An interrupt ends each of the idle thread's waits.
static void test_wakeups(void)
{
    begin();
    uint32_t before = tt_kernel_wakeups();
    sleep_ms(1);
    sleep_ms(1);
    event(tt_kernel_wakeups() - before >= 2 ? "w" : "!");
    event(tt_in_interrupt() ? "!" : "t");
    expect("the kernel counts its wake-ups, and a thread is no interrupt", "wt");
}

static void lock_and_say(void *argument)
{
    tt_mutex_lock(&mutex, TT_FOREVER);
    event(argument);
    tt_mutex_unlock(&mutex);
}

static void give_up_lock(void *argument)
{
    event(tt_mutex_lock(&mutex, tt_now() + TT_MS(3)) == TT_TIMED_OUT ? argument : "!");
}

static volatile bool go;

static void spin_holding(void *argument)
{
    tt_mutex_lock(&mutex, TT_FOREVER);
    event(argument);
    while (!go)
        ;
    event(argument);
    tt_mutex_unlock(&mutex);
}

static void test_falling_back(void)
{
    begin();
    TT_CHECK(tt_mutex_init(&mutex) == TT_OK);
    tt_mutex_lock(&mutex, TT_FOREVER);
    start(&b, stack_b, 16, say_name, "b");     // an equal, ready behind us
    start(&a, stack_a, 20, lock_and_say, "a"); // we run at its priority
    event("m");
    tt_mutex_unlock(&mutex); // which neither blocks nor yields
    event("n");
    join(&a);
    join(&b);
    expect("unlocking does not yield to an equal", "manb");

    begin();
    go = false;
    start(&a, stack_a, 10, spin_holding, "a");
    start(&b, stack_b, 10, say_name, "b");
    sleep_ms(1);                               // a spins, b is ready behind it
    start(&c, stack_c, 20, give_up_lock, "t"); // a runs at its priority for a while
    sleep_ms(10);
    event("|");
    go = true;
    join(&a);
    join(&b);
    join(&c);
    expect("a preempted thread keeps its place after an inherited priority", "at|ab");

    begin();
    tt_thread *self = tt_thread_self();
    start(&a, stack_a, 12, say_name, "a");
    tt_thread_set_priority(self, 12); // falls: before its equal
    event("m");
    tt_thread_set_priority(self, 11); // falls below it
    event("n");
    start(&b, stack_b, 12, say_name, "b"); // outranks us
    tt_thread_set_priority(self, 16);
    start(&c, stack_c, 14, say_name, "c");
    start(&a, stack_a, 15, say_name, "a");
    start(&b, stack_b, 14, say_name, "b");
    tt_thread_set_priority(&a, 14); // falls: before c and b
    tt_thread_set_priority(self, 13);
    event("o");
    tt_thread_set_priority(self, 16);
    start(&b, stack_b, 10, say_name, "b");
    start(&a, stack_a, 11, say_name, "a");
    tt_thread_set_priority(&b, 11); // rises: behind a
    tt_thread_set_priority(self, 9);
    tt_thread_set_priority(self, 16);
    expect("a changed priority goes before its equals if it fell, behind them if it rose",
           "manbacboab");
}

// What changes nothing does not yield, either.
static void test_same_priority(void)
{
    begin();
    tt_thread *self = tt_thread_self();
    TT_CHECK(tt_mutex_init(&mutex) == TT_OK);
    start(&a, stack_a, 16, say_name, "a");
    tt_thread_set_priority(self, 16);
    event("1");
    tt_mutex_lock(&mutex, 0);
    tt_mutex_unlock(&mutex);
    event("2");
    tt_thread_set_priority(self, 18);
    tt_mutex_lock(&mutex, 0);
    start(&b, stack_b, 19, lock_and_say, "b"); // we run at 19
    tt_thread_set_priority(self, 16);          // still do
    event(self->priority == 19 ? "3" : "!");
    tt_mutex_unlock(&mutex);
    event(self->priority == 16 ? "4" : "!");
    join(&a);
    join(&b);
    expect("a priority that stays yields to nobody", "123b4a");
}

static tt_semaphore semaphore;

// Nor does giving what nobody waits for, or what a less urgent or equal thread waits for.
static void test_giving(void)
{
    begin();
    TT_CHECK(tt_semaphore_init(&semaphore, 0, 3) == TT_OK);
    start(&a, stack_a, 16, say_name, "a");
    tt_semaphore_give(&semaphore);
    event("1");
    event(tt_semaphore_take(&semaphore, 0) == TT_OK ? "2" : "!");
    tt_thread_yield();
    tt_thread_yield(); // alone among its equals: back at once
    expect("giving yields to no equal", "12a");
}

static void take_and_say(void *argument)
{
    event(tt_semaphore_take(&semaphore, TT_FOREVER) == TT_OK ? argument : "!");
}

// The same in a wait queue.
static void test_waiters(void)
{
    begin();
    TT_CHECK(tt_semaphore_init(&semaphore, 0, 3) == TT_OK);
    start(&a, stack_a, 18, take_and_say, "a");
    start(&b, stack_b, 20, take_and_say, "b");
    start(&c, stack_c, 19, take_and_say, "c");
    tt_thread_set_priority(&b, 18); // falls: before a
    tt_thread_set_priority(&c, 21);
    tt_thread_set_priority(&c, 18); // before both
    for (int i = 0; i < 3; i++)
        tt_semaphore_give(&semaphore);
    event("|");
    start(&a, stack_a, 18, take_and_say, "a");
    start(&b, stack_b, 17, take_and_say, "b");
    tt_thread_set_priority(&b, 18); // rises: behind a
    tt_semaphore_give(&semaphore);
    tt_semaphore_give(&semaphore);
    expect("waiters change places by the same rule", "cba|ab");
}

// A call that makes a more urgent thread run leaves a lock that its caller holds as it is.
static void test_locked_outside(void)
{
    begin();
    TT_CHECK(tt_semaphore_init(&semaphore, 0, 1) == TT_OK);
    start(&a, stack_a, 20, take_and_say, "a");
    uintptr_t lock = tt_arch_lock();
    tt_semaphore_give(&semaphore);
    bool still = !interrupts_are_on();
    tt_arch_unlock(lock);
    event(still && interrupts_are_on() ? "l" : "!");
    expect("a call does not unlock what its caller has locked", "al");
}

static void suspend_interrupted(void)
{
    event(tt_thread_self() == &a && tt_in_interrupt() ? "i" : "!");
    event(tt_thread_suspend(&a) == TT_OK ? "s" : "!");
    event(tt_thread_set_priority(&b, 20) == TT_OK ? "p" : "!");
}

static void spin(void *argument)
{
    while (!go)
        ;
    event(argument);
}

static void test_any_context(void)
{
    begin();
    go = false;
    start(&a, stack_a, 10, spin, "a");
    start(&b, stack_b, 9, say_name, "b");
    at_tick = suspend_interrupted; // while a runs, it is suspended and b rises
    sleep_ms(3);
    event(a.state == TT_THREAD_SUSPENDED ? "1" : "!");
    go = true;
    tt_thread_resume(&a);
    join(&a);
    expect("an interrupt suspends whom it interrupted, and changes priorities", "ispb1a");
}

void tt_main(void)
{
    TT_CHECK(tt_mutex_init(&mutex) == TT_OK);
    test_storage();
    test_join();
    test_stack_unused();
    test_wakeups();
    test_falling_back();
    test_same_priority();
    test_giving();
    test_waiters();
    test_locked_outside();
    test_any_context();
    finish("threads");
}
