// Guarding a run: one look at what it would give and assign, and a search where that is not finite.
//
// The look is a pass over bits, without a branch an element. The search runs the program once more,
// with a step for each node, and looks at each while its output stands, so it needs no memory
// beside an arena but a few bytes a value: what each node made first that is no finite number. Then
// it walks back from the guarded value along values that are not finite, to the first node that
// read finite ones only. Numbers that were not finite but led nowhere (a mask's -infinity) so blame
// nobody.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ai/run/session_internal.h"
#include "tutti/compare.h"

tt_status tt_program_guard(tt_program *program, const char *result)
{
    uint32_t results = tt_graph_result_count(program->graph), at = 0;
    while (result != NULL && at < results &&
           strcmp(tt_graph_result_at(program->graph, at)->name, result) != 0)
        at++;
    if (result != NULL && at == results)
        return TT_NOT_FOUND;
    if (program->guarded == NULL && (program->guarded = calloc(results + 1u, sizeof(bool))) == NULL)
        return TT_FULL;
    program->guarded[at] = result != NULL;
    return TT_OK;
}

// ---- the search

// The first number of an output that is not finite.
typedef struct found {
    int64_t place;
    double number; // 0: all are finite
} found;

typedef struct search {
    tt_program *program;
    uint32_t bad;       // whose guarded value is not finite
    tt_value bad_value; // which
    found *made;        // by value
    found beyond;       // of the bad value: finite, but not in its own type
} search;

static found first_bad(tt_element holds, tt_element is, const void *data, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        double number = tt_cell_load(holds, data, i).f;
        if (!isfinite(tt_round_to(is, number)))
            return (found){i, number};
    }
    return (found){0, 0};
}

static found look_at(tt_element element, const void *data, int64_t count)
{
    return tt_all_finite(element, data, count) ? (found){0, 0}
                                               : first_bad(element, element, data, count);
}

static tt_value shown(const search *s, tt_value value)
{
    return tt_by_reference(s->program) ? value : tt_shown(s->program->graph, value);
}

static const found *made(const search *s, tt_value value)
{
    return &s->made[tt_value_place(s->program->graph, shown(s, value))];
}

static void search_step(void *context, const tt_seen *seen)
{
    search *s = context;
    for (unsigned i = 0; i < seen->output_count; i++) {
        tt_value value = {seen->node, (uint16_t)i};
        tt_element holds = (tt_element)seen->types[i].element;
        tt_element is = (tt_element)tt_graph_type(seen->graph, value)->element;
        int64_t count = tt_type_count(&seen->types[i]);
        if (!tt_element_is_float(is))
            continue;
        found first = look_at(holds, seen->elements[i], count);
        s->made[tt_value_place(seen->graph, value)] = first;
        if (first.number == 0 && tt_same(value, s->bad_value))
            s->beyond = first_bad(holds, is, seen->elements[i], count);
    }
}

// Who is to blame, of those that the bad value depends on by what is not finite: a buffer; else the
// first node that read finite numbers only; else the first that made no number of infinite ones;
// else a constant.
typedef struct blame {
    uint32_t buffer, made, none, constant; // nodes; UINT32_MAX: there is no such
} blame;

static const tt_buffer *buffer_of(const tt_graph *graph, uint32_t node)
{
    if (tt_graph_node(graph, node)->op != TT_OP_BUFFER)
        return NULL;
    return tt_graph_buffer(graph, (uint32_t)tt_graph_attribute(graph, node, 0, NULL)[0]);
}

static found worst_of(const search *s, uint32_t node, unsigned *output)
{
    const tt_operation *n = tt_graph_node(s->program->graph, node);
    for (*output = 0; *output < n->output_count; (*output)++)
        if (s->made[n->types + *output].number != 0)
            return s->made[n->types + *output];
    *output = 0;
    return (found){0, 0};
}

static void blame_node(const search *s, uint32_t node, bool *marked, blame *b)
{
    const tt_graph *graph = s->program->graph;
    const tt_buffer *buffer = buffer_of(graph, node);
    unsigned count = tt_graph_node(graph, node)->input_count, output;
    const tt_value *read = tt_graph_inputs(graph, node);
    bool finite = true, number = true;
    if (buffer != NULL) {
        *(buffer->kind == TT_CONSTANT ? &b->constant : &b->buffer) = node;
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        double first = made(s, read[i])->number;
        if (first == 0)
            continue;
        finite = false;
        number &= !isnan(first);
        marked[shown(s, read[i]).node] = true;
    }
    if (finite)
        b->made = node;
    else if (number && isnan(worst_of(s, node, &output).number))
        b->none = node;
}

static bool find_blame(const search *s, blame *b)
{
    bool *marked = calloc(tt_graph_count(s->program->graph) + 1u, sizeof(*marked));
    *b = (blame){UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX};
    if (marked == NULL)
        return false;
    marked[s->bad_value.node] = true;
    for (uint32_t at = s->bad_value.node + 1; at > 0; at--)
        if (marked[at - 1])
            blame_node(s, at - 1, marked, b); // the first of each kind stays
    free(marked);
    return true;
}

// ---- the sentence

static void say_name(tt_text *why, const char *before, const char *name)
{
    tt_text_add(why, before);
    tt_text_add(why, " '");
    tt_text_add(why, name);
    tt_text_add(why, "'");
}

static void say_wanted(const tt_graph *graph, uint32_t index, tt_text *why)
{
    uint32_t results = tt_graph_result_count(graph);
    if (index < results)
        say_name(why, "result", tt_graph_result_at(graph, index)->name);
    else
        say_name(why, "what would be assigned to",
                 tt_graph_buffer(graph, tt_graph_assign_at(graph, index - results)->buffer)->name);
}

static void say_found(tt_text *why, const tt_type *type, const found *f)
{
    char number[40];
    snprintf(number, sizeof(number), "%.6g", f->number);
    tt_text_add(why, isnan(f->number)      ? "no number"
                     : isfinite(f->number) ? number
                     : f->number > 0       ? "infinity"
                                           : "-infinity");
    if (type->rank == 0)
        return;
    tt_text_add(why, " at ");
    tt_add_place(why, type, f->place);
}

// What a node's output is called, if it is not the bad value itself: a result or assignment.
static void say_as(const search *s, tt_value value, tt_text *why)
{
    const tt_graph *graph = s->program->graph;
    uint32_t results = tt_graph_result_count(graph), all = results + tt_graph_assign_count(graph);
    for (uint32_t i = 0; i < all; i++) {
        if (!tt_same(shown(s, tt_wanted(graph, i)), value) || tt_same(value, s->bad_value))
            continue;
        tt_text_add(why, ", ");
        say_wanted(graph, i, why);
        tt_text_add(why, ",");
        return;
    }
}

static void say_made(const search *s, uint32_t node, const found *f, unsigned output,
                     const char *end, tt_text *why)
{
    tt_value value = {node, (uint16_t)output};
    tt_add_node(why, s->program->graph, node);
    say_as(s, value, why);
    tt_text_add(why, " made ");
    say_found(why, tt_graph_type(s->program->graph, value), f);
    tt_text_add(why, end);
}

static void say_buffer(const search *s, uint32_t node, tt_text *why)
{
    static const char *const kinds[] = {"input", "parameter", "state"};
    const tt_buffer *buffer = buffer_of(s->program->graph, node);
    unsigned output;
    found f = worst_of(s, node, &output);
    if (buffer->kind == TT_CONSTANT)
        tt_text_add(why, "a constant");
    else
        say_name(why, kinds[buffer->kind], buffer->name);
    tt_text_add(why, isnan(f.number) ? " has " : " is ");
    say_found(why, &buffer->type, &f);
}

static void say_blame(const search *s, const blame *b, tt_text *why)
{
    unsigned output = 0;
    uint32_t node = b->made != UINT32_MAX ? b->made : b->none;
    if (b->buffer != UINT32_MAX) {
        say_buffer(s, b->buffer, why);
    } else if (node != UINT32_MAX) {
        found f = worst_of(s, node, &output);
        if (f.number != 0)
            say_made(s, node, &f, output,
                     node == b->made ? "; everything it read is finite"
                                     : "; what it read has infinities, but only numbers",
                     why);
        else // by the reference, in double
            say_made(s, node, &s->beyond, s->bad_value.output,
                     ", which is beyond its type; everything it read is finite", why);
    } else if (b->constant != UINT32_MAX) {
        say_buffer(s, b->constant, why);
    }
}

// The program once more, with a step for each node: what is fused is seen by nobody.
static tt_program *apart(tt_program *program)
{
    tt_program *made = NULL;
    if (tt_session_load_apart(program->session, program->graph, &made, NULL) == TT_OK)
        for (uint32_t i = 0; i < tt_graph_buffer_count(made->graph); i++) {
            const tt_buffer *buffer = tt_graph_buffer(made->graph, i);
            if (buffer->kind == TT_INPUT) {
                tt_value input = tt_graph_find(program->graph, buffer->name);
                uint32_t own = (uint32_t)tt_graph_attribute(program->graph, input.node, 0, NULL)[0];
                made->given[i] = program->given[own];
            }
        }
    return made;
}

static void explain(search *s, tt_text *why)
{
    tt_program *own = tt_by_reference(s->program) ? NULL : apart(s->program);
    blame b;
    say_wanted(s->program->graph, s->bad, why);
    tt_text_add(why, " is not finite");
    if (own != NULL)
        s->program = own;
    s->bad_value = shown(s, tt_wanted(s->program->graph, s->bad));
    s->made = calloc(s->program->value_count + 1u, sizeof(*s->made));
    if (s->made != NULL && tt_program_watch(s->program, search_step, s, NULL) == TT_OK &&
        find_blame(s, &b)) {
        tt_text_add(why, ": ");
        say_blame(s, &b, why);
    }
    free(s->made);
    tt_program_free(own);
}

tt_status tt_guard_check(tt_program *program, const void *const *values, tt_text *why)
{
    const tt_graph *graph = program->graph;
    uint32_t results = tt_graph_result_count(graph), all = results + tt_graph_assign_count(graph);
    for (uint32_t i = 0; program->guarded != NULL && i < all; i++) {
        tt_value value = tt_wanted(graph, i);
        const tt_type *type = tt_graph_type(graph, value);
        if ((i < results && !program->guarded[i]) ||
            tt_all_finite((tt_element)type->element, values[i], tt_type_count(type)))
            continue;
        search s = {.program = program, .bad = i};
        explain(&s, why);
        return TT_TOO_LARGE;
    }
    return TT_OK;
}
