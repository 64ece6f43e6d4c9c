// CoRE links (RFC 6690): what /.well-known/core answers, and reading it on the asking side.

#ifndef TUTTI_LINKS_H
#define TUTTI_LINKS_H

#include <stdbool.h>
#include <stddef.h>

#include "tutti/bus.h"
#include "tutti/language.h"

TT_C_BEGIN

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

// The value of one attribute of a link, "ep" of `<...>;ep="kitchen"`, as tt_link_next reads it; ""
// without a value. TT_NOT_FOUND; TT_MALFORMED (the link is none); TT_TOO_LARGE.
tt_status tt_link_value(const char *text, size_t length, const char *name, char *value,
                        size_t capacity);

// Links of a document that comes in pieces, such as an answer of several blocks; a link may lie in
// two of them, and is put together in storage that the caller gives.
typedef struct tt_links {
    char *text; // the link that is being read
    size_t capacity, length;
    bool in_path, quoted, escaped, cut;
} tt_links;

void tt_links_init(tt_links *links, char *text, size_t capacity);

// Reads on in a piece from `*at`, which starts at 0 for each piece, up to the end of a link. TT_OK
// with a link; TT_MALFORMED or TT_TOO_LARGE for one that is passed over, and more may follow;
// TT_EMPTY: the piece is read. `last`: no piece follows this one.
tt_status tt_links_take(tt_links *links, const char *piece, size_t length, size_t *at, bool last,
                        tt_link *link);
// The same without reading the link: it is `*link_length` bytes of links->text, until the next
// call.
tt_status tt_links_take_text(tt_links *links, const char *piece, size_t length, size_t *at,
                             bool last, size_t *link_length);

TT_C_END

#endif
