// Networks that branch and join, made by hand: what comes out of them, where their tensors lie, and
// which joins no plan can say.

#include "tests/ai/convert/networks.h"
#include "tutti/check.h"

static char sentence[512];
static tt_random numbers;

static const int64_t one[2] = {1, 1}, two[2] = {2, 2};

static tt_text *why_new(void)
{
    static tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    return &why;
}

static tt_value join2(tt_graph *g, tt_value a, tt_value b, int64_t axis)
{
    return tt_concatenate(g, 2, (tt_value[]){a, b}, axis);
}

static tt_value flat(tt_graph *g, tt_value x)
{
    return tt_reshape(g, x, 2, (int64_t[]){tt_graph_type(g, x)->size[0], -1});
}

static tt_quantised *quantised(tt_graph *g, tt_value y, const float *calibration, size_t count)
{
    tt_quantised *q;
    tt_status status = quantise_to(g, y, calibration, count, &q, why_new());
    EXPECT_TEXT(sentence, "");
    REQUIRE(status == TT_OK);
    return q;
}

static tt_plan plan_of(const tt_quantised *q, uint8_t **bytes)
{
    tt_plan plan;
    size_t length;
    REQUIRE(tt_quantised_emit(q, bytes, &length, why_new()) == TT_OK);
    REQUIRE(tt_plan_open(&plan, *bytes, length, NULL) == TT_OK);
    return plan;
}

// What plan and integer graph say of pixels, which must be `expected`; frees the network.
static void expect_answer(tt_quantised *q, const uint8_t *pixels, const int8_t *expected)
{
    uint8_t *bytes;
    int8_t input[32], said[32], graph_said[32];
    tt_plan plan = plan_of(q, &bytes);
    size_t out = plan.header.output_bytes;
    REQUIRE(plan.header.input_bytes <= sizeof(input) && out <= sizeof(said));
    for (size_t i = 0; i < plan.header.input_bytes; i++)
        input[i] = (int8_t)(pixels[i] - 128);
    void *arena = malloc(plan.header.arena_bytes);
    tt_plan_run(&plan, arena, input, said);
    REQUIRE(tt_quantised_run(q, pixels, graph_said) == TT_OK);
    for (size_t i = 0; i < out; i++) {
        EXPECT_EQUAL(said[i], expected[i]);
        EXPECT_EQUAL(graph_said[i], expected[i]);
    }
    expect_plan_agrees(q, &numbers, 20);
    free(arena);
    free(bytes);
    tt_quantised_free(q);
}

// Two products of one input, side by side: they reach 1 and 2, so a step of both is 2/255.
static void test_features(void)
{
    tt_graph *g = tt_graph_new();
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 1, 2));
    tt_value a = dense_of(g, x, 1, (float[]){1, 0}, NULL);
    tt_value b = dense_of(g, x, 1, (float[]){0, 2}, NULL);
    tt_quantised *q = quantised(g, join2(g, a, b, 1), (float[]){1, 1}, 1);
    uint8_t *bytes;
    tt_plan plan = plan_of(q, &bytes);
    tt_plan_step first, second;
    EXPECT_EQUAL(plan.header.step_count, 2);   // joining has none
    EXPECT_EQUAL(plan.header.arena_bytes, 12); // input, block and scratch, each rounded up to 4
    EXPECT(plan.header.output_scale == 2.0f / 255 && plan.header.output_zero_point == -128);
    EXPECT_EQUAL(plan.header.output_shape[2], 2);
    tt_plan_step_at(&plan, 0, &first);
    tt_plan_step_at(&plan, 1, &second);
    EXPECT_EQUAL(first.input, second.input);
    EXPECT_EQUAL(first.output, plan.header.output);
    EXPECT_EQUAL(second.output, first.output + 1);
    free(bytes);
    expect_answer(q, (uint8_t[]){102, 51}, (int8_t[]){51 - 128, 51 - 128});
}

// Rows of images, the input's own among them: all have its scale.
static void test_rows_of_input(void)
{
    tt_graph *g = tt_graph_new();
    tt_value x = image_of(g, 1, 2, 2, 1);
    int64_t window[2] = {2, 1};
    tt_value pieces[3] = {x, tt_pool_greatest(g, x, window, NULL),
                          tt_pool_average(g, x, window, NULL)};
    tt_quantised *q = quantised(g, tt_concatenate(g, 3, pieces, 1), (float[4]){0}, 1);
    uint8_t *bytes;
    tt_plan plan = plan_of(q, &bytes);
    EXPECT(plan.header.output_shape[0] == 4 && plan.header.output_shape[1] == 2 &&
           plan.header.output_shape[2] == 1);
    EXPECT(plan.header.output_scale == 1.0f / 255);
    EXPECT_EQUAL(plan.header.input, plan.header.output); // its first piece
    free(bytes);
    expect_answer(q, (uint8_t[]){10, 20, 30, 41},
                  (int8_t[]){10 - 128, 20 - 128, 30 - 128, 41 - 128, // the input
                             30 - 128, 41 - 128,                     // the greatest
                             20 - 128, 30 - 128});                   // -97.5 away from zero is -98
}

// Columns of one row, and channels of one position, lie next to each other as well.
static void test_other_axes(void)
{
    for (int64_t axis = 2; axis <= 3; axis++) {
        tt_graph *g = tt_graph_new();
        tt_value x = axis == 2 ? image_of(g, 2, 1, 2, 2) : image_of(g, 2, 1, 1, 4);
        tt_value y = join2(g, tt_pool_greatest(g, x, one, NULL), x, axis);
        tt_quantised *q = quantised(g, y, (float[8]){0}, 2);
        expect_answer(q, (uint8_t[]){1, 2, 3, 4},
                      (int8_t[]){-127, -126, -125, -124, -127, -126, -125, -124});
    }
}

// Scales are joined through pools and reshapes, forwards and backwards; ranges of both signs.
static void test_scales(void)
{
    tt_graph *g = tt_graph_new();
    tt_value x = image_of(g, 1, 2, 2, 1);
    tt_value a = tt_conv(g, x, tt_constant(g, TT_TYPE(TT_F32, 1, 1, 1, 1), &(float){3}), NULL, 1);
    tt_value b = dense_of(g, flat(g, x), 2, (float[]){-2, 0, 0, 0, 0, 0, 0, 1}, NULL);
    tt_value c = dense_of(g, flat(g, x), 1, (float[]){0.5f, 0, 0, 0}, NULL); // apart
    tt_value y = join2(g, flat(g, tt_pool_greatest(g, a, two, NULL)), tt_relu(g, b), 1);
    y = join2(g, y, b, 1);
    y = dense_of(g, join2(g, y, flat(g, a), 1), 1, (float[]){1, 1, 1, 1, 1, 1, 1, 1, 1}, NULL);
    y = tt_matmul(g, y, tt_constant(g, TT_TYPE(TT_F32, 1, 1), &(float){1}));
    tt_graph_result(g, "c", c);
    tt_quantised *q = quantised(g, y, (float[]){1, 1, 1, 1}, 1);
    unsigned shared = 0;
    for (unsigned i = 0; i < q->count; i++) {
        const tt_layer *l = &q->layers[i];
        if (l->scale == 5.0f / 255) { // from -2 to 3
            shared++;
            EXPECT_EQUAL(l->step.output_zero_point, -26);
            EXPECT_EQUAL(l->step.clamp[0], l->relu ? -26 : -128);
        }
    }
    EXPECT_EQUAL(shared, 9); // a, its pool and two reshapes; b twice; three joins
    expect_plan_agrees(q, &numbers, 20);
    tt_quantised_free(q);
}

// A tensor that is read long after it was made must still be there. The small tensors between would
// all fit where it lies.
static void test_long_lives(void)
{
    for (int readers = 1; readers < 6; readers++) {
        tt_graph *g = tt_graph_new();
        tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 1, 16)), y = x, kept[6];
        float w[256];
        for (int i = 0; i < 256; i++)
            w[i] = (float)tt_random_below(&numbers, 2001) / 1000 - 1;
        for (int i = 0; i < 6; i++) {
            y = dense_of(g, y, 8, w + i, NULL);
            kept[i] = dense_of(g, x, 8, w + 10 * i, NULL);
        }
        for (int i = 0; i < readers; i++) // each joins what was made long before
            y = dense_of(g, join2(g, kept[i], y, 1), 8, w + 7 * i, NULL);
        float calibration[16] = {1, 0, 1, 0, 1, 1, 0, 0, 1};
        tt_quantised *q = quantised(g, y, calibration, 1);
        expect_plan_agrees(q, &numbers, 20);
        tt_quantised_free(q);
    }
}

// Each block adds rows to all that went before: a join within a join, eight pieces at most.
static tt_value dense_blocks(tt_graph *g, int joins)
{
    tt_value x = tt_relu(g, tt_conv(g, image_of(g, 1, 2, 4, 1), weights(g, 1, 1, 1, 1), NULL, 1));
    for (int i = 0; i < joins; i++) {
        char name[8];
        snprintf(name, sizeof(name), "w%d", i);
        tt_value w = tt_parameter(g, name, TT_TYPE(TT_F32, 1, 2, 1, 1));
        x = join2(g, x, tt_conv(g, x, w, NULL, 1), 1);
    }
    return x;
}

static void test_joins_within_joins(void)
{
    tt_graph *g = tt_graph_new();
    tt_quantised *q;
    tt_graph_result(g, "y", dense_blocks(g, 7));
    tt_session *session = made_up_session(g);
    make_up_weights(session, g, &numbers);
    float calibration[8] = {1, 0, 0.5f, 0.25f, 1};
    REQUIRE(tt_quantise(session, g, "x", "y", calibration, 1, &q, why_new()) == TT_OK);
    expect_plan_agrees(q, &numbers, 50);
    tt_quantised_free(q);
    tt_session_free(session);
    tt_graph_free(g);
}

// A join that is reshaped into another image, and is the result as a row.
static void test_reshaped(void)
{
    tt_graph *g = tt_graph_new();
    tt_value x = image_of(g, 2, 4, 4, 1);
    tt_value a = tt_pool_average(g, x, two, NULL);
    tt_value b = tt_pool_greatest(g, x, two, NULL);
    tt_value y = tt_reshape(g, join2(g, a, b, 1), 3, (int64_t[]){2, 9, 2});
    y = tt_reshape(g, y, 4, (int64_t[]){2, 3, 3, 2});
    tt_value c = tt_pool_greatest(g, y, two, NULL);
    y = tt_reshape(g, join2(g, flat(g, y), flat(g, c), 1), 3, (int64_t[]){2, 13, 2});
    tt_quantised *q = quantised(g, y, (float[32]){0}, 2);
    uint8_t *bytes;
    tt_plan plan = plan_of(q, &bytes);
    EXPECT_EQUAL(plan.header.output_bytes, 26);
    EXPECT_EQUAL(plan.header.output_shape[2], 26);
    free(bytes);
    expect_plan_agrees(q, &numbers, 20);
    tt_quantised_free(q);
}

// Pieces that have been reshaped to three axes: what they are joined to is a row of all of them.
static void test_joined_reshapes(void)
{
    tt_graph *g = tt_graph_new();
    tt_value x = image_of(g, 2, 2, 3, 2);
    tt_value a = tt_reshape(g, tt_pool_greatest(g, x, one, NULL), 3, (int64_t[]){2, 4, 3});
    tt_value y = join2(g, a, tt_reshape(g, x, 3, (int64_t[]){2, 4, 3}), 1);
    tt_quantised *q = quantised(g, y, (float[24]){0}, 2);
    uint8_t *bytes;
    tt_plan plan = plan_of(q, &bytes);
    EXPECT_EQUAL(plan.header.output_bytes, 24);
    EXPECT(plan.header.output_shape[0] == 1 && plan.header.output_shape[1] == 1 &&
           plan.header.output_shape[2] == 24);
    free(bytes);
    expect_plan_agrees(q, &numbers, 20);
    tt_quantised_free(q);
}

static tt_value pieces_of_row(tt_graph *g, unsigned count)
{
    tt_value x = row(g), y[9];
    for (unsigned i = 0; i < count; i++)
        y[i] = dense_of(g, x, 1, (float[]){1, (float)i, 3, 4, 5}, NULL);
    return tt_concatenate(g, count, y, 1);
}

static void test_eight_pieces(void)
{
    tt_graph *g = tt_graph_new();
    tt_quantised *q = quantised(g, pieces_of_row(g, 8), (float[]){1, 0.5f, 0, 1, 0.25f}, 1);
    expect_plan_agrees(q, &numbers, 20);
    tt_quantised_free(q);
}

// What no plan can say.
static tt_value make_between_rows(tt_graph *g)
{
    tt_value x = image(g);
    return join2(g, tt_pool_greatest(g, x, one, NULL), x, 2);
}

static tt_value make_batch(tt_graph *g)
{
    tt_value x = image(g);
    return join2(g, tt_pool_greatest(g, x, one, NULL), x, 0);
}

static tt_value make_input_with_others(tt_graph *g)
{
    tt_value x = row(g);
    return join2(g, x, dense_of(g, x, 1, (float[]){1, 2, 3, 4, 5}, NULL), 1);
}

static tt_value make_pooled_input_with_others(tt_graph *g) // two joins away
{
    tt_value x = image_of(g, 1, 2, 2, 1), a = flat(g, tt_pool_average(g, x, two, NULL));
    tt_value b = dense_of(g, flat(g, x), 1, (float[]){1, 2, 3, 4}, NULL);
    tt_value c = dense_of(g, flat(g, x), 1, (float[]){4, 3, 2, 1}, NULL);
    return join2(g, a, join2(g, b, c, 1), 1);
}

static tt_value make_twice_in_one(tt_graph *g)
{
    tt_value y = dense_of(g, row(g), 2, (float[10]){1, 2, 3}, NULL);
    return join2(g, y, y, 1);
}

static tt_value make_twice_reshaped(tt_graph *g)
{
    tt_value y = tt_pool_greatest(g, image_of(g, 1, 2, 4, 1), two, NULL);
    return join2(g, flat(g, y), flat(g, tt_reshape(g, y, 3, (int64_t[]){1, 3, 1})), 1);
}

static tt_value make_twice_in_two(tt_graph *g)
{
    tt_value x = row(g), y[3];
    for (int i = 0; i < 3; i++)
        y[i] = dense_of(g, x, 1, (float[10]){1, 2, 3, 4, 5, 6, 7} + i, NULL);
    return join2(g, dense_of(g, join2(g, y[0], y[1], 1), 1, (float[]){1, 2}, NULL),
                 dense_of(g, join2(g, y[1], y[2], 1), 1, (float[]){2, 1}, NULL), 1);
}

static tt_value make_input_twice(tt_graph *g)
{
    tt_value x = row(g);
    return join2(g, x, x, 1);
}

static tt_value make_nine(tt_graph *g)
{
    return pieces_of_row(g, 9);
}

static tt_value make_nine_in_joins(tt_graph *g)
{
    return dense_blocks(g, 8);
}

static tt_value make_constant_piece(tt_graph *g)
{
    tt_value y = dense_of(g, row(g), 1, (float[]){1, 2, 3, 4, 5}, NULL);
    return join2(g, y, tt_constant(g, TT_TYPE(TT_F32, 1, 1), &(float){1}), 1);
}

static tt_value make_relu_of_join(tt_graph *g)
{
    return tt_relu(g, make_between_rows(g));
}

static tt_value make_relu_of_row_join(tt_graph *g)
{
    tt_value x = image(g);
    return tt_relu(g, join2(g, tt_pool_greatest(g, x, one, NULL), x, 1));
}

static tt_value make_long_join(tt_graph *g)
{
    tt_value x = image_of(g, 1, 40000, 1, 1);
    return join2(g, x, tt_pool_greatest(g, x, one, NULL), 1);
}

static tt_value make_join_of_nothing(tt_graph *g) // of no image, with three axes
{
    const int64_t first[4] = {0}, sizes[4] = {0, 6, 6, 4}, steps[4] = {1, 1, 1, 1};
    tt_value x = tt_slice(g, image(g), first, sizes, steps);
    x = tt_reshape(g, x, 3, (int64_t[]){0, 36, 4});
    return join2(g, x, x, 1);
}

static const struct {
    tt_value (*make)(tt_graph *g);
    tt_status status;
    const char *sentence;
} refusals[] = {
    {make_between_rows, TT_UNSUPPORTED,
     "concatenate (f32[1,6,12,4]): joins along an axis by which its pieces do not lie next to each "
     "other in memory: one before it is larger than 1"},
    {make_batch, TT_UNSUPPORTED,
     "concatenate (f32[2,6,6,4]): joins the inputs of a batch with others"},
    {make_input_with_others, TT_UNSUPPORTED,
     "concatenate (f32[1,6]): joins the network's input, whose scale is fixed, and what has its "
     "own"},
    {make_pooled_input_with_others, TT_UNSUPPORTED,
     "concatenate (f32[1,3]): joins the network's input, whose scale is fixed, and what has its "
     "own"},
    {make_twice_in_one, TT_UNSUPPORTED,
     "concatenate (f32[1,4]): one of its pieces is joined twice, and a tensor lies in one place"},
    {make_twice_reshaped, TT_UNSUPPORTED,
     "concatenate (f32[1,6]): one of its pieces is joined twice, and a tensor lies in one place"},
    {make_twice_in_two, TT_UNSUPPORTED,
     "concatenate (f32[1,2]): one of its pieces is joined twice, and a tensor lies in one place"},
    {make_input_twice, TT_UNSUPPORTED,
     "concatenate (f32[1,10]): one of its pieces is joined twice, and a tensor lies in one place"},
    {make_nine, TT_UNSUPPORTED, "concatenate (f32[1,9]): joins more than 8 pieces"},
    {make_nine_in_joins, TT_UNSUPPORTED,
     "joins more than 8 pieces, with those that they are joined of"},
    {make_constant_piece, TT_UNSUPPORTED,
     "buffer (f32[1,1]): the result is not computed from the input alone"},
    {make_relu_of_join, TT_UNSUPPORTED, "concatenate (f32[1,6,12,4]): joins along an axis"},
    {make_relu_of_row_join, TT_UNSUPPORTED,
     "concatenate (f32[1,12,6,4]): a ReLU has no step in a plan, but after a convolution or "
     "product"},
    {make_join_of_nothing, TT_TOO_LARGE, "concatenate (f32[0,72,4]): is beyond a plan's limits"},
    {make_long_join, TT_TOO_LARGE, "concatenate (f32[1,80000,1,1]): is beyond a plan's limits"},
};

static void test_refusals(void)
{
    static const float zeros[40000];
    for (size_t i = 0; i < TT_COUNT(refusals); i++) {
        tt_quantised *q;
        tt_graph *g = tt_graph_new();
        tt_value y = refusals[i].make(g);
        EXPECT_EQUAL(quantise_to(g, y, zeros, 1, &q, why_new()), refusals[i].status);
        bool said = strstr(sentence, refusals[i].sentence) != NULL;
        if (!said)
            printf("case %zu: '%s' does not have '%s'\n", i, sentence, refusals[i].sentence);
        EXPECT(said);
        tt_quantised_free(q);
    }
}

int main(void)
{
    tt_random_seed(&numbers, 8);
    test_features();
    test_rows_of_input();
    test_other_axes();
    test_scales();
    test_long_lives();
    test_joins_within_joins();
    test_reshaped();
    test_joined_reshapes();
    test_eight_pieces();
    test_refusals();
    return test_result();
}
