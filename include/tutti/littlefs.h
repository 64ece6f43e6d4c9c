// littlefs on a medium, for products that want files: the configuration that lfs_mount and
// lfs_format take.
//
// littlefs is not in this tree: deps/fetch obtains it, for tests, and a product that links
// tt_littlefs_medium includes its lfs.h itself and gives its licence along. littlefs waits for its
// medium, so a call of it takes as long as its erases do (a compaction of metadata has one each);
// tt_store does not wait.

#ifndef TUTTI_LITTLEFS_H
#define TUTTI_LITTLEFS_H

#include "tutti/language.h"
#include "tutti/medium.h"

TT_C_BEGIN

struct lfs_config; // of lfs.h

typedef struct tt_littlefs {
    tt_medium *medium;
    // What to do while the medium is busy: called again and again till it is not, with `user`. A
    // thread sleeps a while or turns what it can; it must not come back into littlefs. NULL:
    // nothing.
    void (*wait)(void *user);
    void *user;
} tt_littlefs;

// Fills in what the medium decides: context, functions, read_size, prog_size, block_size and
// block_count. The rest is the caller's to fill in, zeroed before: cache_size (a multiple of the
// program unit, a factor of the sector), lookahead_size, block_cycles, and read_buffer, prog_buffer
// and lookahead_buffer, since littlefs is built without an allocator here (files are opened with
// lfs_file_opencfg). `littlefs` stays the caller's for as long as the configuration is used, and
// nobody else uses the medium meanwhile. TT_OK, or TT_UNSUPPORTED: littlefs has no sectors of less
// than 128 bytes. An error of the medium comes out of littlefs as LFS_ERR_IO.
TT_USE_RESULT tt_status tt_littlefs_configure(struct lfs_config *config, tt_littlefs *littlefs);

TT_C_END

#endif
