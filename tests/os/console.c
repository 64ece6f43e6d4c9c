// A thread writes lines, a more urgent thread comes between and writes its own, and so does the
// interrupt that wakes it: every line must come out whole. The linker puts our tick in front of the
// kernel's.

#include <string.h>

#include "tutti/check.h"
#include "tutti/kernel.h"

#define LINE_BYTES 101
#define LINES_OF_FIRST 500
#define LINES_OF_OTHERS 100

static tt_thread thread;
static volatile unsigned ticks;

void __real_tt_kernel_tick(void);
void __wrap_tt_kernel_tick(void);

static void write_line(char letter)
{
    char line[LINE_BYTES];
    memset(line, letter, sizeof(line) - 1);
    line[sizeof(line) - 1] = '\n';
    tt_console_write(line, sizeof(line));
}

void __wrap_tt_kernel_tick(void)
{
    if (ticks < LINES_OF_OTHERS) {
        ticks++;
        write_line('i');
    }
    __real_tt_kernel_tick();
}

static void interfere(void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < LINES_OF_OTHERS; i++) {
        tt_thread_sleep(tt_now() + TT_US(20 + 7 * i % 97)); // another byte of a line each time
        write_line('b');
    }
    while (ticks < LINES_OF_OTHERS)
        tt_thread_sleep(tt_now() + TT_US(83));
}

void tt_main(void)
{
    static TT_STACK(stack, 2 * TT_IDLE_STACK_BYTES);
    TT_CHECK(tt_thread_start(&thread, "urgent", 20, stack, sizeof(stack), interfere, NULL) ==
             TT_OK);
    for (unsigned i = 0; i < LINES_OF_FIRST; i++)
        write_line('a');
    tt_thread_join(&thread, TT_FOREVER);
    tt_board_stop(0);
}
