// A random life of a store by seed: writes of all kinds on any geometry, power that goes at any
// moment, a store that is full, beside a model of what must be there.

#include "tests/storage/bed.h"
#include "tests/test.h"

#define KEYS 24
#define VALUE_MAX 1200

typedef struct geometry {
    uint32_t unit, sector, sectors, extents, index;
} geometry;

static const geometry geometries[] = {
    {1, 512, 16, 4, 1},   {4, 512, 8, 0, 0},    {16, 512, 6, 2, 0}, {1, 4096, 4, 2, 0},
    {4, 4096, 6, 2, 1},   {512, 4096, 6, 0, 0}, {8, 256, 24, 6, 4}, {2, 1024, 3, 1, 0},
    {256, 4096, 8, 3, 0}, {4, 512, 2, 0, 0},
};

typedef struct model {
    uint32_t length[KEYS]; // of the value, and one more; 0: there is none
    uint8_t first[KEYS];   // its first byte
    bool extent[KEYS];
} model;

static uint8_t image[128 << 10], synced[128 << 10];
static test_bed the;
static tt_random draw;
static uint64_t seed;

static uint32_t below(uint32_t limit)
{
    return (uint32_t)tt_random_below(&draw, limit);
}

static const char *key_of(unsigned k)
{
    static char keys[KEYS][TT_STORE_KEY_MAX + 1];
    snprintf(keys[k], sizeof(keys[k]), "%s/%u%.*s", k % 2 ? "data" : "set", k, (int)(k * 5 % 50),
             "a long name that goes on and on, as names may do, on");
    return keys[k];
}

static void fill(uint8_t *value, uint8_t first, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++)
        value[i] = (uint8_t)(first + i * 13);
}

static bool key_is(unsigned k, const model *is)
{
    static uint8_t value[VALUE_MAX], expected[VALUE_MAX];
    size_t length;
    tt_store_value known;
    tt_status status = tt_store_get(&the.store, key_of(k), value, sizeof(value), &length);
    if (is->length[k] == 0)
        return status == TT_NOT_FOUND;
    fill(expected, is->first[k], is->length[k] - 1);
    return status == TT_OK && length == is->length[k] - 1 && memcmp(value, expected, length) == 0 &&
           tt_store_find(&the.store, key_of(k), &known) == TT_OK && known.extent == is->extent[k];
}

static bool same(const model *is)
{
    char key[TT_STORE_KEY_MAX + 1] = "";
    unsigned there = 0, listed = 0;
    for (unsigned k = 0; k < KEYS; k++) {
        if (!key_is(k, is))
            return false;
        there += is->length[k] != 0;
    }
    while (tt_store_next(&the.store, "", key, NULL) == TT_OK)
        listed++;
    return there == listed;
}

static bool opened(void)
{
    tt_status status = bed_open(&the);
    if (status != TT_OK)
        printf("seed %llu: opening: %s\n", (unsigned long long)seed, tt_status_name(status));
    return status == TT_OK;
}

// One write; whether it is as the model says, which it changes.
static bool write_once(model *is, const geometry *on)
{
    static uint8_t values[3][VALUE_MAX];
    tt_store_change changes[3];
    model then = *is;
    uint32_t count = below(6) == 0 ? 2 + below(2) : 1, k = below(KEYS), step = 1 + below(7);
    bool present = false;
    for (uint32_t i = 0; i < count; i++, k = (k + step) % KEYS) {
        uint32_t length = below(8) == 0 ? below(VALUE_MAX) : below(60);
        bool remove = below(5) == 0;
        bool extent = !remove && count == 1 && on->extents > 0 && below(6) == 0;
        changes[i] = (tt_store_change){.key = key_of(k), .value = values[i], .remove = remove};
        changes[i].extent = extent;
        changes[i].length = remove ? 0 : length;
        present |= !remove || then.length[k] != 0;
        then.length[k] = remove ? 0 : length + 1;
        then.first[k] = (uint8_t)below(256);
        then.extent[k] = extent;
        fill(values[i], then.first[k], length);
    }
    tt_status status = bed_change(&the, changes, count);
    if (status == TT_OK)
        *is = then;
    if (!the.tearing.dead) {
        bool missing = status == TT_NOT_FOUND && count == 1 && !present;
        bool refused = status == TT_FULL || status == TT_TOO_LARGE;
        bool one_deletion = count == 1 && changes[0].remove;
        return (status == TT_OK && (present || count > 1)) || missing || (refused && !one_deletion);
    }
    tt_tearing_power(&the.tearing, below(4) == 0 ? below(4000) : UINT64_MAX);
    if (!opened())
        return false;
    if (status != TT_OK && same(&then))
        *is = then;
    return true;
}

static void live(void)
{
    const geometry *on = &geometries[seed % (sizeof(geometries) / sizeof(geometries[0]))];
    uint8_t erased = seed / 10 % 4 == 3 ? 0x00 : 0xff;
    model is = {.first = {0}};
    tt_random_seed(&draw, seed);
    memset(image, (int)below(256), sizeof(image)); // whatever was there
    memset(&the, 0, sizeof(the));
    bed_init(&the, image, on->unit, on->sector, on->sectors);
    tt_random_seed(&the.tearing.random, seed);
    the.tearing.medium.erased = erased;
    the.parts.log_sectors -= on->extents + on->index;
    the.parts.index_sectors = on->index;
    the.parts.extents = &tt_store_extents;
    the.parts.clean = &tt_store_clean_index;
    the.parts.entries_max = below(4) == 0 ? 12 : KEYS + 8;
    the.tearing.busy_program = below(3);
    the.tearing.busy_erase = below(20);
    the.parts.buffer_bytes = on->unit > 64 ? on->unit : 64 + below(2) * 64;
    if (seed % 3 == 0) { // a medium with a cache
        memcpy(synced, image, sizeof(image));
        the.tearing.synced = synced;
    }
    if (!opened())
        REQUIRE(false);
    for (int i = 0; i < 400; i++) {
        if (below(12) == 0)
            the.tearing.points_left = below(3000);
        bool right = write_once(&is, on);
        if (below(10) == 0)
            bed_run(&the);
        if (below(40) == 0 && !the.tearing.dead) {
            tt_store_write rest = {.done = NULL};
            tt_store_rest(&the.store, &rest);
            bed_wait(&the, &rest);
        }
        if (the.tearing.dead)
            tt_tearing_power(&the.tearing, UINT64_MAX);
        if (below(20) == 0 || the.store.failed != TT_OK)
            right &= opened();
        the.tearing.busy = 0;
        if (!right || !same(&is)) {
            printf("seed %llu: wrong after write %d\n", (unsigned long long)seed, i);
            REQUIRE(false);
        }
    }
    EXPECT_EQUAL(the.tearing.misuses, 0);
}

int main(int count, char **words)
{
    uint64_t first = count > 1 ? strtoull(words[1], NULL, 10) : 1500;
    uint64_t seeds = count > 2 ? strtoull(words[2], NULL, 10) : count > 1 ? 1 : 150;
    for (seed = first; seed < first + seeds; seed++)
        live();
    printf("%llu seeds\n", (unsigned long long)seeds);
    return test_result();
}
