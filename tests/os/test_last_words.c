// How the kernel looks who is alive, and how a device ends: records and dumps, at their edges. The
// images under QEMU show the same on real registers.

#include <sys/wait.h>
#include <unistd.h>

#include "tests/os/plain_machine.h"

// ---- who is alive

static tt_thread loop_thread = {.name = "loop thread", .base_priority = 5};
static tt_thread idle_thread = {.name = "idle"};
static unsigned asked;

static void ask(void *context)
{
    EXPECT(context == &asked);
    asked++;
}

static tt_liveness loop = {.name = "loop", .looks_max = 3, .ask = ask, .context = &asked};
static tt_liveness worker = {.name = "worker", .looks_max = 2};

// The next look; whether the device goes to its end.
static bool look(void)
{
    now_ns = timer_at;
    if (setjmp(end_of_device) != 0)
        return true;
    tt_liveness_tick(now_ns);
    return false;
}

static void test_liveness(void)
{
    now_ns = TT_SECONDS(1);
    tt_kernel_current = &loop_thread;
    tt_list_append(&tt_threads, &loop_thread.all_link);
    tt_list_append(&tt_threads, &idle_thread.all_link);
    clear_console();
    machine_has_watchdog = true;
    tt_liveness_tick(TT_SECONDS(100)); // nothing is looked at before the start
    EXPECT_EQUAL(feeds, 0);
    tt_liveness_start(TT_SECONDS(10));
    EXPECT_TEXT(console, "");
    EXPECT_EQUAL(watchdog_period, TT_SECONDS(15)); // a look and a half
    EXPECT_EQUAL(timer_at, TT_SECONDS(11));
    tt_liveness_tick(TT_SECONDS(11) - 1);
    EXPECT_EQUAL(feeds, 0);
    tt_liveness_tick(TT_SECONDS(11));
    EXPECT_EQUAL(feeds, 1);
    EXPECT_EQUAL(timer_at, TT_SECONDS(21));
    now_ns = TT_SECONDS(12);
    tt_liveness_add(&loop);
    tt_liveness_report(&loop);
    EXPECT(loop.thread == &loop_thread);
    EXPECT(!look() && !look() && !look() && feeds == 4 && asked == 3); // heard, silent, silent
    EXPECT_EQUAL(loop.heard, TT_SECONDS(21));
    tt_liveness_report(&loop);
    EXPECT(!look() && feeds == 5);
    tt_liveness_rest(&loop);
    for (int i = 0; i < 5; i++)
        EXPECT(!look());
    EXPECT_EQUAL(feeds, 10);
    tt_liveness_report(&loop); // no longer at rest
    EXPECT(!look() && !look() && !look() && feeds == 13);
    // It bites once where the machine stood still, and again only without a look between.
    EXPECT(!tt_kernel_bite());
    EXPECT_EQUAL(feeds, 14);
    tt_liveness_report(&loop);
    EXPECT(!look() && feeds == 15);
    EXPECT(!tt_kernel_bite());
    EXPECT_EQUAL(feeds, 16);
    EXPECT_EQUAL(reset_nexts, 0);
}

// ---- ends: each in a process of its own, since a device ends once

static void in_a_life(void (*scenario)(void))
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        test_failures = test_expectations = 0;
        clear_console();
        memset(&tt_kept_memory, 0, sizeof(tt_kept_memory));
        now_ns = TT_SECONDS(1000); // behind what the tests before it have looked at
        tt_kept_begin();
        scenario();
        fflush(stdout);
        _exit(test_failures > 0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQUAL(status, 0);
}

static _Alignas(16) uintptr_t words[4096];
static uintptr_t worker_words[(TT_STACK_GUARD + 64) / sizeof(uintptr_t)];
static const tt_register registers[] = {{"pc", 0x1234}, {"sp", 0x5678}, {"longname", 3}};

static tt_place place_at(size_t word)
{
    return (tt_place){
        registers, 3, (uintptr_t)&words[word], (uintptr_t)words, (uintptr_t)(words + 4096), true};
}

static const char *kept_text(void)
{
    static char text[32768];
    text[tt_crash_read(tt_kept_crash(), 0, text, sizeof(text) - 1)] = '\0';
    return text;
}

// Silent until it ends; the end's record says since when.
static void be_silent(void)
{
    tt_place place = place_at(4000);
    tt_liveness_add(&worker);
    tt_liveness_report(&loop);
    tt_liveness_report(&worker);
    timer_at = now_ns + TT_SECONDS(10);
    EXPECT(!look()); // heard, at 1010 s
    EXPECT(!look());
    EXPECT_EQUAL(tt_kernel_bite(), false);
    unsigned fed = feeds;
    EXPECT(!look()); // now the worker is silent for two looks, the loop for as many of its three
    EXPECT_EQUAL(feeds, fed);
    EXPECT(!look()); // both; the first one stays the reason
    EXPECT_EQUAL(feeds, fed);
    EXPECT(tt_kernel_bite());
    EXPECT_EQUAL(reset_nexts, 1);
    EXPECT(!tt_kernel_bite()); // its end hangs, too: the machine is reset
    tt_kernel_current = &idle_thread;
    waiting_place = place_at(4095);
    if (setjmp(end_of_device) == 0)
        tt_kernel_expired(&place);
    EXPECT_EQUAL(end_code, 70);
    EXPECT_TEXT(tt_kept_crash()->reason, "watchdog: worker silent for 30000 ms");
    EXPECT_TEXT(tt_kept_crash()->thread, "loop thread"); // that reported last, and waits
    EXPECT(waiting_thread == &loop_thread);
    EXPECT_EQUAL(tt_kept_crash()->stack_words, 1);
}

// The timer's interrupt came no more: the second bite ends it, where it was.
static void stand_still(void)
{
    tt_place place = place_at(4000);
    timer_at = now_ns;
    tt_liveness_report(&loop);
    EXPECT(!look());
    now_ns += TT_MS(2500);
    EXPECT(!tt_kernel_bite());
    EXPECT(tt_kernel_bite());
    if (setjmp(end_of_device) == 0)
        tt_kernel_expired(&place);
    EXPECT_TEXT(tt_kept_crash()->reason, "watchdog: the timer's interrupt silent for 2500 ms");
    EXPECT_TEXT(tt_kept_crash()->thread, "loop thread");
    EXPECT_EQUAL(tt_kept_crash()->stack_words, 96);
}

// Without a watchdog the timer's interrupt itself ends the device, and the start says so.
static void no_watchdog(void)
{
    machine_has_watchdog = false;
    feeds = 0;
    tt_liveness_start(TT_SECONDS(10));
    EXPECT_TEXT(console, "board: no watchdog; the timer's interrupt stands in for it\n");
    tt_liveness_report(&loop);
    EXPECT(!look() && !look() && !look());
    EXPECT_EQUAL(expirations, 0);
    EXPECT(look());
    EXPECT_EQUAL(expirations, 1);
    EXPECT_EQUAL(feeds, 0);
    // The hanging thread itself runs: its place is that of the interrupt.
    tt_place place = place_at(4000);
    if (setjmp(end_of_device) == 0)
        tt_kernel_expired(&place);
    EXPECT_TEXT(tt_kept_crash()->reason, "watchdog: loop silent for 30000 ms");
    EXPECT_EQUAL(tt_kept_crash()->stack_words, 96);
    EXPECT(waiting_thread == NULL);
}

// The whole record, and the same lines on the console; the log has the two that matter.
static void failed_check(void)
{
    tt_place place = place_at(4094);
    words[4094] = 0xabc;
    words[4095] = 0xdef;
    for (size_t i = 0; i < sizeof(image); i++)
        image[i] = (uint8_t)(i + 1);
    image_bytes = sizeof(image);
    tt_kept_begin(); // once more: this life comes after a restart
    tt_kept_set_boot(3);
    now_ns += TT_MS(1234);
    EXPECT(!tt_kernel_check_is_failing());
    if (setjmp(end_of_device) == 0)
        tt_kernel_check_handler("os/file.c", 17, "left < right");
    EXPECT_EQUAL(end_code, -2);
    EXPECT(tt_kernel_check_is_failing());
    if (setjmp(end_of_device) == 0)
        tt_kernel_check_trapped(&place);
    EXPECT_EQUAL(end_code, 70);
    const tt_crash *crash = tt_kept_crash();
    REQUIRE(crash != NULL);
    EXPECT_TEXT(crash->reason, "check failed: os/file.c:17: left < right");
    EXPECT_TEXT(crash->thread, "loop thread");
    static const char none[TT_CRASH_REASON_MAX];
    size_t thread_end = strlen(crash->thread) + 1;
    EXPECT(memcmp(crash->thread + thread_end, none, sizeof(crash->thread) - thread_end) == 0);
    EXPECT_EQUAL(crash->boot, 3);
    EXPECT_EQUAL(crash->restarts, 1);
    EXPECT_EQUAL(crash->uptime_ms, 1234);
    EXPECT_EQUAL(crash->in_interrupt, 1);
    EXPECT_EQUAL(crash->image_bytes, TT_CRASH_IMAGE_MAX);
    EXPECT(memcmp(crash->image, image, TT_CRASH_IMAGE_MAX) == 0);
    EXPECT_EQUAL(crash->register_count, 3);
    EXPECT_TEXT(crash->registers[1].name, "sp");
    EXPECT_EQUAL(crash->registers[1].value, 0x5678);
    EXPECT_TEXT(crash->registers[2].name, "longnam"); // cut, and ended
    EXPECT_EQUAL(crash->stack_address, (uintptr_t)&words[4094]);
    EXPECT_EQUAL(crash->stack_words, 2);
    EXPECT(crash->stack[0] == 0xabc && crash->stack[1] == 0xdef);
    EXPECT(strstr(console, "tutti dump: check failed: os/file.c:17: left < right\n") == console);
    EXPECT(strstr(console, "\ntutti dump: thread loop thread, in an interrupt\n") != NULL);
    EXPECT(strstr(console, "\ntutti dump: boot 3, restart 1, after 1234 ms\n") != NULL);
    EXPECT(strstr(console, "\ntutti dump: image 0102030405") != NULL);
    EXPECT(strstr(console, "\ntutti dump: register longname ") != NULL);
    EXPECT(strstr(console, "\ntutti dump: end\n") != NULL);
    EXPECT(strstr(read_log(), "dump: thread loop thread") != NULL);
    EXPECT(strstr(read_log(), "register") == NULL && strstr(read_log(), "dump: end") == NULL);
    // What comes next is counted and hides nothing; in one device's life it only ends.
    if (setjmp(end_of_device) == 0)
        tt_kernel_fault("other", 1, &place);
    EXPECT_EQUAL(end_code, 71);
    EXPECT_EQUAL(tt_kept_crash()->followed, 0);
    tt_kept_clear_crash();
    EXPECT(tt_kept_crash() == NULL);
}

static void fault_at(uintptr_t address, const tt_place *place)
{
    if (setjmp(end_of_device) == 0)
        tt_kernel_fault("memory fault", address, place);
}

static unsigned count_of(const char *text)
{
    unsigned count = 0;
    for (const char *at = console; (at = strstr(at, text)) != NULL; at++)
        count++;
    return count;
}

// A fault in the console, behind the reason: nothing is told twice.
static void fault_in_the_console(void)
{
    static tt_place place;
    place = place_at(4094);
    console_faults = &place;
    fault_at((uintptr_t)1 << 30, &place);
    EXPECT_EQUAL(end_code, 71);
    EXPECT_EQUAL(count_of("dump: fault: memory fault at "), 1);
    EXPECT_EQUAL(count_of("dump: thread "), 0);
}

// A fault while the record is written: it is sealed with what it has, and the reason is told.
static void fault_in_a_fault(void)
{
    static tt_place place;
    place = place_at(4094);
    image_faults = &place;
    if (setjmp(end_of_device) == 0)
        tt_kernel_fault("first", (uintptr_t)1 << 30, &place);
    EXPECT_EQUAL(end_code, 71);
    EXPECT(locked > 0);
    REQUIRE(tt_kept_crash() != NULL);
    EXPECT_TEXT(tt_kept_crash()->reason, "fault: first at 0000000040000000");
    EXPECT_TEXT(console, "tutti dump: fault: first at 0000000040000000\n");
}

static void fault_with_a_record(void)
{
    tt_crash *crash = &tt_kept_memory.crash;
    tt_crash_begin(crash);
    strcpy(crash->reason, "first");
    tt_crash_seal(crash);
    tt_place place = place_at(0);
    tt_kernel_current = NULL;
    if (setjmp(end_of_device) == 0)
        tt_kernel_fault("bus error", 0x10, &place);
    EXPECT_TEXT(tt_kept_crash()->reason, "first");
    EXPECT_EQUAL(tt_kept_crash()->followed, 1);
    EXPECT(strstr(console, "tutti dump: fault: bus error at 0000000000000010\n") == console);
    EXPECT(strstr(console, "tutti dump: thread (none), in an interrupt\n") != NULL);
    EXPECT_EQUAL(count_of("tutti dump: stack "), TT_CRASH_STACK_WORDS / TT_CRASH_LINE_WORDS);
    EXPECT(locked > 0);
}

// How much of a stack is kept: from its pointer, as far as it is the thread's, and never below it.
static void stacks(void)
{
    static const struct {
        ptrdiff_t pointer; // in bytes from the first usable one
        unsigned words;
    } cases[] = {{0, 8},  {-1, 8}, {-100000, 8}, {8, 7},  {9, 7},
                 {15, 7}, {56, 1}, {63, 1},      {64, 0}, {1000, 0}};
    tt_thread thread = {
        .name = "worker", .stack = worker_words, .stack_bytes = sizeof(worker_words)};
    uintptr_t low = (uintptr_t)worker_words + TT_STACK_GUARD;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int pipe_ends[2];
        REQUIRE(pipe(pipe_ends) == 0);
        if (fork() == 0) {
            tt_place place = {.stack_pointer = low + (uintptr_t)cases[i].pointer};
            tt_kernel_current = &thread;
            fault_at(0, &place);
            unsigned count = tt_kept_crash()->stack_words;
            count += tt_kept_crash()->stack_address % sizeof(uintptr_t) == 0 ? 0 : 1000;
            _exit(write(pipe_ends[1], &count, sizeof(count)) != sizeof(count));
        }
        unsigned count = 99;
        EXPECT_EQUAL(read(pipe_ends[0], &count, sizeof(count)), sizeof(count));
        EXPECT_EQUAL(count, cases[i].words);
        wait(NULL);
        close(pipe_ends[0]);
        close(pipe_ends[1]);
    }
    // Not more than the record holds, and everything that fits.
    tt_place place = place_at(100);
    fault_at((uintptr_t)1 << 30, &place);
    EXPECT_EQUAL(tt_kept_crash()->stack_words, TT_CRASH_STACK_WORDS);
    EXPECT(strstr(kept_text(), "tutti dump: end") != NULL);
}

// An address below a stack, in its guard, is its overflow; beyond the guard it is a fault like
// others.
static void guards(void)
{
    tt_thread thread = {
        .name = "worker", .stack = worker_words, .stack_bytes = sizeof(worker_words)};
    uintptr_t low = (uintptr_t)worker_words, usable = low + TT_STACK_GUARD;
    uintptr_t base = (uintptr_t)words;
    const struct {
        uintptr_t address;
        bool thread_has, overflow, in_interrupt_stack;
    } cases[] = {
        {usable - 1, true, true, false},
        {low, true, true, false},
        {low - 1, true, false, false},
        {usable, true, false, false},
        {usable - 1, false, false, false},
        {base - 1, false, true, true},
        {base - TT_STACK_GUARD, false, true, true},
        {base - TT_STACK_GUARD - 1, false, false, true},
        {base, false, false, true},
        {base - 1, false, false, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fflush(stdout);
        pid_t child = fork();
        if (child == 0) {
            tt_place place = place_at(10);
            if (!cases[i].in_interrupt_stack)
                place.stack_end = 0; // then nothing is said by the other
            tt_kernel_current = cases[i].thread_has ? &thread : NULL;
            fault_at(cases[i].address, &place);
            bool overflow = strstr(tt_kept_crash()->reason, "fault: stack overflow at ") != NULL;
            _exit(overflow == cases[i].overflow ? 0 : 1);
        }
        int status = -1;
        waitpid(child, &status, 0);
        EXPECT_EQUAL(status, 0);
        if (status != 0)
            printf("the guard's case %zu\n", i);
    }
}

// An interrupt that met the guard below a thread's stack: the thread's is the stack to look at.
static void overflow_in_an_interrupt(void)
{
    tt_thread thread = {
        .name = "worker", .stack = worker_words, .stack_bytes = sizeof(worker_words)};
    tt_place place = place_at(4000);
    tt_kernel_current = &thread;
    fault_at((uintptr_t)worker_words + TT_STACK_GUARD - 8, &place);
    EXPECT(strstr(tt_kept_crash()->reason, "fault: stack overflow at ") != NULL);
    EXPECT_EQUAL(tt_kept_crash()->stack_address, (uintptr_t)worker_words + TT_STACK_GUARD);
    EXPECT_EQUAL(tt_kept_crash()->stack_words, 64 / sizeof(uintptr_t));
}

int main(void)
{
    test_liveness();
    in_a_life(be_silent);
    in_a_life(stand_still);
    in_a_life(no_watchdog);
    in_a_life(failed_check);
    in_a_life(fault_with_a_record);
    in_a_life(fault_in_a_fault);
    in_a_life(fault_in_the_console);
    in_a_life(overflow_in_an_interrupt);
    in_a_life(stacks);
    in_a_life(guards);
    return test_result();
}
