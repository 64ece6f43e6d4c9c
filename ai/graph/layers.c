// Layers' functions, made of rows.

#include "ai/graph/row.h"

tt_value tt_relu(tt_graph *graph, tt_value a)
{
    return tt_binary(graph, TT_OP_GREATER_OF, tt_number_like(graph, a, 0), a); // at 0 it is flat
}

// By tanh, which does not overflow: (1 + tanh(a / 2)) / 2.
tt_value tt_sigmoid(tt_graph *graph, tt_value a)
{
    tt_value half = tt_scale(graph, tt_unary(graph, TT_OP_TANH, tt_scale(graph, a, 0.5)), 0.5);
    return tt_add(graph, half, tt_number_like(graph, a, 0.5));
}

tt_value tt_gelu(tt_graph *graph, tt_value a)
{
    tt_value e = tt_unary(graph, TT_OP_ERF, tt_scale(graph, a, 0.7071067811865476));
    return tt_multiply(graph, tt_scale(graph, a, 0.5),
                       tt_add(graph, e, tt_number_like(graph, a, 1)));
}

tt_value tt_log_softmax(tt_graph *graph, tt_value a, int64_t axis)
{
    return tt_subtract(graph, a, tt_reduce(graph, TT_OP_LOG_SUM_EXP, a, 1, &axis));
}

tt_value tt_softmax(tt_graph *graph, tt_value a, int64_t axis)
{
    return tt_exp(graph, tt_log_softmax(graph, a, axis));
}

// The chosen logit is taken from the greatest before the sum of exp is added: where all logits are
// large, the difference of two large numbers would have lost what the loss is made of.
tt_value tt_cross_entropy(tt_graph *graph, tt_value logits, tt_value labels)
{
    if (!tt_usable(graph, logits) || !tt_usable(graph, labels))
        return TT_NONE;
    tt_type l = *tt_graph_type(graph, logits), n = *tt_graph_type(graph, labels);
    char tl[TT_TYPE_TEXT_BYTES], tn[TT_TYPE_TEXT_BYTES];
    if (l.rank != 2 || n.rank != 1 || n.size[0] != l.size[0]) {
        tt_graph_fail(graph, TT_INVALID,
                      "cross_entropy: logits are %s, labels %s; expects (batch, classes) and "
                      "(batch)",
                      tt_type_text(&l, tl), tt_type_text(&n, tn));
        return TT_NONE;
    }
    int64_t batch = l.size[0], classes = l.size[1];
    // A label outside the classes ends the run: it is looked up among them. What it chooses is
    // found by comparing places, so that logits are read in order, and the gradient is no scatter.
    tt_element counts = classes <= INT32_MAX ? TT_I32 : TT_I64;
    tt_value names = tt_iota(graph, TT_TYPE(counts, classes), 0);
    tt_value label =
        tt_reshape(graph, tt_gather(graph, names, labels, 0), 2, (int64_t[]){batch, 1});
    tt_value places = tt_iota(graph, TT_TYPE(counts, batch, classes), 1);
    tt_value greatest = tt_stop(graph, tt_reduce(graph, TT_OP_GREATEST, logits, 1, &(int64_t){1}));
    tt_value below = tt_subtract(graph, logits, greatest);
    tt_value one = tt_select(graph, tt_equal(graph, places, label), below,
                             tt_number(graph, (tt_element)l.element, 0));
    tt_value chosen = tt_reduce(graph, TT_OP_SUM, one, 1, &(int64_t){1});
    tt_value sums = tt_reduce(graph, TT_OP_LOG_SUM_EXP, below, 1, &(int64_t){1});
    return tt_mean_all(graph, tt_subtract(graph, sums, chosen));
}
