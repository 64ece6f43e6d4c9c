// A product's whole image, alone on its segment: how often does it wake while nothing happens? The
// linker puts this file in front of tt_node_run. A thread counts the kernel's wake-ups from minute
// 2 to minute 6 of the device's clock (two of them its own), prints their rate and stops.

#include "tutti/check.h"
#include "tutti/kernel.h"
#include "tutti/node.h"
#include "tutti/text.h"

#define FROM TT_SECONDS(120)
#define MINUTES 4
#ifndef WAKEUPS_MOST
#define WAKEUPS_MOST 120 // a minute
#endif

void __real_tt_node_run(tt_node *node);
void __wrap_tt_node_run(tt_node *node);

static void count(void *argument)
{
    (void)argument;
    char line[80];
    tt_text text;
    tt_thread_sleep(tt_now() + FROM);
    uint32_t before = tt_kernel_wakeups();
    tt_thread_sleep(tt_now() + MINUTES * TT_SECONDS(60));
    uint32_t a_minute = (tt_kernel_wakeups() - before + MINUTES - 1) / MINUTES;
    tt_text_init(&text, line, sizeof(line));
    tt_text_add(&text, "idle: ");
    tt_text_add_unsigned(&text, a_minute);
    tt_text_add(&text, a_minute <= WAKEUPS_MOST ? " wake-ups a minute\n"
                                                : " wake-ups a minute: too many\n");
    tt_console_write(line, text.length);
    tt_board_stop(a_minute <= WAKEUPS_MOST ? 0 : 1);
}

void __wrap_tt_node_run(tt_node *node)
{
    static tt_thread thread;
    static TT_STACK(stack, 2 * TT_IDLE_STACK_BYTES);
    TT_CHECK(tt_thread_start(&thread, "count", 31, stack, sizeof(stack), count, NULL) == TT_OK);
    __real_tt_node_run(node);
}
