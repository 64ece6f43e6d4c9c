// littlefs on a medium that takes its time, fails, and is of a geometry that littlefs cannot have.

#include <string.h>

#include "lfs.h"

#include "sim/tearing.h"
#include "tests/test.h"
#include "tutti/littlefs.h"

#define SECTOR_BYTES 512
#define SECTORS 16
#define BUSY 3 // times that the medium says so, after each operation

static uint8_t image[SECTORS * SECTOR_BYTES];
static uint8_t read_buffer[64], program_buffer[64], file_buffer[64], lookahead[8];
static tt_tearing tearing;
static tt_littlefs medium;
static struct lfs_config config;
static lfs_t lfs;
static unsigned waits;

static void count_wait(void *user)
{
    waits += user == &waits;
}

static tt_status set_up(uint32_t sector_bytes)
{
    memset(image, 0xff, sizeof(image));
    tt_tearing_init(&tearing, image, 4, sector_bytes, SECTORS, 0xff);
    medium = (tt_littlefs){.medium = &tearing.medium, .wait = count_wait, .user = &waits};
    config = (struct lfs_config){.block_cycles = 100,
                                 .cache_size = 64,
                                 .lookahead_size = sizeof(lookahead),
                                 .read_buffer = read_buffer,
                                 .prog_buffer = program_buffer,
                                 .lookahead_buffer = lookahead};
    return tt_littlefs_configure(&config, &medium);
}

static int write_file(const char *text)
{
    lfs_file_t file;
    struct lfs_file_config buffer = {.buffer = file_buffer};
    int error =
        lfs_file_opencfg(&lfs, &file, "file", LFS_O_WRONLY | LFS_O_CREAT | LFS_O_TRUNC, &buffer);
    if (error != 0)
        return error;
    lfs_ssize_t written = lfs_file_write(&lfs, &file, text, (lfs_size_t)strlen(text));
    error = lfs_file_close(&lfs, &file);
    return written < 0 ? written : error;
}

static int read_file(char *text, lfs_size_t capacity)
{
    lfs_file_t file;
    struct lfs_file_config buffer = {.buffer = file_buffer};
    int error = lfs_file_opencfg(&lfs, &file, "file", LFS_O_RDONLY, &buffer);
    if (error != 0)
        return error;
    lfs_ssize_t got = lfs_file_read(&lfs, &file, text, capacity);
    error = lfs_file_close(&lfs, &file);
    return error < 0 ? error : got;
}

// Each operation is waited for, and what was written is there after the next mount.
static void test_waits(void)
{
    char text[32] = "";
    EXPECT_EQUAL(set_up(SECTOR_BYTES), TT_OK);
    EXPECT_EQUAL(config.prog_size, 4);
    EXPECT_EQUAL(config.block_count, SECTORS);
    tearing.busy_program = tearing.busy_erase = tearing.busy_sync = BUSY;
    EXPECT_EQUAL(lfs_format(&lfs, &config), 0);
    EXPECT_EQUAL(lfs_mount(&lfs, &config), 0);
    EXPECT_EQUAL(write_file("what is kept"), 0);
    EXPECT(tearing.programs > 0 && tearing.erases > 0 && tearing.syncs > 0);
    EXPECT_EQUAL(waits, BUSY * (tearing.programs + tearing.erases + tearing.syncs));
    EXPECT_EQUAL(lfs_mount(&lfs, &config), 0);
    EXPECT_EQUAL(read_file(text, sizeof(text)), 12);
    EXPECT(strcmp(text, "what is kept") == 0);
    medium.wait = NULL;
    EXPECT_EQUAL(write_file("another"), 0);
    EXPECT_EQUAL(tearing.misuses, 0);
}

static void test_failing(void)
{
    char text[32];
    EXPECT_EQUAL(set_up(SECTOR_BYTES), TT_OK);
    EXPECT_EQUAL(lfs_format(&lfs, &config), 0);
    EXPECT_EQUAL(lfs_mount(&lfs, &config), 0);
    EXPECT_EQUAL(write_file("first"), 0);
    tearing.broken = true; // programs and erases fail
    EXPECT_EQUAL(write_file("second"), LFS_ERR_IO);
    tearing.broken = false;
    EXPECT_EQUAL(lfs_mount(&lfs, &config), 0);
    EXPECT_EQUAL(read_file(text, sizeof(text)), 5);
    tearing.dead = true; // so does reading
    EXPECT_EQUAL(lfs_mount(&lfs, &config), LFS_ERR_IO);
}

int main(void)
{
    EXPECT_EQUAL(set_up(128), TT_OK);
    EXPECT_EQUAL(set_up(64), TT_UNSUPPORTED);
    test_waits();
    test_failing();
    return test_result();
}
