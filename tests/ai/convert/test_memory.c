// Without memory: each allocation of quantising, running and emitting fails once. Each says TT_FULL
// then (or, where what a graph costs could not be counted, TT_TOO_LARGE), or gives what it always
// does; none is left behind.

#include "tests/ai/convert/networks.h"
#include "tests/failing_memory.h"
#include "tutti/bytes.h"

static const float calibration[2 * 36];
static const uint8_t pixels[36];
static tt_session *session;
static tt_graph *graph;
static uint32_t expected; // of the plan and an answer

// Everything that a layer can be.
static tt_graph *every_layer(void)
{
    int64_t two[2] = {2, 2};
    tt_graph *g = tt_graph_new();
    tt_value x = image_of(g, 1, 6, 6, 1);
    x = tt_conv(g, x, tt_parameter(g, "v", TT_TYPE(TT_F32, 2, 2, 2, 1)), NULL, 1);
    x = tt_relu(g, tt_add(g, x, tt_parameter(g, "b", TT_TYPE(TT_F32, 2))));
    x = tt_pool_average(g, tt_pool_greatest(g, x, two, NULL), two, NULL);
    x = tt_conv(g, x, tt_parameter(g, "u", TT_TYPE(TT_F32, 4, 2, 2, 1)), NULL, 2);
    x = tt_concatenate(g, 2, (tt_value[]){tt_relu(g, x), x}, 1);
    x = tt_reshape(g, x, 2, (int64_t[]){1, -1});
    x = tt_matmul(g, x, tt_parameter(g, "w", TT_TYPE(TT_F32, 32, 3)));
    tt_graph_result(g, "y", x);
    REQUIRE(tt_graph_status(g) == TT_OK);
    return g;
}

static tt_status work(uint32_t *sum)
{
    tt_quantised *q;
    uint8_t *bytes = NULL;
    size_t length;
    int8_t answer[3];
    tt_status status = tt_quantise(session, graph, "x", "y", calibration, 2, &q, NULL);
    if (status == TT_OK)
        status = tt_quantised_run(q, pixels, answer);
    if (status == TT_OK)
        status = tt_quantised_emit(q, &bytes, &length, NULL);
    if (status == TT_OK)
        *sum = tt_crc32(tt_crc32(0, bytes, length), answer, sizeof(answer));
    free(bytes);
    tt_quantised_free(q);
    return status;
}

int main(void)
{
    tt_random random;
    tt_random_seed(&random, 1);
    graph = every_layer();
    tt_session_options options = {.threads = 1,
                                  .way = TT_RUN_REFERENCE}; // the BLAS needs its memory
    tt_program *program;
    REQUIRE(tt_session_new(&options, &session, NULL) == TT_OK);
    REQUIRE(tt_session_load(session, graph, &program, NULL) == TT_OK);
    tt_program_free(program);
    make_up_weights(session, graph, &random);
    REQUIRE(work(&expected) == TT_OK);
    long failing = 0;
    for (bool over = false; !over; failing++) {
        uint32_t sum = expected;
        live = 0;
        until_failure = failing;
        watched = true;
        tt_status status = work(&sum);
        over = until_failure >= 0;
        watched = false;
        EXPECT(status == TT_OK ||
               (!over && (status == TT_FULL || status == TT_TOO_LARGE))); // a cost uncounted
        EXPECT_EQUAL(live, 0);
        EXPECT_EQUAL(sum, expected);
    }
    printf("%ld allocations\n", failing);
    EXPECT(failing > 100);
    tt_session_free(session);
    tt_graph_free(graph);
    return test_result();
}
