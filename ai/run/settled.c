// Steps whose results are kept from run to run.
//
// Some read nothing but parameters and state which the program leaves as they are: copies of
// weights in another order, what is computed of constants' shapes. They are done in the first run,
// and then only after something was written (tt_session_write, a run of another program that
// assigns) or may have been (tt_session_bytes). What they make has a place of its own, so it is
// bounded: what is beyond is made in each run, where others lie before and after.

#include <stdlib.h>
#include <string.h>

#include "ai/run/session_internal.h"

#define BYTES_MAX ((uint64_t)32 << 20)
#define OF_LIMIT 16 // a part of what the session may take

static bool is_left_alone(const tt_program *program, tt_value value, const bool *settled)
{
    tt_value shown = tt_shown(program->graph, value);
    if (tt_graph_node(program->graph, shown.node)->op != TT_OP_BUFFER)
        return settled[shown.node];
    int64_t number = tt_graph_attribute(program->graph, shown.node, 0, NULL)[0];
    const tt_buffer *buffer = tt_graph_buffer(program->graph, (uint32_t)number);
    return buffer->kind != TT_INPUT && !buffer->assigned;
}

static uint64_t bytes_written(const tt_graph *graph, const tt_step *step)
{
    uint64_t bytes = 0;
    for (unsigned k = 0; k < tt_step_write_count(graph, step); k++)
        bytes += tt_type_bytes(tt_graph_type(graph, tt_step_write(step, k)));
    return bytes;
}

// They come first: they read nothing else.
static bool put_first(tt_program *program)
{
    tt_step *in_order = calloc(program->step_count + 1u, sizeof(*in_order));
    uint32_t count = 0;
    if (in_order == NULL)
        return false;
    for (unsigned others = 0; others < 2; others++)
        for (uint32_t i = 0; i < program->step_count; i++)
            if (program->steps[i].settled == (others == 0))
                in_order[count++] = program->steps[i];
    memcpy(program->steps, in_order, program->step_count * sizeof(*in_order));
    for (uint32_t i = 0; i < count; i++)
        program->settled_count += program->steps[i].settled;
    free(in_order);
    return true;
}

bool tt_program_settle(tt_program *program)
{
    const tt_graph *graph = program->graph;
    bool *settled = calloc(tt_graph_count(graph) + 1u, sizeof(*settled));
    bool *assigned = calloc(tt_graph_count(graph) + 1u, sizeof(*assigned));
    uint64_t left = tt_session_bytes_limit(program->session) / OF_LIMIT;
    left = left < BYTES_MAX ? left : BYTES_MAX;
    bool ok = settled != NULL && assigned != NULL;
    for (uint32_t i = 0; ok && i < tt_graph_assign_count(graph); i++) // may lie in buffers
        assigned[tt_shown(graph, tt_graph_assign_at(graph, i)->value).node] = true;
    for (uint32_t i = 0; ok && i < program->step_count; i++) {
        tt_step *step = &program->steps[i];
        unsigned count, written = tt_step_write_count(graph, step);
        const tt_value *values = tt_step_values(graph, step, &count);
        step->settled = true;
        for (unsigned k = 0; k < count; k++)
            step->settled = step->settled && is_left_alone(program, values[k], settled);
        for (unsigned k = 0; k < written; k++)
            step->settled = step->settled && !assigned[tt_step_write(step, k).node];
        uint64_t bytes = bytes_written(graph, step);
        step->settled = step->settled && bytes <= left;
        left -= step->settled ? bytes : 0;
        for (unsigned k = 0; k < written; k++)
            settled[tt_step_write(step, k).node] = step->settled;
    }
    free(settled);
    free(assigned);
    return ok && put_first(program);
}
