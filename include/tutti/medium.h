// A medium that keeps bytes without power: the seam between storage and the devices below it.
//
// A medium is `sectors` sectors of `sector_bytes` each. A sector is erased as a whole, and then
// every byte of it reads as `erased`; bytes are programmed in units of `program_bytes`, each unit
// once between two erases. (NOR flash would allow more; whoever keeps to this rule runs on every
// medium.)
//
// Reading is done when it returns: a sector takes milliseconds at most on any medium. Programming,
// erasing and syncing may go on after the call, for up to seconds, while the caller does other
// work: one such operation at a time, and `poll` says how it stands. Nothing is read meanwhile.
//
// Each medium is a struct that begins with a tt_medium; the functions get it back. All calls come
// from one thread, the node's loop; `ready` alone may come from an interrupt or another thread.

#ifndef TUTTI_MEDIUM_H
#define TUTTI_MEDIUM_H

#include <stddef.h>
#include <stdint.h>

#include "tutti/language.h"
#include "tutti/status.h"

TT_C_BEGIN

#define TT_MEDIUM_PROGRAM_BYTES_MAX 512

typedef struct tt_medium tt_medium;

typedef struct tt_medium_operations {
    // Reads `length` bytes from `address` on, of any alignment, within the medium. TT_IO: the
    // medium failed or is not there any more, and `bytes` are undefined.
    tt_status (*read)(tt_medium *medium, uint32_t address, void *bytes, size_t length);

    // Begins to program `length` bytes, address and length multiples of `program_bytes` and all
    // within one sector. The bytes stay the caller's and unchanged until `poll` says that it is
    // done. TT_OK: begun. TT_IO: nothing was begun.
    tt_status (*program)(tt_medium *medium, uint32_t address, const void *bytes, size_t length);

    // Begins to erase the sector at `address`, its first byte. TT_OK: begun. TT_IO.
    tt_status (*erase)(tt_medium *medium, uint32_t address);

    // Begins to make everything that was programmed and erased so far outlast a loss of power.
    // TT_OK: begun. TT_IO.
    tt_status (*sync)(tt_medium *medium);

    // How the operation stands that was begun last: TT_BUSY while it goes on, TT_OK when it is done
    // (and where none was ever begun), TT_IO when it failed: then what it was to change is
    // undefined.
    tt_status (*poll)(tt_medium *medium);
} tt_medium_operations;

struct tt_medium {
    const tt_medium_operations *operations;
    uint32_t program_bytes; // a power of two, from 1 to TT_MEDIUM_PROGRAM_BYTES_MAX
    uint32_t sector_bytes;  // a multiple of program_bytes
    uint32_t sectors;       // at least 2; the whole is less than 4 GiB
    uint8_t erased;         // what a byte reads as after an erase: 0xff, or 0x00
    const void *window;     // where all its bytes can be read (and run) in place, or NULL
    // Set by its user, or NULL: the operation under way may have ended. Not called where it ended
    // before its call returned, nor by a medium that has no interrupt: so its user polls after
    // each call, and, while that says TT_BUSY, every millisecond or so besides.
    void (*ready)(tt_medium *medium);
    void *user; // for whoever set `ready`
};

TT_C_END

#endif
