// The first weights, number by number: standard normal ones by Box and Muller's method, in the
// order of the parameters, times the root of 2 over the inputs of an output (He et al., 2015,
// equation 10).

#include <math.h>

#include "ai/train/training.h"
#include "tests/ai/train/made_up.h"

static double normal(tt_random *random)
{
    double u = ((double)(tt_random_u64(random) >> 11) + 0.5) * 0x1p-53;
    double v = (double)(tt_random_u64(random) >> 11) * 0x1p-53;
    return sqrt(-2 * log(u)) * cos(2 * acos(-1) * v);
}

static void check_seed(tt_model *model, uint64_t seed)
{
    tt_random random;
    const tt_buffer *parameter;
    unsigned layers = 0;
    tt_random_seed(&random, seed);
    tt_model_initialise(model, seed);
    for (uint32_t at = 0; (parameter = tt_model_parameter(model, &at)) != NULL;) {
        const tt_type *type = &parameter->type;
        const float *is = tt_session_bytes(tt_model_session(model), parameter->name, NULL);
        double inputs = 1, worst = 0;
        for (unsigned i = 1; i < type->rank; i++)
            inputs *= (double)type->size[i];
        for (int64_t k = 0; k < tt_type_count(type); k++) {
            double expected = type->rank < 2 ? 0 : sqrt(2 / inputs) * normal(&random);
            worst = fmax(worst, fabs((double)is[k] - expected));
        }
        EXPECT(worst <= 1e-6);
        layers += type->rank >= 2;
    }
    EXPECT_EQUAL(layers, 5);
}

int main(void)
{
    tt_model *model;
    REQUIRE(tt_model_new(NULL, &(tt_session_options){.threads = 1}, &model, NULL) == TT_OK);
    check_seed(model, 1);
    check_seed(model, 77); // over what was there
    tt_model_free(model);
    return test_result();
}
