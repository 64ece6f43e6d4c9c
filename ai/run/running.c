// Running a program: its steps in order, or its graph by the reference, then what it assigns.

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ai/graph/reference.h"
#include "ai/run/lists.h"
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

// Where each buffer's elements are now; TT_NOT_FOUND where an input was not set.
static tt_status find_buffers(tt_program *program, tt_text *why)
{
    for (uint32_t i = 0; i < tt_graph_buffer_count(program->graph); i++) {
        const tt_buffer *buffer = tt_graph_buffer(program->graph, i);
        const void *data = program->given[i]; // of a parameter or state: since the first run
        if (buffer->kind == TT_CONSTANT)
            data = buffer->data;
        else if (buffer->kind != TT_INPUT && data == NULL)
            data = tt_session_read(program->session, buffer->name, NULL);
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
    for (unsigned k = 0; k < tt_step_write_count(program->graph, step); k++)
        step->out[k] = (void *)(uintptr_t)
                           program->data[tt_value_place(program->graph, tt_step_write(step, k))];
}

// Whether an input that the caller gave is among the bytes that would be written.
static bool reads_what_is_assigned(const tt_program *program, uint32_t buffer)
{
    const char *to = program->given[buffer];
    uint64_t bytes = tt_type_bytes(&tt_graph_buffer(program->graph, buffer)->type);
    for (uint32_t i = 0; i < tt_graph_buffer_count(program->graph); i++) {
        const tt_buffer *input = tt_graph_buffer(program->graph, i);
        const char *from = program->given[i];
        if (input->kind == TT_INPUT && from < to + bytes && to < from + tt_type_bytes(&input->type))
            return true;
    }
    return false;
}

// What is assigned straight lies in its buffer, or aside: all of it where a run must first look,
// and whatever would be written over an input.
static tt_status place_straight(tt_program *program, bool looks)
{
    for (uint32_t i = 0; i < program->straight_count; i++) {
        const tt_straight_assign *s = &program->straight[i];
        bool aside = looks || reads_what_is_assigned(program, s->buffer);
        if (aside && program->aside == NULL &&
            (program->aside = tt_run_allocate(program->aside_bytes)) == NULL)
            return TT_FULL;
        program->data[s->value] = aside ? program->aside + s->aside : program->given[s->buffer];
    }
    return TT_OK;
}

// What a run's end needs; allocated before it starts, for then nothing can fail any more.
typedef struct ending {
    const void **values; // results, then what is assigned
    void **old;          // by assignment: room for another buffer's elements, or NULL
} ending;

static bool shows_buffer(const tt_graph *graph, tt_value value, uint32_t *buffer)
{
    tt_value shown = tt_shown(graph, value);
    if (tt_graph_node(graph, shown.node)->op != TT_OP_BUFFER)
        return false;
    *buffer = (uint32_t)tt_graph_attribute(graph, shown.node, 0, NULL)[0];
    return true;
}

static void free_ending(const tt_program *program, ending *e)
{
    for (uint32_t i = 0; e->old != NULL && i < tt_graph_assign_count(program->graph); i++)
        free(e->old[i]);
    free(e->old);
    free(e->values);
}

// Results that are a parameter or state which is assigned now keep what it was.
static bool keeps_old(const tt_program *program, uint32_t result)
{
    uint32_t buffer;
    return shows_buffer(program->graph, tt_wanted(program->graph, result), &buffer) &&
           tt_graph_buffer(program->graph, buffer)->assigned;
}

static tt_status make_room(tt_program *program, ending *e)
{
    const tt_graph *graph = program->graph;
    uint32_t results = tt_graph_result_count(graph), count = tt_graph_assign_count(graph), buffer;
    e->values = calloc(results + count + 1u, sizeof(*e->values));
    e->old = calloc(count + 1u, sizeof(*e->old));
    bool ok = e->values != NULL && e->old != NULL;
    for (uint32_t i = 0; ok && i < count; i++) {
        tt_value value = tt_graph_assign_at(graph, i)->value;
        if (shows_buffer(graph, value, &buffer))
            ok = (e->old[i] = tt_run_allocate(tt_type_bytes(tt_graph_type(graph, value)))) != NULL;
    }
    for (uint32_t i = 0; ok && !tt_by_reference(program) && i < results; i++) {
        if (!keeps_old(program, i))
            continue;
        if (program->results == NULL)
            program->results = calloc(results + 1u, sizeof(*program->results));
        ok = program->results != NULL;
        if (ok && program->results[i] == NULL)
            ok = (program->results[i] = tt_run_allocate(
                      tt_type_bytes(tt_graph_type(graph, tt_wanted(graph, i))))) != NULL;
    }
    return ok ? TT_OK : TT_FULL;
}

// What is assigned may be another buffer, which is assigned, too: all is read before any is
// written.
static void assign_all(const tt_program *program, const ending *e)
{
    const tt_graph *graph = program->graph;
    uint32_t count = tt_graph_assign_count(graph);
    const void **values = e->values + tt_graph_result_count(graph);
    for (uint32_t i = 0; i < count; i++)
        if (e->old[i] != NULL)
            values[i] =
                memcpy(e->old[i], values[i],
                       tt_type_bytes(tt_graph_type(graph, tt_graph_assign_at(graph, i)->value)));
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = tt_graph_assign_at(graph, i)->buffer;
        void *to = (void *)(uintptr_t)program->given[at];
        if (to != values[i]) // not there already
            memcpy(to, values[i], tt_type_bytes(&tt_graph_buffer(graph, at)->type));
    }
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

static void keep_old_results(tt_program *program, const ending *e)
{
    const tt_graph *graph = program->graph;
    for (uint32_t i = 0; i < tt_graph_result_count(graph); i++)
        if (keeps_old(program, i))
            memcpy(program->results[i], e->values[i],
                   tt_type_bytes(tt_graph_type(graph, tt_wanted(graph, i))));
}

static tt_status run_reference(tt_program *program, ending *e, tt_text *why)
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
        e->values[i] = bytes[i];
    }
    tt_reference_free(reference);
    if (status == TT_OK)
        status = tt_guard_check(program, e->values, why);
    if (status == TT_OK && tt_graph_assign_count(graph) > 0) {
        program->session->changes++;
        assign_all(program, e);
    }
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

// What lies in blocks of images, image by image: of malloc's, or NULL.
static void *unblocked(const tt_type *type, const void *from)
{
    size_t each = tt_element_bytes((tt_element)type->element);
    int64_t channels = type->size[type->rank - 1u], count = tt_type_count(type);
    int64_t image = count / type->size[0], places = image / channels;
    char *made = malloc((size_t)count * each);
    for (int64_t i = 0; made != NULL && i < count; i++) {
        int64_t n = i / image, place = i % image / channels, channel = i % channels;
        int64_t at =
            ((n / TT_LANES * channels + channel) * places + place) * TT_LANES + n % TT_LANES;
        memcpy(made + (size_t)i * each, (const char *)from + (size_t)at * each, each);
    }
    return made;
}

// Of a group each node that it stores.
static tt_status tell_of_step(const tt_program *program, const tt_step *step, const watcher *w)
{
    const tt_graph *graph = program->graph;
    unsigned written = tt_step_write_count(graph, step);
    tt_seen seen = {.graph = graph, .node = step->node, .step = step};
    seen.read = tt_step_values(graph, step, &seen.read_count);
    for (unsigned k = 0; k < written; k += seen.output_count) {
        const void *elements[TT_OUTPUTS_MAX];
        seen.node = tt_step_write(step, k).node;
        seen.types = tt_graph_type(graph, (tt_value){seen.node, 0});
        seen.elements = elements;
        const bool *blocked = &program->blocked[tt_value_place(graph, tt_step_write(step, k))];
        bool sound = true;
        for (seen.output_count = 0; k + seen.output_count < written &&
                                    tt_step_write(step, k + seen.output_count).node == seen.node;
             seen.output_count++) {
            unsigned i = seen.output_count;
            elements[i] =
                blocked[i] ? unblocked(&seen.types[i], step->out[k + i]) : step->out[k + i];
            sound = sound && elements[i] != NULL;
        }
        if (sound)
            w->watch(w->context, &seen);
        for (unsigned i = 0; i < seen.output_count; i++)
            if (blocked[i])
                free((void *)(uintptr_t)elements[i]);
        if (!sound)
            return TT_FULL;
    }
    return TT_OK;
}

// Returns the step behind its last.
static uint32_t run_list(const tt_running *running, tt_program *program, tt_list *list)
{
    for (uint32_t i = list->first; i < list->end; i++)
        resolve(program, &program->steps[i]);
    tt_list_run(running, program, list);
    return list->end;
}

// Whether what settled steps made is still right.
static bool is_settled(const tt_program *program)
{
    const tt_session *session = program->session;
    return program->settled && !session->lent && program->settled_at == session->changes;
}

// `begun`: when each step began, and when the last had ended; or NULL. Who watches, or asks for
// these, has the steps done one by one.
static tt_status compute_steps(tt_program *program, const watcher *w, int64_t *begun, tt_text *why)
{
    const tt_graph *graph = program->graph;
    tt_running running = {graph, program->session->pool, program->scratch, program->scratch_each,
                          why};
    uint32_t lists = w == NULL && begun == NULL ? program->list_count : 0, list = 0;
    unsigned had = tt_denormals_flush();
    tt_status status = TT_OK;
    bool settled = w == NULL && is_settled(program); // who watches sees all
    program->settled = settled;
    tt_program_count(program);
    if (w != NULL)
        tell_of_buffers(program, w);
    uint32_t first = settled ? program->settled_count : 0;
    while (list < lists && program->lists[list]->first < first)
        list++;
    for (uint32_t i = 0; begun != NULL && i < first; i++)
        note_time(begun + i);
    for (uint32_t i = first; status == TT_OK && i < program->step_count; i++) {
        if (list < lists && program->lists[list]->first == i) {
            i = run_list(&running, program, program->lists[list++]) - 1;
            continue;
        }
        const tt_step *step = &program->steps[i];
        note_time(begun != NULL ? begun + i : NULL);
        resolve(program, &program->steps[i]);
        status = step->kernel(&running, step);
        if (status == TT_OK && w != NULL)
            status = tell_of_step(program, step, w);
    }
    note_time(begun != NULL ? begun + program->step_count : NULL);
    tt_denormals_restore(had);
    program->settled = status == TT_OK;
    program->settled_at = program->session->changes;
    return status;
}

// What is assigned is nothing that the program's own settled steps read.
static void note_changes(tt_program *program)
{
    bool settled = is_settled(program);
    program->session->changes++;
    if (settled)
        program->settled_at = program->session->changes;
}

static tt_status run_steps(tt_program *program, ending *e, int64_t *begun, tt_text *why)
{
    const tt_graph *graph = program->graph;
    uint32_t all = tt_graph_result_count(graph) + tt_graph_assign_count(graph);
    tt_status status = place_straight(program, program->guarded != NULL);
    if (tt_graph_assign_count(graph) > 0)
        note_changes(program);
    if (status == TT_OK)
        status = compute_steps(program, NULL, begun, why);
    for (uint32_t i = 0; status == TT_OK && i < all; i++)
        e->values[i] = tt_bytes_at(program, tt_wanted(graph, i));
    if (status == TT_OK)
        status = tt_guard_check(program, e->values, why);
    if (status == TT_OK) {
        keep_old_results(program, e);
        assign_all(program, e);
    }
    return status;
}

static tt_status run(tt_program *program, int64_t *begun, tt_text *why)
{
    ending e = {NULL, NULL};
    tt_status status = find_buffers(program, why);
    if (status == TT_OK)
        status = make_room(program, &e);
    if (status == TT_OK)
        status = tt_by_reference(program) ? run_reference(program, &e, why)
                                          : run_steps(program, &e, begun, why);
    free_ending(program, &e);
    return status;
}

tt_status tt_program_run(tt_program *program, tt_text *why)
{
    return run(program, NULL, why);
}

tt_status tt_program_profile(tt_program *program, int64_t *begun_ns, tt_text *why)
{
    if (tt_by_reference(program))
        note_time(&begun_ns[0]);
    tt_status status = run(program, begun_ns, why);
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
    if (!tt_by_reference(program)) {
        status = place_straight(program, true);
        return status == TT_OK ? compute_steps(program, &w, NULL, why) : status;
    }
    uint32_t all = tt_graph_result_count(w.graph) + tt_graph_assign_count(w.graph);
    status = compute_by_reference(program, all, &w, &reference, why);
    tt_reference_free(reference);
    return status;
}
