// The plan of a checkpoint that is kept beside this file: the same bytes as when it was put there.
//
// fashion.safetensors is what `tutti train --epochs 1 --images 6000 --seed 1` wrote, without the
// optimiser's state. Sums of floats differ with the order in which a processor's BLAS adds, and the
// ranges that calibration finds, and so the plan, with them. So the parameters are rounded to a few
// bits here and the images are black and white: then every product and sum of the network is exact
// (at most 24 bits, all terms taken as positive), and one plan is right on every machine. Of the
// unrounded parameters the int8 weights alone are compared, which no sum takes part in.

#include <math.h>
#include <string.h>

#include "tests/test.h"
#include "tutti/bytes.h"
#include "tutti/oldconvert.h"
#include "tutti/lite.h"
#include "tutti/random.h"
#include "tutti/train.h"

#define CHECKPOINT "tests/ai/convert/fashion.safetensors"
#define IMAGES 16
#define SIDE 28

static float images[IMAGES][SIDE][SIDE];

// White rectangles on black.
static void draw_images(void)
{
    tt_random random;
    tt_random_seed(&random, 1);
    for (size_t i = 0; i < IMAGES; i++) {
        size_t top = tt_random_below(&random, 14), left = tt_random_below(&random, 14);
        size_t rows = 6 + tt_random_below(&random, 9), columns = 6 + tt_random_below(&random, 9);
        for (size_t row = top; row < top + rows; row++)
            for (size_t column = left; column < left + columns; column++)
                images[i][row][column] = 1;
    }
}

// To 3, 4, 4, 5 and 3 bits behind the point, layer by layer; biases to no more than their sums
// have.
static void round_parameters(tt_model *model)
{
    static const int weight_bits[] = {3, 4, 4, 5, 3}, bias_bits[] = {3, 7, 8, 8, 8};
    REQUIRE(model->parameter_count == 10); // weights and bias of each
    for (size_t i = 0; i < model->parameter_count; i++) {
        tt_value *value = model->parameters[i];
        float *data = value->data;
        int bits = i % 2 == 0 ? weight_bits[i / 2] : bias_bits[i / 2];
        for (size_t k = 0; k < tt_shape_count(&value->shape); k++)
            data[k] = ldexpf(roundf(ldexpf(data[k], bits)), -bits);
    }
}

// The plan; the checksum of its weights alone goes to `weights`.
static uint32_t plan_of(const tt_model *model, size_t *length, uint32_t *weights)
{
    tt_quantised q;
    uint8_t *bytes;
    tt_plan plan;
    REQUIRE(tt_quantise(model->graph, model->image, model->logits, &images[0][0][0], IMAGES, &q,
                        NULL) == TT_OK);
    REQUIRE(tt_plan_emit(&q, &bytes, length, NULL) == TT_OK);
    REQUIRE(tt_plan_open(&plan, bytes, *length, NULL) == TT_OK);
    *weights = 0;
    for (uint32_t i = 0; i < plan.header.step_count; i++) {
        tt_plan_step s;
        tt_plan_step_at(&plan, i, &s);
        if (s.kind == TT_STEP_CONV)
            *weights = tt_crc32(*weights, bytes + s.weights,
                                (size_t)s.window[0] * s.window[1] * s.in[2] * s.out[2]);
    }
    uint32_t crc = tt_crc32(0, bytes, *length);
    free(bytes);
    tt_quantised_free(&q);
    return crc;
}

int main(void)
{
    char buffer[300];
    tt_text why;
    size_t length;
    uint32_t weights;
    tt_model *model = tt_model_new(IMAGES);
    draw_images();
    tt_text_init(&why, buffer, sizeof(buffer));
    tt_status status = tt_model_load(model, CHECKPOINT, &why);
    EXPECT_TEXT(buffer, "");
    REQUIRE(status == TT_OK);
    uint32_t crc = plan_of(model, &length, &weights);
    printf("as trained: plan %zu bytes, CRC %08x on this machine, weights %08x\n", length, crc,
           weights);
    EXPECT_EQUAL(length, 62012);
    EXPECT_EQUAL(weights, 0x554f2c66);
    round_parameters(model);
    crc = plan_of(model, &length, &weights);
    printf("rounded: plan %zu bytes, CRC %08x, weights %08x\n", length, crc, weights);
    EXPECT_EQUAL(length, 62012);
    EXPECT_EQUAL(weights, 0x6f1b5a6d);
    EXPECT_EQUAL(crc, 0xce485736);
    tt_model_free(model);
    return test_result();
}
