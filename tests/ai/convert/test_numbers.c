// The quantiser's numbers where they are extreme: multipliers as TFLite's, channels that died,
// weights and calibration values that are no numbers or too large for what they become.

#include "tests/ai/convert/networks.h"
#include "tutti/check.h"

static char sentence[256];

static tt_text *why_new(void)
{
    static tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    return &why;
}

static tt_value input_of(tt_graph *g, int64_t batch, int64_t channels)
{
    return tt_input(g, "x", TT_TYPE(TT_F32, batch, channels));
}

static void test_multipliers(void)
{
    static const struct {
        double real;
        int32_t multiplier, shift;
    } cases[] = {
        {0, 0, 0},
        {1, 1 << 30, 1},
        {0.5, 1 << 30, 0},
        {0.75, 1610612736, 0},
        {1.0 / 3, 1431655765, -1},
        {3, 1610612736, 2},
        {1e-12, 0, 0},
        {1.0 / 4294967296, 1 << 30, -31}, // the least that a shift says
        {0.999 / 4294967296, 0, 0},
        {0.9999999999, 1 << 30, 1},                    // rounds up to 2^31
        {1073741824.5 / 2147483648, (1 << 30) + 1, 0}, // a tie
        {1073741825.5 / 2147483648, (1 << 30) + 2, 0}, // upwards, not to even
        {2147483647.5 / 2147483648, 1 << 30, 1},       // a tie that comes to 2^31
        {0.9999999999 / 4294967296, 1 << 30, -31},     // and one that the shift then says
        {536870912, 1 << 30, 30},                      // 2^29
        {1073741823, 2147483646, 30},                  // 2^30 - 1
        {1073741824, INT32_MAX, 30},                   // 2^30: beyond
        {0.9999999999 * 1073741824, INT32_MAX, 30},    // that rounds to it
        {1e300, INT32_MAX, 30},
    };
    for (size_t i = 0; i < TT_COUNT(cases); i++) {
        int32_t multiplier, shift;
        EXPECT(tt_quantise_multiplier(cases[i].real, &multiplier, &shift));
        EXPECT_EQUAL(multiplier, cases[i].multiplier);
        EXPECT_EQUAL(shift, cases[i].shift);
    }
    static const double bad[] = {(double)INFINITY, -(double)INFINITY, (double)NAN, -1, -1e-300};
    for (size_t i = 0; i < TT_COUNT(bad); i++) {
        int32_t multiplier = 7, shift = 7;
        EXPECT(!tt_quantise_multiplier(bad[i], &multiplier, &shift));
        EXPECT(multiplier == 0 && shift == 0);
    }
}

// Over the whole range: half a step of the multiplier's last bit at most.
static void test_multipliers_range(void)
{
    tt_random random;
    tt_random_seed(&random, 5);
    for (int i = 0; i < 20000; i++) {
        double fraction = 0.5 + (double)(tt_random_u64(&random) >> 11) * 0x1p-54;
        int exponent = (int)tt_random_below(&random, 62) - 31;
        int32_t multiplier, shift;
        double real = ldexp(fraction, exponent);
        EXPECT(tt_quantise_multiplier(real, &multiplier, &shift));
        EXPECT(multiplier >= 1 << 30 && shift >= -31 && shift <= 30);
        double step = ldexp(1, shift - 31);
        EXPECT(fabs((double)multiplier * step - real) <= step * (shift == 30 ? 1 : 0.5));
    }
}

// One dense channel with weight `w` and bias `b`, quantised.
static tt_status quantise_dense(float w, float b, tt_quantised **q, tt_text *why)
{
    tt_graph *g = tt_graph_new();
    return quantise_to(g, dense_of(g, input_of(g, 1, 1), 1, &w, &b), (float[]){1}, 1, q, why);
}

static float answer_to(tt_quantised *q, uint8_t pixel)
{
    int8_t y;
    REQUIRE(tt_quantised_run(q, &pixel, &y) == TT_OK);
    return real_of(q, y);
}

// What a training that has gone wrong leaves: numbers that are none, and channels that died.
static void test_extreme_weights(void)
{
    tt_quantised *q;
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < TT_COUNT(bad); i++) {
        EXPECT_EQUAL(quantise_dense(bad[i], 1, &q, why_new()), TT_INVALID);
        EXPECT_TEXT(sentence, "matmul (f32[1,1]): its weights or bias are not all finite");
        EXPECT_EQUAL(quantise_dense(1, bad[i], &q, why_new()), TT_INVALID);
        EXPECT_TEXT(sentence, "matmul (f32[1,1]): its weights or bias are not all finite");
    }
    EXPECT_EQUAL(quantise_dense(3e38f, 3e38f, &q, why_new()), TT_INVALID);
    EXPECT_TEXT(sentence, "add (f32[1,1]): its values over the calibration images are not all "
                          "finite");
    // A dead channel's weights are nearly nothing, its bias is not: the bias must survive.
    static const float biases[] = {0.75f, -3};
    for (size_t i = 0; i < TT_COUNT(biases); i++) {
        REQUIRE(quantise_dense(1e-30f, biases[i], &q, NULL) == TT_OK);
        EXPECT(fabsf(answer_to(q, 255) - biases[i]) < 0.01f * fabsf(biases[i]));
        tt_quantised_free(q);
    }
}

// A channel without weights gives its bias, whatever the scale of its input. Here the input of the
// second layer reaches 1000, a step of it is 4, and a bias of 0.4 was lost in it.
static void test_zero_channels(void)
{
    static const float biases[] = {0.4f, -0.4f, 1e-3f, 37, -1e6f, 1e30f, 0};
    for (size_t i = 0; i < TT_COUNT(biases); i++) {
        tt_graph *g = tt_graph_new();
        float zeros[2] = {0, 0}, bias[2] = {biases[i], biases[i] / 3};
        tt_value y = dense_of(g, input_of(g, 1, 1), 1, &(float){1000}, NULL);
        tt_quantised *q;
        REQUIRE(quantise_to(g, dense_of(g, y, 2, zeros, bias), (float[]){1}, 1, &q, NULL) == TT_OK);
        float scale = last_layer(q)->scale;
        for (int k = 0; k < 2; k++) // 2^20 steps: exact to a millionth
            EXPECT_EQUAL(last_layer(q)->bias_sum[k], bias[k] == 0  ? 0
                                                     : bias[k] > 0 ? 1 << 20
                                                                   : -(1 << 20));
        for (int pixel = 0; pixel < 256; pixel += 51) {
            int8_t z[2];
            REQUIRE(tt_quantised_run(q, &(uint8_t){(uint8_t)pixel}, z) == TT_OK);
            for (int k = 0; k < 2; k++)
                EXPECT(fabsf(real_of(q, z[k]) - bias[k]) <= 0.51f * scale);
        }
        EXPECT(biases[i] == 0 || scale < fabsf(biases[i]) / 200);
        tt_random random;
        tt_random_seed(&random, i);
        expect_plan_agrees(q, &random, 3);
        tt_quantised_free(q);
    }
    // A bias so large, over an input so small, that its step is beyond a float.
    tt_graph *g = tt_graph_new();
    tt_value y = dense_of(g, input_of(g, 1, 1), 1, &(float){1e-37f}, NULL);
    tt_quantised *q;
    REQUIRE(quantise_to(g, dense_of(g, y, 1, &(float){1}, &(float){1e38f}), (float[]){1}, 1, &q,
                        NULL) == TT_OK);
    EXPECT(fabsf(answer_to(q, 255) - 1e38f) < 1e36f);
    tt_quantised_free(q);
}

// Averages over the whole range; a network that is always zero; the first of several infinite
// layers.
static void test_small_networks(void)
{
    tt_quantised *q;
    tt_graph *g = tt_graph_new();
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 1, 2, 2, 1));
    float image[4] = {0, 1, 1, 0}, huge = 3e38f;
    REQUIRE(quantise_to(g, tt_pool_average(g, x, (int64_t[]){2, 2}, NULL), image, 1, &q, NULL) ==
            TT_OK);
    for (unsigned pixel = 0; pixel < 256; pixel++) {
        int8_t y;
        uint8_t pixels[4] = {(uint8_t)pixel, (uint8_t)pixel, (uint8_t)pixel, (uint8_t)pixel};
        REQUIRE(tt_quantised_run(q, pixels, &y) == TT_OK);
        EXPECT_EQUAL(y, (int)pixel - 128);
    }
    EXPECT(q->input_scale == 1.0f / 255 && q->input_zero_point == -128);
    tt_quantised_free(q);

    g = tt_graph_new();
    REQUIRE(quantise_to(g, dense_of(g, input_of(g, 1, 1), 1, &(float){0}, NULL), image, 1, &q,
                        NULL) == TT_OK);
    EXPECT(last_layer(q)->scale == 1 && last_layer(q)->step.output_zero_point == -128);
    tt_quantised_free(q);

    g = tt_graph_new();
    tt_value y = dense_of(g, input_of(g, 1, 1), 1, &huge, NULL);
    tt_graph_at(g, "second", NULL);
    y = dense_of(g, y, 1, &huge, NULL);
    tt_graph_at(g, "third", NULL);
    y = dense_of(g, y, 1, &huge, NULL);
    EXPECT_EQUAL(quantise_to(g, y, (float[]){1}, 1, &q, why_new()), TT_INVALID);
    EXPECT_TEXT(sentence, "matmul (second): its values over the calibration images are not all "
                          "finite");
}

// Calibration with what no pixel stands for would choose ranges for a network that never runs.
static void test_calibration(void)
{
    static const struct {
        float value;
        const char *sentence;
    } cases[] = {
        {0, ""},
        {1, ""},
        {1.0019f, ""}, // rounds to the last step
        {-0.0019f, ""},
        {1.002f, "calibration value 3 is 1.002; the network's input is quantised from 0 to 1"},
        {-0.002f, "calibration value 3 is -0.002; the network's input is quantised from 0 to 1"},
        {255, "calibration value 3 is 255; the network's input is quantised from 0 to 1"},
        {INFINITY, "calibration value 3 is inf; the network's input is quantised from 0 to 1"},
        {NAN, "calibration value 3 is nan; the network's input is quantised from 0 to 1"},
    };
    tt_quantised *q;
    for (size_t i = 0; i < TT_COUNT(cases); i++) {
        float values[4] = {0, 1, 0.5f, cases[i].value};
        tt_graph *g = tt_graph_new();
        tt_value y = dense_of(g, input_of(g, 2, 2), 1, (float[]){1, 2}, NULL);
        tt_status status = quantise_to(g, y, values, 2, &q, why_new());
        EXPECT_TEXT(sentence, cases[i].sentence);
        EXPECT_EQUAL(status, cases[i].sentence[0] == '\0' ? TT_OK : TT_INVALID);
        tt_quantised_free(q);
    }
    static const size_t counts[] = {0, 1, 3};
    for (size_t i = 0; i < TT_COUNT(counts); i++) {
        float values[8] = {0};
        tt_graph *g = tt_graph_new();
        tt_value y = dense_of(g, input_of(g, 2, 2), 1, (float[]){1, 2}, NULL);
        EXPECT_EQUAL(quantise_to(g, y, values, counts[i], &q, why_new()), TT_INVALID);
        EXPECT_TEXT(sentence, "the number of calibration images must be a multiple of the batch");
    }
}

// Finite numbers of every size through two layers: a plan comes out or a sentence, and no table
// holds what the conversion of a number too large for it leaves. A fault of the conversion shows as
// a negative multiplier or an impossible shift, which opening refuses.
static void test_sizes_of_numbers(void)
{
    static const float sizes[] = {0, 1e-45f, 1e-38f, 1e-30f, 1e-9f, 1, -1, 1e9f, -1e30f, 3e38f};
    unsigned plans = 0;
    for (size_t i = 0; i < 10000; i++) {
        float number[4] = {sizes[i % 10], sizes[i / 10 % 10], sizes[i / 100 % 10], sizes[i / 1000]};
        tt_graph *g = tt_graph_new();
        tt_value y = dense_of(g, input_of(g, 1, 1), 1, &number[0], &number[1]);
        tt_quantised *q;
        uint8_t *bytes;
        size_t length;
        y = dense_of(g, y, 1, &number[2], &number[3]);
        tt_status status = quantise_to(g, y, (float[]){0.5f}, 1, &q, why_new());
        EXPECT(status == TT_OK || (status == TT_INVALID && sentence[0] != '\0'));
        if (status == TT_OK) {
            EXPECT(isnormal(last_layer(q)->scale));
            EXPECT_EQUAL(tt_quantised_emit(q, &bytes, &length, NULL), TT_OK);
            plans++;
            free(bytes);
            tt_quantised_free(q);
        }
    }
    EXPECT(plans > 5000);
}

int main(void)
{
    test_multipliers();
    test_multipliers_range();
    test_extreme_weights();
    test_zero_channels();
    test_small_networks();
    test_calibration();
    test_sizes_of_numbers();
    return test_result();
}
