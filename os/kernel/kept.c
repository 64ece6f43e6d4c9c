// How the last lives ended (see tutti/kept.h).

#include <string.h>

#include "os/arch/arch.h"
#include "os/kernel/kept.h"
#include "tutti/bytes.h"
#include "tutti/kernel.h"

#define READ_PIECE 256    // bytes
#define MAGIC 0x504b5454u // "TTKP" in memory, little-endian

tt_kept tt_kept_memory TT_KEPT;

static tt_time began;
static bool has_begun;
static uint32_t boot_number;

static uint32_t sum(void)
{
    size_t from = offsetof(tt_kept, restarts);
    return tt_crc32(0, (const uint8_t *)&tt_kept_memory + from, offsetof(tt_kept, crash) - from);
}

static void seal(void)
{
    tt_kept_memory.crc = sum();
}

static bool is_whole(void)
{
    return tt_kept_memory.magic == MAGIC && tt_kept_memory.length == sizeof(tt_kept_memory) &&
           tt_kept_memory.crc == sum();
}

void tt_kept_begin(void)
{
    tt_kept *kept = &tt_kept_memory;
    if (!is_whole()) { // the power was cut
        memset(kept, 0, sizeof(*kept));
        kept->magic = MAGIC;
        kept->length = sizeof(*kept);
    } else {
        kept->restarts++;
        kept->short_lives = kept->lived || kept->by_hand ? 0 : kept->short_lives + 1;
        kept->safe = !kept->by_hand && (kept->safe || kept->short_lives >= TT_SHORT_LIVES_MAX);
    }
    kept->lived = kept->by_hand = false;
    seal();
    tt_log_init(&kept->log);
    began = tt_arch_now();
    has_begun = true;
}

void tt_kept_look(tt_time now)
{
    if (!tt_kept_memory.lived && now - began >= TT_LIFE_SHORT)
        tt_kept_excuse();
}

void tt_kept_excuse(void)
{
    uintptr_t lock = tt_arch_lock();
    tt_kept_memory.lived = true;
    seal();
    tt_arch_unlock(lock);
}

uint32_t tt_kept_restarts(void)
{
    return tt_kept_memory.restarts;
}

bool tt_kept_is_safe_mode(void)
{
    return tt_kept_memory.safe;
}

tt_time tt_kept_began(void)
{
    return began;
}

uint64_t tt_kept_uptime_ms(void)
{
    return has_begun ? (uint64_t)(tt_arch_now() - began) / 1000000 : 0;
}

bool tt_kept_has_begun(void)
{
    return has_begun;
}

void tt_kept_set_boot(uint32_t boot)
{
    boot_number = boot;
}

uint32_t tt_kept_boot(void)
{
    return boot_number;
}

const tt_crash *tt_kept_crash(void)
{
    return tt_crash_is_whole(&tt_kept_memory.crash) ? &tt_kept_memory.crash : NULL;
}

void tt_kept_clear_crash(void)
{
    memset(&tt_kept_memory.crash, 0, sizeof(tt_kept_memory.crash));
}

// Locked for a piece at a time, so that others are not held off for long. Where a line comes in
// between it is read anew, in larger pieces, so that it comes to an end.
size_t tt_kept_read_log(size_t offset, void *bytes, size_t capacity, uint64_t *version)
{
    const tt_log *log = &tt_kept_memory.log;
    size_t length = 0, piece = READ_PIECE, got;
    do {
        uintptr_t lock = tt_arch_lock();
        if (length > 0 && tt_log_version(log) != *version) {
            length = 0;
            piece *= 2;
        }
        size_t left = capacity - length;
        got =
            tt_log_read(log, offset + length, (char *)bytes + length, left < piece ? left : piece);
        *version = tt_log_version(log);
        tt_arch_unlock(lock);
        length += got;
    } while (got == piece);
    return length;
}

void tt_kept_restart(void)
{
    tt_arch_lock();
    tt_kept_memory.by_hand = true;
    seal();
    tt_board_reset();
}
