// A graph that cannot grow: from each point of differentiating random graphs on no array gets
// longer, which ends in a status and nothing worse. Rows go on for a while with values that are
// none. test_run_memory, next door, lets each allocation fail.

#include <stdlib.h>
#include <string.h>

#include "tests/ai/graph/random_graph.h"
#include "tests/test.h"
#include "tutti/check.h"
#include "tutti/graph.h"

#define GRAPHS 40
#define VALUES_MAX 64
#define SHIFTS 260 // arrays double: so far apart does one grow in a graph of this size

static int growths = -1; // that are still to go well; -1: all

void *__libc_realloc(void *old, size_t bytes);

void *realloc(void *old, size_t bytes)
{
    if (growths == 0)
        return NULL;
    growths -= growths > 0;
    return __libc_realloc(old, bytes);
}

// Rows whose derivatives are made step by step, along several axes.
static tt_graph *rows_of_steps(void)
{
    tt_graph *g = tt_graph_new();
    const int64_t axes[] = {0, 1, 2}, window[] = {2}, top[] = {2, 1, 1};
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 2, 3, 2));
    tt_value i = tt_input(g, "i", TT_TYPE(TT_I64, 3)),
             w = tt_input(g, "w", TT_TYPE(TT_F32, 4, 2, 1));
    tt_value values[] = {tt_reduce(g, TT_OP_GREATEST, x, 3, axes),
                         tt_reduce(g, TT_OP_LEAST, x, 2, axes + 1),
                         tt_reduce(g, TT_OP_PRODUCT, x, 2, axes),
                         tt_reduce(g, TT_OP_LOG_SUM_EXP, x, 2, axes),
                         tt_apply(g, TT_OP_TOP, 1, &x, 3, top),
                         tt_pool_greatest(g, x, window, NULL),
                         tt_conv(g, x, w, NULL, 2),
                         tt_scatter(g, x, i, tt_scale(g, x, 2), 1, TT_SCATTER_GREATER),
                         tt_binary(g, TT_OP_POWER, x, tt_scale(g, x, 3))};
    for (unsigned k = 0; k < TT_COUNT(values); k++) {
        char name[8];
        snprintf(name, sizeof(name), "%u", k);
        tt_graph_result(g, name, values[k]);
    }
    return g;
}

// Differentiates behind `shift` nodes that nothing needs, and lets arrays grow a few times; whether
// it could.
static bool differentiate(uint64_t seed, int shift, int times)
{
    tt_value wrt[RANDOM_INPUTS_MAX], gradients[RANDOM_INPUTS_MAX], values[VALUES_MAX];
    tt_graph *g = seed < GRAPHS ? random_graph(seed, false) : rows_of_steps();
    unsigned count = float_inputs(g, wrt), results = tt_graph_result_count(g);
    REQUIRE(results <= VALUES_MAX);
    for (unsigned i = 0; i < results; i++)
        values[i] = tt_graph_result_at(g, i)->value;
    tt_value loss = total(g, results, values);
    tt_value idle = tt_number(g, TT_F64, 1);
    for (int i = 0; i < shift; i++) // with inputs and attributes, so that all arrays get longer
        idle = i % 2 == 0 ? tt_exp(g, idle) : tt_reshape(g, idle, i / 2 % 2, (int64_t[]){1});
    REQUIRE(tt_graph_status(g) == TT_OK);
    growths = times;
    tt_status status = tt_graph_gradient(g, loss, count, wrt, gradients);
    growths = -1;
    // A body that could not be made is none for the loop that wants it: TT_INVALID, and why.
    bool sound = status == TT_OK || status == TT_FULL || status == TT_UNSUPPORTED ||
                 (status == TT_INVALID && strstr(tt_graph_error(g), ": no memory") != NULL);
    EXPECT(sound);
    EXPECT_EQUAL(tt_graph_status(g), status);
    if (!sound)
        printf("seed %llu behind %d, %d growths: %s\n", (unsigned long long)seed, shift, times,
               tt_graph_error(g));
    tt_graph_free(g);
    return status == TT_OK;
}

int main(void)
{
    unsigned done = 0, all = 0;
    for (uint64_t seed = 0; seed <= GRAPHS; seed++)
        for (int shift = 0; shift < SHIFTS; shift++)
            for (int times = 0; times < (seed < GRAPHS ? 1 : 6); times++, all++)
                done += differentiate(seed, shift, seed < GRAPHS ? shift % 3 : times);
    printf("%u of %u graphs could be differentiated\n", done, all);
    EXPECT(done > 0 && done < all - all / 8);
    return test_result();
}
