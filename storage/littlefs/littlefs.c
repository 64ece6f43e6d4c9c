// littlefs on a medium: its four functions, each of which waits till the medium is done.
//
// A littlefs block is a sector. Programs go out as they come: littlefs programs whole units, each
// once between two erases, which the tests count.

#include "lfs.h"

#include "tutti/littlefs.h"

#define BLOCK_BYTES_LEAST 128 // lfs_init asks for no less

static tt_littlefs *self(const struct lfs_config *config)
{
    return config->context;
}

static uint32_t address_of(const struct lfs_config *config, lfs_block_t block, lfs_off_t offset)
{
    return block * config->block_size + offset;
}

// Waits for an operation that was begun with `status`.
static int finish(tt_littlefs *littlefs, tt_status status)
{
    tt_medium *medium = littlefs->medium;
    if (status == TT_OK) {
        while ((status = medium->operations->poll(medium)) == TT_BUSY) {
            if (littlefs->wait != NULL)
                littlefs->wait(littlefs->user);
        }
    }
    return status == TT_OK ? LFS_ERR_OK : LFS_ERR_IO;
}

static int read_block(const struct lfs_config *config, lfs_block_t block, lfs_off_t offset,
                      void *bytes, lfs_size_t length)
{
    tt_medium *medium = self(config)->medium;
    tt_status status =
        medium->operations->read(medium, address_of(config, block, offset), bytes, length);
    return status == TT_OK ? LFS_ERR_OK : LFS_ERR_IO;
}

static int program_block(const struct lfs_config *config, lfs_block_t block, lfs_off_t offset,
                         const void *bytes, lfs_size_t length)
{
    tt_medium *medium = self(config)->medium;
    return finish(self(config), medium->operations->program(
                                    medium, address_of(config, block, offset), bytes, length));
}

static int erase_block(const struct lfs_config *config, lfs_block_t block)
{
    tt_medium *medium = self(config)->medium;
    return finish(self(config), medium->operations->erase(medium, address_of(config, block, 0)));
}

static int sync_blocks(const struct lfs_config *config)
{
    tt_medium *medium = self(config)->medium;
    return finish(self(config), medium->operations->sync(medium));
}

tt_status tt_littlefs_configure(struct lfs_config *config, tt_littlefs *littlefs)
{
    const tt_medium *medium = littlefs->medium;
    if (medium->sector_bytes < BLOCK_BYTES_LEAST)
        return TT_UNSUPPORTED;
    config->context = littlefs;
    config->read = read_block;
    config->prog = program_block;
    config->erase = erase_block;
    config->sync = sync_blocks;
    config->read_size = 1;
    config->prog_size = medium->program_bytes;
    config->block_size = medium->sector_bytes;
    config->block_count = medium->sectors;
    return TT_OK;
}
