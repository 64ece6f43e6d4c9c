// A few known numbers of rows that are not element by element, in an instant; test_rows.py holds
// every row to NumPy. And what computing costs, with limits at it.

#include "tests/ai/graph/subject.h"
#include "tutti/check.h"

typedef struct known {
    const char *text, *values[4]; // of the outputs in order, as a constant is printed
} known;

#define SIX "%0 = constant {3,1,2,-5,4,1} : i32[2,3]\n"
#define REAL "%0 = constant {3,1,2,-5,4,1} : f32[2,3]\n"
#define IMAGE "%0 = constant {1,5,2,4,3,9,7,8,6} : f32[1,3,3,1]\n"
#define AT "stride=[1,1] dilation=[1,1] spread=[1,1] before=[0,0] after=[0,0]"

static const known values[] = {
    {SIX "%1 = absolute %0 : i32[2,3]", {"{3,1,2,5,4,1} : i32[2,3]"}},
    {SIX "%1 = sign %0 : i32[2,3]", {"{1,1,1,-1,1,1} : i32[2,3]"}},
    {SIX "%1 = negate %0 : i32[2,3]", {"{-3,-1,-2,5,-4,-1} : i32[2,3]"}},
    {"%0 = constant {200,0} : u8[2]\n%1 = absolute %0 : u8[2]", {"{200,0} : u8[2]"}},
    {"%0 = constant {200,0} : u8[2]\n%1 = negate %0 : u8[2]", {"{56,0} : u8[2]"}},
    {"%0 = constant {200,0} : u8[2]\n%1 = sign %0 : u8[2]", {"{1,0} : u8[2]"}},
    {SIX "%1 = nonzero %0 : i64[2,-1]", {"{0,0,0,1,1,1,0,1,2,0,1,2} : i64[2,6]"}},
    {"%0 = constant {0,7,0,0,0,1} : i32[2,3]\n%1 = nonzero %0 : i64[2,-1]",
     {"{0,1,1,2} : i64[2,2]"}},
    {"%0 = constant {5,3,5,9} : i32[4]\n"
     "%1 = unique %0 sorted=1 : i32[-1], i64[-1], i64[4], i64[-1]",
     {"{3,5,9} : i32[3]", "{1,0,3} : i64[3]", "{1,0,1,2} : i64[4]", "{1,2,1} : i64[3]"}},
    {"%0 = constant {5,3,5,9} : i32[4]\n"
     "%1 = unique %0 sorted=0 : i32[-1], i64[-1], i64[4], i64[-1]",
     {"{5,3,9} : i32[3]", "{0,1,3} : i64[3]", "{0,1,0,2} : i64[4]", "{2,1,1} : i64[3]"}},
    {SIX "%1 = cumulative_sum %0 axis=1 exclusive=0 reverse=0 : i32[2,3]",
     {"{3,4,6,-5,-1,0} : i32[2,3]"}},
    {SIX "%1 = cumulative_sum %0 axis=1 exclusive=0 reverse=1 : i32[2,3]",
     {"{6,3,2,0,5,1} : i32[2,3]"}},
    {SIX "%1 = cumulative_sum %0 axis=1 exclusive=1 reverse=0 : i32[2,3]",
     {"{0,3,4,0,-5,-1} : i32[2,3]"}},
    {REAL "%1 = cumulative_sum %0 axis=0 exclusive=1 reverse=1 : f32[2,3]",
     {"{-5,4,1,0,0,0} : f32[2,3]"}},
    {SIX "%1 = sort %0 axis=1 falling=0 : i32[2,3], i64[2,3]",
     {"{1,2,3,-5,1,4} : i32[2,3]", "{1,2,0,0,2,1} : i64[2,3]"}},
    {SIX "%1 = sort %0 axis=0 falling=1 : i32[2,3], i64[2,3]",
     {"{3,4,2,-5,1,1} : i32[2,3]", "{0,1,0,1,0,1} : i64[2,3]"}},
    {"%0 = constant {1,1,0,1} : i32[4]\n%1 = sort %0 axis=0 falling=1 : i32[4], i64[4]",
     {"{1,1,1,0} : i32[4]", "{0,1,3,2} : i64[4]"}},
    {SIX "%1 = top %0 axis=1 falling=1 count=2 : i32[2,2], i64[2,2]",
     {"{3,2,4,1} : i32[2,2]", "{0,2,1,2} : i64[2,2]"}},
    {SIX "%1 = product %0 axes=[1] : i32[2,1]", {"{6,-20} : i32[2,1]"}},
    {REAL "%1 = sum %0 axes=[0] : f32[1,3]", {"{-2,5,3} : f32[1,3]"}},
    {SIX "%1 = least_place %0 axes=[1] : i64[2,1]", {"{1,0} : i64[2,1]"}},
    {SIX "%1 = greatest_place %0 axes=[0] : i64[1,3]", {"{0,1,0} : i64[1,3]"}},
    {IMAGE "%1 = pool_sum %0 window=[2,2] " AT " : f32[1,2,2,1]", {"{13,19,22,26} : f32[1,2,2,1]"}},
    {IMAGE "%1 = pool_greatest %0 window=[2,2] " AT " : f32[1,2,2,1], i32[1,2,2,1]",
     {"{5,9,8,9} : f32[1,2,2,1]", "{1,3,3,1} : i32[1,2,2,1]"}},
    {IMAGE "%1 = constant {1,10,100,1000} : f32[1,2,2,1]\n%2 = conv %0 %1 " AT
           " groups=1 : f32[1,2,2,1]",
     {"{3451,9325,8734,6893} : f32[1,2,2,1]"}},
    {SIX "%1 = constant {1,10,100} : i32[3,1]\n%2 = matmul %0 %1 : i32[2,1]",
     {"{213,135} : i32[2,1]"}},
    {SIX "%1 = constant {2,0} : i32[2]\n%2 = gather %0 %1 axis=1 : i32[2,2]",
     {"{2,3,1,-5} : i32[2,2]"}},
    {SIX "%1 = constant {0,0} : i32[2]\n%2 = constant {7,8,9,1,2,3} : i32[2,3]\n"
         "%3 = scatter %0 %1 %2 axis=0 kind=1 : i32[2,3]",
     {"{11,11,14,-5,4,1} : i32[2,3]"}},
    {SIX "%1 = constant {0,0} : i32[2]\n%2 = constant {7,8,9,1,2,3} : i32[2,3]\n"
         "%3 = scatter %0 %1 %2 axis=0 kind=2 : i32[2,3]",
     {"{21,16,54,-5,4,1} : i32[2,3]"}},
    {SIX "%1 = constant {0,0} : i32[2]\n%2 = constant {7,8,9,1,2,3} : i32[2,3]\n"
         "%3 = scatter %0 %1 %2 axis=0 kind=4 : i32[2,3]",
     {"{1,1,2,-5,4,1} : i32[2,3]"}},
    {"%0 = constant {4,2,1,3} : f64[2,2]\n%1 = determinant %0 : f64[]", {"{10} : f64[]"}},
    {"%0 = constant {4,0,0,0.5} : f64[2,2]\n%1 = inverse %0 : f64[2,2]",
     {"{0.25,0,0,2} : f64[2,2]"}},
    {"%0 = constant {1,2,2,4} : f64[2,2]\n%1 = inverse %0 : f64[2,2]",
     {"{nan,nan,nan,nan} : f64[2,2]"}}, // there is none
    {"%0 = constant {0,2,3,0,0,0,0,0,5} : f64[3,3]\n%1 = inverse %0 : f64[3,3]",
     {"{nan,nan,nan,nan,nan,nan,nan,nan,nan} : f64[3,3]"}},
    {"%0 = constant {4,2,2,1} : f64[2,2]\n%1 = determinant %0 : f64[]", {"{0} : f64[]"}},
    {"%0 = constant {0,2,0.5,0} : f64[2,2]\n%1 = inverse %0 : f64[2,2]", // rows change places
     {"{0,2,0.5,0} : f64[2,2]"}},
    {"%0 = constant {0,2,0.5,0} : f64[2,2]\n%1 = determinant %0 : f64[]", {"{-1} : f64[]"}},
    {"%0 = iota element=i16 sizes=[2,3] axis=1 : i16[2,3]", {"{0,1,2,0,1,2} : i16[2,3]"}},
};

// A value as a constant's text, behind the word.
static void tell(const tt_cells *cells, char *text, size_t room)
{
    tt_graph *g = tt_graph_new();
    void *bytes = calloc((size_t)tt_type_count(&cells->type) + 1, 8);
    REQUIRE(g != NULL && bytes != NULL);
    tt_cells_store(cells, bytes);
    tt_constant(g, cells->type, bytes);
    char *printed = tt_graph_print(g);
    REQUIRE(printed != NULL);
    snprintf(text, room, "%s", strchr(printed, '{'));
    text[strcspn(text, "\n")] = '\0';
    free(printed);
    free(bytes);
    tt_graph_free(g);
}

static void check_values(void)
{
    for (size_t i = 0; i < TT_COUNT(values); i++) {
        char text[1024], said[512] = "";
        tt_text why;
        tt_text_init(&why, said, sizeof(said));
        snprintf(text, sizeof(text), "%s\n", values[i].text);
        tt_graph *g = tt_graph_parse(text, strlen(text), &why);
        EXPECT_TEXT(said, "");
        REQUIRE(g != NULL);
        tt_value last = {tt_graph_count(g) - 1, 0};
        for (unsigned k = 0; k < 4 && values[i].values[k] != NULL; k++) {
            tt_value output = tt_output(last, k);
            tt_reference *reference;
            REQUIRE(tt_reference_run(g, 1, &output, (const void *[8]){NULL}, NULL, &reference,
                                     NULL) == TT_OK);
            tell(tt_reference_result(reference, 0), text, sizeof(text));
            EXPECT_TEXT(text, values[i].values[k]);
            tt_reference_free(reference);
        }
        tt_graph_free(g);
    }
}

// A run whose cost is the limit is done, one whose cost is one more is not.
static void check_costs(void)
{
    tt_graph *g = tt_graph_new();
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 2, 8, 9, 3));
    tt_value w = tt_input(g, "w", TT_TYPE(TT_F32, 5, 2, 3, 3));
    const int64_t window[] = {2, 3};
    tt_value sums = tt_pool_sum(g, x, window, NULL), y = tt_conv(g, x, w, NULL, 1);
    EXPECT_EQUAL(tt_node_cost(g, sums.node), 2 * 7 * 7 * 3 * 2 * 3);
    EXPECT_EQUAL(tt_node_cost(g, tt_pool_greatest(g, x, window, NULL).node), 2 * 7 * 7 * 3 * 2 * 3);
    EXPECT_EQUAL(tt_node_cost(g, y.node), 2 * 7 * 7 * 5 * 2 * 3 * 3);
    EXPECT_EQUAL(tt_node_cost(g, tt_exp(g, x).node), 2 * 8 * 9 * 3);
    tt_value a = tt_input(g, "a", TT_TYPE(TT_F32, 2, 8)),
             e = tt_input(g, "e", TT_TYPE(TT_F32, 0, 3));
    tt_value i = tt_input(g, "i", TT_TYPE(TT_I32, 3)), c = tt_input(g, "c", TT_TYPE(TT_F32, 2, 3));
    tt_value boxes = tt_input(g, "boxes", TT_TYPE(TT_F32, 7, 4)), one = tt_number(g, TT_F32, 1);
    tt_value scores = tt_input(g, "scores", TT_TYPE(TT_F32, 7));
    const int64_t axis[] = {1, 0, 3};
    EXPECT_EQUAL(tt_node_cost(g, tt_exp(g, e).node), 0);
    EXPECT_EQUAL(tt_node_cost(g, a.node), 0);
    EXPECT_EQUAL(tt_node_cost(g, tt_reduce(g, TT_OP_SUM, a, 1, axis).node), 16);
    EXPECT_EQUAL(tt_node_cost(g, tt_cumulative_sum(g, a, 1, false, false).node), 16);
    EXPECT_EQUAL(tt_node_cost(g, tt_gather(g, a, i, 1).node), 6);
    EXPECT_EQUAL(tt_node_cost(g, tt_scatter(g, a, i, c, 1, TT_SCATTER_PUT).node), 16 + 6);
    EXPECT_EQUAL(tt_node_cost(g, tt_matmul(g, c, tt_transpose(g, c, axis)).node), 2 * 3 * 2);
    tt_value none = tt_matmul(g, tt_transpose(g, e, axis), e); // elements are made of nothing
    EXPECT_EQUAL(tt_node_cost(g, none.node), 9);
    EXPECT_EQUAL(tt_node_cost(g, tt_apply(g, TT_OP_SORT, 1, &a, 2, axis).node), 16 * 5);
    EXPECT_EQUAL(tt_node_cost(g, tt_apply(g, TT_OP_TOP, 1, &a, 3, axis).node), 16 * 5);
    EXPECT_EQUAL(tt_node_cost(g, tt_apply(g, TT_OP_NONZERO, 1, &a, 0, NULL).node), 16 * 5);
    tt_value given[] = {boxes, scores, one, one};
    EXPECT_EQUAL(tt_node_cost(g, tt_apply(g, TT_OP_SUPPRESS, 4, given, 1, axis).node), 7 * 7);
    tt_value total = tt_sum_all(g, x);
    const float image[2 * 8 * 9 * 3] = {0};
    const void *data[8] = {image};
    uint64_t cost = tt_graph_cost_of(g, 1, &total);
    for (uint64_t less = 0; less < 2; less++) {
        tt_reference *reference = NULL;
        EXPECT_EQUAL(tt_reference_run(g, 1, &total, data,
                                      &(tt_reference_options){.cost_max = cost - less}, &reference,
                                      NULL),
                     less == 0 ? TT_OK : TT_TOO_LARGE);
        tt_reference_free(reference);
    }
    tt_graph_free(g);
}

// Bits that are known, as numbers from 0 to below 1.
static void check_uniform(void)
{
    subject s = subject_new(1);
    tt_value key = tt_constant(s.graph, TT_SCALAR(TT_U64), &(uint64_t){0});
    tt_value numbers = tt_random_uniform(s.graph, key, TT_TYPE(TT_F32, 2));
    tt_reference *reference = run(&s, 1, &numbers, false);
    EXPECT(tt_reference_result(reference, 0)->cells[0].f == 0x6627e8 / 0x1p24);
    EXPECT(tt_reference_result(reference, 0)->cells[1].f == 0xe169c5 / 0x1p24);
    tt_reference_free(reference);
    subject_free(&s);
}

// Windows over what has no axes for them.
static void check_ranks(void)
{
    for (unsigned rank = 0; rank < 3; rank++) {
        subject s = subject_new(1);
        tt_value x =
            reals(&s, (tt_type){.element = TT_F64, .rank = (uint8_t)rank, .size = {2, 2}}, 0, 1);
        EXPECT(tt_is_none(rank % 2 == 0 ? tt_pool_sum(s.graph, x, (int64_t[]){1}, NULL)
                                        : tt_conv(s.graph, x, x, NULL, 1)));
        EXPECT_EQUAL(tt_graph_status(s.graph), TT_INVALID);
        subject_free(&s);
    }
}

// TFLite's SAME: so many windows, as little padding as they need, the odd one behind.
static void check_same_padding(void)
{
    for (int64_t size = 0; size < 9; size++)
        for (int64_t window = 1; window < 7; window++)
            for (int64_t stride = 0; stride < 5; stride++) {
                tt_type x = TT_TYPE(TT_F32, 1, 30, size, 1);
                int64_t windows[2] = {30, window}, strides[2] = {30, stride};
                int64_t before[2] = {-7, -7}, after[2] = {-7, -7}, end = 0, needed = 0;
                tt_same_padding(&x, windows, strides, before, after);
                for (int64_t at = 0; stride > 0 && at < size; at += stride)
                    end = at + window;
                needed = end > size ? end - size : 0;
                EXPECT_EQUAL(before[1] + after[1], needed);
                EXPECT(after[1] - before[1] == needed % 2);
                EXPECT(before[0] == 0 && after[0] == 0);
            }
}

int main(void)
{
    check_values();
    check_costs();
    check_uniform();
    check_ranks();
    check_same_padding();
    return test_result();
}
