// Compares ai/lite and the integer graph of ai/convert with the outputs of LiteRT's reference
// kernels, whole tensors, on the cases of a file that make_cases.py wrote.

#include "tests/ai/lite/one_layer.h"

enum { CONV, DEPTHWISE, DENSE, DENSE_PER_CHANNEL, MAX_POOL, AVERAGE_POOL, KINDS };

typedef struct counts {
    size_t cases, elements, lite_differs, graph_differs;
} counts;

static void read_exactly(FILE *file, void *bytes, size_t length)
{
    REQUIRE(fread(bytes, 1, length, file) == length);
}

// A case's step; what each number of the head is stands in make_cases.py.
static tt_plan_step step_of(const int32_t *head)
{
    static const uint8_t kinds[KINDS] = {TT_STEP_CONV, TT_STEP_DEPTHWISE, TT_STEP_CONV,
                                         TT_STEP_CONV, TT_STEP_MAX_POOL,  TT_STEP_AVERAGE_POOL};
    tt_plan_step s = {.kind = kinds[head[0]],
                      .stride_rows = (uint8_t)head[7],
                      .stride_columns = (uint8_t)head[8],
                      .in = {(uint16_t)head[1], (uint16_t)head[2], (uint16_t)head[3]},
                      .out = {0, 0, (uint16_t)head[4]},
                      .window = {(uint16_t)head[5], (uint16_t)head[6]},
                      .input_zero_point = head[10],
                      .output_zero_point = head[11],
                      .clamp = {head[12], head[13]}};
    int64_t window[2] = {head[5], head[6]}, stride[2] = {head[7], head[8]};
    int64_t before[2] = {0, 0}, after[2] = {0, 0};
    if (head[9])
        tt_same_padding(&TT_TYPE(TT_I8, 1, head[1], head[2], head[3]), window, stride, before,
                        after);
    for (int i = 0; i < 2; i++) {
        s.before[i] = (uint16_t)before[i];
        s.out[i] = (uint16_t)((s.in[i] + before[i] + after[i] - window[i]) / stride[i] + 1);
    }
    return s;
}

// Builds the network of one operation from its case, up to the input.
static tt_quantised *read_network(const int32_t *head, FILE *file)
{
    tt_plan_step step = step_of(head);
    tt_quantised *q = one_layer(&step, head[0] == DENSE || head[0] == DENSE_PER_CHANNEL);
    tt_layer *l = &q->layers[0];
    if (l->weight != NULL) {
        for (size_t i = 0; i < step.out[2]; i++) {
            double factor;
            read_exactly(file, &factor, sizeof(factor));
            REQUIRE(tt_quantise_multiplier(factor, &l->multiplier[i], &l->shift[i]));
        }
        read_exactly(file, l->bias_sum, step.out[2] * sizeof(int32_t));
        read_exactly(file, l->weight, step.out[2] * (size_t)l->taps);
    }
    one_layer_done(q);
    return q;
}

static size_t differing(const int8_t *a, const int8_t *b, size_t count)
{
    size_t differ = 0;
    for (size_t i = 0; i < count; i++)
        differ += a[i] != b[i];
    return differ;
}

static bool compare_next(FILE *file, counts *kinds)
{
    int32_t head[15];
    if (fread(head, sizeof(head), 1, file) != 1)
        return false;
    REQUIRE(head[0] >= 0 && head[0] < KINDS);
    tt_quantised *q = read_network(head, file);
    size_t in = (size_t)tt_type_count(&q->input), out = (size_t)head[14];
    REQUIRE(out == (size_t)tt_type_count(&q->result));
    int8_t *x = malloc(in), *expected = malloc(out), *lite = malloc(out), *graph = malloc(out);
    read_exactly(file, x, in);
    read_exactly(file, expected, out);

    size_t length;
    uint8_t *bytes = emit(q, &length);
    tt_plan plan;
    REQUIRE(tt_plan_open(&plan, bytes, length, NULL) == TT_OK);
    void *arena = malloc(plan.header.arena_bytes);
    tt_plan_run(&plan, arena, x, lite);
    run_graph(q, x, graph);

    counts *kind = &kinds[head[0]];
    kind->cases++;
    kind->elements += out;
    kind->lite_differs += differing(lite, expected, out);
    kind->graph_differs += differing(graph, expected, out);
    free(arena);
    free(graph);
    free(bytes);
    free(lite);
    free(expected);
    free(x);
    tt_quantised_free(q);
    return true;
}

int main(int argc, char **argv)
{
    counts kinds[KINDS] = {0};
    static const char *const names[KINDS] = {"convolution",        "depthwise", "dense, per tensor",
                                             "dense, per channel", "max pool",  "average pool"};
    REQUIRE(argc == 2);
    FILE *file = fopen(argv[1], "rb");
    REQUIRE(file != NULL);
    while (compare_next(file, kinds)) {
    }
    fclose(file);
    for (int i = 0; i < KINDS; i++) {
        printf("%-18s %4zu cases, %7zu elements: %zu differ in ai/lite, %zu in ai/graph\n",
               names[i], kinds[i].cases, kinds[i].elements, kinds[i].lite_differs,
               kinds[i].graph_differs);
        EXPECT(kinds[i].cases > 0);
        EXPECT_EQUAL(kinds[i].lite_differs, 0);
        EXPECT_EQUAL(kinds[i].graph_differs, 0);
    }
    return test_result();
}
