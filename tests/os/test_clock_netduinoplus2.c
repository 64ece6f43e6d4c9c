// The clocks of the Netduino Plus 2 against chips on which one thing or another does not work:
// every wait ends, the speed that is told is the one that is there, and the flash is never too slow
// for it.

#include "tests/test.h"

#include <stdint.h>

#define TUTTI_OS_DRIVER_REGISTERS_H // these registers take its place
static uint32_t tt_register_get(uintptr_t address);
static void tt_register_set(uintptr_t address, uint32_t value);
#include "os/board/netduinoplus2/clock.c"

typedef struct chip {
    bool is_there, has_crystal, pll_locks, switches; // what works
    unsigned patience;                               // reads until a flag comes
    uint32_t control, pll, configuration, flash, reads;
} chip;

static chip c;

static uint32_t control_now(void)
{
    bool locks =
        c.pll_locks && (c.control & PLL_ON) && (!(c.pll & PLL_FROM_CRYSTAL) || c.has_crystal);
    bool late = c.reads % (c.patience + 1) == c.patience;
    return c.control | (c.has_crystal && late && (c.control & CRYSTAL_ON) ? CRYSTAL_READY : 0) |
           (locks && late ? PLL_READY : 0);
}

static uint32_t tt_register_get(uintptr_t address)
{
    c.reads++;
    if (!c.is_there)
        return 0;
    if (address == CONTROL)
        return control_now();
    if (address == CONFIGURATION)
        return c.configuration | (c.switches ? (c.configuration & 3) << 2 : 0);
    return 0;
}

static void tt_register_set(uintptr_t address, uint32_t value)
{
    if (address == CONTROL)
        c.control = value & ~(CRYSTAL_READY | PLL_READY);
    if (address == PLL)
        c.pll = value;
    if (address == FLASH_ACCESS)
        c.flash = value;
    if (address == CONFIGURATION) {
        EXPECT((value & 3) == 0 || (c.flash & 7) >= 5); // 30 MHz a wait state (RM0090, table 10)
        c.configuration = value;
    }
}

static uint32_t start(chip made)
{
    c = made;
    c.control = 0x83; // the internal oscillator, ready
    tt_board_clock_start();
    EXPECT(c.reads < 1000000);
    return tt_board_clocks_now()->cpu_hz;
}

int main(void)
{
    // An emulator without these registers: at once.
    EXPECT_EQUAL(start((chip){.is_there = false}), 168000000);
    EXPECT(c.reads < 10);

    EXPECT_EQUAL(start((chip){true, true, true, true, .patience = 1000}), 168000000);
    EXPECT(c.pll & PLL_FROM_CRYSTAL);
    EXPECT_EQUAL(c.pll & 63, 25);
    EXPECT_EQUAL(tt_board_clocks_now()->apb1_hz, 42000000);
    EXPECT_EQUAL(tt_board_clocks_now()->apb2_hz, 84000000);

    EXPECT_EQUAL(start((chip){true, false, true, true, .patience = 1}), 168000000);
    EXPECT(!(c.pll & PLL_FROM_CRYSTAL));
    EXPECT_EQUAL(c.pll & 63, 16);

    EXPECT_EQUAL(start((chip){true, true, false, true, .patience = 1}), 16000000);
    EXPECT_EQUAL(c.configuration, 0);
    EXPECT_EQUAL(start((chip){true, true, true, false, .patience = 1}), 16000000);
    EXPECT_EQUAL(c.configuration, 0);
    EXPECT_EQUAL(start((chip){.is_there = true, .patience = 1}), 16000000);
    EXPECT_EQUAL(tt_board_clocks_now()->apb1_hz, 16000000);
    return test_result();
}
