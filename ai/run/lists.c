// Which steps of a program threads may do together.
//
// The steps are cut into lists, and those of a list become jobs (jobs.h). A job waits for each
// earlier one that writes bytes which it reads or writes, or reads bytes which it writes: so it
// goes by places, which are used again, not only by values. A layer's two gradients need nothing of
// each other, and what one thread alone can do in a step (a sum of few channels) is done beside
// others. Small steps that follow each other are one job, of one piece. What may fail ends a list:
// nothing behind it may have begun.
//
// Jobs stand by how much hangs on them, so that what many wait for is done first.

#include "ai/run/lists.h"

#include <stdlib.h>

#include "ai/lower/turns.h"
#include "ai/run/blocks.h"
#include "tutti/check.h"

#define TOUCHES_MAX 512 // of a list: its planning takes that squared
#define MOVED 8         // what an element that is moved costs

// Bytes of the arena or of a buffer that a job reads or writes.
typedef struct touch {
    uint32_t space, job; // 0: the arena; from 1 on a buffer
    uint64_t from, to;
    bool writes;
} touch;

typedef struct listing {
    tt_program *program;
    uint32_t *space; // by value
    tt_list *list;   // the open one, or NULL
    touch touch[TOUCHES_MAX];
    uint32_t touches;
    uint64_t cost[TT_JOBS_MAX];
} listing;

static uint64_t cost_of(const tt_program *program, const tt_step *step)
{
    if (step->fused != NULL)
        return step->fused->cost;
    int64_t count = tt_type_count(tt_graph_type(program->graph, (tt_value){step->node, 0}));
    return tt_cost_multiply((uint64_t)count, MOVED);
}

static uint32_t touches_of(const tt_program *program, const tt_step *step)
{
    unsigned read;
    tt_step_values(program->graph, step, &read);
    return read + tt_step_write_count(program->graph, step);
}

static bool may_fail(const tt_step *step)
{
    return step->kernel != tt_form_kernel && step->kernel != tt_move_kernel &&
           step->kernel != tt_pad_kernel && step->kernel != tt_concatenate_kernel;
}

static touch touch_of(const listing *l, tt_value value, bool writes)
{
    const tt_program *program = l->program;
    uint32_t root = program->root[tt_value_place(program->graph, value)];
    uint64_t from = l->space[root] > 0 ? 0 : program->place[root];
    uint64_t bytes = tt_type_bytes(tt_graph_type(program->graph, value));
    return (touch){l->space[root], 0, from, from + bytes, writes};
}

// All that a step touches, behind what the list's jobs do; returns how many these are.
static uint32_t find_touches(listing *l, const tt_step *step)
{
    const tt_graph *graph = l->program->graph;
    touch *to = &l->touch[l->touches];
    unsigned read, written = tt_step_write_count(graph, step);
    const tt_value *values = tt_step_values(graph, step, &read);
    for (unsigned i = 0; i < read; i++)
        *to++ = touch_of(l, values[i], false);
    for (unsigned i = 0; i < written; i++)
        *to++ = touch_of(l, tt_step_write(step, i), true);
    return read + written;
}

// The jobs for which it must wait.
static uint64_t find_waits(const listing *l, uint32_t touches)
{
    uint64_t waits = 0;
    for (const touch *t = l->touch; t < l->touch + l->touches; t++)
        for (const touch *now = l->touch + l->touches; now < l->touch + l->touches + touches; now++)
            if (t->space == now->space && (t->writes || now->writes) && t->from < now->to &&
                now->from < t->to)
                waits |= (uint64_t)1 << t->job;
    return waits;
}

// ---- turns

// Which of the step's buffers lie in the same place: these have the same number.
static void find_memory(const listing *l, const tt_fused *fused, uint32_t *memory)
{
    for (uint32_t i = 0; i < fused->read_count + fused->write_count; i++) {
        touch now = touch_of(l, fused->values[i], false);
        for (memory[i] = 0; memory[i] < i; memory[i]++) {
            touch other = touch_of(l, fused->values[memory[i]], false);
            if (other.space == now.space && other.from < now.to && now.from < other.to)
                break;
        }
    }
}

static bool refine(const listing *l, tt_step *step)
{
    tt_fused *fused = step->fused;
    if (fused == NULL || fused->turns >= TT_FORM_PIECES || fused->cost < TT_FORM_SMALL)
        return true;
    uint32_t *memory = calloc(fused->read_count + fused->write_count + 1u, sizeof(*memory));
    if (memory == NULL)
        return false;
    find_memory(l, fused, memory);
    int64_t turns = tt_form_refine(&fused->form, memory);
    fused->turns = turns > 0 ? turns : fused->turns;
    step->scratch = tt_blocks_scratch(&fused->form);
    free(memory);
    return true;
}

// ---- the order of jobs

// What a job costs with the dearest way from it to the list's end.
static void find_ways(const listing *l, uint64_t *way)
{
    const tt_jobs *jobs = &l->list->jobs;
    for (uint32_t i = 0; i < jobs->count; i++)
        way[i] = 0;
    for (uint32_t i = jobs->count; i > 0; i--) {
        way[i - 1] = tt_cost_add(way[i - 1], l->cost[i - 1]);
        for (uint64_t before = jobs->after[i - 1]; before != 0; before &= before - 1) {
            uint64_t *to = &way[__builtin_ctzll(before)];
            *to = *to > way[i - 1] ? *to : way[i - 1];
        }
    }
}

static void put_in_order(listing *l)
{
    tt_list *list = l->list, old = *list;
    uint64_t way[TT_JOBS_MAX];
    uint32_t at[TT_JOBS_MAX], now[TT_JOBS_MAX]; // which job stands where, and the reverse
    find_ways(l, way);
    for (uint32_t i = 0; i < list->jobs.count; i++) {
        uint32_t k = i;
        for (; k > 0 && way[at[k - 1]] < way[i]; k--)
            at[k] = at[k - 1];
        at[k] = i;
    }
    for (uint32_t i = 0; i < list->jobs.count; i++)
        now[at[i]] = i;
    for (uint32_t i = 0; i < list->jobs.count; i++) {
        list->step[i] = old.step[at[i]];
        list->steps[i] = old.steps[at[i]];
        list->jobs.after[i] = 0;
        for (uint64_t before = old.jobs.after[at[i]]; before != 0; before &= before - 1)
            list->jobs.after[i] |= (uint64_t)1 << now[__builtin_ctzll(before)];
    }
}

// ---- lists

static bool open_list(listing *l, uint32_t step)
{
    tt_program *program = l->program;
    l->list = tt_run_allocate(sizeof(*l->list));
    l->touches = 0;
    if (l->list == NULL)
        return false;
    l->list->first = l->list->end = step;
    program->lists[program->list_count++] = l->list;
    return true;
}

static void close_list(listing *l)
{
    if (l->list != NULL)
        put_in_order(l);
    l->list = NULL;
}

// Whether a step is done with the one before it, as a part of the list's last job: both small, or
// the step small and what it waits for done where that job begins.
static bool joins(const listing *l, const tt_step *step, uint64_t waits)
{
    const tt_list *list = l->list;
    if (list->jobs.count == 0)
        return false;
    uint32_t last = list->jobs.count - 1;
    const tt_step *before = &l->program->steps[list->step[last]];
    uint64_t cost = cost_of(l->program, step);
    bool in_time = (waits & ~(list->jobs.after[last] | (uint64_t)1 << last)) == 0;
    return tt_step_pieces(step, UINT32_MAX) == 1 && tt_step_pieces(before, UINT32_MAX) == 1 &&
           cost < TT_FORM_SMALL && (in_time || tt_cost_add(l->cost[last], cost) < TT_FORM_SMALL);
}

// As a job or part of one, if there is room for it.
static bool add_to_list(listing *l, uint32_t index)
{
    const tt_step *step = &l->program->steps[index];
    tt_list *list = l->list;
    if (l->touches + touches_of(l->program, step) > TOUCHES_MAX)
        return false;
    uint32_t touches = find_touches(l, step);
    uint64_t waits = find_waits(l, touches);
    bool joined = joins(l, step, waits);
    if (!joined && list->jobs.count == TT_JOBS_MAX)
        return false;
    uint32_t job = joined ? list->jobs.count - 1 : list->jobs.count++;
    if (!joined) {
        list->step[job] = index;
        l->cost[job] = 0;
    }
    list->steps[job]++;
    list->end = index + 1;
    list->jobs.after[job] |= waits & ~((uint64_t)1 << job);
    l->cost[job] = tt_cost_add(l->cost[job], cost_of(l->program, step));
    for (uint32_t i = 0; i < touches; i++)
        l->touch[l->touches++].job = job;
    return true;
}

static bool add_step(listing *l, uint32_t index)
{
    const tt_step *step = &l->program->steps[index];
    if (may_fail(step) || touches_of(l->program, step) > TOUCHES_MAX) {
        close_list(l);
        return true;
    }
    if (l->list != NULL && add_to_list(l, index))
        return true;
    close_list(l);
    return open_list(l, index) && add_to_list(l, index);
}

// Where values lie that are not in the arena.
static void find_spaces(listing *l)
{
    const tt_program *program = l->program;
    for (uint32_t i = 0; i < tt_graph_buffer_count(program->graph); i++)
        l->space[tt_value_place(program->graph, tt_graph_buffer(program->graph, i)->value)] = i + 1;
    for (uint32_t i = 0; i < program->straight_count; i++)
        l->space[program->straight[i].value] = program->straight[i].buffer + 1;
}

static bool begin_listing(listing *l, tt_program *program)
{
    *l =
        (listing){.program = program, .space = calloc(program->value_count + 1u, sizeof(uint32_t))};
    if (l->space != NULL)
        find_spaces(l);
    return l->space != NULL;
}

// Forms of few turns.
static bool refine_all(listing *l)
{
    bool ok = true;
    for (uint32_t i = 0; ok && i < l->program->step_count; i++)
        ok = refine(l, &l->program->steps[i]);
    return ok;
}

static bool list_all(listing *l)
{
    tt_program *program = l->program;
    program->lists = calloc(program->step_count + 1u, sizeof(*program->lists));
    bool ok = program->lists != NULL;
    for (uint32_t i = 0; ok && i < program->step_count; i++) {
        if (i == program->settled_count) // those before it are not done in each run
            close_list(l);
        ok = add_step(l, i);
    }
    if (ok)
        close_list(l);
    return ok;
}

tt_status tt_lists_make(tt_program *program)
{
    if (tt_pool_threads(program->session->pool) == 1)
        return TT_OK;
    listing *l = malloc(sizeof(*l));
    bool ok = l != NULL && begin_listing(l, program) && refine_all(l) && list_all(l);
    if (l != NULL)
        free(l->space);
    free(l);
    return ok ? TT_OK : TT_FULL;
}

void tt_lists_free(tt_program *program)
{
    for (uint32_t i = 0; i < program->list_count; i++)
        free(program->lists[i]);
    free(program->lists);
}

// ---- running

typedef struct doing {
    const tt_running *running;
    const tt_program *program;
    const tt_list *list;
} doing;

static void do_piece(void *context, uint32_t job, uint32_t piece, unsigned thread)
{
    const doing *d = context;
    for (uint32_t i = 0; i < d->list->steps[job]; i++) {
        const tt_step *step = &d->program->steps[d->list->step[job] + i];
        if (step->kernel == tt_form_kernel)
            tt_step_piece(d->running, step, piece, thread);
        else
            TT_CHECK(step->kernel(d->running, step) == TT_OK); // it cannot fail
    }
}

void tt_list_run(const tt_running *running, const tt_program *program, tt_list *list)
{
    doing d = {running, program, list};
    unsigned threads = tt_pool_threads(running->pool);
    for (uint32_t i = 0; i < list->jobs.count; i++)
        list->jobs.pieces[i] = tt_step_pieces(&program->steps[list->step[i]], threads);
    list->jobs.piece = do_piece;
    list->jobs.context = &d;
    tt_jobs_run(&list->jobs, running->pool);
    list->jobs.context = NULL;
}
