// Tables that steps share: each number is looked at once. Random tables against a plain search,
// and what opening takes where 64 steps share a large one.

#include <string.h>
#include <time.h>

#include "tests/test.h"
#include "tutti/bytes.h"
#include "tutti/lite.h"
#include "tutti/random.h"

#define TABLES (TT_PLAN_HEADER_BYTES + TT_PLAN_STEPS_MAX * TT_PLAN_STEP_BYTES)
#define CHANNELS 60000
#define PLAN_BYTES (TABLES + 4 * CHANNELS)

static uint8_t bytes[PLAN_BYTES] __attribute__((aligned(TT_PLAN_ALIGNMENT)));

// One input becomes `channels` outputs; weights and biases begin where all tables do.
static tt_plan_step step_of(uint16_t channels, uint32_t multiplier, uint32_t shift)
{
    return (tt_plan_step){.kind = TT_STEP_CONV,
                          .stride_rows = 1,
                          .stride_columns = 1,
                          .in = {1, 1, 1},
                          .out = {1, 1, channels},
                          .window = {1, 1},
                          .output = 8,
                          .scratch = 4,
                          .weights = TABLES,
                          .bias = TABLES,
                          .multiplier = TABLES + 4 * multiplier,
                          .shift = TABLES + 4 * shift,
                          .clamp = {-128, 127}};
}

// Lays the steps before the tables, of which the plan has `numbers`.
static void write_plan(const tt_plan_step *steps, uint32_t count, uint32_t numbers)
{
    tt_writer w;
    tt_plan_header h = {.magic = TT_PLAN_MAGIC,
                        .version = TT_PLAN_VERSION,
                        .header_bytes = TT_PLAN_HEADER_BYTES,
                        .bytes = TABLES + 4 * numbers,
                        .step_count = count,
                        .steps = TT_PLAN_HEADER_BYTES,
                        .arena_bytes = 1 << 17,
                        .input_bytes = 1,
                        .output = 8,
                        .output_bytes = 1,
                        .input_shape = {1, 1, 1},
                        .output_shape = {1, 1, 1}};
    tt_writer_init(&w, bytes, sizeof(bytes));
    w.length = TT_PLAN_HEADER_BYTES;
    for (uint32_t i = 0; i < count; i++) {
        tt_plan_step_write(&w, &steps[i]);
        h.multiplications += steps[i].out[2];
    }
    for (int pass = 0; pass < 2; pass++) { // the checksum is of what the first leaves
        h.crc = tt_crc32(0, bytes + 16, h.bytes - 16);
        w.length = 0;
        tt_plan_header_write(&w, &h);
    }
}

static void set_number(uint32_t index, int32_t number)
{
    tt_writer w;
    tt_writer_init(&w, bytes + TABLES + 4 * index, 4);
    tt_write_le32(&w, (uint32_t)number);
}

#define NUMBERS 24u

// 31 is no shift, -32 neither a shift nor a multiplier.
static void test_random(void)
{
    tt_random r;
    unsigned good = 0, bad = 0;
    tt_random_seed(&r, 3);
    for (int round = 0; round < 5000; round++) {
        int32_t numbers[NUMBERS] = {0};
        tt_plan_step steps[10];
        tt_plan plan;
        uint32_t count = 1 + (uint32_t)tt_random_below(&r, 10);
        bool right = true;
        for (int i = 0; i < 2; i++)
            numbers[tt_random_below(&r, NUMBERS)] = tt_random_below(&r, 2) == 0 ? 31 : -32;
        for (uint32_t i = 0; i < count; i++) {
            uint32_t channels = 1 + (uint32_t)tt_random_below(&r, 8);
            uint32_t multiplier = (uint32_t)tt_random_below(&r, NUMBERS - channels + 1);
            uint32_t shift = (uint32_t)tt_random_below(&r, NUMBERS - channels + 1);
            steps[i] = step_of((uint16_t)channels, multiplier, shift);
            if (tt_random_below(&r, 4) == 0) { // a pooling has none, whatever stands there
                steps[i].kind = TT_STEP_MAX_POOL;
                steps[i].out[2] = 1;
            }
            for (uint32_t k = 0; k < channels && steps[i].kind == TT_STEP_CONV; k++)
                right = right && numbers[multiplier + k] >= 0 && numbers[shift + k] >= -31 &&
                        numbers[shift + k] <= 30;
        }
        for (uint32_t i = 0; i < NUMBERS; i++)
            set_number(i, numbers[i]);
        write_plan(steps, count, NUMBERS);
        uint32_t products = 0;
        for (uint32_t i = 0; i < count; i++)
            products += steps[i].kind == TT_STEP_CONV ? steps[i].out[2] : 0;
        tt_writer w; // a pooling multiplies nothing
        tt_writer_init(&w, bytes + 72, 4);
        tt_write_le32(&w, products);
        tt_writer_init(&w, bytes + 12, 4);
        tt_write_le32(&w, tt_crc32(0, bytes + 16, TABLES + 4 * NUMBERS - 16));
        EXPECT_EQUAL(tt_plan_open(&plan, bytes, TABLES + 4 * NUMBERS, NULL) == TT_OK, right);
        good += right;
        bad += !right;
    }
    EXPECT(good > 300 && bad > 300);
}

// The least of five times that opening takes with `count` steps of nearly all numbers each.
static clock_t time_of(uint32_t count)
{
    tt_plan_step steps[TT_PLAN_STEPS_MAX];
    clock_t least = 0;
    for (uint32_t i = 0; i < count; i++) // each a little larger than the last, at both ends
        steps[i] = step_of((uint16_t)(CHANNELS - 2 * TT_PLAN_STEPS_MAX + 2 * i),
                           TT_PLAN_STEPS_MAX - i, TT_PLAN_STEPS_MAX - i);
    write_plan(steps, count, CHANNELS);
    for (int i = 0; i < 5; i++) {
        tt_plan plan;
        clock_t begin = clock();
        EXPECT_EQUAL(tt_plan_open(&plan, bytes, PLAN_BYTES, NULL), TT_OK);
        clock_t taken = clock() - begin;
        least = i == 0 || taken < least ? taken : least;
    }
    return least;
}

// Otherwise 64 KiB would keep a watch of 25 MHz busy for five seconds and more.
static void test_time(void)
{
    memset(bytes, 0, sizeof(bytes));
    clock_t two = time_of(2), most = time_of(TT_PLAN_STEPS_MAX);
    printf("opening: 2 steps %ld us, 64 steps %ld us\n", (long)two, (long)most);
    EXPECT(most < 8 * (two + 100)); // 3 times; 17 times if each looked at all
}

int main(void)
{
    test_random();
    test_time();
    return test_result();
}
