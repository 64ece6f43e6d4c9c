// Sessions: what they keep, what a step does, what they refuse, and that threads change no bit.

#include <float.h>

#include "tests/ai/run/run_both.h"
#include "tutti/check.h"

#define BATCH 8

typedef struct network {
    tt_graph *graph;
    tt_value parameter[16];
    unsigned parameters;
} network;

static tt_value parameter(network *n, const char *name, tt_type type)
{
    return n->parameter[n->parameters++] = tt_parameter(n->graph, name, type);
}

static tt_value conv(network *n, const char *weights, const char *bias, tt_value x, int64_t out)
{
    int64_t in = tt_graph_type(n->graph, x)->size[3], one[2] = {1, 1};
    tt_value w = parameter(n, weights, TT_TYPE(TT_F32, out, 3, 3, in));
    tt_value b = parameter(n, bias, TT_TYPE(TT_F32, out));
    tt_windows same = {.before = one, .after = one};
    return tt_relu(n->graph, tt_add(n->graph, tt_conv(n->graph, x, w, &same, 1), b));
}

static tt_value dense(network *n, const char *weights, const char *bias, tt_value x, int64_t out)
{
    tt_value w = parameter(n, weights, TT_TYPE(TT_F32, out, tt_graph_type(n->graph, x)->size[1]));
    tt_value b = parameter(n, bias, TT_TYPE(TT_F32, out));
    tt_value turned = tt_transpose(n->graph, w, (int64_t[]){1, 0});
    return tt_add(n->graph, tt_matmul(n->graph, x, turned), b);
}

// The demonstration's kind of network, smaller, with one step of gradient descent with momentum.
static tt_graph *made_network(bool trains)
{
    network n = {.graph = tt_graph_new()};
    tt_graph *g = n.graph;
    tt_windows apart = {.stride = (int64_t[]){2, 2}};
    tt_value image = tt_input(g, "image", TT_TYPE(TT_F32, BATCH, 12, 12, 1)), gradient[16];
    tt_value label = tt_input(g, "label", TT_TYPE(TT_I32, BATCH));
    tt_value x = conv(&n, "conv1.weights", "conv1.bias", image, 4);
    x = tt_pool_greatest(g, x, (int64_t[]){2, 2}, &apart);
    x = conv(&n, "conv2.weights", "conv2.bias", x, 6);
    x = tt_pool_greatest(g, x, (int64_t[]){2, 2}, &apart);
    x = tt_reshape(g, x, 2, (int64_t[]){BATCH, -1});
    x = tt_relu(g, dense(&n, "dense1.weights", "dense1.bias", x, 8));
    x = dense(&n, "dense2.weights", "dense2.bias", x, 5);
    tt_value loss = tt_cross_entropy(g, x, label);
    tt_graph_result(g, "loss", loss);
    tt_graph_result(g, "logits", x);
    if (trains) {
        REQUIRE(tt_graph_gradient(g, loss, n.parameters, n.parameter, gradient) == TT_OK);
        for (unsigned i = 0; i < n.parameters; i++) {
            char name[32];
            snprintf(name, sizeof(name), "velocity %u", i);
            tt_value v = tt_state(g, name, *tt_graph_type(g, n.parameter[i]));
            tt_value next = tt_add(g, tt_scale(g, v, 0.9), gradient[i]);
            tt_graph_assign(g, v, next);
            tt_graph_assign(g, n.parameter[i],
                            tt_subtract(g, n.parameter[i], tt_scale(g, next, 0.02)));
        }
    }
    REQUIRE(tt_graph_status(g) == TT_OK);
    return g;
}

static void initialise(tt_session *session, const tt_graph *g)
{
    tt_random random;
    tt_random_seed(&random, 1);
    for (uint32_t i = 0; i < tt_graph_buffer_count(g); i++) {
        const tt_buffer *b = tt_graph_buffer(g, i);
        if (b->kind != TT_PARAMETER || b->type.rank == 1)
            continue;
        float *w = tt_session_bytes(session, b->name, NULL);
        fill_random(&random, &b->type, w, false);
        for (int64_t k = 0; k < tt_type_count(&b->type); k++)
            w[k] /= sqrtf((float)(tt_type_count(&b->type) / b->type.size[0]));
    }
}

static float images[BATCH * 144];
static int32_t labels[BATCH];

// Trains for `steps`, and gives the losses and a copy of one parameter.
static void train(tt_session *session, int steps, float *losses, float *weights, size_t bytes)
{
    tt_graph *g = made_network(true);
    tt_program *p = load(session, g);
    initialise(session, g);
    tt_program_set(p, "image", images);
    tt_program_set(p, "label", labels);
    for (int i = 0; i < steps; i++) {
        REQUIRE(tt_program_run(p, NULL) == TT_OK);
        losses[i] = *(const float *)tt_program_result(p, 0, NULL);
    }
    memcpy(weights, tt_session_bytes(session, "conv1.weights", NULL), bytes);
    tt_graph_free(g);
}

static void check_training(void)
{
    float losses[4][10], weights[4][36];
    for (unsigned threads = 1; threads <= 3; threads++) {
        tt_session *session = open_session(threads, false);
        train(session, 10, losses[threads - 1], weights[threads - 1], sizeof(weights[0]));
        tt_session_free(session);
        EXPECT(memcmp(losses[threads - 1], losses[0], sizeof(losses[0])) == 0);
        EXPECT(memcmp(weights[threads - 1], weights[0], sizeof(weights[0])) == 0);
    }
    tt_session *slow = open_session(1, true);
    train(slow, 10, losses[3], weights[3], sizeof(weights[3]));
    tt_session_free(slow);
    for (int i = 0; i < 10; i++)
        EXPECT(fabsf(losses[0][i] - losses[3][i]) <= 1e-5f * losses[3][i]);
    EXPECT(losses[0][9] < losses[0][0]);
}

// What belongs together is one step: else the kernels were never asked.
static void check_fusion(void)
{
    tt_session *session = open_session(1, false);
    tt_graph *g = made_network(false);
    tt_program *p = load(session, g);
    // Two convolutions and two products with their biases, for each a copy of its weights; two
    // pools, the first of which is in its convolution's chain; five of pixels and loss.
    EXPECT_EQUAL(tt_program_steps(p), 8 + 1 + 5);
    tt_program_free(p);
    tt_graph_free(g);
    g = made_network(true);
    p = load(session, g);
    EXPECT_EQUAL(tt_program_steps(p), 34);
    tt_session_free(session);
    tt_graph_free(g);
}

// Two buffers change places: both are read before either is written.
static void check_assignments(void)
{
    for (int reference = 0; reference < 2; reference++) {
        tt_session *session = open_session(1, reference != 0);
        tt_graph *g = tt_graph_new();
        tt_value a = tt_state(g, "a", TT_TYPE(TT_F32, 3)), b = tt_state(g, "b", TT_TYPE(TT_F32, 3));
        tt_value c = tt_state(g, "c", TT_TYPE(TT_F32, 3));
        tt_graph_assign(g, a, b);
        tt_graph_assign(g, b, a);
        tt_graph_assign(g, c, tt_add(g, a, b));
        tt_graph_result(g, "old a", tt_reshape(g, a, 2, (int64_t[]){3, 1}));
        tt_program *p = load(session, g);
        float *x = tt_session_bytes(session, "a", NULL), *y = tt_session_bytes(session, "b", NULL);
        float *z = tt_session_bytes(session, "c", NULL);
        x[0] = 1;
        y[0] = 2;
        REQUIRE(tt_program_run(p, NULL) == TT_OK);
        EXPECT(x[0] == 2 && y[0] == 1 && z[0] == 3);
        EXPECT(*(const float *)tt_program_result(p, 0, NULL) == 1); // as it was read
        REQUIRE(tt_program_run(p, NULL) == TT_OK);
        EXPECT(x[0] == 1 && *(const float *)tt_program_result(p, 0, NULL) == 2);
        tt_session_free(session);
        tt_graph_free(g);
    }
}

// Two programs of a session share weights; two sessions do not.
static void check_sharing(void)
{
    tt_session *one = open_session(1, false), *two = open_session(1, false);
    tt_graph *g = tt_graph_new(), *h = tt_graph_new();
    tt_graph_result(g, "y", tt_scale(g, tt_parameter(g, "w", TT_TYPE(TT_F32, 2)), 2));
    tt_value w = tt_parameter(h, "w", TT_TYPE(TT_F32, 2));
    tt_graph_assign(h, w, tt_add(h, w, tt_number(h, TT_F32, 1)));
    tt_program *reads = load(one, g), *adds = load(one, h), *other = load(two, g);
    REQUIRE(tt_program_run(adds, NULL) == TT_OK && tt_program_run(reads, NULL) == TT_OK &&
            tt_program_run(other, NULL) == TT_OK);
    EXPECT(*(const float *)tt_program_result(reads, 0, NULL) == 2);
    EXPECT(*(const float *)tt_program_result(other, 0, NULL) == 0);
    tt_graph *wrong = tt_graph_new();
    char sentence[256];
    tt_text why;
    tt_program *none;
    tt_text_init(&why, sentence, sizeof(sentence));
    tt_graph_result(wrong, "y", tt_parameter(wrong, "w", TT_TYPE(TT_F64, 2)));
    EXPECT_EQUAL(tt_session_load(one, wrong, &none, &why), TT_INVALID);
    EXPECT_TEXT(sentence, "w is f64[2], in this session it is f32[2]");
    EXPECT(none == NULL);
    tt_session_free(one);
    tt_session_free(two);
    tt_graph_free(g);
    tt_graph_free(h);
    tt_graph_free(wrong);
}

static void expect_refused(const tt_graph *g, tt_session_options options, tt_status status,
                           const char *part)
{
    char sentence[512] = "";
    tt_text why;
    tt_session *session;
    tt_program *program;
    tt_text_init(&why, sentence, sizeof(sentence));
    REQUIRE(tt_session_new(&options, &session, NULL) == TT_OK);
    tt_status came = tt_session_load(session, g, &program, &why);
    if (came == TT_OK)
        came = tt_program_run(program, &why);
    EXPECT_EQUAL(came, status);
    EXPECT(strstr(sentence, part) != NULL);
    if (strstr(sentence, part) == NULL)
        printf("'%s' does not have '%s'\n", sentence, part);
    tt_session_free(session);
}

// Who does not say which way takes it from the environment.
static void check_way(void)
{
    static const char *const told[] = {NULL, "", "fast", "reference", "Fast", "both"};
    tt_graph *g = tt_graph_new();
    tt_graph_result(g, "y", tt_exp(g, tt_input(g, "x", TT_SCALAR(TT_F32))));
    for (unsigned i = 0; i < 6; i++) {
        char sentence[128] = "";
        tt_text why;
        tt_session *session;
        tt_text_init(&why, sentence, sizeof(sentence));
        REQUIRE(told[i] != NULL ? setenv("TT_RUN", told[i], 1) == 0 : unsetenv("TT_RUN") == 0);
        EXPECT_EQUAL(tt_session_new(NULL, &session, &why), i < 4 ? TT_OK : TT_INVALID);
        EXPECT(i < 4 ||
               strstr(sentence, "', expected 'reference', 'fast', 'interpreted' or 'compiled'") !=
                   NULL);
        if (i < 4) // the reference has no steps
            EXPECT_EQUAL(tt_program_steps(load(session, g)), i == 3 ? 0 : 1);
        tt_session_free(session);
        session = open_session(1, i == 0); // who says is not asked
        EXPECT_EQUAL(tt_program_steps(load(session, g)), i == 0 ? 0 : 1);
        tt_session_free(session);
    }
    REQUIRE(unsetenv("TT_RUN") == 0);
    static const char *const isas[] = {"", "avx512", "avx2", "sse2", "nonsense", "AVX2", "plain"};
    for (size_t i = 0; i < TT_COUNT(isas); i++) { // at most what the machine has
        char sentence[100] = "";
        tt_text why;
        tt_session *session;
        tt_text_init(&why, sentence, sizeof(sentence));
        REQUIRE(setenv("TT_ISA", isas[i], 1) == 0);
        EXPECT_EQUAL(tt_session_new(NULL, &session, &why), i < 4 ? TT_OK : TT_INVALID);
        EXPECT((session != NULL) == (i < 4));
        EXPECT((strstr(sentence, "', expected 'avx512', 'avx2' or 'sse2'") != NULL) == (i >= 4));
        tt_session_free(session);
    }
    REQUIRE(unsetenv("TT_ISA") == 0);
    tt_graph_free(g);
}

static void check_refusals(void)
{
    tt_session *none;
    char sentence[128];
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    EXPECT_EQUAL(tt_session_new(&(tt_session_options){.threads = 1025}, &none, &why), TT_INVALID);
    EXPECT(none == NULL);
    EXPECT_TEXT(sentence, "the number of threads is 1025, expected at most 1024");
    EXPECT_EQUAL(tt_session_new(&(tt_session_options){.threads = 1024}, &none, NULL), TT_OK);
    tt_session_free(none);
    tt_graph *g = tt_graph_new();
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 4));
    tt_graph_result(g, "y", tt_exp(g, x));
    expect_refused(g, (tt_session_options){.threads = 1}, TT_NOT_FOUND, "'x' was not set");
    expect_refused(g, (tt_session_options){.way = TT_RUN_REFERENCE}, TT_NOT_FOUND,
                   "'x' was not set");
    expect_refused(g, (tt_session_options){.cost_max = 3}, TT_TOO_LARGE, "the limit is 3");
    expect_refused(g, (tt_session_options){.bytes_max = 10}, TT_TOO_LARGE, "the limit is 10");
    tt_graph_free(g);
    g = tt_graph_new(); // a hundred bytes of text that ask for 10^12 elements
    tt_graph_result(g, "y", tt_exp(g, tt_iota(g, TT_TYPE(TT_F32, 1000000, 1000000), 0)));
    expect_refused(g, (tt_session_options){.threads = 1}, TT_TOO_LARGE, "the limit is");
    expect_refused(g, (tt_session_options){.way = TT_RUN_REFERENCE}, TT_TOO_LARGE, "");
    tt_graph_free(g);
    g = tt_graph_new(); // so does a parameter; two share the limit
    tt_graph_result(g, "y", tt_parameter(g, "w", TT_TYPE(TT_F32, (int64_t)1 << 40)));
    expect_refused(g, (tt_session_options){.threads = 1}, TT_TOO_LARGE,
                   "takes, with what is kept, bytes of memory: ");
    tt_graph_free(g);
    g = tt_graph_new();
    tt_graph_assign(g, tt_state(g, "a", TT_TYPE(TT_F32, 100)),
                    tt_parameter(g, "w", TT_TYPE(TT_F32, 100)));
    expect_refused(g, (tt_session_options){.bytes_max = 799}, TT_TOO_LARGE,
                   "bytes of memory: 800; the limit is 799");
    tt_graph_free(g);
    g = tt_graph_new(); // 400 bytes of w, 448 of its square, in lines of 64, and the interpreter's
                        // own for each thread
    tt_value w = tt_parameter(g, "w", TT_TYPE(TT_F32, 100));
    tt_graph_result(g, "y", tt_multiply(g, w, w));
    expect_refused(g, (tt_session_options){.bytes_max = 5823, .threads = 1}, TT_TOO_LARGE,
                   "bytes of memory: 5824; the limit is 5823");
    tt_graph_free(g);
    g = tt_graph_new(); // of which only one output has a size that is known
    tt_graph_result(
        g, "y",
        tt_output(tt_apply(g, TT_OP_UNIQUE, 1, (tt_value[]){tt_input(g, "x", TT_TYPE(TT_F32, 4))},
                           1, (int64_t[]){1}),
                  2));
    expect_refused(g, (tt_session_options){.threads = 1}, TT_UNSUPPORTED, "only running tells");
    tt_graph_free(g);
    g = tt_graph_new();
    tt_add(g, tt_input(g, "x", TT_TYPE(TT_F32, 4)), tt_input(g, "z", TT_TYPE(TT_F32, 5)));
    expect_refused(g, (tt_session_options){.threads = 1}, TT_INVALID, "add: ");
    tt_graph_free(g);
}

// ---- what is kept from run to run

static float first_of(tt_program *p)
{
    REQUIRE(tt_program_run(p, NULL) == TT_OK);
    return *(const float *)tt_program_result(p, 0, NULL);
}

// The one step that copies weights; as if it had made nothing but zeros.
static void wipe_copy(tt_program *p)
{
    unsigned settled = 0;
    for (uint32_t i = 0; i < p->step_count; i++)
        if (p->steps[i].settled) {
            tt_value copy = tt_step_write(&p->steps[i], 0);
            memset((void *)(uintptr_t)tt_bytes_at(p, copy), 0,
                   tt_type_bytes(tt_graph_type(p->graph, copy)));
            settled++;
        }
    EXPECT_EQUAL(settled, 1);
}

// A copy of weights is made again where they may have changed, and only there.
static void check_settled(void)
{
    tt_session *session = open_session(1, false);
    tt_graph *g = tt_graph_new(), *h = tt_graph_new();
    tt_type type = TT_TYPE(TT_F32, 2, 3, 3, 2);
    float x[18], w[36], more[2] = {5, 6};
    for (unsigned i = 0; i < 36; i++)
        w[i] = x[i % 18] = (float)(i % 7);
    tt_value weights = tt_parameter(g, "w", type);
    tt_graph_result(g, "y",
                    tt_conv(g, tt_input(g, "x", TT_TYPE(TT_F32, 1, 3, 3, 2)), weights, NULL, 1));
    weights = tt_parameter(h, "w", type);
    tt_graph_assign(h, weights, tt_add(h, weights, weights));
    tt_program *p = load(session, g), *doubles = load(session, h);
    tt_program_set(p, "x", x);
    REQUIRE(tt_session_write(session, "w", 0, 36, w) == TT_OK);
    float y = first_of(p);
    EXPECT(y > 0 && first_of(p) == y);
    wipe_copy(p);
    EXPECT(first_of(p) == 0); // it was not made again
    REQUIRE(tt_session_write(session, "w", 0, 2, more) == TT_OK);
    EXPECT(first_of(p) == y + 5 * x[0] + 5 * x[1]); // which were 0 and 1
    REQUIRE(tt_program_run(doubles, NULL) == TT_OK);
    EXPECT(first_of(p) == 2 * (y + 5 * x[0] + 5 * x[1]));
    wipe_copy(p);
    REQUIRE(tt_program_run(doubles, NULL) == TT_OK);
    EXPECT(first_of(p) == 4 * (y + 5 * x[0] + 5 * x[1]));
    float *lent = tt_session_bytes(session, "w", NULL);
    for (unsigned i = 0; i < 3; i++) {
        memset(lent, 0, sizeof(w));
        lent[1] = (float)i;
        EXPECT(first_of(p) == (float)i * x[1]); // nobody said that it changed
    }
    EXPECT_EQUAL(tt_session_write(session, "v", 0, 1, w), TT_NOT_FOUND);
    EXPECT_EQUAL(tt_session_write(session, "w", 36, 1, w), TT_INVALID);
    EXPECT_EQUAL(tt_session_write(session, "w", -1, 1, w), TT_INVALID);
    EXPECT_EQUAL(tt_session_write(session, "w", 1, INT64_MAX, w), TT_INVALID);
    EXPECT_EQUAL(tt_session_write(session, "w", 36, 0, NULL), TT_OK);
    EXPECT(tt_session_read(session, "v", NULL) == NULL &&
           tt_session_read(session, "w", &type) == lent && type.size[1] == 3);
    tt_session_free(session);
    tt_graph_free(g);
    tt_graph_free(h);
}

// A copy of weights that the program assigns itself is made in each run.
static void check_own_weights(void)
{
    tt_session *session = open_session(1, false);
    tt_graph *g = tt_graph_new();
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 1, 8, 8, 3));
    tt_value w = tt_parameter(g, "w", TT_TYPE(TT_F32, 5, 3, 3, 3));
    float image[8 * 8 * 3], ones[5 * 3 * 3 * 3];
    tt_graph_result(g, "y", tt_conv(g, x, w, NULL, 1));
    tt_graph_assign(g, w, tt_scale(g, w, 2));
    REQUIRE(tt_graph_status(g) == TT_OK);
    for (unsigned i = 0; i < sizeof(image) / sizeof(image[0]); i++)
        image[i] = 1;
    for (unsigned i = 0; i < sizeof(ones) / sizeof(ones[0]); i++)
        ones[i] = 1;
    tt_program *p = load(session, g);
    REQUIRE(tt_session_write(session, "w", 0, sizeof(ones) / sizeof(ones[0]), ones) == TT_OK);
    REQUIRE(tt_program_set(p, "x", image) == TT_OK);
    for (unsigned run = 0; run < 4; run++) {
        REQUIRE(tt_program_run(p, NULL) == TT_OK);
        EXPECT(*(const float *)tt_program_result(p, 0, NULL) == (float)(27u << run));
    }
    tt_session_free(session);
    tt_graph_free(g);
}

// A program that assigns one parameter keeps what it made of another; what is large is made anew.
static void check_settled_in_training(void)
{
    for (unsigned large = 0; large < 2; large++) {
        tt_session *session;
        REQUIRE(
            tt_session_new(&(tt_session_options){.threads = 1, .bytes_max = large > 0 ? 12000 : 0},
                           &session, NULL) == TT_OK);
        tt_graph *g = tt_graph_new();
        tt_value frozen = tt_parameter(g, "w", TT_TYPE(TT_F32, 20, 5, 5, 1));
        tt_value bias = tt_parameter(g, "b", TT_TYPE(TT_F32, 20));
        tt_value y = tt_conv(g, tt_input(g, "x", TT_TYPE(TT_F32, 1, 5, 5, 1)), frozen, NULL, 1);
        tt_graph_assign(g, bias, tt_add(g, bias, tt_reshape(g, y, 1, (int64_t[]){20})));
        tt_program *p = load(session, g);
        float x[25] = {1}, w[500] = {3};
        tt_program_set(p, "x", x);
        REQUIRE(tt_session_write(session, "w", 0, 500, w) == TT_OK);
        for (unsigned i = 1; i < 4; i++) {
            REQUIRE(tt_program_run(p, NULL) == TT_OK);
            EXPECT(*(const float *)tt_session_read(session, "b", NULL) == 3 * (float)i);
        }
        unsigned settled = 0;
        for (uint32_t i = 0; i < p->step_count; i++)
            settled += p->steps[i].settled;
        EXPECT_EQUAL(settled, 1 - large);
        if (large == 0) {
            wipe_copy(p);
            REQUIRE(tt_program_run(p, NULL) == TT_OK);
            EXPECT(*(const float *)tt_session_read(session, "b", NULL) == 9);
        }
        tt_session_free(session);
        tt_graph_free(g);
    }
}

// An index outside ends the run with the node's name, and nothing is assigned.
static void check_index(void)
{
    tt_session *session = open_session(1, false);
    tt_graph *g = tt_graph_new();
    tt_value i = tt_input(g, "i", TT_TYPE(TT_I32, 2));
    tt_value s = tt_state(g, "s", TT_TYPE(TT_F32, 2)), table = tt_input(g, "t", TT_TYPE(TT_F32, 3));
    tt_graph_at(g, "embedding", "line 7");
    tt_graph_assign(g, s, tt_gather(g, table, i, 0));
    tt_program *p = load(session, g);
    char sentence[256];
    tt_text why;
    float *kept = tt_session_bytes(session, "s", NULL);
    kept[0] = 5;
    tt_program_set(p, "i", (int32_t[]){0, 3});
    tt_program_set(p, "t", (float[]){1, 2, 3});
    EXPECT_EQUAL(tt_program_set(p, "s", NULL), TT_NOT_FOUND);
    EXPECT_EQUAL(tt_program_set(p, "nothing", NULL), TT_NOT_FOUND);
    tt_text_init(&why, sentence, sizeof(sentence));
    EXPECT_EQUAL(tt_program_run(p, &why), TT_INVALID);
    EXPECT_TEXT(sentence, "gather (embedding, line 7): index 3 is outside axis 0 of f32[3]");
    EXPECT(kept[0] == 5);
    tt_program_set(p, "i", (int32_t[]){2, 0});
    EXPECT_EQUAL(tt_program_run(p, &why), TT_OK);
    EXPECT(kept[0] == 3 && kept[1] == 1);
    tt_session_free(session);
    tt_graph_free(g);
}

// Denormals are zero while a program runs, and the caller's own again behind it.
static void check_denormals(void)
{
    volatile float least = FLT_MIN;
    tt_session *session = open_session(2, false);
    tt_graph *g = tt_graph_new();
    tt_graph_result(g, "y", tt_scale(g, tt_input(g, "x", TT_TYPE(TT_F32, 40000)), 0.5));
    tt_program *p = load(session, g);
    float *x = malloc(40000 * sizeof(float));
    for (int i = 0; i < 40000; i++)
        x[i] = FLT_MIN;
    tt_program_set(p, "x", x);
    REQUIRE(tt_program_run(p, NULL) == TT_OK);
#if defined(__x86_64__)
    const float *y = tt_program_result(p, 0, NULL);
    unsigned kept = 0; // by whichever thread
    for (int i = 0; i < 40000; i++)
        kept += y[i] != 0;
    EXPECT_EQUAL(kept, 0);
#endif
    EXPECT(least / 2 > 0);
    tt_session_free(session);
    tt_graph_free(g);
    free(x);
}

// What is stopped stays so when the graph is simplified first: d(stop(x) x) = stop(x) dx. It takes
// no step, and may be a result or be assigned.
static void check_stop(void)
{
    tt_session *session = open_session(1, false);
    tt_graph *g = tt_graph_new();
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 2)), s = tt_state(g, "s", TT_TYPE(TT_F32, 2));
    tt_graph_result(g, "loss", tt_sum_all(g, tt_multiply(g, tt_stop(g, x), x)));
    tt_graph_result(g, "stopped", tt_stop(g, x));
    tt_graph_assign(g, s, tt_stop(g, x));
    tt_graph *simple = tt_graph_simplify(g);
    tt_value gradient, to = tt_graph_find(simple, "x");
    REQUIRE(tt_graph_gradient(simple, tt_graph_result_at(simple, 0)->value, 1, &to, &gradient) ==
            TT_OK);
    tt_graph_result(simple, "gradient", gradient);
    tt_program *p = load(session, simple);
    tt_program_set(p, "x", (float[]){3, 5});
    REQUIRE(tt_program_run(p, NULL) == TT_OK);
    EXPECT(((const float *)tt_program_result(p, 1, NULL))[1] == 5);
    EXPECT(((const float *)tt_program_result(p, 2, NULL))[0] == 3); // not 6
    EXPECT(((const float *)tt_session_bytes(session, "s", NULL))[1] == 5);
    tt_session_free(session);
    tt_graph_free(simple);
    tt_graph_free(g);
}

// Sums do not end where a float's last place is 1.
static void check_long_sums(void)
{
    tt_session *session = open_session(1, false);
    tt_graph *g = tt_graph_new();
    int64_t many = (int64_t)1 << 25;
    tt_value one = tt_input(g, "one", TT_TYPE(TT_F32, 1));
    tt_graph_result(g, "mean", tt_mean_all(g, tt_broadcast(g, one, 1, &many)));
    tt_program *p = load(session, g);
    tt_program_set(p, "one", (float[]){1});
    REQUIRE(tt_program_run(p, NULL) == TT_OK);
    EXPECT(*(const float *)tt_program_result(p, 0, NULL) == 1);
    tt_session_free(session);
    tt_graph_free(g);
}

int main(void)
{
    tt_random random;
    tt_type type = TT_TYPE(TT_F32, BATCH * 144);
    tt_random_seed(&random, 2);
    fill_random(&random, &type, images, false);
    for (int i = 0; i < BATCH; i++)
        labels[i] = (int32_t)tt_random_below(&random, 5);
    check_training();
    check_fusion();
    check_assignments();
    check_sharing();
    check_way();
    check_settled();
    check_own_weights();
    check_settled_in_training();
    check_refusals();
    check_index();
    check_denormals();
    check_long_sums();
    check_stop();
    return test_result();
}
