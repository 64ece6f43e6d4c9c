// The format on the medium: headers of sectors, records, and walking over the records of a sector.
//
// Whatever lies there is hostile: each length is checked before it is used, and what does not fit
// its sum is passed over, unit by unit where not even its length is known.

#include <string.h>

#include "storage/store_internal.h"
#include "tutti/bytes.h"

#define MAGIC 0x4c535454u // "TTSL" in memory
#define CHUNK 64          // bytes read at a time; a key fits
#define CHECK_MASK 0xffffffu

uint32_t tt_store_round(const tt_store *store, uint32_t bytes)
{
    uint32_t unit = store->parts.medium->program_bytes;
    return (bytes + unit - 1) & ~(unit - 1);
}

uint32_t tt_store_record_size(const tt_store *store, size_t key_length, uint32_t value_length)
{
    return tt_store_round(store, RECORD_BYTES + (uint32_t)key_length + value_length);
}

tt_status tt_store_medium_read(tt_store *store, uint32_t address, void *bytes, size_t length)
{
    tt_medium *medium = store->parts.medium;
    return medium->operations->read(medium, address, bytes, length);
}

tt_status tt_store_read_number(tt_store *store, uint32_t address, uint32_t *number)
{
    uint8_t bytes[4];
    tt_status status = tt_store_medium_read(store, address, bytes, sizeof(bytes));
    *number =
        bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
    return status;
}

static uint8_t unit_log2(const tt_store *store)
{
    uint8_t log2 = 0;
    while (1u << log2 < store->parts.medium->program_bytes)
        log2++;
    return log2;
}

void tt_store_header_make(const tt_store *store, sector_header *header, uint8_t bytes[HEADER_BYTES])
{
    tt_writer writer;
    tt_writer_init(&writer, bytes, HEADER_BYTES);
    tt_write_le32(&writer, MAGIC);
    tt_write_u8(&writer, TT_STORE_VERSION);
    tt_write_u8(&writer, unit_log2(store));
    tt_write_le16(&writer, (uint16_t)store->parts.log_sectors);
    tt_write_le32(&writer, store->parts.medium->sector_bytes);
    tt_write_le32(&writer, header->sequence);
    tt_write_le32(&writer, header->erases);
    tt_write_le32(&writer, header->victim);
    tt_write_le32(&writer, header->victim_erases);
    header->seed = tt_crc32(0, bytes, HEADER_BYTES - 4);
    tt_write_le32(&writer, header->seed);
}

// TT_OK; TT_NOT_FOUND: no header is there; TT_UNSUPPORTED: one that this build or these parts do
// not fit; TT_IO.
tt_status tt_store_header_read(tt_store *store, uint32_t sector, sector_header *header)
{
    const tt_medium *medium = store->parts.medium;
    uint8_t bytes[HEADER_BYTES];
    tt_status status =
        tt_store_medium_read(store, sector * medium->sector_bytes, bytes, sizeof(bytes));
    if (status != TT_OK)
        return status;
    tt_reader reader;
    tt_reader_init(&reader, bytes, sizeof(bytes));
    bool ours = tt_read_le32(&reader) == MAGIC;
    bool same = tt_read_u8(&reader) == TT_STORE_VERSION;
    same &= tt_read_u8(&reader) == unit_log2(store);
    same &= tt_read_le16(&reader) == (uint16_t)store->parts.log_sectors;
    same &= tt_read_le32(&reader) == medium->sector_bytes;
    header->sequence = tt_read_le32(&reader);
    header->erases = tt_read_le32(&reader);
    header->victim = tt_read_le32(&reader);
    header->victim_erases = tt_read_le32(&reader);
    header->seed = tt_read_le32(&reader);
    if (!ours || header->seed != tt_crc32(0, bytes, HEADER_BYTES - 4))
        return TT_NOT_FOUND;
    return same ? TT_OK : TT_UNSUPPORTED;
}

// The head of a record at `offset` of the sector with this seed; `record->crc` is begun.
void tt_store_head_make(uint32_t seed, uint32_t offset, tt_store_record *record,
                        uint8_t bytes[RECORD_HEAD])
{
    tt_writer writer;
    tt_writer_init(&writer, bytes, RECORD_HEAD);
    tt_write_u8(&writer, record->kind);
    tt_write_u8(&writer, record->key_length);
    tt_write_le16(&writer, (uint16_t)record->value_length);
    tt_write_u8(&writer, (uint8_t)(record->value_length >> 16));
    tt_write_le32(&writer, record->version);
    record->crc = tt_crc32(seed ^ offset, bytes, writer.length);
    tt_write_le16(&writer, (uint16_t)record->crc);
    tt_write_u8(&writer, (uint8_t)(record->crc >> 16));
}

// Whether there may be such a record: not whether its sums are right.
static bool head_read(const tt_store *store, const uint8_t bytes[RECORD_HEAD],
                      tt_store_record *record)
{
    uint32_t sector_bytes = store->parts.medium->sector_bytes;
    uint8_t kind = bytes[0] & RECORD_KIND;
    record->kind = bytes[0];
    record->key_length = bytes[1];
    record->value_length = bytes[2] | (uint32_t)bytes[3] << 8 | (uint32_t)bytes[4] << 16;
    record->version =
        bytes[5] | (uint32_t)bytes[6] << 8 | (uint32_t)bytes[7] << 16 | (uint32_t)bytes[8] << 24;
    record->size = tt_store_record_size(store, record->key_length, record->value_length);
    bool has_key = kind != RECORD_COLLECTED;
    return kind >= RECORD_PUT && kind <= RECORD_EXTENT && has_key == (record->key_length > 0) &&
           record->key_length <= TT_STORE_KEY_MAX &&
           record->size <= sector_bytes - record->address % sector_bytes;
}

static bool head_checked(const uint8_t bytes[RECORD_HEAD], uint32_t seed, uint32_t offset,
                         tt_store_record *record)
{
    uint32_t check = bytes[9] | (uint32_t)bytes[10] << 8 | (uint32_t)bytes[11] << 16;
    record->crc = tt_crc32(seed ^ offset, bytes, RECORD_HEAD - 3);
    return (record->crc & CHECK_MASK) == check;
}

// The head of the record at `address`, which is known to be one. TT_DAMAGED: it is none any more.
tt_status tt_store_record_read(tt_store *store, uint32_t address, tt_store_record *record)
{
    uint32_t offset = address % store->parts.medium->sector_bytes;
    uint8_t head[RECORD_HEAD];
    uint32_t seed;
    record->address = address;
    tt_status status = tt_store_medium_read(store, address, head, sizeof(head));
    if (status == TT_OK)
        status = tt_store_read_number(store, address - offset + HEADER_BYTES - 4, &seed);
    if (status != TT_OK)
        return status;
    bool good = head_read(store, head, record) && head_checked(head, seed, offset, record);
    return good ? TT_OK : TT_DAMAGED;
}

void tt_store_scan_begin(tt_store *store, tt_store_scan *scan, uint32_t sector, uint32_t seed)
{
    *scan = (tt_store_scan){.seed = seed,
                            .base = sector * store->parts.medium->sector_bytes,
                            .offset = store->header_bytes,
                            .tail = store->header_bytes};
}

static bool scan_read(tt_store *store, tt_store_scan *scan, uint32_t address, void *bytes,
                      size_t length)
{
    scan->status = tt_store_medium_read(store, address, bytes, length);
    return scan->status == TT_OK;
}

// Goes on to the unit with the next byte that is not erased, or to the sector's end.
static bool skip_erased(tt_store *store, tt_store_scan *scan)
{
    const tt_medium *medium = store->parts.medium;
    uint8_t chunk[CHUNK];
    while (scan->offset < medium->sector_bytes) {
        uint32_t left = medium->sector_bytes - scan->offset;
        uint32_t length = left < CHUNK ? left : CHUNK;
        if (!scan_read(store, scan, scan->base + scan->offset, chunk, length))
            return false;
        for (uint32_t i = 0; i < length; i++) {
            if (chunk[i] != medium->erased) {
                scan->offset = (scan->offset + i) & ~(medium->program_bytes - 1);
                scan->tail = scan->offset + medium->program_bytes;
                return true;
            }
        }
        scan->offset += length;
    }
    return true;
}

// Whether the record is whole; its key is put into `key`.
static bool body_whole(tt_store *store, tt_store_scan *scan, tt_store_record *record, uint8_t *key)
{
    uint8_t chunk[CHUNK];
    uint32_t at = record->address + RECORD_HEAD, left = record->key_length + record->value_length;
    uint32_t length = record->key_length;
    if (!scan_read(store, scan, at, key, length) || memchr(key, 0, length) != NULL)
        return false;
    uint32_t crc = tt_crc32(record->crc, key, length);
    while (left -= length, at += length, left > 0) {
        length = left < CHUNK ? left : CHUNK;
        if (!scan_read(store, scan, at, chunk, length))
            return false;
        crc = tt_crc32(crc, chunk, length);
    }
    uint32_t sum;
    scan->status = tt_store_read_number(store, at, &sum);
    return scan->status == TT_OK && sum == crc;
}

// The next whole record, committed or not.
static bool next_whole(tt_store *store, tt_store_scan *scan, tt_store_record *record, uint8_t *key)
{
    const tt_medium *medium = store->parts.medium;
    uint8_t head[RECORD_HEAD];
    while (scan->offset + RECORD_BYTES <= medium->sector_bytes) {
        record->address = scan->base + scan->offset;
        if (!scan_read(store, scan, record->address, head, sizeof(head)))
            return false;
        if (head[0] == medium->erased) {
            uint32_t before = scan->offset;
            if (!skip_erased(store, scan))
                return false;
            if (scan->offset != before)
                continue;
        }
        if (!head_read(store, head, record) ||
            !head_checked(head, scan->seed, scan->offset, record)) {
            scan->offset += medium->program_bytes;
            scan->tail = scan->offset;
            continue;
        }
        scan->offset += record->size;
        scan->tail = scan->offset;
        if (body_whole(store, scan, record, key))
            return true;
        if (scan->status != TT_OK)
            return false;
    }
    return false;
}

// Where the batch ends that begins with `first`, if it is whole; else 0.
static uint32_t batch_end(tt_store *store, tt_store_scan *scan, const tt_store_record *first)
{
    uint8_t key[TT_STORE_KEY_MAX];
    tt_store_scan ahead = *scan;
    uint32_t end = first->address + first->size;
    tt_store_record next;
    while (next_whole(store, &ahead, &next, key)) {
        if (next.address != end || (next.kind & RECORD_FOLLOWS) == 0)
            return 0;
        end += next.size;
        if ((next.kind & RECORD_MORE) == 0)
            return end;
    }
    scan->status = ahead.status;
    return 0;
}

// The next record that counts, its key in `key`, which has room for TT_STORE_KEY_MAX bytes. False:
// there is none, or `scan->status` says why it cannot be told.
bool tt_store_scan_next(tt_store *store, tt_store_scan *scan, tt_store_record *record, uint8_t *key)
{
    while (next_whole(store, scan, record, key)) {
        if (record->address < scan->committed)
            return true;
        if ((record->kind & RECORD_FOLLOWS) != 0)
            continue; // the beginning of its batch is not there
        if ((record->kind & RECORD_MORE) == 0)
            return true;
        scan->committed = batch_end(store, scan, record);
        if (scan->committed != 0)
            return true;
        if (scan->status != TT_OK)
            return false;
    }
    return false;
}
