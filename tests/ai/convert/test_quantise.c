// The quantiser on the new graph: the plan of the kept checkpoint, byte for byte; random networks,
// whose plans the runtime computes as the integer graph does; what is refused, and why.

#include <math.h>

#include "tutti/convert.h"
#include "tests/test.h"
#include "tutti/bytes.h"
#include "tutti/lite.h"
#include "tutti/random.h"
#include "tutti/tensor_file.h"

#define CHECKPOINT "tests/ai/convert/fashion.safetensors"
#define IMAGES 16
#define SIDE 28

static float images[IMAGES][SIDE][SIDE];
static tt_random numbers;

// As in tests/ai/oldconvert/test_same_plan.c: white rectangles on black.
static void draw_images(void)
{
    tt_random random;
    tt_random_seed(&random, 1);
    for (size_t i = 0; i < IMAGES; i++) {
        size_t top = tt_random_below(&random, 14), left = tt_random_below(&random, 14);
        size_t rows = 6 + tt_random_below(&random, 9), columns = 6 + tt_random_below(&random, 9);
        for (size_t row = top; row < top + rows; row++)
            for (size_t column = left; column < left + columns; column++)
                images[i][row][column] = 1;
    }
}

static tt_value conv(tt_graph *g, const char *weights, const char *bias, tt_value x, int64_t out)
{
    int64_t one[2] = {1, 1}, in = tt_graph_type(g, x)->size[3];
    tt_value w = tt_parameter(g, weights, TT_TYPE(TT_F32, out, 3, 3, in));
    tt_value b = tt_parameter(g, bias, TT_TYPE(TT_F32, out));
    tt_windows same = {.before = one, .after = one};
    return tt_relu(g, tt_add(g, tt_conv(g, x, w, &same, 1), b));
}

static tt_value dense(tt_graph *g, const char *weights, const char *bias, tt_value x, int64_t out)
{
    tt_value w = tt_parameter(g, weights, TT_TYPE(TT_F32, out, tt_graph_type(g, x)->size[1]));
    tt_value b = tt_parameter(g, bias, TT_TYPE(TT_F32, out));
    return tt_add(g, tt_matmul(g, x, tt_transpose(g, w, (int64_t[]){1, 0})), b);
}

// The demonstration's network.
static tt_graph *fashion(void)
{
    tt_graph *g = tt_graph_new();
    int64_t two[2] = {2, 2};
    tt_windows apart = {.stride = two};
    tt_value x = tt_input(g, "image", TT_TYPE(TT_F32, IMAGES, SIDE, SIDE, 1));
    x = tt_pool_greatest(g, conv(g, "conv1.weights", "conv1.bias", x, 12), two, &apart);
    x = tt_pool_greatest(g, conv(g, "conv2.weights", "conv2.bias", x, 24), two, &apart);
    x = conv(g, "conv3.weights", "conv3.bias", x, 32);
    x = tt_reshape(g, x, 2, (int64_t[]){IMAGES, -1});
    x = tt_relu(g, dense(g, "dense1.weights", "dense1.bias", x, 32));
    tt_graph_result(g, "logits", dense(g, "dense2.weights", "dense2.bias", x, 10));
    REQUIRE(tt_graph_status(g) == TT_OK);
    return g;
}

static tt_session *open_session(const tt_graph *g)
{
    tt_session *session;
    tt_program *program;
    REQUIRE(tt_session_new(&(tt_session_options){.threads = 1}, &session, NULL) == TT_OK);
    REQUIRE(tt_session_load(session, g, &program, NULL) == TT_OK); // makes room for parameters
    tt_program_free(program);
    return session;
}

// Rounded as in test_same_plan.c, so that every sum is exact on every machine.
static void load_checkpoint(tt_session *session)
{
    static const char *const names[] = {
        "conv1.weights", "conv1.bias",     "conv2.weights", "conv2.bias",     "conv3.weights",
        "conv3.bias",    "dense1.weights", "dense1.bias",   "dense2.weights", "dense2.bias"};
    static const int weight_bits[] = {3, 4, 4, 5, 3}, bias_bits[] = {3, 7, 8, 8, 8};
    tt_tensor_file file = {0};
    REQUIRE(tt_safetensors_read(&file, CHECKPOINT, NULL) == TT_OK);
    for (size_t i = 0; i < 10; i++) {
        const tt_tensor *tensor;
        tt_type type;
        REQUIRE(tt_tensor_file_get(&file, names[i], &tensor, NULL) == TT_OK);
        float *to = tt_session_bytes(session, names[i], &type);
        int bits = i % 2 == 0 ? weight_bits[i / 2] : bias_bits[i / 2];
        for (int64_t k = 0; k < tt_type_count(&type); k++)
            to[k] = ldexpf(roundf(ldexpf(((const float *)tensor->data)[k], bits)), -bits);
    }
    tt_tensor_file_free(&file);
}

// The runtime's answers are the integer graph's.
static void compare(const tt_quantised *q, int inputs)
{
    uint8_t *bytes;
    size_t length;
    char sentence[256] = "";
    tt_text why;
    tt_plan plan;
    tt_text_init(&why, sentence, sizeof(sentence));
    tt_status status = tt_quantised_emit(q, &bytes, &length, &why);
    EXPECT_TEXT(sentence, "");
    REQUIRE(status == TT_OK && tt_plan_open(&plan, bytes, length, NULL) == TT_OK);
    size_t in = plan.header.input_bytes, out = plan.header.output_bytes;
    uint8_t *pixels = malloc(in);
    int8_t *input = malloc(in), *said = malloc(out), *expected = malloc(out);
    void *arena = malloc(plan.header.arena_bytes + 4);
    for (int i = 0; i < inputs; i++) {
        for (size_t k = 0; k < in; k++) {
            pixels[k] = (uint8_t)tt_random_below(&numbers, 256);
            input[k] = (int8_t)(pixels[k] - 128);
        }
        tt_plan_run(&plan, arena, input, said);
        REQUIRE(tt_quantised_run(q, pixels, expected) == TT_OK);
        EXPECT(memcmp(said, expected, out) == 0);
    }
    free(pixels);
    free(input);
    free(said);
    free(expected);
    free(arena);
    free(bytes);
}

static void check_same_plan(void)
{
    tt_graph *g = fashion();
    tt_session *session = open_session(g);
    tt_quantised *q;
    uint8_t *bytes;
    size_t length;
    load_checkpoint(session);
    draw_images();
    REQUIRE(tt_quantise(session, g, "image", "logits", &images[0][0][0], IMAGES, &q, NULL) ==
            TT_OK);
    REQUIRE(tt_quantised_emit(q, &bytes, &length, NULL) == TT_OK);
    EXPECT_EQUAL(length, 62012);
    EXPECT_EQUAL(tt_crc32(0, bytes, length), 0xce485736);
    compare(q, 3);
    free(bytes);
    tt_quantised_free(q);
    tt_session_free(session);
    tt_graph_free(g);
}

static int64_t below(int64_t limit)
{
    return (int64_t)tt_random_below(&numbers, (uint64_t)limit);
}

// A random layer on an image; its name is its number.
static tt_value random_layer(tt_graph *g, tt_value x, int number)
{
    tt_type t = *tt_graph_type(g, x);
    int64_t window[2], stride[2], before[2], after[2];
    char weights[16], bias[16];
    snprintf(weights, sizeof(weights), "w%d", number);
    snprintf(bias, sizeof(bias), "b%d", number);
    for (unsigned i = 0; i < 2; i++) {
        window[i] = 1 + below(t.size[1 + i] < 3 ? t.size[1 + i] : 3);
        stride[i] = 1 + below(2);
        before[i] = below(window[i]);
        after[i] = below(window[i]);
    }
    if (below(2) == 0)
        tt_same_padding(&t, window, stride, before, after);
    tt_windows windows = {.stride = stride, .before = before, .after = after};
    int64_t kind = below(4), groups = kind == 1 ? t.size[3] : 1;
    if (kind == 2)
        return tt_pool_greatest(g, x, window, &windows);
    if (kind == 3)
        return tt_pool_average(g, x, window, &windows);
    int64_t out = kind == 1 ? t.size[3] * (1 + below(2)) : 1 + below(6);
    tt_value w =
        tt_parameter(g, weights, TT_TYPE(TT_F32, out, window[0], window[1], t.size[3] / groups));
    x = tt_conv(g, x, w, &windows, groups);
    if (below(4) > 0)
        x = tt_add(g, x, tt_parameter(g, bias, TT_TYPE(TT_F32, out)));
    return below(3) > 0 ? tt_relu(g, x) : x;
}

static void check_random_networks(void)
{
    for (int i = 0; i < 120; i++) {
        tt_graph *g = tt_graph_new();
        tt_type type = TT_TYPE(TT_F32, 2, 3 + below(8), 3 + below(8), 1 + below(3));
        tt_value x = tt_input(g, "x", type);
        int64_t layers = 1 + below(4);
        for (int n = 0; n < layers; n++)
            x = random_layer(g, x, n);
        if (below(2) == 0) {
            x = tt_reshape(g, x, 2, (int64_t[]){2, -1});
            int64_t in = tt_graph_type(g, x)->size[1];
            bool turned = below(2) == 0;
            tt_value w =
                tt_parameter(g, "dense", turned ? TT_TYPE(TT_F32, 5, in) : TT_TYPE(TT_F32, in, 5));
            x = tt_matmul(g, x, turned ? tt_transpose(g, w, (int64_t[]){1, 0}) : w);
        }
        tt_graph_result(g, "y", x);
        if (tt_graph_status(g) != TT_OK)
            printf("%s\n", tt_graph_error(g));
        REQUIRE(tt_graph_status(g) == TT_OK);
        tt_session *session = open_session(g);
        for (uint32_t b = 0; b < tt_graph_buffer_count(g); b++) {
            const tt_buffer *buffer = tt_graph_buffer(g, b);
            if (buffer->kind != TT_PARAMETER)
                continue;
            float *w = tt_session_bytes(session, buffer->name, NULL);
            for (int64_t k = 0; k < tt_type_count(&buffer->type); k++)
                w[k] = (float)below(2001) / 1000 - 1;
        }
        size_t elements = (size_t)tt_type_count(&type);
        float *calibration = calloc(elements, sizeof(float));
        for (size_t k = 0; k < elements; k++)
            calibration[k] = (float)below(256) / 255;
        tt_quantised *q;
        char sentence[256] = "";
        tt_text why;
        tt_text_init(&why, sentence, sizeof(sentence));
        tt_status status = tt_quantise(session, g, "x", "y", calibration, 2, &q, &why);
        EXPECT_TEXT(sentence, "");
        REQUIRE(status == TT_OK);
        compare(q, 3);
        tt_quantised_free(q);
        tt_session_free(session);
        tt_graph_free(g);
        free(calibration);
    }
}

static void expect_refused(tt_graph *g, tt_status expected, const char *part)
{
    static const float zeros[4096];
    tt_quantised *q;
    char sentence[512] = "";
    tt_text why;
    tt_session *session = open_session(g);
    tt_text_init(&why, sentence, sizeof(sentence));
    EXPECT_EQUAL(tt_quantise(session, g, "x", "y", zeros, 1, &q, &why), expected);
    EXPECT(q == NULL);
    EXPECT(strstr(sentence, part) != NULL);
    if (strstr(sentence, part) == NULL)
        printf("'%s' does not have '%s'\n", sentence, part);
    tt_session_free(session);
    tt_graph_free(g);
}

static tt_graph *with_input(tt_value *x)
{
    tt_graph *g = tt_graph_new();
    *x = tt_input(g, "x", TT_TYPE(TT_F32, 1, 6, 6, 4));
    return g;
}

static void check_refusals(void)
{
    int64_t two[2] = {2, 2};
    tt_value x, w;
    tt_graph *g = with_input(&x);
    tt_graph_result(g, "y", tt_exp(g, x));
    expect_refused(g, TT_UNSUPPORTED, "exp (f32[1,6,6,4]): has no int8 form");
    g = with_input(&x);
    tt_graph_at(g, "block 3", NULL);
    tt_graph_result(g, "y", tt_softmax(g, x, 3));
    expect_refused(g, TT_UNSUPPORTED, "(block 3)");
    g = with_input(&x);
    tt_graph_result(g, "y", tt_relu(g, tt_pool_greatest(g, x, two, NULL)));
    expect_refused(g, TT_UNSUPPORTED, "after pooling");
    g = with_input(&x);
    w = tt_parameter(g, "w", TT_TYPE(TT_F32, 4, 2, 2, 4));
    tt_graph_result(g, "y", tt_conv(g, x, w, &(tt_windows){.dilation = two}, 1));
    expect_refused(g, TT_UNSUPPORTED, "dilated");
    g = with_input(&x);
    w = tt_parameter(g, "w", TT_TYPE(TT_F32, 4, 2, 2, 2));
    tt_graph_result(g, "y", tt_conv(g, x, w, NULL, 2));
    expect_refused(g, TT_UNSUPPORTED, "in groups");
    g = with_input(&x);
    w = tt_parameter(g, "w", TT_TYPE(TT_F32, 4, 2, 2, 4));
    tt_graph_result(g, "y", tt_conv(g, x, tt_exp(g, w), NULL, 1));
    expect_refused(g, TT_UNSUPPORTED, "not parameters or constants");
    g = with_input(&x);
    tt_value sum = tt_pool_sum(g, x, two, NULL);
    tt_graph_result(g, "y", tt_divide(g, sum, tt_number(g, TT_F32, 3)));
    expect_refused(g, TT_UNSUPPORTED, "is divided by other than");
    g = with_input(&x);
    tt_graph_result(g, "z", x);
    expect_refused(g, TT_NOT_FOUND, "there is no result 'y'");
    g = with_input(&x);
    tt_graph_result(g, "y", tt_parameter(g, "p", TT_TYPE(TT_F32, 1, 4)));
    expect_refused(g, TT_UNSUPPORTED, "from the input alone");
    g = with_input(&x); // its weights are all infinite
    w = tt_scale(g, tt_number(g, TT_F32, (double)INFINITY), 1);
    w = tt_reshape(g, w, 4, (int64_t[]){1, 1, 1, 1});
    tt_graph_result(g, "y", tt_conv(g, x, tt_broadcast(g, w, 4, (int64_t[]){1, 1, 1, 4}), NULL, 1));
    expect_refused(g, TT_UNSUPPORTED, "not parameters or constants");
}

int main(void)
{
    tt_random_seed(&numbers, 20261126);
    check_same_plan();
    check_random_networks();
    check_refusals();
    return test_result();
}
