// The plan of a training, made of its options alone: so a resumed one has the same.

#include <math.h>

#include "ai/train/training.h"
#include "tutti/random.h"

// Seeds and epochs in their ranges (32 bits and TT_EPOCHS_MAX) never meet in one number here.
void tt_training_order(uint32_t *order, size_t count, uint64_t seed, unsigned epoch)
{
    tt_random random;
    tt_random_seed(&random, seed * 0x100000001b3u + epoch);
    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    for (size_t i = count; i > 1; i--) { // Fisher and Yates
        size_t other = tt_random_below(&random, i);
        uint32_t swap = order[i - 1];
        order[i - 1] = order[other];
        order[other] = swap;
    }
}

float tt_learning_rate_at(const tt_train_options *options, size_t step, size_t steps_an_epoch)
{
    double warm = (double)steps_an_epoch / 2, all = (double)steps_an_epoch * options->epochs;
    double at = (double)step;
    if (at < warm)
        return (float)(options->learning_rate * (at + 1) / warm);
    return (float)(options->learning_rate * 0.5 * (1 + cos(M_PI * (at - warm) / (all - warm))));
}
