// Five hundred seeds of each scenario, its own (the argument says another number); the same seed
// twice gives the same trace; and a deduplication bug planted on purpose is found.

#include "tests/test.h"
#include "tutti/sim.h"

#define PLANTED_SEEDS 200

static void check_trace(const tt_sim_scenario *scenario, uint64_t seed)
{
    char *text[2];
    size_t length[2];
    for (int i = 0; i < 2; i++) {
        tt_sim_options options;
        char faults[TT_SIM_FAULTS_TEXT_MAX];
        tt_sim_draw(scenario, seed, &options, faults);
        options.trace = open_memstream(&text[i], &length[i]);
        scenario->run(&options);
        fclose(options.trace);
    }
    EXPECT(length[0] > 1000);
    EXPECT(length[0] == length[1] && memcmp(text[0], text[1], length[0]) == 0);
    free(text[0]);
    free(text[1]);
}

// Each seed holds.
static void run_seeds(const tt_sim_scenario *scenario, uint64_t first, uint64_t seeds)
{
    for (uint64_t seed = first; seed < first + seeds; seed++) {
        tt_sim_options options;
        char faults[TT_SIM_FAULTS_TEXT_MAX];
        tt_sim_draw(scenario, seed, &options, faults);
        EXPECT(strlen(faults) < sizeof(faults) - 1);
        const char *broken = scenario->run(&options);
        if (broken != NULL)
            printf("%s, seed %llu: %s\nreplay: tutti sim %s --seed %llu --trace FILE\n",
                   scenario->name, (unsigned long long)seed, broken, scenario->name,
                   (unsigned long long)seed);
        EXPECT(broken == NULL);
    }
}

static tt_call question;
static tt_status outcome = TT_BUSY;

static void on_answer(tt_call *call, tt_time now, const tt_reply *reply)
{
    (void)call, (void)now;
    outcome = reply->status;
}

// Asks a peer at the moment at which it is known to have restarted.
static void on_restart(tt_discovery *discovery, tt_time now, tt_peer_event event,
                       const tt_peer *peer, void *context)
{
    tt_node *node = tt_sim_node(context, 1);
    if (discovery != &node->discovery || event != TT_PEER_RESTARTED)
        return;
    question = (tt_call){.peer = peer->endpoint,
                         .method = TT_GET,
                         .path = "nowhere",
                         .content_format = TT_FORMAT_NONE,
                         .accept = TT_FORMAT_NONE,
                         .on_reply = on_answer};
    EXPECT(tt_bus_call(&node->bus, now, &question) == TT_OK);
}

// What was under way to a peer that restarted is void before its restart is told, so that what is
// asked then is answered.
static void test_asking_whom_restarted(void)
{
    tt_sim *sim = tt_sim_new(&(tt_sim_options){.seed = 1, .nodes = 2, .on_peer = on_restart});
    tt_sim_start(sim, 0, "test");
    tt_sim_start(sim, 1, "test");
    tt_sim_run_until(sim, TT_SECONDS(10));
    tt_sim_kill(sim, 0);
    tt_sim_start(sim, 0, "test");
    tt_sim_run_until(sim, TT_SECONDS(20));
    EXPECT_EQUAL(outcome, TT_OK);
    tt_sim_free(sim);
}

int main(int count, char **arguments)
{
    uint64_t first = 1, seeds = count > 1 ? strtoull(arguments[1], NULL, 10) : 500;
    tt_sim_options options;
    char faults[TT_SIM_FAULTS_TEXT_MAX];
    EXPECT(seeds > 0);
    EXPECT(tt_sim_new(&(tt_sim_options){.nodes = 0}) == NULL);
    EXPECT(tt_sim_new(&(tt_sim_options){.nodes = TT_SIM_NODES_MAX + 1}) == NULL);
    test_asking_whom_restarted();
    for (const tt_sim_scenario *s = tt_sim_scenarios; s->name != NULL; s++) {
        run_seeds(s, first, s->nodes_min > 10 ? (seeds + 9) / 10 : seeds); // a crowd takes longer
        check_trace(s, first + 7);
        check_trace(s, first + 8);
        first += seeds;
    }
    unsigned found = 0;
    for (uint64_t seed = 1; seed <= PLANTED_SEEDS; seed++) {
        tt_sim_draw(&tt_sim_scenarios[0], seed, &options, faults);
        options.plant_deduplication_bug = true;
        const char *broken = tt_sim_scenarios[0].run(&options);
        found += broken != NULL && strcmp(broken, "a handler ran twice for one request") == 0;
    }
    printf("the planted bug was found by %u of %d seeds\n", found, PLANTED_SEEDS);
    EXPECT(found > PLANTED_SEEDS / 4);
    return test_result();
}
