// Which handler serves which interrupt line.

#include "os/kernel/scheduler.h"

static struct {
    void (*handler)(void *context);
    void *context;
} handlers[TT_INTERRUPT_LINES];

void tt_interrupt_attach(unsigned line, void (*handler)(void *context), void *context)
{
    TT_CHECK(line < TT_INTERRUPT_LINES && handler != NULL);
    tt_lock_state lock = tt_scheduler_lock();
    handlers[line].handler = handler;
    handlers[line].context = context;
    tt_arch_interrupt_enable(line);
    tt_scheduler_unlock(lock);
}

void tt_kernel_interrupt(unsigned line)
{
    TT_CHECK(line < TT_INTERRUPT_LINES && handlers[line].handler != NULL);
    handlers[line].handler(handlers[line].context);
}
