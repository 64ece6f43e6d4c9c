// Runs a graph's results by the kernels and by the reference, and compares every element.

#ifndef TUTTI_TESTS_RUN_BOTH_H
#define TUTTI_TESTS_RUN_BOTH_H

#include <math.h>
#include <string.h>

#include "ai/graph/element.h"
#include "ai/run/session_internal.h"
#include "tutti/session.h"
#include "tests/test.h"
#include "tutti/random.h"

// Small whole numbers and fractions now and then with something special among them.
static inline void fill_random(tt_random *random, const tt_type *type, void *bytes, bool special)
{
    int64_t count = tt_type_count(type);
    for (int64_t i = 0; i < count; i++) {
        double number = (double)(int64_t)tt_random_below(random, 4001) / 1000 - 2;
        if (special && tt_random_below(random, 16) == 0)
            number = (double[]){(double)NAN, (double)INFINITY, -(double)INFINITY, 0, -0.0, 1, -1, 2}
                [tt_random_below(random, 8)];
        tt_cell_store((tt_element)type->element, bytes, i,
                      tt_cell_of_number((tt_element)type->element, number));
    }
}

static inline tt_program *load(tt_session *session, const tt_graph *graph)
{
    char sentence[512];
    tt_text why;
    tt_program *program;
    tt_text_init(&why, sentence, sizeof(sentence));
    if (tt_session_load(session, graph, &program, &why) != TT_OK) {
        printf("%s\n", sentence);
        REQUIRE(false);
    }
    return program;
}

// Whether each step reads only what is given and what an earlier one has made.
static inline bool in_order(const tt_program *program)
{
    const tt_graph *graph = program->graph;
    bool all = true, *made = calloc(program->value_count + 1u, sizeof(*made));
    REQUIRE(made != NULL);
    for (uint32_t i = 0; i < program->step_count; i++) {
        const tt_step *step = &program->steps[i];
        unsigned count;
        const tt_value *read = tt_step_values(graph, step, &count);
        for (unsigned k = 0; k < count; k++) {
            tt_value shown = tt_shown(graph, read[k]);
            bool given = tt_graph_node(graph, shown.node)->op == TT_OP_BUFFER;
            if (!given && !made[tt_value_place(graph, shown)])
                printf("step %u reads %%%u too early\n", (unsigned)i, (unsigned)shown.node);
            all = all && (given || made[tt_value_place(graph, shown)]);
        }
        for (unsigned k = 0; k < tt_step_write_count(graph, step); k++)
            made[tt_value_place(graph, tt_step_write(step, k))] = true;
    }
    free(made);
    return all;
}

// How a program's nodes become steps: as they do, each by itself, or without chains.
typedef enum made_as { AS_ALWAYS, APART, UNCHAINED } made_as;

// A program in a session of its own whose inputs are `data`, by buffer, and in whose memory no
// number is one until it is written; not run yet.
static inline tt_program *load_poisoned(const tt_graph *graph, void *const *data,
                                        const tt_session_options *options, made_as how,
                                        tt_session **session)
{
    char sentence[300];
    tt_text why;
    tt_program *program;
    tt_text_init(&why, sentence, sizeof(sentence));
    REQUIRE(tt_session_new(options, session, NULL) == TT_OK);
    if (tt_graph_count(graph) % 2 == 0)
        (*session)->wide = !(*session)->wide; // cut for another machine: no bit may differ
    (*session)->unchained = how == UNCHAINED;
    tt_status status = how == APART ? tt_session_load_apart(*session, graph, &program, &why)
                                    : tt_session_load(*session, graph, &program, &why);
    if (status != TT_OK)
        printf("%s\n", sentence);
    REQUIRE(status == TT_OK && in_order(program));
    for (uint32_t i = 0; i < tt_graph_buffer_count(graph); i++)
        if (tt_graph_buffer(graph, i)->kind == TT_INPUT)
            REQUIRE(tt_program_set(program, tt_graph_buffer(graph, i)->name, data[i]) == TT_OK);
    if (options->way != TT_RUN_REFERENCE) {
        memset(program->arena, 0xff, program->arena_bytes);
        memset(program->scratch, 0xff, program->scratch_bytes);
    }
    return program;
}

static inline tt_session *open_session(unsigned threads, bool reference)
{
    tt_session *session;
    REQUIRE(tt_session_new(&(tt_session_options){.threads = threads,
                                                 .way = reference ? TT_RUN_REFERENCE : TT_RUN_FAST},
                           &session, NULL) == TT_OK);
    return session;
}

// The greatest difference from the reference, as a share of the greatest number of the result and
// 1; infinite where one is a number and the other is none, or an integer differs.
static inline double difference(const tt_type *type, const void *a, const void *b)
{
    double worst = 0, greatest = 1;
    int64_t count = tt_type_count(type);
    for (int64_t i = 0; i < count; i++) {
        double x = tt_cell_number((tt_element)type->element,
                                  tt_cell_load((tt_element)type->element, a, i));
        double y = tt_cell_number((tt_element)type->element,
                                  tt_cell_load((tt_element)type->element, b, i));
        if (isnan(x) != isnan(y) || (isinf(x) || isinf(y) ? x != y : 0))
            return (double)INFINITY;
        if (isnan(x) || isinf(x))
            continue;
        if (!tt_element_is_float((tt_element)type->element) && x != y)
            return (double)INFINITY;
        worst = fmax(worst, fabs(x - y));
        greatest = fmax(greatest, fabs(y));
    }
    return worst / greatest;
}

// All inputs of the graph are filled from the seed. Returns the worst difference of its results.
static inline double run_both(const tt_graph *graph, uint64_t seed, bool special)
{
    tt_session *fast = open_session(2, false), *slow = open_session(1, true);
    tt_program *a = load(fast, graph), *b = load(slow, graph);
    uint32_t buffers = tt_graph_buffer_count(graph);
    void *data[64] = {NULL};
    double worst = 0;
    tt_random random;
    REQUIRE(buffers <= 64);
    tt_random_seed(&random, seed);
    for (uint32_t i = 0; i < buffers; i++) {
        const tt_buffer *buffer = tt_graph_buffer(graph, i);
        if (buffer->kind != TT_INPUT)
            continue;
        data[i] = calloc((size_t)tt_type_count(&buffer->type) + 1, 8);
        fill_random(&random, &buffer->type, data[i], special);
        REQUIRE(tt_program_set(a, buffer->name, data[i]) == TT_OK);
        REQUIRE(tt_program_set(b, buffer->name, data[i]) == TT_OK);
    }
    memset(a->arena, 0xff, a->arena_bytes); // no number stands where a kernel left something out
    memset(a->scratch, 0xff, a->scratch_bytes);
    REQUIRE(tt_program_run(a, NULL) == TT_OK && tt_program_run(b, NULL) == TT_OK);
    for (uint32_t i = 0; i < tt_graph_result_count(graph); i++) {
        tt_type type;
        const void *made = tt_program_result(a, i, &type);
        worst = fmax(worst, difference(&type, made, tt_program_result(b, i, NULL)));
    }
    for (uint32_t i = 0; i < buffers; i++)
        free(data[i]);
    tt_session_free(fast);
    tt_session_free(slow);
    return worst;
}

#endif
