// Random networks that branch and join as far as a plan goes: none is refused, what the runtime
// computes is what the integer graph does, and near what the float graph does.
//
//     test_branches_random [COUNT [FIRST SEED]]

#include "ai/lite/plan.h"
#include "tests/ai/convert/networks.h"
#include "tutti/check.h"

#define BATCH 2
#define INPUTS 4 // to calibrate with: two batches
#define VALUES_MAX 40
#define LAYERS_MAX 18 // before all that nobody read is joined at the end

static tt_random numbers;

static int64_t below(int64_t limit)
{
    return (int64_t)tt_random_below(&numbers, (uint64_t)limit);
}

// A value, and what the generator must know to make no join that is none: where its bytes come
// from, through reshapes.
typedef struct made {
    tt_value value;
    unsigned origin;  // itself, or what it is a reshape of
    unsigned readers; // 0: nothing comes of it yet
    // Of an origin:
    unsigned pieces; // that it is joined of
    bool joined;     // is a piece already
    bool fixed;      // has the input's scale
} made;

typedef struct network {
    tt_graph *graph;
    made made[VALUES_MAX];
    unsigned count, joins, shared; // values read more than once
} network;

static const tt_type *type_of(const network *n, unsigned i)
{
    return tt_graph_type(n->graph, n->made[i].value);
}

static tt_value parameter(network *n, tt_type type)
{
    char name[32];
    snprintf(name, sizeof(name), "p%u", tt_graph_buffer_count(n->graph));
    return tt_parameter(n->graph, name, type);
}

static void read_by_another(network *n, unsigned i)
{
    n->shared += n->made[i].readers++ == 1;
}

// Adds a value made of `from`; one that is there already (equal nodes are one) is not added.
static unsigned add(network *n, unsigned from, tt_value value, bool fixed, bool reshape)
{
    for (unsigned i = 0; i < n->count; i++)
        if (tt_same(n->made[i].value, value))
            return i;
    REQUIRE(n->count < VALUES_MAX && tt_graph_status(n->graph) == TT_OK);
    read_by_another(n, from);
    n->made[n->count] = (made){.value = value,
                               .origin = reshape ? n->made[from].origin : n->count,
                               .pieces = 1,
                               .fixed = fixed};
    return n->count++;
}

static bool is_fixed(const network *n, unsigned i)
{
    return n->made[n->made[i].origin].fixed;
}

static tt_value finish(network *n, tt_value product, int64_t out)
{
    if (below(4) > 0)
        product = tt_add(n->graph, product, parameter(n, TT_TYPE(TT_F32, out)));
    return below(2) == 0 ? tt_relu(n->graph, product) : product;
}

static void add_windows(network *n, unsigned from)
{
    tt_graph *g = n->graph;
    tt_type t = *type_of(n, from);
    tt_value x = n->made[from].value;
    int64_t window[2], stride[2], before[2], after[2];
    for (unsigned i = 0; i < 2; i++) {
        window[i] = 1 + below(t.size[1 + i] < 3 ? t.size[1 + i] : 3);
        stride[i] = 1 + below(2);
        before[i] = below(window[i]);
        after[i] = below(window[i]);
    }
    if (below(2) == 0)
        tt_same_padding(&t, window, stride, before, after);
    tt_windows windows = {.stride = stride, .before = before, .after = after};
    int64_t kind = below(4), groups = kind == 1 ? t.size[3] : 1;
    if (kind >= 2) {
        x = kind == 2 ? tt_pool_greatest(g, x, window, &windows)
                      : tt_pool_average(g, x, window, &windows);
        add(n, from, x, is_fixed(n, from), false);
        return;
    }
    int64_t out = kind == 1 ? t.size[3] * (1 + below(2)) : 1 + below(4);
    tt_type w = TT_TYPE(TT_F32, out, window[0], window[1], t.size[3] / groups);
    x = tt_conv(g, x, parameter(n, w), &windows, groups);
    add(n, from, finish(n, x, out), false, false);
}

static unsigned add_flat(network *n, unsigned from)
{
    tt_value x = tt_reshape(n->graph, n->made[from].value, 2, (int64_t[]){BATCH, -1});
    return add(n, from, x, false, true);
}

static unsigned add_dense(network *n, unsigned from, int64_t out)
{
    from = add_flat(n, from);
    tt_value w = parameter(n, TT_TYPE(TT_F32, type_of(n, from)->size[1], out));
    return add(n, from, finish(n, tt_matmul(n->graph, n->made[from].value, w), out), false, false);
}

// Whether `i` can be one more piece beside those.
static bool joinable(const network *n, unsigned i, const unsigned *piece, unsigned count,
                     unsigned pieces)
{
    const made *origin = &n->made[n->made[i].origin];
    if (origin->joined || pieces + origin->pieces > TT_PLAN_PIECES_MAX)
        return false;
    for (unsigned k = 0; k < count; k++) {
        const tt_type *a = type_of(n, i), *b = type_of(n, piece[k]);
        bool alike = a->rank == b->rank;
        for (unsigned axis = 2; alike && axis < a->rank; axis++) // all but rows, or features
            alike = a->size[axis] == b->size[axis];
        if (!alike || n->made[i].origin == n->made[piece[k]].origin ||
            is_fixed(n, i) != is_fixed(n, piece[k]))
            return false;
    }
    return true;
}

static unsigned add_join(network *n, const unsigned *piece, unsigned count, unsigned pieces)
{
    tt_value values[TT_PLAN_PIECES_MAX] = {TT_NONE};
    for (unsigned k = 0; k < count; k++)
        values[k] = n->made[piece[k]].value;
    unsigned at =
        add(n, piece[0], tt_concatenate(n->graph, count, values, 1), is_fixed(n, piece[0]), false);
    for (unsigned k = 0; k < count; k++) {
        n->made[n->made[piece[k]].origin].joined = true;
        if (k > 0)
            read_by_another(n, piece[k]);
    }
    n->made[at].pieces = pieces;
    n->joins++;
    return at;
}

// Joins whatever fits together, from a random value on: rows of images or features.
static void try_join(network *n)
{
    unsigned piece[TT_PLAN_PIECES_MAX], count = 0, pieces = 0;
    unsigned first = (unsigned)below(n->count), most = 2 + (unsigned)below(3);
    for (unsigned k = 0; k < n->count && count < most; k++) {
        unsigned i = (first + k * 7) % n->count; // in any order
        if (!joinable(n, i, piece, count, pieces))
            continue;
        piece[count++] = i;
        pieces += n->made[n->made[i].origin].pieces;
    }
    if (count > 1)
        add_join(n, piece, count, pieces);
}

// Layers like each other beside each other, which rows can be joined of.
static void add_twins(network *n, unsigned from)
{
    int64_t out = 1 + below(3);
    tt_type t = *type_of(n, from), w = TT_TYPE(TT_F32, out, 1, 1, t.size[3]);
    for (int64_t k = 2 + below(2); k > 0; k--) {
        tt_value x = tt_conv(n->graph, n->made[from].value, parameter(n, w), NULL, 1);
        add(n, from, finish(n, x, out), false, false);
    }
}

// Joins all that nobody read, so that it comes into the result: a few at a time, and each through a
// product where it cannot be a piece itself.
static unsigned join_rest(network *n)
{
    unsigned piece[4], count = 0, last = n->count - 1, before = n->count;
    for (unsigned i = 0; i < before && count < 4; i++) {
        if (n->made[i].readers > 0)
            continue;
        unsigned at = add_flat(n, i);
        if (n->made[n->made[at].origin].joined || is_fixed(n, at) ||
            n->made[n->made[at].origin].pieces > 1 || below(2) == 0)
            at = add_dense(n, at, 1 + below(4));
        for (unsigned k = 0; k < count; k++) // two reshapes of one tensor
            if (n->made[at].origin == n->made[piece[k]].origin)
                at = add_dense(n, at, 2);
        piece[count++] = last = at;
    }
    return count > 1 ? add_join(n, piece, count, count) : last;
}

static network random_network(void)
{
    network n = {.graph = tt_graph_new()};
    tt_type type = TT_TYPE(TT_F32, BATCH, 3 + below(6), 3 + below(6), 1 + below(3));
    n.made[n.count++] = (made){.value = tt_input(n.graph, "x", type), .pieces = 1, .fixed = true};
    int64_t layers = 3 + below(LAYERS_MAX - 6);
    while (n.count < layers) {
        unsigned from = (unsigned)below(n.count);
        bool image = type_of(&n, from)->rank == 4;
        int64_t what = below(6);
        if (what == 0)
            try_join(&n);
        else if (what == 1 && image)
            add_twins(&n, from);
        else if (what == 2 || !image)
            add_dense(&n, from, 1 + below(6));
        else
            add_windows(&n, from);
    }
    tt_graph_result(n.graph, "y", n.made[join_rest(&n)].value);
    return n;
}

static bool holds(uint64_t begin, uint64_t bytes, uint64_t at)
{
    return at >= begin && at - begin < bytes;
}

// Whether a byte of the arena must not be lost while `step` runs: it has something that is read by
// it or later, until somebody writes there anew, or is its output or scratch.
static bool byte_lives(const tt_plan *plan, const tt_plan_step *s, uint32_t step, uint64_t at)
{
    const tt_plan_header *h = &plan->header;
    const tt_plan_step *now = &s[step];
    if (holds(now->input, tt_step_input_bytes(now), at) ||
        holds(now->output, tt_step_output_bytes(now), at) ||
        holds(now->scratch, tt_step_scratch_bytes(now), at))
        return true;
    for (uint32_t i = step + 1; i < h->step_count; i++) {
        if (holds(s[i].input, tt_step_input_bytes(&s[i]), at))
            return true;
        if (holds(s[i].output, tt_step_output_bytes(&s[i]), at))
            return false;
    }
    return holds(h->output, h->output_bytes, at);
}

// Adds the arena's bytes and how many of them live at a time.
static void add_memory(const tt_quantised *q, uint64_t *arena, uint64_t *alive)
{
    uint8_t *bytes;
    size_t length;
    tt_plan plan;
    tt_plan_step steps[TT_PLAN_STEPS_MAX];
    uint64_t most = 0;
    REQUIRE(tt_quantised_emit(q, &bytes, &length, NULL) == TT_OK);
    REQUIRE(tt_plan_open(&plan, bytes, length, NULL) == TT_OK);
    for (uint32_t i = 0; i < plan.header.step_count; i++)
        tt_plan_step_at(&plan, i, &steps[i]);
    for (uint32_t i = 0; i < plan.header.step_count; i++) {
        uint64_t living = 0;
        for (uint64_t at = 0; at < plan.header.arena_bytes; at++)
            living += byte_lives(&plan, steps, i, at);
        most = living > most ? living : most;
    }
    *arena += plan.header.arena_bytes;
    *alive += most;
    free(bytes);
}

typedef struct totals {
    unsigned joins, shared; // networks that have any
    uint64_t arena, alive;  // bytes
} totals;

static double check(uint64_t seed, totals *t)
{
    static float calibration[INPUTS * 8 * 8 * 3];
    char sentence[256] = "";
    tt_text why;
    tt_quantised *q;
    tt_random_seed(&numbers, seed);
    network n = random_network();
    tt_session *session = made_up_session(n.graph);
    make_up_weights(session, n.graph, &numbers);
    for (size_t i = 0; i < TT_COUNT(calibration); i++)
        calibration[i] = (float)below(256) / 255;
    size_t elements = (size_t)tt_type_count(type_of(&n, 0)) / BATCH;
    tt_text_init(&why, sentence, sizeof(sentence));
    tt_status status = tt_quantise(session, n.graph, "x", "y", calibration, INPUTS, &q, &why);
    if (status != TT_OK)
        printf("seed %llu: %s\n%s\n", (unsigned long long)seed, sentence, tt_graph_print(n.graph));
    REQUIRE(status == TT_OK);
    expect_plan_agrees(q, &numbers, 5);
    double off = distance(session, n.graph, q, calibration, elements, BATCH);
    if (off > 0.1)
        printf("seed %llu is off by %.3f\n", (unsigned long long)seed, off);
    t->joins += n.joins > 0;
    t->shared += n.shared > 0;
    add_memory(q, &t->arena, &t->alive);
    tt_quantised_free(q);
    tt_session_free(session);
    tt_graph_free(n.graph);
    return off;
}

int main(int argc, char **argv)
{
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 300;
    uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    double worst = 0, sum = 0;
    totals t = {0};
    for (uint64_t seed = first; seed < first + count; seed++) {
        double off = check(seed, &t);
        worst = fmax(worst, off);
        sum += off;
    }
    printf("%llu networks, %u join and %u read a value more than once; answers are off by %.2f %% "
           "of their range in the mean, %.2f %% in the worst\n",
           (unsigned long long)count, t.joins, t.shared, 100 * sum / (double)count, 100 * worst);
    printf("arenas have %.3f times the bytes that live at a time\n",
           (double)t.arena / (double)t.alive);
    EXPECT(count < 100 || (t.joins > count / 2 && t.shared > count / 2));
    EXPECT(sum / (double)count < 0.01 && worst < 0.1);
    EXPECT((double)t.arena < 1.1 * (double)t.alive);
    return test_result();
}
