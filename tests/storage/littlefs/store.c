// littlefs where the cut tests have our store: a key is a file of one directory, a put writes it
// and closes it, a write is done when that returned. So cuts.c runs on it as it is.
//
// What littlefs does not promise is not asked: writes have one change each. A file that was opened
// to be made and not yet closed is there and empty; no value is empty, so it counts as not there.
// A collection is a sector that held something and is erased, to be used again.

#include <string.h>

#include "lfs.h"

#include "sim/tearing.h"
#include "tutti/check.h"
#include "tutti/littlefs.h"
#include "tutti/store.h"

#define MOUNTS_MAX 8
#define NAMES_MAX 64
#define CACHE_MAX 512
#define BLOCK_CYCLES 16 // so that metadata moves, too

typedef struct mount {
    tt_store *store;
    tt_littlefs medium;
    struct lfs_config config;
    lfs_t lfs;
    int (*erase)(const struct lfs_config *config, lfs_block_t block);
    uint8_t read_buffer[CACHE_MAX], program_buffer[CACHE_MAX], file_buffer[CACHE_MAX];
    uint8_t lookahead[16];
    char names[NAMES_MAX][TT_STORE_KEY_MAX + 1]; // in order, if `listed`
    unsigned count;
    bool listed;
} mount;

struct tt_store_code {
    int unused;
};
const tt_store_code tt_store_extents = {0};

static mount mounts[MOUNTS_MAX];

static mount *mount_of(const tt_store *store)
{
    for (int i = 0; i < MOUNTS_MAX; i++) {
        if (mounts[i].store == NULL || mounts[i].store == store)
            return &mounts[i];
    }
    TT_CHECK(false);
    return NULL;
}

static tt_status status_of(int error)
{
    return error >= 0                 ? TT_OK
           : error == LFS_ERR_NOENT   ? TT_NOT_FOUND
           : error == LFS_ERR_NOSPC   ? TT_FULL
           : error == LFS_ERR_CORRUPT ? TT_DAMAGED
                                      : TT_IO;
}

static void swap(char *name, char from, char to)
{
    for (; *name != 0; name++)
        *name = *name == from ? to : *name;
}

// The caller's: another store is used while the medium of this one writes.
static void path_of(const char *key, char path[TT_STORE_KEY_MAX + 1])
{
    strcpy(path, key);
    swap(path, '/', '.');
}

// ---- Opening.

static bool is_blank(const tt_medium *medium, uint32_t sector, uint32_t count)
{
    const uint8_t *bytes = ((const tt_tearing *)medium)->image + sector * medium->sector_bytes;
    for (uint32_t i = 0; i < count * medium->sector_bytes; i++) {
        if (bytes[i] != medium->erased)
            return false;
    }
    return true;
}

static int erase_and_count(const struct lfs_config *config, lfs_block_t block)
{
    mount *at = TT_CONTAINER(config, mount, config);
    at->store->counters.collections += !is_blank(at->medium.medium, block, 1);
    return at->erase(config, block);
}

tt_status tt_store_open(tt_store *store, const tt_store_parts *parts)
{
    mount *at = mount_of(store);
    *store = (tt_store){.parts = *parts};
    at->store = store;
    at->listed = false;
    at->medium = (tt_littlefs){.medium = parts->medium};
    at->config = (struct lfs_config){
        .block_cycles = BLOCK_CYCLES,
        .cache_size = parts->medium->sector_bytes / 8, // the longest value that lies in metadata
        .lookahead_size = sizeof(at->lookahead),
        .read_buffer = at->read_buffer,
        .prog_buffer = at->program_buffer,
        .lookahead_buffer = at->lookahead,
    };
    TT_CHECK(at->config.cache_size <= CACHE_MAX &&
             at->config.cache_size >= parts->medium->program_bytes);
    TT_CHECK(tt_littlefs_configure(&at->config, &at->medium) == TT_OK);
    at->erase = at->config.erase;
    at->config.erase = erase_and_count;
    if (is_blank(parts->medium, 0, parts->medium->sectors)) {
        int error = lfs_format(&at->lfs, &at->config);
        if (error != 0)
            return status_of(error);
    }
    return status_of(lfs_mount(&at->lfs, &at->config));
}

// ---- Writing.

static int put(mount *at, const tt_store_change *change, const char *path)
{
    lfs_file_t file;
    struct lfs_file_config config = {.buffer = at->file_buffer};
    int error =
        lfs_file_opencfg(&at->lfs, &file, path, LFS_O_WRONLY | LFS_O_CREAT | LFS_O_TRUNC, &config);
    if (error != 0)
        return error;
    lfs_ssize_t written = lfs_file_write(&at->lfs, &file, change->value, change->length);
    error = lfs_file_close(&at->lfs, &file);
    return written < 0 ? written : error;
}

void tt_store_begin(tt_store *store, tt_store_write *write)
{
    mount *at = mount_of(store);
    const tt_store_change *change = write->changes;
    char path[TT_STORE_KEY_MAX + 1];
    TT_CHECK(write->count == 1 && write->done == NULL);
    path_of(change->key, path);
    at->listed = false;
    write->status = status_of(change->remove ? lfs_remove(&at->lfs, path) : put(at, change, path));
}

tt_status tt_store_step(tt_store *store)
{
    (void)store; // all was done when it was begun
    return TT_OK;
}

// ---- Reading.

tt_status tt_store_get(tt_store *store, const char *key, void *bytes, size_t capacity,
                       size_t *length)
{
    mount *at = mount_of(store);
    lfs_file_t file;
    struct lfs_file_config config = {.buffer = at->file_buffer};
    char path[TT_STORE_KEY_MAX + 1];
    path_of(key, path);
    int error = lfs_file_opencfg(&at->lfs, &file, path, LFS_O_RDONLY, &config);
    if (error != 0)
        return status_of(error);
    lfs_soff_t size = lfs_file_size(&at->lfs, &file);
    bool fits = (size_t)size <= capacity;
    lfs_ssize_t got = fits ? lfs_file_read(&at->lfs, &file, bytes, (lfs_size_t)size) : 0;
    error = lfs_file_close(&at->lfs, &file);
    *length = (size_t)size;
    return got < 0 || error < 0 ? TT_IO
           : !fits              ? TT_TOO_LARGE
           : got != size        ? TT_DAMAGED
           : size == 0          ? TT_NOT_FOUND
                                : TT_OK;
}

static void take_in(mount *at, const char *name)
{
    unsigned i = at->count++;
    TT_CHECK(at->count <= NAMES_MAX && strlen(name) <= TT_STORE_KEY_MAX);
    for (; i > 0 && strcmp(at->names[i - 1], name) > 0; i--)
        memcpy(at->names[i], at->names[i - 1], sizeof(at->names[i]));
    strcpy(at->names[i], name);
}

static tt_status list(mount *at)
{
    lfs_dir_t dir;
    struct lfs_info info;
    int error = lfs_dir_open(&at->lfs, &dir, "/");
    at->count = 0;
    while (error >= 0 && (error = lfs_dir_read(&at->lfs, &dir, &info)) > 0) {
        swap(info.name, '.', '/');
        if (info.type == LFS_TYPE_REG && info.size > 0)
            take_in(at, info.name);
    }
    at->listed = error == 0 && lfs_dir_close(&at->lfs, &dir) == 0;
    return at->listed ? TT_OK : TT_IO;
}

tt_status tt_store_next(tt_store *store, const char *prefix, char key[TT_STORE_KEY_MAX + 1],
                        tt_store_value *value)
{
    mount *at = mount_of(store);
    TT_CHECK(value == NULL);
    if (!at->listed && list(at) != TT_OK)
        return TT_IO;
    for (unsigned i = 0; i < at->count; i++) {
        if (strcmp(at->names[i], key) > 0 && strncmp(at->names[i], prefix, strlen(prefix)) == 0) {
            strcpy(key, at->names[i]);
            return TT_OK;
        }
    }
    return TT_NOT_FOUND;
}
