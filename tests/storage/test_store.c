// What the store promises while nothing goes wrong: put, get, delete, batches, order, limits, what
// is full, who waits and who is told.

#include "tests/storage/bed.h"
#include "tests/test.h"

static uint8_t image[BED_BYTES_MAX];
static test_bed the;

static test_bed *blank(uint32_t unit, uint32_t sector, uint32_t sectors)
{
    memset(image, 0xff, sizeof(image));
    memset(&the, 0, sizeof(the));
    bed_init(&the, image, unit, sector, sectors);
    REQUIRE(bed_open(&the) == TT_OK);
    return &the;
}

static const char *text_of(test_bed *bed, const char *key)
{
    static char text[512];
    size_t length;
    tt_status status = tt_store_get(&bed->store, key, text, sizeof(text) - 1, &length);
    text[status == TT_OK ? length : 0] = 0;
    return status == TT_OK ? text : tt_status_name(status);
}

static void test_put_and_get(void)
{
    test_bed *bed = blank(4, 512, 16);
    EXPECT_TEXT(text_of(bed, "a"), "TT_NOT_FOUND");
    EXPECT_EQUAL(bed_put(bed, "a", "one", 3), TT_OK);
    EXPECT_EQUAL(bed_put(bed, "b", "", 0), TT_OK);
    EXPECT_TEXT(text_of(bed, "a"), "one");
    EXPECT_TEXT(text_of(bed, "b"), "");
    tt_store_value first, second;
    EXPECT_EQUAL(tt_store_find(&bed->store, "a", &first), TT_OK);
    EXPECT_EQUAL(bed_put(bed, "a", "another", 7), TT_OK);
    EXPECT_EQUAL(tt_store_find(&bed->store, "a", &second), TT_OK);
    EXPECT_EQUAL(first.length, 3);
    EXPECT_EQUAL(second.length, 7);
    EXPECT(first.version != second.version);
    EXPECT_EQUAL(bed_remove(bed, "b"), TT_OK);
    EXPECT_EQUAL(bed_remove(bed, "b"), TT_NOT_FOUND);
    EXPECT_TEXT(text_of(bed, "b"), "TT_NOT_FOUND");
    REQUIRE(bed_open(bed) == TT_OK);
    EXPECT_TEXT(text_of(bed, "a"), "another");
    EXPECT_TEXT(text_of(bed, "b"), "TT_NOT_FOUND");
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
            EXPECT_TEXT(text_of(bed, key), values[k] != 0 ? expected : "TT_NOT_FOUND");
        }
    }
    EXPECT(bed->tearing.erases > sectors * 3);
    EXPECT_EQUAL(bed->tearing.misuses, 0);
}

int main(void)
{
    test_put_and_get();
    test_rounds(1, 512, 16);
    test_rounds(4, 512, 16);
    test_rounds(16, 512, 16);
    test_rounds(512, 4096, 4);
    test_rounds(1, 4096, 4);
    test_rounds(4, 512, 2);
    return test_result();
}
