// An image that writes to a store on its medium all the time, for test_cut_store.py to cut its
// power. It tells what it finds, then of each write before it begins it and when it was
// acknowledged.
//
// Write N is known by its number: which keys it puts, deletes, or puts as an extent
// (test_cut_store.py has the same rules), and the bytes of its values. So whoever reads a value can
// tell whose it is, and whether it is whole.

#include <string.h>

#include "tutti/board.h"
#include "tutti/check.h"
#include "tutti/kernel.h"
#include "tutti/store.h"
#include "tutti/text.h"

#define KEYS 12 // k0 to k11, put and deleted; and one extent
#define EXTENT "extent"
#define LOG_SECTORS 6
#define EXTENT_BYTES_MAX 9000

static tt_store store;
static tt_store_entry entries[4 * KEYS];
static uint32_t sectors[LOG_SECTORS];
static uint8_t buffer[TT_MEDIUM_PROGRAM_BYTES_MAX], values[2][128], bytes[EXTENT_BYTES_MAX];

static void say(const char *what, const char *key, uint32_t number)
{
    char line[80];
    tt_text text;
    tt_text_init(&text, line, sizeof(line));
    tt_text_add(&text, what);
    tt_text_add(&text, key);
    tt_text_add(&text, " ");
    tt_text_add_unsigned(&text, number);
    tt_text_add(&text, "\n");
    tt_console_write(line, text.length);
}

static _Noreturn void stop(const char *why, const char *key, uint32_t number)
{
    say(why, key, number);
    tt_board_stop(1);
}

static void name_key(unsigned number, char key[8])
{
    tt_text text;
    tt_text_init(&text, key, 8);
    tt_text_add(&text, "k");
    tt_text_add_unsigned(&text, number % KEYS);
}

static uint32_t length_of(uint32_t number, bool extent)
{
    return extent ? 4096 + number * 37 % (EXTENT_BYTES_MAX - 4096) : 4 + number * 13 % 120;
}

static void make_value(uint8_t *value, uint32_t number, uint32_t length)
{
    memcpy(value, &number, sizeof(number));
    for (uint32_t i = sizeof(number); i < length; i++)
        value[i] = (uint8_t)(number * 5 + i);
}

// The write whose value it is, 0 where there is none.
static uint32_t find(const char *key, bool extent)
{
    static uint8_t expected[EXTENT_BYTES_MAX];
    uint32_t number = 0;
    size_t length;
    tt_status status = tt_store_get(&store, key, bytes, sizeof(bytes), &length);
    if (status == TT_NOT_FOUND)
        return 0;
    if (status == TT_OK && length >= sizeof(number))
        memcpy(&number, bytes, sizeof(number));
    if (status != TT_OK || length != length_of(number, extent))
        stop("damaged ", key, number);
    make_value(expected, number, (uint32_t)length);
    if (memcmp(expected, bytes, length) != 0)
        stop("torn ", key, number);
    return number;
}

static uint32_t tell_all(void)
{
    char key[8];
    uint32_t newest = 0;
    for (unsigned i = 0; i <= KEYS; i++) {
        name_key(i, key);
        uint32_t number = i < KEYS ? find(key, false) : find(EXTENT, true);
        say("has ", i < KEYS ? key : EXTENT, number);
        newest = number > newest ? number : newest;
    }
    return newest;
}

static void write_one(uint32_t number)
{
    char keys[2][8];
    tt_store_change changes[2];
    tt_store_write write = {.changes = changes, .count = number % 11 == 10 ? 2 : 1};
    bool extent = number % 13 == 12 && write.count == 1;
    for (unsigned i = 0; i < write.count; i++) {
        name_key(number + 5 * i, keys[i]);
        make_value(values[i], number, length_of(number, false));
        changes[i] = (tt_store_change){
            .key = keys[i], .value = values[i], .length = length_of(number, false)};
    }
    if (extent) {
        make_value(bytes, number, length_of(number, true));
        changes[0] = (tt_store_change){
            .key = EXTENT, .value = bytes, .length = length_of(number, true), .extent = true};
    } else if (number % 7 == 6 && write.count == 1) {
        changes[0] = (tt_store_change){.key = keys[0], .remove = true};
    }
    say("begins", "", number);
    tt_store_begin(&store, &write);
    for (tt_status status = TT_BUSY; write.status == TT_BUSY && status == TT_BUSY;)
        status = tt_store_step(&store);
    if (write.status != TT_OK && write.status != TT_NOT_FOUND)
        stop("refused ", tt_status_name(write.status), number);
    say("done", "", number);
}

void tt_main(void)
{
    tt_medium *medium = tt_board_medium();
    TT_CHECK(medium != NULL);
    uint32_t unit = medium->program_bytes;
    const tt_store_parts parts = {.medium = medium,
                                  .entries = entries,
                                  .entries_max = TT_COUNT(entries),
                                  .sectors = sectors,
                                  .log_sectors = LOG_SECTORS,
                                  .buffer = buffer,
                                  .buffer_bytes =
                                      unit > TT_STORE_BUFFER_LEAST ? unit : TT_STORE_BUFFER_LEAST,
                                  .format = true,
                                  .extents = &tt_store_extents};
    tt_status status = tt_store_open(&store, &parts);
    if (status != TT_OK)
        stop("unmountable ", tt_status_name(status), 0);
    uint32_t newest = tell_all();
    if (tell_all() != newest)
        stop("another the second time ", "", newest);
    say("opened", "", newest);
    for (uint32_t number = newest + 1;; number++)
        write_one(number);
}
