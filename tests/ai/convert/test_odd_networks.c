// Networks as nobody meant them, whose plans are right all the same; names and sessions that are
// none of theirs.

#include "tests/ai/convert/networks.h"
#include "tutti/check.h"

#define CALIBRATION (1 << 18)

static char sentence[512];
static tt_random numbers;

static const int64_t one[2] = {1, 1}, two[2] = {2, 2}, three[2] = {3, 3};

static tt_value make_twice(tt_graph *g) // weights and bias of two layers
{
    tt_value w = weights(g, 4, 3, 3, 4), b = tt_parameter(g, "b", TT_TYPE(TT_F32, 4)), x = image(g);
    tt_windows same = {.before = one, .after = one};
    for (int i = 0; i < 2; i++)
        x = tt_relu(g, tt_add(g, tt_conv(g, x, w, &same, 1), b));
    return x;
}

static tt_value make_bias_is_weights(tt_graph *g)
{
    tt_value w = tt_parameter(g, "w", TT_TYPE(TT_F32, 1, 5));
    tt_value y = dense_of(g, row(g), 1, (float[]){1, -2, 3, -4, 5}, NULL);
    return tt_add(g, tt_matmul(g, y, w), w);
}

static tt_value make_wide_padding(tt_graph *g) // windows far larger than the image
{
    int64_t window[2] = {30, 7}, padding[2] = {29, 6};
    tt_windows windows = {.before = padding, .after = padding};
    tt_value x = tt_pool_average(g, image_of(g, 2, 3, 2, 3), window, &windows);
    return tt_pool_greatest(g, x, window, &(tt_windows){.stride = three, .before = padding});
}

static tt_value make_wide_conv(tt_graph *g)
{
    int64_t before[2] = {8, 0}, after[2] = {0, 8};
    tt_windows windows = {.stride = two, .before = before, .after = after};
    return tt_conv(g, image_of(g, 1, 2, 3, 2), weights(g, 3, 9, 9, 2), &windows, 1);
}

static tt_value make_leftover(tt_graph *g) // rows and columns that no window reaches
{
    tt_windows apart = {.stride = three};
    tt_value x = tt_conv(g, image_of(g, 3, 9, 10, 2), weights(g, 6, 2, 2, 1), &apart, 2);
    return tt_pool_average(g, x, two, &apart);
}

static tt_value make_large_average(tt_graph *g) // whose counts are too many to be folded
{
    return tt_pool_average(g, image_of(g, 1, 100, 90, 1), three,
                           &(tt_windows){.before = one, .after = one});
}

static tt_value make_given_counts(tt_graph *g) // of 2 by 3 windows that lie 1 and 2 apart
{
    static const float counts[15] = {6, 6, 4, 6, 6, 4, 6, 6, 4, 6, 6, 4, 3, 3, 2};
    int64_t window[2] = {2, 3}, stride[2] = {1, 2}, after[2] = {1, 2};
    tt_windows windows = {.stride = stride, .after = after};
    tt_value sum = tt_pool_sum(g, image_of(g, 2, 5, 6, 3), window, &windows);
    return tt_divide(g, sum, tt_constant(g, TT_TYPE(TT_F32, 1, 5, 3, 1), counts));
}

// By one number where windows stand in one row, in one column, and once.
static tt_value by_number(tt_graph *g, int64_t rows, int64_t columns)
{
    tt_value sum = tt_pool_sum(g, image_of(g, 2, 4, 3, 2), (int64_t[]){rows, columns}, NULL);
    return tt_divide(g, sum, tt_number(g, TT_F32, (double)(rows * columns)));
}

static tt_value make_one_row(tt_graph *g)
{
    return by_number(g, 4, 2);
}

static tt_value make_one_column(tt_graph *g)
{
    return by_number(g, 2, 3);
}

static tt_value make_one_window(tt_graph *g)
{
    return by_number(g, 4, 3);
}

static tt_value make_one_channel(tt_graph *g) // that is also a group
{
    tt_value x = tt_conv(g, image_of(g, 1, 5, 5, 1), weights(g, 3, 2, 2, 1), NULL, 1);
    return tt_add(g, x, tt_parameter(g, "b", TT_TYPE(TT_F32, 1, 1, 1, 3)));
}

static tt_value make_stopped(tt_graph *g)
{
    tt_value x = tt_stop(g, tt_reshape(g, image_of(g, 2, 2, 2, 2), 2, (int64_t[]){2, 8}));
    x = tt_reshape(g, tt_stop(g, x), 3, (int64_t[]){2, 4, 2});
    x = tt_reshape(g, x, 2, (int64_t[]){2, 8});
    tt_value w = tt_parameter(g, "w", TT_TYPE(TT_F32, 8, 3));
    return tt_stop(g, tt_matmul(g, x, tt_transpose(g, w, (int64_t[]){0, 1})));
}

static tt_value make_widest_row(tt_graph *g)
{
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 1, 65535));
    x = tt_matmul(g, x, tt_parameter(g, "w", TT_TYPE(TT_F32, 65535, 1)));
    return tt_matmul(g, x, tt_parameter(g, "v", TT_TYPE(TT_F32, 1, 65535)));
}

static tt_value make_largest_stride(tt_graph *g)
{
    tt_windows apart = {.stride = (int64_t[]){255, 255}};
    return tt_pool_greatest(g, image_of(g, 1, 300, 260, 1), two, &apart);
}

static tt_value make_deepest(tt_graph *g)
{
    tt_value x = image_of(g, 1, 2, 2, 1);
    for (int i = 0; i < TT_PLAN_STEPS_MAX; i++)
        x = tt_pool_greatest(g, x, two, &(tt_windows){.before = one});
    return x;
}

// What is trained beside the result, and wants inputs that nobody gives.
static tt_value make_trained(tt_graph *g)
{
    tt_value w = tt_parameter(g, "w", TT_TYPE(TT_F32, 5, 3)), slope;
    tt_value logits = tt_matmul(g, row(g), w);
    tt_value loss = tt_cross_entropy(g, logits, tt_input(g, "labels", TT_TYPE(TT_I32, 1)));
    REQUIRE(tt_graph_gradient(g, loss, 1, &w, &slope) == TT_OK);
    tt_graph_result(g, "loss", loss);
    tt_graph_assign(g, w, tt_subtract(g, w, slope));
    return logits;
}

static tt_value (*const right[])(tt_graph *g) = {
    make_twice,    make_bias_is_weights, make_wide_padding,   make_wide_conv,
    make_leftover, make_large_average,   make_given_counts,   make_one_channel,
    make_stopped,  make_widest_row,      make_largest_stride, make_deepest,
    make_trained,  make_one_row,         make_one_column,     make_one_window};

static void test_right(void)
{
    static float calibration[CALIBRATION];
    for (size_t i = 0; i < CALIBRATION; i++)
        calibration[i] = (float)tt_random_below(&numbers, 256) / 255;
    for (size_t i = 0; i < TT_COUNT(right); i++) {
        tt_graph *g = tt_graph_new();
        tt_quantised *q;
        tt_text why;
        tt_text_init(&why, sentence, sizeof(sentence));
        tt_graph_result(g, "y", right[i](g));
        REQUIRE(tt_graph_status(g) == TT_OK);
        tt_session *session = made_up_session(g);
        make_up_weights(session, g, &numbers);
        size_t batch = (size_t)tt_graph_type(g, tt_graph_find(g, "x"))->size[0];
        tt_status status = tt_quantise(session, g, "x", "y", calibration, 2 * batch, &q, &why);
        EXPECT_TEXT(sentence, "");
        if (status != TT_OK)
            printf("network %zu\n", i);
        REQUIRE(status == TT_OK);
        expect_plan_agrees(q, &numbers, 3);
        tt_quantised_free(q);
        tt_session_free(session);
        tt_graph_free(g);
    }
}

// Names that are none, or of something else.
static void test_names(void)
{
    static const char *const names[][3] = {
        {"z", "y", "there is no input 'z'"},
        {"w", "y", "there is no input 'w'"}, // a parameter
        {"x", "z", "there is no result 'z'"},
        {"x", "x", "there is no result 'x'"},
    };
    tt_graph *g = tt_graph_new();
    tt_graph_result(g, "y", conv(g, NULL, 1));
    tt_session *session = made_up_session(g);
    for (size_t i = 0; i < TT_COUNT(names); i++) {
        tt_quantised *q;
        tt_text why;
        tt_text_init(&why, sentence, sizeof(sentence));
        EXPECT_EQUAL(
            tt_quantise(session, g, names[i][0], names[i][1], (float[144]){0}, 1, &q, &why),
            TT_NOT_FOUND);
        EXPECT(q == NULL);
        EXPECT_TEXT(sentence, names[i][2]);
    }
    tt_session_free(session);
    tt_graph_free(g);
}

// A session that holds a parameter of another type by that name, and one that has too little room.
static void test_sessions(void)
{
    tt_session *session;
    tt_quantised *q;
    tt_text why;
    tt_graph *g = tt_graph_new(), *other = tt_graph_new();
    tt_graph_result(g, "y", conv(g, NULL, 1));
    tt_graph_result(other, "y", tt_exp(other, tt_parameter(other, "w", TT_TYPE(TT_F32, 3))));
    session = made_up_session(other);
    tt_text_init(&why, sentence, sizeof(sentence));
    EXPECT_EQUAL(tt_quantise(session, g, "x", "y", (float[144]){0}, 1, &q, &why), TT_INVALID);
    EXPECT(q == NULL && sentence[0] != '\0');
    tt_session_free(session);
    tt_session_options options = {.threads = 1, .bytes_max = 100};
    REQUIRE(tt_session_new(&options, &session, NULL) == TT_OK);
    tt_text_init(&why, sentence, sizeof(sentence));
    EXPECT_EQUAL(tt_quantise(session, g, "x", "y", (float[144]){0}, 1, &q, &why), TT_TOO_LARGE);
    EXPECT(q == NULL && sentence[0] != '\0');
    tt_session_free(session);
    tt_graph_free(g);
    tt_graph_free(other);
}

int main(void)
{
    tt_random_seed(&numbers, 4);
    test_right();
    test_names();
    test_sessions();
    return test_result();
}
