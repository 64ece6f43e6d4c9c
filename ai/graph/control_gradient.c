// The derivatives of control flow: a loop backwards over the carries that it had, and a branch of
// the bodies' derivatives.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ai/graph/control.h"

static bool is_float(const tt_type *type)
{
    return tt_element_is_float((tt_element)type->element);
}

// An input of a body that is being made, under a name of its own.
static tt_value body_input(tt_graph *body, const char *what, unsigned number, tt_type type)
{
    char name[32];
    snprintf(name, sizeof(name), "%s %u", what, number);
    return tt_input(body, name, type);
}

static void body_result(tt_graph *body, const char *what, unsigned number, tt_value value)
{
    char name[32];
    snprintf(name, sizeof(name), "%s %u", what, number);
    tt_graph_result(body, name, value);
}

static tt_value zeros(tt_graph *graph, tt_type type)
{
    return tt_broadcast(graph, tt_number(graph, (tt_element)type.element, 0), type.rank, type.size);
}

// The gradients of a body's inputs, those that are wanted, given those of its results (TT_NONE:
// none), in the graph `to`, where `inputs` stand for the body's. Zeros for what takes no part.
static bool differentiate_body(tt_graph *to, const tt_graph *body, unsigned input_count,
                               const tt_value *inputs, const bool *wanted, const tt_value *seeds,
                               tt_value *gradients)
{
    tt_value results[TT_OUTPUTS_MAX + 1];
    tt_value *wrt = malloc((input_count + 1) * sizeof(*wrt));
    tt_value *made = malloc((input_count + 1) * sizeof(*made));
    unsigned count = 0, at = 0;
    bool sound = wrt != NULL && made != NULL;
    if (!sound)
        tt_graph_fail(to, TT_FULL, "no memory to differentiate a body");
    sound = sound && tt_graph_inline(to, body, inputs, results);
    for (unsigned i = 0; sound && i < input_count; i++)
        if (wanted[i])
            wrt[count++] = inputs[i];
    sound = sound && tt_graph_gradients(to, tt_graph_result_count(body), results, seeds, count, wrt,
                                        made) == TT_OK;
    for (unsigned i = 0; sound && i < input_count; i++)
        gradients[i] = wanted[i] ? made[at++] : TT_NONE;
    free(wrt);
    free(made);
    return sound;
}

void tt_branch_derivative(tt_back *back)
{
    tt_graph *g = back->graph;
    unsigned captures = back->input_count - 1, given = 0, gives = 0;
    tt_graph *body[2] = {tt_graph_new(), tt_graph_new()};
    size_t room = captures + back->output_count + 1u;
    tt_value *in = malloc(room * sizeof(*in)), *all = malloc(room * sizeof(*all));
    tt_value *gradient = malloc(room * sizeof(*gradient));
    bool sound =
        in != NULL && all != NULL && gradient != NULL && body[0] != NULL && body[1] != NULL;
    if (!sound)
        tt_graph_fail(g, TT_FULL, "no memory to differentiate a branch");
    for (unsigned which = 0; sound && which < 2; which++) {
        const tt_graph *forward = tt_graph_body(g, tt_graph_node(g, back->node)->body[which]);
        tt_value seeds[TT_OUTPUTS_MAX];
        given = gives = 0;
        for (unsigned i = 0; i < captures; i++, given++)
            in[i] = body_input(body[which], "capture", i, *tt_graph_type(g, back->in[i + 1]));
        for (unsigned i = 0; i < back->output_count; i++)
            seeds[i] = tt_is_none(back->dy[i])
                           ? TT_NONE
                           : body_input(body[which], "gradient", i,
                                        *tt_graph_type(g, (tt_value){back->node, (uint16_t)i}));
        sound = differentiate_body(body[which], forward, captures, in, back->wanted + 1, seeds,
                                   gradient);
        for (unsigned i = 0; sound && i < captures; i++)
            if (back->wanted[i + 1])
                body_result(body[which], "gradient", gives++, gradient[i]);
        if (!sound)
            tt_graph_fail(g, tt_graph_status(body[which]), "branch: %s",
                          tt_graph_error(body[which]));
    }
    given = 0;
    for (unsigned i = 0; sound && i < captures; i++)
        all[given++] = back->in[i + 1];
    for (unsigned i = 0; sound && i < back->output_count; i++)
        if (!tt_is_none(back->dy[i]))
            all[given++] = back->dy[i];
    if (sound) {
        tt_value value = tt_branch(g, back->in[0], given, all, body[0], body[1]);
        gives = 0;
        for (unsigned i = 0; i < captures; i++)
            if (back->wanted[i + 1])
                back->dx[i + 1] = tt_output(value, gives++);
    } else {
        tt_graph_free(body[0]);
        tt_graph_free(body[1]);
    }
    free(in);
    free(all);
    free(gradient);
}

// A loop: what it is given and gives, and the forward loop once more, with its carries kept.
typedef struct backward {
    tt_back *back;
    tt_graph *graph;
    unsigned carries, captures, scans;
    int64_t limit;
    tt_value kept[TT_OUTPUTS_MAX]; // by carry: (limit, ...) of what each turn began with
    tt_value turns;                // i64: how many there were
} backward;

// The forward body with each carry as a scan, and a carry that counts.
static tt_graph *keeping_body(const backward *b)
{
    const tt_graph *forward =
        tt_graph_body(b->graph, tt_graph_node(b->graph, b->back->node)->body[0]);
    unsigned inputs = 1 + b->carries + b->captures, at = 0;
    tt_graph *body = tt_graph_new();
    tt_value *in = malloc(inputs * sizeof(*in)), results[TT_OUTPUTS_MAX + 1];
    if (body == NULL || in == NULL) {
        tt_graph_free(body);
        free(in);
        return NULL;
    }
    in[0] = body_input(body, "turn", 0, TT_SCALAR(TT_I64));
    for (unsigned i = 0; i < b->carries; i++)
        in[1 + i] = body_input(body, "carry", i, tt_body_input(forward, 1 + i)->type);
    tt_value counted = body_input(body, "turns", 0, TT_SCALAR(TT_I64));
    for (unsigned i = 0; i < b->captures; i++)
        in[1 + b->carries + i] =
            body_input(body, "capture", i, tt_body_input(forward, 1 + b->carries + i)->type);
    if (tt_graph_inline(body, forward, in, results)) {
        for (unsigned i = 0; i < 1 + b->carries; i++)
            body_result(body, "result", at++, results[i]);
        body_result(body, "turns", 0, tt_add(body, counted, tt_number(body, TT_I64, 1)));
        for (unsigned i = 0; i < b->carries; i++)
            body_result(body, "kept", i, in[1 + i]);
    }
    free(in);
    return body;
}

static bool keep_carries(backward *b)
{
    tt_graph *g = b->graph;
    tt_value *all = malloc((b->carries + 1u) * sizeof(*all));
    tt_graph *body = keeping_body(b);
    if (all == NULL || body == NULL) {
        free(all);
        tt_graph_free(body);
        return tt_graph_fail(g, TT_FULL, "no memory to differentiate a loop");
    }
    for (unsigned i = 0; i < b->carries; i++)
        all[i] = b->back->in[1 + i];
    all[b->carries] = tt_number(g, TT_I64, 0);
    tt_value value = tt_loop(g, b->back->in[0], b->limit, b->carries + 1, all, b->captures,
                             b->back->in + 1 + b->carries, body);
    free(all);
    b->turns = tt_output(value, b->carries);
    for (unsigned i = 0; i < b->carries; i++)
        b->kept[i] = tt_output(value, b->carries + 1 + i);
    return !tt_is_none(value);
}

// Gradients that the backward loop carries: of each float carry, whose turns before want it, then
// of each capture that wants one.
static bool carried(const backward *b, unsigned input) // of the loop's, from 1
{
    return input > b->carries ? b->back->wanted[input]
                              : is_float(tt_graph_type(b->graph, b->back->in[input]));
}

static unsigned count_carried(const backward *b)
{
    unsigned count = 0;
    for (unsigned input = 1; input < b->back->input_count; input++)
        count += carried(b, input);
    return count;
}

// The backward body: (turn, gradients..., captures..., kept..., scans' gradients..., turns).
static tt_graph *backward_body(const backward *b)
{
    tt_graph *g = b->graph, *body = tt_graph_new();
    const tt_graph *forward = tt_graph_body(g, tt_graph_node(g, b->back->node)->body[0]);
    unsigned inputs = 1 + b->carries + b->captures;
    tt_value *in = malloc(inputs * sizeof(*in)), *sum = malloc(inputs * sizeof(*sum));
    tt_value *gradient = malloc(inputs * sizeof(*gradient)), seeds[TT_OUTPUTS_MAX + 1];
    tt_value stacked[TT_OUTPUTS_MAX + 1];
    bool *wanted = calloc(inputs, sizeof(*wanted));
    if (body == NULL || in == NULL || sum == NULL || gradient == NULL || wanted == NULL) {
        tt_graph_free(body);
        body = NULL;
        goto done;
    }
    tt_value turn = body_input(body, "turn", 0, TT_SCALAR(TT_I64));
    for (unsigned i = 1; i < inputs; i++)
        sum[i] = carried(b, i) ? body_input(body, "gradient", i, *tt_graph_type(g, b->back->in[i]))
                               : TT_NONE;
    for (unsigned i = 0; i < b->captures; i++)
        in[1 + b->carries + i] =
            body_input(body, "capture", i, *tt_graph_type(g, b->back->in[1 + b->carries + i]));
    for (unsigned i = 0; i < b->carries; i++)
        in[1 + i] = body_input(body, "kept", i, *tt_graph_type(g, b->kept[i]));
    for (unsigned i = 0; i < b->scans; i++)
        stacked[i] =
            tt_is_none(b->back->dy[b->carries + i])
                ? TT_NONE
                : body_input(body, "scan", i, *tt_graph_type(g, b->back->dy[b->carries + i]));
    tt_value turns = body_input(body, "turns", 0, TT_SCALAR(TT_I64));
    tt_value now = tt_subtract(body, tt_subtract(body, turns, tt_number(body, TT_I64, 1)), turn);
    in[0] = now;
    for (unsigned i = 1; i < inputs; i++)
        wanted[i] = carried(b, i);
    for (unsigned i = 0; i < b->carries; i++)
        in[1 + i] = tt_gather(body, in[1 + i], now, 0);
    seeds[0] = TT_NONE; // of go
    for (unsigned i = 0; i < b->carries; i++)
        seeds[1 + i] = sum[1 + i];
    for (unsigned i = 0; i < b->scans; i++)
        seeds[1 + b->carries + i] =
            tt_is_none(stacked[i]) ? TT_NONE : tt_gather(body, stacked[i], now, 0);
    if (differentiate_body(body, forward, inputs, in, wanted, seeds, gradient)) {
        tt_graph_result(body, "go", tt_number(body, TT_BOOL, 1));
        for (unsigned i = 1; i < inputs; i++)
            if (carried(b, i)) // a carry's gradient goes on, a capture's is added up
                body_result(body, "gradient", i,
                            i <= b->carries ? gradient[i] : tt_add(body, sum[i], gradient[i]));
    }
done:
    free(in);
    free(sum);
    free(gradient);
    free(wanted);
    return body;
}

void tt_loop_derivative(tt_back *back)
{
    tt_graph *g = back->graph;
    backward b = {.back = back,
                  .graph = g,
                  .limit = back->attribute[0].word[0],
                  .carries = (unsigned)back->attribute[1].word[0]};
    b.captures = back->input_count - 1 - b.carries;
    b.scans = back->output_count - b.carries;
    // The loop that keeps carries gives go, the turns, and each carry twice; the one backwards go
    // and each gradient.
    if (2 * b.carries + 2 > TT_OUTPUTS_MAX || 1 + count_carried(&b) > TT_OUTPUTS_MAX) {
        tt_graph_fail(g, TT_UNSUPPORTED,
                      "loop: has %u carries, and gradients go to %u of its carries and captures; "
                      "%d carries and %d gradients are the most that is differentiated",
                      b.carries, count_carried(&b), TT_OUTPUTS_MAX / 2 - 1, TT_OUTPUTS_MAX - 1);
        return;
    }
    if (b.limit > (int64_t)1 << 24) {
        tt_graph_fail(g, TT_UNSUPPORTED,
                      "loop: a limit of %lld turns is too high to keep each "
                      "turn's carries; state how many there can be",
                      (long long)b.limit);
        return;
    }
    if (!keep_carries(&b))
        return;
    tt_graph *body = backward_body(&b);
    size_t room = 2u * back->input_count + b.scans + 1;
    tt_value *given = malloc(room * sizeof(*given)), *more = malloc(room * sizeof(*more));
    unsigned gradients = 0, captures = 0;
    if (body == NULL || given == NULL || more == NULL) {
        tt_graph_fail(g, TT_FULL, "no memory to differentiate a loop");
        tt_graph_free(body);
        free(given);
        free(more);
        return;
    }
    for (unsigned i = 1; i < back->input_count; i++)
        if (carried(&b, i))
            given[gradients++] = i <= b.carries && !tt_is_none(back->dy[i - 1])
                                     ? back->dy[i - 1]
                                     : zeros(g, *tt_graph_type(g, back->in[i]));
    for (unsigned i = 0; i < b.captures; i++)
        more[captures++] = back->in[1 + b.carries + i];
    for (unsigned i = 0; i < b.carries; i++)
        more[captures++] = b.kept[i];
    for (unsigned i = 0; i < b.scans; i++)
        if (!tt_is_none(back->dy[b.carries + i]))
            more[captures++] = back->dy[b.carries + i];
    more[captures++] = b.turns;
    tt_value value = tt_loop(g, b.turns, b.limit, gradients, given, captures, more, body);
    unsigned at = 0;
    for (unsigned i = 1; i < back->input_count; i++)
        if (carried(&b, i))
            back->dx[i] = tt_output(value, at++);
    free(given);
    free(more);
}
