// The log's end: bytes on their way through the buffer onto the medium, and the state machine that
// tt_store_step turns.
//
// One state is one thing that the medium does, or what follows it. The states of a write are in
// write.c, those of opening a head and collecting into it in collect.c.

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

// ---- The states.

static tt_status advance(tt_store *store)
{
    switch (store->state) {
    case STATE_SYNC:
        return tt_store_sync(store, store->after);
    case STATE_IDLE:
    case STATE_PUT:
    case STATE_DONE:
        return tt_store_write_step(store);
    default:
        return tt_store_collect_step(store);
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
    tt_store_end_writes(store);
    return TT_IO;
}
