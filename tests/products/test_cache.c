// A medium that is read from RAM gives what the medium below has, whatever is written and wherever
// it is read; and each sector is read once.

#include "products/common/internal.h"
#include "sim/tearing.h"
#include "tests/test.h"
#include "tutti/random.h"

#define SECTOR 512
#define SECTORS 40
#define CACHED 33 // more than a word of bits

static uint8_t image[SECTOR * SECTORS], bytes[SECTOR * CACHED];
static tt_tearing tearing;
static tt_product_cache cache;
static tt_random random_source;
static unsigned told;

static uint32_t draw(uint32_t below)
{
    return (uint32_t)(tt_random_u64(&random_source) % below);
}

static void on_ready(tt_medium *medium)
{
    told += medium == &cache.medium && medium->user == &told;
}

static void change(tt_medium *medium)
{
    uint32_t sector = draw(SECTORS) * SECTOR;
    uint8_t unit[16];
    REQUIRE(medium->operations->erase(medium, sector) == TT_OK);
    REQUIRE(medium->operations->poll(medium) == TT_OK);
    for (uint32_t at = 0; at < SECTOR; at += sizeof(unit)) {
        tt_random_bytes(&random_source, unit, sizeof(unit));
        if (draw(4) > 0)
            REQUIRE(medium->operations->program(medium, sector + at, unit, sizeof(unit)) == TT_OK);
    }
    REQUIRE(medium->operations->sync(medium) == TT_OK);
}

int main(void)
{
    static uint8_t got[SECTOR * SECTORS];
    tt_random_seed(&random_source, 1);
    tt_tearing_init(&tearing, image, 16, SECTOR, SECTORS, 0xff);
    tt_medium *medium = tt_product_cache_begin(&cache, &tearing.medium, bytes, CACHED);
    for (int i = 0; i < 3000; i++) {
        uint32_t at = draw(sizeof(image)), length = draw(3 * SECTOR);
        length = length < sizeof(image) - at ? length : (uint32_t)sizeof(image) - at;
        EXPECT(medium->operations->read(medium, at, got, length) == TT_OK);
        EXPECT(memcmp(got, image + at, length) == 0);
        if (i % 10 == 0)
            change(medium);
    }
    EXPECT(medium->operations->read(medium, 0, got, sizeof(bytes)) == TT_OK);
    uint64_t before = tearing.read_bytes;
    EXPECT(medium->operations->read(medium, 100, got, sizeof(bytes) - 100) == TT_OK);
    EXPECT(tearing.read_bytes == before); // from RAM
    EXPECT(medium->operations->read(medium, 0, got, sizeof(image)) == TT_OK);
    EXPECT(tearing.read_bytes == before + sizeof(image) - sizeof(bytes));
    EXPECT(tearing.misuses == 0);

    medium->ready = on_ready;
    medium->user = &told;
    tearing.medium.ready(&tearing.medium);
    EXPECT(told == 1);

    tt_tearing_power(&tearing, 0); // a medium that is gone says so
    EXPECT(medium->operations->erase(medium, 0) == TT_OK);
    EXPECT(medium->operations->poll(medium) == TT_IO);
    EXPECT(medium->operations->read(medium, 0, got, 1) == TT_IO);
    return test_result();
}
