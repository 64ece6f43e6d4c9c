// The step that a graph's last node gets, told as text, and run by itself on guarded memory; for
// tests of which kernel is chosen.

#ifndef TUTTI_TESTS_RUN_MATCHED_H
#define TUTTI_TESTS_RUN_MATCHED_H

#include <math.h>

#include "ai/graph/reference.h"
#include "ai/run/program.h"
#include "tests/test.h"
#include "tutti/check.h"
#include "tutti/random.h"

// What each case is given; its own nodes begin at %12, the last of which is asked for.
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

static const struct {
    tt_kernel *kernel;
    const char *name;
} kernels[] = {
    {tt_reference_kernel, "reference"},
    {tt_conv_kernel, "conv"},
    {tt_weights_gradient_kernel, "weights_gradient"},
    {tt_matmul_kernel, "matmul"},
    {tt_pool_greatest_kernel, "pool_greatest"},
    {tt_pool_gradient_kernel, "pool_gradient"},
    {tt_move_kernel, "move"},
    {tt_pad_kernel, "pad"},
    {tt_concatenate_kernel, "concatenate"},
    {tt_form_kernel, "form"},
};

static inline tt_graph *parsed(const char *own)
{
    char text[8192], said[1024] = "";
    tt_text why;
    tt_text_init(&why, said, sizeof(said));
    snprintf(text, sizeof(text), "%s%s", inputs, own);
    tt_graph *graph = tt_graph_parse(text, strlen(text), &why);
    if (graph == NULL)
        printf("%s\n%s\n", said, own);
    REQUIRE(graph != NULL);
    return graph;
}

// The step of a graph's last node, and its description.
static inline tt_step match(const tt_graph *graph, char told[256])
{
    uint32_t nodes = tt_graph_count(graph), uses[64] = {0};
    bool fused[64] = {false};
    tt_step step;
    char *at = told;
    REQUIRE(nodes <= 64);
    uses[nodes - 1] = 2; // a result
    for (uint32_t node = 0; node < nodes; node++)
        for (unsigned i = 0; i < tt_graph_node(graph, node)->input_count; i++)
            uses[tt_graph_inputs(graph, node)[i].node]++;
    tt_matching matching = {graph, uses, fused, false};
    if (!tt_match(&matching, nodes - 1, &step)) {
        tt_match_alone(&matching, nodes - 1, &step);
        if (tt_can_lower(graph, nodes - 1))
            step.kernel = tt_form_kernel;
    }
    told[0] = '\0';
    for (size_t i = 0; i < TT_COUNT(kernels); i++)
        if (kernels[i].kernel == step.kernel)
            at += sprintf(at, "%s", kernels[i].name);
    for (unsigned i = 0; i < step.input_count; i++)
        at += sprintf(at, " %u", step.value[i].node);
    at += sprintf(at, "%s%s", step.bias ? " bias" : "", step.relu ? " relu" : "");
    bool any = false;
    for (uint32_t node = 0; node < nodes; node++)
        if (fused[node]) {
            at += sprintf(at, "%s %u", any ? "" : " with", node);
            any = true;
        }
    return step;
}

// Elements with as many bytes of a pattern before and behind.
#define GUARD 256
typedef struct guarded {
    char *all;
    size_t bytes;
} guarded;

static inline void *guard(guarded *g, size_t bytes)
{
    g->bytes = bytes;
    REQUIRE(posix_memalign((void **)&g->all, 64, bytes + 2 * GUARD) == 0);
    memset(g->all, 0x5a, bytes + 2 * GUARD);
    return g->all + GUARD;
}

static inline bool unguard(guarded *g)
{
    bool sound = true;
    for (size_t i = 0; i < GUARD; i++)
        sound = sound && g->all[i] == 0x5a && g->all[GUARD + g->bytes + i] == 0x5a;
    free(g->all);
    return sound;
}

static inline bool near(const tt_cells *a, const tt_cells *b)
{
    int64_t count = tt_type_count(&a->type);
    tt_element element = (tt_element)a->type.element;
    for (int64_t i = 0; i < count; i++) {
        double x = tt_cell_number(element, a->cells[i]), y = tt_cell_number(element, b->cells[i]);
        if (!(x == y || (isnan(x) && isnan(y)) || fabs(x - y) <= 2e-6 * (1 + fabs(y))))
            return false;
    }
    return true;
}

// Whole numbers, some of them equal, for each buffer.
static inline void fill_buffers(const tt_graph *graph, void *bytes[64])
{
    tt_random random;
    tt_random_seed(&random, 7);
    for (uint32_t i = 0; i < tt_graph_buffer_count(graph); i++) {
        const tt_buffer *buffer = tt_graph_buffer(graph, i);
        int64_t count = tt_type_count(&buffer->type);
        bytes[i] = calloc((size_t)count + 1, 8);
        REQUIRE(bytes[i] != NULL);
        for (int64_t k = 0; k < count; k++)
            tt_cell_store((tt_element)buffer->type.element, bytes[i], k,
                          tt_cell_of_number((tt_element)buffer->type.element,
                                            (double)tt_random_below(&random, 9) - 4));
    }
}

static inline tt_reference *computed(const tt_graph *graph, tt_value value, void *const bytes[64])
{
    tt_reference *reference;
    REQUIRE(tt_reference_run(graph, 1, &value, (const void *const *)bytes, NULL, &reference,
                             NULL) == TT_OK);
    return reference;
}

// Whether what was computed is what the reference says, and nothing was written beside it.
static inline bool is_right(const tt_graph *graph, tt_value value, void *const bytes[64],
                            guarded *out)
{
    tt_reference *reference = computed(graph, value, bytes);
    const tt_cells *expected = tt_reference_result(reference, 0);
    tt_cells is = {expected->type, calloc((size_t)tt_type_count(&expected->type) + 1, 8)};
    REQUIRE(is.cells != NULL);
    for (int64_t k = 0; k < tt_type_count(&is.type); k++)
        is.cells[k] = tt_cell_load((tt_element)is.type.element, out->all + GUARD, k);
    bool right = near(&is, expected);
    free(is.cells);
    tt_reference_free(reference);
    return unguard(out) && right;
}

// Runs a step on the reference's values of what it reads, and holds it to the reference.
static inline bool agrees(const tt_graph *graph, tt_step *step)
{
    const tt_operation *node = tt_graph_node(graph, step->node);
    void *out[TT_OUTPUTS_MAX], *kept[64] = {NULL}, *bytes[TT_STEP_INPUTS];
    const void *in[TT_STEP_INPUTS];
    guarded outs[TT_OUTPUTS_MAX], scratch;
    const tt_value *read = step->input_count > 0 ? step->value : tt_graph_inputs(graph, step->node);
    unsigned count = step->input_count > 0 ? step->input_count : node->input_count;
    fill_buffers(graph, kept);
    for (unsigned i = 0; i < count; i++) {
        tt_reference *one = computed(graph, read[i], kept);
        const tt_cells *cells = tt_reference_result(one, 0);
        in[i] = bytes[i] = calloc((size_t)tt_type_count(&cells->type) + 1, 8);
        tt_cells_store(cells, bytes[i]);
        tt_reference_free(one);
    }
    for (unsigned i = 0; i < node->output_count; i++) {
        const tt_type *type = tt_graph_type(graph, (tt_value){step->node, (uint16_t)i});
        out[i] = guard(&outs[i],
                       (size_t)tt_type_count(type) * tt_element_bytes((tt_element)type->element));
    }
    tt_running running = {graph, tt_pool_new(2), guard(&scratch, step->scratch), NULL};
    step->in = in;
    step->out = out;
    bool sound = step->kernel(&running, step) == TT_OK;
    for (unsigned i = 0; i < node->output_count; i++)
        sound = is_right(graph, (tt_value){step->node, (uint16_t)i}, kept, &outs[i]) && sound;
    tt_pool_free(running.pool);
    for (unsigned i = 0; i < count; i++)
        free(bytes[i]);
    for (uint32_t i = 0; i < tt_graph_buffer_count(graph); i++)
        free(kept[i]);
    return unguard(&scratch) && sound;
}

static inline void check_case(const char *text, const char *expected)
{
    char told[256];
    tt_graph *graph = parsed(text);
    tt_step step = match(graph, told);
    EXPECT_TEXT(told, expected);
    bool sound = step.kernel == tt_form_kernel || agrees(graph, &step); // forms: test_kernels
    EXPECT(sound);
    if (!sound || strcmp(told, expected) != 0)
        printf("%s\n", text);
    tt_graph_free(graph);
}

#endif
