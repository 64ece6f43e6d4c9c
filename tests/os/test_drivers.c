// The drivers of network controllers against controllers that give odd answers. Their registers are
// plain memory here: what a driver reads is what the test, or the driver itself, wrote last.

#include "os/driver/lan9118.h"
#include "os/driver/virtio_net.c" // its queues are its own
#include "tests/test.h"
#include "tutti/check.h"

static uint32_t registers[128];
static uint8_t frame[TT_FRAME_MAX + 16];

static void (*attached)(void *context);
static void *attached_context;

tt_status tt_interrupt_attach(unsigned line, void (*handler)(void *context), void *context)
{
    (void)line;
    attached = handler;
    attached_context = context;
    return TT_OK;
}

static void count(void *context)
{
    ++*(unsigned *)context;
}

static void set(unsigned offset, uint32_t value)
{
    registers[offset / 4] = value;
}

static tt_status find(tt_virtio *device)
{
    return tt_virtio_find(device, TT_VIRTIO_NET, (uintptr_t)registers, sizeof(registers), 1, 7);
}

static void test_virtio_found(void)
{
    tt_virtio device;
    uint64_t features = 0;
    memset(registers, 0, sizeof(registers));
    EXPECT_EQUAL(find(&device), TT_NOT_FOUND);
    set(0x00, 0x74726976);    // "virt"
    set(0x08, TT_VIRTIO_RNG); // another kind
    EXPECT_EQUAL(find(&device), TT_NOT_FOUND);
    set(0x08, TT_VIRTIO_NET);
    set(0x04, 1);
    EXPECT_EQUAL(find(&device), TT_UNSUPPORTED);
    set(0x04, 2);
    EXPECT_EQUAL(find(&device), TT_OK);
    EXPECT_EQUAL(device.line, 7);
    EXPECT_EQUAL(tt_virtio_begin(&device, &features), TT_UNSUPPORTED); // not of version 1
    set(0x10, UINT32_MAX);                                             // every feature
    EXPECT_EQUAL(tt_virtio_begin(&device, &features), TT_OK);
    EXPECT_EQUAL(features, 1ull << 32);
    EXPECT_EQUAL(tt_virtio_add_queue(&device, &net.receive, 0), TT_UNSUPPORTED); // too small
    set(0x34, TT_VIRTIO_QUEUE_SIZE);
    EXPECT_EQUAL(tt_virtio_add_queue(&device, &net.receive, 0), TT_OK);
}

// The device has used buffer `id` and says that it wrote `length` bytes.
static void used(tt_virtio_queue *queue, uint32_t id, uint32_t length)
{
    unsigned place = queue->used.index % TT_VIRTIO_QUEUE_SIZE;
    queue->used.ring[place].id = id;
    queue->used.ring[place].length = length;
    queue->used.index++;
}

// 20 bytes 0x55, and zeros to 60.
static void expect_padded(const uint8_t *sent)
{
    for (unsigned i = 0; i < 60; i++)
        EXPECT_EQUAL(sent[i], i < 20 ? 0x55 : 0);
}

static void test_virtio_frames(void)
{
    tt_virtio device = {(uintptr_t)registers, 7};
    tt_ethernet *ethernet;
    size_t length = 0;
    EXPECT_EQUAL(tt_virtio_net_start(&device, &ethernet), TT_OK);
    unsigned arrivals = 0;
    attached(attached_context); // nobody wants to know
    ethernet->arrived = count;
    ethernet->arrived_context = &arrivals;
    attached(attached_context);
    EXPECT_EQUAL(arrivals, 1);
    EXPECT_EQUAL(net.receive.available.index, TT_VIRTIO_QUEUE_SIZE);
    EXPECT_EQUAL(ethernet->receive(ethernet, frame, TT_FRAME_MAX, &length), TT_EMPTY);

    // Lengths that cannot be: each is dropped, and its buffer goes back to the device.
    static const uint32_t odd[] = {
        0,         1, HEADER_BYTES, HEADER_BYTES + TT_FRAME_MAX + 1, BUFFER_BYTES, BUFFER_BYTES + 1,
        UINT32_MAX};
    for (unsigned i = 0; i < TT_COUNT(odd); i++) {
        uint16_t before = net.receive.available.index;
        used(&net.receive, i, odd[i]);
        EXPECT_EQUAL(ethernet->receive(ethernet, frame, TT_FRAME_MAX, &length), TT_DAMAGED);
        EXPECT_EQUAL(net.receive.available.index, (uint16_t)(before + 1));
        EXPECT_EQUAL(ethernet->frames_dropped, i + 1);
    }
    // A buffer that does not exist.
    used(&net.receive, TT_VIRTIO_QUEUE_SIZE, 100);
    EXPECT_EQUAL(ethernet->receive(ethernet, frame, TT_FRAME_MAX, &length), TT_DAMAGED);
    used(&net.receive, UINT32_MAX, 100);
    EXPECT_EQUAL(ethernet->receive(ethernet, frame, TT_FRAME_MAX, &length), TT_DAMAGED);

    // Frames of every size, until the 16 bits of the indexes have passed more than once.
    for (unsigned i = 0; i < 200000; i++) {
        unsigned id = i % TT_VIRTIO_QUEUE_SIZE;
        size_t size = 14 + i % (TT_FRAME_MAX - 13);
        memset(net.received[id] + HEADER_BYTES, (int)(i | 1), 12);
        used(&net.receive, id, (uint32_t)(HEADER_BYTES + size));
        tt_status status = ethernet->receive(ethernet, frame, TT_FRAME_MAX, &length);
        if (status != TT_OK || length != size || frame[11] != (uint8_t)(i | 1)) {
            EXPECT_EQUAL(i, -1);
            return;
        }
    }
    EXPECT_EQUAL(ethernet->receive(ethernet, frame, TT_FRAME_MAX, &length), TT_EMPTY);
    EXPECT_EQUAL(ethernet->frames_received, 200000);

    // Nobody waits for a sent frame's buffer; for a received frame somebody does.
    EXPECT_EQUAL(net.send.available.flags, 1);
    EXPECT_EQUAL(net.receive.available.flags, 0);

    // Sending stops where the device gives nothing back, and goes on where it does.
    EXPECT_EQUAL(ethernet->send(ethernet, frame, TT_FRAME_MAX + 1), TT_TOO_LARGE);
    for (unsigned i = 0; i < SEND_BUFFERS; i++)
        EXPECT_EQUAL(ethernet->send(ethernet, frame, TT_FRAME_MAX), TT_OK);
    uint64_t dropped = ethernet->frames_dropped;
    EXPECT_EQUAL(ethernet->send(ethernet, frame, 20), TT_FULL);
    used(&net.send, SEND_BUFFERS, 0); // never given
    EXPECT_EQUAL(ethernet->send(ethernet, frame, 20), TT_FULL);
    EXPECT_EQUAL(ethernet->frames_dropped, dropped + 2);
    used(&net.send, 3, 0);
    memset(frame, 0x55, sizeof(frame));
    EXPECT_EQUAL(ethernet->send(ethernet, frame, 20), TT_OK);
    EXPECT_EQUAL(ethernet->frames_sent, SEND_BUFFERS + 1);
    EXPECT_EQUAL(net.send.descriptors[3].length, HEADER_BYTES + FRAME_MIN);
    memset(frame, 0xaa, sizeof(frame)); // it was copied, and padded with zeros
    expect_padded(net.sending[3] + HEADER_BYTES);
}

static void test_lan9118(void)
{
    tt_lan9118 device;
    tt_ethernet *ethernet = &device.ethernet;
    size_t length = 0;
    memset(registers, 0, sizeof(registers));
    EXPECT_EQUAL(tt_lan9118_init(&device, (uintptr_t)registers), TT_NOT_FOUND);
    set(0x64, 0x87654321);                                                      // BYTE_TEST
    EXPECT_EQUAL(tt_lan9118_init(&device, (uintptr_t)registers), TT_TIMED_OUT); // its reset stays
    EXPECT_EQUAL(ethernet->receive(ethernet, frame, TT_FRAME_MAX, &length), TT_EMPTY);
    EXPECT_EQUAL(registers[0x5c / 4], 1u << 3); // and asks for the interrupt again

    set(0x7c, 1u << 16);   // RX_FIFO: a status waits
    set(0x00, 0x6b6b6b6b); // RX_DATA
    memset(frame, 0x11, sizeof(frame));
    static const uint32_t odd[] = {0, 4u << 16, 100u << 16 | 1u << 15, 1519u << 16, 0x3fffu << 16};
    for (unsigned i = 0; i < TT_COUNT(odd); i++) {
        set(0x40, odd[i]); // RX_STATUS
        EXPECT_EQUAL(ethernet->receive(ethernet, frame, TT_FRAME_MAX, &length), TT_DAMAGED);
        EXPECT_EQUAL(ethernet->frames_dropped, i + 1);
    }
    EXPECT_EQUAL(frame[0], 0x11);
    set(0x40, 1518u << 16);
    EXPECT_EQUAL(ethernet->receive(ethernet, frame, TT_FRAME_MAX, &length), TT_OK);
    EXPECT_EQUAL(length, TT_FRAME_MAX);
    EXPECT(frame[TT_FRAME_MAX - 1] == 0x6b && frame[TT_FRAME_MAX] == 0x11);

    set(0x80, 1514 + 15); // TX_FIFO: free bytes
    EXPECT_EQUAL(ethernet->send(ethernet, frame, TT_FRAME_MAX + 1), TT_TOO_LARGE);
    uint64_t dropped = ethernet->frames_dropped;
    EXPECT_EQUAL(ethernet->send(ethernet, frame, TT_FRAME_MAX), TT_FULL);
    EXPECT_EQUAL(ethernet->frames_dropped, dropped + 1);
    set(0x80, 1514 + 16);
    EXPECT_EQUAL(ethernet->send(ethernet, frame, TT_FRAME_MAX), TT_OK);
    EXPECT(ethernet->frames_sent == 1 && ethernet->frames_received == 1);
    unsigned arrivals = 0;
    tt_lan9118_interrupt(&device); // nobody wants to know
    ethernet->arrived = count;
    ethernet->arrived_context = &arrivals;
    tt_lan9118_interrupt(&device);
    EXPECT_EQUAL(arrivals, 1);
    EXPECT_EQUAL(ethernet->send(ethernet, frame, 20), TT_OK);
    EXPECT_EQUAL(registers[0x20 / 4], 0); // TX_DATA: the last word is of the padding
}

int main(void)
{
    test_virtio_found();
    test_virtio_frames();
    test_lan9118();
    return test_result();
}
