// The next head, and what is collected into it.
//
// There is always one free sector. When it is the last one it becomes the head only to take over
// the live records of another, the victim, which is the free one from then on. Until the record
// that says so is durable, the new head holds copies only, and a cut leaves all as it was.

#include "storage/store_internal.h"

#define RECORDS_A_STEP 32  // that are looked at between two turns of the loop
#define WEAR_ROUND 64      // heads between two moves for wear's sake
#define WEAR_DIFFERENCE 16 // erases that the least worn sector must be behind for one

static uint32_t state_of(const tt_store *store, uint32_t sector)
{
    return store->parts.sectors[sector] & SECTOR_STATE;
}

// What is known of a sector's erases: by its header, or by that of the head it was collected into.
static tt_status erases_of(tt_store *store, uint32_t sector, uint32_t *erases)
{
    sector_header header;
    tt_status status = tt_store_header_read(store, sector, &header);
    if (status == TT_OK)
        *erases = header.erases;
    else
        *erases = sector == store->head_victim ? store->head_victim_erases : 0;
    return status == TT_IO ? status : TT_OK;
}

// ---- Choosing.

// The first that is erased, else the first that is free, behind the head; and how many there are.
static uint32_t choose_free(const tt_store *store, uint32_t *free)
{
    uint32_t count = store->parts.log_sectors, chosen = NONE;
    *free = 0;
    for (uint32_t i = 1; i <= count; i++) {
        uint32_t sector = (store->head == NONE ? i - 1 : store->head + i) % count;
        uint32_t state = state_of(store, sector);
        if (state == SECTOR_LOG)
            continue;
        *free += 1;
        if (chosen == NONE || (state == SECTOR_ERASED && state_of(store, chosen) != state))
            chosen = sector;
    }
    return chosen;
}

// The sector with the fewest live bytes; of equal ones the first behind the head.
static uint32_t choose_emptiest(const tt_store *store)
{
    uint32_t count = store->parts.log_sectors, chosen = NONE;
    const uint32_t *sectors = store->parts.sectors;
    for (uint32_t i = 1; i <= count; i++) {
        uint32_t sector = (store->head + i) % count;
        if (state_of(store, sector) == SECTOR_LOG &&
            (chosen == NONE || sectors[sector] < sectors[chosen]))
            chosen = sector;
    }
    return chosen;
}

// The most bytes of records that the next head would have room for, behind what is collected.
uint32_t tt_store_room(const tt_store *store)
{
    uint32_t free, room = tt_store_sector_room(store);
    choose_free(store, &free);
    if (free > 1)
        return room;
    uint32_t live = store->parts.sectors[choose_emptiest(store)] & SECTOR_LIVE;
    return room > live ? room - live : 0;
}

// The sector that is longest in use, or the one that was erased least; `*of_it` is that number.
static tt_status choose_by_header(tt_store *store, bool by_erases, uint32_t *chosen,
                                  uint32_t *of_it)
{
    *chosen = NONE;
    *of_it = NONE;
    for (uint32_t i = 0; i < store->parts.log_sectors; i++) {
        sector_header header;
        if (state_of(store, i) != SECTOR_LOG)
            continue;
        tt_status status = tt_store_header_read(store, i, &header);
        uint32_t number = by_erases ? header.erases : header.sequence;
        if (status == TT_IO)
            return status;
        if (status == TT_OK && number < *of_it) {
            *chosen = i;
            *of_it = number;
        }
    }
    return TT_OK;
}

// ---- Beginning.

tt_status tt_store_erase(tt_store *store, uint32_t sector, uint8_t next)
{
    tt_medium *medium = store->parts.medium;
    tt_status status = erases_of(store, sector, &store->erases);
    if (status != TT_OK)
        return status;
    status = medium->operations->erase(medium, sector * medium->sector_bytes);
    store->erases++;
    store->counters.erases++;
    store->target = sector;
    store->after = next;
    store->begun = status == TT_OK;
    store->state = STATE_ERASED;
    return status == TT_OK ? TT_BUSY : status;
}

// TT_FULL: the store is at the end of its life, or somebody filled the log as no store of ours
// does.
static tt_status open_with(tt_store *store, uint32_t victim)
{
    uint32_t free;
    store->target = choose_free(store, &free);
    store->victim = free == 1 ? victim : NONE;
    if (store->sequence >= TT_STORE_SEQUENCE_MAX || free == 0 ||
        (free == 1 && (victim == NONE ||
                       (store->parts.sectors[victim] & SECTOR_LIVE) > tt_store_sector_room(store))))
        return TT_FULL;
    if (state_of(store, store->target) != SECTOR_ERASED)
        return tt_store_erase(store, store->target, STATE_OPEN);
    store->state = STATE_OPEN;
    return TT_BUSY;
}

// Opens the next head, collecting the emptiest sector into it if the free one is the last.
tt_status tt_store_open_next(tt_store *store)
{
    return open_with(store, store->head == NONE ? NONE : choose_emptiest(store));
}

tt_status tt_store_collect_oldest(tt_store *store)
{
    uint32_t victim, sequence;
    if (store->void_head != NONE)
        return tt_store_erase(store, store->void_head, STATE_IDLE);
    tt_status status = choose_by_header(store, false, &victim, &sequence);
    return status == TT_OK ? open_with(store, victim) : status;
}

// What is done while nothing else is: a free sector is erased beforehand, a cold one moved to a
// worn place. TT_OK: nothing.
tt_status tt_store_tidy(tt_store *store)
{
    if (store->to_erase != NONE)
        return tt_store_erase(store, store->to_erase, STATE_IDLE);
    if (!store->wear_due)
        return TT_OK;
    uint32_t victim, least, head, free;
    store->wear_due = false;
    tt_status status = choose_by_header(store, true, &victim, &least);
    if (status == TT_OK)
        status = erases_of(store, store->head, &head);
    choose_free(store, &free);
    if (status != TT_OK || free != 1 || victim == NONE || head < least + WEAR_DIFFERENCE)
        return status;
    status = open_with(store, victim);
    return status == TT_BUSY || status == TT_IO ? status : TT_OK; // nothing has to move
}

// ---- The steps.

static tt_status erased_step(tt_store *store)
{
    store->parts.sectors[store->target] = SECTOR_ERASED;
    if (store->to_erase == store->target)
        store->to_erase = NONE;
    store->void_head = NONE; // if there was one, it was this
    // Durable before the header is: it may be the same as one that never counted, and what was
    // behind that would count then, if the erase had stayed in the medium's cache.
    return tt_store_sync(store, store->after);
}

static void fill_up(tt_store *store, uint32_t length)
{
    while (store->filled < length)
        store->parts.buffer[store->filled++] = store->parts.medium->erased;
}

static tt_status open_step(tt_store *store)
{
    sector_header header = {.sequence = store->sequence + 1, .victim = store->victim};
    header.erases = store->erases;
    if (store->victim != NONE) {
        sector_header victim;
        tt_status status = tt_store_header_read(store, store->victim, &victim);
        if (status != TT_OK)
            return TT_IO;
        header.victim_erases = victim.erases;
        tt_store_scan_begin(store, &store->scan, store->victim, victim.seed);
    }
    tt_store_header_make(store, &header, store->parts.buffer);
    store->filled = HEADER_BYTES;
    fill_up(store, store->header_bytes);
    store->head = store->target;
    store->tail = 0;
    store->sequence = header.sequence;
    store->head_seed = header.seed;
    store->head_victim = header.victim;
    store->head_victim_erases = header.victim_erases;
    store->parts.sectors[store->head] = SECTOR_LOG;
    if (store->to_erase == store->head)
        store->to_erase = NONE;
    if (store->victim == NONE)
        return tt_store_program(store, STATE_IDLE);
    store->out.progress = store->out.size = 0;
    store->state = STATE_COPY;
    return TT_BUSY;
}

// The deletion that an entry is of has nothing older to hide any more.
static tt_status let_go(tt_store *store, uint32_t at)
{
    tt_status status = tt_store_index_count(store, store->parts.entries[at].address, false);
    tt_store_index_remove(store, at);
    return status;
}

// A record of the victim: it is copied if it is live, and counts no longer here.
static tt_status take_over(tt_store *store, tt_store_record *record, const uint8_t *key, bool *live)
{
    uint32_t at;
    *live = false;
    if (record->key_length == 0)
        return TT_OK;
    tt_status status = tt_store_index_find(store, key, record->key_length, &at);
    if (status != TT_OK)
        return status == TT_NOT_FOUND ? TT_OK : status;
    tt_store_entry *entry = &store->parts.entries[at];
    bool put = (record->kind & RECORD_KIND) != RECORD_DELETED;
    uint16_t records = entry->records & ENTRY_RECORDS;
    if (put && records > 0 && records < ENTRY_RECORDS)
        entry->records--;
    if (entry->records == ENTRY_DELETED)
        return let_go(store, at);
    *live = entry->address == record->address;
    return TT_OK;
}

static tt_status copy_step(tt_store *store)
{
    uint8_t key[TT_STORE_KEY_MAX];
    tt_store_record record;
    for (int i = 0; i < RECORDS_A_STEP; i++) {
        tt_status status = tt_store_fill(store);
        if (status != TT_OK)
            return status;
        if (store->filled == store->parts.buffer_bytes)
            return tt_store_program(store, STATE_COPY);
        if (!tt_store_scan_next(store, &store->scan, &record, key)) {
            if (store->scan.status != TT_OK)
                return store->scan.status;
            return tt_store_flush(store, STATE_CONCLUDE);
        }
        bool live;
        status = take_over(store, &record, key, &live);
        if (status != TT_OK)
            return status;
        if (live) {
            record.kind = (record.kind & RECORD_KIND) | RECORD_COPY;
            tt_store_send(store, &record, NULL);
        }
    }
    return TT_BUSY;
}

static tt_status conclude_step(tt_store *store)
{
    tt_store_record closing = {
        .kind = RECORD_COLLECTED, .version = store->version, .size = store->closing_bytes};
    tt_store_send(store, &closing, NULL);
    tt_status status = tt_store_fill(store);
    return status == TT_OK ? tt_store_flush(store, STATE_COLLECTED) : status;
}

// What the index still has in the victim could not be read there any more: it is lost.
static void drop_victim(tt_store *store)
{
    uint32_t *sectors = store->parts.sectors, sector_bytes = store->parts.medium->sector_bytes;
    for (uint32_t i = store->count; i-- > 0;) {
        if (store->parts.entries[i].address / sector_bytes == store->victim) {
            tt_store_index_remove(store, i);
            store->counters.damaged++;
        }
    }
    store->live -= sectors[store->victim] & SECTOR_LIVE;
    sectors[store->victim] = SECTOR_FREE;
    store->to_erase = store->victim;
    store->victim = NONE;
}

// The copies are durable and the victim is not needed: the index learns where they are.
static tt_status collected_step(tt_store *store)
{
    uint8_t key[TT_STORE_KEY_MAX];
    tt_store_record record;
    tt_status status = TT_OK;
    tt_store_scan_begin(store, &store->scan, store->head, store->head_seed);
    while (status == TT_OK && tt_store_scan_next(store, &store->scan, &record, key)) {
        if ((record.kind & RECORD_COPY) != 0)
            status = tt_store_index_put(store, &record, key);
    }
    if (status == TT_OK)
        status = store->scan.status;
    if (status != TT_OK)
        return status;
    drop_victim(store);
    store->counters.collections++;
    if (store->sequence % WEAR_ROUND == 0)
        store->wear_due = true;
    store->state = STATE_IDLE;
    return TT_BUSY;
}

tt_status tt_store_collect_step(tt_store *store)
{
    switch (store->state) {
    case STATE_ERASED:
        return erased_step(store);
    case STATE_OPEN:
        return open_step(store);
    case STATE_COPY:
        return copy_step(store);
    case STATE_CONCLUDE:
        return conclude_step(store);
    default:
        return collected_step(store);
    }
}
