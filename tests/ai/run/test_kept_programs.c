// The programs that a session keeps for the sizes that they were asked for: each is built once, and
// the one that nobody asked for longest goes.

#include "tests/test.h"
#include "tutti/session.h"

static unsigned built;
static bool fails, refused;

static tt_graph *build(void *context, unsigned count, const int64_t *sizes)
{
    built++;
    if (fails)
        return NULL;
    tt_graph *g = tt_graph_new();
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, count > 0 ? sizes[0] : 1));
    if (refused)
        tt_add(g, x, tt_input(g, "z", TT_TYPE(TT_F32, sizes[0] + 2)));
    tt_graph_result(g, context != NULL ? "other" : "y", tt_exp(g, x));
    return g;
}

static tt_graph *build_other(void *context, unsigned count, const int64_t *sizes)
{
    return build(context, count, sizes);
}

static tt_session *session;

// Asks for it; NULL: it was refused.
static tt_program *ask(tt_build *function, void *context, unsigned count, int64_t size)
{
    const int64_t sizes[TT_RANK_MAX + 1] = {size};
    tt_program *program = (tt_program *)1;
    tt_status status = tt_session_program(session, function, context, count, sizes, &program, NULL);
    EXPECT_EQUAL(status == TT_OK, program != NULL);
    return program;
}

// Asks for the one of a size; whether it had to be built.
static bool is_new(int64_t size)
{
    unsigned before = built;
    EXPECT(ask(build, NULL, 1, size) != NULL);
    return built > before;
}

static void check_oldest(void)
{
    for (int64_t size = 1; size <= TT_PROGRAMS_KEPT; size++)
        EXPECT(is_new(size));
    for (int64_t size = 1; size <= TT_PROGRAMS_KEPT; size++)
        EXPECT(!is_new(size));
    EXPECT(!is_new(1) && !is_new(5)); // so that 2 is the oldest, then 3
    EXPECT(is_new(100) && !is_new(1) && is_new(101));
    EXPECT(!is_new(4) && !is_new(5) && !is_new(TT_PROGRAMS_KEPT) && !is_new(100) && !is_new(101));
    EXPECT(is_new(2) && is_new(3)); // for which 6 and 7 went
    EXPECT(!is_new(8) && !is_new(1) && is_new(6));
}

static void check_same(void)
{
    int one, two;
    tt_program *program = ask(build, NULL, 1, 50);
    EXPECT(ask(build, NULL, 1, 50) == program);
    tt_program *others[] = {ask(build, NULL, 1, 51), ask(build, NULL, 2, 50),
                            ask(build, &one, 1, 50), ask(build, &two, 1, 50),
                            ask(build_other, NULL, 1, 50)};
    unsigned before = built;
    for (unsigned i = 0; i < 5; i++) {
        EXPECT(others[i] != program);
        for (unsigned k = 0; k < i; k++)
            EXPECT(others[i] != others[k]);
    }
    EXPECT(ask(build, &two, 1, 50) == others[3] && ask(build, NULL, 2, 50) == others[1]);
    EXPECT(ask(build, NULL, 1, 50) == program && built == before);
}

static void check_refusals(void)
{
    const int64_t sizes[TT_RANK_MAX + 1] = {7};
    char sentence[200];
    tt_text why;
    tt_program *program;
    tt_text_init(&why, sentence, sizeof(sentence));
    EXPECT_EQUAL(tt_session_program(session, build, NULL, 9, sizes, &program, &why), TT_INVALID);
    EXPECT_TEXT(sentence, "a program is asked for with 9 sizes, expected at most 8");
    EXPECT(program == NULL);
    EXPECT_EQUAL(tt_session_program(session, build, NULL, 8, sizes, &program, &why), TT_OK);
    EXPECT_EQUAL(tt_session_program(session, build, NULL, 0, NULL, &program, &why), TT_OK);
    tt_program *kept = ask(build, NULL, 1, 60);
    fails = true;
    EXPECT_EQUAL(tt_session_program(session, build, NULL, 1, sizes, &program, &why), TT_FULL);
    fails = false;
    refused = true;
    tt_text_init(&why, sentence, sizeof(sentence));
    for (unsigned i = 0; i < 2 * TT_PROGRAMS_KEPT; i++) { // none of which takes a place
        EXPECT_EQUAL(tt_session_program(session, build, NULL, 1, sizes, &program, &why),
                     TT_INVALID);
        EXPECT(program == NULL && strncmp(sentence, "add: ", 5) == 0);
    }
    refused = false;
    EXPECT(ask(build, NULL, 1, 60) == kept && is_new(7) && !is_new(7));
}

int main(void)
{
    REQUIRE(tt_session_new(&(tt_session_options){.threads = 1, .way = TT_RUN_INTERPRETED}, &session,
                           NULL) == TT_OK);
    check_oldest();
    check_same();
    check_refusals();
    tt_session_free(session);
    return test_result();
}
