// Images with right sums that no store made, or one that is older than any gets: what is put into
// them and acknowledged is there afterwards, and nothing is read outside of the medium.

#include "storage/store_internal.h"
#include "tests/storage/bed.h"
#include "tests/test.h"
#include "tutti/bytes.h"

#define SECTORS 16
#define SECTOR 512
#define KEYS 10

static uint8_t image[SECTORS * SECTOR], good[SECTORS * SECTOR];
static test_bed the;

static uint32_t get32(uint32_t at)
{
    return image[at] | (uint32_t)image[at + 1] << 8 | (uint32_t)image[at + 2] << 16 |
           (uint32_t)image[at + 3] << 24;
}

static void set32(uint32_t at, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        image[at + i] = (uint8_t)(number >> 8 * i);
}

static void parts_of(uint32_t extents, uint32_t index)
{
    memset(&the, 0, sizeof(the));
    bed_init(&the, image, 4, SECTOR, SECTORS);
    the.parts.entries_max = 256;
    the.parts.log_sectors = SECTORS - extents - index;
    the.parts.index_sectors = index;
    the.parts.extents = &tt_store_extents;
    the.parts.clean = &tt_store_clean_index;
}

static void blank(uint32_t extents, uint32_t index)
{
    memset(image, 0xff, sizeof(image));
    parts_of(extents, index);
    REQUIRE(bed_open(&the) == TT_OK);
}

static const char *key_of(unsigned k)
{
    static char key[16];
    snprintf(key, sizeof(key), "key %u", k);
    return key;
}

static tt_status put(unsigned k, unsigned i)
{
    char value[64];
    return bed_put(&the, key_of(k), value,
                   (size_t)snprintf(value, sizeof(value), "value %u of %u, it is", i, k));
}

static bool is(unsigned k, unsigned i)
{
    char value[64], expected[64];
    size_t length;
    snprintf(expected, sizeof(expected), "value %u of %u, it is", i, k);
    return tt_store_get(&the.store, key_of(k), value, sizeof(value), &length) == TT_OK &&
           length == strlen(expected) && memcmp(value, expected, length) == 0;
}

// What is put, in several rounds through the log, is there after each opening.
static void expect_kept(void)
{
    unsigned newest[KEYS];
    for (unsigned i = 0; i < 300; i++) {
        newest[i * 7 % KEYS] = i;
        EXPECT_EQUAL(put(i * 7 % KEYS, i), TT_OK);
        if (i % 50 != 10)
            continue;
        REQUIRE(bed_open(&the) == TT_OK);
        for (unsigned k = 0; k < KEYS; k++)
            EXPECT(is(k, newest[k]));
    }
    EXPECT_EQUAL(the.tearing.misuses, 0);
}

static void sequence_of(uint32_t sector, uint32_t sequence)
{
    set32(sector * SECTOR + 12, sequence);
    set32(sector * SECTOR + 28, tt_crc32(0, image + sector * SECTOR, 28));
}

// The header of the first sector has such a sequence: the others have none.
static void test_sequence(uint32_t sequence, bool counts)
{
    blank(0, 0);
    EXPECT_EQUAL(put(0, 1), TT_OK);
    sequence_of(0, sequence);
    the.parts.format = false;
    EXPECT_EQUAL(bed_open(&the), counts ? TT_OK : TT_NOT_FOUND);
    the.parts.format = true;
    REQUIRE(bed_open(&the) == TT_OK);
    EXPECT_EQUAL(the.store.sequence, counts ? sequence : 0);
    if (!counts || sequence < TT_STORE_SEQUENCE_MAX - 1000)
        return expect_kept();
    // A store that has come so far: refused in time, and all is there that was acknowledged.
    unsigned puts[KEYS] = {0}, i = 0;
    for (; put(i % KEYS, i) == TT_OK; i++) {
        REQUIRE(i < 1000);
        puts[i % KEYS] = i;
    }
    EXPECT_EQUAL(the.store.sequence, TT_STORE_SEQUENCE_MAX);
    for (int opened = 0; opened < 2; opened++) {
        for (unsigned k = 0; k < KEYS && k < i; k++)
            EXPECT(is(k, puts[k]));
        EXPECT_EQUAL(put(0, 5000), TT_FULL);
        EXPECT_EQUAL(bed_run(&the), TT_OK);
        REQUIRE(bed_open(&the) == TT_OK);
    }
}

// An extent, whatever its record says of where it lies and how long it is, and of its own length.
static void test_extent(uint32_t sector, uint32_t length, uint32_t own_length, bool inside)
{
    static uint8_t value[700], there[SECTORS * SECTOR];
    tt_store_value known;
    tt_store_pin pin;
    const void *bytes;
    size_t read;
    blank(4, 0);
    tt_store_change change = {.key = "plan", .value = value, .length = 700, .extent = true};
    EXPECT_EQUAL(bed_change(&the, &change, 1), TT_OK);
    EXPECT_EQUAL(tt_store_find(&the.store, "plan", &known), TT_OK);
    uint32_t at = known.address + 12 + 4, seed = get32(28);
    set32(at, sector);
    set32(at + 4, length);
    set32(at + 8, inside ? tt_crc32(0, image + sector * SECTOR, length) : 0);
    image[known.address + 2] = (uint8_t)own_length;
    uint32_t sum = tt_crc32(seed ^ known.address, image + known.address, 9);
    for (int i = 0; i < 3; i++)
        image[known.address + 9 + i] = (uint8_t)(sum >> 8 * i);
    set32(at + own_length, tt_crc32(sum, image + known.address + 12, 4 + own_length));
    REQUIRE(bed_open(&the) == TT_OK);
    tt_status expected = inside ? TT_OK : TT_DAMAGED;
    EXPECT_EQUAL(tt_store_find(&the.store, "plan", &known), expected);
    EXPECT_EQUAL(tt_store_get(&the.store, "plan", there, sizeof(there), &read), expected);
    EXPECT_EQUAL(tt_store_window(&the.store, "plan", &pin, &bytes, &read), expected);
    if (inside)
        tt_store_unpin(&pin);
    tt_store_facts facts;
    EXPECT_EQUAL(tt_store_info(&the.store, 4, &facts), TT_OK);
    EXPECT_EQUAL(bed_remove(&the, "plan"), TT_OK);
    EXPECT_EQUAL(bed_change(&the, &change, 1), TT_OK);
    EXPECT_EQUAL(the.tearing.misuses, 0);
}

// The greatest version is there: those that follow are others, each, and after an opening, too.
static void test_version(void)
{
    tt_store_value known;
    blank(0, 0);
    EXPECT_EQUAL(put(0, 1), TT_OK);
    EXPECT_EQUAL(tt_store_find(&the.store, key_of(0), &known), TT_OK);
    uint32_t at = known.address;
    set32(at + 5, 0xffffffff);
    uint32_t sum = tt_crc32(get32(28) ^ at, image + at, 9), length = 5 + known.length;
    for (int i = 0; i < 3; i++)
        image[at + 9 + i] = (uint8_t)(sum >> 8 * i);
    set32(at + 12 + length, tt_crc32(sum, image + at + 12, length));
    REQUIRE(bed_open(&the) == TT_OK);
    EXPECT_EQUAL(the.store.version, 0xffffffff);
    EXPECT(is(0, 1));
    for (uint32_t i = 0; i < 200; i++) { // beside a key whose version stays
        EXPECT_EQUAL(put(1, i), TT_OK);
        EXPECT_EQUAL(tt_store_find(&the.store, key_of(1), &known), TT_OK);
        EXPECT_EQUAL(known.version, i);
        REQUIRE(bed_open(&the) == TT_OK);
    }
    EXPECT(the.store.counters.collections > 0 || the.store.sequence > SECTORS);
    EXPECT_EQUAL(tt_store_find(&the.store, key_of(0), &known), TT_OK);
    EXPECT_EQUAL(known.version, 0xffffffff);
}

// A clean index whose sum is right and one of whose words is not: whatever it says, what is put
// afterwards is there.
static void test_index(void)
{
    uint32_t base = (SECTORS - 1) * SECTOR, count = 0, refused = 0;
    blank(0, 1);
    for (unsigned i = 0; i < 150; i++)
        EXPECT_EQUAL(put(i % KEYS, i), TT_OK);
    bed_run(&the);
    tt_store_write rest = {.done = NULL};
    tt_store_rest(&the.store, &rest);
    EXPECT_EQUAL(bed_wait(&the, &rest), TT_OK);
    memcpy(good, image, sizeof(image));
    uint32_t length = 32 + KEYS * 8 + (SECTORS - 1) * 4;
    EXPECT_EQUAL(get32(base + length), tt_crc32(0, image + base, length));
    the.tearing.read_bytes = 0;
    REQUIRE(bed_open(&the) == TT_OK);
    uint64_t least = the.tearing.read_bytes;
    for (uint32_t bit = 0; bit < 8 * length; bit++) {
        memcpy(image, good, sizeof(image));
        image[base + bit / 8] ^= (uint8_t)(1 << bit % 8);
        set32(base + length, tt_crc32(0, image + base, length));
        the.tearing.read_bytes = 0;
        REQUIRE(bed_open(&the) == TT_OK);
        count++;
        refused += the.tearing.read_bytes > least + 1000;
        for (unsigned k = 0; k < KEYS; k++)
            EXPECT(is(k, 140 + k));
        expect_kept();
    }
    // All but the version, how many older values a key has, and the words of two free sectors.
    EXPECT(refused >= count - 32 - KEYS * 15 - 64);
}

// An index of a key that says that not even its newest value is on the medium; and one that has the
// entry twice, and the words that belong to that.
static void test_index_entry(void)
{
    uint32_t base = (SECTORS - 1) * SECTOR, length = 32 + 8 + (SECTORS - 1) * 4;
    blank(0, 1);
    EXPECT_EQUAL(put(0, 0), TT_OK);
    tt_store_write rest = {.done = NULL};
    tt_store_rest(&the.store, &rest);
    EXPECT_EQUAL(bed_wait(&the, &rest), TT_OK);
    memcpy(good, image, sizeof(image));
    image[base + 32 + 6] = 0;
    set32(base + length, tt_crc32(0, image + base, length));
    REQUIRE(bed_open(&the) == TT_OK);
    EXPECT_EQUAL(the.entries[0].records, 1);
    memcpy(image, good, sizeof(image));
    memmove(image + base + 40, image + base + 32, length - 32);
    set32(base + 24, 2);
    set32(base + 28, 2 * get32(base + 28));
    uint32_t live = get32(base + 48) & SECTOR_LIVE;
    set32(base + 48, get32(base + 48) + live);
    set32(base + length + 8, tt_crc32(0, image + base, length + 8));
    REQUIRE(bed_open(&the) == TT_OK);
    EXPECT_EQUAL(the.store.count, 1);
    EXPECT_EQUAL(the.store.live, live);
    EXPECT(is(0, 0));
    expect_kept();
}

// Sectors that somebody filled to the brim, and the free one has a header, or not: all can be read,
// what has no place is refused without an erase, and what was acknowledged stays.
static void test_brim(bool no_free)
{
    static uint8_t value[93]; // four fill a sector
    blank(0, 0);
    the.store.reserve = 0; // which makes it no store of ours
    char key[16];
    unsigned keys = 0, gone = 0;
    tt_status status = TT_OK;
    for (; status == TT_OK; keys += status == TT_OK) {
        snprintf(key, sizeof(key), "brim %02u", keys);
        status = bed_put(&the, key, value, sizeof(value));
    }
    EXPECT_EQUAL(status, TT_FULL);
    EXPECT_EQUAL(keys, (SECTORS - 1) * 4);
    uint32_t last = the.store.head, free = SECTORS - 1;
    EXPECT(the.sectors[free] >= SECTOR_FREE);
    if (no_free) {
        memcpy(image + free * SECTOR, image + last * SECTOR, 32);
        sequence_of(free, get32(last * SECTOR + 12) + 1);
    }
    REQUIRE(bed_open(&the) == TT_OK);
    uint64_t erases = the.tearing.erases;
    EXPECT_EQUAL(bed_put(&the, "brim", value, 50), TT_FULL);
    for (status = TT_OK; status == TT_OK; gone += status == TT_OK) {
        snprintf(key, sizeof(key), "brim %02u", gone);
        status = bed_remove(&the, key);
    }
    EXPECT_EQUAL(status, TT_FULL);
    EXPECT_EQUAL(gone, no_free ? 464 / 24 : 0);
    EXPECT_EQUAL(bed_run(&the), TT_OK);
    EXPECT_EQUAL(the.tearing.erases, erases);
    for (int opened = 0; opened < 2; opened++) {
        for (unsigned k = 0; k < keys; k++) {
            snprintf(key, sizeof(key), "brim %02u", k);
            EXPECT_EQUAL(tt_store_find(&the.store, key, NULL), k < gone ? TT_NOT_FOUND : TT_OK);
        }
        REQUIRE(bed_open(&the) == TT_OK);
    }
    EXPECT_EQUAL(the.tearing.misuses, 0);
}

int main(void)
{
    test_sequence(7, true);
    test_sequence(TT_STORE_SEQUENCE_MAX, true);
    test_sequence(TT_STORE_SEQUENCE_MAX - 1, true);
    test_sequence(TT_STORE_SEQUENCE_MAX - 40, true);
    test_sequence(TT_STORE_SEQUENCE_MAX + 1, false);
    test_sequence(0x7ffffff0, false);
    test_sequence(0x7fffffff, false);
    test_sequence(0xffffffff, false);
    test_extent(12, 4 * SECTOR, 12, true);
    test_extent(12, 4 * SECTOR + 1, 12, false);
    test_extent(15, SECTOR, 12, true);
    test_extent(15, SECTOR + 1, 12, false);
    test_extent(15, UINT32_MAX, 12, false);
    test_extent(16, 0, 12, false);
    test_extent(11, 1, 12, false);
    test_extent(UINT32_MAX, 1, 12, false);
    test_extent(12, SECTOR, 8, false);
    test_version();
    test_index();
    test_index_entry();
    test_brim(false);
    test_brim(true);
    return test_result();
}
