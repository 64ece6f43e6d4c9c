// Optimisers as graphs.

#include "tutti/optimiser.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ai/graph/row.h"

tt_value tt_norm(tt_graph *graph, unsigned count, const tt_value *values)
{
    tt_value sum = tt_number(graph, TT_F64, 0);
    for (unsigned i = 0; i < count; i++) {
        tt_value squares = tt_sum_all(graph, tt_multiply(graph, values[i], values[i]));
        sum = tt_add(graph, sum, tt_convert(graph, squares, TT_F64));
    }
    return tt_sqrt(graph, sum);
}

// What all parameters have in common.
typedef struct common {
    tt_graph *graph;
    const tt_optimiser *optimiser;
    tt_value rate;      // f64
    tt_value scale;     // f64, of the gradients; TT_NONE: 1
    tt_value mean;      // f64: the rate over 1 - beta1^step
    tt_value square;    // f64: the root of 1 - beta2^step
    tt_element element; // of the parameter at hand
} common;

// A number of the parameter's element type.
static tt_value number(const common *c, double value)
{
    return tt_number(c->graph, c->element, value);
}

// An f64 scalar as one of the parameter's element type.
static tt_value scalar(const common *c, tt_value value)
{
    return tt_convert(c->graph, value, c->element);
}

static tt_value state_of(const common *c, const char *what, tt_value parameter)
{
    const tt_operation *node = tt_graph_node(c->graph, parameter.node);
    int64_t buffer = tt_graph_attribute(c->graph, parameter.node, 0, NULL)[0];
    const char *of = tt_graph_buffer(c->graph, (uint32_t)buffer)->name;
    size_t room = strlen(what) + strlen(of) + 16;
    char *name = malloc(room);
    if (node->op != TT_OP_BUFFER || name == NULL) {
        free(name);
        tt_graph_fail(c->graph, TT_FULL, "optimise: no memory for a name");
        return TT_NONE;
    }
    snprintf(name, room, "optimiser.%s.%s", what, of);
    tt_value state = tt_state(c->graph, name, *tt_graph_type(c->graph, parameter));
    free(name);
    return state;
}

// share old + (1 - share) new
static tt_value blend(const common *c, double share, tt_value old, tt_value new)
{
    return tt_add(c->graph, tt_multiply(c->graph, old, number(c, share)),
                  tt_multiply(c->graph, new, number(c, 1 - share)));
}

static tt_value sgd(const common *c, tt_value parameter, tt_value gradient)
{
    tt_graph *g = c->graph;
    tt_value step = gradient;
    if (c->optimiser->momentum != 0) {
        tt_value kept = state_of(c, "momentum", parameter);
        tt_value share = number(c, c->optimiser->momentum);
        tt_value next = tt_add(g, tt_multiply(g, kept, share), gradient);
        tt_graph_assign(g, kept, next);
        step = c->optimiser->nesterov ? tt_add(g, gradient, tt_multiply(g, next, share)) : next;
    }
    return tt_subtract(g, parameter, tt_multiply(g, step, scalar(c, c->rate)));
}

static tt_value adam(const common *c, tt_value parameter, tt_value gradient)
{
    tt_graph *g = c->graph;
    tt_value mean = state_of(c, "momentum", parameter), square = state_of(c, "square", parameter);
    tt_value next_mean = blend(c, c->optimiser->momentum, mean, gradient);
    tt_value next_square =
        blend(c, c->optimiser->momentum_square, square, tt_multiply(g, gradient, gradient));
    tt_graph_assign(g, mean, next_mean);
    tt_graph_assign(g, square, next_square);
    tt_value root = tt_divide(g, tt_sqrt(g, next_square), scalar(c, c->square));
    tt_value step = tt_divide(g, next_mean, tt_add(g, root, number(c, c->optimiser->epsilon)));
    return tt_subtract(g, parameter, tt_multiply(g, step, scalar(c, c->mean)));
}

static void optimise_one(common *c, tt_value parameter, tt_value gradient, bool decays)
{
    tt_graph *g = c->graph;
    const tt_optimiser *o = c->optimiser;
    tt_value from = parameter;
    c->element = (tt_element)tt_graph_type(g, parameter)->element;
    if (!tt_is_none(c->scale))
        gradient = tt_multiply(g, gradient, scalar(c, c->scale));
    if (decays && o->weight_decay != 0 && o->kind != TT_ADAMW)
        gradient = tt_add(g, gradient, tt_multiply(g, parameter, number(c, o->weight_decay)));
    tt_value next = o->kind == TT_SGD ? sgd(c, from, gradient) : adam(c, from, gradient);
    if (decays && o->weight_decay != 0 && o->kind == TT_ADAMW) {
        // (1 - rate decay) parameter - step: the parameter's own part is what is taken away
        tt_value lost = tt_scale(g, c->rate, o->weight_decay);
        next = tt_subtract(g, next, tt_multiply(g, parameter, scalar(c, lost)));
    }
    tt_graph_assign(g, parameter, next);
}

// 1 - share^step, f64.
static tt_value correction(tt_graph *graph, double share, tt_value step)
{
    tt_value power = tt_binary(graph, TT_OP_POWER, tt_number(graph, TT_F64, share), step);
    return tt_subtract(graph, tt_number(graph, TT_F64, 1), power);
}

static bool is_share(double number)
{
    return number >= 0 && number < 1;
}

static bool is_sound(tt_graph *graph, const tt_optimiser *o, unsigned count,
                     const tt_value *parameters, const tt_value *gradients, tt_value rate)
{
    char p[TT_TYPE_TEXT_BYTES], d[TT_TYPE_TEXT_BYTES];
    bool adam = o->kind != TT_SGD;
    if (o->kind != TT_SGD && o->kind != TT_ADAM && o->kind != TT_ADAMW)
        return tt_graph_fail(graph, TT_INVALID, "optimise: there is no kind %d", (int)o->kind);
    if (!is_share(o->momentum) || (adam && !is_share(o->momentum_square)))
        return tt_graph_fail(graph, TT_INVALID,
                             "optimise: a momentum is %g or %g, expected from 0 to below 1",
                             o->momentum, o->momentum_square);
    if (!(o->weight_decay >= 0 && isfinite(o->weight_decay)) ||
        !(o->norm_max >= 0 && isfinite(o->norm_max)) ||
        (adam && !(o->epsilon > 0 && isfinite(o->epsilon))))
        return tt_graph_fail(graph, TT_INVALID,
                             "optimise: weight decay %g, greatest norm %g or epsilon %g is no "
                             "number from 0 on",
                             o->weight_decay, o->norm_max, o->epsilon);
    if (tt_is_none(rate) || tt_graph_type(graph, rate)->rank != 0 ||
        !tt_element_is_float((tt_element)tt_graph_type(graph, rate)->element))
        return tt_graph_fail(graph, TT_INVALID,
                             "optimise: the learning rate must be a scalar of a floating type");
    for (unsigned i = 0; i < count; i++)
        if (tt_is_none(parameters[i]) || tt_is_none(gradients[i]) ||
            tt_graph_node(graph, parameters[i].node)->op != TT_OP_BUFFER ||
            !tt_type_equal(tt_graph_type(graph, parameters[i]), tt_graph_type(graph, gradients[i])))
            return tt_graph_fail(
                graph, TT_INVALID, "optimise: value %u, %s, is no parameter with its gradient, %s",
                i,
                tt_is_none(parameters[i]) ? "none"
                                          : tt_type_text(tt_graph_type(graph, parameters[i]), p),
                tt_is_none(gradients[i]) ? "none"
                                         : tt_type_text(tt_graph_type(graph, gradients[i]), d));
    return true;
}

tt_status tt_optimise(tt_graph *graph, const tt_optimiser *optimiser, unsigned count,
                      const tt_value *parameters, const tt_value *gradients, const bool *decays,
                      tt_value rate)
{
    if (tt_graph_status(graph) != TT_OK ||
        !is_sound(graph, optimiser, count, parameters, gradients, rate))
        return tt_graph_status(graph);
    common c = {.graph = graph,
                .optimiser = optimiser,
                .scale = TT_NONE,
                .rate = tt_convert(graph, rate, TT_F64)};
    tt_value one = tt_number(graph, TT_I64, 1);
    tt_value steps = tt_state(graph, "optimiser.step", TT_SCALAR(TT_I64));
    tt_value step = tt_add(graph, steps, one);
    tt_graph_assign(graph, steps, step);
    if (optimiser->kind != TT_SGD) {
        tt_value now = tt_convert(graph, step, TT_F64);
        c.mean = tt_divide(graph, c.rate, correction(graph, optimiser->momentum, now));
        c.square = tt_sqrt(graph, correction(graph, optimiser->momentum_square, now));
    }
    if (optimiser->norm_max > 0) { // PyTorch's clip_grad_norm_ adds 1e-6, too
        tt_value norm =
            tt_add(graph, tt_norm(graph, count, gradients), tt_number(graph, TT_F64, 1e-6));
        tt_value share = tt_divide(graph, tt_number(graph, TT_F64, optimiser->norm_max), norm);
        c.scale = tt_binary(graph, TT_OP_LESSER_OF, share, tt_number(graph, TT_F64, 1));
    }
    for (unsigned i = 0; i < count && tt_graph_status(graph) == TT_OK; i++)
        optimise_one(&c, parameters[i], gradients[i], decays == NULL || decays[i]);
    return tt_graph_status(graph);
}
