// Arm's generic interrupt controller, version 3, for one core.

#ifndef TUTTI_OS_DRIVER_GIC_V3_H
#define TUTTI_OS_DRIVER_GIC_V3_H

#include <stdint.h>

#define TT_GIC_SHARED 32 // the first shared line; those before are the core's own

void tt_gic_init(uintptr_t distributor_registers, uintptr_t redistributor_registers);
void tt_gic_enable(unsigned line); // private (from 16) or shared
void tt_gic_handle(void);          // in interrupt: the one that is signalled

#endif
