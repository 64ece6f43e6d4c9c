// Large graphs: everything takes time in proportion to their size, and no stack.
//
//     test_size LIMIT_MS: of the processor's time that each step may take

#include <pthread.h>
#include <time.h>

#include "ai/graph/reference.h"
#include "tests/test.h"

#define NODES 200000
#define PARAMETERS 100000
#define STACK_BYTES (256 << 10)

static long limit_ms;

static double now_ms(void)
{
    struct timespec time;
    REQUIRE(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec * 1e-6;
}

// Says what has been done since *start, and starts anew.
static void lap(const char *what, double *start)
{
    double took = now_ms() - *start;
    printf("%-40s %7.1f ms\n", what, took);
    EXPECT(took <= (double)limit_ms);
    *start = now_ms();
}

// x + c, its shape changed twice, and so on.
static tt_value build_chain(tt_graph *g, tt_value x)
{
    tt_value step = tt_number(g, TT_F64, 0x1p-20);
    const int64_t one = 1;
    while (tt_graph_count(g) < NODES) {
        x = tt_reshape(g, tt_add(g, x, step), 1, &one);
        x = tt_reshape(g, x, 0, NULL);
    }
    return x;
}

static void check_number(const tt_graph *graph, tt_value value, double expected)
{
    const double zero = 0;
    const void **data = calloc(tt_graph_buffer_count(graph), sizeof(*data));
    tt_reference *reference;
    REQUIRE(data != NULL);
    data[0] = &zero;
    REQUIRE(tt_reference_run(graph, 1, &value, data, NULL, &reference, NULL) == TT_OK);
    EXPECT(tt_reference_result(reference, 0)->cells[0].f == expected);
    tt_reference_free(reference);
    free(data);
}

static void check_chain(void)
{
    tt_graph *g = tt_graph_new();
    tt_value x = tt_input(g, "x", TT_SCALAR(TT_F64)), gradient;
    double start = now_ms();
    tt_value end = build_chain(g, x);
    tt_graph_result(g, "end", end);
    REQUIRE(tt_graph_status(g) == TT_OK);
    lap("chain: built", &start);
    char *text = tt_graph_print(g);
    REQUIRE(text != NULL);
    lap("chain: printed", &start);
    tt_graph *parsed = tt_graph_parse(text, strlen(text), NULL);
    REQUIRE(parsed != NULL);
    EXPECT_EQUAL(tt_graph_count(parsed), tt_graph_count(g));
    lap("chain: parsed", &start);
    check_number(g, end, (double)(((NODES - 2) + 2) / 3) * 0x1p-20);
    lap("chain: run", &start);
    tt_graph *copy = tt_graph_copy(g);
    EXPECT_EQUAL(tt_graph_count(copy), tt_graph_count(g));
    lap("chain: copied", &start);
    EXPECT(tt_graph_cost(g) >= NODES / 3);
    lap("chain: cost", &start);
    tt_graph *simple = tt_graph_simplify(g);
    REQUIRE(simple != NULL);
    lap("chain: simplified", &start);
    REQUIRE(tt_graph_gradient(g, end, 1, &x, &gradient) == TT_OK);
    lap("chain: differentiated", &start);
    check_number(g, gradient, 1);
    lap("chain: gradient run", &start);
    tt_graph_free(simple);
    tt_graph_free(copy);
    tt_graph_free(parsed);
    tt_graph_free(g);
    free(text);
    lap("chain: freed", &start);
}

// A chain in which each value is used twice: as many adds flow back.
static void check_ladder(void)
{
    tt_graph *g = tt_graph_new();
    tt_value x = tt_input(g, "x", TT_SCALAR(TT_F64)), y = x, gradient;
    double start = now_ms();
    for (int i = 0; i < NODES / 4; i++) {
        y = tt_add(g, tt_unary(g, TT_OP_SIN, y), tt_unary(g, TT_OP_COS, y));
        y = tt_scale(g, y, 0.5);
    }
    lap("ladder: built", &start);
    REQUIRE(tt_graph_gradient(g, y, 1, &x, &gradient) == TT_OK);
    lap("ladder: differentiated", &start);
    tt_graph_free(g);
}

// Layers that have names, share constants, and are assigned to.
static void check_parameters(void)
{
    tt_graph *g = tt_graph_new(), *parsed;
    char name[32];
    double start = now_ms();
    limit_ms *= 2; // two nodes a layer, and four names
    for (int i = 0; i < PARAMETERS; i++) {
        snprintf(name, sizeof(name), "layer %d", i);
        tt_graph_at(g, name, NULL);
        tt_value parameter = tt_parameter(g, name, TT_TYPE(TT_F32, 3));
        tt_graph_assign(g, parameter, tt_scale(g, parameter, 0.5));
        tt_graph_result(g, name, parameter);
    }
    EXPECT_TEXT(tt_graph_error(g), "");
    lap("parameters: built", &start);
    for (int i = 0; i < PARAMETERS; i++) {
        snprintf(name, sizeof(name), "layer %d", i);
        EXPECT(!tt_is_none(tt_graph_find(g, name)));
    }
    lap("parameters: found", &start);
    char *text = tt_graph_print(g);
    REQUIRE(text != NULL);
    lap("parameters: printed", &start);
    parsed = tt_graph_parse(text, strlen(text), NULL);
    EXPECT(parsed != NULL && tt_graph_assign_count(parsed) == PARAMETERS);
    lap("parameters: parsed", &start);
    tt_graph *copy = tt_graph_copy(g);
    EXPECT(copy != NULL && tt_graph_assign_count(copy) == PARAMETERS);
    lap("parameters: copied", &start);
    tt_graph *simple = tt_graph_simplify(g);
    EXPECT(simple != NULL && tt_graph_assign_count(simple) == PARAMETERS);
    lap("parameters: simplified", &start);
    EXPECT_EQUAL(tt_graph_status(g), TT_OK);
    tt_graph_assign(g, tt_graph_find(g, "layer 7"), tt_graph_find(g, "layer 8"));
    EXPECT_EQUAL(tt_graph_status(g), TT_EXISTS);
    EXPECT_TEXT(tt_graph_error(g), "assign: 'layer 7' is assigned already (layer 99999)");
    tt_graph_free(simple);
    tt_graph_free(copy);
    tt_graph_free(parsed);
    tt_graph_free(g);
    free(text);
}

// Nodes of one input that differ in their attributes alone, in their last number, or in the second
// of two inputs: each is looked for among all others.
static void check_siblings(void)
{
    tt_graph *g = tt_graph_new();
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F64, NODES)), first = TT_NONE;
    const int64_t one = 1;
    double start = now_ms();
    for (int64_t at = 0; at < NODES / 4; at++) {
        tt_value part = tt_slice(g, x, &at, &one, &one);
        first = at == 0 ? part : first;
        tt_add(g, first, part);
        tt_iota(g, TT_TYPE(TT_F64, at + 1), 0);
    }
    EXPECT_EQUAL(tt_graph_count(g), 1 + NODES / 4 * 3);
    EXPECT_TEXT(tt_graph_error(g), "");
    lap("siblings: built", &start);
    for (int64_t at = 0; at < NODES / 4; at++)
        tt_add(g, first, tt_slice(g, x, &at, &one, &one));
    EXPECT_EQUAL(tt_graph_count(g), 1 + NODES / 4 * 3); // they were there
    lap("siblings: found", &start);
    tt_graph_free(g);
}

// A loop that is given as many values as it can be: bodies find theirs without a search.
#define GIVEN 60000

static void check_given(void)
{
    tt_graph *g = tt_graph_new(), *body = tt_graph_new();
    tt_value *given = calloc(GIVEN, sizeof(*given)), one = tt_number(g, TT_F64, 1);
    char name[32];
    double start = now_ms();
    REQUIRE(given != NULL);
    tt_input(body, "turn", TT_SCALAR(TT_I64));
    tt_value sum = tt_number(body, TT_F64, 0);
    for (int i = 0; i < GIVEN; i++) {
        given[i] = one;
        snprintf(name, sizeof(name), "given %d", i);
        sum = tt_add(body, sum, tt_input(body, name, TT_SCALAR(TT_F64)));
    }
    tt_graph_result(body, "go", tt_number(body, TT_BOOL, 1));
    tt_graph_result(body, "sum", sum);
    tt_value loop = tt_loop(g, tt_number(g, TT_I64, 1), 1, 0, NULL, GIVEN, given, body);
    EXPECT_TEXT(tt_graph_error(g), "");
    REQUIRE(!tt_is_none(loop));
    lap("given to a loop: built", &start);
    check_number(g, tt_sum_all(g, loop), GIVEN);
    lap("given to a loop: run", &start);
    tt_graph_free(g);
    free(given);
}

// Loops in loops, as deep as they go.
static tt_graph *nested(unsigned depth)
{
    tt_graph *g = tt_graph_new();
    tt_input(g, "turn", TT_SCALAR(TT_I64));
    tt_value x = tt_input(g, "x", TT_SCALAR(TT_F64)), one = tt_number(g, TT_I64, 1);
    if (depth > 1)
        x = tt_loop(g, one, 1, 1, &x, 0, NULL, nested(depth - 1));
    tt_graph_result(g, "go", tt_number(g, TT_BOOL, 1));
    tt_graph_result(g, "x", tt_multiply(g, x, x));
    return g;
}

static void check_depth(void)
{
    for (unsigned depth = 14; depth <= 16; depth++) {
        double start = now_ms();
        tt_graph *g = tt_graph_new();
        tt_value x = tt_input(g, "x", TT_SCALAR(TT_F64)), one = tt_number(g, TT_I64, 1), gradient;
        tt_value y = tt_loop(g, one, 1, 1, &x, 0, NULL, nested(depth));
        EXPECT_EQUAL(tt_graph_status(g), depth < 16 ? TT_OK : TT_INVALID);
        if (depth < 16) {
            tt_graph_result(g, "y", y);
            EXPECT_EQUAL(tt_graph_gradient(g, y, 1, &x, &gradient), TT_OK);
            check_number(g, gradient, 0); // of x to the 2^depth, at 0
            char *text = tt_graph_print(g);
            tt_graph *parsed = tt_graph_parse(text, strlen(text), NULL);
            EXPECT(parsed != NULL);
            tt_graph_free(parsed);
            free(text);
        }
        tt_graph_free(g);
        lap("loops in loops", &start);
    }
}

static void *check_all(void *nothing)
{
    check_depth();
    check_chain();
    check_ladder();
    check_siblings();
    check_parameters();
    check_given();
    return nothing;
}

int main(int count, char **arguments)
{
    pthread_attr_t attributes;
    pthread_t thread;
    setvbuf(stdout, NULL, _IOLBF, 0);
    limit_ms = count > 1 ? atol(arguments[1]) : 1000;
    REQUIRE(pthread_attr_init(&attributes) == 0);
    REQUIRE(pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0);
    int created = pthread_create(&thread, &attributes, check_all, NULL);
    REQUIRE(created == 0 && pthread_join(thread, NULL) == 0); // it counts expectations, too
    pthread_attr_destroy(&attributes);
    return test_result();
}
