// A virtio network device as a tt_ethernet.

#ifndef TUTTI_OS_DRIVER_VIRTIO_NET_H
#define TUTTI_OS_DRIVER_VIRTIO_NET_H

#include "os/driver/virtio_mmio.h"
#include "tutti/ethernet.h"

// Starts the device: sixteen buffers wait for frames. One per image.
tt_status tt_virtio_net_start(const tt_virtio *device, tt_ethernet **ethernet);

#endif
