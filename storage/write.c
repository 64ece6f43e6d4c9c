// Writes: their queue, what each needs, and its turn.
//
// A write is weighed when its turn comes; if the head has no room for it the next head is opened
// (collect.c), and it is weighed again. Then its records go through the buffer into the head, the
// medium is synced, and only then the index and the caller know of them.

#include <string.h>

#include "storage/store_internal.h"

void tt_store_begin(tt_store *store, tt_store_write *write)
{
    tt_store_write **place = &store->first;
    while (*place != NULL)
        place = &(*place)->next;
    *place = write;
    write->next = NULL;
    write->status = TT_BUSY;
    write->given = NULL;
    write->given_bytes = write->taken = write->pending = write->erased = 0;
    write->place = write->crc = write->sweeps = 0;
    write->cancelled = write->synced = false;
}

void tt_store_cancel(tt_store *store, tt_store_write *write)
{
    (void)store;
    write->cancelled = true;
}

tt_status tt_store_give(tt_store *store, tt_store_write *write, const void *bytes, uint32_t length)
{
    const tt_store_change *change = write->changes;
    if (write->status != TT_BUSY || write->count != 1 || change->value != NULL || change->remove)
        return TT_INVALID;
    if (write->given_bytes > 0)
        return TT_BUSY;
    uint32_t left = change->length - write->taken;
    if (length > left)
        return TT_TOO_LARGE;
    if (change->extent && length < left && length % store->parts.medium->program_bytes != 0)
        return TT_INVALID;
    write->given = bytes;
    write->given_bytes = length;
    return TT_OK;
}

static void tell_observers(tt_store *store, const tt_store_write *write)
{
    for (uint32_t i = 0; i < write->count; i++) {
        const char *key = write->changes[i].key;
        for (tt_list *node = store->observers.next; node != &store->observers; node = node->next) {
            tt_store_observer *observer = (tt_store_observer *)node;
            if (strncmp(key, observer->prefix, strlen(observer->prefix)) == 0)
                observer->changed(observer, key);
        }
    }
}

static void finish(tt_store *store, tt_store_write *write, tt_status status)
{
    tt_store_write **place = &store->first;
    while (*place != write)
        place = &(*place)->next;
    *place = write->next;
    write->status = status;
    if (status == TT_OK)
        tell_observers(store, write);
    if (write->done != NULL)
        write->done(write);
}

void tt_store_observe(tt_store *store, tt_store_observer *observer)
{
    tt_list_append(&store->observers, &observer->node);
}

void tt_store_unobserve(tt_store_observer *observer)
{
    tt_list_remove(&observer->node);
}

// ---- A write's turn.

typedef struct write_need {
    uint32_t size;    // bytes of its records
    int32_t growth;   // of the bytes that are live
    uint32_t entries; // new ones
} write_need;

static tt_store_record record_of(tt_store *store, const tt_store_change *change)
{
    tt_store_record record = {.kind = change->remove   ? RECORD_DELETED
                                      : change->extent ? RECORD_EXTENT
                                                       : RECORD_PUT,
                              .key_length = (uint8_t)tt_store_key_length(change->key)};
    if (!change->remove)
        record.value_length = change->extent ? EXTENT_BYTES : change->length;
    record.size = tt_store_record_size(store, record.key_length, record.value_length);
    return record;
}

// What one change would add. TT_NOT_FOUND: deletes nothing.
static tt_status weigh_change(tt_store *store, const tt_store_change *change, write_need *need)
{
    uint32_t at;
    tt_store_record old, added = record_of(store, change);
    need->size += added.size;
    tt_status status =
        tt_store_index_find(store, (const uint8_t *)change->key, added.key_length, &at);
    bool found = status == TT_OK;
    if (found) {
        const tt_store_entry *entry = &store->parts.entries[at];
        status = tt_store_record_read(store, entry->address, &old);
        need->growth += (int32_t)added.size - (status == TT_OK ? (int32_t)old.size : 0);
        found = (entry->records & ENTRY_DELETED) == 0;
    } else if (!change->remove) {
        need->growth += (int32_t)added.size;
        need->entries++;
    }
    if (status == TT_IO)
        return status;
    return change->remove && !found ? TT_NOT_FOUND : TT_OK;
}

static bool is_valid(const tt_store_write *write)
{
    if (write->count == 0 || write->count > TT_STORE_CHANGES_MAX)
        return false;
    for (uint32_t i = 0; i < write->count; i++) {
        const tt_store_change *change = &write->changes[i];
        bool given = change->value == NULL && change->length > 0 && !change->remove;
        if (tt_store_key_length(change->key) == 0 || (change->remove && change->extent) ||
            (write->count > 1 && (change->extent || given)))
            return false;
        for (uint32_t j = 0; j < i; j++) {
            if (strcmp(write->changes[j].key, change->key) == 0)
                return false;
        }
    }
    return true;
}

static bool head_has_room(const tt_store *store, uint32_t size)
{
    if (store->head == NONE)
        return false;
    uint32_t end = store->parts.medium->sector_bytes;
    if (store->head_victim == NONE) // the record that ends a collection is not in it
        end -= store->closing_bytes;
    return store->tail <= end && size <= end - store->tail;
}

// Whether there is room for what a write needs if `entries` are in use.
static bool is_room(const tt_store *store, const write_need *need, uint32_t entries)
{
    uint32_t capacity = tt_store_capacity(store), live = store->live;
    bool bytes =
        need->growth <= 0 || (live <= capacity && (uint32_t)need->growth <= capacity - live);
    return bytes && need->entries <= store->parts.entries_max - entries &&
           (head_has_room(store, need->size) || need->size <= tt_store_room(store));
}

// Whether a write can be done, and what it would add.
static tt_status weigh(tt_store *store, const tt_store_write *write, write_need *need)
{
    uint32_t most = tt_store_sector_room(store);
    for (uint32_t i = 0; i < write->count; i++) {
        if (!write->changes[i].extent && write->changes[i].length > most)
            return TT_TOO_LARGE;
        tt_status status = weigh_change(store, &write->changes[i], need);
        if (status != TT_OK && (status != TT_NOT_FOUND || write->count == 1))
            return status;
    }
    if (need->size > most)
        return TT_TOO_LARGE;
    return is_room(store, need, store->count) ? TT_OK : TT_FULL;
}

// Takes the deletions that go when all sectors were collected out of what is live, or adds them
// again; how many there are.
static tt_status count_deletions(tt_store *store, bool live, uint32_t *count)
{
    tt_status status = TT_OK;
    *count = 0;
    for (uint32_t i = 0; status == TT_OK && i < store->count; i++) {
        const tt_store_entry *entry = &store->parts.entries[i];
        if ((entry->records & ENTRY_DELETED) == 0 ||
            (entry->records & ENTRY_RECORDS) == ENTRY_RECORDS)
            continue;
        status = tt_store_index_count(store, entry->address, live);
        *count += 1;
    }
    return status;
}

// TT_FULL, or collects the next sector for a write that has no room, but would have it without the
// deletions, which go when all are collected.
static tt_status sweep(tt_store *store, tt_store_write *write, const write_need *need)
{
    uint32_t count;
    tt_status status = count_deletions(store, false, &count);
    bool enough = is_room(store, need, store->count - count);
    if (status == TT_OK)
        status = count_deletions(store, true, &count);
    if (status != TT_OK || !enough)
        return status == TT_OK ? TT_FULL : status;
    if (write->sweeps++ < store->parts.log_sectors)
        return tt_store_collect_oldest(store);
    // All are, and more records were counted than were found: till it is opened again, these stay.
    for (uint32_t i = 0; i < store->count; i++) {
        if ((store->parts.entries[i].records & ENTRY_DELETED) != 0)
            store->parts.entries[i].records |= ENTRY_RECORDS;
    }
    return TT_FULL;
}

static void put_change(tt_store *store, uint32_t i)
{
    const tt_store_write *write = store->writing;
    tt_store_record record = record_of(store, &write->changes[i]);
    record.version = write->version + i;
    record.kind |= (i > 0 ? RECORD_FOLLOWS : 0) | (i + 1 < write->count ? RECORD_MORE : 0);
    store->change = i;
    tt_store_send(store, &record, &write->changes[i]);
}

static tt_status put_begin(tt_store *store, tt_store_write *write)
{
    store->writing = write;
    store->start = store->tail;
    write->version = store->version + 1;
    put_change(store, 0);
    store->state = STATE_PUT;
    return TT_BUSY;
}

static tt_status take_turn(tt_store *store, tt_store_write *write)
{
    write_need need = {.size = 0};
    tt_status status = TT_OK;
    bool rest = write->changes == NULL; // what is written is the clean index
    const tt_store_code *code = rest ? store->parts.clean : store->parts.extents;
    if (write->cancelled)
        status = TT_CANCELLED;
    else if (!rest && !is_valid(write))
        status = TT_INVALID;
    else if (rest || write->changes[0].extent)
        status = code != NULL ? code->advance(store, write) : TT_UNSUPPORTED;
    if (status == TT_OK && !rest && (status = weigh(store, write, &need)) == TT_FULL)
        status = sweep(store, write, &need);
    if (status == TT_BUSY || status == TT_EMPTY || status == TT_IO)
        return status;
    if (status != TT_OK || rest)
        return finish(store, write, status), TT_BUSY;
    if (store->void_head != NONE)
        return tt_store_erase(store, store->void_head, STATE_IDLE);
    if (head_has_room(store, need.size))
        return put_begin(store, write);
    status = tt_store_open_next(store);
    if (status != TT_BUSY && status != TT_IO)
        return finish(store, write, status), TT_BUSY;
    return status;
}

// The first write that can go on has its turn: one that waits for its bytes holds up those only
// that are of its kind.
static tt_status idle_step(tt_store *store)
{
    bool waits = false;
    for (tt_store_write *write = store->first; write != NULL; write = write->next) {
        if (waits && (write->changes == NULL || write->changes[0].extent))
            continue;
        tt_status status = take_turn(store, write);
        if (status != TT_EMPTY)
            return status;
        waits = true;
    }
    tt_status status = tt_store_tidy(store);
    return status == TT_OK && waits ? TT_EMPTY : status;
}

// What is programmed of the value stays, as a record that is not whole.
static tt_status abandon(tt_store *store)
{
    if (store->tail > store->out.offset)
        store->tail = store->out.offset + store->out.size;
    store->filled = 0;
    store->state = STATE_IDLE;
    finish(store, store->writing, TT_CANCELLED);
    return TT_BUSY;
}

static tt_status put_step(tt_store *store)
{
    tt_store_write *write = store->writing;
    for (;;) {
        tt_status status = tt_store_fill(store);
        if (status != TT_OK)
            return status;
        if (store->filled == store->parts.buffer_bytes)
            return tt_store_program(store, STATE_PUT);
        if (store->out.progress < store->out.size)
            return write->cancelled ? abandon(store) : TT_EMPTY;
        if (store->change + 1 == write->count)
            return tt_store_flush(store, STATE_DONE);
        put_change(store, store->change + 1);
    }
}

// The write outlasts a loss of power: the index is told, and whoever asked for it.
static tt_status done_step(tt_store *store)
{
    tt_store_write *write = store->writing;
    uint32_t address = store->head * store->parts.medium->sector_bytes + store->start;
    for (uint32_t i = 0; i < write->count; i++) {
        const tt_store_change *change = &write->changes[i];
        tt_store_record record = record_of(store, change);
        record.address = address;
        record.version = write->version + i;
        address += record.size;
        tt_status status = tt_store_index_put(store, &record, (const uint8_t *)change->key);
        if (status != TT_OK)
            return status;
    }
    store->state = STATE_IDLE;
    finish(store, write, TT_OK);
    return TT_BUSY;
}

// Ends what waits, but not what a callback begins meanwhile.
void tt_store_end_writes(tt_store *store)
{
    tt_store_write *last = store->first;
    while (last != NULL && last->next != NULL)
        last = last->next;
    for (bool more = last != NULL; more;) {
        tt_store_write *write = store->first;
        more = write != last;
        finish(store, write, TT_IO);
    }
}

tt_status tt_store_write_step(tt_store *store)
{
    switch (store->state) {
    case STATE_IDLE:
        return idle_step(store);
    case STATE_PUT:
        return put_step(store);
    default:
        return done_step(store);
    }
}
