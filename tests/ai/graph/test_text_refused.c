// What is wrong with the text of a graph: each sentence with its line, and the odd texts that are
// right.

#include "ai/graph/row.h"
#include "tests/test.h"
#include "tutti/check.h"

typedef struct wrong {
    const char *text, *sentence;
} wrong;

#define X "%0 = input \"x\" : f32[2]\n"
#define TURN                                                                                       \
    "%1 = input \"n\" : i64[]\n%2 = loop %1 limit=1 carries=0 : f32[1] {\n"                        \
    "  %0 = input \"turn\" : i64[]\n  %1 = constant {1} : bool[]\n"                                \
    "  %2 = constant {0} : f32[]\n  result \"go\" = %1\n  result \"scan\" = %2\n"

static const wrong lines[] = {
    {"negate\n", "line 1: expected a node, a result or an assignment, not 'negate\n'"},
    {X "\n  \t\nx\n", "line 4: expected a node, a result or an assignment, not 'x\n'"},
    {X "results \"y\" = %0\n",
     "line 2: expected a node, a result or an assignment, not 'results \"y\" = %0\n'"},
    {"%1 = input \"x\" : f32[2]\n", "line 1: node 1, expected 0: nodes are numbered in order"},
    {X X, "line 2: node 0, expected 1: nodes are numbered in order"},
    {X "%1 negate %0 : f32[2]\n", "line 2: expected '=' before 'negate %0 : f32[2]\n'"},
    {X "%x = negate %0 : f32[2]\n",
     "line 2: expected a whole number of 64 bits before 'x = negate %0 : f32['"},
    {X "%1 = Negate %0 : f32[2]\n", "line 2: expected a word before 'Negate %0 : f32[2]\n'"},
    {X "%1 = negated %0 : f32[2]\n", "line 2: there is no operation 'negated'"},
    {X "%1 = buffer buffer=0 : f32[2]\n", "line 2: there is no operation 'buffer'"},
    {X "%1 = negate %0 : f32[2] %0\n", "line 2: '%0\n' does not belong here"},
    {X "%1 = negate %0 : f32[2]x\n", "line 2: 'x\n' does not belong here"},
    {X "result \"y\" = %0 %0\n", "line 2: '%0\n' does not belong here"},
    {X "%1 = negate %1 : f32[2]\n", "line 2: %1.0 is no value so far"},
    {X "%1 = negate %-1 : f32[2]\n", "line 2: %-1.0 is no value so far"},
    {X "%1 = negate %0.1 : f32[2]\n", "line 2: %0.1 is no value so far"},
    {X "%1 = negate %0.-1 : f32[2]\n", "line 2: %0.-1 is no value so far"},
    {X "%1 = negate %0. : f32[2]\n",
     "line 2: expected a whole number of 64 bits before ': f32[2]\n'"},
    {X "%1 = negate %9223372036854775808 : f32[2]\n",
     "line 2: expected a whole number of 64 bits before '9223372036854775808 '"},
    {X "%1 = negate %- : f32[2]\n",
     "line 2: expected a whole number of 64 bits before '- : f32[2]\n'"},
    {X "%1 = negate %0 f32[2]\n", "line 2: expected ':' before 'f32[2]\n'"},
    {X "%1 = negate %0 : f32[3]\n", "line 2: the stated type f32[3] is not the result's, f32[2]"},
    {X "%1 = negate %0 : f64[2]\n", "line 2: the stated type f64[2] is not the result's, f32[2]"},
    {X "%1 = negate %0 : f32[2], f32[2]\n",
     "line 2: 2 types are stated, the operation has 1 outputs"},
    {X "%1 = sort %0 axis=0 falling=0 : f32[2]\n",
     "line 2: 1 types are stated, the operation has 2 outputs"},
    {X "%1 = sort %0 axis=0 falling=0 : f32[2], i32[2]\n",
     "line 2: the stated type i32[2] is not the result's, i64[2]"},
    {X "%1 = add %0 : f32[2]\n", "line 2: add: takes 2 inputs, was given 1"},
};

static const wrong types[] = {
    {"%0 = input \"x\" : f33[2]\n", "line 1: there is no element type 'f33'"},
    {"%0 = input \"x\" : [2]\n", "line 1: expected a word before '[2]\n'"},
    {"%0 = input \"x\" : f32 2\n", "line 1: expected '[' before '2\n'"},
    {"%0 = input \"x\" : f32[2,]\n", "line 1: expected a whole number of 64 bits before ']\n'"},
    {"%0 = input \"x\" : f32[2 3]\n", "line 1: expected ',' before '3]\n'"},
    {"%0 = input \"x\" : f32[,2]\n", "line 1: expected a whole number of 64 bits before ',2]\n'"},
    {"%0 = input \"x\" : f32[1,1,1,1,1,1,1,1,1]\n", "line 1: ranks go to 8"},
    {"%0 = input \"x\" f32[2]\n", "line 1: expected ':' before 'f32[2]\n'"},
    {"%0 = input x : f32[2]\n", "line 1: expected '\"' before 'x : f32[2]\n'"},
    {"%0 = input \"x : f32[2]\n", "line 1: a name has no end"},
    {"%0 = input \"x", "line 1: a name has no end"},
    {"%0 = input \"x\\", "line 1: a name has no end"},
    {"%0 = input \"\\n\" : f32[2]\n", "line 1: '\\n' is none of \\\", \\\\ and \\xNN"},
    {"%0 = input \"\\x4\" : f32[2]\n", "line 1: '\\x' is none of \\\", \\\\ and \\xNN"},
    {"%0 = input \"\\x00\" : f32[2]\n", "line 1: '\\x' is none of \\\", \\\\ and \\xNN"},
    {"%0 = input \"\\xg0\" : f32[2]\n", "line 1: '\\x' is none of \\\", \\\\ and \\xNN"},
    {"%0 = input \"\\x4A\" : f32[2]\n", "line 1: '\\x' is none of \\\", \\\\ and \\xNN"},
};

static const wrong constants[] = {
    {"%0 = constant 1 : f32[]\n", "line 1: expected '{' before '1 : f32[]\n'"},
    {"%0 = constant {1 : f32[]\n", "line 1: expected '}' before '\n'"},
    {"%0 = constant {1} f32[]\n", "line 1: expected ':' before 'f32[]\n'"},
    {"%0 = constant {1,2} : f32[]\n", "line 1: the constant has more elements than its type"},
    {"%0 = constant {1,2} : f32[3]\n", "line 1: the constant has 2 elements, its type 3"},
    {"%0 = constant {} : f32[1]\n", "line 1: the constant has 0 elements, its type 1"},
    {"%0 = constant {1} : f32[1000000,1000000]\n",
     "line 1: the constant has fewer elements than its type"},
    {"%0 = constant {1} : f32[9223372036854775807,3]\n",
     "line 1: the constant has fewer elements than its type"},
    {"%0 = constant {1} : f32[-1]\n", "line 1: the constant has fewer elements than its type"},
    {"%0 = constant {1 2} : f32[2]\n", "line 1: expected ',' before '2} : f32[2]\n'"},
    {"%0 = constant {,1} : f32[2]\n", "line 1: expected a number before ',1} : f32[2]\n'"},
    {"%0 = constant {x} : f32[]\n", "line 1: expected a number before 'x} : f32[]\n'"},
    {"%0 = constant {0x1p3} : f32[]\n", "line 1: expected a number before '0x1p3} : f32[]\n'"},
    {"%0 = constant {nan(1)} : f32[]\n", "line 1: expected a number before 'nan(1)} : f32[]\n'"},
    {"%0 = constant {infinity} : f32[]\n",
     "line 1: expected a number before 'infinity} : f32[]\n'"},
    {"%0 = constant {1.5} : i32[]\n", "line 1: expected ',' before '.5} : i32[]\n'"},
    {"%0 = constant {2147483648} : i32[]\n",
     "line 1: a number before '} : i32[]\n' is none of i32"},
    {"%0 = constant {-2147483649} : i32[]\n",
     "line 1: a number before '} : i32[]\n' is none of i32"},
    {"%0 = constant {128} : i8[]\n", "line 1: a number before '} : i8[]\n' is none of i8"},
    {"%0 = constant {256} : u8[]\n", "line 1: a number before '} : u8[]\n' is none of u8"},
    {"%0 = constant {-1} : u8[]\n", "line 1: a number before '} : u8[]\n' is none of u8"},
    {"%0 = constant {18446744073709551616} : u64[]\n",
     "line 1: a number before '} : u64[]\n' is none of u64"},
    {"%0 = constant {9223372036854775808} : i64[]\n",
     "line 1: expected a whole number of 64 bits before '9223372036854775808}'"},
    {"%0 = constant {2} : bool[]\n", "line 1: a number before '} : bool[]\n' is none of bool"},
    {"%0 = constant {-1} : bool[]\n", "line 1: a number before '} : bool[]\n' is none of bool"},
};

static const wrong attributes[] = {
    {X "%1 = sum %0 : f32[1]\n", "line 2: expected 'axes' before ': f32[1]\n'"},
    {X "%1 = sum %0 axes [0] : f32[1]\n", "line 2: expected '=' before '[0] : f32[1]\n'"},
    {X "%1 = sum %0 axes=0 : f32[1]\n", "line 2: expected '[' before '0 : f32[1]\n'"},
    {X "%1 = sum %0 axes=[0 : f32[1]\n", "line 2: expected ',' before ': f32[1]\n'"},
    {X "%1 = sum %0 axes=[0,] : f32[1]\n",
     "line 2: expected a whole number of 64 bits before '] : f32[1]\n'"},
    {X "%1 = sum %0 axes=[0,1,2,3,4,5,6,7,8] : f32[1]\n", "line 2: axes has more than 8 entries"},
    {X "%1 = sum %0 axes=[0] axes=[0] : f32[1]\n",
     "line 2: expected ':' before 'axes=[0] : f32[1]\n'"},
    {X "%1 = convert %0 element=f63 : f64[2]\n", "line 2: there is no element type 'f63'"},
    {X "%1 = convert %0 element= : f64[2]\n", "line 2: expected a word before ': f64[2]\n'"},
    {X "%1 = convert %0 element=f64 : f32[2]\n",
     "line 2: the stated type f32[2] is not the result's, f64[2]"},
    {X "%1 = sort %0 axis=x falling=0 : f32[2], i64[2]\n",
     "line 2: expected a whole number of 64 bits before 'x falling=0 : f32[2]'"},
    {X "%1 = sort %0 falling=0 axis=0 : f32[2], i64[2]\n",
     "line 2: expected 'axis' before 'falling=0 axis=0 : f'"},
};

static const wrong results[] = {
    {X "result y = %0\n", "line 2: expected '\"' before 'y = %0\n'"},
    {X "result \"y\" %0\n", "line 2: expected '=' before '%0\n'"},
    {X "result \"y\" = 0\n", "line 2: expected '%' before '0\n'"},
    {X "result \"y\" = %1\n", "line 2: %1.0 is no value so far"},
    {X "assign \"s\" = %0\n", "line 2: there is no buffer 's'"},

    {X "%1 = negate %0 : f32[2] @\n", "line 2: expected '\"' before '\n'"},
    {X "%1 = negate %0 : f32[2] @\"a\",\n", "line 2: expected '\"' before '\n'"},
    {X "%1 = negate %0 : f32[2] @\"a\" \"b\"\n", "line 2: '\"b\"\n' does not belong here"},
    {X "%1 = negate %0 : f32[2] @\"a\" @b\n", "line 2: expected '\"' before 'b\n'"},
    {"%0 = input \"x\" : f32[2] @\"a\" @\n", "line 1: expected '\"' before '\n'"},
};

static const wrong bodies[] = {
    {X TURN, "line 9: a body has no end"},
    {X TURN "}}\n", "line 9: '}\n' does not belong here"},
    {X TURN "} {\n", "line 10: a body has no end"},
    {X "%1 = negate %0 : f32[2] {\n}\n", "line 3: negate: takes 0 bodies, was given more"},
    {X TURN "} {\n}\n", "line 10: loop: takes 1 bodies, was given more"},
    {X "%1 = negate %0 : f32[2] { }\n", "line 3: expected '\n' before '}\n'"},
    {X "%1 = negate %0 : f32[2] {\n%0 = inputs\n}\n", "line 3: there is no operation 'inputs'"},
};

static void expect_sentence(const wrong *w)
{
    char said[1024] = "";
    tt_text why;
    tt_text_init(&why, said, sizeof(said));
    tt_graph *graph = tt_graph_parse(w->text, strlen(w->text), &why);
    EXPECT(graph == NULL);
    if (w->sentence != NULL)
        EXPECT_TEXT(said, w->sentence);
    else
        EXPECT(strlen(said) > 20);
    if (graph != NULL)
        printf("%s\n", w->text);
    tt_graph_free(graph);
}

static void expect_all(const wrong *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        expect_sentence(&cases[i]);
}

// Cut anywhere in a line, the text is wrong or shorter; no byte behind its end is looked at.
static void check_cuts(void)
{
    static const char whole[] = X TURN "}\n%3 = sum %0 axes=[0] : f32[1] @\"a\",\"b\" @\"c\"\n"
                                       "%4 = constant {-0,1e3} : f16[2]\nresult \"y\" = %3\n";
    char said[1024];
    for (size_t length = 0; length < sizeof(whole); length++) {
        tt_text why;
        tt_text_init(&why, said, sizeof(said));
        char *cut = malloc(length + 1);
        REQUIRE(cut != NULL);
        memcpy(cut, whole, length);
        cut[length] = '7'; // would be read with what stands before it
        tt_graph *graph = tt_graph_parse(cut, length, &why);
        EXPECT(graph != NULL || strncmp(said, "line ", 5) == 0);
        tt_graph_free(graph);
        free(cut);
    }
}

static void expect_text(const char *text, const char *printed)
{
    char said[1024] = "";
    tt_text why;
    tt_text_init(&why, said, sizeof(said));
    tt_graph *graph = tt_graph_parse(text, strlen(text), &why);
    EXPECT_TEXT(said, "");
    if (graph == NULL)
        return;
    char *is = tt_graph_print(graph);
    REQUIRE(is != NULL);
    EXPECT_TEXT(is, printed);
    free(is);
    tt_graph_free(graph);
}

// What may be written otherwise than it is printed.
static void check_odd_but_right(void)
{
    expect_text("", "");
    expect_text("\n\n \t\n", "");
    expect_text("%0=input\"x\":f32[2]", X);
    expect_text("  %0 =\tinput  \"x\" : f32[ 2 ]  \n\n", X);
    expect_text("%0 = input \"\\x78\" : f32[2]\n", X);
    expect_text("%0 = constant { +1 , 2.5e0,-.5,1e-1 } : f64[4]\n",
                "%0 = constant {1,2.5,-0.5,0.10000000000000001} : f64[4]\n");
    expect_text("%0 = constant {inf,-inf,nan} : f32[3]\n",
                "%0 = constant {inf,-inf,nan} : f32[3]\n");
    expect_text("%0 = constant {1e400} : f64[]\n", "%0 = constant {inf} : f64[]\n");
    expect_text("%0 = constant {18446744073709551615} : u64[]\n",
                "%0 = constant {18446744073709551615} : u64[]\n");
    expect_text("%0 = constant {-9223372036854775808} : i64[]\n",
                "%0 = constant {-9223372036854775808} : i64[]\n");
    expect_text("%0 = constant {} : i8[0]\n", "%0 = constant {} : i8[0]\n");
    expect_text("%0 = constant {} : i8[0,9223372036854]\n",
                "%0 = constant {} : i8[0,9223372036854]\n");
    expect_text("%0 = constant {-128} : i8[]\n", "%0 = constant {-128} : i8[]\n");
    // Equal nodes become one; what was numbered apart is the same value.
    expect_text(X "%1 = exp %0 : f32[2] @\"a\"\n%2 = exp %0 : f32[2] @\"b\",\"c\"\n"
                  "%3 = add %1 %2 : f32[2]\nresult \"y\" = %2\n",
                X "%1 = exp %0 : f32[2] @\"a\" @\"b\",\"c\"\n%2 = add %1 %1 : f32[2]\n"
                  "result \"y\" = %1\n");
    expect_text(X "%1 = state \"s\" : f32[2]\n%2 = parameter \"p\" : f32[2]\nassign \"s\" = %2\n"
                  "assign \"p\" = %0\nresult \"z\" = %1\n",
                X "%1 = state \"s\" : f32[2]\n%2 = parameter \"p\" : f32[2]\nresult \"z\" = %1\n"
                  "assign \"s\" = %2\nassign \"p\" = %0\n");
}

// A line that no other reads is longer than what is said of it.
static void check_long_lines(void)
{
    static char text[70000];
    char said[1024];
    tt_text why;
    memset(text, 'a', sizeof(text) - 1);
    tt_text_init(&why, said, sizeof(said));
    EXPECT(tt_graph_parse(text, sizeof(text) - 1, &why) == NULL);
    EXPECT_TEXT(said,
                "line 1: expected a node, a result or an assignment, not 'aaaaaaaaaaaaaaaaaaaa'");
}

int main(void)
{
    expect_all(lines, TT_COUNT(lines));
    expect_all(types, TT_COUNT(types));
    expect_all(constants, TT_COUNT(constants));
    expect_all(attributes, TT_COUNT(attributes));
    expect_all(results, TT_COUNT(results));
    expect_all(bodies, TT_COUNT(bodies));
    check_cuts();
    check_odd_but_right();
    check_long_lines();
    return test_result();
}
