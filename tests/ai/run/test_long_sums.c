// What floats lose when they are added one by one, or subtracted while large: bias gradients over
// many rows, and the loss of logits far from 0.

#include "tests/ai/run/run_both.h"

#define ROWS 200704 // of a batch of 256 images of 28 x 28
#define COLUMNS 5

// y = x w + b with the loss sum(y c): the gradient of b is the sum of c over all rows, whose terms
// lie near 1, so that a float's last place is 1/64 at the end.
static void check_bias_gradient(bool conv)
{
    tt_graph *g = tt_graph_new();
    tt_type many = conv ? TT_TYPE(TT_F32, 256, 28, 28, COLUMNS) : TT_TYPE(TT_F32, ROWS, COLUMNS);
    tt_type in = conv ? TT_TYPE(TT_F32, 256, 28, 28, 1) : TT_TYPE(TT_F32, ROWS, 1);
    tt_type weights = conv ? TT_TYPE(TT_F32, COLUMNS, 1, 1, 1) : TT_TYPE(TT_F32, 1, COLUMNS);
    tt_value x = tt_input(g, "x", in), w = tt_input(g, "w", weights), gradient;
    tt_value b = tt_input(g, "b", TT_TYPE(TT_F32, COLUMNS)), c = tt_input(g, "c", many);
    tt_value y = tt_add(g, conv ? tt_conv(g, x, w, NULL, 1) : tt_matmul(g, x, w), b);
    REQUIRE(tt_graph_gradient(g, tt_sum_all(g, tt_multiply(g, y, c)), 1, &b, &gradient) == TT_OK);
    tt_graph_result(g, "gradient", gradient);
    tt_session *session = open_session(2, false);
    tt_program *p = load(session, g);
    float *numbers = calloc((size_t)ROWS * COLUMNS, sizeof(*numbers));
    double sum[COLUMNS] = {0};
    tt_random random;
    REQUIRE(numbers != NULL);
    tt_random_seed(&random, 3);
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        numbers[i] = 1 + (float)tt_random_below(&random, 1000) / 7777;
        sum[i % COLUMNS] += (double)numbers[i];
    }
    const char *const names[] = {"x", "w", "b", "c"};
    for (int i = 0; i < 4; i++)
        tt_program_set(p, names[i], numbers);
    REQUIRE(tt_program_run(p, NULL) == TT_OK);
    const float *made = tt_program_result(p, 0, NULL);
    for (int i = 0; i < COLUMNS; i++)
        EXPECT(fabs((double)made[i] - sum[i]) <= 1e-6 * sum[i]);
    tt_session_free(session);
    tt_graph_free(g);
    free(numbers);
}

static void check_loss(float first, float second, double expected)
{
    tt_graph *g = tt_graph_new();
    tt_value logits = tt_input(g, "logits", TT_TYPE(TT_F32, 1, 2));
    tt_graph_result(g, "loss",
                    tt_cross_entropy(g, logits, tt_input(g, "label", TT_TYPE(TT_I32, 1))));
    for (int reference = 0; reference < 2; reference++) {
        tt_session *session = open_session(1, reference == 1);
        tt_program *p = load(session, g);
        tt_program_set(p, "logits", (float[]){first, second});
        tt_program_set(p, "label", (int32_t[]){0});
        REQUIRE(tt_program_run(p, NULL) == TT_OK);
        float loss = *(const float *)tt_program_result(p, 0, NULL);
        EXPECT(isnan(expected)
                   ? isnan(loss)
                   : (double)loss == expected || fabs((double)loss - expected) <= 1e-6 * expected);
        tt_session_free(session);
    }
    tt_graph_free(g);
}

int main(void)
{
    check_bias_gradient(false);
    check_bias_gradient(true);
    const float far = -INFINITY;
    check_loss(1e6f, 1e6f, log(2));
    check_loss(1e8f, 1e8f, log(2));
    check_loss(-1e30f, -1e30f, log(2));
    check_loss(0, 1e8f, 1e8);
    check_loss(1e8f, 0, 0);
    check_loss(far, 1, (double)INFINITY);
    check_loss(1, NAN, (double)NAN);
    return test_result();
}
