// What is programmed for an update, how long the longest put is, and how alike sectors are worn, on
// a medium in memory that counts.

#include "tests/storage/bed.h"
#include "tutti/check.h"

#define UPDATES 10000
#define HOT_KEYS 12
#define VALUE_BYTES 24

static uint8_t image[BED_BYTES_MAX];
static test_bed the;

static void key_of(unsigned k, char *key)
{
    sprintf(key, "key/%04u", k); // 8 bytes
}

static void begin(uint32_t unit, uint32_t sectors)
{
    memset(image, 0xff, sizeof(image));
    memset(&the, 0, sizeof(the));
    bed_init(&the, image, unit, 4096, sectors);
    the.parts.entries_max = BED_KEYS_MAX;
    TT_CHECK(bed_open(&the) == TT_OK);
}

static void put(unsigned k, size_t length)
{
    static uint8_t value[512];
    char key[16];
    key_of(k, key);
    memset(value, (int)k, sizeof(value));
    TT_CHECK(bed_put(&the, key, value, length) == TT_OK);
}

static tt_store_facts facts(void)
{
    tt_store_facts now;
    TT_CHECK(tt_store_info(&the.store, 8, &now) == TT_OK);
    return now;
}

// Values that never change fill three quarters, or are so many; then 12 keys are updated, or all of
// them at random.
static void programmed(const char *name, bool uniform, unsigned most)
{
    tt_random random;
    tt_random_seed(&random, 1);
    begin(1, 64);
    size_t cold_bytes = uniform ? VALUE_BYTES : 100;
    unsigned keys = HOT_KEYS;
    for (unsigned k = 0; k < HOT_KEYS; k++)
        put(k, VALUE_BYTES);
    for (; keys < most; keys++) {
        tt_store_facts now = facts();
        if (now.used >= now.capacity / 4 * 3)
            break;
        put(keys, cold_bytes);
    }
    // Each sector gets into use, so that what is measured is how it goes on.
    unsigned range = uniform ? keys : HOT_KEYS;
    while (the.store.counters.collections < 200)
        put((unsigned)tt_random_below(&random, range), VALUE_BYTES);
    bed_run(&the);
    uint64_t before = the.tearing.programmed_bytes, erases = the.tearing.erases;
    for (unsigned i = 0; i < UPDATES; i++)
        put((unsigned)tt_random_below(&random, range), VALUE_BYTES);
    bed_run(&the);
    double each = (double)(the.tearing.programmed_bytes - before) / UPDATES;
    tt_store_facts now = facts();
    printf("bench storage.%s %.1f bytes_an_update\n", name, each);
    printf("bench storage.%s_amplification %.2f times\n", name, each / (8 + VALUE_BYTES));
    printf("bench storage.%s_filled %.0f percent_of_capacity\n", name,
           100.0 * now.used / now.capacity);
    printf("bench storage.%s_keys %u keys\n", name, now.keys);
    printf("bench storage.%s_erases %llu erases\n", name,
           (unsigned long long)(the.tearing.erases - erases));
    printf("bench storage.%s_wear_spread %u erases\n", name, now.greatest - now.least);
}

// The most programs and erases of one put, of values to 64 bytes, in a store as full as it may be.
static void longest(void)
{
    tt_random random;
    uint64_t most = 0, erases = 0;
    tt_random_seed(&random, 1);
    begin(4, 16);
    unsigned keys = 0;
    tt_store_facts now = facts();
    for (; now.value_max >= 64 && keys < BED_KEYS_MAX; keys++, now = facts())
        put(keys, 64);
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t programs_before = the.tearing.programs, erases_before = the.tearing.erases;
        put((unsigned)tt_random_below(&random, keys), tt_random_below(&random, 65));
        uint64_t programs = the.tearing.programs - programs_before;
        most = programs > most ? programs : most;
        if (the.tearing.erases - erases_before > erases)
            erases = the.tearing.erases - erases_before;
        bed_run(&the);
    }
    printf("bench storage.put_longest %llu programs\n", (unsigned long long)most);
    printf("bench storage.put_longest_erases %llu erases\n", (unsigned long long)erases);
}

int main(void)
{
    programmed("programmed", false, BED_KEYS_MAX);
    programmed("programmed_uniform", true, BED_KEYS_MAX);
    programmed("programmed_uniform_823", true, 823); // as many as littlefs then has (littlefs.c)
    longest();
    return 0;
}
