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
    char *scratch; // as many bytes as the widest step asked for
    tt_text *why;
} tt_running;

// A form's machine code: turns `from` to before `to` of its split axis.
typedef void tt_code(void *const *buffers, long from, long to);

typedef tt_status tt_kernel(const tt_running *running, const tt_step *step);

// A node, or several that were fused, the last of which is `node`; or a group of nodes as a form.
struct tt_step {
    tt_kernel *kernel;
    uint32_t node;
    tt_code *code;                  // of the form; NULL: it is interpreted
    tt_fused *fused;                // NULL: none; what it reads and writes is all that counts then
    unsigned input_count;           // of `value`; 0 where all inputs of the node are read
    tt_value value[TT_STEP_INPUTS]; // what is read, where it is not just the node's inputs
    uint32_t product;               // the product under a bias, or itself
    bool bias, relu;                // a bias, or what ReLU made, is the last of `value`
    bool turned[2];                 // a matrix product reads this one transposed
    size_t scratch;                 // bytes
    const void **in;                // by input, while it runs
    void **out;                     // by output
};

// Chooses a kernel for a node: fast ones know the node and what it is made of. `uses` counts by
// node how often its outputs are read, `fused` marks nodes that have no step of their own.
typedef struct tt_matching {
    const tt_graph *graph;
    const uint32_t *uses;
    bool *fused;
    bool apart; // nothing is to be fused
} tt_matching;
// False where there is no kernel for more than the node alone.
bool tt_match(const tt_matching *matching, uint32_t node, tt_step *step);
void tt_match_alone(const tt_matching *matching, uint32_t node, tt_step *step);

tt_kernel tt_reference_kernel;                  // any node, by its row's reference
tt_kernel tt_form_kernel;                       // a group's form
unsigned tt_form_pieces(const tt_fused *fused); // that it is split into
tt_kernel tt_conv_kernel, tt_weights_gradient_kernel, tt_matmul_kernel;
tt_kernel tt_pool_greatest_kernel, tt_pool_gradient_kernel;
tt_kernel tt_move_kernel, tt_pad_kernel, tt_concatenate_kernel;
tt_kernel tt_gather_kernel; // fails where an index is outside

// 0: the padding is beyond measure, and another kernel must do it.
size_t tt_conv_scratch(const tt_graph *graph, uint32_t node);
size_t tt_weights_gradient_scratch(const tt_graph *graph, uint32_t conv);

// Around the steps of a program: the threads are ours, and one product on all of them is slower
// than one product on each, so OpenBLAS has one thread meanwhile, and as many as the caller gave it
// when the last program that runs has ended. OpenBLAS 0.3.21 (Debian 12) has but one number for the
// process: what the caller multiplies in a thread of his own meanwhile has one thread, too.
// openblas_set_num_threads_local came with 0.3.27.
void tt_products_begin(void);
void tt_products_end(void);

// Splits `count` things into pieces of `each`, on the pool: body(context, first, end).
void tt_split(const tt_running *running, int64_t count, int64_t each,
              void (*body)(void *context, int64_t first, int64_t end), void *context);

#endif
