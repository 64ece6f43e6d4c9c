// The clean index: what is in memory, kept on the medium before a planned end, so that the next
// opening need not walk over all records.
//
// It lies in sectors of its own and says where the log ended. It counts only while nothing was
// written behind that: then it is what the walk would find. So it can be torn, or left behind by
// later writes, and nothing of it is ever wrong. Nor is what somebody made up believed: each entry
// is compared with its record, and what is live counted by these; only how many older values a key
// has, and that none is left out where the numbers fit together, is taken from the index. The
// arrays are kept as they are in memory, which on all machines of ours is little-endian.

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

// Whether the sum is right over the head, the entries, which come into memory, and the words of the
// sectors; and these have records where the headers say that there are some, and nowhere else: a
// header may have been damaged since.
static bool is_whole(tt_store *store, const index_head *head, uint32_t at)
{
    uint32_t length = head->count * (uint32_t)sizeof(tt_store_entry), number;
    uint32_t crc = tt_crc32(0, head, sizeof(*head));
    at += (uint32_t)sizeof(*head);
    if (length > 0 && tt_store_medium_read(store, at, store->parts.entries, length) != TT_OK)
        return false;
    crc = tt_crc32(crc, store->parts.entries, length);
    at += length;
    for (uint32_t i = 0; i < head->log_sectors; i++, at += 4) {
        if (tt_store_read_number(store, at, &number) != TT_OK ||
            ((number & SECTOR_STATE) == SECTOR_LOG) != (store->parts.sectors[i] != SECTOR_FREE))
            return false;
        crc = tt_crc32(crc, &number, sizeof(number));
    }
    return tt_store_read_number(store, at, &number) == TT_OK && number == crc;
}

// Whether an entry is of a record of its key, behind those of lesser hashes, and the only one.
static bool is_entry(tt_store *store, uint32_t i, uint32_t end, tt_store_record *record)
{
    const tt_store_entry *entries = store->parts.entries, *entry = &entries[i];
    const tt_medium *medium = store->parts.medium;
    uint32_t sector = entry->address / medium->sector_bytes, at;
    uint32_t offset = entry->address % medium->sector_bytes;
    uint8_t key[TT_STORE_KEY_MAX];
    if (sector >= store->parts.log_sectors || store->parts.sectors[sector] == SECTOR_FREE ||
        offset < store->header_bytes || offset % medium->program_bytes != 0 ||
        offset + RECORD_BYTES > medium->sector_bytes ||
        tt_store_record_read(store, entry->address, record) != TT_OK || record->key_length == 0 ||
        (sector == store->head && offset + record->size > end) ||
        tt_store_medium_read(store, entry->address + RECORD_HEAD, key, record->key_length) != TT_OK)
        return false;
    bool deleted = (record->kind & RECORD_KIND) == RECORD_DELETED;
    store->count = i; // the entries before this one: it is not among them
    return deleted == ((entry->records & ENTRY_DELETED) != 0) &&
           (entry->records & ENTRY_RECORDS) > 0 &&
           entry->hash == tt_store_hash(key, record->key_length) &&
           (i == 0 || entries[i - 1].hash <= entry->hash) &&
           memchr(key, 0, record->key_length) == NULL &&
           tt_store_index_find(store, key, record->key_length, &at) == TT_NOT_FOUND;
}

// Counts what is live anew by the entries' records; whether that is what the index says.
static bool is_true(tt_store *store, const index_head *head, uint32_t at)
{
    uint32_t *sectors = store->parts.sectors, word;
    for (uint32_t i = 0; i < head->log_sectors; i++)
        sectors[i] = sectors[i] == SECTOR_FREE ? SECTOR_FREE : SECTOR_LOG;
    for (uint32_t i = 0; i < head->count; i++) {
        tt_store_record record;
        if (!is_entry(store, i, head->tail, &record))
            return false;
        sectors[record.address / store->parts.medium->sector_bytes] += record.size;
        store->live += record.size;
    }
    store->count = head->count;
    at += (uint32_t)(sizeof(*head) + head->count * sizeof(tt_store_entry));
    for (uint32_t i = 0; i < head->log_sectors; i++) {
        if (tt_store_read_number(store, at + 4 * i, &word) != TT_OK ||
            (sectors[i] != SECTOR_FREE && sectors[i] != word))
            return false;
    }
    return store->live == head->live;
}

static tt_status load(tt_store *store)
{
    index_head head;
    sector_header newest;
    uint32_t at = first_byte(store);
    if (store->parts.index_sectors == 0 || store->head == NONE || store->void_head != NONE ||
        tt_store_medium_read(store, at, &head, sizeof(head)) != TT_OK || !is_ours(store, &head) ||
        !is_last(store, &head) || tt_store_header_read(store, head.head, &newest) != TT_OK ||
        !is_whole(store, &head, at))
        return TT_NOT_FOUND;
    if (!is_true(store, &head, at))
        return TT_DAMAGED;
    store->head_seed = newest.seed;
    store->head_victim = newest.victim;
    store->head_victim_erases = newest.victim_erases;
    store->tail = head.tail;
    store->version = head.version;
    return TT_OK;
}

const tt_store_code tt_store_clean_index = {.advance = advance, .load = load};

void tt_store_rest(tt_store *store, tt_store_write *write)
{
    write->count = 0;
    write->changes = NULL;
    tt_store_begin(store, write);
}
