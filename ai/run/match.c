// Which nodes are products and gradients of pools, and which kernel a node gets that no form
// computes.

#include "ai/run/program.h"

#include "ai/lower/product.h"

#include <math.h>
#include <string.h>

static const tt_operation *made_by(const tt_matching *m, tt_value value)
{
    return tt_graph_node(m->graph, value.node);
}

static tt_value input_of(const tt_matching *m, tt_value value, unsigned input)
{
    return tt_graph_inputs(m->graph, value.node)[input];
}

static const tt_type *type_of(const tt_matching *m, tt_value value)
{
    return tt_graph_type(m->graph, value);
}

static const int64_t *attribute(const tt_matching *m, uint32_t node, unsigned place)
{
    return tt_graph_attribute(m->graph, node, place, NULL);
}

static bool is_f32(const tt_matching *m, tt_value value)
{
    return type_of(m, value)->element == TT_F32;
}

// A constant of one element: simplified graphs have it without a broadcast where it is looked for.
static bool is_number(const tt_matching *m, tt_value value, double number)
{
    if (made_by(m, value)->op != TT_OP_BUFFER)
        return false;
    const tt_buffer *buffer = tt_graph_buffer(m->graph, (uint32_t)attribute(m, value.node, 0)[0]);
    return buffer->kind == TT_CONSTANT && tt_type_count(&buffer->type) == 1 &&
           tt_cell_number((tt_element)buffer->type.element,
                          tt_cell_load((tt_element)buffer->type.element, buffer->data, 0)) ==
               number;
}

static bool is_once(const tt_matching *m, tt_value value, tt_op op)
{
    return made_by(m, value)->op == op && m->uses[value.node] == 1;
}

bool tt_matches_product(const tt_matching *m, uint32_t node)
{
    if (!tt_is_product(m->graph, node))
        return false;
    return tt_graph_node(m->graph, node)->op != TT_OP_TRANSPOSE ||
           (!m->apart && m->uses[tt_graph_inputs(m->graph, node)[0].node] == 1);
}

// Whether a pad puts what window element `tap` chose where it came from.
static bool pads_back(const tt_matching *m, uint32_t pad, uint32_t pool, int64_t tap)
{
    const tt_type *x = type_of(m, input_of(m, (tt_value){pool, 0}, 0));
    const tt_type *y = type_of(m, (tt_value){pool, 0});
    if (!tt_type_equal(x, type_of(m, (tt_value){pad, 0})))
        return false;
    for (unsigned i = 0; i < 4; i++) {
        int64_t before = attribute(m, pad, 0)[i], between = attribute(m, pad, 2)[i];
        bool window = i == 1 || i == 2;
        if (!window && (before != 0 || between != 0))
            return false;
        if (!window)
            continue;
        int64_t columns = attribute(m, pool, 0)[1], k = i == 1 ? tap / columns : tap % columns;
        if (before != k * attribute(m, pool, 2)[i - 1] - attribute(m, pool, 4)[i - 1] ||
            (between != attribute(m, pool, 1)[i - 1] - 1 && y->size[i] > 1))
            return false;
    }
    return true; // what is behind follows from the sizes
}

// One of the terms that a greatest pool's gradient is the sum of: pad(select(place == tap, dy, 0)).
static bool pool_term(const tt_matching *m, tt_value value, int64_t tap, tt_value *place,
                      tt_value *dy)
{
    if (!is_once(m, value, TT_OP_PAD) || !is_number(m, input_of(m, value, 1), 0) ||
        !is_once(m, input_of(m, value, 0), TT_OP_SELECT))
        return false;
    tt_value chosen = input_of(m, value, 0), equal = input_of(m, chosen, 0);
    if (made_by(m, equal)->op != TT_OP_EQUAL || !is_number(m, input_of(m, chosen, 2), 0))
        return false;
    *dy = input_of(m, chosen, 1);
    for (unsigned i = 0; i < 2; i++) {
        *place = input_of(m, equal, i);
        if (tt_is_pool(m->graph, place->node) && place->output == 1 &&
            type_of(m, *place)->rank == 4 && is_number(m, input_of(m, equal, 1 - i), (double)tap))
            return tt_type_equal(type_of(m, *dy), type_of(m, (tt_value){place->node, 0})) &&
                   pads_back(m, value.node, place->node, tap);
    }
    return false;
}

static int64_t taps_of(const tt_matching *m, uint32_t pool)
{
    unsigned count;
    const int64_t *window = tt_graph_attribute(m->graph, pool, 0, &count);
    int64_t taps = 1;
    for (unsigned i = 0; i < count; i++)
        taps *= window[i];
    return taps;
}

// Of a pool of `x` only, unless that is none.
static bool match_pool_gradient(const tt_matching *m, tt_value value, tt_value x, tt_unpool *unpool)
{
    tt_value at = value, place = TT_NONE, dy = TT_NONE, first_place, first_dy;
    int64_t taps = 1;
    if (!is_f32(m, value) || made_by(m, value)->op != TT_OP_ADD)
        return false;
    while (made_by(m, at)->op == TT_OP_ADD) { // the last tap's term is the outermost
        at = input_of(m, at, 0).node > input_of(m, at, 1).node ? input_of(m, at, 1)
                                                               : input_of(m, at, 0);
        if (made_by(m, at)->op == TT_OP_ADD && m->uses[at.node] != 1)
            return false;
        if (taps++ > 64)
            return false;
    }
    at = value;
    for (int64_t tap = taps - 1; tap >= 0; tap--) {
        bool inner = tap == 0;
        unsigned later = inner ? 0 : input_of(m, at, 0).node > input_of(m, at, 1).node ? 0 : 1;
        tt_value term = inner ? at : input_of(m, at, later);
        if (!pool_term(m, term, tap, &place, &dy))
            return false;
        if (tap == taps - 1) {
            first_place = place;
            first_dy = dy;
        } else if (!tt_same(place, first_place) || !tt_same(dy, first_dy)) {
            return false;
        }
        if (!inner)
            at = input_of(m, at, 1 - later);
    }
    if (taps_of(m, place.node) != taps || (!tt_is_none(x) && !tt_same(input_of(m, place, 0), x)))
        return false;
    at = value;
    for (int64_t tap = taps - 1; tap >= 0; tap--) {
        unsigned later = tap > 0 && input_of(m, at, 0).node > input_of(m, at, 1).node ? 0 : 1;
        tt_value term = tap == 0 ? at : input_of(m, at, later);
        tt_value chosen = input_of(m, term, 0);
        m->fused[term.node] = true;
        m->fused[chosen.node] = true;
        if (m->uses[input_of(m, chosen, 0).node] == 1)
            m->fused[input_of(m, chosen, 0).node] = true;
        if (tap > 0) {
            at = input_of(m, at, 1 - later);
            m->fused[at.node] = true;
        }
    }
    *unpool = (tt_unpool){{place, dy, TT_NONE}};
    return true;
}

// select(y <= 0, 0, dy), the gradient of what ReLU made, where dy is the gradient of a greatest
// pool of y: one step, for what the pool chose is above 0 where the pixel was.
static bool match_relu_gradient(const tt_matching *m, tt_value value, tt_unpool *unpool)
{
    if (made_by(m, value)->op != TT_OP_SELECT || !is_f32(m, value))
        return false;
    tt_value order = input_of(m, value, 0);
    if (!is_once(m, order, TT_OP_LESS_OR_EQUAL) || !is_number(m, input_of(m, value, 1), 0) ||
        !is_number(m, input_of(m, order, 1), 0) ||
        !tt_type_equal(type_of(m, input_of(m, order, 0)), type_of(m, value)) ||
        !tt_type_equal(type_of(m, input_of(m, value, 2)), type_of(m, value)))
        return false;
    tt_value y = input_of(m, order, 0), dy = input_of(m, value, 2);
    if (m->uses[dy.node] == 1 && match_pool_gradient(m, dy, y, unpool)) {
        m->fused[order.node] = true;
        unpool->read[2] = (tt_value){unpool->read[0].node, 0};
        m->fused[dy.node] = true;
        return true;
    }
    return false;
}

bool tt_match_unpool(const tt_matching *m, uint32_t node, tt_unpool *unpool)
{
    tt_value value = {node, 0};
    return !m->apart && (match_pool_gradient(m, value, TT_NONE, unpool) ||
                         match_relu_gradient(m, value, unpool));
}

void tt_match_alone(const tt_graph *graph, uint32_t node, tt_step *step)
{
    tt_op op = (tt_op)tt_graph_node(graph, node)->op;
    *step = (tt_step){.node = node, .kernel = tt_reference_kernel};
    if (tt_looks_through(graph, node))
        step->kernel = tt_move_kernel;
    else if (op == TT_OP_PAD)
        step->kernel = tt_pad_kernel;
    else if (op == TT_OP_CONCATENATE)
        step->kernel = tt_concatenate_kernel;
    else if (op == TT_OP_GATHER)
        step->kernel = tt_gather_kernel;
}
