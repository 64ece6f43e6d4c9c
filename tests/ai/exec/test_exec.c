// The executor against the reference: the same graphs, values and gradients, on random shapes; and
// the pool of threads.

#include <math.h>
#include <stdatomic.h>
#include <time.h>

#include "tests/test.h"
#include "tutti/exec.h"
#include "tutti/random.h"

static float uniform(tt_random *random)
{
    return (float)(tt_random_u64(random) >> 40) / 8388608.0f - 1;
}

static void fill(tt_random *random, float *data, size_t count)
{
    for (size_t i = 0; i < count; i++)
        data[i] = uniform(random);
}

// A network with everything that is fused or has a fast kernel, of random sizes.
static void test_network(uint64_t seed)
{
    tt_random r;
    tt_random_seed(&r, seed);
    size_t batch = 1 + tt_random_below(&r, 3), size = 5 + tt_random_below(&r, 8);
    size_t in = 1 + tt_random_below(&r, 3), out = 1 + tt_random_below(&r, 9);
    size_t window = 1 + tt_random_below(&r, 4);
    unsigned stride = 1 + (unsigned)tt_random_below(&r, 2);
    tt_padding padding = (tt_padding)tt_random_below(&r, 2);
    tt_graph *g = tt_graph_new();
    tt_value *x = tt_input(g, "x", TT_F32, TT_SHAPE(batch, size, size, in));
    tt_value *labels = tt_input(g, "labels", TT_I32, TT_SHAPE(batch));
    tt_value *parameters[] = {
        tt_parameter(g, "w1", TT_SHAPE(out, window, window, in)),
        tt_parameter(g, "b1", TT_SHAPE(out)),
        tt_parameter(g, "w2", TT_SHAPE(4, 3, 3, out)),
        NULL,
        tt_parameter(g, "b3", TT_SHAPE(5)),
    };
    tt_value *y = tt_relu(tt_bias_add(tt_conv2d(x, parameters[0], stride, padding), parameters[1]));
    y = tt_max_pool2d(y, 2, 2, TT_SAME);
    y = tt_relu(tt_conv2d(y, parameters[2], 1, TT_SAME)); // relu without bias: not fused
    size_t flat = tt_shape_count(&y->shape) / batch;
    y = tt_reshape(y, TT_SHAPE(batch, flat));
    parameters[3] = tt_parameter(g, "w3", TT_SHAPE(5, flat));
    y = tt_bias_add(tt_matmul(y, parameters[3], false, true), parameters[4]);
    tt_value *outputs[7] = {y, tt_softmax_cross_entropy(y, labels)};
    EXPECT_EQUAL(tt_graph_gradient(g, outputs[1], parameters, 5, outputs + 2), TT_OK);
    EXPECT_TEXT(tt_graph_error(g), "");

    for (int i = 0; i < 5; i++)
        fill(&r, parameters[i]->data, tt_shape_count(&parameters[i]->shape));
    float *image = calloc(tt_shape_count(&x->shape), sizeof(float));
    int32_t label[3];
    fill(&r, image, tt_shape_count(&x->shape));
    for (size_t i = 0; i < batch; i++)
        label[i] = (int32_t)tt_random_below(&r, 5);

    tt_executor *e = tt_executor_new(g, outputs, 7);
    tt_executor_set(e, x, image);
    tt_executor_set(e, labels, label);
    tt_executor_run(e);
    tt_executor_run(e); // again in the same arena: nothing may be left over
    void **data = calloc(tt_graph_count(g), sizeof(void *));
    data[x->id] = image;
    data[labels->id] = label;
    tt_reference *reference = tt_reference_run(g, outputs, 7, data);
    for (int i = 0; i < 7; i++) {
        const float *fast = tt_executor_get(e, outputs[i]), *slow = data[outputs[i]->id];
        for (size_t k = 0; k < tt_shape_count(&outputs[i]->shape); k++)
            EXPECT(fabsf(fast[k] - slow[k]) <= 1e-4f * (1 + fabsf(slow[k])));
    }
    tt_reference_free(reference);
    free(data);
    free(image);
    tt_executor_free(e);
    tt_graph_free(g);
}

static void test_arena(void)
{
    tt_graph *g = tt_graph_new();
    tt_value *x = tt_input(g, "x", TT_F32, TT_SHAPE(1024)), *y = x;
    for (int i = 0; i < 20; i++)
        y = tt_exp(y);
    tt_executor *e = tt_executor_new(g, &y, 1);
    EXPECT_EQUAL(tt_executor_arena_bytes(e), 2 * 4096); // a chain needs two places, not twenty
    EXPECT_EQUAL(tt_executor_steps(e), 20);
    tt_executor_free(e);
    tt_graph_free(g);
}

// Computes `output` from `x` (also named so) with both executors; they must agree.
static void expect_agreement(tt_graph *g, tt_value *x, tt_value *output, const float *elements)
{
    EXPECT_TEXT(tt_graph_error(g), "");
    tt_executor *e = tt_executor_new(g, &output, 1);
    tt_executor_set(e, x, elements);
    tt_executor_run(e);
    void **data = calloc(tt_graph_count(g), sizeof(void *));
    data[x->id] = (void *)elements;
    tt_reference *reference = tt_reference_run(g, &output, 1, data);
    const float *fast = tt_executor_get(e, output), *slow = data[output->id];
    for (size_t k = 0; k < tt_shape_count(&output->shape); k++)
        EXPECT(fabsf(fast[k] - slow[k]) <= 1e-4f * (1 + fabsf(slow[k])));
    tt_reference_free(reference);
    free(data);
    tt_executor_free(e);
    tt_graph_free(g);
}

// A bias that is itself computed, and used once more before: its place must be kept until the fused
// step has read it.
static void test_computed_bias(void)
{
    tt_graph *g = tt_graph_new();
    tt_value *x = tt_input(g, "x", TT_F32, TT_SHAPE(4, 4));
    tt_value *bias = tt_exp(tt_reshape(tt_sum_to(x, TT_SHAPE(1, 4)), TT_SHAPE(4)));
    tt_value *used = tt_scale(bias, 2); // the last use but the fused one
    tt_value *other = tt_exp(tt_exp(used));
    tt_value *y = tt_relu(tt_bias_add(tt_matmul(x, x, false, false), bias));
    y = tt_bias_add(y, other);
    float elements[16];
    for (int i = 0; i < 16; i++)
        elements[i] = (float)i / 16 - 0.5f;
    expect_agreement(g, x, y, elements);
}

// Windows whose size overflows, and windows that a convolution ignores.
static void test_large_windows(void)
{
    float elements[100];
    for (int i = 0; i < 100; i++)
        elements[i] = (float)(i * 37 % 100);
    tt_graph *g = tt_graph_new();
    tt_value *x = tt_input(g, "x", TT_F32, TT_SHAPE(1, 10, 10, 1));
    expect_agreement(g, x, tt_max_pool2d(x, 65536, 1, TT_SAME), elements);
    g = tt_graph_new();
    x = tt_input(g, "x", TT_F32, TT_SHAPE(1, 10, 10, 1));
    tt_value *w = tt_constant(g, TT_F32, TT_SHAPE(1, 1, 1, 1), &(float){2});
    tt_value *b = tt_constant(g, TT_F32, TT_SHAPE(1), &(float){3});
    tt_value *y = tt_apply(g, "conv2d", 2, (tt_value *[]){x, w},
                           &(tt_attributes){.stride = {1, 1}, .window = {9, 9}});
    expect_agreement(g, x, tt_bias_add(y, b), elements);
}

#if defined(__x86_64__)
static atomic_uint denormals_kept;

static void multiply_small(void *context, size_t i)
{
    (void)context, (void)i;
    volatile float small = 1e-30f, product = small * 1e-10f;
    if (product != 0)
        atomic_fetch_add(&denormals_kept, 1);
    struct timespec moment = {.tv_nsec = 1000000}; // so that every thread gets some
    nanosleep(&moment, NULL);
}

static void test_denormals(void)
{
    tt_pool *pool = tt_pool_new(3);
    tt_pool_run(pool, 60, multiply_small, NULL);
    tt_pool_free(pool);
    EXPECT_EQUAL(atomic_load(&denormals_kept), 0); // of the workers and of the caller
}
#else
static void test_denormals(void)
{
}
#endif

static atomic_uint counts[1000];

static void count_piece(void *context, size_t i)
{
    (void)context;
    atomic_fetch_add(&counts[i], 1);
}

static void test_pool(void)
{
    tt_pool *pool = tt_pool_new(4);
    for (int round = 0; round < 50; round++)
        tt_pool_run(pool, 1000, count_piece, NULL);
    tt_pool_run(pool, 0, count_piece, NULL);
    tt_pool_free(pool);
    for (int i = 0; i < 1000; i++)
        EXPECT_EQUAL(atomic_load(&counts[i]), 50);
}

// What failed to be built is no executor, and neither is another graph's; a chain may be as long as
// memory allows.
static void test_misuse(void)
{
    tt_graph *g = tt_graph_new(), *other = tt_graph_new();
    tt_value *x = tt_input(g, "x", TT_F32, TT_SHAPE(2)), *y = x;
    tt_value *outputs[2] = {x, NULL};
    EXPECT(tt_executor_new(g, outputs, 2) == NULL);
    EXPECT(tt_executor_new(other, &x, 1) == NULL);
    tt_executor_free(NULL);
    tt_pool_free(NULL);
    for (int i = 0; i < 200000; i++)
        y = tt_reshape(y, TT_SHAPE(2));
    tt_executor *e = tt_executor_new(g, &y, 1);
    float data[2] = {1, 2};
    tt_executor_set(e, x, data);
    tt_executor_run(e);
    EXPECT(tt_executor_get(e, y) == data);
    tt_executor_free(e);
    tt_graph_free(other);
    tt_graph_free(g);
}

int main(void)
{
    test_misuse();
    for (uint64_t seed = 0; seed < 60; seed++)
        test_network(seed);
    test_arena();
    test_computed_bias();
    test_large_windows();
    test_denormals();
    test_pool();
    return test_result();
}
