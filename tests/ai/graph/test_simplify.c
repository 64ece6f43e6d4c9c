// Each rule of simplification: what it makes of a graph, what it must leave, and that both compute
// the same bits of numbers that are none, infinite and -0.

#include <math.h>

#include "ai/graph/reference.h"
#include "tests/test.h"
#include "tutti/check.h"

// What every case is given, %0 and on; its own nodes begin at %8.
static const char inputs[] = "%0 = input \"x\" : f32[2,3]\n"
                             "%1 = input \"y\" : f32[2,3]\n"
                             "%2 = input \"i\" : i32[2,3]\n"
                             "%3 = input \"b\" : bool[2,3]\n"
                             "%4 = input \"row\" : f32[3]\n"
                             "%5 = input \"scalar\" : f32[]\n"
                             "%6 = input \"yes\" : bool[]\n"
                             "%7 = input \"u\" : u32[2,3]\n";
#define INPUTS 8

// A case's lines, and those of the simplified graph; NULL: the same.
typedef struct rule {
    const char *from, *to;
} rule;

#define RESULT(value) "result \"r\" = %" #value "\n"
#define IS(value) RESULT(value) // nothing but an input is left
// An operation on a constant, %8 and %9.
#define WITH(constant, type, operation)                                                            \
    "%8 = constant {" constant "} : " type "\n%9 = " operation "\n" RESULT(9)
#define NUMBER(number, operation) WITH(number, "f32[]", operation " : f32[2,3]")
#define WHOLE(number, operation) WITH(number, "i32[]", operation " : i32[2,3]")
// One operation on inputs, and one on another.
#define ONE(operation) "%8 = " operation "\n" RESULT(8)
#define TWO(first, second) "%8 = " first "\n%9 = " second "\n" RESULT(9)

static const rule neutral[] = {
    {NUMBER("-0", "add %0 %8"), IS(0)},
    {NUMBER("-0", "add %8 %0"), IS(0)},
    {NUMBER("0", "add %0 %8"), NULL},
    {NUMBER("0", "subtract %0 %8"), IS(0)},
    {NUMBER("-0", "subtract %0 %8"), NULL},
    {NUMBER("0", "subtract %8 %0"), NULL},
    {NUMBER("-0", "subtract %8 %0"), NULL},
    {NUMBER("1", "multiply %0 %8"), IS(0)},
    {NUMBER("1", "multiply %8 %0"), IS(0)},
    {NUMBER("-1", "multiply %0 %8"), NULL},
    {NUMBER("0", "multiply %0 %8"), NULL},
    {NUMBER("0", "multiply %8 %0"), NUMBER("0", "multiply %0 %8")}, // the order of numbers
    {NUMBER("1", "divide %0 %8"), IS(0)},
    {NUMBER("1", "divide %8 %0"), NULL},
    {NUMBER("0", "divide %8 %0"), NULL},
    {NUMBER("1", "power %0 %8"), IS(0)},
    {NUMBER("0", "power %0 %8"), NULL},
    {NUMBER("1", "power %8 %0"), NULL},
    {NUMBER("0", "greater_of %0 %8"), NULL},
    {NUMBER("1", "remainder %0 %8"), NULL},
    {WHOLE("0", "add %2 %8"), IS(2)},
    {WHOLE("0", "add %8 %2"), IS(2)},
    {WHOLE("1", "add %2 %8"), NULL},
    {WHOLE("0", "subtract %2 %8"), IS(2)},
    {WHOLE("0", "subtract %8 %2"), NULL},
    {WHOLE("1", "multiply %2 %8"), IS(2)},
    {WHOLE("1", "divide %2 %8"), IS(2)},
    {WHOLE("1", "power %2 %8"), IS(2)},
    {WHOLE("0", "shift_left %2 %8"), IS(2)},
    {WHOLE("0", "shift_right %2 %8"), IS(2)},
    {WHOLE("0", "shift_left %8 %2"), NULL},
    {WHOLE("0", "or %2 %8"), IS(2)},
    {WHOLE("0", "or %8 %2"), IS(2)},
    {WHOLE("0", "xor %2 %8"), IS(2)},
    {WHOLE("0", "xor %8 %2"), IS(2)},
    {WHOLE("0", "and %2 %8"), NULL},
    // Smaller than the result, or not one number alone.
    {NUMBER("1", "multiply %8 %0"), IS(0)},
    {WITH("1,1,1", "f32[3]", "multiply %0 %8 : f32[2,3]"), NULL},
    {WITH("1", "f32[1,1,1]", "multiply %0 %8 : f32[1,2,3]"), NULL},
    {"%8 = constant {1} : f32[]\n%9 = broadcast %8 sizes=[2,3] : f32[2,3]\n"
     "%10 = multiply %0 %9 : f32[2,3]\n" RESULT(10),
     IS(0)},
    {"%8 = constant {1} : f32[]\n%9 = reshape %8 sizes=[1,1] : f32[1,1]\n"
     "%10 = multiply %0 %9 : f32[2,3]\n" RESULT(10),
     IS(0)},
};

// The same with as many numbers as the result has, which leaves the numbers but not their
// repetition.
#define WIDE(number, operation, left)                                                              \
    {                                                                                              \
        "%8 = constant {" number                                                                   \
        "} : f32[]\n%9 = broadcast %8 sizes=[2,3] : f32[2,3]\n%10 = " operation                    \
        " : f32[2,3]\n" RESULT(10),                                                                \
            "%8 = constant {" number "} : f32[]\n%9 = " left " : f32[2,3]\n" RESULT(9)             \
    }

static const rule wide[] = {
    WIDE("0", "add %0 %9", "add %0 %8"),
    WIDE("-0", "subtract %0 %9", "subtract %0 %8"),
    WIDE("0", "subtract %9 %0", "subtract %8 %0"),
    WIDE("-0", "subtract %9 %0", "subtract %8 %0"),
    WIDE("0", "multiply %0 %9", "multiply %0 %8"),
    WIDE("-0", "multiply %0 %9", "multiply %0 %8"),
    WIDE("-1", "multiply %0 %9", "multiply %0 %8"),
    WIDE("0", "divide %9 %0", "divide %8 %0"),
    WIDE("1", "divide %9 %0", "divide %8 %0"),
    WIDE("-1", "divide %0 %9", "divide %0 %8"),
    WIDE("0", "power %0 %9", "power %0 %8"),
    WIDE("2", "power %0 %9", "power %0 %8"),
    WIDE("0", "power %9 %0", "power %8 %0"),
    WIDE("1", "power %9 %0", "power %8 %0"),
    WIDE("inf", "remainder %0 %9", "remainder %0 %8"),
    WIDE("-inf", "greater_of %0 %9", "greater_of %0 %8"),
    WIDE("inf", "lesser_of %0 %9", "lesser_of %0 %8"),
    WIDE("inf", "greater_of %0 %9", "greater_of %0 %8"),
    WIDE("nan", "greater_of %0 %9", "greater_of %0 %8"),
};

static const rule unary[] = {
    {TWO("negate %0 : f32[2,3]", "negate %8 : f32[2,3]"), IS(0)},
    {TWO("negate %2 : i32[2,3]", "negate %8 : i32[2,3]"), IS(2)},
    {TWO("not %3 : bool[2,3]", "not %8 : bool[2,3]"), IS(3)},
    {TWO("not %2 : i32[2,3]", "negate %8 : i32[2,3]"), NULL},
    {TWO("negate %0 : f32[2,3]", "absolute %8 : f32[2,3]"), NULL},
    {TWO("exp %0 : f32[2,3]", "exp %8 : f32[2,3]"), NULL},
    {TWO("exp %0 : f32[2,3]", "log %8 : f32[2,3]"), NULL},
    {TWO("absolute %0 : f32[2,3]", "absolute %8 : f32[2,3]"), ONE("absolute %0 : f32[2,3]")},
    {TWO("sign %0 : f32[2,3]", "sign %8 : f32[2,3]"), ONE("sign %0 : f32[2,3]")},
    {TWO("floor %0 : f32[2,3]", "floor %8 : f32[2,3]"), ONE("floor %0 : f32[2,3]")},
    {TWO("ceil %0 : f32[2,3]", "ceil %8 : f32[2,3]"), ONE("ceil %0 : f32[2,3]")},
    {TWO("round %0 : f32[2,3]", "round %8 : f32[2,3]"), ONE("round %0 : f32[2,3]")},
    {TWO("floor %0 : f32[2,3]", "ceil %8 : f32[2,3]"), NULL},
    {TWO("multiply %0 %0 : f32[2,3]", "sqrt %8 : f32[2,3]"), NULL},
};

static const rule operands[] = {
    {ONE("greater_of %0 %0 : f32[2,3]"), IS(0)},
    {ONE("lesser_of %0 %0 : f32[2,3]"), IS(0)},
    {ONE("and %2 %2 : i32[2,3]"), IS(2)},
    {ONE("or %2 %2 : i32[2,3]"), IS(2)},
    {ONE("xor %2 %2 : i32[2,3]"), NULL},
    {ONE("subtract %0 %0 : f32[2,3]"), NULL},
    {ONE("divide %0 %0 : f32[2,3]"), NULL},
    {ONE("equal %0 %0 : bool[2,3]"), NULL},
    {ONE("less_or_equal %0 %0 : bool[2,3]"), NULL},
    {ONE("greater_of %0 %1 : f32[2,3]"), NULL},
    {ONE("select %3 %0 %0 : f32[2,3]"), IS(0)},
    {ONE("select %3 %4 %4 : f32[2,3]"), ONE("broadcast %4 sizes=[2,3] : f32[2,3]")},
    {ONE("select %3 %0 %1 : f32[2,3]"), NULL},
    {WITH("1", "bool[]", "select %8 %0 %1 : f32[2,3]"), IS(0)},
    {WITH("0", "bool[]", "select %8 %0 %1 : f32[2,3]"), IS(1)},
    {WITH("1", "bool[]", "select %8 %4 %1 : f32[2,3]"), ONE("broadcast %4 sizes=[2,3] : f32[2,3]")},
    {TWO("broadcast %4 sizes=[2,3] : f32[2,3]", "add %0 %8 : f32[2,3]"),
     ONE("add %0 %4 : f32[2,3]")},
    {TWO("broadcast %4 sizes=[2,3] : f32[2,3]", "add %5 %8 : f32[2,3]"), NULL},
    {TWO("broadcast %4 sizes=[2,3] : f32[2,3]", "exp %8 : f32[2,3]"), NULL},
    {TWO("broadcast %5 sizes=[2,3] : f32[2,3]", "select %3 %8 %8 : f32[2,3]"),
     ONE("broadcast %5 sizes=[2,3] : f32[2,3]")},
    {"%8 = broadcast %4 sizes=[2,3] : f32[2,3]\n%9 = broadcast %5 sizes=[2,3] : f32[2,3]\n"
     "%10 = select %3 %8 %9 : f32[2,3]\n" RESULT(10),
     ONE("select %3 %4 %5 : f32[2,3]")},
};

static const rule movements[] = {
    {ONE("reshape %0 sizes=[2,3] : f32[2,3]"), IS(0)},
    {TWO("reshape %0 sizes=[6] : f32[6]", "reshape %8 sizes=[3,2] : f32[3,2]"),
     ONE("reshape %0 sizes=[3,2] : f32[3,2]")},
    {TWO("reshape %0 sizes=[6] : f32[6]", "reshape %8 sizes=[2,3] : f32[2,3]"), IS(0)},
    {ONE("broadcast %0 sizes=[2,3] : f32[2,3]"), IS(0)},
    {TWO("broadcast %5 sizes=[3] : f32[3]", "broadcast %8 sizes=[2,3] : f32[2,3]"),
     ONE("broadcast %5 sizes=[2,3] : f32[2,3]")},
    {TWO("reshape %4 sizes=[1,3] : f32[1,3]", "broadcast %8 sizes=[2,3] : f32[2,3]"), NULL},
    {ONE("transpose %0 order=[0,1] : f32[2,3]"), IS(0)},
    {ONE("transpose %0 order=[1,0] : f32[3,2]"), NULL},
    {TWO("transpose %0 order=[1,0] : f32[3,2]", "transpose %8 order=[1,0] : f32[2,3]"), IS(0)},
    {"%8 = reshape %0 sizes=[1,2,3] : f32[1,2,3]\n%9 = transpose %8 order=[1,2,0] : f32[2,3,1]\n"
     "%10 = transpose %9 order=[1,0,2] : f32[3,2,1]\n" RESULT(10),
     "%8 = reshape %0 sizes=[1,2,3] : f32[1,2,3]\n%9 = transpose %8 order=[2,1,0] : "
     "f32[3,2,1]\n" RESULT(9)},
    {ONE("slice %0 first=[0,0] sizes=[2,3] steps=[1,1] : f32[2,3]"), IS(0)},
    {ONE("slice %0 first=[0,1] sizes=[2,2] steps=[1,1] : f32[2,2]"), NULL},
    {TWO("slice %0 first=[1,1] sizes=[1,2] steps=[1,1] : f32[1,2]",
         "slice %8 first=[0,1] sizes=[1,1] steps=[1,1] : f32[1,1]"),
     ONE("slice %0 first=[1,2] sizes=[1,1] steps=[1,1] : f32[1,1]")},
    {TWO("reshape %0 sizes=[6] : f32[6]", "slice %8 first=[1] sizes=[3] steps=[2] : f32[3]"), NULL},
    {"%8 = reshape %0 sizes=[6] : f32[6]\n%9 = slice %8 first=[1] sizes=[3] steps=[2] : f32[3]\n"
     "%10 = slice %9 first=[0] sizes=[2] steps=[2] : f32[2]\n" RESULT(10),
     TWO("reshape %0 sizes=[6] : f32[6]", "slice %8 first=[1] sizes=[2] steps=[4] : f32[2]")},
    {TWO("slice %0 first=[0,0] sizes=[2,2] steps=[1,2] : f32[2,2]",
         "slice %8 first=[0,0] sizes=[0,2] steps=[1,1] : f32[0,2]"),
     NULL},
    {ONE("pad %0 %5 before=[0,0] after=[0,0] between=[0,0] : f32[2,3]"), IS(0)},
    {ONE("pad %0 %5 before=[0,1] after=[0,-1] between=[0,0] : f32[2,3]"), NULL},
    {ONE("pad %0 %5 before=[0,-1] after=[0,1] between=[0,0] : f32[2,3]"), NULL},
    {ONE("pad %0 %5 before=[0,0] after=[0,-2] between=[0,1] : f32[2,3]"), NULL},
    {ONE("flip %0 axes=[] : f32[2,3]"), IS(0)},
    {ONE("flip %0 axes=[1] : f32[2,3]"), NULL},
    {TWO("flip %0 axes=[1] : f32[2,3]", "flip %8 axes=[1] : f32[2,3]"), IS(0)},
    {TWO("flip %0 axes=[0,1] : f32[2,3]", "flip %8 axes=[0,1] : f32[2,3]"), IS(0)},
    {TWO("flip %0 axes=[1] : f32[2,3]", "flip %8 axes=[0] : f32[2,3]"), NULL},
    {TWO("flip %0 axes=[0,1] : f32[2,3]", "flip %8 axes=[0] : f32[2,3]"), NULL},
    {TWO("flip %0 axes=[0] : f32[2,3]", "flip %8 axes=[0,1] : f32[2,3]"), NULL},
    {TWO("reshape %0 sizes=[1,6] : f32[1,6]", "flip %8 axes=[0] : f32[1,6]"),
     ONE("reshape %0 sizes=[1,6] : f32[1,6]")},
    {TWO("reshape %0 sizes=[1,6] : f32[1,6]", "flip %8 axes=[0,1] : f32[1,6]"), NULL},
    {ONE("concatenate %0 axis=1 : f32[2,3]"), IS(0)},
    {ONE("concatenate %0 %0 axis=1 : f32[2,6]"), NULL},
};

// Along an axis of size 1, %8.
#define LONE(reduction)                                                                            \
    "%8 = reshape %0 sizes=[2,1,3] : f32[2,1,3]\n%9 = " reduction                                  \
    " axes=[1] : f32[2,1,3]\n" RESULT(9)
#define LONE_IS "%8 = reshape %0 sizes=[2,1,3] : f32[2,1,3]\n" RESULT(8)

static const rule reductions[] = {
    {LONE("greatest %8"), LONE_IS},
    {LONE("least %8"), LONE_IS},
    {LONE("product %8"), LONE_IS},
    {LONE("sum %8"), NULL}, // of -0 it is +0
    {LONE("log_sum_exp %8"), NULL},
    {ONE("greatest %0 axes=[1] : f32[2,1]"), NULL},
    {ONE("product %0 axes=[] : f32[2,3]"), IS(0)},
    {ONE("sum %2 axes=[] : i32[2,3]"), IS(2)},
    {ONE("sum %0 axes=[] : f32[2,3]"), NULL},
    {TWO("reshape %0 sizes=[2,1,3] : f32[2,1,3]", "greatest_place %8 axes=[1] : i64[2,1,3]"), NULL},
    {ONE("cumulative_sum %0 axis=0 exclusive=0 reverse=0 : f32[2,3]"), NULL},
};

static const rule folded[] = {
    {"%8 = constant {1,2,3} : f32[3]\n%9 = constant {0.5} : f32[]\n"
     "%10 = multiply %8 %9 : f32[3]\n" RESULT(10),
     "%8 = constant {0.5,1,1.5} : f32[3]\n" RESULT(8)},
    {WITH("16777217", "i32[]", "convert %8 element=f32 : f32[]"),
     "%8 = constant {16777216} : f32[]\n" RESULT(8)},
    {WITH("3,1,2", "i32[3]", "sum %8 axes=[0] : i32[1]"), "%8 = constant {6} : i32[1]\n" RESULT(8)},
    {WITH("3,1,2", "i32[3]", "greatest_place %8 axes=[0] : i64[1]"),
     "%8 = constant {0} : i64[1]\n" RESULT(8)},
    {WITH("3,1,2", "i32[3]", "flip %8 axes=[0] : i32[3]"),
     "%8 = constant {2,1,3} : i32[3]\n" RESULT(8)},
    // Too large, or what only running should do.
    {WITH("2", "f32[]", "broadcast %8 sizes=[2,3] : f32[2,3]"), NULL},
    {"%8 = constant {2} : f32[1]\n%9 = constant {0} : f32[]\n"
     "%10 = pad %8 %9 before=[0] after=[4096] between=[0] : f32[4097]\n" RESULT(10),
     NULL},
    {WITH("3,1,2", "i32[3]", "sort %8 axis=0 falling=0 : i32[3], i64[3]"), NULL},
    {WITH("0", "u64[]", "random %8 stream=0 sizes=[2] : u32[2]"),
     "%8 = constant {1713891541,3781805453} : u32[2]\n" RESULT(8)},
    {ONE("iota element=i32 sizes=[3] axis=0 : i32[3]"), NULL},
    {"%8 = constant {2} : f32[1,1]\n%9 = broadcast %8 sizes=[2048,1] : f32[2048,1]\n" RESULT(9),
     NULL},
};

// A body that gives what it is given, or its opposite.
#define BODY(made)                                                                                 \
    " {\n  %0 = input \"given\" : f32[2,3]\n  %1 = negate %0 : f32[2,3]\n  result \"y\" = " made   \
    "\n}"
#define NEGATE_TWICE                                                                               \
    " {\n  %0 = input \"given\" : f32[2,3]\n  %1 = negate %0 : f32[2,3]\n  %2 = negate %1 : "      \
    "f32[2,3]\n"                                                                                   \
    "  result \"y\" = %2\n}"
#define GIVEN " {\n  %0 = input \"given\" : f32[2,3]\n  result \"y\" = %0\n}"

static const rule control[] = {
    {WITH("1", "bool[]", "branch %8 %0 : f32[2,3]" BODY("%0") BODY("%1")), IS(0)},
    {WITH("0", "bool[]", "branch %8 %0 : f32[2,3]" BODY("%0") BODY("%1")),
     ONE("negate %0 : f32[2,3]")},
    {ONE("branch %6 %0 : f32[2,3]" NEGATE_TWICE BODY("%1")),
     ONE("branch %6 %0 : f32[2,3]" GIVEN BODY("%1"))},
    {ONE("stop %0 : f32[2,3]"), NULL},
};

// A conversion and back; what stays is said by `back`.
typedef struct pair {
    const char *from, *over;
    bool back;
} pair;

static const pair pairs[] = {
    {"f32", "f64", true},   {"bf16", "f32", true},  {"f16", "f32", true},  {"f16", "f64", true},
    {"bf16", "f64", true},  {"f64", "f32", false},  {"f32", "f16", false}, {"f32", "bf16", false},
    {"f16", "bf16", false}, {"bf16", "f16", false}, {"i8", "f16", true},   {"u8", "f16", true},
    {"i8", "bf16", true},   {"u8", "bf16", true},   {"i16", "f16", false}, {"u16", "f16", false},
    {"i16", "bf16", false}, {"i16", "f32", true},   {"u16", "f32", true},  {"i32", "f32", false},
    {"u32", "f32", false},  {"i32", "f64", true},   {"u32", "f64", true},  {"i64", "f64", false},
    {"u64", "f64", false},  {"bool", "f16", true},  {"bool", "i8", true},  {"bool", "u64", true},
    {"i8", "bool", false},  {"f32", "bool", false}, {"i8", "i16", true},   {"i16", "i8", false},
    {"i8", "u8", true},     {"u8", "i8", true},     {"i32", "u32", true},  {"u64", "i64", true},
    {"i32", "i16", false},  {"u32", "i16", false},  {"u8", "i16", true},   {"f32", "i32", false},
    {"f32", "i64", false},
};

static tt_graph *parsed(const char *lines)
{
    char text[4096], said[1024];
    tt_text why;
    tt_text_init(&why, said, sizeof(said));
    snprintf(text, sizeof(text), "%s%s", inputs, lines);
    tt_graph *graph = tt_graph_parse(text, strlen(text), &why);
    if (graph == NULL)
        printf("%s\n%s", said, lines);
    REQUIRE(graph != NULL);
    return graph;
}

// The lines behind the inputs.
static const char *own_lines(const char *text)
{
    for (int i = 0; i < INPUTS; i++)
        text = strchr(text, '\n') + 1;
    return text;
}

// The cells of a graph's first result, of numbers that are seldom met.
static tt_reference *run(const tt_graph *graph)
{
    static const float x[] = {(float)NAN, INFINITY, -INFINITY, -0.0f, 0, -1.5f}, one = -0.0f;
    static const float y[] = {2, -0.0f, 0, 0, -0.0f, (float)NAN};
    static const int32_t i[] = {INT32_MIN, INT32_MAX, -1, 0, 1, 31};
    static const uint32_t u[] = {0, 1, 31, 32, INT32_MAX, UINT32_MAX};
    static const bool b[] = {true, false, true, true, false, false}, yes = true;
    const void *data[] = {x, y, i, b, y + 3, &one, &yes, u, NULL, NULL, NULL, NULL};
    const void **all = calloc(tt_graph_buffer_count(graph) + 1, sizeof(*all));
    tt_value value = tt_graph_result_at(graph, 0)->value;
    tt_reference *reference = NULL;
    REQUIRE(all != NULL);
    memcpy(all, data, INPUTS * sizeof(*all));
    REQUIRE(tt_reference_run(graph, 1, &value, all, NULL, &reference, NULL) == TT_OK);
    free(all);
    return reference;
}

static bool same_bits(const tt_graph *a, const tt_graph *b)
{
    tt_reference *one = run(a), *other = run(b);
    const tt_cells *p = tt_reference_result(one, 0), *q = tt_reference_result(other, 0);
    bool is_float = tt_element_is_float((tt_element)p->type.element);
    bool same = tt_type_equal(&p->type, &q->type);
    for (int64_t k = 0; same && k < tt_type_count(&p->type); k++)
        same = p->cells[k].u == q->cells[k].u ||
               (is_float && isnan(p->cells[k].f) && isnan(q->cells[k].f));
    tt_reference_free(one);
    tt_reference_free(other);
    return same;
}

// Simplified twice: what the first time made of needs no more is left out the second time.
static void check_case(const char *from, const char *to)
{
    tt_graph *graph = parsed(from), *once = tt_graph_simplify(graph);
    REQUIRE(once != NULL);
    tt_graph *twice = tt_graph_simplify(once);
    REQUIRE(twice != NULL);
    char *text = tt_graph_print(twice);
    REQUIRE(text != NULL);
    EXPECT(same_bits(graph, once));
    bool same = strcmp(own_lines(text), to) == 0;
    EXPECT(same);
    if (!same)
        printf("%sbecame\n%sexpected\n%s\n", from, own_lines(text), to);
    free(text);
    tt_graph_free(twice);
    tt_graph_free(once);
    tt_graph_free(graph);
}

static void check_all(const rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check_case(rules[i].from, rules[i].to != NULL ? rules[i].to : rules[i].from);
}

// An element type to another and back: the second conversion goes where the first lost nothing.
static void check_pairs(void)
{
    for (size_t i = 0; i < TT_COUNT(pairs); i++) {
        char text[512];
        snprintf(text, sizeof(text),
                 "%%0 = input \"x\" : %s[2]\n%%1 = convert %%0 element=%s : %s[2]\n"
                 "%%2 = convert %%1 element=%s : %s[2]\nresult \"r\" = %%2\n",
                 pairs[i].from, pairs[i].over, pairs[i].over, pairs[i].from, pairs[i].from);
        tt_graph *graph = tt_graph_parse(text, strlen(text), NULL);
        REQUIRE(graph != NULL);
        tt_graph *simple = tt_graph_simplify(graph);
        REQUIRE(simple != NULL);
        bool back = tt_graph_result_at(simple, 0)->value.node == 0;
        EXPECT(back == pairs[i].back);
        if (back != pairs[i].back)
            printf("%s over %s\n", pairs[i].from, pairs[i].over);
        tt_graph_free(simple);
        tt_graph_free(graph);
    }
}

// To the type that it is, and to one type over another: only the first is left out.
static void check_lone_conversions(void)
{
    check_case(ONE("convert %0 element=f32 : f32[2,3]"), IS(0));
    check_case(ONE("convert %0 element=f64 : f64[2,3]"), ONE("convert %0 element=f64 : f64[2,3]"));
    check_case(TWO("convert %2 element=i64 : i64[2,3]", "convert %8 element=f32 : f32[2,3]"),
               TWO("convert %2 element=i64 : i64[2,3]", "convert %8 element=f32 : f32[2,3]"));
}

int main(void)
{
    check_all(neutral, TT_COUNT(neutral));
    check_all(wide, TT_COUNT(wide));
    check_all(unary, TT_COUNT(unary));
    check_all(operands, TT_COUNT(operands));
    check_all(movements, TT_COUNT(movements));
    check_all(reductions, TT_COUNT(reductions));
    check_all(folded, TT_COUNT(folded));
    check_all(control, TT_COUNT(control));
    check_pairs();
    check_lone_conversions();
    return test_result();
}
