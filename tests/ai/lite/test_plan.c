// Hostile plans: cut at every length, every bit flipped, and every header and step field changed
// under a checksum made right again. Each is refused with a sentence, or runs within its arena (the
// sanitizers watch).

#include "ai/lite/plan.h"
#include "tests/ai/lite/random_operation.h"
#include "tutti/bytes.h"
#include "tutti/check.h"
#include "tutti/lite.h"

static void fix_checksum(uint8_t *bytes, size_t length)
{
    tt_writer writer;
    tt_writer_init(&writer, bytes + 12, 4);
    tt_write_le32(&writer, tt_crc32(0, bytes + 16, length - 16));
}

// Opens, and runs where it opens: an arena of exactly the stated size, with two kinds of rubbish.
static bool opens_and_runs(const uint8_t *bytes, size_t length)
{
    tt_plan plan;
    char buffer[200];
    tt_text why;
    tt_text_init(&why, buffer, sizeof(buffer));
    if (tt_plan_open(&plan, bytes, length, &why) != TT_OK) {
        EXPECT(buffer[0] != '\0' && !why.cut);
        return false;
    }
    if (plan.header.arena_bytes > 1 << 20)
        return true; // nobody here would give it so much
    void *arena = malloc(plan.header.arena_bytes);
    int8_t *input = calloc(1, plan.header.input_bytes);
    int8_t *outputs[2];
    for (int i = 0; i < 2; i++) {
        memset(arena, 0x55 + i, plan.header.arena_bytes);
        outputs[i] = malloc(plan.header.output_bytes);
        tt_plan_run(&plan, arena, input, outputs[i]);
    }
    EXPECT(memcmp(outputs[0], outputs[1], plan.header.output_bytes) == 0);
    free(arena);
    free(input);
    free(outputs[0]);
    free(outputs[1]);
    return true;
}

static void attack(uint64_t seed)
{
    tt_quantised *q = random_operation(seed);
    size_t length;
    uint8_t *good = emit(q, &length);
    uint8_t *bad = malloc(length); // exactly: the sanitizer sees one byte too many
    EXPECT(opens_and_runs(good, length));
    for (size_t cut = 0; cut < length; cut++)
        EXPECT(!opens_and_runs(good, cut));
    uint8_t *longer = calloc(1, length + 4);
    memcpy(longer, good, length);
    EXPECT(!opens_and_runs(longer, length + 4)); // longer than it says
    free(longer);
    for (size_t bit = 0; bit < length * 8; bit++) {
        memcpy(bad, good, length);
        bad[bit / 8] ^= (uint8_t)(1 << bit % 8);
        EXPECT(!opens_and_runs(bad, length));
    }
    size_t fields = TT_PLAN_HEADER_BYTES + TT_PLAN_STEP_BYTES;
    tt_random random;
    tt_random_seed(&random, seed);
    for (size_t at = 0; at < fields; at++)
        for (int round = 0; round < 12; round++) {
            static const uint8_t values[] = {0, 1, 2, 0x7f, 0x80, 0xff};
            memcpy(bad, good, length);
            bad[at] = round < 6 ? values[round] : (uint8_t)tt_random_u64(&random);
            if (at >= 12 && at < 16)
                continue;
            fix_checksum(bad, length);
            opens_and_runs(bad, length);
        }
    free(bad);
    free(good);
    tt_quantised_free(q);
}

// A good plan with one 32-bit number changed under a right checksum: the status and the sentence.
static void expect_refusal(size_t offset, uint32_t value, tt_status status, const char *sentence)
{
    tt_quantised *q = random_operation(CONVOLUTION);
    size_t length;
    uint8_t *bytes = emit(q, &length);
    tt_writer writer;
    tt_writer_init(&writer, bytes + offset, 4);
    tt_write_le32(&writer, value);
    fix_checksum(bytes, length);
    tt_plan plan;
    char buffer[200];
    tt_text why;
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(tt_plan_open(&plan, bytes, length, &why), status);
    EXPECT_TEXT(buffer, sentence);
    free(bytes);
    tt_quantised_free(q);
}

#define STEP TT_PLAN_HEADER_BYTES

static uint32_t arena_bytes; // of that same plan

// Where its tables begin.
static tt_plan_step convolution(void)
{
    tt_quantised *q = random_operation(CONVOLUTION);
    size_t length;
    uint8_t *bytes = emit(q, &length);
    tt_plan plan;
    tt_plan_step step;
    REQUIRE(tt_plan_open(&plan, bytes, length, NULL) == TT_OK);
    tt_plan_step_at(&plan, 0, &step);
    arena_bytes = plan.header.arena_bytes;
    free(bytes);
    tt_quantised_free(q);
    return step;
}

static void test_refusals(void)
{
    expect_refusal(4, 96u << 16 | 1, TT_UNSUPPORTED, "bytes of the header: expected 80, found 96");
    expect_refusal(16, 0, TT_MALFORMED, "number of steps, from 1 to: expected 64, found 0");
    expect_refusal(16, 65, TT_MALFORMED, "number of steps, from 1 to: expected 64, found 65");
    for (size_t at = 44; at <= 56; at += 4) { // scale and zero point of the input, of the output
        static const uint32_t wrong[2][3] = {{0x7f800000, 0xffc00000, 0xbf800000}, // inf, nan, -1
                                             {128, (uint32_t)-129, 0x80000000}};
        for (int i = 0; i < 3; i++)
            expect_refusal(at, wrong[at % 8 == 0][i], TT_MALFORMED,
                           "a scale or zero point of the header is no sensible number");
    }
    expect_refusal(76, 1, TT_UNSUPPORTED, "reserved bytes of the header: expected 0, found 1");
    expect_refusal(STEP + 68, 7, TT_UNSUPPORTED, "step 0: reserved bytes are not 0");
    expect_refusal(STEP + 0, 9, TT_UNSUPPORTED, "step 0: unknown kind 9");
    expect_refusal(STEP + 24, 0x7fffffff, TT_MALFORMED, "step 0: a tensor lies outside the arena");
    expect_refusal(STEP + 0, 1u << 24 | 1u << 16 | 1u << 8 | TT_STEP_CONV, TT_UNSUPPORTED,
                   "step 0: reserved bytes are not 0");
    for (size_t field = STEP + 52; field <= STEP + 64; field += 4) { // zero points and limits
        static const char outside[] = "step 0: a zero point or limit is outside -128 to 127";
        expect_refusal(field, 128, TT_MALFORMED, outside);
        expect_refusal(field, (uint32_t)-129, TT_MALFORMED, outside);
    }
    tt_plan_step step = convolution();
    // Tensors whose last byte lies outside the arena, and scratch that is not aligned.
    static const char outside[] = "step 0: a tensor lies outside the arena";
    expect_refusal(STEP + 24, arena_bytes - (uint32_t)tt_step_input_bytes(&step) + 1, TT_MALFORMED,
                   outside);
    expect_refusal(STEP + 28, arena_bytes - (uint32_t)tt_step_output_bytes(&step) + 1, TT_MALFORMED,
                   outside);
    expect_refusal(STEP + 32, (arena_bytes - (uint32_t)tt_step_scratch_bytes(&step)) / 4 * 4 + 4,
                   TT_MALFORMED, outside);
    expect_refusal(STEP + 32, step.scratch + 2, TT_MALFORMED, outside);
    expect_refusal(step.shift, 31, TT_MALFORMED, "step 0: a shift is outside -31 to 30");
    expect_refusal(step.shift, (uint32_t)-32, TT_MALFORMED, "step 0: a shift is outside -31 to 30");
    expect_refusal(step.multiplier, 0x80000000, TT_MALFORMED, "step 0: a multiplier is negative");
    // A window so large that its scratch, 2^32 bytes, is nothing where sizes have 32 bits.
    expect_refusal(STEP + 16, 32768u << 16 | 32768, TT_MALFORMED,
                   "step 0: a tensor lies outside the arena");
}

static void test_messages(void)
{
    static uint32_t bytes[32];
    tt_plan plan;
    char buffer[200];
    tt_text why;
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(tt_plan_open(&plan, bytes, 50, &why), TT_DAMAGED);
    EXPECT_TEXT(buffer, "length of the plan in bytes, at least: expected 80, found 50");
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(tt_plan_open(&plan, bytes, 100, &why), TT_MALFORMED);
    EXPECT_TEXT(buffer, "this is no plan; its first four bytes: expected 1280332884, found 0");
    bytes[0] = TT_PLAN_MAGIC;
    bytes[1] = 80u << 16 | 7;
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(tt_plan_open(&plan, bytes, 100, &why), TT_UNSUPPORTED);
    EXPECT_TEXT(buffer, "plan version: expected 1, found 7");
    EXPECT_EQUAL(tt_plan_open(&plan, (char *)bytes + 1, 100, NULL), TT_INVALID);
    EXPECT_EQUAL(tt_plan_open(&plan, NULL, 0, NULL), TT_DAMAGED);
}

// A good plan that came short, or changed on its way: what was expected and what came, each at its
// place in the sentence.
static void test_damage(void)
{
    tt_quantised *q = random_operation(CONVOLUTION);
    size_t length;
    uint8_t *bytes = emit(q, &length);
    tt_plan plan;
    char buffer[200], expected[200];
    tt_text why;
    uint32_t crc = tt_crc32(0, bytes + 16, length - 16);
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(tt_plan_open(&plan, bytes, length - 4, &why), TT_DAMAGED);
    snprintf(expected, sizeof(expected), "length of the plan in bytes: expected %zu, found %zu",
             length, length - 4);
    EXPECT_TEXT(buffer, expected);
    bytes[length - 1] ^= 1;
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(tt_plan_open(&plan, bytes, length, &why), TT_DAMAGED);
    snprintf(expected, sizeof(expected), "checksum: expected %u, found %u", crc,
             tt_crc32(0, bytes + 16, length - 16));
    EXPECT_TEXT(buffer, expected);
    bytes[length - 1] ^= 1;
    uint8_t *moved = malloc(length + 2);
    REQUIRE(moved != NULL);
    memcpy(moved + 2, bytes, length);
    tt_text_init(&why, buffer, sizeof(buffer));
    EXPECT_EQUAL(tt_plan_open(&plan, moved + 2, length, &why), TT_INVALID);
    EXPECT_TEXT(buffer, "alignment of the plan in memory: expected 4, found 2");
    free(moved);
    free(bytes);
    tt_quantised_free(q);
    // Steps of which the last byte is missing, or that are not aligned.
    uint32_t places[] = {(uint32_t)length - TT_PLAN_STEP_BYTES + 4, TT_PLAN_HEADER_BYTES + 2};
    for (size_t i = 0; i < TT_COUNT(places); i++) {
        snprintf(expected, sizeof(expected),
                 "the steps lie outside the plan; its length: expected %zu, found %u", length,
                 places[i]);
        expect_refusal(20, places[i], TT_MALFORMED, expected);
    }
}

// A convolution's and a depthwise step's tables, each where it just fits in the plan, one place
// further, and not aligned.
static void test_table_ends(tt_step_kind kind)
{
    static const char outside[] = "step 0: a table is not aligned or lies outside the plan";
    tt_plan_step step;
    tt_plan plan;
    uint64_t seed = 0;
    uint8_t *bytes = NULL;
    size_t length;
    do { // the first that is of this kind, and more than one element wide
        tt_quantised *q = random_operation(seed++);
        free(bytes);
        bytes = emit(q, &length);
        REQUIRE(tt_plan_open(&plan, bytes, length, NULL) == TT_OK);
        tt_plan_step_at(&plan, 0, &step);
        tt_quantised_free(q);
    } while (step.kind != kind || step.in[2] < 2 || step.window[0] * step.window[1] < 2);
    size_t taps = (size_t)step.window[0] * step.window[1] * step.out[2];
    for (int table = 0; table < 4; table++) { // weights, bias, multipliers, shifts
        size_t needed = table > 0              ? 4u * step.out[2]
                        : kind == TT_STEP_CONV ? taps * step.in[2]
                                               : taps;
        uint32_t fits = (uint32_t)(length - needed) / 4 * 4;
        const uint32_t places[] = {fits, fits + 4, fits - 2, UINT32_MAX - 3};
        for (size_t i = 0; i < TT_COUNT(places); i++) {
            char sentence[200];
            tt_text why;
            tt_writer writer;
            uint8_t *changed = malloc(length);
            REQUIRE(changed != NULL);
            memcpy(changed, bytes, length);
            tt_writer_init(&writer, changed + STEP + 36 + 4 * table, 4);
            tt_write_le32(&writer, places[i]);
            fix_checksum(changed, length);
            tt_text_init(&why, sentence, sizeof(sentence));
            tt_status status = tt_plan_open(&plan, changed, length, &why);
            EXPECT((strcmp(sentence, outside) == 0) == (i > 0));
            EXPECT(i == 0 || status == TT_MALFORMED);
            free(changed);
        }
    }
    free(bytes);
}

int main(void)
{
    test_messages();
    test_damage();
    test_table_ends(TT_STEP_CONV);
    test_table_ends(TT_STEP_DEPTHWISE);
    test_refusals();
    for (uint64_t seed = 0; seed < 10; seed++)
        attack(seed);
    return test_result();
}
