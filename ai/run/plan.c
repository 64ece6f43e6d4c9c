// Planning a program: which nodes become steps, and addresses for what they read and write. A view
// has no step. Where each value lies is places.c's.

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ai/lower/product.h"
#include "ai/run/blocks.h"
#include "ai/run/lists.h"
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
    *count = tt_graph_node(graph, step->node)->input_count;
    return tt_graph_inputs(graph, step->node);
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

typedef struct planning {
    tt_program *program;
    bool *needed, *fused;
    uint32_t *uses; // by node
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
    tt_unpool *unpools;       // by node
    const tt_unpool **unpool; // by node, those that are one
} choosing;

static void choose_product(const tt_matching *matching, choosing *c, uint32_t node)
{
    const tt_operation *n = tt_graph_node(c->graph, node);
    uint32_t base = n->op == TT_OP_TRANSPOSE ? tt_graph_inputs(c->graph, node)[0].node : node;
    c->how[node] = TT_LOWERED_PRODUCT;
    c->stored[node] = c->read[node] || matching->apart;
    matching->fused[base] = base != node;
    for (unsigned i = 0; i < 2; i++) {
        tt_value operand = tt_graph_inputs(c->graph, base)[i];
        *(matching->apart ? &c->read[operand.node] : &c->grouped[operand.node]) = true;
    }
    tt_value copied = tt_product_copies(c->graph, node);
    if (!tt_is_none(copied))
        c->read[copied.node] = true;
}

static void choose_pool(const tt_matching *matching, choosing *c, uint32_t node)
{
    bool pool = tt_is_pool(c->graph, node);
    const tt_value *read = pool ? tt_graph_inputs(c->graph, node) : c->unpools[node].read;
    c->how[node] = TT_LOWERED_POOL;
    c->stored[node] = c->read[node] || matching->apart;
    c->unpool[node] = pool ? NULL : &c->unpools[node];
    for (unsigned i = 0; i < (pool ? 1 : 3) && !tt_is_none(read[i]); i++)
        *(matching->apart ? &c->read[read[i].node] : &c->grouped[read[i].node]) = true;
}

static void choose_one(const tt_matching *matching, choosing *c, uint32_t node)
{
    const tt_operation *n = tt_graph_node(c->graph, node);
    const tt_value *inputs = tt_graph_inputs(c->graph, node);
    tt_step *step = &c->own[node];
    bool view = tt_is_view(n), looks = tt_looks_through(c->graph, node);
    if (view) { // a reshape is of what is stored
        c->read[inputs[0].node] |= c->read[node] || n->op == TT_OP_RESHAPE;
        c->grouped[inputs[0].node] |= c->grouped[node];
        return;
    }
    if (tt_matches_product(matching, node)) {
        choose_product(matching, c, node);
        return;
    }
    if (tt_is_pool(c->graph, node) || tt_match_unpool(matching, node, &c->unpools[node])) {
        choose_pool(matching, c, node);
        return;
    }
    if (looks && !c->read[node] && !matching->apart) {
        c->how[node] = TT_LOWERED_SEEN;
        c->grouped[inputs[0].node] = true;
    } else if (tt_can_lower(c->graph, node)) {
        c->how[node] = TT_LOWERED_FREE;
        c->stored[node] = c->read[node] || matching->apart;
        for (unsigned i = 0; i < n->input_count; i++)
            *(matching->apart ? &c->read[inputs[i].node] : &c->grouped[inputs[i].node]) = true;
    } else {
        tt_match_alone(c->graph, node, step);
        c->how[node] = TT_LOWERED_OWN;
        for (unsigned i = 0; i < n->input_count; i++)
            c->read[inputs[i].node] = true;
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
    step->scratch = tt_blocks_scratch(&step->fused->form);
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
                  .stored = calloc(nodes + 1, sizeof(bool)),
                  .unpools = calloc(nodes + 1, sizeof(*c.unpools)),
                  .unpool = calloc(nodes + 1, sizeof(*c.unpool))};
    bool ok = c.own != NULL && c.how != NULL && c.read != NULL && c.grouped != NULL &&
              c.stored != NULL && c.unpools != NULL && c.unpool != NULL;
    if (ok)
        choose_all(p, &c);
    tt_grouping grouping = {.how = c.how,
                            .stored = c.stored,
                            .uses = p->uses,
                            .unpool = c.unpool,
                            .read = c.read,
                            .apart = program->apart,
                            .wide = program->session->wide,
                            .shared = tt_pool_threads(program->session->pool) > 1};
    ok = ok && tt_groups_make(&groups, c.graph, &grouping);
    for (uint32_t i = 1; ok && i < groups.unit_count; i++) {
        if (groups.unit[i].is_group)
            ok = add_group(program, &groups, &groups.unit[i]);
        else
            program->steps[program->step_count++] = c.own[groups.unit[i].index];
    }
    program->blocked = groups.blocked;
    groups.blocked = NULL;
    tt_groups_free(&groups);
    free(c.own);
    free(c.how);
    free(c.read);
    free(c.grouped);
    free(c.stored);
    free(c.unpools);
    free(c.unpool);
    return ok;
}

static tt_status choose(tt_program *program, tt_text *why)
{
    uint32_t nodes = tt_graph_count(program->graph);
    planning p = {.program = program,
                  .needed = calloc(nodes + 1, sizeof(bool)),
                  .fused = calloc(nodes + 1, sizeof(bool)),
                  .uses = calloc(nodes + 1, sizeof(uint32_t))};
    tt_status status = TT_FULL;
    program->steps = calloc(nodes + 1, sizeof(tt_step));
    if (p.needed != NULL && p.fused != NULL && p.uses != NULL && program->steps != NULL) {
        count_uses(&p);
        status = choose_steps(&p) && tt_program_chain(program) ? TT_OK : TT_FULL;
    }
    if (status == TT_OK && !tt_program_settle(program))
        status = TT_FULL;
    if (status == TT_OK)
        status = tt_program_choose_places(program);
    if (status == TT_OK)
        status = tt_lists_make(program);
    for (uint32_t i = 0; status == TT_OK && i < program->step_count; i++)
        if (program->steps[i].scratch > program->scratch_each)
            program->scratch_each = program->steps[i].scratch;
    program->scratch_bytes = program->scratch_each * tt_pool_threads(program->session->pool);
    uint64_t limit = tt_session_bytes_limit(program->session);
    uint64_t bytes = program->arena_bytes + program->aside_bytes + program->scratch_bytes;
    if (status == TT_OK && bytes > limit)
        status = tt_run_too_large(why, "takes bytes of memory:", bytes, limit);
    free(p.needed);
    free(p.fused);
    free(p.uses);
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
        next = step->out + tt_step_write_count(graph, step);
    }
    return TT_OK;
}

tt_status tt_program_plan(tt_program *program, tt_text *why)
{
    tt_status status = choose(program, why);
    return status == TT_OK ? place_all(program) : status;
}
