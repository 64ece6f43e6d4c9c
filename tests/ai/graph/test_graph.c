// Building graphs: what wrong shapes are told, the text form and back, and kernels against numbers
// worked out by hand.

#include "ai/graph/primitive.h"
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
    test_text();
    test_kernels();
    return test_result();
}
