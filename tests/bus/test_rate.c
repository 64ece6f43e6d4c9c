// How much of a stream is under way: the window after each acknowledgement, reckoned by hand.

#include <string.h>

#include "bus/stream.h"
#include "tests/test.h"
#include "tutti/bus_storage.h"
#include "tutti/check.h"

#define PIECE TT_BUS_BLOCK_MAX
#define BASE TT_MS(40)

static tt_bus_rate rate;
static tt_bus_session session;
static tt_time now;

static void start(void)
{
    memset(&session, 0, sizeof(session));
    session.round_trip = BASE;
    now = TT_SECONDS(5);
    tt_rate_begin(&rate, now);
    EXPECT_EQUAL(rate.window, 10 * PIECE);
}

static void hear(tt_time round_trip, uint32_t taken, uint32_t lost)
{
    tt_rate_hear(&rate, &session, now, round_trip, taken, lost, true);
}

// Four round trips alike, so that all that are looked at say so; nothing is taken in them.
static void measure(tt_time round_trip)
{
    for (unsigned i = 0; i < 4; i++)
        hear(round_trip, 0, 0);
}

// The quick start has ended, with a window of so many bytes, and a round is over.
static void begin_at(uint32_t window)
{
    start();
    hear(BASE, 0, 0);
    rate.began = true;
    rate.window = window;
}

// Half of what comes is added, only to a window that was full, up to the greatest.
static void quick_start(void)
{
    start();
    hear(0, 4, 0);
    EXPECT_EQUAL(rate.window, 10 * PIECE); // nothing was measured
    hear(BASE, 4, 0);
    EXPECT_EQUAL(rate.window, 12 * PIECE);
    tt_rate_hear(&rate, &session, now, BASE, 4, 0, false);
    EXPECT_EQUAL(rate.window, 12 * PIECE);
    measure(BASE + TT_MS(5));
    hear(BASE + TT_MS(5), 2, 0);
    EXPECT(rate.window == 13 * PIECE && !rate.began);
    hear(BASE, 4 * TT_BUS_STREAM_PIECES, 0);
    EXPECT_EQUAL(rate.window, TT_BUS_STREAM_WINDOW);
    hear(BASE, 1, 0);
    EXPECT_EQUAL(rate.window, TT_BUS_STREAM_WINDOW);
}

// The first sign of a queue ends it: the window shrinks by its share, once in a round trip.
static void first_queue(void)
{
    start();
    hear(BASE, 0, 0);
    for (unsigned i = 0; i < 3; i++)
        hear(BASE + TT_MS(10), 0, 0);
    EXPECT(!rate.began); // one of the last four had no queue
    hear(BASE + TT_MS(10), 0, 0);
    EXPECT(rate.began);
    EXPECT_EQUAL(rate.window, 10 * PIECE * 720 / 1000);
    measure(BASE + TT_MS(10));
    EXPECT_EQUAL(rate.window, 10 * PIECE * 720 / 1000); // below the target
    measure(BASE + TT_MS(20));
    hear(BASE + TT_MS(20), 1, 0);
    uint32_t grown = 10 * PIECE * 720 / 1000;
    grown += 2 * PIECE * PIECE / grown;
    EXPECT_EQUAL(rate.window, grown); // at the target it still grows
    measure(BASE + TT_MS(22));
    hear(BASE + TT_MS(22), 1, 0);
    EXPECT_EQUAL(rate.window, grown); // above it no more
    now += BASE - 1;
    hear(BASE + TT_MS(22), 0, 0);
    EXPECT_EQUAL(rate.window, grown);
    now += 1;
    hear(BASE + TT_MS(22), 0, 0);
    EXPECT_EQUAL(rate.window, grown * 580 / 1000);
    EXPECT_EQUAL(rate.round_until, now + BASE);
}

// However long the queue is, half of it stays, and never less than two pieces.
static void long_queue(void)
{
    begin_at(40 * PIECE);
    measure(TT_SECONDS(1));
    EXPECT_EQUAL(rate.window, 20 * PIECE);
    for (unsigned i = 0; i < 10; i++) {
        now += BASE;
        hear(TT_SECONDS(1), 0, 0);
    }
    EXPECT_EQUAL(rate.window, 2 * PIECE);
    tt_rate_begin(&rate, now);
    rate.base = BASE;
    rate.began = true;
    tt_rate_stall(&rate);
    EXPECT(rate.window == 2 * PIECE && !rate.began);
}

// Two pieces more a round trip, shared among what comes.
static void growth(void)
{
    begin_at(20 * PIECE);
    hear(BASE, 10, 0);
    EXPECT_EQUAL(rate.window, 21 * PIECE);
    hear(BASE, 21, 0);
    EXPECT_EQUAL(rate.window, 23 * PIECE);
}

// Loss alone: four of a round and a fifth of it, once a round.
static void loss(void)
{
    static const struct {
        uint32_t taken, lost;
        bool cut;
    } cases[] = {{0, 3, false}, {0, 4, true}, {16, 4, true}, {17, 4, false}, {17, 5, true}};
    for (size_t i = 0; i < TT_COUNT(cases); i++) {
        begin_at(40 * PIECE);
        tt_rate_hear(&rate, &session, now, BASE, cases[i].taken, 0, false);
        for (uint32_t k = 0; k < cases[i].lost; k++)
            tt_rate_hear(&rate, &session, now, BASE, 0, 1, false);
        EXPECT_EQUAL(rate.window, cases[i].cut ? 28 * PIECE : 40 * PIECE);
        EXPECT_EQUAL(rate.lost, cases[i].cut ? 0 : cases[i].lost);
        tt_rate_hear(&rate, &session, now, BASE, 0, 20, false);
        EXPECT_EQUAL(rate.window, 28 * PIECE); // now, or before
        now += BASE;
        tt_rate_hear(&rate, &session, now, BASE, 0, 0, false);
        EXPECT_EQUAL(rate.window, cases[i].cut ? 28 * PIECE * 700 / 1000 : 28 * PIECE);
    }
    // What was lost in a round that is over does not count in the next.
    begin_at(40 * PIECE);
    tt_rate_hear(&rate, &session, now, BASE, 39, 3, false);
    EXPECT(rate.taken == 39 && rate.lost == 3);
    tt_rate_hear(&rate, &session, now, BASE, 1, 0, false);
    EXPECT(rate.taken == 0 && rate.lost == 0);
    tt_rate_hear(&rate, &session, now, BASE, 0, 3, false);
    EXPECT_EQUAL(rate.window, 40 * PIECE);
}

// The least round trip counts for ten to twenty seconds.
static void age(void)
{
    begin_at(20 * PIECE);
    now += TT_SECONDS(10) - 1;
    hear(BASE + TT_MS(10), 0, 0);
    EXPECT(rate.base == BASE && rate.base_before == TT_FOREVER);
    now += 1;
    measure(BASE + TT_MS(50)); // the first base is that of the ten seconds before
    EXPECT(rate.base == BASE + TT_MS(50) && rate.base_before == BASE);
    EXPECT(rate.window < 20 * PIECE);
    uint32_t window = rate.window;
    now += TT_SECONDS(10);
    measure(BASE + TT_MS(50));
    EXPECT_EQUAL(rate.base_before, BASE + TT_MS(50));
    EXPECT_EQUAL(rate.window, window); // no queue any more: the path is longer
}

// Pieces are spaced over the round trip, a quarter faster; half as fast again in the beginning.
static void gaps(void)
{
    start();
    EXPECT_EQUAL(tt_rate_gap(&rate, &session), BASE / 10 * 2 / 3);
    rate.began = true;
    rate.window = 20 * PIECE;
    EXPECT_EQUAL(tt_rate_gap(&rate, &session), BASE / 20 * 4 / 5);
}

int main(void)
{
    quick_start();
    first_queue();
    long_queue();
    growth();
    loss();
    age();
    gaps();
    return test_result();
}
