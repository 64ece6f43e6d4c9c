// tutti data check: the image of a medium, read on this machine.
//
// What lies there says how it is to be read: a header of a sector of the log, wherever one is whole
// (storage/README.md has its bytes). Then the store's own code opens a copy in memory, on a medium
// that refuses to be written.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/kept.h"
#include "cli/say.h"
#include "tutti/bytes.h"
#include "tutti/check.h"
#include "tutti/store.h"

#define IMAGE_MAX ((size_t)1 << 30)
#define KEYS_MAX 65536
#define SECTORS_MAX 65536
#define HEADER_BYTES 32
#define UNIT_LOG2_MAX 9
#define ALIGNMENT 512 // of the least sector

typedef struct image {
    tt_medium medium; // first
    const uint8_t *bytes;
    size_t length;
} image;

static tt_status image_read(tt_medium *medium, uint32_t address, void *bytes, size_t length)
{
    const image *i = (const image *)medium;
    if (address > i->length || length > i->length - address)
        return TT_IO;
    memcpy(bytes, i->bytes + address, length);
    return TT_OK;
}

static tt_status refuse_program(tt_medium *medium, uint32_t address, const void *bytes,
                                size_t length)
{
    (void)medium, (void)address, (void)bytes, (void)length;
    return TT_IO;
}

static tt_status refuse_erase(tt_medium *medium, uint32_t address)
{
    (void)medium, (void)address;
    return TT_IO;
}

static tt_status nothing(tt_medium *medium)
{
    (void)medium;
    return TT_OK;
}

static const tt_medium_operations operations = {
    .read = image_read,
    .program = refuse_program,
    .erase = refuse_erase,
    .sync = nothing,
    .poll = nothing,
};

// What a header of a sector says of the whole; false where there is none at these bytes.
typedef struct geometry {
    unsigned version;
    uint32_t unit, log_sectors, sector_bytes;
} geometry;

static bool read_header(const uint8_t *bytes, geometry *g)
{
    tt_reader reader;
    tt_reader_init(&reader, bytes, HEADER_BYTES);
    uint32_t magic = tt_read_le32(&reader), word = tt_read_le32(&reader);
    g->sector_bytes = tt_read_le32(&reader);
    tt_reader_init(&reader, bytes + HEADER_BYTES - 4, 4);
    if (magic != 0x4c535454u || // "TTSL"
        tt_read_le32(&reader) != tt_crc32(0, bytes, HEADER_BYTES - 4))
        return false;
    unsigned unit = word >> 8 & 0xff;
    g->version = word & 0xff;
    g->unit = unit <= UNIT_LOG2_MAX ? 1u << unit : 0;
    g->log_sectors = word >> 16;
    return true;
}

// The first header that is whole. Sectors are at least 512 bytes, and begin at multiples of that.
static bool find_header(const image *i, geometry *g)
{
    for (size_t at = 0; at + HEADER_BYTES <= i->length; at += ALIGNMENT)
        if (read_header(i->bytes + at, g) && g->sector_bytes > 0 && at % g->sector_bytes == 0)
            return true;
    return false;
}

static tt_exit refuse(const char *path, const char *why)
{
    tt_say_error("tutti data: %s: %s", path, why);
    return TT_EXIT_MISSING;
}

static tt_exit set_geometry(const char *path, image *i, geometry *g)
{
    char sentence[160];
    if (!find_header(i, g))
        return refuse(path, "expected a store, found no header of one");
    if (g->version != TT_STORE_VERSION) {
        snprintf(sentence, sizeof(sentence),
                 "expected a store of version %d of the format, found version %u", TT_STORE_VERSION,
                 g->version);
        return refuse(path, sentence);
    }
    bool fits = g->unit > 0 && g->sector_bytes >= ALIGNMENT && g->sector_bytes % g->unit == 0 &&
                g->sector_bytes <= TT_STORE_SECTOR_MAX && g->log_sectors >= 2 &&
                g->log_sectors <= SECTORS_MAX &&
                (uint64_t)g->log_sectors * g->sector_bytes <= i->length;
    if (!fits) {
        snprintf(sentence, sizeof(sentence),
                 "its header says %u sectors of %u bytes and units of %u, which the file's %zu "
                 "bytes cannot be",
                 g->log_sectors, g->sector_bytes, g->unit, i->length);
        return refuse(path, sentence);
    }
    i->medium = (tt_medium){.operations = &operations,
                            .program_bytes = g->unit,
                            .sector_bytes = g->sector_bytes,
                            .sectors = (uint32_t)(i->length / g->sector_bytes),
                            .erased = 0xff};
    return TT_EXIT_OK;
}

// Reads a value whole, and prints its line. Whether it is sound.
static bool check_value(tt_store *store, const char *key, const tt_store_value *value,
                        uint8_t *bytes, size_t capacity)
{
    size_t length = 0;
    tt_status status = value->length <= capacity
                           ? tt_store_get(store, key, bytes, capacity, &length)
                           : TT_TOO_LARGE;
    tt_say_put(stdout, key, strlen(key));
    printf(" %u bytes, version %u%s%s\n", value->length, value->version,
           value->extent ? ", in sectors of its own" : "", status == TT_OK ? "" : ": damaged");
    return status == TT_OK;
}

static tt_exit list_values(const char *path, tt_store *store, image *i)
{
    char key[TT_STORE_KEY_MAX + 1] = "";
    tt_store_value value;
    tt_store_facts facts;
    unsigned damaged = 0;
    uint8_t *bytes = malloc(i->length);
    tt_status status = bytes != NULL ? TT_OK : TT_FULL;
    while (status == TT_OK && (status = tt_store_next(store, "", key, &value)) == TT_OK)
        damaged += !check_value(store, key, &value, bytes, i->length);
    free(bytes);
    if (status == TT_NOT_FOUND)
        status = tt_store_info(store, 1, &facts);
    if (status != TT_OK) {
        tt_say_error("tutti data: %s: %s", path, tt_status_text(status));
        return TT_EXIT_MISSING;
    }
    printf("%u keys, %u of %u bytes used; %u sectors, erased %u to %u times; "
           "%u of %u sectors free for values in one piece\n",
           facts.keys, facts.used, facts.capacity, store->parts.log_sectors, facts.least,
           facts.greatest, facts.extent_sectors_free, facts.extent_sectors);
    // A power cut leaves torn records: they were never acknowledged.
    if (store->counters.damaged > 0)
        printf("%u records or headers are torn or damaged, and stepped over\n",
               store->counters.damaged);
    if (damaged == 0)
        return TT_EXIT_OK;
    fflush(stdout);
    tt_say_error("tutti data: %s: %u of its values %s damaged", path, damaged,
                 damaged == 1 ? "is" : "are");
    return TT_EXIT_MISSING;
}

static tt_exit check(const char *path, image *i)
{
    static tt_store store;
    static tt_store_entry entries[KEYS_MAX];
    static uint32_t sectors[SECTORS_MAX];
    static uint8_t buffer[TT_MEDIUM_PROGRAM_BYTES_MAX];
    geometry g;
    tt_exit result = set_geometry(path, i, &g);
    if (result != TT_EXIT_OK)
        return result;
    tt_status status = tt_store_open(&store, &(tt_store_parts){.medium = &i->medium,
                                                               .entries = entries,
                                                               .entries_max = KEYS_MAX,
                                                               .sectors = sectors,
                                                               .log_sectors = g.log_sectors,
                                                               .buffer = buffer,
                                                               .buffer_bytes = sizeof(buffer),
                                                               .extents = &tt_store_extents});
    if (status != TT_OK)
        return refuse(path, status == TT_UNSUPPORTED ? "its sectors are not all of one store"
                                                     : tt_status_text(status));
    return list_values(path, &store, i);
}

tt_exit tt_kept_check(const char *path)
{
    struct stat about;
    image i = {0};
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0 || fstat(file, &about) != 0)
        return refuse(path, strerror(errno));
    i.length = S_ISREG(about.st_mode) && about.st_size > 0 ? (size_t)about.st_size : 0;
    if (i.length == 0 || i.length > IMAGE_MAX) {
        close(file);
        return refuse(path, "expected a medium's image, a file of 1 byte to 1 GiB");
    }
    void *bytes = mmap(NULL, i.length, PROT_READ, MAP_PRIVATE, file, 0);
    close(file);
    if (bytes == MAP_FAILED)
        return refuse(path, strerror(errno));
    i.bytes = bytes;
    tt_exit result = check(path, &i);
    munmap(bytes, i.length);
    return result;
}
