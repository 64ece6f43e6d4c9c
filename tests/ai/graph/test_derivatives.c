// Every row's first and second derivative against finite differences in f64.
//
// The test walks the table: a row that has a derivative, or says that it is flat, and has no case
// here fails. Each case is built from several seeds: shapes, attributes and numbers are random.
//
//     test_derivatives [SEEDS [ROW]]

#include "ai/graph/row.h"
#include "tests/ai/graph/subject.h"

#define SEEDS 12

typedef tt_value builder(subject *s, tt_op op); // gives the loss

static tt_value smooth_unary(subject *s, tt_op op)
{
    return weighted(s, tt_unary(s->graph, op, reals(s, random_type(s, 0, 3, 1, 3), -1.2, 1.2)));
}

static tt_value positive_unary(subject *s, tt_op op)
{
    return weighted(s, tt_unary(s->graph, op, reals(s, random_type(s, 0, 3, 1, 3), 0.5, 2)));
}

static tt_value apart_unary(subject *s, tt_op op)
{
    tt_value x = apart(s, random_type(s, 0, 3, 1, 4), false);
    return weighted(s, tt_add(s->graph, tt_unary(s->graph, op, x), x));
}

static tt_value smooth_binary(subject *s, tt_op op)
{
    tt_type type = random_type(s, 0, 4, 1, 3);
    tt_value a = reals(s, narrowed(s, type), -1.5, 1.5), b = reals(s, narrowed(s, type), 0.5, 2);
    return weighted(s, tt_binary(s->graph, op, a, b));
}

// a / b lies between 3 and 4, so that the remainder does not jump.
static tt_value remainder_case(subject *s, tt_op op)
{
    tt_type type = random_type(s, 0, 3, 1, 3);
    tt_value a = reals(s, narrowed(s, type), 3.4, 3.9), b = reals(s, narrowed(s, type), 1, 1.1);
    return weighted(s, tt_binary(s->graph, op, below(s, 2) == 0 ? a : tt_negate(s->graph, a), b));
}

static tt_value power_case(subject *s, tt_op op)
{
    tt_graph *g = s->graph;
    tt_type type = random_type(s, 0, 3, 1, 3);
    tt_value a = reals(s, narrowed(s, type), 0.5, 2), b = reals(s, narrowed(s, type), -2, 2);
    tt_value any = apart(s, type, false); // also negative, to a whole power
    tt_value whole = tt_binary(g, op, any, tt_number(g, TT_F64, (double)between(s, 0, 3)));
    return tt_add(g, weighted(s, tt_binary(g, op, a, b)), weighted(s, whole));
}

static tt_value apart_binary(subject *s, tt_op op)
{
    tt_type type = random_type(s, 0, 4, 1, 3);
    tt_value a = apart(s, narrowed(s, type), false), b = apart(s, narrowed(s, type), true);
    return weighted(s, tt_binary(s->graph, op, a, b));
}

static tt_value select_case(subject *s, tt_op op)
{
    tt_type type = random_type(s, 0, 4, 1, 3), condition = narrowed(s, type);
    (void)op;
    condition.element = TT_BOOL;
    tt_value a = reals(s, narrowed(s, type), -1, 1), b = reals(s, narrowed(s, type), -1, 1);
    return weighted(s, tt_select(s->graph, wholes(s, condition, 2), a, b));
}

// Between floating types gradients come back; through an integer they do not.
static tt_value convert_case(subject *s, tt_op op)
{
    static const tt_element elements[] = {TT_F32, TT_BF16, TT_F16};
    tt_graph *g = s->graph;
    tt_value x = apart(s, random_type(s, 0, 2, 1, 3), false);
    tt_value narrow = tt_unary(g, TT_OP_TANH, tt_convert(g, x, elements[below(s, 3)]));
    tt_value whole = tt_convert(g, tt_convert(g, x, TT_I32), TT_F64);
    (void)op;
    return tt_add(g, weighted(s, narrow), weighted(s, tt_multiply(g, whole, x)));
}

// What flows through goes to the first; the second is only waited for.
static tt_value after_case(subject *s, tt_op op)
{
    tt_graph *g = s->graph;
    tt_value a = reals(s, random_type(s, 0, 3, 1, 3), -1, 1);
    tt_value b = reals(s, random_type(s, 0, 3, 1, 3), -1, 1);
    tt_value y = tt_unary(g, TT_OP_SIN, tt_binary(g, op, a, b));
    return tt_add(g, weighted(s, y), weighted(s, tt_value_after(g, b, y)));
}

static tt_value reshape_case(subject *s, tt_op op)
{
    tt_type type = random_type(s, 1, 4, 1, 3);
    int64_t sizes[TT_RANK_MAX];
    (void)op;
    for (unsigned i = 0; i < type.rank; i++)
        sizes[i] = type.size[type.rank - 1 - i];
    sizes[below(s, type.rank)] = -1;
    return weighted(s, tt_reshape(s->graph, reals(s, type, -1, 1), type.rank, sizes));
}

static tt_value transpose_case(subject *s, tt_op op)
{
    tt_type type = random_type(s, 0, 4, 1, 3);
    int64_t order[TT_RANK_MAX];
    (void)op;
    for (unsigned i = 0; i < type.rank; i++) {
        unsigned with = (unsigned)below(s, i + 1);
        order[i] = i;
        order[i] = order[with];
        order[with] = i;
    }
    return weighted(s, tt_transpose(s->graph, reals(s, type, -1, 1), order));
}

static tt_value broadcast_case(subject *s, tt_op op)
{
    tt_type type = random_type(s, 0, 4, 1, 3);
    (void)op;
    return weighted(
        s, tt_broadcast(s->graph, reals(s, narrowed(s, type), -1, 1), type.rank, type.size));
}

static tt_value slice_case(subject *s, tt_op op)
{
    tt_type type = random_type(s, 1, 3, 1, 6);
    int64_t first[TT_RANK_MAX], sizes[TT_RANK_MAX], steps[TT_RANK_MAX];
    (void)op;
    for (unsigned i = 0; i < type.rank; i++) {
        first[i] = below(s, type.size[i]);
        steps[i] = between(s, 1, 3);
        sizes[i] =
            below(s, 9) == 0 ? 0 : 1 + below(s, (type.size[i] - 1 - first[i]) / steps[i] + 1);
    }
    return weighted(s, tt_slice(s->graph, reals(s, type, -1, 1), first, sizes, steps));
}

static tt_value pad_case(subject *s, tt_op op)
{
    tt_type type = random_type(s, 0, 3, 2, 4);
    int64_t before[TT_RANK_MAX], after[TT_RANK_MAX], middle[TT_RANK_MAX];
    (void)op;
    for (unsigned i = 0; i < type.rank; i++) {
        before[i] = between(s, -1, 2);
        after[i] = between(s, -1, 2);
        middle[i] = between(s, 0, 2);
        if (below(s, 9) == 0) { // all is taken away
            before[i] = 3 * type.size[i];
            after[i] = -before[i];
        }
    }
    tt_value a = reals(s, type, -1, 1), fill = reals(s, TT_SCALAR(TT_F64), -1, 1);
    return weighted(s, tt_pad(s->graph, a, fill, before, after, middle));
}

// Some axes, rising, perhaps none.
static unsigned random_axes(subject *s, unsigned rank, int64_t axes[TT_RANK_MAX])
{
    unsigned count = 0;
    for (unsigned i = 0; i < rank; i++)
        if (below(s, 2) == 0)
            axes[count++] = i;
    return count;
}

static tt_value flip_case(subject *s, tt_op op)
{
    tt_type type = random_type(s, 1, 3, 1, 3);
    int64_t axes[TT_RANK_MAX];
    unsigned count = random_axes(s, type.rank, axes);
    (void)op;
    return weighted(s, tt_flip(s->graph, reals(s, type, -1, 1), count, axes));
}

static tt_value concatenate_case(subject *s, tt_op op)
{
    tt_type type = random_type(s, 1, 3, 1, 3);
    unsigned axis = (unsigned)below(s, type.rank), count = (unsigned)between(s, 1, 3);
    tt_value values[4];
    (void)op;
    for (unsigned i = 0; i < count; i++) {
        type.size[axis] = between(s, 0, 3);
        values[i] = reals(s, type, -1, 1);
    }
    values[count] = values[0]; // twice
    return weighted(s, tt_concatenate(s->graph, count + 1, values, (int64_t)axis - type.rank));
}

static tt_value reduce_smooth(subject *s, tt_op op)
{
    tt_type type = random_type(s, 0, 4, 1, 3);
    int64_t axes[TT_RANK_MAX];
    unsigned count = random_axes(s, type.rank, axes);
    return weighted(s, tt_reduce(s->graph, op, reals(s, type, -1.5, 1.5), count, axes));
}

static tt_value reduce_apart(subject *s, tt_op op)
{
    tt_type type = random_type(s, 0, 4, 1, 3);
    int64_t axes[TT_RANK_MAX];
    unsigned count = random_axes(s, type.rank, axes);
    return weighted(s, tt_reduce(s->graph, op, apart(s, type, false), count, axes));
}

// A product's derivative must not divide: up to two factors are 0.
static tt_value product_case(subject *s, tt_op op)
{
    tt_type type = random_type(s, 1, 3, 1, 5);
    int64_t axes[TT_RANK_MAX];
    unsigned count = random_axes(s, type.rank, axes), zeros = (unsigned)below(s, 3);
    tt_value x = reals(s, type, -1.5, 1.5);
    for (unsigned i = 0; i < zeros; i++)
        ((double *)s->bytes[0])[below(s, tt_type_count(&type))] = 0;
    return weighted(s, tt_reduce(s->graph, op, x, count, axes));
}

static tt_value cumulative_case(subject *s, tt_op op)
{
    tt_type type = random_type(s, 1, 3, 1, 4);
    (void)op;
    return weighted(s, tt_cumulative_sum(s->graph, reals(s, type, -1, 1), below(s, type.rank),
                                         below(s, 2), below(s, 2)));
}

static tt_value matmul_case(subject *s, tt_op op)
{
    tt_type batch = random_type(s, 0, 2, 1, 2), a = narrowed(s, batch), b = narrowed(s, batch);
    int64_t m = between(s, 1, 3), k = between(s, 1, 3), n = between(s, 1, 3);
    (void)op;
    a.size[a.rank++] = m;
    a.size[a.rank++] = k;
    b.size[b.rank++] = k;
    b.size[b.rank++] = n;
    return weighted(s, tt_matmul(s->graph, reals(s, a, -1, 1), reals(s, b, -1, 1)));
}

// Windows over up to three axes, in any way that a row takes.
typedef struct random_windows {
    unsigned axes;
    int64_t window[3], stride[3], dilation[3], spread[3], before[3], after[3];
    tt_windows lists;
} random_windows;

static void choose_windows(subject *s, random_windows *w)
{
    w->axes = (unsigned)between(s, 1, 3);
    for (unsigned i = 0; i < w->axes; i++) {
        w->window[i] = between(s, 1, 3);
        w->stride[i] = between(s, 1, 3);
        w->dilation[i] = between(s, 1, 2);
        w->spread[i] = between(s, 1, 2);
        w->before[i] = between(s, -1, 3);
        w->after[i] = between(s, -1, 3);
    }
    w->lists = (tt_windows){w->stride, w->dilation, w->spread, w->before, w->after};
}

static tt_type image_type(subject *s, unsigned axes, int64_t size_min, int64_t channels)
{
    tt_type type = {.element = TT_F64, .rank = (uint8_t)(axes + 2), .size = {between(s, 1, 2)}};
    for (unsigned i = 1; i <= axes; i++)
        type.size[i] = between(s, size_min, axes == 1 ? 7 : size_min + 1);
    type.size[axes + 1] = channels;
    return type;
}

static tt_value conv_case(subject *s, tt_op op)
{
    random_windows w;
    choose_windows(s, &w);
    int64_t groups = between(s, 1, 3), share = between(s, 1, 2);
    tt_type x = image_type(s, w.axes, w.axes == 3 ? 2 : 3, groups * share), weights = x;
    (void)op;
    weights.size[0] = groups * between(s, 1, 2);
    for (unsigned i = 0; i < w.axes; i++)
        weights.size[i + 1] = w.window[i];
    weights.size[w.axes + 1] = share;
    tt_value images = reals(s, x, -1, 1), kernel = reals(s, weights, -1, 1);
    return weighted(s, tt_conv(s->graph, images, kernel, &w.lists, groups));
}

static tt_value pool_sum_case(subject *s, tt_op op)
{
    random_windows w;
    choose_windows(s, &w);
    tt_type x = image_type(s, w.axes, w.axes == 3 ? 2 : 3, between(s, 1, 2));
    (void)op;
    return weighted(s, tt_pool_sum(s->graph, reals(s, x, -1, 1), w.window, &w.lists));
}

// No window sees padding alone, whose greatest is -inf.
static tt_value pool_greatest_case(subject *s, tt_op op)
{
    random_windows w;
    choose_windows(s, &w);
    w.lists.spread = NULL;
    for (unsigned i = 0; i < w.axes; i++) {
        int64_t reach = (w.window[i] - 1) * w.dilation[i];
        w.before[i] = between(s, -1, reach);
        w.after[i] = between(s, -1, reach);
    }
    tt_type x = image_type(s, w.axes, 4, 1);
    (void)op;
    x.size[0] = w.axes > 1 ? 1 : x.size[0];
    x.size[w.axes + 1] = w.axes == 3 ? 1 : between(s, 1, 2);
    return weighted_all(s, tt_pool_greatest(s->graph, apart(s, x, false), w.window, &w.lists));
}

static tt_type random_indices(subject *s)
{
    tt_type type = random_type(s, 0, 2, 1, 3);
    type.element = below(s, 2) == 0 ? TT_I32 : TT_I64;
    return type;
}

static tt_value gather_case(subject *s, tt_op op)
{
    tt_type type = random_type(s, 1, 3, 1, 4), indices = random_indices(s);
    int64_t axis = below(s, type.rank);
    (void)op;
    tt_value a = reals(s, type, -1, 1);
    return weighted(s, tt_gather(s->graph, a, wholes(s, indices, type.size[axis]), axis));
}

static tt_value scatter_case(subject *s, tt_op op)
{
    static const tt_scatter_kind kinds[] = {TT_SCATTER_PUT, TT_SCATTER_ADD, TT_SCATTER_GREATER,
                                            TT_SCATTER_LESSER};
    tt_type type = random_type(s, 1, 3, 1, 4), indices = random_indices(s);
    int64_t axis = below(s, type.rank);
    tt_scatter_kind kind = kinds[below(s, 4)];
    (void)op;
    tt_value a = apart(s, type, false), places = wholes(s, indices, type.size[axis]);
    tt_type updates = *tt_graph_type(s->graph, tt_gather(s->graph, a, places, axis));
    return weighted(s, tt_scatter(s->graph, a, places, apart(s, updates, true), axis, kind));
}

static tt_value sort_case(subject *s, tt_op op)
{
    tt_type type = random_type(s, 1, 3, 1, 4);
    int64_t axis = below(s, type.rank),
            words[] = {axis, below(s, 2), between(s, 0, type.size[axis])};
    tt_value x = apart(s, type, false);
    return weighted_all(s, tt_apply(s->graph, op, 1, &x, op == TT_OP_TOP ? 3 : 2, words));
}

// Far enough from those that have no inverse.
static tt_value square_case(subject *s, tt_op op)
{
    tt_type type = random_type(s, 0, 2, 1, 2);
    int64_t n = between(s, 1, 4);
    type.size[type.rank++] = n;
    type.size[type.rank++] = n;
    tt_value x = reals(s, type, -0.4, 0.4);
    double *numbers = s->bytes[0];
    for (int64_t i = 0; i < tt_type_count(&type); i++)
        numbers[i] += i / n % n == i % n ? below(s, 2) == 0 ? 2 : -2 : 0;
    return weighted(s, tt_unary(s->graph, op, x));
}

// Bodies. A turn of a loop: (turn, h, k, w, u) to (go, h, k, scan).
typedef enum body_kind { PLAIN, NESTED, BRANCHED } body_kind;

// Either tanh(h w) or h u, by the parity of k.
static tt_value branch_of(tt_graph *g, tt_value k, tt_value h, tt_value w, tt_value u)
{
    tt_graph *body[2];
    const tt_value given[] = {h, w, u};
    static const char *const names[] = {"h", "w", "u"};
    for (int which = 0; which < 2; which++) {
        tt_value in[3];
        body[which] = tt_graph_new();
        for (int i = 0; i < 3; i++)
            in[i] = tt_input(body[which], names[i], *tt_graph_type(g, given[i]));
        tt_value made =
            which == 0 ? tt_unary(body[which], TT_OP_TANH, tt_multiply(body[which], in[0], in[1]))
                       : tt_multiply(body[which], in[0], in[2]);
        tt_graph_result(body[which], "h", made);
        tt_graph_result(body[which], "h itself", // or times w, which has h's shape or less
                        which == 0 ? in[0] : tt_multiply(body[which], in[0], in[1]));
    }
    tt_value odd = tt_binary(g, TT_OP_AND, k, tt_number(g, TT_I64, 1));
    return tt_branch(g, tt_equal(g, odd, tt_number(g, TT_I64, 1)), 3, given, body[0], body[1]);
}

static tt_graph *turn_body(tt_type h_type, tt_type w_type, tt_type u_type, body_kind kind,
                           int64_t last)
{
    tt_graph *b = tt_graph_new();
    tt_value turn = tt_input(b, "turn", TT_SCALAR(TT_I64)), h = tt_input(b, "h", h_type);
    tt_value k = tt_input(b, "k", TT_SCALAR(TT_I64));
    tt_value w = tt_input(b, "w", w_type), u = tt_input(b, "u", u_type), more = h;
    if (kind == BRANCHED)
        more = branch_of(b, k, h, w, u);
    if (kind == NESTED) {
        tt_value count = tt_add(b, turn, tt_number(b, TT_I64, 1));
        more = tt_loop(b, count, 3, 2, (tt_value[]){h, k}, 2, (tt_value[]){w, u},
                       turn_body(h_type, w_type, u_type, PLAIN, 1));
        k = tt_output(more, 1);
    }
    tt_value next = tt_unary(b, TT_OP_TANH, tt_add(b, tt_multiply(b, more, w), u));
    next = tt_add(b, next, tt_multiply(b, tt_scale(b, h, 0.1), tt_convert(b, turn, TT_F64)));
    tt_graph_result(b, "go", tt_less(b, turn, tt_number(b, TT_I64, (double)last)));
    tt_graph_result(b, "h", next);
    tt_graph_result(b, "k", tt_add(b, k, tt_number(b, TT_I64, 1)));
    tt_graph_result(b, "scan", tt_multiply(b, tt_multiply(b, next, u), h));
    return b;
}

// Turns by count, by limit, by what the body says; none at all; one value as both captures.
static tt_value loop_case(subject *s, tt_op op)
{
    tt_graph *g = s->graph;
    tt_type h_type = random_type(s, 0, 2, 1, 2), type = narrowed(s, h_type);
    int64_t limit = between(s, 1, 4);
    body_kind kind = (body_kind)below(s, 3);
    (void)op;
    tt_value h = reals(s, h_type, -1, 1), w = reals(s, type, -1, 1);
    tt_value u = below(s, 3) == 0 ? w : reals(s, type, -1, 1);
    tt_value count = wholes(s, TT_SCALAR(TT_I64), 6), k = wholes(s, TT_SCALAR(TT_I64), 2);
    tt_value loop = tt_loop(g, count, limit, 2, (tt_value[]){h, k}, 2, (tt_value[]){w, u},
                            turn_body(h_type, type, type, kind, between(s, 0, 4)));
    return below(s, 2) == 0 ? weighted_all(s, loop) : weighted(s, tt_output(loop, 2 * below(s, 2)));
}

static tt_value branch_case(subject *s, tt_op op)
{
    tt_type type = random_type(s, 0, 2, 1, 3);
    (void)op;
    tt_value h = reals(s, type, -1, 1), w = reals(s, type, -1, 1);
    tt_value u = below(s, 3) == 0 ? h : reals(s, type, -1, 1);
    tt_value branch = branch_of(s->graph, wholes(s, TT_SCALAR(TT_I64), 2), h, w, u);
    return below(s, 2) == 0 ? weighted_all(s, branch) : weighted(s, tt_output(branch, below(s, 2)));
}

static const struct {
    const char *row;
    builder *build;
} cases[] = {
    {"after", after_case},
    {"convert", convert_case},
    {"negate", smooth_unary},
    {"absolute", apart_unary},
    {"sign", apart_unary},
    {"exp", smooth_unary},
    {"log", positive_unary},
    {"sqrt", positive_unary},
    {"sin", smooth_unary},
    {"cos", smooth_unary},
    {"atan", smooth_unary},
    {"tanh", smooth_unary},
    {"erf", smooth_unary},
    {"floor", apart_unary},
    {"ceil", apart_unary},
    {"round", apart_unary},
    {"add", smooth_binary},
    {"subtract", smooth_binary},
    {"multiply", smooth_binary},
    {"divide", smooth_binary},
    {"remainder", remainder_case},
    {"power", power_case},
    {"greater_of", apart_binary},
    {"lesser_of", apart_binary},
    {"select", select_case},
    {"reshape", reshape_case},
    {"transpose", transpose_case},
    {"broadcast", broadcast_case},
    {"slice", slice_case},
    {"pad", pad_case},
    {"flip", flip_case},
    {"concatenate", concatenate_case},
    {"sum", reduce_smooth},
    {"product", product_case},
    {"greatest", reduce_apart},
    {"least", reduce_apart},
    {"log_sum_exp", reduce_smooth},
    {"cumulative_sum", cumulative_case},
    {"matmul", matmul_case},
    {"conv", conv_case},
    {"pool_sum", pool_sum_case},
    {"pool_greatest", pool_greatest_case},
    {"gather", gather_case},
    {"scatter", scatter_case},
    {"loop", loop_case},
    {"branch", branch_case},
    {"sort", sort_case},
    {"top", sort_case},
    {"determinant", square_case},
    {"inverse", square_case},
    {"cofactors", square_case},
};

// Rows without a case, and why they need none.
static const struct {
    const char *row, *why;
} exceptions[] = {
    {"buffer", "a leaf"},
    {"iota", "a leaf"},
    {"random", "a leaf but for its key, an integer"},
    {"stop", "test_gradients holds it against what it stands for"},
    {"not", "takes integers and bools only"},
    {"and", "takes integers and bools only"},
    {"or", "takes integers and bools only"},
    {"xor", "takes integers and bools only"},
    {"shift_left", "takes integers only"},
    {"shift_right", "takes integers only"},
    {"equal", "makes bools only"},
    {"less", "makes bools only"},
    {"less_or_equal", "makes bools only"},
    {"greatest_place", "makes places only"},
    {"least_place", "makes places only"},
    {"nonzero", "makes places only"},
    {"suppress", "makes places only"},
    {"unique", "its values have a size that only running tells: nothing can be computed of them"},
    {"requantise", "takes integers only"},
};

// A network: conv, relu, pool, matmul and cross-entropy.
static tt_value network(subject *s)
{
    tt_graph *g = s->graph;
    const int64_t ones[] = {1, 1}, window[] = {2, 2};
    tt_value x = reals(s, TT_TYPE(TT_F64, 2, 5, 5, 2), -1, 1);
    tt_value kernel = reals(s, TT_TYPE(TT_F64, 3, 3, 3, 2), -0.5, 0.5);
    tt_value bias = reals(s, TT_TYPE(TT_F64, 3), -0.5, 0.5);
    tt_value dense = reals(s, TT_TYPE(TT_F64, 12, 4), -0.5, 0.5);
    tt_value labels = wholes(s, TT_TYPE(TT_I32, 2), 4);
    tt_value y = tt_conv(g, x, kernel, &(tt_windows){.before = ones, .after = ones}, 1);
    y = tt_relu(g, tt_add(g, y, bias));
    y = tt_pool_greatest(g, y, window, &(tt_windows){.stride = window});
    y = tt_matmul(g, tt_reshape(g, y, 2, (int64_t[]){2, -1}), dense);
    return tt_cross_entropy(g, y, labels);
}

// Functions made of rows: they use each input several times.
static tt_value functions(subject *s)
{
    tt_graph *g = s->graph;
    tt_value x = reals(s, TT_TYPE(TT_F64, 3, 4), -1, 1), y = apart(s, TT_TYPE(TT_F64, 4), false);
    tt_value a = tt_softmax(g, tt_multiply(g, x, y), -1);
    tt_value b = tt_add(g, tt_gelu(g, x), tt_relu(g, y));
    tt_value c = tt_mean(g, tt_multiply(g, tt_sigmoid(g, b), a), 1, (int64_t[]){0});
    return tt_add(g, tt_mean_all(g, tt_log_softmax(g, x, 0)), weighted(s, tt_multiply(g, c, b)));
}

static void check_networks(unsigned seeds)
{
    for (unsigned seed = 0; seed < seeds; seed++)
        for (int which = 0; which < 2; which++) {
            subject s = subject_new(seed * 2 + 1);
            s.kinks_allowed = true;
            EXPECT(derivatives_agree(&s, which == 0 ? "network" : "functions",
                                     which == 0 ? network(&s) : functions(&s)));
            EXPECT(5 * s.kinks < s.elements);
            subject_free(&s);
        }
}

static void check_row(const char *row, builder *build, unsigned seeds)
{
    tt_op op;
    REQUIRE(tt_op_find(row, &op));
    for (unsigned seed = 0; seed < seeds; seed++) {
        char what[64];
        subject s = subject_new(seed * TT_OP_COUNT + op);
        snprintf(what, sizeof(what), "%s, seed %u", row, seed);
        tt_value loss = build(&s, op);
        if (tt_is_none(loss))
            run_failed(&s, what);
        REQUIRE(!tt_is_none(loss));
        EXPECT(derivatives_agree(&s, what, loss));
        subject_free(&s);
    }
}

static void check_table(void)
{
    for (int op = 0; op < TT_OP_COUNT; op++) {
        const tt_row *row = tt_row_of((tt_op)op);
        bool has_case = false, excepted = false;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
            has_case |= strcmp(cases[i].row, row->name) == 0;
        for (size_t i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++)
            excepted |= strcmp(exceptions[i].row, row->name) == 0;
        if (has_case == excepted || (row->derivative != NULL && excepted) ||
            (row->derivative != NULL && row->constant) ||
            (has_case && row->derivative == NULL && !row->constant))
            printf("%s: a row is differentiable or flat and has a case, or is excepted\n",
                   row->name);
        EXPECT(has_case != excepted);
        EXPECT(row->derivative == NULL || (!excepted && !row->constant));
        EXPECT(!has_case || row->derivative != NULL || row->constant);
    }
}

int main(int count, char **arguments)
{
    unsigned seeds = count > 1 ? (unsigned)atoi(arguments[1]) : SEEDS;
    check_table();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (count < 3 || strcmp(cases[i].row, arguments[2]) == 0)
            check_row(cases[i].row, cases[i].build, seeds);
    if (count < 3 || strcmp("network", arguments[2]) == 0)
        check_networks(seeds);
    return test_result();
}
