// The plan of a checkpoint that is kept beside this file: the same bytes as when it was put there.
//
// fashion.safetensors is what `tutti train --epochs 1 --images 6000 --seed 1` wrote, without the
// optimiser's state. Sums of floats differ with the order in which a processor's BLAS adds, and the
// ranges that calibration finds, and so the plan, with them. So the parameters are rounded to a few
// bits here and the images are black and white: then every product and sum of the network is exact
// (at most 24 bits, all terms taken as positive), and one plan is right on every machine. Of the
// unrounded parameters the int8 weights alone are compared, which no sum takes part in.

#include "tests/ai/convert/networks.h"
#include "tutti/bytes.h"
#include "tutti/tensor_file.h"

#define CHECKPOINT "tests/ai/convert/fashion.safetensors"
#define IMAGES 16
#define PARAMETERS 10

static const char *const names[PARAMETERS] = {
    "conv1.weights", "conv1.bias",     "conv2.weights", "conv2.bias",     "conv3.weights",
    "conv3.bias",    "dense1.weights", "dense1.bias",   "dense2.weights", "dense2.bias"};

static float images[IMAGES][MADE_UP_SIDE][MADE_UP_SIDE];
static tt_random numbers;

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

static void load_checkpoint(tt_session *session)
{
    tt_tensor_file file = {0};
    REQUIRE(tt_safetensors_read(&file, CHECKPOINT, NULL) == TT_OK);
    for (size_t i = 0; i < PARAMETERS; i++) {
        const tt_tensor *tensor;
        tt_type type;
        REQUIRE(tt_tensor_file_get(&file, names[i], &tensor, NULL) == TT_OK);
        void *to = tt_session_bytes(session, names[i], &type);
        REQUIRE(to != NULL && tensor->element == TT_F32 && tensor->rank == type.rank);
        memcpy(to, tensor->data, (size_t)tt_type_count(&type) * sizeof(float));
    }
    tt_tensor_file_free(&file);
}

// To 3, 4, 4, 5 and 3 bits behind the point, layer by layer; biases to no more than their sums
// have.
static void round_parameters(tt_session *session)
{
    static const int weight_bits[] = {3, 4, 4, 5, 3}, bias_bits[] = {3, 7, 8, 8, 8};
    for (size_t i = 0; i < PARAMETERS; i++) {
        tt_type type;
        float *data = tt_session_bytes(session, names[i], &type);
        int bits = i % 2 == 0 ? weight_bits[i / 2] : bias_bits[i / 2];
        for (int64_t k = 0; k < tt_type_count(&type); k++)
            data[k] = ldexpf(roundf(ldexpf(data[k], bits)), -bits);
    }
}

// The plan; the checksum of its weights alone goes to `weights`.
static uint32_t plan_of(tt_session *session, const tt_graph *g, size_t *length, uint32_t *weights)
{
    tt_quantised *q;
    uint8_t *bytes;
    tt_plan plan;
    REQUIRE(tt_quantise(session, g, "image", "logits", &images[0][0][0], IMAGES, &q, NULL) ==
            TT_OK);
    REQUIRE(tt_quantised_emit(q, &bytes, length, NULL) == TT_OK);
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
    expect_plan_agrees(q, &numbers, 5);
    free(bytes);
    tt_quantised_free(q);
    return crc;
}

int main(void)
{
    size_t length;
    uint32_t weights;
    tt_graph *g = made_up_graph(IMAGES);
    tt_session *session = made_up_session(g);
    tt_random_seed(&numbers, 3);
    draw_images();
    load_checkpoint(session);
    uint32_t crc = plan_of(session, g, &length, &weights);
    printf("as trained: plan %zu bytes, CRC %08x on this machine, weights %08x\n", length, crc,
           weights);
    EXPECT_EQUAL(length, 62012);
    EXPECT_EQUAL(weights, 0x554f2c66);
    round_parameters(session);
    crc = plan_of(session, g, &length, &weights);
    printf("rounded: plan %zu bytes, CRC %08x, weights %08x\n", length, crc, weights);
    EXPECT_EQUAL(length, 62012);
    EXPECT_EQUAL(weights, 0x6f1b5a6d);
    EXPECT_EQUAL(crc, 0xce485736);
    tt_session_free(session);
    tt_graph_free(g);
    return test_result();
}
