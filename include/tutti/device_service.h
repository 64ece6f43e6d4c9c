// What a device is, as a resource: GET /device answers a CBOR map
// {name, kind, board, cpu, boot, uptime_ms, addresses, received, duplicates, malformed, wakeups}.
// `wakeups` counts, modulo 2^32, how often an interrupt woke the CPU from idling; not there where
// nobody counts.

#ifndef TUTTI_DEVICE_SERVICE_H
#define TUTTI_DEVICE_SERVICE_H

#include "tutti/bus.h"
#include "tutti/platform.h"

typedef struct tt_device_options {
    tt_bus *bus;
    tt_platform *platform;
    const char *name, *kind, *board, *cpu; // not copied
    uint32_t boot;
    uint32_t (*wakeups)(void); // the kernel's counter, or NULL
} tt_device_options;

typedef struct tt_device_service {
    tt_device_options options;
    tt_resource resource;
    uint8_t document[512];
} tt_device_service;

// Adds the resource. Service and options' strings live as long as the bus.
void tt_device_service_init(tt_device_service *service, const tt_device_options *options);

#endif
