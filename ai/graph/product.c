// Products of matrices, convolutions, and sums and greatest ones of windows.
//
// A convolution's two gradients are convolutions, too: what is between windows in one is between
// elements in the other (tt_windows' stride and spread change places).

#include <math.h>
#include <string.h>

#include "ai/graph/row.h"
#include "ai/graph/shape.h"

#define SPATIAL_MAX 5 // axes of windows: gradients need one more axis than x has

static bool two_numbers(tt_rule *rule)
{
    const tt_type *a = tt_rule_in(rule, 0), *b = tt_rule_in(rule, 1);
    char ta[TT_TYPE_TEXT_BYTES], tb[TT_TYPE_TEXT_BYTES];
    return (a->element == b->element && a->element != TT_BOOL) ||
           tt_rule_fail(rule, "inputs are %s and %s, expects numbers of one type",
                        tt_type_text(a, ta), tt_type_text(b, tb));
}

static bool matmul_type(tt_rule *rule)
{
    const tt_type *a = tt_rule_in(rule, 0), *b = tt_rule_in(rule, 1);
    char ta[TT_TYPE_TEXT_BYTES], tb[TT_TYPE_TEXT_BYTES];
    if (!two_numbers(rule))
        return false;
    tt_type batch_a = *a, batch_b = *b;
    if (a->rank < 2 || b->rank < 2 || a->size[a->rank - 1] != b->size[b->rank - 2])
        return tt_rule_fail(rule, "%s and %s: expects (..., m, k) and (..., k, n)",
                            tt_type_text(a, ta), tt_type_text(b, tb));
    int64_t m = a->size[a->rank - 2], n = b->size[b->rank - 1];
    batch_a.size[a->rank - 2] = batch_a.size[a->rank - 1] = 1;
    batch_b.size[b->rank - 2] = batch_b.size[b->rank - 1] = 1;
    if (!tt_shape_join(&batch_a, &batch_b))
        return tt_rule_fail(rule,
                            "%s and %s: what stands before the last two axes does not go "
                            "together",
                            tt_type_text(a, ta), tt_type_text(b, tb));
    rule->out[0] = batch_a;
    rule->out[0].size[batch_a.rank - 2] = m;
    rule->out[0].size[batch_a.rank - 1] = n;
    return true;
}

// A sum of products of either kind.
typedef struct total {
    long double real;
    uint64_t whole;
} total;

static void add_product(total *sum, bool is_float, tt_cell a, tt_cell b)
{
    if (is_float)
        sum->real += (long double)a.f * b.f;
    else
        sum->whole += a.u * b.u;
}

static tt_cell total_cell(const tt_work *work, const total *sum)
{
    tt_element element = (tt_element)work->out[0].type.element;
    if (!tt_element_is_float(element))
        return tt_cell_fit(element, (tt_cell){.u = sum->whole});
    double real = (double)sum->real;
    return (tt_cell){.f = work->exact ? real : tt_round_to(element, real)};
}

static tt_status matmul_reference(tt_work *work)
{
    const tt_type *a = &work->in[0].type, *b = &work->in[1].type, *out = &work->out[0].type;
    int64_t m = out->size[out->rank - 2], n = out->size[out->rank - 1], k = a->size[a->rank - 1];
    bool is_float = tt_element_is_float((tt_element)a->element);
    tt_type batch = *out, batch_a = *a, batch_b = *b;
    tt_walk at_a, at_b;
    batch.size[batch.rank - 2] = batch.size[batch.rank - 1] = 1;
    batch_a.size[a->rank - 2] = batch_a.size[a->rank - 1] = 1;
    batch_b.size[b->rank - 2] = batch_b.size[b->rank - 1] = 1;
    tt_walk_broadcast(&at_a, &batch_a, &batch); // counts matrices
    tt_walk_broadcast(&at_b, &batch_b, &batch);
    int64_t matrices = tt_type_count(&batch);
    for (int64_t i = 0; i < matrices; i++, tt_walk_next(&at_a), tt_walk_next(&at_b)) {
        const tt_cell *ma = work->in[0].cells + at_a.at * m * k;
        const tt_cell *mb = work->in[1].cells + at_b.at * k * n;
        for (int64_t row = 0; row < m; row++)
            for (int64_t column = 0; column < n; column++) {
                total sum = {0, 0};
                for (int64_t inner = 0; inner < k; inner++)
                    add_product(&sum, is_float, ma[row * k + inner], mb[inner * n + column]);
                work->out[0].cells[(i * m + row) * n + column] = total_cell(work, &sum);
            }
    }
    return TT_OK;
}

static tt_value transposed(tt_graph *graph, tt_value a)
{
    tt_type type = *tt_graph_type(graph, a);
    int64_t order[TT_RANK_MAX];
    for (unsigned i = 0; i < type.rank; i++)
        order[i] = i;
    order[type.rank - 2] = type.rank - 1;
    order[type.rank - 1] = type.rank - 2;
    return tt_transpose(graph, a, order);
}

static void matmul_derivative(tt_back *back)
{
    tt_graph *g = back->graph;
    if (back->wanted[0])
        back->dx[0] = tt_matmul(g, back->dy[0], transposed(g, back->in[1]));
    if (back->wanted[1])
        back->dx[1] = tt_matmul(g, transposed(g, back->in[0]), back->dy[0]);
}

static uint64_t matmul_cost(const tt_graph *graph, uint32_t node)
{
    const tt_type *a = tt_graph_type(graph, tt_graph_inputs(graph, node)[0]);
    return tt_cost_multiply((uint64_t)tt_type_count(tt_graph_type(graph, (tt_value){node, 0})),
                            (uint64_t)a->size[a->rank - 1]);
}

// Windows over the axes between the first and the last. Attributes: stride, dilation, spread,
// before, after from number `first` on.
typedef struct sliding {
    unsigned axes;
    tt_span span[SPATIAL_MAX];
    int64_t windows[SPATIAL_MAX], taps; // elements of one window
} sliding;

static sliding sliding_of(const tt_type *x, const int64_t *window, const tt_words *attribute,
                          unsigned first)
{
    sliding s = {.axes = x->rank - 2u, .taps = 1};
    for (unsigned i = 0; i < s.axes; i++) {
        s.span[i] = (tt_span){.size = x->size[i + 1],
                              .window = window[i],
                              .stride = attribute[first].word[i],
                              .dilation = attribute[first + 1].word[i],
                              .spread = attribute[first + 2].word[i],
                              .before = attribute[first + 3].word[i],
                              .after = attribute[first + 4].word[i]};
        s.windows[i] = tt_span_windows(&s.span[i]);
        s.taps = (int64_t)tt_cost_multiply((uint64_t)s.taps, (uint64_t)window[i]);
    }
    return s;
}

// Whether x has room for windows and each list an entry for each of its axes between; `x` becomes
// the result's type but for the channels.
static bool sliding_type(tt_rule *rule, const int64_t *window, unsigned first)
{
    const tt_type *x = tt_rule_in(rule, 0);
    char text[TT_TYPE_TEXT_BYTES];
    if (x->element == TT_BOOL || x->rank < 3 || x->rank > SPATIAL_MAX + 2)
        return tt_rule_fail(rule,
                            "the input is %s, expects numbers of (batch, sizes..., channels) "
                            "and 1 to %d axes between",
                            tt_type_text(x, text), SPATIAL_MAX);
    for (unsigned i = first; i < first + 5; i++)
        if (rule->attribute[i].count != x->rank - 2u)
            return tt_rule_fail(rule, "%s has %u entries, %s has %u axes for windows",
                                rule->row->attributes[i].name, rule->attribute[i].count,
                                tt_type_text(x, text), x->rank - 2u);
    sliding s = sliding_of(x, window, rule->attribute, first);
    rule->out[0] = *x;
    for (unsigned i = 0; i < s.axes; i++) {
        if (s.windows[i] < 0)
            return tt_rule_fail(rule,
                                "a window of %lld, stride %lld, dilation %lld, spread %lld "
                                "or padding %lld, %lld on axis %u of %s is out of range",
                                (long long)window[i], (long long)s.span[i].stride,
                                (long long)s.span[i].dilation, (long long)s.span[i].spread,
                                (long long)s.span[i].before, (long long)s.span[i].after, i + 1,
                                tt_type_text(x, text));
        rule->out[0].size[i + 1] = s.windows[i];
    }
    return true;
}

// Where element `tap` of window `o` lies in x, counted over its axes of windows; -1: padding.
static int64_t tap_place(const sliding *s, const int64_t *o, int64_t tap)
{
    int64_t place = 0, scale = 1;
    for (unsigned i = s->axes; i > 0; i--) {
        int64_t at = tt_span_place(&s->span[i - 1], o[i - 1], tap % s->span[i - 1].window);
        if (at < 0)
            return -1;
        place += at * scale;
        scale *= s->span[i - 1].size;
        tap /= s->span[i - 1].window;
    }
    return place;
}

// The next window; the last axis counts fastest.
static void next_window(const sliding *s, int64_t *o)
{
    for (unsigned i = s->axes; i > 0; i--) {
        if (++o[i - 1] < s->windows[i - 1])
            return;
        o[i - 1] = 0;
    }
}

static int64_t product_of(const int64_t *sizes, unsigned count)
{
    int64_t product = 1;
    for (unsigned i = 0; i < count; i++)
        product *= sizes[i];
    return product;
}

static bool conv_type(tt_rule *rule)
{
    const tt_type *x = tt_rule_in(rule, 0), *w = tt_rule_in(rule, 1);
    int64_t groups = rule->attribute[5].word[0];
    char tx[TT_TYPE_TEXT_BYTES], tw[TT_TYPE_TEXT_BYTES];
    if (!two_numbers(rule))
        return false;
    if (w->rank != x->rank || w->rank < 3)
        return tt_rule_fail(rule,
                            "input %s and weights %s: expects (batch, sizes..., in) and "
                            "(out, sizes..., in / groups)",
                            tt_type_text(x, tx), tt_type_text(w, tw));
    if (!sliding_type(rule, w->size + 1, 0))
        return false;
    int64_t in = x->size[x->rank - 1], out = w->size[0];
    if (groups < 1 || in % groups != 0 || out % groups != 0 || w->size[w->rank - 1] != in / groups)
        return tt_rule_fail(rule,
                            "input %s has %lld channels, weights %s in %lld groups expect "
                            "%lld",
                            tt_type_text(x, tx), (long long)in, tt_type_text(w, tw),
                            (long long)groups,
                            (long long)(groups > 0 && groups < TT_SIZE_MAX &&
                                                w->size[w->rank - 1] < TT_SIZE_MAX / groups
                                            ? w->size[w->rank - 1] * groups
                                            : 0));
    rule->out[0].size[x->rank - 1] = out;
    return true;
}

static tt_status conv_reference(tt_work *work)
{
    const tt_type *x = &work->in[0].type, *w = &work->in[1].type, *y = &work->out[0].type;
    int64_t groups = work->attribute[5].word[0], in = x->size[x->rank - 1], out = w->size[0];
    int64_t share = in / groups, outs = out > 0 ? out / groups : 1;
    bool is_float = tt_element_is_float((tt_element)x->element);
    sliding s = sliding_of(x, w->size + 1, work->attribute, 0);
    int64_t windows = product_of(s.windows, s.axes), image = product_of(x->size + 1, s.axes);
    for (int64_t n = 0; n < y->size[0]; n++) {
        int64_t o[SPATIAL_MAX] = {0};
        for (int64_t i = 0; i < windows; i++, next_window(&s, o))
            for (int64_t c = 0; c < out; c++) {
                total sum = {0, 0};
                for (int64_t tap = 0; tap < s.taps; tap++) {
                    int64_t place = tap_place(&s, o, tap);
                    if (place < 0)
                        continue; // padding
                    const tt_cell *px =
                        work->in[0].cells + (n * image + place) * in + c / outs * share;
                    const tt_cell *pw = work->in[1].cells + (c * s.taps + tap) * share;
                    for (int64_t k = 0; k < share; k++)
                        add_product(&sum, is_float, px[k], pw[k]);
                }
                work->out[0].cells[(n * windows + i) * out + c] = total_cell(work, &sum);
            }
    }
    return TT_OK;
}

// Padding behind that makes `windows` windows of what `span` says otherwise.
static int64_t after_for(const tt_span *span, int64_t windows)
{
    int64_t size = span->size > 0 ? (span->size - 1) * span->spread + 1 : 0;
    return (windows - 1) * span->stride + (span->window - 1) * span->dilation + 1 - size -
           span->before;
}

// Lists of a tt_windows from spans.
typedef struct window_lists {
    int64_t stride[SPATIAL_MAX], dilation[SPATIAL_MAX], spread[SPATIAL_MAX], before[SPATIAL_MAX],
        after[SPATIAL_MAX];
} window_lists;

static tt_windows windows_of(const window_lists *lists)
{
    return (tt_windows){lists->stride, lists->dilation, lists->spread, lists->before, lists->after};
}

static void put_span(window_lists *lists, unsigned axis, tt_span span, int64_t windows)
{
    lists->stride[axis] = span.stride;
    lists->dilation[axis] = span.dilation;
    lists->spread[axis] = span.spread;
    lists->before[axis] = span.before;
    lists->after[axis] = after_for(&span, windows);
}

// The windows by which gradients come back to x: what lay apart in y lies between, and turned
// round.
static window_lists backward_windows(const sliding *s)
{
    window_lists lists = {.stride = {0}};
    for (unsigned i = 0; i < s->axes; i++) {
        const tt_span *f = &s->span[i];
        put_span(&lists, i,
                 (tt_span){.size = s->windows[i],
                           .window = f->window,
                           .stride = f->spread,
                           .dilation = f->dilation,
                           .spread = f->stride,
                           .before = (f->window - 1) * f->dilation - f->before},
                 f->size);
    }
    return lists;
}

static tt_value zeros_like(tt_graph *graph, tt_value a)
{
    tt_type type = *tt_graph_type(graph, a);
    return tt_broadcast(graph, tt_number(graph, (tt_element)type.element, 0), type.rank, type.size);
}

// The first axis and the last change places.
static tt_value ends_swapped(tt_graph *g, tt_value v)
{
    int64_t order[TT_RANK_MAX];
    unsigned rank = tt_graph_type(g, v)->rank;
    for (unsigned i = 0; i < rank; i++)
        order[i] = i == 0 ? rank - 1 : i == rank - 1 ? 0 : i;
    return tt_transpose(g, v, order);
}

// (groups a, middle..., b) to (groups b, middle..., a): each group transposed.
static tt_value swap_ends(tt_graph *g, tt_value v, int64_t groups)
{
    tt_type type = *tt_graph_type(g, v);
    unsigned rank = type.rank;
    int64_t apart[TT_RANK_MAX], order[TT_RANK_MAX], joined[TT_RANK_MAX];
    if (groups == 1)
        return ends_swapped(g, v);
    apart[0] = groups;
    apart[1] = type.size[0] / groups;
    memcpy(apart + 2, type.size + 1, (rank - 1) * sizeof(apart[0]));
    for (unsigned i = 0; i <= rank; i++)
        order[i] = i;
    order[1] = rank;
    order[rank] = 1;
    memcpy(joined, type.size, rank * sizeof(joined[0]));
    joined[0] = groups * type.size[rank - 1];
    joined[rank - 1] = apart[1];
    return tt_reshape(g, tt_transpose(g, tt_reshape(g, v, rank + 1, apart), order), rank, joined);
}

static tt_value conv_input_gradient(tt_back *back, const sliding *s)
{
    tt_graph *g = back->graph;
    int64_t axes[SPATIAL_MAX], groups = back->attribute[5].word[0];
    window_lists lists = backward_windows(s);
    for (unsigned i = 0; i < s->axes; i++)
        axes[i] = i + 1;
    tt_value turned = tt_flip(g, swap_ends(g, back->in[1], groups), s->axes, axes);
    tt_windows windows = windows_of(&lists);
    return tt_conv(g, back->dy[0], turned, &windows, groups);
}

// x (n, S, g ci) as (ci, S, g n).
static tt_value images_as_channels(tt_graph *g, tt_value v, int64_t groups)
{
    tt_type x = *tt_graph_type(g, v);
    unsigned rank = x.rank;
    int64_t apart[TT_RANK_MAX], order[TT_RANK_MAX], joined[TT_RANK_MAX];
    if (groups == 1)
        return ends_swapped(g, v);
    for (unsigned i = 0; i < TT_RANK_MAX; i++) {
        apart[i] = joined[i] = x.size[i];
        order[i] = i;
    }
    apart[rank - 1] = groups;
    apart[rank] = x.size[rank - 1] / groups; // (n, S, g, ci)
    order[0] = rank;                         // (ci, S, g, n)
    order[rank] = 0;
    joined[0] = apart[rank];
    joined[rank - 1] = groups * x.size[0];
    return tt_reshape(g, tt_transpose(g, tt_reshape(g, v, rank + 1, apart), order), rank, joined);
}

// With dy (n, O, g co) as weights (g co, O, n): what they make is (ci, K, g co).
static tt_value conv_weights_gradient(tt_back *back, const sliding *s)
{
    tt_graph *g = back->graph;
    int64_t groups = back->attribute[5].word[0];
    window_lists lists = {.stride = {0}};
    for (unsigned i = 0; i < s->axes; i++) {
        const tt_span *f = &s->span[i];
        put_span(&lists, i,
                 (tt_span){.size = f->size,
                           .window = s->windows[i],
                           .stride = f->dilation,
                           .dilation = f->stride,
                           .spread = f->spread,
                           .before = f->before},
                 f->window);
    }
    tt_windows windows = windows_of(&lists);
    return ends_swapped(g, tt_conv(g, images_as_channels(g, back->in[0], groups),
                                   ends_swapped(g, back->dy[0]), &windows, groups));
}

static void conv_derivative(tt_back *back)
{
    tt_graph *g = back->graph;
    tt_type x = *tt_graph_type(g, back->in[0]), w = *tt_graph_type(g, back->in[1]);
    bool nothing = tt_type_count(tt_graph_type(g, back->dy[0])) == 0 || tt_type_count(&x) == 0 ||
                   tt_type_count(&w) == 0;
    sliding s = sliding_of(&x, w.size + 1, back->attribute, 0);
    if (back->wanted[0])
        back->dx[0] = nothing ? zeros_like(g, back->in[0]) : conv_input_gradient(back, &s);
    if (back->wanted[1])
        back->dx[1] = nothing ? zeros_like(g, back->in[1]) : conv_weights_gradient(back, &s);
}

static uint64_t conv_cost(const tt_graph *graph, uint32_t node)
{
    const tt_type *w = tt_graph_type(graph, tt_graph_inputs(graph, node)[1]);
    uint64_t cost = (uint64_t)tt_type_count(tt_graph_type(graph, (tt_value){node, 0}));
    for (unsigned i = 1; i < w->rank; i++)
        cost = tt_cost_multiply(cost, w->size[i] > 0 ? (uint64_t)w->size[i] : 1);
    return cost; // windows are gone through even where there are no channels to be multiplied
}

// Pooling: attribute 0 is the window.
static bool window_fits(tt_rule *rule)
{
    const tt_type *x = tt_rule_in(rule, 0);
    char text[TT_TYPE_TEXT_BYTES];
    return (x->rank >= 3 && rule->attribute[0].count == x->rank - 2u) ||
           tt_rule_fail(rule, "a window of %u axes on %s, expects (batch, sizes..., channels)",
                        rule->attribute[0].count, tt_type_text(x, text));
}

static bool pool_sum_type(tt_rule *rule)
{
    return window_fits(rule) && sliding_type(rule, rule->attribute[0].word, 1);
}

static bool pool_greatest_type(tt_rule *rule)
{
    if (!window_fits(rule) || !sliding_type(rule, rule->attribute[0].word, 1))
        return false;
    int64_t taps = 1;
    for (unsigned i = 0; i < rule->attribute[0].count; i++) {
        if (rule->attribute[3].word[i] != 1)
            return tt_rule_fail(rule, "takes no spread but 1");
        taps = (int64_t)tt_cost_multiply((uint64_t)taps, (uint64_t)rule->attribute[0].word[i]);
        if (taps < 0 || taps > INT32_MAX)
            return tt_rule_fail(rule, "a window has too many elements to number them");
    }
    rule->output_count = 2;
    rule->out[1] = rule->out[0];
    rule->out[1].element = TT_I32;
    return true;
}

typedef void pooler(tt_work *work, const sliding *s, const int64_t *o, const tt_cell *image,
                    int64_t channel, int64_t out);

static tt_status pool(tt_work *work, pooler *each)
{
    const tt_type *x = &work->in[0].type;
    sliding s = sliding_of(x, work->attribute[0].word, work->attribute, 1);
    int64_t windows = product_of(s.windows, s.axes), image = product_of(x->size + 1, s.axes);
    int64_t channels = x->size[x->rank - 1];
    for (int64_t n = 0; n < x->size[0]; n++) {
        int64_t o[SPATIAL_MAX] = {0};
        for (int64_t i = 0; i < windows; i++, next_window(&s, o))
            for (int64_t c = 0; c < channels; c++)
                each(work, &s, o, work->in[0].cells + n * image * channels, c,
                     (n * windows + i) * channels + c);
    }
    return TT_OK;
}

static void sum_window(tt_work *work, const sliding *s, const int64_t *o, const tt_cell *image,
                       int64_t channel, int64_t out)
{
    const tt_type *x = &work->in[0].type;
    bool is_float = tt_element_is_float((tt_element)x->element);
    tt_cell one = is_float ? (tt_cell){.f = 1} : (tt_cell){.u = 1};
    total sum = {0, 0};
    for (int64_t tap = 0; tap < s->taps; tap++) {
        int64_t place = tap_place(s, o, tap);
        if (place >= 0)
            add_product(&sum, is_float, image[place * x->size[x->rank - 1] + channel], one);
    }
    work->out[0].cells[out] = total_cell(work, &sum);
}

static tt_status pool_sum_reference(tt_work *work)
{
    return pool(work, sum_window);
}

static void greatest_in_window(tt_work *work, const sliding *s, const int64_t *o,
                               const tt_cell *image, int64_t channel, int64_t out)
{
    const tt_type *x = &work->in[0].type;
    tt_element element = (tt_element)x->element;
    bool is_float = tt_element_is_float(element);
    tt_cell best = tt_cell_of_number(element, (double)-INFINITY), none = {0}; // the least there is
    int64_t best_tap = -1;
    for (int64_t tap = 0; tap < s->taps; tap++) {
        int64_t place = tap_place(s, o, tap);
        if (place < 0)
            continue;
        tt_cell cell = image[place * x->size[x->rank - 1] + channel];
        bool wins =
            best_tap < 0 || tt_cell_apply(TT_OP_LESS, element, best, cell, none, true).i != 0;
        if (is_float && best_tap >= 0 && (isnan(cell.f) || isnan(best.f)))
            wins = !isnan(best.f);
        if (wins) {
            best = cell;
            best_tap = tap;
        }
    }
    work->out[0].cells[out] = best;
    work->out[1].cells[out].i = best_tap;
}

static tt_status pool_greatest_reference(tt_work *work)
{
    return pool(work, greatest_in_window);
}

static void pool_sum_derivative(tt_back *back)
{
    tt_graph *g = back->graph;
    tt_type x = *tt_graph_type(g, back->in[0]);
    sliding s = sliding_of(&x, back->attribute[0].word, back->attribute, 1);
    window_lists lists = backward_windows(&s);
    tt_windows windows = windows_of(&lists);
    bool nothing = tt_type_count(tt_graph_type(g, back->dy[0])) == 0 || tt_type_count(&x) == 0;
    back->dx[0] = nothing ? zeros_like(g, back->in[0])
                          : tt_pool_sum(g, back->dy[0], back->attribute[0].word, &windows);
}

#define TAPS_MAX 1024 // of a window that is differentiated: each is some nodes

// Each element of the window sends back what it was chosen for, to its place in x.
static void pool_greatest_derivative(tt_back *back)
{
    tt_graph *g = back->graph;
    tt_type x = *tt_graph_type(g, back->in[0]);
    sliding s = sliding_of(&x, back->attribute[0].word, back->attribute, 1);
    tt_value zero = tt_number(g, (tt_element)x.element, 0), sum = zeros_like(g, back->in[0]);
    tt_value place = {back->node, 1};
    if (s.taps > TAPS_MAX) {
        tt_graph_fail(g, TT_UNSUPPORTED,
                      "pool_greatest: windows of %lld elements have no derivative, of %d they do; "
                      "greatest along an axis has one",
                      (long long)s.taps, TAPS_MAX);
        return;
    }
    for (int64_t tap = 0; tap < s.taps && tt_type_count(tt_graph_type(g, place)) > 0; tap++) {
        int64_t before[TT_RANK_MAX] = {0}, after[TT_RANK_MAX] = {0}, between[TT_RANK_MAX] = {0};
        int64_t rest = tap;
        for (unsigned i = s.axes; i > 0; i--) {
            const tt_span *f = &s.span[i - 1];
            before[i] = rest % f->window * f->dilation - f->before;
            between[i] = f->stride - 1;
            after[i] = f->size - before[i] - ((s.windows[i - 1] - 1) * f->stride + 1);
            rest /= f->window;
        }
        tt_value chosen = tt_equal(g, place, tt_number(g, TT_I32, (double)tap));
        tt_value sent = tt_select(g, chosen, back->dy[0], zero);
        tt_value there = tt_pad(g, sent, zero, before, after, between);
        sum = tap == 0 ? there : tt_add(g, sum, there);
    }
    back->dx[0] = sum;
}

static uint64_t pool_cost(const tt_graph *graph, uint32_t node)
{
    unsigned count;
    const int64_t *window = tt_graph_attribute(graph, node, 0, &count);
    uint64_t cost = (uint64_t)tt_type_count(tt_graph_type(graph, (tt_value){node, 0}));
    for (unsigned i = 0; i < count; i++)
        cost = tt_cost_multiply(cost, (uint64_t)window[i]);
    return cost;
}

#define WINDOWS                                                                                    \
    {"stride", TT_ATTRIBUTE_LIST}, {"dilation", TT_ATTRIBUTE_LIST}, {"spread", TT_ATTRIBUTE_LIST}, \
        {"before", TT_ATTRIBUTE_LIST},                                                             \
    {                                                                                              \
        "after", TT_ATTRIBUTE_LIST                                                                 \
    }

const tt_row tt_product_rows[] = {
    {.name = "matmul",
     .inputs_min = 2,
     .inputs_max = 2,
     .type = matmul_type,
     .reference = matmul_reference,
     .derivative = matmul_derivative,
     .cost = matmul_cost,
     .help = "(..., m, k) times (..., k, n); what stands before is broadcast"},
    {.name = "conv",
     .inputs_min = 2,
     .inputs_max = 2,
     .attributes = {WINDOWS, {"groups", TT_ATTRIBUTE_NUMBER}},
     .type = conv_type,
     .reference = conv_reference,
     .derivative = conv_derivative,
     .cost = conv_cost,
     .help = "(batch, sizes..., in) with weights (out, sizes..., in / groups), in 1 to 5 axes"},
    {.name = "pool_sum",
     .inputs_min = 1,
     .inputs_max = 1,
     .attributes = {{"window", TT_ATTRIBUTE_LIST}, WINDOWS},
     .type = pool_sum_type,
     .reference = pool_sum_reference,
     .derivative = pool_sum_derivative,
     .cost = pool_cost,
     .help = "the sum of each window of (batch, sizes..., channels); padding is 0"},
    {.name = "pool_greatest",
     .inputs_min = 1,
     .inputs_max = 1,
     .attributes = {{"window", TT_ATTRIBUTE_LIST}, WINDOWS},
     .type = pool_greatest_type,
     .reference = pool_greatest_reference,
     .derivative = pool_greatest_derivative,
     .cost = pool_cost,
     .help = "the greatest of each window, and its place there (i32; -1: all is padding); no "
             "number wins, padding never counts"},
};
