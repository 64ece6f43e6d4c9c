// How a device's last end is told, as a resource: GET /crash answers the record's lines as text
// (tutti/crash.h), 4.04 where none is kept; DELETE /crash clears it. On the thread of the bus.

#ifndef TUTTI_CRASH_SERVICE_H
#define TUTTI_CRASH_SERVICE_H

#include "tutti/bus.h"
#include "tutti/crash.h"
#include "tutti/language.h"

TT_C_BEGIN

typedef struct tt_crash_options {
    tt_bus *bus;
    const tt_crash *(*record)(void); // the whole record, or NULL
    void (*clear)(void);
    bool (*is_cleared)(void); // whether that outlasts a loss of power by now; NULL: at once
} tt_crash_options;

typedef struct tt_crash_service {
    tt_crash_options options;
    tt_resource resource;
    tt_answer_token clearing; // of the DELETE that waits; 0: none
} tt_crash_service;

// Adds the resource. The service lives as long as the bus.
tt_status tt_crash_service_init(tt_crash_service *service, const tt_crash_options *options);

// At each turn of the loop: answers the DELETE that waits for `is_cleared`.
void tt_crash_service_turn(tt_crash_service *service, tt_time now);

TT_C_END

#endif
