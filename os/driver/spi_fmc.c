// The flash controller of the AST1030 (as QEMU's hw/ssi/aspeed_smc.c has it). In user mode what is
// written to the window goes out on the bus, and what is read there comes in; in read mode the
// window holds the flash's bytes.

#include "os/driver/registers.h"
#include "os/driver/spi_fmc.h"

#define CONFIGURATION 0x00 // which devices may be written
#define CONTROL 0x10       // of the first device
#define WRITE_FIRST (1u << 16)
#define READ_MODE 0u // by the plain command, 03
#define USER_MODE 3u
#define DESELECT (1u << 2)

static tt_spi_fmc *self(tt_spi *spi)
{
    return (tt_spi_fmc *)spi;
}

static void fmc_select(tt_spi *spi, bool selected)
{
    uintptr_t control = self(spi)->registers + CONTROL;
    if (selected) {
        self(spi)->let_write(true);
        tt_register_set(control, USER_MODE);
        return;
    }
    tt_register_set(control, USER_MODE | DESELECT); // first: what follows is no part of the command
    tt_register_set(control, READ_MODE);
    self(spi)->let_write(false);
}

static void fmc_send(tt_spi *spi, const void *bytes, size_t length)
{
    const uint8_t *from = bytes;
    for (size_t i = 0; i < length; i++)
        *(volatile uint8_t *)(uintptr_t)self(spi)->window = from[i];
}

static void fmc_take(tt_spi *spi, void *bytes, size_t length)
{
    uint8_t *to = bytes;
    for (size_t i = 0; i < length; i++)
        to[i] = *(const volatile uint8_t *)self(spi)->window;
}

void tt_spi_fmc_init(tt_spi_fmc *fmc, uintptr_t registers, uintptr_t window,
                     void (*let_write)(bool may))
{
    *fmc = (tt_spi_fmc){.spi = {.select = fmc_select, .send = fmc_send, .take = fmc_take},
                        .registers = registers,
                        .window = (const void *)window,
                        .let_write = let_write};
    tt_register_set(registers + CONFIGURATION,
                    tt_register_get(registers + CONFIGURATION) | WRITE_FIRST);
}
