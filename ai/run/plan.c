// Planning a program: which nodes become steps, and where each value lies.
//
// A value's place in the arena is taken when it is computed and given back after its last use, so
// the arena is about as large as the widest moment, not the sum. A view has no step: it shares its
// input's place.

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ai/run/blocks.h"
#include "ai/run/session_internal.h"
#include "tutti/check.h"

#define ALIGNMENT 64
#define HUGE_PAGE ((size_t)2 << 20)

void *tt_run_allocate(uint64_t bytes)
{
    void *memory = NULL;
    bool large = bytes >= 16 * HUGE_PAGE; // 500 times fewer faults for at most a part in 16 more
    if (bytes > SIZE_MAX / 2 ||
        posix_memalign(&memory, large ? HUGE_PAGE : ALIGNMENT, bytes > 0 ? bytes : 1) != 0)
        return NULL;
    if (large)
        madvise(memory, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE); // it may as well not
    return memset(memory, 0, bytes);
}

static uint64_t half_of_memory(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), bytes = sysconf(_SC_PAGESIZE);
    return pages > 0 && bytes > 0 ? (uint64_t)pages * (uint64_t)bytes / 2 : (uint64_t)1 << 30;
}

tt_status tt_run_too_large(tt_text *why, const char *what, uint64_t is, uint64_t limit)
{
    tt_text_add(why, "the graph ");
    tt_text_add(why, what);
    tt_text_add(why, " ");
    tt_text_add_unsigned(why, is);
    tt_text_add(why, is == UINT64_MAX ? " or more; the limit is " : "; the limit is ");
    tt_text_add_unsigned(why, limit);
    return TT_TOO_LARGE;
}

uint64_t tt_session_bytes_limit(const tt_session *session)
{
    return session->options.bytes_max > 0 ? session->options.bytes_max : half_of_memory();
}

const tt_value *tt_step_values(const tt_graph *graph, const tt_step *step, unsigned *count)
{
    if (step->fused != NULL) {
        *count = step->fused->read_count;
        return step->fused->values;
    }
    *count =
        step->input_count > 0 ? step->input_count : tt_graph_node(graph, step->node)->input_count;
    return step->input_count > 0 ? step->value : tt_graph_inputs(graph, step->node);
}

unsigned tt_step_write_count(const tt_graph *graph, const tt_step *step)
{
    return step->fused != NULL ? step->fused->write_count
                               : tt_graph_node(graph, step->node)->output_count;
}

tt_value tt_step_write(const tt_step *step, unsigned index)
{
    return step->fused != NULL ? step->fused->values[step->fused->read_count + index]
                               : (tt_value){step->node, (uint16_t)index};
}

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

static void count_uses(planning *p)
{
    const tt_graph *graph = p->program->graph;
    for (uint32_t i = 0; i < tt_graph_result_count(graph); i++)
        p->uses[tt_graph_result_at(graph, i)->value.node] += 2; // never fused away
    for (uint32_t i = 0; i < tt_graph_assign_count(graph); i++)
        p->uses[tt_graph_assign_at(graph, i)->value.node] += 2;
    for (uint32_t at = tt_graph_count(graph); at > 0; at--) {
        const tt_value *inputs = tt_graph_inputs(graph, at - 1);
        const tt_operation *node = tt_graph_node(graph, at - 1);
        unsigned read = node->op == TT_OP_AFTER ? 1 : node->input_count; // b is only waited for
        p->needed[at - 1] = p->uses[at - 1] > 0;
        for (unsigned i = 0; p->needed[at - 1] && i < read; i++)
            p->uses[inputs[i].node]++;
    }
}

// What is read is told from the last node back, so that what ends a chain takes what stands before
// it. `read` by a step of its own, or by a group, which looks through movements to where things
// lie.
typedef struct choosing {
    const tt_graph *graph;
    tt_step *own;
    tt_lowered *how;
    bool *read, *grouped, *stored;
} choosing;

static void choose_one(const tt_matching *matching, choosing *c, uint32_t node)
{
    const tt_operation *n = tt_graph_node(c->graph, node);
    const tt_value *inputs = tt_graph_inputs(c->graph, node);
    tt_step *step = &c->own[node];
    unsigned count;
    bool view = tt_is_view(n), looks = tt_looks_through(c->graph, node);
    if (view) { // a reshape is of what is stored
        c->read[inputs[0].node] |= c->read[node] || n->op == TT_OP_RESHAPE;
        c->grouped[inputs[0].node] |= c->grouped[node];
        return;
    }
    bool special = tt_match(matching, node, step);
    if (!special && looks && !c->read[node] && !matching->apart) {
        c->how[node] = TT_LOWERED_SEEN;
        c->grouped[inputs[0].node] = true;
    } else if (!special && tt_can_lower(c->graph, node)) {
        c->how[node] = TT_LOWERED_FREE;
        c->stored[node] = c->read[node] || matching->apart;
        for (unsigned i = 0; i < n->input_count; i++)
            *(matching->apart ? &c->read[inputs[i].node] : &c->grouped[inputs[i].node]) = true;
    } else {
        if (!special)
            tt_match_alone(matching, node, step);
        c->how[node] = TT_LOWERED_OWN;
        const tt_value *values = tt_step_values(c->graph, step, &count);
        for (unsigned i = 0; i < count; i++)
            c->read[values[i].node] = true;
    }
}

static void choose_all(planning *p, choosing *c)
{
    tt_matching matching = {c->graph, p->uses, p->fused, p->program->apart};
    for (uint32_t i = 0; i < tt_graph_result_count(c->graph); i++)
        c->read[tt_graph_result_at(c->graph, i)->value.node] = true;
    for (uint32_t i = 0; i < tt_graph_assign_count(c->graph); i++)
        c->read[tt_graph_assign_at(c->graph, i)->value.node] = true;
    for (uint32_t at = tt_graph_count(c->graph); at > 0; at--)
        if ((c->read[at - 1] || c->grouped[at - 1]) && !p->fused[at - 1] &&
            tt_graph_node(c->graph, at - 1)->op != TT_OP_BUFFER)
            choose_one(&matching, c, at - 1);
}

static bool add_group(tt_program *program, const tt_groups *groups, const tt_unit *unit)
{
    tt_step *step = &program->steps[program->step_count++];
    const tt_group *group = &groups->group[unit->index];
    *step = (tt_step){.kernel = tt_form_kernel, .fused = calloc(1, sizeof(*step->fused))};
    if (step->fused == NULL || !tt_fuse(groups, unit->index, step->fused))
        return false;
    step->node = groups->member[group->first + group->count - 1];
    step->product = step->node;
    step->scratch = tt_form_pieces(step->fused) * tt_blocks_scratch(&step->fused->form);
    return true;
}

static bool choose_steps(planning *p)
{
    tt_program *program = p->program;
    uint32_t nodes = tt_graph_count(program->graph);
    tt_groups groups = {0};
    choosing c = {.graph = program->graph,
                  .own = calloc(nodes + 1, sizeof(*c.own)),
                  .how = calloc(nodes + 1, sizeof(*c.how)),
                  .read = calloc(nodes + 1, sizeof(bool)),
                  .grouped = calloc(nodes + 1, sizeof(bool)),
                  .stored = calloc(nodes + 1, sizeof(bool))};
    bool ok =
        c.own != NULL && c.how != NULL && c.read != NULL && c.grouped != NULL && c.stored != NULL;
    if (ok)
        choose_all(p, &c);
    ok = ok && tt_groups_make(&groups, c.graph, c.how, c.stored, p->uses, program->apart);
    for (uint32_t i = 1; ok && i < groups.unit_count; i++) {
        if (groups.unit[i].is_group)
            ok = add_group(program, &groups, &groups.unit[i]);
        else
            program->steps[program->step_count++] = c.own[groups.unit[i].index];
    }
    tt_groups_free(&groups);
    free(c.own);
    free(c.how);
    free(c.read);
    free(c.grouped);
    free(c.stored);
    return ok;
}

static void find_last_uses(planning *p)
{
    tt_program *program = p->program;
    const tt_graph *graph = program->graph;
    for (uint32_t at = 0; at < tt_graph_count(graph); at++) {
        const tt_operation *node = tt_graph_node(graph, at);
        for (unsigned i = 0; i < node->output_count; i++)
            program->root[node->types + i] = node->types + i;
        if (tt_is_view(node))
            program->root[node->types] =
                program->root[tt_value_place(graph, tt_graph_inputs(graph, at)[0])];
    }
    for (uint32_t i = 0; i < program->step_count; i++) {
        const tt_step *step = &program->steps[i];
        unsigned count;
        const tt_value *values = tt_step_values(graph, step, &count);
        for (unsigned k = 0; k < count; k++)
            p->last_use[program->root[tt_value_place(graph, values[k])]] = i + 1;
        for (unsigned k = 0; k < tt_step_write_count(graph, step); k++) {
            uint32_t *last = &p->last_use[tt_value_place(graph, tt_step_write(step, k))];
            *last = *last == 0 ? i + 1 : *last; // an output that nobody reads
        }
    }
    for (uint32_t i = 0; i < tt_graph_result_count(graph); i++)
        p->last_use[program->root[tt_value_place(graph, tt_graph_result_at(graph, i)->value)]] =
            UINT32_MAX;
    for (uint32_t i = 0; i < tt_graph_assign_count(graph); i++)
        p->last_use[program->root[tt_value_place(graph, tt_graph_assign_at(graph, i)->value)]] =
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
        const tt_step *step = &program->steps[i];
        for (unsigned k = 0; k < tt_step_write_count(program->graph, step); k++) {
            uint32_t at = tt_value_place(program->graph, tt_step_write(step, k));
            program->place[at] = take(p, p->bytes[at]);
        }
        for (uint32_t at = p->dies[i]; at != 0; at = p->next[at - 1])
            if (program->place[at - 1] != TT_NOWHERE) // not a buffer's
                give_back(p, program->place[at - 1], p->bytes[at - 1]);
        if (program->steps[i].scratch > program->scratch_bytes)
            program->scratch_bytes = program->steps[i].scratch;
    }
    program->arena_bytes = p->end;
}

static tt_status choose(tt_program *program, tt_text *why)
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
        const tt_operation *node = tt_graph_node(graph, at);
        for (unsigned i = 0; i < node->output_count; i++) {
            uint64_t bytes = tt_type_bytes(tt_graph_type(graph, (tt_value){at, (uint16_t)i}));
            p.bytes[node->types + i] = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
            program->place[node->types + i] = TT_NOWHERE;
        }
    }
    if (status == TT_OK) {
        count_uses(&p);
        status = choose_steps(&p) ? TT_OK : TT_FULL;
    }
    if (status == TT_OK) {
        find_last_uses(&p);
        choose_places(&p);
        uint64_t limit = tt_session_bytes_limit(program->session);
        if (program->arena_bytes + program->scratch_bytes > limit)
            status = tt_run_too_large(why, "takes bytes of memory:",
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
        tt_step_values(graph, &program->steps[i], &count);
        pointers += count + tt_step_write_count(graph, &program->steps[i]);
    }
    program->arena = tt_run_allocate(program->arena_bytes);
    program->scratch = tt_run_allocate(program->scratch_bytes);
    program->data = calloc(program->value_count + 1u, sizeof(*program->data));
    program->pointers = calloc(pointers + 1, sizeof(*program->pointers));
    if (program->arena == NULL || program->scratch == NULL || program->data == NULL ||
        program->pointers == NULL)
        return TT_FULL;
    for (uint32_t at = 0; at < program->value_count; at++)
        if (program->place[at] != TT_NOWHERE)
            program->data[at] = program->arena + program->place[at];
    void **next = program->pointers;
    for (uint32_t i = 0; i < program->step_count; i++) {
        tt_step *step = &program->steps[i];
        unsigned count;
        tt_step_values(graph, step, &count);
        step->in = (const void **)next;
        step->out = next + count;
        unsigned written = tt_step_write_count(graph, step);
        next = step->out + written;
        for (unsigned k = 0; k < written; k++)
            step->out[k] =
                (void *)(uintptr_t)program->data[tt_value_place(graph, tt_step_write(step, k))];
    }
    return TT_OK;
}

tt_status tt_program_plan(tt_program *program, tt_text *why)
{
    tt_status status = choose(program, why);
    return status == TT_OK ? place_all(program) : status;
}
