// The smallest image that uses all of the store but extents and the clean index, on 64 sectors in
// memory. What it takes of flash and RAM is the bench; it runs all the same, and says so.

#include <string.h>

#include "tutti/check.h"
#include "tutti/kernel.h"
#include "tutti/store.h"

#define SECTORS 64
#define SECTOR_BYTES 512
#define KEYS 16

static uint8_t image[SECTORS * SECTOR_BYTES];

// What is counted: the store, and its word for each of 64 sectors; and what a key takes.
struct tt_store_counted {
    tt_store store;
    uint32_t sectors[SECTORS];
};
extern struct tt_store_counted counted;
extern tt_store_entry counted_entries[KEYS];
struct tt_store_counted counted;
tt_store_entry counted_entries[KEYS];

static tt_status read(tt_medium *medium, uint32_t address, void *bytes, size_t length)
{
    (void)medium;
    memcpy(bytes, image + address, length);
    return TT_OK;
}

static tt_status program(tt_medium *medium, uint32_t address, const void *bytes, size_t length)
{
    (void)medium;
    memcpy(image + address, bytes, length);
    return TT_OK;
}

static tt_status erase(tt_medium *medium, uint32_t address)
{
    memset(image + address, medium->erased, medium->sector_bytes);
    return TT_OK;
}

static tt_status done(tt_medium *medium)
{
    (void)medium;
    return TT_OK;
}

static const tt_medium_operations operations = {read, program, erase, done, done};
static tt_medium medium = {.operations = &operations,
                           .program_bytes = 4,
                           .sector_bytes = SECTOR_BYTES,
                           .sectors = SECTORS,
                           .erased = 0xff};
static uint8_t buffer[TT_STORE_BUFFER_LEAST];

static void changed(tt_store_observer *observer, const char *key)
{
    (void)key;
    *(unsigned *)observer->user += 1;
}

static tt_status put(const char *key, const char *value)
{
    tt_store *store = &counted.store;
    tt_store_change change = {.key = key, .length = (uint32_t)strlen(value)};
    tt_store_write write = {.changes = &change, .count = 1};
    tt_store_begin(store, &write);
    TT_CHECK(tt_store_give(store, &write, value, change.length) == TT_OK);
    while (tt_store_step(store) == TT_BUSY) {
    }
    return write.status;
}

void tt_main(void)
{
    tt_store *store = &counted.store;
    tt_store_parts parts = {.medium = &medium,
                            .entries = counted_entries,
                            .entries_max = KEYS,
                            .sectors = counted.sectors,
                            .log_sectors = SECTORS,
                            .buffer = buffer,
                            .buffer_bytes = sizeof(buffer),
                            .format = true};
    unsigned changes = 0;
    tt_store_observer observer = {.prefix = "", .changed = changed, .user = &changes};
    char key[TT_STORE_KEY_MAX + 1] = "", value[16];
    size_t length;
    tt_store_facts facts;
    memset(image, 0xff, sizeof(image));
    TT_CHECK(tt_store_open(store, &parts) == TT_OK);
    tt_store_observe(store, &observer);
    for (int i = 0; i < 2000; i++)
        TT_CHECK(put("name", "value") == TT_OK);
    TT_CHECK(changes == 2000 && tt_store_next(store, "n", key, NULL) == TT_OK);
    TT_CHECK(tt_store_get(store, key, value, sizeof(value), &length) == TT_OK && length == 5);
    TT_CHECK(tt_store_info(store, 4, &facts) == TT_OK && facts.keys == 1);
    TT_CHECK(tt_store_find(store, "no", NULL) == TT_NOT_FOUND);
    tt_store_write write = {.count = 0};
    tt_store_begin(store, &write);
    tt_store_cancel(store, &write);
    tt_store_unobserve(&observer);
    tt_console_write("storage size\n", 13);
    tt_board_stop(0);
}
