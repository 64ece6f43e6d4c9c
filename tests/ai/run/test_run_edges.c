// What a program is printed as, line for line; and what moves are fast by, which no bit tells.

#include "tests/ai/run/count_instructions.h"
#include "tests/ai/run/matched.h"

// ---- the text

// The lines that are not of forms.
static void keep_steps(char *text)
{
    char *to = text;
    for (char *line = text, *next; *line != '\0'; line = next) {
        next = line + strcspn(line, "\n") + 1;
        if (strncmp(line, "    ", 4) == 0)
            continue;
        memmove(to, line, (size_t)(next - line));
        to += next - line;
    }
    *to = '\0';
}

static const char steps[] = "step 0: move: transpose (conv1, line 3)\n"
                            "  reads %1 f32[5,3,3,3]\n"
                            "  writes %6 f32[3,3,3,5] at 0\n"
                            "step 1: gather: gather (words)\n"
                            "  reads %2 f32[5], %3 i64[7]\n"
                            "  writes %4 f32[7] at 576\n"
                            "step 2: form: exp (words)\n"
                            "  reads %4 f32[7] at 576\n"
                            "  writes %5 f32[7] at 576 in place of %4\n"
                            "step 3: form: conv (conv1, line 3), add (conv1, line 3)\n"
                            "  reads %2 f32[5], %0 f32[16,4,4,3], %6 f32[3,3,3,5] at 0\n"
                            "  writes %9 f32[16,2,2,5] in blocks at 640\n"
                            "step 4: form: pool_greatest (pool)\n"
                            "  reads %9 f32[16,2,2,5] in blocks at 640\n"
                            "  writes %10 f32[16,1,1,5] at 1920, %10.1 i32[16,1,1,5] at 2240\n"
                            "step 5: form: exp (head), add (head)\n"
                            "  reads %10 f32[16,1,1,5] at 1920, %13 f32[16,5]\n"
                            "  writes %14 f32[16,5] in 'seen' in place of %13\n";

static tt_graph *network(void)
{
    tt_graph *g = tt_graph_new();
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 16, 4, 4, 3));
    tt_value w = tt_parameter(g, "w", TT_TYPE(TT_F32, 5, 3, 3, 3));
    tt_value bias = tt_parameter(g, "bias", TT_TYPE(TT_F32, 5));
    tt_graph_at(g, "words", NULL);
    tt_value words = tt_input(g, "words", TT_TYPE(TT_I64, 7));
    tt_graph_result(g, "found", tt_exp(g, tt_gather(g, bias, words, 0)));
    tt_graph_at(g, "conv1", "line 3");
    tt_value y = tt_add(g, tt_conv(g, x, w, NULL, 1), bias);
    tt_graph_at(g, "pool", NULL);
    tt_value pool = tt_pool_greatest(g, y, (int64_t[]){2, 2}, NULL);
    y = tt_reshape(g, pool, 2, (int64_t[]){16, 5});
    tt_graph_at(g, "head", NULL);
    y = tt_exp(g, y);
    tt_value seen = tt_state(g, "seen", TT_TYPE(TT_F32, 16, 5));
    tt_graph_assign(g, seen, tt_add(g, seen, y));
    tt_graph_result(g, "places", (tt_value){pool.node, 1});
    REQUIRE(tt_graph_status(g) == TT_OK);
    return g;
}

static void check_text(void)
{
    tt_graph *g = network();
    tt_program *program = loaded(g, TT_RUN_INTERPRETED);
    char *text = tt_program_print(program);
    REQUIRE(text != NULL);
    EXPECT(strstr(text, "\n    loop i0 from 0 to ") != NULL);
    EXPECT(strstr(text, "\n      loop i1 from 0 to ") != NULL);
    EXPECT(strstr(text, "\n    end\nstep ") != NULL);
    EXPECT(strcmp(text + strlen(text) - 9, "\n    end\n") == 0);
    keep_steps(text);
    EXPECT_TEXT(text, steps);
    free(text);
    char *c = tt_program_print_c(program);
    REQUIRE(c != NULL);
    EXPECT(strstr(c, "void step_0(") == NULL); // which is no form
    for (const char *const *name = (const char *const[]){"2", "3", "4", "5", NULL}; *name; name++) {
        char word[40];
        snprintf(word, sizeof(word), "\nvoid step_%s(void *const *buffers", *name);
        EXPECT(strstr(c, word) != NULL);
    }
    free(c);
    tt_session_free(program->session);
    tt_graph_free(g);
}

// ---- when it is worth to compile

// What is interpreted is counted, until it is as much as the compiler takes; with nobody to ask it
// is given up then.
static void check_counting(void)
{
    tt_graph *g = network();
    tt_program *program = loaded(g, TT_RUN_FAST), *never = loaded(g, TT_RUN_INTERPRETED);
    const uint64_t enough = (uint64_t)1 << 27;
    uint64_t cost = 0;
    static float x[16 * 4 * 4 * 3];
    const int64_t words[7] = {0};
    REQUIRE(setenv("TUTTI_CC", "", 1) == 0);
    for (uint32_t i = 0; i < program->step_count; i++)
        if (program->steps[i].fused != NULL)
            cost += program->steps[i].fused->cost;
    for (int way = 0; way < 2; way++) {
        REQUIRE(tt_program_set(way > 0 ? never : program, "x", x) == TT_OK);
        REQUIRE(tt_program_set(way > 0 ? never : program, "words", words) == TT_OK);
    }
    for (unsigned run = 1; run <= 3; run++) {
        REQUIRE(tt_program_run(program, NULL) == TT_OK && tt_program_run(never, NULL) == TT_OK);
        EXPECT(cost > 1000 && program->interpreted == run * cost);
        EXPECT_EQUAL(never->interpreted, 0);
    }
    program->interpreted = enough - cost - 1;
    REQUIRE(tt_program_run(program, NULL) == TT_OK);
    EXPECT(program->interpreted == enough - 1);
    program->interpreted = enough - cost;
    REQUIRE(tt_program_run(program, NULL) == TT_OK);
    EXPECT(program->interpreted == UINT64_MAX && program->parts == NULL);
    REQUIRE(tt_program_run(program, NULL) == TT_OK);
    EXPECT(program->interpreted == UINT64_MAX);
    tt_session_free(program->session);
    tt_session_free(never->session);
    tt_graph_free(g);
    REQUIRE(unsetenv("TUTTI_CC") == 0);
}

// ---- inputs beside a buffer

// A state that is computed where it lies, between two inputs, or `over` elements into one of them:
// then it is computed aside.
static void check_beside(int over, bool behind)
{
    float all[64];
    tt_graph *g = tt_graph_new();
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 16)), s = tt_state(g, "s", TT_TYPE(TT_F32, 16));
    tt_graph_assign(g, s, tt_add(g, tt_flip(g, x, 1, (int64_t[]){0}), s));
    tt_program *program = loaded(g, TT_RUN_INTERPRETED);
    EXPECT_EQUAL(program->straight_count, 1);
    for (int i = 0; i < 64; i++)
        all[i] = (float)i;
    float *input = behind ? &all[32 - over] : &all[over];
    for (uint32_t i = 0; i < tt_graph_buffer_count(program->graph); i++)
        if (tt_graph_buffer(program->graph, i)->kind == TT_STATE)
            program->given[i] = &all[16];
    REQUIRE(tt_program_set(program, "x", input) == TT_OK);
    REQUIRE(tt_program_run(program, NULL) == TT_OK);
    EXPECT_EQUAL(program->aside != NULL, over > 0);
    for (int i = 0; i < 64; i++) {
        int turned = (behind ? 32 - over : over) + 15 - (i - 16);
        EXPECT(all[i] == (float)(i < 16 || i >= 32 ? i : i + turned));
    }
    tt_session_free(program->session);
    tt_graph_free(g);
}

// ---- moves

typedef struct moved {
    tt_program *program;
    lone step;
} moved;

static void run_step(void *context)
{
    const moved *m = context;
    tt_step step = *m->step.step;
    step.in = (const void **)(void *)m->step.buffers;
    step.out = m->step.buffers + m->step.reads;
    tt_running running = {.graph = m->step.graph};
    (void)(step.kernel(&running, &step) == TT_OK);
}

// Instructions an element of a graph's only step.
static double cost_of(const char *text, int64_t elements)
{
    tt_graph *g = parsed(text);
    moved m = {.program = loaded(g, TT_RUN_INTERPRETED)};
    REQUIRE(m.program->step_count == 1 && m.program->steps[0].fused == NULL);
    m.step = make_lone(m.program->graph, &m.program->steps[0], 1);
    long count = count_instructions(run_step, &m);
    EXPECT(count > 0 && free_lone(&m.step));
    tt_session_free(m.program->session);
    tt_graph_free(g);
    return (double)count / (double)elements;
}

// Words that become columns are turned by fours, wherever the axes stand; bytes that lie side by
// side are copied as they are.
static void check_moves(void)
{
    double four = cost_of("%12 = input \"m\" : f32[32,32]\n"
                          "%13 = transpose %12 order=[1,0] : f32[32,32]",
                          1024);
    double within = cost_of("%12 = input \"m\" : f32[2,3,16,16]\n"
                            "%13 = transpose %12 order=[0,3,1,2] : f32[2,16,3,16]",
                            1536);
    double row = cost_of("%12 = input \"m\" : f64[16,64]\n"
                         "%13 = slice %12 first=[1,0] sizes=[15,63] steps=[1,1] : f64[15,63]",
                         945);
    double apart = cost_of("%12 = input \"m\" : f32[32,64]\n"
                           "%13 = slice %12 first=[0,0] sizes=[32,32] steps=[1,2] : f32[32,32]",
                           1024);
    EXPECT(four < 0.6 * apart && within < 0.6 * apart && row < 0.5 * apart);
    if (four >= 0.6 * apart || within >= 0.6 * apart || row >= 0.5 * apart)
        printf("instructions an element: %.1f, %.1f, %.1f, one by one %.1f\n", four, within, row,
               apart);
}

int main(void)
{
    check_text();
    check_counting();
    for (int over = 0; over <= 16; over += over < 2 ? 1 : 7)
        for (int behind = 0; behind < 2; behind++)
            check_beside(over, behind != 0);
    if (can_count_instructions())
        check_moves();
    return test_result();
}
