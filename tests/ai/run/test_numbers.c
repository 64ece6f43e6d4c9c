// What kernels must not lose: which of equal ones, numbers that are none, sums that go on where a
// float's last place ends, logarithms of what overflows; and values that are read late.

#include "tests/ai/run/run_both.h"
#include "tutti/check.h"

// A session and a program of one graph, whose results are asked for.
typedef struct subject {
    tt_graph *graph;
    tt_session *session;
    tt_program *program;
} subject;

static subject opened(tt_graph *graph, bool reference)
{
    subject s = {graph, open_session(2, reference), NULL};
    s.program = load(s.session, graph);
    return s;
}

static void closed(subject *s)
{
    tt_session_free(s->session);
    tt_graph_free(s->graph);
}

static void expect_floats(const subject *s, uint32_t result, size_t count, const float *expected,
                          const char *what)
{
    const float *is = tt_program_result(s->program, result, NULL);
    for (size_t i = 0; i < count; i++) {
        bool same = isnan(expected[i]) ? isnan(is[i]) : is[i] == expected[i];
        EXPECT(same);
        if (!same)
            printf("%s: element %zu of result %u is %.9g, expected %.9g\n", what, i, result,
                   (double)is[i], (double)expected[i]);
    }
}

#define EXPECT_FLOATS(s, result, what, ...)                                                        \
    expect_floats(s, result, sizeof((float[]){__VA_ARGS__}) / sizeof(float),                       \
                  (float[]){__VA_ARGS__}, what)

// Windows of two rows of one channel: the first of equal ones, the first that is no number.
static void check_windows(bool reference)
{
    static const float x[] = {7, 7, NAN, NAN, 1, NAN, NAN, 2, -INFINITY, -INFINITY, 0, -0.0f};
    static const float dy[] = {1, 2, 3, 4, 5, 6};
    tt_graph *g = tt_graph_new();
    tt_value in = tt_input(g, "x", TT_TYPE(TT_F32, 1, 12, 1, 1)), gradient;
    tt_value seed = tt_input(g, "dy", TT_TYPE(TT_F32, 1, 6, 1, 1));
    const int64_t window[] = {2, 1};
    tt_value y = tt_pool_greatest(g, in, window, &(tt_windows){.stride = window});
    REQUIRE(tt_graph_gradients(g, 1, &y, &seed, 1, &in, &gradient) == TT_OK);
    tt_graph_result(g, "y", y);
    tt_graph_result(g, "gradient", gradient);
    tt_graph_result(g, "place", tt_output(y, 1));
    subject s = opened(g, reference);
    tt_program_set(s.program, "x", x);
    tt_program_set(s.program, "dy", dy);
    REQUIRE(tt_program_run(s.program, NULL) == TT_OK);
    EXPECT_FLOATS(&s, 0, "windows", 7, NAN, NAN, NAN, -INFINITY, 0);
    EXPECT_FLOATS(&s, 1, "windows", 1, 0, 2, 0, 0, 3, 4, 0, 5, 0, 6, 0);
    const int32_t *place = tt_program_result(s.program, 2, NULL);
    static const int32_t places[] = {0, 0, 1, 0, 0, 0};
    EXPECT(memcmp(place, places, sizeof(places)) == 0);
    closed(&s);
}

// The gradient of ReLU: where it gave 0 none comes back, where it gave no number all does.
static void check_relu(bool reference)
{
    static const float x[] = {NAN, 0, -0.0f, -1, 1, INFINITY, -INFINITY, 1e-30f};
    static const float dy[] = {1, 2, 3, 4, 5, 6, 7, 8};
    tt_graph *g = tt_graph_new();
    tt_value in = tt_input(g, "x", TT_TYPE(TT_F32, 8)), gradient;
    tt_value seed = tt_input(g, "dy", TT_TYPE(TT_F32, 8)), y = tt_relu(g, in);
    REQUIRE(tt_graph_gradients(g, 1, &y, &seed, 1, &in, &gradient) == TT_OK);
    tt_graph_result(g, "y", y);
    tt_graph_result(g, "gradient", gradient);
    subject s = opened(g, reference);
    tt_program_set(s.program, "x", x);
    tt_program_set(s.program, "dy", dy);
    REQUIRE(tt_program_run(s.program, NULL) == TT_OK);
    EXPECT_FLOATS(&s, 0, "relu", NAN, 0, 0, 0, 1, INFINITY, 0, 1e-30f);
    EXPECT_FLOATS(&s, 1, "relu", 1, 0, 0, 0, 5, 6, 0, 8);
    closed(&s);
}

// 2^24, and ones that a float cannot add to it one by one: down columns in one piece and in
// several, along rows, and of all.
static void check_sums(bool reference)
{
    enum { ROWS = 2000, COLUMNS = 3 };
    tt_graph *g = tt_graph_new();
    tt_value in = tt_input(g, "x", TT_TYPE(TT_F32, ROWS, COLUMNS));
    tt_value turned = tt_transpose(g, in, (int64_t[]){1, 0});
    tt_value some =
        tt_slice(g, in, (int64_t[]){0, 0}, (int64_t[]){201, COLUMNS}, (int64_t[]){1, 1});
    tt_graph_result(g, "some", tt_reduce(g, TT_OP_SUM, some, 1, (int64_t[]){0}));
    tt_graph_result(g, "columns", tt_reduce(g, TT_OP_SUM, in, 1, (int64_t[]){0}));
    tt_graph_result(g, "rows", tt_reduce(g, TT_OP_SUM, turned, 1, (int64_t[]){1}));
    tt_graph_result(g, "all", tt_reduce(g, TT_OP_SUM, in, 2, (int64_t[]){0, 1}));
    subject s = opened(g, reference);
    static float x[ROWS][COLUMNS];
    for (int row = 0; row < ROWS; row++) {
        x[row][0] = row == 0 ? 0x1p24f : row > 64 && row <= 200 ? 1 : 0; // not beside the first
        x[row][1] = row == 0 ? 0x1p24f : row >= 256 && row % 256 < 2 ? 1 : 0; // two a piece
        x[row][2] = row == 0 ? -0x1p24f : row == 1999 ? 0x1p24f : row == 700 ? 0.5f : 0;
    }
    tt_program_set(s.program, "x", x);
    REQUIRE(tt_program_run(s.program, NULL) == TT_OK);
    EXPECT_FLOATS(&s, 0, "some rows", 16777352, 16777216, -16777216);
    EXPECT_FLOATS(&s, 1, "columns", 16777352, 16777230, 0.5f);
    EXPECT_FLOATS(&s, 2, "along rows", 16777352, 16777230, 0.5f);
    EXPECT_FLOATS(&s, 3, "all", 33554582.5f);
    closed(&s);
}

// Logarithms of sums: the greatest at each place, what is infinite and none, many small ones.
static void check_log_sums(bool reference)
{
    enum { SIZE = 4, MANY = 4096 };
    static const float x[][SIZE] = {{1e30f, 0, 0, 0},
                                    {0, 1e30f, 0, 0},
                                    {0, 0, 1e30f, 0},
                                    {0, 0, 0, 1e30f},
                                    {-1e30f, -1e30f, -2e30f, -1e30f},
                                    {NAN, 1, 2, 3},
                                    {1, NAN, 2, 3},
                                    {1, 2, 3, NAN},
                                    {NAN, INFINITY, 0, 0},
                                    {INFINITY, 0, NAN, 0},
                                    {INFINITY, 0, 1, INFINITY},
                                    {-INFINITY, 3, -INFINITY, -INFINITY},
                                    {-INFINITY, -INFINITY, -INFINITY, -INFINITY},
                                    {1000, 1000, 1000, 1000}};
    tt_graph *g = tt_graph_new();
    tt_value in = tt_input(g, "x", TT_TYPE(TT_F32, TT_COUNT(x), SIZE));
    tt_value many = tt_input(g, "many", TT_TYPE(TT_F32, MANY));
    tt_graph_result(g, "y", tt_reduce(g, TT_OP_LOG_SUM_EXP, in, 1, (int64_t[]){1}));
    tt_graph_result(g, "many", tt_reduce(g, TT_OP_LOG_SUM_EXP, many, 1, (int64_t[]){0}));
    subject s = opened(g, reference);
    static float small[MANY];
    for (int i = 1; i < MANY; i++)
        small[i] = -18; // e^-18 is less than half of a float's last place at 1
    tt_program_set(s.program, "x", x);
    tt_program_set(s.program, "many", small);
    REQUIRE(tt_program_run(s.program, NULL) == TT_OK);
    EXPECT_FLOATS(&s, 0, "log sums", 1e30f, 1e30f, 1e30f, 1e30f, -1e30f, NAN, NAN, NAN, NAN, NAN,
                  INFINITY, 3, -INFINITY, (float)(1000 + log(4)));
    float is = *(const float *)tt_program_result(s.program, 1, NULL);
    double expected = log1p((MANY - 1) * exp(-18));
    EXPECT(fabs((double)is / expected - 1) <
           2e-3); // 6.2e-5, of which a sum in single floats keeps nothing
    closed(&s);
}

// What is a result or is assigned keeps its place to the end, first or last, whole or as a view.
static void check_late_reads(bool reference)
{
    enum { COUNT = 64, LAYERS = 12 };
    tt_graph *g = tt_graph_new();
    tt_type type = TT_TYPE(TT_F32, COUNT);
    tt_value x = tt_input(g, "x", type), y = x;
    tt_value kept[3] = {tt_state(g, "early", type), tt_state(g, "view", TT_TYPE(TT_F32, 8, 8)),
                        tt_state(g, "late", type)};
    tt_value early = tt_add(g, x, x), view = tt_subtract(g, x, tt_number(g, TT_F32, 1));
    tt_value result = tt_multiply(g, x, x);
    tt_graph_assign(g, kept[0], early);
    tt_graph_assign(g, kept[1], tt_reshape(g, view, 2, (int64_t[]){8, -1}));
    tt_graph_result(g, "result", result);
    tt_graph_result(g, "view", tt_reshape(g, tt_negate(g, x), 2, (int64_t[]){-1, 8}));
    for (int i = 0; i < LAYERS; i++) // each takes a place and gives it back
        y = tt_scale(g, tt_add(g, y, tt_number(g, TT_F32, 1)), 0.5);
    tt_graph_assign(g, kept[2], y);
    tt_graph_result(g, "last", y);
    subject s = opened(g, reference);
    float in[COUNT];
    for (int i = 0; i < COUNT; i++)
        in[i] = (float)i;
    tt_program_set(s.program, "x", in);
    REQUIRE(tt_program_run(s.program, NULL) == TT_OK);
    for (int i = 0; i < COUNT; i++) {
        float v = (float)i, end = v;
        for (int k = 0; k < LAYERS; k++)
            end = (end + 1) * 0.5f;
        EXPECT(((float *)tt_session_bytes(s.session, "early", NULL))[i] == v + v);
        EXPECT(((float *)tt_session_bytes(s.session, "view", NULL))[i] == v - 1);
        EXPECT(((float *)tt_session_bytes(s.session, "late", NULL))[i] == end);
        EXPECT(((const float *)tt_program_result(s.program, 0, NULL))[i] == v * v);
        EXPECT(((const float *)tt_program_result(s.program, 1, NULL))[i] == -v);
        EXPECT(((const float *)tt_program_result(s.program, 2, NULL))[i] == end);
    }
    // The arena has the results only: what is assigned and no result lies in its buffer, and a
    // layer takes the place of the one before.
    if (!reference)
        EXPECT_EQUAL(tt_program_arena_bytes(s.program), 3 * COUNT * sizeof(float));
    closed(&s);
}

static void expect_both(tt_graph *g, const char *what)
{
    if (tt_graph_status(g) != TT_OK)
        printf("%s\n", tt_graph_error(g));
    REQUIRE(tt_graph_status(g) == TT_OK);
    double worst = run_both(g, 11, false);
    EXPECT(worst <= 4e-6);
    if (!(worst <= 4e-6))
        printf("%s differs by %g\n", what, worst);
    tt_graph_free(g);
}

// So large that a piece of the batch takes several products, the last one of fewer images; a batch
// of fewer images than pieces.
static void check_large_convolutions(void)
{
    static const int64_t batches[] = {1, 3, 9};
    for (size_t i = 0; i < TT_COUNT(batches); i++) {
        tt_graph *g = tt_graph_new();
        const int64_t one[] = {1, 1};
        tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, batches[i], 16, 15, 13));
        tt_value w = tt_input(g, "w", TT_TYPE(TT_F32, 4, 3, 3, 13)), gradient[2];
        tt_value bias = tt_input(g, "bias", TT_TYPE(TT_F32, 4));
        tt_value y =
            tt_add(g, tt_conv(g, x, w, &(tt_windows){.before = one, .after = one}, 1), bias);
        tt_value loss = tt_mean_all(g, tt_multiply(g, y, y));
        REQUIRE(tt_graph_gradient(g, loss, 2, (tt_value[]){x, w}, gradient) == TT_OK);
        tt_graph_result(g, "y", y);
        tt_graph_result(g, "dx", tt_scale(g, gradient[0], 1000));
        tt_graph_result(g, "dw", gradient[1]);
        expect_both(g, "a large convolution");
    }
}

// Shared out by rows and by columns, of which the last part has fewer; each side turned or not.
static void check_large_products(void)
{
    static const int64_t sizes[][2] = {{999, 5}, {5, 999}, {130, 131}, {131, 130}};
    for (unsigned i = 0; i < 4 * TT_COUNT(sizes); i++) {
        tt_graph *g = tt_graph_new();
        int64_t m = sizes[i / 4][0], n = sizes[i / 4][1], k = 60;
        bool ta = i % 2 != 0, tb = i / 2 % 2 != 0;
        tt_value a = tt_input(g, "a", ta ? TT_TYPE(TT_F32, k, m) : TT_TYPE(TT_F32, m, k));
        tt_value b = tt_input(g, "b", tb ? TT_TYPE(TT_F32, n, k) : TT_TYPE(TT_F32, k, n));
        tt_value bias = tt_input(g, "bias", TT_TYPE(TT_F32, n));
        tt_value left = ta ? tt_transpose(g, a, (int64_t[]){1, 0}) : a;
        tt_value right = tb ? tt_transpose(g, b, (int64_t[]){1, 0}) : b;
        tt_value twice = tt_scale(g, right, 2);
        tt_graph_result(g, "y", tt_matmul(g, left, right));
        tt_graph_result(g, "with bias", tt_relu(g, tt_add(g, tt_matmul(g, left, twice), bias)));
        expect_both(g, "a large product");
    }
}

// What has no elements need not be set; what has one must be.
static void check_empty_inputs(bool reference)
{
    for (int64_t size = 0; size < 2; size++) {
        tt_graph *g = tt_graph_new();
        tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, size));
        tt_graph_result(g, "sum", tt_add(g, tt_sum_all(g, x), tt_number(g, TT_F32, 3)));
        subject s = opened(g, reference);
        EXPECT_EQUAL(tt_program_run(s.program, NULL), size == 0 ? TT_OK : TT_NOT_FOUND);
        if (size == 0)
            EXPECT_FLOATS(&s, 0, "nothing", 3);
        closed(&s);
    }
}

int main(void)
{
    check_large_convolutions();
    check_large_products();
    for (int reference = 0; reference < 2; reference++) {
        check_windows(reference != 0);
        check_relu(reference != 0);
        check_sums(reference != 0);
        check_log_sums(reference != 0);
        check_late_reads(reference != 0);
        check_empty_inputs(reference != 0);
    }
    return test_result();
}
