// A file of the host as a medium: for Linux devices, host programs and tests.
//
// Programming and erasing are done when the call returns; a sync (fdatasync) goes on in a thread of
// the medium's own, so that its user's loop turns meanwhile. The file is locked: one user at a
// time, of any process. A file that was removed, cut short or filled up while it is in use is a
// status, TT_IO, and `trouble` says what it was.

#ifndef TUTTI_MEDIUM_FILE_H
#define TUTTI_MEDIUM_FILE_H

#include <pthread.h>
#include <stdint.h>

#include "tutti/language.h"
#include "tutti/medium.h"
#include "tutti/text.h"

TT_C_BEGIN

typedef struct tt_medium_file tt_medium_file;

typedef struct tt_medium_file_geometry {
    uint32_t program_bytes, sector_bytes;
    uint32_t sectors; // 0: as many as the file has, which then must be there
    uint8_t erased;
} tt_medium_file_geometry;

struct tt_medium_file {
    tt_medium medium;    // first
    const char *trouble; // what the last TT_IO was, a sentence without a full stop; or NULL
    // Called by the syncing thread in the place of `ready`, for who cannot be called from there.
    void (*ended)(tt_medium_file *file);
    int descriptor, requests; // the rest is the medium's own
    int state;                // tt_status of the operation begun last; atomic
    int sync_error;           // errno of the last sync, before `state` tells of it
    bool ends;
    pthread_t syncer;
};

// Opens the file, or makes one whose bytes are all `erased`, whole or not at all. Zeroed otherwise,
// the struct is the caller's until tt_medium_file_close. Each failure with a sentence that says
// what was expected and what came: TT_INVALID: a geometry that is none, or too large; TT_NOT_FOUND:
// there is no such folder, or no file where none is to be made; TT_UNSUPPORTED: it is no regular
// file, or of another size, and is left unchanged; TT_BUSY: it is in use; TT_DENIED: it cannot be
// written; TT_FULL: the disk; TT_IO.
TT_USE_RESULT tt_status tt_medium_file_open(tt_medium_file *file, const char *path,
                                            const tt_medium_file_geometry *geometry, tt_text *why);

// Waits for a sync that goes on, and lets the file go.
void tt_medium_file_close(tt_medium_file *file);

TT_C_END

#endif
