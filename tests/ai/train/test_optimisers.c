// The optimisers' rules: by hand, in closed form, and that they find a minimum.

#include <math.h>

#include "tests/test.h"
#include "tutti/random.h"
#include "tutti/train.h"

// Both optimisers find the least value of a quadratic bowl.
static void test_optimisers(void)
{
    tt_optimiser kinds[] = {TT_SGD_DEFAULT, TT_ADAM_DEFAULT};
    kinds[0].weight_decay = 0;
    for (int kind = 0; kind < 2; kind++) {
        float x[2] = {3, -2}, state[4] = {0}, gradient[2];
        for (uint64_t step = 1; step <= 2000; step++) {
            gradient[0] = 2 * (x[0] - 1);
            gradient[1] = 20 * (x[1] - 0.5f);
            tt_optimiser_update(&kinds[kind], step, 0.01f, 2, x, gradient, state);
        }
        EXPECT(fabsf(x[0] - 1) < 1e-2f && fabsf(x[1] - 0.5f) < 1e-2f);
    }
    // The first steps by hand: SGD moves by rate * g * (1 + momentum), Adam by the rate.
    float x = 1, state[2] = {0}, g = 0.5f;
    tt_optimiser_update(&kinds[0], 1, 0.1f, 1, &x, &g, state);
    EXPECT(fabsf(x - (1 - 0.1f * 0.5f * 1.9f)) < 1e-6f);
    x = 1;
    state[0] = state[1] = 0;
    tt_optimiser_update(&kinds[1], 1, 0.1f, 1, &x, &g, state);
    EXPECT(fabsf(x - 0.9f) < 1e-5f);
}

// The rules in closed form, in double and without recursion: sums over all gradients so far.
static void test_optimiser_sums(void)
{
    enum { STEPS = 30 };
    tt_random random;
    tt_random_seed(&random, 7);
    double g[STEPS];
    for (int i = 0; i < STEPS; i++)
        g[i] = (double)tt_random_below(&random, 2001) / 1000 - 1;
    tt_optimiser sgd = TT_SGD_DEFAULT, adam = TT_ADAM_DEFAULT;
    sgd.weight_decay = 0;
    float x = 1, y = 1, sgd_state[2] = {0}, adam_state[2] = {0};
    double sgd_expected = 1, adam_expected = 1;
    for (int t = 1; t <= STEPS; t++) {
        float gradient = (float)g[t - 1];
        tt_optimiser_update(&sgd, (uint64_t)t, 0.01f, 1, &x, &gradient, sgd_state);
        tt_optimiser_update(&adam, (uint64_t)t, 0.01f, 1, &y, &gradient, adam_state);
        double velocity = 0, mean = 0, square = 0;
        for (int i = 1; i <= t; i++) {
            velocity += pow(0.9, t - i) * g[i - 1];
            mean += 0.1 * pow(0.9, t - i) * g[i - 1];
            square += 0.001 * pow(0.999, t - i) * g[i - 1] * g[i - 1];
        }
        sgd_expected -= 0.01 * (g[t - 1] + 0.9 * velocity); // Nesterov looks one step ahead
        adam_expected -= 0.01 * (mean / (1 - pow(0.9, t))) / (sqrt(square / (1 - pow(0.999, t))));
        EXPECT(fabs((double)x - sgd_expected) < 1e-6);
        EXPECT(fabs((double)y - adam_expected) < 1e-5);
    }
    // Weight decay alone shrinks a weight by the same share each step.
    sgd = (tt_optimiser){.kind = TT_SGD, .weight_decay = 0.1f};
    x = 2;
    sgd_state[0] = sgd_state[1] = 0;
    float none = 0;
    for (uint64_t t = 1; t <= 10; t++)
        tt_optimiser_update(&sgd, t, 0.5f, 1, &x, &none, sgd_state);
    EXPECT(fabs((double)x - 2 * pow(0.95, 10)) < 1e-6);
}

int main(void)
{
    test_optimisers();
    test_optimiser_sums();
    return test_result();
}
