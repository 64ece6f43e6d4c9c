// The quantised network as a graph: integer sums are ordinary convolutions and products of i32,
// which become int8 by `requantise`.

#include <string.h>

#include "ai/convert/layers.h"

static tt_value table(tt_graph *g, const int32_t *numbers, int64_t count)
{
    return tt_constant(g, TT_TYPE(TT_I32, count), numbers);
}

// Real numbers in steps of their scale: q - zero point, as i32.
static tt_value centred(tt_graph *g, tt_value x, int32_t zero_point)
{
    return tt_subtract(g, tt_convert(g, x, TT_I32), tt_number(g, TT_I32, zero_point));
}

static tt_windows windows_of(const tt_layer *l, int64_t lists[3][2])
{
    const tt_plan_step *s = &l->step;
    for (unsigned i = 0; i < 2; i++) {
        lists[0][i] = i == 0 ? s->stride_rows : s->stride_columns;
        lists[1][i] = s->before[i];
        // As much behind as the last window reaches beyond the image, or takes away.
        lists[2][i] = (s->out[i] - 1) * lists[0][i] + s->window[i] - s->in[i] - s->before[i];
    }
    return (tt_windows){.stride = lists[0], .before = lists[1], .after = lists[2]};
}

static tt_value product(tt_graph *g, const tt_layer *l, tt_value x)
{
    const tt_plan_step *s = &l->step;
    int64_t lists[3][2], out = s->out[2];
    tt_windows windows = windows_of(l, lists);
    bool image = tt_graph_type(g, x)->rank == 4;
    tt_value real = centred(g, x, s->input_zero_point), sum;
    if (!image) {
        tt_value w = tt_constant(g, TT_TYPE(TT_I8, out, l->taps), l->weight);
        sum = tt_matmul(g, real, tt_transpose(g, tt_convert(g, w, TT_I32), (int64_t[]){1, 0}));
    } else if (l->kind == TT_STEP_DEPTHWISE) { // (rows, columns, out) to (out, rows, columns, 1)
        tt_value w = tt_constant(g, TT_TYPE(TT_I8, 1, s->window[0], s->window[1], out), l->weight);
        w = tt_transpose(g, tt_convert(g, w, TT_I32), (int64_t[]){3, 1, 2, 0});
        sum = tt_conv(g, real, w, &windows, s->in[2]);
    } else {
        tt_value w =
            tt_constant(g, TT_TYPE(TT_I8, out, s->window[0], s->window[1], s->in[2]), l->weight);
        sum = tt_conv(g, real, tt_convert(g, w, TT_I32), &windows, 1);
    }
    return tt_requantise(g, tt_add(g, sum, table(g, l->bias_sum, out)),
                         table(g, l->multiplier, out), table(g, l->shift, out),
                         s->output_zero_point, s->clamp[0], s->clamp[1]);
}

// TFLite's: half of how many are seen is added, away from zero, and the quotient truncated.
static tt_value average(tt_graph *g, const tt_layer *l, tt_value x)
{
    int64_t lists[3][2], window[2] = {l->step.window[0], l->step.window[1]};
    tt_windows windows = windows_of(l, lists);
    tt_type one = *tt_graph_type(g, x);
    one.size[0] = one.size[3] = 1;
    tt_value ones = tt_broadcast(g, tt_number(g, TT_I32, 1), one.rank, one.size);
    tt_value sum = tt_pool_sum(g, tt_convert(g, x, TT_I32), window, &windows);
    tt_value seen = tt_pool_sum(g, ones, window, &windows);
    tt_value half = tt_divide(g, seen, tt_number(g, TT_I32, 2));
    tt_value away = tt_select(g, tt_less(g, tt_number(g, TT_I32, 0), sum), tt_add(g, sum, half),
                              tt_subtract(g, sum, half));
    tt_value mean = tt_divide(g, away, seen);
    mean = tt_binary(g, TT_OP_GREATER_OF, mean, tt_number(g, TT_I32, l->step.clamp[0]));
    mean = tt_binary(g, TT_OP_LESSER_OF, mean, tt_number(g, TT_I32, l->step.clamp[1]));
    return tt_convert(g, mean, TT_I8);
}

static tt_value greatest(tt_graph *g, const tt_layer *l, tt_value x)
{
    int64_t lists[3][2], window[2] = {l->step.window[0], l->step.window[1]};
    tt_windows windows = windows_of(l, lists);
    return tt_pool_greatest(g, x, window, &windows);
}

static tt_value concatenation(tt_graph *g, const tt_layer *l, const tt_value *tensors)
{
    tt_value pieces[TT_PLAN_PIECES_MAX];
    for (unsigned k = 0; k < l->pieces; k++)
        pieces[k] = tensors[l->input[k]];
    return tt_concatenate(g, l->pieces, pieces, l->axis);
}

static tt_value layer(tt_graph *g, const tt_layer *l, const tt_value *tensors)
{
    tt_value x = tensors[l->input[0]];
    switch (l->kind) {
    case TT_STEP_CONV:
    case TT_STEP_DEPTHWISE:
        return product(g, l, x);
    case TT_STEP_MAX_POOL:
        return greatest(g, l, x);
    case TT_STEP_AVERAGE_POOL:
        return average(g, l, x);
    default:
        break;
    }
    tt_type type = l->shape; // a reshape keeps the batch, which is 1 here
    type.size[0] = 1;
    return l->pieces > 0 ? concatenation(g, l, tensors) : tt_reshape(g, x, type.rank, type.size);
}

tt_graph *tt_layers_graph(const tt_quantised *q)
{
    tt_graph *g = tt_graph_new();
    tt_type type = q->input;
    tt_value tensors[TT_LAYER_TENSORS_MAX];
    unsigned made = 0;
    type.element = TT_I8;
    type.size[0] = 1;
    tensors[0] = tt_input(g, "image", type);
    for (; made < q->count && !tt_is_none(tensors[made]); made++)
        tensors[made + 1] = layer(g, &q->layers[made], tensors);
    tt_graph_result(g, "logits", tensors[made]);
    return g;
}
