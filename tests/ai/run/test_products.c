// Convolutions, products of matrices, greatest pools, their gradients and small networks at random:
// by the interpreter against the reference, whole and in parts, with any number of threads, and
// printed to C.

#include "tests/ai/run/lone_step.h"
#include "tests/ai/run/printed_steps.h"
#include "tests/ai/run/product_graph.h"
#include "tests/ai/run/run_both.h"

#define BUFFERS_MAX 1024
#define PLAIN 0x01u // printed.h's ways
#define CLANG_SSE2 0x08u
#define AVX2 0x30u

static const char *const kinds[] = {"conv", "matmul", "pool", "network", "blocks"};

// ---- programs

typedef struct inputs {
    void *data[BUFFERS_MAX];
} inputs;

static void fill_inputs(inputs *in, const tt_graph *graph, uint64_t seed, bool special)
{
    tt_random random;
    REQUIRE(tt_graph_buffer_count(graph) <= BUFFERS_MAX);
    tt_random_seed(&random, seed);
    for (uint32_t i = 0; i < tt_graph_buffer_count(graph); i++) {
        const tt_buffer *buffer = tt_graph_buffer(graph, i);
        in->data[i] = calloc((size_t)tt_type_count(&buffer->type) + 1, 8);
        fill_whole(&random, &buffer->type, in->data[i], special);
    }
}

static void free_inputs(inputs *in, const tt_graph *graph)
{
    for (uint32_t i = 0; i < tt_graph_buffer_count(graph); i++)
        free(in->data[i]);
}

typedef struct ran {
    tt_session *session;
    tt_program *program;
} ran;

// Run once, with no number wherever something was left out.
static ran run_way(const tt_graph *graph, const inputs *in, tt_way how, unsigned threads,
                   made_as as)
{
    ran w;
    w.program = load_poisoned(
        graph, in->data, &(tt_session_options){.threads = threads, .way = how}, as, &w.session);
    REQUIRE(tt_program_run(w.program, NULL) == TT_OK);
    return w;
}

// The sum of the absolute terms that a value is made of, where it is a sum: what cancels is rounded
// as its terms are, however small it gets. A loss is such a difference of two sums, and so are the
// exponents of a softmax.
static tt_value terms_of(tt_graph *g, tt_value value)
{
    tt_operation node = *tt_graph_node(g, value.node);
    tt_value in[2] = {TT_NONE, TT_NONE};
    if (node.input_count <= 2)
        memcpy(in, tt_graph_inputs(g, value.node), node.input_count * sizeof(in[0]));
    tt_type type = *tt_graph_type(g, value);
    if (type.element != TT_F32)
        return value;
    if (node.op == TT_OP_ADD || node.op == TT_OP_SUBTRACT)
        return tt_add(g, terms_of(g, in[0]), terms_of(g, in[1]));
    if (node.op == TT_OP_RESHAPE)
        return tt_reshape(g, terms_of(g, in[0]), type.rank, type.size);
    if (node.op == TT_OP_SUM) {
        int64_t axes[TT_RANK_MAX];
        unsigned count;
        const int64_t *words = tt_graph_attribute(g, value.node, 0, &count);
        memcpy(axes, words, count * sizeof(axes[0]));
        return tt_reduce(g, TT_OP_SUM, terms_of(g, in[0]), count, axes);
    }
    value = tt_unary(g, TT_OP_ABSOLUTE, value);
    if (node.op == TT_OP_EXP) // what its exponent is rounded by is a share of it
        value = tt_add(g, value, tt_multiply(g, value, terms_of(g, in[0])));
    return value;
}

// With the terms of each result behind all of them.
static tt_graph *with_terms(const tt_graph *graph)
{
    tt_graph *made = tt_graph_copy(graph);
    for (uint32_t i = 0, count = tt_graph_result_count(graph); i < count; i++) {
        char name[16];
        snprintf(name, sizeof(name), "terms%u", (unsigned)i);
        tt_graph_result(made, name, terms_of(made, tt_graph_result_at(made, i)->value));
    }
    REQUIRE(tt_graph_status(made) == TT_OK);
    return made;
}

// The greatest difference as a share of the greatest sum of terms, or of a hundredth.
static double share_of(const tt_type *type, const void *a, const void *b, const void *terms)
{
    double worst = 0, greatest = 0.01;
    tt_element element = (tt_element)type->element;
    for (int64_t i = 0; i < tt_type_count(type); i++) {
        double x = tt_cell_number(element, tt_cell_load(element, a, i));
        double y = tt_cell_number(element, tt_cell_load(element, b, i));
        if (isnan(x) != isnan(y) || (isinf(x) || isinf(y) ? x != y : 0) ||
            (element != TT_F32 && x != y))
            return (double)INFINITY;
        if (isnan(x) || isinf(x))
            continue;
        worst = fmax(worst, fabs(x - y));
        greatest = fmax(greatest, tt_cell_number(element, tt_cell_load(element, terms, i)));
    }
    return worst / greatest;
}

// `expected` is of with_terms.
static bool is_near(const tt_graph *graph, const ran *made, const ran *expected, double bound,
                    const char *what)
{
    bool all = true;
    uint32_t count = tt_graph_result_count(graph);
    for (uint32_t i = 0; i < count; i++) {
        tt_type type;
        const void *is = tt_program_result(made->program, i, &type);
        double share = share_of(&type, is, tt_program_result(expected->program, i, NULL),
                                tt_program_result(expected->program, count + i, NULL));
        if (!(share <= bound))
            printf("%s: result %u differs by %g\n", what, (unsigned)i, share);
        all = all && share <= bound;
    }
    return all;
}

static bool same_results(const tt_graph *graph, const ran *a, const ran *b)
{
    bool same = true;
    for (uint32_t i = 0; i < tt_graph_result_count(graph); i++) {
        tt_type type;
        const void *one = tt_program_result(a->program, i, &type);
        same = same && same_numbers((tt_element)type.element, one,
                                    tt_program_result(b->program, i, NULL), tt_type_bytes(&type));
    }
    return same;
}

// ---- forms by themselves

// Sound, the same bits in one part and turn by turn from the last, and nothing beside its buffers.
static bool check_form(const tt_program *program, const tt_step *step, uint64_t seed)
{
    const tt_fused *fused = step->fused;
    char why[200];
    if (!tt_form_sound(&fused->form, why, sizeof(why))) {
        printf("%s\n", why);
        return false;
    }
    lone whole = make_lone(program->graph, step, seed),
         parts = make_lone(program->graph, step, seed);
    run_lone(&whole, INT64_MIN, INT64_MAX);
    int64_t each = fused->turns > 20 ? fused->turns / 7 : 1;
    for (int64_t at = fused->turns; at > 0; at -= each)
        run_lone(&parts, at > each ? at - each : 0, at);
    bool same = same_lone(&whole, &parts);
    bool sound = free_lone(&whole);
    sound = free_lone(&parts) && sound;
    if (!same)
        printf("otherwise in parts\n");
    if (!sound)
        printf("writes beside its buffers\n");
    return same && sound;
}

static unsigned count_blocks(const tt_program *program)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < program->step_count; i++)
        if (program->steps[i].fused != NULL) {
            lone l = {.graph = program->graph, .step = &program->steps[i]};
            count += stores_blocks(&l);
        }
    return count;
}

// ---- both

static unsigned in_blocks, forms_seen, chains_seen; // of all programs

static tt_graph *graph_of(uint64_t seed, int64_t work)
{
    tt_graph *graph = product_graph(seed, (product_kind)(seed % PRODUCT_KINDS), work);
    if (tt_graph_status(graph) != TT_OK)
        printf("seed %llu: %s\n", (unsigned long long)seed, tt_graph_error(graph));
    REQUIRE(tt_graph_status(graph) == TT_OK);
    return graph;
}

static bool check_forms(const ran *w, uint64_t seed)
{
    bool all = true;
    for (uint32_t i = 0; i < w->program->step_count; i++) {
        const tt_fused *fused = w->program->steps[i].fused;
        bool sound = fused == NULL || check_form(w->program, &w->program->steps[i], seed + i);
        if (!sound)
            printf("in step %u\n", (unsigned)i);
        all = all && sound;
        forms_seen += fused != NULL;
        chains_seen += fused != NULL && fused->between_count > 0;
    }
    return all;
}

static bool has_compiler(void)
{
    const char *asked = getenv("TUTTI_CC");
    return asked == NULL ? system("command -v gcc cc clang >/dev/null 2>&1") == 0
                         : asked[0] != '\0';
}

static bool is_right(const tt_graph *graph, uint64_t seed, double bound, bool special,
                     bool compiled)
{
    inputs in;
    fill_inputs(&in, graph, seed, special);
    tt_graph *terms = with_terms(graph);
    ran slow = run_way(terms, &in, TT_RUN_REFERENCE, 1, AS_ALWAYS);
    ran fast = run_way(graph, &in, TT_RUN_INTERPRETED, 1, AS_ALWAYS), other;
    bool right = is_near(graph, &fast, &slow, bound, "fused");
    right = check_forms(&fast, seed) && right;
    in_blocks += count_blocks(fast.program);
    for (unsigned threads = 2; threads < 6; threads += 3) {
        other = run_way(graph, &in, TT_RUN_INTERPRETED, threads, AS_ALWAYS);
        bool same = same_results(graph, &fast, &other);
        if (!same)
            printf("otherwise with %u threads\n", threads);
        right = right && same;
        tt_session_free(other.session);
    }
    other = run_way(graph, &in, TT_RUN_INTERPRETED, 1, UNCHAINED);
    if (!same_results(graph, &fast, &other)) {
        printf("otherwise without chains\n");
        right = false;
    }
    tt_session_free(other.session);
    if (seed % 3 == 0) {
        other = run_way(graph, &in, TT_RUN_INTERPRETED, 2, APART);
        right = is_near(graph, &other, &slow, bound, "apart") && right;
        tt_session_free(other.session);
    }
    if (compiled) {
        other = run_way(graph, &in, TT_RUN_COMPILED, 2, AS_ALWAYS);
        bool same = same_results(graph, &fast, &other);
        if (!same)
            printf("otherwise compiled\n");
        right = right && same;
        tt_session_free(other.session);
    }
    tt_session_free(fast.session);
    tt_session_free(slow.session);
    tt_graph_free(terms);
    free_inputs(&in, graph);
    return right;
}

// Whether it has slopes that are 0 in single precision only, of which infinity makes no number.
static bool flattens(const tt_graph *graph)
{
    bool any = false;
    for (uint32_t node = 0; node < tt_graph_count(graph); node++)
        any = any || tt_graph_node(graph, node)->op == TT_OP_TANH;
    return any;
}

static void check(uint64_t seed, int64_t work, bool compiled)
{
    tt_graph *graph = graph_of(seed, work);
    // Gradients of what was normalised are small differences.
    bool flat = flattens(graph), network = seed % PRODUCT_KINDS == PRODUCT_NETWORK;
    double bound = flat ? 1e-3 : network ? 1e-4 : 1e-6;
    bool special = seed / PRODUCT_KINDS % 4 == 1 && !flat;
    bool right = is_right(graph, seed, bound, special, compiled);
    EXPECT(right);
    if (!right) {
        char *text = tt_graph_print(graph);
        printf("%s, seed %llu, work %lld:\n%s\n", kinds[seed % PRODUCT_KINDS],
               (unsigned long long)seed, (long long)work, strlen(text) < 20000 ? text : "(long)");
        free(text);
    }
    tt_graph_free(graph);
}

// A weights' gradient in blocks of images, of many channels: one more than tiles are wide, and so
// many that its sums don't fit in local memory.
static void check_wide(int64_t channels, int64_t window, bool local)
{
    tt_graph *g = tt_graph_new();
    int64_t half[2] = {window / 2, window / 2};
    tt_windows same = {.before = half, .after = half};
    tt_value wrt[3] = {tt_input(g, "a", TT_TYPE(TT_F32, 16, 4, 4, 3)),
                       tt_input(g, "b", TT_TYPE(TT_F32, 2, 7, 7, 3)),
                       tt_input(g, "c", TT_TYPE(TT_F32, channels, window, window, 2))};
    int64_t three[2] = {3, 3};
    tt_windows wide = {.before = three, .after = three};
    tt_value gradient[3], y = tt_relu(g, tt_conv(g, wrt[0], wrt[1], &wide, 1));
    y = tt_conv(g, y, wrt[2], &same, 1);
    tt_value loss = tt_sum_all(g, tt_multiply(g, y, tt_add(g, y, tt_number(g, TT_F32, 1))));
    REQUIRE(tt_graph_gradient(g, loss, 3, wrt, gradient) == TT_OK);
    for (unsigned i = 0; i < 3; i++)
        tt_graph_result(g, (const char *[]){"da", "db", "dc"}[i], gradient[i]);
    REQUIRE(tt_graph_status(g) == TT_OK);
    EXPECT(is_right(g, 3, 1e-5, false, false));
    tt_session *session = open_session(1, false);
    tt_program *program = load(session, g);
    bool any = false;
    for (uint32_t i = 0; i < program->step_count; i++) {
        const tt_step *step = &program->steps[i];
        if (step->fused != NULL && step->fused->form.local_bytes > 0)
            for (uint32_t k = 0; k < step->fused->write_count; k++)
                any = any ||
                      tt_graph_type(program->graph, tt_step_write(step, k))->size[0] == channels;
    }
    EXPECT_EQUAL(any, local);
    tt_session_free(session);
    tt_graph_free(g);
}

// A product of matrices with a bias; the first, or both of them, may lie transposed.
static void check_matmul(int64_t rows, int64_t sum, int64_t columns, bool turned, bool both)
{
    tt_graph *g = tt_graph_new();
    int64_t order[2] = {1, 0};
    tt_value a = tt_input(g, "a", turned ? TT_TYPE(TT_F32, sum, rows) : TT_TYPE(TT_F32, rows, sum));
    tt_value b =
        tt_input(g, "b", both ? TT_TYPE(TT_F32, columns, sum) : TT_TYPE(TT_F32, sum, columns));
    tt_value y =
        tt_matmul(g, turned ? tt_transpose(g, a, order) : a, both ? tt_transpose(g, b, order) : b);
    y = tt_add(g, y, tt_input(g, "bias", TT_TYPE(TT_F32, columns)));
    tt_graph_result(g, "y", tt_relu(g, y));
    bool right = is_right(g, 3, 1e-6, false, false);
    EXPECT(right);
    if (!right)
        printf("%d x %d x %d%s%s\n", (int)rows, (int)columns, (int)sum, turned ? " turned" : "",
               both ? " both" : "");
    tt_graph_free(g);
}

// Sizes at which products of matrices are cut otherwise: rows that are copied together, or a page
// apart; turns of rows; sums in parts; panels that are left; a batch that only one has.
static void check_cuts(void)
{
    for (unsigned way = 0; way < 4; way++) {
        check_matmul(600, 70, 40, way % 2 == 1, way > 1);
        check_matmul(70, 1100, 50, way % 2 == 1, way > 1);
        check_matmul(140, 64, 24, way % 2 == 1, way > 1);
        check_matmul(35, 66, 271, way % 2 == 1, way > 1);
    }
    check_matmul(33, 1024, 50, false, false);
    check_matmul(33, 2048, 50, false, true);
    tt_graph *g = tt_graph_new();
    tt_value a = tt_input(g, "a", TT_TYPE(TT_F32, 1, 32, 2));
    tt_value b = tt_input(g, "b", TT_TYPE(TT_F32, 2, 2, 19));
    tt_graph_result(g, "y", tt_matmul(g, a, b));
    EXPECT(is_right(g, 3, 1e-6, false, false));
    tt_graph_free(g);
}

// Two sums of about 1,500 that cancel, as a network's loss may: what their rounding leaves is much
// of the difference, and little of the terms.
static void check_cancelled(void)
{
    tt_graph *g = tt_graph_new();
    tt_value x = tt_exp(g, tt_scale(g, tt_input(g, "x", TT_TYPE(TT_F32, 40, 37)), 0.125));
    tt_value rows = tt_reduce(g, TT_OP_LOG_SUM_EXP, x, 1, (int64_t[]){1});
    tt_value sum = tt_sum_all(g, tt_scale(g, tt_exp(g, rows), 1.0 / 2.7));
    tt_graph_result(g, "y",
                    tt_subtract(g, sum, tt_sum_all(g, tt_scale(g, tt_exp(g, x), 1.0 / 2.7))));
    EXPECT(is_right(g, 3, 1e-6, false, false));
    tt_graph_free(g);
    g = tt_graph_new(); // exponents that are small differences of about 120
    x = tt_add(g, tt_input(g, "x", TT_TYPE(TT_F32, 40, 37)), tt_number(g, TT_F32, 120));
    tt_graph_result(g, "y", tt_softmax(g, x, 1));
    EXPECT(is_right(g, 3, 1e-6, false, false));
    tt_graph_free(g);
}

// ---- convolutions by fewer multiplications

typedef struct small {
    int64_t batch, rows, columns, in, out, before;
    bool fewer;    // multiplications
    bool gradient; // of the weights, too
} small;

static const small smalls[] = {
    {1, 16, 16, 16, 32, 1, true, true},   // turns of rows
    {1, 8, 8, 64, 64, 1, true, false},    // turns of channels of the result
    {1, 8, 10, 32, 16, 1, true, false},   // one turn
    {32, 4, 4, 16, 16, 1, true, true},    // turns of four images
    {3, 12, 8, 16, 48, 2, true, true},    // wider than the image; lanes that are left by pairs
    {2, 8, 46, 16, 16, 0, true, true},    // narrower, and of long rows
    {16, 6, 6, 96, 32, 1, true, true},    // the gradient's sums in two turns, too
    {1, 6, 6, 16, 16, 1, false, false},   // too few tiles
    {1, 15, 16, 16, 16, 1, false, false}, // half a tile is left
    {1, 16, 16, 16, 24, 1, false, false}, // half a vector
    {1, 16, 16, 20, 16, 1, false, false}, //
    {1, 16, 8, 176, 16, 1, true, false},  // fewer tiles at once, for want of room
    {1, 8, 8, 512, 16, 1, false, false},  // no room
};

static tt_graph *small_graph(const small *s, bool gradients)
{
    tt_graph *g = tt_graph_new();
    int64_t around[2] = {s->before, s->before};
    tt_windows windows = {.before = around, .after = around};
    tt_value wrt[2] = {tt_input(g, "x", TT_TYPE(TT_F32, s->batch, s->rows, s->columns, s->in)),
                       tt_input(g, "w", TT_TYPE(TT_F32, s->out, 3, 3, s->in))};
    tt_value y = tt_conv(g, wrt[0], wrt[1], &windows, 1), gradient[2];
    tt_value more = tt_input(g, "more", *tt_graph_type(g, y));
    y = tt_add(g, tt_add(g, y, tt_input(g, "bias", TT_TYPE(TT_F32, s->out))), more);
    tt_graph_result(g, "y", tt_relu(g, y));
    tt_graph_result(g, "before", y);
    if (gradients) {
        tt_value loss = tt_sum_all(g, tt_multiply(g, y, more));
        REQUIRE(tt_graph_gradient(g, loss, 2, wrt, gradient) == TT_OK);
        tt_graph_result(g, "dx", gradient[0]);
        tt_graph_result(g, "dw", gradient[1]);
    }
    return g;
}

// The step that makes the result has memory of its own.
static bool has_local(const tt_program *program, uint32_t result)
{
    uint32_t node = tt_graph_result_at(program->graph, result)->value.node;
    for (uint32_t i = 0; i < program->step_count; i++)
        if (program->steps[i].node == node)
            return program->steps[i].fused->form.local_bytes > 0;
    return false;
}

// Where one element of the image is not finite, or one of the weights that meets no padding, what
// sees it is not, and all else is as it was.
static void check_special(const small *s, const char *name, size_t at, float number)
{
    tt_graph *g = small_graph(s, false);
    inputs in;
    fill_inputs(&in, g, 7, false);
    for (uint32_t i = 0; i < tt_graph_buffer_count(g); i++)
        if (tt_graph_buffer(g, i)->kind == TT_INPUT &&
            strcmp(tt_graph_buffer(g, i)->name, name) == 0)
            ((float *)in.data[i])[at] = number;
    ran slow = run_way(g, &in, TT_RUN_REFERENCE, 1, AS_ALWAYS);
    ran fast = run_way(g, &in, TT_RUN_INTERPRETED, 1, AS_ALWAYS);
    tt_type type;
    const float *is = tt_program_result(fast.program, 1, &type);
    const float *expected = tt_program_result(slow.program, 1, NULL);
    unsigned wrong = 0, seen = 0;
    for (int64_t i = 0; i < tt_type_count(&type); i++) {
        bool finite = isfinite(expected[i]);
        seen += !finite;
        wrong += finite ? is[i] != expected[i] : isnan(number) ? !isnan(is[i]) : isfinite(is[i]);
    }
    EXPECT(seen > 0);
    EXPECT_EQUAL(wrong, 0);
    tt_session_free(slow.session);
    tt_session_free(fast.session);
    free_inputs(&in, g);
    tt_graph_free(g);
}

static void scale_input(inputs *in, const tt_graph *g, const char *name, int power)
{
    tt_value value = tt_graph_find(g, name);
    for (uint32_t i = 0; i < tt_graph_buffer_count(g); i++)
        if (tt_same(tt_graph_buffer(g, i)->value, value))
            for (int64_t k = 0; k < tt_type_count(tt_graph_type(g, value)); k++)
                ((float *)in->data[i])[k] = ldexpf(((float *)in->data[i])[k], power);
}

// What is as great as 2^124 makes the same numbers, but greater.
static void check_great(const small *s, const char *great, const char *little)
{
    tt_graph *g = small_graph(s, false);
    inputs in;
    fill_inputs(&in, g, 7, false);
    ran as_is = run_way(g, &in, TT_RUN_INTERPRETED, 1, AS_ALWAYS);
    scale_input(&in, g, great, 123);
    scale_input(&in, g, little, -100);
    scale_input(&in, g, "more", 23);
    scale_input(&in, g, "bias", 23);
    ran fast = run_way(g, &in, TT_RUN_INTERPRETED, 1, AS_ALWAYS);
    tt_type type;
    const float *is = tt_program_result(fast.program, 1, &type);
    const float *expected = tt_program_result(as_is.program, 1, NULL);
    unsigned wrong = 0;
    for (int64_t i = 0; i < tt_type_count(&type); i++)
        wrong += is[i] != ldexpf(expected[i], 23);
    EXPECT_EQUAL(wrong, 0);
    tt_session_free(as_is.session);
    tt_session_free(fast.session);
    free_inputs(&in, g);
    tt_graph_free(g);
}

static void check_smalls(void)
{
    check_great(&smalls[0], "x", "w");
    check_great(&smalls[0], "w", "x");
    for (size_t i = 0; i < sizeof(smalls) / sizeof(smalls[0]); i++) {
        tt_graph *g = small_graph(&smalls[i], true);
        bool right = is_right(g, 3, 1e-6, false, false);
        EXPECT(right);
        tt_session *session = open_session(1, false);
        tt_program *program = load(session, g);
        bool fewer = has_local(program, 0), gradient = has_local(program, 3);
        EXPECT_EQUAL(fewer, smalls[i].fewer);
        EXPECT_EQUAL(gradient, smalls[i].gradient);
        tt_session_free(session);
        double apart = run_both(g, i, false);
        EXPECT(apart < 4e-6);
        if (!right || fewer != smalls[i].fewer || gradient != smalls[i].gradient || apart >= 4e-6)
            printf("the small convolution %u, %g apart\n", (unsigned)i, apart);
        tt_graph_free(g);
    }
    for (unsigned i = 0; i < 4; i++)
        check_special(&smalls[2], i % 2 == 0 ? "x" : "w", 1000 /* of the middle */,
                      i < 2 ? NAN : INFINITY);
}

// The forms of some graphs, in one file.
static void check_printed(const char *folder, uint64_t seed, int64_t work, unsigned most,
                          unsigned ways)
{
    for (unsigned i = 0; i < 3; i++) {
        tt_graph *graph = small_graph(&smalls[i], i == 0);
        printed_steps_add(graph, seed, 4000);
        tt_graph_free(graph);
    }
    for (unsigned forms = 0; forms < most; seed++) {
        tt_graph *graph = graph_of(seed, work);
        forms = printed_steps_add(graph, seed, 4000);
        tt_graph_free(graph);
    }
    EXPECT(printed_steps_check(folder, ways));
}

// GRAPHS PRINTED [COMPILED [SEED]]: of so many graphs, files of printed forms, whole programs.
int main(int argc, char **argv)
{
    unsigned graphs = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 0) : 400;
    unsigned printed = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 0) : 1;
    unsigned compiled = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 0) : 0;
    uint64_t seed = argc > 4 ? strtoull(argv[4], NULL, 0) : 1;
    setenv("XDG_CACHE_HOME", "/dev/null", 1); // each is compiled anew, and none is kept
    check_wide(61, 1, true);
    check_wide(90, 3, true);
    check_wide(300, 7, false);
    check_cuts();
    check_cancelled();
    check_smalls();
    for (unsigned i = 0; i < graphs; i++)
        check(seed + i, i % 40 < PRODUCT_KINDS ? 400000 : 30000, false);
    printf("%u forms, %u of them in blocks of images, %u chains\n", forms_seen, in_blocks,
           chains_seen);
    EXPECT(graphs < 100 || (in_blocks > graphs / 20 && chains_seen > graphs / 20));
    if ((printed > 0 || compiled > 0) && !has_compiler()) {
        printf("there is no compiler: nothing is compiled\n");
        return test_result();
    }
    for (unsigned i = 0; i < compiled; i++)
        check(seed + graphs + i, 10000, true);
    const char *folder = printed > 0 ? printed_folder() : NULL;
    REQUIRE(printed == 0 || folder != NULL);
    for (unsigned i = 0; i < printed; i++)
        check_printed(folder, seed + 1000 * i, 10000, printed > 1 ? 50 : 24,
                      printed > 1 ? PRINTED_ALL : AVX2 | (seed % 2 == 0 ? PLAIN : CLANG_SSE2));
    return test_result();
}
