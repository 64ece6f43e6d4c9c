// What every medium expects of its user: a call outside of it is a bug of ours (tutti/medium.h).

#ifndef TUTTI_OS_DRIVER_MEDIUM_CHECKS_H
#define TUTTI_OS_DRIVER_MEDIUM_CHECKS_H

#include "tutti/check.h"
#include "tutti/medium.h"

static inline void tt_medium_check_read(const tt_medium *medium, uint32_t address, size_t length)
{
    uint32_t bytes = medium->sectors * medium->sector_bytes;
    TT_CHECK(address <= bytes && length <= bytes - address);
}

static inline void tt_medium_check_program(const tt_medium *medium, uint32_t address, size_t length)
{
    tt_medium_check_read(medium, address, length);
    TT_CHECK(address % medium->program_bytes == 0 && length % medium->program_bytes == 0);
    TT_CHECK(length > 0 && address % medium->sector_bytes + length <= medium->sector_bytes);
}

static inline void tt_medium_check_erase(const tt_medium *medium, uint32_t address)
{
    tt_medium_check_read(medium, address, medium->sector_bytes);
    TT_CHECK(address % medium->sector_bytes == 0);
}

#endif
