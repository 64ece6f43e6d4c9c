// A program: steps in order, and where each value's bytes lie.

#ifndef TUTTI_AI_PROGRAM_H
#define TUTTI_AI_PROGRAM_H

#include "ai/graph/row.h"
#include "ai/lower/group.h"
#include "tutti/pool.h"
#include "tutti/session.h"

#define TT_STEP_INPUTS 4

typedef struct tt_step tt_step;

// What a step sees while it runs.
typedef struct tt_running {
    const tt_graph *graph;
    tt_pool *pool;
    char *scratch;       // for each thread as many bytes as the widest step asks for, aligned to 64
    size_t scratch_each; // bytes
    tt_text *why;
} tt_running;

// A form's machine code: turns `from` to before `to` of its split axis, as ai/emit/c.h says.
typedef void tt_code(void *const *buffers, long from, long to, void *local);

typedef tt_status tt_kernel(const tt_running *running, const tt_step *step);

// A node, or several that were fused, the last of which is `node`; or a group of nodes as a form.
struct tt_step {
    tt_kernel *kernel;
    uint32_t node;
    tt_code *code;   // of the form; NULL: it is interpreted
    tt_fused *fused; // NULL: none; what it reads and writes is all that counts then
    bool settled;    // what it reads changes between runs at most: see tt_program_settle
    size_t scratch;  // bytes, of a thread that does a piece
    const void **in; // by input, while it runs
    void **out;      // by output
};

// Chooses a kernel for a node: fast ones know the node and what it is made of. `uses` counts by
// node how often its outputs are read, `fused` marks nodes that have no step of their own.
typedef struct tt_matching {
    const tt_graph *graph;
    const uint32_t *uses;
    bool *fused;
    bool apart; // nothing is to be fused
} tt_matching;
bool tt_matches_product(const tt_matching *matching, uint32_t node); // a form computes it
// The gradient of a greatest pool, alone or with the ReLU before it: marks the nodes it is made of.
bool tt_match_unpool(const tt_matching *matching, uint32_t node, tt_unpool *unpool);
void tt_match_alone(const tt_graph *graph, uint32_t node, tt_step *step);

tt_kernel tt_reference_kernel;                  // any node, by its row's reference
tt_kernel tt_form_kernel;                       // a group's form
#define TT_FORM_PIECES 16                       // at most
#define TT_FORM_SMALL (1 << 16)                 // of a cost that is not shared out
unsigned tt_form_pieces(const tt_fused *fused); // that it is split into
tt_kernel tt_move_kernel, tt_pad_kernel, tt_concatenate_kernel;
tt_kernel tt_gather_kernel; // fails where an index is outside

// Into how many pieces a step is split among so many threads, and one of these: a form's. Others
// are one piece, which is the kernel's.
unsigned tt_step_pieces(const tt_step *step, unsigned threads);
void tt_step_piece(const tt_running *running, const tt_step *step, unsigned piece, unsigned thread);

#endif
