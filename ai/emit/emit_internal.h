// Between the files of the printer to C.

#ifndef TUTTI_AI_EMIT_INTERNAL_H
#define TUTTI_AI_EMIT_INTERNAL_H

#include "ai/emit/c.h"

typedef struct tt_printer {
    FILE *file;
    const tt_form *form;
    unsigned width, vectors; // lanes of a vector, vectors of a register
    unsigned depth;          // of blocks that are open
    uint32_t lanes;          // the open axis of lanes, or TT_NO_REGISTER
    uint32_t lanes_loop;     // its LOOP
    bool partial;            // in the body of it that has idle lanes
    unsigned busy;           // how many are not, there; 0: that is known when it runs, and is `n`
    bool seen;               // idle lanes are: some JOIN counts them
    unsigned first, used;    // vectors of a register from `first` to before `used` are made now
    unsigned whole;    // vectors of a register outside of a body that is printed for many turns
    uint32_t loop;     // the innermost open LOOP, or TT_NO_REGISTER
    uint32_t *pointer; // of each access: the one whose pointer it uses
    bool *hidden;      // of each such: whether the compiler is kept from seeing where it points
} tt_printer;

// The prelude.
unsigned tt_emit_width(tt_isa isa);            // lanes of a vector of the machine
void tt_emit_elements(FILE *file, tt_isa isa); // how elements of buffers are read and written

// Pieces of statements. Where w is p->vectors, a register is a scalar; else its vector w is meant.
// Statements are for each w from the first to before the end.
static inline unsigned tt_emit_first(const tt_printer *p, bool uniform)
{
    return uniform ? p->vectors : p->first;
}
static inline unsigned tt_emit_end(const tt_printer *p, bool uniform)
{
    return uniform ? p->vectors + 1 : p->used;
}
bool tt_emit_is_full(const tt_printer *p, unsigned w); // no lane of vector w is idle
void tt_emit_indent(const tt_printer *p);
void tt_emit_affine(const tt_printer *p, const tt_affine *place, uint32_t without_axis);
void tt_emit_operand(const tt_printer *p, tt_register of, unsigned w);
void tt_emit_target(const tt_printer *p, uint32_t at, unsigned w); // "tt_v r7_0 = "

// Whether the body of an axis of lanes is printed for several turns at once, and how many; marks
// what must wait for the turn before.
unsigned tt_emit_turns(const tt_printer *p, uint32_t loop, uint32_t end, bool *waits);

// Statements: of whatever is no loop nor access; of accesses; the pointers that a loop's own
// instructions need, not those of the loops inside.
void tt_emit_plain(const tt_printer *p, uint32_t at);
void tt_emit_load(const tt_printer *p, uint32_t at);
void tt_emit_store(const tt_printer *p, uint32_t at);
void tt_emit_pointers(const tt_printer *p, uint32_t loop, uint32_t end);
// At the top of a loop's body: hides pointers whose values it would carry from turn to turn.
void tt_emit_hidden(const tt_printer *p, uint32_t loop, uint32_t end);
// Before a loop's statement: another, where it copies 16 rows into columns of local memory.
void tt_emit_turned(const tt_printer *p, uint32_t loop, uint32_t end);

#endif
