// virtio devices behind memory-mapped registers (virtio 1.1, 4.2), version 2 only, with split
// queues.
//
// A queue is static memory of a fixed number of descriptors: each a buffer of its own, or all of
// them one chain. What the device writes is checked before it is used.

#ifndef TUTTI_OS_DRIVER_VIRTIO_MMIO_H
#define TUTTI_OS_DRIVER_VIRTIO_MMIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tutti/status.h"

#define TT_VIRTIO_QUEUE_SIZE 16

typedef enum tt_virtio_kind {
    TT_VIRTIO_NET = 1,
    TT_VIRTIO_BLK = 2,
    TT_VIRTIO_RNG = 4,
} tt_virtio_kind;

typedef struct tt_virtio_queue {
    struct {
        uint64_t address;
        uint32_t length;
        uint16_t flags, next;
    } descriptors[TT_VIRTIO_QUEUE_SIZE] __attribute__((aligned(16)));
    struct {
        uint16_t flags, index;
        uint16_t ring[TT_VIRTIO_QUEUE_SIZE];
    } available __attribute__((aligned(2)));
    struct {
        uint16_t flags, index;
        struct {
            uint32_t id, length;
        } ring[TT_VIRTIO_QUEUE_SIZE];
    } used __attribute__((aligned(4)));
    uint16_t seen; // of used.index
    unsigned number;
} tt_virtio_queue;

typedef struct tt_virtio {
    uintptr_t base;
    unsigned line; // of its interrupt
} tt_virtio;

// The first device of that kind among `slots` at base, base + stride...; `first_line` is the
// interrupt of slot 0. TT_NOT_FOUND; TT_UNSUPPORTED where it speaks only the legacy version 1 (QEMU
// wants -global virtio-mmio.force-legacy=false).
tt_status tt_virtio_find(tt_virtio *device, tt_virtio_kind kind, uintptr_t base, size_t stride,
                         unsigned slots, unsigned first_line);

// Resets the device and agrees on the features of `wanted` that it has, which are returned there.
// TT_UNSUPPORTED where it does not agree.
tt_status tt_virtio_begin(tt_virtio *device, uint64_t *wanted);
tt_status tt_virtio_add_queue(tt_virtio *device, tt_virtio_queue *queue, unsigned number);
// The device need not interrupt when it is done with a buffer of this queue (a hint, 2.6.7).
void tt_virtio_quiet(tt_virtio_queue *queue);
void tt_virtio_ready(tt_virtio *device);

// Gives buffer `id` to the device, to write into or to read; then tells it.
void tt_virtio_give(tt_virtio *device, tt_virtio_queue *queue, unsigned id, const void *buffer,
                    uint32_t length, bool device_writes);

// Gives a request of several pieces, in their order, at most TT_VIRTIO_QUEUE_SIZE; then tells it.
// They are the buffers from 0 on, and come back as buffer 0: one such request at a time.
typedef struct tt_virtio_piece {
    const void *buffer;
    uint32_t length;
    bool device_writes;
} tt_virtio_piece;
void tt_virtio_give_chain(tt_virtio *device, tt_virtio_queue *queue, const tt_virtio_piece *pieces,
                          unsigned count);

// Takes back the next buffer that the device is done with; false where there is none, or where the
// one that it names does not exist. `written` is 0 where it says more than the buffer holds.
bool tt_virtio_take(tt_virtio_queue *queue, unsigned *id, uint32_t *written);

void tt_virtio_acknowledge(tt_virtio *device); // in its interrupt
uint8_t tt_virtio_config(const tt_virtio *device, unsigned offset);

#endif
