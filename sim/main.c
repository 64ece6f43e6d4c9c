// tutti-sim: runs scenarios over seeds, and one seed with its whole trace.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tutti/sim.h"

static void usage(FILE *out)
{
    fprintf(out,
            "usage: tutti-sim [SCENARIO] [--seeds FIRST-LAST] [--loss PERCENT] [--double PERCENT]\n"
            "                 [--delay MILLISECONDS] [--nodes N] [--trace]\n\n"
            "Runs a scenario (all of them without one) for each seed and reports the first that\n"
            "breaks an invariant. The same seed always does the same.\n\n"
            "  tutti-sim                               every scenario, seeds 1-100\n"
            "  tutti-sim posts --seeds 7-7 --trace     one run, with a line for every event\n\n"
            "scenarios:\n");
    for (const tt_sim_scenario *s = tt_sim_scenarios; s->name != NULL; s++)
        fprintf(out, "  %-10s %s\n", s->name, s->what);
}

static int fail(const char *what, const char *which)
{
    fprintf(stderr, "tutti-sim: %s '%s'; --help shows what there is\n", what, which);
    return 2;
}

int main(int count, char **arguments)
{
    unsigned long first = 1, last = 100;
    const char *only = NULL;
    tt_sim_options options = {.nodes = 3,
                              .loss_percent = 10,
                              .double_percent = 10,
                              .delay_least = TT_MS(1),
                              .delay_greatest = TT_MS(60),
                              .work_time = TT_MS(40),
                              .skew_parts_per_million = 200};
    for (int i = 1; i < count; i++) {
        const char *word = arguments[i], *value = i + 1 < count ? arguments[i + 1] : "";
        if (strcmp(word, "--help") == 0) {
            usage(stdout);
            return 0;
        } else if (strcmp(word, "--trace") == 0) {
            options.trace = stdout;
        } else if (word[0] != '-') {
            only = word;
        } else if (strcmp(word, "--seeds") == 0) {
            if (sscanf(value, "%lu-%lu", &first, &last) != 2 || last < first)
                return fail("--seeds expects FIRST-LAST, not", value);
            i++;
        } else if (strcmp(word, "--loss") == 0 || strcmp(word, "--double") == 0 ||
                   strcmp(word, "--delay") == 0 || strcmp(word, "--nodes") == 0) {
            char *end;
            unsigned long number = strtoul(value, &end, 10);
            if (end == value || *end != '\0' || number > 1000)
                return fail("expected a number to 1000, not", value);
            if (word[2] == 'l')
                options.loss_percent = (unsigned)number;
            else if (word[3] == 'o' && word[2] == 'd')
                options.double_percent = (unsigned)number;
            else if (word[2] == 'd')
                options.delay_greatest = TT_MS(number);
            else
                options.nodes = number > 0 ? (unsigned)number : 1;
            i++;
        } else {
            return fail("unknown option", word);
        }
    }
    unsigned scenarios = 0;
    for (const tt_sim_scenario *s = tt_sim_scenarios; s->name != NULL; s++) {
        if (only != NULL && strcmp(only, s->name) != 0)
            continue;
        scenarios++;
        for (options.seed = first; options.seed <= last; options.seed++) {
            const char *broken = s->run(&options);
            if (broken == NULL)
                continue;
            printf("%s: seed %llu: %s\nreplay: tutti-sim %s --seeds %llu-%llu --trace\n", s->name,
                   (unsigned long long)options.seed, broken, s->name,
                   (unsigned long long)options.seed, (unsigned long long)options.seed);
            return 1;
        }
        fprintf(options.trace != NULL ? stderr : stdout, "%s: seeds %lu to %lu hold\n", s->name,
                first, last);
    }
    return scenarios > 0 ? 0 : fail("there is no scenario", only);
}
