// Products of matrices, and convolutions.
//
// A convolution's two gradients are convolutions, too: what is between windows in one is between
// elements in the other (tt_windows' stride and spread change places).

#include <math.h>
#include <string.h>

#include "ai/graph/row.h"
#include "ai/graph/sliding.h"

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
                tt_total sum = {0, 0};
                for (int64_t inner = 0; inner < k; inner++)
                    tt_total_add(&sum, is_float, ma[row * k + inner], mb[inner * n + column]);
                work->out[0].cells[(i * m + row) * n + column] = tt_total_cell(work, &sum);
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
    if (!tt_sliding_type(rule, w->size + 1, 0))
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
    tt_sliding s = tt_sliding_of(x, w->size + 1, work->attribute, 0);
    int64_t windows = tt_product_of(s.windows, s.axes), image = tt_product_of(x->size + 1, s.axes);
    for (int64_t n = 0; n < y->size[0]; n++) {
        int64_t o[TT_SPATIAL_MAX] = {0};
        for (int64_t i = 0; i < windows; i++, tt_next_window(&s, o))
            for (int64_t c = 0; c < out; c++) {
                tt_total sum = {0, 0};
                for (int64_t tap = 0; tap < s.taps; tap++) {
                    int64_t place = tt_tap_place(&s, o, tap);
                    if (place < 0)
                        continue; // padding
                    const tt_cell *px =
                        work->in[0].cells + (n * image + place) * in + c / outs * share;
                    const tt_cell *pw = work->in[1].cells + (c * s.taps + tap) * share;
                    for (int64_t k = 0; k < share; k++)
                        tt_total_add(&sum, is_float, px[k], pw[k]);
                }
                work->out[0].cells[(n * windows + i) * out + c] = tt_total_cell(work, &sum);
            }
    }
    return TT_OK;
}

// The first axis and the last change places.
static tt_value ends_swapped(tt_graph *g, tt_value v)
{
    int64_t order[TT_RANK_MAX];
    if (tt_is_none(v))
        return v;
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

static tt_value conv_input_gradient(tt_back *back, const tt_sliding *s)
{
    tt_graph *g = back->graph;
    int64_t axes[TT_SPATIAL_MAX], groups = back->attribute[5].word[0];
    tt_window_lists lists = tt_backward_windows(s);
    for (unsigned i = 0; i < s->axes; i++)
        axes[i] = i + 1;
    tt_value turned = tt_flip(g, swap_ends(g, back->in[1], groups), s->axes, axes);
    tt_windows windows = tt_windows_of(&lists);
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
static tt_value conv_weights_gradient(tt_back *back, const tt_sliding *s)
{
    tt_graph *g = back->graph;
    int64_t groups = back->attribute[5].word[0];
    tt_window_lists lists = {.stride = {0}};
    for (unsigned i = 0; i < s->axes; i++) {
        const tt_span *f = &s->span[i];
        tt_put_span(&lists, i,
                    (tt_span){.size = f->size,
                              .window = s->windows[i],
                              .stride = f->dilation,
                              .dilation = f->stride,
                              .spread = f->spread,
                              .before = f->before},
                    f->window);
    }
    tt_windows windows = tt_windows_of(&lists);
    return ends_swapped(g, tt_conv(g, images_as_channels(g, back->in[0], groups),
                                   ends_swapped(g, back->dy[0]), &windows, groups));
}

static void conv_derivative(tt_back *back)
{
    tt_graph *g = back->graph;
    tt_type x = *tt_graph_type(g, back->in[0]), w = *tt_graph_type(g, back->in[1]);
    bool nothing = tt_type_count(tt_graph_type(g, back->dy[0])) == 0 || tt_type_count(&x) == 0 ||
                   tt_type_count(&w) == 0;
    tt_sliding s = tt_sliding_of(&x, w.size + 1, back->attribute, 0);
    if (back->wanted[0])
        back->dx[0] = nothing ? tt_zeros_like(g, back->in[0]) : conv_input_gradient(back, &s);
    if (back->wanted[1])
        back->dx[1] = nothing ? tt_zeros_like(g, back->in[1]) : conv_weights_gradient(back, &s);
}

static uint64_t conv_cost(const tt_graph *graph, uint32_t node)
{
    const tt_type *w = tt_graph_type(graph, tt_graph_inputs(graph, node)[1]);
    uint64_t cost = (uint64_t)tt_type_count(tt_graph_type(graph, (tt_value){node, 0}));
    for (unsigned i = 1; i < w->rank; i++)
        cost = tt_cost_multiply(cost, w->size[i] > 0 ? (uint64_t)w->size[i] : 1);
    return cost; // windows are gone through even where there are no channels to be multiplied
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
     .attributes = {TT_WINDOWS, {"groups", TT_ATTRIBUTE_NUMBER}},
     .type = conv_type,
     .reference = conv_reference,
     .derivative = conv_derivative,
     .cost = conv_cost,
     .help = "(batch, sizes..., in) with weights (out, sizes..., in / groups), in 1 to 5 axes"},
};
