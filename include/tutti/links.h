// CoRE links (RFC 6690): what /.well-known/core answers, and reading it on the asking side.

#ifndef TUTTI_LINKS_H
#define TUTTI_LINKS_H

#include <stdbool.h>
#include <stddef.h>

#include "tutti/bus.h"

typedef struct tt_link {
    char path[TT_BUS_PATH_MAX];     // without the leading slash; %20 and such are read
    char type[48];                  // rt=, or ""; without what quoted it
    char interface_description[48]; // if=, or ""
    bool observable;                // obs
} tt_link;

// Reads the next link of a document; `*at` starts at 0 and moves on. TT_EMPTY at the end,
// TT_MALFORMED where it does not follow RFC 6690, TT_TOO_LARGE where a value exceeds the fields
// above.
tt_status tt_link_next(const char *document, size_t length, size_t *at, tt_link *link);

#endif
