// A virtio disk as a tt_medium.

#ifndef TUTTI_OS_DRIVER_VIRTIO_BLK_H
#define TUTTI_OS_DRIVER_VIRTIO_BLK_H

#include "os/driver/virtio_mmio.h"
#include "tutti/medium.h"

// Starts the device: sectors of 4 KiB, units of the disk's 512 bytes. One per image.
// TT_UNSUPPORTED: it does not agree on the protocol, or has less than two sectors; TT_DENIED: it is
// only read.
tt_status tt_virtio_blk_start(const tt_virtio *device, tt_medium **medium);

#endif
