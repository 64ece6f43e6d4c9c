// What a call that can fail returns: zero, or a negative code with a name and a sentence.
//
// A status is for what a user, a peer or a disk can cause. What only a bug can cause is a
// TT_CHECK (tutti/check.h), which stops the program. The two are never mixed.

#ifndef TUTTI_STATUS_H
#define TUTTI_STATUS_H

#include "tutti/language.h"

TT_C_BEGIN

typedef enum tt_status {
    TT_OK = 0,
    TT_TIMED_OUT = -1,    // the deadline passed first
    TT_FULL = -2,         // a table, queue or buffer with a fixed limit has no room
    TT_EMPTY = -3,        // nothing is there to take
    TT_NOT_FOUND = -4,    // no such path, name, file or peer
    TT_EXISTS = -5,       // it is there already
    TT_INVALID = -6,      // an argument is outside what the call accepts
    TT_MALFORMED = -7,    // bytes from outside do not follow their format
    TT_DAMAGED = -8,      // bytes from outside fail their checksum or are cut short
    TT_UNSUPPORTED = -9,  // well formed, but of a kind or version that this build does not know
    TT_TOO_LARGE = -10,   // well formed, but over a stated limit
    TT_BUSY = -11,        // in use by someone else; trying again later can succeed
    TT_RESET = -12,       // the peer rejected the exchange
    TT_UNREACHABLE = -13, // no route, no link, or no address yet
    TT_CANCELLED = -14,   // ended by its owner
    TT_DENIED = -15,      // not permitted
    TT_IO = -16,          // the operating system or a device reported an error
} tt_status;

// Before a declaration: who calls it must look at what it returns.
#define TT_USE_RESULT __attribute__((warn_unused_result))

// The code's name, such as "TT_TIMED_OUT"; "TT_?" for a number that is no status. Never NULL.
const char *tt_status_name(tt_status status);

// One sentence for people, without a full stop, such as "the deadline passed first". Never NULL.
const char *tt_status_text(tt_status status);

TT_C_END

#endif
