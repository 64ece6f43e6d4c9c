// What a network's tensors have in common: memory and scales.
//
// The runtime has no step that joins tensors, and needs none: a step reads its input wherever it
// lies, so the pieces of a concatenation are made next to each other in the first place. A tensor
// lies in one place, and so can be a piece once; and what is read as one tensor has one scale.

#include "ai/lite/plan.h"
#include "ai/convert/layers.h"

static bool is_join(const tt_layer *l)
{
    return l->pieces > 0;
}

static bool is_reshape(const tt_layer *l)
{
    return l->kind == 0 && l->pieces == 0;
}

// The tensor whose bytes these are: a reshape's are its input's.
static uint8_t bytes_of(const tt_quantised *q, uint8_t tensor)
{
    while (tensor > 0 && is_reshape(&q->layers[tensor - 1]))
        tensor = q->layers[tensor - 1].input[0];
    return tensor;
}

static uint64_t byte_count(const tt_quantised *q, unsigned tensor, const tt_home *home)
{
    const tt_layer *l = tensor > 0 ? &q->layers[tensor - 1] : NULL;
    uint64_t bytes = 0;
    if (l == NULL)
        return (uint64_t)(tt_type_count(&q->input) / q->input.size[0]);
    if (l->kind != 0)
        return tt_step_output_bytes(&l->step);
    for (unsigned k = 0; k < tt_layer_inputs(l); k++)
        bytes += home[l->input[k]].bytes;
    return bytes;
}

void tt_layers_place(const tt_quantised *q, tt_home home[TT_LAYER_TENSORS_MAX])
{
    for (unsigned t = 0; t <= q->count; t++)
        home[t] = (tt_home){.block = (uint8_t)t, .bytes = byte_count(q, t, home)};
    for (unsigned t = q->count; t > 0; t--) { // what holds a tensor stands behind it, and is placed
        const tt_layer *l = &q->layers[t - 1];
        uint64_t offset = home[t].offset;
        for (unsigned k = 0; k < l->pieces; k++) {
            tt_home *piece = &home[bytes_of(q, l->input[k])];
            piece->block = home[t].block;
            piece->offset = offset;
            offset += piece->bytes;
        }
    }
    for (unsigned t = 0; t <= q->count; t++)
        home[t] = home[bytes_of(q, (uint8_t)t)];
}

static void join(uint8_t set[TT_LAYER_TENSORS_MAX], unsigned count, unsigned a, unsigned b)
{
    uint8_t low = set[a] < set[b] ? set[a] : set[b], high = set[a] < set[b] ? set[b] : set[a];
    for (unsigned t = 0; t <= count; t++)
        if (set[t] == high)
            set[t] = low;
}

// The sets of what the first `count` layers read and make.
static void share(const tt_quantised *q, unsigned count, uint8_t set[TT_LAYER_TENSORS_MAX])
{
    for (unsigned t = 0; t <= count; t++)
        set[t] = (uint8_t)t;
    for (unsigned t = 1; t <= count; t++) {
        const tt_layer *l = &q->layers[t - 1];
        for (unsigned k = 0; tt_is_none(l->weights) && k < tt_layer_inputs(l); k++)
            join(set, count, l->input[k], t);
    }
}

void tt_layers_share(const tt_quantised *q, uint8_t set[TT_LAYER_TENSORS_MAX])
{
    share(q, q->count, set);
}

// Whether what has a scale of its own must have the input's, after the first `count` layers.
static bool input_is_shared(const tt_quantised *q, unsigned count)
{
    uint8_t set[TT_LAYER_TENSORS_MAX];
    share(q, count, set);
    for (unsigned i = 0; i < count; i++)
        if (set[i + 1] == 0 && !tt_is_none(q->layers[i].weights))
            return true;
    return false;
}

tt_status tt_layers_check_joins(const tt_quantised *q, const tt_graph *graph, tt_text *why)
{
    bool used[TT_LAYER_TENSORS_MAX] = {false};
    unsigned pieces[TT_LAYER_TENSORS_MAX] = {1};
    for (unsigned i = 0; i < q->count; i++) {
        const tt_layer *l = &q->layers[i];
        const char *problem = NULL;
        pieces[i + 1] = is_reshape(l) ? pieces[l->input[0]] : !is_join(l);
        for (unsigned k = 0; k < l->pieces; k++) {
            uint8_t piece = bytes_of(q, l->input[k]);
            pieces[i + 1] += pieces[piece];
            if (used[piece])
                problem = "one of its pieces is joined twice, and a tensor lies in one place";
            used[piece] = true;
        }
        if (problem == NULL && pieces[i + 1] > TT_PLAN_PIECES_MAX)
            problem = "joins more than 8 pieces, with those that they are joined of";
        if (problem == NULL && is_join(l) && input_is_shared(q, i + 1))
            problem = "joins the network's input, whose scale is fixed, and what has its own";
        if (problem != NULL)
            return tt_layers_refuse(graph, l->value, TT_UNSUPPORTED, problem, why);
    }
    return TT_OK;
}
