// Arm's generic interrupt controller, version 3, for one core.

#ifndef TUTTI_OS_DRIVER_GIC_V3_H
#define TUTTI_OS_DRIVER_GIC_V3_H

#include <stdint.h>

void tt_gic_init(uintptr_t distributor_registers, uintptr_t redistributor_registers);
void tt_gic_enable(unsigned line); // private (16 to 31) or shared (from 32)
void tt_gic_handle(void);          // in interrupt: the one that is signalled

#endif
