// What a program that uses graphs may do wrong: each call is refused with a sentence, or does
// nothing; none ends the program, and nothing is freed twice.

#include "tests/test.h"
#include "tutti/graph.h"

static void check_said(tt_graph *g, tt_status status, const char *sentence)
{
    EXPECT_EQUAL(tt_graph_status(g), status);
    EXPECT_TEXT(tt_graph_error(g), sentence);
    tt_graph_free(g);
}

// Without memory there is no graph, and what is built of it is not there.
static void check_no_graph(void)
{
    tt_graph *g = NULL;
    tt_value x = tt_input(g, "x", TT_SCALAR(TT_F32)), gradient;
    tt_value y = tt_relu(g, tt_add(g, x, tt_number(g, TT_F32, 1)));
    EXPECT(tt_is_none(y) && tt_is_none(tt_softmax(g, y, 0)) && tt_is_none(tt_output(y, 1)));
    EXPECT(tt_is_none(tt_graph_find(g, "x")));
    tt_graph_result(g, "y", y);
    tt_graph_assign(g, x, y);
    tt_graph_at(g, "a", NULL);
    tt_graph_note(g, 0);
    EXPECT_EQUAL(tt_graph_gradient(g, y, 1, &x, &gradient), TT_FULL);
    check_said(g, TT_FULL, "no memory for a graph");
}

static tt_graph *body_of(void)
{
    tt_graph *b = tt_graph_new();
    tt_graph_result(b, "y", tt_exp(b, tt_input(b, "x", TT_SCALAR(TT_F32))));
    return b;
}

// A body is given away once.
static void check_bodies(void)
{
    const char *const owned = "branch: its body belongs to a node already";
    tt_graph *g = tt_graph_new(), *body = body_of(), *other = body_of();
    tt_value x = tt_input(g, "x", TT_SCALAR(TT_F32)), yes = tt_input(g, "yes", TT_SCALAR(TT_BOOL));
    EXPECT(tt_is_none(tt_branch(g, yes, 1, &x, body, body)));
    tt_graph_free(other);
    check_said(g, TT_INVALID, owned);
    g = tt_graph_new();
    body = body_of();
    x = tt_input(g, "x", TT_SCALAR(TT_F32));
    yes = tt_input(g, "yes", TT_SCALAR(TT_BOOL));
    EXPECT(!tt_is_none(tt_branch(g, yes, 1, &x, body, body_of())));
    tt_graph_free(body); // it is the node's
    char *text = tt_graph_print(g);
    EXPECT(text != NULL);
    free(text);
    EXPECT(tt_is_none(tt_branch(g, yes, 1, &x, body_of(), body)));
    check_said(g, TT_INVALID, owned);
    g = tt_graph_new();
    x = tt_input(g, "x", TT_SCALAR(TT_F32));
    yes = tt_input(g, "yes", TT_SCALAR(TT_BOOL));
    EXPECT(tt_is_none(tt_branch(g, yes, 1, &x, g, body_of())));
    check_said(g, TT_INVALID, owned);
}

static void check_values(void)
{
    tt_graph *g = tt_graph_new();
    EXPECT(tt_is_none(tt_constant(g, TT_TYPE(TT_F32, 2), NULL)));
    check_said(g, TT_INVALID, "constant: has no elements");
    g = tt_graph_new();
    tt_graph_note(g, 7);
    check_said(g, TT_INVALID, "note: there is no node 7");
    g = tt_graph_new();
    tt_value x = tt_input(g, "x", TT_SCALAR(TT_F32));
    EXPECT(tt_is_none(tt_exp(g, tt_output(x, 65536)))); // and not output 0
    check_said(g, TT_INVALID, "exp: input 0 is no value of this graph");
    g = tt_graph_new();
    EXPECT(tt_is_none(tt_input(g, NULL, TT_SCALAR(TT_F32))));
    check_said(g, TT_INVALID, "input: a name is UTF-8 text that is not empty");
    g = tt_graph_new();
    EXPECT(tt_is_none(tt_graph_find(g, NULL)));
    tt_graph_result(g, NULL, tt_number(g, TT_F32, 1));
    check_said(g, TT_INVALID, "result: a name is UTF-8 text that is not empty");
    g = tt_graph_new();
    tt_type wide = {.element = TT_F32, .rank = 200};
    EXPECT(tt_is_none(tt_input(g, "x", wide)));
    EXPECT_EQUAL(tt_graph_status(g), TT_UNSUPPORTED);
    tt_graph_free(g);
    g = tt_graph_new();
    x = tt_input(g, "x", TT_TYPE(TT_F32, 2));
    EXPECT(tt_is_none(tt_sum_to(g, x, &wide)));
    EXPECT_EQUAL(tt_graph_status(g), TT_UNSUPPORTED);
    tt_graph_free(g);
}

// Axes are counted from either end, and each is named once.
static void check_axes(void)
{
    const int64_t wrong[][2] = {{0, 2}, {-3, 0}, {1, -1}};
    const char *const said[] = {"there is no axis 2 in rank 2, or it is named twice",
                                "there is no axis -3 in rank 2, or it is named twice",
                                "there is no axis -1 in rank 2, or it is named twice"};
    for (int i = 0; i < 3; i++) {
        char sentence[100];
        tt_graph *g = tt_graph_new();
        tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 2, 3));
        EXPECT(tt_is_none(tt_flip(g, x, 2, wrong[i])));
        snprintf(sentence, sizeof(sentence), "flip: %s", said[i]);
        check_said(g, TT_INVALID, sentence);
        g = tt_graph_new();
        x = tt_input(g, "x", TT_TYPE(TT_F32, 2, 3));
        EXPECT(tt_is_none(tt_reduce(g, TT_OP_GREATEST, x, 2, wrong[i])));
        snprintf(sentence, sizeof(sentence), "%s: %s", tt_op_name(TT_OP_GREATEST), said[i]);
        check_said(g, TT_INVALID, sentence);
    }
}

// What went wrong is not forgotten in a copy.
static void check_copies(void)
{
    tt_graph *g = tt_graph_new();
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 2));
    tt_graph_result(g, "x", x);
    EXPECT(tt_is_none(tt_add(g, x, tt_input(g, "z", TT_TYPE(TT_F32, 3)))));
    char expected[200];
    snprintf(expected, sizeof(expected), "%s", tt_graph_error(g));
    check_said(tt_graph_copy(g), TT_INVALID, expected);
    check_said(tt_graph_simplify(g), TT_INVALID, expected);
    tt_graph_free(g);
}

// Every builder of one value, of none and in a graph that failed.
static void check_none(void)
{
    typedef tt_value builder(tt_graph *, tt_value);
    static builder *const builders[] = {tt_stop, tt_negate,  tt_exp,  tt_sqrt,    tt_sum_all,
                                        tt_relu, tt_sigmoid, tt_gelu, tt_mean_all};
    const int64_t list[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    const tt_type type = TT_TYPE(TT_F32, 1);
    for (int failed = 0; failed < 2; failed++) {
        tt_graph *g = tt_graph_new();
        tt_value n = TT_NONE, x = tt_input(g, "x", TT_TYPE(TT_F32, 1, 1, 1, 1));
        if (failed)
            tt_input(g, "x", TT_SCALAR(TT_F32));
        tt_value v = failed ? x : n;
        for (size_t i = 0; i < sizeof(builders) / sizeof(builders[0]); i++)
            EXPECT(tt_is_none(builders[i](g, v)));
        EXPECT(tt_is_none(tt_convert(g, v, TT_F64)) && tt_is_none(tt_value_after(g, v, v)));
        EXPECT(tt_is_none(tt_scale(g, v, 2)) && tt_is_none(tt_select(g, v, v, v)));
        EXPECT(tt_is_none(tt_reshape(g, v, 1, list)) && tt_is_none(tt_transpose(g, v, list)));
        EXPECT(tt_is_none(tt_broadcast(g, v, 1, list)) &&
               tt_is_none(tt_slice(g, v, list, list, list)));
        EXPECT(tt_is_none(tt_pad(g, v, v, list, list, list)) && tt_is_none(tt_flip(g, v, 1, list)));
        EXPECT(tt_is_none(tt_concatenate(g, 1, &v, 0)) && tt_is_none(tt_mean(g, v, 1, list)));
        EXPECT(tt_is_none(tt_reduce(g, TT_OP_SUM, v, 1, list)) &&
               tt_is_none(tt_sum_to(g, v, &type)));
        EXPECT(tt_is_none(tt_cumulative_sum(g, v, 0, true, true)) &&
               tt_is_none(tt_matmul(g, v, v)));
        EXPECT(tt_is_none(tt_conv(g, v, v, NULL, 1)) && tt_is_none(tt_pool_sum(g, v, list, NULL)));
        EXPECT(tt_is_none(tt_pool_greatest(g, v, list, NULL)));
        EXPECT(tt_is_none(tt_pool_average(g, v, list, NULL)) && tt_is_none(tt_gather(g, v, v, 0)));
        EXPECT(tt_is_none(tt_scatter(g, v, v, v, 0, TT_SCATTER_ADD)));
        EXPECT(tt_is_none(tt_one_hot(g, v, 3, TT_F32)) &&
               tt_is_none(tt_random_bits(g, v, 1, list)));
        EXPECT(tt_is_none(tt_random_uniform(g, v, type)) &&
               tt_is_none(tt_random_normal(g, v, type)));
        EXPECT(tt_is_none(tt_requantise(g, v, v, v, 0, 0, 1)) && tt_is_none(tt_softmax(g, v, 0)));
        EXPECT(tt_is_none(tt_log_softmax(g, v, 0)) && tt_is_none(tt_cross_entropy(g, v, v)));
        EXPECT(tt_is_none(tt_branch(g, v, 1, &v, body_of(), body_of())));
        EXPECT(tt_is_none(tt_loop(g, v, 1, 1, &v, 0, NULL, body_of())));
        tt_graph_result(g, "y", v);
        tt_graph_assign(g, v, v);
        EXPECT(tt_graph_status(g) != TT_OK && tt_graph_result_count(g) == 0);
        tt_graph_free(g);
    }
}

int main(void)
{
    check_no_graph();
    check_bodies();
    check_values();
    check_axes();
    check_copies();
    check_none();
    return test_result();
}
