// Every misuse of the kernel's calls: a status that names it, or a failed check. Prints the rows of
// the table in docs/kernel.md as they turn out; test_misuse.sh compares.
//
// A failed check jumps back to the row that provoked it.

#include <setjmp.h>
#include <string.h>

#include "os/kernel/scheduler.h"
#include "tests/os/events.h"
#include "tutti/board.h"

static TEST_STACK(stack_a);
static TEST_STACK(stack_b);
static TEST_STACK(stack_c);
static tt_thread a, b, c, ended, zero_thread;
static tt_thread *idle;
static tt_mutex held, zero_mutex, garbage_mutex;
static tt_semaphore empty, zero_semaphore, garbage_semaphore;
static tt_queue queue, full, zero_queue;
static uint32_t storage[2][1];

static jmp_buf row_begin;
static const char *failed_condition;

static void on_failed_check(const char *file, int line, const char *condition)
{
    (void)file, (void)line;
    failed_condition = condition;
    longjmp(row_begin, 1);
}

static void print(const char *call, const char *misuse, const char *kind, const char *text)
{
    say("| `");
    say(call);
    say("` | ");
    say(misuse);
    say(kind);
    say(text);
    say("` |\n");
}

static void row(const char *call, const char *misuse, tt_status status)
{
    TT_CHECK(interrupts_are_on());
    print(call, misuse, " | `", tt_status_name(status));
}

static void (*volatile provoke)(void);

static void provoke_and_return(void)
{
    uintptr_t lock = tt_arch_lock();
    tt_arch_unlock(lock);
    failed_condition = "nothing";
    if (setjmp(row_begin) == 0)
        provoke();
    tt_arch_unlock(lock); // where the check failed with interrupts off
}

static void check_row(const char *call, const char *misuse, void (*act)(void))
{
    provoke = act;
    provoke_and_return();
    print(call, misuse, " | check `", failed_condition);
}

static void interrupt_row(const char *call, const char *misuse, void (*act)(void))
{
    provoke = act;
    in_interrupt(provoke_and_return);
    print(call, misuse, " | check `", failed_condition);
}

// What is no mistake as it turns out: `act` leaves its status in `result`.
static tt_status result;

static void interrupt_result_row(const char *call, const char *misuse, void (*act)(void))
{
    provoke = act;
    in_interrupt(provoke_and_return);
    bool passed = strcmp(failed_condition, "nothing") == 0;
    print(call, misuse, passed ? " | `" : " | check `",
          passed ? tt_status_name(result) : failed_condition);
}

static void nothing(void *argument)
{
    (void)argument;
}

static tt_status start_with(tt_thread *thread, const char *name, uint8_t priority, void *stack,
                            size_t stack_bytes, void (*entry)(void *))
{
    return tt_thread_start(thread, name, priority, stack, stack_bytes, entry, NULL);
}

static void start_zero(void)
{
    TT_CHECK(start_with(&zero_thread, "", 9, stack_c, sizeof(stack_c), nothing) == TT_OK);
}

static void test_starting(void)
{
    const size_t bytes = sizeof(stack_c);
    row("tt_thread_start", "priority 0", start_with(&c, "c", 0, stack_c, bytes, nothing));
    row("tt_thread_start", "priority 32 or more",
        start_with(&c, "c", TT_PRIORITIES, stack_c, bytes, nothing));
    row("tt_thread_start", "no name", start_with(&c, NULL, 9, stack_c, bytes, nothing));
    row("tt_thread_start", "no entry", start_with(&c, "c", 9, stack_c, bytes, NULL));
    row("tt_thread_start", "no stack", start_with(&c, "c", 9, NULL, bytes, nothing));
    row("tt_thread_start", "a stack that is not aligned",
        start_with(&c, "c", 9, stack_c + 16, bytes - 16, nothing));
    row("tt_thread_start", "a stack that is too small",
        start_with(&c, "c", 9, stack_c, TT_STACK_GUARD + TT_STACK_ALIGNMENT - 1, nothing));
    row("tt_thread_start", "a thread that runs or waits",
        start_with(&a, "a", 9, stack_c, bytes, nothing));
    row("tt_thread_start", "itself", start_with(tt_thread_self(), "c", 9, stack_c, bytes, nothing));
    row("tt_thread_start", "a stack that is another's",
        start_with(&c, "c", 9, stack_a, bytes, nothing));
    row("tt_thread_start", "a stack that is partly another's",
        start_with(&c, "c", 9, stack_a + TT_STACK_ALIGNMENT, bytes - TT_STACK_ALIGNMENT, nothing));
    interrupt_row("tt_thread_start", "in an interrupt", start_zero);
}

static void sleep_on(void)
{
    tt_thread_sleep(tt_now() + TT_SECONDS(1));
}

static void join_ended(void)
{
    tt_thread_join(&ended, 0);
}

static void join_zero(void)
{
    tt_thread_join(&zero_thread, 0);
}

static void suspend_zero(void)
{
    tt_thread_suspend(&zero_thread);
}

static void resume_zero(void)
{
    tt_thread_resume(&zero_thread);
}

static void set_priority_of_zero(void)
{
    tt_thread_set_priority(&zero_thread, 9);
}

static void count_stack_of_zero(void)
{
    tt_thread_stack_unused(&zero_thread);
}

static void exit_at_once(void)
{
    tt_thread_exit();
}

static void exit_holding(void)
{
    tt_mutex mutex;
    TT_CHECK(tt_mutex_init(&mutex) == TT_OK);
    tt_mutex_lock(&mutex, 0);
    provoke = exit_at_once;
    const char *condition = "nothing";
    if (setjmp(row_begin) == 0)
        tt_thread_exit();
    condition = failed_condition;
    tt_mutex_unlock(&mutex);
    failed_condition = condition;
}

static void test_threads(void)
{
    interrupt_row("tt_thread_yield", "in an interrupt", tt_thread_yield);
    interrupt_row("tt_thread_sleep", "in an interrupt", sleep_on);
    interrupt_row("tt_thread_exit", "in an interrupt", exit_at_once);
    check_row("tt_thread_exit", "holding a mutex", exit_holding);
    row("tt_thread_join", "itself", tt_thread_join(tt_thread_self(), TT_FOREVER));
    row("tt_thread_join", "the idle thread", tt_thread_join(idle, TT_FOREVER));
    interrupt_row("tt_thread_join", "in an interrupt", join_ended);
    check_row("tt_thread_join", "a thread never started", join_zero);
    row("tt_thread_suspend", "the idle thread", tt_thread_suspend(idle));
    row("tt_thread_suspend", "a thread that has ended", tt_thread_suspend(&ended));
    check_row("tt_thread_suspend", "a thread never started", suspend_zero);
    row("tt_thread_resume", "a thread that has ended", tt_thread_resume(&ended));
    check_row("tt_thread_resume", "a thread never started", resume_zero);
    row("tt_thread_set_priority", "priority 0", tt_thread_set_priority(&a, 0));
    row("tt_thread_set_priority", "priority 32 or more", tt_thread_set_priority(&a, TT_PRIORITIES));
    row("tt_thread_set_priority", "the idle thread", tt_thread_set_priority(idle, 1));
    row("tt_thread_set_priority", "a thread that has ended", tt_thread_set_priority(&ended, 9));
    check_row("tt_thread_set_priority", "a thread never started", set_priority_of_zero);
    check_row("tt_thread_stack_unused", "a thread never started", count_stack_of_zero);
}

static void lock_zero(void)
{
    tt_mutex_lock(&zero_mutex, 0);
}

static void lock_garbage(void)
{
    tt_mutex_lock(&garbage_mutex, 0);
}

static void lock_held(void)
{
    tt_mutex_lock(&held, 0);
}

static void unlock_held(void)
{
    tt_mutex_unlock(&held);
}

static void unlock_zero(void)
{
    tt_mutex_unlock(&zero_mutex);
}

static void unlock_free(void)
{
    tt_mutex mutex;
    TT_CHECK(tt_mutex_init(&mutex) == TT_OK);
    tt_mutex_unlock(&mutex);
}

static void hold_and_take(void *argument)
{
    (void)argument;
    tt_mutex_lock(&held, TT_FOREVER);
    tt_semaphore_take(&empty, TT_FOREVER);
    tt_mutex_unlock(&held);
}

// Lives as long as the test, and was started after others that wait.
static void stay(void *argument)
{
    (void)argument;
    tt_thread_suspend(tt_thread_self());
}

static void test_mutexes(void)
{
    start(&b, stack_b, 20, stay, NULL);
    row("tt_mutex_init", "a mutex that a thread holds", tt_mutex_init(&held));
    tt_thread_resume(&b);
    join(&b);
    check_row("tt_mutex_unlock", "a mutex that another holds", unlock_held);
    tt_semaphore_give(&empty);
    join(&a);
    tt_mutex_lock(&held, 0);
    row("tt_mutex_init", "a mutex that the caller holds", tt_mutex_init(&held));
    check_row("tt_mutex_lock", "a mutex that the caller holds", lock_held);
    interrupt_row("tt_mutex_unlock", "in an interrupt", unlock_held);
    tt_mutex_unlock(&held);
    interrupt_row("tt_mutex_lock", "in an interrupt", lock_held);
    check_row("tt_mutex_lock", "a zeroed mutex", lock_zero);
    check_row("tt_mutex_lock", "bytes that are no mutex", lock_garbage);
    check_row("tt_mutex_unlock", "a zeroed mutex", unlock_zero);
    check_row("tt_mutex_unlock", "a mutex that nobody holds", unlock_free);
}

static void take_long(void)
{
    tt_semaphore_take(&empty, TT_FOREVER);
}

static void take_free(void)
{
    tt_semaphore_give(&empty);
    result = tt_semaphore_take(&empty, TT_FOREVER);
}

static void take_zero(void)
{
    tt_semaphore_take(&zero_semaphore, 0);
}

static void take_garbage(void)
{
    tt_semaphore_take(&garbage_semaphore, 0);
}

static void give_zero(void)
{
    tt_semaphore_give(&zero_semaphore);
}

static void take(void *argument)
{
    (void)argument;
    tt_semaphore_take(&empty, TT_FOREVER);
}

static void test_semaphores(void)
{
    row("tt_semaphore_init", "a limit of 0", tt_semaphore_init(&zero_semaphore, 0, 0));
    row("tt_semaphore_init", "more free than the limit", tt_semaphore_init(&zero_semaphore, 3, 2));
    start(&a, stack_a, 20, take, NULL);
    start(&b, stack_b, 20, stay, NULL);
    row("tt_semaphore_init", "a semaphore that a thread waits for",
        tt_semaphore_init(&empty, 0, 1));
    tt_thread_resume(&b);
    join(&b);
    tt_semaphore_give(&empty);
    join(&a);
    interrupt_row("tt_semaphore_take", "in an interrupt, to wait", take_long);
    interrupt_result_row("tt_semaphore_take", "in an interrupt, with `TT_FOREVER`, a unit is free",
                         take_free);
    check_row("tt_semaphore_take", "a zeroed semaphore", take_zero);
    check_row("tt_semaphore_take", "bytes that are no semaphore", take_garbage);
    check_row("tt_semaphore_give", "a zeroed semaphore", give_zero);
}

static void receive(void *argument)
{
    uint32_t message;
    tt_queue_receive(argument, &message, TT_FOREVER);
}

static void send(void *argument)
{
    uint32_t message = 1;
    tt_queue_send(argument, &message, TT_FOREVER);
}

static void send_long(void)
{
    send(&full);
}

static void receive_long(void)
{
    receive(&queue);
}

static void send_with_room(void)
{
    uint32_t message = 1;
    result = tt_queue_send(&queue, &message, TT_FOREVER);
}

static void receive_what_is_there(void)
{
    uint32_t message;
    result = tt_queue_receive(&queue, &message, TT_FOREVER);
}

static void send_zero(void)
{
    send(&zero_queue);
}

static void receive_zero(void)
{
    receive(&zero_queue);
}

static void test_queues(void)
{
    uint32_t message;
    row("tt_queue_init", "no storage", tt_queue_init(&zero_queue, NULL, 4, 1));
    row("tt_queue_init", "messages of 0 bytes", tt_queue_init(&zero_queue, storage[0], 0, 1));
    row("tt_queue_init", "a capacity of 0", tt_queue_init(&zero_queue, storage[0], 4, 0));
    start(&a, stack_a, 20, receive, &queue);
    row("tt_queue_init", "a queue that a thread receives from",
        tt_queue_init(&queue, storage[0], 4, 1));
    send(&queue);
    join(&a);
    send(&full);
    start(&b, stack_b, 20, send, &full);
    row("tt_queue_init", "a queue that a thread sends to", tt_queue_init(&full, storage[1], 4, 1));
    TT_CHECK(tt_queue_receive(&full, &message, 0) == TT_OK);
    join(&b);
    interrupt_row("tt_queue_send", "in an interrupt, to wait", send_long);
    interrupt_row("tt_queue_receive", "in an interrupt, to wait", receive_long);
    interrupt_result_row("tt_queue_send", "in an interrupt, with `TT_FOREVER`, there is room",
                         send_with_room);
    interrupt_result_row("tt_queue_receive",
                         "in an interrupt, with `TT_FOREVER`, a message is there",
                         receive_what_is_there);
    check_row("tt_queue_send", "a zeroed queue", send_zero);
    check_row("tt_queue_receive", "a zeroed queue", receive_zero);
}

static void interrupt_without_handler(void)
{
    tt_kernel_interrupt(tt_board_interrupt_lines - 1);
}

static void start_kernel(void)
{
    tt_kernel_start(nothing, 9);
}

static void test_rest(void)
{
    row("tt_interrupt_attach", "a line that the board does not have",
        tt_interrupt_attach(tt_board_interrupt_lines, nothing, NULL));
    row("tt_interrupt_attach", "the timer's line",
        tt_interrupt_attach(tt_board_timer_line, nothing, NULL));
    row("tt_interrupt_attach", "no handler", tt_interrupt_attach(1, NULL, NULL));
    interrupt_row("tt_kernel_interrupt", "a line that nothing is attached to",
                  interrupt_without_handler);
    check_row("tt_kernel_start", "a second time", start_kernel);
}

static void test_lines(void)
{
    bool private_lines = strcmp(tt_board_name, "qemu-aarch64-virt") == 0; // 0 to 31, its core's own
    unsigned owned = private_lines ? 32 : tt_board_timer_line < tt_board_interrupt_lines;
    unsigned refused = 0;
    for (unsigned line = 0; line < tt_board_interrupt_lines; line++)
        refused += tt_interrupt_attach(line, nothing, NULL) == TT_INVALID;
    expect_true("all lines but the CPU's own can be attached to", refused == owned);
    tt_time end = tt_now() + TT_MS(1);
    tt_thread_sleep(end);
    expect_true("and the timer goes on", tt_now() >= end);
}

// After all this, whatever was refused has changed nothing.
static void test_still_works(void)
{
    uint32_t message = 0;
    begin();
    event(tt_semaphore_take(&empty, 0) == TT_TIMED_OUT ? "1" : "!");
    event(tt_queue_receive(&queue, &message, 0) == TT_TIMED_OUT ? "2" : "!");
    event(tt_queue_receive(&full, &message, 0) == TT_OK && message == 1 ? "3" : "!");
    event(tt_mutex_lock(&held, 0) == TT_OK ? "4" : "!");
    event(tt_mutex_init(&garbage_mutex) == TT_OK ? "5" : "!"); // any bytes may become one
    event(tt_semaphore_init(&garbage_semaphore, 1, 1) == TT_OK ? "6" : "!");
    event(tt_semaphore_take(&garbage_semaphore, 0) == TT_OK ? "7" : "!");
    event(tt_semaphore_init(&garbage_semaphore, 1, 1) == TT_OK ? "8" : "!"); // again, unused
    event(tt_list_empty(&tt_threads) || idle->all_link.next->next != &tt_threads ? "!" : "9");
    tt_mutex_unlock(&held);
    expect("what was refused changed nothing", "123456789");
}

void tt_main(void)
{
    idle = TT_CONTAINER(tt_threads.next, tt_thread, all_link); // the first that was started
    TT_CHECK(tt_mutex_init(&held) == TT_OK);
    TT_CHECK(tt_semaphore_init(&empty, 0, 1) == TT_OK);
    TT_CHECK(tt_queue_init(&queue, storage[0], 4, 1) == TT_OK);
    TT_CHECK(tt_queue_init(&full, storage[1], 4, 1) == TT_OK);
    memset(&garbage_mutex, 0xff, sizeof(garbage_mutex));
    memset(&garbage_semaphore, 0x6d, sizeof(garbage_semaphore)); // a mutex's mark
    start(&ended, stack_c, 20, nothing, NULL);
    start(&a, stack_a, 20, hold_and_take, NULL);
    tt_check_set_handler(on_failed_check);
    test_starting();
    test_threads();
    test_mutexes();
    test_semaphores();
    test_queues();
    test_rest();
    test_lines();
    test_still_works();
    finish("misuse");
}
