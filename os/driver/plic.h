// The platform-level interrupt controller, in the supervisor context of one hart.

#ifndef TUTTI_OS_DRIVER_PLIC_H
#define TUTTI_OS_DRIVER_PLIC_H

#include <stdbool.h>
#include <stdint.h>

void tt_plic_init(uintptr_t base, uint64_t hart);
bool tt_plic_enable(unsigned line); // false: there is no such line
void tt_plic_handle(void);          // in interrupt: everything that is pending

#endif
