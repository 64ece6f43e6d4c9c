// Products while their form is built: for product.c, which describes them, tile_choice.c, which
// chooses how they are walked, and tiles.c with tile_loops.c, which do.

#ifndef TUTTI_AI_TILES_H
#define TUTTI_AI_TILES_H

#include "ai/graph/sliding.h"
#include "ai/lower/fusing.h"

#define WINDOWS_MAX 3
#define TILE_MAX 14
#define SUMS_MAX 28 // of a tile
#define NOT_TILED -2
#define NO_PAIRS -2
#define SUMMED 1000 // lanes count the images of a block, which are summed
#define ALONG 1001  // or numbers of the sum itself, within a tile

// An axis of what is made, or the one that is summed: elements from one number to the next in the
// operands, 0 where an operand has it not; and what it counts of the domain.
typedef struct axis {
    int64_t size, stride[3]; // the third: in local memory
    unsigned along;
    int64_t scale;
    bool blocks; // it counts blocks of another's numbers: a loop around the rest
} axis;

typedef struct window {
    tt_span span;
    int64_t count, stride[2]; // from element to element, from tap to tap
    int64_t local;            // from window to window in local memory
    unsigned along;
} window;

typedef struct product {
    fusing *f;
    tt_form *form;
    axis free[TT_RANK_MAX + 1];
    unsigned free_count;
    window window[WINDOWS_MAX];
    unsigned window_count;
    axis sum, block;    // what is summed; of blocks of images, those of one
    int64_t operand[2]; // places
    // How it is walked.
    unsigned lanes;  // of `free`, or SUMMED, or ALONG
    unsigned vector; // the operand that has it
    int tiled;       // of `free`; -1: the last window
    int64_t tile;
    int pair; // of `free`: so many vectors meet each number of a tile; -1: the last window
    int64_t pair_count;
    bool by_image;
    int first;     // of `free`: the loop around all others; -1: another
    int64_t chunk; // by image: taps of the first window that are walked at once, near memory
    uint32_t chunk_loop;
    int64_t open_tile;   // numbers of the tile whose loop is around the lanes; 0: it is inside
    unsigned rows;       // windows that are walked by loops, without the columns
    unsigned opened;     // windows whose loops are around the lanes
    int64_t lanes_block; // of a turn; 0: all lanes
    unsigned lanes_turn; // the loop that counts those blocks
    bool packed[2];      // what is read of the operand was copied to local memory
    bool local;          // sums are kept by lanes in local memory until all images are added
    // The vectors of the tile that is walked: from one to the next in the operand that has them and
    // in local memory, and what that counts of the domain.
    int64_t pairs, pair_apart, pair_local, pair_scale;
    unsigned pair_along;
    tt_affine at[3]; // where the operands lie, and the sums in local memory, by the open loops
} product;

// Numbers of a window's axis whose taps fall on elements alike: number first + step q sees, by tap
// tap + tap_step j, element in + in_step q + in_tap j.
typedef struct phase {
    int64_t first, step, count;
    int64_t tap, tap_step, taps;
    int64_t in, in_step, in_tap;
} phase;

// The numbers of a tile: how many there are, how far apart the operand's elements are that is
// loaded one by one, and which of them are inside at each tap.
typedef struct tile {
    int64_t count, apart;
    tt_register sum[SUMS_MAX]; // vector by vector
    bool of_columns;
    const phase *columns; // NULL: they are walked as rows are
    int64_t first;        // of the columns, where they are written out
    bool inside;          // all taps of all columns are
} tile;

// By image, what is made is gone through before the images, by each of them, and, where sums are
// kept in local memory, behind them.
typedef enum pass {
    SUM,
    CLEAR,
    JOIN,
} pass;

typedef struct rows {
    phase phases[WINDOWS_MAX];
    uint32_t loop[WINDOWS_MAX];
    pass now;
} rows;

static inline int64_t tt_divide_up(int64_t a, int64_t by)
{
    return a / by + (a % by > 0);
}

static inline const axis *tt_tiles_axis_of(const product *p, unsigned i)
{
    return i == SUMMED ? &p->block : i == ALONG ? &p->sum : &p->free[i];
}

phase tt_tiles_phase_of(const window *w, int64_t number);

// Sets lanes, vector, tiled, tile, pair, pair_count and rows.
void tt_tiles_choose(product *p);
// Whether columns of a product of matrices are worth a copy that is multiplied; and of this one.
bool tt_tiles_packs(int64_t rows, int64_t columns, int64_t sum);
// Whether so few rows are multiplied that a column's numbers, side by side, are best added by
// lanes.
bool tt_tiles_are_few(int64_t rows, int64_t sum);
bool tt_tiles_can_pack(const product *p, unsigned lanes, unsigned vector, int tiled);

// Loops over an axis of what is made, and over what is summed: the operands move with them.
uint32_t tt_tiles_open_axis(product *p, const axis *a, int64_t scale, tt_form_axis loop);
uint32_t tt_tiles_open_sum(product *p, const int64_t stride[2], tt_form_axis loop);
tt_register tt_tiles_load(product *p, unsigned operand, const tt_affine *at);

// So many vectors from now on, numbers of an axis: `apart` elements and `local` from one to the
// next.
void tt_tiles_pair(product *p, int64_t count, int64_t apart, int64_t local, unsigned along,
                   int64_t scale);

// The sums of a tile, and what is made of them: numbers `scale` apart of the domain's axis `to`.
void tt_tiles_walk_tile(product *p, tile *t, const rows *r, unsigned to, int64_t scale);

// All tiles of a row: of a free axis, or of the last window's.
void tt_tiles_walk_free(product *p, const rows *r, tile t);
void tt_tiles_walk_columns(product *p, const rows *r);

void tt_tiles_walk_all(product *p);
void tt_tiles_walk_panels(product *p); // of what can be packed

// Of a convolution of 3 by 3 taps, by fewer multiplications; false where it is none or too small.
bool tt_tiles_walk_winograd(product *p);

#endif
