// The medium that loses power (tearing.h).

#include <string.h>

#include "sim/tearing.h"

uint64_t tt_tearing_mix(uint32_t address, uint8_t byte)
{
    uint64_t x = (uint64_t)address << 8 | byte;
    x = (x + 1) * 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

void tt_tearing_poke(tt_tearing *tearing, uint32_t address, uint8_t byte)
{
    uint8_t old = tearing->image[address];
    if (old != byte && !tearing->unhashed)
        tearing->hash ^= tt_tearing_mix(address, old) ^ tt_tearing_mix(address, byte);
    tearing->image[address] = byte;
}

// What programming makes of a byte: no bit goes back to what an erase makes it.
static uint8_t programmed(const tt_tearing *tearing, uint32_t address, uint8_t byte)
{
    uint8_t old = tearing->image[address];
    return tearing->medium.erased == 0xff ? old & byte : old | byte;
}

uint8_t tt_tearing_half_erased(tt_tearing *tearing, uint32_t address, unsigned stage, bool wild)
{
    const tt_medium *medium = &tearing->medium;
    uint8_t old = tearing->image[address];
    if (!wild) {
        bool done =
            address % medium->sector_bytes < medium->sector_bytes / TT_TEARING_STAGES * stage;
        return done ? medium->erased : old;
    }
    uint8_t bits = (uint8_t)tt_random_u64(&tearing->random);
    if ((bits & 7u) < stage)
        return medium->erased;
    bits = (uint8_t)tt_random_u64(&tearing->random);
    return medium->erased == 0xff ? old | bits : old & bits;
}

static tt_status read(tt_medium *medium, uint32_t address, void *bytes, size_t length)
{
    tt_tearing *tearing = (tt_tearing *)medium;
    if (tearing->dead || tearing->busy > 0 || tearing->reads_left == 0) {
        tearing->reads_failed++;
        if (tearing->reads_fail_once)
            tearing->reads_left = UINT64_MAX;
        return TT_IO;
    }
    tearing->reads_left -= tearing->reads_left != UINT64_MAX;
    if (address > medium->sectors * medium->sector_bytes ||
        length > medium->sectors * medium->sector_bytes - address) {
        tearing->misuses++;
        return TT_IO;
    }
    tearing->read_bytes += length;
    memcpy(bytes, tearing->image + address, length);
    return TT_OK;
}

static bool is_wrong(tt_tearing *tearing, uint32_t address, size_t length)
{
    const tt_medium *medium = &tearing->medium;
    if (address % medium->program_bytes != 0 || length % medium->program_bytes != 0 ||
        length == 0 || address / medium->sector_bytes >= medium->sectors ||
        length > medium->sector_bytes - address % medium->sector_bytes)
        return true;
    for (size_t i = 0; i < length; i++) {
        if (tearing->image[address + i] != medium->erased)
            return true;
    }
    return false;
}

static tt_status begin(tt_tearing *tearing, const tt_tearing_operation *operation)
{
    if (tearing->dead || tearing->broken)
        return TT_IO;
    if (tearing->busy > 0)
        tearing->misuses++;
    if (tearing->before != NULL && operation != NULL)
        tearing->before(tearing, operation);
    return TT_OK;
}

// The power goes: what was in the medium's cache came to the medium in part.
static void die(tt_tearing *tearing)
{
    const tt_medium *medium = &tearing->medium;
    tearing->dead = true;
    if (tearing->synced == NULL)
        return;
    for (uint32_t unit = 0; unit < medium->sectors * medium->sector_bytes;
         unit += medium->program_bytes) {
        if (memcmp(tearing->image + unit, tearing->synced + unit, medium->program_bytes) == 0 ||
            tt_random_below(&tearing->random, 2) == 0)
            continue;
        for (uint32_t i = 0; i < medium->program_bytes; i++)
            tt_tearing_poke(tearing, unit + i, tearing->synced[unit + i]);
    }
    memcpy(tearing->synced, tearing->image, medium->sectors * medium->sector_bytes);
}

static uint8_t torn(tt_tearing *tearing, uint32_t address, uint8_t byte)
{
    switch (tt_random_below(&tearing->random, 3)) {
    case 0:
        return tearing->image[address];
    case 1:
        return programmed(tearing, address, byte);
    default:
        return (uint8_t)tt_random_u64(&tearing->random);
    }
}

static tt_status program(tt_medium *medium, uint32_t address, const void *bytes, size_t length)
{
    tt_tearing *tearing = (tt_tearing *)medium;
    const uint8_t *from = bytes;
    tt_tearing_operation operation = {address, from, (uint32_t)length};
    if (begin(tearing, &operation) != TT_OK)
        return TT_IO;
    if (is_wrong(tearing, address, length))
        tearing->misuses++;
    tearing->programs++;
    tearing->programmed_bytes += length;
    tearing->busy = tearing->busy_program;
    for (size_t i = 0; i < length; i++) {
        uint32_t at = address + (uint32_t)i;
        if (tearing->points_left == 0) {
            tt_tearing_poke(tearing, at, torn(tearing, at, from[i]));
            die(tearing);
            return TT_OK;
        }
        tearing->points_left -= tearing->points_left != UINT64_MAX;
        tt_tearing_poke(tearing, at, programmed(tearing, at, from[i]));
    }
    return TT_OK;
}

static tt_status erase(tt_medium *medium, uint32_t address)
{
    tt_tearing *tearing = (tt_tearing *)medium;
    tt_tearing_operation operation = {address, NULL, medium->sector_bytes};
    if (begin(tearing, &operation) != TT_OK)
        return TT_IO;
    if (address % medium->sector_bytes != 0 || address / medium->sector_bytes >= medium->sectors) {
        tearing->misuses++;
        return TT_IO;
    }
    tearing->erases++;
    tearing->busy = tearing->busy_erase;
    bool cut = tearing->points_left < TT_TEARING_STAGES;
    unsigned stage = (unsigned)(cut ? tearing->points_left : 0);
    bool wild = cut && tt_random_below(&tearing->random, 2) == 0;
    for (uint32_t at = address; at < address + medium->sector_bytes; at++) {
        uint8_t byte = cut ? tt_tearing_half_erased(tearing, at, stage, wild) : medium->erased;
        tt_tearing_poke(tearing, at, byte);
    }
    if (cut)
        die(tearing);
    if (tearing->points_left != UINT64_MAX)
        tearing->points_left -= cut ? stage : TT_TEARING_STAGES;
    return TT_OK;
}

static tt_status sync(tt_medium *medium)
{
    tt_tearing *tearing = (tt_tearing *)medium;
    if (begin(tearing, NULL) != TT_OK)
        return TT_IO;
    tearing->syncs++;
    tearing->busy = tearing->busy_sync;
    if (tearing->synced != NULL)
        memcpy(tearing->synced, tearing->image, medium->sectors * medium->sector_bytes);
    return TT_OK;
}

static tt_status poll(tt_medium *medium)
{
    tt_tearing *tearing = (tt_tearing *)medium;
    if (tearing->busy > 0) {
        tearing->busy--;
        return TT_BUSY;
    }
    return tearing->dead ? TT_IO : TT_OK;
}

void tt_tearing_init(tt_tearing *tearing, uint8_t *image, uint32_t program_bytes,
                     uint32_t sector_bytes, uint32_t sectors, uint8_t erased)
{
    static const tt_medium_operations operations = {read, program, erase, sync, poll};
    memset(tearing, 0, sizeof(*tearing));
    tearing->medium = (tt_medium){.operations = &operations,
                                  .program_bytes = program_bytes,
                                  .sector_bytes = sector_bytes,
                                  .sectors = sectors,
                                  .erased = erased,
                                  .window = image};
    tearing->image = image;
    tearing->points_left = tearing->reads_left = UINT64_MAX;
    tt_random_seed(&tearing->random, 1);
    for (uint32_t i = 0; i < sectors * sector_bytes; i++)
        tearing->hash ^= tt_tearing_mix(i, image[i]);
}

void tt_tearing_power(tt_tearing *tearing, uint64_t points)
{
    tearing->dead = false;
    tearing->busy = 0;
    tearing->points_left = points;
}
