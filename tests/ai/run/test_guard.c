// Guarded runs: what is no finite number ends them with the name of the node that made it first.

#include <float.h>

#include "tests/ai/run/run_both.h"
#include "tutti/check.h"

static float images[2 * 8 * 8];

typedef struct guarded {
    tt_session *session;
    tt_program *program;
    char sentence[512];
} guarded;

// A session with the graph's program, whose result 'y' is guarded, if there is one.
static guarded guard(tt_graph *graph, bool reference)
{
    guarded g = {.session = open_session(2, reference)};
    if (tt_graph_status(graph) != TT_OK)
        printf("%s\n", tt_graph_error(graph));
    g.program = load(g.session, graph);
    EXPECT_EQUAL(tt_program_guard(g.program, tt_graph_result_count(graph) > 0 ? "y" : NULL), TT_OK);
    tt_graph_free(graph);
    return g;
}

static void expect_run(guarded *g, const char *sentence)
{
    tt_text why;
    tt_text_init(&why, g->sentence, sizeof(g->sentence));
    EXPECT_EQUAL(tt_program_run(g->program, &why), sentence != NULL ? TT_TOO_LARGE : TT_OK);
    EXPECT_TEXT(g->sentence, sentence != NULL ? sentence : "");
}

// A loss: it is good, then a logarithm meets a zero, then the input is no number already.
static void check_loss(bool reference)
{
    tt_graph *graph = tt_graph_new();
    tt_value x = tt_input(graph, "x", TT_TYPE(TT_F32, 2, 3));
    tt_graph_at(graph, "head", "line 7");
    tt_value logs = tt_ln(graph, x);
    tt_graph_at(graph, "loss", NULL);
    tt_graph_result(graph, "y", tt_sum_all(graph, logs));
    guarded g = guard(graph, reference);
    float values[6] = {1, 2, 3, 4, 5, 6};
    tt_program_set(g.program, "x", values);
    expect_run(&g, NULL);
    values[5] = 0;
    expect_run(&g, "result 'y' is not finite: log (head, line 7) made -infinity at [1,2]; "
                   "everything it read is finite");
    values[1] = (float)NAN;
    expect_run(&g, "result 'y' is not finite: input 'x' has no number at [0,1]");
    values[1] = (float)INFINITY;
    expect_run(&g, "result 'y' is not finite: input 'x' is infinity at [0,1]");
    values[1] = values[5] = 1;
    expect_run(&g, NULL);
    tt_session_free(g.session);
}

// Results that are not guarded may be what they are; so may those that no float holds.
static void check_names(bool reference)
{
    tt_graph *graph = tt_graph_new();
    tt_value x = tt_input(graph, "x", TT_TYPE(TT_F32, 1));
    tt_graph_result(graph, "logs", tt_ln(graph, x));
    tt_graph_result(graph, "y", x);
    tt_graph_result(graph, "z", tt_scale(graph, tt_ln(graph, x), 2));
    guarded g = guard(graph, reference);
    tt_program_set(g.program, "x", (float[]){0});
    expect_run(&g, NULL);
    EXPECT_EQUAL(tt_program_guard(g.program, "nothing"), TT_NOT_FOUND);
    EXPECT_EQUAL(tt_program_guard(g.program, "z"), TT_OK);
    expect_run(&g, "result 'z' is not finite: log (node 1), result 'logs', made -infinity at [0]; "
                   "everything it read is finite");
    tt_session_free(g.session);
}

// What a step would assign is guarded without being asked, and nothing of it is assigned.
static void check_assignments(bool reference)
{
    tt_graph *graph = tt_graph_new();
    tt_value w = tt_parameter(graph, "w", TT_TYPE(TT_F32, 2));
    tt_value count = tt_state(graph, "count", TT_SCALAR(TT_I32));
    tt_graph_at(graph, "step", NULL);
    tt_value square = tt_multiply(graph, w, w);
    tt_graph_at(graph, "update", NULL);
    tt_graph_assign(graph, count, tt_add(graph, count, tt_number(graph, TT_I32, 1)));
    tt_graph_assign(graph, w, tt_multiply(graph, square, square));
    guarded g = guard(graph, reference);
    float *weights = tt_session_bytes(g.session, "w", NULL);
    const int32_t *steps = tt_session_bytes(g.session, "count", NULL);
    weights[0] = 2;
    weights[1] = -3;
    expect_run(&g, NULL);
    EXPECT(weights[0] == 16 && weights[1] == 81 && *steps == 1);
    weights[1] = -1e11f; // its square is a float, the square of that is none
    expect_run(&g, reference
                       ? "what would be assigned to 'w' is not finite: multiply (update) made "
                         "1e+44 at [1], which is beyond its type; everything it read is finite"
                       : "what would be assigned to 'w' is not finite: multiply (update) made "
                         "infinity at [1]; everything it read is finite");
    EXPECT(weights[0] == 16 && weights[1] == -1e11f && *steps == 1);
    weights[0] = (float)NAN;
    expect_run(&g,
               "what would be assigned to 'w' is not finite: parameter 'w' has no number at [0]");
    tt_session_free(g.session);
}

// A mask's infinities lead nowhere, unless all is masked.
static void check_masks(bool reference)
{
    tt_graph *graph = tt_graph_new();
    tt_value x = tt_input(graph, "x", TT_TYPE(TT_F32, 3));
    tt_value mask = tt_input(graph, "mask", TT_TYPE(TT_BOOL, 3));
    tt_value low = tt_number(graph, TT_F32, -(double)INFINITY);
    tt_graph_at(graph, "attention", NULL);
    tt_value shares = tt_softmax(graph, tt_select(graph, mask, x, low), 0);
    tt_graph_at(graph, "logs", NULL);
    tt_value logs = tt_ln(graph, tt_reshape(graph, shares, 2, (int64_t[]){1, 3}));
    tt_graph_result(graph, "y", tt_sum_all(graph, tt_select(graph, mask, logs, x)));
    guarded g = guard(graph, reference);
    tt_program_set(g.program, "x", (float[]){1, 2, 3});
    tt_program_set(g.program, "mask", (bool[]){true, false, true});
    expect_run(&g, NULL);
    tt_program_set(g.program, "mask", (bool[]){false, false, false});
    expect_run(&g, NULL);
    tt_program_set(g.program, "x", (float[]){1, 2, (float)INFINITY});
    tt_program_set(g.program, "mask", (bool[]){true, true, false});
    expect_run(&g, "result 'y' is not finite: input 'x' is infinity at [2]");
    tt_session_free(g.session);
}

// No number of infinities: the first node that made it, and the constant where no node did.
static void check_infinite_constants(bool reference)
{
    tt_graph *graph = tt_graph_new();
    tt_value x = tt_input(graph, "x", TT_TYPE(TT_F32, 2));
    tt_value infinity = tt_number(graph, TT_F32, (double)INFINITY);
    tt_graph_at(graph, "scale", NULL);
    tt_value many = tt_multiply(graph, x, infinity);
    tt_graph_at(graph, "difference", NULL);
    tt_graph_result(graph, "y", tt_subtract(graph, many, tt_exp(graph, many)));
    guarded g = guard(graph, reference);
    tt_program_set(g.program, "x", (float[]){1, 1});
    expect_run(&g, "result 'y' is not finite: subtract (difference) made no number at [0]; what it "
                   "read has infinities, but only numbers");
    tt_program_set(g.program, "x", (float[]){-1, -1});
    expect_run(&g, "result 'y' is not finite: a constant is infinity");
    tt_session_free(g.session);
}

static void check_constant(bool reference)
{
    tt_graph *graph = tt_graph_new();
    tt_value x = tt_input(graph, "x", TT_TYPE(TT_F32, 2));
    tt_value none = tt_constant(graph, TT_TYPE(TT_F32, 2), (float[]){1, (float)NAN});
    tt_graph_result(graph, "y", tt_exp(graph, tt_multiply(graph, x, none)));
    guarded g = guard(graph, reference);
    tt_program_set(g.program, "x", (float[]){1, 1});
    expect_run(&g, "result 'y' is not finite: a constant has no number at [1]");
    tt_session_free(g.session);
}

static tt_graph *made_network(tt_op last)
{
    tt_graph *graph = tt_graph_new();
    tt_value x = tt_input(graph, "x", TT_TYPE(TT_F32, 2, 8, 8, 1)), y;
    tt_value w = tt_parameter(graph, "w", TT_TYPE(TT_F32, 3, 3, 3, 1));
    tt_value b = tt_parameter(graph, "b", TT_TYPE(TT_F32, 3));
    tt_graph_at(graph, "conv1", NULL);
    y = tt_conv(graph, x, w, NULL, 1);
    tt_graph_at(graph, "bias1", NULL);
    y = tt_add(graph, y, b);
    tt_graph_at(graph, "relu1", NULL);
    if (last == TT_OP_GREATER_OF)
        y = tt_relu(graph, y);
    tt_graph_at(graph, "mean", NULL);
    tt_graph_result(graph, "y", tt_mean_all(graph, y));
    return graph;
}

// A product, its bias and its ReLU are one step, beside a copy of its weights: which of them it was
// is said all the same.
static void check_fused(tt_op last)
{
    guarded g = guard(made_network(last), false);
    float *w = tt_session_bytes(g.session, "w", NULL), *b = tt_session_bytes(g.session, "b", NULL);
    EXPECT_EQUAL(tt_program_steps(g.program), 4);
    tt_program_set(g.program, "x", images);
    expect_run(&g, NULL);
    w[9] = 3e38f; // the second channel's
    expect_run(&g,
               "result 'y' is not finite: conv (conv1) made infinity at [0,0,0,1]; everything it "
               "read is finite");
    w[9] = 4e37f;
    b[1] = 3e38f;
    expect_run(&g,
               "result 'y' is not finite: add (bias1) made infinity at [0,0,0,1]; everything it "
               "read is finite");
    w[9] = b[1] = 0;
    b[0] = (float)NAN;
    expect_run(&g, "result 'y' is not finite: parameter 'b' has no number at [0]");
    b[0] = 0;
    expect_run(&g, NULL);
    tt_session_free(g.session);
}

// The gradient of weights is one step of four nodes.
static void check_gradient(bool reference)
{
    tt_graph *graph = made_network(TT_OP_GREATER_OF);
    tt_value loss = tt_graph_result_at(graph, 0)->value, gradient, w = tt_graph_find(graph, "w");
    tt_graph_at(graph, "gradients", NULL);
    loss = tt_scale(graph, loss, 1e38);
    REQUIRE(tt_graph_gradient(graph, loss, 1, &w, &gradient) == TT_OK);
    tt_graph_assign(graph, w, gradient);
    guarded g = guard(graph, reference);
    float *b = tt_session_bytes(g.session, "b", NULL), more[TT_COUNT(images)];
    b[0] = 1;
    for (size_t i = 0; i < TT_COUNT(images); i++)
        more[i] = images[i] * 100;
    tt_program_set(g.program, "x", images);
    if (!reference) {
        tt_program_set(g.program, "x", more);
        expect_run(
            &g, "what would be assigned to 'w' is not finite: conv (conv1, gradient) made infinity "
                "at [0,0,0,0]; everything it read is finite");
        return tt_session_free(g.session);
    }
    tt_program_set(g.program, "x", more);
    tt_text why;
    tt_text_init(&why, g.sentence, sizeof(g.sentence));
    EXPECT_EQUAL(tt_program_run(g.program, &why), TT_TOO_LARGE);
    EXPECT(strstr(g.sentence, "which is beyond its type") != NULL);
    tt_session_free(g.session);
}

// Every place of every type is looked at, and the greatest numbers are numbers.
static void check_every_place(void)
{
    static const tt_element elements[] = {TT_F64, TT_F32, TT_BF16, TT_F16};
    for (unsigned e = 0; e < TT_COUNT(elements); e++) {
        tt_graph *graph = tt_graph_new();
        int64_t count = 67;
        tt_value x = tt_input(graph, "x", TT_TYPE(elements[e], count));
        tt_graph_result(graph, "y", tt_negate(graph, x));
        guarded g = guard(graph, false);
        double greatest = elements[e] == TT_F64    ? DBL_MAX
                          : elements[e] == TT_F16  ? 65504
                          : elements[e] == TT_BF16 ? 0x1.fep127
                                                   : (double)FLT_MAX;
        double values[67], bad[3] = {(double)INFINITY, -(double)INFINITY, (double)NAN};
        tt_program_set(g.program, "x", values);
        for (int64_t i = 0; i < count; i++)
            tt_cell_store(elements[e], values, i,
                          (tt_cell){.f = (double[]){greatest, -greatest, 1.5, -1}[i % 4]});
        expect_run(&g, NULL);
        for (int64_t i = 0; i < count; i++) {
            char sentence[128];
            tt_cell good = tt_cell_load(elements[e], values, i);
            tt_cell_store(elements[e], values, i, (tt_cell){.f = bad[i % 3]});
            snprintf(sentence, sizeof(sentence), "result 'y' is not finite: input 'x' %s at [%lld]",
                     (const char *[]){"is infinity", "is -infinity", "has no number"}[i % 3],
                     (long long)i);
            expect_run(&g, sentence);
            tt_cell_store(elements[e], values, i, good);
        }
        tt_session_free(g.session);
    }
}

// A watched run tells of every node by the reference, and assigns nothing.
static void count_seen(void *context, const tt_seen *seen)
{
    (*(uint32_t *)context)++;
    EXPECT(seen->step == NULL);
}

static void check_watch(void)
{
    tt_session *session = open_session(1, true);
    tt_graph *graph = tt_graph_new();
    tt_value s = tt_state(graph, "s", TT_TYPE(TT_F32, 2)),
             x = tt_input(graph, "x", TT_SCALAR(TT_F32));
    tt_graph_assign(graph, s, tt_add(graph, tt_exp(graph, s), x));
    tt_program *program = load(session, graph);
    uint32_t seen = 0;
    char sentence[128];
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    EXPECT_EQUAL(tt_program_watch(program, count_seen, &seen, &why), TT_NOT_FOUND);
    EXPECT_TEXT(sentence, "input 'x' was not set");
    tt_program_set(program, "x", (float[]){1});
    EXPECT_EQUAL(tt_program_watch(program, count_seen, &seen, &why), TT_OK);
    EXPECT_EQUAL(seen, 4);
    EXPECT(*(const float *)tt_session_bytes(session, "s", NULL) == 0);
    tt_session_free(session);
    tt_graph_free(graph);
}

int main(void)
{
    for (size_t i = 0; i < TT_COUNT(images); i++)
        images[i] = 7 - (float)(i % 7);
    for (int reference = 0; reference < 2; reference++) {
        check_loss(reference != 0);
        check_names(reference != 0);
        check_assignments(reference != 0);
        check_masks(reference != 0);
        check_infinite_constants(reference != 0);
        check_constant(reference != 0);
        check_gradient(reference != 0);
    }
    check_fused(TT_OP_ADD);
    check_fused(TT_OP_GREATER_OF);
    check_every_place();
    check_watch();
    return test_result();
}
