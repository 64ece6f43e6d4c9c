// Running a program: its steps in order, or its graph by the reference, then what it assigns.

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ai/graph/reference.h"
#include "ai/run/session_internal.h"
#include "tutti/profile.h"

// NULL: nobody asks.
static void note_time(int64_t *ns)
{
    struct timespec now;
    if (ns == NULL)
        return;
    clock_gettime(CLOCK_MONOTONIC, &now);
    *ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

// Where each buffer's elements are now; false where an input was not set.
static tt_status find_buffers(tt_program *program, tt_text *why)
{
    for (uint32_t i = 0; i < tt_graph_buffer_count(program->graph); i++) {
        const tt_buffer *buffer = tt_graph_buffer(program->graph, i);
        const void *data = buffer->kind == TT_CONSTANT ? buffer->data
                           : buffer->kind == TT_INPUT
                               ? program->given[i]
                               : tt_session_bytes(program->session, buffer->name, NULL);
        if (data == NULL && tt_type_count(&buffer->type) > 0) {
            tt_text_add(why, "input '");
            tt_text_add(why, buffer->name);
            tt_text_add(why, "' was not set");
            return TT_NOT_FOUND;
        }
        if (program->data != NULL)
            program->data[tt_graph_node(program->graph, buffer->value.node)->types] = data;
        program->given[i] = data;
    }
    return TT_OK;
}

static void resolve(tt_program *program, tt_step *step)
{
    unsigned count;
    const tt_value *values = tt_step_values(program->graph, step, &count);
    for (unsigned k = 0; k < count; k++)
        step->in[k] = program->data[program->root[tt_value_place(program->graph, values[k])]];
}

// What is assigned may be another buffer, which is assigned, too: all is read before any is
// written.
static tt_status assign_all(tt_program *program, const void *const *values)
{
    const tt_graph *graph = program->graph;
    uint32_t count = tt_graph_assign_count(graph);
    char **old = calloc(count + 1u, sizeof(*old));
    tt_status status = old != NULL ? TT_OK : TT_FULL;
    for (uint32_t i = 0; status == TT_OK && i < count; i++) {
        const tt_operation *node = tt_graph_node(graph, tt_graph_assign_at(graph, i)->value.node);
        uint64_t bytes = tt_type_bytes(tt_graph_type(graph, tt_graph_assign_at(graph, i)->value));
        if (node->op != TT_OP_BUFFER && !tt_is_view(node))
            continue; // in the arena
        if ((old[i] = tt_run_allocate(bytes)) == NULL)
            status = TT_FULL;
        else
            memcpy(old[i], values[i], bytes);
    }
    for (uint32_t i = 0; status == TT_OK && i < count; i++) {
        const tt_assign *assign = tt_graph_assign_at(graph, i);
        const tt_buffer *buffer = tt_graph_buffer(graph, assign->buffer);
        memcpy(tt_session_bytes(program->session, buffer->name, NULL),
               old[i] != NULL ? old[i] : values[i], tt_type_bytes(&buffer->type));
    }
    for (uint32_t i = 0; old != NULL && i < count; i++)
        free(old[i]);
    free(old);
    return status;
}

typedef struct watcher {
    const tt_graph *graph;
    void (*watch)(void *context, const tt_seen *seen);
    void *context;
} watcher;

static void tell_of_cells(void *context, uint32_t node, const tt_cells *out)
{
    static const tt_element elements[] = {[TT_CLASS_FLOAT] = TT_F64,
                                          [TT_CLASS_SIGNED] = TT_I64,
                                          [TT_CLASS_UNSIGNED] = TT_U64,
                                          [TT_CLASS_BOOL] = TT_I64};
    const watcher *w = context;
    const tt_operation *n = tt_graph_node(w->graph, node);
    tt_type types[TT_OUTPUTS_MAX];
    const void *data[TT_OUTPUTS_MAX];
    for (unsigned i = 0; i < n->output_count; i++) {
        types[i] = out[i].type;
        types[i].element = (uint8_t)elements[tt_element_class((tt_element)out[i].type.element)];
        data[i] = out[i].cells;
    }
    w->watch(w->context, &(tt_seen){w->graph, node, NULL, n->input_count, n->output_count,
                                    tt_graph_inputs(w->graph, node), types, data});
}

static tt_status compute_by_reference(tt_program *program, uint32_t count, watcher *w,
                                      tt_reference **reference, tt_text *why)
{
    tt_reference_options options = {.exact = true,
                                    .bytes_max = tt_session_bytes_limit(program->session),
                                    .cost_max = program->session->options.cost_max,
                                    .look = w != NULL ? tell_of_cells : NULL,
                                    .context = w};
    tt_value *values = calloc(count + 1u, sizeof(*values));
    if (values == NULL)
        return TT_FULL;
    for (uint32_t i = 0; i < count; i++)
        values[i] = tt_wanted(program->graph, i);
    tt_status status =
        tt_reference_run(program->graph, count, values, program->given, &options, reference, why);
    free(values);
    return status;
}

// Results that are a parameter or state which is assigned now keep what it was.
static tt_status keep_old_results(tt_program *program)
{
    const tt_graph *graph = program->graph;
    uint32_t results = tt_graph_result_count(graph);
    for (uint32_t i = 0; i < results; i++) {
        tt_value shown = tt_shown(graph, tt_wanted(graph, i));
        if (tt_graph_node(graph, shown.node)->op != TT_OP_BUFFER)
            continue;
        uint32_t buffer = (uint32_t)tt_graph_attribute(graph, shown.node, 0, NULL)[0];
        if (!tt_graph_buffer(graph, buffer)->assigned)
            continue;
        uint64_t bytes = tt_type_bytes(tt_graph_type(graph, shown));
        if (program->results == NULL)
            program->results = calloc(results + 1u, sizeof(*program->results));
        if (program->results != NULL && program->results[i] == NULL)
            program->results[i] = tt_run_allocate(bytes);
        if (program->results == NULL || program->results[i] == NULL)
            return TT_FULL;
        memcpy(program->results[i], tt_bytes_at(program, shown), bytes);
    }
    return TT_OK;
}

static tt_status run_reference(tt_program *program, tt_text *why)
{
    const tt_graph *graph = program->graph;
    uint32_t results = tt_graph_result_count(graph), all = results + tt_graph_assign_count(graph);
    void **bytes = calloc(all + 1u, sizeof(*bytes));
    tt_reference *reference = NULL;
    tt_status status = bytes != NULL ? TT_OK : TT_FULL;
    if (status == TT_OK)
        status = compute_by_reference(program, all, NULL, &reference, why);
    for (uint32_t i = 0; status == TT_OK && i < all; i++) {
        const tt_cells *tensor = tt_reference_result(reference, i);
        if ((bytes[i] = tt_run_allocate(tt_type_bytes(&tensor->type))) == NULL)
            status = TT_FULL;
        else
            tt_cells_store(tensor, bytes[i]);
    }
    tt_reference_free(reference);
    if (status == TT_OK)
        status = tt_guard_check(program, (const void *const *)bytes, why);
    if (status == TT_OK)
        status = assign_all(program, (const void *const *)bytes + results);
    for (uint32_t i = results; bytes != NULL && i < all; i++) {
        free(bytes[i]);
        bytes[i] = NULL;
    }
    tt_program_forget_results(program);
    program->results = bytes; // the results' part of it
    return status;
}

static void tell_of_buffers(const tt_program *program, const watcher *w)
{
    const tt_graph *graph = program->graph;
    for (uint32_t i = 0; i < tt_graph_buffer_count(graph); i++) {
        const tt_buffer *buffer = tt_graph_buffer(graph, i);
        w->watch(w->context, &(tt_seen){graph, buffer->value.node, NULL, 0, 1, NULL, &buffer->type,
                                        &program->given[i]});
    }
}

// Of a group each node that it stores.
static void tell_of_step(const tt_graph *graph, const tt_step *step, const watcher *w)
{
    unsigned written = tt_step_write_count(graph, step);
    tt_seen seen = {.graph = graph, .node = step->node, .step = step};
    seen.read = tt_step_values(graph, step, &seen.read_count);
    for (unsigned k = 0; k < written; k += seen.output_count) {
        seen.node = tt_step_write(step, k).node;
        seen.output_count = tt_graph_node(graph, seen.node)->output_count;
        seen.types = tt_graph_type(graph, (tt_value){seen.node, 0});
        seen.elements = (const void *const *)step->out + k;
        w->watch(w->context, &seen);
    }
}

// `begun`: when each step began, and when the last had ended; or NULL.
static tt_status compute_steps(tt_program *program, const watcher *w, int64_t *begun, tt_text *why)
{
    const tt_graph *graph = program->graph;
    tt_running running = {graph, program->session->pool, program->scratch, why};
    unsigned had = tt_denormals_flush();
    tt_status status = TT_OK;
    tt_program_count(program);
    tt_products_begin();
    if (w != NULL)
        tell_of_buffers(program, w);
    for (uint32_t i = 0; status == TT_OK && i < program->step_count; i++) {
        const tt_step *step = &program->steps[i];
        note_time(begun != NULL ? begun + i : NULL);
        resolve(program, &program->steps[i]);
        status = step->kernel(&running, step);
        if (status == TT_OK && w != NULL)
            tell_of_step(graph, step, w);
    }
    note_time(begun != NULL ? begun + program->step_count : NULL);
    tt_products_end();
    tt_denormals_restore(had);
    return status;
}

static tt_status run_steps(tt_program *program, int64_t *begun, tt_text *why)
{
    const tt_graph *graph = program->graph;
    uint32_t results = tt_graph_result_count(graph), all = results + tt_graph_assign_count(graph);
    tt_status status = compute_steps(program, NULL, begun, why);
    const void **values = status == TT_OK ? calloc(all + 1u, sizeof(*values)) : NULL;
    if (status == TT_OK && values == NULL)
        status = TT_FULL;
    for (uint32_t i = 0; status == TT_OK && i < all; i++)
        values[i] = tt_bytes_at(program, tt_wanted(graph, i));
    if (status == TT_OK)
        status = tt_guard_check(program, values, why);
    if (status == TT_OK)
        status = keep_old_results(program);
    if (status == TT_OK)
        status = assign_all(program, values + results);
    free(values);
    return status;
}

tt_status tt_program_run(tt_program *program, tt_text *why)
{
    tt_status status = find_buffers(program, why);
    if (status != TT_OK)
        return status;
    return tt_by_reference(program) ? run_reference(program, why) : run_steps(program, NULL, why);
}

tt_status tt_program_profile(tt_program *program, int64_t *begun_ns, tt_text *why)
{
    tt_status status = find_buffers(program, why);
    if (status == TT_OK && tt_by_reference(program)) {
        note_time(&begun_ns[0]);
        status = run_reference(program, why);
    } else if (status == TT_OK) {
        status = run_steps(program, begun_ns, why);
    }
    note_time(&begun_ns[program->step_count + 1]);
    return status;
}

tt_status tt_program_watch(tt_program *program, void (*watch)(void *context, const tt_seen *seen),
                           void *context, tt_text *why)
{
    watcher w = {program->graph, watch, context};
    tt_reference *reference = NULL;
    tt_status status = find_buffers(program, why);
    if (status != TT_OK)
        return status;
    if (!tt_by_reference(program))
        return compute_steps(program, &w, NULL, why);
    uint32_t all = tt_graph_result_count(w.graph) + tt_graph_assign_count(w.graph);
    status = compute_by_reference(program, all, &w, &reference, why);
    tt_reference_free(reference);
    return status;
}
