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

int main(void)
{
    test_told(0xff);
    test_told(0x00);
    build(0xff);
    for (uint32_t i = 12 * 512; i < sizeof(bytes); i++)
        bytes[i] = 0xff; // the extent is gone
    REQUIRE(tt_store_image_open(&image, bytes, sizeof(bytes)) == TT_OK);
    EXPECT(strstr(told(false, 1), "plan: 700 bytes, version 4, extent, DAMAGED\n") != NULL);
    tt_store_image_close(&image);
    EXPECT_EQUAL(tt_store_image_open(&image, bytes, 512), TT_NOT_FOUND); // a part of it
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
