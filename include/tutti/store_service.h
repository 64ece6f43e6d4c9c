// Values as resources: what is put under /data outlasts a loss of power.
//
//     GET /data/a/b       the value, from any offset on
//     PUT /data/a/b       a value; answered when it is durable
//     DELETE /data/a/b    answered when that is durable
//     GET /data, /data/a  a list of all below it, as links (RFC 6690): </data/a/b>;sz=24;v=17
//
// Each segment of a path is 1 or more of the unreserved characters of RFC 3986 (letters, digits,
// - . _ ~), and not "." or "..". sz is how many bytes the value has; v is another number whenever
// it was put. Where a value and others below it are, GET of the path is the value.
//
// All can be observed: a value is told when it was put, a list when anything below it was.
//
// A value that would exceed a quota, or for which the store has no room, gets 4.13 and a sentence
// that says what is short: bytes, how much is free, and in Size1 how much it may have; or keys, how
// many there may be. One value is taken at a time: 5.03, Max-Age 1, for whoever comes meanwhile.

#ifndef TUTTI_STORE_SERVICE_H
#define TUTTI_STORE_SERVICE_H

#include "tutti/bus.h"
#include "tutti/language.h"
#include "tutti/store.h"

TT_C_BEGIN

#ifndef TT_STORE_SERVICE_VALUE_MAX
#define TT_STORE_SERVICE_VALUE_MAX 2048 // bytes of a value
#endif
#define TT_STORE_SERVICE_QUOTAS_MAX 8
#define TT_STORE_SERVICE_READS_MAX 2 // GETs that wait for a medium that is busy; more get 5.03

// How much may lie below a path. The longest prefix that fits counts; a path that none fits cannot
// be put (4.03). Where the device keeps things of its own in the store, the keys of all quotas are
// together fewer than its entries by as many as it needs: else /data can use them up.
typedef struct tt_store_quota {
    const char *prefix; // "data/" or "data/settings/"
    uint32_t bytes;     // of keys and values, and 16 a key
    uint32_t keys;      // 0: as many as the store takes
} tt_store_quota;

// What lies below the prefix of one.
typedef struct tt_store_usage {
    uint64_t bytes;
    uint32_t keys;
} tt_store_usage;

typedef struct tt_store_service_options {
    tt_bus *bus;
    tt_store *store;
    const tt_store_quota *quotas; // or NULL: no other limit than the store's
    unsigned quota_count;
} tt_store_service_options;

typedef struct tt_store_service {
    tt_store_service_options options;
    tt_resource resource;
    tt_store_observer observer;
    tt_store_usage used[TT_STORE_SERVICE_QUOTAS_MAX]; // of each quota; counted anew
    bool is_counted;                                  // unless this is set
    uint64_t changes;                                 // of all that is below /data
    struct {                                          // where a list goes on in its next window
        uint64_t changes;                             // it was made behind so many,
        size_t at;                                    // and is so long
        char path[TT_BUS_PATH_MAX];                   // of what is below this path
        char key[TT_STORE_KEY_MAX + 1];               // up to this key
    } list;
    struct { // of the value that is being received
        bool under_way;
        tt_endpoint peer;
        size_t length;
        tt_time heard;
    } upload;
    struct {                   // the change that is asked for
        tt_answer_token token; // 0: none
        bool begun, fresh;
        uint64_t cost; // of the value that was there, as quotas count
        tt_store_change change;
        tt_store_write write;
    } asked;
    struct {                   // a GET that waits
        tt_answer_token token; // 0: free
        size_t offset, length;
        char path[TT_BUS_PATH_MAX];
    } reads[TT_STORE_SERVICE_READS_MAX];
    char path[TT_BUS_PATH_MAX]; // of the value, that is received or asked for
    uint8_t value[TT_STORE_SERVICE_VALUE_MAX];
    unsigned changed_count;        // changes that observers are to be told of
    char changed[TT_BUS_PATH_MAX]; // where it is one: of what
    char diagnostic[160];
} tt_store_service;

// Adds the resource /data. Service, store and quotas live as long as the bus. TT_TOO_LARGE: more
// than TT_STORE_SERVICE_QUOTAS_MAX quotas; as tt_bus_add.
tt_status tt_store_service_init(tt_store_service *service, const tt_store_service_options *options);

// At each turn of the loop, before the store's own (tt_node_turn_store) and behind it: begins and
// answers what had to wait, and tells observers. True: something waits that the store does not know
// of, so there is to be a turn within milliseconds.
bool tt_store_service_turn(tt_store_service *service, tt_time now);

TT_C_END

#endif
