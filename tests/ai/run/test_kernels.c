// Each step against the reference, over random shapes from a seed; the last line of a failure
// gives the graph.

#include "tests/ai/run/run_both.h"

static const char *const gradients[] = {"gradient 0", "gradient 1", "gradient 2"};

static tt_random numbers;

static int64_t below(int64_t limit)
{
    return (int64_t)tt_random_below(&numbers, (uint64_t)limit);
}

static void check(tt_graph *graph, double bound, bool special)
{
    if (tt_graph_status(graph) != TT_OK)
        printf("%s\n", tt_graph_error(graph));
    REQUIRE(tt_graph_status(graph) == TT_OK);
    double worst = run_both(graph, tt_random_u64(&numbers), special);
    EXPECT(worst <= bound);
    if (!(worst <= bound)) {
        char *text = tt_graph_print(graph);
        printf("differs by %g:\n%s\n", worst, text);
        free(text);
    }
    tt_graph_free(graph);
}

static tt_type random_type(tt_element element, unsigned rank_max, int64_t size_max)
{
    tt_type type = TT_SCALAR(element);
    type.rank = (uint8_t)below(rank_max + 1);
    for (unsigned i = 0; i < type.rank; i++)
        type.size[i] = below(8) == 0 ? 1 : below(size_max + 1);
    return type;
}

// The same shape with some axes of size 1 and some leading ones left out.
static tt_type repeated(tt_type type)
{
    unsigned drop = below(3) == 0 && type.rank > 0 ? (unsigned)below(type.rank + 1) : 0;
    tt_type result = TT_SCALAR((tt_element)type.element);
    result.rank = (uint8_t)(type.rank - drop);
    for (unsigned i = 0; i < result.rank; i++)
        result.size[i] = below(3) == 0 ? 1 : type.size[i + drop];
    return result;
}

static void check_elementwise(void)
{
    for (int op = TT_OP_NEGATE; op <= TT_OP_SELECT; op++)
        for (int i = 0; i < 12; i++) {
            tt_graph *g = tt_graph_new();
            tt_element element = i % 4 == 3 ? TT_F64 : TT_F32;
            if (op == TT_OP_NOT || (op >= TT_OP_AND && op <= TT_OP_SHIFT_RIGHT))
                element = TT_I32;
            tt_type type = random_type(element, 4, 6), condition = repeated(type);
            condition.element = TT_BOOL;
            tt_value a = tt_input(g, "a", below(2) == 0 ? type : repeated(type));
            tt_value b = tt_input(g, "b", below(2) == 0 ? type : repeated(type));
            tt_value c = tt_input(g, "c", condition);
            tt_graph_result(g, "y",
                            op == TT_OP_SELECT  ? tt_select(g, c, a, b)
                            : op <= TT_OP_ROUND ? tt_unary(g, (tt_op)op, a)
                                                : tt_binary(g, (tt_op)op, a, b));
            check(g, 2e-7, true);
        }
}

static void random_windows(const int64_t *size, const int64_t *window, unsigned axes, bool spreads,
                           int64_t lists[5][2])
{
    for (unsigned i = 0; i < axes; i++) {
        lists[0][i] = 1 + below(3);
        lists[1][i] = 1 + below(2);
        lists[2][i] = spreads && below(3) == 0 ? 1 + below(3) : 1;
        lists[3][i] = below(2) == 0 ? 0 : below(4) - 1;
        int64_t reach = (window[i] - 1) * lists[1][i] + 1;
        int64_t spread = (size[i] - 1) * lists[2][i] + 1;
        lists[4][i] = below(4) - 1;
        if (spread + lists[3][i] + lists[4][i] < reach) // at least one window
            lists[4][i] = reach - spread - lists[3][i];
    }
}

static tt_windows windows_of(int64_t lists[5][2])
{
    return (tt_windows){lists[0], lists[1], lists[2], lists[3], lists[4]};
}

// Convolution with bias and ReLU, and both its gradients.
static void check_conv(void)
{
    for (int i = 0; i < 200; i++) {
        tt_graph *g = tt_graph_new();
        unsigned axes = 1 + (unsigned)below(2);
        bool wide = i % 6 == 0; // runs that are copied at once, more images than pieces
        int64_t groups = 1 + below(4) / 3, share = 1 + below(wide ? 24 : 3);
        int64_t out = groups * (1 + below(3));
        int64_t lists[5][2];
        tt_type x = {.element = TT_F32, .rank = (uint8_t)(axes + 2)}, w = x;
        x.size[0] = 1 + below(wide ? 19 : 6);
        w.size[0] = out;
        for (unsigned axis = 0; axis < axes; axis++) {
            x.size[1 + axis] = 1 + below(7);
            w.size[1 + axis] = 1 + below(3);
        }
        x.size[axes + 1] = groups * share;
        w.size[axes + 1] = share;
        random_windows(x.size + 1, w.size + 1, axes, true, lists);
        tt_windows windows = windows_of(lists);
        tt_value in = tt_input(g, "x", x), weights = tt_input(g, "w", w), gradient[3];
        tt_value bias = tt_input(g, "b", TT_TYPE(TT_F32, out));
        tt_value y = tt_add(g, tt_conv(g, in, weights, &windows, groups), bias);
        if (below(3) > 0)
            y = tt_relu(g, y);
        tt_value loss = tt_sum_all(g, tt_multiply(g, y, y));
        REQUIRE(tt_graph_status(g) == TT_OK);
        REQUIRE(tt_graph_gradient(g, loss, 3, (tt_value[]){in, weights, bias}, gradient) == TT_OK);
        tt_graph_result(g, "y", y);
        for (int k = 0; k < 3; k++)
            tt_graph_result(g, gradients[k], gradient[k]);
        check(g, 2e-6, false);
    }
}

// Images so large that a piece of the batch is done in several rounds, the last one not full.
static void check_large_conv(void)
{
    tt_graph *g = tt_graph_new();
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 9, 1200, 8)), gradient;
    tt_value w = tt_input(g, "w", TT_TYPE(TT_F32, 2, 3, 8));
    tt_value y = tt_conv(g, x, w, &(tt_windows){.before = (int64_t[]){1}}, 1);
    tt_value loss = tt_sum_all(g, tt_multiply(g, y, y));
    REQUIRE(tt_graph_gradient(g, loss, 1, &w, &gradient) == TT_OK);
    tt_graph_result(g, "y", y);
    tt_graph_result(g, "gradient", gradient);
    check(g, 2e-6, false);
}

// Windows so far apart that what lies between would fill any memory are the reference's.
static void check_far_conv(void)
{
    for (int shift = 8; shift < 40; shift += 9) {
        tt_graph *g = tt_graph_new();
        int64_t far = (int64_t)1 << shift;
        tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 2, 3, 1));
        tt_value w = tt_input(g, "w", TT_TYPE(TT_F32, 2, 2, 1));
        tt_windows windows = {.stride = &far, .before = &far, .after = &far};
        tt_graph_result(g, "y", tt_conv(g, x, w, &windows, 1));
        check(g, 1e-6, false);
    }
}

// Pixels apart, of which windows see no more than the image has rows: it is still not bare.
static void check_spread_conv(void)
{
    for (int axis = 0; axis < 2; axis++) {
        tt_graph *g = tt_graph_new();
        int64_t spread[2] = {1, 1}, after[2] = {0, 0};
        spread[axis] = 2;
        after[axis] = -3;
        tt_windows windows = {.spread = spread, .after = after};
        tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 2, 4, 4, 2));
        tt_value w = tt_input(g, "w", TT_TYPE(TT_F32, 3, 2, 2, 2));
        tt_graph_result(g, "y", tt_conv(g, x, w, &windows, 1));
        check(g, 1e-6, false);
    }
}

static void check_pools(void)
{
    for (int i = 0; i < 60; i++) {
        tt_graph *g = tt_graph_new();
        int64_t lists[5][2], window[2] = {1 + below(3), 1 + below(3)};
        tt_type x = TT_TYPE(TT_F32, 1 + below(4), 1 + below(7), 1 + below(7), 1 + below(5));
        random_windows(x.size + 1, window, 2, false, lists);
        for (int axis = 0; i % 2 == 0 && axis < 2; axis++) { // tiles, or nearly
            int64_t stride = 1 + (window[axis] + below(4) / 3) % 3;
            lists[0][axis] = i % 4 == 0 ? window[axis] : stride;
            lists[1][axis] = 1;
            lists[3][axis] = 0;
            x.size[1 + axis] = lists[0][axis] * (1 + below(3));
            lists[4][axis] = window[axis] - lists[0][axis];
            if (i % 8 == 0 && axis == 0) // a row that no window sees
                lists[4][axis]--;
        }
        tt_windows windows = windows_of(lists);
        tt_value in = tt_input(g, "x", x), gradient;
        tt_value seen_by_pool = i % 3 == 0 ? in : tt_relu(g, in);
        tt_value y = tt_pool_greatest(g, seen_by_pool, window, &windows), place = tt_output(y, 1);
        // Where all is padding the greatest is -infinity, whose square would hide the rest.
        tt_value seen =
            tt_select(g, tt_equal(g, place, tt_number(g, TT_I32, -1)), tt_number(g, TT_F32, 0), y);
        tt_value loss = tt_sum_all(g, tt_multiply(g, seen, seen));
        REQUIRE(tt_graph_gradient(g, loss, 1, &in, &gradient) == TT_OK);
        tt_graph_result(g, "y", y);
        tt_graph_result(g, "place", place);
        tt_graph_result(g, "gradient", gradient);
        check(g, 1e-6, i % 2 == 0);
    }
}

// The least number there is is still somewhere.
static void check_pool_of_infinity(void)
{
    tt_session *session = open_session(1, false);
    tt_graph *g = tt_graph_new();
    float x[4] = {-INFINITY, -INFINITY, -INFINITY, -INFINITY};
    tt_value in = tt_input(g, "x", TT_TYPE(TT_F32, 1, 2, 2, 1));
    tt_value y = tt_pool_greatest(g, in, (int64_t[]){1, 2}, &(tt_windows){.stride = NULL});
    tt_graph_result(g, "place", tt_output(y, 1));
    tt_program *p = load(session, g);
    REQUIRE(tt_program_set(p, "x", x) == TT_OK && tt_program_run(p, NULL) == TT_OK);
    EXPECT_EQUAL(((const int32_t *)tt_program_result(p, 0, NULL))[1], 0);
    tt_session_free(session);
    tt_graph_free(g);
}

// What looks like a pool's gradient, but puts one element elsewhere, is none.
static void check_no_pool_gradient(void)
{
    for (int odd = -1; odd < 4; odd++) {
        tt_graph *g = tt_graph_new();
        int64_t two[2] = {2, 2};
        tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 1, 4, 4, 2)), sum = TT_NONE;
        tt_value dy = tt_input(g, "dy", TT_TYPE(TT_F32, 1, 2, 2, 2)),
                 zero = tt_number(g, TT_F32, 0);
        tt_value place = tt_output(tt_pool_greatest(g, x, two, &(tt_windows){.stride = two}), 1);
        for (int tap = 0; tap < 4; tap++) {
            tt_value here = tt_equal(g, place, tt_number(g, TT_I32, tap));
            int64_t row = tap / 2, column = tap == odd ? 1 - tap % 2 : tap % 2;
            tt_value there =
                tt_pad(g, tt_select(g, here, dy, zero), zero, (int64_t[]){0, row, column, 0},
                       (int64_t[]){0, 1 - row, 1 - column, 0}, (int64_t[]){0, 1, 1, 0});
            sum = tap == 0 ? there : tt_add(g, sum, there);
        }
        tt_graph_result(g, "dx", sum);
        check(g, 1e-6, false);
    }
}

// A greatest pool's gradient, and only what is above 0 in `of`, in one step; `of` is not read where
// it is what was pooled.
static void check_pool_and_relu(void)
{
    for (int other = 0; other < 2; other++) {
        tt_graph *g = tt_graph_new();
        tt_type type = TT_TYPE(TT_F32, 3, 6, 6, 5);
        int64_t two[2] = {2, 2};
        tt_value x = tt_input(g, "x", type), z = tt_input(g, "z", type), gradient;
        tt_value y = tt_pool_greatest(g, x, two, &(tt_windows){.stride = two});
        tt_value loss = tt_sum_all(g, tt_multiply(g, y, y)), zero = tt_number(g, TT_F32, 0);
        REQUIRE(tt_graph_gradient(g, loss, 1, &x, &gradient) == TT_OK);
        tt_value of = other == 0 ? x : z;
        tt_value cut = tt_select(g, tt_binary(g, TT_OP_LESS_OR_EQUAL, of, zero), zero, gradient);
        tt_graph_result(g, "cut", cut);
        tt_session *session = open_session(1, false);
        tt_program *program = load(session, g);
        REQUIRE(tt_program_steps(program) == 2); // the pool with 2 y, and what comes back
        unsigned count, images = 0;
        const tt_value *read = tt_step_values(program->graph, &program->steps[1], &count);
        for (unsigned i = 0; i < count; i++)
            images += tt_type_equal(tt_graph_type(program->graph, read[i]), &type);
        EXPECT_EQUAL(images, other); // of x itself the pool's greatest tells enough
        tt_session_free(session);
        check(g, 1e-6, false);
    }
}

static void check_products(void)
{
    for (int i = 0; i < 60; i++) {
        tt_graph *g = tt_graph_new();
        int64_t m = 1 + below(i % 10 == 0 ? 300 : 9), k = 1 + below(9),
                n = 1 + below(i % 10 == 0 ? 200 : 9);
        bool ta = below(2) == 0, tb = below(2) == 0, batched = below(5) == 0;
        tt_value a = tt_input(g, "a", ta ? TT_TYPE(TT_F32, k, m) : TT_TYPE(TT_F32, m, k));
        tt_value b = tt_input(g, "b", tb ? TT_TYPE(TT_F32, n, k) : TT_TYPE(TT_F32, k, n));
        tt_value bias = tt_input(g, "bias", TT_TYPE(TT_F32, n)), gradient[3];
        tt_value left = ta ? tt_transpose(g, a, (int64_t[]){1, 0}) : a;
        tt_value right = tb ? tt_transpose(g, b, (int64_t[]){1, 0}) : b;
        if (batched)
            right = tt_reshape(g, right, 3, (int64_t[]){1, k, n});
        tt_value y = tt_add(g, tt_matmul(g, left, right), bias);
        if (below(2) == 0)
            y = tt_relu(g, y);
        tt_value loss = tt_sum_all(g, tt_multiply(g, y, y));
        REQUIRE(tt_graph_gradient(g, loss, 3, (tt_value[]){a, b, bias}, gradient) == TT_OK);
        tt_graph_result(g, "y", y);
        for (int r = 0; r < 3; r++)
            tt_graph_result(g, gradients[r], gradient[r]);
        check(g, 4e-6, false);
    }
}

// Products that are shared out, by rows or by columns, of each kind of operands.
static void check_large_products(void)
{
    for (int kind = 0; kind < 8; kind++) {
        tt_graph *g = tt_graph_new();
        int64_t m = kind < 4 ? 100 : 301, n = kind < 4 ? 301 : 100, k = 12;
        bool ta = kind % 2 == 1, tb = kind % 4 > 1;
        tt_value a = tt_input(g, "a", ta ? TT_TYPE(TT_F32, k, m) : TT_TYPE(TT_F32, m, k));
        tt_value b = tt_input(g, "b", tb ? TT_TYPE(TT_F32, n, k) : TT_TYPE(TT_F32, k, n));
        tt_graph_result(g, "y",
                        tt_matmul(g, ta ? tt_transpose(g, a, (int64_t[]){1, 0}) : a,
                                  tb ? tt_transpose(g, b, (int64_t[]){1, 0}) : b));
        check(g, 4e-6, false);
    }
}

static void check_moves(void)
{
    static const tt_element elements[] = {TT_F32, TT_F64, TT_F16, TT_U8, TT_BOOL, TT_I32};
    for (int i = 0; i < 150; i++) {
        tt_graph *g = tt_graph_new();
        tt_type type = random_type(elements[below(6)], 4, 5);
        tt_value a = tt_input(g, "a", type);
        int64_t order[TT_RANK_MAX], first[TT_RANK_MAX], sizes[TT_RANK_MAX], steps[TT_RANK_MAX];
        int64_t before[TT_RANK_MAX], after[TT_RANK_MAX], between[TT_RANK_MAX];
        for (unsigned axis = 0; axis < type.rank; axis++) {
            unsigned other = (unsigned)below(axis + 1);
            order[axis] = order[other];
            order[other] = axis;
            steps[axis] = 1 + below(3);
            first[axis] = type.size[axis] > 0 ? below(type.size[axis]) : 0;
            int64_t most =
                type.size[axis] > 0 ? (type.size[axis] - 1 - first[axis]) / steps[axis] + 1 : 0;
            sizes[axis] = below(most + 1);
            between[axis] = below(3);
            int64_t whole =
                type.size[axis] > 0 ? (type.size[axis] - 1) * (between[axis] + 1) + 1 : 0;
            before[axis] = below(5) - 2;
            after[axis] = below(5) - 2;
            if (whole + before[axis] + after[axis] < 0)
                before[axis] = after[axis] = 0;
        }
        tt_value fill = tt_number(g, (tt_element)type.element, 1);
        tt_graph_result(g, "transposed", tt_transpose(g, a, order));
        tt_graph_result(g, "sliced", tt_slice(g, a, first, sizes, steps));
        tt_graph_result(g, "padded", tt_pad(g, a, fill, before, after, between));
        if (type.rank > 0) {
            int64_t axis = below(type.rank);
            tt_value flipped = tt_flip(g, a, 1, &axis);
            tt_graph_result(g, "flipped", flipped);
            tt_graph_result(g, "joined", tt_concatenate(g, 3, (tt_value[]){a, flipped, a}, axis));
        }
        check(g, 0, false);
    }
}

static void check_reductions(void)
{
    for (int i = 0; i < 60; i++) {
        tt_graph *g = tt_graph_new();
        tt_type type = random_type(TT_F32, 4, 9);
        if (i == 0)
            type = TT_TYPE(TT_F32, 1000, 7);
        tt_value a = tt_input(g, "a", type);
        int64_t axes[TT_RANK_MAX];
        unsigned count = 0;
        for (unsigned axis = 0; axis < type.rank; axis++)
            if (i == 0 ? axis == 0 : below(2) == 0)
                axes[count++] = axis;
        tt_graph_result(g, "sum", tt_reduce(g, TT_OP_SUM, a, count, axes));
        tt_graph_result(g, "lse", tt_reduce(g, TT_OP_LOG_SUM_EXP, a, count, axes));
        check(g, 2e-7, i % 2 == 1);
    }
}

// Steps and paddings that are never taken may be of any size.
static void check_huge_moves(void)
{
    const int64_t far = (int64_t)1 << 40;
    tt_graph *g = tt_graph_new();
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 1, 300, 3)), zero = tt_number(g, TT_F32, 0);
    tt_value y = tt_slice(g, x, (int64_t[]){0, 5, 1}, (int64_t[]){1, 1, 2},
                          (int64_t[]){INT64_MAX, INT64_MAX, 1});
    tt_graph_result(g, "sliced", y);
    tt_graph_result(
        g, "spread",
        tt_pad(g, x, zero, (int64_t[]){2, 1, 0}, (int64_t[]){1, 0, 1}, (int64_t[]){far, 0, 0}));
    // All is taken away, and as much comes behind.
    tt_graph_result(g, "gone",
                    tt_pad(g, x, zero, (int64_t[]){-far, 0, 0}, (int64_t[]){far, 0, 0},
                           (int64_t[]){far, 0, 0}));
    check(g, 0, false);
}

int main(void)
{
    check_huge_moves();
    tt_random_seed(&numbers, 20261126);
    check_elementwise();
    check_conv();
    check_large_conv();
    check_far_conv();
    check_spread_conv();
    check_pools();
    check_pool_of_infinity();
    check_no_pool_gradient();
    check_pool_and_relu();
    check_products();
    check_large_products();
    check_moves();
    check_reductions();
    return test_result();
}
