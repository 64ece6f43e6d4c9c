// The cuts of power of tests/storage/cuts.c, on littlefs: what was closed is there after each.
//
// test_cuts_littlefs short        a part of the plans
// test_cuts_littlefs long [I/N]   all of them, or each N-th from the I-th on
// test_cuts_littlefs NAME...      those that are named so

#include <time.h>

#include "tests/storage/cuts.h"
#include "tests/test.h"
#include "tutti/check.h"

// As for our store, without batches and with four sectors without long values, for which littlefs
// then has no room to write one anew. littlefs reads all its metadata to find a file, so it has a
// tenth of our pace or less: of the largest geometry it is each 7th byte, and two cuts deep each
// 16th, and always the first and the last of a program.
#define PLAN(unit, sector, sectors, long_values, keys, updates, depth, every, aged)                \
    {                                                                                              \
#sector "x" #sectors "." #unit "/" #depth, unit, sector, sectors, long_values, keys,       \
            updates, depth, every, true, aged                                                      \
    }

static const cuts_plan all[] = {
    PLAN(1, 512, 16, 4, 12, 420, 1, 1, false),   PLAN(4, 512, 16, 4, 12, 420, 1, 1, false),
    PLAN(16, 512, 16, 4, 12, 420, 1, 1, false),  PLAN(1, 4096, 4, 0, 12, 420, 1, 1, false),
    PLAN(4, 4096, 4, 0, 12, 420, 1, 1, false),   PLAN(16, 4096, 4, 0, 12, 420, 1, 1, false),
    PLAN(512, 4096, 4, 0, 4, 400, 1, 1, false),  PLAN(1, 4096, 64, 2, 12, 400, 1, 7, true),
    PLAN(4, 4096, 64, 2, 12, 400, 1, 7, true),   PLAN(16, 4096, 64, 2, 12, 400, 1, 7, true),
    PLAN(512, 4096, 64, 2, 12, 400, 1, 7, true), PLAN(4, 512, 16, 4, 12, 420, 2, 16, false),
    PLAN(512, 4096, 4, 0, 4, 400, 2, 16, false),
};

static const cuts_plan some[] = {
    PLAN(4, 512, 16, 4, 12, 420, 1, 17, false),
    PLAN(512, 4096, 4, 0, 4, 400, 1, 199, false),
    PLAN(16, 512, 16, 4, 12, 40, 2, 97, false),
};

static uint64_t states, lost;

static void run(const cuts_plan *plan, uint32_t rarer)
{
    cuts_found found = {.no_batches = true};
    cuts_plan part = *plan;
    clock_t begin = clock();
    part.every *= rarer;
    cuts_run(&part, &found);
    cuts_say("littlefs ", plan, &found, (double)(clock() - begin) / CLOCKS_PER_SEC);
    EXPECT_EQUAL(found.lost + found.unmountable + found.unwritable, 0);
    EXPECT(found.collections >= 3);
    states += found.states;
    lost += found.lost + found.unmountable + found.unwritable;
}

int main(int count, char **words)
{
    unsigned part = 1, parts = 1, rarer = 1;
    bool is_long = count > 1 && strcmp(words[1], "long") == 0;
    bool is_short = count > 1 && strcmp(words[1], "short") == 0;
    if (is_long && count > 2)
        REQUIRE(sscanf(words[2], "%u/%u", &part, &parts) == 2);
    if (is_short && count > 2)
        REQUIRE(sscanf(words[2], "%u", &rarer) == 1);
    for (size_t i = 0; !is_short && i < TT_COUNT(all); i++) {
        if (is_long ? i % parts + 1 == part : cuts_is_named(all[i].name, count, words))
            run(&all[i], 1);
    }
    for (size_t i = 0; is_short && i < TT_COUNT(some); i++)
        run(&some[i], rarer);
    printf("bench storage.cuts.littlefs %llu states\nbench storage.lost.littlefs %llu states\n",
           (unsigned long long)states, (unsigned long long)lost);
    return test_result();
}
