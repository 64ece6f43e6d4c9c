// Extents: values in whole sectors outside the log, in one piece.
//
// The bytes are programmed first, into sectors that nothing uses, and synced; then a record with
// their place and sum goes into the log as any other. So replacing one is one record, and the old
// bytes stay until it is durable, and beyond that while somebody holds them with a pin.

#include <string.h>

#include "storage/store_internal.h"
#include "tutti/bytes.h"

static uint32_t first_sector(const tt_store *store)
{
    return store->parts.log_sectors;
}

static uint32_t end_sector(const tt_store *store)
{
    return store->parts.medium->sectors - store->parts.index_sectors;
}

static uint32_t sectors_for(const tt_store *store, uint32_t length)
{
    uint32_t sector_bytes = store->parts.medium->sector_bytes;
    return length == 0 ? 1 : (length - 1) / sector_bytes + 1;
}

// Where the extent of an entry lies; `sectors` is 0 if it has none.
static tt_status place_of(tt_store *store, const tt_store_entry *entry, extent_place *place,
                          uint32_t *sectors)
{
    tt_store_record record;
    *sectors = 0;
    tt_status status = tt_store_record_read(store, entry->address, &record);
    if (status == TT_OK && (record.kind & RECORD_KIND) == RECORD_EXTENT) {
        status = tt_store_extent_place(store, &record, place);
        *sectors = status == TT_OK ? sectors_for(store, place->length) : 0;
    }
    return status == TT_DAMAGED ? TT_OK : status;
}

// Whether something lies in these sectors: then *behind is the sector behind it.
static tt_status is_used(tt_store *store, uint32_t first, uint32_t count, uint32_t *behind)
{
    *behind = 0;
    for (tt_list *node = store->pins.next; node != &store->pins; node = node->next) {
        const tt_store_pin *pin = (const tt_store_pin *)node;
        if (first < pin->first + pin->sectors && pin->first < first + count)
            *behind = pin->first + pin->sectors;
    }
    for (uint32_t i = 0; *behind == 0 && i < store->count; i++) {
        extent_place place;
        uint32_t sectors;
        tt_status status = place_of(store, &store->parts.entries[i], &place, &sectors);
        if (status != TT_OK)
            return status;
        if (sectors > 0 && first < place.sector + sectors && place.sector < first + count)
            *behind = place.sector + sectors;
    }
    return TT_OK;
}

static tt_status find_from(tt_store *store, uint32_t from, uint32_t count, uint32_t *found)
{
    while (from + count <= end_sector(store)) {
        uint32_t behind;
        tt_status status = is_used(store, from, count, &behind);
        if (status != TT_OK)
            return status;
        if (behind == 0) {
            *found = from;
            return TT_OK;
        }
        from = behind;
    }
    return TT_FULL;
}

// Free sectors in a row; the search begins elsewhere each time, so that all are worn alike.
static tt_status allocate(tt_store *store, tt_store_write *write)
{
    uint32_t all = end_sector(store) - first_sector(store);
    uint32_t count = sectors_for(store, write->changes[0].length);
    if (count > all)
        return TT_TOO_LARGE;
    uint32_t from = first_sector(store) + store->version % all;
    tt_status status = find_from(store, from, count, &write->place);
    if (status == TT_FULL)
        status = find_from(store, first_sector(store), count, &write->place);
    return status;
}

static tt_status begun(tt_store *store, tt_status status)
{
    store->begun = status == TT_OK;
    return status == TT_OK ? TT_BUSY : status;
}

// Programs what is given, as far as its sector goes; the end of the value fills its unit.
static tt_status program(tt_store *store, tt_store_write *write)
{
    tt_medium *medium = store->parts.medium;
    uint32_t room = medium->sector_bytes - write->taken % medium->sector_bytes;
    uint32_t length = write->given_bytes < room ? write->given_bytes : room;
    uint32_t address = write->place * medium->sector_bytes + write->taken, whole = length;
    const uint8_t *from = write->given;
    if (length < medium->program_bytes) {
        memset(store->parts.buffer, medium->erased, medium->program_bytes);
        from = memcpy(store->parts.buffer, write->given, length);
        whole = medium->program_bytes;
    } else {
        length = whole = length & ~(medium->program_bytes - 1);
    }
    write->pending = length;
    store->counters.programs++;
    store->counters.programmed_bytes += whole;
    return begun(store, medium->operations->program(medium, address, from, whole));
}

static tt_status erase(tt_store *store, tt_store_write *write)
{
    tt_medium *medium = store->parts.medium;
    uint32_t address = (write->place + write->erased++) * medium->sector_bytes;
    store->counters.erases++;
    return begun(store, medium->operations->erase(medium, address));
}

static void take_pending(tt_store_write *write)
{
    write->crc = tt_crc32(write->crc, write->given, write->pending);
    write->taken += write->pending;
    write->given += write->pending;
    write->given_bytes -= write->pending;
    write->pending = 0;
}

static tt_status conclude(tt_store *store, tt_store_write *write)
{
    tt_writer writer;
    tt_writer_init(&writer, write->extent, sizeof(write->extent));
    tt_write_le32(&writer, write->place);
    tt_write_le32(&writer, write->changes[0].length);
    tt_write_le32(&writer, write->crc);
    write->synced = true;
    return tt_store_sync(store, STATE_IDLE);
}

// The write's next step: TT_OK, all its bytes are durable and it may go into the log.
static tt_status advance(tt_store *store, tt_store_write *write)
{
    const tt_store_change *change = &write->changes[0];
    if (write->synced)
        return TT_OK;
    if (write->place == 0) {
        if (first_sector(store) == end_sector(store))
            return TT_UNSUPPORTED;
        tt_status status = allocate(store, write);
        if (status != TT_OK)
            return status;
        if (change->value != NULL) {
            write->given = change->value;
            write->given_bytes = change->length;
        }
    }
    if (write->pending > 0)
        take_pending(write);
    if (write->erased * store->parts.medium->sector_bytes <= write->taken &&
        write->erased < sectors_for(store, change->length))
        return erase(store, write);
    if (write->given_bytes > 0)
        return program(store, write);
    return write->taken < change->length ? TT_EMPTY : conclude(store, write);
}

static tt_status tell(tt_store *store, tt_store_facts *facts)
{
    tt_status status = TT_OK;
    facts->extent_sectors = end_sector(store) - first_sector(store);
    facts->extent_sectors_free = facts->extent_sectors;
    for (uint32_t i = 0; status == TT_OK && i < store->count; i++) {
        extent_place place;
        uint32_t sectors;
        status = place_of(store, &store->parts.entries[i], &place, &sectors);
        if (sectors <= facts->extent_sectors_free)
            facts->extent_sectors_free -= sectors;
    }
    return status;
}

const tt_store_code tt_store_extents = {.advance = advance, .tell = tell};

tt_status tt_store_window(tt_store *store, const char *key, tt_store_pin *pin, const void **bytes,
                          size_t *length)
{
    tt_store_value value;
    extent_place place;
    const tt_medium *medium = store->parts.medium;
    tt_status status = tt_store_find(store, key, &value);
    if (status != TT_OK)
        return status;
    if (!value.extent || medium->window == NULL)
        return TT_INVALID;
    tt_store_record record;
    status = tt_store_record_read(store, value.address, &record);
    if (status == TT_OK)
        status = tt_store_extent_place(store, &record, &place);
    if (status != TT_OK)
        return status;
    *bytes = (const uint8_t *)medium->window + place.sector * medium->sector_bytes;
    *length = place.length;
    if (tt_crc32(0, *bytes, *length) != place.crc)
        return TT_DAMAGED;
    pin->first = place.sector;
    pin->sectors = sectors_for(store, place.length);
    tt_list_append(&store->pins, &pin->node);
    return TT_OK;
}

void tt_store_unpin(tt_store_pin *pin)
{
    tt_list_remove(&pin->node);
}
