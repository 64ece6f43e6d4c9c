// A world of three nodes for tests, and datagrams that no node answers: markers, whose fates are
// read from the trace.

#ifndef TUTTI_TESTS_SIM_WORLD_H
#define TUTTI_TESTS_SIM_WORLD_H

#include "tests/test.h"
#include "tutti/bytes.h"
#include "tutti/sim.h"

#define NODES 3
#define MARKERS 100

static tt_sim *sim;
static char *text; // of the trace so far
static size_t text_length;
static FILE *trace;
static unsigned starts[NODES], forgets[NODES];

static inline void on_start(tt_sim *world, unsigned node, void *context)
{
    EXPECT(context == starts && world == sim);
    starts[node]++;
}

static inline void on_forget(tt_sim *world, unsigned node, void *context)
{
    EXPECT(context == starts && world == sim && !tt_sim_alive(sim, node));
    forgets[node]++;
}

// All nodes are started and have settled: it is second 5.
static inline void begin(const tt_sim_options *options)
{
    tt_sim_options o = *options;
    memset(starts, 0, sizeof(starts));
    memset(forgets, 0, sizeof(forgets));
    trace = open_memstream(&text, &text_length);
    o.nodes = NODES;
    o.trace = trace;
    o.on_start = on_start;
    o.on_forget = on_forget;
    o.context = starts;
    sim = tt_sim_new(&o);
    REQUIRE(sim != NULL && trace != NULL);
    for (unsigned i = 0; i < NODES; i++) {
        EXPECT(!tt_sim_alive(sim, i) && starts[i] == 0);
        tt_sim_start(sim, i, "test");
        EXPECT(tt_sim_alive(sim, i) && starts[i] == 1);
    }
    tt_sim_run_until(sim, TT_SECONDS(5));
}

static inline void begin_with(const char *faults)
{
    begin(&(tt_sim_options){.seed = 3, .faults = faults});
}

static inline void end(void)
{
    tt_sim_free(sim);
    fclose(trace);
    free(text);
}

static inline void run_for(tt_time duration)
{
    tt_sim_run_until(sim, tt_sim_now(sim) + duration);
}

static inline tt_platform *platform_of(unsigned node)
{
    return tt_sim_node(sim, node)->platform;
}

// A message of CoAP's version 0, `length` bytes long.
static inline void send_long(unsigned from, tt_endpoint to, uint32_t marker, size_t length)
{
    static tt_datagram d;
    tt_writer w;
    d = (tt_datagram){.socket = tt_sim_node(sim, from)->bus_socket, .peer = to, .length = length};
    tt_writer_init(&w, d.data, sizeof(d.data));
    tt_write_be32(&w, 0);
    tt_write_be32(&w, marker);
    EXPECT_EQUAL(platform_of(from)->operations->send(platform_of(from), &d), TT_OK);
}

static inline void send_marker(unsigned from, tt_endpoint to, uint32_t marker)
{
    send_long(from, to, marker, 8);
}

// How often a marker had a fate at `to`, and when last.
static inline unsigned with_fate(const char *to, uint32_t marker, const char *fate, tt_time *when)
{
    unsigned count = 0;
    char what[32], start[32];
    snprintf(what, sizeof(what), " other 00000000%08x", marker);
    snprintf(start, sizeof(start), "> %s ", to);
    fflush(trace);
    for (char *at = text; (at = strstr(at, what)) != NULL; at++) {
        char *line = at, *colon = strstr(at, ": ");
        while (line > text && line[-1] != '\n')
            line--;
        if (strncmp(strchr(line, '>'), start, strlen(start)) != 0 ||
            strncmp(colon + 2, fate, strlen(fate)) != 0)
            continue;
        count++;
        *when = TT_SECONDS(strtoll(line, NULL, 10)) + strtoll(strchr(line, '.') + 1, NULL, 10);
    }
    return count;
}

static inline unsigned delivered(unsigned node, uint32_t marker, tt_time *when)
{
    char to[16];
    snprintf(to, sizeof(to), "%u", node);
    return with_fate(to, marker, "arrived", when);
}

// How many markers had a fate at a node, in the whole trace.
static inline unsigned all_with_fate(unsigned node, const char *fate)
{
    unsigned count = 0;
    char start[32];
    snprintf(start, sizeof(start), "> %u ", node);
    fflush(trace);
    for (char *line = text, *next; *line != '\0'; line = next) {
        next = strchr(line, '\n') + 1;
        char *to = strchr(line, '>'), *other = strstr(line, " other 0000"),
             *colon = strstr(line, ": ");
        count += to != NULL && to < next && other != NULL && other < next &&
                 strncmp(to, start, strlen(start)) == 0 &&
                 strncmp(colon + 2, fate, strlen(fate)) == 0;
    }
    return count;
}

// Sends `count` markers from one node to another, one every `apart`; returns how many came within
// two seconds, doubles too.
static inline unsigned pass_some(unsigned from, unsigned to, uint32_t first, unsigned count,
                                 tt_time apart)
{
    unsigned came = 0;
    tt_time when;
    for (unsigned i = 0; i < count; i++) {
        send_marker(from, tt_sim_endpoint(sim, to), first + i);
        run_for(apart);
    }
    run_for(TT_SECONDS(2));
    for (unsigned i = 0; i < count; i++)
        came += delivered(to, first + i, &when);
    return came;
}

static inline unsigned pass(unsigned from, unsigned to, uint32_t first)
{
    return pass_some(from, to, first, MARKERS, 0);
}

#endif
