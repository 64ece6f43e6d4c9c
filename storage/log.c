// Writes: their queue, the buffer, and the state machine that tt_store_step turns.
//
// One state is one thing that the medium does, or what follows it. A write is weighed when its turn
// comes; if the head has no room for it the next head is opened (collect.c), and it is weighed
// again. Then its records go through the buffer into the head, the medium is synced, and only then
// the index and the caller know of them.

#include <string.h>

#include "storage/store_internal.h"
#include "tutti/bytes.h"

// ---- What the medium is told to do: each sets the state that follows.

static tt_status begun(tt_store *store, tt_status status, uint8_t next)
{
    store->begun = status == TT_OK;
    store->state = next;
    return status == TT_OK ? TT_BUSY : status;
}

// Programs what is in the buffer.
tt_status tt_store_program(tt_store *store, uint8_t next)
{
    tt_medium *medium = store->parts.medium;
    uint32_t address = store->head * medium->sector_bytes + store->tail, length = store->filled;
    store->tail += length;
    store->filled = 0;
    store->counters.programs++;
    store->counters.programmed_bytes += length;
    return begun(store, medium->operations->program(medium, address, store->parts.buffer, length),
                 next);
}

tt_status tt_store_sync(tt_store *store, uint8_t next)
{
    tt_medium *medium = store->parts.medium;
    return begun(store, medium->operations->sync(medium), next);
}

// Programs what is left in the buffer, then syncs.
tt_status tt_store_flush(tt_store *store, uint8_t next)
{
    store->after = next;
    return store->filled > 0 ? tt_store_program(store, STATE_SYNC) : tt_store_sync(store, next);
}

// ---- Records, on their way through the buffer.

// A record is to go into the head, behind what is in the buffer.
void tt_store_send(tt_store *store, const tt_store_record *record, const tt_store_change *change)
{
    store->out = (tt_store_out){.change = change,
                                .from = record->address,
                                .offset = store->tail + store->filled,
                                .size = record->size,
                                .value_length = record->value_length,
                                .version = record->version,
                                .kind = record->kind,
                                .key_length = record->key_length};
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

// Puts bytes that lie somewhere into the buffer, with their sum.
static uint32_t put_bytes(tt_store_out *out, uint8_t *to, const void *bytes, uint32_t length)
{
    memcpy(to, bytes, length);
    out->crc = tt_crc32(out->crc, bytes, length);
    return length;
}

static uint32_t put_given(tt_store_write *write, tt_store_out *out, uint8_t *to, uint32_t length)
{
    length = least(length, write->given_bytes);
    if (length == 0)
        return 0;
    put_bytes(out, to, write->given, length);
    write->given += length;
    write->given_bytes -= length;
    write->taken += length;
    return length;
}

// What comes of the record's key and value next; `at` counts from the key's first byte.
static uint32_t put_body(tt_store *store, uint32_t at, uint8_t *to, uint32_t room,
                         tt_status *status)
{
    tt_store_out *out = &store->out;
    const tt_store_change *change = out->change;
    uint32_t key = out->key_length;
    if (change == NULL) {
        room = least(room, key + out->value_length - at);
        *status = tt_store_medium_read(store, out->from + RECORD_HEAD + at, to, room);
        out->crc = tt_crc32(out->crc, to, room);
        return room;
    }
    if (at < key)
        return put_bytes(out, to, change->key + at, least(room, key - at));
    room = least(room, out->value_length - (at - key));
    if (change->extent)
        return put_bytes(out, to, store->writing->extent + (at - key), room);
    if (change->value == NULL)
        return put_given(store->writing, out, to, room);
    return put_bytes(out, to, (const uint8_t *)change->value + (at - key), room);
}

static uint32_t put_head(tt_store *store, uint8_t *to, uint32_t room)
{
    tt_store_out *out = &store->out;
    uint8_t bytes[RECORD_HEAD];
    tt_store_record record = {.kind = out->kind,
                              .key_length = out->key_length,
                              .value_length = out->value_length,
                              .version = out->version};
    tt_store_head_make(store->head_seed, out->offset, &record, bytes);
    out->crc = record.crc;
    room = least(room, RECORD_HEAD - out->progress);
    memcpy(to, bytes + out->progress, room);
    return room;
}

static uint32_t put_sum(tt_store *store, uint32_t at, uint8_t *to, uint32_t room)
{
    uint8_t bytes[4];
    tt_writer writer;
    tt_writer_init(&writer, bytes, sizeof(bytes));
    tt_write_le32(&writer, store->out.crc);
    room = least(room, (uint32_t)sizeof(bytes) - at);
    memcpy(to, bytes + at, room);
    return room;
}

// Fills the buffer with the record that is on its way: until one of them is at its end, or the
// record waits for tt_store_give.
tt_status tt_store_fill(tt_store *store)
{
    tt_store_out *out = &store->out;
    uint32_t sum = RECORD_HEAD + out->key_length + out->value_length;
    tt_status status = TT_OK;
    uint32_t room, put = 1;
    while (status == TT_OK && put > 0 && out->progress < out->size &&
           (room = store->parts.buffer_bytes - store->filled) > 0) {
        uint8_t *to = store->parts.buffer + store->filled;
        uint32_t at = out->progress;
        if (at < RECORD_HEAD) {
            put = put_head(store, to, room);
        } else if (at < sum) {
            put = put_body(store, at - RECORD_HEAD, to, room, &status);
        } else if (at < sum + 4) {
            put = put_sum(store, at - sum, to, room);
        } else {
            put = least(room, out->size - at);
            memset(to, store->parts.medium->erased, put);
        }
        out->progress += put;
        store->filled += put;
    }
    return status;
}

// ---- The queue.

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

// What one change would add: bytes to the log, live bytes, entries. TT_NOT_FOUND: deletes nothing.
static tt_status weigh_change(tt_store *store, const tt_store_change *change, uint32_t *size,
                              int32_t *growth, uint32_t *entries)
{
    uint32_t at;
    tt_store_record old, added = record_of(store, change);
    *size += added.size;
    tt_status status =
        tt_store_index_find(store, (const uint8_t *)change->key, added.key_length, &at);
    bool found = status == TT_OK;
    if (found) {
        const tt_store_entry *entry = &store->parts.entries[at];
        status = tt_store_record_read(store, entry->address, &old);
        *growth += (int32_t)added.size - (status == TT_OK ? (int32_t)old.size : 0);
        found = (entry->records & ENTRY_DELETED) == 0;
    } else if (!change->remove) {
        *growth += (int32_t)added.size;
        *entries += 1;
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

// Whether a write can be done, and how many bytes of the head it needs.
static tt_status weigh(tt_store *store, const tt_store_write *write, uint32_t *size)
{
    uint32_t entries = 0, most = tt_store_sector_room(store);
    int32_t growth = 0;
    *size = 0;
    for (uint32_t i = 0; i < write->count; i++) {
        if (!write->changes[i].extent && write->changes[i].length > most)
            return TT_TOO_LARGE;
        tt_status status = weigh_change(store, &write->changes[i], size, &growth, &entries);
        if (status != TT_OK && (status != TT_NOT_FOUND || write->count == 1))
            return status;
    }
    if (*size > most)
        return TT_TOO_LARGE;
    uint32_t capacity = tt_store_capacity(store);
    bool fits =
        growth <= 0 || (store->live <= capacity && (uint32_t)growth <= capacity - store->live);
    fits &= head_has_room(store, *size) || *size <= tt_store_room(store);
    fits &= entries <= store->parts.entries_max - store->count;
    return fits ? TT_OK : TT_FULL;
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
    uint32_t size = 0;
    tt_status status = TT_OK;
    bool rest = write->changes == NULL; // what is written is the clean index
    const tt_store_code *code = rest ? store->parts.clean : store->parts.extents;
    if (write->cancelled)
        status = TT_CANCELLED;
    else if (!rest && !is_valid(write))
        status = TT_INVALID;
    else if (rest || write->changes[0].extent)
        status = code != NULL ? code->advance(store, write) : TT_UNSUPPORTED;
    if (status == TT_OK && !rest)
        status = weigh(store, write, &size);
    if (status == TT_FULL && tt_store_sweep(store, write))
        return tt_store_collect_oldest(store);
    if (status == TT_BUSY || status == TT_EMPTY || status == TT_IO)
        return status;
    if (status != TT_OK || rest)
        return finish(store, write, status), TT_BUSY;
    if (store->void_head != NONE)
        return tt_store_erase(store, store->void_head, STATE_IDLE);
    if (head_has_room(store, size))
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

static tt_status advance(tt_store *store)
{
    switch (store->state) {
    case STATE_IDLE:
        return idle_step(store);
    case STATE_SYNC:
        return tt_store_sync(store, store->after);
    case STATE_PUT:
        return put_step(store);
    case STATE_DONE:
        return done_step(store);
    default:
        return tt_store_collect_step(store);
    }
}

// Ends what waits, but not what a callback begins meanwhile.
static void end_all(tt_store *store)
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

tt_status tt_store_step(tt_store *store)
{
    tt_medium *medium = store->parts.medium;
    tt_status status = medium->operations->poll(medium);
    if (status == TT_BUSY)
        return status;
    if (!store->begun)
        status = TT_OK;
    store->begun = false;
    if (store->failed == TT_OK && status == TT_OK)
        status = advance(store);
    if (status == TT_OK || status == TT_BUSY || status == TT_EMPTY) {
        if (store->failed == TT_OK)
            return status;
    } else {
        store->failed = TT_IO;
    }
    end_all(store);
    return TT_IO;
}
