// Steps of forms, in pieces, and of any node by its row's reference.

#include <stdlib.h>

#include "ai/graph/reference.h"
#include "ai/run/blocks.h"
#include "ai/run/jobs.h"
#include "ai/run/program.h"

tt_status tt_reference_kernel(const tt_running *running, const tt_step *step)
{
    const tt_graph *graph = running->graph;
    const tt_operation *node = tt_graph_node(graph, step->node);
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

unsigned tt_form_pieces(const tt_fused *fused)
{
    if (fused->cost < TT_FORM_SMALL || fused->turns < 2)
        return 1;
    return fused->turns < TT_FORM_PIECES ? (unsigned)fused->turns : TT_FORM_PIECES;
}

// Interpreted, an instruction takes several turns at once: threads get as many as there are. One
// thread takes all at once, whose local memory stays near.
unsigned tt_step_pieces(const tt_step *step, unsigned threads)
{
    unsigned pieces = step->fused != NULL ? tt_form_pieces(step->fused) : 1;
    return (step->code != NULL && threads > 1) || pieces < threads ? pieces : threads;
}

// What is read and written lies side by side in the step.
void tt_step_piece(const tt_running *running, const tt_step *step, unsigned piece, unsigned thread)
{
    const tt_fused *fused = step->fused;
    unsigned pieces = tt_step_pieces(step, tt_pool_threads(running->pool));
    void *const *buffers = (void *const *)(void *)step->in;
    int64_t from = (int64_t)piece * fused->turns / pieces;
    int64_t to = ((int64_t)piece + 1) * fused->turns / pieces;
    char *scratch = running->scratch + thread * running->scratch_each;
    if (step->code != NULL)
        step->code(buffers, (long)from, (long)to, scratch);
    else
        tt_blocks_run(&fused->form, buffers, from, to, scratch);
}

static void lone_piece(void *context, uint32_t job, uint32_t piece, unsigned thread)
{
    void *const *both = context;
    (void)job;
    tt_step_piece(both[0], both[1], piece, thread);
}

static void run_pieces(const tt_running *running, const tt_step *step, unsigned pieces)
{
    void *context[2] = {(void *)(uintptr_t)running, (void *)(uintptr_t)step};
    tt_jobs jobs = {.count = 1, .pieces = {pieces}, .piece = lone_piece, .context = context};
    tt_jobs_run(&jobs, running->pool);
}

tt_status tt_form_kernel(const tt_running *running, const tt_step *step)
{
    unsigned pieces = tt_step_pieces(step, tt_pool_threads(running->pool));
    if (pieces == 1)
        tt_step_piece(running, step, 0, 0);
    else
        run_pieces(running, step, pieces);
    return TT_OK;
}
