// Products in registers: convolutions, products of matrices and the gradients of both.
//
// Each element made is a sum over `sum` and over the taps of windows, in ascending order, fused
// multiply and add, from zero: however it is cut into tiles, the bits are the same. A tile is some
// numbers of one axis, each a register of lanes of another: the operand that has the lanes' axis is
// loaded once for all of them, the other element by element. Tiles at the edges of an image are
// written out, with the taps that lie inside; those between are one loop.
//
// Where `sum` counts images (a convolution's weights' gradient), each image's sum is added to what
// is made, so that an image is walked while it is near. In blocks of images, lanes count those of a
// block: of the batch, or of the sum, whose lanes are then joined.

#include <stdlib.h>
#include <string.h>

#include "ai/graph/shape.h"
#include "ai/lower/product.h"
#include "ai/lower/tiles.h"

#define ROWS_MOST 32 // of a block, which has no more than ROWS_NUMBERS of a row's and its sums'
#define ROWS_LEAST 8
#define ROWS_NUMBERS 32768

static uint32_t base_of(const tt_graph *graph, uint32_t node)
{
    return tt_graph_node(graph, node)->op == TT_OP_TRANSPOSE ? tt_graph_inputs(graph, node)[0].node
                                                             : node;
}

bool tt_product_is_closed(const tt_graph *graph, uint32_t node)
{
    uint32_t base = base_of(graph, node);
    tt_value x = tt_graph_inputs(graph, base)[0];
    if (tt_graph_node(graph, base)->op != TT_OP_CONV ||
        tt_graph_node(graph, x.node)->op != TT_OP_TRANSPOSE)
        return false;
    return tt_graph_attribute(graph, x.node, 0, NULL)[tt_graph_type(graph, x)->rank - 1u] == 0;
}

static bool is_counted(const tt_type *type)
{
    int64_t count = tt_type_count(type);
    return type->element == TT_F32 && count > 0 && count <= INT32_MAX;
}

bool tt_is_product(const tt_graph *graph, uint32_t node)
{
    uint32_t base = base_of(graph, node);
    const tt_operation *n = tt_graph_node(graph, base);
    if (n->op != TT_OP_CONV && n->op != TT_OP_MATMUL)
        return false;
    const tt_value *in = tt_graph_inputs(graph, base);
    const tt_type *a = tt_graph_type(graph, in[0]), *b = tt_graph_type(graph, in[1]);
    if (!is_counted(a) || !is_counted(b) || !is_counted(tt_graph_type(graph, (tt_value){base, 0})))
        return false;
    if (n->op == TT_OP_MATMUL)
        return true;
    for (unsigned i = 0; i + 2 < a->rank; i++)
        if (tt_graph_attribute(graph, base, 0, NULL)[i] != 1 &&
            tt_graph_attribute(graph, base, 2, NULL)[i] != 1)
            return false; // both a stride and a spread
    return a->rank <= WINDOWS_MAX + 2;
}

// Whether the numbers of a value's axis lie side by side, behind movements.
static bool is_innermost(const tt_graph *graph, tt_value value, unsigned own)
{
    for (;;) {
        const tt_operation *n = tt_graph_node(graph, value.node);
        unsigned rank = tt_graph_type(graph, value)->rank;
        tt_value input = n->input_count > 0 ? tt_graph_inputs(graph, value.node)[0] : TT_NONE;
        if (n->op == TT_OP_TRANSPOSE)
            own = (unsigned)tt_graph_attribute(graph, value.node, 0, NULL)[own];
        else if (n->op == TT_OP_BROADCAST)
            own += tt_graph_type(graph, input)->rank - rank;
        else if (n->op != TT_OP_FLIP && n->op != TT_OP_SLICE && n->op != TT_OP_STOP &&
                 n->op != TT_OP_AFTER)
            return own + 1 == rank;
        value = input;
    }
}

tt_value tt_product_copies(const tt_graph *graph, uint32_t node)
{
    uint32_t base = base_of(graph, node);
    const tt_value *in = tt_graph_inputs(graph, base);
    const tt_operation *by = tt_graph_node(graph, in[1].node);
    if (by->op != TT_OP_TRANSPOSE)
        return TT_NONE;
    if (tt_graph_node(graph, base)->op == TT_OP_CONV) { // as tt_graph_arrange makes them
        tt_value inner = tt_graph_inputs(graph, in[1].node)[0];
        return tt_graph_node(graph, inner.node)->op == TT_OP_TRANSPOSE ? inner : TT_NONE;
    }
    const tt_type *a = tt_graph_type(graph, in[0]), *b = tt_graph_type(graph, in[1]);
    if (a->rank == 2 && b->rank == 2 && tt_tiles_packs(a->size[0], b->size[1], a->size[1]))
        return TT_NONE; // it is copied as it is read
    if (a->rank == 2 && b->rank == 2 && tt_tiles_are_few(a->size[0], a->size[1]) &&
        is_innermost(graph, in[0], 1) && is_innermost(graph, in[1], 0))
        return TT_NONE;
    unsigned row = tt_graph_type(graph, in[0])->rank - 2u;
    unsigned column = tt_graph_type(graph, in[1])->rank - 1u;
    return is_innermost(graph, in[1], column) || is_innermost(graph, in[0], row) ? TT_NONE : in[1];
}

// Where an axis of the base's result is counted in the domain.
static unsigned along_of(const product *p, uint32_t node, unsigned own)
{
    unsigned count;
    if (tt_graph_node(p->f->graph, node)->op != TT_OP_TRANSPOSE)
        return own;
    const int64_t *order = tt_graph_attribute(p->f->graph, node, 0, &count);
    for (unsigned i = 0; i < count; i++)
        if (order[i] == own)
            return i;
    return own;
}

static void add_free(product *p, int64_t size, int64_t a, int64_t b, unsigned to, int64_t scale)
{
    p->free[p->free_count++] = (axis){size, {a, b}, to, scale, false};
}

// The first operand's axis 0, that counts images: as it is, or by blocks.
static void add_batch(product *p, int64_t size, const place *x, unsigned to)
{
    int64_t block, image;
    if (!p->f->blocked || to != 0) {
        add_free(p, size, x->stride[0], 0, to, 1);
        return;
    }
    tt_fusing_batch(x, 0, &block, &image);
    add_free(p, size / TT_LANES, block, 0, 0, 1);
    add_free(p, TT_LANES, image, 0, p->f->domain.rank - 1u, 1);
}

// What is summed, axis `own` of each operand: as it is, or by blocks of images.
static void set_sum(product *p, int64_t size, const place operand[2], const unsigned own[2])
{
    p->sum = (axis){.size = size, .stride = {operand[0].stride[own[0]], operand[1].stride[own[1]]}};
    p->block = (axis){.size = 1};
    if (operand[0].batch != (int)own[0] && operand[1].batch != (int)own[1])
        return;
    p->sum.size = size / TT_LANES;
    p->block.size = TT_LANES;
    for (unsigned o = 0; o < 2; o++)
        tt_fusing_batch(&operand[o], own[o], &p->sum.stride[o], &p->block.stride[o]);
}

static void describe_conv(product *p, uint32_t node, uint32_t base, const place operand[2])
{
    const tt_graph *graph = p->f->graph;
    const tt_value *in = tt_graph_inputs(graph, base);
    const tt_type *x = tt_graph_type(graph, in[0]), *w = tt_graph_type(graph, in[1]);
    const int64_t *a = operand[0].stride, *b = operand[1].stride;
    unsigned last = x->rank - 1u, channels = along_of(p, node, last);
    int64_t groups = tt_graph_attribute(graph, base, 5, NULL)[0], each = w->size[0] / groups;
    add_batch(p, x->size[0], &operand[0], along_of(p, node, 0));
    if (groups > 1)
        add_free(p, groups, a[last] * w->size[last], b[0] * each, channels, each);
    add_free(p, each, 0, b[0], channels, 1);
    set_sum(p, w->size[last], operand, (unsigned[]){last, last});
    for (unsigned i = 0; i + 1 < last; i++)
        p->window[p->window_count++] =
            (window){.span = {.size = x->size[i + 1],
                              .window = w->size[i + 1],
                              .stride = tt_graph_attribute(graph, base, 0, NULL)[i],
                              .dilation = tt_graph_attribute(graph, base, 1, NULL)[i],
                              .spread = tt_graph_attribute(graph, base, 2, NULL)[i],
                              .before = tt_graph_attribute(graph, base, 3, NULL)[i]},
                     .count = tt_graph_type(graph, (tt_value){base, 0})->size[i + 1],
                     .stride = {a[i + 1], b[i + 1]},
                     .along = along_of(p, node, i + 1)};
}

// The rows of matrices, of which there are several: where they are many and can be cut evenly, a
// loop over blocks of them stands around the rest, so that what is made of a block may be read
// before the next (chain.c).
static void add_rows(product *p, int64_t size, int64_t stride, unsigned to, int64_t longest)
{
    int64_t most = ROWS_NUMBERS / longest, block = most < ROWS_MOST ? most : ROWS_MOST;
    block -= block % TT_ROWS_TOGETHER;
    while (block >= ROWS_LEAST && size % block != 0)
        block -= TT_ROWS_TOGETHER;
    if (block >= ROWS_LEAST && size >= 2 * block) {
        add_free(p, size / block, stride * block, 0, to, block);
        p->free[p->free_count - 1].blocks = true;
        size = block;
    }
    add_free(p, size, stride, 0, to, 1);
}

static void describe_matmul(product *p, uint32_t node, uint32_t base, const place operand[2])
{
    const tt_graph *graph = p->f->graph;
    const tt_type *type[2], *out = tt_graph_type(graph, (tt_value){base, 0});
    for (unsigned o = 0; o < 2; o++)
        type[o] = tt_graph_type(graph, tt_graph_inputs(graph, base)[o]);
    unsigned ra = type[0]->rank, rb = type[1]->rank;
    int64_t matrices = 1, columns = type[1]->size[rb - 1], sum = type[1]->size[rb - 2];
    for (unsigned i = 0; i + 2 < out->rank; i++) {
        int64_t stride[2] = {0, 0};
        matrices *= out->size[i];
        for (unsigned o = 0; o < 2; o++)
            if (i + type[o]->rank >= out->rank)
                stride[o] = operand[o].stride[i + type[o]->rank - out->rank];
        add_free(p, out->size[i], stride[0], stride[1], along_of(p, node, i), 1);
    }
    unsigned row = along_of(p, node, out->rank - 2u);
    if (ra == 2)
        add_batch(p, type[0]->size[0], &operand[0], row);
    else
        add_rows(p, type[0]->size[ra - 2], operand[0].stride[ra - 2], row,
                 matrices == 1   ? INT64_MAX
                 : columns > sum ? columns
                                 : sum);
    add_free(p, type[1]->size[rb - 1], 0, operand[1].stride[rb - 1],
             along_of(p, node, out->rank - 1u), 1);
    set_sum(p, type[0]->size[ra - 1], operand, (unsigned[]){ra - 1, rb - 2});
}

void tt_fuse_product(fusing *f)
{
    uint32_t node = f->member[0].node, base = base_of(f->graph, node);
    product *p = calloc(1, sizeof(*p));
    if (p == NULL) {
        f->full = true;
        return;
    }
    *p = (product){.f = f, .form = f->form, .by_image = tt_product_is_closed(f->graph, node)};
    for (unsigned o = 0; o < 2; o++)
        p->operand[o] = tt_fusing_operand(f, tt_graph_inputs(f->graph, base)[o]);
    if (!f->full) {
        f->blocked = f->place[p->operand[0]].batch == 0 && base == node;
        tt_fusing_walk(f);
        const place operand[2] = {f->place[p->operand[0]], f->place[p->operand[1]]};
        p->at[0].offset = operand[0].offset;
        p->at[1].offset = operand[1].offset;
        if (tt_graph_node(f->graph, base)->op == TT_OP_CONV)
            describe_conv(p, node, base, operand);
        else
            describe_matmul(p, node, base, operand);
        if (!tt_tiles_walk_winograd(p)) {
            tt_tiles_choose(p);
            tt_tiles_walk_all(p);
        }
        uint64_t sums = (uint64_t)tt_type_count(&f->group->domain);
        for (unsigned i = 0; i < p->window_count; i++)
            sums = tt_cost_multiply(sums, (uint64_t)p->window[i].span.window);
        f->fused->cost = tt_cost_multiply(sums, (uint64_t)(p->sum.size * p->block.size));
    }
    free(p);
}
