// Every cut of power leaves a store that opens, has what was acknowledged, and can be written.
//
// test_cuts short [N]         a part of the plans: 100,000 states within 20 s; or an N-th of that
// test_cuts long [I/N]        all of them, or each N-th from the I-th on
// test_cuts NAME...           those that are named so
// test_cuts planted           whether a fault is found, in a store with a bug

#include <time.h>

#include "tests/storage/cuts.h"
#include "tests/test.h"
#include "tutti/check.h"

#define BYTES(unit, sector, sectors, extents, keys, updates, aged, every)                          \
    {                                                                                              \
#sector "x" #sectors "." #unit "/1", unit, sector, sectors, extents, keys, updates, 1,     \
            every, true, aged                                                                      \
    }

static const cuts_plan all[] = {
    BYTES(1, 512, 16, 4, 12, 420, false, 1),
    BYTES(4, 512, 16, 4, 12, 420, false, 1),
    BYTES(16, 512, 16, 4, 12, 420, false, 1),
    BYTES(1, 4096, 4, 2, 12, 420, false, 1),
    BYTES(4, 4096, 4, 2, 12, 420, false, 1),
    BYTES(16, 4096, 4, 2, 12, 420, false, 1),
    BYTES(512, 4096, 4, 0, 4, 400, false, 1),
    BYTES(1, 4096, 64, 2, 12, 400, true, 1),
    BYTES(4, 4096, 64, 2, 12, 400, true, 1),
    BYTES(16, 4096, 64, 2, 12, 400, true, 1),
    BYTES(512, 4096, 64, 2, 12, 400, true, 1),
    {"512x16.4/2", 4, 512, 16, 4, 12, 420, 2, 1, true, false},
    {"4096x4.512/2", 512, 4096, 4, 0, 4, 400, 2, 1, true, false},
    {"512x16.4/3", 4, 512, 16, 0, 4, 40, 3, 1, false, true},
    {"4096x4.512/3", 512, 4096, 4, 0, 4, 40, 3, 1, false, false},
};

// Every byte of the small geometry; of the others each so many-eth, and the first and the last.
static const cuts_plan some[] = {
    BYTES(4, 512, 16, 4, 12, 420, false, 1),
    BYTES(1, 4096, 4, 2, 12, 420, false, 13),
    BYTES(512, 4096, 4, 0, 4, 400, false, 51),
    BYTES(16, 4096, 64, 2, 12, 400, true, 97),
    {"512x16.16/2", 16, 512, 16, 4, 12, 420, 2, 53, true, false},
    {"4096x4.512/3", 512, 4096, 4, 0, 4, 40, 3, 117, false, false},
};

static const cuts_plan quick = BYTES(4, 512, 16, 4, 12, 420, false, 3);

static uint64_t states, lost;

static void run(const cuts_plan *plan)
{
    cuts_found found = {0};
    clock_t begin = clock();
    cuts_run(plan, &found);
    cuts_say("", plan, &found, (double)(clock() - begin) / CLOCKS_PER_SEC);
    EXPECT_EQUAL(found.lost + found.unmountable + found.unwritable, 0);
    EXPECT(found.collections >= (plan->updates >= 400 ? 3 : 1));
    states += found.states;
    lost += found.lost + found.unmountable + found.unwritable;
}

int main(int count, char **words)
{
    unsigned part = 1, parts = 1;
    if (count > 1 && strcmp(words[1], "planted") == 0) {
        cuts_found found = {.until_wrong = true};
        cuts_run(&quick, &found);
        EXPECT(found.lost + found.unmountable + found.unwritable > 0);
        return test_result();
    }
    bool is_long = count > 1 && strcmp(words[1], "long") == 0;
    if (is_long && count > 2)
        REQUIRE(sscanf(words[2], "%u/%u", &part, &parts) == 2);
    for (size_t i = 0; i < TT_COUNT(all); i++) {
        if (is_long ? i % parts + 1 == part : cuts_is_named(all[i].name, count, words))
            run(&all[i]);
    }
    unsigned rarer = count > 2 ? (unsigned)atoi(words[2]) : 1;
    bool is_short = count > 1 && strcmp(words[1], "short") == 0;
    for (size_t i = 0; is_short && i < TT_COUNT(some); i++) {
        cuts_plan part_of = some[i];
        part_of.every *= rarer;
        run(&part_of);
    }
    printf("bench storage.cuts %llu states\nbench storage.lost %llu states\n",
           (unsigned long long)states, (unsigned long long)lost);
    return test_result();
}
