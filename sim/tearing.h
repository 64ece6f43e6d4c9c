// A medium in memory that loses power: at a chosen byte of a program, or at a stage of an erase.
//
// What it is told to do happens when it is begun; `busy` makes `poll` say for a while that it goes
// on. A unit that is programmed without having been erased is counted as misuse and programmed as
// NOR flash would: bits only leave the erased state.

#ifndef TUTTI_SIM_TEARING_H
#define TUTTI_SIM_TEARING_H

#include <stdbool.h>

#include "tutti/medium.h"
#include "tutti/random.h"

#define TT_TEARING_STAGES 8 // of an erase

typedef struct tt_tearing tt_tearing;

// What is about to happen: `bytes` NULL is an erase of the sector at `address`.
typedef struct tt_tearing_operation {
    uint32_t address;
    const uint8_t *bytes;
    uint32_t length;
} tt_tearing_operation;

struct tt_tearing {
    tt_medium medium;
    uint8_t *image; // medium.sectors * medium.sector_bytes bytes, the caller's
    uint64_t hash;  // of the image: the same for the same bytes, kept as they change,
    bool unhashed;  // unless this is set
    // Called before a program or an erase changes anything, or NULL.
    void (*before)(tt_tearing *tearing, const tt_tearing_operation *operation);
    void *context;
    // As large as the image, the caller's, or NULL: the medium has a cache, and when the power goes
    // each unit that was changed since the last sync is, or is not, as it was then.
    uint8_t *synced;
    uint64_t points_left; // bytes and stages until the power goes; UINT64_MAX: it stays
    tt_random random;     // of what is torn
    bool dead;            // the power is gone: everything fails with TT_IO till tt_tearing_power
    bool broken;          // programs and erases fail, as on a medium that is worn out
    uint64_t reads_left;  // until a read fails, and all behind it; UINT64_MAX: none does
    unsigned busy_program, busy_erase, busy_sync; // times that `poll` says TT_BUSY after each
    unsigned busy;                                // those that are left
    bool reads_fail_once;                         // only the one that reads_left counts down to
    uint32_t misuses, reads_failed;
    uint64_t read_bytes, programs, programmed_bytes, erases, syncs;
};

// Makes the medium of `image`, whose bytes stay as they are; program_bytes, sector_bytes, sectors
// and erased as tt_medium has them. With power, and never without from now on.
void tt_tearing_init(tt_tearing *tearing, uint8_t *image, uint32_t program_bytes,
                     uint32_t sector_bytes, uint32_t sectors, uint8_t erased);

// Power is there again, for `points` more bytes and stages. The image is as it is.
void tt_tearing_power(tt_tearing *tearing, uint64_t points);

// What a byte contributes to `hash`, which is the exclusive or over all bytes.
uint64_t tt_tearing_mix(uint32_t address, uint8_t byte);

// Sets one byte, whatever was there.
void tt_tearing_poke(tt_tearing *tearing, uint32_t address, uint8_t byte);

// What an erase leaves that is cut at `stage`, below TT_TEARING_STAGES: the part before is erased
// and the rest as it was; or, `wild`, each byte has lost some of its bits.
uint8_t tt_tearing_half_erased(tt_tearing *tearing, uint32_t address, unsigned stage, bool wild);

#endif
