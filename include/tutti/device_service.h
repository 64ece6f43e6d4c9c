// What a device is, as a resource: GET /device answers a CBOR map
// {name, kind, board, cpu, version, commit, boot, starts, restarts, mode, crashes, uptime_ms,
// addresses, received, duplicates, malformed, wakeups}: boot and restarts together name a life,
// starts counts all of them where the device keeps things without power (not there where it does
// not), mode is "normal" or "safe", crashes is how many ends /crash knows of, wakeups counts,
// modulo 2^32, how often an interrupt woke the CPU from idling (not there where nobody counts).
// POST /device/restart restarts the device, and out of safe mode. On the thread of the bus.

#ifndef TUTTI_DEVICE_SERVICE_H
#define TUTTI_DEVICE_SERVICE_H

#include "tutti/bus.h"
#include "tutti/language.h"
#include "tutti/platform.h"

TT_C_BEGIN

#define TT_DEVICE_TEXTS_MAX 160 // bytes of name, kind, board, CPU, version and commit together

typedef struct tt_device_options {
    tt_bus *bus;
    tt_platform *platform;
    const char *name, *kind, *board, *cpu; // not copied
    const char *version, *commit;          // of what the device runs: tutti/version.h; or NULL
    uint32_t boot, restarts;
    uint32_t starts; // or 0 where nobody counts
    bool safe_mode;
    unsigned (*crashes)(void);      // or NULL for 0
    void (*restart)(void *context); // from the loop; or NULL where a device cannot be restarted
    void *context;
    uint32_t (*wakeups)(void); // the kernel's counter, or NULL
    uint16_t port;             // of the bus; 0 for TT_BUS_PORT
} tt_device_options;

typedef struct tt_device_service {
    tt_device_options options;
    tt_resource resource, restart;
    tt_time began;
    uint8_t document[704]; // the newest that was asked for
    size_t length;
    uint64_t version;
} tt_device_service;

// In safe mode the type of /device is also tutti.safe, for lists of devices. Adds the resources.
// Service and options' strings live as long as the bus. TT_TOO_LARGE where the texts have more than
// TT_DEVICE_TEXTS_MAX bytes together; as tt_bus_add.
tt_status tt_device_service_init(tt_device_service *service, const tt_device_options *options);

TT_C_END

#endif
