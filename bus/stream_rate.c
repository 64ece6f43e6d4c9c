// How much of a stream is under way: it follows the delay, not the loss (RFC 8085, 3.1; in the
// spirit of LEDBAT, RFC 6817).
//
// What a round trip takes longer than the least one of the last ten to twenty seconds is the queue
// that we and others fill. Below the target the window grows by two pieces a round trip; above it,
// it shrinks by so much that the queue runs empty, and then has a round trip's time to do so. So
// every sender sees the path without a queue again and again, and whoever comes later measures the
// same base as the others; since all grow by as much and shrink by a share, they come to share
// alike. At the beginning the window grows by half a round trip, until the first sign of a queue.
// Loss alone shrinks it only where a fifth of a round is lost: a path whose queue is shorter than
// the target.

#include <string.h>

#include "bus/stream.h"

#define WINDOW_FIRST (10 * TT_BUS_BLOCK_MAX) // RFC 6928
#define WINDOW_LEAST (2 * TT_BUS_BLOCK_MAX)
#define QUEUE_TARGET TT_MS(20)
#define QUEUE_SEEN TT_MS(5) // ends the quick start
#define BASE_AGE TT_SECONDS(10)
#define GROWTH 2 // pieces a round trip

void tt_rate_begin(tt_bus_rate *rate, tt_time now)
{
    memset(rate, 0, sizeof(*rate));
    rate->window = WINDOW_FIRST;
    rate->base = rate->base_before = TT_FOREVER;
    rate->base_since = rate->round_until = now;
}

static void note(tt_bus_rate *rate, tt_time now, tt_time round_trip)
{
    if (now - rate->base_since >= BASE_AGE) {
        rate->base_before = rate->base;
        rate->base = TT_FOREVER;
        rate->base_since = now;
    }
    rate->base = tt_earlier(rate->base, round_trip);
    rate->recent[rate->recent_at++ % 4] = round_trip;
}

// The queue's delay: of the last four round trips the least counts, since one may have waited for a
// processor.
static tt_time queue_of(const tt_bus_rate *rate, tt_time base)
{
    tt_time least = TT_FOREVER;
    for (unsigned i = 0; i < 4; i++)
        least = tt_earlier(least, rate->recent[i] > 0 ? rate->recent[i] : base);
    return least - base;
}

// Shrinks to `per_mille` of what it is, once a round.
static void cut(tt_bus_rate *rate, const tt_bus_session *session, tt_time now, uint64_t per_mille)
{
    rate->began = true;
    rate->window = (uint32_t)(rate->window * per_mille / 1000);
    if (rate->window < WINDOW_LEAST)
        rate->window = WINDOW_LEAST;
    rate->round_until = tt_after(now, session->round_trip);
    rate->taken = rate->lost = 0;
}

static uint64_t share_of(tt_time base, tt_time queue)
{
    uint64_t share = 900 * (uint64_t)base / (uint64_t)(base + queue);
    return share < 500 ? 500 : share;
}

void tt_rate_hear(tt_bus_rate *rate, const tt_bus_session *session, tt_time now, tt_time round_trip,
                  uint32_t taken, uint32_t lost, bool was_full)
{
    if (round_trip > 0)
        note(rate, now, round_trip);
    tt_time base = tt_earlier(rate->base, rate->base_before);
    if (base == TT_FOREVER)
        return;
    tt_time queue = queue_of(rate, base);
    rate->taken = (uint16_t)(rate->taken + taken);
    rate->lost = (uint16_t)(rate->lost + lost);
    bool is_narrow = rate->lost >= 4 && 4 * rate->lost >= rate->taken;
    if (now >= rate->round_until && queue > (rate->began ? QUEUE_TARGET : QUEUE_SEEN)) {
        cut(rate, session, now, share_of(base, queue));
        return;
    }
    if (now >= rate->round_until && is_narrow) {
        cut(rate, session, now, 700);
        return;
    }
    if (rate->taken >= rate->window / TT_BUS_BLOCK_MAX)
        rate->taken = rate->lost = 0; // a round is over
    if (!was_full || queue > QUEUE_TARGET)
        return;
    if (rate->began)
        rate->window += GROWTH * taken * TT_BUS_BLOCK_MAX * TT_BUS_BLOCK_MAX / rate->window;
    else
        rate->window += taken * TT_BUS_BLOCK_MAX / 2;
    if (rate->window > TT_BUS_STREAM_WINDOW)
        rate->window = TT_BUS_STREAM_WINDOW > WINDOW_LEAST ? TT_BUS_STREAM_WINDOW : WINDOW_LEAST;
}

void tt_rate_stall(tt_bus_rate *rate)
{
    rate->window = WINDOW_LEAST;
    rate->began = false;
}

// A quarter faster than the window a round trip, half as fast again in the quick start.
tt_time tt_rate_gap(const tt_bus_rate *rate, const tt_bus_session *session)
{
    tt_time gap = session->round_trip * TT_BUS_BLOCK_MAX / rate->window;
    return rate->began ? gap * 4 / 5 : gap * 2 / 3;
}
