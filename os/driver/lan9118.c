// SMSC LAN9118 (data sheet DS00002266): a 32-bit register window with four FIFOs. Frames go through
// the data FIFOs a word at a time.
//
// The receive interrupt says "the status FIFO holds more than its level". It is a level on the real
// controller and latched at arrival under QEMU, so the handler masks it, and `receive` unmasks it
// once it has found nothing, in an order in which no arrival is missed on either: acknowledge,
// unmask, look again.

#include <stdbool.h>
#include <string.h>

#include "os/driver/lan9118.h"
#include "os/driver/registers.h"

// Registers, as offsets from the base (section 5.3).
enum {
    RX_DATA = 0x00,
    TX_DATA = 0x20,
    RX_STATUS = 0x40,
    TX_STATUS = 0x48,
    IRQ_CONFIGURATION = 0x54,
    INTERRUPT_STATUS = 0x58,
    INTERRUPT_ENABLE = 0x5c,
    BYTE_TEST = 0x64,
    FIFO_LEVELS = 0x68,
    TX_CONFIGURATION = 0x70,
    HARDWARE_CONFIGURATION = 0x74,
    RX_FIFO = 0x7c, // words of data below, statuses in bits 16 to 23
    TX_FIFO = 0x80, // free bytes below, statuses in bits 16 to 23
    MAC_COMMAND = 0xa4,
    MAC_DATA = 0xa8,
};

// Registers of the MAC behind MAC_COMMAND (section 5.4).
enum { MAC_CONTROL = 1, MAC_ADDRESS_HIGH = 2, MAC_ADDRESS_LOW = 3 };

#define BYTE_TEST_VALUE 0x87654321u
#define RESET (1u << 0)
#define MUST_BE_ONE (1u << 20)
#define TX_FIFO_KIB(size) ((uint32_t)(size) << 16)
#define TX_ON (1u << 1)
#define MAC_BUSY (1u << 31)
#define MAC_READ (1u << 30)
#define MAC_FULL_DUPLEX (1u << 20)
#define MAC_ALL_MULTICAST (1u << 19) // IPv6 and mDNS need groups; the stack sorts them out
#define MAC_TRANSMIT (1u << 3)
#define MAC_RECEIVE (1u << 2)
#define IRQ_ENABLED (1u << 8)
#define IRQ_ACTIVE_HIGH (1u << 4) // QEMU inverts the line without it
#define IRQ_PUSH_PULL (1u << 0)
#define RX_LEVEL_REACHED (1u << 3)
#define TX_FIRST_SEGMENT (1u << 13)
#define TX_LAST_SEGMENT (1u << 12)
#define RX_ERROR (1u << 15)
#define RX_LENGTH(status) ((status) >> 16 & 0x3fff)

#define CHECKSUM 4       // bytes of a frame's checksum, which the controller adds and reports
#define FRAME_LEAST 60   // bytes of the shortest frame, without it
#define TX_OVERHEAD 16   // bytes that the FIFO needs beside the frame: two commands and alignment
#define SPINS_MAX 100000 // waiting for the controller; it takes microseconds

static uint32_t get(const tt_lan9118 *device, unsigned offset)
{
    return tt_register_get(device->base + offset);
}

static void set(const tt_lan9118 *device, unsigned offset, uint32_t value)
{
    tt_register_set(device->base + offset, value);
}

static bool wait_clear(const tt_lan9118 *device, unsigned offset, uint32_t bit)
{
    for (int spins = 0; spins < SPINS_MAX; spins++)
        if (!(get(device, offset) & bit))
            return true;
    return false;
}

// Both are false where the MAC does not answer.
static bool mac_get(const tt_lan9118 *device, uint32_t index, uint32_t *value)
{
    set(device, MAC_COMMAND, MAC_BUSY | MAC_READ | index);
    bool done = wait_clear(device, MAC_COMMAND, MAC_BUSY);
    *value = get(device, MAC_DATA);
    return done;
}

static bool mac_set(const tt_lan9118 *device, uint32_t index, uint32_t value)
{
    set(device, MAC_DATA, value);
    set(device, MAC_COMMAND, MAC_BUSY | index);
    return wait_clear(device, MAC_COMMAND, MAC_BUSY);
}

static tt_status send_frame(tt_ethernet *ethernet, const void *frame, size_t length)
{
    const tt_lan9118 *device = (const tt_lan9118 *)ethernet;
    if (length > TT_FRAME_MAX)
        return TT_TOO_LARGE;
    uint32_t fifo = get(device, TX_FIFO);
    for (uint32_t done = fifo >> 16 & 0xff; done > 0; done--)
        get(device, TX_STATUS); // nobody asks how it went, but the FIFO must not fill
    uint32_t padded = (uint32_t)(length < FRAME_LEAST ? FRAME_LEAST : length);
    if ((fifo & 0xffff) < padded + TX_OVERHEAD) {
        ethernet->frames_dropped++;
        return TT_FULL;
    }
    set(device, TX_DATA, TX_FIRST_SEGMENT | TX_LAST_SEGMENT | padded);
    set(device, TX_DATA, padded);
    for (size_t at = 0; at < padded; at += 4) {
        uint32_t word = 0;
        if (at < length)
            memcpy(&word, (const uint8_t *)frame + at, length - at < 4 ? length - at : 4);
        set(device, TX_DATA, word);
    }
    ethernet->frames_sent++;
    return TT_OK;
}

static bool frame_waits(const tt_lan9118 *device)
{
    return (get(device, RX_FIFO) >> 16 & 0xff) != 0;
}

static tt_status receive_frame(tt_ethernet *ethernet, void *frame, size_t capacity, size_t *length)
{
    const tt_lan9118 *device = (const tt_lan9118 *)ethernet;
    if (!frame_waits(device)) {
        set(device, INTERRUPT_STATUS, RX_LEVEL_REACHED); // acknowledges
        set(device, INTERRUPT_ENABLE, RX_LEVEL_REACHED);
        if (!frame_waits(device))
            return TT_EMPTY;
    }
    uint32_t status = get(device, RX_STATUS);
    size_t with_checksum = RX_LENGTH(status);
    size_t size = with_checksum > CHECKSUM ? with_checksum - CHECKSUM : 0;
    bool usable = !(status & RX_ERROR) && size > 0 && size <= capacity;
    // A frame that is not wanted must be read out all the same.
    for (size_t at = 0; at < with_checksum; at += 4) {
        uint32_t word = get(device, RX_DATA);
        if (usable && at < size)
            memcpy((uint8_t *)frame + at, &word, size - at < 4 ? size - at : 4);
    }
    if (!usable) {
        ethernet->frames_dropped++;
        return TT_DAMAGED;
    }
    *length = size;
    ethernet->frames_received++;
    return TT_OK;
}

void tt_lan9118_interrupt(tt_lan9118 *device)
{
    set(device, INTERRUPT_ENABLE, 0);
    if (device->ethernet.arrived)
        device->ethernet.arrived(device->ethernet.arrived_context);
}

tt_status tt_lan9118_init(tt_lan9118 *device, uintptr_t base)
{
    *device =
        (tt_lan9118){.ethernet = {.send = send_frame, .receive = receive_frame}, .base = base};
    if (get(device, BYTE_TEST) != BYTE_TEST_VALUE)
        return TT_NOT_FOUND;
    set(device, HARDWARE_CONFIGURATION, RESET);
    if (!wait_clear(device, HARDWARE_CONFIGURATION, RESET))
        return TT_TIMED_OUT;
    set(device, HARDWARE_CONFIGURATION, TX_FIFO_KIB(5) | MUST_BE_ONE);

    uint32_t low, high;
    if (!mac_get(device, MAC_ADDRESS_LOW, &low) || !mac_get(device, MAC_ADDRESS_HIGH, &high))
        return TT_TIMED_OUT;
    for (int i = 0; i < 6; i++)
        device->ethernet.mac[i] = (uint8_t)(i < 4 ? low >> 8 * i : high >> 8 * (i - 4));

    set(device, INTERRUPT_ENABLE, 0);
    set(device, FIFO_LEVELS, 0); // more than none is enough
    set(device, IRQ_CONFIGURATION, IRQ_ENABLED | IRQ_ACTIVE_HIGH | IRQ_PUSH_PULL);
    set(device, TX_CONFIGURATION, TX_ON);
    const uint32_t on = MAC_FULL_DUPLEX | MAC_ALL_MULTICAST | MAC_TRANSMIT | MAC_RECEIVE;
    return mac_set(device, MAC_CONTROL, on) ? TT_OK : TT_TIMED_OUT;
}
