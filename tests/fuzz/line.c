// The bytes of a serial line to the driver of a USART as an Ethernet: a row of pieces, each a byte
// of how many frames are taken after it, two bytes of length, the bytes.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tutti/check.h"

#define TUTTI_OS_DRIVER_REGISTERS_H // these registers take its place
static uint32_t tt_register_get(uintptr_t address);
static void tt_register_set(uintptr_t address, uint32_t value);
#include "os/driver/usart_slip.c"

static const uint8_t *coming;
static size_t coming_length;

static uint32_t tt_register_get(uintptr_t address)
{
    if (address == TT_USART_STATUS)
        return TT_USART_SENDABLE | (coming_length > 0 ? TT_USART_RECEIVED : 0);
    if (address != TT_USART_DATA || coming_length == 0)
        return 0;
    coming_length--;
    return *coming++;
}

static void tt_register_set(uintptr_t address, uint32_t value)
{
    (void)address, (void)value;
}

uintptr_t tt_arch_lock(void)
{
    return 0;
}

void tt_arch_unlock(uintptr_t state)
{
    (void)state;
}

static void take_frames(tt_usart_slip *device, unsigned most)
{
    for (tt_status status = TT_OK; status != TT_EMPTY && most > 0; most--) {
        uint8_t *frame = malloc(TT_FRAME_MAX);
        size_t length = 0;
        status = device->ethernet.receive(&device->ethernet, frame, TT_FRAME_MAX, &length);
        TT_CHECK(status == TT_OK || status == TT_EMPTY || status == TT_DAMAGED);
        TT_CHECK(status != TT_OK || (length >= 14 && length <= TT_FRAME_MAX));
        free(frame);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t mac[6] = {2};
    static tt_usart_slip device;
    tt_usart_slip_init(&device, 0, 42, mac);
    for (size_t at = 0; at + 3 <= size;) {
        unsigned frames = data[at], length = data[at + 1] << 8 | data[at + 2];
        at += 3;
        coming = data + at;
        coming_length = length < size - at ? length : size - at;
        at += coming_length;
        tt_usart_slip_interrupt(&device);
        take_frames(&device, frames);
    }
    TT_CHECK(device.ethernet.send(&device.ethernet, "0123456789abcd", 14) == TT_OK);
    return 0;
}
