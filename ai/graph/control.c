// Control flow: a loop and a branch, whose bodies are graphs.

#include <stdlib.h>
#include <string.h>

#include "ai/graph/control.h"
#include "ai/graph/graph_internal.h"
#include "ai/graph/reference.h"

// A body is whole, has only inputs and constants, and gives results.
static bool body_is_sound(tt_rule *rule, unsigned which, unsigned input_count)
{
    const tt_graph *body = rule->body[which];
    unsigned inputs = 0;
    if (body == NULL)
        return tt_rule_fail(rule, "has no body");
    if (tt_graph_status(body) != TT_OK)
        return tt_rule_fail(rule, "its body could not be made: %s", tt_graph_error(body));
    if (body->depth + 1 >= TT_DEPTH_MAX)
        return tt_rule_fail(rule, "bodies in bodies go %d deep at most", TT_DEPTH_MAX);
    for (uint32_t i = 0; i < body->buffer_count; i++) {
        inputs += body->buffers[i].kind == TT_INPUT;
        if (body->buffers[i].kind != TT_INPUT && body->buffers[i].kind != TT_CONSTANT)
            return tt_rule_fail(rule, "its body has '%s', which is no input",
                                body->buffers[i].name);
    }
    if (body->assign_count > 0)
        return tt_rule_fail(rule, "its body assigns, which only a step does");
    if (inputs != input_count)
        return tt_rule_fail(rule, "its body takes %u inputs, is given %u", inputs, input_count);
    if (body->result_count > TT_OUTPUTS_MAX)
        return tt_rule_fail(rule, "its body has %u results, %d are the most", body->result_count,
                            TT_OUTPUTS_MAX);
    for (uint32_t i = 0; i < body->result_count; i++) {
        const tt_type *type = tt_graph_type(body, body->results[i].value);
        for (unsigned axis = 0; axis < type->rank; axis++)
            if (type->size[axis] < 0)
                return tt_rule_fail(rule,
                                    "its body's result '%s' has a size that only running "
                                    "tells",
                                    body->results[i].name);
    }
    return true;
}

const tt_buffer *tt_body_input(const tt_graph *body, unsigned input)
{
    for (uint32_t i = 0; i < body->buffer_count; i++)
        if (body->buffers[i].kind == TT_INPUT && input-- == 0)
            return &body->buffers[i];
    return NULL;
}

// The body's inputs are, in order, as what the node is given from input `first` on.
static bool inputs_are(tt_rule *rule, unsigned which, unsigned first)
{
    const tt_graph *body = rule->body[which];
    char have[TT_TYPE_TEXT_BYTES], want[TT_TYPE_TEXT_BYTES];
    for (uint32_t i = 0; i < body->buffer_count; i++) {
        const tt_buffer *buffer = &body->buffers[i];
        if (buffer->kind != TT_INPUT)
            continue;
        const tt_type *type = tt_rule_in(rule, first++);
        if (!tt_type_equal(&buffer->type, type))
            return tt_rule_fail(rule, "its body's input '%s' is %s, is given %s", buffer->name,
                                tt_type_text(&buffer->type, have), tt_type_text(type, want));
    }
    return true;
}

static bool loop_type(tt_rule *rule)
{
    const tt_type scalar = TT_SCALAR(TT_I64), yes = TT_SCALAR(TT_BOOL);
    int64_t limit = rule->attribute[0].word[0], carries = rule->attribute[1].word[0];
    const tt_graph *body = rule->body[0];
    char have[TT_TYPE_TEXT_BYTES], want[TT_TYPE_TEXT_BYTES];
    if (carries < 0 || carries > (int64_t)rule->input_count - 1 || limit < 0 || limit > TT_SIZE_MAX)
        return tt_rule_fail(rule, "a limit of %lld turns with %lld carries is out of range",
                            (long long)limit, (long long)carries);
    if (!tt_type_equal(tt_rule_in(rule, 0), &scalar))
        return tt_rule_fail(rule, "the count is %s, expects i64[]",
                            tt_type_text(tt_rule_in(rule, 0), have));
    if (!body_is_sound(rule, 0, rule->input_count) || !inputs_are(rule, 0, 0)) // the turn: as count
        return false;
    if (body->result_count < 1 + (uint64_t)carries ||
        !tt_type_equal(tt_graph_type(body, body->results[0].value), &yes))
        return tt_rule_fail(rule,
                            "its body gives %u results, expects a bool[], %lld carries, and "
                            "scans",
                            body->result_count, (long long)carries);
    rule->output_count = body->result_count - 1;
    if (rule->output_count == 0)
        return tt_rule_fail(rule, "has neither carries nor scans");
    for (unsigned i = 0; i < rule->output_count; i++) {
        const tt_type *type = tt_graph_type(body, body->results[i + 1].value);
        rule->out[i] = *type;
        if (i < carries && !tt_type_equal(type, tt_rule_in(rule, i + 1)))
            return tt_rule_fail(rule, "carry %u is %s, its body makes %s of it", i,
                                tt_type_text(tt_rule_in(rule, i + 1), have),
                                tt_type_text(type, want));
        if (i < carries)
            continue;
        if (type->rank == TT_RANK_MAX)
            return tt_rule_fail(rule, "scan '%s' would have rank %d", body->results[i + 1].name,
                                TT_RANK_MAX + 1);
        rule->out[i].rank++;
        memcpy(rule->out[i].size + 1, type->size, (TT_RANK_MAX - 1) * sizeof(type->size[0]));
        rule->out[i].size[0] = limit;
    }
    return true;
}

static void free_all(tt_work *work, tt_cells *tensors, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        tt_cells_free(work->reference, &tensors[i]);
}

static tt_status loop_reference(tt_work *work)
{
    const tt_operation *node = tt_graph_node(work->graph, work->node);
    const tt_graph *body = tt_graph_body(work->graph, node->body[0]);
    int64_t limit = work->attribute[0].word[0], count = work->in[0].cells[0].i;
    unsigned carries = (unsigned)work->attribute[1].word[0], results = node->output_count + 1u;
    tt_cell turn = {.i = 0};
    tt_cells made[TT_OUTPUTS_MAX + 1], *in = malloc(work->input_count * sizeof(*in));
    tt_status status = in != NULL ? TT_OK : TT_FULL;
    bool go = true;
    for (unsigned i = 0; status == TT_OK && i < work->input_count; i++)
        in[i] = work->in[i];
    for (unsigned i = 0; i < carries; i++) // no turn at all: what was given
        memcpy(work->out[i].cells, work->in[i + 1].cells,
               (size_t)tt_type_count(&work->out[i].type) * sizeof(tt_cell));
    for (; status == TT_OK && go && turn.i < limit && turn.i < count; turn.i++) {
        memset(made, 0, sizeof(made));
        in[0].cells = &turn;
        for (unsigned i = 0; i < carries; i++)
            in[i + 1].cells = work->out[i].cells;
        status = tt_reference_body(work, body, in, made);
        for (unsigned i = 1; status == TT_OK && i < results; i++) {
            int64_t cells = tt_type_count(&made[i].type);
            tt_cell *to = work->out[i - 1].cells + (i - 1 < carries ? 0 : turn.i * cells);
            memcpy(to, made[i].cells, (size_t)cells * sizeof(tt_cell));
        }
        go = status == TT_OK && made[0].cells[0].i != 0;
        free_all(work, made, results);
    }
    free(in);
    return status;
}

#define TURN_COST 256 // in elements, which the reference makes 50 of while an empty body turns

static uint64_t loop_cost(const tt_graph *graph, uint32_t node)
{
    const tt_operation *n = tt_graph_node(graph, node);
    uint64_t turns = (uint64_t)tt_graph_attribute(graph, node, 0, NULL)[0];
    uint64_t body = tt_graph_cost(tt_graph_body(graph, n->body[0]));
    return tt_cost_multiply(turns, tt_cost_add(body, TURN_COST));
}

static bool branch_type(tt_rule *rule)
{
    const tt_type condition = TT_SCALAR(TT_BOOL);
    char have[TT_TYPE_TEXT_BYTES], want[TT_TYPE_TEXT_BYTES];
    if (!tt_type_equal(tt_rule_in(rule, 0), &condition))
        return tt_rule_fail(rule, "the condition is %s, expects bool[]",
                            tt_type_text(tt_rule_in(rule, 0), have));
    for (unsigned which = 0; which < 2; which++)
        if (!body_is_sound(rule, which, rule->input_count - 1) || !inputs_are(rule, which, 1))
            return false;
    if (rule->body[0]->result_count != rule->body[1]->result_count ||
        rule->body[0]->result_count == 0)
        return tt_rule_fail(rule, "its bodies give %u and %u results", rule->body[0]->result_count,
                            rule->body[1]->result_count);
    rule->output_count = rule->body[0]->result_count;
    for (unsigned i = 0; i < rule->output_count; i++) {
        const tt_type *yes = tt_graph_type(rule->body[0], rule->body[0]->results[i].value);
        const tt_type *no = tt_graph_type(rule->body[1], rule->body[1]->results[i].value);
        if (!tt_type_equal(yes, no))
            return tt_rule_fail(rule, "its bodies give %s and %s as result %u",
                                tt_type_text(yes, have), tt_type_text(no, want), i);
        rule->out[i] = *yes;
    }
    return true;
}

static tt_status branch_reference(tt_work *work)
{
    const tt_operation *node = tt_graph_node(work->graph, work->node);
    bool yes = work->in[0].cells[0].i != 0;
    tt_cells made[TT_OUTPUTS_MAX + 1] = {0};
    tt_status status = tt_reference_body(work, tt_graph_body(work->graph, node->body[yes ? 0 : 1]),
                                         work->in + 1, made);
    for (unsigned i = 0; status == TT_OK && i < node->output_count; i++)
        memcpy(work->out[i].cells, made[i].cells,
               (size_t)tt_type_count(&made[i].type) * sizeof(tt_cell));
    free_all(work, made, node->output_count);
    return status;
}

static uint64_t branch_cost(const tt_graph *graph, uint32_t node)
{
    const tt_operation *n = tt_graph_node(graph, node);
    uint64_t yes = tt_graph_cost(tt_graph_body(graph, n->body[0]));
    uint64_t no = tt_graph_cost(tt_graph_body(graph, n->body[1]));
    return yes > no ? yes : no;
}

tt_value tt_loop(tt_graph *graph, tt_value count, int64_t limit, unsigned carry_count,
                 const tt_value *carries, unsigned capture_count, const tt_value *captures,
                 tt_graph *body)
{
    unsigned inputs = 1 + carry_count + capture_count;
    tt_value *all = inputs <= UINT16_MAX ? malloc(inputs * sizeof(*all)) : NULL, value = TT_NONE;
    if (all == NULL) {
        if (graph != NULL && inputs > UINT16_MAX)
            tt_graph_fail(graph, TT_TOO_LARGE, "loop: %u inputs are too many", inputs);
        else if (graph != NULL)
            tt_graph_fail(graph, TT_FULL, "loop: no memory for %u inputs", inputs);
        tt_graph_free(body);
        return TT_NONE;
    }
    all[0] = count;
    if (carry_count > 0)
        memcpy(all + 1, carries, carry_count * sizeof(*all));
    if (capture_count > 0)
        memcpy(all + 1 + carry_count, captures, capture_count * sizeof(*all));
    value = tt_apply_bodies(graph, TT_OP_LOOP, inputs, all, 2, (int64_t[]){limit, carry_count},
                            body, NULL);
    free(all);
    return value;
}

tt_value tt_branch(tt_graph *graph, tt_value condition, unsigned capture_count,
                   const tt_value *captures, tt_graph *yes, tt_graph *no)
{
    tt_value *all = malloc((1 + (size_t)capture_count) * sizeof(*all)), value = TT_NONE;
    if (all == NULL) {
        if (graph != NULL)
            tt_graph_fail(graph, TT_FULL, "branch: no memory for %u inputs", capture_count);
        tt_graph_free(yes);
        tt_graph_free(no);
        return TT_NONE;
    }
    all[0] = condition;
    if (capture_count > 0)
        memcpy(all + 1, captures, capture_count * sizeof(*all));
    value = tt_apply_bodies(graph, TT_OP_BRANCH, 1 + capture_count, all, 0, NULL, yes, no);
    free(all);
    return value;
}

const tt_row tt_control_rows[] = {
    {.name = "loop",
     .inputs_min = 1,
     .inputs_max = UINT16_MAX,
     .flags = TT_ROW_IMPURE,
     .bodies = 1,
     .attributes = {{"limit", TT_ATTRIBUTE_NUMBER}, {"carries", TT_ATTRIBUTE_NUMBER}},
     .type = loop_type,
     .reference = loop_reference,
     .derivative = tt_loop_derivative,
     .cost = loop_cost,
     .help = "a body as often as a says, at most limit times, while it says go; carries go from "
             "turn to turn, scans are kept of each"},
    {.name = "branch",
     .inputs_min = 1,
     .inputs_max = UINT16_MAX,
     .flags = TT_ROW_IMPURE,
     .bodies = 2,
     .type = branch_type,
     .reference = branch_reference,
     .derivative = tt_branch_derivative,
     .cost = branch_cost,
     .help = "one body where the bool a holds, else the other"},
};
