// Running graphs fast on this machine's CPU.
//
// A session holds the bytes of parameters and state, by their names; programs are graphs made ready
// to run on them. Two sessions of one graph have two sets of weights; two programs of a session
// (one that trains, one that evaluates) share one. A program computes its graph's results, then
// does its assignments, all at once: what is read is the old. Until a run has ended, the bytes that
// are assigned may be the old or the new.
//
// A step's work is split by shape, not by threads, so the bits of a result are the same for every
// number of threads. While it runs, denormals are zero; the caller's own setting is put back.
// Nothing here ends the process or locks: a session belongs to one thread at a time, several
// sessions may run at once.
//
// While a program is compiled, the process has one or two threads and children more: wait for your
// own by their numbers. They go with the program, or at exit().

#ifndef TUTTI_SESSION_H
#define TUTTI_SESSION_H

#include "tutti/graph.h"

TT_C_BEGIN

#define TT_THREADS_MAX 1024

typedef struct tt_session tt_session;
typedef struct tt_program tt_program;

typedef enum tt_way {
    TT_RUN_AS_TOLD, // by the environment: TT_RUN=reference, fast, interpreted or compiled; else
                    // fast
    TT_RUN_FAST,    // simplified and fused; interpreted at first, compiled beside where that pays
    TT_RUN_INTERPRETED, // the same, but no compiler is ever started: the same bits
    TT_RUN_COMPILED,    // compiled before the first run, if there is a compiler: the same bits
    TT_RUN_REFERENCE    // everything by the reference, floats unrounded: slow, and right
} tt_way;

typedef struct tt_session_options {
    unsigned threads;   // the caller counts; 0: one a processor; at most TT_THREADS_MAX
    tt_way way;         // which way its programs run
    uint64_t bytes_max; // of a program's tensors with the session's parameters and state; 0: half
                        // of this machine's memory
    uint64_t cost_max;  // of a run, as tt_graph_cost counts; 0: TT_COST_MAX
} tt_session_options;

// TT_INVALID (threads, TT_RUN, TT_ISA) with a sentence, TT_FULL. `options` may be NULL: none of the
// above.
tt_status tt_session_new(const tt_session_options *options, tt_session **session, tt_text *why);
void tt_session_free(tt_session *session); // with its programs; NULL is allowed

// Makes a program of the graph's results and assignments; the graph is copied, and may go. Its
// parameters and state get bytes in the session, zeroed, unless one of that name is there already,
// which must be of the same type. TT_INVALID, TT_TOO_LARGE, TT_FULL, and what is wrong with the
// graph, each with a sentence; nothing is left of it then.
tt_status tt_session_load(tt_session *session, const tt_graph *graph, tt_program **program,
                          tt_text *why);
void tt_program_free(tt_program *program); // earlier than its session; NULL is allowed

// A program for the sizes that it is asked for, up to TT_RANK_MAX of them: `build` gives the graph
// that computes these, which the session then frees (NULL: no memory). The session keeps the
// TT_PROGRAMS_KEPT that were asked for last, by function, context and sizes; an earlier one is
// built anew. They are the session's, and not to be freed. Errors as of tt_session_load; TT_INVALID
// for more sizes.
#define TT_PROGRAMS_KEPT 16
typedef tt_graph *tt_build(void *context, unsigned count, const int64_t *sizes);
tt_status tt_session_program(tt_session *session, tt_build *build, void *context, unsigned count,
                             const int64_t *sizes, tt_program **program, tt_text *why);

// The elements of a parameter or state, in the order of the last axis, owned by the session; NULL
// where there is none. They stay where they are.
const void *tt_session_read(const tt_session *session, const char *name, tt_type *type);

// Puts `count` of them, from number `first` on; between runs. TT_NOT_FOUND; TT_INVALID: there are
// not so many.
tt_status tt_session_write(tt_session *session, const char *name, int64_t first, int64_t count,
                           const void *elements);

// tt_session_read's, which may be written between runs, too. Nobody tells when they are: a session
// that was once asked for them computes in each run what it would else keep from one run to the
// next (weights in another order), which is what a program makes of nothing but parameters and
// state that it does not assign itself.
void *tt_session_bytes(tt_session *session, const char *name, tt_type *type);

// Where an input's elements are read from at each run; the caller's. TT_NOT_FOUND.
tt_status tt_program_set(tt_program *program, const char *input, const void *data);

// TT_NOT_FOUND (an input was not set), TT_INVALID (an index outside its axis), TT_TOO_LARGE (see
// tt_program_guard), TT_FULL, each with a sentence; nothing is assigned then.
tt_status tt_program_run(tt_program *program, tt_text *why);

// From now on a run ends with TT_TOO_LARGE and assigns nothing where the floating-point result of
// that name (NULL: no result), or anything that is to be assigned to a floating-point buffer, is
// not finite. What is assigned is computed aside then, which takes its bytes once more. The
// sentence names the first node that made a number that is infinite or none out of finite ones, and
// where; or the input, parameter or state that was not finite already. A good run takes one look at
// those values longer; a bad one is run once more. Several results may be guarded, by a call each.
// TT_NOT_FOUND (there is no such result), TT_FULL.
tt_status tt_program_guard(tt_program *program, const char *result);

// What a watched run tells of: a step that was done, or a buffer that steps will read.
typedef struct tt_seen {
    const tt_graph *graph;      // the program's own
    uint32_t node;              // the step's last, where it does several at once
    const struct tt_step *step; // NULL: a buffer, or the reference
    unsigned read_count, output_count;
    const tt_value *read; // values of the graph
    const tt_type *types; // by output, as the elements lie here: the reference has f64, i64 and u64
    const void *const *elements; // by output
} tt_seen;

// As tt_program_run, but assigns nothing, looks at no guard, and tells of each step in order;
// `seen` and what it points to stand until the function returns.
tt_status tt_program_watch(tt_program *program, void (*watch)(void *context, const tt_seen *seen),
                           void *context, tt_text *why);

// The elements of result `index`, until the next run; its type unless NULL.
const void *tt_program_result(const tt_program *program, uint32_t index, tt_type *type);

// Why some of it is interpreted that should have been compiled: a sentence, of what failed first
// ("there is no compiler: ..."); "" where nothing did so far. It stands as long as the program.
const char *tt_program_uncompiled(const tt_program *program);

// The program as people read it: its steps, the nodes in each, what it reads and writes and where
// that lies in the arena, in place of what or in which buffer, and the instructions of forms; and
// the C that its forms become on this machine. Both in memory that the caller frees; NULL without
// memory. Of a program by the reference, which has no steps, they say nothing.
char *tt_program_print(const tt_program *program);
char *tt_program_print_c(const tt_program *program);

// Of all that lies between, without what a guarded or watched program has aside.
uint64_t tt_program_arena_bytes(const tt_program *program);
uint32_t tt_program_steps(const tt_program *program);

TT_C_END

#endif
