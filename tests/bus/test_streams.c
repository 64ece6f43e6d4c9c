// Long bodies as streams over a path that delays and loses: the time that they take, what they
// send, how they share a bottleneck, and what they leave to others. The argument: how many seeds.

#include <stdlib.h>

#include "tests/bus/streams.h"

static int by_size(const void *a, const void *b)
{
    tt_time x = *(const tt_time *)a, y = *(const tt_time *)b;
    return (x > y) - (x < y);
}

// 1 MiB over 40 ms and 5 % loss each way.
static void far_transfers(const char *name, tt_time (*one)(uint64_t), unsigned seeds)
{
    static tt_time times[1000];
    uint64_t bytes_max = 0;
    for (unsigned i = 0; i < seeds; i++) {
        times[i] = one(i + 1);
        uint64_t bytes = far.sent[0] + far.sent[1];
        bytes_max = bytes > bytes_max ? bytes : bytes_max;
    }
    qsort(times, seeds, sizeof(times[0]), by_size);
    printf("%s: median %d ms, worst %d ms, %.3f x the body\n", name,
           (int)(times[seeds / 2] / 1000000), (int)(times[seeds - 1] / 1000000),
           (double)bytes_max / MIB);
    EXPECT(times[seeds / 2] <= TT_MS(3000));
    EXPECT(times[seeds - 1] <= TT_MS(6000));
    EXPECT(bytes_max * 4 <= (uint64_t)MIB * 5);
}

// Two of 2 MiB each through one bottleneck of 1 MB/s with 50 ms of queue; the second begins
// `later`. While both run, each gets its share, and a small request beside them takes at most twice
// as long as on the idle path.
static void two_share(uint64_t seed, tt_time later, unsigned lost_per_mille, tt_method method)
{
    transfer t[2], small;
    size_t length = method == TT_PUT ? 2 * MIB : 0;
    size_t from[2] = {0, 0}, to[2] = {0, 0};
    tt_time worst = 0;
    start(seed);
    shown_length = 2 * MIB;
    far.delay = TT_MS(20);
    far.bytes_per_second = 1000000;
    far.queue = TT_MS(50);
    far.lost_per_mille[0] = far.lost_per_mille[1] = lost_per_mille;
    begin(&t[0], 1, method, method == TT_PUT ? "sink/1" : "show", length);
    far_pass(NULL, later);
    begin(&t[1], 2, method, method == TT_PUT ? "sink/2" : "show", length);
    far_pass(NULL, TT_MS(400));
    for (unsigned i = 0; i < 2; i++)
        from[i] = method == TT_PUT ? come[i + 1] : t[i].got;
    while (!t[0].done && !t[1].done) {
        for (unsigned i = 0; i < 2; i++)
            to[i] = method == TT_PUT ? come[i + 1] : t[i].got;
        begin(&small, 3, TT_GET, "ping", 0);
        far_pass(&small.done, TT_SECONDS(30));
        EXPECT(small.done && small.status == TT_OK);
        tt_time took = small.ended - small.begun;
        worst = took > worst ? took : worst;
    }
    size_t shares[2] = {to[0] - from[0], to[1] - from[1]};
    size_t both = shares[0] + shares[1];
    far_pass(&t[0].done, TT_SECONDS(30));
    far_pass(&t[1].done, TT_SECONDS(30));
    printf(
        "shared, seed %u, %s: %u %% and %u %%, ping at most %.1f ms, ends %d and %d ms, %u drops\n",
        (unsigned)seed, method == TT_PUT ? "put" : "get", (unsigned)(shares[0] * 100 / both),
        (unsigned)(shares[1] * 100 / both), (double)worst / 1e6,
        (int)((t[0].ended - t[0].begun) / 1000000), (int)((t[1].ended - t[1].begun) / 1000000),
        (unsigned)far.queue_drops);
    EXPECT(t[0].done && t[1].done && t[0].status == TT_OK && t[1].status == TT_OK);
    EXPECT(shares[0] * 10 >= both * 4 && shares[1] * 10 >= both * 4);
    EXPECT(lost_per_mille > 0 || worst <= TT_MS(80)); // else a lost ping counts
    expect_equal(1, 2 * MIB);
    expect_equal(2, 2 * MIB);
}

// Somebody's urgent message is not delayed by a body of our own.
static void urgent_goes_first(void)
{
    transfer t, small;
    start(1);
    far.delay = TT_MS(5);
    far.bytes_per_second = 1000000;
    far.queue = TT_MS(200);
    begin(&t, 1, TT_PUT, "sink/1", MIB);
    far_pass(NULL, TT_MS(300));
    for (int i = 0; i < 5; i++) {
        begin(&small, 1, TT_GET, "ping", 0);
        far_pass(&small.done, TT_SECONDS(1));
        EXPECT(small.done && small.ended - small.begun <= TT_MS(10 + 30));
    }
    EXPECT(!t.done);
}

static void begin_with(transfer *t, tt_method method, const char *path, size_t length,
                       tt_priority priority)
{
    begin(t, 1, TT_GET, "nothing", 0); // fills in what is common; it is replaced at once
    tt_bus_cancel(&far.bus[1], far.now, &t->call);
    t->done = false;
    t->status = TT_OK;
    t->call.method = method;
    t->call.path = path;
    t->call.payload = length > 0 ? body : NULL;
    t->call.length = length;
    t->call.priority = (int8_t)priority;
    REQUIRE(tt_bus_call(&far.bus[1], far.now, &t->call) == TT_OK);
}

// What a node has to say when it was held up: of how many streams, and whether no piece of a lower
// priority goes before one of a higher.
static void expect_order(unsigned from)
{
    uint8_t bytes[TT_BUS_MESSAGE_MAX];
    tt_endpoint peer;
    size_t length;
    int last = TT_PRIORITY_URGENT, first = TT_PRIORITY_LOW - 1;
    far.now += TT_MS(30);
    tt_bus_advance(&far.bus[from], far.now);
    while (tt_bus_transmit(&far.bus[from], &peer, bytes, sizeof(bytes), &length) == TT_OK) {
        for (unsigned i = 0; i < TT_BUS_STREAMS_MAX; i++) {
            const tt_bus_stream *s = &far.bus[from].streams[i];
            if (length < TT_BUS_BLOCK_MAX || memcmp(bytes + 4, s->token.bytes, 8) != 0)
                continue;
            EXPECT(s->priority <= last);
            last = s->priority;
            first = first < TT_PRIORITY_LOW ? last : first;
        }
        far_carry(from, from == 0 ? 1 : 0, bytes, length);
    }
    EXPECT(first > last && last == TT_PRIORITY_LOW); // both had something
}

// Of what waits for a peer the highest goes first, and of streams' pieces.
static void priorities(void)
{
    static transfer t[4];
    static const tt_priority order[] = {TT_PRIORITY_LOW, TT_PRIORITY_NORMAL, TT_PRIORITY_HIGH,
                                        TT_PRIORITY_URGENT};
    start(1);
    far.delay = TT_MS(5);
    begin(&t[0], 1, TT_GET, "ping", 0); // under way
    far_pass(NULL, TT_MS(1));
    for (unsigned i = 0; i < 3; i++)
        begin_with(&t[1 + i], TT_GET, "ping", 0, order[i == 0 ? 0 : i + 1]);
    far_pass(NULL, TT_MS(100));
    EXPECT(t[3].ended < t[2].ended && t[2].ended < t[1].ended && t[1].done);
    uint8_t bytes[TT_BUS_MESSAGE_MAX];
    tt_endpoint peer;
    size_t length;
    start(3); // to two peers at once: 0 and 2
    begin(&t[0], 1, TT_GET, "ping", 0);
    begin_with(&t[1], TT_GET, "ping", 0, TT_PRIORITY_NORMAL);
    tt_bus_cancel(&far.bus[1], far.now, &t[1].call);
    t[1].call.peer = far.endpoint[2];
    t[1].call.priority = TT_PRIORITY_URGENT;
    REQUIRE(tt_bus_call(&far.bus[1], far.now, &t[1].call) == TT_OK);
    EXPECT(tt_bus_transmit(&far.bus[1], &peer, bytes, sizeof(bytes), &length) == TT_OK);
    EXPECT(tt_endpoint_equal(&peer, &far.endpoint[2]));
    static const tt_method methods[] = {TT_PUT, TT_GET};
    for (unsigned m = 0; m < 2; m++) {
        start(2);
        far.delay = TT_MS(5);
        begin_with(&t[0], methods[m], m == 0 ? "sink/1" : "show", m == 0 ? MIB : 0,
                   TT_PRIORITY_LOW);
        far_pass(NULL, TT_MS(50));
        begin_with(&t[1], methods[m], m == 0 ? "sink/2" : "show", m == 0 ? MIB : 0,
                   TT_PRIORITY_HIGH);
        t[0].which = 1;
        t[1].which = 2;
        far_pass(NULL, TT_MS(50));
        expect_order(m == 0 ? 1 : 0);
        far_pass(&t[0].done, TT_SECONDS(30));
        far_pass(&t[1].done, TT_SECONDS(30));
        EXPECT(t[0].code == (m == 0 ? TT_CHANGED : TT_CONTENT) && t[1].code == t[0].code);
    }
    transfer bad;
    memset(&bad, 0, sizeof(bad));
    bad.call = (tt_call){.peer = far.endpoint[0],
                         .method = TT_GET,
                         .path = "ping",
                         .on_reply = replied,
                         .priority = TT_PRIORITY_URGENT + 1};
    EXPECT_EQUAL(tt_bus_call(&far.bus[1], far.now, &bad.call), TT_INVALID);
}

int main(int count, char **words)
{
    unsigned seeds = count > 1 ? (unsigned)atoi(words[1]) : 10;
    far_transfers("put", put_far, seeds);
    far_transfers("get", get_far, seeds);
    for (unsigned seed = 1; seed <= 1 + seeds / 10; seed++) {
        two_share(seed, 0, 0, TT_PUT);
        two_share(seed, TT_MS(500 + 37 * seed), 0, TT_PUT);
        two_share(seed, 0, 0, TT_GET);
        two_share(seed, TT_MS(500 + 37 * seed), 0, TT_GET);
    }
    urgent_goes_first();
    priorities();
    return test_result();
}
