// Memory as a medium, with what NOR flash does: programming only clears bits, and only erasing sets
// them. Every operation is done when its call returns. Bytes are programmed one by one, in the
// order of their addresses, so that a loss of power leaves the first of them: copying would leave
// any.

#include <string.h>

#include "os/arch/arch.h"
#include "os/driver/medium_checks.h"
#include "os/driver/nv_ram.h"

#define SECTOR_BYTES 4096

// Not const: these are the two functions that write there.
static uint8_t *place(const tt_medium *medium, uint32_t address)
{
    return (uint8_t *)(uintptr_t)medium->window + address;
}

static tt_status nv_read(tt_medium *medium, uint32_t address, void *bytes, size_t length)
{
    tt_medium_check_read(medium, address, length);
    memcpy(bytes, place(medium, address), length);
    return TT_OK;
}

static tt_status nv_program(tt_medium *medium, uint32_t address, const void *bytes, size_t length)
{
    volatile uint8_t *to = place(medium, address);
    const uint8_t *from = bytes;
    tt_medium_check_program(medium, address, length);
    ((tt_nv_ram *)medium)->let_write(true);
    for (size_t i = 0; i < length; i++)
        to[i] &= from[i];
    ((tt_nv_ram *)medium)->let_write(false);
    return TT_OK;
}

static tt_status nv_erase(tt_medium *medium, uint32_t address)
{
    volatile uint32_t *to = (volatile uint32_t *)(void *)place(medium, address);
    tt_medium_check_erase(medium, address);
    ((tt_nv_ram *)medium)->let_write(true);
    for (size_t i = 0; i < SECTOR_BYTES / sizeof(*to); i++)
        to[i] = UINT32_MAX;
    ((tt_nv_ram *)medium)->let_write(false);
    return TT_OK;
}

static tt_status nv_sync(tt_medium *medium)
{
    (void)medium;
    tt_arch_device_fence(); // from the CPU's buffer into the memory
    return TT_OK;
}

static tt_status nv_poll(tt_medium *medium)
{
    (void)medium;
    return TT_OK;
}

static const tt_medium_operations operations = {
    .read = nv_read,
    .program = nv_program,
    .erase = nv_erase,
    .sync = nv_sync,
    .poll = nv_poll,
};

void tt_nv_ram_init(tt_nv_ram *ram, uintptr_t base, uint32_t bytes, void (*let_write)(bool may))
{
    TT_CHECK(bytes % SECTOR_BYTES == 0 && base % sizeof(uint32_t) == 0);
    *ram = (tt_nv_ram){.medium = {.operations = &operations,
                                  .program_bytes = 1,
                                  .sector_bytes = SECTOR_BYTES,
                                  .sectors = bytes / SECTOR_BYTES,
                                  .erased = 0xff,
                                  .window = (const void *)base},
                       .let_write = let_write};
}
