// What a program's steps are made of, and what the machine can do at most.

#include "tutti/profile.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ai/run/compile_internal.h"
#include "ai/run/peak.h"
#include "ai/run/session_internal.h"

const tt_graph *tt_program_graph(const tt_program *program)
{
    return program->graph;
}

// ---- steps

// A step computes what it writes, and all before that, up to what lies in a buffer or was stored by
// a step: so this hangs on no kernel's or form's own idea of what it has taken in.
typedef struct walk {
    const tt_program *program;
    bool *near; // by value: it lies in another chain's local memory
    bool *seen; // by node
    uint32_t *todo, todo_count;
} walk;

static void visit(walk *w, uint32_t node)
{
    if (!w->seen[node])
        w->todo[w->todo_count++] = node;
    w->seen[node] = true;
}

static bool is_there_before(const walk *w, tt_value value)
{
    uint32_t at = tt_value_place(w->program->graph, value);
    return tt_graph_node(w->program->graph, value.node)->op == TT_OP_BUFFER || w->near[at] ||
           w->program->place[at] != TT_NOWHERE;
}

static void mark_near(walk *w, const tt_step *but)
{
    for (uint32_t i = 0; i < w->program->step_count; i++) {
        const tt_fused *fused = w->program->steps[i].fused;
        if (fused == NULL || &w->program->steps[i] == but)
            continue;
        const tt_value *between = &fused->values[fused->read_count + fused->write_count];
        for (uint32_t k = 0; k < fused->between_count; k++)
            w->near[tt_value_place(w->program->graph, between[k])] = true;
    }
}

static void find_nodes(walk *w, const tt_step *step)
{
    const tt_graph *graph = w->program->graph;
    for (unsigned i = 0; i < tt_step_write_count(graph, step); i++)
        visit(w, tt_step_write(step, i).node);
    while (w->todo_count > 0) {
        uint32_t node = w->todo[--w->todo_count];
        const tt_operation *n = tt_graph_node(graph, node);
        for (unsigned i = 0; i < n->input_count; i++)
            if (!is_there_before(w, tt_graph_inputs(graph, node)[i]))
                visit(w, tt_graph_inputs(graph, node)[i].node);
    }
}

static uint64_t bytes_of_step(const tt_program *program, const tt_step *step)
{
    unsigned count, written = tt_step_write_count(program->graph, step);
    const tt_value *values = tt_step_values(program->graph, step, &count);
    uint64_t bytes = 0;
    for (unsigned i = 0; i < count; i++) {
        uint32_t root = program->root[tt_value_place(program->graph, values[i])];
        bool again = false;
        for (unsigned k = 0; k < i && !again; k++)
            again = program->root[tt_value_place(program->graph, values[k])] == root;
        if (!again)
            bytes += tt_type_bytes(tt_graph_type(program->graph, values[i]));
    }
    for (unsigned i = 0; i < written; i++)
        bytes += tt_type_bytes(tt_graph_type(program->graph, tt_step_write(step, i)));
    return bytes;
}

tt_status tt_program_step(const tt_program *program, uint32_t index, tt_step_about *about)
{
    const tt_step *step = &program->steps[index];
    uint32_t count = tt_graph_count(program->graph);
    walk w = {program, calloc(program->value_count + 1u, sizeof(bool)),
              calloc(count + 1u, sizeof(bool)), calloc(count + 1u, sizeof(uint32_t)), 0};
    *about = (tt_step_about){.kind = tt_step_name(step),
                             .compiled = step->code != NULL,
                             .kept = step->settled && !program->session->lent,
                             .bytes = bytes_of_step(program, step)};
    if (w.near == NULL || w.seen == NULL || w.todo == NULL) {
        free(w.near);
        free(w.seen);
        free(w.todo);
        return TT_FULL;
    }
    mark_near(&w, step);
    find_nodes(&w, step);
    for (uint32_t node = 0; node < count; node++)
        if (w.seen[node]) {
            about->flop = tt_cost_add(about->flop, tt_node_flop(program->graph, node));
            w.todo[about->node_count++] = node;
        }
    about->nodes = w.todo;
    free(w.near);
    free(w.seen);
    return TT_OK;
}

// ---- the machine

#define TURNS 20000 // a tenth of a millisecond
#define TRIES 9

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

// The best of some tries: what else the machine does only takes away.
static double best_arithmetic(tt_isa isa)
{
    double best = 0;
    for (unsigned i = 0; i < 10 * TRIES; i++) {
        double begin = now_s();
        double flop = tt_peak_arithmetic(isa, TURNS);
        double rate = flop / (now_s() - begin);
        best = rate > best ? rate : best;
    }
    return best;
}

static double best_copy(size_t bytes, unsigned copies)
{
    char *from = tt_run_allocate(bytes), *to = tt_run_allocate(bytes);
    double best = 0;
    for (unsigned i = 0; i < TRIES && from != NULL && to != NULL; i++) {
        double begin = now_s();
        for (unsigned copy = 0; copy < copies; copy++) {
            memcpy(to, from, bytes);
            __asm__ volatile("" : : "r"(to) : "memory"); // it is done each time
        }
        double rate = 2.0 * (double)bytes * copies / (now_s() - begin);
        best = rate > best ? rate : best;
    }
    free(from);
    free(to);
    return best;
}

tt_peak tt_peak_measure(void)
{
    static const struct {
        size_t bytes;
        unsigned copies; // a try
    } sizes[TT_PEAK_COPIES] = {
        {(size_t)64 << 10, 200}, {(size_t)2 << 20, 4}, {(size_t)32 << 20, 1}};
    tt_isa isa = tt_isa_here(NULL);
    tt_peak peak = {.instructions = tt_isa_name(isa), .flop_per_s = best_arithmetic(isa)};
    for (unsigned i = 0; i < TT_PEAK_COPIES; i++) {
        peak.copy[i].bytes = sizes[i].bytes;
        peak.copy[i].bytes_per_s = best_copy(sizes[i].bytes, sizes[i].copies);
    }
    return peak;
}
