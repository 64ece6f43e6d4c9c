// What the kernel's operations cost, by the method of Thread-Metric (an open RTOS benchmark suite):
// a loop of one operation and a counter, loop and counter included. Prints for each
// `kernel NAME OPERATIONS NANOSECONDS`; under -icount shift=5 an instruction takes 32 ns.
//
// cooperative: five threads of one priority yield in turn; an operation is one yield.
// preemptive:  five threads of rising priority; each resumes the next higher and suspends itself;
//              an operation is one thread's turn.
// message:     a thread sends 16 bytes to a queue, receives them and compares their last word.
// semaphore:   a thread takes a semaphore and gives it back.

#include <string.h>

#include "tutti/check.h"
#include "tutti/kernel.h"
#include "tutti/text.h"

#define THREADS 5
#define OPERATIONS 100000
#define STACK (TT_STACK_GUARD >= 4096 ? 32 * 1024 : 1024)
#define PRIORITY 4 // of the threads measured, below the first one's

static uint8_t stacks[THREADS][TT_STACK_GUARD + STACK] __attribute__((aligned(TT_STACK_ALIGNMENT)));
static tt_thread threads[THREADS];
static volatile unsigned counters[THREADS];

static void report(const char *name, unsigned operations, tt_time taken)
{
    char line[80];
    tt_text text;
    tt_text_init(&text, line, sizeof(line));
    tt_text_add(&text, "kernel ");
    tt_text_add(&text, name);
    tt_text_add(&text, " ");
    tt_text_add_unsigned(&text, operations);
    tt_text_add(&text, " ");
    tt_text_add_unsigned(&text, (uint64_t)taken);
    tt_text_add(&text, "\n");
    tt_console_write(text.data, text.length);
}

static unsigned counted(void)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < THREADS; i++)
        sum += counters[i];
    return sum;
}

static void start(unsigned i, int priority, void (*entry)(void *argument))
{
    counters[i] = 0;
    TT_CHECK(tt_thread_start(&threads[i], "metric", (uint8_t)priority, stacks[i], sizeof(stacks[i]),
                             entry, (void *)(uintptr_t)i) == TT_OK);
}

// Lets the threads run until the first has counted enough, and ends them.
static void measure(const char *name)
{
    tt_time begun = tt_now();
    tt_status status = tt_thread_join(&threads[0], TT_FOREVER);
    tt_time taken = tt_now() - begun;
    TT_CHECK(status == TT_OK);
    report(name, counted(), taken);
}

static void yield_in_turn(void *argument)
{
    unsigned i = (unsigned)(uintptr_t)argument;
    while (counters[i] < OPERATIONS / THREADS) {
        counters[i]++;
        tt_thread_yield();
    }
}

static void cooperative(void)
{
    for (unsigned i = 0; i < THREADS; i++)
        start(i, PRIORITY, yield_in_turn);
    measure("cooperative");
    for (unsigned i = 1; i < THREADS; i++)
        tt_thread_join(&threads[i], TT_FOREVER);
}

static void resume_next(void *argument)
{
    unsigned i = (unsigned)(uintptr_t)argument;
    while (counters[0] < OPERATIONS / THREADS) {
        if (i > 0)
            tt_thread_suspend(&threads[i]); // until the next lower one's turn
        counters[i]++;
        if (i + 1 < THREADS)
            tt_thread_resume(&threads[i + 1]);
    }
}

static void preemptive(void)
{
    for (unsigned i = THREADS; i-- > 0;)
        start(i, PRIORITY + (int)i, resume_next);
    measure("preemptive");
    for (unsigned i = 1; i < THREADS; i++) {
        tt_thread_resume(&threads[i]); // sees that it is over
        tt_thread_join(&threads[i], TT_FOREVER);
    }
}

static void message(void)
{
    static uint32_t storage[10][4];
    uint32_t sent[4] = {1, 2, 3, 4}, received[4] = {0};
    tt_queue queue;
    TT_CHECK(tt_queue_init(&queue, storage, sizeof(storage[0]), 10) == TT_OK);
    tt_time begun = tt_now();
    for (unsigned i = 0; i < OPERATIONS; i++) {
        sent[3] = i;
        if (tt_queue_send(&queue, sent, 0) != TT_OK ||
            tt_queue_receive(&queue, received, 0) != TT_OK || received[3] != sent[3])
            break;
        counters[0] = i + 1;
    }
    tt_time taken = tt_now() - begun;
    TT_CHECK(memcmp(sent, received, sizeof(sent)) == 0);
    report("message", counters[0], taken);
}

static void semaphore(void)
{
    tt_semaphore s;
    TT_CHECK(tt_semaphore_init(&s, 1, 1) == TT_OK);
    tt_time begun = tt_now();
    for (unsigned i = 0; i < OPERATIONS; i++) {
        if (tt_semaphore_take(&s, 0) != TT_OK || tt_semaphore_give(&s) != TT_OK)
            break;
        counters[0] = i + 1;
    }
    report("semaphore", counters[0], tt_now() - begun);
}

void tt_main(void)
{
    cooperative();
    preemptive();
    message();
    semaphore();
    tt_board_stop(0);
}
