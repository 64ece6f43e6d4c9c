// When a message is repeated: as soon as the path that was measured makes it lost, and what is
// taken for a measurement (RFC 6298, 2 and 3; RFC 7252, 4.2).

#include "tests/bus/exchange.h"

static uint8_t bytes[TT_BUS_MESSAGE_MAX];

// What a device has to say to the other one arrives there; how many.
static unsigned carry(device *from, device *to)
{
    tt_endpoint peer;
    size_t length;
    unsigned count = 0;
    for (; tt_bus_transmit(&from->bus, &peer, bytes, sizeof(bytes), &length) == TT_OK; count++)
        if (to != NULL) // else it is lost
            tt_bus_receive(&to->bus, time_now, &from->endpoint, bytes, length);
    return count;
}

static void put(asked *a)
{
    memset(a, 0, sizeof(*a));
    a->call = (tt_call){.peer = SERVER->endpoint,
                        .method = TT_PUT,
                        .path = "keep",
                        .payload = "x",
                        .length = 1,
                        .content_format = TT_FORMAT_OCTETS,
                        .accept = TT_FORMAT_NONE,
                        .on_reply = asked_reply,
                        .context = a};
    REQUIRE(tt_bus_call(&CLIENT->bus, time_now, &a->call) == TT_OK);
}

// A request whose answer is there after `round_trip`.
static void exchange(tt_time round_trip)
{
    asked a;
    put(&a);
    EXPECT_EQUAL(carry(CLIENT, SERVER), 1);
    time_now += round_trip;
    EXPECT_EQUAL(carry(SERVER, CLIENT), 1);
    EXPECT_ANSWER(a, TT_CHANGED);
}

// After how long a request that is lost goes again; then it arrives, after `round_trip`.
static tt_time repeated_after(tt_time round_trip)
{
    asked a;
    tt_time begun = time_now;
    put(&a);
    EXPECT_EQUAL(carry(CLIENT, NULL), 1);
    time_now = tt_bus_deadline(&CLIENT->bus);
    tt_bus_advance(&CLIENT->bus, time_now);
    tt_time after = time_now - begun;
    EXPECT_EQUAL(carry(CLIENT, SERVER), 1);
    time_now += round_trip;
    EXPECT_EQUAL(carry(SERVER, CLIENT), 1);
    EXPECT_ANSWER(a, TT_CHANGED);
    return after;
}

static bool is_about(tt_time wait, tt_time least) // times 1 to 1.5
{
    return wait >= least && wait <= least + least / 2;
}

static void test_measured(void)
{
    start();
    EXPECT(is_about(repeated_after(TT_MS(2)), TT_BUS_ACK_TIMEOUT)); // nothing is known
    // Of one that was sent twice nobody knows which was acknowledged.
    EXPECT(is_about(repeated_after(TT_MS(2)), TT_BUS_ACK_TIMEOUT));
    exchange(TT_MS(2));
    EXPECT(is_about(repeated_after(TT_MS(2)), TT_MS(100))); // never sooner
    tt_bus_forget_peer(&CLIENT->bus, time_now, &SERVER->endpoint);
    EXPECT(is_about(repeated_after(TT_MS(2)), TT_BUS_ACK_TIMEOUT)); // it may be another path
}

static void test_longer_path(void)
{
    start();
    exchange(TT_MS(400)); // and a deviation of half of it
    EXPECT(is_about(repeated_after(TT_MS(400)), TT_MS(1200)));
    for (int i = 0; i < 50; i++)
        exchange(TT_MS(400));
    tt_time steady = repeated_after(TT_MS(400));
    EXPECT(steady >= TT_MS(400) && steady < TT_MS(620)); // it does not vary
    exchange(TT_MS(40));
    EXPECT(repeated_after(TT_MS(40)) > TT_MS(600)); // now it does
    for (int i = 0; i < 100; i++)
        exchange(TT_MS(40));
    EXPECT(is_about(repeated_after(TT_MS(40)), TT_MS(100)));
}

static void test_longest_wait(void)
{
    start();
    exchange(TT_MS(499));
    for (int i = 0; i < 20; i++) { // it jumps about
        exchange(TT_MS(1));
        exchange(TT_MS(499));
    }
    EXPECT(repeated_after(TT_MS(1)) <= TT_MS(3000));
    for (int i = 0; i < 30; i++)
        exchange(TT_MS(499));
}

// Whose first wait was short has as much time as any other: 23 s and more, not a second.
static void test_patience(void)
{
    asked a;
    start();
    exchange(TT_MS(2));
    tt_time begun = time_now;
    put(&a);
    a.call.timeout = 0;
    unsigned count = 0;
    while (!a.done) {
        count += carry(CLIENT, NULL);
        time_now = tt_bus_deadline(&CLIENT->bus);
        tt_bus_advance(&CLIENT->bus, time_now);
    }
    EXPECT_EQUAL(a.status, TT_TIMED_OUT);
    EXPECT(time_now - begun >= TT_SECONDS(12) && time_now - begun <= TT_SECONDS(40));
    EXPECT(count >= 7 && count <= 9);
}

int main(void)
{
    test_measured();
    test_longer_path();
    test_longest_wait();
    test_patience();
    return test_result();
}
