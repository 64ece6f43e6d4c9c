// What is stored in blocks of images.
//
// Where the lanes are channels, a convolution of six leaves ten idle. Where they are images none
// is, if there are 16: [batch / 16][rows][columns][channels][16]. Whoever reads such a value walks
// blocks and, innermost, the images of one; what is not stored so is then read and written image by
// image, so that any mixture is right, and none is quick.

#include <stdlib.h>
#include <string.h>

#include "ai/graph/shape.h"
#include "ai/lower/fusing.h"
#include "ai/lower/product.h"

typedef struct layout {
    tt_groups *groups;
    const tt_graph *graph;
    int64_t batch;
} layout;

static tt_op op_of(const layout *l, uint32_t node)
{
    return (tt_op)tt_graph_node(l->graph, node)->op;
}

static uint32_t base_of(const layout *l, uint32_t node)
{
    return op_of(l, node) == TT_OP_TRANSPOSE ? tt_graph_inputs(l->graph, node)[0].node : node;
}

// How much longer than by all lanes something takes by channels, where they fill whole registers:
// the same for all machines, since gradients of weights have the bits of how they are summed.
static double idle(int64_t channels)
{
    return (double)((channels + TT_LANES - 1) / TT_LANES * TT_LANES) / (double)channels;
}

// Whether convolutions take longer by channels; and the batch they have.
static bool is_better(layout *l)
{
    double channels = 0, images = 0;
    for (uint32_t node = 0; node < tt_graph_count(l->graph); node++) {
        uint32_t base = base_of(l, node);
        if (l->groups->how[node] != TT_LOWERED_PRODUCT || op_of(l, base) != TT_OP_CONV)
            continue;
        bool closed = tt_product_is_closed(l->graph, node);
        const tt_type *x = tt_graph_type(l->graph, tt_graph_inputs(l->graph, base)[0]);
        const tt_type *y = tt_graph_type(l->graph, (tt_value){base, 0});
        double work = (double)tt_row_of(TT_OP_CONV)->cost(l->graph, base);
        double out = idle(y->size[y->rank - 1]), in = idle(y->size[0]);
        channels += work * (closed && in < out ? in : out);
        images += work * (closed ? 1.2 : 1);
        l->batch = closed ? l->batch : x->size[0];
    }
    return l->batch > 0 && l->batch % TT_LANES == 0 && channels > 1.1 * images;
}

// Which of the axes of what a node reads counts the images of what is stored behind it; -1: none
// does, one by one.
static int batch_axis(const layout *l, tt_value value)
{
    tt_along at[TT_RANK_MAX] = {{0, 0, 0}};
    const tt_type *read = tt_graph_type(l->graph, value);
    for (unsigned i = 0; i < TT_RANK_MAX; i++)
        at[i] = (tt_along){0, 1, i};
    for (;;) {
        tt_op op = op_of(l, value.node);
        bool seen = l->groups->how[value.node] == TT_LOWERED_SEEN;
        if (!seen && op != TT_OP_STOP && op != TT_OP_AFTER && op != TT_OP_RESHAPE)
            break;
        if (op == TT_OP_RESHAPE)
            return -1; // channels lie apart
        if (seen)
            tt_follow(l->graph, value, at);
        value = tt_graph_inputs(l->graph, value.node)[0];
    }
    const tt_type *type = tt_graph_type(l->graph, value);
    bool one_by_one = type->rank > 0 && type->size[0] == l->batch && at[0].stride == 1 &&
                      at[0].offset == 0 && read->size[at[0].axis] == l->batch;
    return one_by_one ? (int)at[0].axis : -1;
}

// Whether a product may read its operand by blocks, whose axis counts images: the batch's, which
// is first in what is made, or the one that is summed.
static bool product_reads(const layout *l, uint32_t node, unsigned operand, int axis)
{
    uint32_t base = base_of(l, node);
    int rank = tt_graph_type(l->graph, tt_graph_inputs(l->graph, base)[operand])->rank;
    bool conv = op_of(l, base) == TT_OP_CONV;
    if (conv && tt_graph_attribute(l->graph, base, 5, NULL)[0] != 1)
        return false;
    if (axis == (conv || operand == 0 ? rank - 1 : rank - 2))
        return true;
    return operand == 0 && axis == 0 && base == node && (conv || rank == 2);
}

static void deny(layout *l, tt_value value, bool may)
{
    tt_value behind = tt_behind(l->groups, value);
    if (!may)
        l->groups->blocked[tt_value_place(l->graph, behind)] = false;
}

static bool in_rows(const layout *l, uint32_t node)
{
    const tt_unit *unit = &l->groups->unit[l->groups->unit_of[node]];
    return !unit->is_group || l->groups->group[unit->index].split >= 0;
}

// Whether a group can walk its first axis by blocks and their images: a product of another shape
// than a convolution's counts something else there, or by both operands.
static bool walks_blocks(const layout *l, uint32_t node)
{
    const tt_unit *unit = &l->groups->unit[l->groups->unit_of[node]];
    const tt_group *group = unit->is_group ? &l->groups->group[unit->index] : NULL;
    if (group == NULL || !group->product)
        return true;
    return op_of(l, l->groups->member[group->first]) == TT_OP_CONV;
}

static bool is_across(const layout *l, uint32_t node)
{
    const tt_unit *unit = &l->groups->unit[l->groups->unit_of[node]];
    return unit->is_group && l->groups->group[unit->index].across;
}

static void check_reads(layout *l, uint32_t node)
{
    tt_lowered how = l->groups->how[node];
    uint32_t base = how == TT_LOWERED_PRODUCT ? base_of(l, node) : node;
    const tt_unpool *unpool = how == TT_LOWERED_POOL ? l->groups->unpool[node] : NULL;
    const tt_value *read = unpool != NULL ? unpool->read : tt_graph_inputs(l->graph, base);
    unsigned count = unpool != NULL ? 3 : tt_graph_node(l->graph, base)->input_count;
    for (unsigned i = 0; i < count && !tt_is_none(read[i]); i++) {
        int axis = batch_axis(l, read[i]);
        bool first = axis == 0 && tt_graph_type(l->graph, read[i])->rank ==
                                      tt_graph_type(l->graph, (tt_value){node, 0})->rank;
        bool may = how == TT_LOWERED_PRODUCT ? product_reads(l, node, i, axis)
                   : how == TT_LOWERED_POOL
                       ? axis == 0
                       : first && how != TT_LOWERED_SHARED && walks_blocks(l, node) &&
                             (is_across(l, node) || !in_rows(l, node));
        deny(l, read[i], may);
    }
}

// What else than groups reads: steps of their own, results, and what is behind views.
static void mark_alone(const layout *l, const tt_grouping *grouping, bool *alone)
{
    const tt_graph *graph = l->graph;
    for (uint32_t node = 0; node < tt_graph_count(graph); node++) {
        const tt_operation *n = tt_graph_node(graph, node);
        bool view = n->op == TT_OP_RESHAPE ||
                    ((n->op == TT_OP_STOP || n->op == TT_OP_AFTER) && grouping->read[node]);
        for (unsigned i = 0; i < n->input_count; i++)
            if (view || l->groups->how[node] == TT_LOWERED_OWN)
                alone[tt_value_place(graph, tt_graph_inputs(graph, node)[i])] = true;
    }
    for (uint32_t i = 0; i < tt_graph_result_count(graph); i++)
        alone[tt_value_place(graph, tt_graph_result_at(graph, i)->value)] = true;
    for (uint32_t i = 0; i < tt_graph_assign_count(graph); i++)
        alone[tt_value_place(graph, tt_graph_assign_at(graph, i)->value)] = true;
}

bool tt_groups_block(tt_groups *groups, const tt_grouping *grouping)
{
    layout l = {.groups = groups, .graph = groups->graph};
    uint32_t nodes = tt_graph_count(l.graph);
    if (!is_better(&l))
        return true;
    bool *alone = calloc(tt_values_of(l.graph) + 1, sizeof(*alone));
    if (alone == NULL)
        return false;
    mark_alone(&l, grouping, alone);
    for (uint32_t node = 0; node < nodes; node++) {
        const tt_type *type = tt_graph_type(l.graph, (tt_value){node, 0});
        tt_lowered how = groups->how[node];
        bool computed =
            how == TT_LOWERED_FREE || how == TT_LOWERED_PRODUCT || how == TT_LOWERED_POOL;
        bool may = computed && groups->stored[node] && type->rank >= 3 &&
                   type->rank < TT_RANK_MAX && type->size[0] == l.batch && !in_rows(&l, node) &&
                   walks_blocks(&l, node);
        for (uint16_t i = 0; may && i < tt_graph_node(l.graph, node)->output_count; i++) {
            uint32_t at = tt_value_place(l.graph, (tt_value){node, i});
            groups->blocked[at] = !alone[at] && (i > 0 || !grouping->read[node]);
        }
    }
    for (uint32_t node = 0; node < nodes; node++) {
        tt_lowered how = groups->how[node];
        if (how == TT_LOWERED_FREE || how == TT_LOWERED_PRODUCT || how == TT_LOWERED_POOL ||
            how == TT_LOWERED_INLINE || how == TT_LOWERED_SHARED)
            check_reads(&l, node);
    }
    free(alone);
    return true;
}
