// The world itself: what its network does to datagrams, how it keeps time, and its platform, by the
// trace and by what nodes see.

#include "tests/test.h"
#include "tutti/bytes.h"
#include "tutti/check.h"
#include "tutti/sim.h"

#define DELAY_LEAST TT_MS(1)
#define DELAY_GREATEST TT_MS(60)
#define WORK_TIME TT_MS(40)
#define NODES 3
#define MARKERS 100

static tt_sim *sim;
static char *text; // of the trace so far
static size_t text_length;
static FILE *trace;
static unsigned starts[NODES];

static const tt_sim_options usual = {.seed = 3,
                                     .nodes = NODES,
                                     .delay_least = DELAY_LEAST,
                                     .delay_greatest = DELAY_GREATEST,
                                     .work_time = WORK_TIME,
                                     .skew_parts_per_million = 200};

static void on_start(tt_sim *world, unsigned node, void *context)
{
    EXPECT(context == starts && world == sim);
    starts[node]++;
}

static void begin(const tt_sim_options *options)
{
    tt_sim_options o = *options;
    memset(starts, 0, sizeof(starts));
    trace = open_memstream(&text, &text_length);
    o.trace = trace;
    o.on_start = on_start;
    o.context = starts;
    sim = tt_sim_new(&o);
    REQUIRE(sim != NULL && trace != NULL);
    for (unsigned i = 0; i < o.nodes; i++) {
        EXPECT(!tt_sim_alive(sim, i) && starts[i] == 0);
        tt_sim_start(sim, i, "test");
        EXPECT(tt_sim_alive(sim, i) && starts[i] == 1);
    }
    tt_sim_run_until(sim, TT_SECONDS(5));
}

static void end(void)
{
    tt_sim_free(sim);
    fclose(trace);
    free(text);
}

static tt_platform *platform_of(unsigned node)
{
    return tt_sim_node(sim, node)->platform;
}

// Something that no node answers: a message of CoAP's version 0.
static const uint8_t *marker_of(uint32_t marker)
{
    static uint8_t bytes[8];
    tt_writer w;
    tt_writer_init(&w, bytes, sizeof(bytes));
    tt_write_be32(&w, 0);
    tt_write_be32(&w, marker);
    return bytes;
}

static void send_marker(unsigned from, tt_endpoint to, uint32_t marker)
{
    static tt_datagram d;
    d = (tt_datagram){.socket = tt_sim_node(sim, from)->bus_socket, .peer = to, .length = 8};
    memcpy(d.data, marker_of(marker), 8);
    EXPECT_EQUAL(platform_of(from)->operations->send(platform_of(from), &d), TT_OK);
}

// How often a marker was delivered to a node, and when last.
static unsigned delivered(unsigned node, uint32_t marker, tt_time *when)
{
    unsigned count = 0;
    char end_of_line[64], what[32];
    snprintf(what, sizeof(what), "deliver %u ", node);
    snprintf(end_of_line, sizeof(end_of_line), " %lu",
             (unsigned long)tt_crc32(8, marker_of(marker), 8));
    fflush(trace);
    for (char *line = text; line != NULL && *line != '\0';) {
        char *newline = strchr(line, '\n');
        size_t length = newline != NULL ? (size_t)(newline - line) : strlen(line);
        size_t tail = strlen(end_of_line);
        const char *at = memchr(line, ' ', length);
        if (at != NULL && strncmp(at + 1, what, strlen(what)) == 0 && length > tail &&
            memcmp(line + length - tail, end_of_line, tail) == 0) {
            count++;
            *when = strtoll(line, NULL, 10);
        }
        line = newline != NULL ? newline + 1 : NULL;
    }
    return count;
}

// Sends MARKERS from one node to another; returns how many came, doubles too.
static unsigned pass(unsigned from, unsigned to, uint32_t first)
{
    unsigned count = 0;
    tt_time when;
    for (unsigned i = 0; i < MARKERS; i++)
        send_marker(from, tt_sim_endpoint(sim, to), first + i);
    tt_sim_run_until(sim, tt_sim_now(sim) + TT_SECONDS(1));
    for (unsigned i = 0; i < MARKERS; i++)
        count += delivered(to, first + i, &when);
    return count;
}

static void test_network(void)
{
    tt_sim_options o = usual;
    tt_time when = 0, before = 0;
    o.double_percent = 100;
    begin(&o);
    EXPECT_EQUAL(pass(0, 1, 1000), 2 * MARKERS);
    tt_sim_heal(sim);
    tt_time sent = tt_sim_now(sim);
    EXPECT_EQUAL(pass(0, 1, 2000), MARKERS);
    unsigned overtaken = 0;
    for (unsigned i = 0; i < MARKERS; i++, before = when) {
        EXPECT_EQUAL(delivered(1, 2000 + i, &when), 1);
        EXPECT(when >= sent + DELAY_LEAST && when <= sent + DELAY_GREATEST);
        EXPECT_EQUAL(delivered(2, 2000 + i, &when), 0);
        overtaken += when < before;
    }
    EXPECT(overtaken > MARKERS / 10);
    end();

    o.double_percent = 0;
    o.loss_percent = 100;
    begin(&o);
    EXPECT_EQUAL(pass(0, 1, 1000), 0);
    tt_sim_heal(sim);
    EXPECT_EQUAL(pass(0, 1, 2000), MARKERS);
    end();

    o.loss_percent = o.double_percent = 30;
    begin(&o);
    unsigned some = pass(0, 1, 1000); // 91 expected
    EXPECT(some > MARKERS * 6 / 10 && some < MARKERS * 12 / 10);
    end();
}

static void test_ends(void)
{
    tt_time when;
    begin(&usual);
    tt_sim_part(sim, 1, true);
    EXPECT(pass(0, 1, 1000) == 0 && pass(1, 0, 2000) == 0 && pass(0, 2, 3000) == MARKERS);
    tt_sim_part(sim, 1, false);
    EXPECT(pass(0, 1, 4000) == MARKERS && pass(1, 0, 5000) == MARKERS);

    send_marker(0, tt_sim_endpoint(sim, 1), 6000);
    send_marker(1, tt_sim_endpoint(sim, 0), 6001);
    tt_sim_kill(sim, 1);
    EXPECT(!tt_sim_alive(sim, 1) && tt_sim_alive(sim, 0));
    tt_sim_start(sim, 1, NULL);
    EXPECT(tt_sim_alive(sim, 1) && starts[1] == 2);
    tt_sim_run_until(sim, tt_sim_now(sim) + TT_SECONDS(1));
    EXPECT(delivered(1, 6000, &when) == 0 && delivered(0, 6001, &when) == 1);
    EXPECT_TEXT(tt_sim_node(sim, 0)->discovery.name, "node-0");
    EXPECT_TEXT(tt_sim_node(sim, 2)->discovery.name, "node-2");
    EXPECT(tt_sim_node(sim, 1)->options.name == NULL);
    for (unsigned i = 0; i < NODES; i++)
        EXPECT_EQUAL(tt_sim_index(sim, tt_sim_node(sim, i)), i);

    // A group is heard by everybody else who joined it, at the port that joined it.
    tt_endpoint group = {.ip = {0xff, 2, [15] = 0xfb}, .port = TT_MDNS_PORT};
    send_marker(0, group, 7000);
    group.port = TT_BUS_PORT;
    send_marker(0, group, 7001);
    group = (tt_endpoint){.ip = {0xff, 2, [15] = 0xfc}, .port = TT_MDNS_PORT};
    send_marker(0, group, 7002);
    tt_sim_run_until(sim, tt_sim_now(sim) + TT_SECONDS(1));
    EXPECT(delivered(0, 7000, &when) == 0 && delivered(1, 7000, &when) == 1 &&
           delivered(2, 7000, &when) == 1);
    for (unsigned i = 0; i < NODES; i++)
        EXPECT(delivered(i, 7001, &when) == 0 && delivered(i, 7002, &when) == 0);
    end();
}

static void test_sockets(void)
{
    begin(&usual);
    tt_platform *p = platform_of(0);
    const tt_platform_operations *ops = p->operations;
    tt_socket opened = 99;
    tt_endpoint own = {.port = 1}, none = {.ip = {[15] = 1}};
    EXPECT_EQUAL(ops->open(p, TT_BUS_PORT, NULL, 0, &opened), TT_BUSY);
    EXPECT_EQUAL(ops->open(p, 0, &none, 1, &opened), TT_INVALID);
    EXPECT_EQUAL(opened, 99);
    EXPECT_EQUAL(ops->open(p, 0, NULL, 0, &opened), TT_OK);
    EXPECT(ops->port(p, opened) != 0 && ops->port(p, opened) != TT_BUS_PORT);
    EXPECT_EQUAL(ops->port(p, tt_sim_node(sim, 0)->bus_socket), TT_BUS_PORT);
    EXPECT_EQUAL(ops->open(p, 0, NULL, 0, &opened), TT_FULL);
    static struct {
        tt_datagram datagram;
        uint8_t more; // that must not be sent
    } longer;
    longer.datagram.peer = tt_sim_endpoint(sim, 1);
    longer.datagram.length = TT_DATAGRAM_MAX + 1;
    EXPECT_EQUAL(ops->send(p, &longer.datagram), TT_TOO_LARGE);
    longer.datagram.length = TT_DATAGRAM_MAX;
    EXPECT_EQUAL(ops->send(p, &longer.datagram), TT_OK);
    EXPECT_EQUAL(ops->receive(p, &longer.datagram), TT_EMPTY);
    EXPECT(ops->addresses(p, &own, 0) == 0 && own.port == 1);
    EXPECT(ops->addresses(p, &own, 1) == 1 && own.port == 0);
    own.port = TT_BUS_PORT;
    tt_endpoint told = tt_sim_endpoint(sim, 0);
    EXPECT(tt_endpoint_equal(&own, &told));
    end();
}

static unsigned runs, dones, more_works;
static tt_time done_at[16];

static void run_work(tt_work *work)
{
    (void)work;
    runs++;
}

static void work_done(tt_work *work, tt_time now)
{
    done_at[dones++ % 16] = now;
    if (more_works > 0) {
        more_works--;
        EXPECT_EQUAL(platform_of(0)->operations->work(platform_of(0), work), TT_OK);
    }
}

static void test_works(void)
{
    static tt_work works[TT_WORKS_MAX + 1];
    tt_sim_options o = usual;
    o.skew_parts_per_million = 0;
    begin(&o);
    tt_platform *p = platform_of(0);
    for (unsigned i = 0; i <= TT_WORKS_MAX; i++) {
        works[i] = (tt_work){.run = run_work, .done = work_done};
        EXPECT_EQUAL(p->operations->work(p, &works[i]), i < TT_WORKS_MAX ? TT_OK : TT_FULL);
    }
    more_works = 1;
    tt_time before = p->operations->now(p);
    tt_sim_run_until(sim, tt_sim_now(sim) + TT_SECONDS(1));
    EXPECT(runs == TT_WORKS_MAX + 1 && dones == TT_WORKS_MAX + 1);
    for (unsigned i = 0; i <= TT_WORKS_MAX; i++)
        EXPECT_EQUAL(done_at[i], before + (i + 1) * WORK_TIME);
    for (unsigned i = 0; i < TT_WORKS_MAX; i++)
        EXPECT_EQUAL(p->operations->work(p, &works[i]), TT_OK);
    tt_sim_kill(sim, 0); // and its works with it
    tt_sim_start(sim, 0, "test");
    EXPECT_EQUAL(p->operations->work(p, &works[0]), TT_OK);
    tt_sim_run_until(sim, tt_sim_now(sim) + TT_SECONDS(1));
    EXPECT(runs == TT_WORKS_MAX + 2 && dones == TT_WORKS_MAX + 2);
    end();
}

static void test_clocks(void)
{
    const tt_time duration = TT_SECONDS(1000);
    tt_sim_options o = usual;
    for (unsigned skew = 0; skew <= 200; skew += 200) {
        tt_time least = 0, greatest = 0;
        o.skew_parts_per_million = skew;
        for (o.seed = 1; o.seed <= 10; o.seed++) {
            sim = tt_sim_new(&o);
            tt_time before[NODES];
            for (unsigned i = 0; i < NODES; i++)
                before[i] = tt_sim_node_now(sim, i);
            tt_sim_run_until(sim, tt_sim_now(sim) + duration);
            for (unsigned i = 0; i < NODES; i++) {
                tt_time ahead = tt_sim_node_now(sim, i) - before[i] - duration;
                EXPECT(!tt_sim_alive(sim, i));
                least = ahead < least ? ahead : least;
                greatest = ahead > greatest ? ahead : greatest;
            }
            tt_sim_free(sim);
        }
        tt_time most = duration / 1000000 * skew;
        EXPECT(least >= -most && greatest <= most);
        EXPECT(least <= -most / 2 && greatest >= most / 2);
    }
}

static char order[8], letters[] = "abcde";

static void note(tt_sim *world, void *context)
{
    EXPECT(world == sim);
    EXPECT_EQUAL(tt_sim_now(sim), TT_SECONDS(*(char *)context == 'd' ? 9 : 7));
    strncat(order, context, 1);
}

static void test_actions(void)
{
    begin(&usual);
    tt_sim_at(sim, TT_SECONDS(9), note, &letters['d' - 'a']);
    tt_sim_at(sim, TT_SECONDS(7), note, &letters['a' - 'a']);
    tt_sim_at(sim, TT_SECONDS(7), note, &letters['b' - 'a']);
    tt_sim_run_until(sim, TT_SECONDS(7) - 1);
    EXPECT_TEXT(order, "");
    tt_sim_run_until(sim, TT_SECONDS(7));
    EXPECT_TEXT(order, "ab");
    tt_sim_at(sim, TT_SECONDS(7), note, &letters['e' - 'a']);
    tt_sim_at(sim, TT_SECONDS(6), note, &letters['c' - 'a']); // has passed
    tt_sim_run_until(sim, TT_SECONDS(7));
    EXPECT_TEXT(order, "abec");
    tt_sim_run_until(sim, TT_SECONDS(1)); // never back
    EXPECT_EQUAL(tt_sim_now(sim), TT_SECONDS(7));
    tt_sim_run_until(sim, TT_SECONDS(10));
    EXPECT_TEXT(order, "abecd");
    end();
}

// The same seed: the same sum, the same numbers for the scenario and for each node.
static void test_seeds(void)
{
    static const uint64_t seeds[] = {1, 1, 2};
    uint64_t sums[3], own[3];
    uint8_t bytes[3][2][8];
    for (int i = 0; i < 3; i++) {
        tt_sim_options o = usual;
        o.seed = seeds[i];
        begin(&o);
        sums[i] = tt_sim_trace_sum(sim);
        own[i] = tt_random_u64(tt_sim_random(sim));
        for (unsigned k = 0; k < 2; k++)
            platform_of(k)->operations->random(platform_of(k), bytes[i][k], 8);
        end();
    }
    EXPECT(sums[0] == sums[1] && sums[0] != sums[2]);
    EXPECT(own[0] == own[1] && own[0] != own[2]);
    EXPECT(memcmp(bytes[0], bytes[1], 16) == 0 && memcmp(bytes[0], bytes[2], 16) != 0);
    EXPECT(memcmp(bytes[0][0], bytes[0][1], 8) != 0);
}

int main(void)
{
    sim = tt_sim_new(&(tt_sim_options){.nodes = TT_SIM_NODES_MAX});
    REQUIRE(sim != NULL);
    tt_sim_free(sim);
    test_network();
    test_ends();
    test_sockets();
    test_works();
    test_clocks();
    test_actions();
    test_seeds();
    return test_result();
}
