// Whom a request is for: NAME/path, kind:KIND/path or coap://HOST[:PORT]/path, each with ?query.
// Path and query are percent-encoded; without a path (NAME/, coap://HOST) the root is meant.

#ifndef TUTTI_CLI_TARGET_H
#define TUTTI_CLI_TARGET_H

#include "tutti/bus.h"
#include "tutti/discovery.h"
#include "tutti/text.h"

typedef enum tt_target_kind { TT_TARGET_NAME, TT_TARGET_KIND, TT_TARGET_ADDRESS } tt_target_kind;

typedef struct tt_target {
    tt_target_kind kind;
    char device[TT_NAME_MAX];   // a name or a kind
    tt_endpoint endpoint;       // of an address
    char path[TT_BUS_PATH_MAX]; // decoded; "" is the root
    char query[TT_BUS_QUERY_MAX];
} tt_target;

// TT_MALFORMED with a sentence that says what was expected.
tt_status tt_target_parse(tt_target *target, const char *text, tt_text *why);

#endif
