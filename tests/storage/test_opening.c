// What opening costs, the clean index, other versions, and what is refused.

#include "tests/storage/bed.h"
#include "tests/test.h"
#include "tutti/bytes.h"

static uint8_t image[BED_BYTES_MAX], copy[BED_BYTES_MAX];
static test_bed the;

static uint8_t value[1024];
static unsigned rounds[1000]; // the last one in which each key was put

static void key_of(unsigned k, char *key)
{
    sprintf(key, "settings/%u", k);
}

static size_t length_of(unsigned k, unsigned round)
{
    return 100 + (k * 37 + round * 101) % 800;
}

// 1 MiB with 1,000 keys, each put twice and more: all sectors are in use.
static test_bed *thousand_keys(uint32_t index_sectors, uint32_t unit)
{
    memset(image, 0xff, sizeof(image));
    memset(&the, 0, sizeof(the));
    bed_init(&the, image, unit, 4096, 256);
    the.parts.entries_max = 1000;
    the.parts.buffer_bytes = 120; // no part of a sector
    the.parts.index_sectors = index_sectors;
    the.parts.log_sectors -= index_sectors;
    the.parts.clean = &tt_store_clean_index;
    REQUIRE(bed_open(&the) == TT_OK);
    for (unsigned i = 0; i < 3000 || the.store.counters.collections < 3; i++) {
        char key[32];
        key_of(i % 1000, key);
        memset(value, (int)(i % 251), sizeof(value));
        REQUIRE(bed_put(&the, key, value, length_of(i % 1000, i / 1000)) == TT_OK);
        rounds[i % 1000] = i / 1000;
    }
    bed_run(&the);
    return &the;
}

// Each key has a value of the length that it was given last.
static void expect_all(test_bed *bed)
{
    for (unsigned k = 0; k < 1000; k++) {
        char key[32];
        size_t length;
        key_of(k, key);
        EXPECT_EQUAL(tt_store_get(&bed->store, key, value, sizeof(value), &length), TT_OK);
        EXPECT_EQUAL(length, length_of(k, rounds[k]));
    }
}

static void test_cost(void)
{
    test_bed *bed = thousand_keys(0, 4);
    bed->tearing.read_bytes = 0;
    uint32_t live = bed->store.live, count = bed->store.count;
    REQUIRE(bed_open(bed) == TT_OK);
    printf("bench storage.open_1mib %llu bytes_read\n",
           (unsigned long long)bed->tearing.read_bytes);
    EXPECT(bed->tearing.read_bytes <= 1153433); // 1.1 MiB
    EXPECT_EQUAL(bed->store.live, live);
    EXPECT_EQUAL(bed->store.count, count);
    expect_all(bed);
}

static void test_clean_index(uint32_t unit)
{
    test_bed *bed = thousand_keys(3, unit);
    tt_store_write write = {0};
    tt_store_rest(&bed->store, &write);
    EXPECT_EQUAL(bed_wait(bed, &write), TT_OK);
    tt_store before = bed->store;
    bed->tearing.read_bytes = 0;
    REQUIRE(bed_open(bed) == TT_OK);
    if (unit == 4)
        printf("bench storage.open_1mib_clean %llu bytes_read\n",
               (unsigned long long)bed->tearing.read_bytes);
    EXPECT(bed->tearing.read_bytes <= 64 << 10);
    EXPECT_EQUAL(bed->store.live, before.live);
    EXPECT_EQUAL(bed->store.count, before.count);
    EXPECT_EQUAL(bed->store.version, before.version);
    EXPECT_EQUAL(bed->store.tail, before.tail);
    EXPECT_EQUAL(bed->store.head, before.head);
    EXPECT_EQUAL(bed->store.head_seed, before.head_seed);
    expect_all(bed);
    // The next write makes it void, and it is not believed.
    EXPECT_EQUAL(bed_put(bed, "settings/7", "seven", 5), TT_OK);
    bed->tearing.read_bytes = 0;
    REQUIRE(bed_open(bed) == TT_OK);
    EXPECT(bed->tearing.read_bytes > 256 << 10);
    size_t length;
    EXPECT_EQUAL(tt_store_get(&bed->store, "settings/7", value, sizeof(value), &length), TT_OK);
    EXPECT_EQUAL(length, 5);
    EXPECT_EQUAL(bed_put(bed, "settings/7", value, length_of(7, rounds[7])), TT_OK);
    // So do many writes, and a head that comes round again.
    tt_store_rest(&bed->store, &write);
    EXPECT_EQUAL(bed_wait(bed, &write), TT_OK);
    memcpy(copy, image, sizeof(image));
    for (unsigned i = 0; i < 300; i++)
        EXPECT_EQUAL(bed_put(bed, "settings/7", value, 900), TT_OK);
    REQUIRE(bed_open(bed) == TT_OK);
    EXPECT_EQUAL(tt_store_get(&bed->store, "settings/7", value, sizeof(value), &length), TT_OK);
    EXPECT_EQUAL(length, 900);
    // A byte of it changed: the records are walked over instead, and all is there.
    memcpy(image, copy, sizeof(image));
    image[(256 - 3) * 4096 + 4097] ^= 1;
    bed->tearing.read_bytes = 0;
    REQUIRE(bed_open(bed) == TT_OK);
    EXPECT(bed->tearing.read_bytes > 256 << 10);
    expect_all(bed);
    // Too little room for it, or none.
    bed = thousand_keys(2, unit);
    tt_store_rest(&bed->store, &write);
    EXPECT_EQUAL(bed_wait(bed, &write), TT_UNSUPPORTED);
    bed->parts.clean = NULL;
    REQUIRE(bed_open(bed) == TT_OK);
    tt_store_rest(&bed->store, &write);
    EXPECT_EQUAL(bed_wait(bed, &write), TT_UNSUPPORTED);
}

static void small(void)
{
    bed_blank(&the, image, 4, 512, 16);
}

// With room for a clean index of one sector.
static void small_indexed(void)
{
    small();
    the.parts.index_sectors = 1;
    the.parts.log_sectors = 14; // so that an index of 5 keys fills the buffer but for its sum
    the.parts.clean = &tt_store_clean_index;
    REQUIRE(bed_open(&the) == TT_OK);
}

// Of whatever length the index is, and wherever it ends in the buffer: it begins with its mark, and
// what lies behind the buffer is another's.
static void test_index_bytes(void)
{
    small_indexed();
    the.buffer[the.parts.buffer_bytes] = 0x5a;
    for (unsigned i = 0; i < 40; i++) {
        char key[32];
        key_of(i, key);
        EXPECT_EQUAL(bed_put(&the, key, "1", 1), TT_OK);
        bed_run(&the);
        uint64_t before = the.tearing.programmed_bytes;
        tt_store_write write = {0};
        tt_store_rest(&the.store, &write);
        EXPECT_EQUAL(bed_wait(&the, &write), TT_OK);
        EXPECT_EQUAL(the.tearing.programmed_bytes - before, 32 + 8 * (i + 1) + 14 * 4 + 4);
        EXPECT_EQUAL(the.buffer[the.parts.buffer_bytes], 0x5a);
        EXPECT(memcmp(image + 15 * 512, "TTSI", 4) == 0);
        the.tearing.read_bytes = 0;
        REQUIRE(bed_open(&the) == TT_OK);
        EXPECT_EQUAL(the.store.count, i + 1);
    }
}

// A head that a cut left without a use is erased by the next write: until then there is no index.
static void test_void_head(void)
{
    unsigned found = 0;
    for (uint64_t points = 0; points < 20000; points += 61) {
        small_indexed();
        tt_tearing_power(&the.tearing, points);
        for (unsigned i = 0; !the.tearing.dead; i++) {
            char key[32];
            key_of(i % 9, key);
            bed_put(&the, key, value, 100);
        }
        tt_tearing_power(&the.tearing, UINT64_MAX);
        REQUIRE(bed_open(&the) == TT_OK);
        if (the.store.void_head == UINT32_MAX)
            continue;
        found++;
        uint64_t before = the.tearing.programs + the.tearing.erases;
        tt_store_write write = {0};
        tt_store_rest(&the.store, &write);
        EXPECT_EQUAL(bed_wait(&the, &write), TT_OK);
        EXPECT_EQUAL(the.tearing.programs + the.tearing.erases, before);
    }
    EXPECT(found > 0);
}

// Cuts while the clean index is written: whatever is left of it, all is there.
static void test_torn_index(void)
{
    for (uint64_t points = 0; points < 900; points += 7) {
        small_indexed();
        for (unsigned i = 0; i < 100; i++) {
            char key[32];
            key_of(i % 20, key);
            REQUIRE(bed_put(&the, key, value, i % 40) == TT_OK);
        }
        bed_run(&the);
        tt_store_write write = {0};
        for (int again = 0; again < 2; again++) {
            tt_random_seed(&the.tearing.random, points);
            the.tearing.points_left = again == 0 ? UINT64_MAX : points;
            tt_store_rest(&the.store, &write);
            bed_wait(&the, &write);
        }
        tt_tearing_power(&the.tearing, UINT64_MAX);
        REQUIRE(bed_open(&the) == TT_OK);
        for (unsigned k = 0; k < 20; k++) {
            char key[32];
            size_t length;
            key_of(k, key);
            EXPECT_EQUAL(tt_store_get(&the.store, key, value, sizeof(value), &length), TT_OK);
            EXPECT_EQUAL(length, (80 + k) % 40);
        }
        EXPECT_EQUAL(the.tearing.misuses, 0);
    }
}

// Another version of the format, another geometry: refused, and nothing is changed.
static void test_versions(void)
{
    small();
    REQUIRE(bed_open(&the) == TT_OK);
    EXPECT_EQUAL(bed_put(&the, "a", "one", 3), TT_OK);
    the.parts.log_sectors = 15;
    EXPECT_EQUAL(bed_open(&the), TT_UNSUPPORTED);
    the.parts.log_sectors = 16;
    the.tearing.medium.program_bytes = 8;
    EXPECT_EQUAL(bed_open(&the), TT_UNSUPPORTED);
    the.tearing.medium.program_bytes = 4;
    the.tearing.medium.sector_bytes = 1024;
    the.parts.log_sectors = the.tearing.medium.sectors = 8;
    EXPECT_EQUAL(bed_open(&the), TT_UNSUPPORTED);
    the.tearing.medium.sector_bytes = 512;
    the.parts.log_sectors = the.tearing.medium.sectors = 16;
    image[4]++;
    EXPECT_EQUAL(bed_open(&the), TT_OK); // a header whose sum is wrong is none
    uint32_t sum = tt_crc32(0, image, 28);
    for (int i = 0; i < 4; i++)
        image[28 + i] = (uint8_t)(sum >> 8 * i);
    memcpy(copy, image, 64 << 10);
    EXPECT_EQUAL(bed_open(&the), TT_UNSUPPORTED);
    EXPECT(memcmp(copy, image, 64 << 10) == 0);
}

static void test_refused(void)
{
    small();
    the.parts.format = false;
    EXPECT_EQUAL(bed_open(&the), TT_NOT_FOUND);
    the.parts.format = true;
    EXPECT_EQUAL(bed_open(&the), TT_OK);
    the.parts.log_sectors = 1;
    EXPECT_EQUAL(bed_open(&the), TT_INVALID);
    the.parts.log_sectors = 17;
    EXPECT_EQUAL(bed_open(&the), TT_INVALID);
    the.parts.log_sectors = 16;
    the.parts.index_sectors = 1;
    EXPECT_EQUAL(bed_open(&the), TT_INVALID);
    the.parts.index_sectors = 0;
    the.parts.buffer_bytes = 60;
    EXPECT_EQUAL(bed_open(&the), TT_INVALID);
    the.parts.buffer_bytes = 66;
    EXPECT_EQUAL(bed_open(&the), TT_INVALID);
    the.parts.buffer_bytes = 64;
    EXPECT_EQUAL(bed_open(&the), TT_OK);
    for (uint32_t unit = 0; unit <= 1024; unit = unit * 2 + (unit < 3)) {
        the.tearing.medium.program_bytes = unit;
        the.parts.buffer_bytes = 1024;
        bool good = unit > 0 && unit < 512 && (unit & (unit - 1)) == 0; // 512: no room in 512
        EXPECT_EQUAL(bed_open(&the), good ? TT_OK : TT_INVALID);
    }
    small();
    the.tearing.medium.sector_bytes = 0;
    EXPECT_EQUAL(bed_open(&the), TT_INVALID);
    // The least sector has room for two deletions of the longest key, besides what each has.
    small();
    the.tearing.medium.program_bytes = 1;
    the.tearing.medium.sector_bytes = 32 + 16 + 2 * (16 + TT_STORE_KEY_MAX);
    EXPECT_EQUAL(bed_open(&the), TT_OK);
    the.tearing.medium.sector_bytes--;
    EXPECT_EQUAL(bed_open(&the), TT_INVALID);
    // Fewer entries than the store has keys.
    small();
    REQUIRE(bed_open(&the) == TT_OK);
    EXPECT_EQUAL(bed_put(&the, "a", "one", 3), TT_OK);
    EXPECT_EQUAL(bed_put(&the, "b", "two", 3), TT_OK);
    the.parts.entries_max = 2;
    EXPECT_EQUAL(bed_open(&the), TT_OK);
    the.parts.entries_max = 1;
    EXPECT_EQUAL(bed_open(&the), TT_FULL);
    the.tearing.dead = true;
    EXPECT_EQUAL(bed_open(&the), TT_IO);
}

int main(void)
{
    test_cost();
    test_clean_index(1);
    test_clean_index(4);
    test_index_bytes();
    test_void_head();
    test_torn_index();
    test_versions();
    test_refused();
    return test_result();
}
