// Chains of a program: forms that become one with the only one that reads what they make.

#include <stdlib.h>
#include <string.h>

#include "ai/lower/chain.h"
#include "ai/run/blocks.h"
#include "ai/run/session_internal.h"

// By value, behind views.
typedef struct flow {
    uint32_t made;  // the step that makes it, + 1
    uint32_t first; // that reads it, + 1: as it was before there were chains
    uint32_t read;  // the last that reads it, + 1
    uint32_t readers;
    bool wanted; // it is a result, or assigned
} flow;

static void note_flow(const tt_program *program, flow *of)
{
    const tt_graph *graph = program->graph;
    uint32_t wanted = tt_graph_result_count(graph) + tt_graph_assign_count(graph);
    memset(of, 0, program->value_count * sizeof(*of));
    for (uint32_t i = 0; i < program->step_count; i++) {
        const tt_step *step = &program->steps[i];
        unsigned count;
        const tt_value *values = tt_step_values(graph, step, &count);
        for (unsigned k = 0; k < count; k++) {
            flow *f = &of[tt_value_place(graph, tt_shown(graph, values[k]))];
            f->first = f->first > 0 ? f->first : i + 1;
            f->readers += f->read != i + 1;
            f->read = i + 1;
        }
        for (unsigned k = 0; k < tt_step_write_count(graph, step); k++)
            of[tt_value_place(graph, tt_step_write(step, k))].made = i + 1;
    }
    for (uint32_t i = 0; i < wanted; i++)
        of[tt_value_place(graph, tt_shown(graph, tt_wanted(graph, i)))].wanted = true;
}

// Whether a step may run as late as another: nothing between them reads what it makes.
static bool may_wait(const tt_program *program, const flow *of, const tt_step *step, uint32_t until)
{
    for (unsigned w = 0; w < tt_step_write_count(program->graph, step); w++) {
        uint32_t first = of[tt_value_place(program->graph, tt_step_write(step, w))].first;
        if (first > 0 && first - 1 < until)
            return false;
    }
    return true;
}

// Whether what the first reads would have to be kept longer than now, for that it runs later, and
// is more than what lies in between.
static bool keeps_more(const tt_program *program, const flow *of, uint32_t first, uint32_t reader,
                       tt_value between)
{
    const tt_graph *graph = program->graph;
    const tt_fused *fused = program->steps[first].fused;
    uint64_t bytes = 0;
    for (unsigned k = 0; k < fused->read_count; k++) {
        tt_value value = fused->values[k];
        const flow *f = &of[tt_value_place(graph, value)];
        if (f->made > 0 && f->read <= reader && !f->wanted)
            bytes += tt_type_bytes(tt_graph_type(graph, value));
    }
    return bytes > tt_type_bytes(tt_graph_type(graph, between));
}

// Makes one of a form and the only one that reads what it makes, in the place of the latter. A
// step that is gone has no kernel.
static tt_chained chain_step(tt_program *program, const flow *of, uint32_t reader)
{
    tt_step *step = &program->steps[reader];
    for (unsigned k = 0; step->fused != NULL && k < step->fused->read_count; k++) {
        tt_value value = step->fused->values[k];
        const flow *f = &of[tt_value_place(program->graph, value)];
        tt_step *first = &program->steps[f->made > 0 ? f->made - 1 : 0];
        if (f->made == 0 || f->readers != 1 || f->wanted || first->fused == NULL ||
            !may_wait(program, of, first, reader) ||
            (f->made != reader && keeps_more(program, of, f->made - 1, reader, value)))
            continue;
        tt_between between = {value, tt_graph_type(program->graph, value),
                              program->blocked[tt_value_place(program->graph, value)]};
        tt_fused made;
        tt_chained chained = tt_chain(first->fused, step->fused, &between, &made);
        if (chained == TT_CHAINED_NOT)
            continue;
        if (chained == TT_CHAINED_FULL)
            return chained;
        tt_fused_free(first->fused);
        free(first->fused);
        *first = (tt_step){.node = first->node};
        tt_fused_free(step->fused);
        *step->fused = made;
        step->scratch = tt_blocks_scratch(&made.form);
        return TT_CHAINED;
    }
    return TT_CHAINED_NOT;
}

bool tt_program_chain(tt_program *program)
{
    if (program->apart || program->session->unchained)
        return true;
    flow *of = calloc(program->value_count + 1u, sizeof(*of));
    tt_chained chained = of != NULL ? TT_CHAINED_NOT : TT_CHAINED_FULL;
    uint32_t kept = 0;
    if (of != NULL)
        note_flow(program, of);
    for (uint32_t i = 0; chained != TT_CHAINED_FULL && i < program->step_count; i++) {
        chained = chain_step(program, of, i);
        if (chained == TT_CHAINED) { // what it wrote is made here now
            const tt_step *step = &program->steps[i];
            for (unsigned k = 0; k < tt_step_write_count(program->graph, step); k++)
                of[tt_value_place(program->graph, tt_step_write(step, k))].made = i + 1;
        }
    }
    for (uint32_t i = 0; i < program->step_count; i++)
        if (program->steps[i].kernel != NULL)
            program->steps[kept++] = program->steps[i];
    program->step_count = kept;
    free(of);
    return chained != TT_CHAINED_FULL;
}
