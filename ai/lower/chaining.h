// What is known of two forms while they become one; for chain.c, which writes it, and chain_cut.c,
// which finds out whether and how.

#ifndef TUTTI_AI_CHAINING_H
#define TUTTI_AI_CHAINING_H

#include "ai/lower/chain.h"

#define DIGITS_MAX (TT_RANK_MAX + 1)
#define LEVELS_MAX 2 // digits that are cut
#define PARTS_MAX 4
#define NEST_MAX 8     // outer loops of a form that are looked at
#define TURNS_ENOUGH 8 // of a chain, for threads; fewer where its forms have no more

typedef struct digit {
    int64_t size, stride;
    int64_t block; // numbers of it that a turn makes; 0: all
    int64_t local; // its stride in local memory
    uint32_t loop; // that counts blocks
} digit;

// A number of an axis is the sum of its parts' numbers, each times `unit`; a step of a part is
// `each` numbers of a digit.
typedef struct part {
    unsigned digit;
    int64_t each, count, unit;
    bool cut; // into blocks
} part;

typedef struct parts {
    part part[PARTS_MAX];
    unsigned count;
} parts;

// What an axis of a link's form is in the chain's: the sum of these loops' numbers times `unit`; a
// part that is cut is two of them. In local memory the value's elements lie `local` apart from one
// number to the next.
typedef struct loops {
    struct {
        uint32_t id;
        int64_t unit, local;
    } loop[PARTS_MAX + LEVELS_MAX];
    unsigned count;
} loops;

// One of the two forms.
typedef struct link {
    const tt_fused *fused;
    const tt_form *form;
    uint16_t between;     // the buffer of the value
    unsigned depth;       // of loops that stand directly in each other, around everything
    parts nest[NEST_MAX]; // by depth
    loops *loops;         // by axis
    tt_register *made;    // by instruction
    uint16_t *buffer;     // by buffer: in the chain
} link;

typedef struct chain {
    digit digit[DIGITS_MAX]; // outer ones first
    unsigned digit_count;
    link link[2];
    tt_fused *made;
    uint64_t local_bytes; // of the value; the links' own memory lies behind it,
    bool over;            // but for the first's, whose value in between it takes the place of
    bool fits;
} chain;

// Whether they fit together: cuts digits, finds the links' outer loops, and places what is local.
bool tt_chain_cut(chain *c, const tt_between *between);

int64_t tt_chain_turns(const digit *d); // of the loop that counts its blocks; 0: it is not cut

// The parts of one of a link's outer loops; NULL: the axis is an inner one's.
const parts *tt_chain_nest_of(const link *l, uint32_t axis);

// Takes apart `count` numbers that lie `stride` elements from each other. False where they do not
// follow the digits.
bool tt_chain_take_apart(const chain *c, int64_t stride, int64_t count, parts *made);

// How far apart in local memory numbers of an inner axis lie that are `stride` apart where the
// value is stored; 0: they do not follow each other there.
int64_t tt_chain_local_stride(const chain *c, const parts *p);

#endif
