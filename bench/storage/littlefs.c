// What littlefs programs for an update, on the medium and with the updates of measure.c: a key is a
// file of one directory, an update writes it and closes it.

#include <stdio.h>
#include <string.h>

#include "lfs.h"

#include "sim/tearing.h"
#include "tutti/check.h"
#include "tutti/littlefs.h"

#define UPDATES 10000
#define HOT_KEYS 12
#define VALUE_BYTES 24
#define COLD_BYTES 100
#define SECTOR_BYTES 4096
#define SECTORS 64
#define CACHE_BYTES 512 // an eighth of a sector: the longest value that lies in metadata

static uint8_t image[SECTORS * SECTOR_BYTES];
static tt_tearing tearing;
static lfs_t lfs;

static void begin(void)
{
    static tt_littlefs medium;
    static struct lfs_config config;
    static uint8_t read_buffer[CACHE_BYTES], program_buffer[CACHE_BYTES], lookahead[SECTORS / 8];
    memset(image, 0xff, sizeof(image));
    tt_tearing_init(&tearing, image, 1, SECTOR_BYTES, SECTORS, 0xff);
    tearing.unhashed = true;
    medium.medium = &tearing.medium;
    config = (struct lfs_config){.block_cycles = 500, // in the middle of what lfs.h suggests
                                 .cache_size = CACHE_BYTES,
                                 .lookahead_size = sizeof(lookahead),
                                 .read_buffer = read_buffer,
                                 .prog_buffer = program_buffer,
                                 .lookahead_buffer = lookahead};
    TT_CHECK(tt_littlefs_configure(&config, &medium) == TT_OK);
    TT_CHECK(lfs_format(&lfs, &config) == 0 && lfs_mount(&lfs, &config) == 0);
}

static int put(unsigned k, uint32_t length)
{
    static uint8_t value[COLD_BYTES], buffer[CACHE_BYTES];
    struct lfs_file_config config = {.buffer = buffer};
    lfs_file_t file;
    char name[16];
    snprintf(name, sizeof(name), "key.%04u", k % 10000); // 8 bytes
    memset(value, (int)k, sizeof(value));
    int error =
        lfs_file_opencfg(&lfs, &file, name, LFS_O_WRONLY | LFS_O_CREAT | LFS_O_TRUNC, &config);
    if (error != 0)
        return error;
    lfs_ssize_t written = lfs_file_write(&lfs, &file, value, length);
    error = lfs_file_close(&lfs, &file);
    return written < 0 ? written : error;
}

// Values until it says that it is full, or `most`; how many went.
static unsigned fill(unsigned most, uint32_t cold_bytes)
{
    begin();
    unsigned keys = 0;
    while (keys < most && put(keys, keys < HOT_KEYS ? VALUE_BYTES : cold_bytes) == 0)
        keys++;
    return keys;
}

// Values that never change fill three quarters of what it can hold; then 12 are updated, or all.
static void programmed(const char *name, bool uniform)
{
    tt_random random;
    tt_random_seed(&random, 1);
    uint32_t cold_bytes = uniform ? VALUE_BYTES : COLD_BYTES;
    unsigned full = fill(10000, cold_bytes), keys = fill(full * 3 / 4, cold_bytes);
    TT_CHECK(keys == full * 3 / 4);
    unsigned range = uniform ? keys : HOT_KEYS;
    uint64_t before = 0, erases = 0;
    for (unsigned i = 0; i < 2 * UPDATES; i++) { // the second half is measured
        if (i == UPDATES) {
            before = tearing.programmed_bytes;
            erases = tearing.erases;
        }
        TT_CHECK(put((unsigned)tt_random_below(&random, range), VALUE_BYTES) == 0);
    }
    double each = (double)(tearing.programmed_bytes - before) / UPDATES;
    printf("bench storage.%s.littlefs %.1f bytes_an_update\n", name, each);
    printf("bench storage.%s_amplification.littlefs %.2f times\n", name, each / (8 + VALUE_BYTES));
    printf("bench storage.%s_keys.littlefs %u keys\n", name, keys);
    printf("bench storage.%s_erases.littlefs %llu erases\n", name,
           (unsigned long long)(tearing.erases - erases));
}

int main(void)
{
    programmed("programmed", false);
    programmed("programmed_uniform", true);
    return 0;
}
