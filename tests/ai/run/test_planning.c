// Large programs: planned in time in proportion to their size, and without a deep stack.
//
//     test_planning LIMIT_MS RESHAPES: of the processor's time that each step of 200,000 nodes may
//     take; how often a shape is changed, a million times unless it would take minutes

#include <pthread.h>
#include <time.h>

#include "tests/ai/run/run_both.h"
#include "tutti/check.h"

#define NODES 200000
#define STACK_BYTES (256 << 10)

static long limit_ms, reshapes = 1000000;

static double now_ms(void)
{
    struct timespec time;
    REQUIRE(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec * 1e-6;
}

// Says what has been done since *start, which may have taken `times` the limit, and starts anew.
static void lap(const char *what, double *start, int times)
{
    double took = now_ms() - *start;
    printf("%-40s %7.1f ms\n", what, took);
    EXPECT(took <= (double)(times * limit_ms));
    *start = now_ms();
}

static float number_of(tt_session *session, const tt_graph *graph, double *start, int times)
{
    const float half = 0.5f;
    tt_program *program = load(session, graph);
    lap("  planned", start, times);
    REQUIRE(tt_program_set(program, "x", &half) == TT_OK);
    REQUIRE(tt_program_run(program, NULL) == TT_OK);
    float number = *(const float *)tt_program_result(program, 0, NULL);
    lap("  run", start, times);
    tt_program_free(program);
    return number;
}

// Shapes changed as often: nothing is computed, and nothing may go as deep.
static void check_reshapes(void)
{
    tt_graph *g = tt_graph_new();
    tt_value x = tt_input(g, "x", TT_SCALAR(TT_F32)), y = x, gradient;
    const int64_t ones[] = {1, 1};
    double start = now_ms();
    for (long i = 0; i < reshapes; i++)
        y = tt_reshape(g, y, 1 + (i + 1) % 2, ones);
    y = tt_sum_all(g, y);
    tt_graph_result(g, "y", y);
    REQUIRE(tt_graph_status(g) == TT_OK);
    lap("reshapes: built", &start, 5);
    tt_graph *copy = tt_graph_copy(g), *simple = tt_graph_simplify(g);
    REQUIRE(copy != NULL && simple != NULL);
    EXPECT(tt_graph_count(simple) < 10);
    lap("  copied and simplified", &start, 10);
    char *text = tt_graph_print(g);
    REQUIRE(text != NULL);
    tt_graph *parsed = tt_graph_parse(text, strlen(text), NULL);
    REQUIRE(parsed != NULL);
    EXPECT_EQUAL(tt_graph_count(parsed), tt_graph_count(g));
    lap("  printed and parsed", &start, 10);
    for (int reference = 0; reference < 2; reference++) {
        tt_session *session = open_session(1, reference == 1);
        EXPECT(number_of(session, g, &start, 5) == 0.5f);
        tt_session_free(session);
    }
    REQUIRE(tt_graph_gradient(g, y, 1, &x, &gradient) == TT_OK);
    tt_graph_forget(g);
    tt_graph_result(g, "gradient", gradient);
    lap("  differentiated", &start, 5);
    tt_session *session = open_session(1, false);
    EXPECT(number_of(session, g, &start, 10) == 1);
    tt_session_free(session);
    tt_graph_free(parsed);
    tt_graph_free(simple);
    tt_graph_free(copy);
    tt_graph_free(g);
    free(text);
    lap("  freed", &start, 5);
}

// Steps of every kind, one behind the other, and back: about 200,000 nodes that are computed.
static void check_steps(bool recomputed)
{
    tt_graph *g = tt_graph_new();
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 1, 1)), y = x, gradient, kept[200];
    const int64_t turned[] = {1, 0};
    unsigned layers = 0, kept_count = 0;
    double start = now_ms();
    while (tt_graph_count(g) < NODES * 2 / 5) {
        tt_value bias = tt_number(g, TT_F32, layers % 7 * 0.01);
        y = tt_relu(g, tt_add(g, tt_matmul(g, y, x), tt_reshape(g, bias, 1, (int64_t[]){1})));
        y = tt_add(g, tt_unary(g, TT_OP_TANH, y), tt_transpose(g, tt_exp(g, y), turned));
        y = tt_reduce(g, TT_OP_SUM, tt_scale(g, y, 0.4), 1, (int64_t[]){0});
        if (++layers % 100 == 0 && kept_count < TT_COUNT(kept))
            kept[kept_count++] = y;
    }
    tt_value loss = tt_sum_all(g, y);
    lap(recomputed ? "steps, recomputed: built" : "steps: built", &start, 1);
    REQUIRE(tt_graph_gradient_recomputed(g, loss, 1, &x, &gradient, recomputed ? kept_count : 0,
                                         kept) == TT_OK);
    tt_graph_result(g, "gradient", gradient);
    printf("%u layers, %u nodes\n", layers, tt_graph_count(g));
    EXPECT(tt_graph_count(g) > NODES * 3 / 4);
    lap("  differentiated", &start, 1);
    tt_session *session = open_session(1, false);
    float number = number_of(session, g, &start, recomputed ? 2 : 1); // of 275,000 nodes
    EXPECT(isfinite(number));
    tt_session_free(session);
    tt_graph_free(g);
}

// Planned with chains, whether there is a compiler or not; returns the most instructions of a form.
static uint32_t plan_chains(tt_graph *g, const char *what, unsigned *chains)
{
    double start = now_ms();
    uint32_t longest = 0;
    tt_session *session = open_session(1, false);
    session->unchained = false;
    tt_program *program = load(session, g);
    lap(what, &start, 1);
    *chains = 0;
    for (uint32_t i = 0; i < tt_program_steps(program); i++) {
        const tt_fused *fused = program->steps[i].fused;
        *chains += fused != NULL ? fused->between_count : 0;
        longest = fused != NULL && fused->form.length > longest ? fused->form.length : longest;
    }
    tt_session_free(session);
    tt_graph_free(g);
    return longest;
}

// Convolutions whose pools stand far behind them; and one behind the other, which could all be one.
static void check_chains(void)
{
    static tt_value y[NODES / 14];
    const int64_t two[] = {2, 2};
    unsigned chains;
    tt_graph *g = tt_graph_new();
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 16, 4, 4, 1)), sum = tt_number(g, TT_F32, 0);
    tt_value w = tt_input(g, "w", TT_TYPE(TT_F32, 2, 1, 1, 1));
    for (size_t i = 0; i < TT_COUNT(y); i++)
        y[i] = tt_conv(g, x, tt_scale(g, w, 1 + (double)i), NULL, 1);
    for (size_t i = TT_COUNT(y); i > 0; i--)
        sum =
            tt_add(g, sum,
                   tt_sum_all(g, tt_pool_greatest(g, y[i - 1], two, &(tt_windows){.stride = two})));
    tt_graph_result(g, "sum", sum);
    plan_chains(g, "chains that are far: planned", &chains);
    g = tt_graph_new();
    x = tt_input(g, "x", TT_TYPE(TT_F32, 9, 2, 2, 2));
    w = tt_input(g, "w", TT_TYPE(TT_F32, 2, 1, 1, 2));
    for (int i = 0; i < 5000; i++) {
        x = tt_conv(g, x, tt_scale(g, w, 1 + i), NULL, 1);
        x = tt_pool_greatest(g, x, (int64_t[]){1, 1}, NULL);
    }
    tt_graph_result(g, "x", x);
    EXPECT(plan_chains(g, "long chains: planned", &chains) < 3000);
    EXPECT(chains > 5000);
}

static void *check_all(void *nothing)
{
    check_chains();
    check_steps(false);
    check_steps(true);
    check_reshapes();
    return nothing;
}

int main(int count, char **arguments)
{
    pthread_attr_t attributes;
    pthread_t thread;
    setvbuf(stdout, NULL, _IOLBF, 0);
    limit_ms = count > 1 ? atol(arguments[1]) : 1000;
    reshapes = count > 2 ? atol(arguments[2]) : reshapes;
    REQUIRE(pthread_attr_init(&attributes) == 0);
    REQUIRE(pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0);
    int created = pthread_create(&thread, &attributes, check_all, NULL);
    REQUIRE(created == 0 && pthread_join(thread, NULL) == 0); // it counts expectations, too
    pthread_attr_destroy(&attributes);
    return test_result();
}
