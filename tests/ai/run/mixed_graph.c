#include "tests/ai/run/mixed_graph.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/test.h"
#include "tutti/check.h"
#include "tutti/random.h"

#define POOL_MAX 80
#define COUNT_MAX 4000   // elements
#define WORK_MAX 60000   // multiplications of a product
#define WHOLE_MAX 0x1p23 // numbers are no larger

typedef struct entry {
    tt_value value; // of f32
    double size;    // numbers are as large at most
} entry;

typedef struct generator {
    tt_graph *graph;
    tt_random random;
    entry pool[POOL_MAX];
    tt_value input[POOL_MAX]; // of f32
    unsigned count, inputs, f32_inputs;
} generator;

static int64_t below(generator *g, int64_t limit)
{
    return (int64_t)tt_random_below(&g->random, (uint64_t)limit);
}

static bool one_in(generator *g, int64_t of)
{
    return below(g, of) == 0;
}

static tt_type type_of(const generator *g, tt_value value)
{
    return *tt_graph_type(g->graph, value);
}

static int64_t random_size(generator *g)
{
    static const int64_t sizes[] = {1, 1, 2, 3, 5, 7, 13, 15, 16, 17, 31, 32, 33, 48, 61, 130};
    return sizes[below(g, TT_COUNT(sizes))];
}

static tt_type random_type(generator *g)
{
    tt_type type;
    do {
        type = (tt_type){.element = TT_F32};
        type.rank = (uint8_t)(one_in(g, 10) ? below(g, TT_RANK_MAX + 1) : 1 + below(g, 4));
        for (unsigned i = 0; i < type.rank; i++)
            type.size[i] = type.rank > 4 ? 1 + below(g, 3) : random_size(g);
        if (type.rank > 0 && one_in(g, 60))
            type.size[below(g, type.rank)] = 0;
    } while (tt_type_count(&type) > COUNT_MAX);
    return type;
}

static entry input(generator *g, tt_type type)
{
    char name[24];
    snprintf(name, sizeof(name), "x%u", g->inputs++);
    entry made = {tt_input(g->graph, name, type), 2};
    if (type.element == TT_F32 && g->f32_inputs < POOL_MAX)
        g->input[g->f32_inputs++] = made.value;
    return made;
}

static entry pick(generator *g)
{
    unsigned from = one_in(g, 2) && g->count > 5 ? g->count - 5 : 0;
    return g->pool[from + (unsigned)below(g, g->count - from)];
}

// Held between -most and most, so that what is made of it stays whole.
static entry held(generator *g, entry a, double most)
{
    if (a.size <= most)
        return a;
    tt_value top = tt_number(g->graph, TT_F32, most), bottom = tt_number(g->graph, TT_F32, -most);
    a.value = tt_binary(g->graph, TT_OP_LESSER_OF, a.value, top);
    return (entry){tt_binary(g->graph, TT_OP_GREATER_OF, bottom, a.value), most};
}

// Another value whose shape goes with a's: one that is there, a sum of it, or an input.
static entry partner(generator *g, entry a)
{
    tt_type type = type_of(g, a.value);
    for (unsigned tries = 0; tries < 10; tries++) {
        entry b = pick(g);
        tt_type other = type_of(g, b.value);
        int64_t count = 1;
        bool fits = true;
        unsigned rank = type.rank > other.rank ? type.rank : other.rank;
        for (unsigned i = 1; i <= rank; i++) {
            int64_t one = i <= type.rank ? type.size[type.rank - i] : 1;
            int64_t two = i <= other.rank ? other.size[other.rank - i] : 1;
            fits = fits && (one == two || one == 1 || two == 1);
            count *= one == 1 ? two : one;
        }
        if (fits && count <= COUNT_MAX)
            return b;
    }
    for (unsigned i = 0; i < type.rank; i++)
        if (one_in(g, 3))
            type.size[i] = 1;
    return input(g, type);
}

// ---- element by element

static entry unary(generator *g)
{
    entry a = pick(g);
    static const tt_element small[] = {TT_I8, TT_U8, TT_I32, TT_BOOL, TT_I64, TT_F16};
    switch (below(g, 6)) {
    case 0:
        a.value = tt_unary(g->graph, TT_OP_ABSOLUTE, a.value);
        return a;
    case 1:
        a.value = tt_relu(g->graph, a.value);
        return a;
    case 2:
        a = held(g, (entry){a.value, HUGE_VAL}, 100); // also what is infinite
        a.value = tt_convert(g->graph, a.value, small[below(g, TT_COUNT(small))]);
        a.value = tt_convert(g->graph, a.value, TT_F32);
        a.size = 256;
        return a;
    case 3:
        return held(g, a, 1 + (double)below(g, 3));
    default:
        a.value = tt_negate(g->graph, a.value);
        return a;
    }
}

static entry binary(generator *g)
{
    static const tt_op ops[] = {TT_OP_ADD,      TT_OP_ADD,        TT_OP_SUBTRACT, TT_OP_MULTIPLY,
                                TT_OP_MULTIPLY, TT_OP_GREATER_OF, TT_OP_LESSER_OF};
    tt_op op = ops[below(g, TT_COUNT(ops))];
    entry a = held(g, pick(g), 1000), b = held(g, partner(g, a), 1000);
    double size = op == TT_OP_MULTIPLY ? a.size * b.size : a.size + b.size;
    bool swap = one_in(g, 2);
    return (entry){tt_binary(g->graph, op, swap ? b.value : a.value, swap ? a.value : b.value),
                   size};
}

static entry chosen(generator *g)
{
    entry a = pick(g), b = partner(g, a), c = one_in(g, 2) ? a : b;
    tt_op op = (tt_op[]){TT_OP_EQUAL, TT_OP_LESS, TT_OP_LESS_OR_EQUAL}[below(g, 3)];
    tt_value mask = tt_binary(g->graph, op, c.value, tt_number(g->graph, TT_F32, 0));
    tt_value made = tt_select(g->graph, mask, a.value, b.value);
    return (entry){made, a.size > b.size ? a.size : b.size};
}

// ---- movements

static void random_order(generator *g, unsigned rank, int64_t order[TT_RANK_MAX])
{
    for (unsigned i = 0; i < rank; i++) {
        unsigned other = (unsigned)below(g, i + 1);
        order[i] = order[other];
        order[other] = i;
    }
}

static entry sliced(generator *g, entry a)
{
    tt_type type = type_of(g, a.value);
    int64_t first[TT_RANK_MAX] = {0}, sizes[TT_RANK_MAX] = {0}, steps[TT_RANK_MAX] = {0};
    for (unsigned i = 0; i < type.rank; i++) {
        steps[i] = one_in(g, 3) ? 1 + below(g, 3) : 1;
        first[i] = one_in(g, 2) || type.size[i] == 0 ? 0 : below(g, type.size[i]);
        int64_t most = (type.size[i] - first[i] + steps[i] - 1) / steps[i];
        sizes[i] = one_in(g, 2) || most == 0 ? most : 1 + below(g, most);
    }
    a.value = tt_slice(g->graph, a.value, first, sizes, steps);
    return a;
}

static entry padded(generator *g, entry a)
{
    tt_type type = type_of(g, a.value);
    int64_t before[TT_RANK_MAX] = {0}, after[TT_RANK_MAX] = {0}, between[TT_RANK_MAX] = {0};
    double count = 1;
    for (unsigned i = 0; i < type.rank; i++) {
        if (one_in(g, 2)) {
            before[i] = below(g, 4) - (type.size[i] > 1);
            after[i] = below(g, 4) - (type.size[i] > 2);
            between[i] = one_in(g, 3) ? below(g, 3) : 0;
        }
        count *= (double)(before[i] + after[i] + type.size[i] * (between[i] + 1));
    }
    if (count <= COUNT_MAX)
        a.value = tt_pad(g->graph, a.value, tt_number(g->graph, TT_F32, (double)below(g, 3)),
                         before, after, between);
    a.size = a.size < 2 ? 2 : a.size;
    return a;
}

static entry reshaped(generator *g, entry a)
{
    tt_type type = type_of(g, a.value);
    int64_t sizes[TT_RANK_MAX];
    unsigned rank = 0;
    for (unsigned i = 0; i < type.rank; i++) {
        if (rank > 0 && one_in(g, 2))
            sizes[rank - 1] *= type.size[i];
        else
            sizes[rank++] = type.size[i];
        if (rank + type.rank - i <= TT_RANK_MAX - 1u && one_in(g, 5))
            sizes[rank++] = 1;
        if (sizes[rank - 1] > 0 && sizes[rank - 1] % 4 == 0 &&
            rank + type.rank - i <= TT_RANK_MAX - 1u && one_in(g, 3)) {
            sizes[rank - 1] /= 4;
            sizes[rank++] = 4;
        }
    }
    a.value = tt_reshape(g->graph, a.value, rank, sizes);
    return a;
}

static entry moved(generator *g)
{
    entry a = pick(g);
    tt_type type = type_of(g, a.value);
    int64_t order[TT_RANK_MAX];
    random_order(g, type.rank, order);
    switch (below(g, 7)) {
    case 0:
        return sliced(g, a);
    case 1:
        a.value = tt_flip(g->graph, a.value, type.rank > 0 ? 1 + (unsigned)below(g, type.rank) : 0,
                          order);
        return a;
    case 2:
        return padded(g, a);
    case 3:
        return reshaped(g, a);
    case 4:
        for (unsigned i = 0; i < type.rank; i++)
            if (type.size[i] == 1 && one_in(g, 2))
                type.size[i] = random_size(g);
        if (tt_type_count(&type) <= COUNT_MAX)
            a.value = tt_broadcast(g->graph, a.value, type.rank, type.size);
        return a;
    case 5:
        if (type.rank > 0 && tt_type_count(&type) <= COUNT_MAX / 2)
            a.value = tt_concatenate(g->graph, 2, (tt_value[]){a.value, input(g, type).value},
                                     below(g, type.rank));
        return a;
    default:
        a.value = tt_transpose(g->graph, a.value, order);
        return a;
    }
}

// ---- sums, products and windows

static entry reduced(generator *g)
{
    static const tt_op ops[] = {TT_OP_SUM, TT_OP_SUM, TT_OP_SUM, TT_OP_GREATEST, TT_OP_LEAST};
    tt_op op = ops[below(g, TT_COUNT(ops))];
    entry a = held(g, pick(g), 1000);
    tt_type type = type_of(g, a.value);
    int64_t axes[TT_RANK_MAX];
    random_order(g, type.rank, axes);
    unsigned count = type.rank > 0 ? 1 + (unsigned)below(g, type.rank) : 0;
    if (one_in(g, 3))
        for (unsigned i = 0; i < count; i++) // the last ones
            axes[i] = type.rank - 1 - (int64_t)i;
    if (op != TT_OP_SUM && tt_type_count(&type) == 0)
        op = TT_OP_SUM;
    a.value = tt_reduce(g->graph, op, a.value, count, axes);
    a.size *= op == TT_OP_SUM ? (double)(tt_type_count(&type) + 1) : 1;
    if (type.rank > 0 && one_in(g, 4))
        a.value = tt_cumulative_sum(g->graph, held(g, a, 1000).value, below(g, type.rank),
                                    one_in(g, 2), one_in(g, 2)),
        a.size = WHOLE_MAX;
    return a;
}

// As a value of so many axes: others are joined, or of size 1.
static entry of_rank(generator *g, entry a, unsigned rank)
{
    tt_type type = type_of(g, a.value);
    int64_t sizes[TT_RANK_MAX];
    if (type.rank == rank)
        return a;
    for (unsigned i = 0; i < rank; i++)
        sizes[i] = 1;
    for (unsigned i = 0; i < type.rank; i++) {
        unsigned to = type.rank <= rank ? rank - type.rank + i : i < rank ? i : rank - 1;
        sizes[to] *= type.size[i];
    }
    a.value = tt_reshape(g->graph, a.value, rank, sizes);
    return a;
}

static entry multiplied(generator *g)
{
    entry a = held(g, pick(g), 3), b = held(g, pick(g), 3);
    unsigned rank = 2 + (unsigned)(one_in(g, 3) ? below(g, 3) : 0);
    a = of_rank(g, a, rank);
    tt_type type = type_of(g, a.value), other = type_of(g, b.value);
    int64_t k = type.size[rank - 1], columns = random_size(g);
    if (tt_type_count(&type) * columns > WORK_MAX)
        columns = 1 + below(g, 5);
    bool fits = other.rank >= 2 && other.size[other.rank - 2] == k && other.rank == 2;
    if (!fits || one_in(g, 2))
        b = one_in(g, 2)
                ? input(g, TT_TYPE(TT_F32, k, columns))
                : (entry){tt_transpose(g->graph, input(g, TT_TYPE(TT_F32, columns, k)).value,
                                       (int64_t[]){1, 0}),
                          2};
    other = type_of(g, b.value);
    if (tt_type_count(&type) * other.size[1] > WORK_MAX)
        return a;
    entry made = {tt_matmul(g->graph, a.value, b.value), a.size * b.size * (double)(k + 1)};
    if (one_in(g, 4)) {
        int64_t order[TT_RANK_MAX];
        random_order(g, rank, order);
        made.value = tt_transpose(g->graph, made.value, order);
    }
    return made;
}

typedef struct windows {
    int64_t list[5][3], window[3];
    double count, taps;
} windows;

// False: they have no room.
static bool random_windows(generator *g, const tt_type *x, bool pool, windows *w)
{
    w->count = w->taps = 1;
    for (unsigned i = 0; i + 2u < x->rank; i++) {
        w->window[i] = 1 + below(g, one_in(g, 3) ? 6 : 3);
        w->list[0][i] = one_in(g, 3) ? 1 + below(g, 3) : 1;
        w->list[1][i] = one_in(g, 4) ? 1 + below(g, 3) : 1;
        w->list[2][i] = !pool && w->list[0][i] == 1 && one_in(g, 5) ? 1 + below(g, 3) : 1;
        w->list[3][i] = one_in(g, 2) ? below(g, w->window[i] + 1) : 0;
        w->list[4][i] = one_in(g, 2) ? below(g, w->window[i] + 1) : 0;
        int64_t all = (x->size[i + 1] - 1) * w->list[2][i] + 1 + w->list[3][i] + w->list[4][i];
        int64_t reach = (w->window[i] - 1) * w->list[1][i] + 1;
        if (x->size[i + 1] == 0 || all < reach)
            return false;
        w->count *= (double)((all - reach) / w->list[0][i] + 1);
        w->taps *= (double)w->window[i];
    }
    return true;
}

static entry convolved(generator *g)
{
    windows w;
    entry a = of_rank(g, held(g, pick(g), 3), 3 + (unsigned)below(g, 3));
    if (one_in(g, 3)) // of few channels and whole blocks of images
        a = input(g, TT_TYPE(TT_F32, 16 * (1 + below(g, 2)), 2 + below(g, 9), 1 + below(g, 5)));
    tt_type x = type_of(g, a.value), weights = x;
    unsigned last = x.rank - 1u;
    if (!random_windows(g, &x, false, &w) || x.size[last] == 0)
        return a;
    int64_t groups = x.size[last] % 2 == 0 && one_in(g, 3) ? 2 : one_in(g, 6) ? x.size[last] : 1;
    int64_t out = groups * (1 + below(g, groups > 4 ? 2 : 9));
    weights.size[0] = out;
    weights.size[last] = x.size[last] / groups;
    for (unsigned i = 0; i + 1 < last; i++)
        weights.size[i + 1] = w.window[i];
    if ((double)x.size[0] * w.count * w.taps * (double)(out * weights.size[last]) > WORK_MAX ||
        (double)x.size[0] * w.count * (double)out > COUNT_MAX)
        return a;
    entry b = input(g, weights);
    if (one_in(g, 4))
        b.value = tt_relu(g->graph, b.value);
    tt_windows lists = {w.list[0], w.list[1], w.list[2], w.list[3], w.list[4]};
    return (entry){tt_conv(g->graph, a.value, b.value, &lists, groups),
                   a.size * 2 * w.taps * (double)weights.size[last]};
}

static entry pooled(generator *g)
{
    windows w;
    entry a = of_rank(g, held(g, pick(g), 1000), 3 + (unsigned)below(g, 3));
    tt_type x = type_of(g, a.value);
    if (!random_windows(g, &x, true, &w) || tt_type_count(&x) == 0 ||
        (double)(x.size[0] * x.size[x.rank - 1]) * w.count > COUNT_MAX)
        return a;
    tt_windows lists = {w.list[0], w.list[1], NULL, w.list[3], w.list[4]};
    if (one_in(g, 3))
        return (entry){tt_pool_sum(g->graph, a.value, w.window, &lists), a.size * w.taps};
    tt_value made = tt_pool_greatest(g->graph, a.value, w.window, &lists),
             place = tt_output(made, 1);
    if (one_in(g, 5))
        return (entry){tt_convert(g->graph, place, TT_F32), w.taps};
    // What no window sees is -infinity.
    tt_value none = tt_equal(g->graph, place, tt_number(g->graph, TT_I32, -1));
    made = tt_select(g->graph, none, tt_number(g->graph, TT_F32, 0), made);
    return (entry){made, a.size};
}

static entry gathered(generator *g)
{
    entry a = pick(g);
    tt_type type = type_of(g, a.value);
    if (type.rank == 0 || type.size[0] == 0)
        return a;
    int64_t count = 1 + below(g, 20);
    if (tt_type_count(&type) / type.size[0] * count > COUNT_MAX)
        return a;
    int32_t index[20];
    for (int64_t i = 0; i < count; i++)
        index[i] = (int32_t)below(g, type.size[0]);
    tt_value indices = tt_constant(g->graph, TT_TYPE(TT_I32, count), index);
    a.value = tt_gather(g->graph, a.value, indices, 0);
    return a;
}

static entry leaf(generator *g)
{
    tt_type type = one_in(g, 2) ? type_of(g, pick(g).value) : random_type(g);
    if (one_in(g, 3) && type.rank > 0) {
        int64_t axis = below(g, type.rank);
        return (entry){tt_iota(g->graph, type, axis), (double)type.size[axis]};
    }
    return input(g, type);
}

static entry step(generator *g)
{
    switch (below(g, 16)) {
    case 0:
    case 1:
        return unary(g);
    case 2:
    case 3:
    case 4:
        return binary(g);
    case 5:
        return chosen(g);
    case 6:
    case 7:
        return reduced(g);
    case 8:
        return leaf(g);
    case 9:
    case 10:
        return multiplied(g);
    case 11:
        return convolved(g);
    case 12:
        return pooled(g);
    case 13:
        return one_in(g, 3) ? gathered(g) : moved(g);
    default:
        return moved(g);
    }
}

static void result(generator *g, const char *kind, unsigned index, tt_value value)
{
    char name[24];
    snprintf(name, sizeof(name), "%s%u", kind, index);
    tt_graph_result(g->graph, name, value);
}

static void differentiate(generator *g)
{
    tt_value loss = TT_NONE, made[POOL_MAX];
    for (unsigned i = 0; i < 2; i++) {
        entry e = held(g, pick(g), 3);
        tt_type type = type_of(g, e.value);
        tt_value sum = tt_sum_all(g->graph, tt_multiply(g->graph, e.value, input(g, type).value));
        loss = i == 0 ? sum : tt_add(g->graph, loss, sum);
    }
    if (tt_graph_status(g->graph) != TT_OK ||
        tt_graph_gradient(g->graph, loss, g->f32_inputs, g->input, made) != TT_OK)
        return;
    for (unsigned i = 0; i < g->f32_inputs; i++)
        if (one_in(g, 2))
            result(g, "d", i, made[i]);
}

tt_graph *mixed_graph(uint64_t seed, bool gradients)
{
    generator g = {.graph = tt_graph_new()};
    REQUIRE(g.graph != NULL);
    tt_random_seed(&g.random, seed);
    g.pool[g.count++] = input(&g, random_type(&g));
    g.pool[g.count++] = input(&g, random_type(&g));
    unsigned nodes = 4 + (unsigned)below(&g, 50);
    for (unsigned i = 0; i < nodes && tt_graph_status(g.graph) == TT_OK; i++)
        g.pool[g.count++] = held(&g, step(&g), WHOLE_MAX);
    for (unsigned i = 0; i < 3; i++)
        result(&g, "y", i, pick(&g).value);
    result(&g, "y", 3, g.pool[g.count - 1].value);
    if (gradients && tt_graph_status(g.graph) == TT_OK)
        differentiate(&g);
    return g.graph;
}
