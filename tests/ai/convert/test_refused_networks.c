// Networks that the quantiser cannot say as a plan: each gets a sentence that names the place,
// never a check, and never a plan of another network.

#include "tests/ai/convert/networks.h"
#include "tutti/check.h"

static const float zeros[1 << 18]; // to calibrate with
static char sentence[512];

typedef struct refusal {
    tt_value (*make)(tt_graph *g); // makes "x" and gives what is to be the result "y"
    tt_status status;
    const char *part; // of the sentence; where the status is TT_OK, of what emitting says
} refusal;

static const int64_t one[2] = {1, 1}, two[2] = {2, 2}, three[2] = {3, 3}, minus[2] = {-1, -1};

// Operations and leaves.
static tt_value make_exp(tt_graph *g)
{
    return tt_exp(g, image(g));
}

static tt_value make_named(tt_graph *g)
{
    tt_graph_at(g, "block 3", NULL);
    return tt_softmax(g, image(g), 3);
}

static tt_value make_iota(tt_graph *g) // a node without inputs
{
    image(g);
    return tt_iota(g, TT_TYPE(TT_F32, 1, 4), 1);
}

static tt_value make_random(tt_graph *g)
{
    image(g);
    return tt_random_uniform(g, tt_input(g, "key", TT_SCALAR(TT_U64)), TT_TYPE(TT_F32, 1, 4));
}

static tt_value make_parameter(tt_graph *g)
{
    image(g);
    return tt_parameter(g, "p", TT_TYPE(TT_F32, 1, 4));
}

static tt_value make_two_inputs(tt_graph *g)
{
    return tt_matmul(g, tt_input(g, "z", TT_TYPE(TT_F32, 1, 5)), row(g));
}

static tt_value make_branches(tt_graph *g)
{
    tt_value x = image(g), pooled = tt_pool_greatest(g, x, one, NULL);
    return tt_concatenate(g, 2, (tt_value[]){x, pooled}, 3);
}

static tt_value make_sum_of_branches(tt_graph *g)
{
    tt_value y = conv(g, NULL, 1);
    return tt_add(g, y, tt_relu(g, y));
}

static tt_value make_places(tt_graph *g)
{
    return tt_output(tt_pool_greatest(g, image(g), two, NULL), 1);
}

static tt_value make_half(tt_graph *g)
{
    return tt_pool_greatest(g, tt_convert(g, image(g), TT_F16), two, NULL);
}

static tt_value make_double_input(tt_graph *g)
{
    return tt_pool_greatest(g, tt_input(g, "x", TT_TYPE(TT_F64, 1, 4, 4, 1)), two, NULL);
}

static tt_value make_scalar_input(tt_graph *g)
{
    return tt_reshape(g, tt_input(g, "x", TT_SCALAR(TT_F32)), 2, one);
}

static tt_value make_empty_input(tt_graph *g)
{
    return tt_reshape(g, image_of(g, 1, 0, 6, 4), 2, (int64_t[]){1, 0});
}

static tt_value make_no_graph(tt_graph *g)
{
    return tt_add(g, image(g), tt_parameter(g, "w", TT_TYPE(TT_F32, 3)));
}

// ReLU and bias.
static tt_value make_relu_of_pool(tt_graph *g)
{
    return tt_relu(g, tt_pool_greatest(g, image(g), two, NULL));
}

static tt_value make_relu_of_average(tt_graph *g)
{
    return tt_relu(g, tt_pool_average(g, image(g), two, NULL));
}

static tt_value make_relu_of_input(tt_graph *g)
{
    return tt_relu(g, image(g));
}

static tt_value make_limit(tt_graph *g)
{
    return tt_binary(g, TT_OP_LESSER_OF, conv(g, NULL, 1), tt_number(g, TT_F32, 6));
}

static tt_value make_relu_above_one(tt_graph *g)
{
    return tt_binary(g, TT_OP_GREATER_OF, conv(g, NULL, 1), tt_number(g, TT_F32, 1));
}

static tt_value make_larger_by_relu(tt_graph *g) // a zero that repeats the network's result
{
    tt_value y = dense_of(g, row(g), 1, (float[]){1, 2, 3, 4, 5}, NULL);
    tt_value zero = tt_broadcast(g, tt_number(g, TT_F32, 0), 2, (int64_t[]){7, 1});
    return tt_binary(g, TT_OP_GREATER_OF, y, zero);
}

static tt_value make_larger_by_bias(tt_graph *g) // (1, 5) becomes an image of one position
{
    tt_value y = tt_matmul(g, row(g), tt_parameter(g, "w", TT_TYPE(TT_F32, 5, 5)));
    return tt_add(g, y, tt_parameter(g, "b", TT_TYPE(TT_F32, 1, 1, 1, 5)));
}

static tt_value make_two_biases(tt_graph *g)
{
    tt_value b = tt_parameter(g, "b", TT_TYPE(TT_F32, 4));
    return tt_add(g, tt_add(g, conv(g, NULL, 1), b), b);
}

static tt_value make_bias_by_row(tt_graph *g) // as many as there are channels, along another axis
{
    tt_value x = image_of(g, 1, 4, 4, 4);
    return tt_add(g, tt_conv(g, x, weights(g, 4, 1, 1, 4), NULL, 1),
                  tt_parameter(g, "b", TT_TYPE(TT_F32, 4, 1)));
}

// Windows and weights.
static tt_value make_dilated(tt_graph *g)
{
    return conv(g, &(tt_windows){.dilation = two}, 1);
}

static tt_value make_spread(tt_graph *g)
{
    return conv(g, &(tt_windows){.spread = two}, 1);
}

static tt_value make_dilated_pool(tt_graph *g)
{
    return tt_pool_greatest(g, image(g), two, &(tt_windows){.dilation = two});
}

static tt_value make_groups(tt_graph *g)
{
    return conv(g, NULL, 2);
}

static tt_value make_cut_before(tt_graph *g)
{
    return conv(g, &(tt_windows){.before = minus}, 1);
}

static tt_value make_cut_after(tt_graph *g)
{
    return conv(g, &(tt_windows){.after = minus}, 1);
}

static tt_value make_blind_first(tt_graph *g)
{
    return conv(g, &(tt_windows){.before = two}, 1);
}

static tt_value make_blind_last(tt_graph *g)
{
    return conv(g, &(tt_windows){.after = two}, 1);
}

static tt_value make_blind_average(tt_graph *g)
{
    return tt_pool_average(g, image(g), two, &(tt_windows){.after = three});
}

static tt_value make_computed_weights(tt_graph *g)
{
    return tt_conv(g, image(g), tt_exp(g, weights(g, 4, 2, 2, 4)), NULL, 1);
}

static tt_value make_input_as_weights(tt_graph *g)
{
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 1, 1));
    return tt_matmul(g, x, x);
}

static tt_value make_weights_first(tt_graph *g)
{
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 1, 5));
    return tt_matmul(g, tt_parameter(g, "w", TT_TYPE(TT_F32, 1, 1)), x);
}

static tt_value make_state_as_weights(tt_graph *g)
{
    return tt_matmul(g, row(g), tt_state(g, "s", TT_TYPE(TT_F32, 5, 2)));
}

static tt_value make_line(tt_graph *g) // a convolution over one axis
{
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 1, 6, 2));
    return tt_conv(g, x, tt_parameter(g, "w", TT_TYPE(TT_F32, 3, 2, 2)), NULL, 1);
}

static tt_value make_volume(tt_graph *g)
{
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 1, 3, 3, 3, 2));
    return tt_pool_greatest(g, x, (int64_t[]){2, 2, 2}, NULL);
}

static tt_value make_many_products(tt_graph *g)
{
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 1, 3, 4));
    return tt_matmul(g, x, tt_parameter(g, "w", TT_TYPE(TT_F32, 4, 2)));
}

// Averages.
static tt_value divided_by(tt_graph *g, double number, int64_t rows_after, int64_t columns_after)
{
    int64_t after[2] = {rows_after, columns_after};
    tt_value sum = tt_pool_sum(g, image(g), two, &(tt_windows){.after = after});
    return tt_divide(g, sum, tt_number(g, TT_F32, number));
}

static tt_value make_wrong_count(tt_graph *g)
{
    return divided_by(g, 3, 0, 0);
}

static tt_value make_border_rows(tt_graph *g) // four, but at the border it sees two
{
    return divided_by(g, 4, 1, 0);
}

static tt_value make_border_columns(tt_graph *g)
{
    return divided_by(g, 4, 0, 1);
}

static tt_value make_division(tt_graph *g)
{
    return tt_divide(g, image(g), tt_number(g, TT_F32, 4));
}

static tt_value ones(tt_graph *g, int64_t side)
{
    return tt_broadcast(g, tt_number(g, TT_F32, 1), 4, (int64_t[]){1, side, side, 1});
}

// Counts of ones beside an image of another size: at its border they see more than it has.
static tt_value make_other_count(tt_graph *g)
{
    tt_windows apart = {.stride = two, .after = one};
    return tt_divide(g, tt_pool_sum(g, image_of(g, 1, 199, 199, 1), two, &apart),
                     tt_pool_sum(g, ones(g, 200), two, &apart));
}

static tt_value make_twos(tt_graph *g)
{
    tt_value twos = tt_broadcast(g, tt_number(g, TT_F32, 2), 4, (int64_t[]){1, 200, 200, 1});
    return tt_divide(g, tt_pool_sum(g, image_of(g, 1, 200, 200, 1), two, NULL),
                     tt_pool_sum(g, twos, two, NULL));
}

static tt_value make_other_windows(tt_graph *g)
{
    tt_value x = image_of(g, 1, 200, 200, 1);
    return tt_divide(g, tt_pool_sum(g, x, two, &(tt_windows){.after = one}),
                     tt_pool_sum(g, ones(g, 200), two, &(tt_windows){.before = one}));
}

static tt_value make_count_by_channel(tt_graph *g)
{
    tt_value count = tt_parameter(g, "n", TT_TYPE(TT_F32, 1, 1, 1, 4));
    return tt_divide(g, tt_pool_sum(g, image(g), two, NULL), count);
}

// Counts that are right as far as one image of one channel goes.
static tt_value by_counts(tt_graph *g, int64_t batch, int64_t channels)
{
    float counts[100];
    for (int i = 0; i < 100; i++)
        counts[i] = i < 25 ? 4 : 5;
    tt_value x = image_of(g, batch, 6, 6, channels);
    tt_value count = tt_constant(g, TT_TYPE(TT_F32, batch, 5, 5, channels), counts);
    return tt_divide(g, tt_pool_sum(g, x, two, NULL), count);
}

static tt_value make_counts_of_channels(tt_graph *g)
{
    return by_counts(g, 1, 4);
}

static tt_value make_counts_of_images(tt_graph *g)
{
    return by_counts(g, 4, 1);
}

// Counts that are right for the first row, or the first column, which sees less than the others.
static tt_value by_first_counts(tt_graph *g, int64_t axis)
{
    float counts[5] = {2, 2, 2, 2, 2};
    int64_t before[2] = {axis == 0, axis == 1};
    tt_type type = axis == 0 ? TT_TYPE(TT_F32, 1, 1, 5, 1) : TT_TYPE(TT_F32, 1, 5, 1, 1);
    tt_value sum = tt_pool_sum(g, image(g), two, &(tt_windows){.before = before});
    return tt_divide(g, sum, tt_constant(g, type, counts));
}

static tt_value make_counts_but_one(tt_graph *g) // of which the last is wrong
{
    float counts[25];
    for (int i = 0; i < 25; i++)
        counts[i] = i < 24 ? 4 : 3;
    tt_value sum = tt_pool_sum(g, image(g), two, NULL);
    return tt_divide(g, sum, tt_constant(g, TT_TYPE(TT_F32, 1, 5, 5, 1), counts));
}

static tt_value make_counts_of_first_row(tt_graph *g)
{
    return by_first_counts(g, 0);
}

static tt_value make_counts_of_first_column(tt_graph *g)
{
    return by_first_counts(g, 1);
}

static tt_value make_huge_average(tt_graph *g) // windows as large as can be over four elements
{
    int64_t window[2] = {65535, 65535}, padding[2] = {65533, 65533};
    tt_windows windows = {.before = padding, .after = padding};
    tt_value sum = tt_pool_sum(g, image_of(g, 1, 2, 2, 1), window, &windows);
    return tt_divide(g, sum, tt_number(g, TT_F32, 4));
}

// Sizes.
static tt_value make_wide_row(tt_graph *g)
{
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 1, 65536));
    return tt_matmul(g, x, tt_parameter(g, "w", TT_TYPE(TT_F32, 65536, 1)));
}

static tt_value make_wide_result(tt_graph *g)
{
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 1, 1));
    return tt_matmul(g, x, tt_parameter(g, "w", TT_TYPE(TT_F32, 1, 65536)));
}

static tt_value make_tall_image(tt_graph *g)
{
    return tt_pool_greatest(g, image_of(g, 1, 65536, 1, 1), (int64_t[]){2, 1}, NULL);
}

static tt_value make_large_window(tt_graph *g)
{
    int64_t window[2] = {65536, 1}, padding[2] = {65535, 0};
    return tt_pool_greatest(g, image(g), window, &(tt_windows){.before = padding});
}

static tt_value make_large_stride(tt_graph *g)
{
    return tt_pool_greatest(g, image(g), two, &(tt_windows){.stride = (int64_t[]){256, 1}});
}

static tt_value make_no_channels(tt_graph *g)
{
    return tt_conv(g, image(g), weights(g, 0, 2, 2, 4), NULL, 1);
}

static tt_value make_no_windows(tt_graph *g)
{
    return tt_conv(g, image_of(g, 1, 1, 1, 1), weights(g, 1, 2, 2, 1), NULL, 1);
}

static tt_value make_no_sum(tt_graph *g)
{
    tt_value x =
        tt_reshape(g, tt_conv(g, image(g), weights(g, 0, 2, 2, 4), NULL, 1), 2, (int64_t[]){1, 0});
    return tt_matmul(g, x, tt_parameter(g, "v", TT_TYPE(TT_F32, 0, 3)));
}

static tt_value make_deep(tt_graph *g)
{
    tt_value x = image(g);
    for (int i = 0; i <= TT_PLAN_STEPS_MAX; i++)
        x = tt_pool_greatest(g, x, two, &(tt_windows){.before = one});
    return x;
}

// Reshapes.
static tt_value make_mixed_batch(tt_graph *g)
{
    tt_value x = tt_reshape(g, image(g), 2, (int64_t[]){4, -1});
    return tt_matmul(g, x, tt_parameter(g, "w", TT_TYPE(TT_F32, 36, 3)));
}

static tt_value make_lost_batch(tt_graph *g)
{
    return tt_reshape(g, image(g), 1, (int64_t[]){-1});
}

static tt_value make_no_axes(tt_graph *g)
{
    return tt_reshape(g, tt_pool_greatest(g, image_of(g, 1, 2, 2, 1), two, NULL), 0, NULL);
}

static tt_value make_nothing(tt_graph *g)
{
    return image(g);
}

static tt_value make_reshape_only(tt_graph *g)
{
    return tt_reshape(g, image(g), 2, (int64_t[]){1, -1});
}

static const refusal refusals[] = {
    {make_exp, TT_UNSUPPORTED, "exp (f32[1,6,6,4]): has no int8 form"},
    {make_named, TT_UNSUPPORTED, "(block 3)"},
    {make_iota, TT_UNSUPPORTED, "iota (f32[1,4]): has no int8 form"},
    {make_random, TT_UNSUPPORTED, "has no int8 form"},
    {make_parameter, TT_UNSUPPORTED, "from the input alone"},
    {make_two_inputs, TT_INVALID, "matmul"},
    {make_branches, TT_UNSUPPORTED, "concatenate (f32[1,6,6,8]): joins along an axis by which"},
    {make_sum_of_branches, TT_UNSUPPORTED, "add (f32[1,5,5,4]): has no int8 form"},
    {make_places, TT_UNSUPPORTED, "pool_greatest (i32[1,5,5,4]): is not of f32"},
    {make_half, TT_UNSUPPORTED, "pool_greatest (f16[1,5,5,4]): is not of f32"},
    {make_double_input, TT_INVALID, "the input must be f32 of (batch, ...)"},
    {make_scalar_input, TT_INVALID, "the input must be f32 of (batch, ...)"},
    {make_empty_input, TT_INVALID, "the input must be f32 of (batch, ...)"},
    {make_no_graph, TT_INVALID, "add: "},
    {make_relu_of_pool, TT_UNSUPPORTED, "a ReLU has no step"},
    {make_relu_of_average, TT_UNSUPPORTED, "a ReLU has no step"},
    {make_relu_of_input, TT_UNSUPPORTED, "a ReLU has no step"},
    {make_limit, TT_UNSUPPORTED, "lesser_of (f32[1,5,5,4]): has no int8 form"},
    {make_relu_above_one, TT_UNSUPPORTED, "greater_of (f32[1,5,5,4]): has no int8 form"},
    {make_larger_by_relu, TT_UNSUPPORTED, "makes it larger"},
    {make_larger_by_bias, TT_UNSUPPORTED, "makes it larger"},
    {make_two_biases, TT_UNSUPPORTED, "add (f32[1,5,5,4]): has no int8 form"},
    {make_bias_by_row, TT_UNSUPPORTED, "add (f32[1,4,4,4]): has no int8 form"},
    {make_dilated, TT_UNSUPPORTED, "conv (f32[1,4,4,4]): dilated"},
    {make_spread, TT_UNSUPPORTED, "transposed windows"},
    {make_dilated_pool, TT_UNSUPPORTED, "pool_greatest (f32[1,4,4,4]): dilated"},
    {make_groups, TT_UNSUPPORTED, "in groups"},
    {make_cut_before, TT_UNSUPPORTED, "padding that is negative"},
    {make_cut_after, TT_UNSUPPORTED, "padding that is negative"},
    {make_blind_first, TT_UNSUPPORTED, "or all that a window sees"},
    {make_blind_last, TT_UNSUPPORTED, "or all that a window sees"},
    {make_blind_average, TT_UNSUPPORTED, "or all that a window sees"},
    {make_computed_weights, TT_UNSUPPORTED, "not parameters or constants"},
    {make_input_as_weights, TT_UNSUPPORTED, "not parameters or constants"},
    {make_weights_first, TT_UNSUPPORTED, "not parameters or constants"},
    {make_state_as_weights, TT_UNSUPPORTED, "not parameters or constants"},
    {make_line, TT_UNSUPPORTED, "over other than rows and columns"},
    {make_volume, TT_UNSUPPORTED, "over other than rows and columns"},
    {make_many_products, TT_UNSUPPORTED, "of more than two axes"},
    {make_wrong_count, TT_UNSUPPORTED, "is divided by other than"},
    {make_division, TT_UNSUPPORTED, "but that of an average"},
    {make_border_rows, TT_UNSUPPORTED, "is divided by other than"},
    {make_border_columns, TT_UNSUPPORTED, "is divided by other than"},
    {make_other_count, TT_UNSUPPORTED, "is divided by other than"},
    {make_twos, TT_UNSUPPORTED, "is divided by other than"},
    {make_other_windows, TT_UNSUPPORTED, "is divided by other than"},
    {make_count_by_channel, TT_UNSUPPORTED, "is divided by other than"},
    {make_counts_of_channels, TT_UNSUPPORTED, "is divided by other than"},
    {make_counts_of_images, TT_UNSUPPORTED, "is divided by other than"},
    {make_counts_but_one, TT_UNSUPPORTED, "is divided by other than"},
    {make_counts_of_first_row, TT_UNSUPPORTED, "is divided by other than"},
    {make_counts_of_first_column, TT_UNSUPPORTED, "is divided by other than"},
    {make_huge_average, TT_TOO_LARGE, ""},
    {make_wide_row, TT_TOO_LARGE, "each 1 to 65535"},
    {make_wide_result, TT_TOO_LARGE, "each 1 to 65535"},
    {make_tall_image, TT_TOO_LARGE, "each 1 to 65535"},
    {make_large_window, TT_UNSUPPORTED, "a window of more than 65535"},
    {make_large_stride, TT_UNSUPPORTED, "a stride of more than 255"},
    {make_no_channels, TT_TOO_LARGE, "each 1 to 65535"},
    {make_no_windows, TT_TOO_LARGE, "each 1 to 65535"},
    {make_no_sum, TT_TOO_LARGE, "each 1 to 65535"},
    {make_deep, TT_TOO_LARGE, "more layers than are supported (64)"},
    {make_mixed_batch, TT_UNSUPPORTED, "mixes the inputs of a batch"},
    {make_lost_batch, TT_UNSUPPORTED, "mixes the inputs of a batch"},
    {make_no_axes, TT_UNSUPPORTED, "mixes the inputs of a batch"},
    {make_nothing, TT_OK, "the network is empty"},
    {make_reshape_only, TT_OK, "the network is empty"},
};

int main(void)
{
    for (size_t i = 0; i < TT_COUNT(refusals); i++) {
        const refusal *r = &refusals[i];
        tt_quantised *q;
        tt_graph *g = tt_graph_new();
        tt_text why;
        tt_text_init(&why, sentence, sizeof(sentence));
        tt_value y = r->make(g);
        tt_status status = quantise_to(g, y, zeros, 4, &q, &why);
        EXPECT_EQUAL(status, r->status);
        if (status == TT_OK) {
            uint8_t *bytes;
            size_t length;
            EXPECT_EQUAL(tt_quantised_emit(q, &bytes, &length, &why), TT_TOO_LARGE);
            EXPECT(bytes == NULL);
        }
        if (status != r->status || strstr(sentence, r->part) == NULL)
            printf("case %zu: '%s' does not have '%s'\n", i, sentence, r->part);
        EXPECT(sentence[0] != '\0' && strstr(sentence, r->part) != NULL);
        tt_quantised_free(q);
    }
    return test_result();
}
