// A graph that cannot grow: from each point of differentiating random
// graphs on no array gets longer, which ends in TT_FULL and nothing worse. Rows go on for a while
// with values that are none. test_run_memory, next door, lets each allocation fail.

#include <stdlib.h>

#include "tests/ai/graph/random_graph.h"
#include "tests/test.h"
#include "tutti/graph.h"

#define GRAPHS 40
#define VALUES_MAX 64
#define SHIFTS 130 // arrays double: so far apart does one grow in a graph of this size

static bool grows = true;

void *__libc_realloc(void *old, size_t bytes);

void *realloc(void *old, size_t bytes)
{
    return grows ? __libc_realloc(old, bytes) : NULL;
}

// Differentiates behind `shift` nodes that nothing needs; whether it could.
static bool differentiate(uint64_t seed, int shift)
{
    tt_value wrt[RANDOM_INPUTS_MAX], gradients[RANDOM_INPUTS_MAX], values[VALUES_MAX];
    tt_graph *g = random_graph(seed, false);
    unsigned count = float_inputs(g, wrt), results = tt_graph_result_count(g);
    REQUIRE(results <= VALUES_MAX);
    for (unsigned i = 0; i < results; i++)
        values[i] = tt_graph_result_at(g, i)->value;
    tt_value loss = total(g, results, values);
    for (int i = 0; i < shift; i++)
        tt_number(g, TT_F64, 1000 + i);
    REQUIRE(tt_graph_status(g) == TT_OK);
    grows = false;
    tt_status status = tt_graph_gradient(g, loss, count, wrt, gradients);
    grows = true;
    EXPECT(status == TT_OK || status == TT_FULL || status == TT_UNSUPPORTED);
    EXPECT_EQUAL(tt_graph_status(g), status);
    if (status != TT_OK && status != TT_FULL && status != TT_UNSUPPORTED)
        printf("seed %llu behind %d: %s\n", (unsigned long long)seed, shift, tt_graph_error(g));
    tt_graph_free(g);
    return status == TT_OK;
}

int main(void)
{
    unsigned done = 0;
    for (uint64_t seed = 0; seed < GRAPHS; seed++)
        for (int shift = 0; shift < SHIFTS; shift++)
            done += differentiate(seed, shift);
    printf("%u of %d graphs could be differentiated\n", done, GRAPHS * SHIFTS);
    EXPECT(done > 0 && done < GRAPHS * SHIFTS / 2);
    return test_result();
}
