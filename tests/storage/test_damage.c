// Damaged images: what is not hit is kept, nothing comes up that was never written, and the store
// can be written afterwards.

#include "tests/storage/bed.h"
#include "tests/test.h"
#include "tutti/bytes.h"

#define KEYS 16
#define IMAGE_BYTES (16 << 10)

static uint8_t image[IMAGE_BYTES], good[IMAGE_BYTES];
static test_bed the;
static unsigned newest[KEYS];
static uint32_t sector_of[KEYS];

static void key_of(unsigned k, char *key)
{
    sprintf(key, "key %u", k);
}

static size_t value_of(unsigned k, unsigned i, char *value)
{
    return (size_t)sprintf(value, "value %u of %u, and so on%.*s", i, k, (int)(i % 9), "........");
}

static void build(uint32_t unit, uint32_t sector, uint32_t sectors, unsigned writes)
{
    memset(image, 0xff, sizeof(image));
    memset(&the, 0, sizeof(the));
    bed_init(&the, image, unit, sector, sectors);
    REQUIRE(bed_open(&the) == TT_OK);
    for (unsigned i = 1; i <= writes; i++) {
        unsigned k = i % 5 == 0 ? i / 5 % KEYS : i % 4;
        char key[16], value[64];
        key_of(k, key);
        REQUIRE(bed_put(&the, key, value, value_of(k, i, value)) == TT_OK);
        newest[k] = i;
    }
    for (unsigned k = 0; k < KEYS; k++) {
        char key[16];
        tt_store_value value;
        key_of(k, key);
        REQUIRE(tt_store_find(&the.store, key, &value) == TT_OK);
        sector_of[k] = value.address / sector;
    }
    memcpy(good, image, sizeof(image));
}

// Whether a key is readable with its newest value; that it has none that it never had.
static bool is_newest(unsigned k)
{
    char key[16], value[64], expected[64];
    size_t length;
    unsigned i, of;
    key_of(k, key);
    tt_status status = tt_store_get(&the.store, key, value, sizeof(value) - 1, &length);
    if (status != TT_OK) {
        EXPECT(status == TT_NOT_FOUND || status == TT_DAMAGED);
        return false;
    }
    value[length] = 0;
    REQUIRE(sscanf(value, "value %u of %u,", &i, &of) == 2);
    EXPECT(of == k && i <= newest[k] && value_of(k, i, expected) == length);
    EXPECT_TEXT(value, expected);
    return i == newest[k];
}

static void still_works(void)
{
    char value[64];
    for (unsigned i = 0; i < 120; i++)
        EXPECT_EQUAL(bed_put(&the, "new", value, value_of(99, i, value)), TT_OK);
    EXPECT_EQUAL(bed_remove(&the, "new"), TT_OK);
    EXPECT_EQUAL(bed_open(&the), TT_OK);
    EXPECT_EQUAL(the.tearing.misuses, 0);
}

// A whole sector is broken: what lies elsewhere is there.
static void test_sector(uint32_t bad, int how)
{
    uint32_t sector = the.tearing.medium.sector_bytes;
    memcpy(image, good, sizeof(image));
    for (uint32_t i = 0; i < sector; i++) {
        uint8_t *byte = &image[bad * sector + i];
        if (how < 2)
            *byte = how == 0 ? 0xff : 0x00;
        else if (how == 2)
            *byte = (uint8_t)tt_random_u64(&the.tearing.random);
        else if (i < 32) // its header
            *byte ^= 0x10;
    }
    EXPECT_EQUAL(bed_open(&the), TT_OK);
    for (unsigned k = 0; k < KEYS; k++) {
        bool kept = is_newest(k);
        if (sector_of[k] != bad)
            EXPECT(kept);
    }
    still_works();
}

// One bit is another: one record is lost at most, or the sector, if it was its header's.
static void test_bit(uint32_t bit)
{
    uint32_t sector = the.tearing.medium.sector_bytes, lost = 0;
    memcpy(image, good, sizeof(image));
    image[bit / 8] ^= (uint8_t)(1 << bit % 8);
    EXPECT_EQUAL(bed_open(&the), TT_OK);
    for (unsigned k = 0; k < KEYS; k++) {
        bool kept = is_newest(k);
        lost += !kept;
        if (sector_of[k] != bit / 8 / sector)
            EXPECT(kept);
    }
    if (bit / 8 % sector >= 32)
        EXPECT(lost <= 1);
    if (bit % 16 == 0)
        still_works();
}

// A record that is damaged while the store is open: reading says so, collecting goes on without it.
static void test_while_open(void)
{
    char key[16], value[64];
    size_t length;
    tt_store_value known;
    build(4, 512, 16, 300);
    key_of(7, key);
    EXPECT_EQUAL(tt_store_find(&the.store, key, &known), TT_OK);
    image[known.address + 20] ^= 4;
    EXPECT_EQUAL(tt_store_get(&the.store, key, value, sizeof(value), &length), TT_DAMAGED);
    for (unsigned i = 0; i < 3000; i++)
        EXPECT_EQUAL(bed_put(&the, "new", value, value_of(99, i % 2000, value)), TT_OK);
    for (unsigned k = 0; k < KEYS; k++)
        EXPECT(is_newest(k) == (k != 7));
    image[known.address + 20] ^= 4;
    EXPECT_EQUAL(bed_open(&the), TT_OK);
}

// A record of a kind that this version does not have, with right sums, is passed over.
static void test_kind(void)
{
    char value[64];
    size_t length;
    build(4, 512, 16, 200);
    tt_store_value known;
    EXPECT_EQUAL(bed_put(&the, "odd", "value", 5), TT_OK);
    EXPECT_EQUAL(tt_store_find(&the.store, "odd", &known), TT_OK);
    uint8_t *record = &image[known.address];
    uint32_t sector = known.address / 512 * 512;
    uint32_t seed = image[sector + 28] | (uint32_t)image[sector + 29] << 8 |
                    (uint32_t)image[sector + 30] << 16 | (uint32_t)image[sector + 31] << 24;
    for (uint8_t kind = 0; kind < 8; kind++) {
        record[0] = kind;
        uint32_t sum = tt_crc32(seed ^ (known.address - sector), record, 9);
        for (int i = 0; i < 3; i++)
            record[9 + i] = (uint8_t)(sum >> 8 * i);
        sum = tt_crc32(sum, record + 12, 8);
        for (int i = 0; i < 4; i++)
            record[20 + i] = (uint8_t)(sum >> 8 * i);
        EXPECT_EQUAL(bed_open(&the), TT_OK);
        tt_status status = tt_store_get(&the.store, "odd", value, sizeof(value), &length);
        EXPECT_EQUAL(status, kind == 1 ? TT_OK : kind == 4 ? TT_DAMAGED : TT_NOT_FOUND);
    }
}

// A length that no key has, while the store is open: there is no such key, whatever its bytes are.
static void test_key_length(void)
{
    char key[TT_STORE_KEY_MAX + 1] = "";
    tt_store_value value;
    bed_blank(&the, image, 4, 512, 4);
    REQUIRE(bed_open(&the) == TT_OK);
    EXPECT_EQUAL(bed_put(&the, "k", "1", 1), TT_OK);
    EXPECT_EQUAL(tt_store_find(&the.store, "k", &value), TT_OK);
    image[value.address + 1] = TT_STORE_KEY_MAX + 1;
    EXPECT_EQUAL(tt_store_find(&the.store, "k", &value), TT_NOT_FOUND);
    EXPECT_EQUAL(tt_store_next(&the.store, "", key, &value), TT_NOT_FOUND);
}

int main(void)
{
    static const uint32_t geometries[][3] = {
        {1, 512, 16}, {4, 512, 16}, {16, 1024, 8}, {4, 4096, 4}};
    for (int g = 0; g < 4; g++) {
        for (unsigned writes = 200; writes < 290; writes += 17) {
            build(geometries[g][0], geometries[g][1], geometries[g][2], writes);
            for (uint32_t bad = 0; bad < geometries[g][2]; bad++) {
                for (int how = 0; how < 4; how++)
                    test_sector(bad, how);
            }
        }
        for (uint32_t bit = 0;
             bit < 8 * IMAGE_BYTES && bit < 8 * geometries[g][1] * geometries[g][2]; bit += 61)
            test_bit(bit);
    }
    test_while_open();
    test_key_length();
    test_kind();
    return test_result();
}
