// How the kernel's own watch over liveness ends the device: see panic.c.

#ifndef TUTTI_OS_KERNEL_PANIC_H
#define TUTTI_OS_KERNEL_PANIC_H

#include "os/arch/arch.h"

// "watchdog: WHO silent for N ms", with the place of a thread.
_Noreturn void tt_panic_watchdog(const char *who, tt_time silence, const tt_thread *thread,
                                 const tt_place *place);

#endif
