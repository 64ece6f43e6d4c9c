// A thread recurses for ever: it must fault before the bytes below its stack change.
//
// tt_board_stop is wrapped by the linker: on the way out it looks at the neighbours.

#include <string.h>

#include "tutti/check.h"
#include "tutti/kernel.h"

#define NEIGHBOUR_BYTE 0x3c
#define NEIGHBOUR_BYTES 4096

static struct {
    _Alignas(TT_STACK_ALIGNMENT) uint8_t below[NEIGHBOUR_BYTES];
    TT_STACK(stack, 2 * TT_IDLE_STACK_BYTES);
} memory;
static tt_thread thread;

_Noreturn void __real_tt_board_stop(int code);
_Noreturn void __wrap_tt_board_stop(int code);
_Noreturn void __wrap_tt_board_stop(int code)
{
    static const char intact[] = "neighbour intact\n", changed[] = "neighbour CHANGED\n";
    bool same = true;
    for (size_t i = 0; i < sizeof(memory.below); i++)
        same &= memory.below[i] == NEIGHBOUR_BYTE;
    if (same)
        tt_console_write(intact, strlen(intact));
    else
        tt_console_write(changed, strlen(changed));
    __real_tt_board_stop(code);
}

__attribute__((noinline)) static unsigned recurse(unsigned depth)
{
    volatile unsigned words[20];
    words[depth % 20] = depth;
    if (tt_now() < 0) // never, but the compiler cannot know
        return 0;
    return recurse(depth + 1) + words[depth % 20];
}

static void run(void *argument)
{
    *(volatile unsigned *)argument = recurse(0);
}

void tt_main(void)
{
    static unsigned result;
    memset(memory.below, NEIGHBOUR_BYTE, sizeof(memory.below));
    tt_thread_start(&thread, "recursing", 20, memory.stack, sizeof(memory.stack), run, &result);
    tt_thread_join(&thread, TT_FOREVER);
    tt_board_stop(0);
}
