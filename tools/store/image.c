// Reading a store's image (image.h): a medium that cannot be written, and the store's own code on
// it.

#include <stdlib.h>
#include <string.h>

#include "storage/store_internal.h"
#include "tools/store/image.h"
#include "tutti/bytes.h"

#define SECTOR_LEAST 128 // no store has smaller ones, so headers lie at multiples of it
#define MAGIC 0x4c535454u

static tt_status read(tt_medium *medium, uint32_t address, void *bytes, size_t length)
{
    const tt_store_image *image = (const tt_store_image *)medium;
    if (length > 0)
        memcpy(bytes, image->bytes + address, length);
    return TT_OK;
}

static tt_status refuse(void)
{
    return TT_IO;
}

static tt_status refuse_program(tt_medium *medium, uint32_t address, const void *bytes,
                                size_t length)
{
    (void)medium, (void)address, (void)bytes, (void)length;
    return refuse();
}

static tt_status refuse_erase(tt_medium *medium, uint32_t address)
{
    (void)medium, (void)address;
    return refuse();
}

static tt_status refuse_sync(tt_medium *medium)
{
    (void)medium;
    return refuse();
}

static tt_status poll(tt_medium *medium)
{
    (void)medium;
    return TT_OK;
}

static const tt_medium_operations operations = {read, refuse_program, refuse_erase, refuse_sync,
                                                poll};

// The geometry that the first good header states.
static tt_status find_geometry(tt_store_image *image, size_t length, uint32_t *log_sectors)
{
    for (size_t at = 0; at + HEADER_BYTES <= length; at += SECTOR_LEAST) {
        tt_reader reader;
        tt_reader_init(&reader, image->bytes + at, HEADER_BYTES);
        uint32_t magic = tt_read_le32(&reader);
        uint8_t version = tt_read_u8(&reader), unit_log2 = tt_read_u8(&reader);
        uint16_t sectors = tt_read_le16(&reader);
        uint32_t sector_bytes = tt_read_le32(&reader);
        reader.offset = HEADER_BYTES - 4;
        if (magic != MAGIC || tt_read_le32(&reader) != tt_crc32(0, image->bytes + at, 28))
            continue;
        if (version != TT_STORE_VERSION)
            return TT_UNSUPPORTED;
        if (unit_log2 > 9 || sector_bytes < SECTOR_LEAST || sector_bytes > TT_STORE_SECTOR_MAX ||
            length / sector_bytes < sectors || length / sector_bytes < 2)
            continue;
        image->medium.program_bytes = 1u << unit_log2;
        image->medium.sector_bytes = sector_bytes;
        image->medium.sectors = (uint32_t)(length / sector_bytes);
        *log_sectors = sectors;
        return TT_OK;
    }
    return TT_NOT_FOUND;
}

tt_status tt_store_image_open(tt_store_image *image, uint8_t *bytes, size_t length)
{
    uint32_t log_sectors;
    memset(image, 0, sizeof(*image));
    image->bytes = bytes;
    image->medium.operations = &operations;
    image->medium.window = bytes;
    tt_status status = find_geometry(image, length, &log_sectors);
    if (status != TT_OK)
        return status;
    uint32_t keys = log_sectors * (image->medium.sector_bytes / RECORD_BYTES);
    image->entries = calloc(keys, sizeof(tt_store_entry));
    image->sectors = calloc(log_sectors, sizeof(uint32_t));
    uint32_t unit = image->medium.program_bytes;
    tt_store_parts parts = {.medium = &image->medium,
                            .entries = image->entries,
                            .entries_max = keys,
                            .sectors = image->sectors,
                            .log_sectors = log_sectors,
                            .buffer = image->buffer,
                            .buffer_bytes =
                                unit > TT_STORE_BUFFER_LEAST ? unit : TT_STORE_BUFFER_LEAST,
                            .extents = &tt_store_extents};
    status = image->entries == NULL || image->sectors == NULL ? TT_FULL : TT_OK;
    for (int erased = 0xff; status == TT_OK; erased = 0) { // no header says which it is
        image->medium.erased = (uint8_t)erased;
        status = tt_store_open(&image->store, &parts);
        if (image->store.count > 0 || erased == 0)
            break;
    }
    if (status != TT_OK)
        tt_store_image_close(image);
    return status;
}

void tt_store_image_close(tt_store_image *image)
{
    free(image->entries);
    free(image->sectors);
}

static void tell_sectors(tt_store_image *image, FILE *out)
{
    for (uint32_t i = 0; i < image->store.parts.log_sectors; i++) {
        sector_header header = {0, 0, NONE, 0, 0};
        uint32_t word = image->sectors[i];
        bool has_header = tt_store_header_read(&image->store, i, &header) == TT_OK;
        const char *what = i == image->store.head                ? "head"
                           : (word & SECTOR_STATE) == SECTOR_LOG ? "log"
                                                                 : "free";
        fprintf(out, "sector %u: %s", i, what);
        if (has_header)
            fprintf(out, ", number %u, erased %u times, %u bytes live", header.sequence,
                    header.erases, word & SECTOR_LIVE);
        fprintf(out, "\n");
    }
}

// Whether a value is whole, read from its beginning to its end.
static tt_status check(tt_store_image *image, const char *key, const tt_store_value *value)
{
    size_t length;
    if (value->extent) {
        tt_store_pin pin;
        const void *bytes;
        tt_status status = tt_store_window(&image->store, key, &pin, &bytes, &length);
        if (status == TT_OK)
            tt_store_unpin(&pin);
        return status;
    }
    uint8_t *bytes = malloc(value->length + 1);
    if (bytes == NULL)
        return TT_FULL;
    tt_status status = tt_store_get(&image->store, key, bytes, value->length + 1, &length);
    free(bytes);
    return status;
}

unsigned tt_store_image_tell(tt_store_image *image, bool sectors, FILE *out)
{
    const tt_medium *medium = &image->medium;
    char key[TT_STORE_KEY_MAX + 1] = "";
    tt_store_facts facts;
    tt_store_value value;
    unsigned wrong = 0;
    if (tt_store_info(&image->store, 1, &facts) != TT_OK)
        return 1;
    fprintf(out,
            "store: version %d, %u sectors of %u bytes for the log, %u behind them, units of %u "
            "bytes\n",
            TT_STORE_VERSION, image->store.parts.log_sectors, medium->sector_bytes,
            medium->sectors - image->store.parts.log_sectors, medium->program_bytes);
    fprintf(out, "%u keys, %u deleted; %u of %u bytes used; a sector was erased %u to %u times\n",
            facts.keys, facts.deleted, facts.used, facts.capacity, facts.least, facts.greatest);
    if (sectors)
        tell_sectors(image, out);
    while (tt_store_next(&image->store, "", key, &value) == TT_OK) {
        tt_status status = check(image, key, &value);
        fprintf(out, "%s: %u bytes, version %u%s%s\n", key, value.length, value.version,
                value.extent ? ", extent" : "", status == TT_OK ? "" : ", DAMAGED");
        wrong += status != TT_OK;
    }
    return wrong;
}
