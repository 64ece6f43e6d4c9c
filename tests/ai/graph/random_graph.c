// Random graphs: each operation of the table has a way to find or make operands that it takes.

#include "tests/ai/graph/random_graph.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ai/graph/shape.h"
#include "tutti/check.h"

#define POOL_MAX 256
#define DEPTH_MAX 2 // of bodies in bodies

enum { FLOATS = 1, INTEGERS = 2, BOOLS = 4, NUMBERS = 3, ALL = 7 };

typedef struct generator {
    tt_graph *graph;
    tt_random *random;
    tt_value pool[POOL_MAX]; // what was made so far
    unsigned count, depth, results;
    bool smooth;
} generator;

static int64_t below(generator *g, int64_t limit)
{
    return (int64_t)tt_random_below(g->random, (uint64_t)limit);
}

static double uniform(generator *g, double least, double greatest)
{
    return least + (double)(tt_random_u64(g->random) >> 11) * 0x1p-53 * (greatest - least);
}

static const tt_type *type_of(const generator *g, tt_value value)
{
    return tt_graph_type(g->graph, value);
}

static tt_element element_of(const generator *g, tt_value value)
{
    return (tt_element)type_of(g, value)->element;
}

static unsigned class_of(tt_element element)
{
    return tt_element_is_float(element) ? FLOATS : element == TT_BOOL ? BOOLS : INTEGERS;
}

static tt_value number(generator *g, tt_element element, double value)
{
    return tt_number(g->graph, element, value);
}

// A constant of random elements, some of them special where the graph need not be smooth.
static tt_value constant(generator *g, tt_type type)
{
    static const double special[] = {
        0,   -0.0, 1,     -1, (double)INFINITY, -(double)INFINITY, (double)NAN, 1e300, 1e-310, 127,
        128, 255,  65504, 3e9};
    int64_t count = tt_type_count(&type);
    void *data = calloc((size_t)count + 1, tt_element_bytes((tt_element)type.element));
    TT_CHECK(data != NULL);
    for (int64_t i = 0; i < count; i++) {
        double value = class_of((tt_element)type.element) == FLOATS ? uniform(g, -1.5, 1.5)
                                                                    : (double)(below(g, 9) - 3);
        if (!g->smooth && below(g, 12) == 0)
            value = special[below(g, TT_COUNT(special))];
        tt_cell_store((tt_element)type.element, data, i,
                      tt_cell_of_number((tt_element)type.element, value));
    }
    tt_value made = tt_constant(g->graph, type, data);
    free(data);
    return made;
}

static tt_type random_type(generator *g, tt_element element)
{
    tt_type type = {.element = element, .rank = (uint8_t)below(g, 4)};
    for (unsigned i = 0; i < type.rank; i++)
        type.size[i] = !g->smooth && below(g, 30) == 0 ? 0 : 1 + below(g, 4);
    return type;
}

// Something of the classes; a constant where there is nothing.
static tt_value pick(generator *g, unsigned classes)
{
    static const tt_element elements[] = {TT_F64, TT_F32, TT_I32, TT_I64, TT_U8, TT_BOOL};
    for (unsigned tries = 0; g->count > 0 && tries < 2 * g->count; tries++) {
        // The newest more often: chains are what is simplified.
        tt_value value = g->pool[below(g, 3) == 0 ? g->count - 1 : below(g, g->count)];
        if ((class_of(element_of(g, value)) & classes) != 0)
            return value;
    }
    tt_element element = TT_F64;
    while (!g->smooth && (class_of(element) & classes) == 0)
        element = elements[below(g, TT_COUNT(elements))];
    if (g->smooth && (classes & FLOATS) == 0)
        element = classes == BOOLS ? TT_BOOL : TT_I64;
    return constant(g, random_type(g, element));
}

static bool joins(const generator *g, tt_value a, tt_value b)
{
    tt_type joined = *type_of(g, a);
    return tt_shape_join(&joined, type_of(g, b)) && tt_type_count(&joined) <= RANDOM_COUNT_MAX;
}

// Something that goes together with a.
static tt_value mate(generator *g, tt_value a)
{
    static const double neutral[] = {0, -0.0, 1};
    if (below(g, 6) == 0)
        return number(g, element_of(g, a), neutral[below(g, TT_COUNT(neutral))]);
    for (unsigned tries = 0; tries < 12 && g->count > 0; tries++) {
        tt_value value = g->pool[below(g, g->count)];
        if (element_of(g, value) == element_of(g, a) && joins(g, a, value))
            return value;
    }
    tt_type type = *type_of(g, a);
    for (unsigned i = 0; i < type.rank; i++)
        if (below(g, 3) == 0)
            type.size[i] = 1;
    return constant(g, type);
}

// Keeps smooth values near 1.
static tt_value calm(generator *g, tt_value value, double factor)
{
    return g->smooth ? tt_unary(g->graph, TT_OP_TANH, tt_scale(g->graph, value, factor)) : value;
}

// a^2 + 1: what has a logarithm and can be divided by.
static tt_value positive(generator *g, tt_value a)
{
    return tt_add(g->graph, tt_multiply(g->graph, a, a), number(g, element_of(g, a), 1));
}

static tt_value make_unary(generator *g, tt_op op)
{
    unsigned classes = op == TT_OP_NOT ? INTEGERS | BOOLS
                       : op == TT_OP_NEGATE || op == TT_OP_ABSOLUTE || op == TT_OP_SIGN ? NUMBERS
                                                                                        : FLOATS;
    tt_value a = pick(g, g->smooth ? FLOATS : classes);
    if (g->smooth && (op == TT_OP_LOG || op == TT_OP_SQRT))
        a = positive(g, a);
    return calm(g, tt_unary(g->graph, op, a), 0.5);
}

static tt_value make_binary(generator *g, tt_op op)
{
    unsigned classes = op == TT_OP_AND || op == TT_OP_OR || op == TT_OP_XOR ? INTEGERS | BOOLS
                       : op == TT_OP_SHIFT_LEFT || op == TT_OP_SHIFT_RIGHT  ? INTEGERS
                       : op == TT_OP_EQUAL                                  ? ALL
                                                                            : NUMBERS;
    tt_value a = pick(g, g->smooth ? FLOATS : classes), b = mate(g, a);
    if (g->smooth && op == TT_OP_DIVIDE)
        b = positive(g, b);
    if (g->smooth && op == TT_OP_POWER)
        a = positive(g, a);
    return calm(g, tt_binary(g->graph, op, a, b), 0.7);
}

static tt_value make_select(generator *g)
{
    tt_value a = pick(g, g->smooth ? FLOATS : ALL), b = mate(g, a), condition = pick(g, BOOLS);
    tt_type type = *type_of(g, a);
    tt_shape_join(&type, type_of(g, b));
    tt_type joined = type;
    type.element = TT_BOOL;
    if (g->smooth || !tt_shape_join(&joined, type_of(g, condition)) ||
        tt_type_count(&joined) > RANDOM_COUNT_MAX)
        condition = constant(g, type);
    return tt_select(g->graph, condition, a, b);
}

static tt_value make_convert(generator *g)
{
    if (g->smooth)
        return tt_convert(g->graph, pick(g, FLOATS), below(g, 2) == 0 ? TT_F64 : TT_F32);
    return tt_convert(g->graph, pick(g, ALL), (tt_element)below(g, TT_ELEMENT_COUNT));
}

// The factors of the count of elements, on a few axes.
static tt_value make_reshape(generator *g)
{
    tt_value a = pick(g, ALL);
    int64_t count = tt_type_count(type_of(g, a)), sizes[4] = {1, 1, 1, 1};
    unsigned rank = count == 1 ? (unsigned)below(g, 5) : 1 + (unsigned)below(g, 4);
    for (int64_t factor = 2; count > 1; factor++)
        for (; count % factor == 0; count /= factor)
            sizes[below(g, rank)] *= factor;
    if (count == 0)
        sizes[below(g, rank)] = 0;
    if (rank > 0 && below(g, 3) == 0)
        sizes[below(g, rank)] = -1;
    return tt_reshape(g->graph, a, rank, sizes);
}

static tt_value make_broadcast(generator *g)
{
    tt_value a = pick(g, ALL);
    tt_type type = *type_of(g, a);
    for (unsigned i = 0; i < type.rank; i++)
        if (type.size[i] == 1 && below(g, 2) == 0)
            type.size[i] = 1 + below(g, 3);
    if (type.rank < 5 && below(g, 2) == 0) {
        memmove(type.size + 1, type.size, type.rank * sizeof(type.size[0]));
        type.size[0] = 1 + below(g, 3);
        type.rank++;
    }
    return tt_type_count(&type) > RANDOM_COUNT_MAX
               ? a
               : tt_broadcast(g->graph, a, type.rank, type.size);
}

static tt_value make_lists(generator *g, tt_op op) // slice or pad
{
    tt_value a = pick(g, ALL);
    tt_type type = *type_of(g, a);
    int64_t x[TT_RANK_MAX], y[TT_RANK_MAX], z[TT_RANK_MAX];
    for (unsigned i = 0; i < type.rank; i++) {
        if (op == TT_OP_PAD) {
            z[i] = below(g, 2);
            x[i] = below(g, 3) - (type.size[i] > 1);
            y[i] = below(g, 3) - (type.size[i] > 1);
        } else {
            x[i] = below(g, type.size[i] + 1);
            z[i] = 1 + below(g, 3);
            y[i] = x[i] < type.size[i] ? below(g, (type.size[i] - 1 - x[i]) / z[i] + 2) : 0;
            if (g->smooth && y[i] == 0 && x[i] < type.size[i])
                y[i] = 1;
        }
    }
    return op == TT_OP_PAD ? tt_pad(g->graph, a, number(g, element_of(g, a), 1), x, y, z)
                           : tt_slice(g->graph, a, x, y, z);
}

static tt_value make_movement(generator *g, tt_op op)
{
    tt_value a = pick(g, ALL);
    tt_type type = *type_of(g, a);
    int64_t axes[TT_RANK_MAX];
    unsigned count = 0;
    if (op == TT_OP_TRANSPOSE) {
        for (unsigned i = 0; i < type.rank; i++) {
            unsigned with = (unsigned)below(g, i + 1);
            axes[i] = i;
            axes[i] = axes[with];
            axes[with] = i;
        }
        return tt_transpose(g->graph, a, axes);
    }
    for (unsigned i = 0; i < type.rank; i++)
        if (below(g, 2) == 0)
            axes[count++] = i;
    if (op == TT_OP_FLIP)
        return tt_flip(g->graph, a, count, axes);
    if (type.rank == 0)
        a = tt_reshape(g->graph, a, 1, (int64_t[]){1});
    tt_value values[] = {a, constant(g, *type_of(g, a)), a};
    return tt_concatenate(g->graph, 1 + (unsigned)below(g, 3), values, -1);
}

static tt_value make_reduction(generator *g, tt_op op)
{
    tt_value a = pick(g, g->smooth || op == TT_OP_LOG_SUM_EXP ? FLOATS : NUMBERS);
    tt_type type = *type_of(g, a);
    bool one = op == TT_OP_GREATEST_PLACE || op == TT_OP_LEAST_PLACE;
    bool ordered = one || op == TT_OP_GREATEST || op == TT_OP_LEAST;
    int64_t axes[TT_RANK_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < type.rank; i++)
        if (below(g, 2) == 0 && (!ordered || type.size[i] > 0) && !(one && count == 1))
            axes[count++] = i;
    if (one && count == 0)
        return TT_NONE;
    return calm(g, tt_reduce(g->graph, op, a, count, axes), 0.3);
}

static tt_value make_cumulative(generator *g)
{
    tt_value a = pick(g, g->smooth ? FLOATS : NUMBERS);
    unsigned rank = type_of(g, a)->rank;
    if (rank == 0)
        return TT_NONE;
    return calm(g, tt_cumulative_sum(g->graph, a, below(g, rank), below(g, 2), below(g, 2)), 0.3);
}

static tt_value make_matmul(generator *g)
{
    tt_value a = pick(g, g->smooth ? FLOATS : NUMBERS);
    tt_type type = *type_of(g, a);
    if (type.rank < 2)
        a = tt_reshape(g->graph, a, 2, (int64_t[]){1, tt_type_count(&type)});
    type = *type_of(g, a);
    tt_type other = {.element = type.element, .rank = 2};
    other.size[0] = type.size[type.rank - 1];
    other.size[1] = 1 + below(g, 3);
    tt_value b = constant(g, other);
    int64_t order[] = {1, 0};
    if (type.rank == 2 && below(g, 2) == 0)
        b = tt_transpose(g->graph, a, order);
    return calm(g, tt_matmul(g->graph, a, b), 0.2);
}

static tt_value make_windows(generator *g, tt_op op)
{
    tt_value x = pick(g, g->smooth ? FLOATS : NUMBERS);
    tt_type type = *type_of(g, x);
    if (type.rank < 3)
        x = tt_reshape(g->graph, x, 3, (int64_t[]){1, tt_type_count(&type), 1});
    type = *type_of(g, x);
    int64_t window[TT_RANK_MAX], list[5][TT_RANK_MAX], groups = 1;
    if (type.rank > 5)
        return TT_NONE;
    for (unsigned i = 0; i + 2 < type.rank; i++) {
        window[i] = 1 + below(g, 2);
        for (int k = 0; k < 5; k++)
            list[k][i] = k < 3 ? 1 + below(g, 2) : below(g, 3) - 1;
    }
    tt_windows windows = {list[0], list[1], op == TT_OP_POOL_GREATEST ? NULL : list[2], list[3],
                          list[4]};
    if (op == TT_OP_POOL_SUM)
        return calm(g, tt_pool_sum(g->graph, x, window, &windows), 0.3);
    if (op == TT_OP_POOL_GREATEST)
        return tt_pool_greatest(g->graph, x, window, &windows);
    tt_type weights = {.element = type.element, .rank = type.rank};
    int64_t channels = type.size[type.rank - 1];
    if (channels > 1 && below(g, 2) == 0)
        groups = channels;
    weights.size[0] = groups * (1 + below(g, 2));
    memcpy(weights.size + 1, window, (type.rank - 2) * sizeof(window[0]));
    weights.size[type.rank - 1] = channels / groups;
    return calm(g, tt_conv(g->graph, x, constant(g, weights), &windows, groups), 0.2);
}

// Indices below `size`, from any integers or fixed.
static tt_value indices(generator *g, int64_t size)
{
    tt_element element = below(g, 2) == 0 ? TT_I32 : TT_I64;
    tt_value any = g->smooth ? constant(g, random_type(g, TT_I64)) : pick(g, INTEGERS);
    if (type_of(g, any)->rank > 2 || tt_type_count(type_of(g, any)) > 12)
        any = constant(g, TT_TYPE(TT_U32, 1 + below(g, 4)));
    tt_value place = tt_binary(g->graph, TT_OP_REMAINDER, tt_convert(g->graph, any, TT_U32),
                               number(g, TT_U32, (double)size));
    return tt_convert(g->graph, place, element);
}

static tt_value make_indexed(generator *g, tt_op op)
{
    tt_value a = pick(g, g->smooth ? FLOATS : ALL);
    tt_type type = *type_of(g, a);
    int64_t axis = type.rank > 0 ? below(g, type.rank) : 0;
    if (type.rank == 0 || type.rank > 4 || type.size[axis] == 0)
        return TT_NONE;
    tt_value places = indices(g, type.size[axis]);
    if (tt_type_count(&type) / type.size[axis] * tt_type_count(type_of(g, places)) >
        RANDOM_COUNT_MAX)
        return TT_NONE;
    tt_value slices = tt_gather(g->graph, a, places, axis);
    if (op == TT_OP_GATHER || tt_is_none(slices))
        return slices;
    tt_value updates = constant(g, *type_of(g, slices));
    if (type.element != TT_BOOL && below(g, 2) == 0)
        updates = tt_subtract(g->graph, updates, slices);
    int64_t kinds = type.element == TT_BOOL ? 1 : g->smooth ? 2 : 5;
    return tt_scatter(g->graph, a, places, updates, axis, (tt_scatter_kind)below(g, kinds));
}

static tt_value make_requantise(generator *g)
{
    tt_value a = tt_convert(g->graph, pick(g, NUMBERS), TT_I32);
    if (type_of(g, a)->rank == 0)
        return TT_NONE;
    tt_value multiplier = number(g, TT_I32, 0x1p30 + (double)below(g, 1 << 30));
    multiplier = tt_reshape(g->graph, multiplier, 1, (int64_t[]){1});
    tt_value shift = constant(g, TT_TYPE(TT_I32, 1));
    int64_t zero = below(g, 256) - 128;
    return tt_requantise(g->graph, a, multiplier, shift, zero, -128, below(g, 2) ? 127 : 0);
}

static void result(generator *g, tt_value value)
{
    char name[32];
    snprintf(name, sizeof(name), "result \\ %u\"\n", g->results++);
    tt_graph_result(g->graph, name, value);
}

static tt_value make_host(generator *g, tt_op op)
{
    tt_value a = pick(g, ALL), boxes[4];
    tt_type type = *type_of(g, a);
    int64_t axis = type.rank > 0 ? below(g, type.rank) : 0, count = tt_type_count(&type);
    switch (op) {
    case TT_OP_SORT:
    case TT_OP_TOP:
        if (type.rank == 0)
            return TT_NONE;
        return tt_apply(g->graph, op, 1, &a, op == TT_OP_TOP ? 3 : 2,
                        (int64_t[]){axis, below(g, 2), below(g, type.size[axis] + 1)});
    case TT_OP_NONZERO:
        if (g->depth == 0)
            result(g, tt_apply(g->graph, op, 1, &a, 0, NULL));
        return TT_NONE;
    case TT_OP_UNIQUE:
        a = tt_reshape(g->graph, a, 1, &count);
        if (g->depth > 0)
            return TT_NONE;
        a = tt_apply(g->graph, op, 1, &a, 1, (int64_t[]){below(g, 2)});
        result(g, a);
        result(g, tt_output(a, 3));
        return tt_output(a, 2);
    case TT_OP_SUPPRESS:
        boxes[0] = constant(g, TT_TYPE(TT_F32, 5, 4));
        boxes[1] = constant(g, TT_TYPE(TT_F32, 5));
        boxes[2] = number(g, TT_F32, 0.5);
        boxes[3] = number(g, TT_F32, -1);
        if (g->depth == 0)
            result(g, tt_apply(g->graph, op, 4, boxes, 1, (int64_t[]){below(g, 5)}));
        return TT_NONE;
    default:
        break;
    }
    // A matrix with a strong diagonal, times something that is not 0.
    int64_t n = 1 + below(g, 3);
    tt_value x = pick(g, FLOATS), matrix[2];
    tt_type square = TT_TYPE(element_of(g, x), n, n);
    matrix[0] = calm(g, constant(g, square), 0.5);
    matrix[1] = tt_one_hot(g->graph, tt_iota(g->graph, TT_TYPE(TT_I32, n), 0), n,
                           (tt_element)square.element);
    matrix[1] = tt_scale(g->graph, matrix[1], 3);
    x = tt_add(g->graph, calm(g, tt_sum_all(g->graph, x), 0.1), number(g, element_of(g, x), 2));
    x = tt_multiply(g->graph, tt_add(g->graph, matrix[0], matrix[1]), x);
    return calm(g, tt_unary(g->graph, op, x), 0.1);
}

static void steps(generator *g, unsigned count);

// What stands for a result of `type`: something other than what was given, if there is any.
static tt_value of_type(generator *g, const tt_type *type, tt_value otherwise)
{
    for (unsigned i = g->count; i > 0; i--)
        if (!tt_same(g->pool[i - 1], otherwise) && tt_type_equal(type_of(g, g->pool[i - 1]), type))
            return g->pool[i - 1];
    return otherwise;
}

// A body that has been given `inputs` like values of the graph around it.
static generator begin_body(generator *around, unsigned count, const tt_value *inputs)
{
    generator g = {.graph = tt_graph_new(),
                   .random = around->random,
                   .depth = around->depth + 1,
                   .smooth = around->smooth};
    TT_CHECK(g.graph != NULL);
    for (unsigned i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof(name), "given %u", i);
        g.pool[g.count++] = tt_input(g.graph, name, *type_of(around, inputs[i]));
    }
    return g;
}

static tt_value whole_scalar(generator *g)
{
    tt_value any = g->smooth ? number(g, TT_I64, (double)below(g, 5)) : pick(g, INTEGERS);
    if (type_of(g, any)->rank > 0)
        any = number(g, TT_I64, (double)below(g, 5));
    return tt_convert(g->graph, any, TT_I64);
}

static tt_value make_loop(generator *g)
{
    tt_value given[8], count = whole_scalar(g);
    unsigned carries = (unsigned)below(g, 3), captures = (unsigned)below(g, 3);
    given[0] = count; // the turn is as it
    for (unsigned i = 0; i < carries + captures; i++)
        given[1 + i] = pick(g, g->smooth ? FLOATS : ALL);
    if (captures == 2 && below(g, 3) == 0)
        given[carries + 2] = given[carries + 1];
    generator body = begin_body(g, 1 + carries + captures, given);
    tt_value inputs[8], go;
    memcpy(inputs, body.pool, sizeof(inputs));
    steps(&body, 1 + (unsigned)below(g, 5));
    go = tt_less(body.graph, inputs[0], number(&body, TT_I64, (double)(1 + below(g, 4))));
    if (!g->smooth)
        go = of_type(&body, &TT_SCALAR(TT_BOOL), go);
    result(&body, go);
    for (unsigned i = 0; i < carries; i++)
        result(&body, of_type(&body, type_of(&body, inputs[1 + i]), inputs[1 + i]));
    unsigned scans = (unsigned)below(g, 2) + (carries == 0);
    for (unsigned i = 0; i < scans; i++)
        result(&body, body.pool[body.count - 1 - (unsigned)below(g, body.count)]);
    return tt_loop(g->graph, count, below(g, 4), carries, given + 1, captures, given + 1 + carries,
                   body.graph);
}

static tt_value make_branch(generator *g)
{
    tt_value given[4], condition = pick(g, BOOLS);
    unsigned captures = 1 + (unsigned)below(g, 3), results = 1 + (unsigned)below(g, 2);
    if (g->smooth || type_of(g, condition)->rank > 0)
        condition = constant(g, TT_SCALAR(TT_BOOL));
    for (unsigned i = 0; i < captures; i++)
        given[i] = pick(g, g->smooth ? FLOATS : ALL);
    tt_graph *body[2];
    for (int which = 0; which < 2; which++) {
        generator b = begin_body(g, captures, given);
        tt_value inputs[4];
        memcpy(inputs, b.pool, sizeof(inputs));
        steps(&b, 1 + (unsigned)below(g, 4));
        for (unsigned i = 0; i < results; i++)
            result(&b, of_type(&b, type_of(&b, inputs[i % captures]), inputs[i % captures]));
        body[which] = b.graph;
    }
    return tt_branch(g->graph, condition, captures, given, body[0], body[1]);
}

static tt_value make_leaf(generator *g, tt_op op)
{
    tt_type type = random_type(g, g->smooth ? TT_F64 : (tt_element)below(g, TT_BOOL));
    switch (op) {
    case TT_OP_IOTA:
        return type.rank == 0 ? TT_NONE : tt_iota(g->graph, type, below(g, type.rank));
    case TT_OP_RANDOM:
        if (class_of((tt_element)type.element) == FLOATS && below(g, 2) == 0)
            return tt_random_normal(g->graph, number(g, TT_U64, 7), type);
        return tt_random_bits(g->graph, number(g, TT_U64, (double)below(g, 99)), type.rank,
                              type.size);
    default:
        type.element = g->smooth || below(g, 4) > 0 ? type.element : TT_BOOL;
        return constant(g, type);
    }
}

static bool is_smooth(tt_op op)
{
    static const tt_op rough[] = {TT_OP_STOP,        TT_OP_ABSOLUTE,      TT_OP_SIGN,
                                  TT_OP_NOT,         TT_OP_FLOOR,         TT_OP_CEIL,
                                  TT_OP_ROUND,       TT_OP_REMAINDER,     TT_OP_GREATER_OF,
                                  TT_OP_LESSER_OF,   TT_OP_AND,           TT_OP_OR,
                                  TT_OP_XOR,         TT_OP_SHIFT_LEFT,    TT_OP_SHIFT_RIGHT,
                                  TT_OP_EQUAL,       TT_OP_LESS,          TT_OP_LESS_OR_EQUAL,
                                  TT_OP_GREATEST,    TT_OP_LEAST,         TT_OP_GREATEST_PLACE,
                                  TT_OP_LEAST_PLACE, TT_OP_POOL_GREATEST, TT_OP_REQUANTISE,
                                  TT_OP_SORT,        TT_OP_TOP,           TT_OP_NONZERO,
                                  TT_OP_UNIQUE,      TT_OP_SUPPRESS,      TT_OP_RANDOM};
    for (size_t i = 0; i < TT_COUNT(rough); i++)
        if (rough[i] == op)
            return false;
    return true;
}

static tt_value make(generator *g, tt_op op)
{
    if (op < TT_OP_CONVERT)
        return make_leaf(g, op);
    if (op == TT_OP_CONVERT)
        return make_convert(g);
    if (op == TT_OP_STOP)
        return tt_stop(g->graph, pick(g, ALL));
    if (op == TT_OP_AFTER)
        return tt_value_after(g->graph, pick(g, ALL), pick(g, ALL));
    if (op < TT_OP_ADD)
        return make_unary(g, op);
    if (op < TT_OP_SELECT)
        return make_binary(g, op);
    switch (op) {
    case TT_OP_SELECT:
        return make_select(g);
    case TT_OP_RESHAPE:
        return make_reshape(g);
    case TT_OP_BROADCAST:
        return make_broadcast(g);
    case TT_OP_SLICE:
    case TT_OP_PAD:
        return make_lists(g, op);
    case TT_OP_CUMULATIVE_SUM:
        return make_cumulative(g);
    case TT_OP_MATMUL:
        return make_matmul(g);
    case TT_OP_GATHER:
    case TT_OP_SCATTER:
        return make_indexed(g, op);
    case TT_OP_REQUANTISE:
        return make_requantise(g);
    case TT_OP_LOOP:
        return g->depth < DEPTH_MAX ? make_loop(g) : TT_NONE;
    case TT_OP_BRANCH:
        return g->depth < DEPTH_MAX ? make_branch(g) : TT_NONE;
    default:
        break;
    }
    if (op < TT_OP_SUM)
        return make_movement(g, op);
    if (op < TT_OP_MATMUL)
        return make_reduction(g, op);
    return op < TT_OP_GATHER ? make_windows(g, op) : make_host(g, op);
}

// Takes a node's outputs into the pool, those that can be computed with.
static void keep(generator *g, tt_value value)
{
    unsigned outputs = tt_graph_node(g->graph, value.node)->output_count;
    for (unsigned i = value.output; i < outputs && g->count < POOL_MAX; i++) {
        tt_value output = {value.node, (uint16_t)i};
        const tt_type *type = type_of(g, output);
        bool open = false;
        for (unsigned axis = 0; axis < type->rank; axis++)
            open |= type->size[axis] < 0;
        if (!open && type->rank < 6 && tt_type_count(type) <= RANDOM_COUNT_MAX)
            g->pool[g->count++] = output;
    }
}

static void steps(generator *g, unsigned count)
{
    tt_op op = TT_OP_COUNT;
    while (count > 0 && tt_graph_status(g->graph) == TT_OK && g->count < POOL_MAX - 1) {
        if (op == TT_OP_COUNT || below(g, 4) > 0) // else the same once more
            op = (tt_op)below(g, TT_OP_COUNT);
        if (g->smooth && !is_smooth(op))
            continue;
        tt_value value = make(g, op);
        if (!tt_is_none(value))
            keep(g, value);
        count--;
    }
}

// Says of some nodes where they come from; equal nodes come from several places.
static void origins(generator *g)
{
    static const char *const names[] = {"conv 1", "a \"name\"", "\x01\\", "caf\xc3\xa9"};
    for (unsigned i = 0; i < 6; i++) {
        const char *place = below(g, 2) == 0 ? NULL : names[below(g, TT_COUNT(names))];
        tt_graph_at(g->graph, names[below(g, TT_COUNT(names))], place);
        tt_graph_note(g->graph, (uint32_t)below(g, tt_graph_count(g->graph)));
    }
    tt_graph_at(g->graph, NULL, NULL);
}

tt_graph *random_graph(uint64_t seed, bool smooth)
{
    static const tt_element elements[] = {TT_F64, TT_F32, TT_F64, TT_I32, TT_BOOL, TT_I64, TT_U8};
    tt_random random;
    tt_random_seed(&random, seed);
    generator g = {.graph = tt_graph_new(), .random = &random, .smooth = smooth};
    TT_CHECK(g.graph != NULL);
    unsigned inputs = 2 + (unsigned)below(&g, smooth ? 2 : 5), nodes = 5 + (unsigned)below(&g, 36);
    for (unsigned i = 0; i < inputs; i++) {
        char name[32];
        tt_type type = random_type(&g, smooth ? TT_F64 : elements[i]);
        snprintf(name, sizeof(name), "x \"%u\"", i);
        g.pool[g.count++] =
            i % 2 == 0 ? tt_input(g.graph, name, type) : tt_parameter(g.graph, name, type);
    }
    tt_value parameter = g.pool[1];
    steps(&g, nodes);
    if (tt_graph_status(g.graph) == TT_OK)
        origins(&g);
    for (unsigned i = 0; i < 4; i++)
        result(&g, g.pool[g.count - 1 - (unsigned)below(&g, g.count < 12 ? g.count : 12)]);
    if (below(&g, 2) == 0)
        tt_graph_assign(g.graph, parameter, of_type(&g, type_of(&g, parameter), parameter));
    return g.graph;
}

unsigned float_inputs(const tt_graph *graph, tt_value wrt[RANDOM_INPUTS_MAX])
{
    unsigned count = 0;
    for (uint32_t i = 0; i < tt_graph_buffer_count(graph); i++) {
        const tt_buffer *buffer = tt_graph_buffer(graph, i);
        if (buffer->kind != TT_CONSTANT && tt_element_is_float((tt_element)buffer->type.element))
            wrt[count++] = buffer->value;
    }
    return count;
}

static bool is_open(const tt_type *type)
{
    for (unsigned i = 0; i < type->rank; i++)
        if (type->size[i] < 0)
            return true;
    return false;
}

tt_value total(tt_graph *graph, unsigned count, const tt_value *values)
{
    tt_value sum = tt_number(graph, TT_F64, 0);
    for (unsigned i = 0; i < count; i++) {
        const tt_type *type = tt_graph_type(graph, values[i]);
        if (tt_element_is_float((tt_element)type->element) && !is_open(type))
            sum = tt_add(graph, sum, tt_sum_all(graph, tt_convert(graph, values[i], TT_F64)));
    }
    return sum;
}
