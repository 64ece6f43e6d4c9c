// The report of a simulated world.

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/sim_report.h"
#include "tutti/check.h"

static int compare(const void *a, const void *b)
{
    unsigned one = *(const unsigned *)a, other = *(const unsigned *)b;
    return (one > other) - (one < other);
}

// What the living nodes know, in order; returns how many live.
static unsigned sort_known(const tt_sim_report *r, unsigned sorted[TT_SIM_NODES_MAX])
{
    unsigned count = 0;
    for (unsigned i = 0; i < r->nodes; i++)
        if (tt_sim_alive(r->sim, i))
            sorted[count++] = r->known[i];
    qsort(sorted, count, sizeof(sorted[0]), compare);
    return count;
}

static void sum_sent(const tt_sim *sim, uint64_t *datagrams, uint64_t *bytes)
{
    *datagrams = *bytes = 0;
    for (unsigned i = 0; i < TT_SIM_MESSAGES; i++) {
        *datagrams += tt_sim_count(sim)->sent[i].datagrams;
        *bytes += tt_sim_count(sim)->sent[i].bytes;
    }
}

void tt_sim_report_begin(tt_sim_report *r, bool as_json)
{
    r->as_json = as_json;
    r->json = (tt_json_writer){.file = stdout};
    if (as_json) {
        tt_json_open(&r->json, NULL, '{');
        tt_json_number(&r->json, "nodes", r->nodes);
        tt_json_number(&r->json, "seed", r->seed);
        tt_json_open(&r->json, "times", '[');
        return;
    }
    printf("%u nodes, seed %u; each has room for %d others\n\n", r->nodes, r->seed,
           TT_NODE_PEERS_MAX);
    printf("  time s   alive   knows: least  median    most   datagrams        bytes\n");
}

void tt_sim_report_row(tt_sim_report *r)
{
    static unsigned sorted[TT_SIM_NODES_MAX];
    unsigned alive = sort_known(r, sorted);
    unsigned least = alive > 0 ? sorted[0] : 0, median = alive > 0 ? sorted[alive / 2] : 0;
    unsigned most = alive > 0 ? sorted[alive - 1] : 0;
    uint64_t datagrams, bytes;
    sum_sent(r->sim, &datagrams, &bytes);
    double time_s = (double)tt_sim_now(r->sim) / 1e9;
    if (!r->as_json) {
        printf("%8.1f %7u %14u %7u %7u %11" PRIu64 " %12" PRIu64 "\n", time_s, alive, least, median,
               most, datagrams, bytes);
        return;
    }
    tt_json_open(&r->json, NULL, '{');
    tt_json_number(&r->json, "seconds", time_s);
    tt_json_number(&r->json, "alive", alive);
    tt_json_number(&r->json, "knows_least", least);
    tt_json_number(&r->json, "knows_median", median);
    tt_json_number(&r->json, "knows_most", most);
    tt_json_number(&r->json, "datagrams", (double)datagrams);
    tt_json_number(&r->json, "bytes", (double)bytes);
    tt_json_close(&r->json, '}');
}

static void write_sums(tt_sim_report *r, const tt_sim_counts *counts)
{
    tt_json_close(&r->json, ']');
    tt_json_open(&r->json, "sent", '[');
    for (unsigned i = 0; i < TT_SIM_MESSAGES; i++) {
        tt_json_open(&r->json, NULL, '{');
        tt_json_text(&r->json, "message", tt_sim_message_names[i]);
        tt_json_number(&r->json, "datagrams", (double)counts->sent[i].datagrams);
        tt_json_number(&r->json, "bytes", (double)counts->sent[i].bytes);
        tt_json_close(&r->json, '}');
    }
    tt_json_close(&r->json, ']');
    tt_json_open(&r->json, "fates", '{');
    for (unsigned i = 0; i < TT_SIM_FATES; i++)
        tt_json_number(&r->json, tt_sim_fate_names[i], (double)counts->fates[i]);
    tt_json_close(&r->json, '}');
    tt_json_number(&r->json, "doubled", (double)counts->doubled);
    tt_json_number(&r->json, "turns", (double)counts->turns);
}

static void print_sums(const tt_sim_counts *counts)
{
    printf("\nsent                datagrams        bytes\n");
    for (unsigned i = 0; i < TT_SIM_MESSAGES; i++)
        if (counts->sent[i].datagrams > 0)
            printf("  %-16s %10" PRIu64 " %12" PRIu64 "\n", tt_sim_message_names[i],
                   counts->sent[i].datagrams, counts->sent[i].bytes);
    printf("\nwhat became of them, for each receiver\n");
    for (unsigned i = 0; i < TT_SIM_FATES; i++)
        if (counts->fates[i] > 0)
            printf("  %-22s %10" PRIu64 "\n", tt_sim_fate_names[i], counts->fates[i]);
    if (counts->doubled > 0)
        printf("  %-22s %10" PRIu64 "\n", "doubled", counts->doubled);
}

void tt_sim_report_end(tt_sim_report *r, double cpu_seconds)
{
    const tt_sim_counts *counts = tt_sim_count(r->sim);
    char sum[24];
    snprintf(sum, sizeof(sum), "%016" PRIx64, tt_sim_trace_sum(r->sim));
    if (!r->as_json) {
        print_sums(counts);
        printf("\n%" PRIu64 " turns of nodes, %.2f s of CPU, sum of all events %s\n", counts->turns,
               cpu_seconds, sum);
        return;
    }
    write_sums(r, counts);
    tt_json_number(&r->json, "cpu_seconds", cpu_seconds);
    tt_json_text(&r->json, "sum", sum);
    tt_json_close(&r->json, '}');
    fputc('\n', stdout);
}

void tt_sim_report_scenario(const char *name, uint64_t first, uint64_t last, const char *broken)
{
    tt_json_writer json = {.file = stdout};
    tt_json_open(&json, NULL, '{');
    tt_json_text(&json, "scenario", name);
    tt_json_number(&json, "first_seed", (double)first);
    tt_json_number(&json, "last_seed", (double)last);
    if (broken != NULL)
        tt_json_text(&json, "broken", broken);
    else
        tt_json_word(&json, "broken", "null");
    tt_json_close(&json, '}');
    fputc('\n', stdout);
}
