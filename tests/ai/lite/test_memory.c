// What a plan may read, and how much it may be said to compute: plans made by hand, and twenty
// thousand random ones against an array that knows of each byte of the arena who wrote it last.

#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "tests/test.h"
#include "tutti/bytes.h"
#include "tutti/lite.h"
#include "tutti/random.h"

#define PLAN_BYTES (32 * 1024)

// A plan in the making: one table of zeros serves all steps.
typedef struct plan_maker {
    tt_plan_header header;
    tt_plan_step steps[TT_PLAN_STEPS_MAX];
    uint32_t table_bytes;
} plan_maker;

static uint8_t bytes[PLAN_BYTES] __attribute__((aligned(TT_PLAN_ALIGNMENT)));
static char sentence[200];

static plan_maker begin(uint32_t arena, uint32_t input, uint16_t input_bytes, uint32_t output,
                        uint16_t output_bytes)
{
    return (plan_maker){.header = {.magic = TT_PLAN_MAGIC,
                                   .version = TT_PLAN_VERSION,
                                   .header_bytes = TT_PLAN_HEADER_BYTES,
                                   .steps = TT_PLAN_HEADER_BYTES,
                                   .arena_bytes = arena,
                                   .input = input,
                                   .input_bytes = input_bytes,
                                   .input_shape = {1, 1, input_bytes},
                                   .output = output,
                                   .output_bytes = output_bytes,
                                   .output_shape = {1, 1, output_bytes}}};
}

// A pooling of one element: copies.
static tt_plan_step *add_copy(plan_maker *p, uint32_t from, uint32_t to, uint16_t count)
{
    tt_plan_step *s = &p->steps[p->header.step_count++];
    *s = (tt_plan_step){.kind = TT_STEP_MAX_POOL,
                        .stride_rows = 1,
                        .stride_columns = 1,
                        .in = {1, 1, count},
                        .out = {1, 1, count},
                        .window = {1, 1},
                        .input = from,
                        .output = to,
                        .clamp = {-128, 127}};
    return s;
}

// One position of `in` channels becomes one of `out`; its scratch takes 2 * in bytes.
static tt_plan_step *add_dense(plan_maker *p, uint32_t from, uint16_t in, uint32_t to, uint16_t out,
                               uint32_t scratch)
{
    tt_plan_step *s = add_copy(p, from, to, in);
    s->kind = TT_STEP_CONV;
    s->out[2] = out;
    s->scratch = scratch;
    p->header.multiplications += (uint32_t)in * out;
    p->table_bytes = p->table_bytes < (uint32_t)in * out ? (uint32_t)in * out : p->table_bytes;
    p->table_bytes = p->table_bytes < 4u * out ? 4u * out : p->table_bytes;
    return s;
}

static tt_status open_plan(plan_maker *p, tt_plan *plan)
{
    tt_writer w;
    tt_text why;
    uint32_t tables = TT_PLAN_HEADER_BYTES + p->header.step_count * TT_PLAN_STEP_BYTES;
    p->header.bytes = tables + p->table_bytes;
    REQUIRE(p->header.bytes <= sizeof(bytes));
    memset(bytes, 0, sizeof(bytes));
    tt_writer_init(&w, bytes, sizeof(bytes));
    w.length = TT_PLAN_HEADER_BYTES;
    for (uint32_t i = 0; i < p->header.step_count; i++) {
        tt_plan_step *s = &p->steps[i];
        s->weights = s->bias = s->multiplier = s->shift = tables;
        tt_plan_step_write(&w, s);
    }
    for (int pass = 0; pass < 2; pass++) { // the checksum is of what the first leaves
        p->header.crc = tt_crc32(0, bytes + 16, p->header.bytes - 16);
        w.length = 0;
        tt_plan_header_write(&w, &p->header);
    }
    tt_text_init(&why, sentence, sizeof(sentence));
    tt_status status = tt_plan_open(plan, bytes, p->header.bytes, &why);
    EXPECT(!why.cut && (status == TT_OK) == (sentence[0] == '\0'));
    return status;
}

static void expect(plan_maker *p, const char *expected)
{
    tt_plan plan;
    tt_status status = open_plan(p, &plan);
    EXPECT_TEXT(sentence, expected);
    EXPECT_EQUAL(status, expected[0] == '\0' ? TT_OK : TT_MALFORMED);
}

// What an earlier model left in the arena: 152 bytes read it.
static void test_unwritten(void)
{
    plan_maker p = begin(64, 0, 4, 32, 16);
    add_copy(&p, 8, 32, 16);
    expect(&p, "step 0: bytes that nothing before wrote are read");
    EXPECT_EQUAL(p.header.bytes, 152);

    p = begin(64, 0, 16, 16, 16); // the output, which no step wrote
    add_copy(&p, 0, 32, 16);
    expect(&p, "the output: bytes that nothing before wrote are read");
    p = begin(64, 0, 16, 32, 17); // one byte more than was written
    add_copy(&p, 0, 32, 16);
    expect(&p, "the output: bytes that nothing before wrote are read");
    p = begin(64, 0, 16, 31, 16); // one byte before
    add_copy(&p, 0, 32, 16);
    expect(&p, "the output: bytes that nothing before wrote are read");
    p = begin(64, 0, 16, 32, 16); // what a later step writes
    add_copy(&p, 48, 32, 16);
    add_copy(&p, 0, 48, 16);
    expect(&p, "step 0: bytes that nothing before wrote are read");
    p = begin(64, 0, 16, 32, 16);
    add_copy(&p, 0, 32, 16);
    expect(&p, "");
    p = begin(64, 0, 16, 0, 16); // the input itself is there, too
    add_copy(&p, 0, 32, 16);
    expect(&p, "");
}

// A step's scratch is nobody's tensor: reading it is reading what was not written, and it destroys
// what it covers.
static void test_scratch(void)
{
    plan_maker p = begin(64, 0, 8, 32, 16);
    add_dense(&p, 0, 8, 8, 8, 16);
    add_copy(&p, 16, 32, 16);
    expect(&p, "step 1: bytes that nothing before wrote are read");
    p = begin(64, 0, 8, 48, 8);
    add_copy(&p, 0, 16, 8); // lives on in 16 to 24
    add_dense(&p, 0, 4, 8, 4, 12);
    add_copy(&p, 16, 48, 8);
    expect(&p, "step 2: bytes that nothing before wrote are read");
    p.steps[1].scratch = 24;
    expect(&p, "");
}

static void test_overlap(void)
{
    static const uint32_t places[][4] = {
        // input, output (8 bytes each), scratch (16 bytes), whether they overlap
        {0, 8, 16, 0},  {8, 0, 16, 0},  {0, 7, 16, 1},  {7, 0, 16, 1},  {0, 24, 8, 0},
        {0, 23, 8, 1},  {16, 24, 0, 0}, {15, 24, 0, 1}, {24, 16, 0, 0}, {24, 15, 0, 1},
        {24, 8, 16, 1}, {40, 8, 16, 0}, {39, 0, 24, 1}, {20, 0, 16, 1}, {0, 20, 16, 1},
        {0, 16, 16, 1}, {16, 0, 16, 1}, {16, 16, 0, 1},
    };
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        plan_maker p = begin(64, places[i][0], 8, places[i][1], 8);
        add_dense(&p, places[i][0], 8, places[i][1], 8, places[i][2]);
        expect(&p, places[i][3] ? "step 0: its tensors overlap" : "");
    }
}

// A tensor of as many pieces as are allowed, and of one more.
static void test_pieces(void)
{
    for (uint16_t surplus = 0; surplus < 2; surplus++) {
        uint16_t count = (uint16_t)(TT_PLAN_PIECES_MAX + surplus);
        plan_maker p = begin(64, 0, 16, 32, 2);
        for (uint16_t i = 1; i < count; i += 2) // of the input every other byte
            add_copy(&p, 0, i, 1);
        add_copy(&p, 0, 32, count);
        char expected[100];
        snprintf(expected, sizeof(expected),
                 "step %u: what is read lies in more than 8 pieces of tensors", count / 2);
        expect(&p, surplus ? expected : "");
    }
}

// A header that states another number than the steps make.
static void test_multiplications(void)
{
    plan_maker p = begin(18000, 0, 1, 1, 1);
    tt_plan plan;
    for (int i = 0; i < 10; i++) {
        tt_plan_step *s = add_dense(&p, 0, 1, 2000, 1, 1000);
        s->window[0] = s->window[1] = 100;
        s->before[0] = s->before[1] = 99;
        s->out[0] = 1;
        s->out[1] = 100;
        s->stride_columns = 1;
        s->in[0] = s->in[1] = 1;
        s->scratch = 4000 - 4000 % 4;
    }
    p.header.output = 2000;
    p.table_bytes = 10000;
    p.header.arena_bytes = 4000 + 2 * 10000;
    for (uint32_t stated = 0; stated < 3; stated++) {
        static const uint32_t values[] = {1, 9999999, 10000000};
        p.header.multiplications = values[stated];
        char expected[100];
        snprintf(expected, sizeof(expected),
                 "multiply-accumulates of a run: expected 10000000, found %u", values[stated]);
        expect(&p, stated < 2 ? expected : "");
    }
    REQUIRE(open_plan(&p, &plan) == TT_OK);
    EXPECT_EQUAL(tt_plan_operations(&plan), 10000000);
    // Far more than 32 bits hold, with the same low ones.
    p = begin(400000, 0, 1, 1000, 1);
    for (int i = 0; i < 64; i++) {
        tt_plan_step *s = add_dense(&p, 0, 1, 1000, 1, 300000);
        s->window[0] = s->window[1] = 128;
        s->before[0] = s->before[1] = 127;
        s->out[0] = s->out[1] = 128;
        s->in[0] = s->in[1] = 1;
    }
    p.table_bytes = 16384;
    p.header.multiplications = 0; // 2^14 outputs of 2^14 taps in 64 steps: 2^34
    expect(&p, "multiply-accumulates of a run: expected 17179869184, found 0");
}

// Poolings count what they look at; nothing overflows.
static void test_operations(void)
{
    plan_maker p = begin(100, 0, 12, 50, 12);
    tt_plan plan;
    tt_plan_step *s = add_copy(&p, 0, 50, 12);
    s->in[0] = s->out[0] = 3;
    s->in[1] = s->out[1] = 2;
    s->in[2] = s->out[2] = 2;
    s->window[0] = 2;
    s->window[1] = 9; // of which two columns are ever there
    s->before[1] = 1;
    REQUIRE(open_plan(&p, &plan) == TT_OK);
    EXPECT_EQUAL(tt_plan_operations(&plan), 12 * 2 * 2);
    s->kind = TT_STEP_AVERAGE_POOL;
    REQUIRE(open_plan(&p, &plan) == TT_OK);
    EXPECT_EQUAL(tt_plan_operations(&plan), 12 * 2 * 2);
    s->kind = TT_STEP_DEPTHWISE; // with the padding
    p.table_bytes = 64;
    p.header.multiplications = 12 * 18;
    REQUIRE(open_plan(&p, &plan) == TT_OK);
    EXPECT_EQUAL(tt_plan_operations(&plan), 12 * 18);

    p = begin(100, 0, 2, 50, 3); // the third channel would be of an input that is not there
    s = add_copy(&p, 0, 50, 2);
    s->kind = TT_STEP_DEPTHWISE;
    s->out[2] = 3;
    p.table_bytes = 64;
    p.header.multiplications = 3;
    expect(&p, "step 0: output channels are no multiple of the input's");
    s->out[2] = 4;
    p.header.multiplications = 4;
    expect(&p, "");

    p = begin(INT32_MAX, 0, 1, 1 << 30, 1);
    p.header.input_bytes = 32768 * 32767;
    p.header.input_shape[0] = 32768;
    p.header.input_shape[1] = 32767;
    p.header.input_shape[2] = 1;
    for (int i = 0; i < 64; i++) {
        s = add_copy(&p, 0, 1 << 30, 1);
        s->in[0] = s->out[0] = s->window[0] = 32768;
        s->in[1] = s->out[1] = s->window[1] = 32767;
        s->before[0] = s->before[1] = 32766;
    }
    REQUIRE(open_plan(&p, &plan) == TT_OK);
    EXPECT_EQUAL(tt_plan_operations(&plan), UINT64_MAX);
}

// The ends of the header's numbers.
static void test_header(void)
{
    plan_maker p = begin(64, 0, 16, 48, 16);
    add_copy(&p, 0, 48, 16);
    p.header.input_scale = p.header.output_scale = FLT_MAX;
    expect(&p, "");
    p.header.output_bytes = 17;
    expect(&p, "input or output lie outside the arena; its bytes: expected 64, found 65");
    p.header.output_bytes = 15;
    expect(&p, "bytes of the output's shape: expected 16, found 15");
    p.header.output_bytes = 16;
    p.header.input_bytes = 65;
    expect(&p, "input or output lie outside the arena; its bytes: expected 64, found 65");
    p.header.input_bytes = 15;
    expect(&p, "bytes of the input's shape: expected 16, found 15");
    p.header.input_bytes = 16;
    p.header.arena_bytes = (uint32_t)INT32_MAX + 1;
    expect(&p, "bytes of plan and arena, each at most: expected 2147483647, found 2147483648");
    p.header.arena_bytes = INT32_MAX;
    expect(&p, "");
    p.steps[0].clamp[0] = p.steps[0].clamp[1] = 5;
    expect(&p, "");
    p.steps[0].clamp[0] = 6;
    expect(&p, "step 0: a zero point or limit is outside -128 to 127");
    p.steps[0].clamp[0] = 5;
    p.steps[0].kind = TT_STEP_AVERAGE_POOL; // as many as a sum of 32 bits holds
    p.steps[0].window[0] = 4096;
    p.steps[0].window[1] = 2048;
    expect(&p, "");
    p.steps[0].window[1] = 2049;
    expect(&p, "step 0: it averages more elements than a 32-bit sum can hold");
}

// ---- random plans and an array

#define ARENA 48

typedef struct oracle {
    int writer[ARENA]; // of each byte: -1 none, 0 the input, 1 the first step, ...
} oracle;

// How often the writer changes from byte to byte; 0 where one has none.
static unsigned pieces_of(const oracle *o, uint32_t at, uint32_t count)
{
    unsigned pieces = 0;
    for (uint32_t i = at; i < at + count; i++) {
        if (o->writer[i] < 0)
            return 0;
        pieces += i == at || o->writer[i] != o->writer[i - 1];
    }
    return pieces;
}

static void write_by(oracle *o, uint32_t at, uint32_t count, int writer)
{
    for (uint32_t i = at; i < at + count; i++)
        o->writer[i] = writer;
}

static uint32_t below(tt_random *r, uint32_t end)
{
    return (uint32_t)tt_random_below(r, end);
}

// Adds a random step, and to the oracle what it does; false where it reads what it may not.
static bool add_random(plan_maker *p, tt_random *r, oracle *o)
{
    uint16_t in = (uint16_t)(1 + below(r, 10)), out = in;
    uint32_t from, to, scratch, scratch_bytes = 0;
    bool dense = below(r, 3) == 0, apart;
    if (dense) {
        out = (uint16_t)(1 + below(r, 10));
        scratch_bytes = 2u * in;
    }
    do {
        from = below(r, ARENA - in + 1);
        to = below(r, ARENA - out + 1);
        scratch = below(r, (ARENA - scratch_bytes) / 4 + 1) * 4;
        apart = from + in <= to || to + out <= from;
        if (dense)
            apart = apart && (scratch + scratch_bytes <= from || from + in <= scratch) &&
                    (scratch + scratch_bytes <= to || to + out <= scratch);
    } while (!apart);
    if (dense)
        add_dense(p, from, in, to, out, scratch);
    else
        add_copy(p, from, to, in);
    unsigned pieces = pieces_of(o, from, in);
    write_by(o, to, out, (int)p->header.step_count);
    if (dense)
        write_by(o, scratch, scratch_bytes, -1);
    return pieces > 0 && pieces <= TT_PLAN_PIECES_MAX;
}

static void test_random(void)
{
    tt_random random;
    unsigned good = 0, bad = 0;
    tt_random_seed(&random, 9);
    for (int round = 0; round < 20000; round++) {
        oracle o;
        uint16_t output_bytes = (uint16_t)(1 + below(&random, 24));
        uint16_t input_bytes = (uint16_t)(10 + below(&random, ARENA - 10));
        uint32_t input = below(&random, ARENA - input_bytes + 1);
        plan_maker p = begin(ARENA, input, input_bytes, below(&random, ARENA - output_bytes + 1),
                             output_bytes);
        write_by(&o, 0, ARENA, -1);
        write_by(&o, input, input_bytes, 0);
        bool right = true;
        for (uint32_t steps = 1 + below(&random, 12); steps > 0 && right; steps--)
            right = add_random(&p, &random, &o);
        unsigned pieces = pieces_of(&o, p.header.output, output_bytes);
        right = right && pieces > 0 && pieces <= TT_PLAN_PIECES_MAX;
        tt_plan plan;
        EXPECT_EQUAL(open_plan(&p, &plan) == TT_OK, right);
        good += right;
        bad += !right;
    }
    EXPECT(good > 1000 && bad > 1000);
    printf("%u plans opened, %u refused\n", good, bad);
}

int main(void)
{
    test_unwritten();
    test_scratch();
    test_overlap();
    test_pieces();
    test_multiplications();
    test_operations();
    test_header();
    test_random();
    return test_result();
}
