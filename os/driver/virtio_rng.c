// The entropy device (virtio 1.1, 5.4): one queue, it fills what it is given.

#include <string.h>

#include "os/driver/virtio_rng.h"
#include "tutti/kernel.h"

#define WAIT TT_MS(500) // who gives it may be busy; without it two devices may draw the same

size_t tt_virtio_rng_read(const tt_virtio *found, void *bytes, size_t length)
{
    static tt_virtio_queue queue;
    static uint8_t buffer[64];
    tt_virtio device = *found;
    uint64_t features = 0;
    unsigned id;
    uint32_t written = 0;
    if (tt_virtio_begin(&device, &features) != TT_OK ||
        tt_virtio_add_queue(&device, &queue, 0) != TT_OK)
        return 0;
    tt_virtio_ready(&device);
    tt_virtio_give(&device, &queue, 0, buffer, sizeof(buffer), true);
    tt_time end = tt_now() + WAIT;
    while (!tt_virtio_take(&queue, &id, &written))
        if (tt_now() > end)
            return 0;
    written = written < length ? written : (uint32_t)length;
    memcpy(bytes, buffer, written);
    return written;
}
