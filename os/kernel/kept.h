// The kernel's own side of tutti/kept.h.

#ifndef TUTTI_OS_KERNEL_KEPT_H
#define TUTTI_OS_KERNEL_KEPT_H

#include "tutti/kept.h"

void tt_kept_begin(void);         // once, interrupts off, before any thread
void tt_kept_look(tt_time now);   // now and then: whether this life is a long one by now
uint32_t tt_kept_boot(void);      // what tt_kept_set_boot gave
uint64_t tt_kept_uptime_ms(void); // 0 before tt_kept_begin
bool tt_kept_has_begun(void);     // else nothing may be written there

#endif
