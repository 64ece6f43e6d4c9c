// Writing .npz: members are stored, each with sizes of 64 bits, as NumPy does it, so that there is
// one way of writing them for every size.

#include <stdlib.h>
#include <string.h>

#include "ai/file/file.h"
#include "ai/file/zip.h"
#include "tutti/bytes.h"
#include "tutti/check.h"

#define VERSION 45        // of zip that is needed: 64 bits
#define DATE (1 << 5 | 1) // 1 January 1980, the first that there is: the same bits every time
#define EXTRA_LOCAL 20    // bytes of the extra field: two sizes
#define EXTRA_CENTRAL 28  // and the place

typedef struct member {
    uint64_t bytes, offset;
    uint32_t crc;
} member;

static size_t name_of(const tt_tensor_entry *entry)
{
    return entry->name_bytes + sizeof(TT_NPZ_SUFFIX) - 1;
}

static void put_name(tt_writer *w, const tt_tensor_entry *entry)
{
    tt_write_bytes(w, entry->name, entry->name_bytes);
    tt_write_bytes(w, TT_NPZ_SUFFIX, sizeof(TT_NPZ_SUFFIX) - 1);
}

// What both headers of a member have in the middle.
static void put_common(tt_writer *w, const tt_tensor_entry *entry, const member *m,
                       uint16_t extra_bytes)
{
    tt_write_le16(w, VERSION);
    tt_write_le16(w, TT_ZIP_UTF8);
    tt_write_le16(w, 0); // stored
    tt_write_le16(w, 0);
    tt_write_le16(w, DATE);
    tt_write_le32(w, m->crc);
    tt_write_le32(w, UINT32_MAX); // both sizes: see the extra field
    tt_write_le32(w, UINT32_MAX);
    tt_write_le16(w, (uint16_t)name_of(entry));
    tt_write_le16(w, extra_bytes);
}

static void put_sizes(tt_writer *w, const member *m, uint16_t extra_bytes)
{
    tt_write_le16(w, TT_ZIP_EXTRA_64);
    tt_write_le16(w, extra_bytes - 4);
    tt_write_le64(w, m->bytes);
    tt_write_le64(w, m->bytes);
}

static void put_member(tt_writer *w, const tt_tensor_entry *entry, size_t data_bytes, member *m)
{
    uint8_t header[TT_NPY_HEADER_BYTES];
    size_t header_bytes = tt_npy_header(&entry->tensor, header);
    m->offset = w->length;
    m->bytes = header_bytes + data_bytes;
    m->crc = tt_crc32(0, header, header_bytes);
    m->crc = tt_crc32(m->crc, entry->tensor.data, data_bytes);
    tt_write_le32(w, TT_ZIP_LOCAL);
    put_common(w, entry, m, EXTRA_LOCAL);
    put_name(w, entry);
    put_sizes(w, m, EXTRA_LOCAL);
    tt_write_bytes(w, header, header_bytes);
    if (data_bytes > 0)
        tt_write_bytes(w, entry->tensor.data, data_bytes);
}

static void put_directory_entry(tt_writer *w, const tt_tensor_entry *entry, const member *m)
{
    tt_write_le32(w, TT_ZIP_CENTRAL);
    tt_write_le16(w, VERSION);
    put_common(w, entry, m, EXTRA_CENTRAL);
    tt_write_le16(w, 0); // no comment
    tt_write_le16(w, 0); // the only disk
    tt_write_le16(w, 0); // attributes
    tt_write_le32(w, 0);
    tt_write_le32(w, UINT32_MAX); // the place: see the extra field
    put_name(w, entry);
    put_sizes(w, m, EXTRA_CENTRAL);
    tt_write_le64(w, m->offset);
}

static void put_end_64(tt_writer *w, uint64_t count, uint64_t directory)
{
    uint64_t end = w->length;
    tt_write_le32(w, TT_ZIP_END_64);
    tt_write_le64(w, TT_ZIP_END_64_BYTES - 12); // what follows
    tt_write_le16(w, VERSION);
    tt_write_le16(w, VERSION);
    tt_write_le32(w, 0);
    tt_write_le32(w, 0);
    tt_write_le64(w, count);
    tt_write_le64(w, count);
    tt_write_le64(w, end - directory);
    tt_write_le64(w, directory);
    tt_write_le32(w, TT_ZIP_LOCATOR_64);
    tt_write_le32(w, 0);
    tt_write_le64(w, end);
    tt_write_le32(w, 1); // disk in all
}

// An empty zip has no more than the last record, by which NumPy knows it.
static void put_end(tt_writer *w, uint64_t count, uint64_t directory)
{
    bool empty = count == 0;
    if (!empty)
        put_end_64(w, count, directory);
    tt_write_le32(w, TT_ZIP_END);
    tt_write_le32(w, 0);
    tt_write_le16(w, empty ? 0 : UINT16_MAX); // the rest: see the other record
    tt_write_le16(w, empty ? 0 : UINT16_MAX);
    tt_write_le32(w, empty ? 0 : UINT32_MAX);
    tt_write_le32(w, empty ? 0 : UINT32_MAX);
    tt_write_le16(w, 0);
}

// The bytes of the whole file, of tensors that are sound; 0 with a sentence where there is none.
static uint64_t size_of(const tt_tensor_file *file, const size_t *bytes, tt_status *status,
                        tt_text *why)
{
    uint64_t total = TT_ZIP_END_BYTES;
    total += file->count > 0 ? TT_ZIP_END_64_BYTES + TT_ZIP_LOCATOR_64_BYTES : 0;
    *status = TT_OK;
    for (size_t i = 0; i < file->count; i++) {
        const tt_tensor_entry *entry = &file->entries[i];
        uint8_t header[TT_NPY_HEADER_BYTES];
        size_t header_bytes = tt_npy_header(&entry->tensor, header);
        if (header_bytes == 0) {
            *status = tt_npy_refuse_type(entry, why);
            return 0;
        }
        bool cut = memchr(entry->name, '\0', entry->name_bytes) != NULL; // there, by other readers
        if (cut || name_of(entry) > UINT16_MAX) {
            *status = tt_tensor_refuse(why, TT_INVALID,
                                       cut ? "no zip can have a zero byte in the name"
                                           : "too long for a zip is the name",
                                       entry->name, entry->name_bytes);
            return 0;
        }
        total += TT_ZIP_LOCAL_BYTES + EXTRA_LOCAL + TT_ZIP_CENTRAL_BYTES + EXTRA_CENTRAL +
                 2 * name_of(entry) + header_bytes + bytes[i];
    }
    if (total <= (uint64_t)TT_TENSOR_FILE_MAX)
        return total;
    tt_text_add(why, "the file would be larger than 1 GiB");
    *status = TT_TOO_LARGE;
    return 0;
}

tt_status tt_npz_make(const tt_tensor_file *file, uint8_t **bytes, size_t *length, tt_text *why)
{
    *bytes = NULL;
    size_t *sizes = calloc(file->count + 1, sizeof(*sizes));
    member *members = calloc(file->count + 1, sizeof(*members));
    tt_status status =
        sizes != NULL && members != NULL ? tt_tensor_file_check(file, sizes, why) : TT_FULL;
    if (status == TT_OK) {
        uint64_t total = size_of(file, sizes, &status, why);
        *bytes = status == TT_OK ? malloc(total) : NULL;
        *length = total;
        status = status == TT_OK && *bytes == NULL ? TT_FULL : status;
    }
    if (status == TT_OK) {
        tt_writer w;
        tt_writer_init(&w, *bytes, *length);
        for (size_t i = 0; i < file->count; i++)
            put_member(&w, &file->entries[i], sizes[i], &members[i]);
        uint64_t directory = w.length;
        for (size_t i = 0; i < file->count; i++)
            put_directory_entry(&w, &file->entries[i], &members[i]);
        put_end(&w, file->count, directory);
        TT_CHECK(!w.failed && w.length == *length);
    }
    free(sizes);
    free(members);
    return status;
}
