// Names and sentences of the status codes.

#include "tutti/status.h"

typedef struct status_entry {
    const char *name;
    const char *text;
} status_entry;

static const status_entry entries[] = {
    [-TT_OK] = {"TT_OK", "done"},
    [-TT_TIMED_OUT] = {"TT_TIMED_OUT", "the deadline passed first"},
    [-TT_FULL] = {"TT_FULL", "no room is left in a table, queue or buffer"},
    [-TT_EMPTY] = {"TT_EMPTY", "nothing is there to take"},
    [-TT_NOT_FOUND] = {"TT_NOT_FOUND", "there is no such thing"},
    [-TT_EXISTS] = {"TT_EXISTS", "it is there already"},
    [-TT_INVALID] = {"TT_INVALID", "an argument is outside what is accepted"},
    [-TT_MALFORMED] = {"TT_MALFORMED", "the bytes do not follow their format"},
    [-TT_DAMAGED] = {"TT_DAMAGED", "the bytes fail their checksum or are cut short"},
    [-TT_UNSUPPORTED] = {"TT_UNSUPPORTED", "a kind or version that this build does not know"},
    [-TT_TOO_LARGE] = {"TT_TOO_LARGE", "over a stated limit"},
    [-TT_BUSY] = {"TT_BUSY", "in use; try again later"},
    [-TT_RESET] = {"TT_RESET", "the peer rejected the exchange"},
    [-TT_UNREACHABLE] = {"TT_UNREACHABLE", "no route, no link or no address"},
    [-TT_CANCELLED] = {"TT_CANCELLED", "ended by its owner"},
    [-TT_DENIED] = {"TT_DENIED", "not permitted"},
    [-TT_IO] = {"TT_IO", "the operating system or a device reported an error"},
};

static const status_entry *find(tt_status status)
{
    static const status_entry unknown = {"TT_?", "an unknown status"};
    int index = -(int)status;
    if (index < 0 || index >= (int)(sizeof(entries) / sizeof(entries[0])))
        return &unknown;
    return &entries[index];
}

const char *tt_status_name(tt_status status)
{
    return find(status)->name;
}

const char *tt_status_text(tt_status status)
{
    return find(status)->text;
}
