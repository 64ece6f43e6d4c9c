// A store: values under keys on a medium that keeps them without power. What was acknowledged is
// there after a loss of power at any moment; what was under way is there as before or as after.
//
// It is a log of records over the medium's sectors. A write is begun with a struct of the caller's
// and goes on in tt_store_step, which the node's loop calls: an erase takes up to seconds, and the
// loop turns meanwhile. Writes are done in the order of their beginning, but that an extent which
// waits for its bytes is passed by; one is done when the medium has synced it. Reads are done when
// they return, but not while the medium is busy (an erase, most of all): then they return TT_BUSY,
// and the next try after `ready` succeeds.
//
// A value lies in one sector; what is longer, or has to lie in one piece, is an extent: whole
// sectors, behind those of the log (tt_store_parts.log_sectors). How the bytes lie, and why each
// cut is harmless, is in storage/README.md; what is promised in docs/storage.md.
//
// All calls come from one thread, and none from an interrupt. Callbacks may begin writes and read,
// and call nothing else of the store. Opening and reading never change the medium.

#ifndef TUTTI_STORE_H
#define TUTTI_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tutti/language.h"
#include "tutti/list.h"
#include "tutti/medium.h"
#include "tutti/status.h"

TT_C_BEGIN

#define TT_STORE_KEY_MAX 64 // bytes of a key without its terminator; at least 1, none of them 0
#define TT_STORE_BUFFER_LEAST 64     // bytes of the buffer, whatever the medium's unit
#define TT_STORE_CHANGES_MAX 32      // changes of one write
#define TT_STORE_SECTOR_MAX 16777216 // bytes of a sector
#define TT_STORE_VERSION 1           // of the format, in the header of every sector

typedef struct tt_store tt_store;
typedef struct tt_store_write tt_store_write;

// What the store knows of a key; its fields are the store's.
typedef struct tt_store_entry {
    uint32_t address; // of the newest record on the medium
    uint16_t hash;    // of the key; entries are in its order
    uint16_t records; // older values that are still on the medium, and whether the key is deleted
} tt_store_entry;

// Extents and the clean index are code of their own: a product that names them in tt_store_parts
// has it, others do not.
typedef struct tt_store_code tt_store_code;
extern const tt_store_code tt_store_extents, tt_store_clean_index;

// What a store is made of. All of it is the caller's, and the store's to use until the store is
// not used any more.
typedef struct tt_store_parts {
    tt_medium *medium; // its `ready` is set by whoever turns the loop, not by the store
    tt_store_entry *entries;
    uint32_t entries_max;   // keys at a time, and deleted ones whose old values are still somewhere
    uint32_t *sectors;      // a word for each of the log's sectors
    uint32_t log_sectors;   // from the medium's first on, at least 2; behind them are extents
    uint32_t index_sectors; // of the medium's end: where tt_store_rest puts a clean index; or 0
    uint8_t *buffer;        // aligned for the medium, if that asks for it
    uint32_t buffer_bytes; // a multiple of the program unit, TT_STORE_BUFFER_LEAST or more; more of
                           // it makes fewer and longer programs
    bool format; // where no store is, begin an empty one; whatever else lies there goes with time
    const tt_store_code *extents; // &tt_store_extents; or NULL: no extents
    const tt_store_code *clean;   // &tt_store_clean_index, or NULL: none, and no tt_store_rest
} tt_store_parts;

// One change: a value put, or a key deleted.
typedef struct tt_store_change {
    const char *key;   // terminated, 1 to TT_STORE_KEY_MAX bytes
    const void *value; // NULL: nothing, or where `length` is above 0: given by tt_store_give
    uint32_t length;   // bytes of the value
    bool remove;       // delete the key; there is no value then
    bool extent;       // put it as an extent; the write has no other change then
} tt_store_change;

// A write: its changes happen all or not at all. The caller fills in what is above the line; the
// struct, the changes, keys and values stay as they are till `done`.
struct tt_store_write {
    const tt_store_change *changes; // no key twice
    uint32_t count;                 // 1 to TT_STORE_CHANGES_MAX
    // Called by tt_store_step with `status` set; or NULL. The write is the caller's again: it may
    // be begun anew in here.
    void (*done)(tt_store_write *write);
    void *user;
    // ---- the store's; `status` may be read at any time
    // TT_BUSY: under way. TT_OK: it will outlast a loss of power from now on. TT_NOT_FOUND: it was
    // one deletion, and the key is not there. TT_FULL: the store has not enough room, or the index
    // no entry; tt_store_info says how much is free. TT_TOO_LARGE: would not fit an empty store.
    // TT_INVALID: a key, a count or a combination that is none. TT_IO: the medium failed; what it
    // was to change is as before or as after at the next opening. TT_CANCELLED.
    // TT_UNSUPPORTED: an extent, and the store was opened without. Only with TT_OK did anything
    // change (and with TT_IO, maybe).
    tt_status status;
    tt_store_write *next;
    const uint8_t *given; // what tt_store_give gave and is not taken yet
    uint32_t given_bytes;
    uint32_t taken;           // bytes of the value that were taken
    uint32_t pending, erased; // of an extent: bytes being programmed, sectors that were erased
    uint32_t place;           // of an extent: its first sector
    uint32_t crc;             // and the sum of what was taken
    uint32_t version;         // of its first change
    uint8_t extent[12];       // its place, as the log has it
    uint32_t sweeps;          // collections that were made for it, so that deleted keys go
    bool cancelled, synced;
};

// Told of every change of a key that begins with `prefix`, after it became durable, those of its
// own writes too. In the caller's memory; `prefix` stays the caller's.
typedef struct tt_store_observer {
    tt_list node;
    const char *prefix; // "" for all
    void (*changed)(struct tt_store_observer *observer, const char *key);
    void *user;
} tt_store_observer;

// A value, as tt_store_find and its kind tell.
typedef struct tt_store_value {
    uint32_t length;  // bytes
    uint32_t version; // another one whenever the key was put: never the same again for 2^32 writes
    bool extent;
    uint32_t address; // of its record on the medium: the store's, and of tools
} tt_store_value;

// Whoever uses an extent's bytes in place: they are neither moved nor written over before
// tt_store_unpin, even if the key is put anew or deleted meanwhile. In the caller's memory.
typedef struct tt_store_pin {
    tt_list node;
    uint32_t first, sectors; // of the medium
} tt_store_pin;

typedef struct tt_store_counters {
    uint32_t programs, programmed_bytes, erases, collections; // since the store was opened
    uint32_t damaged; // times that a record was found broken, those that a cut tore among them
} tt_store_counters;

// What is in a store. Bytes count records whole: key, value, 16 more, rounded up to the unit.
typedef struct tt_store_facts {
    uint32_t keys, keys_max;
    uint32_t deleted;         // keys that need an entry although they are deleted
    uint32_t used, capacity;  // bytes of records; a put is refused where it would exceed this
    uint32_t value_max;       // longest value that a key of `key_length` bytes could have now
    uint32_t least, greatest; // erases of a sector of the log
    uint32_t extent_sectors, extent_sectors_free;
} tt_store_facts;

// A walk over the records of a sector, and a record on its way into the log: the store's.
typedef struct tt_store_scan {
    uint32_t seed, base; // of the sector: its header's sum, its address
    uint32_t offset;     // in the sector, where the walk is
    uint32_t tail;       // behind all that was programmed
    uint32_t committed;  // where the batch ends that the walk is in
    tt_status status;    // TT_OK, or why the walk ended early
} tt_store_scan;

typedef struct tt_store_out {
    const tt_store_change *change; // whose key and value; NULL: they lie on the medium, at `from`
    uint32_t from, offset;         // the latter in the head, where it goes
    uint32_t size, progress;       // bytes of the whole, and those that went into the buffer
    uint32_t value_length, version, crc;
    uint8_t kind, key_length;
} tt_store_out;

// All of it is the store's.
struct tt_store {
    tt_store_parts parts;
    uint32_t header_bytes;   // of a sector's header: rounded up to units, as is the next
    uint32_t closing_bytes;  // of the record that ends a collection
    uint32_t reserve;        // bytes of a sector that are never live, for collection to gain
    uint32_t count;          // entries in use
    uint32_t live;           // bytes of live records
    uint32_t version;        // of the newest record
    uint32_t head, sequence; // the sector that is appended to, if any, and the greatest sequence
    uint32_t head_seed, head_victim, head_victim_erases;
    uint32_t tail;      // where the next program goes: an offset in the head
    uint32_t filled;    // bytes that are in the buffer for there
    uint32_t target;    // the sector that is being erased, or made the head
    uint32_t victim;    // the one that is collected into it, if any
    uint32_t erases;    // of the sector that was erased last
    uint32_t void_head; // a sector to erase before anything else is written, if any
    uint32_t to_erase;  // one to erase while there is nothing else to do, if any
    uint32_t start;     // offset in the head of the first record of the write under way
    tt_store_scan scan; // of the victim
    tt_store_out out;
    tt_store_write *first;   // in the order of their beginning
    tt_store_write *writing; // the one that `out` is of
    tt_list observers, pins;
    tt_store_counters counters;
    tt_status failed; // TT_OK, or what ended writing
    uint8_t state, after;
    uint32_t change; // which one of the write is in `out`
    bool begun;      // an operation of the medium was, and was not yet seen to end
    bool wear_due;
};

// Opens the store on `parts->medium`, which must not be busy. Reads the medium once and changes
// nothing. TT_OK, or: TT_INVALID, the parts do not fit together; TT_NOT_FOUND, no store is there
// and `format` is false; TT_UNSUPPORTED, one of another version of the format, or made for another
// geometry: unchanged; TT_FULL, it has more keys than `entries_max`; TT_IO. After an error the
// store must not be used. The time: what reading all sectors of the log takes, or, with a clean
// index, reading their headers and, of each key's newest record, head and key.
TT_USE_RESULT tt_status tt_store_open(tt_store *store, const tt_store_parts *parts);

// Goes on with what is under way, as far as one operation of the medium and bounded work. TT_OK:
// nothing is to do. TT_BUSY: call again, at the medium's `ready` where the medium is busy, else at
// once. TT_EMPTY: a write waits for tt_store_give, and nothing else can go on. TT_IO: the medium
// failed; the store can be read, as far as the medium can, and every write ends with TT_IO, till it
// is opened again.
tt_status tt_store_step(tt_store *store);

// Begins a write. What is wrong with it, its `status` says, at the latest when it was done; the
// write is in the store's hands till `done`, or till its status is not TT_BUSY.
void tt_store_begin(tt_store *store, tt_store_write *write);

// The next bytes of the value of the write's one change whose `value` is NULL. They stay the
// caller's and unchanged until all are taken (`given_bytes` is 0). TT_BUSY: those before are not
// taken yet. TT_TOO_LARGE: more than the value's length. TT_INVALID: the write takes none; or it is
// of an extent, and the length, unless the last, is no multiple of the program unit. A value in the
// log holds up every other write till it is whole, an extent only other extents.
TT_USE_RESULT tt_status tt_store_give(tt_store *store, tt_store_write *write, const void *bytes,
                                      uint32_t length);

// Gives a write up: it ends with TT_CANCELLED, in a later tt_store_step, or as it would have if it
// was too late.
void tt_store_cancel(tt_store *store, tt_store_write *write);

// What is known of a key. TT_OK; TT_NOT_FOUND; TT_INVALID, no key; TT_BUSY; TT_IO. Here and below
// `value` may be NULL.
tt_status tt_store_find(tt_store *store, const char *key, tt_store_value *value);

// Reads up to `capacity` bytes of a value from `offset` on; `*length` is how many (0 from its end
// on). As tt_store_find, and TT_DAMAGED: the value was read whole, and its sum is wrong.
tt_status tt_store_read(tt_store *store, const char *key, uint32_t offset, void *bytes,
                        size_t capacity, size_t *length, tt_store_value *value);

// Reads a whole value. As tt_store_read, and TT_TOO_LARGE: it has more than `capacity` bytes.
tt_status tt_store_get(tt_store *store, const char *key, void *bytes, size_t capacity,
                       size_t *length);

// The key that follows `key` in the order of their bytes among those that begin with `prefix`; ""
// to begin with. It is put into `key`. TT_NOT_FOUND: there is none. TT_BUSY; TT_IO. Each call reads
// every key of the store.
tt_status tt_store_next(tt_store *store, const char *prefix, char key[TT_STORE_KEY_MAX + 1],
                        tt_store_value *value);

// What is in the store, and how much a value under a key of `key_length` bytes may have. Reads the
// sectors' headers. TT_OK, TT_BUSY, TT_IO.
tt_status tt_store_info(tt_store *store, size_t key_length, tt_store_facts *facts);

// Adds and takes away an observer, at any time but in a callback of the store.
void tt_store_observe(tt_store *store, tt_store_observer *observer);
void tt_store_unobserve(tt_store_observer *observer);

// Where an extent lies, in the medium's window, checked: `pin` holds it there. TT_NOT_FOUND;
// TT_INVALID, the value is no extent, or the medium has no window; TT_DAMAGED, its sum is wrong;
// TT_BUSY; TT_IO. Takes as long as a sum over all its bytes does.
tt_status tt_store_window(tt_store *store, const char *key, tt_store_pin *pin, const void **bytes,
                          size_t *length);
void tt_store_unpin(tt_store_pin *pin);

// Begins to write a clean index into the index sectors, for an opening that reads little: before a
// planned end, when nothing is under way; goes on in tt_store_step, as a write without changes. The
// next write makes it void. `write->status` as of a write; TT_UNSUPPORTED: there is no room for
// it (8 bytes an entry, 4 a sector of the log, 32 more, in sectors of their own).
void tt_store_rest(tt_store *store, tt_store_write *write);

TT_C_END

#endif
