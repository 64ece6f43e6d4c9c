// Reverse-mode differentiation as a graph transform.
//
// Values are numbered in an order of computation, so walking the numbers downwards from the loss
// meets every use of a value before the value itself: its gradient is then complete. Only values
// between the loss and something in `wrt` are visited, so nothing is computed that nobody asked
// for.

#include <stdlib.h>
#include <string.h>

#include "ai/oldgraph/primitive.h"

// Marks the values that depend on something in `wrt`, up to and including the loss.
static bool *depends_on(const tt_graph *graph, const tt_value *loss, tt_value *const *wrt,
                        size_t count)
{
    bool *depends = calloc(loss->id + 1, sizeof(bool));
    if (depends == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (wrt[i]->id <= loss->id)
            depends[wrt[i]->id] = true;
    for (unsigned id = 0; id <= loss->id; id++) {
        const tt_value *value = tt_graph_value(graph, id);
        for (unsigned i = 0; i < value->input_count; i++)
            depends[id] |= depends[value->inputs[i]->id];
    }
    return depends;
}

// Adds to the gradients of one value's inputs what flows back through it.
static bool step_back(tt_value *value, const bool *depends, tt_value **gradient_of)
{
    bool wanted[TT_INPUTS_MAX] = {false}, any = false;
    tt_value *flowing[TT_INPUTS_MAX] = {NULL};
    for (unsigned i = 0; i < value->input_count; i++)
        any |= wanted[i] = depends[value->inputs[i]->id] && value->inputs[i]->type == TT_F32;
    if (!any)
        return true;
    if (value->primitive->derivative == NULL)
        return tt_graph_fail(value->graph, "%s has no derivative", value->primitive->name);
    value->primitive->derivative(value, gradient_of[value->id], wanted, flowing);
    for (unsigned i = 0; i < value->input_count; i++) {
        tt_value **sum = &gradient_of[value->inputs[i]->id];
        if (!wanted[i])
            continue;
        if (flowing[i] == NULL)
            return tt_graph_fail(value->graph, "%s: has no derivative with respect to input %u",
                                 value->primitive->name, i);
        *sum = *sum == NULL ? flowing[i] : tt_add(*sum, flowing[i]);
    }
    return true;
}

bool tt_gradient_fits(tt_value *value, const tt_value *gradient, const tt_shape *shape)
{
    return (gradient->type == TT_F32 && tt_shape_equal(&gradient->shape, shape)) ||
           tt_graph_fail(value->graph, "%s: the gradient is %s %s, expects f32 %s",
                         value->primitive->name, tt_type_name(gradient->type),
                         tt_shape_text(&gradient->shape), tt_shape_text(shape));
}

tt_status tt_graph_gradient(tt_graph *graph, tt_value *loss, tt_value *const *wrt, size_t count,
                            tt_value **gradients)
{
    if (loss == NULL || loss->type != TT_F32 || loss->shape.rank != 0) {
        tt_graph_fail(graph, "gradient: the loss must be an f32 scalar");
        return TT_INVALID;
    }
    for (size_t i = 0; i < count; i++)
        if (wrt[i] == NULL || wrt[i]->graph != graph || loss->graph != graph) {
            tt_graph_fail(graph, "gradient: value %zu of those asked for is not of this graph", i);
            return TT_INVALID;
        }
    unsigned last = loss->id; // what is added below comes after it
    bool *depends = depends_on(graph, loss, wrt, count);
    tt_value **gradient_of = calloc(last + 1, sizeof(gradient_of[0]));
    bool sound = depends != NULL && gradient_of != NULL;
    if (sound) {
        float one = 1;
        gradient_of[last] = tt_constant(graph, TT_F32, TT_SCALAR, &one);
    }
    for (unsigned id = last + 1; sound && id > 0; id--)
        if (depends[id - 1] && gradient_of[id - 1] != NULL)
            sound = step_back(tt_graph_value(graph, id - 1), depends, gradient_of);
    for (size_t i = 0; sound && i < count; i++) {
        tt_value *gradient = wrt[i]->id <= last ? gradient_of[wrt[i]->id] : NULL;
        gradients[i] =
            gradient != NULL ? gradient : tt_constant(graph, TT_F32, wrt[i]->shape, NULL);
    }
    free(depends);
    free(gradient_of);
    return sound ? TT_OK : TT_INVALID;
}
