// NumPy's .npz: a zip file of .npy files. The directory at its end is believed, and compared with
// what stands before each member; every member's bytes are its own, so that no file of a few bytes
// unpacks the same ones again and again.

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "ai/file/file.h"
#include "ai/file/zip.h"
#include "tutti/bytes.h"

#define COMMENT_MAX 65535  // bytes behind the end record
#define DEFLATED_MAX 1032u // bytes that a byte of deflate can become

typedef struct member {
    const char *name;
    size_t name_bytes;
    uint32_t crc;
    uint16_t flags, method;
    uint64_t packed, unpacked, offset;
    uint64_t begin, end; // all that is its own: header and bytes
} member;

typedef struct archive {
    const uint8_t *bytes;
    size_t length;
    uint64_t count, directory, directory_bytes;
    uint64_t unpacked; // of all
    tt_text *why;
} archive;

static tt_status refuse(archive *z, tt_status status, const char *what)
{
    tt_text_add(z->why, what);
    return status;
}

static tt_status refuse_member(archive *z, const member *m, tt_status status, const char *what)
{
    tt_tensor_refuse(z->why, status, "member", m->name, m->name_bytes);
    tt_text_add(z->why, ": ");
    return refuse(z, status, what);
}

static void read_at(const archive *z, uint64_t offset, tt_reader *r)
{
    tt_reader_init(r, z->bytes, z->length);
    r->failed = offset > z->length;
    r->offset = r->failed ? z->length : (size_t)offset;
}

// The end record of zip64, which stands before the other one; false where there is none.
static bool find_end_64(archive *z, size_t end, uint64_t *at)
{
    tt_reader r;
    if (end < TT_ZIP_LOCATOR_64_BYTES)
        return false;
    read_at(z, end - TT_ZIP_LOCATOR_64_BYTES, &r);
    if (tt_read_le32(&r) != TT_ZIP_LOCATOR_64)
        return false;
    tt_read_le32(&r);
    *at = tt_read_le64(&r);
    return true;
}

static tt_status read_end_64(archive *z, uint64_t at)
{
    tt_reader r;
    read_at(z, at, &r);
    bool right = tt_read_le32(&r) == TT_ZIP_END_64;
    tt_read_bytes(&r, 8 + 2 + 2); // its length, versions
    uint32_t disk = tt_read_le32(&r), first_disk = tt_read_le32(&r);
    uint64_t here = tt_read_le64(&r);
    z->count = tt_read_le64(&r);
    z->directory_bytes = tt_read_le64(&r);
    z->directory = tt_read_le64(&r);
    if (r.failed || !right)
        return refuse(z, TT_DAMAGED, "the zip's end record of 64 bits is not where it should be");
    if (disk != 0 || first_disk != 0 || here != z->count)
        return refuse(z, TT_UNSUPPORTED, "the zip is one of several");
    return TT_OK;
}

static tt_status read_end(archive *z)
{
    tt_reader r;
    uint64_t at_64;
    if (z->length < TT_ZIP_END_BYTES)
        return refuse(z, TT_DAMAGED, "is no zip file: it is too short");
    size_t last = z->length - TT_ZIP_END_BYTES;
    size_t first = last > COMMENT_MAX ? last - COMMENT_MAX : 0;
    for (size_t at = last + 1; at-- > first;) {
        read_at(z, at, &r);
        if (tt_read_le32(&r) != TT_ZIP_END)
            continue;
        uint16_t disk = tt_read_le16(&r), first_disk = tt_read_le16(&r), here = tt_read_le16(&r);
        z->count = tt_read_le16(&r);
        z->directory_bytes = tt_read_le32(&r);
        z->directory = tt_read_le32(&r);
        if (tt_read_le16(&r) != last - at)
            continue; // not the record, but what looks like one
        if (find_end_64(z, at, &at_64))
            return read_end_64(z, at_64);
        if (disk != 0 || first_disk != 0 || here != z->count)
            return refuse(z, TT_UNSUPPORTED, "the zip is one of several");
        return TT_OK;
    }
    return refuse(z, TT_DAMAGED, "is no zip file, or cut short: it has no end record");
}

// Sizes that do not fit 32 bits stand in an extra field, those that are needed, in this order.
static bool read_extra_64(const uint8_t *extra, size_t length, member *m)
{
    tt_reader r, field;
    tt_reader_init(&r, extra, length);
    uint64_t *const numbers[] = {&m->unpacked, &m->packed, &m->offset};
    while (tt_reader_left(&r) >= 4) {
        uint16_t kind = tt_read_le16(&r), bytes = tt_read_le16(&r);
        const uint8_t *data = tt_read_bytes(&r, bytes);
        if (data == NULL)
            return false;
        if (kind != TT_ZIP_EXTRA_64)
            continue;
        tt_reader_init(&field, data, bytes);
        for (int i = 0; i < 3; i++)
            if (*numbers[i] == UINT32_MAX)
                *numbers[i] = tt_read_le64(&field);
        return !field.failed;
    }
    return true;
}

static tt_status read_member(archive *z, tt_reader *r, member *m)
{
    bool right = tt_read_le32(r) == TT_ZIP_CENTRAL;
    tt_read_bytes(r, 4); // versions
    m->flags = tt_read_le16(r);
    m->method = tt_read_le16(r);
    tt_read_le32(r); // time
    m->crc = tt_read_le32(r);
    m->packed = tt_read_le32(r);
    m->unpacked = tt_read_le32(r);
    m->name_bytes = tt_read_le16(r);
    size_t extra_bytes = tt_read_le16(r), comment_bytes = tt_read_le16(r);
    tt_read_bytes(r, 2 + 2 + 4); // disk, attributes
    m->offset = tt_read_le32(r);
    m->name = (const char *)tt_read_bytes(r, m->name_bytes);
    const uint8_t *extra = tt_read_bytes(r, extra_bytes);
    tt_read_bytes(r, comment_bytes);
    if (r->failed || !right)
        return refuse(z, TT_DAMAGED, "the zip's directory is damaged");
    if (!tt_text_is_utf8(m->name, m->name_bytes))
        return refuse(z, TT_MALFORMED, "a member's name is no UTF-8");
    if (!read_extra_64(extra, extra_bytes, m))
        return refuse_member(z, m, TT_DAMAGED, "its extra fields are damaged");
    if (m->flags & TT_ZIP_ENCRYPTED)
        return refuse_member(z, m, TT_UNSUPPORTED, "it is encrypted");
    if (m->method != 0 && m->method != 8)
        return refuse_member(z, m, TT_UNSUPPORTED, "it is neither stored nor deflated");
    if (m->packed > z->length ||
        m->unpacked > (m->method == 0 ? m->packed : m->packed * DEFLATED_MAX) ||
        (m->method == 0 && m->unpacked != m->packed))
        return refuse_member(z, m, TT_DAMAGED, "its sizes cannot be");
    z->unpacked += m->unpacked;
    if (z->unpacked > (uint64_t)TT_TENSOR_FILE_MAX)
        return refuse(z, TT_TOO_LARGE, "unpacks to more than 1 GiB");
    return TT_OK;
}

// What stands before the member's bytes: where those begin is known only there.
static tt_status read_local(archive *z, member *m)
{
    tt_reader r;
    read_at(z, m->offset, &r);
    bool right = tt_read_le32(&r) == TT_ZIP_LOCAL;
    tt_read_bytes(&r, 2 + 2);
    right = right && tt_read_le16(&r) == m->method;
    tt_read_bytes(&r, 4 + 4 + 4 + 4); // time, checksum, sizes: may stand behind instead
    size_t name_bytes = tt_read_le16(&r), extra_bytes = tt_read_le16(&r);
    const uint8_t *name = tt_read_bytes(&r, name_bytes);
    tt_read_bytes(&r, extra_bytes);
    m->begin = r.offset;
    if (r.failed || !right || name_bytes != m->name_bytes || memcmp(name, m->name, name_bytes) != 0)
        return refuse_member(z, m, TT_DAMAGED, "its header is not what the directory says");
    if (m->packed > z->length - m->begin)
        return refuse_member(z, m, TT_DAMAGED, "its bytes lie behind the end of the file");
    m->end = m->begin + m->packed;
    return TT_OK;
}

static bool inflate_member(const uint8_t *packed, const member *m, uint8_t *out)
{
    uint8_t surplus;
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)packed,
                       .avail_in = (uInt)m->packed,
                       .next_out = m->unpacked > 0 ? out : &surplus,
                       .avail_out = (uInt)m->unpacked};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
        return false;
    bool sound =
        inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_in == 0 && stream.avail_out == 0;
    inflateEnd(&stream);
    return sound;
}

static tt_status parse_member(archive *z, const member *m, tt_tensor_entry *entry)
{
    const uint8_t *packed = z->bytes + m->begin;
    bool deflated = m->method == 8;
    uint8_t *unpacked = deflated ? malloc(m->unpacked + 1) : NULL;
    if (deflated && unpacked == NULL)
        return refuse(z, TT_FULL, "there is no memory for it");
    tt_status status = TT_OK;
    if (deflated && !inflate_member(packed, m, unpacked))
        status = refuse_member(z, m, TT_DAMAGED, "its deflated bytes are damaged");
    const uint8_t *data = deflated ? unpacked : packed;
    if (status == TT_OK && tt_crc32(0, data, m->unpacked) != m->crc)
        status = refuse_member(z, m, TT_DAMAGED, "its checksum is wrong");
    if (status == TT_OK) {
        char sentence[200]; // that it is a member's is said before, if it is said
        tt_text why;
        tt_text_init(&why, sentence, sizeof(sentence));
        status = tt_npy_parse_entry(entry, data, m->unpacked, deflated, &why);
        if (status != TT_OK)
            refuse_member(z, m, status, sentence);
    }
    free(unpacked);
    return status;
}

static int compare_places(const void *a, const void *b)
{
    const member *x = *(const member *const *)a, *y = *(const member *const *)b;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

static tt_status check_places(archive *z, const member *members)
{
    const member **sorted = malloc((z->count + 1) * sizeof(*sorted));
    if (sorted == NULL)
        return refuse(z, TT_FULL, "there is no memory for it");
    tt_status status = TT_OK;
    for (size_t i = 0; i < z->count; i++)
        sorted[i] = &members[i];
    qsort(sorted, z->count, sizeof(*sorted), compare_places);
    for (size_t i = 1; i < z->count && status == TT_OK; i++)
        if (sorted[i]->offset < sorted[i - 1]->end)
            status = refuse_member(z, sorted[i], TT_MALFORMED, "its bytes are another's, too");
    free(sorted);
    return status;
}

static tt_status read_members(archive *z, member *members)
{
    tt_reader r;
    read_at(z, z->directory, &r);
    tt_status status = TT_OK;
    for (size_t i = 0; i < z->count && status == TT_OK; i++) {
        status = read_member(z, &r, &members[i]);
        if (status == TT_OK)
            status = read_local(z, &members[i]);
    }
    if (status == TT_OK && r.offset - z->directory != z->directory_bytes)
        status = refuse(z, TT_DAMAGED, "the zip's directory is damaged");
    return status == TT_OK ? check_places(z, members) : status;
}

static tt_status add_members(archive *z, const member *members, tt_tensor_file *file)
{
    const size_t suffix = sizeof(TT_NPZ_SUFFIX) - 1;
    bool full;
    for (size_t i = 0; i < z->count; i++) {
        const member *m = &members[i];
        if (m->name_bytes < suffix ||
            memcmp(m->name + m->name_bytes - suffix, TT_NPZ_SUFFIX, suffix) != 0)
            return refuse_member(z, m, TT_UNSUPPORTED, "its name does not end in .npy");
        tt_tensor_entry *entry = tt_tensor_file_add_entry(file, m->name, m->name_bytes - suffix);
        if (entry == NULL)
            return refuse(z, TT_FULL, "there is no memory for it");
        tt_status status = parse_member(z, m, entry);
        if (status != TT_OK)
            return status;
    }
    const tt_tensor_entry *twice = tt_tensor_file_duplicate(file, &full);
    if (full)
        return refuse(z, TT_FULL, "there is no memory for it");
    if (twice != NULL)
        return tt_tensor_refuse(z->why, TT_MALFORMED, "two members have the name", twice->name,
                                twice->name_bytes);
    return TT_OK;
}

tt_status tt_npz_parse(tt_tensor_file *file, const void *bytes, size_t length, tt_text *why)
{
    archive z = {.bytes = bytes, .length = length, .why = why};
    *file = (tt_tensor_file){0};
    tt_status status = read_end(&z);
    if (status != TT_OK)
        return status;
    if (z.count > TT_TENSORS_MAX)
        return refuse(&z, TT_TOO_LARGE, "has more members than are supported (65536)");
    if (z.directory > length || z.count > (length - z.directory) / TT_ZIP_CENTRAL_BYTES)
        return refuse(&z, TT_DAMAGED, "the zip's directory lies behind the end of the file");
    member *members = calloc(z.count + 1, sizeof(*members));
    if (members == NULL)
        return refuse(&z, TT_FULL, "there is no memory for it");
    status = read_members(&z, members);
    if (status == TT_OK)
        status = add_members(&z, members, file);
    free(members);
    if (status != TT_OK)
        tt_tensor_file_free(file);
    return status;
}

tt_status tt_npz_read(tt_tensor_file *file, const char *path, tt_text *why)
{
    return tt_tensor_file_load(file, path, tt_npz_parse, why);
}
