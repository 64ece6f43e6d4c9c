// Devices that hang, each in its own way (ACT), and one that does not: a loop that waits to be
// asked, a worker with nothing to do for most of the time.

#include <string.h>

#include "os/arch/arch.h"
#include "tutti/check.h"
#include "tutti/kept.h"
#include "tutti/kernel.h"
#include "tutti/liveness.h"

#define PERIOD TT_MS(100)
#define LOOKS_MAX 2
// The look that saw it alive, those that it missed, the bite; and a busy host.
#define LATEST (PERIOD * (LOOKS_MAX + 4))

enum act { alive, loop, worker, starved, blocked, locked, ended };

static tt_semaphore wake, work, never;
static tt_time hung_at = TT_FOREVER;
static volatile bool spinning = true;

static void ask(void *context)
{
    (void)context;
    tt_semaphore_give(&wake);
}

static tt_liveness loop_alive = {.name = "loop", .looks_max = LOOKS_MAX, .ask = ask};
static tt_liveness worker_alive = {.name = "worker", .looks_max = LOOKS_MAX, .resting = true};

static void say(const char *text)
{
    tt_console_write_unlogged(text, strlen(text));
}

__attribute__((noinline)) static void spin(void)
{
    hung_at = tt_now();
    while (spinning)
        ;
}

__attribute__((noinline)) static void block(void)
{
    hung_at = tt_now();
    tt_semaphore_take(&never, TT_FOREVER);
    hung_at = 0; // here, so that the call above is not the last
}

static void run_urgent(void *argument)
{
    (void)argument;
    spin();
}

static void run_worker(void *argument)
{
    (void)argument;
    for (;;) {
        tt_liveness_rest(&worker_alive);
        tt_semaphore_take(&work, TT_FOREVER);
        tt_liveness_report(&worker_alive);
        if (ACT == worker)
            spin();
        if (ACT == ended) {
            hung_at = tt_now();
            return;
        }
    }
}

static void hang(void)
{
    static TT_STACK(stack, 2 * TT_IDLE_STACK_BYTES);
    static tt_thread urgent;
    if (ACT == loop)
        spin();
    if (ACT == blocked)
        block();
    if (ACT == starved)
        TT_CHECK(tt_thread_start(&urgent, "urgent", 25, stack, sizeof(stack), run_urgent, NULL) ==
                 TT_OK);
    if (ACT == locked) {
        tt_arch_lock();
        spin();
    }
}

static void run_loop(void *argument)
{
    (void)argument;
    for (unsigned turn = 0;; turn++) {
        tt_liveness_report(&loop_alive);
        if (turn % 2 == 1)
            tt_semaphore_give(&work);
        if (turn == 10)
            hang();
        if (turn == 3)
            say("hang: turning\n");
        if (turn == 30) {
            say(tt_kept_restarts() == 0 ? "hang: everybody was alive\n" : "hang: it was reset\n");
            tt_board_stop(0);
        }
        tt_semaphore_take(&wake, TT_FOREVER);
    }
}

// The end, at the time of its dump.
void tt_kernel_end(int code)
{
    tt_time late = tt_now() - hung_at;
    say(late > PERIOD * (LOOKS_MAX - 1) && late < LATEST ? "hang: in time\n"
                                                         : "hang: early or late\n");
    tt_board_stop(code);
}

void tt_main(void)
{
    static TT_STACK(loop_stack, 2 * TT_IDLE_STACK_BYTES);
    static TT_STACK(worker_stack, 2 * TT_IDLE_STACK_BYTES);
    static tt_thread loop_thread, worker_thread;
    TT_CHECK(tt_semaphore_init(&wake, 0, 1) == TT_OK);
    TT_CHECK(tt_semaphore_init(&work, 0, 1) == TT_OK);
    TT_CHECK(tt_semaphore_init(&never, 0, 1) == TT_OK);
    tt_liveness_add(&loop_alive);
    tt_liveness_add(&worker_alive);
    TT_CHECK(tt_thread_start(&worker_thread, "worker", 8, worker_stack, sizeof(worker_stack),
                             run_worker, NULL) == TT_OK);
    TT_CHECK(tt_thread_start(&loop_thread, "loop", 20, loop_stack, sizeof(loop_stack), run_loop,
                             NULL) == TT_OK);
    tt_liveness_start(PERIOD);
    if (ACT == ended) { // whose memory is then used for something else
        tt_thread_join(&worker_thread, TT_FOREVER);
        memset(&worker_thread, 0xff, sizeof(worker_thread));
        memset(worker_stack, 0xff, sizeof(worker_stack));
    }
    tt_thread_sleep(TT_FOREVER);
}
