// The transport: registers, feature agreement, queues.

#include <string.h>

#include "os/arch/arch.h"
#include "os/driver/virtio_mmio.h"

enum {
    MAGIC = 0x00,
    VERSION = 0x04,
    DEVICE_ID = 0x08,
    DEVICE_FEATURES = 0x10,
    DEVICE_FEATURES_SELECT = 0x14,
    DRIVER_FEATURES = 0x20,
    DRIVER_FEATURES_SELECT = 0x24,
    QUEUE_SELECT = 0x30,
    QUEUE_SIZE_MAX = 0x34,
    QUEUE_SIZE = 0x38,
    QUEUE_READY = 0x44,
    QUEUE_NOTIFY = 0x50,
    INTERRUPT_STATUS = 0x60,
    INTERRUPT_ACKNOWLEDGE = 0x64,
    STATUS = 0x70,
    QUEUE_DESCRIPTORS = 0x80, // low half, then high
    QUEUE_AVAILABLE = 0x90,
    QUEUE_USED = 0xa0,
    CONFIG = 0x100,
};

#define MAGIC_VALUE 0x74726976u // "virt"
#define STATUS_ACKNOWLEDGE 1u
#define STATUS_DRIVER 2u
#define STATUS_DRIVER_OK 4u
#define STATUS_FEATURES_OK 8u
#define FEATURE_VERSION_1 (1ull << 32)
#define DESCRIPTOR_NEXT 1u
#define DESCRIPTOR_WRITE 2u
#define AVAILABLE_NO_INTERRUPT 1u

static volatile uint32_t *at(const tt_virtio *device, unsigned offset)
{
    return (volatile uint32_t *)(device->base + offset);
}

tt_status tt_virtio_find(tt_virtio *device, tt_virtio_kind kind, uintptr_t base, size_t stride,
                         unsigned slots, unsigned first_line)
{
    for (unsigned slot = 0; slot < slots; slot++) {
        *device = (tt_virtio){base + slot * stride, first_line + slot};
        if (*at(device, MAGIC) != MAGIC_VALUE || *at(device, DEVICE_ID) != kind)
            continue;
        return *at(device, VERSION) == 2 ? TT_OK : TT_UNSUPPORTED;
    }
    return TT_NOT_FOUND;
}

tt_status tt_virtio_begin(tt_virtio *device, uint64_t *wanted)
{
    *at(device, STATUS) = 0;
    *at(device, STATUS) = STATUS_ACKNOWLEDGE | STATUS_DRIVER;
    *at(device, DEVICE_FEATURES_SELECT) = 0;
    uint64_t features = *at(device, DEVICE_FEATURES);
    *at(device, DEVICE_FEATURES_SELECT) = 1;
    features |= (uint64_t)*at(device, DEVICE_FEATURES) << 32;
    if (!(features & FEATURE_VERSION_1))
        return TT_UNSUPPORTED;
    *wanted = features & (*wanted | FEATURE_VERSION_1);
    *at(device, DRIVER_FEATURES_SELECT) = 0;
    *at(device, DRIVER_FEATURES) = (uint32_t)*wanted;
    *at(device, DRIVER_FEATURES_SELECT) = 1;
    *at(device, DRIVER_FEATURES) = (uint32_t)(*wanted >> 32);
    *at(device, STATUS) = STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK;
    return *at(device, STATUS) & STATUS_FEATURES_OK ? TT_OK : TT_UNSUPPORTED;
}

static void set_address(const tt_virtio *device, unsigned offset, const volatile void *address)
{
    *at(device, offset) = (uint32_t)(uintptr_t)address;
    *at(device, offset + 4) = (uint32_t)((uint64_t)(uintptr_t)address >> 32);
}

tt_status tt_virtio_add_queue(tt_virtio *device, tt_virtio_queue *queue, unsigned number)
{
    memset(queue, 0, sizeof(*queue));
    queue->number = number;
    *at(device, QUEUE_SELECT) = number;
    if (*at(device, QUEUE_SIZE_MAX) < TT_VIRTIO_QUEUE_SIZE)
        return TT_UNSUPPORTED;
    *at(device, QUEUE_SIZE) = TT_VIRTIO_QUEUE_SIZE;
    set_address(device, QUEUE_DESCRIPTORS, queue->descriptors);
    set_address(device, QUEUE_AVAILABLE, &queue->available);
    set_address(device, QUEUE_USED, &queue->used);
    *at(device, QUEUE_READY) = 1;
    return TT_OK;
}

void tt_virtio_quiet(tt_virtio_queue *queue)
{
    queue->available.flags = AVAILABLE_NO_INTERRUPT;
}

void tt_virtio_ready(tt_virtio *device)
{
    *at(device, STATUS) =
        STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK;
}

static void describe(tt_virtio_queue *queue, unsigned id, const void *buffer, uint32_t length,
                     unsigned flags)
{
    queue->descriptors[id].address = (uint64_t)(uintptr_t)buffer;
    queue->descriptors[id].length = length;
    queue->descriptors[id].flags = (uint16_t)flags;
    queue->descriptors[id].next = (uint16_t)(id + 1); // where the flags say that it counts
}

static void offer(tt_virtio *device, tt_virtio_queue *queue, unsigned id)
{
    queue->available.ring[queue->available.index % TT_VIRTIO_QUEUE_SIZE] = (uint16_t)id;
    tt_arch_device_fence(); // the entry before its count
    queue->available.index++;
    tt_arch_device_fence(); // the count before the notification
    *at(device, QUEUE_NOTIFY) = queue->number;
}

void tt_virtio_give(tt_virtio *device, tt_virtio_queue *queue, unsigned id, const void *buffer,
                    uint32_t length, bool device_writes)
{
    describe(queue, id, buffer, length, device_writes ? DESCRIPTOR_WRITE : 0);
    offer(device, queue, id);
}

void tt_virtio_give_chain(tt_virtio *device, tt_virtio_queue *queue, const tt_virtio_piece *pieces,
                          unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        describe(queue, i, pieces[i].buffer, pieces[i].length,
                 (pieces[i].device_writes ? DESCRIPTOR_WRITE : 0) |
                     (i + 1 < count ? DESCRIPTOR_NEXT : 0));
    offer(device, queue, 0);
}

bool tt_virtio_take(tt_virtio_queue *queue, unsigned *id, uint32_t *written)
{
    volatile uint16_t *index = &queue->used.index;
    if (*index == queue->seen)
        return false;
    tt_arch_device_fence(); // the count before the entry
    *id = queue->used.ring[queue->seen % TT_VIRTIO_QUEUE_SIZE].id;
    *written = queue->used.ring[queue->seen % TT_VIRTIO_QUEUE_SIZE].length;
    queue->seen++;
    if (*id >= TT_VIRTIO_QUEUE_SIZE)
        return false;
    if (*written > queue->descriptors[*id].length)
        *written = 0;
    return true;
}

void tt_virtio_acknowledge(tt_virtio *device)
{
    *at(device, INTERRUPT_ACKNOWLEDGE) = *at(device, INTERRUPT_STATUS);
    tt_arch_device_fence(); // before the queues are looked at
}

uint8_t tt_virtio_config(const tt_virtio *device, unsigned offset)
{
    return *(volatile uint8_t *)(device->base + CONFIG + offset);
}
