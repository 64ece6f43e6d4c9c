// Building graphs: what wrong shapes are told, the text form and back, and kernels against numbers
// worked out by hand.

#include <math.h>

#include "ai/oldgraph/primitive.h"
#include "tests/test.h"

static tt_graph *fresh(tt_graph *old)
{
    tt_graph_free(old);
    return tt_graph_new();
}

static void test_messages(void)
{
    tt_graph *g = fresh(NULL);
    tt_value *x = tt_input(g, "x", TT_F32, TT_SHAPE(1, 8, 8, 3));
    tt_value *w = tt_parameter(g, "w", TT_SHAPE(4, 3, 3, 16));
    EXPECT(tt_relu(tt_conv2d(x, w, 1, TT_SAME)) == NULL); // and the chain goes on quietly
    EXPECT_TEXT(tt_graph_error(g), "conv2d: input has 3 channels, weights expect 16");
    g = fresh(g);
    EXPECT(tt_add(tt_input(g, "a", TT_F32, TT_SHAPE(2, 3)),
                  tt_input(g, "b", TT_F32, TT_SHAPE(3, 2))) == NULL);
    EXPECT_TEXT(tt_graph_error(g), "add: shapes [2,3] and [3,2] differ");
    g = fresh(g);
    EXPECT(tt_reshape(tt_input(g, "a", TT_F32, TT_SHAPE(2, 3)), TT_SHAPE(5)) == NULL);
    EXPECT_TEXT(tt_graph_error(g), "reshape: [2,3] has 6 elements, [5] would have 5");
    g = fresh(g);
    EXPECT(tt_input(g, "a", TT_F32, TT_SHAPE(1, SIZE_MAX / 4)) == NULL);
    g = fresh(g);
    tt_value *q = tt_input(g, "q", TT_I8, TT_SHAPE(1, 4, 4, 1));
    EXPECT(tt_relu(q) == NULL);
    EXPECT_TEXT(tt_graph_error(g), "relu: input 0 is i8, expects f32");
    g = fresh(g);
    tt_value *a = tt_input(g, "a", TT_F32, TT_SHAPE(1, 4, 4, 1)), *gradient;
    tt_value *pooled = tt_apply(g, "max_pool2d_gradient", 2, (tt_value *[]){a, a},
                                &(tt_attributes){.window = {1, 1}, .stride = {1, 1}});
    EXPECT_EQUAL(tt_graph_gradient(g, tt_mean(pooled), &a, 1, &gradient), TT_INVALID);
    EXPECT_TEXT(tt_graph_error(g), "max_pool2d_gradient has no derivative");
    tt_graph_free(g);
}

// A user's mistakes that are no shapes: each leaves a sentence, never a stopped program.
static void test_misuse(void)
{
    tt_graph *other = tt_graph_new(), *g = fresh(NULL);
    tt_value *x = tt_input(g, "x", TT_F32, TT_SHAPE(2)), *none = NULL, *gradient;
    tt_value *theirs = tt_input(other, "y", TT_F32, TT_SHAPE(2));
    EXPECT(tt_input(NULL, "x", TT_F32, TT_SHAPE(2)) == NULL);
    EXPECT(tt_parameter(NULL, "x", TT_SHAPE(2)) == NULL);
    EXPECT(tt_constant(NULL, TT_F32, TT_SHAPE(2), NULL) == NULL);
    EXPECT(tt_apply(NULL, "relu", 1, &x, NULL) == NULL);
    EXPECT(tt_mean(NULL) == NULL && tt_transpose(NULL, NULL) == NULL && tt_add(x, NULL) == NULL);
    EXPECT_TEXT(tt_graph_error(g), ""); // what NULL stands for has been told already
    EXPECT(tt_add(x, theirs) == NULL);
    EXPECT_TEXT(tt_graph_error(g), "add: input 1 belongs to another graph");
    g = fresh(g);
    x = tt_input(g, "x", TT_F32, TT_SHAPE(2));
    EXPECT(tt_input(g, "x", (tt_type)3, TT_SHAPE(2)) == NULL);
    EXPECT_TEXT(tt_graph_error(g), "input: there is no type 3");
    const tt_shape wrong[] = {{.rank = 9, .size = {2}}, {.rank = 2, .size = {SIZE_MAX / 2, 4}}};
    static const char *const primitives[] = {"reshape", "broadcast", "sum_to"};
    for (size_t i = 0; i < 6; i++) {
        g = fresh(g);
        x = tt_input(g, "x", TT_F32, TT_SHAPE(2));
        EXPECT(tt_apply(g, primitives[i / 2], 1, &x, &(tt_attributes){.shape = wrong[i % 2]}) ==
               NULL);
        EXPECT(tt_graph_error(g)[0] != '\0');
    }
    EXPECT_EQUAL(tt_graph_gradient(g, tt_mean(x), &none, 1, &gradient), TT_INVALID);
    EXPECT_EQUAL(tt_graph_gradient(g, tt_mean(x), &theirs, 1, &gradient), TT_INVALID);
    EXPECT_EQUAL(tt_graph_gradient(g, NULL, &x, 1, &gradient), TT_INVALID);
    void *data[16] = {NULL};
    EXPECT(tt_reference_run(g, &none, 1, data) == NULL);
    EXPECT(tt_reference_run(g, &theirs, 1, data) == NULL);
    tt_graph_free(other);
    tt_graph_free(g);
}

// Labels are data: one that names no class makes the loss and its row's gradient no number.
static void test_unknown_labels(void)
{
    static const int32_t labels[] = {3, -1, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < 4; i++) {
        tt_graph *g = fresh(NULL);
        tt_value *logits = tt_input(g, "logits", TT_F32, TT_SHAPE(2, 3));
        tt_value *label = tt_input(g, "label", TT_I32, TT_SHAPE(2)), *outputs[2];
        outputs[0] = tt_softmax_cross_entropy(logits, label);
        REQUIRE(tt_graph_gradient(g, outputs[0], &logits, 1, &outputs[1]) == TT_OK);
        float numbers[6] = {1, 2, 3, 1, 2, 3};
        int32_t known_and_not[2] = {2, labels[i]};
        void *data[16] = {[0] = numbers, [1] = known_and_not};
        tt_reference *run = tt_reference_run(g, outputs, 2, data);
        const float *loss = data[outputs[0]->id], *gradient = data[outputs[1]->id];
        EXPECT(isnan(loss[0]) && isfinite(gradient[0]) && isnan(gradient[3]));
        tt_reference_free(run);
        tt_graph_free(g);
    }
}

// A chain so long that a call for each value would not fit the stack.
static void test_long_chain(void)
{
    tt_graph *g = fresh(NULL);
    tt_value *x = tt_input(g, "x", TT_F32, TT_SCALAR), *y = x;
    for (int i = 0; i < 200000; i++)
        y = tt_reshape(y, TT_SCALAR);
    void **data = calloc(tt_graph_count(g), sizeof(data[0]));
    float one = 1;
    data[0] = &one;
    tt_reference *run = tt_reference_run(g, &y, 1, data);
    EXPECT(*(float *)data[y->id] == 1);
    tt_reference_free(run);
    free(data);
    tt_graph_free(g);
}

// Gradients are primitives like any other: what is applied to wrong shapes is refused, since their
// kernels would read beyond the elements.
static void test_gradient_shapes(void)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"%2 = softmax_cross_entropy_gradient(%0, %0, %1) : f32[4,3]\n",
         "line 3: softmax_cross_entropy_gradient: logits are f32 [4,3], labels f32 [4,3], the "
         "gradient f32 [5]; expects f32 (batch, classes), i32 (batch) and an f32 scalar"},
        {"%2 = max_pool2d_gradient(%0, %1) window=2,2 stride=1,1 padding=same : f32[4,3]\n",
         "line 3: max_pool2d_gradient: expects a pooled shape of rank 4, got [4,3]"},
        {"%2 = input x : f32[1,4,4,2]\n"
         "%3 = max_pool2d_gradient(%2, %1) window=2,2 stride=2,2 padding=same : f32[1,4,4,2]\n",
         "line 4: max_pool2d_gradient: the gradient is f32 [5], expects f32 [1,2,2,2]"},
        {"%2 = average_pool2d_gradient(%1) window=2,2 stride=2,2 padding=same shape=[1,4,4,2] : "
         "f32[1,4,4,2]\n",
         "line 3: average_pool2d_gradient: the gradient is f32 [5], expects f32 [1,2,2,2]"},
        {"%2 = average_pool2d_gradient(%1) window=9,9 stride=2,2 padding=valid shape=[1,4,4,2] : "
         "f32[1,4,4,2]\n",
         "line 3: average_pool2d_gradient: a window of 9x9 does not fit into [1,4,4,2]"},
        {"%2 = input x : f32[1,4,4,2]\n%3 = input dy : f32[1,4,4,3]\n"
         "%4 = conv2d_weights_gradient(%2, %3) stride=1,1 padding=same shape=[5,3,3,2] : "
         "f32[5,3,3,2]\n",
         "line 5: conv2d_weights_gradient: the gradient is f32 [1,4,4,3], expects f32 [1,4,4,5]"},
        {"%2 = input dy : f32[1,4,4,3]\n%3 = input w : f32[3,3,3,2]\n"
         "%4 = conv2d_input_gradient(%2, %3) stride=1,1 padding=same shape=[1,5,4,2] : "
         "f32[1,5,4,2]\n",
         "line 5: conv2d_input_gradient: the gradient is f32 [1,4,4,3], expects f32 [1,5,4,3]"},
        {"%2 = input dy : f32[1,4,4,3]\n%3 = input w : f32[3,3,3,2]\n"
         "%4 = conv2d_input_gradient(%2, %3) stride=1,1 padding=same shape=[1,4,4,7] : "
         "f32[1,4,4,7]\n",
         "line 5: conv2d_input_gradient: input has 7 channels, weights expect 2"},
        {"%2 = input x : f32[1,4,4,2]\n%3 = input dy : f32[1,4,4,4]\n"
         "%4 = depthwise_conv2d_weights_gradient(%2, %3) stride=1,1 padding=same shape=[1,3,3,3] : "
         "f32[1,3,3,3]\n",
         "line 5: depthwise_conv2d_weights_gradient: input has 2 channels, weights [1,3,3,3] "
         "expect (1, rows, columns, a multiple of them)"},
        {"%2 = input x : i8[1,4,4,2]\n"
         "%3 = quantised_average_pool2d(%2) window=2,2 stride=2,2 padding=same zero_point=0,0 "
         "clamp=5,-5 : i8[1,2,2,2]\n",
         "line 4: quantised_average_pool2d: zero points and limits must lie between -128 and 127, "
         "and the limits in order"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[512], buffer[512];
        snprintf(text, sizeof(text), "%%0 = input a : f32[4,3]\n%%1 = input b : f32[5]\n%s",
                 cases[i].text);
        tt_text why;
        tt_text_init(&why, buffer, sizeof(buffer));
        EXPECT(tt_graph_parse(text, &why) == NULL);
        EXPECT_TEXT(buffer, cases[i].sentence);
    }
}

// One value of every primitive in the table, as text and back.
static void test_every_primitive(void)
{
    static const char text[] =
        "%0 = input x : f32[2,4,4,2]\n"
        "%1 = parameter w : f32[3,3,3,2]\n"
        "%2 = constant : f32[1,3,3,4]\n"
        "%3 = input label : i32[2]\n"
        "%4 = input q : i8[1,4,4,2]\n"
        "%5 = constant : i8[3,3,3,2]\n"
        "%6 = constant : i32[3]\n"
        "%7 = constant : i8[1,3,3,4]\n"
        "%8 = constant : i32[4]\n"
        "%9 = input logits : f32[2,5]\n"
        "%10 = input bias : f32[5]\n"
        "%11 = input one : f32[]\n"
        "%12 = add(%9, %9) : f32[2,5]\n"
        "%13 = subtract(%9, %12) : f32[2,5]\n"
        "%14 = multiply(%9, %12) : f32[2,5]\n"
        "%15 = divide(%9, %12) : f32[2,5]\n"
        "%16 = scale(%9) factor=0.333333343 : f32[2,5]\n"
        "%17 = exp(%9) : f32[2,5]\n"
        "%18 = log(%9) : f32[2,5]\n"
        "%19 = sqrt(%9) : f32[2,5]\n"
        "%20 = relu(%9) : f32[2,5]\n"
        "%21 = relu_gradient(%20, %9) : f32[2,5]\n"
        "%22 = bias_add(%9, %10) : f32[2,5]\n"
        "%23 = reshape(%9) shape=[5,1,2] : f32[5,1,2]\n"
        "%24 = transpose(%23) order=2,0,1,0 : f32[2,5,1]\n"
        "%25 = broadcast(%10) shape=[3,5] : f32[3,5]\n"
        "%26 = sum_to(%9) shape=[2,1] : f32[2,1]\n"
        "%27 = matmul(%9, %25) transpose=0,1 : f32[2,3]\n"
        "%28 = conv2d(%0, %1) stride=2,1 padding=same : f32[2,2,4,3]\n"
        "%29 = conv2d_input_gradient(%28, %1) stride=2,1 padding=same shape=[2,4,4,2] : "
        "f32[2,4,4,2]\n"
        "%30 = conv2d_weights_gradient(%0, %28) stride=2,1 padding=same shape=[3,3,3,2] : "
        "f32[3,3,3,2]\n"
        "%31 = depthwise_conv2d(%0, %2) stride=1,1 padding=valid : f32[2,2,2,4]\n"
        "%32 = depthwise_conv2d_input_gradient(%31, %2) stride=1,1 padding=valid shape=[2,4,4,2] : "
        "f32[2,4,4,2]\n"
        "%33 = depthwise_conv2d_weights_gradient(%0, %31) stride=1,1 padding=valid "
        "shape=[1,3,3,4] : f32[1,3,3,4]\n"
        "%34 = max_pool2d(%0) window=2,3 stride=2,2 padding=valid : f32[2,2,1,2]\n"
        "%35 = max_pool2d_gradient(%0, %34) window=2,3 stride=2,2 padding=valid : f32[2,4,4,2]\n"
        "%36 = average_pool2d(%0) window=2,3 stride=2,2 padding=same : f32[2,2,2,2]\n"
        "%37 = average_pool2d_gradient(%36) window=2,3 stride=2,2 padding=same shape=[2,4,4,2] : "
        "f32[2,4,4,2]\n"
        "%38 = softmax(%9) : f32[2,5]\n"
        "%39 = softmax_cross_entropy(%9, %3) : f32[]\n"
        "%40 = softmax_cross_entropy_gradient(%9, %3, %11) : f32[2,5]\n"
        "%41 = quantised_conv2d(%4, %5, %6, %6, %6) stride=1,1 padding=same zero_point=-128,3 "
        "clamp=3,127 : i8[1,4,4,3]\n"
        "%42 = quantised_depthwise_conv2d(%4, %7, %8, %8, %8) stride=1,1 padding=same "
        "zero_point=-128,127 clamp=-128,127 : i8[1,4,4,4]\n"
        "%43 = reshape(%5) shape=[3,18] : i8[3,18]\n"
        "%44 = quantised_dense(%43, %43, %6, %6, %6) zero_point=0,0 clamp=-128,127 : i8[3,3]\n"
        "%45 = quantised_average_pool2d(%4) window=2,2 stride=2,2 padding=valid zero_point=0,0 "
        "clamp=-128,127 : i8[1,2,2,2]\n";
    char buffer[256];
    tt_text why;
    tt_text_init(&why, buffer, sizeof(buffer));
    tt_graph *g = tt_graph_parse(text, &why);
    EXPECT_TEXT(buffer, "");
    REQUIRE(g != NULL);
    char *again = tt_graph_print(g);
    EXPECT_TEXT(again, text);
    const tt_primitive *primitive;
    for (size_t i = 0; (primitive = tt_primitive_at(i)) != NULL; i++) {
        bool used = false;
        for (size_t id = 0; id < tt_graph_count(g); id++)
            used |= tt_graph_value(g, id)->primitive == primitive;
        if (!used)
            printf("%s is not in this test\n", primitive->name);
        EXPECT(used);
        EXPECT(primitive->shape != NULL);
        EXPECT(primitive->reference != NULL || primitive->inputs == 0);
    }
    free(again);
    tt_graph_free(g);
}

static tt_graph *network(void)
{
    tt_graph *g = tt_graph_new();
    tt_value *x = tt_input(g, "image", TT_F32, TT_SHAPE(2, 8, 8, 1));
    tt_value *labels = tt_input(g, "label", TT_I32, TT_SHAPE(2));
    tt_value *w = tt_parameter(g, "conv.weights", TT_SHAPE(4, 3, 3, 1));
    tt_value *b = tt_parameter(g, "conv.bias", TT_SHAPE(4));
    tt_value *y = tt_relu(tt_bias_add(tt_conv2d(x, w, 1, TT_SAME), b));
    y = tt_reshape(tt_max_pool2d(y, 2, 2, TT_VALID), TT_SHAPE(2, 64));
    y = tt_matmul(y, tt_parameter(g, "dense.weights", TT_SHAPE(10, 64)), false, true);
    tt_value *loss = tt_softmax_cross_entropy(tt_scale(y, 1.0f / 3), labels), *gradients[2];
    EXPECT_EQUAL(tt_graph_gradient(g, loss, (tt_value *[]){w, b}, 2, gradients), TT_OK);
    return g;
}

static void test_text(void)
{
    tt_graph *g = network();
    char *text = tt_graph_print(g), buffer[256];
    tt_text why;
    tt_text_init(&why, buffer, sizeof(buffer));
    tt_graph *again = tt_graph_parse(text, &why);
    EXPECT_TEXT(buffer, "");
    REQUIRE(again != NULL);
    char *text_again = tt_graph_print(again);
    EXPECT_TEXT(text_again, text);
    EXPECT(strstr(text, "conv2d(%0, %2) stride=1,1 padding=same : f32[2,8,8,4]\n") != NULL);
    // Every prefix and every line with one byte changed is refused or parsed, never worse.
    for (size_t cut = 0; cut < strlen(text); cut += 7) {
        char *damaged = strdup(text);
        damaged[cut] = (char)(damaged[cut] + 1);
        tt_graph_free(tt_graph_parse(damaged, NULL));
        damaged[cut] = '\0';
        tt_graph_free(tt_graph_parse(damaged, NULL));
        free(damaged);
    }
    free(text);
    free(text_again);
    tt_graph_free(again);
    tt_graph_free(g);
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT(tt_graph_parse("%0 = input a : f32[2]\n%1 = relu(%0) : f32[3]\n", &why) == NULL);
    EXPECT_TEXT(buffer, "line 2: the stated type and shape are not those of the result");
}

static void test_kernels(void)
{
    tt_graph *g = tt_graph_new();
    tt_value *x = tt_constant(g, TT_F32, TT_SHAPE(1, 2, 2, 1), (float[]){1, 2, 3, 4});
    tt_value *w =
        tt_constant(g, TT_F32, TT_SHAPE(1, 3, 3, 1), (float[]){0, 1, 0, 1, 1, 1, 0, 1, 0});
    tt_value *outputs[] = {tt_conv2d(x, w, 1, TT_SAME), tt_average_pool2d(x, 2, 1, TT_SAME)};
    void *data[8] = {NULL};
    tt_reference *run = tt_reference_run(g, outputs, 2, data);
    const float *y = data[outputs[0]->id], *mean = data[outputs[1]->id];
    EXPECT(y[0] == 6 && y[1] == 7 && y[2] == 8 && y[3] == 9);
    EXPECT(mean[0] == 2.5f && mean[1] == 3 && mean[2] == 3.5f && mean[3] == 4);
    tt_reference_free(run);
    tt_graph_free(g);
}

int main(void)
{
    test_messages();
    test_misuse();
    test_unknown_labels();
    test_long_chain();
    test_gradient_shapes();
    test_every_primitive();
    test_text();
    test_kernels();
    return test_result();
}
