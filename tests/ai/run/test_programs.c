// How programs share memory, and what they are made of that is long, large or of another step's
// making; the pool of threads.

#include <stdatomic.h>

#include "tests/ai/run/run_both.h"
#include "tutti/pool.h"

#define BOUND 1e-6

static void expect_agreement(tt_graph *g)
{
    if (tt_graph_status(g) != TT_OK)
        printf("%s\n", tt_graph_error(g));
    REQUIRE(tt_graph_status(g) == TT_OK);
    EXPECT(run_both(g, 3, false) < BOUND);
    tt_graph_free(g);
}

// A chain needs two places, not twenty. Each product is a step of its own.
static void check_chain(void)
{
    tt_session *session = open_session(1, false);
    tt_graph *g = tt_graph_new();
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 32, 32)), y = x;
    for (int i = 0; i < 20; i++)
        y = tt_matmul(g, y, x);
    tt_graph_result(g, "y", y);
    tt_program *p = load(session, g);
    EXPECT_EQUAL(tt_program_steps(p), 20);
    EXPECT(tt_program_arena_bytes(p) >= 2 * 4096 && tt_program_arena_bytes(p) <= 3 * 4096);
    tt_program_free(p);
    tt_program_free(NULL);
    tt_session_free(session);
    tt_session_free(NULL);
    tt_graph_free(g);
}

// A program run twice in one arena: nothing of the first run is left over.
static void check_again(void)
{
    tt_session *session = open_session(2, false);
    tt_graph *g = tt_graph_new();
    int64_t two[2] = {2, 2}, one[2] = {1, 1};
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 2, 7, 7, 3)), places[2];
    tt_windows same = {.after = one};
    places[0] = tt_pool_greatest(g, x, two, &same);
    tt_value loss = tt_sum_all(g, tt_multiply(g, places[0], places[0]));
    REQUIRE(tt_graph_gradient(g, loss, 1, &x, &places[1]) == TT_OK);
    tt_graph_result(g, "loss", loss);
    tt_graph_result(g, "gradient", places[1]);
    tt_program *p = load(session, g);
    float elements[2 * 7 * 7 * 3], first[2 * 7 * 7 * 3];
    for (int i = 0; i < 2 * 7 * 7 * 3; i++)
        elements[i] = (float)(i * 37 % 100) / 50 - 1;
    REQUIRE(tt_program_set(p, "x", elements) == TT_OK);
    for (int i = 0; i < 3; i++) {
        REQUIRE(tt_program_run(p, NULL) == TT_OK);
        if (i == 0)
            memcpy(first, tt_program_result(p, 1, NULL), sizeof(first));
        EXPECT(memcmp(first, tt_program_result(p, 1, NULL), sizeof(first)) == 0);
    }
    tt_session_free(session);
    tt_graph_free(g);
}

// A bias that is itself computed, and used once more before: its place must be kept until the fused
// step has read it.
static void check_computed_bias(void)
{
    tt_graph *g = tt_graph_new();
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 4, 4));
    tt_value sums = tt_reduce(g, TT_OP_SUM, x, 1, (int64_t[]){0});
    tt_value bias = tt_exp(g, tt_reshape(g, sums, 1, (int64_t[]){4}));
    tt_value used = tt_scale(g, bias, 2); // the last use but the fused one
    tt_value other = tt_exp(g, tt_scale(g, used, -1));
    tt_value y = tt_relu(g, tt_add(g, tt_matmul(g, x, x), bias));
    tt_graph_result(g, "y", tt_add(g, y, other));
    expect_agreement(g);
}

// Windows far larger than the image.
static void check_large_windows(void)
{
    int64_t window[2] = {3001, 40}, before[2] = {1500, 39}, after[2] = {1500, 0};
    tt_windows windows = {.before = before, .after = after};
    for (int i = 0; i < 2; i++) {
        tt_graph *g = tt_graph_new();
        tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 1, 10, 10, 1));
        tt_graph_result(g, "y",
                        i == 0 ? tt_pool_greatest(g, x, window, &windows)
                               : tt_pool_sum(g, x, (int64_t[]){30, 30},
                                             &(tt_windows){.before = (int64_t[]){29, 29},
                                                           .after = (int64_t[]){29, 29}}));
        expect_agreement(g);
    }
}

// A chain may be as long as memory allows; what only changes its shape is not copied.
static void check_long_chain(void)
{
    tt_session *session = open_session(1, false);
    tt_graph *g = tt_graph_new();
    tt_value y = tt_input(g, "x", TT_TYPE(TT_F32, 2));
    for (int i = 0; i < 100000; i++)
        y = tt_reshape(g, y, i % 2 == 0 ? 2 : 1, (int64_t[]){2, 1});
    tt_graph_result(g, "y", y);
    tt_program *p = load(session, g);
    float data[2] = {1, 2};
    REQUIRE(tt_program_set(p, "x", data) == TT_OK);
    REQUIRE(tt_program_run(p, NULL) == TT_OK);
    EXPECT(memcmp(tt_program_result(p, 0, NULL), data, sizeof(data)) == 0);
    EXPECT_EQUAL(tt_program_steps(p), 0);
    tt_session_free(session);
    tt_graph_free(g);
}

// Labels are data: one that names no class ends the run with a sentence, also of its gradient.
static void check_unknown_labels(void)
{
    static const int32_t wrong[] = {3, -1, INT32_MAX, INT32_MIN};
    tt_session *session = open_session(1, false);
    tt_graph *g = tt_graph_new();
    tt_value logits = tt_input(g, "logits", TT_TYPE(TT_F32, 2, 3)), gradient;
    tt_value loss = tt_cross_entropy(g, logits, tt_input(g, "label", TT_TYPE(TT_I32, 2)));
    REQUIRE(tt_graph_gradient(g, loss, 1, &logits, &gradient) == TT_OK);
    tt_graph_result(g, "loss", loss);
    tt_graph_result(g, "gradient", gradient);
    tt_program *p = load(session, g);
    tt_program_set(p, "logits", (float[]){1, 2, 3, 1, 2, 3});
    for (size_t i = 0; i < 4; i++) {
        char sentence[256] = "", number[32];
        tt_text why;
        tt_text_init(&why, sentence, sizeof(sentence));
        snprintf(number, sizeof(number), "index %d is outside", wrong[i]);
        tt_program_set(p, "label", (int32_t[]){2, wrong[i]});
        EXPECT_EQUAL(tt_program_run(p, &why), TT_INVALID);
        EXPECT(strstr(sentence, number) != NULL);
    }
    tt_program_set(p, "label", (int32_t[]){2, 0});
    EXPECT_EQUAL(tt_program_run(p, NULL), TT_OK);
    tt_session_free(session);
    tt_graph_free(g);
}

static atomic_uint counts[1000];

static void count_piece(void *context, size_t i)
{
    (void)context;
    atomic_fetch_add(&counts[i], 1);
}

static void check_pool(void)
{
    tt_pool *pool = tt_pool_new(4);
    REQUIRE(pool != NULL);
    EXPECT_EQUAL(tt_pool_threads(pool), 4);
    for (int round = 0; round < 50; round++)
        tt_pool_run(pool, 1000, count_piece, NULL);
    tt_pool_run(pool, 0, count_piece, NULL);
    tt_pool_free(pool);
    tt_pool_free(NULL);
    for (int i = 0; i < 1000; i++)
        EXPECT_EQUAL(atomic_load(&counts[i]), 50);
}

int main(void)
{
    check_chain();
    check_again();
    check_computed_bias();
    check_large_windows();
    check_long_chain();
    check_unknown_labels();
    check_pool();
    return test_result();
}
