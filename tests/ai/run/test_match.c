// Which kernel a node gets and what goes into its step, pattern by pattern, with all that only
// looks like one; and that the kernel makes what the reference makes, and writes nothing beside it.

#include <math.h>

#include "ai/graph/reference.h"
#include "ai/run/program.h"
#include "tests/test.h"
#include "tutti/check.h"
#include "tutti/random.h"

// What each case is given; its own nodes begin at %12, the last of which is asked for.
static const char inputs[] = "%0 = input \"x\" : f32[2,4,4,3]\n"
                             "%1 = input \"w\" : f32[5,3,3,3]\n"
                             "%2 = input \"bias\" : f32[5]\n"
                             "%3 = input \"dy\" : f32[2,2,2,5]\n"
                             "%4 = constant {0} : f32[]\n"
                             "%5 = input \"a\" : f32[4,6]\n"
                             "%6 = input \"b\" : f32[6,7]\n"
                             "%7 = input \"column\" : f32[7]\n"
                             "%8 = input \"i\" : i32[4,6]\n"
                             "%9 = input \"d\" : f64[4,6]\n"
                             "%10 = input \"yes\" : bool[4,6]\n"
                             "%11 = input \"half\" : f32[2,2,2,3]\n";

// `step` is the kernel's name, the values that it reads where they are not the node's inputs, what
// is done besides, and which nodes are part of the step.
typedef struct pattern {
    const char *text, *step;
} pattern;

#define SAME "stride=[1,1] dilation=[1,1] spread=[1,1] before=[0,0] after=[0,0]"
#define CONV "conv %0 %1 " SAME " groups=1 : f32[2,2,2,5]"
#define POOL                                                                                       \
    "%12 = pool_greatest %0 window=[2,2] stride=[2,2] dilation=[1,1] spread=[1,1] before=[0,0] "   \
    "after=[0,0] : f32[2,2,2,3], i32[2,2,2,3]\n"

static const pattern products[] = {
    {"%12 = " CONV, "conv 0 1"},
    {"%12 = matmul %5 %6 : f32[4,7]", "matmul 5 6"},
    {"%12 = transpose %6 order=[1,0] : f32[7,6]\n%13 = transpose %5 order=[1,0] : f32[6,4]\n"
     "%14 = matmul %12 %13 : f32[7,4]",
     "matmul 6 5"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = transpose %12 order=[1,0] : f32[7,4]",
     "matmul 6 5 with 12"},
    {"%12 = transpose %6 order=[1,0] : f32[7,6]\n%13 = transpose %5 order=[1,0] : f32[6,4]\n"
     "%14 = matmul %12 %13 : f32[7,4]\n%15 = transpose %14 order=[1,0] : f32[4,7]",
     "matmul 5 6 with 14"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = exp %12 : f32[4,7]\n"
     "%14 = transpose %12 order=[1,0] : f32[7,4]",
     "move"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = transpose %12 order=[0,1] : f32[4,7]", "move"},
    {"%12 = exp %5 : f32[4,6]\n%13 = transpose %12 order=[1,0] : f32[6,4]", "move"},
    {"%12 = reshape %0 sizes=[8,4,3] : f32[8,4,3]\n%13 = reshape %1 sizes=[15,3,3] : f32[15,3,3]\n"
     "%14 = conv %12 %13 stride=[1] dilation=[1] spread=[1] before=[0] after=[0] groups=1 : "
     "f32[8,2,15]",
     "conv 12 13"},
    {"%12 = reshape %0 sizes=[2,4,2,2,3] : f32[2,4,2,2,3]\n"
     "%13 = reshape %1 sizes=[5,3,3,1,3] : f32[5,3,3,1,3]\n"
     "%14 = conv %12 %13 stride=[1,1,1] dilation=[1,1,1] spread=[1,1,1] before=[0,1,0] "
     "after=[0,0,0] groups=1 : f32[2,2,1,2,5]",
     "reference"},
    {"%12 = convert %0 element=f64 : f64[2,4,4,3]\n%13 = convert %1 element=f64 : f64[5,3,3,3]\n"
     "%14 = conv %12 %13 " SAME " groups=1 : f64[2,2,2,5]",
     "reference"},
    {"%12 = slice %0 first=[0,0,0,0] sizes=[0,4,4,3] steps=[1,1,1,1] : f32[0,4,4,3]\n"
     "%13 = conv %12 %1 " SAME " groups=1 : f32[0,2,2,5]",
     "reference"},
    {"%12 = input \"thin\" : f32[2,4,4,0]\n%13 = input \"none\" : f32[5,3,3,0]\n"
     "%14 = conv %12 %13 " SAME " groups=1 : f32[2,2,2,5]",
     "reference"},
    {"%12 = reshape %5 sizes=[1,4,6] : f32[1,4,6]\n%13 = matmul %12 %6 : f32[1,4,7]", "reference"},
    {"%12 = reshape %6 sizes=[1,6,7] : f32[1,6,7]\n%13 = matmul %5 %12 : f32[1,4,7]", "reference"},
    {"%12 = transpose %8 order=[1,0] : i32[6,4]\n%13 = matmul %8 %12 : i32[4,4]", "reference"},
    {"%12 = transpose %9 order=[1,0] : f64[6,4]\n%13 = matmul %9 %12 : f64[4,4]", "reference"},
    {"%12 = input \"flat\" : f32[0,6]\n%13 = matmul %12 %6 : f32[0,7]", "reference"},
    {"%12 = input \"thin\" : f32[4,0]\n%13 = input \"low\" : f32[0,7]\n"
     "%14 = matmul %12 %13 : f32[4,7]",
     "reference"},
};

#define RELU(sum, type) "greater_of %4 %" sum " : " type

static const pattern biases[] = {
    {"%12 = " CONV "\n%13 = add %2 %12 : f32[2,2,2,5]", "conv 0 1 2 bias with 12"},
    {"%12 = " CONV "\n%13 = add %2 %12 : f32[2,2,2,5]\n%14 = " RELU("13", "f32[2,2,2,5]"),
     "conv 0 1 2 bias relu with 12 13"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = add %7 %12 : f32[4,7]", "matmul 5 6 7 bias with 12"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = add %7 %12 : f32[4,7]\n%14 = " RELU("13", "f32[4,7]"),
     "matmul 5 6 7 bias relu with 12 13"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = reshape %7 sizes=[1,7] : f32[1,7]\n"
     "%14 = add %12 %13 : f32[4,7]",
     "matmul 5 6 13 bias with 12"},
    // Both could be the product: the first is.
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = add %12 %12 : f32[4,7]", "elementwise"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = exp %12 : f32[4,7]\n%14 = add %7 %12 : f32[4,7]\n"
     "%15 = add %13 %14 : f32[4,7]",
     "elementwise"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = subtract %12 %7 : f32[4,7]", "elementwise"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = add %4 %12 : f32[4,7]", "elementwise"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = reshape %7 sizes=[7,1] : f32[7,1]\n"
     "%14 = slice %13 first=[0,0] sizes=[4,1] steps=[1,1] : f32[4,1]\n%15 = add %12 %14 : f32[4,7]",
     "elementwise"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = broadcast %7 sizes=[4,7] : f32[4,7]\n"
     "%14 = add %12 %13 : f32[4,7]",
     "elementwise"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = reshape %7 sizes=[1,1,7] : f32[1,1,7]\n"
     "%14 = add %12 %13 : f32[1,4,7]",
     "elementwise"},
    {"%12 = transpose %9 order=[1,0] : f64[6,4]\n%13 = matmul %9 %12 : f64[4,4]\n"
     "%14 = slice %9 first=[0,0] sizes=[1,4] steps=[1,1] : f64[1,4]\n%15 = add %13 %14 : f64[4,4]",
     "reference"},
    {"%12 = exp %5 : f32[4,6]\n%13 = input \"six\" : f32[6]\n%14 = add %12 %13 : f32[4,6]",
     "elementwise"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = add %7 %12 : f32[4,7]\n%14 = constant {1} : f32[]\n"
     "%15 = greater_of %13 %14 : f32[4,7]",
     "elementwise"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = add %7 %12 : f32[4,7]\n"
     "%14 = lesser_of %4 %13 : f32[4,7]",
     "elementwise"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = add %7 %12 : f32[4,7]\n"
     "%14 = " RELU("13", "f32[4,7]") "\n%15 = add %13 %14 : f32[4,7]\n%16 = stop %14 : f32[4,7]",
     "reference"},
    {"%12 = add %3 %2 : f32[2,2,2,5]\n%13 = " RELU("12", "f32[2,2,2,5]"), "elementwise"},
};

#define TURNED                                                                                     \
    "%12 = transpose %0 order=[3,1,2,0] : f32[3,4,4,2]\n%13 = transpose %3 order=[3,1,2,0] : "     \
    "f32[5,2,2,2]\n"

static const pattern gradients[] = {
    {TURNED "%14 = conv %12 %13 " SAME " groups=1 : f32[3,3,3,5]\n"
            "%15 = transpose %14 order=[3,1,2,0] : f32[5,3,3,3]",
     "weights_gradient 0 3 with 14"},
    {TURNED "%14 = conv %12 %13 " SAME " groups=1 : f32[3,3,3,5]\n"
            "%15 = transpose %14 order=[3,2,1,0] : f32[5,3,3,3]",
     "move"},
    {TURNED "%14 = conv %12 %13 " SAME " groups=2 : f32[3,3,3,5]\n", NULL},
    {TURNED "%14 = conv %12 %13 " SAME " groups=1 : f32[3,3,3,5]\n"
            "%15 = exp %14 : f32[3,3,3,5]\n%16 = transpose %14 order=[3,1,2,0] : f32[5,3,3,3]\n"
            "%17 = add %16 %1 : f32[5,3,3,3]",
     "elementwise"},
    {"%12 = transpose %3 order=[3,1,2,0] : f32[5,2,2,2]\n%13 = reshape %0 sizes=[3,4,4,2] : "
     "f32[3,4,4,2]\n"
     "%14 = conv %13 %12 " SAME " groups=1 : f32[3,3,3,5]\n"
     "%15 = transpose %14 order=[3,1,2,0] : f32[5,3,3,3]",
     "move"},
    {"%12 = transpose %0 order=[3,1,2,0] : f32[3,4,4,2]\n%13 = reshape %3 sizes=[5,2,2,2] : "
     "f32[5,2,2,2]\n"
     "%14 = conv %12 %13 " SAME " groups=1 : f32[3,3,3,5]\n"
     "%15 = transpose %14 order=[3,1,2,0] : f32[5,3,3,3]",
     "move"},
    {"%12 = less_or_equal %5 %4 : bool[4,6]\n%13 = input \"dy 2\" : f32[4,6]\n"
     "%14 = select %12 %4 %13 : f32[4,6]",
     "relu_gradient 5 13 with 12"},
    {"%12 = less %5 %4 : bool[4,6]\n%13 = input \"dy 2\" : f32[4,6]\n%14 = select %12 %4 %13 : "
     "f32[4,6]",
     "elementwise"},
    {"%12 = less_or_equal %4 %5 : bool[4,6]\n%13 = input \"dy 2\" : f32[4,6]\n"
     "%14 = select %12 %4 %13 : f32[4,6]",
     "elementwise"},
    {"%12 = less_or_equal %5 %4 : bool[4,6]\n%13 = input \"dy 2\" : f32[4,6]\n"
     "%14 = select %12 %13 %4 : f32[4,6]",
     "elementwise"},
    {"%12 = constant {1} : f32[]\n%13 = less_or_equal %5 %12 : bool[4,6]\n%14 = input \"dy 2\" : "
     "f32[4,6]\n"
     "%15 = select %13 %4 %14 : f32[4,6]",
     "elementwise"},
    {"%12 = constant {1} : f32[]\n%13 = less_or_equal %5 %4 : bool[4,6]\n%14 = input \"dy 2\" : "
     "f32[4,6]\n"
     "%15 = select %13 %12 %14 : f32[4,6]",
     "elementwise"},
    {"%12 = input \"six\" : f32[6]\n%13 = less_or_equal %12 %4 : bool[6]\n%14 = select %13 %4 %5 : "
     "f32[4,6]",
     "elementwise"},
    {"%12 = input \"six\" : f32[6]\n%13 = less_or_equal %5 %4 : bool[4,6]\n%14 = select %13 %4 %12 "
     ": f32[4,6]",
     "elementwise"},
    {"%12 = constant {0} : f64[]\n%13 = less_or_equal %9 %12 : bool[4,6]\n%14 = select %13 %12 %9 "
     ": f64[4,6]",
     "reference"},
    {"%12 = less_or_equal %5 %4 : bool[4,6]\n%13 = not %12 : bool[4,6]\n%14 = input \"dy 2\" : "
     "f32[4,6]\n"
     "%15 = select %12 %4 %14 : f32[4,6]\n%16 = select %13 %15 %5 : f32[4,6]",
     "elementwise"},
};

static const pattern alone[] = {
    {POOL, "pool_greatest"},
    {"%12 = reshape %0 sizes=[8,4,3] : f32[8,4,3]\n"
     "%13 = pool_greatest %12 window=[2] stride=[2] dilation=[1] spread=[1] before=[0] after=[0] : "
     "f32[8,2,3], i32[8,2,3]",
     "reference"},
    {"%12 = convert %0 element=f64 : f64[2,4,4,3]\n"
     "%13 = pool_greatest %12 window=[2,2] stride=[2,2] dilation=[1,1] spread=[1,1] before=[0,0] "
     "after=[0,0] : f64[2,2,2,3], i32[2,2,2,3]",
     "reference"},
    {"%12 = pool_sum %0 window=[2,2] " SAME " : f32[2,3,3,3]", "reference"},
    {"%12 = negate %5 : f32[4,6]", "elementwise"},
    {"%12 = absolute %5 : f32[4,6]", "elementwise"},
    {"%12 = exp %5 : f32[4,6]", "elementwise"},
    {"%12 = log %5 : f32[4,6]", "elementwise"},
    {"%12 = sqrt %5 : f32[4,6]", "elementwise"},
    {"%12 = sin %5 : f32[4,6]", "elementwise"},
    {"%12 = cos %5 : f32[4,6]", "elementwise"},
    {"%12 = tanh %5 : f32[4,6]", "elementwise"},
    {"%12 = erf %5 : f32[4,6]", "elementwise"},
    {"%12 = atan %5 : f32[4,6]", "reference"},
    {"%12 = sign %5 : f32[4,6]", "reference"},
    {"%12 = floor %5 : f32[4,6]", "reference"},
    {"%12 = negate %8 : i32[4,6]", "reference"},
    {"%12 = exp %9 : f64[4,6]", "reference"},
    {"%12 = convert %5 element=f64 : f64[4,6]", "reference"},
    {"%12 = convert %9 element=f32 : f32[4,6]", "reference"},
    {"%12 = subtract %5 %4 : f32[4,6]", "elementwise"},
    {"%12 = multiply %5 %4 : f32[4,6]", "elementwise"},
    {"%12 = divide %5 %4 : f32[4,6]", "elementwise"},
    {"%12 = greater_of %5 %4 : f32[4,6]", "elementwise"},
    {"%12 = lesser_of %5 %4 : f32[4,6]", "elementwise"},
    {"%12 = power %5 %4 : f32[4,6]", "reference"},
    {"%12 = add %9 %9 : f64[4,6]", "reference"},
    {"%12 = equal %5 %4 : bool[4,6]", "elementwise"},
    {"%12 = less %5 %4 : bool[4,6]", "elementwise"},
    {"%12 = less_or_equal %5 %4 : bool[4,6]", "elementwise"},
    {"%12 = equal %8 %8 : bool[4,6]", "reference"},
    {"%12 = select %10 %5 %4 : f32[4,6]", "elementwise"},
    {"%12 = select %10 %8 %8 : i32[4,6]", "reference"},
    {"%12 = not %10 : bool[4,6]", "reference"},
    {"%12 = transpose %8 order=[1,0] : i32[6,4]", "move"},
    {"%12 = broadcast %7 sizes=[3,7] : f32[3,7]", "move"},
    {"%12 = slice %9 first=[1,2] sizes=[2,2] steps=[2,2] : f64[2,2]", "move"},
    {"%12 = flip %10 axes=[0,1] : bool[4,6]", "move"},
    {"%12 = pad %5 %4 before=[1,-1] after=[-2,2] between=[1,0] : f32[6,7]", "pad"},
    {"%12 = concatenate %8 %8 axis=1 : i32[4,12]", "concatenate"},
    {"%12 = sum %5 axes=[0] : f32[1,6]", "sum"},
    {"%12 = sum %5 axes=[1] : f32[4,1]", "sum"},
    {"%12 = sum %8 axes=[0] : i32[1,6]", "reference"},
    {"%12 = product %5 axes=[0] : f32[1,6]", "reference"},
    {"%12 = log_sum_exp %5 axes=[1] : f32[4,1]", "log_sum_exp"},
    {"%12 = log_sum_exp %5 axes=[0] : f32[1,6]", "log_sum_exp"},
    {"%12 = log_sum_exp %9 axes=[1] : f64[4,1]", "reference"},
    {"%12 = iota element=f32 sizes=[4] axis=0 : f32[4]", "reference"},
    {"%12 = cumulative_sum %5 axis=0 exclusive=0 reverse=0 : f32[4,6]", "reference"},
};

static const struct {
    tt_kernel *kernel;
    const char *name;
} kernels[] = {
    {tt_reference_kernel, "reference"},
    {tt_conv_kernel, "conv"},
    {tt_weights_gradient_kernel, "weights_gradient"},
    {tt_matmul_kernel, "matmul"},
    {tt_pool_greatest_kernel, "pool_greatest"},
    {tt_pool_gradient_kernel, "pool_gradient"},
    {tt_elementwise_kernel, "elementwise"},
    {tt_relu_gradient_kernel, "relu_gradient"},
    {tt_sum_kernel, "sum"},
    {tt_log_sum_exp_kernel, "log_sum_exp"},
    {tt_move_kernel, "move"},
    {tt_pad_kernel, "pad"},
    {tt_concatenate_kernel, "concatenate"},
};

static tt_graph *parsed(const char *own)
{
    char text[8192], said[1024] = "";
    tt_text why;
    tt_text_init(&why, said, sizeof(said));
    snprintf(text, sizeof(text), "%s%s", inputs, own);
    tt_graph *graph = tt_graph_parse(text, strlen(text), &why);
    if (graph == NULL)
        printf("%s\n%s\n", said, own);
    REQUIRE(graph != NULL);
    return graph;
}

// The step of a graph's last node, and its description.
static tt_step match(const tt_graph *graph, char told[256])
{
    uint32_t nodes = tt_graph_count(graph), uses[64] = {0};
    bool fused[64] = {false};
    tt_step step;
    char *at = told;
    REQUIRE(nodes <= 64);
    uses[nodes - 1] = 2; // a result
    for (uint32_t node = 0; node < nodes; node++)
        for (unsigned i = 0; i < tt_graph_node(graph, node)->input_count; i++)
            uses[tt_graph_inputs(graph, node)[i].node]++;
    tt_match(&(tt_matching){graph, uses, fused}, nodes - 1, &step);
    told[0] = '\0';
    for (size_t i = 0; i < TT_COUNT(kernels); i++)
        if (kernels[i].kernel == step.kernel)
            at += sprintf(at, "%s", kernels[i].name);
    for (unsigned i = 0; i < step.input_count; i++)
        at += sprintf(at, " %u", step.value[i].node);
    at += sprintf(at, "%s%s", step.bias ? " bias" : "", step.relu ? " relu" : "");
    bool any = false;
    for (uint32_t node = 0; node < nodes; node++)
        if (fused[node]) {
            at += sprintf(at, "%s %u", any ? "" : " with", node);
            any = true;
        }
    return step;
}

// Elements with as many bytes of a pattern before and behind.
#define GUARD 256
typedef struct guarded {
    char *all;
    size_t bytes;
} guarded;

static void *guard(guarded *g, size_t bytes)
{
    g->bytes = bytes;
    REQUIRE(posix_memalign((void **)&g->all, 64, bytes + 2 * GUARD) == 0);
    memset(g->all, 0x5a, bytes + 2 * GUARD);
    return g->all + GUARD;
}

static bool unguard(guarded *g)
{
    bool sound = true;
    for (size_t i = 0; i < GUARD; i++)
        sound = sound && g->all[i] == 0x5a && g->all[GUARD + g->bytes + i] == 0x5a;
    free(g->all);
    return sound;
}

static bool near(const tt_cells *a, const tt_cells *b)
{
    int64_t count = tt_type_count(&a->type);
    tt_element element = (tt_element)a->type.element;
    for (int64_t i = 0; i < count; i++) {
        double x = tt_cell_number(element, a->cells[i]), y = tt_cell_number(element, b->cells[i]);
        if (!(x == y || (isnan(x) && isnan(y)) || fabs(x - y) <= 2e-6 * (1 + fabs(y))))
            return false;
    }
    return true;
}

// Runs a step on the reference's values of what it reads, and holds it to the reference.
static bool agrees(const tt_graph *graph, tt_step *step)
{
    uint32_t nodes = tt_graph_count(graph);
    const void *data[64] = {NULL}, *in[TT_STEP_INPUTS];
    void *out[TT_OUTPUTS_MAX], *kept[64] = {NULL};
    guarded outs[TT_OUTPUTS_MAX], scratch;
    tt_random random;
    tt_reference *reference;
    tt_value values[64];
    tt_random_seed(&random, 7);
    for (uint32_t i = 0; i < tt_graph_buffer_count(graph); i++) {
        const tt_buffer *buffer = tt_graph_buffer(graph, i);
        int64_t count = tt_type_count(&buffer->type);
        data[i] = kept[i] = calloc((size_t)count + 1, 8);
        for (int64_t k = 0; k < count; k++) // whole numbers, some of them equal
            tt_cell_store((tt_element)buffer->type.element, kept[i], k,
                          tt_cell_of_number((tt_element)buffer->type.element,
                                            (double)tt_random_below(&random, 9) - 4));
    }
    for (uint32_t node = 0; node < nodes; node++)
        values[node] = (tt_value){node, 0};
    unsigned outputs = tt_graph_node(graph, step->node)->output_count;
    if (outputs == 2)
        values[nodes++] = (tt_value){step->node, 1};
    REQUIRE(tt_reference_run(graph, nodes, values, data, NULL, &reference, NULL) == TT_OK);
    const tt_value *read = step->input_count > 0 ? step->value : tt_graph_inputs(graph, step->node);
    unsigned count =
        step->input_count > 0 ? step->input_count : tt_graph_node(graph, step->node)->input_count;
    void *bytes[TT_STEP_INPUTS];
    for (unsigned i = 0; i < count; i++) {
        tt_reference *one;
        REQUIRE(tt_reference_run(graph, 1, &read[i], data, NULL, &one, NULL) == TT_OK);
        const tt_cells *cells = tt_reference_result(one, 0);
        in[i] = bytes[i] = calloc((size_t)tt_type_count(&cells->type) + 1, 8);
        tt_cells_store(cells, bytes[i]);
        tt_reference_free(one);
    }
    for (unsigned i = 0; i < outputs; i++) {
        const tt_type *type = tt_graph_type(graph, (tt_value){step->node, (uint16_t)i});
        out[i] = guard(&outs[i],
                       (size_t)tt_type_count(type) * tt_element_bytes((tt_element)type->element));
    }
    tt_pool *pool = tt_pool_new(2);
    tt_running running = {graph, pool, guard(&scratch, step->scratch), NULL};
    step->in = in;
    step->out = out;
    bool sound = step->kernel(&running, step) == TT_OK;
    for (unsigned i = 0; i < outputs; i++) {
        const tt_cells *expected = tt_reference_result(reference, i == 0 ? step->node : nodes - 1);
        tt_cells is = {expected->type, calloc((size_t)tt_type_count(&expected->type) + 1, 8)};
        for (int64_t k = 0; k < tt_type_count(&is.type); k++)
            is.cells[k] = tt_cell_load((tt_element)is.type.element, out[i], k);
        sound = near(&is, expected) && sound;
        free(is.cells);
        sound = unguard(&outs[i]) && sound;
    }
    sound = unguard(&scratch) && sound;
    tt_pool_free(pool);
    for (unsigned i = 0; i < count; i++)
        free(bytes[i]);
    for (uint32_t i = 0; i < tt_graph_buffer_count(graph); i++)
        free(kept[i]);
    tt_reference_free(reference);
    return sound;
}

static void check_case(const char *text, const char *expected)
{
    char told[256];
    tt_graph *graph = parsed(text);
    tt_step step = match(graph, told);
    EXPECT_TEXT(told, expected);
    bool sound = agrees(graph, &step);
    EXPECT(sound);
    if (!sound || strcmp(told, expected) != 0)
        printf("%s\n", text);
    tt_graph_free(graph);
}

static void check_all(const pattern *patterns, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (patterns[i].step != NULL)
            check_case(patterns[i].text, patterns[i].step);
}

// The gradient of a greatest pool, as product.c makes it, with one thing otherwise.
typedef enum otherwise {
    NOTHING,
    ANOTHER_PLACE,
    ANOTHER_DY,
    ANOTHER_FILL,
    ANOTHER_TAP,
    A_TAP_LESS,
    ANOTHER_ROW,
    ANOTHER_STEP,
    ANOTHER_ELSE,
    SUM_TWICE,
    TERM_TWICE,
    RELU_OF_IT,
    RELU_OF_ANOTHER,
    RELU_TWICE,
    WAYS
} otherwise;

#define POOL_TERMS "17 18 19 21 22 23 24 26 27 28 29 31 32 33"

static const char *expected_of(otherwise way)
{
    switch (way) {
    case NOTHING:
        return "pool_gradient 12 11 with " POOL_TERMS;
    case RELU_OF_IT: // the pool's own input was a ReLU's: one step
        return "pool_gradient 12 11 12 relu with " POOL_TERMS " 34 35";
    case RELU_OF_ANOTHER: // the sum has a step of its own
        return "relu_gradient 35 34 with 36";
    case RELU_TWICE:
        return "relu_gradient 0 34 with 36";
    default:
        return "elementwise";
    }
}

static void check_pool_gradient(otherwise way)
{
    char text[4096] = POOL, told[256];
    size_t length = strlen(text);
    uint32_t node = 13, sum = 0;
    length +=
        (size_t)snprintf(text + length, sizeof(text) - length,
                         "%%13 = constant {1} : f32[]\n%%14 = input \"other\" : f32[2,2,2,3]\n"
                         "%%15 = pool_greatest %%0 window=[2,2] stride=[2,2] dilation=[1,1] "
                         "spread=[1,1] before=[1,0] after=[0,0] : f32[2,2,2,3], i32[2,2,2,3]\n");
    node = 16;
    for (unsigned tap = 0; tap < (way == A_TAP_LESS ? 3 : 4); tap++) {
        bool odd = tap == 2;
        unsigned row = tap / 2, column = tap % 2, between = odd && way == ANOTHER_STEP ? 0 : 1;
        if (odd && way == ANOTHER_ROW)
            row = 0;
        length += (size_t)snprintf(
            text + length, sizeof(text) - length,
            "%%%u = constant {%u} : i32[]\n%%%u = equal %%%u.1 %%%u : bool[2,2,2,3]\n"
            "%%%u = select %%%u %%%u %%%u : f32[2,2,2,3]\n"
            "%%%u = pad %%%u %%%u before=[0,%u,%u,0] after=[0,%u,%u,0] between=[0,%u,1,0] : "
            "f32[2,4,4,3]\n",
            node, odd && way == ANOTHER_TAP ? 5 : tap, node + 1,
            odd && way == ANOTHER_PLACE ? 15 : 12, node, node + 2, node + 1,
            odd && way == ANOTHER_DY ? 14 : 11, odd && way == ANOTHER_ELSE ? 13 : 4, node + 3,
            node + 2, odd && way == ANOTHER_FILL ? 13 : 4, row, column,
            between == 0 ? 2 - row : 1 - row, 1 - column, between);
        uint32_t term = node + 3;
        node += 4;
        if (tap > 0) {
            length += (size_t)snprintf(text + length, sizeof(text) - length,
                                       "%%%u = add %%%u %%%u : f32[2,4,4,3]\n", node, sum, term);
            sum = node++;
        } else {
            sum = term;
        }
        if (odd && (way == SUM_TWICE || way == TERM_TWICE))
            length += (size_t)snprintf(text + length, sizeof(text) - length,
                                       "%%%u = exp %%%u : f32[2,4,4,3]\n", node++,
                                       way == SUM_TWICE ? sum : term);
    }
    if (way == RELU_OF_ANOTHER)
        length += (size_t)snprintf(text + length, sizeof(text) - length,
                                   "%%%u = input \"another\" : f32[2,4,4,3]\n", node++);
    if (way == RELU_TWICE)
        length += (size_t)snprintf(text + length, sizeof(text) - length,
                                   "%%%u = exp %%%u : f32[2,4,4,3]\n", node++, sum);
    if (way >= RELU_OF_IT)
        snprintf(text + length, sizeof(text) - length,
                 "%%%u = less_or_equal %%%u %%4 : bool[2,4,4,3]\n"
                 "%%%u = select %%%u %%4 %%%u : f32[2,4,4,3]\n",
                 node, way == RELU_OF_ANOTHER ? node - 1 : 0, node + 1, node, sum);
    tt_graph *graph = parsed(text);
    tt_step step = match(graph, told);
    EXPECT_TEXT(told, expected_of(way));
    EXPECT(agrees(graph, &step));
    tt_graph_free(graph);
}

// Sizes that the BLAS does not count are the reference's; nothing of that size is run.
static void check_sizes(void)
{
    static const pattern sizes[] = {
        {"%12 = input \"a 2\" : f32[2147483647,1]\n%13 = input \"b 2\" : f32[1,1]\n"
         "%14 = matmul %12 %13 : f32[2147483647,1]",
         "matmul 12 13"},
        {"%12 = input \"a 2\" : f32[2147483648,1]\n%13 = input \"b 2\" : f32[1,1]\n"
         "%14 = matmul %12 %13 : f32[2147483648,1]",
         "reference"},
        {"%12 = input \"a 2\" : f32[1,2147483648]\n%13 = input \"b 2\" : f32[2147483648,1]\n"
         "%14 = matmul %12 %13 : f32[1,1]",
         "reference"},
        {"%12 = input \"a 2\" : f32[1,1]\n%13 = input \"b 2\" : f32[1,2147483648]\n"
         "%14 = matmul %12 %13 : f32[1,2147483648]",
         "reference"},
        {"%12 = input \"x 2\" : f32[1,2147483647,1]\n%13 = input \"w 2\" : f32[1,1,1]\n"
         "%14 = conv %12 %13 stride=[1] dilation=[1] spread=[1] before=[0] after=[0] groups=1 : "
         "f32[1,2147483647,1]",
         "conv 12 13"},
        {"%12 = input \"x 2\" : f32[1,2147483648,1]\n%13 = input \"w 2\" : f32[1,1,1]\n"
         "%14 = conv %12 %13 stride=[1] dilation=[1] spread=[1] before=[0] after=[0] groups=1 : "
         "f32[1,2147483648,1]",
         "reference"},
        {"%12 = input \"x 2\" : f32[1,1,1]\n%13 = input \"w 2\" : f32[2147483648,1,1]\n"
         "%14 = conv %12 %13 stride=[1] dilation=[1] spread=[1] before=[0] after=[0] groups=1 : "
         "f32[1,1,2147483648]",
         "reference"},
        {"%12 = input \"x 2\" : f32[1,1,2147483648]\n%13 = input \"w 2\" : f32[1,1,2147483648]\n"
         "%14 = conv %12 %13 stride=[1] dilation=[1] spread=[1] before=[0] after=[0] groups=1 : "
         "f32[1,1,1]",
         "reference"},
        {"%12 = input \"x 2\" : f32[1,1074790399,1]\n%13 = input \"w 2\" : f32[1,1048576,1]\n"
         "%14 = conv %12 %13 stride=[1] dilation=[1] spread=[1] before=[0] after=[0] groups=1 : "
         "f32[1,1073741824,1]",
         "reference"},
    };
    for (size_t i = 0; i < TT_COUNT(sizes); i++) {
        char told[256];
        tt_graph *graph = parsed(sizes[i].text);
        match(graph, told);
        EXPECT_TEXT(told, sizes[i].step);
        tt_graph_free(graph);
    }
}

int main(void)
{
    check_sizes();
    check_all(products, TT_COUNT(products));
    check_all(biases, TT_COUNT(biases));
    check_all(gradients, TT_COUNT(gradients));
    check_all(alone, TT_COUNT(alone));
    for (int way = NOTHING; way < WAYS; way++)
        check_pool_gradient((otherwise)way);
    return test_result();
}
