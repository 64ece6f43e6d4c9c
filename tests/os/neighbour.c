// The neighbour of a stack: changed or not.

#include <string.h>

#include "tests/os/neighbour.h"
#include "tutti/check.h"

#define NEIGHBOUR_BYTE 0x3c
#define NEIGHBOUR_BYTES (2 * TT_STACK_GUARD)

static struct {
    _Alignas(TT_STACK_ALIGNMENT) uint8_t below[NEIGHBOUR_BYTES];
    TT_STACK(stack, 2 * TT_IDLE_STACK_BYTES);
} memory;
static tt_thread thread;
uint8_t *const neighbour_stack = memory.stack;

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

void neighbour_start(const char *name, uint8_t priority, void (*run)(void *argument))
{
    memset(memory.below, NEIGHBOUR_BYTE, sizeof(memory.below));
    TT_CHECK(tt_thread_start(&thread, name, priority, memory.stack, sizeof(memory.stack), run,
                             NULL) == TT_OK);
}

void neighbour_join(void)
{
    tt_thread_join(&thread, TT_FOREVER);
}
