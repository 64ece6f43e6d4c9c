// A device's newest console lines, as a resource: GET /log answers text, oldest line first, each
// with its number and its time (tutti/log.h); it can be observed. On the thread of the bus.

#ifndef TUTTI_LOG_SERVICE_H
#define TUTTI_LOG_SERVICE_H

#include "tutti/bus.h"
#include "tutti/language.h"

TT_C_BEGIN

typedef struct tt_log_options {
    tt_bus *bus;
    // Copies text from `offset` on, returns how many bytes, and a version that changes with it.
    size_t (*read)(size_t offset, void *bytes, size_t capacity, uint64_t *version);
} tt_log_options;

typedef struct tt_log_service {
    tt_log_options options;
    tt_resource resource;
    uint64_t told; // version that its observers know
} tt_log_service;

// Adds the resource. The service lives as long as the bus.
tt_status tt_log_service_init(tt_log_service *service, const tt_log_options *options);

// Tells the observers where there are new lines. From the loop, at each turn.
void tt_log_service_turn(tt_log_service *service, tt_time now);

TT_C_END

#endif
