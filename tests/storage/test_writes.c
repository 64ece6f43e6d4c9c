// Writes: batches, pieces, extents, their order, who is told, and a medium that takes its time.
// What is full, and a medium that fails: test_full.c.

#include "tests/storage/bed.h"
#include "tests/test.h"

static uint8_t image[BED_BYTES_MAX];
static test_bed the;

static void blank(uint32_t unit, uint32_t sector, uint32_t sectors)
{
    bed_blank(&the, image, unit, sector, sectors);
    REQUIRE(bed_open(&the) == TT_OK);
}

static void test_batch(void)
{
    blank(4, 512, 16);
    EXPECT_EQUAL(bed_put(&the, "b", "old", 3), TT_OK);
    tt_store_change three[3] = {{.key = "a", .value = "new", .length = 3},
                                {.key = "b", .remove = true},
                                {.key = "no such key", .remove = true}};
    EXPECT_EQUAL(bed_change(&the, three, 3), TT_OK);
    for (int opened = 0; opened < 2; opened++) {
        EXPECT_TEXT(bed_text(&the, "a"), "new");
        EXPECT_TEXT(bed_text(&the, "b"), "TT_NOT_FOUND");
        REQUIRE(bed_open(&the) == TT_OK);
    }
    three[1] = (tt_store_change){.key = "a", .remove = true};
    EXPECT_EQUAL(bed_change(&the, three, 2), TT_INVALID); // the key twice
    EXPECT_EQUAL(bed_change(&the, three, 0), TT_INVALID);
    EXPECT_EQUAL(bed_change(&the, three, TT_STORE_CHANGES_MAX + 1), TT_INVALID);
    three[1] = (tt_store_change){.key = "a plan", .value = "1", .length = 1, .extent = true};
    EXPECT_EQUAL(bed_change(&the, three, 2), TT_INVALID);
    three[1] = (tt_store_change){.key = "piece by piece", .length = 1};
    EXPECT_EQUAL(bed_change(&the, three, 2), TT_INVALID);
    three[1].length = 0;
    EXPECT_EQUAL(bed_change(&the, three, 2), TT_OK);
    EXPECT_TEXT(bed_text(&the, "piece by piece"), "");
    tt_store_change many[TT_STORE_CHANGES_MAX];
    char keys[TT_STORE_CHANGES_MAX][8];
    for (int i = 0; i < TT_STORE_CHANGES_MAX; i++) {
        sprintf(keys[i], "m%d", i);
        many[i] = (tt_store_change){.key = keys[i], .value = "v", .length = 1};
    }
    EXPECT_EQUAL(bed_change(&the, many, TT_STORE_CHANGES_MAX), TT_TOO_LARGE); // for 512 bytes
    EXPECT_EQUAL(bed_change(&the, many, 20), TT_OK);
    EXPECT_TEXT(bed_text(&the, "m19"), "v");
    EXPECT_TEXT(bed_text(&the, "m20"), "TT_NOT_FOUND");
    blank(4, 4096, 4);
    EXPECT_EQUAL(bed_change(&the, many, TT_STORE_CHANGES_MAX), TT_OK);
    REQUIRE(bed_open(&the) == TT_OK);
    EXPECT_TEXT(bed_text(&the, "m31"), "v");
}

// Bytes for a write that takes none.
static void test_given_to_none(void)
{
    blank(4, 512, 4);
    tt_store_change change = {.key = "a", .remove = true};
    tt_store_write write = {.changes = &change, .count = 1};
    EXPECT_EQUAL(bed_put(&the, "a", "1", 1), TT_OK);
    tt_store_begin(&the.store, &write);
    EXPECT_EQUAL(tt_store_give(&the.store, &write, "", 0), TT_INVALID);
    EXPECT_EQUAL(bed_wait(&the, &write), TT_OK);
    // An extent, where no sector is for them.
    change = (tt_store_change){.key = "e", .value = "1", .length = 1, .extent = true};
    the.parts.extents = &tt_store_extents;
    REQUIRE(bed_open(&the) == TT_OK);
    EXPECT_EQUAL(bed_change(&the, &change, 1), TT_UNSUPPORTED);
}

static void test_keys(void)
{
    char key[TT_STORE_KEY_MAX + 2];
    blank(4, 512, 16);
    memset(key, 'k', sizeof(key));
    key[TT_STORE_KEY_MAX] = 0;
    EXPECT_EQUAL(bed_put(&the, key, "v", 1), TT_OK);
    EXPECT_TEXT(bed_text(&the, key), "v");
    key[TT_STORE_KEY_MAX] = 'k';
    key[TT_STORE_KEY_MAX + 1] = 0;
    EXPECT_EQUAL(bed_put(&the, key, "v", 1), TT_INVALID);
    EXPECT_TEXT(bed_text(&the, key), "TT_INVALID");
    EXPECT_EQUAL(bed_put(&the, "", "v", 1), TT_INVALID);
    EXPECT_EQUAL(bed_remove(&the, ""), TT_INVALID);
}

// In the order of bytes, only what begins so, and each once.
static void test_list(void)
{
    static const char *const put[] = {"b",     "data/z",   "data",  "a",
                                      "data/", "data/m/n", "data0", "\xff"};
    static const char *const all[] = {"a",        "b",      "data",  "data/",
                                      "data/m/n", "data/z", "data0", "\xff"};
    static const char *const some[] = {"data/", "data/m/n", "data/z"};
    char key[TT_STORE_KEY_MAX + 1] = "";
    tt_store_value value;
    blank(4, 512, 16);
    EXPECT_EQUAL(tt_store_next(&the.store, "", key, NULL), TT_NOT_FOUND);
    for (size_t i = 0; i < 8; i++)
        EXPECT_EQUAL(bed_put(&the, put[i], "01234567", i), TT_OK);
    EXPECT_EQUAL(bed_put(&the, "data/gone", "", 0), TT_OK);
    EXPECT_EQUAL(bed_remove(&the, "data/gone"), TT_OK);
    for (size_t i = 0; i < 8; i++) {
        EXPECT_EQUAL(tt_store_next(&the.store, "", key, NULL), TT_OK);
        EXPECT_TEXT(key, all[i]);
    }
    EXPECT_EQUAL(tt_store_next(&the.store, "", key, NULL), TT_NOT_FOUND);
    key[0] = 0;
    for (size_t i = 0; i < 3; i++) {
        EXPECT_EQUAL(tt_store_next(&the.store, "data/", key, &value), TT_OK);
        EXPECT_TEXT(key, some[i]);
    }
    EXPECT_EQUAL(value.length, 1);
    EXPECT_EQUAL(tt_store_next(&the.store, "data/", key, NULL), TT_NOT_FOUND);
}

static void test_pieces_read(void)
{
    char bytes[8];
    size_t length;
    tt_store_value value;
    blank(4, 512, 16);
    EXPECT_EQUAL(bed_put(&the, "a", "0123456789", 10), TT_OK);
    EXPECT_EQUAL(tt_store_read(&the.store, "a", 3, bytes, 4, &length, &value), TT_OK);
    EXPECT(length == 4 && memcmp(bytes, "3456", 4) == 0);
    EXPECT_EQUAL(value.length, 10);
    EXPECT_EQUAL(tt_store_read(&the.store, "a", 8, bytes, 8, &length, NULL), TT_OK);
    EXPECT_EQUAL(length, 2);
    EXPECT_EQUAL(tt_store_read(&the.store, "a", 10, bytes, 8, &length, NULL), TT_OK);
    EXPECT_EQUAL(length, 0);
    EXPECT_EQUAL(tt_store_read(&the.store, "a", UINT32_MAX, bytes, 8, &length, NULL), TT_OK);
    EXPECT_EQUAL(length, 0);
    EXPECT_EQUAL(tt_store_get(&the.store, "a", bytes, 8, &length), TT_TOO_LARGE);
}

static void test_pieces_given(bool extent)
{
    static uint8_t value[3000];
    for (size_t i = 0; i < sizeof(value); i++)
        value[i] = (uint8_t)(i * 7 + i / 256);
    bed_blank(&the, image, 4, 4096, 8);
    the.parts.log_sectors = 5;
    the.parts.extents = &tt_store_extents;
    REQUIRE(bed_open(&the) == TT_OK);
    tt_store_change change = {.key = "long", .length = 2999, .extent = extent};
    tt_store_change other = {.key = "other", .value = "x", .length = 1};
    tt_store_write write = {.changes = &change, .count = 1},
                   second = {.changes = &other, .count = 1};
    tt_store_begin(&the.store, &write);
    tt_store_begin(&the.store, &second);
    EXPECT_EQUAL(bed_run(&the), TT_EMPTY);
    EXPECT_EQUAL(second.status, extent ? TT_OK : TT_BUSY); // only extents are passed by
    EXPECT_EQUAL(tt_store_give(&the.store, &write, value, 3000), TT_TOO_LARGE);
    EXPECT_EQUAL(tt_store_give(&the.store, &second, value, 1), TT_INVALID);
    if (extent)
        EXPECT_EQUAL(tt_store_give(&the.store, &write, value, 3), TT_INVALID);
    for (uint32_t at = 0; at < 2999;) {
        uint32_t length = at + 300 < 2999 ? 300 : 2999 - at;
        EXPECT_EQUAL(tt_store_give(&the.store, &write, value + at, length), TT_OK);
        EXPECT_EQUAL(tt_store_give(&the.store, &write, value + at, length), TT_BUSY);
        EXPECT_EQUAL(bed_run(&the), at + length < 2999 ? TT_EMPTY : TT_OK);
        at += length;
    }
    EXPECT_EQUAL(write.status, TT_OK);
    EXPECT_EQUAL(second.status, TT_OK);
    for (int opened = 0; opened < 2; opened++) {
        static uint8_t there[3000];
        size_t length;
        EXPECT_EQUAL(tt_store_get(&the.store, "long", there, sizeof(there), &length), TT_OK);
        EXPECT(length == 2999 && memcmp(there, value, 2999) == 0);
        EXPECT_EQUAL(tt_store_read(&the.store, "long", 1000, there, 10, &length, NULL), TT_OK);
        EXPECT(length == 10 && memcmp(there, value + 1000, 10) == 0);
        REQUIRE(bed_open(&the) == TT_OK);
    }
    EXPECT_EQUAL(the.tearing.misuses, 0);
}

static void test_cancel(bool extent)
{
    static uint8_t value[3000];
    bed_blank(&the, image, 4, 4096, 8);
    the.parts.log_sectors = 5;
    the.parts.extents = &tt_store_extents;
    REQUIRE(bed_open(&the) == TT_OK);
    EXPECT_EQUAL(bed_put(&the, "k", "kept", 4), TT_OK);
    for (uint32_t given = 0; given < 1000; given += 100) {
        tt_store_change change = {.key = "k", .length = 2000, .extent = extent};
        tt_store_write write = {.changes = &change, .count = 1};
        tt_store_begin(&the.store, &write);
        if (given > 0) {
            bed_run(&the);
            EXPECT_EQUAL(tt_store_give(&the.store, &write, value, given), TT_OK);
        }
        EXPECT_EQUAL(bed_run(&the), TT_EMPTY);
        tt_store_cancel(&the.store, &write);
        EXPECT_EQUAL(bed_run(&the), TT_OK);
        EXPECT_EQUAL(write.status, TT_CANCELLED);
        EXPECT_TEXT(bed_text(&the, "k"), "kept");
        EXPECT_EQUAL(bed_put(&the, "other", "x", 1), TT_OK);
        REQUIRE(bed_open(&the) == TT_OK);
        EXPECT_TEXT(bed_text(&the, "k"), "kept");
        EXPECT_TEXT(bed_text(&the, "other"), "x");
    }
    EXPECT_EQUAL(the.tearing.misuses, 0);
}

static char told[256];

static void changed(tt_store_observer *observer, const char *key)
{
    strcat(told, observer->user);
    strcat(told, key);
    strcat(told, " ");
    EXPECT_EQUAL(the.tearing.busy, 0);
}

static unsigned dones;
static tt_store_write *done_order[8];

static void done(tt_store_write *write)
{
    done_order[dones++] = write;
    EXPECT(write->status != TT_BUSY);
}

static void test_told(void)
{
    blank(4, 512, 16);
    tt_store_observer all = {.prefix = "", .changed = changed, .user = (void *)"all:"};
    tt_store_observer data = {.prefix = "data/", .changed = changed, .user = (void *)"data:"};
    told[0] = 0;
    tt_store_observe(&the.store, &all);
    tt_store_observe(&the.store, &data);
    EXPECT_EQUAL(bed_put(&the, "data/a", "1", 1), TT_OK);
    EXPECT_EQUAL(bed_put(&the, "data", "1", 1), TT_OK);
    EXPECT_EQUAL(bed_remove(&the, "data/a"), TT_OK);
    EXPECT_EQUAL(bed_remove(&the, "data/a"), TT_NOT_FOUND);
    tt_store_unobserve(&all);
    EXPECT_EQUAL(bed_put(&the, "data/b", "1", 1), TT_OK);
    EXPECT_TEXT(told, "all:data/a data:data/a all:data all:data/a data:data/a data:data/b ");
}

// An erase of 400 ms, as so many turns of a loop: each turn is short, a second put waits its turn,
// and reading says that it must wait.
static void test_slow(void)
{
    blank(4, 512, 4);
    the.tearing.busy_erase = 400;
    the.tearing.busy_program = 3;
    the.tearing.busy_sync = 2;
    tt_store_change change = {.key = "a", .value = "1", .length = 1};
    tt_store_change late = {.key = "b", .value = "2", .length = 1};
    unsigned waited = 0;
    for (unsigned i = 0; i < 100; i++) {
        tt_store_write first = {.changes = &change, .count = 1, .done = done};
        tt_store_write second = {.changes = &late, .count = 1, .done = done};
        uint64_t erases = the.tearing.erases;
        dones = 0;
        tt_store_begin(&the.store, &first);
        tt_store_begin(&the.store, &second);
        for (unsigned turns = 0; second.status == TT_BUSY; turns++) {
            REQUIRE(turns < 2000);
            uint64_t before = the.tearing.programs + the.tearing.erases + the.tearing.syncs;
            EXPECT_EQUAL(tt_store_step(&the.store), TT_BUSY);
            EXPECT(the.tearing.programs + the.tearing.erases + the.tearing.syncs <= before + 1);
            if (the.tearing.busy > 10) {
                waited++;
                the.tearing.busy++; // asking is not a turn
                EXPECT_EQUAL(tt_store_find(&the.store, "a", NULL), TT_BUSY);
            }
            EXPECT(second.status == TT_BUSY || first.status == TT_OK);
        }
        EXPECT(dones == 2 && done_order[0] == &first && done_order[1] == &second);
        EXPECT(the.tearing.erases <= erases + 2);
        EXPECT_EQUAL(first.status, TT_OK);
        EXPECT_EQUAL(second.status, TT_OK);
        while (tt_store_step(&the.store) == TT_BUSY) {
        }
    }
    EXPECT(waited > 300);
    EXPECT_EQUAL(the.tearing.misuses, 0);
}

static void again(tt_store_write *write)
{
    if (++dones < 5)
        tt_store_begin(&the.store, write);
}

// A write may be begun anew when it is done, whether it went well or not.
static void test_anew(void)
{
    blank(4, 512, 4);
    tt_store_change change = {.key = "a", .value = "1", .length = 1};
    tt_store_write write = {.changes = &change, .count = 1, .done = again};
    dones = 0;
    tt_store_begin(&the.store, &write);
    bed_run(&the);
    EXPECT_EQUAL(dones, 5);
    EXPECT_EQUAL(the.store.version, 5);
    the.tearing.broken = true;
    dones = 0;
    tt_store_begin(&the.store, &write);
    for (int i = 0; i < 10; i++)
        tt_store_step(&the.store);
    EXPECT_EQUAL(dones, 5);
}

static void test_extents(void)
{
    static uint8_t plan[3][1500];
    const void *first, *second;
    size_t length;
    tt_store_pin pin, another;
    tt_store_facts facts;
    for (int i = 0; i < 3; i++)
        memset(plan[i], 'a' + i, sizeof(plan[i]));
    bed_blank(&the, image, 4, 512, 24);
    the.parts.log_sectors = 16;
    the.parts.extents = &tt_store_extents;
    REQUIRE(bed_open(&the) == TT_OK);
    tt_store_change change = {.key = "plan", .value = plan[0], .length = 1500, .extent = true};
    EXPECT_EQUAL(bed_change(&the, &change, 1), TT_OK);
    EXPECT_EQUAL(tt_store_window(&the.store, "plan", &pin, &first, &length), TT_OK);
    EXPECT(length == 1500 && memcmp(first, plan[0], 1500) == 0);
    EXPECT_EQUAL(tt_store_info(&the.store, 4, &facts), TT_OK);
    EXPECT_EQUAL(facts.extent_sectors, 8);
    EXPECT_EQUAL(facts.extent_sectors_free, 5);
    // The old one stays while it is held, whatever comes: 8 sectors hold two of 3.
    change.value = plan[1];
    EXPECT_EQUAL(bed_change(&the, &change, 1), TT_OK);
    change.value = plan[2];
    EXPECT_EQUAL(bed_change(&the, &change, 1), TT_FULL);
    EXPECT(memcmp(first, plan[0], 1500) == 0);
    EXPECT_EQUAL(tt_store_window(&the.store, "plan", &another, &second, &length), TT_OK);
    EXPECT(memcmp(second, plan[1], 1500) == 0);
    tt_store_unpin(&pin);
    EXPECT_EQUAL(bed_change(&the, &change, 1), TT_OK);
    EXPECT(memcmp(second, plan[1], 1500) == 0);
    tt_store_unpin(&another);
    // Collection moves the record, and not the bytes.
    EXPECT_EQUAL(tt_store_window(&the.store, "plan", &pin, &first, &length), TT_OK);
    for (unsigned i = 0; i < 500; i++)
        EXPECT_EQUAL(bed_put(&the, "other", "value", 5), TT_OK);
    EXPECT_EQUAL(tt_store_window(&the.store, "plan", &another, &second, &length), TT_OK);
    EXPECT(first == second && memcmp(first, plan[2], 1500) == 0);
    // A byte of it changed: that is told.
    image[(const uint8_t *)first - image + 700] ^= 1;
    EXPECT_EQUAL(tt_store_window(&the.store, "plan", &pin, &first, &length), TT_DAMAGED);
    static uint8_t there[1500];
    EXPECT_EQUAL(tt_store_get(&the.store, "plan", there, sizeof(there), &length), TT_DAMAGED);
    EXPECT_EQUAL(tt_store_window(&the.store, "other", &pin, &first, &length), TT_INVALID);
    EXPECT_EQUAL(tt_store_window(&the.store, "none", &pin, &first, &length), TT_NOT_FOUND);
    change.length = 8 * 512 + 1;
    EXPECT_EQUAL(bed_change(&the, &change, 1), TT_TOO_LARGE);
    change.length = 0;
    change.value = NULL;
    EXPECT_EQUAL(bed_change(&the, &change, 1), TT_OK);
    EXPECT_EQUAL(bed_remove(&the, "plan"), TT_OK);
    EXPECT_EQUAL(the.tearing.misuses, 0);
}

// The erases that it counts are those that were, and extents go round.
static void test_wear(void)
{
    tt_store_facts facts;
    blank(4, 512, 2);
    for (unsigned i = 0; i < 100; i++) {
        EXPECT_EQUAL(bed_put(&the, "key", "value", 5), TT_OK);
        bed_run(&the);
        EXPECT_EQUAL(tt_store_info(&the.store, 3, &facts), TT_OK);
        EXPECT_EQUAL(facts.least + facts.greatest, the.tearing.erases);
        EXPECT_EQUAL(the.store.counters.erases, the.tearing.erases);
        EXPECT_EQUAL(the.store.counters.programs, the.tearing.programs);
        EXPECT_EQUAL(the.store.counters.programmed_bytes, the.tearing.programmed_bytes);
    }
    memset(image, 0xff, sizeof(image));
    bed_init(&the, image, 4, 512, 16);
    the.parts.log_sectors = 8;
    the.parts.extents = &tt_store_extents;
    REQUIRE(bed_open(&the) == TT_OK);
    unsigned used = 0;
    for (unsigned i = 0; i < 40; i++) {
        tt_store_change change = {.key = "e", .value = told, .length = 100, .extent = true};
        tt_store_pin pin;
        const void *bytes;
        size_t length;
        EXPECT_EQUAL(bed_change(&the, &change, 1), TT_OK);
        EXPECT_EQUAL(tt_store_window(&the.store, "e", &pin, &bytes, &length), TT_OK);
        used |= 1u << pin.first;
        tt_store_unpin(&pin);
    }
    EXPECT_EQUAL(used, 0xff00);
}

int main(void)
{
    test_batch();
    test_given_to_none();
    test_keys();
    test_list();
    test_pieces_read();
    test_pieces_given(false);
    test_pieces_given(true);
    test_cancel(false);
    test_cancel(true);
    test_told();
    test_slow();
    test_anew();
    test_extents();
    test_wear();
    return test_result();
}
