// What a device keeps without power, beside its model and /data: how often it began, a pool of
// randomness, its name after a conflict, and the record of its last bad end.
//
// The count and the pool of the next start are durable before anything is drawn from those of this
// one. So no start draws what an earlier one did, though the launcher gave both the same seed, and
// the board has no entropy.

#include <string.h>

#include "base/sha256.h"
#include "products/common/internal.h"
#include "tutti/board.h"
#include "tutti/bytes.h"
#include "tutti/kept.h"
#include "tutti/kernel.h"
#include "tutti/node_store.h"
#include "tutti/platform_device.h"

#define KEY_START "device/start"
#define KEY_NAME "device/name"
#define KEY_CRASH "device/crash"
#define START_WITHIN TT_SECONDS(5) // for the first write: an erase takes 3 s at most

static struct {
    tt_store store;
    tt_product_cache cache;
    tt_store_service service;
    const tt_product_store *parts; // NULL: in safe mode
    bool offered, told;            // /data; and that the medium failed
    tt_node_timer timer, soon;
    uint32_t starts;
    char name[TT_NAME_MAX];
    struct { // writes that go on, by what they are of
        tt_store_change change;
        tt_store_write write;
    } start, naming, crash;
    uint8_t start_value[4 + TT_SHA256_BYTES];
    bool clear; // the record of the end is to be deleted
} keep;

static void begin(tt_store_write *write, tt_store_change *change, const char *key,
                  const void *value, size_t length)
{
    *change = (tt_store_change){
        .key = key, .value = value, .length = (uint32_t)length, .remove = value == NULL};
    *write = (tt_store_write){.changes = change, .count = 1};
    tt_store_begin(&keep.store, write);
}

// Before the loop turns: waits until the write has ended.
static tt_status finish(const tt_store_write *write)
{
    tt_medium *medium = keep.store.parts.medium;
    tt_time deadline = tt_after(tt_now(), START_WITHIN);
    while (write->status == TT_BUSY && tt_now() < deadline) {
        tt_store_step(&keep.store);
        if (medium->operations->poll(medium) == TT_BUSY)
            tt_thread_sleep(tt_after(tt_now(), TT_MS(1)));
    }
    return write->status;
}

static void mix(uint8_t purpose, const void *pool, uint8_t digest[TT_SHA256_BYTES])
{
    tt_sha256 hash;
    tt_sha256_start(&hash);
    tt_sha256_add(&hash, &purpose, 1);
    tt_sha256_add(&hash, pool, sizeof(keep.start_value));
    tt_sha256_end(&hash, digest);
}

static void count_start(void)
{
    uint8_t pool[TT_SHA256_BYTES] = {0}, entropy[TT_SHA256_BYTES] = {0}, stir[TT_SHA256_BYTES];
    size_t length;
    tt_sha256 hash;
    tt_status status =
        tt_store_get(&keep.store, KEY_START, keep.start_value, sizeof(keep.start_value), &length);
    if (status != TT_OK || length != sizeof(keep.start_value))
        memset(keep.start_value, 0, sizeof(keep.start_value));
    tt_reader reader;
    tt_reader_init(&reader, keep.start_value, sizeof(keep.start_value));
    keep.starts = tt_read_le32(&reader) + 1;
    tt_board_entropy(entropy, sizeof(entropy));
    tt_sha256_start(&hash);
    tt_sha256_add(&hash, keep.start_value, sizeof(keep.start_value));
    tt_sha256_add(&hash, tt_provision.seed, sizeof(tt_provision.seed));
    tt_sha256_add(&hash, entropy, sizeof(entropy));
    tt_sha256_end(&hash, pool);
    tt_writer writer;
    tt_writer_init(&writer, keep.start_value, sizeof(keep.start_value));
    tt_write_le32(&writer, keep.starts);
    tt_write_bytes(&writer, pool, sizeof(pool));
    begin(&keep.start.write, &keep.start.change, KEY_START, keep.start_value,
          sizeof(keep.start_value));
    status = finish(&keep.start.write);
    if (status != TT_OK)
        tt_product_say("tutti: this start could not be counted: ", tt_status_text(status), "");
    mix('d', keep.start_value, stir);
    tt_platform_device_stir(stir, sizeof(stir));
}

static tt_status open_store(const tt_product_store *parts)
{
    tt_medium *medium = tt_board_medium();
    if (medium == NULL)
        return TT_NOT_FOUND; // the board has said why
    if (parts->cache != NULL && medium->sector_bytes == parts->cache_sector_bytes &&
        medium->sectors >= parts->log_sectors)
        medium = tt_product_cache_begin(&keep.cache, medium, parts->cache, parts->log_sectors);
    return tt_store_open(&keep.store, &(tt_store_parts){.medium = medium,
                                                        .entries = parts->entries,
                                                        .entries_max = parts->entries_max,
                                                        .sectors = parts->sectors,
                                                        .log_sectors = parts->log_sectors,
                                                        .buffer = parts->buffer,
                                                        .buffer_bytes = parts->buffer_bytes,
                                                        .format = true,
                                                        .extents = &tt_store_extents});
}

// The record that the power took with it. Where a reset left memory without one it was cleared, and
// that may have come before its deletion was durable.
static void take_crash(void)
{
    size_t length;
    tt_crash *crash = &tt_kept_memory.crash;
    if (tt_kept_crash() != NULL)
        return;
    if (tt_kept_restarts() > 0) {
        keep.clear = true;
        return;
    }
    tt_status status = tt_store_get(&keep.store, KEY_CRASH, crash, sizeof(*crash), &length);
    if (status != TT_OK || length != sizeof(*crash) || !tt_crash_is_whole(crash))
        tt_kept_clear_crash();
}

// Whether the store has another record than the memory that a reset keeps.
static bool is_other_crash(const tt_crash *crash)
{
    size_t length;
    struct {
        uint32_t magic, version, length, crc;
    } head; // as tt_crash begins
    tt_status status = tt_store_read(&keep.store, KEY_CRASH, 0, &head, sizeof(head), &length, NULL);
    return status == TT_NOT_FOUND || length != sizeof(head) || head.crc != crash->crc;
}

static void keep_crash(void)
{
    const tt_crash *crash = tt_kept_crash();
    if (crash == NULL || !is_other_crash(crash))
        return;
    begin(&keep.crash.write, &keep.crash.change, KEY_CRASH, crash, sizeof(*crash));
    keep.crash.change.extent = true;
    finish(&keep.crash.write); // before this life may end alike
}

static void say_closed(tt_status status)
{
    const char *why = tt_status_text(status);
    if (status == TT_UNSUPPORTED)
        why = "it is of another version of the format, or was made for another geometry; "
              "it is left as it is";
    else if (status == TT_FULL)
        why = "it has more keys than this product has room for";
    else if (status == TT_IO)
        why = "the medium cannot be read";
    bool none = status == TT_NOT_FOUND; // and the board has said why
    tt_product_say("tutti: nothing is kept without power", none ? "" : ": ", none ? "" : why);
}

static tt_store *keep_open(const tt_product_store *parts)
{
    tt_status status = open_store(parts);
    if (status != TT_OK) {
        say_closed(status);
        return NULL;
    }
    keep.parts = parts;
    count_start();
    take_crash();
    keep_crash();
    return &keep.store;
}

static bool keep_open_to_clear(const tt_product_store *parts)
{
    return open_store(parts) == TT_OK;
}

static uint32_t keep_starts(void)
{
    return keep.starts;
}

// A name of another seed, from before the medium came into this device, is no name of its own.
static const char *keep_name(const char *own)
{
    size_t length = 0;
    if (tt_store_get(&keep.store, KEY_NAME, keep.name, sizeof(keep.name) - 1, &length) != TT_OK)
        length = 0;
    keep.name[length] = '\0';
    bool fits = strncmp(keep.name, own, strlen(own)) == 0 && keep.name[strlen(own)] == '-';
    return fits ? keep.name : own;
}

static void on_ready(tt_medium *medium)
{
    tt_platform *platform = medium->user;
    platform->operations->wake(platform);
}

static void keep_run(tt_platform *platform)
{
    keep.store.parts.medium->user = platform;
    keep.store.parts.medium->ready = on_ready;
}

static void keep_clear_crash(void)
{
    tt_kept_clear_crash();
    keep.clear = true;
}

static bool keep_is_crash_cleared(void)
{
    return !keep.clear && keep.crash.write.status != TT_BUSY;
}

// A name that is the device's own on its network after a conflict, and another than is kept: once
// it was that for a while, so that forged conflicts write nothing.
static void note_name(const tt_node *node, tt_time now)
{
    const tt_discovery *discovery = &node->discovery;
    if (keep.parts == NULL || keep.naming.write.status == TT_BUSY ||
        tt_discovery_owned_for(discovery, now) < TT_DISCOVERY_SETTLED ||
        strcmp(discovery->name, keep.name) == 0 || strcmp(discovery->name, node->options.name) == 0)
        return;
    strcpy(keep.name, discovery->name);
    begin(&keep.naming.write, &keep.naming.change, KEY_NAME, keep.name, strlen(keep.name));
}

static void delete_crash(void)
{
    if (!keep.clear || keep.crash.write.status == TT_BUSY)
        return;
    keep.clear = false;
    begin(&keep.crash.write, &keep.crash.change, KEY_CRASH, NULL, 0);
}

static tt_status keep_offer(tt_node *node)
{
    tt_status status = tt_store_service_init(
        &keep.service, &(tt_store_service_options){.bus = &node->bus,
                                                   .store = &keep.store,
                                                   .quotas = keep.parts->quotas,
                                                   .quota_count = keep.parts->quota_count});
    keep.offered = status == TT_OK;
    return status;
}

static void turn_again(tt_node *node, tt_time now, void *context)
{
    (void)node, (void)now, (void)context;
}

// What handlers asked the store for is begun, and what became durable is answered.
static void keep_turn(tt_node *node, tt_time now)
{
    if (keep.offered)
        tt_store_service_turn(&keep.service, now);
    note_name(node, now);
    delete_crash();
    if (tt_node_turn_store(node, &keep.timer, &keep.store) == TT_IO && !keep.told) {
        keep.told = true;
        tt_product_say("tutti: the medium failed; nothing more is kept without power", "", "");
    }
    if (keep.offered && tt_store_service_turn(&keep.service, now))
        tt_node_after(node, &keep.soon, TT_MS(1), turn_again, NULL);
}

const tt_product_keep tt_product_keeps = {
    .model = &tt_model_keeps,
    .open = keep_open,
    .starts = keep_starts,
    .name = keep_name,
    .run = keep_run,
    .offer = keep_offer,
    .turn = keep_turn,
    .clear_crash = keep_clear_crash,
    .is_crash_cleared = keep_is_crash_cleared,
    .open_to_clear = keep_open_to_clear,
};
