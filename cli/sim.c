// tutti sim: nodes in virtual time on a faulty network: a world of them that find one another, or
// the scenarios of the tests, by seed.

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/command.h"
#include "cli/file.h"
#include "cli/say.h"
#include "cli/sim_report.h"
#include "tutti/check.h"

#define FAULTS_FILE_MAX 65536 // bytes
#define SOAK_LINE_S 60        // between two lines of --soak

static unsigned nodes = 10, seed = 1, seeds = 1, seconds = 10;
static bool watch, nodes_given, seconds_given, as_json, soak;
static const char *faults_file, *trace_file, *pcap_file;

static const tt_option options[] = {
    {"nodes", "N", "how many; a scenario takes as many as its seed draws", .number = &nodes,
     .least = 1, .most = TT_SIM_NODES_MAX, .given = &nodes_given},
    {"seed", "S", "the first seed; the same one always does the same", .number = &seed, .least = 0,
     .most = 4000000000},
    {"seeds", "COUNT", "run a scenario for so many seeds", .number = &seeds, .least = 1,
     .most = 100000000},
    {"faults", "FILE",
     "what goes wrong, as docs/simulator.md describes; else nothing, and in a "
     "scenario what its seed draws",
     .text = &faults_file},
    {"seconds", "N", "virtual time, without a scenario", .number = &seconds, .least = 1,
     .most = 1000000, .given = &seconds_given},
    {"watch", NULL, "each node depends on all that it finds, without a scenario", .flag = &watch},
    {"trace", "FILE", "write a line for each datagram and its fate", .text = &trace_file},
    {"pcap", "FILE", "write the datagrams as tshark reads them", .text = &pcap_file},
    {"soak", NULL,
     "run the scenarios, seed after seed, until one fails or you interrupt; a line "
     "a minute",
     .flag = &soak},
    {"json", NULL, "print a JSON object", .flag = &as_json},
};

static volatile sig_atomic_t interrupted;

// A second one ends the program at once: a world may take long.
static void interrupt(int signal_number)
{
    interrupted = 1;
    signal(signal_number, SIG_DFL);
}

// ---- what goes wrong, and what is written of it

static char *faults_text; // or NULL

static tt_exit read_faults(unsigned node_count)
{
    char sentence[512];
    tt_text why;
    uint8_t *bytes;
    size_t length;
    tt_exit result = tt_file_read("sim", faults_file, FAULTS_FILE_MAX, &bytes, &length);
    if (result != TT_EXIT_OK)
        return result;
    bytes[length] = '\0';
    faults_text = (char *)bytes;
    tt_text_init(&why, sentence, sizeof(sentence));
    if (strlen(faults_text) < length)
        tt_text_add(&why, "a text was expected, and it holds a byte 0");
    else if (tt_sim_check_faults(faults_text, node_count, &why) == TT_OK)
        return TT_EXIT_OK;
    tt_say_error("tutti sim: %s: %s", faults_file, sentence);
    return TT_EXIT_USAGE;
}

static tt_file_out trace_out, pcap_out;

static tt_exit begin_files(tt_sim_options *o)
{
    tt_exit result = tt_file_expect_apart("sim", trace_file, pcap_file);
    if (result == TT_EXIT_OK && faults_file != NULL)
        result = tt_file_expect_apart("sim", faults_file, trace_file);
    if (result == TT_EXIT_OK && faults_file != NULL)
        result = tt_file_expect_apart("sim", faults_file, pcap_file);
    if (result == TT_EXIT_OK && trace_file != NULL)
        result = tt_file_begin(&trace_out, "sim", trace_file);
    if (result != TT_EXIT_OK)
        return result;
    o->trace = trace_out.stream;
    if (pcap_file != NULL)
        result = tt_file_begin(&pcap_out, "sim", pcap_file);
    if (result != TT_EXIT_OK && trace_file != NULL)
        tt_file_abandon(&trace_out);
    o->pcap = pcap_out.stream;
    return result;
}

static tt_exit commit_files(void)
{
    tt_exit result = trace_file != NULL ? tt_file_commit(&trace_out) : TT_EXIT_OK;
    tt_exit pcap_result = pcap_file != NULL ? tt_file_commit(&pcap_out) : TT_EXIT_OK;
    return result != TT_EXIT_OK ? result : pcap_result;
}

// ---- a world

static unsigned known[TT_SIM_NODES_MAX]; // how many others a node knows

static void on_peer(tt_discovery *discovery, tt_time now, tt_peer_event event, const tt_peer *peer,
                    void *context)
{
    (void)now, (void)peer;
    const tt_node *node = TT_CONTAINER(discovery, tt_node, discovery);
    unsigned *count = &known[tt_sim_index(context, node)];
    *count = event == TT_PEER_FOUND ? *count + 1 : *count - 1;
}

static void on_start(tt_sim *sim, unsigned node, void *context)
{
    (void)sim, (void)context;
    known[node] = 0;
}

static tt_exit run_world(void)
{
    tt_sim_options o = {.seed = seed,
                        .nodes = nodes,
                        .faults = faults_text,
                        .work_time = TT_MS(40),
                        .skew_parts_per_million = 100,
                        .watch = watch,
                        .on_start = on_start,
                        .on_peer = on_peer};
    tt_exit result = begin_files(&o);
    if (result != TT_EXIT_OK)
        return result;
    clock_t begun = clock();
    tt_sim *sim = tt_sim_new(&o);
    TT_CHECK(sim != NULL);
    for (unsigned i = 0; i < nodes; i++)
        tt_sim_start(sim, i, "node");
    tt_sim_report report = {.sim = sim, .nodes = nodes, .seed = seed, .known = known};
    tt_sim_report_begin(&report, as_json);
    unsigned step = (seconds + TT_SIM_REPORT_ROWS - 1) / TT_SIM_REPORT_ROWS;
    for (unsigned done = 0; done < seconds && !interrupted;) {
        unsigned row = done + step < seconds ? done + step : seconds;
        while (done < row && !interrupted)
            tt_sim_run_until(sim, TT_SECONDS(++done)); // soon ready to be interrupted
        tt_sim_report_row(&report);
    }
    tt_sim_report_end(&report, (double)(clock() - begun) / CLOCKS_PER_SEC);
    tt_sim_free(sim);
    return commit_files();
}

// ---- scenarios

static const char *run_scenario(const tt_sim_scenario *scenario, uint64_t one_seed, FILE *trace,
                                FILE *pcap)
{
    char drawn[TT_SIM_FAULTS_TEXT_MAX];
    tt_sim_options o;
    tt_sim_draw(scenario, one_seed, &o, drawn);
    o.nodes = nodes_given ? nodes : o.nodes;
    o.faults = faults_text != NULL ? faults_text : drawn;
    o.trace = trace;
    o.pcap = pcap;
    o.report = seeds == 1 && !soak && !as_json ? stdout : NULL;
    return scenario->run(&o);
}

// What a seed drew, each line behind spaces.
static void print_drawn(const tt_sim_scenario *scenario, uint64_t one_seed)
{
    char drawn[TT_SIM_FAULTS_TEXT_MAX];
    tt_sim_options o;
    tt_sim_draw(scenario, one_seed, &o, drawn);
    printf("among %u nodes with these faults:\n", nodes_given ? nodes : o.nodes);
    for (char *line = strtok(drawn, "\n"); line != NULL; line = strtok(NULL, "\n"))
        printf("    %s\n", line);
}

static tt_exit say_broken(const tt_sim_scenario *scenario, uint64_t one_seed, const char *broken)
{
    char count[32] = "";
    if (nodes_given)
        snprintf(count, sizeof(count), " --nodes %u", nodes);
    if (as_json) {
        tt_sim_report_scenario(scenario->name, seed, one_seed, broken);
    } else {
        printf("%s: seed %" PRIu64 ": %s\n", scenario->name, one_seed, broken);
        if (faults_text == NULL)
            print_drawn(scenario, one_seed);
        printf("replay: tutti sim %s --seed %" PRIu64 "%s%s%s --trace FILE\n", scenario->name,
               one_seed, count, faults_file != NULL ? " --faults " : "",
               faults_file != NULL ? faults_file : "");
    }
    return TT_EXIT_FAILED;
}

static tt_exit run_seeds(const tt_sim_scenario *scenario)
{
    tt_sim_options o = {0};
    const char *broken = NULL;
    uint64_t last = seed;
    tt_exit result = begin_files(&o);
    if (result != TT_EXIT_OK)
        return result;
    for (uint64_t one = seed; one < (uint64_t)seed + seeds && broken == NULL && !interrupted;
         one++) {
        broken = run_scenario(scenario, one, o.trace, o.pcap);
        last = one;
    }
    result = commit_files();
    if (broken != NULL)
        return say_broken(scenario, last, broken);
    if (as_json)
        tt_sim_report_scenario(scenario->name, seed, last, NULL);
    else
        printf("%s: seeds %u to %" PRIu64 " hold\n", scenario->name, seed, last);
    return result;
}

static tt_exit run_soak(void)
{
    time_t begun = time(NULL), said = begun;
    uint64_t one;
    char duration[32];
    for (one = seed; !interrupted; one++) {
        for (const tt_sim_scenario *s = tt_sim_scenarios; s->name != NULL && !interrupted; s++) {
            const char *broken = run_scenario(s, one, NULL, NULL);
            if (broken != NULL)
                return say_broken(s, one, broken);
        }
        if (time(NULL) - said < SOAK_LINE_S)
            continue;
        said = time(NULL);
        printf("%s: every scenario ran seeds %u to %" PRIu64 "\n",
               tt_say_duration((double)(said - begun), duration), seed, one);
        fflush(stdout);
    }
    printf("stopped after %s and %" PRIu64 " seeds of every scenario\n",
           tt_say_duration((double)(time(NULL) - begun), duration), one - seed);
    return TT_EXIT_OK;
}

static const tt_sim_scenario *find_scenario(const char *name)
{
    for (const tt_sim_scenario *s = tt_sim_scenarios; s->name != NULL; s++)
        if (strcmp(s->name, name) == 0)
            return s;
    tt_say_error("tutti sim: there is no scenario '%s'; 'tutti sim --help' lists them", name);
    return NULL;
}

static tt_exit check_words(unsigned count)
{
    const char *wrong = NULL;
    if (soak && (count > 0 || nodes_given || faults_file != NULL || trace_file != NULL ||
                 pcap_file != NULL || as_json))
        wrong = "--soak runs every scenario as its seeds draw it, and takes --seed alone";
    else if (count == 0 && !soak && seeds > 1)
        wrong = "--seeds needs a scenario, or --soak";
    else if ((count > 0 || soak) && (seconds_given || watch))
        wrong = "--seconds and --watch go without a scenario, which has its own";
    else if (seeds > 1 && (trace_file != NULL || pcap_file != NULL))
        wrong = "--trace and --pcap are of one seed";
    if (wrong == NULL)
        return TT_EXIT_OK;
    tt_say_error("tutti sim: %s", wrong);
    return TT_EXIT_USAGE;
}

static tt_exit check_nodes(const tt_sim_scenario *scenario)
{
    if (!nodes_given || (nodes >= scenario->nodes_min && nodes <= scenario->nodes_max))
        return TT_EXIT_OK;
    tt_say_error("tutti sim: %s takes --nodes %u to %u, not %u", scenario->name,
                 scenario->nodes_min, scenario->nodes_max, nodes);
    return TT_EXIT_USAGE;
}

static tt_exit run(unsigned count, const char *const *arguments)
{
    const tt_sim_scenario *scenario = NULL;
    tt_exit result = check_words(count);
    if (result == TT_EXIT_OK && count > 0 && (scenario = find_scenario(arguments[0])) == NULL)
        result = TT_EXIT_USAGE;
    if (result == TT_EXIT_OK && scenario != NULL)
        result = check_nodes(scenario);
    // A scenario's seed may draw as few nodes as it takes.
    if (result == TT_EXIT_OK && faults_file != NULL)
        result = read_faults(scenario != NULL && !nodes_given ? scenario->nodes_min : nodes);
    if (result != TT_EXIT_OK)
        return result;
    signal(SIGINT, interrupt);
    signal(SIGTERM, interrupt);
    result = soak ? run_soak() : scenario != NULL ? run_seeds(scenario) : run_world();
    free(faults_text);
    return result;
}

const tt_command tt_command_sim = {
    .name = "sim",
    .arguments = "[SCENARIO]",
    .summary = "Run nodes in virtual time, on a network and devices with faults",
    .help = "Without a SCENARIO the nodes find one another, and it is told how many others each "
            "knows over time,\n"
            "what they said and what became of it. A scenario is one of the tests': posts, blocks, "
            "observe,\n"
            "discovery, restart, hard, movers, watchers, crowd, gossip or tells. The same seed and "
            "faults\n"
            "give the same trace, byte for byte.",
    .examples = "  tutti sim --nodes 1000 --seed 7 --faults faults.txt\n"
                "  tutti sim --nodes 5 --seconds 3 --trace trace.txt --pcap trace.pcap\n"
                "  tutti sim posts --seed 1 --seeds 100\n"
                "  tutti sim --soak",
    .options = options,
    .option_count = TT_COUNT(options),
    .choices = "posts blocks observe discovery restart hard movers watchers crowd gossip tells",
    .arguments_max = 1,
    .run = run,
};
