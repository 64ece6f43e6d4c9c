// What is no graph's text is refused, with its line and what is wrong there: nothing that is not
// known is passed over.

#include "tests/test.h"
#include "tutti/check.h"
#include "tutti/graph.h"

#define X "%0 = input \"x\" : f32[2,3]\n"

static const struct {
    const char *text, *sentence;
} wrong[] = {
    // Behind what is whole.
    {X "result \"y\" = %0 rubbish\n", "line 2: 'rubbish\n' does not belong here"},
    {X "result \"y\" = %0\nrubbish", "line 3: expected a node, a result or an assignment, not "
                                     "'rubbish'"},
    {X "%1 = exp %0 : f32[2,3] rubbish\n", "line 2: 'rubbish\n' does not belong here"},
    {X "%1 = exp %0 : f32[2,3] @\"a\" @b\n", "line 2: expected '\"' before 'b\n'"},
    {"%0 = constant {1} : f32[] {}\n", "line 1: '{}\n' does not belong here"},
    {"%0 = constant {1,} : f32[]\n", "line 1: the constant has more elements than its type"},
    {"%0 = constant {1 2} : f32[2]\n", "line 1: expected ',' before '2} : f32[2]\n'"},
    {"%0 = input \"x\" : f32[2,3],\n", "line 1: ',\n' does not belong here"},
    {"%0 = input \"x\" \"y\" : f32[2,3]\n", "line 1: expected ':' before '\"y\" : f32[2,3]\n'"},
    {"}\n", "line 1: expected a node, a result or an assignment, not '}\n'"},
    // Attributes: unknown, of another row, twice, missing, in another order, of another kind.
    {X "%1 = exp %0 speed=1 : f32[2,3]\n", "line 2: expected ':' before 'speed=1 : f32[2,3]\n'"},
    {X "%1 = sum %0 axis=[1] : f32[2,1]\n",
     "line 2: expected 'axes' before 'axis=[1] : f32[2,1]\n'"},
    {X "%1 = sum %0 axes=[1] speed=1 : f32[2,1]\n",
     "line 2: expected ':' before 'speed=1 : f32[2,1]\n'"},
    {X "%1 = sum %0 axes=[1] axes=[1] : f32[2,1]\n",
     "line 2: expected ':' before 'axes=[1] : f32[2,1]\n'"},
    {X "%1 = sum %0 : f32[2,1]\n", "line 2: expected 'axes' before ': f32[2,1]\n'"},
    {X "%1 = cumulative_sum %0 axis=0 exclusive=0 : f32[2,3]\n",
     "line 2: expected 'reverse' before ': f32[2,3]\n'"},
    {X "%1 = cumulative_sum %0 exclusive=0 axis=0 reverse=0 : f32[2,3]\n",
     "line 2: expected 'axis' before 'exclusive=0 axis=0 r'"},
    {X "%1 = sum %0 axes=1 : f32[2,1]\n", "line 2: expected '[' before '1 : f32[2,1]\n'"},
    {X "%1 = cumulative_sum %0 axis=[0] exclusive=0 reverse=0 : f32[2,3]\n",
     "line 2: expected a whole number of 64 bits before '[0] exclusive=0 reve'"},
    {X "%1 = sum %0 axes=[1,] : f32[2,1]\n",
     "line 2: expected a whole number of 64 bits before '] : f32[2,1]\n'"},
    {X "%1 = sum %0 axes=[0,0,0,0,0,0,0,0,0] : f32[2,1]\n", "line 2: axes has more than 8 entries"},
    {X "%1 = sum %0 axes=[9223372036854775808] : f32[2,1]\n",
     "line 2: expected a whole number of 64 bits before '9223372036854775808]'"},
    {X "%1 = convert %0 element=f33 : f32[2,3]\n", "line 2: there is no element type 'f33'"},
    {X "%1 = convert %0 element=1 : f32[2,3]\n", "line 2: there is no element type '1'"},
    // Words, numbers, values and names.
    {X "%1 = expo %0 : f32[2,3]\n", "line 2: there is no operation 'expo'"},
    {X "%1 = buffer buffer=0 : f32[2,3]\n", "line 2: there is no operation 'buffer'"},
    {X "%2 = exp %0 : f32[2,3]\n", "line 2: node 2, expected 1: nodes are numbered in order"},
    {X "%1 = exp %1 : f32[2,3]\n", "line 2: %1.0 is no value so far"},
    {X "%1 = exp %0.1 : f32[2,3]\n", "line 2: %0.1 is no value so far"},
    {X "%1 = exp %-1 : f32[2,3]\n", "line 2: %-1.0 is no value so far"},
    {X "%1 = exp x : f32[2,3]\n", "line 2: expected ':' before 'x : f32[2,3]\n'"},
    {X "%1 = exp : f32[2,3]\n", "line 2: exp: takes 1 inputs, was given 0"},
    {X "%1 = exp %0 %0 : f32[2,3]\n", "line 2: exp: takes 1 inputs, was given 2"},
    {X "%1 = exp %0\n", "line 2: expected ':' before '\n'"},
    {X "%1 = exp %0 : f32[2,4]\n",
     "line 2: the stated type f32[2,4] is not the result's, f32[2,3]"},
    {X "%1 = exp %0 : f32[2,3], f32[]\n",
     "line 2: 2 types are stated, the operation has 1 outputs"},
    {X "%1 = exp %0 : f32[2,3", "line 2: expected ',' before ''"},
    {X "%1 = input \"x\" : f32[]\n", "line 2: input: there is a buffer 'x' already"},
    {"%0 = input x : f32[]\n", "line 1: expected '\"' before 'x : f32[]\n'"},
    {"%0 = input \"x : f32[]\n", "line 1: a name has no end"},
    {"%0 = input \"\\n\" : f32[]\n", "line 1: '\\n' is none of \\\", \\\\ and \\xNN"},
    {"%0 = input \"\\x00\" : f32[]\n", "line 1: '\\x' is none of \\\", \\\\ and \\xNN"},
    {"%0 = input \"\" : f32[]\n", "line 1: input: a name is UTF-8 text that is not empty"},
    {"%0 = input \"x\" : f32[-1]\n",
     "line 1: input: no value is of f32[-1]; sizes are 0 or more, and "
     "2^48 elements the most"},
    {"%0 = input \"x\" : f32[1,1,1,1,1,1,1,1,1]\n", "line 1: ranks go to 8"},
    {"%0 = input \"x\" : f32\n", "line 1: expected '[' before '\n'"},
    {"%0 = constant {nam} : f32[1]\n", "line 1: expected a number before 'nam} : f32[1]\n'"},
    {"%0 = constant {0x1p3} : f32[1]\n", "line 1: expected a number before '0x1p3} : f32[1]\n'"},
    {"%0 = constant {1.5} : i32[1]\n", "line 1: expected ',' before '.5} : i32[1]\n'"},
    {"%0 = constant {128} : i8[1]\n", "line 1: a number before '} : i8[1]\n' is none of i8"},
    {"%0 = constant {-1} : u8[1]\n", "line 1: a number before '} : u8[1]\n' is none of u8"},
    {"%0 = constant {2} : bool[1]\n", "line 1: a number before '} : bool[1]\n' is none of bool"},
    {"%0 = constant {1} : f32[2]\n", "line 1: the constant has 1 elements, its type 2"},
    {"%0 = constant {1} : f32[281474976710656]\n",
     "line 1: the constant has fewer elements than its type"},
    {X "\n\nassign \"z\" = %0\n", "line 4: there is no buffer 'z'"},
    {X "assign \"x\" = %0\n", "line 2: assign: only parameters and state can be assigned"},
    {X "result \"y\" = %0\nresult \"y\" = %0\n", "line 3: result: there is a result 'y' already"},
    {X "Result \"y\" = %0\n",
     "line 2: expected a node, a result or an assignment, not 'Result \"y\" "
     "= %0\n'"},
    // Bodies.
    {"%0 = constant {1} : bool[]\n%1 = branch %0 : f32[] {\n  %0 = constant {1} : f32[]\n"
     "  result \"y\" = %0\n}\n",
     "line 5: branch: has no body"},
    {"%0 = constant {1} : bool[]\n%1 = branch %0 : f32[] {\n  %0 = constant {1} : f32[]\n",
     "line 4: a body has no end"},
    {X "%1 = exp %0 : f32[2,3] {\n  %0 = constant {1} : f32[]\n}\n",
     "line 4: exp: takes 0 bodies, was given more"},
    {"%0 = constant {1} : i64[]\n%1 = loop %0 limit=1 carries=0 : f32[1] {\n"
     "  %0 = input \"turn\" : i64[]\n  %1 = constant {1} : bool[]\n  result \"go\" = %1\n"
     "  result \"y\" = %0\n} {\n  %0 = constant {1} : f32[]\n}\n",
     "line 9: loop: takes 1 bodies, was given more"},
};

static void check_refused(const char *text, size_t length, const char *expected)
{
    char sentence[1024];
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    tt_graph *graph = tt_graph_parse(text, length, &why);
    EXPECT(graph == NULL);
    if (graph != NULL)
        printf("was taken:\n%s\n", text);
    EXPECT_TEXT(sentence, expected);
    tt_graph_free(graph);
}

int main(void)
{
    for (size_t i = 0; i < TT_COUNT(wrong); i++)
        check_refused(wrong[i].text, strlen(wrong[i].text), wrong[i].sentence);
    // A zero byte ends nothing.
    static const char zero[] = X "\0result \"y\" = %0\n";
    check_refused(zero, sizeof(zero) - 1,
                  "line 2: expected a node, a result or an assignment, not ''");
    return test_result();
}
