// Without memory: each allocation of building, differentiating, simplifying, printing, parsing,
// loading and running a graph fails once. Each says TT_FULL then, or does its work; none is left
// behind, and none is left at the end.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ai/graph/reference.h"
#include "tests/failing_memory.h"
#include "tests/test.h"
#include "tutti/optimiser.h"
#include "tutti/session.h"

static tt_graph *turn(void)
{
    tt_graph *b = tt_graph_new();
    tt_value at = tt_input(b, "turn", TT_SCALAR(TT_I64)), h = tt_input(b, "h", TT_TYPE(TT_F32, 2));
    tt_value w = tt_input(b, "w", TT_TYPE(TT_F32, 2));
    tt_graph_result(b, "go", tt_less(b, at, tt_number(b, TT_I64, 1)));
    tt_graph_result(b, "h", tt_multiply(b, tt_multiply(b, h, w), tt_number(b, TT_F32, 1)));
    tt_graph_result(b, "scan", h);
    return b;
}

static tt_graph *way(double factor)
{
    tt_graph *b = tt_graph_new();
    tt_graph_result(b, "y", tt_scale(b, tt_input(b, "x", TT_TYPE(TT_F32, 2)), factor));
    return b;
}

// Some of everything: constants, layers, a loop and a branch, sums of many, gradients, an
// optimiser.
static tt_graph *built(void)
{
    tt_graph *g = tt_graph_new();
    const int64_t two[] = {2, 2};
    tt_graph_at(g, "layer", "line 1");
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 1, 4, 4, 1)), gradient[3];
    tt_value p[3] = {tt_parameter(g, "w", TT_TYPE(TT_F32, 2, 3, 3, 1)),
                     tt_parameter(g, "b", TT_TYPE(TT_F32, 2)),
                     tt_parameter(g, "u", TT_TYPE(TT_F32, 2))};
    tt_value y = tt_conv(g, x, p[0],
                         &(tt_windows){.before = (int64_t[]){1, 1}, .after = (int64_t[]){1, 1}}, 1);
    y = tt_relu(g, tt_add(g, y, p[1]));
    y = tt_pool_greatest(g, y, two, &(tt_windows){.stride = two});
    y = tt_reshape(g, tt_reduce(g, TT_OP_SUM, y, 2, (int64_t[]){1, 2}), 1, (int64_t[]){2});
    tt_value many[6] = {y, y, y, y, y, y};
    tt_value joined = tt_concatenate(g, 6, many, 0);
    tt_value loop = tt_loop(g, tt_number(g, TT_I64, 2), 3, 1, &y, 1, &p[2], turn());
    tt_value yes = tt_less(g, tt_sum_all(g, y), tt_number(g, TT_F32, 0.5));
    tt_value either = tt_branch(g, yes, 1, &loop, way(2), way(3));
    tt_value rows = tt_softmax(g, tt_reshape(g, joined, 2, (int64_t[]){3, 4}), 1);
    tt_value sum = tt_reduce(g, TT_OP_SUM, tt_multiply(g, rows, rows), 1, (int64_t[]){0});
    tt_value loss = tt_add(g, tt_sum_all(g, tt_multiply(g, either, y)), tt_mean_all(g, joined));
    tt_graph_result(g, "loss", loss);
    tt_graph_result(g, "across", sum);
    tt_graph_result(g, "sorted", tt_apply(g, TT_OP_SORT, 1, &joined, 2, (int64_t[]){0, 0}));
    tt_graph_gradient(g, loss, 3, p, gradient);
    tt_optimise(g, &TT_ADAM_DEFAULT, 3, p, gradient, NULL, tt_number(g, TT_F32, 0.1));
    return g;
}

// Of a graph that may be NULL.
static tt_status status_of(const tt_graph *graph)
{
    return graph == NULL ? TT_FULL : tt_graph_status(graph);
}

static tt_graph *whole; // made with memory enough
static char *whole_text;
static float image[16], first_loss;

static tt_status build_it(void)
{
    tt_graph *g = built();
    tt_status status = status_of(g);
    tt_graph_free(g);
    return status;
}

static tt_status copy_it(void)
{
    tt_graph *g = tt_graph_copy(whole);
    tt_status status = status_of(g);
    tt_graph_free(g);
    return status;
}

static tt_status simplify_it(void)
{
    tt_graph *g = tt_graph_simplify(whole);
    tt_status status = status_of(g);
    tt_graph_free(g);
    return status;
}

static tt_status print_it(void)
{
    char *text = tt_graph_print(whole);
    bool same = text == NULL || strcmp(text, whole_text) == 0;
    tt_status status = text == NULL ? TT_FULL : TT_OK;
    free(text);
    return same ? status : TT_DAMAGED;
}

static tt_status parse_it(void)
{
    char said[1024] = "";
    tt_text why;
    tt_text_init(&why, said, sizeof(said));
    tt_graph *g = tt_graph_parse(whole_text, strlen(whole_text), &why);
    tt_status status = status_of(g);
    if (g == NULL && strstr(said, "memory") == NULL)
        status = TT_DAMAGED;
    tt_graph_free(g);
    return status;
}

static tt_status reference_it(void)
{
    const void *data[64] = {NULL};
    static float zeros[64];
    tt_reference *reference = NULL;
    tt_value value = tt_graph_result_at(whole, 0)->value;
    for (uint32_t i = 0; i < tt_graph_buffer_count(whole) && i < 64; i++)
        data[i] = zeros;
    tt_status status = tt_reference_run(whole, 1, &value, data, NULL, &reference, NULL);
    tt_reference_free(reference);
    return status;
}

static tt_status train_it(bool by_reference)
{
    const tt_session_options options = {.threads = 1,
                                        .way = by_reference ? TT_RUN_REFERENCE : TT_RUN_FAST};
    tt_session *session = NULL;
    tt_program *program = NULL;
    tt_status status = tt_session_new(&options, &session, NULL);
    if (status != TT_OK)
        return session == NULL ? status : TT_DAMAGED;
    status = tt_session_load(session, whole, &program, NULL);
    if (status == TT_OK) {
        float *w = tt_session_bytes(session, "w", NULL), *u = tt_session_bytes(session, "u", NULL);
        for (int i = 0; i < 18; i++)
            w[i] = 0.125f * (float)(i % 5);
        u[0] = u[1] = 1;
        tt_program_set(program, "x", image);
        status = tt_program_run(program, NULL);
        if (status == TT_OK && first_loss != 0 &&
            fabsf(*(const float *)tt_program_result(program, 0, NULL) / first_loss - 1) > 1e-5f)
            status = TT_DAMAGED;
        if (status == TT_OK && first_loss == 0)
            first_loss = *(const float *)tt_program_result(program, 0, NULL);
        if (status == TT_FULL && w[0] != 0) // nothing is assigned then
            status = TT_DAMAGED;
    }
    tt_session_free(session);
    return status;
}

static tt_status train_fast(void)
{
    return train_it(false);
}

static tt_status train_slowly(void)
{
    return train_it(true);
}

// Lets one allocation after the other fail until none is left to.
static void starve(const char *what, tt_status (*work)(void))
{
    long failing = 0, refused = 0;
    for (bool over = false; !over; failing++) {
        live = 0;
        until_failure = failing;
        watched = true;
        tt_status status = work();
        watched = false;
        over = until_failure >= 0;
        // A body that could not be made is none, and a cost that could not be counted is too high.
        bool refusal = status == TT_FULL || (status == TT_INVALID && work == build_it) ||
                       (status == TT_TOO_LARGE && work != build_it);
        refused += refusal;
        EXPECT(status == TT_OK || (refusal && !over));
        EXPECT_EQUAL(live, 0);
        if ((status != TT_OK && !refusal) || live != 0)
            printf("%s, allocation %ld: status %d, %ld left\n", what, failing, (int)status, live);
    }
    printf("%s: %ld allocations, %ld are missed\n", what, failing - 1, refused);
    EXPECT(failing > 1 && refused > 0);
}

int main(void)
{
    for (int i = 0; i < 16; i++)
        image[i] = 0.25f * (float)(i % 7) - 0.5f;
    whole = built();
    if (tt_graph_status(whole) != TT_OK)
        printf("%s\n", tt_graph_error(whole));
    REQUIRE(tt_graph_status(whole) == TT_OK);
    whole_text = tt_graph_print(whole);
    REQUIRE(whole_text != NULL);
    REQUIRE(train_fast() == TT_OK && first_loss != 0); // what is made once is there, too
    REQUIRE(train_slowly() == TT_OK);
    starve("building", build_it);
    starve("copying", copy_it);
    starve("simplifying", simplify_it);
    starve("printing", print_it);
    starve("parsing", parse_it);
    starve("the reference", reference_it);
    starve("a session", train_fast);
    starve("a session by the reference", train_slowly);
    tt_graph_free(whole);
    free(whole_text);
    return test_result();
}
