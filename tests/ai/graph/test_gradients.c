// Gradients whose values are known: ties, losses at their limits, what has no gradient; and what
// differentiation answers where it cannot.

#include "ai/graph/row.h"
#include "tests/ai/graph/subject.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

// An input with given numbers.
static tt_value given(subject *s, tt_type type, const double *numbers)
{
    void *x = new_input(s, type);
    for (int64_t i = 0; i < tt_type_count(&type); i++)
        tt_cell_store((tt_element)type.element, x, i,
                      tt_cell_of_number((tt_element)type.element, numbers[i]));
    return last_input(s);
}

#define GIVEN(s, element, ...)                                                                     \
    given(s, TT_TYPE(element, sizeof((double[]){__VA_ARGS__}) / sizeof(double)),                   \
          (double[]){__VA_ARGS__})

static bool has_numbers(const subject *s, tt_value value, size_t count, const double *expected)
{
    tt_reference *reference = run(s, 1, &value, false);
    const tt_cells *tensor = tt_reference_result(reference, 0);
    bool same = tt_type_count(&tensor->type) == (int64_t)count;
    for (size_t i = 0; same && i < count; i++) {
        double actual = tt_cell_number((tt_element)tensor->type.element, tensor->cells[i]);
        same = isnan(expected[i]) ? isnan(actual) : actual == expected[i];
        if (!same)
            printf("element %zu is %.17g, expected %.17g\n", i, actual, expected[i]);
    }
    tt_reference_free(reference);
    return same;
}

#define EXPECT_NUMBERS(s, value, ...)                                                              \
    EXPECT(has_numbers(s, value, sizeof((double[]){__VA_ARGS__}) / sizeof(double),                 \
                       (double[]){__VA_ARGS__}))

// The gradient of the sum of y times 1, 2, 3 ... by x.
static tt_value gradient_of(subject *s, tt_value y, tt_value x)
{
    tt_graph *g = s->graph;
    tt_value gradient = TT_NONE;
    if (!tt_is_none(y)) {
        tt_type type = *tt_graph_type(g, y);
        int64_t count = tt_type_count(&type);
        tt_value weights = tt_add(g, tt_iota(g, TT_TYPE(type.element, count), 0),
                                  tt_number(g, (tt_element)type.element, 1));
        y = tt_multiply(g, y, tt_reshape(g, weights, type.rank, type.size));
    }
    tt_graph_gradient(g, tt_sum_all(g, y), 1, &x, &gradient);
    if (tt_graph_status(g) != TT_OK)
        run_failed(s, "gradient");
    REQUIRE(tt_graph_status(g) == TT_OK);
    return gradient;
}

// Of equal ones the first gets the gradient.
static void check_ties(void)
{
    subject s = subject_new(1);
    tt_graph *g = s.graph;
    tt_value x = given(&s, TT_TYPE(TT_F64, 2, 3), (double[]){2, 5, 5, 1, 5, 1});
    const int64_t both[] = {0, 1};
    EXPECT_NUMBERS(&s, gradient_of(&s, tt_reduce(g, TT_OP_GREATEST, x, 1, both), x), //
                   1, 2, 3, 0, 0, 0);
    EXPECT_NUMBERS(&s, gradient_of(&s, tt_reduce(g, TT_OP_GREATEST, x, 1, both + 1), x), //
                   0, 1, 0, 0, 2, 0);
    EXPECT_NUMBERS(&s, gradient_of(&s, tt_reduce(g, TT_OP_GREATEST, x, 2, both), x), //
                   0, 1, 0, 0, 0, 0);
    EXPECT_NUMBERS(&s, gradient_of(&s, tt_reduce(g, TT_OP_LEAST, x, 2, both), x), //
                   0, 0, 0, 1, 0, 0);
    tt_value corners = given(&s, TT_TYPE(TT_F64, 2, 2), (double[]){1, 5, 5, 1});
    EXPECT_NUMBERS(&s, gradient_of(&s, tt_reduce(g, TT_OP_GREATEST, corners, 2, both), corners), //
                   0, 1, 0, 0);
    EXPECT_NUMBERS(&s, gradient_of(&s, tt_reduce(g, TT_OP_LEAST, corners, 2, both), corners), //
                   1, 0, 0, 0);
    tt_value a = GIVEN(&s, TT_F64, 1, 2, 3), b = GIVEN(&s, TT_F64, 2, 2, 2);
    tt_value greater = tt_binary(g, TT_OP_GREATER_OF, a, b);
    tt_value lesser = tt_binary(g, TT_OP_LESSER_OF, a, b);
    EXPECT_NUMBERS(&s, gradient_of(&s, greater, a), 0, 2, 3);
    EXPECT_NUMBERS(&s, gradient_of(&s, greater, b), 1, 0, 0);
    EXPECT_NUMBERS(&s, gradient_of(&s, lesser, a), 1, 2, 0);
    EXPECT_NUMBERS(&s, gradient_of(&s, lesser, b), 0, 0, 3);
    tt_value zero = GIVEN(&s, TT_F64, -1, 0, 1);
    EXPECT_NUMBERS(&s, gradient_of(&s, tt_relu(g, zero), zero), 0, 0, 3);
    EXPECT_NUMBERS(&s, gradient_of(&s, tt_unary(g, TT_OP_ABSOLUTE, zero), zero), -1, 0, 3);
    // No number: both operands, and the first place.
    tt_value none = GIVEN(&s, TT_F64, 1, (double)NAN, (double)NAN);
    EXPECT_NUMBERS(&s, gradient_of(&s, tt_binary(g, TT_OP_GREATER_OF, a, none), a), 1, 2, 3);
    EXPECT_NUMBERS(&s, gradient_of(&s, tt_binary(g, TT_OP_GREATER_OF, a, none), none), 0, 2, 3);
    EXPECT_NUMBERS(&s, gradient_of(&s, tt_reduce(g, TT_OP_GREATEST, none, 1, both), none), 0, 1, 0);
    subject_free(&s);
}

static void check_window_ties(void)
{
    subject s = subject_new(1);
    tt_graph *g = s.graph;
    tt_value x = given(&s, TT_TYPE(TT_F64, 1, 4, 1), (double[]){7, 7, 7, 3});
    const int64_t two = 2, three = 3;
    // Windows (., 7), (7, 7), (7, 3), and one of padding alone, which sends nothing back.
    tt_value y = tt_pool_greatest(
        g, x, &two, &(tt_windows){.stride = &two, .before = &(int64_t){1}, .after = &three});
    EXPECT_NUMBERS(&s, y, 7, 7, 3, -(double)INFINITY);
    EXPECT_NUMBERS(&s, tt_output(y, 1), 1, 0, 0, -1);
    EXPECT_NUMBERS(&s, gradient_of(&s, y, x), 1, 2, 0, 3);
    // Of several that are no numbers the first.
    x = given(&s, TT_TYPE(TT_F64, 1, 4, 1), (double[]){7, (double)NAN, (double)NAN, 3});
    y = tt_pool_greatest(g, x, (int64_t[]){4}, NULL);
    EXPECT_NUMBERS(&s, y, (double)NAN);
    EXPECT_NUMBERS(&s, tt_output(y, 1), 1);
    EXPECT_NUMBERS(&s, gradient_of(&s, y, x), 0, 1, 0, 0);
    subject_free(&s);
}

// Slices put, added, compared in their order.
static void check_scatter_ties(void)
{
    subject s = subject_new(1);
    tt_graph *g = s.graph;
    tt_value a = GIVEN(&s, TT_F64, 4, 1, 1), places = GIVEN(&s, TT_I32, 0, 1, 0, 1);
    tt_value u = GIVEN(&s, TT_F64, 4, 2, 4, 2);
    tt_value put = tt_scatter(g, a, places, u, 0, TT_SCATTER_PUT);
    EXPECT_NUMBERS(&s, gradient_of(&s, put, a), 0, 0, 3);
    EXPECT_NUMBERS(&s, gradient_of(&s, put, u), 0, 0, 1, 2);
    tt_value greater = tt_scatter(g, a, places, u, 0, TT_SCATTER_GREATER);
    EXPECT_NUMBERS(&s, greater, 4, 2, 1);
    EXPECT_NUMBERS(&s, gradient_of(&s, greater, a), 1, 0, 3);
    EXPECT_NUMBERS(&s, gradient_of(&s, greater, u), 0, 2, 0, 0);
    subject_free(&s);
}

// x to the b where x or b is 0, as a polynomial is differentiated.
static void check_powers(void)
{
    subject s = subject_new(1);
    tt_graph *g = s.graph;
    tt_value x = GIVEN(&s, TT_F64, 0, 0, 0, -2, 2), b = GIVEN(&s, TT_F64, 0, 1, 2, 2, 0);
    tt_value y = tt_binary(g, TT_OP_POWER, x, b);
    tt_value dx = gradient_of(&s, y, x), db = gradient_of(&s, y, b);
    const double log_2 = log(2);
    EXPECT_NUMBERS(&s, dx, 0, 2, 0, -16, 0);
    EXPECT_NUMBERS(&s, db, 0, 0, 0, (double)NAN, 5 * log_2);
    // Again: 2 for x^2; x^(b - 1) (1 + b log x) by both, 1/2 for 2^0.
    EXPECT_NUMBERS(&s, gradient_of(&s, dx, x), 0, 0, 3 * 3 * 2, 4 * 4 * 2, 0);
    EXPECT_NUMBERS(&s, gradient_of(&s, db, b), 0, 0, 0, (double)NAN, 5 * 5 * log_2 * log_2);
    x = GIVEN(&s, TT_F64, 0, 2);
    b = GIVEN(&s, TT_F64, 2, 0);
    dx = gradient_of(&s, tt_binary(g, TT_OP_POWER, x, b), x);
    EXPECT_NUMBERS(&s, gradient_of(&s, dx, b), 0, 2 * 2 * 0.5);
    subject_free(&s);
}

static void check_cross_entropy(tt_element element, double a, double b, double expected)
{
    subject s = subject_new(1);
    tt_value x = given(&s, TT_TYPE(element, 1, 2), (double[]){a, b});
    tt_value label = GIVEN(&s, TT_I64, 1);
    tt_value loss = tt_cross_entropy(s.graph, x, label);
    EXPECT_NUMBERS(&s, loss, tt_round_to(element, expected));
    subject_free(&s);
}

// softmax - one-hot over batch.
static void check_cross_entropy_gradient(tt_element element)
{
    subject s = subject_new(3);
    tt_graph *g = s.graph;
    double numbers[15];
    for (size_t i = 0; i < COUNT(numbers); i++)
        numbers[i] = uniform(&s, -3, 3);
    tt_value x = given(&s, TT_TYPE(element, 5, 3), numbers), gradient;
    tt_value labels = GIVEN(&s, TT_I32, 0, 2, 1, 1, 2);
    REQUIRE(tt_graph_gradient(g, tt_cross_entropy(g, x, labels), 1, &x, &gradient) == TT_OK);
    tt_value expected = tt_subtract(g, tt_softmax(g, x, 1), tt_one_hot(g, labels, 3, element));
    tt_value off = tt_subtract(g, gradient, tt_scale(g, expected, 0.2));
    off = tt_unary(g, TT_OP_ABSOLUTE, tt_convert(g, off, TT_F64));
    tt_value most = tt_reduce(g, TT_OP_GREATEST, off, 2, (int64_t[]){0, 1});
    tt_reference *reference = run(&s, 1, &most, false);
    EXPECT(tt_reference_result(reference, 0)->cells[0].f < (element == TT_F64 ? 1e-15 : 1e-7));
    tt_reference_free(reference);
    subject_free(&s);
}

static void check_losses(void)
{
    const double far = -(double)INFINITY;
    check_cross_entropy(TT_F32, 1e6, 1e6, log(2));
    check_cross_entropy(TT_F32, 1e8, 1e8, log(2));
    check_cross_entropy(TT_F32, 1e30, 1e30, log(2));
    check_cross_entropy(TT_F64, -1e300, -1e300, log(2));
    check_cross_entropy(TT_F32, 1e8, 0, 1e8);
    check_cross_entropy(TT_F32, 0, 1e8, 0);
    check_cross_entropy(TT_F32, far, 3, 0);
    check_cross_entropy(TT_F32, 3, far, -far);
    check_cross_entropy(TT_F32, (double)NAN, 0, (double)NAN);
    check_cross_entropy(TT_F16, 60000, 60000, log(2));
    check_cross_entropy_gradient(TT_F64);
    check_cross_entropy_gradient(TT_F32);
    subject s = subject_new(1);
    tt_graph *g = s.graph;
    tt_value x = given(&s, TT_TYPE(TT_F32, 1, 4), (double[]){far, 1, far, 1}),
             p = tt_softmax(g, x, 1);
    EXPECT_NUMBERS(&s, p, 0, 0.5, 0, 0.5);
    EXPECT_NUMBERS(&s, gradient_of(&s, p, x), 0, -0.5, 0, 0.5);
    subject_free(&s);
}

// The mean of many ones is 1, in every type of which there is a 1.
static void check_means(void)
{
    static const tt_element elements[] = {TT_F64, TT_F32, TT_BF16, TT_F16};
    subject s = subject_new(1);
    tt_graph *g = s.graph;
    const int64_t many = (int64_t)1 << 25, some = 99999;
    tt_value one = tt_number(g, TT_F32, 1);
    EXPECT_NUMBERS(&s, tt_mean_all(g, tt_broadcast(g, one, 1, &many)), 1);
    for (size_t i = 0; i < COUNT(elements); i++) {
        tt_value ones = tt_broadcast(g, tt_number(g, elements[i], 1), 1, &some);
        EXPECT_NUMBERS(&s, tt_mean_all(g, ones), 1);
        EXPECT_NUMBERS(&s, tt_mean(g, ones, 1, (int64_t[]){-1}), 1);
    }
    subject_free(&s);
}

// Of all -inf there is no greatest to compare with: the sum of exp is flat, as PyTorch has it.
static void check_sums_of_nothing(void)
{
    const double far = -(double)INFINITY;
    subject s = subject_new(1);
    tt_graph *g = s.graph;
    tt_value x = given(&s, TT_TYPE(TT_F64, 3, 2), (double[]){far, far, far, 1, 2, (double)NAN});
    tt_value y = tt_reduce(g, TT_OP_LOG_SUM_EXP, x, 1, (int64_t[]){1});
    EXPECT_NUMBERS(&s, y, far, 1, (double)NAN);
    EXPECT_NUMBERS(&s, gradient_of(&s, y, x), 0, 0, 0, 2, (double)NAN, (double)NAN);
    EXPECT_NUMBERS(&s, gradient_of(&s, gradient_of(&s, y, x), x), 0, 0, 0, 0, (double)NAN,
                   (double)NAN);
    // Nor is there a share of it: softmax of all -inf is no number, and its gradient.
    tt_value p = tt_softmax(g, x, 1);
    EXPECT_NUMBERS(&s, p, (double)NAN, (double)NAN, 0, 1, (double)NAN, (double)NAN);
    subject_free(&s);
}

// Where a matrix has no inverse its determinant has a derivative all the same.
static void check_singular(void)
{
    subject s = subject_new(1);
    tt_graph *g = s.graph;
    tt_value two = given(&s, TT_TYPE(TT_F64, 2, 2), (double[]){1, 2, 2, 4}), gradient;
    tt_value three = given(&s, TT_TYPE(TT_F64, 3, 3, 3),
                           (double[]){1, 2, 3, 4, 5, 6, 5, 7, 9, // the sum of the first two
                                      1, 2, 3, 2, 4, 6, 3, 6, 9, // all the same
                                      0, 0, 0, 0, 0, 0, 0, 0, 0});
    tt_value one = given(&s, TT_TYPE(TT_F64, 1, 1), (double[]){0});
    EXPECT_NUMBERS(&s, gradient_of(&s, tt_unary(g, TT_OP_DETERMINANT, one), one), 1);
    EXPECT_NUMBERS(&s, gradient_of(&s, tt_unary(g, TT_OP_DETERMINANT, two), two), 4, -2, -2, 1);
    tt_value sum = tt_sum_all(g, tt_unary(g, TT_OP_DETERMINANT, three));
    REQUIRE(tt_graph_gradient(g, sum, 1, &three, &gradient) == TT_OK);
    tt_reference *reference = run(&s, 1, &gradient, false);
    static const double cofactors[] = {3, -6, 3, 3, -6, 3, -3, 6, -3};
    for (int i = 0; i < 27; i++) {
        double expected = i < 9 ? cofactors[i] : 0;
        EXPECT(fabs(tt_reference_result(reference, 0)->cells[i].f - expected) < 1e-13);
    }
    tt_reference_free(reference);
    subject_free(&s);
}

// A loop as wide as can be differentiated, one wider, and captures that no gradient is asked of.
static tt_graph *wide_body(unsigned carries, unsigned captures)
{
    tt_graph *b = tt_graph_new();
    char name[32];
    tt_value sum = tt_number(b, TT_F64, 0), carry[TT_OUTPUTS_MAX];
    tt_input(b, "turn", TT_SCALAR(TT_I64));
    for (unsigned i = 0; i < carries; i++) {
        snprintf(name, sizeof(name), "carry %u", i);
        carry[i] = tt_input(b, name, TT_SCALAR(TT_F64));
    }
    for (unsigned i = 0; i < captures; i++) {
        snprintf(name, sizeof(name), "capture %u", i);
        sum = tt_add(b, sum, tt_input(b, name, TT_SCALAR(TT_F64)));
    }
    tt_graph_result(b, "go", tt_number(b, TT_BOOL, 1));
    for (unsigned i = 0; i < carries; i++) {
        snprintf(name, sizeof(name), "carry %u", i);
        tt_graph_result(b, name, tt_multiply(b, carry[i], sum));
    }
    return b;
}

static tt_status differentiate_wide(unsigned carries, unsigned captures, unsigned wanted,
                                    double *gradient, unsigned *outputs, char *said)
{
    subject s = subject_new(1);
    tt_graph *g = s.graph;
    tt_value x = given(&s, TT_SCALAR(TT_F64), (double[]){1}), carry[TT_OUTPUTS_MAX], capture[200],
             dx;
    REQUIRE(carries <= TT_OUTPUTS_MAX && captures <= 200);
    for (unsigned i = 0; i < carries; i++)
        carry[i] = tt_number(g, TT_F64, 3);
    for (unsigned i = 0; i < captures; i++)
        capture[i] = i < wanted ? x : tt_number(g, TT_F64, 0);
    tt_value y = tt_loop(g, tt_number(g, TT_I64, 1), 1, carries, carry, captures, capture,
                         wide_body(carries, captures));
    tt_status status = tt_graph_gradient(g, y, 1, &x, &dx);
    snprintf(said, 200, "%s", tt_graph_error(g));
    if (status == TT_OK)
        *gradient = number_of(&s, dx);
    for (uint32_t at = 0; at < tt_graph_count(g); at++)
        if (tt_graph_node(g, at)->op == TT_OP_LOOP)
            *outputs = tt_graph_node(g, at)->output_count; // the last is the one backwards
    subject_free(&s);
    return status;
}

static void check_wide_loops(void)
{
    char said[200];
    double gradient = 0;
    unsigned outputs = 0;
    EXPECT_EQUAL(differentiate_wide(1, 62, 62, &gradient, &outputs, said), TT_OK);
    EXPECT(gradient == 3 * 62);
    EXPECT_EQUAL(outputs, 63);
    EXPECT_EQUAL(differentiate_wide(31, 32, 32, &gradient, &outputs, said), TT_OK);
    EXPECT(gradient == 3 * 32);
    EXPECT_EQUAL(differentiate_wide(1, 200, 2, &gradient, &outputs, said), TT_OK);
    EXPECT(gradient == 3 * 2);
    EXPECT_EQUAL(outputs, 3); // of the carry and of two captures, not of all 200
    EXPECT_EQUAL(differentiate_wide(1, 63, 63, &gradient, &outputs, said), TT_UNSUPPORTED);
    EXPECT_TEXT(said, "loop: has 1 carries, and gradients go to 64 of its carries and captures; "
                      "31 carries and 63 gradients are the most that is differentiated");
    EXPECT_EQUAL(differentiate_wide(32, 1, 1, &gradient, &outputs, said), TT_UNSUPPORTED);
}

// A step that is never taken may be of any size, there and back.
static void check_huge_steps(void)
{
    subject s = subject_new(1);
    tt_graph *g = s.graph;
    tt_value x = given(&s, TT_TYPE(TT_F64, 2, 3), (double[]){1, 2, 3, 4, 5, 6});
    tt_value y = tt_slice(g, x, (int64_t[]){1, 0}, (int64_t[]){1, 2}, (int64_t[]){INT64_MAX, 2});
    EXPECT_NUMBERS(&s, y, 4, 6);
    EXPECT_NUMBERS(&s, gradient_of(&s, y, x), 0, 0, 0, 1, 0, 2);
    subject_free(&s);
}

// Two parameters whose gradients are one value, and one parameter asked for twice.
static void check_shared(void)
{
    subject s = subject_new(1);
    tt_graph *g = s.graph;
    tt_value a = GIVEN(&s, TT_F64, 1, 2), b = GIVEN(&s, TT_F64, 3, 4), gradients[5];
    tt_value sum = tt_add(g, a, b), loss = tt_sum_all(g, tt_multiply(g, sum, sum));
    REQUIRE(tt_graph_gradient(g, loss, 5, (tt_value[]){a, b, a, sum, loss}, gradients) == TT_OK);
    EXPECT(tt_same(gradients[0], gradients[1]));
    for (int i = 0; i < 4; i++)
        EXPECT_NUMBERS(&s, gradients[i], 8, 12);
    EXPECT_NUMBERS(&s, gradients[4], 1);
    subject_free(&s);
}

static void check_what_does_not_depend(void)
{
    subject s = subject_new(1);
    tt_graph *g = s.graph;
    tt_value x = GIVEN(&s, TT_F32, 1.5, -2), other = GIVEN(&s, TT_F64, 1, 2, 3), gradients[2];
    tt_value through = tt_convert(g, tt_convert(g, x, TT_I32), TT_F32); // an integer on the way
    tt_value stopped = tt_multiply(g, x, tt_stop(g, x));
    tt_value loss = tt_sum_all(g, tt_add(g, through, stopped));
    REQUIRE(tt_graph_gradient(g, loss, 2, (tt_value[]){x, other}, gradients) == TT_OK);
    EXPECT_NUMBERS(&s, gradients[0], 1.5, -2);
    EXPECT_NUMBERS(&s, gradients[1], 0, 0, 0);
    EXPECT(tt_type_equal(tt_graph_type(g, gradients[0]), tt_graph_type(g, x)));
    EXPECT(tt_type_equal(tt_graph_type(g, gradients[1]), tt_graph_type(g, other)));
    // A constant loss, and an output of which none is used.
    REQUIRE(tt_graph_gradient(g, tt_number(g, TT_F32, 3), 1, &x, gradients) == TT_OK);
    EXPECT_NUMBERS(&s, gradients[0], 0, 0);
    tt_value sorted = tt_apply(g, TT_OP_SORT, 1, &other, 2, (int64_t[]){0, 1});
    tt_value place = tt_convert(g, tt_output(sorted, 1), TT_F64);
    REQUIRE(tt_graph_gradient(g, tt_sum_all(g, place), 1, &other, gradients) == TT_OK);
    EXPECT_NUMBERS(&s, gradients[0], 0, 0, 0);
    subject_free(&s);
}

// Behind a stop there may stand what has no derivative: nobody asks it.
static void check_stop_hides(void)
{
    subject s = subject_new(1);
    tt_graph *g = s.graph;
    tt_value x = GIVEN(&s, TT_F64, 1, 2), places = GIVEN(&s, TT_I32, 0, 0), gradient;
    tt_value y = tt_scatter(g, tt_stop(g, x), places, tt_stop(g, x), 0, TT_SCATTER_MULTIPLY);
    tt_graph_gradient(g, tt_sum_all(g, tt_multiply(g, y, x)), 1, &x, &gradient);
    EXPECT_TEXT(tt_graph_error(g), "");
    if (tt_graph_status(g) == TT_OK)
        EXPECT_NUMBERS(&s, gradient, 2, 2);
    subject_free(&s);
}

// A branch with the same captures, both ways; a loop that turns 0 times sends all through.
static tt_graph *scaled_body(double factor)
{
    tt_graph *b = tt_graph_new();
    tt_graph_result(b, "y", tt_scale(b, tt_input(b, "x", TT_SCALAR(TT_F64)), factor));
    return b;
}

static void check_control(void)
{
    for (int way = 0; way < 2; way++) {
        subject s = subject_new(1);
        tt_value yes = given(&s, TT_SCALAR(TT_BOOL), (double[]){way});
        tt_value x = given(&s, TT_SCALAR(TT_F64), (double[]){3});
        tt_value y = tt_branch(s.graph, yes, 1, &x, scaled_body(5), scaled_body(7));
        EXPECT_NUMBERS(&s, gradient_of(&s, y, x), way ? 5 : 7);
        subject_free(&s);
    }
}

static void expect_refused(subject *s, tt_value loss, unsigned count, const tt_value *wrt,
                           tt_status status, const char *sentence)
{
    tt_value gradients[4];
    EXPECT_EQUAL(tt_graph_gradient(s->graph, loss, count, wrt, gradients), status);
    EXPECT_TEXT(tt_graph_error(s->graph), sentence);
    subject_free(s);
}

static tt_graph *long_body(void)
{
    tt_graph *b = tt_graph_new();
    tt_input(b, "turn", TT_SCALAR(TT_I64));
    tt_value h = tt_input(b, "h", TT_SCALAR(TT_F64));
    tt_graph_result(b, "go", tt_number(b, TT_BOOL, 1));
    tt_graph_result(b, "h", tt_multiply(b, h, h));
    return b;
}

static void check_refusals(void)
{
    subject s = subject_new(1);
    tt_value x = GIVEN(&s, TT_F64, 1, 2), places = GIVEN(&s, TT_I32, 0, 0);
    tt_value y = tt_scatter(s.graph, x, places, x, 0, TT_SCATTER_MULTIPLY);
    expect_refused(&s, tt_sum_all(s.graph, y), 1, &x, TT_UNSUPPORTED,
                   "scatter: multiplying has no derivative");
    s = subject_new(1);
    x = given(&s, TT_SCALAR(TT_F64), (double[]){1});
    y = tt_loop(s.graph, tt_number(s.graph, TT_I64, 3), (int64_t)1 << 40, 1, &x, 0, NULL,
                long_body());
    expect_refused(&s, y, 1, &x, TT_UNSUPPORTED,
                   "loop: a limit of 1099511627776 turns is too high to keep each turn's carries; "
                   "state how many there can be");
    s = subject_new(1);
    x = GIVEN(&s, TT_F64, 1, 2);
    expect_refused(&s, x, 1, &x, TT_INVALID,
                   "gradient: the loss is f64[2], expects a scalar of a floating type");
    s = subject_new(1);
    x = GIVEN(&s, TT_F64, 1, 2);
    places = GIVEN(&s, TT_I32, 0, 0);
    expect_refused(&s, tt_sum_all(s.graph, x), 2, (tt_value[]){x, places}, TT_INVALID,
                   "gradient: value 1 of those asked for is i32[2], expects a floating type");
    s = subject_new(1);
    x = GIVEN(&s, TT_F64, 1, 2);
    expect_refused(&s, tt_sum_all(s.graph, x), 1, &(tt_value){x.node, 7}, TT_INVALID,
                   "gradient: value 0 of those asked for is none of this graph");
    s = subject_new(1);
    x = GIVEN(&s, TT_F64, 1, 2);
    expect_refused(&s, (tt_value){x.node, 1}, 1, &x, TT_INVALID,
                   "gradient: the loss is no value of this graph");
    s = subject_new(1);
    expect_refused(&s, TT_NONE, 0, NULL, TT_INVALID,
                   "gradient: the loss is no value of this graph");
}

// Several outputs with gradients of their own, and what is wrong with them.
static void check_seeds(void)
{
    subject s = subject_new(1);
    tt_graph *g = s.graph;
    tt_value x = GIVEN(&s, TT_F64, 1, 2), seed = GIVEN(&s, TT_F64, 10, 20), gradient;
    tt_value outputs[] = {tt_multiply(g, x, x), x, tt_exp(g, x)};
    tt_value seeds[] = {seed, seed, TT_NONE};
    REQUIRE(tt_graph_gradients(g, 3, outputs, seeds, 1, &x, &gradient) == TT_OK);
    EXPECT_NUMBERS(&s, gradient, 30, 100);
    seeds[2] = tt_number(g, TT_F64, 1);
    EXPECT_EQUAL(tt_graph_gradients(g, 3, outputs, seeds, 1, &x, &gradient), TT_INVALID);
    EXPECT_TEXT(tt_graph_error(g), "gradient: output 2 is f64[2], its gradient f64[]");
    subject_free(&s);
    s = subject_new(1);
    x = GIVEN(&s, TT_F64, 1, 2);
    seeds[0] = tt_number(s.graph, TT_F64, 1);
    EXPECT_EQUAL(tt_graph_gradients(s.graph, 1, &x, seeds, 1, &x, &gradient), TT_INVALID);
    EXPECT_TEXT(tt_graph_error(s.graph), "gradient: output 0 is f64[2], its gradient f64[]");
    subject_free(&s);
    for (int which = 0; which < 2; which++) { // none of this graph
        s = subject_new(1);
        x = GIVEN(&s, TT_F64, 1, 2);
        outputs[0] = which == 0 ? (tt_value){7, 0} : x;
        seeds[0] = which == 0 ? x : (tt_value){x.node, 1};
        EXPECT_EQUAL(tt_graph_gradients(s.graph, 1, outputs, seeds, 1, &x, &gradient), TT_INVALID);
        EXPECT_TEXT(tt_graph_error(s.graph),
                    "gradient: output 0 or its gradient is none of this graph");
        subject_free(&s);
    }
    tt_graph *empty = tt_graph_new();
    EXPECT_EQUAL(tt_graph_gradients(empty, 0, NULL, NULL, 1, &x, &gradient), TT_INVALID);
    EXPECT_TEXT(tt_graph_error(empty),
                "gradient: value 0 of those asked for is none of this graph");
    EXPECT_EQUAL(tt_graph_gradients(empty, 0, NULL, NULL, 1, &x, &gradient), TT_INVALID);
    tt_graph_free(empty);
}

// A size of 0 beside others, and one that follows from them.
static void check_empty_shapes(void)
{
    subject s = subject_new(1);
    tt_graph *g = s.graph;
    tt_value x = reals(&s, TT_TYPE(TT_F64, 0, 2, 3), 0, 1), y = reals(&s, TT_TYPE(TT_F64, 3), 0, 1);
    tt_value flat = tt_reshape(g, x, 3, (int64_t[]){0, 3, 2});
    EXPECT(!tt_is_none(flat) && tt_graph_type(g, flat)->size[1] == 3);
    EXPECT_NUMBERS(&s, gradient_of(&s, tt_multiply(g, x, y), y), 0, 0, 0);
    // Nothing needs no memory: not of elements, nor of sizes.
    tt_value nothing = tt_constant(g, TT_TYPE(TT_F32, 0), NULL);
    EXPECT(!tt_is_none(nothing) && tt_same(nothing, tt_constant(g, TT_TYPE(TT_F32, 0), NULL)));
    tt_value scalar = tt_number(g, TT_F64, 3);
    EXPECT(tt_same(tt_broadcast(g, scalar, 0, NULL), scalar));
    EXPECT(tt_same(tt_reshape(g, scalar, 0, NULL), scalar));
    EXPECT(tt_is_none(tt_reshape(g, x, 2, (int64_t[]){2, -3})));
    subject_free(&s);
}

// Gradients come from where their nodes do, and what is built behind from where it was said before.
static void check_origins(void)
{
    tt_graph *g = tt_graph_new();
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F64, 2)), gradient;
    tt_graph_at(g, "layer", "line 7");
    tt_value sines = tt_unary(g, TT_OP_SIN, x);
    tt_graph_at(g, "loss", NULL);
    tt_value loss = tt_sum_all(g, sines);
    tt_graph_at(g, "step", "now");
    REQUIRE(tt_graph_gradient(g, loss, 1, &x, &gradient) == TT_OK);
    const tt_origin *origin = tt_graph_origin_of(g, gradient.node); // cos x times what came
    REQUIRE(origin != NULL && origin->place != NULL);
    EXPECT_TEXT(origin->name, "layer");
    EXPECT_TEXT(origin->place, "line 7, gradient");
    tt_value behind = tt_negate(g, gradient);
    origin = tt_graph_origin_of(g, behind.node);
    REQUIRE(origin != NULL && origin->place != NULL);
    EXPECT_TEXT(origin->name, "step");
    EXPECT_TEXT(origin->place, "now");
    tt_graph_free(g);
}

int main(void)
{
    check_origins();
    check_ties();
    check_window_ties();
    check_scatter_ties();
    check_powers();
    check_losses();
    check_means();
    check_sums_of_nothing();
    check_singular();
    check_wide_loops();
    check_huge_steps();
    check_shared();
    check_what_does_not_depend();
    check_stop_hides();
    check_control();
    check_refusals();
    check_seeds();
    check_empty_shapes();
    return test_result();
}
