// A user's mistakes: each leaves a sentence and none stops the program; text that is damaged is
// refused or read, never worse.

#include "ai/graph/reference.h"
#include "tests/test.h"
#include "tutti/check.h"

// Without a graph, or with what could not be built, nothing is built.
static void test_nothing(void)
{
    tt_graph *g = tt_graph_new();
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 2)), none = TT_NONE;
    tt_type type = TT_TYPE(TT_F32, 2);
    EXPECT(tt_is_none(tt_input(NULL, "x", type)) && tt_is_none(tt_parameter(NULL, "x", type)));
    EXPECT(tt_is_none(tt_state(NULL, "x", type)));
    EXPECT(tt_is_none(tt_constant(NULL, type, (float[]){1, 2})));
    EXPECT(tt_is_none(tt_number(NULL, TT_F32, 1)));
    EXPECT(tt_is_none(tt_apply(NULL, TT_OP_EXP, 1, &x, 0, NULL)));
    EXPECT(tt_is_none(tt_iota(NULL, type, 0)) && tt_is_none(tt_relu(NULL, x)));
    EXPECT(tt_is_none(tt_mean_all(g, none)) && tt_is_none(tt_add(g, x, none)));
    EXPECT(tt_is_none(tt_transpose(g, none, NULL)));
    EXPECT(tt_is_none(tt_softmax(g, none, 0)) && tt_is_none(tt_pool_average(g, none, NULL, NULL)));
    EXPECT(tt_is_none(tt_cross_entropy(g, none, x)) && tt_is_none(tt_conv(g, none, x, NULL, 1)));
    EXPECT_EQUAL(tt_graph_status(g), TT_INVALID);
    EXPECT_TEXT(tt_graph_error(g), "add: input 1 could not be made"); // by this graph, at least
    tt_graph_free(g);
    tt_graph_free(NULL);
}

// A chain goes on quietly behind the first mistake, and its sentence stays.
static void test_chain(void)
{
    tt_graph *g = tt_graph_new();
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 1, 8, 8, 3));
    tt_value w = tt_parameter(g, "w", TT_TYPE(TT_F32, 4, 3, 3, 16));
    EXPECT(tt_is_none(tt_relu(g, tt_conv(g, x, w, NULL, 1))));
    char sentence[512];
    snprintf(sentence, sizeof(sentence), "%s", tt_graph_error(g));
    EXPECT(strstr(sentence, "conv: ") != NULL && strstr(sentence, "16") != NULL);
    EXPECT(tt_is_none(tt_add(g, x, w)) && tt_is_none(tt_input(g, "x", TT_TYPE(TT_F32, 1))));
    EXPECT_TEXT(tt_graph_error(g), sentence);
    EXPECT_EQUAL(tt_graph_status(g), TT_INVALID);
    tt_graph_free(g);
}

static tt_value leaf(tt_graph *g, int kind, tt_type type)
{
    return kind == 0   ? tt_input(g, "x", type)
           : kind == 1 ? tt_parameter(g, "x", type)
           : kind == 2 ? tt_state(g, "x", type)
           : kind == 3 ? tt_constant(g, type, (double[64]){0})
                       : tt_iota(g, type, 0);
}

// Types that are none, of all that is told its type.
static void test_types(void)
{
    const tt_type wrong[] = {
        {.element = TT_ELEMENT_COUNT, .rank = 1, .size = {2}},
        {.element = 255, .rank = 1, .size = {2}},
        {.element = TT_F32, .rank = TT_RANK_MAX + 1, .size = {2}},
        {.element = TT_F32, .rank = 255, .size = {2}},
        {.element = TT_F32, .rank = 2, .size = {INT64_MAX / 2, 4}},
        {.element = TT_F32, .rank = 2, .size = {TT_SIZE_MAX, 2}},
        {.element = TT_F32, .rank = 1, .size = {-1}},
        {.element = TT_F32, .rank = 1, .size = {INT64_MIN}},
    };
    for (size_t i = 0; i < TT_COUNT(wrong); i++)
        for (int kind = 0; kind < 5; kind++) {
            tt_graph *g = tt_graph_new();
            EXPECT(tt_is_none(leaf(g, kind, wrong[i])));
            EXPECT(tt_graph_status(g) != TT_OK && tt_graph_error(g)[0] != '\0');
            tt_graph_free(g);
        }
    static const int64_t sizes[][2] = {{INT64_MAX / 2, 4}, {-2, 1}, {TT_SIZE_MAX, 2}};
    for (size_t i = 0; i < TT_COUNT(sizes); i++)
        for (int kind = 0; kind < 2; kind++) {
            tt_graph *g = tt_graph_new();
            tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 2));
            EXPECT(tt_is_none(kind == 0 ? tt_reshape(g, x, 2, sizes[i])
                                        : tt_broadcast(g, x, 2, sizes[i])));
            EXPECT(tt_graph_error(g)[0] != '\0');
            tt_graph_free(g);
        }
}

// A reference of what is no value, or has no bytes.
static void test_reference(void)
{
    tt_graph *g = tt_graph_new();
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 2)), none = TT_NONE, other = {7, 0};
    tt_value second = tt_output(x, 1);
    const tt_value wrong[] = {none, other, second, x};
    for (size_t i = 0; i < TT_COUNT(wrong); i++) {
        const void *data[1] = {NULL};
        char sentence[256] = "";
        tt_reference *reference;
        tt_text why;
        tt_text_init(&why, sentence, sizeof(sentence));
        EXPECT_EQUAL(tt_reference_run(g, 1, &wrong[i], data, NULL, &reference, &why),
                     i < 3 ? TT_INVALID : TT_NOT_FOUND);
        EXPECT(reference == NULL && sentence[0] != '\0');
    }
    tt_reference_free(NULL);
    tt_graph_free(g);
}

// What is used more than once gets the sum of what flows back: d(x x + x + x)/dx = 2 x + 2.
static void test_uses(void)
{
    tt_graph *g = tt_graph_new();
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 3)), gradient;
    tt_value y = tt_add(g, tt_add(g, tt_multiply(g, x, x), x), x);
    REQUIRE(tt_graph_gradient(g, tt_sum_all(g, y), 1, &x, &gradient) == TT_OK);
    const void *data[] = {(float[]){-1, 0, 4}};
    float slopes[3];
    tt_reference *reference;
    REQUIRE(tt_graph_buffer_count(g) >= 1);
    const void **all = calloc(tt_graph_buffer_count(g), sizeof(*all));
    all[0] = data[0];
    REQUIRE(tt_reference_run(g, 1, &gradient, all, NULL, &reference, NULL) == TT_OK);
    tt_cells_store(tt_reference_result(reference, 0), slopes);
    EXPECT(slopes[0] == 0 && slopes[1] == 2 && slopes[2] == 10);
    tt_reference_free(reference);
    free(all);
    tt_graph_free(g);
}

static tt_graph *network(void)
{
    tt_graph *g = tt_graph_new();
    int64_t one[2] = {1, 1}, two[2] = {2, 2};
    tt_value x = tt_input(g, "image", TT_TYPE(TT_F32, 2, 8, 8, 1));
    tt_value labels = tt_input(g, "label", TT_TYPE(TT_I32, 2));
    tt_value w[3] = {tt_parameter(g, "conv.weights", TT_TYPE(TT_F32, 4, 3, 3, 1)),
                     tt_parameter(g, "conv.bias", TT_TYPE(TT_F32, 4)),
                     tt_parameter(g, "dense.weights", TT_TYPE(TT_F32, 64, 10))};
    tt_graph_at(g, "layer 1", "line \"12\"");
    tt_value y = tt_conv(g, x, w[0], &(tt_windows){.before = one, .after = one}, 1);
    y = tt_pool_greatest(g, tt_relu(g, tt_add(g, y, w[1])), two, &(tt_windows){.stride = two});
    y = tt_matmul(g, tt_reshape(g, y, 2, (int64_t[]){2, 64}), w[2]);
    tt_value loss = tt_cross_entropy(g, tt_scale(g, y, 1.0 / 3), labels), gradients[3];
    REQUIRE(tt_graph_gradient(g, loss, 3, w, gradients) == TT_OK);
    tt_graph_result(g, "loss", loss);
    for (int i = 0; i < 3; i++)
        tt_graph_assign(g, w[i], tt_subtract(g, w[i], gradients[i]));
    return g;
}

// A cut or a changed byte at every fifth place is refused with a sentence or read; what is read is
// printed and read again.
static void test_damaged_text(void)
{
    tt_graph *g = network();
    char *text = tt_graph_print(g);
    size_t length = strlen(text), refused = 0;
    char *damaged = malloc(length);
    for (size_t at = 0; at < 2 * length; at += 5) {
        size_t kept = at < length ? at : length;
        char sentence[512] = "";
        tt_text why;
        tt_text_init(&why, sentence, sizeof(sentence));
        memcpy(damaged, text, length);
        if (at >= length)
            damaged[at - length] = (char)(damaged[at - length] + 1);
        tt_graph *read = tt_graph_parse(damaged, kept, &why);
        EXPECT((read == NULL) == (sentence[0] != '\0'));
        refused += read == NULL;
        if (read != NULL) {
            char *again = tt_graph_print(read);
            tt_graph *twice = tt_graph_parse(again, strlen(again), NULL);
            EXPECT(twice != NULL);
            tt_graph_free(twice);
            free(again);
        }
        tt_graph_free(read);
    }
    EXPECT(refused > length / 5);
    free(damaged);
    free(text);
    tt_graph_free(g);
}

int main(void)
{
    test_nothing();
    test_chain();
    test_types();
    test_reference();
    test_uses();
    test_damaged_text();
    return test_result();
}
