// The network device (virtio 1.1, 5.1): queue 0 receives, queue 1 sends; each frame behind a header
// of 12 bytes that we leave zero.

#include <string.h>

#include "os/driver/virtio_net.h"
#include "tutti/kernel.h"

#define FEATURE_MAC (1ull << 5)
#define HEADER_BYTES 12
#define FRAME_MIN 60
#define BUFFER_BYTES (HEADER_BYTES + TT_FRAME_MAX + 6) // a multiple of 4
#define SEND_BUFFERS 8

static struct {
    tt_ethernet ethernet; // first
    tt_virtio device;
    tt_virtio_queue receive, send;
    uint16_t send_free; // bits of buffers that are ours
    uint8_t received[TT_VIRTIO_QUEUE_SIZE][BUFFER_BYTES];
    uint8_t sending[SEND_BUFFERS][BUFFER_BYTES];
} net;

// Buffers that the device has sent come back when the next frame is to be sent. Where all are out
// still, that frame is refused, as on any link that is full: nobody waits for room, so the device
// need not tell of it, and a later frame finds whatever has come back by then.
static void reclaim(void)
{
    unsigned id;
    uint32_t written;
    while (tt_virtio_take(&net.send, &id, &written))
        if (id < SEND_BUFFERS)
            net.send_free |= (uint16_t)(1u << id);
}

static tt_status send(tt_ethernet *ethernet, const void *frame, size_t length)
{
    if (length > TT_FRAME_MAX)
        return TT_TOO_LARGE;
    reclaim();
    if (net.send_free == 0) {
        ethernet->frames_dropped++;
        return TT_FULL;
    }
    unsigned id = (unsigned)__builtin_ctz(net.send_free);
    uint8_t *buffer = net.sending[id];
    net.send_free &= (uint16_t) ~(1u << id);
    memset(buffer, 0, HEADER_BYTES + FRAME_MIN);
    memcpy(buffer + HEADER_BYTES, frame, length);
    length = length < FRAME_MIN ? FRAME_MIN : length;
    tt_virtio_give(&net.device, &net.send, id, buffer, (uint32_t)(HEADER_BYTES + length), false);
    ethernet->frames_sent++;
    return TT_OK;
}

static void offer(unsigned id)
{
    tt_virtio_give(&net.device, &net.receive, id, net.received[id], BUFFER_BYTES, true);
}

static tt_status receive(tt_ethernet *ethernet, void *frame, size_t capacity, size_t *length)
{
    unsigned id;
    uint32_t written;
    uint16_t seen = net.receive.seen;
    if (!tt_virtio_take(&net.receive, &id, &written)) {
        if (net.receive.seen == seen)
            return TT_EMPTY;
        ethernet->frames_dropped++; // the device spoke nonsense
        return TT_DAMAGED;
    }
    bool sound = written > HEADER_BYTES && written - HEADER_BYTES <= capacity;
    if (sound) {
        *length = written - HEADER_BYTES;
        memcpy(frame, net.received[id] + HEADER_BYTES, *length);
    }
    offer(id);
    if (!sound) {
        ethernet->frames_dropped++;
        return TT_DAMAGED;
    }
    ethernet->frames_received++;
    return TT_OK;
}

static void on_interrupt(void *context)
{
    (void)context;
    tt_virtio_acknowledge(&net.device);
    if (net.ethernet.arrived != NULL)
        net.ethernet.arrived(net.ethernet.arrived_context);
}

tt_status tt_virtio_net_start(const tt_virtio *device, tt_ethernet **ethernet)
{
    uint64_t features = FEATURE_MAC;
    net.device = *device;
    tt_status status = tt_virtio_begin(&net.device, &features);
    if (status == TT_OK)
        status = tt_virtio_add_queue(&net.device, &net.receive, 0);
    if (status == TT_OK)
        status = tt_virtio_add_queue(&net.device, &net.send, 1);
    if (status != TT_OK || !(features & FEATURE_MAC))
        return status == TT_OK ? TT_UNSUPPORTED : status;
    tt_virtio_quiet(&net.send); // nobody waits for its buffers: see reclaim
    for (unsigned i = 0; i < 6; i++)
        net.ethernet.mac[i] = tt_virtio_config(&net.device, i);
    net.ethernet.send = send;
    net.ethernet.receive = receive;
    net.send_free = (1u << SEND_BUFFERS) - 1;
    tt_virtio_ready(&net.device);
    for (unsigned i = 0; i < TT_VIRTIO_QUEUE_SIZE; i++)
        offer(i);
    *ethernet = &net.ethernet;
    return tt_interrupt_attach(net.device.line, on_interrupt, NULL);
}
