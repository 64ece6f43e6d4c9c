// What the two halves of tutti show share.

#ifndef TUTTI_CLI_SHOW_H
#define TUTTI_CLI_SHOW_H

#include "cli/model.h"

// What making a graph ready to run tells.
typedef struct tt_show_memory {
    bool known;
    uint64_t arena_bytes;
    uint32_t steps;
    char why[256]; // where it is not known
} tt_show_memory;
tt_show_memory tt_show_measure(const tt_graph *graph);

// Its parameters and state; there may be more elements than 2^64.
typedef struct tt_show_kept {
    uint32_t count;
    double elements, bytes;
} tt_show_kept;
tt_show_kept tt_show_parameters(const tt_graph *graph);
bool tt_show_is_kept(const tt_buffer *buffer); // one of those
double tt_show_bytes(const tt_type *type);

extern const char *const tt_show_kinds[];                              // of buffers
const tt_buffer *tt_show_buffer(const tt_graph *graph, uint32_t node); // NULL: it is none
const char *tt_show_operation(const tt_graph *graph, uint32_t node);   // "add", "parameter"
const char *tt_show_value(tt_value value, char text[24]);              // "%12.1"

void tt_show_json(const tt_opened *opened); // all of it, to standard output

#endif
