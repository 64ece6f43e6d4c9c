// The index: where the newest record of each key is, in the order of the keys' hashes.
//
// A key itself lies on the medium only: where hashes are equal, the keys are compared there. Each
// entry counts the put records of its key that are on the medium, for as long as there are any a
// deletion must stay known: without it they would come back at the next opening.

#include <string.h>

#include "storage/store_internal.h"
#include "tutti/bytes.h"

uint16_t tt_store_hash(const uint8_t *key, size_t length)
{
    uint32_t sum = tt_crc32(0, key, length);
    return (uint16_t)(sum ^ sum >> 16);
}

// The key of the record at `address`; none, of 0 bytes, where that is no record.
tt_status tt_store_key_at(tt_store *store, uint32_t address, uint8_t key[TT_STORE_KEY_MAX],
                          uint8_t *length)
{
    uint32_t sector_bytes = store->parts.medium->sector_bytes, offset = address % sector_bytes;
    tt_status status = TT_OK;
    *length = 0;
    if (offset + RECORD_BYTES > sector_bytes)
        return TT_OK;
    status = tt_store_medium_read(store, address + 1, length, 1);
    if (*length > TT_STORE_KEY_MAX || offset + RECORD_BYTES + *length > sector_bytes)
        *length = 0;
    if (status == TT_OK && *length > 0)
        status = tt_store_medium_read(store, address + RECORD_HEAD, key, *length);
    return status;
}

// TT_OK, and *at is the key's entry; TT_NOT_FOUND, and *at is where one would go; TT_IO.
tt_status tt_store_index_find(tt_store *store, const uint8_t *key, size_t length, uint32_t *at)
{
    const tt_store_entry *entries = store->parts.entries;
    uint16_t hash = tt_store_hash(key, length);
    uint32_t low = 0, high = store->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (entries[middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < store->count && entries[low].hash == hash; low++) {
        uint8_t there[TT_STORE_KEY_MAX], there_length;
        tt_status status = tt_store_key_at(store, entries[low].address, there, &there_length);
        *at = low;
        if (status != TT_OK || (there_length == length && memcmp(there, key, length) == 0))
            return status;
    }
    *at = low;
    return TT_NOT_FOUND;
}

void tt_store_index_remove(tt_store *store, uint32_t at)
{
    tt_store_entry *entries = store->parts.entries;
    store->count--;
    memmove(&entries[at], &entries[at + 1], (store->count - at) * sizeof(entries[0]));
}

// A record's bytes become live, or are no longer.
static void count_live(tt_store *store, uint32_t address, int32_t bytes)
{
    store->parts.sectors[address / store->parts.medium->sector_bytes] += (uint32_t)bytes;
    store->live += (uint32_t)bytes;
}

// The record at `address` is live, or no longer.
tt_status tt_store_index_count(tt_store *store, uint32_t address, bool live)
{
    tt_store_record record;
    tt_status status = tt_store_record_read(store, address, &record);
    if (status == TT_OK)
        count_live(store, address, live ? (int32_t)record.size : -(int32_t)record.size);
    return status == TT_DAMAGED ? TT_OK : status; // its bytes stay counted: they are lost
}

// The record is the newest of its key. TT_OK; TT_FULL, there is no entry for it; TT_IO.
tt_status tt_store_index_put(tt_store *store, const tt_store_record *record, const uint8_t *key)
{
    tt_store_entry *entries = store->parts.entries;
    bool deleted = (record->kind & RECORD_KIND) == RECORD_DELETED;
    uint32_t at;
    if ((record->kind & RECORD_COPY) == 0)
        store->version = record->version; // the newest is the place: it may have begun again at 0
    tt_status status = tt_store_index_find(store, key, record->key_length, &at);
    if (status == TT_OK) {
        status = tt_store_index_count(store, entries[at].address, false);
    } else if (status == TT_NOT_FOUND) {
        if (deleted)
            return TT_OK; // nothing older is there
        if (store->count == store->parts.entries_max)
            return TT_FULL;
        memmove(&entries[at + 1], &entries[at], (store->count - at) * sizeof(entries[0]));
        store->count++;
        entries[at] = (tt_store_entry){.hash = tt_store_hash(key, record->key_length)};
        status = TT_OK;
    }
    if (status != TT_OK)
        return status;
    uint16_t records = entries[at].records & ENTRY_RECORDS;
    if (!deleted && records < ENTRY_RECORDS)
        records++;
    entries[at].records = deleted ? records | ENTRY_DELETED : records;
    entries[at].address = record->address;
    count_live(store, record->address, (int32_t)record->size);
    return TT_OK;
}
