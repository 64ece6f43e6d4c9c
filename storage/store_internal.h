// What the files of the store share: the format's layout, and the functions each offers the others.

#ifndef TUTTI_STORE_INTERNAL_H
#define TUTTI_STORE_INTERNAL_H

#include "tutti/store.h"

#define NONE UINT32_MAX

// Bytes of the format (README.md).
#define HEADER_BYTES 32
#define RECORD_HEAD 12
#define RECORD_BYTES 16 // of a record without key and value
#define EXTENT_BYTES 12 // an extent's value in the log
#define RECORD_VALUE_MAX 0xffffffu

// The greatest sequence of a sector: a header with one above counts as none, and no head follows
// the one that has it, so that sequences never come near SECTOR_LOG.
#define TT_STORE_SEQUENCE_MAX 1073741824

enum { RECORD_PUT = 1, RECORD_DELETED, RECORD_COLLECTED, RECORD_EXTENT };
#define RECORD_KIND 0x0f
#define RECORD_MORE 0x80    // of a batch, and not its last
#define RECORD_FOLLOWS 0x40 // of a batch, and not its first
#define RECORD_COPY 0x20    // made by collection

// A word of `sectors`: bytes that are live, and what the sector is. While the store is opened, a
// sector that was not walked over yet has its sequence there instead.
#define SECTOR_LIVE 0x0fffffffu
#define SECTOR_LOG 0x80000000u    // has records
#define SECTOR_FREE 0xc0000000u   // has none that count, and must be erased
#define SECTOR_ERASED 0xe0000000u // free, and this run erased it
#define SECTOR_STATE 0xf0000000u

// `records` of an entry.
#define ENTRY_DELETED 0x8000
#define ENTRY_RECORDS 0x7fff // put records of the key on the medium; this many or more

typedef struct sector_header {
    uint32_t sequence, erases, victim, victim_erases, seed;
} sector_header;

typedef struct tt_store_record {
    uint32_t address; // on the medium
    uint32_t size;    // with what fills its last unit
    uint32_t value_length, version, crc;
    uint8_t kind; // with its flags
    uint8_t key_length;
} tt_store_record;

enum {
    STATE_IDLE,
    STATE_ERASED,    // an erase has ended
    STATE_OPEN,      // the next head is erased: give it its header
    STATE_COPY,      // the victim's records go into the head
    STATE_CONCLUDE,  // all are there and durable: say so
    STATE_COLLECTED, // that is durable
    STATE_PUT,       // a write's records go into the head
    STATE_DONE,      // they are durable
    STATE_SYNC,      // what was under way has ended: sync, then `after`
};

typedef struct extent_place {
    uint32_t sector, length, crc;
} extent_place;

// Code that products may leave out.
struct tt_store_code {
    // The next step of a write of this code's: TT_BUSY, it began one; TT_EMPTY, it waits for
    // tt_store_give; TT_OK, it is at its end; or why it cannot be.
    tt_status (*advance)(tt_store *store, tt_store_write *write);
    tt_status (*tell)(tt_store *store, tt_store_facts *facts); // of extents
    // The clean index: TT_NOT_FOUND, there is none that counts; TT_DAMAGED, nor is there one, and
    // `sectors` is to be made anew.
    tt_status (*load)(tt_store *store);
};

// record.c
uint32_t tt_store_round(const tt_store *store, uint32_t bytes); // up to whole units
uint32_t tt_store_record_size(const tt_store *store, size_t key_length, uint32_t value_length);
tt_status tt_store_medium_read(tt_store *store, uint32_t address, void *bytes, size_t length);
tt_status tt_store_read_number(tt_store *store, uint32_t address, uint32_t *number);
void tt_store_header_make(const tt_store *store, sector_header *header,
                          uint8_t bytes[HEADER_BYTES]);
tt_status tt_store_header_read(tt_store *store, uint32_t sector, sector_header *header);
void tt_store_head_make(uint32_t seed, uint32_t offset, tt_store_record *record,
                        uint8_t bytes[RECORD_HEAD]);
tt_status tt_store_record_read(tt_store *store, uint32_t address, tt_store_record *record);
void tt_store_scan_begin(tt_store *store, tt_store_scan *scan, uint32_t sector, uint32_t seed);
bool tt_store_scan_next(tt_store *store, tt_store_scan *scan, tt_store_record *record,
                        uint8_t *key);

// index.c
uint16_t tt_store_hash(const uint8_t *key, size_t length);
tt_status tt_store_key_at(tt_store *store, uint32_t address, uint8_t key[TT_STORE_KEY_MAX],
                          uint8_t *length);
tt_status tt_store_index_find(tt_store *store, const uint8_t *key, size_t length, uint32_t *at);
tt_status tt_store_index_put(tt_store *store, const tt_store_record *record, const uint8_t *key);
tt_status tt_store_index_count(tt_store *store, uint32_t address, bool live);
void tt_store_index_remove(tt_store *store, uint32_t at);

// read.c
tt_status tt_store_extent_place(tt_store *store, const tt_store_record *record,
                                extent_place *place);
size_t tt_store_key_length(const char *key);
uint32_t tt_store_sector_room(const tt_store *store);
uint32_t tt_store_capacity(const tt_store *store);

// log.c
tt_status tt_store_program(tt_store *store, uint8_t next);
tt_status tt_store_sync(tt_store *store, uint8_t next);
tt_status tt_store_flush(tt_store *store, uint8_t next);
void tt_store_send(tt_store *store, const tt_store_record *record, const tt_store_change *change);
tt_status tt_store_fill(tt_store *store);

// write.c
tt_status tt_store_write_step(tt_store *store);
void tt_store_end_writes(tt_store *store);

// collect.c
uint32_t tt_store_room(const tt_store *store);
tt_status tt_store_erase(tt_store *store, uint32_t sector, uint8_t next);
tt_status tt_store_open_next(tt_store *store);
tt_status tt_store_collect_oldest(tt_store *store);
tt_status tt_store_tidy(tt_store *store);
tt_status tt_store_collect_step(tt_store *store);

#endif
