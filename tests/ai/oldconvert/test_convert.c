// The quantiser: multipliers as TFLite's, pixels that stay exact, a refusal that names its place,
// and the plan of a whole network against the reference executor.

#include <math.h>

#include "tests/test.h"
#include "tutti/bytes.h"
#include "tutti/check.h"
#include "tutti/oldconvert.h"
#include "tutti/lite.h"
#include "tutti/random.h"
#include "tutti/train.h"

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
        {0.9999999999, 1 << 30, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int32_t multiplier, shift;
        tt_quantise_multiplier(cases[i].real, &multiplier, &shift);
        EXPECT_EQUAL(multiplier, cases[i].multiplier);
        EXPECT_EQUAL(shift, cases[i].shift);
    }
}

static void test_refusal(void)
{
    tt_graph *g = tt_graph_new();
    tt_value *x = tt_input(g, "x", TT_F32, TT_SHAPE(1, 4, 4, 1));
    tt_value *y = tt_exp(tt_max_pool2d(x, 2, 2, TT_SAME));
    float image[16] = {0};
    char buffer[200];
    tt_text why;
    tt_quantised q;
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(tt_quantise(g, x, y, image, 1, &q, &why), TT_UNSUPPORTED);
    EXPECT_TEXT(buffer, "value %2 (exp): has no int8 form that this quantiser knows");
    tt_graph_free(g);
}

// What a network whose building failed gives, and values that are not what they are given for.
static void test_misuse(void)
{
    tt_graph *g = tt_graph_new(), *other = tt_graph_new();
    tt_value *x = tt_input(g, "x", TT_F32, TT_SHAPE(1, 4)),
             *scalar = tt_input(g, "s", TT_F32, TT_SCALAR);
    tt_value *w = tt_parameter(g, "w", TT_SHAPE(2, 4)), *y = tt_matmul(x, w, false, true);
    tt_value *theirs = tt_input(other, "x", TT_F32, TT_SHAPE(1, 4));
    tt_value *bytes_input = tt_input(g, "b", TT_I8, TT_SHAPE(1, 4));
    const tt_value *pairs[][2] = {{x, NULL},   {NULL, y}, {scalar, y},     {theirs, y},
                                  {x, theirs}, {w, y},    {bytes_input, y}};
    float image[4] = {0};
    tt_quantised q;
    char buffer[300];
    tt_text why;
    for (size_t i = 0; i < TT_COUNT(pairs); i++) {
        tt_text_init(&why, buffer, sizeof(buffer));
        EXPECT_EQUAL(tt_quantise(g, pairs[i][0], pairs[i][1], image, 1, &q, &why), TT_INVALID);
        EXPECT_TEXT(buffer, "the image must be an f32 input and the logits a value of this graph");
    }
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(tt_quantise(g, x, tt_matmul(x, w, false, false), image, 1, &q, &why), TT_INVALID);
    EXPECT(strstr(buffer, "a value of this graph; matmul: inner sizes") != NULL);
    EXPECT_EQUAL(tt_quantise(g, x, y, image, 0, &q, NULL), TT_INVALID);
    tt_graph_free(g);
    tt_graph_free(other);

    // A plan of a network that is none: no logits, nothing between, and another chain's end.
    uint8_t *bytes;
    size_t length;
    q = (tt_quantised){.graph = tt_graph_new()};
    EXPECT_EQUAL(tt_plan_emit(&q, &bytes, &length, NULL), TT_INVALID);
    q.image = tt_input(q.graph, "x", TT_I8, TT_SHAPE(1, 4));
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(tt_plan_emit(&q, &bytes, &length, &why), TT_INVALID);
    EXPECT_TEXT(buffer, "the network has no image or no logits");
    q.logits = q.image;
    EXPECT_EQUAL(tt_plan_emit(&q, &bytes, &length, NULL), TT_TOO_LARGE);
    q.logits = tt_input(q.graph, "y", TT_I8, TT_SHAPE(1, 4));
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(tt_plan_emit(&q, &bytes, &length, &why), TT_UNSUPPORTED);
    EXPECT_TEXT(buffer, "value %1 (input): has no step in a plan");
    EXPECT(bytes == NULL);
    q.logits = q.image; // as many reshapes as one likes, and one pooling too many
    for (int i = 0; i < 100000; i++)
        q.logits = tt_reshape(q.logits, TT_SHAPE(1, 4));
    EXPECT_EQUAL(tt_plan_emit(&q, &bytes, &length, NULL), TT_TOO_LARGE);
    q.logits = tt_reshape(q.logits, TT_SHAPE(1, 2, 2, 1));
    for (int i = 0; i <= TT_PLAN_STEPS_MAX; i++)
        q.logits = tt_max_pool2d(q.logits, 1, 1, TT_VALID);
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(tt_plan_emit(&q, &bytes, &length, &why), TT_TOO_LARGE);
    EXPECT(strstr(buffer, "is beyond a plan's limits (64 steps") != NULL);
    q.logits = q.logits->inputs[0];
    EXPECT_EQUAL(tt_plan_emit(&q, &bytes, &length, NULL), TT_OK);
    free(bytes);
    tt_quantised_free(&q);
}

// One dense channel with weight `w` and bias `b`, quantised.
static tt_status quantise_dense(float w, float b, tt_quantised *q, tt_text *why)
{
    tt_graph *g = tt_graph_new();
    tt_value *x = tt_input(g, "x", TT_F32, TT_SHAPE(1, 1));
    tt_value *weights = tt_constant(g, TT_F32, TT_SHAPE(1, 1), &w);
    tt_value *y = tt_matmul(x, weights, false, true);
    y = tt_bias_add(y, tt_constant(g, TT_F32, TT_SHAPE(1), &b));
    tt_status status = tt_quantise(g, x, y, (float[]){1}, 1, q, why);
    tt_graph_free(g);
    return status;
}

// What a training that has gone wrong leaves: numbers that are none, and channels that died.
static void test_extreme_weights(void)
{
    char buffer[200];
    tt_text why;
    tt_quantised q;
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < TT_COUNT(bad); i++) {
        tt_text_init(&why, buffer, sizeof(buffer));
        EXPECT_EQUAL(quantise_dense(bad[i], 1, &q, &why), TT_INVALID);
        EXPECT_TEXT(buffer, "value %2 (matmul): its weights or bias are not all finite");
        EXPECT_EQUAL(quantise_dense(1, bad[i], &q, NULL), TT_INVALID);
    }
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(quantise_dense(3e38f, 3e38f, &q, &why), TT_INVALID);
    EXPECT_TEXT(buffer, "value %4 (bias_add): its values over the calibration images are not all "
                        "finite");
    // A dead channel's weights are nearly nothing, its bias is not: the bias must survive.
    static const float biases[] = {0.75f, -3};
    for (size_t i = 0; i < TT_COUNT(biases); i++) {
        REQUIRE(quantise_dense(1e-30f, biases[i], &q, NULL) == TT_OK);
        int8_t y;
        tt_quantised_run(&q, &(uint8_t){255}, &y);
        float real = q.logits->scale * (float)(y - q.logits->zero_point);
        EXPECT(fabsf(real - biases[i]) < 0.01f * fabsf(biases[i]));
        tt_quantised_free(&q);
    }
}

// A channel without weights gives its bias, whatever the scale of its input. Here the input of the
// second layer reaches 1000, a step of it is 4, and a bias of 0.4 was lost in it.
static void test_zero_channels(void)
{
    static const float biases[] = {0.4f, -0.4f, 1e-3f, 37, -1e6f, 1e30f, 0};
    for (size_t i = 0; i < TT_COUNT(biases); i++) {
        tt_graph *g = tt_graph_new();
        tt_value *x = tt_input(g, "x", TT_F32, TT_SHAPE(1, 1));
        tt_value *y =
            tt_matmul(x, tt_constant(g, TT_F32, TT_SHAPE(1, 1), &(float){1000}), false, true);
        float zeros[2] = {0, 0}, bias[2] = {biases[i], biases[i] / 3};
        y = tt_matmul(y, tt_constant(g, TT_F32, TT_SHAPE(2, 1), zeros), false, true);
        y = tt_bias_add(y, tt_constant(g, TT_F32, TT_SHAPE(2), bias));
        tt_quantised q;
        REQUIRE(tt_quantise(g, x, y, (float[]){1}, 1, &q, NULL) == TT_OK);
        for (int pixel = 0; pixel < 256; pixel += 51) {
            int8_t z[2];
            tt_quantised_run(&q, &(uint8_t){(uint8_t)pixel}, z);
            for (int k = 0; k < 2; k++) {
                float real = q.logits->scale * (float)(z[k] - q.logits->zero_point);
                EXPECT(fabsf(real - bias[k]) <= 0.51f * q.logits->scale);
            }
        }
        EXPECT(biases[i] == 0 || q.logits->scale < fabsf(biases[i]) / 200);
        uint8_t *bytes;
        size_t length;
        EXPECT_EQUAL(tt_plan_emit(&q, &bytes, &length, NULL), TT_OK);
        free(bytes);
        tt_quantised_free(&q);
        tt_graph_free(g);
    }
    // A bias so large, over an input so small, that its step is beyond a float.
    tt_graph *g = tt_graph_new();
    tt_value *x = tt_input(g, "x", TT_F32, TT_SHAPE(1, 1));
    tt_value *y =
        tt_matmul(x, tt_constant(g, TT_F32, TT_SHAPE(1, 1), &(float){1e-37f}), false, true);
    y = tt_matmul(y, tt_constant(g, TT_F32, TT_SHAPE(1, 1), &(float){1}), false, true);
    y = tt_bias_add(y, tt_constant(g, TT_F32, TT_SHAPE(1), &(float){1e38f}));
    tt_quantised q;
    int8_t z;
    REQUIRE(tt_quantise(g, x, y, (float[]){1}, 1, &q, NULL) == TT_OK);
    tt_quantised_run(&q, &(uint8_t){255}, &z);
    EXPECT(fabsf(q.logits->scale * (float)(z - q.logits->zero_point) - 1e38f) < 1e36f);
    tt_quantised_free(&q);
    tt_graph_free(g);
}

// Averages over the whole range; a network that is always zero; the first of several infinite
// layers; weights that are no numbers yet; images that make no whole batch.
static void test_small_networks(void)
{
    char buffer[200];
    tt_text why;
    tt_quantised q;
    tt_graph *g = tt_graph_new();
    tt_value *x = tt_input(g, "x", TT_F32, TT_SHAPE(1, 2, 2, 1));
    float image[4] = {0, 1, 1, 0};
    REQUIRE(tt_quantise(g, x, tt_average_pool2d(x, 2, 2, TT_VALID), image, 1, &q, NULL) == TT_OK);
    for (unsigned pixel = 0; pixel < 256; pixel++) {
        int8_t y;
        uint8_t pixels[4] = {(uint8_t)pixel, (uint8_t)pixel, (uint8_t)pixel, (uint8_t)pixel};
        tt_quantised_run(&q, pixels, &y);
        EXPECT_EQUAL(y, (int)pixel - 128);
    }
    tt_quantised_free(&q);
    tt_graph_free(g);

    g = tt_graph_new();
    x = tt_input(g, "x", TT_F32, TT_SHAPE(1, 1));
    REQUIRE(
        tt_quantise(g, x,
                    tt_matmul(x, tt_constant(g, TT_F32, TT_SHAPE(1, 1), &(float){0}), false, true),
                    image, 1, &q, NULL) == TT_OK);
    EXPECT(q.logits->scale == 1 && q.logits->zero_point == -128);
    tt_quantised_free(&q);
    tt_value *w = tt_constant(g, TT_F32, TT_SHAPE(1, 1), &(float){3e38f});
    tt_value *y =
        tt_matmul(tt_matmul(tt_matmul(x, w, false, true), w, false, true), w, false, true);
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(tt_quantise(g, x, y, (float[]){1}, 1, &q, &why), TT_INVALID);
    EXPECT_TEXT(buffer, "value %5 (matmul): its values over the calibration images are not all "
                        "finite");
    y = tt_matmul(x, tt_input(g, "w", TT_F32, TT_SHAPE(1, 1)), false, true);
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(tt_quantise(g, x, y, (float[]){1}, 1, &q, &why), TT_UNSUPPORTED);
    EXPECT(strstr(buffer, "its weights are not parameters or constants") != NULL);
    tt_graph_free(g);
    g = tt_graph_new();
    x = tt_input(g, "x", TT_F32, TT_SHAPE(2, 1));
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(tt_quantise(g, x, tt_reshape(x, TT_SHAPE(2, 1, 1)), image, 3, &q, &why),
                 TT_INVALID);
    EXPECT_TEXT(buffer, "the number of calibration images must be a multiple of the batch");
    tt_graph_free(g);
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
    tt_graph *g = tt_graph_new();
    tt_value *x = tt_input(g, "x", TT_F32, TT_SHAPE(2, 2));
    tt_value *y =
        tt_matmul(x, tt_constant(g, TT_F32, TT_SHAPE(1, 2), (float[]){1, 2}), false, true);
    for (size_t i = 0; i < TT_COUNT(cases); i++) {
        float values[4] = {0, 1, 0.5f, cases[i].value};
        char buffer[200];
        tt_text why;
        tt_quantised q;
        tt_text_init(&why, buffer, sizeof(buffer));
        tt_status status = tt_quantise(g, x, y, values, 2, &q, &why);
        EXPECT_TEXT(buffer, cases[i].sentence);
        EXPECT_EQUAL(status, cases[i].sentence[0] == '\0' ? TT_OK : TT_INVALID);
        if (status == TT_OK)
            tt_quantised_free(&q);
    }
    tt_graph_free(g);
}

// Scales that are none: of a factor, and of the two ends of a plan.
static void test_scales(void)
{
    static const double bad[] = {INFINITY, -INFINITY, NAN, -1, -1e-300};
    int32_t multiplier, shift;
    for (size_t i = 0; i < TT_COUNT(bad); i++) {
        multiplier = shift = 7;
        EXPECT(!tt_quantise_multiplier(bad[i], &multiplier, &shift));
        EXPECT(multiplier == 0 && shift == 0);
    }
    EXPECT(tt_quantise_multiplier(1e300, &multiplier, &shift));
    EXPECT(multiplier == INT32_MAX && shift == 30);
    static const struct {
        float image, logits;
        unsigned wrong; // value, 2: none
    } cases[] = {{0.5f, 0.25f, 2}, {0, 0, 2},        {0, 0.5f, 0},  {0.5f, 0, 1},
                 {INFINITY, 1, 0}, {1, INFINITY, 1}, {1, NAN, 1},   {-1, 1, 0},
                 {1, -1, 1},       {1e-40f, 1, 0},   {1, 1e-40f, 1}};
    for (size_t i = 0; i < TT_COUNT(cases); i++) {
        tt_quantised q = {.graph = tt_graph_new()};
        q.image = tt_input(q.graph, "x", TT_I8, TT_SHAPE(1, 2, 2, 1));
        q.logits = tt_max_pool2d(q.image, 2, 2, TT_VALID);
        q.image->scale = cases[i].image;
        q.logits->scale = cases[i].logits;
        char buffer[200], expected[100] = "";
        tt_text why;
        uint8_t *bytes;
        size_t length;
        tt_text_init(&why, buffer, sizeof(buffer));
        tt_status status = tt_plan_emit(&q, &bytes, &length, &why);
        if (cases[i].wrong < 2)
            snprintf(expected, sizeof(expected),
                     "value %%%u (%s): its scale is no positive, finite number", cases[i].wrong,
                     cases[i].wrong == 0 ? "input" : "max_pool2d");
        EXPECT_TEXT(buffer, expected);
        EXPECT_EQUAL(status, cases[i].wrong < 2 ? TT_INVALID : TT_OK);
        free(bytes);
        tt_quantised_free(&q);
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
        tt_value *x = tt_input(g, "x", TT_F32, TT_SHAPE(1, 1)), *y = x;
        for (int layer = 0; layer < 2; layer++) {
            tt_value *w = tt_constant(g, TT_F32, TT_SHAPE(1, 1), &number[2 * layer]);
            y = tt_bias_add(tt_matmul(y, w, false, true),
                            tt_constant(g, TT_F32, TT_SHAPE(1), &number[2 * layer + 1]));
        }
        tt_quantised q;
        uint8_t *bytes = NULL;
        size_t length;
        tt_status status = tt_quantise(g, x, y, (float[]){0.5f}, 1, &q, NULL);
        EXPECT(status == TT_OK || status == TT_INVALID);
        if (status == TT_OK) {
            EXPECT(isnormal(q.logits->scale));
            EXPECT_EQUAL(tt_plan_emit(&q, &bytes, &length, NULL), TT_OK);
            plans++;
            free(bytes);
            tt_quantised_free(&q);
        }
        tt_graph_free(g);
    }
    EXPECT(plans > 5000);
}

// What no plan can say is refused, not written down wrong.
static void test_unplannable(void)
{
    static const struct {
        tt_shape shape;
        tt_attributes attributes;
        const char *primitive, *sentence;
    } cases[] = {
        {{4, {1, 4, 4, 1}},
         {.window = {65536, 1}, .stride = {1, 1}, .padding = TT_SAME},
         "max_pool2d",
         "value %1 is beyond a plan's limits (64 steps, sizes to 65535, strides to 255)"},
        {{4, {1, 4, 4, 1}},
         {.window = {2, 2}, .stride = {256, 1}, .padding = TT_SAME},
         "max_pool2d",
         "value %1 is beyond a plan's limits (64 steps, sizes to 65535, strides to 255)"},
        {{4, {2, 4, 4, 1}},
         {.window = {2, 2}, .stride = {2, 2}},
         "max_pool2d",
         "value %1 (max_pool2d): a plan computes one image at a time, this has 2"},
        {{3, {1, 4, 4}},
         {.order = {0, 2, 1}},
         "transpose",
         "value %1 (transpose): has no step in a plan"},
        {{4, {1, 65535, 65535, 1}},
         {.window = {1, 1}, .stride = {1, 1}},
         "max_pool2d",
         "its tensors take more memory than a plan can address (2 GiB)"},
    };
    for (size_t i = 0; i < TT_COUNT(cases); i++) {
        tt_quantised q = {.graph = tt_graph_new()};
        q.image = tt_input(q.graph, "x", TT_I8, cases[i].shape);
        q.logits = tt_apply(q.graph, cases[i].primitive, 1, &q.image, &cases[i].attributes);
        REQUIRE(q.logits != NULL);
        char buffer[200];
        tt_text why;
        uint8_t *bytes = NULL;
        size_t length;
        tt_text_init(&why, buffer, sizeof(buffer));
        EXPECT(tt_plan_emit(&q, &bytes, &length, &why) != TT_OK);
        EXPECT(bytes == NULL);
        EXPECT_TEXT(buffer, cases[i].sentence);
        tt_quantised_free(&q);
    }
}

static void test_network(void)
{
    tt_model *model = tt_model_new(4);
    tt_model_initialise(model, 5);
    static float calibration[8 * 784];
    tt_random random;
    tt_random_seed(&random, 3);
    for (size_t i = 0; i < 8 * 784; i++)
        calibration[i] = (float)tt_random_below(&random, 256) / 255;
    tt_quantised q;
    REQUIRE(tt_quantise(model->graph, model->image, model->logits, calibration, 8, &q, NULL) ==
            TT_OK);
    uint8_t *bytes;
    size_t length;
    REQUIRE(tt_plan_emit(&q, &bytes, &length, NULL) == TT_OK);
    tt_plan plan;
    REQUIRE(tt_plan_open(&plan, bytes, length, NULL) == TT_OK);
    EXPECT_EQUAL(plan.header.multiplications, tt_model_multiplications(model));
    EXPECT(plan.header.arena_bytes <= 48 * 1024);
    printf("plan %zu bytes, arena %u bytes, %u steps\n", length, plan.header.arena_bytes,
           plan.header.step_count);
    void *arena = malloc(plan.header.arena_bytes);
    unsigned equal = 0, equal_damaged = 0;
    uint8_t *damaged = malloc(length);
    memcpy(damaged, bytes, length);
    tt_plan_step step;
    tt_plan_step_at(&plan, 0, &step);
    damaged[step.weights + 4] =
        (uint8_t)~damaged[step.weights + 4]; // one weight of the first layer
    tt_writer writer;
    tt_writer_init(&writer, damaged + 12, 4);
    tt_write_le32(&writer, tt_crc32(0, damaged + 16, length - 16));
    tt_plan damaged_plan;
    REQUIRE(tt_plan_open(&damaged_plan, damaged, length, NULL) == TT_OK);
    for (int n = 0; n < 20; n++) {
        uint8_t pixels[784];
        int8_t image[784], logits[10], expected[10];
        tt_random_bytes(&random, pixels, sizeof(pixels));
        for (int i = 0; i < 784; i++)
            image[i] = (int8_t)(pixels[i] - 128);
        tt_quantised_run(&q, pixels, expected);
        tt_plan_run(&plan, arena, image, logits);
        equal += memcmp(logits, expected, 10) == 0;
        tt_plan_run(&damaged_plan, arena, image, logits);
        equal_damaged += memcmp(logits, expected, 10) == 0;
    }
    EXPECT_EQUAL(equal, 20);
    EXPECT(equal_damaged <
           20); // a comparison that one wrong weight does not fail would be worthless
    free(damaged);
    free(bytes);
    free(arena);
    tt_quantised_free(&q);
    tt_model_free(model);
}

int main(void)
{
    test_multipliers();
    test_refusal();
    test_misuse();
    test_extreme_weights();
    test_zero_channels();
    test_small_networks();
    test_calibration();
    test_scales();
    test_sizes_of_numbers();
    test_unplannable();
    test_network();
    return test_result();
}
