// What does not fit, or cannot be: a store without room, values that are too long, a medium that is
// worn out, is gone, or fails to read.

#include "tests/storage/bed.h"
#include "tests/test.h"

static uint8_t image[BED_BYTES_MAX];
static test_bed the;

static void blank(uint32_t unit, uint32_t sector, uint32_t sectors)
{
    bed_blank(&the, image, unit, sector, sectors);
    REQUIRE(bed_open(&the) == TT_OK);
}

// Full: everything can be read, each put is refused with the same word, each key can be deleted,
// and what was deleted makes room.
static void test_full(uint32_t unit, uint32_t sector, uint32_t sectors, size_t length)
{
    static uint8_t value[600];
    char key[16];
    unsigned keys = 0;
    tt_store_facts facts;
    bed_blank(&the, image, unit, sector, sectors);
    the.parts.entries_max = 1000;
    REQUIRE(bed_open(&the) == TT_OK);
    for (int round = 0; round < 3; round++) {
        tt_status status = TT_OK;
        for (keys = 0; status == TT_OK; keys++) {
            sprintf(key, "key%03u", keys);
            EXPECT_EQUAL(tt_store_info(&the.store, 6, &facts), TT_OK);
            status = bed_put(&the, key, value, length);
            if (the.store.count == keys) // none is deleted: what it said is what it does
                EXPECT_EQUAL(status, facts.value_max >= length ? TT_OK : TT_FULL);
        }
        keys--;
        EXPECT_EQUAL(status, TT_FULL);
        EXPECT_EQUAL(bed_put(&the, "key000", value, length), TT_OK); // what is there can change
        EXPECT_EQUAL(bed_put(&the, "another", value, length), TT_FULL);
        EXPECT_EQUAL(tt_store_info(&the.store, 6, &facts), TT_OK);
        EXPECT_EQUAL(facts.keys, keys);
        EXPECT(facts.used <= facts.capacity);
        EXPECT(facts.used >= facts.capacity - RECORD_ROOM(length, unit));
        if (round == 1)
            REQUIRE(bed_open(&the) == TT_OK);
        for (unsigned k = 0; k < keys; k++) {
            sprintf(key, "key%03u", k);
            tt_store_value there;
            EXPECT_EQUAL(tt_store_find(&the.store, key, &there), TT_OK);
            EXPECT_EQUAL(there.length, length);
            EXPECT_EQUAL(bed_remove(&the, key), TT_OK);
        }
        EXPECT_EQUAL(tt_store_info(&the.store, 6, &facts), TT_OK);
        EXPECT_EQUAL(facts.keys, 0);
    }
    EXPECT_EQUAL(the.tearing.misuses, 0);
}

// No entry is left: that is full as well, and a deleted key's entry comes back.
static void test_full_index(void)
{
    bed_blank(&the, image, 4, 512, 16);
    the.parts.entries_max = 3;
    REQUIRE(bed_open(&the) == TT_OK);
    EXPECT_EQUAL(bed_put(&the, "a", "1", 1), TT_OK);
    EXPECT_EQUAL(bed_put(&the, "b", "1", 1), TT_OK);
    EXPECT_EQUAL(bed_put(&the, "c", "1", 1), TT_OK);
    EXPECT_EQUAL(bed_put(&the, "d", "1", 1), TT_FULL);
    EXPECT_EQUAL(bed_put(&the, "a", "2", 1), TT_OK);
    EXPECT_EQUAL(bed_remove(&the, "b"), TT_OK);
    EXPECT_EQUAL(bed_put(&the, "d", "1", 1), TT_OK);
    EXPECT_EQUAL(bed_put(&the, "e", "1", 1), TT_FULL);
    char passed[16] = "d";
    for (unsigned i = 0; i < 500; i++) { // keys that come and go
        char key[16];
        sprintf(key, "passing %u", i);
        EXPECT_EQUAL(bed_remove(&the, passed), TT_OK);
        EXPECT_EQUAL(bed_put(&the, key, "1", 1), TT_OK);
        strcpy(passed, key);
    }
    REQUIRE(bed_open(&the) == TT_OK);
    EXPECT_TEXT(bed_text(&the, "a"), "2");
    EXPECT_TEXT(bed_text(&the, "b"), "TT_NOT_FOUND");
    EXPECT_TEXT(bed_text(&the, "c"), "1");
    EXPECT_TEXT(bed_text(&the, passed), "1");
}

static void test_too_large(void)
{
    static uint8_t value[5000];
    blank(4, 512, 16);
    uint32_t most = 512 - 32 - 16 - 16 - 3; // header, the record that closes, record, key
    EXPECT_EQUAL(bed_put(&the, "key", value, most), TT_OK);
    EXPECT_EQUAL(bed_put(&the, "key", value, most - 3), TT_OK);
    EXPECT_EQUAL(bed_put(&the, "key", value, most + 4), TT_TOO_LARGE);
    EXPECT_EQUAL(bed_put(&the, "key", value, 5000), TT_TOO_LARGE);
    tt_store_change change = {.key = "key", .value = value, .length = UINT32_MAX};
    EXPECT_EQUAL(bed_change(&the, &change, 1), TT_TOO_LARGE);
    change.extent = true;
    change.length = 5;
    EXPECT_EQUAL(bed_change(&the, &change, 1), TT_UNSUPPORTED);
}

// More than a length of 16 bits says, in sectors that hold it.
static void test_large(void)
{
    static uint8_t value[100000], there[sizeof(value)];
    size_t length;
    for (size_t i = 0; i < sizeof(value); i++)
        value[i] = (uint8_t)(i * 31 + i / 256);
    blank(4, 128 << 10, 4);
    EXPECT_EQUAL(bed_put(&the, "key", value, sizeof(value)), TT_OK);
    REQUIRE(bed_open(&the) == TT_OK);
    EXPECT_EQUAL(tt_store_get(&the.store, "key", there, sizeof(there), &length), TT_OK);
    EXPECT(length == sizeof(value) && memcmp(there, value, length) == 0);
}

// Worn out: writes end with TT_IO, reading goes on. Gone: reading ends, too. Back: all is there.
static void test_worn(void)
{
    blank(4, 512, 4);
    for (unsigned i = 0; i < 40; i++)
        EXPECT_EQUAL(bed_put(&the, i % 2 ? "a" : "b", "kept", 4), TT_OK);
    the.tearing.broken = true;
    EXPECT_EQUAL(bed_put(&the, "a", "more", 4), TT_IO);
    EXPECT_TEXT(bed_text(&the, "a"), "kept");
    EXPECT_EQUAL(bed_put(&the, "a", "more", 4), TT_IO);
    the.tearing.broken = false;
    EXPECT_EQUAL(bed_put(&the, "a", "more", 4), TT_IO); // till it is opened again
    EXPECT_TEXT(bed_text(&the, "b"), "kept");
    EXPECT_EQUAL(tt_store_step(&the.store), TT_IO);
    REQUIRE(bed_open(&the) == TT_OK);
    EXPECT_TEXT(bed_text(&the, "a"), "kept");
    EXPECT_EQUAL(bed_put(&the, "a", "more", 4), TT_OK);
    the.tearing.dead = true;
    EXPECT_TEXT(bed_text(&the, "a"), "TT_IO");
    tt_store_facts facts;
    EXPECT_EQUAL(tt_store_info(&the.store, 1, &facts), TT_IO);
    EXPECT_EQUAL(bed_put(&the, "a", "most", 4), TT_IO);
    tt_tearing_power(&the.tearing, UINT64_MAX);
    REQUIRE(bed_open(&the) == TT_OK);
    EXPECT_TEXT(bed_text(&the, "a"), "more");
    EXPECT_EQUAL(bed_put(&the, "a", "most", 4), TT_OK);
}

// The medium fails in the middle of a read, of any: that is told, and nothing else is.
static void test_failing_reads(bool once)
{
    static uint8_t kept[16 << 10];
    blank(4, 512, 8);
    for (unsigned i = 0; i < 150; i++) {
        char key[16];
        sprintf(key, "key%u", i % 9);
        EXPECT_EQUAL(bed_put(&the, key, "a value of a key", 16), TT_OK);
    }
    bed_run(&the);
    memcpy(kept, image, sizeof(kept));
    for (uint64_t reads = 0;; reads++) {
        memcpy(image, kept, sizeof(kept));
        tt_tearing_power(&the.tearing, UINT64_MAX);
        the.tearing.reads_left = reads;
        the.tearing.reads_failed = 0;
        the.tearing.reads_fail_once = once;
        tt_status status = bed_open(&the);
        EXPECT_EQUAL(status, the.tearing.reads_failed > 0 ? TT_IO : TT_OK);
        for (unsigned i = 0; status == TT_OK && i < 30; i++) {
            char key[16];
            sprintf(key, "key%u", i % 9);
            uint32_t failed = the.tearing.reads_failed;
            const char *text = bed_text(&the, key);
            EXPECT_TEXT(text, the.tearing.reads_failed == failed ? "a value of a key" : "TT_IO");
            if (the.tearing.reads_failed > 0 && once)
                break;
            status = bed_put(&the, key, "a value of a key", 16);
            EXPECT(status == TT_OK || (status == TT_IO && the.tearing.reads_failed > 0));
        }
        EXPECT(once || (status == TT_OK) == (the.tearing.reads_failed == 0));
        bool all = the.tearing.reads_failed == 0;
        the.tearing.reads_left = UINT64_MAX;
        REQUIRE(bed_open(&the) == TT_OK);
        for (unsigned i = 0; i < 9; i++) {
            char key[16];
            sprintf(key, "key%u", i);
            EXPECT_TEXT(bed_text(&the, key), "a value of a key");
        }
        if (all)
            break;
        REQUIRE(reads < 20000);
    }
    EXPECT_EQUAL(the.tearing.misuses, 0);
}

// And while an image is opened that a cut left in the middle of a collection.
static void test_failing_opening(void)
{
    static uint8_t kept[4 << 10];
    unsigned collecting = 0;
    for (uint64_t points = 1000; points < 9000; points += 97) {
        blank(4, 512, 8);
        tt_tearing_power(&the.tearing, points);
        for (unsigned i = 0; !the.tearing.dead; i++)
            bed_put(&the, i % 7 == 0 ? "cold" : "hot", "a value of a key", 16);
        tt_tearing_power(&the.tearing, UINT64_MAX);
        REQUIRE(bed_open(&the) == TT_OK);
        if (the.store.head_victim == UINT32_MAX && the.store.void_head == UINT32_MAX)
            continue;
        collecting++;
        memcpy(kept, image, sizeof(kept));
        tt_status status = TT_IO;
        for (uint64_t reads = 0; status != TT_OK; reads++) {
            REQUIRE(reads < 1000 && memcmp(kept, image, sizeof(kept)) == 0);
            the.tearing.reads_left = reads;
            the.tearing.reads_failed = 0;
            the.tearing.reads_fail_once = true;
            status = bed_open(&the);
            EXPECT_EQUAL(status, the.tearing.reads_failed > 0 ? TT_IO : TT_OK);
        }
        the.tearing.reads_left = UINT64_MAX;
    }
    EXPECT(collecting > 0);
}

// A read fails while a place for an extent is looked for: those that are there are not written
// over.
static void test_failing_extents(void)
{
    static uint8_t value[3][600];
    uint64_t reads = 0;
    tt_status status = TT_IO;
    for (int i = 0; i < 3; i++)
        memset(value[i], 'a' + i, sizeof(value[i]));
    for (; status != TT_OK; reads++) {
        bed_blank(&the, image, 4, 512, 16);
        the.parts.log_sectors = 8;
        the.parts.extents = &tt_store_extents;
        REQUIRE(reads < 1000 && bed_open(&the) == TT_OK);
        tt_store_change change = {.key = "a", .value = value[0], .length = 600, .extent = true};
        EXPECT_EQUAL(bed_change(&the, &change, 1), TT_OK);
        change.key = "b", change.value = value[1];
        EXPECT_EQUAL(bed_change(&the, &change, 1), TT_OK);
        bed_run(&the);
        the.tearing.reads_left = reads;
        the.tearing.reads_fail_once = true;
        the.tearing.reads_failed = 0;
        change.key = "c", change.value = value[2];
        status = bed_change(&the, &change, 1);
        EXPECT_EQUAL(status, the.tearing.reads_failed > 0 ? TT_IO : TT_OK);
        the.tearing.reads_left = UINT64_MAX;
        EXPECT_EQUAL(bed_put(&the, "d", "1", 1), status); // till it is opened again
        REQUIRE(bed_open(&the) == TT_OK);
        for (int i = 0; i < 2; i++) {
            const char *text = bed_text(&the, i == 0 ? "a" : "b");
            EXPECT(strlen(text) == 600 && memcmp(text, value[i], 600) == 0);
        }
    }
    EXPECT(reads > 5);
    EXPECT_EQUAL(the.tearing.misuses, 0);
}

int main(void)
{
    test_full(1, 512, 16, 24);
    test_full(4, 512, 4, 60);
    test_full(4, 4096, 4, 400);
    test_full(512, 4096, 4, 24);
    test_full(16, 4096, 2, 1);
    test_full_index();
    test_too_large();
    test_large();
    test_worn();
    test_failing_extents();
    test_failing_opening();
    test_failing_reads(false);
    test_failing_reads(true);
    return test_result();
}
