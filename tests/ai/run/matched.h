// The steps that a graph's program has, told as text, against the reference and each by itself on
// guarded memory; for tests of what becomes a step, and of what goes into it.

#ifndef TUTTI_TESTS_RUN_MATCHED_H
#define TUTTI_TESTS_RUN_MATCHED_H

#include <math.h>

#include "ai/lower/product.h"
#include "tests/ai/run/lone_step.h"
#include "tutti/check.h"
#include "tutti/session.h"

// What each case is given; its own nodes begin at %12, of which those that none reads are results.
static const char inputs[] = "%0 = input \"x\" : f32[2,4,4,3]\n"
                             "%1 = input \"w\" : f32[5,3,3,3]\n"
                             "%2 = input \"bias\" : f32[5]\n"
                             "%3 = input \"dy\" : f32[2,2,2,5]\n"
                             "%4 = constant {0} : f32[]\n"
                             "%5 = input \"a\" : f32[4,6]\n"
                             "%6 = input \"b\" : f32[6,7]\n"
                             "%7 = input \"column\" : f32[7]\n"
                             "%8 = input \"i\" : i32[4,6]\n"
                             "%9 = input \"d\" : f64[4,6]\n"
                             "%10 = input \"yes\" : bool[4,6]\n"
                             "%11 = input \"half\" : f32[2,2,2,3]\n";

#define POOL                                                                                       \
    "%12 = pool_greatest %0 window=[2,2] stride=[2,2] dilation=[1,1] spread=[1,1] before=[0,0] "   \
    "after=[0,0] : f32[2,2,2,3], i32[2,2,2,3]\n"

static inline tt_graph *parsed(const char *own)
{
    char text[8192], said[1024] = "";
    tt_text why;
    tt_text_init(&why, said, sizeof(said));
    snprintf(text, sizeof(text), "%s%s\n", inputs, own);
    tt_graph *graph = tt_graph_parse(text, strlen(text), &why);
    if (graph == NULL)
        printf("%s\n%s\n", said, own);
    REQUIRE(graph != NULL);
    bool read[64] = {false};
    REQUIRE(tt_graph_count(graph) <= 64);
    for (uint32_t node = 0; node < tt_graph_count(graph); node++)
        for (unsigned i = 0; i < tt_graph_node(graph, node)->input_count; i++)
            read[tt_graph_inputs(graph, node)[i].node] = true;
    for (uint32_t node = 0; node < tt_graph_count(graph); node++)
        for (unsigned i = 0; !read[node] && i < tt_graph_node(graph, node)->output_count; i++) {
            char name[16];
            snprintf(name, sizeof(name), "y%u.%u", node, i);
            if (tt_graph_node(graph, node)->op != TT_OP_BUFFER)
                tt_graph_result(graph, name, (tt_value){node, (uint16_t)i});
        }
    return graph;
}

static inline tt_program *loaded(const tt_graph *graph, tt_way way)
{
    tt_session *session;
    tt_program *program;
    char said[300] = "";
    tt_text why;
    tt_text_init(&why, said, sizeof(said));
    REQUIRE(tt_session_new(&(tt_session_options){.threads = 2, .way = way}, &session, NULL) ==
            TT_OK);
    session->unchained = true; // what becomes one form by itself is looked at
    tt_status status = tt_session_load(session, graph, &program, &why);
    if (status != TT_OK)
        printf("%s\n", said);
    REQUIRE(status == TT_OK);
    return program;
}

// "conv add greater_of in blocks; reference: cumulative_sum": by step the nodes of a form, and
// whether a product or a pool stores blocks of images; or the kernel and its node.
static inline void tell(const tt_program *program, char told[512])
{
    char *at = told;
    told[0] = '\0';
    for (uint32_t i = 0; i < program->step_count; i++) {
        const tt_step *step = &program->steps[i];
        uint32_t count = step->fused != NULL ? step->fused->node_count : 1;
        REQUIRE(at - told < 300 && count < 20);
        at += sprintf(at, "%s", i > 0 ? "; " : "");
        if (step->fused == NULL)
            at += sprintf(at, "%s: ", tt_step_name(step));
        for (uint32_t k = 0; k < count; k++) {
            uint32_t node = step->fused != NULL ? step->fused->nodes[k] : step->node;
            const char *name = tt_row_of((tt_op)tt_graph_node(program->graph, node)->op)->name;
            if (step->fused != NULL && k == 0 && tt_is_product(program->graph, node) &&
                tt_graph_node(program->graph, node)->op == TT_OP_TRANSPOSE) {
                tt_value base = tt_graph_inputs(program->graph, node)[0];
                name = tt_graph_node(program->graph, base.node)->op == TT_OP_CONV
                           ? "conv transposed"
                           : "matmul transposed";
            }
            at += sprintf(at, "%s%s", k > 0 ? " " : "", name);
        }
        if (step->fused != NULL && stores_blocks(&(lone){.graph = program->graph, .step = step}))
            at += sprintf(at, " in blocks");
    }
}

static inline void run_lone_step(const lone *l)
{
    void *scratch = NULL;
    size_t bytes = 2 * l->step->scratch; // for each thread
    REQUIRE(posix_memalign(&scratch, 64, bytes + 2 * GUARD) == 0);
    memset(scratch, 0x5a, bytes + 2 * GUARD);
    tt_step step = *l->step;
    step.in = (const void **)(void *)l->buffers;
    step.out = l->buffers + l->reads;
    tt_running running = {.graph = l->graph,
                          .pool = tt_pool_new(2),
                          .scratch = scratch,
                          .scratch_each = l->step->scratch};
    EXPECT(step.kernel(&running, &step) == TT_OK);
    for (size_t i = bytes; i < bytes + 2 * GUARD; i++)
        EXPECT(((char *)scratch)[i] == 0x5a);
    tt_pool_free(running.pool);
    free(scratch);
}

// Each step by itself: it reads and writes nothing but its buffers.
static inline bool is_guarded(const tt_program *program)
{
    bool sound = true;
    for (uint32_t i = 0; i < program->step_count; i++) {
        lone l = make_lone(program->graph, &program->steps[i], 3);
        run_lone_step(&l);
        sound = free_lone(&l) && sound;
    }
    return sound;
}

static inline bool is_near(const tt_type *type, const void *a, const void *b)
{
    tt_element element = (tt_element)type->element;
    for (int64_t i = 0; i < tt_type_count(type); i++) {
        double x = tt_cell_number(element, tt_cell_load(element, a, i));
        double y = tt_cell_number(element, tt_cell_load(element, b, i));
        if (!(x == y || (isnan(x) && isnan(y)) || fabs(x - y) <= 2e-6 * (1 + fabs(y))))
            return false;
    }
    return true;
}

static inline bool agrees(const tt_graph *graph, tt_program *program)
{
    tt_program *slow = loaded(graph, TT_RUN_REFERENCE);
    void *bytes[64] = {NULL};
    tt_random random;
    bool near = true;
    tt_random_seed(&random, 7);
    for (uint32_t i = 0; i < tt_graph_buffer_count(graph); i++) {
        const tt_buffer *buffer = tt_graph_buffer(graph, i);
        if (buffer->kind != TT_INPUT)
            continue;
        bytes[i] = calloc((size_t)tt_type_count(&buffer->type) + 1, 8);
        fill_whole(&random, &buffer->type, bytes[i], false);
        REQUIRE(tt_program_set(program, buffer->name, bytes[i]) == TT_OK);
        REQUIRE(tt_program_set(slow, buffer->name, bytes[i]) == TT_OK);
    }
    memset(program->arena, 0xff, program->arena_bytes);
    REQUIRE(tt_program_run(program, NULL) == TT_OK && tt_program_run(slow, NULL) == TT_OK);
    for (uint32_t i = 0; i < tt_graph_result_count(graph); i++) {
        tt_type type;
        const void *made = tt_program_result(program, i, &type);
        near = near && is_near(&type, made, tt_program_result(slow, i, NULL));
    }
    for (uint32_t i = 0; i < tt_graph_buffer_count(graph); i++)
        free(bytes[i]);
    tt_session_free(slow->session);
    return near;
}

static inline void check_case(const char *text, const char *expected)
{
    char told[512];
    int failures = test_failures;
    tt_graph *graph = parsed(text);
    tt_program *program = loaded(graph, TT_RUN_INTERPRETED);
    tell(program, told);
    EXPECT_TEXT(told, expected);
    EXPECT(agrees(graph, program));
    EXPECT(is_guarded(program));
    if (test_failures > failures)
        printf("%s\n\n", text);
    tt_session_free(program->session);
    tt_graph_free(graph);
}

#endif
