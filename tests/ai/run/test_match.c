// Which steps a graph has and what goes into each, pattern by pattern, with all that only looks
// like one; and that they make what the reference makes, and write nothing beside it.

#include "tests/ai/run/matched.h"

// `steps` as matched.h tells them: the nodes of each form, or the kernel of another step.
typedef struct pattern {
    const char *text, *steps;
} pattern;

#define SAME "stride=[1,1] dilation=[1,1] spread=[1,1] before=[0,0] after=[0,0]"
#define CONV "conv %0 %1 " SAME " groups=1 : f32[2,2,2,5]"

static const pattern products[] = {
    {"%12 = " CONV, "move: transpose; conv"},
    {"%12 = matmul %5 %6 : f32[4,7]", "matmul"},
    {"%12 = transpose %6 order=[1,0] : f32[7,6]\n%13 = transpose %5 order=[1,0] : f32[6,4]\n"
     "%14 = matmul %12 %13 : f32[7,4]",
     "matmul"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = transpose %12 order=[1,0] : f32[7,4]",
     "matmul transposed"},
    {"%12 = transpose %6 order=[1,0] : f32[7,6]\n%13 = transpose %5 order=[1,0] : f32[6,4]\n"
     "%14 = matmul %12 %13 : f32[7,4]\n%15 = transpose %14 order=[1,0] : f32[4,7]",
     "matmul transposed"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = exp %12 : f32[4,7]\n"
     "%14 = transpose %12 order=[1,0] : f32[7,4]",
     "matmul exp; move: transpose"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = transpose %12 order=[0,1] : f32[4,7]", "matmul"},
    {"%12 = exp %5 : f32[4,6]\n%13 = transpose %12 order=[1,0] : f32[6,4]", "exp; move: transpose"},
    {"%12 = reshape %0 sizes=[8,4,3] : f32[8,4,3]\n%13 = reshape %1 sizes=[15,3,3] : f32[15,3,3]\n"
     "%14 = conv %12 %13 stride=[1] dilation=[1] spread=[1] before=[0] after=[0] groups=1 : "
     "f32[8,2,15]",
     "move: transpose; conv"},
    {"%12 = reshape %0 sizes=[2,4,2,2,3] : f32[2,4,2,2,3]\n"
     "%13 = reshape %1 sizes=[5,3,3,1,3] : f32[5,3,3,1,3]\n"
     "%14 = conv %12 %13 stride=[1,1,1] dilation=[1,1,1] spread=[1,1,1] before=[0,1,0] "
     "after=[0,0,0] groups=1 : f32[2,2,1,2,5]",
     "move: transpose; conv"},
    {"%12 = convert %0 element=f64 : f64[2,4,4,3]\n%13 = convert %1 element=f64 : f64[5,3,3,3]\n"
     "%14 = conv %12 %13 " SAME " groups=1 : f64[2,2,2,5]",
     "reference: convert; reference: convert; reference: conv"},
    {"%12 = slice %0 first=[0,0,0,0] sizes=[0,4,4,3] steps=[1,1,1,1] : f32[0,4,4,3]\n"
     "%13 = conv %12 %1 " SAME " groups=1 : f32[0,2,2,5]",
     "move: slice; move: transpose; move: transpose; reference: conv"},
    {"%12 = input \"thin\" : f32[2,4,4,0]\n%13 = input \"none\" : f32[5,3,3,0]\n"
     "%14 = conv %12 %13 " SAME " groups=1 : f32[2,2,2,5]",
     "move: transpose; move: transpose; reference: conv"},
    {"%12 = reshape %5 sizes=[1,4,6] : f32[1,4,6]\n%13 = matmul %12 %6 : f32[1,4,7]", "matmul"},
    {"%12 = reshape %6 sizes=[1,6,7] : f32[1,6,7]\n%13 = matmul %5 %12 : f32[1,4,7]", "matmul"},
    {"%12 = transpose %8 order=[1,0] : i32[6,4]\n%13 = matmul %8 %12 : i32[4,4]",
     "move: transpose; reference: matmul"},
    {"%12 = transpose %9 order=[1,0] : f64[6,4]\n%13 = matmul %9 %12 : f64[4,4]",
     "move: transpose; reference: matmul"},
    {"%12 = input \"flat\" : f32[0,6]\n%13 = matmul %12 %6 : f32[0,7]", "reference: matmul"},
    {"%12 = input \"thin\" : f32[4,0]\n%13 = input \"low\" : f32[0,7]\n"
     "%14 = matmul %12 %13 : f32[4,7]",
     "reference: matmul"},
};

#define RELU(sum, type) "greater_of %4 %" sum " : " type

static const pattern biases[] = {
    {"%12 = " CONV "\n%13 = add %2 %12 : f32[2,2,2,5]", "move: transpose; conv add"},
    {"%12 = " CONV "\n%13 = add %2 %12 : f32[2,2,2,5]\n%14 = " RELU("13", "f32[2,2,2,5]"),
     "move: transpose; conv add greater_of"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = add %7 %12 : f32[4,7]", "matmul add"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = add %7 %12 : f32[4,7]\n%14 = " RELU("13", "f32[4,7]"),
     "matmul add greater_of"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = reshape %7 sizes=[1,7] : f32[1,7]\n"
     "%14 = add %12 %13 : f32[4,7]",
     "matmul add"},
    // Both could be the product: the first is.
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = add %12 %12 : f32[4,7]", "matmul add"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = exp %12 : f32[4,7]\n%14 = add %7 %12 : f32[4,7]\n"
     "%15 = add %13 %14 : f32[4,7]",
     "matmul exp add add"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = subtract %12 %7 : f32[4,7]", "matmul subtract"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = add %4 %12 : f32[4,7]", "matmul add"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = reshape %7 sizes=[7,1] : f32[7,1]\n"
     "%14 = slice %13 first=[0,0] sizes=[4,1] steps=[1,1] : f32[4,1]\n%15 = add %12 %14 : f32[4,7]",
     "matmul add"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = broadcast %7 sizes=[4,7] : f32[4,7]\n"
     "%14 = add %12 %13 : f32[4,7]",
     "matmul add"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = reshape %7 sizes=[1,1,7] : f32[1,1,7]\n"
     "%14 = add %12 %13 : f32[1,4,7]",
     "matmul; add"},
    {"%12 = transpose %9 order=[1,0] : f64[6,4]\n%13 = matmul %9 %12 : f64[4,4]\n"
     "%14 = slice %9 first=[0,0] sizes=[1,4] steps=[1,1] : f64[1,4]\n%15 = add %13 %14 : f64[4,4]",
     "move: transpose; reference: matmul; move: slice; reference: add"},
    {"%12 = exp %5 : f32[4,6]\n%13 = input \"six\" : f32[6]\n%14 = add %12 %13 : f32[4,6]",
     "exp add"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = add %7 %12 : f32[4,7]\n%14 = constant {1} : f32[]\n"
     "%15 = greater_of %13 %14 : f32[4,7]",
     "matmul add greater_of"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = add %7 %12 : f32[4,7]\n"
     "%14 = lesser_of %4 %13 : f32[4,7]",
     "matmul add lesser_of"},
    {"%12 = matmul %5 %6 : f32[4,7]\n%13 = add %7 %12 : f32[4,7]\n"
     "%14 = " RELU("13", "f32[4,7]") "\n%15 = add %13 %14 : f32[4,7]\n%16 = stop %14 : f32[4,7]",
     "matmul add greater_of add"},
    {"%12 = add %3 %2 : f32[2,2,2,5]\n%13 = " RELU("12", "f32[2,2,2,5]"), "add greater_of"},
};

#define TURNED                                                                                     \
    "%12 = transpose %0 order=[3,1,2,0] : f32[3,4,4,2]\n%13 = transpose %3 order=[3,1,2,0] : "     \
    "f32[5,2,2,2]\n"

static const pattern gradients[] = {
    {TURNED "%14 = conv %12 %13 " SAME " groups=1 : f32[3,3,3,5]\n"
            "%15 = transpose %14 order=[3,1,2,0] : f32[5,3,3,3]",
     "conv transposed"},
    {TURNED "%14 = conv %12 %13 " SAME " groups=1 : f32[3,3,3,5]\n"
            "%15 = transpose %14 order=[3,2,1,0] : f32[5,3,3,3]",
     "conv transposed"},
    {TURNED "%14 = conv %12 %13 " SAME " groups=1 : f32[3,3,3,5]\n"
            "%15 = exp %14 : f32[3,3,3,5]\n%16 = transpose %14 order=[3,1,2,0] : f32[5,3,3,3]\n"
            "%17 = add %16 %1 : f32[5,3,3,3]",
     "conv; exp; add"},
    {"%12 = transpose %3 order=[3,1,2,0] : f32[5,2,2,2]\n%13 = reshape %0 sizes=[3,4,4,2] : "
     "f32[3,4,4,2]\n"
     "%14 = conv %13 %12 " SAME " groups=1 : f32[3,3,3,5]\n"
     "%15 = transpose %14 order=[3,1,2,0] : f32[5,3,3,3]",
     "conv transposed"},
    {"%12 = transpose %0 order=[3,1,2,0] : f32[3,4,4,2]\n%13 = reshape %3 sizes=[5,2,2,2] : "
     "f32[5,2,2,2]\n"
     "%14 = conv %12 %13 " SAME " groups=1 : f32[3,3,3,5]\n"
     "%15 = transpose %14 order=[3,1,2,0] : f32[5,3,3,3]",
     "move: transpose; conv transposed"},
    {"%12 = less_or_equal %5 %4 : bool[4,6]\n%13 = input \"dy 2\" : f32[4,6]\n"
     "%14 = select %12 %4 %13 : f32[4,6]",
     "less_or_equal select"},
    {"%12 = less %5 %4 : bool[4,6]\n%13 = input \"dy 2\" : f32[4,6]\n%14 = select %12 %4 %13 : "
     "f32[4,6]",
     "less select"},
    {"%12 = less_or_equal %4 %5 : bool[4,6]\n%13 = input \"dy 2\" : f32[4,6]\n"
     "%14 = select %12 %4 %13 : f32[4,6]",
     "less_or_equal select"},
    {"%12 = less_or_equal %5 %4 : bool[4,6]\n%13 = input \"dy 2\" : f32[4,6]\n"
     "%14 = select %12 %13 %4 : f32[4,6]",
     "less_or_equal select"},
    {"%12 = constant {1} : f32[]\n%13 = less_or_equal %5 %12 : bool[4,6]\n%14 = input \"dy 2\" : "
     "f32[4,6]\n"
     "%15 = select %13 %4 %14 : f32[4,6]",
     "less_or_equal select"},
    {"%12 = constant {1} : f32[]\n%13 = less_or_equal %5 %4 : bool[4,6]\n%14 = input \"dy 2\" : "
     "f32[4,6]\n"
     "%15 = select %13 %12 %14 : f32[4,6]",
     "less_or_equal select"},
    {"%12 = input \"six\" : f32[6]\n%13 = less_or_equal %12 %4 : bool[6]\n%14 = select %13 %4 %5 : "
     "f32[4,6]",
     "less_or_equal; select"},
    {"%12 = input \"six\" : f32[6]\n%13 = less_or_equal %5 %4 : bool[4,6]\n%14 = select %13 %4 %12 "
     ": f32[4,6]",
     "less_or_equal select"},
    {"%12 = constant {0} : f64[]\n%13 = less_or_equal %9 %12 : bool[4,6]\n%14 = select %13 %12 %9 "
     ": f64[4,6]",
     "reference: less_or_equal; reference: select"},
    {"%12 = less_or_equal %5 %4 : bool[4,6]\n%13 = not %12 : bool[4,6]\n%14 = input \"dy 2\" : "
     "f32[4,6]\n"
     "%15 = select %12 %4 %14 : f32[4,6]\n%16 = select %13 %15 %5 : f32[4,6]",
     "less_or_equal not select select"},
};

static const pattern alone[] = {
    {POOL, "pool_greatest"},
    {"%12 = reshape %0 sizes=[8,4,3] : f32[8,4,3]\n"
     "%13 = pool_greatest %12 window=[2] stride=[2] dilation=[1] spread=[1] before=[0] after=[0] : "
     "f32[8,2,3], i32[8,2,3]",
     "pool_greatest"},
    {"%12 = convert %0 element=f64 : f64[2,4,4,3]\n"
     "%13 = pool_greatest %12 window=[2,2] stride=[2,2] dilation=[1,1] spread=[1,1] before=[0,0] "
     "after=[0,0] : f64[2,2,2,3], i32[2,2,2,3]",
     "reference: convert; reference: pool_greatest"},
    {"%12 = pool_sum %0 window=[2,2] " SAME " : f32[2,3,3,3]", "reference: pool_sum"},
    {"%12 = negate %5 : f32[4,6]", "negate"},
    {"%12 = absolute %5 : f32[4,6]", "absolute"},
    {"%12 = exp %5 : f32[4,6]", "exp"},
    {"%12 = log %5 : f32[4,6]", "log"},
    {"%12 = sqrt %5 : f32[4,6]", "sqrt"},
    {"%12 = sin %5 : f32[4,6]", "sin"},
    {"%12 = cos %5 : f32[4,6]", "cos"},
    {"%12 = tanh %5 : f32[4,6]", "tanh"},
    {"%12 = erf %5 : f32[4,6]", "erf"},
    {"%12 = atan %5 : f32[4,6]", "atan"},
    {"%12 = sign %5 : f32[4,6]", "reference: sign"},
    {"%12 = floor %5 : f32[4,6]", "floor"},
    {"%12 = negate %8 : i32[4,6]", "reference: negate"},
    {"%12 = exp %9 : f64[4,6]", "reference: exp"},
    {"%12 = convert %5 element=f64 : f64[4,6]", "reference: convert"},
    {"%12 = convert %9 element=f32 : f32[4,6]", "reference: convert"},
    {"%12 = subtract %5 %4 : f32[4,6]", ""},
    {"%12 = multiply %5 %4 : f32[4,6]", "multiply"},
    {"%12 = divide %5 %4 : f32[4,6]", "divide"},
    {"%12 = greater_of %5 %4 : f32[4,6]", "greater_of"},
    {"%12 = lesser_of %5 %4 : f32[4,6]", "lesser_of"},
    {"%12 = power %5 %4 : f32[4,6]", "reference: power"},
    {"%12 = add %9 %9 : f64[4,6]", "reference: add"},
    {"%12 = equal %5 %4 : bool[4,6]", "equal"},
    {"%12 = less %5 %4 : bool[4,6]", "less"},
    {"%12 = less_or_equal %5 %4 : bool[4,6]", "less_or_equal"},
    {"%12 = equal %8 %8 : bool[4,6]", "equal"},
    {"%12 = select %10 %5 %4 : f32[4,6]", "select"},
    {"%12 = select %10 %8 %8 : i32[4,6]", ""},
    {"%12 = not %10 : bool[4,6]", "not"},
    {"%12 = transpose %8 order=[1,0] : i32[6,4]", "move: transpose"},
    {"%12 = broadcast %7 sizes=[3,7] : f32[3,7]", "move: broadcast"},
    {"%12 = slice %9 first=[1,2] sizes=[2,2] steps=[2,2] : f64[2,2]", "move: slice"},
    {"%12 = flip %10 axes=[0,1] : bool[4,6]", "move: flip"},
    {"%12 = pad %5 %4 before=[1,-1] after=[-2,2] between=[1,0] : f32[6,7]", "pad: pad"},
    {"%12 = concatenate %8 %8 axis=1 : i32[4,12]", "concatenate: concatenate"},
    {"%12 = sum %5 axes=[0] : f32[1,6]", "sum"},
    {"%12 = sum %5 axes=[1] : f32[4,1]", "sum"},
    {"%12 = sum %8 axes=[0] : i32[1,6]", "reference: sum"},
    {"%12 = product %5 axes=[0] : f32[1,6]", "reference: product"},
    {"%12 = log_sum_exp %5 axes=[1] : f32[4,1]", "log_sum_exp"},
    {"%12 = log_sum_exp %5 axes=[0] : f32[1,6]", "log_sum_exp"},
    {"%12 = log_sum_exp %9 axes=[1] : f64[4,1]", "reference: log_sum_exp"},
    {"%12 = iota element=f32 sizes=[4] axis=0 : f32[4]", "iota"},
    {"%12 = cumulative_sum %5 axis=0 exclusive=0 reverse=0 : f32[4,6]",
     "reference: cumulative_sum"},
};

static const pattern epilogues[] = {
    {"%12 = " CONV "\n%13 = add %12 %3 : f32[2,2,2,5]\n%14 = " RELU("13", "f32[2,2,2,5]"),
     "move: transpose; conv add greater_of"},
    {"%12 = " CONV "\n%13 = less_or_equal %3 %4 : bool[2,2,2,5]\n"
     "%14 = select %13 %4 %12 : f32[2,2,2,5]",
     "move: transpose; conv less_or_equal select"},
    {"%12 = " CONV "\n%13 = transpose %3 order=[0,2,1,3] : f32[2,2,2,5]\n"
     "%14 = add %12 %13 : f32[2,2,2,5]",
     "move: transpose; conv add"},
    {"%12 = " CONV "\n%13 = transpose %12 order=[0,2,1,3] : f32[2,2,2,5]\n"
     "%14 = add %13 %3 : f32[2,2,2,5]",
     "move: transpose; conv transposed add"},
    {"%12 = " CONV "\n%13 = transpose %12 order=[0,2,1,3] : f32[2,2,2,5]\n"
     "%14 = add %12 %13 : f32[2,2,2,5]",
     "move: transpose; conv; add"},
    {"%12 = " CONV "\n%13 = sum %12 axes=[3] : f32[2,2,2,1]", "move: transpose; conv; sum"},
    {"%12 = " CONV "\n%13 = exp %12 : f32[2,2,2,5]\n%14 = sum %13 axes=[0,1,2] : f32[1,1,1,5]",
     "move: transpose; conv; exp sum"},
    {"%12 = " CONV "\n%13 = reshape %12 sizes=[8,5] : f32[8,5]\n%14 = exp %13 : f32[8,5]",
     "move: transpose; conv; exp"},
    {"%12 = " CONV "\n%13 = stop %12 : f32[2,2,2,5]\n%14 = exp %13 : f32[2,2,2,5]",
     "move: transpose; conv exp"},
    {"%12 = " CONV "\n%13 = cumulative_sum %12 axis=0 exclusive=0 reverse=0 : f32[2,2,2,5]\n"
     "%14 = add %12 %13 : f32[2,2,2,5]",
     "move: transpose; conv; reference: cumulative_sum; add"},
    // Two products, whose sum is the last one's.
    {"%12 = " CONV "\n%13 = flip %1 axes=[1] : f32[5,3,3,3]\n%14 = conv %0 %13 " SAME
     " groups=1 : f32[2,2,2,5]\n%15 = exp %12 : f32[2,2,2,5]\n"
     "%16 = multiply %14 %15 : f32[2,2,2,5]",
     "move: transpose; conv exp; conv multiply"},
    {"%12 = input \"w 3\" : f32[3,2,2,1]\n%13 = conv %0 %12 " SAME " groups=3 : f32[2,3,3,3]\n"
     "%14 = exp %13 : f32[2,3,3,3]",
     "move: transpose; conv exp"},
    // Both a stride and a spread.
    {"%12 = conv %0 %1 stride=[2,1] dilation=[1,1] spread=[2,1] before=[0,0] after=[0,0] groups=1 "
     ": f32[2,3,2,5]",
     "move: transpose; move: transpose; reference: conv"},
    {"%12 = flip %1 axes=[1,2] : f32[5,3,3,3]\n%13 = transpose %12 order=[3,1,2,0] : f32[3,3,3,5]\n"
     "%14 = conv %3 %13 stride=[1,1] dilation=[1,1] spread=[1,1] before=[2,2] after=[2,2] groups=1 "
     ": f32[2,4,4,3]",
     "conv"},
    {TURNED "%14 = conv %12 %13 " SAME " groups=1 : f32[3,3,3,5]\n"
            "%15 = transpose %14 order=[3,1,2,0] : f32[5,3,3,3]\n%16 = add %15 %1 : f32[5,3,3,3]",
     "conv transposed; add"},
    {POOL "%13 = exp %12 : f32[2,2,2,3]\n%14 = add %13 %11 : f32[2,2,2,3]",
     "pool_greatest exp add"},
    {POOL "%13 = equal %12.1 %12.1 : bool[2,2,2,3]\n%14 = select %13 %12 %11 : f32[2,2,2,3]",
     "pool_greatest; equal select"},
    {POOL "%13 = sum %12 axes=[3] : f32[2,2,2,1]", "pool_greatest; sum"},
};

// Of 16 images: what is stored in blocks of them, and what may not be.
#define IMAGES                                                                                     \
    "%12 = input \"images\" : f32[16,4,4,3]\n%13 = conv %12 %1 " SAME                              \
    " groups=1 : f32[16,2,2,5]\n%14 = add %13 %2 : f32[16,2,2,5]\n"
#define SECOND "%15 = input \"w 2\" : f32[4,2,2,5]\n"
#define CONV_2(of) "%16 = conv %" of " %15 " SAME " groups=1 : f32[16,1,1,4]\n"
static const pattern blocks[] = {
    {IMAGES SECOND CONV_2("14"), "move: transpose; move: transpose; conv add in blocks; conv"},
    {IMAGES, "move: transpose; conv add"}, // a result
    {IMAGES "%15 = pool_greatest %14 window=[2,2] stride=[2,2] dilation=[1,1] spread=[1,1] "
            "before=[0,0] after=[0,0] : f32[16,1,1,5], i32[16,1,1,5]",
     "move: transpose; conv add in blocks; pool_greatest"},
    {IMAGES "%15 = exp %13 : f32[16,2,2,5]\n%16 = multiply %14 %15 : f32[16,2,2,5]",
     "move: transpose; conv add exp multiply"},
    {IMAGES "%15 = sum %14 axes=[0,1,2] : f32[1,1,1,5]",
     "move: transpose; conv in blocks; add sum"},
    {IMAGES "%15 = sum %14 axes=[0] : f32[1,2,2,5]\n%16 = subtract %14 %15 : f32[16,2,2,5]",
     "move: transpose; conv add in blocks; sum; subtract"},
    {IMAGES "%15 = sum %14 axes=[3] : f32[16,2,2,1]", "move: transpose; conv add; sum"},
    {IMAGES "%15 = sum %14 axes=[1,2] : f32[16,1,1,5]", "move: transpose; conv in blocks; add sum"},
    {IMAGES "%15 = reshape %14 sizes=[16,20] : f32[16,20]\n%16 = exp %15 : f32[16,20]",
     "move: transpose; conv add; exp"},
    {IMAGES "%15 = flip %14 axes=[0] : f32[16,2,2,5]\n%16 = exp %15 : f32[16,2,2,5]",
     "move: transpose; conv add; exp"},
    {IMAGES "%15 = flip %14 axes=[1,3] : f32[16,2,2,5]\n%16 = exp %15 : f32[16,2,2,5]",
     "move: transpose; conv add in blocks; exp"},
    {IMAGES "%15 = slice %14 first=[1,0,0,0] sizes=[8,2,2,5] steps=[1,1,1,1] : f32[8,2,2,5]\n"
            "%16 = exp %15 : f32[8,2,2,5]",
     "move: transpose; conv add; exp"},
    {IMAGES "%15 = slice %14 first=[0,0,0,1] sizes=[16,2,1,2] steps=[1,1,1,2] : f32[16,2,1,2]\n"
            "%16 = exp %15 : f32[16,2,1,2]",
     "move: transpose; conv add in blocks; exp"},
    {IMAGES "%15 = transpose %14 order=[0,3,2,1] : f32[16,5,2,2]\n%16 = exp %15 : f32[16,5,2,2]",
     "move: transpose; conv add in blocks; exp"},
    {IMAGES "%15 = transpose %14 order=[3,1,2,0] : f32[5,2,2,16]\n%16 = exp %15 : f32[5,2,2,16]",
     "move: transpose; conv add; exp"},
    {IMAGES "%15 = cumulative_sum %14 axis=1 exclusive=0 reverse=0 : f32[16,2,2,5]",
     "move: transpose; conv add; reference: cumulative_sum"},
    {IMAGES "%15 = input \"m\" : f32[5,7]\n%16 = matmul %14 %15 : f32[16,2,2,7]",
     "move: transpose; conv add; matmul"},
    {IMAGES "%15 = input \"w 2\" : f32[5,2,2,1]\n%16 = conv %14 %15 " SAME
            " groups=5 : f32[16,1,1,5]",
     "move: transpose; move: transpose; conv add; conv"},
    {IMAGES "%15 = slice %14 first=[0,0,0,0] sizes=[8,2,2,5] steps=[1,1,1,1] : f32[8,2,2,5]\n"
            "%16 = exp %15 : f32[8,2,2,5]",
     "move: transpose; conv add; exp"},
    {"%12 = input \"images\" : f32[32,4,4,3]\n%13 = conv %12 %1 " SAME " groups=1 : f32[32,2,2,5]\n"
     "%14 = slice %13 first=[0,0,0,0] sizes=[16,2,2,5] steps=[1,1,1,1] : f32[16,2,2,5]\n"
     "%15 = exp %14 : f32[16,2,2,5]",
     "move: transpose; conv; exp"},
    {"%12 = input \"images\" : f32[32,4,4,3]\n%13 = conv %12 %1 " SAME " groups=1 : f32[32,2,2,5]\n"
     "%14 = slice %13 first=[0,0,0,0] sizes=[16,2,2,5] steps=[2,1,1,1] : f32[16,2,2,5]\n"
     "%15 = exp %14 : f32[16,2,2,5]",
     "move: transpose; conv; exp"},
    // Of more axes than it has, which are before its own.
    {IMAGES "%15 = input \"more\" : f32[3,16,2,2,5]\n%16 = add %14 %15 : f32[3,16,2,2,5]",
     "move: transpose; conv add; add"},
    {IMAGES "%15 = input \"more\" : f32[16,16,2,2,5]\n%16 = add %14 %15 : f32[16,16,2,2,5]\n"
            "%17 = sum %16 axes=[1] : f32[16,1,2,2,5]",
     "move: transpose; conv add; add sum"},
    // Of what is computed where it is summed.
    {IMAGES "%15 = flip %14 axes=[0] : f32[16,2,2,5]\n%16 = multiply %15 %13 : f32[16,2,2,5]\n"
            "%17 = sum %16 axes=[0] : f32[1,2,2,5]",
     "move: transpose; conv add in blocks; multiply sum"},
    // A row by row form does not write blocks.
    {IMAGES "%15 = sum %14 axes=[3] : f32[16,2,2,1]\n%16 = multiply %14 %15 : f32[16,2,2,5]\n"
            "%17 = input \"w 2\" : f32[4,2,2,5]\n%18 = conv %16 %17 " SAME " groups=1 : "
            "f32[16,1,1,4]",
     "move: transpose; move: transpose; conv add; sum multiply; conv"},
    // Of 15 there are none, nor where channels fill the lanes.
    {"%12 = input \"images\" : f32[15,4,4,3]\n%13 = conv %12 %1 " SAME
     " groups=1 : f32[15,2,2,5]\n%14 = exp %13 : f32[15,2,2,5]\n" SECOND "%16 = conv %14 %15 " SAME
     " groups=1 : f32[15,1,1,4]",
     "move: transpose; move: transpose; conv exp; conv"},
    {"%12 = input \"images\" : f32[16,4,4,3]\n%13 = input \"w 2\" : f32[8,3,3,3]\n"
     "%14 = conv %12 %13 " SAME " groups=1 : f32[16,2,2,8]\n%15 = input \"w 3\" : f32[8,2,2,8]\n"
     "%16 = conv %14 %15 " SAME " groups=1 : f32[16,1,1,8]",
     "move: transpose; move: transpose; conv; conv"},
};

static void check_all(const pattern *patterns, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check_case(patterns[i].text, patterns[i].steps);
}

// Sizes that 32 bits do not count are the reference's; nothing of that size is run.
static void check_sizes(void)
{
    static const struct {
        const char *text;
        bool product;
    } sizes[] = {
        {"%12 = input \"a 2\" : f32[2147483647,1]\n%13 = input \"b 2\" : f32[1,1]\n"
         "%14 = matmul %12 %13 : f32[2147483647,1]",
         true},
        {"%12 = input \"a 2\" : f32[2147483648,1]\n%13 = input \"b 2\" : f32[1,1]\n"
         "%14 = matmul %12 %13 : f32[2147483648,1]",
         false},
        {"%12 = input \"a 2\" : f32[1,2147483648]\n%13 = input \"b 2\" : f32[2147483648,1]\n"
         "%14 = matmul %12 %13 : f32[1,1]",
         false},
        {"%12 = input \"a 2\" : f32[1,1]\n%13 = input \"b 2\" : f32[1,2147483648]\n"
         "%14 = matmul %12 %13 : f32[1,2147483648]",
         false},
        {"%12 = input \"x 2\" : f32[1,2147483647,1]\n%13 = input \"w 2\" : f32[1,1,1]\n"
         "%14 = conv %12 %13 stride=[1] dilation=[1] spread=[1] before=[0] after=[0] groups=1 : "
         "f32[1,2147483647,1]",
         true},
        {"%12 = input \"x 2\" : f32[1,2147483648,1]\n%13 = input \"w 2\" : f32[1,1,1]\n"
         "%14 = conv %12 %13 stride=[1] dilation=[1] spread=[1] before=[0] after=[0] groups=1 : "
         "f32[1,2147483648,1]",
         false},
        {"%12 = input \"x 2\" : f32[1,1,1]\n%13 = input \"w 2\" : f32[2147483648,1,1]\n"
         "%14 = conv %12 %13 stride=[1] dilation=[1] spread=[1] before=[0] after=[0] groups=1 : "
         "f32[1,1,2147483648]",
         false},
        {"%12 = input \"x 2\" : f32[1,1,2147483648]\n%13 = input \"w 2\" : f32[1,1,2147483648]\n"
         "%14 = conv %12 %13 stride=[1] dilation=[1] spread=[1] before=[0] after=[0] groups=1 : "
         "f32[1,1,1]",
         false},
        {"%12 = input \"x 2\" : f32[1,1074790399,1]\n%13 = input \"w 2\" : f32[1,1048576,1]\n"
         "%14 = conv %12 %13 stride=[1] dilation=[1] spread=[1] before=[0] after=[0] groups=1 : "
         "f32[1,1073741824,1]",
         true},
    };
    for (size_t i = 0; i < TT_COUNT(sizes); i++) {
        tt_graph *graph = parsed(sizes[i].text);
        EXPECT_EQUAL(tt_is_product(graph, tt_graph_count(graph) - 1), sizes[i].product);
        tt_graph_free(graph);
    }
}

int main(void)
{
    check_sizes();
    check_all(products, TT_COUNT(products));
    check_all(biases, TT_COUNT(biases));
    check_all(epilogues, TT_COUNT(epilogues));
    check_all(gradients, TT_COUNT(gradients));
    check_all(blocks, TT_COUNT(blocks));
    check_all(alone, TT_COUNT(alone));
    return test_result();
}
