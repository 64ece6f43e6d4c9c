// What sessions and programs are in memory; for session.c and plan.c.

#ifndef TUTTI_AI_SESSION_INTERNAL_H
#define TUTTI_AI_SESSION_INTERNAL_H

#include "ai/emit/c.h"
#include "ai/run/program.h"

#define TT_NOWHERE UINT64_MAX

typedef struct bytes_of { // a parameter's or a state's
    char *name;
    tt_type type;
    void *data;
} bytes_of;

typedef struct tt_sized { // a program by what it was asked for
    tt_build *build;
    void *context;
    unsigned count;
    int64_t sizes[TT_RANK_MAX];
    tt_program *program; // NULL: none
    uint64_t used;       // when, in askings
} tt_sized;

struct tt_session {
    tt_session_options options;
    tt_pool *pool;
    bytes_of *kept;
    uint32_t kept_count, kept_capacity;
    uint64_t kept_bytes;
    bool lent;            // addresses that others may write to, at any time between runs
    uint64_t changes;     // how often parameters or state may have changed otherwise
    bool wide;            // products are cut for registers of 16 lanes: the bits are the same
    bool unchained;       // forms stay apart, for who looks at them: the bits are the same
    tt_program *programs; // a list
    tt_sized sized[TT_PROGRAMS_KEPT];
    uint64_t asked;
};

// What is assigned, and computed where it goes: in the buffer's own bytes.
typedef struct tt_straight_assign {
    uint32_t value, buffer; // whose root it is; of the graph
    uint64_t aside;         // its place where the buffer may not be touched before the end
} tt_straight_assign;

struct tt_program {
    tt_session *session;
    tt_program *next;
    tt_graph *graph; // simplified
    bool apart;      // each node has a step, for who wants to see what it makes
    tt_step *steps;
    uint32_t step_count, value_count;
    const void **data;  // by value: where its elements are
    bool *blocked;      // by value: stored in blocks of images, ai/lower/layout.c
    uint32_t *root;     // by value: whose place it shares; itself but for reshapes
    uint64_t *place;    // by value: in the arena, or TT_NOWHERE
    const void **given; // by buffer: of inputs, what was set
    void **pointers;    // that steps' in and out point into
    char *arena, *scratch;
    char *aside; // for what is else assigned straight; allocated by the first run that needs it
    tt_straight_assign *straight;
    uint32_t straight_count;
    uint64_t arena_bytes, aside_bytes;
    size_t scratch_bytes, scratch_each; // of each thread
    struct tt_list **lists;             // of steps that threads do together, in order
    uint32_t list_count;
    struct tt_parts *parts; // the forms' code, or what it will be; NULL: none
    bool compiled;          // no more of it will come
    char uncompiled[256];   // why, in a sentence, some will not; or ""
    uint32_t settled_count; // of steps, the first ones
    bool settled;           // what settled steps make is there,
    uint64_t settled_at;    // of these changes of the session
    uint64_t interpreted;   // instructions, until they were enough to compile; then UINT64_MAX
    void **results; // of the last run: by the reference, and what assigning would have overwritten
    bool *guarded;  // by result; NULL: nothing is, assignments neither
};

static inline uint64_t tt_type_bytes(const tt_type *type)
{
    return (uint64_t)tt_type_count(type) * tt_element_bytes((tt_element)type->element);
}

// What a step reads.
const tt_value *tt_step_values(const tt_graph *graph, const tt_step *step, unsigned *count);
// What it writes.
unsigned tt_step_write_count(const tt_graph *graph, const tt_step *step);
tt_value tt_step_write(const tt_step *step, unsigned index);

// Whether a node shares its input's place instead of having a step.
static inline bool tt_is_view(const tt_operation *node)
{
    return node->op == TT_OP_RESHAPE || node->op == TT_OP_STOP || node->op == TT_OP_AFTER;
}

// Zeroed memory, aligned for vectors; NULL where there is none.
void *tt_run_allocate(uint64_t bytes);

// "the graph WHAT IS; the limit is LIMIT"; TT_TOO_LARGE.
tt_status tt_run_too_large(tt_text *why, const char *what, uint64_t is, uint64_t limit);
uint64_t tt_session_bytes_limit(const tt_session *session);

// What is computed: results, then what is assigned.
static inline tt_value tt_wanted(const tt_graph *graph, uint32_t index)
{
    uint32_t results = tt_graph_result_count(graph);
    return index < results ? tt_graph_result_at(graph, index)->value
                           : tt_graph_assign_at(graph, index - results)->value;
}

// The value whose elements these are: reshapes and stops are followed to what they show.
static inline tt_value tt_shown(const tt_graph *graph, tt_value value)
{
    while (tt_is_view(tt_graph_node(graph, value.node)))
        value = tt_graph_inputs(graph, value.node)[0];
    return value;
}

static inline bool tt_by_reference(const tt_program *program)
{
    return program->session->options.way == TT_RUN_REFERENCE;
}

static inline const void *tt_bytes_at(const tt_program *program, tt_value value)
{
    return program->data[program->root[tt_value_place(program->graph, value)]];
}

// Counts what a run interprets, has the forms compiled when it is enough, and takes the code that
// is there; before a run's first step.
void tt_program_count(tt_program *program);

// All forms as C, in memory of malloc's: step N is the function step_N. False without memory.
bool tt_program_print_forms(const tt_program *program, tt_isa isa, char **text, size_t *length);
void tt_program_print_form(const tt_program *program, uint32_t step, tt_isa isa, FILE *file);
const char *tt_step_name(const tt_step *step); // "form", "convolution" ...

// tt_session_load, but apart.
tt_status tt_session_load_apart(tt_session *session, const tt_graph *graph, tt_program **program,
                                tt_text *why);

void tt_program_forget_results(tt_program *program); // the reference's

bool tt_all_finite(tt_element element, const void *data, int64_t count); // integers are

// Looks at what is guarded before anything is assigned; `values` are where results and then what
// is assigned lie. TT_TOO_LARGE with a sentence.
tt_status tt_guard_check(tt_program *program, const void *const *values, tt_text *why);

// Marks steps that read nothing but parameters and state which the program does not assign, and
// what such steps make: they are done again only where something changed. False without memory.
bool tt_program_settle(tt_program *program);

// Finds roots and chooses places: in the arena, in place of what a form reads for the last time, or
// straight in the buffer that is assigned. Sets root, place, straight, and the sizes of arena and
// aside; TT_FULL.
tt_status tt_program_choose_places(tt_program *program);

// Makes chains of steps whose forms fit together. False without memory.
bool tt_program_chain(tt_program *program);

// Chooses steps, places and addresses of a program whose graph is there. TT_TOO_LARGE with a
// sentence, TT_FULL; what was allocated is the program's either way.
tt_status tt_program_plan(tt_program *program, tt_text *why);

#endif
