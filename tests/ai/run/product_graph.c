#include "tests/ai/run/product_graph.h"

#include <stdio.h>
#include <string.h>

#include "ai/graph/row.h"
#include "tests/test.h"
#include "tutti/random.h"

#define WRT_MAX 32
#define AXES_MAX 3

typedef struct making {
    tt_graph *graph;
    tt_random random;
    tt_value wrt[WRT_MAX]; // inputs of f32
    unsigned inputs, results, wrt_count;
    int64_t work;
} making;

static int64_t below(making *m, int64_t limit)
{
    return (int64_t)tt_random_below(&m->random, (uint64_t)limit);
}

static bool one_in(making *m, int64_t of)
{
    return below(m, of) == 0;
}

static tt_value input(making *m, tt_type type)
{
    char name[16];
    snprintf(name, sizeof(name), "i%u", m->inputs++);
    tt_value made = tt_input(m->graph, name, type);
    if (type.element == TT_F32 && m->wrt_count < WRT_MAX)
        m->wrt[m->wrt_count++] = made;
    return made;
}

static void result(making *m, tt_value value)
{
    char name[16];
    snprintf(name, sizeof(name), "r%u", m->results++);
    tt_graph_result(m->graph, name, value);
}

static tt_type type_of(const making *m, tt_value value)
{
    return *tt_graph_type(m->graph, value);
}

static void random_order(making *m, unsigned rank, int64_t order[TT_RANK_MAX])
{
    for (unsigned i = 0; i < rank; i++) {
        unsigned other = (unsigned)below(m, i + 1);
        order[i] = order[other];
        order[other] = i;
    }
}

static tt_value transposed_to(making *m, tt_type type)
{
    int64_t order[TT_RANK_MAX];
    tt_type from = type;
    random_order(m, type.rank, order);
    for (unsigned i = 0; i < type.rank; i++)
        from.size[order[i]] = type.size[i];
    return tt_transpose(m->graph, input(m, from), order);
}

static tt_value sliced_to(making *m, tt_type type)
{
    int64_t first[TT_RANK_MAX], step[TT_RANK_MAX];
    tt_type from = type;
    for (unsigned i = 0; i < type.rank; i++) {
        first[i] = one_in(m, 2) ? below(m, 3) : 0;
        step[i] = one_in(m, 4) ? 2 : 1;
        from.size[i] = first[i] + (type.size[i] - 1) * step[i] + 1 + below(m, 2);
    }
    return tt_slice(m->graph, input(m, from), first, type.size, step);
}

static tt_value broadcast_to(making *m, tt_type type)
{
    tt_type from = type;
    unsigned drop = type.rank > 0 && one_in(m, 3) ? (unsigned)below(m, type.rank) : 0;
    from.rank = (uint8_t)(type.rank - drop);
    memset(from.size, 0, sizeof(from.size));
    for (unsigned i = 0; i < from.rank; i++)
        from.size[i] = one_in(m, 3) ? 1 : type.size[i + drop];
    return tt_broadcast(m->graph, input(m, from), type.rank, type.size);
}

// A value of some type: an input, a movement of one, or what is computed of one.
static tt_value operand(making *m, tt_type type)
{
    tt_graph *g = m->graph;
    tt_type flat = {.element = TT_F32, .rank = 1, .size = {tt_type_count(&type)}};
    int64_t axes[TT_RANK_MAX];
    switch (below(m, 14)) {
    case 0:
    case 1:
        return transposed_to(m, type);
    case 2:
        return sliced_to(m, type);
    case 3:
        random_order(m, type.rank, axes);
        return tt_flip(g, input(m, type), (unsigned)below(m, type.rank) + 1u, axes);
    case 4:
        return broadcast_to(m, type);
    case 5:
        return tt_reshape(g, input(m, flat), type.rank, type.size);
    case 6:
        return tt_negate(g, transposed_to(m, type));
    case 7:
        return tt_relu(g, input(m, type));
    default:
        return input(m, type);
    }
}

// What may be computed at the end of a product's or a pool's step.
static tt_value epilogue(making *m, tt_value y)
{
    tt_graph *g = m->graph;
    tt_type type = type_of(m, y), mask = type;
    mask.element = TT_BOOL;
    if (one_in(m, 2))
        y = tt_add(g, y, input(m, TT_TYPE(TT_F32, type.size[type.rank - 1])));
    if (one_in(m, 4))
        y = tt_add(g, operand(m, type), y);
    if (one_in(m, 2))
        y = tt_relu(g, y);
    if (one_in(m, 6))
        y = tt_select(g, input(m, mask), y, tt_number(g, TT_F32, 0));
    if (one_in(m, 6))
        y = tt_multiply(g, y, tt_add(g, y, tt_number(g, TT_F32, 1)));
    return y;
}

// What was moved, computed with, or summed over some axes.
static void result_of(making *m, tt_value moved)
{
    tt_graph *g = m->graph;
    tt_type type = type_of(m, moved);
    int64_t order[TT_RANK_MAX];
    tt_value made = tt_negate(g, moved);
    random_order(m, type.rank, order);
    if (one_in(m, 2))
        made = tt_reduce(g, TT_OP_SUM, tt_multiply(g, made, operand(m, type)),
                         1u + (unsigned)below(m, type.rank), order);
    result(m, made);
}

// Reads a value in some other way than element by element.
static void read_otherwise(making *m, tt_value y)
{
    tt_graph *g = m->graph;
    tt_type type = type_of(m, y), flat = {.element = TT_F32, .rank = 1};
    int64_t order[TT_RANK_MAX], first[TT_RANK_MAX] = {0}, sizes[TT_RANK_MAX], steps[TT_RANK_MAX];
    flat.size[0] = tt_type_count(&type);
    random_order(m, type.rank, order);
    unsigned some = 1u + (unsigned)below(m, type.rank);
    switch (below(m, 15)) {
    case 0:
        result(m, y);
        return;
    case 11:
        result(m, tt_softmax(g, tt_scale(g, y, 1.0 / 64), type.rank - 1));
        return;
    case 12: // steps of their own
        result(m, tt_concatenate(g, 2, (tt_value[]){y, operand(m, type)}, below(m, type.rank)));
        return;
    case 13: // a sum of part of it, and what is less of that
        result(m, tt_subtract(g, y, tt_reduce(g, TT_OP_SUM, y, some, order)));
        return;
    case 1:
        result_of(m, tt_reshape(g, y, 1, flat.size));
        return;
    case 2:
        result_of(m, tt_flip(g, y, some, order));
        return;
    case 3:
        for (unsigned i = 0; i < type.rank; i++) {
            steps[i] = 1 + below(m, 2);
            first[i] = below(m, type.size[i]);
            sizes[i] = 1 + (type.size[i] - 1 - first[i]) / steps[i];
            if (one_in(m, 3)) { // the first ones
                first[i] = 0;
                sizes[i] = 1 + below(m, sizes[i]);
            } else if (one_in(m, 2)) { // all of it
                steps[i] = 1;
                first[i] = 0;
                sizes[i] = type.size[i];
            }
        }
        result_of(m, tt_slice(g, y, first, sizes, steps));
        return;
    case 4:
        result_of(m, tt_transpose(g, y, order));
        return;
    case 5:
        memcpy(sizes + 1, type.size, sizeof(type.size) - sizeof(type.size[0]));
        sizes[0] = 2;
        if (type.rank < 6)
            result_of(m, tt_broadcast(g, y, type.rank + 1u, sizes));
        return;
    case 6:
        result(m, tt_reduce(g, TT_OP_SUM, y, some, order));
        return;
    case 7:
        result(m, tt_reduce(g, TT_OP_GREATEST, tt_multiply(g, y, y), some, order));
        return;
    case 8: // a step of the reference's
        result(m, tt_cumulative_sum(g, y, below(m, type.rank), false, false));
        return;
    case 9: // element by element, with something else
        result(m, tt_add(g, y, operand(m, type)));
        return;
    case 14: // which has more axes
        memcpy(sizes + 1, type.size, sizeof(type.size) - sizeof(type.size[0]));
        sizes[0] = one_in(m, 2) ? type.size[0] : 2;
        type.rank++;
        memcpy(type.size, sizes, sizeof(sizes));
        if (type.rank <= 5 && tt_type_count(&type) < 40000)
            result(m, tt_add(g, y, input(m, type)));
        return;
    default:
        result(m, tt_multiply(g, tt_stop(g, y), tt_add(g, y, y)));
        return;
    }
}

// The gradients by all inputs of a loss that is linear in y, or not.
static void differentiate(making *m, tt_value y)
{
    tt_graph *g = m->graph;
    tt_value gradient[WRT_MAX];
    unsigned count = m->wrt_count;
    tt_value by = one_in(m, 3) ? y : operand(m, type_of(m, y));
    tt_value loss = tt_sum_all(g, tt_multiply(g, y, by));
    if (tt_graph_status(g) != TT_OK)
        return;
    REQUIRE(tt_graph_gradient(g, loss, count, m->wrt, gradient) == TT_OK);
    for (unsigned i = 0; i < count; i++)
        result(m, gradient[i]);
    if (count > 2 || !one_in(m, 4)) // and the gradients of the first one
        return;
    tt_value second = tt_sum_all(g, tt_multiply(g, gradient[0], gradient[0]));
    if (tt_graph_status(g) != TT_OK)
        return;
    REQUIRE(tt_graph_gradient(g, second, count, m->wrt, gradient) == TT_OK);
    for (unsigned i = 0; i < count; i++)
        result(m, gradient[i]);
}

typedef struct windows {
    int64_t list[5][AXES_MAX], window[AXES_MAX], count[AXES_MAX];
} windows;

static tt_windows lists_of(windows *w)
{
    return (tt_windows){w->list[0], w->list[1], w->list[2], w->list[3], w->list[4]};
}

// Windows over axes of some size; the sizes may grow to have room for one.
static void random_windows(making *m, unsigned axes, int64_t *size, bool pool, windows *w)
{
    for (unsigned i = 0; i < axes; i++) {
        int64_t window = 1 + (one_in(m, 2) ? below(m, 3) : below(m, 7));
        int64_t stride = one_in(m, 3) ? 2 + below(m, 2) : 1;
        int64_t spread = !pool && stride == 1 && one_in(m, 4) ? 2 + below(m, 2) : 1;
        int64_t dilation = one_in(m, 5) ? 2 + below(m, 2) : 1, reach;
        if (pool && one_in(m, 2)) {
            stride = window;
            dilation = 1;
        }
        w->window[i] = window;
        w->list[0][i] = stride;
        w->list[1][i] = dilation;
        w->list[2][i] = spread;
        w->list[3][i] = one_in(m, 2) ? 0 : below(m, window + 2) - 1;
        w->list[4][i] = one_in(m, 2) ? 0 : below(m, window + 2) - 1;
        reach = (window - 1) * dilation + 1;
        if (one_in(m, 8)) // each element is seen by all of a window
            w->list[3][i] = w->list[4][i] = reach - 1;
        while ((size[i] - 1) * spread + 1 + w->list[3][i] + w->list[4][i] < reach)
            size[i]++;
        w->count[i] =
            ((size[i] - 1) * spread + 1 + w->list[3][i] + w->list[4][i] - reach) / stride + 1;
    }
}

static int64_t random_batch(making *m)
{
    static const int64_t batches[] = {1, 1, 2, 3, 7, 15, 16, 16, 17, 31, 32, 33, 48, 50};
    return batches[below(m, 14)];
}

static int64_t random_channels(making *m)
{
    return 1 + (one_in(m, 3) ? below(m, 40) : below(m, 9));
}

// A type of x, and of weights, within the bound of work.
static void random_conv(making *m, tt_type *x, tt_type *w, windows *how, int64_t *groups)
{
    for (;;) {
        unsigned axes = 1 + (unsigned)below(m, AXES_MAX);
        int64_t out, work;
        *groups = one_in(m, 5) ? 2 + below(m, 3) : 1;
        *x = (tt_type){.element = TT_F32, .rank = (uint8_t)(axes + 2)};
        *w = *x;
        x->size[0] = random_batch(m);
        for (unsigned i = 0; i < axes; i++)
            x->size[1 + i] = 1 + (one_in(m, 2) ? below(m, 4) : below(m, 40) / (int64_t)axes);
        w->size[axes + 1] = random_channels(m);
        x->size[axes + 1] = *groups * w->size[axes + 1];
        w->size[0] = out = *groups * random_channels(m);
        random_windows(m, axes, x->size + 1, false, how);
        work = x->size[0] * out * w->size[axes + 1];
        for (unsigned i = 0; i < axes; i++) {
            w->size[1 + i] = how->window[i];
            work *= how->count[i] * how->window[i];
        }
        if (work <= m->work && tt_type_count(x) <= m->work / 4)
            return;
    }
}

static void end_with(making *m, tt_value y)
{
    if (one_in(m, 2))
        result(m, y);
    if (one_in(m, 3))
        read_otherwise(m, y);
    differentiate(m, y);
}

static void make_conv(making *m)
{
    tt_type x, w;
    windows how;
    int64_t groups;
    random_conv(m, &x, &w, &how, &groups);
    tt_windows lists = lists_of(&how);
    tt_value a = operand(m, x), b = operand(m, w);
    tt_value y = tt_conv(m->graph, a, b, &lists, groups);
    if (one_in(m, 4))
        read_otherwise(m, y);
    y = epilogue(m, y);
    end_with(m, y);
}

static void make_matmul(making *m)
{
    for (;;) {
        int64_t lead[3], rows = 1 + below(m, one_in(m, 3) ? 70 : 9),
                         columns = 1 + below(m, one_in(m, 2) ? 70 : 9),
                         inner = 1 + below(m, one_in(m, 2) ? 50 : 9), work = rows * columns * inner;
        tt_type type[2];
        bool long_sums = one_in(m, 3); // with few rows, and with those that columns are packed for
        if (long_sums) {
            rows = one_in(m, 2) ? 1 + below(m, 9) : 30 + below(m, 12);
            columns = 1 + below(m, 40);
            inner = 60 + below(m, 40);
        } else if (one_in(m, 4)) {
            rows = 16 * (1 + below(m, 3));
        }
        for (unsigned i = 0; i < 3; i++)
            lead[i] = 1 + below(m, 4);
        for (unsigned o = 0; o < 2; o++) {
            unsigned count = long_sums || one_in(m, 2) ? 0 : (unsigned)below(m, 4);
            type[o] = (tt_type){.element = TT_F32, .rank = (uint8_t)(count + 2)};
            for (unsigned i = 0; i < count; i++)
                type[o].size[i] = one_in(m, 4) ? 1 : lead[3 - count + i];
            type[o].size[count] = o == 0 ? rows : inner;
            type[o].size[count + 1] = o == 0 ? inner : columns;
        }
        for (unsigned i = 0; i < 3; i++)
            work *= lead[i];
        if (!long_sums && work > m->work)
            continue;
        tt_value a = operand(m, type[0]), b = TT_NONE;
        if (long_sums && one_in(m, 2)) // as a dense layer has them
            b = tt_transpose(m->graph, operand(m, TT_TYPE(TT_F32, columns, inner)),
                             (int64_t[]){1, 0});
        else
            b = operand(m, type[1]);
        tt_value y = tt_matmul(m->graph, a, b);
        int64_t order[TT_RANK_MAX];
        random_order(m, type_of(m, y).rank, order);
        if (one_in(m, 3))
            y = tt_transpose(m->graph, y, order);
        y = epilogue(m, y);
        if (one_in(m, 2))
            result(m, y);
        if (one_in(m, 3))
            read_otherwise(m, y);
        differentiate(m, y);
        return;
    }
}

// What no window sees is -infinity; there 0 is taken.
static tt_value pool_of(making *m, tt_value x, windows *how, bool second)
{
    tt_graph *g = m->graph;
    tt_windows lists = lists_of(how);
    tt_value y = tt_pool_greatest(g, x, how->window, &lists), chosen = tt_output(y, 1);
    bool padded = false;
    for (unsigned i = 0; i + 2 < type_of(m, x).rank; i++)
        padded = padded || how->list[3][i] > 0 || how->list[4][i] > 0;
    if (second)
        result(m, chosen);
    return padded ? tt_select(g, tt_equal(g, chosen, tt_number(g, TT_I32, -1)),
                              tt_number(g, TT_F32, 0), y)
                  : y;
}

static void make_pool(making *m)
{
    unsigned axes = 1 + (unsigned)below(m, AXES_MAX);
    tt_type type = {.element = TT_F32, .rank = (uint8_t)(axes + 2)};
    windows how;
    int64_t work;
    do {
        type.size[0] = random_batch(m);
        for (unsigned i = 0; i < axes; i++)
            type.size[1 + i] = 1 + (one_in(m, 2) ? below(m, 4) : below(m, 40) / (int64_t)axes);
        type.size[axes + 1] = random_channels(m);
        random_windows(m, axes, type.size + 1, true, &how);
        work = type.size[0] * type.size[axes + 1];
        for (unsigned i = 0; i < axes; i++)
            work *= how.count[i] * how.window[i];
    } while (work > m->work / 4 || tt_type_count(&type) > m->work / 8);
    tt_value x = operand(m, type);
    if (one_in(m, 2))
        x = tt_relu(m->graph, x);
    tt_value y = epilogue(m, pool_of(m, x, &how, one_in(m, 3)));
    end_with(m, y);
}

// A convolution of few channels, which is made in blocks where there are 16 images, and another,
// with its gradients, whose operands and results lie so.
static void make_blocks(making *m)
{
    tt_graph *g = m->graph;
    unsigned axes = one_in(m, 2) ? 2 : 1 + (unsigned)below(m, AXES_MAX);
    tt_type x = {.element = TT_F32, .rank = (uint8_t)(axes + 2)}, w = x, first = x;
    windows how;
    int64_t work;
    do {
        x.size[0] = 16 * (1 + below(m, 2));
        for (unsigned i = 0; i < axes; i++)
            x.size[1 + i] = 1 + below(m, axes == 1 ? 24 : axes == 2 ? 9 : 4);
        random_windows(m, axes, x.size + 1, false, &how);
        x.size[axes + 1] = 1 + below(m, 7);
        first.size[0] = w.size[axes + 1] = 1 + below(m, 7);
        first.size[axes + 1] = x.size[axes + 1];
        w.size[0] = 1 + below(m, 12);
        work = x.size[0] * w.size[0] * w.size[axes + 1];
        for (unsigned i = 0; i < axes; i++) {
            first.size[1 + i] = 1;
            w.size[1 + i] = how.window[i];
            work *= how.window[i] * how.count[i];
        }
    } while (work > 2 * m->work);
    tt_windows lists = lists_of(&how);
    tt_value y = tt_conv(g, input(m, x), input(m, first), &(tt_windows){.stride = NULL}, 1);
    y = epilogue(m, tt_conv(g, tt_relu(g, y), input(m, w), &lists, 1));
    if (one_in(m, 2))
        y = tt_relu(g, tt_add(g, y, input(m, TT_TYPE(TT_F32, w.size[0]))));
    differentiate(m, one_in(m, 3) ? tt_multiply(g, y, y) : y);
}

// Less its mean over the batch and positions, and bent, so that nothing behind jumps.
static tt_value normalised(making *m, tt_value y)
{
    tt_graph *g = m->graph;
    tt_type type = type_of(m, y);
    int64_t axes[TT_RANK_MAX];
    for (unsigned i = 0; i + 1 < type.rank; i++)
        axes[i] = i;
    tt_value centred = tt_subtract(g, y, tt_mean(g, y, type.rank - 1u, axes));
    tt_value variance = tt_mean(g, tt_multiply(g, centred, centred), type.rank - 1u, axes);
    tt_value made =
        tt_divide(g, centred, tt_sqrt(g, tt_add(g, variance, tt_number(g, TT_F32, 0.5))));
    made = tt_add(g, made, input(m, TT_TYPE(TT_F32, type.size[type.rank - 1])));
    return tt_unary(g, TT_OP_TANH, made);
}

// Convolution with what follows it; false: it is too much work.
static bool add_layer(making *m, tt_value *y, bool *smooth)
{
    tt_graph *g = m->graph;
    tt_type x = type_of(m, *y), w = x;
    unsigned axes = x.rank - 2u;
    windows how;
    int64_t size[AXES_MAX], out = 1 + below(m, one_in(m, 4) ? 20 : 8);
    memcpy(size, x.size + 1, sizeof(size));
    random_windows(m, axes, size, false, &how);
    int64_t work = x.size[0] * out * x.size[axes + 1];
    bool residual = one_in(m, 4);
    for (unsigned i = 0; i < axes; i++) {
        if (residual) { // as large as before
            int64_t dilation = how.list[1][i], half;
            how.window[i] |= 1;
            half = (how.window[i] - 1) * dilation;
            how.list[0][i] = how.list[2][i] = 1;
            how.list[3][i] = how.list[4][i] = half / 2;
            how.count[i] = size[i];
        }
        if (size[i] != x.size[1 + i])
            return false;
        w.size[1 + i] = how.window[i];
        work *= how.window[i] * how.count[i];
    }
    if (residual)
        out = x.size[axes + 1];
    w.size[0] = out;
    if (work > m->work)
        return false;
    tt_windows lists = lists_of(&how);
    tt_value made = tt_conv(g, *y, input(m, w), &lists, 1);
    if (one_in(m, 8))
        read_otherwise(m, made);
    if (!one_in(m, 3))
        made = tt_add(g, made, input(m, TT_TYPE(TT_F32, out)));
    if (residual)
        made = tt_add(g, made, *y);
    if (one_in(m, 4)) {
        made = one_in(m, 3) ? tt_softmax(g, tt_scale(g, made, 0.125), x.rank - 1)
                            : normalised(m, made);
        *smooth = true;
    } else {
        made = *smooth ? tt_unary(g, TT_OP_TANH, tt_scale(g, made, 0.125)) : tt_relu(g, made);
    }
    if (one_in(m, 5))
        read_otherwise(m, made);
    *y = made;
    return true;
}

static void add_pool(making *m, tt_value *y)
{
    tt_type x = type_of(m, *y);
    unsigned axes = x.rank - 2u;
    windows how;
    int64_t size[AXES_MAX];
    memcpy(size, x.size + 1, sizeof(size));
    random_windows(m, axes, size, true, &how);
    if (one_in(m, 2))
        for (unsigned i = 0; i < axes; i++) {
            how.window[i] = how.list[0][i] = size[i] > 1 ? 2 : 1;
            how.list[1][i] = 1;
            how.list[3][i] = how.list[4][i] = 0;
        }
    if (memcmp(size, x.size + 1, axes * sizeof(size[0])) == 0)
        *y = pool_of(m, *y, &how, one_in(m, 8));
    if (one_in(m, 8))
        read_otherwise(m, *y);
}

static void make_network(making *m)
{
    tt_graph *g = m->graph;
    unsigned axes = one_in(m, 2) ? 2 : 1 + (unsigned)below(m, AXES_MAX);
    tt_type type = {.element = TT_F32, .rank = (uint8_t)(axes + 2)};
    bool smooth = false;
    type.size[0] = one_in(m, 4) ? random_batch(m) : 16 * (1 + below(m, 3));
    for (unsigned i = 0; i < axes; i++)
        type.size[1 + i] = axes == 1   ? 4 + below(m, 30)
                           : axes == 2 ? 3 + below(m, 9)
                                       : 2 + below(m, 3);
    type.size[axes + 1] = 1 + below(m, 5);
    tt_value y = operand(m, type);
    for (unsigned layers = 1 + (unsigned)below(m, 3), tries = 0; layers > 0 && tries < 40;
         tries++) {
        if (!add_layer(m, &y, &smooth))
            continue;
        layers--;
        if (!smooth && one_in(m, 2))
            add_pool(m, &y);
    }
    type = type_of(m, y);
    int64_t classes = 2 + below(m, 9), each = tt_type_count(&type) / type.size[0];
    y = tt_reshape(g, y, 2, (int64_t[]){type.size[0], each});
    y = tt_add(g, tt_matmul(g, y, input(m, TT_TYPE(TT_F32, each, classes))),
               input(m, TT_TYPE(TT_F32, classes)));
    tt_value labels = input(m, TT_TYPE(TT_BOOL, type.size[0], classes));
    y = tt_scale(g, y, 1.0 / 64);
    tt_value right = tt_select(g, labels, y, tt_number(g, TT_F32, 0));
    tt_value all = tt_reduce(g, TT_OP_LOG_SUM_EXP, y, 1, (int64_t[]){1});
    tt_value loss = tt_subtract(g, tt_sum_all(g, all), tt_sum_all(g, right)), gradient[WRT_MAX];
    result(m, loss);
    if (tt_graph_status(g) != TT_OK)
        return;
    unsigned count = m->wrt_count;
    REQUIRE(tt_graph_gradient(g, loss, count, m->wrt, gradient) == TT_OK);
    for (unsigned i = 0; i < count; i++)
        result(m, one_in(m, 4) ? gradient[i]
                               : tt_subtract(g, m->wrt[i], tt_scale(g, gradient[i], 0.5)));
}

tt_graph *product_graph(uint64_t seed, product_kind kind, int64_t work)
{
    making m = {.graph = tt_graph_new(), .work = work};
    REQUIRE(m.graph != NULL);
    tt_random_seed(&m.random, seed);
    switch (kind) {
    case PRODUCT_CONV:
        make_conv(&m);
        break;
    case PRODUCT_MATMUL:
        make_matmul(&m);
        break;
    case PRODUCT_POOL:
        make_pool(&m);
        break;
    case PRODUCT_BLOCKS:
        make_blocks(&m);
        break;
    default:
        make_network(&m);
        break;
    }
    return m.graph;
}
