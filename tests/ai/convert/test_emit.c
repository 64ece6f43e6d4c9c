// The emitter: what the demonstration's plan says of itself, and what no plan can say.

#include "tests/ai/convert/made_up_plan.h"
#include "tests/ai/lite/one_layer.h"
#include "tutti/bytes.h"
#include "tutti/check.h"
#include "tutti/lite.h"

#define MULTIPLICATIONS                                                                            \
    (28 * 28 * 9 * 12 + 14 * 14 * 9 * 12 * 24 + 7 * 7 * 9 * 24 * 32 + 7 * 7 * 32 * 32 + 32 * 10)

static tt_plan_step step_of(uint8_t kind, uint16_t rows, uint16_t columns, uint16_t channels)
{
    return (tt_plan_step){.kind = kind,
                          .stride_rows = 1,
                          .stride_columns = 1,
                          .in = {rows, columns, channels},
                          .out = {rows, columns, channels},
                          .window = {1, 1},
                          .clamp = {-128, 127}};
}

// A convolution of one channel by a square window.
static tt_plan_step square(uint16_t rows, uint16_t columns, uint16_t window)
{
    tt_plan_step s = step_of(TT_STEP_CONV, rows, columns, 1);
    s.window[0] = s.window[1] = window;
    s.out[0] = (uint16_t)(rows - window + 1);
    s.out[1] = (uint16_t)(columns - window + 1);
    return s;
}

static tt_plan_step row(uint16_t in, uint16_t out)
{
    tt_plan_step s = step_of(TT_STEP_CONV, 1, 1, in);
    s.out[2] = out;
    return s;
}

static tt_plan_step average(uint16_t side)
{
    tt_plan_step s = step_of(TT_STEP_AVERAGE_POOL, 1, 1, 1);
    s.window[0] = s.window[1] = side;
    return s;
}

// The step, then the float of the result's scale, and what is said.
static void expect_emit(tt_plan_step step, float scale, tt_status expected, const char *sentence)
{
    tt_quantised *q = one_layer(&step, false);
    uint8_t *bytes;
    size_t length;
    char buffer[200] = "";
    tt_text why;
    tt_text_init(&why, buffer, sizeof(buffer));
    q->layers[0].scale = scale;
    EXPECT_EQUAL(tt_quantised_emit(q, &bytes, &length, &why), expected);
    EXPECT_TEXT(buffer, sentence);
    EXPECT((bytes == NULL) == (expected != TT_OK));
    free(bytes);
    tt_quantised_free(q);
}

static void test_limits(void)
{
    static const char memory[] = "its tensors take more memory than a plan can address (2 GiB)";
    static const char products[] =
        "its multiply-accumulates are more than a plan can state (4294967295)";
    static const char none[] = "a scale or zero point of the header is no sensible number";
    expect_emit(step_of(TT_STEP_MAX_POOL, 65535, 65535, 1), 1, TT_TOO_LARGE, memory);
    expect_emit(step_of(TT_STEP_MAX_POOL, 65535, 65535, 65535), 1, TT_TOO_LARGE, memory);
    expect_emit(step_of(TT_STEP_MAX_POOL, 32768, 32768, 1), 1, TT_TOO_LARGE, memory); // 2^31
    expect_emit(step_of(TT_STEP_MAX_POOL, 32768, 32767, 1), 1, TT_OK, "");
    expect_emit(square(511, 511, 256), 1, TT_TOO_LARGE, products); // 2^32
    expect_emit(square(511, 510, 256), 1, TT_OK, "");
    expect_emit(row(65535, 300), 1, TT_TOO_LARGE,
                "the network is empty or its plan would be larger than 16 MiB");
    expect_emit(row(65535, 255), 1, TT_OK, "");
    expect_emit(average(4096), 1, TT_MALFORMED,
                "step 0: it averages more elements than a 32-bit sum can hold");
    expect_emit(average(2048), 1, TT_OK, "");
    expect_emit(row(3, 2), INFINITY, TT_MALFORMED, none);
    expect_emit(row(3, 2), NAN, TT_MALFORMED, none);
    expect_emit(row(3, 2), -1, TT_MALFORMED, none);
}

static void expect_header(const tt_plan_header *h, tt_quantised *q)
{
    const tt_layer *last = &q->layers[q->count - 1];
    EXPECT_EQUAL(h->step_count, 7);
    EXPECT_EQUAL(h->multiplications, MULTIPLICATIONS);
    EXPECT_EQUAL(h->arena_bytes, 11760); // the first pooling's two tensors
    EXPECT_EQUAL(h->input_bytes, MADE_UP_PIXELS);
    EXPECT_EQUAL(h->output_bytes, MADE_UP_CLASSES);
    EXPECT(h->input_shape[0] == 28 && h->input_shape[1] == 28 && h->input_shape[2] == 1);
    EXPECT(h->output_shape[0] == 1 && h->output_shape[1] == 1 && h->output_shape[2] == 10);
    EXPECT(h->input_scale == 1.0f / 255 && h->input_zero_point == -128);
    EXPECT(h->output_scale == last->scale && h->output_scale > 0);
    EXPECT_EQUAL(h->output_zero_point, last->step.output_zero_point);
}

// A comparison that one wrong weight does not fail would be worthless.
static void test_network(void)
{
    tt_quantised *q = made_up_network(5);
    tt_plan plan, damaged_plan;
    tt_plan_step step;
    size_t length;
    uint8_t *bytes = emit(q, &length), *damaged = malloc(length);
    REQUIRE(tt_plan_open(&plan, bytes, length, NULL) == TT_OK);
    expect_header(&plan.header, q);
    tt_plan_step_at(&plan, 0, &step);
    memcpy(damaged, bytes, length);
    damaged[step.weights + 4] ^= 0xff; // the middle of the first window
    tt_writer writer;
    tt_writer_init(&writer, damaged + 12, 4);
    tt_write_le32(&writer, tt_crc32(0, damaged + 16, length - 16));
    REQUIRE(tt_plan_open(&damaged_plan, damaged, length, NULL) == TT_OK);
    void *arena = malloc(plan.header.arena_bytes);
    unsigned equal = 0, equal_damaged = 0;
    tt_random random;
    tt_random_seed(&random, 3);
    for (int n = 0; n < 20; n++) {
        int8_t image[MADE_UP_PIXELS], logits[MADE_UP_CLASSES], expected[MADE_UP_CLASSES];
        tt_random_bytes(&random, image, sizeof(image));
        run_graph(q, image, expected);
        tt_plan_run(&plan, arena, image, logits);
        equal += memcmp(logits, expected, sizeof(logits)) == 0;
        tt_plan_run(&damaged_plan, arena, image, logits);
        equal_damaged += memcmp(logits, expected, sizeof(logits)) == 0;
    }
    EXPECT_EQUAL(equal, 20);
    EXPECT(equal_damaged < 20);
    free(damaged);
    free(bytes);
    free(arena);
    tt_quantised_free(q);
}

int main(void)
{
    test_limits();
    test_network();
    return test_result();
}
