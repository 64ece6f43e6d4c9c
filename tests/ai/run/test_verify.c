// Two ways of one computation: equal where they are, and a planted fault is found at its node. How
// tensors are compared, told in numbers, and found by names.

#include <float.h>

#include "tests/ai/run/run_both.h"
#include "ai/run/session_internal.h"
#include "tutti/compare.h"

static float images[2 * 8 * 8];

static tt_graph *made_network(double scale)
{
    tt_graph *graph = tt_graph_new();
    tt_value x = tt_input(graph, "image", TT_TYPE(TT_F32, 2, 8, 8, 1)), y;
    tt_value w = tt_parameter(graph, "w", TT_TYPE(TT_F32, 3, 3, 3, 1));
    tt_value b = tt_parameter(graph, "b", TT_TYPE(TT_F32, 3));
    tt_value seen = tt_state(graph, "seen", TT_SCALAR(TT_I32));
    tt_graph_at(graph, "conv1", NULL);
    y = tt_relu(graph, tt_add(graph, tt_conv(graph, x, w, NULL, 1), b));
    tt_graph_at(graph, "scale1", "line 5");
    y = tt_scale(graph, y, scale);
    tt_graph_at(graph, "head", NULL);
    y = tt_reshape(graph, tt_unary(graph, TT_OP_TANH, y), 2, (int64_t[]){2, -1});
    tt_graph_result(graph, "logits", y);
    tt_graph_result(graph, "class", tt_reduce(graph, TT_OP_GREATEST_PLACE, y, 1, &(int64_t){1}));
    tt_graph_assign(graph, seen, tt_add(graph, seen, tt_number(graph, TT_I32, 2)));
    REQUIRE(tt_graph_status(graph) == TT_OK);
    return graph;
}

typedef struct two_ways {
    tt_session *fast_session, *right_session;
    tt_program *fast, *right;
    tt_verdict verdict;
} two_ways;

static two_ways open_both(tt_graph *fast, tt_graph *right)
{
    two_ways t = {.fast_session = open_session(2, false), .right_session = open_session(1, true)};
    t.fast = load(t.fast_session, fast);
    t.right = load(t.right_session, right);
    for (int way = 0; way < 2; way++) {
        tt_session *session = way == 0 ? t.fast_session : t.right_session;
        float *w = tt_session_bytes(session, "w", NULL), *b = tt_session_bytes(session, "b", NULL);
        for (int i = 0; i < 27; i++)
            w[i] = (float)(i % 5) / 8 - 0.25f;
        b[0] = 0.5f;
        tt_program_set(way == 0 ? t.fast : t.right, "image", images);
    }
    tt_graph_free(fast);
    tt_graph_free(right);
    return t;
}

static void close_both(two_ways *t)
{
    tt_session_free(t->fast_session);
    tt_session_free(t->right_session);
}

static void verify(two_ways *t)
{
    char sentence[256] = "";
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    EXPECT_EQUAL(tt_verify(t->fast, t->right, 1e-5, &t->verdict, &why), TT_OK);
    EXPECT_TEXT(sentence, "");
    EXPECT_EQUAL(t->verdict.compared, 3);
    EXPECT(*(const int32_t *)tt_session_bytes(t->fast_session, "seen", NULL) == 0);
    EXPECT(*(const int32_t *)tt_session_bytes(t->right_session, "seen", NULL) == 0);
}

static void check_equal(void)
{
    two_ways t = open_both(made_network(0.5), made_network(0.5));
    verify(&t);
    EXPECT(!t.verdict.differs && t.verdict.worst < 1e-5);
    EXPECT_TEXT(t.verdict.sentence, "");
    EXPECT_TEXT(t.verdict.results, "");
    close_both(&t);
}

// A kernel that is 0.3 % off in one place.
static tt_kernel *good;
static tt_status wrong_kernel(const tt_running *running, const tt_step *step)
{
    tt_status status = good(running, step);
    ((float *)step->out[0])[15] *= 1.003f;
    return status;
}

static void check_fault(tt_op op, const char *sentence)
{
    two_ways t = open_both(made_network(0.5), made_network(0.5));
    for (uint32_t i = 0; i < t.fast->step_count; i++) {
        tt_step *step = &t.fast->steps[i];
        if (tt_graph_node(t.fast->graph, step->node)->op != op)
            continue;
        good = step->kernel;
        step->kernel = wrong_kernel;
    }
    verify(&t);
    EXPECT(t.verdict.differs);
    EXPECT(strncmp(t.verdict.sentence, sentence, strlen(sentence)) == 0);
    if (strncmp(t.verdict.sentence, sentence, strlen(sentence)) != 0)
        printf("'%s' is not '%s'\n", t.verdict.sentence, sentence);
    const char *rest = strstr(t.verdict.sentence, ", the reference ");
    EXPECT(rest != NULL && strstr(t.verdict.sentence, " at [") < rest);
    const char *share = rest != NULL ? strstr(rest, ": ") : NULL;
    EXPECT(share != NULL && strtod(share + 2, NULL) > 0.0005 && strtod(share + 2, NULL) < 0.0031);
    EXPECT_TEXT(share != NULL ? strstr(share, " of its ") : NULL,
                " of its greatest number; 1 of 216 elements differ");
    EXPECT_TEXT(t.verdict.results, "'logits'");
    EXPECT_TEXT(t.verdict.worst_name, "logits");
    close_both(&t);
}

// What lies in blocks of images is compared image by image: the step behind it is named.
static void check_blocks(void)
{
    static float many[32 * 6 * 6 * 1];
    tt_graph *graphs[2];
    for (int way = 0; way < 2; way++) {
        tt_graph *g = graphs[way] = tt_graph_new();
        tt_value x = tt_input(g, "image", TT_TYPE(TT_F32, 32, 6, 6, 1));
        tt_value w = tt_parameter(g, "w", TT_TYPE(TT_F32, 3, 3, 3, 1));
        tt_value b = tt_parameter(g, "b", TT_TYPE(TT_F32, 3));
        tt_value second = tt_parameter(g, "w 2", TT_TYPE(TT_F32, 4, 3, 3, 3));
        tt_graph_at(g, "conv1", NULL);
        x = tt_add(g, tt_conv(g, x, w, NULL, 1), b);
        tt_graph_at(g, "conv2", NULL);
        tt_graph_result(g, "y", tt_conv(g, x, second, NULL, 1));
    }
    two_ways t = open_both(graphs[0], graphs[1]);
    for (int way = 0; way < 2; way++) {
        float *w = tt_session_bytes(way == 0 ? t.fast_session : t.right_session, "w 2", NULL);
        for (int i = 0; i < 108; i++)
            w[i] = (float)(i % 7) / 8 - 0.25f;
        tt_program_set(way == 0 ? t.fast : t.right, "image", many);
    }
    for (size_t i = 0; i < sizeof(many) / sizeof(many[0]); i++)
        many[i] = (float)(i % 23) / 16;
    unsigned blocked = 0;
    for (uint32_t i = 0; i < tt_graph_count(t.fast->graph); i++)
        blocked += t.fast->blocked[i];
    EXPECT_EQUAL(blocked, 1);
    EXPECT_EQUAL(tt_verify(t.fast, t.right, 1e-5, &t.verdict, NULL), TT_OK);
    EXPECT(!t.verdict.differs);
    tt_step *last = &t.fast->steps[t.fast->step_count - 1];
    good = last->kernel;
    last->kernel = wrong_kernel;
    EXPECT_EQUAL(tt_verify(t.fast, t.right, 1e-5, &t.verdict, NULL), TT_OK);
    EXPECT(t.verdict.differs && strncmp(t.verdict.sentence, "conv (conv2) gives ", 19) == 0);
    if (strncmp(t.verdict.sentence, "conv (conv2) gives ", 19) != 0)
        printf("%s\n", t.verdict.sentence);
    close_both(&t);
}

// Another graph behind the same results: no step of it is wrong.
static void check_simplified(void)
{
    two_ways t = open_both(made_network(0.5), made_network(0.501));
    verify(&t);
    EXPECT(t.verdict.differs);
    EXPECT(strstr(t.verdict.sentence, "it is the simplified graph that differs") != NULL);
    close_both(&t);
}

static void check_refusals(void)
{
    char sentence[256] = "";
    tt_text why;
    tt_graph *one = made_network(0.5), *two = made_network(0.5);
    tt_graph_result(two, "more", tt_graph_result_at(two, 0)->value);
    two_ways t = open_both(one, two);
    tt_text_init(&why, sentence, sizeof(sentence));
    EXPECT_EQUAL(tt_verify(t.fast, t.right, 1e-5, &t.verdict, &why), TT_INVALID);
    EXPECT_TEXT(sentence, "the two programs have not the same results");
    tt_program_set(t.right, "image", NULL);
    tt_text_init(&why, sentence, sizeof(sentence));
    EXPECT_EQUAL(tt_verify(t.fast, t.right, 1e-5, &t.verdict, &why), TT_NOT_FOUND);
    EXPECT_TEXT(sentence, "input 'image' was not set");
    close_both(&t);
}

// The same names, but not of the same things.
static void check_others(void)
{
    static const char *const sentences[] = {"y is of another type in the other program",
                                            "s is of another type in the other program",
                                            "the two programs have not the same results"};
    for (int what = 0; what < 3; what++) {
        tt_session *sessions[2];
        tt_program *programs[2];
        tt_verdict verdict;
        char sentence[256] = "";
        tt_text why;
        for (int way = 0; way < 2; way++) {
            tt_graph *g = tt_graph_new();
            int64_t other = way,
                    size[2] = {3 + (what == 0 ? other : 0), 3 + (what == 1 ? other : 0)};
            tt_graph_result(g, "y", tt_iota(g, TT_TYPE(TT_F32, size[0]), 0));
            tt_value s = tt_state(g, "s", TT_TYPE(TT_F32, size[1]));
            if (what < 2 || way == 0)
                tt_graph_assign(g, s, tt_exp(g, s));
            sessions[way] = open_session(1, way > 0);
            programs[way] = load(sessions[way], g);
            tt_graph_free(g);
        }
        tt_text_init(&why, sentence, sizeof(sentence));
        EXPECT_EQUAL(tt_verify(programs[0], programs[1], 1e-5, &verdict, &why), TT_INVALID);
        EXPECT_TEXT(sentence, sentences[what]);
        tt_session_free(sessions[0]);
        tt_session_free(sessions[1]);
    }
}

static tt_graph *made_chain(double factor)
{
    tt_graph *graph = tt_graph_new();
    tt_value x = tt_input(graph, "image", TT_TYPE(TT_F32, 1000));
    for (int i = 0; i < 20; i++)
        x = tt_scale(graph, tt_unary(graph, TT_OP_TANH, x), factor);
    tt_graph_result(graph, "y", tt_sum_all(graph, x));
    return graph;
}

// The search keeps all tensors, within the limit of the reference's session.
static void check_limit(void)
{
    static float x[1000];
    for (unsigned i = 0; i < 2; i++) {
        tt_session *fast, *right;
        tt_session_options few = {.threads = 1, .way = TT_RUN_REFERENCE};
        few.bytes_max = i == 0 ? 164100 : 163900; // 41 tensors of 4,000 bytes, three numbers
        tt_graph *one = made_chain(1.5), *two = made_chain(1.6);
        tt_verdict verdict;
        char sentence[256] = "";
        tt_text why;
        x[3] = 1;
        tt_text_init(&why, sentence, sizeof(sentence));
        REQUIRE(tt_session_new(&few, &right, NULL) == TT_OK);
        fast = open_session(1, false);
        tt_program *a = load(fast, one), *b = load(right, two);
        tt_program_set(a, "image", x);
        tt_program_set(b, "image", x);
        EXPECT_EQUAL(tt_verify(a, b, 1e-5, &verdict, &why), i == 0 ? TT_OK : TT_TOO_LARGE);
        EXPECT_TEXT(sentence,
                    i == 0 ? "" : "the tensors to compare take more memory than the limit");
        tt_session_free(fast);
        tt_session_free(right);
        tt_graph_free(one);
        tt_graph_free(two);
    }
}

// The result that differs most is named, wherever it stands.
static void check_worst(void)
{
    for (int first = 0; first < 2; first++) {
        two_ways t;
        tt_graph *graphs[2];
        for (int way = 0; way < 2; way++) {
            tt_graph *g = graphs[way] = tt_graph_new();
            tt_value x = tt_input(g, "image", TT_TYPE(TT_F32, 128));
            tt_parameter(g, "w", TT_TYPE(TT_F32, 27));
            tt_parameter(g, "b", TT_TYPE(TT_F32, 3));
            tt_graph_result(g, first == 0 ? "much" : "little",
                            tt_scale(g, x,
                                     way == 0     ? 1
                                     : first == 0 ? 1.015
                                                  : 1.01));
            tt_graph_result(g, first == 0 ? "little" : "much",
                            tt_scale(g, x,
                                     way == 0     ? 1
                                     : first == 0 ? 1.01
                                                  : 1.015));
        }
        t = open_both(graphs[0], graphs[1]);
        EXPECT_EQUAL(tt_verify(t.fast, t.right, 1e-5, &t.verdict, NULL), TT_OK);
        EXPECT_TEXT(t.verdict.worst_name, "much");
        EXPECT_TEXT(t.verdict.results, first == 0 ? "'much', 'little'" : "'little', 'much'");
        close_both(&t);
    }
}

static void check_comparison(void)
{
    const float none = (float)NAN, much = (float)INFINITY;
    tt_type type = TT_TYPE(TT_F32, 2, 2);
    float a[4] = {1, 2, 3, 4}, b[4] = {1, 2.5f, 3, 5};
    tt_difference d = tt_compare(&type, a, b, 0.15);
    EXPECT(d.count == 1 && d.place == 3 && fabs(d.share - 0.2) < 1e-12);
    EXPECT_TEXT(d.got, "4");
    EXPECT_TEXT(d.right, "5");
    EXPECT(tt_compare(&type, a, b, 0.05).count == 2 && tt_compare(&type, a, a, 0).place == -1);
    float numbers[6] = {none, much, -much, 0, FLT_MAX, -FLT_MAX};
    for (int i = 0; i < 6; i++)
        for (int k = 0; k < 6; k++) {
            tt_type one = TT_SCALAR(TT_F32);
            d = tt_compare(&one, &numbers[i], &numbers[k], 10);
            EXPECT_EQUAL(isinf(d.share) != 0, i != k && (i < 3 || k < 3));
            EXPECT((d.share == 0) == (i == k));
        }
    d = tt_compare(&type, (float[4]){0, 0, 0.5f, 0}, (float[4]){0}, 0.1);
    EXPECT(d.count == 1 && d.place == 2 && d.share == 0.5);
    tt_type whole = TT_TYPE(TT_I64, 2);
    int64_t c[2] = {INT64_MAX, 0}, e[2] = {INT64_MAX - 1, 0}; // one double for both
    d = tt_compare(&whole, c, e, 10);
    EXPECT(d.count == 1 && d.place == 0);
    EXPECT_TEXT(d.got, "9223372036854775807");
    EXPECT_TEXT(d.right, "9223372036854775806");
    EXPECT(tt_tolerance_of(TT_F32, 1e-4) == 1e-4 && tt_tolerance_of(TT_BF16, 1e-4) == 0x1p-5 &&
           tt_tolerance_of(TT_F16, 1) == 1);
}

static void check_summary(void)
{
    tt_type type = TT_TYPE(TT_F32, 5), nothing = TT_TYPE(TT_F32, 0), whole = TT_TYPE(TT_I8, 2);
    tt_summary s = tt_summarise(&type, (float[]){3, (float)NAN, -1, (float)INFINITY, 4});
    EXPECT(s.count == 5 && s.not_finite == 2 && s.least == -1 && s.greatest == 4 && s.mean == 2);
    s = tt_summarise(&nothing, NULL);
    EXPECT(s.count == 0 && s.not_finite == 0 && isnan(s.least) && isnan(s.greatest) &&
           isnan(s.mean));
    s = tt_summarise(&whole, (int8_t[]){-128, 127});
    EXPECT(s.count == 2 && s.least == -128 && s.greatest == 127 && s.mean == -0.5);
}

static void expect_named(const tt_graph *graph, const char *name, tt_op op, unsigned output)
{
    tt_value value = tt_value_named(graph, name);
    REQUIRE(!tt_is_none(value));
    EXPECT_EQUAL(tt_graph_node(graph, value.node)->op, op);
    EXPECT_EQUAL(value.output, output);
}

static void check_names(void)
{
    tt_graph *graph = made_network(0.5);
    tt_graph_at(graph, "pool", NULL);
    tt_value pool = tt_pool_greatest(graph, tt_graph_find(graph, "image"), (int64_t[]){2, 2}, NULL);
    char number[16];
    expect_named(graph, "logits", TT_OP_RESHAPE, 0);
    expect_named(graph, "image", TT_OP_BUFFER, 0);
    expect_named(graph, "conv1", TT_OP_GREATER_OF, 0); // the last of its nodes
    expect_named(graph, "%0", TT_OP_BUFFER, 0);
    snprintf(number, sizeof(number), "%%%u.1", pool.node);
    expect_named(graph, number, TT_OP_POOL_GREATEST, 1);
    static const char *const nothing[] = {"",    "%",   "%x",  "%99", "%0.1",
                                          "%0.", "%0 ", "%-1", "conv"};
    for (unsigned i = 0; i < 9; i++)
        EXPECT(tt_is_none(tt_value_named(graph, nothing[i])));
    tt_graph_free(graph);
}

int main(void)
{
    for (int i = 0; i < 128; i++)
        images[i] = (float)(i % 11) / 10;
    check_equal();
    check_fault(TT_OP_TANH, "tanh (head), with conv (conv1) in one step, gives ");
    check_blocks();
    check_simplified();
    check_refusals();
    check_others();
    check_limit();
    check_worst();
    check_comparison();
    check_summary();
    check_names();
    return test_result();
}
