// The clean index: what is in memory, kept on the medium before a planned end, so that the next
// opening need not walk over all records.
//
// It lies in sectors of its own and says where the log ended. It counts only while nothing was
// written behind that: then it is what the walk would find. So it can be torn, or left behind by
// later writes, and nothing of it is ever wrong. The arrays are kept as they are in memory, which
// on all machines of ours is little-endian.

#include <string.h>

#include "storage/store_internal.h"
#include "tutti/bytes.h"

#define MAGIC 0x49535454u // "TTSI" in memory
#define CHUNK 64

typedef struct index_head {
    uint32_t magic, log_sectors, head, sequence, tail, version, count, live;
} index_head;

// What lies behind one another, and the sum behind it.
typedef struct part {
    uint8_t *bytes;
    uint32_t length;
} part;

static uint32_t list_parts(tt_store *store, index_head *head, part parts[3])
{
    parts[0] = (part){(uint8_t *)head, sizeof(*head)};
    parts[1] = (part){(uint8_t *)store->parts.entries, head->count * sizeof(tt_store_entry)};
    parts[2] = (part){(uint8_t *)store->parts.sectors, head->log_sectors * sizeof(uint32_t)};
    return parts[0].length + parts[1].length + parts[2].length;
}

static uint32_t first_byte(const tt_store *store)
{
    const tt_medium *medium = store->parts.medium;
    return (medium->sectors - store->parts.index_sectors) * medium->sector_bytes;
}

static index_head head_now(const tt_store *store)
{
    return (index_head){.magic = MAGIC,
                        .log_sectors = store->parts.log_sectors,
                        .head = store->head,
                        .sequence = store->sequence,
                        .tail = store->tail,
                        .version = store->version,
                        .count = store->count,
                        .live = store->live};
}

// Puts the bytes from `at` on, of the parts and their sum, into the buffer.
static void fill(tt_store *store, tt_store_write *write, uint32_t length)
{
    index_head head = head_now(store);
    part parts[3];
    uint32_t all = list_parts(store, &head, parts), base = 0, end = write->taken + length;
    uint8_t *buffer = store->parts.buffer;
    memset(buffer, store->parts.medium->erased, length);
    for (int i = 0; i < 3; base += parts[i].length, i++) {
        uint32_t from = write->taken > base ? write->taken : base;
        uint32_t to = end < base + parts[i].length ? end : base + parts[i].length;
        if (from >= to)
            continue;
        memcpy(buffer + (from - write->taken), parts[i].bytes + (from - base), to - from);
        write->crc = tt_crc32(write->crc, buffer + (from - write->taken), to - from);
    }
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t at = all + i;
        if (at >= write->taken && at < end)
            buffer[at - write->taken] = (uint8_t)(write->crc >> 8 * i);
    }
}

static tt_status begun(tt_store *store, tt_status status)
{
    store->begun = status == TT_OK;
    return status == TT_OK ? TT_BUSY : status;
}

static tt_status advance(tt_store *store, tt_store_write *write)
{
    tt_medium *medium = store->parts.medium;
    index_head head = head_now(store);
    part parts[3];
    uint32_t all = tt_store_round(store, list_parts(store, &head, parts) + 4);
    if (store->head == NONE || store->void_head != NONE || write->synced)
        return TT_OK; // an empty store is read quickly; or all is done
    if (all > store->parts.index_sectors * medium->sector_bytes)
        return TT_UNSUPPORTED;
    if (write->erased * medium->sector_bytes < all) {
        store->counters.erases++;
        uint32_t address = first_byte(store) + write->erased++ * medium->sector_bytes;
        return begun(store, medium->operations->erase(medium, address));
    }
    if (write->taken == all) {
        write->synced = true;
        return tt_store_sync(store, STATE_IDLE);
    }
    uint32_t room = medium->sector_bytes - write->taken % medium->sector_bytes;
    uint32_t length = all - write->taken < room ? all - write->taken : room;
    if (length > store->parts.buffer_bytes)
        length = store->parts.buffer_bytes;
    fill(store, write, length);
    uint32_t address = first_byte(store) + write->taken;
    write->taken += length;
    store->counters.programs++;
    store->counters.programmed_bytes += length;
    return begun(store, medium->operations->program(medium, address, store->parts.buffer, length));
}

// Whether the sum over `length` bytes is the number behind them.
static bool is_whole(tt_store *store, uint32_t address, uint32_t length)
{
    uint8_t chunk[CHUNK];
    uint32_t crc = 0, sum;
    while (length > 0) {
        uint32_t some = length < CHUNK ? length : CHUNK;
        if (tt_store_medium_read(store, address, chunk, some) != TT_OK)
            return false;
        crc = tt_crc32(crc, chunk, some);
        address += some;
        length -= some;
    }
    return tt_store_read_number(store, address, &sum) == TT_OK && sum == crc;
}

// Whether nothing was written behind the end of the log.
static bool is_last(tt_store *store, const index_head *head)
{
    const tt_medium *medium = store->parts.medium;
    uint8_t chunk[CHUNK];
    for (uint32_t at = head->tail; at < medium->sector_bytes;) {
        uint32_t left = medium->sector_bytes - at, some = left < CHUNK ? left : CHUNK;
        if (tt_store_medium_read(store, head->head * medium->sector_bytes + at, chunk, some) !=
            TT_OK)
            return false;
        for (uint32_t i = 0; i < some; i++) {
            if (chunk[i] != medium->erased)
                return false;
        }
        at += some;
    }
    return true;
}

static bool is_ours(const tt_store *store, const index_head *head)
{
    const tt_store_parts *parts = &store->parts;
    uint64_t room = (uint64_t)parts->index_sectors * parts->medium->sector_bytes;
    return head->magic == MAGIC && head->log_sectors == parts->log_sectors &&
           head->head == store->head && head->sequence == store->sequence &&
           head->tail >= store->header_bytes && head->tail <= parts->medium->sector_bytes &&
           head->tail % parts->medium->program_bytes == 0 && head->count <= parts->entries_max &&
           sizeof(*head) + head->count * sizeof(tt_store_entry) + head->log_sectors * 4 + 4 <= room;
}

// Takes the words of the sectors that have records; the others are free, whatever they were.
static bool load_sectors(tt_store *store, uint32_t address)
{
    uint32_t *sectors = store->parts.sectors;
    for (uint32_t i = 0; i < store->parts.log_sectors; i++, address += 4) {
        uint32_t word;
        if (tt_store_read_number(store, address, &word) != TT_OK)
            return false;
        if (sectors[i] != SECTOR_FREE)
            sectors[i] = SECTOR_LOG | (word & SECTOR_LIVE);
    }
    return true;
}

static bool load_entries(tt_store *store, const index_head *head, uint32_t address)
{
    tt_store_entry *entries = store->parts.entries;
    uint32_t log_bytes = store->parts.log_sectors * store->parts.medium->sector_bytes;
    size_t length = head->count * sizeof(entries[0]);
    if (length > 0 && tt_store_medium_read(store, address, entries, length) != TT_OK)
        return false;
    for (uint32_t i = 0; i < head->count; i++) {
        if (entries[i].address >= log_bytes || (i > 0 && entries[i].hash < entries[i - 1].hash))
            return false;
    }
    return true;
}

static tt_status load(tt_store *store)
{
    index_head head;
    sector_header newest;
    uint32_t at = first_byte(store);
    if (store->parts.index_sectors == 0 || store->head == NONE || store->void_head != NONE ||
        tt_store_medium_read(store, at, &head, sizeof(head)) != TT_OK || !is_ours(store, &head))
        return TT_NOT_FOUND;
    uint32_t entries = head.count * (uint32_t)sizeof(tt_store_entry);
    if (!is_whole(store, at, (uint32_t)sizeof(head) + entries + head.log_sectors * 4) ||
        !is_last(store, &head) || tt_store_header_read(store, head.head, &newest) != TT_OK ||
        !load_entries(store, &head, at + sizeof(head)) ||
        !load_sectors(store, at + (uint32_t)sizeof(head) + entries))
        return TT_NOT_FOUND;
    store->head_seed = newest.seed;
    store->head_victim = newest.victim;
    store->head_victim_erases = newest.victim_erases;
    store->tail = head.tail;
    store->version = head.version;
    store->count = head.count;
    store->live = head.live;
    return TT_OK;
}

const tt_store_code tt_store_clean_index = {.advance = advance, .load = load};

void tt_store_rest(tt_store *store, tt_store_write *write)
{
    write->count = 0;
    write->changes = NULL;
    tt_store_begin(store, write);
}
