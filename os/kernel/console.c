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

#include <string.h>

#include "os/kernel/kept.h"
#include "os/kernel/scheduler.h"

#define RING_BYTES 256
#define NUMBER_BYTES 24   // at most, of a line's number and time, in all of ten years
#define PUT_BYTES 32      // to the device at a time, others being held off
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
            whole = whole < PUT_BYTES ? whole : PUT_BYTES;
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
    if (fits) {
        unsigned place = (first + count) % RING_BYTES;
        unsigned whole = length < RING_BYTES - place ? length : RING_BYTES - place;
        memcpy(ring + place, bytes, whole);
        memcpy(ring, bytes + whole, length - whole);
        count += length;
    }
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

// Locked for a line at a time, and for no more of it than is kept: lines stay whole, and others are
// not held off for as long as all of them take.
static bool log_lines(const char *text, size_t length)
{
    uint64_t now_ms = tt_kept_uptime_ms();
    bool ended = false;
    while (length > 0) {
        size_t most = length < TT_LOG_LINE_MAX ? length : TT_LOG_LINE_MAX;
        const char *newline = memchr(text, '\n', most);
        size_t piece = newline != NULL ? (size_t)(newline - text) + 1 : most;
        tt_lock_state lock = tt_scheduler_lock();
        tt_log_make_room(&tt_kept_memory.log, piece + NUMBER_BYTES);
        tt_arch_unlock(lock);
        lock = tt_scheduler_lock();
        ended |= tt_log_write(&tt_kept_memory.log, now_ms, text, piece);
        tt_arch_unlock(lock);
        text += piece;
        length -= piece;
    }
    return ended;
}

void tt_console_write(const void *bytes, size_t length)
{
    bool ended = tt_kept_has_begun() && log_lines(bytes, length);
    tt_console_write_unlogged(bytes, length);
    if (ended && line_written != NULL)
        line_written(line_context);
}
