// What loops and branches take for bodies and refuse, sentence by sentence; how often they turn;
// and numbers of the one row that only a quantised graph has.

#include "tests/ai/graph/subject.h"
#include "tutti/check.h"

typedef struct wrong {
    const char *text, *sentence;
} wrong;

#define INPUTS "%0 = input \"n\" : i64[]\n%1 = input \"yes\" : bool[]\n%2 = input \"x\" : f32[2]\n"
#define TURN "%0 = input \"turn\" : i64[]\n"
#define X "%1 = input \"x\" : f32[2]\n"
#define GO "%2 = constant {1} : bool[]\nresult \"go\" = %2\n"
#define ONE "{\n%0 = input \"x\" : f32[2]\nresult \"y\" = %0\n}"
#define NEGATED "{\n%0 = input \"x\" : f32[2]\n%1 = negate %0 : f32[2]\nresult \"y\" = %1\n}"
#define LOOP "%3 = loop %0 %2 limit=4 carries=1 : f32[2] "
#define BRANCH "%3 = branch %1 %2 : f32[2] "
#define DEEP "%3 = input \"deep\" : f32[1,1,1,1,1,1,1,1]\n"

static const wrong loops[] = {
    {"%3 = loop %1 %2 limit=4 carries=1 : f32[2] " ONE, "loop: the count is bool[], expects i64[]"},
    {"%3 = loop %0 %2 limit=-1 carries=1 : f32[2] " ONE,
     "loop: a limit of -1 turns with 1 carries is out of range"},
    {"%3 = loop %0 %2 limit=281474976710657 carries=1 : f32[2] " ONE,
     "loop: a limit of 281474976710657 turns with 1 carries is out of range"},
    {"%3 = loop %0 %2 limit=4 carries=2 : f32[2] " ONE,
     "loop: a limit of 4 turns with 2 carries is out of range"},
    {"%3 = loop %0 %2 limit=4 carries=-1 : f32[2] " ONE,
     "loop: a limit of 4 turns with -1 carries is out of range"},
    {LOOP, "loop: has no body"},
    {LOOP ONE, "loop: its body takes 1 inputs, is given 2"},
    {LOOP "{\n" TURN X "%2 = input \"z\" : f32[2]\nresult \"y\" = %1\n}",
     "loop: its body takes 3 inputs, is given 2"},
    {LOOP "{\n%0 = input \"turn\" : i32[]\n" X GO "result \"x\" = %1\n}",
     "loop: its body's input 'turn' is i32[], is given i64[]"},
    {LOOP "{\n" TURN "%1 = input \"x\" : f32[3]\n" GO "result \"x\" = %1\n}",
     "loop: its body's input 'x' is f32[3], is given f32[2]"},
    {LOOP "{\n" TURN X "}",
     "loop: its body gives 0 results, expects a bool[], 1 carries, and scans"},
    {LOOP "{\n" TURN X GO "}",
     "loop: its body gives 1 results, expects a bool[], 1 carries, and scans"},
    {LOOP "{\n" TURN X "result \"go\" = %0\nresult \"x\" = %1\n}",
     "loop: its body gives 2 results, expects a bool[], 1 carries, and scans"},
    {LOOP "{\n" TURN X GO "result \"x\" = %0\n}",
     "loop: carry 0 is f32[2], its body makes i64[] of it"},
    {"%3 = loop %0 limit=4 carries=0 : f32[2] {\n" TURN
     "%1 = constant {1} : bool[]\nresult \"go\" = %1\n}",
     "loop: has neither carries nor scans"},
    {DEEP "%4 = loop %0 %3 limit=4 carries=0 : f32[2] {\n" TURN
          "%1 = input \"x\" : f32[1,1,1,1,1,1,1,1]\n" GO "result \"x\" = %1\n}",
     "loop: scan 'x' would have rank 9"},
    {LOOP "{\n" TURN "%1 = parameter \"x\" : f32[2]\n" GO "result \"x\" = %1\n}",
     "loop: its body has 'x', which is no input"},
    {LOOP "{\n" TURN "%1 = state \"x\" : f32[2]\n" GO "result \"x\" = %1\n}",
     "loop: its body has 'x', which is no input"},
    {LOOP "{\n" TURN X GO "%3 = unique %1 sorted=0 : f32[-1], i64[-1], i64[2], i64[-1]\n"
          "result \"x\" = %1\nresult \"u\" = %3\n}",
     "loop: its body's result 'u' has a size that only running tells"},
    {LOOP "{\n" TURN X GO "result \"x\" = %1\n} " ONE, "loop: takes 1 bodies, was given more"},
};

static const wrong branches[] = {
    {"%3 = branch %0 %2 : f32[2] " ONE " " ONE, "branch: the condition is i64[], expects bool[]"},
    {BRANCH, "branch: has no body"},
    {BRANCH ONE, "branch: has no body"},
    {"%3 = branch %1 : f32[2] " ONE " " ONE, "branch: its body takes 1 inputs, is given 0"},
    {BRANCH ONE " {\n%0 = input \"x\" : f32[3]\nresult \"y\" = %0\n}",
     "branch: its body's input 'x' is f32[3], is given f32[2]"},
    {BRANCH "{\n%0 = input \"x\" : f32[3]\nresult \"y\" = %0\n} " ONE,
     "branch: its body's input 'x' is f32[3], is given f32[2]"},
    {BRANCH ONE " {\n%0 = input \"x\" : f32[2]\nresult \"y\" = %0\nresult \"z\" = %0\n}",
     "branch: its bodies give 1 and 2 results"},
    {BRANCH "{\n%0 = input \"x\" : f32[2]\n} {\n%0 = input \"x\" : f32[2]\n}",
     "branch: its bodies give 0 and 0 results"},
    {BRANCH ONE
     " {\n%0 = input \"x\" : f32[2]\n%1 = sum %0 axes=[0] : f32[1]\nresult \"y\" = %1\n}",
     "branch: its bodies give f32[2] and f32[1] as result 0"},
    {BRANCH ONE " {\n%0 = state \"x\" : f32[2]\nresult \"y\" = %0\n}",
     "branch: its body has 'x', which is no input"},
    {BRANCH ONE " " ONE " " ONE, "'{\n%0 = input \"x\" : f' does not belong here"},
};

static void expect_sentences(const wrong *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char text[2048], said[1024] = "";
        tt_text why;
        tt_text_init(&why, said, sizeof(said));
        snprintf(text, sizeof(text), "%s%s\n", INPUTS, cases[i].text);
        tt_graph *graph = tt_graph_parse(text, strlen(text), &why);
        const char *behind = strstr(said, ": ");
        EXPECT_TEXT(behind != NULL ? behind + 2 : said, cases[i].sentence);
        tt_graph_free(graph);
    }
}

static tt_graph *failed_body(void)
{
    tt_graph *b = tt_graph_new();
    tt_value x = tt_input(b, "x", TT_TYPE(TT_F32, 2));
    tt_graph_result(b, "y", tt_reshape(b, x, 1, (int64_t[]){3}));
    return b;
}

static tt_graph *assigning_body(void)
{
    tt_graph *b = tt_graph_new();
    tt_value x = tt_input(b, "x", TT_TYPE(TT_F32, 2)), s = tt_state(b, "s", TT_TYPE(TT_F32, 2));
    tt_graph_assign(b, s, x);
    tt_graph_result(b, "y", x);
    return b;
}

// What only a program can give.
static void check_made_bodies(void)
{
    for (int which = 0; which < 2; which++) {
        tt_graph *g = tt_graph_new();
        tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 2)), yes = tt_number(g, TT_BOOL, 1);
        EXPECT(tt_is_none(tt_branch(g, yes, 1, &x, which == 0 ? failed_body() : assigning_body(),
                                    failed_body())));
        EXPECT(strstr(tt_graph_error(g),
                      which == 0 ? "branch: its body could not be made: reshape: "
                                 : "branch: its body has 's', which is no input") != NULL);
        tt_graph_free(g);
    }
}

// h grows by 1 a turn; what is kept of each turn is h before.
static tt_graph *counting_body(int64_t last)
{
    tt_graph *b = tt_graph_new();
    tt_value turn = tt_input(b, "turn", TT_SCALAR(TT_I64)), h = tt_input(b, "h", TT_SCALAR(TT_I64));
    tt_graph_result(b, "go", tt_less(b, turn, tt_number(b, TT_I64, (double)last)));
    tt_graph_result(b, "h", tt_add(b, h, tt_number(b, TT_I64, 1)));
    tt_graph_result(b, "scan", h);
    return b;
}

// The turns are the least of the count, the limit, and what the body says.
static void check_turns(void)
{
    for (int64_t count = -1; count < 5; count++)
        for (int64_t limit = 0; limit < 5; limit++)
            for (int64_t last = -1; last < 5; last++) {
                subject s = subject_new(1);
                tt_graph *g = s.graph;
                tt_value h = tt_number(g, TT_I64, 10);
                tt_value loop = tt_loop(g, tt_number(g, TT_I64, (double)count), limit, 1, &h, 0,
                                        NULL, counting_body(last));
                tt_value both[2] = {loop, tt_output(loop, 1)};
                int64_t turns = count < 0 ? 0 : count < limit ? count : limit;
                int64_t said = last < 0 ? 1 : last + 1; // the first turn is done unasked
                turns = said < turns ? said : turns;
                tt_reference *reference = run(&s, 2, both, false);
                EXPECT_EQUAL(tt_reference_result(reference, 0)->cells[0].i, 10 + turns);
                const tt_cells *scan = tt_reference_result(reference, 1);
                EXPECT_EQUAL(scan->type.size[0], limit);
                for (int64_t i = 0; i < limit; i++)
                    EXPECT_EQUAL(scan->cells[i].i, i < turns ? 10 + i : 0);
                tt_reference_free(reference);
                subject_free(&s);
            }
}

// sum, multiplier, shift, zero point, least, greatest, and what TFLite makes of them.
static const int64_t requantised[][7] = {
    {INT32_MIN, INT32_MIN, -24, 0, -128, 127, 127}, // the one overflow, as if it were 2^31 - 1
    {INT32_MIN, INT32_MIN, -25, 0, -128, 127, 64},
    {100, 1 << 30, 0, 0, -128, 127, 50},
    {101, 1 << 30, 0, 0, -128, 127, 51},   // ties away from zero: 50.5
    {-101, 1 << 30, 0, 0, -128, 127, -50}, // but the doubling's go up
    {100, 1 << 30, 1, 0, -128, 127, 100},
    {25, 1 << 30, 2, 0, -128, 127, 50},
    {100, 1 << 30, -1, 0, -128, 127, 25},
    {102, 1 << 30, -1, 0, -128, 127, 26},
    {-102, 1 << 30, -1, 0, -128, 127, -26},
    {98, 1 << 30, -1, 0, -128, 127, 25},
    {94, 1 << 30, -2, 0, -128, 127, 12},
    {100, 1 << 30, 0, 7, -128, 127, 57},
    {100, 1 << 30, 0, 100, -128, 127, 127},
    {-300, 1 << 30, 0, 0, -128, 127, -128},
    {100, 1 << 30, 0, 0, -128, 49, 49},
    {100, 1 << 30, 0, 0, 51, 127, 51},
    {INT32_MAX, INT32_MAX, -31, 0, -128, 127, 1},
    {INT32_MAX, INT32_MAX, -32, 0, -128, 127, 0},
    {INT32_MAX, INT32_MAX, 32, 0, -128, 127, 0},
    {3, INT32_MAX, 31, 0, -128, 127, -128}, // 3 2^31 wraps to -2^31
    {0, INT32_MAX, 0, -5, -128, 127, -5},
};

static void check_requantised(void)
{
    for (size_t i = 0; i < TT_COUNT(requantised); i++) {
        const int64_t *c = requantised[i];
        subject s = subject_new(1);
        tt_graph *g = s.graph;
        const int32_t numbers[3] = {(int32_t)c[0], (int32_t)c[1], (int32_t)c[2]};
        tt_value of[3];
        for (int k = 0; k < 3; k++)
            of[k] = tt_constant(g, TT_TYPE(TT_I32, 1), &numbers[k]);
        tt_value y = tt_requantise(g, of[0], of[1], of[2], c[3], c[4], c[5]);
        tt_reference *reference = run(&s, 1, &y, false);
        EXPECT_EQUAL(tt_reference_result(reference, 0)->cells[0].i, c[6]);
        if (tt_reference_result(reference, 0)->cells[0].i != c[6])
            printf("case %zu\n", i);
        tt_reference_free(reference);
        subject_free(&s);
    }
}

int main(void)
{
    expect_sentences(loops, TT_COUNT(loops));
    expect_sentences(branches, TT_COUNT(branches));
    check_made_bodies();
    check_turns();
    check_requantised();
    return test_result();
}
