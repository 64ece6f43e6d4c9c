// Which handler serves which interrupt line.

#include "os/kernel/scheduler.h"

tt_status tt_interrupt_attach(unsigned line, void (*handler)(void *context), void *context)
{
    if (line >= tt_board_interrupt_lines || handler == NULL)
        return TT_INVALID;
    tt_lock_state lock = tt_scheduler_lock();
    tt_board_interrupts[line].handler = handler;
    tt_board_interrupts[line].context = context;
    tt_arch_interrupt_enable(line);
    tt_arch_unlock(lock);
    return TT_OK;
}

void tt_kernel_interrupt(unsigned line)
{
    TT_CHECK(line < tt_board_interrupt_lines && tt_board_interrupts[line].handler != NULL);
    tt_board_interrupts[line].handler(tt_board_interrupts[line].context);
}
