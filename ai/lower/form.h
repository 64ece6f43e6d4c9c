// The loop form: a tree of loops in one list of instructions, 16 lanes wide.
//
// It is what the printer to C and the interpreter agree on, to the bit. Registers are named by the
// instruction that makes them. One that does not differ between lanes is `uniform`, and may be an
// operand wherever a register of lanes may. Arithmetic is that of IEEE's binary32, rounded to
// nearest, and fused only where FMA says so; integers have 32 bits and wrap. A comparison makes
// an integer register of masks: 0 or -1.
//
// LOOP axis ... END runs its instructions for each number of the axis, from `first` to before
// `end`, in ascending order. An axis of lanes steps by 16, and the lanes of its last turn that are
// at or beyond `end` are idle: they load 0, store nothing, and SET leaves them as they are. Nothing
// but a JOIN in the same loop tells what is in them, so where there is none and `end` is known they
// cost nothing, as far as they fill vectors. Axes of lanes do not nest. The axis `split`, if any,
// is the outermost of the whole form, whose turns may run in any order, on several threads.
//
// A form may have memory of its own, `local_bytes`, which is the buffer TT_FORM_LOCAL of accesses,
// each of which says how it takes the bytes. What a turn of the axis `split` has not stored there
// itself is undefined.
//
// Sums: lanes add for themselves, by SET, and JOIN adds them in double as a tree (8 and 8, 4 and 4,
// 2 and 2, then both) and rounds once.

#ifndef TUTTI_AI_FORM_H
#define TUTTI_AI_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tutti/status.h"
#include "tutti/graph.h"

#define TT_LANES 16
#define TT_TERMS_MAX 12
#define TT_NO_REGISTER UINT32_MAX
#define TT_FORM_LOCAL UINT16_MAX
#define TT_FORM_LOCAL_MAX (256u << 10)
#define TT_FORM_LOCAL_ALIGN 64 // of local_bytes, and of where they lie

typedef enum tt_form_op {
    TT_FORM_LOOP, // a: axis
    TT_FORM_END,
    TT_FORM_LOAD, // a: access, b: guard (a mask; where it is 0, 0 is loaded and nothing is read) or
                  // TT_NO_REGISTER, c: index (an integer, times access.index_stride) or none
    TT_FORM_STORE,   // a: access, b: the register, converted as `element` of the buffer needs it
    TT_FORM_NUMBER,  // bits: of the float
    TT_FORM_INTEGER, // bits
    TT_FORM_INDEX,   // a: place; the number of it as an integer, by lane
    TT_FORM_START, // a: a register; makes another of the same value, of lanes or not, that SET may
                   // change
    TT_FORM_SET,   // a: what START made, b: what it is now
    TT_FORM_JOIN,  // a: adds the lanes of a float
    TT_FORM_JOIN_BOTH,     // the lanes of a and of b; of a lane where b is no number, a alone
    TT_FORM_JOIN_GREATEST, // the greatest lane of a float; no number where one is none
    // Floats.
    TT_FORM_ADD,
    TT_FORM_SUBTRACT,
    TT_FORM_MULTIPLY,
    TT_FORM_DIVIDE,
    TT_FORM_FMA, // a b + c, rounded once
    TT_FORM_SQRT,
    TT_FORM_FLOOR,
    TT_FORM_CEIL,
    TT_FORM_NEAREST,       // to even
    TT_FORM_LESS,          // masks
    TT_FORM_LESS_OR_EQUAL, //
    TT_FORM_EQUAL,         //
    // Integers.
    TT_FORM_ADD_INTEGER,
    TT_FORM_SUBTRACT_INTEGER,
    TT_FORM_MULTIPLY_INTEGER,
    TT_FORM_MULTIPLY_HIGH, // the upper half of the product of unsigned ones
    TT_FORM_AND,
    TT_FORM_OR,
    TT_FORM_XOR,
    TT_FORM_LEFT,          // by b in 0 to 31, uniform
    TT_FORM_RIGHT,         // the same, zeros come in
    TT_FORM_RIGHT_SIGNED,  // the same, the sign comes in
    TT_FORM_LESS_INTEGER,  // masks, of signed ones
    TT_FORM_EQUAL_INTEGER, //
    // Both.
    TT_FORM_SELECT,     // a: masks, b where they are set, c elsewhere
    TT_FORM_TO_FLOAT,   // of a signed integer
    TT_FORM_TO_INTEGER, // cut off; saturates, no number becomes 0
    TT_FORM_AS_FLOAT,   // the same bits
    TT_FORM_AS_INTEGER,
    TT_FORM_OP_COUNT,
} tt_form_op;

typedef enum tt_form_kind {
    TT_FORM_NONE, // makes no register
    TT_FORM_F32,
    TT_FORM_I32,
} tt_form_kind;

typedef struct tt_term {
    uint32_t axis; // of a loop around the instruction
    int64_t stride;
} tt_term;

// offset + the sum of axis * stride. A lane's number of its axis is that of the turn plus its own.
typedef struct tt_affine {
    int64_t offset;
    tt_term term[TT_TERMS_MAX];
    unsigned count;
} tt_affine;

typedef struct tt_form_axis {
    int64_t first, end;
    bool lanes;
    // Where bounded, the numbers are only those from ceil(from / divisor) to before ceil(to /
    // divisor), too; affine in axes around it, none of them of lanes.
    bool bounded;
    int64_t divisor; // above 0
    tt_affine from, to;
} tt_form_axis;

// Elements of a buffer: f32, i32, u32, u8, i8, u16, i16, bool, f16, bf16, i64 (of which the lower
// half is kept). Loading converts: floats to f32, integers to i32, bools to masks. Storing converts
// back.
typedef struct tt_form_access {
    uint16_t buffer; // or TT_FORM_LOCAL
    uint8_t element; // tt_element
    bool streamed;   // a hint for STORE: past the caches, which the buffer would empty. Then it
                     // begins at a multiple of 64 bytes
    int64_t index_stride; // elements
    int64_t index_end;    // above 0: the guard keeps the index from 0 to before it
    tt_affine place;      // elements
} tt_form_access;

typedef struct tt_instruction {
    uint8_t op, kind;
    bool uniform;
    uint32_t a, b, c;
    uint32_t bits;
} tt_instruction;

typedef struct tt_form {
    tt_instruction *code;
    uint32_t length, code_capacity;
    tt_form_axis *axis;
    uint32_t axis_count, axis_capacity;
    tt_form_access *access;
    uint32_t access_count, access_capacity;
    tt_affine *place; // of INDEX
    uint32_t place_count, place_capacity;
    uint32_t depth;       // of loops that are open, while it is built
    uint32_t lanes;       // the open axis of lanes, or TT_NO_REGISTER
    uint64_t local_bytes; // a multiple of TT_FORM_LOCAL_ALIGN, at most TT_FORM_LOCAL_MAX
    bool split;           // the first instruction opens a loop around all others, that may be split
    bool full;            // there was no memory; what is built since is nothing
} tt_form;

typedef uint32_t tt_register;

void tt_form_begin(tt_form *form);
void tt_form_trim(tt_form *form); // it grows no more: gives back the room for that
void tt_form_free(tt_form *form); // what it holds

// Building. Each appends; kinds and `uniform` follow from the operands. Equal numbers are not made
// one. Nothing is checked but in tt_form_sound.
uint32_t tt_form_loop(tt_form *form, const tt_form_axis *axis); // the axis
void tt_form_end(tt_form *form);
tt_register tt_form_load(tt_form *form, const tt_form_access *access, tt_register guard,
                         tt_register index);
void tt_form_store(tt_form *form, const tt_form_access *access, tt_register value);
tt_register tt_form_number(tt_form *form, float number);
tt_register tt_form_integer(tt_form *form, int32_t number);
tt_register tt_form_index(tt_form *form, const tt_affine *place);
tt_register tt_form_start(tt_form *form, tt_register value, bool uniform);
void tt_form_set(tt_form *form, tt_register started, tt_register value);
tt_register tt_form_make(tt_form *form, tt_form_op op, tt_register a, tt_register b, tt_register c);
#define tt_form_1(form, op, a) tt_form_make(form, op, a, TT_NO_REGISTER, TT_NO_REGISTER)
#define tt_form_2(form, op, a, b) tt_form_make(form, op, a, b, TT_NO_REGISTER)

void tt_affine_add(tt_affine *to, uint32_t axis, int64_t stride); // joined with a term of that axis
int64_t tt_affine_stride(const tt_affine *place, uint32_t axis);  // of the number
// Whether two accesses touch the same element in the same turn of an axis only.
bool tt_form_same_place(const tt_form_access *a, const tt_form_access *b, uint32_t axis);
tt_form_kind tt_form_kind_of(tt_element element); // as LOAD makes it; NONE: has no access
static inline bool tt_form_joins(tt_form_op op)   // what it makes is uniform
{
    return op >= TT_FORM_JOIN && op <= TT_FORM_JOIN_GREATEST;
}
unsigned tt_form_operands(tt_form_op op); // registers among a, b, c, from the front; for arithmetic

// Whether the form is one: loops close, registers are made before they are read and in a loop that
// is open, kinds fit, and what is accessed of local memory is in it where that can be told: where
// neither a guard, an index nor a bounded axis decides. For tests and asserts. The sentence says
// where.
bool tt_form_sound(const tt_form *form, char *why, size_t why_bytes);

// "layer norm": one instruction a line, loops indented. Returns what snprintf would.
int tt_form_print(const tt_form *form, char *text, size_t bytes);

#endif
