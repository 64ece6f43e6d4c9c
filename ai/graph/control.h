// What the files of control flow share.

#ifndef TUTTI_AI_CONTROL_H
#define TUTTI_AI_CONTROL_H

#include "ai/graph/row.h"

const tt_buffer *tt_body_input(const tt_graph *body, unsigned input); // NULL beyond the last

// Builds all of `from` in `graph`: its inputs become `inputs`, in order, its results go to
// `results`. False after a failure of the graph.
bool tt_graph_inline(tt_graph *graph, const tt_graph *from, const tt_value *inputs,
                     tt_value *results);

void tt_loop_derivative(tt_back *back);
void tt_branch_derivative(tt_back *back);

#endif
