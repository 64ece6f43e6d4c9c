// Sessions and programs: which nodes become steps, where each value lies, and the loop over steps.
//
// A value's place in the arena is taken when it is computed and given back after its last use, so
// the arena is about as large as the widest moment, not the sum. A reshape has no step: it shares
// its input's place.

#include "ai/run/session.h"

#include <cblas.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ai/next/reference.h"
#include "ai/run/program.h"
#include "tutti/check.h"

#define ALIGNMENT 64
#define COST_MAX_DEFAULT ((uint64_t)1 << 50)
#define NOWHERE UINT64_MAX

typedef struct bytes_of { // a parameter's or a state's
    char *name;
    tt_type type;
    void *data;
} bytes_of;

struct tt_session {
    tt_session_options options;
    tt_pool *pool;
    bytes_of *kept;
    uint32_t kept_count, kept_capacity;
    tt_program *programs; // a list
};

struct tt_program {
    tt_session *session;
    tt_program *next;
    tt_graph *graph; // simplified
    tt_step *steps;
    uint32_t step_count, value_count;
    const void **data;  // by value: where its elements are
    uint32_t *root;     // by value: whose place it shares; itself but for reshapes
    uint64_t *place;    // by value: in the arena, or NOWHERE
    const void **given; // by buffer: of inputs, what was set
    void **pointers;    // that steps' in and out point into
    char *arena, *scratch;
    uint64_t arena_bytes;
    size_t scratch_bytes;
    void **results; // of the last run, where everything is run by the reference
};

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

static void *allocate(uint64_t bytes)
{
    void *memory = NULL;
    if (bytes > SIZE_MAX / 2 || posix_memalign(&memory, ALIGNMENT, bytes > 0 ? bytes : 1) != 0)
        return NULL;
    return memset(memory, 0, bytes);
}

static uint64_t type_bytes(const tt_type *type)
{
    return (uint64_t)tt_type_count(type) * tt_element_bytes((tt_element)type->element);
}

static tt_status keep_bytes(tt_session *session, const tt_buffer *buffer, tt_text *why)
{
    char is[TT_TYPE_TEXT_MAX], was[TT_TYPE_TEXT_MAX];
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
    bytes_of made = {strdup(buffer->name), buffer->type, allocate(type_bytes(&buffer->type))};
    if (made.name == NULL || made.data == NULL) {
        free(made.name);
        free(made.data);
        return TT_FULL;
    }
    session->kept[session->kept_count++] = made;
    return TT_OK;
}

// ---- planning

typedef struct hole {
    uint64_t offset, bytes;
} hole;

typedef struct planning {
    tt_program *program;
    bool *needed, *fused;
    uint32_t *uses;     // by node
    uint32_t *last_use; // by value: the last step that reads it, + 1; UINT32_MAX: a result
    uint32_t *dies;     // by step: the first value that dies there, + 1
    uint32_t *next;     // by value: the next that dies at the same step, + 1
    uint64_t *bytes;    // by value, rounded up
    hole holes[256];
    size_t hole_count;
    uint64_t end;
} planning;

static uint32_t value_at(const tt_graph *graph, tt_value value)
{
    return tt_graph_node(graph, value.node)->types + value.output;
}

static void count_uses(planning *p)
{
    const tt_graph *graph = p->program->graph;
    for (uint32_t i = 0; i < tt_graph_result_count(graph); i++)
        p->uses[tt_graph_result_at(graph, i)->value.node] += 2; // never fused away
    for (uint32_t i = 0; i < tt_graph_assign_count(graph); i++)
        p->uses[tt_graph_assign_at(graph, i)->value.node] += 2;
    for (uint32_t at = tt_graph_count(graph); at > 0; at--) {
        const tt_value *inputs = tt_graph_inputs(graph, at - 1);
        p->needed[at - 1] = p->uses[at - 1] > 0;
        for (unsigned i = 0; p->needed[at - 1] && i < tt_graph_node(graph, at - 1)->input_count;
             i++)
            p->uses[inputs[i].node]++;
    }
}

static const tt_value *step_values(const tt_graph *graph, const tt_step *step, unsigned *count)
{
    *count =
        step->input_count > 0 ? step->input_count : tt_graph_node(graph, step->node)->input_count;
    return step->input_count > 0 ? step->value : tt_graph_inputs(graph, step->node);
}

// Steps are chosen from the last node back, so that what ends a chain takes what stands before it;
// what they read is what is needed.
static bool choose_steps(planning *p)
{
    tt_program *program = p->program;
    const tt_graph *graph = program->graph;
    uint32_t nodes = tt_graph_count(graph);
    tt_step *chosen = calloc(nodes + 1, sizeof(*chosen));
    bool *read = calloc(nodes + 1, sizeof(*read));
    tt_matching matching = {graph, p->uses, p->fused};
    if (chosen == NULL || read == NULL) {
        free(chosen);
        free(read);
        return false;
    }
    for (uint32_t i = 0; i < tt_graph_result_count(graph); i++)
        read[tt_graph_result_at(graph, i)->value.node] = true;
    for (uint32_t i = 0; i < tt_graph_assign_count(graph); i++)
        read[tt_graph_assign_at(graph, i)->value.node] = true;
    for (uint32_t at = nodes; at > 0; at--) {
        const tt_node *node = tt_graph_node(graph, at - 1);
        unsigned count;
        if (!read[at - 1] || p->fused[at - 1] || node->op == TT_OP_BUFFER)
            continue;
        if (node->op == TT_OP_RESHAPE) {
            read[tt_graph_inputs(graph, at - 1)[0].node] = true;
            continue;
        }
        tt_match(&matching, at - 1, &chosen[at - 1]);
        const tt_value *values = step_values(graph, &chosen[at - 1], &count);
        for (unsigned i = 0; i < count; i++)
            read[values[i].node] = true;
    }
    for (uint32_t at = 0; at < nodes; at++)
        if (chosen[at].kernel != NULL && !p->fused[at])
            program->steps[program->step_count++] = chosen[at];
    free(chosen);
    free(read);
    return true;
}

static void find_last_uses(planning *p)
{
    tt_program *program = p->program;
    const tt_graph *graph = program->graph;
    for (uint32_t at = 0; at < tt_graph_count(graph); at++) {
        const tt_node *node = tt_graph_node(graph, at);
        for (unsigned i = 0; i < node->output_count; i++)
            program->root[node->types + i] = node->types + i;
        if (node->op == TT_OP_RESHAPE)
            program->root[node->types] =
                program->root[value_at(graph, tt_graph_inputs(graph, at)[0])];
    }
    for (uint32_t i = 0; i < program->step_count; i++) {
        const tt_step *step = &program->steps[i];
        unsigned count;
        const tt_value *values = step_values(graph, step, &count);
        for (unsigned k = 0; k < count; k++)
            p->last_use[program->root[value_at(graph, values[k])]] = i + 1;
        for (unsigned k = 0; k < tt_graph_node(graph, step->node)->output_count; k++) {
            uint32_t *last = &p->last_use[value_at(graph, (tt_value){step->node, (uint16_t)k})];
            *last = *last == 0 ? i + 1 : *last; // an output that nobody reads
        }
    }
    for (uint32_t i = 0; i < tt_graph_result_count(graph); i++)
        p->last_use[program->root[value_at(graph, tt_graph_result_at(graph, i)->value)]] =
            UINT32_MAX;
    for (uint32_t i = 0; i < tt_graph_assign_count(graph); i++)
        p->last_use[program->root[value_at(graph, tt_graph_assign_at(graph, i)->value)]] =
            UINT32_MAX;
    for (uint32_t at = 0; at < program->value_count; at++)
        if (p->last_use[at] > 0 && p->last_use[at] != UINT32_MAX) {
            p->next[at] = p->dies[p->last_use[at] - 1];
            p->dies[p->last_use[at] - 1] = at + 1;
        }
}

// Takes a place in the first hole that fits, or at the end.
static uint64_t take(planning *p, uint64_t bytes)
{
    for (size_t i = 0; i < p->hole_count; i++) {
        hole *h = &p->holes[i];
        if (h->bytes < bytes)
            continue;
        uint64_t offset = h->offset;
        h->offset += bytes;
        h->bytes -= bytes;
        if (h->bytes == 0)
            *h = p->holes[--p->hole_count];
        return offset;
    }
    uint64_t offset = p->end;
    p->end += bytes;
    return offset;
}

static void give_back(planning *p, uint64_t offset, uint64_t bytes)
{
    for (size_t i = 0; i < p->hole_count; i++) { // join with a neighbour, then look again
        hole h = p->holes[i];
        if (h.offset + h.bytes != offset && offset + bytes != h.offset)
            continue;
        p->holes[i] = p->holes[--p->hole_count];
        give_back(p, h.offset < offset ? h.offset : offset, h.bytes + bytes);
        return;
    }
    if (bytes > 0 &&
        p->hole_count < TT_COUNT(p->holes)) // else the place is lost: larger, never wrong
        p->holes[p->hole_count++] = (hole){offset, bytes};
}

static void choose_places(planning *p)
{
    tt_program *program = p->program;
    for (uint32_t i = 0; i < program->step_count; i++) {
        const tt_node *node = tt_graph_node(program->graph, program->steps[i].node);
        for (uint32_t at = node->types; at < node->types + node->output_count; at++)
            program->place[at] = take(p, p->bytes[at]);
        for (uint32_t at = p->dies[i]; at != 0; at = p->next[at - 1])
            if (program->place[at - 1] != NOWHERE) // not a buffer's
                give_back(p, program->place[at - 1], p->bytes[at - 1]);
        if (program->steps[i].scratch > program->scratch_bytes)
            program->scratch_bytes = program->steps[i].scratch;
    }
    program->arena_bytes = p->end;
}

static uint64_t half_of_memory(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), bytes = sysconf(_SC_PAGESIZE);
    return pages > 0 && bytes > 0 ? (uint64_t)pages * (uint64_t)bytes / 2 : (uint64_t)1 << 30;
}

static tt_status too_large(tt_text *why, const char *what, uint64_t is, uint64_t limit)
{
    tt_text_add(why, "the graph ");
    tt_text_add(why, what);
    tt_text_add(why, " ");
    tt_text_add_unsigned(why, is);
    tt_text_add(why, is == UINT64_MAX ? " or more; the limit is " : "; the limit is ");
    tt_text_add_unsigned(why, limit);
    return TT_TOO_LARGE;
}

static tt_status check_cost(const tt_session *session, const tt_graph *graph, tt_text *why)
{
    uint64_t limit = session->options.cost_max > 0 ? session->options.cost_max : COST_MAX_DEFAULT;
    uint64_t cost = tt_graph_cost(graph);
    return cost <= limit ? TT_OK : too_large(why, "computes products and elements:", cost, limit);
}

static uint64_t bytes_limit(const tt_session *session)
{
    return session->options.bytes_max > 0 ? session->options.bytes_max : half_of_memory();
}

static tt_status plan(tt_program *program, tt_text *why)
{
    const tt_graph *graph = program->graph;
    uint32_t nodes = tt_graph_count(graph), values = program->value_count;
    planning p = {.program = program,
                  .needed = calloc(nodes + 1, sizeof(bool)),
                  .fused = calloc(nodes + 1, sizeof(bool)),
                  .uses = calloc(nodes + 1, sizeof(uint32_t)),
                  .last_use = calloc(values + 1, sizeof(uint32_t)),
                  .dies = calloc(nodes + 1, sizeof(uint32_t)),
                  .next = calloc(values + 1, sizeof(uint32_t)),
                  .bytes = calloc(values + 1, sizeof(uint64_t))};
    tt_status status = TT_OK;
    program->steps = calloc(nodes + 1, sizeof(tt_step));
    program->root = calloc(values + 1, sizeof(uint32_t));
    program->place = malloc((values + 1) * sizeof(uint64_t));
    if (p.needed == NULL || p.fused == NULL || p.uses == NULL || p.last_use == NULL ||
        p.dies == NULL || p.next == NULL || p.bytes == NULL || program->steps == NULL ||
        program->root == NULL || program->place == NULL)
        status = TT_FULL;
    for (uint32_t at = 0; status == TT_OK && at < nodes; at++) {
        const tt_node *node = tt_graph_node(graph, at);
        for (unsigned i = 0; i < node->output_count; i++) {
            uint64_t bytes = type_bytes(tt_graph_type(graph, (tt_value){at, (uint16_t)i}));
            p.bytes[node->types + i] = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
            program->place[node->types + i] = NOWHERE;
        }
    }
    if (status == TT_OK) {
        count_uses(&p);
        status = choose_steps(&p) ? TT_OK : TT_FULL;
    }
    if (status == TT_OK) {
        find_last_uses(&p);
        choose_places(&p);
        uint64_t limit = bytes_limit(program->session);
        if (program->arena_bytes + program->scratch_bytes > limit)
            status = too_large(why, "takes bytes of memory:",
                               program->arena_bytes + program->scratch_bytes, limit);
    }
    free(p.needed);
    free(p.fused);
    free(p.uses);
    free(p.last_use);
    free(p.dies);
    free(p.next);
    free(p.bytes);
    return status;
}

// Addresses of what lies in the arena, and room for steps' addresses.
static tt_status place_all(tt_program *program)
{
    const tt_graph *graph = program->graph;
    size_t pointers = 0;
    for (uint32_t i = 0; i < program->step_count; i++) {
        unsigned count;
        step_values(graph, &program->steps[i], &count);
        pointers += count + tt_graph_node(graph, program->steps[i].node)->output_count;
    }
    program->arena = allocate(program->arena_bytes);
    program->scratch = allocate(program->scratch_bytes);
    program->data = calloc(program->value_count + 1u, sizeof(*program->data));
    program->pointers = calloc(pointers + 1, sizeof(*program->pointers));
    if (program->arena == NULL || program->scratch == NULL || program->data == NULL ||
        program->pointers == NULL)
        return TT_FULL;
    for (uint32_t at = 0; at < program->value_count; at++)
        if (program->place[at] != NOWHERE)
            program->data[at] = program->arena + program->place[at];
    void **next = program->pointers;
    for (uint32_t i = 0; i < program->step_count; i++) {
        tt_step *step = &program->steps[i];
        unsigned count;
        step_values(graph, step, &count);
        step->in = (const void **)next;
        step->out = next + count;
        next = step->out + tt_graph_node(graph, step->node)->output_count;
        for (unsigned k = 0; k < tt_graph_node(graph, step->node)->output_count; k++)
            step->out[k] =
                (void *)(uintptr_t)program->data[tt_graph_node(graph, step->node)->types + k];
    }
    return TT_OK;
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
        status = plan(program, why);
    if (status == TT_OK && !session->options.reference)
        status = place_all(program);
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
    const tt_value *values = step_values(program->graph, step, &count);
    for (unsigned k = 0; k < count; k++)
        step->in[k] = program->data[program->root[value_at(program->graph, values[k])]];
}

static const void *bytes_at(const tt_program *program, tt_value value)
{
    return program->data[program->root[value_at(program->graph, value)]];
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
        uint64_t bytes = type_bytes(tt_graph_type(graph, tt_graph_assign_at(graph, i)->value));
        if (node->op != TT_OP_BUFFER && node->op != TT_OP_RESHAPE)
            continue; // in the arena
        if ((old[i] = allocate(bytes)) == NULL)
            status = TT_FULL;
        else
            memcpy(old[i], values[i], bytes);
    }
    for (uint32_t i = 0; status == TT_OK && i < count; i++) {
        const tt_assign *assign = tt_graph_assign_at(graph, i);
        const tt_buffer *buffer = tt_graph_buffer(graph, assign->buffer);
        memcpy(find_bytes(program->session, buffer->name)->data,
               old[i] != NULL ? old[i] : values[i], type_bytes(&buffer->type));
    }
    for (uint32_t i = 0; old != NULL && i < count; i++)
        free(old[i]);
    free(old);
    return status;
}

static tt_status run_reference(tt_program *program, tt_text *why)
{
    const tt_graph *graph = program->graph;
    uint32_t results = tt_graph_result_count(graph), assigns = tt_graph_assign_count(graph);
    tt_value *values = calloc((size_t)results + assigns + 1, sizeof(*values));
    void **bytes = calloc((size_t)results + assigns + 1, sizeof(*bytes));
    tt_reference_options options = {true, bytes_limit(program->session),
                                    program->session->options.cost_max};
    tt_reference *reference = NULL;
    tt_status status = values != NULL && bytes != NULL ? TT_OK : TT_FULL;
    for (uint32_t i = 0; status == TT_OK && i < results + assigns; i++)
        values[i] = i < results ? tt_graph_result_at(graph, i)->value
                                : tt_graph_assign_at(graph, i - results)->value;
    if (status == TT_OK)
        status = tt_reference_run(graph, results + assigns, values, program->given, &options,
                                  &reference, why);
    for (uint32_t i = 0; status == TT_OK && i < results + assigns; i++) {
        const tt_cells *tensor = tt_reference_result(reference, i);
        if ((bytes[i] = allocate(type_bytes(&tensor->type))) == NULL)
            status = TT_FULL;
        else
            tt_cells_store(tensor, bytes[i]);
    }
    if (status == TT_OK)
        status = assign_all(program, (const void *const *)bytes + results);
    for (uint32_t i = results; bytes != NULL && i < results + assigns; i++)
        free(bytes[i]);
    free_results(program);
    program->results = bytes; // the results' part of it
    tt_reference_free(reference);
    free(values);
    return status;
}

static tt_status run_steps(tt_program *program, tt_text *why)
{
    tt_running running = {program->graph, program->session->pool, program->scratch, why};
    unsigned had = tt_denormals_flush();
    tt_status status = TT_OK;
    for (uint32_t i = 0; status == TT_OK && i < program->step_count; i++) {
        resolve(program, &program->steps[i]);
        status = program->steps[i].kernel(&running, &program->steps[i]);
    }
    tt_denormals_restore(had);
    uint32_t assigns = tt_graph_assign_count(program->graph);
    const void **values = status == TT_OK ? calloc(assigns + 1u, sizeof(*values)) : NULL;
    if (status == TT_OK && values == NULL)
        status = TT_FULL;
    for (uint32_t i = 0; status == TT_OK && i < assigns; i++)
        values[i] = bytes_at(program, tt_graph_assign_at(program->graph, i)->value);
    if (status == TT_OK)
        status = assign_all(program, values);
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

typedef struct split {
    void (*body)(void *context, int64_t first, int64_t end);
    void *context;
    int64_t count, each;
} split;

static void run_split(void *context, size_t piece)
{
    const split *s = context;
    int64_t first = (int64_t)piece * s->each;
    s->body(s->context, first, first + s->each < s->count ? first + s->each : s->count);
}

void tt_split(const tt_running *running, int64_t count, int64_t each,
              void (*body)(void *context, int64_t first, int64_t end), void *context)
{
    split s = {body, context, count, each};
    if (count > 0)
        tt_pool_run(running->pool, (size_t)((count + each - 1) / each), run_split, &s);
}

tt_status tt_reference_kernel(const tt_running *running, const tt_step *step)
{
    const tt_graph *graph = running->graph;
    const tt_node *node = tt_graph_node(graph, step->node);
    tt_cells few[TT_STEP_INPUTS], *in = few, out[TT_OUTPUTS_MAX];
    tt_status status = TT_OK;
    if (node->input_count > TT_STEP_INPUTS && (in = calloc(node->input_count, sizeof(*in))) == NULL)
        return TT_FULL;
    for (unsigned i = 0; i < node->input_count; i++) {
        in[i].type = *tt_graph_type(graph, tt_graph_inputs(graph, step->node)[i]);
        in[i].cells = NULL;
    }
    for (unsigned i = 0; status == TT_OK && i < node->input_count; i++) {
        int64_t count = tt_type_count(&in[i].type);
        in[i].cells = malloc((size_t)(count > 0 ? count : 1) * sizeof(tt_cell));
        if (in[i].cells == NULL)
            status = TT_FULL;
        for (int64_t k = 0; status == TT_OK && k < count; k++)
            in[i].cells[k] = tt_cell_load((tt_element)in[i].type.element, step->in[i], k);
    }
    if (status == TT_OK)
        status = tt_reference_node(graph, step->node, in, out, running->why);
    for (unsigned i = 0; status == TT_OK && i < node->output_count; i++) {
        tt_cells_store(&out[i], step->out[i]);
        free(out[i].cells);
    }
    for (unsigned i = 0; i < node->input_count; i++)
        free(in[i].cells);
    if (in != few)
        free(in);
    return status;
}
