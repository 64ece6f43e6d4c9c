// tutti/profile.h: operations as they are defined, steps that hold all of a graph's, times that
// are of one run, and a peak that can be one.

#include "tests/test.h"
#include "tutti/profile.h"

static tt_session *open_session(tt_way way)
{
    tt_session *session;
    REQUIRE(tt_session_new(&(tt_session_options){.threads = 1, .way = way}, &session, NULL) ==
            TT_OK);
    return session;
}

static uint64_t flop_of(tt_graph *g, tt_value value)
{
    REQUIRE(tt_graph_status(g) == TT_OK);
    return tt_node_flop(g, value.node);
}

// Worked out by hand, from what the operations are.
static void check_flop(void)
{
    tt_graph *g = tt_graph_new();
    int64_t one[2] = {1, 1}, two[2] = {2, 2}, axes[1] = {1};
    tt_value image = tt_input(g, "image", TT_TYPE(TT_F32, 2, 8, 8, 3));
    tt_value weights = tt_input(g, "weights", TT_TYPE(TT_F32, 5, 3, 3, 3));
    tt_value a = tt_input(g, "a", TT_TYPE(TT_F32, 4, 6));
    tt_value b = tt_input(g, "b", TT_TYPE(TT_F32, 6, 7));
    tt_value bytes = tt_input(g, "bytes", TT_TYPE(TT_U8, 9));
    tt_windows same = {.before = one, .after = one}, apart = {.stride = two};
    EXPECT_EQUAL(flop_of(g, tt_matmul(g, a, b)), 2 * 4 * 6 * 7);
    EXPECT_EQUAL(flop_of(g, tt_conv(g, image, weights, &same, 1)), 2 * (2 * 8 * 8) * 5 * 27);
    EXPECT_EQUAL(flop_of(g, tt_pool_greatest(g, image, two, &apart)), 2 * 4 * 4 * 3 * 4);
    EXPECT_EQUAL(flop_of(g, tt_add(g, a, a)), 4 * 6);
    EXPECT_EQUAL(flop_of(g, tt_exp(g, a)), 4 * 6);
    EXPECT_EQUAL(flop_of(g, tt_add(g, a, tt_reduce(g, TT_OP_GREATEST, a, 1, axes))), 4 * 6);
    EXPECT_EQUAL(flop_of(g, tt_reduce(g, TT_OP_SUM, a, 1, axes)), 4 * 6);
    EXPECT_EQUAL(flop_of(g, tt_transpose(g, a, (int64_t[]){1, 0})), 0);
    EXPECT_EQUAL(flop_of(g, tt_reshape(g, a, 1, (int64_t[]){24})), 0);
    EXPECT_EQUAL(flop_of(g, tt_convert(g, bytes, TT_F32)), 0);
    EXPECT_EQUAL(flop_of(g, a), 0);
    tt_graph_free(g);
}

// A network with what is fused, turned and summed on the way back.
static tt_graph *network(void)
{
    tt_graph *g = tt_graph_new();
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 16, 12));
    tt_value w = tt_parameter(g, "w", TT_TYPE(TT_F32, 12, 10)), dw;
    tt_value bias = tt_parameter(g, "bias", TT_TYPE(TT_F32, 10));
    tt_graph_at(g, "layer", NULL);
    tt_value y = tt_relu(g, tt_add(g, tt_matmul(g, x, w), bias));
    tt_value loss = tt_sum_all(g, tt_multiply(g, y, y));
    tt_graph_result(g, "loss", loss);
    REQUIRE(tt_graph_gradient(g, loss, 1, &w, &dw) == TT_OK);
    tt_graph_assign(g, w, tt_subtract(g, w, tt_scale(g, dw, 0.001)));
    return g;
}

static void check_program(tt_way way)
{
    tt_session *session = open_session(way);
    tt_program *p;
    tt_graph *g = network();
    float x[16 * 12] = {1};
    REQUIRE(tt_session_load(session, g, &p, NULL) == TT_OK);
    const tt_graph *runs = tt_program_graph(p);
    uint32_t steps = tt_program_steps(p), found = 0, computing = 0;
    uint64_t flop = 0, all = 0;
    bool bytes = true, compiled = true;
    for (uint32_t i = 0; i < steps; i++) {
        tt_step_about about;
        REQUIRE(tt_program_step(p, i, &about) == TT_OK);
        flop += about.flop;
        bytes = bytes && about.bytes >= 4;
        for (uint32_t k = 0; k < about.node_count; k++)
            found += tt_node_flop(runs, about.nodes[k]) > 0;
        free(about.nodes);
    }
    for (uint32_t node = 0; node < tt_graph_count(runs); node++) {
        all += tt_node_flop(runs, node);
        computing += tt_node_flop(runs, node) > 0;
    }
    EXPECT(bytes);
    EXPECT(flop >= all && all > 2 * 2 * 16 * 12 * 10); // what two steps compute counts twice
    EXPECT(found >= computing && computing > 5);
    int64_t *begun = calloc(steps + 2, sizeof(*begun));
    EXPECT_EQUAL(tt_program_profile(p, begun, NULL), TT_NOT_FOUND); // no input was set
    REQUIRE(tt_program_set(p, "x", x) == TT_OK);
    for (int run = 0; run < 3; run++) {
        REQUIRE(tt_program_profile(p, begun, NULL) == TT_OK);
        EXPECT(begun[0] > 0);
        for (uint32_t i = 0; i <= steps; i++)
            EXPECT(begun[i] <= begun[i + 1]);
    }
    for (uint32_t i = 0; i < steps; i++) {
        tt_step_about about;
        REQUIRE(tt_program_step(p, i, &about) == TT_OK);
        compiled = compiled && about.compiled == (strcmp(about.kind, "form") == 0);
        free(about.nodes);
    }
    EXPECT(way != TT_RUN_COMPILED || compiled || getenv("TUTTI_CC") != NULL);
    free(begun);
    tt_session_free(session);
    tt_graph_free(g);
}

// Each step has its own nodes, and no other's: what it computes between, but nothing that was
// there.
static void check_nodes(void)
{
    tt_session *session = open_session(TT_RUN_INTERPRETED);
    tt_graph *g = tt_graph_new();
    tt_program *p;
    tt_value y = tt_negate(g, tt_input(g, "y", TT_TYPE(TT_F32, 9)));
    tt_value a = tt_exp(g, tt_input(g, "x", TT_TYPE(TT_F32, 5))), b = tt_sqrt(g, y);
    tt_graph_result(g, "a", a);
    tt_graph_result(g, "b", b);
    tt_graph_result(g, "c", tt_reduce(g, TT_OP_PRODUCT, a, 1, (int64_t[]){0}));
    REQUIRE(tt_session_load(session, g, &p, NULL) == TT_OK);
    EXPECT_EQUAL(tt_program_steps(p), 3);
    static const struct {
        const char *kind;
        uint32_t nodes;
        uint64_t bytes, flop;
    } expected[] = {{"form", 1, 40, 5}, {"form", 2, 72, 18}, {"reference", 1, 24, 5}};
    bool found[3] = {false};
    for (uint32_t i = 0; i < 3; i++) {
        tt_step_about about;
        REQUIRE(tt_program_step(p, i, &about) == TT_OK);
        for (unsigned k = 0; k < 3; k++)
            found[k] =
                found[k] || (strcmp(about.kind, expected[k].kind) == 0 &&
                             about.node_count == expected[k].nodes &&
                             about.bytes == expected[k].bytes && about.flop == expected[k].flop);
        if (!found[0] && !found[1] && !found[2])
            printf("%s: %u nodes, %llu bytes, %llu operations\n", about.kind, about.node_count,
                   (unsigned long long)about.bytes, (unsigned long long)about.flop);
        free(about.nodes);
    }
    EXPECT(found[0] && found[1] && found[2]);
    tt_session_free(session);
    tt_graph_free(g);
}

// What a profiled run assigns is what any run does.
static void check_same(void)
{
    float after[2][12 * 10], x[16 * 12] = {1, -2, 0.5f};
    for (int profiled = 0; profiled < 2; profiled++) {
        tt_session *session = open_session(TT_RUN_INTERPRETED);
        tt_program *p;
        tt_graph *g = network();
        int64_t begun[64];
        REQUIRE(tt_session_load(session, g, &p, NULL) == TT_OK && tt_program_steps(p) < 62);
        float *w = tt_session_bytes(session, "w", NULL);
        for (int i = 0; i < 12 * 10; i++)
            w[i] = (float)(i % 7) - 3;
        REQUIRE(tt_program_set(p, "x", x) == TT_OK);
        for (int run = 0; run < 2; run++)
            REQUIRE((profiled ? tt_program_profile(p, begun, NULL) : tt_program_run(p, NULL)) ==
                    TT_OK);
        memcpy(after[profiled], w, sizeof(after[0]));
        tt_session_free(session);
        tt_graph_free(g);
    }
    EXPECT(memcmp(after[0], after[1], sizeof(after[0])) == 0 && after[0][4] != 1);
}

// The reference has no steps, but a beginning and an end.
static void check_reference(void)
{
    tt_session *session = open_session(TT_RUN_REFERENCE);
    tt_program *p;
    tt_graph *g = network();
    float x[16 * 12] = {1};
    int64_t begun[2] = {0, 0};
    REQUIRE(tt_session_load(session, g, &p, NULL) == TT_OK);
    REQUIRE(tt_program_set(p, "x", x) == TT_OK);
    EXPECT_EQUAL(tt_program_steps(p), 0);
    EXPECT_EQUAL(tt_program_profile(p, begun, NULL), TT_OK);
    EXPECT(begun[0] > 0 && begun[1] > begun[0]);
    tt_session_free(session);
    tt_graph_free(g);
}

static void check_peak(void)
{
    tt_peak peak = tt_peak_measure();
    EXPECT(peak.instructions != NULL);
    EXPECT(peak.flop_per_s > 1e7 && peak.flop_per_s < 1e13);
    for (unsigned i = 0; i < TT_PEAK_COPIES; i++) {
        EXPECT(peak.copy[i].bytes_per_s > 1e7 && peak.copy[i].bytes_per_s < 1e13);
        EXPECT(i == 0 || peak.copy[i].bytes > peak.copy[i - 1].bytes);
    }
}

int main(void)
{
    char folder[] = "/tmp/tutti-test-profile-XXXXXX", remove[64];
    REQUIRE(mkdtemp(folder) != NULL);
    setenv("XDG_CACHE_HOME", folder, 1); // not the user's own
    check_flop();
    check_program(TT_RUN_INTERPRETED);
    check_program(TT_RUN_COMPILED);
    check_nodes();
    check_same();
    check_reference();
    check_peak();
    snprintf(remove, sizeof(remove), "rm -r %s", folder);
    EXPECT_EQUAL(system(remove), 0);
    return test_result();
}
