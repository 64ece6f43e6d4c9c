// A thousand seeds of the scenarios; the same seed twice gives the same trace; and a deduplication
// bug planted on purpose is found.

#include "tests/test.h"
#include "tutti/sim.h"

#define SEEDS 200 // of each of the five scenarios

static tt_sim_options options_for(uint64_t seed)
{
    // Networks from perfect to dreadful, by seed.
    return (tt_sim_options){.seed = seed,
                            .nodes = 3 + (unsigned)(seed % 3),
                            .loss_percent = (unsigned)(seed % 5) * 5,
                            .double_percent = (unsigned)(seed % 3) * 10,
                            .delay_least = TT_US(200),
                            .delay_greatest = TT_MS(1 + seed % 4 * 60),
                            .work_time = TT_MS(40),
                            .skew_parts_per_million = 200};
}

static void check_trace(const tt_sim_scenario *scenario, uint64_t seed)
{
    char *text[2];
    size_t length[2];
    for (int i = 0; i < 2; i++) {
        tt_sim_options options = options_for(seed);
        options.trace = open_memstream(&text[i], &length[i]);
        scenario->run(&options);
        fclose(options.trace);
    }
    EXPECT(length[0] > 1000);
    EXPECT(length[0] == length[1] && memcmp(text[0], text[1], length[0]) == 0);
    free(text[0]);
    free(text[1]);
}

int main(void)
{
    for (const tt_sim_scenario *s = tt_sim_scenarios; s->name != NULL; s++) {
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            tt_sim_options options = options_for(seed);
            const char *broken = s->run(&options);
            if (broken != NULL)
                printf("%s, seed %llu: %s\n", s->name, (unsigned long long)seed, broken);
            EXPECT(broken == NULL);
        }
        check_trace(s, 7);
        check_trace(s, 8);
    }
    unsigned found = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        tt_sim_options options = options_for(seed);
        options.plant_deduplication_bug = true;
        const char *broken = tt_sim_scenarios[0].run(&options);
        found += broken != NULL && strcmp(broken, "a handler ran twice for one request") == 0;
    }
    printf("the planted bug was found by %u of %d seeds\n", found, SEEDS);
    EXPECT(found > SEEDS / 4);
    return test_result();
}
