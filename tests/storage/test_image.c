// The reader of images on the host: it tells what is there, sees what is damaged, and changes
// nothing.

#include "tests/storage/bed.h"
#include "tests/test.h"
#include "tools/store/image.h"
#include "tutti/bytes.h"

#define SECTORS 16

static uint8_t bytes[SECTORS * 512], before[SECTORS * 512];
static test_bed the;
static tt_store_image image;

static char *told(bool sectors, unsigned wrong)
{
    static char text[8192];
    FILE *out = fmemopen(text, sizeof(text), "w");
    REQUIRE(out != NULL);
    EXPECT_EQUAL(tt_store_image_tell(&image, sectors, out), wrong);
    fclose(out);
    return text;
}

static void build(uint8_t erased)
{
    memset(bytes, erased, sizeof(bytes));
    memset(&the, 0, sizeof(the));
    bed_init(&the, bytes, 4, 512, SECTORS);
    the.tearing.medium.erased = erased;
    the.parts.log_sectors = 12;
    the.parts.extents = &tt_store_extents;
    REQUIRE(bed_open(&the) == TT_OK);
    tt_store_change plan = {.key = "plan", .value = before, .length = 700, .extent = true};
    EXPECT_EQUAL(bed_put(&the, "name", "watch", 5), TT_OK);
    EXPECT_EQUAL(bed_put(&the, "gone", "1", 1), TT_OK);
    EXPECT_EQUAL(bed_remove(&the, "gone"), TT_OK);
    EXPECT_EQUAL(bed_change(&the, &plan, 1), TT_OK);
    memcpy(before, bytes, sizeof(before));
}

static void test_told(uint8_t erased)
{
    build(erased);
    REQUIRE(tt_store_image_open(&image, bytes, sizeof(bytes)) == TT_OK);
    const char *text = told(true, 0);
    EXPECT(strstr(text, "store: version 1, 12 sectors of 512 bytes for the log, 4 behind them, "
                        "units of 4 bytes\n") != NULL);
    EXPECT(strstr(text, "2 keys, 1 deleted; ") != NULL);
    EXPECT(strstr(text, "sector 0: head, number 1, erased 1 times, ") != NULL);
    EXPECT(strstr(text, "sector 1: free\n") != NULL);
    EXPECT(strstr(text, "name: 5 bytes, version 1\n") != NULL);
    EXPECT(strstr(text, "plan: 700 bytes, version 4, extent\n") != NULL);
    tt_store_image_close(&image);
    EXPECT(memcmp(bytes, before, sizeof(bytes)) == 0);
}

// A value that has a header's bytes: of a store of 3 sectors of 128 bytes, so that it lies where
// one of those begins.
static void build_disguised(void)
{
    static uint8_t value[200], filler[100];
    static const uint8_t head[12] = {'T', 'T', 'S', 'L', TT_STORE_VERSION, 2, 3, 0, 128};
    memcpy(value + 80, head, sizeof(head));
    uint32_t sum = tt_crc32(0, value + 80, 28);
    for (int i = 0; i < 4; i++)
        value[80 + 28 + i] = (uint8_t)(sum >> 8 * i);
    memset(bytes, 0xff, sizeof(bytes));
    memset(&the, 0, sizeof(the));
    bed_init(&the, bytes, 4, 512, SECTORS);
    the.parts.log_sectors = 12;
    REQUIRE(bed_open(&the) == TT_OK);
    EXPECT_EQUAL(bed_put(&the, "fake", value, sizeof(value)), TT_OK);
    for (int i = 0; i < 20; i++)
        EXPECT_EQUAL(bed_put(&the, "name", filler, sizeof(filler)), TT_OK);
    EXPECT(memcmp(bytes + 128, value + 80, 32) == 0);
}

// It is not believed: while the true headers are there, nor once a cut took that of its sector.
static void test_header_in_value(void)
{
    for (int torn = 0; torn < 2; torn++) {
        build_disguised();
        if (torn)
            memset(bytes, 0xff, 32);
        REQUIRE(tt_store_image_open(&image, bytes, sizeof(bytes)) == TT_OK);
        const char *text = told(false, 0);
        EXPECT(strstr(text, "12 sectors of 512 bytes for the log, 4 behind them") != NULL);
        EXPECT(strstr(text, "name: 100 bytes, version 21\n") != NULL);
        EXPECT((strstr(text, "fake: 200 bytes") != NULL) == !torn);
        tt_store_image_close(&image);
    }
    memset(bytes + 1024, 0xff, sizeof(bytes) - 1024); // one against one
    EXPECT_EQUAL(tt_store_image_open(&image, bytes, sizeof(bytes)), TT_DAMAGED);
    build_disguised(); // the first true one denies it
    memset(bytes + 512, 0xff, sizeof(bytes) - 512);
    REQUIRE(tt_store_image_open(&image, bytes, sizeof(bytes)) == TT_OK);
    EXPECT_EQUAL(image.medium.sector_bytes, 512);
    tt_store_image_close(&image);
}

int main(void)
{
    test_told(0xff);
    test_told(0x00);
    test_header_in_value();
    build(0xff);
    for (uint32_t i = 12 * 512; i < sizeof(bytes); i++)
        bytes[i] = 0xff; // the extent is gone
    REQUIRE(tt_store_image_open(&image, bytes, sizeof(bytes)) == TT_OK);
    EXPECT(strstr(told(false, 1), "plan: 700 bytes, version 4, extent, DAMAGED\n") != NULL);
    tt_store_image_close(&image);
    EXPECT_EQUAL(tt_store_image_open(&image, bytes, 512), TT_DAMAGED); // a part of it
    bytes[4]++;
    EXPECT_EQUAL(tt_store_image_open(&image, bytes, sizeof(bytes)), TT_NOT_FOUND);
    uint32_t sum = tt_crc32(0, bytes, 28);
    for (int i = 0; i < 4; i++)
        bytes[28 + i] = (uint8_t)(sum >> 8 * i);
    EXPECT_EQUAL(tt_store_image_open(&image, bytes, sizeof(bytes)), TT_UNSUPPORTED);
    memset(bytes, 0xff, sizeof(bytes));
    EXPECT_EQUAL(tt_store_image_open(&image, bytes, sizeof(bytes)), TT_NOT_FOUND);
    return test_result();
}
