// A virtio source of entropy.

#ifndef TUTTI_OS_DRIVER_VIRTIO_RNG_H
#define TUTTI_OS_DRIVER_VIRTIO_RNG_H

#include "os/driver/virtio_mmio.h"

// Asks the device for bytes and waits at most a few milliseconds, by polling: it is for the start.
// Returns how many came, at most 64.
size_t tt_virtio_rng_read(const tt_virtio *device, void *bytes, size_t length);

#endif
