// A device's registers of 32 bits, by address. A test of drivers includes its own in this one's
// place.

#ifndef TUTTI_OS_DRIVER_REGISTERS_H
#define TUTTI_OS_DRIVER_REGISTERS_H

#include <stdint.h>

static inline uint32_t tt_register_get(uintptr_t address)
{
    return *(volatile uint32_t *)address;
}

static inline void tt_register_set(uintptr_t address, uint32_t value)
{
    *(volatile uint32_t *)address = value;
}

#endif
