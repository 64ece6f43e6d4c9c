// What the store promises while nothing goes wrong: put, get, delete, at the edges, too, of what is
// read, given up, named alike, versions and pins.

#include "tests/storage/bed.h"
#include "tests/test.h"
#include "tutti/bytes.h"

static uint8_t image[BED_BYTES_MAX];
static test_bed the;

static test_bed *blank(uint32_t unit, uint32_t sector, uint32_t sectors)
{
    bed_blank(&the, image, unit, sector, sectors);
    REQUIRE(bed_open(&the) == TT_OK);
    return &the;
}

static void test_put_and_get(void)
{
    test_bed *bed = blank(4, 512, 16);
    EXPECT_TEXT(bed_text(bed, "a"), "TT_NOT_FOUND");
    EXPECT_EQUAL(bed_put(bed, "a", "one", 3), TT_OK);
    EXPECT_EQUAL(bed_put(bed, "b", "", 0), TT_OK);
    EXPECT_TEXT(bed_text(bed, "a"), "one");
    EXPECT_TEXT(bed_text(bed, "b"), "");
    tt_store_value first, second;
    EXPECT_EQUAL(tt_store_find(&bed->store, "a", &first), TT_OK);
    EXPECT_EQUAL(bed_put(bed, "a", "another", 7), TT_OK);
    EXPECT_EQUAL(tt_store_find(&bed->store, "a", &second), TT_OK);
    EXPECT_EQUAL(first.length, 3);
    EXPECT_EQUAL(second.length, 7);
    EXPECT(first.version != second.version);
    EXPECT_EQUAL(bed_remove(bed, "b"), TT_OK);
    EXPECT_EQUAL(bed_remove(bed, "b"), TT_NOT_FOUND);
    EXPECT_TEXT(bed_text(bed, "b"), "TT_NOT_FOUND");
    REQUIRE(bed_open(bed) == TT_OK);
    EXPECT_TEXT(bed_text(bed, "a"), "another");
    EXPECT_TEXT(bed_text(bed, "b"), "TT_NOT_FOUND");
    EXPECT_EQUAL(bed->tearing.misuses, 0);
}

// Many rounds of collection, with a model beside.
static void test_rounds(uint32_t unit, uint32_t sector, uint32_t sectors)
{
    test_bed *bed = blank(unit, sector, sectors);
    unsigned values[5] = {0};
    char key[8], value[64], expected[64];
    for (unsigned i = 1; i < 3000; i++) {
        unsigned k = i * 7 % 4;
        snprintf(key, sizeof(key), "key%u", k);
        if (i % 13 == 0) {
            EXPECT_EQUAL(bed_remove(bed, key), values[k] != 0 ? TT_OK : TT_NOT_FOUND);
            values[k] = 0;
        } else {
            snprintf(value, sizeof(value), "value %u of %u", i, k);
            EXPECT_EQUAL(bed_put(bed, key, value, strlen(value)), TT_OK);
            values[k] = i;
        }
        if (i % 100 == 0) {
            bed_run(bed);
            REQUIRE(bed_open(bed) == TT_OK);
        }
        for (k = 0; k < 4; k++) {
            snprintf(key, sizeof(key), "key%u", k);
            snprintf(expected, sizeof(expected), "value %u of %u", values[k], k);
            EXPECT_TEXT(bed_text(bed, key), values[k] != 0 ? expected : "TT_NOT_FOUND");
        }
    }
    EXPECT(bed->tearing.erases > sectors * 3);
    EXPECT_EQUAL(bed->tearing.misuses, 0);
}

// Wherever reading begins, it is not begun outside of the medium, though it be for no byte.
static void test_read_beyond(void)
{
    static const uint32_t offsets[] = {3, 4, 8192, 100000, 0x7fffffff, 0xfffff000, UINT32_MAX};
    char bytes[8];
    size_t length;
    test_bed *bed = blank(4, 512, 16);
    EXPECT_EQUAL(bed_put(bed, "a", "one", 3), TT_OK);
    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        tt_status status = tt_store_read(&bed->store, "a", offsets[i], bytes, 8, &length, NULL);
        EXPECT_EQUAL(status, TT_OK);
        EXPECT_EQUAL(length, 0);
    }
    EXPECT_EQUAL(bed->tearing.misuses, 0);
    tt_medium *medium = &bed->tearing.medium; // which would tell
    EXPECT_EQUAL(medium->operations->read(medium, 8193, bytes, 0), TT_IO);
    EXPECT_EQUAL(medium->operations->program(medium, 8192, bytes, 4), TT_IO);
    EXPECT_EQUAL(medium->operations->erase(medium, 8192), TT_IO);
    EXPECT_EQUAL(bed->tearing.misuses, 3);
    EXPECT_EQUAL(medium->operations->program(medium, 4096, bytes, 0), TT_OK);
    EXPECT_EQUAL(bed->tearing.misuses, 4);
}

// What is left of a write that was given up is stepped over: what follows is found again.
static void test_cancelled(void)
{
    static uint8_t value[300];
    test_bed *bed = blank(4, 4096, 4);
    tt_store_change change = {.key = "a", .length = 300};
    tt_store_write write = {.changes = &change, .count = 1};
    tt_store_begin(&bed->store, &write);
    bed_run(bed);
    EXPECT_EQUAL(tt_store_give(&bed->store, &write, value, 200), TT_OK);
    EXPECT_EQUAL(bed_run(bed), TT_EMPTY);
    tt_store_cancel(&bed->store, &write);
    bed_run(bed);
    EXPECT_EQUAL(write.status, TT_CANCELLED);
    EXPECT_EQUAL(bed_put(bed, "b", "acknowledged", 12), TT_OK);
    REQUIRE(bed_open(bed) == TT_OK);
    EXPECT_TEXT(bed_text(bed, "b"), "acknowledged");
    EXPECT_TEXT(bed_text(bed, "a"), "TT_NOT_FOUND");
    EXPECT_EQUAL(bed->tearing.misuses, 0);
}

static uint16_t hash_of(const char *key)
{
    uint32_t sum = tt_crc32(0, key, strlen(key));
    return (uint16_t)(sum ^ sum >> 16);
}

// Two keys of one hash, one of which the other begins with, are two.
static void test_prefix(void)
{
    char longer[16] = "";
    test_bed *bed = blank(4, 512, 16);
    for (unsigned i = 0; hash_of(longer) != hash_of("key"); i++)
        snprintf(longer, sizeof(longer), "key%u", i);
    EXPECT_EQUAL(bed_put(bed, longer, "longer", 6), TT_OK);
    EXPECT_TEXT(bed_text(bed, "key"), "TT_NOT_FOUND");
    EXPECT_EQUAL(bed_put(bed, "key", "short", 5), TT_OK);
    EXPECT_TEXT(bed_text(bed, "key"), "short");
    EXPECT_TEXT(bed_text(bed, longer), "longer");
    EXPECT_EQUAL(bed_remove(bed, "key"), TT_OK);
    EXPECT_TEXT(bed_text(bed, longer), "longer");
}

// Where all that is left of the newest version is the record that closes a collection.
static void test_version_kept(void)
{
    test_bed *bed = blank(4, 512, 2);
    char value[100] = "";
    for (unsigned i = 0; i < 3; i++) {
        EXPECT_EQUAL(bed_put(bed, "a", value, sizeof(value)), TT_OK);
        EXPECT_EQUAL(bed_remove(bed, "a"), TT_OK);
    }
    uint32_t version = bed->store.version;
    EXPECT_EQUAL(version, 6);
    tt_store_change change = {.key = "a", .value = value, .length = sizeof(value)};
    tt_store_write write = {.changes = &change, .count = 1};
    tt_store_begin(&bed->store, &write);
    while (bed->store.counters.collections == 0)
        REQUIRE(tt_store_step(&bed->store) == TT_BUSY);
    EXPECT_EQUAL(bed->store.count, 0);
    REQUIRE(bed_open(bed) == TT_OK);
    EXPECT_EQUAL(bed->store.version, version);
}

// Bytes that are pinned stay, wherever in them a later extent would begin.
static void test_pinned(void)
{
    static uint8_t plan[1500], other[512];
    test_bed *bed = blank(4, 512, 24);
    tt_store_pin pin;
    const void *bytes;
    size_t length;
    memset(plan, 'p', sizeof(plan));
    memset(other, 'o', sizeof(other));
    bed->parts.log_sectors = 16;
    bed->parts.extents = &tt_store_extents;
    REQUIRE(bed_open(bed) == TT_OK);
    tt_store_change change = {.key = "plan", .value = plan, .length = 1500, .extent = true};
    EXPECT_EQUAL(bed_change(bed, &change, 1), TT_OK);
    EXPECT_EQUAL(tt_store_window(&bed->store, "plan", &pin, &bytes, &length), TT_OK);
    EXPECT_EQUAL(bed_remove(bed, "plan"), TT_OK);
    tt_store_change small = {.key = "small", .value = other, .length = 512, .extent = true};
    for (unsigned i = 0; i < 20; i++) { // it begins elsewhere each time
        EXPECT_EQUAL(bed_change(bed, &small, 1), TT_OK);
        EXPECT(memcmp(bytes, plan, sizeof(plan)) == 0);
    }
    tt_store_unpin(&pin);
}

int main(void)
{
    test_put_and_get();
    test_read_beyond();
    test_cancelled();
    test_prefix();
    test_version_kept();
    test_pinned();
    test_rounds(1, 512, 16);
    test_rounds(4, 512, 16);
    test_rounds(16, 512, 16);
    test_rounds(512, 4096, 4);
    test_rounds(1, 4096, 4);
    test_rounds(4, 512, 2);
    return test_result();
}
