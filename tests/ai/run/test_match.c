// Which kernel a node gets and what goes into its step, pattern by pattern, with all that only
// looks like one; and that the kernel makes what the reference makes, and writes nothing beside it.

#include "tests/ai/run/matched.h"

// `step` is the kernel's name, the values that it reads where they are not the node's inputs, what
// is done besides, and which nodes are part of the step.
typedef struct pattern {
    const char *text, *step;
} pattern;

#define SAME "stride=[1,1] dilation=[1,1] spread=[1,1] before=[0,0] after=[0,0]"
#define CONV "conv %0 %1 " SAME " groups=1 : f32[2,2,2,5]"

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
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = add %12 %12 : f32[4,7]", "form"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = exp %12 : f32[4,7]\n%14 = add %7 %12 : f32[4,7]\n"
     "%15 = add %13 %14 : f32[4,7]",
     "form"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = subtract %12 %7 : f32[4,7]", "form"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = add %4 %12 : f32[4,7]", "form"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = reshape %7 sizes=[7,1] : f32[7,1]\n"
     "%14 = slice %13 first=[0,0] sizes=[4,1] steps=[1,1] : f32[4,1]\n%15 = add %12 %14 : f32[4,7]",
     "form"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = broadcast %7 sizes=[4,7] : f32[4,7]\n"
     "%14 = add %12 %13 : f32[4,7]",
     "form"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = reshape %7 sizes=[1,1,7] : f32[1,1,7]\n"
     "%14 = add %12 %13 : f32[1,4,7]",
     "form"},
    {"%12 = transpose %9 order=[1,0] : f64[6,4]\n%13 = matmul %9 %12 : f64[4,4]\n"
     "%14 = slice %9 first=[0,0] sizes=[1,4] steps=[1,1] : f64[1,4]\n%15 = add %13 %14 : f64[4,4]",
     "reference"},
    {"%12 = exp %5 : f32[4,6]\n%13 = input \"six\" : f32[6]\n%14 = add %12 %13 : f32[4,6]", "form"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = add %7 %12 : f32[4,7]\n%14 = constant {1} : f32[]\n"
     "%15 = greater_of %13 %14 : f32[4,7]",
     "form"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = add %7 %12 : f32[4,7]\n"
     "%14 = lesser_of %4 %13 : f32[4,7]",
     "form"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = add %7 %12 : f32[4,7]\n"
     "%14 = " RELU("13", "f32[4,7]") "\n%15 = add %13 %14 : f32[4,7]\n%16 = stop %14 : f32[4,7]",
     "reference"},
    {"%12 = add %3 %2 : f32[2,2,2,5]\n%13 = " RELU("12", "f32[2,2,2,5]"), "form"},
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
     "form"},
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
     "form"},
    {"%12 = less %5 %4 : bool[4,6]\n%13 = input \"dy 2\" : f32[4,6]\n%14 = select %12 %4 %13 : "
     "f32[4,6]",
     "form"},
    {"%12 = less_or_equal %4 %5 : bool[4,6]\n%13 = input \"dy 2\" : f32[4,6]\n"
     "%14 = select %12 %4 %13 : f32[4,6]",
     "form"},
    {"%12 = less_or_equal %5 %4 : bool[4,6]\n%13 = input \"dy 2\" : f32[4,6]\n"
     "%14 = select %12 %13 %4 : f32[4,6]",
     "form"},
    {"%12 = constant {1} : f32[]\n%13 = less_or_equal %5 %12 : bool[4,6]\n%14 = input \"dy 2\" : "
     "f32[4,6]\n"
     "%15 = select %13 %4 %14 : f32[4,6]",
     "form"},
    {"%12 = constant {1} : f32[]\n%13 = less_or_equal %5 %4 : bool[4,6]\n%14 = input \"dy 2\" : "
     "f32[4,6]\n"
     "%15 = select %13 %12 %14 : f32[4,6]",
     "form"},
    {"%12 = input \"six\" : f32[6]\n%13 = less_or_equal %12 %4 : bool[6]\n%14 = select %13 %4 %5 : "
     "f32[4,6]",
     "form"},
    {"%12 = input \"six\" : f32[6]\n%13 = less_or_equal %5 %4 : bool[4,6]\n%14 = select %13 %4 %12 "
     ": f32[4,6]",
     "form"},
    {"%12 = constant {0} : f64[]\n%13 = less_or_equal %9 %12 : bool[4,6]\n%14 = select %13 %12 %9 "
     ": f64[4,6]",
     "reference"},
    {"%12 = less_or_equal %5 %4 : bool[4,6]\n%13 = not %12 : bool[4,6]\n%14 = input \"dy 2\" : "
     "f32[4,6]\n"
     "%15 = select %12 %4 %14 : f32[4,6]\n%16 = select %13 %15 %5 : f32[4,6]",
     "form"},
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
    {"%12 = negate %5 : f32[4,6]", "form"},
    {"%12 = absolute %5 : f32[4,6]", "form"},
    {"%12 = exp %5 : f32[4,6]", "form"},
    {"%12 = log %5 : f32[4,6]", "form"},
    {"%12 = sqrt %5 : f32[4,6]", "form"},
    {"%12 = sin %5 : f32[4,6]", "form"},
    {"%12 = cos %5 : f32[4,6]", "form"},
    {"%12 = tanh %5 : f32[4,6]", "form"},
    {"%12 = erf %5 : f32[4,6]", "form"},
    {"%12 = atan %5 : f32[4,6]", "form"},
    {"%12 = sign %5 : f32[4,6]", "reference"},
    {"%12 = floor %5 : f32[4,6]", "form"},
    {"%12 = negate %8 : i32[4,6]", "reference"},
    {"%12 = exp %9 : f64[4,6]", "reference"},
    {"%12 = convert %5 element=f64 : f64[4,6]", "reference"},
    {"%12 = convert %9 element=f32 : f32[4,6]", "reference"},
    {"%12 = subtract %5 %4 : f32[4,6]", "form"},
    {"%12 = multiply %5 %4 : f32[4,6]", "form"},
    {"%12 = divide %5 %4 : f32[4,6]", "form"},
    {"%12 = greater_of %5 %4 : f32[4,6]", "form"},
    {"%12 = lesser_of %5 %4 : f32[4,6]", "form"},
    {"%12 = power %5 %4 : f32[4,6]", "reference"},
    {"%12 = add %9 %9 : f64[4,6]", "reference"},
    {"%12 = equal %5 %4 : bool[4,6]", "form"},
    {"%12 = less %5 %4 : bool[4,6]", "form"},
    {"%12 = less_or_equal %5 %4 : bool[4,6]", "form"},
    {"%12 = equal %8 %8 : bool[4,6]", "form"},
    {"%12 = select %10 %5 %4 : f32[4,6]", "form"},
    {"%12 = select %10 %8 %8 : i32[4,6]", "form"},
    {"%12 = not %10 : bool[4,6]", "form"},
    {"%12 = transpose %8 order=[1,0] : i32[6,4]", "move"},
    {"%12 = broadcast %7 sizes=[3,7] : f32[3,7]", "move"},
    {"%12 = slice %9 first=[1,2] sizes=[2,2] steps=[2,2] : f64[2,2]", "move"},
    {"%12 = flip %10 axes=[0,1] : bool[4,6]", "move"},
    {"%12 = pad %5 %4 before=[1,-1] after=[-2,2] between=[1,0] : f32[6,7]", "pad"},
    {"%12 = concatenate %8 %8 axis=1 : i32[4,12]", "concatenate"},
    {"%12 = sum %5 axes=[0] : f32[1,6]", "form"},
    {"%12 = sum %5 axes=[1] : f32[4,1]", "form"},
    {"%12 = sum %8 axes=[0] : i32[1,6]", "reference"},
    {"%12 = product %5 axes=[0] : f32[1,6]", "reference"},
    {"%12 = log_sum_exp %5 axes=[1] : f32[4,1]", "form"},
    {"%12 = log_sum_exp %5 axes=[0] : f32[1,6]", "form"},
    {"%12 = log_sum_exp %9 axes=[1] : f64[4,1]", "reference"},
    {"%12 = iota element=f32 sizes=[4] axis=0 : f32[4]", "form"},
    {"%12 = cumulative_sum %5 axis=0 exclusive=0 reverse=0 : f32[4,6]", "reference"},
};

static void check_all(const pattern *patterns, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (patterns[i].step != NULL)
            check_case(patterns[i].text, patterns[i].step);
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
    return test_result();
}
