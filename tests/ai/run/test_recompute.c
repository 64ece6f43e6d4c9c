// Recomputation: the same gradients bit for bit, and less memory, by the reference and by kernels.

#include "tests/ai/run/run_both.h"
#include "tutti/check.h"

#define LAYERS_MAX 64

typedef struct chain {
    tt_graph *graph;
    tt_value weights[LAYERS_MAX], kept[LAYERS_MAX], loss;
    unsigned layers, kept_count;
} chain;

// tanh(x w) again and again, every `apart` layers one is kept.
static chain deep(unsigned layers, unsigned apart, int64_t rows, int64_t width)
{
    chain c = {.graph = tt_graph_new(), .layers = layers};
    tt_value x = tt_input(c.graph, "x", TT_TYPE(TT_F32, rows, width));
    char name[32];
    for (unsigned i = 0; i < layers; i++) {
        snprintf(name, sizeof(name), "w%u", i);
        c.weights[i] = tt_parameter(c.graph, name, TT_TYPE(TT_F32, width, width));
        x = tt_unary(c.graph, TT_OP_TANH, tt_matmul(c.graph, x, c.weights[i]));
        if (apart > 0 && (i + 1) % apart == 0 && i + 1 < layers)
            c.kept[c.kept_count++] = x;
    }
    c.loss = tt_mean_all(c.graph, tt_multiply(c.graph, x, x));
    return c;
}

static void differentiate(chain *c)
{
    tt_value gradients[LAYERS_MAX];
    char name[32];
    REQUIRE(tt_graph_gradient_recomputed(c->graph, c->loss, c->layers, c->weights, gradients,
                                         c->kept_count, c->kept) == TT_OK);
    tt_graph_result(c->graph, "loss", c->loss);
    for (unsigned i = 0; i < c->layers; i++) {
        snprintf(name, sizeof(name), "gradient %u", i);
        tt_graph_result(c->graph, name, gradients[i]);
    }
    REQUIRE(tt_graph_status(c->graph) == TT_OK);
}

static tt_program *run_filled(tt_session *session, const tt_graph *graph, void **inputs)
{
    tt_program *program = load(session, graph);
    tt_random random;
    tt_random_seed(&random, 7);
    unsigned given = 0;
    for (uint32_t i = 0; i < tt_graph_buffer_count(graph); i++) {
        const tt_buffer *buffer = tt_graph_buffer(graph, i);
        if (buffer->kind == TT_CONSTANT)
            continue;
        void *bytes = buffer->kind == TT_INPUT ? calloc((size_t)tt_type_count(&buffer->type) + 1, 8)
                                               : tt_session_bytes(session, buffer->name, NULL);
        REQUIRE(bytes != NULL);
        fill_random(&random, &buffer->type, bytes, false);
        if (buffer->kind != TT_INPUT)
            continue;
        inputs[given++] = bytes;
        REQUIRE(tt_program_set(program, buffer->name, bytes) == TT_OK);
    }
    REQUIRE(tt_program_run(program, NULL) == TT_OK);
    return program;
}

// Whether every result of both graphs has the same bits.
static bool same_bits(const tt_graph *plain, const tt_graph *again, bool reference)
{
    tt_session *a = open_session(2, reference), *b = open_session(2, reference);
    void *ins[8] = {NULL};
    tt_program *p = run_filled(a, plain, ins), *q = run_filled(b, again, ins + 4);
    bool same = tt_graph_result_count(plain) == tt_graph_result_count(again);
    for (uint32_t i = 0; same && i < tt_graph_result_count(plain); i++) {
        tt_type type;
        const void *x = tt_program_result(p, i, &type), *y = tt_program_result(q, i, NULL);
        size_t bytes = (size_t)tt_type_count(&type) * tt_element_bytes((tt_element)type.element);
        same = memcmp(x, y, bytes) == 0;
        if (!same)
            printf("result %u differs\n", i);
    }
    tt_session_free(a);
    tt_session_free(b);
    for (unsigned i = 0; i < TT_COUNT(ins); i++)
        free(ins[i]);
    return same;
}

static uint64_t arena_of(const tt_graph *graph)
{
    tt_session *session = open_session(1, false);
    uint64_t bytes = tt_program_arena_bytes(load(session, graph));
    tt_session_free(session);
    return bytes;
}

// 64 layers with 7 kept between them: about 7 and 8 at once instead of 64.
static void check_memory(void)
{
    chain plain = deep(64, 0, 2048, 16), again = deep(64, 8, 2048, 16);
    uint64_t forward = tt_graph_cost_of(plain.graph, 1, &plain.loss);
    differentiate(&plain);
    differentiate(&again);
    uint64_t all = arena_of(plain.graph), some = arena_of(again.graph);
    uint64_t cost = tt_graph_cost(plain.graph), more = tt_graph_cost(again.graph);
    printf("64 layers: arena %llu bytes, recomputed %llu (%.1f %%); cost %llu, recomputed %llu "
           "(forward alone %llu)\n",
           (unsigned long long)all, (unsigned long long)some, 100.0 * (double)some / (double)all,
           (unsigned long long)cost, (unsigned long long)more, (unsigned long long)forward);
    EXPECT(some * 10 < all * 4);
    EXPECT(more > cost);
    // One more forward computation, and `after`s, which are counted as elements.
    EXPECT(more <= cost + forward + forward / 4);
    // Four times as deep: about twice as much, and what lies between.
    chain shallow = deep(16, 4, 2048, 16);
    differentiate(&shallow);
    uint64_t few = arena_of(shallow.graph);
    printf("16 layers, recomputed: arena %llu bytes\n", (unsigned long long)few);
    EXPECT(2 * some < few * 7);
    tt_graph_free(shallow.graph);
    tt_graph_free(plain.graph);
    tt_graph_free(again.graph);
}

static void check_bits(void)
{
    for (int reference = 0; reference < 2; reference++) {
        chain plain = deep(12, 0, 33, 17);
        differentiate(&plain);
        for (unsigned apart = 1; apart < 7; apart++) {
            chain again = deep(12, apart, 33, 17);
            differentiate(&again);
            EXPECT(same_bits(plain.graph, again.graph, reference == 1));
            tt_graph_free(again.graph);
        }
        tt_graph_free(plain.graph);
    }
}

// Convolutions with bias, ReLU, pools, random masks, a value that is read across a kept one, a
// branch, a loop; kept values in any order, twice, and ones that no gradient passes.
static tt_graph *scaled(double factor)
{
    tt_graph *b = tt_graph_new();
    tt_value x = tt_input(b, "x", TT_TYPE(TT_F32, 4, 8));
    tt_graph_result(b, "y", tt_unary(b, TT_OP_TANH, tt_scale(b, x, factor)));
    return b;
}

static tt_graph *turned(void)
{
    tt_graph *b = tt_graph_new();
    tt_input(b, "turn", TT_SCALAR(TT_I64));
    tt_value x = tt_input(b, "x", TT_TYPE(TT_F32, 4, 8));
    tt_value w = tt_input(b, "w", TT_TYPE(TT_F32, 8, 8));
    tt_graph_result(b, "go", tt_number(b, TT_BOOL, 1));
    tt_graph_result(b, "x", tt_unary(b, TT_OP_SIN, tt_matmul(b, x, w)));
    return b;
}

static tt_graph *mixed(bool recomputed, bool twice)
{
    tt_graph *g = tt_graph_new();
    const int64_t two[] = {2, 2};
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 4, 6, 6, 3));
    tt_value key = tt_input(g, "key", TT_SCALAR(TT_U64)), kept[8];
    tt_value w = tt_parameter(g, "w", TT_TYPE(TT_F32, 8, 3, 3, 3));
    tt_value b = tt_parameter(g, "b", TT_TYPE(TT_F32, 8));
    tt_value v = tt_parameter(g, "v", TT_TYPE(TT_F32, 8, 8));
    tt_value sharp = tt_unary(g, TT_OP_TANH, v); // of a parameter alone
    tt_value c = tt_relu(g, tt_add(g, tt_conv(g, x, w, NULL, 1), b));
    kept[1] = c;
    tt_value p = tt_pool_greatest(g, c, two, &(tt_windows){.stride = two});
    tt_value h = tt_reshape(g, p, 2, (int64_t[]){4, 32});
    h = tt_slice(g, h, (int64_t[]){0, 3}, (int64_t[]){4, 8}, (int64_t[]){1, 3});
    tt_value uniform = tt_random_uniform(g, key, TT_TYPE(TT_F32, 4, 8));
    tt_value mask = tt_less(g, uniform, tt_number(g, TT_F32, 0.7));
    tt_value dropped = tt_select(g, mask, h, tt_number(g, TT_F32, 0));
    kept[0] = kept[2] = dropped;
    tt_value y = tt_unary(g, TT_OP_SIN, tt_matmul(g, dropped, sharp));
    kept[3] = tt_iota(g, TT_TYPE(TT_F32, 8), 0);  // no gradient passes it
    y = tt_add(g, y, tt_multiply(g, h, kept[3])); // read across what is kept
    kept[4] = y;
    y = tt_branch(g, tt_less(g, tt_sum_all(g, y), tt_number(g, TT_F32, 1e9)), 1, &y, scaled(0.5),
                  scaled(2));
    kept[5] = y;
    y = tt_loop(g, tt_number(g, TT_I64, 3), 4, 1, &y, 1, &sharp, turned());
    kept[6] = b; // a leaf
    kept[7] = y;
    tt_value labels = tt_iota(g, TT_TYPE(TT_I64, 4), 0);
    tt_value loss = tt_cross_entropy(g, y, labels), gradients[4], wrt[] = {w, b, v, x};
    REQUIRE(tt_graph_status(g) == TT_OK);
    REQUIRE(tt_graph_gradient_recomputed(g, loss, 4, wrt, gradients, recomputed ? 8 : 0, kept) ==
            TT_OK);
    if (twice) {
        tt_value sum = tt_number(g, TT_F32, 0);
        for (unsigned i = 0; i < 4; i++)
            sum = tt_add(g, sum, tt_sum_all(g, tt_multiply(g, gradients[i], gradients[i])));
        REQUIRE(tt_graph_gradient(g, sum, 4, wrt, gradients) == TT_OK);
    }
    const char *const names[] = {"w", "b", "v", "x"};
    tt_graph_result(g, "loss", loss);
    for (unsigned i = 0; i < 4; i++)
        tt_graph_result(g, names[i], gradients[i]);
    REQUIRE(tt_graph_status(g) == TT_OK);
    return g;
}

static void check_mixed(void)
{
    for (int reference = 0; reference < 2; reference++)
        for (int twice = 0; twice < 2; twice++) {
            tt_graph *plain = mixed(false, twice), *again = mixed(true, twice);
            if (!twice) // differentiated again, sums are taken in another order
                EXPECT(same_bits(plain, again, reference == 1));
            if (!reference)
                EXPECT(run_both(again, 3, false) < (twice ? 1e-3 : 1e-5));
            // As text, and back: what waits still waits.
            char *text = tt_graph_print(again);
            REQUIRE(text != NULL);
            tt_graph *parsed = tt_graph_parse(text, strlen(text), NULL);
            REQUIRE(parsed != NULL);
            EXPECT(same_bits(again, parsed, reference == 1));
            EXPECT_EQUAL(arena_of(parsed), arena_of(again));
            tt_graph_free(parsed);
            free(text);
            tt_graph_free(plain);
            tt_graph_free(again);
        }
}

// A barrier takes no byte and no step, and keeps equal nodes apart.
static void check_barrier(void)
{
    tt_graph *g = tt_graph_new();
    tt_value x = tt_input(g, "x", TT_TYPE(TT_F32, 1000)), y = tt_exp(g, x);
    tt_value late = tt_value_after(g, x, y), again = tt_exp(g, late);
    EXPECT(!tt_same(y, again) && tt_same(late, tt_value_after(g, x, y)));
    tt_graph_result(g, "y", y);
    tt_graph_result(g, "again", again);
    tt_session *session = open_session(1, false);
    tt_program *program = load(session, g);
    EXPECT_EQUAL(tt_program_steps(program), 2);
    EXPECT_EQUAL(tt_program_arena_bytes(program), 2 * 4032);
    tt_session_free(session);
    tt_graph *simple = tt_graph_simplify(g);
    EXPECT(!tt_same(tt_graph_result_at(simple, 0)->value, tt_graph_result_at(simple, 1)->value));
    tt_graph_free(simple);
    tt_graph_free(g);
}

static void check_refusals(void)
{
    chain c = deep(2, 1, 2, 2);
    tt_value gradients[2], kept[] = {c.kept[0], {c.loss.node, 1}};
    EXPECT_EQUAL(tt_graph_gradient_recomputed(c.graph, c.loss, 2, c.weights, gradients, 2, kept),
                 TT_INVALID);
    EXPECT_TEXT(tt_graph_error(c.graph), "gradient: kept value 1 is none of this graph");
    tt_graph_free(c.graph);
    c = deep(2, 1, 2, 2);
    kept[0] = TT_NONE;
    EXPECT_EQUAL(tt_graph_gradient_recomputed(c.graph, c.loss, 2, c.weights, gradients, 1, kept),
                 TT_INVALID);
    EXPECT_TEXT(tt_graph_error(c.graph), "gradient: kept value 0 is none of this graph");
    tt_graph_free(c.graph);
}

// What failed in a copy is said of the layer that it is a copy of.
static void check_origins(void)
{
    tt_graph *g = tt_graph_new();
    tt_value x = tt_input(g, "x", TT_SCALAR(TT_F32)), gradient;
    tt_graph_at(g, "first", NULL);
    tt_value y = tt_exp(g, tt_unary(g, TT_OP_SIN, x));
    tt_graph_at(g, "second", NULL);
    tt_value z = tt_exp(g, y);
    tt_graph_at(g, "outer", NULL);
    uint32_t before = tt_graph_count(g);
    REQUIRE(tt_graph_gradient_recomputed(g, z, 1, &x, &gradient, 1, &y) == TT_OK);
    unsigned copies = 0;
    for (uint32_t at = before; at < tt_graph_count(g); at++)
        if (tt_graph_node(g, at)->op == TT_OP_EXP) {
            EXPECT_TEXT(tt_graph_origin_of(g, at)->name, "first");
            copies++;
        }
    EXPECT_EQUAL(copies, 1);
    tt_value last = tt_unary(g, TT_OP_COS, gradient);
    EXPECT_TEXT(tt_graph_origin_of(g, last.node)->name, "outer");
    tt_graph_free(g);
}

int main(void)
{
    check_barrier();
    check_memory();
    check_bits();
    check_mixed();
    check_refusals();
    check_origins();
    return test_result();
}
