// Drivers whose order of accesses matters, against registers that act: an interrupt controller, and
// a network controller to which a frame comes at any moment.

#define TUTTI_OS_DRIVER_REGISTERS_H // these are in the place of the devices'
#include <stdint.h>

static uint32_t tt_register_get(uintptr_t address);
static void tt_register_set(uintptr_t address, uint32_t value);

#include "os/driver/lan9118.c"
#include "os/driver/plic.c"
#include "tests/test.h"

#define PLIC_BASE 0x0c000000u
#define PLIC_BYTES 0x204000u
#define LAN_BASE 0x40200000u

// ---- the interrupt controller

static uint32_t plic[PLIC_BYTES / 4];
static uint64_t waiting; // lines, by bit
static char trace[200];  // what happened: c for a claim, h for its handler, d for done

static void happened(char what, uint32_t line)
{
    size_t length = strlen(trace);
    snprintf(trace + length, sizeof(trace) - length, "%c%u ", what, (unsigned)line);
}

void tt_kernel_interrupt(unsigned line)
{
    happened('h', line);
    if (line == 7)
        waiting |= 1u << 3; // another one, meanwhile
}

static uint32_t plic_get(uint32_t offset)
{
    if (offset != 0x203004) // claim, of hart 1 in supervisor mode
        return plic[offset / 4];
    uint32_t line = waiting != 0 ? 63 - (uint32_t)__builtin_clzll(waiting) : 0;
    waiting &= ~(1ull << line);
    happened('c', line);
    return line;
}

static void plic_set(uint32_t offset, uint32_t value)
{
    plic[offset / 4] = value;
    if (offset == 0x203004)
        happened('d', value);
}

// Each interrupt is complete when its handler has run, and not before.
static void test_plic(void)
{
    plic[0x203000 / 4] = 7;
    tt_plic_init(PLIC_BASE, 1);
    EXPECT_EQUAL(plic[0x203000 / 4], 0);
    EXPECT(!tt_plic_enable(0) && tt_plic_enable(3) && tt_plic_enable(7) && tt_plic_enable(40));
    EXPECT(plic[3] == 1 && plic[7] == 1 && plic[40] == 1 && plic[4] == 0);
    EXPECT_EQUAL(plic[0x2180 / 4], 1u << 3 | 1u << 7);
    EXPECT_EQUAL(plic[0x2184 / 4], 1u << 8);
    waiting = 1ull << 40 | 1u << 7;
    tt_plic_handle();
    EXPECT_TEXT(trace, "c40 h40 d40 c7 h7 d7 c3 h3 d3 c0 ");
}

// ---- the network controller

static unsigned frames;          // that wait in it
static bool latched;             // its interrupt is, at arrival; otherwise it is a level
static bool latch, enabled;      // the interrupt's status and mask
static unsigned accesses;        // so far
static unsigned arrival = ~0u;   // the access that a frame comes before
static const uint8_t own_mac[6]; // of zeros; so is a frame's destination

static void arrive(void)
{
    frames++;
    latch = true;
}

static bool interrupts(void)
{
    return enabled && (latched ? latch : frames > 0);
}

static uint32_t lan_get(uint32_t offset)
{
    if (offset == RX_FIFO)
        return frames << 16;
    if (offset == RX_STATUS && frames > 0)
        frames--;
    return offset == BYTE_TEST   ? BYTE_TEST_VALUE
           : offset == RX_STATUS ? 64u << 16
           : offset == RX_DATA   ? 0x6b6b6b6b
                                 : 0;
}

static void lan_set(uint32_t offset, uint32_t value)
{
    if (offset == INTERRUPT_STATUS && (value & RX_LEVEL_REACHED) != 0)
        latch = false;
    if (offset == INTERRUPT_ENABLE)
        enabled = (value & RX_LEVEL_REACHED) != 0;
}

// Whenever a frame comes while the driver looks: it is received, or it interrupts.
static void test_arrivals(bool is_latched)
{
    static uint8_t frame[TT_FRAME_MAX];
    tt_lan9118 device;
    tt_ethernet *ethernet = &device.ethernet;
    size_t length = 0;
    latched = is_latched;
    EXPECT_EQUAL(tt_lan9118_init(&device, LAN_BASE), TT_OK);
    EXPECT(memcmp(ethernet->mac, own_mac, 6) == 0);
    unsigned received = 0, told = 0;
    for (unsigned moment = 0; moment < 12; moment++) {
        frames = accesses = 0;
        latch = enabled = false;
        arrival = moment;
        tt_status status = ethernet->receive(ethernet, frame, sizeof(frame), &length);
        arrival = ~0u;
        if (accesses <= moment)
            arrive(); // after it all
        received += status == TT_OK && length == 60;
        told += status == TT_EMPTY && interrupts();
        EXPECT(status == TT_OK ? frames == 0 : status == TT_EMPTY && interrupts());
        tt_lan9118_interrupt(&device);
        EXPECT(!interrupts());
    }
    EXPECT(received >= 1 && told >= 3 && received + told == 12);
}

// ---- both

static uint32_t tt_register_get(uintptr_t address)
{
    if (address - PLIC_BASE < PLIC_BYTES)
        return plic_get((uint32_t)(address - PLIC_BASE));
    if (accesses++ == arrival)
        arrive();
    return lan_get((uint32_t)(address - LAN_BASE));
}

static void tt_register_set(uintptr_t address, uint32_t value)
{
    if (address - PLIC_BASE < PLIC_BYTES) {
        plic_set((uint32_t)(address - PLIC_BASE), value);
        return;
    }
    if (accesses++ == arrival)
        arrive();
    lan_set((uint32_t)(address - LAN_BASE), value);
}

int main(void)
{
    test_plic();
    test_arrivals(false);
    test_arrivals(true);
    return test_result();
}
