// The console: what is written goes to the board's device and, with number and time, into the log
// that a reset keeps.
//
// On the way to the device is a ring of bytes that everybody fills and everybody empties. The bytes
// of a call go into the ring in one piece, locked, so nobody's come between them. Then the caller
// moves what is in the ring to the device, a few bytes at a time and unlocked between. Who
// interrupts it appends behind, and moves all of it on: nobody waits for another, an interrupt not
// for the thread that it came upon, and a dump not for anybody. A device that takes nothing for a
// long time loses what waits, and from then on whatever it does not take at once: a panic goes on
// to its end.

#include "os/kernel/kept.h"
#include "os/kernel/scheduler.h"

#define RING_BYTES 256
#define TRIES_MAX 2000000 // 3 s at 25 MHz; at 115,200 baud a byte takes 87 us

static uint8_t ring[RING_BYTES];
static unsigned first, count;
static bool stuck; // it took nothing for a long time, and nothing since

// Moves bytes to the device until `wanted` are free.
static void make_room(unsigned wanted)
{
    for (unsigned tries = 0;; tries++) {
        tt_lock_state lock = tt_arch_lock();
        bool enough = RING_BYTES - count >= wanted;
        if (!enough) {
            unsigned whole = count < RING_BYTES - first ? count : RING_BYTES - first;
            unsigned taken = (unsigned)tt_board_console_put(ring + first, whole);
            first = (first + taken) % RING_BYTES;
            count -= taken;
            tries = taken > 0 ? 0 : tries;
            stuck = taken == 0 && (stuck || tries == TRIES_MAX);
            count = stuck ? 0 : count;
        }
        tt_arch_unlock(lock);
        if (enough)
            return;
    }
}

static bool append(const uint8_t *bytes, unsigned length)
{
    tt_lock_state lock = tt_arch_lock();
    bool fits = RING_BYTES - count >= length;
    for (unsigned i = 0; fits && i < length; i++)
        ring[(first + count + i) % RING_BYTES] = bytes[i];
    count += fits ? length : 0;
    tt_arch_unlock(lock);
    return fits;
}

void tt_console_write_unlogged(const void *bytes, size_t length)
{
    const uint8_t *data = bytes;
    while (length > 0) {
        unsigned piece = length < RING_BYTES ? (unsigned)length : RING_BYTES;
        while (!append(data, piece))
            make_room(piece);
        data += piece;
        length -= piece;
    }
    make_room(RING_BYTES);
}

static void (*line_written)(void *context);
static void *line_context;

void tt_kept_on_line(void (*written)(void *context), void *context)
{
    tt_lock_state lock = tt_scheduler_lock();
    line_written = written;
    line_context = context;
    tt_arch_unlock(lock);
}

void tt_console_write(const void *bytes, size_t length)
{
    uint64_t now_ms = tt_kept_uptime_ms();
    tt_lock_state lock = tt_scheduler_lock();
    bool ended = tt_kept_has_begun() && tt_log_write(&tt_kept_memory.log, now_ms, bytes, length);
    tt_arch_unlock(lock);
    tt_console_write_unlogged(bytes, length);
    if (ended && line_written != NULL)
        line_written(line_context);
}
