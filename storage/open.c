// Opening: what is on the medium becomes the index. Nothing is written.
//
// First the headers tell which sectors have records that count, then these are walked over in the
// order of their sequence, so that a later record of a key is always the newer one, and a deletion
// of a key that nothing older has can be passed over.

#include <string.h>

#include "storage/store_internal.h"

// What the parts must be; sizes are computed on the way.
static bool fits_together(tt_store *store)
{
    const tt_store_parts *parts = &store->parts;
    const tt_medium *medium = parts->medium;
    uint32_t unit = medium->program_bytes, sector = medium->sector_bytes;
    if (unit == 0 || unit > TT_MEDIUM_PROGRAM_BYTES_MAX || (unit & (unit - 1)) != 0 ||
        sector == 0 || sector % unit != 0 || sector > TT_STORE_SECTOR_MAX ||
        medium->sectors > UINT32_MAX / sector)
        return false;
    if (parts->log_sectors < 2 || parts->log_sectors > medium->sectors ||
        parts->index_sectors > medium->sectors - parts->log_sectors ||
        parts->buffer_bytes < TT_STORE_BUFFER_LEAST || parts->buffer_bytes % unit != 0)
        return false;
    store->header_bytes = tt_store_round(store, HEADER_BYTES);
    store->closing_bytes = tt_store_round(store, RECORD_BYTES);
    uint32_t fixed = store->header_bytes + store->closing_bytes;
    uint32_t deletion = tt_store_record_size(store, TT_STORE_KEY_MAX, 0);
    if (sector < fixed + 2 * deletion)
        return false;
    store->reserve = tt_store_round(store, (sector - fixed) / 8);
    if (store->reserve < deletion)
        store->reserve = deletion;
    return true;
}

// Reads the headers: `sectors` gets each one's sequence, or SECTOR_FREE. The newest is `head`.
static tt_status read_headers(tt_store *store)
{
    for (uint32_t i = 0; i < store->parts.log_sectors; i++) {
        sector_header header;
        tt_status status = tt_store_header_read(store, i, &header);
        if (status == TT_UNSUPPORTED || status == TT_IO)
            return status;
        bool counts =
            status == TT_OK && header.sequence > 0 && header.sequence <= TT_STORE_SEQUENCE_MAX;
        store->parts.sectors[i] = counts ? header.sequence : SECTOR_FREE;
        if (counts && header.sequence > store->sequence) {
            store->sequence = header.sequence;
            store->head = i;
        }
    }
    return store->head != NONE || store->parts.format ? TT_OK : TT_NOT_FOUND;
}

// Whether anything but copies is in the sector: it was made the head for good.
static tt_status is_concluded(tt_store *store, uint32_t sector, uint32_t seed, bool *concluded)
{
    uint8_t key[TT_STORE_KEY_MAX];
    tt_store_scan scan;
    tt_store_record record;
    *concluded = false;
    tt_store_scan_begin(store, &scan, sector, seed);
    while (!*concluded && tt_store_scan_next(store, &scan, &record, key))
        *concluded = (record.kind & RECORD_COPY) == 0;
    return scan.status;
}

// Sectors that were collected do not count; nor does a head that was not collected into for good.
static tt_status drop_collected(tt_store *store)
{
    uint32_t *sectors = store->parts.sectors, newest = store->head;
    for (uint32_t i = 0; i < store->parts.log_sectors; i++) {
        sector_header header;
        if (sectors[i] == SECTOR_FREE)
            continue;
        tt_status status = tt_store_header_read(store, i, &header);
        uint32_t victim = header.victim;
        if (status == TT_IO)
            return status;
        if (status != TT_OK || victim >= store->parts.log_sectors ||
            sectors[victim] == SECTOR_FREE || sectors[victim] >= header.sequence)
            continue; // it was used again since, or never had records
        bool concluded = true;
        if (i == newest && (status = is_concluded(store, i, header.seed, &concluded)) != TT_OK)
            return status;
        sectors[concluded ? victim : i] = SECTOR_FREE;
        if (!concluded)
            store->void_head = i;
    }
    return TT_OK;
}

// Walks over a sector; the one that is walked over last is the head.
static tt_status take_sector(tt_store *store, uint32_t sector)
{
    uint8_t key[TT_STORE_KEY_MAX];
    sector_header header;
    tt_store_record record;
    tt_status status = tt_store_header_read(store, sector, &header);
    if (status != TT_OK)
        return TT_IO; // it was there just now
    store->parts.sectors[sector] = SECTOR_LOG;
    tt_store_scan_begin(store, &store->scan, sector, header.seed);
    while (status == TT_OK && tt_store_scan_next(store, &store->scan, &record, key)) {
        if (record.key_length > 0)
            status = tt_store_index_put(store, &record, key);
        else
            store->version = record.version;
    }
    store->head = sector;
    store->sequence = header.sequence;
    store->head_seed = header.seed;
    store->head_victim = header.victim;
    store->head_victim_erases = header.victim_erases;
    store->tail = store->scan.tail;
    return status == TT_OK ? store->scan.status : status;
}

static tt_status take_sectors(tt_store *store)
{
    const uint32_t *sectors = store->parts.sectors;
    for (;;) {
        uint32_t next = NONE;
        for (uint32_t i = 0; i < store->parts.log_sectors; i++) {
            if (sectors[i] < SECTOR_LOG && (next == NONE || sectors[i] < sectors[next]))
                next = i;
        }
        if (next == NONE)
            return TT_OK;
        tt_status status = take_sector(store, next);
        if (status != TT_OK)
            return status;
    }
}

static tt_status open_by(tt_store *store, const tt_store_parts *parts, const tt_store_code *clean)
{
    memset(store, 0, sizeof(*store));
    store->parts = *parts;
    store->head = store->target = store->victim = store->void_head = store->to_erase = NONE;
    store->head_victim = NONE;
    tt_list_init(&store->observers);
    tt_list_init(&store->pins);
    if (!fits_together(store))
        return TT_INVALID;
    tt_status status = read_headers(store);
    if (status == TT_OK)
        status = drop_collected(store);
    if (status != TT_OK)
        return status;
    status = clean != NULL ? clean->load(store) : TT_NOT_FOUND;
    return status == TT_NOT_FOUND ? take_sectors(store) : status;
}

tt_status tt_store_open(tt_store *store, const tt_store_parts *parts)
{
    tt_status status = open_by(store, parts, parts->clean);
    return status == TT_DAMAGED ? open_by(store, parts, NULL) : status;
}
