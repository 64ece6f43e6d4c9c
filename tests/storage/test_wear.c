// What collecting costs and that it ends: sweeps for what deleted keys hold, and for nothing that
// they do not; wear that is counted across openings and levelled, and not moved in vain.

#include "storage/store_internal.h"
#include "tests/storage/bed.h"
#include "tests/test.h"

static uint8_t image[BED_BYTES_MAX];
static test_bed the;
static uint32_t many_sectors[4096];

static void blank(uint32_t unit, uint32_t sector, uint32_t sectors, uint32_t entries)
{
    bed_blank(&the, image, unit, sector, sectors);
    the.parts.entries_max = entries;
    the.parts.sectors = many_sectors;
    the.parts.extents = &tt_store_extents;
    the.parts.clean = &tt_store_clean_index;
}

static tt_store_facts facts(void)
{
    tt_store_facts now;
    EXPECT_EQUAL(tt_store_info(&the.store, 4, &now), TT_OK);
    return now;
}

// Extents that find no place, and puts that would not fit without the deleted keys, are refused
// without an erase, although there are deleted keys.
static void test_refused_costs_nothing(void)
{
    static uint8_t value[4 * 512];
    blank(4, 512, 20, 64);
    the.parts.log_sectors = 16;
    REQUIRE(bed_open(&the) == TT_OK);
    for (unsigned i = 0; i < 200; i++) // through all sectors
        EXPECT_EQUAL(bed_put(&the, i % 2 ? "a" : "b", value, 100), TT_OK);
    EXPECT_EQUAL(bed_put(&the, "gone", value, 20), TT_OK);
    EXPECT_EQUAL(bed_remove(&the, "gone"), TT_OK);
    tt_store_change plan = {.key = "plan", .value = value, .length = 3 * 512, .extent = true};
    EXPECT_EQUAL(bed_change(&the, &plan, 1), TT_OK);
    EXPECT_EQUAL(facts().deleted, 1);
    uint64_t erases = the.tearing.erases;
    for (unsigned i = 0; i < 10; i++)
        EXPECT_EQUAL(bed_change(&the, &plan, 1), TT_FULL);
    EXPECT_EQUAL(the.tearing.erases, erases);
    // The log filled to what it may hold: a large put needs more than the one deletion holds.
    char key[16];
    tt_status status = TT_OK;
    for (unsigned k = 0; status == TT_OK; k++) {
        sprintf(key, "k%u", k);
        status = bed_put(&the, key, value, 200);
    }
    EXPECT_EQUAL(status, TT_FULL);
    EXPECT_EQUAL(bed_remove(&the, "k0"), TT_OK);
    EXPECT_EQUAL(bed_put(&the, "k1", value, 210), TT_OK);
    EXPECT(facts().deleted > 0);
    erases = the.tearing.erases;
    for (unsigned i = 0; i < 10; i++)
        EXPECT_EQUAL(bed_put(&the, "large", value, 400), TT_FULL);
    EXPECT_EQUAL(the.tearing.erases, erases);
}

// A deleted key's entry is let go wherever its old value is: here in the sectors that are worn
// most, beside many that are worn least and never change.
static void test_oldest_first(void)
{
    static uint8_t value[200];
    char key[16];
    blank(4, 512, 8, 12);
    REQUIRE(bed_open(&the) == TT_OK);
    for (unsigned k = 0; k < 10; k++) { // two in a sector: five sectors are cold
        sprintf(key, "cold%u", k);
        EXPECT_EQUAL(bed_put(&the, key, value, 180), TT_OK);
    }
    for (unsigned i = 0; i < 600; i++)
        EXPECT_EQUAL(bed_put(&the, "hot", value, 100), TT_OK);
    EXPECT_EQUAL(bed_put(&the, "gone", value, 1), TT_OK);
    EXPECT_EQUAL(bed_remove(&the, "gone"), TT_OK);
    EXPECT(facts().greatest > facts().least + 50);
    EXPECT_EQUAL(facts().deleted, 1);
    uint64_t erases = the.tearing.erases;
    EXPECT_EQUAL(bed_put(&the, "new", value, 1), TT_OK);
    EXPECT(the.tearing.erases <= erases + 8);
    EXPECT_EQUAL(facts().deleted, 0);
}

// More records of a key than an entry can count: its deletion stays known till it is opened again.
static void test_many_records(void)
{
    blank(1, 256, 4096, 1);
    the.tearing.unhashed = true;
    REQUIRE(bed_open(&the) == TT_OK);
    for (unsigned i = 0; i < ENTRY_RECORDS + 2; i++)
        REQUIRE(bed_put(&the, "k", "", 0) == TT_OK);
    EXPECT_EQUAL(the.entries[0].records, ENTRY_RECORDS);
    EXPECT_EQUAL(the.store.counters.collections, 0); // all of them are there
    EXPECT_EQUAL(bed_remove(&the, "k"), TT_OK);
    uint64_t erases = the.tearing.erases;
    EXPECT_EQUAL(bed_put(&the, "b", "", 0), TT_FULL);
    EXPECT_EQUAL(the.tearing.erases, erases);
    REQUIRE(bed_open(&the) == TT_OK);
    size_t length;
    char there[4];
    EXPECT_EQUAL(tt_store_get(&the.store, "k", there, 4, &length), TT_NOT_FOUND);
    // Collecting takes none away of what was not counted.
    while (the.store.counters.collections < 3)
        REQUIRE(bed_put(&the, "k", "", 0) == TT_OK);
    EXPECT_EQUAL(the.entries[0].records, ENTRY_RECORDS);
    EXPECT_EQUAL(the.tearing.misuses, 0);
}

// In a log of more than 255 sectors, an old value of a deleted key that cannot be read any more, so
// that collecting never finds it: the put ends, and the next one costs nothing.
static void test_sweep_ends(void)
{
    static uint8_t value[100];
    tt_store_value known;
    blank(4, 256, 300, 2);
    the.tearing.unhashed = true;
    REQUIRE(bed_open(&the) == TT_OK);
    EXPECT_EQUAL(bed_put(&the, "gone", value, 100), TT_OK);
    EXPECT_EQUAL(tt_store_find(&the.store, "gone", &known), TT_OK);
    for (unsigned i = 0; i < 1000; i++)
        EXPECT_EQUAL(bed_put(&the, "a", value, 100), TT_OK);
    EXPECT_EQUAL(bed_put(&the, "gone", value, 100), TT_OK);
    EXPECT_EQUAL(bed_remove(&the, "gone"), TT_OK);
    the.entries[0].records += the.entries[0].records >= ENTRY_DELETED; // whichever it is
    the.entries[1].records += the.entries[1].records >= ENTRY_DELETED;
    uint64_t erases = the.tearing.erases;
    tt_store_change change = {.key = "new", .value = value, .length = 1};
    tt_store_write write = {.changes = &change, .count = 1};
    tt_store_begin(&the.store, &write);
    EXPECT_EQUAL(bed_wait(&the, &write), TT_FULL);
    EXPECT(the.tearing.erases > erases + 290 && the.tearing.erases <= erases + 300);
    erases = the.tearing.erases;
    EXPECT_EQUAL(bed_put(&the, "new", value, 1), TT_FULL);
    EXPECT_EQUAL(the.tearing.erases, erases);
    EXPECT_EQUAL(bed_put(&the, "a", value, 1), TT_OK);
    REQUIRE(bed_open(&the) == TT_OK); // which counts anew
    EXPECT_EQUAL(bed_put(&the, "new", value, 1), TT_OK);
    EXPECT_EQUAL(tt_store_find(&the.store, "gone", NULL), TT_NOT_FOUND);
}

// Sectors that are worn alike stay where they are, however long.
static void test_not_moved_in_vain(void)
{
    static uint8_t value[100];
    uint32_t heads[2];
    for (int idle = 0; idle < 2; idle++) {
        blank(4, 512, 4, 8);
        REQUIRE(bed_open(&the) == TT_OK);
        for (unsigned i = 0; i < 3000; i++) {
            EXPECT_EQUAL(bed_put(&the, "hot", value, 100), TT_OK);
            if (idle)
                EXPECT_EQUAL(bed_run(&the), TT_OK);
        }
        heads[idle] = the.store.sequence;
    }
    EXPECT(heads[0] > 500);
    EXPECT_EQUAL(heads[1], heads[0]);
}

// A cold sector moves once the others are worn more.
static void test_moved(void)
{
    static uint8_t value[400];
    blank(4, 512, 4, 8);
    REQUIRE(bed_open(&the) == TT_OK);
    EXPECT_EQUAL(bed_put(&the, "cold", value, 400), TT_OK);
    for (unsigned i = 0; i < 5000; i++) {
        EXPECT_EQUAL(bed_put(&the, "hot", value, 100), TT_OK);
        EXPECT_EQUAL(bed_run(&the), TT_OK);
    }
    tt_store_facts now = facts();
    EXPECT(now.greatest > 200);
    EXPECT(now.least > now.greatest / 4); // it would be erased once, else
}

// What a sector was erased is known after an opening, of the free one too, whose header is gone.
static void test_erases_are_kept(bool clean)
{
    static uint8_t value[100];
    blank(4, 512, 5, 8);
    the.parts.log_sectors = 4;
    the.parts.index_sectors = 1;
    REQUIRE(bed_open(&the) == TT_OK);
    for (unsigned i = 0; i < 2000; i++) {
        EXPECT_EQUAL(bed_put(&the, "hot", value, 100), TT_OK);
        if (i % 100 != 99)
            continue;
        EXPECT_EQUAL(bed_run(&the), TT_OK);
        if (clean) {
            tt_store_write rest = {.done = NULL};
            tt_store_rest(&the.store, &rest);
            EXPECT_EQUAL(bed_wait(&the, &rest), TT_OK);
        }
        tt_store_facts before = facts();
        uint32_t victim = the.store.head_victim;
        the.tearing.read_bytes = 0;
        REQUIRE(bed_open(&the) == TT_OK);
        EXPECT_EQUAL(the.store.head_victim, victim);
        tt_store_facts after = facts();
        EXPECT(after.least + 1 >= before.least && after.least <= before.least);
        EXPECT(after.greatest + 1 >= before.greatest && after.greatest <= before.greatest);
        EXPECT(after.greatest <= after.least + 3);
    }
    EXPECT(facts().least > 100);
}

int main(void)
{
    test_refused_costs_nothing();
    test_oldest_first();
    test_many_records();
    test_sweep_ends();
    test_not_moved_in_vain();
    test_moved();
    test_erases_are_kept(false);
    test_erases_are_kept(true);
    return test_result();
}
