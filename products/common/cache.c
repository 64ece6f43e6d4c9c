// A medium's first sectors in RAM, read once each: for media where a read takes as long as hundreds
// of instructions, however short it is. What is programmed or erased is read anew.

#include <string.h>

#include "products/common/internal.h"
#include "tutti/check.h"

static tt_medium *below_of(tt_medium *medium)
{
    return ((tt_product_cache *)medium)->below;
}

static void forget(tt_medium *medium, uint32_t address)
{
    tt_product_cache *cache = (tt_product_cache *)medium;
    uint32_t sector = address / medium->sector_bytes;
    if (sector < cache->sectors)
        cache->valid[sector / 32] &= ~(1u << sector % 32);
}

static tt_status fill(tt_product_cache *cache, uint32_t sector)
{
    uint32_t bytes = cache->medium.sector_bytes;
    tt_status status = cache->below->operations->read(cache->below, sector * bytes,
                                                      cache->bytes + sector * bytes, bytes);
    if (status == TT_OK)
        cache->valid[sector / 32] |= 1u << sector % 32;
    return status;
}

static tt_status cache_read(tt_medium *medium, uint32_t address, void *bytes, size_t length)
{
    tt_product_cache *cache = (tt_product_cache *)medium;
    uint8_t *to = bytes;
    while (length > 0) {
        uint32_t sector = address / medium->sector_bytes;
        size_t left = medium->sector_bytes - address % medium->sector_bytes;
        if (sector >= cache->sectors)
            return cache->below->operations->read(cache->below, address, to, length);
        bool valid = (cache->valid[sector / 32] >> sector % 32 & 1) != 0;
        tt_status status = valid ? TT_OK : fill(cache, sector);
        if (status != TT_OK)
            return status;
        left = left < length ? left : length;
        memcpy(to, cache->bytes + address, left);
        address += (uint32_t)left;
        to += left;
        length -= left;
    }
    return TT_OK;
}

static tt_status cache_program(tt_medium *medium, uint32_t address, const void *bytes,
                               size_t length)
{
    forget(medium, address); // it lies within one sector
    return below_of(medium)->operations->program(below_of(medium), address, bytes, length);
}

static tt_status cache_erase(tt_medium *medium, uint32_t address)
{
    forget(medium, address);
    return below_of(medium)->operations->erase(below_of(medium), address);
}

static tt_status cache_sync(tt_medium *medium)
{
    return below_of(medium)->operations->sync(below_of(medium));
}

static tt_status cache_poll(tt_medium *medium)
{
    return below_of(medium)->operations->poll(below_of(medium));
}

static void below_ready(tt_medium *below)
{
    tt_product_cache *cache = below->user;
    if (cache->medium.ready != NULL)
        cache->medium.ready(&cache->medium);
}

tt_medium *tt_product_cache_begin(tt_product_cache *cache, tt_medium *below, uint8_t *bytes,
                                  uint32_t sectors)
{
    static const tt_medium_operations operations = {.read = cache_read,
                                                    .program = cache_program,
                                                    .erase = cache_erase,
                                                    .sync = cache_sync,
                                                    .poll = cache_poll};
    TT_CHECK(sectors <= TT_PRODUCT_CACHE_SECTORS_MAX);
    *cache =
        (tt_product_cache){.medium = *below, .below = below, .bytes = bytes, .sectors = sectors};
    cache->medium.operations = &operations;
    below->user = cache;
    below->ready = below_ready;
    return &cache->medium;
}
