// What a run of the interpreter knows of its form. blocks.c runs it; blocks_prepare.c begins.

#ifndef TUTTI_AI_BLOCKS_INTERNAL_H
#define TUTTI_AI_BLOCKS_INTERNAL_H

#include "ai/run/block_elements.h"
#include "ai/run/blocks.h"

#define TT_BLOCK_TURNS 16
#define TT_BLOCK_OPERANDS 3
#define TT_BLOCK_ROWS ((size_t)TT_BLOCK_TURNS * TT_LANES)

// What an access reaches: an element, and those of the next turn and lane.
typedef struct tt_block_reach {
    int64_t place, by_turn, by_lane;
    void *buffer;
} tt_block_reach;

// An access whose place grows with an axis.
typedef struct tt_block_moved {
    uint32_t access;
    int64_t stride;
} tt_block_moved;

// What an FMA reads, where it lies: rows of 16 or of one, a turn each.
typedef struct tt_block_view {
    const tt_word *words;
    int64_t step;
} tt_block_view;

typedef struct tt_block_run {
    const tt_form *form;
    void *const *buffers;
    char *local;         // of each turn of a block
    uint32_t *note;      // of LOOPs: the END; of FMAs done where the sum is: the SET; of LOADs that
                         // only these read: 1; else 0
    tt_block_view *rows; // of such LOADs
    uint32_t *at;        // of registers: the first of their words
    tt_word *words;
    tt_word *spread[TT_BLOCK_OPERANDS]; // operands in the shape of what is made
    int64_t *number;       // of axes, in the block's first turn; of closed ones, the last
    tt_block_reach *reach; // of accesses, at these numbers
    tt_block_moved *moved; // of axis i: from first_moved[i] to before first_moved[i + 1]
    uint32_t *first_moved;
    int64_t from, to;   // of the axis `split`
    uint32_t lanes;     // the open axis of lanes, or TT_NO_REGISTER
    int64_t left;       // numbers of it from this turn on
    uint32_t block;     // the LOOP that runs in blocks, or TT_NO_REGISTER: none is open
    int64_t block_step; // numbers of its axis from turn to turn
    unsigned turns;     // in the block, 1 outside
    bool full;          // no lane of it is idle
    tt_block_rows *multiply_add;
} tt_block_run;

// Turns of the axis `split` that a block has at most.
unsigned tt_block_split_turns(const tt_form *form);

// All but the numbers of the axis `split`; `scratch` as tt_blocks_run has it.
void tt_block_prepare(tt_block_run *r, const tt_form *form, void *const *buffers, void *scratch);

#endif
