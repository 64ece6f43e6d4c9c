// Graphs of everything at once, from a seed: interpreted, whole and apart, with any number of
// threads, they are what the reference makes of them, and they are so to the bit, for nothing is
// rounded. Printed to C, some fifty of them in one file, they have the bits of the interpreter by
// each compiler at each width.

#include "tests/ai/run/fused_graph.h"
#include "tests/ai/run/lone_step.h"
#include "tests/ai/run/mixed_graph.h"
#include "tests/ai/run/printed_steps.h"
#include "tests/ai/run/product_graph.h"
#include "tests/ai/run/run_both.h"

#define BUFFERS_MAX 256
#define PROGRAMS 50 // in a file
#define GENERATORS 3

static tt_program *run_way(const tt_graph *graph, void *const *data, tt_way way, unsigned threads,
                           made_as as, tt_session **session)
{
    char why[200];
    tt_session_options options = {.threads = threads, .way = way};
    tt_program *program = load_poisoned(graph, data, &options, as, session);
    for (uint32_t i = 0; i < program->step_count; i++) {
        const tt_fused *fused = program->steps[i].fused;
        bool sound = fused == NULL || tt_form_sound(&fused->form, why, sizeof(why));
        if (!sound)
            printf("step %u: %s\n", (unsigned)i, why);
        REQUIRE(sound);
    }
    REQUIRE(tt_program_run(program, NULL) == TT_OK);
    return program;
}

static bool same_results(const tt_program *made, const tt_program *right, const char *what)
{
    bool all = true;
    for (uint32_t i = 0; i < tt_graph_result_count(right->graph); i++) {
        tt_type type;
        const char *name = tt_graph_result_at(right->graph, i)->name;
        const void *is = tt_program_result(made, i, &type);
        double share = difference(&type, is, tt_program_result(right, i, NULL));
        bool same = share <= (name[0] == 'd' ? 1e-6 : 0); // gradients may be beyond 2^24
        if (!same)
            printf("%s: %s differs by %g\n", what, name, share);
        all = all && same;
    }
    return all;
}

static void check(uint64_t seed)
{
    bool gradients = seed % 3 == 0, special = seed % 4 == 1 && !gradients;
    tt_graph *graph = mixed_graph(seed, gradients);
    void *data[BUFFERS_MAX];
    tt_session *session[4];
    tt_program *program[4];
    tt_random random;
    uint32_t buffers = tt_graph_buffer_count(graph);
    if (tt_graph_status(graph) != TT_OK)
        printf("seed %llu: %s\n", (unsigned long long)seed, tt_graph_error(graph));
    REQUIRE(tt_graph_status(graph) == TT_OK && buffers <= BUFFERS_MAX);
    tt_random_seed(&random, seed);
    for (uint32_t i = 0; i < buffers; i++) {
        const tt_type *type = &tt_graph_buffer(graph, i)->type;
        data[i] = calloc((size_t)tt_type_count(type) + 1, 8);
        fill_whole(&random, type, data[i], special);
    }
    program[0] = run_way(graph, data, TT_RUN_REFERENCE, 1, AS_ALWAYS, &session[0]);
    program[1] = run_way(graph, data, TT_RUN_INTERPRETED, 1, AS_ALWAYS, &session[1]);
    program[2] = run_way(graph, data, TT_RUN_INTERPRETED, 3, AS_ALWAYS, &session[2]);
    program[3] = run_way(graph, data, TT_RUN_INTERPRETED, 2, APART, &session[3]);
    bool right = same_results(program[1], program[0], "interpreted");
    right = same_results(program[2], program[1], "with three threads") && right;
    right = same_results(program[3], program[0], "apart") && right;
    EXPECT(right);
    if (!right) {
        char *text = tt_graph_print(graph);
        printf("seed %llu:\n%s\n", (unsigned long long)seed, text);
        free(text);
    }
    for (unsigned i = 0; i < 4; i++)
        tt_session_free(session[i]);
    for (uint32_t i = 0; i < buffers; i++)
        free(data[i]);
    tt_graph_free(graph);
}

// Of all that make graphs here, by turns.
static tt_graph *some_graph(uint64_t seed)
{
    switch (seed % GENERATORS) {
    case 0:
        return product_graph(seed, (product_kind)(seed / GENERATORS % PRODUCT_KINDS), 4000);
    case 1:
        return fused_graph(seed, FUSED_SHORT | (seed % 2 == 0 ? FUSED_SMOOTH : 0));
    default:
        return mixed_graph(seed, seed % 2 == 0);
    }
}

// One file of C.
static void check_printed(const char *folder, uint64_t seed, uint32_t longest, unsigned ways)
{
    unsigned forms = 0;
    for (unsigned i = 0; i < PROGRAMS; i++) {
        tt_graph *graph = some_graph(seed + i);
        forms = printed_steps_add(graph, seed + i, longest);
        tt_graph_free(graph);
    }
    printf("%u forms of %u programs by", forms, PROGRAMS);
    for (unsigned way = 0; way < PRINTED_WAYS; way++)
        if ((ways >> way & 1) != 0)
            printf(" %s;", printed_way(way));
    printf("\n");
    EXPECT(printed_steps_check(folder, ways));
}

// GRAPHS FILES [SEED [LONGEST]]: so many graphs by the interpreter; files of fifty programs, each
// in one of the ways, of forms of at most so many instructions.
int main(int argc, char **argv)
{
    unsigned graphs = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 0) : 400;
    unsigned files = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 0) : 4;
    uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;
    uint32_t longest = argc > 4 ? (uint32_t)strtoul(argv[4], NULL, 0) : 120;
    for (unsigned i = 0; i < graphs; i++)
        check(seed + i);
    const char *folder = files > 0 ? printed_folder() : NULL;
    REQUIRE(files == 0 || folder != NULL);
    for (unsigned i = 0; i < files; i++) // one of the first four by clang
        check_printed(folder, seed + (uint64_t)i * PROGRAMS, longest,
                      1u << (unsigned[PRINTED_WAYS]){4, 5, 6, 2, 0, 7, 3, 1}[i % PRINTED_WAYS]);
    return test_result();
}
