#include "tests/ai/run/fused_graph.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tutti/check.h"
#include "tutti/random.h"

#define POOL_MAX 96

typedef struct entry {
    tt_value value;
    double size; // numbers are about as large at most
    bool exact;  // the same without rounding: may be compared, cut off and counted with
} entry;

typedef struct generator {
    tt_graph *graph;
    tt_random random;
    entry pool[POOL_MAX];
    unsigned count, inputs;
    tt_type base;      // most inputs are of it, or repeat to it
    int64_t count_max; // elements
    bool smooth;
} generator;

static int64_t below(generator *g, int64_t limit)
{
    return (int64_t)tt_random_below(&g->random, (uint64_t)limit);
}

static tt_type type_of(const generator *g, entry e)
{
    return *tt_graph_type(g->graph, e.value);
}

static bool is_float(const generator *g, entry e)
{
    return type_of(g, e).element == TT_F32;
}

static int64_t random_size(generator *g)
{
    static const int64_t sizes[] = {1, 2, 3, 5, 15, 16, 17, 33, 64, 300};
    return sizes[below(g, TT_COUNT(sizes))];
}

static tt_type random_type(generator *g, tt_element element)
{
    tt_type type = TT_SCALAR(element);
    if (g->count > 0 && below(g, 3) > 0) {
        type = g->base;
        type.element = (uint8_t)element;
        return type;
    }
    do {
        type.rank = (uint8_t)(below(g, 12) == 0 ? below(g, TT_RANK_MAX + 1) : 1 + below(g, 4));
        memset(type.size, 0, sizeof(type.size));
        for (unsigned i = 0; i < type.rank; i++)
            type.size[i] = type.rank > 4 ? 1 + below(g, 3) : random_size(g);
        if (g->count_max > 4096 && type.rank == 1)
            type.size[0] = 8192 + below(g, 3) * 8191 + below(g, 40);
        if (g->count_max > 4096 && type.rank == 2 && below(g, 2) == 0)
            type.size[below(g, 2)] = 4097 + below(g, 20);
    } while (tt_type_count(&type) > g->count_max);
    return type;
}

// The same with some axes of size 1, and perhaps some leading ones left out.
static tt_type repeated(generator *g, tt_type type)
{
    unsigned drop = below(g, 3) == 0 ? (unsigned)below(g, type.rank + 1) : 0;
    tt_type made = TT_SCALAR((tt_element)type.element);
    made.rank = (uint8_t)(type.rank - drop);
    for (unsigned i = 0; i < made.rank; i++)
        made.size[i] = below(g, 3) == 0 ? 1 : type.size[i + drop];
    return made;
}

static entry input(generator *g, tt_type type)
{
    char name[24];
    snprintf(name, sizeof(name), "x%u", g->inputs++);
    return (entry){tt_input(g->graph, name, type), 2, true};
}

static entry number(generator *g, double value)
{
    return (entry){tt_number(g->graph, TT_F32, value), fabs(value), true};
}

// One that is there already, the last ones more often; of the element type, or any.
static entry pick(generator *g, int element)
{
    for (unsigned tries = 0; tries < 30; tries++) {
        unsigned from = below(g, 2) == 0 && g->count > 6 ? g->count - 6 : 0;
        entry e = g->pool[from + (unsigned)below(g, g->count - from)];
        if (element < 0 || type_of(g, e).element == element)
            return e;
    }
    return input(g, random_type(g, (tt_element)element));
}

// Scaled by a power of 2, which rounds nothing.
static entry calm(generator *g, entry e, double size)
{
    double factor = 1;
    while (e.size * factor > size)
        factor /= 2;
    if (factor < 1)
        e = (entry){tt_scale(g->graph, e.value, factor), e.size * factor, e.exact};
    return e;
}

static bool join(const generator *g, tt_type *type, const tt_type *other)
{
    tt_type made = type->rank >= other->rank ? *type : *other;
    for (unsigned i = 0; i < made.rank; i++) {
        int64_t a = i + type->rank < made.rank ? 1 : type->size[i + type->rank - made.rank];
        int64_t b = i + other->rank < made.rank ? 1 : other->size[i + other->rank - made.rank];
        if (a != b && a != 1 && b != 1)
            return false;
        made.size[i] = a > b ? a : b;
    }
    *type = made;
    return tt_type_count(&made) <= g->count_max;
}

static entry reduced(generator *g, entry a)
{
    static const tt_op ops[] = {TT_OP_SUM, TT_OP_SUM, TT_OP_GREATEST, TT_OP_LEAST,
                                TT_OP_LOG_SUM_EXP};
    tt_op op = ops[below(g, TT_COUNT(ops))];
    tt_type type = type_of(g, a);
    int64_t axes[TT_RANK_MAX], rank = type.rank, first = 0, end = rank;
    unsigned count = 0;
    double elements = 1;
    switch (below(g, 8)) {
    case 0:
    case 1:
    case 2: // the last ones
        first = rank > 0 ? rank - 1 - below(g, rank) / 2 : 0;
        break;
    case 3: // the first ones
        end = rank > 0 ? 1 + below(g, rank) / 2 : 0;
        break;
    case 4: // one
        first = rank > 0 ? below(g, rank) : 0;
        end = rank > 0 ? first + 1 : 0;
        break;
    default: // any
        break;
    }
    int64_t mask = below(g, 6) > 0 ? 255 : below(g, 256);
    for (int64_t i = first; i < end; i++)
        if ((mask >> i & 1) != 0) {
            axes[count++] = i;
            elements *= (double)type.size[i];
        }
    bool greatest = op == TT_OP_GREATEST || op == TT_OP_LEAST;
    if (g->smooth && !a.exact && greatest)
        op = TT_OP_SUM;
    if (op == TT_OP_LOG_SUM_EXP)
        a = calm(g, a, 8);
    entry made = {tt_reduce(g->graph, op, a.value, count, axes), a.size, a.exact && greatest};
    if (op == TT_OP_SUM)
        made.size *= elements;
    if (op == TT_OP_LOG_SUM_EXP)
        made.size += 12;
    return made.exact ? made : calm(g, made, 4);
}

// Something that goes together with `a`.
static entry partner(generator *g, entry a)
{
    tt_type type = type_of(g, a), joined;
    for (unsigned tries = 0; tries < 12; tries++) {
        entry b = pick(g, (int)type.element);
        tt_type other = type_of(g, b);
        joined = type;
        if (join(g, &joined, &other))
            return b;
    }
    if (is_float(g, a) && below(g, 2) == 0)
        return reduced(g, a);
    return input(g, repeated(g, type));
}

static entry add_one(generator *g, entry a, double one)
{
    return (entry){tt_add(g->graph, tt_unary(g->graph, TT_OP_ABSOLUTE, a.value),
                          tt_number(g->graph, TT_F32, one)),
                   a.size + one, false};
}

static entry unary(generator *g)
{
    static const tt_op ops[] = {TT_OP_NEGATE, TT_OP_ABSOLUTE, TT_OP_EXP,  TT_OP_LOG,  TT_OP_SQRT,
                                TT_OP_SIN,    TT_OP_COS,      TT_OP_ATAN, TT_OP_TANH, TT_OP_ERF,
                                TT_OP_FLOOR,  TT_OP_CEIL,     TT_OP_ROUND};
    tt_op op = ops[below(g, TT_COUNT(ops))];
    entry a = pick(g, TT_F32), made;
    bool jumps = op >= TT_OP_FLOOR, same = op == TT_OP_NEGATE || op == TT_OP_ABSOLUTE;
    if ((jumps && !a.exact) || (g->smooth && op == TT_OP_ABSOLUTE && !a.exact))
        op = TT_OP_TANH;
    if (op == TT_OP_LOG || op == TT_OP_SQRT)
        a = add_one(g, a, 0.5);
    else if (!jumps && !same)
        a = calm(g, a, 2);
    made = (entry){tt_unary(g->graph, op, a.value), a.size, a.exact && (jumps || same)};
    made.size = op == TT_OP_EXP ? 8 : jumps || same ? a.size + jumps : a.size < 2 ? 2 : a.size;
    return made;
}

static entry binary(generator *g)
{
    static const tt_op ops[] = {TT_OP_ADD,    TT_OP_SUBTRACT,   TT_OP_MULTIPLY,
                                TT_OP_DIVIDE, TT_OP_GREATER_OF, TT_OP_LESSER_OF};
    tt_op op = ops[below(g, TT_COUNT(ops))];
    entry a = pick(g, TT_F32), b = partner(g, a);
    bool picks = op >= TT_OP_GREATER_OF;
    if (g->smooth && picks && !(a.exact && b.exact))
        op = TT_OP_MULTIPLY, picks = false;
    a = picks ? a : calm(g, a, 4);
    b = picks ? b : calm(g, b, 4);
    if (op == TT_OP_DIVIDE)
        b = add_one(g, b, 1);
    entry made = {op != TT_OP_DIVIDE && below(g, 2) == 0
                      ? tt_binary(g->graph, op, b.value, a.value)
                      : tt_binary(g->graph, op, a.value, b.value),
                  a.size + b.size, picks && a.exact && b.exact};
    if (op == TT_OP_MULTIPLY)
        made.size = a.size * b.size;
    return made.exact ? made : calm(g, made, 8);
}

static entry whole(generator *g)
{
    static const tt_op ops[] = {TT_OP_ADD, TT_OP_SUBTRACT, TT_OP_MULTIPLY, TT_OP_AND,
                                TT_OP_OR,  TT_OP_XOR,      TT_OP_NOT};
    tt_element element = below(g, 3) == 0 ? TT_BOOL : TT_I32;
    tt_op op = ops[element == TT_BOOL ? 3 + below(g, 4) : below(g, 7)];
    entry a = pick(g, (int)element), b = partner(g, a);
    double size = element == TT_I32 ? 0x1p31 : 1;
    return (entry){op == TT_OP_NOT ? tt_unary(g->graph, op, a.value)
                                   : tt_binary(g->graph, op, a.value, b.value),
                   size, true};
}

static entry converted(generator *g)
{
    static const tt_element to[] = {TT_F32, TT_F32, TT_I32, TT_BOOL, TT_U8, TT_I8};
    entry a = pick(g, -1);
    tt_element element = to[below(g, TT_COUNT(to))];
    if (is_float(g, a) && element != TT_F32) {
        while (!a.exact)
            a = input(g, repeated(g, type_of(g, a)));
        a.value = tt_scale(g->graph, a.value, 16);
        a.size *= 16;
    }
    entry made = {tt_convert(g->graph, a.value, element), a.size, a.exact};
    if (element == TT_F32 && a.size > 0x1p23) { // which is rounded
        made.exact = false;
        made = calm(g, made, 4);
    } else if (element != TT_F32) {
        made.size = element == TT_BOOL ? 1 : element == TT_I32 ? 0x1p31 : 256;
    }
    return made;
}

// What may be compared, of an element type that has an order.
static entry comparable(generator *g)
{
    entry a = pick(g, below(g, 4) == 0 ? TT_U8 : below(g, 3) == 0 ? TT_I32 : TT_F32);
    return a.exact ? a : input(g, repeated(g, type_of(g, a)));
}

static entry condition(generator *g, entry with)
{
    tt_type type = type_of(g, with), joined;
    for (unsigned tries = 0; tries < 12; tries++) {
        entry a = comparable(g), b = partner(g, a);
        if (!b.exact)
            continue;
        tt_type one = type_of(g, a), other = type_of(g, b);
        joined = type;
        if (join(g, &one, &other) && join(g, &joined, &one))
            return (entry){tt_binary(g->graph, TT_OP_EQUAL + (tt_op)below(g, 3), a.value, b.value),
                           1, true};
    }
    type.element = TT_BOOL;
    return input(g, repeated(g, type));
}

static entry chosen(generator *g)
{
    entry a = pick(g, -1), b = partner(g, a), c;
    tt_type type = type_of(g, a), other = type_of(g, b);
    bool fits = join(g, &type, &other);
    c = condition(g, fits ? (type_of(g, b).rank > type_of(g, a).rank ? b : a) : a);
    tt_type one = type_of(g, c);
    if (!fits || !join(g, &type, &one))
        return c;
    return (entry){tt_select(g->graph, c.value, a.value, b.value), fmax(a.size, b.size),
                   a.exact && b.exact};
}

static entry leaf(generator *g)
{
    static const tt_element elements[] = {TT_F32, TT_F32, TT_F32, TT_I32, TT_U8, TT_I8, TT_BOOL};
    tt_type type = below(g, 2) == 0 ? type_of(g, pick(g, -1)) : random_type(g, TT_F32);
    type.element = (uint8_t)elements[below(g, TT_COUNT(elements))];
    if (below(g, 3) == 0 && type.rank > 0) {
        type.element = below(g, 2) == 0 ? TT_F32 : TT_I32;
        int64_t axis = below(g, type.rank);
        return (entry){tt_iota(g->graph, type, axis), (double)type.size[axis], true};
    }
    if (below(g, 4) == 0)
        return number(g, (double)below(g, 9) / 4 - 1);
    return input(g, below(g, 3) == 0 ? repeated(g, type) : type);
}

static entry sliced(generator *g, entry a)
{
    tt_type type = type_of(g, a);
    int64_t first[TT_RANK_MAX] = {0}, sizes[TT_RANK_MAX] = {0}, steps[TT_RANK_MAX] = {0};
    for (unsigned i = 0; i < type.rank; i++) {
        steps[i] = 1 + below(g, 3);
        first[i] = below(g, 2) == 0 ? 0 : below(g, type.size[i]);
        int64_t most = (type.size[i] - first[i] + steps[i] - 1) / steps[i];
        sizes[i] = below(g, 2) == 0 ? most : 1 + below(g, most);
        if (below(g, 3) == 0) {
            first[i] = 0;
            steps[i] = 1;
            sizes[i] = type.size[i];
        }
    }
    a.value = tt_slice(g->graph, a.value, first, sizes, steps);
    return a;
}

static entry reshaped(generator *g, entry a)
{
    tt_type type = type_of(g, a);
    int64_t sizes[TT_RANK_MAX], count = tt_type_count(&type);
    unsigned rank = 0, kind = (unsigned)below(g, 4);
    for (unsigned i = 0; i < type.rank && kind > 0; i++) {
        bool joins = rank > 0 && kind == 2 && below(g, 2) == 0;
        if (kind == 1 && below(g, 3) == 0 && type.rank + rank - i < TT_RANK_MAX)
            sizes[rank++] = 1;
        if (joins)
            sizes[rank - 1] *= type.size[i];
        else if (kind != 3 || type.size[i] > 1)
            sizes[rank++] = type.size[i];
    }
    if (kind == 0) {
        sizes[0] = count % 4 == 0 && below(g, 2) == 0 ? 4 : 1;
        sizes[1] = count / sizes[0];
        rank = 2;
    }
    a.value = tt_reshape(g->graph, a.value, rank, sizes);
    return a;
}

static entry moved(generator *g)
{
    entry a = pick(g, -1);
    tt_type type = type_of(g, a), wide = type;
    int64_t order[TT_RANK_MAX];
    unsigned count = 0;
    switch (below(g, 6)) {
    case 0:
        return sliced(g, a);
    case 1:
        for (unsigned i = 0; i < type.rank; i++) {
            unsigned at = (unsigned)below(g, i + 1);
            order[i] = order[at];
            order[at] = i;
        }
        a.value = tt_transpose(g->graph, a.value, order);
        return a;
    case 2:
        for (unsigned i = 0; i < type.rank; i++)
            if (below(g, 2) == 0)
                order[count++] = i;
        a.value = tt_flip(g->graph, a.value, count, order);
        return a;
    case 3:
        if (below(g, 3) == 0 && type.rank < TT_RANK_MAX) {
            memmove(wide.size + 1, type.size, type.rank * sizeof(wide.size[0]));
            wide.size[0] = random_size(g);
            wide.rank++;
        }
        for (unsigned i = 0; i < wide.rank; i++)
            if (wide.size[i] == 1)
                wide.size[i] = random_size(g);
        if (tt_type_count(&wide) <= g->count_max)
            a.value = tt_broadcast(g->graph, a.value, wide.rank, wide.size);
        return a;
    case 4:
        return reshaped(g, a);
    default:
        a.value = below(g, 2) == 0 ? tt_stop(g->graph, a.value)
                                   : tt_value_after(g->graph, a.value, pick(g, -1).value);
        return a;
    }
}

static entry multiplied(generator *g)
{
    entry a = pick(g, TT_F32);
    tt_type type = type_of(g, a);
    if (type.rank < 2 || type.rank > 4)
        return reduced(g, a);
    int64_t k = type.size[type.rank - 1];
    entry b = input(g, TT_TYPE(TT_F32, k, 1 + below(g, 20)));
    a = calm(g, a, 2);
    entry made = {tt_matmul(g->graph, a.value, b.value), a.size * 2 * (double)k, false};
    return calm(g, made, 4);
}

// A value with what it is reduced to: as in a softmax or a norm.
static entry against(generator *g)
{
    entry a = pick(g, TT_F32), b = reduced(g, a);
    if (below(g, 3) == 0)
        a = pick(g, TT_F32);
    tt_type type = type_of(g, a), other = type_of(g, b);
    if (!join(g, &type, &other))
        return b;
    a = calm(g, a, 4);
    b = calm(g, b, 4);
    tt_op op = below(g, 2) == 0 ? TT_OP_SUBTRACT : TT_OP_MULTIPLY;
    return calm(g, (entry){tt_binary(g->graph, op, a.value, b.value), 16, false}, 8);
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
    case 6:
        return against(g);
    case 7:
    case 8:
        return reduced(g, pick(g, TT_F32));
    case 9:
        return whole(g);
    case 10:
        return converted(g);
    case 11:
        return chosen(g);
    case 12:
        return leaf(g);
    case 13:
        return below(g, 4) == 0 ? multiplied(g) : moved(g);
    default:
        return moved(g);
    }
}

static void result(generator *g, unsigned index, tt_value value)
{
    char name[24];
    snprintf(name, sizeof(name), "y%u", index);
    tt_graph_result(g->graph, name, value);
}

static void gradients(generator *g, unsigned *results)
{
    tt_value loss = TT_NONE, wrt[3], made[3];
    unsigned count = 0;
    for (unsigned i = g->count; i > 0; i--)
        if (is_float(g, g->pool[i - 1]) && (tt_is_none(loss) || below(g, 4) == 0)) {
            entry e = calm(g, g->pool[i - 1], 1);
            tt_value mean = tt_mean_all(g->graph, tt_multiply(g->graph, e.value, e.value));
            loss = tt_is_none(loss) ? mean : tt_add(g->graph, loss, mean);
        }
    for (unsigned i = 0; i < g->count && count < 3; i++)
        if (is_float(g, g->pool[i]) && below(g, 2) == 0)
            wrt[count++] = g->pool[i].value;
    if (tt_is_none(loss) || count == 0 ||
        tt_graph_gradient(g->graph, loss, count, wrt, made) != TT_OK)
        return;
    for (unsigned i = 0; i < count; i++)
        result(g, (*results)++, made[i]);
}

tt_graph *fused_graph(uint64_t seed, unsigned kind)
{
    generator g = {.graph = tt_graph_new(),
                   .smooth = (kind & FUSED_SMOOTH) != 0,
                   .count_max = (kind & FUSED_LARGE) != 0 ? 40000 : 3000};
    unsigned results = 0;
    tt_random_seed(&g.random, seed);
    g.base = random_type(&g, TT_F32);
    g.pool[g.count++] = input(&g, g.base);
    g.pool[g.count++] = input(&g, repeated(&g, g.base));
    unsigned nodes = 3 + (unsigned)below(&g, (kind & FUSED_SHORT) != 0 ? 14 : 60);
    for (unsigned i = 0; i < nodes && tt_graph_status(g.graph) == TT_OK; i++)
        g.pool[g.count++] = step(&g);
    for (unsigned i = 0; i < 3; i++)
        result(&g, results++, pick(&g, -1).value);
    result(&g, results++, g.pool[g.count - 1].value);
    if (g.smooth && tt_graph_status(g.graph) == TT_OK)
        gradients(&g, &results);
    return g.graph;
}
