// The gradient of a greatest pool becomes one step, alone or with the ReLU before it; what differs
// from it in one thing does not.

#include <stdarg.h>

#include "tests/ai/run/matched.h"

// The gradient of a greatest pool, as product.c makes it, with one thing otherwise.
typedef enum otherwise {
    NOTHING,
    TAP_FIRST,  // place and tap of the comparison have changed places, which is the same
    TAP_OF_ALL, // the tap, and what else is one number, are broadcast, which is the same
    ANOTHER_PLACE,
    ANOTHER_DY,
    ANOTHER_FILL,
    ANOTHER_TAP,
    A_TAP_LESS,
    ANOTHER_ROW,
    ANOTHER_STEP,
    ANOTHER_IMAGE,
    ANOTHER_CHANNEL,
    CHANNELS_APART,
    ANOTHER_ELSE,
    GREATER,      // compared in another way
    CHOSEN_TWICE, // what a tap chose is read elsewhere, too
    EQUAL_TWICE,  // and here its comparison, which is the same
    SUM_TWICE,
    TERM_TWICE,
    RELU_OF_IT,
    RELU_OF_ANOTHER,
    RELU_TWICE,
    WAYS
} otherwise;

#define POOL_WITH(node, before)                                                                    \
    node " = pool_greatest %%0 window=[2,2] stride=[2,2] dilation=[1,1] spread=[1,1] "             \
         "before=[" before "] after=[0,0] : f32[2,2,2,3], i32[2,2,2,3]\n"
#define POOLS "pool_greatest; pool_greatest; " // the one, and another
#define TERM "equal select; pad: pad; "

// Steps but the pools'.
static const char *expected_of(otherwise way)
{
    switch (way) {
    case NOTHING:
    case TAP_FIRST:
    case TAP_OF_ALL:
        return POOLS "add";
    case EQUAL_TWICE:
        return POOLS "equal not; add";
    case GREATER:
        return POOLS TERM TERM "less_or_equal select; pad: pad; " TERM "add add add";
    case CHOSEN_TWICE:
        return POOLS TERM TERM "equal select exp; pad: pad; " TERM "add add add";
    case A_TAP_LESS:
        return POOLS TERM TERM TERM "add add";
    case SUM_TWICE:
        return POOLS TERM TERM TERM "add add exp; " TERM "add";
    case TERM_TWICE:
        return POOLS TERM TERM TERM "exp; " TERM "add add add";
    case RELU_OF_IT: // the pool's own input was a ReLU's: one step
        return POOLS "select";
    case RELU_OF_ANOTHER:
        return POOLS "add less_or_equal select";
    case RELU_TWICE:
        return POOLS "add exp less_or_equal select";
    default: // all by itself
        return POOLS TERM TERM TERM TERM "add add add";
    }
}

// A graph's text, and the number of its next node.
typedef struct writing {
    char text[4096];
    size_t length;
    uint32_t node;
} writing;

static void __attribute__((format(printf, 2, 3))) write_lines(writing *w, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    w->length +=
        (size_t)vsnprintf(w->text + w->length, sizeof(w->text) - w->length, format, arguments);
    va_end(arguments);
    REQUIRE(w->length < sizeof(w->text));
}

// pad(select(place == tap, dy, 0)): one thing of tap 2 may be otherwise.
static uint32_t write_term(writing *w, unsigned tap, otherwise way)
{
    otherwise here = tap == 2 ? way : NOTHING;
    unsigned row = here == ANOTHER_ROW ? 0 : tap / 2, column = tap % 2;
    unsigned between = here == ANOTHER_STEP ? 0 : 1, behind = 2 - between - row;
    int image = here == ANOTHER_IMAGE, channel = here == ANOTHER_CHANNEL ? -1 : 0;
    int apart = here == CHANNELS_APART;
    uint32_t zero = 4, number = 15;
    if (here != TAP_FIRST) {
        number = w->node++;
        write_lines(w, "%%%u = constant {%u} : i32[]\n", number, here == ANOTHER_TAP ? 5 : tap);
    }
    if (here == TAP_OF_ALL) {
        write_lines(w,
                    "%%%u = broadcast %%%u sizes=[2,2,2,3] : i32[2,2,2,3]\n"
                    "%%%u = broadcast %%4 sizes=[2,2,2,3] : f32[2,2,2,3]\n",
                    w->node, number, w->node + 1);
        number = w->node;
        zero = w->node + 1;
        w->node += 2;
    }
    uint32_t n = w->node;
    if (here == TAP_FIRST)
        write_lines(w, "%%%u = equal %%%u %%16.1 : bool[2,2,2,3]\n", n, number);
    else
        write_lines(w, "%%%u = %s %%%u.1 %%%u : bool[2,2,2,3]\n", n,
                    here == GREATER ? "less_or_equal" : "equal", here == ANOTHER_PLACE ? 12 : 16,
                    number);
    write_lines(w, "%%%u = select %%%u %%%u %%%u : f32[2,2,2,3]\n", n + 1, n,
                here == ANOTHER_DY ? 14 : 11, here == ANOTHER_ELSE ? 13 : zero);
    write_lines(w,
                "%%%u = pad %%%u %%%u before=[%d,%u,%u,%d] after=[%d,%u,%u,%d] "
                "between=[0,%u,1,%d] : f32[2,4,4,3]\n",
                n + 2, n + 1, here == ANOTHER_FILL ? 13 : 4, image, row, column, channel, -image,
                behind, 1 - column, -channel - 2 * apart, between, apart);
    w->node += 3;
    if (here == CHOSEN_TWICE || here == EQUAL_TWICE)
        write_lines(w, "%%%u = %s %%%u : %s[2,2,2,3]\n", w->node++,
                    here == EQUAL_TWICE ? "not" : "exp", here == EQUAL_TWICE ? n : n + 1,
                    here == EQUAL_TWICE ? "bool" : "f32");
    return n + 2;
}

// The sum of the terms; it, or one of them, may be read elsewhere, too.
static uint32_t write_sum(writing *w, otherwise way)
{
    uint32_t sum = 0;
    for (unsigned tap = 0; tap < (way == A_TAP_LESS ? 3 : 4); tap++) {
        uint32_t term = write_term(w, tap, way);
        if (tap > 0)
            write_lines(w, "%%%u = add %%%u %%%u : f32[2,4,4,3]\n", w->node, sum, term);
        sum = tap > 0 ? w->node++ : term;
        if (tap == 2 && (way == SUM_TWICE || way == TERM_TWICE))
            write_lines(w, "%%%u = exp %%%u : f32[2,4,4,3]\n", w->node++,
                        way == SUM_TWICE ? sum : term);
    }
    return sum;
}

static void check_pool_gradient(otherwise way)
{
    static writing w;
    w = (writing){.node = 17};
    write_lines(
        &w,
        POOL_WITH(
            "%%12",
            "1,0") "%%13 = constant {1} : f32[]\n"
                   "%%14 = input \"other\" : f32[2,2,2,3]\n%%15 = constant {2} : i32[]\n" POOL_WITH(
                       "%%16", "0,0"));
    uint32_t sum = write_sum(&w, way);
    if (way == RELU_OF_ANOTHER)
        write_lines(&w, "%%%u = input \"another\" : f32[2,4,4,3]\n", w.node++);
    if (way == RELU_TWICE)
        write_lines(&w, "%%%u = exp %%%u : f32[2,4,4,3]\n", w.node++, sum);
    if (way >= RELU_OF_IT)
        write_lines(&w,
                    "%%%u = less_or_equal %%%u %%4 : bool[2,4,4,3]\n"
                    "%%%u = select %%%u %%4 %%%u : f32[2,4,4,3]\n",
                    w.node, way == RELU_OF_ANOTHER ? w.node - 1 : 0, w.node + 1, w.node, sum);
    check_case(w.text, expected_of(way));
}

int main(void)
{
    for (int way = NOTHING; way < WAYS; way++)
        check_pool_gradient((otherwise)way);
    return test_result();
}
