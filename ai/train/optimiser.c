// Stochastic gradient descent with Nesterov's momentum, and Adam (Kingma and Ba, 2015).

#include <math.h>

#include "tutti/train.h"

static void sgd(const tt_optimiser *o, float rate, size_t count, float *parameter,
                const float *gradient, float *velocity)
{
    for (size_t i = 0; i < count; i++) {
        float g = gradient[i] + o->weight_decay * parameter[i];
        velocity[i] = o->momentum * velocity[i] + g;
        parameter[i] -= rate * (g + o->momentum * velocity[i]);
    }
}

static void adam(const tt_optimiser *o, uint64_t step, float rate, size_t count, float *parameter,
                 const float *gradient, float *mean, float *square)
{
    float mean_share = 1 - powf(o->momentum, (float)step);
    float square_share = 1 - powf(o->momentum_square, (float)step);
    for (size_t i = 0; i < count; i++) {
        float g = gradient[i] + o->weight_decay * parameter[i];
        mean[i] = o->momentum * mean[i] + (1 - o->momentum) * g;
        square[i] = o->momentum_square * square[i] + (1 - o->momentum_square) * g * g;
        parameter[i] -=
            rate * (mean[i] / mean_share) / (sqrtf(square[i] / square_share) + o->epsilon);
    }
}

void tt_optimiser_update(const tt_optimiser *optimiser, uint64_t step, float learning_rate,
                         size_t count, float *parameter, const float *gradient, float *state)
{
    if (optimiser->kind == TT_SGD)
        sgd(optimiser, learning_rate, count, parameter, gradient, state);
    else
        adam(optimiser, step, learning_rate, count, parameter, gradient, state, state + count);
}
