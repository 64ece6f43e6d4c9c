// The device runtime against the integer graph: two thousand random operations, whole tensors, half
// of them with factors that are powers of two so that rounding meets exact ties.

#include <pthread.h>

#include "tests/ai/lite/random_operation.h"
#include "tutti/bytes.h"
#include "tutti/lite.h"

static size_t compared; // elements

// What lies in a file is what the structures say, field by field: written again it is the same.
static void check_written_again(const tt_plan *plan)
{
    uint8_t bytes[TT_PLAN_HEADER_BYTES];
    tt_writer writer;
    tt_writer_init(&writer, bytes, sizeof(bytes));
    tt_plan_header_write(&writer, &plan->header);
    EXPECT(!writer.failed && writer.length == TT_PLAN_HEADER_BYTES);
    EXPECT(memcmp(bytes, plan->bytes, TT_PLAN_HEADER_BYTES) == 0);
    for (uint32_t i = 0; i < plan->header.step_count; i++) {
        tt_plan_step step;
        tt_plan_step_at(plan, i, &step);
        tt_writer_init(&writer, bytes, sizeof(bytes));
        tt_plan_step_write(&writer, &step);
        EXPECT(!writer.failed && writer.length == TT_PLAN_STEP_BYTES);
        EXPECT(memcmp(bytes, plan->bytes + plan->header.steps + i * TT_PLAN_STEP_BYTES,
                      TT_PLAN_STEP_BYTES) == 0);
    }
}

static void check(uint64_t seed)
{
    tt_quantised *q = random_operation(seed);
    size_t length;
    uint8_t *bytes = emit(q, &length);
    tt_plan plan;
    REQUIRE(tt_plan_open(&plan, bytes, length, NULL) == TT_OK);
    check_written_again(&plan);
    tt_random random;
    tt_random_seed(&random, ~seed);
    size_t in = plan.header.input_bytes, out = plan.header.output_bytes;
    EXPECT_EQUAL(in, tt_type_count(&q->input));
    EXPECT_EQUAL(out, tt_type_count(&q->result));
    int8_t *image = malloc(in), *lite = malloc(out), *reference = malloc(out);
    void *arena = malloc(plan.header.arena_bytes); // exactly: the sanitizer sees one byte too many
    random_image(&random, q, image);
    tt_plan_run(&plan, arena, image, lite);
    run_graph(q, image, reference);
    compared += out;
    if (memcmp(lite, reference, out) != 0)
        printf("seed %llu differs\n", (unsigned long long)seed);
    EXPECT(memcmp(lite, reference, out) == 0);
    free(arena);
    free(reference);
    free(lite);
    free(image);
    free(bytes);
    tt_quantised_free(q);
}

// One thread of those that run one plan at once, each in an arena of its own that begins with
// another rubbish.
typedef struct runner {
    const tt_plan *plan;
    const int8_t *image, *expected;
    int rubbish;
    unsigned wrong;
} runner;

static void *run_many(void *context)
{
    runner *r = context;
    const tt_plan_header *h = &r->plan->header;
    void *arena = malloc(h->arena_bytes);
    int8_t *output = malloc(h->output_bytes);
    for (int i = 0; i < 50; i++) {
        memset(arena, r->rubbish + i, h->arena_bytes);
        tt_plan_run(r->plan, arena, r->image, output);
        r->wrong += memcmp(output, r->expected, h->output_bytes) != 0;
    }
    free(arena);
    free(output);
    return NULL;
}

static void check_side_by_side(void)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        tt_quantised *q = random_operation(seed);
        size_t length;
        uint8_t *bytes = emit(q, &length);
        tt_plan plan;
        REQUIRE(tt_plan_open(&plan, bytes, length, NULL) == TT_OK);
        uint8_t *before = malloc(length);
        memcpy(before, bytes, length);
        int8_t *image = malloc(plan.header.input_bytes);
        int8_t *expected = malloc(plan.header.output_bytes);
        void *arena = calloc(1, plan.header.arena_bytes);
        tt_random random;
        tt_random_seed(&random, seed);
        random_image(&random, q, image);
        tt_plan_run(&plan, arena, image, expected);
        pthread_t threads[3];
        runner runners[3];
        for (int i = 0; i < 3; i++) {
            runners[i] = (runner){&plan, image, expected, 85 * i, 0};
            REQUIRE(pthread_create(&threads[i], NULL, run_many, &runners[i]) == 0);
        }
        for (int i = 0; i < 3; i++) {
            pthread_join(threads[i], NULL);
            EXPECT_EQUAL(runners[i].wrong, 0);
        }
        EXPECT(memcmp(before, bytes, length) == 0); // it is used where it lies, and only read
        free(before);
        free(image);
        free(expected);
        free(arena);
        free(bytes);
        tt_quantised_free(q);
    }
}

// Results worked out by hand: one dense channel, factor 1/2, so that odd sums are ties. The high
// multiply adds 2^30, or 1 - 2^30 to a negative product, and truncates: 1/2 becomes 1, but -1/2
// becomes 0.
static void check_ties(void)
{
    static const struct {
        int8_t x;
        int8_t y;
    } cases[] = {{1, 1}, {3, 2}, {5, 3}, {-1, 0}, {-3, -1}, {2, 1}, {0, 0}, {-2, -1}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tt_plan_step step = {.kind = TT_STEP_CONV,
                             .stride_rows = 1,
                             .stride_columns = 1,
                             .in = {1, 1, 1},
                             .out = {1, 1, 1},
                             .window = {1, 1},
                             .clamp = {-128, 127}};
        tt_quantised *q = one_layer(&step, true);
        tt_layer *l = &q->layers[0];
        l->weight[0] = 1;
        REQUIRE(tt_quantise_multiplier(0.5, l->multiplier, l->shift));
        EXPECT(l->multiplier[0] == 1 << 30 && l->shift[0] == 0);
        one_layer_done(q);
        size_t length;
        uint8_t *bytes = emit(q, &length);
        tt_plan plan;
        int8_t y, graph_says;
        REQUIRE(tt_plan_open(&plan, bytes, length, NULL) == TT_OK);
        int32_t arena[8];
        REQUIRE(plan.header.arena_bytes <= sizeof(arena));
        tt_plan_run(&plan, arena, &cases[i].x, &y);
        run_graph(q, &cases[i].x, &graph_says);
        EXPECT_EQUAL(y, cases[i].y);
        EXPECT_EQUAL(graph_says, cases[i].y);
        free(bytes);
        tt_quantised_free(q);
    }
}

int main(void)
{
    check_ties();
    check_side_by_side();
    for (uint64_t seed = 0; seed < 2000; seed++)
        check(seed);
    printf("%zu elements compared\n", compared);
    EXPECT(compared > 250000);
    return test_result();
}
