// The platform on the kernel and lwIP: what every device runs, and the Linux node of a fleet too.

#ifndef TUTTI_PLATFORM_DEVICE_H
#define TUTTI_PLATFORM_DEVICE_H

#include "tutti/language.h"
#include "tutti/platform.h"

TT_C_BEGIN

// Bytes that no earlier start had, to be mixed into this one's randomness too: before
// tt_platform_device_start. A device that keeps a count of its starts has such.
void tt_platform_device_stir(const void *bytes, size_t length);

// Starts the network and the worker thread of this device; called once, from the thread that will
// run the loop. Randomness comes from tt_provision's seed and boot number and the board's entropy,
// mixed. TT_IO where the board has no working Ethernet.
tt_status tt_platform_device_start(tt_platform **platform);

TT_C_END

#endif
