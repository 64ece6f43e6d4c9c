// What is wrong with an operation is said: a wrong element type, rank, size or count for each row,
// with the operation's name, what was expected and what came.

#include "ai/graph/row.h"
#include "tests/test.h"
#include "tutti/check.h"

// What the operations of the table below are given, %0 and on.
static const char inputs[] = "%0 = input \"f\" : f32[2,3]\n"
                             "%1 = input \"i\" : i32[2,3]\n"
                             "%2 = input \"b\" : bool[2,3]\n"
                             "%3 = input \"scalar\" : f32[]\n"
                             "%4 = input \"image\" : f32[1,5,5,4]\n"
                             "%5 = input \"weights\" : f32[6,3,3,4]\n"
                             "%6 = input \"count\" : i64[]\n"
                             "%7 = input \"yes\" : bool[]\n"
                             "%8 = input \"key\" : u64[]\n"
                             "%9 = input \"other\" : f32[4,5]\n"
                             "%10 = input \"f64\" : f64[2,3]\n"
                             "%11 = input \"deep\" : f32[1,1,1,1,1,1,1,1]\n"
                             "%12 = input \"index\" : i32[2]\n"
                             "%13 = input \"sums\" : i32[2,4]\n"
                             "%14 = input \"empty\" : f32[0,3]\n"
                             "%15 = input \"bytes\" : i8[4]\n"
                             "%16 = input \"vector\" : i32[3]\n"
                             "%17 = input \"one\" : i32[1]\n"
                             "%18 = input \"boxes\" : f32[2,4]\n"
                             "%19 = input \"scores\" : f32[2]\n";

#define SLIDE2 "stride=[1,1] dilation=[1,1] spread=[1,1] before=[0,0] after=[0,0]"

// An operation's text without its types, and words that the sentence has besides its name.
typedef struct wrong {
    const char *text, *words[4];
} wrong;

static const wrong element_types[] = {
    {"negate %2", {"bool[2,3]", "numbers"}},
    {"absolute %2", {"bool[2,3]", "numbers"}},
    {"sign %2", {"bool[2,3]", "numbers"}},
    {"not %0", {"f32[2,3]", "integers or bools"}},
    {"exp %1", {"i32[2,3]", "floating"}},
    {"log %1", {"i32[2,3]", "floating"}},
    {"sqrt %1", {"i32[2,3]", "floating"}},
    {"sin %1", {"i32[2,3]", "floating"}},
    {"cos %1", {"i32[2,3]", "floating"}},
    {"atan %1", {"i32[2,3]", "floating"}},
    {"tanh %1", {"i32[2,3]", "floating"}},
    {"erf %1", {"i32[2,3]", "floating"}},
    {"floor %1", {"i32[2,3]", "floating"}},
    {"ceil %1", {"i32[2,3]", "floating"}},
    {"round %1", {"i32[2,3]", "floating"}},
    {"add %0 %1", {"input 0 is f32[2,3]", "input 1 is i32[2,3]"}},
    {"add %10 %0", {"input 0 is f64[2,3]", "input 1 is f32[2,3]"}},
    {"subtract %2 %2", {"bool[2,3]", "numbers"}},
    {"multiply %1 %0", {"input 0 is i32[2,3]", "input 1 is f32[2,3]"}},
    {"divide %0 %10", {"f32[2,3]", "f64[2,3]"}},
    {"remainder %2 %2", {"bool[2,3]", "numbers"}},
    {"power %0 %1", {"f32[2,3]", "i32[2,3]"}},
    {"greater_of %2 %2", {"bool[2,3]", "numbers"}},
    {"lesser_of %0 %10", {"f32[2,3]", "f64[2,3]"}},
    {"and %0 %0", {"f32[2,3]", "integers or bools"}},
    {"or %0 %0", {"f32[2,3]", "integers or bools"}},
    {"xor %1 %2", {"i32[2,3]", "bool[2,3]"}},
    {"shift_left %0 %0", {"f32[2,3]", "integers"}},
    {"shift_right %2 %2", {"bool[2,3]", "integers"}},
    {"equal %1 %2", {"i32[2,3]", "bool[2,3]"}},
    {"less %2 %2", {"bool[2,3]", "numbers"}},
    {"less_or_equal %2 %2", {"bool[2,3]", "numbers"}},
    {"select %0 %10 %10", {"condition is f32[2,3]", "bools"}},
    {"select %2 %0 %1", {"input 1 is f32[2,3]", "input 2 is i32[2,3]"}},
    {"random %6 stream=0 sizes=[2]", {"i64[]", "u64[]"}},
    {"iota element=bool sizes=[2] axis=0", {"bools"}},
    {"sum %2 axes=[0]", {"bool[2,3]", "numbers"}},
    {"product %2 axes=[0]", {"bool[2,3]", "numbers"}},
    {"log_sum_exp %1 axes=[0]", {"i32[2,3]", "floating"}},
    {"cumulative_sum %2 axis=0 exclusive=0 reverse=0", {"bool[2,3]", "numbers"}},
    {"matmul %0 %1", {"f32[2,3] and i32[2,3]", "numbers of one type"}},
    {"pad %0 %6 before=[0,0] after=[0,0] between=[0,0]",
     {"fill is i64[]", "input's f32[2,3]", "scalar"}},
    {"concatenate %0 %1 axis=0", {"input 1 is i32[2,3]", "f32[2,3]"}},
    {"conv %4 %13 " SLIDE2 " groups=1", {"f32[1,5,5,4] and i32[2,4]", "one type"}},
    {"gather %0 %3 axis=0", {"f32[]", "i32 or i64"}},
    {"scatter %0 %3 %0 axis=0 kind=0", {"f32[]", "i32 or i64"}},
    {"scatter %0 %12 %1 axis=0 kind=0", {"updates are i32[2,3]", "expects f32[2,3]"}},
    {"scatter %2 %12 %2 axis=0 kind=1", {"kind 1", "bool[2,3]"}},
    {"requantise %0 %15 %15 zero_point=0 least=0 greatest=1", {"f32[2,3]", "i32"}},
    {"requantise %13 %15 %15 zero_point=0 least=0 greatest=1", {"input 1", "i8[4]", "i32"}},
    {"suppress %1 %19 %3 %3 most=1", {"boxes are i32[2,3]", "scores f32[2];", "f32 of (count, 4)"}},
    {"determinant %1", {"i32[2,3]", "floats"}},
    {"inverse %1", {"i32[2,3]", "floats"}},
    {"cofactors %1", {"i32[2,3]", "floats"}},
};

static const wrong shapes[] = {
    {"add %0 %9", {"f32[2,3]", "f32[4,5]"}},
    {"add %0 %14", {"f32[2,3]", "f32[0,3]"}},
    {"select %2 %9 %9", {"bool[2,3]", "f32[4,5]"}},
    {"random %0 stream=0 sizes=[2]", {"f32[2,3]", "u64[]"}},
    {"random %8 stream=-1 sizes=[2]", {"stream -1"}},
    {"random %8 stream=0 sizes=[-1]", {"-1"}},
    {"iota element=i32 sizes=[2,3] axis=2", {"axis 2", "rank 2"}},
    {"iota element=i32 sizes=[] axis=0", {"axis 0", "rank 0"}},
    {"reshape %0 sizes=[7]", {"f32[2,3] and f32[7] have not"}},
    {"reshape %0 sizes=[-6,-1]", {"-6"}},
    {"transpose %0 order=[0,0]", {"axis 0", "0 to 1"}},
    {"transpose %0 order=[0,2]", {"axis 2", "0 to 1"}},
    {"broadcast %0 sizes=[3,3]", {"f32[2,3] cannot be repeated to f32[3,3]"}},
    {"broadcast %0 sizes=[3]", {"f32[2,3]", "f32[3]"}},
    {"slice %0 first=[0,0] sizes=[3,3] steps=[1,1]", {"3 elements from 0", "axis 0 of f32[2,3]"}},
    {"slice %0 first=[0,0] sizes=[2,2] steps=[1,3]", {"steps of 3", "axis 1"}},
    {"slice %0 first=[0,0] sizes=[2,2] steps=[1,0]", {"steps of 0", "axis 1"}},
    {"slice %0 first=[-1,0] sizes=[1,1] steps=[1,1]", {"from -1", "axis 0"}},
    {"pad %0 %9 before=[0,0] after=[0,0] between=[0,0]", {"fill is f32[4,5]", "input's f32[2,3]"}},
    {"pad %0 %3 before=[-2,0] after=[-1,0] between=[0,0]", {"-2 before", "-1 after", "f32[2,3]"}},
    {"pad %0 %3 before=[0,0] after=[0,0] between=[-1,0]", {"-1 between"}},
    {"flip %0 axes=[2]", {"axis 2", "rank 2"}},
    {"flip %0 axes=[1,1]", {"axis 1", "twice"}},
    {"concatenate %0 %9 axis=0", {"input 1 is f32[4,5]", "like input 0, f32[2,3]", "axis 0"}},
    {"concatenate %0 axis=2", {"axis 2", "f32[2,3]"}},
    {"sum %0 axes=[2]", {"f32[2,3]", "axis 2"}},
    {"product %0 axes=[1,0]", {"f32[2,3]", "axis 0", "rising"}},
    {"greatest %14 axes=[0]", {"axis 0 of f32[0,3]", "empty"}},
    {"least %14 axes=[0,1]", {"axis 0 of f32[0,3]", "empty"}},
    {"greatest %0 axes=[-1]", {"f32[2,3]", "axis -1"}},
    {"greatest_place %0 axes=[0,1]", {"one axis", "2"}},
    {"least_place %0 axes=[]", {"one axis", "0"}},
    {"least_place %14 axes=[0]", {"f32[0,3]", "empty"}},
    {"log_sum_exp %0 axes=[5]", {"f32[2,3]", "axis 5"}},
    {"cumulative_sum %0 axis=2 exclusive=0 reverse=0", {"f32[2,3]", "2"}},
    {"matmul %0 %9", {"f32[2,3] and f32[4,5]", "(..., m, k)"}},
    {"matmul %3 %3", {"f32[]", "(..., m, k)"}},
    {"conv %0 %5 " SLIDE2 " groups=1",
     {"f32[2,3]", "f32[6,3,3,4]", "(out, sizes..., in / groups)"}},
    {"conv %4 %5 " SLIDE2 " groups=2", {"f32[1,5,5,4]", "4 channels", "2 groups", "8"}},
    {"conv %4 %5 " SLIDE2 " groups=0", {"0 groups"}},
    {"conv %11 %11 stride=[1,1,1,1,1,1] dilation=[1,1,1,1,1,1] spread=[1,1,1,1,1,1] "
     "before=[0,0,0,0,0,0] after=[0,0,0,0,0,0] groups=1",
     {"f32[1,1,1,1,1,1,1,1]", "1 to 5 axes"}},
    {"conv %4 %5 stride=[1] dilation=[1,1] spread=[1,1] before=[0,0] after=[0,0] groups=1",
     {"stride has 1", "2 axes"}},
    {"conv %4 %5 stride=[1,1] dilation=[1,1] spread=[1,1] before=[0,0] after=[0] groups=1",
     {"after has 1", "2 axes"}},
    {"conv %4 %5 stride=[0,1] dilation=[1,1] spread=[1,1] before=[0,0] after=[0,0] groups=1",
     {"stride 0", "axis 1 of f32[1,5,5,4]"}},
    {"pool_sum %0 window=[2] stride=[1] dilation=[1] spread=[1] before=[0] after=[0]",
     {"f32[2,3]", "(batch, sizes..., channels)"}},
    {"pool_sum %4 window=[2,0] " SLIDE2, {"window of 0", "axis 2"}},
    {"pool_greatest %4 window=[2] " SLIDE2, {"1 axes", "f32[1,5,5,4]"}},
    {"pool_greatest %4 window=[2,2] stride=[1,1] dilation=[1,1] spread=[1,2] before=[0,0] "
     "after=[0,0]",
     {"spread"}},
    {"pool_greatest %4 window=[100000,100000] " SLIDE2, {"too many"}},
    {"gather %0 %12 axis=2", {"axis 2", "f32[2,3]"}},
    {"gather %11 %13 axis=0", {"rank 9", "i32[2,4]", "8"}},
    {"scatter %0 %12 %9 axis=0 kind=0", {"updates are f32[4,5]", "expects f32[2,3]"}},
    {"scatter %0 %12 %0 axis=0 kind=5", {"kind 5"}},
    {"requantise %13 %16 %16 zero_point=0 least=0 greatest=1", {"input 1", "i32[3]", "(channels)"}},
    {"requantise %13 %1 %1 zero_point=0 least=0 greatest=1", {"input 1", "i32[2,3]"}},
    {"requantise %6 %16 %16 zero_point=0 least=0 greatest=1", {"i64[]", "i32"}},
    {"sort %0 axis=2 falling=0", {"axis 2", "f32[2,3]"}},
    {"top %0 axis=1 falling=0 count=4", {"4", "axis 1", "f32[2,3]"}},
    {"top %0 axis=1 falling=0 count=-1", {"-1", "axis 1"}},
    {"unique %0 sorted=1", {"f32[2,3]", "one axis"}},
    {"suppress %0 %0 %3 %3 most=1", {"f32[2,3]", "(count, 4)"}},
    {"suppress %18 %19 %6 %3 most=1", {"input 2", "i64[]", "f32[]"}},
    {"suppress %18 %19 %3 %19 most=1", {"input 3", "f32[2]", "f32[]"}},
    {"determinant %0", {"f32[2,3]", "(..., n, n)"}},
    {"inverse %3", {"f32[]", "(..., n, n)"}},
    {"cofactors %0", {"f32[2,3]", "(..., n, n)"}},
    {"loop %0 limit=1 carries=0", {"f32[2,3]", "i64[]"}},
    {"loop %6 limit=-1 carries=0", {"-1"}},
    {"loop %6 limit=1 carries=1", {"1 carries"}},
    {"loop %6 limit=1 carries=0", {"body"}},
    {"branch %0", {"f32[2,3]", "bool[]"}},
    {"branch %7", {"body"}},
    {"requantise %13 %12 %12 zero_point=0 least=0 greatest=1", {"i32[2]", "(channels)"}},
};

static const wrong requantise_numbers[] = {
    {"requantise %13 %17 %17 zero_point=128 least=0 greatest=1", {"-128 and 127"}},
    {"requantise %13 %17 %17 zero_point=0 least=2 greatest=1", {"in order"}},
};

// The sentence of a graph that ends with `text`, to be found wrong.
static void sentence_of(const char *text, char sentence[1024])
{
    char graph[4096];
    tt_text why;
    tt_text_init(&why, sentence, 1024);
    snprintf(graph, sizeof(graph), "%s%%20 = %s : f32[]\n", inputs, text);
    tt_graph *made = tt_graph_parse(graph, strlen(graph), &why);
    EXPECT(made == NULL);
    tt_graph_free(made);
}

static void check_wrong(const wrong *cases, unsigned count, bool *seen)
{
    char name[32], sentence[1024];
    for (unsigned i = 0; i < count; i++) {
        tt_op op;
        REQUIRE(sscanf(cases[i].text, "%31[a-z_]", name) == 1 && tt_op_find(name, &op));
        seen[op] = true;
        sentence_of(cases[i].text, sentence);
        bool fits = strstr(sentence, name) != NULL && strncmp(sentence, "line 21: ", 9) == 0;
        for (unsigned k = 0; k < 4 && cases[i].words[k] != NULL; k++)
            fits = fits && strstr(sentence, cases[i].words[k]) != NULL;
        EXPECT(fits);
        if (!fits)
            printf("%s: \"%s\"\n", cases[i].text, sentence);
    }
}

// Each row with an input too few and one too many: how many it takes and was given.
static void test_counts(void)
{
    for (int op = 0; op < TT_OP_COUNT; op++) {
        const tt_row *row = tt_row_of((tt_op)op);
        for (int more = -1; more < 2; more += 2) {
            unsigned count = more < 0 ? row->inputs_min - 1u : row->inputs_max + 1u;
            char given[32];
            tt_value many[8];
            tt_graph *g = tt_graph_new();
            for (unsigned i = 0; i < 8; i++)
                many[i] = tt_number(g, TT_F32, 0);
            if (count > 8 || (more < 0 && row->inputs_min == 0)) {
                tt_graph_free(g);
                continue;
            }
            EXPECT(tt_is_none(tt_apply(g, (tt_op)op, count, many, 0, NULL)));
            EXPECT_EQUAL(tt_graph_status(g), TT_INVALID);
            snprintf(given, sizeof(given), "was given %u", count);
            EXPECT(strncmp(tt_graph_error(g), row->name, strlen(row->name)) == 0);
            EXPECT(strstr(tt_graph_error(g), given) != NULL);
            tt_graph_free(g);
        }
    }
}

// Words that are not the row's attributes.
static void test_attributes(void)
{
    for (int op = 0; op < TT_OP_COUNT; op++) {
        const tt_row *row = tt_row_of((tt_op)op);
        tt_value inputs_given[8];
        static const int64_t words[] = {1000, 1,  2,  3,  4,  5,  6,  7, 8,
                                        9,    10, 11, 12, 13, 14, 15, 16};
        tt_graph *g = tt_graph_new();
        for (unsigned i = 0; i < row->inputs_min; i++)
            inputs_given[i] = tt_number(g, TT_F32, 0);
        EXPECT(tt_is_none(
            tt_apply(g, (tt_op)op, row->inputs_min, inputs_given, TT_COUNT(words), words)));
        EXPECT_EQUAL(tt_graph_status(g), TT_INVALID);
        EXPECT(strstr(tt_graph_error(g), "attributes") != NULL);
        tt_graph_free(g);
    }
}

int main(void)
{
    // Rows that take any element type, or whose inputs are bodies'.
    static const tt_op any_type[] = {TT_OP_BUFFER, TT_OP_CONVERT, TT_OP_STOP, TT_OP_AFTER,
                                     TT_OP_NONZERO};
    bool seen[TT_OP_COUNT] = {false};
    check_wrong(element_types, TT_COUNT(element_types), seen);
    check_wrong(shapes, TT_COUNT(shapes), seen);
    check_wrong(requantise_numbers, TT_COUNT(requantise_numbers), seen);
    for (unsigned i = 0; i < TT_COUNT(any_type); i++)
        seen[any_type[i]] = true;
    for (int op = 0; op < TT_OP_COUNT; op++) {
        EXPECT(seen[op]);
        if (!seen[op])
            printf("%s: no case\n", tt_op_name((tt_op)op));
    }
    test_counts();
    test_attributes();
    return test_result();
}
