// Frames over a USART of STM32F2 and F4.
//
// The interrupt takes the escapes out and puts the bytes behind the frames that wait; only where a
// frame has ended it becomes one of these. Its checksum is looked at by whoever takes it. The
// sender fills the USART while that takes bytes, and only then asks for the interrupt: QEMU's is
// always ready, and never says so (7.2).

#include <string.h>

#include "os/arch/arch.h"
#include "os/driver/registers.h"
#include "os/driver/usart_slip.h"
#include "os/driver/usart_stm32.h"
#include "tutti/bytes.h"

#define LENGTH 2        // bytes of a frame's length, in a ring
#define FRAME_LEAST 60  // bytes of the shortest frame, without its checksum
#define FRAME_HEADER 14 // addresses and type
#define SEND_AT_ONCE 16 // bytes, others being held off

#define ALWAYS (TT_USART_ON | TT_USART_SENDS | TT_USART_RECEIVES | TT_USART_TELLS_RECEIVED)

static uint8_t *place(tt_frame_ring *ring, uint32_t at)
{
    return &ring->bytes[at % TT_USART_SLIP_BYTES];
}

static void put_length(tt_frame_ring *ring, uint32_t at, uint32_t length)
{
    *place(ring, at) = (uint8_t)length;
    *place(ring, at + 1) = (uint8_t)(length >> 8);
}

static uint32_t get_length(tt_frame_ring *ring, uint32_t at)
{
    return *place(ring, at) | (uint32_t)*place(ring, at + 1) << 8;
}

static void put_bytes(tt_frame_ring *ring, uint32_t at, const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        *place(ring, at + (uint32_t)i) = bytes[i];
}

// In the interrupt.

static void take_byte(tt_usart_slip *device, uint8_t byte)
{
    tt_frame_ring *ring = &device->received;
    switch (tt_slip_take(&device->reader, &byte)) {
    case TT_SLIP_BYTE:
        if (device->coming == TT_FRAME_MAX + TT_SLIP_CHECKSUM ||
            ring->end + LENGTH + device->coming - ring->first >= TT_USART_SLIP_BYTES)
            tt_slip_lose(&device->reader);
        else
            *place(ring, ring->end + LENGTH + device->coming++) = byte;
        return;
    case TT_SLIP_ENDED:
        if (device->coming == 0)
            return;
        put_length(ring, ring->end, device->coming);
        ring->end += LENGTH + device->coming;
        break;
    case TT_SLIP_DAMAGED:
        device->lost++;
        break;
    case TT_SLIP_NOTHING:
        return;
    }
    device->coming = 0;
    if (device->ethernet.arrived != NULL)
        device->ethernet.arrived(device->ethernet.arrived_context);
}

// The next byte for the line, or -1.
static int next_byte(tt_usart_slip *device)
{
    tt_frame_ring *ring = &device->sending;
    if (device->leaving_next != 0) {
        int second = device->leaving_next;
        device->leaving_next = 0;
        return second;
    }
    if (device->leaving == 0) {
        if (ring->first == ring->end)
            return -1;
        device->leaving = get_length(ring, ring->first) + 1;
        ring->first += LENGTH;
        return TT_SLIP_END;
    }
    if (--device->leaving == 0)
        return TT_SLIP_END;
    uint8_t line[2];
    unsigned bytes = tt_slip_escape(*place(ring, ring->first++), line);
    device->leaving_next = bytes == 2 ? line[1] : 0;
    return line[0];
}

// Locked, or in the interrupt: whether the USART takes more, and there is more, at once.
static bool send_some(tt_usart_slip *device)
{
    bool asks = false, more = true;
    for (int i = 0; i < SEND_AT_ONCE && more && !asks; i++) {
        asks = !(tt_register_get(device->base + TT_USART_STATUS) & TT_USART_SENDABLE);
        int byte = asks ? 0 : next_byte(device);
        more = byte >= 0;
        if (more && !asks)
            tt_register_set(device->base + TT_USART_DATA, (uint32_t)byte);
    }
    if (asks != device->is_asking)
        tt_register_set(device->base + TT_USART_CONTROL,
                        ALWAYS | (asks ? TT_USART_TELLS_SENDABLE : 0));
    device->is_asking = asks;
    return more && !asks;
}

void tt_usart_slip_interrupt(tt_usart_slip *device)
{
    uint32_t status;
    while ((status = tt_register_get(device->base + TT_USART_STATUS)) &
           (TT_USART_RECEIVED | TT_USART_OVERRUN)) {
        uint8_t byte = (uint8_t)tt_register_get(device->base + TT_USART_DATA); // acknowledges both
        if (status & TT_USART_RECEIVED)
            take_byte(device, byte);
    }
    if (device->is_asking && (status & TT_USART_SENDABLE))
        while (send_some(device))
            ;
}

// From the loop's thread.

static tt_status send_frame(tt_ethernet *ethernet, const void *frame, size_t length)
{
    static const uint8_t zeros[FRAME_LEAST];
    tt_usart_slip *device = (tt_usart_slip *)ethernet;
    tt_frame_ring *ring = &device->sending;
    if (length > TT_FRAME_MAX)
        return TT_TOO_LARGE;
    size_t padding = length < FRAME_LEAST ? FRAME_LEAST - length : 0;
    uint32_t whole = (uint32_t)(length + padding + TT_SLIP_CHECKSUM), at = ring->end + LENGTH;
    if (TT_USART_SLIP_BYTES - (ring->end - ring->first) < LENGTH + whole) {
        ethernet->frames_dropped++;
        return TT_FULL;
    }
    uint32_t checksum = tt_crc32(tt_crc32(0, frame, length), zeros, padding);
    put_length(ring, ring->end, whole);
    put_bytes(ring, at, frame, length);
    put_bytes(ring, at + (uint32_t)length, zeros, padding);
    for (uint32_t i = 0; i < TT_SLIP_CHECKSUM; i++)
        *place(ring, at + whole - TT_SLIP_CHECKSUM + i) = (uint8_t)(checksum >> 8 * i);
    tt_arch_device_fence(); // the interrupt sees all of it, or none
    ring->end += LENGTH + whole;
    ethernet->frames_sent++;
    for (bool more = true; more;) {
        uintptr_t lock = tt_arch_lock();
        more = !device->is_asking && send_some(device);
        tt_arch_unlock(lock);
    }
    return TT_OK;
}

// Copies out of the ring, in at most two pieces, and goes on with a checksum over what is there.
static uint32_t get_bytes(tt_frame_ring *ring, uint32_t at, uint8_t *bytes, uint32_t length,
                          uint32_t checksum)
{
    uint32_t offset = at % TT_USART_SLIP_BYTES, left = TT_USART_SLIP_BYTES - offset;
    uint32_t first = length < left ? length : left;
    memcpy(bytes, ring->bytes + offset, first);
    memcpy(bytes + first, ring->bytes, length - first);
    return tt_crc32(checksum, bytes, length);
}

static tt_status receive_frame(tt_ethernet *ethernet, void *frame, size_t capacity, size_t *length)
{
    tt_usart_slip *device = (tt_usart_slip *)ethernet;
    tt_frame_ring *ring = &device->received;
    if (device->lost_told != device->lost) {
        device->lost_told++;
        ethernet->frames_dropped++;
        return TT_DAMAGED;
    }
    if (ring->first == ring->end)
        return TT_EMPTY;
    uint32_t whole = get_length(ring, ring->first), at = ring->first + LENGTH;
    uint32_t size = whole > TT_SLIP_CHECKSUM ? whole - TT_SLIP_CHECKSUM : 0;
    bool usable = size >= FRAME_HEADER && size <= capacity;
    if (usable) {
        uint8_t checksum[TT_SLIP_CHECKSUM];
        uint32_t sum = get_bytes(ring, at, frame, size, 0);
        usable = get_bytes(ring, at + size, checksum, sizeof(checksum), sum) == TT_SLIP_RESIDUE;
    }
    tt_arch_device_fence(); // it is read before its place is given away
    ring->first += LENGTH + whole;
    if (!usable) {
        ethernet->frames_dropped++;
        return TT_DAMAGED;
    }
    *length = size;
    ethernet->frames_received++;
    return TT_OK;
}

void tt_usart_slip_init(tt_usart_slip *device, uintptr_t base, uint32_t divider,
                        const uint8_t mac[6])
{
    memset(device, 0, sizeof(*device)); // it is large: no second one on the stack
    device->ethernet.send = send_frame;
    device->ethernet.receive = receive_frame;
    device->base = base;
    memcpy(device->ethernet.mac, mac, 6);
    tt_register_set(base + TT_USART_DIVIDER, divider);
    tt_register_set(base + TT_USART_CONTROL, ALWAYS);
}
