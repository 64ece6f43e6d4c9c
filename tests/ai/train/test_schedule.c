// The plan of a training: the learning rate of each step, and the order of the images.

#include <math.h>

#include "ai/train/training.h"
#include "tests/test.h"

#define STEPS 32 // an epoch
#define EPOCHS 3
#define WARM (STEPS / 2)
#define ALL (STEPS * EPOCHS)

static void test_learning_rate(void)
{
    tt_train_options options = TT_TRAIN_DEFAULT;
    options.epochs = EPOCHS;
    options.learning_rate = 0.25f; // whose parts are exact
    float rate[ALL];
    for (size_t step = 0; step < ALL; step++)
        rate[step] = tt_learning_rate_at(&options, step, STEPS);
    for (int step = 0; step < WARM; step++)
        EXPECT(rate[step] == 0.25f * (float)(step + 1) / WARM);
    EXPECT(rate[WARM - 1] == 0.25f && rate[WARM] == 0.25f);
    for (size_t step = WARM + 1; step < ALL; step++)
        EXPECT(rate[step] < rate[step - 1] && rate[step] > 0);
    EXPECT(fabsf(rate[(WARM + ALL) / 2] - 0.125f) < 1e-6f); // half of it in the middle
    for (size_t step = 1; step < ALL - WARM; step++)        // around which both sides are alike
        EXPECT(fabsf(rate[WARM + step] + rate[ALL - step] - 0.25f) < 1e-6f);
    EXPECT(tt_learning_rate_at(&options, WARM - 1, STEPS - 1) == 0.25f * WARM / (WARM - 0.5f));
    EXPECT(tt_learning_rate_at(&options, WARM, STEPS - 1) < 0.25f);
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
    test_learning_rate();
    test_orders_differ();
    test_every_order_comes();
    return test_result();
}
