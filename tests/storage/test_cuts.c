// Every cut of power leaves a store that opens, has what was acknowledged, and can be written.

#include <time.h>

#include "tests/storage/cuts.h"
#include "tests/test.h"

static const cuts_plan plans[] = {
    {"512x16.1", 1, 512, 16, 4, 12, 420, 0, 1, true, false},
    {"512x16.4", 4, 512, 16, 4, 12, 420, 0, 1, true, false},
    {"512x16.16", 16, 512, 16, 4, 12, 420, 0, 1, true, false},
    {"4096x4.1", 1, 4096, 4, 2, 12, 420, 0, 1, true, false},
    {"4096x4.512", 512, 4096, 4, 0, 4, 400, 0, 1, true, false},
    {"4096x64.4", 4, 4096, 64, 2, 12, 400, 0, 1, true, true},
};

int main(int count, char **words)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
        if (count > 1 && strcmp(words[1], plans[i].name) != 0)
            continue;
        cuts_found found = {0};
        clock_t begin = clock();
        cuts_run(&plans[i], &found);
        printf("%s depth %d: %llu states of %llu cuts, %llu collections, %.1f s: %llu lost, %llu "
               "unmountable, %llu unwritable\n",
               plans[i].name, plans[i].depth, (unsigned long long)found.states,
               (unsigned long long)found.cuts, (unsigned long long)found.collections,
               (double)(clock() - begin) / CLOCKS_PER_SEC, (unsigned long long)found.lost,
               (unsigned long long)found.unmountable, (unsigned long long)found.unwritable);
        EXPECT_EQUAL(found.lost, 0);
        EXPECT_EQUAL(found.unmountable, 0);
        EXPECT_EQUAL(found.unwritable, 0);
        EXPECT(found.collections >= 3);
    }
    return test_result();
}
