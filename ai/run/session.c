// Sessions and programs: what they keep, and how they are made.

#include "tutti/session.h"

#include <stdlib.h>
#include <string.h>

#include "ai/run/compile.h"
#include "ai/run/parts.h"
#include "ai/run/compile_internal.h"
#include "ai/run/lists.h"
#include "ai/run/session_internal.h"

// Which way it is run where the options do not say; TT_INVALID: the environment says something
// else.
static tt_status find_way(tt_way *way, tt_text *why)
{
    static const struct {
        const char *name;
        tt_way way;
    } ways[] = {{"", TT_RUN_FAST},
                {"fast", TT_RUN_FAST},
                {"interpreted", TT_RUN_INTERPRETED},
                {"compiled", TT_RUN_COMPILED},
                {"reference", TT_RUN_REFERENCE}};
    const char *told = getenv("TT_RUN");
    if (*way != TT_RUN_AS_TOLD)
        return TT_OK;
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
        if (strcmp(told != NULL ? told : "", ways[i].name) == 0) {
            *way = ways[i].way;
            return TT_OK;
        }
    tt_text_add(why, "TT_RUN is '");
    tt_text_add(why, told);
    tt_text_add(why, "', expected 'reference', 'fast', 'interpreted' or 'compiled'");
    return TT_INVALID;
}

// Whether no compiler will be asked, or there is none.
static bool only_interprets(tt_way way)
{
    char path[PATH_MAX];
    return way == TT_RUN_INTERPRETED ||
           (way == TT_RUN_FAST && tt_compiler_find(NULL, path, NULL) != TT_OK);
}

tt_status tt_session_new(const tt_session_options *options, tt_session **session, tt_text *why)
{
    tt_session_options all = {0};
    *session = NULL;
    if (options != NULL)
        all = *options;
    if (all.threads > TT_THREADS_MAX) {
        tt_text_add(why, "the number of threads is ");
        tt_text_add_unsigned(why, all.threads);
        tt_text_add(why, ", expected at most 1024");
        return TT_INVALID;
    }
    tt_status status = find_way(&all.way, why);
    if (status == TT_OK)
        status = tt_isa_told(why);
    if (status != TT_OK)
        return status;
    tt_session *made = calloc(1, sizeof(*made));
    tt_pool *pool = tt_pool_new(all.threads);
    if (made == NULL || pool == NULL) {
        free(made);
        tt_pool_free(pool);
        return TT_FULL;
    }
    made->options = all;
    made->pool = pool;
    made->wide = tt_isa_here(NULL) == TT_ISA_AVX512;
    made->unchained = only_interprets(all.way); // which takes shorter forms faster
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

static bytes_of *find_bytes(const tt_session *session, const char *name)
{
    for (uint32_t i = 0; i < session->kept_count; i++)
        if (strcmp(session->kept[i].name, name) == 0)
            return &session->kept[i];
    return NULL;
}

const void *tt_session_read(const tt_session *session, const char *name, tt_type *type)
{
    const bytes_of *kept = find_bytes(session, name);
    if (kept != NULL && type != NULL)
        *type = kept->type;
    return kept != NULL ? kept->data : NULL;
}

void *tt_session_bytes(tt_session *session, const char *name, tt_type *type)
{
    session->lent = true;
    return (void *)(uintptr_t)tt_session_read(session, name, type);
}

tt_status tt_session_write(tt_session *session, const char *name, int64_t first, int64_t count,
                           const void *elements)
{
    bytes_of *kept = find_bytes(session, name);
    if (kept == NULL)
        return TT_NOT_FOUND;
    int64_t all = tt_type_count(&kept->type);
    size_t each = tt_element_bytes((tt_element)kept->type.element);
    if (first < 0 || count < 0 || first > all || count > all - first)
        return TT_INVALID;
    session->changes++;
    if (count > 0)
        memcpy((char *)kept->data + (size_t)first * each, elements, (size_t)count * each);
    return TT_OK;
}

static tt_status keep_bytes(tt_program *program, const tt_buffer *buffer, tt_text *why)
{
    tt_session *session = program->session;
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
    uint64_t bytes = tt_type_bytes(&buffer->type), limit = tt_session_bytes_limit(session);
    uint64_t all = session->kept_bytes + program->arena_bytes + program->aside_bytes +
                   program->scratch_bytes + bytes;
    if (all > limit) // all but the last, which is at most 2^51, were allocated
        return tt_run_too_large(why, "takes, with what is kept, bytes of memory:", all, limit);
    if (session->kept_count == session->kept_capacity) {
        uint32_t capacity = session->kept_capacity > 0 ? 2 * session->kept_capacity : 16;
        bytes_of *grown = realloc(session->kept, capacity * sizeof(*grown));
        if (grown == NULL)
            return TT_FULL;
        session->kept = grown;
        session->kept_capacity = capacity;
    }
    bytes_of made = {strdup(buffer->name), buffer->type, tt_run_allocate(bytes)};
    if (made.name == NULL || made.data == NULL) {
        free(made.name);
        free(made.data);
        return TT_FULL;
    }
    session->kept[session->kept_count++] = made;
    session->kept_bytes += bytes;
    return TT_OK;
}

static tt_status check_cost(const tt_session *session, const tt_graph *graph, tt_text *why)
{
    uint64_t limit = session->options.cost_max > 0 ? session->options.cost_max : TT_COST_MAX;
    uint64_t cost = tt_graph_cost(graph);
    return cost <= limit ? TT_OK
                         : tt_run_too_large(why, "computes products and elements:", cost, limit);
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
    program->graph = tt_by_reference(program) ? tt_graph_copy(graph) : tt_graph_simplify(graph);
    if (program->graph != NULL && !tt_by_reference(program) && !program->apart)
        program->graph = tt_graph_arrange(program->graph);
    if (program->graph == NULL)
        return TT_FULL;
    status = check_sizes(program->graph, why);
    if (status != TT_OK)
        return status;
    uint32_t buffers = tt_graph_buffer_count(program->graph);
    program->value_count = tt_values_of(program->graph);
    program->given = calloc(buffers + 1, sizeof(*program->given));
    if (program->given == NULL)
        return TT_FULL;
    if (!tt_by_reference(program))
        status = tt_program_plan(program, why);
    for (uint32_t i = 0; status == TT_OK && i < buffers; i++) {
        const tt_buffer *buffer = tt_graph_buffer(program->graph, i);
        if (buffer->kind == TT_PARAMETER || buffer->kind == TT_STATE)
            status = keep_bytes(program, buffer, why);
    }
    return status;
}

static tt_status load_program(tt_session *session, const tt_graph *graph, bool apart,
                              tt_program **program, tt_text *why)
{
    *program = NULL;
    tt_program *made = calloc(1, sizeof(*made));
    if (made == NULL)
        return TT_FULL;
    made->session = session;
    made->apart = apart;
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

tt_status tt_session_load(tt_session *session, const tt_graph *graph, tt_program **program,
                          tt_text *why)
{
    return load_program(session, graph, false, program, why);
}

tt_status tt_session_load_apart(tt_session *session, const tt_graph *graph, tt_program **program,
                                tt_text *why)
{
    return load_program(session, graph, true, program, why);
}

void tt_program_forget_results(tt_program *program)
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
    tt_program_forget_results(program);
    tt_graph_free(program->graph);
    for (uint32_t i = 0; i < program->step_count; i++)
        if (program->steps[i].fused != NULL) {
            tt_fused_free(program->steps[i].fused);
            free(program->steps[i].fused);
        }
    tt_parts_free(program->parts);
    tt_lists_free(program);
    free(program->steps);
    free(program->data);
    free(program->blocked);
    free(program->root);
    free(program->place);
    free(program->given);
    free(program->pointers);
    free(program->arena);
    free(program->aside);
    free(program->straight);
    free(program->scratch);
    free(program->guarded);
    free(program);
}

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

const void *tt_program_result(const tt_program *program, uint32_t index, tt_type *type)
{
    tt_value value = tt_graph_result_at(program->graph, index)->value;
    if (type != NULL)
        *type = *tt_graph_type(program->graph, value);
    if (program->results != NULL && program->results[index] != NULL)
        return program->results[index];
    if (tt_by_reference(program))
        return NULL;
    return tt_bytes_at(program, value);
}

uint64_t tt_program_arena_bytes(const tt_program *program)
{
    return program->arena_bytes;
}

uint32_t tt_program_steps(const tt_program *program)
{
    return program->step_count;
}
