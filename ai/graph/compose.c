// The builders of graph.h: rows with their attributes, and what is nearly one.

#include <string.h>

#include "ai/graph/row.h"

// Axes as rows want them: not negative, rising, each once. Sorted into `sorted`.
static bool axes_of(tt_graph *graph, tt_op op, tt_value a, unsigned count, const int64_t *axes,
                    int64_t sorted[TT_RANK_MAX])
{
    unsigned rank = tt_graph_type(graph, a)->rank, seen = 0, at = 0;
    for (unsigned i = 0; i < count; i++) {
        unsigned axis;
        if (!tt_axis(axes[i], rank, &axis) || (seen & 1u << axis) != 0)
            return tt_graph_fail(graph, TT_INVALID,
                                 "%s: there is no axis %lld in rank %u, or it is named twice",
                                 tt_op_name(op), (long long)axes[i], rank);
        seen |= 1u << axis;
    }
    for (unsigned axis = 0; axis < rank; axis++)
        if ((seen & 1u << axis) != 0)
            sorted[at++] = axis;
    return true;
}

bool tt_usable(tt_graph *graph, tt_value a)
{
    if (graph == NULL || tt_graph_status(graph) != TT_OK || tt_is_none(a))
        return false;
    return (a.node < tt_graph_count(graph) &&
            a.output < tt_graph_node(graph, a.node)->output_count) ||
           tt_graph_fail(graph, TT_INVALID, "a value of another graph was given");
}

tt_value tt_unary(tt_graph *graph, tt_op op, tt_value a)
{
    return tt_apply(graph, op, 1, &a, 0, NULL);
}

tt_value tt_binary(tt_graph *graph, tt_op op, tt_value a, tt_value b)
{
    return tt_apply(graph, op, 2, (tt_value[]){a, b}, 0, NULL);
}

tt_value tt_convert(tt_graph *graph, tt_value a, tt_element element)
{
    if (tt_usable(graph, a) && tt_graph_type(graph, a)->element == element)
        return a;
    return tt_apply(graph, TT_OP_CONVERT, 1, &a, 1, &(int64_t){element});
}

tt_value tt_stop(tt_graph *graph, tt_value a)
{
    return tt_unary(graph, TT_OP_STOP, a);
}

tt_value tt_value_after(tt_graph *graph, tt_value a, tt_value b)
{
    return tt_binary(graph, TT_OP_AFTER, a, b);
}

tt_value tt_add(tt_graph *graph, tt_value a, tt_value b)
{
    return tt_binary(graph, TT_OP_ADD, a, b);
}

tt_value tt_subtract(tt_graph *graph, tt_value a, tt_value b)
{
    return tt_binary(graph, TT_OP_SUBTRACT, a, b);
}

tt_value tt_multiply(tt_graph *graph, tt_value a, tt_value b)
{
    return tt_binary(graph, TT_OP_MULTIPLY, a, b);
}

tt_value tt_divide(tt_graph *graph, tt_value a, tt_value b)
{
    return tt_binary(graph, TT_OP_DIVIDE, a, b);
}

tt_value tt_negate(tt_graph *graph, tt_value a)
{
    return tt_unary(graph, TT_OP_NEGATE, a);
}

tt_value tt_exp(tt_graph *graph, tt_value a)
{
    return tt_unary(graph, TT_OP_EXP, a);
}

tt_value tt_ln(tt_graph *graph, tt_value a)
{
    return tt_unary(graph, TT_OP_LOG, a);
}

tt_value tt_sqrt(tt_graph *graph, tt_value a)
{
    return tt_unary(graph, TT_OP_SQRT, a);
}

tt_value tt_equal(tt_graph *graph, tt_value a, tt_value b)
{
    return tt_binary(graph, TT_OP_EQUAL, a, b);
}

tt_value tt_less(tt_graph *graph, tt_value a, tt_value b)
{
    return tt_binary(graph, TT_OP_LESS, a, b);
}

tt_value tt_select(tt_graph *graph, tt_value condition, tt_value yes, tt_value no)
{
    return tt_apply(graph, TT_OP_SELECT, 3, (tt_value[]){condition, yes, no}, 0, NULL);
}

tt_value tt_number_like(tt_graph *graph, tt_value a, double number)
{
    return tt_usable(graph, a)
               ? tt_number(graph, (tt_element)tt_graph_type(graph, a)->element, number)
               : TT_NONE;
}

tt_value tt_scale(tt_graph *graph, tt_value a, double factor)
{
    return tt_multiply(graph, a, tt_number_like(graph, a, factor));
}

// A row with one list.
static tt_value with_list(tt_graph *graph, tt_op op, tt_value a, unsigned count,
                          const int64_t *items)
{
    tt_word_list words = {.count = 0};
    if (count > TT_RANK_MAX) {
        if (graph != NULL)
            tt_graph_fail(graph, TT_UNSUPPORTED, "%s: %u axes, but ranks go to %d", tt_op_name(op),
                          count, TT_RANK_MAX);
        return TT_NONE;
    }
    tt_words_list(&words, count, items);
    return tt_apply(graph, op, 1, &a, words.count, words.word);
}

tt_value tt_reshape(tt_graph *graph, tt_value a, unsigned rank, const int64_t *sizes)
{
    int64_t whole[TT_RANK_MAX] = {0}, known = 1;
    unsigned open = TT_RANK_MAX;
    if (!tt_usable(graph, a) || rank > TT_RANK_MAX)
        return with_list(graph, TT_OP_RESHAPE, a, rank, sizes);
    const tt_type *type = tt_graph_type(graph, a);
    for (unsigned i = 0; i < rank; i++) {
        whole[i] = sizes[i];
        if (sizes[i] == -1 && open == TT_RANK_MAX)
            open = i;
        else if (sizes[i] <= 0 || known > TT_SIZE_MAX / sizes[i])
            known = 0; // and stays so: there is no rest
        else
            known *= sizes[i];
    }
    if (open < TT_RANK_MAX)
        whole[open] = known > 0 ? tt_type_count(type) / known : 0;
    if (type->rank == rank && memcmp(type->size, whole, sizeof(whole)) == 0)
        return a;
    return with_list(graph, TT_OP_RESHAPE, a, rank, whole);
}

tt_value tt_transpose(tt_graph *graph, tt_value a, const int64_t *order)
{
    return tt_usable(graph, a)
               ? with_list(graph, TT_OP_TRANSPOSE, a, tt_graph_type(graph, a)->rank, order)
               : TT_NONE;
}

tt_value tt_broadcast(tt_graph *graph, tt_value a, unsigned rank, const int64_t *sizes)
{
    if (tt_usable(graph, a) && tt_graph_type(graph, a)->rank == rank &&
        (rank == 0 || memcmp(tt_graph_type(graph, a)->size, sizes, rank * sizeof(sizes[0])) == 0))
        return a;
    return with_list(graph, TT_OP_BROADCAST, a, rank, sizes);
}

tt_value tt_slice(tt_graph *graph, tt_value a, const int64_t *first, const int64_t *sizes,
                  const int64_t *steps)
{
    tt_word_list words = {.count = 0};
    if (!tt_usable(graph, a))
        return TT_NONE;
    unsigned rank = tt_graph_type(graph, a)->rank;
    tt_words_list(&words, rank, first);
    tt_words_list(&words, rank, sizes);
    tt_words_list(&words, rank, steps);
    return tt_apply(graph, TT_OP_SLICE, 1, &a, words.count, words.word);
}

tt_value tt_pad(tt_graph *graph, tt_value a, tt_value fill, const int64_t *before,
                const int64_t *after, const int64_t *between)
{
    tt_word_list words = {.count = 0};
    if (!tt_usable(graph, a))
        return TT_NONE;
    unsigned rank = tt_graph_type(graph, a)->rank;
    tt_words_list(&words, rank, before);
    tt_words_list(&words, rank, after);
    tt_words_list(&words, rank, between);
    return tt_apply(graph, TT_OP_PAD, 2, (tt_value[]){a, fill}, words.count, words.word);
}

tt_value tt_flip(tt_graph *graph, tt_value a, unsigned count, const int64_t *axes)
{
    int64_t sorted[TT_RANK_MAX];
    if (!tt_usable(graph, a) || !axes_of(graph, TT_OP_FLIP, a, count, axes, sorted))
        return TT_NONE;
    return count == 0 ? a : with_list(graph, TT_OP_FLIP, a, count, sorted);
}

tt_value tt_concatenate(tt_graph *graph, unsigned count, const tt_value *values, int64_t axis)
{
    unsigned from_start;
    if (count == 0 || !tt_usable(graph, values[0]) ||
        !tt_axis(axis, tt_graph_type(graph, values[0])->rank, &from_start))
        from_start = TT_RANK_MAX; // the row says what is wrong
    return tt_apply(graph, TT_OP_CONCATENATE, count, values, 1, &(int64_t){from_start});
}

tt_value tt_reduce(tt_graph *graph, tt_op op, tt_value a, unsigned count, const int64_t *axes)
{
    int64_t sorted[TT_RANK_MAX];
    if (!tt_usable(graph, a) || !axes_of(graph, op, a, count, axes, sorted))
        return TT_NONE;
    return with_list(graph, op, a, count, sorted);
}

tt_value tt_sum_all(tt_graph *graph, tt_value a)
{
    static const int64_t axes[TT_RANK_MAX] = {0, 1, 2, 3, 4, 5, 6, 7};
    if (!tt_usable(graph, a))
        return TT_NONE;
    tt_value sum = tt_reduce(graph, TT_OP_SUM, a, tt_graph_type(graph, a)->rank, axes);
    return tt_reshape(graph, sum, 0, NULL);
}

// Sums and counts of the narrow formats would overflow, or not be in them: means are taken in f32.
static tt_value widened(tt_graph *graph, tt_value a)
{
    bool narrow = tt_usable(graph, a) && (tt_graph_type(graph, a)->element == TT_BF16 ||
                                          tt_graph_type(graph, a)->element == TT_F16);
    return narrow ? tt_convert(graph, a, TT_F32) : a;
}

// Divided by how many elements of `a` went into each of `reduced`, of the type that a has.
static tt_value averaged(tt_graph *graph, tt_value a, tt_value reduced)
{
    if (!tt_usable(graph, reduced))
        return TT_NONE;
    tt_type type = *tt_graph_type(graph, a);
    int64_t of = tt_type_count(&type), to = tt_type_count(tt_graph_type(graph, reduced));
    tt_value count = tt_number_like(graph, reduced, to > 0 ? (double)(of / to) : 0);
    return tt_convert(graph, tt_divide(graph, reduced, count), (tt_element)type.element);
}

tt_value tt_mean_all(tt_graph *graph, tt_value a)
{
    return averaged(graph, a, tt_sum_all(graph, widened(graph, a)));
}

tt_value tt_mean(tt_graph *graph, tt_value a, unsigned count, const int64_t *axes)
{
    return averaged(graph, a, tt_reduce(graph, TT_OP_SUM, widened(graph, a), count, axes));
}

tt_value tt_sum_to(tt_graph *graph, tt_value a, const tt_type *type)
{
    int64_t axes[TT_RANK_MAX];
    unsigned count = 0;
    if (!tt_usable(graph, a))
        return TT_NONE;
    tt_type from = *tt_graph_type(graph, a);
    for (unsigned i = 0; i < from.rank; i++) {
        unsigned ahead = from.rank - type->rank;
        if (i < ahead || (type->size[i - ahead] == 1 && from.size[i] != 1))
            axes[count++] = i;
    }
    if (count > 0)
        a = tt_reduce(graph, TT_OP_SUM, a, count, axes);
    return tt_reshape(graph, a, type->rank, type->size);
}

tt_value tt_cumulative_sum(tt_graph *graph, tt_value a, int64_t axis, bool exclusive, bool reverse)
{
    unsigned from_start = TT_RANK_MAX;
    if (tt_usable(graph, a) && !tt_axis(axis, tt_graph_type(graph, a)->rank, &from_start))
        from_start = TT_RANK_MAX;
    return tt_apply(graph, TT_OP_CUMULATIVE_SUM, 1, &a, 3,
                    (int64_t[]){from_start, exclusive, reverse});
}

tt_value tt_matmul(tt_graph *graph, tt_value a, tt_value b)
{
    return tt_binary(graph, TT_OP_MATMUL, a, b);
}

// Each list of the windows over `count` axes, ones or zeros where there is none.
static void put_windows(tt_word_list *words, unsigned count, const tt_windows *windows)
{
    static const int64_t ones[TT_RANK_MAX] = {1, 1, 1, 1, 1, 1, 1, 1}, zeros[TT_RANK_MAX] = {0};
    static const tt_windows none = {NULL, NULL, NULL, NULL, NULL};
    if (windows == NULL)
        windows = &none;
    tt_words_list(words, count, windows->stride != NULL ? windows->stride : ones);
    tt_words_list(words, count, windows->dilation != NULL ? windows->dilation : ones);
    tt_words_list(words, count, windows->spread != NULL ? windows->spread : ones);
    tt_words_list(words, count, windows->before != NULL ? windows->before : zeros);
    tt_words_list(words, count, windows->after != NULL ? windows->after : zeros);
}

// How many axes of x have windows; 0 where it has none, which the row refuses.
static unsigned window_axes(tt_graph *graph, tt_value x)
{
    unsigned rank = tt_graph_type(graph, x)->rank;
    return rank > 2 ? rank - 2 : 0;
}

tt_value tt_conv(tt_graph *graph, tt_value x, tt_value weights, const tt_windows *windows,
                 int64_t groups)
{
    tt_word_list words = {.count = 0};
    if (!tt_usable(graph, x))
        return TT_NONE;
    put_windows(&words, window_axes(graph, x), windows);
    tt_words_number(&words, groups);
    return tt_apply(graph, TT_OP_CONV, 2, (tt_value[]){x, weights}, words.count, words.word);
}

static tt_value pool(tt_graph *graph, tt_op op, tt_value x, const int64_t *window,
                     const tt_windows *windows)
{
    tt_word_list words = {.count = 0};
    if (!tt_usable(graph, x))
        return TT_NONE;
    tt_words_list(&words, window_axes(graph, x), window);
    put_windows(&words, window_axes(graph, x), windows);
    return tt_apply(graph, op, 1, &x, words.count, words.word);
}

tt_value tt_pool_sum(tt_graph *graph, tt_value x, const int64_t *window, const tt_windows *windows)
{
    return pool(graph, TT_OP_POOL_SUM, x, window, windows);
}

tt_value tt_pool_greatest(tt_graph *graph, tt_value x, const int64_t *window,
                          const tt_windows *windows)
{
    return pool(graph, TT_OP_POOL_GREATEST, x, window, windows);
}

tt_value tt_pool_average(tt_graph *graph, tt_value x, const int64_t *window,
                         const tt_windows *windows)
{
    if (!tt_usable(graph, x))
        return TT_NONE;
    tt_type one = *tt_graph_type(graph, x); // one image with one channel has the same windows
    one.size[0] = one.size[one.rank > 0 ? one.rank - 1 : 0] = 1;
    tt_value ones = tt_broadcast(graph, tt_number_like(graph, x, 1), one.rank, one.size);
    return tt_divide(graph, tt_pool_sum(graph, x, window, windows),
                     tt_pool_sum(graph, ones, window, windows));
}

void tt_same_padding(const tt_type *x, const int64_t *window, const int64_t *stride,
                     int64_t *before, int64_t *after)
{
    for (unsigned i = 0; i + 2 < x->rank; i++) {
        int64_t size = x->size[i + 1];
        int64_t windows = stride[i] > 0 ? (size + stride[i] - 1) / stride[i] : 0;
        int64_t missing = windows > 0 ? (windows - 1) * stride[i] + window[i] - size : 0;
        before[i] = missing > 0 ? missing / 2 : 0;
        after[i] = missing > 0 ? missing - missing / 2 : 0;
    }
}

tt_value tt_gather(tt_graph *graph, tt_value a, tt_value indices, int64_t axis)
{
    unsigned from_start = TT_RANK_MAX;
    if (tt_usable(graph, a) && !tt_axis(axis, tt_graph_type(graph, a)->rank, &from_start))
        from_start = TT_RANK_MAX;
    return tt_apply(graph, TT_OP_GATHER, 2, (tt_value[]){a, indices}, 1, &(int64_t){from_start});
}

tt_value tt_scatter(tt_graph *graph, tt_value a, tt_value indices, tt_value updates, int64_t axis,
                    tt_scatter_kind kind)
{
    unsigned from_start = TT_RANK_MAX;
    if (tt_usable(graph, a) && !tt_axis(axis, tt_graph_type(graph, a)->rank, &from_start))
        from_start = TT_RANK_MAX;
    return tt_apply(graph, TT_OP_SCATTER, 3, (tt_value[]){a, indices, updates}, 2,
                    (int64_t[]){from_start, kind});
}

tt_value tt_iota(tt_graph *graph, tt_type type, int64_t axis)
{
    tt_word_list words = {.count = 0};
    unsigned from_start = TT_RANK_MAX, rank = type.rank <= TT_RANK_MAX ? type.rank : 0;
    if (!tt_axis(axis, rank, &from_start))
        from_start = TT_RANK_MAX;
    tt_words_number(&words, type.element);
    tt_words_list(&words, rank, type.size);
    tt_words_number(&words, from_start);
    return tt_apply(graph, TT_OP_IOTA, 0, NULL, words.count, words.word);
}

tt_value tt_one_hot(tt_graph *graph, tt_value indices, int64_t classes, tt_element element)
{
    if (!tt_usable(graph, indices))
        return TT_NONE;
    tt_type type = *tt_graph_type(graph, indices);
    if (type.rank == TT_RANK_MAX) {
        tt_graph_fail(graph, TT_UNSUPPORTED, "one_hot: ranks go to %d", TT_RANK_MAX);
        return TT_NONE;
    }
    int64_t sizes[TT_RANK_MAX];
    memcpy(sizes, type.size, sizeof(sizes));
    sizes[type.rank] = 1;
    tt_type places = {.element = type.element, .rank = 1, .size = {classes}};
    tt_value place = tt_iota(graph, places, 0);
    return tt_convert(
        graph, tt_equal(graph, tt_reshape(graph, indices, type.rank + 1u, sizes), place), element);
}

tt_value tt_random_bits(tt_graph *graph, tt_value key, unsigned rank, const int64_t *sizes)
{
    tt_word_list words = {.count = 0};
    if (!tt_usable(graph, key))
        return TT_NONE;
    if (rank > TT_RANK_MAX) {
        tt_graph_fail(graph, TT_UNSUPPORTED, "random: rank %u, but ranks go to %d", rank,
                      TT_RANK_MAX);
        return TT_NONE;
    }
    tt_words_number(&words, tt_graph_next_stream(graph));
    tt_words_list(&words, rank, sizes);
    return tt_apply(graph, TT_OP_RANDOM, 1, &key, words.count, words.word);
}

// As many bits as the significand has, of 24 at most: (bits >> 8) / 2^24.
tt_value tt_random_uniform(tt_graph *graph, tt_value key, tt_type type)
{
    static const uint8_t precision[] = {[TT_F64] = 32, [TT_F32] = 24, [TT_BF16] = 8, [TT_F16] = 11};
    if (type.element > TT_F16) {
        if (graph != NULL)
            tt_graph_fail(graph, TT_INVALID, "random_uniform: expects a floating type");
        return TT_NONE;
    }
    int digits = precision[type.element];
    tt_value bits = tt_random_bits(graph, key, type.rank, type.size);
    tt_value most =
        tt_binary(graph, TT_OP_SHIFT_RIGHT, bits, tt_number(graph, TT_U32, (double)(32 - digits)));
    return tt_scale(graph, tt_convert(graph, most, (tt_element)type.element),
                    1 / (double)((uint64_t)1 << digits));
}

// Box and Muller's pair, of which one is used; computed in f32 at least.
tt_value tt_random_normal(tt_graph *graph, tt_value key, tt_type type)
{
    tt_type wide = type;
    if (type.element != TT_F64)
        wide.element = TT_F32;
    tt_value u = tt_random_uniform(graph, key, wide), v = tt_random_uniform(graph, key, wide);
    tt_value above_0 = tt_subtract(graph, tt_number_like(graph, u, 1), u); // (0, 1]
    tt_value radius = tt_sqrt(graph, tt_scale(graph, tt_ln(graph, above_0), -2));
    tt_value angle = tt_scale(graph, v, 6.283185307179586);
    return tt_convert(graph, tt_multiply(graph, radius, tt_unary(graph, TT_OP_COS, angle)),
                      (tt_element)type.element);
}

tt_value tt_requantise(tt_graph *graph, tt_value accumulators, tt_value multiplier, tt_value shift,
                       int64_t zero_point, int64_t least, int64_t greatest)
{
    return tt_apply(graph, TT_OP_REQUANTISE, 3, (tt_value[]){accumulators, multiplier, shift}, 3,
                    (int64_t[]){zero_point, least, greatest});
}
