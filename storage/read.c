// Reading: find, read by pieces, list in order, and what there is.

#include <string.h>

#include "storage/store_internal.h"
#include "tutti/bytes.h"

// The bytes of a key, or 0 where it is none.
size_t tt_store_key_length(const char *key)
{
    const char *end = memchr(key, 0, TT_STORE_KEY_MAX + 1);
    return end == NULL ? 0 : (size_t)(end - key);
}

static tt_status idle(tt_store *store)
{
    tt_medium *medium = store->parts.medium;
    return medium->operations->poll(medium) == TT_BUSY ? TT_BUSY : TT_OK;
}

// Where the extent lies that a record is of. TT_DAMAGED: it is not within the extents' sectors.
tt_status tt_store_extent_place(tt_store *store, const tt_store_record *record, extent_place *place)
{
    const tt_medium *medium = store->parts.medium;
    uint32_t at = record->address + RECORD_HEAD + record->key_length;
    tt_status status = tt_store_read_number(store, at, &place->sector);
    if (status == TT_OK)
        status = tt_store_read_number(store, at + 4, &place->length);
    if (status == TT_OK)
        status = tt_store_read_number(store, at + 8, &place->crc);
    if (status != TT_OK)
        return status;
    bool inside = place->sector >= store->parts.log_sectors && place->sector < medium->sectors &&
                  record->value_length == EXTENT_BYTES &&
                  place->length <= (medium->sectors - place->sector) * medium->sector_bytes;
    return inside ? TT_OK : TT_DAMAGED;
}

static tt_status tell(tt_store *store, const tt_store_record *record, tt_store_value *value,
                      uint32_t *address)
{
    extent_place place;
    *address = record->address + RECORD_HEAD + record->key_length;
    *value = (tt_store_value){.length = record->value_length,
                              .version = record->version,
                              .extent = (record->kind & RECORD_KIND) == RECORD_EXTENT,
                              .address = record->address};
    if (!value->extent)
        return TT_OK;
    tt_status status = tt_store_extent_place(store, record, &place);
    value->length = place.length;
    *address = place.sector * store->parts.medium->sector_bytes;
    return status;
}

// The newest record of a key that is not deleted, and what it says.
static tt_status look_up(tt_store *store, const char *key, tt_store_record *record,
                         tt_store_value *value, uint32_t *address)
{
    uint32_t at;
    size_t length = tt_store_key_length(key);
    if (length == 0)
        return TT_INVALID;
    tt_status status = idle(store);
    if (status == TT_OK)
        status = tt_store_index_find(store, (const uint8_t *)key, length, &at);
    if (status != TT_OK)
        return status;
    const tt_store_entry *entry = &store->parts.entries[at];
    if ((entry->records & ENTRY_DELETED) != 0)
        return TT_NOT_FOUND;
    status = tt_store_record_read(store, entry->address, record);
    return status == TT_OK ? tell(store, record, value, address) : status;
}

tt_status tt_store_find(tt_store *store, const char *key, tt_store_value *value)
{
    tt_store_record record;
    tt_store_value found;
    uint32_t address;
    return look_up(store, key, &record, value != NULL ? value : &found, &address);
}

// Whether the sum fits of a record, or an extent, of whose value `bytes` are the whole.
static tt_status check(tt_store *store, const tt_store_record *record, const char *key,
                       const tt_store_value *value, const void *bytes)
{
    uint32_t at = record->address + RECORD_HEAD + record->key_length, crc = 0, sum;
    if (!value->extent)
        crc = tt_crc32(record->crc, key, record->key_length);
    crc = tt_crc32(crc, bytes, value->length);
    tt_status status = tt_store_read_number(store, at + (value->extent ? 8 : value->length), &sum);
    return status == TT_OK && sum != crc ? TT_DAMAGED : status;
}

tt_status tt_store_read(tt_store *store, const char *key, uint32_t offset, void *bytes,
                        size_t capacity, size_t *length, tt_store_value *value)
{
    tt_store_record record;
    tt_store_value found = {0};
    uint32_t at;
    *length = 0;
    tt_status status = look_up(store, key, &record, &found, &at);
    if (value != NULL)
        *value = found;
    if (status != TT_OK)
        return status;
    uint32_t left = offset < found.length ? found.length - offset : 0;
    *length = left < capacity ? left : capacity;
    if (*length > 0) // what an offset beyond the value is added to may lie outside of the medium
        status = tt_store_medium_read(store, at + offset, bytes, *length);
    if (status == TT_OK && offset == 0 && *length == found.length)
        status = check(store, &record, key, &found, bytes);
    return status;
}

tt_status tt_store_get(tt_store *store, const char *key, void *bytes, size_t capacity,
                       size_t *length)
{
    tt_store_value value;
    tt_status status = tt_store_read(store, key, 0, bytes, capacity, length, &value);
    return status == TT_OK && value.length > capacity ? TT_TOO_LARGE : status;
}

tt_status tt_store_next(tt_store *store, const char *prefix, char key[TT_STORE_KEY_MAX + 1],
                        tt_store_value *value)
{
    char best[TT_STORE_KEY_MAX + 1] = "", candidate[TT_STORE_KEY_MAX + 1];
    uint8_t length;
    size_t prefix_length = strlen(prefix);
    tt_status status = idle(store);
    for (uint32_t i = 0; status == TT_OK && i < store->count; i++) {
        const tt_store_entry *entry = &store->parts.entries[i];
        if ((entry->records & ENTRY_DELETED) != 0)
            continue;
        status = tt_store_key_at(store, entry->address, (uint8_t *)candidate, &length);
        candidate[length] = 0;
        if (strncmp(candidate, prefix, prefix_length) == 0 && strcmp(candidate, key) > 0 &&
            (best[0] == 0 || strcmp(candidate, best) < 0))
            strcpy(best, candidate);
    }
    if (status != TT_OK)
        return status;
    if (best[0] == 0)
        return TT_NOT_FOUND;
    strcpy(key, best);
    return tt_store_find(store, key, value);
}

uint32_t tt_store_sector_room(const tt_store *store)
{
    return store->parts.medium->sector_bytes - store->header_bytes - store->closing_bytes;
}

uint32_t tt_store_capacity(const tt_store *store)
{
    return (store->parts.log_sectors - 1) * (tt_store_sector_room(store) - store->reserve);
}

tt_status tt_store_info(tt_store *store, size_t key_length, tt_store_facts *facts)
{
    *facts = (tt_store_facts){
        .keys_max = store->parts.entries_max,
        .used = store->live,
        .capacity = tt_store_capacity(store),
        .least = UINT32_MAX,
    };
    for (uint32_t i = 0; i < store->count; i++)
        facts->deleted += (store->parts.entries[i].records & ENTRY_DELETED) != 0;
    facts->keys = store->count - facts->deleted;
    uint32_t room = tt_store_room(store), unit = store->parts.medium->program_bytes;
    uint32_t left = facts->used < facts->capacity ? facts->capacity - facts->used : 0;
    room = room < left ? room : left;
    room &= ~(unit - 1);
    if (room >= RECORD_BYTES + key_length)
        facts->value_max = room - RECORD_BYTES - (uint32_t)key_length;
    tt_status status = idle(store);
    for (uint32_t i = 0; status == TT_OK && i < store->parts.log_sectors; i++) {
        sector_header header;
        status = tt_store_header_read(store, i, &header);
        uint32_t erases = status == TT_OK ? header.erases : 0;
        if (i == store->head_victim)
            erases = store->head_victim_erases + (store->parts.sectors[i] >= SECTOR_ERASED);
        if (status != TT_IO)
            status = TT_OK;
        facts->least = erases < facts->least ? erases : facts->least;
        facts->greatest = erases > facts->greatest ? erases : facts->greatest;
    }
    const tt_store_code *extents = store->parts.extents;
    return status == TT_OK && extents != NULL ? extents->tell(store, facts) : status;
}
