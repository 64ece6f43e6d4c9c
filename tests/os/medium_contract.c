// Three sectors are written, and one lies between them as a neighbour. What a start leaves in the
// last sector says how many there were, and everything there depends on that number.

#include <string.h>

#include "tests/os/medium_contract.h"
#include "tutti/check.h"

#define SECTOR_MAX 4096
#define PAUSES_MAX 20000
#define MARK "tutti medium"

static uint8_t bytes[SECTOR_MAX], seen[SECTOR_MAX + 64];
static medium_report report;

static void expect(bool holds, const char *what)
{
    if (!holds && report.broken == NULL)
        report.broken = what;
}
#define EXPECT(condition) expect(condition, #condition)

static void count_ready(tt_medium *medium)
{
    (void)medium;
    __atomic_fetch_add(&report.told, 1, __ATOMIC_RELEASE);
}

static void wait(tt_medium *medium, tt_status begun)
{
    EXPECT(begun == TT_OK);
    if (begun != TT_OK)
        return;
    tt_status status = medium->operations->poll(medium);
    report.waited += status == TT_BUSY;
    for (unsigned i = 0; i < PAUSES_MAX && status == TT_BUSY; i++) {
        report.polls++;
        medium_pause();
        status = medium->operations->poll(medium);
    }
    EXPECT(status == TT_OK);
}

static void erase(tt_medium *medium, uint32_t sector)
{
    wait(medium, medium->operations->erase(medium, sector * medium->sector_bytes));
}

static void program(tt_medium *medium, uint32_t address, size_t length)
{
    wait(medium, medium->operations->program(medium, address, bytes, length));
}

static uint8_t pattern(uint32_t at, unsigned generation)
{
    return (uint8_t)(at * 7 + at / 256 + generation * 31);
}

static void make_pattern(uint32_t from, size_t length, unsigned generation)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] = pattern(from + (uint32_t)i, generation);
}

static bool is_pattern(tt_medium *medium, uint32_t from, size_t length, unsigned generation)
{
    memset(seen, 0x5a, sizeof(seen));
    if (medium->operations->read(medium, from, seen, length) != TT_OK)
        return false;
    for (size_t i = 0; i < length; i++)
        if (seen[i] != pattern(from + (uint32_t)i, generation))
            return false;
    return seen[length] == 0x5a && // and no more than was asked for
           (medium->window == NULL ||
            memcmp((const uint8_t *)medium->window + from, seen, length) == 0);
}

static bool is_erased(tt_medium *medium, uint32_t from, size_t length)
{
    memset(seen, (uint8_t)~medium->erased, sizeof(seen));
    if (medium->operations->read(medium, from, seen, length) != TT_OK)
        return false;
    for (size_t i = 0; i < length; i++)
        if (seen[i] != medium->erased)
            return false;
    return true;
}

static void try_geometry(const tt_medium *medium)
{
    EXPECT(medium->program_bytes > 0 && medium->program_bytes <= TT_MEDIUM_PROGRAM_BYTES_MAX);
    EXPECT((medium->program_bytes & (medium->program_bytes - 1)) == 0);
    EXPECT(medium->sector_bytes > 0 && medium->sector_bytes % medium->program_bytes == 0);
    EXPECT(medium->sectors >= 2);
    EXPECT((uint64_t)medium->sectors * medium->sector_bytes <= UINT32_MAX);
    EXPECT(medium->erased == 0xff || medium->erased == 0);
    EXPECT(medium->sector_bytes <= SECTOR_MAX && medium->sectors >= 4); // for this test
}

// A sector in pieces: its first unit, its last, and what is between.
static void try_pieces(tt_medium *medium, uint32_t sector, unsigned generation)
{
    uint32_t unit = medium->program_bytes, size = medium->sector_bytes, at = sector * size;
    erase(medium, sector);
    EXPECT(is_erased(medium, at, size));
    make_pattern(at, unit, generation);
    program(medium, at, unit);
    EXPECT(is_pattern(medium, at, unit, generation));
    EXPECT(is_erased(medium, at + unit, size - unit));
    make_pattern(at + size - unit, unit, generation);
    program(medium, at + size - unit, unit);
    EXPECT(is_erased(medium, at + unit, size - 2 * unit));
    make_pattern(at + unit, size - 2 * unit, generation);
    program(medium, at + unit, size - 2 * unit);
    EXPECT(is_pattern(medium, at, size, generation));
}

static void try_odd_reads(tt_medium *medium, uint32_t sector, unsigned generation)
{
    static const uint32_t offsets[] = {1, 3, 255, 257, 509, 511, 513},
                          lengths[] = {1, 2, 5, 31, 64};
    uint32_t at = sector * medium->sector_bytes;
    for (unsigned i = 0; i < TT_COUNT(offsets); i++)
        for (unsigned j = 0; j < TT_COUNT(lengths); j++)
            if (offsets[i] + lengths[j] <= medium->sector_bytes)
                EXPECT(is_pattern(medium, at + offsets[i], lengths[j], generation));
    EXPECT(is_pattern(medium, at + 1, medium->sector_bytes - 2, generation));
    EXPECT(medium->operations->read(medium, at, seen, 0) == TT_OK);
}

static void try_twice(tt_medium *medium, uint32_t sector)
{
    uint32_t at = sector * medium->sector_bytes;
    uint8_t byte = 0;
    erase(medium, sector);
    memset(bytes, 0xf0, medium->program_bytes);
    program(medium, at, medium->program_bytes);
    memset(bytes, 0x3c, medium->program_bytes);
    program(medium, at, medium->program_bytes);
    EXPECT(medium->operations->read(medium, at, &byte, 1) == TT_OK);
    EXPECT(byte == 0x3c || byte == 0x30);
    report.overwrites = byte == 0x3c;
}

// The last sector: the number of this start, in a unit of its own, behind the mark.
static unsigned starts_before(tt_medium *medium)
{
    uint8_t head[sizeof(MARK) + 1];
    uint32_t at = (medium->sectors - 1) * medium->sector_bytes;
    EXPECT(medium->operations->read(medium, at, head, sizeof(head)) == TT_OK);
    return memcmp(head, MARK, sizeof(MARK)) == 0 ? head[sizeof(MARK)] : 0;
}

static void leave_mark(tt_medium *medium, unsigned start)
{
    uint32_t unit = medium->program_bytes;
    size_t length = (sizeof(MARK) + 1 + unit - 1) / unit * unit;
    memset(bytes, 0xff, length);
    memcpy(bytes, MARK, sizeof(MARK));
    bytes[sizeof(MARK)] = (uint8_t)start;
    erase(medium, medium->sectors - 1);
    program(medium, (medium->sectors - 1) * medium->sector_bytes, length);
}

medium_report medium_try(tt_medium *medium)
{
    report = (medium_report){0};
    medium->ready = count_ready;
    try_geometry(medium);
    EXPECT(medium->operations->poll(medium) == TT_OK);
    if (report.broken != NULL)
        return report;
    unsigned before = starts_before(medium), start = before + 1;
    uint32_t size = medium->sector_bytes, far = medium->sectors - 2;
    if (before > 0) { // as the last start left it
        EXPECT(is_pattern(medium, 0, size, before));
        EXPECT(is_pattern(medium, size, size, before + 1));
        EXPECT(is_pattern(medium, far * size, size, before + 2));
    }
    try_twice(medium, far);
    EXPECT(before == 0 || is_pattern(medium, size, size, before + 1)); // the neighbours stand
    try_pieces(medium, 0, start);
    EXPECT(before == 0 || is_pattern(medium, size, size, before + 1));
    try_pieces(medium, far, start + 2);
    erase(medium, 1);
    EXPECT(is_pattern(medium, 0, size, start) && is_pattern(medium, far * size, size, start + 2));
    make_pattern(size, size, start + 1);
    program(medium, size, size); // a whole sector at once
    EXPECT(is_pattern(medium, size, size, start + 1));
    try_odd_reads(medium, 0, start);
    try_odd_reads(medium, far, start + 2);
    leave_mark(medium, start);
    wait(medium, medium->operations->sync(medium));
    EXPECT(starts_before(medium) == start);
    for (unsigned i = 0; i < 50 && __atomic_load_n(&report.told, __ATOMIC_ACQUIRE) < report.waited;
         i++)
        medium_pause(); // whoever tells may do it a little later
    report.start = start;
    return report;
}
