// The learning rate of each step, and the order of the images.

#include <math.h>

#include "ai/train/training.h"
#include "tests/test.h"

#define WARM 16
#define ALL 96

static void test_rates(void)
{
    tt_schedule s = {TT_RATE_COSINE, 0.25, WARM, ALL}; // whose parts are exact
    double rate[ALL];
    for (uint64_t step = 0; step < ALL; step++)
        rate[step] = tt_schedule_at(&s, step);
    for (int step = 0; step < WARM; step++)
        EXPECT(rate[step] == 0.25 * (step + 1) / WARM);
    EXPECT(rate[WARM - 1] == 0.25 && rate[WARM] == 0.25);
    for (size_t step = WARM + 1; step < ALL; step++)
        EXPECT(rate[step] < rate[step - 1] && rate[step] > 0);
    EXPECT(fabs(rate[(WARM + ALL) / 2] - 0.125) < 1e-15);        // half of it in the middle
    EXPECT(fabs(rate[WARM + 20] - 0.21338834764831845) < 1e-15); // a quarter of half a cosine
    for (size_t step = 1; step < ALL - WARM; step++) // around which both sides are alike
        EXPECT(fabs(rate[WARM + step] + rate[ALL - step] - 0.25) < 1e-15);
    for (uint64_t step = ALL; step < 3 * ALL; step++)
        EXPECT(tt_schedule_at(&s, step) == 0);

    s.kind = TT_RATE_LINEAR;
    EXPECT(tt_schedule_at(&s, 3) == 0.0625 && tt_schedule_at(&s, WARM) == 0.25);
    EXPECT(tt_schedule_at(&s, WARM + 20) == 0.1875 &&
           fabs(tt_schedule_at(&s, ALL - 1) - 0.25 / 80) < 1e-15);
    EXPECT(tt_schedule_at(&s, ALL) == 0 && tt_schedule_at(&s, ALL + 1) == 0);
    s.kind = TT_RATE_CONSTANT;
    EXPECT(tt_schedule_at(&s, 3) == 0.0625 && tt_schedule_at(&s, WARM) == 0.25);
    EXPECT(tt_schedule_at(&s, ALL - 1) == 0.25 && tt_schedule_at(&s, ALL + 1) == 0.25);

    // No warm-up, and one that never ends.
    s = (tt_schedule){TT_RATE_COSINE, 0.25, 0, ALL};
    EXPECT(tt_schedule_at(&s, 0) == 0.25);
    s.warm = 2 * ALL;
    EXPECT(tt_schedule_at(&s, ALL - 1) == 0.125 && tt_schedule_at(&s, 2 * ALL) == 0);
}

// Whatever the sizes: no step exceeds the rate, nor rises after the warm-up or falls in it.
static void test_never_beyond(void)
{
    for (int kind = TT_RATE_CONSTANT; kind <= TT_RATE_COSINE; kind++)
        for (size_t steps = 1; steps < 40; steps++)
            for (double warm_up = 0; warm_up < 2.5; warm_up += 0.35) {
                tt_train_options options = TT_TRAIN_DEFAULT;
                options.schedule = (tt_rate_kind)kind;
                options.epochs = 2;
                options.warm_up = warm_up;
                tt_schedule s = tt_training_schedule(&options, steps);
                EXPECT(fabs((double)s.warm - warm_up * (double)steps) <= 0.5);
                EXPECT_EQUAL(s.steps, 2 * steps);
                double before = 0;
                for (uint64_t step = 0; step < 2 * steps; step++) {
                    double rate = tt_schedule_at(&s, step);
                    EXPECT(rate > 0 && rate <= options.learning_rate);
                    EXPECT(step == 0 || (step < s.warm ? rate > before : rate <= before));
                    before = rate;
                }
            }
}

// Some seeds and epochs, among them those whose sum, product or difference is the same.
static void test_orders_differ(void)
{
    enum { IMAGES = 100, EPOCHS_HERE = 6 };
    static const uint64_t seeds[] = {0, 1, 2, 3, 4, 5, 6, 0xffffffff};
    static uint32_t orders[sizeof(seeds) / sizeof(seeds[0]) * EPOCHS_HERE][IMAGES];
    size_t count = sizeof(orders) / sizeof(orders[0]);
    for (size_t i = 0; i < count; i++) {
        bool there[IMAGES] = {false};
        tt_training_order(orders[i], IMAGES, seeds[i / EPOCHS_HERE], i % EPOCHS_HERE);
        for (size_t k = 0; k < IMAGES; k++) {
            REQUIRE(orders[i][k] < IMAGES && !there[orders[i][k]]);
            there[orders[i][k]] = true;
        }
        for (size_t k = 0; k < i; k++)
            EXPECT(memcmp(orders[i], orders[k], sizeof(orders[i])) != 0);
    }
    uint32_t again[IMAGES];
    tt_training_order(again, IMAGES, seeds[1], 2);
    EXPECT(memcmp(again, orders[EPOCHS_HERE + 2], sizeof(again)) == 0);
}

// Every order can come, and none much more often than another: each of 24 about 50 times in 1,200.
static void test_every_order_comes(void)
{
    unsigned times[4 * 4 * 4] = {0};
    for (unsigned epoch = 0; epoch < 1200; epoch++) {
        uint32_t order[4];
        tt_training_order(order, 4, 1, epoch);
        times[order[0] * 16 + order[1] * 4 + order[2]]++;
    }
    unsigned orders = 0;
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        orders += times[i] > 0;
        EXPECT(times[i] == 0 || (times[i] >= 25 && times[i] <= 85));
    }
    EXPECT_EQUAL(orders, 24);
    uint32_t none = 7, one = 7;
    tt_training_order(&none, 0, 1, 1);
    tt_training_order(&one, 1, 1, 1);
    EXPECT(none == 7 && one == 0);
}

int main(void)
{
    test_rates();
    test_never_beyond();
    test_orders_differ();
    test_every_order_comes();
    return test_result();
}
