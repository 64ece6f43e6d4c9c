// What the files of this room share.

#ifndef TUTTI_SERVICE_STORE_INTERNAL_H
#define TUTTI_SERVICE_STORE_INTERNAL_H

#include "tutti/store_service.h"

#define TT_STORE_SERVICE_PATH "data"

// What lies below a prefix, as quotas count: bytes of keys and values, 16 more a key. TT_BUSY,
// TT_IO.
tt_status tt_store_service_count(tt_store_service *s, const char *prefix, tt_store_usage *used);

// Answers a GET with the list of what is below a path. TT_NOT_FOUND: nothing is; TT_BUSY, TT_IO.
tt_status tt_store_service_list(tt_store_service *s, const tt_request *request,
                                tt_response *response);

#endif
