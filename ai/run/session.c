// Sessions and programs: the bytes that they keep, and the loop over steps.

#include "tutti/session.h"

#include <cblas.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ai/graph/reference.h"
#include "ai/run/session_internal.h"
#include "tutti/check.h"

#define COST_MAX_DEFAULT ((uint64_t)1 << 50)

tt_status tt_session_new(const tt_session_options *options, tt_session **session, tt_text *why)
{
    static const tt_session_options none = {0, false, 0, 0};
    *session = NULL;
    options = options != NULL ? options : &none;
    if (options->threads > TT_THREADS_MAX) {
        tt_text_add(why, "the number of threads is ");
        tt_text_add_unsigned(why, options->threads);
        tt_text_add(why, ", expected at most 1024");
        return TT_INVALID;
    }
    tt_session *made = calloc(1, sizeof(*made));
    tt_pool *pool = tt_pool_new(options->threads);
    if (made == NULL || pool == NULL) {
        free(made);
        tt_pool_free(pool);
        return TT_FULL;
    }
    made->options = *options;
    made->pool = pool;
    *session = made;
    return TT_OK;
}

void tt_session_free(tt_session *session)
{
    if (session == NULL)
        return;
    while (session->programs != NULL)
        tt_program_free(session->programs);
    for (uint32_t i = 0; i < session->kept_count; i++) {
        free(session->kept[i].name);
        free(session->kept[i].data);
    }
    free(session->kept);
    tt_pool_free(session->pool);
    free(session);
}

static bytes_of *find_bytes(tt_session *session, const char *name)
{
    for (uint32_t i = 0; i < session->kept_count; i++)
        if (strcmp(session->kept[i].name, name) == 0)
            return &session->kept[i];
    return NULL;
}

void *tt_session_bytes(tt_session *session, const char *name, tt_type *type)
{
    bytes_of *kept = find_bytes(session, name);
    if (kept != NULL && type != NULL)
        *type = kept->type;
    return kept != NULL ? kept->data : NULL;
}

static tt_status keep_bytes(tt_session *session, const tt_buffer *buffer, tt_text *why)
{
    char is[TT_TYPE_TEXT_BYTES], was[TT_TYPE_TEXT_BYTES];
    bytes_of *kept = find_bytes(session, buffer->name);
    if (kept != NULL && !tt_type_equal(&kept->type, &buffer->type)) {
        tt_text_add(why, buffer->name);
        tt_text_add(why, " is ");
        tt_text_add(why, tt_type_text(&buffer->type, is));
        tt_text_add(why, ", in this session it is ");
        tt_text_add(why, tt_type_text(&kept->type, was));
        return TT_INVALID;
    }
    if (kept != NULL)
        return TT_OK;
    if (session->kept_count == session->kept_capacity) {
        uint32_t capacity = session->kept_capacity > 0 ? 2 * session->kept_capacity : 16;
        bytes_of *grown = realloc(session->kept, capacity * sizeof(*grown));
        if (grown == NULL)
            return TT_FULL;
        session->kept = grown;
        session->kept_capacity = capacity;
    }
    bytes_of made = {strdup(buffer->name), buffer->type,
                     tt_run_allocate(tt_type_bytes(&buffer->type))};
    if (made.name == NULL || made.data == NULL) {
        free(made.name);
        free(made.data);
        return TT_FULL;
    }
    session->kept[session->kept_count++] = made;
    return TT_OK;
}

static tt_status check_cost(const tt_session *session, const tt_graph *graph, tt_text *why)
{
    uint64_t limit = session->options.cost_max > 0 ? session->options.cost_max : COST_MAX_DEFAULT;
    uint64_t cost = tt_graph_cost(graph);
    return cost <= limit ? TT_OK
                         : tt_run_too_large(why, "computes products and elements:", cost, limit);
}

// The threads are ours: one product on all of them is slower than one product on each. This build's
// BLAS is linked into nothing else.
static void keep_products_on_one_thread(void)
{
    openblas_set_num_threads(1);
}

// Steps have places for what they make: its size must be known before.
static tt_status check_sizes(const tt_graph *graph, tt_text *why)
{
    for (uint32_t at = 0; at < tt_graph_count(graph); at++)
        for (unsigned i = 0; i < tt_graph_node(graph, at)->output_count; i++) {
            const tt_type *type = tt_graph_type(graph, (tt_value){at, (uint16_t)i});
            for (unsigned axis = 0; axis < type->rank; axis++)
                if (type->size[axis] < 0) {
                    tt_text_add(why, tt_op_name((tt_op)tt_graph_node(graph, at)->op));
                    tt_text_add(why, ": makes a size that only running tells; only "
                                     "tt_reference_run computes that");
                    return TT_UNSUPPORTED;
                }
        }
    return TT_OK;
}

static tt_status load(tt_program *program, const tt_graph *graph, tt_text *why)
{
    tt_session *session = program->session;
    if (tt_graph_status(graph) != TT_OK) {
        tt_text_add(why, tt_graph_error(graph));
        return tt_graph_status(graph);
    }
    tt_status status = check_cost(session, graph, why);
    if (status != TT_OK)
        return status;
    program->graph = session->options.reference ? tt_graph_copy(graph) : tt_graph_simplify(graph);
    if (program->graph == NULL)
        return TT_FULL;
    status = check_sizes(program->graph, why);
    if (status != TT_OK)
        return status;
    uint32_t nodes = tt_graph_count(program->graph),
             buffers = tt_graph_buffer_count(program->graph);
    const tt_node *last = nodes > 0 ? tt_graph_node(program->graph, nodes - 1) : NULL;
    program->value_count = last != NULL ? last->types + last->output_count : 0;
    program->given = calloc(buffers + 1, sizeof(*program->given));
    if (program->given == NULL)
        return TT_FULL;
    if (!session->options.reference)
        status = tt_program_plan(program, why);
    for (uint32_t i = 0; status == TT_OK && i < buffers; i++) {
        const tt_buffer *buffer = tt_graph_buffer(program->graph, i);
        if (buffer->kind == TT_PARAMETER || buffer->kind == TT_STATE)
            status = keep_bytes(session, buffer, why);
    }
    return status;
}

tt_status tt_session_load(tt_session *session, const tt_graph *graph, tt_program **program,
                          tt_text *why)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    *program = NULL;
    pthread_once(&once, keep_products_on_one_thread);
    tt_program *made = calloc(1, sizeof(*made));
    if (made == NULL)
        return TT_FULL;
    made->session = session;
    tt_status status = load(made, graph, why);
    made->next = session->programs;
    session->programs = made;
    if (status != TT_OK) {
        tt_program_free(made);
        return status;
    }
    *program = made;
    return TT_OK;
}

static void free_results(tt_program *program)
{
    for (uint32_t i = 0; program->results != NULL && i < tt_graph_result_count(program->graph); i++)
        free(program->results[i]);
    free(program->results);
    program->results = NULL;
}

void tt_program_free(tt_program *program)
{
    if (program == NULL)
        return;
    for (tt_program **at = &program->session->programs; *at != NULL; at = &(*at)->next)
        if (*at == program) {
            *at = program->next;
            break;
        }
    free_results(program);
    tt_graph_free(program->graph);
    free(program->steps);
    free(program->data);
    free(program->root);
    free(program->place);
    free(program->given);
    free(program->pointers);
    free(program->arena);
    free(program->scratch);
    free(program->guarded);
    free(program);
}

// ---- running

tt_status tt_program_set(tt_program *program, const char *input, const void *data)
{
    tt_value value = tt_graph_find(program->graph, input);
    if (tt_is_none(value))
        return TT_NOT_FOUND;
    uint32_t buffer = (uint32_t)tt_graph_attribute(program->graph, value.node, 0, NULL)[0];
    if (tt_graph_buffer(program->graph, buffer)->kind != TT_INPUT)
        return TT_NOT_FOUND;
    program->given[buffer] = data;
    return TT_OK;
}

// Where each buffer's elements are now; false where an input was not set.
static tt_status find_buffers(tt_program *program, tt_text *why)
{
    for (uint32_t i = 0; i < tt_graph_buffer_count(program->graph); i++) {
        const tt_buffer *buffer = tt_graph_buffer(program->graph, i);
        const void *data = buffer->kind == TT_CONSTANT ? buffer->data
                           : buffer->kind == TT_INPUT
                               ? program->given[i]
                               : find_bytes(program->session, buffer->name)->data;
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

static const void *bytes_at(const tt_program *program, tt_value value)
{
    return program->data[program->root[tt_value_place(program->graph, value)]];
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
        const tt_node *node = tt_graph_node(graph, tt_graph_assign_at(graph, i)->value.node);
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
        memcpy(find_bytes(program->session, buffer->name)->data,
               old[i] != NULL ? old[i] : values[i], tt_type_bytes(&buffer->type));
    }
    for (uint32_t i = 0; old != NULL && i < count; i++)
        free(old[i]);
    free(old);
    return status;
}

// What is computed: results, then what is assigned.
static tt_value wanted(const tt_graph *graph, uint32_t index)
{
    uint32_t results = tt_graph_result_count(graph);
    return index < results ? tt_graph_result_at(graph, index)->value
                           : tt_graph_assign_at(graph, index - results)->value;
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
    const tt_node *n = tt_graph_node(w->graph, node);
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
        values[i] = wanted(program->graph, i);
    tt_status status =
        tt_reference_run(program->graph, count, values, program->given, &options, reference, why);
    free(values);
    return status;
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
    free_results(program);
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

static tt_status compute_steps(tt_program *program, const watcher *w, tt_text *why)
{
    const tt_graph *graph = program->graph;
    tt_running running = {graph, program->session->pool, program->scratch, why};
    unsigned had = tt_denormals_flush();
    tt_status status = TT_OK;
    if (w != NULL)
        tell_of_buffers(program, w);
    for (uint32_t i = 0; status == TT_OK && i < program->step_count; i++) {
        const tt_step *step = &program->steps[i];
        resolve(program, &program->steps[i]);
        status = step->kernel(&running, step);
        if (status == TT_OK && w != NULL) {
            tt_seen seen = {.graph = graph, .node = step->node, .step = step};
            seen.read = tt_step_values(graph, step, &seen.read_count);
            seen.output_count = tt_graph_node(graph, step->node)->output_count;
            seen.types = tt_graph_type(graph, (tt_value){step->node, 0});
            seen.elements = (const void *const *)step->out;
            w->watch(w->context, &seen);
        }
    }
    tt_denormals_restore(had);
    return status;
}

static tt_status run_steps(tt_program *program, tt_text *why)
{
    const tt_graph *graph = program->graph;
    uint32_t results = tt_graph_result_count(graph), all = results + tt_graph_assign_count(graph);
    tt_status status = compute_steps(program, NULL, why);
    const void **values = status == TT_OK ? calloc(all + 1u, sizeof(*values)) : NULL;
    if (status == TT_OK && values == NULL)
        status = TT_FULL;
    for (uint32_t i = 0; status == TT_OK && i < all; i++)
        values[i] = bytes_at(program, wanted(graph, i));
    if (status == TT_OK)
        status = tt_guard_check(program, values, why);
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
    return program->session->options.reference ? run_reference(program, why)
                                               : run_steps(program, why);
}

tt_status tt_program_watch(tt_program *program, void (*watch)(void *context, const tt_seen *seen),
                           void *context, tt_text *why)
{
    watcher w = {program->graph, watch, context};
    tt_reference *reference = NULL;
    tt_status status = find_buffers(program, why);
    if (status != TT_OK)
        return status;
    if (!program->session->options.reference)
        return compute_steps(program, &w, why);
    uint32_t all = tt_graph_result_count(w.graph) + tt_graph_assign_count(w.graph);
    status = compute_by_reference(program, all, &w, &reference, why);
    tt_reference_free(reference);
    return status;
}

const void *tt_program_result(const tt_program *program, uint32_t index, tt_type *type)
{
    tt_value value = tt_graph_result_at(program->graph, index)->value;
    if (type != NULL)
        *type = *tt_graph_type(program->graph, value);
    if (program->session->options.reference)
        return program->results != NULL ? program->results[index] : NULL;
    return bytes_at(program, value);
}

uint64_t tt_program_arena_bytes(const tt_program *program)
{
    return program->arena_bytes;
}

uint32_t tt_program_steps(const tt_program *program)
{
    return program->step_count;
}
