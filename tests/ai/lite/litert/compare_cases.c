// Compares ai/lite and the reference executor of ai/graph with the outputs of LiteRT's reference
// kernels, whole tensors, on the cases of a file that make_cases.py wrote.

#include "ai/oldgraph/primitive.h"
#include "tests/test.h"
#include "tutti/oldconvert.h"
#include "tutti/lite.h"

enum { CONV, DEPTHWISE, DENSE, DENSE_PER_CHANNEL, MAX_POOL, AVERAGE_POOL, KINDS };
static const char *const primitives[KINDS] = {"quantised_conv2d", "quantised_depthwise_conv2d",
                                              "quantised_dense",  "quantised_dense",
                                              "max_pool2d",       "quantised_average_pool2d"};

typedef struct counts {
    size_t cases, elements, lite_differs, graph_differs;
} counts;

static void read_exactly(FILE *file, void *bytes, size_t length)
{
    REQUIRE(fread(bytes, 1, length, file) == length);
}

static tt_value *weights_of(tt_graph *g, const int32_t *head, FILE *file)
{
    size_t in = (size_t)head[3], out = (size_t)head[4];
    size_t rows = (size_t)head[5], columns = (size_t)head[6];
    tt_shape shape = head[0] == CONV        ? TT_SHAPE(out, rows, columns, in)
                     : head[0] == DEPTHWISE ? TT_SHAPE(1, rows, columns, out)
                                            : TT_SHAPE(out, in);
    tt_value *weights = tt_constant(g, TT_I8, shape, NULL);
    read_exactly(file, weights->data, tt_shape_count(&shape));
    return weights;
}

// Builds the network of one operation from its case, up to the input.
static tt_quantised read_network(const int32_t *head, FILE *file)
{
    tt_quantised q = {.graph = tt_graph_new()};
    size_t out = (size_t)head[4];
    bool dense = head[0] == DENSE || head[0] == DENSE_PER_CHANNEL;
    bool pool = head[0] == MAX_POOL || head[0] == AVERAGE_POOL;
    tt_value *inputs[5];
    q.image = tt_input(q.graph, "image", TT_I8,
                       dense ? TT_SHAPE(1, (size_t)head[3])
                             : TT_SHAPE(1, (size_t)head[1], (size_t)head[2], (size_t)head[3]));
    q.image->zero_point = head[10];
    inputs[0] = q.image;
    if (!pool) {
        for (int i = 2; i < 5; i++)
            inputs[i] = tt_constant(q.graph, TT_I32, TT_SHAPE(out), NULL);
        for (size_t i = 0; i < out; i++) {
            double factor;
            read_exactly(file, &factor, sizeof(factor));
            tt_quantise_multiplier(factor, (int32_t *)inputs[3]->data + i,
                                   (int32_t *)inputs[4]->data + i);
        }
        read_exactly(file, inputs[2]->data, out * sizeof(int32_t));
        inputs[1] = weights_of(q.graph, head, file);
    }
    tt_attributes a = {.window = {(unsigned)head[5], (unsigned)head[6]},
                       .stride = {(unsigned)head[7], (unsigned)head[8]},
                       .padding = head[9] ? TT_SAME : TT_VALID,
                       .zero_point = {head[10], head[11]},
                       .clamp = {head[12], head[13]}};
    q.logits = tt_apply(q.graph, primitives[head[0]], pool ? 1 : 5, inputs, &a);
    REQUIRE(q.logits != NULL);
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
    tt_quantised q = read_network(head, file);
    size_t in = tt_shape_count(&q.image->shape), out = (size_t)head[14];
    REQUIRE(out == tt_shape_count(&q.logits->shape));
    int8_t *x = malloc(in), *expected = malloc(out), *lite = malloc(out);
    read_exactly(file, x, in);
    read_exactly(file, expected, out);

    uint8_t *bytes;
    size_t length;
    tt_plan plan;
    REQUIRE(tt_plan_emit(&q, &bytes, &length, NULL) == TT_OK);
    REQUIRE(tt_plan_open(&plan, bytes, length, NULL) == TT_OK);
    void *arena = malloc(plan.header.arena_bytes);
    tt_plan_run(&plan, arena, x, lite);
    void **data = calloc(tt_graph_count(q.graph), sizeof(void *));
    data[q.image->id] = x;
    tt_reference *run = tt_reference_run(q.graph, &q.logits, 1, data);

    counts *kind = &kinds[head[0]];
    kind->cases++;
    kind->elements += out;
    kind->lite_differs += differing(lite, expected, out);
    kind->graph_differs += differing(data[q.logits->id], expected, out);
    tt_reference_free(run);
    free(data);
    free(arena);
    free(bytes);
    free(lite);
    free(expected);
    free(x);
    tt_quantised_free(&q);
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
