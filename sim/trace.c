// What is told of the world: a sum over all events, a count of each kind, and a line for each where
// a trace is wanted. A datagram has its line when its fate is known:
//
//     2.001500000 1 > 0 23 CoAP CON POST /echo id 00a7 token 1f: arrived after 1.300 ms
//     2.001500000 1 > group 81 mDNS question 1+0+0+0, type 12 of _coap._udp.local: sent
//     3.000000000 5: ends, life 1

#include <inttypes.h>

#include "sim/internal.h"
#include "tutti/check.h"

const char *const tt_sim_fate_names[TT_SIM_FATES] = {
    [TT_SIM_ARRIVED] = "arrived",
    [TT_SIM_LOST] = "lost",
    [TT_SIM_BURST] = "lost in a burst",
    [TT_SIM_CUT] = "cut off",
    [TT_SIM_BLOCKED] = "multicast blocked",
    [TT_SIM_QUEUE_FULL] = "queue full",
    [TT_SIM_MOVED] = "no longer its address",
    [TT_SIM_ASLEEP] = "asleep",
    [TT_SIM_DEAD] = "ended meanwhile",
    [TT_SIM_INBOX_FULL] = "inbox full",
    [TT_SIM_NOBODY] = "nobody there",
};

static void add_up(tt_sim *sim, uint64_t value)
{
    uint64_t sum = (sim->sum ^ value) * 0x9e3779b97f4a7c15;
    sim->sum = sum ^ sum >> 32;
}

static void print_time(const tt_sim *sim)
{
    fprintf(sim->options.trace, "%" PRId64 ".%09" PRId64 " ", sim->now / TT_SECONDS(1),
            sim->now % TT_SECONDS(1));
}

void tt_sim_tell_node(tt_sim *sim, unsigned node, const char *what, int64_t detail)
{
    add_up(sim, (uint64_t)sim->now);
    add_up(sim, (uint64_t)what[0] << 32 | (uint64_t)what[3] << 24 | node);
    add_up(sim, (uint64_t)detail);
    if (sim->options.trace == NULL)
        return;
    print_time(sim);
    fprintf(sim->options.trace, "%u: %s %" PRId64 "\n", node, what, detail);
}

static void print_message(const tt_sim *sim, unsigned from, const char *to,
                          const tt_sim_packet *packet)
{
    char words[160];
    tt_text text;
    tt_text_init(&text, words, sizeof(words));
    tt_sim_describe(packet->message, packet->data, packet->length, &text);
    for (char *c = words; *c != '\0'; c++) // a line stays one, whatever the names in it hold
        *c = *c < ' ' || *c > '~' ? '?' : *c;
    print_time(sim);
    fprintf(sim->options.trace, "%u > %s %zu %s: ", from, to, packet->length, words);
}

void tt_sim_tell_sent(tt_sim *sim, unsigned from, const tt_sim_packet *packet)
{
    sim->counts.sent[packet->message].datagrams++;
    sim->counts.sent[packet->message].bytes += packet->length + TT_SIM_HEADERS;
    if (sim->options.pcap != NULL)
        tt_sim_pcap_add(sim->options.pcap, sim->now, packet);
    if (sim->options.trace == NULL || !packet->to_group)
        return;
    print_message(sim, from, "group", packet);
    fprintf(sim->options.trace, "sent\n");
}

void tt_sim_tell_fate(tt_sim *sim, unsigned from, unsigned to, const tt_sim_packet *packet,
                      tt_sim_fate fate, tt_time took)
{
    sim->counts.fates[fate]++;
    add_up(sim, (uint64_t)sim->now);
    add_up(sim, (uint64_t)packet->sum << 32 | from << 16 | to);
    add_up(sim, (uint64_t)took << 4 | fate);
    if (sim->options.trace == NULL)
        return;
    char name[16] = "nobody";
    if (to != TT_SIM_UNKNOWN)
        snprintf(name, sizeof(name), "%u", to);
    print_message(sim, from, name, packet);
    fprintf(sim->options.trace, "%s", tt_sim_fate_names[fate]);
    if (took > 0)
        fprintf(sim->options.trace, " after %" PRId64 ".%06" PRId64 " ms", took / TT_MS(1),
                took % TT_MS(1));
    fputc('\n', sim->options.trace);
}
