// Which handler serves which interrupt line.

#include "os/kernel/scheduler.h"

tt_status tt_interrupt_attach(unsigned line, void (*handler)(void *context), void *context)
{
    if (line >= tt_board_interrupt_lines || line == tt_board_timer_line || handler == NULL)
        return TT_INVALID;
    tt_lock_state lock = tt_scheduler_lock();
    bool exists = tt_arch_interrupt_enable(line);
    if (exists)
        tt_board_interrupts[line] = (tt_interrupt_slot){handler, context};
    tt_arch_unlock(lock);
    return exists ? TT_OK : TT_INVALID;
}

void tt_kernel_interrupt(unsigned line)
{
    TT_CHECK(line < tt_board_interrupt_lines && tt_board_interrupts[line].handler != NULL);
    tt_board_interrupts[line].handler(tt_board_interrupts[line].context);
}
