// Reading a store's image (image.h): a medium that cannot be written, and the store's own code on
// it.

#include <stdlib.h>
#include <string.h>

#include "storage/store_internal.h"
#include "tools/store/image.h"
#include "tutti/bytes.h"

#define SECTOR_LEAST 128 // no store has smaller ones, so headers lie at multiples of it
#define MAGIC 0x4c535454u
#define UNIT_LOG2_MAX 9
#define LOOKS_MAX (1u << 26) // at sectors for their headers: whoever needs more made it up

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

// What a sector's header states.
typedef struct geometry {
    uint32_t sector_bytes;
    uint16_t log_sectors;
    uint8_t version, unit_log2;
} geometry;

// Whether a whole header lies there, of whatever geometry and version.
static bool read_header(const uint8_t *bytes, size_t length, uint64_t at, geometry *g)
{
    tt_reader reader;
    if (at + HEADER_BYTES > length)
        return false;
    tt_reader_init(&reader, bytes + at, HEADER_BYTES);
    if (tt_read_le32(&reader) != MAGIC)
        return false;
    g->version = tt_read_u8(&reader);
    g->unit_log2 = tt_read_u8(&reader);
    g->log_sectors = tt_read_le16(&reader);
    g->sector_bytes = tt_read_le32(&reader);
    reader.offset = HEADER_BYTES - 4;
    return tt_read_le32(&reader) == tt_crc32(0, bytes + at, HEADER_BYTES - 4);
}

static bool is_same(const geometry *a, const geometry *b)
{
    return a->sector_bytes == b->sector_bytes && a->log_sectors == b->log_sectors &&
           a->version == b->version && a->unit_log2 == b->unit_log2;
}

// Whether a header that lies at `at` may be one of a store in so many bytes.
static bool is_possible(const geometry *g, uint64_t at, size_t length)
{
    return g->unit_log2 <= UNIT_LOG2_MAX && g->sector_bytes >= SECTOR_LEAST &&
           g->sector_bytes <= TT_STORE_SECTOR_MAX && g->sector_bytes % (1u << g->unit_log2) == 0 &&
           g->log_sectors >= 2 && (uint64_t)g->log_sectors * g->sector_bytes <= length &&
           at % g->sector_bytes == 0 && at / g->sector_bytes < g->log_sectors;
}

// How many headers of its sectors state this geometry: 0 where one states another. `looks` counts
// the sectors.
static uint32_t count_headers(const uint8_t *bytes, size_t length, const geometry *g,
                              uint32_t *looks)
{
    geometry there;
    uint32_t count = 0;
    for (uint64_t i = 0; i < g->log_sectors; i++) {
        bool whole = read_header(bytes, length, i * g->sector_bytes, &there);
        (*looks)++;
        if (whole && !is_same(&there, g))
            return 0;
        count += whole;
    }
    return count;
}

// The geometry that most headers state where its sectors begin, and none there denies. What looks
// like a header may be a value's: such a one is of a geometry by which a true header begins a
// sector, too, and denies it; or, where a cut took the first sector's, of one that fewer state.
static tt_status find_geometry(const uint8_t *bytes, size_t length, geometry *best)
{
    uint32_t most = 0, looks = 0;
    bool equal = false, other = false, any = false;
    for (uint64_t at = 0; at < length && looks < LOOKS_MAX; at += SECTOR_LEAST) {
        geometry g;
        if (!read_header(bytes, length, at, &g))
            continue;
        any = true;
        other |= g.version != TT_STORE_VERSION;
        if (!is_possible(&g, at, length) || (most > 0 && is_same(&g, best)))
            continue;
        uint32_t count = count_headers(bytes, length, &g, &looks);
        equal = count > most ? false : equal || (count > 0 && count == most);
        if (count > most) {
            most = count;
            *best = g;
        }
    }
    if (most == 0)
        return other ? TT_UNSUPPORTED : any ? TT_DAMAGED : TT_NOT_FOUND;
    if (equal || looks >= LOOKS_MAX)
        return TT_DAMAGED;
    return best->version == TT_STORE_VERSION ? TT_OK : TT_UNSUPPORTED;
}

tt_status tt_store_image_find(const uint8_t *bytes, size_t length)
{
    geometry g;
    return find_geometry(bytes, length, &g);
}

tt_status tt_store_image_open(tt_store_image *image, uint8_t *bytes, size_t length)
{
    geometry g;
    memset(image, 0, sizeof(*image));
    image->bytes = bytes;
    image->medium.operations = &operations;
    image->medium.window = bytes;
    tt_status status = find_geometry(bytes, length, &g);
    if (status != TT_OK)
        return status;
    image->medium.program_bytes = 1u << g.unit_log2;
    image->medium.sector_bytes = g.sector_bytes;
    image->medium.sectors = (uint32_t)(length / g.sector_bytes);
    uint32_t keys = g.log_sectors * (g.sector_bytes / RECORD_BYTES);
    image->entries = calloc(keys, sizeof(tt_store_entry));
    image->sectors = calloc(g.log_sectors, sizeof(uint32_t));
    uint32_t unit = image->medium.program_bytes;
    tt_store_parts parts = {.medium = &image->medium,
                            .entries = image->entries,
                            .entries_max = keys,
                            .sectors = image->sectors,
                            .log_sectors = g.log_sectors,
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
